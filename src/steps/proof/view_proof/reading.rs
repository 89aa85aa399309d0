//! Reads the rows of a view from one server, within a time, and makes each value the bytes that are compared.
//!
//! Values are compared as people read them: numbers without trailing zeros behind the point, since servers give a
//! computed DECIMAL another scale; computed DOUBLEs to ten digits, since a sum depends on the order of its rows. JSON is
//! compared by value only where both servers give JSON: where one gives a text, a reader sees its bytes.
//!
//! A view is read as the server's other sessions read it: what it gives may depend on `sql_mode` (dates that are none,
//! unsigned differences) and on `group_concat_max_len`, and mig's own sessions have values of their own for both.

use std::ops::ControlFlow;
use std::time::Duration;

use tokio::time::timeout;

use crate::formats::facts::Flavor;
use crate::formats::rowhash::{Canon, PartHash, RowHasher, canon_of, canonical_json, select_expression};
use crate::formats::structure::Column;
use crate::seams::sql::{Connection, Fault, Role};
use crate::steps::context::Context;
use crate::steps::transfer::refusal::without_values;
use crate::words::addr::{StepAddr, sql_ident};
use crate::words::error::Outcome;

/// How long one server may read one view.
pub(super) const VIEW_TIME: Duration = Duration::from_secs(30);

/// One row, each value as the bytes that are compared.
pub(super) type Row = Vec<Option<Vec<u8>>>;

/// Called for each row.
pub(super) type OnRow<'a> = dyn FnMut(Row) -> ControlFlow<()> + Send + 'a;

/// Why the rows were not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    TooLong,
    /// A value is not what its column's type says: mig cannot read it.
    Strange,
    /// The server was busy or the line broke: it may read it the next time.
    Passing(String),
    /// The server refuses; its answer without values.
    Refused {
        number: Option<u16>,
        answer: String,
    },
}

impl Unread {
    fn of(fault: &Fault) -> Self {
        // MySQL, MariaDB and TiDB of a statement that ran into its limit.
        match fault.number {
            Some(1317 | 1969 | 3024) => Self::TooLong,
            number if fault.transient() => Self::Passing(answer(number, &fault.message)),
            number => Self::Refused { number, answer: answer(number, &fault.message) },
        }
    }

    /// Behind "the source" or "the target".
    pub(super) fn words(&self) -> String {
        match self {
            Self::TooLong => format!("took longer than {} s to give its rows", VIEW_TIME.as_secs()),
            Self::Strange => "gave a value that mig cannot read as one of its column's type".into(),
            Self::Passing(answer) => format!("did not give its rows this time: {answer}"),
            Self::Refused { answer, .. } => format!("did not give its rows: {answer}"),
        }
    }
}

/// A server's answer to the reading of a view, without values of rows.
fn answer(number: Option<u16>, message: &str) -> String {
    let text = without_values(message);
    match number {
        None => text,
        // TiDB writes any text with this number.
        Some(1105) => "error 1105".into(),
        // TiDB writes the value where it means to write its type, and without quotes.
        Some(8067) => {
            let what = text.split_once(" type ").map_or(text.as_str(), |(before, _)| before);
            format!("error 8067: {what}")
        }
        Some(number) => format!("error {number}: {text}"),
    }
}

/// How a value becomes the bytes that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Normal {
    /// Zeros at the end of a fraction do not count: numbers, times.
    Trimmed,
    /// Ten digits.
    Float,
    /// A DOUBLE against a DECIMAL: the digits that every DOUBLE holds.
    Mixed,
    Json,
    Bytes,
}

