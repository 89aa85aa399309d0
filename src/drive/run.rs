//! The loop of a run: the machine's effects become batches for the writer, tasks and messages to steps; what these tell
//! becomes its events. One task owns the machine, so everything has one order.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use super::recovery::look;
use super::writer::{Told, Writer};
use crate::formats::event::{Counts, Ended, Event as Shown};
use crate::formats::journal::{Leftover, Record};
use crate::formats::outputs::what_is_left;
use crate::formats::plan::{Action, Graph};
use crate::formats::state::{OpenRun, Progress, State};
use crate::seams::clock::Clock;
use crate::seams::store::Store;
use crate::steps::step::{FromStep, Meter, Reading, StepCtx, StepSet, Upstream, Wiring, interrupted};
use crate::think::ready::Limits;
use crate::think::run::{Effect, Event, Interrupt, Machine, Opening, StepEnd, StepNo, Summary, Write};
use crate::words::addr::StepAddr;
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

/// Everything a run needs. The lock is the caller's.
pub struct Run {
    pub graph: Arc<Graph>,
    /// As [`look`] gave it, or [`State::new`] where there is none.
    pub state: State,
    pub open_run: OpenRun,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub steps: Arc<dyn StepSet>,
    pub limits: Limits,
    pub events: EventSink,
    pub signals: watch::Receiver<Option<Interrupt>>,
    /// Told every record once it is durable, in order.
    pub tap: Option<mpsc::UnboundedSender<Vec<Record>>>,
}

/// Where a run tells what happens. What a step counts is summed up before it is sent, so a slow reader costs little.
#[derive(Clone, Default)]
pub struct EventSink(Option<mpsc::UnboundedSender<Shown>>);

impl EventSink {
    pub fn new(sender: mpsc::UnboundedSender<Shown>) -> Self {
        Self(Some(sender))
    }

    /// Nobody listens.
    pub fn none() -> Self {
        Self(None)
    }

    fn send(&self, event: impl FnOnce() -> Shown) {
        if let Some(sender) = &self.0 {
            // A reader that is gone misses nothing.
            let _ = sender.send(event());
        }
    }
}

/// What a run came to.
#[derive(Debug)]
pub struct RunEnd {
    /// What is durable.
    pub state: State,
    pub ends: BTreeMap<StepAddr, StepEnd>,
    pub exit: ExitKind,
    /// Root causes only, in the order in which they came up.
    pub failures: Vec<Failure>,
    pub counts: Counts,
    /// What steps that removed something have left, and why.
    pub left: BTreeMap<StepAddr, String>,
}

/// How often counts go to the screen.
const TICK: Duration = Duration::from_millis(250);

/// Runs the graph over what is recorded, to its end or as far as it goes. Everything that went wrong is in what it
/// returns.
pub async fn run(run: Run) -> RunEnd {
    let state = run.state.clone();
    match Drive::begin(run).await {
        Ok(drive) => drive.go().await,
        Err(failure) => RunEnd {
            state,
            ends: BTreeMap::new(),
            exit: failure.exit,
            failures: vec![failure],
            counts: Counts::default(),
            left: BTreeMap::new(),
        },
    }
}

struct Drive {
    graph: Arc<Graph>,
    base: State,
    shared: Arc<RwLock<State>>,
    clock: Arc<dyn Clock>,
    steps: Arc<dyn StepSet>,
    events: EventSink,
    machine: Machine,
    writer: Writer,
    told: mpsc::UnboundedReceiver<Told>,
    signals: watch::Receiver<Option<Interrupt>>,
    to_steps: watch::Sender<Option<Interrupt>>,
    to_drive: mpsc::UnboundedSender<FromStep>,
    from_steps: mpsc::UnboundedReceiver<FromStep>,
    tasks: JoinSet<Outcome<Value>>,
    by_task: HashMap<Id, StepNo>,
    lines: HashMap<StepNo, Line>,
    replies: HashMap<u64, Reply>,
    ticket: u64,
    began: u64,
    /// What steps that removed something have left.
    left: BTreeMap<StepAddr, String>,
}

/// The drive's end of a step that was started and has not ended for good.
struct Line {
    parts: mpsc::UnboundedSender<(StepAddr, Upstream)>,
    meter: Arc<Meter>,
    shown: Reading,
    began: u64,
    abort: AbortHandle,
}

