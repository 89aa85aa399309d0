//! Proof: what one server says of the rows of a table. Count and row hash of a range, computed on the server where that
//! is proven equal on both servers, else in the client from the rows; the same by buckets of a hash of the key; single
//! rows by hashes of key and content. Every statement is asked again after a passing fault, on a line of its own.
//! Knows one side only: nothing here compares.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use crate::formats::chunk::{self, KeyColumn, KeyValue, Range, Selection};
use crate::formats::ddl::partitioning;
use crate::formats::rowhash::{self, Canon, JsonNumbers, PartHash, RowHasher};
use crate::formats::structure::{Column, Table, TableEstimate};
use crate::seams::clock::Clock;
use crate::seams::sql::Fault;
use crate::steps::context::{Context, Line, Lines, Pool};
use crate::steps::proof::walk;
use crate::steps::step::StepCtx;
use crate::steps::transfer::dump::{own_cells, select};
use crate::steps::transfer::ledger::Batches;
use crate::steps::transfer::losses::RowNames;
use crate::words::addr::StepAddr;
use crate::words::codes;
use crate::words::error::{Failure, Outcome, Retry};

/// Tries of one statement after passing faults.
const TRIES: u32 = 6;
/// What one statement is to read, by the server's estimate, where `dump.chunk_bytes` does not say it.
const STATEMENT_BYTES: u64 = 64 << 20;
/// A row counts as at least so many bytes: what it costs to walk over it, and to hold its hashes.
const ROW_BYTES: u64 = 256;
/// Added to each row's hash, so that one sum has both: how many hashes were no NULL stands in front of these zeros. A
/// second aggregate over the hash would have it computed twice, on MySQL and on TiDB.
const OFFSET_ZEROS: usize = 36;

/// How a hash was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    OnServer,
    InClient,
}

impl How {
    pub fn and(self, other: Self) -> Self {
        if self == Self::InClient { self } else { other }
    }
}

/// Which server of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Source,
    Target,
}

impl Place {
    pub fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
        }
    }
}

/// Some of the buckets into which a hash of the key (of the row, where there is no key) sorts the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buckets {
    pub of: u64,
    pub chosen: Vec<u64>,
}

/// A row, by the hash of its key and of all of it. Without a key both are that of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    pub key: u64,
    pub row: u64,
}

/// The rows of one table on one server.
#[derive(Clone)]
pub struct Side {
    pub place: Place,
    /// The columns that are hashed, as this server has them, in the source's order.
    table: Table,
    /// The source's, on both sides.
    canons: Vec<Canon>,
    /// Of the row hash; `None`: only in the client.
    expression: Option<String>,
    key: Option<Key>,
    /// The key along which this server's own order cuts the table into statements.
    own: Option<Vec<KeyColumn>>,
    where_: Option<String>,
    estimate: TableEstimate,
    statement_bytes: u64,
    lines: Arc<Lines>,
    clock: Arc<dyn Clock>,
    names: RowNames,
    json: JsonNumbers,
    ctx: Option<StepCtx>,
}

/// The key by which rows are told apart.
#[derive(Clone)]
struct Key {
    /// Places among the columns.
    at: Vec<usize>,
    canons: Vec<Canon>,
    expression: Option<String>,
}

impl Side {
    /// `actual`: the table as this server has it. `None`: it lacks a column of the source's.
    pub fn new(
        place: Place,
        source: &Table,
        actual: &Table,
        where_: Option<String>,
        lines: Arc<Lines>,
        clock: Arc<dyn Clock>,
    ) -> Option<Self> {
        let columns: Vec<&Column> = source.data_columns().collect();
        let find = |column: &&Column| {
            let exact = actual.column(&column.name);
            exact.or_else(|| actual.columns.iter().find(|c| c.name.to_lowercase() == column.name.to_lowercase()))
        };
        let here: Vec<Column> = columns.iter().map(|c| find(c).cloned()).collect::<Option<_>>()?;
        let canons: Vec<Canon> = columns.iter().map(|c| rowhash::canon_of(c)).collect();
        // A column of another kind has another text on the server; in the client the source's form is taken for both.
        let alike = here.iter().zip(&canons).all(|(column, canon)| rowhash::canon_of(column) == *canon);
        let pushed =
            |columns: &[&Column]| alike.then(|| rowhash::pushdown_expression(columns.iter().copied())).flatten();
        let expression = pushed(&here.iter().collect::<Vec<_>>());
        let key = source.usable_key().and_then(|key| {
            let place = |name: &str| columns.iter().position(|column| column.name == name);
            let at: Vec<usize> = key.parts.iter().map(|part| place(part.column.as_deref()?)).collect::<Option<_>>()?;
            Some(Key {
                canons: at.iter().map(|i| canons[*i]).collect(),
                expression: pushed(&at.iter().map(|i| &here[*i]).collect::<Vec<_>>()),
                at,
            })
        });
        let table =
            Table { columns: here.into_iter().map(|c| Column { generated: None, ..c }).collect(), ..actual.clone() };
        let own = chunk::usable_for_ranges(actual);
        Some(Self {
            place,
            table,
            canons,
            expression,
            key,
            own,
            where_,
            estimate: source.estimate,
            statement_bytes: STATEMENT_BYTES,
            lines,
            clock,
            names: RowNames::of(source, false),
            json: JsonNumbers::default(),
            ctx: None,
        })
    }

