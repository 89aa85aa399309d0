//! Generated columns whose values the target may compute differently: told by their expressions alone. A generated column
//! is not moved but computed again; whether its values are equal is for verify to say.
//!
//! Seen on MySQL 9.7.4 and TiDB 8.5.6: the text of FLOAT, DOUBLE and numbers in JSON is written in another way (`1e20`,
//! `100000000000000000000`; `20.0`, `20`), and so is that of a JSON document, with what is computed of it (LENGTH, MD5).

use std::collections::{BTreeMap, BTreeSet};

use super::values::{calls_in, otherwise};
use super::{Met, note};
use crate::formats::ddl::expression::{Token, expression_text, functions, tokens};
use crate::formats::facts::Flavor;
use crate::formats::structure::{Column, Table};
use crate::think::gates::collation::{Fate, compared, fate};
use crate::think::gates::{Subject, rules};
use crate::words::addr::key_ident;

/// Functions that were seen to give the same on MySQL, MariaDB and TiDB, of whole numbers, DECIMAL, text, bytes and dates.
pub(super) const SAME: &[&str] = &[
    "abs",
    "adddate",
    "addtime",
    "and",
    "ascii",
    "between",
    "bin",
    "bin_to_uuid",
    "bit_count",
    "bit_length",
    "case",
    "ceil",
    "ceiling",
    "char_length",
    "character_length",
    "coalesce",
    "concat",
    "concat_ws",
    "conv",
    "crc32",
    "date",
    "date_add",
    "date_format",
    "date_sub",
    "datediff",
    "day",
    "dayname",
    "dayofmonth",
    "dayofweek",
    "dayofyear",
    "elt",
    "extract",
    "field",
    "find_in_set",
    "floor",
    "from_days",
    "greatest",
    "hex",
    "hour",
    "if",
    "ifnull",
    "in",
    "inet_aton",
    "inet_ntoa",
    "insert",
    "instr",
    "interval",
    "isnull",
    "json_array",
    "json_contains",
    "json_contains_path",
    "json_depth",
    "json_length",
    "json_object",
    "json_quote",
    "json_valid",
    "last_day",
    "lcase",
    "least",
    "left",
    "length",
    "like",
    "locate",
    "lower",
    "lpad",
    "ltrim",
    "makedate",
    "maketime",
    "md5",
    "microsecond",
    "mid",
    "minute",
    "mod",
    "month",
    "monthname",
    "not",
    "nullif",
    "oct",
    "octet_length",
    "or",
    "ord",
    "period_add",
    "period_diff",
    "position",
    "quarter",
    "quote",
    "regexp",
    "repeat",
    "replace",
    "reverse",
    "right",
    "round",
    "rpad",
    "rtrim",
    "sec_to_time",
    "second",
    "sha",
    "sha1",
    "sha2",
    "sign",
    "space",
    "str_to_date",
    "strcmp",
    "subdate",
    "substr",
    "substring",
    "substring_index",
    "time",
    "time_format",
    "time_to_sec",
    "timestampdiff",
    "to_base64",
    "to_days",
    "to_seconds",
    "trim",
    "truncate",
    "ucase",
    "unhex",
    "upper",
    "uuid_to_bin",
    "week",
    "weekday",
    "xor",
    "year",
    "yearweek",
];

/// Functions that take the text of what they are given.
pub(super) const OF_TEXT: &[&str] = &[
    "bit_length",
    "char_length",
    "character_length",
    "concat",
    "concat_ws",
    "crc32",
    "format",
    "from_base64",
    "hex",
    "instr",
    "lcase",
    "left",
    "length",
    "locate",
    "lower",
    "lpad",
    "ltrim",
    "md5",
    "mid",
    "octet_length",
    "replace",
    "reverse",
    "right",
    "rpad",
    "rtrim",
    "sha",
    "sha1",
    "sha2",
    "substr",
    "substring",
    "substring_index",
    "to_base64",
    "trim",
    "ucase",
    "upper",
    "json_storage_size",
    "json_pretty",
    "quote",
    "compress",
];

