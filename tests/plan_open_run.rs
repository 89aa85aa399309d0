//! Planning over a run that was interrupted: what it owed is owed still. Over the quickstart's recording, no server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::Path;

use mig::formats::cause::Cause;
use mig::formats::facts::World;
use mig::formats::json_text::JsonText;
use mig::formats::plan::{Action, Body, Mode};
use mig::formats::spec::model::Spec;
use mig::formats::spec::{self, Inputs, SourceFile};
use mig::formats::state::{OpenRun, Part, State, Status, StepRecord};
use mig::think::plan::{Question, plan};
use mig::words::addr::{GateName, StepAddr, StepKind};
use mig::words::digest::Digest;
use serde_json::{Value, json};

fn quickstart() -> (Spec, World) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let inputs = Inputs {
        files: vec![SourceFile { name: "shop.mig.hcl".into(), text: read("shop.mig.hcl") }],
        vars: Vec::new(),
        auto_files: Vec::new(),
        outputs: Vec::new(),
        var_files: Vec::new(),
        env: &|name| name.starts_with("SHOP_").then(|| "demo".to_owned()),
        read_file: &|_| Err("there is none".into()),
        secrets: mig::formats::spec::Secrets::Needed,
    };
    (spec::load(&inputs).0.unwrap(), serde_json::from_str(&read("observed.json")).unwrap())
}

fn planned(spec: &Spec, world: &World, state: Option<&State>, replace: &[StepAddr]) -> Body {
    let replace: BTreeSet<StepAddr> = replace.iter().cloned().collect();
    let question =
        Question { spec, state, world, mode: Mode::Apply, replace: &replace, drop_target_data: false, targets: &[] };
    plan(&question).unwrap().0
}

/// What a dump left whose files are whole.
fn dumped(inputs: &Value) -> Value {
    json!({ "rows": 1, "hash": "1", "bytes": 1, "parts": 1, "manifest": Digest::of_bytes(b"whole"), "inputs": inputs })
}

/// A state in which every step of the plan is complete, but for this one, which has one durable part.
fn recorded(body: &Body, unfinished: Option<&StepAddr>) -> State {
    let mut state = State::new("lineage".into());
    for node in &body.graph.nodes {
        let mut record = StepRecord {
            kind: node.kind,
            inputs_digest: node.inputs_digest.clone(),
            status: Status::Complete,
            outputs: if node.kind == StepKind::Dump { dumped(&node.inputs.value()).into() } else { JsonText::none() },
            depends_on: vec![],
            started: "t".into(),
            finished: Some("t".into()),
            progress: Default::default(),
        };
        if Some(&node.addr) == unfinished {
            record.status = Status::Running;
            record.progress.parts.insert(1, Part { border: json!({}), done: Some(json!({})) });
        }
        state.steps.insert(node.addr.clone(), record);
    }
    state
}

/// What is planned for one step of a table after a run was interrupted that owed it, and whether that is said.
fn check(kind: StepKind, owed: bool, unfinished: bool, expected: (Action, bool)) {
    let (spec, mut world) = quickstart();
    let first = planned(&spec, &world, None, &[]);
    let addr = first.graph.nodes.iter().find(|node| node.kind == kind).unwrap().addr.clone();
    let mut state = recorded(&first, unfinished.then_some(&addr));
    let mut run = OpenRun::new(Digest::of_bytes(b"plan"), state.digest());
    run.again.extend(owed.then(|| addr.clone()));
    state.open_run = Some(run);
    for facts in world.migrations.values_mut() {
        let tables = first.graph.nodes.iter().filter_map(|node| node.addr.table());
        facts.manifests = tables.map(|table| (table.key(), Digest::of_bytes(b"whole"))).collect();
    }
    let body = planned(&spec, &world, Some(&state), &[]);
    let change = body.changes.iter().find(|change| change.addr == addr);
    let action = change.map_or(Action::NoOp, |change| change.action);
    let said = change.is_some_and(|change| change.cause == Cause::RerunPending);
    assert_eq!((action, said), expected, "{addr}, owed {owed}, unfinished {unfinished}");
}

