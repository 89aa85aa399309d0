//! What the certificate reads once more before it says "equal". Of the target: what an earlier run verified, for anybody
//! may have written there since, and what the ledger no longer has. Of the source: every table whose rows were read before
//! the last load had ended, where nothing else proves that nobody wrote. Knows nothing of binlogs and of structure.

use std::sync::Arc;

use futures::StreamExt as _;

use crate::formats::certificate::{ProvenBy, TableProof, WritesOutcome, WritesProof};
use crate::formats::facts::LedgerFacts;
use crate::formats::spec::model::{Migration, VerifyMode};
use crate::formats::steps::{LoadOutputs, TableInputs};
use crate::seams::sql::Role;
use crate::steps::context::{Context, read_inputs};
use crate::steps::observe::ledger::ledger_facts;
use crate::steps::proof::pair::Pair;
use crate::steps::proof::sides::{Side, broken};
use crate::steps::proof::walk::{self, Total};
use crate::steps::step::StepCtx;
use crate::words::addr::{StepAddr, StepKind, TableName};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// Tables that are read at once; the statements have the ceilings of their servers besides.
const TABLES_AT_ONCE: usize = 8;

/// Reads what has to be read and puts it in place of the former evidence. Gives the proof about writes, with the sentence
/// of what was done, and the tables that are not on the target any more as they were verified.
///
/// # Errors
/// Where a server does not answer, or the run is to stop.
pub async fn settle(
    context: &Arc<Context>,
    ctx: &StepCtx,
    migration: &Migration,
    tables: &mut [TableProof],
    writes: WritesProof,
) -> Outcome<(WritesProof, Option<Failure>)> {
    let ledger = look_into_ledger(context, migration).await?;
    let moved = tables.iter().map(moved).collect::<Vec<_>>();
    let last_load = last_load(ctx, migration, tables);
    let open = writes.outcome == WritesOutcome::Unproven && !is_dump(context, migration);
    let mut wanted = Vec::new();
    for (at, table) in tables.iter_mut().enumerate() {
        let Some(name) = TableName::parse_key(&table.table) else { continue };
        let load = StepAddr::of_table(&migration.name, StepKind::Load, &name);
        let load = ctx.upstream::<LoadOutputs>(&load)?;
        let lost = load.is_some_and(|load| load.differs_from(&ledger, &table.table).is_some());
        if table.proven_by == ProvenBy::NotVerified {
            if lost {
                let there = ledger.loaded.get(&table.table).cloned().unwrap_or_default();
                table.rows.target = Some(there.rows);
                table.hash.target = Some(there.hash).filter(|hash| !hash.is_empty());
            }
            continue;
        }
        let older = |read: &Option<String>, than: &str| read.as_deref().is_none_or(|read| read < than);
        let target = lost || older(&table.read.target, &context.began);
        let source = open && older(&table.read.source, &last_load);
        if source || target {
            wanted.push((at, name, source, target));
        }
    }
    if !wanted.is_empty() {
        ctx.total(wanted.iter().map(|(at, ..)| tables[*at].row_count()).sum(), 0);
    }
    let read = wanted.into_iter().map(|(at, name, source, target)| async move {
        if ctx.stopping() {
            return Err(ctx.interrupted());
        }
        Ok((at, read_table(context, ctx, migration, &name, source, target).await?))
    });
    let mut read = futures::stream::iter(read).buffer_unordered(TABLES_AT_ONCE);
    while let Some(done) = read.next().await {
        let (at, (source, target)) = done?;
        let table = &mut tables[at];
        let content = table.proven_by.sees_content();
        if let Some(source) = source {
            put(source, content, &mut table.rows.source, &mut table.hash.source, &mut table.read.source);
        }
        if let Some(target) = target {
            put(target, content, &mut table.rows.target, &mut table.hash.target, &mut table.read.target);
        }
    }
    drop(read);
    let tables: Vec<(&TableProof, &Rows)> = tables.iter().zip(&moved).collect();
    let writes = if open { told(context, migration, &tables, writes) } else { writes };
    Ok((writes, changed(migration, &tables)))
}

fn put(found: Total, content: bool, rows: &mut Option<u64>, hash: &mut Option<String>, at: &mut Option<String>) {
    *rows = Some(found.hash.rows);
    if content {
        *hash = Some(found.hash.sum.to_string());
    }
    *at = Some(found.at);
}

/// The sums of one table, of the sides that are asked for.
async fn read_table(
    context: &Arc<Context>,
    ctx: &StepCtx,
    migration: &Migration,
    name: &TableName,
    source: bool,
    target: bool,
) -> Outcome<(Option<Total>, Option<Total>)> {
    let of = |kind| StepAddr::of_table(&migration.name, kind, name);
    let structure: TableInputs = read_inputs(context.node(&of(StepKind::Table))?)?;
    let count_only = migration.verify == VerifyMode::Count;
    let verify = of(StepKind::Verify);
    let pair = Pair::new(context, ctx, &verify, &structure.source, &structure.target, count_only)?
        .ok_or_else(|| broken("the table on the target lacks a column"))?;
    let side = |wanted: bool, side: Arc<Side>| async move {
        if wanted { walk::total(&side, count_only, None).await.map(Some) } else { Ok(None) }
    };
    futures::future::try_join(side(source, pair.source.clone()), side(target, pair.target.clone())).await
}

