//! Whether the ledger on the target has what was recorded: asked before anything of an earlier run counts, and once more
//! when the load is through. A target may have been restored from a backup, or a copy that lags behind may have taken its
//! place; then rows and ledger stand where they stood before, together, and the load goes on from there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Job, Taken, broken, reset_note};
use crate::formats::manifest::PartEntry;
use crate::formats::rowhash::PartHash;
use crate::formats::state::Part;
use crate::steps::again::again;
use crate::steps::transfer::ledger::Object;
use crate::words::addr::TableName;
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// How often a load that has ended goes back to what the ledger has lost meanwhile.
const REDONE: u32 = 2;

impl Job {
    /// What the ledger has of this load.
    pub(super) async fn chunks(&self) -> Outcome<BTreeMap<u32, PartHash>> {
        again(&self.context, &self.ctx, || async {
            let mut line = self.lines.write.take().await?;
            let chunks = self.batches().chunks(&mut *line.connection).await?;
            line.give_back();
            Ok(chunks)
        })
        .await
    }

    /// Asks the ledger about what an earlier run recorded as loaded. Where it has something else, the records are thrown
    /// away, those of the verification that were fed by them with it, and each part goes on from where the ledger stands.
    pub(super) async fn ask_about_recorded(&mut self) -> Outcome<()> {
        self.is_of_this_epoch()?;
        if self.recorded.values().all(|part| part.done.is_none()) {
            return Ok(());
        }
        let there = self.chunks().await?;
        let mut lost = Vec::new();
        for (number, part) in &self.recorded {
            if let Some(entry) = entry_of(part)?
                && there.get(number) != Some(&entry.hash)
                && !is_empty(&entry, there.get(number))
            {
                lost.push(entry);
            }
        }
        if lost.is_empty() {
            return Ok(());
        }
        self.can_load_again(&lost, &there)?;
        self.forget_records().await?;
        self.lost = std::mem::take(&mut self.recorded).into_keys().collect();
        Ok(())
    }

    /// Parts that were recorded at another epoch are of a load that somebody has emptied the table after.
    fn is_of_this_epoch(&self) -> Outcome<()> {
        let epoch = |part: &Part| part.border.get("epoch").and_then(Value::as_u64);
        match self.recorded.values().filter_map(epoch).find(|epoch| *epoch != self.epoch) {
            None => Ok(()),
            Some(epoch) => {
                let there = Object { state: "created".into(), epoch: self.epoch };
                Err(overtaken(&self.table.name, epoch, Some(&there)))
            }
        }
    }

    /// The end of a load: what the ledger has is what was dumped, chunk by chunk. What is missing is loaded once more.
    pub(super) async fn hold_to_ledger(self: &Arc<Self>, taken: &mut Taken) -> Outcome<()> {
        for attempt in 0.. {
            let there = self.chunks().await?;
            let is_in = |entry: &&PartEntry| {
                there.get(&entry.part) == Some(&entry.hash) || is_empty(entry, there.get(&entry.part))
            };
            let lost: Vec<PartEntry> = taken.entries.values().filter(|entry| !is_in(entry)).cloned().collect();
            let more = there.keys().filter(|chunk| !taken.entries.contains_key(chunk)).count();
            if lost.is_empty() && more == 0 {
                break;
            }
            if more > 0 || attempt >= REDONE {
                return Err(self.another_ledger(&lost, more));
            }
            self.can_load_again(&lost, &there)?;
            self.forget_records().await?;
            for entry in taken.entries.values() {
                self.ctx.border(entry.part, self.border(entry)).await?;
                taken.work.spawn(self.clone().part(entry.clone(), true));
            }
            while let Some(joined) = taken.work.join_next().await {
                let entry = joined.unwrap_or_else(|error| Err(broken(&error.to_string())))?;
                self.is_in(&entry).await?;
            }
        }
        Ok(())
    }

    /// Throws the records away; that this run has emptied the table stays recorded.
    async fn forget_records(&self) -> Outcome<()> {
        self.ctx.waits_for("");
        self.ctx.reset().await?;
        let note = reset_note(&self.context);
        match self.ctx.resume.notes.get(&note) {
            Some(_) => self.ctx.note(&note, json!(self.epoch)).await,
            None => Ok(()),
        }
    }

    /// Whether the files of these parts are still there.
    fn can_load_again(&self, lost: &[PartEntry], there: &BTreeMap<u32, PartHash>) -> Outcome<()> {
        let files: BTreeSet<String> = self.files.list()?.into_iter().map(|(name, _)| name).collect();
        let gone = lost.iter().filter(|entry| !files.contains(&entry.file)).count();
        if gone == 0 {
            return Ok(());
        }
        let recorded: u64 = lost.iter().map(|entry| entry.rows).sum();
        let rows: u64 = lost.iter().filter_map(|entry| there.get(&entry.part)).map(|hash| hash.rows).sum();
        let dump = self.ctx.addr.to_string().replace(".load[", ".dump[");
        Err(Failure::new(
            codes::LOADED_CHUNKS_GONE,
            format!("load {} again", self.table.name),
            format!(
                "the ledger on the target has {rows} of {recorded} rows in {} of its parts that were recorded as loaded, as \
                 after a restore or a failover to a copy that was behind; and {gone} of their files were removed after \
                 their load (keep = false)",
                lost.len()
            ),
            format!("Dump and load the table again: `mig apply -replace='{dump}'`."),
        ))
    }

    fn another_ledger(&self, lost: &[PartEntry], more: usize) -> Failure {
        let cause = match more {
            0 => format!("{} of the parts that were loaded are not in the ledger on the target", lost.len()),
            _ => format!("the ledger on the target has {more} parts that this load does not have"),
        };
        Failure::new(
            codes::LEDGER_LACKS_CHUNKS,
            format!("prove that {} is loaded", self.table.name),
            format!("{cause}: it was restored, or another process loads the same table"),
            format!("Load the table again: `mig apply -replace='{}'`.", self.ctx.addr),
        )
    }
}

/// What a part came to, where it is done.
fn entry_of(part: &Part) -> Outcome<Option<PartEntry>> {
    let read = |done: &Value| serde_json::from_value(done.clone()).map_err(|e| broken(&e.to_string()));
    part.done.as_ref().map(read).transpose()
}

/// A part without rows has no batch.
fn is_empty(entry: &PartEntry, there: Option<&PartHash>) -> bool {
    entry.rows == 0 && there.is_none()
}

/// The table is not this load's any more: another process has emptied it, or dropped it.
pub fn overtaken(table: &TableName, epoch: u64, there: Option<&Object>) -> Failure {
    let cause = match there {
        None => format!("this is its load number {epoch}, and the ledger on the target no longer has the table"),
        Some(object) if object.is_reset() => {
            format!(
                "this is its load number {epoch}, and another process is emptying it for load number {}",
                object.epoch
            )
        }
        Some(object) if object.epoch < epoch => format!(
            "this is its load number {epoch}, and the ledger on the target is back at load number {}: the target was \
             restored to a time before this load",
            object.epoch
        ),
        Some(object) => format!(
            "this is its load number {epoch}, and the ledger on the target is at load number {}: another process with a \
             copy of this state has emptied the table and loads it",
            object.epoch
        ),
    };
    Failure::new(
        codes::TABLE_TAKEN_OVER,
        format!("load {table}"),
        cause,
        "Only one process may work with a state. Let the other one go on with its state, and leave this one; to take the \
         table back, see that no other runs, and `mig apply -replace=` with the address of this step.",
    )
}
