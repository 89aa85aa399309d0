//! `migration.….load["shop.orders"]`: files to rows, exactly once. Each batch and its ledger row commit in one
//! transaction of the target; the row is its first statement, so a batch sent again waits for, or collides with, a
//! predecessor whose COMMIT is still in flight. What the ledger has is never sent again.

mod part;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod part_tests;
mod standing;
mod unrecorded;

pub use standing::overtaken;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::formats::chunk;
use crate::formats::dumpfile::{self, TsvEncoder};
use crate::formats::facts::Flavor;
use crate::formats::manifest::{self, PartEntry, TableManifest};
use crate::formats::outputs;
use crate::formats::plan::{Action, Node};
use crate::formats::rowhash::PartHash;
use crate::formats::state::Part;
use crate::formats::steps::{DumpInputs, LoadForm, LoadOutputs, ServerOutputs, Writing};
use crate::formats::structure::Table;
use crate::seams::files::Files;
use crate::steps::again::again;
use crate::steps::context::{Context, Line, Lines, read_inputs};
use crate::steps::step::{StepCtx, Upstream};
use crate::steps::transfer::batch::{self, Form};
use crate::steps::transfer::dump::manifest_name;
use crate::steps::transfer::ledger::{self, Batches, Named, Object};
use crate::steps::transfer::refusal::refused;
use crate::words::addr::{StepAddr, StepKind, TableName};
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

/// Bytes of a batch where `batch_bytes = "auto"`.
const AUTO_BATCH_BYTES: u64 = manifest::MARK_BYTES;

struct Job {
    context: Arc<Context>,
    lines: Arc<Lines>,
    ctx: StepCtx,
    table: Table,
    key: String,
    ledger: String,
    epoch: u64,
    /// Where the files are.
    files: Arc<dyn Files>,
    /// Where the manifest is.
    work: Arc<dyn Files>,
    /// How the files are written, where mig did not write them.
    tool: Option<Writing>,
    /// Whether the dump gives its files one by one.
    one_by_one: bool,
    form: Form,
    target: Flavor,
    /// The LOAD DATA statement.
    statement: String,
    batch_bytes: usize,
    keep: bool,
    /// What was recorded before and still counts: the ledger was asked.
    recorded: BTreeMap<u32, Part>,
    /// What was recorded as done and is not in the ledger.
    lost: BTreeSet<u32>,
    /// What the ledger has of this load while nothing of it is recorded, by part.
    unrecorded: BTreeMap<u32, PartHash>,
}

/// Parts that came by.
#[derive(Default)]
struct Taken {
    entries: BTreeMap<u32, PartEntry>,
    work: JoinSet<Outcome<PartEntry>>,
}

pub async fn run(context: &Arc<Context>, node: &Node, ctx: StepCtx) -> Outcome<Value> {
    // What was taken from a dump that has begun again is void: the table is emptied, and all is taken again.
    let mut anew = ctx.begins_again();
    loop {
        match take_parts(context, node, &ctx, anew).await {
            Ok(Some(outputs)) => return Ok(outputs),
            Ok(None) => anew = true,
            Err(failure) => {
                // What it leaves lying is loaded by another run: the dumps of other tables go on without that room.
                let (lines, (name, _)) = (context.lines(&node.addr)?, context.table(&node.addr)?);
                lines.room.forget(&name);
                return Err(failure);
            }
        }
    }
}

/// Takes the dump's parts to the end; `None`: the dump has begun again.
async fn take_parts(context: &Arc<Context>, node: &Node, ctx: &StepCtx, anew: bool) -> Outcome<Option<Value>> {
    let job = Arc::new(begin_job(context, node, ctx, anew).await?);
    let mut taken = Taken::default();
    if !job.take_all(&mut taken).await? {
        return Ok(None);
    }
    job.hold_to_ledger(&mut taken).await?;
    let hash = taken.entries.values().fold(PartHash::default(), |sum, part| sum.merged(&part.hash));
    if job.epoch > 1 {
        again(context, ctx, || async {
            let mut line = job.lines.write.take().await?;
            job.batches().forget_former(&mut *line.connection).await?;
            line.give_back();
            Ok(())
        })
        .await?;
    }
    let form = if job.form == Form::LoadData { LoadForm::LoadData } else { LoadForm::Insert };
    let loaded = LoadOutputs { total: hash.into(), epoch: job.epoch, parts: taken.entries.len(), form };
    outputs::to_value(&loaded).map(Some)
}

