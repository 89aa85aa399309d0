//! How far a run is, for others than its own screen: `*.migstate.progress`, written by the run every few seconds and removed
//! at its end. Information, not a record: it is not synced, no decision is made from it, and it has no key of a row.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::words::addr::StepAddr;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunProgress {
    /// When it was written: RFC 3339 in UTC.
    pub at: String,
    /// Of all bytes that are dumped, loaded and verified. Absent: the run moves no rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u64>,
    /// Seconds that are left: low and high. Absent: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta_seconds: Option<(u64, u64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<u64>,
    /// What all running steps wait for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// The line that the run shows.
    pub summary: String,
    pub steps: Vec<RunningStep>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunningStep {
    pub addr: StepAddr,
    /// What the run shows of it.
    pub text: String,
}
