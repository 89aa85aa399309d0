//! A bounded look for zero dates (`0000-00-00`, `2020-00-01`), which a strict target refuses. It finds what the first
//! rows and the ends of indexes show; a zero date that it does not see is refused by the load, which is strict.

use crate::formats::structure::{Column, Table};
use crate::seams::sql::Connection;
use crate::words::addr::{key_ident, sql_ident};
use crate::words::error::Outcome;

use super::texts;

/// Rows of a table that are looked at.
const ROWS: u32 = 100_000;
/// Columns that one query looks at.
const COLUMNS: usize = 64;

/// The columns of `tables` in which a zero date was seen: `shop.orders.created`, sorted. The session has to be one that
/// takes zero dates for values: `Look` or `Read`.
///
/// # Errors
/// Where a query fails.
pub async fn zero_dates(conn: &mut dyn Connection, tables: &[Table]) -> Outcome<Vec<String>> {
    let columns: Vec<(&Table, &Column)> = tables
        .iter()
        .flat_map(|table| table.data_columns().map(move |column| (table, column)))
        .filter(|(_, column)| matches!(column.data_type.as_str(), "date" | "datetime" | "timestamp"))
        .collect();
    let mut found = Vec::new();
    for some in columns.chunks(COLUMNS) {
        let looks = some.iter().map(|(table, column)| look(table, column)).collect::<Vec<_>>().join(", ");
        let rows = texts(conn, "look for zero dates", &format!("SELECT {looks}")).await?;
        for ((table, column), seen) in some.iter().zip(rows.first().into_iter().flatten()) {
            if seen == "1" {
                found.push(format!("{}.{}", table.name.key(), key_ident(&column.name)));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// An expression that is 1 where the column is seen to hold a zero date.
fn look(table: &Table, column: &Column) -> String {
    let (from, name) = (table.name.sql(), sql_ident(&column.name));
    let first_rows = format!(
        "EXISTS (SELECT 1 FROM (SELECT {name} FROM {from} LIMIT {ROWS}) first_rows \
         WHERE MONTH({name}) = 0 OR DAYOFMONTH({name}) = 0)"
    );
    let leads = |index: &crate::formats::structure::Index| {
        index.kind == "BTREE" && index.parts.first().and_then(|part| part.column.as_ref()) == Some(&column.name)
    };
    // The least value of an index costs one step, and a zero date is less than every other.
    if table.indexes.iter().any(leads) {
        format!("({first_rows} OR IFNULL((SELECT MONTH(MIN({name})) = 0 FROM {from}), 0))")
    } else {
        first_rows
    }
}
