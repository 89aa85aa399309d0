//! Which files of a migration's recorded dumps are in their place. Another machine may have written them, or its disk may be
//! gone. Compares their sizes; their bytes are compared when they are loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};

use crate::formats::facts::MigrationFacts;
use crate::formats::manifest::{PartEntry, TableManifest};
use crate::formats::outputs;
use crate::formats::state::{State, Status, StepRecord};
use crate::seams::files::{Files, Places};
use crate::steps::transfer::dump::manifest_name;
use crate::steps::transfer::import;
use crate::words::addr::{StepAddr, StepKind, TableName};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// Small files that are read at the same time.
const AT_ONCE: usize = 16;

/// The files of a migration's dump, wherever they are.
pub struct Place<'a> {
    pub files: Arc<dyn Files>,
    pub places: &'a dyn Places,
    /// They are in a bucket: each look costs a request, and the answer may fail to come.
    pub in_bucket: bool,
}

/// A recorded dump of a table.
struct Recorded<'s> {
    addr: &'s StepAddr,
    record: &'s StepRecord,
    table: TableName,
}

/// Adds what is there and what is not to the facts. Files that an unfinished import takes in are in a folder of somebody
/// else's, which is looked at as a dump.
///
/// # Errors
/// MIG4002: the record of an unfinished dump cannot be read. MIG5111: files in a bucket are to be loaded, and it cannot be
/// told which of them are there.
pub async fn look(
    facts: &mut MigrationFacts,
    place: &Place<'_>,
    state: Option<&State>,
    migration: &str,
) -> Outcome<()> {
    let steps = state.into_iter().flat_map(|state| &state.steps);
    let dumps = steps.filter(|(addr, r)| r.kind == StepKind::Dump && addr.migration() == Some(migration));
    let recorded = dumps.filter_map(|(addr, record)| Some(Recorded { addr, record, table: addr.table()? }));
    // In a bucket, only what is still to be loaded is worth a request.
    let is_open = |one: &Recorded<'_>| {
        let load = StepAddr::of_table(migration, StepKind::Load, &one.table);
        let load = state.and_then(|state| state.steps.get(&load));
        !place.in_bucket || load.is_none_or(|load| load.status != Status::Complete)
    };
    let recorded: Vec<Recorded<'_>> = recorded.filter(is_open).collect();
    if place.in_bucket {
        facts.workdir_fault.clear();
        if let Err(failure) = whose(place, state.map(|state| state.lineage.as_str())).await {
            if failure.code == codes::DUMP_OBJECT && !recorded.is_empty() {
                return Err(failure);
            }
            facts.workdir_fault = failure.cause;
            return Ok(());
        }
    }
    if recorded.is_empty() {
        return Ok(());
    }
    let names: BTreeMap<String, u64> = listed(&place.files).await?;
    let complete: Vec<&Recorded<'_>> = recorded.iter().filter(|one| one.record.status == Status::Complete).collect();
    let manifests = read_all(&place.files, complete.iter().map(|one| manifest_name(&one.table)).collect()).await?;
    for (one, bytes) in complete.into_iter().zip(manifests) {
        let Some(manifest) = bytes.and_then(|bytes| serde_json::from_slice::<TableManifest>(&bytes).ok()) else {
            continue;
        };
        facts.manifests.insert(one.table.key(), manifest.digest());
        match &manifest.dir {
            None => absent(facts, &one.table, &manifest.parts, &names),
            Some(dir) => {
                let elsewhere = listed(&place.places.folder(Path::new(dir))).await.unwrap_or_default();
                absent(facts, &one.table, &manifest.parts, &elsewhere);
            }
        }
    }
    for one in recorded.iter().filter(|one| one.record.status != Status::Complete) {
        if import::recorded(one.addr, one.record)?.is_none() {
            let parts: Vec<PartEntry> = outputs::parts_done(one.addr, &one.record.progress)?;
            absent(facts, &one.table, &parts, &names);
        }
    }
    Ok(())
}

/// Notes the parts whose files are not there with their size.
fn absent(facts: &mut MigrationFacts, table: &TableName, parts: &[PartEntry], names: &BTreeMap<String, u64>) {
    let is_absent = |part: &&PartEntry| names.get(&part.file) != Some(&part.bytes);
    let absent: BTreeSet<u32> = parts.iter().filter(is_absent).map(|part| part.part).collect();
    if !absent.is_empty() {
        facts.absent_parts.insert(table.key(), absent);
    }
}

async fn whose(place: &Place<'_>, lineage: Option<&str>) -> Outcome<bool> {
    let (files, lineage) = (Arc::clone(&place.files), lineage.map(str::to_owned));
    blocking(move || files.look(lineage.as_deref())).await
}

async fn listed(files: &Arc<dyn Files>) -> Outcome<BTreeMap<String, u64>> {
    let files = Arc::clone(files);
    blocking(move || files.list().map(|listed| listed.into_iter().collect())).await
}

/// Small files as a whole, in the order of their names; `None` for one that is not there.
///
/// # Errors
/// MIG5110 or MIG5111.
pub async fn read_all(files: &Arc<dyn Files>, names: Vec<String>) -> Outcome<Vec<Option<Vec<u8>>>> {
    let read = |name: String| {
        let files = Arc::clone(files);
        blocking(move || files.read(&name))
    };
    stream::iter(names).map(read).buffered(AT_ONCE).try_collect().await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Outcome<T> + Send + 'static) -> Outcome<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        let hint = "Please report this.";
        Err(Failure::new(codes::INTERNAL, "look at the files of a dump", error.to_string(), hint))
    })
}
