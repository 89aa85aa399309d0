//! Times between 838:59:59 and 839:00:00, which MariaDB keeps and no other server.

use super::{Look, Looker};
use crate::formats::facts::Flavor;
use crate::formats::row_facts::RowRisk;
use crate::formats::structure::{Column, Table};
use crate::words::addr::{key_ident, sql_ident};
use crate::words::error::Outcome;

pub(super) async fn look(looker: &mut Looker<'_>, look: &Look<'_>, table: &Table) -> Outcome<()> {
    if look.source.flavor != Flavor::Mariadb || look.target.flavor == Flavor::Mariadb {
        return Ok(());
    }
    let columns: Vec<&Column> = table.data_columns().filter(|column| column.column_type.starts_with("time(")).collect();
    if columns.is_empty() {
        return Ok(());
    }
    let conditions: Vec<String> = columns
        .iter()
        .map(|column| sql_ident(&column.name))
        .map(|name| format!("({name}>'838:59:59' OR {name}<'-838:59:59')"))
        .collect();
    let counted = looker.count(table, &columns, &conditions).await?;
    for (column, hits) in columns.iter().zip(&counted.hits) {
        let object = || key_ident(&column.name);
        if *hits > 0 {
            looker.found(RowRisk::LongTime, table, object(), *hits, column.column_type.clone());
        }
        if let Some(why) = &counted.short {
            looker.unfinished(RowRisk::LongTime, table, object(), why.clone());
        }
    }
    Ok(())
}
