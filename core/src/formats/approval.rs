//! Approvals of a plan: SSH signatures (SSHSIG, OpenSSH's PROTOCOL.sshsig) over the text of its digest, and the file that says
//! whose keys count (ssh-keygen(1), "ALLOWED SIGNERS"). Reads and writes both forms; who has approved is decided in
//! `think/approval`.

use rsa::signature::{SignatureEncoding, Signer};
use ssh_key::private::{KeypairData, RsaKeypair};
use ssh_key::public::KeyData;
use ssh_key::{Algorithm, HashAlg, LineEnding, Mpint, PrivateKey, PublicKey, Signature, SshSig};
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::words::digest::Digest;

/// What a signature is made for; ssh-keygen's `-n`. A signature for mail or for git does not approve a plan.
pub const NAMESPACE: &str = "mig-plan";

/// One line of the file of allowed signers.
#[derive(Clone, Debug, PartialEq)]
pub struct AllowedSigner {
    /// Who that is: the first name that stands for the person in the file.
    pub principal: String,
    pub key: KeyData,
    /// `namespaces="…"`; `None`: for all.
    pub namespaces: Option<Vec<String>>,
    pub valid_after: Option<OffsetDateTime>,
    pub valid_before: Option<OffsetDateTime>,
    /// From 1.
    pub line: usize,
}

