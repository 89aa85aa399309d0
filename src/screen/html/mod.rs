//! A plan, what its gates say, or a state as one page of HTML: a file without a network, for a review or to keep. The parts of
//! the page are `page.html`, `page.css` and the scripts beside this file; its data is [`model`].
//!
//! Every text of a server is data. It stands in the page as JSON and is put into the document as text, or it is escaped here;
//! and the page's policy (<https://www.w3.org/TR/CSP3/>) lets nothing run or load but the style and the script of this program,
//! by their hashes. The same plan gives the same bytes.

mod history;
mod model;
mod of_certificate;
mod of_plan;
mod safe;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use self::model::{Data, History};
use super::clean::markup;
use super::phases::Phases;
use super::plan::{
    Counts, DIFFERS, blocked_words, confirmation_words, differs, moment, place_of, quantities_words, short_identity,
    summary,
};
use super::style::{band, bytes, count, thousands};
use super::view::Subject;
use super::{check, moves, probe, svg};
use crate::formats::certificate::Certificate;
use crate::formats::plan::{Mode, PlanFile};
use crate::formats::probe::Probed;
use crate::formats::state::{State, Status};
use crate::words::diag::Severity;

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
/// Joined in this order; the last one begins.
const SCRIPTS: [&str; 5] = [
    include_str!("page.js"),
    include_str!("lists.js"),
    include_str!("graph.js"),
    include_str!("history.js"),
    include_str!("start.js"),
];

/// What every page begins with: so one is known that may be written over.
pub const BEGIN: &str = "<!doctype html>\n";

/// A plan, and what a probe of it came to where there was one.
///
/// # Errors
/// A value that cannot be JSON; the types of the page have none.
pub fn plan(plan: &PlanFile, probed: &[Probed]) -> serde_json::Result<String> {
    of_plan_file(plan, probed, Subject::Plan)
}

/// What the gates of a plan say, without what it would do.
///
/// # Errors
/// As [`plan`].
pub fn check(plan: &PlanFile) -> serde_json::Result<String> {
    of_plan_file(plan, &[], Subject::Check)
}

/// What is recorded: what ran when, and how fast.
///
/// # Errors
/// As [`plan`].
pub fn state(state: &State) -> serde_json::Result<String> {
    let data = history::data(state);
    let statuses = |wanted: Status| state.steps.values().filter(|record| record.status == wanted).count() as u64;
    let [complete, unfinished, failed, stale] =
        [Status::Complete, Status::Running, Status::Failed, Status::Stale].map(statuses);
    let badge = match (failed, unfinished, &state.open_run) {
        (1.., ..) => ("bad", "✗ Failed"),
        (0, 1.., _) | (0, _, Some(_)) => ("warn", "! Not finished"),
        (0, 0, None) if stale > 0 => ("warn", "! Not up to date"),
        (0, 0, None) if state.steps.is_empty() => ("warn", "Nothing recorded"),
        (0, 0, None) => ("good", "✓ All recorded steps are complete"),
    };
    let open = state.open_run.as_ref().map(|run| {
        let digest = run.plan_digest.short();
        format!("A run of plan {digest} is open: it was interrupted, or is under way. mig apply goes on with it, or mig destroy if it was one.")
    });
    let moved = data.history.as_ref().map_or(&[][..], |history: &History| &history.moved);
    // What no step has recorded is not nothing.
    let sum = |of: fn(&model::Moved) -> Option<u64>, words: fn(u64) -> String| {
        let known: Vec<u64> = moved.iter().filter_map(of).collect();
        if known.is_empty() { "unknown".to_owned() } else { words(known.iter().sum()) }
    };
    let cards = [
        ("Complete", thousands(complete), complete == 0),
        ("Unfinished", thousands(unfinished), unfinished == 0),
        ("Failed", thousands(failed), failed == 0),
        ("Tables", thousands(moved.len() as u64), moved.is_empty()),
        ("Rows", sum(|one| one.rows, thousands), false),
        ("Size", sum(|one| one.bytes, bytes), false),
    ];
    let facts = [
        ("lineage", state.lineage.clone()),
        ("serial", thousands(state.serial)),
        ("written by", format!("mig {}", state.mig_version)),
    ];
    let facts: Vec<[String; 3]> = facts.into_iter().map(|(name, value)| [name.into(), value, String::new()]).collect();
    page(&Parts {
        title: "mig state".into(),
        kind: "state",
        badge,
        sentence: format!(
            "{}: {} complete, {} unfinished, {} failed{}.",
            count(state.steps.len() as u64, "recorded step", "recorded steps"),
            thousands(complete),
            thousands(unfinished),
            thousands(failed),
            if stale > 0 { format!(", {} stale", thousands(stale)) } else { String::new() }
        ),
        alerts: open.map(|words| ("warn", "Open run", words)).into_iter().collect(),
        cards: vec![("", cards.to_vec())],
        facts: table("facts", &["", "", ""], &facts),
        sections: String::new(),
        graph: String::new(),
        without_script: without_script("mig show"),
        origin: format!("State of lineage {}, serial {}.", state.lineage, thousands(state.serial)),
        data: &data,
    })
}

