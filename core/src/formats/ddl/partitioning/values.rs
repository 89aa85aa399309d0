//! The values that name the partitions of a table: one spelling for each, by the type of its column. Servers print one
//! value in several ways: MySQL a character outside of the BMP as `_utf8mb4 0xF09F9880`, TiDB a day of a DATETIME with
//! its time and a BINARY with its zeros.

use super::super::expression::Token;
use super::super::raw;
use super::is_word;
use crate::formats::structure::{Column, Table};

/// `_utf8mb4 0xF09F9880` as the text that it is; bytes and what is not understood stay as they are.
pub(super) fn with_texts(all: Vec<Token>) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::with_capacity(all.len());
    for token in all {
        let text = match (out.last(), &token) {
            (Some(Token::Word(charset)), Token::Word(digits)) => text_of(charset, digits),
            _ => None,
        };
        match text {
            Some(text) => {
                out.pop();
                out.push(Token::Text(text));
            }
            None => out.push(token),
        }
    }
    out
}

fn text_of(introducer: &str, digits: &str) -> Option<String> {
    let charset = introducer.strip_prefix('_')?.to_lowercase();
    let bytes = bytes_of(digits)?;
    let is_text = ["utf8mb4", "utf8mb3", "utf8", "utf16", "ucs2", "utf16le", "utf32", "gb18030", "gbk"];
    if is_text.contains(&charset.as_str()) { raw::decoded(&charset, &bytes) } else { None }
}

fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    hex::decode(digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"))?).ok()
}

/// The clause's tokens with each value of `COLUMNS(…)` in one spelling.
pub(super) fn by_type(all: Vec<Token>, table: &Table) -> Vec<Token> {
    let mut out = all.clone();
    // From behind, so that places stay.
    for value in of(&all, table).into_iter().rev() {
        let token = match &value.is {
            Is::Bytes(bytes) => {
                let length =
                    value.column.column_type.strip_prefix("binary(").and_then(|n| n.split(')').next()?.parse().ok());
                let mut bytes = bytes.clone();
                bytes.resize(bytes.len().max(length.unwrap_or(0)), 0);
                Token::Word(format!("0x{}", hex::encode(bytes)))
            }
            Is::Text(text) => match temporal(value.column, text) {
                Some(text) => Token::Text(text),
                None => continue,
            },
        };
        out.splice(value.at..value.at + value.length, [token]);
    }
    out
}

/// The texts of temporal columns among the values of a table's partitions, each with its column.
pub fn temporal_values(table: &Table) -> Vec<(&Column, String)> {
    let all = super::all_of(&table.partitioning);
    let values = of(&all, table).into_iter().filter_map(|value| match value.is {
        Is::Text(text) => Some((value.column, text)),
        Is::Bytes(_) => None,
    });
    values.filter(|(column, _)| matches!(column.data_type.as_str(), "date" | "datetime" | "time")).collect()
}

/// Whether a value of a VARBINARY column has no byte. A BINARY is filled with zeros.
pub fn has_no_bytes(table: &Table) -> bool {
    let all = super::all_of(&table.partitioning);
    of(&all, table)
        .iter()
        .any(|value| value.column.data_type == "varbinary" && matches!(&value.is, Is::Bytes(bytes) if bytes.is_empty()))
}

enum Is {
    Text(String),
    Bytes(Vec<u8>),
}

/// A value of a column.
struct Value<'a> {
    column: &'a Column,
    /// Its tokens.
    at: usize,
    length: usize,
    is: Is,
}

fn of<'a>(all: &[Token], table: &'a Table) -> Vec<Value<'a>> {
    let mut found = Vec::new();
    let Some(columns) = columns_of(all, table).filter(|columns| !columns.is_empty()) else { return found };
    let mut at = 0;
    while at < all.len() {
        let less = is_word(all.get(at), "VALUES") && is_word(all.get(at + 2), "THAN");
        let open = at + if less { 3 } else { 2 };
        at += 1;
        let values = less || is_word(all.get(at - 1), "VALUES") && is_word(all.get(at), "IN");
        if !values || all.get(open) != Some(&Token::Sign('(')) {
            continue;
        }
        at = super::after_parentheses(all, open);
        // Of several columns the values follow each other, within brackets of their own or not.
        let mut commas = 0;
        let mut place = open;
        while place < at {
            let Some(Some(column)) = columns.get(commas % columns.len()) else { break };
            let bytes = matches!(column.data_type.as_str(), "binary" | "varbinary");
            let (length, is) = match (&all[place], all.get(place + 1)) {
                (Token::Sign(','), _) => {
                    commas += 1;
                    (1, None)
                }
                (Token::Text(text), _) if bytes => (1, Some(Is::Bytes(text.clone().into_bytes()))),
                (Token::Text(text), _) => (1, Some(Is::Text(text.clone()))),
                (Token::Word(word), Some(Token::Word(digits))) if bytes && word.eq_ignore_ascii_case("_binary") => {
                    (2, bytes_of(digits).map(Is::Bytes))
                }
                (Token::Word(digits), _) if bytes => (1, bytes_of(digits).map(Is::Bytes)),
                _ => (1, None),
            };
            found.extend(is.map(|is| Value { column, at: place, length, is }));
            place += length;
        }
    }
    found
}

