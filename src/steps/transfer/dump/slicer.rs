//! Finds the slices of a table, a few at a time and not long before they are read. Where the key begins with an integer,
//! by looking up keys at even steps between the first and the last, which costs next to nothing; else, and where that
//! gives no slices (all rows at one number), by walking along the key in steps of as many rows as a part should have.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde_json::json;

use super::broken;
use super::job::Job;
use crate::formats::chunk::cut::{Group, ReadKey, Slices, guess_of};
use crate::formats::chunk::{self, KeyValue, Range};
use crate::words::error::Outcome;

/// Keys that one statement looks up.
const DIVES: i128 = 32;

pub struct Slicer {
    job: Arc<Job>,
    key: Arc<ReadKey>,
    ready: VecDeque<Range>,
    uncut: VecDeque<Uncut>,
    groups: Arc<[Group]>,
    /// For the names of the notes.
    notes: usize,
    /// Borders that the walks came to, as hashes: of text only the server knows the order.
    walked: HashSet<u64>,
}

/// What is to be cut.
struct Uncut {
    range: Range,
    how: How,
}

enum How {
    /// Not looked at yet.
    New,
    /// At steps of `step` up to `last`; the last key itself is not a border.
    Grid {
        at: i128,
        last: i128,
        step: i128,
        end: Vec<KeyValue>,
    },
    Walk,
}

impl Slicer {
    pub fn new(job: Arc<Job>, key: Arc<ReadKey>, groups: Arc<[Group]>, notes: usize) -> Self {
        Self { job, key, ready: VecDeque::new(), uncut: VecDeque::new(), groups, notes, walked: HashSet::new() }
    }

    /// A slice of an earlier run.
    pub fn slice(&mut self, range: Range) {
        self.ready.push_back(range);
    }

    /// A range to be cut; where `walk` is set, not by even steps: that was tried.
    pub fn cut(&mut self, range: Range, walk: bool) {
        self.uncut.push_back(Uncut { range, how: if walk { How::Walk } else { How::New } });
    }

