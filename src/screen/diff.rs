//! Unified diffs. The only file that knows the diff crate. Knows two texts and their names, not what they are.

use similar::{Algorithm, DiffOp, TextDiff, capture_diff_slices};

use super::style::{Ink, Style, columns, wrap};

/// Before each line of a diff that stands below what it is of.
const INDENT: &str = "    ";

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

/// A diff below what it is of. A line that is too long goes on below itself: a terminal would break it anywhere.
pub(super) fn indented(diff: &str, style: Style) -> String {
    diff.lines().map(|line| below(line.trim_end(), style)).collect()
}

fn below(line: &str, style: Style) -> String {
    let ink = |text: &str| ink_of(line).map_or_else(|| text.to_owned(), |ink| style.ink(ink, text));
    if INDENT.len() + columns(line) <= style.width {
        return format!("{INDENT}{}\n", ink(line));
    }
    // The sign and the line's own indentation stand once.
    let text = line.char_indices().skip(1).find(|(_, c)| *c != ' ').map_or(line.len(), |(at, _)| at);
    let (lead, rest) = line.split_at(text);
    let wrapped = wrap(&format!("{INDENT}{lead}"), rest, style.width);
    wrapped.lines().map(|line| format!("{INDENT}{}\n", ink(line.strip_prefix(INDENT).unwrap_or(line)))).collect()
}

fn ink_of(line: &str) -> Option<Ink> {
    match line.as_bytes().first() {
        Some(b'+') => Some(Ink::Green),
        Some(b'-') => Some(Ink::Red),
        Some(b'@') => Some(Ink::Cyan),
        _ => None,
    }
}

/// A line of a diff in its colour.
fn inked(line: &str, style: Style) -> String {
    let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
    let text = ink_of(text).map_or_else(|| text.to_owned(), |ink| style.ink(ink, text));
    format!("{text}{end}")
}
