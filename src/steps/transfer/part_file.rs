//! A file of a dump on its way into its place, where it is whole or not at all ([`crate::seams::files`]): counted, summed and
//! packed. Where a reader may begin, the packing begins again.

use std::io::{self, Write};
use std::sync::Arc;

use flate2::write::GzEncoder;
use zstd::stream::write::Encoder as ZstdEncoder;

use crate::formats::spec::model::Compress;
use crate::seams::files::{Files, NewFile, fault};
use crate::words::digest::{Digest, FileSum};
use crate::words::error::Outcome;

/// Of 0 to 9: a dump is to leave the source's machine and the runner's cores alone, so speed goes before size.
const GZIP_LEVEL: u32 = 1;
/// zstd's own default is 3; 1 takes two thirds of its time.
const ZSTD_LEVEL: i32 = 1;

pub struct PartFile {
    out: Packed,
    name: String,
    files: Arc<dyn Files>,
}

/// The file itself: what goes into it is counted and summed.
struct Raw {
    file: Box<dyn NewFile>,
    bytes: u64,
    sum: FileSum,
}

impl Write for Raw {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.sum.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

enum Packed {
    Plain(Raw),
    Gzip(GzEncoder<Raw>),
    Zstd(Box<ZstdEncoder<'static, Raw>>),
    /// Between the end of one member and the begin of the next, and after a fault there.
    Broken,
}

impl Packed {
    fn begin(raw: Raw, compress: Compress) -> io::Result<Self> {
        Ok(match compress {
            Compress::None => Self::Plain(raw),
            Compress::Gzip => Self::Gzip(GzEncoder::new(raw, flate2::Compression::new(GZIP_LEVEL))),
            Compress::Zstd => Self::Zstd(Box::new(ZstdEncoder::new(raw, ZSTD_LEVEL)?)),
        })
    }

