//! Where the source's log stood when each table's dump began, as the records tell, and what the end of a run makes of it.
//! Knows no event and no server's way to tell: that is the observer's.

use std::collections::{BTreeMap, BTreeSet};

use crate::formats::facts::Position;
use crate::formats::outputs;
use crate::formats::plan::Action;
use crate::formats::spec::model::Migration;
use crate::formats::state::Progress;
use crate::formats::state::{Status, StepRecord};
use crate::formats::steps::{DumpOutputs, GateOutputs};
use crate::seams::sql::Role;
use crate::steps::context::Context;
use crate::steps::observe::binlog::{self, Since};
use crate::steps::observe::evidence;
use crate::steps::observe::server::server_facts;
use crate::steps::step::StepCtx;
use crate::think::gates::count;
use crate::words::addr::GateName;
use crate::words::addr::{StepAddr, StepKind, TableName};
use crate::words::error::Outcome;
use crate::words::list::first_of;

/// What the gate recorded.
pub fn of_gate(ctx: &StepCtx, migration: &str) -> Outcome<GateOutputs> {
    let gate = ctx.upstream(&StepAddr::gate(migration, GateName::WritesStopped))?;
    Ok(gate.unwrap_or_default())
}

/// What an unfinished dump noted.
pub fn noted(addr: &StepAddr, progress: &Progress) -> Outcome<Option<Position>> {
    outputs::note(addr, &progress.notes, outputs::NOTE_POSITION)
}

/// The places of the tables that are kept: not of those that this run is to read again.
pub fn kept(context: &Context, ctx: &StepCtx, migration: &Migration, run: Option<Position>) -> Outcome<Since> {
    let replaced = format!("replaced by {}", context.plan_digest.short());
    let anew = |addr: &StepAddr, record: &StepRecord| match context.node(addr).map(|node| node.action) {
        Ok(Action::Replace) => !record.progress.notes.contains_key(&replaced),
        // Its inputs changed; one that goes on is not complete.
        Ok(Action::Rerun) => record.status == Status::Complete,
        Ok(_) => false,
        // No longer moved.
        Err(_) => true,
    };
    ctx.through_records(|steps| of_records(steps, &migration.name, run, &anew))
}

/// The same, of records alone; `again`: dumps that begin again, or whose tables are not moved any more.
pub fn of_records(
    steps: &BTreeMap<StepAddr, StepRecord>,
    migration: &str,
    run: Option<Position>,
    anew: &dyn Fn(&StepAddr, &StepRecord) -> bool,
) -> Outcome<Since> {
    let mut since = Since { run, ..Since::default() };
    let dumps = steps.iter().filter(|(addr, record)| {
        record.kind == StepKind::Dump && addr.migration() == Some(migration) && !anew(addr, record)
    });
    for (addr, record) in dumps {
        let Some(table) = addr.table() else { continue };
        let position = match noted(addr, &record.progress)? {
            None => record.outputs_as::<DumpOutputs>(addr)?.and_then(|dump| dump.position),
            noted => noted,
        };
        since.tables.extend(position.map(|position| (table.clone(), position)));
        if record.status == Status::Complete {
            since.done.insert(table);
        }
    }
    Ok(since)
}

/// What is known at the end.
pub enum Look {
    /// By what, and a text.
    Proven {
        how: &'static str,
        text: String,
    },
    Detected(String),
    /// Why.
    Unproven(String),
}

