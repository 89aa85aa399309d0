//! The SSH agent of the person at the keyboard: signs with a key that never leaves it. The only file that names its crate.

use std::path::Path;

use ssh_agent_client_rs::{Client, Identity};
use ssh_key::{PublicKey, Signature};

/// The agent's signature over `data` by this key.
///
/// # Errors
/// In words: no agent at `SSH_AUTH_SOCK`, or it does not have the key, or it refused.
pub fn sign(key: &PublicKey, data: &[u8]) -> Result<Signature, String> {
    let place = std::env::var_os("SSH_AUTH_SOCK").ok_or("no SSH agent is there (SSH_AUTH_SOCK is not set)")?;
    let place = Path::new(&place);
    let at = |error: ssh_agent_client_rs::Error| format!("the SSH agent at {}: {error}", place.display());
    let mut agent = Client::connect(place).map_err(at)?;
    let has = agent.list_all_identities().map_err(at)?;
    let known = has.iter().any(|one| matches!(one, Identity::PublicKey(one) if one.key_data() == key.key_data()));
    if !known {
        return Err(format!("the SSH agent at {} does not have this key", place.display()));
    }
    agent.sign(key, data).map_err(at)
}
