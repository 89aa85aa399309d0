//! The functions of the language of specs, over values; reading a file is left to the evaluator.
//! No message here holds an argument: it may be a secret.

use super::faults::{Faults, Read};
use super::texts::At;
use super::value::{Kind, Value};
use crate::words::codes;

pub(super) const NAMES: &[&str] = &["file", "jsonencode", "lower", "upper", "format", "join", "concat", "coalesce"];

/// The one argument of `file`.
pub(super) fn file_path<'v>(faults: &Faults, arguments: &'v [Value], at: &At) -> Read<&'v str> {
    match arguments {
        [Value { kind: Kind::String(_), sensitive: true, .. }] => Err(faults.error(
            codes::SENSITIVE_EXPOSED,
            at,
            "a sensitive value cannot name a file",
            "The path is shown in messages: give it by a variable that is not sensitive.",
        )),
        [Value { kind: Kind::String(path), .. }] => Ok(path),
        _ => Err(wrong(faults, at, "file", "one string, the path: file(\"filters/shop.txt\")")),
    }
}

/// What a function other than `file` gives.
pub(super) fn call(faults: &Faults, name: &str, arguments: &[Value], at: &At) -> Read<Kind> {
    match (name, arguments) {
        ("lower", [Value { kind: Kind::String(text), .. }]) => Ok(Kind::String(text.to_lowercase())),
        ("upper", [Value { kind: Kind::String(text), .. }]) => Ok(Kind::String(text.to_uppercase())),
        ("lower" | "upper", _) => Err(wrong(faults, at, name, &format!("one string: {name}(\"Text\")"))),
        ("jsonencode", [value]) => value
            .as_json()
            .map(|json| Kind::String(json.to_string()))
            .ok_or_else(|| wrong(faults, at, name, "one value that is not a reference to a block")),
        ("jsonencode", _) => Err(wrong(faults, at, name, "one value")),
        ("join", [Value { kind: Kind::String(separator), .. }, lists @ ..]) if !lists.is_empty() => {
            let texts = flat(lists).and_then(|items| items.into_iter().map(Value::as_text).collect::<Option<Vec<_>>>());
            match texts {
                Some(texts) => Ok(Kind::String(texts.join(separator))),
                None => Err(wrong(faults, at, name, "lists of strings behind the separator")),
            }
        }
        ("join", _) => Err(wrong(faults, at, name, "a separator and a list: join(\", \", [\"a\", \"b\"])")),
        ("concat", lists) => match flat(lists) {
            Some(items) => Ok(Kind::List(items.into_iter().cloned().collect())),
            None => Err(wrong(faults, at, name, "lists only: concat([\"a\"], [\"b\"])")),
        },
        ("coalesce", values) => {
            let empty = |v: &&Value| !v.is_null() && !matches!(&v.kind, Kind::String(text) if text.is_empty());
            match values.iter().find(empty) {
                Some(value) => Ok(value.kind.clone()),
                None => Err(wrong(faults, at, name, "at least one value that is neither null nor empty")),
            }
        }
        ("format", [Value { kind: Kind::String(pattern), .. }, values @ ..]) => {
            formatted(pattern, values).map(Kind::String).map_err(|reason| wrong(faults, at, name, reason))
        }
        _ => Err(wrong(faults, at, name, "a pattern and its values: format(\"%s-%d\", var.name, 3)")),
    }
}

fn wrong(faults: &Faults, at: &At, name: &str, takes: &str) -> super::faults::Faulted {
    faults.error(
        codes::WRONG_ARGUMENTS,
        at,
        format!("`{name}` cannot be called like this"),
        format!("`{name}` takes {takes}."),
    )
}

fn flat(lists: &[Value]) -> Option<Vec<&Value>> {
    let mut items = Vec::new();
    for list in lists {
        let Kind::List(more) = &list.kind else { return None };
        items.extend(more);
    }
    Some(items)
}

/// `%s` and `%v` any scalar, `%d` a whole number, `%q` a text in quotes, `%%` a percent sign.
fn formatted(pattern: &str, values: &[Value]) -> Result<String, &'static str> {
    let mut text = String::new();
    let mut values = values.iter();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        let verb = letters.next();
        if verb == Some('%') {
            text.push('%');
            continue;
        }
        if !matches!(verb, Some('s' | 'v' | 'd' | 'q')) {
            return Err("only %s, %v, %d, %q and %% in its pattern");
        }
        let value = values.next().ok_or("a value for every % of its pattern")?;
        let scalar = value.as_text().ok_or("strings, numbers and bools as values")?;
        match (verb, &value.kind) {
            (Some('d'), Kind::Number(number)) if number.as_i64().is_some() || number.as_u64().is_some() => {
                text.push_str(&scalar);
            }
            (Some('d'), _) => return Err("a whole number for %d"),
            (Some('q'), _) => text.push_str(&serde_json::Value::String(scalar).to_string()),
            _ => text.push_str(&scalar),
        }
    }
    if values.next().is_some() { Err("no more values than its pattern has %") } else { Ok(text) }
}
