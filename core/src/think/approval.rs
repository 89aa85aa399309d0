//! Who has approved a plan: which signatures count, for whom, at a given time. Knows no file and no clock.

use std::collections::{BTreeMap, BTreeSet};

use ssh_key::SshSig;
use time::OffsetDateTime;

use crate::formats::approval::{AllowedSigner, NAMESPACE, fingerprint, fits, is_long_enough};
use crate::words::digest::Digest;

/// A file beside the plan.
pub struct Signed {
    pub file: String,
    /// What it holds; the text says why it cannot be read.
    pub signature: Result<SshSig, String>,
}

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    Unreadable {
        error: String,
    },
    /// Made for another plan, or altered, or for another purpose.
    OtherPlan {
        key: String,
    },
    /// RSA of too few bits.
    ShortKey {
        key: String,
    },
    /// No line has its key.
    Unlisted {
        key: String,
    },
    /// Each line that has its key is limited to other namespaces.
    OtherPurpose {
        principal: String,
    },
    Expired {
        principal: String,
        at: OffsetDateTime,
    },
    NotYet {
        principal: String,
        at: OffsetDateTime,
    },
}

/// What the signatures beside a plan come to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Approvals {
    /// Who has signed, each once, however many keys of theirs have.
    pub by: BTreeSet<String>,
    /// File -> why it does not count.
    pub doubts: BTreeMap<String, Doubt>,
}

/// Judges every signature. A key counts for one principal, that of its first line that is valid now.
pub fn approvals(plan: &Digest, signed: &[Signed], allowed: &[AllowedSigner], now: OffsetDateTime) -> Approvals {
    let mut found = Approvals::default();
    for one in signed {
        match judge(plan, one, allowed, now) {
            Ok(principal) => {
                found.by.insert(principal);
            }
            Err(doubt) => {
                found.doubts.insert(one.file.clone(), doubt);
            }
        }
    }
    found
}

fn judge(plan: &Digest, one: &Signed, allowed: &[AllowedSigner], now: OffsetDateTime) -> Result<String, Doubt> {
    let signature = match &one.signature {
        Ok(signature) => signature,
        Err(error) => return Err(Doubt::Unreadable { error: error.clone() }),
    };
    let key = || fingerprint(signature.public_key());
    if !is_long_enough(signature.public_key()) {
        return Err(Doubt::ShortKey { key: key() });
    }
    if !fits(signature, plan) {
        return Err(Doubt::OtherPlan { key: key() });
    }
    let mut doubt = Doubt::Unlisted { key: key() };
    for line in allowed.iter().filter(|line| line.key == *signature.public_key()) {
        let principal = line.principal.clone();
        let purpose = line.namespaces.as_ref();
        doubt = if purpose.is_some_and(|names| !names.iter().any(|name| name == NAMESPACE)) {
            Doubt::OtherPurpose { principal }
        } else if let Some(at) = line.valid_after.filter(|at| now < *at) {
            Doubt::NotYet { principal, at }
        } else if let Some(at) = line.valid_before.filter(|at| now >= *at) {
            Doubt::Expired { principal, at }
        } else {
            return Ok(principal);
        };
    }
    Err(doubt)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use ssh_key::private::Ed25519Keypair;
    use ssh_key::{HashAlg, PrivateKey};
    use time::macros::datetime;

    use super::*;
    use crate::formats::approval::{allowed_signers, read_signature, sign};

    fn key(seed: u8) -> PrivateKey {
        PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
    }

    fn signed(file: &str, seed: u8, plan: &Digest) -> Signed {
        let text = sign(&key(seed), plan).unwrap();
        Signed { file: file.into(), signature: Ok(read_signature(text.as_bytes()).unwrap()) }
    }

    #[test]
    fn a_signature_counts_for_its_plan_its_person_and_its_time() {
        let (plan, other) = (Digest::of_bytes(b"plan"), Digest::of_bytes(b"another"));
        let [a, b] = [1, 2].map(|seed| key(seed).public_key().to_openssh().unwrap());
        let check = |lines: &str, files: &[Signed], by: &[&str], doubts: &[(&str, &str)]| {
            let lines = lines.replace("KEY_A", &a).replace("KEY_B", &b);
            let found = approvals(&plan, files, &allowed_signers(&lines).unwrap(), datetime!(2026-06-01 12:00 UTC));
            assert_eq!(found.by.iter().map(String::as_str).collect::<Vec<_>>(), by, "{lines}");
            let shown: Vec<(String, String)> =
                found.doubts.into_iter().map(|(file, doubt)| (file, format!("{doubt:?}"))).collect();
            assert_eq!(shown.len(), doubts.len(), "{shown:?}");
            for ((file, shown), (expected, begins)) in shown.iter().zip(doubts) {
                assert!(file == expected && shown.starts_with(begins), "{lines}: {file}: {shown}");
            }
        };
        let both = "alice KEY_A\nbob KEY_B";
        check(both, &[], &[], &[]);
        check(both, &[signed("1", 1, &plan), signed("2", 2, &plan)], &["alice", "bob"], &[]);
        check(both, &[signed("1", 1, &other), signed("2", 2, &plan)], &["bob"], &[("1", "OtherPlan")]);
        check(both, &[signed("3", 3, &plan)], &[], &[("3", "Unlisted")]);
        // Two keys of one person are one approval, and one key is one person.
        check("alice KEY_A\nalice KEY_B", &[signed("1", 1, &plan), signed("2", 2, &plan)], &["alice"], &[]);
        check("alice KEY_A\nbob KEY_A", &[signed("1", 1, &plan), signed("2", 1, &plan)], &["alice"], &[]);
        // Times: from the first moment, until before the last.
        check("alice valid-before=\"20260601120000\" KEY_A", &[signed("1", 1, &plan)], &[], &[("1", "Expired")]);
        check("alice valid-before=\"20260601120001\" KEY_A", &[signed("1", 1, &plan)], &["alice"], &[]);
        check("alice valid-after=\"20260601120000\" KEY_A", &[signed("1", 1, &plan)], &["alice"], &[]);
        check("alice valid-after=\"20260601120001\" KEY_A", &[signed("1", 1, &plan)], &[], &[("1", "NotYet")]);
        // A renewed line of the same key.
        check(
            "alice valid-before=\"2025010100\" KEY_A".replace("2025010100", "20250101").as_str(),
            &[signed("1", 1, &plan)],
            &[],
            &[("1", "Expired")],
        );
        check("alice valid-before=\"20250101\" KEY_A\nalice KEY_A", &[signed("1", 1, &plan)], &["alice"], &[]);
        // For mail it does not count.
        check("alice namespaces=\"file\" KEY_A", &[signed("1", 1, &plan)], &[], &[("1", "OtherPurpose")]);
        check("alice namespaces=\"file,mig-plan\" KEY_A", &[signed("1", 1, &plan)], &["alice"], &[]);
        let torn = Signed { file: "0".into(), signature: Err("torn".into()) };
        check(both, &[torn, signed("1", 1, &plan)], &["alice"], &[("0", "Unreadable")]);
        let file = ssh_key::SshSig::sign(&key(1), "file", HashAlg::Sha512, crate::formats::approval::message(&plan));
        check(both, &[Signed { file: "1".into(), signature: Ok(file.unwrap()) }], &[], &[("1", "OtherPlan")]);
    }
}
