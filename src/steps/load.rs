//! `migration.….load["shop.orders"]`: files to rows, exactly once. Each batch and its ledger row commit in one
//! transaction of the target; the row is its first statement, so a batch sent again waits for, or collides with, a
//! predecessor whose COMMIT is still in flight. What the ledger has is never sent again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::{JoinHandle, JoinSet};

use super::again::{TRIES, again, wait};
use super::batch::{self, Batch, BatchReader, Form};
use super::context::{Context, Line, Lines};
use super::dump::manifest_path;
use super::import;
use super::ledger::{self, Batches, DUPLICATE, LOCK_WAIT, Named};
use super::refusal::{Origin, is_of_a_row, refused, without_values};
use super::runner::fault as file_fault;
use super::step::{StepCtx, Upstream};
use crate::formats::chunk;
use crate::formats::dumpfile::{self, TsvEncoder};
use crate::formats::inputs::DumpTool;
use crate::formats::manifest::{self, PartEntry, TableManifest};
use crate::formats::plan::{Action, Node};
use crate::formats::rowhash::PartHash;
use crate::formats::structure::Table;
use crate::seams::sql::Fault;
use crate::words::addr::{StepAddr, StepKind, TableName, sql_ident};
use crate::words::error::{ExitKind, Failure, Outcome, Retry};

/// Bytes of a batch where `batch_bytes = "auto"`, and rows of any at most.
const AUTO_BATCH_BYTES: u64 = manifest::MARK_BYTES;
const BATCH_ROWS: u64 = manifest::MARK_ROWS;
/// How long one batch waits for an earlier connection to let go of its row: more than the longest that a target keeps
/// a session which says nothing.
const HELD_AT_MOST: Duration = Duration::from_secs(10 * 60);
/// Bytes of a part's rows up to which a batch of them is read while another is on its way; larger ones are held once.
const SHORT_ROW: u64 = 64 << 10;
/// Batches that have to get through before halved ones grow again.
const EASED: u32 = 8;
/// A server's count of warnings goes no further.
const MOST_WARNINGS: u64 = 65_535;

struct Job {
    context: Arc<Context>,
    lines: Arc<Lines>,
    ctx: StepCtx,
    table: Table,
    key: String,
    ledger: String,
    epoch: u64,
    /// Where the files are.
    dir: PathBuf,
    /// Where the manifest is.
    work: PathBuf,
    /// What wrote the files, where that was not mig: then they are somebody's, and stay.
    tool: Option<DumpTool>,
    form: Form,
    /// The target takes any byte in a LOAD DATA stream.
    raw_bytes: bool,
    /// The LOAD DATA statement.
    statement: String,
    batch_bytes: usize,
    keep: bool,
    /// Whether what was recorded before still counts.
    resumed: bool,
}

