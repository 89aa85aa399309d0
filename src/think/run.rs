//! The run machine: what happens when, as a pure function of events. It knows the graph and what is recorded; it knows
//! no clock, no thread and no file. Its caller carries the effects out and tells what came of them.
//!
//! What it keeps:
//! - A step starts only after the record of its start is durable; that record stands behind the ends of everything it
//!   waited for, so those are durable then, too.
//! - A part is offered to the steps below only after its record is durable.
//! - A step that takes parts ends after every step that gives them.
//! - A failure is reported once, at its root; what cannot run because of it is marked and nothing else stops.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use serde_json::{Value, json};

use super::ready::{Limits, Slots, Ticket};
use crate::formats::event::Ended;
use crate::formats::journal::{Record, resumable};
use crate::formats::plan::{Action, EdgeKind, Graph};
use crate::formats::state::{OpenRun, Part, Progress, State, Status, UPSTREAM_RESET};
use crate::words::addr::{StepAddr, StepKind};
use crate::words::digest::Digest;
use crate::words::error::{ExitKind, Failure, Outcome};

/// A step's place in the graph's nodes.
pub type StepNo = usize;

/// What the caller tells.
#[derive(Clone, Debug)]
pub enum Event {
    /// Every batch up to this one is durable.
    Persisted(u64),
    /// A batch could not be made durable: the run ends, nothing more is written.
    PersistFailed(Failure),
    /// A running step wants something recorded; answered by [`Effect::Ack`] or [`Effect::Refuse`] of this ticket.
    Write {
        step: StepNo,
        ticket: u64,
        write: Write,
    },
    /// A step ended with its outputs or a failure. The interrupted ones fail with an exit of `Interrupted`.
    StepEnded {
        step: StepNo,
        result: Outcome<Value>,
    },
    Interrupt(Interrupt),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interrupt {
    /// Nothing new starts; running steps stop at their next part.
    Graceful,
    /// Running steps are ended at once.
    Hard,
}

/// What a step records of itself while it runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    Borders(Vec<(u32, Value)>),
    PartDone { part: u32, done: Value },
    Note { key: String, value: Value },
    Reset,
}

/// What the caller is to do, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Make these durable behind every earlier batch, then tell.
    Persist {
        batch: u64,
        records: Vec<Record>,
    },
    Start {
        step: StepNo,
        resume: Progress,
    },
    /// What the ticket asked for is durable.
    Ack {
        ticket: u64,
    },
    Refuse {
        ticket: u64,
        failure: Failure,
    },
    /// A durable part for a step that takes parts.
    Offer {
        to: StepNo,
        from: StepNo,
        part: u32,
        data: Part,
    },
    /// The parts offered so far are void.
    Withdraw {
        to: StepNo,
        from: StepNo,
    },
    /// No more parts: the outputs of the step that gave them, or nothing when it did not end well.
    Close {
        to: StepNo,
        from: StepNo,
        outputs: Option<Value>,
    },
    /// Every running step is to stop at its next part.
    Stop,
    /// This step is to end at once.
    Cancel {
        step: StepNo,
    },
    /// For the screen: how a step ended that had something to do.
    Ended {
        step: StepNo,
        end: StepEnd,
    },
    Finish(Summary),
}

/// How one step ended.
#[derive(Clone, Debug, PartialEq)]
pub enum StepEnd {
    /// Nothing was to be done, or an earlier start of this run did it.
    Unchanged,
    Complete,
    Failed(Failure),
    UpstreamFailed {
        root: StepAddr,
    },
    Interrupted,
    NotStarted,
}

impl StepEnd {
    pub fn word(&self) -> Ended {
        match self {
            Self::Unchanged => Ended::Unchanged,
            Self::Complete => Ended::Complete,
            Self::Failed(_) => Ended::Failed,
            Self::UpstreamFailed { .. } => Ended::UpstreamFailed,
            Self::Interrupted => Ended::Interrupted,
            Self::NotStarted => Ended::NotStarted,
        }
    }

