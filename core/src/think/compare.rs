//! What a target really holds against what was to be created, by information_schema on both sides. Knows which
//! spellings mean the same on MySQL, MariaDB and TiDB; forgives nothing else.

pub mod views;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::formats::ddl::canonical::canonical_expression;
use crate::formats::ddl::expression::{Token, tokens};
use crate::formats::ddl::{as_tidb_shows, clock_function, partitioning, sql_string};
use crate::formats::structure::{Check, Column, Doubt, ForeignKey, Index, IndexPart, Table};
use crate::think::gates::collation::plain_name;
use crate::words::addr::key_ident;

/// One thing that is not as expected; an empty side means that it is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// `column id: type`, `index by_name`.
    pub what: String,
    pub expected: String,
    pub actual: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |text: &str| if text.is_empty() { "nothing".to_owned() } else { text.to_owned() };
        write!(f, "{}: expected {}, found {}", self.what, side(&self.expected), side(&self.actual))
    }
}

/// What a [`Difference`] of the AUTO_INCREMENT counters is called.
pub const COUNTER: &str = "the next AUTO_INCREMENT number";

/// The differences of foreign keys alone; they are created by a step of their own.
pub fn foreign_key_differences(expected: &Table, actual: &Table) -> Vec<Difference> {
    let mut found = Found::default();
    foreign_keys(expected, actual, &mut found);
    found.0
}

/// The target's counter that is lower than the source's number `next`: the target would give numbers out again that the
/// source has given. A higher one is right: rows came later, or the server gives numbers out in batches.
pub fn counter_difference(next: u64, actual: &Table) -> Option<Difference> {
    let there = actual.next_id.unwrap_or(1);
    (there < next).then(|| Difference {
        what: COUNTER.into(),
        expected: format!("{next} or higher"),
        actual: there.to_string(),
    })
}

/// Every difference of a table, in the order columns, keys, constraints, table. `expected` is the table as rewritten
/// for this target. Counters are compared where `expected` has one.
pub fn structure_differences(expected: &Table, actual: &Table) -> Vec<Difference> {
    differences(expected, actual, true)
}

/// The same without the foreign keys.
pub fn table_differences(expected: &Table, actual: &Table) -> Vec<Difference> {
    differences(expected, actual, false)
}

fn differences(expected: &Table, actual: &Table, with_foreign_keys: bool) -> Vec<Difference> {
    let mut found = Found::default();
    columns(expected, actual, &mut found);
    indexes(expected, actual, &mut found);
    if with_foreign_keys {
        foreign_keys(expected, actual, &mut found);
        // What nobody understands may be anything, such as a clause of a later version.
        for doubt in actual.doubts.iter().filter(|doubt| !expected.doubts.contains(doubt)) {
            if let Doubt::NotUnderstood { text } = doubt {
                found.compare("a clause that mig does not know", String::new(), text.clone());
            }
        }
    }
    checks(expected, actual, &mut found);
    if !expected.engine.is_empty() && !actual.engine.is_empty() {
        // Exactly once needs transactions: a table of another engine is another table.
        found.compare("engine", expected.engine.to_lowercase(), actual.engine.to_lowercase());
    }
    found.compare("default charset", plain_name(&expected.charset), plain_name(&actual.charset));
    found.compare("default collation", plain_name(&expected.collation), plain_name(&actual.collation));
    found.compare("comment", expected.comment.clone(), actual.comment.clone());
    // Rows that are there today and gone tomorrow.
    found.compare("TTL", expected.ttl.clone(), actual.ttl.clone());
    found.0.extend(expected.next_id.and_then(|next| counter_difference(next, actual)));
    let partitions = |table: &Table| match table.partitioning.as_str() {
        "" => String::new(),
        _ => partitioning::normal_of(table),
    };
    found.compare("partitioning", partitions(expected), partitions(actual));
    found.0
}

#[derive(Default)]
struct Found(Vec<Difference>);

impl Found {
    fn compare(&mut self, what: impl Into<String>, expected: String, actual: String) {
        if expected != actual {
            self.0.push(Difference { what: what.into(), expected, actual });
        }
    }
}

