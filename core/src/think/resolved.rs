//! What the records of earlier runs say that scripts ask for. Pure: asks no server and reads no file.

use std::collections::BTreeMap;

use crate::formats::certificate::Certificate;
use crate::formats::cloud_inputs::ReadyOutputs;
use crate::formats::facts::Position;
use crate::formats::outputs;
use crate::formats::resolved::{
    FORMAT_VERSION, Quantity, Resolved, ResolvedCertificate, ResolvedLedger, ResolvedMigration, ResolvedPosition,
    ResolvedRunner, ResolvedServer,
};
use crate::formats::spec::model::{Migration, RunnerKind, Server, Spec};
use crate::formats::state::{State, Status};
use crate::formats::steps::{DumpOutputs, GateOutputs, LoadOutputs, ReportOutputs, RunnerOutputs, ServerOutputs};
use crate::think::plan::desired::{runner_addr, source_addr, target_addr};
use crate::words::addr::{GateName, StepAddr, StepKind};
use crate::words::error::Outcome;

/// A certificate as it was read, and the file it was read from.
pub struct Filed {
    pub file: String,
    pub certificate: Certificate,
}

/// What is known of each migration of the spec. `filed`: certificates, by migration.
///
/// # Errors
/// MIG4002: a record cannot be read.
pub fn resolve(spec: &Spec, state: Option<&State>, filed: &BTreeMap<String, Filed>) -> Outcome<Resolved> {
    let mut migrations = BTreeMap::new();
    for migration in spec.migrations.values() {
        let of = Of { spec, state, migration };
        migrations.insert(migration.name.clone(), of.resolved(filed.get(&migration.name))?);
    }
    Ok(Resolved {
        format_version: FORMAT_VERSION,
        lineage: state.map(|state| state.lineage.clone()),
        run_open: state.is_some_and(|state| state.open_run.is_some()),
        migrations,
    })
}

/// One migration with what is recorded.
struct Of<'a> {
    spec: &'a Spec,
    state: Option<&'a State>,
    migration: &'a Migration,
}

