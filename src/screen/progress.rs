//! A run while it runs: lines that move on a terminal, plain lines elsewhere, JSON for scripts. Takes events and a
//! clock; decides nothing. Data (JSON) goes to stdout, progress to stderr.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use super::approval;
use super::board::{Board, Running};
use super::clean::clean;
use super::keys::Unanswered;
use super::stream;
use super::style::{Ink, Style, bytes, count, duration, stderr_size, wrap};
use crate::formats::event::{Counts, Ended, Event};
use crate::formats::plan::PlanFile;
use crate::formats::progress::RunProgress;
use crate::think::approval::Approvals;
use crate::words::addr::StepAddr;
use crate::words::diag::Diagnostic;
use crate::words::error::{ExitKind, Failure};

/// The whole run has a line this often at first …
const BEAT_MILLIS: u64 = 10_000;
/// … and this often at last.
const SLOWEST_BEAT_MILLIS: u64 = 60_000;
/// Running steps that have a plain line each time.
const STEPS_SHOWN: usize = 10;
/// A running step has a JSON line at most this often.
const JSON_MILLIS: u64 = 1_000;
/// The terminal is drawn again at most this often.
const DRAW_MILLIS: u64 = 100;
/// Lines of the terminal that are left to what stands above.
const SPARE_LINES: usize = 3;

/// The clock, handed in.
pub type Now = Box<dyn Fn() -> Moment + Send>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Steady; never goes back.
    pub millis: u64,
    /// RFC 3339 in UTC.
    pub at: String,
}

/// Where the events of a run are shown.
pub enum Reporter {
    Terminal(Terminal),
    Plain(Plain),
    Json(Json),
}

impl Reporter {
    /// JSON on stdout where asked for; else moving lines where stderr is a terminal, plain ones where it is not.
    pub fn choose(json: bool, style: Style, now: Now) -> Self {
        if json {
            Self::Json(Json::new(Box::new(super::out::Data), now))
        } else if std::io::stderr().is_terminal() {
            Self::Terminal(Terminal::new(style, now))
        } else {
            Self::Plain(Plain::new(Box::new(std::io::stderr()), now))
        }
    }

    /// Shows one event.
    pub fn on(&mut self, event: &Event) {
        match self {
            Self::Terminal(to) => to.on(event),
            Self::Plain(to) => to.on(event),
            Self::Json(to) => to.on(event),
        }
    }

    /// A sentence of the program itself, above what moves.
    pub fn say(&mut self, text: &str) {
        match self {
            Self::Terminal(to) => to.stays(text, str::to_owned),
            Self::Plain(_) | Self::Json(_) => super::out::say(&format!("{text}\n")),
        }
    }

    /// What others are told who look at the run from outside. `None`: no run is under way.
    pub fn report(&self) -> Option<RunProgress> {
        let (board, now) = match self {
            Self::Terminal(of) => (&of.board, &of.now),
            Self::Plain(of) => (&of.board, &of.now),
            Self::Json(of) => (&of.board, &of.now),
        };
        let Moment { millis, at } = now();
        board.runs().then(|| board.report(millis, &at))
    }

    /// To be called about once a second: what takes long is seen to take long, though nothing happens.
    pub fn tick(&mut self) {
        match self {
            Self::Terminal(to) => to.tick(),
            Self::Plain(to) => to.tick(),
            Self::Json(to) => to.tick(),
        }
    }

    /// What the run is going to do: from then on it is said how far it is. In the JSON stream, the plan is written as
    /// `planned_change` and `change_summary`; people read its text. Then who has approved it, where that was asked for.
    pub fn plan(&mut self, plan: &PlanFile, signed: Option<&Approvals>) {
        match self {
            Self::Terminal(to) => to.board.set_plan(plan),
            Self::Plain(to) => to.board.set_plan(plan),
            Self::Json(to) => {
                to.board.set_plan(plan);
                let at = (to.now)().at;
                to.write(stream::plan(plan, &at));
            }
        }
        signed.iter().for_each(|signed| self.approved(signed));
    }

