//! What of a table's statement is not understood, cannot be told for certain, or has no place on the target: by name.

use super::{Met, note};
use crate::formats::ddl::{lob, partitioning};
use crate::formats::facts::Flavor;
use crate::formats::structure::{Column, Doubt, Index, Table};
use crate::think::abilities;
use crate::think::gates::{Subject, rules};
use crate::words::addr::key_ident;

/// Bytes of comments that TiDB takes (error 1629; pingcap docs, "TiDB Limitations" and `pkg/ddl`): MySQL counts characters.
const COLUMN_COMMENT: usize = 1024;
const INDEX_COMMENT: usize = 1024;
const TABLE_COMMENT: usize = 2048;

pub(super) fn look(subject: &Subject, met: &mut Met) {
    let tidb = subject.target.flavor == Flavor::Tidb;
    for (place, lacks) in &subject.facts.expression_lacks {
        note(met, rules::FUNCTION, format!("{place}: {lacks}"));
    }
    for table in &subject.facts.source.tables {
        doubts(table, met);
        for period in &table.periods {
            if !period.starts_with("SYSTEM_TIME") {
                note(met, rules::PERIOD, format!("{} PERIOD FOR {period}", table.name));
            }
        }
        if let Some(rows) = elsewhere(table) {
            note(met, rules::ROWS_ELSEWHERE, format!("{} {}: {rows}", table.name, table.engine));
        }
        options(table, tidb, met);
        if tidb {
            on_tidb(table, met);
        }
    }
    if tidb && subject.target.check_constraints {
        for table in &subject.facts.source.tables {
            for check in table.checks.iter().filter(|check| abilities::named_like_a_column(table, check)) {
                note(met, rules::CHECK_NAME, place(table, &check.name));
            }
        }
        super::innodb::look_at_check_names(subject, met);
    }
}

fn place(table: &Table, name: &str) -> String {
    format!("{}.{}", table.name, key_ident(name))
}

fn doubts(table: &Table, met: &mut Met) {
    for doubt in &table.doubts {
        let text = match doubt {
            Doubt::NotUnderstood { text } => format!("{}: not understood: {}", table.name, one_line(text)),
            Doubt::Disagreement { what, listed, shown } => format!(
                "{}: {what}: information_schema says {}, SHOW CREATE TABLE says {}",
                table.name,
                told(listed),
                told(shown)
            ),
            Doubt::Garbled { what } => {
                format!("{}: {what}: the server shows ? where another character may be", table.name)
            }
        };
        note(met, rules::NOT_UNDERSTOOD, text);
    }
}

