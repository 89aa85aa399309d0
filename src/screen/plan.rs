//! A plan as text for reviewers and as JSON for scripts: who, what would be done and why, what arrives changed, what
//! the gates say, how much, one line of sum. Knows nothing of how a plan is made or applied.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::style::{self, Ink, Style, band, bytes, columns, count, pad, thousands, wrap};
use super::{changes, compact, diagnostics, moves, rewrites, safe_json};
use crate::formats::facts::{GateOutcome, Verdict};
use crate::formats::plan::{Action, Mode, PlanFile};
use crate::words::addr::{StepAddr, StepKind};
use crate::words::codes::{self, Code};
use crate::words::diag::{Diagnostic, Severity};

/// Findings of one gate (or of one code, for warnings) that are shown in full; the others are only named.
const FINDINGS_SHOWN: usize = 20;
/// Objects of one finding that only warns.
const OBJECTS_SHOWN: usize = 10;

/// How many steps each action has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub create: u64,
    pub rerun: u64,
    pub replace: u64,
    pub forget: u64,
    pub destroy: u64,
}

impl Counts {
    pub fn of(plan: &PlanFile) -> Self {
        let mut counts = Self::default();
        for change in &plan.body.changes {
            match change.action {
                Action::NoOp | Action::Evaluate => {}
                Action::Create => counts.create += 1,
                Action::Rerun => counts.rerun += 1,
                Action::Replace => counts.replace += 1,
                Action::Forget => counts.forget += 1,
                Action::Destroy => counts.destroy += 1,
            }
        }
        counts
    }

    pub fn total(&self) -> u64 {
        self.create + self.rerun + self.replace + self.forget + self.destroy
    }
}

/// The whole plan, for people.
pub fn text(plan: &PlanFile, style: Style) -> String {
    let mut sections = vec![header(plan, style)];
    sections.extend(renamed(plan, style));
    sections.extend(changes::sections(plan, style));
    sections.extend(differing(plan, style));
    sections.extend(pending(plan, style));
    sections.extend(rewrites::section(plan, style));
    sections.extend(gates(plan, style));
    sections.extend(diagnostics_section(plan, style));
    sections.extend(quantities(plan, style));
    sections.push(wrap("", &summary_inked(plan, style), style.width));
    sections.extend(confirmation(plan, style));
    sections.extend(blocked(plan, style));
    sections.join("\n")
}

/// The plan file's own JSON with a `summary`, and with the reason of each change in words.
pub fn json(plan: &PlanFile) -> Value {
    let mut value = serde_json::to_value(plan).unwrap_or(Value::Null);
    if let Value::Object(object) = &mut value {
        object.insert("summary".into(), summary_json(plan));
    }
    // Each change has its cause as a value and in words.
    let changes = value.pointer_mut("/body/changes").and_then(Value::as_array_mut);
    for (shown, change) in changes.into_iter().flatten().zip(&plan.body.changes) {
        shown["reason"] = super::cause::words(change).into();
    }
    safe_json::numbers(value)
}

/// Counts by action, whether it is blocked and by what, and the sentence.
pub fn summary_json(plan: &PlanFile) -> Value {
    let counts = Counts::of(plan);
    json!({
        "create": counts.create,
        "rerun": counts.rerun,
        "replace": counts.replace,
        "forget": counts.forget,
        "destroy": counts.destroy,
        "changes": counts.total(),
        "blocked": plan.body.blocked,
        "refused_by": refusing(plan).map(|(addr, _)| addr.to_string()).collect::<Vec<_>>(),
        "text": summary(plan),
    })
}

