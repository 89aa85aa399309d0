//! `migration.….dump["shop.orders"]`: rows of the source to files in the Dumpling layout, chunk by chunk. A part is
//! recorded when its file and its folder are synced. Rows pass through; none is held longer than its write buffer.

mod job;
mod keyed;
pub mod leftovers;
mod reader;
mod sink;
mod slicer;
mod whole;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use serde_json::{Value, json};

use crate::formats::chunk::cut::ReadKey;
use crate::formats::chunk::{self, Selection};
use crate::formats::ddl::{self, DdlOptions, partitioning};
use crate::formats::dumpfile::{self, DumpFile};
use crate::formats::facts::Position;
use crate::formats::manifest::{self, TableManifest};
use crate::formats::outputs;
use crate::formats::plan::{Action, Node};
use crate::formats::rowhash;
use crate::formats::spec::access::Bucket;
use crate::formats::spec::model::{Compress, Migration};
use crate::formats::state::Progress;
use crate::formats::steps::{DumpInputs, DumpOutputs, Removal};
use crate::formats::structure::Table;
use crate::seams::files::Files;
use crate::steps::context::{Context, dump_folder, read_inputs};
use crate::steps::proof::writes;
use crate::steps::servers::recorded_id;
use crate::steps::step::StepCtx;
use crate::steps::transfer::part_file::PartFile;
use crate::steps::transfer::{dumpling, engine, lightning};
use crate::think::plan::estimate::AUTO_CHUNK_BYTES;
use crate::words::addr::{StepAddr, StepKind, TableName};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};
use job::{Job, Measured};
use leftovers::{Leftovers, is_torn, whole};

/// A part is not cut smaller for the sake of a small `disk_limit`.
const LEAST_CHUNK: u64 = 64 << 10;

pub async fn run(context: &Arc<Context>, node: &Node, ctx: StepCtx) -> Outcome<Value> {
    let inputs: DumpInputs = read_inputs(node)?;
    let (name, structure) = context.table(&node.addr)?;
    let migration = context.migration(&node.addr)?;
    let files = context.files(migration)?;
    note_bucket(&ctx, migration).await?;
    files.prepare(&context.lineage)?;
    let estimate = context.estimate(&node.addr)?;
    ctx.total(estimate.rows, estimate.data_bytes);
    let (file_size, lines) = (migration.dump.file_size, context.lines(&node.addr)?);
    // Several parts are to fit into the room on the disk, so that one is loaded while others are read.
    let load = StepAddr::of_table(&migration.name, StepKind::Load, &name);
    let room = context.node(&load).is_ok_and(|load| load.action.is_change()).then(|| lines.room.clone());
    let share = room.as_ref().and_then(|room| room.limit()).map_or(u64::MAX, |limit| (limit / 8).max(LEAST_CHUNK));
    let chunk_bytes = migration.dump.chunk_bytes.unwrap_or(AUTO_CHUNK_BYTES).min(file_size).min(share);
    let job = Arc::new(Job {
        context: context.clone(),
        lines,
        ctx: ctx.clone(),
        width: structure.source.data_columns().count(),
        table: structure.source.clone(),
        where_: inputs.where_.clone(),
        statement_size: usize::try_from(migration.dump.statement_size).unwrap_or(1 << 20),
        losses: sink::Losses { json: context.json_numbers(migration)?, show_keys: context.show_keys },
        chunk_bytes,
        file_size,
        guess: (estimate.data_bytes, estimate.rows),
        by_partition: partitioning::names_the_same_rows(&structure.source.partitioning, &structure.target.partitioning),
        compress: Compress::of_word(&inputs.compress).ok_or_else(|| broken("an unknown compression"))?,
        files,
        seen: Measured::default(),
        begun: AtomicU32::new(0),
        room,
    });

    let note = format!("replaced by {}", context.plan_digest.short());
    let anew = node.action == Action::Replace && !ctx.resume.notes.contains_key(&note);
    let key = ReadKey::of(&job.table);
    // Without a key no part is the same again: an interrupted dump is thrown away.
    let void = key.is_none() && !ctx.resume.parts.is_empty();
    if anew || void {
        ctx.reset().await?;
    }
    if anew {
        ctx.note(&note, json!(true)).await?;
    }
    let recorded = if anew || void { Progress::default() } else { (*ctx.resume).clone() };
    let left = remove_files(&job.lines.leftovers, &*job.files, &name, !recorded.parts.is_empty())?;
    // The folder is synced with the first part's file.
    let target = context.target_of(migration)?;
    let seen = context.seen(&target).cloned().unwrap_or_default();
    let options = DdlOptions { checks: seen.check_constraints, dialect: seen.flavor.into() };
    let ddl = ddl::create_table_whole(&structure.target, options);
    write_in(&job.files, &DumpFile::Table(name.clone()).name(), dumpfile::schema_text(&ddl).as_bytes())?;
    let (place, noted) = place(&ctx, &migration.name, &recorded)?;
    let read = async {
        match key {
            Some(key) => keyed::dump(&job, key, &recorded).await,
            None => whole::dump(&job).await,
        }
    };
    // Records become durable in the order in which they are asked for: the place before any part.
    let ((), parts) = tokio::try_join!(biased; noted, read)?;
    job.remove_what_is_no_part(left, &parts)?;
    let manifest = TableManifest {
        format_version: manifest::FORMAT_VERSION,
        table: name.key(),
        dir: None,
        columns: job.table.data_columns().map(|c| c.name.clone()).collect(),
        parts,
    };
    write_manifest(&job.files, &name, &manifest)?;
    let server = recorded_id(context, &ctx, &context.source_of(migration)?)?;
    let buckets = buckets(&ctx)?;
    outputs::to_value(&DumpOutputs { server, buckets, ..dumped(&manifest, read_inputs(node)?, place) })
}

