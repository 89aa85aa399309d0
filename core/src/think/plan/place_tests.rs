//! Whether a plan works with the servers of the earlier runs, whatever their blocks are called.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use serde_json::json;

use crate::formats::ddl::fixture::table;
use crate::formats::facts::{Flavor, LedgerFacts, MigrationFacts, ServerFacts, World};
use crate::formats::plan::{Body, Mode};
use crate::formats::spec::fixture;
use crate::formats::spec::model::Spec;
use crate::formats::state::{Progress, State, Status, StepRecord};
use crate::formats::structure::Inventory;
use crate::think::plan::{Question, plan};
use crate::words::addr::{StepAddr, StepKind};
use crate::words::digest::Digest;

const SPEC: &str = r#"
source "mysql" "a" {
  host     = "source.example"
  username = "root"
}
target "tidb" "b" {
  host     = "one.example"
  username = "root"
}
target "tidb" "c" {
  host     = "two.example"
  username = "root"
}
migration "shop" {
  source = source.mysql.a
  target = target.tidb.b
  tables = ["shop.*"]
}
"#;

fn spec_of(changes: &[(&str, &str)]) -> Spec {
    fixture::spec_of(SPEC, changes)
}

/// What of the identities a build recorded.
#[derive(Clone, Copy, PartialEq)]
enum Build {
    Now,
    /// Only with the servers, and they depend on nothing but the gates.
    Earlier,
}

/// The migration was carried out: from the server S into the server T.
fn state_of(build: Build) -> State {
    let mut state = State::new("lineage".into());
    let mut record = |addr: &str, outputs: serde_json::Value, depends_on: &[&str]| {
        let addr = StepAddr::parse(addr).unwrap();
        let record = StepRecord {
            kind: addr.kind().unwrap(),
            inputs_digest: Digest::of_bytes(b""),
            status: Status::Complete,
            outputs: outputs.into(),
            depends_on: depends_on.iter().map(|addr| StepAddr::parse(addr).unwrap()).collect(),
            started: String::new(),
            finished: None,
            progress: Progress::default(),
        };
        state.steps.insert(addr, record);
    };
    let servers = ["source.mysql.a", "target.tidb.b"];
    record("source.mysql.a", json!({"server_id": "S", "version": "8"}), &[]);
    let mut target = json!({"server_id": "T", "version": "8"});
    let mut table = json!({"owned": true});
    if build == Build::Now {
        target["ledger_schema"] = "mig_ledger".into();
        table["server"] = "T".into();
    }
    record("target.tidb.b", target, &[]);
    record("target.tidb.c", json!({"server_id": "U", "version": "8"}), &[]);
    record("migration.shop.gate[\"connectivity\"]", serde_json::Value::Null, &servers);
    record("migration.shop.table[\"shop.t\"]", table, &["migration.shop.gate[\"connectivity\"]"]);
    state
}

/// `ledger`, `there`: whether the target has the ledger, and the table that is recorded.
fn planned(spec: &Spec, state: &State, servers: &[(&str, &str)], ledger: bool, there: bool) -> Body {
    let mut world = World::default();
    for (address, id) in servers {
        let flavor = if address.starts_with("target") { Flavor::Tidb } else { Flavor::Mysql };
        let facts = ServerFacts { server_id: (*id).into(), flavor, ..ServerFacts::default() };
        world.servers.insert((*address).into(), facts);
    }
    let ledger = LedgerFacts { present: ledger, ..LedgerFacts::default() };
    let tables = if there { vec![table("shop", "t")] } else { Vec::new() };
    let target = Inventory { tables, ..Inventory::default() };
    world.migrations.insert("shop".into(), MigrationFacts { ledger, target, ..MigrationFacts::default() });
    let replace = BTreeSet::new();
    let (state, mode, targets) = (Some(state), Mode::Apply, &[][..]);
    let question = Question { spec, state, world: &world, mode, replace: &replace, drop_target_data: false, targets };
    plan(&question).unwrap().0
}

/// The findings about places, then the servers that are recorded or forgotten.
fn told(body: &Body) -> String {
    let places = body.diagnostics.iter().filter(|found| found.code == "MIG3040");
    let mut told: Vec<String> =
        places.map(|found| format!("{} {}", found.subject.clone().unwrap_or_default(), found.detail)).collect();
    for change in &body.changes {
        if matches!(change.addr.kind(), Some(StepKind::Source | StepKind::Target)) {
            told.push(format!("{:?} {}: {}", change.action, change.addr, crate::screen::cause::words(change)));
        }
    }
    told.join("; ")
}