    fn done(&self) -> bool {
        matches!(self, Self::Unchanged | Self::Complete)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// By the step's number.
    pub ends: Vec<StepEnd>,
    /// Root causes, in the order in which they came up; each bears its address.
    pub failures: Vec<Failure>,
    pub exit: ExitKind,
}

/// The run that this machine is, as its first record names it.
#[derive(Clone, Debug)]
pub struct Opening {
    pub base_serial: u64,
    pub open_run: OpenRun,
}

#[derive(Clone, Debug, PartialEq)]
enum Phase {
    /// For steps before it, or (passive) for its turn.
    Waiting,
    Ready,
    /// Its start is being recorded.
    Intending,
    Running,
    /// It has ended, and a step that gives it parts has not.
    Held(Value),
    Ended(StepEnd),
}

/// What there is to do for a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    /// It is as it should be: it only hands the order on.
    Pass,
    /// Its record goes, nothing else.
    Forget,
    Work,
}

struct Step {
    addr: StepAddr,
    kind: StepKind,
    inputs_digest: Digest,
    destroys: bool,
    depends_on: Vec<StepAddr>,
    task: Task,
    phase: Phase,
    after: Vec<StepNo>,
    feeds: Vec<StepNo>,
    fed_by: Vec<StepNo>,
    /// Edges that still hold it back.
    waits: usize,
    depth: u32,
    /// Steps that feed it and run.
    running_feeders: usize,
    /// What is durable of it.
    progress: Progress,
    /// Outputs that stand in the state, for those it feeds.
    outputs: Option<Value>,
    /// The step whose failure makes this one impossible; `None` inside: an interrupt.
    doomed: Option<Option<StepAddr>>,
}

/// Something whose record is on its way.
enum Pending {
    Start(StepNo),
    Write { step: StepNo, ticket: u64, write: Write },
    End,
}

pub struct Machine {
    steps: Vec<Step>,
    slots: Slots,
    open: Option<Record>,
    /// Records of this turn.
    records: Vec<Record>,
    pending: Vec<Pending>,
    in_flight: VecDeque<(u64, Vec<Pending>)>,
    batch: u64,
    effects: Vec<Effect>,
    /// Passive steps whose turn has come.
    passing: VecDeque<StepNo>,
    running: usize,
    interrupt: Option<Interrupt>,
    broken: Option<Failure>,
    failures: Vec<Failure>,
    /// An open run stands in the state or was opened by this machine: its end is to be recorded.
    run_is_open: bool,
    end_recorded: bool,
    finished: bool,
    work: usize,
}

impl Machine {
    /// A machine for the graph over what is recorded. Nothing happens before [`Machine::settle`].
    ///
    /// # Errors
    /// MIG4112 when the graph cannot be run at all.
    pub fn new(graph: &Graph, state: &State, opening: Opening, limits: Limits) -> Outcome<Self> {
        let Opening { base_serial, mut open_run } = opening;
        let resumed = state.open_run.as_ref().filter(|open| open.plan_digest == open_run.plan_digest);
        let mut steps = link(graph)?;
        order(&mut steps)?;
        open_run.again = match resumed {
            Some(open) => open.again.clone(),
            None => again(graph, state),
        };
        for (step, node) in steps.iter_mut().zip(&graph.nodes) {
            let record = state.steps.get(&node.addr);
            let again = open_run.again.contains(&node.addr);
            let complete = record.filter(|r| r.status == Status::Complete && r.inputs_digest == node.inputs_digest);
            step.task = match node.action {
                Action::NoOp => Task::Pass,
                Action::Forget | Action::Destroy if record.is_none() => Task::Pass,
                Action::Forget => Task::Forget,
                Action::Create | Action::Rerun | Action::Replace
                    if resumed.is_some() && complete.is_some() && !again =>
                {
                    Task::Pass
                }
                _ => Task::Work,
            };
            if step.task == Task::Pass {
                step.outputs = record.map(|record| record.outputs.clone());
            } else if !again && resumable(record, &node.inputs_digest) {
                step.progress = record.map(|record| record.progress.clone()).unwrap_or_default();
            }
        }
        let open = Record::Open { lineage: state.lineage.clone(), base_serial, base_digest: state.digest(), open_run };
        let work = steps.iter().filter(|step| step.task != Task::Pass).count();
        let mut machine = Self {
            steps,
            slots: Slots::new(limits),
            open: Some(open),
            records: Vec::new(),
            pending: Vec::new(),
            in_flight: VecDeque::new(),
            batch: 0,
            effects: Vec::new(),
            passing: VecDeque::new(),
            running: 0,
            interrupt: None,
            broken: None,
            failures: Vec::new(),
            run_is_open: state.open_run.is_some(),
            end_recorded: false,
            finished: false,
            work,
        };
        for no in 0..machine.steps.len() {
            if machine.step(no).waits == 0 {
                machine.turn(no);
            }
        }
        Ok(machine)
    }

