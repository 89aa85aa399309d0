//! What a MySQL or MariaDB target refuses, drops or changes: other versions and the other of the two servers. Nothing of
//! it holds for a TiDB.

use std::collections::BTreeMap;

use super::{Met, note};
use crate::formats::ddl::lob;
use crate::formats::ddl::partitioning;
use crate::formats::structure::{Column, Index, Table};
use crate::think::abilities::{self, Abilities};
use crate::think::gates::{Subject, rules};
use crate::words::addr::key_ident;

pub(super) fn look(subject: &Subject, met: &mut Met) {
    let Some(has) = Abilities::of(subject.target) else { return };
    let inventory = &subject.facts.source;
    for table in &inventory.tables {
        for column in &table.columns {
            look_at_column(&has, table, column, met);
        }
        for index in &table.indexes {
            look_at_index(&has, table, index, met);
        }
        look_at_checks(&has, table, met);
        look_at_references(subject, table, met);
        let keyless = !table.indexes.iter().any(|index| index.name == "PRIMARY");
        for variable in subject.target.restrictions.iter().filter(|name| keyless && name.contains("primary_key")) {
            note(met, rules::KEYLESS, format!("{}: {variable} is ON", table.name));
        }
        if let Some(column) = abilities::auto_increment_within(table) {
            note(met, rules::AUTO_INCREMENT_WITHIN, place(table, &column.name));
        }
        let kind = partitioning::kind(&table.partitioning);
        if kind.is_some_and(|kind| kind.method == "SYSTEM_TIME" && !has.system_time_partitions) {
            note(met, rules::PARTITION, format!("{} SYSTEM_TIME", table.name));
        }
        if !table.options.is_empty() {
            note(met, rules::TABLE_OPTION, format!("{}: {}", table.name, table.options));
        }
    }
    if has.checks && !has.check_names_by_table {
        look_at_check_names(subject, met);
    }
}

fn place(table: &Table, name: &str) -> String {
    format!("{}.{}", table.name, key_ident(name))
}

fn look_at_column(has: &Abilities, table: &Table, column: &Column, met: &mut Met) {
    let place = place(table, &column.name);
    let generated_key = table.generated_invisible_key && column.name == "my_row_id";
    if column.invisible && !has.takes_invisible(column) {
        note(met, if generated_key { rules::INVISIBLE_KEY } else { rules::INVISIBLE }, place.clone());
    }
    if column.data_type == "json" && !has.json {
        note(met, rules::JSON_AS_TEXT, place.clone());
    }
    if let Some(generated) = &column.generated {
        if !column.nullable && !has.generated_not_null {
            note(met, rules::GENERATED_NOT_NULL, place.clone());
        }
        look_at_functions(has, &place, &generated.expression, met);
    }
    if let Some(srid) = column.srid.filter(|_| !has.srid) {
        note(met, rules::SRID, format!("{place} SRID {srid}"));
    }
    let Some(default) = &column.default else { return };
    if column.default_is_expression {
        look_at_functions(has, &place, default, met);
    }
    if !has.expression_defaults && !default_taken_by_old(column, default) {
        note(met, rules::DEFAULT_EXPRESSION, format!("{place} DEFAULT {default}"));
    }
}

/// Whether a server without expressions as defaults takes it: a literal of a type that has literals, or the clock.
pub(crate) fn default_taken_by_old(column: &Column, default: &str) -> bool {
    crate::formats::ddl::clock_function(&column.data_type, default).is_some()
        || !(column.default_is_expression || lob(&column.data_type))
}

fn look_at_index(has: &Abilities, table: &Table, index: &Index, met: &mut Met) {
    let place = place(table, &index.name);
    if !has.descending_indexes && index.parts.iter().any(|part| part.descending) {
        note(met, rules::DESCENDING, place.clone());
    }
    for expression in index.parts.iter().filter_map(|part| part.expression.as_deref()) {
        if has.expression_indexes {
            look_at_functions(has, &place, expression, met);
        } else {
            note(met, rules::INDEX_EXPRESSION, format!("{place} ({expression})"));
        }
    }
    if !has.text_parsers && !index.parser.is_empty() {
        note(met, rules::TEXT_PARSER, format!("{place} WITH PARSER {}", index.parser));
    }
}

fn look_at_checks(has: &Abilities, table: &Table, met: &mut Met) {
    for check in table.checks.iter().filter(|_| has.checks) {
        let place = place(table, &check.name);
        if !check.enforced && !has.unenforced_checks {
            note(met, rules::UNENFORCED_CHECK, format!("{place} CHECK {}", check.clause));
        }
        if !has.check_names_by_table && abilities::named_like_a_column(table, check) {
            note(met, rules::CHECK_NAME, place.clone());
        }
        look_at_functions(has, &place, &check.clause, met);
    }
}

fn look_at_functions(has: &Abilities, place: &str, expression: &str, met: &mut Met) {
    let missing = has.missing_functions(expression);
    if !missing.is_empty() {
        note(met, rules::FUNCTION, format!("{place}: {}", missing.join(", ")));
    }
}

fn look_at_references(subject: &Subject, table: &Table, met: &mut Met) {
    if !subject.target.restrictions.iter().any(|name| name == "restrict_fk_on_non_standard_key") {
        return;
    }
    for key in &table.foreign_keys {
        // What is not moved stands on the target already, with the key or without it.
        let parent = [&subject.facts.source, &subject.facts.target].into_iter().find_map(|i| i.table(&key.references));
        if parent.is_some_and(|parent| abilities::references_no_key(key, parent)) {
            let columns = key.referenced_columns.join(", ");
            note(
                met,
                rules::REFERENCE_TO_NO_KEY,
                format!("{} to {} ({columns})", place(table, &key.name), key.references),
            );
        }
    }
}

/// Names that two tables of a schema use, but for those that are renamed.
pub(super) fn look_at_check_names(subject: &Subject, met: &mut Met) {
    let mut names: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for table in &subject.facts.source.tables {
        for check in table.checks.iter().filter(|check| !abilities::named_like_a_column(table, check)) {
            let name = (table.name.schema.to_lowercase(), check.name.to_lowercase());
            names.entry(name).or_default().push(place(table, &check.name));
        }
    }
    for places in names.into_values().filter(|places| places.len() > 1) {
        note(met, rules::SAME_CHECK_NAME, places.join(" and "));
    }
}
