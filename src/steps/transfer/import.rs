//! `migration.….dump["shop.orders"]` where the rows lie in files of a finished dump already (`mig import-dump`): each
//! file is read whole, its rows are counted and hashed, and it becomes a part. Nothing of a damaged file is ever sent:
//! a part is offered to the load only after its last row was read. Writes into the dump's folder never.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::formats::certificate::ReadAt;
use crate::formats::manifest::{self, PartEntry, TableManifest};
use crate::formats::outputs;
use crate::formats::plan::{Action, Node};
use crate::formats::rowhash::{self, JsonNumbers, PartHash, RowHasher};
use crate::formats::state::StepRecord;
use crate::formats::steps::{
    DumpInputs, DumpOutputs, DumpTool, How, ImportFile, ImportInputs, LoadOutputs, VerifyOutputs,
};
use crate::formats::structure::{Column, Table};
use crate::steps::context::{Context, read_inputs};
use crate::steps::proof::sides;
use crate::steps::step::{StepCtx, Upstream};
use crate::steps::transfer::batch::file_sum;
use crate::steps::transfer::dump;
use crate::steps::transfer::foreign::{ForeignRows, spoiled};
use crate::words::addr::{StepAddr, StepKind, TableName};
use crate::words::codes::{self, Code};
use crate::words::error::{Failure, Outcome};

/// Rows between two looks whether the step is to stop.
const ROWS: u64 = 4096;

/// The files that stand for this dump; `None`: it is read from the source.
pub fn inputs(node: &Node) -> Outcome<Option<ImportInputs>> {
    read_inputs::<DumpInputs>(node).map(|inputs| inputs.import)
}

/// The note in which a dump's unfinished step keeps the files that it takes in.
pub const NOTE: &str = "import";

/// The files that a dump's record names, when it took some in.
///
/// # Errors
/// MIG4002: the record cannot be read.
pub fn recorded(addr: &StepAddr, record: &StepRecord) -> Outcome<Option<ImportInputs>> {
    match outputs::note(addr, &record.progress.notes, NOTE)? {
        Some(unfinished) => Ok(Some(unfinished)),
        None => Ok(record.outputs_as::<DumpOutputs>(addr)?.and_then(|dump| dump.inputs.import)),
    }
}

pub async fn run(context: &Arc<Context>, node: &Node, ctx: StepCtx, import: ImportInputs) -> Outcome<Value> {
    let (name, structure) = context.table(&node.addr)?;
    let migration = context.migration(&node.addr)?;
    let note = format!("replaced by {}", context.plan_digest.short());
    let anew = node.action == Action::Replace && !ctx.resume.notes.contains_key(&note);
    if anew {
        ctx.reset().await?;
        ctx.note(&note, json!(true)).await?;
    }
    if anew || !ctx.resume.notes.contains_key(NOTE) {
        ctx.note(NOTE, json!(import)).await?;
    }
    let rows = import.rows.unwrap_or(context.estimate(&node.addr)?.rows);
    ctx.total(rows, import.files.iter().map(|file| file.bytes).sum());
    let table = Arc::new(structure.source);
    let (lines, json) = (context.lines(&node.addr)?, context.json_numbers(migration)?);
    let mut parts = Vec::new();
    let mut work: JoinSet<Outcome<PartEntry>> = JoinSet::new();
    for (number, file) in (1..).zip(&import.files) {
        let known = ctx.resume.parts.get(&number).filter(|_| !anew);
        if let Some(done) = known.and_then(|part| part.done.as_ref()) {
            let entry: PartEntry = serde_json::from_value(done.clone()).map_err(|e| broken(&e.to_string()))?;
            ctx.progress(entry.rows, entry.bytes);
            parts.push(entry);
            continue;
        }
        if known.is_none() {
            ctx.border(number, json!({ "file": file.name })).await?;
        }
        let (table, import, file) = (table.clone(), import.clone(), file.clone());
        let scan = Scan { ctx: ctx.clone(), table, import, file, number, json, counts: true };
        let lines = lines.clone();
        work.spawn(async move {
            // As many files at a time as the dump may have readers.
            let _permit = lines.read.permit().await?;
            tokio::task::spawn_blocking(move || scan.run()).await.map_err(|e| broken(&e.to_string()))?
        });
    }
    while let Some(joined) = work.join_next().await {
        let entry = joined.map_err(|e| broken(&e.to_string()))??;
        ctx.part_done(entry.part, json!(entry)).await?;
        parts.push(entry);
    }
    parts.sort_by_key(|entry| entry.part);
    let manifest = TableManifest {
        format_version: manifest::FORMAT_VERSION,
        table: name.key(),
        dir: Some(import.dir.clone()),
        columns: table.data_columns().map(|column| column.name.clone()).collect(),
        parts,
    };
    let hash = manifest.hash();
    if let Some(told) = import.rows.filter(|told| *told != hash.rows) {
        let cause = format!("its files hold {} rows, the dump says {told}: a file is missing or was cut", hash.rows);
        return Err(spoiled(&Path::new(&import.dir).join(format!("{}-metadata", name.key())), &cause));
    }
    let files = context.files(migration)?;
    dump::note_bucket(&ctx, migration).await?;
    files.prepare(&context.lineage)?;
    dump::write_manifest(&files, &name, &manifest)?;
    let buckets = dump::buckets(&ctx)?;
    outputs::to_value(&DumpOutputs { buckets, ..dump::dumped(&manifest, read_inputs(node)?, None) })
}

