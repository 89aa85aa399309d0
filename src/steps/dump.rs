//! `migration.….dump["shop.orders"]`: rows of the source to files in the Dumpling layout, chunk by chunk. A part is
//! recorded when its file and its folder are synced. Rows pass through; none is held longer than its write buffer.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::again::again;
use super::context::{Context, Lines, Pace, read_inputs};
use super::part_file::{PartFile, sync_folder};
use super::runner::fault as file_fault;
use super::step::StepCtx;
use crate::formats::chunk::{self, KeyColumn, Range};
use crate::formats::ddl::{self, DdlOptions};
use crate::formats::dumpfile::{self, DumpFile, InsertWriter};
use crate::formats::inputs::DumpInputs;
use crate::formats::manifest::{self, PartEntry, TableManifest};
use crate::formats::plan::{Action, Node};
use crate::formats::rowhash::{self, PartHash, RowHasher};
use crate::formats::spec::model::Compress;
use crate::formats::structure::{Column, Table};
use crate::seams::sql::Fault;
use crate::think::plan::estimate::AUTO_CHUNK_BYTES;
use crate::words::addr::TableName;
use crate::words::error::{Failure, Outcome};

/// The write buffer of one part.
const BUFFER: usize = 256 * 1024;

/// What the dump of one table works with.
struct Job {
    context: Arc<Context>,
    lines: Arc<Lines>,
    ctx: StepCtx,
    table: Table,
    where_: Option<String>,
    statement_size: usize,
    file_size: u64,
    compress: Compress,
    dir: PathBuf,
}

pub async fn run(context: &Arc<Context>, node: &Node, ctx: StepCtx) -> Outcome<Value> {
    let inputs: DumpInputs = read_inputs(node)?;
    let (name, structure) = context.table(&node.addr)?;
    let migration = context.migration(&node.addr)?;
    let dir = context.dump_dir(migration);
    std::fs::create_dir_all(dir.join("manifest")).map_err(|e| file_fault("make the folder of the dump", &dir, &e))?;
    let estimate = context.estimate(&node.addr)?;
    ctx.total(estimate.rows, estimate.data_bytes);
    let job = Arc::new(Job {
        context: context.clone(),
        lines: context.lines(&node.addr)?,
        ctx: ctx.clone(),
        table: structure.source,
        where_: inputs.where_.clone(),
        statement_size: usize::try_from(migration.dump.statement_size).unwrap_or(1 << 20),
        file_size: migration.dump.file_size,
        compress: Compress::of_word(&inputs.compress).ok_or_else(|| broken("an unknown compression"))?,
        dir,
    });

    let note = format!("replaced by {}", context.plan_digest.short());
    let anew = node.action == Action::Replace && !ctx.resume.notes.contains_key(&note);
    if anew {
        ctx.reset().await?;
        ctx.note(&note, json!(true)).await?;
        job.remove_files()?;
    } else if ctx.resume.parts.is_empty() {
        job.remove_files()?;
    }
    let parts = match chunk::usable_for_ranges(&job.table) {
        Some(keys) => {
            let chunk_bytes = migration.dump.chunk_bytes.unwrap_or(AUTO_CHUNK_BYTES).min(job.file_size);
            let rows = rows_per_chunk(estimate.rows, estimate.data_bytes, chunk_bytes);
            job.clone().by_ranges(keys, rows, anew).await?
        }
        None => {
            if !ctx.resume.parts.is_empty() {
                ctx.reset().await?;
            }
            // Broken off, it begins anew: nothing of it is recorded before all of it is durable.
            again(context, &ctx, || async {
                job.remove_files()?;
                job.whole().await
            })
            .await?
        }
    };
    let target = context.target_of(migration)?;
    let seen = context.seen(&target).cloned().unwrap_or_default();
    let options = DdlOptions { checks: seen.check_constraints, dialect: seen.flavor.into() };
    job.write_schema(&ddl::create_table_whole(&structure.target, options))?;
    let manifest = TableManifest {
        format_version: manifest::FORMAT_VERSION,
        table: name.key(),
        dir: None,
        columns: job.table.data_columns().map(|c| c.name.clone()).collect(),
        parts,
    };
    job.write_manifest(&manifest)?;
    let hash = manifest.hash();
    Ok(json!({
        "rows": hash.rows,
        "hash": hash.sum.to_string(),
        "bytes": manifest.parts.iter().map(|p| p.bytes).sum::<u64>(),
        "parts": manifest.parts.len(),
        "negative_zeros": manifest.negative_zeros(),
        "manifest": manifest.digest(),
        "inputs": node.inputs,
    }))
}