/// Functions of the bytes that a text is kept in.
const OF_BYTES: &[&str] = &[
    "ascii",
    "bit_length",
    "compress",
    "crc32",
    "hex",
    "length",
    "md5",
    "octet_length",
    "ord",
    "sha",
    "sha1",
    "sha2",
    "to_base64",
];

/// Functions that read values out of a JSON document.
const OF_JSON: &[&str] = &["json_extract", "json_unquote", "json_value", "json_keys", "json_search"];

/// Functions that tell of a JSON document without its text.
const ABOUT_JSON: &[&str] =
    &["json_contains", "json_contains_path", "json_depth", "json_length", "json_type", "json_valid"];

/// What a column keeps, and who is in its way.
pub(super) const ODD_DATES: &str = "zero dates or days that no month has: sessions of the target begin with NO_ZERO_DATE or \
                                    NO_ZERO_IN_DATE and may get NULL or an error";

/// How a value may come to differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Risk {
    May,
    Differs,
    /// Rows may be refused.
    Refused,
}

pub(super) fn look(subject: &Subject, met: &mut Met) {
    if subject.source.flavor == subject.target.flavor {
        return;
    }
    for table in &subject.facts.source.tables {
        let mut known = BTreeMap::new();
        for column in table.columns.iter().filter(|column| column.generated.is_some()) {
            let Some((risk, why)) = risk_of(subject, table, column, &mut known, 0) else { continue };
            let code = match risk {
                Risk::May => rules::GENERATED_MAY_DIFFER,
                Risk::Differs => rules::GENERATED_DIFFERS,
                Risk::Refused => rules::GENERATED_REFUSED,
            };
            let expression = column.generated.as_ref().map(|g| expression_text(&g.expression)).unwrap_or_default();
            let place = format!("{}.{}", table.name, key_ident(&column.name));
            note(met, code, format!("{place} is computed again, {why}: {}", shortened(&expression)));
        }
    }
}

/// The first letters of a long expression.
fn shortened(expression: &str) -> String {
    const LETTERS: usize = 80;
    match expression.char_indices().nth(LETTERS) {
        None => expression.to_owned(),
        Some((at, _)) => format!("{}…", &expression[..at]),
    }
}

type Known = BTreeMap<String, Option<(Risk, String)>>;