/// What a whole dump leaves.
pub fn dumped(manifest: &TableManifest, inputs: DumpInputs, position: Option<Position>) -> DumpOutputs {
    DumpOutputs {
        total: manifest.hash().into(),
        bytes: manifest.parts.iter().map(|part| part.bytes).sum(),
        parts: manifest.parts.len(),
        negative_zeros: manifest.negative_zeros(),
        json_rounded: manifest.json_rounded(),
        manifest: manifest.digest(),
        inputs,
        position,
        server: None,
        found: false,
        buckets: Vec::new(),
    }
}

/// Writes the manifest of a table into the place of the dump.
pub fn write_manifest(files: &Arc<dyn Files>, name: &TableName, manifest: &TableManifest) -> Outcome<()> {
    let bytes = serde_json::to_vec_pretty(manifest).map_err(|e| broken(&e.to_string()))?;
    write_file(files, &manifest_name(name), &bytes)
}

/// Where the source's log was before the first row of the table was read, and its record where it is not recorded yet.
pub fn place<'a>(
    ctx: &'a StepCtx,
    migration: &str,
    recorded: &Progress,
) -> Outcome<(Option<Position>, impl Future<Output = Outcome<()>> + 'a)> {
    let known = writes::noted(&ctx.addr, recorded)?;
    // Files without a position were read at a time of which nothing is known.
    let new = known.is_none() && recorded.parts.is_empty();
    let place = match known {
        None if new => writes::of_gate(ctx, migration)?.position.map(|position| position.bounded()),
        known => known,
    };
    let note = place.clone().filter(|_| new);
    let noted = async move {
        match note {
            Some(note) => ctx.note(outputs::NOTE_POSITION, json!(note)).await,
            None => Ok(()),
        }
    };
    Ok((place, noted))
}

