//! How what a complete step left in the state is read: by its type ([`super::steps`], [`super::cloud_inputs`]).
//!
//! A record without outputs (the step never completed) and a record whose outputs cannot be read are two different
//! answers: the second one is a failure that names the step, never "nothing there".

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cloud_inputs::NOTE_INPUTS;
use super::json_text::JsonText;
use super::state::{Progress, State, StepRecord};
use crate::words::addr::{StepAddr, StepType};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// Of a step that was undone: what could not be removed and why, where something stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedOutputs {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<String>,
}

/// The outputs of a step that was undone and leaves something behind.
///
/// # Errors
/// As [`to_value`].
pub fn left(what: impl Into<String>) -> Outcome<Value> {
    to_value(&RemovedOutputs { left: Some(what.into()) })
}

/// What the outputs of a step that was undone say is left.
pub fn what_is_left(outputs: &Value) -> Option<String> {
    RemovedOutputs::deserialize(outputs).ok()?.left
}

/// Outputs as the state keeps them.
///
/// # Errors
/// MIG1001: a value that cannot be JSON; none of these types has one.
pub fn to_value(outputs: &impl Serialize) -> Outcome<Value> {
    serde_json::to_value(outputs).map_err(|error| {
        Failure::new(codes::INTERNAL, "record a step's outputs", error.to_string(), "Please report this.")
    })
}

/// Reads outputs; `None` where there are none.
///
/// # Errors
/// MIG4002 with the step's address: there are some, and they are not of this shape.
pub fn read<T: DeserializeOwned>(addr: &StepAddr, outputs: &Value) -> Outcome<Option<T>> {
    if outputs.is_null() {
        return Ok(None);
    }
    T::deserialize(outputs).map(Some).map_err(|error| unreadable(addr, &error.to_string()))
}

/// The same of outputs as a record keeps them.
///
/// # Errors
/// As [`read`].
pub fn recorded<T: DeserializeOwned>(addr: &StepAddr, outputs: &JsonText) -> Outcome<Option<T>> {
    if outputs.is_none() {
        return Ok(None);
    }
    outputs.read().map(Some).map_err(|error| unreadable(addr, &error.to_string()))
}

/// The same of a step that has ended, so that there must be some.
///
/// # Errors
/// As [`read`], also where there are none.
pub fn required<T: DeserializeOwned>(addr: &StepAddr, outputs: &Value) -> Outcome<T> {
    read(addr, outputs)?.ok_or_else(|| unreadable(addr, "it has none"))
}

fn unreadable(addr: &StepAddr, cause: &str) -> Failure {
    let hint = "The state was written by another version of mig, or edited: use that version, or restore the state from \
                a backup.";
    Failure::new(codes::STATE_DAMAGED, "read what is recorded of a step", cause.to_owned(), hint).at(addr)
}

impl StepRecord {
    /// What the step left when it completed, at any time before; `None` where it never did.
    ///
    /// # Errors
    /// As [`read`].
    pub fn outputs_as<T: DeserializeOwned>(&self, addr: &StepAddr) -> Outcome<Option<T>> {
        recorded(addr, &self.outputs)
    }
}

impl State {
    /// What a step left when it completed, at any time before; `None` where it never did, or nothing is recorded of it.
    ///
    /// # Errors
    /// As [`read`].
    pub fn outputs_of<T: DeserializeOwned>(&self, addr: &StepAddr) -> Outcome<Option<T>> {
        self.steps.get(addr).map_or(Ok(None), |record| record.outputs_as(addr))
    }

    /// What a step ended with, if it is complete.
    ///
    /// # Errors
    /// As [`read`].
    pub fn outputs_if_complete<T: DeserializeOwned>(&self, addr: &StepAddr) -> Outcome<Option<T>> {
        self.outputs(addr).map_or(Ok(None), |found| recorded(addr, found))
    }
}

/// What the parts of a step that are done came to.
///
/// # Errors
/// As [`read`].
pub fn parts_done<T: DeserializeOwned>(addr: &StepAddr, progress: &Progress) -> Outcome<Vec<T>> {
    let done = progress.parts.values().filter_map(|part| part.done.as_ref());
    done.map(|done| T::deserialize(done).map_err(|error| unreadable(addr, &error.to_string()))).collect()
}

/// The note of a dump: where the source's log was before the first row was read.
pub const NOTE_POSITION: &str = "position";

