//! What a complete step leaves in the state for those that come after it: one type for each kind of step. The keys are in
//! users' states and do not change. Objects in a cloud have theirs beside their inputs ([`super::cloud_inputs`]).
//!
//! A record without outputs (the step never completed) and a record whose outputs cannot be read are two different
//! answers: the second one is a failure that names the step, never "nothing there".

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::certificate::{GeneratedProof, Judgement, ProvenBy, ReadAt};
use super::cloud::Cluster;
use super::cloud_inputs::{
    DnsOutputs, InstanceOutputs, KeyPairOutputs, NOTE_INPUTS, PeeringOutputs, ReadyOutputs, RouteOutputs,
    SecurityGroupOutputs, VolumeOutputs,
};
use super::facts::{Flavor, LedgerFacts, Position, Verdict};
use super::inputs::DumpInputs;
use super::json_text::JsonText;
use super::rowhash::PartHash;
use super::state::{State, StepRecord};
use super::worker::Endpoint;
use crate::words::addr::{StepAddr, StepType};
use crate::words::codes;
use crate::words::digest::Digest;
use crate::words::error::{Failure, Outcome};

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

/// A schema or a table on the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectOutputs {
    /// This lineage created it.
    pub owned: bool,
    /// The target that it is on, by its own id, whatever its block is called; earlier builds did not record it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKeysOutputs {
    pub foreign_keys: usize,
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

/// Of a step that was undone: what could not be removed and why, where something stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedOutputs {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<String>,
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

/// The outputs of a step that was undone and leaves something behind.
///
/// # Errors
/// As [`to_value`].
pub fn left(what: impl Into<String>) -> Outcome<Value> {
    to_value(&RemovedOutputs { left: Some(what.into()) })
}

/// What the outputs of a step that was undone say is left.
pub fn what_is_left(outputs: &Value) -> Option<String> {
    RemovedOutputs::deserialize(outputs).ok()?.left
}

/// Outputs as the state keeps them.
///
/// # Errors
/// MIG1001: a value that cannot be JSON; none of these types has one.
pub fn to_value(outputs: &impl Serialize) -> Outcome<Value> {
    serde_json::to_value(outputs).map_err(|error| {
        Failure::new(codes::INTERNAL, "record a step's outputs", error.to_string(), "Please report this.")
    })
}

/// Reads outputs; `None` where there are none.
///
/// # Errors
/// MIG4002 with the step's address: there are some, and they are not of this shape.
pub fn read<T: DeserializeOwned>(addr: &StepAddr, outputs: &Value) -> Outcome<Option<T>> {
    if outputs.is_null() {
        return Ok(None);
    }
    T::deserialize(outputs).map(Some).map_err(|error| unreadable(addr, &error.to_string()))
}

/// The same of outputs as a record keeps them.
///
/// # Errors
/// As [`read`].
pub fn recorded<T: DeserializeOwned>(addr: &StepAddr, outputs: &JsonText) -> Outcome<Option<T>> {
    if outputs.is_none() {
        return Ok(None);
    }
    outputs.read().map(Some).map_err(|error| unreadable(addr, &error.to_string()))
}

/// The same of a step that has ended, so that there must be some.
///
/// # Errors
/// As [`read`], also where there are none.
pub fn required<T: DeserializeOwned>(addr: &StepAddr, outputs: &Value) -> Outcome<T> {
    read(addr, outputs)?.ok_or_else(|| unreadable(addr, "it has none"))
}

fn unreadable(addr: &StepAddr, cause: &str) -> Failure {
    let hint = "The state was written by another version of mig, or edited: use that version, or restore the state from \
                a backup.";
    Failure::new(codes::STATE_DAMAGED, "read what is recorded of a step", cause.to_owned(), hint).at(addr)
}

impl StepRecord {
    /// What the step left when it completed, at any time before; `None` where it never did.
    ///
    /// # Errors
    /// As [`read`].
    pub fn outputs_as<T: DeserializeOwned>(&self, addr: &StepAddr) -> Outcome<Option<T>> {
        recorded(addr, &self.outputs)
    }
}

