//! Looking at the world before a plan is made: servers, structure, ledger, binlog, disk. Changes nothing, anywhere.

pub mod binlog;
pub mod cloud;
mod counters;
mod defaults;
pub mod dump_files;
pub mod dump_folder;
pub mod evidence;
mod expressions;
pub mod foreign_keys;
pub mod inventory;
pub mod ledger;
pub mod more;
pub mod rows;
pub mod server;
mod statement;
pub mod views;
pub mod world;
pub mod zero_dates;

use std::ops::ControlFlow;

use crate::seams::sql::{Connection, Rows};
use crate::words::addr::sql_literal as literal;
use crate::words::error::Outcome;

/// A value as text; NULL is the empty text.
fn text(cell: Option<&[u8]>) -> String {
    cell.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
}

fn optional_text(cell: Option<&[u8]>) -> Option<String> {
    cell.map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

fn number(cell: Option<&[u8]>) -> u64 {
    cell.and_then(|bytes| std::str::from_utf8(bytes).ok()?.parse().ok()).unwrap_or(0)
}

/// Runs a query and hands each row to `take`.
async fn each<F>(conn: &mut dyn Connection, doing: &str, sql: &str, mut take: F) -> Outcome<()>
where
    F: FnMut(&[Option<&[u8]>]) + Send,
{
    let mut on_row = |row: &[Option<&[u8]>]| {
        take(row);
        ControlFlow::Continue(())
    };
    conn.stream(sql, &mut on_row).await.map(|_| ()).map_err(|fault| fault.told(doing))
}

/// The cells of a small result as text.
pub(super) async fn texts(conn: &mut dyn Connection, doing: &str, sql: &str) -> Outcome<Vec<Vec<String>>> {
    let rows = conn.query(sql).await.map_err(|fault| fault.told(doing))?;
    Ok(cells(&rows))
}

fn cells(rows: &Rows) -> Vec<Vec<String>> {
    rows.rows.iter().map(|row| row.iter().map(|cell| text(cell.as_deref())).collect()).collect()
}
