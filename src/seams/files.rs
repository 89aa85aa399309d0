//! The seam to where the files of a dump are: a folder, or the objects of a bucket whose names begin alike. Names and bytes
//! only: what a file means is a format's matter, which files there are is the steps'.
//!
//! Calls block. A file is there whole or not at all: one that is being written has another name until it is finished.

use std::error::Error;
use std::fmt;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::formats::spec::access::Bucket;
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// What a file's name ends with until it is whole.
pub const TORN: &str = ".part";

/// Opens places for files. Connects to nothing.
pub trait Places: Send + Sync {
    /// A folder of this machine; it need not be there.
    fn folder(&self, dir: &Path) -> Arc<dyn Files>;

    /// The objects of a migration in a bucket, by the first name of the migration. `dir`: where the paths of its settings begin.
    ///
    /// # Errors
    /// MIG5113: this build has no S3, or a file of the settings cannot be read.
    fn bucket(&self, bucket: &Bucket, migration: &str, dir: &Path) -> Outcome<Arc<dyn Files>>;
}

/// One place with the files of one dump. A name may have one folder in it: `manifest/shop.t.json`.
pub trait Files: Send + Sync {
    /// A file, or for an empty name the place, as messages name it.
    fn named(&self, name: &str) -> PathBuf;

    /// Makes the place ready for the files of a state. Changes nothing where it is.
    ///
    /// # Errors
    /// MIG5110 or MIG5111; MIG5112: the place belongs to another state.
    fn prepare(&self, lineage: &str) -> Outcome<()>;

    /// Whether the place has been made ready for this state; false: for none. `None`: a state that is not there yet. Changes
    /// nothing.
    ///
    /// # Errors
    /// As [`Files::prepare`].
    fn look(&self, lineage: Option<&str>) -> Outcome<bool>;

    /// Begins a file; what an earlier try left of it is overwritten.
    ///
    /// # Errors
    /// MIG5110 or MIG5111.
    fn create(&self, name: &str) -> Outcome<Box<dyn NewFile>>;

    /// Makes durable that finished files are in their place.
    ///
    /// # Errors
    /// MIG5110.
    fn sync(&self, folder: &str) -> Outcome<()>;

    /// The bytes of a file from an offset on.
    ///
    /// # Errors
    /// Those of the system, or a [`Told`] failure.
    fn open(&self, name: &str, offset: u64) -> io::Result<Box<dyn Read + Send>>;

    /// The whole of a small file; `None`: there is none.
    ///
    /// # Errors
    /// MIG5110 or MIG5111.
    fn read(&self, name: &str) -> Outcome<Option<Vec<u8>>>;

    /// All files with their bytes, those that are not whole with them (their names end with [`TORN`]). Files in folders of the
    /// place may be left out.
    ///
    /// # Errors
    /// MIG5110 or MIG5111.
    fn list(&self) -> Outcome<Vec<(String, u64)>>;

    /// The bytes of a file; `None`: there is none.
    ///
    /// # Errors
    /// MIG5110 or MIG5111.
    fn size(&self, name: &str) -> Outcome<Option<u64>>;

    /// Removes files, whole ones and by their names those that are not; also where they are gone already.
    ///
    /// # Errors
    /// MIG5110 or MIG5111.
    fn remove(&self, names: &[String]) -> Outcome<()>;

    /// Removes what the place itself has left when no file is in it any more. Does nothing where files are.
    ///
    /// # Errors
    /// MIG5110 or MIG5111.
    fn leave(&self) -> Outcome<()>;
}

/// A failure of a file operation: the one that the error carries, or one of the system's.
pub fn fault(doing: &str, path: &Path, error: &io::Error) -> Failure {
    if let Some(failure) = Told::of(error) {
        return failure;
    }
    let hint = match error.kind() {
        io::ErrorKind::StorageFull => "Free some room there, then run `mig apply` again: it goes on.",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "Make the folder writable, or set another `workdir`, then run `mig apply` again."
        }
        io::ErrorKind::NotFound => "Run `mig apply` again: its plan says what has to be made once more.",
        _ => "Fix it, then run `mig apply` again: it goes on.",
    };
    Failure::new(codes::DUMP_FILE, format!("{doing} {}", path.display()), error.to_string(), hint)
}

/// A file that is being written.
pub trait NewFile: Write + Send {
    /// No more bytes: the file gets its name. Its content is durable; its name is after [`Files::sync`].
    ///
    /// # Errors
    /// MIG5110 or MIG5111: there is no such file.
    fn finish(self: Box<Self>) -> Outcome<()>;
}

/// A failure on its way through a reader or a writer.
#[derive(Debug)]
pub struct Told(pub Box<Failure>);

impl Told {
    /// As readers and writers take it.
    pub fn error(failure: Failure) -> io::Error {
        io::Error::other(Self(Box::new(failure)))
    }

    /// The failure that an error carries.
    pub fn of(error: &io::Error) -> Option<Failure> {
        error.get_ref().and_then(|inner| inner.downcast_ref::<Self>()).map(|told| (*told.0).clone())
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.cause)
    }
}

impl Error for Told {}
