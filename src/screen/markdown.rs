//! A plan as Markdown for a comment in a review (GitHub's flavour; GitLab reads it, too): what stops and what warns first,
//! then what would be done, then what arrives changed. It never exceeds its budget of bytes: a forge refuses longer comments
//! (GitHub: 65,536 characters). The same plan gives the same bytes, and two plans of one world differ in nothing: there is no
//! time and no digest of a time in it. Knows nothing of how a plan is made.

use std::collections::BTreeMap;

use super::changes::symbol;
use super::clean::clean;
use super::groups::{Entry, Group, count_action, groups, sum};
use super::plan::{
    confirmation_words, gate_name, own_diagnostics, place_of, quantities_words, short_identity, summary,
};
use super::style::{bytes, count, thousands};
use super::view::{Subject, Tried};
use super::{check, mermaid, moves, plan as text, probe, rehearsal, rewrites};
use crate::formats::plan::{Action, Change, Mode, PlanFile, Rewrite};
use crate::formats::probe::Probed;
use crate::words::codes::Code;
use crate::words::diag::{Diagnostic, Severity};

/// What a comment takes on every forge, with room for a frame around it.
pub const BUDGET: usize = 60_000;
/// Below this not even the sum and the way to the rest have room.
pub const LEAST_BUDGET: usize = 500;

/// The first line: a job finds its own comment by it.
pub const MARK: &str = "<!-- mig plan -->";

/// The same of a comparison of two plans.
const DIFF_MARK: &str = "<!-- mig diff -->";

/// How much of each sort is shown. What is not shown is counted.
#[derive(Clone, Copy)]
struct Limits {
    /// Findings of one code.
    findings: usize,
    /// Lines of one finding's detail.
    lines: usize,
    /// Objects of one sort.
    objects: usize,
    /// Diffs, and bytes of one of them.
    diffs: usize,
    diff_bytes: usize,
    graph: bool,
}

/// From all to little: the first that fits is taken.
const LEVELS: [Limits; 7] = [
    Limits { findings: 500, lines: 200, objects: 500, diffs: 200, diff_bytes: 60_000, graph: true },
    Limits { findings: 100, lines: 30, objects: 100, diffs: 50, diff_bytes: 4_000, graph: true },
    Limits { findings: 40, lines: 20, objects: 40, diffs: 20, diff_bytes: 2_000, graph: true },
    Limits { findings: 20, lines: 10, objects: 20, diffs: 10, diff_bytes: 1_000, graph: true },
    Limits { findings: 10, lines: 5, objects: 10, diffs: 3, diff_bytes: 1_000, graph: true },
    Limits { findings: 5, lines: 3, objects: 5, diffs: 0, diff_bytes: 0, graph: false },
    Limits { findings: 1, lines: 1, objects: 1, diffs: 0, diff_bytes: 0, graph: false },
];

/// The plan in at most `budget` bytes, for budgets of at least [`LEAST_BUDGET`].
pub fn plan(plan: &PlanFile, tried: Tried, budget: usize) -> String {
    fitted(plan, tried, Subject::Plan, budget)
}

/// What the gates alone say of it, within the same budget.
pub fn check(plan: &PlanFile, budget: usize) -> String {
    fitted(plan, Tried::default(), Subject::Check, budget)
}

/// What differs between two plans: the sum, and the text of it as far as it has room.
pub fn diff_of_plans(sum: &str, text: &str, budget: usize) -> String {
    let head = format!("{DIFF_MARK}\n**{}**\n", line(sum));
    let lines: Vec<&str> = text.lines().collect();
    let shown = |number: usize| {
        let rest = match lines.len() - number {
            0 => String::new(),
            rest => format!("… and {} more; `mig diff` shows all.\n", count(rest as u64, "line", "lines")),
        };
        format!("{head}\n{}{rest}", folded("What differs", &fenced("text", &lines[..number].join("\n"))))
    };
    // The most lines that have room, by halving: each line more makes it longer.
    let fits = |number: &usize| clean(&shown(*number)).len() <= budget;
    let most = (0..=lines.len()).collect::<Vec<_>>().partition_point(fits);
    if most > 0 { shown(most - 1) } else { head }
}

