//! Batches of rows out of a dump file: read, hashed and turned into what the target takes. Bounded by bytes and rows;
//! knows no connection and no ledger.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::formats::dumpfile::{self, Cell, InsertReader, InsertWriter, Piece, Step, TsvEncoder};
use crate::formats::manifest::{self, PartEntry};
use crate::formats::rowhash::{self, JsonNumbers, PartHash, RowHasher};
use crate::formats::steps::Writing;
use crate::formats::structure::Table;
use crate::seams::files::{Files, fault as file_fault};
use crate::steps::transfer::foreign::ForeignRows;
use crate::steps::transfer::part_reader;
use crate::words::codes;
use crate::words::digest::{Digest, FileSum};
use crate::words::error::{Failure, Outcome};

/// Bytes of the file that are read at a time.
const PIECE: usize = 256 * 1024;
/// An INSERT statement's size where LOAD DATA is refused.
const STATEMENT: usize = 1 << 20;

/// How the rows are handed to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    LoadData,
    /// Statements of some rows each, where LOAD DATA is refused.
    Insert,
}

/// Rows `from..to` of a file (counted from 0), ready to be sent.
pub struct Batch {
    pub from: u64,
    pub to: u64,
    pub hash: PartHash,
    /// Pieces of the stream of one LOAD DATA, or one INSERT statement each.
    pub payload: Vec<Piece>,
    pub bytes: u64,
    /// Cells that are the error value of an ENUM: the target warns of each.
    pub error_values: u64,
}

/// Reads one dump file from its start.
pub struct BatchReader {
    source: Source,
    path: PathBuf,
    hasher: RowHasher,
    encoder: TsvEncoder,
    table: String,
    names: Vec<String>,
    forms: Vec<dumpfile::CellForm>,
    /// What the manifest knows of the rows up to some, the last included; in a file of another tool nothing.
    marks: Vec<PartHash>,
    row: u64,
}

/// Where the rows come from.
enum Source {
    Own(Box<OwnRows>),
    Foreign(Box<ForeignRows>),
}

/// A file that mig wrote.
struct OwnRows {
    file: part_reader::Bytes,
    reader: InsertReader,
    piece: Vec<u8>,
}

impl BatchReader {
    /// `tool`: how the file is written, where that was not by mig.
    pub fn open(
        files: &Arc<dyn Files>,
        part: &PartEntry,
        table: &Table,
        raw_bytes: bool,
        tool: Option<&Writing>,
    ) -> Outcome<Self> {
        let path = files.named(&part.file);
        let source = match tool {
            Some(tool) => Source::Foreign(Box::new(ForeignRows::open(path.clone(), table, tool)?)),
            None => Source::Own(Box::new(OwnRows {
                file: part_reader::of(&**files, &part.file, 0).map_err(|e| file_fault("open", &path, &e))?,
                reader: InsertReader::new(),
                piece: vec![0; PIECE],
            })),
        };
        let columns: Vec<_> = table.data_columns().collect();
        Ok(Self {
            source,
            path,
            hasher: RowHasher::new(columns.iter().map(|c| rowhash::canon_of(c)).collect()),
            encoder: TsvEncoder::new(columns.iter().map(|c| dumpfile::load_form(c, raw_bytes)).collect()),
            table: table.name.name.clone(),
            names: columns.iter().map(|c| c.name.clone()).collect(),
            forms: columns.iter().map(|c| dumpfile::cell_form(c)).collect(),
            marks: if tool.is_none() { part.marks.iter().copied().chain([part.hash]).collect() } else { Vec::new() },
            row: 0,
        })
    }

    /// With the dump's way to take numbers inside of JSON documents.
    pub fn taking(mut self, json: JsonNumbers) -> Self {
        self.hasher = self.hasher.taking(json);
        self
    }

    /// Passes over rows that the ledger has already.
    pub fn skip_to(&mut self, row: u64) -> Outcome<()> {
        while self.row < row {
            if !self.advance(&mut |_, _| Ok(()))? {
                return Err(self.torn("it has fewer rows than the ledger"));
            }
        }
        Ok(())
    }

