//! JSON for scripts: a number above 2^53 is written as a string, because many readers would round it.

use serde_json::Value;

const LARGEST: u64 = 1 << 53;

/// The same value with every larger number as a string.
pub fn numbers(value: Value) -> Value {
    match value {
        Value::Number(number) if number.as_u64().is_some_and(|n| n > LARGEST) => Value::String(number.to_string()),
        Value::Number(number) if number.as_i64().is_some_and(|n| n.unsigned_abs() > LARGEST) => {
            Value::String(number.to_string())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(numbers).collect()),
        Value::Object(object) => Value::Object(object.into_iter().map(|(key, item)| (key, numbers(item))).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_that_readers_would_round_are_strings() {
        let value = json!({"a": [1u64 << 53, (1u64 << 53) + 1], "b": i64::MIN, "c": 0.5, "d": "x"});
        let expected = json!({"a": [9_007_199_254_740_992u64, "9007199254740993"], "b": "-9223372036854775808", "c": 0.5, "d": "x"});
        assert_eq!(numbers(value), expected);
    }
}
