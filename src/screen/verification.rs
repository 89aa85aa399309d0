//! What `mig verify` found, for people. Says "equal" nowhere without the evidence beside it.

use super::certificate::{apart_words, doubted};
use super::style::{Ink, Style, columns, count, duration, pad, pad_left, thousands, wrap};
use crate::formats::certificate::{Apart, Judgement, ProvenBy, ViewRows};
use crate::formats::verification::{TableVerdict, Verification};
use crate::words::codes;

/// Tables listed one a line; beyond it only those that are not equal.
const LISTED: usize = 40;
/// Differences of structure that are listed for one table.
const STRUCTURE: usize = 5;

/// The whole of it.
pub fn text(found: &Verification, style: Style) -> String {
    let ink = ink(found.verdict);
    let mut out = format!("Verification of migration.{}: {}\n", found.migration, style.ink(ink, found.verdict.word()));
    for (lead, party) in [("Source: ", &found.source), ("Target: ", &found.target)] {
        out.push_str(&wrap(lead, &format!("{} ({}, {})", party.address, party.identity, party.version), style.width));
    }
    out.push_str(&wrap("", &sentence(found), style.width));
    out.push('\n');
    out.push_str(&tables(found, style));
    for table in found.tables.iter().filter(|t| t.verdict != Judgement::Equal) {
        out.push_str(&table_details(table, style));
    }
    for view in found.views.iter().filter(|v| !v.structure.equal) {
        for difference in view.structure.differences.iter().take(STRUCTURE) {
            out.push_str(&wrap(&format!("View {}: ", view.view), &difference.words(), style.width));
        }
    }
    for view in &found.views {
        if let Some(rows) = view.rows.as_ref().filter(|rows| rows.judge() == Judgement::Different) {
            let text = format!("gives other rows: {}", rows.words());
            out.push_str(&wrap(&format!("View {}: ", view.view), &text, style.width));
        }
    }
    if !found.not_compared.is_empty() {
        out.push_str(&wrap("Not compared: ", &found.not_compared.join(", "), style.width));
    }
    for sentence in &found.unproven {
        out.push_str(&wrap("Unproven: ", sentence, style.width));
    }
    out.push_str(&format!("Took {}. Nothing was changed on either server.\n", duration(found.seconds)));
    out
}

fn ink(verdict: Judgement) -> Ink {
    match verdict {
        Judgement::Equal | Judgement::Accepted => Ink::Green,
        Judgement::Unproven => Ink::Yellow,
        Judgement::Different => Ink::Red,
    }
}

fn sentence(found: &Verification) -> String {
    let rows: u64 = found.tables.iter().filter_map(|t| t.rows.source).sum();
    let views = match found.views.len() as u64 {
        0 => String::new(),
        n => format!(", {}", count(n, "view", "views")),
    };
    let all = format!("{}{views}, {}", count(found.tables.len() as u64, "table", "tables"), count(rows, "row", "rows"));
    let of = |verdict: Judgement| found.tables.iter().filter(|t| t.verdict == verdict).count() as u64;
    match found.verdict {
        Judgement::Equal => format!(
            "Equal: {all}; count and sum of row hashes of every table are the same on source and target, and so is \
             the structure, but for what the spec rewrites."
        ),
        Judgement::Accepted => format!(
            "Accepted: {all}; count and sum of row hashes of every table are the same on source and target. What the \
             spec accepts by a rule differs, and is named below."
        ),
        Judgement::Different => different(found, &all),
        Judgement::Unproven => {
            let open = of(Judgement::Unproven);
            let views: Vec<_> = found.views.iter().filter(|view| view.judge() == Judgement::Unproven).collect();
            let differing = views.iter().filter(|v| v.rows.as_ref().is_some_and(ViewRows::differ)).count() as u64;
            let unread = views.len() as u64 - differing;
            let mut parts = Vec::new();
            if differing > 0 {
                parts.push(doubted(differing));
            }
            if open > 0 {
                parts.push(format!("the rows of {} were not compared by content", count(open, "table", "tables")));
            }
            if unread > 0 {
                parts.push(format!("{} not compared in full, as named below", count(unread, "view was", "views were")));
            }
            let lead = if differing > 0 { "" } else { "no difference was found, but " };
            format!("Unproven: {all}; {lead}{}.", parts.join("; "))
        }
    }
}

