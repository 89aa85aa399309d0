//! What differs between two plans, as values: what `mig diff` shows. Knows the plan's values only; nothing of how plans are
//! compared or shown. A plan's times, and the digest over them, are not part of it: they always differ.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cause::Cause;
use super::facts::{GateOutcome, Verdict};
use super::names::Move;
use super::plan::{Action, Change, Edge, Estimates, Mode, Pending};
use crate::words::addr::{StepAddr, StepKind};
use crate::words::diag::Diagnostic;
use crate::words::digest::Digest;

/// The version of the JSON that `mig diff -json` prints.
pub const FORMAT_VERSION: u32 = 1;

/// A value in the first and in the second plan. `None`: it is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pair<T> {
    pub before: Option<T>,
    pub after: Option<T>,
}

/// All that differs; empty lists for two plans that would do the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanDiff {
    pub format_version: u32,
    pub before: PlanName,
    pub after: PlanName,
    /// What the plans are made from, and what they are of.
    pub basis: Vec<Basis>,
    /// Servers by address: the identity.
    pub servers: Vec<Named<Pair<String>>>,
    /// In the order of the second plan, then those that are only in the first.
    pub steps: Vec<StepDiff>,
    /// What waits for what.
    pub edges: EdgesDiff,
    pub gates: Vec<Named<Pair<GateSide>>>,
    /// Findings of the gates and of the plan that are in one plan only.
    pub findings: Vec<FindingDiff>,
    /// Not part of what would be done.
    pub estimates: Option<Pair<Quantities>>,
    /// Tables whose estimates differ, where those of the whole plan may not.
    pub estimated_tables: Vec<String>,
}

impl PlanDiff {
    /// Whether both plans would do the same to the same world. Estimates do not count.
    pub fn is_same_work(&self) -> bool {
        let Self { basis, servers, steps, edges, gates, findings, .. } = self;
        basis.is_empty()
            && servers.is_empty()
            && steps.is_empty()
            && *edges == EdgesDiff::default()
            && gates.is_empty()
            && findings.is_empty()
    }
}

/// A difference of something that has a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Named<T> {
    pub name: String,
    pub differs: T,
}

/// What the plans are made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Basis {
    /// Another version of mig made it.
    Version {
        before: String,
        after: String,
    },
    Mode {
        before: Mode,
        after: Mode,
    },
    Spec,
    /// The recorded state is another one.
    State {
        before: u64,
        after: u64,
    },
    /// The state belongs to another history.
    Lineage {
        before: Option<String>,
        after: Option<String>,
    },
    /// `-replace`
    Replace {
        before: Vec<StepAddr>,
        after: Vec<StepAddr>,
    },
    /// `-target`
    Targets {
        before: Vec<String>,
        after: Vec<String>,
    },
    /// Blocks that are renamed in the state.
    Moves {
        before: Vec<Move>,
        after: Vec<Move>,
    },
    /// Tables that only a later plan shows.
    Pending {
        before: Vec<Pending>,
        after: Vec<Pending>,
    },
    /// Whether a gate refuses.
    Blocked {
        after: bool,
    },
}

/// One step that is not the same in both plans.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepDiff {
    pub addr: StepAddr,
    pub kind: StepKind,
    /// `None`: the step is not in the plan.
    pub before: Option<StepSide>,
    pub after: Option<StepSide>,
    /// In what the step differs, where both plans have it.
    pub aspects: Vec<Aspect>,
    /// The statements that create its object, where they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ddl: Option<Pair<String>>,
}

/// A step in one plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepSide {
    pub action: Action,
    /// Why; `None`: nothing is done.
    pub cause: Option<Cause>,
    /// What an object in a cloud is made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drops_rows: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_confirm: bool,
}

impl StepSide {
    /// The change that it is, for words; `None`: nothing is done.
    pub fn change(&self, addr: &StepAddr) -> Option<Change> {
        let mut change = Change::new(addr.clone(), self.action, self.cause.clone()?);
        change.drops_rows = self.drops_rows;
        Some(change)
    }
}

/// What of a step differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    Kind,
    Action,
    Cause,
    /// What an object in a cloud is made from.
    What,
    DropsRows,
    NeedsConfirm,
    /// What of its structure arrives changed.
    Rewrite,
    /// What the step needs to do its work.
    Inputs,
    /// The structure of the source's table.
    SourceTable,
}

/// Edges that are in one plan only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EdgesDiff {
    pub gone: Vec<Edge>,
    pub new: Vec<Edge>,
}

/// A gate in one plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GateSide {
    pub outcome: GateOutcome,
    pub saw: String,
}

impl From<&Verdict> for GateSide {
    fn from(verdict: &Verdict) -> Self {
        Self { outcome: verdict.outcome, saw: verdict.saw.clone() }
    }
}

/// A finding that is in one plan only, or more often in one of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindingDiff {
    pub side: Side,
    /// The gate that found it; `None`: the plan itself.
    pub gate: Option<StepAddr>,
    pub finding: Diagnostic,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Only in the first plan.
    Gone,
    /// Only in the second plan.
    New,
}

/// What a plan moves, as it is estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quantities {
    pub tables: u64,
    pub rows: u64,
    pub bytes: u64,
    pub files: u64,
    pub seconds_low: u64,
    pub seconds_high: u64,
}

impl From<&Estimates> for Quantities {
    fn from(of: &Estimates) -> Self {
        let Estimates { tables, rows, bytes, files, seconds_low, seconds_high, by_table: _ } = of;
        Self {
            tables: *tables,
            rows: *rows,
            bytes: *bytes,
            files: *files,
            seconds_low: *seconds_low,
            seconds_high: *seconds_high,
        }
    }
}

/// Which plan it is: its digest, and when it was made (RFC 3339 in UTC).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanName {
    pub digest: Digest,
    pub created: String,
}
