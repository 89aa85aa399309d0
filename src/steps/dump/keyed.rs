//! A table with a key: slices are found and read side by side, and cut into parts. What is recorded is never read again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;

use super::job::Job;
use super::reader::Reader;
use super::slicer::Slicer;
use super::{broken, read};
use crate::formats::chunk::Range;
use crate::formats::chunk::cut::{self, Group, ReadKey, Slices};
use crate::formats::ddl::partitioning;
use crate::formats::manifest::PartEntry;
use crate::formats::state::Progress;
use crate::words::error::{Failure, Outcome};

/// The note that names the groups of partitions.
const PARTITIONS: &str = "partitions";

/// What has come to an end.
enum Ended {
    /// A search for the next slice, and its searcher.
    Search(Box<Slicer>, Outcome<Option<Range>>),
    /// A reader: what it hands back.
    Slice(Outcome<Option<Range>>),
}

/// Reads what is not recorded yet; gives all parts, in the order of their numbers.
pub async fn dump(job: &Arc<Job>, key: ReadKey, recorded: &Progress) -> Outcome<Vec<PartEntry>> {
    let key = Arc::new(key);
    let (done, mut durable) = unbounded_channel();
    let hungry = Arc::new(AtomicBool::new(false));
    let next = recorded.parts.keys().next_back().map_or(1, |number| number + 1);
    let next = Arc::new(AtomicU32::new(next));
    let notes: Vec<Slices> = recorded
        .notes
        .iter()
        .filter(|(name, _)| name.starts_with("slices "))
        .map(|(_, v)| read(v))
        .collect::<Result<_, _>>()?;
    let groups: Arc<[Group]> = match recorded.notes.get(PARTITIONS) {
        Some(groups) => read::<Vec<Group>>(groups)?.into(),
        None if recorded.parts.is_empty() && notes.is_empty() => grouped(job).await?.into(),
        None => [whole(job)].into(),
    };
    let reader = || Reader {
        job: job.clone(),
        key: key.clone(),
        groups: groups.clone(),
        next: next.clone(),
        done: done.clone(),
        hungry: hungry.clone(),
    };
    let mut work: JoinSet<Ended> = JoinSet::new();
    let mut entries = Vec::new();
    let mut ranges = Vec::new();
    let mut readers = 0;
    for (number, part) in &recorded.parts {
        let range: Range = read(&part.border)?;
        match &part.done {
            Some(done) => {
                let entry: PartEntry = read(done)?;
                job.ctx.progress(entry.rows, entry.bytes);
                entries.push(entry);
            }
            None => {
                let (reader, range, number) = (reader(), range.clone(), *number);
                work.spawn(async move { Ended::Slice(reader.slice(range, Some(number)).await) });
                readers += 1;
            }
        }
        ranges.push(range);
    }
    let left = cut::left(&groups, &ranges, &notes).ok_or_else(|| broken("the recorded borders do not fit together"))?;
    let mut slicer = Slicer::new(job.clone(), key.clone(), groups.clone(), notes.len());
    left.slices.into_iter().for_each(|range| slicer.slice(range));
    left.uncut.into_iter().for_each(|range| slicer.cut(range, false));

    let width = job.lines.read.ceiling as usize;
    let mut idle = Some(Box::new(slicer));
    let mut handed_back: Vec<Range> = Vec::new();
    let mut failed: Option<Failure> = None;
    loop {
        collect(&mut durable, &mut entries);
        let stopping = failed.is_some() || job.ctx.stopping();
        if let Some(mut slicer) = idle.take_if(|_| !stopping) {
            handed_back.drain(..).for_each(|range| slicer.cut(range, true));
            hungry.store(slicer.is_empty() && readers < width, Ordering::Relaxed);
            if readers < width && !slicer.is_empty() {
                work.spawn(async move {
                    let found = slicer.next().await;
                    Ended::Search(slicer, found)
                });
            } else {
                idle = Some(slicer);
            }
        }
        let Some(joined) = work.join_next().await else { break };
        match joined.map_err(|error| broken(&error.to_string()))? {
            Ended::Search(slicer, found) => {
                idle = Some(slicer);
                match found {
                    Ok(Some(range)) => {
                        let reader = reader();
                        work.spawn(async move { Ended::Slice(reader.slice(range, None).await) });
                        readers += 1;
                    }
                    Ok(None) => {}
                    Err(failure) => drop(failed.get_or_insert(failure)),
                }
            }
            Ended::Slice(rest) => {
                readers -= 1;
                match rest {
                    Ok(rest) => handed_back.extend(rest),
                    // The others end at their next part, which is recorded; then the first cause is told.
                    Err(failure) => drop(failed.get_or_insert(failure)),
                }
            }
        }
    }
    collect(&mut durable, &mut entries);
    if let Some(failure) = failed {
        return Err(failure);
    }
    let finished = idle.is_some_and(|slicer| slicer.is_empty()) && handed_back.is_empty();
    if !finished {
        return Err(Failure::interrupted("dump the table"));
    }
    entries.sort_by_key(|entry| entry.part);
    Ok(entries)
}

/// The table as one group.
fn whole(job: &Job) -> Group {
    Group { partitions: Vec::new(), bytes: job.guess.0 }
}

/// What is read side by side from the first: groups of partitions, recorded, where there are several; a reader of its own
/// partitions has no others to merge into the key's order, and none of a range's conditions. Else the table.
async fn grouped(job: &Job) -> Outcome<Vec<Group>> {
    if !job.by_partition || !job.is_shared() {
        return Ok(vec![whole(job)]);
    }
    let rows = job.ask(&partitioning::sizes_sql(&job.table.name)).await?.rows;
    let text = |cell: Option<&Option<Vec<u8>>>| String::from_utf8(cell?.clone()?).ok();
    let partition = |row: &Vec<_>| Some((text(row.first())?, text(row.get(1))?.parse().ok()?));
    let partitions =
        rows.iter().map(partition).collect::<Option<_>>().ok_or_else(|| broken("a partition without a size"))?;
    let groups = cut::grouped(partitions, job.chunk_bytes);
    if groups.len() < 2 {
        return Ok(vec![whole(job)]);
    }
    job.ctx.note(PARTITIONS, json!(groups)).await?;
    Ok(groups)
}

fn collect(durable: &mut UnboundedReceiver<PartEntry>, entries: &mut Vec<PartEntry>) {
    while let Ok(entry) = durable.try_recv() {
        entries.push(entry);
    }
}