impl Of<'_> {
    fn resolved(&self, filed: Option<&Filed>) -> Outcome<ResolvedMigration> {
        let source = self.spec.sources.get(&self.migration.source).filter(|source| !source.is_dump());
        let target = self.spec.targets.get(&self.migration.target);
        let server = |server: Option<&Server>, addr: fn(&Server) -> StepAddr| {
            server.map_or(Ok(ResolvedServer::default()), |server| self.server(server, &addr(server)))
        };
        Ok(ResolvedMigration {
            source: server(source, source_addr)?,
            target: server(target, target_addr)?,
            ledger: ResolvedLedger { schema: target.map(|target| target.ledger_schema.clone()) },
            runner: self.runner()?,
            position: self.position()?,
            loaded: self.loaded()?,
            certificate: self.certificate(filed)?,
        })
    }

    /// What a complete step left; `None` where it is not complete.
    fn of<T: serde::de::DeserializeOwned>(&self, addr: &StepAddr) -> Outcome<Option<T>> {
        self.state.map_or(Ok(None), |state| state.outputs_if_complete(addr))
    }

    fn server(&self, server: &Server, addr: &StepAddr) -> Outcome<ResolvedServer> {
        let seen = self.of::<ServerOutputs>(addr)?;
        let cluster = seen.as_ref().and_then(|seen| seen.cluster.as_ref());
        // Of a cluster, the spec says them only where it overrides what is looked up.
        let (host, port) = match (server.host.is_empty(), cluster) {
            (false, _) => (Some(server.host.clone()), Some(server.port)),
            (true, Some(cluster)) => (Some(cluster.endpoint.clone()), Some(cluster.port)),
            (true, None) => (None, None),
        };
        let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Ok(ResolvedServer {
            address: Some(addr.to_string()),
            host,
            port,
            server_id: seen.as_ref().and_then(|seen| said(&seen.server_id)),
            version: seen.as_ref().and_then(|seen| said(&seen.version)),
        })
    }

    fn runner(&self) -> Outcome<ResolvedRunner> {
        let addr = runner_addr(self.spec, self.migration);
        let runner = self.migration.runner.as_ref().and_then(|name| self.spec.runners.get(name));
        let is_made = runner.is_some_and(|runner| matches!(runner.kind, RunnerKind::Ec2(_)));
        let (endpoint, workdir) = match is_made {
            true => {
                let endpoint = self.of::<ReadyOutputs>(&addr)?.map(|ready| ready.endpoint);
                let workdir = endpoint.as_ref().map(|endpoint| endpoint.workdir.clone());
                (endpoint, workdir)
            }
            false => match self.of::<RunnerOutputs>(&addr)? {
                Some(found) => (found.endpoint, Some(found.workdir)),
                None => (None, None),
            },
        };
        Ok(ResolvedRunner {
            address: Some(addr.to_string()),
            host: endpoint.as_ref().map(|endpoint| endpoint.host.clone()),
            port: endpoint.as_ref().map(|endpoint| endpoint.port),
            user: endpoint.map(|endpoint| endpoint.user),
            workdir,
        })
    }

    /// The steps of a kind, complete or not.
    fn steps(&self, kind: StepKind) -> impl Iterator<Item = (&StepAddr, &crate::formats::state::StepRecord)> {
        let name = self.migration.name.as_str();
        let steps = self.state.into_iter().flat_map(|state| &state.steps);
        steps.filter(move |(addr, record)| record.kind == kind && addr.migration() == Some(name))
    }

    /// The first place of all: that of the gate when the run began, or that of a table which an earlier run has read.
    fn position(&self) -> Outcome<ResolvedPosition> {
        let gate = StepAddr::gate(&self.migration.name, GateName::WritesStopped);
        let recorded = self.state.and_then(|state| state.steps.get(&gate));
        let gate = recorded.map_or(Ok(None), |record| record.outputs_as::<GateOutputs>(&gate))?.unwrap_or_default();
        let of_gate: Vec<Position> = [gate.run, gate.position].into_iter().flatten().collect();
        let mut of_tables = Vec::new();
        for (addr, record) in self.steps(StepKind::Dump) {
            let noted: Option<Position> = outputs::note(addr, &record.progress.notes, outputs::NOTE_POSITION)?;
            let dump = record.outputs_as::<DumpOutputs>(addr)?;
            if noted.is_none() && dump.as_ref().is_some_and(|dump| dump.position.is_none()) {
                // An imported dump: nobody knows when its rows were read.
                return Ok(ResolvedPosition::default());
            }
            of_tables.extend(noted.or(dump.and_then(|dump| dump.position)));
        }
        let all = if of_tables.is_empty() { &of_gate } else { &of_tables };
        let Some(first) = all.iter().min_by_key(|position| position.place()) else {
            return Ok(ResolvedPosition::default());
        };
        // A table's record keeps of a long set the digest alone; the gate's keeps all of it.
        let same = of_gate.iter().filter(|position| position.same_place(first));
        let sets = std::iter::once(first).chain(same).map(|position| position.gtid.as_str());
        let gtid = sets.into_iter().find(|gtid| Position::is_set(gtid)).map(str::to_owned);
        Ok(ResolvedPosition { file: Some(first.file.clone()), offset: Some(first.offset), gtid })
    }

    fn loaded(&self) -> Outcome<Quantity> {
        let (mut tables, mut rows) = (0, 0);
        for (addr, record) in self.steps(StepKind::Load).filter(|(_, record)| record.status == Status::Complete) {
            let Some(load) = record.outputs_as::<LoadOutputs>(addr)? else { continue };
            (tables, rows) = (tables + 1, rows + load.total.rows);
        }
        let known = self.state.is_some();
        Ok(Quantity { tables: known.then_some(tables), rows: known.then_some(rows) })
    }

    /// Only the one that the state records: that of an earlier run says nothing of what is on the target now.
    fn certificate(&self, filed: Option<&Filed>) -> Outcome<ResolvedCertificate> {
        let step = StepAddr::in_migration(&self.migration.name, StepKind::Report, None);
        let Some(report) = self.of::<ReportOutputs>(&step)? else { return Ok(ResolvedCertificate::default()) };
        let filed = filed.filter(|filed| filed.certificate.digest == report.certificate);
        Ok(ResolvedCertificate {
            file: filed.map(|filed| filed.file.clone()),
            digest: Some(report.certificate),
            // Without the certificate nothing proves it.
            verdict: filed.map(|_| report.verdict),
            created: filed.map(|filed| filed.certificate.created.clone()),
            tables: Some(report.tables),
            rows: Some(report.rows),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
