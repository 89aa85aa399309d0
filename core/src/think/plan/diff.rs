//! The diff: each wanted step against its record and against what was observed, by the contract's table "When a step
//! runs again". Every change has its cause.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Settled;
use super::aws_diff::Standing;
use super::decide::{Decided, DecisionContext};
use super::desired::Desired;
use super::{destroy, place};
use crate::formats::cause::{Cause, Drift, Left, Upstream};
use crate::formats::facts::{MigrationFacts, World};
use crate::formats::filter::Filter;
use crate::formats::json_text::JsonText;
use crate::formats::outputs::prevents_destroy;
use crate::formats::plan::{Action, Change, EdgeKind, Graph, Node};
use crate::formats::state::{State, Status, StepRecord};
use crate::formats::steps::{DumpOutputs, LoadOutputs, ServerOutputs};
use crate::think::graph;
use crate::words::addr::{StepAddr, StepKind, TableName};
use crate::words::codes;
use crate::words::diag::Diagnostic;
use crate::words::digest::Digest;
use crate::words::error::{Failure, Outcome};

/// Decides every step's action. `targeted`: the wanted steps are not all of the spec's, so nothing is forgotten.
///
/// # Errors
/// A cycle; an address in `replace` that is not a step.
pub fn settle(
    wanted: Desired,
    state: &State,
    world: &World,
    replace: &BTreeSet<StepAddr>,
    targeted: bool,
) -> Outcome<Settled> {
    let Desired { nodes, edges, rewrites, mut diagnostics, unknown, out_of_sight, filters, .. } = wanted;
    let (standings, kept_blocks, renamed, removed) =
        (wanted.standings, wanted.kept_blocks, wanted.renamed, wanted.removed);
    let wanted_warnings = wanted.warn_if_pending;
    let mut graph = graph::arrange(nodes, edges)?;
    check_replace(&graph, replace)?;
    let mut decided = decide_all(&graph, (&standings, &filters, &renamed), state, world, replace)?;
    let nothing = MigrationFacts::default();
    let facts_of = |node: &Node| world.migrations.get(node.addr.migration().unwrap_or_default()).unwrap_or(&nothing);
    let mut parents: BTreeMap<&StepAddr, Vec<(&StepAddr, EdgeKind)>> = BTreeMap::new();
    for edge in &graph.edges {
        parents.entry(&edge.to).or_default().push((&edge.from, edge.kind));
    }
    let (asked, evaluated) = asked_of(&graph, &parents, &decided, targeted);

    let mut changes = Vec::new();
    for node in &mut graph.nodes {
        node.action = if asked.contains(&node.addr) { Action::Evaluate } else { Action::NoOp };
        if let Some((action, cause)) = decided.remove(&node.addr).flatten() {
            node.action = action;
            let record = state.steps.get(&node.addr);
            let standing = standings.get(&node.addr);
            if action == Action::Replace && standing.is_some_and(|s| s.prevented) {
                diagnostics.push(destroy::prevented_by(&node.addr, "replace"));
            }
            diagnostics.extend(wanted_warnings.get(&node.addr).into_iter().flatten().cloned());
            // Rows that are gone from the target are not dropped.
            let there = node.addr.table().is_none_or(|table| facts_of(node).target.table(&table).is_some());
            changes.push(Change {
                what: standing.map(|s| s.what.clone()).filter(|what| !what.is_empty()),
                needs_confirm: action == Action::Replace && there && drops_proven_rows(node, state, facts_of(node))?,
                rewrite: rewrites.get(&node.addr).cloned(),
                drops_rows: if there { rows_dropped(action, node, record)? } else { None },
                cause,
                addr: node.addr.clone(),
                action,
            });
        }
    }
    diagnostics.extend(destroy::gone_along(&graph, state)?);
    if !targeted {
        forget(&mut graph, &mut changes, state, (&unknown, &out_of_sight, &removed), &filters, world);
        let leaving = leave(&mut graph, &mut changes, state, &kept_blocks)?;
        diagnostics.extend(leaving);
    }
    Ok(Settled { graph, changes, diagnostics: with_identity(diagnostics, state, world)?, evaluated })
}

