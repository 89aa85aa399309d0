//! How far a whole run is: percent, rate and the time that is left as a range. The work of a table is counted once for its
//! dump, once for its load and once for its verification, in bytes of the dump: first by the plan's estimate, then by what
//! the dump really had. Events and milliseconds in, figures out. An estimate stays an estimate: what is not known is left out.

use std::collections::{BTreeMap, VecDeque};

use super::style::{band, bytes};
use crate::formats::event::{Ended, Event};
use crate::formats::plan::PlanFile;
use crate::words::addr::{RowWork, StepAddr, StepKind};

/// The recent rate is that of so many milliseconds.
const WINDOW_MILLIS: u64 = 60_000;
/// A forecast from less time is a guess.
const LEAST_MILLIS: u64 = 5_000;
/// Nothing moved for so long: no forecast is made from what was before.
const STALLED_MILLIS: u64 = 60_000;
/// A table without rows is work, too.
const LEAST_BYTES: u64 = 4 * 1024;
/// Samples are so far apart.
const SAMPLE_MILLIS: u64 = 1_000;
/// Beyond this a forecast says no more than that it takes long.
const LONGEST: f64 = 90.0 * 86_400.0;

/// The work of one step in bytes.
#[derive(Clone, Copy, Debug)]
struct Work {
    expected: u64,
    done: u64,
    /// By the plan; for steps that report rows only.
    rows: u64,
}

/// What a run has to do, and has done.
#[derive(Clone, Debug, Default)]
pub struct Overall {
    work: BTreeMap<StepAddr, Work>,
    expected: u64,
    done: u64,
    /// Millisecond and what was done by then; oldest first.
    samples: VecDeque<(u64, u64)>,
    first: Option<(u64, u64)>,
    moved: u64,
}

/// What can be said at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Rounded down, so that 100 is all.
    pub percent: u64,
    /// Bytes a second, of dump, load and verification together.
    pub rate: Option<u64>,
    /// Seconds that are left: low and high.
    pub left: Option<(u64, u64)>,
}

impl Figures {
    /// `ETA 3 to 5 min`.
    pub fn eta_words(&self) -> Option<String> {
        self.left.map(|(low, high)| format!("ETA {}", band(low, high)))
    }

    /// `42.0 MiB/s`.
    pub fn rate_words(&self) -> Option<String> {
        self.rate.map(|rate| format!("{}/s", bytes(rate)))
    }
}

fn rows_of(addr: &StepAddr) -> Option<RowWork> {
    addr.kind().and_then(StepKind::rows)
}

fn moves_rows(addr: &StepAddr) -> bool {
    rows_of(addr).is_some()
}

impl Overall {
    /// What the plan is going to move.
    pub fn of(plan: &PlanFile) -> Self {
        let mut overall = Self::default();
        let makes = plan.body.changes.iter().filter(|change| change.action.makes() && moves_rows(&change.addr));
        for change in makes {
            let estimate =
                change.addr.key().and_then(|key| plan.estimates.by_table.get(key)).copied().unwrap_or_default();
            let expected = estimate.bytes.max(LEAST_BYTES);
            overall.expected += expected;
            overall.work.insert(change.addr.clone(), Work { expected, done: 0, rows: estimate.rows });
        }
        overall
    }

