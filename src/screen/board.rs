//! What is known of a run while it runs: the running steps with their measured rates, and the sums. Events and
//! milliseconds in, lines out: no terminal and no clock.

use std::collections::VecDeque;

use super::overall::{Figures, Overall};
use super::style::{bytes, columns, count, cut, duration, pad, thousands};
use crate::formats::event::{Counts, Ended, Event};
use crate::formats::plan::PlanFile;
use crate::formats::progress::{RunProgress, RunningStep};
use crate::words::addr::{RowWork, StepAddr, StepKind};

/// The rate is that of the last seconds: it follows what the servers do now.
const WINDOW_MILLIS: u64 = 20_000;
/// A rate measured over less is noise.
const LEAST_MILLIS: u64 = 1_000;
/// Running steps that others are told of.
const REPORTED: usize = 20;
/// Beyond this an ETA says no more than that it takes long.
const LONGEST_ETA: f64 = 30.0 * 86_400.0;

/// A step under way.
#[derive(Clone, Debug)]
pub struct Running {
    pub addr: StepAddr,
    pub kind: StepKind,
    pub rows: u64,
    pub bytes: u64,
    pub total_rows: Option<u64>,
    pub total_bytes: Option<u64>,
    /// Parts made durable, those of an earlier run included.
    pub parts: usize,
    /// Empty: it does not wait.
    pub waits: String,
    started: u64,
    waits_since: u64,
    /// Millisecond, rows, bytes; oldest first.
    samples: VecDeque<(u64, u64, u64)>,
}

impl Running {
    /// Seconds since the step started.
    pub fn seconds(&self, now: u64) -> f64 {
        now.saturating_sub(self.started) as f64 / 1_000.0
    }

    /// Rows and bytes a second, measured up to now: a step that stalls slows down. `None`: nothing measured yet.
    pub fn rate(&self, now: u64) -> Option<(f64, f64)> {
        let (first, rows, bytes) = *self.samples.front()?;
        let millis = now.saturating_sub(first);
        if millis < LEAST_MILLIS {
            return None;
        }
        let seconds = millis as f64 / 1_000.0;
        let rate = |done: u64, before: u64| done.saturating_sub(before) as f64 / seconds;
        Some((rate(self.rows, rows), rate(self.bytes, bytes)))
    }

    /// Seconds to go at the measured rate: by bytes where their total is known, else by rows.
    pub fn eta(&self, now: u64) -> Option<f64> {
        let (rows, bytes) = self.rate(now)?;
        let of = |total: Option<u64>, done: u64, rate: f64| {
            // A total is an estimate: beyond it nothing can be said.
            let left = total?.checked_sub(done).filter(|left| *left > 0)?;
            Some(left as f64 / rate).filter(|seconds| seconds.is_finite() && *seconds <= LONGEST_ETA)
        };
        of(self.total_bytes, self.bytes, bytes).or_else(|| of(self.total_rows, self.rows, rows))
    }

    /// `waits for an earlier connection, for 12 s`, while it waits.
    pub fn wait_words(&self, now: u64) -> Option<String> {
        if self.waits.is_empty() {
            return None;
        }
        let lead = if self.waits.starts_with("wait") { "" } else { "waits for " };
        let seconds = now.saturating_sub(self.waits_since) as f64 / 1_000.0;
        let long = if seconds >= 1.0 { format!(", for {}", duration(seconds)) } else { String::new() };
        Some(format!("{lead}{}{long}", self.waits))
    }

    /// Everything but the name: `12.0 MiB of 24.1 MiB, 60,000 rows, 3.1 MiB/s, ETA 4 s`.
    pub fn words(&self, now: u64) -> String {
        self.words_within(now, usize::MAX)
    }

