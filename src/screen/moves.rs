//! Renames of blocks in a plan: the words that all views share.

use crate::formats::names::Move;
use crate::formats::plan::PlanFile;

/// Above the list.
pub(super) const TITLE: &str = "Renamed in the state";

/// What a rename does not do.
pub(super) const MEANING: &str = "No step runs because of a rename. Apply records it.";

/// One text for each of them.
pub(super) fn lines(plan: &PlanFile) -> impl Iterator<Item = String> {
    plan.body.moves.iter().map(words)
}

pub fn words(Move { from, to }: &Move) -> String {
    format!("{from} becomes {to}")
}