pub async fn run(context: &Arc<Context>, node: &Node, ctx: StepCtx) -> Outcome<Value> {
    // What was taken from a dump that has begun anew is void: the table is emptied, and all is taken again.
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

/// Takes the dump's parts to the end; `None`: the dump has begun anew.
async fn take_parts(context: &Arc<Context>, node: &Node, ctx: &StepCtx, anew: bool) -> Outcome<Option<Value>> {
    let (name, structure) = context.table(&node.addr)?;
    let migration = context.migration(&node.addr)?;
    let ledger = context.ledger_schema(migration)?.to_owned();
    let lines = context.lines(&node.addr)?;
    let key = name.key();
    let replaced = node.action == Action::Replace && !ctx.resume.notes.contains_key(&reset_note(context));
    let resumed = !anew && !replaced;
    let epoch = again(context, ctx, || ready(context, node, ctx, &name, anew)).await?;
    let target = context.target_of(migration)?;
    let takes_load_data =
        ctx.upstream_outputs(&target).and_then(|o| o.get("load_data").and_then(Value::as_bool)).unwrap_or(false);
    let flavor = context.seen(&target).map(|facts| facts.flavor);
    let raw_bytes = flavor == Some(crate::formats::facts::Flavor::Tidb);
    let estimate = context.estimate(&node.addr)?;
    ctx.total(estimate.rows, estimate.data_bytes);
    let columns: Vec<_> = structure.source.data_columns().collect();
    let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
    let encoder = TsvEncoder::new(columns.iter().map(|c| dumpfile::load_form(c, raw_bytes)).collect());
    let statement = encoder.statement(&name, &names, "mig");
    let dump = StepAddr::of_table(&migration.name, StepKind::Dump, &name);
    let import = import::inputs(context.node(&dump)?)?;
    let work = context.dump_dir(migration);
    let job = Arc::new(Job {
        context: context.clone(),
        lines,
        ctx: ctx.clone(),
        table: structure.source,
        key,
        ledger,
        epoch,
        dir: import.as_ref().map_or_else(|| work.clone(), |import| PathBuf::from(&import.dir)),
        work,
        tool: import.as_ref().map(|import| import.tool),
        form: if takes_load_data { Form::LoadData } else { Form::Insert },
        raw_bytes,
        statement,
        batch_bytes: usize::try_from(migration.load.batch_bytes.unwrap_or(AUTO_BATCH_BYTES)).unwrap_or(usize::MAX),
        keep: migration.dump.keep || import.is_some(),
        resumed,
    });

    let mut entries: BTreeMap<u32, PartEntry> = BTreeMap::new();
    let mut work: JoinSet<Outcome<PartEntry>> = JoinSet::new();
    // Without a key there are no parts to wait for: the dump is whole, and its manifest names them.
    let mut open = chunk::usable_for_ranges(&job.table).is_some();
    if !open {
        for entry in job.manifest()?.parts {
            begin(&job, &mut work, &mut entries, entry.part, entry).await?;
        }
    }
    let mut failed: Option<Failure> = None;
    while open || !work.is_empty() {
        tokio::select! {
            Some(joined) = work.join_next() => {
                match joined.unwrap_or_else(|error| Err(broken(&error.to_string()))) {
                    Ok(entry) => {
                        job.ctx.part_done(entry.part, json!(entry)).await?;
                        job.drop_file(&entry)?;
                    }
                    // The others may still make their batches durable; then the root cause is reported.
                    Err(failure) => { failed.get_or_insert(failure); open = false; }
                }
            }
            upstream = ctx.next_upstream(), if open && failed.is_none() => match upstream {
                Upstream::Part(number, part) => {
                    if let Some(done) = &part.done {
                        let entry: PartEntry = serde_json::from_value(done.clone()).map_err(|e| broken(&e.to_string()))?;
                        begin(&job, &mut work, &mut entries, number, entry).await?;
                    }
                }
                Upstream::Closed(_) => {
                    open = false;
                    // A dump that was complete before offers no parts: its manifest names them.
                    for entry in job.manifest()?.parts {
                        begin(&job, &mut work, &mut entries, entry.part, entry).await?;
                    }
                }
                Upstream::Reset => {
                    // No task of the void parts runs on beside the reset.
                    work.shutdown().await;
                    return Ok(None);
                }
                Upstream::Failed => { failed = Some(ctx.upstream_failed()); open = false; }
            },
        }
    }
    if let Some(failure) = failed {
        return Err(failure);
    }
    let hash = entries.values().fold(PartHash::default(), |sum, part| sum.merged(&part.hash));
    if epoch > 1 {
        again(context, ctx, || async {
            let mut line = job.lines.write.take().await?;
            job.batches().forget_former(&mut *line.connection).await?;
            line.give_back();
            Ok(())
        })
        .await?;
    }
    Ok(Some(json!({
        "rows": hash.rows,
        "hash": hash.sum.to_string(),
        "epoch": epoch,
        "parts": entries.len(),
        "form": if takes_load_data { "load_data" } else { "insert" },
    })))
}

/// Starts a part that is not done yet, once.
async fn begin(
    job: &Arc<Job>,
    work: &mut JoinSet<Outcome<PartEntry>>,
    entries: &mut BTreeMap<u32, PartEntry>,
    number: u32,
    entry: PartEntry,
) -> Outcome<()> {
    if entries.insert(number, entry.clone()).is_some() {
        return Ok(());
    }
    let recorded = if job.resumed { job.ctx.resume.parts.get(&number) } else { None };
    if recorded.is_some_and(|part| part.done.is_some()) {
        job.ctx.progress(entry.rows, entry.bytes);
        // A crash may have come between the record and this.
        return job.drop_file(&entry);
    }
    if recorded.is_none() {
        job.ctx.border(number, json!({ "range": entry.range })).await?;
    }
    work.spawn(job.clone().part(entry, recorded.is_some()));
    Ok(())
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
        return Err(Failure::new(
            "MIG5140",
            "begin the load",
            "the ledger has no row of the table: it was not created by this lineage, or the ledger is gone",
            "Run `mig plan`: it shows what is missing.",
        ));
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
        // An adopted table stays one: it is emptied, never owned.
        let owned = if object.state.ends_with("adopted") { "adopted" } else { "created" };
        named.set(&mut *line.connection, &format!("reset_{owned}"), epoch).await?;
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

/// The note of a reset that this run has decided on.
fn reset_note(context: &Context) -> String {
    format!("reset by {}", context.plan_digest.short())
}

/// What stopped one attempt at a part.
enum Stop {
    /// Passing: read the ledger and go on.
    Again(Failure),
    /// An earlier connection still has the batch's row in the ledger.
    Held(Failure),
    /// So many rows are too much for one transaction.
    Smaller(Failure, u64),
    /// One of so many rows is not taken as it is; the target's words. Halved like the former, down to the row.
    Refused(String, u64),
    For(Failure),
}

/// How the load of one part stands.
struct Course {
    form: Form,
    /// Rows of a batch at most.
    limit: u64,
    /// Batches that got through since `limit` was changed.
    eased: u32,
    /// Rows that are in, as far as is known.
    reached: u64,
    /// Passing faults since a batch got through.
    attempt: u32,
    /// The file was compared with the manifest.
    checked: bool,
    /// Nothing of the part has been sent, as far as the journal knows: the ledger is not asked first. Should it have
    /// rows all the same, its first one collides with ours.
    new: bool,
}

impl Job {
    fn batches(&self) -> Batches<'_> {
        Batches { schema: &self.ledger, lineage: &self.context.lineage, table: &self.key, epoch: self.epoch }
    }

    fn manifest(&self) -> Outcome<TableManifest> {
        let path = self.work.join(manifest_path(&self.table.name));
        let bytes = std::fs::read(&path).map_err(|e| file_fault("read the manifest", &path, &e))?;
        serde_json::from_slice(&bytes).map_err(|e| batch::damaged(&path, &e.to_string()))
    }

    fn drop_file(&self, entry: &PartEntry) -> Outcome<()> {
        if self.keep {
            return Ok(());
        }
        let path = self.dir.join(&entry.file);
        let bytes = std::fs::metadata(&path).map_or(0, |found| found.len());
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(file_fault("remove", &path, &e)),
            _ => {
                self.lines.room.left(&self.table.name, bytes);
                Ok(())
            }
        }
    }

    /// Loads one part. `begun`: its border was recorded before.
    async fn part(self: Arc<Self>, entry: PartEntry, begun: bool) -> Outcome<PartEntry> {
        let _turn = self.lines.loading.acquire().await.map_err(|error| broken(&error.to_string()))?;
        let new = !begun;
        let mut course =
            Course { form: self.form, limit: BATCH_ROWS, eased: 0, reached: 0, attempt: 0, checked: false, new };
        // Since when, and at which row.
        let mut held: Option<(Instant, u64)> = None;
        loop {
            if self.ctx.stopping() {
                return Err(Failure::interrupted("load the table"));
            }
            let (done, unasked) = (self.part_once(&entry, &mut course).await, std::mem::take(&mut course.new));
            match done {
                Ok(()) => {
                    self.ctx.waits_for("");
                    return Ok(entry);
                }
                // Where keys are compared at COMMIT, the rows of a batch that is in already collide before it does.
                Err(Stop::Refused(..)) if unasked => {}
                Err(Stop::Again(failure)) if course.attempt < TRIES => {
                    self.ctx.waits_for(&format!("the target: {}", failure.cause));
                    wait(&self.context, &mut course.attempt).await;
                }
                Err(Stop::Held(failure)) => {
                    let (since, at) = held.unwrap_or((Instant::now(), course.reached));
                    let since = if at == course.reached { since } else { Instant::now() };
                    held = Some((since, course.reached));
                    if since.elapsed() > HELD_AT_MOST {
                        return Err(failure);
                    }
                    self.ctx.waits_for("an earlier connection");
                    wait(&self.context, &mut 0).await;
                }
                Err(Stop::Smaller(failure, 1)) => {
                    return Err(self.origin().too_large(&entry, course.reached, &failure));
                }
                // LOAD DATA makes warnings of errors, and warns of what is none: strict INSERTs tell.
                Err(Stop::Refused(..)) if course.form == Form::LoadData => course.form = Form::Insert,
                Err(Stop::Refused(text, 1)) => return Err(self.origin().refused(&entry, course.reached, &text)),
                Err(Stop::Smaller(_, rows) | Stop::Refused(_, rows)) => {
                    (course.limit, course.eased) = ((rows / 2).max(1), 0);
                }
                Err(Stop::Again(failure) | Stop::For(failure)) => return Err(failure),
            }
        }
    }

    fn origin(&self) -> Origin<'_> {
        Origin { dir: &self.dir, table: &self.table, tool: self.tool, show_keys: self.context.show_keys }
    }

    async fn line(&self) -> Result<Line, Stop> {
        self.lines.write.take().await.map_err(|failure| match failure.retry {
            Retry::Later => Stop::Again(failure),
            Retry::No => Stop::For(failure),
        })
    }

    /// Compares the file with the manifest, once, and begins to read it behind so many rows.
    async fn open(&self, entry: &PartEntry, course: &mut Course, row: u64) -> Result<Ahead, Stop> {
        if !course.checked {
            let (dir, entry) = (self.dir.clone(), entry.clone());
            let check = tokio::task::spawn_blocking(move || batch::check_file(&dir, &entry));
            check.await.map_err(|e| Stop::For(broken(&e.to_string())))?.map_err(Stop::For)?;
            course.checked = true;
        }
        let first = || {
            let mut reader = BatchReader::open(&self.dir, entry, &self.table, self.raw_bytes, self.tool)?;
            reader.skip_to(row)?;
            let batch = reader.next(course.form, course.limit, self.batch_bytes)?;
            Ok((reader, batch))
        };
        first().map_err(Stop::For)
    }

    /// From where the ledger stands to the end of the file.
    async fn part_once(&self, entry: &PartEntry, course: &mut Course) -> Result<(), Stop> {
        let short = entry.bytes <= entry.rows.saturating_mul(SHORT_ROW);
        // Where nothing can be in the ledger, no connection waits for the file.
        let mut ahead = if course.new && short { Some(self.open(entry, course, 0).await?) } else { None };
        let mut line = self.line().await?;
        let known = match course.new {
            true => Vec::new(),
            false => {
                self.batches().read(&mut *line.connection, Some(entry.part)).await.map_err(|f| self.stop(&f, 0))?
            }
        };
        let mut hash = PartHash::default();
        let mut row = 0;
        for batch in &known {
            if batch.from_row != row {
                return Err(Stop::For(self.gap(entry)));
            }
            row = batch.to_row;
            hash = hash.merged(&PartHash { sum: batch.hash, rows: batch.rows });
        }
        if row > course.reached {
            self.ctx.progress(row - course.reached, share(entry, row) - share(entry, course.reached));
            course.reached = row;
        }
        if row < entry.rows {
            let (mut reader, mut batch) = match ahead.take() {
                Some(ahead) => ahead,
                None => self.open(entry, course, row).await?,
            };
            while let Some(sent) = batch {
                if line.is_old() {
                    drop(line);
                    line = self.line().await?;
                }
                hash = hash.merged(&sent.hash);
                let (form, limit, bytes) = (course.form, course.limit, self.batch_bytes);
                if short {
                    let next = tokio::task::spawn_blocking(move || {
                        let batch = reader.next(form, limit, bytes)?;
                        Ok((reader, batch))
                    });
                    self.send(&mut line, entry, course, sent).await?;
                    (reader, batch) = joined(next).await?;
                } else {
                    self.send(&mut line, entry, course, sent).await?;
                    batch = reader.next(course.form, course.limit, bytes).map_err(Stop::For)?;
                }
            }
        }
        line.give_back();
        if hash != entry.hash {
            let path = self.dir.join(&entry.file);
            let cause = format!("{} rows went in, {} were dumped, and their hashes differ", hash.rows, entry.hash.rows);
            return Err(Stop::For(batch::damaged(&path, &cause)));
        }
        Ok(())
    }

    /// A batch on its way, and what is known once it is in.
    async fn send(&self, line: &mut Line, entry: &PartEntry, course: &mut Course, batch: Batch) -> Result<(), Stop> {
        let to = batch.to;
        self.commit(line, entry, course.form, batch).await?;
        course.attempt = 0;
        course.eased += 1;
        if course.eased >= EASED {
            (course.limit, course.eased) = ((course.limit * 2).min(BATCH_ROWS), 0);
        }
        self.ctx.progress(to - course.reached, share(entry, to) - share(entry, course.reached));
        course.reached = to;
        match self.ctx.stopping() && to < entry.rows {
            true => Err(Stop::For(Failure::interrupted("load the table"))),
            false => Ok(()),
        }
    }

    /// One batch and its ledger row, in one transaction.
    async fn commit(&self, line: &mut Line, entry: &PartEntry, form: Form, batch: Batch) -> Result<(), Stop> {
        let row = ledger::Batch {
            chunk: entry.part,
            from_row: batch.from,
            to_row: batch.to,
            rows: batch.to - batch.from,
            hash: batch.hash.sum,
        };
        let rows = row.rows;
        let connection = &mut line.connection;
        connection.execute("BEGIN").await.map_err(|f| self.stop(&f, rows))?;
        if let Err(fault) = connection.execute(&self.batches().insert(&row)).await {
            return Err(match fault.number {
                // A predecessor's COMMIT has won, or is still in flight: the ledger tells.
                Some(DUPLICATE) => Stop::Again(refused(&self.table.name, &fault)),
                Some(LOCK_WAIT) => Stop::Held(refused(&self.table.name, &fault)),
                _ => self.stop(&fault, rows),
            });
        }
        let mut inserted = 0;
        match form {
            Form::LoadData => {
                let loaded = connection.load_data(&self.statement, batch.payload).await;
                let done = loaded.map_err(|f| self.stop(&f, rows))?;
                // LOCAL implies IGNORE: a bad or second row is a warning there, so anything but "all of them,
                // none skipped, no warning but of the error values of an ENUM" is a failure.
                let expected = batch.error_values;
                if done.affected != rows
                    || u64::from(done.warnings) != expected.min(MOST_WARNINGS)
                    || !clean(&done.info, rows, expected)
                {
                    return Err(self.unclean(line, &done.info, rows).await);
                }
            }
            Form::Insert => {
                for payload in batch.payload {
                    let sql = format!("USE {}", sql_ident(&self.table.name.schema));
                    connection.execute(&sql).await.map_err(|f| self.stop(&f, rows))?;
                    let payload = payload.into_bytes();
                    let text = String::from_utf8_lossy(&payload);
                    let text = text.trim_end().trim_end_matches(';');
                    let done = connection.execute(text).await.map_err(|f| self.stop(&f, rows))?;
                    if done.warnings > 0 {
                        return Err(self.unclean(line, &done.info, rows).await);
                    }
                    inserted += done.affected;
                }
            }
        }
        if form == Form::Insert && inserted != rows {
            let cause = format!("{inserted} of {rows} rows went in");
            return Err(self.unclean(line, &cause, rows).await);
        }
        // A lost line here leaves the outcome unknown; the next attempt reads it from the ledger.
        let committed = connection.execute("COMMIT").await;
        committed.map(drop).map_err(|fault| match fault.number {
            // A server that compares keys at COMMIT: the ledger tells whether it is the batch's own row. If it is
            // not, the next attempt meets the row that was there first, and names it.
            Some(DUPLICATE) => Stop::Again(refused(&self.table.name, &fault)),
            _ => self.stop(&fault, rows),
        })
    }

    /// What a fault means for the part, met with so many rows: again, smaller, or the end.
    fn stop(&self, fault: &Fault, rows: u64) -> Stop {
        let failure = refused(&self.table.name, fault);
        match fault.number {
            _ if fault.transient() => Stop::Again(failure),
            // 8004 transaction too large, 8025 entry too large, 8175 and 1105 out of the statement's memory quota,
            // 1153 packet too large, 1197 binlog cache too small (pingcap/tidb pkg/errno; MySQL's error reference).
            Some(8004 | 8025 | 8175 | 1153 | 1197) => Stop::Smaller(failure, rows),
            Some(1105) if fault.message.to_lowercase().contains("memory") => Stop::Smaller(failure, rows),
            Some(number) if is_of_a_row(number) => Stop::Refused(without_values(&fault.message), rows),
            _ => Stop::For(failure),
        }
    }

    /// Rows went in with warnings: back, and what the first of them says.
    async fn unclean(&self, line: &mut Line, info: &str, rows: u64) -> Stop {
        let warnings = line.connection.query("SHOW WARNINGS").await.unwrap_or_default();
        let text = warnings.rows.into_iter().next().and_then(|row| row.into_iter().nth(2).flatten());
        let text = text.map_or_else(|| info.to_owned(), |bytes| without_values(&ledger::text(bytes)));
        match line.connection.execute("ROLLBACK").await {
            Ok(_) => Stop::Refused(text, rows),
            Err(fault) => self.stop(&fault, rows),
        }
    }

    fn gap(&self, entry: &PartEntry) -> Failure {
        Failure::new(
            "MIG5142",
            format!("go on with {}", entry.file),
            "the ledger has a gap: it was written by another program, or restored",
            "Load the table anew: `mig apply -replace=` with the address of this step.",
        )
        .exit(ExitKind::Mismatch)
    }
}

