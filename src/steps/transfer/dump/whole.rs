//! A table without a key to cut it by: one statement, files cut by size; nothing is recorded before all of it is durable.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::job::Job;
use super::sink::Sink;
use super::{broken, own_cells, select};
use crate::formats::chunk::Selection;
use crate::formats::manifest::PartEntry;
use crate::steps::again::again;
use crate::words::error::{Failure, Outcome};

/// Reads the whole table, and all of it again after a passing fault.
pub async fn dump(job: &Arc<Job>) -> Outcome<Vec<PartEntry>> {
    let begun = AtomicU32::new(0);
    let entries = again(&job.context, &job.ctx, || once(job, &begun)).await?;
    // A try that broke off may have come further than the one that came to its end.
    for number in entries.len()..begun.into_inner() as usize {
        job.remove(u32::try_from(number + 1).unwrap_or(u32::MAX))?;
    }
    job.ctx.borders(entries.iter().map(|entry| (entry.part, Value::Null)).collect()).await?;
    for entry in &entries {
        job.ctx.part_done(entry.part, json!(entry)).await?;
        if let Some(room) = &job.room {
            room.add(&job.table.name, entry.bytes);
        }
    }
    Ok(entries)
}

async fn once(job: &Arc<Job>, begun: &AtomicU32) -> Outcome<Vec<PartEntry>> {
    let mut entries: Vec<PartEntry> = Vec::new();
    let mut open: Option<Sink> = None;
    let mut failed = None;
    let handle = Handle::current();
    let width = job.table.data_columns().count();
    let streamed = {
        let mut step = |cells: &[Option<&[u8]>]| -> Outcome<()> {
            if let Some(sink) = open.take_if(|sink| sink.text() >= job.file_size) {
                let filled = sink.finish(&job.ctx, &job.lines.pace)?;
                let commit = job.commit(number(&entries)?, None, filled);
                entries.push(tokio::task::block_in_place(|| handle.block_on(commit))?);
            }
            let sink = match &mut open {
                Some(sink) => sink,
                None => {
                    let number = number(&entries)?;
                    begun.fetch_max(number, Ordering::Relaxed);
                    open.insert(job.begin(number)?)
                }
            };
            sink.push(own_cells(cells, width), &job.ctx, &job.lines.pace)
        };
        let mut on_row = |cells: &[Option<&[u8]>]| {
            failed = match step(cells) {
                Ok(()) if !job.ctx.stopping() => return ControlFlow::Continue(()),
                Ok(()) => Some(Failure::interrupted("dump the table")),
                Err(failure) => Some(failure),
            };
            ControlFlow::Break(())
        };
        job.stream(&select(&job.table, &job.rows(&Selection::default())), &mut on_row).await
    };
    if let Some(failure) = failed {
        return Err(failure);
    }
    streamed?;
    if open.is_none() && entries.is_empty() {
        open = Some(job.begin(1)?);
    }
    if let Some(sink) = open {
        let filled = sink.finish(&job.ctx, &job.lines.pace)?;
        entries.push(job.commit(number(&entries)?, None, filled).await?);
    }
    Ok(entries)
}

/// The next file's.
fn number(entries: &[PartEntry]) -> Outcome<u32> {
    u32::try_from(entries.len() + 1).map_err(|_| broken("more files than there are numbers"))
}