    pub fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.uncut.is_empty()
    }

    /// The next slice; its borders are recorded.
    pub async fn next(&mut self) -> Outcome<Option<Range>> {
        loop {
            if let Some(range) = self.ready.pop_front() {
                return Ok(Some(range));
            }
            let Some(Uncut { range, how }) = self.uncut.pop_front() else { return Ok(None) };
            match how {
                How::New => {
                    let how = self.look(&range).await?;
                    match how {
                        Some(how) => self.uncut.push_front(Uncut { range, how }),
                        None => self.ready.push_back(range),
                    }
                }
                How::Grid { at, last, step, end } => self.dive(range, at, last, step, end).await?,
                How::Walk => self.walk(range).await?,
            }
        }
    }

    /// How to cut a range; `None`: not at all.
    async fn look(&mut self, range: &Range) -> Outcome<Option<How>> {
        // What is not cut here is cut into parts while it is read; handed back, if it is larger than the server says.
        if !self.job.is_shared() {
            return Ok(None);
        }
        let bytes = match guess_of(&self.groups, range) {
            // Others have partitions of their own to read.
            bytes if self.groups.len() > 1 && !self.job.is_cut(bytes) => return Ok(None),
            bytes if self.groups.len() > 1 => bytes,
            bytes => bytes.saturating_sub(self.job.seen.text()),
        };
        let parts = bytes.div_ceil(self.job.chunk_bytes.max(1)).max(1);
        if !self.key.integer || self.job.where_.is_some() {
            return Ok(Some(How::Walk));
        }
        let sql = self.key.ends_sql(&self.job.table.name, range).map_err(|e| broken(&e.to_string()))?;
        let ends = self.borders(&sql).await?;
        let (Some(first), Some(end)) = (ends.iter().min_by_key(|k| number(k)), ends.iter().max_by_key(|k| number(k)))
        else {
            return Ok(None);
        };
        let (Some(first), Some(last)) = (number(first), number(end)) else { return Ok(Some(How::Walk)) };
        let (width, parts) = (last - first, i128::from(parts));
        // Rounded up: behind the last whole step there would be a part of a few rows.
        let grid = How::Grid { at: first, last, step: (width + parts - 1) / parts, end: end.clone() };
        Ok(Some(if width < parts { How::Walk } else { grid }))
    }

    /// Some steps of the grid.
    async fn dive(&mut self, range: Range, at: i128, last: i128, step: i128, end: Vec<KeyValue>) -> Outcome<()> {
        // The server's guess was far too high where parts are far too small.
        let small = self.job.seen.part().is_some_and(|bytes| bytes < self.job.chunk_bytes / 4);
        let step = if small { step.saturating_mul(4) } else { step };
        let count = DIVES.min(i128::from(self.job.lines.read.ceiling).max(4));
        let numbers: Vec<i128> = (1..=count).map(|i| at + i * step).take_while(|number| *number < last).collect();
        if numbers.is_empty() {
            self.ready.push_back(range);
            return Ok(());
        }
        let sql = self.key.dives_sql(&self.job.table.name, &range, &numbers).map_err(|e| broken(&e.to_string()))?;
        let mut borders = self.borders(&sql).await?;
        borders.sort_by_key(|border| number(border));
        borders.dedup();
        borders.retain(|border| *border != end);
        let reached = numbers.last().copied().unwrap_or(last);
        let rest = self.record(range, borders).await?;
        self.uncut.push_front(Uncut { range: rest, how: How::Grid { at: reached, last, step, end } });
        Ok(())
    }

    /// One step of the walk.
    async fn walk(&mut self, range: Range) -> Outcome<()> {
        let (bytes, rows) = self.job.guess;
        let row = self.job.seen.row().or(bytes.checked_div(rows)).unwrap_or(200).max(1);
        let rows = (self.job.chunk_bytes / row).max(1);
        let filter = self.job.where_.as_deref();
        let sql = self.key.walk_sql(&self.job.table.name, &range, filter, rows);
        let mut borders = self.borders(&sql.map_err(|e| broken(&e.to_string()))?).await?;
        if borders.len() < 2 {
            self.ready.push_back(range);
            return Ok(());
        }
        borders.truncate(1);
        if let Some(border) = borders.first() {
            let stays = range.after.as_ref() == Some(border) || !self.walked.insert(hash_of(border));
            if stays || !self.key.may_hold(&range, border) {
                return Err(self.job.astray());
            }
        }
        let range = self.record(range, borders).await?;
        self.uncut.push_front(Uncut { range, how: How::Walk });
        Ok(())
    }

    async fn borders(&self, sql: &str) -> Outcome<Vec<Vec<KeyValue>>> {
        let rows = self.job.ask(sql).await?.rows;
        let border = |row: &Vec<_>| chunk::border_of(&self.key.columns, row);
        rows.iter().map(border).collect::<Option<_>>().ok_or_else(|| broken("a bound that is not a key"))
    }

    /// Slices that end at the borders, recorded and ready; what is behind them is given back.
    async fn record(&mut self, range: Range, borders: Vec<Vec<KeyValue>>) -> Outcome<Range> {
        if borders.is_empty() {
            return Ok(range);
        }
        self.notes += 1;
        let Range { partitions, after, up_to } = range;
        let slices =
            Slices { partitions: partitions.clone(), after: after.clone(), ends: borders, within: up_to.clone() };
        self.job.ctx.note(&format!("slices {:06}", self.notes), json!(slices)).await?;
        let mut after = after;
        for end in slices.ends {
            self.ready.push_back(Range { partitions: partitions.clone(), after, up_to: Some(end.clone()) });
            after = Some(end);
        }
        Ok(Range { partitions, after, up_to })
    }
}

pub fn hash_of(border: &[KeyValue]) -> u64 {
    let mut hash = DefaultHasher::new();
    border.iter().for_each(|value| value.0.hash(&mut hash));
    hash.finish()
}

/// The number that the first column of a border holds.
fn number(border: &[KeyValue]) -> Option<i128> {
    border.first()?.0.parse().ok()
}
