//! The graph that removes: scaffolding always, the target's tables only with `-drop-target-data` (contract,
//! "Destroy"). Migrated data is production after the cutover.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::formats::plan::{Action, Change, Edge, EdgeKind, Graph, Node};
use crate::formats::state::State;
use crate::think::graph;
use crate::words::addr::{StepAddr, StepKind};
use crate::words::error::Outcome;

/// Every recorded step with what becomes of it, in the reverse of its dependencies.
///
/// # Errors
/// A cycle among recorded dependencies (a damaged state).
pub fn destroy(state: &State, drop_target_data: bool) -> Outcome<(Graph, Vec<Change>)> {
    let mut nodes = Vec::new();
    let mut edges = BTreeSet::new();
    for (addr, record) in &state.steps {
        let (action, inputs) = match record.kind {
            // This lineage's rows in the ledger; the files of a dump; the worker's folder.
            StepKind::Target | StepKind::Dump | StepKind::Runner => (Action::Destroy, json!({"from": record.outputs})),
            StepKind::Table | StepKind::View if drop_target_data => {
                let load = addr.migration().zip(addr.table()).map(|(m, t)| StepAddr::of_table(m, StepKind::Load, &t));
                let loaded = load.and_then(|l| state.steps.get(&l)).map_or(Value::Null, |r| r.outputs.clone());
                (Action::Destroy, json!({"from": record.outputs, "loaded": loaded}))
            }
            _ => (Action::Forget, Value::Null),
        };
        nodes.push(Node {
            addr: addr.clone(),
            kind: record.kind,
            action,
            inputs,
            inputs_digest: record.inputs_digest.clone(),
        });
        for from in &record.depends_on {
            if state.steps.contains_key(from) {
                // What was made last goes first.
                edges.insert(Edge { to: from.clone(), from: addr.clone(), kind: EdgeKind::After });
            }
        }
    }
    // The ledger says what may be dropped, so it goes last; the work folder after the files in it. Said outright: a
    // destroy that was broken off has forgotten the gates over which the recorded dependencies lead here.
    let last = |kind| matches!(kind, StepKind::Target | StepKind::Runner);
    for to in nodes.iter().filter(|n| last(n.kind)) {
        for from in nodes.iter().filter(|n| n.action == Action::Destroy && !last(n.kind)) {
            edges.insert(Edge { to: to.addr.clone(), from: from.addr.clone(), kind: EdgeKind::After });
        }
    }
    let graph = graph::arrange(nodes, edges.into_iter().collect())?;
    let changes = graph
        .nodes
        .iter()
        .map(|node| Change {
            addr: node.addr.clone(),
            action: node.action,
            reason: reason(node),
            rewrite: None,
            needs_confirm: node.action == Action::Destroy && matches!(node.kind, StepKind::Table | StepKind::View),
        })
        .collect();
    Ok((graph, changes))
}

fn reason(node: &Node) -> String {
    let rows = node.inputs.get("loaded").and_then(|l| l.get("rows")).and_then(Value::as_u64);
    match (node.action, node.kind) {
        (Action::Destroy, StepKind::Target) => "this lineage's rows in the ledger".into(),
        (Action::Destroy, StepKind::Dump) => "its files".into(),
        (Action::Destroy, StepKind::Runner) => "its work folder".into(),
        (Action::Destroy, StepKind::Table) => match rows {
            Some(rows) => format!("the target's table with its {rows} rows"),
            None => "the target's table".into(),
        },
        (Action::Destroy, _) => "the target's view".into(),
        _ => "out of the state; what it made stays".into(),
    }
}
