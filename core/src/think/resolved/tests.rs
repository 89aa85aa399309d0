use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::formats::spec::fixture::spec_of;
use crate::formats::state::{OpenRun, Progress, StepRecord};
use crate::words::addr::TableName;
use crate::words::digest::Digest;

const SPEC: &str = r#"
source "mysql" "a" {
  host     = "db"
  username = "u"
}
target "tidb" "b" {
  host     = "tidb"
  username = "u"
}
migration "m" {
  source = source.mysql.a
  target = target.tidb.b
}
migration "other" {
  source = source.mysql.a
  target = target.tidb.b
  tables = ["x.*"]
}
migration "filled" {
  target = target.tidb.b
  tables = ["y.*"]
}
"#;

fn position(file: &str, offset: u64, gtid: &str) -> Position {
    Position { file: file.into(), offset, gtid: gtid.into(), ..Position::default() }
}

/// A state of some steps: address, kind, status, outputs and notes.
fn state(steps: Vec<(StepAddr, StepKind, Status, serde_json::Value, serde_json::Value)>) -> State {
    let mut state = State::new("lin".into());
    for (addr, kind, status, outputs, notes) in steps {
        let notes = serde_json::from_value(notes).unwrap();
        let record = StepRecord {
            kind,
            inputs_digest: Digest::of_bytes(b""),
            status,
            outputs: outputs.into(),
            depends_on: Vec::new(),
            started: String::new(),
            finished: None,
            progress: Progress { notes, ..Progress::default() },
        };
        state.steps.insert(addr, record);
    }
    state
}

fn of_table(kind: StepKind, table: &str) -> StepAddr {
    StepAddr::of_table("m", kind, &TableName::new("s", table))
}

fn dump(at: Option<Position>) -> serde_json::Value {
    let inputs = json!({"table": TableName::new("s", "t"), "fingerprint": Digest::of_bytes(b""), "engine": "native", "format": "sql", "compress": "none"});
    json!({"rows": 1, "hash": "1", "bytes": 1, "parts": 1, "manifest": Digest::of_bytes(b""), "inputs": inputs, "position": at})
}

#[test]
fn the_position_is_the_first_of_all_that_were_read() {
    let gate = |run: Option<Position>, now: Position| {
        let outputs = json!({"run": run, "position": now});
        (StepAddr::gate("m", GateName::WritesStopped), StepKind::Gate, Status::Complete, outputs, json!({}))
    };
    let complete = |table: &str, at: Option<Position>| {
        (of_table(StepKind::Dump, table), StepKind::Dump, Status::Complete, dump(at), json!({}))
    };
    let begun = |table: &str, at: Position| {
        (of_table(StepKind::Dump, table), StepKind::Dump, Status::Running, json!(null), json!({"position": at}))
    };
    let early = position("bin.000009", 900, "");
    let late = position("bin.000010", 4, "");
    let long = position("bin.000009", 900, "digest sha256:00");
    for (steps, expected) in [
        (vec![], None),
        (vec![gate(None, late.clone())], Some((&late, None))),
        (vec![gate(Some(early.clone()), late.clone())], Some((&early, None))),
        // Tables were read by earlier runs, too.
        (
            vec![gate(None, late.clone()), complete("t", Some(early.clone())), complete("u", Some(late.clone()))],
            Some((&early, None)),
        ),
        (
            vec![gate(None, late.clone()), complete("t", Some(late.clone())), begun("u", early.clone())],
            Some((&early, None)),
        ),
        // A table that is read again: what it noted counts.
        (vec![gate(None, late.clone()), begun("t", late.clone())], Some((&late, None))),
        // A set that a table's record does not hold is in the gate's.
        (
            vec![gate(None, position("bin.000009", 900, "a:1-9")), complete("t", Some(long.clone()))],
            Some((&early, Some("a:1-9"))),
        ),
        (
            vec![gate(None, position("bin.000010", 900, "a:1-9")), complete("t", Some(long.clone()))],
            Some((&early, None)),
        ),
        (vec![complete("t", Some(position("bin.000009", 900, "a:1-7")))], Some((&early, Some("a:1-7")))),
        // Of an imported dump nobody knows when its rows were read.
        (vec![gate(None, late.clone()), complete("t", Some(early.clone())), complete("u", None)], None),
    ] {
        let state = state(steps);
        let found = resolve(&spec_of(SPEC, &[]), Some(&state), &BTreeMap::new()).unwrap();
        let found = &found.migrations["m"].position;
        let expected = expected.map_or_else(ResolvedPosition::default, |(at, gtid)| ResolvedPosition {
            file: Some(at.file.clone()),
            offset: Some(at.offset),
            gtid: gtid.map(str::to_owned),
        });
        assert_eq!(*found, expected, "{:?}", state.steps);
    }
}

#[test]
fn what_nobody_has_observed_is_not_known() {
    let spec = spec_of(SPEC, &[]);
    let found = resolve(&spec, None, &BTreeMap::new()).unwrap();
    let m = &found.migrations["m"];
    assert_eq!((found.lineage.as_deref(), found.run_open), (None, false));
    assert_eq!(
        (m.source.host.as_deref(), m.source.port, m.source.server_id.as_deref()),
        (Some("db"), Some(3306), None)
    );
    assert_eq!((m.loaded, &m.certificate), (Quantity::default(), &ResolvedCertificate::default()));
    // A migration that is filled from a dump has no source.
    assert_eq!(found.migrations["filled"].source, ResolvedServer::default());
    let mut state = state(vec![
        (
            StepAddr::new(&["source", "mysql", "a"]),
            StepKind::Source,
            Status::Complete,
            json!({"server_id": "id-1", "version": "9.7"}),
            json!({}),
        ),
        (
            of_table(StepKind::Load, "t"),
            StepKind::Load,
            Status::Complete,
            json!({"rows": 7, "hash": "1", "epoch": 1, "parts": 1, "form": "insert"}),
            json!({}),
        ),
        (of_table(StepKind::Load, "u"), StepKind::Load, Status::Running, json!(null), json!({})),
    ]);
    state.open_run = Some(OpenRun::new(Digest::of_bytes(b"p"), Digest::of_bytes(b"s")));
    let found = resolve(&spec, Some(&state), &BTreeMap::new()).unwrap();
    assert_eq!((found.lineage.as_deref(), found.run_open), (Some("lin"), true));
    assert_eq!(found.migrations["m"].source.server_id.as_deref(), Some("id-1"));
    assert_eq!(found.migrations["m"].loaded, Quantity { tables: Some(1), rows: Some(7) });
    assert_eq!(found.migrations["other"].loaded, Quantity { tables: Some(0), rows: Some(0) });
}
