//! Two plans, compared: what the second would do otherwise than the first, and on which other facts it rests. Pure: both plans
//! come in as values. It compares all of what a plan would do, so that two plans without a difference do the same; when they
//! were made and until when they are good does not count.

use std::collections::{BTreeMap, BTreeSet};

use crate::formats::plan::{Body, Change, Edge, Estimates, Graph, Node, Observed, PlanFile};
use crate::formats::plan_diff::{
    Aspect, Basis, EdgesDiff, FORMAT_VERSION, FindingDiff, GateSide, Named, Pair, PlanDiff, PlanName, Quantities, Side,
    StepDiff, StepSide,
};
use crate::formats::steps;
use crate::words::addr::StepAddr;
use crate::words::diag::Diagnostic;
use crate::words::digest::Digest;

/// What differs between two plans.
pub fn diff(before: &PlanFile, after: &PlanFile) -> PlanDiff {
    // All fields by name: one that comes later does not build before it is compared.
    let Body {
        mode: _,
        lineage: _,
        serial: _,
        spec_digest: _,
        state_digest: _,
        observed: Observed { servers, tables: _, verdicts: _ },
        graph: Graph { nodes: _, edges },
        changes: _,
        diagnostics: _,
        // Of a refresh, which does nothing about it.
        differs: _,
        blocked: _,
        replace: _,
        targets: _,
        // Told by a finding.
        left_out: _,
        moves: _,
        pending: _,
    } = &after.body;
    let estimates = (Quantities::from(&before.estimates), Quantities::from(&after.estimates));
    PlanDiff {
        format_version: FORMAT_VERSION,
        before: name(before),
        after: name(after),
        basis: basis(before, after),
        servers: named(&before.body.observed.servers, servers, String::clone, String::clone),
        steps: steps(&before.body, &after.body),
        edges: edges_diff(&before.body.graph.edges, edges),
        gates: gates(&before.body, &after.body),
        findings: findings(&before.body, &after.body),
        estimates: (estimates.0 != estimates.1).then_some(Pair { before: Some(estimates.0), after: Some(estimates.1) }),
        estimated_tables: estimated(&before.estimates, &after.estimates),
    }
}

fn name(plan: &PlanFile) -> PlanName {
    PlanName { digest: plan.digest.clone(), created: plan.header.created.clone() }
}

fn basis(before: &PlanFile, after: &PlanFile) -> Vec<Basis> {
    let versions = (before.header.mig_version.clone(), after.header.mig_version.clone());
    let (before, after) = (&before.body, &after.body);
    let mut out = Vec::new();
    let mut add = |differs: bool, basis: Basis| {
        if differs {
            out.push(basis);
        }
    };
    add(versions.0 != versions.1, Basis::Version { before: versions.0, after: versions.1 });
    add(before.mode != after.mode, Basis::Mode { before: before.mode, after: after.mode });
    add(before.spec_digest != after.spec_digest, Basis::Spec);
    let state_differs = before.state_digest != after.state_digest || before.serial != after.serial;
    add(state_differs, Basis::State { before: before.serial, after: after.serial });
    let lineages = (before.lineage.clone(), after.lineage.clone());
    add(lineages.0 != lineages.1, Basis::Lineage { before: lineages.0, after: lineages.1 });
    let replace = |body: &Body| body.replace.iter().cloned().collect();
    add(before.replace != after.replace, Basis::Replace { before: replace(before), after: replace(after) });
    let targets = (before.targets.clone(), after.targets.clone());
    add(targets.0 != targets.1, Basis::Targets { before: targets.0, after: targets.1 });
    let moves = (before.moves.clone(), after.moves.clone());
    add(moves.0 != moves.1, Basis::Moves { before: moves.0, after: moves.1 });
    let pending = (before.pending.clone(), after.pending.clone());
    add(pending.0 != pending.1, Basis::Pending { before: pending.0, after: pending.1 });
    add(before.blocked != after.blocked, Basis::Blocked { after: after.blocked });
    out
}

