//! The journal: what a run writes while it runs, one frame a line, and how it folds into the state. Bytes in, values
//! out; it knows no file and syncs nothing (that is a store's matter).
//!
//! A frame is `{"seq":N,"records":[…],"sum":"…"}`; the sum covers every byte of the line before it. A frame is written
//! only after the one before it was synced, so a crash can spoil the last frame alone: that one is dropped whole, and
//! nothing that was announced is lost with it. Anything else that is wrong is damage.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::json_text::JsonText;
use super::outputs::{lasting, put_aside};
use super::state::{OpenRun, Part, Progress, State, Status, StepRecord};
use crate::words::addr::{StepAddr, StepKind};
use crate::words::codes;
use crate::words::digest::Digest;
use crate::words::error::{Failure, Outcome};

/// One record. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Record {
    /// The first record, and only the first: which state this continues.
    Open {
        lineage: String,
        base_serial: u64,
        base_digest: Digest,
        open_run: OpenRun,
    },
    /// A step is about to start.
    Start {
        addr: StepAddr,
        kind: StepKind,
        inputs_digest: Digest,
        depends_on: Vec<StepAddr>,
        at: String,
    },
    /// A part is about to be worked on; its number and border are fixed.
    Border {
        addr: StepAddr,
        part: u32,
        border: Value,
    },
    PartDone {
        addr: StepAddr,
        part: u32,
        done: Value,
    },
    /// A fact of the step's own; a later one of the same key replaces it.
    Note {
        addr: StepAddr,
        key: String,
        value: Value,
    },
    /// The step is complete; its parts and notes fold away.
    Done {
        addr: StepAddr,
        outputs: Value,
        at: String,
    },
    /// The step failed; parts and notes stay.
    Failed {
        addr: StepAddr,
        failure: Box<Failure>,
        at: String,
    },
    /// The step leaves the state.
    Forget {
        addr: StepAddr,
        /// Of a step that removed something: what it left, and why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        left: Option<String>,
    },
    /// Parts and notes of an unfinished step are thrown away.
    Reset {
        addr: StepAddr,
    },
    /// Everything the plan asked for is done.
    End,
}

/// What was read of a journal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Journal {
    /// In order, the first one `Open`; empty when no frame became durable.
    pub records: Vec<Record>,
    /// The last line was unfinished and was dropped.
    pub torn: bool,
}

/// What state and journal come to together.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovered {
    /// `None`: neither says anything. The serial is still that of the state's file.
    pub state: Option<State>,
    pub leftover: Leftover,
    pub torn: bool,
}

/// What a journal beside the state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leftover {
    /// There is none.
    None,
    /// It is there and says nothing more than the state (already folded, or never got its first frame): the next
    /// writer removes it.
    Spent,
    /// Its records are not in the state's file yet: the next writer folds it.
    Live,
}

const SUM_DIGITS: usize = 32;
const SUM_KEY: &[u8] = b",\"sum\":\"";

/// The bytes of one frame, its newline included.
///
/// # Errors
/// MIG1001, where a value cannot be written as JSON; none of these types can bring that about.
pub fn frame(seq: u64, records: &[Record]) -> Outcome<Vec<u8>> {
    let mut line = format!("{{\"seq\":{seq},\"records\":").into_bytes();
    serde_json::to_writer(&mut line, records).map_err(|error| {
        Failure::new(codes::INTERNAL, "write the journal", error.to_string(), "Please report this.")
    })?;
    let sum = sum_of(&line);
    line.extend_from_slice(SUM_KEY);
    line.extend_from_slice(sum.as_bytes());
    line.extend_from_slice(b"\"}\n");
    Ok(line)
}

