//! The changes of a plan, grouped by migration and folded by table: what is alike stands once, what is many stands
//! with counts. Knows the plan's values only.

use super::groups::{Entry, Group, by_reason, groups, sum};
use super::style::{Ink, Style, bytes, columns, count, pad, pad_left, thousands, wrap};
use crate::formats::plan::{Action, PlanFile};
use crate::words::addr::StepKind;

/// More entries of one sort than this are folded …
const MANY: usize = 50;
/// … to the first of them and a count.
const SHOWN: usize = 20;
/// Longer names stand out of line rather than push the numbers of all others away.
const NAME_COLUMNS: usize = 34;
/// The same for an address, which has no list of steps beside it.
const ADDRESS_COLUMNS: usize = 48;

pub(super) fn symbol(action: Action) -> (&'static str, &'static str, Ink) {
    match action {
        Action::NoOp => (" ", "no change", Ink::Dim),
        Action::Evaluate => ("?", "look", Ink::Dim),
        Action::Create => ("+", "create", Ink::Green),
        Action::Rerun => ("~", "re-run", Ink::Yellow),
        Action::Replace => ("-/+", "replace", Ink::Red),
        Action::Forget => (".", "forget", Ink::Cyan),
        Action::Destroy => ("-", "destroy", Ink::Red),
    }
}

/// The legend of the symbols used, then one section for each block.
pub(super) fn sections(plan: &PlanFile, style: Style) -> Vec<String> {
    let groups = groups(plan);
    if groups.is_empty() {
        return Vec::new();
    }
    let mut out = vec![legend(&groups, style)];
    out.extend(groups.into_iter().map(|of| group(of, plan, style)));
    out
}

fn legend(groups: &[Group], style: Style) -> String {
    let all = [Action::Create, Action::Rerun, Action::Replace, Action::Forget, Action::Destroy];
    let used: Vec<String> = all
        .into_iter()
        .filter(|action| {
            groups.iter().flat_map(|group| group.sorts.iter().flatten()).any(|entry| entry.action == *action)
        })
        .map(|action| {
            let (sign, word, ink) = symbol(action);
            let more = if action == Action::Forget { " (out of the state, the object stays)" } else { "" };
            format!("{} {word}{more}", style.ink(ink, sign))
        })
        .collect();
    format!("  {}\n", used.join("   "))
}

fn group(group: Group, plan: &PlanFile, style: Style) -> String {
    let mut out = format!("{}\n", style.ink(Ink::Bold, &group.name));
    for sort in group.sorts {
        if sort.len() > MANY {
            out.push_str(&folded(&sort, plan, style));
            continue;
        }
        for alike in by_reason(sort) {
            out.push_str(&rows(&alike, plan, style));
            out.push_str(&remarks(&alike[0], style));
        }
    }
    out
}

/// Many of one sort: the first of them, then how many more and how much that is.
fn folded(bucket: &[Entry], plan: &PlanFile, style: Style) -> String {
    let one_reason = bucket.iter().all(|entry| entry.reason() == bucket[0].reason());
    let alike = one_reason || bucket.iter().all(|entry| entry.cause() == bucket[0].cause());
    let mut out = String::new();
    if alike {
        out.push_str(&rows(&bucket[..SHOWN], plan, style));
    } else {
        for entry in &bucket[..SHOWN] {
            out.push_str(&rows(std::slice::from_ref(entry), plan, style));
            out.push_str(&remarks(entry, style));
        }
    }
    let rest = &bucket[SHOWN..];
    let sums = sum(rest, plan);
    let how = if alike { "all the same" } else { "each for its own reason" };
    let much = match sums.rows + sums.bytes {
        0 => String::new(),
        _ => format!(" ({}, {})", count(sums.rows, "row", "rows"), bytes(sums.bytes)),
    };
    let text = format!("… and {} more, {how}{much}; -json lists them", thousands(rest.len() as u64));
    out.push_str(&wrap("      ", &text, style.width));
    if one_reason {
        out.push_str(&remarks(&bucket[0], style));
    } else if alike {
        out.push_str(&why(&bucket[0].common_reason(), style));
    }
    out
}

/// Rows of one sort, their numbers in columns.
fn rows(entries: &[Entry], plan: &PlanFile, style: Style) -> String {
    struct Row {
        name: String,
        numbers: Option<[String; 3]>,
    }
    let table: Vec<Row> = entries
        .iter()
        .map(|entry| Row {
            name: entry.name(),
            numbers: entry.estimates(plan).map(|estimates| match entry.action {
                Action::Destroy => [count(estimates.rows, "row ", "rows"), String::new(), String::new()],
                _ => [
                    count(estimates.rows, "row ", "rows"),
                    bytes(estimates.bytes),
                    count(estimates.files, "file ", "files"),
                ],
            }),
        })
        .collect();
    let Some(first) = entries.first() else { return String::new() };
    let most = if first.steps.len() > 1 { NAME_COLUMNS } else { ADDRESS_COLUMNS };
    let name_width = table.iter().map(|row| columns(&row.name)).filter(|width| *width <= most).max();
    let width_of = |at: usize| {
        table.iter().filter_map(|row| row.numbers.as_ref()).map(|numbers| columns(&numbers[at])).max().unwrap_or(0)
    };
    let widths = [width_of(0), width_of(1), width_of(2)];
    let (sign, _, ink) = symbol(first.action);
    let lines: Vec<String> = table
        .iter()
        .map(|row| {
            let name = pad(&row.name, name_width.unwrap_or(0));
            let numbers = row.numbers.as_ref().map_or(String::new(), |numbers| {
                format!(
                    "  {}  {}  {}",
                    pad_left(&numbers[0], widths[0]),
                    pad_left(&numbers[1], widths[1]),
                    pad_left(&numbers[2], widths[2])
                )
            });
            format!("{name}{numbers}")
        })
        .collect();
    let words: Vec<&str> = first.kinds().into_iter().map(StepKind::word).collect();
    let steps = if first.steps.len() > 1 { format!("({})", words.join(", ")) } else { String::new() };
    let lead = format!(" {} ", pad_left(sign, 3));
    let fits = lines.iter().all(|line| columns(&lead) + columns(line) + 2 + columns(&steps) <= style.width);
    let mut out = String::new();
    for line in &lines {
        let tail = if fits && !steps.is_empty() { format!("  {steps}") } else { String::new() };
        let inked = lead.replacen(sign, &style.ink(ink, sign), 1);
        out.push_str(format!("{inked}{line}{tail}").trim_end());
        out.push('\n');
    }
    if !fits && !steps.is_empty() {
        let each = if lines.len() > 1 { "each: " } else { "" };
        out.push_str(&wrap(&format!("       {each}"), &words.join(", "), style.width));
    }
    out
}

fn remarks(entry: &Entry, style: Style) -> String {
    let mut out = entry.what().map_or_else(String::new, |what| wrap("       ", what, style.width));
    // That it is new the sign has said.
    if entry.what().is_none() || entry.action != Action::Create || !entry.is_new() {
        out.push_str(&why(&entry.reason(), style));
    }
    if entry.needs_confirm() {
        let what = match (entry.action, entry.kinds().contains(&StepKind::View)) {
            (Action::Destroy, true) => "the view is dropped",
            (Action::Destroy, false) => "the table is dropped with the rows in it",
            _ => "verified rows are dropped",
        };
        out.push_str(&style.ink(Ink::Red, &format!("       {what}: needs -confirm=TARGET_HOST")));
        out.push('\n');
    }
    out
}

fn why(reason: &str, style: Style) -> String {
    if reason.is_empty() { String::new() } else { wrap("       why: ", reason, style.width) }
}
