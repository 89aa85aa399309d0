//! What was observed of the world, as plain values: servers, inventories, ledger, disk. `plan` is a pure function of
//! the spec, the state and this; a recording of it makes the golden plans. Holds no secret and no row.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cloud_facts::CloudFacts;
use super::row_facts::RowFacts;
use super::steps::ImportInputs;
use super::structure::Inventory;
use crate::words::addr::{StepAddr, TableName, key_ident};
use crate::words::diag::Diagnostic;
use crate::words::digest::Digest;
use crate::words::error::Failure;

/// Everything a plan needs to know of the world, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct World {
    /// By address: `source.mysql.shop`, `target.tidb.cloud`.
    pub servers: BTreeMap<String, ServerFacts>,
    /// By the migration's name.
    pub migrations: BTreeMap<String, MigrationFacts>,
    /// The account of `provider "aws"`; `None`: the spec has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud: Option<CloudFacts>,
    /// Workers of this lineage that are at work for no migration of the spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strays: Vec<Stray>,
    /// The one migration that is planned; the others' records are kept as they are. `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    /// Migrations whose tables are not known before a step has run: their runner looks at them. By name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pending: BTreeMap<String, StepAddr>,
}

/// A worker that an earlier run started, and that the spec leads to no more: its migration has another name, or its
/// runner another work folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Stray {
    /// As it was called when the worker began.
    pub migration: String,
    /// `user@host:port`, and the work folder over there.
    pub place: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Flavor {
    #[default]
    Mysql,
    Mariadb,
    Tidb,
}

/// One server as a session saw it.
/// The id of a TiDB where its user sees no ledger of mig: before first contact, or without SELECT on the ledger's schema.
pub const NO_LEDGER: &str = "none";

/// Which server was met, for people: its id, or that its user sees none.
pub fn met(server_id: &str) -> &str {
    match server_id {
        "" | NO_LEDGER => "one where its user sees no ledger of mig",
        id => id,
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServerFacts {
    /// Why it could not be looked at; then everything else is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Failure>,
    /// No server: the rows come out of a dump's files, and nothing can be asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dump: bool,
    /// User plus server, by the contract's rule ("Secrets"): `mig_reader@` and MySQL's server_uuid, MariaDB's
    /// hostname:port:datadir, TiDB's id minted into the ledger ([`NO_LEDGER`] where the user sees none).
    pub identity: String,
    /// The server's part of it alone: the name under which it is recorded. A source that was looked up in a cloud is
    /// recorded by its cluster.
    pub server_id: String,
    /// The id that a session can ask the server for. It is not the id that a cloud has for the server. Empty: the server has
    /// none (TiDB), or a dump is in the place of the server.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub own_id: String,
    pub flavor: Flavor,
    /// A server of an Aurora cluster: another one of it may answer tomorrow.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aurora: bool,
    /// `VERSION()`.
    pub version: String,
    /// `Ssl_cipher` of the session; empty: not encrypted.
    pub tls_cipher: String,
    /// `CURRENT_USER()`.
    pub user: String,
    /// Lines of `SHOW GRANTS FOR CURRENT_USER()`.
    pub grants: Vec<String>,
    /// `@@read_only`, `@@super_read_only`, `@@tidb_restricted_read_only`, `@@innodb_read_only` … that are ON.
    pub read_only: Vec<String>,
    /// A replica that applies somebody else's writes (`SHOW REPLICA STATUS` has a row).
    pub replica: bool,
    pub local_infile: bool,
    pub lower_case_table_names: u8,
    /// `SHOW COLLATION`: collation -> charset.
    pub collations: BTreeMap<String, String>,
    /// Default collation of each charset.
    pub default_collations: BTreeMap<String, String>,
    pub max_allowed_packet: u64,
    /// TiDB's `tidb_txn_entry_size_limit`, else performance.txn-entry-size-limit's default; 0: no such limit.
    pub row_limit: u64,
    /// TiDB's `tidb_enable_check_constraint`; elsewhere whether the version enforces them.
    pub check_constraints: bool,
    /// TiDB's `tidb_enable_foreign_key` is OFF: it takes foreign keys, and enforces none of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub foreign_keys_off: bool,
    /// ONLY_FULL_GROUP_BY is in the `sql_mode` that sessions begin with.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_full_group_by: bool,
    /// NO_ZERO_DATE or NO_ZERO_IN_DATE is in it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_zero_dates: bool,
    /// The `group_concat_max_len` that sessions begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_concat_max_len: Option<u64>,
    /// `@@sql_require_primary_key`, `@@restrict_fk_on_non_standard_key` … that are ON: what the server then refuses or
    /// adds, other servers take as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restrictions: Vec<String>,
    /// Cores, where it can be asked.
    pub cores: Option<u32>,
    pub binlog: Binlog,
}

/// The binlog as a session may see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Binlog {
    pub enabled: bool,
    /// `@@binlog_format`, `@@binlog_row_image`.
    pub format: String,
    pub row_image: String,
    /// Whether a binlog-do-db or binlog-ignore-db filter is set.
    pub filtered: bool,
    /// A replica that does not log what it applies: another server's writes change rows, and stand in no log of this one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub applies_unlogged: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// Names of the files still there, oldest first.
    pub files: Vec<String>,
    /// Why it could not be read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fault: String,
}

/// A place in the binlog.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Position {
    pub file: String,
    pub offset: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub gtid: String,
    /// When the file was begun, by its first event, in seconds since 1970: tells it from a file of the same name in a log
    /// that was made again. 0: not known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub begun: u64,
    /// By what is known that every write in front of this place can be seen by who looks behind it: a commit stands in the
    /// log before its rows can be read. Empty: it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub settled: String,
}

