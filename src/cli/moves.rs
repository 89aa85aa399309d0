//! Renames of blocks, made durable: by a run before its first step, or by `mig state mv`. What is found by the name of a
//! migration beside the state gets the new name, too.

use super::session::{Session, say};
use crate::drive::recovery;
use crate::formats::names::Move;
use crate::formats::state::State;
use crate::screen;
use crate::seams::store::{Companion, Store};
use crate::words::error::Outcome;

/// Records the renames that the spec asks for; the state that is on record then. Without any, nothing is written.
///
/// # Errors
/// What the store cannot read or write.
pub fn record(session: &Session, state: State) -> Outcome<State> {
    if state.moves.is_empty() {
        return Ok(state);
    }
    let moves = state.moves.clone();
    keep_certificates(&*session.store, &moves)?;
    let recorded = recovery::absorb(&*session.store, State { moves: Vec::new(), ..state })?;
    for one in &moves {
        say(&format!("Renamed in the state: {}.\n", screen::moves::words(one)));
    }
    Ok(recorded)
}

/// Copies the certificates of migrations to their new names. What a certificate says does not change: it is the evidence of a
/// run under the former name.
///
/// # Errors
/// What the store cannot read or write.
pub fn keep_certificates(store: &dyn Store, moves: &[Move]) -> Outcome<()> {
    for Move { from, to } in moves {
        let (Some(from), Some(to)) = (from.migration(), to.migration()) else { continue };
        if let Some(bytes) = store.kept(&Companion::certificate(from))? {
            store.keep(&Companion::certificate(to), &bytes)?;
        }
    }
    Ok(())
}