#[test]
fn a_server_is_known_by_its_own_id_whatever_its_block_is_called() {
    let renamed = [("\"tidb\" \"b\"", "\"tidb\" \"bb\""), ("target.tidb.b", "target.tidb.bb")];
    let source = [("\"mysql\" \"a\"", "\"mysql\" \"aa\""), ("source.mysql.a", "source.mysql.aa")];
    let switched = [("target = target.tidb.b", "target = target.tidb.c")];
    let other_schema = [("host     = \"one.example\"", "host = \"one.example\"\n  ledger_schema = \"other\"")];
    for build in [Build::Now, Build::Earlier] {
        let check = |changes: &[(&str, &str)], servers: &[(&str, &str)], ledger: bool, expected: &str| {
            let body = planned(&spec_of(changes), &state_of(build), servers, ledger, true);
            let told = told(&body).replace("it is no longer in the spec; what it made stays", "gone");
            assert_eq!(told, expected, "{changes:?} {servers:?}");
            assert!(body.blocked || !expected.contains("recorded "), "{expected}");
        };
        let (s, b, c) = (("source.mysql.a", "S"), ("target.tidb.b", "T"), ("target.tidb.c", "U"));
        check(&[], &[s, b, c], true, "");
        let taken_over = "Create target.tidb.bb: the server that the state has as target.tidb.b: the same by its own id; \
                          Forget target.tidb.b: gone";
        check(&renamed, &[s, ("target.tidb.bb", "T"), c], true, taken_over);
        let elsewhere = "migration.shop recorded T, found X; Forget target.tidb.b: gone";
        check(&renamed, &[s, ("target.tidb.bb", "X"), c], true, elsewhere);
        let unmet =
            "migration.shop recorded T, found one where its user sees no ledger of mig; Forget target.tidb.b: gone";
        check(&renamed, &[s, ("target.tidb.bb", ""), c], true, unmet);
        let taken_over = "Create source.mysql.aa: the server that the state has as source.mysql.a: the same by its own id; \
                          Forget source.mysql.a: gone";
        check(&source, &[("source.mysql.aa", "S"), b, c], true, taken_over);
        let elsewhere = "migration.shop recorded S, found X; Forget source.mysql.a: gone";
        check(&source, &[("source.mysql.aa", "X"), b, c], true, elsewhere);
        check(&switched, &[s, b, c], true, "migration.shop recorded T, found U");
        // At one address it is said of the server, once.
        check(&[], &[s, ("target.tidb.b", "X"), c], true, "target.tidb.b recorded T, found X");
        check(&[], &[s, b, c], false, "target.tidb.b recorded T, seen none");
        // Restored to a time before the first run: the tables are gone as well. They are created again.
        assert_eq!(told(&planned(&spec_of(&[]), &state_of(build), &[s, b, c], false, false)), "");
        let moved = match build {
            Build::Now => "target.tidb.b recorded mig_ledger, in the spec other",
            Build::Earlier => "target.tidb.b recorded T, seen none",
        };
        check(&other_schema, &[s, ("target.tidb.b", ""), c], false, moved);
    }
}

/// The rows came out of a dump: from which server they are read afterwards is free.
#[test]
fn a_dump_is_not_a_server_that_a_migration_is_bound_to() {
    for build in [Build::Now, Build::Earlier] {
        let mut state = state_of(build);
        let source = StepAddr::parse("source.mysql.a").unwrap();
        let mut record = state.steps.remove(&source).unwrap();
        let dump = StepAddr::parse("source.dump.shop").unwrap();
        let mut outputs = record.outputs.value();
        outputs["server_id"] = "dump".into();
        record.outputs = outputs.into();
        state.steps.insert(dump.clone(), record);
        for record in state.steps.values_mut() {
            record.depends_on.iter_mut().filter(|addr| **addr == source).for_each(|addr| *addr = dump.clone());
        }
        let servers = [("source.mysql.a", "S"), ("target.tidb.b", "T"), ("target.tidb.c", "U")];
        let body = planned(&spec_of(&[]), &state, &servers, true, true);
        assert_eq!(told(&body), "Forget source.dump.shop: it is no longer in the spec; what it made stays");
    }
}
