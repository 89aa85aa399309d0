//! What a run tells while it runs: values for the screen and for `-json`. Holds no border, no key and no row.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::words::addr::{StepAddr, StepKind};
use crate::words::error::{ExitKind, Failure};

/// One thing that happened. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    RunStarted {
        at: String,
        /// Steps that have something to do.
        steps: usize,
        /// The run goes on with one that was interrupted.
        resumed: bool,
    },
    StepStarted {
        addr: StepAddr,
        kind: StepKind,
        at: String,
        /// Parts that were durable before.
        parts_done: usize,
    },
    /// Sums since the step started; sent a few times a second at most.
    StepProgress {
        addr: StepAddr,
        rows: u64,
        bytes: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        total_rows: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        total_bytes: Option<u64>,
    },
    /// What the step waits for; an empty text: it waits no longer.
    StepWaits {
        addr: StepAddr,
        text: String,
    },
    PartDone {
        addr: StepAddr,
        part: u32,
    },
    StepEnded {
        addr: StepAddr,
        end: Ended,
        /// Of a failed step.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
        /// Of a step that removed something: what it left, and why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        left: Option<String>,
        seconds: f64,
        rows: u64,
        bytes: u64,
    },
    RunEnded {
        at: String,
        exit: ExitKind,
        summary: Counts,
        seconds: f64,
    },
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Nothing was to be done.
    Unchanged,
    /// It was done.
    Complete,
    /// It failed; the cause is beside it.
    Failed,
    /// Not done, because a step before it failed.
    UpstreamFailed,
    /// It had begun; what is durable is kept.
    Interrupted,
    /// The run ended before its turn came.
    NotStarted,
}

/// How many steps ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    pub unchanged: usize,
    pub complete: usize,
    pub failed: usize,
    pub upstream_failed: usize,
    pub interrupted: usize,
    pub not_started: usize,
    /// Of the complete ones: those that removed something, but not all that was made.
    #[serde(default, skip_serializing_if = "is_none")]
    pub left: usize,
}

// Serde hands the number in by reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_none(number: &usize) -> bool {
    *number == 0
}

impl Counts {
    pub fn add(&mut self, end: Ended) {
        *match end {
            Ended::Unchanged => &mut self.unchanged,
            Ended::Complete => &mut self.complete,
            Ended::Failed => &mut self.failed,
            Ended::UpstreamFailed => &mut self.upstream_failed,
            Ended::Interrupted => &mut self.interrupted,
            Ended::NotStarted => &mut self.not_started,
        } += 1;
    }

    /// Whether nothing is left to do.
    pub fn all_done(&self) -> bool {
        self.failed + self.upstream_failed + self.interrupted + self.not_started == 0
    }
}
