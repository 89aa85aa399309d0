//! What is left out of a table on a TiDB because it has no place there; each change by name.

use super::Draft;
use crate::think::gates::compatibility::carried;
use crate::think::gates::rules;
use crate::words::addr::key_ident;

impl Draft<'_> {
    pub(super) fn carried(&mut self) {
        self.periods();
        self.options_of_one_server();
        self.geometry();
        self.defaults_without_a_place();
        self.long_comments();
        for at in 0..self.table.indexes.len() {
            if carried::comment_is_dropped(&self.table, &self.table.indexes[at]) {
                self.table.indexes[at].comment.clear();
                self.change(rules::KEY_COMMENT, "the comment of its primary key is left out".to_owned());
            }
        }
        if rules::changes(rules::WHOLE_LOB_KEY, self.gates) {
            let table = self.table.clone();
            self.drop_indexes(rules::WHOLE_LOB_KEY, "key over a whole BLOB or TEXT", |index| {
                carried::whole_lob(&table, index)
            });
        }
    }

    /// Periods of an application, with the keys that refuse their overlaps.
    fn periods(&mut self) {
        self.history();
        if self.table.periods.is_empty() || !rules::changes(rules::PERIOD, self.gates) {
            return;
        }
        for period in std::mem::take(&mut self.table.periods) {
            self.change(rules::PERIOD, format!("PERIOD FOR {period} is not created"));
        }
        self.drop_indexes(rules::PERIOD, "key without overlaps", |index| index.without_overlaps.is_some());
    }

    /// Of a system-versioned table the rows of now.
    pub(super) fn history(&mut self) {
        if std::mem::take(&mut self.table.system_versioned) {
            let columns = self.table.periods.iter().find(|period| period.starts_with("SYSTEM_TIME"));
            let columns = columns.map(|period| format!(", and so do the columns of its period {period}"));
            let columns = columns.unwrap_or_default();
            self.change(
                rules::SYSTEM_VERSIONED,
                format!("system versioning is left out: its former rows stay behind{columns}"),
            );
        }
        self.table.periods.retain(|period| !period.starts_with("SYSTEM_TIME"));
    }

    fn options_of_one_server(&mut self) {
        let options = std::mem::take(&mut self.table.options);
        self.table.ttl.clear();
        if !options.is_empty() {
            self.change(rules::TABLE_OPTION, format!("its options ({options}) are left to the target"));
        }
        for at in 0..self.table.columns.len() {
            let options = std::mem::take(&mut self.table.columns[at].options);
            if !options.is_empty() {
                let name = key_ident(&self.table.columns[at].name);
                self.change(rules::TABLE_OPTION, format!("column {name}: {} is left out", options.join(" ")));
            }
        }
        for at in 0..self.table.indexes.len() {
            let options = std::mem::take(&mut self.table.indexes[at].options);
            if !options.is_empty() {
                let name = key_ident(&self.table.indexes[at].name);
                self.change(rules::TABLE_OPTION, format!("index {name}: {} is left out", options.join(" ")));
            }
        }
    }

    fn defaults_without_a_place(&mut self) {
        for at in 0..self.table.columns.len() {
            let column = &self.table.columns[at];
            let code = if carried::default_is_no_text(column) {
                rules::BINARY_DEFAULT
            } else if carried::reads_a_sequence(column) {
                rules::SEQUENCE_DEFAULT
            } else {
                continue;
            };
            if rules::changes(code, self.gates) {
                let column = &mut self.table.columns[at];
                column.default_is_expression = false;
                let (name, text) = (key_ident(&column.name), column.default.take().unwrap_or_default());
                self.change(code, format!("column {name}: its default ({text}) is left out"));
            }
        }
    }

    fn long_comments(&mut self) {
        if !rules::changes(rules::COMMENT, self.gates) {
            return;
        }
        if carried::comment_too_long(&self.table) {
            self.table.comment.clear();
            self.change(rules::COMMENT, "its comment is left out".to_owned());
        }
        for at in 0..self.table.columns.len() {
            if carried::column_comment_too_long(&self.table.columns[at]) {
                self.table.columns[at].comment.clear();
                let name = key_ident(&self.table.columns[at].name);
                self.change(rules::COMMENT, format!("column {name}: its comment is left out"));
            }
        }
        for at in 0..self.table.indexes.len() {
            if carried::index_comment_too_long(&self.table.indexes[at]) {
                self.table.indexes[at].comment.clear();
                let name = key_ident(&self.table.indexes[at].name);
                self.change(rules::COMMENT, format!("index {name}: its comment is left out"));
            }
        }
    }

    /// Shapes as the bytes in which the source keeps them; what orders them by their place is left out.
    fn geometry(&mut self) {
        if !rules::changes(rules::SPATIAL, self.gates) {
            return;
        }
        self.drop_indexes(rules::SPATIAL, "SPATIAL index", |index| index.kind == "SPATIAL");
        for at in 0..self.table.columns.len() {
            let column = &mut self.table.columns[at];
            if carried::is_spatial(&column.data_type) && column.generated.is_none() {
                let kind = std::mem::replace(&mut column.data_type, "longblob".into());
                column.column_type = "longblob".into();
                column.octet_length = Some(u64::from(u32::MAX));
                (column.srid, column.default, column.default_is_expression) = (None, None, false);
                let name = key_ident(&column.name);
                self.change(
                    rules::SPATIAL,
                    format!("column {name}: {kind} becomes longblob, with the bytes of each shape"),
                );
            }
        }
    }
}