struct Reply {
    to: oneshot::Sender<Outcome<()>>,
    /// The part that is done with it, for the screen.
    part: Option<(StepNo, u32)>,
}

/// One thing the loop woke up for.
enum Woken {
    Told(Told),
    Step(FromStep),
    Ended(Result<(Id, Outcome<Value>), JoinError>),
    Signal(Interrupt),
    Tick,
}

impl Drive {
    async fn begin(run: Run) -> Outcome<Self> {
        let Run { graph, state, open_run, store, clock, steps, limits, events, signals, tap } = run;
        let found = {
            let store = Arc::clone(&store);
            tokio::task::spawn_blocking(move || look(store.as_ref())).await.map_err(|error| {
                Failure::new(
                    codes::INTERNAL,
                    "read the state",
                    error.to_string(),
                    "Please report this; nothing was done.",
                )
            })??
        };
        let place = store.place();
        let unchanged = match &found.state {
            Some(found) => *found == state,
            None => state.serial == 0 && state.steps.is_empty(),
        };
        if !unchanged {
            let cause = "it is not the one that was read before";
            let hint = "Plan again; nothing was done.";
            return Err(Failure::new(codes::STATE_CHANGED, format!("go on from the state {place}"), cause, hint));
        }
        // Folding what is left over writes one state before the journal begins.
        let base_serial = state.serial + u64::from(found.leftover == Leftover::Live);
        let resumed = state.open_run.as_ref().is_some_and(|open| open.plan_digest == open_run.plan_digest);
        let addrs = graph.nodes.iter().map(|node| node.addr.clone());
        let elsewhere = addrs.filter(|addr| steps.elsewhere(addr)).collect();
        let machine = Machine::new(&graph, &state, Opening { base_serial, open_run, elsewhere }, limits)?;
        let shared = Arc::new(RwLock::new(state.clone()));
        let (tell, told) = mpsc::unbounded_channel();
        let writer = Writer::spawn(store, Arc::clone(&shared), found.leftover, tell, tap);
        let (to_drive, from_steps) = mpsc::unbounded_channel();
        let began = clock.millis();
        let at = clock.now();
        events.send(|| Shown::RunStarted { at, steps: machine.work(), resumed });
        Ok(Self {
            graph,
            base: state,
            shared,
            clock,
            steps,
            events,
            machine,
            writer,
            told,
            signals,
            to_steps: watch::Sender::new(None),
            to_drive,
            from_steps,
            tasks: JoinSet::new(),
            by_task: HashMap::new(),
            lines: HashMap::new(),
            replies: HashMap::new(),
            ticket: 0,
            began,
            left: BTreeMap::new(),
        })
    }

    async fn go(mut self) -> RunEnd {
        if let Some(interrupt) = *self.signals.borrow_and_update() {
            self.machine.on(Event::Interrupt(interrupt), "");
        }
        let mut tick = self.clock.sleep(TICK);
        let mut signals_end = false;
        let summary = loop {
            let now = self.clock.now();
            let effects = self.machine.settle(&now);
            if let Some(summary) = self.carry_out(effects, &now) {
                break summary;
            }
            let woken = tokio::select! {
                Some(told) = self.told.recv() => Woken::Told(told),
                Some(step) = self.from_steps.recv() => Woken::Step(step),
                Some(ended) = self.tasks.join_next_with_id() => Woken::Ended(ended),
                changed = self.signals.changed(), if !signals_end => {
                    signals_end = changed.is_err();
                    match *self.signals.borrow_and_update() {
                        Some(interrupt) if !signals_end => Woken::Signal(interrupt),
                        _ => continue,
                    }
                }
                () = &mut tick => Woken::Tick,
            };
            if matches!(woken, Woken::Tick) {
                tick = self.clock.sleep(TICK);
            }
            let now = self.clock.now();
            self.take(woken, &now);
            self.take_what_waits(&now);
        };
        self.end(summary).await
    }

    /// Everything else that happened meanwhile: its records share a batch then.
    fn take_what_waits(&mut self, now: &str) {
        loop {
            let woken = if let Ok(told) = self.told.try_recv() {
                Woken::Told(told)
            } else if let Ok(step) = self.from_steps.try_recv() {
                Woken::Step(step)
            } else if let Some(ended) = self.tasks.try_join_next_with_id() {
                Woken::Ended(ended)
            } else {
                return;
            };
            self.take(woken, now);
        }
    }

