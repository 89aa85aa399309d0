//! Approvals in words: what was signed, who has signed, and why a signature does not count.

use super::plan::summary;
use super::style::count;
use crate::formats::approval::NAMESPACE;
use crate::formats::plan::PlanFile;
use crate::think::approval::{Approvals, Doubt};

/// After `mig approve`: what was signed, with what, where the signature is, and how others check it.
pub fn signed(plan: &PlanFile, fingerprint: &str, file: &str) -> String {
    format!(
        "Signed: {}\nPlan {}\nKey  {fingerprint}\nFile {file}\nTo check it without mig: mig show -json PLANFILE | jq -j .digest | \
         ssh-keygen -Y verify -f ALLOWED_SIGNERS -I PRINCIPAL -n {NAMESPACE} -s {}\n",
        summary(plan),
        plan.digest.as_str(),
        for_shell(file),
    )
}

/// A path as a shell reads it as one word.
fn for_shell(path: &str) -> String {
    let plain = path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b));
    if plain { path.to_owned() } else { format!("'{}'", path.replace('\'', "'\\''")) }
}

/// `Approved by alice and bob.`
pub fn by(found: &Approvals) -> String {
    let names: Vec<&str> = found.by.iter().map(String::as_str).collect();
    format!("Approved by {}.", names.join(", "))
}

/// Why the approvals are too few: who has signed, and each signature that does not count.
pub fn missing(found: &Approvals, needed: u32) -> String {
    let has = match found.by.len() {
        0 => "nobody whose approval counts has signed it".to_owned(),
        _ => format!("only {} has", found.by.iter().map(String::as_str).collect::<Vec<_>>().join(", ")),
    };
    let mut text =
        format!("it needs {}; {has}", count(u64::from(needed), "approval", "approvals of different persons"));
    for (file, doubt) in &found.doubts {
        text.push_str(&format!("\n{file}: {}", words(doubt)));
    }
    if found.by.is_empty() && found.doubts.is_empty() {
        text.push_str(" (there is no signature beside it)");
    }
    text
}

fn words(doubt: &Doubt) -> String {
    match doubt {
        Doubt::Unreadable { error } => format!("it is not a signature ({error})"),
        Doubt::OtherPlan { key } => {
            format!("it does not sign this plan: another one, another purpose, or it was altered (key {key})")
        }
        Doubt::ShortKey { key } => format!("its key {key} is too short: RSA keys count from 2,048 bits on"),
        Doubt::Unlisted { key } => format!("its key {key} is not in the file of allowed signers"),
        Doubt::OtherPurpose { principal } => {
            format!("the key of {principal} is limited to other namespaces than {NAMESPACE}")
        }
        Doubt::Expired { principal, at } => format!("the key of {principal} is not valid since {at}"),
        Doubt::NotYet { principal, at } => format!("the key of {principal} is not valid before {at}"),
    }
}
