//! DDL out of structure: what is created on a target, and the text of the plan's diff. Rendered from information_schema
//! alone, since SHOW CREATE TABLE leaves out a charset's default collation, and the target's default is another one.
//! Renders what it is given: what a target cannot take was changed before, by [`crate::think::rewrite`]. Never renders
//! row formats and definers; an AUTO_INCREMENT counter only where the table has one; the engine only for a target that has several.

pub mod canonical;
pub mod create_reader;
pub mod expression;
#[cfg(any(test, feature = "fixtures"))]
pub mod fixture;
mod literals;
pub mod partitioning;
pub mod raw;
mod scan;
pub mod view;

use self::expression::{expression_text, with_own_introducers, without_outer_parentheses};
pub use self::literals::{as_tidb_shows, clock_function, lob, sql_string};
use super::facts::Flavor;
use super::structure::{Check, Column, ForeignKey, Index, IndexPart, Schema, Table, TableEstimate, View};
use crate::words::addr::{TableName, sql_ident};
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

/// Raises a counter that stands below another server's.
pub fn raise_counter(table: &TableName, next_id: u64) -> String {
    format!("ALTER TABLE {} AUTO_INCREMENT = {next_id}", table.sql())
}

/// One `ALTER TABLE … ADD CONSTRAINT` for each foreign key.
pub fn foreign_keys(table: &Table) -> Vec<String> {
    table
        .foreign_keys
        .iter()
        .map(|key| format!("ALTER TABLE {} ADD {}", table.name.sql(), foreign_key_text(key)))
        .collect()
}

/// `ALTER TABLE … DROP FOREIGN KEY`.
pub fn drop_foreign_key(table: &TableName, key: &str) -> String {
    format!("ALTER TABLE {} DROP FOREIGN KEY {}", table.sql(), sql_ident(key))
}

/// `CREATE VIEW`, owned by anyone who creates it: the clauses in front of the SELECT and behind it as they were read, the
/// definer left out, the name with its schema, every column by its name; the SELECT as the source prints it.
///
/// There is no clause for the collation by which words in the text compare: it is that of the session that creates the
/// view, see [`crate::think::rewrite::views`].
pub fn create_view(view: &View) -> String {
    let algorithm = match view.algorithm.to_uppercase().as_str() {
        named @ ("MERGE" | "TEMPTABLE" | "UNDEFINED") => format!("ALGORITHM={named} "),
        _ => String::new(),
    };
    let security = match view.security_type.to_uppercase().as_str() {
        "INVOKER" => "INVOKER",
        _ => "DEFINER",
    };
    let mut sql = format!("CREATE {algorithm}SQL SECURITY {security} VIEW {}", view.name.sql());
    if !view.columns.is_empty() {
        let columns: Vec<String> = view.columns.iter().map(|c| sql_ident(c)).collect();
        sql.push_str(&format!(" ({})", columns.join(", ")));
    }
    sql.push_str(" AS ");
    sql.push_str(&view.select);
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
    let mut meant = without_the_moment(table);
    meant.engine.clear();
    meant.options.clear();
    meant.doubts.clear();
    meant.columns.iter_mut().for_each(|column| column.options.clear());
    meant.indexes.iter_mut().for_each(|index| index.options.clear());
    Digest::of(&meant)
}

/// The table without what is true of one moment only: estimates and the AUTO_INCREMENT counter.
pub fn without_the_moment(table: &Table) -> Table {
    Table { estimate: TableEstimate::default(), next_id: None, ..table.clone() }
}

/// The same of a view; its definer is not part of it, nor is the connection that created it, which is compared where the
/// server keeps it.
pub fn view_fingerprint(view: &View) -> Digest {
    let (definer, charset, collation) = Default::default();
    Digest::of(&View { definer, charset, collation, shape: Vec::new(), ..view.clone() })
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
        // The first unique key over columns that take no NULL is taken for the primary key, which no server lets be invisible.
        let (seen, unseen): (Vec<&Index>, Vec<&Index>) =
            table.indexes.iter().partition(|index| index.visible || !index.unique);
        lines.extend(seen.into_iter().chain(unseen).map(|index| index_text(index, options.dialect)));
        let apart = checks.iter().filter(|c| options.dialect != Dialect::Mariadb || table.column(&c.name).is_none());
        lines.extend(apart.map(|check| format!("CONSTRAINT {} {}", sql_ident(&check.name), check_text(check))));
        let mut tail = format!("DEFAULT CHARACTER SET={} COLLATE={}", table.charset, table.collation);
        if options.dialect != Dialect::Tidb && !table.engine.is_empty() {
            tail = format!("ENGINE={} {tail}", table.engine);
        }
        if let Some(next) = table.next_id {
            tail.push_str(&format!(" AUTO_INCREMENT={next}"));
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
        let expression = sql_of(&generated.expression);
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

/// An expression as every server reads it.
fn sql_of(expression: &str) -> String {
    with_own_introducers(&expression_text(expression))
}

fn check_text(check: &Check) -> String {
    let clause = sql_of(&check.clause);
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
            let text = sql_of(expression.as_deref().unwrap_or_default());
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