/// Reads a journal's bytes. `place` is the journal's file, for messages.
///
/// # Errors
/// MIG4003 for anything a crash cannot have left.
pub fn read(bytes: &[u8], place: &str) -> Outcome<Journal> {
    let damaged = |cause: String| {
        Failure::new(
            codes::JOURNAL_DAMAGED,
            format!("read the journal {place}"),
            cause,
            "Restore the state and its journal together from one backup; nothing was touched.",
        )
    };
    let mut journal = Journal::default();
    // Blocks that the disk never wrote read as zeros.
    let zeros = bytes.iter().rev().take_while(|byte| **byte == 0).count();
    let written = bytes.get(..bytes.len() - zeros).unwrap_or_default();
    let text = written.strip_suffix(b"\n").unwrap_or(written);
    journal.torn = zeros > 0;
    if text.is_empty() {
        journal.torn |= !written.is_empty();
        return Ok(journal);
    }
    let mut lines = text.split(|byte| *byte == b'\n').enumerate().peekable();
    while let Some((at, line)) = lines.next() {
        match parse_frame(line) {
            Ok((seq, records)) => {
                if seq != at as u64 + 1 {
                    return Err(damaged(format!("line {} holds frame {seq}", at + 1)));
                }
                journal.records.extend(records);
            }
            Err(_) if lines.peek().is_none() && !holds_a_frame(line) => journal.torn = true,
            Err(_) if lines.peek().is_none() => return Err(damaged(format!("line {} holds a frame and more", at + 1))),
            Err(why) => return Err(damaged(format!("line {} is bad ({why}) and is not the last one", at + 1))),
        }
    }
    let opens = journal.records.iter().filter(|record| matches!(record, Record::Open { .. })).count();
    match journal.records.first() {
        Some(Record::Open { .. }) if opens == 1 => Ok(journal),
        None => Ok(journal),
        _ => Err(damaged("it does not begin with the one record that names its state".into())),
    }
}

/// Puts a state's file and its journal together, in memory. Both names are for messages.
///
/// # Errors
/// What [`State::read`] and [`read`] refuse, and MIG4004 where the two do not belong together.
pub fn recover(state: Option<&[u8]>, journal: Option<&[u8]>, place: &str) -> Outcome<Recovered> {
    let journal_place = format!("{place}.journal");
    let state = state.map(|bytes| State::read(bytes, place)).transpose()?;
    let Some(bytes) = journal else {
        return Ok(Recovered { state, leftover: Leftover::None, torn: false });
    };
    let Journal { records, torn } = read(bytes, &journal_place)?;
    let Some(Record::Open { lineage, base_serial, base_digest, .. }) = records.first() else {
        return Ok(Recovered { state, leftover: Leftover::Spent, torn });
    };
    let stranger = |cause: String| {
        Failure::new(
            codes::JOURNAL_OF_OTHER_STATE,
            format!("read the journal {journal_place}"),
            cause,
            format!("Put back the {place} that the journal continues, or move the journal away; nothing was touched."),
        )
    };
    let base = match state {
        Some(state) => state,
        None if *base_serial == 0 => State::new(lineage.clone()),
        None => return Err(stranger(format!("it continues serial {base_serial}, but there is no state file"))),
    };
    if base.lineage != *lineage {
        return Err(stranger(format!("it is of lineage {lineage}, the state of {}", base.lineage)));
    }
    if *base_serial < base.serial {
        return Ok(Recovered { state: Some(base), leftover: Leftover::Spent, torn });
    }
    if *base_serial > base.serial {
        return Err(stranger(format!("it continues serial {base_serial}, the state is older: serial {}", base.serial)));
    }
    if *base_digest != base.digest() {
        return Err(stranger(format!("the state of serial {base_serial} was changed after the journal was begun")));
    }
    let state = fold(base, &records).map_err(|why| {
        Failure::new(
            codes::JOURNAL_DAMAGED,
            format!("read the journal {journal_place}"),
            why,
            "Restore the state and its journal together from one backup; nothing was touched.",
        )
    })?;
    Ok(Recovered { state: Some(state), leftover: Leftover::Live, torn })
}