#[test]
fn what_a_broken_off_run_was_to_do_again_is_planned_again() {
    check(StepKind::Dump, false, true, (Action::Rerun, false));
    check(StepKind::Dump, true, true, (Action::Replace, true));
    check(StepKind::Dump, true, false, (Action::Rerun, true));
    check(StepKind::Load, true, false, (Action::Replace, true));
    check(StepKind::Verify, true, false, (Action::Rerun, true));
    check(StepKind::Verify, true, true, (Action::Rerun, true));
    check(StepKind::Table, true, false, (Action::Replace, true));
    // It is gone from the recorded target: that is another reason.
    check(StepKind::Database, false, false, (Action::Replace, false));
    check(StepKind::Database, true, false, (Action::Replace, true));
}

#[test]
fn a_position_taken_anew_keeps_no_part_of_an_unfinished_dump() {
    let (spec, world) = quickstart();
    let first = planned(&spec, &world, None, &[]);
    let dump = first.graph.nodes.iter().find(|node| node.kind == StepKind::Dump).unwrap().addr.clone();
    let state = recorded(&first, Some(&dump));
    let gate = StepAddr::gate(dump.migration().unwrap(), GateName::WritesStopped);
    let body = planned(&spec, &world, Some(&state), &[gate]);
    let actions = |addr: &StepAddr| body.changes.iter().find(|change| change.addr == *addr).unwrap().action;
    assert_eq!(actions(&dump), Action::Replace);
    let load = StepAddr::of_table(dump.migration().unwrap(), StepKind::Load, &dump.table().unwrap());
    assert_eq!(actions(&load), Action::Replace);
}

/// What is planned for dump and load of a table whose load goes on, where the files of these parts are not in the folder.
/// `dumped`: the dump was finished; otherwise two parts of it are durable. `loaded`: parts that are recorded as loaded.
fn check_files(dumped: bool, absent: &[u32], loaded: &[u32], expected: [Action; 2]) {
    let (spec, mut world) = quickstart();
    let first = planned(&spec, &world, None, &[]);
    let dump = first.graph.nodes.iter().find(|node| node.kind == StepKind::Dump).unwrap().addr.clone();
    let (migration, table) = (dump.migration().unwrap(), dump.table().unwrap());
    let load = StepAddr::of_table(migration, StepKind::Load, &table);
    let mut state = recorded(&first, None);
    let mut leave = |addr: &StepAddr, done: &[u32]| {
        let record = state.steps.get_mut(addr).unwrap();
        record.status = Status::Running;
        record.progress.parts =
            done.iter().map(|part| (*part, Part { border: json!({}), done: Some(json!({})) })).collect();
    };
    leave(&load, loaded);
    if !dumped {
        leave(&dump, &[1, 2]);
    }
    // What a state that was read knows of the tables on the target is not asked here.
    let facts = world.migrations.get_mut(migration).unwrap();
    facts.target = facts.source.clone();
    facts.manifests.insert(table.key(), Digest::of_bytes(b"whole"));
    facts.absent_parts.insert(table.key(), absent.iter().copied().collect());
    let body = planned(&spec, &world, Some(&state), &[]);
    let action = |addr| body.changes.iter().find(|change| change.addr == addr).map_or(Action::NoOp, |c| c.action);
    let found = [action(dump), action(load)];
    assert_eq!(found, expected, "dumped {dumped}, absent {absent:?}, loaded {loaded:?}");
}

#[test]
fn a_dump_whose_files_another_machine_had_starts_over_unless_they_are_loaded() {
    check_files(false, &[], &[], [Action::Rerun, Action::Rerun]);
    check_files(false, &[2], &[], [Action::Replace, Action::Replace]);
    check_files(false, &[2], &[1], [Action::Replace, Action::Replace]);
    check_files(false, &[1, 2], &[1, 2], [Action::Rerun, Action::Rerun]);
    check_files(true, &[], &[1], [Action::NoOp, Action::Rerun]);
    check_files(true, &[1], &[1], [Action::NoOp, Action::Rerun]);
    check_files(true, &[1, 2], &[1], [Action::Rerun, Action::Replace]);
}
