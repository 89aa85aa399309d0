//! Reads one slice of a table and cuts it into parts by the bytes that come: a slice of rows as long as expected is one
//! part. A statement reads in the key's order, so a part ends at the key of a row that was seen, wherever that is.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::job::Job;
use super::sink::Sink;
use super::slicer::hash_of;
use super::{broken, own_cells, select_along};
use crate::formats::chunk::cut::{Group, ReadKey, guess_of};
use crate::formats::chunk::{KeyValue, Range, Selection};
use crate::formats::manifest::PartEntry;
use crate::steps::again::wait;
use crate::steps::transfer::room::Place;
use crate::words::error::{Failure, Outcome};

/// Files of one reader on their way into their place; the reader goes on meanwhile.
const CLOSING: usize = 2;

#[derive(Clone)]
pub struct Reader {
    pub job: Arc<Job>,
    pub key: Arc<ReadKey>,
    /// The next part's number.
    pub next: Arc<AtomicU32>,
    /// Parts that are durable and recorded.
    pub done: UnboundedSender<PartEntry>,
    /// What each slice is of.
    pub groups: Arc<[Group]>,
    /// Whether the rest of a slice is better cut again, for others to read: nothing else is left for them.
    pub hungry: Arc<std::sync::atomic::AtomicBool>,
}

/// Why a statement was not read to its end.
enum Stop {
    For(Failure),
    /// There is no room on the disk for another file.
    Full,
    /// Others have nothing to read.
    Share,
}

/// A reader's place in its slice.
struct Cutter<'a> {
    reader: &'a Reader,
    closing: &'a mut JoinSet<Outcome<()>>,
    range: Range,
    /// Tells when the border before is recorded.
    bordered: Option<oneshot::Receiver<()>>,
    /// Bytes of text that a part is to have at most.
    limit: u64,
    /// The part's number, kept while a part is tried again; `None`: to be taken.
    number: Option<u32>,
    room: Option<Place>,
    open: Option<Sink>,
    /// Bytes of text of its longest row.
    longest: u64,
    /// The key of the last row, where it filled its part.
    full: Option<Vec<KeyValue>>,
    /// The part's border is recorded: it is not to be cut.
    fixed: bool,
    /// Borders that were cut at in this slice, as hashes: of text only the server knows the order.
    cut_at: HashSet<u64>,
    stop: Option<Stop>,
}

impl Reader {
    /// Reads a slice; gives back what is to be cut again. `number`: its border is recorded already, as one part.
    pub async fn slice(self, range: Range, number: Option<u32>) -> Outcome<Option<Range>> {
        let job = self.job.clone();
        let mut closing = JoinSet::new();
        let limit = job.part_limit(guess_of(&self.groups, &range));
        let mut cutter = Cutter {
            reader: &self,
            closing: &mut closing,
            range,
            bordered: None,
            limit,
            number,
            room: None,
            open: None,
            longest: 0,
            full: None,
            fixed: number.is_some(),
            cut_at: HashSet::new(),
            stop: None,
        };
        let (mut attempt, mut before) = (0, cutter.range.after.clone());
        let rest = loop {
            if cutter.room.is_none() {
                cutter.room = self.enter(limit).await?;
            }
            match cutter.read().await {
                Ok(()) => break None,
                Err(Stop::Share) => break Some(cutter.range),
                Err(Stop::Full) => {}
                Err(Stop::For(failure)) if job.may_go_on(&failure, attempt) => {
                    if cutter.range.after != before {
                        attempt = 0;
                        before.clone_from(&cutter.range.after);
                    }
                    job.ctx.waits_for(&failure.cause);
                    wait(&job.context, &mut attempt).await;
                    job.ctx.waits_for("");
                }
                Err(Stop::For(failure)) => {
                    // What is complete is recorded all the same: it is not read again.
                    while closing.join_next().await.is_some() {}
                    return Err(failure);
                }
            }
        };
        while let Some(closed) = closing.join_next().await {
            closed.unwrap_or_else(|error| Err(broken(&error.to_string())))?;
        }
        Ok(rest)
    }

    async fn enter(&self, limit: u64) -> Outcome<Option<Place>> {
        let Job { ctx, room: Some(room), .. } = &*self.job else { return Ok(None) };
        if let Some(place) = room.try_enter(limit) {
            return Ok(Some(place));
        }
        ctx.waits_for("room on the disk (disk_limit)");
        let place = ctx.or_stopped(room.enter(limit)).await;
        ctx.waits_for("");
        place.map(Some)
    }
}

