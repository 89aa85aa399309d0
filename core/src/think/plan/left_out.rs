//! What a plan with `-target` leaves out although it would do it: recorded steps that stand on what the plan does. Their
//! records become stale with the run, so that the next plan does them again.

use std::collections::{BTreeMap, BTreeSet};

use super::desired::Desired;
use super::diff::decide_all;
use crate::formats::cause::Cause;
use crate::formats::facts::World;
use crate::formats::plan::{Graph, Node};
use crate::formats::state::{LeftOut, State, Status};
use crate::think::graph;
use crate::words::addr::StepAddr;
use crate::words::codes;
use crate::words::diag::Diagnostic;
use crate::words::error::{Failure, Outcome};

/// `whole`: the wanted steps before `-target` narrowed them; `narrowed`: the graph of the plan, with its actions.
///
/// # Errors
/// A cycle; a record that cannot be read.
pub(super) fn of(
    whole: Desired,
    narrowed: &Graph,
    state: &State,
    world: &World,
    replace: &BTreeSet<StepAddr>,
) -> Outcome<LeftOut> {
    let graph = graph::arrange(whole.nodes, whole.edges)?;
    let of = (&whole.standings, &whole.filters, &whole.renamed);
    let decided = decide_all(&graph, of, state, world, replace)?;
    let inside: BTreeMap<&StepAddr, &Node> = narrowed.nodes.iter().map(|node| (&node.addr, node)).collect();
    let complete = |addr: &StepAddr| state.steps.get(addr).is_some_and(|record| record.status == Status::Complete);
    let stands_on_more = |addr: &StepAddr| {
        let cause = decided.get(addr).and_then(Option::as_ref).map(|(_, cause)| cause);
        matches!(cause, Some(Cause::Upstream { .. } | Cause::PositionRetaken))
    };
    let mut parents: BTreeMap<&StepAddr, Vec<&StepAddr>> = BTreeMap::new();
    for edge in &graph.edges {
        parents.entry(&edge.to).or_default().push(&edge.from);
    }
    let mut found = LeftOut::new();
    // In the order of the graph: what the steps above a step stand on is known before it is asked.
    let mut because: BTreeMap<&StepAddr, BTreeSet<&StepAddr>> = BTreeMap::new();
    for node in graph.nodes.iter().filter(|node| !inside.contains_key(&node.addr) && stands_on_more(&node.addr)) {
        let mut done = BTreeSet::new();
        for parent in parents.get(&node.addr).into_iter().flatten() {
            match inside.get(*parent) {
                Some(one) if one.action.is_change() || replace.contains(*parent) => drop(done.insert(*parent)),
                Some(_) => {}
                None => done.extend(because.get(*parent).into_iter().flatten()),
            }
        }
        for one in done.iter().filter(|_| complete(&node.addr)) {
            found.entry((*one).clone()).or_default().insert(node.addr.clone());
        }
        because.insert(&node.addr, done);
    }
    Ok(found)
}

/// # Errors
/// MIG1010: `-replace` names a step that `-target` leaves out.
pub(super) fn check_replace(whole: Option<&Desired>, narrowed: &Desired, replace: &BTreeSet<StepAddr>) -> Outcome<()> {
    let Some(whole) = whole else { return Ok(()) };
    let has = |wanted: &Desired, addr: &StepAddr| wanted.nodes.iter().any(|node| node.addr == *addr);
    match replace.iter().find(|addr| has(whole, addr) && !has(narrowed, addr)) {
        None => Ok(()),
        Some(addr) => Err(Failure::new(
            codes::BAD_ADDRESS,
            "read -replace",
            format!("{addr} is a step of this spec, and -target leaves it out"),
            "Name it, or a step that stands on it, with -target too; or plan without -target.",
        )),
    }
}

/// What the plan says of them.
pub(super) fn notice(left_out: &LeftOut) -> Option<Diagnostic> {
    const NAMED: usize = 5;
    let steps: BTreeSet<&StepAddr> = left_out.values().flatten().collect();
    let named: Vec<String> = steps.iter().take(NAMED).map(ToString::to_string).collect();
    let more = if steps.len() > NAMED { format!(" and {} more", steps.len() - NAMED) } else { String::new() };
    (!steps.is_empty()).then(|| {
        Diagnostic::warning(codes::PLAN_NARROWED, "what is recorded of other steps does not hold after this plan")
            .detail(format!(
                "They stand on what is done here, and -target leaves them out: {}{more}.",
                named.join(", ")
            ))
            .help("Plan and apply without -target afterwards: that does them again.")
    })
}