    pub fn on(&mut self, event: &Event, now: u64) {
        match event {
            Event::StepProgress { addr, rows, bytes, total_bytes, total_rows } => {
                if let Some(total) = total_bytes.filter(|total| *total > 0) {
                    self.set_expected(addr, total);
                }
                let Some(work) = self.work.get(addr) else { return };
                let all = total_rows.filter(|total| *total > 0).unwrap_or(work.rows);
                // More than was expected: by its rows it is known how much there will be.
                if *bytes > work.expected && *rows > 0 && all > *rows {
                    let whole = u128::from(*bytes) * u128::from(all) / u128::from(*rows);
                    self.set_expected(addr, u64::try_from(whole).unwrap_or(*bytes));
                }
                let Some(work) = self.work.get(addr) else { return };
                let done = match (*bytes, all) {
                    (0, 0) => 0,
                    (0, all) => (u128::from(work.expected) * u128::from(*rows) / u128::from(all)) as u64,
                    (bytes, _) => bytes,
                };
                // A total is an estimate: before its end, a step has never done all of it.
                let most = work.expected - work.expected / 100;
                self.reach(addr, done.min(most), now);
            }
            Event::StepEnded { addr, end: Ended::Complete, bytes, .. } => {
                let Some(work) = self.work.get(addr) else { return };
                let actual = if *bytes > 0 { (*bytes).max(LEAST_BYTES) } else { work.expected };
                self.set_expected(addr, actual);
                self.reach(addr, actual, now);
                if rows_of(addr) == Some(RowWork::Dumps) {
                    self.others_of(addr, actual);
                }
            }
            _ => {}
        }
    }

    /// What a table's dump has is what is loaded and verified.
    fn others_of(&mut self, dump: &StepAddr, actual: u64) {
        let Some((migration, table)) = dump.migration().zip(dump.table()) else { return };
        let others = |kind: &StepKind| matches!(kind.rows(), Some(RowWork::Loads | RowWork::Compares));
        for kind in StepKind::ALL.into_iter().filter(others) {
            let addr = StepAddr::of_table(migration, kind, &table);
            if self.work.get(&addr).is_some_and(|work| work.done <= actual && work.done < work.expected) {
                self.set_expected(&addr, actual);
            }
        }
    }

    fn set_expected(&mut self, addr: &StepAddr, bytes: u64) {
        if let Some(work) = self.work.get_mut(addr) {
            let bytes = bytes.max(work.done);
            self.expected = self.expected - work.expected + bytes;
            work.expected = bytes;
        }
    }

    fn reach(&mut self, addr: &StepAddr, done: u64, now: u64) {
        let Some(work) = self.work.get_mut(addr) else { return };
        if done == work.done {
            return;
        }
        self.done = self.done - work.done + done;
        work.done = done;
        self.moved = now;
        // What was durable before this run comes all at once, and says nothing of the rate.
        if self.first.is_none() {
            self.first = Some((now, self.done));
        }
        if self.samples.back().is_none_or(|(at, _)| now.saturating_sub(*at) >= SAMPLE_MILLIS) {
            self.samples.push_back((now, self.done));
            let old = now.saturating_sub(WINDOW_MILLIS);
            while self.samples.get(1).is_some_and(|(at, _)| *at <= old) {
                self.samples.pop_front();
            }
        }
    }