/// What a certificate proves, and what it does not.
///
/// # Errors
/// As [`plan`].
pub fn certificate(certificate: &Certificate) -> serde_json::Result<String> {
    page(&of_certificate::parts(certificate, &Data::default()))
}

fn of_plan_file(plan: &PlanFile, probed: &[Probed], subject: Subject) -> serde_json::Result<String> {
    let phases = Phases::of(plan);
    let data = of_plan::data(plan, probed, subject, &phases);
    let whole = subject == Subject::Plan;
    let kind = match (subject, plan.body.mode) {
        (Subject::Check, _) => "check",
        (Subject::Plan, Mode::Apply) => "plan",
        (Subject::Plan, Mode::Destroy) => "destroy plan",
        (Subject::Plan, Mode::Refresh) => "refresh plan",
    };
    let badge = badge(plan, &data);
    let mut alerts = Vec::new();
    if whole && plan.body.blocked {
        alerts.push(("bad", "✗ Blocked", blocked_words(plan)));
    }
    if let Some(words) = confirmation_words(plan).filter(|_| whole) {
        alerts.push(("warn", "! Needs a confirmation", words));
    }
    alerts.extend(moves::lines(plan).map(|words| ("note", moves::TITLE, format!("{words}. {}", moves::MEANING))));
    alerts.extend(differs(plan).map(|words| ("warn", DIFFERS, words)));
    for one in &plan.body.pending {
        let words = format!("{} is known after {}; tables: {}", one.addr, one.after, one.tables.join(", "));
        alerts.push(("note", "? Shown by a later plan", words));
    }
    alerts.extend(probed.iter().map(|one| ("note", "Probe", probe::words(one))));
    let head = &plan.header;
    page(&Parts {
        title: format!("mig {kind}: {}", badge.1),
        kind,
        badge,
        sentence: if whole { summary(plan) } else { check::verdict(plan) },
        alerts,
        cards: cards(plan, whole),
        facts: servers(plan),
        sections: gates(plan),
        graph: if whole { graph(plan, &phases) } else { String::new() },
        without_script: without_script(if whole { "mig show PLANFILE" } else { "mig check" }),
        origin: format!(
            "Made {} by mig {}; good until {}. Digest of the plan: {}.",
            moment(&head.created),
            head.mig_version,
            moment(&head.expires),
            plan.digest
        ),
        data: &data,
    })
}

fn badge(plan: &PlanFile, data: &Data) -> (&'static str, &'static str) {
    let warns = data.findings.iter().any(|finding| finding.severity == Severity::Warning) || !data.changed.is_empty();
    if plan.body.blocked {
        ("bad", "✗ Blocked")
    } else if confirmation_words(plan).is_some() {
        ("warn", "! Needs a confirmation")
    } else if Counts::of(plan).total() == 0 {
        ("good", "No changes")
    } else if warns {
        ("warn", "! Warnings")
    } else if !plan.body.pending.is_empty() {
        ("note", "? Not all is known yet")
    } else if plan.body.observed.verdicts.is_empty() {
        ("note", "No gate was evaluated")
    } else {
        ("good", "✓ No gate refuses")
    }
}