/// Records where the files go before the first one goes there: a destroy has to find them, whatever the spec says by then.
pub async fn note_bucket(ctx: &StepCtx, migration: &Migration) -> Outcome<()> {
    let Some(bucket) = &migration.dump.to else { return Ok(()) };
    let note = format!("{}{bucket}", outputs::NOTE_FILES);
    if ctx.resume.notes.contains_key(&note) { Ok(()) } else { ctx.note(&note, json!(bucket)).await }
}

/// The buckets that this and earlier runs have put files of the table into.
pub fn buckets(ctx: &StepCtx) -> Outcome<Vec<Bucket>> {
    ctx.record(&ctx.addr).map_or_else(|| Ok(Vec::new()), |record| DumpOutputs::buckets_of(&ctx.addr, &record))
}

/// Removes the files of a dump, wherever an earlier run put them: the spec may name another place by now, or have no such
/// migration any more.
pub async fn destroy(context: &Context, node: &Node) -> Outcome<Value> {
    let (Some(name), Some(migration)) = (node.addr.table(), node.addr.migration()) else { return Ok(Value::Null) };
    let recorded = Removal::of(node)?;
    let first = context.first_names.of(migration);
    let mut dirs: Vec<_> =
        recorded.folders.iter().map(|folder| dump_folder(&context.dir.join(folder), first)).collect();
    dirs.extend(context.migration(&node.addr).ok().map(|migration| context.dump_dir(migration)));
    dirs.sort();
    dirs.dedup();
    for dir in &dirs {
        let files = context.file_places.folder(dir);
        remove_files(&context.leftovers, &*files, &name, false)?;
        engine::remove(&dumpling::folder(dir, &name))?;
        engine::remove(&lightning::folder(dir, &name))?;
        files.remove(&of_the_whole(&name))?;
    }
    let mut left = Vec::new();
    let now = context.migration(&node.addr).ok().and_then(|migration| migration.dump.to.as_ref());
    let now = now.filter(|_| recorded.buckets.iter().any(|bucket| is_reached_otherwise(context, node, bucket)));
    let buckets: BTreeSet<&Bucket> = recorded.buckets.iter().chain(now).collect();
    for bucket in buckets {
        match empty_bucket(context, &*context.file_places.bucket(bucket, first, &context.dir)?, &name) {
            Err(failure) if failure.code == codes::DUMP_OBJECTS_OF_OTHER => left.push(failure.cause),
            // The spec reaches it in another way by now, and the former one leads nowhere.
            Err(failure) if failure.code == codes::DUMP_OBJECT && is_reached_otherwise(context, node, bucket) => {
                left.push(format!("what may be in {bucket}, which is out of reach: {}", failure.cause));
            }
            done => done?,
        }
    }
    if left.is_empty() { Ok(Value::Null) } else { outputs::left(left.join("; ")) }
}

/// Whether the spec names this bucket and prefix under another address.
fn is_reached_otherwise(context: &Context, node: &Node, bucket: &Bucket) -> bool {
    let now = context.migration(&node.addr).ok().and_then(|migration| migration.dump.to.as_ref());
    now.is_some_and(|now| now.access != bucket.access && (&now.bucket, &now.prefix) == (&bucket.bucket, &bucket.prefix))
}

/// Files that are not of one table.
fn of_the_whole(table: &TableName) -> [String; 3] {
    [DumpFile::Schema(table.schema.clone()).name(), manifest::FILE.to_owned(), dumpfile::METADATA.to_owned()]
}

