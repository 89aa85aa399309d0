//! What earlier runs left in the folder of a dump: read once a run, for a folder of many tables is long. A table's files
//! are made by its own step alone, which begins by asking here, so what the run itself makes is never missed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::formats::dumpfile::{self, DumpFile};
use crate::seams::files::{Files, TORN};
use crate::words::addr::TableName;
use crate::words::error::Outcome;

/// Names of files by the table's name on the disk.
type ByTable = BTreeMap<TableName, Vec<String>>;

/// The folders that were read.
#[derive(Default)]
pub struct Leftovers(Mutex<BTreeMap<PathBuf, ByTable>>);

impl Leftovers {
    /// The files of a table, whole ones and torn ones; once.
    pub fn take(&self, files: &dyn Files, table: &TableName) -> Outcome<Vec<String>> {
        let place = files.named("");
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !found.contains_key(&place) {
            found.insert(place.clone(), list(files)?);
        }
        let by_table = found.get_mut(&place);
        Ok(by_table.and_then(|by_table| by_table.remove(&dumpfile::on_disk(table))).unwrap_or_default())
    }
}

fn list(files: &dyn Files) -> Outcome<ByTable> {
    let mut by_table = ByTable::new();
    for (name, _) in files.list()? {
        if let Some(DumpFile::Data(table, _) | DumpFile::Table(table) | DumpFile::View(table)) =
            DumpFile::parse(whole(&name))
        {
            by_table.entry(table).or_default().push(name);
        }
    }
    Ok(by_table)
}

/// The name that a file bears when it is whole.
pub fn whole(name: &str) -> &str {
    name.strip_suffix(TORN).unwrap_or(name)
}

/// Whether a file was not written to its end.
pub fn is_torn(name: &str) -> bool {
    name.ends_with(TORN)
}