    /// Steps that have something to do.
    pub fn work(&self) -> usize {
        self.work
    }

    pub fn addr(&self, step: StepNo) -> &StepAddr {
        &self.steps[step].addr
    }

    /// Takes one event in. `now` goes into records. Effects come with the next [`Machine::settle`]; several events may
    /// be taken before it, then their records share a batch.
    pub fn on(&mut self, event: Event, now: &str) {
        match event {
            Event::Persisted(batch) => self.persisted(batch),
            Event::PersistFailed(failure) => self.persist_failed(failure),
            Event::Write { step, ticket, write } => self.write(step, ticket, write),
            Event::StepEnded { step, result } => self.step_ended(step, result, now),
            Event::Interrupt(interrupt) => self.interrupted(interrupt),
        }
    }

    /// Starts what can start and hands out everything that is to be done.
    pub fn settle(&mut self, now: &str) -> Vec<Effect> {
        self.pass_on();
        if self.interrupt.is_none() && self.broken.is_none() {
            self.start_what_can(now);
        }
        if self.running == 0 && self.in_flight.is_empty() && !self.finished {
            self.end_run();
        }
        if !self.records.is_empty() && self.broken.is_none() {
            self.run_is_open = true;
            self.batch += 1;
            let mut records = Vec::with_capacity(self.records.len() + 1);
            records.extend(self.open.take());
            records.append(&mut self.records);
            self.in_flight.push_back((self.batch, std::mem::take(&mut self.pending)));
            self.effects.push(Effect::Persist { batch: self.batch, records });
        }
        std::mem::take(&mut self.effects)
    }

    // -- starting

    fn start_what_can(&mut self, now: &str) {
        while let Some(no) = self.slots.take_next() {
            let step = &mut self.steps[no];
            step.phase = Phase::Intending;
            self.records.push(Record::Start {
                addr: step.addr.clone(),
                kind: step.kind,
                inputs_digest: step.inputs_digest.clone(),
                depends_on: step.depends_on.clone(),
                at: now.to_owned(),
            });
            self.pending.push(Pending::Start(no));
            self.running += 1;
            for fed in step.feeds.clone() {
                self.steps[fed].running_feeders += 1;
            }
        }
    }

    /// Those whose turn has come and that do no work: they hand the order on, or only leave the state.
    fn pass_on(&mut self) {
        while let Some(no) = self.passing.pop_front() {
            let step = &self.steps[no];
            if step.phase != Phase::Ready || self.broken.is_some() {
                continue;
            }
            if step.task == Task::Forget {
                self.records.push(Record::Forget { addr: step.addr.clone() });
                self.end(no, StepEnd::Complete);
            } else {
                self.end(no, StepEnd::Unchanged);
            }
            self.unblock(no, EdgeKind::After);
            self.unblock(no, EdgeKind::Stream);
        }
    }

    fn end(&mut self, no: StepNo, end: StepEnd) {
        if end != StepEnd::Unchanged {
            self.effects.push(Effect::Ended { step: no, end: end.clone() });
        }
        self.steps[no].phase = Phase::Ended(end);
    }

