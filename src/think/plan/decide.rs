//! How one step is decided: wanted against recorded against observed, by the contract's table "When a step runs again". The
//! first part is the order of the questions, the same for all; then comes one row for each kind of step, with its answers.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;

use super::aws_diff::{Decision, Standing};
use crate::formats::cause::{Cause, Drift, Input, Upstream};
use crate::formats::ddl;
use crate::formats::facts::MigrationFacts;
use crate::formats::filter::Filter;
use crate::formats::inputs::{DumpInputs, ForeignKeysInputs, TableInputs};
use crate::formats::outputs::{DumpOutputs, LoadOutputs, ReportOutputs, ViewOutputs};
use crate::formats::plan::{Action, Node};
use crate::formats::state::{State, Status, StepRecord};
use crate::think::compare;
use crate::words::addr::{GateName, StepAddr, StepKind, key_ident};
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

/// The answers of one kind of step.
struct Rules {
    /// What `-replace` means.
    requested: fn(&DecisionContext) -> Action,
    /// What running it once more means when what it did before does not count.
    rerun: fn(&DecisionContext) -> Action,
    /// A change above that makes it run although its own inputs are the same.
    upstream: fn(&DecisionContext) -> Option<Cause>,
    /// What changed among its inputs.
    input: fn(&DecisionContext, &StepRecord) -> Outcome<Input>,
    /// What was observed against what is recorded, of a complete step.
    drift: fn(&DecisionContext, &StepRecord) -> Outcome<Option<Drift>>,
    /// What a drift makes of it.
    drifted: Action,
}

/// A step without evidence on a server.
const PLAIN: Rules = Rules {
    requested: |_| Action::Replace,
    rerun: |_| Action::Rerun,
    upstream: |_| None,
    input: |_, _| Ok(Input::Any),
    drift: |_, _| Ok(None),
    drifted: Action::Replace,
};

fn rules(kind: StepKind) -> Rules {
    match kind {
        // Servers are read and gates judge in every run; of a peering there are its parts only, which have their own facts.
        StepKind::Source | StepKind::Target | StepKind::Gate | StepKind::Peering => PLAIN,
        StepKind::Runner => Rules { requested: |_| Action::Rerun, input: |_, _| Ok(Input::Place), ..PLAIN },
        StepKind::Database => Rules { rerun: |_| Action::Replace, drift: |ask, _| Ok(database_drift(ask)), ..PLAIN },
        StepKind::Table => Rules {
            rerun: |_| Action::Replace,
            input: |_, _| Ok(Input::Structure),
            drift: |ask, _| table_drift(ask),
            ..PLAIN
        },
        StepKind::ForeignKeys => Rules {
            rerun: |_| Action::Replace,
            upstream: |ask| ask.table_created().then_some(Upstream::TableCreated).map(because),
            input: |_, _| Ok(Input::ForeignKeys),
            drift: |ask, _| foreign_key_drift(ask),
            ..PLAIN
        },
        StepKind::View => {
            Rules { rerun: |_| Action::Replace, input: |_, _| Ok(Input::View), drift: view_drift, ..PLAIN }
        }
        StepKind::Dump => Rules {
            // A rerun would continue after the files that it has.
            rerun: |ask| if ask.is_complete() { Action::Rerun } else { Action::Replace },
            upstream: |ask| ask.writes_replaced().then_some(Cause::PositionRetaken),
            input: dump_input,
            ..PLAIN
        },
        StepKind::Load => Rules {
            rerun: |_| Action::Replace,
            upstream: |ask| match (ask.table_created(), ask.dump_starts_over()) {
                (true, _) => Some(because(Upstream::TableCreated)),
                (false, true) => Some(because(Upstream::DumpRuns)),
                (false, false) => None,
            },
            input: |_, _| Ok(Input::DumpOrTable),
            drift: load_drift,
            ..PLAIN
        },
        StepKind::Verify => Rules {
            // A rerun would continue after what it has recorded.
            requested: |ask| if ask.is_complete() { Action::Rerun } else { Action::Replace },
            upstream: |ask| {
                let runs = ask.above(StepKind::Load).is_some() && ask.is_complete();
                runs.then_some(because(Upstream::LoadRuns))
            },
            input: |_, _| Ok(Input::LoadOrMode),
            ..PLAIN
        },
        StepKind::Report => Rules {
            requested: |_| Action::Rerun,
            upstream: |ask| (ask.is_complete() && ask.any_runs()).then_some(because(Upstream::AnyRuns)),
            input: |_, _| Ok(Input::TableSet),
            drift: |ask, _| report_drift(ask),
            // A certificate is written again; anything else is replaced by what the source has.
            drifted: Action::Rerun,
            ..PLAIN
        },
    }
}

