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
        // information_schema gives these as hexadecimal digits: quoted they would be a default of other bytes.
        "binary" | "varbinary" if hex_literal(default) => default.to_owned(),
        kind if numeric(kind) && plain_number(default) => default.to_owned(),
        _ => sql_string(default),
    })
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

fn numeric(data_type: &str) -> bool {
    data_type.ends_with("int") || matches!(data_type, "decimal" | "float" | "double" | "year")
}

fn plain_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty()
        && digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || b"eE+-.".contains(&b))
        && digits.parse::<f64>().is_ok()
}

fn bit_literal(text: &str) -> bool {
    text.strip_prefix("b'")
        .and_then(|t| t.strip_suffix('\''))
        .is_some_and(|t| t.bytes().all(|b| b == b'0' || b == b'1'))
}

fn hex_literal(text: &str) -> bool {
    text.strip_prefix("0x").is_some_and(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_hexdigit()))
}
