//! A load of which the ledger has rows and the state has no part: the state was lost and rebuilt, or the table left the filter
//! and came back. The ledger counts rows by the number of their part, and a new dump may be cut at other borders. So each part
//! in the ledger is compared with the first rows of the part of that number before anything is loaded. If one differs, the
//! table stays as it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Job, broken};
use crate::formats::manifest::PartEntry;
use crate::formats::rowhash::PartHash;
use crate::steps::step::Upstream;
use crate::steps::transfer::batch::{self, Form};
use crate::words::error::Outcome;

/// Rows and bytes that are read at once.
const ROWS: u64 = 10_000;
const BYTES: usize = 1 << 20;

impl Job {
    /// Looks whether the ledger knows rows of this load. `nothing`: no part is recorded.
    pub(super) async fn look_for_unrecorded(&mut self, nothing: bool) -> Outcome<()> {
        let facts = self.context.facts(&self.ctx.addr)?;
        let loaded = facts.ledger.loaded.get(&self.key);
        if nothing && loaded.is_some_and(|loaded| loaded.rows > 0 && loaded.epoch == self.epoch) {
            self.unrecorded = self.chunks().await?;
            self.lost.extend(self.unrecorded.keys());
        }
        Ok(())
    }

    /// Waits for the whole dump; false: it has begun again.
    pub(super) async fn dump_is_whole(&self) -> Outcome<bool> {
        loop {
            match self.ctx.next_upstream().await {
                // Its files lie until all of them are there: the dump does not wait for their room.
                Upstream::Part(..) => self.lines.room.forget(&self.table.name),
                Upstream::Closed(_) => return Ok(true),
                Upstream::Reset => return Ok(false),
                Upstream::Failed => return Err(self.ctx.upstream_failed()),
            }
        }
    }

    /// Compares what the ledger knows with the files.
    ///
    /// # Errors
    /// `MIG6013`: it is of another dump, and nothing of the table was changed.
    pub(super) async fn is_of_this_dump(self: &Arc<Self>) -> Outcome<()> {
        let entries: BTreeMap<u32, PartEntry> =
            self.manifest()?.parts.into_iter().map(|entry| (entry.part, entry)).collect();
        for (number, known) in self.unrecorded.clone() {
            let entry = entries.get(&number).cloned();
            let job = Arc::clone(self);
            let same = tokio::task::spawn_blocking(move || job.begins_with(entry.as_ref(), &known));
            if !same.await.map_err(|error| broken(&error.to_string()))?? {
                let file = entries.get(&number).map_or_else(String::new, |entry| entry.file.clone());
                let cause =
                    format!("its {} rows are not the first ones of this part; the table was not changed", known.rows);
                return Err(batch::of_another_dump(&self.files.named(&file), 1, &cause));
            }
        }
        Ok(())
    }

    /// Whether the first rows of a part are these.
    fn begins_with(&self, entry: Option<&PartEntry>, known: &PartHash) -> Outcome<bool> {
        let Some(entry) = entry.filter(|entry| entry.rows >= known.rows) else { return Ok(false) };
        if entry.rows == known.rows {
            return Ok(entry.hash == *known);
        }
        batch::check_file(&*self.files, entry)?;
        let mut reader = self.reader(entry)?;
        let mut read = PartHash::default();
        while read.rows < known.rows {
            let Some(batch) = reader.next(Form::Insert, ROWS.min(known.rows - read.rows), BYTES)? else { break };
            read = read.merged(&batch.hash);
        }
        Ok(read == *known)
    }
}