    fn approved(&mut self, by: &Approvals) {
        match self {
            Self::Json(to) => {
                let at = (to.now)().at;
                to.write([stream::approved(by, &at)]);
            }
            Self::Terminal(_) | Self::Plain(_) => self.say(&approval::by(by)),
        }
    }

    /// Diagnostics in the JSON stream; people read them rendered.
    pub fn diagnostics(&mut self, diagnostics: &[Diagnostic]) {
        if let Self::Json(to) = self {
            let at = (to.now)().at;
            to.write(diagnostics.iter().map(|found| stream::diagnostic(found, &at)));
        }
    }

    /// A failure outside of any step in the JSON stream; people read it rendered.
    pub fn failure(&mut self, failure: &Failure) {
        if let Self::Json(to) = self {
            let at = (to.now)().at;
            to.write(stream::failure(failure, &at));
        }
    }
}

/// One object a line.
pub struct Json {
    out: Box<dyn Write + Send>,
    now: Now,
    board: Board,
    last: BTreeMap<StepAddr, u64>,
    beat: Heartbeat,
}

impl Json {
    /// Writes the version line at once.
    pub fn new(out: Box<dyn Write + Send>, now: Now) -> Self {
        let mut json = Self { out, now, board: Board::default(), last: BTreeMap::new(), beat: Heartbeat::default() };
        let at = (json.now)().at;
        json.write([stream::version(&at)]);
        json
    }

    fn on(&mut self, event: &Event) {
        let Moment { millis, at } = (self.now)();
        self.board.on(event, millis);
        match event {
            Event::StepProgress { addr, .. } if !due(&mut self.last, addr, millis, JSON_MILLIS) => return,
            Event::StepEnded { addr, .. } => {
                self.last.remove(addr);
            }
            _ => {}
        }
        let lines = stream::event(event, &self.board, millis, &at);
        self.write(lines);
    }

    fn tick(&mut self) {
        let Moment { millis, at } = (self.now)();
        if self.board.runs() && self.beat.due(millis) {
            let line = stream::overall(&self.board, millis, &at);
            self.write([line]);
        }
    }

    fn write(&mut self, lines: impl IntoIterator<Item = Value>) {
        for line in lines {
            // A reader that went away does not end a migration; the program's exit code tells of it.
            let _ = self.out.write_all(format!("{}\n", clean(&line.to_string())).as_bytes());
        }
        let _ = self.out.flush();
    }
}

/// Whether a step may have a line again, and that it had one now.
fn due(last: &mut BTreeMap<StepAddr, u64>, addr: &StepAddr, now: u64, every: u64) -> bool {
    match last.get(addr) {
        Some(before) if now.saturating_sub(*before) < every => false,
        _ => {
            last.insert(addr.clone(), now);
            true
        }
    }
}

/// When the whole run is to be spoken of: every 10 s at first, and the longer it lasts the less often, up to once a minute.
#[derive(Default)]
struct Heartbeat {
    first: Option<u64>,
    last: u64,
}

impl Heartbeat {
    fn due(&mut self, now: u64) -> bool {
        let Some(first) = self.first else {
            (self.first, self.last) = (Some(now), now);
            return false;
        };
        let every = (now.saturating_sub(first) / 30).clamp(BEAT_MILLIS, SLOWEST_BEAT_MILLIS);
        let due = now.saturating_sub(self.last) >= every;
        if due {
            self.last = now;
        }
        due
    }
}

/// Lines that stay: for files and CI.
pub struct Plain {
    out: Box<dyn Write + Send>,
    now: Now,
    board: Board,
    last: BTreeMap<StepAddr, u64>,
    beat: Heartbeat,
}

impl Plain {
    pub fn new(out: Box<dyn Write + Send>, now: Now) -> Self {
        Self { out, now, board: Board::default(), last: BTreeMap::new(), beat: Heartbeat::default() }
    }

