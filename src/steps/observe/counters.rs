//! AUTO_INCREMENT counters that TiDB's SHOW CREATE TABLE leaves out: at and above 2^63 it prints none, as for a table that
//! never gave a number out. Changes nothing.

use super::texts;
use crate::formats::structure::Table;
use crate::seams::sql::Connection;
use crate::words::error::Outcome;

/// The number that TiDB gives next, where its SHOW CREATE TABLE may have left it out; `None`: the first one.
///
/// SHOW TABLE … NEXT_ROW_ID has one row for each counter of the table, and 0 for one that is used up (as it is after
/// 18446744073709551615); that is told as the last number there is, as MySQL tells it.
///
/// # Errors
/// The server refuses the look, or the connection is lost.
pub(super) async fn left_out(conn: &mut dyn Connection, table: &Table) -> Outcome<Option<u64>> {
    let column = table.columns.iter().find(|column| column.auto_increment && column.data_type == "bigint");
    let Some(column) = column.filter(|_| table.next_id.is_none()) else { return Ok(table.next_id) };
    let doing = format!("read the next AUTO_INCREMENT number of {}", table.name);
    let sql = format!("SHOW TABLE {} NEXT_ROW_ID", table.name.sql());
    Ok(highest(&column.name, &texts(conn, &doing, &sql).await?))
}

/// `rows`: schema, table, column, number, kind of counter.
fn highest(column: &str, rows: &[Vec<String>]) -> Option<u64> {
    let of_column = rows.iter().filter(|row| row.get(2).is_some_and(|name| name.eq_ignore_ascii_case(column)));
    let next = of_column.filter_map(|row| row.get(3)?.parse::<u64>().ok());
    next.map(|next| if next == 0 { u64::MAX } else { next }).max().filter(|next| *next > 1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::highest;

    #[test]
    fn the_highest_counter_of_the_column_counts_and_one_that_is_used_up_is_at_the_last_number() {
        let check = |rows: &[(&str, &str)], expected: Option<u64>| {
            let row =
                |(column, next): &(&str, &str)| ["s", "t", column, next, "_TIDB_ROWID"].map(str::to_owned).to_vec();
            assert_eq!(highest("id", &rows.iter().map(row).collect::<Vec<_>>()), expected, "{rows:?}");
        };
        check(&[], None);
        check(&[("id", "1"), ("id", "1")], None);
        check(&[("ID", "9223372036854775808"), ("id", "1")], Some(1 << 63));
        check(&[("id", "0"), ("id", "1")], Some(u64::MAX));
        check(&[("_tidb_rowid", "0"), ("id", "1")], None);
    }
}