    /// The hash of the rows from here to the next mark, where all of them are a batch; it is as far as the next mark.
    fn marked(&self, rows: u64, bytes: usize) -> Option<PartHash> {
        // Smaller batches are wanted than the marks are apart.
        if rows < manifest::MARK_ROWS || (bytes as u64) < manifest::MARK_BYTES {
            return None;
        }
        let to = self.marks.iter().find(|mark| mark.rows > self.row)?;
        let from = match self.row {
            0 => PartHash::default(),
            row => *self.marks.iter().find(|mark| mark.rows == row)?,
        };
        Some(PartHash { sum: to.sum.checked_sub(from.sum)?, rows: to.rows - from.rows })
    }

    /// The next rows, at most `rows` and about `bytes`, and not over a mark; `None` at the file's end.
    pub fn next(&mut self, form: Form, rows: u64, bytes: usize) -> Outcome<Option<Batch>> {
        let (hash, payload) = (PartHash::default(), Vec::new());
        let mut batch = Batch { from: self.row, to: self.row, hash, payload, bytes: 0, error_values: 0 };
        // Pieces of one size are had again from the allocator; a stream of megabytes in one would be fresh pages of the
        // system's each time, and copied whenever it grows.
        let room = if form == Form::LoadData { PIECE + PIECE / 8 } else { 0 };
        let mut buffer: Vec<u8> = Vec::with_capacity(room);
        let mut writer = InsertWriter::new(&self.table, Some(&self.names), usize::MAX, self.forms.clone());
        let marked = self.marked(rows, bytes);
        let mark = self.marks.iter().find(|mark| mark.rows > self.row).map_or(u64::MAX, |mark| mark.rows);
        let end = mark.min(self.row.saturating_add(rows));
        while self.row < end && (marked.is_some() || (batch.bytes as usize) + buffer.len() < bytes) {
            let (hash, payload, sent) = (&mut batch.hash, &mut batch.payload, &mut batch.bytes);
            let error_values = &mut batch.error_values;
            let more = self.advance(&mut |this, cells| {
                if marked.is_none() {
                    hash.add(this.hasher.hash_row(cells).map_err(|e| this.refused(&e.to_string()))?);
                }
                let pushed = match form {
                    Form::LoadData => this.encoder.push_row_in_pieces(cells, &mut buffer, PIECE, &mut |piece| {
                        *sent += piece.sent() as u64;
                        payload.push(piece);
                    }),
                    Form::Insert => writer.push_row(cells, &mut buffer).map(|()| this.encoder.error_values(cells)),
                };
                *error_values += pushed.map_err(|e| this.refused(&e.to_string()))?;
                match form {
                    Form::Insert if buffer.len() >= STATEMENT => writer.finish(&mut buffer),
                    Form::LoadData if buffer.len() >= PIECE => {}
                    _ => return Ok(()),
                }
                *sent += buffer.len() as u64;
                payload.push(Piece::Bytes(std::mem::replace(&mut buffer, Vec::with_capacity(room))));
                Ok(())
            })?;
            if !more {
                break;
            }
        }
        if self.row == batch.from {
            return Ok(None);
        }
        if let Some(hash) = marked {
            if self.row != mark {
                return Err(self.torn("it has fewer rows than the manifest says"));
            }
            batch.hash = hash;
        }
        if !buffer.is_empty() {
            if form == Form::Insert {
                writer.finish(&mut buffer);
            }
            batch.bytes += buffer.len() as u64;
            batch.payload.push(Piece::Bytes(buffer));
        }
        batch.to = self.row;
        // The batch is on its way for a while, and the next one is read after that.
        if let Source::Own(own) = &mut self.source {
            own.reader.let_go();
        }
        Ok(Some(batch))
    }

    /// The next row's cells; `None` at the file's end.
    pub fn cells(&mut self) -> Outcome<Option<Vec<Option<Vec<u8>>>>> {
        let mut found = None;
        self.advance(&mut |_, cells| {
            found = Some(cells.iter().map(|cell| cell.map(<[u8]>::to_vec)).collect());
            Ok(())
        })?;
        Ok(found)
    }