/// Removes the files of a dump that this run recorded.
pub async fn destroy(context: &Context, node: &Node) -> Outcome<Value> {
    let (Some(name), Ok(migration)) = (node.addr.table(), context.migration(&node.addr)) else {
        return Ok(json!({ "left": "the migration is no longer in the spec: its files stay" }));
    };
    let dir = context.dump_dir(migration);
    remove_files(&dir, &name)?;
    let _ = std::fs::remove_file(dir.join(DumpFile::Schema(name.schema.clone()).name()));
    for file in [manifest::FILE, dumpfile::METADATA] {
        let _ = std::fs::remove_file(dir.join(file));
    }
    Ok(Value::Null)
}

/// Where the manifest of a table lies, in the folder of the dump.
pub fn manifest_path(table: &TableName) -> PathBuf {
    let stem = DumpFile::Table(table.clone()).name().replace("-schema.sql", ".json");
    PathBuf::from("manifest").join(stem)
}

fn remove_files(dir: &std::path::Path, name: &TableName) -> Outcome<()> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(file_fault("read the folder of the dump", dir, &e)),
    };
    let name_there = dumpfile::on_disk(name);
    for entry in entries.flatten() {
        let Some(text) = entry.file_name().to_str().map(str::to_owned) else { continue };
        let ours = match DumpFile::parse(text.strip_suffix(".part").unwrap_or(&text)) {
            Some(DumpFile::Data(table, _) | DumpFile::Table(table) | DumpFile::View(table)) => table == name_there,
            _ => false,
        };
        if ours {
            std::fs::remove_file(entry.path()).map_err(|e| file_fault("remove", &entry.path(), &e))?;
        }
    }
    match std::fs::remove_file(dir.join(manifest_path(name))) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(file_fault("remove the manifest in", dir, &e)),
        _ => Ok(()),
    }
}

/// Rows of one chunk, from the server's estimate of bytes a row; at least one.
fn rows_per_chunk(rows: u64, bytes: u64, chunk_bytes: u64) -> u64 {
    let per_row = bytes.checked_div(rows).unwrap_or(200).max(1);
    (chunk_bytes / per_row).max(1)
}

impl Job {
    fn remove_files(&self) -> Outcome<()> {
        remove_files(&self.dir, &self.table.name)
    }

    /// Walks along the key, one border at a time, and dumps the chunks between the borders.
    async fn by_ranges(self: Arc<Self>, keys: Vec<KeyColumn>, rows: u64, anew: bool) -> Outcome<Vec<PartEntry>> {
        let mut entries = Vec::new();
        let mut work: JoinSet<Outcome<PartEntry>> = JoinSet::new();
        let mut next = 1;
        let mut last: Option<Range> = None;
        let resume = if anew { Default::default() } else { self.ctx.resume.parts.clone() };
        for (number, part) in &resume {
            let range: Range = read(&part.border)?;
            next = next.max(number + 1);
            match &part.done {
                Some(done) => {
                    let entry: PartEntry = read(done)?;
                    self.ctx.progress(entry.rows, entry.bytes);
                    entries.push(entry);
                }
                None => {
                    work.spawn(self.clone().part(*number, range.clone(), keys.clone()));
                }
            }
            last = Some(range);
        }
        let mut walking = last.as_ref().is_none_or(|range| range.up_to.is_some());
        let width = self.lines.read.ceiling as usize;
        loop {
            while walking && work.len() < width && !self.ctx.stopping() {
                let after = last.as_ref().and_then(|range| range.up_to.clone());
                let up_to = self.border(&keys, after.as_deref(), rows).await?;
                let range = Range { after, up_to };
                walking = range.up_to.is_some();
                self.ctx.border(next, write(&range)).await?;
                work.spawn(self.clone().part(next, range.clone(), keys.clone()));
                last = Some(range);
                next += 1;
            }
            match work.join_next().await {
                Some(joined) => {
                    let entry = joined.unwrap_or_else(|error| Err(broken(&error.to_string())))?;
                    self.ctx.part_done(entry.part, write(&entry)).await?;
                    entries.push(entry);
                }
                None if walking => return Err(Failure::interrupted("dump the table")),
                None => break,
            }
        }
        entries.sort_by_key(|entry| entry.part);
        Ok(entries)
    }