/// The entries of two maps that differ, by name.
fn named<K: Ord, V: PartialEq, T>(
    before: &BTreeMap<K, V>,
    after: &BTreeMap<K, V>,
    name: impl Fn(&K) -> String,
    side: impl Fn(&V) -> T,
) -> Vec<Named<Pair<T>>> {
    let keys: BTreeSet<&K> = before.keys().chain(after.keys()).collect();
    let pairs = keys.into_iter().map(|key| (key, before.get(key), after.get(key)));
    let differing = pairs.filter(|(_, before, after)| before != after);
    differing
        .map(|(key, before, after)| Named {
            name: name(key),
            differs: Pair { before: before.map(&side), after: after.map(&side) },
        })
        .collect()
}

/// A plan's steps, to be looked up.
struct Steps<'a> {
    nodes: BTreeMap<&'a StepAddr, &'a Node>,
    changes: BTreeMap<&'a StepAddr, &'a Change>,
    tables: &'a BTreeMap<StepAddr, Digest>,
}

impl<'a> Steps<'a> {
    fn of(body: &'a Body) -> Self {
        Self {
            nodes: body.graph.nodes.iter().map(|node| (&node.addr, node)).collect(),
            changes: body.changes.iter().map(|change| (&change.addr, change)).collect(),
            tables: &body.observed.tables,
        }
    }

    fn side(&self, node: &Node) -> StepSide {
        let change = self.changes.get(&node.addr);
        StepSide {
            action: node.action,
            cause: change.map(|change| change.cause.clone()),
            what: change.and_then(|change| change.what.clone()),
            drops_rows: change.and_then(|change| change.drops_rows),
            needs_confirm: change.is_some_and(|change| change.needs_confirm),
        }
    }
}

fn steps(before: &Body, after: &Body) -> Vec<StepDiff> {
    let (old, new) = (Steps::of(before), Steps::of(after));
    let later = after.graph.nodes.iter().filter_map(|node| one(&node.addr, &old, &new));
    let gone = before.graph.nodes.iter().filter(|node| !new.nodes.contains_key(&node.addr));
    later.chain(gone.filter_map(|node| one(&node.addr, &old, &new))).collect()
}

fn one(addr: &StepAddr, old: &Steps, new: &Steps) -> Option<StepDiff> {
    let (was, is) = (old.nodes.get(addr).copied(), new.nodes.get(addr).copied());
    let kind = is.or(was)?.kind;
    let aspects = match (was, is) {
        (Some(was), Some(is)) => aspects((was, old), (is, new)),
        _ => Vec::new(),
    };
    if was.is_some() && is.is_some() && aspects.is_empty() {
        return None;
    }
    let (before, after) = (was.map(|node| old.side(node)), is.map(|node| new.side(node)));
    Some(StepDiff { addr: addr.clone(), kind, before, after, aspects, ddl: ddl(was, is) })
}

/// All fields of a change by name: one that comes later does not build before [`aspects`] compares it.
const _: fn(&Change) =
    |Change { addr: _, action: _, what: _, cause: _, drops_rows: _, rewrite: _, needs_confirm: _ }| {};

fn aspects((was, old): (&Node, &Steps), (is, new): (&Node, &Steps)) -> Vec<Aspect> {
    let (before, after) = (old.changes.get(&was.addr).copied(), new.changes.get(&is.addr).copied());
    let action = |change: &Change| change.action;
    let differ = [
        (Aspect::Kind, was.kind != is.kind),
        (Aspect::Action, was.action != is.action || before.map(action) != after.map(action)),
        (Aspect::Cause, before.map(|of| &of.cause) != after.map(|of| &of.cause)),
        (Aspect::What, before.map(|of| &of.what) != after.map(|of| &of.what)),
        (Aspect::DropsRows, before.map(|of| of.drops_rows) != after.map(|of| of.drops_rows)),
        (Aspect::NeedsConfirm, before.map(|of| of.needs_confirm) != after.map(|of| of.needs_confirm)),
        (Aspect::Rewrite, before.map(|of| &of.rewrite) != after.map(|of| &of.rewrite)),
        (Aspect::Inputs, was.inputs != is.inputs || was.inputs_digest != is.inputs_digest),
        (Aspect::SourceTable, old.tables.get(&was.addr) != new.tables.get(&is.addr)),
    ];
    let mut found: Vec<Aspect> = differ.into_iter().filter_map(|(aspect, differs)| differs.then_some(aspect)).collect();
    // Where the action is another one, that it has another reason and confirmation follows.
    if found.contains(&Aspect::Action) && (before.is_none() || after.is_none()) {
        found.retain(|aspect| !matches!(aspect, Aspect::What | Aspect::DropsRows | Aspect::NeedsConfirm));
    }
    found
}