/// A GTID set that is kept whole in every table's record; a longer one is kept as its digest, which only tells whether two
/// are the same.
const GTID_KEPT: usize = 200;

impl Position {
    /// For a record of each table.
    pub fn bounded(&self) -> Self {
        let mut bounded = self.clone();
        if self.gtid.len() > GTID_KEPT {
            bounded.gtid = digest_of(&self.gtid);
        }
        bounded
    }

    /// Whether both stand at one place of a log, whatever its sets say.
    pub fn same_place(&self, other: &Self) -> bool {
        (&self.file, self.offset) == (&other.file, other.offset)
    }

    /// Whether the sets of executed transactions are the same; `None`: one of them is not known.
    pub fn same_set(&self, other: &Self) -> Option<bool> {
        if self.gtid.is_empty() || other.gtid.is_empty() {
            return None;
        }
        let kept = |gtid: &str| gtid.starts_with(DIGEST);
        let told = |gtid: &str, digest: bool| if digest && !kept(gtid) { digest_of(gtid) } else { sorted(gtid) };
        let digest = kept(&self.gtid) || kept(&other.gtid);
        Some(told(&self.gtid, digest) == told(&other.gtid, digest))
    }

    /// Whether a recorded set is one, and not what stands for a long one.
    pub fn is_set(gtid: &str) -> bool {
        !gtid.is_empty() && !gtid.starts_with(DIGEST)
    }

    /// The order of places in one log.
    pub fn place(&self) -> (u64, u64) {
        let number = self.file.rsplit('.').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        (number, self.offset)
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.offset)
    }
}

const DIGEST: &str = "digest ";

fn digest_of(gtid: &str) -> String {
    format!("{DIGEST}{}", Digest::of_bytes(sorted(gtid).as_bytes()))
}

/// Servers give the members of a set in any order.
fn sorted(gtid: &str) -> String {
    let mut members: Vec<String> = gtid.split(',').map(|member| member.trim().to_ascii_lowercase()).collect();
    members.sort_unstable();
    members.join(",")
}

// serde hands out a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What was observed for one migration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MigrationFacts {
    /// Tables and views of the source that the filter selects (schemas of theirs, triggers on them, routines and
    /// events of those schemas).
    pub source: Inventory,
    /// Of all tables of the source by name, before the filter: for "did you mean" on an empty match.
    pub source_names: Vec<TableName>,
    /// What of the views' texts the target does not take, as it says itself; by the view's key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub view_lacks: BTreeMap<String, Vec<ViewLack>>,
    /// What of the expressions of tables (generated columns, CHECK constraints) the target does not take, as it says
    /// itself; by place: `shop.orders.g`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub expression_lacks: BTreeMap<String, String>,
    /// All schemas of the source that may be moved; none: not looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_schemas: Vec<String>,
    /// What the source answers to conditions of `where` that it does not take, by the table's key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub where_faults: BTreeMap<String, String>,
    /// The schemas of the same names on the target, with everything in them that a selected name meets.
    pub target: Inventory,
    /// Row counts of target tables that exist and are selected: `Some(0)`: empty (one LIMIT 1 look), `Some(1)`: has
    /// rows, `None`: could not look.
    pub target_rows: BTreeMap<String, Option<u64>>,
    pub ledger: LedgerFacts,
    /// Selected source columns that hold zero dates: `shop.orders.created` (bounded look, plan and apply).
    #[serde(default)]
    pub zero_dates: Vec<String>,
    /// Selected source columns that hold days which no month has (31 February), likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub impossible_dates: Vec<String>,
    /// Both of them where the spec keeps such dates and sessions of the target begin with a mode that takes no zero dates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept_dates: Vec<String>,
    /// What only rows can tell (bounded looks, plan and apply).
    #[serde(default)]
    pub rows: RowFacts,
    /// Free bytes where the dump goes; `None`: could not look.
    pub disk_free: Option<u64>,
    /// Why the work folder cannot be used.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub workdir_fault: String,
    /// The manifests of recorded dumps that lie in the folder: the digest of each, by the table's key.
    #[serde(default)]
    pub manifests: BTreeMap<String, Digest>,
    /// Parts of recorded dumps, finished or not, whose files are not in the folder with their size: their numbers, by the
    /// table's key. Another machine may have written them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub absent_parts: BTreeMap<String, BTreeSet<u32>>,
    /// The certificate that the state records is not beside it: its file is gone, was altered, or is another run's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub certificate_lost: bool,
    /// The source's binlog position, and whether writes between the run's first position and it were seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writes: Option<WritesFacts>,
    /// Tables whose rows come out of a finished dump's files (`mig import-dump`), by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub imports: BTreeMap<String, ImportInputs>,
    /// Programs that the migration runs, by the word of the engine, as they are where it runs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub programs: BTreeMap<String, ProgramFacts>,
    /// What in that dump is not taken, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub import_findings: Vec<Diagnostic>,
}