    /// The key of the row that ends the next chunk; `None`: the rest of the table is one chunk.
    async fn border(
        &self,
        keys: &[KeyColumn],
        after: Option<&[chunk::KeyValue]>,
        rows: u64,
    ) -> Outcome<Option<Vec<chunk::KeyValue>>> {
        let sql = chunk::next_border_sql(&self.table.name, keys, after, self.where_.as_deref(), rows.saturating_sub(1))
            .map_err(|e| broken(&e.to_string()))?;
        let rows = again(&self.context, &self.ctx, || async {
            let mut line = self.lines.read.take().await?;
            let found = line.connection.query(&sql).await.map_err(|f| self.failure(&f))?;
            line.give_back();
            Ok(found.rows)
        });
        let Some(row) = rows.await?.into_iter().next() else { return Ok(None) };
        chunk::border_of(keys, &row).map(Some).ok_or_else(|| broken("a border that is no key"))
    }

    /// One chunk to one file, again after passing faults.
    async fn part(self: Arc<Self>, number: u32, range: Range, keys: Vec<KeyColumn>) -> Outcome<PartEntry> {
        again(&self.context, &self.ctx, || self.part_once(number, &range, &keys)).await
    }

    async fn part_once(&self, number: u32, range: &Range, keys: &[KeyColumn]) -> Outcome<PartEntry> {
        let predicate = chunk::predicate(range, keys).map_err(|e| broken(&e.to_string()))?;
        let name = DumpFile::Data(self.table.name.clone(), u64::from(number)).name();
        let mut file = PartFile::create(&self.dir, &name, self.compress)?;
        let name = file.name().to_owned();
        let mut sink = Sink::new(self, &mut file);
        self.stream(&predicate, &mut |cells| sink.push(cells)).await?;
        let (hash, negative_zeros) = sink.finish()?;
        let (bytes, digest) = file.commit(&self.dir)?;
        let range = Some(range.clone());
        Ok(PartEntry { part: number, file: name, bytes, rows: hash.rows, range, hash, digest, negative_zeros })
    }

    /// A table without a usable key: one reader, files cut by size; nothing is recorded before all of it is durable.
    async fn whole(&self) -> Outcome<Vec<PartEntry>> {
        let mut entries: Vec<PartEntry> = Vec::new();
        let mut open: Option<(PartFile, SinkState)> = None;
        let mut failed = None;
        let streamed = {
            let mut on_row = |cells: &[Option<&[u8]>]| -> ControlFlow<()> {
                let mut step = || -> Outcome<()> {
                    if open.as_ref().is_some_and(|(_, state)| state.bytes >= self.file_size)
                        && let Some((file, state)) = open.take()
                    {
                        entries.push(self.close(file, state)?);
                    }
                    if open.is_none() {
                        let number = entries.len() as u64 + 1;
                        let name = DumpFile::Data(self.table.name.clone(), number).name();
                        open = Some((PartFile::create(&self.dir, &name, self.compress)?, SinkState::new(self)));
                    }
                    match &mut open {
                        Some((file, state)) => state.push(file, cells, &self.ctx, &self.lines.pace),
                        None => Ok(()),
                    }
                };
                match step() {
                    Ok(()) if !self.ctx.stopping() => ControlFlow::Continue(()),
                    Ok(()) => {
                        failed = Some(Failure::interrupted("dump the table"));
                        ControlFlow::Break(())
                    }
                    Err(failure) => {
                        failed = Some(failure);
                        ControlFlow::Break(())
                    }
                }
            };
            self.stream("", &mut on_row).await
        };
        if let Some(failure) = failed {
            return Err(failure);
        }
        streamed?;
        if open.is_none() && entries.is_empty() {
            let name = DumpFile::Data(self.table.name.clone(), 1).name();
            open = Some((PartFile::create(&self.dir, &name, self.compress)?, SinkState::new(self)));
        }
        if let Some((file, state)) = open {
            entries.push(self.close(file, state)?);
        }
        for entry in &mut entries {
            self.ctx.border(entry.part, Value::Null).await?;
            self.ctx.part_done(entry.part, write(entry)).await?;
        }
        Ok(entries)
    }

