//! The state for people: the list of steps, one step, the whole at a glance. Borders of parts, keys of rows and
//! values of users are never shown: parts are counted.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::plan::moment;
use super::style::{Ink, Style, columns, count, cut, pad, thousands, wrap};
use crate::formats::state::{State, Status, StepRecord};
use crate::words::addr::{StepAddr, StepKind};

/// Deeper values of outputs are counted, not shown.
const DEPTH: usize = 3;
/// Longer lists of outputs are cut.
const ITEMS: usize = 10;

/// Names of fields that may hold keys of rows, wherever they stand.
const HIDDEN: [&str; 12] =
    ["border", "borders", "range", "ranges", "from", "to", "lower", "upper", "first", "last", "key", "keys"];

/// `mig state list`: addresses, one a line, in order: for scripts as well. `under`: only at or under these; none: all.
pub fn list(state: &State, under: &BTreeSet<StepAddr>) -> String {
    let wanted = |addr: &&StepAddr| under.is_empty() || under.iter().any(|over| addr.is_under(over));
    state.steps.keys().filter(wanted).map(|addr| format!("{addr}\n")).collect()
}

/// `mig state show ADDR`; `None` where the state has no such step.
pub fn step(state: &State, addr: &StepAddr, style: Style) -> Option<String> {
    let record = state.steps.get(addr)?;
    let mut out = format!("{}\n", style.ink(Ink::Bold, &addr.to_string()));
    let mut line = |name: &str, text: &str| out.push_str(&format!("  {} {text}\n", pad(name, 10)));
    line("kind", record.kind.word());
    line("status", status_word(record.status));
    line("started", &moment(&record.started));
    if let Some(finished) = &record.finished {
        line("finished", &moment(finished));
    }
    line("inputs", record.inputs_digest.short());
    if !record.progress.is_empty() {
        line("progress", &progress_words(record));
    }
    for name in record.progress.notes.keys() {
        line("note", &format!("{name} is recorded"));
    }
    if !record.outputs.is_none() {
        out.push_str("  outputs\n");
        value(&record.outputs.value(), 4, 0, style, &mut out);
    }
    if !record.depends_on.is_empty() {
        out.push_str("  depends on\n");
        for dependency in &record.depends_on {
            out.push_str(&format!("    {dependency}\n"));
        }
    }
    Some(out)
}

/// `mig show -json` of a state: the state itself, but that parts are counted instead of shown (their borders are keys of
/// rows).
pub fn json(state: &State) -> serde_json::Value {
    let mut value = serde_json::to_value(state).unwrap_or_default();
    for (addr, record) in &state.steps {
        let parts =
            serde_json::json!({ "recorded": record.progress.parts.len(), "done": record.progress.parts_done() });
        let Some(step) = value.get_mut("steps").and_then(|steps| steps.get_mut(addr.to_string())) else { continue };
        if let Some(outputs) = step.get_mut("outputs") {
            hide(outputs);
        }
        if let Some(progress) = step.get_mut("progress") {
            progress["parts"] = parts;
            // Where a table was cut: keys of rows.
            if !record.progress.notes.is_empty() {
                progress["notes"] = serde_json::json!({ "recorded": record.progress.notes.len() });
            }
        }
    }
    super::safe_json::numbers(value)
}

/// Leaves out what may hold keys of rows, at every depth.
fn hide(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (name, item) in object {
                match HIDDEN.contains(&name.as_str()) {
                    true => *item = Value::String("(not shown)".into()),
                    false => hide(item),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide),
        _ => {}
    }
}

