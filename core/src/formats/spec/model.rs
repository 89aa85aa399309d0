//! The evaluated spec: typed values, references resolved to names. Knows nothing of HCL text but the places kept for
//! later diagnostics. Never serialised whole: [`Spec::digest_form`] is what the plan is bound to, without secrets.

pub mod aws;

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Serialize;

use super::access::Bucket;
use super::backend::Backend;
use crate::formats::dumpfile::Packing;
use crate::formats::engine::{DumpEngine, LoadEngine};
use crate::formats::names::Move;
use crate::formats::worker::Endpoint;
use crate::words::addr::{GateName, StepAddr};
use crate::words::codes::Code;
use crate::words::diag::Place;
use crate::words::secret::Secret;

/// All files of a folder, evaluated. Maps are keyed by the block's name and keep the order of the text.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    /// `mig { backend … }`, else the file `mig.migstate`.
    pub backend: Backend,
    /// `mig.plan_lifetime` in seconds; default 72 h.
    pub plan_lifetime_seconds: u64,
    pub sources: IndexMap<String, Server>,
    pub targets: IndexMap<String, Server>,
    pub runners: IndexMap<String, Runner>,
    /// `provider "aws"`.
    pub aws: Option<aws::Provider>,
    /// By their address: `peering.tidb_cloud`.
    pub peerings: IndexMap<String, aws::Peering>,
    pub migrations: IndexMap<String, Migration>,
    /// Blocks that had another name before.
    pub moved: Vec<Moved>,
    /// Blocks that are gone from the spec and of which nothing is to be destroyed.
    pub removed: Vec<Removed>,
    /// Every file that was read (spec files, `file()` and `@file` rules), by name, with its digest.
    pub files: BTreeMap<String, String>,
}

/// `moved { from = …, to = … }`.
#[derive(Clone, Debug)]
pub struct Moved {
    pub of: Move,
    pub place: Place,
}

/// `removed { from = … }`.
#[derive(Clone, Debug)]
pub struct Removed {
    pub block: StepAddr,
    pub place: Place,
}

/// The label of the source of a migration that names none: its rows come out of a dump (`mig import-dump`).
pub const DUMP: &str = "dump";

impl Server {
    /// Stands for a source that is not a server: the rows come out of a dump.
    pub fn dump(migration: &str, place: Place) -> Self {
        Self {
            label: DUMP.into(),
            name: migration.into(),
            host: "a dump".into(),
            port: 0,
            username: String::new(),
            password: None,
            tls: Tls { mode: TlsMode::Disabled, ca_file: None },
            max_threads: 16,
            ledger_schema: String::new(),
            tier: None,
            region: None,
            aurora: None,
            place,
        }
    }

    pub fn is_dump(&self) -> bool {
        self.label == DUMP
    }
}

