//! Edits of the state by hand: what may be put in its place, and what is forgotten. Pure; the caller holds the lock.

use crate::formats::names::Move;
use crate::formats::spec::model::Spec;
use crate::formats::state::State;
use crate::think::moves;
use crate::words::addr::StepAddr;
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// The state that a pushed one becomes. `recorded`: the one on record; `None`: there is none.
///
/// # Errors
/// MIG4013: it continues another state, or an older one.
pub fn pushed(recorded: Option<&State>, new: State, force: bool) -> Outcome<State> {
    let refuse = |cause: String| {
        let hint = "Pull again and repeat the edit; -force puts it in place all the same. Nothing was changed.";
        Err(Failure::new(codes::PUSH_DOES_NOT_CONTINUE, "push the state", cause, hint))
    };
    let serial = recorded.map_or(0, |state| state.serial);
    if let Some(recorded) = recorded.filter(|_| !force) {
        if recorded.lineage != new.lineage {
            return refuse(format!("it is of lineage {}, the state on record of {}", new.lineage, recorded.lineage));
        }
        if recorded.serial > new.serial {
            return refuse(format!("it is of serial {}, the state on record of {}", new.serial, recorded.serial));
        }
    }
    Ok(State { serial: serial.max(new.serial) + 1, ..new })
}

/// The state with a block under another address, and the rename itself.
///
/// # Errors
/// MIG1250: the block cannot be renamed like this; MIG1017: it is not in the state; MIG4030, MIG4031: not now.
pub fn renamed(state: &State, spec: &Spec, from: StepAddr, to: StepAddr) -> Outcome<(State, Move)> {
    let doing = format!("rename {from} in the state");
    let one = Move::new(from, to).map_err(|fault| {
        let hint = format!("{} Nothing was changed.", fault.help());
        Failure::new(codes::MOVE_IMPOSSIBLE, doing.clone(), fault.words(), hint)
    })?;
    if !state.has_under(&one.from) {
        let hint = "`mig state list` names the addresses. Nothing was changed.";
        return Err(Failure::new(codes::NOT_IN_STATE, doing, format!("{} is not in the state", one.from), hint));
    }
    if let Some(conflict) = moves::conflict(state, spec, &one) {
        let hint = format!("{} Nothing was changed.", conflict.help);
        return Err(Failure::new(conflict.code, doing, conflict.summary, hint));
    }
    let mut next = state.clone();
    moves::rename(&mut next, &one);
    next.serial += 1;
    Ok((next, one))
}

/// The state without the steps at or under some addresses, and which those are.
///
/// # Errors
/// MIG1017 for an address that names none.
pub fn without(state: &State, addrs: &[StepAddr]) -> Outcome<(State, Vec<StepAddr>)> {
    for addr in addrs {
        if !state.steps.keys().any(|step| step.is_under(addr)) {
            return Err(Failure::new(
                codes::NOT_IN_STATE,
                "forget a step of the state",
                format!("{addr} is not in the state"),
                "`mig state list` names the addresses; quote them for the shell. Nothing was changed.",
            ));
        }
    }
    let mut left = state.clone();
    left.steps.retain(|step, _| !addrs.iter().any(|addr| step.is_under(addr)));
    left.forget_names();
    left.serial += 1;
    if left.steps.is_empty() {
        left.provider = None;
    }
    let gone = state.steps.keys().filter(|step| !left.steps.contains_key(*step)).cloned().collect();
    Ok((left, gone))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {

    use super::*;
    use crate::formats::state::{Progress, Status, StepRecord};
    use crate::words::addr::StepKind;
    use crate::words::digest::Digest;

    fn state(lineage: &str, serial: u64, steps: &[&str]) -> State {
        let mut state = State::new(lineage.into());
        state.serial = serial;
        for step in steps {
            let addr = StepAddr::parse(step).unwrap();
            let record = StepRecord {
                kind: StepKind::Table,
                inputs_digest: Digest::of_bytes(b""),
                status: Status::Complete,
                outputs: crate::formats::json_text::JsonText::none(),
                depends_on: vec![],
                started: String::new(),
                finished: None,
                progress: Progress::default(),
            };
            state.steps.insert(addr, record);
        }
        state
    }

    #[test]
    fn a_push_continues_the_state_on_record_or_is_refused() {
        let recorded = state("a", 7, &[]);
        for (lineage, serial, force, becomes) in [
            ("a", 7, false, Some(8)),
            ("a", 9, false, Some(10)),
            ("a", 6, false, None),
            ("b", 9, false, None),
            ("a", 6, true, Some(8)),
            ("b", 2, true, Some(8)),
        ] {
            let new = state(lineage, serial, &["source.mysql.x"]);
            let got = pushed(Some(&recorded), new, force).map(|s| (s.serial, s.lineage));
            assert_eq!(got.ok(), becomes.map(|serial| (serial, lineage.to_owned())), "{lineage} {serial} {force}");
        }
        assert_eq!(pushed(None, state("a", 3, &[]), false).unwrap().serial, 4);
    }

    #[test]
    fn a_step_or_a_block_is_forgotten_and_nothing_beside_it() {
        let whole = state("a", 3, &["source.mysql.x", r#"migration.m.table["s.t"]"#, r#"migration.m2.table["s.t"]"#]);
        let addr = |text: &str| StepAddr::parse(text).unwrap();
        for (named, left) in [
            (vec![r#"migration.m.table["s.t"]"#], 2),
            (vec!["migration.m"], 2),
            (vec!["source.mysql.x", "migration.m"], 1),
        ] {
            let named: Vec<StepAddr> = named.into_iter().map(addr).collect();
            let (state, gone) = without(&whole, &named).unwrap();
            assert_eq!((state.steps.len(), gone.len(), state.serial), (left, 3 - left, 4), "{named:?}");
        }
        assert_eq!(without(&whole, &[addr("source.mysql.y")]).unwrap_err().code, "MIG1017");
    }
}
