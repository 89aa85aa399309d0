//! Gate `target_tables`: what is to be created is not there yet, or is this lineage's own. Knows the ledger's
//! `objects`; takes nothing over that it cannot show to be its own.

use std::collections::BTreeMap;

use super::{Subject, cannot_look, count, verdict};
use crate::formats::facts::{LedgerObject, Verdict};
use crate::formats::spec::model::TargetTables;
use crate::formats::structure::Table;
use crate::think::compare::structure_differences;
use crate::think::rewrite::for_target;
use crate::words::addr::{TableName, key_ident, sql_ident, sql_literal};
use crate::words::codes;
use crate::words::diag::{Diagnostic, Severity};

/// What stands at a name on the target.
enum There<'a> {
    Table(&'a Table),
    View,
}

/// Decides the gate.
pub fn judge(subject: &Subject) -> Verdict {
    let inventory = &subject.facts.source;
    let mut found = Findings::default();
    for table in &inventory.tables {
        look(subject, &table.name, Some(table), &mut found);
    }
    for view in &inventory.views {
        look(subject, &view.name, None, &mut found);
    }
    for schema in &inventory.schemas {
        look_at_schema(subject, &schema.name, &mut found);
    }
    let gone = std::mem::take(&mut found.gone);
    found.list.extend(gone.into_iter().map(|(lineage, objects)| gone_of(subject, &lineage, &objects)));
    let names = count(inventory.tables.len() + inventory.views.len(), "name");
    let saw = match (found.own, found.empty) {
        (0, 0) => format!("{names}, none on the target"),
        (own, 0) => format!("{names}, {own} on the target and this lineage's own"),
        (0, empty) => format!("{names}, {empty} on the target, empty and of the same structure"),
        (own, empty) => format!("{names}, {own} this lineage's own, {empty} empty and of the same structure"),
    };
    let refused = found.list.iter().any(|f| f.severity == Severity::Error);
    match (refused, found.blind.is_empty()) {
        (true, _) => {
            found.list.append(&mut found.blind);
            verdict(format!("{names}, some taken on the target"), found.list)
        }
        (false, false) => {
            found.list.append(&mut found.blind);
            cannot_look("could not look whether tables of the target are empty", found.list)
        }
        (false, true) => verdict(saw, found.list),
    }
}

#[derive(Default)]
struct Findings {
    list: Vec<Diagnostic>,
    /// Tables of which it is not known whether they are empty.
    blind: Vec<Diagnostic>,
    own: usize,
    empty: usize,
    /// What the ledger says that another lineage made and what is not there: lineage -> kinds and names.
    gone: BTreeMap<String, Vec<(String, String)>>,
}

fn look(subject: &Subject, name: &TableName, table: Option<&Table>, found: &mut Findings) {
    let there = find(subject, name);
    let kind = if table.is_some() { "table" } else { "view" };
    let rows: Vec<&LedgerObject> =
        subject.facts.ledger.objects.iter().filter(|o| names_it(subject, o, kind, name)).collect();
    let own = rows.iter().find(|o| Some(o.lineage.as_str()) == subject.lineage);
    if let Some(other) = rows.iter().find(|o| Some(o.lineage.as_str()) != subject.lineage) {
        if there.is_some() || other.state == "intended" {
            found.list.push(other_lineage(subject, name, other));
        } else {
            let gone = found.gone.entry(other.lineage.clone()).or_default();
            gone.push((other.kind.clone(), other.name.clone()));
        }
        return;
    }
    let Some(there) = there else { return };
    // It was empty when it was taken; by the ledger, what is in it now is what this lineage has put or found there.
    let filled = |o: &&LedgerObject| {
        let loaded = subject.facts.ledger.loaded.get(&name.key());
        o.state == "adopted" && loaded.is_some_and(|loaded| loaded.rows > 0)
    };
    let same_kind = matches!((&there, table), (There::Table(_), Some(_)) | (There::View, None));
    if same_kind && own.is_some_and(|o| ["created", "reset_created"].contains(&o.state.as_str()) || filled(o)) {
        found.own += 1;
        return;
    }
    match (there, table) {
        (There::Table(actual), Some(table)) => {
            let intended = own.is_some();
            if !intended && subject.migration.gates.target_tables == TargetTables::Absent {
                found.list.push(taken(name, "table"));
                return;
            }
            let mut expected =
                for_target(table, &subject.facts.source.tables, subject.target, &subject.migration.gates).table;
            // The counter is carried with the rows.
            expected.next_id = None;
            if actual.foreign_keys.is_empty() {
                // They are created by a step of their own.
                expected.foreign_keys.clear();
            }
            let differences = structure_differences(&expected, actual);
            let rows = subject.facts.target_rows.get(&name.key()).copied().flatten();
            if !differences.is_empty() {
                let list: Vec<String> = differences.iter().map(ToString::to_string).collect();
                found.list.push(
                    Diagnostic::error(
                        codes::TARGET_TABLE_DIFFERS,
                        format!("{name} is on the target with another structure"),
                    )
                    .about(name.key())
                    .detail(list.join("\n"))
                    .help("Drop or rename the table on the target, or leave it out of the filter. It is not touched."),
                );
                return;
            }
            match rows {
                Some(0) if intended => found.own += 1,
                Some(0) => found.empty += 1,
                Some(_) => found.list.push(
                    Diagnostic::error(codes::TARGET_TABLE_HAS_ROWS, format!("{name} is on the target and holds rows"))
                        .about(name.key())
                        .help("Drop, empty or rename the table on the target, or leave it out of the filter. It is not touched."),
                ),
                None => found.blind.push(
                    Diagnostic::error(codes::EMPTINESS_UNKNOWN, format!("could not look whether {name} is empty on the target"))
                        .about(name.key())
                        .help("Let the target's user SELECT from it, or accept it: accept_unproven = [\"target_tables\"]."),
                ),
            }
        }
        // A view has no rows to lose: one that this lineage was about to create is its own.
        (There::View, None) if own.is_some() => found.own += 1,
        (There::View, _) => found.list.push(taken(name, "view")),
        (There::Table(_), None) => found.list.push(taken(name, "table")),
    }
}

