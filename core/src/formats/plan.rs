//! The plan: what a plan file holds (contract, "What is written"). Types, sealing and strict opening; nothing of how
//! a plan is made.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use schemars::JsonSchema;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::cause::Cause;
use super::facts::Verdict;
use super::json_text::JsonText;
use super::names::Move;
use super::state::LeftOut;
use crate::words::addr::{StepAddr, StepKind};
use crate::words::diag::Diagnostic;
use crate::words::digest::Digest;

/// The version this build writes and reads.
pub const FORMAT_VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    pub header: Header,
    pub body: Body,
    pub estimates: Estimates,
    /// SHA-256 over canonical JSON of header, body and estimates.
    pub digest: Digest,
}

/// Times are RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Header {
    pub format_version: u32,
    pub mig_version: String,
    pub created: String,
    pub expires: String,
}

/// The same, byte for byte, for two plans of one world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Body {
    pub mode: Mode,
    /// `None`: the first apply mints it.
    pub lineage: Option<String>,
    pub serial: u64,
    pub spec_digest: Digest,
    pub state_digest: Digest,
    pub observed: Observed,
    pub graph: Graph,
    /// What would be done, in the order of the graph; no-op steps do not stand here.
    pub changes: Vec<Change>,
    pub diagnostics: Vec<Diagnostic>,
    /// Of a refresh: what differs from the records in a way that only another plan sets right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<Change>,
    /// A gate refuses: applying it exits 5 and starts nothing.
    pub blocked: bool,
    /// What `-replace` named.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub replace: BTreeSet<StepAddr>,
    /// What `-target` named; empty: the plan is of the whole spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// Of `-target`: by a step that this plan does, the recorded steps that stand on it and are left out. The next plan
    /// does them again.
    #[serde(default, skip_serializing_if = "LeftOut::is_empty")]
    pub left_out: LeftOut,
    /// Blocks that are recorded under another address from now on. No step runs because of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<Move>,
    /// What another plan will show, once a step of this one has run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<Pending>,
}

/// The tables of a migration whose servers are looked at from its runner, which is not there yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    /// `migration.shop.tables`.
    pub addr: StepAddr,
    /// The step after which they are known.
    pub after: StepAddr,
    /// The filter's rules.
    pub tables: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Apply,
    Destroy,
    /// `-refresh-only`: what is gone leaves the state, and nothing else is done.
    Refresh,
}

/// The facts the plan is bound to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    /// Server address -> identity.
    pub servers: BTreeMap<String, String>,
    /// Table step address -> fingerprint of the source's table or view.
    pub tables: BTreeMap<StepAddr, Digest>,
    /// Gate address -> verdict.
    pub verdicts: BTreeMap<StepAddr, Verdict>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Graph {
    /// In a topological order that is the same for the same graph.
    pub nodes: Vec<Node>,
    /// Sorted by `to`, then `from`.
    #[serde(deserialize_with = "shared_edges")]
    pub edges: Vec<Edge>,
}

/// Reads edges so that those of one step share its address: a graph names each address many times, and a copy for each
/// mention would be most of what a plan of thousands of tables takes while it is read.
fn shared_edges<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Edge>, D::Error> {
    /// As an [`Edge`] is written.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Read<'a> {
        #[serde(borrow)]
        to: Cow<'a, str>,
        #[serde(borrow)]
        from: Cow<'a, str>,
        kind: EdgeKind,
    }

    struct Edges;

    impl<'de> Visitor<'de> for Edges {
        type Value = Vec<Edge>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a sequence")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Vec<Edge>, A::Error> {
            let mut known: HashMap<Box<str>, StepAddr> = HashMap::new();
            let mut addr = |text: &str| match known.get(text) {
                Some(addr) => Ok(addr.clone()),
                None => {
                    let addr = StepAddr::read(text)?;
                    known.insert(text.into(), addr.clone());
                    Ok(addr)
                }
            };
            let mut edges = Vec::new();
            while let Some(edge) = from.next_element::<Read<'de>>()? {
                edges.push(Edge { to: addr(&edge.to)?, from: addr(&edge.from)?, kind: edge.kind });
            }
            // It grew by doubling: half of it may be empty.
            edges.shrink_to_fit();
            Ok(edges)
        }
    }

    deserializer.deserialize_seq(Edges)
}

impl Body {
    /// Lets edges and changes share the texts of the nodes' addresses, of which a plan that was read has a copy for each.
    pub fn share_addresses(&mut self) {
        let known: HashSet<StepAddr> = self.graph.nodes.iter().map(|node| node.addr.clone()).collect();
        let edges = self.graph.edges.iter_mut().flat_map(|edge| [&mut edge.to, &mut edge.from]);
        for addr in edges.chain(self.changes.iter_mut().map(|change| &mut change.addr)) {
            if let Some(shared) = known.get(addr) {
                *addr = shared.clone();
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Node {
    pub addr: StepAddr,
    pub kind: StepKind,
    pub action: Action,
    /// What the step needs to do its work, in its kind's own shape ([`super::inputs`]); no secret.
    pub inputs: JsonText,
    /// Over those inputs alone that make the step run again when they change.
    pub inputs_digest: Digest,
}

/// `from` comes before `to`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    pub to: StepAddr,
    pub from: StepAddr,
    pub kind: EdgeKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    /// Starts when the other has ended.
    After,
    /// May start once the other has started, takes its parts as they become durable, ends after it.
    Stream,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Recorded, unchanged and as it should be: nothing to do.
    NoOp,
    /// A server is read or a gate is evaluated: no change.
    Evaluate,
    /// It is not there yet.
    Create,
    /// The same step again: its inputs changed or it is unfinished.
    Rerun,
    /// What is there is removed first.
    Replace,
    /// Out of the state; the object stays.
    Forget,
    /// What is there is removed.
    Destroy,
}

impl Action {
    /// Whether the step creates its object, at first or again.
    pub fn makes(self) -> bool {
        matches!(self, Self::Create | Self::Rerun | Self::Replace)
    }

    /// Whether it counts for "no changes".
    pub fn is_change(self) -> bool {
        !matches!(self, Self::NoOp | Self::Evaluate)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    pub addr: StepAddr,
    pub action: Action,
    /// What an object in a cloud is made from: "t2.large from ami-1 (…), in subnet-1 (…)".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// Plans of before causes were values have a sentence, `reason`, in its place.
    #[serde(alias = "reason", deserialize_with = "super::cause::read")]
    pub cause: Cause,
    /// Rows that a load drops from the target before it loads again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drops_rows: Option<u64>,
    /// Where what is created differs from the source: both texts, for the unified diff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<Rewrite>,
    /// Whether a non-empty, verified table is dropped: apply needs `-confirm=HOST`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_confirm: bool,
}

impl Change {
    /// A change of which nothing more is to be said.
    pub fn new(addr: StepAddr, action: Action, cause: Cause) -> Self {
        Self { addr, action, what: None, cause, drops_rows: None, rewrite: None, needs_confirm: false }
    }
}

/// A structure that arrives changed, each change by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rewrite {
    pub source: String,
    pub target: String,
    pub changes: Vec<Diagnostic>,
}

/// Beside the body: outside of the byte-for-byte rule and of staleness.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Estimates {
    pub tables: u64,
    pub rows: u64,
    pub bytes: u64,
    pub files: u64,
    /// Seconds: low and high end of the band.
    pub seconds_low: u64,
    pub seconds_high: u64,
    /// Table key -> rows and bytes.
    pub by_table: BTreeMap<String, TableEstimates>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableEstimates {
    pub rows: u64,
    pub bytes: u64,
    pub files: u64,
}
