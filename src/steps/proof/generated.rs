//! Generated columns, compared on both sides: hashes of their own, apart from those of the data. Each is tied to its row by
//! the key (by all data, where there is no key), so that two values that changed places are seen. They are never moved,
//! so a difference is the target's way to compute them, not a row that was lost.

use std::sync::Arc;

use crate::formats::certificate::GeneratedProof;
use crate::formats::structure::{Column, Index, Table};
use crate::steps::context::Context;
use crate::steps::proof::differences;
use crate::steps::proof::pair::Pair;
use crate::steps::step::StepCtx;
use crate::words::addr::StepAddr;
use crate::words::error::Outcome;

/// What was seen of one generated column, with the keys of rows that differ (`-show-keys`).
pub struct Seen {
    pub proof: GeneratedProof,
    pub keys: String,
}

/// Whether there is anything to compare.
pub fn any(source: &Table, target: &Table) -> bool {
    source.columns.iter().any(|column| is_compared(column, target))
}

/// Whether both sides compute it. What the target holds as data is a difference of structure, and told as one.
fn is_compared(column: &Column, target: &Table) -> bool {
    column.generated.is_some() && find(target, &column.name).is_some_and(|there| there.generated.is_some())
}

/// Compares every generated column that both sides have. One pass where all of them are equal, one more a column else.
///
/// # Errors
/// Where a side cannot be read.
pub async fn compare(
    context: &Context,
    ctx: &StepCtx,
    addr: &StepAddr,
    source: &Table,
    target: &Table,
) -> Outcome<Vec<Seen>> {
    let columns: Vec<&str> =
        source.columns.iter().filter(|column| is_compared(column, target)).map(|column| column.name.as_str()).collect();
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let pair =
        |of: &[&str]| Pair::new(context, ctx, addr, &excerpt(source, of, source), &excerpt(target, of, source), false);
    let equal = |column: &str| Seen {
        proof: GeneratedProof { column: column.to_owned(), equal: true, rows: 0, accepted: false },
        keys: String::new(),
    };
    let Some(all) = pair(&columns)? else { return Ok(Vec::new()) };
    let sums = Arc::new(all).whole(None).await?;
    if sums.source == sums.target {
        return Ok(columns.into_iter().map(equal).collect());
    }
    let mut seen = Vec::new();
    for column in columns {
        let Some(one) = pair(&[column])? else { continue };
        let one = Arc::new(one);
        let sums = one.whole(None).await?;
        if sums.source == sums.target {
            seen.push(equal(column));
            continue;
        }
        let found = differences::search(&one, &sums.differ, context.show_keys).await?;
        let rows = found.changed.max(found.missing).max(found.unexpected);
        let proof = GeneratedProof { column: column.to_owned(), equal: false, rows, accepted: false };
        seen.push(Seen { proof, keys: found.named() });
    }
    Ok(seen)
}

fn find<'a>(table: &'a Table, name: &str) -> Option<&'a Column> {
    table.columns.iter().find(|column| column.name.to_lowercase() == name.to_lowercase())
}

/// The table as if it had only what tells its rows apart, and these columns, all of them data.
fn excerpt(table: &Table, generated: &[&str], source: &Table) -> Table {
    let own = identity(source);
    let wanted = |column: &&Column| {
        let is = |name: &&str| name.to_lowercase() == column.name.to_lowercase();
        generated.iter().any(is) || own.iter().any(|name| is(&name.as_str()))
    };
    let columns: Vec<Column> =
        table.columns.iter().filter(wanted).map(|column| Column { generated: None, ..column.clone() }).collect();
    Table { columns, ..table.clone() }
}

/// The columns by which rows are told apart: of a key that holds no generated column, else all data.
fn identity(table: &Table) -> Vec<String> {
    let data = |name: &str| table.column(name).is_some_and(|column| column.generated.is_none());
    let names = |key: &Index| key.parts.iter().filter_map(|part| part.column.clone()).collect::<Vec<_>>();
    let key = table.usable_keys().into_iter().map(names).find(|names| names.iter().all(|name| data(name)));
    key.unwrap_or_else(|| table.data_columns().map(|column| column.name.clone()).collect())
}
