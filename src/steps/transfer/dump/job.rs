//! What the dump of one table works with, and what both ways of reading share: a statement's rows, a file's way into its
//! place, trying again.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::timeout;

use super::broken;
use super::sink::{Filled, Losses, Sink};
use crate::formats::chunk::{Range, Selection};
use crate::formats::dumpfile::DumpFile;
use crate::formats::manifest::PartEntry;
use crate::formats::spec::model::Compress;
use crate::formats::structure::Table;
use crate::seams::files::{Files, TORN};
use crate::seams::sql::{Fault, Rows};
use crate::steps::again::{TRIES, again};
use crate::steps::context::{Context, Lines};
use crate::steps::step::StepCtx;
use crate::steps::transfer::part_file::PartFile;
use crate::steps::transfer::room::Room;
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

pub struct Job {
    pub context: Arc<Context>,
    pub lines: Arc<Lines>,
    pub ctx: StepCtx,
    pub table: Table,
    /// How many of its columns hold data of their own.
    pub width: usize,
    pub where_: Option<String>,
    pub statement_size: usize,
    pub losses: Losses,
    /// Bytes of text that a part is to have.
    pub chunk_bytes: u64,
    /// Bytes of text after which a file ends, whatever is behind.
    pub file_size: u64,
    /// Bytes that the server says the table has, and rows: a guess.
    pub guess: (u64, u64),
    /// A partition holds the same rows on source and target.
    pub by_partition: bool,
    pub compress: Compress,
    pub files: Arc<dyn Files>,
    pub seen: Measured,
    /// The highest number of a part whose file this run has begun.
    pub begun: AtomicU32,
    /// Where files that are to be loaded in this run wait for room; `None`: nothing is loaded.
    pub room: Option<Arc<Room>>,
}

/// What the rows so far were like.
#[derive(Default)]
pub struct Measured {
    rows: AtomicU64,
    text: AtomicU64,
    parts: AtomicU64,
}

impl Measured {
    pub fn add(&self, rows: u64, text: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.text.fetch_add(text, Ordering::Relaxed);
        self.parts.fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes of text that a part had; `None`: too few were seen to tell.
    pub fn part(&self) -> Option<u64> {
        let parts = self.parts.load(Ordering::Relaxed);
        (parts >= 4).then(|| self.text() / parts)
    }

    pub fn text(&self) -> u64 {
        self.text.load(Ordering::Relaxed)
    }

    /// Bytes of text that a row has; `None`: none was seen.
    pub fn row(&self) -> Option<u64> {
        self.text().checked_div(self.rows.load(Ordering::Relaxed)).map(|bytes| bytes.max(1))
    }
}

/// A slice of rows may have so many times the bytes of a part before it is cut: parts are even where the guess was good.
const SLACK: u64 = 2;

/// Up to so many parts are left to one reader: a scan without a condition costs MySQL a quarter less than that of ranges,
/// whose condition it evaluates for every row, and one reader finishes them in a second or two.
const SHARED_FROM: u64 = 8;

/// Whether a table is worth cutting for many readers: `guess` bytes by the server's own count, `read` so far.
fn is_shared(guess: u64, read: u64, chunk_bytes: u64) -> bool {
    let few = chunk_bytes.saturating_mul(SHARED_FROM);
    match guess.checked_sub(read) {
        Some(left) => left > few,
        // More came than the server guessed: how much is left, nobody knows.
        None => read > few,
    }
}

/// After so long without a row it is asked whether a lock is in the way.
const LOCK_LOOK: Duration = Duration::from_secs(5);
/// How often it is looked whether a row came.
const TICK: Duration = Duration::from_millis(500);

impl Job {
    /// Whether what is left of the table is worth cutting, so that others help to read it.
    pub fn is_shared(&self) -> bool {
        is_shared(self.guess.0, self.seen.text(), self.chunk_bytes)
    }

    /// Whether so many bytes are worth cutting beforehand.
    pub fn is_cut(&self, guess: u64) -> bool {
        is_shared(guess, 0, self.chunk_bytes)
    }

    /// Bytes of text that a part is to have at most: one of the table, or of a group of partitions, of `guess` bytes.
    pub fn part_limit(&self, guess: u64) -> u64 {
        let slack = self.chunk_bytes.saturating_mul(SLACK);
        // What nobody cuts beforehand is to give parts as large as what is cut.
        let whole = !self.is_cut(guess) && guess > slack;
        self.file_size.min(if whole { self.chunk_bytes } else { slack }).max(1)
    }

