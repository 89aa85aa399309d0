//! What a migration came to know, as names and values: for scripts and for people. The name of a value is its path in the JSON.

use serde_json::Value;

use super::safe_json;
use super::style::{Ink, Style, columns, pad};
use crate::formats::resolved::Resolved;

/// Every value by its name, in the order of the names; null for what is not known.
pub fn values(resolved: &Resolved) -> Vec<(String, Value)> {
    let migrations = safe_json::numbers(serde_json::to_value(&resolved.migrations).unwrap_or_default());
    let mut found = Vec::new();
    flatten("", migrations, &mut found);
    found
}

fn flatten(path: &str, value: Value, into: &mut Vec<(String, Value)>) {
    let Value::Object(fields) = value else { return into.push((path.to_owned(), value)) };
    for (name, value) in fields {
        let path = if path.is_empty() { name } else { format!("{path}.{name}") };
        flatten(&path, value, into);
    }
}

/// One value as a script takes it: a text without quotes, a number with all its digits.
pub fn raw(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// All of them, a line each.
pub fn text(resolved: &Resolved, style: Style) -> String {
    let values = values(resolved);
    let widest = values.iter().map(|(name, _)| columns(name)).max().unwrap_or(0);
    let line = |(name, value): &(String, Value)| match value {
        Value::Null => format!("{} = {}\n", pad(name, widest), style.ink(Ink::Dim, "(not known)")),
        value => format!("{} = {}\n", pad(name, widest), raw(value)),
    };
    values.iter().map(line).collect()
}

/// `schemas/output.schema.json`; numbers that readers would round are strings.
pub fn json(resolved: &Resolved) -> Value {
    safe_json::numbers(serde_json::to_value(resolved).unwrap_or_default())
}
