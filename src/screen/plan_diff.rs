//! What differs between two plans, for people: on what each rests, then objects by block, gates, findings, quantities, and a
//! sentence of sum. What is alike is folded. Knows the values of a difference only.

use std::collections::BTreeMap;

use super::changes::symbol;
use super::diff::{indented, of_texts};
use super::groups::group_of;
use super::plan::{moment, outcome_words, sentence};
use super::style::{Ink, Style, bytes, count, thousands, wrap};
use super::{cause, markdown, moves};
use crate::formats::names::Move;
use crate::formats::plan::{Action, Mode};
use crate::formats::plan_diff::{
    Aspect, Basis, FindingDiff, GateSide, Named, Pair, PlanDiff, PlanName, Quantities, Side, StepDiff, StepSide,
};
use crate::words::diag::Severity;

/// Objects of one block that differ in the same way are named up to this number; the rest is counted.
const SHOWN: usize = 20;
/// Statements whose difference is shown in full.
const STATEMENTS: usize = 20;
/// Lines around a change of a statement.
const CONTEXT: usize = 2;
/// Findings of one code that are shown.
const FINDINGS: usize = 10;

/// All differences, for a terminal.
pub fn text(diff: &PlanDiff, style: Style) -> String {
    let mut sections = vec![header(diff, style)];
    sections.extend(section("Made from", &basis(diff, style), style));
    sections.extend(section("Servers", &servers(diff, style), style));
    sections.extend(blocks(diff, style));
    sections.extend(statements(diff, style));
    sections.extend(section("Gates", &gates(&diff.gates, style), style));
    sections.extend(section("Findings", &findings(&diff.findings, style), style));
    sections.extend(estimates(diff, style));
    sections.push(wrap("", &summary(diff), style.width));
    sections.join("\n")
}

/// The same for a comment in a review; at most so many bytes.
pub fn comment(diff: &PlanDiff, budget: usize) -> String {
    markdown::diff_of_plans(&summary(diff), &text(diff, Style::plain()), budget)
}