/// One line: `Plan: 14 to create, 2 to re-run, …` or `No changes. …`.
pub fn summary(plan: &PlanFile) -> String {
    let counts = Counts::of(plan);
    if counts.total() == 0 {
        let unseen = plan.body.observed.verdicts.values().any(|verdict| verdict.outcome == GateOutcome::CannotLook);
        return match plan.body.mode {
            // What could not be looked at is not known to be as recorded.
            Mode::Apply if plan.body.blocked => "No changes are known: the plan is refused.".to_owned(),
            // Nothing is recorded: what is covered only looks.
            Mode::Apply if plan.body.lineage.is_none() => {
                "No changes. Nothing is recorded yet, and what this plan covers only looks.".to_owned()
            }
            Mode::Apply if !plan.body.targets.is_empty() => {
                "No changes. What -target names, and all that it needs, is recorded as complete, and nothing observed of it differs from the state. A plan compares no rows: mig verify does."
                    .to_owned()
            }
            Mode::Apply if unseen => "No changes are known. Every step of the spec is recorded as complete; whether that still holds could not be looked at.".to_owned(),
            Mode::Apply => "No changes. Every step of the spec is recorded as complete, and nothing observed differs from the state. A plan compares no rows: mig verify does."
                .to_owned(),
            Mode::Destroy => "No changes. Nothing is recorded that a destroy would remove.".to_owned(),
            Mode::Refresh if plan.body.blocked => "No changes are known: the refresh is refused.".to_owned(),
            Mode::Refresh if !plan.body.differs.is_empty() => {
                "Nothing is gone: every table and view that is recorded is on the target. What differs from its record is listed with this plan, and stays for a plan without -refresh-only.".to_owned()
            }
            Mode::Refresh => "No changes. Every table and view that is recorded is on the target.".to_owned(),
        };
    }
    format!(
        "Plan: {} to create, {} to re-run, {} to replace, {} to forget, {} to destroy.",
        thousands(counts.create),
        thousands(counts.rerun),
        thousands(counts.replace),
        thousands(counts.forget),
        thousands(counts.destroy),
    )
}

fn summary_inked(plan: &PlanFile, style: Style) -> String {
    let text = summary(plan);
    match text.split_once([':', '.']) {
        Some((head, rest)) => {
            let end = if text.starts_with("Plan") { ":" } else { "." };
            format!("{}{rest}", style.ink(Ink::Bold, &format!("{head}{end}")))
        }
        None => text,
    }
}

fn header(plan: &PlanFile, style: Style) -> String {
    let head = &plan.header;
    let what = match plan.body.mode {
        Mode::Apply => "Plan",
        Mode::Destroy => "Destroy plan",
        Mode::Refresh => "Refresh plan",
    };
    format!(
        "{} of {}, mig {}, good until {}\n{}",
        style.ink(Ink::Bold, what),
        moment(&head.created),
        head.mig_version,
        moment(&head.expires),
        server_lines(plan, style)
    )
}

/// One line a server: its address, its place, who is logged in.
pub(super) fn server_lines(plan: &PlanFile, style: Style) -> String {
    let mut out = String::new();
    let servers = &plan.body.observed.servers;
    let widest = servers.keys().map(|addr| columns(addr)).max().unwrap_or(0);
    for (address, identity) in servers {
        let place = place_of(plan, address).map(|place| format!("{place}, ")).unwrap_or_default();
        let lead = format!("  {}  ", pad(address, widest));
        let who = short_identity(address, identity);
        out.push_str(&wrap(&lead, &format!("{place}{who}"), style.width));
    }
    out
}

/// `2026-01-05T10:00:00Z` -> `2026-01-05 10:00 UTC`.
pub(super) fn moment(rfc3339: &str) -> String {
    match (rfc3339.get(..10), rfc3339.get(11..16)) {
        (Some(day), Some(minute)) if rfc3339.ends_with('Z') => format!("{day} {minute} UTC"),
        _ => rfc3339.to_owned(),
    }
}

/// `mig@8f2c1d1a-8a7e-11ee-b9d1-0242ac120002` -> `mig@8f2c1d1a-8a7…`. An account stands as it is.
pub(super) fn short_identity(address: &str, identity: &str) -> String {
    if address.starts_with("provider.") {
        return identity.to_owned();
    }
    match identity.rsplit_once('@') {
        Some((user, "none")) => format!("{user}@ (no identity yet: the first apply gives it one)"),
        Some((user, server)) => format!("{user}@{}", style::cut(server, 13)),
        None => style::cut(identity, 30),
    }
}

/// Host and port, or the cluster that is looked up, where the step's inputs name them.
pub(super) fn place_of(plan: &PlanFile, address: &str) -> Option<String> {
    let addr = StepAddr::parse(address)?;
    let node = plan.body.graph.nodes.iter().find(|node| node.addr == addr)?;
    let inputs = node.inputs.value();
    let text = |name: &str| inputs.get(name).and_then(Value::as_str);
    text("place").map(str::to_owned).or_else(|| text("cluster").map(|cluster| format!("cluster {cluster}")))
}

