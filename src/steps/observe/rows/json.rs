//! Values inside of JSON documents that are more than their text: MySQL keeps the digits of a DECIMAL and the type of a
//! date, a time and bytes; TiDB makes the next DOUBLE and strings of them.
//!
//! Tried on MySQL 9.7: a document differs from what its own text reads as where it holds such a value, and only there;
//! a DECIMAL that a DOUBLE holds (1.10) does not count.

use super::{Look, Looker, at_least};
use crate::formats::facts::Flavor;
use crate::formats::row_facts::RowRisk;
use crate::formats::structure::{Column, Table};
use crate::words::addr::{key_ident, sql_ident};
use crate::words::error::Outcome;

/// Documents whose values are looked at one by one, to tell their types.
const DOCUMENTS: u32 = 1_000;

pub(super) async fn look(looker: &mut Looker<'_>, look: &Look<'_>, table: &Table) -> Outcome<()> {
    if look.source.flavor != Flavor::Mysql || look.target.flavor == Flavor::Mysql {
        return Ok(());
    }
    let columns: Vec<&Column> = table.data_columns().filter(|column| column.data_type == "json").collect();
    if columns.is_empty() {
        return Ok(());
    }
    let conditions: Vec<String> = columns.iter().map(|column| more_than_text(&sql_ident(&column.name))).collect();
    let counted = looker.count(table, &columns, &conditions).await?;
    for (column, hits) in columns.iter().zip(&counted.hits) {
        let object = key_ident(&column.name);
        if *hits > 0 {
            let types = types(looker, look, table, column).await?;
            let (numbers, others): (Vec<String>, Vec<String>) =
                types.into_iter().partition(|kind| ["DECIMAL", "DOUBLE", "INTEGER"].contains(&kind.as_str()));
            if !numbers.is_empty() && look.target.flavor == Flavor::Tidb {
                looker.found(RowRisk::JsonNumbers, table, object.clone(), *hits, String::new());
            }
            if !others.is_empty() {
                looker.found(RowRisk::JsonTypes, table, object.clone(), *hits, others.join(", "));
            }
        }
        if let Some(why) = &counted.short {
            looker.unfinished(RowRisk::JsonTypes, table, object, why.clone());
        }
    }
    Ok(())
}

fn more_than_text(document: &str) -> String {
    format!("{document}<>CAST(CAST({document} AS CHAR) AS JSON)")
}

/// The JSON types of the values that are more than their text.
async fn types(looker: &mut Looker<'_>, look: &Look<'_>, table: &Table, column: &Column) -> Outcome<Vec<String>> {
    let (name, (from, _)) = (sql_ident(&column.name), looker.rows_of(table, "documents"));
    let either = vec!["DECIMAL".to_owned(), "dates, times or bytes".to_owned()];
    if !at_least(&look.source.version, (8, 0, 4)) {
        return Ok(either);
    }
    let inside = |path: &str| format!("IFNULL(JSON_EXTRACT(some.doc,'{path}'),JSON_ARRAY())");
    let answer = looker
        .ask(&format!(
            "DISTINCT JSON_TYPE(inner_value.v) FROM (SELECT {name} AS doc FROM {from} WHERE {} LIMIT {DOCUMENTS}) some, \
             JSON_TABLE(JSON_MERGE_PRESERVE(JSON_ARRAY(some.doc),{},{}),'$[*]' COLUMNS (v JSON PATH '$')) inner_value \
             WHERE JSON_TYPE(inner_value.v) NOT IN ('OBJECT','ARRAY') AND {} ORDER BY 1",
            more_than_text(&name),
            inside("$**.*"),
            inside("$**[*]"),
            more_than_text("inner_value.v"),
        ))
        .await?;
    let types: Vec<String> = answer.unwrap_or_default().into_iter().flatten().collect();
    Ok(if types.is_empty() { either } else { types })
}
