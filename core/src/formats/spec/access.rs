//! How a server that speaks the protocol of S3 is reached: what `backend "s3"` and the files of a dump have in common. Block ->
//! model; knows no SDK. Credentials are never a part of it: they come from the environment, a profile or a role.

use serde::{Deserialize, Serialize};

use super::expression::Evaluator;
use super::faults::{Faulted, Read};
use super::fields::Fields;
use crate::words::codes;
use crate::words::diag::Diagnostic;

/// How a server of S3 is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Access {
    /// `None`: what the environment or the profile says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// `None`: Amazon's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_url: Option<String>,
    /// `https://host/bucket/key` instead of `https://bucket.host/key`.
    #[serde(default)]
    pub use_path_style: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Who signed the certificate of the endpoint, beside the system's authorities; relative to the spec's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    #[serde(default)]
    pub encryption: Encryption,
}

/// How the server is asked to encrypt the objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encryption {
    /// As the bucket is set up.
    #[default]
    Bucket,
    /// SSE-S3.
    Server,
    /// SSE-KMS with this key.
    Kms(String),
}

/// A place for files in a bucket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bucket {
    pub bucket: String,
    /// What the names of the objects begin with; without a slash at its end. Empty: the whole bucket.
    pub prefix: String,
    #[serde(flatten)]
    pub access: Access,
}

impl std::fmt::Display for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if !self.prefix.is_empty() {
            write!(f, "/{}", self.prefix)?;
        }
        self.access.endpoint_url.as_ref().map_or(Ok(()), |url| write!(f, " at {url}"))
    }
}

/// The attributes that tell how the server is reached.
pub(super) fn access(evaluator: &Evaluator, fields: &Fields) -> Read<Access> {
    let region = fields.word("region");
    let endpoint_url = fields.word("endpoint_url").and_then(|url| match url {
        Some(url) if !url.starts_with("http://") && !url.starts_with("https://") => {
            let help = "Write it with its scheme: \"https://…\"; leave it out for AWS itself.";
            Err(fields.wrong("endpoint_url", codes::OUT_OF_RANGE, "`endpoint_url` is not a URL", help))
        }
        Some(url) if url.contains(['@', '?', '#', ' ']) => {
            let help = "Write scheme, host and port alone: messages show it. Credentials come from the environment or a profile.";
            Err(with_credentials(evaluator, fields, ("endpoint_url", &url), "`endpoint_url` has more than a server's address", help))
        }
        url => Ok(url),
    });
    let use_path_style = fields.flag("use_path_style");
    let profile = fields.word("profile");
    let ca_file = fields.word("ca_file");
    let encrypt = fields.flag("encrypt");
    let kms_key = fields.word("kms_key_id");
    let encryption = match (encrypt?, kms_key?) {
        (Some(false), Some(_)) => {
            let help = "Remove one of the two: a key encrypts.";
            let summary = "`encrypt = false` contradicts `kms_key_id`";
            return Err(fields.wrong("kms_key_id", codes::CONFLICTING_SETTINGS, summary, help));
        }
        (_, Some(key)) => Encryption::Kms(key),
        (Some(true), None) => Encryption::Server,
        (Some(false) | None, None) => Encryption::Bucket,
    };
    Ok(Access {
        region: region?,
        endpoint_url: endpoint_url?,
        use_path_style: use_path_style?.unwrap_or(false),
        profile: profile?,
        ca_file: ca_file?,
        encryption,
    })
}

/// `to = "s3://bucket/prefix"`.
pub(super) fn place(evaluator: &Evaluator, fields: &Fields, access: Access) -> Read<Option<Bucket>> {
    let Some(to) = fields.word("to")? else { return Ok(None) };
    let wrong = |summary: &str, help: String| Err(fields.wrong("to", codes::OUT_OF_RANGE, summary, help));
    let form = "Write it as \"s3://bucket/prefix\"";
    let Some(rest) = to.strip_prefix("s3://") else {
        let help = format!("{form}; leave it out to keep the files in the runner's work folder.");
        return wrong("`to` is not a place in a bucket", help);
    };
    if to.contains(['?', '#', '@', '&', '=']) || rest.contains(':') {
        let help = format!(
            "{form}: plans and messages show it. Credentials come from the environment, a profile or a role; the server is set in \
             the block `s3`."
        );
        return Err(with_credentials(
            evaluator,
            fields,
            ("to", &to),
            "`to` has more than a bucket and a prefix",
            &help,
        ));
    }
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let parts = prefix.is_empty() || prefix.split('/').all(|part| !["", ".", ".."].contains(&part));
    if bucket.is_empty() || !bucket.chars().all(sound) || !parts || prefix.len() > LONGEST_PREFIX {
        let help = format!(
            "{form}: the name of a bucket, and no empty part, `.` or `..` between slashes, at most {LONGEST_PREFIX} bytes."
        );
        return wrong("`to` does not name a bucket and a prefix", help);
    }
    Ok(Some(Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned(), access }))
}

/// A fault at a value that may have credentials in it: the line is shown without it.
fn with_credentials(
    evaluator: &Evaluator,
    fields: &Fields,
    (name, value): (&str, &str),
    summary: &str,
    help: &str,
) -> Faulted {
    let mut place = evaluator.faults.place(&fields.value_at(name));
    place.source_line = place.source_line.replace(value, HIDDEN);
    place.end = place.start;
    evaluator.faults.push(Diagnostic::error(codes::OUT_OF_RANGE, summary).at(place).help(help));
    Faulted
}

const HIDDEN: &str = "(hidden)";

/// S3 takes names of 1,024 bytes; behind the prefix are the names of the migration, the schema and the table.
const LONGEST_PREFIX: usize = 300;