    /// What the statements wait for is shown with this step.
    pub fn of_step(mut self, ctx: &StepCtx) -> Self {
        self.ctx = Some(ctx.clone());
        self
    }

    /// What values lose on their way, and whether failures may name the key of a row.
    pub fn losing(mut self, json: JsonNumbers, show_keys: bool) -> Self {
        self.json = json;
        self.names.shown = show_keys;
        self
    }

    /// The source's guess of the table's size, and what the spec says of a statement's.
    pub fn sized(mut self, estimate: TableEstimate, statement_bytes: Option<u64>) -> Self {
        self.estimate = estimate;
        self.statement_bytes = statement_bytes.unwrap_or(STATEMENT_BYTES);
        self
    }

    pub fn own_keys(&self) -> Option<&[KeyColumn]> {
        self.own.as_deref()
    }

    /// Whether the step is to stop.
    pub fn stopping(&self) -> bool {
        self.ctx.as_ref().is_some_and(StepCtx::stopping)
    }

    /// What time it is.
    pub fn now(&self) -> String {
        self.clock.now()
    }

    pub fn progress(&self, rows: u64) {
        if let Some(ctx) = &self.ctx {
            ctx.progress(rows, 0);
        }
    }

    pub fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// Rows of one statement.
    pub fn statement_rows(&self) -> u64 {
        let per_row = self.estimate.data_bytes.checked_div(self.estimate.rows).unwrap_or(0).max(ROW_BYTES);
        (self.statement_bytes / per_row).max(1)
    }

    /// Rows whose hashes take no more memory than a statement's rows.
    pub fn rows_in_memory(&self) -> u64 {
        (self.statement_bytes / ROW_BYTES).max(1)
    }

    /// How many statements run at once.
    pub fn width(&self) -> usize {
        self.pool().ceiling as usize
    }

    fn pool(&self) -> &Pool {
        match self.place {
            Place::Source => &self.lines.read,
            Place::Target => &self.lines.look,
        }
    }

    /// `FROM … WHERE …` of rows, as far as the spec wants them.
    fn from(&self, rows: &Selection) -> String {
        rows.and(self.where_.as_deref().unwrap_or_default()).from(&self.table)
    }

    /// The names of the table's partitions as they are now, in lower case: names of partitions have no case.
    pub async fn partitions(&self) -> Outcome<BTreeSet<String>> {
        let rows = self.ask(Ask::Border(&partitioning::sizes_sql(&self.table.name))).await?.unwrap_or_default();
        Ok(rows.into_iter().filter_map(|row| Some(row.into_iter().next()??.to_lowercase())).collect())
    }

    /// Count and hash of some rows.
    pub async fn hash(&self, rows: &Selection) -> Outcome<(PartHash, How)> {
        if let Some(expression) = &self.expression {
            let sql = format!("SELECT COUNT(*), {} {}", sum_of(expression), self.from(rows));
            if let Some(hash) = self.ask(Ask::Query(&sql)).await?.and_then(|rows| part_hash(rows.first()?)) {
                return Ok((hash, How::OnServer));
            }
        }
        self.hash_here(rows).await
    }

    /// The same, over rows that are read.
    pub async fn hash_here(&self, rows: &Selection) -> Outcome<(PartHash, How)> {
        let hash = self.fold(rows, None, |hash: &mut PartHash, _, entry| {
            hash.add(entry.row);
            ControlFlow::Continue(())
        });
        Ok((hash.await?, How::InClient))
    }