    /// The same in at most so many columns: the least important part goes first, the ETA last.
    pub fn words_within(&self, now: u64, width: usize) -> String {
        if let Some(waits) = self.wait_words(now) {
            return waits;
        }
        let mut parts = Vec::new();
        // Some steps count rows only.
        if self.bytes > 0 || self.total_bytes.is_some_and(|total| total > 0) {
            parts.push(match self.total_bytes.filter(|total| *total >= self.bytes) {
                Some(total) => (3, format!("{} of {}", bytes(self.bytes), bytes(total))),
                None => (3, bytes(self.bytes)),
            });
        }
        if self.rows > 0 || self.total_rows.is_some() {
            let total = self.total_rows.filter(|total| self.bytes == 0 && *total >= self.rows && *total > 0);
            let of = total.map(|total| format!("{} of ", thousands(self.rows)) + &count(total, "row", "rows"));
            parts.push((1, of.unwrap_or_else(|| count(self.rows, "row", "rows"))));
        }
        if let Some((rows, bytes_rate)) = self.rate(now) {
            if self.bytes > 0 {
                parts.push((2, format!("{}/s", bytes(bytes_rate as u64))));
            } else if self.rows > 0 {
                parts.push((2, format!("{} rows/s", thousands(rows as u64))));
            }
        }
        match self.eta(now) {
            Some(seconds) => parts.push((4, format!("ETA {}", duration(seconds.ceil().max(1.0))))),
            None if parts.is_empty() => parts.push((4, duration(self.seconds(now).floor()))),
            None => {}
        }
        fitted(parts, width)
    }
}

/// Parts joined, in their order; while they are too wide, the one of the least importance is left out. One is always left.
fn fitted(mut parts: Vec<(u8, String)>, width: usize) -> String {
    loop {
        let text = parts.iter().map(|(_, part)| part.as_str()).collect::<Vec<_>>().join(", ");
        if columns(&text) <= width || parts.len() <= 1 {
            return text;
        }
        let least = parts.iter().map(|(importance, _)| *importance).min();
        parts.retain(|(importance, _)| Some(*importance) != least);
    }
}

/// The sums and what is under way.
#[derive(Clone, Debug, Default)]
pub struct Board {
    started: u64,
    steps: usize,
    ended: Counts,
    rows_loaded: u64,
    bytes_dumped: u64,
    running: Vec<Running>,
    over: bool,
    /// Of a run whose plan is known.
    overall: Option<Overall>,
}

impl Board {
    /// What the run is going to move: from then on it is known how far it is.
    pub fn set_plan(&mut self, plan: &PlanFile) {
        self.overall = Some(Overall::of(plan));
    }

    /// How far the whole run is. `None`: its plan is not known, or it moves no rows.
    pub fn figures(&self, now: u64) -> Option<Figures> {
        self.overall.as_ref().and_then(|overall| overall.figures(now))
    }

    /// Takes one event at a millisecond of a steady clock.
    pub fn on(&mut self, event: &Event, now: u64) {
        if let Some(overall) = &mut self.overall {
            overall.on(event, now);
        }
        match event {
            Event::RunStarted { steps, .. } => {
                *self = Self { started: now, steps: *steps, overall: self.overall.take(), ..Self::default() };
            }
            Event::StepStarted { addr, kind, parts_done, .. } => {
                self.running.retain(|step| step.addr != *addr);
                self.running.push(Running {
                    addr: addr.clone(),
                    kind: *kind,
                    rows: 0,
                    bytes: 0,
                    total_rows: None,
                    total_bytes: None,
                    parts: *parts_done,
                    waits: String::new(),
                    started: now,
                    waits_since: now,
                    samples: VecDeque::new(),
                });
            }
            Event::StepProgress { addr, rows, bytes, total_rows, total_bytes } => {
                if let Some(step) = self.find(addr) {
                    (step.rows, step.bytes) = (*rows, *bytes);
                    (step.total_rows, step.total_bytes) = (*total_rows, *total_bytes);
                    step.samples.push_back((now, *rows, *bytes));
                    let old = now.saturating_sub(WINDOW_MILLIS);
                    // The last sample before the window stays: the window always has two ends.
                    while step.samples.get(1).is_some_and(|(at, _, _)| *at <= old) {
                        step.samples.pop_front();
                    }
                }
            }
            Event::StepWaits { addr, text } => {
                if let Some(step) = self.find(addr)
                    && step.waits != *text
                {
                    step.waits.clone_from(text);
                    step.waits_since = now;
                }
            }
            Event::PartDone { addr, .. } => {
                if let Some(step) = self.find(addr) {
                    step.parts += 1;
                }
            }
            Event::StepEnded { addr, end, rows, bytes, .. } => {
                let kind = self.step(addr).map(|step| step.kind).or_else(|| addr.kind());
                if *end == Ended::Complete {
                    match kind.and_then(StepKind::rows) {
                        Some(RowWork::Loads) => self.rows_loaded += rows,
                        Some(RowWork::Dumps) => self.bytes_dumped += bytes,
                        Some(RowWork::Compares) | None => {}
                    }
                }
                self.running.retain(|step| step.addr != *addr);
                self.ended.add(*end);
            }
            Event::RunEnded { .. } => {
                self.running.clear();
                self.over = true;
            }
        }
    }