impl State {
    /// What a step left when it completed, at any time before; `None` where it never did, or nothing is recorded of it.
    ///
    /// # Errors
    /// As [`read`].
    pub fn outputs_of<T: DeserializeOwned>(&self, addr: &StepAddr) -> Outcome<Option<T>> {
        self.steps.get(addr).map_or(Ok(None), |record| record.outputs_as(addr))
    }

    /// What a step ended with, if it is complete.
    ///
    /// # Errors
    /// As [`read`].
    pub fn outputs_if_complete<T: DeserializeOwned>(&self, addr: &StepAddr) -> Outcome<Option<T>> {
        self.outputs(addr).map_or(Ok(None), |found| recorded(addr, found))
    }

    /// Whether the outputs of each step are what its kind of step leaves.
    ///
    /// # Errors
    /// As [`check`], of the first one.
    pub fn check_outputs(&self) -> Outcome<()> {
        self.steps.iter().try_for_each(|(addr, record)| check(addr, record))
    }
}

/// The note of a dump: where the source's log was before the first row was read.
pub const NOTE_POSITION: &str = "position";

/// Reads what a step noted on its way; `None` where it did not.
///
/// # Errors
/// As [`read`].
pub fn note<T: DeserializeOwned>(addr: &StepAddr, notes: &BTreeMap<String, Value>, key: &str) -> Outcome<Option<T>> {
    let Some(noted) = notes.get(key) else { return Ok(None) };
    T::deserialize(noted).map(Some).map_err(|error| unreadable(addr, &format!("its note `{key}`: {error}")))
}

#[derive(Deserialize)]
struct MadeFrom<T> {
    inputs: T,
}

/// What an object in a cloud was made from, by what its step ended with, else by what it noted when it began.
///
/// # Errors
/// As [`read`].
pub fn recorded_inputs<T: DeserializeOwned>(addr: &StepAddr, record: &StepRecord) -> Outcome<Option<T>> {
    match record.outputs_as::<MadeFrom<T>>(addr)? {
        Some(made) => Ok(Some(made.inputs)),
        None => note(addr, &record.progress.notes, NOTE_INPUTS),
    }
}

/// Whether the record says that its object is neither destroyed nor replaced.
///
/// # Errors
/// As [`read`].
pub fn prevents_destroy(addr: &StepAddr, record: &StepRecord) -> Outcome<bool> {
    #[derive(Deserialize)]
    struct Protection {
        prevent_destroy: bool,
    }
    if !addr.step_type().is_some_and(StepType::can_be_protected) {
        return Ok(false);
    }
    let made = record.outputs_as::<MadeFrom<Protection>>(addr)?;
    Ok(made.is_some_and(|made| made.inputs.prevent_destroy))
}

/// Of which type a recorded step is.
///
/// # Errors
/// MIG4002: of none that this version knows, so that nothing can be said of what it made.
pub fn known_step(addr: &StepAddr) -> Outcome<StepType> {
    addr.step_type().ok_or_else(|| unreadable(addr, "this version knows no such kind of step"))
}

