//! Texts of information_schema that servers write differently, brought to one form: defaults, ON UPDATE, expressions.
//!
//! A literal default is the bare text (`it's`), as MySQL writes it; of a binary column `0x` and hexadecimal digits, of a
//! BIT column `b'101'`. An expression is SQL text; `CURRENT_TIMESTAMP` in capitals and without an empty list.

use crate::formats::ddl::raw::hex_of;
use crate::formats::facts::Flavor;

/// What stands in COLUMN_DEFAULT, normalised.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Default {
    pub(super) text: Option<String>,
    pub(super) is_expression: bool,
}

/// `raw` is COLUMN_DEFAULT, `extra` EXTRA in lower case, `hex` whether this server writes binary defaults as `0x…`.
pub(super) fn default_of(flavor: Flavor, data_type: &str, raw: Option<&[u8]>, extra: &str, hex: bool) -> Default {
    let none = Default { text: None, is_expression: false };
    let Some(raw) = raw else { return none };
    let shown = String::from_utf8_lossy(raw).into_owned();
    let temporal = matches!(data_type, "timestamp" | "datetime" | "date" | "time" | "year");
    if let Some(now) = current_time(&shown).filter(|_| temporal || flavor == Flavor::Mariadb) {
        return Default { text: Some(now), is_expression: true };
    }
    match flavor {
        Flavor::Mariadb => match shown.as_str() {
            "NULL" => none,
            quoted if quoted.starts_with('\'') => {
                let bytes = unquoted(raw);
                let text = if is_binary(data_type) {
                    hex_of(&bytes, data_type)
                } else {
                    String::from_utf8_lossy(&bytes).into()
                };
                Default { text: Some(text), is_expression: false }
            }
            other => {
                let literal = other.starts_with("b'") || other.parse::<f64>().is_ok();
                Default { text: Some(shown), is_expression: !literal }
            }
        },
        _ if extra.contains("default_generated") => {
            let text = if flavor == Flavor::Mysql { unescaped(&shown) } else { shown };
            Default { text: Some(text), is_expression: true }
        }
        // TiDB marks only some of its expressions; these names are no dates.
        Flavor::Tidb if temporal && shown.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            Default { text: Some(shown), is_expression: true }
        }
        _ if is_binary(data_type) && !hex => Default { text: Some(hex_of(raw, data_type)), is_expression: false },
        _ => Default { text: Some(shown), is_expression: false },
    }
}

/// The expression behind `on update` in EXTRA.
pub(super) fn on_update(extra: &str) -> Option<String> {
    let at = extra.to_ascii_lowercase().find("on update ")?;
    let rest = extra[at + "on update ".len()..].split_whitespace().next()?;
    current_time(rest).or_else(|| Some(rest.to_owned()))
}

/// An expression as its server writes it -> as SQL: MySQL escapes it once more than it should.
pub(super) fn expression(flavor: Flavor, raw: &str) -> String {
    if flavor == Flavor::Mysql { unescaped(raw) } else { raw.to_owned() }
}

/// `current_timestamp(6)`, `CURRENT_TIMESTAMP`, `current_timestamp()` -> one form.
fn current_time(text: &str) -> Option<String> {
    let rest = text.get(..17).filter(|head| head.eq_ignore_ascii_case("CURRENT_TIMESTAMP")).map(|_| &text[17..])?;
    match rest {
        "" | "()" | "(0)" => Some("CURRENT_TIMESTAMP".into()),
        _ if rest.len() == 3 && rest.starts_with('(') && rest.ends_with(')') => {
            Some(format!("CURRENT_TIMESTAMP{rest}"))
        }
        _ => None,
    }
}

fn is_binary(data_type: &str) -> bool {
    matches!(data_type, "binary" | "varbinary" | "blob" | "tinyblob" | "mediumblob" | "longblob")
}

/// The content of a text in single quotes.
fn unquoted(raw: &[u8]) -> Vec<u8> {
    let inner = raw.strip_prefix(b"'").unwrap_or(raw);
    let inner = inner.strip_suffix(b"'").unwrap_or(inner);
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => out.extend(bytes.next().map(escape)),
            b'\'' => {
                out.push(b'\'');
                bytes.next();
            }
            _ => out.push(byte),
        }
    }
    out
}

/// One layer of backslashes less.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next().map(|c| u8::try_from(c).map_or(c, |b| char::from(escape(b))))),
            _ => out.push(c),
        }
    }
    out
}

