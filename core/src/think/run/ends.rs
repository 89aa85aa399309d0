//! How steps end, well or not, and how the run does. A part of the run machine.

use serde_json::Value;

use super::graph::{Phase, Task, ticket};
use super::{Effect, Interrupt, Machine, Pending, StepEnd, StepNo, Summary};
use crate::formats::journal::Record;
use crate::formats::outputs::what_is_left;
use crate::formats::plan::EdgeKind;
use crate::formats::state::{Progress, UPSTREAM_RESET};
use crate::words::addr::StepAddr;
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

impl Machine {
    pub(super) fn step_ended(&mut self, no: StepNo, result: Outcome<Value>, now: &str) {
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
        failure.code == codes::EARLIER_STEP_FAILED && self.steps[no].doomed.is_some()
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
            if step.progress.notes.contains_key(UPSTREAM_RESET) && !step.elsewhere {
                let failure = Failure::new(
                    codes::CHUNK_PROTOCOL,
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
            step.outputs = Some((&outputs).into());
            let addr = step.addr.clone();
            let (feeds, destroys) = (step.feeds.clone(), step.destroys);
            self.records.push(if destroys {
                Record::Forget { addr, left: what_is_left(&outputs) }
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
    pub(super) fn give_up(&mut self, no: StepNo, end: StepEnd) {
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
    pub(super) fn leave(&mut self, no: StepNo) {
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
                Phase::Intending | Phase::Running => self.slots.takes_over(fed.kind),
                _ => {}
            }
        }
    }

    pub(super) fn interrupted(&mut self, interrupt: Interrupt) {
        let before = self.interrupt;
        self.interrupt = before.max(Some(interrupt));
        if before.is_none() {
            self.effects.push(Effect::Stop);
        }
        if interrupt == Interrupt::Hard && before != Some(Interrupt::Hard) {
            self.cancel_all();
        }
    }

    pub(super) fn cancel_all(&mut self) {
        let running = self.steps.iter().enumerate().filter(|(_, step)| step.phase == Phase::Running);
        self.effects.extend(running.map(|(step, _)| Effect::Cancel { step }));
    }

    /// Nothing runs and nothing is in flight: either there is more to record first, or this is the end.
    pub(super) fn end_run(&mut self) {
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
}

pub(super) fn doomed_end(doomed: Option<&Option<StepAddr>>, otherwise: StepEnd) -> StepEnd {
    match doomed {
        Some(Some(root)) => StepEnd::UpstreamFailed { root: root.clone() },
        _ => otherwise,
    }
}
