//! The changes of a plan, grouped by migration and folded by table: what is alike stands once, what is many stands
//! with counts. Knows the plan's values only.

use std::collections::BTreeMap;

use super::cause;
use super::style::{Ink, Style, bytes, columns, count, pad, pad_left, thousands, wrap};
use crate::formats::cause::Cause;
use crate::formats::plan::{Action, Change, PlanFile, TableEstimates};
use crate::words::addr::{StepAddr, StepKind};

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

/// Steps that are shown in one line: those of a table that have action and cause in common, or a single step.
struct Entry<'a> {
    action: Action,
    steps: Vec<&'a Change>,
}

/// What entries must have in common to stand in one block: action, steps, and whether a confirmation is needed.
type Sort = (Action, Vec<StepKind>, bool);

impl Entry<'_> {
    fn kinds(&self) -> Vec<StepKind> {
        self.steps.iter().filter_map(|step| step.addr.kind()).collect()
    }

    fn needs_confirm(&self) -> bool {
        self.steps.iter().any(|step| step.needs_confirm)
    }

    fn reason(&self) -> String {
        self.steps.first().map_or_else(String::new, |step| cause::words(step))
    }

    fn cause(&self) -> Option<(&Cause, Option<u64>)> {
        self.steps.first().map(|step| (&step.cause, step.drops_rows))
    }

    fn is_new(&self) -> bool {
        self.steps.first().is_some_and(|step| step.cause == Cause::NotRecorded)
    }

    /// What an object in a cloud is made from.
    fn what(&self) -> Option<&str> {
        self.steps.first().and_then(|step| step.what.as_deref())
    }

    /// The reason without the name of the table: what a thousand tables may have in common.
    fn common_reason(&self) -> String {
        self.steps.first().map_or_else(String::new, |step| cause::common_words(step))
    }

    fn key(&self) -> Option<&str> {
        self.steps.first().and_then(|step| step.addr.key())
    }

    /// The table's key for folded steps, the address for a single one.
    fn name(&self) -> String {
        match (self.steps.as_slice(), self.key()) {
            ([_, _, ..], Some(key)) => key.to_owned(),
            ([step, ..], _) => step.addr.to_string(),
            ([], _) => String::new(),
        }
    }

    fn estimates(&self, plan: &PlanFile) -> Option<TableEstimates> {
        let kinds = self.kinds();
        let has = |kind: StepKind| kinds.contains(&kind);
        let shown = match self.action {
            // What is dropped is said with its rows.
            Action::Destroy => has(StepKind::Table),
            Action::Forget => false,
            _ => has(StepKind::Dump) || has(StepKind::Load),
        };
        plan.estimates.by_table.get(self.key()?).copied().filter(|_| shown)
    }
}

/// The legend of the symbols used, then one section for each migration.
pub(super) fn sections(plan: &PlanFile, style: Style) -> Vec<String> {
    let changes: Vec<&Change> = plan.body.changes.iter().filter(|change| change.action.is_change()).collect();
    if changes.is_empty() {
        return Vec::new();
    }
    let mut groups: Vec<(String, Vec<&Change>)> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for change in &changes {
        let name = group_of(&change.addr);
        let place = *places.entry(name.clone()).or_insert_with(|| {
            groups.push((name, Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(change);
    }
    let mut out = vec![legend(&changes, style)];
    out.extend(groups.into_iter().map(|(name, changes)| group(&name, &changes, plan, style)));
    out
}

/// A migration is a group, and so is any other block.
fn group_of(addr: &StepAddr) -> String {
    match addr.migration() {
        Some(name) => format!("migration.{name}"),
        // Of a peering there is one of a kind: what follows names its part.
        None if addr.kind() == Some(StepKind::Peering) => addr.words()[..addr.words().len().min(2)].join("."),
        None => addr.words().iter().take(3).map(String::as_str).collect::<Vec<_>>().join("."),
    }
}

fn legend(changes: &[&Change], style: Style) -> String {
    let all = [Action::Create, Action::Rerun, Action::Replace, Action::Forget, Action::Destroy];
    let used: Vec<String> = all
        .into_iter()
        .filter(|action| changes.iter().any(|change| change.action == *action))
        .map(|action| {
            let (sign, word, ink) = symbol(action);
            let more = if action == Action::Forget { " (out of the state, the object stays)" } else { "" };
            format!("{} {word}{more}", style.ink(ink, sign))
        })
        .collect();
    format!("  {}\n", used.join("   "))
}

fn group(name: &str, changes: &[&Change], plan: &PlanFile, style: Style) -> String {
    let mut buckets: Vec<(Sort, Vec<Entry>)> = Vec::new();
    for entry in entries(changes) {
        let sort = (entry.action, entry.kinds(), entry.needs_confirm());
        match buckets.iter_mut().find(|(of, _)| *of == sort) {
            Some((_, bucket)) => bucket.push(entry),
            None => buckets.push((sort, vec![entry])),
        }
    }
    let mut out = format!("{}\n", style.ink(Ink::Bold, name));
    for (_, mut bucket) in buckets {
        bucket.sort_by(|a, b| a.key().cmp(&b.key()));
        if bucket.len() > MANY {
            out.push_str(&folded(&bucket, plan, style));
            continue;
        }
        for alike in by_reason(bucket) {
            out.push_str(&rows(&alike, plan, style));
            out.push_str(&remarks(&alike[0], style));
        }
    }
    out
}

fn entries<'a>(changes: &[&'a Change]) -> Vec<Entry<'a>> {
    let mut out: Vec<Entry<'a>> = Vec::new();
    let mut places: BTreeMap<(&str, &'static str, (&Cause, Option<u64>)), usize> = BTreeMap::new();
    for &change in changes {
        let of_table = matches!(
            change.addr.kind(),
            Some(StepKind::Table | StepKind::Dump | StepKind::Load | StepKind::Verify | StepKind::ForeignKeys)
        );
        let key = change.addr.key().filter(|_| of_table);
        let place = key.map(|key| (key, symbol(change.action).1, (&change.cause, change.drops_rows)));
        match place.and_then(|place| places.get(&place).copied()) {
            Some(at) => out[at].steps.push(change),
            None => {
                if let Some(place) = place {
                    places.insert(place, out.len());
                }
                out.push(Entry { action: change.action, steps: vec![change] });
            }
        }
    }
    out
}

fn by_reason(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut out: Vec<Vec<Entry>> = Vec::new();
    let mut places: BTreeMap<(String, Option<String>), usize> = BTreeMap::new();
    for entry in entries {
        let alike = (entry.reason(), entry.what().map(str::to_owned));
        let at = *places.entry(alike).or_insert_with(|| {
            out.push(Vec::new());
            out.len() - 1
        });
        out[at].push(entry);
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
    let sums = rest.iter().filter_map(|entry| entry.estimates(plan)).fold(TableEstimates::default(), |sum, table| {
        TableEstimates { rows: sum.rows + table.rows, bytes: sum.bytes + table.bytes, files: sum.files + table.files }
    });
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
