//! A store in memory that fails on demand: for rehearsals and tests of everything above it. It keeps apart what was
//! written and what was synced, as a disk does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::seams::store::{Broken, Companion, Guard, Holder, Holding, Living, Locking, Store};
use crate::words::codes::{self, Code};
use crate::words::error::{Failure, Outcome};

/// What is to go wrong. The default: nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// After so many written bytes the machine stands still: the rest of that write is lost, every later call fails.
    pub crash_after_bytes: Option<u64>,
    /// The sync of this number (from 1) fails; its bytes are written, whether they last is open.
    pub failing_sync: Option<u64>,
    /// Bytes that the disk takes in all.
    pub capacity: Option<u64>,
    /// How long each sync takes.
    pub sync_time: Duration,
}

#[derive(Clone, Debug, Default)]
struct Disk {
    state: Option<Vec<u8>>,
    journal: Option<Vec<u8>>,
    /// Bytes of the journal that were synced.
    synced: usize,
    written: u64,
    syncs: u64,
    crashed: bool,
    locked_by: Option<Holder>,
    progress: Option<Vec<u8>>,
    /// By their suffix.
    companions: BTreeMap<String, Vec<u8>>,
}

/// A clone is the same handle; [`MemoryStore::handle`] gives another one.
#[derive(Clone, Default)]
pub struct MemoryStore {
    disk: Arc<Mutex<Disk>>,
    faults: Faults,
    journal: Arc<Mutex<Appending>>,
}

/// What one handle has done to the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Appending {
    #[default]
    NotYet,
    Open,
    /// A write or a sync failed.
    Broken,
}

impl MemoryStore {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn with_faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// Another handle on the same disk, as another process would have it.
    pub fn handle(&self) -> Self {
        Self { disk: Arc::clone(&self.disk), faults: self.faults, journal: Arc::default() }
    }

    /// What a disk may hold after the power went: all that was synced, and the first `kept` bytes of the rest.
    pub fn after_power_loss(&self, kept: usize) -> Self {
        let disk = self.disk();
        let journal = disk.journal.as_ref().map(|bytes| {
            let end = bytes.len().min(disk.synced.saturating_add(kept));
            bytes.get(..end).unwrap_or_default().to_vec()
        });
        let synced = journal.as_ref().map_or(0, Vec::len);
        let disk = Disk { state: disk.state.clone(), journal, synced, ..Disk::default() };
        Self { disk: Arc::new(Mutex::new(disk)), ..Self::default() }
    }

    /// Bytes written to state and journal so far.
    pub fn written(&self) -> u64 {
        self.disk().written
    }

    pub fn syncs(&self) -> u64 {
        self.disk().syncs
    }

    /// Puts a state there as if an earlier run had.
    pub fn put_state(&self, bytes: Vec<u8>) {
        self.disk().state = Some(bytes);
    }

    fn appending(&self) -> MutexGuard<'_, Appending> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many of `wanted` bytes can be written, and the failure that the rest meets.
    fn room(&self, disk: &mut Disk, wanted: usize) -> (usize, Option<Failure>) {
        let left = |limit: u64| usize::try_from(limit.saturating_sub(disk.written)).unwrap_or(usize::MAX);
        let crash = self.faults.crash_after_bytes.map(left).filter(|room| *room < wanted);
        let full = self.faults.capacity.map(left).filter(|room| *room < wanted);
        let (room, failure) = match (crash, full) {
            (Some(room), _) => {
                disk.crashed = true;
                (room, Some(failure(codes::STATE_UNWRITABLE, "the machine stood still")))
            }
            (None, Some(room)) => (room, Some(failure(codes::STATE_DISK_FULL, "no space left on device"))),
            (None, None) => (wanted, None),
        };
        disk.written += room as u64;
        (room, failure)
    }

    fn sync(&self, disk: &mut Disk) -> Outcome<()> {
        disk.syncs += 1;
        std::thread::sleep(self.faults.sync_time);
        if self.faults.failing_sync == Some(disk.syncs) {
            return Err(failure(codes::STATE_UNWRITABLE, "input/output error"));
        }
        Ok(())
    }
}

fn failure(code: Code, cause: &str) -> Failure {
    Failure::new(code, "write memory.migstate", cause, "Run the same command again: what was durable before remains.")
}

fn alive(disk: &Disk) -> Outcome<()> {
    if disk.crashed { Err(failure(codes::STATE_UNWRITABLE, "the machine stood still")) } else { Ok(()) }
}

impl Store for MemoryStore {
    fn place(&self) -> String {
        "memory.migstate".into()
    }