async fn look_into_ledger(context: &Context, migration: &Migration) -> Outcome<LedgerFacts> {
    let server = context.server(&context.target_of(migration)?)?;
    let mut connection = server.connect(&Role::Look).await?;
    ledger_facts(&mut *connection, context.ledger_schema(migration)?, Some(&context.lineage)).await
}

/// How many rows a table has, and the sum of their hashes.
type Rows = (Option<u64>, Option<String>);

/// What was moved of a table: as it was dumped, or as `mig import` has found it.
fn moved(table: &TableProof) -> Rows {
    match table.found {
        false => (table.rows.dumped, table.hash.dumped.clone()),
        true => (table.rows.target, table.hash.target.clone()),
    }
}

/// When the last load of all ended.
fn last_load(ctx: &StepCtx, migration: &Migration, tables: &[TableProof]) -> String {
    let ended = |table: &TableProof| {
        let name = TableName::parse_key(&table.table)?;
        ctx.record(&StepAddr::of_table(&migration.name, StepKind::Load, &name))?.finished
    };
    tables.iter().filter_map(ended).max().unwrap_or_default()
}

fn is_dump(context: &Context, migration: &Migration) -> bool {
    context.source_of(migration).is_ok_and(|source| context.seen(&source).is_some_and(|facts| facts.dump))
}

/// What stands for the proof that there is none of, in a sentence; writes, where a table of the source has other rows.
fn told(context: &Context, migration: &Migration, tables: &[(&TableProof, &Rows)], writes: WritesProof) -> WritesProof {
    let why = writes.text;
    let verb = match migration.verify {
        VerifyMode::Full => "hashed",
        VerifyMode::Count => "counted",
        VerifyMode::None => {
            let text = format!("{why}. The tables were not read again.");
            return WritesProof { outcome: WritesOutcome::Unproven, how: "nothing".into(), text };
        }
    };
    let differs = |(table, (rows, hash)): &&(&TableProof, &Rows)| {
        let counted = table.rows.source.is_some() && table.rows.source != *rows;
        counted || (table.hash.source.is_some() && table.hash.source != *hash)
    };
    let written: Vec<&str> = tables.iter().filter(differs).map(|(table, _)| table.table.as_str()).collect();
    let from = tables.iter().filter_map(|(table, _)| table.read.source.as_deref()).min().unwrap_or_default();
    let pass = format!(
        "Every table was {verb} on the source after the last load of all had ended, between {from} and {}",
        context.clock.now()
    );
    let how = format!("the source, {verb} after the last load");
    if written.is_empty() {
        let text = format!(
            "{why}. {pass}, and had the rows that were {how}: weaker evidence, for it does not see what was written and \
             undone before, nor what is written later.",
            how = if tables.iter().any(|(table, _)| table.found) { "dumped or found" } else { "dumped" },
        );
        return WritesProof { outcome: WritesOutcome::Unproven, how, text };
    }
    let text = format!("writes to {} were seen while the tables were moved: {why}. {pass}", written.join(", "));
    WritesProof { outcome: WritesOutcome::Detected, how, text }
}

/// The tables whose rows on the target are not those that were verified.
fn changed(migration: &Migration, tables: &[(&TableProof, &Rows)]) -> Option<Failure> {
    let differs = |(table, (rows, hash)): &&(&TableProof, &Rows)| {
        let counted = table.rows.target.is_some() && table.rows.target != *rows;
        counted || (table.hash.target.is_some() && table.hash.target != *hash)
    };
    let changed: Vec<&(&TableProof, &Rows)> = tables.iter().filter(differs).collect();
    let (first, _) = changed.first()?;
    let name = TableName::parse_key(&first.table)?;
    let words = |(table, (rows, _)): &&(&TableProof, &Rows)| {
        let count = |rows: Option<u64>| rows.map_or("?".to_owned(), |rows| rows.to_string());
        let how = if table.found { "found" } else { "dumped" };
        format!("{} ({} rows, {} were {how})", table.table, count(table.rows.target), count(*rows))
    };
    let list = changed.iter().map(words).collect::<Vec<_>>().join(", ");
    let load = StepAddr::of_table(&migration.name, StepKind::Load, &name);
    Some(Failure::new(
        codes::TARGET_LACKS_ROWS,
        "prove what an earlier run has moved",
        format!("the target no longer has the rows that were loaded: {list}"),
        format!(
            "Find who wrote to the target, or what it was restored from; then load the tables again: \
                 `mig apply -replace='{load}'`."
        ),
    ))
}
