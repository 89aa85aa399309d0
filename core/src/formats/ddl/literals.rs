//! Literals and defaults as SQL text, safe for every sql_mode without NO_BACKSLASH_ESCAPES (ANSI_QUOTES included).

use super::expression::{expression_text, without_outer_parentheses};
use crate::formats::structure::Column;

/// A string literal: quotes doubled, backslashes and what breaks a line escaped.
pub fn sql_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars() {
        match c {
            '\'' => out.push_str("''"),
            '\\' => out.push_str("\\\\"),
            '\0' => out.push_str("\\0"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\u{1a}' => out.push_str("\\Z"),
            other => out.push(other),
        }
    }
    out.push('\'');
    out
}

/// A text as TiDB 8.5.6 shows it in a type and in a comment: a line break is a backslash and a letter, as if these had been
/// written. To compare what cannot be told apart.
pub fn as_tidb_shows(text: &str) -> String {
    text.replace('\n', "\\n").replace('\r', "\\r").replace('\0', "\\0")
}

/// `DEFAULT …` of a column without the word; `None` where it has none to write.
pub fn default_text(column: &Column) -> Option<String> {
    if column.generated.is_some() || column.auto_increment {
        return None;
    }
    let Some(default) = column.default.as_deref() else {
        let implicit = !column.nullable || lob(&column.data_type);
        return (!implicit).then(|| "NULL".to_owned());
    };
    if let Some(clock) = clock_function(&column.data_type, default) {
        return Some(clock);
    }
    if column.default_is_expression {
        return Some(format!("({})", without_outer_parentheses(&expression_text(default))));
    }
    Some(match column.data_type.as_str() {
        "bit" if bit_literal(default) => default.to_owned(),
        "binary" | "varbinary" => binary_default(default),
        // In quotes, as SHOW CREATE TABLE prints numbers, too: a bare 0 as the default of a YEAR is 2000 on a TiDB.
        _ => sql_string(default),
    })
}

/// Bytes that are a text are written as one: TiDB takes a hexadecimal default for the letters `0x…`. Others as digits.
fn binary_default(default: &str) -> String {
    let bytes = default.strip_prefix("0x").and_then(|digits| hex::decode(digits).ok());
    match bytes.map(String::from_utf8) {
        Some(Ok(text)) => sql_string(&text),
        Some(Err(_)) => default.to_owned(),
        None => sql_string(default),
    }
}

/// `CURRENT_TIMESTAMP(6)` for every spelling of it, where the type is one that takes it bare.
pub fn clock_function(data_type: &str, text: &str) -> Option<String> {
    if !matches!(data_type, "timestamp" | "datetime") {
        return None;
    }
    let text = without_outer_parentheses(text).to_lowercase();
    let (name, digits) = match text.split_once('(') {
        Some((name, rest)) => (name.trim(), rest.strip_suffix(')')?.trim()),
        None => (text.as_str(), ""),
    };
    if !matches!(name, "current_timestamp" | "now" | "localtime" | "localtimestamp")
        || !digits.bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    Some(if digits.is_empty() || digits == "0" {
        "CURRENT_TIMESTAMP".to_owned()
    } else {
        format!("CURRENT_TIMESTAMP({digits})")
    })
}

/// Types that take no literal default.
pub fn lob(data_type: &str) -> bool {
    data_type.ends_with("text") || data_type.ends_with("blob") || data_type == "json"
}

fn bit_literal(text: &str) -> bool {
    text.strip_prefix("b'")
        .and_then(|t| t.strip_suffix('\''))
        .is_some_and(|t| t.bytes().all(|b| b == b'0' || b == b'1'))
}