    /// Nothing holds the step back any more.
    fn turn(&mut self, no: StepNo) {
        let step = &mut self.steps[no];
        if step.phase != Phase::Waiting {
            return;
        }
        step.phase = Phase::Ready;
        if step.task == Task::Work {
            let ticket = ticket(no, step);
            self.slots.enqueue(ticket);
        } else {
            self.passing.push_back(no);
        }
    }

    /// The edges of a kind out of this step hold nothing back any more. A passive step is held back by a stream until
    /// the stream's end, a working one until its beginning.
    fn unblock(&mut self, no: StepNo, kind: EdgeKind) {
        let targets = match kind {
            EdgeKind::After => self.steps[no].after.clone(),
            EdgeKind::Stream => self.steps[no].feeds.clone(),
        };
        for target in targets {
            self.unblock_one(target);
        }
    }

    fn unblock_one(&mut self, target: StepNo) {
        let step = &mut self.steps[target];
        step.waits = step.waits.saturating_sub(1);
        if step.waits == 0 {
            self.turn(target);
        }
    }

    /// The start is durable.
    fn started(&mut self, no: StepNo) {
        let step = &self.steps[no];
        if self.interrupt.is_some() || step.doomed.is_some() {
            let end = doomed_end(step.doomed.as_ref(), StepEnd::NotStarted);
            self.leave(no);
            self.give_up(no, end);
            return;
        }
        let step = &mut self.steps[no];
        step.phase = Phase::Running;
        let (feeds, fed_by) = (step.feeds.clone(), step.fed_by.clone());
        self.effects.push(Effect::Start { step: no, resume: step.progress.clone() });
        for from in fed_by {
            let feeder = &self.steps[from];
            if feeder.phase == Phase::Running {
                for (part, data) in feeder.progress.parts.iter().filter(|(_, data)| data.done.is_some()) {
                    self.effects.push(Effect::Offer { to: no, from, part: *part, data: data.clone() });
                }
            } else if let Phase::Ended(end) = &feeder.phase {
                // It did not fail: this step would be doomed.
                let outputs = feeder.outputs.clone().filter(|_| end.done()).unwrap_or_default();
                self.effects.push(Effect::Close { to: no, from, outputs: Some(outputs) });
            }
        }
        for fed in feeds {
            // Passive steps wait for the end instead.
            if self.steps[fed].task == Task::Work {
                self.unblock_one(fed);
            }
        }
    }

    // -- records

    fn persisted(&mut self, batch: u64) {
        while self.in_flight.front().is_some_and(|(first, _)| *first <= batch) {
            let Some((_, pending)) = self.in_flight.pop_front() else { break };
            for pending in pending {
                match pending {
                    Pending::Start(no) => self.started(no),
                    Pending::Write { step, ticket, write } => self.written(step, ticket, write),
                    Pending::End => self.end_recorded = true,
                }
            }
        }
    }

    fn persist_failed(&mut self, failure: Failure) {
        if self.broken.is_some() {
            return;
        }
        self.failures.push(failure.clone());
        self.records.clear();
        let lost = self.in_flight.drain(..).flat_map(|(_, pending)| pending).collect::<Vec<_>>();
        for pending in lost.into_iter().chain(std::mem::take(&mut self.pending)) {
            match pending {
                Pending::Start(no) => {
                    self.leave(no);
                    self.give_up(no, StepEnd::NotStarted);
                }
                Pending::Write { ticket, .. } => {
                    self.effects.push(Effect::Refuse { ticket, failure: failure.clone() });
                }
                Pending::End => {}
            }
        }
        self.broken = Some(failure);
        self.cancel_all();
    }

