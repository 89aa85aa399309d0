//! Sealing a plan and opening it again: the digest is checked before anything of the file is believed.

use std::borrow::Cow;
use std::io::{ErrorKind, Read, Write};

use serde::Serialize;
use serde_json::Value;

use super::plan::{Body, Estimates, FORMAT_VERSION, Graph, Header, Observed, PlanFile};
use crate::words::codes::{self, Code};
use crate::words::digest::{CanonicalText, Digest, strict_json};
use crate::words::error::{Failure, Outcome};

/// A plan with its digest: SHA-256 over the canonical JSON (RFC 8785) of header, body and estimates.
pub fn seal(header: Header, body: Body, estimates: Estimates) -> PlanFile {
    let digest = digest_of(&header, &body, &estimates);
    PlanFile { header, body, estimates, digest }
}

fn digest_of(header: &Header, body: &Body, estimates: &Estimates) -> Digest {
    canonical(std::io::sink(), header, body, estimates, "").digest()
}

/// The canonical text of a plan, its digest included: without the piece that [`digest_piece`] gives, it is the text that the digest
/// is of. A reader knows then by the bytes alone that the file is whole and as it was sealed. With a number beyond 2^53 it is not
/// that text, and the reader takes the long way.
fn write_canonical<W: Write>(plan: &PlanFile, out: W) -> std::io::Result<W> {
    canonical(out, &plan.header, &plan.body, &plan.estimates, &digest_piece(&plan.digest)).finish()
}

/// What the digest covers, piece by piece: otherwise the canonical text of a plan of thousands of tables is in memory several
/// times. The canonical order of keys is alphabetical, so the fields are in this order here. `digest` is not covered, and stands
/// behind the body.
fn canonical<W: Write>(out: W, header: &Header, body: &Body, estimates: &Estimates, digest: &str) -> CanonicalText<W> {
    let mut text = CanonicalText::new(out);
    text.object(&mut |text| {
        text.key("body");
        text.object(&mut |text| body_fields(text, body));
        text.uncovered(digest);
        text.field("estimates", estimates);
        text.field("header", header);
    });
    text
}

/// The field that the digest does not cover, as it stands in the canonical text.
fn digest_piece(digest: &Digest) -> String {
    format!(",\"digest\":\"{digest}\"")
}

/// Whether the text is what was sealed under this digest, byte for byte.
fn is_sealed_text(bytes: &[u8], digest: &Digest) -> bool {
    let piece = digest_piece(digest);
    // The body, which is nearly all of the text, stands before the digest.
    memchr::memmem::rfind(bytes, piece.as_bytes())
        .is_some_and(|at| Digest::of_both(&bytes[..at], &bytes[at + piece.len()..]) == *digest)
}

fn body_fields<W: Write>(text: &mut CanonicalText<W>, body: &Body) {
    // All of them by name, here and below: a new field does not build before it is covered.
    let Body {
        mode,
        lineage,
        serial,
        spec_digest,
        state_digest,
        observed,
        graph,
        changes,
        diagnostics,
        differs,
        blocked,
        replace,
        targets,
        left_out,
        moves,
        pending,
    } = body;
    let Observed { servers, tables, verdicts } = observed;
    let Graph { nodes, edges } = graph;
    text.field("blocked", blocked);
    text.list("changes", changes);
    text.list("diagnostics", diagnostics);
    // As they are written: left out where there is nothing in them.
    if !differs.is_empty() {
        text.list("differs", differs);
    }
    text.key("graph");
    text.object(&mut |text| {
        text.list("edges", edges);
        text.list("nodes", nodes);
    });
    if !left_out.is_empty() {
        text.field("left_out", left_out);
    }
    text.field("lineage", lineage);
    text.field("mode", mode);
    if !moves.is_empty() {
        text.list("moves", moves);
    }
    text.key("observed");
    text.object(&mut |text| {
        text.field("servers", servers);
        text.field("tables", tables);
        text.field("verdicts", verdicts);
    });
    if !pending.is_empty() {
        text.list("pending", pending);
    }
    if !replace.is_empty() {
        text.field("replace", replace);
    }
    text.field("serial", serial);
    text.field("spec_digest", spec_digest);
    text.field("state_digest", state_digest);
    if !targets.is_empty() {
        text.list("targets", targets);
    }
}