    fn on(&mut self, event: &Event) {
        let now = (self.now)().millis;
        self.board.on(event, now);
        match event {
            Event::StepStarted { addr, parts_done, .. } => {
                // The first progress line comes an interval after the start.
                self.last.insert(addr.clone(), now);
                let after = match *parts_done {
                    0 => String::new(),
                    parts => format!(" (goes on after {})", count(parts as u64, "durable part", "durable parts")),
                };
                self.line(&format!("started   {addr}{after}"));
            }
            Event::StepWaits { addr, text } if !text.is_empty() => {
                if let Some(words) = self.board.step(addr).and_then(|step| step.wait_words(now))
                    && self.last.insert(addr.clone(), now).is_none_or(|before| now.saturating_sub(before) >= 1_000)
                {
                    self.line(&format!("waiting   {addr}: {words}"));
                }
            }
            Event::StepEnded { addr, .. } => {
                self.last.remove(addr);
                if let Some(text) = ended_words(event) {
                    self.line(&text);
                }
            }
            Event::RunStarted { .. } | Event::RunEnded { .. } => {
                if let Some(text) = run_words(event) {
                    self.line(&text);
                }
            }
            Event::StepProgress { .. } | Event::StepWaits { .. } | Event::PartDone { .. } => {}
        }
        self.tick();
    }

    fn tick(&mut self) {
        let now = (self.now)().millis;
        if !self.board.runs() || !self.beat.due(now) {
            return;
        }
        let mut lines = vec![format!("progress  {}", self.board.summary(now))];
        let long = |step: &&Running| step.seconds(now) * 1_000.0 >= BEAT_MILLIS as f64;
        let running: Vec<&Running> = self.board.running().iter().filter(long).collect();
        lines.extend(running.iter().take(STEPS_SHOWN).map(|step| {
            let word = if step.waits.is_empty() { "running   " } else { "waiting   " };
            format!("{word}{}: {}", step.addr, step.words(now))
        }));
        if running.len() > STEPS_SHOWN {
            lines.push(format!("running   … and {} more", running.len() - STEPS_SHOWN));
        }
        for line in lines {
            self.line(&line);
        }
    }

    fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{}", clean(text));
        let _ = self.out.flush();
    }
}

/// Lines that move: one a running step and a summary, below what stays.
pub struct Terminal {
    style: Style,
    now: Now,
    board: Board,
    multi: MultiProgress,
    bars: Vec<ProgressBar>,
    drawn: u64,
    /// As long as lines move.
    _keys: Option<Unanswered>,
}

impl Terminal {
    pub fn new(style: Style, now: Now) -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(10);
        let multi = MultiProgress::with_draw_target(target);
        Self { style, now, board: Board::default(), multi, bars: Vec::new(), drawn: 0, _keys: Unanswered::begin() }
    }

    /// Prints a text above what moves. It is broken between words: the terminal would break it anywhere.
    fn stays(&self, text: &str, ink: impl Fn(&str) -> String) {
        let wrapped = wrap("", text, self.style.width);
        let _ = self.multi.println(clean(&ink(wrapped.trim_end())));
    }

    fn on(&mut self, event: &Event) {
        let now = (self.now)().millis;
        self.board.on(event, now);
        match event {
            // What went well is in the counts; what did not stays on the screen.
            Event::StepEnded { end: Ended::Failed | Ended::Interrupted, .. }
            | Event::StepEnded { left: Some(_), .. } => {
                if let Some(text) = ended_words(event) {
                    self.stays(&text, |text| self.style.ink(Ink::Red, text));
                }
                self.draw(now);
            }
            Event::RunStarted { .. } => {
                if let Some(text) = run_words(event) {
                    self.stays(&text, str::to_owned);
                }
                self.draw(now);
            }
            Event::RunEnded { .. } => {
                self.show(&[]);
                let _ = self.multi.clear();
                if let Some(text) = run_words(event) {
                    super::out::say(&wrap("", &text, self.style.width));
                }
            }
            _ if now.saturating_sub(self.drawn) >= DRAW_MILLIS => self.draw(now),
            _ => {}
        }
    }

    fn tick(&mut self) {
        let now = (self.now)().millis;
        self.draw(now);
    }

    fn draw(&mut self, now: u64) {
        self.drawn = now;
        let (width, height) = stderr_size();
        // One column is left free: a line that fills the last one makes some terminals break it.
        let lines = self.board.lines(now, width.saturating_sub(1), height.saturating_sub(SPARE_LINES).max(1));
        self.show(&lines);
    }

    fn show(&mut self, lines: &[String]) {
        while self.bars.len() > lines.len() {
            if let Some(bar) = self.bars.pop() {
                bar.finish_and_clear();
                self.multi.remove(&bar);
            }
        }
        while self.bars.len() < lines.len() {
            let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
            let bar = self.multi.add(ProgressBar::new_spinner().with_style(style));
            self.bars.push(bar);
        }
        for (bar, line) in self.bars.iter().zip(lines) {
            bar.set_message(clean(line).into_owned());
        }
    }
}

