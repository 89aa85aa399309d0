//! What indexes, constraints and partitions ask of the target.

use super::columns::{created_width, declared_characters, index_expression_allowed, members_of};
use super::{Met, note};
use crate::formats::ddl::expression::{Token, closes, expression_text, is_condition, tokens};
use crate::formats::ddl::{lob, partitioning};
use crate::formats::facts::{Flavor, ServerFacts};
use crate::formats::spec::model::Gates;
use crate::formats::structure::{Check, Column, ForeignKey, Index, Table};
use crate::think::gates::collation::compared;
use crate::think::gates::{Subject, rules};
use crate::words::addr::key_ident;

/// Functions that give a truth value on every target that asks for one: "booleanFunctions" of TiDB's source.
const PREDICATES: [&str; 8] = [
    "is_ipv4",
    "is_ipv4_compat",
    "is_ipv4_mapped",
    "is_ipv6",
    "isnull",
    "json_schema_valid",
    "json_valid",
    "regexp_like",
];

/// Whether the target refuses a CHECK constraint because it is not a condition. MySQL knows more functions as one than TiDB,
/// `MEMBER OF`, and those of shapes.
pub(crate) fn check_refused(flavor: Flavor, check: &Check) -> bool {
    const OF_MYSQL: [&str; 5] = ["is_uuid", "json_contains", "json_contains_path", "json_overlaps", "member"];
    let of_mysql = |name: &str| OF_MYSQL.contains(&name) || name.starts_with("st_") || name.starts_with("mbr");
    let is_predicate = |name: &str| PREDICATES.contains(&name) || flavor == Flavor::Mysql && of_mysql(name);
    flavor != Flavor::Mariadb && !is_condition(&check.clause, is_predicate)
}

pub(super) fn look(subject: &Subject, met: &mut Met) {
    let tidb = subject.target.flavor == Flavor::Tidb;
    for table in &subject.facts.source.tables {
        let place = |name: &str| format!("{}.{}", table.name, key_ident(name));
        if table.indexes.len() > 64 {
            note(met, rules::INDEXES, format!("{}: {} indexes", table.name, table.indexes.len()));
        }
        for index in &table.indexes {
            look_at_index(subject, table, index, tidb, met);
        }
        for check in &table.checks {
            let met_rule = match subject.target.check_constraints {
                false => rules::CHECK,
                true if check_refused(subject.target.flavor, check) => rules::CHECK_NOT_BOOLEAN,
                true => continue,
            };
            note(met, met_rule, format!("{} CHECK {}", place(&check.name), check.clause));
        }
        for key in &table.foreign_keys {
            if subject.target.foreign_keys_off {
                note(met, rules::FOREIGN_KEY_OFF, place(&key.name));
            }
            if tidb && foreign_key_refused(table, key, parent_of(subject, key)) {
                note(met, rules::FOREIGN_KEY, place(&key.name));
            }
            let here = |inventory: &crate::formats::structure::Inventory| {
                inventory.tables.iter().any(|other| {
                    other.name.schema.eq_ignore_ascii_case(&key.references.schema)
                        && other.name.name.eq_ignore_ascii_case(&key.references.name)
                })
            };
            if !here(&subject.facts.source) && !here(&subject.facts.target) {
                note(met, rules::OUTSIDE_REFERENCE, format!("{} references {}", place(&key.name), key.references));
            }
        }
        if let Some(column) = partitioned_by_converted(table, subject.target, &subject.migration.gates) {
            note(met, rules::PARTITION_COLLATION, format!("{} by {}", table.name, key_ident(&column.name)));
        }
        if tidb && !table.partitioning.is_empty() {
            if partitioning::kind(&table.partitioning).is_some_and(|kind| kind.subpartitioned) {
                note(met, rules::SUBPARTITION, table.name.key());
            }
            if let Some(what) = partition_refused(table) {
                note(met, rules::PARTITION, format!("{} {what}", table.name));
            }
        }
        let other = !table.engine.is_empty() && !table.engine.eq_ignore_ascii_case("InnoDB");
        if other && super::carried::elsewhere(table).is_none() {
            note(met, rules::ENGINE, format!("{} {}", table.name, table.engine));
        }
    }
}

