//! The structure of schemas in one form whatever the server, from two accounts: information_schema, whose queries do not
//! grow in number with the tables, and SHOW CREATE TABLE of each. [`crate::think::reconcile`] makes one of both.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::BoxFuture;

use crate::formats::collation::{charset_of, normal_charset, normal_collation, normal_column_type};
use crate::formats::ddl::{create_reader, raw};
use crate::formats::dumpfile::members;
use crate::formats::facts::Flavor;
use crate::formats::structure::{
    Check, Column, Doubt, ForeignKey, Generated, Index, IndexPart, Inventory, Program, Schema, Table, TableEstimate,
    View,
};
use crate::seams::sql::Connection;
use crate::think::reconcile::{garbled_defaults, reconcile, settle_default};
use crate::words::addr::{TableName, sql_ident};
use crate::words::error::Outcome;

use super::more::{More, shares};
use super::{counters, defaults, each, literal, number, optional_text, server, text, texts, views};

const DOING: &str = "read the structure of the tables";

/// Tables of one connection of which [`Also`] is asked together. Servers keep more tables open than all connections read
/// meanwhile.
const ASKED_AT_ONCE: usize = 32;

/// Schemas that belong to a server. Nobody migrates them.
const SYSTEM: &str =
    "'mysql', 'sys', 'information_schema', 'performance_schema', 'metrics_schema', 'inspection_schema'";

/// What `select` says yes to, by schema and name, and the names of all tables and views there are, sorted.
///
/// `more`: for many tables. `schemas` limits where is looked; those of them that exist stand in the inventory even when nothing in them is
/// selected. Without it, every schema but the system's is looked at, and a schema stands in the inventory when
/// something in it is selected. Sequences stand among the routines, as `SEQUENCE`: only named, never moved.
///
/// # Errors
/// Where a query fails: no such privilege, a lost connection.
pub async fn inventory(
    conn: &mut dyn Connection,
    more: Option<More<'_>>,
    schemas: Option<&[String]>,
    select: &(dyn Fn(&str, &str) -> bool + Sync),
) -> Outcome<(Inventory, Vec<TableName>)> {
    inventory_and(conn, more, schemas, select, &Nothing).await
}

/// What else is asked of tables, over the connection that has just read how they were created: the server still has them open
/// then. Of thousands of tables it keeps some open, and to open one is most of what such a question costs it.
pub trait Also: Sync {
    /// # Errors
    /// Where a query fails.
    fn ask<'a>(&'a self, conn: &'a mut dyn Connection, tables: Vec<&'a Table>) -> BoxFuture<'a, Outcome<()>>;
}

struct Nothing;

impl Also for Nothing {
    fn ask<'a>(&'a self, _: &'a mut dyn Connection, _: Vec<&'a Table>) -> BoxFuture<'a, Outcome<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// The same, and asks `also` of each table once: when its structure is read, and is no riddle any more.
///
/// # Errors
/// As [`inventory`], and what `also` meets.
pub async fn inventory_and(
    conn: &mut dyn Connection,
    more: Option<More<'_>>,
    schemas: Option<&[String]>,
    select: &(dyn Fn(&str, &str) -> bool + Sync),
    also: &dyn Also,
) -> Outcome<(Inventory, Vec<TableName>)> {
    if schemas.is_some_and(<[String]>::is_empty) {
        return Ok(Default::default());
    }
    let (mut found, names) = read(conn, more, schemas, select, (also, is_settled)).await?;
    // The two accounts are read one after the other: a table that was altered in between is not a riddle.
    let doubted: BTreeSet<TableName> =
        found.tables.iter().filter(|table| !is_settled(table)).map(|table| table.name.clone()).collect();
    if !doubted.is_empty() {
        let select = |schema: &str, name: &str| doubted.contains(&TableName::new(schema, name));
        let (mut again, _) = read(conn, None, schemas, &select, (also, |_| true)).await?;
        for table in &mut found.tables {
            if let Some(at) = again.tables.iter().position(|other| other.name == table.name) {
                *table = again.tables.swap_remove(at);
            }
        }
    }
    Ok((found, names))
}

