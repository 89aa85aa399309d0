//! The state: what earlier runs did, as readable JSON. Types, strict reading, writing; the file itself is a store's
//! matter, the journal's fold is in [`super::journal`].

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::cloud::CloudPlace;
use super::json_text::JsonText;
use super::names::{FirstNames, Move};
use crate::words::addr::{StepAddr, StepKind};
use crate::words::codes;
use crate::words::digest::{Digest, strict_json};
use crate::words::error::{Failure, Outcome};

/// The version this build writes. It reads version 1, too, which had no checksum.
pub const FORMAT_VERSION: u32 = 2;

/// The last field of the file: a SHA-256 over every byte before it. It finds what a disk, a merge or an editor changed;
/// it does not stop somebody who means to deceive.
const CHECKSUM: &str = ",\n  \"checksum\": \"";
const END: &str = "\"\n}\n";
/// More than the checksum's field and the end have.
const SEAL_BYTES: usize = 128;
/// What stands behind the fields of a state without its checksum.
const UNSEALED_END: &str = "\n}\n";

/// The note that an unfinished step bears when a step whose parts it takes has thrown them away: what it did with them
/// is void. It goes with the step's own reset.
pub const UPSTREAM_RESET: &str = "upstream_reset";

/// `*.migstate` (contract, "What is written").
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = with_checksum)]
pub struct State {
    pub format_version: u32,
    pub mig_version: String,
    /// Minted by the first apply under the lock.
    pub lineage: String,
    /// One more with every written state.
    pub serial: u64,
    /// Stands from the first effect of a run to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_run: Option<OpenRun>,
    /// The account and region of `provider "aws"` in which the recorded objects are. Absent: no run had a provider, or
    /// mig was of a version that did not record it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<CloudPlace>,
    /// Of migrations that were renamed: what they were called at first.
    #[serde(default, skip_serializing_if = "FirstNames::is_empty")]
    pub first_names: FirstNames,
    /// It is closed: `mig init -migrate-state` has moved it to this place, where runs go on with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
    #[serde(deserialize_with = "each_once")]
    pub steps: BTreeMap<StepAddr, StepRecord>,
    /// Renames that the spec asks for, that the steps here show already, and that no run has recorded: a part of the plan
    /// that is made over them, and never of the file.
    #[serde(skip)]
    pub moves: Vec<Move>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenRun {
    pub plan_digest: Digest,
    /// Digest of the state that the plan was made over.
    pub base_state_digest: Digest,
    /// Steps that the run does once more although their record looks done, and that have not started yet: a run that
    /// is resumed could not tell them from its own finished ones.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub again: BTreeSet<StepAddr>,
    /// Of a run with `-target`: by a step that it does, those that it leaves out and that are [`Status::Stale`] once that
    /// one has started.
    #[serde(default, skip_serializing_if = "LeftOut::is_empty")]
    pub left_out: LeftOut,
    /// In a journal only: the provider's place, which the state takes over when the run is opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<CloudPlace>,
}

/// By a step that a run with `-target` does: the recorded steps that stand on it and are left out.
pub type LeftOut = BTreeMap<StepAddr, BTreeSet<StepAddr>>;

impl OpenRun {
    pub fn new(plan_digest: Digest, base_state_digest: Digest) -> Self {
        Self { plan_digest, base_state_digest, again: BTreeSet::new(), left_out: LeftOut::new(), provider: None }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Begun, neither ended nor failed: a run was interrupted in it.
    Running,
    /// Its effect was observed and is recorded.
    Complete,
    /// Its last run failed. What was durable is kept.
    Failed,
    /// It was complete, and then a run with `-target` did what it stands on once more, without it: its outputs are of
    /// what was there before.
    Stale,
}

/// What is recorded of one step. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepRecord {
    pub kind: StepKind,
    pub inputs_digest: Digest,
    pub status: Status,
    /// What the step ended with; its shape is the kind's own. While it is done again: what it ended with before.
    pub outputs: JsonText,
    /// Direct dependencies only.
    pub depends_on: Vec<StepAddr>,
    pub started: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<String>,
    /// Of an unfinished step.
    #[serde(default, skip_serializing_if = "Progress::is_empty")]
    pub progress: Progress,
}

impl StepRecord {
    /// When it started, in nanoseconds since 1970; `None`: the text is no time.
    pub fn started_nanos(&self) -> Option<i128> {
        nanos(&self.started)
    }