/// Symbol, word and colour of an outcome; the word says it all without the others.
pub(super) fn outcome_words(outcome: GateOutcome) -> (&'static str, &'static str, Ink) {
    match outcome {
        GateOutcome::Passed => ("✓", "passed", Ink::Green),
        GateOutcome::Warned => ("!", "warned", Ink::Yellow),
        GateOutcome::Unproven => ("!", "unproven (accepted)", Ink::Yellow),
        GateOutcome::CannotLook => ("✗", "cannot look", Ink::Red),
        GateOutcome::No => ("✗", "no", Ink::Red),
    }
}

pub(super) fn refusing(plan: &PlanFile) -> impl Iterator<Item = (&StepAddr, &Verdict)> {
    plan.body.observed.verdicts.iter().filter(|(_, verdict)| verdict.outcome.refuses())
}

pub(super) fn gate_name(addr: &StepAddr) -> &str {
    addr.key().unwrap_or("gate")
}

pub(super) fn gates(plan: &PlanFile, style: Style) -> Vec<String> {
    let mut by_migration: BTreeMap<&str, Vec<(&StepAddr, &Verdict)>> = BTreeMap::new();
    for (addr, verdict) in &plan.body.observed.verdicts {
        by_migration.entry(addr.migration().unwrap_or("")).or_default().push((addr, verdict));
    }
    by_migration.into_iter().map(|(migration, gates)| gates_of(migration, &gates, style)).collect()
}

fn gates_of(migration: &str, gates: &[(&StepAddr, &Verdict)], style: Style) -> String {
    let mut out = style.ink(Ink::Bold, &format!("Gates of migration.{migration}"));
    out.push('\n');
    let names = gates.iter().map(|(addr, _)| columns(gate_name(addr))).max().unwrap_or(0);
    let words = gates.iter().map(|(_, verdict)| columns(outcome_words(verdict.outcome).1)).max().unwrap_or(0);
    for (addr, verdict) in gates {
        let (symbol, word, ink) = outcome_words(verdict.outcome);
        let lead = format!("  {symbol} {}  {}  ", pad(word, words), pad(gate_name(addr), names));
        // Wrapped without colour, so that no escape counts as a column.
        let plain = wrap(&lead, &verdict.saw, style.width);
        let head = format!("{symbol} {word}");
        out.push_str(&plain.replacen(&head, &style.ink(ink, &head), 1));
    }
    for (addr, verdict) in gates {
        if verdict.findings.is_empty() {
            continue;
        }
        let (_, word, _) = outcome_words(verdict.outcome);
        out.push_str(&format!("\n  {}: {word}\n", gate_name(addr)));
        if verdict.outcome.refuses() {
            let shown = &verdict.findings[..verdict.findings.len().min(FINDINGS_SHOWN)];
            let text = diagnostics::render(shown, style.color, style.width.saturating_sub(4));
            out.push_str(&indent(uncounted(&text)));
            out.push_str(&only_named(&verdict.findings[shown.len()..], style));
        } else if style.compact {
            out.push_str(&compact::warnings("    ", &verdict.findings, style));
        } else {
            out.push_str(&briefly(&verdict.findings, style));
        }
    }
    out
}

/// One line a finding, the first of each code; the others by name.
fn briefly(findings: &[Diagnostic], style: Style) -> String {
    let mut seen: BTreeMap<Code, usize> = BTreeMap::new();
    let mut out = String::new();
    let mut rest = Vec::new();
    for finding in findings {
        let number = seen.entry(finding.code).or_default();
        *number += 1;
        if *number > FINDINGS_SHOWN {
            rest.push(finding.clone());
            continue;
        }
        out.push_str(&wrap(&format!("    {}  ", finding.code), &sentence(finding), style.width));
        out.push_str(&objects(&finding.detail, style));
        if !finding.help.is_empty() {
            out.push_str(&wrap("             help: ", &finding.help, style.width));
        }
    }
    out.push_str(&only_named(&rest, style));
    out
}

/// A finding in one sentence that names what it is about.
pub(super) fn sentence(finding: &Diagnostic) -> String {
    let subject = finding.unnamed_subject();
    subject.map_or(finding.summary.clone(), |subject| format!("{subject}: {}", finding.summary))
}

