//! `mig import`: tables that are on the target already, and were not put there by this state. Which of them may be taken, and
//! what is recorded of one that was compared with its source and is the same: what a run would have recorded that had moved it.
//! Looks at nothing itself.

use std::collections::BTreeSet;

use crate::formats::certificate::{Judgement, ProvenBy, ReadAt};
use crate::formats::facts::{Position, World};
use crate::formats::json_text::JsonText;
use crate::formats::manifest::{self, TableManifest};
use crate::formats::outputs;
use crate::formats::plan::{Graph, Node};
use crate::formats::spec::model::{Spec, VerifyMode};
use crate::formats::state::{Progress, State, Status, StepRecord};
use crate::formats::steps::{
    DumpInputs, DumpOutputs, ForeignKeysInputs, ForeignKeysOutputs, How, LoadForm, LoadOutputs, ObjectOutputs,
    RowsHash, VerifyOutputs,
};
use crate::formats::verification::TableVerdict;
use crate::words::addr::{StepAddr, StepKind, TableName};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// A table that may be taken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    pub migration: String,
    pub table: TableName,
}

impl Candidate {
    /// Its first step, which stands for it.
    pub fn addr(&self) -> StepAddr {
        StepAddr::of_table(&self.migration, StepKind::Table, &self.table)
    }

    fn is_of(&self, node: &Node) -> bool {
        node.addr.migration() == Some(&self.migration) && node.addr.table().as_ref() == Some(&self.table)
    }
}

/// The tables that the addresses name: each by any of its steps, or all of a migration by the migration's. Of a migration, those
/// that are in the state already are passed over.
///
/// # Errors
/// MIG1010: an address names no table of the plan. MIG1027: a table cannot be taken, and why.
pub fn candidates(
    addrs: &BTreeSet<StepAddr>,
    graph: &Graph,
    (spec, world): (&Spec, &World),
    state: Option<&State>,
) -> Outcome<BTreeSet<Candidate>> {
    let mut chosen = BTreeSet::new();
    for addr in addrs {
        let mut tables: Vec<Candidate> = Vec::new();
        for node in graph.nodes.iter().filter(|node| node.kind == StepKind::Table) {
            let (Some(migration), Some(table)) = (node.addr.migration(), node.addr.table()) else { continue };
            let by_step = addr.migration() == Some(migration) && addr.table().as_ref() == Some(&table);
            if by_step || node.addr.is_under(addr) {
                tables.push(Candidate { migration: migration.to_owned(), table });
            }
        }
        if tables.is_empty() {
            let hint = "An address looks like migration.shop.table[\"shop.orders\"], or migration.shop for all of its tables; \
                        `mig plan` lists them. Quote it for the shell. Nothing was changed.";
            let cause = format!("{addr} names no table that the spec selects and the source has");
            return Err(Failure::new(codes::BAD_ADDRESS, "choose what to import", cause, hint));
        }
        if addr.key().is_none() {
            tables.retain(|table| !is_recorded(table, state));
        }
        chosen.extend(tables);
    }
    for candidate in &chosen {
        let addr = candidate.addr();
        if let Some((cause, hint)) = refusal(candidate, (spec, world), state) {
            let doing = format!("import {addr}");
            let hint = format!("{hint} Nothing was changed.");
            return Err(Failure::new(codes::CANNOT_IMPORT, doing, cause, hint).at(&addr));
        }
    }
    Ok(chosen)
}

fn is_recorded(candidate: &Candidate, state: Option<&State>) -> bool {
    let kinds = [StepKind::Table, StepKind::ForeignKeys, StepKind::Dump, StepKind::Load, StepKind::Verify];
    let of = |kind| StepAddr::of_table(&candidate.migration, kind, &candidate.table);
    state.is_some_and(|state| kinds.into_iter().any(|kind| state.steps.contains_key(&of(kind))))
}

/// Why a table cannot be taken, and what to do.
fn refusal(
    candidate: &Candidate,
    (spec, world): (&Spec, &World),
    state: Option<&State>,
) -> Option<(String, &'static str)> {
    let migration = spec.migrations.get(&candidate.migration)?;
    let facts = world.migrations.get(&candidate.migration)?;
    if is_recorded(candidate, state) {
        let hint = "`mig plan` shows what is left to do of it. To take it anew: `mig state rm` with its steps first.";
        return Some(("steps of it are in the state already".into(), hint));
    }
    if facts.target.table(&candidate.table).is_none() {
        let hint = "`mig apply` creates and fills it.";
        return Some(("it is not on the target, or the user there does not see it".into(), hint));
    }
    let lineage = state.map(|state| state.lineage.as_str());
    let name = candidate.table.folded();
    let other = facts.ledger.objects.iter().find(|object| {
        object.kind == "table"
            && Some(object.lineage.as_str()) != lineage
            && TableName::parse_key(&object.name).is_some_and(|held| held.folded() == name)
    });
    if let Some(other) = other {
        let hint = "Leave the table out of one of the two specs, or destroy that lineage where its state is. Where that state \
                    is lost, `mig recover` makes it anew.";
        return Some((format!("the ledger on the target says that it is of lineage {}", other.lineage), hint));
    }
    if migration.verify == VerifyMode::Count {
        let hint = "Set `mode = \"full\"` in the block `verify` of the migration, at least for the import.";
        return Some((
            "verify by \"count\" compares numbers of rows only, which proves nothing of their content".into(),
            hint,
        ));
    }
    None
}