    /// When it ended, in nanoseconds since 1970.
    pub fn finished_nanos(&self) -> Option<i128> {
        self.finished.as_deref().and_then(nanos)
    }
}

fn nanos(rfc3339: &str) -> Option<i128> {
    OffsetDateTime::parse(rfc3339, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp_nanos)
}

/// What an unfinished step has made durable. Folds away when the step is complete.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// By the part's number, which is fixed when its border is recorded and never reused.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<u32, Part>,
    /// Facts of the step's own that must survive a crash (an epoch, the first binlog position).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, Value>,
}

/// One part: its border first (intent), then what it came to (outcome).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    pub border: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Value>,
}

impl Progress {
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.notes.is_empty()
    }

    pub fn parts_done(&self) -> usize {
        self.parts.values().filter(|part| part.done.is_some()).count()
    }
}

impl State {
    /// A state before the first run.
    pub fn new(lineage: String) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            mig_version: env!("CARGO_PKG_VERSION").to_owned(),
            lineage,
            serial: 0,
            open_run: None,
            provider: None,
            first_names: FirstNames::default(),
            moved_to: None,
            steps: BTreeMap::new(),
            moves: Vec::new(),
        }
    }

    /// What plans are bound to: the content without the serial's bookkeeping and the open run.
    pub fn digest(&self) -> Digest {
        match self.first_names.is_empty() {
            true => Digest::of(&(&self.lineage, &self.steps)),
            false => Digest::of(&(&self.lineage, &self.steps, &self.first_names)),
        }
    }

    /// The record of a step that is complete is of something that is not there any more.
    pub(super) fn make_stale(&mut self, addrs: impl IntoIterator<Item = StepAddr>) {
        for addr in addrs {
            if let Some(record) = self.steps.get_mut(&addr).filter(|record| record.status == Status::Complete) {
                record.status = Status::Stale;
            }
        }
    }

    /// Whether anything is recorded at or under an address.
    pub fn has_under(&self, addr: &StepAddr) -> bool {
        self.steps.range(addr.clone()..).next().is_some_and(|(step, _)| step.is_under(addr))
    }

    /// Forgets a step, and the first name of a migration whose last step it was.
    pub fn forget(&mut self, addr: &StepAddr) {
        self.steps.remove(addr);
        self.forget_names();
    }

    /// Forgets the first names of migrations of which nothing is recorded any more.
    pub fn forget_names(&mut self) {
        let mut names = std::mem::take(&mut self.first_names);
        names.keep(|migration| self.has_under(&StepAddr::new(&["migration", migration])));
        self.first_names = names;
    }

    /// Reads a state strictly. `place` is the file as the user named it.
    ///
    /// # Errors
    /// MIG4001 for a newer format, MIG4002 for what is not a whole state, MIG4012 for one that was changed after mig wrote it.
    pub fn read(bytes: &[u8], place: &str) -> Outcome<Self> {
        if let Some(state) = Self::read_own(bytes) {
            return Ok(state);
        }
        let state = Self::read_unsealed(bytes, place)?;
        if state.format_version >= 2 && unsealed(bytes).is_none() {
            return Err(Failure::new(
                codes::STATE_EDITED,
                format!("read the state {place}"),
                "its checksum is not that of its content: it was changed after mig wrote it",
                format!(
                    "Restore {place} from a backup or from version control. If the change is meant: `mig state push FILE` \
                     takes an edited copy, after a look at it. Nothing was touched."
                ),
            ));
        }
        Ok(Self { format_version: FORMAT_VERSION, ..state })
    }

    /// A state whose bytes are as mig wrote them, in the format of this version: read without a tree of all its values, which takes
    /// several times as long. `None`: anything else, of which [`State::read`] says what it is.
    fn read_own(bytes: &[u8]) -> Option<Self> {
        let content = unsealed(bytes)?;
        let whole = [content, UNSEALED_END.as_bytes()].concat();
        serde_json::from_slice::<Self>(&whole).ok().filter(|state| state.format_version == FORMAT_VERSION)
    }

    /// The same for a state that somebody edited: its checksum is not asked for.
    ///
    /// # Errors
    /// As for [`State::read`], but MIG4012.
    pub fn read_unsealed(bytes: &[u8], place: &str) -> Outcome<Self> {
        let damaged = |cause: String| {
            Failure::new(
                codes::STATE_DAMAGED,
                format!("read the state {place}"),
                cause,
                format!("Restore {place} from a backup or from version control; nothing was touched."),
            )
        };
        if bytes.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0) {
            return Err(damaged("the file is empty".into()));
        }
        let mut value = strict_json(bytes).map_err(|error| {
            let what = if error.is_eof() { "the file is cut short" } else { "the file is not JSON that mig wrote" };
            damaged(format!("{what}: {error}"))
        })?;
        match value.get("format_version").and_then(Value::as_u64) {
            None => return Err(damaged("it has no format_version".into())),
            Some(version) if version > u64::from(FORMAT_VERSION) => {
                let by = value.get("mig_version").and_then(Value::as_str).unwrap_or("a newer version");
                return Err(Failure::new(
                    codes::STATE_NEWER,
                    format!("read the state {place}"),
                    format!(
                        "it is of format {version}, written by mig {by}; this is mig {}, which reads format {FORMAT_VERSION}",
                        env!("CARGO_PKG_VERSION")
                    ),
                    format!("Install mig {by} or newer; the state was not touched."),
                ));
            }
            Some(0) => return Err(damaged("format version 0 does not exist".into())),
            Some(version) => {
                let sealed = value.as_object_mut().and_then(|fields| fields.remove("checksum")).is_some();
                if version == 1 && sealed {
                    return Err(damaged("a state of format 1 has no checksum, and this one has".into()));
                }
            }
        }
        // The error names fields of the format, and at most a value of the state's own bookkeeping.
        serde_json::from_value(value).map_err(|error| damaged(format!("it is not a whole state: {error}")))
    }

    /// The bytes of the file: indented, sealed by the checksum, ending in a newline.
    ///
    /// # Errors
    /// MIG1001, where a value cannot be written as JSON; none of these types can bring that about.
    pub fn write(&self) -> Outcome<Vec<u8>> {
        self.write_as(self.serial, &self.mig_version)
    }

    /// The same of the state that follows this one, by this build: nothing else of it is another. No copy of a state of
    /// thousands of tables is made for it.
    ///
    /// # Errors
    /// As for [`State::write`].
    pub fn write_next(&self) -> Outcome<Vec<u8>> {
        self.write_as(self.serial + 1, env!("CARGO_PKG_VERSION"))
    }

    /// What [`State::write_next`] gave is durable.
    pub fn was_written_next(&mut self) {
        self.serial += 1;
        env!("CARGO_PKG_VERSION").clone_into(&mut self.mig_version);
    }

    fn write_as(&self, serial: u64, mig_version: &str) -> Outcome<Vec<u8>> {
        // What is not recorded yet is not written.
        let Self {
            format_version,
            mig_version: _,
            lineage,
            serial: _,
            open_run,
            provider,
            first_names,
            moved_to,
            steps,
            moves: _,
        } = self;
        let written = Written {
            format_version: *format_version,
            mig_version,
            lineage,
            serial,
            open_run: open_run.as_ref(),
            provider: provider.as_ref(),
            first_names,
            moved_to: moved_to.as_deref(),
            steps,
        };
        let mut bytes = pretty(&written).map_err(|error| {
            Failure::new(codes::INTERNAL, "write the state", error.to_string(), "Please report this.")
        })?;
        bytes.push(b'\n');
        let content = bytes.len().saturating_sub(UNSEALED_END.len());
        bytes.truncate(content);
        let checksum = Digest::of_bytes(&bytes);
        bytes.extend_from_slice(format!("{CHECKSUM}{checksum}{END}").as_bytes());
        Ok(bytes)
    }

    /// What a step ended with, if it is complete.
    pub fn outputs(&self, addr: &StepAddr) -> Option<&JsonText> {
        self.steps.get(addr).filter(|record| record.status == Status::Complete).map(|record| &record.outputs)
    }
}

