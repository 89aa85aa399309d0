//! `runner.ec2.….key_pair`: an ed25519 key that is made here and imported, or one that is there. Its private half lies at
//! `identity_file`, durable before the public half is sent.

use std::fs::{File, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{LineEnding, PrivateKey, PublicKey};
use zeroize::Zeroizing;

use crate::formats::cloud::KeyPair;
use crate::formats::cloud_inputs::{KeyPairInputs, KeyPairOutputs, Origin, names};
use crate::formats::outputs;
use crate::formats::plan::{Action, Node};
use crate::formats::steps::Removal;
use crate::formats::worker::identity_path;
use crate::steps::cloud::session::{Call, Done, Hand, is_intended};
use crate::steps::context::{Context, read_inputs};
use crate::steps::runner::fault;
use crate::steps::step::StepCtx;
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

pub async fn run(context: &Context, node: &Node, ctx: &StepCtx) -> Outcome<Value> {
    let inputs: KeyPairInputs = read_inputs(node)?;
    let hand = Hand::of(context, ctx, node)?;
    hand.begin(&inputs).await?;
    // The former pair has the same name. What this very run imported stays.
    if node.action == Action::Replace && hand.known::<KeyPairOutputs>()?.is_some_and(|known| !known.stays(node.action))
    {
        remove(&hand, false).await?;
    }
    let outputs = match &inputs.key {
        Origin::Existing(name) => {
            let what = format!("look for the key pair {name}");
            let found = hand.look(&what, || hand.cloud.key_pair(name)).await?;
            let pair = found.ok_or_else(|| absent(name))?;
            KeyPairOutputs { name: name.clone(), fingerprint: pair.fingerprint, owned: false, inputs }
        }
        Origin::Create => {
            let path = identity_file(context, &inputs)?;
            let key = keep(&hand, &path).await?;
            let name = names::object(&context.lineage, &node.addr);
            let pair = import(&hand, &inputs, &name, &key, &path).await?;
            KeyPairOutputs { name, fingerprint: pair.fingerprint, owned: true, inputs }
        }
    };
    Ok(json!(outputs))
}

/// Removes the pair and the private half that was made for it; a file that was there before stays.
pub async fn destroy(context: &Context, node: &Node, ctx: &StepCtx) -> Outcome<Value> {
    let remains = Removal::of(node)?;
    let hand = Hand::of(context, ctx, node)?;
    let name = remove(&hand, is_intended(&remains.notes)).await?;
    let inputs = remains.outputs::<KeyPairOutputs>(&node.addr)?.map(|made| made.inputs);
    let inputs = inputs.filter(|inputs| inputs.key.is_created() && inputs.identity_file.is_some());
    let Some(inputs) = inputs else { return Ok(Value::Null) };
    let path = identity_file(context, &inputs)?;
    // The comment in the file says whose it is: another key that took its place stays.
    match std::fs::read_to_string(&path).ok().and_then(|text| PrivateKey::from_openssh(text).ok()) {
        Some(key) if key.comment() == name => {
            std::fs::remove_file(&path).map_err(|error| fault("remove the private key", &path, &error))?;
            Ok(Value::Null)
        }
        Some(_) => outputs::left(format!("{}: it was not made for this key pair", path.display())),
        None => Ok(Value::Null),
    }
}

/// Removes the pair of this lineage's name, if it is there; gives the name. `fresh`: it was perhaps made just now.
async fn remove(hand: &Hand<'_>, fresh: bool) -> Outcome<String> {
    let name = names::object(&hand.context.lineage, hand.addr);
    let what = format!("the key pair {name}");
    if let Some(pair) = hand.find(fresh, &format!("look for {what}"), || hand.cloud.key_pair(&name)).await? {
        hand.claim(&what, &pair.tags)?;
        hand.effect(Call::DeleteKeyPair, &format!("remove {what}"), || hand.cloud.delete_key_pair(&name)).await?;
    }
    Ok(name)
}

fn identity_file(context: &Context, inputs: &KeyPairInputs) -> Outcome<PathBuf> {
    let file = inputs.identity_file.as_ref().ok_or_else(|| {
        let hint = "Make the plan again with this version of mig.";
        Failure::new(codes::PLAN_DOES_NOT_FIT_SPEC, "make a key pair", "the plan names no identity_file", hint)
    })?;
    Ok(identity_path(&context.dir, file, std::env::var_os("HOME")))
}

/// The key at the path, made there where there is none: synced, 0600, whole or absent.
async fn keep(hand: &Hand<'_>, path: &Path) -> Outcome<PrivateKey> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let text = Zeroizing::new(text);
            return PrivateKey::from_openssh(text.as_bytes()).map_err(|error| {
                let hint = "Move the file away, so that a key is made there, or name another identity_file.";
                Failure::new(
                    codes::PRIVATE_KEY_UNREADABLE,
                    format!("read the private key {}", path.display()),
                    error.to_string(),
                    hint,
                )
            });
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(fault("read the private key", path, &error)),
    }
    let name = names::object(&hand.context.lineage, hand.addr);
    let seed = Zeroizing::new(rand::random::<[u8; 32]>());
    let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&seed));
    let unmade = |error: ssh_key::Error| {
        Failure::new(codes::INTERNAL, "make an SSH key", error.to_string(), "Please report this; nothing was done.")
    };
    let key = PrivateKey::new(pair, name).map_err(unmade)?;
    let text = key.to_openssh(LineEnding::LF).map_err(unmade)?;
    write(path, text.as_bytes()).map_err(|error| fault("write the private key", path, &error))?;
    Ok(key)
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // Of a name that nobody can foresee: another runner's key may be made beside it.
    let half = path.with_file_name(format!(".{name}.{:016x}.new", rand::random::<u64>()));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&half)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        // A file that came to be there meanwhile is somebody's key: it is not written over.
        std::fs::hard_link(&half, path)
    })();
    let _ = std::fs::remove_file(&half);
    written?;
    File::open(folder)?.sync_all()
}