impl Normal {
    pub(super) fn of(one: &Column, other: &Column) -> Self {
        let time = |c: &Column| matches!(c.data_type.as_str(), "date" | "datetime" | "timestamp" | "time");
        if [one, other].iter().any(|column| matches!(column.data_type.as_str(), "enum" | "set")) {
            return Self::Bytes;
        }
        match (canon_of(one), canon_of(other)) {
            (Canon::Float, Canon::Float) => Self::Float,
            (Canon::Float, Canon::Number) | (Canon::Number, Canon::Float) => Self::Mixed,
            (Canon::Number, Canon::Number) => Self::Trimmed,
            (Canon::Json, Canon::Json) => Self::Json,
            _ if time(one) && time(other) => Self::Trimmed,
            _ => Self::Bytes,
        }
    }

    /// `None`: no value of its kind.
    pub(super) fn bytes(self, cell: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Bytes => Some(cell.to_vec()),
            Self::Trimmed => {
                let text = std::str::from_utf8(cell).ok()?;
                let bare = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
                Some(if bare == "-0" { b"0".to_vec() } else { bare.as_bytes().to_vec() })
            }
            Self::Float | Self::Mixed => {
                let number: f64 = std::str::from_utf8(cell).ok()?.parse().ok()?;
                let number = if number == 0.0 { 0.0 } else { number };
                let behind_first = if self == Self::Mixed { 14 } else { 9 };
                Some(format!("{number:.behind_first$e}").into_bytes())
            }
            Self::Json => {
                let mut out = Vec::new();
                // Every digit of the documents is compared with the tables; a view shows what a server computes of them.
                canonical_json::canonical(cell, true, &mut out).ok()?;
                Some(out)
            }
        }
    }
}

/// The columns of a view on both servers, and how their values are compared.
pub(super) struct Shape<'a> {
    pub(super) source: &'a [Column],
    pub(super) target: &'a [Column],
    normals: Vec<Normal>,
    canons: Vec<Canon>,
}

impl<'a> Shape<'a> {
    pub(super) fn of(source: &'a [Column], target: &'a [Column]) -> Self {
        let both = || source.iter().zip(target);
        // Bytes may be no UTF-8: where one server gives them, both columns are hashed as such.
        let is_binary = |column: &Column| canon_of(column) == Canon::HexOfBinary;
        let canon = |(a, b)| if is_binary(a) || is_binary(b) { Canon::HexOfBinary } else { Canon::Text };
        Self {
            source,
            target,
            normals: both().map(|(a, b)| Normal::of(a, b)).collect(),
            canons: both().map(canon).collect(),
        }
    }
}

/// What one server is asked for.
pub(super) struct Query<'a> {
    pub(super) context: &'a Context,
    pub(super) addr: &'a StepAddr,
    pub(super) shape: &'a Shape<'a>,
    /// Before the query.
    pub(super) setting: Option<String>,
    pub(super) sql: String,
}

/// The columns as they are selected, by the names that they have in `columns`.
pub(super) fn selected(columns: &[Column]) -> String {
    // A MySQL 5.6 gives 0 as the number of every ENUM and SET of a view.
    let shown = |column: &Column| match column.data_type.as_str() {
        "enum" | "set" => sql_ident(&column.name),
        _ => select_expression(column),
    };
    columns.iter().map(shown).collect::<Vec<_>>().join(", ")
}