/// A state as it is written: the fields of [`State`], in their order.
#[derive(Serialize)]
struct Written<'a> {
    format_version: u32,
    mig_version: &'a str,
    lineage: &'a str,
    serial: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_run: Option<&'a OpenRun>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a CloudPlace>,
    #[serde(skip_serializing_if = "FirstNames::is_empty")]
    first_names: &'a FirstNames,
    #[serde(skip_serializing_if = "Option::is_none")]
    moved_to: Option<&'a str>,
    steps: &'a BTreeMap<StepAddr, StepRecord>,
}

/// Indented JSON in a buffer of its size, with some bytes for a seal: one that grows is twice as large, and is in memory
/// beside its copy.
fn pretty(value: &Written<'_>) -> serde_json::Result<Vec<u8>> {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    serde_json::to_writer_pretty(&mut counter, value)?;
    let mut bytes = Vec::with_capacity(counter.0 + SEAL_BYTES);
    serde_json::to_writer_pretty(&mut bytes, value)?;
    Ok(bytes)
}

/// The field that stands in the file and in no value.
fn with_checksum(schema: &mut schemars::Schema) {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        let text = "SHA-256 over every byte of the file before this field; from format 2 on.";
        properties.insert("checksum".into(), serde_json::json!({ "type": "string", "description": text }));
    }
}