/// Whether both accounts say the same of a table.
fn is_settled(table: &Table) -> bool {
    !table.doubts.iter().any(|doubt| matches!(doubt, Doubt::Disagreement { .. }))
}

/// What is also asked, and of which tables.
type Asked<'a> = (&'a dyn Also, fn(&Table) -> bool);

async fn read(
    conn: &mut dyn Connection,
    more: Option<More<'_>>,
    schemas: Option<&[String]>,
    select: &(dyn Fn(&str, &str) -> bool + Sync),
    also: Asked<'_>,
) -> Outcome<(Inventory, Vec<TableName>)> {
    let mut reading = Reading::begin(conn, schemas, select).await?;
    reading.schemas(conn).await?;
    reading.tables(conn).await?;
    reading.narrow();
    if !(reading.tables.is_empty() && reading.views.is_empty()) {
        reading.columns(conn).await?;
        reading.indexes(conn).await?;
        reading.foreign_keys(conn).await?;
        reading.checks(conn).await?;
        views::read(conn, reading.flavor, &reading.within, &mut reading.views).await?;
        reading.programs(conn).await?;
    }
    reading.sort();
    reading.statements(conn, more, also).await?;
    Ok(reading.end())
}

/// An inventory in the making.
struct Reading<'a> {
    select: &'a (dyn Fn(&str, &str) -> bool + Sync),
    flavor: Flavor,
    /// Whether binary defaults come as `0x…` (MySQL since 8.0).
    hex_defaults: bool,
    /// Columns of tables of information_schema that not every server has, in upper case: `STATISTICS.EXPRESSION`.
    offers: BTreeSet<String>,
    /// The schemas that were asked for, exactly, where this server tells names apart by case; else `None`.
    exact: Option<BTreeSet<String>>,
    /// A condition on a column: `IN ('shop')`.
    within: String,
    wanted: bool,
    schemas: BTreeMap<String, Schema>,
    names: Vec<TableName>,
    tables: BTreeMap<TableName, Table>,
    views: BTreeMap<TableName, View>,
    triggers: Vec<Program>,
    routines: Vec<Program>,
    events: Vec<Program>,
}