/// Removes a table's files in a bucket, and with the last rows there everything that mig has put beside them.
fn empty_bucket(context: &Context, files: &dyn Files, name: &TableName) -> Outcome<()> {
    if !files.look(Some(&context.lineage))? {
        return Ok(());
    }
    remove_files(&context.leftovers, files, name, false)?;
    let there: Vec<String> = files.list()?.into_iter().map(|(name, _)| name).collect();
    // A destroy has a step for each dump that is recorded. Files of others are of tables that left the state: nothing but this
    // lineage's is here.
    let nodes = context.nodes().filter(|node| node.kind == StepKind::Dump);
    let recorded: BTreeSet<TableName> =
        nodes.filter_map(|node| node.addr.table()).map(|table| dumpfile::on_disk(&table)).collect();
    let has_rows = |name: &String| matches!(DumpFile::parse(whole(name)), Some(DumpFile::Data(table, _)) if recorded.contains(&table));
    if there.iter().any(has_rows) {
        return Ok(());
    }
    let known = [manifest::FILE, dumpfile::METADATA];
    let is_ours = |name: &String| {
        name.starts_with(MANIFESTS) || known.contains(&name.as_str()) || DumpFile::parse(whole(name)).is_some()
    };
    files.remove(&there.into_iter().filter(is_ours).collect::<Vec<_>>())?;
    files.leave()
}

/// What the names of manifests begin with.
const MANIFESTS: &str = "manifest/";

/// The name of a table's manifest in the place of the dump.
pub fn manifest_name(table: &TableName) -> String {
    let stem = DumpFile::Table(table.clone()).name().replace("-schema.sql", ".json");
    format!("{MANIFESTS}{stem}")
}

/// Removes the files of a table, or of those only the ones that are not whole. Gives those that are left.
pub fn remove_files(leftovers: &Leftovers, files: &dyn Files, name: &TableName, torn: bool) -> Outcome<Vec<String>> {
    let found = leftovers.take(files, name)?;
    let (mut gone, left): (Vec<String>, Vec<String>) = found.into_iter().partition(|file| !torn || is_torn(file));
    if !torn {
        gone.push(manifest_name(name));
    }
    if !gone.is_empty() {
        files.remove(&gone)?;
    }
    Ok(left)
}

/// The SELECT of a table's rows: the text of each column is what the row hash wants and what the file takes.
pub fn select(table: &Table, rows: &Selection) -> String {
    let columns: Vec<String> = table.data_columns().map(rowhash::select_expression).collect();
    format!("SELECT {} {}", listed(&columns), rows.from(table))
}

/// What is selected; where every column is generated, something all the same, so that each row comes.
fn listed(columns: &[String]) -> String {
    if columns.is_empty() { "NULL".to_owned() } else { columns.join(", ") }
}

/// The cells of a row that are the table's: `width` of them; behind them is what [`select`] adds.
pub fn own_cells<'r, 'c>(cells: &'r [Option<&'c [u8]>], width: usize) -> &'r [Option<&'c [u8]>] {
    &cells[..width.min(cells.len())]
}

/// [`select`] along the key, in its order, with the key's own columns behind the table's where they are needed.
fn select_along(table: &Table, key: &ReadKey, rows: &Selection) -> String {
    let columns = table.data_columns().map(rowhash::select_expression).chain(key.beside.iter().cloned());
    let columns: Vec<String> = columns.collect();
    let (rows, order) = (rows.from_along(&table.name, &key.hint()), chunk::order_by(&key.columns));
    format!("SELECT {} {rows} ORDER BY {order}", listed(&columns))
}

/// Writes a small file whole and durably.
pub fn write_file(files: &Arc<dyn Files>, name: &str, bytes: &[u8]) -> Outcome<()> {
    write_in(files, name, bytes)?;
    files.sync(name.rsplit_once('/').map_or("", |(folder, _)| folder))
}

/// The same, with the folder left to be synced.
fn write_in(files: &Arc<dyn Files>, name: &str, bytes: &[u8]) -> Outcome<()> {
    let mut file = PartFile::create(files, name, Compress::None)?;
    file.write(bytes)?;
    file.place().map(drop)
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Outcome<T> {
    serde_json::from_value(value.clone()).map_err(|e| broken(&e.to_string()))
}

pub fn broken(cause: &str) -> Failure {
    Failure::new(
        codes::DUMP_BROKE_OFF,
        "dump the table",
        cause,
        "Run `mig apply` again; if it stays, please report it.",
    )
}