/// Whether any of these tables was written to on the source since its dump began.
///
/// # Errors
/// Where the source cannot be asked.
pub async fn look(context: &Context, ctx: &StepCtx, migration: &Migration, tables: &[String]) -> Outcome<Look> {
    const UNSEEN: &str = "Writes with sql_log_bin = 0 are not seen by this.";
    let run = of_gate(ctx, &migration.name)?.run;
    let tables: BTreeSet<TableName> = tables.iter().filter_map(|key| TableName::parse_key(key)).collect();
    let since = ctx.through_records(|steps| {
        let others = |addr: &StepAddr, _: &StepRecord| addr.table().is_none_or(|table| !tables.contains(&table));
        of_records(steps, &migration.name, run, &others)
    })?;
    if since.is_empty() {
        return Ok(Look::Unproven("the binlog position was not to be had".into()));
    }
    let address = context.source_of(migration)?;
    let server = context.server(&address)?;
    // Before the end is looked for: what these commit while they are waited for stands in front of it.
    let open = evidence::open(&*server, &tables).await?;
    let now = server_facts(&mut *server.connect(&Role::Look).await?, None).await?.binlog;
    let source = &context.facts(&ctx.addr)?.source;
    let seen = binlog::writes_since(&*server, &now, &since, &migration.tables, source).await;
    if !seen.changed_tables.is_empty() {
        return Ok(Look::Detected(format!(
            "writes to {} were seen while the tables were moved",
            seen.changed_tables.join(", ")
        )));
    }
    let untold: Vec<String> =
        tables.iter().filter(|table| !since.tables.contains_key(*table)).map(TableName::key).collect();
    let doubts = [
        (!untold.is_empty())
            .then(|| format!("where the binlog stood when they were read is not recorded of {}", some_of(&untold))),
        unsettled(&since),
        (!seen.unproven.is_empty()).then(|| seen.unproven.clone()),
        (!seen.unattributed.is_empty()).then(|| {
            let n = count(seen.unattributed.len(), "statement");
            format!("{n} in the binlog cannot be attributed to a table: {}", seen.unattributed.join("; "))
        }),
        (!seen.announced.is_empty()).then(|| {
            format!("a statement may have written to {}, by a foreign key's action, say", seen.announced.join(", "))
        }),
        (!open.is_empty()).then(|| {
            let n = count(open.len(), "transaction");
            format!(
                "{n} had written on the source and not ended, and what is committed later is not on the target: {}",
                open.join("; ")
            )
        }),
    ];
    let doubts: Vec<String> = doubts.into_iter().flatten().collect();
    if !doubts.is_empty() {
        return Ok(Look::Unproven(doubts.join("; ")));
    }
    let places = since.places();
    let from = match places.as_slice() {
        [_] => String::new(),
        _ => format!(" Looked at: {}.", stretches(&since)),
    };
    if let ([one], true) = (places.as_slice(), seen.to.same_place(&seen.from)) {
        return Ok(Look::Proven {
            how: "the binlog's position before the first and after the last part is the same",
            text: format!("No event was written to the binlog since {one}. {UNSEEN}"),
        });
    }
    Ok(Look::Proven {
        how: "the binlog's events between the first and the last part",
        text: format!("The binlog moved, and no event in it is on a moved table.{from} {UNSEEN}"),
    })
}

/// Commits that may have been on their way when a place was taken: they stand in front of it, and were not to be read.
fn unsettled(since: &Since) -> Option<String> {
    let tables: Vec<String> =
        since.tables.iter().filter(|(_, place)| place.settled.is_empty()).map(|(table, _)| table.key()).collect();
    (!tables.is_empty()).then(|| {
        format!(
            "commits that were on their way when the binlog's position was taken cannot be ruled out, for {}",
            some_of(&tables)
        )
    })
}

/// Which tables were looked after from which place.
fn stretches(since: &Since) -> String {
    let each = since.places().into_iter().filter_map(|place| {
        let tables = since.tables.values().filter(|of| of.same_place(place)).count();
        (tables > 0).then(|| format!("{} since {place}", count(tables, "table")))
    });
    each.collect::<Vec<_>>().join(", ")
}

fn some_of(names: &[String]) -> String {
    first_of(names, 5)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use serde_json::{Value, json};

    use crate::steps::proof::writes::*;

    #[test]
    fn each_table_has_the_place_of_its_own_dump() {
        let record = |status, notes: Value, outputs: Value| -> StepRecord {
            serde_json::from_value(json!({
                "kind": "dump", "inputs_digest": crate::words::digest::Digest::of_bytes(b""), "status": status,
                "outputs": outputs, "depends_on": [], "started": "", "progress": { "notes": notes },
            }))
            .unwrap()
        };
        let at = |offset: u64| json!({ "position": { "file": "b.1", "offset": offset } });
        let dumped = |position: Option<Value>| {
            let digest = crate::words::digest::Digest::of_bytes(b"");
            json!({
                "rows": 1, "hash": "5", "bytes": 2, "parts": 1, "manifest": digest, "position": position,
                "inputs": {
                    "table": { "schema": "s", "name": "t" }, "fingerprint": digest,
                    "engine": "native", "format": "sql", "compress": "none",
                },
            })
        };
        let ended_at = |offset: u64| dumped(Some(at(offset)["position"].clone()));
        let table = |name: &str| TableName::new("s", name);
        let steps = BTreeMap::from(
            [
                ("complete", record("complete", json!({}), ended_at(1))),
                ("begun", record("running", at(2), Value::Null)),
                ("begun_again", record("running", at(4), ended_at(3))),
                ("older", record("complete", json!({}), dumped(None))),
                ("replaced", record("complete", json!({}), ended_at(5))),
            ]
            .map(|(name, record)| (StepAddr::of_table("m", StepKind::Dump, &table(name)), record)),
        );
        let since = of_records(&steps, "m", None, &|addr, _| addr.table() == Some(table("replaced"))).unwrap();
        let places: Vec<(String, u64)> = since.tables.iter().map(|(name, of)| (name.name.clone(), of.offset)).collect();
        assert_eq!(places, [("begun".into(), 2), ("begun_again".into(), 4), ("complete".into(), 1)]);
        assert_eq!(since.done, BTreeSet::from([table("complete"), table("older")]));
        assert!(of_records(&steps, "other", None, &|_, _| false).unwrap().is_empty());
        assert_eq!(stretches(&since), "1 table since b.1:1, 1 table since b.1:2, 1 table since b.1:4");
        assert!(unsettled(&since).is_some_and(|why| why.ends_with("s.begun, s.begun_again, s.complete")));
    }
}