impl<'a> Reading<'a> {
    async fn begin(
        conn: &mut dyn Connection,
        schemas: Option<&[String]>,
        select: &'a (dyn Fn(&str, &str) -> bool + Sync),
    ) -> Outcome<Reading<'a>> {
        let version = texts(conn, DOING, "SELECT VERSION(), @@lower_case_table_names").await?;
        let row = version.first().cloned().unwrap_or_default();
        let version = row.first().cloned().unwrap_or_default();
        let by_case = row.get(1).is_some_and(|value| value == "0");
        let flavor = server::flavor_of(&version);
        let mut offers = BTreeSet::new();
        let sql = "SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'information_schema' \
                   AND TABLE_NAME IN ('COLUMNS', 'STATISTICS', 'CHECK_CONSTRAINTS', 'TABLE_CONSTRAINTS', \
                   'TIDB_CHECK_CONSTRAINTS', 'SCHEMATA', 'LIBRARIES')";
        each(conn, DOING, sql, |row| {
            offers.insert(format!("{}.{}", text(row[0]), text(row[1])).to_uppercase());
        })
        .await?;
        let within = match schemas {
            Some(names) => format!("IN ({})", names.iter().map(|name| literal(name)).collect::<Vec<_>>().join(", ")),
            None => format!("NOT IN ({SYSTEM})"),
        };
        Ok(Reading {
            select,
            flavor,
            hex_defaults: flavor == Flavor::Mysql && !version.starts_with("5."),
            offers,
            exact: schemas.filter(|_| by_case).map(|names| names.iter().cloned().collect()),
            within,
            wanted: schemas.is_some(),
            schemas: BTreeMap::new(),
            names: Vec::new(),
            tables: BTreeMap::new(),
            views: BTreeMap::new(),
            triggers: Vec::new(),
            routines: Vec::new(),
            events: Vec::new(),
        })
    }

    /// The column where this server has it, else what stands in its place.
    fn offered(&self, table: &str, column: &str, otherwise: &str) -> String {
        if self.offers.contains(&format!("{table}.{column}")) { column.into() } else { otherwise.into() }
    }

    async fn schemas(&mut self, conn: &mut dyn Connection) -> Outcome<()> {
        let sql = format!(
            "SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME, {} \
             FROM information_schema.SCHEMATA WHERE LOWER(SCHEMA_NAME) {}",
            self.offered("SCHEMATA", "SCHEMA_COMMENT", "''"),
            self.within_lower()
        );
        let (all, exact) = (&mut self.schemas, &self.exact);
        each(conn, DOING, &sql, |row| {
            let name = text(row[0]);
            if exact.as_ref().is_none_or(|exact| exact.contains(&name)) {
                let schema = Schema {
                    name: name.clone(),
                    charset: normal_charset(&text(row[1])),
                    collation: normal_collation(&text(row[2])),
                    comment: text(row[3]),
                };
                all.insert(name, schema);
            }
        })
        .await?;
        // From here on the server's own spelling of the names is asked for.
        let names = self.schemas.keys().map(|name| literal(name)).collect::<Vec<_>>().join(", ");
        self.within = format!("IN ({})", if names.is_empty() { "''".into() } else { names });
        Ok(())
    }

    fn within_lower(&self) -> String {
        self.within.to_lowercase()
    }

    async fn tables(&mut self, conn: &mut dyn Connection) -> Outcome<()> {
        let sql = format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_COLLATION, TABLE_COMMENT, CREATE_OPTIONS, \
             TABLE_ROWS, DATA_LENGTH, INDEX_LENGTH FROM information_schema.TABLES WHERE TABLE_SCHEMA {}",
            self.within
        );
        let Reading { schemas, names, tables, views, routines, select, .. } = self;
        each(conn, DOING, &sql, |row| {
            let name = TableName::new(text(row[0]), text(row[1]));
            if !schemas.contains_key(&name.schema) {
                return;
            }
            let kind = text(row[2]);
            let chosen = select(&name.schema, &name.name);
            match kind.as_str() {
                "VIEW" => {
                    names.push(name.clone());
                    if chosen {
                        views.insert(name.clone(), View::named(name));
                    }
                }
                "SEQUENCE" if chosen => {
                    routines.push(Program { schema: name.schema, name: name.name, kind, table: None });
                }
                "BASE TABLE" | "SYSTEM VERSIONED" => {
                    names.push(name.clone());
                    if chosen {
                        tables.insert(name.clone(), table(name, row));
                    }
                }
                _ => {}
            }
        })
        .await?;
        names.sort();
        Ok(())
    }

    /// From here on only schemas are asked for in which something was selected: a server may have many others.
    fn narrow(&mut self) {
        let used: BTreeSet<&str> =
            self.tables.keys().chain(self.views.keys()).map(|name| name.schema.as_str()).collect();
        let names = used.into_iter().map(literal).collect::<Vec<_>>().join(", ");
        self.within = format!("IN ({})", if names.is_empty() { "''".into() } else { names });
    }

    async fn columns(&mut self, conn: &mut dyn Connection) -> Outcome<()> {
        let sql = format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_DEFAULT, IS_NULLABLE, DATA_TYPE, COLUMN_TYPE, \
             CHARACTER_OCTET_LENGTH, CHARACTER_SET_NAME, COLLATION_NAME, EXTRA, COLUMN_COMMENT, {}, {}, ORDINAL_POSITION \
             FROM information_schema.COLUMNS WHERE TABLE_SCHEMA {} ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION",
            self.offered("COLUMNS", "GENERATION_EXPRESSION", "''"),
            self.offered("COLUMNS", "SRS_ID", "NULL"),
            self.within
        );
        let Reading { tables, views, flavor, hex_defaults, .. } = self;
        let mut last = TableName::new("", "");
        each(conn, DOING, &sql, |row| {
            // The name is made again only when the table changes: there are many columns.
            if row[0] != Some(last.schema.as_bytes()) || row[1] != Some(last.name.as_bytes()) {
                last = TableName::new(text(row[0]), text(row[1]));
            }
            if let Some(table) = tables.get_mut(&last) {
                table.columns.push(column(*flavor, *hex_defaults, row));
            } else if let Some(view) = views.get_mut(&last) {
                view.columns.push(text(row[2]));
                view.shape.push(column(*flavor, *hex_defaults, row));
            }
        })
        .await
    }

    async fn indexes(&mut self, conn: &mut dyn Connection) -> Outcome<()> {
        let visible = match self.offered("STATISTICS", "IS_VISIBLE", "").as_str() {
            "" => self.offered("STATISTICS", "IGNORED", "'NO'").replace("IGNORED", "IF(IGNORED = 'YES', 'NO', 'YES')"),
            column => column.to_owned(),
        };
        let visible = if visible == "'NO'" { "'YES'".to_owned() } else { visible };
        let sql = format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME, {}, SUB_PART, COLLATION, INDEX_TYPE, \
             INDEX_COMMENT, {visible}, SEQ_IN_INDEX FROM information_schema.STATISTICS WHERE TABLE_SCHEMA {} \
             ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX",
            self.offered("STATISTICS", "EXPRESSION", "NULL"),
            self.within
        );
        let Reading { tables, flavor, .. } = self;
        each(conn, DOING, &sql, |row| {
            let Some(table) = tables.get_mut(&TableName::new(text(row[0]), text(row[1]))) else { return };
            let name = text(row[2]);
            let kind = text(row[8]);
            let part = IndexPart {
                column: optional_text(row[4]),
                expression: optional_text(row[5]).map(|raw| defaults::expression(*flavor, &raw)),
                // Of a SPATIAL index it is the size of the box around a shape.
                prefix: row[6].map(|_| number(row[6])).filter(|_| kind != "SPATIAL"),
                descending: row[7] == Some(b"D"),
            };
            match table.indexes.last_mut().filter(|index| index.name == name) {
                Some(index) => index.parts.push(part),
                None => table.indexes.push(Index {
                    name,
                    unique: row[3] == Some(b"0"),
                    kind,
                    visible: row[10] == Some(b"YES"),
                    parts: vec![part],
                    parser: String::new(),
                    comment: text(row[9]),
                    ..Default::default()
                }),
            }
        })
        .await
    }

    async fn foreign_keys(&mut self, conn: &mut dyn Connection) -> Outcome<()> {
        let sql = format!(
            "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, UPDATE_RULE, DELETE_RULE \
             FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA {}",
            self.within
        );
        let mut rules = BTreeMap::new();
        each(conn, DOING, &sql, |row| {
            rules.insert((text(row[0]), text(row[1]), text(row[2])), (text(row[3]), text(row[4])));
        })
        .await?;
        if rules.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, \
             REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME, ORDINAL_POSITION FROM information_schema.KEY_COLUMN_USAGE \
             WHERE TABLE_SCHEMA {} AND REFERENCED_TABLE_NAME IS NOT NULL \
             ORDER BY TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION",
            self.within
        );
        let tables = &mut self.tables;
        each(conn, DOING, &sql, |row| {
            let (schema, table_name, name) = (text(row[0]), text(row[1]), text(row[2]));
            let Some(table) = tables.get_mut(&TableName::new(schema.clone(), table_name.clone())) else { return };
            let (column, referenced) = (text(row[3]), text(row[6]));
            match table.foreign_keys.last_mut().filter(|key| key.name == name) {
                Some(key) => {
                    key.columns.push(column);
                    key.referenced_columns.push(referenced);
                }
                None => {
                    let (on_update, on_delete) =
                        rules.get(&(schema, table_name, name.clone())).cloned().unwrap_or_default();
                    table.foreign_keys.push(ForeignKey {
                        name,
                        columns: vec![column],
                        references: TableName::new(text(row[4]), text(row[5])),
                        referenced_columns: vec![referenced],
                        on_update,
                        on_delete,
                        not_enforced: false,
                    });
                }
            }
        })
        .await
    }

    async fn checks(&mut self, conn: &mut dyn Connection) -> Outcome<()> {
        let within = &self.within;
        let sql = if self.offers.contains("TIDB_CHECK_CONSTRAINTS.TABLE_NAME") {
            format!(
                "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE, 'YES' \
                 FROM information_schema.TIDB_CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA {within}"
            )
        } else if self.offers.contains("CHECK_CONSTRAINTS.TABLE_NAME") {
            format!(
                "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE, 'YES' \
                 FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA {within}"
            )
        } else if self.offers.contains("CHECK_CONSTRAINTS.CHECK_CLAUSE") {
            format!(
                "SELECT t.CONSTRAINT_SCHEMA, t.TABLE_NAME, t.CONSTRAINT_NAME, c.CHECK_CLAUSE, t.{} \
                 FROM information_schema.TABLE_CONSTRAINTS t JOIN information_schema.CHECK_CONSTRAINTS c \
                 ON c.CONSTRAINT_SCHEMA = t.CONSTRAINT_SCHEMA AND c.CONSTRAINT_NAME = t.CONSTRAINT_NAME \
                 WHERE t.CONSTRAINT_TYPE = 'CHECK' AND t.TABLE_SCHEMA {within}",
                self.offered("TABLE_CONSTRAINTS", "ENFORCED", "CONSTRAINT_TYPE")
            )
        } else {
            return Ok(());
        };
        let Reading { tables, flavor, .. } = self;
        each(conn, DOING, &sql, |row| {
            if let Some(table) = tables.get_mut(&TableName::new(text(row[0]), text(row[1]))) {
                table.checks.push(Check {
                    name: text(row[2]),
                    clause: defaults::expression(*flavor, &text(row[3])),
                    enforced: row[4] != Some(b"NO"),
                });
            }
        })
        .await
    }

    async fn programs(&mut self, conn: &mut dyn Connection) -> Outcome<()> {
        let within = &self.within;
        let of_schemas: BTreeSet<String> =
            self.tables.keys().chain(self.views.keys()).map(|name| name.schema.clone()).collect();
        let (tables, triggers) = (&self.tables, &mut self.triggers);
        let sql = format!(
            "SELECT TRIGGER_SCHEMA, TRIGGER_NAME, EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE \
             FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA {within}"
        );
        each(conn, DOING, &sql, |row| {
            let table = TableName::new(text(row[2]), text(row[3]));
            if tables.contains_key(&table) {
                triggers.push(Program {
                    schema: text(row[0]),
                    name: text(row[1]),
                    kind: "TRIGGER".into(),
                    table: Some(table.name),
                });
            }
        })
        .await?;
        let program = |row: &[Option<&[u8]>]| {
            let schema = text(row[0]);
            of_schemas.contains(&schema).then(|| Program {
                schema,
                name: text(row[1]),
                kind: text(row[2]),
                table: None,
            })
        };
        let sql = format!(
            "SELECT ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_TYPE FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA {within}"
        );
        let routines = &mut self.routines;
        each(conn, DOING, &sql, |row| routines.extend(program(row))).await?;
        if self.offers.contains("LIBRARIES.LIBRARY_NAME") {
            // Code that routines share (MySQL since 9.2, "CREATE LIBRARY Statement").
            let sql = format!(
                "SELECT LIBRARY_SCHEMA, LIBRARY_NAME, 'LIBRARY' FROM information_schema.LIBRARIES \
                 WHERE LIBRARY_SCHEMA {within}"
            );
            each(conn, DOING, &sql, |row| routines.extend(program(row))).await?;
        }
        let sql = format!(
            "SELECT EVENT_SCHEMA, EVENT_NAME, 'EVENT' FROM information_schema.EVENTS WHERE EVENT_SCHEMA {within}"
        );
        let events = &mut self.events;
        each(conn, DOING, &sql, |row| events.extend(program(row))).await
    }

    /// The second account of each table: SHOW CREATE TABLE, over several connections where there are many tables: over a
    /// long line each costs a round trip.
    async fn statements(&mut self, conn: &mut dyn Connection, more: Option<More<'_>>, also: Asked<'_>) -> Outcome<()> {
        let tables: Vec<(TableName, Table)> = std::mem::take(&mut self.tables).into_iter().collect();
        let mut others = match more {
            Some(more) => more.connections(tables.len()).await,
            None => Vec::new(),
        };
        let shares = shares(tables, others.len() + 1);
        let lines = std::iter::once(conn).chain(others.iter_mut().map(|line| &mut **line as &mut dyn Connection));
        let this = &*self;
        let work = lines.zip(shares).map(|(line, share)| this.both_accounts(line, share, also));
        let read = futures::future::try_join_all(work).await?;
        self.tables = read.into_iter().flatten().collect();
        Ok(())
    }

    async fn both_accounts(
        &self,
        conn: &mut dyn Connection,
        tables: Vec<(TableName, Table)>,
        (also, of): Asked<'_>,
    ) -> Outcome<Vec<(TableName, Table)>> {
        let narrow = self.flavor == Flavor::Mariadb || (self.flavor == Flavor::Mysql && !self.hex_defaults);
        let mut read: Vec<(TableName, Table)> = Vec::with_capacity(tables.len());
        let mut asked = 0;
        for (name, listed) in tables {
            let sql = format!("SHOW CREATE TABLE {}", name.sql());
            let rows = conn.query(&sql).await.map_err(|fault| fault.told(format!("read how {name} was created")))?;
            let statement = rows.rows.first().and_then(|row| row.get(1)).and_then(Option::as_deref).unwrap_or_default();
            let shown = create_reader::read_table(&name, &raw::text(statement), self.flavor);
            let mut both = reconcile(self.flavor, narrow, listed, shown);
            for column in garbled_defaults(&both) {
                if let Some(default) = computed_default(conn, &name, &column).await? {
                    settle_default(&mut both, &column, default);
                }
            }
            if self.flavor == Flavor::Tidb {
                both.next_id = counters::left_out(conn, &both).await?;
            }
            read.push((name, both));
            if read.len() - asked == ASKED_AT_ONCE {
                also.ask(conn, read[asked..].iter().map(|(_, table)| table).filter(|table| of(table)).collect())
                    .await?;
                asked = read.len();
            }
        }
        also.ask(conn, read[asked..].iter().map(|(_, table)| table).filter(|table| of(table)).collect()).await?;
        Ok(read)
    }

    fn sort(&mut self) {
        for table in self.tables.values_mut() {
            table.indexes.sort_by(|a, b| (a.name != "PRIMARY", &a.name).cmp(&(b.name != "PRIMARY", &b.name)));
            table.foreign_keys.sort_by(|a, b| a.name.cmp(&b.name));
            table.checks.sort_by(|a, b| a.name.cmp(&b.name));
        }
    }

    fn end(mut self) -> (Inventory, Vec<TableName>) {
        for table in self.tables.values_mut() {
            table.generated_invisible_key = has_generated_key(table);
        }
        let used: BTreeSet<&str> =
            self.tables.keys().chain(self.views.keys()).map(|name| name.schema.as_str()).collect();
        let schemas = self.schemas.values().filter(|schema| self.wanted || used.contains(schema.name.as_str()));
        let schemas = schemas.cloned().collect();
        for programs in [&mut self.triggers, &mut self.routines, &mut self.events] {
            programs.sort_by(|a, b| (&a.schema, &a.name, &a.kind).cmp(&(&b.schema, &b.name, &b.kind)));
        }
        let inventory = Inventory {
            schemas,
            tables: self.tables.into_values().collect(),
            views: self.views.into_values().collect(),
            triggers: self.triggers,
            routines: self.routines,
            events: self.events,
        };
        (inventory, self.names)
    }
}