/// What becomes of each step of a graph, in its order.
pub(super) fn decide_all(
    graph: &Graph,
    (standings, filters, renamed): (
        &BTreeMap<StepAddr, Standing>,
        &BTreeMap<String, Filter>,
        &BTreeMap<StepAddr, Cause>,
    ),
    state: &State,
    world: &World,
    replace: &BTreeSet<StepAddr>,
) -> Outcome<Decided> {
    let nothing = MigrationFacts::default();
    let mut decided: Decided = BTreeMap::new();
    for node in &graph.nodes {
        let migration = node.addr.migration().unwrap_or_default();
        let ask = DecisionContext {
            node,
            nodes: &graph.nodes,
            record: state.steps.get(&node.addr),
            state,
            facts: world.migrations.get(migration).unwrap_or(&nothing),
            filter: filters.get(migration),
            decided: &decided,
            replace,
            standing: standings.get(&node.addr),
        };
        let decision = match ask.decide()? {
            None => renamed.get(&node.addr).map(|cause| (Action::Create, cause.clone())),
            decided => decided,
        };
        decided.insert(node.addr.clone(), decision);
    }
    keep_files_for_loads(graph, state, world, &mut decided)?;
    Ok(decided)
}

fn check_replace(graph: &Graph, replace: &BTreeSet<StepAddr>) -> Outcome<()> {
    match replace.iter().find(|addr| !graph.nodes.iter().any(|n| &n.addr == *addr)) {
        None => Ok(()),
        Some(addr) => Err(Failure::new(
            codes::BAD_ADDRESS,
            "read -replace",
            format!("{addr} is not a step of this spec"),
            "`mig graph` and `mig state list` show the addresses.",
        )),
    }
}

/// A load that must run needs the files of its dump, of a finished one and of one that goes on. Where some are not in the
/// folder, as after the death of the machine that wrote them, the dump starts over.
fn keep_files_for_loads(graph: &Graph, state: &State, world: &World, decided: &mut Decided) -> Outcome<()> {
    for node in graph.nodes.iter().filter(|n| n.kind == StepKind::Load) {
        let (Some(migration), Some(table)) = (node.addr.migration(), node.addr.table()) else { continue };
        let dump = StepAddr::of_table(migration, StepKind::Dump, &table);
        let (Some(Some((_, of_load))), Some(of_dump)) = (decided.get(&node.addr), decided.get(&dump)) else { continue };
        let facts = world.migrations.get(migration);
        let manifest = facts.and_then(|facts| facts.manifests.get(&table.key()));
        let (action, is_known) = match of_dump {
            None => {
                let recorded = state.outputs_of::<DumpOutputs>(&dump)?.map(|dump| dump.manifest);
                (Action::Rerun, recorded.is_some() && recorded.as_ref() == manifest)
            }
            Some((_, Cause::Unfinished { .. })) => (Action::Replace, true),
            Some(_) => continue,
        };
        // A load that goes on does not read once more what it has loaded: such files may have been removed.
        let record = state.steps.get(&node.addr);
        let loads = |part: &u32| {
            let known = record.filter(|_| matches!(of_load, Cause::Unfinished { .. }));
            known.and_then(|record| record.progress.parts.get(part)).is_none_or(|part| part.done.is_none())
        };
        let mut absent = facts.and_then(|facts| facts.absent_parts.get(&table.key())).into_iter().flatten();
        if !is_known || absent.any(loads) {
            decided.insert(dump, Some((action, Cause::Drift { drift: Drift::FilesIncomplete })));
            // New files are new parts: what a load did with the former ones cannot be continued.
            if record.is_some() {
                let cause = Cause::Upstream { upstream: Upstream::DumpRuns };
                decided.insert(node.addr.clone(), Some((Action::Replace, cause)));
            }
        }
    }
    Ok(())
}