impl MigrationFacts {
    /// Whether a column of the table with this key keeps dates that sessions of the target take for none.
    pub fn keeps_odd_dates(&self, table: &str, column: &str) -> bool {
        let place = format!("{table}.{}", key_ident(column));
        self.kept_dates.contains(&place)
    }
}

/// Something that a view names and that is not on the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ViewLack {
    /// A function of the server, in lower case.
    Function(String),
    StoredFunction(TableName),
    /// A table or view that is not moved and not there.
    Object(TableName),
    /// The target's parser refuses the text; its own words.
    Syntax(String),
}

/// What reading the binlog between two positions told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WritesFacts {
    /// The earliest place from which a table was looked after; each table from its own.
    pub from: Position,
    pub to: Position,
    /// The first place of the run that goes on; none: the run begins now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Position>,
    /// Where the log stood when tables that begin now were about to be read; none: nothing has begun yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begin: Option<Position>,
    /// Keys of selected tables that an event changed, sorted.
    pub changed_tables: Vec<String>,
    /// Statements that could not be attributed to a table (the first few, without values).
    pub unattributed: Vec<String>,
    /// Selected tables that a statement was about to write to, and no row of them came: a foreign key's cascade stands in
    /// no log. Sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub announced: Vec<String>,
    /// Transactions that have written and had not ended at `to`, one a line, without values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<String>,
    /// Why it could not be proven; empty: every event was read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unproven: String,
}

/// The ledger schema on the target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerFacts {
    pub present: bool,
    /// The random id minted at first contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_id: Option<String>,
    /// Rows of `objects`, of every lineage.
    pub objects: Vec<LedgerObject>,
    /// Sums of `batches` of this lineage at the current epoch, by table key.
    pub loaded: BTreeMap<String, LoadedFacts>,
}

impl LedgerFacts {
    /// How the ledger differs from a recorded load (its number, its rows and the sum of their hashes), in words; `None`: it
    /// has that very load.
    pub fn differs_from(&self, table: &str, epoch: u64, (rows, sum): (u64, u128)) -> Option<String> {
        let hash = sum.to_string();
        let nothing = LoadedFacts { epoch, rows: 0, hash: "0".into() };
        let there = self.loaded.get(table).unwrap_or(&nothing);
        if (there.epoch, there.rows, there.hash.as_str()) == (epoch, rows, hash.as_str()) {
            return None;
        }
        let what = if there.epoch != epoch {
            format!(" in load number {}, recorded is number {epoch}", there.epoch)
        } else if there.rows == rows {
            ", not the same ones".to_owned()
        } else {
            String::new()
        };
        Some(format!("{} rows of {rows}{what}", there.rows))
    }
}

/// A row of `objects`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerObject {
    pub lineage: String,
    /// `schema`, `table` or `view`.
    pub kind: String,
    /// Key form.
    pub name: String,
    /// `intended` or `created`.
    pub state: String,
    pub epoch: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoadedFacts {
    pub epoch: u64,
    pub rows: u64,
    /// Decimal sum of row hashes.
    pub hash: String,
}

/// A program of others, as it answered when it was asked for its version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProgramFacts {
    /// As it was called: a name out of the PATH, or a path.
    pub program: String,
    /// `8.5.6`; empty: it does not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Why it cannot be used; empty: it answered.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fault: String,
}

/// What a gate decided, and what it saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    pub outcome: GateOutcome,
    /// One line: "12 tables, 3 collations, all on the target".
    pub saw: String,
    /// What it found, by name; errors where the outcome is no.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Diagnostic>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateOutcome {
    Passed,
    Warned,
    /// Could not look, and `accept_unproven` names the gate.
    Unproven,
    /// Could not look: a no.
    CannotLook,
    No,
}

impl GateOutcome {
    pub fn refuses(self) -> bool {
        matches!(self, Self::No | Self::CannotLook)
    }
}
