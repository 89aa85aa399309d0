//! A bounded look for zero dates (`0000-00-00`, `2020-00-01`) and for days that no month has (31 February, which
//! ALLOW_INVALID_DATES lets in), which a strict target refuses. It finds what the first rows and the ends of indexes
//! show; what it does not see is refused by the load, which is strict.

use std::sync::{Mutex, PoisonError};

use futures::future::BoxFuture;

use crate::formats::structure::{Column, Table};
use crate::seams::sql::Connection;
use crate::words::addr::{key_ident, sql_ident};
use crate::words::error::Outcome;

use super::inventory::Also;
use super::texts;

/// Rows of a table that are looked at.
const ROWS: u32 = 100_000;
/// Columns that one query looks at.
const COLUMNS: usize = 64;

/// The columns in which such dates were seen: `shop.orders.created`, sorted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct OddDates {
    pub zero: Vec<String>,
    /// Of days that no month has.
    pub impossible: Vec<String>,
}

/// Looks at the tables of an inventory while it is read. The sessions have to be ones that take such dates for values: `Look`
/// or `Read`.
#[derive(Default)]
pub struct Dates(Mutex<OddDates>);

impl Dates {
    /// What was seen in all tables.
    pub fn found(self) -> OddDates {
        let mut found = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.zero.sort();
        found.impossible.sort();
        found
    }
}

impl Also for Dates {
    fn ask<'a>(&'a self, conn: &'a mut dyn Connection, tables: Vec<&'a Table>) -> BoxFuture<'a, Outcome<()>> {
        Box::pin(async move {
            let columns: Vec<(&Table, &Column)> = tables
                .into_iter()
                .flat_map(|table| table.data_columns().map(move |column| (table, column)))
                .filter(|(_, column)| matches!(column.data_type.as_str(), "date" | "datetime" | "timestamp"))
                .collect();
            let seen = seen(conn, &columns).await?;
            let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            found.zero.extend(seen.zero);
            found.impossible.extend(seen.impossible);
            Ok(())
        })
    }
}

async fn seen(conn: &mut dyn Connection, columns: &[(&Table, &Column)]) -> Outcome<OddDates> {
    let mut found = OddDates::default();
    for some in columns.chunks(COLUMNS) {
        let looks = some.iter().map(|(table, column)| look(table, column)).collect::<Vec<_>>().join(", ");
        let rows = texts(conn, "look for zero dates", &format!("SELECT {looks}")).await?;
        for ((table, column), seen) in some.iter().zip(rows.first().into_iter().flatten()) {
            let seen: u8 = seen.parse().unwrap_or(0);
            let place = || format!("{}.{}", table.name.key(), key_ident(&column.name));
            if seen & ZERO > 0 {
                found.zero.push(place());
            }
            if seen & IMPOSSIBLE > 0 {
                found.impossible.push(place());
            }
        }
    }
    Ok(found)
}

const ZERO: u8 = 1;
const IMPOSSIBLE: u8 = 2;

/// An expression that is the sum of what is seen in the column.
fn look(table: &Table, column: &Column) -> String {
    let (from, name) = (table.name.sql(), sql_ident(&column.name));
    // The rows are read once for both. Of no row, and of NULL alone, nothing is seen.
    let any = |odd: &str| format!("IFNULL(MAX({odd}), 0)");
    let zero = any(&format!("MONTH({name}) = 0 OR DAYOFMONTH({name}) = 0"));
    // A TIMESTAMP holds no such day.
    let impossible = match column.data_type.as_str() {
        "timestamp" => String::new(),
        _ => {
            let odd = format!("DAYOFMONTH({name}) > 28 AND DAYOFMONTH({name}) > DAYOFMONTH(LAST_DAY({name}))");
            format!(" + {IMPOSSIBLE} * {}", any(&odd))
        }
    };
    let first_rows = |seen: &str| format!("(SELECT {seen} FROM (SELECT {name} FROM {from} LIMIT {ROWS}) first_rows)");
    let leads = |index: &crate::formats::structure::Index| {
        index.kind == "BTREE" && index.parts.first().and_then(|part| part.column.as_ref()) == Some(&column.name)
    };
    // The least value of an index costs one step, and a zero date is less than every other.
    if table.indexes.iter().any(leads) {
        let least = format!("IFNULL((SELECT MONTH(MIN({name})) = 0 FROM {from}), 0)");
        format!("({} | {least})", first_rows(&format!("{zero}{impossible}")))
    } else {
        first_rows(&format!("{zero}{impossible}"))
    }
}