    fn take(&mut self, woken: Woken, now: &str) {
        match woken {
            Woken::Told(Told::Persisted(batch)) => self.machine.on(Event::Persisted(batch), now),
            Woken::Told(Told::Failed(failure)) => self.machine.on(Event::PersistFailed(failure), now),
            // Only asked for at the end.
            Woken::Told(Told::Folded(_)) => {}
            Woken::Step(FromStep::Write { no, write, reply }) => {
                self.ticket += 1;
                let part = if let Write::PartDone { part, .. } = &write { Some((no, *part)) } else { None };
                self.replies.insert(self.ticket, Reply { to: reply, part });
                self.machine.on(Event::Write { step: no, ticket: self.ticket, write }, now);
            }
            Woken::Step(FromStep::Waits { no, text }) => {
                let addr = self.machine.addr(no);
                self.events.send(|| Shown::StepWaits { addr: addr.clone(), text });
            }
            Woken::Ended(ended) => {
                let (id, result) = match ended {
                    Ok((id, result)) => (id, Ok(result)),
                    Err(error) => (error.id(), Err(error)),
                };
                let Some(step) = self.by_task.remove(&id) else { return };
                let result = result.unwrap_or_else(|error| Err(ended_badly(self.machine.addr(step), &error)));
                self.note_left(step, &result);
                self.machine.on(Event::StepEnded { step, result }, now);
            }
            Woken::Signal(interrupt) => self.machine.on(Event::Interrupt(interrupt), now),
            Woken::Tick => self.show_counts(),
        }
    }

    fn note_left(&mut self, step: StepNo, result: &Outcome<Value>) {
        let destroyed = self.graph.nodes.get(step).filter(|node| node.action == Action::Destroy);
        let (Some(node), Ok(outputs)) = (destroyed, result) else { return };
        if let Some(left) = what_is_left(outputs) {
            self.left.insert(node.addr.clone(), left);
        }
    }

    /// The summary, when the run is over.
    fn carry_out(&mut self, effects: Vec<Effect>, now: &str) -> Option<Summary> {
        let mut summary = None;
        for effect in effects {
            match effect {
                Effect::Persist { batch, records } => self.writer.persist(batch, records),
                Effect::Start { step, resume } => self.start(step, resume, now),
                Effect::Ack { ticket } => self.answer(ticket, Ok(())),
                Effect::Refuse { ticket, failure } => self.answer(ticket, Err(failure)),
                Effect::Offer { to, from, part, data } => self.hand(to, from, Upstream::Part(part, data)),
                Effect::Withdraw { to, from } => self.hand(to, from, Upstream::Reset),
                Effect::Close { to, from, outputs } => {
                    self.hand(to, from, outputs.map_or(Upstream::Failed, Upstream::Closed));
                }
                // Every receiver gets the last value, also one made later.
                Effect::Stop => drop(self.to_steps.send_replace(Some(Interrupt::Graceful))),
                Effect::Cancel { step } => {
                    if let Some(line) = self.lines.get(&step) {
                        line.abort.abort();
                    }
                }
                Effect::Ended { step, end } => self.show_end(step, end),
                Effect::Finish(found) => summary = Some(found),
            }
        }
        summary
    }

    fn start(&mut self, no: StepNo, resume: Progress, now: &str) {
        let addr = self.machine.addr(no).clone();
        let (parts, from_above) = mpsc::unbounded_channel();
        let meter = Arc::new(Meter::default());
        let wiring = Wiring {
            no,
            to_drive: self.to_drive.clone(),
            parts: from_above,
            signals: self.to_steps.subscribe(),
            state: Arc::clone(&self.shared),
            meter: Arc::clone(&meter),
        };
        let kind = self.graph.nodes[no].kind;
        let parts_done = resume.parts_done();
        self.events.send(|| Shown::StepStarted { addr: addr.clone(), kind, at: now.to_owned(), parts_done });
        let before = self.base.steps.get(&addr).cloned();
        let ctx = StepCtx::new(addr, resume, before, wiring);
        let (graph, steps) = (Arc::clone(&self.graph), Arc::clone(&self.steps));
        let abort = self.tasks.spawn(async move { steps.run(&graph.nodes[no], ctx).await });
        self.by_task.insert(abort.id(), no);
        let began = self.clock.millis();
        self.lines.insert(no, Line { parts, meter, shown: Reading::default(), began, abort });
    }