fn fitted(plan: &PlanFile, tried: Tried, subject: Subject, budget: usize) -> String {
    let whole_plan = subject == Subject::Plan;
    let groups = if whole_plan { groups(plan) } else { Vec::new() };
    let phases = if whole_plan { phases(plan) } else { None };
    for limits in LEVELS {
        // As it will be printed: what is made safe there may be longer.
        let text = whole(plan, tried, subject, (&groups, phases.as_deref()), limits);
        if clean(&text).len() <= budget {
            return text;
        }
    }
    shortest(plan, tried.probed.unwrap_or_default(), subject, budget)
}

fn whole(
    plan: &PlanFile,
    tried: Tried,
    subject: Subject,
    (groups, phases): (&[Group], Option<&str>),
    limits: Limits,
) -> String {
    let probed = tried.probed.unwrap_or_default();
    let mut sections = vec![head(plan, subject)];
    sections.extend(servers(plan));
    let (stops, warnings): (Vec<_>, Vec<_>) =
        findings(plan, probed).into_iter().partition(|(_, finding)| finding.severity == Severity::Error);
    sections.extend(finding_section("Stops", &stops, limits));
    sections.extend(finding_section("Warnings", &warnings, limits));
    sections.extend(renamed(plan));
    sections.extend(differing(plan));
    sections.extend(groups.iter().map(|group| group_section(group, plan, limits)));
    sections.extend(pending(plan));
    sections.extend(probed.iter().map(|one| format!("{}\n", line(&probe::words(one)))));
    sections.extend(tried.rehearsed.map(|of| format!("Rehearsed: {}.\n", line(&rehearsal::duration_words(of)))));
    sections.extend(rewritten(plan, limits));
    sections.extend(gates(plan));
    sections.extend(phases.filter(|_| limits.graph).map(str::to_owned));
    sections.push(rest(subject));
    sections.join("\n")
}

fn phases(plan: &PlanFile) -> Option<String> {
    let some = !plan.body.graph.nodes.is_empty();
    some.then(|| folded("Phases", &fenced("mermaid", &mermaid::flowchart(plan))))
}

/// The sum, then as much as has room of: who refuses, the codes of what stops, what is to be confirmed, the codes of warnings.
fn shortest(plan: &PlanFile, probed: &[Probed], subject: Subject, budget: usize) -> String {
    let mut by_code: BTreeMap<(Severity, Code), u64> = BTreeMap::new();
    for (_, finding) in findings(plan, probed) {
        *by_code.entry((finding.severity, finding.code)).or_default() += 1;
    }
    let codes = |wanted: Severity, title: &str| {
        let of: Vec<String> = by_code
            .iter()
            .filter(|((severity, _), _)| *severity == wanted)
            .map(|((_, code), number)| format!("{code} ({})", thousands(*number)))
            .collect();
        (!of.is_empty()).then(|| format!("\n**{title}:** {}\n", of.join(", ")))
    };
    let lines = [
        codes(Severity::Error, "Stops"),
        plan.body.blocked.then(|| format!("\n**Blocked:** {}.\n", line(&text::who_refuses(plan)))),
        confirmation_words(plan).map(|words| format!("\n**Needs a confirmation:** {words}\n")),
        codes(Severity::Warning, "Warns"),
    ];
    let rest = format!("\n{}", rest(subject));
    let room = budget.saturating_sub(rest.len());
    let mut text = title(plan, subject);
    let mut left_out = 0;
    for line in lines.into_iter().flatten() {
        if clean(&text).len() + clean(&line).len() + SPARE <= room {
            text.push_str(&line);
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        text.push_str("\nNot all has room here.\n");
    }
    text + &rest
}

/// For the line that says that something is left out.
const SPARE: usize = 30;

fn rest(subject: Subject) -> String {
    let how = match subject {
        Subject::Plan => "`mig show PLANFILE` or, as JSON, `mig show -json PLANFILE`",
        Subject::Check => "`mig check` or, as JSON, `mig check -json`",
    };
    format!("All of it: {how}.\n")
}

/// What it is, and its sum.
fn title(plan: &PlanFile, subject: Subject) -> String {
    if subject == Subject::Check {
        return format!("<!-- mig check -->\n### mig check\n\n{}\n", line(&check::verdict(plan)));
    }
    let what = match plan.body.mode {
        Mode::Apply => "mig plan",
        Mode::Destroy => "mig destroy plan",
        Mode::Refresh => "mig refresh plan",
    };
    let blocked = if plan.body.blocked { ": blocked" } else { "" };
    format!("{MARK}\n### {what}{blocked}\n\n{}\n", summary(plan))
}

fn head(plan: &PlanFile, subject: Subject) -> String {
    let mut out = title(plan, subject);
    if subject == Subject::Plan && plan.body.blocked {
        out.push_str(&format!("\n**Blocked:** {}\n", line(&text::blocked_words(plan))));
    }
    if let Some(words) = confirmation_words(plan).filter(|_| subject == Subject::Plan) {
        out.push_str(&format!("\n**Needs a confirmation:** {words}\n"));
    }
    if let Some(words) = quantities_words(plan) {
        out.push_str(&format!("\n{words}\n"));
    }
    out
}

fn servers(plan: &PlanFile) -> Option<String> {
    let servers = &plan.body.observed.servers;
    if servers.is_empty() {
        return None;
    }
    let mut out = String::from("| server | place | identity |\n| --- | --- | --- |\n");
    for (address, identity) in servers {
        let place = place_of(plan, address).map_or(String::new(), |place| code(&place));
        let who = short_identity(address, identity);
        out.push_str(&row(&[&code(address), &place, &code(&who)]));
    }
    Some(out)
}

/// All findings with the gate that has them, each once; those of a probe, too.
pub(super) fn findings<'a>(plan: &'a PlanFile, probed: &'a [Probed]) -> Vec<(Option<&'a str>, &'a Diagnostic)> {
    let own = own_diagnostics(plan).into_iter().map(|finding| (None, finding));
    let of_gates = plan.body.observed.verdicts.iter();
    let of_gates =
        of_gates.flat_map(|(addr, verdict)| verdict.findings.iter().map(|finding| (Some(gate_name(addr)), finding)));
    let of_probes = probed.iter().flat_map(|one| &one.refused).map(|finding| (None, finding));
    own.chain(of_gates).chain(of_probes).collect()
}