/// The state after the records; the serial stays.
///
/// # Errors
/// Says which record cannot follow what stands before it.
pub fn fold(mut state: State, records: &[Record]) -> Result<State, String> {
    for record in records {
        fold_one(&mut state, record)?;
    }
    Ok(state)
}

/// [`fold`] of one record.
///
/// # Errors
/// As for [`fold`]; then the state is unchanged.
pub fn fold_one(state: &mut State, record: &Record) -> Result<(), String> {
    match record {
        Record::Open { open_run, .. } => {
            let mut open_run = open_run.clone();
            state.provider = open_run.provider.take().or(state.provider.take());
            // What an interrupted run was to do again, and this one leaves out.
            let before = state.open_run.take().map(|run| run.again).unwrap_or_default();
            state.make_stale(before.into_iter().filter(|addr| !open_run.again.contains(addr)));
            state.open_run = Some(open_run);
        }
        Record::Start { addr, kind, inputs_digest, depends_on, at } => {
            let again = state.open_run.as_mut().is_some_and(|run| run.again.remove(addr));
            let left_out = state.open_run.as_mut().and_then(|run| run.left_out.remove(addr));
            state.make_stale(left_out.into_iter().flatten());
            let before = state.steps.remove(addr);
            let resumes = !again && resumable(before.as_ref(), inputs_digest);
            let (outputs, started, progress) = match before {
                Some(before) if resumes => (before.outputs, before.started, before.progress),
                Some(before) => {
                    let noted = &before.progress.notes;
                    let notes = if addr.in_cloud() { put_aside(noted) } else { lasting(noted) };
                    (before.outputs, at.clone(), Progress { notes, ..Progress::default() })
                }
                None => (JsonText::none(), at.clone(), Progress::default()),
            };
            state.steps.insert(
                addr.clone(),
                StepRecord {
                    kind: *kind,
                    inputs_digest: inputs_digest.clone(),
                    status: Status::Running,
                    outputs,
                    depends_on: depends_on.clone(),
                    started,
                    finished: None,
                    progress,
                },
            );
        }
        Record::Border { addr, part, border } => {
            running(state, addr)?.progress.parts.insert(*part, Part { border: border.clone(), done: None });
        }
        Record::PartDone { addr, part, done } => {
            let parts = &mut running(state, addr)?.progress.parts;
            let part = parts.get_mut(part).ok_or_else(|| format!("part {part} of {addr} is done without a border"))?;
            part.done = Some(done.clone());
        }
        Record::Note { addr, key, value } => {
            let record = unfinished(state, addr)?;
            record.progress.notes.insert(key.clone(), value.clone());
        }
        Record::Done { addr, outputs, at } => {
            let record = running(state, addr)?;
            record.status = Status::Complete;
            record.outputs = outputs.into();
            record.finished = Some(at.clone());
            record.progress = Progress::default();
        }
        Record::Failed { addr, at, .. } => {
            let record = running(state, addr)?;
            record.status = Status::Failed;
            record.finished = Some(at.clone());
        }
        Record::Forget { addr, .. } => state.forget(addr),
        Record::Reset { addr } => {
            let progress = &mut unfinished(state, addr)?.progress;
            *progress = Progress { notes: lasting(&progress.notes), ..Progress::default() };
        }
        Record::End => {
            state.open_run = None;
            // Nothing is recorded any more: the next run may begin in another place.
            if state.steps.is_empty() {
                state.provider = None;
            }
        }
    }
    Ok(())
}

/// Whether a start with these inputs goes on with what the record holds.
pub fn resumable(before: Option<&StepRecord>, inputs_digest: &Digest) -> bool {
    let goes_on = |record: &StepRecord| matches!(record.status, Status::Running | Status::Failed);
    before.is_some_and(|record| goes_on(record) && record.inputs_digest == *inputs_digest)
}