/// What a finding is about, a line each: as many as a reviewer reads, and how to see the others.
fn objects(detail: &str, style: Style) -> String {
    let lines: Vec<&str> = detail.lines().collect();
    let shown = if lines.len() > OBJECTS_SHOWN + 1 { OBJECTS_SHOWN } else { lines.len() };
    let mut out: String = lines[..shown].iter().map(|line| wrap("             ", line, style.width)).collect();
    if shown < lines.len() {
        let rest = thousands((lines.len() - shown) as u64);
        out.push_str(&wrap("             ", &format!("… and {rest} more; mig plan -json lists them"), style.width));
    }
    out
}

/// What is not shown in full is still in the plan, by name.
fn only_named(findings: &[Diagnostic], style: Style) -> String {
    let mut by_code: BTreeMap<Code, Vec<&str>> = BTreeMap::new();
    for finding in findings {
        by_code.entry(finding.code).or_default().push(finding.subject.as_deref().unwrap_or(finding.summary.as_str()));
    }
    by_code
        .into_iter()
        .map(|(code, names)| {
            let text = format!("and {} more: {}", thousands(names.len() as u64), names.join(", "));
            wrap(&format!("    {code}  "), &text, style.width)
        })
        .collect()
}

/// Without the line that counts at the end: where only the first are shown, it would count wrongly.
fn uncounted(text: &str) -> &str {
    text.trim_end().rsplit_once("\n\n").map_or(text, |(findings, _)| findings)
}

fn indent(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") }).collect()
}

/// The plan's own diagnostics, but for those that stand under a gate.
pub(super) fn own_diagnostics(plan: &PlanFile) -> Vec<&Diagnostic> {
    let of_gates: BTreeSet<_> =
        plan.body.observed.verdicts.values().flat_map(|verdict| &verdict.findings).map(what_it_says).collect();
    plan.body.diagnostics.iter().filter(|own| !of_gates.contains(&what_it_says(own))).collect()
}

pub(super) fn diagnostics_section(plan: &PlanFile, style: Style) -> Option<String> {
    let (folded, own): (Vec<&Diagnostic>, Vec<&Diagnostic>) =
        own_diagnostics(plan).into_iter().partition(|own| style.compact && own.severity == Severity::Warning);
    let own: Vec<Diagnostic> = own.into_iter().cloned().collect();
    let hidden = style.compact && (!folded.is_empty() || plan.body.observed.verdicts.values().any(warns));
    if own.is_empty() && !hidden {
        return None;
    }
    if own.is_empty() && folded.is_empty() {
        return Some(compact::note(style));
    }
    let errors = own.iter().filter(|d| d.severity == Severity::Error).count();
    let title = if errors > 0 { "Errors and warnings" } else { "Warnings" };
    let mut out = format!("{}\n", style.ink(Ink::Bold, title));
    out.push_str(&compact::warnings("  ", folded, style));
    if hidden {
        out.push_str(&compact::note(style));
    }
    out.push_str(&diagnostics::render(&own, style.color, style.width));
    if !out.ends_with('\n') {
        out.push('\n');
    }
    Some(out)
}

/// Whether a gate has findings that only warn.
fn warns(verdict: &Verdict) -> bool {
    !verdict.outcome.refuses() && !verdict.findings.is_empty()
}

fn what_it_says(diagnostic: &Diagnostic) -> (Code, &str, Option<&str>) {
    (diagnostic.code, &diagnostic.summary, diagnostic.subject.as_deref())
}

pub(super) fn quantities(plan: &PlanFile, style: Style) -> Option<String> {
    quantities_words(plan).map(|words| wrap("", &words, style.width))
}

/// How much is moved; nothing where nothing is.
pub(super) fn quantities_words(plan: &PlanFile) -> Option<String> {
    let moves = plan.body.changes.iter().any(|change| {
        change.action.is_change()
            && change.action != Action::Forget
            && matches!(change.addr.kind(), Some(StepKind::Dump | StepKind::Load))
    });
    let estimates = &plan.estimates;
    if !moves || plan.body.mode == Mode::Destroy || estimates.tables == 0 {
        return None;
    }
    let time = match estimates.seconds_high {
        0 => "in an unknown time".to_owned(),
        high => format!("in {}", band(estimates.seconds_low, high)),
    };
    Some(format!(
        "To move (estimates): {}, {}, {} in {}, {time}.",
        count(estimates.tables, "table", "tables"),
        count(estimates.rows, "row", "rows"),
        bytes(estimates.bytes),
        count(estimates.files, "file", "files"),
    ))
}

