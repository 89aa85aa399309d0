//! `-compact-warnings`: a line for each code instead of one for each warning. What stops a plan is never folded.

use std::collections::BTreeMap;

use super::style::{Style, count, wrap};
use crate::words::codes::Code;
use crate::words::diag::Diagnostic;

/// The warnings by code, each with its number and what the code means. `lead` is before each line.
pub(super) fn warnings<'d>(lead: &str, warnings: impl IntoIterator<Item = &'d Diagnostic>, style: Style) -> String {
    let mut by_code: BTreeMap<Code, u64> = BTreeMap::new();
    for warning in warnings {
        *by_code.entry(warning.code).or_default() += 1;
    }
    let line = |(code, number): (Code, u64)| {
        let title = code.row().map_or("", |row| row.title);
        wrap(&format!("{lead}{code}  "), &format!("{}: {title}", count(number, "warning", "warnings")), style.width)
    };
    by_code.into_iter().map(line).collect()
}

/// How to see what is folded.
pub(super) fn note(style: Style) -> String {
    wrap("", "Without -compact-warnings, each warning is shown with the objects that it names.", style.width)
}