/// Whether the outputs of a record are what its kind of step leaves.
///
/// # Errors
/// As [`read`].
pub fn check(addr: &StepAddr, record: &StepRecord) -> Outcome<()> {
    fn of<T: DeserializeOwned>(addr: &StepAddr, record: &StepRecord) -> Outcome<()> {
        record.outputs_as::<T>(addr).map(drop)
    }
    match known_step(addr)? {
        StepType::Source | StepType::AuroraSource | StepType::Target => of::<ServerOutputs>(addr, record),
        StepType::Runner => of::<RunnerOutputs>(addr, record),
        StepType::KeyPair => of::<KeyPairOutputs>(addr, record),
        StepType::SecurityGroup => of::<SecurityGroupOutputs>(addr, record),
        StepType::Instance => of::<InstanceOutputs>(addr, record),
        StepType::Volume => of::<VolumeOutputs>(addr, record),
        StepType::Ready => of::<ReadyOutputs>(addr, record),
        StepType::Connection => of::<PeeringOutputs>(addr, record),
        StepType::Route => of::<RouteOutputs>(addr, record),
        StepType::Dns => of::<DnsOutputs>(addr, record),
        StepType::Gate => of::<GateOutputs>(addr, record),
        StepType::Database | StepType::Table => of::<ObjectOutputs>(addr, record),
        StepType::Dump => of::<DumpOutputs>(addr, record),
        StepType::Load => of::<LoadOutputs>(addr, record),
        StepType::Verify => of::<VerifyOutputs>(addr, record),
        StepType::ForeignKeys => of::<ForeignKeysOutputs>(addr, record),
        StepType::View => of::<ViewOutputs>(addr, record),
        StepType::Report => of::<ReportOutputs>(addr, record),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::formats::state::{Progress, Status};

    /// A recorded step with these outputs: what is said of them.
    fn said(addr: &str, outputs: Value) -> Result<(), String> {
        let addr = StepAddr::parse(addr).unwrap();
        let record = StepRecord {
            kind: addr.kind().unwrap_or(crate::words::addr::StepKind::Source),
            inputs_digest: Digest::of_bytes(b""),
            status: Status::Complete,
            outputs: outputs.into(),
            depends_on: Vec::new(),
            started: String::new(),
            finished: None,
            progress: Progress::default(),
        };
        check(&addr, &record).map_err(|failure| {
            assert_eq!((failure.code, failure.address.as_ref()), (codes::STATE_DAMAGED, Some(&addr)));
            failure.cause
        })
    }

    #[test]
    fn a_record_that_cannot_be_read_is_named_and_one_without_outputs_is_none() {
        let check = |addr: &str, outputs: Value, expected: Result<(), &str>| match (said(addr, outputs), expected) {
            (Ok(()), Ok(())) => {}
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{addr}: {found}"),
            (found, expected) => panic!("{addr}: {found:?}, not {expected:?}"),
        };
        check("migration.m.table[\"s.t\"]", json!({"owned": true}), Ok(()));
        check("migration.m.table[\"s.t\"]", Value::Null, Ok(()));
        // A field of a later version is no reason to refuse.
        check("migration.m.table[\"s.t\"]", json!({"owned": true, "more": 1}), Ok(()));
        check("migration.m.table[\"s.t\"]", json!({"owner": true}), Err("missing field `owned`"));
        check("migration.m.table[\"s.t\"]", json!({"owned": "yes"}), Err("expected a boolean"));
        check("migration.m.gate[\"disk\"]", json!({"verdict": {"outcome": "perhaps", "saw": ""}}), Err("perhaps"));
        let load = |hash: &str| json!({"rows": 1, "hash": hash, "epoch": 1, "parts": 1, "form": "insert"});
        check("migration.m.load[\"s.t\"]", load("17"), Ok(()));
        check("migration.m.load[\"s.t\"]", load("1.7"), Err("not a decimal number"));
        check("runner.ec2.r.key_pair", json!({"name": "k"}), Err("missing field"));
        check("runner.ec2.r.disk", json!({}), Err("knows no such kind of step"));
    }

    #[test]
    fn a_note_that_cannot_be_read_is_named_and_one_that_is_not_there_is_none() {
        let addr = StepAddr::parse("runner.ec2.r.security_group").unwrap();
        let check = |noted: Option<Value>, expected: Result<Option<u16>, &str>| {
            let notes = noted.map(|noted| ("rule".to_owned(), noted)).into_iter().collect();
            match (note::<(String, u16)>(&addr, &notes, "rule"), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found.map(|(_, port)| port), expected),
                (Err(found), Err(expected)) => {
                    assert_eq!(found.code, codes::STATE_DAMAGED);
                    assert!(found.cause.contains(expected), "{}", found.cause);
                }
                (found, expected) => panic!("{found:?}, not {expected:?}"),
            }
        };
        check(None, Ok(None));
        check(Some(json!(["sg-1", 3306])), Ok(Some(3306)));
        check(Some(json!(["sg-1"])), Err("its note `rule`"));
        check(Some(json!("sg-1")), Err("its note `rule`"));
        check(Some(Value::Null), Err("its note `rule`"));
    }

    #[test]
    fn a_hash_of_rows_is_decimal_text_since_it_is_larger_than_numbers_of_json() {
        let hash = RowsHash { rows: 2, sum: u128::MAX };
        let text = serde_json::to_string(&hash).unwrap();
        assert_eq!(text, format!("{{\"rows\":2,\"hash\":\"{}\"}}", u128::MAX));
        assert_eq!(serde_json::from_str::<RowsHash>(&text).unwrap(), hash);
    }
}
