//! Servers and runners that are not in a cloud: what their blocks want of them, and what becomes of them.

use std::collections::BTreeSet;

use super::{PLAIN, Row, Rules, Wants, holds, seconds, unsaid};
use crate::formats::cause::{Input, Kept, Removed};
use crate::formats::plan::Action;
use crate::formats::spec::model::{Migration, RunnerKind, Server, Spec};
use crate::formats::state::State;
use crate::formats::steps::{Removal, RunnerInputs, RunnerOutputs, ServerInputs, ServerOutputs};
use crate::think::plan::aws_source;
use crate::think::plan::desired::{Desired, workdir};
use crate::think::plan::destroy::Undone;
use crate::words::addr::{StepAddr, StepKind, StepType};
use crate::words::error::Outcome;

pub(super) const ROWS: &[Row] = &[
    source(StepType::Source),
    source(StepType::AuroraSource),
    Row {
        of: StepType::Target,
        wants: Wants::Blocks,
        rules: PLAIN,
        undo: |of| {
            let objects = of.state.steps.iter().filter(|(_, record)| record.kind.is_target_data());
            let known = objects.filter_map(|(addr, _)| addr.key().map(str::to_owned)).collect();
            Undone::removed(Removed::LedgerRows, &Removal::knowing(of.record, known))
        },
        record: holds::<ServerOutputs>,
        server: unsaid,
        takes: seconds(0.01, 0.5),
    },
    Row {
        of: StepType::Runner,
        wants: Wants::Blocks,
        rules: Rules { requested: |_| Action::Rerun, input: |_, _| Ok(Input::Place), ..PLAIN },
        undo: |of| Undone::removed(Removed::WorkFolder, &Removal::new(of.record, None)),
        record: holds::<RunnerOutputs>,
        server: unsaid,
        takes: seconds(0.001, 0.1),
    },
];

/// A source is read by the same rules, however it is found.
const fn source(of: StepType) -> Row {
    Row {
        of,
        wants: Wants::Blocks,
        rules: PLAIN,
        undo: |_| Ok(Undone::kept(Kept::Made)),
        record: holds::<ServerOutputs>,
        server: unsaid,
        takes: seconds(0.01, 0.5),
    }
}

impl Desired {
    /// The step of a server block.
    pub(in crate::think::plan) fn server(&mut self, kind: StepKind, addr: StepAddr, server: &Server) {
        if let Some(inputs) = aws_source::aurora_inputs(server) {
            return self.node(addr, kind, &inputs, &inputs);
        }
        let place = if server.is_dump() { server.host.clone() } else { format!("{}:{}", server.host, server.port) };
        let inputs = ServerInputs { place, user: server.username.clone() };
        self.node(addr, kind, &inputs, &inputs);
    }

    /// The runner that is this machine, or one that is reached by SSH.
    pub(in crate::think::plan) fn runner(&mut self, addr: &StepAddr, spec: &Spec, migration: &Migration) {
        let endpoint = migration.runner.as_ref().and_then(|name| match &spec.runners.get(name)?.kind {
            RunnerKind::Local | RunnerKind::Ec2(_) => None,
            RunnerKind::Ssh(endpoint) => Some(endpoint.clone()),
        });
        let inputs = RunnerInputs { workdir: workdir(spec, migration), endpoint };
        self.node(addr.clone(), StepKind::Runner, &inputs, &inputs);
    }
}

/// The work folders on this machine that runs had: a dump of a migration that left the spec is in one of them.
pub(super) fn work_folders(state: &State) -> Outcome<Vec<String>> {
    let mut folders = BTreeSet::new();
    for addr in state.steps.keys().filter(|addr| addr.step_type() == Some(StepType::Runner)) {
        let Some(made) = state.outputs_of::<RunnerOutputs>(addr)? else { continue };
        let places = [made.place()].into_iter().chain(made.former);
        folders.extend(places.filter(|place| place.endpoint.is_none()).map(|place| place.workdir));
    }
    Ok(folders.into_iter().collect())
}