    /// `None`: the run moves no rows.
    pub fn figures(&self, now: u64) -> Option<Figures> {
        if self.expected == 0 {
            return None;
        }
        let percent = (u128::from(self.done) * 100 / u128::from(self.expected)) as u64;
        let since = |from: Option<(u64, u64)>| {
            let (at, done) = from?;
            let millis = now.saturating_sub(at);
            (millis >= LEAST_MILLIS).then(|| self.done.saturating_sub(done) as f64 * 1_000.0 / millis as f64)
        };
        let stalled = now.saturating_sub(self.moved) >= STALLED_MILLIS;
        let recent = since(self.samples.front().copied()).filter(|_| !stalled);
        let rates = recent.zip(since(self.first)).filter(|(recent, all)| *recent > 0.0 && *all > 0.0);
        let left = rates.and_then(|(recent, all)| {
            let left = self.expected.saturating_sub(self.done) as f64;
            // The end of a run is slower than its middle: the last tables have the servers to themselves, one by one.
            let (low, high) = (left / recent.max(all), left / recent.min(all) * 1.25);
            (self.done < self.expected && high <= LONGEST).then(|| (low as u64, high.ceil() as u64))
        });
        Some(Figures { percent, rate: recent.map(|rate| rate as u64), left })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::formats::cause::Cause;
    use crate::formats::plan::{Action, Change, TableEstimates};
    use crate::screen::plan::tests::empty;
    use crate::words::addr::TableName;

    const MIB: u64 = 1 << 20;

    fn addr(kind: StepKind) -> StepAddr {
        StepAddr::of_table("shop", kind, &TableName::new("shop", "t"))
    }

    /// One table of 100 MiB by the plan.
    fn one_table() -> Overall {
        let mut plan = empty();
        for kind in [StepKind::Table, StepKind::Dump, StepKind::Load, StepKind::Verify] {
            plan.body.changes.push(Change::new(addr(kind), Action::Create, Cause::NotRecorded));
        }
        let estimate = TableEstimates { rows: 1_000, bytes: 100 * MIB, files: 1 };
        plan.estimates.by_table.insert(TableName::new("shop", "t").key(), estimate);
        Overall::of(&plan)
    }

    fn progress(kind: StepKind, rows: u64, mib: u64) -> Event {
        Event::StepProgress { addr: addr(kind), rows, bytes: mib * MIB, total_rows: None, total_bytes: None }
    }

    fn complete(kind: StepKind, mib: u64) -> Event {
        let (addr, bytes) = (addr(kind), mib * MIB);
        Event::StepEnded { addr, end: Ended::Complete, failure: None, left: None, seconds: 1.0, rows: 1, bytes }
    }

    #[test]
    fn percent_grows_to_all_and_the_dump_corrects_the_estimate() {
        let check = |events: &[Event], percent: u64| {
            let mut overall = one_table();
            events.iter().for_each(|event| overall.on(event, 0));
            assert_eq!(overall.figures(0).unwrap().percent, percent, "{events:?}");
        };
        use StepKind::{Dump, Load, Verify};
        check(&[], 0);
        check(&[progress(Dump, 1, 30)], 10);
        // More than was expected is not more than all.
        check(&[progress(Dump, 1_000, 900)], 33);
        check(&[progress(Dump, 1_000, 900), progress(Load, 1_000, 900), progress(Verify, 5_000, 0)], 99);
        // Its rows are longer than was expected: by rows it is half done.
        check(&[progress(Dump, 500, 400)], 40);
        // The dump had half: all is half.
        check(&[complete(Dump, 50)], 33);
        check(&[complete(Dump, 50), progress(Load, 1, 25)], 50);
        check(&[complete(Dump, 50), complete(Load, 50), progress(Verify, 500, 0)], 83);
        check(&[complete(Dump, 50), complete(Load, 50), complete(Verify, 0)], 100);
        assert_eq!(Overall::of(&empty()).figures(0), None);
    }

    #[test]
    fn the_time_that_is_left_is_a_range_and_is_not_made_up() {
        let run = |until: u64, rate: fn(u64) -> u64| {
            let mut overall = one_table();
            for second in 0..=until {
                overall.on(&progress(StepKind::Dump, 0, rate(second)), second * 1_000);
            }
            overall
        };
        assert_eq!(run(3, |second| second).figures(3_000).unwrap().left, None, "too early");
        // 1 MiB/s; 280 MiB are left.
        let steady = run(21, |second| second).figures(21_000).unwrap();
        assert_eq!(steady.left, Some((279, 349)), "{steady:?}");
        assert_eq!(steady.rate, Some(MIB));
        // First slow, then fast: both are in the range.
        let faster = run(100, |second| if second < 90 { second / 10 } else { second - 81 }).figures(100_000).unwrap();
        let (low, high) = faster.left.unwrap();
        assert!(low < 1_200 && high > 1_500, "{faster:?}");
        // It stalls.
        let stalled = run(21, |second| second).figures(90_000).unwrap();
        assert_eq!((stalled.left, stalled.rate), (None, None));
    }

    #[test]
    fn what_was_durable_before_does_not_count_as_fast() {
        let mut overall = one_table();
        overall.on(&progress(StepKind::Dump, 1, 80), 0);
        for second in 1..=10 {
            overall.on(&progress(StepKind::Dump, 1, 80 + second), second * 1_000);
        }
        assert_eq!(overall.figures(10_000).unwrap().rate, Some(MIB));
    }
}