fn table(name: TableName, row: &[Option<&[u8]>]) -> Table {
    let collation = normal_collation(&text(row[4]));
    Table {
        name,
        engine: text(row[3]),
        charset: charset_of(&collation).to_owned(),
        collation,
        comment: text(row[5]),
        options: kept_options(&text(row[6])),
        system_versioned: row[2] == Some(b"SYSTEM VERSIONED"),
        columns: Vec::new(),
        indexes: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        partitioning: String::new(),
        generated_invisible_key: false,
        estimate: TableEstimate { rows: number(row[7]), data_bytes: number(row[8]), index_bytes: number(row[9]) },
        ..Default::default()
    }
}

/// A default as the server computes it: over a row that is not there, which gives NULL where the column takes none, else
/// over one that is. `None`: the table has no row.
async fn computed_default(conn: &mut dyn Connection, table: &TableName, column: &str) -> Outcome<Option<String>> {
    let (table, column) = (table.sql(), sql_ident(column));
    for sql in [
        format!(
            "SELECT HEX(CONVERT(DEFAULT(t.{column}) USING utf8mb4)) FROM (SELECT 1 AS one) o LEFT JOIN {table} t ON FALSE"
        ),
        format!("SELECT HEX(CONVERT(DEFAULT(t.{column}) USING utf8mb4)) FROM {table} t LIMIT 1"),
    ] {
        let rows = conn
            .query(&sql)
            .await
            .map_err(|fault| fault.told(format!("ask for the default of {column} of {table}")))?;
        let digits = rows.rows.first().and_then(|row| row.first()).and_then(Option::as_deref);
        if let Some(bytes) = digits.and_then(|digits| hex::decode(digits).ok()) {
            return Ok(String::from_utf8(bytes).ok());
        }
    }
    Ok(None)
}