/// The columns of `RANGE COLUMNS (…)` and `LIST COLUMNS (…)`.
fn columns_of<'a>(all: &[Token], table: &'a Table) -> Option<Vec<Option<&'a Column>>> {
    let at = all.iter().position(|token| is_word(Some(token), "COLUMNS"))?;
    let before = all.get(at.checked_sub(1)?);
    let open = (is_word(before, "RANGE") || is_word(before, "LIST")) && all.get(at + 1) == Some(&Token::Sign('('));
    let names = all.get(at + 2..).filter(|_| open)?.iter().take_while(|token| **token != Token::Sign(')'));
    let names = names.filter_map(|token| match token {
        Token::Word(name) | Token::Ident(name) => Some(name),
        _ => None,
    });
    let column = |name: &String| table.columns.iter().find(|column| column.name.to_lowercase() == name.to_lowercase());
    Some(names.map(column).collect())
}

/// A date, time or both as TiDB prints it in its column; `None`: it is none, or not understood.
fn temporal(column: &Column, text: &str) -> Option<String> {
    let digits = column.column_type.split_once('(').and_then(|(_, rest)| rest.split(')').next()?.parse::<u32>().ok());
    let digits = digits.unwrap_or(0).min(6);
    match column.data_type.as_str() {
        "date" => {
            let (date, micros) = date_and_time(text, 0)?;
            (micros == 0).then(|| date_text(date))
        }
        "datetime" => {
            let (date, micros) = date_and_time(text, digits)?;
            Some(format!("{} {}", date_text(date), time_text(micros, digits)))
        }
        "time" => {
            let bare = text.trim();
            let (sign, bare) = bare.strip_prefix('-').map_or(("", bare), |bare| ("-", bare));
            Some(format!("{sign}{}", time_text(rounded(time_of(bare)?, digits), digits)))
        }
        _ => None,
    }
}

type Date = (u32, u32, u32);

const DAY: u64 = 86_400_000_000;

fn date_and_time(text: &str, digits: u32) -> Option<(Date, u64)> {
    let text = text.trim();
    let (date, time) = text.split_once([' ', 'T']).unwrap_or((text, ""));
    let (date, time) = match date.len() {
        // Year to second without signs between.
        14 if time.is_empty() && date.bytes().all(|b| b.is_ascii_digit()) => date.split_at(8),
        _ => (date, time.trim()),
    };
    let date = date_of(date)?;
    let micros = rounded(if time.is_empty() { 0 } else { time_of(time)? }, digits);
    match micros / DAY {
        0 => Some((date, micros)),
        _ => Some((next_day(date), micros - DAY)),
    }
}

fn date_of(text: &str) -> Option<Date> {
    let number = |text: &str| text.parse::<u32>().ok();
    let of_year = |year: u32, letters: usize| match (letters, year) {
        (2, 0..70) => 2000 + year,
        (2, _) => 1900 + year,
        _ => year,
    };
    if text.bytes().all(|b| b.is_ascii_digit()) {
        let letters = match text.len() {
            8 => 4,
            6 => 2,
            _ => return None,
        };
        let (year, rest) = text.split_at(letters);
        return Some((of_year(number(year)?, letters), number(&rest[..2])?, number(&rest[2..])?));
    }
    let parts: Vec<&str> = text.split(|c: char| !c.is_ascii_digit()).collect();
    let [year, month, day] = parts[..] else { return None };
    Some((of_year(number(year)?, year.len()), number(month)?, number(day)?))
}

