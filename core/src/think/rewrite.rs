//! What is created on the target: the source's structure with every change that the settings ask for, each named. What
//! is not named here arrives as it stood. Knows rules and collations; renders no SQL and judges nothing.

pub mod views;

use crate::formats::ddl::partitioning;
use crate::formats::facts::{Flavor, ServerFacts};
use crate::formats::spec::model::Gates;
use crate::formats::structure::{Check, Column, Index, Schema, Table};
use crate::think::abilities::Abilities;
use crate::think::gates::collation::{Fate, charset_width, fate, same_collation};
use crate::think::gates::compatibility::{
    check_refused, default_allowed, foreign_key_refused, index_expression_allowed, partition_refused,
    partitioned_by_converted,
};
use crate::think::gates::rules;
use crate::words::addr::key_ident;
use crate::words::codes::{self, Code};
use crate::words::diag::Diagnostic;

/// A table as it is created, and one warning for each thing in it that differs from the source.
#[derive(Clone, Debug, PartialEq)]
pub struct Rewritten {
    pub table: Table,
    pub changes: Vec<Diagnostic>,
}

/// The table as this target gets it. `others`: tables of the same source, which its foreign keys may reference.
pub fn for_target(table: &Table, others: &[Table], target: &ServerFacts, gates: &Gates) -> Rewritten {
    let mut draft = Draft { table: table.clone(), others, changes: Vec::new(), target, gates };
    draft.collations();
    if target.flavor == Flavor::Tidb {
        draft.carried();
        draft.columns();
        draft.indexes();
        draft.foreign_keys();
        draft.partitions();
        if target.check_constraints {
            draft.names_of_checks();
        }
    }
    if let Some(has) = Abilities::of(target) {
        draft.innodb(&has);
    }
    draft.checks();
    draft.engine();
    Rewritten { table: draft.table, changes: draft.changes }
}

/// The schema as this target gets it.
pub fn schema_for_target(schema: &Schema, target: &ServerFacts, gates: &Gates) -> (Schema, Vec<Diagnostic>) {
    let (charset, collation, changed) = collation_for_target(&schema.charset, &schema.collation, target, gates);
    let change = changed.then(|| {
        let text = format!("schema {}: collation {} becomes {collation}", key_ident(&schema.name), schema.collation);
        Diagnostic::warning(codes::COLLATION_CONVERTED, text).about(key_ident(&schema.name))
    });
    (Schema { charset, collation, ..schema.clone() }, change.into_iter().collect())
}

/// Charset and collation as the target names them, and whether they are others than the source's.
fn collation_for_target(charset: &str, collation: &str, target: &ServerFacts, gates: &Gates) -> (String, String, bool) {
    match fate(collation, target, gates) {
        Fate::Kept { charset, collation } => (charset, collation, false),
        Fate::Converted { charset, collation: to } => {
            let changed = !same_collation(&to, collation);
            (charset, to, changed)
        }
        // The gate refuses these: what is shown is the source's.
        Fate::MappedToNothing { .. } | Fate::Unsupported => (charset.to_owned(), collation.to_owned(), false),
    }
}

struct Draft<'a> {
    table: Table,
    others: &'a [Table],
    changes: Vec<Diagnostic>,
    target: &'a ServerFacts,
    gates: &'a Gates,
}

