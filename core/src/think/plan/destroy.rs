//! The graph that removes: scaffolding always, the target's tables only with `-drop-target-data` (contract,
//! "Destroy"). Migrated data is production after the cutover.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::diff::recorded_server;
use super::kinds;
use crate::formats::cause::{Cause, Kept, Removed};
use crate::formats::cloud_inputs::SecurityGroupOutputs;
use crate::formats::outputs::{self, prevents_destroy};
use crate::formats::plan::{Action, Change, Edge, EdgeKind, Graph, Node};
use crate::formats::spec::model::{RunnerKind, Spec};
use crate::formats::state::{State, StepRecord};
use crate::formats::steps::Removal;
use crate::think::graph;
use crate::words::addr::{StepAddr, StepKind, StepType};
use crate::words::codes;
use crate::words::diag::Diagnostic;
use crate::words::digest::Digest;
use crate::words::error::Outcome;

/// Every recorded step with what becomes of it, in the reverse of its dependencies.
///
/// # Errors
/// A cycle among recorded dependencies (a damaged state); MIG4002, a record that cannot be read.
pub fn destroy(state: &State, drop_target_data: bool) -> Outcome<(Graph, Vec<Change>)> {
    let mut nodes = Vec::new();
    let mut changes = BTreeMap::new();
    let mut edges = BTreeSet::new();
    for (addr, record) in &state.steps {
        let undone = undo(state, addr, record, drop_target_data)?;
        let change = Change {
            needs_confirm: undone.action == Action::Destroy && record.kind.is_target_data(),
            ..Change::new(addr.clone(), undone.action, undone.cause(false))
        };
        changes.insert(addr.clone(), change);
        nodes.push(undone.node(addr, record, record.inputs_digest.clone()));
        edges.extend(undone_before(state, addr, record));
    }
    // The ledger says what may be dropped, so it goes last; the work folder after the files in it. Said outright: a
    // destroy that was interrupted has forgotten the gates over which the recorded dependencies lead here.
    let last = |kind| matches!(kind, StepKind::Target | StepKind::Runner);
    for to in nodes.iter().filter(|n| last(n.kind)) {
        for from in nodes.iter().filter(|n| n.action == Action::Destroy && !last(n.kind)) {
            edges.insert(Edge { to: to.addr.clone(), from: from.addr.clone(), kind: EdgeKind::After });
        }
    }
    let graph = graph::arrange(nodes, edges.into_iter().collect())?;
    let changes = graph.nodes.iter().filter_map(|node| changes.remove(&node.addr)).collect();
    Ok((graph, changes))
}

/// What becomes of one step.
pub(super) struct Undone {
    pub action: Action,
    inputs: Value,
    object: Result<Removed, Kept>,
}

impl Undone {
    pub fn kept(object: Kept) -> Self {
        Self { action: Action::Forget, inputs: Value::Null, object: Err(object) }
    }

    pub fn removed(object: Removed, removal: &Removal) -> Outcome<Self> {
        Ok(Self { action: Action::Destroy, inputs: outputs::to_value(removal)?, object: Ok(object) })
    }

    pub fn cause(&self, left_spec: bool) -> Cause {
        match &self.object {
            Ok(object) => Cause::Removed { object: object.clone(), left_spec },
            Err(object) => Cause::Kept { object: *object },
        }
    }

    pub fn node(self, addr: &StepAddr, record: &StepRecord, inputs_digest: Digest) -> Node {
        Node { addr: addr.clone(), kind: record.kind, action: self.action, inputs: self.inputs.into(), inputs_digest }
    }

    /// Over what the step is given, for a node of a plan of the whole spec.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.inputs)
    }
}

/// A recorded step that goes.
pub(super) struct Recorded<'a> {
    pub state: &'a State,
    pub addr: &'a StepAddr,
    pub record: &'a StepRecord,
    pub drop_target_data: bool,
}

/// What becomes of a recorded step when it goes: what this lineage made is removed, what it found or opened the way to
/// stays. Of a step that was interrupted, the step itself looks what there is.
///
/// # Errors
/// MIG4002: what it made cannot be read, so that nothing may be said of it.
pub(super) fn undo(state: &State, addr: &StepAddr, record: &StepRecord, drop_target_data: bool) -> Outcome<Undone> {
    (kinds::row(outputs::known_step(addr)?).undo)(&Recorded { state, addr, record, drop_target_data })
}

