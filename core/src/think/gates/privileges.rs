//! Gate `privileges`: what the two users need, and the GRANT lines that give what is missing. Knows which privilege is
//! for what; how grants are written is [`super::grants`]' business.

use std::collections::{BTreeMap, BTreeSet};

use super::grants::Grants;
use super::{Subject, cannot_look, count, verdict};
use crate::formats::facts::{Flavor, ServerFacts, Verdict};
use crate::formats::spec::model::Writes;
use crate::words::addr::GateName;
use crate::words::addr::{TableName, sql_ident};
use crate::words::codes;
use crate::words::diag::{Diagnostic, Severity};

/// Missing privileges by the object of their GRANT line: `*.*`, `` `shop`.* ``.
type Missing = BTreeMap<String, BTreeSet<&'static str>>;

/// Decides the gate.
pub fn judge(subject: &Subject) -> Verdict {
    let mut findings = Vec::new();
    let source = Grants::parse(&subject.source.grants);
    let target = Grants::parse(&subject.target.grants);
    let on_source = source_needs(subject, &source);
    let on_target = target_needs(subject, &target);
    let mut blind = false;
    for (missing, grants, server, code, what) in [
        (&on_source, &source, subject.source, codes::SOURCE_PRIVILEGES, "read the source"),
        (&on_target, &target, subject.target, codes::TARGET_PRIVILEGES, "write the target"),
    ] {
        if !missing.is_empty() {
            blind |= hides_roles(server, grants);
            findings.push(lacking(
                Diagnostic::error(code, format!("{} may not {what}", server.user)),
                missing,
                grants,
                server,
            ));
        }
    }
    let unproven = subject.migration.gates.accept_unproven.contains(&GateName::WritesStopped);
    if subject.migration.writes == Writes::Stopped && subject.source.binlog.enabled && !unproven {
        let missing = binlog_needs(subject.source, &source);
        if !missing.is_empty() {
            let text = format!("{} may not read the binlog: that writes stopped will be unproven", subject.source.user);
            findings.push(lacking(
                Diagnostic::warning(codes::BINLOG_PRIVILEGE, text),
                &missing,
                &source,
                subject.source,
            ));
        }
    }
    let missing = sight_needs(subject, &source);
    if !missing.is_empty() {
        let text = format!(
            "{} may not see all triggers, routines and events: the gate \"compatibility\" names only those it sees",
            subject.source.user
        );
        findings.push(lacking(Diagnostic::warning(codes::LEFT_BEHIND_UNSEEN, text), &missing, &source, subject.source));
    }
    let saw = format!(
        "{} reads {}, {} writes {}",
        subject.source.user,
        count(subject.facts.source.tables.len() + subject.facts.source.views.len(), "object"),
        subject.target.user,
        count(target_schemas(subject).len(), "schema")
    );
    if findings.iter().any(|f| f.severity == Severity::Error) {
        if blind {
            return cannot_look("privileges may come by a role whose grants are not shown", findings);
        }
        return verdict("privileges are missing", findings);
    }
    verdict(saw, findings)
}

fn source_needs(subject: &Subject, grants: &Grants) -> Missing {
    let mut missing = Missing::new();
    if subject.source.dump {
        return missing;
    }
    let inventory = &subject.facts.source;
    let mut need = |privilege: &'static str, table: &TableName| {
        if !grants.on_table(privilege, table) {
            missing.entry(schema_object(&table.schema)).or_default().insert(privilege);
        }
    };
    for table in &inventory.tables {
        need("SELECT", &table.name);
        if subject.migration.writes == Writes::Lock {
            need("LOCK TABLES", &table.name);
        }
    }
    for view in &inventory.views {
        need("SELECT", &view.name);
        need("SHOW VIEW", &view.name);
    }
    missing
}