fn column(flavor: Flavor, hex_defaults: bool, row: &[Option<&[u8]>]) -> Column {
    let extra = text(row[10]);
    let words = extra.to_ascii_lowercase();
    let data_type = normal_column_type(&text(row[5]).to_ascii_lowercase());
    let generated =
        ["virtual generated", "stored generated", "persistent"].iter().position(|kind| words.contains(kind));
    let default = match generated {
        // A generated column has none; some servers print NULL as a text there.
        Some(_) => defaults::Default { text: None, is_expression: false },
        None => defaults::default_of(flavor, &data_type, row[3], &words, hex_defaults),
    };
    Column {
        name: text(row[2]),
        column_type: match flavor {
            Flavor::Tidb => members::with_escapes(&normal_column_type(&text(row[6]))),
            _ => normal_column_type(&text(row[6])),
        },
        data_type,
        nullable: row[4] == Some(b"YES"),
        default: default.text,
        default_is_expression: default.is_expression,
        on_update: defaults::on_update(&extra),
        auto_increment: words.contains("auto_increment"),
        generated: generated
            .map(|kind| Generated { expression: defaults::expression(flavor, &text(row[12])), stored: kind > 0 }),
        invisible: words.contains("invisible"),
        charset: optional_text(row[8]).map(|name| normal_charset(&name)),
        collation: optional_text(row[9]).map(|name| normal_collation(&name)),
        octet_length: row[7].map(|_| number(row[7])),
        srid: optional_text(row[13]).and_then(|srid| srid.parse().ok()),
        comment: text(row[11]),
        ..Default::default()
    }
}

