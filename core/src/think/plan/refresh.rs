//! A plan that only brings the records up to date (`-refresh-only`): what is recorded and gone from the target leaves the state, so
//! that the next plan creates it as something new. It moves no row, creates nothing and removes nothing. What differs in another
//! way is told, and stays for a plan that sets it right: a record cannot say that an object is otherwise than it was asked for.

use std::collections::{BTreeMap, BTreeSet};

use super::Settled;
use crate::formats::cause::{Cause, Drift};
use crate::formats::facts::{GateOutcome, Verdict, World};
use crate::formats::plan::{Action, Change};
use crate::formats::state::State;
use crate::words::addr::{GateName, StepAddr};
use crate::words::codes;
use crate::words::diag::Diagnostic;

/// Whether the object itself is not there any more, so that there is nothing left to forget about it.
///
/// Of an object in a cloud, the record also counts the attempts to make it. Its step finds out by itself that it is gone.
fn is_gone(change: &Change) -> bool {
    let Cause::Drift { drift } = &change.cause else { return false };
    matches!(drift, Drift::GoneFromTarget | Drift::ViewInItsPlace | Drift::TableInItsPlace)
        && change.addr.kind().is_some_and(|kind| kind.is_target_data())
}

/// What of a whole plan is a refresh, and what differs in another way.
pub(super) fn only(settled: Settled) -> (Settled, Vec<Change>) {
    let Settled { mut graph, changes, diagnostics, .. } = settled;
    let (gone, others): (Vec<Change>, Vec<Change>) = changes.into_iter().partition(is_gone);
    let differs = others.into_iter().filter(|change| matches!(change.cause, Cause::Drift { .. })).collect();
    let changes: Vec<Change> =
        gone.into_iter().map(|change| Change::new(change.addr, Action::Forget, change.cause)).collect();
    graph.edges.clear();
    graph.nodes.retain(|node| changes.iter().any(|change| change.addr == node.addr));
    graph.nodes.iter_mut().for_each(|node| node.action = Action::Forget);
    (Settled { graph, changes, diagnostics, evaluated: Default::default() }, differs)
}

/// Why nothing may be recorded now.
pub(super) fn refused(state: &State, world: &World) -> Vec<Diagnostic> {
    let unseen = world.servers.iter().filter_map(|(address, facts)| Some((address, facts.fault.as_ref()?)));
    let mut found: Vec<Diagnostic> = unseen
        .map(|(address, fault)| {
            Diagnostic::error(fault.code, format!("failed to {}: {}", fault.doing, fault.cause))
                .about(address.clone())
                .detail("What is there is not known, so nothing of it can be recorded.")
                .help(fault.hint.clone())
        })
        .collect();
    if state.open_run.is_some() {
        found.push(
            Diagnostic::error(codes::RUN_OPEN, "a run was interrupted and is open")
                .detail("Its own records say what is there and what is not.")
                .help("Run `mig apply` to its end first, or `mig destroy` if it was one."),
        );
    }
    found
}

/// Why what looks gone may only be out of sight: information_schema shows a user nothing that it has no right on.
pub(super) fn out_of_sight(gone: &[Change], verdicts: &BTreeMap<StepAddr, Verdict>) -> Vec<Diagnostic> {
    let of: BTreeSet<&str> = gone.iter().filter_map(|change| change.addr.migration()).collect();
    let gates = of.into_iter().map(|migration| StepAddr::gate(migration, GateName::Privileges));
    let told = |addr: StepAddr| {
        let verdict = verdicts.get(&addr)?;
        let sees = matches!(verdict.outcome, GateOutcome::Passed | GateOutcome::Warned);
        let first = verdict.findings.first().filter(|_| !sees)?;
        let lacks: Vec<&str> = verdict.findings.iter().map(|finding| finding.summary.as_str()).collect();
        Some(
            Diagnostic::error(first.code, "what looks gone from the target may be out of the user's sight")
                .about(addr.to_string())
                .detail(lacks.join("\n"))
                .help("Give the user these rights, then refresh again: nothing was recorded."),
        )
    };
    gates.filter_map(told).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::formats::plan::{Graph, Node};
    use crate::words::addr::StepAddr;
    use crate::words::digest::Digest;

    #[test]
    fn only_an_object_of_the_target_that_is_gone_leaves_the_state_and_other_drift_is_told() {
        let check = |addr: &str, cause: Cause, expected: (usize, usize)| {
            let addr = StepAddr::parse(addr).unwrap();
            let node = Node {
                addr: addr.clone(),
                kind: addr.kind().unwrap(),
                action: Action::Create,
                inputs: crate::formats::json_text::JsonText::none(),
                inputs_digest: Digest::of_bytes(b""),
            };
            let settled = Settled {
                graph: Graph { nodes: vec![node], edges: Vec::new() },
                changes: vec![Change::new(addr.clone(), Action::Create, cause)],
                diagnostics: Vec::new(),
                evaluated: Default::default(),
            };
            let (settled, differs) = only(settled);
            assert!(settled.changes.iter().all(|change| change.action == Action::Forget));
            assert!(settled.graph.nodes.iter().all(|node| node.action == Action::Forget));
            assert_eq!(
                (settled.changes.len(), settled.graph.nodes.len(), differs.len()),
                (expected.0, expected.0, expected.1),
                "{addr}"
            );
        };
        let drift = |drift| Cause::Drift { drift };
        let table = r#"migration.m.table["s.t"]"#;
        check(table, drift(Drift::GoneFromTarget), (1, 0));
        check(table, drift(Drift::ViewInItsPlace), (1, 0));
        check(r#"migration.m.view["s.v"]"#, drift(Drift::TableInItsPlace), (1, 0));
        check(table, drift(Drift::ChangedOnTarget { part: "x".into() }), (0, 1));
        check(r#"migration.m.load["s.t"]"#, drift(Drift::LedgerDiffers { difference: "x".into() }), (0, 1));
        check(r#"migration.m.database["s"]"#, drift(Drift::GoneFromTarget), (0, 1));
        let id = "i-1".to_owned();
        let object = crate::formats::cause::CloudObject::Instance;
        check("runner.ec2.r.instance", drift(Drift::Gone { object, id }), (0, 1));
        check(table, Cause::NotRecorded, (0, 0));
        check(table, Cause::Requested, (0, 0));
    }
}