async fn import(
    hand: &Hand<'_>,
    inputs: &KeyPairInputs,
    name: &str,
    key: &PrivateKey,
    path: &Path,
) -> Outcome<KeyPair> {
    let public = key.public_key();
    let line = public.to_openssh().map_err(|error| {
        Failure::new(codes::INTERNAL, "write a public key", error.to_string(), "Please report this; nothing was done.")
    })?;
    let what = format!("import the key pair {name}");
    let look = format!("look for the key pair {name}");
    // A name that only this lineage makes: by a call before this one, or by somebody who took it.
    let there = match hand.look(&look, || hand.cloud.key_pair(name)).await? {
        Some(there) => there,
        None => {
            let (line, tags) = hand.intend(1, (line, hand.tags(&inputs.tags))).await?;
            let ask = || hand.cloud.import_key_pair(name, &line, &tags);
            match hand.effect(Call::ImportKeyPair, &what, ask).await? {
                Done::Made(pair) => {
                    hand.made(name, 1).await?;
                    return Ok(pair);
                }
                Done::Already => hand.sight(&look, || hand.cloud.key_pair(name)).await?.ok_or_else(|| absent(name))?,
            }
        }
    };
    if fingerprints(public).contains(&plain(&there.fingerprint)) {
        return Ok(there);
    }
    Err(Failure::new(
        codes::OBJECT_OF_OTHER_LINEAGE,
        what,
        format!("a key pair of this name is there, of another key (fingerprint {})", there.fingerprint),
        format!(
            "Put the private half that belongs to it back at {}; or delete that key pair in the console, if nothing uses it, and run again.",
            path.display()
        ),
    ))
}

/// A key's fingerprints as they may be told: EC2 has the SHA-256 of an ed25519 key's OpenSSH form; of keys of other kinds
/// it has a digest of the DER form in hexadecimal digits, and emulators have that of all.
fn fingerprints(key: &PublicKey) -> Vec<String> {
    // RFC 8410: what stands before the 32 bytes of an ed25519 key in its SubjectPublicKeyInfo.
    const DER: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let openssh = key.to_bytes().unwrap_or_default();
    let der = key.key_data().ed25519().map(|key| [&DER[..], key.as_ref()].concat());
    let digests = [Some(openssh), der].into_iter().flatten().map(Sha256::digest);
    digests.flat_map(|digest| [plain(&STANDARD.encode(digest)), plain(&hex::encode(digest))]).collect()
}

/// Without what writers of fingerprints differ in.
fn plain(fingerprint: &str) -> String {
    fingerprint.trim_start_matches("SHA256:").trim_end_matches('=').replace(':', "")
}

fn absent(name: &str) -> Failure {
    Failure::new(
        codes::EXISTING_OBJECT_MISSING,
        format!("find the key pair {name}"),
        "there is none of this name",
        "Import it in this region, correct `key_pair`, or let mig make one: `key_pair = \"create\"`.",
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_is_written_whole_for_its_owner_alone_and_never_over_another() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys/id");
        write(&path, b"one").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(write(&path, b"two").is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
    }

    #[test]
    fn a_fingerprint_is_the_same_however_it_is_written() {
        for (one, other) in [("SHA256:ab+/=", "ab+/"), ("aa:bb", "aabb"), ("x==", "x")] {
            assert_eq!(plain(one), plain(other));
        }
    }
}