/// What the load works with, once the table is ready and the ledger was asked about what is recorded.
async fn begin_job(context: &Arc<Context>, node: &Node, ctx: &StepCtx, anew: bool) -> Outcome<Job> {
    let (name, structure) = context.table(&node.addr)?;
    let migration = context.migration(&node.addr)?;
    let replaced = node.action == Action::Replace && !ctx.resume.notes.contains_key(&reset_note(context));
    let recorded = if anew || replaced { BTreeMap::new() } else { ctx.resume.parts.clone() };
    again(context, ctx, || hold(context, node)).await?;
    let epoch = again(context, ctx, || ready(context, node, ctx, &name, anew)).await?;
    let target = context.target_of(migration)?;
    let takes_load_data = ctx.upstream::<ServerOutputs>(&target)?.and_then(|server| server.load_data).unwrap_or(false);
    let flavor = context.seen(&target).map(|facts| facts.flavor).unwrap_or_default();
    let estimate = context.estimate(&node.addr)?;
    ctx.total(estimate.rows, estimate.data_bytes);
    let columns: Vec<_> = structure.source.data_columns().collect();
    let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
    let forms = columns.iter().map(|c| dumpfile::load_form(c, flavor == Flavor::Tidb));
    let statement = TsvEncoder::new(forms.collect()).statement(&name, &names, "mig");
    let dump = StepAddr::of_table(&migration.name, StepKind::Dump, &name);
    let dumped: DumpInputs = read_inputs(context.node(&dump)?)?;
    let import = &dumped.import;
    let work = context.files(migration)?;
    let files = match import {
        Some(import) => context.file_places.folder(Path::new(&import.dir)),
        None => Arc::clone(&work),
    };
    let mut job = Job {
        context: context.clone(),
        lines: context.lines(&node.addr)?,
        ctx: ctx.clone(),
        table: structure.source,
        key: name.key(),
        ledger: context.ledger_schema(migration)?.to_owned(),
        epoch,
        files,
        work,
        tool: dumped.writing(),
        one_by_one: dumped.gives_files_one_by_one(),
        form: if takes_load_data { Form::LoadData } else { Form::Insert },
        target: flavor,
        statement,
        batch_bytes: usize::try_from(migration.load.batch_bytes.unwrap_or(AUTO_BATCH_BYTES)).unwrap_or(usize::MAX),
        keep: migration.dump.keep || import.is_some(),
        recorded,
        lost: BTreeSet::new(),
        unrecorded: BTreeMap::new(),
    };
    let nothing = job.recorded.is_empty();
    job.ask_about_recorded().await?;
    job.look_for_unrecorded(nothing).await?;
    Ok(job)
}

impl Job {
    /// Loads what is offered, until the dump has ended; false: the dump has begun again.
    async fn take_all(self: &Arc<Self>, taken: &mut Taken) -> Outcome<bool> {
        // Without a key there are no parts to wait for: the dump is whole, and its manifest names them.
        let mut open = self.one_by_one && chunk::usable_for_ranges(&self.table).is_some();
        if !self.unrecorded.is_empty() {
            if open && !self.dump_is_whole().await? {
                return Ok(false);
            }
            self.is_of_this_dump().await?;
            open = false;
        }
        if !open {
            self.begin_all(taken).await?;
        }
        let mut failed: Option<Failure> = None;
        while open || !taken.work.is_empty() {
            tokio::select! {
                Some(joined) = taken.work.join_next() => {
                    match joined.unwrap_or_else(|error| Err(broken(&error.to_string()))) {
                        Ok(entry) => self.is_in(&entry).await?,
                        // The others may still make their batches durable; then the root cause is reported.
                        Err(failure) => { failed.get_or_insert(failure); open = false; }
                    }
                }
                upstream = self.ctx.next_upstream(), if open && failed.is_none() => match upstream {
                    Upstream::Part(number, part) => {
                        if let Some(done) = &part.done {
                            let entry = serde_json::from_value(done.clone()).map_err(|e| broken(&e.to_string()))?;
                            self.begin(taken, number, entry).await?;
                        }
                    }
                    Upstream::Closed(_) => {
                        open = false;
                        // A dump that was complete before offers no parts: its manifest names them.
                        self.begin_all(taken).await?;
                    }
                    Upstream::Reset => {
                        // No task of the void parts runs on beside the reset.
                        taken.work.shutdown().await;
                        return Ok(false);
                    }
                    Upstream::Failed => { failed = Some(self.ctx.upstream_failed()); open = false; }
                },
            }
        }
        failed.map_or(Ok(true), Err)
    }