    fn write(&mut self, no: StepNo, ticket: u64, write: Write) {
        let step = &self.steps[no];
        let addr = step.addr.clone();
        if let Some(failure) = self.refusal(no, &write) {
            self.effects.push(Effect::Refuse { ticket, failure });
            return;
        }
        match &write {
            Write::Borders(borders) => {
                let known = &step.progress.parts;
                let new = borders.iter().filter(|(part, _)| !known.contains_key(part));
                let records = new.map(|(part, border)| Record::Border {
                    addr: addr.clone(),
                    part: *part,
                    border: border.clone(),
                });
                self.records.extend(records);
            }
            Write::PartDone { part, done } => {
                self.records.push(Record::PartDone { addr, part: *part, done: done.clone() });
            }
            Write::Note { key, value } => {
                self.records.push(Record::Note { addr, key: key.clone(), value: value.clone() });
            }
            Write::Reset => {
                self.records.push(Record::Reset { addr });
                // What was done with its parts is void, and that must outlive a crash: it stands in the same batch.
                for fed in step.feeds.clone() {
                    let fed = &self.steps[fed];
                    if !fed.progress.is_empty()
                        || matches!(fed.phase, Phase::Intending | Phase::Running | Phase::Held(_))
                    {
                        let addr = fed.addr.clone();
                        self.records.push(Record::Note { addr, key: UPSTREAM_RESET.into(), value: json!(true) });
                    }
                }
            }
        }
        if self.records.is_empty() && self.in_flight.is_empty() {
            // Borders that stand already: nothing to wait for.
            self.written(no, ticket, write);
        } else {
            self.pending.push(Pending::Write { step: no, ticket, write });
            self.keep_batch();
        }
    }

    /// Pending things without a record of their own still wait for what is in flight before them.
    fn keep_batch(&mut self) {
        if self.records.is_empty()
            && let Some((_, last)) = self.in_flight.back_mut()
        {
            last.append(&mut self.pending);
        }
    }

    /// Why a write is not taken.
    fn refusal(&self, no: StepNo, write: &Write) -> Option<Failure> {
        if let Some(failure) = &self.broken {
            return Some(failure.clone());
        }
        let step = &self.steps[no];
        let broken_rule = |cause: String| {
            let doing = "record a part";
            Some(Failure::new("MIG5004", doing, cause, "Please report this; the next apply goes on.").at(&step.addr))
        };
        if step.phase != Phase::Running {
            return broken_rule("the step is not running".into());
        }
        match write {
            Write::Borders(borders) => {
                let mut seen = BTreeSet::new();
                let taken =
                    |part: &u32, border: &Value| step.progress.parts.get(part).is_some_and(|p| p.border != *border);
                let twice = borders.iter().find(|(part, border)| !seen.insert(*part) || taken(part, border));
                twice.and_then(|(part, _)| broken_rule(format!("the number {part} is given away already")))
            }
            Write::PartDone { part, .. } if !step.progress.parts.contains_key(part) => {
                broken_rule(format!("part {part} is done, and its border is not durable"))
            }
            _ => None,
        }
    }

    /// What a step wrote is durable.
    fn written(&mut self, no: StepNo, ticket: u64, write: Write) {
        let step = &mut self.steps[no];
        match write {
            Write::Borders(borders) => {
                for (part, border) in borders {
                    step.progress.parts.entry(part).or_insert(Part { border, done: None });
                }
            }
            Write::Note { key, value } => {
                step.progress.notes.insert(key, value);
            }
            Write::PartDone { part, done } => {
                if let Some(entry) = step.progress.parts.get_mut(&part) {
                    entry.done = Some(done);
                    let data = entry.clone();
                    for to in step.feeds.clone() {
                        if self.steps[to].phase == Phase::Running {
                            self.effects.push(Effect::Offer { to, from: no, part, data: data.clone() });
                        }
                    }
                }
            }
            Write::Reset => {
                step.progress = Progress::default();
                for to in step.feeds.clone() {
                    let fed = &mut self.steps[to];
                    if !fed.progress.is_empty() || matches!(fed.phase, Phase::Running | Phase::Held(_)) {
                        fed.progress.notes.insert(UPSTREAM_RESET.into(), json!(true));
                    }
                    if fed.phase == Phase::Running {
                        self.effects.push(Effect::Withdraw { to, from: no });
                    }
                }
            }
        }
        self.effects.push(Effect::Ack { ticket });
    }

    // -- ends

