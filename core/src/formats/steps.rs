//! What each kind of step needs for its work, as the nodes of a plan have it, and what it leaves in the state for those that
//! come after it: inputs and outputs of one kind beside each other. The keys are in users' states and do not change. Inputs
//! have no secret, no estimate, and no setting that may change without the step running again (threads, rates: those are read
//! from the spec at apply). Objects in a cloud have theirs in [`super::cloud_inputs`]. How outputs are read is in
//! [`super::outputs`].

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::certificate::{GeneratedProof, Judgement, ProvenBy, ReadAt};
use super::cloud::Cluster;
use super::dumpfile::CsvDialect;
use super::engine::{DumpEngine, LoadEngine};
use super::facts::{Flavor, LedgerFacts, Position, Verdict};
use super::outputs;
use super::plan::Node;
use super::rowhash::PartHash;
use super::spec::access::Bucket;
use super::state::StepRecord;
use super::structure::{Schema, Table, View};
use super::worker::Endpoint;
use crate::words::addr::{Creates, GateName, StepAddr, StepKind, TableName};
use crate::words::codes;
use crate::words::digest::Digest;
use crate::words::error::{Failure, Outcome};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerInputs {
    /// `host:port`.
    pub place: String,
    pub user: String,
}

/// A server that answered at its address, or a cluster that was looked up before its server could be reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerOutputs {
    pub server_id: String,
    pub version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flavor: Option<Flavor>,
    /// Of a target: whether it takes LOAD DATA LOCAL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_data: Option<bool>,
    /// Of a target: the schema that its ledger is in; earlier builds did not record it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger_schema: Option<String>,
    /// Of an Aurora source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Cluster>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_bytes: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunnerInputs {
    pub workdir: String,
    /// Where its shell answers, when it is another machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
}

/// A runner that is this machine, or one that is reached by SSH.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunnerOutputs {
    pub workdir: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    /// What `uname -sm` says there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// Where earlier runs worked before the block was changed: what they put there stays until it is destroyed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<RunnerPlace>,
}

/// A work folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunnerPlace {
    pub workdir: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
}

impl RunnerOutputs {
    pub fn place(&self) -> RunnerPlace {
        RunnerPlace { workdir: self.workdir.clone(), endpoint: self.endpoint.clone() }
    }