/// MySQL's generated invisible primary key has this name and no other form.
fn has_generated_key(table: &Table) -> bool {
    table.column("my_row_id").is_some_and(|column| column.invisible && column.auto_increment)
        && table.indexes.iter().any(|index| {
            index.name == "PRIMARY" && index.parts.len() == 1 && index.parts[0].column.as_deref() == Some("my_row_id")
        })
}

/// Words of CREATE_OPTIONS that say how a table is kept, without hints for the optimizer and its statistics.
fn kept_options(options: &str) -> String {
    const SILENT: [&str; 9] = [
        "partitioned",
        "max_rows",
        "min_rows",
        "avg_row_length",
        "stats_persistent",
        "stats_auto_recalc",
        "stats_sample_pages",
        "pack_keys",
        "delay_key_write",
    ];
    let name = |word: &str| word.split('=').next().unwrap_or_default().trim_matches('`').to_ascii_lowercase();
    let kept = options.split_whitespace().filter(|word| !SILENT.contains(&name(word).as_str()));
    kept.filter(|word| !word.eq_ignore_ascii_case("row_format=dynamic")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn how_a_table_is_kept_is_read() {
        for (options, kept) in [
            ("row_format=DYNAMIC partitioned stats_persistent=1 max_rows=9", ""),
            ("row_format=COMPRESSED KEY_BLOCK_SIZE=8", "row_format=COMPRESSED KEY_BLOCK_SIZE=8"),
            ("ENCRYPTION='Y' `PAGE_COMPRESSED`=1", "ENCRYPTION='Y' `PAGE_COMPRESSED`=1"),
        ] {
            assert_eq!(kept_options(options), kept);
        }
    }
}
