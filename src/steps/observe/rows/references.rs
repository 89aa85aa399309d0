//! Foreign keys that hold by the weights of the source alone: children whose parent has another text, which the source's
//! collation takes for the same and the target's does not.

use std::collections::BTreeSet;

use super::keys::{Weighed, literal, weighed};
use super::{Look, Looker};
use crate::formats::row_facts::RowRisk;
use crate::formats::structure::{ForeignKey, Table};
use crate::seams::sql::{Connection, Role};
use crate::words::addr::{key_ident, sql_ident};
use crate::words::error::Outcome;

use super::super::cells;

/// Different pairs of texts that are looked at for one foreign key.
const PAIRS: usize = 5_000;
/// Pairs that one statement compares.
const AT_ONCE: usize = 400;

pub(super) async fn look(looker: &mut Looker<'_>, look: &Look<'_>) -> Outcome<()> {
    let mut target: Option<Box<dyn Connection>> = None;
    for table in look.tables {
        for key in &table.foreign_keys {
            let Some(parent) = look.tables.iter().find(|parent| parent.name == key.references) else { continue };
            let texts: Vec<(Weighed<'_>, &str)> = key
                .columns
                .iter()
                .zip(&key.referenced_columns)
                .filter_map(|(column, of)| Some((weighed(look, table.column(column)?)?, of.as_str())))
                .collect();
            if texts.is_empty() {
                continue;
            }
            if target.is_none()
                && let Some(server) = look.target_server
            {
                target = server.connect(&Role::Look).await.ok();
            }
            one(looker, table, key, parent, &texts, target.as_deref_mut()).await?;
        }
    }
    Ok(())
}

async fn one(
    looker: &mut Looker<'_>,
    table: &Table,
    key: &ForeignKey,
    parent: &Table,
    texts: &[(Weighed<'_>, &str)],
    target: Option<&mut (dyn Connection + '_)>,
) -> Outcome<()> {
    let object = key_ident(&key.name);
    let hex = |side: &str, column: &str| format!("HEX(CONVERT({side}.{} USING utf8mb4))", sql_ident(column));
    let joined: Vec<String> = key
        .columns
        .iter()
        .zip(&key.referenced_columns)
        .map(|(column, of)| format!("child.{}=parent.{}", sql_ident(column), sql_ident(of)))
        .collect();
    let pairs: Vec<(String, String)> =
        texts.iter().map(|(weighed, of)| (hex("child", &weighed.column.name), hex("parent", of))).collect();
    let other: Vec<String> = pairs.iter().map(|(here, there)| format!("{here}<>{there}")).collect();
    let selected: Vec<String> = pairs.iter().flat_map(|(here, there)| [here.clone(), there.clone()]).collect();
    let (child, short) = looker.rows_of(table, "child");
    if let Some(why) = short {
        looker.unfinished(RowRisk::LostParents, table, object.clone(), why);
    }
    let rest = format!(
        "{columns},COUNT(*) FROM {child} JOIN {} parent ON {} WHERE {} GROUP BY {columns} LIMIT {}",
        parent.name.sql(),
        joined.join(" AND "),
        other.join(" OR "),
        PAIRS + 1,
        columns = selected.join(","),
    );
    let rows = match looker.ask(&rest).await? {
        Ok(rows) if rows.is_empty() => return Ok(()),
        Ok(rows) => rows,
        Err(why) => {
            looker.unfinished(RowRisk::LostParents, table, object, format!("not looked at: {why}"));
            return Ok(());
        }
    };
    if rows.len() > PAIRS {
        let why = format!("the first {PAIRS} different pairs of child and parent were compared");
        looker.unfinished(RowRisk::LostParents, table, object.clone(), why);
    }
    let Some(target) = target else {
        let why = "children differ from their parents in text, and the target was not asked whether they are equal";
        looker.unfinished(RowRisk::LostParents, table, object, why.into());
        return Ok(());
    };
    let Some(orphans) = orphans(&rows, texts, target).await else {
        let why = "children differ from their parents in text, and the target did not say whether they are equal";
        looker.unfinished(RowRisk::LostParents, table, object, why.into());
        return Ok(());
    };
    if orphans > 0 {
        let collations: BTreeSet<&str> = texts.iter().map(|(weighed, _)| weighed.collation.as_str()).collect();
        let names = collations.into_iter().collect::<Vec<_>>().join(", ");
        looker.found(RowRisk::LostParents, table, object, orphans, names);
    }
    Ok(())
}

/// The children whose text differs from their parent's by the target, too. `None`: the target does not say.
async fn orphans(
    rows: &[Vec<String>],
    texts: &[(Weighed<'_>, &str)],
    target: &mut (dyn Connection + '_),
) -> Option<u64> {
    let mut orphans = 0;
    for some in rows.chunks(AT_ONCE) {
        let equal: Vec<String> = some
            .iter()
            .map(|row| {
                let all = texts.iter().zip(row.chunks(2)).map(|((weighed, _), pair)| {
                    let side = |at: usize| literal(pair.get(at).map_or("", String::as_str), &weighed.collation);
                    format!("{}={}", side(0), side(1))
                });
                all.collect::<Vec<_>>().join(" AND ")
            })
            .collect();
        let rows = target.query(&format!("SELECT {}", equal.join(","))).await.ok()?;
        let answer = cells(&rows).into_iter().next().unwrap_or_default();
        let children = |row: &Vec<String>| row.last().and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
        orphans += some.iter().zip(&answer).filter(|(_, same)| *same != "1").map(|(row, _)| children(row)).sum::<u64>();
    }
    Some(orphans)
}