fn confirmation(plan: &PlanFile, style: Style) -> Option<String> {
    let words = confirmation_words(plan)?;
    Some(style.ink(Ink::Yellow, wrap("", &words, style.width).trim_end()) + "\n")
}

/// What apply or destroy asks a person to confirm.
pub(super) fn confirmation_words(plan: &PlanFile) -> Option<String> {
    let number = plan.body.changes.iter().filter(|change| change.needs_confirm).count() as u64;
    (number > 0).then(|| {
        let drops = if number == 1 { "change drops" } else { "changes drop" };
        let text = match plan.body.mode {
            Mode::Apply | Mode::Refresh => {
                format!("{drops} rows that were verified: apply needs -confirm=TARGET_HOST.")
            }
            Mode::Destroy => format!("{drops} tables or views of the target: destroy needs -confirm=TARGET_HOST."),
        };
        format!("{} {text}", thousands(number))
    })
}

/// Above what a refresh cannot record.
pub(super) const DIFFERS: &str = "Differs from the record; mig apply sets it right";

/// One text for each of them.
pub(super) fn differs(plan: &PlanFile) -> impl Iterator<Item = String> {
    plan.body.differs.iter().map(|change| format!("{}: {}", change.addr, super::cause::words(change)))
}

fn differing(plan: &PlanFile, style: Style) -> Option<String> {
    let lines: String = differs(plan).map(|line| wrap("  ", &line, style.width)).collect();
    (!lines.is_empty()).then(|| format!("{}\n{lines}", style.ink(Ink::Bold, DIFFERS)))
}

/// Blocks that have another address from now on.
fn renamed(plan: &PlanFile, style: Style) -> Option<String> {
    if plan.body.moves.is_empty() {
        return None;
    }
    let mut text = format!("{}\n", style.ink(Ink::Bold, moves::TITLE));
    moves::lines(plan).for_each(|line| text.push_str(&wrap("  ", &line, style.width)));
    text.push_str(&wrap("  ", moves::MEANING, style.width));
    Some(text)
}

/// Tables that another plan shows.
fn pending(plan: &PlanFile, style: Style) -> Option<String> {
    if plan.body.pending.is_empty() {
        return None;
    }
    let mut text = String::new();
    for one in &plan.body.pending {
        text.push_str(&wrap("  ", &format!("? {} (known after {})", one.addr, one.after), style.width));
        text.push_str(&wrap("      ", &format!("tables: {}", one.tables.join(", ")), style.width));
    }
    let why = "What these tables need is seen from their runner. Apply does what is above and stops there; the next plan \
               shows the rest.";
    text.push_str(&wrap("  ", why, style.width));
    Some(text)
}

fn blocked(plan: &PlanFile, style: Style) -> Option<String> {
    if !plan.body.blocked {
        return None;
    }
    let lines = wrap("Blocked: ", &blocked_words(plan), style.width);
    Some(lines.replacen("Blocked:", &style.ink(Ink::Red, "Blocked:"), 1))
}

/// Who refuses a blocked plan, without a full stop.
pub(super) fn who_refuses(plan: &PlanFile) -> String {
    let names: Vec<String> = refusing(plan)
        .map(|(addr, verdict)| format!("{} ({})", gate_name(addr), outcome_words(verdict.outcome).1))
        .collect();
    match names.as_slice() {
        [] => "the plan has errors".to_owned(),
        [one] => format!("a gate refuses: {one}"),
        many => format!("{} gates refuse: {}", many.len(), many.join(", ")),
    }
}

/// Who refuses a blocked plan, and what to do.
pub(super) fn blocked_words(plan: &PlanFile) -> String {
    let who = who_refuses(plan);
    let mut findings = plan.body.observed.verdicts.values().flat_map(|verdict| &verdict.findings);
    if findings.any(|found| found.code == codes::NOT_INSTALLED) {
        format!(
            "{who}. This plan was made without a look from the runner, where mig is not installed yet: it cannot be \
             applied. mig apply copies mig there, plans from there, shows that plan and asks."
        )
    } else {
        format!(
            "{who}. Applying this plan starts nothing and exits 5. To go on: do what the findings say, or set the rule \
         in the gates block of the migration, then run mig plan again; mig explain CODE tells more of a code."
        )
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
pub(super) mod tests;