    /// Whether a run is under way.
    pub fn runs(&self) -> bool {
        self.steps > 0 && !self.over
    }

    /// In the order they started.
    pub fn running(&self) -> &[Running] {
        &self.running
    }

    pub fn step(&self, addr: &StepAddr) -> Option<&Running> {
        self.running.iter().find(|step| step.addr == *addr)
    }

    fn find(&mut self, addr: &StepAddr) -> Option<&mut Running> {
        self.running.iter_mut().find(|step| step.addr == *addr)
    }

    /// What others are told who look at the run from outside.
    pub fn report(&self, now: u64, at: &str) -> RunProgress {
        let figures = self.figures(now);
        let steps = self.running.iter().take(REPORTED);
        RunProgress {
            at: at.to_owned(),
            percent: figures.map(|figures| figures.percent),
            eta_seconds: figures.and_then(|figures| figures.left),
            bytes_per_second: figures.and_then(|figures| figures.rate),
            waits_for: self.waits(now),
            summary: self.summary(now),
            steps: steps.map(|step| RunningStep { addr: step.addr.clone(), text: step.words(now) }).collect(),
        }
    }

    /// One line a running step, then the summary: at most `most` lines, none wider than `width`.
    pub fn lines(&self, now: u64, width: usize, most: usize) -> Vec<String> {
        let room = most.saturating_sub(1);
        let shown = match self.running.len() {
            all if all <= room => all,
            _ => room.saturating_sub(1),
        };
        let names: Vec<String> = self.running[..shown].iter().map(|step| short_name(&step.addr)).collect();
        let widest = names.iter().map(|name| columns(name)).max().unwrap_or(0).min(width * 2 / 5);
        let mut lines: Vec<String> = self.running[..shown]
            .iter()
            .zip(&names)
            .map(|(step, name)| {
                let lead = format!("  {}  ", pad(&cut(name, widest), widest));
                cut(&format!("{lead}{}", step.words_within(now, width.saturating_sub(columns(&lead)))), width)
            })
            .collect();
        let hidden = self.running.len() - shown;
        if hidden > 0 && room > 0 {
            lines.push(cut(&format!("  … and {} more running", thousands(hidden as u64)), width));
        }
        if most > 0 {
            lines.push(cut(&self.summary_within(now, width), width));
        }
        lines
    }

    /// What all running steps wait for, where all of them wait: that of the one that has waited longest.
    pub fn waits(&self, now: u64) -> Option<String> {
        let all = !self.running.is_empty() && self.running.iter().all(|step| !step.waits.is_empty());
        let longest = self.running.iter().filter(|_| all).min_by_key(|step| step.waits_since)?;
        longest.wait_words(now)
    }

    /// `34 %, ETA 3 to 5 min, 42.0 MiB/s, 12 of 57 steps, 6 running, 120,000 rows loaded, 1 min 5 s`.
    pub fn summary(&self, now: u64) -> String {
        self.summary_within(now, usize::MAX)
    }

    /// The same in at most so many columns: the least important part goes first, percent and ETA last.
    pub fn summary_within(&self, now: u64, width: usize) -> String {
        let counts = &self.ended;
        let of_running = |work: RowWork| self.running.iter().filter(move |step| step.kind.rows() == Some(work));
        let mut parts = Vec::new();
        let figures = self.figures(now);
        parts.extend(figures.map(|figures| (10, format!("{} %", figures.percent))));
        parts.extend(figures.and_then(|figures| figures.eta_words()).map(|words| (9, words)));
        parts.extend(self.waits(now).map(|words| (7, words)));
        parts.extend(figures.and_then(|figures| figures.rate_words()).map(|words| (6, words)));
        let steps = count(self.steps as u64, "step", "steps");
        parts.push((5, format!("{} of {steps}", thousands((counts.complete + counts.unchanged) as u64))));
        parts.push((2, format!("{} running", thousands(self.running.len() as u64))));
        if counts.failed > 0 {
            parts.push((8, format!("{} failed", thousands(counts.failed as u64))));
        }
        let dumped = self.bytes_dumped + of_running(RowWork::Dumps).map(|step| step.bytes).sum::<u64>();
        if dumped > 0 {
            parts.push((1, format!("{} dumped", bytes(dumped))));
        }
        let loaded = self.rows_loaded + of_running(RowWork::Loads).map(|step| step.rows).sum::<u64>();
        if loaded > 0 {
            parts.push((3, format!("{} loaded", count(loaded, "row", "rows"))));
        }
        parts.push((4, duration((now.saturating_sub(self.started) as f64 / 1_000.0).floor())));
        fitted(parts, width)
    }
}

