//! The table of codes: every diagnostic and failure has one, with its exit code and what `mig explain` tells.
//!
//! Ranges: 10xx the program and its files, 11xx spec syntax, 12xx spec meaning, 20xx gates, 21xx compatibility rules,
//! 30xx servers, 31xx runners, 32xx the cloud, 40xx state, journal and lock, 41xx plan files, 50xx runs, 51xx steps,
//! 60xx proof.

use super::error::ExitKind;

/// One row of the table.
pub struct CodeRow {
    pub code: &'static str,
    pub exit: ExitKind,
    /// One line: what it is.
    pub title: &'static str,
    /// What it means, why it matters, what to do: for `mig explain` and the docs.
    pub text: &'static str,
}

mod account;
mod cloud;
mod gates;
mod inputs;
mod program;
mod proof;
mod rows;
mod runners;
mod servers;
mod spec;
mod steps;
mod views;

/// All rows, in the order of their codes.
pub fn all() -> impl Iterator<Item = &'static CodeRow> {
    let mut rows: Vec<&'static CodeRow> = [
        program::ROWS,
        spec::ROWS,
        gates::ROWS,
        inputs::ROWS,
        rows::ROWS,
        views::ROWS,
        servers::ROWS,
        runners::ROWS,
        account::ROWS,
        cloud::ROWS,
        steps::ROWS,
        proof::ROWS,
    ]
    .into_iter()
    .flatten()
    .collect();
    rows.sort_by_key(|row| row.code);
    rows.into_iter()
}

pub fn find(code: &str) -> Option<&'static CodeRow> {
    all().find(|row| row.code.eq_ignore_ascii_case(code))
}

/// The exit code of a code; a code that is not in the table is an error of the program and exits as one.
pub fn exit_of(code: &str) -> ExitKind {
    find(code).map_or(ExitKind::Error, |row| row.exit)
}

/// Makes one row; keeps the tables readable.
const fn row(code: &'static str, exit: ExitKind, title: &'static str, text: &'static str) -> CodeRow {
    CodeRow { code, exit, title, text }
}
