//! What passes between `mig` here and its worker on a runner: where the runner is, what the worker is to do, what it
//! tells. Values only; one message is one line of JSON.

use serde::{Deserialize, Serialize};

/// Where a runner's shell answers, and as whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    pub host: String,
    pub port: u16,
    pub user: String,
    /// The private key's file on this machine; none: what the agent or the SSH configuration has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_file: Option<String>,
    /// The host's public key as `ssh-ed25519 AAAA…`; none: what `known_hosts` has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_key: Option<String>,
    /// The folder over there: absolute, or relative to the user's home.
    pub workdir: String,
}