fn unfinished<'a>(state: &'a mut State, addr: &StepAddr) -> Result<&'a mut StepRecord, String> {
    match state.steps.get_mut(addr) {
        Some(record) if matches!(record.status, Status::Running | Status::Failed) => Ok(record),
        Some(_) => Err(format!("{addr} is written to after its end")),
        None => Err(format!("{addr} is written to before its start")),
    }
}

fn running<'a>(state: &'a mut State, addr: &StepAddr) -> Result<&'a mut StepRecord, String> {
    let record = unfinished(state, addr)?;
    if record.status == Status::Running { Ok(record) } else { Err(format!("{addr} is written to after its end")) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Frame {
    seq: u64,
    records: Vec<Record>,
    #[serde(rename = "sum")]
    _sum: String,
}

fn parse_frame(line: &[u8]) -> Result<(u64, Vec<Record>), &'static str> {
    let tail = SUM_KEY.len() + SUM_DIGITS + b"\"}".len();
    let body_end = line.len().checked_sub(tail).ok_or("too short")?;
    let (body, tail) = line.split_at(body_end);
    let sum = tail.strip_prefix(SUM_KEY).and_then(|t| t.strip_suffix(b"\"}")).ok_or("without its checksum")?;
    if sum != sum_of(body).as_bytes() {
        return Err("its checksum differs");
    }
    let frame: Frame = serde_json::from_slice(line).map_err(|_| "of a form that this version does not know")?;
    Ok((frame.seq, frame.records))
}

/// Whether a bad line holds a good frame at its beginning or its end: then a newline was lost, and the line is more
/// than one unfinished frame.
fn holds_a_frame(line: &[u8]) -> bool {
    let at_end = memchr::memmem::find_iter(line, b"{\"seq\":").skip(1).any(|at| parse_frame(&line[at..]).is_ok());
    let tail = SUM_KEY.len() + SUM_DIGITS + b"\"}".len();
    let mut sums = memchr::memmem::find_iter(line, SUM_KEY);
    at_end || sums.any(|at| line.get(..at + tail).is_some_and(|frame| parse_frame(frame).is_ok()))
}