/// A difference between source and dump, said as what it may be where the dump is another tool's: that the source was
/// written to is then one cause among others.
pub fn explained(context: &Context, node: &Node, failure: Failure) -> Failure {
    let known = |migration: &str, name: &TableName| {
        let dump = context.node(&StepAddr::of_table(migration, StepKind::Dump, name)).ok()?;
        let dump: DumpInputs = read_inputs(dump).ok()?;
        Some((dump.writing()?.tool, dump.import.is_some(), context.table(&node.addr).ok()?.1.source))
    };
    let (Some(migration), Some(name)) = (node.addr.migration(), node.addr.table()) else { return failure };
    let Some((tool, imported, table)) = known(migration, &name).filter(|_| failure.code == SOURCE_DIFFERS) else {
        return failure;
    };
    let counts = failure.cause.split_once(": ").map_or(failure.cause.as_str(), |(_, counts)| counts);
    let mut causes = vec!["the source was written to since the dump was made".to_owned()];
    let of = |is: fn(&Column) -> bool| {
        let names: Vec<&str> = table.data_columns().filter(|c| is(c)).map(|c| c.name.as_str()).collect();
        names.join(", ")
    };
    let floats = of(|column| column.data_type == "float");
    if !floats.is_empty() {
        causes.push(format!(
            "the FLOAT columns ({floats}) hold more than the 6 digits that Dumpling and mydumper write of them"
        ));
    }
    let stamps = of(|column| column.data_type == "timestamp");
    if !stamps.is_empty() && imported && tool == DumpTool::Dumpling {
        causes.push(format!(
            "the TIMESTAMP columns ({stamps}) were dumped in another time zone than UTC, in which they are read here"
        ));
    }
    let hint = match imported {
        true => {
            "Move the table from the source: `mig apply` under another state; or make the dump again while nothing \
             writes, in UTC (Dumpling: --params \"time_zone=+00:00\")."
        }
        false => {
            "Write engine = \"native\" in the block dump, and plan again: mig's own dump is exact. If the source was written \
             to, stop the writes and dump the table again: `mig apply -replace=` with its dump step."
        }
    };
    Failure::new(
        codes::IMPORT_DIFFERS_FROM_SOURCE,
        failure.doing.clone(),
        format!("the dump is not what the source holds now: {counts}. It may be that {}", causes.join("; or that ")),
        hint,
    )
}

/// Whether the migration has no source but the dump.
pub fn stands_alone(context: &Context, node: &Node) -> bool {
    let source = context.migration(&node.addr).and_then(|migration| context.source_of(migration));
    source.is_ok_and(|source| context.seen(&source).is_some_and(|facts| facts.dump))
}