    /// How many rows. A warning, of a comparison in the spec's `where`, takes nothing from a count.
    pub async fn count(&self, rows: &Selection) -> Outcome<u64> {
        let sql = format!("SELECT COUNT(*) {}", self.from(rows));
        let rows = self.ask(Ask::Border(&sql)).await?.unwrap_or_default();
        let count = rows.first().and_then(|row| row.first()?.as_deref()?.parse().ok());
        count.ok_or_else(|| broken("a count that is not a number"))
    }

    /// Adds the rows to the sums of their buckets: one reading of them, whatever the number of buckets.
    pub async fn buckets(&self, rows: &Selection, sums: &mut [PartHash]) -> Outcome<()> {
        let of = sums.len() as u64;
        let by = match &self.key {
            Some(key) => key.expression.as_ref(),
            None => self.expression.as_ref(),
        };
        if let (Some(expression), Some(by)) = (&self.expression, by) {
            let sql = format!(
                "SELECT COUNT(*), {}, {by} MOD {of} AS bucket {} GROUP BY bucket",
                sum_of(expression),
                self.from(rows)
            );
            let whole = |row: &Vec<Option<String>>| {
                let bucket: usize = row.get(2)?.as_deref()?.parse().ok()?;
                Some((bucket, part_hash(row)?))
            };
            let sums_of = self.ask(Ask::Query(&sql)).await?;
            if let Some(found) = sums_of.and_then(|rows| rows.iter().map(whole).collect::<Option<Vec<_>>>()) {
                for (bucket, hash) in found {
                    if let Some(sum) = sums.get_mut(bucket) {
                        sum.merge(&hash);
                    }
                }
                return Ok(());
            }
        }
        let counted = self.fold(rows, None, |counted: &mut HashMap<u64, PartHash>, _, entry| {
            counted.entry(entry.key % of).or_default().add(entry.row);
            ControlFlow::Continue(())
        });
        for (bucket, hash) in counted.await? {
            if let Some(sum) = sums.get_mut(bucket as usize) {
                sum.merge(&hash);
            }
        }
        Ok(())
    }

    /// How often each of some rows is there, hashed here: memory for as many different ones.
    pub async fn entries(&self, rows: &Selection, buckets: Option<&Buckets>) -> Outcome<HashMap<Entry, u64>> {
        self.fold(rows, buckets, |entries: &mut HashMap<Entry, u64>, _, entry| {
            *entries.entry(entry).or_default() += 1;
            ControlFlow::Continue(())
        })
        .await
    }