/// A source or a target. `label` is the block's first label: `mysql`, `tidb`.
#[derive(Clone, Debug)]
pub struct Server {
    pub label: String,
    pub name: String,
    pub host: String,
    pub port: u16,
    pub username: String,
    pub password: Option<Secret>,
    pub tls: Tls,
    /// Ceiling of running statements (sources); default 16.
    pub max_threads: u32,
    /// Targets only; default `mig_ledger`.
    pub ledger_schema: String,
    pub tier: Option<String>,
    pub region: Option<String>,
    /// `source "aurora"`: `host` is empty until the cluster was looked up, where the spec does not override it.
    pub aurora: Option<aws::Aurora>,
    pub place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsMode {
    Disabled,
    /// Encrypted, the certificate not verified.
    Required,
    VerifyCa,
    VerifyIdentity,
}

/// The file beside the spec that `ca_file = "rds"` means: RDS has authorities of its own, which no system's store has.
pub const RDS_BUNDLE: &str = "rds-global-bundle.pem";

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tls {
    pub mode: TlsMode,
    /// PEM file, relative to the spec's folder; none: the system's store.
    pub ca_file: Option<String>,
}

/// The machine that a migration's rows go through.
#[derive(Clone, Debug)]
pub struct Runner {
    pub label: String,
    pub name: String,
    /// `local`: relative to the spec's folder, default `.mig/work`. Elsewhere: a folder over there, absolute or
    /// relative to the user's home.
    pub workdir: String,
    pub kind: RunnerKind,
    pub place: Place,
}

#[derive(Clone, Debug)]
pub enum RunnerKind {
    /// This machine.
    Local,
    /// A machine that is there and answers to SSH.
    Ssh(Endpoint),
    /// A machine that is made in AWS.
    Ec2(Box<aws::Ec2>),
}

impl Runner {
    /// Whether the work is done on another machine, by a worker.
    pub fn is_remote(&self) -> bool {
        !matches!(self.kind, RunnerKind::Local)
    }
}

#[derive(Clone, Debug)]
pub struct Migration {
    pub name: String,
    /// Key of the source in [`Spec::sources`].
    pub source: String,
    pub target: String,
    /// `None`: the default local runner (address `runner.local.default`).
    pub runner: Option<String>,
    /// Addresses of blocks that must be there first.
    pub after: Vec<String>,
    /// The rules of the filter, in order, `@file` already imported; default `["*.*"]`.
    pub tables: Vec<String>,
    pub tables_place: Option<Place>,
    pub writes: Writes,
    pub gates: Gates,
    pub dump: Dump,
    pub load: Load,
    pub verify: VerifyMode,
    /// Default 4.
    pub verify_threads: u32,
    pub place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Writes {
    /// Somebody stopped the writes; the gate looks whether that is so.
    Stopped,
    /// The tables are locked while the snapshots are opened.
    Lock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleAction {
    Stop,
    Warn,
    /// Change what is created so that the target takes it; the plan shows the change.
    Rewrite,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CollationAction {
    Stop,
    Convert,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ZeroDates {
    Stop,
    Keep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetTables {
    Absent,
    SameAndEmpty,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gates {
    pub collation: CollationAction,
    pub collation_map: BTreeMap<String, String>,
    /// `Stop` or `Warn`: the default of every compatibility rule.
    pub compatibility: RuleAction,
    /// `rule "MIG2107" { action = "rewrite" }`: code -> action.
    pub rules: BTreeMap<Code, RuleAction>,
    pub zero_dates: ZeroDates,
    pub target_tables: TargetTables,
    /// Names of gates.
    pub accept_unproven: Vec<GateName>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Compress {
    None,
    Gzip,
    Zstd,
}

impl Compress {
    /// The word of the spec, as a dump's inputs hold it.
    pub fn of_word(word: &str) -> Option<Self> {
        match word {
            "none" => Some(Self::None),
            "gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// How files of data are packed.
    pub fn packing(self) -> Packing {
        match self {
            Self::None => Packing::Plain,
            Self::Gzip => Packing::Gzip,
            Self::Zstd => Packing::Zstd,
        }
    }
}

/// Sizes in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dump {
    #[serde(skip_serializing_if = "DumpEngine::is_default")]
    pub engine: DumpEngine,
    /// The program of the engine; `None`: by its name, from the PATH.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binary: Option<String>,
    /// Default 8.
    pub threads: u32,
    /// Default 256 MiB.
    pub file_size: u64,
    /// Default 1 MiB.
    pub statement_size: u64,
    /// `None`: auto.
    pub chunk_bytes: Option<u64>,
    pub compress: Compress,
    /// Bytes a second; `None`: unlimited.
    pub rate_limit: Option<u64>,
    /// [`crate::words::addr::TableName::key`] -> condition.
    pub where_: BTreeMap<String, String>,
    pub where_place: Option<Place>,
    /// Default true: the files stay.
    pub keep: bool,
    /// Bytes of files that may lie on the disk before they are loaded; `None`: [`Dump::room`] has a default.
    pub disk_limit: Option<u64>,
    /// Where the files go; `None`: the work folder of the runner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Bucket>,
}

impl Dump {
    /// The program of an engine that is not mig's own.
    pub fn program(&self) -> Option<&str> {
        self.engine.program().map(|name| self.binary.as_deref().unwrap_or(name))
    }

    /// Bytes that files which are not loaded yet may take; `None`: the files are kept, or are in a bucket without a limit, and
    /// take what they take.
    pub fn room(&self) -> Option<u64> {
        let default = self.file_size.saturating_mul(u64::from(self.threads));
        let default = self.to.is_none().then_some(default);
        if self.keep { None } else { self.disk_limit.or(default) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Load {
    #[serde(skip_serializing_if = "LoadEngine::is_default")]
    pub engine: LoadEngine,
    /// The program of the engine; `None`: by its name, from the PATH.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binary: Option<String>,
    /// `None`: auto.
    pub threads: Option<u32>,
    /// `None`: auto.
    pub batch_bytes: Option<u64>,
    /// Session variables of the loader.
    pub session: BTreeMap<String, String>,
}

impl Load {
    /// The program of an engine that is not mig's own.
    pub fn program(&self) -> Option<&str> {
        self.engine.program().map(|name| self.binary.as_deref().unwrap_or(name))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyMode {
    Full,
    Count,
    None,
}

impl Spec {
    /// The evaluated structure that a plan is bound to: no comments, no places, no sensitive value; the files read
    /// stand in it by digest, but for the spec files themselves (a comment changes nothing).
    pub fn digest_form(&self) -> serde_json::Value {
        let server = |s: &Server| {
            let mut form = serde_json::json!({
                "label": s.label, "host": s.host, "port": s.port, "username": s.username,
                "password_set": s.password.is_some(), "tls": s.tls, "max_threads": s.max_threads,
                "ledger_schema": s.ledger_schema, "tier": s.tier, "region": s.region,
            });
            if let Some(aurora) = &s.aurora {
                // What is looked up is not a part of the spec: a failover moves the endpoint.
                form["host"] = serde_json::json!(aurora.host);
                form["port"] = serde_json::json!(aurora.port);
                form["cluster_identifier"] = serde_json::json!(aurora.cluster_identifier);
                form["password_secret"] = serde_json::json!(aurora.password_secret);
                if aurora.iam_auth {
                    form["iam_auth"] = serde_json::json!(true);
                }
                form["password_set"] = serde_json::json!(s.password.is_some() || aurora.password_secret.is_some());
            }
            form
        };
        let migration = |m: &Migration| {
            serde_json::json!({
                "source": m.source, "target": m.target, "runner": m.runner, "after": m.after, "tables": m.tables,
                "writes": m.writes, "gates": m.gates, "dump": m.dump, "load": m.load, "verify": m.verify,
                "verify_threads": m.verify_threads,
            })
        };
        let runner = |r: &Runner| match &r.kind {
            RunnerKind::Local => serde_json::json!({"label": r.label, "workdir": r.workdir}),
            RunnerKind::Ssh(endpoint) => serde_json::json!({"label": r.label, "endpoint": endpoint}),
            RunnerKind::Ec2(ec2) => serde_json::json!({"label": r.label, "ec2": ec2}),
        };
        let peering = |p: &aws::Peering| {
            serde_json::json!({
                "label": p.label, "found_by": p.found_by, "target_cidr": p.target_cidr, "accept": p.accept,
                "route_tables": p.route_tables,
            })
        };
        let mut form = serde_json::json!({
            // Plans of older versions are bound to this name. How the place is encrypted, and for how long a lease lasts, does not say
            // which state it is.
            "state_path": self.backend.to_string(),
            "sources": self.sources.iter().map(|(k, s)| (k.clone(), server(s))).collect::<BTreeMap<_, _>>(),
            "targets": self.targets.iter().map(|(k, s)| (k.clone(), server(s))).collect::<BTreeMap<_, _>>(),
            "runners": self.runners.iter().map(|(k, r)| (k.clone(), runner(r))).collect::<BTreeMap<_, _>>(),
            "migrations": self.migrations.iter().map(|(k, m)| (k.clone(), migration(m))).collect::<BTreeMap<_, _>>(),
            "files": self.files.iter().filter(|(name, _)| !name.ends_with(".mig.hcl")).collect::<BTreeMap<_, _>>(),
        });
        if let Some(aws) = &self.aws {
            form["aws"] = serde_json::json!({
                "region": aws.region, "endpoint_url": aws.endpoint_url, "default_tags": aws.default_tags,
            });
            if !aws.allowed_account_ids.is_empty() {
                form["aws"]["allowed_account_ids"] = serde_json::json!(aws.allowed_account_ids);
            }
        }
        if !self.moved.is_empty() {
            form["moved"] = serde_json::json!(self.moved.iter().map(|one| &one.of).collect::<Vec<_>>());
        }
        if !self.removed.is_empty() {
            form["removed"] = serde_json::json!(self.removed.iter().map(|one| &one.block).collect::<Vec<_>>());
        }
        if !self.peerings.is_empty() {
            let all = self.peerings.iter().map(|(k, p)| (k.clone(), peering(p))).collect::<BTreeMap<_, _>>();
            form["peerings"] = serde_json::json!(all);
        }
        form
    }
}