    fn close(&self, mut file: PartFile, mut state: SinkState) -> Outcome<PartEntry> {
        let (hash, negative_zeros) = state.finish(&mut file, &self.ctx, &self.lines.pace)?;
        let name = file.name().to_owned();
        let number = match DumpFile::parse(&name) {
            Some(DumpFile::Data(_, number)) => u32::try_from(number).unwrap_or(u32::MAX),
            _ => 1,
        };
        let (bytes, digest) = file.commit(&self.dir)?;
        Ok(PartEntry { part: number, file: name, bytes, rows: hash.rows, range: None, hash, digest, negative_zeros })
    }

    /// Streams the table's rows, in a snapshot of their own.
    async fn stream(
        &self,
        predicate: &str,
        on_row: &mut (dyn FnMut(&[Option<&[u8]>]) -> ControlFlow<()> + Send),
    ) -> Outcome<()> {
        let sql = select(&self.table, &self.table.name, predicate, self.where_.as_deref());
        let mut line = self.lines.read.take().await?;
        let snapshot = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
        line.connection.execute(snapshot).await.map_err(|f| self.failure(&f))?;
        let mut ended = false;
        let mut watched = |cells: &[Option<&[u8]>]| {
            let flow = on_row(cells);
            ended = flow.is_break();
            flow
        };
        line.connection.stream(&sql, &mut watched).await.map_err(|f| self.failure(&f))?;
        if ended {
            // Half-read: the connection is closed, the caller knows why.
            return Ok(());
        }
        line.connection.execute("COMMIT").await.map_err(|f| self.failure(&f))?;
        line.give_back();
        Ok(())
    }

    fn failure(&self, fault: &Fault) -> Failure {
        let hint =
            "Look whether the source is up and the table is still there; then run `mig apply` again: it goes on.";
        fault.failure("MIG5130", format!("read {} from {}", self.table.name, self.lines.read.place()), hint)
    }

    fn write_schema(&self, ddl: &str) -> Outcome<()> {
        let text = dumpfile::schema_text(ddl);
        write_file(&self.dir, &DumpFile::Table(self.table.name.clone()).name(), text.as_bytes())
    }

    fn write_manifest(&self, manifest: &TableManifest) -> Outcome<()> {
        let bytes = serde_json::to_vec_pretty(manifest).map_err(|e| broken(&e.to_string()))?;
        let path = manifest_path(&self.table.name);
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("table.json").to_owned();
        write_file(&self.dir.join("manifest"), &name, &bytes)
    }
}

/// The SELECT of a table's rows: the text of each column is what the row hash wants and what the file takes.
pub fn select(table: &Table, name: &TableName, predicate: &str, where_: Option<&str>) -> String {
    let columns: Vec<String> = table.data_columns().map(rowhash::select_expression).collect();
    format!("SELECT {} FROM {}{}", columns.join(", "), name.sql(), conditions(predicate, where_))
}

/// ` WHERE …` of a range and a condition of the spec, or nothing.
pub fn conditions(predicate: &str, where_: Option<&str>) -> String {
    let parts: Vec<String> =
        [predicate, where_.unwrap_or_default()].iter().filter(|t| !t.is_empty()).map(|t| format!("({t})")).collect();
    if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) }
}