    /// As far as the spec wants them.
    pub fn rows(&self, rows: &Selection) -> Selection {
        rows.and(self.where_.as_deref().unwrap_or_default())
    }

    /// Begins the file of a part; what an earlier try left of it is overwritten.
    pub fn begin(&self, number: u32) -> Outcome<Sink> {
        self.begun.fetch_max(number, Ordering::Relaxed);
        let name = DumpFile::Data(self.table.name.clone(), u64::from(number)).name();
        let file = PartFile::create(&self.files, &name, self.compress)?;
        Ok(Sink::new(file, &self.table, self.statement_size, self.losses))
    }

    /// Removes the file of a part that is not of the dump, whole or torn, if it is there.
    pub fn remove(&self, number: u32) -> Outcome<()> {
        self.files.remove(&self.names(number))
    }

    /// A file into its place, durably.
    pub async fn commit(&self, number: u32, range: Option<Range>, filled: Filled) -> Outcome<PartEntry> {
        let Filled { file, hash, marks, negative_zeros, json_rounded, text } = filled;
        let name = file.name().to_owned();
        // In a bucket it would replace what is there: who lost the lock may not be the only one that works on it.
        self.context.store.still_held()?;
        let synced = tokio::task::spawn_blocking(move || file.commit()).await;
        let (bytes, digest) = synced.map_err(|error| broken(&error.to_string()))??;
        self.seen.add(hash.rows, text);
        let rows = hash.rows;
        Ok(PartEntry {
            part: number,
            file: name,
            bytes,
            rows,
            range,
            hash,
            marks,
            digest,
            negative_zeros,
            json_rounded,
        })
    }

    /// Removes files of an earlier attempt that no part of the dump is: a reading that broke off may have come to more of
    /// them than the one that counts. `left`: what an earlier run left.
    pub fn remove_what_is_no_part(&self, left: Vec<String>, parts: &[PartEntry]) -> Outcome<()> {
        let mut kept: BTreeSet<&str> = parts.iter().map(|part| part.file.as_str()).collect();
        let schema = DumpFile::Table(self.table.name.clone()).name();
        kept.insert(&schema);
        let numbers: BTreeSet<u32> = parts.iter().map(|part| part.part).collect();
        let begun = (1..=self.begun.load(Ordering::Relaxed)).filter(|number| !numbers.contains(number));
        let begun = begun.flat_map(|number| self.names(number));
        let gone: Vec<String> = left.into_iter().chain(begun).filter(|file| !kept.contains(file.as_str())).collect();
        if gone.is_empty() { Ok(()) } else { self.files.remove(&gone) }
    }

    /// The names that the file of a part has when it is whole, and until then.
    fn names(&self, number: u32) -> [String; 2] {
        let name = DumpFile::Data(self.table.name.clone(), u64::from(number)).name();
        let name = format!("{name}{}", self.compress.packing().suffix());
        let torn = format!("{name}{TORN}");
        [name, torn]
    }

    /// Streams the rows of a statement, in a snapshot of their own.
    pub async fn stream(
        &self,
        sql: &str,
        on_row: &mut (dyn FnMut(&[Option<&[u8]>]) -> ControlFlow<()> + Send),
    ) -> Outcome<()> {
        let mut line = self.lines.read.take().await?;
        let snapshot = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
        line.connection.execute(snapshot).await.map_err(|f| self.failure(&f, snapshot))?;
        let (mut ended, came) = (false, AtomicBool::new(false));
        let mut watched = |cells: &[Option<&[u8]>]| {
            came.store(true, Ordering::Relaxed);
            let flow = on_row(cells);
            ended = flow.is_break();
            flow
        };
        let streamed = tokio::select! {
            biased;
            streamed = line.connection.stream(sql, &mut watched) => streamed,
            never = self.tell_locks(&came) => match never {},
        };
        streamed.map_err(|f| self.failure(&f, sql))?;
        if ended {
            // Half-read: the connection is closed, the caller knows why.
            return Ok(());
        }
        line.connection.execute("COMMIT").await.map_err(|f| self.failure(&f, "COMMIT"))?;
        line.give_back();
        Ok(())
    }

