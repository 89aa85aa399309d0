//! What ran when, by the times that a state records: periods of work, the chain of steps that each period waited for, and how
//! fast tables were moved. Knows the state's values only.
//!
//! A step has the time of its first start and of its last end. So a step that was interrupted and continued is as long as both
//! runs and the time between them; and of a step that ran several times, the last time counts.

use std::collections::BTreeMap;

use super::super::groups::group_of;
use super::super::plan::moment;
use super::model::{Critical, Data, History, Moved, Period, Run, Steps, Words};
use super::of_plan::signs;
use crate::formats::outputs;
use crate::formats::state::{State, Status, StepRecord};
use crate::formats::steps::{DumpOutputs, LoadForm, LoadOutputs};
use crate::words::addr::{StepAddr, StepKind};

/// A longer time without any step is not drawn: it is between two periods.
const BREAK_MS: i64 = 10 * 60 * 1000;

/// One step's time, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    step: usize,
    start: i64,
    /// `None`: it was not finished.
    end: Option<i64>,
}

impl Span {
    /// Of a step that was not finished only its start is known.
    fn until(&self) -> i64 {
        self.end.unwrap_or(self.start).max(self.start)
    }
}

/// The data of a page of a state.
pub(super) fn data(state: &State) -> Data {
    let mut kinds = Words(Vec::new());
    let mut phases = Words(Vec::new());
    let mut steps = Steps::default();
    let places: BTreeMap<&StepAddr, usize> = state.steps.keys().enumerate().map(|(at, addr)| (addr, at)).collect();
    for (addr, record) in &state.steps {
        steps.addr.push(addr.to_string());
        steps.kind.push(kinds.place(record.kind.word()));
        let block = group_of(addr);
        let own = block == addr.to_string();
        let word = addr.step_type().map_or(record.kind.word(), |of| of.word());
        steps.phase.push(phases.place(if own { block } else { format!("{block} {word}") }));
        steps.after.push(record.depends_on.iter().filter_map(|of| places.get(of).copied()).collect());
    }
    let records: Vec<&StepRecord> = state.steps.values().collect();
    let spans: Vec<Span> = records.iter().enumerate().filter_map(|(step, record)| span(step, record)).collect();
    let period = |spans: Vec<Span>| period(&spans, &steps.after, &records);
    let periods = periods(spans).into_iter().map(period).collect();
    let mut groups = Words(Vec::new());
    let moved = moved(state, &places, &mut groups);
    let history = Some(History { periods, moved });
    Data { steps, history, kinds: kinds.0, phases: phases.0, groups: groups.0, actions: signs(), ..Data::default() }
}

fn span(step: usize, record: &StepRecord) -> Option<Span> {
    let milliseconds = |nanos: i128| i64::try_from(nanos / 1_000_000).ok();
    let end = record.finished_nanos().and_then(milliseconds);
    Some(Span { step, start: record.started_nanos().and_then(milliseconds)?, end })
}

/// Spans in the order of their starts, apart where nothing ran for long. The latest period comes first.
fn periods(mut spans: Vec<Span>) -> Vec<Vec<Span>> {
    spans.sort_by_key(|span| (span.start, span.step));
    let mut out: Vec<Vec<Span>> = Vec::new();
    let mut until = i64::MIN;
    for span in spans {
        if out.is_empty() || span.start.saturating_sub(until) > BREAK_MS {
            out.push(Vec::new());
        }
        until = until.max(span.until());
        if let Some(last) = out.last_mut() {
            last.push(span);
        }
    }
    out.reverse();
    out
}

fn period(spans: &[Span], after: &[Vec<usize>], records: &[&StepRecord]) -> Period {
    let begin = spans.iter().map(|span| span.start).min().unwrap_or_default();
    let end = spans.iter().map(Span::until).max().unwrap_or_default();
    let from_begin = |at: i64| u64::try_from(at - begin).unwrap_or_default();
    let earliest = spans.first().map(|span| moment(&records[span.step].started));
    let run = |span: &Span| Run {
        step: span.step,
        start: from_begin(span.start),
        end: span.end.map(|end| from_begin(end.max(span.start))),
        status: match records[span.step].status {
            Status::Running => "unfinished",
            Status::Complete => "complete",
            Status::Failed => "failed",
            Status::Stale => "stale",
        },
    };
    let critical = |(span, from, to, waited): (Span, i64, i64, i64)| Critical {
        step: span.step,
        from: from_begin(from),
        to: from_begin(to),
        waited: u64::try_from(waited).unwrap_or_default(),
    };
    Period {
        begin: earliest.unwrap_or_default(),
        length: from_begin(end),
        runs: spans.iter().map(run).collect(),
        critical: chain(spans, after).into_iter().map(critical).collect(),
    }
}

