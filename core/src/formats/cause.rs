//! Why a step is in a plan: the decision as a value. The words for people are the screen's; nothing in this program reads
//! them back. The JSON of a plan has both, and the keys here do not change with the words.

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::words::addr::StepAddr;

/// Why a step runs, leaves the state, or removes what it made.
///
/// What the address of the change says already (the table, the migration) is not said again here, so that the same cause
/// of a thousand tables is one value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "why", rename_all = "snake_case", deny_unknown_fields)]
pub enum Cause {
    /// No run has recorded the step.
    NotRecorded,
    /// The same, and the filter of the last report left the table out.
    FilterNowIncludes,
    /// The same, and the filter of the last report would have taken the table: it was not there.
    NewAtSource,
    /// A server that is recorded under another address: its block has another name now.
    Renamed { from: StepAddr },
    /// `-replace` names it.
    Requested,
    /// A run that was interrupted was going to run it again, and had not begun.
    RerunPending,
    /// A run with `-target` did what it stands on, and not it.
    LeftOut,
    /// `-replace` of the gate `writes_stopped`: dumps start at a new position of the source.
    PositionRetaken,
    /// The last run did not finish it; it continues behind what is durable.
    Unfinished {
        /// The last run ended with a failure of this step; otherwise it was interrupted.
        failed: bool,
        /// Files that are durable, of steps that have any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        files: Option<u64>,
    },
    /// What the spec or the source asks for is not what was recorded.
    InputChanged { input: Input },
    /// A step that this one depends on runs, and what this one did no longer counts.
    Upstream { upstream: Upstream },
    /// What was observed is not what was recorded.
    Drift { drift: Drift },
    /// The step is no longer in the spec or at the source: it leaves the state, what it made stays.
    Left { left: Left },
    /// What the step made is removed.
    Removed {
        object: Removed,
        /// By a plan of the whole spec, because the block is gone; otherwise by `mig destroy`.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        left_spec: bool,
    },
    /// The step leaves the state with a destroy; what it is about stays.
    Kept { object: Kept },
    /// A plan file of an earlier build says it in words.
    Words { text: String },
}

/// Reads a cause as a plan file has it: the value, or the sentence of an earlier build.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cause, D::Error> {
    struct Either;

    impl<'de> Visitor<'de> for Either {
        type Value = Cause;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a cause, or a sentence")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Cause, E> {
            Ok(Cause::Words { text: text.to_owned() })
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Cause, A::Error> {
            Cause::deserialize(MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_any(Either)
}

/// What changed among a step's inputs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum Input {
    /// Some input of a kind that does not tell them apart.
    Any,
    Structure,
    View,
    ForeignKeys,
    /// The condition of `dump.where`.
    Where,
    Compress,
    SourceStructure,
    /// The structure of the source or a setting of the dump; the record does not say which.
    SourceOrSetting,
    DumpOrTable,
    LoadOrMode,
    TableSet,
    /// A setting of an object in a cloud, of a kind that does not tell them apart.
    Setting,
    IdentityFile,
    KeyName,
    Rules,
    SecurityGroup,
    InstanceType {
        from: String,
        to: String,
    },
    Image {
        from: String,
        to: String,
    },
    Subnet {
        from: String,
        to: String,
    },
    Vpc {
        from: String,
        to: String,
    },
    InstanceProfile {
        from: Option<String>,
        to: Option<String>,
    },
    VolumeType {
        from: String,
        to: String,
    },
    Encryption,
    Throughput,
    /// In GiB. A volume that becomes smaller is replaced, one that becomes larger grows in place.
    VolumeSize {
        from: u32,
        to: u32,
    },
    PreventDestroy {
        on: bool,
    },
    Network,
    /// Where a runner works: its host, its log-in or its work folder.
    Place,
}

/// The step whose run makes this one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Upstream {
    TableCreated,
    DumpRuns,
    LoadRuns,
    /// Any step of the migration, for its report.
    AnyRuns,
    KeyPairReplaced,
    SecurityGroupReplaced,
    InstanceReplaced,
    VolumeReplaced,
    /// Started again, or set right in another way.
    InstanceChanged,
    /// Attached again, or grown.
    VolumeChanged,
}

/// How what was observed differs from what was recorded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
pub enum Drift {
    GoneFromTarget,
    /// It is gone, and its name has been given to an object of another kind.
    ViewInItsPlace,
    TableInItsPlace,
    /// A part of the object: a foreign key.
    PartGoneFromTarget {
        part: String,
    },
    ChangedOnTarget {
        part: String,
    },
    ViewTextChanged,
    /// What no step sets right and the certificate speaks of: a counter, a foreign key of somebody else.
    NotAsAtSource {
        table: String,
        part: String,
    },
    LedgerDiffers {
        difference: String,
    },
    /// The file is gone, was altered, or is another run's.
    CertificateLost,
    /// A load needs the files of its dump, and some are missing.
    FilesIncomplete,
    Gone {
        object: CloudObject,
        id: String,
    },
    /// Terminated or deleted by others.
    Ended {
        object: CloudObject,
        id: String,
    },
    KeyPairDiffers {
        name: String,
    },
    SshRuleLost {
        group: String,
        cidr: String,
    },
    SourceRuleLost {
        source_group: String,
        port: u16,
        group: String,
    },
    InstanceStopped {
        id: String,
    },
    InstanceChanged {
        id: String,
        from: String,
        to: String,
    },
    VolumeBroken {
        id: String,
    },
    VolumeDetached {
        id: String,
    },
    OtherConnection {
        id: String,
    },
    ConnectionStatus {
        id: String,
        status: String,
    },
    RouteLost {
        table: String,
    },
    RouteBlackhole {
        table: String,
    },
    RouteLeadsTo {
        table: String,
        to: String,
    },
    VpcWithoutDns,
    PrivateNamesUnresolved,
}

/// An object in a cloud that can be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CloudObject {
    KeyPair,
    SecurityGroup,
    Instance,
    Volume,
}

/// Why a step is no longer wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Left {
    /// The filter still includes the table.
    Source,
    Filter,
    Spec,
    /// The table is there and selected; what the step did with it is not asked for any more.
    Unasked,
    /// A `removed` block names its block.
    Removed,
}

/// What is removed. Without an id or a name: as far as it was made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Removed {
    LedgerRows,
    DumpFiles,
    WorkFolder,
    Table { rows: Option<u64> },
    View,
    KeyPair { name: Option<String> },
    SecurityGroup { id: Option<String> },
    Instance { id: Option<String> },
    Volume { id: Option<String> },
    Worker,
    Route,
}

/// What stays when its step leaves the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// What the step made.
    Made,
    PeeringConnection,
    VpcSettings,
    /// What was there before the step.
    Found,
}
