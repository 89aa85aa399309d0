//! The graph that removes: scaffolding always, the target's tables only with `-drop-target-data` (contract,
//! "Destroy"). Migrated data is production after the cutover.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::formats::cause::{Cause, Kept, Removed};
use crate::formats::plan::{Action, Change, Edge, EdgeKind, Graph, Node};
use crate::formats::state::{State, StepRecord};
use crate::think::graph;
use crate::words::addr::{StepAddr, StepKind};
use crate::words::codes;
use crate::words::diag::Diagnostic;
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
            _ if in_cloud(addr) => cloud_undo(addr, record),
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
        edges.extend(undone_before(state, addr, record));
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
            needs_confirm: node.action == Action::Destroy && matches!(node.kind, StepKind::Table | StepKind::View),
            ..Change::new(node.addr.clone(), node.action, cause(node))
        })
        .collect();
    Ok((graph, changes))
}

/// The servers that a removal is bound to: those that the state knows.
pub(super) fn servers(state: &State) -> BTreeMap<String, String> {
    let known = state.steps.iter().filter(|(_, record)| matches!(record.kind, StepKind::Source | StepKind::Target));
    let identity = |record: &StepRecord| record.outputs.get("server_id").and_then(Value::as_str).map(str::to_owned);
    known.filter_map(|(addr, record)| Some((addr.to_string(), identity(record)?))).collect()
}

/// Whether a step's object is a cloud's.
pub(super) fn in_cloud(addr: &StepAddr) -> bool {
    let words = addr.words();
    let first = words.first().map(String::as_str);
    first == Some("peering") || (first == Some("runner") && words.get(1).is_some_and(|kind| kind == "ec2"))
}

/// What becomes of an object in a cloud whose step goes: what this lineage made is removed, what it found or opened the
/// way to stays. Of a step that was broken off, the step itself looks what there is.
pub(super) fn cloud_undo(addr: &StepAddr, record: &StepRecord) -> (Action, Value) {
    let flag = |name: &str| record.outputs.get(name).and_then(Value::as_bool).unwrap_or(false);
    let whole = !record.outputs.is_null();
    let made = match addr.words().last().map(String::as_str) {
        // An accepted connection and the VPC's own settings are the customer's from then on.
        Some("connection" | "dns") => false,
        Some("key_pair" | "security_group" | "route") => !whole || flag("owned") || flag("owns_source_rule"),
        _ => true,
    };
    match made {
        true => (Action::Destroy, json!({"from": record.outputs, "notes": record.progress.notes})),
        false => (Action::Forget, Value::Null),
    }
}

/// Edges from a step to those that go after it: what was made last goes first. A volume goes after the instance that it
/// is attached to, since that lets go of it.
pub(super) fn undone_before(state: &State, addr: &StepAddr, record: &StepRecord) -> Vec<Edge> {
    let part = |addr: &StepAddr| addr.words().get(3).cloned().unwrap_or_default();
    let known = record.depends_on.iter().filter(|from| state.steps.contains_key(*from));
    known
        .map(|from| {
            let volume = in_cloud(addr) && part(addr) == "volume" && part(from) == "instance";
            let (first, then) = if volume { (from, addr) } else { (addr, from) };
            Edge { to: then.clone(), from: first.clone(), kind: EdgeKind::After }
        })
        .collect()
}

/// What stands in the way of a destroy: objects that the state protects, whatever the spec says now.
pub fn prevented(state: &State) -> Vec<Diagnostic> {
    let held = state.steps.iter().filter(|(addr, record)| in_cloud(addr) && guarded(record));
    held.map(|(addr, _)| prevented_by(addr, "destroy")).collect()
}

