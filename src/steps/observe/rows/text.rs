//! Text that stands for no Unicode text, or for the same as another: see [`rowhash::lost_text`].

use super::{Look, Looker, at_least};
use crate::formats::facts::Flavor;
use crate::formats::row_facts::RowRisk;
use crate::formats::rowhash;
use crate::formats::structure::{Column, Table};
use crate::words::addr::{key_ident, sql_ident};
use crate::words::error::Outcome;

pub(super) async fn look(looker: &mut Looker<'_>, look: &Look<'_>, table: &Table) -> Outcome<()> {
    let mut columns = Vec::new();
    let mut conditions = Vec::new();
    for column in table.data_columns() {
        // MariaDB and MySQL before 8.0 let bytes above 7F into ASCII.
        let lax = look.source.flavor == Flavor::Mariadb || !at_least(&look.source.version, (8, 0, 0));
        let ascii = lax && look.source.flavor != Flavor::Tidb && column.charset.as_deref() == Some("ascii");
        let lost = match rowhash::lost_text(column) {
            Some(lost) => lost,
            None if ascii => rowhash::lost_condition(column),
            None => continue,
        };
        let (name, charset) = (sql_ident(&column.name), column.charset.as_deref().unwrap_or_default());
        let back = format!("HEX(CONVERT(CONVERT({name} USING utf8mb4) USING {charset}))");
        conditions.push(lost.clone());
        conditions.push(format!("(HEX({name})<>{back} AND NOT ({lost}))"));
        columns.push(column);
    }
    if columns.is_empty() {
        return Ok(());
    }
    let counted = looker.count(table, &columns, &conditions).await?;
    let object = |column: &Column| key_ident(&column.name);
    for (column, hits) in columns.iter().zip(counted.hits.chunks(2)) {
        let charset = column.charset.clone().unwrap_or_default();
        for (risk, hits) in [RowRisk::LostText, RowRisk::OtherCode].into_iter().zip(hits) {
            if *hits > 0 {
                looker.found(risk, table, object(column), *hits, charset.clone());
            }
        }
        if let Some(why) = &counted.short {
            looker.unfinished(RowRisk::LostText, table, object(column), why.clone());
        }
    }
    Ok(())
}
