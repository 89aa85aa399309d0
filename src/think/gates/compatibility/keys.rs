//! What indexes, constraints and partitions ask of the target.

use super::columns::{created_width, declared_characters, index_expression_allowed};
use super::{Met, note};
use crate::formats::ddl::{lob, partitioning};
use crate::formats::facts::Flavor;
use crate::formats::structure::{ForeignKey, Index, Table};
use crate::think::gates::{Subject, rules};
use crate::words::addr::key_ident;

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
            if !subject.target.check_constraints {
                note(met, rules::CHECK, format!("{} CHECK {}", place(&check.name), check.clause));
            }
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
        if tidb && !table.partitioning.is_empty() {
            if partitioning::kind(&table.partitioning).is_some_and(|kind| kind.subpartitioned) {
                note(met, rules::SUBPARTITION, table.name.key());
            }
            if partition_refused(&table.partitioning) {
                note(met, rules::PARTITION, format!("{} {}", table.name, head(&table.partitioning)));
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

/// Bytes of the index's widest entry once created on the target; expressions count as nothing.
fn created_index_width(subject: &Subject, table: &Table, index: &Index) -> u64 {
    let widths = index.parts.iter().map(|part| {
        let Some(column) = part.column.as_deref().and_then(|name| table.column(name)) else { return 0 };
        let characters = part.prefix.or_else(|| declared_characters(column));
        match (characters, created_width(subject, column)) {
            (Some(characters), Some(width)) => characters * width,
            (Some(bytes), None) => bytes,
            (None, _) => 8,
        }
    });
    widths.sum()
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

/// Whether TiDB does not know this kind of partitioning, or changes it without an error (LINEAR).
pub(crate) fn partition_refused(clause: &str) -> bool {
    partitioning::kind(clause)
        .is_none_or(|kind| kind.linear || !matches!(kind.method.as_str(), "RANGE" | "LIST" | "HASH" | "KEY"))
}

/// The clause's first words, without its partitions.
fn head(clause: &str) -> String {
    partitioning::rendered(clause, true, true).split(" (PARTITION").next().unwrap_or_default().to_owned()
}