/// A file as it is read, with the batch that was read last; none: it ends there.
type Ahead = (BatchReader, Option<Batch>);

async fn joined(reading: JoinHandle<Outcome<Ahead>>) -> Result<Ahead, Stop> {
    reading.await.unwrap_or_else(|error| Err(broken(&error.to_string()))).map_err(Stop::For)
}

/// Bytes of a part that `rows` of it stand for.
fn share(entry: &PartEntry, rows: u64) -> u64 {
    if entry.rows == 0 { 0 } else { (u128::from(entry.bytes) * u128::from(rows) / u128::from(entry.rows)) as u64 }
}

/// Whether LOAD DATA's info says that every row went in as it was, with so many warnings:
/// `Records: 3  Deleted: 0  Skipped: 0  Warnings: 0`.
fn clean(info: &str, rows: u64, warnings: u64) -> bool {
    let told: Vec<u64> = info.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    match told.as_slice() {
        [] => true,
        [records, deleted, skipped, told] => {
            (*records, *deleted, *skipped) == (rows, 0, 0) && (*told).min(MOST_WARNINGS) == warnings.min(MOST_WARNINGS)
        }
        _ => false,
    }
}

fn broken(cause: &str) -> Failure {
    Failure::new("MIG5144", "load the table", cause, "Run `mig apply` again; if it stays, please report it.")
}
