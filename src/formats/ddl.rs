//! DDL out of structure: what is created on a target, and the text of the plan's diff. Rendered from information_schema
//! alone, since SHOW CREATE TABLE leaves out a charset's default collation, and the target's default is another one.
//! Renders what it is given: what a target cannot take was changed before, by [`crate::think::rewrite`]. Never renders
//! row formats, AUTO_INCREMENT counters and definers; the engine only for a target that has several.

pub mod canonical;
pub mod create_reader;
pub mod expression;
#[cfg(test)]
pub mod fixture;
mod literals;
pub mod partitioning;
mod scan;

use self::expression::{expression_text, without_outer_parentheses};
pub use self::literals::{clock_function, lob, sql_string};
use super::facts::Flavor;
use super::structure::{Check, Column, ForeignKey, Index, IndexPart, Schema, Table, TableEstimate, View};
use crate::words::addr::sql_ident;
use crate::words::digest::Digest;

/// What a table's DDL leaves to the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DdlOptions {
    /// Render CHECK constraints: only where the target enforces them.
    pub checks: bool,
    /// Whose SQL is written.
    pub dialect: Dialect,
}

/// Where the servers' SQL for one structure differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    #[default]
    Tidb,
    /// Names the engine.
    Mysql,
    /// Names the engine; an index that the optimizer leaves aside is IGNORED, and a CHECK constraint that is called like
    /// a column stands at it: so MariaDB tells a JSON column from a text.
    Mariadb,
}

impl From<Flavor> for Dialect {
    fn from(flavor: Flavor) -> Self {
        match flavor {
            Flavor::Tidb => Self::Tidb,
            Flavor::Mysql => Self::Mysql,
            Flavor::Mariadb => Self::Mariadb,
        }
    }
}

/// `CREATE TABLE` in one line, without foreign keys ([`foreign_keys`] come after the load).
pub fn create_table(table: &Table, options: DdlOptions) -> String {
    let parts = Parts::of(table, options);
    let mut sql = format!("{} ({}) {}", parts.head, parts.lines.join(", "), parts.tail);
    if !parts.partitioning.is_empty() {
        sql.push(' ');
        sql.push_str(&parts.partitioning);
    }
    sql
}

/// The same statement, one column or key a line: for diffs and for reading.
pub fn create_table_pretty(table: &Table, options: DdlOptions) -> String {
    Parts::of(table, options).pretty()
}

/// The same with its foreign keys: for the schema file of a dump, which other tools load with their checks off.
pub fn create_table_whole(table: &Table, options: DdlOptions) -> String {
    let mut parts = Parts::of(table, options);
    parts.lines.extend(table.foreign_keys.iter().map(foreign_key_text));
    parts.pretty()
}

/// One `ALTER TABLE … ADD CONSTRAINT` for each foreign key.
pub fn foreign_keys(table: &Table) -> Vec<String> {
    table
        .foreign_keys
        .iter()
        .map(|key| format!("ALTER TABLE {} ADD {}", table.name.sql(), foreign_key_text(key)))
        .collect()
}

/// `CREATE VIEW`, owned by whoever creates it: the definer is dropped, SQL SECURITY is kept.
///
/// There is no clause for the character set: literals in the text carry their introducers, and the session that
/// creates it speaks utf8mb4.
pub fn create_view(view: &View) -> String {
    let security = match view.security_type.to_uppercase().as_str() {
        "INVOKER" => "INVOKER",
        _ => "DEFINER",
    };
    let mut sql = format!("CREATE SQL SECURITY {security} VIEW {}", view.name.sql());
    if !view.columns.is_empty() {
        let columns: Vec<String> = view.columns.iter().map(|c| sql_ident(c)).collect();
        sql.push_str(&format!(" ({})", columns.join(", ")));
    }
    sql.push_str(" AS ");
    sql.push_str(expression_text(view.select.trim()).trim_end_matches(';'));
    match view.check_option.to_uppercase().as_str() {
        "CASCADED" => sql.push_str(" WITH CASCADED CHECK OPTION"),
        "LOCAL" => sql.push_str(" WITH LOCAL CHECK OPTION"),
        _ => {}
    }
    sql
}

/// `CREATE DATABASE`; never IF NOT EXISTS: an existing one would be taken for one's own.
pub fn create_database(schema: &Schema) -> String {
    format!("CREATE DATABASE {} CHARACTER SET {} COLLATE {}", sql_ident(&schema.name), schema.charset, schema.collation)
}

/// What a table means, as a digest: everything that is moved or created; no counter, no estimate, no engine, no option.
pub fn fingerprint(table: &Table) -> Digest {
    let meant =
        Table { estimate: TableEstimate::default(), engine: String::new(), options: String::new(), ..table.clone() };
    Digest::of(&meant)
}

/// The same of a view; its definer is not part of it.
pub fn view_fingerprint(view: &View) -> Digest {
    Digest::of(&View { definer: String::new(), ..view.clone() })
}

struct Parts {
    head: String,
    lines: Vec<String>,
    tail: String,
    partitioning: String,
}

