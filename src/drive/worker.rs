//! The worker's side of a runner: one run, and anyone who controls it. A run goes on whether anybody listens or not; a
//! controller that attaches with a higher fence number gets a snapshot of what is durable and then everything that
//! becomes so. Knows neither sockets nor what a run is made from.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::{mpsc, watch};

use super::run::RunEnd;
use crate::formats::event::{Ended, Event};
use crate::formats::journal::{Record, fold_one};
use crate::formats::plan::{Action, Graph, Node};
use crate::formats::state::{State, Status, StepRecord};
use crate::formats::worker::{End, FromWorker, ToWorker, Work, covers, line};
use crate::think::run::Interrupt;
use crate::words::addr::{StepAddr, StepKind};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

const OTHER_LINEAGE: &str = "Name another `workdir`, or destroy what the other state has there first.";

/// What a worker needs of its machine.
pub trait Place: Send {
    /// The highest fence number that was accepted.
    ///
    /// # Errors
    /// It cannot be read.
    fn fence(&self) -> Outcome<u64>;

    /// Durable when it returns.
    ///
    /// # Errors
    /// It cannot be written.
    fn set_fence(&self, fence: u64) -> Outcome<()>;

    /// Begins a run.
    ///
    /// # Errors
    /// The spec, the state or the servers are not as they should be; a state of another lineage (MIG3113).
    fn begin(&self, work: Box<Work>) -> Outcome<Begun>;
}

/// A run that was begun.
pub struct Begun {
    /// What it begins with.
    pub state: State,
    /// As it was asked for.
    pub graph: Graph,
    /// All of it was done before, by a worker of the same plan that has left since.
    pub finished: bool,
    pub records: mpsc::UnboundedReceiver<Vec<Record>>,
    pub events: mpsc::UnboundedReceiver<Event>,
    pub signals: watch::Sender<Option<Interrupt>>,
    pub end: BoxFuture<'static, RunEnd>,
    /// Reads its certificate, once it wrote one.
    pub certificate: Box<dyn Fn() -> Option<Vec<u8>> + Send>,
}

/// One thing that a connection brought.
pub enum FromLine {
    /// A new line, and where its answers go.
    Opened(u64, mpsc::Sender<Vec<u8>>),
    Said(u64, Box<ToWorker>),
    Closed(u64),
}

/// How long a worker stays with nothing to do, and with a run that ended and a controller that does not say so.
const IDLE: Duration = Duration::from_secs(60);

/// Serves until the run is over and nobody is attached any more. Writes what happens to `log`.
pub async fn serve(
    place: &dyn Place,
    mut lines: mpsc::UnboundedReceiver<FromLine>,
    log: &(dyn Fn(&str) + Send + Sync),
) {
    let mut worker = Worker { place, log, lines: BTreeMap::new(), controller: None, run: None, waiting: None };
    loop {
        let idle = worker.idle();
        let over = worker.run.as_ref().is_some_and(|run| run.ended);
        if over && worker.controller.is_none() && worker.waiting.is_none() {
            return;
        }
        let woken = {
            let run = worker.run.as_mut().filter(|run| !run.ended);
            tokio::select! {
                biased;
                from = lines.recv() => match from {
                    Some(from) => Woken::Line(from),
                    None => return,
                },
                woken = next(run) => woken,
                () = tokio::time::sleep(IDLE), if idle => Woken::Idle,
            }
        };
        match woken {
            Woken::Line(from) => worker.heard(from),
            Woken::Records(records) => worker.recorded(records),
            Woken::Event(event) => worker.happened(*event),
            Woken::Ended(end) => worker.ended(&end),
            Woken::Idle => return,
        }
    }
}

enum Woken {
    Line(FromLine),
    Records(Vec<Record>),
    Event(Box<Event>),
    Ended(Box<RunEnd>),
    Idle,
}

/// What the run does next. Never without a run.
async fn next(run: Option<&mut Running>) -> Woken {
    let Some(run) = run else { return std::future::pending().await };
    loop {
        let all_told = run.begun.records.is_empty() && run.begun.events.is_empty();
        if let Some(end) = run.end.take_if(|_| all_told) {
            return Woken::Ended(end);
        }
        tokio::select! {
            // What is durable goes first; how a step ended may be told before that is durable.
            biased;
            Some(records) = run.begun.records.recv() => return Woken::Records(records),
            Some(event) = run.begun.events.recv() => return Woken::Event(Box::new(event)),
            end = &mut run.begun.end, if run.end.is_none() => run.end = Some(Box::new(end)),
            else => {}
        }
    }
}

