//! `mig { backend … }`: where the state is kept. Block -> model; knows no store.
//!
//! To add a backend: a variant of [`Backend`] with its row of [`KINDS`] here, its attributes in `schema.rs`, its file in
//! `hosts`, and its arm in `hosts/store.rs`.

use std::time::Duration;

use hcl_edit::structure::Block;
use serde::Serialize;

use super::access::{Access, access};
use super::expression::{DEFAULT_WORKSPACE, Evaluator, Scope};
use super::faults::{Read, suggestion};
use super::fields::Fields;
use super::schema::{LOCAL_BACKEND, S3_BACKEND, Schema};
use crate::words::codes;
use crate::words::diag::Diagnostic;

/// Where a state is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A file; relative to the spec's folder.
    Local {
        path: String,
    },
    S3(S3),
}

/// An object of Amazon S3, or of a server that speaks its protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct S3 {
    pub bucket: String,
    /// The name of the state's object; the names of all others begin with it.
    pub key: String,
    #[serde(flatten)]
    pub access: Access,
    /// How long a holder of the lock may be silent before another one takes over.
    pub lease_seconds: u64,
}

impl Default for Backend {
    fn default() -> Self {
        Self::Local { path: "mig.migstate".into() }
    }
}

impl std::fmt::Display for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Local { path } => write!(f, "{path}"),
            Self::S3(S3 { bucket, key, access, .. }) => match &access.endpoint_url {
                None => write!(f, "s3://{bucket}/{key}"),
                Some(url) => write!(f, "s3://{bucket}/{key} at {url}"),
            },
        }
    }
}

impl Backend {
    /// The file that says who signed the certificate of its server; relative to the spec's folder.
    pub fn ca_file(&self) -> Option<&str> {
        match self {
            Self::Local { .. } => None,
            Self::S3(s3) => s3.access.ca_file.as_deref(),
        }
    }
}

impl S3 {
    /// For how long a holder of the lock may give no sign of life.
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds)
    }
}

/// A kind of backend: its label, its attributes, and how its block is read.
struct Kind {
    label: &'static str,
    schema: &'static Schema,
    read: fn(&Evaluator, &Fields) -> Read<Backend>,
}

const KINDS: [Kind; 2] =
    [Kind { label: "local", schema: &LOCAL_BACKEND, read: local }, Kind { label: "s3", schema: &S3_BACKEND, read: s3 }];

/// A workspace that the backend does not ask for would be another name of one state.
pub(super) fn check_workspace(evaluator: &Evaluator) {
    let name = &evaluator.workspace;
    let sound = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || !name.chars().all(sound) {
        let help = "Give MIG_WORKSPACE or -workspace a name of letters, digits, `_` and `-`.";
        let found = Diagnostic::error(codes::WORKSPACE, format!("{name:?} is not the name of a workspace"));
        evaluator.faults.push(found.help(help));
    } else if name != DEFAULT_WORKSPACE && !evaluator.workspace_used.get() {
        let help =
            "Write it into the backend, for example key = \"shop/${workspace}/mig.migstate\", or name no workspace.";
        let found = Diagnostic::error(
            codes::WORKSPACE,
            format!("the backend does not tell the workspace {name:?} from others"),
        );
        evaluator.faults.push(found.help(help));
    }
}

/// The backend that a `mig` block names; `None`: it names none.
pub(super) fn backend(evaluator: &Evaluator, text: usize, settings: &Fields) -> Read<Option<Backend>> {
    let mut found = Ok(None);
    for (n, block) in settings.blocks("backend").enumerate() {
        found = match n {
            0 => one(evaluator, text, settings, block).map(Some),
            _ => {
                let at = settings.at(block.labels.first().and_then(hcl_edit::Span::span));
                let help = "A spec has one state: keep one backend.";
                Err(evaluator.faults.error(codes::DUPLICATE_BLOCK, &at, "a second backend", help))
            }
        };
    }
    found
}

fn one(evaluator: &Evaluator, text: usize, settings: &Fields, block: &Block) -> Read<Backend> {
    let label = block.labels.first();
    let name = label.map_or("", |label| label.as_str());
    let Some(kind) = KINDS.iter().find(|kind| kind.label == name) else {
        let labels: Vec<&str> = KINDS.iter().map(|kind| kind.label).collect();
        let at = settings.at(label.and_then(hcl_edit::Span::span));
        let summary = format!("unknown block `backend \"{name}\"`");
        return Err(evaluator.faults.error(codes::UNKNOWN_BLOCK, &at, summary, suggestion(name, "backend", &labels)));
    };
    (kind.read)(evaluator, &Fields::open(evaluator, text, block, kind.schema).scope(Scope::Backend))
}

fn local(_: &Evaluator, fields: &Fields) -> Read<Backend> {
    Ok(fields.word("path")?.map_or_else(Backend::default, |path| Backend::Local { path }))
}

fn s3(evaluator: &Evaluator, fields: &Fields) -> Read<Backend> {
    let bucket = fields.required_word("bucket");
    let key = fields.required_word("key").and_then(|key| {
        let parts = key.split('/').all(|part| !["", ".", ".."].contains(&part));
        // It would be taken for a part of another state.
        let foreign = key.contains(".journal/") || COMPANIONS.iter().any(|suffix| key.ends_with(suffix));
        if parts && !foreign && key.len() <= LONGEST_KEY {
            return Ok(key);
        }
        let help = format!(
            "Write it as \"shop/mig.migstate\": no empty part, `.` or `..` between slashes, at most {LONGEST_KEY} bytes, and not the \
             name of a file that belongs to a state."
        );
        Err(fields.wrong("key", codes::OUT_OF_RANGE, "`key` is not the name of a state's object", help))
    });
    let access = access(evaluator, fields);
    let lease = fields.duration("lease").and_then(|lease| match lease {
        Some(seconds) if !LEASES.contains(&seconds) => {
            let help = "A holder renews it three times in that span. Write 60s; a longer one lets others wait longer after a crash.";
            Err(fields.wrong("lease", codes::OUT_OF_RANGE, "`lease` is not between 2s and 1h", help))
        }
        lease => Ok(lease.unwrap_or(DEFAULT_LEASE)),
    });
    Ok(Backend::S3(S3 { bucket: bucket?, key: key?, access: access?, lease_seconds: lease? }))
}

/// How the names end of what lies beside a state.
const COMPANIONS: [&str; 6] = [".journal", ".lock", ".progress", ".backup", ".backup.journal", ".certificate.json"];

/// S3 takes names of 1,024 bytes; the names of segments and companions are longer than the state's.
const LONGEST_KEY: usize = 800;

const DEFAULT_LEASE: u64 = 60;

const LEASES: std::ops::RangeInclusive<u64> = 2..=3600;