impl Parts {
    fn of(table: &Table, options: DdlOptions) -> Self {
        let checks: &[Check] = if options.checks { &table.checks } else { &[] };
        let at_column = |name: &str| checks.iter().find(|c| options.dialect == Dialect::Mariadb && c.name == name);
        let columns = table.columns.iter().map(|column| match at_column(&column.name) {
            Some(check) => format!("{} {}", column_text(column), check_text(check)),
            None => column_text(column),
        });
        let mut lines: Vec<String> = columns.collect();
        lines.extend(table.indexes.iter().map(|index| index_text(index, options.dialect)));
        let apart = checks.iter().filter(|c| options.dialect != Dialect::Mariadb || table.column(&c.name).is_none());
        lines.extend(apart.map(|check| format!("CONSTRAINT {} {}", sql_ident(&check.name), check_text(check))));
        let mut tail = format!("DEFAULT CHARACTER SET={} COLLATE={}", table.charset, table.collation);
        if options.dialect != Dialect::Tidb && !table.engine.is_empty() {
            tail = format!("ENGINE={} {tail}", table.engine);
        }
        if !table.comment.is_empty() {
            tail.push_str(&format!(" COMMENT={}", sql_string(&table.comment)));
        }
        let partitioning = match table.partitioning.as_str() {
            "" => String::new(),
            clause => partitioning::rendered(clause, true, true),
        };
        Self { head: format!("CREATE TABLE {}", table.name.sql()), lines, tail, partitioning }
    }

    fn pretty(&self) -> String {
        let mut sql = format!("{} (\n  {}\n) {}", self.head, self.lines.join(",\n  "), self.tail);
        if !self.partitioning.is_empty() {
            sql.push('\n');
            sql.push_str(&self.partitioning);
        }
        sql
    }
}

fn column_text(column: &Column) -> String {
    let mut sql = format!("{} {}", sql_ident(&column.name), column.column_type);
    let mut push = |text: &str| {
        sql.push(' ');
        sql.push_str(text);
    };
    if let (Some(charset), Some(collation)) = (&column.charset, &column.collation) {
        push(&format!("CHARACTER SET {charset} COLLATE {collation}"));
    }
    if let Some(generated) = &column.generated {
        let expression = expression_text(&generated.expression);
        let kind = if generated.stored { "STORED" } else { "VIRTUAL" };
        push(&format!("GENERATED ALWAYS AS ({}) {kind}", without_outer_parentheses(&expression)));
    }
    if let Some(srid) = column.srid {
        push(&format!("SRID {srid}"));
    }
    if !column.nullable {
        push("NOT NULL");
    } else if column.data_type == "timestamp" {
        // Without the word a server with explicit_defaults_for_timestamp off makes it NOT NULL.
        push("NULL");
    }
    if let Some(default) = literals::default_text(column) {
        push(&format!("DEFAULT {default}"));
    }
    if let Some(on_update) = &column.on_update {
        let clock = clock_function(&column.data_type, on_update).unwrap_or_else(|| on_update.clone());
        push(&format!("ON UPDATE {clock}"));
    }
    if column.auto_increment {
        push("AUTO_INCREMENT");
    }
    if column.invisible {
        push("INVISIBLE");
    }
    if !column.comment.is_empty() {
        push(&format!("COMMENT {}", sql_string(&column.comment)));
    }
    sql
}

fn check_text(check: &Check) -> String {
    let clause = expression_text(&check.clause);
    let enforced = if check.enforced { "" } else { " NOT ENFORCED" };
    format!("CHECK ({}){enforced}", without_outer_parentheses(&clause))
}

fn index_text(index: &Index, dialect: Dialect) -> String {
    let parts: Vec<String> = index.parts.iter().map(part_text).collect();
    let name = sql_ident(&index.name);
    let head = match (index.name.as_str(), index.kind.as_str()) {
        ("PRIMARY", _) => "PRIMARY KEY".to_owned(),
        (_, "FULLTEXT") => format!("FULLTEXT KEY {name}"),
        (_, "SPATIAL") => format!("SPATIAL KEY {name}"),
        _ if index.unique => format!("UNIQUE KEY {name}"),
        _ => format!("KEY {name}"),
    };
    let mut sql = format!("{head} ({})", parts.join(", "));
    if !index.parser.is_empty() {
        sql.push_str(&format!(" WITH PARSER {}", sql_ident(&index.parser)));
    }
    if !index.visible {
        sql.push_str(if dialect == Dialect::Mariadb { " IGNORED" } else { " INVISIBLE" });
    }
    if !index.comment.is_empty() {
        sql.push_str(&format!(" COMMENT {}", sql_string(&index.comment)));
    }
    sql
}

fn part_text(part: &IndexPart) -> String {
    let mut sql = match (&part.column, &part.expression) {
        (Some(column), _) => sql_ident(column),
        (None, expression) => {
            let text = expression_text(expression.as_deref().unwrap_or_default());
            format!("({})", without_outer_parentheses(&text))
        }
    };
    if let Some(prefix) = part.prefix {
        sql.push_str(&format!("({prefix})"));
    }
    if part.descending {
        sql.push_str(" DESC");
    }
    sql
}

fn foreign_key_text(key: &ForeignKey) -> String {
    let list = |names: &[String]| names.iter().map(|n| sql_ident(n)).collect::<Vec<_>>().join(", ");
    let mut sql = format!(
        "CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({})",
        sql_ident(&key.name),
        list(&key.columns),
        key.references.sql(),
        list(&key.referenced_columns)
    );
    for (word, rule) in [("DELETE", &key.on_delete), ("UPDATE", &key.on_update)] {
        if !rule.is_empty() && !rule.eq_ignore_ascii_case("NO ACTION") {
            sql.push_str(&format!(" ON {word} {}", rule.to_uppercase()));
        }
    }
    sql
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
