//! Rows on their way into one file: hashed and written as they come by. Knows no statement, no border and no connection.

use crate::formats::dumpfile::{self, InsertWriter, PushFault};
use crate::formats::manifest;
use crate::formats::rowhash::{self, JsonNumbers, PartHash, RowHasher};
use crate::formats::structure::{Column, Table};
use crate::steps::context::Pace;
use crate::steps::step::StepCtx;
use crate::steps::transfer::losses::RowNames;
use crate::steps::transfer::part_file::PartFile;
use crate::words::error::{Failure, Outcome};

use super::broken;

/// The write buffer of one part.
const BUFFER: usize = 256 * 1024;

/// What is done about values that would be lost on the way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Losses {
    pub json: JsonNumbers,
    /// Whether the key of such a row may be named.
    pub show_keys: bool,
}

/// A file of rows that is being written.
pub struct Sink {
    file: PartFile,
    writer: InsertWriter,
    hasher: RowHasher,
    names: RowNames,
    hash: PartHash,
    /// See [`manifest::PartEntry::marks`].
    marks: Vec<PartHash>,
    /// Bytes of text up to the last of them.
    marked: u64,
    buffer: Vec<u8>,
    /// Of text, written to the file.
    bytes: u64,
    reported: (u64, u64),
}

/// A file whose rows are all written; it is not in its place yet.
pub struct Filled {
    pub file: PartFile,
    pub hash: PartHash,
    pub marks: Vec<PartHash>,
    /// Values that are -0.
    pub negative_zeros: u64,
    /// Numbers in JSON that no DOUBLE holds.
    pub json_rounded: u64,
    /// Of text, before it was packed.
    pub text: u64,
}

impl Sink {
    pub fn new(file: PartFile, table: &Table, statement_size: usize, losses: Losses) -> Self {
        let columns: Vec<&Column> = table.data_columns().collect();
        let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
        let all = columns.len() == table.columns.len();
        let forms = columns.iter().map(|c| dumpfile::cell_form(c)).collect();
        Self {
            file,
            writer: InsertWriter::new(&table.name.name, (!all).then_some(&names), statement_size, forms),
            hasher: RowHasher::new(columns.iter().map(|c| rowhash::canon_of(c)).collect()).taking(losses.json),
            names: RowNames::of(table, losses.show_keys),
            hash: PartHash::default(),
            marks: Vec::new(),
            marked: 0,
            buffer: dumpfile::data_header(&columns).into_bytes(),
            bytes: 0,
            reported: (0, 0),
        }
    }

    /// One row. Nothing of it is kept but its hash and, at most, [`BUFFER`] bytes of its text.
    pub fn push(&mut self, cells: &[Option<&[u8]>], ctx: &StepCtx, pace: &Pace) -> Outcome<()> {
        let hash = self
            .hasher
            .hash_row(cells)
            .map_err(|fault| self.names.failure(&fault, cells).unwrap_or_else(|| broken(&fault.to_string())))?;
        self.hash.add(hash);
        let Self { file, writer, buffer, bytes, .. } = self;
        let mut spill = |text: &mut Vec<u8>| if text.len() < BUFFER { Ok(()) } else { flush(file, text, bytes) };
        let pushed = writer.push_row_in_pieces(cells, buffer, &mut spill);
        pushed.map_err(|fault: PushFault<Failure>| match fault {
            PushFault::Width(fault) => broken(&fault.to_string()),
            PushFault::Spill(failure) => failure,
        })?;
        let last = self.marks.last().map_or(0, |mark| mark.rows);
        if self.hash.rows - last >= manifest::MARK_ROWS || self.text() - self.marked >= manifest::MARK_BYTES {
            self.marks.push(self.hash);
            self.marked = self.text();
        }
        if self.buffer.len() >= BUFFER {
            flush(&mut self.file, &mut self.buffer, &mut self.bytes)?;
        }
        if self.bytes - self.reported.1 >= BUFFER as u64 {
            self.report(ctx, pace);
        }
        Ok(())
    }

    /// Bytes of text so far.
    pub fn text(&self) -> u64 {
        self.bytes + self.buffer.len() as u64
    }

    /// No more rows.
    pub fn finish(mut self, ctx: &StepCtx, pace: &Pace) -> Outcome<Filled> {
        self.writer.finish(&mut self.buffer);
        flush(&mut self.file, &mut self.buffer, &mut self.bytes)?;
        self.report(ctx, pace);
        let (negative_zeros, json_rounded) = (self.hasher.negative_zeros(), self.hasher.json_rounded());
        self.marks.pop_if(|mark| mark.rows == self.hash.rows);
        let Self { file, hash, marks, bytes: text, .. } = self;
        Ok(Filled { file, hash, marks, negative_zeros, json_rounded, text })
    }

    fn report(&mut self, ctx: &StepCtx, pace: &Pace) {
        let (rows, bytes) = self.reported;
        ctx.progress(self.hash.rows - rows, self.bytes - bytes);
        pace.hold(self.bytes - bytes);
        self.reported = (self.hash.rows, self.bytes);
    }
}

fn flush(file: &mut PartFile, text: &mut Vec<u8>, bytes: &mut u64) -> Outcome<()> {
    file.write(text)?;
    *bytes += text.len() as u64;
    text.clear();
    Ok(())
}