/// An instance stands on its security group: where the group is made anew, it goes along. The plan has to say so, and a
/// protected one stays; `-target` cuts its own step out of the plan.
pub(super) fn gone_along(graph: &Graph, state: &State) -> Vec<Diagnostic> {
    let part = |node: &Node| node.addr.words().last().cloned();
    let anew = graph.nodes.iter().filter(|node| node.action == Action::Replace && in_cloud(&node.addr));
    let groups = anew.filter(|node| part(node).as_deref() == Some("security_group"));
    groups
        .filter_map(|group| {
            let instance = group.addr.sibling("instance");
            let owned = state.steps.get(&group.addr)?.outputs.get("owned").and_then(Value::as_bool);
            let stands = state.steps.get(&instance).filter(|_| owned == Some(true))?;
            // One that never came to its end is begun anew with its step.
            let told = graph.nodes.iter().any(|node| {
                let unfinished = stands.outputs.is_null() && matches!(node.action, Action::Create | Action::Rerun);
                node.addr == instance && (node.action == Action::Replace || unfinished)
            });
            match guarded(stands) {
                _ if told => None,
                true => Some(prevented_by(&instance, "replace")),
                false => Some(
                    Diagnostic::error(codes::INSTANCE_WOULD_END, "the instance would end with its security group")
                        .about(instance.to_string())
                        .detail(format!("{} is made anew, and this step is left out of the plan.", group.addr))
                        .help("Name the instance as well, -replace and -target, or leave -target out."),
                ),
            }
        })
        .collect()
}

pub(super) fn guarded(record: &StepRecord) -> bool {
    record.outputs.get("inputs").and_then(|i| i.get("prevent_destroy")).and_then(Value::as_bool).unwrap_or(false)
}

pub(super) fn prevented_by(addr: &StepAddr, doing: &str) -> Diagnostic {
    Diagnostic::error(codes::PREVENT_DESTROY, format!("prevent_destroy is on: mig does not {doing} it"))
        .about(addr.to_string())
        .detail("It was applied with prevent_destroy = true, and that is kept in the state.")
        .help("Set prevent_destroy = false in the block and apply that first.")
}

fn cause(node: &Node) -> Cause {
    if in_cloud(&node.addr) {
        return cloud_cause(node, false);
    }
    let rows = || node.inputs.get("loaded").and_then(|l| l.get("rows")).and_then(Value::as_u64);
    let object = match (node.action, node.kind) {
        (Action::Destroy, StepKind::Target) => Removed::LedgerRows,
        (Action::Destroy, StepKind::Dump) => Removed::DumpFiles,
        (Action::Destroy, StepKind::Runner) => Removed::WorkFolder,
        (Action::Destroy, StepKind::Table) => Removed::Table { rows: rows() },
        (Action::Destroy, _) => Removed::View,
        _ => return Cause::Kept { object: Kept::Made },
    };
    Cause::Removed { object, left_spec: false }
}

pub(super) fn cloud_cause(node: &Node, left_spec: bool) -> Cause {
    let from = node.inputs.get("from");
    let text = |name: &str| from.and_then(|from| from.get(name)).and_then(Value::as_str).filter(|id| !id.is_empty());
    let id = |name: &str| text(name).map(str::to_owned);
    let part = node.addr.words().last().map(String::as_str).unwrap_or_default();
    let object = match (node.action, part) {
        (Action::Destroy, "key_pair") => Removed::KeyPair { name: id("name") },
        (Action::Destroy, "security_group") => Removed::SecurityGroup { id: id("group_id") },
        (Action::Destroy, "instance") => Removed::Instance { id: id("instance_id") },
        (Action::Destroy, "volume") => Removed::Volume { id: id("volume_id") },
        (Action::Destroy, "ready") => Removed::Worker,
        (Action::Destroy, _) => Removed::Route,
        (_, "connection") => return Cause::Kept { object: Kept::PeeringConnection },
        (_, "dns") => return Cause::Kept { object: Kept::VpcSettings },
        _ => return Cause::Kept { object: Kept::Found },
    };
    Cause::Removed { object, left_spec }
}