fn finding_section(title: &str, findings: &[(Option<&str>, &Diagnostic)], limits: Limits) -> Option<String> {
    if findings.is_empty() {
        return None;
    }
    let mut by_code: BTreeMap<Code, Vec<(Option<&str>, &Diagnostic)>> = BTreeMap::new();
    for finding in findings {
        by_code.entry(finding.1.code).or_default().push(*finding);
    }
    let mut out = format!("#### {title} ({})\n\n", thousands(findings.len() as u64));
    for (number, of_code) in by_code {
        for (gate, finding) in of_code.iter().take(limits.findings) {
            out.push_str(&finding_item(number, *gate, finding, limits));
        }
        if of_code.len() > limits.findings {
            let rest = thousands((of_code.len() - limits.findings) as u64);
            out.push_str(&format!("- `{number}` … and {rest} more\n"));
        }
    }
    Some(out)
}

fn finding_item(number: Code, gate: Option<&str>, finding: &Diagnostic, limits: Limits) -> String {
    let subject = finding.unnamed_subject();
    let subject = subject.map_or(String::new(), |subject| format!("{}: ", code(subject)));
    let gate = gate.map_or(String::new(), |gate| format!(" (gate `{gate}`)"));
    let place = finding.place.as_ref().map_or(String::new(), |place| {
        format!(" at {}", code(&format!("{}:{}:{}", place.file, place.line, place.column)))
    });
    let mut out = format!("- `{number}` {subject}{}{place}{gate}\n", line(&finding.summary));
    let detail: Vec<&str> = finding.detail.lines().filter(|line| !line.trim().is_empty()).collect();
    for one in detail.iter().take(limits.lines) {
        out.push_str(&format!("  - {}\n", line(one)));
    }
    if detail.len() > limits.lines {
        out.push_str(&format!("  - … and {} more\n", thousands((detail.len() - limits.lines) as u64)));
    }
    if !finding.help.is_empty() {
        out.push_str(&format!("  - Help: {}\n", line(&finding.help)));
    }
    out
}

fn group_section(group: &Group, plan: &PlanFile, limits: Limits) -> String {
    let mut table = String::from("| | object | rows | size | steps | why |\n| --- | --- | ---: | ---: | --- | --- |\n");
    for sort in &group.sorts {
        let shown = sort.len().min(limits.objects);
        for entry in &sort[..shown] {
            table.push_str(&object_row(entry, plan));
        }
        let rest = &sort[shown..];
        if !rest.is_empty() {
            let sums = sum(rest, plan);
            let sign = symbol(rest[0].action).0;
            let one_reason = rest.iter().all(|entry| entry.reason() == rest[0].reason());
            let alike = if one_reason { "all for the same reason" } else { "for several reasons" };
            let (rows, size) = quantity(sums.rows, sums.bytes);
            let number = thousands(rest.len() as u64);
            let more = format!("… and {number} more");
            table.push_str(&row(&[&code(sign), &more, &rows, &size, &steps(&rest[0]), alike]));
        }
    }
    folded(&format!("<code>{}</code>: {}", html(&group.name), actions(group)), &table)
}