/// Without a source: what is on the target is what came out of the files, read back and hashed against the ledger. That
/// the files hold what the source held is not proven by it, and the certificate says so.
pub async fn verify_alone(context: &Arc<Context>, node: &Node, ctx: StepCtx) -> Outcome<Value> {
    let (name, structure) = context.table(&node.addr)?;
    let migration = context.migration(&node.addr)?;
    let load = StepAddr::of_table(&migration.name, StepKind::Load, &name);
    if ctx.begins_again() {
        ctx.reset().await?;
    }
    // A keyed table's parts pass by; what counts is the end of the load.
    let loaded = loop {
        if let Some(outputs) = ctx.upstream::<LoadOutputs>(&load)? {
            break outputs;
        }
        match ctx.next_upstream().await {
            Upstream::Closed(found) => break outputs::required(&load, &found)?,
            Upstream::Failed => return Err(ctx.upstream_failed()),
            Upstream::Reset => ctx.reset().await?,
            Upstream::Part(..) => {}
        }
    };
    let (rows, epoch) = (loaded.total.rows, loaded.epoch);
    ctx.total(rows, 0);
    // For the ledger; the rows are hashed on lines of the other pool, which must not be waited for while one is held.
    let mut line = context.lines(&node.addr)?.write.take().await?;
    let held = sides::holds_ours(context, &mut line, &node.addr, &structure.target, epoch).await;
    held.map_err(|difference| match difference {
        Err(failure) => failure,
        Ok(difference) => Failure::new(
            codes::TARGET_DIFFERS_FROM_DUMP,
            format!("prove that {name} holds what the dump has"),
            format!("the target differs from what was dumped: {difference}"),
            "Either somebody wrote to the target, or the files hold values in another text than servers give them (numbers \
             such as 1e3 or 007, blanks in JSON), as those written by hand do. In the first case load the table again: \
             `-replace=` with its load step. In the second name the `source`, or compare by `verify { mode = \"count\" }`.",
        ),
    })?;
    line.give_back();
    ctx.progress(rows, 0);
    outputs::to_value(&VerifyOutputs {
        source: None,
        target: loaded.total,
        dumped: None,
        parts: 1,
        how: How::Dump,
        read: ReadAt::default(),
        generated: Vec::new(),
    })
}

/// The code of a verification that finds the source changed since it was dumped.
const SOURCE_DIFFERS: Code = codes::SOURCE_WRITTEN_SINCE_DUMP;

/// One file on its way to a part.
pub struct Scan {
    pub ctx: StepCtx,
    pub table: Arc<Table>,
    pub import: ImportInputs,
    pub file: ImportFile,
    pub number: u32,
    pub json: JsonNumbers,
    /// Whether its rows are counted for the screen: those of a program that mig has run were.
    pub counts: bool,
}

impl Scan {
    /// Reads the file whole.
    ///
    /// # Errors
    /// MIG6011: it is not what it should be.
    pub fn run(self) -> Outcome<PartEntry> {
        let path = Path::new(&self.import.dir).join(&self.file.name);
        let (bytes, digest) = file_sum(&path)?;
        if bytes != self.file.bytes {
            let cause = format!("it has {bytes} bytes, the plan saw {}", self.file.bytes);
            return Err(spoiled(&path, &cause));
        }
        let columns = self.table.data_columns().map(rowhash::canon_of).collect();
        let mut hasher = RowHasher::new(columns).taking(self.json);
        let mut hash = PartHash::default();
        let mut rows = ForeignRows::open(path.clone(), &self.table, &self.import.writing())?;
        let mut told = 0;
        let mut add = |row: u64, cells: &[Option<&[u8]>]| {
            let sum = hasher.hash_row(cells).map_err(|e| spoiled(&path, &format!("row {}: {e}", row + 1)))?;
            hash.add(sum);
            Ok(())
        };
        let mut count = 0;
        while rows.advance(&mut add)? {
            count += 1;
            if count % ROWS == 0 {
                if self.ctx.stopping() {
                    return Err(self.ctx.interrupted());
                }
                self.show(count - told, 0);
                told = count;
            }
        }
        self.show(count - told, bytes);
        let (part, file) = (self.number, self.file.name.clone());
        let (negative_zeros, json_rounded) = (hasher.negative_zeros(), hasher.json_rounded());
        Ok(PartEntry {
            part,
            file,
            bytes,
            rows: hash.rows,
            range: None,
            hash,
            marks: Vec::new(),
            negative_zeros,
            json_rounded,
            digest,
        })
    }
}

impl Scan {
    fn show(&self, rows: u64, bytes: u64) {
        self.ctx.progress(if self.counts { rows } else { 0 }, bytes);
    }
}

fn broken(cause: &str) -> Failure {
    Failure::new(
        codes::DUMP_BROKE_OFF,
        "take the dump's files in",
        cause,
        "Run the command again; if it stays, please report it.",
    )
}
