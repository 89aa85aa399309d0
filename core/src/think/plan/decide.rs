//! How one step is decided: wanted against recorded against observed, by the contract's table "When a step runs again". The
//! order of the questions is here, the same for all; the answers of each type of step are in its row ([`super::kinds`]).

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;

use super::aws_diff::{Decision, Standing};
use super::kinds;
use crate::formats::cause::{Cause, Upstream};
use crate::formats::facts::MigrationFacts;
use crate::formats::filter::Filter;
use crate::formats::outputs::known_step;
use crate::formats::plan::{Action, Node};
use crate::formats::state::{State, Status, StepRecord};
use crate::formats::steps::ReportOutputs;
use crate::words::addr::{GateName, StepAddr, StepKind};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// What was decided of each step so far: evaluated or left alone (`None`), or changed and why.
pub(super) type Decided = BTreeMap<StepAddr, Option<Decision>>;

/// Everything that one decision is made of.
pub(super) struct DecisionContext<'a> {
    pub node: &'a Node,
    pub nodes: &'a [Node],
    pub record: Option<&'a StepRecord>,
    pub state: &'a State,
    pub facts: &'a MigrationFacts,
    pub filter: Option<&'a Filter>,
    /// Of the steps before this one.
    pub decided: &'a Decided,
    pub replace: &'a BTreeSet<StepAddr>,
    /// Of an object in a cloud, which is decided by its own facts.
    pub standing: Option<&'a Standing>,
}

pub(super) fn because(upstream: Upstream) -> Cause {
    Cause::Upstream { upstream }
}

impl DecisionContext<'_> {
    /// # Errors
    /// MIG4002: a record cannot be read, so that nothing may be decided by it.
    pub fn decide(&self) -> Outcome<Option<Decision>> {
        if self.node.kind.is_evaluated() {
            return Ok(None);
        }
        let requested = self.replace.contains(&self.node.addr);
        if let Some(standing) = self.standing {
            let same = self.record.is_none_or(|record| record.inputs_digest == self.node.inputs_digest);
            return Ok(standing.decide(self.record, same, requested, self.rerun_pending(), self.decided));
        }
        let Some(record) = self.record else { return Ok(Some((Action::Create, self.why_new()?))) };
        let rules = &kinds::row(known_step(&self.node.addr)?).rules;
        if requested {
            return Ok(Some(((rules.requested)(self), Cause::Requested)));
        }
        if record.inputs_digest != self.node.inputs_digest {
            let input = (rules.input)(self, record)?;
            return Ok(Some(((rules.rerun)(self), Cause::InputChanged { input })));
        }
        if self.rerun_pending() {
            return Ok(Some(((rules.rerun)(self), Cause::RerunPending)));
        }
        if let Some(cause) = (rules.upstream)(self) {
            return Ok(Some(((rules.rerun)(self), cause)));
        }
        let files = Some(record.progress.parts_done() as u64);
        match record.status {
            Status::Running => Ok(Some((Action::Rerun, Cause::Unfinished { failed: false, files }))),
            Status::Failed => Ok(Some((Action::Rerun, Cause::Unfinished { failed: true, files }))),
            Status::Stale => Ok(Some(((rules.rerun)(self), Cause::LeftOut))),
            Status::Complete => {
                let drift = (rules.drift)(self, record)?;
                Ok(drift.map(|drift| (rules.drifted, Cause::Drift { drift })))
            }
        }
    }

    /// Whether an interrupted run was going to run it again and had not begun: its record looks as if it had.
    fn rerun_pending(&self) -> bool {
        self.state.open_run.as_ref().is_some_and(|run| run.again.contains(&self.node.addr))
    }

    fn why_new(&self) -> Outcome<Cause> {
        let (Some(migration), Some(filter)) = (self.node.addr.migration(), self.filter) else {
            return Ok(Cause::NotRecorded);
        };
        let report = StepAddr::in_migration(migration, StepKind::Report, None);
        let (Some(old), Some(table)) = (recorded_filter(self.state, &report)?, self.node.addr.table()) else {
            return Ok(Cause::NotRecorded);
        };
        // Others of its steps are recorded: this one was taken out of the state.
        let kinds = [StepKind::Table, StepKind::Dump, StepKind::Load, StepKind::Verify];
        if kinds.iter().any(|kind| self.state.steps.contains_key(&StepAddr::of_table(migration, *kind, &table))) {
            return Ok(Cause::NotRecorded);
        }
        let was = old.matches(&table.schema, &table.name);
        Ok(match !was && filter.matches(&table.schema, &table.name) {
            true => Cause::FilterNowIncludes,
            false => Cause::NewAtSource,
        })
    }

    pub(super) fn above(&self, kind: StepKind) -> Option<&Decision> {
        let table = self.node.addr.table()?;
        self.decided.get(&StepAddr::of_table(self.node.addr.migration()?, kind, &table))?.as_ref()
    }

    pub(super) fn table_created(&self) -> bool {
        self.above(StepKind::Table).is_some_and(|(action, _)| matches!(action, Action::Create | Action::Replace))
    }

    /// Whether any step of the migration so far runs.
    pub(super) fn any_runs(&self) -> bool {
        let migration = self.node.addr.migration();
        let mut others = self.decided.iter().filter(|(addr, _)| addr.migration() == migration);
        others.any(|(_, decision)| decision.is_some())
    }

    pub(super) fn is_complete(&self) -> bool {
        self.record.is_some_and(|r| r.status == Status::Complete)
    }

    /// `-replace` of the gate writes_stopped: the named way on after writes were detected.
    pub(super) fn writes_replaced(&self) -> bool {
        self.node.addr.migration().is_some_and(|m| self.replace.contains(&StepAddr::gate(m, GateName::WritesStopped)))
    }

    /// Whether the dump above makes new files; one that only goes on keeps its parts, and so does the load.
    pub(super) fn dump_starts_over(&self) -> bool {
        self.above(StepKind::Dump).is_some_and(|(_, cause)| !matches!(cause, Cause::Unfinished { .. }))
    }
}

/// The inputs of a node that this very plan has made.
pub(super) fn inputs_of<T: DeserializeOwned>(node: &Node) -> Outcome<T> {
    node.inputs.read().map_err(|error| {
        Failure::new(codes::INTERNAL, "read the inputs of a step", error.to_string(), "Please report this.")
            .at(&node.addr)
    })
}

fn recorded_filter(state: &State, report: &StepAddr) -> Outcome<Option<Filter>> {
    // A filter that this version cannot read says nothing of what was left out.
    Ok(state.outputs_of::<ReportOutputs>(report)?.and_then(|report| Filter::parse(&report.filter).ok()))
}