fn because(upstream: Upstream) -> Cause {
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
        let rules = rules(self.node.kind);
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
        let was = old.matches(&table.schema, &table.name);
        Ok(match !was && filter.matches(&table.schema, &table.name) {
            true => Cause::FilterNowIncludes,
            false => Cause::NewAtSource,
        })
    }

    fn above(&self, kind: StepKind) -> Option<&Decision> {
        let table = self.node.addr.table()?;
        self.decided.get(&StepAddr::of_table(self.node.addr.migration()?, kind, &table))?.as_ref()
    }

    fn table_created(&self) -> bool {
        self.above(StepKind::Table).is_some_and(|(action, _)| matches!(action, Action::Create | Action::Replace))
    }

    /// Whether any step of the migration so far runs.
    fn any_runs(&self) -> bool {
        let migration = self.node.addr.migration();
        let mut others = self.decided.iter().filter(|(addr, _)| addr.migration() == migration);
        others.any(|(_, decision)| decision.is_some())
    }

    fn is_complete(&self) -> bool {
        self.record.is_some_and(|r| r.status == Status::Complete)
    }

    /// `-replace` of the gate writes_stopped: the named way on after writes were detected.
    fn writes_replaced(&self) -> bool {
        self.node.addr.migration().is_some_and(|m| self.replace.contains(&StepAddr::gate(m, GateName::WritesStopped)))
    }

    /// Whether the dump above makes new files; one that only goes on keeps its parts, and so does the load.
    fn dump_starts_over(&self) -> bool {
        self.above(StepKind::Dump).is_some_and(|(_, cause)| !matches!(cause, Cause::Unfinished { .. }))
    }
}

fn database_drift(ask: &DecisionContext<'_>) -> Option<Drift> {
    let name = ask.node.addr.key()?;
    let there = ask.facts.target.schemas.iter().any(|schema| key_ident(&schema.name) == name);
    (!there).then_some(Drift::GoneFromTarget)
}

fn table_drift(ask: &DecisionContext<'_>) -> Outcome<Option<Drift>> {
    let inputs: TableInputs = inputs_of(ask.node)?;
    let Some(actual) = ask.facts.target.table(&inputs.source.name) else {
        let name = inputs.source.name.key().to_lowercase();
        let view = ask.facts.target.views.iter().any(|view| view.name.key().to_lowercase() == name);
        return Ok(Some(if view { Drift::ViewInItsPlace } else { Drift::GoneFromTarget }));
    };
    // Foreign keys are a step of their own.
    let differences = compare::table_differences(&inputs.target, actual);
    Ok(differences.into_iter().next().map(|first| Drift::ChangedOnTarget { part: first.what }))
}

fn foreign_key_drift(ask: &DecisionContext<'_>) -> Outcome<Option<Drift>> {
    let inputs: ForeignKeysInputs = inputs_of(ask.node)?;
    let addr = ask.node.addr.migration().map(|m| StepAddr::of_table(m, StepKind::Table, &inputs.table));
    let node = ask.nodes.iter().find(|node| Some(&node.addr) == addr.as_ref());
    let (Some(node), Some(actual)) = (node, ask.facts.target.table(&inputs.table)) else { return Ok(None) };
    let wanted = inputs_of::<TableInputs>(node)?.target;
    let differences = compare::foreign_key_differences(&wanted, actual);
    let first = differences.into_iter().find(|difference| !difference.expected.is_empty());
    Ok(first.map(|first| match first.actual.is_empty() {
        true => Drift::PartGoneFromTarget { part: first.what },
        false => Drift::ChangedOnTarget { part: first.what },
    }))
}