    /// The answer to a short question, asked again after passing faults.
    pub async fn ask(&self, sql: &str) -> Outcome<Rows> {
        again(&self.context, &self.ctx, || async {
            let mut line = self.lines.read.take().await?;
            let found = line.connection.query(sql).await.map_err(|fault| self.failure(&fault, sql))?;
            line.give_back();
            Ok(found)
        })
        .await
    }

    /// Whether what failed is to be tried again.
    pub fn may_go_on(&self, failure: &Failure, attempt: u32) -> bool {
        failure.retry == crate::words::error::Retry::Later && attempt < TRIES && !self.ctx.stopping()
    }

    /// The source gave rows outside of what was asked for.
    pub fn astray(&self) -> Failure {
        Failure::new(
            codes::ROWS_OUTSIDE_RANGE,
            format!("read {} from {} in the order of its key", self.table.name, self.lines.read.place()),
            "the server gives rows that are not behind the last bound, so that the dump would never end",
            "Look for values of the key that have no character in Unicode, and for a `where` or a view of the key that changes it; leave the table out of the filter, or fix its keys on the source.",
        )
    }

    /// Where no row comes for long: tells what lock the statement waits for, if the source says that it does. Ends never.
    async fn tell_locks(&self, came: &AtomicBool) -> Infallible {
        let mut told = false;
        let mut since = Duration::ZERO;
        while !came.load(Ordering::Relaxed) {
            tokio::time::sleep(TICK).await;
            since += TICK;
            if since < LOCK_LOOK {
                continue;
            }
            since = Duration::ZERO;
            let lock = timeout(LOCK_LOOK, self.lock()).await.ok().flatten();
            if came.load(Ordering::Relaxed) {
                break;
            }
            if let Some(state) = &lock {
                self.ctx
                    .waits_for(&format!("another session of the source, which holds a lock on the table ({state})"));
            } else if told {
                self.ctx.waits_for("");
            }
            told = lock.is_some();
        }
        if told {
            self.ctx.waits_for("");
        }
        std::future::pending().await
    }

    /// What a statement of this user on the table waits for, in the server's words: a user sees its own statements.
    async fn lock(&self) -> Option<String> {
        let name = self.table.name.sql().replace('\\', "\\\\").replace('\'', "''");
        let sql = format!(
            "SELECT STATE FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() \
             AND USER = SUBSTRING_INDEX(USER(), '@', 1) AND STATE LIKE 'Waiting for%lock%' AND LOCATE('FROM {name}', INFO) > 0 LIMIT 1"
        );
        let mut line = self.lines.read.take().await.ok()?;
        let rows = line.connection.query(&sql).await.ok()?;
        line.give_back();
        String::from_utf8(rows.rows.into_iter().next()?.into_iter().next()??).ok()
    }

    /// What the source answered to a statement. One that it cannot read is shown, without the values in it.
    pub fn failure(&self, fault: &Fault, sql: &str) -> Failure {
        let doing = format!("read {} from {}", self.table.name, self.lines.read.place());
        if !fault.lost && matches!(fault.number, Some(1054 | 1064 | 1149 | 1305)) {
            let shown = sql.split_once(" WHERE ").map_or(sql.to_owned(), |(what, _)| format!("{what} WHERE …"));
            let hint = format!(
                "If the table was changed since, plan again; else it is a fault of mig: please report it with the statement, {shown}"
            );
            return fault.failure(codes::READ_SOURCE, doing, hint);
        }
        let hint =
            "Look whether the source is up and the table is still there; then run `mig apply` again: it goes on.";
        fault.failure(codes::READ_SOURCE, doing, hint)
    }
}

#[cfg(test)]
mod tests {
    use super::is_shared;

    fn check(guess: u64, read: u64, expected: bool) {
        assert_eq!(is_shared(guess, read, 10), expected, "{read} of {guess} read");
    }

    #[test]
    fn a_table_of_a_few_parts_is_left_to_one_reader_and_one_that_the_server_guessed_too_small_is_not() {
        for (guess, read, expected) in [
            (0, 0, false),
            (80, 0, false),
            (81, 0, true),
            (1000, 500, true),
            (1000, 920, false),
            (1000, 1000, false),
            // The guess was wrong.
            (16, 17, false),
            (16, 80, false),
            (16, 81, true),
            (1000, 1001, true),
        ] {
            check(guess, read, expected);
        }
    }
}
