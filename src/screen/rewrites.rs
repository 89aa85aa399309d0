//! What arrives changed: for each structure the codes of its changes and a unified diff of source and target.

use std::collections::BTreeMap;

use super::diff::{Beside, beside, indented, of_texts};
use super::style::{Ink, Style, thousands, wrap};
use crate::formats::plan::{Change, PlanFile, Rewrite};
use crate::think::gates::rules::DEFINER;
use crate::words::codes::Code;

/// Diffs shown in full; of the others the names stand there, by code.
const SHOWN: usize = 20;
/// Lines around a change: enough to see which column it is.
const CONTEXT: usize = 2;

/// Every change whose object arrives changed.
pub(super) fn all(plan: &PlanFile) -> impl Iterator<Item = (&Change, &Rewrite)> {
    plan.body.changes.iter().filter_map(|change| Some((change, change.rewrite.as_ref()?)))
}

pub(super) fn section(plan: &PlanFile, style: Style) -> Option<String> {
    let rewritten: Vec<(&Change, &Rewrite)> = all(plan).collect();
    if rewritten.is_empty() {
        return None;
    }
    let title = format!("Arrives changed: {}", thousands(rewritten.len() as u64));
    let mut out = format!("{}\n", style.ink(Ink::Bold, &title));
    let (alike, rewritten): (Vec<_>, Vec<_>) = rewritten.into_iter().partition(|(_, rewrite)| only_definer(rewrite));
    out.push_str(&definers(&alike, style));
    if !alike.is_empty() && !rewritten.is_empty() {
        out.push('\n');
    }
    for (place, (change, rewrite)) in rewritten.iter().take(SHOWN).enumerate() {
        if place > 0 {
            out.push('\n');
        }
        out.push_str(&format!("  {}\n", name(change)));
        for diagnostic in &rewrite.changes {
            out.push_str(&wrap(&format!("    {}  ", diagnostic.code), &diagnostic.summary, style.width));
            if !diagnostic.detail.is_empty() {
                out.push_str(&wrap("             ", &diagnostic.detail, style.width));
            }
        }
        out.push_str(&diff(rewrite, style));
    }
    if rewritten.len() > SHOWN {
        out.push_str(&others(&rewritten[SHOWN..], style));
    }
    Some(out)
}

/// Whether nothing but the definer of a view changes, which is so of every view.
fn only_definer(rewrite: &Rewrite) -> bool {
    !rewrite.changes.is_empty() && rewrite.changes.iter().all(|d| d.code == DEFINER) && rewrite.source == rewrite.target
}

/// All such views in one entry.
fn definers(views: &[(&Change, &Rewrite)], style: Style) -> String {
    match views {
        [] => String::new(),
        [(_, rewrite)] => {
            let texts = rewrite.changes.iter();
            texts.map(|d| wrap(&format!("    {DEFINER}  "), &d.summary, style.width)).collect()
        }
        many => {
            let mut names: Vec<String> = many.iter().take(SHOWN).map(|(change, _)| name(change)).collect();
            if many.len() > SHOWN {
                names.push(format!("and {} more; -json lists them", thousands((many.len() - SHOWN) as u64)));
            }
            let count = thousands(many.len() as u64);
            let text = format!(
                "{count} views: the definer is left out; each belongs to the user that creates it: {}",
                names.join(", ")
            );
            wrap(&format!("    {DEFINER}  "), &text, style.width)
        }
    }
}

/// The object: its key, or the address of a step without one.
pub(super) fn name(change: &Change) -> String {
    change.addr.key().map_or_else(|| change.addr.to_string(), str::to_owned)
}

/// Source and target of one structure as a unified diff; empty where only what stands beside the text changes.
pub(super) fn unified(rewrite: &Rewrite) -> String {
    of_texts(("source", &rewrite.source), ("target", &rewrite.target), CONTEXT)
}

/// Source and target of one structure, line beside line.
pub(super) fn side_by_side(rewrite: &Rewrite) -> Vec<Beside<'_>> {
    beside(&rewrite.source, &rewrite.target)
}

fn diff(rewrite: &Rewrite, style: Style) -> String {
    indented(&unified(rewrite), style)
}

/// Nothing that arrives changed is left out: the rest stands there by name.
fn others(rest: &[(&Change, &Rewrite)], style: Style) -> String {
    let mut by_code: BTreeMap<Code, Vec<String>> = BTreeMap::new();
    for (change, rewrite) in rest {
        let mut codes: Vec<Code> = rewrite.changes.iter().map(|diagnostic| diagnostic.code).collect();
        codes.dedup();
        for code in codes {
            by_code.entry(code).or_default().push(name(change));
        }
    }
    let mut out = format!("\n  … and {} more; -json has their diffs\n", thousands(rest.len() as u64));
    for (code, names) in by_code {
        out.push_str(&wrap(&format!("    {code}  "), &names.join(", "), style.width));
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_beside_the_one_that_takes_its_place() {
        let check = |source: &str, target: &str, expected: &[Beside]| {
            let rewrite = Rewrite { source: source.into(), target: target.into(), changes: Vec::new() };
            assert_eq!(side_by_side(&rewrite), expected, "{source:?} {target:?}");
        };
        let (same, changed) = (Beside::Same, Beside::Changed);
        check("", "", &[]);
        check("a\nb", "a\nb\n", &[same("a"), same("b")]);
        check("a\nb\nc", "a\nB\nc", &[same("a"), changed(Some("b"), Some("B")), same("c")]);
        check("a\nc", "a\nb\nc", &[same("a"), changed(None, Some("b")), same("c")]);
        check("a\nb\nc", "c", &[changed(Some("a"), None), changed(Some("b"), None), same("c")]);
        check("a\rb\nc", "a\rx\nc", &[changed(Some("a\rb"), Some("a\rx")), same("c")]);
        check("a\nb", "x", &[changed(Some("a"), Some("x")), changed(Some("b"), None)]);
    }
}