fn columns(expected: &Table, actual: &Table, found: &mut Found) {
    let same = |one: &str, other: &str| one.to_lowercase() == other.to_lowercase();
    for column in &expected.columns {
        let name = format!("column {}", key_ident(&column.name));
        let Some(there) = actual.columns.iter().find(|c| same(&c.name, &column.name)) else {
            found.compare(name, type_text(column), String::new());
            continue;
        };
        let mut compare = |what: &str, text: &dyn Fn(&Column) -> String| {
            found.compare(format!("{name}: {what}"), text(column), text(there));
        };
        compare("name", &|c| c.name.clone());
        compare("type", &type_text);
        compare("NULL", &|c| if c.nullable { "NULL" } else { "NOT NULL" }.to_owned());
        compare("default", &default_text);
        compare("ON UPDATE", &|c| c.on_update.as_deref().map(|text| clock(c, text)).unwrap_or_default());
        compare("AUTO_INCREMENT", &|c| if c.auto_increment { "AUTO_INCREMENT" } else { "" }.to_owned());
        compare("generated", &generated_text);
        compare("SRID", &|c| c.srid.map(|srid| srid.to_string()).unwrap_or_default());
        compare("visibility", &|c| if c.invisible { "INVISIBLE" } else { "VISIBLE" }.to_owned());
        compare("charset", &|c| c.charset.as_deref().map(plain_name).unwrap_or_default());
        compare("collation", &|c| c.collation.as_deref().map(plain_name).unwrap_or_default());
        compare("comment", &|c| c.comment.clone());
    }
    for column in &actual.columns {
        if !expected.columns.iter().any(|c| same(&c.name, &column.name)) {
            found.compare(format!("column {}", key_ident(&column.name)), String::new(), type_text(column));
        }
    }
    let order = |table: &Table| table.columns.iter().map(|c| c.name.to_lowercase()).collect::<Vec<_>>();
    let (before, after) = (order(expected), order(actual));
    let mut sorted = (before.clone(), after.clone());
    sorted.0.sort();
    sorted.1.sort();
    if sorted.0 == sorted.1 {
        found.compare("order of columns", before.join(", "), after.join(", "));
    }
}

/// One spelling of a type: no display width of integers and years, no ZEROFILL (TiDB keeps it and does not show it),
/// members of ENUM and SET by value.
fn type_text(column: &Column) -> String {
    let kind = column.data_type.as_str();
    let display_width = kind.ends_with("int") || kind == "year";
    let mut text = String::new();
    let mut depth = 0usize;
    for token in tokens(&column.column_type) {
        let inside = depth > 0;
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if display_width && (inside || depth > 0) {
            continue;
        }
        match token {
            Token::Word(word) if word.eq_ignore_ascii_case("zerofill") => {}
            Token::Word(word) => {
                if !text.is_empty() && !text.ends_with(['(', ',']) {
                    text.push(' ');
                }
                text.push_str(&word.to_lowercase());
            }
            Token::Text(value) => text.push_str(&sql_string(&as_tidb_shows(&value))),
            Token::Ident(name) => text.push_str(&name),
            Token::Sign(sign) => text.push(sign),
        }
    }
    // A FLOAT(9,0) is shown as FLOAT by a TiDB.
    if matches!(kind, "float" | "double")
        && let Some((name, rest)) = text.split_once('(')
        && let Some((size, rest)) = rest.split_once(')')
        && size.ends_with(",0")
    {
        text = format!("{name}{rest}");
    }
    // ZEROFILL implies UNSIGNED, and not every server says both.
    if column.column_type.to_lowercase().contains("zerofill") && !text.contains("unsigned") {
        text.push_str(" unsigned");
    }
    text
}

fn default_text(column: &Column) -> String {
    let Some(default) = column.default.as_deref() else { return String::new() };
    if column.generated.is_some() {
        return String::new();
    }
    if clock_function(&column.data_type, default).is_some() {
        return clock(column, default);
    }
    // TiDB does not mark CURRENT_DATE as an expression.
    if column.default_is_expression || (column.data_type == "date" && !default.contains('-')) {
        return format!("({})", canonical_expression(default));
    }
    match column.data_type.as_str() {
        "binary" | "varbinary" => bytes(column, default),
        "bit" => bits(default),
        "float" => float(default),
        kind if kind.ends_with("int") || matches!(kind, "decimal" | "double" | "year") => number(default),
        "time" | "datetime" | "timestamp" if default.contains('.') => {
            default.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => sql_string(default),
    }
}

fn clock(column: &Column, text: &str) -> String {
    clock_function(&column.data_type, text).unwrap_or_else(|| canonical_expression(text))
}

/// A FLOAT by its 32 bits: MySQL keeps the digits that were written, TiDB those that tell the number from others.
fn float(text: &str) -> String {
    text.trim().parse::<f32>().map_or_else(|_| number(text), |value| number(&value.to_string()))
}

/// Numbers by value: `0.00` is `0`, `00007` is `7`, `1e20` is its digits.
fn number(text: &str) -> String {
    let plain = text.trim();
    let negative = plain.starts_with('-');
    let digits = plain.trim_start_matches(['-', '+']);
    if digits.contains(['e', 'E']) {
        return digits
            .parse::<f64>()
            .map_or_else(|_| plain.to_owned(), |value| format!("{}{value}", if negative { "-" } else { "" }));
    }
    if !digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return plain.to_owned();
    }
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    let mut out = if whole.is_empty() { "0".to_owned() } else { whole.to_owned() };
    if !fraction.is_empty() {
        out = format!("{out}.{fraction}");
    }
    if negative && out != "0" { format!("-{out}") } else { out }
}

fn bits(text: &str) -> String {
    let digits = text.trim_start_matches("b'").trim_end_matches('\'').trim_start_matches('0');
    format!("b'{digits}'")
}

