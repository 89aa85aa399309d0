//! What `mig plan -probe` came to: the structure of a migration, created for a moment beside everything else of the target.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::words::diag::Diagnostic;

/// How every schema of a probe begins: `mig_probe_1f0c9a77_1`.
pub const PREFIX: &str = "mig_probe_";

/// One migration's probe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probed {
    pub migration: String,
    /// `host:port` of the target.
    pub place: String,
    /// How many were created and read back the same.
    pub tables: u64,
    pub views: u64,
    pub foreign_keys: u64,
    /// One for each object that the target refused, or that came out otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Diagnostic>,
    /// Schemas of probes that are still there: of this one, where the target did not drop them, or of earlier ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
    /// It was interrupted: not everything was tried.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
}
