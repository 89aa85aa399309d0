//! Both ends looked at without the program: what a column holds is asked of each server in ways that show every bit,
//! and compared. Nothing of the program's row hash, dump or load is used here.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, Params, Value};

use super::Bed;

/// What a server holds in one cell: each way of looking gives a text.
pub type Cell = Vec<String>;

pub async fn connect(bed: &Bed) -> Conn {
    let opts = OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(bed.config().port)
        .user(Some("root"))
        .prefer_socket(false)
        .max_allowed_packet(Some(64 << 20));
    let mut conn = Conn::new(opts).await.unwrap();
    // Nothing is refused here: zero dates, the empty value of an ENUM and a 0 in AUTO_INCREMENT are among the values.
    conn.query_drop("SET NAMES utf8mb4, time_zone = '+00:00', sql_mode = 'NO_AUTO_VALUE_ON_ZERO'").await.unwrap();
    conn
}

pub fn ident(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A column of the source as information_schema there has it.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub data_type: String,
    pub column_type: String,
}

pub async fn columns(conn: &mut Conn, schema: &str, table: &str) -> Vec<Column> {
    let sql = "SELECT COLUMN_NAME, LOWER(DATA_TYPE), LOWER(COLUMN_TYPE) FROM information_schema.COLUMNS \
               WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION";
    let rows: Vec<(String, String, String)> = conn.exec(sql, (schema, table)).await.unwrap();
    rows.into_iter().map(|(name, data_type, column_type)| Column { name, data_type, column_type }).collect()
}

pub async fn tables(conn: &mut Conn, schema: &str) -> Vec<String> {
    let sql = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? ORDER BY TABLE_NAME";
    conn.exec(sql, (schema,)).await.unwrap()
}

/// SQL whose results, read over the binary protocol, show all of a value: the same on every server for the same value.
fn looks(column: &Column) -> Vec<String> {
    let c = ident(&column.name);
    match column.data_type.as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" if !column.column_type.contains("zerofill") => {
            vec![c.clone(), format!("CAST({c} AS CHAR)")]
        }
        // TiDB's CAST(… AS CHAR) of a DECIMAL(1,1) is cut: `0.`.
        "decimal" if !column.column_type.contains("zerofill") => vec![c.clone(), format!("CONCAT({c},'')")],
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" => vec![format!("{c}+0")],
        "float" | "double" => vec![c],
        "bit" => vec![format!("{c}+0"), format!("LPAD(BIN({c}+0),64,'0')")],
        "year" => vec![format!("CAST({c} AS UNSIGNED)")],
        "date" | "time" | "datetime" | "timestamp" => vec![c.clone(), format!("CAST({c} AS CHAR)")],
        "enum" => vec![c.clone(), format!("CAST({c} AS UNSIGNED)"), format!("HEX(CONVERT({c} USING utf8mb4))")],
        // TiDB makes a DOUBLE of the number of a SET: of many members it is not exact, the text is.
        "set" if column.column_type.matches(',').count() > 50 => {
            vec![c.clone(), format!("HEX(CONVERT({c} USING utf8mb4))")]
        }
        // MySQL leaves out the comma behind an empty first member.
        "set" if column.column_type.contains("('',") => vec![format!("CAST({c} AS UNSIGNED)")],
        "set" => vec![c.clone(), format!("CAST({c} AS UNSIGNED)"), format!("HEX(CONVERT({c} USING utf8mb4))")],
        "json" => vec![
            c.clone(),
            format!("REPLACE(JSON_TYPE({c}),'UNSIGNED ','')"),
            format!("JSON_LENGTH({c})"),
            format!("JSON_DEPTH({c})"),
        ],
        kind if kind.ends_with("binary") || kind.ends_with("blob") => {
            vec![format!("HEX({c})"), format!("LENGTH({c})")]
        }
        _ => vec![c.clone(), format!("CHAR_LENGTH({c})"), format!("HEX(CONVERT({c} USING utf8mb4))")],
    }
}

/// The rows of a table in an order of their own, and how many values were -0, which count as 0 here.
pub struct Rows {
    pub rows: Vec<Vec<Cell>>,
    pub negative_zeros: u64,
}

pub async fn rows(conn: &mut Conn, schema: &str, table: &str, columns: &[Column]) -> Rows {
    let looks: Vec<Vec<String>> = columns.iter().map(looks).collect();
    let sql = format!("SELECT {} FROM {}.{}", looks.concat().join(","), ident(schema), ident(table));
    let found: Vec<mysql_async::Row> = conn.exec(sql, Params::Empty).await.unwrap();
    let mut negative_zeros = 0;
    let mut rows: Vec<Vec<Cell>> = found
        .into_iter()
        .map(|row| {
            let mut values = row.unwrap().into_iter();
            let cell = |(column, looks): (&Column, &Vec<String>)| {
                let cell = values.by_ref().take(looks.len()).map(|v| shown(column, v, &mut negative_zeros));
                cell.collect()
            };
            columns.iter().zip(&looks).map(cell).collect()
        })
        .collect();
    rows.sort();
    Rows { rows, negative_zeros }
}

