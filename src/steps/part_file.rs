//! A file that is there whole or not at all: written beside its name, synced, renamed, the folder synced.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::runner::fault;
use crate::words::digest::Digest;
use crate::words::error::Outcome;

pub struct PartFile {
    file: File,
    name: String,
    /// Where it is written until [`PartFile::commit`].
    path: PathBuf,
    bytes: u64,
    sha: Sha256,
}

impl PartFile {
    /// Begins `dir/name`; what an earlier try left is overwritten.
    pub fn create(dir: &Path, name: &str) -> Outcome<Self> {
        let path = dir.join(format!("{name}.part"));
        let file = File::create(&path).map_err(|e| fault("begin the file", &path, &e))?;
        Ok(Self { file, name: name.to_owned(), path, bytes: 0, sha: Sha256::new() })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn write(&mut self, bytes: &[u8]) -> Outcome<()> {
        self.file.write_all(bytes).map_err(|e| fault("write", &self.path, &e))?;
        self.sha.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Sync, rename, sync of the folder. Returns the file's bytes and their digest.
    pub fn commit(self, dir: &Path) -> Outcome<(u64, Digest)> {
        self.file.sync_all().map_err(|e| fault("sync", &self.path, &e))?;
        let to = dir.join(&self.name);
        std::fs::rename(&self.path, &to).map_err(|e| fault("rename into place", &to, &e))?;
        sync_folder(dir)?;
        Ok((self.bytes, Digest::of_sha(self.sha)))
    }
}

pub fn sync_folder(dir: &Path) -> Outcome<()> {
    File::open(dir).and_then(|folder| folder.sync_all()).map_err(|e| fault("sync the folder", dir, &e))
}
