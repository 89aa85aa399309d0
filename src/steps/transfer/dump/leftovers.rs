//! What earlier runs left in the folder of a dump: read once a run, for a folder of many tables is long. A table's files
//! are made by its own step alone, which begins by asking here, so what the run itself makes is never missed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::formats::dumpfile::{self, DumpFile};
use crate::steps::runner::fault as file_fault;
use crate::steps::transfer::part_file::TORN;
use crate::words::addr::TableName;
use crate::words::error::Outcome;

/// Names of files by the table's name on the disk; `None`: not read yet.
#[derive(Default)]
pub struct Leftovers(Mutex<Option<BTreeMap<TableName, Vec<String>>>>);

impl Leftovers {
    /// The files of a table, whole ones and torn ones; once.
    pub fn take(&self, dir: &Path, table: &TableName) -> Outcome<Vec<String>> {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let by_table = match found.take() {
            Some(by_table) => by_table,
            None => list(dir)?,
        };
        Ok(found.insert(by_table).remove(&dumpfile::on_disk(table)).unwrap_or_default())
    }
}

fn list(dir: &Path) -> Outcome<BTreeMap<TableName, Vec<String>>> {
    let mut by_table: BTreeMap<TableName, Vec<String>> = BTreeMap::new();
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(by_table),
        Err(e) => return Err(file_fault("read the folder of the dump", dir, &e)),
    };
    for entry in entries {
        let entry = entry.map_err(|e| file_fault("read the folder of the dump", dir, &e))?;
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
        if let Some(DumpFile::Data(table, _) | DumpFile::Table(table) | DumpFile::View(table)) =
            DumpFile::parse(whole(&name))
        {
            by_table.entry(table).or_default().push(name);
        }
    }
    Ok(by_table)
}

/// The name that a file bears when it is whole.
fn whole(name: &str) -> &str {
    name.strip_suffix(TORN).unwrap_or(name)
}

/// Whether a file was not written to its end.
pub fn is_torn(name: &str) -> bool {
    name.ends_with(TORN)
}
