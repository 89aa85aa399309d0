//! Values that expressions have: what they are, where they were written, and whether they may be shown.
//! There is no Debug on purpose: a value may be a secret.

use std::collections::BTreeSet;

use hcl_edit::Number;
use indexmap::IndexMap;

use super::texts::At;

#[derive(Clone)]
pub(super) struct Value {
    pub kind: Kind,
    /// Where it was written or, for a variable's, where it is used.
    pub at: At,
    /// Where its key was written, for a value in a map.
    pub key_at: Option<At>,
    /// It comes, in whole or in part, from a sensitive variable.
    pub sensitive: bool,
    /// The files whose text is in it.
    pub files: BTreeSet<String>,
}

#[derive(Clone)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    List(Vec<Value>),
    Map(IndexMap<String, Value>),
    /// The address of a block: opaque.
    Block(String),
}

impl Value {
    /// A value with what its parts bring along.
    pub fn new(kind: Kind, at: At) -> Self {
        let mut value = Self { kind, at, key_at: None, sensitive: false, files: BTreeSet::new() };
        let parts: Vec<&Value> = match &value.kind {
            Kind::List(items) => items.iter().collect(),
            Kind::Map(items) => items.values().collect(),
            _ => Vec::new(),
        };
        let (sensitive, files) = brought_by(parts);
        value.sensitive = sensitive;
        value.files = files;
        value
    }

    /// The same, made out of other values.
    pub fn made_of<'v>(kind: Kind, at: At, parts: impl IntoIterator<Item = &'v Value>) -> Self {
        let mut value = Self::new(kind, at);
        let (sensitive, files) = brought_by(parts);
        value.sensitive |= sensitive;
        value.files.extend(files);
        value
    }

    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// `a string`, `a list`: for messages.
    pub fn noun(&self) -> &'static str {
        match self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "a bool",
            Kind::Number(_) => "a number",
            Kind::String(_) => "a string",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
            Kind::Block(_) => "a reference to a block",
        }
    }

    /// The text of a string, number or bool, as a template has it.
    pub fn as_text(&self) -> Option<String> {
        match &self.kind {
            Kind::String(text) => Some(text.clone()),
            Kind::Number(number) => Some(number.to_string()),
            Kind::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }
    }

    /// As JSON; `None` where a reference to a block stands in it.
    pub fn as_json(&self) -> Option<serde_json::Value> {
        Some(match &self.kind {
            Kind::Null => serde_json::Value::Null,
            Kind::Bool(flag) => (*flag).into(),
            Kind::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(n), _) => n.into(),
                (_, Some(n)) => n.into(),
                _ => serde_json::Number::from_f64(number.as_f64()?)?.into(),
            },
            Kind::String(text) => text.clone().into(),
            Kind::List(items) => items.iter().map(Value::as_json).collect::<Option<Vec<_>>>()?.into(),
            Kind::Map(items) => serde_json::Value::Object(
                items.iter().map(|(k, v)| Some((k.clone(), v.as_json()?))).collect::<Option<_>>()?,
            ),
            Kind::Block(_) => return None,
        })
    }

    /// Marks the value and all its parts.
    pub fn mark_sensitive(&mut self) {
        self.sensitive = true;
        match &mut self.kind {
            Kind::List(items) => items.iter_mut().for_each(Value::mark_sensitive),
            Kind::Map(items) => items.values_mut().for_each(Value::mark_sensitive),
            _ => {}
        }
    }
}

fn brought_by<'v>(parts: impl IntoIterator<Item = &'v Value>) -> (bool, BTreeSet<String>) {
    let mut sensitive = false;
    let mut files = BTreeSet::new();
    for part in parts {
        sensitive |= part.sensitive;
        files.extend(part.files.iter().cloned());
    }
    (sensitive, files)
}
