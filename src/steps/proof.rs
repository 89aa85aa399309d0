//! Proof: the row hash of a range of a table on one server, computed there where that is proven equal on both
//! servers, else in the client from the rows; and which rows differ where two hashes do.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::context::{Context, Line};
use super::dump::{conditions, select};
use super::ledger::Batches;
use crate::formats::rowhash::{self, PartHash, RowHasher};
use crate::formats::structure::{Column, Table};
use crate::seams::sql::Fault;
use crate::words::addr::StepAddr;
use crate::words::error::{Failure, Outcome};

/// Rows of which the differing ones are looked for: beyond this the counts alone are told.
const SEARCH_ROWS: usize = 4_000_000;
/// Keys that a report of differences names at most.
const NAMED_KEYS: usize = 20;

/// How a hash was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    OnServer,
    InClient,
}

/// One side of a comparison.
pub struct Side<'a> {
    /// The structure whose columns are hashed: the same on both sides, the source's.
    pub table: &'a Table,
    pub predicate: &'a str,
    pub where_: Option<&'a str>,
}

impl Side<'_> {
    fn failure(&self, fault: &Fault) -> Failure {
        fault.failure(
            "MIG6020",
            format!("hash the rows of {}", self.table.name),
            "Look whether the server is up, then run `mig apply` again: what was verified stays.",
        )
    }

    /// Count and hash of the rows.
    pub async fn hash(&self, line: &mut Line) -> Outcome<(PartHash, How)> {
        let columns: Vec<&Column> = self.table.data_columns().collect();
        if let Some(expression) = rowhash::pushdown_expression(columns.iter().copied())
            && let Some(hash) = self.on_server(line, &expression).await?
        {
            return Ok((hash, How::OnServer));
        }
        self.in_client(line, &columns).await.map(|hash| (hash, How::InClient))
    }

    /// `None`: it does not count (a row's hash was NULL, or there was a warning).
    async fn on_server(&self, line: &mut Line, expression: &str) -> Outcome<Option<PartHash>> {
        let sql = format!(
            "SELECT COUNT(*), COUNT(h), COALESCE(SUM(h), 0) FROM (SELECT {expression} AS h FROM {}{}) AS hashed",
            self.table.name.sql(),
            conditions(self.predicate, self.where_)
        );
        let rows = line.connection.query(&sql).await.map_err(|f| self.failure(&f))?;
        if rows.warnings > 0 {
            return Ok(None);
        }
        let number = |at: usize| -> Option<u128> {
            let cell = rows.rows.first()?.get(at)?.as_deref()?;
            std::str::from_utf8(cell).ok()?.parse().ok()
        };
        let (Some(count), Some(hashed), Some(sum)) = (number(0), number(1), number(2)) else { return Ok(None) };
        Ok((count == hashed).then(|| PartHash { sum, rows: u64::try_from(count).unwrap_or(u64::MAX) }))
    }

    async fn in_client(&self, line: &mut Line, columns: &[&Column]) -> Outcome<PartHash> {
        let mut hasher = RowHasher::new(columns.iter().map(|c| rowhash::canon_of(c)).collect());
        let mut hash = PartHash::default();
        let mut fault = None;
        let sql = select(self.table, &self.table.name, self.predicate, self.where_);
        let mut on_row = |cells: &[Option<&[u8]>]| match hasher.hash_row(cells) {
            Ok(row) => {
                hash.add(row);
                ControlFlow::Continue(())
            }
            Err(error) => {
                fault = Some(error.to_string());
                ControlFlow::Break(())
            }
        };
        line.connection.stream(&sql, &mut on_row).await.map_err(|f| self.failure(&f))?;
        match fault {
            None => Ok(hash),
            Some(cause) => Err(Failure::new(
                "MIG6021",
                format!("hash the rows of {}", self.table.name),
                cause,
                "Please report it with the type of the column.",
            )),
        }
    }

    pub async fn count(&self, line: &mut Line) -> Outcome<u64> {
        let sql = format!("SELECT COUNT(*) FROM {}{}", self.table.name.sql(), conditions(self.predicate, self.where_));
        let rows = line.connection.query(&sql).await.map_err(|f| self.failure(&f))?;
        let cell = rows.rows.first().and_then(|row| row.first().cloned().flatten()).unwrap_or_default();
        Ok(String::from_utf8_lossy(&cell).parse().unwrap_or(0))
    }

    /// Adds `step` to the balance of each row's hash; false where there are too many rows to search.
    async fn balance(&self, line: &mut Line, balance: &mut HashMap<u64, i64>, step: i64) -> Outcome<bool> {
        let columns: Vec<&Column> = self.table.data_columns().collect();
        let mut hasher = RowHasher::new(columns.iter().map(|c| rowhash::canon_of(c)).collect());
        let mut full = false;
        let sql = select(self.table, &self.table.name, self.predicate, self.where_);
        let mut on_row = |cells: &[Option<&[u8]>]| {
            let entry = balance.entry(hasher.hash_row(cells).unwrap_or_default()).or_default();
            *entry += step;
            full = balance.len() > SEARCH_ROWS;
            if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        line.connection.stream(&sql, &mut on_row).await.map_err(|f| self.failure(&f))?;
        Ok(!full)
    }

    /// The keys of rows whose hash is in `wanted`, as `column=value` texts.
    async fn keys(&self, line: &mut Line, wanted: &HashMap<u64, i64>) -> Outcome<Vec<String>> {
        let Some(key) = self.table.usable_key() else { return Ok(Vec::new()) };
        let columns: Vec<&Column> = self.table.data_columns().collect();
        let names: Vec<&str> = key.parts.iter().filter_map(|p| p.column.as_deref()).collect();
        let at: Vec<usize> =
            names.iter().filter_map(|name| columns.iter().position(|column| column.name == *name)).collect();
        let mut hasher = RowHasher::new(columns.iter().map(|c| rowhash::canon_of(c)).collect());
        let mut found = Vec::new();
        let sql = select(self.table, &self.table.name, self.predicate, self.where_);
        let mut on_row = |cells: &[Option<&[u8]>]| {
            if hasher.hash_row(cells).is_ok_and(|hash| wanted.contains_key(&hash)) {
                let text = |i: &usize| cells[*i].map_or("NULL".into(), |b| String::from_utf8_lossy(b).into_owned());
                let pairs: Vec<String> = at.iter().map(|i| format!("{}={}", columns[*i].name, text(i))).collect();
                found.push(pairs.join(", "));
            }
            if found.len() >= NAMED_KEYS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        line.connection.stream(&sql, &mut on_row).await.map_err(|f| self.failure(&f))?;
        Ok(found)
    }
}

/// Which rows differ between two sides.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Differing {
    /// On the source, and not (or less often) on the target.
    pub missing: u64,
    /// On the target, and not (or less often) on the source. A changed row counts once on either side.
    pub unexpected: u64,
    /// With `-show-keys`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
}