/// Writes a small file whole and durably.
pub fn write_file(dir: &std::path::Path, name: &str, bytes: &[u8]) -> Outcome<()> {
    let mut file = PartFile::create(dir, name, Compress::None)?;
    file.write(bytes)?;
    file.commit(dir)?;
    sync_folder(dir)
}

/// Rows on their way into one file.
struct SinkState {
    writer: InsertWriter,
    hasher: RowHasher,
    hash: PartHash,
    buffer: Vec<u8>,
    bytes: u64,
    reported: (u64, u64),
}

impl SinkState {
    fn new(job: &Job) -> Self {
        let columns: Vec<&Column> = job.table.data_columns().collect();
        let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
        let all = columns.len() == job.table.columns.len();
        let forms = columns.iter().map(|c| dumpfile::cell_form(c)).collect();
        Self {
            writer: InsertWriter::new(&job.table.name.name, (!all).then_some(&names), job.statement_size, forms),
            hasher: RowHasher::new(columns.iter().map(|c| rowhash::canon_of(c)).collect()),
            hash: PartHash::default(),
            buffer: dumpfile::data_header(&columns).into_bytes(),
            bytes: 0,
            reported: (0, 0),
        }
    }

    fn push(&mut self, file: &mut PartFile, cells: &[Option<&[u8]>], ctx: &StepCtx, pace: &Pace) -> Outcome<()> {
        let hash = self.hasher.hash_row(cells).map_err(|e| broken(&e.to_string()))?;
        self.hash.add(hash);
        self.writer.push_row(cells, &mut self.buffer).map_err(|e| broken(&e.to_string()))?;
        if self.buffer.len() >= BUFFER {
            self.flush(file)?;
            self.count(ctx, pace);
        }
        Ok(())
    }

    fn flush(&mut self, file: &mut PartFile) -> Outcome<()> {
        file.write(&self.buffer)?;
        self.bytes += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Tells of what was written since the last time, and waits until more may be read.
    fn count(&mut self, ctx: &StepCtx, pace: &Pace) {
        let (rows, bytes) = std::mem::replace(&mut self.reported, (self.hash.rows, self.bytes));
        ctx.progress(self.hash.rows - rows, self.bytes - bytes);
        pace.hold(self.bytes - bytes);
    }

    /// Hash of the rows, and how many values were -0.
    fn finish(&mut self, file: &mut PartFile, ctx: &StepCtx, pace: &Pace) -> Outcome<(PartHash, u64)> {
        self.writer.finish(&mut self.buffer);
        self.flush(file)?;
        self.count(ctx, pace);
        Ok((self.hash, self.hasher.negative_zeros()))
    }
}

/// [`SinkState`] with its file, for a stream whose rows all go into one.
struct Sink<'a> {
    job: &'a Job,
    file: &'a mut PartFile,
    state: SinkState,
    failed: Option<Failure>,
}

impl<'a> Sink<'a> {
    fn new(job: &'a Job, file: &'a mut PartFile) -> Self {
        Self { job, file, state: SinkState::new(job), failed: None }
    }

    fn push(&mut self, cells: &[Option<&[u8]>]) -> ControlFlow<()> {
        match self.state.push(self.file, cells, &self.job.ctx, &self.job.lines.pace) {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => {
                self.failed = Some(failure);
                ControlFlow::Break(())
            }
        }
    }

    fn finish(mut self) -> Outcome<(PartHash, u64)> {
        if let Some(failure) = self.failed {
            return Err(failure);
        }
        self.state.finish(self.file, &self.job.ctx, &self.job.lines.pace)
    }
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Outcome<T> {
    serde_json::from_value(value.clone()).map_err(|e| broken(&e.to_string()))
}

fn write(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn broken(cause: &str) -> Failure {
    Failure::new("MIG5131", "dump the table", cause, "Run `mig apply` again; if it stays, please report it.")
}
