//! One simulated run of a plan: the real run machine, over steps that only take their time. What works on the same server shares
//! its rate. Knows no clock and no server; chance comes in as a generator.

use std::collections::{BTreeMap, BTreeSet};

use rand::Rng;
use rand::rngs::StdRng;
use serde_json::Value;

use super::Scene;
use crate::formats::plan::Node;
use crate::formats::rehearsal::Rate;
use crate::formats::state::OpenRun;
use crate::think::plan::kinds;
use crate::think::ready::Limits;
use crate::think::run::{Effect, Event, Machine, Opening, StepNo, Summary};
use crate::words::addr::GateName;
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

/// When a step was at work; seconds of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Span {
    pub(super) began: f64,
    /// Its own work was done.
    pub(super) worked: f64,
    /// It ended; later than its work where a step that gives it parts was not done.
    pub(super) ended: f64,
}

/// What a simulated run came to.
pub(super) struct Simulated {
    pub(super) seconds: f64,
    pub(super) spans: BTreeMap<StepNo, Span>,
    pub(super) summary: Summary,
    /// Most bytes of dump files at one time.
    pub(super) disk: f64,
    /// Bytes of dump files at the end.
    pub(super) disk_left: f64,
    /// Steps that were at work when the run ended badly, and how far they were (0 to 1).
    pub(super) partly: BTreeMap<StepNo, f64>,
}

/// What a step takes: first a time of its own, then work at a rate that it shares.
struct Job {
    own: f64,
    work: f64,
    whole: f64,
    rate: Option<Rate>,
    fails: bool,
}

/// Runs the plan once. `fails`: this step fails half-way.
///
/// # Errors
/// MIG4112 when the graph cannot be run at all.
pub(super) fn run(scene: &Scene, rng: &mut StdRng, fails: Option<StepNo>) -> Outcome<Simulated> {
    let opening = Opening {
        base_serial: scene.state.serial,
        open_run: OpenRun::new(scene.plan.digest.clone(), scene.plan.body.state_digest.clone()),
        elsewhere: BTreeSet::new(),
    };
    let limits = Limits::of_run(scene.parallelism);
    let machine = Machine::new(&scene.plan.body.graph, &scene.state, opening, limits)?;
    // What is slow in one thing is slow in most: the same servers and the same line are behind all of them.
    let pace = Pace(rng.random());
    let rates = scene.rates.values().map(|used| (used.rate, pace.rate(rng, used.low, used.high))).collect();
    let run = Run {
        scene,
        pace,
        rates,
        machine,
        now: 0.0,
        jobs: BTreeMap::new(),
        done: BTreeMap::new(),
        lies: BTreeMap::new(),
        folders: BTreeMap::new(),
        out: Simulated {
            seconds: 0.0,
            spans: BTreeMap::new(),
            summary: Summary { ends: Vec::new(), failures: Vec::new(), exit: ExitKind::Success },
            disk: 0.0,
            disk_left: 0.0,
            partly: BTreeMap::new(),
        },
    };
    run.go(rng, fails)
}

struct Run<'a> {
    scene: &'a Scene<'a>,
    pace: Pace,
    rates: BTreeMap<Rate, f64>,
    machine: Machine,
    now: f64,
    jobs: BTreeMap<StepNo, Job>,
    /// How far steps are: 0 to 1.
    done: BTreeMap<StepNo, f64>,
    /// Bytes that lie of each dump, and of all of a work folder: those that wait for room, and the others.
    lies: BTreeMap<usize, f64>,
    folders: BTreeMap<usize, (f64, f64)>,
    out: Simulated,
}