/// Finds the rows that differ. `None`: too many rows to search.
pub async fn differing(
    context: &Context,
    addr: &StepAddr,
    source: &Side<'_>,
    target: &Side<'_>,
) -> Outcome<Option<Differing>> {
    let lines = context.lines(addr)?;
    let mut balance = HashMap::new();
    let mut from = lines.read.take().await?;
    if !source.balance(&mut from, &mut balance, 1).await? {
        return Ok(None);
    }
    from.give_back();
    let mut to = lines.look.take().await?;
    if !target.balance(&mut to, &mut balance, -1).await? {
        return Ok(None);
    }
    to.give_back();
    balance.retain(|_, count| *count != 0);
    let sum = |sign: i64| balance.values().map(|c| (c * sign).max(0).unsigned_abs()).sum();
    let mut differing = Differing { missing: sum(1), unexpected: sum(-1), keys: Vec::new() };
    if context.show_keys && !balance.is_empty() {
        let mut from = lines.read.take().await?;
        differing.keys = source.keys(&mut from, &balance).await?;
        let mut to = lines.look.take().await?;
        differing.keys.extend(target.keys(&mut to, &balance).await?);
        differing.keys.sort();
        differing.keys.dedup();
        differing.keys.truncate(NAMED_KEYS);
    }
    Ok(Some(differing))
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
    let batches = Batches { schema, lineage: &context.lineage, table: &key, epoch };
    let doing =
        |f: Fault| Err(f.failure("MIG5120", "read the ledger", "Look whether the target is up, then run again."));
    let known = batches.read(&mut *line.connection, None).await.map_err(doing)?;
    let ours = known.iter().fold(PartHash::default(), |sum, b| sum.merged(&PartHash { sum: b.hash, rows: b.rows }));
    let side = Side { table: actual, predicate: "", where_: None };
    let (there, _) = side.hash(line).await.map_err(Err)?;
    if there == ours {
        return Ok(());
    }
    Err(Ok(if there.rows == ours.rows {
        format!("{} rows are in it, as many as were loaded, but not the same ones", there.rows)
    } else {
        format!("{} rows are in it, and {} were loaded", there.rows, ours.rows)
    }))
}
