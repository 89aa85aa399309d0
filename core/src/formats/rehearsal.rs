//! What the rehearsal of a plan came to: how long its run may take and why, how much disk, and what a failure would leave. All of
//! it is simulated; nothing is measured but, where it says so, the rates. Knows nothing of how a run is simulated.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::words::addr::StepAddr;

/// The version of the JSON.
pub const FORMAT_VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rehearsal {
    pub format_version: u32,
    /// The same seed gives the same rehearsal of the same plan.
    pub seed: u64,
    /// How many runs were simulated.
    pub runs: u32,
    /// Steps at the same time, as for apply.
    pub parallelism: usize,
    /// Of the whole run, in seconds.
    pub seconds: Band,
    /// Of the run that took the median time: what it could not have ended without, in order.
    pub critical_path: Vec<Stretch>,
    /// Most bytes of files that this run dumps, at one time. `None`: nothing is dumped.
    pub disk_bytes: Option<Band>,
    /// The rates that the runs were made with.
    pub rates: Vec<RateUsed>,
    /// Steps that wait for a person, whose time is not part of the duration.
    pub waits_for_people: Vec<StepAddr>,
    /// An interrupted run goes on: its steps are simulated as if they began anew.
    pub goes_on: bool,
    /// One for each phase: one of its steps fails half-way.
    pub failures: Vec<FailureTried>,
}

/// 5, 50 and 95 of 100 simulated runs were at or below these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Band {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

/// A stretch of the critical path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stretch {
    pub addr: StepAddr,
    /// How long the path stays in this step, in seconds.
    pub seconds: f64,
    /// How long the step waited before, for a slot (`-parallelism`).
    pub waited: f64,
}

/// What limits a sort of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rate {
    /// Bytes/s that all dumps read from the source together.
    DumpBytes,
    /// Rows/s that all loads write to the target together.
    LoadRows,
    /// Bytes/s that all loads write to the target together.
    LoadBytes,
    /// Rows/s that all verifications compare together.
    VerifyRows,
    /// Objects/s that are created on the target.
    Created,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateUsed {
    pub rate: Rate,
    pub low: f64,
    pub high: f64,
    /// By earlier runs of the same state; otherwise it is an assumption.
    pub measured: bool,
}

/// A run in which one step fails half-way, and what it leaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailureTried {
    /// The step that fails: of its phase the one that takes longest.
    pub addr: StepAddr,
    /// After so many seconds of the run.
    pub at_seconds: f64,
    /// How long the run goes on with what does not depend on it.
    pub ends_seconds: f64,
    pub left: Left,
    /// Steps that the next `mig apply` has to do.
    pub to_do: u64,
}

/// What is there when the run has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Left {
    /// Tables and views on the target that this run created.
    pub objects: u64,
    /// Tables that are loaded whole, and verified.
    pub verified: u64,
    /// Tables that are loaded whole, and not verified.
    pub loaded: u64,
    /// Tables with a part of their rows.
    pub partly: u64,
    /// Bytes of dump files that stay in the work folders.
    pub dump_bytes: u64,
    /// Objects in the cloud account, which cost money until they are used or destroyed.
    pub in_cloud: Vec<StepAddr>,
}