/// A line for the end of a step; none for those that never began.
fn ended_words(event: &Event) -> Option<String> {
    let Event::StepEnded { addr, end, failure, left, seconds, rows, bytes: moved } = event else { return None };
    if let Some(left) = left {
        return Some(format!("left      {addr} after {}: {left}", duration(*seconds)));
    }
    let mut much = Vec::new();
    if *rows > 0 {
        much.push(count(*rows, "row", "rows"));
    }
    if *moved > 0 {
        much.push(bytes(*moved));
    }
    let much = if much.is_empty() { String::new() } else { format!(": {}", much.join(", ")) };
    match end {
        Ended::Complete => Some(format!("complete  {addr} in {}{much}", duration(*seconds))),
        Ended::Failed => {
            let cause = failure.as_ref().map_or_else(String::new, |f| format!(": failed to {}: {}", f.doing, f.cause));
            Some(format!("failed    {addr} after {}{cause}", duration(*seconds)))
        }
        Ended::Interrupted => Some(format!("stopped   {addr} after {}; what is durable is kept", duration(*seconds))),
        Ended::Unchanged | Ended::UpstreamFailed | Ended::NotStarted => None,
    }
}

fn run_words(event: &Event) -> Option<String> {
    match event {
        Event::RunStarted { steps, resumed, .. } => {
            let how = if *resumed { "Going on with" } else { "Starting" };
            Some(format!("{how} {}.", count(*steps as u64, "step", "steps")))
        }
        Event::RunEnded { exit, summary, seconds, .. } => Some(end_words(*exit, summary, *seconds)),
        _ => None,
    }
}

/// `Ended after 1 min 5 s: 57 complete, 1 failed, 3 not started because of it.`
pub(super) fn end_words(exit: ExitKind, counts: &Counts, seconds: f64) -> String {
    let mut parts = Vec::new();
    let mut add = |number: usize, words: &str| {
        if number > 0 {
            parts.push(format!("{} {words}", super::style::thousands(number as u64)));
        }
    };
    add(counts.complete - counts.left.min(counts.complete), "complete");
    add(counts.left, "done with something left in place");
    add(counts.unchanged, "unchanged");
    add(counts.failed, "failed");
    add(counts.upstream_failed, "not started because of a failure");
    add(counts.interrupted, "interrupted");
    add(counts.not_started, "not started");
    let word = match exit {
        ExitKind::Success => "Done",
        ExitKind::Interrupted => "Interrupted",
        _ => "Ended",
    };
    let steps = if parts.is_empty() { "no step had anything to do".to_owned() } else { parts.join(", ") };
    let again = if exit == ExitKind::Interrupted { " Run the same command again." } else { "" };
    format!("{word} after {}: {steps}.{again}", duration(seconds))
}

#[cfg(test)]
#[path = "progress_tests.rs"]
mod tests;