/// Reads the whole file. Lines that share a name or a key are one person, under the first name of the first of them: else one
/// person could count as two.
///
/// # Errors
/// All lines that cannot be used, each with its number and why. A line that is not understood could allow or forbid
/// somebody, so none is passed over.
pub fn allowed_signers(text: &str) -> Result<Vec<AllowedSigner>, Vec<(usize, String)>> {
    let (mut lines, mut faults) = (Vec::new(), Vec::new());
    // Editors on Windows begin a file with a byte order mark.
    for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match Line::read(line, at + 1) {
            Ok(line) => lines.push(line),
            Err(fault) => faults.push((at + 1, fault)),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    unite(&mut lines);
    let name_of = |person: usize| {
        let first = lines.iter().find(|line| line.signer.line == person);
        first.and_then(|line| line.names.first()).cloned().unwrap_or_default()
    };
    let names: Vec<String> = lines.iter().map(|line| name_of(line.person)).collect();
    Ok(lines.into_iter().zip(names).map(|(line, principal)| AllowedSigner { principal, ..line.signer }).collect())
}

/// Gives all lines of one person the same first line, over whatever number of lines they are connected.
fn unite(lines: &mut [Line]) {
    for at in 0..lines.len() {
        for earlier in 0..at {
            let (one, other) = (lines[earlier].person, lines[at].person);
            if one != other && lines[earlier].shares(&lines[at]) {
                let (first, second) = (one.min(other), one.max(other));
                lines.iter_mut().filter(|line| line.person == second).for_each(|line| line.person = first);
            }
        }
    }
}

/// One line as it is read.
struct Line {
    signer: AllowedSigner,
    names: Vec<String>,
    /// The first line of the person.
    person: usize,
}

impl Line {
    fn read(text: &str, line: usize) -> Result<Self, String> {
        let (principals, rest) = word(text)?;
        let (second, behind) = word(rest)?;
        // What stands behind the key is a comment.
        let (options, kind, rest) = if second.parse::<Algorithm>().is_ok() {
            (None, second, behind)
        } else {
            let (kind, rest) = word(behind)?;
            (Some(second), kind, rest)
        };
        let key = rest.split_ascii_whitespace().next().unwrap_or_default();
        if kind.is_empty() || key.is_empty() {
            return Err("it has no key: PRINCIPAL [OPTIONS] KEYTYPE KEY is expected".into());
        }
        let names = names(principals.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(&principals))?;
        let key =
            format!("{kind} {key}").parse::<PublicKey>().map_err(|error| format!("its key cannot be read: {error}"))?;
        let mut signer = AllowedSigner {
            principal: String::new(),
            key: key.key_data().clone(),
            namespaces: None,
            valid_after: None,
            valid_before: None,
            line,
        };
        for option in options.map(|options| split(&options, ',')).unwrap_or_default() {
            read_option(&option, &mut signer)?;
        }
        Ok(Self { signer, names, person: line })
    }

    fn shares(&self, other: &Self) -> bool {
        let same = |one: &String| other.names.iter().any(|name| name.eq_ignore_ascii_case(one));
        self.signer.key == other.signer.key || self.names.iter().any(same)
    }
}

fn names(text: &str) -> Result<Vec<String>, String> {
    if text.contains(['*', '?', '!']) {
        return Err(format!("{text:?} is a pattern: who signed would not be known; name the person"));
    }
    let names: Vec<String> = text.split(',').map(str::to_owned).collect();
    // Letters that look alike, or that are not seen, would make one person two.
    let plain = |name: &String| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
    if names.iter().all(plain) { Ok(names) } else { Err(format!("{text:?} is not a name in visible ASCII characters")) }
}

fn read_option(option: &str, signer: &mut AllowedSigner) -> Result<(), String> {
    let (name, value) = option.split_once('=').unwrap_or((option, ""));
    let name = name.to_ascii_lowercase();
    let quoted = || {
        let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        inner.filter(|inner| !inner.contains('"')).ok_or_else(|| format!("the value of {name} is not in double quotes"))
    };
    let twice = match name.as_str() {
        "namespaces" => {
            let value = quoted()?;
            if value.contains(['*', '?', '!']) {
                return Err(format!("namespaces has a pattern; name {NAMESPACE} itself"));
            }
            signer.namespaces.replace(value.split(',').map(str::to_owned).collect()).is_some()
        }
        "valid-after" => signer.valid_after.replace(moment(quoted()?)?).is_some(),
        "valid-before" => signer.valid_before.replace(moment(quoted()?)?).is_some(),
        "cert-authority" => return Err("certificates are not supported: name the keys of the persons".into()),
        _ => return Err(format!("the option {name:?} is not known")),
    };
    if twice { Err(format!("{name} is there twice")) } else { Ok(()) }
}

/// The first word and what stands behind it; blanks in double quotes do not end it.
fn word(text: &str) -> Result<(String, &str), String> {
    let text = text.trim_start_matches([' ', '\t']);
    let mut quoted = false;
    let end = text.find(|c: char| {
        quoted ^= c == '"';
        matches!(c, ' ' | '\t') && !quoted
    });
    if quoted && end.is_none() {
        return Err("a quote is not closed".into());
    }
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    Ok((word.to_owned(), rest))
}

fn split(text: &str, at: char) -> Vec<String> {
    let mut quoted = false;
    let parts = text.split(|c: char| {
        quoted ^= c == '"';
        c == at && !quoted
    });
    parts.map(str::to_owned).collect()
}

/// `YYYYMMDD[Z]`, `YYYYMMDDHHMM[Z]`, `YYYYMMDDHHMMSS[Z]`. Without Z OpenSSH reads the machine's own time zone; a plan is applied
/// on many machines, so here it is UTC, too.
fn moment(text: &str) -> Result<OffsetDateTime, String> {
    let digits = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let padded = format!("{digits}{}", "0".repeat(14_usize.saturating_sub(digits.len())));
    let known = matches!(digits.len(), 8 | 12 | 14) && digits.bytes().all(|b| b.is_ascii_digit());
    let form = format_description!("[year][month][day][hour][minute][second]");
    let read = known.then(|| PrimitiveDateTime::parse(&padded, form).ok()).flatten();
    read.map(PrimitiveDateTime::assume_utc)
        .ok_or_else(|| format!("{text:?} is not a time like 20261231 or 20261231235959Z"))
}

/// What is signed: the plan's digest as the plan has it, `sha256:…`, without a line's end.
pub fn message(plan: &Digest) -> &[u8] {
    plan.as_str().as_bytes()
}

/// A signature with a key that can be used as it is, as its file.
///
/// # Errors
/// What the crate says: the key is encrypted, or of a type that cannot sign.
pub fn sign(key: &PrivateKey, plan: &Digest) -> Result<String, ssh_key::Error> {
    match key.key_data() {
        KeypairData::Rsa(pair) => {
            let signature = sign_by_rsa(pair, &to_be_signed(plan)?)?;
            signature_file(key.public_key().key_data().clone(), signature)
        }
        _ => SshSig::sign(key, NAMESPACE, HashAlg::Sha512, message(plan))?.to_pem(LineEnding::LF),
    }
}

/// RSA with SHA-512 (RFC 8332). ssh-key 0.6.7 cannot sign with it: it builds the key of one prime taken twice.
fn sign_by_rsa(pair: &RsaKeypair, data: &[u8]) -> Result<Signature, ssh_key::Error> {
    let number = |of: &Mpint| rsa::BigUint::from_bytes_be(of.as_bytes());
    let (public, private) = (&pair.public, &pair.private);
    let primes = vec![number(&private.p), number(&private.q)];
    let key = rsa::RsaPrivateKey::from_components(number(&public.n), number(&public.e), number(&private.d), primes);
    let key = rsa::pkcs1v15::SigningKey::<rsa::sha2::Sha512>::new(key.map_err(|_| ssh_key::Error::Crypto)?);
    let signature = key.try_sign(data).map_err(|_| ssh_key::Error::Crypto)?;
    Signature::new(Algorithm::Rsa { hash: Some(HashAlg::Sha512) }, signature.to_vec())
}

/// What another holder of the key, an agent, is to sign.
///
/// # Errors
/// None that can happen with this namespace.
pub fn to_be_signed(plan: &Digest) -> Result<Vec<u8>, ssh_key::Error> {
    SshSig::signed_data(NAMESPACE, HashAlg::Sha512, message(plan))
}

/// The file of a signature that another holder of the key has made.
///
/// # Errors
/// The signature is not of this type of key.
pub fn signature_file(key: KeyData, signature: Signature) -> Result<String, ssh_key::Error> {
    SshSig::new(key, NAMESPACE, HashAlg::Sha512, signature)?.to_pem(LineEnding::LF)
}

/// Reads a signature's file.
///
/// # Errors
/// It is none.
pub fn read_signature(bytes: &[u8]) -> Result<SshSig, ssh_key::Error> {
    SshSig::from_pem(bytes)
}

/// Whether the key is one that [`fits`] can judge: ssh-key refuses RSA below 2,048 bits.
pub fn is_long_enough(key: &KeyData) -> bool {
    key.rsa().is_none_or(|key| key.n.as_positive_bytes().is_some_and(|number| number.len() * 8 >= 2_048))
}

/// Whether the signature is of this plan, by the key that it names.
pub fn fits(signature: &SshSig, plan: &Digest) -> bool {
    // PROTOCOL.sshsig forbids RSA with SHA-1.
    let sha1 = matches!(signature.signature().algorithm(), Algorithm::Rsa { hash: None });
    let key = PublicKey::new(signature.public_key().clone(), "");
    !sha1 && key.verify(NAMESPACE, message(plan), signature).is_ok()
}

/// `SHA256:…`, as ssh-keygen shows a key.
pub fn fingerprint(key: &KeyData) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// The name of the file of a key's signature: beside the plan, one a key, so that signing again replaces it.
pub fn file_name(plan: &str, key: &KeyData) -> String {
    let print = key.fingerprint(HashAlg::Sha256);
    format!("{plan}.{}.sig", hex::encode(&print.as_bytes()[..4]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHj/7TvIqFkDLoGVp4Yd0LlMdkcJ3bZ4Rrp7KLEBGZ0P";

    #[test]
    fn a_line_gives_a_person_a_key_and_a_time() {
        let check = |line: &str, principal: &str, namespaces: &[&str], after: &str, before: &str| {
            let signers = allowed_signers(&line.replace("KEY", KEY)).unwrap();
            let [signer] = signers.as_slice() else { panic!("{signers:?}") };
            assert_eq!(signer.principal, principal, "{line}");
            assert_eq!(signer.namespaces.clone().unwrap_or_default(), namespaces, "{line}");
            let shown = |at: Option<OffsetDateTime>| at.map_or(String::new(), |at| at.to_string());
            assert_eq!(shown(signer.valid_after), after, "{line}");
            assert_eq!(shown(signer.valid_before), before, "{line}");
        };
        check("alice@example.org KEY", "alice@example.org", &[], "", "");
        check("alice,a@b KEY with a comment", "alice", &[], "", "");
        check("\u{feff}bob KEY it's \"odd", "bob", &[], "", "");
        check("\"bob\" KEY", "bob", &[], "", "");
        check("# nobody\n\n bob\tKEY", "bob", &[], "", "");
        check("bob namespaces=\"git,mig-plan\" KEY", "bob", &["git", "mig-plan"], "", "");
        let both = "bob valid-after=\"20260101\",valid-before=\"202612312359Z\" KEY";
        check(both, "bob", &[], "2026-01-01 0:00:00.0 +00:00:00", "2026-12-31 23:59:00.0 +00:00:00");
        check("bob Valid-Before=\"20261231235959\" KEY", "bob", &[], "", "2026-12-31 23:59:59.0 +00:00:00");
    }

    #[test]
    fn lines_that_share_a_name_or_a_key_are_one_person() {
        let key = |seed: u8| {
            let pair = ssh_key::private::Ed25519Keypair::from_seed(&[seed; 32]);
            PrivateKey::from(pair).public_key().to_openssh().unwrap()
        };
        let check = |lines: &str, expected: &[&str]| {
            let lines = lines.replace("K1", &key(1)).replace("K2", &key(2)).replace("K3", &key(3));
            let signers = allowed_signers(&lines).unwrap();
            let names: Vec<&str> = signers.iter().map(|signer| signer.principal.as_str()).collect();
            assert_eq!(names, expected, "{lines}");
        };
        check("alice K1\nbob K2", &["alice", "bob"]);
        check("alice,a@b K1\na@b,alice K2", &["alice", "alice"]);
        check("Alice K1\nalice K2", &["Alice", "Alice"]);
        check("alice K1\nbob K1\nbob K2", &["alice", "alice", "alice"]);
        check("a K1\nb K2\nc,b K3\nc,a K3", &["a", "a", "a", "a"]);
    }

    #[test]
    fn a_line_that_is_not_understood_is_a_fault_with_its_number() {
        let check = |line: &str, expected: &str| {
            let faults = allowed_signers(&format!("# one\n{}", line.replace("KEY", KEY))).unwrap_err();
            let [(number, fault)] = faults.as_slice() else { panic!("{faults:?}") };
            assert_eq!(*number, 2);
            assert!(fault.contains(expected), "{line}: {fault}");
        };
        check("alice", "no key");
        check("* KEY", "pattern");
        check("*@example.org KEY", "pattern");
        check("alice cert-authority KEY", "certificates");
        check("alice no-touch-required KEY", "not known");
        check("alice valid-before=\"2026\" KEY", "not a time");
        check("alice valid-before=\"20261399\" KEY", "not a time");
        check("alice valid-before=\"20260101 KEY", "quote");
        check("alice valid-before=20260101 KEY", "double quotes");
        check("alice valid-before=\"\"20300101\"\" KEY", "double quotes");
        check("alice valid-before=\"20200101\",valid-before=\"20300101\" KEY", "twice");
        check("alice namespaces=\"git\",namespaces=\"mig-plan\" KEY", "twice");
        check("alice namespaces=\"mig-plan,!mig-plan\" KEY", "pattern");
        check("alice namespaces=\"mig-*\" KEY", "pattern");
        check("alice\u{a0}x KEY", "visible");
        check("\u{200b}alice KEY", "visible");
        check("alice,,bob KEY", "visible");
        check("alice ssh-ed25519 AAAA", "cannot be read");
    }
}