/// 128 bits: enough against accidents, and short.
fn sum_of(body: &[u8]) -> String {
    let mut digits = hex::encode(Sha256::digest(body));
    digits.truncate(SUM_DIGITS);
    digits
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use serde_json::json;

    use super::*;

    fn addr() -> StepAddr {
        StepAddr::parse("migration.m.dump[\"s.t\"]").unwrap()
    }

    fn open(state: &State) -> Record {
        Record::Open {
            lineage: state.lineage.clone(),
            base_serial: state.serial,
            base_digest: state.digest(),
            open_run: OpenRun::new(Digest::of_bytes(b"plan"), state.digest()),
        }
    }

    fn start(inputs: &str) -> Record {
        let inputs_digest = Digest::of_bytes(inputs.as_bytes());
        Record::Start { addr: addr(), kind: StepKind::Dump, inputs_digest, depends_on: vec![], at: inputs.into() }
    }

    fn border(part: u32) -> Record {
        Record::Border { addr: addr(), part, border: json!({"from": part, "text": "a\nb\"}"}) }
    }

    fn part_done(part: u32) -> Record {
        Record::PartDone { addr: addr(), part, done: json!({"rows": 5}) }
    }

    fn note() -> Record {
        Record::Note { addr: addr(), key: "epoch".into(), value: json!(3) }
    }

    fn done() -> Record {
        Record::Done { addr: addr(), outputs: json!({"rows": 10}), at: "t2".into() }
    }

    fn failed() -> Record {
        let failure = Box::new(Failure::new(codes::HOST_UNKNOWN, "dump", "gone", "Look."));
        Record::Failed { addr: addr(), failure, at: "t2".into() }
    }

    /// Three frames over a state at serial 4.
    fn sample() -> (State, Vec<u8>, Vec<usize>) {
        let mut state = State::new("lin".into());
        state.serial = 4;
        let mut bytes = Vec::new();
        let mut ends = Vec::new();
        let frames = [vec![open(&state), start("a")], vec![border(1), border(2)], vec![part_done(1), note()]];
        for (seq, records) in frames.iter().enumerate() {
            bytes.extend(frame(seq as u64 + 1, records).unwrap());
            ends.push(bytes.len());
        }
        (state, bytes, ends)
    }

    #[test]
    fn a_cut_at_any_byte_keeps_every_frame_before_it_and_nothing_of_the_cut_one() {
        let (state, bytes, ends) = sample();
        let base = state.write().unwrap();
        for cut in 0..=bytes.len() {
            let whole = ends.iter().filter(|end| cut + 1 >= **end).count();
            let journal = read(&bytes[..cut], "j").unwrap();
            assert_eq!(journal.records.len(), whole * 2, "cut at {cut}");
            let recovered = recover(Some(&base), Some(&bytes[..cut]), "s").unwrap();
            assert_eq!(recovered.leftover, if whole == 0 { Leftover::Spent } else { Leftover::Live }, "cut at {cut}");
        }
        // Blocks that the disk never wrote read as zeros.
        let mut zeros = bytes.clone();
        zeros[ends[1]..].fill(0);
        assert_eq!(
            read(&zeros, "j").unwrap(),
            Journal { records: read(&bytes[..ends[1]], "j").unwrap().records, torn: true }
        );
    }

    #[test]
    fn one_flipped_byte_is_damage_but_in_the_last_frame() {
        let (_, bytes, ends) = sample();
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            let result = read(&bad, "j");
            if at >= ends[1] {
                // But for the newline at the end: without it, more than one frame may have been cut off.
                let kept = result.map(|journal| journal.records.len()).map_err(|failure| failure.code);
                let expected = if at == bytes.len() - 1 { Err(codes::JOURNAL_DAMAGED) } else { Ok(4) };
                assert_eq!(kept, expected, "flip at {at}");
            } else {
                let failure = result.unwrap_err();
                assert_eq!((failure.code.to_string().as_str(), failure.exit.code()), ("MIG4003", 1), "flip at {at}");
            }
        }
    }

    #[test]
    fn frames_out_of_order_missing_or_of_an_unknown_form_are_damage() {
        let (state, ..) = sample();
        let frame = |seq, records: &[Record]| super::frame(seq, records).unwrap();
        for (name, frames) in [
            ("missing", vec![frame(1, &[open(&state)]), frame(3, &[Record::End])]),
            ("twice", vec![frame(1, &[open(&state)]), frame(1, &[open(&state)])]),
            ("first is not open", vec![frame(1, &[Record::End])]),
            ("opened twice", vec![frame(1, &[open(&state)]), frame(2, &[open(&state)])]),
            ("blank line", vec![frame(1, &[open(&state)]), b"\n".to_vec(), frame(2, &[Record::End])]),
            ("two bad lines", vec![frame(1, &[open(&state)]), b"x\n".to_vec(), b"y\n".to_vec()]),
        ] {
            assert_eq!(read(&frames.concat(), "j").unwrap_err().code, "MIG4003", "{name}");
        }
    }

    #[test]
    fn a_journal_counts_only_beside_the_state_that_it_continues() {
        let (state, bytes, _) = sample();
        let with = |change: &dyn Fn(&mut State)| {
            let mut other = state.clone();
            change(&mut other);
            Some(other.write().unwrap())
        };
        let foreign = StepRecord {
            kind: StepKind::Table,
            inputs_digest: Digest::of_bytes(b"x"),
            status: Status::Complete,
            outputs: JsonText::none(),
            depends_on: vec![],
            started: "t".into(),
            finished: None,
            progress: Progress::default(),
        };
        let edited = |s: &mut State| drop(s.steps.insert(addr(), foreign.clone()));
        for (name, base, expected) in [
            ("same", with(&|_| ()), Ok(Leftover::Live)),
            ("folded already", with(&|s| s.serial = 5), Ok(Leftover::Spent)),
            ("older state", with(&|s| s.serial = 3), Err(codes::JOURNAL_OF_OTHER_STATE)),
            ("other lineage", with(&|s| s.lineage = "x".into()), Err(codes::JOURNAL_OF_OTHER_STATE)),
            ("edited", with(&edited), Err(codes::JOURNAL_OF_OTHER_STATE)),
            ("gone", None, Err(codes::JOURNAL_OF_OTHER_STATE)),
        ] {
            let found = recover(base.as_deref(), Some(&bytes), "s").map(|r| r.leftover).map_err(|f| f.code);
            assert_eq!(found, expected, "{name}");
        }
        let first = State::new("lin".into());
        let bytes = frame(1, &[open(&first), start("a")]).unwrap();
        assert_eq!(recover(None, Some(&bytes), "s").unwrap().leftover, Leftover::Live);
        let none = Recovered { state: None, leftover: Leftover::None, torn: false };
        assert_eq!(recover(None, None, "s").unwrap(), none);
    }

    /// (status, parts, parts done, notes, started) of the one step, if it is there.
    type Row = Option<(Status, usize, usize, usize, String)>;

    /// The one step after these records, unless the fold is refused.
    fn check(records: &[Record]) -> Result<Row, ()> {
        let base = State::new("lin".into());
        let state = fold(base, records).map_err(|_| ())?;
        Ok(state.steps.get(&addr()).map(|r| {
            (r.status, r.progress.parts.len(), r.progress.parts_done(), r.progress.notes.len(), r.started.clone())
        }))
    }

    #[test]
    fn records_fold_into_the_step() {
        use Status::{Complete, Failed, Running};
        let row = |status, parts, parts_done, notes, started: &str| {
            Ok(Some((status, parts, parts_done, notes, started.to_owned())))
        };
        let begun = [start("a"), border(1), border(2), part_done(1), note()];
        let then = |more: &[Record]| [begun.as_slice(), more].concat();
        assert_eq!(check(&begun), row(Running, 2, 1, 1, "a"));
        assert_eq!(check(&then(&[start("a")])), row(Running, 2, 1, 1, "a"), "the same inputs resume");
        assert_eq!(check(&then(&[start("b")])), row(Running, 0, 0, 0, "b"), "other inputs start from scratch");
        assert_eq!(check(&then(&[failed()])), row(Failed, 2, 1, 1, "a"));
        assert_eq!(check(&then(&[failed(), start("a")])), row(Running, 2, 1, 1, "a"));
        assert_eq!(check(&then(&[Record::Reset { addr: addr() }])), row(Running, 0, 0, 0, "a"));
        assert_eq!(check(&then(&[done()])), row(Complete, 0, 0, 0, "a"), "parts fold away");
        assert_eq!(check(&then(&[done(), start("a")])), row(Running, 0, 0, 0, "a"), "done again starts from scratch");
        assert_eq!(check(&then(&[Record::Forget { addr: addr(), left: None }])), Ok(None));
        for bad in [vec![border(1)], vec![start("a"), part_done(1)], then(&[done(), note()]), vec![done()]] {
            assert_eq!(check(&bad), Err(()), "{bad:?}");
        }
    }

    #[test]
    fn a_step_done_again_throws_its_progress_away_once() {
        let mut state = fold(State::new("lin".into()), &[start("a"), border(1)]).unwrap();
        let mut run = OpenRun::new(Digest::of_bytes(b"p"), state.digest());
        run.again.insert(addr());
        state.open_run = Some(run);
        let state = fold(state, &[start("a")]).unwrap();
        assert_eq!(state.steps[&addr()].progress.parts.len(), 0);
        let state = fold(state, &[border(1), start("a")]).unwrap();
        assert_eq!(state.steps[&addr()].progress.parts.len(), 1);
        assert_eq!(fold(state, &[Record::End]).unwrap().open_run, None);
    }

    fn start_of(addr: &str, inputs: &str) -> Record {
        Record::Start {
            addr: StepAddr::parse(addr).unwrap(),
            kind: StepKind::Runner,
            inputs_digest: Digest::of_bytes(inputs.as_bytes()),
            depends_on: vec![],
            at: "t".into(),
        }
    }

    #[test]
    fn what_an_object_in_a_cloud_noted_is_put_aside_when_its_step_begins_from_scratch() {
        let (volume, addr) = ("runner.ec2.m.volume", StepAddr::parse("runner.ec2.m.volume").unwrap());
        let note = |key: &str, value: &str| Record::Note { addr: addr.clone(), key: key.into(), value: value.into() };
        let check = |records: &[Record], expected: &[(&str, &str)]| {
            let state = fold(State::new("lin".into()), records).unwrap();
            let all = super::super::outputs::with_abandoned(&state.steps[&addr].progress.notes);
            let expected = expected.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect();
            assert_eq!(all, expected, "{records:?}");
        };
        let first = [start_of(volume, "a"), note("made", "vol-1"), note("intent", "1")];
        let then = |more: &[Record]| [first.as_slice(), more].concat();
        check(&then(&[start_of(volume, "b")]), &[("made", "vol-1"), ("intent", "1")]);
        check(&then(&[start_of(volume, "b"), start_of(volume, "c")]), &[("made", "vol-1"), ("intent", "1")]);
        let second = [start_of(volume, "b"), note("intent", "2"), start_of(volume, "c")];
        check(&then(&second), &[("made", "vol-1"), ("intent", "2")]);
        let ended = Record::Done { addr: addr.clone(), outputs: Value::Null, at: "t".into() };
        check(&then(&[ended, start_of(volume, "b")]), &[]);
    }

    #[test]
    fn a_step_that_a_run_leaves_out_is_stale_once_what_it_stands_on_has_started() {
        let parse = |text: &str| StepAddr::parse(text).unwrap();
        let (above, below) = ("migration.m.load[\"s.t\"]", "migration.m.verify[\"s.t\"]");
        let done = |addr: &str| Record::Done { addr: parse(addr), outputs: Value::Null, at: "t".into() };
        let run = [start_of(above, "a"), done(above), start_of(below, "a"), done(below), Record::End];
        let mut state = fold(State::new("lin".into()), &run).unwrap();
        let mut narrow = OpenRun::new(Digest::of_bytes(b"p"), state.digest());
        narrow.left_out.insert(parse(above), [parse(below)].into());
        state.open_run = Some(narrow.clone());
        assert_eq!(state.steps[&parse(below)].status, Status::Complete);
        let state = fold(state, &[start_of(above, "a"), done(above), Record::End]).unwrap();
        assert_eq!(state.steps[&parse(below)].status, Status::Stale);
        assert_eq!(state.steps[&parse(above)].status, Status::Complete);
        let again = fold(state, &[start_of(below, "a"), done(below)]).unwrap();
        assert_eq!(again.steps[&parse(below)].status, Status::Complete);
        // An interrupted run was going to do it again; the next one is of something else.
        let mut interrupted = again;
        let mut first = OpenRun::new(Digest::of_bytes(b"p"), interrupted.digest());
        first.again.insert(parse(below));
        interrupted.open_run = Some(first);
        let open = Record::Open {
            lineage: "lin".into(),
            base_serial: 0,
            base_digest: interrupted.digest(),
            open_run: OpenRun::new(Digest::of_bytes(b"q"), interrupted.digest()),
        };
        assert_eq!(fold(interrupted, &[open]).unwrap().steps[&parse(below)].status, Status::Stale);
    }
}