fn escape(byte: u8) -> u8 {
    match byte {
        b'0' => 0,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'Z' => 26,
        other => other,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use Flavor::{Mariadb, Mysql, Tidb};

    #[test]
    fn a_default_reads_the_same_from_every_server() {
        for (flavor, data_type, raw, extra, text, is_expression) in [
            (Mysql, "varchar", Some("it's"), "", Some("it's"), false),
            (Mariadb, "varchar", Some("'it''s'"), "", Some("it's"), false),
            (Tidb, "varchar", Some("it's"), "", Some("it's"), false),
            (Mysql, "varchar", Some(""), "", Some(""), false),
            (Mariadb, "varchar", Some("''"), "", Some(""), false),
            (Mysql, "varchar", Some("NULL"), "", Some("NULL"), false),
            (Mariadb, "varchar", Some("'NULL'"), "", Some("NULL"), false),
            (Mariadb, "varchar", Some("NULL"), "", None, false),
            (Mysql, "varchar", None, "", None, false),
            (Mariadb, "char", Some("'a\\\\b'"), "", Some("a\\b"), false),
            (Mysql, "int", Some("0"), "", Some("0"), false),
            (Mariadb, "decimal", Some("1.50"), "", Some("1.50"), false),
            (Mariadb, "bit", Some("b'101'"), "", Some("b'101'"), false),
            (Mariadb, "date", Some("'2020-01-01'"), "", Some("2020-01-01"), false),
            (Mysql, "binary", Some("0x6162"), "", Some("0x6162"), false),
            (Mariadb, "binary", Some("'ab\\0'"), "", Some("0x6162"), false),
            (Tidb, "binary", Some("ab\0"), "", Some("0x6162"), false),
            (Tidb, "varbinary", Some("x"), "", Some("0x78"), false),
            (Mysql, "timestamp", Some("CURRENT_TIMESTAMP(6)"), "default_generated", Some("CURRENT_TIMESTAMP(6)"), true),
            (Mariadb, "timestamp", Some("current_timestamp(6)"), "", Some("CURRENT_TIMESTAMP(6)"), true),
            (Mariadb, "datetime", Some("current_timestamp()"), "", Some("CURRENT_TIMESTAMP"), true),
            (Tidb, "datetime", Some("CURRENT_TIMESTAMP"), "", Some("CURRENT_TIMESTAMP"), true),
            (Tidb, "date", Some("CURRENT_DATE"), "", Some("CURRENT_DATE"), true),
            (Tidb, "date", Some("2020-01-01"), "", Some("2020-01-01"), false),
            (Mysql, "varchar", Some("CURRENT_TIMESTAMP"), "", Some("CURRENT_TIMESTAMP"), false),
            (Tidb, "varchar", Some("uuid()"), "default_generated", Some("uuid()"), true),
            (Mariadb, "varchar", Some("uuid()"), "", Some("uuid()"), true),
            (
                Mysql,
                "varchar",
                Some("concat(_utf8mb4\\'a\\\\\\'b\\',uuid())"),
                "default_generated",
                Some("concat(_utf8mb4'a\\'b',uuid())"),
                true,
            ),
        ] {
            let got = default_of(flavor, data_type, raw.map(str::as_bytes), extra, flavor == Mysql);
            assert_eq!(got, Default { text: text.map(str::to_owned), is_expression }, "{flavor:?} {data_type} {raw:?}");
        }
    }

    #[test]
    fn on_update_reads_the_same_from_every_server() {
        for (extra, expected) in [
            ("DEFAULT_GENERATED on update CURRENT_TIMESTAMP(6)", Some("CURRENT_TIMESTAMP(6)")),
            ("on update current_timestamp()", Some("CURRENT_TIMESTAMP")),
            ("on update CURRENT_TIMESTAMP INVISIBLE", Some("CURRENT_TIMESTAMP")),
            ("auto_increment", None),
        ] {
            assert_eq!(on_update(extra).as_deref(), expected, "{extra}");
        }
    }

    #[test]
    fn mysqls_additional_escapes_are_undone_and_only_mysqls() {
        let raw = "concat(`b`,_utf8mb4\\'x\\\\\\'y\\\\\\\\n\\')";
        assert_eq!(expression(Mysql, raw), "concat(`b`,_utf8mb4'x\\'y\\\\n')");
        assert_eq!(expression(Mariadb, "'x\\'y'"), "'x\\'y'");
    }
}