fn ddl(was: Option<&Node>, is: Option<&Node>) -> Option<Pair<String>> {
    let text = |node: Option<&Node>| node.map(statements).filter(|ddl| !ddl.is_empty()).map(|ddl| ddl.join(";\n"));
    let (before, after) = (text(was), text(is));
    (before != after && was.is_some() && is.is_some()).then_some(Pair { before, after })
}

/// Of a step that removes, or whose inputs another version wrote, there are none.
fn statements(node: &Node) -> Vec<String> {
    steps::statements(node).unwrap_or_default()
}

fn edges_diff(before: &[Edge], after: &[Edge]) -> EdgesDiff {
    let (old, new): (BTreeSet<&Edge>, BTreeSet<&Edge>) = (before.iter().collect(), after.iter().collect());
    let only = |in_: &BTreeSet<&Edge>, not: &BTreeSet<&Edge>| in_.difference(not).map(|edge| (*edge).clone()).collect();
    EdgesDiff { gone: only(&old, &new), new: only(&new, &old) }
}

fn gates(before: &Body, after: &Body) -> Vec<Named<Pair<GateSide>>> {
    let sides = |body: &Body| -> BTreeMap<StepAddr, GateSide> {
        body.observed.verdicts.iter().map(|(addr, verdict)| (addr.clone(), verdict.into())).collect()
    };
    named(&sides(before), &sides(after), StepAddr::to_string, GateSide::clone)
}

/// A finding, and the gate that has it. The plan repeats what its gates found: that counts once.
fn all_findings(body: &Body) -> Vec<(Option<&StepAddr>, &Diagnostic)> {
    let verdicts = &body.observed.verdicts;
    let of_gates: Vec<_> = verdicts
        .iter()
        .flat_map(|(addr, verdict)| verdict.findings.iter().map(move |finding| (Some(addr), finding)))
        .collect();
    let known: BTreeSet<String> = of_gates.iter().map(|(_, finding)| key(None, finding)).collect();
    let own = body.diagnostics.iter().filter(|own| !known.contains(&key(None, own)));
    own.map(|own| (None, own)).chain(of_gates.iter().copied()).collect()
}

/// All of a finding but where in a file it stands: a line above it moves that.
fn key(gate: Option<&StepAddr>, finding: &Diagnostic) -> String {
    let Diagnostic { severity, code, summary, place, subject, detail, help } = finding;
    let file = place.as_ref().map(|place| (&place.file, &place.source_line));
    format!("{:?}", (gate, severity, code, summary, file, subject, detail, help))
}

fn findings(before: &Body, after: &Body) -> Vec<FindingDiff> {
    let (old, new) = (all_findings(before), all_findings(after));
    let mut out = only(&old, &new, Side::Gone);
    out.extend(only(&new, &old, Side::New));
    out
}

/// The findings of a plan that are not, or less often, in the other.
fn only(
    of: &[(Option<&StepAddr>, &Diagnostic)],
    other: &[(Option<&StepAddr>, &Diagnostic)],
    side: Side,
) -> Vec<FindingDiff> {
    let mut there: BTreeMap<String, usize> = BTreeMap::new();
    for (gate, finding) in other {
        *there.entry(key(*gate, finding)).or_default() += 1;
    }
    let is_new = |(gate, finding): &&(Option<&StepAddr>, &Diagnostic)| match there.get_mut(&key(*gate, finding)) {
        Some(left) if *left > 0 => {
            *left -= 1;
            false
        }
        _ => true,
    };
    let new = of.iter().filter(is_new);
    new.map(|(gate, finding)| FindingDiff { side, gate: gate.cloned(), finding: (*finding).clone() }).collect()
}

fn estimated(before: &Estimates, after: &Estimates) -> Vec<String> {
    named(&before.by_table, &after.by_table, String::clone, |_| ()).into_iter().map(|one| one.name).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#[path = "plan_diff_tests.rs"]
pub(in crate::think) mod tests;