/// `mig show` of a state: what it is, and how many steps of each kind stand where.
pub fn overview(state: &State, style: Style) -> String {
    let mut out = format!(
        "{} lineage {}, serial {}, format {}, written by mig {}\n",
        style.ink(Ink::Bold, "State"),
        state.lineage,
        thousands(state.serial),
        state.format_version,
        state.mig_version
    );
    if let Some(provider) = &state.provider {
        out.push_str(&format!("provider.aws  {provider}\n"));
    }
    if let Some(run) = &state.open_run {
        let text = format!(
            "A run of plan {} is open: it was interrupted, or is under way. mig apply goes on with it, or mig destroy if it was one.",
            run.plan_digest.short()
        );
        out.push_str(&wrap("", &text, style.width));
    }
    if state.steps.is_empty() {
        out.push_str("\nNo step is recorded.\n");
        return out;
    }
    let mut groups: BTreeMap<String, BTreeMap<StepKind, [u64; 4]>> = BTreeMap::new();
    for (addr, record) in &state.steps {
        let group = match addr.migration() {
            Some(name) => format!("migration.{name}"),
            None => "servers".to_owned(),
        };
        let place = match record.status {
            Status::Complete => 0,
            Status::Running => 1,
            Status::Failed => 2,
            Status::Stale => 3,
        };
        groups.entry(group).or_default().entry(record.kind).or_default()[place] += 1;
    }
    for (group, kinds) in groups {
        out.push_str(&format!("\n{}\n", style.ink(Ink::Bold, &group)));
        let width = kinds.keys().map(|kind| columns(kind.word())).max().unwrap_or(0);
        for (kind, [complete, running, failed, stale]) in kinds {
            let mut parts = vec![format!("{} complete", thousands(complete))];
            if running > 0 {
                parts.push(format!("{} unfinished", thousands(running)));
            }
            if failed > 0 {
                parts.push(style.ink(Ink::Red, &format!("{} failed", thousands(failed))));
            }
            if stale > 0 {
                parts.push(format!("{} stale", thousands(stale)));
            }
            out.push_str(&format!("  {}  {}\n", pad(kind.word(), width), parts.join(", ")));
        }
    }
    let unfinished: Vec<(&StepAddr, &StepRecord)> =
        state.steps.iter().filter(|(_, record)| record.status != Status::Complete).collect();
    if !unfinished.is_empty() {
        out.push_str(&format!("\n{}\n", style.ink(Ink::Bold, "Not complete")));
        for (addr, record) in unfinished.iter().take(20) {
            let progress = match record.progress.is_empty() {
                true => String::new(),
                false => format!(", {}", progress_words(record)),
            };
            out.push_str(&format!("  {addr}  {}{progress}\n", status_word(record.status)));
        }
        if unfinished.len() > 20 {
            out.push_str(&format!("  … and {} more\n", thousands(unfinished.len() as u64 - 20)));
        }
    }
    out
}

fn status_word(status: Status) -> &'static str {
    match status {
        Status::Running => "unfinished",
        Status::Complete => "complete",
        Status::Failed => "failed",
        Status::Stale => "stale",
    }
}

fn progress_words(record: &StepRecord) -> String {
    let done = record.progress.parts_done() as u64;
    format!("{} of {} done", thousands(done), count(record.progress.parts.len() as u64, "part", "parts"))
}

/// Outputs as indented `name value` lines; what may hold keys of rows is left out by name, lists are counted.
fn value(value_of: &Value, indent: usize, depth: usize, style: Style, out: &mut String) {
    let Value::Object(object) = value_of else {
        out.push_str(&format!("{}{}\n", " ".repeat(indent), scalar(value_of, style.width.saturating_sub(indent))));
        return;
    };
    let width = object.keys().map(|name| columns(name)).max().unwrap_or(0);
    for (name, item) in object {
        let lead = format!("{}{}  ", " ".repeat(indent), pad(name, width));
        let rest = style.width.saturating_sub(columns(&lead));
        if HIDDEN.contains(&name.as_str()) {
            out.push_str(&format!("{lead}(not shown)\n"));
            continue;
        }
        match item {
            Value::Object(inner) if depth + 1 < DEPTH && inner.len() <= ITEMS => {
                out.push_str(&format!("{}\n", lead.trim_end()));
                value(item, indent + 2, depth + 1, style, out);
            }
            Value::Object(inner) => {
                out.push_str(&format!("{lead}({})\n", count(inner.len() as u64, "entry", "entries")));
            }
            Value::Array(items) => {
                out.push_str(&format!("{lead}({})\n", count(items.len() as u64, "item", "items")));
            }
            item => out.push_str(&format!("{lead}{}\n", scalar(item, rest))),
        }
    }
}