/// `12 objects to create, 3 objects to replace`: objects, not steps.
fn actions(group: &Group) -> String {
    let mut counts: Vec<(Action, u64)> = Vec::new();
    for entry in group.sorts.iter().flatten() {
        count_action(&mut counts, entry.action);
    }
    let words = counts
        .iter()
        .map(|(action, number)| format!("{} to {}", count(*number, "object", "objects"), symbol(*action).1));
    words.collect::<Vec<_>>().join(", ")
}

fn object_row(entry: &Entry, plan: &PlanFile) -> String {
    let (rows, size) = entry.estimates(plan).map_or_else(Default::default, |of| quantity(of.rows, of.bytes));
    let mut why: Vec<String> = entry.what().map(line).into_iter().collect();
    let reason = entry.reason();
    if !reason.is_empty() {
        why.push(line(&reason));
    }
    if entry.needs_confirm() {
        why.push("**needs -confirm**".into());
    }
    let sign = symbol(entry.action).0;
    row(&[&code(sign), &code(&entry.name()), &rows, &size, &steps(entry), &why.join("; ")])
}

fn quantity(rows: u64, size: u64) -> (String, String) {
    (thousands(rows), bytes(size))
}

fn steps(entry: &Entry) -> String {
    entry.kinds().iter().map(|kind| kind.word()).collect::<Vec<_>>().join(", ")
}

fn differing(plan: &PlanFile) -> Option<String> {
    let items: String = text::differs(plan).map(|words| format!("- {}\n", line(&words))).collect();
    (!items.is_empty()).then(|| format!("#### {}\n\n{items}", text::DIFFERS))
}

fn renamed(plan: &PlanFile) -> Option<String> {
    if plan.body.moves.is_empty() {
        return None;
    }
    let items = moves::lines(plan).map(|words| format!("- {}\n", line(&words)));
    Some(format!("#### {}\n\n{}\n{}\n", moves::TITLE, items.collect::<String>(), moves::MEANING))
}

fn pending(plan: &PlanFile) -> Option<String> {
    if plan.body.pending.is_empty() {
        return None;
    }
    let items = plan.body.pending.iter().map(|one| {
        let rules: Vec<String> = one.tables.iter().map(|rule| code(rule)).collect();
        format!(
            "- {}: known after {}; tables: {}\n",
            code(&one.addr.to_string()),
            code(&one.after.to_string()),
            rules.join(", ")
        )
    });
    Some(format!("#### Shown by a later plan\n\n{}", items.collect::<String>()))
}

fn rewritten(plan: &PlanFile, limits: Limits) -> Option<String> {
    let all: Vec<(&Change, &Rewrite)> = rewrites::all(plan).collect();
    if all.is_empty() {
        return None;
    }
    let mut out = format!("#### Arrives changed ({})\n\n", thousands(all.len() as u64));
    for (change, rewrite) in all.iter().take(limits.diffs) {
        out.push_str(&one_rewrite(change, rewrite, limits));
    }
    let mut by_code: BTreeMap<Code, u64> = BTreeMap::new();
    for (_, rewrite) in all.iter().skip(limits.diffs) {
        for diagnostic in &rewrite.changes {
            *by_code.entry(diagnostic.code).or_default() += 1;
        }
    }
    if !by_code.is_empty() {
        let counts = by_code.iter().map(|(code, number)| format!("`{code}` {}", thousands(*number)));
        let rest = thousands((all.len() - limits.diffs.min(all.len())) as u64);
        out.push_str(&format!("… and {rest} more, by code: {}\n", counts.collect::<Vec<_>>().join(", ")));
    }
    Some(out)
}

fn one_rewrite(change: &Change, rewrite: &Rewrite, limits: Limits) -> String {
    let mut body = String::new();
    for diagnostic in &rewrite.changes {
        body.push_str(&format!("- `{}` {}\n", diagnostic.code, line(&diagnostic.summary)));
    }
    let diff = rewrites::unified(rewrite);
    if !diff.is_empty() && diff.len() <= limits.diff_bytes {
        body.push_str(&format!("\n{}", fenced("diff", &diff)));
    } else if !diff.is_empty() {
        body.push_str(&format!(
            "\nThe difference has {}; `mig show` has it.\n",
            count(diff.lines().count() as u64, "line", "lines")
        ));
    }
    folded(&format!("<code>{}</code>", html(&rewrites::name(change))), &body)
}