/// Cards in one row, with a title where there are several rows.
type Row = (&'static str, Vec<Card>);

/// Name, value, and whether there is nothing to see.
type Card = (&'static str, String, bool);

fn cards(plan: &PlanFile, whole: bool) -> Vec<Row> {
    let counts = Counts::of(plan);
    let number = |name: &'static str, number: u64| (name, thousands(number), number == 0);
    let mut rows = Vec::new();
    if whole {
        let cards = [
            number("+ to create", counts.create),
            number("~ to re-run", counts.rerun),
            number("-/+ to replace", counts.replace),
            number("- to destroy", counts.destroy),
            number(". to forget", counts.forget),
        ];
        rows.push(("Steps", cards.to_vec()));
    }
    if quantities_words(plan).is_some() {
        let estimates = &plan.estimates;
        let time = match estimates.seconds_high {
            0 => "unknown".to_owned(),
            high => band(estimates.seconds_low, high),
        };
        let cards = vec![
            number("tables", estimates.tables),
            number("rows", estimates.rows),
            ("size", bytes(estimates.bytes), estimates.bytes == 0),
            number("files", estimates.files),
            ("time", time, false),
        ];
        rows.push(("To move (estimates)", cards));
    }
    rows
}

fn servers(plan: &PlanFile) -> String {
    let row = |(address, identity): (&String, &String)| {
        [address.clone(), place_of(plan, address).unwrap_or_default(), short_identity(address, identity)]
    };
    let rows: Vec<[String; 3]> = plan.body.observed.servers.iter().map(row).collect();
    table("facts", &["Server", "Place", "Identity"], &rows)
}

/// A table of texts; nothing where it has no rows.
fn table(look: &str, heads: &[&str; 3], rows: &[[String; 3]]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let heads: String = match heads.iter().any(|head| !head.is_empty()) {
        true => heads.iter().map(|head| format!("<th scope=\"col\">{head}</th>")).collect(),
        false => String::new(),
    };
    let head = if heads.is_empty() { String::new() } else { format!("<thead><tr>{heads}</tr></thead>") };
    let row = |[name, place, more]: &[String; 3]| {
        format!(
            "<tr><td class=\"mono\">{}</td><td>{}</td><td>{}</td></tr>\n",
            markup(name),
            markup(place),
            markup(more)
        )
    };
    format!("<table class=\"{look}\">{head}<tbody>\n{}</tbody></table>", rows.iter().map(row).collect::<String>())
}

fn gates(plan: &PlanFile) -> String {
    let gates = of_plan::gates(plan);
    if gates.is_empty() {
        return String::new();
    }
    let refusing = plan.body.observed.verdicts.values().filter(|verdict| verdict.outcome.refuses()).count();
    let row = |[look, outcome, gate, migration, saw]: &[String; 5]| {
        format!(
            "<tr><td class=\"outcome {look}\">{}</td><td class=\"mono\">{}</td><td class=\"mono\">{}</td><td class=\"saw\">{}</td></tr>\n",
            markup(outcome),
            markup(gate),
            markup(migration),
            markup(saw)
        )
    };
    format!(
        "<section id=\"gates\" aria-labelledby=\"gates-title\">\n<h2 id=\"gates-title\">Gates <span class=\"number\">{refusing} of \
         {} refuse</span></h2>\n<table class=\"gates\"><thead><tr><th scope=\"col\">Outcome</th><th scope=\"col\">Gate</th>\
         <th scope=\"col\">Migration</th><th scope=\"col\">Saw</th></tr></thead><tbody>\n{}</tbody></table>\n</section>",
        gates.len(),
        gates.iter().map(row).collect::<String>()
    )
}

fn graph(plan: &PlanFile, phases: &Phases) -> String {
    if phases.nodes.is_empty() {
        return String::new();
    }
    let steps = svg::of_steps(plan).map_or(String::new(), |svg| svg.replacen("<svg ", "<svg hidden ", 1));
    format!(
        "<section id=\"graph\" aria-labelledby=\"graph-title\">\n<div class=\"title\"><h2 id=\"graph-title\">Graph <span \
         class=\"number\">{}, {}</span></h2><div class=\"tools\" hidden></div></div>\n<p class=\"dim\">From top to bottom: what is \
         below waits for what is above. \
         A dashed line: it takes what the other has finished so far. A phase opens the list of its steps.</p>\n<div class=\"stage alone\"><div class=\"canvas\">\n\
         {}{steps}</div>\n<div class=\"panel\" id=\"phase\" role=\"region\" aria-label=\"Steps of the phase\" aria-live=\"polite\" \
         hidden></div></div>\n</section>",
        count(plan.body.graph.nodes.len() as u64, "step", "steps"),
        count(phases.nodes.len() as u64, "phase", "phases"),
        svg::of_phases(phases)
    )
}

/// What a page of lists says where its script does not run.
fn without_script(command: &str) -> String {
    format!(
        "It shows the summary, the gates and the graph; the lists of objects, findings, differences and definitions need its \
         script, which loads nothing. `{command}` prints the same in a terminal."
    )
}

/// All that a page differs in from another one.
struct Parts<'a> {
    title: String,
    kind: &'static str,
    /// Class, and sign with words.
    badge: (&'static str, &'static str),
    sentence: String,
    /// Class, title, words.
    alerts: Vec<(&'static str, &'static str, String)>,
    cards: Vec<Row>,
    /// Markup from here …
    facts: String,
    /// Whole sections that need no script.
    sections: String,
    graph: String,
    /// … to here. What somebody reads who has no script.
    without_script: String,
    origin: String,
    data: &'a Data,
}

fn page(parts: &Parts) -> serde_json::Result<String> {
    let script = format!("(() => {{\n'use strict';\n{}}})();\n", SCRIPTS.concat());
    let data = safe::json(parts.data)?;
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(&script)
    );
    let card = |(name, value, zero): &Card| {
        let look = if *zero { " class=\"zero\"" } else { "" };
        format!("<div{look}><dt>{}</dt><dd>{}</dd></div>", markup(name), markup(value))
    };
    let row = |(title, cards): &Row| {
        let title = if title.is_empty() { String::new() } else { format!("<h3>{}</h3>\n", markup(title)) };
        format!("{title}<dl class=\"cards\">{}</dl>\n", cards.iter().map(card).collect::<String>())
    };
    let alert = |(look, title, words): &(&str, &str, String)| {
        let title = if title.is_empty() { String::new() } else { format!("<b>{}.</b> ", markup(title)) };
        format!("<p class=\"alert {look}\">{title}{}</p>\n", markup(words))
    };
    Ok(filled(TEMPLATE, |name| match name {
        "csp" => policy.clone(),
        "version" => markup(env!("CARGO_PKG_VERSION")),
        "title" => markup(&parts.title),
        "style" => STYLE.to_owned(),
        "kind" => parts.kind.to_owned(),
        "badge_class" => parts.badge.0.to_owned(),
        "badge" => markup(parts.badge.1),
        "sentence" => markup(&parts.sentence),
        "alerts" => parts.alerts.iter().map(alert).collect(),
        "cards" => parts.cards.iter().map(row).collect(),
        "facts" => parts.facts.clone(),
        "sections" => parts.sections.clone(),
        "graph" => parts.graph.clone(),
        "without_script" => markup(&parts.without_script),
        "origin" => markup(&parts.origin),
        "data" => data.clone(),
        "script" => script.clone(),
        _ => String::new(),
    }))
}

/// The template with a text in place of each `{{name}}`. What is put in is not read again.
fn filled(template: &str, text_of: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, (name, after))) =
        rest.split_once("{{").and_then(|(before, after)| Some((before, after.split_once("}}")?)))
    {
        out.push_str(before);
        out.push_str(&text_of(name));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The hash of an inline style or script, as a policy names it.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#[path = "page_tests.rs"]
mod tests;