    /// Starts every part that the manifest names.
    async fn begin_all(self: &Arc<Self>, taken: &mut Taken) -> Outcome<()> {
        for entry in self.manifest()?.parts {
            self.begin(taken, entry.part, entry).await?;
        }
        Ok(())
    }

    /// Starts a part that is not done yet, once.
    async fn begin(self: &Arc<Self>, taken: &mut Taken, number: u32, entry: PartEntry) -> Outcome<()> {
        if taken.entries.insert(number, entry.clone()).is_some() {
            return Ok(());
        }
        let recorded = self.recorded.get(&number);
        if recorded.is_some_and(|part| part.done.is_some()) {
            self.ctx.progress(entry.rows, entry.bytes);
            // A crash may have come between the record and this.
            return self.drop_file(&entry);
        }
        if recorded.is_none() {
            self.ctx.border(number, self.border(&entry)).await?;
        }
        let begun = recorded.is_some() || self.lost.contains(&number);
        taken.work.spawn(self.clone().part(entry, begun));
        Ok(())
    }

    /// The record of a part that is about to be loaded, with the load that it is a part of.
    fn border(&self, entry: &PartEntry) -> Value {
        json!({ "range": entry.range, "epoch": self.epoch })
    }

    /// A part is on the target, whole.
    async fn is_in(&self, entry: &PartEntry) -> Outcome<()> {
        self.ctx.part_done(entry.part, json!(entry)).await?;
        self.drop_file(entry)
    }
}

/// Once a run and migration: the ledger learns which holder of the state's lock loads.
pub async fn hold(context: &Context, node: &Node) -> Outcome<()> {
    if context.token == 0 {
        return Ok(());
    }
    let lines = context.lines(&node.addr)?;
    let schema = context.ledger_schema(context.migration(&node.addr)?)?;
    let held = lines.held.get_or_try_init(|| async {
        let mut line = lines.write.take().await?;
        ledger::hold(&mut *line.connection, schema, &context.lineage, context.token).await?;
        line.give_back();
        Ok(())
    });
    held.await.copied()
}

/// The table's epoch, after a reset where one is due: epoch + 1, TRUNCATE, ready.
async fn ready(context: &Context, node: &Node, ctx: &StepCtx, name: &TableName, anew: bool) -> Outcome<u64> {
    let lines = context.lines(&node.addr)?;
    let ledger = context.ledger_schema(context.migration(&node.addr)?)?;
    let key = name.key();
    let key = key.as_str();
    let named = Named { schema: ledger, lineage: &context.lineage, kind: "table", name: key };
    let known = lines.ready.take(name);
    if let Some(object) = known.as_ref().filter(|object| node.action != Action::Replace && !object.is_reset() && !anew)
    {
        return Ok(object.epoch);
    }
    let mut line = lines.write.take().await?;
    let known = match known {
        None => named.read(&mut *line.connection).await?,
        known => known,
    };
    let Some(object) = known else {
        return Err(unknown_table());
    };
    let note = reset_note(context);
    let mut epoch = object.epoch;
    let mut due = object.is_reset();
    if node.action == Action::Replace {
        let recorded = ctx.resume.notes.get(&note).and_then(Value::as_u64);
        let wanted = recorded.unwrap_or(object.epoch + 1);
        if recorded.is_none() {
            ctx.reset().await?;
            ctx.note(&note, json!(wanted)).await?;
        }
        due |= object.epoch < wanted;
        epoch = wanted.max(object.epoch);
    }
    if anew {
        if !due {
            epoch += 1;
        }
        due = true;
    }
    if due {
        if node.action == Action::Replace && !object.is_reset() {
            holds_no_others(&mut line, name, (ledger, &context.lineage), object.epoch).await?;
        }
        // An adopted table stays one: it is emptied, never owned.
        let owned = if object.state.ends_with("adopted") { "adopted" } else { "created" };
        let wanted = Object { state: format!("reset_{owned}"), epoch };
        named.set_held(&mut *line.connection, &object, &wanted, context.token).await?;
        // The answer may have come late: who has taken over meanwhile may have loaded the table.
        ledger::hold(&mut *line.connection, ledger, &context.lineage, context.token).await?;
        let sql = format!("TRUNCATE TABLE {}", name.sql());
        line.connection.execute(&sql).await.map_err(|f| refused(name, &f))?;
        named.set(&mut *line.connection, owned, epoch).await?;
        if anew {
            ctx.reset().await?;
        }
    }
    line.give_back();
    Ok(epoch)
}