    fn step_ended(&mut self, no: StepNo, result: Outcome<Value>, now: &str) {
        if self.steps[no].phase != Phase::Running {
            return;
        }
        self.leave(no);
        match result {
            Ok(outputs) => self.ended_well(no, outputs, now),
            Err(failure) if failure.exit == ExitKind::Interrupted || self.gives_up_for_upstream(no, &failure) => {
                let end = doomed_end(self.steps[no].doomed.as_ref(), StepEnd::Interrupted);
                self.give_up(no, end);
            }
            Err(failure) => self.failed(no, failure, now),
        }
    }

    fn gives_up_for_upstream(&self, no: StepNo, failure: &Failure) -> bool {
        failure.code == "MIG5003" && self.steps[no].doomed.is_some()
    }

    fn ended_well(&mut self, no: StepNo, outputs: Value, now: &str) {
        let step = &mut self.steps[no];
        if step.doomed.is_some() {
            let end = doomed_end(step.doomed.as_ref(), StepEnd::Interrupted);
            self.give_up(no, end);
            return;
        }
        let unended = |from: &StepNo| !matches!(&self.steps[*from].phase, Phase::Ended(end) if end.done());
        if self.steps[no].fed_by.iter().any(unended) {
            self.steps[no].phase = Phase::Held(outputs);
            return;
        }
        let mut complete = vec![(no, outputs)];
        while let Some((no, outputs)) = complete.pop() {
            let step = &mut self.steps[no];
            if step.progress.notes.contains_key(UPSTREAM_RESET) {
                let failure = Failure::new(
                    "MIG5004",
                    "finish the step",
                    "the parts it took were thrown away and it did not begin again",
                    "Run the same command again: it begins again then.",
                );
                self.failed(no, failure, now);
                continue;
            }
            if self.broken.is_some() {
                // It ended, and nobody can write that down: the next run finds it unfinished.
                self.give_up(no, StepEnd::Interrupted);
                continue;
            }
            step.progress = Progress::default();
            step.outputs = Some(outputs.clone());
            let addr = step.addr.clone();
            let (feeds, destroys) = (step.feeds.clone(), step.destroys);
            self.records.push(if destroys {
                Record::Forget { addr }
            } else {
                Record::Done { addr, outputs: outputs.clone(), at: now.to_owned() }
            });
            self.end(no, StepEnd::Complete);
            self.unblock(no, EdgeKind::After);
            for to in feeds {
                if self.steps[to].phase == Phase::Running {
                    self.effects.push(Effect::Close { to, from: no, outputs: Some(outputs.clone()) });
                }
                if self.steps[to].task != Task::Work {
                    self.unblock_one(to);
                }
                let all_done = |from: &StepNo| matches!(&self.steps[*from].phase, Phase::Ended(end) if end.done());
                if let Phase::Held(held) = &self.steps[to].phase
                    && self.steps[to].fed_by.iter().all(all_done)
                {
                    complete.push((to, held.clone()));
                }
            }
        }
    }

    fn failed(&mut self, no: StepNo, failure: Failure, now: &str) {
        let step = &self.steps[no];
        let failure = failure.at(&step.addr);
        let addr = step.addr.clone();
        self.end(no, StepEnd::Failed(failure.clone()));
        if self.broken.is_none() {
            let recorded = Box::new(failure.clone());
            self.records.push(Record::Failed { addr: addr.clone(), failure: recorded, at: now.to_owned() });
            self.failures.push(failure);
        }
        self.doom_below(no, Some(addr));
    }

    /// The step ends without having ended well or failed itself.
    fn give_up(&mut self, no: StepNo, end: StepEnd) {
        let root = match &end {
            StepEnd::UpstreamFailed { root } => Some(root.clone()),
            _ => None,
        };
        self.end(no, end);
        self.doom_below(no, root);
    }