/// From the step that ended last, back over the one that each step waited for longest. Each with its step, the time in which it
/// alone was waited for, and how long it had not started although all that it waits for had ended (the first one: since the begin
/// of the period).
fn chain(spans: &[Span], after: &[Vec<usize>]) -> Vec<(Span, i64, i64, i64)> {
    let by_step: BTreeMap<usize, Span> = spans.iter().map(|span| (span.step, *span)).collect();
    let mut out = Vec::new();
    let mut at = spans.iter().filter(|span| span.end.is_some()).max_by_key(|span| (span.until(), span.step)).copied();
    let begin = spans.iter().map(|span| span.start).min().unwrap_or_default();
    while let Some(span) = at {
        let before = after.get(span.step).into_iter().flatten().filter_map(|step| by_step.get(step));
        // A state that was edited may have a circle, or an end before its cause: each step is later than the next.
        let before = before.filter(|one| one.end.is_some() && (one.until(), one.start) < (span.until(), span.start));
        let before = before.max_by_key(|one| (one.until(), one.step)).copied();
        let from = before.map_or(span.start, |one| one.until().max(span.start));
        let waited = (span.start - before.map_or(begin, |one| one.until())).max(0);
        out.push((span, from, span.until(), waited));
        at = before;
    }
    out.reverse();
    out
}

/// Tables with the times of their dump, load and verify.
fn moved(state: &State, places: &BTreeMap<&StepAddr, usize>, groups: &mut Words<String>) -> Vec<Moved> {
    let mut by_table: BTreeMap<(String, &str), Moved> = BTreeMap::new();
    for (addr, record) in &state.steps {
        let (Some(key), Some(place)) = (addr.key().filter(|_| record.kind.of_table()), places.get(addr)) else {
            continue;
        };
        let block = group_of(addr);
        let moved = by_table.entry((block.clone(), key)).or_insert_with(|| Moved {
            group: groups.place(block),
            name: key.to_owned(),
            steps: Vec::new(),
            complete: true,
            rows: None,
            bytes: None,
            dump: None,
            load: None,
            verify: None,
        });
        moved.steps.push(*place);
        if record.status != Status::Complete {
            moved.complete = false;
            continue;
        }
        let took = span(*place, record).and_then(|span| u64::try_from(span.end? - span.start).ok());
        if record.kind == StepKind::Dump {
            let dumped = outputs::recorded::<DumpOutputs>(addr, &record.outputs).ok().flatten();
            // What `mig import` has found was neither dumped nor loaded.
            moved.dump = took.filter(|_| dumped.as_ref().is_none_or(|dumped| !dumped.found));
            moved.bytes = dumped.as_ref().map(|dumped| dumped.bytes);
            moved.rows = dumped.map(|dumped| dumped.total.rows).or(moved.rows);
        } else if record.kind == StepKind::Load {
            let loaded = outputs::recorded::<LoadOutputs>(addr, &record.outputs).ok().flatten();
            moved.load = took.filter(|_| loaded.as_ref().is_none_or(|loaded| loaded.form != LoadForm::Found));
            moved.rows = loaded.map(|loaded| loaded.total.rows).or(moved.rows);
        } else if record.kind == StepKind::Verify {
            moved.verify = took;
        }
    }
    by_table.into_values().collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn span(step: usize, start: i64, end: i64) -> Span {
        Span { step, start, end: (end >= 0).then_some(end) }
    }

    #[test]
    fn a_long_time_without_a_step_is_between_two_periods() {
        let check = |spans: &[Span], expected: &[&[usize]]| {
            let found: Vec<Vec<usize>> =
                periods(spans.to_vec()).iter().map(|period| period.iter().map(|span| span.step).collect()).collect();
            assert_eq!(found, expected);
        };
        let day = 24 * 3_600_000;
        check(&[], &[]);
        check(&[span(0, 5, 9), span(1, 2, 3)], &[&[1, 0]]);
        check(&[span(0, day, day + 9), span(1, 2, 3)], &[&[0], &[1]]);
        // What runs for a day is not a break, and of a step that did not finish nothing but its start is known.
        check(&[span(0, 0, day), span(1, day + BREAK_MS, day + BREAK_MS)], &[&[0, 1]]);
        check(&[span(0, 0, -1), span(1, BREAK_MS + 1, day)], &[&[1], &[0]]);
    }

    #[test]
    fn the_critical_path_leads_over_what_was_waited_for_longest() {
        // Step, alone from, to, waited.
        let check = |spans: &[Span], after: &[&[usize]], expected: &[(usize, i64, i64, i64)]| {
            let after: Vec<Vec<usize>> = after.iter().map(|of| of.to_vec()).collect();
            let found: Vec<_> = chain(spans, &after)
                .into_iter()
                .map(|(span, from, to, waited)| (span.step, from, to, waited))
                .collect();
            assert_eq!(found, expected, "{spans:?}");
        };
        check(&[], &[], &[]);
        check(&[span(0, 0, 10)], &[&[]], &[(0, 0, 10, 0)]);
        let three = [span(0, 0, 10), span(1, 0, 4), span(2, 12, 20)];
        check(&three, &[&[], &[], &[0, 1]], &[(0, 0, 10, 0), (2, 12, 20, 2)]);
        // A load begins before its dump has ended: it is waited for from then on.
        check(&[span(0, 0, 10), span(1, 2, 15)], &[&[], &[0]], &[(0, 0, 10, 0), (1, 10, 15, 0)]);
        // What was not finished is not on it, and a circle ends it.
        check(&[span(0, 0, -1), span(1, 1, 5)], &[&[], &[0]], &[(1, 1, 5, 1)]);
        check(&[span(0, 0, 5), span(1, 0, 5)], &[&[1], &[0]], &[(1, 0, 5, 0)]);
    }
}