fn gates(plan: &PlanFile) -> Option<String> {
    let verdicts = &plan.body.observed.verdicts;
    if verdicts.is_empty() {
        return None;
    }
    let mut table = String::from("| | gate | migration | saw |\n| --- | --- | --- | --- |\n");
    for (addr, verdict) in verdicts {
        let (sign, word, _) = text::outcome_words(verdict.outcome);
        let migration = code(addr.migration().unwrap_or_default());
        let outcome = format!("{sign} {word}");
        table.push_str(&row(&[&outcome, &code(gate_name(addr)), &migration, &line(&verdict.saw)]));
    }
    let refusing = verdicts.values().filter(|verdict| verdict.outcome.refuses()).count();
    Some(folded(&format!("Gates: {} of {} refuse", refusing, verdicts.len()), &table))
}

fn folded(summary: &str, body: &str) -> String {
    format!("<details><summary>{summary}</summary>\n\n{}\n\n</details>\n", body.trim_end())
}

/// A block whose fence no line of it ends. Tildes, as a line of backticks could end a fence around the whole comment.
fn fenced(language: &str, body: &str) -> String {
    let longest =
        body.lines().map(|line| line.trim_start().chars().take_while(|c| *c == '~').count()).max().unwrap_or(0);
    let fence = "~".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", body.trim_end_matches('\n'))
}

/// A name as code: more quotes than any run of them in it, no line's end.
fn code(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let quotes = "`".repeat(longest + 1);
    let gap = if longest > 0 || text.starts_with(' ') || text.is_empty() { " " } else { "" };
    format!("{quotes}{gap}{text}{gap}{quotes}")
}

/// A sentence on one line, without anything that Markdown or HTML reads as markup, a mention or a reference. What stands in
/// backquotes is a name.
fn line(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut out = String::new();
    let parts: Vec<&str> = text.split('`').collect();
    for (place, part) in parts.iter().enumerate() {
        let closed = place + 1 < parts.len();
        if place % 2 == 1 && closed {
            out.push_str(&code(part));
        } else {
            if place % 2 == 1 {
                out.push_str("\\`");
            }
            out.push_str(&escaped(part));
        }
    }
    out
}

/// Markup is escaped. A word that would mention a person or refer to an issue becomes code: there, and only there, forges link
/// nothing (an entity is decoded before they look, and a zero-width character would be copied with a name).
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_inclusive(' ') {
        let bare = word.trim_end_matches(' ');
        if refers(bare) {
            out.push_str(&code(bare));
            out.push_str(&word[bare.len()..]);
            continue;
        }
        let mut before = ' ';
        for c in word.chars() {
            // An underscore inside a word does not mean emphasis.
            if matches!(c, '\\' | '*' | '[' | ']' | '<' | '>' | '~' | '&') || (c == '_' && !before.is_alphanumeric()) {
                out.push('\\');
            }
            out.push(c);
            before = c;
        }
    }
    out
}

/// What a forge makes a link or a mention of: `@name`, `#12`, `owner/name#12`, `GH-12`, addresses of the web and of mail, and
/// what could be the hash of a commit.
fn refers(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    let signs = word.char_indices().any(|(at, c)| {
        matches!(c, '@' | '#') && word[at + c.len_utf8()..].starts_with(|next: char| next.is_alphanumeric())
    });
    let issue = lower.match_indices("gh-").any(|(at, _)| lower[at + 3..].starts_with(|c: char| c.is_ascii_digit()));
    let hash = lower.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| {
        (7..=64).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_hexdigit())
            && part.bytes().any(|b| b.is_ascii_digit())
    });
    signs || issue || hash || lower.contains("://") || lower.contains("www.")
}

/// A row of a table. A bar in a cell, also inside of code, is escaped: it would end the cell.
fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

fn html(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' | '<' | '>' | '"' | '@' | '#' | '`' | '*' | '_' | '|' | '~' | '[' | ']' | '\\' => {
                out.push_str(&format!("&#{};", u32::from(c)));
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
#[path = "markdown_tests.rs"]
mod tests;
