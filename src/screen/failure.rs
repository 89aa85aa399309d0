//! Failures for people: what was being done, what came back, what to do now; and the end of a run, where each root
//! cause stands once. Knows the values only, not what failed.

use std::collections::BTreeMap;

use super::diagnostics;
use super::style::{Ink, Style, count, wrap};
use crate::words::addr::StepAddr;
use crate::words::error::Failure;

/// Addresses named for one cause.
const NAMED: usize = 5;

/// One failure: the sentence, the hint, the code, the diagnostics.
pub fn text(failure: &Failure, style: Style) -> String {
    block(failure, &[], style)
}

/// The end of a run that failed: each root cause once, however many steps met it; then how many steps were not
/// started because of which. `skipped`: a step that was not started, and the failed step it waited for.
pub fn run_end(failures: &[(StepAddr, Failure)], skipped: &[(StepAddr, StepAddr)], style: Style) -> String {
    let mut causes: Vec<(&Failure, Vec<&StepAddr>)> = Vec::new();
    for (addr, failure) in failures {
        let same = |of: &Failure| {
            (&of.code, &of.doing, &of.cause, &of.hint) == (&failure.code, &failure.doing, &failure.cause, &failure.hint)
        };
        match causes.iter_mut().find(|(of, _)| same(of)) {
            Some((_, addrs)) => addrs.push(addr),
            None => causes.push((failure, vec![addr])),
        }
    }
    let mut blocks: Vec<String> = causes.iter().map(|(failure, addrs)| block(failure, addrs, style)).collect();
    let not_started: String =
        causes.iter().filter_map(|(_, addrs)| not_started(addrs, skipped, style)).collect::<Vec<_>>().concat();
    // A step may wait for one that is not among the failures (an interrupt): nothing goes unsaid.
    let others: Vec<&StepAddr> = skipped
        .iter()
        .filter(|(_, root)| !failures.iter().any(|(addr, _)| addr == root))
        .map(|(addr, _)| addr)
        .collect();
    let mut end = not_started;
    if !others.is_empty() {
        end.push_str(&format!("{} not started.\n", count(others.len() as u64, "step", "steps")));
    }
    if !end.is_empty() {
        blocks.push(end);
    }
    blocks.join("\n")
}

/// What a destroy has left in place, by the step that left it.
pub fn left(left: &BTreeMap<StepAddr, String>, style: Style) -> String {
    let mut text = format!("\n{}\n", style.ink(Ink::Bold, "Left in place:"));
    for (addr, what) in left {
        text.push_str(&wrap("  ", &format!("{addr}: {what}"), style.width));
    }
    text
}

fn not_started(roots: &[&StepAddr], skipped: &[(StepAddr, StepAddr)], style: Style) -> Option<String> {
    let number = skipped.iter().filter(|(_, root)| roots.contains(&root)).count() as u64;
    let text = format!("{} not started because of {}.", count(number, "step", "steps"), names(roots));
    (number > 0).then(|| wrap("", &text, style.width))
}

fn names(addrs: &[&StepAddr]) -> String {
    let mut text = addrs.iter().take(NAMED).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if addrs.len() > NAMED {
        text.push_str(&format!(" and {} more", addrs.len() - NAMED));
    }
    text
}

fn block(failure: &Failure, addrs: &[&StepAddr], style: Style) -> String {
    let mut failure_at = failure.clone();
    if let [addr] = addrs {
        failure_at = failure_at.at(addr);
    }
    if addrs.len() > 1 {
        failure_at.address = None;
    }
    let lead = format!("error[{}]: ", failure.code);
    // Wrapped to the margin, so that a long cause keeps the whole width.
    let sentence = wrap("", &format!("{lead}{failure_at}"), style.width);
    let mut out = sentence.replacen(lead.trim_end(), &style.ink(Ink::Red, lead.trim_end()), 1);
    if addrs.len() > 1 {
        let text = format!("{}: {}", count(addrs.len() as u64, "step", "steps"), names(addrs));
        out.push_str(&wrap("  at ", &text, style.width));
    }
    if !failure.hint.is_empty() {
        out.push_str(&wrap("  hint: ", &failure.hint, style.width));
    }
    if !failure.diagnostics.is_empty() {
        out.push('\n');
        out.push_str(&diagnostics::render(&failure.diagnostics, style.color, style.width));
        if !out.ends_with('\n') {
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::words::addr::{StepKind, TableName};
    use crate::words::codes;
    use crate::words::diag::Diagnostic;

    fn failure() -> Failure {
        Failure::new(codes::HOST_UNKNOWN, "connect to the source", "access denied", "Check username and password.")
    }

    fn load(table: &str) -> StepAddr {
        StepAddr::of_table("shop", StepKind::Load, &TableName::new("shop", table))
    }

    #[test]
    fn a_failure_is_a_sentence_a_hint_and_its_diagnostics() {
        let addr = StepAddr::parse("source.mysql.shop").unwrap();
        let failure = failure().at(&addr).with(vec![Diagnostic::error(codes::WRONG_TYPE, "unknown attribute")]);
        let expected = "\
error[MIG3001]: failed to connect to the source (source.mysql.shop): access
denied
  hint: Check username and password.

error[MIG1201]: unknown attribute

1 error
";
        assert_eq!(text(&failure, Style::plain()), expected);
    }

    #[test]
    fn the_end_of_a_run_shows_each_root_cause_once() {
        let (a, b, c) = (load("a"), load("b"), load("c"));
        let full = Failure::new(codes::STEP_INTERRUPTED, "write a part", "no space left on device", "Free space.");
        let failures = vec![(a.clone(), failure().at(&a)), (b.clone(), failure().at(&b)), (c.clone(), full)];
        let skipped: Vec<_> = (0..7)
            .map(|n| (load(&format!("v{n}")), if n < 3 { a.clone() } else { b.clone() }))
            .chain([(load("w"), c.clone())])
            .collect();
        let expected = "\
error[MIG3001]: failed to connect to the source: access denied
  at 2 steps: migration.shop.load[\"shop.a\"], migration.shop.load[\"shop.b\"]
  hint: Check username and password.

error[MIG5002]: failed to write a part (migration.shop.load[\"shop.c\"]): no space
left on device
  hint: Free space.

7 steps not started because of migration.shop.load[\"shop.a\"],
migration.shop.load[\"shop.b\"].
1 step not started because of migration.shop.load[\"shop.c\"].
";
        let shown = run_end(&failures, &skipped, Style::plain());
        assert_eq!(shown, expected, "\n{shown}");
    }

    #[test]
    fn steps_that_wait_for_no_failure_are_still_counted() {
        let shown = run_end(&[], &[(load("a"), load("b"))], Style::plain());
        assert_eq!(shown, "1 step not started.\n");
    }
}