impl Run<'_> {
    fn go(mut self, rng: &mut StdRng, fails: Option<StepNo>) -> Outcome<Simulated> {
        loop {
            let effects = self.machine.settle("");
            if effects.is_empty() && self.jobs.is_empty() {
                let cause = "the run machine waits for nothing";
                return Err(Failure::new(codes::INTERNAL, "rehearse the plan", cause, "Please report this."));
            }
            let settled = effects.is_empty();
            for effect in effects {
                match effect {
                    // A record is durable within some milliseconds: below what can be told apart here.
                    Effect::Persist { batch, .. } => self.machine.on(Event::Persisted(batch), ""),
                    Effect::Start { step, .. } => self.start(step, fails == Some(step), rng),
                    Effect::Cancel { step } => self.end(step, Err(given_up())),
                    Effect::Close { to, outputs: None, .. } => self.end(to, Err(given_up())),
                    Effect::Ended { step, .. } => {
                        self.out.spans.entry(step).and_modify(|span| span.ended = self.now);
                    }
                    Effect::Finish(summary) => {
                        self.out.summary = summary;
                        self.out.seconds = self.now;
                        self.out.disk_left = self.on_disk();
                        return Ok(self.out);
                    }
                    Effect::Ack { .. }
                    | Effect::Refuse { .. }
                    | Effect::Offer { .. }
                    | Effect::Withdraw { .. }
                    | Effect::Close { .. }
                    | Effect::Stop => {}
                }
            }
            // What became durable in this round can start at this moment.
            if settled {
                self.advance();
            }
        }
    }

    fn start(&mut self, no: StepNo, fails: bool, rng: &mut StdRng) {
        let node = &self.scene.plan.body.graph.nodes[no];
        let ((low, high), rate) = takes(node);
        let own = self.pace.seconds(rng, low, high);
        let work = rate.map_or(0.0, |rate| self.work(no, rate));
        // Half-way through what it has more of.
        let half = if fails { 0.5 } else { 1.0 };
        self.jobs.insert(no, Job { own: own * half, work: work * half, whole: work, rate, fails });
        self.out.spans.insert(no, Span { began: self.now, ..Span::default() });
    }

    /// Seconds of work when nothing else wants the same.
    fn work(&self, no: StepNo, rate: Rate) -> f64 {
        let size = self.scene.sizes.get(&no).copied().unwrap_or_default();
        let by = |rate: Rate, amount: u64| amount as f64 / self.rates.get(&rate).copied().unwrap_or(f64::INFINITY);
        match rate {
            Rate::DumpBytes => {
                let limited = size.rate_limit.map_or(0.0, |limit| size.bytes as f64 / limit.max(1) as f64);
                by(rate, size.bytes).max(limited)
            }
            Rate::LoadRows | Rate::LoadBytes => by(Rate::LoadRows, size.rows).max(by(Rate::LoadBytes, size.bytes)),
            Rate::VerifyRows => by(rate, size.rows),
            Rate::Created => by(rate, 1),
        }
    }

    /// To the next end of a step's own time or work.
    fn advance(&mut self) {
        let mut sharing: BTreeMap<Rate, usize> = BTreeMap::new();
        for rate in self.jobs.values().filter(|job| job.own <= 0.0).filter_map(|job| job.rate) {
            *sharing.entry(rate).or_default() += 1;
        }
        let share = |rate: Option<Rate>| rate.and_then(|rate| sharing.get(&rate)).copied().unwrap_or(1) as f64;
        let wait = self.jobs.values().map(|job| if job.own > 0.0 { job.own } else { job.work * share(job.rate) });
        let Some(step) = wait.min_by(f64::total_cmp) else { return };
        self.now += step;
        let mut over = Vec::new();
        for (no, job) in &mut self.jobs {
            if job.own > 0.0 {
                job.own = if job.own <= step { 0.0 } else { job.own - step };
            } else {
                let part = step / share(job.rate);
                job.work = if job.work <= part + 1e-9 { 0.0 } else { job.work - part };
            }
            if job.own <= 0.0 && job.work <= 0.0 {
                over.push(*no);
            }
            let progress = if job.own > 0.0 || job.whole <= 0.0 { 0.0 } else { 1.0 - job.work / job.whole };
            // Of one that fails, the work is cut to its half.
            let progress = if job.fails { progress.max(0.5) - 0.5 } else { progress };
            self.done.insert(*no, progress);
        }
        let at_work: Vec<StepNo> = self.jobs.keys().copied().collect();
        for no in over {
            let fails = self.jobs.get(&no).is_some_and(|job| job.fails);
            self.done.insert(no, if fails { 0.5 } else { 1.0 });
            self.end(no, if fails { Err(simulated()) } else { Ok(Value::Null) });
        }
        self.look_at_disk(&at_work);
    }

    fn end(&mut self, no: StepNo, result: Outcome<Value>) {
        if self.jobs.remove(&no).is_none() {
            return;
        }
        if result.is_err() {
            self.out.partly.insert(no, self.done.get(&no).copied().unwrap_or_default());
        }
        if let Some(span) = self.out.spans.get_mut(&no) {
            span.worked = self.now;
        }
        self.machine.on(Event::StepEnded { step: no, result }, "");
    }

    /// What lies on the disk, now that these steps went on.
    fn look_at_disk(&mut self, steps: &[StepNo]) {
        for number in steps.iter().filter_map(|no| self.scene.dump_of.get(no)) {
            let dump = &self.scene.dumps[*number];
            let lies = dump.lies(&self.done);
            let more = lies - self.lies.insert(*number, lies).unwrap_or_default();
            let folder = self.folders.entry(dump.folder).or_default();
            *(if dump.waits { &mut folder.0 } else { &mut folder.1 }) += more;
        }
        self.out.disk = self.out.disk.max(self.on_disk());
    }

    /// What lies in all work folders. A dump whose files wait for room stops at the folder's limit.
    fn on_disk(&self) -> f64 {
        let rooms = &self.scene.rooms;
        self.folders.iter().map(|(folder, (waits, lies))| waits.min(rooms[*folder]) + lies).sum()
    }
}

/// What a step takes. The gate that reads the structure back takes longer than the others.
fn takes(node: &Node) -> ((f64, f64), Option<Rate>) {
    let takes = match (node.addr.gate_name(), node.addr.step_type()) {
        (Some(GateName::Structure), _) => &kinds::READS_BACK,
        (_, Some(of)) => &kinds::row(of).takes,
        (_, None) => return ((0.0, 0.0), None),
    };
    (takes.seconds, takes.rate)
}

/// How slow a run is as a whole: 0 is as fast as it gets, 1 as slow.
#[derive(Clone, Copy)]
struct Pace(f64);

/// By how much one thing differs from the pace of the whole.
const DIFFERS: f64 = 0.25;

impl Pace {
    fn rate(self, rng: &mut StdRng, low: f64, high: f64) -> f64 {
        between(low, high, 1.0 - self.slow(rng))
    }

    fn seconds(self, rng: &mut StdRng, low: f64, high: f64) -> f64 {
        between(low, high, self.slow(rng))
    }

    fn slow(self, rng: &mut StdRng) -> f64 {
        (self.0 + rng.random_range(-DIFFERS..DIFFERS)).clamp(0.0, 1.0)
    }
}

/// A number between two, by magnitude: at 0 the low one, at 1 the high one.
fn between(low: f64, high: f64, at: f64) -> f64 {
    let (low, high) = (low.max(1e-9), high.max(1e-9));
    (low.ln() + at * (high.ln() - low.ln())).exp()
}

fn simulated() -> Failure {
    Failure::new(codes::INTERNAL, "rehearse the step", "it fails in this rehearsal", "")
}

/// Of a step whose giver failed.
fn given_up() -> Failure {
    Failure::new(codes::EARLIER_STEP_FAILED, "rehearse the step", "a step before it failed in this rehearsal", "")
}