/// Microseconds of `10:00`, `10:00:00.5`, `100000`; with a tenth of one for the rounding.
fn time_of(text: &str) -> Option<u64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let number = |text: &str| text.parse::<u64>().ok();
    let parts: Vec<u64> = match clock.contains(':') {
        true => clock.split(':').map(number).collect::<Option<_>>()?,
        false => {
            let all = number(clock)?;
            vec![all / 10_000, all / 100 % 100, all % 100]
        }
    };
    let (hours, minutes, seconds) = match parts[..] {
        [hours, minutes] => (hours, minutes, 0),
        [hours, minutes, seconds] => (hours, minutes, seconds),
        _ => return None,
    };
    let fraction: String = fraction.chars().chain(std::iter::repeat('0')).take(6).collect();
    Some(((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + number(&fraction)?)
}

/// Rounded to so many digits behind the point of a second.
fn rounded(micros: u64, digits: u32) -> u64 {
    let unit = 10u64.pow(6 - digits);
    (micros + unit / 2) / unit * unit
}

fn next_day((year, month, day): Date) -> Date {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    match (month, day) {
        (12, 31) => (year + 1, 1, 1),
        (_, day) if day >= days => (year, month + 1, 1),
        _ => (year, month, day + 1),
    }
}

fn date_text((year, month, day): Date) -> String {
    format!("{year:04}-{month:02}-{day:02}")
}

fn time_text(micros: u64, digits: u32) -> String {
    let seconds = micros / 1_000_000;
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    match digits {
        0 => clock,
        _ => format!("{clock}.{:0width$}", micros % 1_000_000 / 10u64.pow(6 - digits), width = digits as usize),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use crate::formats::ddl::fixture::{column, table};
    use crate::formats::ddl::partitioning::{normal_of, rendered};
    use crate::formats::structure::Table;

    #[test]
    fn one_value_has_one_spelling() {
        for (kind, one, other, same) in [
            ("datetime", "'2020-01-01'", "'2020-01-01 00:00:00'", true),
            ("datetime", "'2020-01-02T03:04:05'", "'2020-01-02 03:04:05'", true),
            ("datetime", "'2019-12-31 23:59:59.5'", "'2020-01-01 00:00:00'", true),
            ("datetime(3)", "'2020-01-01 00:00:00.1235'", "'2020-01-01 00:00:00.124'", true),
            ("datetime(3)", "'2020-01-01'", "'2020-01-01 00:00:00.001'", false),
            ("datetime", "'20200101103000'", "'2020-01-01 10:30:00'", true),
            ("date", "'2020-1-1'", "'2020-01-01'", true),
            ("date", "'20200102'", "'2020-01-02'", true),
            ("date", "'2021/03/04'", "'2021-03-04'", true),
            ("date", "'99-3-4'", "'1999-03-04'", true),
            ("date", "'2020-1-1'", "'2020-01-11'", false),
            ("date", "'what'", "'what'", true),
            ("time", "'10:00'", "'10:00:00'", true),
            ("time(2)", "'-200:00:00.5'", "'-200:00:00.50'", true),
            ("binary(4)", "_binary 0x6162", "_binary 0x61620000", true),
            ("binary(4)", "'ab'", "_binary 0x61620000", true),
            ("varbinary(4)", "'ab'", "_binary 0x6162", true),
            ("varbinary(4)", "_binary 0x6162", "_binary 0x616200", false),
            ("varchar(9)", "_utf8mb4 0xC3BCF09F9880", "'ü😀'", true),
            ("varchar(9)", "_utf16 0x00FCD83DDE00", "'ü😀'", true),
            ("varchar(9)", "_gb18030 0xA8B99439FC36", "'ü😀'", true),
            ("varchar(9)", "'A'", "'a'", false),
            ("varchar(9)", "'2020-1-1'", "'2020-01-01'", false),
            ("int", "-1", "-1", true),
            ("int", "-1", "1", false),
        ] {
            let of = |value: &str| -> Table {
                let partitioning =
                    format!("PARTITION BY LIST COLUMNS(d,i) (PARTITION p VALUES IN (({value},5),({value},6)))");
                Table { partitioning, ..table("s", "t").with(column("d", kind)).with(column("i", "int")) }
            };
            assert_eq!(normal_of(&of(one)) == normal_of(&of(other)), same, "{kind} {one} {other}");
        }
    }

    #[test]
    fn a_text_is_created_as_a_text() {
        let clause = "PARTITION BY LIST COLUMNS(c) (PARTITION p VALUES IN (_utf16 0x00FCD83DDE00,'a'))";
        assert_eq!(rendered(clause, true, true), "PARTITION BY LIST COLUMNS (c) (PARTITION p VALUES IN ('ü😀', 'a'))");
    }
}
