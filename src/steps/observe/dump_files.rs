//! Which files of a migration's recorded dumps are in its folder. Another machine may have written them, or its disk may be
//! gone. Compares their sizes; their bytes are compared when they are loaded.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::formats::facts::MigrationFacts;
use crate::formats::manifest::{PartEntry, TableManifest};
use crate::formats::outputs;
use crate::formats::state::{State, Status};
use crate::steps::transfer::dump::manifest_path;
use crate::steps::transfer::import;
use crate::words::addr::{StepKind, TableName};
use crate::words::error::Outcome;

/// Adds what is there and what is not to the facts. Files that an unfinished import takes in are in a folder of somebody
/// else's, which is looked at as a dump.
///
/// # Errors
/// MIG4002: the record of an unfinished dump cannot be read.
pub fn look(facts: &mut MigrationFacts, dir: &Path, state: Option<&State>, migration: &str) -> Outcome<()> {
    let steps = state.into_iter().flat_map(|state| &state.steps);
    let dumps = steps.filter(|(addr, r)| r.kind == StepKind::Dump && addr.migration() == Some(migration));
    for (addr, record) in dumps {
        let Some(table) = addr.table() else { continue };
        let (mut parts, mut folder) = (Vec::new(), dir.to_owned());
        if record.status == Status::Complete {
            let Some(manifest) = manifest(dir, &table) else { continue };
            facts.manifests.insert(table.key(), manifest.digest());
            folder = manifest.dir.map_or(folder, PathBuf::from);
            parts = manifest.parts;
        } else if import::recorded(addr, record)?.is_none() {
            parts = outputs::parts_done(addr, &record.progress)?;
        }
        let is_there =
            |part: &PartEntry| std::fs::metadata(folder.join(&part.file)).is_ok_and(|found| found.len() == part.bytes);
        let absent: BTreeSet<u32> = parts.iter().filter(|part| !is_there(part)).map(|part| part.part).collect();
        if !absent.is_empty() {
            facts.absent_parts.insert(table.key(), absent);
        }
    }
    Ok(())
}

fn manifest(dir: &Path, table: &TableName) -> Option<TableManifest> {
    let bytes = std::fs::read(dir.join(manifest_path(table))).ok()?;
    serde_json::from_slice(&bytes).ok()
}