impl Query<'_> {
    /// Number and sum of the hashes of all rows.
    ///
    /// # Errors
    /// A server that cannot be reached.
    pub(super) async fn sum(&self) -> Outcome<Result<PartHash, Unread>> {
        let mut sum = PartHash::default();
        let mut hasher = RowHasher::new(self.shape.canons.clone());
        let mut strange = false;
        let mut on_row = |row: Row| {
            let cells: Vec<Option<&[u8]>> = row.iter().map(Option::as_deref).collect();
            match hasher.hash_row(&cells) {
                Ok(hash) => {
                    sum.add(hash);
                    ControlFlow::Continue(())
                }
                Err(_) => {
                    strange = true;
                    ControlFlow::Break(())
                }
            }
        };
        let read = self.each(&mut on_row).await?;
        Ok(match read {
            Ok(()) if strange => Err(Unread::Strange),
            Ok(()) => Ok(sum),
            Err(unread) => Err(unread),
        })
    }

    /// Every row, until `on_row` has enough.
    ///
    /// # Errors
    /// A server that cannot be reached.
    pub(super) async fn each(&self, on_row: &mut OnRow<'_>) -> Outcome<Result<(), Unread>> {
        let flavor = self.context.seen(self.addr).map(|facts| facts.flavor).unwrap_or_default();
        let mut connection = self.context.server(self.addr)?.connect(&Role::Look).await?;
        // Where the server has no such limit, ours below ends the session.
        let _ = connection.execute(&limit(flavor)).await;
        if let Err(fault) = as_others_read(connection.as_mut(), self.setting.as_deref()).await {
            return Ok(Err(Unread::of(&fault)));
        }
        let mut strange = false;
        let mut each = |cells: &[Option<&[u8]>]| {
            let row: Option<Row> = cells
                .iter()
                .zip(&self.shape.normals)
                .map(|(cell, normal)| cell.map_or(Some(None), |c| normal.bytes(c).map(Some)))
                .collect();
            match row {
                Some(row) => on_row(row),
                None => {
                    strange = true;
                    ControlFlow::Break(())
                }
            }
        };
        let read = timeout(VIEW_TIME + Duration::from_secs(5), connection.stream(&self.sql, &mut each)).await;
        Ok(match read {
            Err(_) => Err(Unread::TooLong),
            Ok(Ok(_)) if strange => Err(Unread::Strange),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(fault)) => Err(Unread::of(&fault)),
        })
    }
}

/// Modes that a session does not take over: how the text of a statement is read, which mig writes in one way and a view
/// keeps with itself, and the modes that bring such ones with them. ONLY_FULL_GROUP_BY has a question of its own.
const NOT_TAKEN_OVER: [&str; 14] = [
    "ANSI",
    "ANSI_QUOTES",
    "DB2",
    "HIGH_NOT_PRECEDENCE",
    "IGNORE_SPACE",
    "MAXDB",
    "MSSQL",
    "MYSQL40",
    "NO_BACKSLASH_ESCAPES",
    "ONLY_FULL_GROUP_BY",
    "ORACLE",
    "PIPES_AS_CONCAT",
    "POSTGRESQL",
    "REAL_AS_FLOAT",
];

/// Gives a session what the server's other sessions begin with, as far as it tells what rows a view gives, and `setting`
/// besides. The session is used for nothing else.
async fn as_others_read(connection: &mut dyn Connection, setting: Option<&str>) -> Result<(), Fault> {
    let asked = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('group_concat_max_len', 'sql_mode')";
    for row in connection.query(asked).await?.rows {
        let mut cells = row.into_iter().flatten().map(|cell| String::from_utf8_lossy(&cell).into_owned());
        let (Some(name), value) = (cells.next(), cells.next().unwrap_or_default()) else { continue };
        if let Some(sql) = taken_over(&name, &value) {
            connection.execute(&sql).await?;
        }
    }
    match setting {
        Some(sql) => connection.execute(sql).await.map(|_| ()),
        None => Ok(()),
    }
}

/// The statement that gives a session a global value.
fn taken_over(name: &str, value: &str) -> Option<String> {
    if name.eq_ignore_ascii_case("group_concat_max_len") {
        let length: u64 = value.parse().ok()?;
        return Some(format!("SET SESSION group_concat_max_len = {length}"));
    }
    let sound = |mode: &&str| !mode.is_empty() && mode.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let kept = |mode: &&str| !NOT_TAKEN_OVER.iter().any(|not| mode.eq_ignore_ascii_case(not));
    let modes: Vec<&str> = value.split(',').map(str::trim).filter(sound).filter(kept).collect();
    Some(format!("SET SESSION sql_mode = '{}'", modes.join(",")))
}