impl Cutter<'_> {
    /// Reads from where the parts so far end.
    async fn read(&mut self) -> Result<(), Stop> {
        let job = self.reader.job.clone();
        self.open = None;
        self.full = None;
        let key = &self.reader.key;
        let rows = Selection::of(&self.range, &key.columns).map_err(|e| Stop::For(broken(&e.to_string())))?;
        let sql = select_along(&job.table, key, &job.rows(&rows));
        let streamed = job.stream(&sql, &mut |cells| self.row(cells)).await;
        if let Some(stop) = self.stop.take() {
            return Err(stop);
        }
        streamed.map_err(Stop::For)?;
        self.close(self.range.up_to.clone()).map_err(Stop::For)
    }

    fn row(&mut self, cells: &[Option<&[u8]>]) -> ControlFlow<()> {
        self.stop = match self.push(cells) {
            Ok(None) => return ControlFlow::Continue(()),
            Ok(stop) => stop,
            Err(failure) => Some(Stop::For(failure)),
        };
        ControlFlow::Break(())
    }

    fn push(&mut self, cells: &[Option<&[u8]>]) -> Outcome<Option<Stop>> {
        let job = &self.reader.job;
        if let Some(border) = self.full.take() {
            // There is a row behind the one that filled the part, so the next part has one, too.
            self.close(Some(border))?;
            if job.ctx.stopping() {
                return Ok(Some(Stop::For(Failure::interrupted("dump the table"))));
            }
            if self.reader.hungry.load(Ordering::Relaxed) && job.is_shared() && job.lines.read.is_idle() {
                return Ok(Some(Stop::Share));
            }
            if let Some(room) = &job.room {
                self.room = room.try_enter(self.limit);
                if self.room.is_none() {
                    return Ok(Some(Stop::Full));
                }
            }
        }
        if self.open.is_none() {
            self.expect_within(&self.key_of(cells)?)?;
        }
        let sink = self.sink()?;
        let before = sink.text();
        sink.push(own_cells(cells, job.width), &job.ctx, &job.lines.pace)?;
        let text = sink.text();
        self.longest = self.longest.max(text - before);
        // Full where another such row would not fit: the room for a file is what it takes at most.
        let filled = text + self.longest >= self.limit;
        if filled && !self.fixed {
            let border = self.key_of(cells)?;
            self.expect_within(&border)?;
            if !self.cut_at.insert(hash_of(&border)) {
                return Err(self.reader.job.astray());
            }
            self.full = Some(border);
        }
        // Between two parts there may be no end for long.
        let stopping = filled && self.fixed && job.ctx.stopping();
        Ok(stopping.then(|| Stop::For(Failure::interrupted("dump the table"))))
    }

    fn key_of(&self, cells: &[Option<&[u8]>]) -> Outcome<Vec<KeyValue>> {
        self.reader.key.of_row(cells).ok_or_else(|| broken("a row without a key"))
    }

    /// A row outside of what was asked for would be read again and again, or be there twice.
    fn expect_within(&self, key: &[KeyValue]) -> Outcome<()> {
        let stays = self.range.after.as_deref() == Some(key);
        if stays || !self.reader.key.may_hold(&self.range, key) {
            return Err(self.reader.job.astray());
        }
        Ok(())
    }

    fn sink(&mut self) -> Outcome<&mut Sink> {
        if self.open.is_none() {
            let number = *self.number.get_or_insert_with(|| self.reader.next.fetch_add(1, Ordering::Relaxed));
            self.open = Some(self.reader.job.begin(number)?);
            self.longest = 0;
        }
        self.open.as_mut().ok_or_else(|| broken("no file is open"))
    }

    /// Ends the part at a border: border recorded, file durable, part recorded, in this order, while the reader goes on.
    fn close(&mut self, up_to: Option<Vec<KeyValue>>) -> Outcome<()> {
        self.sink()?;
        let job = self.reader.job.clone();
        let (Some(sink), Some(number)) = (self.open.take(), self.number.take()) else {
            return Err(broken("no file is open"));
        };
        let filled = sink.finish(&job.ctx, &job.lines.pace)?;
        let partitions = self.range.partitions.clone();
        let range = Range { partitions, after: self.range.after.take(), up_to: up_to.clone() };
        self.range.after = up_to;
        let (recorded, room, done) = (std::mem::take(&mut self.fixed), self.room.take(), self.reader.done.clone());
        while self.closing.len() >= CLOSING {
            let next = tokio::task::block_in_place(|| Handle::current().block_on(self.closing.join_next()));
            if let Some(closed) = next {
                closed.unwrap_or_else(|error| Err(broken(&error.to_string())))?;
            }
        }
        let (told, bordered) = oneshot::channel();
        let before = self.bordered.replace(bordered);
        self.closing.spawn(async move {
            if !recorded {
                // What an interrupt left is gone along from border to border: none is recorded before the one it begins at.
                if let Some(before) = before {
                    before.await.map_err(|_| Failure::interrupted("dump the table"))?;
                }
                job.ctx.border(number, json!(range)).await?;
            }
            // Nobody waits behind the last one.
            let _ = told.send(());
            let entry = job.commit(number, Some(range), filled).await?;
            if let Some(room) = room {
                room.filled(&job.table.name, entry.bytes);
            }
            job.ctx.part_done(number, json!(entry)).await?;
            // The step is over where nobody listens.
            let _ = done.send(entry);
            Ok(())
        });
        Ok(())
    }
}
