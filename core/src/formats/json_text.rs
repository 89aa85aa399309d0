//! A value of JSON that is kept as its text: what steps need and what they left. A plan or a state of thousands of tables holds
//! all of them at once, and a tree of values takes ten times as much memory. Knows nothing of what is in it.

mod passing;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::words::sorted_json::{self, Form};
use passing::Passing;

/// In files it is the value itself. Two texts are equal if their values are: keys are in alphabetical order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonText(Box<str>);

const NULL: &str = "null";

impl JsonText {
    /// There is nothing.
    pub fn none() -> Self {
        Self(NULL.into())
    }

    /// The text of what a value is written as.
    ///
    /// # Errors
    /// It cannot be written as JSON: a map with keys that are no strings.
    pub fn of<T: Serialize>(value: &T) -> serde_json::Result<Self> {
        let mut text = Vec::new();
        sorted_json::write(value, &mut text, Form::Plain)?;
        String::from_utf8(text).map(|text| Self(text.into())).map_err(serde::ser::Error::custom)
    }

    pub fn is_none(&self) -> bool {
        &*self.0 == NULL
    }

    /// # Errors
    /// The text is not of this shape: another version wrote it.
    pub fn read<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_str(&self.0)
    }

    pub fn value(&self) -> Value {
        // The text was written from a value.
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl From<&Value> for JsonText {
    fn from(value: &Value) -> Self {
        Self(value.to_string().into())
    }
}

impl From<Value> for JsonText {
    fn from(value: Value) -> Self {
        Self::from(&value)
    }
}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        Passing::of(&mut serde_json::Deserializer::from_str(&self.0)).serialize(s)
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let value = Passing::of(d);
        let text = Self::of(&value);
        value.ended(text)
    }
}

impl JsonSchema for JsonText {
    fn schema_name() -> Cow<'static, str> {
        Value::schema_name()
    }

    fn inline_schema() -> bool {
        Value::inline_schema()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Value::json_schema(generator)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_comes_back_as_it_was() {
        for value in [json!(null), json!({"b": 1, "a": [u64::MAX, -1, 0.1, "é\u{1f600}\n"], "c": {}}), json!("text")] {
            let text = JsonText::from(value.clone());
            assert_eq!(text.value(), value);
            assert_eq!(serde_json::to_value(&text).unwrap(), value);
            assert_eq!(serde_json::from_value::<JsonText>(value.clone()).unwrap(), text);
            assert_eq!(text.is_none(), value.is_null());
        }
    }
}