/// A view of another text holds no rows: it is made again.
fn view_drift(ask: &DecisionContext<'_>, record: &StepRecord) -> Outcome<Option<Drift>> {
    let Some(name) = ask.node.addr.table().map(|view| view.key().to_lowercase()) else { return Ok(None) };
    let Some(there) = ask.facts.target.views.iter().find(|view| view.name.key().to_lowercase() == name) else {
        let table = ask.facts.target.tables.iter().any(|table| table.name.key().to_lowercase() == name);
        return Ok(Some(if table { Drift::TableInItsPlace } else { Drift::GoneFromTarget }));
    };
    let made = record.outputs_as::<ViewOutputs>(&ask.node.addr)?;
    let changed = made.and_then(|made| made.text).is_some_and(|text| text != ddl::view_fingerprint(there));
    Ok(changed.then_some(Drift::ViewTextChanged))
}

fn dump_input(ask: &DecisionContext<'_>, record: &StepRecord) -> Outcome<Input> {
    let wanted: DumpInputs = inputs_of(ask.node)?;
    Ok(match record.outputs_as::<DumpOutputs>(&ask.node.addr)?.map(|dump| dump.inputs) {
        Some(was) if was.where_ != wanted.where_ => Input::Where,
        Some(was) if was.compress != wanted.compress => Input::Compress,
        Some(was) if was.fingerprint != wanted.fingerprint => Input::SourceStructure,
        _ => Input::SourceOrSetting,
    })
}

fn load_drift(ask: &DecisionContext<'_>, record: &StepRecord) -> Outcome<Option<Drift>> {
    let Some(table) = ask.node.addr.table() else { return Ok(None) };
    let loaded = record.outputs_as::<LoadOutputs>(&ask.node.addr)?;
    let difference = loaded.and_then(|loaded| loaded.differs_from(&ask.facts.ledger, &table.key()));
    Ok(difference.map(|difference| Drift::LedgerDiffers { difference }))
}

/// What no step makes right by itself, and what the certificate speaks of.
fn report_drift(ask: &DecisionContext<'_>) -> Outcome<Option<Drift>> {
    let of_it = |node: &&Node| node.kind == StepKind::Table && node.addr.migration() == ask.node.addr.migration();
    for node in ask.nodes.iter().filter(of_it) {
        let wanted = inputs_of::<TableInputs>(node)?.target;
        let Some(actual) = ask.facts.target.table(&wanted.name) else { continue };
        let next = ask.facts.source.table(&wanted.name).and_then(|table| table.next_id);
        let counts = wanted.columns.iter().any(|column| column.auto_increment);
        let counter = next.filter(|_| counts).and_then(|next| compare::counter_difference(next, actual));
        let keys = compare::foreign_key_differences(&wanted, actual);
        let found = counter.into_iter().chain(keys.into_iter().filter(|key| key.expected.is_empty())).next();
        if let Some(found) = found {
            return Ok(Some(Drift::NotAsAtSource { table: wanted.name.key(), part: found.what }));
        }
    }
    Ok(None)
}

/// The inputs of a node that this very plan has made.
fn inputs_of<T: DeserializeOwned>(node: &Node) -> Outcome<T> {
    node.inputs.read().map_err(|error| {
        Failure::new(codes::INTERNAL, "read the inputs of a step", error.to_string(), "Please report this.")
            .at(&node.addr)
    })
}

fn recorded_filter(state: &State, report: &StepAddr) -> Outcome<Option<Filter>> {
    // A filter that this version cannot read says nothing of what was left out.
    Ok(state.outputs_of::<ReportOutputs>(report)?.and_then(|report| Filter::parse(&report.filter).ok()))
}
