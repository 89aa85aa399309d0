//! The structure of databases, tables and views as information_schema tells it, in mig's own plain types.
//! Read by a host, compared by the report, rendered as DDL by [`super::ddl`]. Holds no row and no key of a row.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::words::addr::TableName;

/// What a server holds of the schemas looked at. Every list is sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Inventory {
    pub schemas: Vec<Schema>,
    pub tables: Vec<Table>,
    pub views: Vec<View>,
    pub triggers: Vec<Program>,
    pub routines: Vec<Program>,
    pub events: Vec<Program>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Schema {
    pub name: String,
    pub charset: String,
    pub collation: String,
    /// MariaDB's, since 10.5.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
}

/// A trigger, routine or event: only named, never moved. `table` is a trigger's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Program {
    pub schema: String,
    pub name: String,
    /// `TRIGGER`, `PROCEDURE`, `FUNCTION`, `LIBRARY` or `EVENT`.
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Table {
    pub name: TableName,
    pub engine: String,
    pub charset: String,
    pub collation: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// What else was said of how the server keeps it: `row_format=COMPRESSED`. Never created, never part of a fingerprint.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub options: String,
    /// When the server deletes rows by itself (TiDB's TTL), as the server writes it; empty: never. Also among `options`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ttl: String,
    /// The number that AUTO_INCREMENT gives next, where the server says one; never part of a fingerprint or of a plan's
    /// body: it moves with every row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_id: Option<u64>,
    /// Clauses of its CREATE statement that are not understood, and attributes of which the server tells two things.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<Doubt>,
    /// Periods of time (MariaDB): `SYSTEM_TIME (row_from, row_to)`. The columns of SYSTEM_TIME stand here only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub periods: Vec<String>,
    /// Former rows are kept beside those of now (MariaDB's WITH SYSTEM VERSIONING).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub system_versioned: bool,
    /// In ordinal order.
    pub columns: Vec<Column>,
    /// Primary first, then by name. FULLTEXT and SPATIAL ones too.
    pub indexes: Vec<Index>,
    pub foreign_keys: Vec<ForeignKey>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// The `PARTITION BY …` clause as SHOW CREATE TABLE has it, without its version comment; empty: none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub partitioning: String,
    /// Whether a generated invisible primary key stands in it (MySQL's `my_row_id`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub generated_invisible_key: bool,
    /// Estimates of the server: never part of a fingerprint or of a plan's body.
    #[serde(default)]
    pub estimate: TableEstimate,
}

/// What keeps a table's structure from being known for certain. A plan stops at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Doubt {
    /// A clause of SHOW CREATE TABLE that mig does not know, with the text at which reading ended.
    NotUnderstood { text: String },
    /// information_schema and SHOW CREATE TABLE differ in `what`.
    Disagreement { what: String, listed: String, shown: String },
    /// The server shows characters that may stand for others (`?`), and nothing tells which.
    Garbled { what: String },
}

