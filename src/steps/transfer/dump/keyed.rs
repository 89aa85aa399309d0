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
    let (mut dump, mut durable) = KeyedDump::begin(job, key, recorded).await?;
    loop {
        collect(&mut durable, &mut dump.entries);
        dump.search();
        let Some(joined) = dump.work.join_next().await else { break };
        dump.ended(joined.map_err(|error| broken(&error.to_string()))?);
    }
    collect(&mut durable, &mut dump.entries);
    dump.finish()
}

/// A dump under way: one searcher for slices, and as many readers as the source bears.
struct KeyedDump {
    /// What every reader is made of.
    pattern: Reader,
    work: JoinSet<Ended>,
    /// Files that are durable.
    entries: Vec<PartEntry>,
    readers: usize,
    width: usize,
    /// The searcher, while it does not search.
    idle: Option<Box<Slicer>>,
    /// Rests of slices that others may read.
    handed_back: Vec<Range>,
    failed: Option<Failure>,
}

impl KeyedDump {
    /// Continues what is recorded: slices that were begun are read on, the rest is left to the searcher.
    async fn begin(job: &Arc<Job>, key: ReadKey, recorded: &Progress) -> Outcome<(Self, UnboundedReceiver<PartEntry>)> {
        let key = Arc::new(key);
        let (done, durable) = unbounded_channel();
        let next = recorded.parts.keys().next_back().map_or(1, |number| number + 1);
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
        let mut dump = Self {
            pattern: Reader {
                job: job.clone(),
                key: key.clone(),
                groups: groups.clone(),
                next: Arc::new(AtomicU32::new(next)),
                done,
                hungry: Arc::new(AtomicBool::new(false)),
            },
            work: JoinSet::new(),
            entries: Vec::new(),
            readers: 0,
            width: job.lines.read.ceiling as usize,
            idle: None,
            handed_back: Vec::new(),
            failed: None,
        };
        let ranges = dump.resume(recorded)?;
        let left =
            cut::left(&groups, &ranges, &notes).ok_or_else(|| broken("the recorded bounds do not fit together"))?;
        let mut slicer = Slicer::new(job.clone(), key, groups, notes.len());
        left.slices.into_iter().for_each(|range| slicer.slice(range));
        left.uncut.into_iter().for_each(|range| slicer.cut(range, false));
        dump.idle = Some(Box::new(slicer));
        Ok((dump, durable))
    }

    /// Takes over what is recorded; gives the ranges of all of it.
    fn resume(&mut self, recorded: &Progress) -> Outcome<Vec<Range>> {
        let mut ranges = Vec::new();
        for (number, part) in &recorded.parts {
            let range: Range = read(&part.border)?;
            match &part.done {
                Some(done) => {
                    let entry: PartEntry = read(done)?;
                    self.pattern.job.ctx.progress(entry.rows, entry.bytes);
                    self.entries.push(entry);
                }
                None => self.read(range.clone(), Some(*number)),
            }
            ranges.push(range);
        }
        Ok(ranges)
    }

    fn read(&mut self, range: Range, number: Option<u32>) {
        let reader = self.pattern.clone();
        self.work.spawn(async move { Ended::Slice(reader.slice(range, number).await) });
        self.readers += 1;
    }

    /// Lets the searcher find the next slice, where a reader is free for it.
    fn search(&mut self) {
        let stopping = self.failed.is_some() || self.pattern.job.ctx.stopping();
        let Some(mut slicer) = self.idle.take_if(|_| !stopping) else { return };
        self.handed_back.drain(..).for_each(|range| slicer.cut(range, true));
        let free = self.readers < self.width;
        self.pattern.hungry.store(slicer.is_empty() && free, Ordering::Relaxed);
        if free && !slicer.is_empty() {
            self.work.spawn(async move {
                let found = slicer.next().await;
                Ended::Search(slicer, found)
            });
        } else {
            self.idle = Some(slicer);
        }
    }

    fn ended(&mut self, ended: Ended) {
        let failure = match ended {
            Ended::Search(slicer, found) => {
                self.idle = Some(slicer);
                match found {
                    Ok(range) => return range.into_iter().for_each(|range| self.read(range, None)),
                    Err(failure) => failure,
                }
            }
            Ended::Slice(rest) => {
                self.readers -= 1;
                match rest {
                    Ok(rest) => return self.handed_back.extend(rest),
                    Err(failure) => failure,
                }
            }
        };
        // The others end at their next file, which is recorded; then the first cause is told.
        self.failed.get_or_insert(failure);
    }

    fn finish(mut self) -> Outcome<Vec<PartEntry>> {
        if let Some(failure) = self.failed {
            return Err(failure);
        }
        if !(self.idle.is_some_and(|slicer| slicer.is_empty()) && self.handed_back.is_empty()) {
            return Err(Failure::interrupted("dump the table"));
        }
        self.entries.sort_by_key(|entry| entry.part);
        Ok(self.entries)
    }
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
