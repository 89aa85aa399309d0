//! Gates and the report: what judges a migration before its rows are moved, between structure and rows, and at its end.

use super::{PLAIN, Row, Rules, Takes, Wants, Wish, holds, seconds, unsaid};
use crate::formats::cause::{Drift, Input, Kept, Upstream};
use crate::formats::facts::World;
use crate::formats::plan::{Action, Node};
use crate::formats::spec::model::Spec;
use crate::formats::steps::{GateInputs, GateOutputs, ReportInputs, ReportOutputs, TableInputs};
use crate::think::compare;
use crate::think::gates;
use crate::think::gates::compatibility::views::left_out;
use crate::think::plan::decide::{DecisionContext, because, inputs_of};
use crate::think::plan::desired::{Desired, after_addrs};
use crate::think::plan::destroy::Undone;
use crate::words::addr::{GateName, StepAddr, StepKind, StepType};
use crate::words::error::Outcome;

pub(super) const ROWS: &[Row] = &[
    Row {
        of: StepType::Gate,
        wants: Wants::Migration(structure),
        rules: PLAIN,
        undo: |_| Ok(Undone::kept(Kept::Made)),
        record: holds::<GateOutputs>,
        server: unsaid,
        takes: seconds(0.01, 0.5),
    },
    Row {
        of: StepType::Report,
        wants: Wants::Migration(report),
        rules: Rules {
            requested: |_| Action::Rerun,
            upstream: |ask| (ask.is_complete() && ask.any_runs()).then_some(because(Upstream::AnyRuns)),
            input: |_, _| Ok(Input::TableSet),
            drift: |ask, _| report_drift(ask),
            // A certificate is written again; anything else is replaced by what the source has.
            drifted: Action::Rerun,
            ..PLAIN
        },
        undo: |_| Ok(Undone::kept(Kept::Made)),
        record: holds::<ReportOutputs>,
        server: unsaid,
        takes: seconds(0.02, 1.0),
    },
];

/// What the gate takes that reads the structure back.
pub(in crate::think) const READS_BACK: Takes = seconds(0.05, 1.0);

impl Desired {
    /// The gates that judge before anything is done, behind the servers and what `after` names.
    pub(in crate::think::plan) fn gates(
        &mut self,
        spec: &Spec,
        world: &World,
        subject: &gates::Subject,
        servers: &[StepAddr],
    ) -> Vec<StepAddr> {
        let migration = subject.migration;
        let mut addrs = Vec::new();
        for (name, verdict) in gates::judge_all(subject) {
            let addr = StepAddr::gate(&migration.name, name);
            let inputs = GateInputs { gate: name };
            self.node(addr.clone(), StepKind::Gate, &inputs, &(&inputs, &migration.gates));
            self.after(&addr, servers.iter().cloned());
            let others = migration.after.iter().flat_map(|text| after_addrs(spec, self, text)).collect::<Vec<_>>();
            let others = others.into_iter().filter(|addr| world.only.is_none() || addr.migration().is_none());
            self.after(&addr, others);
            self.verdicts.insert(addr.clone(), verdict);
            addrs.push(addr);
        }
        addrs
    }
}

/// The gate between structure and rows: one step that waits for every creation and that every dump and load waits for, so that
/// the edges are as many as the steps.
fn structure(wanted: &mut Desired, wish: &Wish) {
    let addr = StepAddr::gate(wish.name(), GateName::Structure);
    let inputs = GateInputs { gate: GateName::Structure };
    wanted.node(addr.clone(), StepKind::Gate, &inputs, &inputs);
    wanted.after(&addr, wish.gates.iter().cloned());
}

/// It covers every other step of the migration. Its type is the last one.
fn report(wanted: &mut Desired, wish: &Wish) {
    let name = wish.name();
    let report = StepAddr::in_migration(name, StepKind::Report, None);
    let mut below: Vec<StepAddr> =
        wanted.nodes.iter().filter(|n| n.addr.migration() == Some(name)).map(|n| n.addr.clone()).collect();
    below.sort();
    let source = &wish.facts.source;
    let tables: Vec<String> = source.tables.iter().map(|t| t.name.key()).collect();
    let left_out = left_out(wish.facts);
    let views: Vec<(String, bool)> =
        source.views.iter().map(|v| (v.name.key(), left_out.contains_key(&v.name))).collect();
    let inputs = ReportInputs { migration: name.to_owned(), tables };
    // A rename is not a reason to write the certificate again.
    let decisive = ReportInputs { migration: wanted.first_names.of(name).to_owned(), ..inputs.clone() };
    wanted.node(report.clone(), StepKind::Report, &inputs, &(&decisive, views));
    wanted.after(&report, below);
}

/// What no step makes right by itself, and what the certificate speaks of.
fn report_drift(ask: &DecisionContext<'_>) -> Outcome<Option<Drift>> {
    if ask.facts.certificate_lost {
        return Ok(Some(Drift::CertificateLost));
    }
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
