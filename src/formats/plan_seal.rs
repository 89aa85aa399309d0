//! Sealing a plan and opening it again: the digest is checked before anything of the file is believed.

use serde_json::{Value, json};

use super::plan::{Body, Estimates, FORMAT_VERSION, Header, PlanFile};
use crate::words::codes;
use crate::words::digest::{Digest, strict_json};
use crate::words::error::{Failure, Outcome};

/// A plan with its digest: SHA-256 over the canonical JSON (RFC 8785) of header, body and estimates.
pub fn seal(header: Header, body: Body, estimates: Estimates) -> PlanFile {
    let digest = Digest::of(&json!({ "header": header, "body": body, "estimates": estimates }));
    PlanFile { header, body, estimates, digest }
}

/// A header for a plan made at `created` (RFC 3339).
pub fn header(created: &str, lifetime_seconds: u64) -> Header {
    use time::format_description::well_known::Rfc3339;
    let expires = time::OffsetDateTime::parse(created, &Rfc3339)
        .ok()
        .and_then(|at| at.checked_add(time::Duration::seconds(i64::try_from(lifetime_seconds).unwrap_or(i64::MAX))))
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_else(|| created.to_owned());
    Header {
        format_version: FORMAT_VERSION,
        mig_version: env!("CARGO_PKG_VERSION").to_owned(),
        created: created.to_owned(),
        expires,
    }
}

/// Whether a plan's time has come.
pub fn expired(header: &Header, now: &str) -> bool {
    use time::format_description::well_known::Rfc3339;
    match (time::OffsetDateTime::parse(&header.expires, &Rfc3339), time::OffsetDateTime::parse(now, &Rfc3339)) {
        (Ok(expires), Ok(now)) => now > expires,
        // A time that cannot be read is not a time to trust.
        _ => true,
    }
}

/// Opens a plan file.
///
/// # Errors
/// All exit 3: `MIG4101` no plan, `MIG4102` a torn one, `MIG4103` altered, `MIG4104` another version's.
pub fn open(bytes: &[u8], place: &str) -> Outcome<PlanFile> {
    const AGAIN: &str = "Make the plan again: `mig plan -out=FILE`. Nothing was touched.";
    let refuse = |code, cause: String| Failure::new(code, format!("open the plan {place}"), cause, AGAIN);
    let value = strict_json(bytes)
        .map_err(|error| refuse(codes::PLAN_TRUNCATED, format!("it is not a plan, or torn: {error}")))?;
    let part = |name: &str| value.get(name).cloned();
    let (Some(header), Some(body), Some(estimates), Some(digest)) =
        (part("header"), part("body"), part("estimates"), part("digest"))
    else {
        return Err(refuse(codes::NOT_A_PLAN, "it is not a plan: header, body, estimates or digest is missing".into()));
    };
    let found = Digest::of(&json!({ "header": header, "body": body, "estimates": estimates }));
    if digest.as_str() != Some(found.as_str()) {
        return Err(refuse(
            codes::PLAN_ALTERED,
            "it was altered after it was made: its digest is not that of its content".into(),
        ));
    }
    let version = header.get("format_version").and_then(Value::as_u64);
    let made_by = header.get("mig_version").and_then(Value::as_str).unwrap_or_default();
    if version != Some(u64::from(FORMAT_VERSION)) || made_by != env!("CARGO_PKG_VERSION") {
        let text = format!(
            "it was made by mig {made_by} in format {}, this is mig {} with format {FORMAT_VERSION}",
            version.unwrap_or_default(),
            env!("CARGO_PKG_VERSION")
        );
        return Err(refuse(codes::PLAN_OF_OTHER_VERSION, text));
    }
    serde_json::from_value(value).map_err(|error| refuse(codes::PLAN_OF_OTHER_VERSION, error.to_string()))
}