    /// Marks everything that cannot end well because this step did not. Each step once.
    fn doom_below(&mut self, no: StepNo, root: Option<StepAddr>) {
        let mut stack = vec![no];
        while let Some(from) = stack.pop() {
            let below = [self.steps[from].after.clone(), self.steps[from].feeds.clone()].concat();
            for to in below {
                let step = &mut self.steps[to];
                let doomed = step.doomed.get_or_insert_with(|| root.clone()).clone();
                let end = match (&step.phase, step.task) {
                    // It takes parts of this one: only such a step can run before this one has ended.
                    (Phase::Running, _) => {
                        self.effects.push(Effect::Close { to, from, outputs: None });
                        continue;
                    }
                    // Found when its start is durable.
                    (Phase::Intending | Phase::Ended(_), _) => continue,
                    (Phase::Held(_), _) => doomed_end(Some(&doomed), StepEnd::Interrupted),
                    (Phase::Waiting | Phase::Ready, Task::Pass) => StepEnd::Unchanged,
                    (Phase::Waiting | Phase::Ready, _) => doomed_end(Some(&doomed), StepEnd::NotStarted),
                };
                if step.phase == Phase::Ready && step.task == Task::Work {
                    let ticket = ticket(to, step);
                    self.slots.withdraw(ticket);
                }
                self.end(to, end);
                stack.push(to);
            }
        }
    }

    /// The step gives its slot back, and its feeding role with it.
    fn leave(&mut self, no: StepNo) {
        self.running = self.running.saturating_sub(1);
        let step = &self.steps[no];
        self.slots.release(step.kind, step.running_feeders > 0);
        for to in step.feeds.clone() {
            let fed = &mut self.steps[to];
            let before = ticket(to, fed);
            fed.running_feeders = fed.running_feeders.saturating_sub(1);
            if fed.running_feeders > 0 {
                continue;
            }
            match fed.phase {
                Phase::Ready if fed.task == Task::Work => {
                    self.slots.withdraw(before);
                    let after = ticket(to, fed);
                    self.slots.enqueue(after);
                }
                Phase::Intending | Phase::Running => self.slots.takes_over(),
                _ => {}
            }
        }
    }

    fn interrupted(&mut self, interrupt: Interrupt) {
        let before = self.interrupt;
        self.interrupt = before.max(Some(interrupt));
        if before.is_none() {
            self.effects.push(Effect::Stop);
        }
        if interrupt == Interrupt::Hard && before != Some(Interrupt::Hard) {
            self.cancel_all();
        }
    }

    fn cancel_all(&mut self) {
        let running = self.steps.iter().enumerate().filter(|(_, step)| step.phase == Phase::Running);
        self.effects.extend(running.map(|(step, _)| Effect::Cancel { step }));
    }

    /// Nothing runs and nothing is in flight: either there is more to record first, or this is the end.
    fn end_run(&mut self) {
        if !self.records.is_empty() && self.broken.is_none() {
            return;
        }
        let all_done = self.steps.iter().all(|step| matches!(&step.phase, Phase::Ended(end) if end.done()));
        let doomed = self.steps.iter().any(|step| step.doomed.is_some());
        if all_done && !doomed && self.run_is_open && !self.end_recorded && self.broken.is_none() {
            self.records.push(Record::End);
            self.pending.push(Pending::End);
            return;
        }
        self.finished = true;
        let stopped = self.interrupt.is_some();
        let mut exit = self.failures.iter().fold(ExitKind::Success, |exit, failure| exit.worst(failure.exit));
        let mut ends = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            ends.push(match &step.phase {
                Phase::Ended(end) => end.clone(),
                Phase::Held(_) => StepEnd::Interrupted,
                _ if step.task == Task::Pass => StepEnd::Unchanged,
                _ => StepEnd::NotStarted,
            });
        }
        let broken_off = ends.iter().any(|end| matches!(end, StepEnd::Interrupted | StepEnd::NotStarted));
        // Without a signal and without a failure, steps stopped although nobody told them to.
        if broken_off && (stopped || exit == ExitKind::Success) {
            exit = exit.worst(ExitKind::Interrupted);
        }
        self.effects.push(Effect::Finish(Summary { ends, failures: std::mem::take(&mut self.failures), exit }));
    }

    fn step(&self, no: StepNo) -> &Step {
        &self.steps[no]
    }
}