/// The servers that a removal is bound to: those that the state knows.
///
/// # Errors
/// MIG4002: the record of one cannot be read.
pub(super) fn servers(state: &State) -> Outcome<BTreeMap<String, String>> {
    let mut servers = BTreeMap::new();
    for addr in state.steps.keys().filter(|addr| matches!(addr.kind(), Some(StepKind::Source | StepKind::Target))) {
        servers.extend(recorded_server(state, addr)?.map(|server_id| (addr.to_string(), server_id)));
    }
    Ok(servers)
}

/// Edges from a step to those that go after it: what was made last goes first. A volume goes after the instance that it
/// is attached to, since that lets go of it.
pub(super) fn undone_before(state: &State, addr: &StepAddr, record: &StepRecord) -> Vec<Edge> {
    let known = record.depends_on.iter().filter(|from| state.steps.contains_key(*from));
    known
        .map(|from| {
            let pair = (addr.step_type(), from.step_type());
            let volume = pair == (Some(StepType::Volume), Some(StepType::Instance));
            let (first, then) = if volume { (from, addr) } else { (addr, from) };
            Edge { to: then.clone(), from: first.clone(), kind: EdgeKind::After }
        })
        .collect()
}

/// What stands in the way of a destroy: objects that the state protects, whatever the spec says now, and those that the spec
/// protects, whether or not a run has recorded it.
///
/// # Errors
/// MIG4002: a record cannot be read, so that its protection is not known.
pub fn prevented(state: &State, spec: &Spec) -> Outcome<Vec<Diagnostic>> {
    let protected = spec.runners.values().filter(|runner| match &runner.kind {
        RunnerKind::Ec2(ec2) => ec2.prevent_destroy,
        RunnerKind::Local | RunnerKind::Ssh(_) => false,
    });
    let in_spec: BTreeSet<StepAddr> = protected
        .flat_map(|runner| [StepType::Instance, StepType::Volume].map(|part| StepAddr::of_ec2(&runner.name, part)))
        .collect();
    let mut found = Vec::new();
    for (addr, record) in &state.steps {
        if prevents_destroy(addr, record)? || in_spec.contains(addr) {
            found.push(prevented_by(addr, "destroy"));
        }
    }
    Ok(found)
}

/// An instance depends on its security group: where the group is replaced, the instance ends. The plan has to say so, and
/// a protected one stays; `-target` may leave its own step out of the plan.
///
/// # Errors
/// As [`prevented`].
pub(super) fn gone_along(graph: &Graph, state: &State) -> Outcome<Vec<Diagnostic>> {
    let mut found = Vec::new();
    let replaced = graph.nodes.iter().filter(|node| node.action == Action::Replace);
    for group in replaced.filter(|node| node.addr.step_type() == Some(StepType::SecurityGroup)) {
        let instance = group.addr.sibling(StepType::Instance);
        let (Some(of_group), Some(there)) = (state.steps.get(&group.addr), state.steps.get(&instance)) else {
            continue;
        };
        if !of_group.outputs_as::<SecurityGroupOutputs>(&group.addr)?.is_some_and(|made| made.owned) {
            continue;
        }
        // One that never finished starts again with its step.
        let in_plan = graph.nodes.iter().any(|node| {
            let unfinished = there.outputs.is_none() && matches!(node.action, Action::Create | Action::Rerun);
            node.addr == instance && (node.action == Action::Replace || unfinished)
        });
        if in_plan {
            continue;
        }
        found.push(match prevents_destroy(&instance, there)? {
            true => prevented_by(&instance, "replace"),
            false => Diagnostic::error(codes::INSTANCE_WOULD_END, "the instance would end with its security group")
                .about(instance.to_string())
                .detail(format!("{} is replaced, and this step is left out of the plan.", group.addr))
                .help("Name the instance as well, -replace and -target, or leave -target out."),
        });
    }
    Ok(found)
}

pub(super) fn prevented_by(addr: &StepAddr, doing: &str) -> Diagnostic {
    Diagnostic::error(codes::PREVENT_DESTROY, format!("prevent_destroy is on: mig does not {doing} it"))
        .about(addr.to_string())
        .detail("The spec has prevent_destroy = true, or it was applied with it, which the state keeps.")
        .help("Set prevent_destroy = false in the block and apply that first.")
}
