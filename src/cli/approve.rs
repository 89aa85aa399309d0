//! `mig approve`: a signature beside a saved plan; and what `mig apply -require-approval` asks of such signatures.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ssh_key::{PrivateKey, PublicKey};
use time::OffsetDateTime;

use super::args;
use super::session::{print, read_plan};
use crate::formats::approval;
use crate::formats::plan::PlanFile;
use crate::formats::plan_seal;
use crate::hosts::clock::SystemClock;
use crate::hosts::{file, ssh_agent};
use crate::screen;
use crate::seams::clock::Clock;
use crate::think::approval::{Approvals, Signed, approvals};
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

/// More than any signature has.
const MOST_BYTES: u64 = 64 * 1024;

pub fn run(args: &args::Approve) -> Outcome<ExitKind> {
    let plan = read_plan(&args.plan)?;
    let refuse = |code, cause: String| {
        Failure::new(code, format!("approve the plan {}", args.plan.display()), cause, "Plan again, and approve that.")
    };
    if plan.body.blocked {
        return Err(super::saved::blocked(&plan.body));
    }
    if plan_seal::expired(&plan.header, &SystemClock::new().now()) {
        return Err(refuse(codes::PLAN_EXPIRED, format!("it has expired at {}", plan.header.expires)));
    }
    let (key, text) = signature(&args.key, &plan)?;
    if !approval::is_long_enough(key.key_data()) {
        let cause = format!("{} is too short: RSA keys count from 2,048 bits on", args.key.display());
        return Err(refuse(codes::APPROVAL_NOT_SIGNED, cause));
    }
    let name = args.plan.file_name().unwrap_or_default().to_string_lossy();
    let path = args.plan.with_file_name(approval::file_name(&name, key.key_data()));
    // If there is a link with this name, it is replaced and not followed: another user of the folder can have put it there.
    file::replace(&path, text.as_bytes()).map_err(|error| {
        Failure::new(
            codes::FILE_UNWRITABLE,
            format!("write the signature {}", path.display()),
            error.to_string(),
            "Put the plan into a folder that can be written.",
        )
    })?;
    print(&screen::approval::signed(&plan, &approval::fingerprint(key.key_data()), &path.display().to_string()));
    Ok(ExitKind::Success)
}

/// A signature by the private key in a file, or by the agent for a key that is encrypted or of which only the public half
/// is here.
fn signature(path: &Path, plan: &PlanFile) -> Outcome<(PublicKey, String)> {
    let fail = |cause: String| {
        Failure::new(
            codes::APPROVAL_NOT_SIGNED,
            format!("sign with the key {}", path.display()),
            cause,
            "Name an OpenSSH key: a private one, or the public half of one that the agent has (ssh-add). An older PEM file \
             becomes one by `ssh-keygen -p -f FILE`.",
        )
    };
    let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    let text = zeroize::Zeroizing::new(text);
    let public = match PrivateKey::from_openssh(text.as_bytes()) {
        Ok(key) if !key.is_encrypted() => {
            let signature = approval::sign(&key, &plan.digest).map_err(|error| fail(error.to_string()))?;
            return Ok((key.public_key().clone(), signature));
        }
        // An encrypted file has its public half in the clear.
        Ok(key) => key.public_key().clone(),
        // A private key that cannot be read has a public half beside it, by which the agent is asked.
        Err(private) => PublicKey::from_openssh(text.trim())
            .or_else(|public| public_half(path).ok_or(public))
            .map_err(|public| {
                fail(format!("it is neither a private key that can be read ({private}) nor a public one ({public})"))
            })?,
    };
    let data = approval::to_be_signed(&plan.digest).map_err(|error| fail(error.to_string()))?;
    let signature = ssh_agent::sign(&public, &data).map_err(fail)?;
    let text =
        approval::signature_file(public.key_data().clone(), signature).map_err(|error| fail(error.to_string()))?;
    Ok((public, text))
}

/// Who has approved the plan file, where that is asked for; before anything else is looked at.
pub fn of_plan_file(args: &args::Apply, file: Option<&PlanFile>) -> Outcome<Option<Approvals>> {
    let Some(needed) = args.approval.require_approval else { return Ok(None) };
    let (Some(path), Some(plan)) = (args.plan.as_deref(), file) else {
        unplanned(&args.approval)?;
        return Ok(None);
    };
    required(path, plan, needed, args.approval.allowed_signers.as_deref()).map(Some)
}