/// Gates and servers are asked only where a pending step depends on them: all that are asked, and the gates among them.
fn asked_of(
    graph: &Graph,
    parents: &BTreeMap<&StepAddr, Vec<(&StepAddr, EdgeKind)>>,
    decided: &Decided,
    targeted: bool,
) -> (BTreeSet<StepAddr>, BTreeSet<StepAddr>) {
    let mut needed: BTreeSet<StepAddr> = BTreeSet::new();
    for node in graph.nodes.iter().rev() {
        let pending = decided.get(&node.addr).is_some_and(Option::is_some);
        if pending || needed.contains(&node.addr) {
            needed.extend(parents.get(&node.addr).into_iter().flatten().map(|(from, _)| (*from).clone()));
        }
    }
    // A migration whose tables are unknown has gates and nothing below them: they are asked, else nothing would be.
    let with_steps: BTreeSet<&str> =
        graph.nodes.iter().filter(|n| n.kind == StepKind::Report).filter_map(|n| n.addr.migration()).collect();
    let (mut asked, mut gates) = (BTreeSet::new(), BTreeSet::new());
    for node in graph.nodes.iter().filter(|node| node.kind.is_evaluated()) {
        let gate = node.kind == StepKind::Gate;
        let lone = !targeted && gate && !node.addr.migration().is_some_and(|m| with_steps.contains(m));
        if needed.contains(&node.addr) || lone {
            asked.insert(node.addr.clone());
            if gate {
                gates.insert(node.addr.clone());
            }
        }
    }
    (asked, gates)
}

/// Whether replacing this step drops rows that were verified, or of which only the ledger knows: a state that was lost may
/// have had their verification.
fn drops_proven_rows(node: &Node, state: &State, facts: &MigrationFacts) -> Outcome<bool> {
    if !matches!(node.kind, StepKind::Table | StepKind::Load) {
        return Ok(false);
    }
    let (Some(migration), Some(table)) = (node.addr.migration(), node.addr.table()) else { return Ok(false) };
    let of = |kind| StepAddr::of_table(migration, kind, &table);
    let verified = state.steps.get(&of(StepKind::Verify)).is_some_and(|record| record.status == Status::Complete);
    let by_ledger = facts.ledger.loaded.get(&table.key()).is_some_and(|loaded| loaded.rows > 0);
    if by_ledger && !state.steps.contains_key(&of(StepKind::Load)) {
        return Ok(true);
    }
    let loaded = state.outputs_of::<LoadOutputs>(&of(StepKind::Load))?;
    Ok(verified && loaded.is_some_and(|loaded| loaded.total.rows > 0))
}

/// The rows that a load drops before it loads again.
fn rows_dropped(action: Action, node: &Node, record: Option<&StepRecord>) -> Outcome<Option<u64>> {
    let replaced = action == Action::Replace && node.kind == StepKind::Load;
    let loaded = record.filter(|_| replaced).map_or(Ok(None), |record| record.outputs_as::<LoadOutputs>(&node.addr))?;
    Ok(loaded.map(|loaded| loaded.total.rows))
}