    /// Ends the gzip member or the zstd frame.
    fn end(self) -> io::Result<(Raw, Compress)> {
        Ok(match self {
            Self::Plain(raw) => (raw, Compress::None),
            Self::Gzip(gzip) => (gzip.finish()?, Compress::Gzip),
            Self::Zstd(zstd) => (zstd.finish()?, Compress::Zstd),
            Self::Broken => return Err(io::Error::other("an earlier write failed")),
        })
    }
}

impl PartFile {
    /// Begins the file with this name, with the packing's suffix; what an earlier try left is overwritten.
    pub fn create(files: &Arc<dyn Files>, name: &str, compress: Compress) -> Outcome<Self> {
        let name = format!("{name}{}", compress.packing().suffix());
        let raw = Raw { file: files.create(&name)?, bytes: 0, sum: FileSum::default() };
        let out = Packed::begin(raw, compress).map_err(|e| fault("begin the file", &files.named(&name), &e))?;
        Ok(Self { out, name, files: Arc::clone(files) })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn write(&mut self, bytes: &[u8]) -> Outcome<()> {
        let written = match &mut self.out {
            Packed::Plain(raw) => raw.write_all(bytes),
            Packed::Gzip(gzip) => gzip.write_all(bytes),
            Packed::Zstd(zstd) => zstd.write_all(bytes),
            Packed::Broken => Err(io::Error::other("an earlier write failed")),
        };
        written.map_err(|e| fault("write", &self.files.named(&self.name), &e))
    }

    /// Makes a place at which a reader may begin: what comes next is a gzip member or a zstd frame of its own. Returns
    /// the place in the file's own bytes, packed as they are. Nothing is synced.
    pub fn mark(&mut self) -> Outcome<u64> {
        if let Packed::Plain(raw) = &self.out {
            return Ok(raw.bytes);
        }
        let begun = std::mem::replace(&mut self.out, Packed::Broken).end().and_then(|(raw, compress)| {
            let at = raw.bytes;
            Ok((at, Packed::begin(raw, compress)?))
        });
        let (at, out) = begun.map_err(|e| fault("write", &self.files.named(&self.name), &e))?;
        self.out = out;
        Ok(at)
    }

    /// Puts the file into its place, durably. Returns the file's bytes and their digest.
    pub fn commit(self) -> Outcome<(u64, Digest)> {
        let files = Arc::clone(&self.files);
        let placed = self.place()?;
        files.sync("")?;
        Ok(placed)
    }

    /// [`PartFile::commit`] without the folder: it is synced by anyone who has more to put there.
    pub fn place(self) -> Outcome<(u64, Digest)> {
        let raw = self.out.end().map_err(|e| fault("write", &self.files.named(&self.name), &e))?.0;
        raw.file.finish()?;
        Ok((raw.bytes, raw.sum.digest()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::io::Read;
    use std::path::Path;

    use crate::hosts::folder::Folder;
    use crate::steps::transfer::part_file::*;
    use crate::steps::transfer::part_reader;

    fn read(path: &Path, offset: u64) -> Vec<u8> {
        let mut out = Vec::new();
        part_reader::open(path, offset).unwrap().read_to_end(&mut out).unwrap();
        out
    }

    #[test]
    fn a_file_reads_back_from_its_start_and_from_each_mark_however_it_is_packed() {
        let dir = tempfile::tempdir().unwrap();
        let files: Arc<dyn Files> = Arc::new(Folder::new(dir.path()));
        let pieces: Vec<Vec<u8>> =
            (0..5u8).map(|n| (0..300_000u32).map(|i| n ^ (i.wrapping_mul(i) >> 7) as u8).collect()).collect();
        for (compress, name) in [(Compress::None, "t.sql"), (Compress::Gzip, "t.sql.gz"), (Compress::Zstd, "t.sql.zst")]
        {
            let mut file = PartFile::create(&files, "t.sql", compress).unwrap();
            assert_eq!(file.name(), name);
            let mut marks = Vec::new();
            for piece in &pieces {
                marks.push(file.mark().unwrap());
                file.write(piece).unwrap();
            }
            let (bytes, digest) = file.commit().unwrap();
            let path = dir.path().join(name);
            let stored = std::fs::read(&path).unwrap();
            let mut sum = FileSum::default();
            stored.chunks(777).for_each(|piece| sum.update(piece));
            assert_eq!((bytes, digest), (stored.len() as u64, sum.digest()));
            assert!(marks[1..].windows(2).all(|pair| pair[0] < pair[1]), "{marks:?}");
            for (from, mark) in marks.iter().enumerate() {
                assert!(read(&path, *mark) == pieces[from..].concat(), "{name} from mark {from}");
            }
        }
    }

    #[test]
    fn a_torn_file_is_told_however_it_is_packed() {
        let dir = tempfile::tempdir().unwrap();
        let files: Arc<dyn Files> = Arc::new(Folder::new(dir.path()));
        for compress in [Compress::Gzip, Compress::Zstd] {
            let mut file = PartFile::create(&files, "t.sql", compress).unwrap();
            file.write(&[7; 100_000]).unwrap();
            file.mark().unwrap();
            file.write(&[8; 100_000]).unwrap();
            let name = file.name().to_owned();
            let (bytes, _) = file.commit().unwrap();
            let path = dir.path().join(name);
            std::fs::File::options().write(true).open(&path).unwrap().set_len(bytes - 5).unwrap();
            let fault = part_reader::open(&path, 0).unwrap().read_to_end(&mut Vec::new()).unwrap_err();
            assert_eq!(part_reader::fault(&path, &fault).code, "MIG6010", "{fault}");
        }
    }

    #[test]
    fn files_of_several_members_and_snappy_frames_read_to_their_end() {
        let dir = tempfile::tempdir().unwrap();
        let gzip = |text: &[u8]| {
            let mut out = GzEncoder::new(Vec::new(), flate2::Compression::default());
            out.write_all(text).unwrap();
            out.finish().unwrap()
        };
        let snappy = |text: &[u8]| {
            let mut out = snap::write::FrameEncoder::new(Vec::new());
            out.write_all(text).unwrap();
            out.into_inner().unwrap()
        };
        for (name, bytes) in [
            ("a.sql", b"one two".to_vec()),
            ("a.sql.gz", [gzip(b"one "), gzip(b""), gzip(b"two")].concat()),
            (
                "a.sql.zst",
                [zstd::encode_all(&b"one "[..], 19).unwrap(), zstd::encode_all(&b"two"[..], 1).unwrap()].concat(),
            ),
            ("a.sql.snappy", [snappy(b"one "), snappy(b"two")].concat()),
        ] {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(read(&path, 0), b"one two", "{name}");
        }
    }
}