/// What a command without a plan file does not do where approvals are required: a plan that is only now made cannot have
/// been approved.
///
/// # Errors
/// Exit 1: they are required.
pub fn unplanned(approval: &args::Approval) -> Outcome<()> {
    match approval.require_approval {
        None => Ok(()),
        Some(_) => Err(Failure::new(
            codes::COMMAND_LINE,
            "read the arguments",
            "-require-approval goes with a plan file: a plan that is only now made cannot have been approved",
            "Save it by `mig plan -out=FILE` (to destroy: with -destroy), have it signed by `mig approve FILE -key KEY`, and \
             run `mig apply FILE`.",
        )),
    }
}

/// `KEY.pub`.
fn public_half(path: &Path) -> Option<PublicKey> {
    let text = std::fs::read_to_string(file::beside(path, ".pub")).ok()?;
    PublicKey::from_openssh(text.trim()).ok()
}

/// Whether enough persons have signed; who has, for the screen.
///
/// # Errors
/// Exit 3, MIG4113: too few have, with each signature that does not count and why. Exit 1, MIG4114: the file of allowed
/// signers cannot be used.
fn required(path: &Path, plan: &PlanFile, needed: u32, allowed: Option<&Path>) -> Outcome<Approvals> {
    let Some(allowed) = allowed else {
        return Err(Failure::new(
            codes::COMMAND_LINE,
            "read the arguments",
            "-require-approval does not say whose approval counts",
            "Name OpenSSH's file of allowed signers: -allowed-signers FILE.",
        ));
    };
    let unreadable = |cause: String| {
        Failure::new(
            codes::ALLOWED_SIGNERS_UNREADABLE,
            format!("read the allowed signers {}", allowed.display()),
            cause,
            "Each line is PRINCIPAL [OPTIONS] KEYTYPE KEY (man ssh-keygen, ALLOWED SIGNERS). No step was started.",
        )
    };
    let text = std::fs::read_to_string(allowed).map_err(|error| unreadable(error.to_string()))?;
    let signers = approval::allowed_signers(&text).map_err(|faults| {
        let lines: Vec<String> = faults.into_iter().map(|(line, fault)| format!("line {line}: {fault}")).collect();
        unreadable(lines.join("; "))
    })?;
    let signed = beside(path)?;
    let found = approvals(&plan.digest, &signed, &signers, OffsetDateTime::now_utc());
    if found.by.len() < needed as usize {
        return Err(Failure::new(
            codes::PLAN_NOT_APPROVED,
            format!("apply the plan {}", path.display()),
            screen::approval::missing(&found, needed),
            "Each person who may approve it runs `mig approve PLANFILE -key KEY`; the signatures stay beside the plan. No \
             step was started.",
        ));
    }
    Ok(found)
}

/// Every signature that lies beside the plan, by name.
fn beside(path: &Path) -> Outcome<Vec<Signed>> {
    let fail = |error: std::io::Error| {
        Failure::new(
            codes::FILE_UNREADABLE,
            format!("look for signatures beside the plan {}", path.display()),
            error.to_string(),
            "Name a plan in a folder that can be read. No step was started.",
        )
    };
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let plan = path.file_name().unwrap_or_default().as_encoded_bytes();
    let is_one = |name: &OsString| {
        let rest = name.as_encoded_bytes().strip_prefix(plan);
        rest.is_some_and(|rest| rest == b".sig" || (rest.starts_with(b".") && rest.ends_with(b".sig")))
    };
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        if is_one(&entry.file_name()) {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files.iter().map(|file| Signed { file: file.display().to_string(), signature: read(file) }).collect())
}

fn read(file: &Path) -> Result<ssh_key::SshSig, String> {
    use std::io::Read;
    let mut bytes = Vec::new();
    // Opening a pipe would wait for somebody to write to it.
    if !std::fs::metadata(file).map_err(|error| error.to_string())?.is_file() {
        return Err("it is not a file".into());
    }
    let opened = std::fs::File::open(file).map_err(|error| error.to_string())?;
    opened.take(MOST_BYTES).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    approval::read_signature(&bytes).map_err(|error| error.to_string())
}
