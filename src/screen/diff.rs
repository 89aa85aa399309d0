//! Unified diffs. The only file that knows the diff crate. Knows two texts and their names, not what they are.

use similar::{Algorithm, DiffOp, TextDiff, capture_diff_slices};

use super::style::{Ink, Style};

/// Lines that stay, around those that change.
const CONTEXT: usize = 3;

/// What changes from `old` to `new`, as `patch` and `git apply` read it; nothing for equal texts.
pub fn unified(name: &str, old: &str, new: &str, style: Style) -> String {
    let diff = TextDiff::from_lines(old, new);
    let text =
        diff.unified_diff().context_radius(CONTEXT).header(&format!("a/{name}"), &format!("b/{name}")).to_string();
    text.split_inclusive('\n').map(|line| inked(line, style)).collect()
}

/// The same of two texts that are no files, plain: the end of the last line says nothing.
pub(super) fn of_texts((from, old): (&str, &str), (to, new): (&str, &str), context: usize) -> String {
    let diff = TextDiff::from_lines(old, new);
    diff.unified_diff().context_radius(context).header(from, to).missing_newline_hint(false).to_string()
}

/// One line of two texts side by side; a side that has nothing there is `None`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beside<'a> {
    Same(&'a str),
    /// A line of the first, the line of the second in its place.
    Changed(Option<&'a str>, Option<&'a str>),
}

/// Two texts, line beside line.
pub(super) fn beside<'a>(old: &'a str, new: &'a str) -> Vec<Beside<'a>> {
    let (source, target): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let mut out = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, &source, &target) {
        let (old, new) = (&source[op.old_range()], &target[op.new_range()]);
        if matches!(op, DiffOp::Equal { .. }) {
            out.extend(old.iter().map(|line| Beside::Same(line)));
        } else {
            let lines = old.len().max(new.len());
            out.extend((0..lines).map(|at| Beside::Changed(old.get(at).copied(), new.get(at).copied())));
        }
    }
    out
}

/// A diff below what it is of.
pub(super) fn indented(diff: &str, style: Style) -> String {
    diff.lines().map(|line| format!("    {}\n", inked(line.trim_end(), style))).collect()
}

/// A line of a diff in its colour.
fn inked(line: &str, style: Style) -> String {
    let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
    let text = match text.as_bytes().first() {
        Some(b'+') => style.ink(Ink::Green, text),
        Some(b'-') => style.ink(Ink::Red, text),
        Some(b'@') => style.ink(Ink::Cyan, text),
        _ => text.to_owned(),
    };
    format!("{text}{end}")
}