/// A plan as the bytes of its file: JSON that people can read, unless it is of thousands of tables; then JSON that is
/// compressed by zstd, which [`open`] reads, too.
///
/// # Errors
/// [`ErrorKind::FileTooLarge`]: it has more bytes than [`open`] reads. Otherwise none that these types can bring about, but what
/// the encoder says is handed on.
pub fn write(plan: &PlanFile) -> std::io::Result<Vec<u8>> {
    if plan.body.graph.nodes.len() <= READABLE_STEPS {
        return Ok(serde_json::to_vec_pretty(plan)?);
    }
    compressed(plan, MOST_BYTES)
}

fn compressed(plan: &PlanFile, most: u64) -> std::io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
    // A flipped bit is found before anything is read.
    encoder.include_checksum(true)?;
    let bounded = Bounded { inner: std::io::BufWriter::new(encoder), left: most };
    write_canonical(plan, bounded)?.inner.into_inner().map_err(std::io::IntoInnerError::into_error)?.finish()
}

/// Takes so many bytes, and no more.
struct Bounded<W> {
    inner: W,
    left: u64,
}

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or(ErrorKind::FileTooLarge)?;
        self.inner.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// Steps of a plan of some hundred tables: some megabytes of JSON.
const READABLE_STEPS: usize = 4_000;
const ZSTD_LEVEL: i32 = 3;
/// How every zstd frame begins (RFC 8878, 3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// More than a plan of 50,000 tables has: a small file must not fill the memory.
const MOST_BYTES: u64 = 512 << 20;

fn unpacked(bytes: &[u8]) -> std::io::Result<Cow<'_, [u8]>> {
    if !bytes.starts_with(&ZSTD_MAGIC) {
        return Ok(Cow::Borrowed(bytes));
    }
    // Counted first: a buffer that grows is twice as large as the text, and is in memory beside its copy.
    let size = std::io::copy(&mut zstd::Decoder::new(bytes)?.take(MOST_BYTES + 1), &mut std::io::sink())?;
    if size > MOST_BYTES {
        return Err(std::io::Error::other(format!("unpacked it has more than {MOST_BYTES} bytes")));
    }
    // One byte more: that nothing follows is only found by reading on.
    let mut text = Vec::with_capacity(usize::try_from(size + 1).unwrap_or_default());
    zstd::Decoder::new(bytes)?.read_to_end(&mut text)?;
    Ok(Cow::Owned(text))
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
    let refuse = |code, cause: String| Failure::new(code, format!("open the plan {place}"), cause, AGAIN);
    let bytes = unpacked(bytes)
        .map_err(|error| refuse(codes::PLAN_TRUNCATED, format!("it is not a plan, or torn: {error}")))?;
    // Most plans are as this version writes them: they are read without a tree of values. Whatever else there is to say of a
    // file, `judged` says it.
    if let Ok(mut plan) = serde_json::from_slice::<PlanFile>(&bytes)
        && is_of_this_version(&plan.header)
    {
        if is_sealed_text(&bytes, &plan.digest) {
            drop(bytes);
            plan.body.share_addresses();
            return Ok(plan);
        }
        if !is_written_as(&plan, &bytes) {
            return judged(&bytes, refuse);
        }
        // Nothing of the text is needed any more.
        drop(bytes);
        if digest_of(&plan.header, &plan.body, &plan.estimates) != plan.digest {
            return Err(refuse(codes::PLAN_ALTERED, ALTERED.into()));
        }
        plan.body.share_addresses();
        return Ok(plan);
    }
    judged(&bytes, refuse)
}