/// What differs, rows and structure told apart.
fn different(found: &Verification, all: &str) -> String {
    let of = |some: usize, all: usize, one: &str, many: &str| {
        format!("{} of {}", thousands(some as u64), count(all as u64, one, many))
    };
    let tables: Vec<&TableVerdict> = found.tables.iter().filter(|t| t.verdict == Judgement::Different).collect();
    let views = found.views.iter().filter(|view| view.judge() == Judgement::Different).count();
    let apart = tables.iter().map(|table| Apart::of(table.rows_differ(), &table.structure));
    let mut parts = apart_words(apart, found.tables.len() as u64);
    if views > 0 {
        parts.push(of(views, found.views.len(), "view", "views"));
    }
    format!("Different: {}. Compared: {all}.", parts.join("; "))
}

fn tables(found: &Verification, style: Style) -> String {
    let listed: Vec<&TableVerdict> = match found.tables.len() {
        all if all <= LISTED => found.tables.iter().collect(),
        _ => found.tables.iter().filter(|t| t.verdict != Judgement::Equal).collect(),
    };
    let name = listed.iter().map(|table| columns(&table.table)).max().unwrap_or(0);
    let rows: Vec<String> = listed.iter().map(|table| rows(table)).collect();
    let widest = rows.iter().map(|text| columns(text)).max().unwrap_or(0);
    let mut out = String::new();
    for (table, rows) in listed.iter().zip(&rows) {
        let sign = match table.verdict {
            Judgement::Equal => "✓",
            Judgement::Accepted => "~",
            Judgement::Unproven => "!",
            Judgement::Different => "✗",
        };
        let verdict = style.ink(ink(table.verdict), &format!("{sign} {}", pad(table.verdict.word(), 9)));
        let by = match table.proven_by {
            ProvenBy::ServerHashes => "row hashes computed on both servers",
            ProvenBy::ClientHashes => "row hashes, computed here",
            ProvenBy::Count => "count only",
            ProvenBy::NotVerified => "rows not compared",
        };
        let by = match table.verdict {
            Judgement::Different if table.proven_by.sees_content() => {
                match Apart::of(table.rows_differ(), &table.structure) {
                    Apart::Rows => by,
                    Apart::Structure => "rows equal, structure different",
                    Apart::Generated => "rows equal, generated columns different",
                }
            }
            _ => by,
        };
        out.push_str(&format!("  {verdict}  {}  {}  {by}\n", pad(&table.table, name), pad_left(rows, widest)));
    }
    match found.tables.len() - listed.len() {
        0 => out,
        more => format!("{out}  {}: equal\n", count(more as u64, "table", "tables")),
    }
}

fn rows(table: &TableVerdict) -> String {
    match (table.rows.source, table.rows.target) {
        (Some(source), Some(target)) if source != target => {
            format!("{} rows, {} on the target", thousands(source), thousands(target))
        }
        (Some(rows), _) => count(rows, "row ", "rows"),
        _ => "–".to_owned(),
    }
}

fn table_details(table: &TableVerdict, style: Style) -> String {
    let mut out = String::new();
    let lead = format!("{}: ", table.table);
    if let Some(differing) = &table.differing {
        let more = if differing.keys.is_empty() { "; -show-keys names them" } else { "" };
        out.push_str(&wrap(&lead, &format!("{}{more}", differing.words()), style.width));
        for key in &differing.keys {
            out.push_str(&format!("    {} {}\n", pad(key.wrong.word(), 10), key.key));
        }
    }
    for column in table.generated.iter().filter(|column| !column.equal) {
        let rows = count(column.rows, "row", "rows");
        let accepted = match column.accepted {
            true => ": accepted by a rule of the spec".to_owned(),
            false => format!(", and the data is equal ({})", codes::GENERATED_COLUMN_DIFFERS),
        };
        let text = format!("generated column {} differs in {rows}{accepted}", column.column);
        out.push_str(&wrap(&lead, &text, style.width));
    }
    if !table.fault.is_empty() {
        out.push_str(&wrap(&lead, &table.fault, style.width));
    }
    let differences = &table.structure.differences;
    for difference in differences.iter().take(STRUCTURE) {
        let side = |text: &str| if text.is_empty() { "nothing".to_owned() } else { text.to_owned() };
        let text =
            format!("{}: expected {}, found {}", difference.what, side(&difference.expected), side(&difference.actual));
        out.push_str(&wrap(&lead, &text, style.width));
    }
    if differences.len() > STRUCTURE {
        out.push_str(&format!("{lead}{} more differences of structure\n", differences.len() - STRUCTURE));
    }
    out
}
