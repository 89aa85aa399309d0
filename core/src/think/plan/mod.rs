//! The planner: spec + state + observed world -> plan. A pure function: two calls over the same values give the same
//! body, byte for byte. It starts nothing and looks at nothing itself.
//!
//! The way of the data: [`desired`] builds every step that the spec and the inventory ask for, [`diff`] compares each
//! with what is recorded and observed, [`estimate`] adds quantities, [`destroy`] builds the graph that removes. What they
//! ask of one type of step is in its row in [`kinds`].

pub mod aws;
mod aws_diff;
mod aws_peering;
pub mod aws_source;
#[cfg(test)]
mod aws_tests;
mod decide;
pub mod desired;
pub mod destroy;
pub mod diff;
pub mod estimate;
pub mod kinds;
mod left_out;
mod overlap;
pub mod place;
#[cfg(test)]
mod place_tests;
mod refresh;
mod strays;
pub mod target;

use std::collections::BTreeSet;

use crate::formats::facts::World;
use crate::formats::plan::{Body, Change, Estimates, Graph, Mode, Observed};
use crate::formats::spec::model::Spec;
use crate::formats::state::{LeftOut, State};
use crate::think::moves;
use crate::words::addr::StepAddr;
use crate::words::diag::{Diagnostic, Severity};
use crate::words::digest::Digest;
use crate::words::error::Outcome;

/// What a plan is made from.
pub struct Question<'a> {
    pub spec: &'a Spec,
    /// `None`: nothing was applied yet.
    pub state: Option<&'a State>,
    pub world: &'a World,
    pub mode: Mode,
    /// `-replace=ADDR`.
    pub replace: &'a BTreeSet<StepAddr>,
    /// With [`Mode::Destroy`]: also the tables that this lineage created.
    pub drop_target_data: bool,
    /// `-target=ADDR`: only these steps and what they need; empty: every step.
    pub targets: &'a [String],
}

/// Makes the plan.
///
/// # Errors
/// A cycle in the graph, an address of `-replace` or `-target` that is not a step. What the world lacks is in the body (`blocked`,
/// diagnostics), never an error.
pub fn plan(question: &Question<'_>) -> Outcome<(Body, Estimates)> {
    let Question { spec, state, world, .. } = *question;
    let empty = State::new(String::new());
    let recorded = state.unwrap_or(&empty);
    let mut observed = Observed::default();
    for (address, facts) in &world.servers {
        if facts.fault.is_none() {
            observed.servers.insert(address.clone(), facts.identity.clone());
        }
    }
    let (mut pending, mut differs, mut left_out) = (Vec::new(), Vec::new(), LeftOut::new());
    aws_source::observed(spec, world, &mut observed.servers);
    let (graph, changes, mut diagnostics, estimates) = match question.mode {
        Mode::Apply | Mode::Refresh => {
            let mut wanted = desired::desired(spec, world, state, question.replace)?;
            let whole = (!question.targets.is_empty()).then(|| wanted.clone());
            let named = whole.is_some().then(|| target::narrow(&mut wanted, question.targets)).transpose()?;
            observed.tables = wanted.fingerprints.clone();
            observed.verdicts = wanted.verdicts.clone();
            pending = std::mem::take(&mut wanted.pending);
            let estimates = estimate::estimate(spec, world, &wanted);
            let twice = overlap::of_migrations(spec, world);
            left_out::check_replace(whole.as_ref(), &wanted, question.replace)?;
            let mut settled = diff::settle(wanted, recorded, world, question.replace, named.is_some())?;
            if let Some(whole) = whole {
                left_out = left_out::of(whole, &settled.graph, recorded, world, question.replace)?;
                settled.diagnostics.extend(left_out::notice(&left_out));
            }
            settled.diagnostics.extend(named.into_iter().chain(twice).chain(strays::of(world)));
            if question.mode == Mode::Refresh {
                (settled, differs) = refresh::only(settled);
                settled.diagnostics.extend(refresh::refused(recorded, world));
                settled.diagnostics.extend(refresh::out_of_sight(&settled.changes, &observed.verdicts));
            }
            place::add_elsewhere(&mut settled.diagnostics, spec, recorded, world)?;
            let estimates = estimate::of_pending(estimates, spec, &settled.graph);
            // A gate is asked only if a pending step depends on it: the verdicts of the others are no part of the plan.
            observed.verdicts.retain(|addr, _| settled.evaluated.contains(addr));
            (settled.graph, settled.changes, settled.diagnostics, estimates)
        }
        Mode::Destroy => {
            let (graph, changes) = destroy::destroy(recorded, question.drop_target_data)?;
            observed.servers.extend(destroy::servers(recorded)?);
            let mut found = destroy::prevented(recorded, spec)?;
            found.extend(place::without_block(spec, &graph));
            (graph, changes, found, Estimates::default())
        }
    };
    let here = place::of_provider(spec, world.cloud.as_ref());
    diagnostics.extend(here.and_then(|here| place::wrong_provider(spec, state, &here)));
    diagnostics.extend(place::without_provider(spec, &graph));
    diagnostics.extend(place::not_recorded(state, world, question.mode)?);
    diagnostics.extend(moves::conflicts(recorded, spec));
    if question.mode != Mode::Destroy {
        diagnostics.extend(moves::taken_names(recorded, spec));
    }
    let refused = observed.verdicts.values().any(|verdict| verdict.outcome.refuses());
    let faulty = diagnostics.iter().any(|d| d.severity == Severity::Error);
    diagnostics.sort_by(|a, b| {
        (a.severity, &a.code, &a.subject, &a.summary).cmp(&(b.severity, &b.code, &b.subject, &b.summary))
    });
    let body = Body {
        mode: question.mode,
        lineage: state.map(|s| s.lineage.clone()),
        serial: state.map_or(0, |s| s.serial),
        spec_digest: Digest::of(&spec.digest_form()),
        state_digest: recorded_digest(state),
        observed,
        blocked: refused || faulty,
        graph,
        changes,
        diagnostics,
        differs,
        replace: question.replace.clone(),
        targets: question.targets.to_vec(),
        left_out,
        moves: state.map(|state| state.moves.clone()).unwrap_or_default(),
        pending,
    };
    Ok((body, estimates))
}

/// The digest of the state a plan is bound to; "no state yet" has one of its own.
pub fn recorded_digest(state: Option<&State>) -> Digest {
    state.map_or_else(|| Digest::of_bytes(b"no state yet"), State::digest)
}

/// What [`diff::settle`] hands back.
pub struct Settled {
    pub graph: Graph,
    pub changes: Vec<Change>,
    pub diagnostics: Vec<Diagnostic>,
    /// Gates that a pending step depends on.
    pub evaluated: BTreeSet<StepAddr>,
}