pub fn unknown_table() -> Failure {
    Failure::new(
        codes::LEDGER_UNKNOWN_TABLE,
        "begin the load",
        "the ledger has no row of the table: it was not created by this lineage, or the ledger is gone",
        "Run `mig plan`: it shows what is missing.",
    )
}

/// Before a table is emptied: it has no more rows than the ledger says that this lineage has put there. Who wrote the others
/// is not known, and nothing of theirs is dropped.
pub async fn holds_no_others(
    line: &mut Line,
    name: &TableName,
    (schema, lineage): (&str, &str),
    epoch: u64,
) -> Outcome<()> {
    let key = name.key();
    let batches = Batches { schema, lineage, table: &key, epoch, token: 0 };
    let known: u64 = batches.chunks(&mut *line.connection).await?.values().map(|chunk| chunk.rows).sum();
    let doing = || format!("empty {name}");
    let count = line.connection.query(&format!("SELECT COUNT(*) FROM {}", name.sql())).await;
    let count =
        count.map_err(|fault| fault.told(doing()))?.rows.into_iter().next().and_then(|row| row.into_iter().next()?);
    let count = count.and_then(|cell| std::str::from_utf8(&cell).ok()?.parse::<u64>().ok());
    if count.is_some_and(|count| count <= known) {
        return Ok(());
    }
    let count = count.map_or_else(|| "an unknown number of".to_owned(), |count| count.to_string());
    Err(Failure::new(
        codes::TABLE_CONTENT_DIFFERS,
        doing(),
        format!("it has {count} rows, and the ledger knows of {known} that this lineage has loaded: others write to it"),
        "Look at the other rows. Where they may go, delete them or empty the table by hand, then run the same command again.",
    )
    .exit(ExitKind::Gate))
}

/// The note of a reset that this run has decided on.
pub fn reset_note(context: &Context) -> String {
    format!("reset by {}", context.plan_digest.short())
}

impl Job {
    fn batches(&self) -> Batches<'_> {
        Batches {
            schema: &self.ledger,
            lineage: &self.context.lineage,
            table: &self.key,
            epoch: self.epoch,
            token: self.context.token,
        }
    }

    fn manifest(&self) -> Outcome<TableManifest> {
        manifest(&*self.work, &self.table.name)
    }

    fn drop_file(&self, entry: &PartEntry) -> Outcome<()> {
        if self.keep {
            return Ok(());
        }
        let limited = self.lines.room.limit().is_some();
        let bytes = if limited { self.files.size(&entry.file)?.unwrap_or(0) } else { 0 };
        self.files.remove(std::slice::from_ref(&entry.file))?;
        self.lines.room.left(&self.table.name, bytes);
        Ok(())
    }
}

/// The manifest of a table's dump, which is whole.
pub fn manifest(files: &dyn Files, table: &TableName) -> Outcome<TableManifest> {
    let name = manifest_name(table);
    let path = files.named(&name);
    let bytes = files.read(&name)?.ok_or_else(|| batch::damaged(&path, "it is not there"))?;
    serde_json::from_slice(&bytes).map_err(|e| batch::damaged(&path, &e.to_string()))
}

fn broken(cause: &str) -> Failure {
    Failure::new(
        codes::LOAD_BROKE_OFF,
        "load the table",
        cause,
        "Run `mig apply` again; if it stays, please report it.",
    )
}