    /// One row to `take`; false at the file's end.
    fn advance(&mut self, take: &mut dyn FnMut(&mut Tools<'_>, &[Option<&[u8]>]) -> Outcome<()>) -> Outcome<bool> {
        let Self { source, path, hasher, encoder, row, .. } = self;
        let (file, reader, piece) = match source {
            Source::Foreign(rows) => {
                let mut taken = |row: u64, cells: &[Option<&[u8]>]| {
                    take(&mut Tools { hasher: &mut *hasher, encoder, path, row }, cells)
                };
                let more = rows.advance(&mut taken)?;
                *row += u64::from(more);
                return Ok(more);
            }
            Source::Own(own) => (&mut own.file, &mut own.reader, &mut own.piece),
        };
        loop {
            match reader.next_row() {
                Err(fault) => return Err(damaged(path, &fault.to_string())),
                Ok(Step::End) => return Ok(false),
                Ok(Step::Row(found)) => {
                    let cells: Vec<Cell<'_>> = found.cells().collect();
                    let bytes: Vec<Option<&[u8]>> = cells.iter().map(Cell::as_bytes).collect();
                    take(&mut Tools { hasher, encoder, path, row: *row }, &bytes)?;
                    *row += 1;
                    return Ok(true);
                }
                Ok(Step::Hungry) => {}
            }
            let read = file.read(piece).map_err(|e| part_reader::fault(path, &e))?;
            if read == 0 {
                reader.end();
            } else {
                reader.feed(&piece[..read]);
            }
        }
    }

    fn torn(&self, cause: &str) -> Failure {
        damaged(&self.path, cause)
    }
}

/// What a row needs on its way, apart from the reader it borrows from.
struct Tools<'a> {
    hasher: &'a mut RowHasher,
    encoder: &'a TsvEncoder,
    path: &'a Path,
    row: u64,
}

impl Tools<'_> {
    fn refused(&self, cause: &str) -> Failure {
        damaged(self.path, &format!("row {}: {cause}", self.row + 1))
    }
}

/// A dump file that is not what the manifest says.
pub fn damaged(path: &Path, cause: &str) -> Failure {
    Failure::new(
        codes::DUMP_FILE_CHANGED,
        format!("read the dump file {}", path.display()),
        cause,
        "The file is not what was dumped. Run `mig apply -replace=` with the address of the table's dump step.",
    )
}

/// A part of which the ledger holds batches that are not of this file.
pub fn of_another_dump(path: &Path, batches: usize, cause: &str) -> Failure {
    let batches = if batches == 1 { "1 batch".to_owned() } else { format!("{batches} batches") };
    Failure::new(
        codes::ROWS_OF_OTHER_DUMP,
        format!("load the dump file {}", path.display()),
        format!("the target had {batches} of a part of this number before; {cause}"),
        "What recorded the dump that they are of is lost: the runner's disk, or a newer copy of the state. Run `mig apply \
         -replace=` with the address of the table's dump step: it loads the table again.",
    )
}

/// Compares the file's bytes with the manifest's digest before anything of it is sent.
pub fn check_file(files: &dyn Files, part: &PartEntry) -> Outcome<()> {
    let path = files.named(&part.file);
    let mut file = files.open(&part.file, 0).map_err(|e| file_fault("read the dump file", &path, &e))?;
    let (bytes, digest) = sum_of(&mut *file, &path)?;
    if bytes != part.bytes {
        return Err(damaged(&path, &format!("it has {bytes} bytes, the manifest says {}", part.bytes)));
    }
    if digest != part.digest {
        return Err(damaged(&path, "its digest is not the manifest's"));
    }
    Ok(())
}

/// A file's length and digest, as they stand in the manifest.
pub fn file_sum(path: &Path) -> Outcome<(u64, Digest)> {
    let mut file = File::open(path).map_err(|e| file_fault("read the dump file", path, &e))?;
    sum_of(&mut file, path)
}

