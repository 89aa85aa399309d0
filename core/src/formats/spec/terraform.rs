//! Values of variables out of what another tool has built: the JSON of `terraform output -json`, and the flat JSON of
//! `pulumi stack output --json`. Knows neither the spec's variables nor where the text comes from. No message holds a value.

use std::collections::BTreeMap;

use hcl_edit::Number;
use indexmap::IndexMap;
use serde_json::Value as Json;

use super::texts::At;
use super::value::{Kind, Value};
use crate::words::digest::strict_json;

/// What Pulumi writes in the place of a secret, unless it is told to show them.
const WITHHELD: &str = "[secret]";

/// One output.
pub(super) struct Output {
    pub value: Json,
    /// The tool says that it is a secret.
    pub sensitive: bool,
}

impl Output {
    /// The value is not in the text, because the tool keeps it back.
    pub fn is_withheld(&self) -> bool {
        self.value.as_str() == Some(WITHHELD)
    }

    /// As a value of a spec; `None`: a number that is none of HCL's.
    pub fn value(&self, at: &At) -> Option<Value> {
        let mut value = value(&self.value, at)?;
        if self.sensitive {
            value.mark_sensitive();
        }
        Some(value)
    }
}

/// All outputs of a text, by name.
///
/// # Errors
/// Why it is not such a text: a fragment, without values.
pub(super) fn outputs(text: &str) -> Result<BTreeMap<String, Output>, String> {
    let json = strict_json(text.as_bytes()).map_err(|error| match error.classify() {
        // The parser's own words name a place and no value.
        serde_json::error::Category::Syntax | serde_json::error::Category::Eof => format!("it is not JSON: {error}"),
        _ => "it holds a name twice".to_owned(),
    })?;
    let Json::Object(entries) = json else { return Err("it is not an object of names and values".to_owned()) };
    // By the whole document: a value of Pulumi's may well be an object with a field `value`.
    let of_terraform = !entries.is_empty() && entries.values().all(is_terraforms);
    let output = |entry: Json| match entry {
        Json::Object(mut fields) if of_terraform => Output {
            sensitive: fields.get("sensitive").and_then(Json::as_bool).unwrap_or(true),
            value: fields.remove("value").unwrap_or_default(),
        },
        value => Output { value, sensitive: false },
    };
    Ok(entries.into_iter().map(|(name, entry)| (name, output(entry))).collect())
}

/// `{"sensitive": false, "type": "string", "value": "x"}`.
fn is_terraforms(entry: &Json) -> bool {
    let has = |name: &str| entry.get(name).is_some();
    entry.get("sensitive").is_some_and(Json::is_boolean) && has("type") && has("value")
}

fn value(json: &Json, at: &At) -> Option<Value> {
    let kind = match json {
        Json::Null => Kind::Null,
        Json::Bool(flag) => Kind::Bool(*flag),
        Json::Number(number) => Kind::Number(match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Number::from(number),
            (_, Some(number)) => Number::from(number),
            _ => Number::from_f64(number.as_f64()?)?,
        }),
        Json::String(text) => Kind::String(text.clone()),
        Json::Array(items) => Kind::List(items.iter().map(|item| value(item, at)).collect::<Option<_>>()?),
        Json::Object(fields) => {
            let field = |(name, json): (&String, &Json)| Some((name.clone(), value(json, at)?));
            Kind::Map(fields.iter().map(field).collect::<Option<IndexMap<_, _>>>()?)
        }
    };
    Some(Value::new(kind, at.clone()))
}