/// One line: how much differs.
pub fn summary(diff: &PlanDiff) -> String {
    if diff.is_same_work() {
        return match diff.estimates.is_none() && diff.estimated_tables.is_empty() {
            true => "The two plans do the same.".into(),
            false => "The two plans do the same; their estimates differ.".into(),
        };
    }
    let steps = |is: fn(&StepDiff) -> bool| diff.steps.iter().filter(|step| is(step)).count() as u64;
    let gates = |is: fn(&Pair<GateSide>) -> bool| diff.gates.iter().filter(|gate| is(&gate.differs)).count() as u64;
    let parts = [
        (steps(|step| step.before.is_none()), "step is new", "steps are new"),
        (steps(|step| step.after.is_none()), "step is gone", "steps are gone"),
        (steps(|step| step.before.is_some() && step.after.is_some()), "step differs", "steps differ"),
        (gates(|of| of.before.is_none()), "gate is new", "gates are new"),
        (gates(|of| of.after.is_none()), "gate is gone", "gates are gone"),
        (gates(|of| of.before.is_some() && of.after.is_some()), "gate sees something else", "gates see something else"),
        (of_side(diff, Side::New), "finding is new", "findings are new"),
        (of_side(diff, Side::Gone), "finding is gone", "findings are gone"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|of| of.0 > 0).map(|(number, one, many)| count(*number, one, many)).collect();
    if parts.is_empty() {
        return "The same steps, gates and findings; what the plans are made from differs.".into();
    }
    format!("The plans differ: {}.", parts.join(", "))
}

fn of_side(diff: &PlanDiff, side: Side) -> u64 {
    diff.findings.iter().filter(|finding| finding.side == side).count() as u64
}

fn header(diff: &PlanDiff, style: Style) -> String {
    let name = |plan: &PlanName| format!("{} ({})", moment(&plan.created), plan.digest.short());
    let title = style.ink(Ink::Bold, "Plans compared");
    format!("{title}\n  before: {}\n  after:  {}\n", name(&diff.before), name(&diff.after))
}

fn section(title: &str, body: &str, style: Style) -> Option<String> {
    (!body.is_empty()).then(|| format!("{}\n{body}", style.ink(Ink::Bold, title)))
}

fn basis(diff: &PlanDiff, style: Style) -> String {
    diff.basis.iter().map(|one| wrap(&format!("  {} ", inked("~", style)), &basis_words(one), style.width)).collect()
}

fn basis_words(basis: &Basis) -> String {
    let mode = |mode: Mode| match mode {
        Mode::Apply => "apply",
        Mode::Destroy => "destroy",
        Mode::Refresh => "refresh",
    };
    let list = |items: Vec<String>| if items.is_empty() { "none".to_owned() } else { items.join(", ") };
    let texts = |addrs: &[crate::words::addr::StepAddr]| list(addrs.iter().map(ToString::to_string).collect());
    match basis {
        Basis::Version { before, after } => format!("mig {before} made the first, mig {after} the second"),
        Basis::Mode { before, after } => {
            format!("the plan is of {} and becomes one of {}", mode(*before), mode(*after))
        }
        Basis::Spec => "the spec is another one".into(),
        Basis::State { before, after } if before == after => {
            format!("the state is another one, of the same serial {after}")
        }
        Basis::State { before, after } => format!("the state: serial {before} becomes {after}"),
        Basis::Lineage { before, after } => {
            let name = |lineage: &Option<String>| lineage.clone().unwrap_or("none yet".into());
            format!("the lineage of the state: {} becomes {}", name(before), name(after))
        }
        Basis::Replace { before, after } => format!("-replace: {} becomes {}", texts(before), texts(after)),
        Basis::Targets { before, after } => {
            format!("-target: {} becomes {}", list(before.clone()), list(after.clone()))
        }
        Basis::Moves { before, after } => {
            let moves = |moves: &[Move]| list(moves.iter().map(moves::words).collect());
            format!("renamed in the state: {} becomes {}", moves(before), moves(after))
        }
        Basis::Pending { before, after } => {
            let tables = |pending: &[crate::formats::plan::Pending]| {
                list(pending.iter().map(|one| format!("{} after {}", one.addr, one.after)).collect())
            };
            format!("shown by a later plan: {} becomes {}", tables(before), tables(after))
        }
        Basis::Blocked { after: true } => "the second plan is refused, the first is not".into(),
        Basis::Blocked { after: false } => "the first plan is refused, the second is not".into(),
    }
}

fn servers(diff: &PlanDiff, style: Style) -> String {
    let line = |server: &Named<Pair<String>>| {
        let (sign, words) = match (&server.differs.before, &server.differs.after) {
            (Some(before), Some(after)) => ("~", format!("{before} becomes {after}")),
            (None, Some(after)) => ("+", after.clone()),
            (Some(before), None) => ("-", before.clone()),
            (None, None) => ("~", String::new()),
        };
        wrap(&format!("  {} {}  ", inked(sign, style), server.name), &words, style.width)
    };
    diff.servers.iter().map(line).collect()
}

fn inked(sign: &str, style: Style) -> String {
    let ink = match sign {
        "+" => Ink::Green,
        "-" => Ink::Red,
        _ => Ink::Yellow,
    };
    style.ink(ink, sign)
}

/// An object of a block: its steps that differ in the same way.
struct Object<'a> {
    name: String,
    steps: Vec<&'a StepDiff>,
}

