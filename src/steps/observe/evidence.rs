//! What makes a place in the source's log one that can be proven by: every write in front of it can be seen by who looks
//! behind it, and the log is told from another of the same names. And which transactions have written and not ended. Reads
//! only; sets no lock that outlives the statement.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

use super::{cells, literal, server};
use crate::formats::facts::{Flavor, Position, ServerFacts};
use crate::seams::sql::{Connection, Role, Rows, Server};
use crate::words::addr::TableName;
use crate::words::error::Outcome;

/// How long commits that are on their way are waited for. Semi-synchronous replication holds one for 10 s by default.
const SETTLING_TIME: Duration = Duration::from_secs(20);
/// How long transactions that are open at the end are waited for.
const ENDING_TIME: Duration = Duration::from_secs(3);
/// The list of transactions is made again by the server when it is older than 0.1 s.
const FRESH: Duration = Duration::from_millis(150);
/// How many of them are named.
const NAMED: usize = 10;

/// A place behind which every later write of the source stands, as exact as this user may ask for it; `None`: the source
/// has no log, or does not tell.
///
/// # Errors
/// Where no connection comes to be, or one is lost.
pub async fn begin(server: &dyn Server, facts: &ServerFacts) -> Outcome<Option<Position>> {
    if !facts.binlog.enabled {
        return Ok(None);
    }
    let mut conn = server.connect(&Role::Look).await?;
    let settled = match facts.flavor {
        Flavor::Tidb => return Ok(None),
        // The read waits for commits on their way, and holds new ones back as long as it takes.
        Flavor::Mysql => bounded(log_status(&mut *conn)).await,
        Flavor::Mariadb => bounded(snapshot_place(&mut *conn)).await,
    };
    let mut position = match settled {
        Ok(Some(position)) => position,
        Ok(None) => match by_waiting(server, facts).await? {
            Some(position) => position,
            None => return Ok(None),
        },
        // It still waits there: that session is given up.
        Err(()) => {
            let mut other = server.connect(&Role::Look).await?;
            match server::position(&mut *other, facts.flavor, &facts.version).await? {
                Some(position) => position,
                None => return Ok(None),
            }
        }
    };
    // Without the right to read the log it stays unknown, and the end of the run says so.
    position.begun = server.log_begun(&position).await.unwrap_or(0);
    Ok(Some(position))
}

/// `Err`: no answer in time.
async fn bounded<T>(look: impl Future<Output = Option<T>>) -> Result<Option<T>, ()> {
    timeout(SETTLING_TIME, look).await.map_err(|_| ())
}

/// MySQL 8.0 on, with BACKUP_ADMIN.
async fn log_status(conn: &mut dyn Connection) -> Option<Position> {
    let rows = conn.query("SELECT LOCAL FROM performance_schema.log_status").await.ok()?;
    let told: serde_json::Value = serde_json::from_slice(rows.rows.first()?.first()?.as_deref()?).ok()?;
    let text = |name: &str| Some(told.get(name)?.as_str()?.replace('\n', ""));
    Some(Position {
        file: text("binary_log_file").filter(|file| !file.is_empty())?,
        offset: told.get("binary_log_position")?.as_u64()?,
        gtid: text("gtid_executed").unwrap_or_default(),
        begun: 0,
        settled: "performance_schema.log_status".into(),
    })
}

/// MariaDB knows the place of a session's snapshot.
async fn snapshot_place(conn: &mut dyn Connection) -> Option<Position> {
    conn.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT").await.ok()?;
    let rows = conn.query("SHOW STATUS LIKE 'binlog_snapshot_%'").await;
    conn.execute("COMMIT").await.ok()?;
    let cells = cells(&rows.ok()?);
    let value = |name: &str| {
        let row = cells.iter().find(|row| row.first().is_some_and(|cell| cell.eq_ignore_ascii_case(name)));
        row.and_then(|row| row.get(1)).filter(|value| !value.is_empty()).cloned()
    };
    let (file, offset) = (value("Binlog_snapshot_file")?, value("Binlog_snapshot_position")?.parse().ok()?);
    let gtid = conn.query(&format!("SELECT BINLOG_GTID_POS({}, {offset})", literal(&file))).await.ok();
    let gtid = gtid.and_then(|rows| self::cells(&rows).into_iter().next()?.into_iter().next()).unwrap_or_default();
    Some(Position { file, offset, gtid, begun: 0, settled: "the place of a consistent snapshot".into() })
}