/// What the note of a dump begins with that names a bucket: it is there before the first object, and stays until the dump has
/// ended, so that a destroy finds what was put there.
pub const NOTE_FILES: &str = "files in ";

/// The notes that outlive a reset and a change of what the step is made from.
pub fn lasting(notes: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let lasting = notes.iter().filter(|(key, _)| key.starts_with(NOTE_FILES));
    lasting.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The note of an object in a cloud: what a run noted that never came to its end, where one with other settings, or a
/// replace, has followed it. What it asked for may be there.
pub const NOTE_ABANDONED: &str = "abandoned";

/// The notes with which such a step begins from scratch: those of the runs before it, put aside.
pub fn put_aside(notes: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let all = with_abandoned(notes);
    if all.is_empty() { all } else { [(NOTE_ABANDONED.to_owned(), Value::Object(all.into_iter().collect()))].into() }
}

/// The notes of a step, and those that were put aside where it has none of its own.
pub fn with_abandoned(notes: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let aside = notes.get(NOTE_ABANDONED).and_then(Value::as_object).into_iter().flatten();
    let mut all: BTreeMap<String, Value> = aside.map(|(key, value)| (key.clone(), value.clone())).collect();
    all.extend(notes.iter().filter(|(key, _)| *key != NOTE_ABANDONED).map(|(key, value)| (key.clone(), value.clone())));
    all
}

/// Reads what a step noted on its way; `None` where it did not.
///
/// # Errors
/// As [`read`].
pub fn note<T: DeserializeOwned>(addr: &StepAddr, notes: &BTreeMap<String, Value>, key: &str) -> Outcome<Option<T>> {
    let Some(noted) = notes.get(key) else { return Ok(None) };
    T::deserialize(noted).map(Some).map_err(|error| unreadable(addr, &format!("its note `{key}`: {error}")))
}

#[derive(Deserialize)]
struct MadeFrom<T> {
    inputs: T,
}

/// What an object in a cloud was made from, by what its step ended with, else by what it noted when it began.
///
/// # Errors
/// As [`read`].
pub fn recorded_inputs<T: DeserializeOwned>(addr: &StepAddr, record: &StepRecord) -> Outcome<Option<T>> {
    match record.outputs_as::<MadeFrom<T>>(addr)? {
        Some(made) => Ok(Some(made.inputs)),
        None => note(addr, &record.progress.notes, NOTE_INPUTS),
    }
}

/// Whether the record says that its object is neither destroyed nor replaced.
///
/// # Errors
/// As [`read`].
pub fn prevents_destroy(addr: &StepAddr, record: &StepRecord) -> Outcome<bool> {
    #[derive(Deserialize)]
    struct Protection {
        prevent_destroy: bool,
    }
    if !addr.step_type().is_some_and(StepType::can_be_protected) {
        return Ok(false);
    }
    let made = record.outputs_as::<MadeFrom<Protection>>(addr)?;
    Ok(made.is_some_and(|made| made.inputs.prevent_destroy))
}

/// Of which type a recorded step is.
///
/// # Errors
/// MIG4002: of none that this version knows, so that nothing can be said of what it made.
pub fn known_step(addr: &StepAddr) -> Outcome<StepType> {
    addr.step_type().ok_or_else(|| unreadable(addr, "this version knows no such kind of step"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_note_that_cannot_be_read_is_named_and_one_that_is_not_there_is_none() {
        let addr = StepAddr::parse("runner.ec2.r.security_group").unwrap();
        let check = |noted: Option<Value>, expected: Result<Option<u16>, &str>| {
            let notes = noted.map(|noted| ("rule".to_owned(), noted)).into_iter().collect();
            match (note::<(String, u16)>(&addr, &notes, "rule"), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found.map(|(_, port)| port), expected),
                (Err(found), Err(expected)) => {
                    assert_eq!(found.code, codes::STATE_DAMAGED);
                    assert!(found.cause.contains(expected), "{}", found.cause);
                }
                (found, expected) => panic!("{found:?}, not {expected:?}"),
            }
        };
        check(None, Ok(None));
        check(Some(json!(["sg-1", 3306])), Ok(Some(3306)));
        check(Some(json!(["sg-1"])), Err("its note `rule`"));
        check(Some(json!("sg-1")), Err("its note `rule`"));
        check(Some(Value::Null), Err("its note `rule`"));
    }
}
