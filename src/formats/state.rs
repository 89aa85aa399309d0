//! The state: what earlier runs did, as readable JSON. Types and strict reading; the file itself is a store's matter,
//! the journal's fold is in [`super::journal`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::words::addr::{StepAddr, StepKind};
use crate::words::digest::Digest;

/// The version this build writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// `*.migstate` (contract, "What is written").
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct State {
    pub format_version: u32,
    pub mig_version: String,
    /// Minted by the first apply under the lock.
    pub lineage: String,
    /// One more with every written state.
    pub serial: u64,
    /// Stands from the first effect of a run to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_run: Option<OpenRun>,
    pub steps: BTreeMap<StepAddr, StepRecord>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenRun {
    pub plan_digest: Digest,
    /// Digest of the state that the plan was made over.
    pub base_state_digest: Digest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Begun, neither ended nor failed: a run was interrupted in it.
    Running,
    Complete,
    Failed,
}

/// What is recorded of one step. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepRecord {
    pub kind: StepKind,
    pub inputs_digest: Digest,
    pub status: Status,
    /// What the step ended with; its shape is the kind's own.
    pub outputs: Value,
    /// Direct dependencies only.
    pub depends_on: Vec<StepAddr>,
    pub started: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<String>,
    /// Of an unfinished step.
    #[serde(default, skip_serializing_if = "Progress::is_empty")]
    pub progress: Progress,
}

/// What an unfinished step has made durable. Folds away when the step is complete.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// By the part's number, which is fixed when its border is recorded and never reused.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<u32, Part>,
    /// Facts of the step's own that must survive a crash (an epoch, the first binlog position).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, Value>,
}

/// One part: its border first (intent), then what it came to (outcome).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    pub border: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Value>,
}

impl Progress {
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.notes.is_empty()
    }

    pub fn parts_done(&self) -> usize {
        self.parts.values().filter(|part| part.done.is_some()).count()
    }
}

impl State {
    /// A state before the first run.
    pub fn new(lineage: String) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            mig_version: env!("CARGO_PKG_VERSION").to_owned(),
            lineage,
            serial: 0,
            open_run: None,
            steps: BTreeMap::new(),
        }
    }

    /// What plans are bound to: the content without the serial's bookkeeping and the open run.
    pub fn digest(&self) -> Digest {
        Digest::of(&(&self.lineage, &self.steps))
    }
}