fn risk_of(
    subject: &Subject,
    table: &Table,
    column: &Column,
    known: &mut Known,
    depth: usize,
) -> Option<(Risk, String)> {
    if let Some(known) = known.get(&column.name) {
        return known.clone();
    }
    let generated = column.generated.as_ref()?;
    let text = expression_text(&generated.expression);
    let used = columns_in(table, &text);
    let called: BTreeSet<String> = functions(&text).into_iter().collect();
    let calls = |list: &[&str]| called.iter().any(|name| list.contains(&name.as_str()));
    let is = |kinds: &[&str]| used.iter().any(|column| kinds.contains(&column.data_type.as_str()));
    let is_text = column.charset.is_some()
        || matches!(
            column.data_type.as_str(),
            "binary" | "varbinary" | "blob" | "tinyblob" | "mediumblob" | "longblob"
        );
    let mut risks: Vec<(Risk, String)> = Vec::new();
    let mut add = |risk, why: &str| risks.push((risk, why.to_owned()));
    let keeps = |column: &&&Column| subject.facts.keeps_odd_dates(&table.name.key(), &column.name);
    if let Some(other) = used.iter().find(keeps).filter(|_| subject.target.no_zero_dates) {
        // Before what verify would see: it reads such dates as they are.
        add(Risk::May, &format!("from {}, which keeps {ODD_DATES}, and verify reads as they are", other.name));
    }
    of_written_numbers((&text, &called), &used, (is_text, column.data_type == "json"), &mut add);
    for why in of_numbers(&text, is_text || column.data_type == "json", &used) {
        add(Risk::May, why);
    }
    if let Some(why) = of_choices(subject, &text, &called, &used) {
        add(Risk::Refused, why);
    }
    let is_bytes = column.charset.is_none() && is_text;
    if let Some(other) = used.iter().find(|column| other_bytes(subject, column)).filter(|_| is_bytes || calls(OF_BYTES))
    {
        let charset = other.charset.as_deref().unwrap_or_default();
        add(Risk::Differs, &format!("from the bytes of a text in {charset}, which the target keeps as UTF-8"));
    }
    let zoned = calls(&["from_unixtime", "unix_timestamp", "convert_tz"])
        || is(&["timestamp"]) && column.data_type != "timestamp";
    if zoned {
        let risk = if generated.stored { Risk::Differs } else { Risk::May };
        add(risk, "by the time zone of a session: mig loads in UTC");
    }
    let gates = &subject.migration.gates;
    let converted = used.iter().find(|column| compared::reweighed(column, subject.target, gates).is_some());
    if let Some(other) = converted.filter(|_| compared::by_collation(table, column)) {
        add(Risk::May, &format!("by a comparison of {}, whose collation is converted", other.name));
    }
    if subject.source.flavor == Flavor::Mariadb && loses_fractions(&text, column, &used) {
        add(Risk::May, "from more digits of a second than it keeps: the source cuts them, the target rounds");
    }
    for why in calls_in(&text, &used).iter().filter_map(otherwise) {
        add(Risk::May, &why);
    }
    if let Some(why) = cast_otherwise(&text).filter(|_| subject.target.flavor == Flavor::Tidb) {
        add(Risk::Differs, &why);
    }
    if calls(&["charset", "collation", "coercibility", "weight_string"]) {
        add(Risk::Differs, "from the names or weights of a collation");
    }
    let untried: Vec<&String> = called
        .iter()
        .filter(|name| !SAME.contains(&name.as_str()) && !OF_JSON.contains(&name.as_str()))
        .filter(|name| !["from_unixtime", "unix_timestamp", "convert_tz"].contains(&name.as_str()))
        .collect();
    if let Some(name) = untried.first() {
        add(Risk::May, &format!("by {}(), which servers may compute in another way", name.to_uppercase()));
    }
    // A cycle is none of a server's; the depth bounds it all the same.
    for other in used.iter().filter(|other| other.generated.is_some() && depth < 16) {
        if let Some((risk, _)) = risk_of(subject, table, other, known, depth + 1) {
            add(risk, &format!("from column {}, which may differ", other.name));
        }
    }
    let worst = risks.into_iter().reduce(|worst, next| if next.0 > worst.0 { next } else { worst });
    known.insert(column.name.clone(), worst.clone());
    worst
}

/// How many digits behind the point of its seconds a type keeps, if it has seconds.
fn digits_of_a_second(kind: &str) -> Option<u32> {
    let kind = kind.to_ascii_lowercase();
    let rest = ["datetime", "timestamp", "time"].iter().find_map(|name| kind.strip_prefix(name))?;
    let digits = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    if rest.is_empty() { Some(0) } else { digits?.parse().ok() }
}

/// Whether a time loses digits behind the point of its seconds, in the column itself or in a CAST. MariaDB cuts them (without
/// TIME_ROUND_FRACTIONAL in sql_mode), MySQL and TiDB round (seen on 10.11, 9.7 and 8.5.6). A text or a number may have any.
fn loses_fractions(text: &str, column: &Column, used: &[&Column]) -> bool {
    const WHOLE: [&str; 8] = ["date", "year", "tinyint", "smallint", "mediumint", "int", "bigint", "bit"];
    let given = used.iter().filter_map(|from| {
        digits_of_a_second(&from.column_type).or((!WHOLE.contains(&from.data_type.as_str())).then_some(6))
    });
    let Some(most) = given.max() else { return false };
    let tokens = tokens(text);
    let cast =
        tokens.iter().enumerate().filter_map(|(at, token)| match (token, tokens.get(at + 1), tokens.get(at + 2)) {
            (Token::Word(word), Some(Token::Word(kind)), behind) if word.eq_ignore_ascii_case("as") => {
                let digits = match (behind, tokens.get(at + 3)) {
                    (Some(Token::Sign('(')), Some(Token::Word(digits))) => format!("({digits})"),
                    _ => String::new(),
                };
                digits_of_a_second(&format!("{kind}{digits}"))
            }
            _ => None,
        });
    cast.chain(digits_of_a_second(&column.column_type)).any(|kept| kept < most)
}