    /// The keys of rows whose key's hash is wanted, as `column=value` texts beside it.
    pub async fn keys(&self, rows: &Selection, wanted: &HashSet<u64>) -> Outcome<Vec<(u64, String)>> {
        let Some(key) = &self.key else { return Ok(Vec::new()) };
        self.fold(rows, None, |found: &mut Vec<(u64, String)>, cells, entry| {
            if wanted.contains(&entry.key) {
                found.push((entry.key, self.key_text(key, cells)));
            }
            // A key is unique.
            if found.len() >= wanted.len() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .await
    }

    fn key_text(&self, key: &Key, cells: &[Option<&[u8]>]) -> String {
        let pair = |at: &usize| {
            let value = match (cells.get(*at).copied().flatten(), self.canons.get(*at)) {
                (None, _) => "NULL".to_owned(),
                (Some(bytes), Some(Canon::HexOfBinary)) => format!("0x{}", hex::encode(bytes)),
                (Some(bytes), _) => String::from_utf8_lossy(bytes).into_owned(),
            };
            format!("{}={value}", self.table.columns[*at].name)
        };
        key.at.iter().map(pair).collect::<Vec<_>>().join(", ")
    }

    /// The key of the row that stands `offset` rows behind the beginning of a range; `None`: the range ends before.
    pub async fn border(&self, keys: &[KeyColumn], within: &Range, offset: u64) -> Outcome<Option<Vec<KeyValue>>> {
        let end = Range { up_to: within.up_to.clone(), ..Range::default() };
        let end = chunk::predicate(&end, keys).map_err(|e| broken(&e.to_string()))?;
        let filter = self.where_.as_deref().map_or(end.clone(), |filter| format!("{end} AND ({filter})"));
        let sql = chunk::next_border_sql(&self.table, keys, within.after.as_deref(), Some(&filter), offset)
            .map_err(|e| broken(&e.to_string()))?;
        let Some(row) = self.ask(Ask::Border(&sql)).await?.and_then(|rows| rows.into_iter().next()) else {
            return Ok(None);
        };
        let cells: Vec<Option<Vec<u8>>> = row.into_iter().map(|cell| cell.map(String::into_bytes)).collect();
        chunk::border_of(keys, &cells).map(Some).ok_or_else(|| broken("a bound that is not a key"))
    }

    /// Rows of a small result as text, again after passing faults. `None`: the server warned.
    async fn ask(&self, ask: Ask<'_>) -> Outcome<Option<Vec<Vec<Option<String>>>>> {
        let (Ask::Query(sql) | Ask::Border(sql)) = ask;
        let mut attempt = 0;
        loop {
            match self.ask_once(sql).await {
                Ok((_, warnings)) if warnings > 0 && matches!(ask, Ask::Query(_)) => return Ok(None),
                Ok((rows, _)) => return Ok(Some(rows)),
                Err(failure) => self.again(failure, &mut attempt).await?,
            }
        }
    }

    async fn ask_once(&self, sql: &str) -> Outcome<(Vec<Vec<Option<String>>>, u32)> {
        let mut line = self.pool().take().await?;
        let rows = line.connection.query(sql).await.map_err(|f| self.failure(&f))?;
        line.give_back();
        let text = |cell: Option<Vec<u8>>| cell.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok((rows.rows.into_iter().map(|row| row.into_iter().map(text).collect()).collect(), rows.warnings))
    }

    /// Streams rows into something, which begins again after a passing fault.
    async fn fold<T: Default + Send>(
        &self,
        rows: &Selection,
        buckets: Option<&Buckets>,
        mut add: impl FnMut(&mut T, &[Option<&[u8]>], Entry) -> ControlFlow<()> + Send,
    ) -> Outcome<T> {
        let mut attempt = 0;
        loop {
            let mut found = T::default();
            match self.stream(rows, buckets, &mut |cells, entry| add(&mut found, cells, entry)).await {
                Ok(()) => return Ok(found),
                Err(failure) => self.again(failure, &mut attempt).await?,
            }
        }
    }

    /// Streams rows once and hashes them.
    async fn stream(
        &self,
        rows: &Selection,
        buckets: Option<&Buckets>,
        on_row: &mut (dyn FnMut(&[Option<&[u8]>], Entry) -> ControlFlow<()> + Send),
    ) -> Outcome<()> {
        let mut hasher = RowHasher::new(self.canons.clone()).taking(self.json);
        let mut key_hasher = self.key.as_ref().map(|key| RowHasher::new(key.canons.clone()));
        let chosen = buckets.and_then(|buckets| self.bucket_condition(buckets)).unwrap_or_default();
        let sql = select(&self.table, &rows.and(&chosen).and(self.where_.as_deref().unwrap_or_default()));
        let mut fault = None;
        let mut ended = false;
        let mut each = |cells: &[Option<&[u8]>]| {
            let cells = own_cells(cells, self.canons.len());
            let mut hashed = || {
                let row = hasher.hash_row(cells)?;
                let key = match (&self.key, &mut key_hasher) {
                    (Some(key), Some(hasher)) => {
                        let of_key: Vec<Option<&[u8]>> =
                            key.at.iter().map(|at| cells.get(*at).copied().flatten()).collect();
                        hasher.hash_row(&of_key)?
                    }
                    _ => row,
                };
                Ok::<Entry, rowhash::HashFault>(Entry { key, row })
            };
            let flow = match hashed() {
                Ok(entry) if buckets.is_none_or(|b| b.chosen.contains(&(entry.key % b.of))) => on_row(cells, entry),
                Ok(_) => ControlFlow::Continue(()),
                Err(error) => {
                    fault =
                        Some(self.names.failure(&error, cells).unwrap_or_else(|| self.unhashed(&error.to_string())));
                    ControlFlow::Break(())
                }
            };
            ended = flow.is_break();
            flow
        };
        let mut line = self.pool().take().await?;
        line.connection.stream(&sql, &mut each).await.map_err(|f| self.failure(&f))?;
        if !ended {
            // Half-read lines are closed.
            line.give_back();
        }
        fault.map_or(Ok(()), Err)
    }

    /// Only where the server can tell buckets apart; the client looks again anyway.
    fn bucket_condition(&self, buckets: &Buckets) -> Option<String> {
        let by = match &self.key {
            Some(key) => key.expression.as_ref()?,
            None => self.expression.as_ref()?,
        };
        let chosen = buckets.chosen.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
        // NULL: a row beyond max_allowed_packet.
        Some(format!("COALESCE({by} MOD {} IN ({chosen}), TRUE)", buckets.of))
    }

    fn unhashed(&self, cause: &str) -> Failure {
        Failure::new(
            codes::ROW_HASH,
            format!("hash the rows of {} on the {}", self.table.name, self.place.word()),
            cause,
            "Please report it with the type of the column.",
        )
    }

    fn failure(&self, fault: &Fault) -> Failure {
        fault.failure(
            codes::SERVER_HASH,
            format!("hash the rows of {} on the {}", self.table.name, self.place.word()),
            "Look whether the server is up, then run the same command again.",
        )
    }

    /// Waits longer with each passing fault, with some jitter; any other is the end.
    async fn again(&self, failure: Failure, attempt: &mut u32) -> Outcome<()> {
        if failure.retry != Retry::Later || *attempt >= TRIES {
            return Err(failure);
        }
        if let Some(ctx) = &self.ctx {
            ctx.waits_for(&failure.cause);
        }
        let base = 100u64 << (*attempt).min(6);
        *attempt += 1;
        self.clock.sleep(Duration::from_millis(base + rand::random_range(0..=base / 2))).await;
        if let Some(ctx) = &self.ctx {
            ctx.waits_for("");
        }
        Ok(())
    }
}

/// What is asked: sums of hashes, which a warning makes void, or borders and counts, which it does not.
#[derive(Clone, Copy)]
enum Ask<'a> {
    Query(&'a str),
    Border(&'a str),
}

/// `SUM` of a hash that is computed once: see [`OFFSET_ZEROS`].
fn sum_of(expression: &str) -> String {
    format!("SUM({expression}+1{})", "0".repeat(OFFSET_ZEROS))
}

/// From a row that begins with `COUNT(*)` and [`sum_of`]. `None`: not every row had a hash.
fn part_hash(row: &[Option<String>]) -> Option<PartHash> {
    let rows: u64 = row.first()?.as_deref()?.parse().ok()?;
    let Some(text) = row.get(1)?.as_deref() else { return (rows == 0).then(PartHash::default) };
    let (hashed, sum) = text.split_at_checked(text.len().checked_sub(OFFSET_ZEROS)?)?;
    (hashed.parse() == Ok(rows)).then_some(())?;
    Some(PartHash { sum: sum.parse().ok()?, rows })
}

pub fn broken(cause: &str) -> Failure {
    Failure::new(
        codes::VERIFY_BROKE_OFF,
        "verify the table",
        cause,
        "Run the same command again; if it stays, please report it.",
    )
}

/// Whether a table on the target holds what this lineage's ledger says it put there. The outer error is a difference
/// in words, or a failure to look.
pub async fn holds_ours(
    context: &Context,
    line: &mut Line,
    addr: &StepAddr,
    actual: &Table,
    epoch: u64,
) -> Result<(), Result<String, Failure>> {
    let migration = context.migration(addr).map_err(Err)?;
    let schema = context.ledger_schema(migration).map_err(Err)?;
    let key = actual.name.key();
    let batches = Batches { schema, lineage: &context.lineage, table: &key, epoch, token: 0 };
    let doing =
        |f: Fault| Err(f.failure(codes::LEDGER, "read the ledger", "Look whether the target is up, then run again."));
    let known = batches.read(&mut *line.connection, None).await.map_err(doing)?;
    let ours = known.iter().fold(PartHash::default(), |sum, b| sum.merged(&PartHash { sum: b.hash, rows: b.rows }));
    let lines = context.lines(addr).map_err(Err)?;
    let side = Side::new(Place::Target, actual, actual, None, lines, context.clock.clone())
        .ok_or_else(|| Err(broken("the table lacks a column of its own")))?;
    let there = walk::total(&Arc::new(side), false, None).await.map_err(Err)?.hash;
    if there == ours {
        return Ok(());
    }
    Err(Ok(if there.rows == ours.rows {
        format!("{} rows are in it, as many as were loaded, but not the same ones", there.rows)
    } else {
        format!("{} rows are in it, and {} were loaded", there.rows, ours.rows)
    }))
}
