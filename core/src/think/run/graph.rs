//! The steps of a run with their edges, as the run machine keeps them. A part of it.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;

use super::super::ready::Ticket;
use super::{StepEnd, StepNo};
use crate::formats::json_text::JsonText;
use crate::formats::plan::{Action, EdgeKind, Graph};
use crate::formats::state::{Progress, State, Status};
use crate::words::addr::{StepAddr, StepKind};
use crate::words::codes;
use crate::words::digest::Digest;
use crate::words::error::{Failure, Outcome};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Phase {
    /// For steps before it, or (passive) for its turn.
    Waiting,
    Ready,
    /// Its start is being recorded.
    Intending,
    Running,
    /// It has ended, and a step that gives it parts has not.
    Held(Value),
    Ended(StepEnd),
}

/// What there is to do for a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// It is as it should be: it only hands the order on.
    Pass,
    /// Its record goes, nothing else.
    Forget,
    Work,
}

pub(super) struct Step {
    pub(super) addr: StepAddr,
    pub(super) kind: StepKind,
    pub(super) inputs_digest: Digest,
    pub(super) destroys: bool,
    /// Another machine carries it out.
    pub(super) elsewhere: bool,
    pub(super) depends_on: Vec<StepAddr>,
    pub(super) task: Task,
    pub(super) phase: Phase,
    pub(super) after: Vec<StepNo>,
    pub(super) feeds: Vec<StepNo>,
    pub(super) fed_by: Vec<StepNo>,
    /// Edges that still hold it back.
    pub(super) waits: usize,
    pub(super) depth: u32,
    /// Steps that feed it and run.
    pub(super) running_feeders: usize,
    /// What is durable of it.
    pub(super) progress: Progress,
    /// Outputs that stand in the state, for those it feeds.
    pub(super) outputs: Option<JsonText>,
    /// The step whose failure makes this one impossible; `None` inside: an interrupt.
    pub(super) doomed: Option<Option<StepAddr>>,
}

pub(super) fn ticket(no: StepNo, step: &Step) -> Ticket {
    Ticket { step: no, kind: step.kind, depth: step.depth, rides: step.running_feeders > 0 }
}

/// Steps of a new run whose record would look, to a resumed run, as if this run had done them.
pub(super) fn again(graph: &Graph, state: &State) -> BTreeSet<StepAddr> {
    let looks_done = |addr: &StepAddr, inputs: &Digest| {
        state.steps.get(addr).is_some_and(|r| r.status == Status::Complete && r.inputs_digest == *inputs)
    };
    let nodes = graph.nodes.iter().filter(|node| match node.action {
        Action::Rerun => looks_done(&node.addr, &node.inputs_digest),
        Action::Replace => state.steps.contains_key(&node.addr),
        _ => false,
    });
    nodes.map(|node| node.addr.clone()).collect()
}

/// The steps with their edges.
pub(super) fn link(graph: &Graph) -> Outcome<Vec<Step>> {
    let mut numbers = HashMap::with_capacity(graph.nodes.len());
    let mut steps = Vec::with_capacity(graph.nodes.len());
    for (no, node) in graph.nodes.iter().enumerate() {
        if numbers.insert(&node.addr, no).is_some() {
            return Err(unrunnable(format!("{} is there twice", node.addr)));
        }
        steps.push(Step {
            addr: node.addr.clone(),
            kind: node.kind,
            inputs_digest: node.inputs_digest.clone(),
            destroys: node.action == Action::Destroy,
            elsewhere: false,
            depends_on: Vec::new(),
            task: Task::Work,
            phase: Phase::Waiting,
            after: Vec::new(),
            feeds: Vec::new(),
            fed_by: Vec::new(),
            waits: 0,
            depth: 0,
            running_feeders: 0,
            progress: Progress::default(),
            outputs: None,
            doomed: None,
        });
    }
    let mut seen = HashSet::with_capacity(graph.edges.len());
    for edge in &graph.edges {
        let find = |addr: &StepAddr| {
            numbers.get(addr).copied().ok_or_else(|| unrunnable(format!("an edge names {addr}, which is not there")))
        };
        let (from, to) = (find(&edge.from)?, find(&edge.to)?);
        if !seen.insert((from, to)) {
            return Err(unrunnable(format!("the edge from {} to {} is there twice", edge.from, edge.to)));
        }
        match edge.kind {
            EdgeKind::After => steps[from].after.push(to),
            EdgeKind::Stream => {
                steps[from].feeds.push(to);
                steps[to].fed_by.push(from);
            }
        }
        steps[to].waits += 1;
        steps[to].depends_on.push(edge.from.clone());
    }
    Ok(steps)
}

/// Sets the depths; finds circles on the way.
pub(super) fn order(steps: &mut [Step]) -> Outcome<()> {
    let mut waits: Vec<usize> = steps.iter().map(|step| step.waits).collect();
    let mut free: Vec<StepNo> = (0..steps.len()).filter(|no| waits[*no] == 0).collect();
    let mut ordered = 0;
    while let Some(no) = free.pop() {
        ordered += 1;
        let depth = steps[no].depth + 1;
        for to in steps[no].after.iter().chain(&steps[no].feeds).copied().collect::<Vec<_>>() {
            steps[to].depth = steps[to].depth.max(depth);
            waits[to] -= 1;
            if waits[to] == 0 {
                free.push(to);
            }
        }
    }
    if ordered == steps.len() {
        return Ok(());
    }
    let stuck = waits.iter().position(|waits| *waits > 0).map(|no| steps[no].addr.to_string()).unwrap_or_default();
    Err(unrunnable(format!("steps wait for each other in a circle, {stuck} among them")))
}

fn unrunnable(cause: String) -> Failure {
    Failure::new(codes::PLAN_GRAPH_INVALID, "read the plan's graph", cause, "Plan again; nothing was done.")
}