fn told(text: &str) -> String {
    if text.is_empty() { "nothing".into() } else { one_line(text) }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Why the rows that the table shows are not its own, where its engine keeps them elsewhere or nowhere.
pub(super) fn elsewhere(table: &Table) -> Option<String> {
    let engine = table.engine.to_ascii_uppercase();
    Some(match engine.as_str() {
        "MRG_MYISAM" | "MERGE" => {
            let members =
                table.options.split("UNION=").nth(1).map(|rest| format!(" {}", rest.trim())).unwrap_or_default();
            format!(
                "its rows are those of other tables{members}: a copy would hold them a second time, without the link to them"
            )
        }
        "FEDERATED" | "CONNECT" | "SPIDER" | "S3" => {
            "its rows are those of another server: a copy would hold them without the link to it".into()
        }
        "BLACKHOLE" => "it keeps nothing that is written to it; the target would keep it".into(),
        _ => return None,
    })
}

/// Options of table, columns and indexes, which no server but their own knows.
fn options(table: &Table, tidb: bool, met: &mut Met) {
    if tidb && !table.options.is_empty() {
        note(met, rules::TABLE_OPTION, format!("{}: {}", table.name, table.options));
    }
    let (_, of_partitions) = partitioning::without_options(&table.partitioning);
    if tidb && !of_partitions.is_empty() {
        note(met, rules::TABLE_OPTION, format!("{}: PARTITION {}", table.name, of_partitions.join(", ")));
    }
    for column in table.columns.iter().filter(|column| !column.options.is_empty()) {
        note(met, rules::TABLE_OPTION, format!("{}: {}", place(table, &column.name), column.options.join(" ")));
    }
    for index in table.indexes.iter().filter(|index| !index.options.is_empty()) {
        note(met, rules::TABLE_OPTION, format!("{}: {}", place(table, &index.name), index.options.join(" ")));
    }
}

fn on_tidb(table: &Table, met: &mut Met) {
    for column in &table.columns {
        let place = || place(table, &column.name);
        if default_is_no_text(column) {
            let default = column.default.as_deref().unwrap_or_default();
            note(met, rules::BINARY_DEFAULT, format!("{} DEFAULT {default}", place()));
        }
        if reads_a_sequence(column) {
            let default = column.default.as_deref().unwrap_or_default();
            note(met, rules::SEQUENCE_DEFAULT, format!("{} DEFAULT {default}", place()));
        }
        if column.comment.len() > COLUMN_COMMENT {
            note(met, rules::COMMENT, format!("{}: comment of {} bytes", place(), column.comment.len()));
        }
    }
    for index in &table.indexes {
        if index.comment.len() > INDEX_COMMENT {
            note(
                met,
                rules::COMMENT,
                format!("{}: comment of {} bytes", place(table, &index.name), index.comment.len()),
            );
        }
        if comment_is_dropped(table, index) {
            note(met, rules::KEY_COMMENT, table.name.to_string());
        }
        if whole_lob(table, index) {
            note(met, rules::WHOLE_LOB_KEY, place(table, &index.name));
        }
    }
    if table.comment.len() > TABLE_COMMENT {
        note(met, rules::COMMENT, format!("{}: comment of {} bytes", table.name, table.comment.len()));
    }
}

pub(crate) fn comment_too_long(table: &Table) -> bool {
    table.comment.len() > TABLE_COMMENT
}

pub(crate) fn column_comment_too_long(column: &Column) -> bool {
    column.comment.len() > COLUMN_COMMENT
}

pub(crate) fn index_comment_too_long(index: &Index) -> bool {
    index.comment.len() > INDEX_COMMENT
}

/// Whether TiDB makes no index of it: it clusters rows by a primary key of one integer, and drops its comment.
pub(crate) fn comment_is_dropped(table: &Table, index: &Index) -> bool {
    let integer = |name: &str| table.column(name).is_some_and(|column| column.data_type.ends_with("int"));
    let column = match &index.parts[..] {
        [only] => only.column.as_deref(),
        _ => None,
    };
    index.name == "PRIMARY" && !index.comment.is_empty() && column.is_some_and(integer)
}

/// Shapes, which TiDB does not have.
pub(crate) fn is_spatial(data_type: &str) -> bool {
    super::columns::SPATIAL_TYPES.contains(&data_type)
}

/// Whether the default is bytes that are no UTF-8: TiDB keeps U+FFFD in their place.
pub(crate) fn default_is_no_text(column: &Column) -> bool {
    let Some(default) = column.default.as_deref().filter(|_| !column.default_is_expression) else { return false };
    matches!(column.data_type.as_str(), "binary" | "varbinary")
        && default
            .strip_prefix("0x")
            .and_then(|digits| hex::decode(digits).ok())
            .is_some_and(|bytes| std::str::from_utf8(&bytes).is_err())
}

/// Whether the default takes its value from a sequence, which stays behind.
pub(crate) fn reads_a_sequence(column: &Column) -> bool {
    column.default_is_expression
        && column.default.as_deref().is_some_and(|default| {
            let calls = crate::formats::ddl::expression::functions(default);
            calls.iter().any(|name| matches!(name.as_str(), "nextval" | "lastval" | "setval"))
                || default.to_ascii_lowercase().contains("next value for")
        })
}

/// Whether a key takes a whole BLOB or TEXT, as MariaDB alone does (by a hash).
pub(crate) fn whole_lob(table: &Table, index: &Index) -> bool {
    !matches!(index.kind.as_str(), "FULLTEXT" | "SPATIAL")
        && index.parts.iter().any(|part| {
            let column = part.column.as_deref().and_then(|name| table.column(name));
            part.prefix.is_none() && column.is_some_and(|column| lob(&column.data_type) && column.data_type != "json")
        })
}