    fn answer(&mut self, ticket: u64, result: Outcome<()>) {
        let Some(reply) = self.replies.remove(&ticket) else { return };
        if let (Ok(()), Some((no, part))) = (&result, reply.part) {
            let addr = self.machine.addr(no);
            self.events.send(|| Shown::PartDone { addr: addr.clone(), part });
        }
        // A step that was dropped meanwhile does not want to know.
        let _ = reply.to.send(result);
    }

    fn hand(&self, to: StepNo, from: StepNo, what: Upstream) {
        if let Some(line) = self.lines.get(&to) {
            // As above.
            let _ = line.parts.send((self.machine.addr(from).clone(), what));
        }
    }

    fn show_counts(&mut self) {
        for (no, line) in &mut self.lines {
            let reading = line.meter.read();
            if reading == line.shown {
                continue;
            }
            line.shown = reading;
            let addr = self.machine.addr(*no);
            self.events.send(|| Shown::StepProgress {
                addr: addr.clone(),
                rows: reading.rows,
                bytes: reading.bytes,
                total_rows: reading.total.map(|(rows, _)| rows),
                total_bytes: reading.total.map(|(_, bytes)| bytes),
            });
        }
    }

    fn show_end(&mut self, no: StepNo, end: StepEnd) {
        let line = self.lines.remove(&no);
        let now = self.clock.millis();
        let addr = self.machine.addr(no);
        self.events.send(|| {
            let Reading { rows, bytes, .. } = line.as_ref().map(|line| line.meter.read()).unwrap_or_default();
            let seconds = line.map_or(0.0, |line| seconds(line.began, now));
            let word = end.word();
            let failure = if let StepEnd::Failed(failure) = end { Some(failure) } else { None };
            let left = self.left.get(addr).cloned();
            Shown::StepEnded { addr: addr.clone(), end: word, failure, left, seconds, rows, bytes }
        });
    }

    async fn end(mut self, summary: Summary) -> RunEnd {
        let Summary { ends, mut failures, mut exit } = summary;
        let completed = self.graph.nodes.iter().zip(&ends).filter(|(_, end)| matches!(end, StepEnd::Complete));
        let completed: BTreeSet<StepAddr> = completed.map(|(node, _)| node.addr.clone()).collect();
        for failure in self.steps.withdraw(&self.graph, &completed, &failures).await {
            exit = exit.worst(failure.exit);
            failures.push(failure);
        }
        self.writer.fold();
        let folded = loop {
            match self.told.recv().await {
                Some(Told::Folded(folded)) => break folded,
                Some(_) => {}
                None => {
                    let hint = "Run the same command again: what was durable before remains.";
                    break Err(Failure::new(codes::INTERNAL, "write the state", "its writer is gone", hint));
                }
            }
        };
        if let Err(failure) = folded {
            exit = exit.worst(failure.exit);
            failures.push(failure);
        }
        let mut counts = Counts::default();
        for end in &ends {
            counts.add(end.word());
        }
        counts.left = self.left.len();
        let now = self.clock.millis();
        let (at, began) = (self.clock.now(), self.began);
        self.events.send(|| Shown::RunEnded { at, exit, summary: counts, seconds: seconds(began, now) });
        // Nothing reads it any more: it is handed on, not copied.
        let mut shared = self.shared.write().unwrap_or_else(PoisonError::into_inner);
        let nothing = State::new(shared.lineage.clone());
        let state = std::mem::replace(&mut *shared, nothing);
        drop(shared);
        let ends = self.graph.nodes.iter().map(|node| node.addr.clone()).zip(ends).collect();
        RunEnd { state, ends, exit, failures, counts, left: self.left }
    }
}

impl RunEnd {
    /// Whether nothing is left to do.
    pub fn complete(&self) -> bool {
        self.failures.is_empty()
            && self.ends.values().all(|end| matches!(end.word(), Ended::Unchanged | Ended::Complete))
    }
}

/// A task that gave no result: it was cancelled, or it panicked. A panic's text may hold anything, so it stays out.
fn ended_badly(addr: &StepAddr, error: &JoinError) -> Failure {
    if error.is_cancelled() {
        return interrupted(addr);
    }
    let hint = "Run the same command again; if it comes back, please report it with the lines above.";
    Failure::new(codes::STEP_PANICKED, "run the step", "it panicked", hint).at(addr)
}

fn seconds(from: u64, to: u64) -> f64 {
    // Durations are far below 2^52 milliseconds.
    to.saturating_sub(from) as f64 / 1000.0
}