/// The statement that ends a server's reading after [`VIEW_TIME`].
pub(super) fn limit(flavor: Flavor) -> String {
    match flavor {
        Flavor::Mariadb => format!("SET SESSION max_statement_time = {}", VIEW_TIME.as_secs()),
        _ => format!("SET SESSION max_execution_time = {}", VIEW_TIME.as_millis()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::formats::ddl::fixture::column;

    #[test]
    fn values_are_compared_as_they_are_read() {
        for (normal, one, other, same) in [
            (Normal::Trimmed, "1.5000", "1.50", true),
            (Normal::Trimmed, "100", "1", false),
            (Normal::Trimmed, "-0.00", "0", true),
            (Normal::Trimmed, "2024-01-01 00:00:00.000000", "2024-01-01 00:00:00", true),
            (Normal::Trimmed, "2024-01-10", "2024-01-1", false),
            (Normal::Float, "0.30000000000000004", "0.3", true),
            (Normal::Float, "0.3001", "0.3", false),
            (Normal::Float, "-0", "0", true),
            (Normal::Float, "7", "7.0", true),
            (Normal::Mixed, "20143863.666666668", "20143863.6667", false),
            (Normal::Mixed, "1.1", "1.10", true),
            (Normal::Json, r#"{"a": 1, "b": 2}"#, r#"{"b":2,"a":1}"#, true),
            (Normal::Bytes, "a", "A", false),
            (Normal::Bytes, "1.50", "1.5", false),
        ] {
            let bytes = |text: &str| normal.bytes(text.as_bytes()).unwrap();
            assert_eq!(bytes(one) == bytes(other), same, "{normal:?} {one} {other}");
        }
        assert_eq!(Normal::Float.bytes(b"x"), None);
    }

    #[test]
    fn a_session_takes_over_the_modes_that_decide_while_rows_are_read() {
        for (name, value, expected) in [
            (
                "sql_mode",
                "ONLY_FULL_GROUP_BY,NO_ZERO_DATE,NO_UNSIGNED_SUBTRACTION",
                Some("SET SESSION sql_mode = 'NO_ZERO_DATE,NO_UNSIGNED_SUBTRACTION'"),
            ),
            (
                "sql_mode",
                "REAL_AS_FLOAT,PIPES_AS_CONCAT,ANSI_QUOTES,IGNORE_SPACE,ANSI",
                Some("SET SESSION sql_mode = ''"),
            ),
            ("sql_mode", "", Some("SET SESSION sql_mode = ''")),
            (
                "group_concat_max_len",
                "18446744073709551615",
                Some("SET SESSION group_concat_max_len = 18446744073709551615"),
            ),
            ("group_concat_max_len", "", None),
        ] {
            assert_eq!(taken_over(name, value).as_deref(), expected, "{name} {value}");
        }
    }

    #[test]
    fn json_is_compared_by_value_only_where_both_servers_give_json() {
        for (one, other, normal) in [
            ("json", "json", Normal::Json),
            ("longtext", "json", Normal::Bytes),
            ("json", "longtext", Normal::Bytes),
            ("double", "double", Normal::Float),
            ("double", "decimal", Normal::Mixed),
            ("decimal", "decimal", Normal::Trimmed),
            ("enum", "varchar", Normal::Bytes),
        ] {
            assert_eq!(Normal::of(&column("x", one), &column("x", other)), normal, "{one} {other}");
        }
    }

    #[test]
    fn an_answer_holds_no_value_of_a_row() {
        for (number, message, expected) in [
            (
                8067,
                "JSON_OBJECTAGG: unsupported second argument type secret",
                "JSON_OBJECTAGG: unsupported second argument",
            ),
            (1054, "Unknown column 'x.j' in 'field list'", "Unknown column 'x.j' in"),
            (1292, "Truncated incorrect DOUBLE value: 'secret'", "Truncated incorrect DOUBLE value:"),
            (1105, "secret", "error 1105"),
        ] {
            let told = answer(Some(number), message);
            assert!(told.contains(expected) && !told.contains("secret"), "{told}");
        }
    }
}