fn sum_of(file: &mut dyn Read, path: &Path) -> Outcome<(u64, Digest)> {
    let mut sum = FileSum::default();
    let mut piece = vec![0; PIECE];
    let mut bytes = 0;
    loop {
        match file.read(&mut piece).map_err(|e| file_fault("read", path, &e))? {
            0 => return Ok((bytes, sum.digest())),
            read => {
                sum.update(&piece[..read]);
                bytes += read as u64;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
pub(super) mod tests {
    use crate::formats::ddl::fixture::{column, table};
    use crate::formats::spec::model::Compress;
    use crate::hosts::folder::Folder;
    use crate::steps::transfer::batch::*;
    use crate::steps::transfer::part_file::PartFile;

    /// Ten rows, marked behind the third and the seventh: `t.sql` in the folder.
    pub(in crate::steps::transfer) fn part(dir: &Path, table: &Table) -> PartEntry {
        let columns: Vec<_> = table.data_columns().collect();
        let forms = columns.iter().map(|c| dumpfile::cell_form(c)).collect();
        let mut writer = InsertWriter::new::<&str>(&table.name.name, None, 60, forms);
        let mut hasher = RowHasher::new(columns.iter().map(|c| rowhash::canon_of(c)).collect());
        let (mut text, mut hash, mut marks) = (Vec::new(), PartHash::default(), Vec::new());
        for n in 0..10 {
            let (id, v) = (n.to_string(), "x".repeat(n * 5));
            let cells: [Option<&[u8]>; 2] = [Some(id.as_bytes()), Some(v.as_bytes())];
            writer.push_row(&cells, &mut text).unwrap();
            hash.add(hasher.hash_row(&cells).unwrap());
            if n == 2 || n == 6 {
                marks.push(hash);
            }
        }
        writer.finish(&mut text);
        let files: Arc<dyn Files> = Arc::new(Folder::new(dir));
        let mut file = PartFile::create(&files, "t.sql", Compress::None).unwrap();
        file.write(&text).unwrap();
        let (bytes, digest) = file.commit().unwrap();
        let file = "t.sql".to_owned();
        PartEntry {
            part: 1,
            file,
            bytes,
            rows: 10,
            range: None,
            hash,
            marks,
            digest,
            negative_zeros: 0,
            json_rounded: 0,
        }
    }

    /// Batches from a row on: from, to and hash.
    fn batches(dir: &Path, part: &PartEntry, table: &Table, from: u64, rows: u64) -> Vec<(u64, u64, PartHash)> {
        let files: Arc<dyn Files> = Arc::new(Folder::new(dir));
        let mut reader = BatchReader::open(&files, part, table, true, None).unwrap();
        reader.skip_to(from).unwrap();
        let bytes = manifest::MARK_BYTES as usize;
        std::iter::from_fn(|| reader.next(Form::LoadData, rows, bytes).unwrap())
            .map(|batch| (batch.from, batch.to, batch.hash))
            .collect()
    }

    #[test]
    fn batches_end_at_marks_and_have_the_hash_of_their_rows_however_it_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let columns = vec![column("id", "int"), column("v", "varchar(99)")];
        let table = Table { columns, ..table("shop", "t") };
        let part = part(dir.path(), &table);
        let single = batches(dir.path(), &part, &table, 0, 1);
        let all = manifest::MARK_ROWS;
        for (from, rows, expected) in [
            (0, all, &[0, 3, 7, 10][..]),
            (3, all, &[3, 7, 10]),
            (5, all, &[5, 7, 10]),
            (0, 2, &[0, 2, 3, 5, 7, 9, 10]),
            (10, all, &[]),
        ] {
            let found = batches(dir.path(), &part, &table, from, rows);
            let borders: Vec<(u64, u64)> = expected.windows(2).map(|pair| (pair[0], pair[1])).collect();
            assert_eq!(found.iter().map(|(from, to, _)| (*from, *to)).collect::<Vec<_>>(), borders, "{from} {rows}");
            for (from, to, hash) in found {
                let rows = &single[from as usize..to as usize];
                let expected = rows.iter().fold(PartHash::default(), |sum, (.., hash)| sum.merged(hash));
                assert_eq!(hash, expected, "{from}..{to}");
            }
        }
        let torn = PartEntry { hash: PartHash { rows: 11, ..part.hash }, rows: 11, ..part };
        let files: Arc<dyn Files> = Arc::new(Folder::new(dir.path()));
        let mut reader = BatchReader::open(&files, &torn, &table, true, None).unwrap();
        reader.skip_to(7).unwrap();
        assert_eq!(reader.next(Form::LoadData, all, usize::MAX).err().unwrap().code, "MIG6010");
    }
}
