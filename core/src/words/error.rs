//! The one error a step, a command or a host reports: what was being done, to which address, what came back,
//! and what to do now. Knows the exit codes of the contract; prints nothing.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::addr::StepAddr;
use super::codes::{self, Code};
use super::diag::Diagnostic;

/// Why the program ends; its order of weight when several causes meet is [`ExitKind::weight`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExitKind {
    /// Success; with `-detailed-exitcode`: there are no changes.
    #[default]
    Success,
    /// An error, also in the command line.
    Error,
    /// With `-detailed-exitcode` and `fmt -check`: there are changes; apply: stopped for a review.
    Changes,
    /// The plan is stale, altered or not approved, or a server, an account or a region is not the recorded one.
    Stale,
    /// The state is locked.
    Locked,
    /// A gate failed.
    Gate,
    /// A difference or a write to the source was found.
    Mismatch,
    /// Interrupted; the run can be resumed.
    Interrupted,
}

impl ExitKind {
    /// All of them, by their exit codes.
    pub const ALL: [Self; 8] = [
        Self::Success,
        Self::Error,
        Self::Changes,
        Self::Stale,
        Self::Locked,
        Self::Gate,
        Self::Mismatch,
        Self::Interrupted,
    ];

    /// The process exit code (contract, "The command line").
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Error => 1,
            Self::Changes => 2,
            Self::Stale => 3,
            Self::Locked => 4,
            Self::Gate => 5,
            Self::Mismatch => 6,
            Self::Interrupted => 130,
        }
    }

    /// Rank among several causes: 130 > 3 > 4 > 5 > 6 > 1 > 2 > 0.
    pub fn weight(self) -> u8 {
        match self {
            Self::Interrupted => 7,
            Self::Stale => 6,
            Self::Locked => 5,
            Self::Gate => 4,
            Self::Mismatch => 3,
            Self::Error => 2,
            Self::Changes => 1,
            Self::Success => 0,
        }
    }

    /// The weightier of the two.
    pub fn worst(self, other: Self) -> Self {
        if other.weight() > self.weight() { other } else { self }
    }
}

/// Whether the same call may succeed when it is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    No,
    /// A passing fault (connection lost, deadlock, server busy): the same call again is safe and may work.
    Later,
}

/// A failure. Reads as "failed to DOING (ADDRESS): CAUSE. HINT".
///
/// Texts never hold secrets, keys of rows or values of users.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Failure {
    /// Stable code out of [`super::codes`], for example `MIG3001`.
    pub code: Code,
    pub exit: ExitKind,
    pub retry: Retry,
    /// What was being done, to complete "failed to …".
    pub doing: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<StepAddr>,
    /// What came back: a lowercase fragment, no period.
    pub cause: String,
    /// What to do now: a full sentence.
    pub hint: String,
    /// Faults with places in the spec, where these are the cause.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Diagnostic>,
}

impl Failure {
    pub fn new(code: Code, doing: impl Into<String>, cause: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code,
            exit: code.exit(),
            retry: Retry::No,
            doing: doing.into(),
            address: None,
            cause: cause.into(),
            hint: hint.into(),
            diagnostics: Vec::new(),
        }
    }

    /// Stopped on request: what was durable stays, another apply goes on.
    pub fn interrupted(doing: impl Into<String>) -> Self {
        Self::new(
            codes::STOPPED,
            doing,
            "it was stopped on request",
            "Run `mig apply` again: it goes on from the last durable part.",
        )
    }

    pub fn at(mut self, address: &StepAddr) -> Self {
        self.address.get_or_insert_with(|| address.clone());
        self
    }

    pub fn retryable(mut self) -> Self {
        self.retry = Retry::Later;
        self
    }

    pub fn exit(mut self, exit: ExitKind) -> Self {
        self.exit = exit;
        self
    }

    pub fn with(mut self, diagnostics: Vec<Diagnostic>) -> Self {
        self.diagnostics = diagnostics;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed to {}", self.doing)?;
        if let Some(address) = &self.address {
            write!(f, " ({address})")?;
        }
        write!(f, ": {}", self.cause)
    }
}

impl std::error::Error for Failure {}

pub type Outcome<T> = Result<T, Failure>;