/// Reads the steps; one that is there twice is a fault, whoever wrote the file.
fn each_once<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<StepAddr, StepRecord>, D::Error> {
    struct Steps;

    impl<'de> Visitor<'de> for Steps {
        type Value = BTreeMap<StepAddr, StepRecord>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("steps by their addresses")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut steps = BTreeMap::new();
            while let Some((addr, record)) = map.next_entry::<StepAddr, StepRecord>()? {
                match steps.entry(addr) {
                    Entry::Vacant(place) => drop(place.insert(record)),
                    Entry::Occupied(place) => {
                        return Err(serde::de::Error::custom(format!(
                            "the key {:?} is there twice",
                            place.key().to_string()
                        )));
                    }
                }
            }
            Ok(steps)
        }
    }

    deserializer.deserialize_map(Steps)
}

/// The bytes that the checksum covers; `None` where it is not theirs.
fn unsealed(bytes: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::rfind(bytes, CHECKSUM.as_bytes())?;
    let (content, seal) = bytes.split_at(at);
    let expected = format!("{CHECKSUM}{}{END}", Digest::of_bytes(content));
    (seal == expected.as_bytes()).then_some(content)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_state_with_a_step_twice_is_refused() {
        let addr = StepAddr::parse("migration.m.report").unwrap();
        let mut state = State::new("lin".into());
        let record = serde_json::json!({
            "kind": "report", "inputs_digest": Digest::of_bytes(b""), "status": "failed", "outputs": null, "depends_on": [],
            "started": "",
        });
        state.steps.insert(addr, serde_json::from_value(record).unwrap());
        let text = String::from_utf8(state.write().unwrap()).unwrap();
        let content = &text[..text.rfind(CHECKSUM).unwrap()];
        let step = &content[content.find("\"migration.m.report\"").unwrap()..content.rfind("\n  }").unwrap()];
        let twice = content.replace(step, &format!("{},\n    {step}", step.trim_end()));
        let sealed = format!("{twice}{CHECKSUM}{}{END}", Digest::of_bytes(twice.as_bytes()));
        assert!(State::read_own(text.as_bytes()).is_some());
        let failure = State::read(sealed.as_bytes(), "s").unwrap_err();
        assert!(failure.cause.contains("is there twice"), "{}", failure.cause);
    }

    #[test]
    fn what_is_no_whole_state_of_this_format_is_refused_by_name() {
        let mut state = State::new("lin".into());
        state.serial = 7;
        let good = state.write().unwrap();
        assert_eq!(State::read(&good, "s").unwrap(), state);
        for (text, code, says) in [
            ("", "MIG4002", "empty"),
            (" \n", "MIG4002", "empty"),
            ("\0\0", "MIG4002", "empty"),
            ("null", "MIG4002", "format_version"),
            ("[]", "MIG4002", "format_version"),
            (r#"{"format_version":0}"#, "MIG4002", "format version 0"),
            (r#"{"format_version":1}"#, "MIG4002", "missing field"),
            (r#"{"format_version":1,"format_version":1}"#, "MIG4002", "is there twice"),
            (
                r#"{"format_version":1,"mig_version":"0.1.0","lineage":"x","serial":1,"steps":{},"more":1}"#,
                "MIG4002",
                "more",
            ),
            (r#"{"format_version":1,"mig_version":"0.1.0","lineage":"x","serial":-1,"steps":{}}"#, "MIG4002", "-1"),
            (
                r#"{"format_version":2,"mig_version":"0.1.0","lineage":"x","serial":1,"steps":{}}"#,
                "MIG4012",
                "checksum",
            ),
            (r#"{"format_version":1,"mig_version":"0.1.0","steps":{},"checksum":"x"}"#, "MIG4002", "has no checksum"),
            (r#"{"format_version":3,"mig_version":"9.9.9","shape":"new"}"#, "MIG4001", "9.9.9"),
        ] {
            let failure = State::read(text.as_bytes(), "s").unwrap_err();
            assert_eq!(failure.code, code, "{text}");
            assert_eq!(failure.exit.code(), 1, "{text}");
            assert!(failure.cause.contains(says), "{text}: {}", failure.cause);
        }
        for end in 0..good.len() - 2 {
            let failure = State::read(&good[..end], "s").unwrap_err();
            assert_eq!(failure.code, "MIG4002", "cut at {end}");
        }
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut flipped = good.clone();
                flipped[at] ^= 1 << bit;
                assert!(State::read(&flipped, "s").is_err(), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn an_edited_state_is_refused_and_read_only_where_that_is_asked_for() {
        let mut state = State::new("lin".into());
        state.serial = 7;
        let text = String::from_utf8(state.write().unwrap()).unwrap();
        assert!(text.ends_with("\"\n}\n") && text.contains(",\n  \"checksum\": \"sha256:"), "{text}");
        let edited = text.replace("\"lin\"", "\"lim\"");
        let failure = State::read(edited.as_bytes(), "s").unwrap_err();
        assert_eq!((failure.code.to_string().as_str(), failure.exit.code()), ("MIG4012", 1));
        assert_eq!(State::read_unsealed(edited.as_bytes(), "s").unwrap().lineage, "lim");
        // One of the first format is read, and written as one of this.
        let old = r#"{"format_version":1,"mig_version":"0.1.0","lineage":"lin","serial":7,"steps":{}}"#;
        assert_eq!(State::read(old.as_bytes(), "s").unwrap(), state);
    }

    #[test]
    fn a_plan_is_bound_to_the_steps_and_not_to_the_bookkeeping() {
        let one = State::new("lin".into());
        let mut two = one.clone();
        two.serial = 9;
        two.open_run = Some(OpenRun::new(Digest::of_bytes(b"p"), one.digest()));
        assert_eq!(one.digest(), two.digest());
        assert_ne!(one.digest(), State::new("other".into()).digest());
    }
}