fn binlog_needs(server: &ServerFacts, grants: &Grants) -> Missing {
    let position: &[&'static str] = match server.flavor {
        Flavor::Mariadb => &["BINLOG MONITOR", "REPLICATION CLIENT", "SUPER"],
        _ => &["REPLICATION CLIENT", "SUPER"],
    };
    let mut missing = Missing::new();
    // What is between log and commit: MariaDB and GTIDs tell it to everybody.
    let gtids = server.binlog.position.as_ref().is_some_and(|position| !position.gtid.is_empty());
    let transactions: &[&'static str] = &["PROCESS"];
    let transactions = (server.flavor == Flavor::Mysql && !gtids).then_some(transactions);
    for one_of in [position, &["REPLICATION SLAVE", "REPLICATION REPLICA"]].into_iter().chain(transactions) {
        if !one_of.iter().any(|privilege| grants.global(privilege)) {
            missing.entry("*.*".into()).or_default().insert(one_of[0]);
        }
    }
    missing
}

/// information_schema hides triggers, events and routines from who may not run or change them.
fn sight_needs(subject: &Subject, grants: &Grants) -> Missing {
    let mut missing = Missing::new();
    if subject.source.dump {
        return missing;
    }
    for table in &subject.facts.source.tables {
        if !grants.on_table("TRIGGER", &table.name) {
            missing.entry(schema_object(&table.name.schema)).or_default().insert("TRIGGER");
        }
    }
    let whole_server = ["SHOW_ROUTINE", "SELECT"].iter().any(|privilege| grants.global(privilege));
    for schema in &subject.facts.source.schemas {
        if !grants.on_schema("EVENT", &schema.name) {
            missing.entry(schema_object(&schema.name)).or_default().insert("EVENT");
        }
        let routines = ["EXECUTE", "CREATE ROUTINE", "ALTER ROUTINE"];
        if !whole_server && !routines.iter().any(|privilege| grants.on_schema(privilege, &schema.name)) {
            missing.entry(schema_object(&schema.name)).or_default().insert("EXECUTE");
        }
    }
    missing
}

fn target_needs(subject: &Subject, grants: &Grants) -> Missing {
    let mut missing = Missing::new();
    let inventory = &subject.facts.source;
    let exists = |schema: &str| subject.facts.target.schemas.iter().any(|s| s.name.eq_ignore_ascii_case(schema));
    let mut need = |privilege: &'static str, table: &TableName| {
        // A schema that is to be created needs the privilege on all of it, whatever its tables have.
        let held = match exists(&table.schema) || privilege != "CREATE" {
            true => grants.on_table(privilege, table),
            false => grants.on_schema(privilege, &table.schema),
        };
        if !held {
            missing.entry(schema_object(&table.schema)).or_default().insert(privilege);
        }
    };
    for table in &inventory.tables {
        // DROP is what TRUNCATE asks for, when a load is reset.
        for privilege in ["CREATE", "SELECT", "INSERT", "UPDATE", "DELETE", "DROP", "ALTER", "INDEX"] {
            need(privilege, &table.name);
        }
        if !table.foreign_keys.is_empty() {
            need("REFERENCES", &table.name);
            for key in &table.foreign_keys {
                need("REFERENCES", &key.references);
            }
        }
    }
    for view in &inventory.views {
        for privilege in ["CREATE VIEW", "SHOW VIEW", "SELECT", "DROP"] {
            need(privilege, &view.name);
        }
    }
    for privilege in ["CREATE", "SELECT", "INSERT", "UPDATE", "DELETE", "DROP", "ALTER", "INDEX"] {
        if !grants.on_schema(privilege, subject.ledger_schema) {
            missing.entry(schema_object(subject.ledger_schema)).or_default().insert(privilege);
        }
    }
    missing
}

/// The schemas written on the target, the ledger's included.
fn target_schemas(subject: &Subject) -> BTreeSet<String> {
    let inventory = &subject.facts.source;
    let tables = inventory.tables.iter().map(|t| &t.name).chain(inventory.views.iter().map(|v| &v.name));
    tables.map(|name| name.schema.clone()).chain([subject.ledger_schema.to_owned()]).collect()
}

/// MariaDB shows a user's roles without what they bring.
fn hides_roles(server: &ServerFacts, grants: &Grants) -> bool {
    server.flavor == Flavor::Mariadb && !grants.roles.is_empty()
}

fn lacking(found: Diagnostic, missing: &Missing, grants: &Grants, server: &ServerFacts) -> Diagnostic {
    let list = |privileges: &BTreeSet<&str>| privileges.iter().copied().collect::<Vec<_>>().join(", ");
    let detail: Vec<String> = missing.iter().map(|(object, set)| format!("{} on {object}", list(set))).collect();
    let account = account(&server.user);
    let lines: Vec<String> =
        missing.iter().map(|(object, set)| format!("GRANT {} ON {object} TO {account};", list(set))).collect();
    let mut detail = format!("missing: {}", detail.join("; "));
    if !grants.roles.is_empty() {
        detail.push_str(&format!(
            "\nThe user holds the role {}; what a role brings counts only while it is active (SET DEFAULT ROLE ALL TO {account}).",
            grants.roles.join(", ")
        ));
    }
    found.about(&server.user).detail(detail).help(lines.join("\n"))
}

/// The object of a GRANT line. `_` is left alone: escaped, it means something else under `partial_revokes`.
fn schema_object(schema: &str) -> String {
    format!("{}.*", sql_ident(schema))
}

/// `mig@10.%` -> `'mig'@'10.%'`.
fn account(user: &str) -> String {
    let quote = |text: &str| format!("'{}'", text.replace('\'', "''"));
    match user.rsplit_once('@') {
        Some((name, host)) => format!("{}@{}", quote(name), quote(host)),
        None => quote(user),
    }
}