/// Takes the place, and waits until what was on its way then has ended: by the list of transactions (PROCESS), or by that of
/// the transactions that are in the log and not yet committed, which every user may read and only GTIDs fill.
async fn by_waiting(server: &dyn Server, facts: &ServerFacts) -> Outcome<Option<Position>> {
    let mut conn = server.connect(&Role::Look).await?;
    let Some(mut position) = server::position(&mut *conn, facts.flavor, &facts.version).await? else { return Ok(None) };
    let since = Instant::now();
    let with_gtids = first_cell(conn.query("SELECT @@GLOBAL.gtid_mode").await.ok()).as_deref() == Some("ON");
    sleep(FRESH).await;
    let mut waited: Option<BTreeSet<String>> = None;
    loop {
        let mut settled = None;
        if with_gtids && first_cell(conn.query("SELECT @@GLOBAL.gtid_owned").await.ok()).as_deref() == Some("") {
            settled = Some("no transaction was between log and commit (gtid_owned)");
        }
        let listed = writers(&mut *conn).await;
        if let Ok(listed) = &listed {
            let now: BTreeSet<String> = listed.iter().map(|writer| writer.id.clone()).collect();
            let left = waited.get_or_insert_with(|| now.clone());
            left.retain(|id| now.contains(id));
            if left.is_empty() {
                settled = Some("no transaction of then is left (INNODB_TRX)");
            }
        }
        if let Some(by) = settled {
            position.settled = by.into();
            // The set has what was on its way only now.
            let now = server::position(&mut *conn, facts.flavor, &facts.version).await?;
            if let Some(now) = now.filter(|now| now.same_place(&position)) {
                position.gtid = now.gtid;
            }
            return Ok(Some(position));
        }
        if (listed.is_err() && !with_gtids) || since.elapsed() > SETTLING_TIME {
            return Ok(Some(position));
        }
        sleep(FRESH).await;
    }
}

fn first_cell(rows: Option<Rows>) -> Option<String> {
    Some(String::from_utf8_lossy(rows?.rows.into_iter().next()?.into_iter().next()??.as_slice()).into_owned())
}

/// A transaction that has written and has not ended.
struct Writer {
    id: String,
    since: String,
    rows: String,
}

/// Every transaction of InnoDB that has changed rows, or that waits, prepared, without a session.
async fn writers(conn: &mut dyn Connection) -> Result<Vec<Writer>, String> {
    let sql = "SELECT TRX_ID, TRX_STARTED, TRX_ROWS_MODIFIED FROM information_schema.INNODB_TRX \
               WHERE TRX_ROWS_MODIFIED > 0 OR TRX_MYSQL_THREAD_ID = 0 ORDER BY TRX_STARTED, TRX_ID";
    let rows = conn.query(sql).await.map_err(|fault| fault.to_string())?;
    Ok(cells(&rows)
        .into_iter()
        .filter_map(|row| {
            let [id, since, rows] = <[String; 3]>::try_from(row).ok()?;
            Some(Writer { id, since, rows })
        })
        .collect())
}

/// What is open at the end and may write to what was moved, one a line: what it commits later is not on the target. Short
/// ones are waited for. Transactions that InnoDB's locks show to write elsewhere only are left out, where they may be read.
/// What this user may not see is left out, too: it has not written yet to who looks.
///
/// # Errors
/// Where no connection comes to be.
pub async fn open(server: &dyn Server, selected: &BTreeSet<TableName>) -> Outcome<Vec<String>> {
    let mut conn = server.connect(&Role::Look).await?;
    let since = Instant::now();
    let mut left: Option<BTreeSet<String>> = None;
    let writers = loop {
        let mut listed = writers(&mut *conn).await.unwrap_or_default();
        let first = left.get_or_insert_with(|| listed.iter().map(|writer| writer.id.clone()).collect());
        listed.retain(|writer| first.contains(&writer.id));
        if listed.is_empty() || since.elapsed() > ENDING_TIME {
            break listed;
        }
        sleep(FRESH).await;
    };
    let mut open = Vec::new();
    for writer in writers.iter().take(NAMED) {
        let tables = written_tables(&mut *conn, &writer.id).await;
        let meant = |table: &TableName| selected.contains(table);
        if tables.as_ref().is_some_and(|tables| !tables.iter().any(meant)) {
            continue;
        }
        let named = tables.map(|tables| tables.iter().filter(|t| meant(t)).map(TableName::key).collect::<Vec<_>>());
        let on = named.map_or_else(String::new, |names| format!(" on {}", names.join(", ")));
        open.push(format!("one since {} with {} changed rows{on}", writer.since, writer.rows));
    }
    // The servers' own name of them; who may not ask has seen those without a session above.
    if let Ok(rows) = conn.query("XA RECOVER").await
        && !rows.rows.is_empty()
        && (writers.is_empty() || !open.is_empty())
    {
        open.push(format!("{} prepared and waiting for XA COMMIT", rows.rows.len()));
    }
    Ok(open)
}

/// The tables that a transaction has locked for writing; `None`: this server or user does not show it.
async fn written_tables(conn: &mut dyn Connection, id: &str) -> Option<BTreeSet<TableName>> {
    let sql = format!(
        "SELECT DISTINCT OBJECT_SCHEMA, OBJECT_NAME FROM performance_schema.data_locks \
         WHERE ENGINE_TRANSACTION_ID = {} AND LOCK_TYPE = 'TABLE' AND LOCK_MODE IN ('IX', 'X', 'AUTO_INC')",
        literal(id)
    );
    let rows = cells(&conn.query(&sql).await.ok()?);
    // One that has written holds a lock; where none is shown, they are not shown.
    let tables: BTreeSet<TableName> =
        rows.into_iter().filter_map(|row| Some(TableName::new(row.first()?, row.get(1)?))).collect();
    (!tables.is_empty()).then_some(tables)
}