/// Bytes by value: MySQL gives hexadecimal digits, TiDB the text; BINARY is padded with zeros.
fn bytes(column: &Column, text: &str) -> String {
    let raw = match text.strip_prefix("0x").map(hex::decode) {
        Some(Ok(bytes)) => bytes,
        _ => text.as_bytes().to_vec(),
    };
    let end = match column.data_type.as_str() {
        "binary" => raw.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1),
        _ => raw.len(),
    };
    format!("0x{}", hex::encode_upper(&raw[..end]))
}

fn generated_text(column: &Column) -> String {
    match &column.generated {
        Some(generated) => {
            let kind = if generated.stored { "STORED" } else { "VIRTUAL" };
            format!("({}) {kind}", canonical_expression(&generated.expression))
        }
        None => String::new(),
    }
}

fn indexes(expected: &Table, actual: &Table, found: &mut Found) {
    let text = |index: &Index| {
        let parts: Vec<String> = index.parts.iter().map(part_text).collect();
        let unique = if index.unique { "UNIQUE " } else { "" };
        let kind = match index.kind.to_uppercase().as_str() {
            "FULLTEXT" => "FULLTEXT ",
            "SPATIAL" => "SPATIAL ",
            _ => "",
        };
        let hidden = if index.visible { "" } else { " INVISIBLE" };
        let parser = if index.parser.is_empty() { String::new() } else { format!(" WITH PARSER {}", index.parser) };
        let comment = match index.comment.as_str() {
            "" => String::new(),
            comment => format!(" COMMENT {}", sql_string(comment)),
        };
        format!("{unique}{kind}({}){parser}{hidden}{comment}", parts.join(", "))
    };
    // A server that finds no index for a foreign key makes one of its name; TiDB does not take a whole integer primary key
    // for one.
    let made_for_key = |index: &Index| {
        let columns: Option<Vec<&str>> = index.parts.iter().map(|part| part.column.as_deref()).collect();
        let plain = index.parts.iter().all(|part| part.prefix.is_none() && !part.descending);
        let of_key = |key: &ForeignKey| {
            let same = |(one, other): (&&str, &String)| one.eq_ignore_ascii_case(other);
            key.name.eq_ignore_ascii_case(&index.name)
                && columns.as_ref().is_some_and(|columns| {
                    columns.len() == key.columns.len() && columns.iter().zip(&key.columns).all(same)
                })
        };
        let asked = expected.indexes.iter().any(|wanted| wanted.name.eq_ignore_ascii_case(&index.name));
        !asked && !index.unique && index.visible && plain && actual.foreign_keys.iter().any(of_key)
    };
    let there: Vec<Index> = actual.indexes.iter().filter(|index| !made_for_key(index)).cloned().collect();
    named(&expected.indexes, &there, |i| &i.name, text, "index", found);
}

fn part_text(part: &IndexPart) -> String {
    let mut text = match (&part.column, &part.expression) {
        (Some(column), _) => key_ident(&column.to_lowercase()),
        (None, expression) => format!("({})", canonical_expression(expression.as_deref().unwrap_or_default())),
    };
    if let Some(prefix) = part.prefix {
        text.push_str(&format!("({prefix})"));
    }
    if part.descending {
        text.push_str(" DESC");
    }
    text
}

fn foreign_keys(expected: &Table, actual: &Table, found: &mut Found) {
    // InnoDB and TiDB do the same for both words.
    let rule = |text: &str| match text.to_uppercase().as_str() {
        "" | "NO ACTION" | "RESTRICT" => "RESTRICT".to_owned(),
        other => other.to_owned(),
    };
    let text = |key: &ForeignKey| {
        let list = |names: &[String]| names.iter().map(|n| key_ident(&n.to_lowercase())).collect::<Vec<_>>().join(", ");
        format!(
            "({}) REFERENCES {} ({}) ON DELETE {} ON UPDATE {}{}",
            list(&key.columns),
            key.references.key().to_lowercase(),
            list(&key.referenced_columns),
            rule(&key.on_delete),
            rule(&key.on_update),
            if key.not_enforced { ", not enforced" } else { "" }
        )
    };
    named(&expected.foreign_keys, &actual.foreign_keys, |k| &k.name, text, "foreign key", found);
}

fn checks(expected: &Table, actual: &Table, found: &mut Found) {
    let text = |check: &Check| {
        let enforced = if check.enforced { "" } else { " NOT ENFORCED" };
        format!("({}){enforced}", canonical_expression(&check.clause))
    };
    named(&expected.checks, &actual.checks, |c| &c.name, text, "CHECK constraint", found);
}

/// Compares two lists by name, case aside.
fn named<T>(
    expected: &[T],
    actual: &[T],
    name: impl Fn(&T) -> &String,
    text: impl Fn(&T) -> String,
    what: &str,
    found: &mut Found,
) {
    let find = |list: &[T], wanted: &T| {
        list.iter().find(|item| name(item).to_lowercase() == name(wanted).to_lowercase()).map(&text)
    };
    for item in expected {
        found.compare(format!("{what} {}", key_ident(name(item))), text(item), find(actual, item).unwrap_or_default());
    }
    for item in actual.iter().filter(|item| find(expected, item).is_none()) {
        found.compare(format!("{what} {}", key_ident(name(item))), String::new(), text(item));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
