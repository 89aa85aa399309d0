//! The room that files of a dump may take on the disk until they are loaded (`disk_limit`): a dump waits before it begins
//! a file, a load that removes one lets it go on. Knows numbers of bytes; removes nothing.
//!
//! Nobody waits for ever: a file is let in when nothing else lies there, however large it is, and a dump begins only when
//! its table is there to be loaded, so that what lies there is on its way. What must lie whole before its load (a table
//! without a usable key) is counted and never waits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::formats::dumpfile::{self, DumpFile};
use crate::seams::files::Files;
use crate::words::addr::TableName;

pub struct Room {
    /// `None`: the files are kept, or their size is of no matter.
    limit: Option<u64>,
    taken: Mutex<Taken>,
    changed: Notify,
}

#[derive(Default)]
struct Taken {
    /// Bytes of the files that are not loaded yet, by the table's name on the disk.
    files: BTreeMap<TableName, u64>,
    /// Bytes that files which are being written may come to.
    begun: u64,
}

/// Room for a file that is being written; dropped, it is free again.
pub struct Place {
    room: Arc<Room>,
    bytes: u64,
}

impl Room {
    /// What is there from earlier runs counts, as far as it can be listed.
    pub fn new(limit: Option<u64>, files: Option<&dyn Files>) -> Arc<Self> {
        let mut taken = Taken::default();
        let found = files.filter(|_| limit.is_some()).and_then(|files| files.list().ok());
        for (name, bytes) in found.unwrap_or_default() {
            if let Some(DumpFile::Data(table, _)) = DumpFile::parse(&name) {
                *taken.files.entry(table).or_default() += bytes;
            }
        }
        Arc::new(Self { limit, taken: Mutex::new(taken), changed: Notify::new() })
    }

    pub fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// Room for a file of at most so many bytes; `None`: not now.
    pub fn try_enter(self: &Arc<Self>, bytes: u64) -> Option<Place> {
        if let Some(limit) = self.limit {
            let mut taken = self.taken();
            let all = taken.begun + taken.files.values().sum::<u64>();
            if all > 0 && all.saturating_add(bytes) > limit {
                return None;
            }
            taken.begun += bytes;
        }
        Some(Place { room: self.clone(), bytes })
    }

    /// [`Room::try_enter`], as soon as there is room.
    pub async fn enter(self: &Arc<Self>, bytes: u64) -> Place {
        loop {
            let changed = self.changed.notified();
            if let Some(place) = self.try_enter(bytes) {
                return place;
            }
            changed.await;
        }
    }

    /// Counts a file that did not ask.
    pub fn add(&self, table: &TableName, bytes: u64) {
        if self.limit.is_some() {
            *self.taken().files.entry(dumpfile::on_disk(table)).or_default() += bytes;
        }
    }

    /// A file is gone.
    pub fn left(&self, table: &TableName, bytes: u64) {
        if let Some(held) = self.taken().files.get_mut(&dumpfile::on_disk(table)) {
            *held = held.saturating_sub(bytes);
        }
        self.changed.notify_waiters();
    }

    /// The table's files are not loaded in this run any more: nobody is to wait for them.
    pub fn forget(&self, table: &TableName) {
        self.taken().files.remove(&dumpfile::on_disk(table));
        self.changed.notify_waiters();
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The file is there, with so many bytes.
    pub fn filled(self, table: &TableName, bytes: u64) {
        self.room.add(table, bytes);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.room.limit.is_some() {
            let mut taken = self.room.taken();
            taken.begun = taken.begun.saturating_sub(self.bytes);
            drop(taken);
            self.room.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::time::Duration;

    use crate::hosts::folder::Folder;
    use crate::steps::transfer::room::*;

    #[tokio::test]
    async fn a_file_waits_until_its_bytes_fit_and_a_large_one_until_it_is_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.t.000000001.sql.gz"), [0; 40]).unwrap();
        std::fs::write(dir.path().join("a.t.000000002.sql.part"), [0; 99]).unwrap();
        std::fs::write(dir.path().join("a.t-schema.sql"), [0; 99]).unwrap();
        let (one, other) = (TableName::new("a", "t"), TableName::new("a", "u"));
        let room = Room::new(Some(100), Some(&Folder::new(dir.path())));
        let place = room.try_enter(60).unwrap();
        assert!(room.try_enter(1).is_none());
        place.filled(&other, 30);
        assert!(room.try_enter(31).is_none());
        drop(room.try_enter(30).unwrap());
        let waiting = tokio::spawn({
            let room = room.clone();
            async move { room.enter(1000).await }
        });
        room.left(&one, 40);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!waiting.is_finished());
        room.forget(&other);
        let alone = waiting.await.unwrap();
        assert!(room.try_enter(1).is_none());
        drop(alone);
        room.add(&one, 500);
        assert!(room.try_enter(1).is_none());
        assert!(Room::new(None, Some(&Folder::new(dir.path()))).try_enter(u64::MAX).is_some());
    }
}