/// What objects have in common that stand together: the sign, and what is said of them but for the name.
type Sort = (&'static str, String);

fn blocks(diff: &PlanDiff, style: Style) -> Vec<String> {
    let mut blocks: Vec<(String, Vec<(Sort, Vec<Object>)>)> = Vec::new();
    for step in &diff.steps {
        let block = group_of(&step.addr);
        let at = blocks.iter().position(|(name, _)| *name == block).unwrap_or_else(|| {
            blocks.push((block, Vec::new()));
            blocks.len() - 1
        });
        let sorts = &mut blocks[at].1;
        let sort = sort(step);
        let at = sorts.iter().position(|(known, _)| *known == sort).unwrap_or_else(|| {
            sorts.push((sort, Vec::new()));
            sorts.len() - 1
        });
        let objects = &mut sorts[at].1;
        // The steps of a table follow each other by kind, not by table.
        let name =
            step.addr.key().filter(|_| step.kind.of_table()).map_or_else(|| step.addr.to_string(), str::to_owned);
        objects.push(Object { name, steps: vec![step] });
    }
    blocks.into_iter().map(|(name, sorts)| block(&name, sorts, style)).collect()
}

fn block(name: &str, sorts: Vec<(Sort, Vec<Object>)>, style: Style) -> String {
    let mut out = format!("{}\n", style.ink(Ink::Bold, name));
    for ((sign, words), objects) in sorts {
        let objects = joined(objects);
        for object in objects.iter().take(SHOWN) {
            let kinds: Vec<&str> = object.steps.iter().map(|step| step.kind.word()).collect();
            let steps = if kinds.len() > 1 || object.name != object.steps[0].addr.to_string() {
                format!("  ({})", kinds.join(", "))
            } else {
                String::new()
            };
            out.push_str(&wrap(&format!("  {} ", inked(sign, style)), &format!("{}{steps}", object.name), style.width));
        }
        if objects.len() > SHOWN {
            let rest = thousands((objects.len() - SHOWN) as u64);
            out.push_str(&wrap("      ", &format!("… and {rest} more in the same way; -json lists them"), style.width));
        }
        out.push_str(&wrap("      ", &words, style.width));
    }
    out
}

/// The steps of a table as one object.
fn joined(objects: Vec<Object>) -> Vec<Object> {
    let mut out: Vec<Object> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for object in objects {
        match places.get(&object.name) {
            Some(at) => out[*at].steps.extend(object.steps),
            None => {
                places.insert(object.name.clone(), out.len());
                out.push(object);
            }
        }
    }
    out
}

fn sort(step: &StepDiff) -> Sort {
    match (&step.before, &step.after) {
        (None, Some(after)) => ("+", format!("only in the second plan: {}", side_words(step, after))),
        (Some(before), None) => ("-", format!("only in the first plan: {}", side_words(step, before))),
        (Some(before), Some(after)) => ("~", difference(step, before, after)),
        (None, None) => ("~", String::new()),
    }
}

/// `create`, `re-run, as its dump runs again`.
fn side_words(step: &StepDiff, side: &StepSide) -> String {
    let action = symbol(side.action).1;
    match side.change(&step.addr).map(|change| cause::common_words(&change)) {
        // That it is new the action says.
        Some(why) if !why.is_empty() && side.action != Action::Create => format!("{action} ({why})"),
        _ => action.to_owned(),
    }
}

fn difference(step: &StepDiff, before: &StepSide, after: &StepSide) -> String {
    let mut parts = Vec::new();
    let (was, is) = (side_words(step, before), side_words(step, after));
    if was != is {
        parts.push(format!("{was} becomes {is}"));
    }
    for aspect in &step.aspects {
        let words = match aspect {
            Aspect::Action | Aspect::Cause if was != is => continue,
            Aspect::Action | Aspect::Cause => "why it is done differs",
            Aspect::Kind => "it is another kind of step",
            Aspect::What => "the object is made from something else",
            Aspect::DropsRows => "it drops another number of rows first",
            Aspect::NeedsConfirm if after.needs_confirm => "it needs -confirm now",
            Aspect::NeedsConfirm => "it needs no -confirm any more",
            Aspect::Rewrite => "what of it arrives changed differs",
            Aspect::Inputs if step.ddl.is_some() => "the statement that creates it differs",
            Aspect::Inputs => "what it works with differs",
            Aspect::SourceTable => "the source's structure differs",
        };
        parts.push(words.to_owned());
    }
    if let (Some(was), Some(is)) = (&before.what, &after.what)
        && was != is
    {
        parts.push(format!("{was} becomes {is}"));
    }
    parts.join("; ")
}

/// The statements that create an object, where they differ.
fn statements(diff: &PlanDiff, style: Style) -> Option<String> {
    let all: Vec<(&StepDiff, &Pair<String>)> =
        diff.steps.iter().filter_map(|step| Some((step, step.ddl.as_ref()?))).collect();
    if all.is_empty() {
        return None;
    }
    let mut out = format!("{}\n", style.ink(Ink::Bold, &format!("Created otherwise: {}", thousands(all.len() as u64))));
    for (step, pair) in all.iter().take(STATEMENTS) {
        out.push_str(&format!("  {}\n", step.addr));
        let text = |side: &Option<String>| side.clone().map_or(String::new(), |text| text + "\n");
        let (before, after) = (text(&pair.before), text(&pair.after));
        out.push_str(&indented(&of_texts(("first plan", &before), ("second plan", &after), CONTEXT), style));
    }
    if all.len() > STATEMENTS {
        let rest = thousands((all.len() - STATEMENTS) as u64);
        out.push_str(&wrap("    ", &format!("… and {rest} more; -json has their statements"), style.width));
    }
    Some(out)
}

fn gates(gates: &[Named<Pair<GateSide>>], style: Style) -> String {
    let mut out = String::new();
    for gate in gates {
        let word = |side: &GateSide| outcome_words(side.outcome).1;
        let (sign, words) = match (&gate.differs.before, &gate.differs.after) {
            (Some(before), Some(after)) if before.outcome == after.outcome => ("~", format!("still {}", word(after))),
            (Some(before), Some(after)) => ("~", format!("{} becomes {}", word(before), word(after))),
            (None, Some(after)) => ("+", word(after).to_owned()),
            (Some(before), None) => ("-", word(before).to_owned()),
            (None, None) => ("~", String::new()),
        };
        out.push_str(&wrap(&format!("  {} {}  ", inked(sign, style), gate.name), &words, style.width));
        let saw = |side: &Option<GateSide>| side.as_ref().map(|side| side.saw.clone());
        let same = saw(&gate.differs.before) == saw(&gate.differs.after);
        for (lead, side) in [("saw: ", &gate.differs.before), ("sees: ", &gate.differs.after)] {
            if let Some(side) = side.as_ref().filter(|side| !(same || side.saw.is_empty())) {
                out.push_str(&wrap(&format!("      {lead}"), &side.saw, style.width));
            }
        }
    }
    out
}

fn findings(findings: &[FindingDiff], style: Style) -> String {
    let mut by_code: BTreeMap<(Severity, crate::words::codes::Code, Side), Vec<&FindingDiff>> = BTreeMap::new();
    for finding in findings {
        by_code.entry((finding.finding.severity, finding.finding.code, finding.side)).or_default().push(finding);
    }
    let mut out = String::new();
    for ((_, code, side), findings) in by_code {
        let sign = match side {
            Side::New => "+",
            Side::Gone => "-",
        };
        for FindingDiff { finding, .. } in findings.iter().take(FINDINGS) {
            out.push_str(&wrap(&format!("  {} {code}  ", inked(sign, style)), &sentence(finding), style.width));
        }
        if findings.len() > FINDINGS {
            let rest = thousands((findings.len() - FINDINGS) as u64);
            out.push_str(&wrap("      ", &format!("… and {rest} more of {code}; -json lists them"), style.width));
        }
    }
    out
}

fn estimates(diff: &PlanDiff, style: Style) -> Option<String> {
    let Pair { before: Some(before), after: Some(after) } = diff.estimates.as_ref()? else { return None };
    let words = |of: Quantities| {
        let files = count(of.files, "file", "files");
        format!(
            "{}, {}, {} in {files}",
            count(of.tables, "table", "tables"),
            count(of.rows, "row", "rows"),
            bytes(of.bytes)
        )
    };
    let text = format!("{} becomes {}.", words(*before), words(*after));
    Some(wrap("To move (estimates): ", &text, style.width))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#[path = "plan_diff_tests.rs"]
mod tests;