/// What the comparison of a table said, where it is the same on both servers.
pub struct Compared {
    rows: RowsHash,
    how: How,
}

impl Compared {
    /// `None`: it is not the same, or that is not proven.
    pub fn of(verdict: &TableVerdict) -> Option<Self> {
        let how = match verdict.proven_by {
            ProvenBy::ServerHashes => How::Server,
            ProvenBy::ClientHashes => How::Client,
            ProvenBy::Count | ProvenBy::NotVerified => return None,
        };
        let same = verdict.rows.source == verdict.rows.target && verdict.hash.source == verdict.hash.target;
        if verdict.verdict > Judgement::Accepted || !same {
            return None;
        }
        let sum = verdict.hash.target.as_ref()?.parse().ok()?;
        Some(Self { rows: RowsHash { rows: verdict.rows.target?, sum }, how })
    }

    pub fn rows(&self) -> &RowsHash {
        &self.rows
    }
}

/// What is known of a table that is taken.
pub struct Taken<'a> {
    pub compared: &'a Compared,
    pub verdict: &'a TableVerdict,
    /// The load of the table, by the ledger's count.
    pub epoch: u64,
    /// By the ledger, this lineage has created it, and lost it from its state.
    pub owned: bool,
    /// Where the source's log was before the first row was compared.
    pub position: Option<Position>,
    /// The two servers, by their own ids.
    pub source: Option<String>,
    pub target: Option<String>,
    /// RFC 3339 in UTC: before the first row was compared, and now.
    pub began: &'a str,
    pub now: &'a str,
}

/// Adds the records of one table to the state.
///
/// # Errors
/// MIG1001: the inputs of the plan's own steps cannot be read.
pub fn record(state: &mut State, graph: &Graph, candidate: &Candidate, taken: &Taken) -> Outcome<()> {
    for node in graph.nodes.iter().filter(|node| candidate.is_of(node)) {
        let Some(outputs) = outputs_of(node, taken)? else { continue };
        let depends_on = graph.edges.iter().filter(|edge| edge.to == node.addr).map(|edge| edge.from.clone());
        // Only the comparison took a time.
        let started = if node.kind == StepKind::Verify { taken.began } else { taken.now };
        let record = StepRecord {
            kind: node.kind,
            inputs_digest: node.inputs_digest.clone(),
            status: Status::Complete,
            outputs,
            depends_on: depends_on.collect(),
            started: started.to_owned(),
            finished: Some(taken.now.to_owned()),
            progress: Progress::default(),
        };
        state.steps.insert(node.addr.clone(), record);
    }
    Ok(())
}

/// What a step of the table would have left; `None` for a step that is not of a table's own.
fn outputs_of(node: &Node, taken: &Taken) -> Outcome<Option<JsonText>> {
    let unreadable = |error: serde_json::Error| {
        Failure::new(codes::INTERNAL, "read the inputs of a step", error.to_string(), "Please report this.")
            .at(&node.addr)
    };
    let total = taken.compared.rows.clone();
    let value = match node.kind {
        StepKind::Table => outputs::to_value(&ObjectOutputs { owned: taken.owned, server: taken.target.clone() })?,
        StepKind::ForeignKeys => {
            let inputs: ForeignKeysInputs = node.inputs.read().map_err(unreadable)?;
            outputs::to_value(&ForeignKeysOutputs { foreign_keys: inputs.ddl.len() })?
        }
        StepKind::Dump => {
            let inputs: DumpInputs = node.inputs.read().map_err(unreadable)?;
            // There is no file: should the table ever be loaded again, it is dumped before.
            let nothing = TableManifest {
                format_version: manifest::FORMAT_VERSION,
                table: inputs.table.key(),
                dir: None,
                columns: Vec::new(),
                parts: Vec::new(),
            };
            outputs::to_value(&DumpOutputs {
                total,
                bytes: 0,
                parts: 0,
                negative_zeros: 0,
                json_rounded: 0,
                manifest: nothing.digest(),
                inputs,
                position: taken.position.clone(),
                server: taken.source.clone(),
                found: true,
                buckets: Vec::new(),
            })?
        }
        StepKind::Load => {
            outputs::to_value(&LoadOutputs { total, epoch: taken.epoch, parts: 0, form: LoadForm::Found })?
        }
        StepKind::Verify => outputs::to_value(&VerifyOutputs {
            source: Some(total.clone()),
            target: total,
            dumped: None,
            parts: 1,
            how: taken.compared.how,
            read: ReadAt::both(taken.began),
            generated: taken.verdict.generated.clone(),
        })?,
        StepKind::Source
        | StepKind::Target
        | StepKind::Runner
        | StepKind::Peering
        | StepKind::Gate
        | StepKind::Database
        | StepKind::View
        | StepKind::Report => return Ok(None),
    };
    Ok(Some(value.into()))
}
