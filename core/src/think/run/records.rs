//! What steps write and what became durable of it. A part of the run machine.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::graph::Phase;
use super::{Effect, Machine, Pending, StepEnd, StepNo, Write};
use crate::formats::journal::Record;
use crate::formats::outputs::lasting;
use crate::formats::state::{Part, Progress, UPSTREAM_RESET};
use crate::words::codes;
use crate::words::error::Failure;

impl Machine {
    pub(super) fn persisted(&mut self, batch: u64) {
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

    pub(super) fn persist_failed(&mut self, failure: Failure) {
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

    pub(super) fn write(&mut self, no: StepNo, ticket: u64, write: Write) {
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
            Some(
                Failure::new(codes::CHUNK_PROTOCOL, doing, cause, "Please report this; the next apply goes on.")
                    .at(&step.addr),
            )
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
                step.progress = Progress { notes: lasting(&step.progress.notes), ..Progress::default() };
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
}
