//! Renames of blocks: what the state is after them. A rename changes addresses and nothing else: no step runs because of it.
//! What outside of the state has the name of a block is found by [`crate::formats::names::FirstNames`]. Pure; who records the
//! result holds the lock.

use crate::formats::names::Move;
use crate::formats::spec::model::{DUMP, Runner, Spec};
use crate::formats::state::{State, StepRecord};
use crate::formats::steps::RunnerOutputs;
use crate::words::addr::{StepAddr, StepType};
use crate::words::codes;
use crate::words::diag::Diagnostic;

/// The state as the `moved` blocks of a spec have it, with the renames that are not recorded yet in [`State::moves`]. While
/// one of them cannot be done, none is.
pub fn moved(state: State, spec: &Spec) -> State {
    match resolved(&state, spec) {
        Ok(Some(moved)) => moved,
        Ok(None) | Err(_) => state,
    }
}

/// Why the `moved` blocks of a spec cannot be followed.
pub fn conflicts(state: &State, spec: &Spec) -> Vec<Diagnostic> {
    resolved(state, spec).err().unwrap_or_default()
}

/// `None`: they say nothing of this state.
fn resolved(state: &State, spec: &Spec) -> Result<Option<State>, Vec<Diagnostic>> {
    let asked = |state: &State| spec.moved.iter().find(|one| state.has_under(&one.of.from)).map(|one| one.of.clone());
    let mut next: Option<State> = None;
    let mut found = Vec::new();
    // A chain takes one round for each of its links, and no chain is longer than the list.
    for _ in 0..spec.moved.len() {
        let current = next.as_ref().unwrap_or(state);
        let Some(one) = asked(current) else { break };
        if let Some(conflict) = conflict(current, spec, &one) {
            found.push(conflict);
            break;
        }
        let mut renamed = next.take().unwrap_or_else(|| state.clone());
        rename(&mut renamed, &one);
        note(&mut renamed.moves, one);
        next = Some(renamed);
    }
    if found.is_empty() { Ok(next) } else { Err(found) }
}

/// Adds a rename to those before it. Two links of a chain are one rename.
fn note(moves: &mut Vec<Move>, one: Move) {
    match moves.iter_mut().find(|before| before.to == one.from) {
        Some(before) => before.to = one.to,
        None => moves.push(one),
    }
}

/// Why a block of this state cannot be renamed now. `None`: it can.
pub fn conflict(state: &State, spec: &Spec, one: &Move) -> Option<Diagnostic> {
    let Move { from, to } = one;
    if state.has_under(to) {
        return Some(
            Diagnostic::error(codes::MOVE_CONFLICT, format!("{from} cannot become {to}: the state has both"))
                .about(to.to_string())
                .detail("What is recorded of one of them would be lost.")
                .help(format!(
                    "If {to} is a block of its own, give {from} another name. If it is a mistake, forget it first: `mig state rm \
                     {to}`."
                )),
        );
    }
    if state.open_run.is_some() && is_elsewhere(state, spec) {
        return Some(
            Diagnostic::error(
                codes::MOVE_WHILE_OPEN,
                format!("{from} cannot become {to} while its run is not finished"),
            )
            .about(to.to_string())
            .detail("Its worker on the runner began under the former name, and may be at work.")
            .help("Give the block its former name, finish the run with `mig apply`, then rename it."),
        );
    }
    None
}

/// Whether any of the work is done by a worker on another machine, by the spec or by what is recorded.
fn is_elsewhere(state: &State, spec: &Spec) -> bool {
    let mut by_spec = spec.migrations.values().filter_map(|migration| spec.runners.get(migration.runner.as_ref()?));
    let recorded = |(addr, record): (&StepAddr, &StepRecord)| {
        let is = |part| addr.step_type() == Some(part);
        // What cannot be read may be of another machine.
        let far = || match record.outputs_as::<RunnerOutputs>(addr) {
            Ok(made) => made.is_some_and(|made| made.endpoint.is_some()),
            Err(_) => true,
        };
        is(StepType::Ready) || (is(StepType::Runner) && far())
    };
    by_spec.any(Runner::is_remote) || state.steps.iter().any(recorded)
}

/// Gives the steps of a block, and what is said of them elsewhere in the state, their new addresses.
pub fn rename(state: &mut State, Move { from, to }: &Move) {
    let mut pairs = vec![(from.clone(), to.clone())];
    if let (Some(from), Some(to)) = (from.migration(), to.migration()) {
        state.first_names.rename(from, to);
        // A migration without a source has a dump in its place, under its own name.
        pairs.push((StepAddr::new(&["source", DUMP, from]), StepAddr::new(&["source", DUMP, to])));
    }
    let renamed = |addr: &StepAddr| pairs.iter().find(|(from, _)| addr.is_under(from)).map(|(_, to)| addr.in_block(to));
    let steps = std::mem::take(&mut state.steps).into_iter();
    state.steps = steps
        .map(|(addr, mut record)| {
            for other in &mut record.depends_on {
                if let Some(new) = renamed(other) {
                    *other = new;
                }
            }
            (renamed(&addr).unwrap_or(addr), record)
        })
        .collect();
    if let Some(run) = &mut state.open_run {
        run.again = std::mem::take(&mut run.again).into_iter().map(|addr| renamed(&addr).unwrap_or(addr)).collect();
    }
}

/// Migrations of the spec of which nothing is recorded and whose name another one keeps: they would share the folder of a dump.
pub fn taken_names(state: &State, spec: &Spec) -> Vec<Diagnostic> {
    let new = |name: &&String| !state.has_under(&StepAddr::new(&["migration", name]));
    let found = spec.migrations.keys().filter(new).filter_map(|name| Some((name, state.first_names.keeper(name)?)));
    found
        .map(|(name, keeper)| {
            Diagnostic::error(
                codes::NAME_KEPT_BY_ANOTHER,
                format!("migration.{keeper} was called {name} before, and the folder of its dump still is"),
            )
            .about(format!("migration.{name}"))
            .detail("A new migration of this name would work in the folder of the other one.")
            .help("Give the new migration another name.")
        })
        .collect()
}

#[cfg(test)]
#[path = "moves_tests.rs"]
mod tests;