struct Worker<'a> {
    place: &'a dyn Place,
    log: &'a (dyn Fn(&str) + Send + Sync),
    lines: BTreeMap<u64, mpsc::Sender<Vec<u8>>>,
    controller: Option<u64>,
    run: Option<Running>,
    /// Work that waits for the end of another.
    waiting: Option<Box<Work>>,
}

struct Running {
    begun: Begun,
    /// Records are folded into it as they come.
    state: State,
    seq: u64,
    /// Its first record has come: what it does again is known from then on.
    opened: bool,
    ends: Vec<End>,
    /// What it came to; what it told before that may still be on its way.
    end: Option<Box<RunEnd>>,
    ended: bool,
    settled: BTreeSet<StepAddr>,
}

impl Worker<'_> {
    fn idle(&self) -> bool {
        self.run.as_ref().is_none_or(|run| run.ended)
    }

    fn heard(&mut self, from: FromLine) {
        match from {
            FromLine::Opened(id, to) => {
                self.lines.insert(id, to);
            }
            FromLine::Closed(id) => self.gone(id),
            FromLine::Said(id, said) => match *said {
                ToWorker::Attach { fence, work } => self.attach(id, fence, work),
                _ if self.controller != Some(id) => {}
                // It still works on what it was told: the time to leave begins again with every message.
                ToWorker::Ack { .. } => {}
                ToWorker::Stop => self.stop(),
                ToWorker::Bye => self.gone(id),
            },
        }
    }

    fn gone(&mut self, id: u64) {
        self.lines.remove(&id);
        if self.controller == Some(id) {
            self.controller = None;
            let at_work = self.run.as_ref().is_some_and(|run| !run.ended);
            (self.log)(if at_work { "the controller has left; the work goes on" } else { "the controller has left" });
        }
    }

    fn attach(&mut self, id: u64, fence: u64, work: Box<Work>) {
        // Before anything is accepted: what is recorded here would be taken for another state's own.
        if let Some(run) = self.run.as_ref().filter(|run| run.state.lineage != work.lineage) {
            let cause =
                format!("it works for the lineage {}, and this state is of {}", run.state.lineage, work.lineage);
            self.refuse(id, Failure::new(codes::WORKER_OF_OTHER_STATE, "attach to the worker", cause, OTHER_LINEAGE));
            return;
        }
        let accepted = self.place.fence().and_then(|last| {
            if fence <= last {
                let cause = format!("it obeys number {last}, this is number {fence}");
                let hint = "Another apply has attached since. Go on from one place only.";
                return Err(Failure::new(codes::CONTROLLER_REPLACED, "attach to the worker", cause, hint));
            }
            self.place.set_fence(fence)
        });
        if let Err(failure) = accepted {
            self.refuse(id, failure);
            return;
        }
        if let Some(old) = self.controller.take() {
            let cause = format!("number {fence} has attached");
            let hint = "Another apply has attached since. Go on from one place only.";
            self.refuse(old, Failure::new(codes::CONTROLLER_REPLACED, "control the worker", cause, hint));
        }
        self.controller = Some(id);
        (self.log)(&format!("a controller has attached with number {fence}"));
        match &mut self.run {
            Some(run) if !run.ended && covers(&run.begun.graph, &work.graph) => {
                (self.log)("it goes on with the work that is under way");
                self.snapshot();
            }
            Some(run) if !run.ended => {
                (self.log)("other work is wanted: what is under way is stopped first");
                run.begun.signals.send_replace(Some(Interrupt::Graceful));
                self.waiting = Some(work);
            }
            _ => self.begin(work),
        }
    }

    fn begin(&mut self, work: Box<Work>) {
        (self.log)(&format!("work begins: migration {}, {} steps", work.migration, work.graph.nodes.len()));
        match self.place.begin(work) {
            Ok(begun) => {
                self.run = Some(Running {
                    state: begun.state.clone(),
                    begun,
                    seq: 0,
                    opened: false,
                    ends: Vec::new(),
                    end: None,
                    ended: false,
                    settled: BTreeSet::new(),
                });
            }
            Err(failure) => {
                (self.log)(&failure.to_string());
                if let Some(id) = self.controller.take() {
                    self.refuse(id, failure);
                }
            }
        }
    }

    fn stop(&mut self) {
        if let Some(run) = &self.run {
            let again = run.begun.signals.borrow().is_some();
            (self.log)(if again { "told to end at once" } else { "told to stop: running parts end first" });
            run.begun.signals.send_replace(Some(if again { Interrupt::Hard } else { Interrupt::Graceful }));
        }
    }

    fn refuse(&mut self, id: u64, failure: Failure) {
        self.send(id, &FromWorker::Refused { failure });
        self.lines.remove(&id);
    }

    fn recorded(&mut self, records: Vec<Record>) {
        let Some(run) = &mut self.run else { return };
        let opens = records.iter().any(|record| matches!(record, Record::Open { .. }));
        for record in &records {
            run.seq += 1;
            if let Record::Start { addr, .. } = record {
                run.settled.insert(addr.clone());
            }
            // They were durable in this order, so they follow one another; what does not is for the next attach to see.
            if let Err(why) = fold_one(&mut run.state, record) {
                (self.log)(&format!("a record was not understood: {why}"));
            }
        }
        let reported =
            records.iter().any(|record| matches!(record, Record::Done { addr, .. } | Record::Failed { addr, .. } if addr.kind() == Some(StepKind::Report)));
        let seq = run.seq;
        if reported {
            self.certificate();
        }
        if opens {
            if let Some(run) = &mut self.run {
                run.opened = true;
            }
            self.snapshot();
        } else {
            self.tell(&FromWorker::Records { seq, records });
        }
    }

    fn happened(&mut self, event: Event) {
        if let (Event::StepEnded { addr, end, failure, rows, .. }, Some(run)) = (&event, &mut self.run) {
            (self.log)(&match failure {
                Some(failure) => failure.to_string(),
                None => format!("{addr}: {end:?}, {rows} rows"),
            });
            run.ends.push(End { addr: addr.clone(), end: *end, failure: failure.clone() });
        }
        self.tell(&FromWorker::Shown { event });
    }

    fn ended(&mut self, end: &RunEnd) {
        let Some(run) = &mut self.run else { return };
        (self.log)(&format!("the work has ended: {:?}", end.exit));
        for failure in &end.failures {
            (self.log)(&failure.to_string());
        }
        run.ended = true;
        let (seq, opened) = (run.seq, run.opened);
        if let Some(work) = self.waiting.take() {
            self.begin(work);
            return;
        }
        // A failure that names no step (the store's) ends the attachment with its own words.
        if let Some(failure) = end.failures.iter().find(|failure| failure.address.is_none()) {
            self.tell(&FromWorker::Refused { failure: failure.clone() });
            return;
        }
        if !opened {
            self.certificate();
            self.snapshot();
        }
        self.tell(&FromWorker::Ended { seq });
    }

    /// What this run has done so far. Records of earlier runs that it does again count only once it has begun with them.
    fn snapshot(&mut self) {
        let Some(run) = &self.run else { return };
        if !run.opened && !run.ended {
            return;
        }
        let again = run.state.open_run.as_ref().map(|open| open.again.clone()).unwrap_or_default();
        let mut steps: BTreeMap<StepAddr, StepRecord> = BTreeMap::new();
        // What is destroyed or forgotten has no record when it is done: one that is there is of what still stands.
        let makes = |node: &&Node| !matches!(node.action, Action::Destroy | Action::Forget);
        for node in run.begun.graph.nodes.iter().filter(makes) {
            let Some(record) = run.state.steps.get(&node.addr) else { continue };
            let counts = record.inputs_digest == node.inputs_digest
                && !again.contains(&node.addr)
                // A server is read and a gate judged in every run.
                && (run.settled.contains(&node.addr) || node.action.is_change() || run.begun.finished);
            let begun = run.settled.contains(&node.addr) || record.status == Status::Complete;
            if counts && begun {
                steps.insert(node.addr.clone(), record.clone());
            }
        }
        let (seq, ended) = (run.seq, run.ended);
        let ends = run
            .ends
            .iter()
            .filter(|end| !steps.contains_key(&end.addr) || end.end != Ended::Complete)
            .cloned()
            .collect();
        if steps.values().any(|r| r.kind == StepKind::Report && r.status == Status::Complete) {
            self.certificate();
        }
        self.tell(&FromWorker::Snapshot { seq, steps, ends });
        if ended {
            self.tell(&FromWorker::Ended { seq });
        }
    }

    fn certificate(&mut self) {
        let Some(run) = &self.run else { return };
        if let Some(bytes) = (run.begun.certificate)() {
            self.tell(&FromWorker::Certificate { bytes });
        }
    }

    fn tell(&mut self, message: &FromWorker) {
        if let Some(id) = self.controller {
            self.send(id, message);
        }
    }

    /// A line that takes nothing any more is cut: who attaches again gets a snapshot.
    fn send(&mut self, id: u64, message: &FromWorker) {
        let Some(to) = self.lines.get(&id) else { return };
        let sent = line(message).is_ok_and(|text| to.try_send(text).is_ok());
        if !sent {
            self.gone(id);
        }
    }
}