/// The server's own guess; MySQL's TABLE_ROWS may be off by half.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TableEstimate {
    pub rows: u64,
    pub data_bytes: u64,
    pub index_bytes: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Column {
    pub name: String,
    /// DATA_TYPE in lower case: `varchar`, `bigint`.
    pub data_type: String,
    /// COLUMN_TYPE as the server has it: `varchar(40)`, `bigint unsigned`, `enum('a','b')`.
    pub column_type: String,
    pub nullable: bool,
    /// COLUMN_DEFAULT; `None`: no default, or NULL. For `default_is_expression` the text of the expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub default_is_expression: bool,
    /// `ON UPDATE` expression, for example `CURRENT_TIMESTAMP(6)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_update: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub auto_increment: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated: Option<Generated>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub invisible: bool,
    /// Of character columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charset: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collation: Option<String>,
    /// CHARACTER_OCTET_LENGTH, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub octet_length: Option<u64>,
    /// The spatial reference system that all its values must be of (MySQL's `SRID`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub srid: Option<u32>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// What else is said of how the server keeps it (`COMPRESSED`, `COLUMN_FORMAT DYNAMIC`). Never created, never part of
    /// a fingerprint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Generated {
    pub expression: String,
    pub stored: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Index {
    /// `PRIMARY` for the primary key.
    pub name: String,
    pub unique: bool,
    /// `BTREE`, `FULLTEXT`, `SPATIAL`, `HASH`.
    pub kind: String,
    pub visible: bool,
    pub parts: Vec<IndexPart>,
    /// What cuts the text of a FULLTEXT index into words (`ngram`); empty: the server's own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub parser: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// What else is said of how the server keeps it (`KEY_BLOCK_SIZE=4`). Never created, never part of a fingerprint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// The period whose overlaps it refuses (MariaDB's `WITHOUT OVERLAPS`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_overlaps: Option<String>,
}

/// One column or expression of an index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IndexPart {
    /// `None`: `expression` has the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// Prefix length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub descending: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ForeignKey {
    pub name: String,
    pub columns: Vec<String>,
    pub references: TableName,
    pub referenced_columns: Vec<String>,
    pub on_update: String,
    pub on_delete: String,
    /// The server keeps it and never checks it: TiDB, where `tidb_enable_foreign_key` was OFF when it was created.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_enforced: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    pub name: String,
    pub clause: String,
    pub enforced: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct View {
    pub name: TableName,
    /// The SELECT as SHOW CREATE VIEW has it, every name qualified.
    pub select: String,
    /// Names of its columns, in order.
    pub columns: Vec<String>,
    pub check_option: String,
    pub security_type: String,
    pub definer: String,
    /// `character_set_client` and `collation_connection` of the session that made it: words in its text compare by these.
    pub charset: String,
    pub collation: String,
    /// `UNDEFINED`, `MERGE`, `TEMPTABLE`; empty: not told.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub algorithm: String,
    /// It selects columns that do not follow from its groups: a server reads it only without ONLY_FULL_GROUP_BY.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub loose_groups: bool,
    /// Its columns with their types, where the server told them. No part of a fingerprint or of a step's inputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shape: Vec<Column>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<ViewFault>,
}

/// Why a view is not to be had from its own server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ViewFault {
    /// The server cannot read it; its own answer.
    Broken(String),
    /// To read it changes a sequence, which a session that only reads may not.
    Changes,
    /// Its text is not understood, or the two sources of it disagree; what and where.
    NotUnderstood(String),
}

impl View {
    /// A view of which nothing but its name is known.
    pub fn named(name: TableName) -> Self {
        Self {
            name,
            select: String::new(),
            columns: Vec::new(),
            check_option: String::new(),
            security_type: String::new(),
            definer: String::new(),
            charset: String::new(),
            collation: String::new(),
            algorithm: String::new(),
            loose_groups: false,
            shape: Vec::new(),
            fault: None,
        }
    }
}

impl Table {
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// Columns whose values are moved: all but generated ones, in order.
    pub fn data_columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|c| c.generated.is_none())
    }

    /// The key by which rows are told apart and chunks are cut: the primary key, else the unique index over NOT NULL
    /// columns with the fewest columns (then by name). No prefix and no expression stands in it.
    pub fn usable_key(&self) -> Option<&Index> {
        self.usable_keys().into_iter().next()
    }

    /// All such keys, the best first.
    pub fn usable_keys(&self) -> Vec<&Index> {
        let whole = |index: &&Index| {
            index.unique
                && index.kind == "BTREE"
                && index.parts.iter().all(|part| {
                    part.prefix.is_none()
                        && part.column.as_deref().and_then(|name| self.column(name)).is_some_and(|c| !c.nullable)
                })
        };
        let mut keys: Vec<&Index> = self.indexes.iter().filter(whole).collect();
        keys.sort_by_key(|index| (index.name != "PRIMARY", index.parts.len(), index.name.clone()));
        keys
    }
}

impl Inventory {
    pub fn table(&self, name: &TableName) -> Option<&Table> {
        self.tables.iter().find(|t| &t.name == name)
    }

    /// Whether a table or a view has the name.
    pub fn has(&self, name: &TableName) -> bool {
        self.table(name).is_some() || self.views.iter().any(|view| &view.name == name)
    }
}