    fn read_state(&self) -> Outcome<Option<Vec<u8>>> {
        let disk = self.disk();
        alive(&disk)?;
        Ok(disk.state.clone())
    }

    fn read_journal(&self) -> Outcome<Option<Vec<u8>>> {
        let disk = self.disk();
        alive(&disk)?;
        Ok(disk.journal.clone())
    }

    fn append(&self, frame: &[u8]) -> Outcome<()> {
        let (mut appending, mut disk) = (self.appending(), self.disk());
        alive(&disk)?;
        match std::mem::replace(&mut *appending, Appending::Broken) {
            Appending::Broken => return Err(failure(codes::STATE_UNWRITABLE, "an earlier write to it failed")),
            Appending::NotYet if disk.journal.is_some() => return Err(failure(codes::STATE_UNWRITABLE, "it exists")),
            Appending::NotYet | Appending::Open => {}
        }
        let (room, failure) = self.room(&mut disk, frame.len());
        disk.journal.get_or_insert_default().extend_from_slice(frame.get(..room).unwrap_or_default());
        let result = match failure {
            Some(failure) => Err(failure),
            None => self.sync(&mut disk),
        };
        result?;
        disk.synced = disk.journal.as_ref().map_or(0, Vec::len);
        *appending = Appending::Open;
        Ok(())
    }

    fn replace_state(&self, bytes: &[u8]) -> Outcome<()> {
        let mut disk = self.disk();
        alive(&disk)?;
        if let (_, Some(failure)) = self.room(&mut disk, bytes.len()) {
            return Err(failure);
        }
        self.sync(&mut disk)?;
        disk.state = Some(bytes.to_vec());
        Ok(())
    }

    fn remove_journal(&self) -> Outcome<()> {
        let (mut appending, mut disk) = (self.appending(), self.disk());
        alive(&disk)?;
        disk.journal = None;
        disk.synced = 0;
        if *appending == Appending::Open {
            *appending = Appending::NotYet;
        }
        Ok(())
    }

    fn put_progress(&self, bytes: Option<&[u8]>) -> Outcome<()> {
        let mut disk = self.disk();
        alive(&disk)?;
        disk.progress = bytes.map(<[u8]>::to_vec);
        Ok(())
    }

    fn read_progress(&self) -> Outcome<Option<Vec<u8>>> {
        let disk = self.disk();
        alive(&disk)?;
        Ok(disk.progress.clone())
    }

    fn keep(&self, file: &Companion, bytes: &[u8]) -> Outcome<()> {
        let mut disk = self.disk();
        alive(&disk)?;
        if let (_, Some(failure)) = self.room(&mut disk, bytes.len()) {
            return Err(failure);
        }
        disk.companions.insert(file.suffix(), bytes.to_vec());
        Ok(())
    }

    fn kept(&self, file: &Companion) -> Outcome<Option<Vec<u8>>> {
        let disk = self.disk();
        alive(&disk)?;
        Ok(disk.companions.get(&file.suffix()).cloned())
    }

    fn holding(&self) -> Outcome<Holding> {
        let disk = self.disk();
        alive(&disk)?;
        Ok(disk.locked_by.clone().map_or(Holding::Nobody, |holder| Holding::Living(living(&holder))))
    }

    fn try_lock(&self, holder: &Holder) -> Outcome<Locking> {
        let mut disk = self.disk();
        alive(&disk)?;
        if let Some(holder) = &disk.locked_by {
            return Ok(Locking::Held(living(holder)));
        }
        disk.locked_by = Some(holder.clone());
        Ok(Locking::Got { guard: Box::new(MemoryGuard { disk: Arc::clone(&self.disk) }), former: None })
    }

    fn break_lock(&self, id: &str) -> Outcome<Broken> {
        let mut disk = self.disk();
        alive(&disk)?;
        match disk.locked_by.take() {
            Some(holder) if holder.id == id => Ok(Broken { holder, free_in: None }),
            other => {
                disk.locked_by = other;
                let hint = "`mig status` names who has the lock.";
                Err(Failure::new(codes::LOCK_NOT_BROKEN, "unlock memory.migstate", "it is not held by this one", hint))
            }
        }
    }
}

fn living(holder: &Holder) -> Living {
    Living { holder: Some(holder.clone()), silent: None }
}

struct MemoryGuard {
    disk: Arc<Mutex<Disk>>,
}

impl Guard for MemoryGuard {}

impl Drop for MemoryGuard {
    fn drop(&mut self) {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner).locked_by = None;
    }
}
