//! `migration.….dump["shop.orders"]`: rows of the source to files in the Dumpling layout, chunk by chunk. A part is
//! recorded when its file and its folder are synced. Rows pass through; none is held longer than its write buffer.

mod job;
mod keyed;
pub mod leftovers;
mod reader;
mod sink;
mod slicer;
mod whole;

use std::path::{Path, PathBuf};
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
use crate::formats::spec::model::Compress;
use crate::formats::state::Progress;
use crate::formats::steps::{DumpInputs, DumpOutputs, Removal};
use crate::formats::structure::Table;
use crate::steps::context::{Context, dump_folder, read_inputs};
use crate::steps::proof::writes;
use crate::steps::runner::fault as file_fault;
use crate::steps::servers::recorded_id;
use crate::steps::step::StepCtx;
use crate::steps::transfer::part_file::{PartFile, sync_folder};
use crate::think::plan::estimate::AUTO_CHUNK_BYTES;
use crate::words::addr::{StepAddr, StepKind, TableName};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};
use job::{Job, Measured};
use leftovers::{Leftovers, is_torn};

/// A part is not cut smaller for the sake of a small `disk_limit`.
const LEAST_CHUNK: u64 = 64 << 10;

pub async fn run(context: &Arc<Context>, node: &Node, ctx: StepCtx) -> Outcome<Value> {
    let inputs: DumpInputs = read_inputs(node)?;
    let (name, structure) = context.table(&node.addr)?;
    let migration = context.migration(&node.addr)?;
    let dir = context.dump_dir(migration);
    std::fs::create_dir_all(dir.join("manifest")).map_err(|e| file_fault("make the folder of the dump", &dir, &e))?;
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
        dir,
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
    let left = remove_files(&job.lines.leftovers, &job.dir, &name, !recorded.parts.is_empty())?;
    // The folder is synced with the first part's file.
    let target = context.target_of(migration)?;
    let seen = context.seen(&target).cloned().unwrap_or_default();
    let options = DdlOptions { checks: seen.check_constraints, dialect: seen.flavor.into() };
    let ddl = ddl::create_table_whole(&structure.target, options);
    write_in(&job.dir, &DumpFile::Table(name.clone()).name(), dumpfile::schema_text(&ddl).as_bytes())?;
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
    let bytes = serde_json::to_vec_pretty(&manifest).map_err(|e| broken(&e.to_string()))?;
    let path = manifest_path(&name);
    let file = path.file_name().and_then(|n| n.to_str()).unwrap_or("table.json");
    write_file(&job.dir.join("manifest"), file, &bytes)?;
    let server = recorded_id(context, &ctx, &context.source_of(migration)?)?;
    outputs::to_value(&DumpOutputs { server, ..dumped(&manifest, read_inputs(node)?, place) })
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
    }
}

/// Where the source's log was before the first row of the table was read, and its record where it is not recorded yet.
fn place<'a>(
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

/// Removes the files of a dump, wherever an earlier run put them: the spec may name another work folder by now, or have no
/// such migration any more.
pub async fn destroy(context: &Context, node: &Node) -> Outcome<Value> {
    let (Some(name), Some(migration)) = (node.addr.table(), node.addr.migration()) else { return Ok(Value::Null) };
    let recorded = Removal::of(node)?.folders;
    let first = context.first_names.of(migration);
    let recorded = recorded.iter().map(|folder| dump_folder(&context.dir.join(folder), first));
    let mut dirs: Vec<PathBuf> = recorded.collect();
    dirs.extend(context.migration(&node.addr).ok().map(|migration| context.dump_dir(migration)));
    dirs.sort();
    dirs.dedup();
    for dir in &dirs {
        remove_files(&context.leftovers, dir, &name, false)?;
        let _ = std::fs::remove_file(dir.join(DumpFile::Schema(name.schema.clone()).name()));
        for file in [manifest::FILE, dumpfile::METADATA] {
            let _ = std::fs::remove_file(dir.join(file));
        }
    }
    Ok(Value::Null)
}

/// Where the manifest of a table lies, in the folder of the dump.
pub fn manifest_path(table: &TableName) -> PathBuf {
    let stem = DumpFile::Table(table.clone()).name().replace("-schema.sql", ".json");
    PathBuf::from("manifest").join(stem)
}

/// Removes the files of a table, or of those only the ones that are not whole. Gives those that are left.
fn remove_files(leftovers: &Leftovers, dir: &Path, name: &TableName, torn: bool) -> Outcome<Vec<String>> {
    let mut left = Vec::new();
    for file in leftovers.take(dir, name)? {
        if torn && !is_torn(&file) {
            left.push(file);
            continue;
        }
        let path = dir.join(file);
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(file_fault("remove", &path, &e)),
            _ => {}
        }
    }
    if torn {
        return Ok(left);
    }
    match std::fs::remove_file(dir.join(manifest_path(name))) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(file_fault("remove the manifest in", dir, &e)),
        _ => Ok(left),
    }
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
pub fn write_file(dir: &Path, name: &str, bytes: &[u8]) -> Outcome<()> {
    write_in(dir, name, bytes)?;
    sync_folder(dir)
}

/// The same, with the folder left to be synced.
fn write_in(dir: &Path, name: &str, bytes: &[u8]) -> Outcome<()> {
    let mut file = PartFile::create(dir, name, Compress::None)?;
    file.write(bytes)?;
    file.place(dir).map(drop)
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Outcome<T> {
    serde_json::from_value(value.clone()).map_err(|e| broken(&e.to_string()))
}

fn broken(cause: &str) -> Failure {
    Failure::new(
        codes::DUMP_BROKE_OFF,
        "dump the table",
        cause,
        "Run `mig apply` again; if it stays, please report it.",
    )
}