fn scalar(value: &Value, width: usize) -> String {
    match value {
        Value::Number(number) => number.as_u64().map_or_else(|| number.to_string(), thousands),
        Value::String(text) => cut(&text.split_whitespace().collect::<Vec<_>>().join(" "), width.max(20)),
        Value::Array(items) => format!("({})", count(items.len() as u64, "item", "items")),
        other => other.to_string(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::formats::state::{OpenRun, Part, Progress};
    use crate::words::addr::GateName;
    use crate::words::digest::Digest;

    fn record(kind: StepKind, status: Status) -> StepRecord {
        StepRecord {
            kind,
            inputs_digest: Digest::of_bytes(b""),
            status,
            outputs: crate::formats::json_text::JsonText::none(),
            depends_on: Vec::new(),
            started: "2026-01-05T10:00:00Z".into(),
            finished: (status == Status::Complete).then(|| "2026-01-05T10:01:00Z".into()),
            progress: Progress::default(),
        }
    }

    fn addr(text: &str) -> StepAddr {
        StepAddr::parse(text).unwrap()
    }

    fn state() -> State {
        let mut state = State::new("5f2a".into());
        state.serial = 3;
        let mut dump = record(StepKind::Dump, Status::Running);
        dump.progress.parts = [
            (1, Part { border: json!(["SECRET-KEY-1"]), done: Some(json!({"rows": 1})) }),
            (2, Part { border: json!(["SECRET-KEY-2"]), done: None }),
        ]
        .into();
        dump.progress.notes = [("position".to_owned(), json!("SECRET-NOTE"))].into();
        dump.outputs = json!({"rows": 120_000, "borders": ["SECRET-KEY-3"], "parts": [{"from": "SECRET-KEY-4"}],
            "inner": {"to": "SECRET-KEY-5", "hash": "123"}})
        .into();
        dump.depends_on = vec![StepAddr::gate("shop", GateName::Disk)];
        state.steps = [
            (addr("source.mysql.shop"), record(StepKind::Source, Status::Complete)),
            (addr(r#"migration.shop.dump["shop.orders"]"#), dump),
            (addr(r#"migration.shop.table["shop.orders"]"#), record(StepKind::Table, Status::Complete)),
            (addr(r#"migration.shop.table["shop.carts"]"#), record(StepKind::Table, Status::Failed)),
        ]
        .into();
        state
    }

    #[test]
    fn a_state_is_json_without_any_key_of_a_row() {
        let shown = super::json(&state());
        let text = shown.to_string();
        assert!(!text.contains("SECRET"), "{shown:#}");
        let dump = &shown["steps"][r#"migration.shop.dump["shop.orders"]"#];
        assert_eq!(dump["progress"], json!({"parts": {"recorded": 2, "done": 1}, "notes": {"recorded": 1}}));
        assert_eq!(dump["outputs"]["inner"]["hash"], "123");
    }

    #[test]
    fn a_step_is_shown_without_any_key_of_a_row() {
        let shown = step(&state(), &addr(r#"migration.shop.dump["shop.orders"]"#), Style::plain()).unwrap();
        let expected = "\
migration.shop.dump[\"shop.orders\"]
  kind       dump
  status     unfinished
  started    2026-01-05 10:00 UTC
  inputs     e3b0c44298fc
  progress   1 of 2 parts done
  note       position is recorded
  outputs
    borders  (not shown)
    inner
      hash  123
      to    (not shown)
    parts    (1 item)
    rows     120,000
  depends on
    migration.shop.gate[\"disk\"]
";
        assert_eq!(shown, expected, "\n{shown}");
        assert_eq!(step(&state(), &addr("source.mysql.other"), Style::plain()), None);
    }

    #[test]
    fn the_list_is_one_address_a_line() {
        assert_eq!(
            list(&state(), &BTreeSet::new()),
            "migration.shop.dump[\"shop.orders\"]\nmigration.shop.table[\"shop.carts\"]\n\
             migration.shop.table[\"shop.orders\"]\nsource.mysql.shop\n"
        );
    }

    #[test]
    fn the_overview_counts_steps_and_names_what_is_not_complete() {
        let mut state = state();
        state.open_run = Some(OpenRun::new(Digest::of_bytes(b"p"), Digest::of_bytes(b"s")));
        let shown = overview(&state, Style::plain());
        let expected = "\
State lineage 5f2a, serial 3, format 2, written by mig 0.1.0
A run of plan 148de9c5a7a4 is open: it was interrupted, or is under way. mig
apply goes on with it, or mig destroy if it was one.

migration.shop
  table  1 complete, 1 failed
  dump   0 complete, 1 unfinished

servers
  source  1 complete

Not complete
  migration.shop.dump[\"shop.orders\"]  unfinished, 1 of 2 parts done
  migration.shop.table[\"shop.carts\"]  failed
";
        assert_eq!(shown, expected, "\n{shown}");
    }

    #[test]
    fn no_view_shows_a_key_of_a_row() {
        let state = state();
        let mut all = overview(&state, Style::plain()) + &list(&state, &BTreeSet::new());
        for addr in state.steps.keys() {
            all += &step(&state, addr, Style::plain()).unwrap();
        }
        assert!(!all.contains("SECRET"), "{all}");
    }
}