/// A value with every bit of it.
fn shown(column: &Column, value: Value, negative_zeros: &mut u64) -> String {
    match value {
        Value::NULL => "NULL".into(),
        Value::Bytes(bytes) if column.data_type == "json" => {
            // One of the other looks is not a document.
            let text = String::from_utf8_lossy(&bytes).into_owned();
            serde_json::from_str(&numbers_as_texts(&text)).map_or(text, |json| json_shown(&json))
        }
        Value::Bytes(bytes) => match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(fault) => format!("bytes {:?}", fault.as_bytes()),
        },
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        Value::Float(number) => float(column, f64::from(number), negative_zeros),
        Value::Double(number) => float(column, number, negative_zeros),
        Value::Date(y, m, d, h, min, s, us) => format!("{y:04}-{m:02}-{d:02} {h:02}:{min:02}:{s:02}.{us:06}"),
        Value::Time(negative, d, h, min, s, us) => {
            let zero = (d, h, min, s, us) == (0, 0, 0, 0, 0);
            format!("{}{:03}:{min:02}:{s:02}.{us:06}", if negative && !zero { "-" } else { "" }, d * 24 + u32::from(h))
        }
    }
}

/// The bits of a number; of a `double(10,2)` the decimals that it declares, which is what its server shows.
fn float(column: &Column, number: f64, negative_zeros: &mut u64) -> String {
    let decimals = column.column_type.split_once(',').and_then(|(_, rest)| rest.split_once(')')?.0.parse().ok());
    let mut number: f64 = match decimals {
        Some(decimals) => format!("{number:.decimals$}", decimals = decimals).parse().unwrap(),
        None => number,
    };
    if number == 0.0 && number.is_sign_negative() {
        *negative_zeros += 1;
        number = 0.0;
    }
    format!("{:016x} = {number:e}", number.to_bits())
}

/// A document with sorted keys.
fn json_shown(json: &serde_json::Value) -> String {
    use serde_json::Value as Json;
    match json {
        Json::Array(items) => format!("[{}]", items.iter().map(json_shown).collect::<Vec<_>>().join(",")),
        Json::Object(members) => {
            let mut members: Vec<String> =
                members.iter().map(|(key, value)| format!("{key:?}:{}", json_shown(value))).collect();
            members.sort();
            format!("{{{}}}", members.join(","))
        }
        other => other.to_string(),
    }
}

/// The document with its numbers as texts of their exact value. 1.0 and 1 are one number; JSON_TYPE tells its type.
fn numbers_as_texts(document: &str) -> String {
    let mut out = String::new();
    let mut rest = document;
    while let Some(c) = rest.chars().next() {
        let end = match c {
            '"' => {
                let mut escaped = false;
                let closing = rest[1..].find(|c| {
                    let closes = c == '"' && !escaped;
                    escaped = c == '\\' && !escaped;
                    closes
                });
                closing.map_or(rest.len(), |at| at + 2)
            }
            '-' | '0'..='9' => {
                let end = rest.find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c))).unwrap_or(rest.len());
                let number = &rest[..end];
                let float: f64 = number.parse().unwrap();
                let text = match (number.parse::<u64>(), number.parse::<i64>()) {
                    (Ok(whole), _) => whole.to_string(),
                    (_, Ok(whole)) => whole.to_string(),
                    _ if float == 0.0 => "0".into(),
                    _ if float.fract() == 0.0 && float.abs() < 1.8e19 => format!("{float}"),
                    _ => format!("{float:e}"),
                };
                out.push_str(&format!("\"number {text}\""));
                rest = &rest[end..];
                continue;
            }
            other => other.len_utf8(),
        };
        out.push_str(&rest[..end]);
        rest = &rest[end..];
    }
    out
}

/// Asserts that a table holds the same rows at both ends; gives how many values are -0 on the source.
pub async fn assert_equal(source: &mut Conn, target: &mut Conn, schema: &str, table: &str, what: &str) -> u64 {
    let columns = columns(source, schema, table).await;
    let here = rows(source, schema, table, &columns).await;
    let there = rows(target, schema, table, &columns).await;
    assert_eq!(here.rows.len(), there.rows.len(), "{what}: rows of {table}");
    for (one, other) in here.rows.iter().zip(&there.rows) {
        for ((column, one), other) in columns.iter().zip(one).zip(other) {
            assert_eq!(cut(one), cut(other), "{what}: {table}.{} {}", column.name, column.column_type);
            assert!(one == other, "{what}: {table}.{} {}", column.name, column.column_type);
        }
    }
    assert_eq!(there.negative_zeros, 0, "{what}: {table}");
    here.negative_zeros
}

/// What of a cell is worth printing.
fn cut(cell: &Cell) -> Vec<String> {
    cell.iter().map(|text| text.chars().take(200).collect()).collect()
}