/// Steps that left the spec: out of the state, the object untouched.
fn forget(
    graph: &mut Graph,
    changes: &mut Vec<Change>,
    state: &State,
    (unknown, out_of_sight, removed): (&BTreeSet<String>, &BTreeSet<StepAddr>, &[StepAddr]),
    filters: &BTreeMap<String, Filter>,
    world: &World,
) {
    let at_source = |migration: &str, name: &TableName| {
        let source = world.migrations.get(migration).map(|facts| &facts.source);
        source.is_some_and(|source| source.has(name))
    };
    let wanted: BTreeSet<StepAddr> = graph.nodes.iter().map(|n| n.addr.clone()).collect();
    for (addr, record) in &state.steps {
        let migration = addr.migration().unwrap_or_default();
        let asked = removed.iter().any(|block| addr.is_under(block));
        if wanted.contains(addr) || unknown.contains(migration) || out_of_sight.contains(addr) {
            continue;
        }
        if addr.in_cloud() && !asked {
            continue;
        }
        let left = match (filters.get(migration), addr.table()) {
            _ if asked => Left::Removed,
            (Some(_), Some(table)) if at_source(migration, &table) => Left::Unasked,
            (Some(filter), Some(table)) if filter.matches(&table.schema, &table.name) => Left::Source,
            (Some(_), Some(_)) => Left::Filter,
            _ => Left::Spec,
        };
        changes.push(Change::new(addr.clone(), Action::Forget, Cause::Left { left }));
        graph.nodes.push(Node {
            addr: addr.clone(),
            kind: record.kind,
            action: Action::Forget,
            inputs: JsonText::none(),
            inputs_digest: Digest::of(&Value::Null),
        });
    }
}

/// Objects in a cloud whose steps left the spec: what this lineage made is removed, in the reverse of its making.
/// Returns what stands in the way.
fn leave(
    graph: &mut Graph,
    changes: &mut Vec<Change>,
    state: &State,
    kept_blocks: &BTreeSet<String>,
) -> Outcome<Vec<Diagnostic>> {
    let wanted: BTreeSet<&StepAddr> = graph.nodes.iter().map(|n| &n.addr).collect();
    let kept: Vec<StepAddr> = kept_blocks.iter().filter_map(|block| StepAddr::parse(block)).collect();
    let gone =
        |addr: &StepAddr| addr.in_cloud() && !wanted.contains(addr) && !kept.iter().any(|block| addr.is_under(block));
    let leaving: BTreeMap<&StepAddr, &StepRecord> = state.steps.iter().filter(|(addr, _)| gone(addr)).collect();
    let mut nodes = Vec::new();
    let mut edges = Vec::new();
    let mut found = Vec::new();
    for (addr, record) in &leaving {
        let undone = destroy::undo(state, addr, record, false)?;
        changes.push(Change::new((*addr).clone(), undone.action, undone.cause(true)));
        let digest = undone.digest();
        nodes.push(undone.node(addr, record, digest));
        let undone = destroy::undone_before(state, addr, record);
        edges.extend(undone.into_iter().filter(|e| leaving.contains_key(&e.from) && leaving.contains_key(&e.to)));
        if prevents_destroy(addr, record)? {
            found.push(destroy::prevented_by(addr, "destroy"));
        }
    }
    let leaving = graph::arrange(nodes, edges)?;
    graph.nodes.extend(leaving.nodes);
    graph.edges.extend(leaving.edges);
    graph.edges.sort();
    Ok(found)
}

/// Which server the state knows at an address of the spec: the id that it gave itself, or that was given to it at first contact.
///
/// # Errors
/// MIG4002: its record cannot be read, so that it is not known.
pub fn recorded_server(state: &State, addr: &StepAddr) -> Outcome<Option<String>> {
    Ok(state.outputs_of::<ServerOutputs>(addr)?.map(|server| server.server_id))
}

fn with_identity(mut diagnostics: Vec<Diagnostic>, state: &State, world: &World) -> Outcome<Vec<Diagnostic>> {
    for (address, facts) in world.servers.iter().filter(|(_, facts)| facts.fault.is_none()) {
        let Some(addr) = StepAddr::parse(address) else { continue };
        if let Some(recorded) = recorded_server(state, &addr)?.filter(|recorded| *recorded != facts.server_id) {
            diagnostics.push(place::another_server(address.clone(), &recorded, &facts.server_id));
        }
    }
    diagnostics.extend(place::other_clusters(state, world)?);
    Ok(diagnostics)
}
