//! What a migration came to know while it ran, for scripts: `mig output`. The names are the paths in this value, below
//! `migrations`: `shop.position.file`. They do not change, and each of them is always there; what is not known (yet) is
//! null. Holds no password, no key and no value of a row.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::certificate::Judgement;
use crate::words::digest::Digest;

/// The version of this form.
pub const FORMAT_VERSION: u32 = 1;

/// `mig output -json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolved {
    pub format_version: u32,
    /// The identity of the state; null before the first apply.
    pub lineage: Option<String>,
    /// A run has begun and not ended: what it will come to know is not here yet.
    pub run_open: bool,
    /// By name: those of the spec.
    pub migrations: BTreeMap<String, ResolvedMigration>,
}

/// What is known of one migration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolvedMigration {
    pub source: ResolvedServer,
    pub target: ResolvedServer,
    pub ledger: ResolvedLedger,
    pub runner: ResolvedRunner,
    pub position: ResolvedPosition,
    pub loaded: Quantity,
    pub certificate: ResolvedCertificate,
}

/// A server. Host and port are what the spec says or what was looked up; the others are what the server said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolvedServer {
    /// `source.mysql.shop`; null for a migration that is filled from a dump.
    pub address: Option<String>,
    pub host: Option<String>,
    pub port: Option<u16>,
    /// The server's own id.
    pub server_id: Option<String>,
    pub version: Option<String>,
}

/// What mig keeps on the target beside the tables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolvedLedger {
    pub schema: Option<String>,
}

/// The machine that the rows went through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolvedRunner {
    pub address: Option<String>,
    /// Null for a local runner.
    pub host: Option<String>,
    pub port: Option<u16>,
    pub user: Option<String>,
    pub workdir: Option<String>,
}

/// Where the source's binlog was before the first row of any table was read. A replication that begins here misses nothing
/// that was written later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolvedPosition {
    pub file: Option<String>,
    pub offset: Option<u64>,
    /// The set of executed transactions there; null where the source has none, or where it was too long to be recorded.
    pub gtid: Option<String>,
}

/// Of the tables whose load is complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quantity {
    pub tables: Option<u64>,
    pub rows: Option<u64>,
}

/// The certificate of the last run, if that run has ended. One of an earlier run is not here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolvedCertificate {
    /// Relative to the folder that the command runs in.
    pub file: Option<String>,
    pub digest: Option<Digest>,
    pub verdict: Option<Judgement>,
    /// RFC 3339 in UTC.
    pub created: Option<String>,
    pub tables: Option<u64>,
    pub rows: Option<u64>,
}