fn ticket(no: StepNo, step: &Step) -> Ticket {
    Ticket { step: no, kind: step.kind, depth: step.depth, rides: step.running_feeders > 0 }
}

fn doomed_end(doomed: Option<&Option<StepAddr>>, otherwise: StepEnd) -> StepEnd {
    match doomed {
        Some(Some(root)) => StepEnd::UpstreamFailed { root: root.clone() },
        _ => otherwise,
    }
}

/// Steps of a new run whose record would look, to a resumed run, as if this run had done them.
fn again(graph: &Graph, state: &State) -> BTreeSet<StepAddr> {
    let looks_done = |addr: &StepAddr, inputs: &Digest| {
        state.steps.get(addr).is_some_and(|r| r.status == Status::Complete && r.inputs_digest == *inputs)
    };
    let nodes = graph.nodes.iter().filter(|node| match node.action {
        Action::Rerun => looks_done(&node.addr, &node.inputs_digest),
        Action::Replace => state.steps.contains_key(&node.addr),
        _ => false,
    });
    nodes.map(|node| node.addr.clone()).collect()
}

/// The steps with their edges.
fn link(graph: &Graph) -> Outcome<Vec<Step>> {
    let mut numbers = HashMap::with_capacity(graph.nodes.len());
    let mut steps = Vec::with_capacity(graph.nodes.len());
    for (no, node) in graph.nodes.iter().enumerate() {
        if numbers.insert(&node.addr, no).is_some() {
            return Err(unrunnable(format!("{} stands twice", node.addr)));
        }
        steps.push(Step {
            addr: node.addr.clone(),
            kind: node.kind,
            inputs_digest: node.inputs_digest.clone(),
            destroys: node.action == Action::Destroy,
            depends_on: Vec::new(),
            task: Task::Work,
            phase: Phase::Waiting,
            after: Vec::new(),
            feeds: Vec::new(),
            fed_by: Vec::new(),
            waits: 0,
            depth: 0,
            running_feeders: 0,
            progress: Progress::default(),
            outputs: None,
            doomed: None,
        });
    }
    let mut seen = HashSet::with_capacity(graph.edges.len());
    for edge in &graph.edges {
        let find = |addr: &StepAddr| {
            numbers.get(addr).copied().ok_or_else(|| unrunnable(format!("an edge names {addr}, which is not there")))
        };
        let (from, to) = (find(&edge.from)?, find(&edge.to)?);
        if !seen.insert((from, to)) {
            return Err(unrunnable(format!("the edge from {} to {} stands twice", edge.from, edge.to)));
        }
        match edge.kind {
            EdgeKind::After => steps[from].after.push(to),
            EdgeKind::Stream => {
                steps[from].feeds.push(to);
                steps[to].fed_by.push(from);
            }
        }
        steps[to].waits += 1;
        steps[to].depends_on.push(edge.from.clone());
    }
    Ok(steps)
}

/// Sets the depths; finds circles on the way.
fn order(steps: &mut [Step]) -> Outcome<()> {
    let mut waits: Vec<usize> = steps.iter().map(|step| step.waits).collect();
    let mut free: Vec<StepNo> = (0..steps.len()).filter(|no| waits[*no] == 0).collect();
    let mut ordered = 0;
    while let Some(no) = free.pop() {
        ordered += 1;
        let depth = steps[no].depth + 1;
        for to in steps[no].after.iter().chain(&steps[no].feeds).copied().collect::<Vec<_>>() {
            steps[to].depth = steps[to].depth.max(depth);
            waits[to] -= 1;
            if waits[to] == 0 {
                free.push(to);
            }
        }
    }
    if ordered == steps.len() {
        return Ok(());
    }
    let stuck = waits.iter().position(|waits| *waits > 0).map(|no| steps[no].addr.to_string()).unwrap_or_default();
    Err(unrunnable(format!("steps wait for each other in a circle, {stuck} among them")))
}

fn unrunnable(cause: String) -> Failure {
    Failure::new("MIG4112", "read the plan's graph", cause, "Plan again; nothing was done.")
}