const ALTERED: &str = "it was altered after it was made: its digest is not that of its content";
const AGAIN: &str = "Make the plan again: `mig plan -out=FILE`. Nothing was touched.";

fn is_of_this_version(header: &Header) -> bool {
    header.format_version == FORMAT_VERSION && header.mig_version == env!("CARGO_PKG_VERSION")
}

/// Whether the bytes are those that this version writes for the plan: then nothing in them was passed over, or read as a
/// default.
fn is_written_as(plan: &PlanFile, bytes: &[u8]) -> bool {
    let mut compact = Expected(bytes);
    if serde_json::to_writer(&mut compact, plan).is_ok() && compact.0.is_empty() {
        return true;
    }
    let mut pretty = Expected(bytes);
    serde_json::to_writer_pretty(&mut pretty, plan).is_ok() && pretty.0.is_empty()
}

/// What is still to be written; another byte than that is an error.
struct Expected<'a>(&'a [u8]);

impl Write for Expected<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.strip_prefix(bytes).ok_or(ErrorKind::InvalidData)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What the digest covers, as values.
#[derive(Serialize)]
struct Sealed<'a> {
    header: &'a Value,
    body: &'a Value,
    estimates: &'a Value,
}

/// The same by the file's own values: what is wrong with it, or a plan that an earlier build wrote in other words.
fn judged(bytes: &[u8], refuse: impl Fn(Code, String) -> Failure) -> Outcome<PlanFile> {
    let value = strict_json(bytes)
        .map_err(|error| refuse(codes::PLAN_TRUNCATED, format!("it is not a plan, or torn: {error}")))?;
    let part = |name: &str| value.get(name);
    let (Some(header), Some(body), Some(estimates), Some(digest)) =
        (part("header"), part("body"), part("estimates"), part("digest"))
    else {
        return Err(refuse(codes::NOT_A_PLAN, "it is not a plan: header, body, estimates or digest is missing".into()));
    };
    let found = Digest::of(&Sealed { header, body, estimates });
    if digest.as_str() != Some(found.as_str()) {
        return Err(refuse(codes::PLAN_ALTERED, ALTERED.into()));
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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::formats::cause::Cause;
    use crate::formats::plan::{Action, Change, Pending};

    fn plan(steps: usize) -> PlanFile {
        let digest = Digest::of_bytes(b"");
        let addr = |number: usize| format!("migration.m.table[\"s.t{number}\"]");
        let node = |number: usize| {
            let inputs = json!({"ddl": format!("CREATE TABLE t{number}"), "rows": u64::MAX, "none": null});
            json!({"addr": addr(number), "kind": "table", "action": "create", "inputs": inputs, "inputs_digest": digest})
        };
        let nodes: Vec<Value> = (0..steps).map(node).collect();
        let edges: Vec<Value> =
            (1..steps).map(|to| json!({"to": addr(to), "from": addr(to - 1), "kind": "after"})).collect();
        let body = json!({
            "mode": "apply", "lineage": null, "serial": 0, "spec_digest": digest, "state_digest": digest,
            "observed": {"servers": {}, "tables": {}, "verdicts": {}}, "graph": {"nodes": nodes, "edges": edges},
            "changes": [], "diagnostics": [], "blocked": false,
        });
        let header = header("2026-01-05T10:00:00Z", 60);
        seal(header, serde_json::from_value(body).unwrap(), Estimates::default())
    }

    /// The digest by its definition: over a tree of values.
    fn defined(plan: &PlanFile) -> Digest {
        let value = serde_json::to_value(plan).unwrap();
        Digest::of(&json!({"header": value["header"], "body": value["body"], "estimates": value["estimates"]}))
    }

    #[test]
    fn the_digest_covers_every_field_of_the_body() {
        let mut plan = plan(2);
        let addr = plan.body.graph.nodes[0].addr.clone();
        plan.body.replace = [addr.clone()].into();
        plan.body.targets = vec!["migration.m".into()];
        plan.body.pending = vec![Pending { addr: addr.clone(), after: addr.clone(), tables: vec!["s.*".into()] }];
        plan.body.changes = vec![Change::new(addr.clone(), Action::Create, Cause::NotRecorded)];
        plan.body.lineage = Some("é\u{1f600}".into());
        plan.body.observed.servers = [("b".into(), "x".into()), ("a".into(), "\"".into())].into();
        plan.body.observed.tables = [(addr, Digest::of_bytes(b"1"))].into();
        let plan = seal(plan.header, plan.body, plan.estimates);
        assert_eq!(plan.digest, defined(&plan));
        assert_eq!(open(&write(&plan).unwrap(), "p").unwrap(), plan);
    }

    #[test]
    fn a_plan_comes_back_as_it_was_sealed_and_a_large_one_has_a_small_file() {
        for (steps, readable) in [(0, true), (3, true), (READABLE_STEPS, true), (READABLE_STEPS + 1, false)] {
            let plan = plan(steps);
            let bytes = write(&plan).unwrap();
            assert_eq!(open(&bytes, "p").unwrap(), plan);
            assert_eq!(serde_json::from_slice::<Value>(&bytes).is_ok(), readable, "{steps}");
            let plain = serde_json::to_vec(&plan).unwrap();
            assert_eq!(open(&plain, "p").unwrap(), plan, "however it is written");
            assert!(readable || bytes.len() * 5 < plain.len());
            assert_eq!(plan.digest, defined(&plan));
        }
    }

    #[test]
    fn a_plan_that_could_not_be_opened_again_is_not_written() {
        let plan = plan(3);
        let bytes = serde_json::to_vec(&plan).unwrap().len() as u64;
        assert_eq!(open(&compressed(&plan, bytes).unwrap(), "p").unwrap(), plan);
        assert_eq!(compressed(&plan, bytes - 1).unwrap_err().kind(), ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_large_plan_is_believed_only_with_its_own_digest_in_its_place() {
        let mut plan = plan(3);
        for node in &mut plan.body.graph.nodes {
            node.inputs = json!({"ddl": "CREATE TABLE t (a INT)", "rows": 1_u64 << 53}).into();
        }
        let plan = seal(plan.header, plan.body, plan.estimates);
        let text = String::from_utf8(write_canonical(&plan, Vec::new()).unwrap()).unwrap();
        assert!(is_sealed_text(text.as_bytes(), &plan.digest));
        assert_eq!(open(text.as_bytes(), "p").unwrap(), plan);
        let other = Digest::of_bytes(b"other");
        for (from, to) in [
            ("CREATE TABLE t (a INT)", "CREATE TABLE t (b INT)"),
            ("\"blocked\":false", "\"blocked\":false,\"blocked\":false"),
            ("\"serial\":0", "\"serial\":1"),
            (plan.digest.as_str(), other.as_str()),
        ] {
            let altered = text.replacen(from, to, 1);
            assert_ne!(altered, text, "{from}");
            let failure = open(altered.as_bytes(), "p").unwrap_err();
            assert!(["MIG4102", "MIG4103"].contains(&failure.code.to_string().as_str()), "{from}: {failure:?}");
        }
    }

    #[test]
    fn a_flipped_bit_of_a_large_plan_is_found() {
        let plan = plan(READABLE_STEPS + 1);
        let bytes = write(&plan).unwrap();
        let mut refused = 0;
        for place in (0..bytes.len()).step_by(bytes.len() / 60) {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1 << (place % 8);
            match open(&flipped, "p") {
                Ok(found) => assert_eq!(found, plan, "byte {place}"),
                Err(failure) => {
                    assert!(
                        ["MIG4101", "MIG4102", "MIG4103"].contains(&failure.code.to_string().as_str()),
                        "{failure:?}"
                    );
                    refused += 1;
                }
            }
        }
        assert!(refused > 50, "{refused}");
        assert_eq!(open(&bytes[..bytes.len() - 1], "p").unwrap_err().code, "MIG4102");
    }
}
