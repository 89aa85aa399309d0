//! What is changed for a MySQL or MariaDB target: see [`crate::think::abilities`] for what such a server holds.

use super::Draft;
use crate::formats::ddl::{lob, partitioning, sql_string};
use crate::formats::structure::{Check, IndexPart};
use crate::think::abilities::{self, Abilities};
use crate::think::gates::compatibility::default_taken_by_old;
use crate::think::gates::rules;
use crate::words::addr::{key_ident, sql_ident};

/// The longest name of a constraint, in characters.
const NAME: usize = 64;

impl Draft<'_> {
    pub(super) fn innodb(&mut self, has: &Abilities) {
        self.columns_of_innodb(has);
        self.checks_of_innodb(has);
        self.indexes_of_innodb(has);
        let kind = partitioning::kind(&self.table.partitioning);
        if kind.is_some_and(|kind| kind.method == "SYSTEM_TIME" && !has.system_time_partitions)
            && rules::changes(rules::PARTITION, self.gates)
        {
            self.table.partitioning = String::new();
            self.change(rules::PARTITION, "created as one table, not partitioned by SYSTEM_TIME".to_owned());
        }
        self.history();
        let options = std::mem::take(&mut self.table.options);
        if !options.is_empty() {
            self.change(rules::TABLE_OPTION, format!("its options ({options}) are left to the target"));
        }
    }

    fn columns_of_innodb(&mut self, has: &Abilities) {
        for at in 0..self.table.columns.len() {
            let name = key_ident(&self.table.columns[at].name);
            let generated_key = self.table.generated_invisible_key && self.table.columns[at].name == "my_row_id";
            let code = if generated_key { rules::INVISIBLE_KEY } else { rules::INVISIBLE };
            let column = &mut self.table.columns[at];
            if column.invisible && !has.takes_invisible(column) && rules::changes(code, self.gates) {
                column.invisible = false;
                self.table.generated_invisible_key &= !generated_key;
                self.change(code, format!("column {name} is invisible on the source and created visible"));
            }
            let column = &mut self.table.columns[at];
            if column.data_type == "json" && !has.json && rules::changes(rules::JSON_AS_TEXT, self.gates) {
                (column.data_type, column.column_type) = ("longtext".into(), "longtext".into());
                (column.charset, column.collation) = (Some("utf8mb4".into()), Some("utf8mb4_bin".into()));
                column.octet_length = Some(u64::from(u32::MAX));
                if column.generated.is_none() {
                    let clause = format!("json_valid({})", sql_ident(&column.name));
                    self.table.checks.push(Check { name: column.name.clone(), clause, enforced: true });
                }
                self.change(
                    rules::JSON_AS_TEXT,
                    format!("column {name}: json becomes longtext with CHECK (json_valid)"),
                );
            }
            let column = &mut self.table.columns[at];
            let generated = column.generated.is_some() && !column.nullable;
            if generated && !has.generated_not_null && rules::changes(rules::GENERATED_NOT_NULL, self.gates) {
                column.nullable = true;
                self.change(rules::GENERATED_NOT_NULL, format!("generated column {name} is created without NOT NULL"));
            }
            let column = &mut self.table.columns[at];
            if let Some(srid) = column.srid
                && !has.srid
                && rules::changes(rules::SRID, self.gates)
            {
                column.srid = None;
                self.change(rules::SRID, format!("column {name} is created without SRID {srid}"));
            }
            self.default_of_innodb(has, at);
        }
    }

    fn default_of_innodb(&mut self, has: &Abilities, at: usize) {
        let column = &mut self.table.columns[at];
        let Some(default) = column.default.clone() else { return };
        if !has.expression_defaults {
            if !default_taken_by_old(column, &default) && rules::changes(rules::DEFAULT_EXPRESSION, self.gates) {
                (column.default, column.default_is_expression) = (None, false);
                let name = key_ident(&column.name);
                self.change(rules::DEFAULT_EXPRESSION, format!("column {name}: its default ({default}) is left out"));
            }
        } else if lob(&column.data_type) && !column.default_is_expression && !has.literal_lob_defaults {
            // The same value; MySQL wants it as an expression.
            (column.default, column.default_is_expression) = (Some(sql_string(&default)), true);
        }
    }

    fn checks_of_innodb(&mut self, has: &Abilities) {
        if !has.unenforced_checks && rules::changes(rules::UNENFORCED_CHECK, self.gates) {
            let (kept, dropped): (Vec<Check>, Vec<Check>) =
                std::mem::take(&mut self.table.checks).into_iter().partition(|check| check.enforced);
            self.table.checks = kept;
            for check in dropped {
                let name = key_ident(&check.name);
                self.change(rules::UNENFORCED_CHECK, format!("CHECK constraint {name}, not enforced, is not created"));
            }
        }
        if !has.check_names_by_table {
            self.names_of_checks();
        }
    }

    /// Names that are told apart by schema: of a constraint that MariaDB calls like its column.
    pub(super) fn names_of_checks(&mut self) {
        if !rules::changes(rules::CHECK_NAME, self.gates) {
            return;
        }
        for at in 0..self.table.checks.len() {
            if abilities::named_like_a_column(&self.table, &self.table.checks[at]) {
                let name = self.table.checks[at].name.clone();
                let renamed: String = format!("{}_chk_{name}", self.table.name.name).chars().take(NAME).collect();
                let (from, to) = (key_ident(&name), key_ident(&renamed));
                self.table.checks[at].name = renamed;
                self.change(rules::CHECK_NAME, format!("CHECK constraint {from} is called {to}"));
            }
        }
    }

    fn indexes_of_innodb(&mut self, has: &Abilities) {
        if !has.expression_indexes && rules::changes(rules::INDEX_EXPRESSION, self.gates) {
            self.drop_indexes(rules::INDEX_EXPRESSION, "index over an expression", |index| {
                index.parts.iter().any(|part| part.expression.is_some())
            });
        }
        let ascending = !has.descending_indexes && rules::changes(rules::DESCENDING, self.gates);
        let plain = !has.text_parsers && rules::changes(rules::TEXT_PARSER, self.gates);
        for at in 0..self.table.indexes.len() {
            let name = key_ident(&self.table.indexes[at].name);
            let index = &mut self.table.indexes[at];
            if ascending && index.parts.iter().any(|part| part.descending) {
                index.parts.iter_mut().for_each(|part| part.descending = false);
                self.change(rules::DESCENDING, format!("index {name}: its descending parts are created ascending"));
            }
            let index = &mut self.table.indexes[at];
            if plain && !index.parser.is_empty() {
                let parser = std::mem::take(&mut index.parser);
                self.change(rules::TEXT_PARSER, format!("index {name} is created without its parser {parser}"));
            }
        }
        let within = abilities::auto_increment_within(&self.table).map(|column| column.name.clone());
        if let Some(column) = within
            && rules::changes(rules::AUTO_INCREMENT_WITHIN, self.gates)
        {
            let name: String = format!("auto_{column}").chars().take(NAME).collect();
            self.change(rules::AUTO_INCREMENT_WITHIN, format!("one more index over {} is created", key_ident(&column)));
            let part = IndexPart { column: Some(column), expression: None, prefix: None, descending: false };
            self.table.indexes.push(crate::formats::structure::Index {
                name,
                unique: false,
                kind: "BTREE".into(),
                visible: true,
                parts: vec![part],
                parser: String::new(),
                comment: String::new(),
                ..Default::default()
            });
        }
    }
}
