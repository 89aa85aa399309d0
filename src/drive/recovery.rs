//! What is recorded, read from a store: the state with the journal of an unfinished run played over it in memory; and
//! made one file again where no run follows that would do it.

use crate::formats::journal::{Leftover, Recovered, recover};
use crate::formats::state::State;
use crate::seams::store::Store;
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// Reads state and journal. Changes nothing. Blocks, as a store does.
///
/// # Errors
/// What the store cannot read; a newer, damaged or foreign state or journal; MIG4033, a state that was moved elsewhere.
pub fn look(store: &dyn Store) -> Outcome<Recovered> {
    let recovered = look_also_closed(store)?;
    match recovered.state.as_ref().and_then(|state| state.moved_to.as_ref()) {
        None => Ok(recovered),
        Some(place) => Err(Failure::new(
            codes::STATE_MOVED_AWAY,
            format!("open the state {}", store.place()),
            format!("it was moved to {place}"),
            "Take the spec whose `mig` block names that place. If the state is to come back from there: `mig init -migrate-state`. \
             Nothing was touched.",
        )),
    }
}

/// The same, also of a state that was moved elsewhere.
///
/// # Errors
/// As [`look`], but MIG4033.
pub fn look_also_closed(store: &dyn Store) -> Outcome<Recovered> {
    // The journal first: see `Store::read_journal`.
    let journal = store.read_journal()?;
    let state = store.read_state()?;
    recover(state.as_deref(), journal.as_deref(), &store.place())
}

/// Makes a state that was put together from elsewhere the one on record: durable when it returns.
///
/// # Errors
/// What the store cannot write.
pub fn absorb(store: &dyn Store, mut state: State) -> Outcome<State> {
    state.serial += 1;
    store.replace_state(&state.write()?)?;
    store.remove_journal()?;
    Ok(state)
}

/// Folds what is left of a run that was killed behind its last record. For a command that holds the lock and begins no
/// run: a run's writer does it by itself.
///
/// # Errors
/// What the store cannot read or write.
pub fn fold(store: &dyn Store) -> Outcome<()> {
    let Recovered { state, leftover, .. } = look(store)?;
    match (leftover, state) {
        (Leftover::Live, Some(state)) => absorb(store, state).map(drop),
        (Leftover::Spent, _) => store.remove_journal(),
        _ => Ok(()),
    }
}
