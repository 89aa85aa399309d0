//! The files of a dump in a folder of this machine: written beside their name, synced, renamed, the folder synced.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use rustix::fs::Advice;

use crate::seams::files::{Files, NewFile, TORN, fault};
use crate::words::error::Outcome;

/// A folder with the files of one dump.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(dir: &Path) -> Self {
        Self(dir.to_owned())
    }
}

impl Files for Folder {
    fn named(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.0.clone() } else { self.0.join(name) }
    }

    /// A work folder is of one state; a worker's own lock keeps others out.
    fn prepare(&self, _: &str) -> Outcome<()> {
        let dir = self.0.join("manifest");
        std::fs::create_dir_all(&dir).map_err(|e| fault("make the folder of the dump", &self.0, &e))
    }

    fn look(&self, _: Option<&str>) -> Outcome<bool> {
        Ok(self.0.is_dir())
    }

    fn create(&self, name: &str) -> Outcome<Box<dyn NewFile>> {
        let path = self.0.join(format!("{name}{TORN}"));
        let file = File::create(&path).map_err(|e| fault("begin the file", &path, &e))?;
        Ok(Box::new(Written { file, path, to: self.0.join(name), bytes: 0, ahead: 0 }))
    }

    fn sync(&self, folder: &str) -> Outcome<()> {
        let dir = self.named(folder);
        File::open(&dir).and_then(|opened| opened.sync_all()).map_err(|e| fault("sync the folder", &dir, &e))
    }

    fn open(&self, name: &str, offset: u64) -> io::Result<Box<dyn Read + Send>> {
        let mut file = File::open(self.0.join(name))?;
        if offset > 0 {
            file.seek(SeekFrom::Start(offset))?;
        }
        Ok(Box::new(file))
    }

    fn read(&self, name: &str) -> Outcome<Option<Vec<u8>>> {
        let path = self.0.join(name);
        gone_is_none(std::fs::read(&path)).map_err(|e| fault("read", &path, &e))
    }

    fn list(&self) -> Outcome<Vec<(String, u64)>> {
        let read = |error: io::Error| fault("read the folder of the dump", &self.0, &error);
        let Some(entries) = gone_is_none(std::fs::read_dir(&self.0)).map_err(read)? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(read)?;
            // One that goes meanwhile is not there.
            let Ok(about) = entry.metadata() else { continue };
            if let Some(name) = entry.file_name().to_str().filter(|_| about.is_file()) {
                found.push((name.to_owned(), about.len()));
            }
        }
        Ok(found)
    }

    fn size(&self, name: &str) -> Outcome<Option<u64>> {
        let path = self.0.join(name);
        let found = gone_is_none(std::fs::metadata(&path)).map_err(|e| fault("look for", &path, &e))?;
        Ok(found.map(|found| found.len()))
    }

    fn remove(&self, names: &[String]) -> Outcome<()> {
        for path in names.iter().map(|name| self.0.join(name)) {
            gone_is_none(std::fs::remove_file(&path)).map_err(|e| fault("remove", &path, &e))?;
        }
        Ok(())
    }

    /// Folders are removed with the runner's work folder.
    fn leave(&self) -> Outcome<()> {
        Ok(())
    }
}

/// So many bytes go on their way to the disk together, while more are written: at the end there is little to wait for.
const AHEAD_BYTES: u64 = 2 << 20;

struct Written {
    file: File,
    path: PathBuf,
    to: PathBuf,
    bytes: u64,
    /// Those that are on their way to the disk.
    ahead: u64,
}

impl Written {
    /// Starts writing back what has gathered. Linux does so before it looks for clean pages to let go of (mm/fadvise.c),
    /// and waits for nothing. Only a hint: a fault of the disk is told by the sync at the end.
    fn send_ahead(&mut self) {
        if let Some(gathered) =
            NonZeroU64::new(self.bytes - self.ahead).filter(|gathered| gathered.get() >= AHEAD_BYTES)
        {
            let _ = rustix::fs::fadvise(&self.file, self.ahead, Some(gathered), Advice::DontNeed);
            self.ahead = self.bytes;
        }
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        self.send_ahead();
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl NewFile for Written {
    fn finish(self: Box<Self>) -> Outcome<()> {
        self.file.sync_all().map_err(|e| fault("sync", &self.path, &e))?;
        std::fs::rename(&self.path, &self.to).map_err(|e| fault("rename into place", &self.to, &e))
    }
}

fn gone_is_none<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