/// `dump shop.orders` for `migration.shop.dump["shop.orders"]`.
pub fn short_name(addr: &StepAddr) -> String {
    match (addr.kind(), addr.key(), addr.migration()) {
        (Some(kind), Some(key), Some(_)) => format!("{} {key}", kind.word()),
        (Some(kind), None, Some(migration)) => format!("{} {migration}", kind.word()),
        _ => addr.to_string(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::formats::plan::Action;
    use crate::words::addr::TableName;

    fn dump(table: &str) -> StepAddr {
        StepAddr::of_table("shop", StepKind::Dump, &TableName::new("shop", table))
    }

    fn started(addr: &StepAddr) -> Event {
        let kind = addr.kind().unwrap();
        Event::StepStarted { addr: addr.clone(), kind, at: "2026-01-05T10:00:00Z".into(), parts_done: 0 }
    }

    fn progress(addr: &StepAddr, rows: u64, bytes: u64, total: Option<u64>) -> Event {
        Event::StepProgress { addr: addr.clone(), rows, bytes, total_rows: None, total_bytes: total }
    }

    fn board(steps: usize) -> Board {
        let mut board = Board::default();
        board.on(&Event::RunStarted { at: "2026-01-05T10:00:00Z".into(), steps, resumed: false }, 0);
        board
    }

    const MIB: u64 = 1 << 20;

    #[test]
    fn the_eta_comes_from_the_measured_rate_and_is_never_made_up() {
        let addr = dump("orders");
        let check = |samples: &[(u64, u64, Option<u64>)], now: u64, expected: &str| {
            let mut board = board(1);
            board.on(&started(&addr), 0);
            for (at, bytes, total) in samples {
                board.on(&progress(&addr, 0, *bytes, *total), *at);
            }
            let words = board.running()[0].words(now);
            assert_eq!(words, expected, "{samples:?}");
        };
        check(&[], 2_500, "2.0 s");
        check(&[(0, 0, Some(0))], 5_000, "5.0 s");
        check(&[(0, 0, Some(10 * MIB))], 5_000, "0 B of 10.0 MiB");
        check(&[(0, 0, Some(10 * MIB)), (500, MIB, Some(10 * MIB))], 500, "1.0 MiB of 10.0 MiB");
        check(
            &[(0, 0, Some(10 * MIB)), (2_000, 4 * MIB, Some(10 * MIB))],
            2_000,
            "4.0 MiB of 10.0 MiB, 2.0 MiB/s, ETA 3.0 s",
        );
        check(&[(0, 0, None), (2_000, 4 * MIB, None)], 2_000, "4.0 MiB, 2.0 MiB/s");
        check(&[(0, 0, Some(MIB)), (2_000, 4 * MIB, Some(MIB))], 2_000, "4.0 MiB, 2.0 MiB/s");
        check(&[(0, 0, Some(u64::MAX)), (2_000, 1, Some(u64::MAX))], 2_000, "1 B of 16.0 EiB, 0 B/s");
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds_and_falls_when_the_step_stalls() {
        let addr = dump("orders");
        let mut board = board(1);
        board.on(&started(&addr), 0);
        for second in 0..60 {
            let bytes = if second < 30 { second * MIB } else { 30 * MIB + (second - 30) * 3 * MIB };
            board.on(&progress(&addr, second, bytes, None), second * 1_000);
        }
        let rate = board.running()[0].rate(59_000).unwrap().1 / MIB as f64;
        assert!((2.9..3.1).contains(&rate), "{rate}");
        let stalled = board.running()[0].rate(159_000).unwrap().1 / MIB as f64;
        assert!(stalled < 0.6, "{stalled}");
        assert!(board.running()[0].samples.len() <= 22);
    }

    #[test]
    fn a_wait_says_for_what_and_for_how_long_and_ends() {
        let addr = dump("orders");
        let mut board = board(1);
        board.on(&started(&addr), 0);
        for (text, now, expected) in [
            ("an earlier connection", 1_000, "waits for an earlier connection, for 12 s"),
            ("waits for free space", 20_000, "waits for free space"),
            ("", 50_000, "50 s"),
        ] {
            board.on(&Event::StepWaits { addr: addr.clone(), text: text.into() }, now);
            let now = if text.starts_with("an") { now + 12_000 } else { now };
            assert_eq!(board.running()[0].words(now), expected);
        }
    }

    #[test]
    fn the_least_important_part_goes_first_and_the_eta_never() {
        let addr = dump("orders");
        let mut board = board(57);
        board.on(&started(&addr), 0);
        for second in 0..=10 {
            board.on(&progress(&addr, second * 1_000, second * MIB, Some(30 * MIB)), second * 1_000);
        }
        let step = &board.running()[0];
        let check = |width: usize, expected: &str| assert_eq!(step.words_within(10_000, width), expected);
        check(70, "10.0 MiB of 30.0 MiB, 10,000 rows, 1.0 MiB/s, ETA 20 s");
        check(53, "10.0 MiB of 30.0 MiB, 1.0 MiB/s, ETA 20 s");
        check(40, "10.0 MiB of 30.0 MiB, ETA 20 s");
        check(29, "ETA 20 s");
        check(3, "ETA 20 s");
        let mut plan = crate::screen::plan::tests::empty();
        let new = crate::formats::cause::Cause::NotRecorded;
        plan.body.changes = vec![crate::formats::plan::Change::new(addr.clone(), Action::Create, new)];
        board.set_plan(&plan);
        for second in 0..=10 {
            board.on(&progress(&addr, second * 1_000, second * MIB, Some(40 * MIB)), second * 1_000);
        }
        let check = |width: usize, expected: &str| assert_eq!(board.summary_within(10_000, width), expected);
        check(99, "25 %, ETA 30 to 38 s, 1.0 MiB/s, 0 of 57 steps, 1 running, 10.0 MiB dumped, 10 s");
        check(79, "25 %, ETA 30 to 38 s, 1.0 MiB/s, 0 of 57 steps, 1 running, 10 s");
        check(50, "25 %, ETA 30 to 38 s, 1.0 MiB/s, 0 of 57 steps");
        check(30, "25 %, ETA 30 to 38 s");
        check(5, "25 %");
    }

    #[test]
    fn lines_fit_the_terminal_and_the_summary_is_last() {
        let mut board = board(57);
        for number in 0..9 {
            board.on(&started(&dump(&format!("a_table_with_quite_a_long_name_{number}"))), 1_000);
        }
        for (most, expected) in [(20, 10), (10, 10), (6, 6), (2, 2), (1, 1), (0, 0)] {
            let lines = board.lines(66_000, 60, most);
            assert_eq!(lines.len(), expected, "{lines:?}");
            assert!(lines.iter().all(|line| line.chars().count() <= 60), "{lines:?}");
        }
        let lines = board.lines(66_000, 80, 6);
        assert_eq!(lines[4], "  … and 5 more running");
        assert_eq!(lines[5], "0 of 57 steps, 9 running, 1 min 6 s");
        assert_eq!(lines[0], "  dump shop.a_table_with_quite_a_…  1 min 5 s");
    }

    #[test]
    fn the_summary_counts_what_ended_and_what_is_loaded() {
        let mut board = board(3);
        let load = StepAddr::of_table("shop", StepKind::Load, &TableName::new("shop", "orders"));
        let end = |addr: &StepAddr, end: Ended, rows: u64, bytes: u64| Event::StepEnded {
            addr: addr.clone(),
            end,
            failure: None,
            left: None,
            seconds: 1.0,
            rows,
            bytes,
        };
        board.on(&started(&dump("orders")), 0);
        board.on(&started(&load), 0);
        board.on(&progress(&load, 500, 10, None), 100);
        board.on(&end(&dump("orders"), Ended::Complete, 1_000, 2_048), 200);
        assert_eq!(board.summary(3_000), "1 of 3 steps, 1 running, 2.0 KiB dumped, 500 rows loaded, 3.0 s");
        board.on(&end(&load, Ended::Failed, 500, 10), 300);
        assert_eq!(board.summary(3_000), "1 of 3 steps, 0 running, 1 failed, 2.0 KiB dumped, 3.0 s");
    }
}