    /// The same, with the place of an earlier record and those before it.
    pub fn after(mut self, before: Option<Self>) -> Self {
        let Some(before) = before else { return self };
        let now = self.place();
        let last = before.place();
        self.former = before.former;
        self.former.push(last);
        self.former.retain(|place| *place != now);
        self
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateInputs {
    pub gate: GateName,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GateOutputs {
    /// The gate `structure` has none: it passes or fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Of the gate `structure`: how many tables it read back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tables: Option<usize>,
    /// Of the gate `writes_stopped`: where the source's log was before the first row was read …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// … and where it was when the run began that this one continues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Position>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseInputs {
    pub schema: Schema,
    pub ddl: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableInputs {
    /// As the source has it, estimates left out.
    pub source: Table,
    /// As it is created, estimates left out.
    pub target: Table,
    pub ddl: String,
}

/// A schema or a table on the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectOutputs {
    /// This lineage created it.
    pub owned: bool,
    /// The target that it is on, by its own id, whatever its block is called; earlier builds did not record it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignKeysInputs {
    pub table: TableName,
    pub ddl: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKeysOutputs {
    pub foreign_keys: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewInputs {
    pub view: View,
    pub ddl: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewOutputs {
    pub owned: bool,
    /// Of the view's text as the target keeps it; earlier builds did not record it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Digest>,
    /// As [`ObjectOutputs::server`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DumpInputs {
    pub table: TableName,
    /// Of the source's table.
    pub fingerprint: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub where_: Option<String>,
    pub engine: DumpEngine,
    pub format: String,
    pub compress: String,
    /// Numbers inside of JSON documents are hashed as the DOUBLE that the target makes of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub json_as_doubles: bool,
    /// `mig import-dump`: nothing is read from the source, these files are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import: Option<ImportInputs>,
}

impl DumpInputs {
    /// Whether its files are recorded one by one while it goes on; otherwise they count when it has finished.
    pub fn gives_files_one_by_one(&self) -> bool {
        self.import.is_some() || self.engine.gives_files_one_by_one()
    }

    /// How the files are written, where mig did not write them.
    pub fn writing(&self) -> Option<Writing> {
        match (&self.import, self.engine) {
            (Some(import), _) => Some(import.writing()),
            (None, DumpEngine::Native) => None,
            (None, DumpEngine::Dumpling) => Some(Writing { tool: DumpTool::Dumpling, csv: CsvDialect::default() }),
        }
    }

    /// What a change of makes the step run again: the files by name and length, wherever the folder stands now.
    pub fn decisive(&self) -> Self {
        let mut decisive = self.clone();
        if let Some(import) = &mut decisive.import {
            import.dir.clear();
        }
        decisive
    }
}

/// What wrote the files of a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DumpTool {
    /// Or mig, which writes the same: text as utf8mb4.
    Dumpling,
    /// Text in the charset of its column.
    Mydumper,
}

/// Files of a finished dump that hold the rows of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportInputs {
    /// The dump's folder, absolute.
    pub dir: String,
    pub tool: DumpTool,
    /// How its CSV is written, where that is not as Dumpling does by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csv: Option<CsvDialect>,
    /// In the order of their names.
    pub files: Vec<ImportFile>,
    /// Rows of all of them, where the dump says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
}

/// How the files of another tool are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writing {
    pub tool: DumpTool,
    pub csv: CsvDialect,
}

impl ImportInputs {
    pub fn writing(&self) -> Writing {
        Writing { tool: self.tool, csv: self.csv.clone().unwrap_or_default() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportFile {
    pub name: String,
    pub bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DumpOutputs {
    #[serde(flatten)]
    pub total: RowsHash,
    pub bytes: u64,
    /// Files.
    pub parts: usize,
    #[serde(default)]
    pub negative_zeros: u64,
    #[serde(default)]
    pub json_rounded: u64,
    /// Of the table's manifest.
    pub manifest: Digest,
    pub inputs: DumpInputs,
    /// Where the source's log was before the first row was read; not known for an imported dump.
    #[serde(default)]
    pub position: Option<Position>,
    /// The source that the rows were read from, by its own id; not known for an imported dump, nor of earlier builds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The rows were on the target before: `mig import` has compared them with the source, and nothing was dumped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub found: bool,
    /// The buckets that runs have put files of the table into, whatever the spec says now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buckets: Vec<Bucket>,
}

impl DumpOutputs {
    /// The buckets that a recorded dump has put files into, by what it ended with and by what it noted before it wrote there.
    ///
    /// # Errors
    /// MIG4002: the record cannot be read.
    pub fn buckets_of(addr: &StepAddr, record: &StepRecord) -> Outcome<Vec<Bucket>> {
        let mut buckets = record.outputs_as::<Self>(addr)?.map(|made| made.buckets).unwrap_or_default();
        for key in record.progress.notes.keys().filter(|key| key.starts_with(outputs::NOTE_FILES)) {
            buckets.extend(outputs::note::<Bucket>(addr, &record.progress.notes, key)?);
        }
        buckets.sort();
        buckets.dedup();
        Ok(buckets)
    }
}

/// `load` and `verify` read the table's structure at its `table` step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadInputs {
    pub table: TableName,
    #[serde(default, skip_serializing_if = "LoadEngine::is_default")]
    pub engine: LoadEngine,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadOutputs {
    #[serde(flatten)]
    pub total: RowsHash,
    /// Which load of the table it is, by the ledger's count.
    pub epoch: u64,
    /// Files.
    pub parts: usize,
    pub form: LoadForm,
}

impl LoadOutputs {
    /// How the ledger on the target differs from this load, in words.
    pub fn differs_from(&self, ledger: &LedgerFacts, table: &str) -> Option<String> {
        ledger.differs_from(table, self.epoch, (self.total.rows, self.total.sum))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadForm {
    LoadData,
    Insert,
    /// Not by mig: `mig import` has found the rows there.
    Found,
    /// By TiDB Lightning: each row at least once.
    Lightning,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyInputs {
    pub table: TableName,
    /// `full`, `count` or `none`.
    pub mode: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyOutputs {
    /// Not there where a dump was compared with the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<RowsHash>,
    pub target: RowsHash,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dumped: Option<RowsHash>,
    /// Ranges that were compared.
    pub parts: u64,
    pub how: How,
    #[serde(default)]
    pub read: ReadAt,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub generated: Vec<GeneratedProof>,
}

/// By what a table was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    Server,
    Client,
    Count,
    /// The target against an imported dump.
    Dump,
}

impl From<How> for ProvenBy {
    fn from(how: How) -> Self {
        match how {
            How::Server => Self::ServerHashes,
            How::Client => Self::ClientHashes,
            How::Count => Self::Count,
            How::Dump => Self::NotVerified,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportInputs {
    pub migration: String,
    /// Keys of the tables it certifies.
    pub tables: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportOutputs {
    pub verdict: Judgement,
    pub certificate: Digest,
    /// The rules of the filter that selected what it certifies.
    pub filter: Vec<String>,
    pub tables: u64,
    pub rows: u64,
}

/// What a step of a destroy needs: what the step left when it ended, if it ever did, and what it noted before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removal {
    /// The step's outputs.
    #[serde(default)]
    from: Value,
    /// Of a table: the outputs of its load.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    loaded: Value,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, Value>,
    /// Of a dump: the work folders on this machine that runs had, whatever the spec says now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<String>,
    /// Of a dump: the buckets that runs have put its files into.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buckets: Vec<Bucket>,
    /// Of a target: the tables and views that the state knows, by key.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub known: BTreeSet<String>,
}

impl Removal {
    /// Of a record, with the record of the load where it is a table's.
    pub fn new(record: &StepRecord, loaded: Option<&StepRecord>) -> Self {
        Self {
            from: record.outputs.value(),
            loaded: loaded.map(|record| record.outputs.value()).unwrap_or_default(),
            notes: BTreeMap::new(),
            folders: Vec::new(),
            buckets: Vec::new(),
            known: BTreeSet::new(),
        }
    }

    /// Of a target's record, where the state knows these tables and views.
    pub fn knowing(record: &StepRecord, known: BTreeSet<String>) -> Self {
        Self { known, ..Self::new(record, None) }
    }

    /// Of a dump's record, whose files are in one of these work folders, or in these buckets.
    pub fn in_places(record: &StepRecord, folders: Vec<String>, buckets: Vec<Bucket>) -> Self {
        Self { folders, buckets, ..Self::new(record, None) }
    }

    /// With the notes, for a step that looks for what an interrupted run made.
    pub fn noted(record: &StepRecord) -> Self {
        Self { notes: outputs::with_abandoned(&record.progress.notes), ..Self::new(record, None) }
    }

    /// # Errors
    /// MIG5102: the node is not one of a destroy, or of another version's.
    pub fn of(node: &Node) -> Outcome<Self> {
        node.inputs.read().map_err(|error| {
            let hint = "Make the plan again with this version of mig.";
            Failure::new(codes::PLAN_DOES_NOT_FIT_SPEC, "read what is to be removed", error.to_string(), hint)
                .at(&node.addr)
        })
    }

    /// What the step left; `None`: it never ended.
    ///
    /// # Errors
    /// MIG4002: it cannot be read.
    pub fn outputs<T: DeserializeOwned>(&self, addr: &StepAddr) -> Outcome<Option<T>> {
        outputs::read(addr, &self.from)
    }
}

/// A count of rows and the exact sum of their hashes, which is larger than a number of JSON: decimal text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "RowsHashText", try_from = "RowsHashText")]
pub struct RowsHash {
    pub rows: u64,
    pub sum: u128,
}

#[derive(Clone, Serialize, Deserialize)]
struct RowsHashText {
    rows: u64,
    hash: String,
}

impl From<RowsHash> for RowsHashText {
    fn from(RowsHash { rows, sum }: RowsHash) -> Self {
        Self { rows, hash: sum.to_string() }
    }
}

impl TryFrom<RowsHashText> for RowsHash {
    type Error = String;

    fn try_from(RowsHashText { rows, hash }: RowsHashText) -> Result<Self, String> {
        let sum = hash.parse().map_err(|_| format!("the hash \"{hash}\" is not a decimal number"))?;
        Ok(Self { rows, sum })
    }
}

impl From<PartHash> for RowsHash {
    fn from(PartHash { sum, rows }: PartHash) -> Self {
        Self { rows, sum }
    }
}

impl From<&RowsHash> for PartHash {
    fn from(RowsHash { rows, sum }: &RowsHash) -> Self {
        Self { sum: *sum, rows: *rows }
    }
}

/// The SQL that creates the object of a step on the target, statement by statement, as it will be sent; none for a step that
/// creates nothing there. Of the inputs of a step that creates (`Action::makes`), not of one that removes.
///
/// # Errors
/// The inputs are not of this shape: another version wrote them.
pub fn statements(node: &Node) -> serde_json::Result<Vec<String>> {
    #[derive(Deserialize)]
    struct One {
        ddl: String,
    }
    #[derive(Deserialize)]
    struct Many {
        ddl: Vec<String>,
    }
    match node.addr.kind().and_then(StepKind::creates) {
        Some(Creates::Schema | Creates::Table | Creates::View) => node.inputs.read().map(|one: One| vec![one.ddl]),
        Some(Creates::ForeignKeys) => node.inputs.read().map(|many: Many| many.ddl),
        None => Ok(Vec::new()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_of_rows_is_decimal_text_since_it_is_larger_than_numbers_of_json() {
        let hash = RowsHash { rows: 2, sum: u128::MAX };
        let text = serde_json::to_string(&hash).unwrap();
        assert_eq!(text, format!("{{\"rows\":2,\"hash\":\"{}\"}}", u128::MAX));
        assert_eq!(serde_json::from_str::<RowsHash>(&text).unwrap(), hash);
    }
}