/// FLOAT, DOUBLE and JSON, of which the target writes another text. `is_text`, `is_json`: what the column itself is.
fn of_written_numbers(
    (text, called): (&str, &BTreeSet<String>),
    used: &[&Column],
    (is_text, is_json): (bool, bool),
    add: &mut dyn FnMut(Risk, &str),
) {
    let calls = |list: &[&str]| called.iter().any(|name| list.contains(&name.as_str()));
    let is = |kinds: &[&str]| used.iter().any(|column| kinds.contains(&column.data_type.as_str()));
    if is(&["float", "double"]) {
        if is_text || calls(OF_TEXT) || is_json {
            add(Risk::Differs, "from the text of a FLOAT or DOUBLE");
        } else if calls(&["round", "truncate", "floor", "ceil", "ceiling", "mod"]) {
            add(Risk::May, "from a FLOAT or DOUBLE that is rounded");
        }
    }
    if is(&["json"]) {
        if calls(OF_JSON) || text.contains("->") {
            if is_text || is_json || calls(OF_TEXT) {
                add(Risk::May, "from the text of a JSON value (numbers are written in another way)");
            }
        } else if calls(OF_TEXT) || is_text && !calls(ABOUT_JSON) {
            add(Risk::Differs, "from the text of a JSON document");
        }
    }
}

/// IF, IFNULL and CASE over a BIGINT UNSIGNED that is shown with fewer digits than it can have.
fn of_choices(subject: &Subject, text: &str, called: &BTreeSet<String>, used: &[&Column]) -> Option<&'static str> {
    let chooses = called.contains("if") || called.contains("ifnull") || text.to_ascii_lowercase().contains("case");
    let concerned = subject.target.flavor == Flavor::Tidb && chooses && used.iter().any(|column| is_narrow(column));
    concerned.then_some(
        "by a choice between values of a BIGINT ZEROFILL, which the target refuses if they are longer than shown",
    )
}

/// A BIGINT UNSIGNED that is shown with fewer digits than it can have. TiDB makes IF, IFNULL and CASE over it and a signed number a
/// DECIMAL of so many digits, and longer values are out of its range (seen on 8.5.6; other types are not).
fn is_narrow(column: &Column) -> bool {
    const DIGITS: u32 = 20;
    let kind = column.column_type.to_ascii_lowercase();
    let width = kind.strip_prefix("bigint(").and_then(|rest| rest.split(')').next()?.parse::<u32>().ok());
    kind.contains("zerofill") && width.is_some_and(|width| width < DIGITS)
}

/// What may differ in numbers that an expression computes of these columns, seen on MySQL 9.7 and TiDB 8.5.6: how many
/// digits a division keeps, the digits of a DECIMAL behind its point once it is a text, dates as numbers.
fn of_numbers(text: &str, into_text: bool, used: &[&Column]) -> Vec<&'static str> {
    let tokens = tokens(text);
    let is_sign = |token: Option<&Token>, signs: &str| matches!(token, Some(Token::Sign(c)) if signs.contains(*c));
    let computes = |signs: &str| tokens.iter().any(|token| is_sign(Some(token), signs));
    let says = |wanted: &str| {
        tokens.iter().any(|token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case(wanted)))
    };
    let is_date = |token: &Token| {
        let (Token::Ident(name) | Token::Word(name)) = token else { return false };
        let of_that_name = used.iter().find(|column| column.name.eq_ignore_ascii_case(name));
        of_that_name.is_some_and(|c| matches!(c.data_type.as_str(), "date" | "datetime" | "time" | "timestamp"))
    };
    let beside_a_sign = |at: usize| {
        is_sign(tokens.get(at + 1), "+-*%") || at.checked_sub(1).is_some_and(|at| is_sign(tokens.get(at), "+-*%"))
    };
    let mut found = Vec::new();
    if computes("/") {
        found.push("from a division, of which servers keep more or fewer digits");
    }
    let decimal = used.iter().any(|column| column.data_type == "decimal");
    if into_text && decimal && (computes("+-*%") || ["mod", "json_array", "json_object"].iter().any(|name| says(name)))
    {
        found.push("from the text of a DECIMAL that is computed");
    }
    if !says("interval") && tokens.iter().enumerate().any(|(at, token)| is_date(token) && beside_a_sign(at)) {
        found.push("from a date that is taken as a number");
    }
    if says("cast") && (says("float") || says("year")) {
        found.push("by a CAST AS FLOAT or YEAR");
    }
    found
}