fn look_at_index(subject: &Subject, table: &Table, index: &Index, tidb: bool, met: &mut Met) {
    let place = || format!("{}.{}", table.name, key_ident(&index.name));
    match index.kind.as_str() {
        "FULLTEXT" if tidb => return note(met, rules::FULLTEXT, place()),
        "SPATIAL" if tidb => return note(met, rules::SPATIAL, format!("{} index", place())),
        "FULLTEXT" | "SPATIAL" => return,
        _ => {}
    }
    if index.parts.len() > 16 {
        note(met, rules::INDEXES, format!("{}: {} columns", place(), index.parts.len()));
    }
    if tidb && index.parts.iter().any(|part| part.descending) {
        note(met, rules::DESCENDING, place());
    }
    for expression in index.parts.iter().filter_map(|part| part.expression.as_deref()) {
        if tidb && !index_expression_allowed(expression) {
            note(met, rules::INDEX_EXPRESSION, format!("{} ({expression})", place()));
        }
    }
    let width = created_index_width(subject, table, index);
    if width > 3072 {
        note(met, rules::INDEX_WIDTH, format!("{}: {width} bytes once created", place()));
    }
}

/// The column of RANGE or LIST partitions whose values the target compares by another collation, or computes by one. HASH
/// and KEY are each server's own: their partitions never hold the same rows.
pub(crate) fn partitioned_by_converted<'a>(
    table: &'a Table,
    target: &ServerFacts,
    gates: &Gates,
) -> Option<&'a Column> {
    let kind = partitioning::kind(&table.partitioning)?;
    if !matches!(kind.method.as_str(), "RANGE" | "LIST") {
        return None;
    }
    let given = |column: &Column| compared::reweighed(column, target, gates);
    let all = tokens(&partitioning::rendered(&table.partitioning, true, true));
    let open = all.iter().position(|token| *token == Token::Sign('('))?;
    let named: Vec<&String> = all[open..closes(&all, open)?]
        .iter()
        .filter_map(|token| if let Token::Word(name) | Token::Ident(name) = token { Some(name) } else { None })
        .collect();
    let by = |column: &&Column| named.iter().any(|name| name.to_lowercase() == column.name.to_lowercase());
    table.columns.iter().filter(by).find(|column| compared::column_under(table, column, &given).is_some())
}

/// Bytes of the index's widest entry once created on the target.
fn created_index_width(subject: &Subject, table: &Table, index: &Index) -> u64 {
    let widths = index.parts.iter().map(|part| match (&part.column, &part.expression) {
        (Some(name), _) => table.column(name).map_or(0, |column| created_column_width(subject, column, part.prefix)),
        (None, Some(text)) => expression_width(subject, table, &tokens(&expression_text(text))),
        (None, None) => 0,
    });
    widths.sum()
}

fn created_column_width(subject: &Subject, column: &Column, prefix: Option<u64>) -> u64 {
    let characters = prefix.or_else(|| declared_characters(column));
    match (characters, created_width(subject, column)) {
        (Some(characters), Some(width)) => characters * width,
        (Some(bytes), None) => bytes,
        (None, _) => fixed_width(column),
    }
}

/// What a TiDB counts in an index for a column without declared characters; each was tried on 8.5.6.
fn fixed_width(column: &Column) -> u64 {
    let declared = || column.column_type.split(['(', ')', ',']).nth(1).and_then(|n| n.trim().parse::<u64>().ok());
    let members = || members_of(column).iter().map(|member| member.len() as u64).collect::<Vec<_>>();
    match column.data_type.as_str() {
        "tinyint" | "year" => 1,
        "smallint" => 2,
        "mediumint" | "date" | "time" => 3,
        "float" if declared().is_some_and(|digits| digits > 24) => 8,
        "int" | "float" | "timestamp" => 4,
        // By its digits, whatever stands behind the point.
        "decimal" => declared().map_or(8, |digits| digits / 9 * 4 + (digits % 9).div_ceil(2)),
        "bit" => declared().map_or(8, |bits| bits.div_ceil(8)),
        "enum" => members().into_iter().max().unwrap_or(8),
        "set" => members().iter().map(|member| member + 1).sum::<u64>().saturating_sub(1),
        _ => 8,
    }
}

