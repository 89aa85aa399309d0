//! The bytes of a dump file, unpacked as its name says: `.gz`, `.zst`, `.snappy`, or as they are. A file may hold several
//! gzip members, zstd frames or snappy streams one behind the other: they read as one. Knows no rows.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use crate::formats::dumpfile::Packing;
use crate::seams::files::{Files, Told};
use crate::steps::runner;
use crate::steps::transfer::batch::damaged;
use crate::words::error::Failure;

/// Packed bytes that are read at a time.
const PIECE: usize = 128 * 1024;

/// What a dump file holds, unpacked.
pub type Bytes = Box<dyn Read + Send>;

/// Opens a file of a dump, to be read from a place in its own bytes: 0, or what
/// [`crate::steps::transfer::part_file::PartFile::mark`] gave.
pub fn of(files: &dyn Files, name: &str, offset: u64) -> io::Result<Bytes> {
    unpacked(name, files.open(name, offset)?)
}

/// The same of a file of an external dump.
pub fn open(path: &Path, offset: u64) -> io::Result<Bytes> {
    let mut file = File::open(path)?;
    if offset > 0 {
        file.seek(SeekFrom::Start(offset))?;
    }
    unpacked(path.file_name().and_then(|name| name.to_str()).unwrap_or_default(), Box::new(file))
}

fn unpacked(name: &str, file: Bytes) -> io::Result<Bytes> {
    let packed = |file| BufReader::with_capacity(PIECE, file);
    Ok(match Packing::of(name).1 {
        Packing::Plain => file,
        Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(packed(file))),
        Packing::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(packed(file))?),
        Packing::Snappy => Box::new(snap::read::FrameDecoder::new(packed(file))),
    })
}

/// What a failed read of a dump file is: the file is damaged, or the disk does not give it.
pub fn fault(path: &Path, error: &io::Error) -> Failure {
    if let Some(failure) = Told::of(error) {
        return failure;
    }
    // A file whose packing is broken says so by one of these; zstd and snap give texts of their own as `Other`.
    let packed = matches!(
        error.kind(),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof | io::ErrorKind::Other
    );
    match error.raw_os_error() {
        None if packed => damaged(path, &error.to_string()),
        _ => runner::fault("read", path, error),
    }
}