/// By which CAST or CONVERT TiDB gives another text than MySQL and MariaDB.
pub(super) fn cast_otherwise(text: &str) -> Option<String> {
    let charset = cast_to(text);
    let reduced = charset.map(|to| format!("by a CAST or CONVERT to {to}, whose letters the target does not reduce"));
    let bytes = || "by a CAST AS CHAR BINARY, which the target takes for bytes".to_owned();
    reduced.or_else(|| casts_to_bytes(text).then(bytes))
}

/// The charset that a CAST or CONVERT names, where it has fewer letters than utf8mb4. On MySQL a letter that it lacks becomes
/// `?`; TiDB keeps it (seen on 8.5.6).
fn cast_to(text: &str) -> Option<String> {
    let words: Vec<String> = tokens(text)
        .into_iter()
        .map(|token| if let Token::Word(word) = token { word.to_lowercase() } else { String::new() })
        .collect();
    let named = words.windows(3).find_map(|three| match three {
        [one, charset, _] if one == "charset" || one == "using" => Some(charset),
        [one, two, charset] if one == "character" && two == "set" => Some(charset),
        _ => None,
    });
    named.filter(|charset| !["utf8mb4", "utf8mb3", "utf8", "binary", ""].contains(&charset.as_str())).cloned()
}

/// Whether a CAST compares its text by bytes (`CHAR(10) BINARY`, as MariaDB prints it). TiDB takes it for BINARY(10), which is
/// filled up with zero bytes (seen on 8.5.6).
fn casts_to_bytes(text: &str) -> bool {
    let is = |token: &Token, word: &str| matches!(token, Token::Word(found) if found.eq_ignore_ascii_case(word));
    tokens(text).windows(3).any(|three| {
        let of_its_own = ["as", "charset", "set"].iter().any(|word| is(&three[0], word));
        is(&three[1], "binary") && matches!(three[2], Token::Sign(')')) && !of_its_own
    })
}

/// Whether the text of a column is kept in other bytes on the target: converted, or in TiDB's latin1, which is UTF-8.
fn other_bytes(subject: &Subject, column: &Column) -> bool {
    let (Some(charset), Some(collation)) = (&column.charset, &column.collation) else { return false };
    let gets = match fate(collation, subject.target, &subject.migration.gates) {
        Fate::Kept { charset, .. } | Fate::Converted { charset, .. } => charset,
        Fate::Unsupported | Fate::MappedToNothing { .. } => return false,
    };
    let plain =
        |name: &str| if ["utf8", "utf8mb3", "utf8mb4", "ascii"].contains(&name) { "utf8" } else { name }.to_owned();
    plain(charset) != plain(&gets) || subject.target.flavor == Flavor::Tidb && charset == "latin1"
}

/// The table's columns that an expression names.
fn columns_in<'a>(table: &'a Table, text: &str) -> Vec<&'a Column> {
    let names: BTreeSet<String> = tokens(text)
        .into_iter()
        .filter_map(|token| match token {
            Token::Ident(name) | Token::Word(name) => Some(name.to_lowercase()),
            _ => None,
        })
        .collect();
    table.columns.iter().filter(|column| names.contains(&column.name.to_lowercase())).collect()
}