/// A schema that is there is used as it is. One that is not is written into the ledger, where another lineage's row of it
/// would stand in the way.
fn look_at_schema(subject: &Subject, schema: &str, found: &mut Findings) {
    if subject.facts.target.schemas.iter().any(|there| there.name.eq_ignore_ascii_case(schema)) {
        return;
    }
    let is_it =
        |object: &&LedgerObject| object.kind == "schema" && (object.name == schema || object.name == key_ident(schema));
    for object in subject.facts.ledger.objects.iter().filter(is_it) {
        if Some(object.lineage.as_str()) != subject.lineage {
            let gone = found.gone.entry(object.lineage.clone()).or_default();
            gone.push((object.kind.clone(), object.name.clone()));
        }
    }
}

/// Names of objects that one finding lists.
const NAMED: usize = 20;

/// What another lineage made and what is gone. Whoever lost its state has to take its rows out of the ledger: the
/// statements for that, over all of its rows where nothing of it is left on the target.
fn gone_of(subject: &Subject, lineage: &str, objects: &[(String, String)]) -> Diagnostic {
    let names: Vec<String> = objects.iter().map(|(kind, name)| format!("{kind} {name}")).collect();
    let list = match names.len() {
        n if n > NAMED => format!("{}\nand {} more", names[..NAMED].join("\n"), n - NAMED),
        _ => names.join("\n"),
    };
    let mine = subject.facts.ledger.objects.iter().filter(|object| object.lineage == lineage);
    let all = mine.into_iter().all(|object| objects.contains(&(object.kind.clone(), object.name.clone())));
    let ledger = sql_ident(subject.ledger_schema);
    let lineage_sql = sql_literal(lineage);
    let statements = match all {
        true => format!(
            "DELETE FROM {ledger}.batches WHERE lineage = {lineage_sql}; DELETE FROM {ledger}.objects WHERE lineage = {lineage_sql};"
        ),
        false => {
            let names: Vec<String> = objects.iter().map(|(_, name)| sql_literal(name)).collect();
            let names = names.join(", ");
            format!(
                "DELETE FROM {ledger}.batches WHERE lineage = {lineage_sql} AND tbl IN ({names}); DELETE FROM {ledger}.objects WHERE lineage = {lineage_sql} AND name IN ({names});"
            )
        }
    };
    let summary =
        format!("the ledger on the target holds what lineage {lineage} made and what is gone from the target");
    Diagnostic::error(codes::OTHER_LINEAGE_OBJECT_GONE, summary).detail(list).help(format!(
        "Run `mig destroy` where the state of that lineage is. Where its state is lost and no mig runs with it, take its rows out of the ledger on the target, then plan again: {statements}"
    ))
}

fn find<'a>(subject: &Subject<'a>, name: &TableName) -> Option<There<'a>> {
    let inventory = &subject.facts.target;
    let table = inventory.tables.iter().find(|t| same_name(subject, &t.name, name)).map(There::Table);
    table.or_else(|| inventory.views.iter().find(|v| same_name(subject, &v.name, name)).map(|_| There::View))
}

fn same_name(subject: &Subject, one: &TableName, other: &TableName) -> bool {
    match subject.target.lower_case_table_names {
        0 => one == other,
        _ => one.folded() == other.folded(),
    }
}

fn names_it(subject: &Subject, object: &LedgerObject, kind: &str, name: &TableName) -> bool {
    object.kind == kind && TableName::parse_key(&object.name).is_some_and(|held| same_name(subject, &held, name))
}

fn taken(name: &TableName, kind: &str) -> Diagnostic {
    Diagnostic::error(codes::NAME_TAKEN, format!("a {kind} named {name} is already on the target"))
        .about(name.key())
        .help("Drop or rename it on the target, or leave the name out of the filter. An empty table of the same structure is taken with target_tables = \"same_and_empty\"; one that has the rows of the source already, with `mig import`.")
}

fn other_lineage(subject: &Subject, name: &TableName, other: &LedgerObject) -> Diagnostic {
    let kind = other.kind.as_str();
    let text = format!("two specs onto one target {kind}: {name} belongs to lineage {}", other.lineage);
    let ledger = sql_ident(subject.ledger_schema);
    let (lineage, object) = (sql_literal(&other.lineage), sql_literal(&other.name));
    // With the state of a lineage its rows of schemas have lost their use, too: no command takes them out any more.
    Diagnostic::error(codes::TARGET_TABLE_OF_OTHER_SPEC, text).about(name.key()).help(format!(
        "Leave the {kind} out of one of the two specs, or run `mig destroy -drop-target-data` where the other state is. Where that state is lost and no mig runs with it: `mig recover` makes it anew. Or drop the {kind} on the target, then DELETE FROM {ledger}.batches WHERE lineage = {lineage} AND tbl = {object}; DELETE FROM {ledger}.objects WHERE lineage = {lineage} AND (name = {object} OR kind = 'schema'); then plan again."
    ))
}
