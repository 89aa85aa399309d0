//! The rates of a rehearsal: what earlier runs of the same state measured, or what is assumed of small servers. Knows the state's
//! records only.

use std::collections::BTreeMap;

use crate::formats::rehearsal::{Rate, RateUsed};
use crate::formats::state::{State, Status, StepRecord};
use crate::think::plan::estimate::{BYTES_A_SECOND, CREATED_A_SECOND, ROWS_A_SECOND};
use crate::think::plan::kinds;
use crate::words::addr::{StepAddr, StepKind};

/// A measured rate is that of one night: the next one differs by so much in either direction.
const OTHER_NIGHT: f64 = 1.5;
/// Less than this says more of how a step begins than of how fast it is.
const LEAST_SECONDS: f64 = 5.0;
const LEAST_OBJECTS: f64 = 50.0;
const LEAST_ROWS: f64 = 100_000.0;
const LEAST_BYTES: f64 = (32 << 20) as f64;
/// A rate that is so much below all that is assumed was not the server's: the run was limited, paused, or waited for a dump.
const TOO_SLOW: f64 = 0.25;

/// All rates.
pub(super) fn rates(state: Option<&State>) -> BTreeMap<Rate, RateUsed> {
    let assumed = [
        (Rate::DumpBytes, (30 << 20) as f64, (400 << 20) as f64),
        (Rate::LoadRows, ROWS_A_SECOND.0 as f64, ROWS_A_SECOND.1 as f64),
        (Rate::LoadBytes, (BYTES_A_SECOND.0 << 20) as f64, (BYTES_A_SECOND.1 << 20) as f64),
        (Rate::VerifyRows, 100_000.0, 1_500_000.0),
        (Rate::Created, CREATED_A_SECOND.0 as f64, CREATED_A_SECOND.1 as f64),
    ];
    let measured = state.map(measured).unwrap_or_default();
    let used = assumed.map(|(rate, low, high)| match measured.get(&rate).filter(|by| **by >= low * TOO_SLOW) {
        Some(by) => RateUsed { rate, low: by / OTHER_NIGHT, high: by * OTHER_NIGHT, measured: true },
        None => RateUsed { rate, low, high, measured: false },
    });
    used.into_iter().map(|used| (used.rate, used)).collect()
}

/// What was done by steps of a sort, and when.
#[derive(Default)]
struct Work {
    amount: f64,
    spans: Vec<(f64, f64)>,
}

impl Work {
    fn add(&mut self, record: &StepRecord, amount: f64) {
        if let (Some(began), Some(ended)) = (record.started_nanos(), record.finished_nanos()) {
            self.amount += amount;
            self.spans.push((began as f64 / 1e9, ended as f64 / 1e9));
        }
    }

    /// How long at least one of the steps was at work.
    fn at_work(&mut self) -> f64 {
        self.spans.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut until = f64::NEG_INFINITY;
        self.spans.iter().fold(0.0, |sum, (began, ended)| {
            let new = (ended - began.max(until)).max(0.0);
            until = until.max(*ended);
            sum + new
        })
    }

    fn rate(mut self, enough: impl Fn(f64, f64) -> bool) -> Option<f64> {
        let seconds = self.at_work();
        (seconds > 0.0 && enough(self.amount, seconds)).then(|| self.amount / seconds)
    }
}

fn measured(state: &State) -> BTreeMap<Rate, f64> {
    let mut work: BTreeMap<Rate, Work> = BTreeMap::new();
    let mut loaded: BTreeMap<StepAddr, f64> = BTreeMap::new();
    for (addr, record) in state.steps.iter().filter(|(_, record)| record.status == Status::Complete) {
        let Some(takes) = addr.step_type().map(|of| kinds::row(of).takes) else { continue };
        let Some((rate, amount)) = takes.rate.zip((takes.done)(addr, record)) else { continue };
        work.entry(rate).or_default().add(record, amount);
        if rate == Rate::DumpBytes {
            let load = addr.migration().zip(addr.table());
            let load = load.map(|(migration, table)| StepAddr::of_table(migration, StepKind::Load, &table));
            loaded.extend(load.map(|load| (load, amount)));
        }
    }
    for (load, bytes) in loaded {
        if let Some(record) = state.steps.get(&load).filter(|record| record.status == Status::Complete) {
            work.entry(Rate::LoadBytes).or_default().add(record, bytes);
        }
    }
    let enough = |least: f64| move |amount: f64, seconds: f64| amount >= least && seconds >= LEAST_SECONDS;
    let many = |objects: f64, _: f64| objects >= LEAST_OBJECTS;
    let rates = work.into_iter().map(|(rate, work)| match rate {
        Rate::Created => (rate, work.rate(many)),
        Rate::DumpBytes | Rate::LoadBytes => (rate, work.rate(enough(LEAST_BYTES))),
        Rate::LoadRows | Rate::VerifyRows => (rate, work.rate(enough(LEAST_ROWS))),
    });
    rates.filter_map(|(rate, measured)| Some((rate, measured?))).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn steps_that_ran_beside_each_other_count_once_in_time() {
        let check = |spans: &[(f64, f64)], expected: f64| {
            let mut work = Work { amount: 1.0, spans: spans.to_vec() };
            assert!((work.at_work() - expected).abs() < 1e-9, "{spans:?}: {}", work.at_work());
        };
        check(&[], 0.0);
        check(&[(0.0, 2.0), (5.0, 6.0)], 3.0);
        check(&[(1.0, 4.0), (0.0, 2.0)], 4.0);
        check(&[(0.0, 10.0), (2.0, 3.0), (4.0, 5.0)], 10.0);
    }

    #[test]
    fn a_rate_is_measured_only_where_enough_was_done() {
        let check = |spans: &[(f64, f64)], amount: f64, expected: Option<f64>| {
            let work = Work { amount, spans: spans.to_vec() };
            assert_eq!(work.rate(|_, seconds| seconds >= LEAST_SECONDS), expected);
        };
        check(&[(0.0, 10.0)], 1000.0, Some(100.0));
        check(&[(0.0, 4.0)], 1000.0, None);
        check(&[], 1000.0, None);
    }
}