/// What a TiDB counts for an expression, seen on 8.5.6: for LOWER, UPPER and REVERSE what it counts for their column, for MD5
/// 32 characters, for a CAST those that it names, for a comparison or a number 8 bytes.
fn expression_width(subject: &Subject, table: &Table, all: &[Token]) -> u64 {
    const NUMBER: u64 = 8;
    let word = |at: usize| match all.get(at) {
        Some(Token::Word(word)) => word.to_lowercase(),
        _ => String::new(),
    };
    let within = |open: usize| {
        let closed = all.get(open) == Some(&Token::Sign('(')) && closes(all, open) == Some(all.len() - 1);
        closed.then(|| all.get(open + 1..all.len() - 1)).flatten()
    };
    if let Some(inner) = within(0) {
        return expression_width(subject, table, inner);
    }
    if let [Token::Ident(name) | Token::Word(name)] = all {
        let column = table.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
        return column.map_or(NUMBER, |column| created_column_width(subject, column, None));
    }
    match (word(0).as_str(), within(1)) {
        ("lower" | "upper" | "lcase" | "ucase" | "reverse", Some(inner)) => expression_width(subject, table, inner),
        ("md5", Some(_)) => 32 * 4,
        ("cast", Some(inner)) => {
            let length = inner.windows(4).find_map(|four| match four {
                [Token::Word(kind), Token::Sign('('), Token::Word(length), Token::Sign(')')] => {
                    let length = length.parse::<u64>().ok()?;
                    match kind.to_lowercase().as_str() {
                        "char" => Some(length * 4),
                        "binary" => Some(length),
                        _ => None,
                    }
                }
                _ => None,
            });
            length.unwrap_or(NUMBER)
        }
        _ => NUMBER,
    }
}

fn parent_of<'a>(subject: &'a Subject, key: &ForeignKey) -> Option<&'a Table> {
    [&subject.facts.source, &subject.facts.target].into_iter().find_map(|inventory| inventory.table(&key.references))
}

/// Whether TiDB refuses the key: on a partitioned table, a BLOB or TEXT, or a virtual column; to a partitioned table; and
/// between columns of two types (error 3780), where CHAR and VARCHAR, BINARY and VARBINARY are two. MySQL takes those.
pub(crate) fn foreign_key_refused(table: &Table, key: &ForeignKey, parent: Option<&Table>) -> bool {
    let refused = |column: &crate::formats::structure::Column| {
        lob(&column.data_type) || column.generated.as_ref().is_some_and(|generated| !generated.stored)
    };
    let own = key.columns.iter().filter_map(|name| table.column(name));
    if !table.partitioning.is_empty() || own.clone().any(refused) {
        return true;
    }
    let Some(parent) = parent else { return false };
    let theirs = key.referenced_columns.iter().filter_map(|name| parent.column(name));
    !parent.partitioning.is_empty() || own.zip(theirs).any(|(one, other)| one.data_type != other.data_type)
}

/// What of the table's partitioning TiDB does not know, changes without an error (LINEAR), or writes in a way that it cannot
/// read: `0x` for a value without bytes (error 1105 on 8.5.6).
pub(crate) fn partition_refused(table: &Table) -> Option<String> {
    let clause = &table.partitioning;
    let refused = partitioning::kind(clause)
        .is_none_or(|kind| kind.linear || !matches!(kind.method.as_str(), "RANGE" | "LIST" | "HASH" | "KEY"));
    let head = || partitioning::rendered(clause, true, true).split(" (PARTITION").next().unwrap_or_default().to_owned();
    match refused {
        true => Some(head()),
        false => partitioning::values::has_no_bytes(table).then(|| format!("{}: a value is empty", head())),
    }
}
