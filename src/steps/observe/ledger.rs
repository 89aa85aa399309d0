//! The ledger on the target, as far as a plan needs it: who owns what, and what was loaded. Writes nothing into it.

use std::collections::{BTreeMap, BTreeSet};

use crate::formats::facts::{LedgerFacts, LedgerObject, LoadedFacts};
use crate::seams::sql::Connection;
use crate::words::addr::sql_ident;
use crate::words::error::Outcome;

use super::{each, literal, number, text, texts};

const DOING: &str = "read the ledger on the target";

/// Objects of every lineage, and what this one has loaded. No schema, or none of the ledger's tables in it: not present.
///
/// A table's current epoch is that of its row in `objects`; a table that has one and no batch was loaded with no row.
///
/// # Errors
/// Where a query fails.
pub async fn ledger_facts(conn: &mut dyn Connection, schema: &str, lineage: Option<&str>) -> Outcome<LedgerFacts> {
    let sql = format!(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} \
         AND TABLE_NAME IN ('identity', 'objects', 'batches')",
        literal(schema)
    );
    // A maker that was killed may have left some of them out.
    let there: BTreeSet<String> = texts(conn, DOING, &sql).await?.into_iter().flatten().collect();
    let mut facts = LedgerFacts { present: !there.is_empty(), ..LedgerFacts::default() };
    let schema = sql_ident(schema);
    if there.contains("identity") {
        let rows = texts(conn, DOING, &format!("SELECT server_id FROM {schema}.identity")).await?;
        facts.server_id = rows.into_iter().flatten().next();
    }
    if there.contains("objects") {
        let sql =
            format!("SELECT lineage, kind, name, state, epoch FROM {schema}.objects ORDER BY kind, name, lineage");
        let objects = &mut facts.objects;
        each(conn, DOING, &sql, |row| {
            objects.push(LedgerObject {
                lineage: text(row[0]),
                kind: text(row[1]),
                name: text(row[2]),
                state: text(row[3]),
                epoch: number(row[4]),
            });
        })
        .await?;
    }
    let Some(lineage) = lineage else { return Ok(facts) };
    let current: BTreeMap<String, u64> = facts
        .objects
        .iter()
        .filter(|object| object.lineage == lineage && object.kind == "table")
        .map(|object| (object.name.clone(), object.epoch))
        .collect();
    for (name, epoch) in &current {
        facts.loaded.insert(name.clone(), LoadedFacts { epoch: *epoch, rows: 0, hash: "0".into() });
    }
    if there.contains("batches") {
        let sql = format!(
            "SELECT tbl, epoch, SUM(`rows`), SUM(hash) FROM {schema}.batches WHERE lineage = {} \
             GROUP BY tbl, epoch ORDER BY tbl, epoch",
            literal(lineage)
        );
        let loaded = &mut facts.loaded;
        each(conn, DOING, &sql, |row| {
            let (name, epoch) = (text(row[0]), number(row[1]));
            // Without a row in `objects` the last epoch counts: the rows come in its order.
            if current.get(&name).is_none_or(|current| *current == epoch) {
                loaded.insert(name, LoadedFacts { epoch, rows: number(row[2]), hash: text(row[3]) });
            }
        })
        .await?;
    }
    Ok(facts)
}
