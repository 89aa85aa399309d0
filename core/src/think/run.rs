//! The run machine: what happens when, as a pure function of events. It knows the graph and what is recorded; it knows
//! no clock, no thread and no file. Its caller carries the effects out and tells what came of them.
//!
//! What it keeps:
//! - A step starts only after the record of its start is durable. That record is appended after the completion records of
//!   all its dependencies, so they are durable as well.
//! - A part is offered to the steps below only after its record is durable.
//! - A step that takes parts ends after every step that gives them.
//! - A failure is reported once, at its root; what cannot run because of it is marked and nothing else stops.

mod ends;
mod graph;
mod records;

use std::collections::{BTreeSet, VecDeque};

use serde_json::Value;

use self::ends::doomed_end;
use self::graph::{Phase, Step, Task, again, link, order, ticket};
use super::ready::{Limits, Slots};
use crate::formats::event::Ended;
use crate::formats::journal::{Record, resumable};
use crate::formats::json_text::JsonText;
use crate::formats::plan::{Action, EdgeKind, Graph};
use crate::formats::state::{OpenRun, Part, Progress, State, Status};
use crate::words::addr::StepAddr;
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
    /// Steps that another machine carries out. Its own run holds them to the rules of parts; here their records only
    /// follow, each in its own time: that a step above has thrown parts away may come after this one has begun again.
    pub elsewhere: BTreeSet<StepAddr>,
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
        let Opening { base_serial, mut open_run, elsewhere } = opening;
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
            step.elsewhere = elsewhere.contains(&node.addr);
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
            if let Some(record) = record.filter(|_| node.action == Action::Destroy) {
                // What it was made over: a destroy that is interrupted is planned again from it.
                step.depends_on.clone_from(&record.depends_on);
            }
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
                self.records.push(Record::Forget { addr: step.addr.clone(), left: None });
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
                let outputs = feeder.outputs.as_ref().filter(|_| end.done()).map(JsonText::value).unwrap_or_default();
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

    fn step(&self, no: StepNo) -> &Step {
        &self.steps[no]
    }
}