impl Draft<'_> {
    fn change(&mut self, code: Code, text: String) {
        let name = self.table.name.key();
        self.changes.push(Diagnostic::warning(code, format!("{name}: {text}")).about(name));
    }

    fn collations(&mut self) {
        // By the collations of the source: below they are those of the target.
        let by = partitioned_by_converted(&self.table, self.target, self.gates).map(|column| key_ident(&column.name));
        if let Some(name) = by
            && rules::changes(rules::PARTITION_COLLATION, self.gates)
        {
            self.table.partitioning = String::new();
            self.change(
                rules::PARTITION_COLLATION,
                format!("created as one table, not partitioned by {name}, whose collation is converted"),
            );
        }
        let (charset, collation, changed) =
            collation_for_target(&self.table.charset, &self.table.collation, self.target, self.gates);
        if changed {
            self.change(
                codes::COLLATION_CONVERTED,
                format!("default collation {} becomes {collation}", self.table.collation),
            );
        }
        (self.table.charset, self.table.collation) = (charset, collation);
        for at in 0..self.table.columns.len() {
            let column = &self.table.columns[at];
            let (Some(charset), Some(collation)) = (&column.charset, &column.collation) else { continue };
            let (to_charset, to, changed) = collation_for_target(charset, collation, self.target, self.gates);
            let (name, from) = (key_ident(&column.name), collation.clone());
            let widths = (charset_width(charset), charset_width(&to_charset));
            if changed {
                self.change(codes::COLLATION_CONVERTED, format!("column {name}: collation {from} becomes {to}"));
            }
            let column = &mut self.table.columns[at];
            (column.charset, column.collation) = (Some(to_charset), Some(to));
            if let Some((before, after)) = widened(column, widths) {
                self.change(
                    rules::WIDENED_TYPE,
                    format!("column {name}: {before} becomes {after}, so that the same characters fit in more bytes"),
                );
            }
        }
    }

    fn columns(&mut self) {
        let key = self.table.generated_invisible_key;
        for at in 0..self.table.columns.len() {
            let column = &self.table.columns[at];
            let name = key_ident(&column.name);
            let generated_key = key && column.name == "my_row_id";
            let code = if generated_key { rules::INVISIBLE_KEY } else { rules::INVISIBLE };
            if column.invisible && rules::changes(code, self.gates) {
                self.table.columns[at].invisible = false;
                self.table.generated_invisible_key &= !generated_key;
                self.change(code, format!("column {name} is invisible on the source and created visible"));
            }
            if !default_allowed(&self.table.columns[at]) && rules::changes(rules::DEFAULT_EXPRESSION, self.gates) {
                let column = &mut self.table.columns[at];
                column.default_is_expression = false;
                let text = column.default.take().unwrap_or_default();
                self.change(rules::DEFAULT_EXPRESSION, format!("column {name}: its default ({text}) is left out"));
            }
        }
    }

    fn indexes(&mut self) {
        if rules::changes(rules::FULLTEXT, self.gates) {
            self.drop_indexes(rules::FULLTEXT, "FULLTEXT index", |index| index.kind == "FULLTEXT");
        }
        if rules::changes(rules::INDEX_EXPRESSION, self.gates) {
            self.drop_indexes(rules::INDEX_EXPRESSION, "index over an expression", |index| {
                index.parts.iter().filter_map(|p| p.expression.as_deref()).any(|text| !index_expression_allowed(text))
            });
        }
        if !rules::changes(rules::DESCENDING, self.gates) {
            return;
        }
        for at in 0..self.table.indexes.len() {
            let index = &mut self.table.indexes[at];
            if index.parts.iter().any(|part| part.descending) {
                index.parts.iter_mut().for_each(|part| part.descending = false);
                let name = key_ident(&index.name);
                self.change(rules::DESCENDING, format!("index {name}: its descending parts are created ascending"));
            }
        }
    }

    fn drop_indexes(&mut self, code: Code, what: &str, gone: impl Fn(&Index) -> bool) {
        let (dropped, kept): (Vec<Index>, Vec<Index>) =
            std::mem::take(&mut self.table.indexes).into_iter().partition(gone);
        self.table.indexes = kept;
        for index in dropped {
            self.change(code, format!("{what} {} is not created", key_ident(&index.name)));
        }
    }

    fn foreign_keys(&mut self) {
        if self.target.foreign_keys_off && rules::changes(rules::FOREIGN_KEY_OFF, self.gates) {
            for key in std::mem::take(&mut self.table.foreign_keys) {
                self.change(rules::FOREIGN_KEY_OFF, format!("foreign key {} is not created", key_ident(&key.name)));
            }
        }
        if !rules::changes(rules::FOREIGN_KEY, self.gates) {
            return;
        }
        let keys = std::mem::take(&mut self.table.foreign_keys);
        for key in keys {
            if foreign_key_refused(&self.table, &key, self.others.iter().find(|t| t.name == key.references)) {
                self.change(rules::FOREIGN_KEY, format!("foreign key {} is not created", key_ident(&key.name)));
            } else {
                self.table.foreign_keys.push(key);
            }
        }
    }

    fn partitions(&mut self) {
        let (without, options) = partitioning::without_options(&self.table.partitioning);
        if !options.is_empty() && rules::changes(rules::TABLE_OPTION, self.gates) {
            self.table.partitioning = without;
            self.change(rules::TABLE_OPTION, format!("PARTITION {} is left to the target", options.join(", ")));
        }
        let Some(kind) = partitioning::kind(&self.table.partitioning) else { return };
        if kind.subpartitioned && rules::changes(rules::SUBPARTITION, self.gates) {
            self.table.partitioning = partitioning::rendered(&self.table.partitioning, true, false);
            self.change(rules::SUBPARTITION, "created with its partitions alone, without subpartitions".to_owned());
        }
        if partition_refused(&self.table).is_none() || !rules::changes(rules::PARTITION, self.gates) {
            return;
        }
        self.table.partitioning = partitioning::rendered(&self.table.partitioning, false, true);
        if partition_refused(&self.table).is_some() {
            self.table.partitioning = String::new();
            self.change(rules::PARTITION, format!("created as one table, not partitioned by {}", kind.method));
        } else {
            self.change(rules::PARTITION, format!("partitioned by {}, not by LINEAR {}", kind.method, kind.method));
        }
    }

    fn checks(&mut self) {
        let code = if self.target.check_constraints { rules::CHECK_NOT_BOOLEAN } else { rules::CHECK };
        if !rules::changes(code, self.gates) {
            return;
        }
        let flavor = self.target.flavor;
        let goes = |check: &Check| code == rules::CHECK || check_refused(flavor, check);
        let (gone, kept): (Vec<Check>, Vec<Check>) = std::mem::take(&mut self.table.checks).into_iter().partition(goes);
        self.table.checks = kept;
        for check in gone {
            self.change(code, format!("CHECK constraint {} is not created", key_ident(&check.name)));
        }
    }

    /// What is created is InnoDB, on a TiDB by name alone; keys of other kinds become trees.
    fn engine(&mut self) {
        let engine = self.table.engine.clone();
        if !engine.is_empty() && !engine.eq_ignore_ascii_case("InnoDB") {
            let fate = if self.target.flavor == Flavor::Tidb { "is not kept" } else { "becomes InnoDB" };
            self.change(rules::ENGINE, format!("engine {engine} on the source {fate}"));
        }
        for index in &mut self.table.indexes {
            if index.kind.eq_ignore_ascii_case("HASH") || index.kind.eq_ignore_ascii_case("RTREE") {
                index.kind = "BTREE".to_owned();
            }
        }
        self.table.engine = "InnoDB".to_owned();
    }
}

/// Widens a TEXT type whose bytes no longer hold its characters, as MySQL itself does on CONVERT TO CHARACTER SET, and
/// keeps the octet length true.
fn widened(column: &mut Column, (from, to): (u64, u64)) -> Option<(String, String)> {
    if from == to {
        return None;
    }
    const TEXTS: [(&str, u64); 4] =
        [("tinytext", 255), ("text", 65_535), ("mediumtext", 16_777_215), ("longtext", 4_294_967_295)];
    let Some((_, bytes)) = TEXTS.iter().find(|(name, _)| *name == column.data_type) else {
        column.octet_length = column.octet_length.map(|bytes| bytes / from.max(1) * to);
        return None;
    };
    if to < from {
        return None;
    }
    let wanted = bytes / from.max(1) * to;
    let (name, room) = TEXTS.iter().find(|(_, room)| *room >= wanted).unwrap_or(&TEXTS[3]);
    if *name == column.data_type {
        return None;
    }
    let before = std::mem::replace(&mut column.column_type, (*name).to_owned());
    column.data_type = (*name).to_owned();
    column.octet_length = Some(*room);
    Some((before, (*name).to_owned()))
}

mod carried;
mod innodb;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
