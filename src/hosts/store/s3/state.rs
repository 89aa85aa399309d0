//! The state as an object: read, replaced on the condition that it is still the one that was read, and made another object
//! with the same content (*fenced*) when the lock is taken from a holder that may still write.
//!
//! A condition compares ETags, and an ETag follows from the content. So a fence puts one more line end behind the content,
//! and no earlier condition holds any more. Where there is no state yet, line ends alone stand for it. How many there are, and
//! which generation of the journal goes on with the object, stands in its metadata: who reads the state gets what was written.

use super::journal::{Appending, generation};
use super::{Inner, lock};
use crate::hosts::s3::objects::{Condition, ETag, Fence, Head, Put, Trouble};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// The state that a handle last read or wrote: the only one that it replaces.
#[derive(Clone, Debug, Default)]
pub(super) enum Seen {
    #[default]
    NotYet,
    Absent,
    There(ETag),
}

impl Inner {
    /// What tells of the object without its content.
    pub(super) async fn state_head(&self, failed: impl Fn(&Trouble) -> Failure) -> Outcome<Option<Head>> {
        let head = self.objects().await.head(&self.key(""), self.patience()).await;
        head.map_err(|trouble| failed(&trouble))
    }

    pub(super) async fn read_state(&self) -> Outcome<Option<Vec<u8>>> {
        let found = self.objects().await.get(&self.key(""), self.patience()).await;
        let found = found.map_err(|trouble| self.unread("", &trouble))?;
        *lock(&self.seen) = found.as_ref().map_or(Seen::Absent, |found| Seen::There(found.head.etag.clone()));
        let Some(found) = found else { return Ok(None) };
        let (mut bytes, line_ends) = (found.bytes, found.head.fence.map_or(0, |fence| fence.line_ends));
        if line_ends > 0 && line_ends == bytes.len() {
            return Ok(None);
        }
        bytes.truncate(bytes.len().saturating_sub(line_ends));
        Ok(Some(bytes))
    }

    pub(super) async fn replace_state(&self, bytes: &[u8]) -> Outcome<()> {
        let until = self.writing()?;
        let objects = self.objects().await;
        let seen = lock(&self.seen).clone();
        let condition = match seen {
            Seen::There(etag) => Condition::Is(etag),
            Seen::Absent => Condition::Absent,
            Seen::NotYet => {
                let head = objects.head(&self.key(""), until).await.map_err(|trouble| self.unwritten("", &trouble))?;
                head.map_or(Condition::Absent, |head| Condition::Is(head.etag))
            }
        };
        let put = objects.put(&self.key(""), bytes, &condition, until).await;
        match put.map_err(|trouble| self.unwritten("", &trouble))? {
            Put::Done(etag) => {
                *lock(&self.seen) = Seen::There(etag);
                let mut journal = lock(&self.journal);
                if matches!(*journal, Appending::Open { .. }) {
                    // The new state has a journal of its own.
                    *journal = Appending::NotYet;
                }
                drop(journal);
                self.still_held()
            }
            Put::Refused => Err(self.changed("")),
        }
    }

    /// Makes the state another object, so that a write of an older holder that is still on its way is refused. What it holds,
    /// and which journal belongs to it, remain.
    pub(super) async fn fence_state(&self) -> Outcome<()> {
        loop {
            let until = self.writing()?;
            let objects = self.objects().await;
            let found = objects.get(&self.key(""), until).await.map_err(|trouble| self.unread("", &trouble))?;
            let head = found.as_ref().map(|found| &found.head);
            let before = head.and_then(|head| head.fence.as_ref()).map_or(0, |fence| fence.line_ends);
            let fence = Fence { generation: generation(head), line_ends: before + 1 };
            let (mut bytes, condition) = match found {
                None => (Vec::new(), Condition::Absent),
                Some(found) => (found.bytes, Condition::Is(found.head.etag)),
            };
            bytes.push(b'\n');
            let put = objects.put_of(&self.key(""), &bytes, Some(&fence), &condition, until).await;
            match put.map_err(|trouble| self.unwritten("", &trouble))? {
                // That write came first: now it counts.
                Put::Refused => continue,
                Put::Done(_) => return self.still_held(),
            }
        }
    }

    pub(super) fn changed(&self, suffix: &str) -> Failure {
        Failure::new(
            codes::STATE_CHANGED,
            format!("write {}", self.named(suffix)),
            "it is not what this command has read any more",
            "Another run or another tool has written it, or a write of a run that lost its lock came late. Run `mig plan`: it \
             shows what is recorded now.",
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::super::S3Store;
    use super::*;
    use crate::formats::state::State;
    use crate::hosts::store_tests::{Bucket, holder, taken};
    use crate::seams::store::Store as _;

    /// What a holder sent before it was suspended, as the server gets it when it wakes up.
    fn late(store: &S3Store, bytes: &'static [u8]) -> bool {
        store
            .wait(|inner| async move {
                let condition = match lock(&inner.seen).clone() {
                    Seen::There(etag) => Condition::Is(etag),
                    _ => Condition::Absent,
                };
                let put = inner.objects().await.put(&inner.key(""), bytes, &condition, inner.patience()).await;
                Ok(matches!(put.unwrap(), Put::Done(_)))
            })
            .unwrap()
    }

    #[test]
    fn a_state_that_an_older_holder_has_sent_is_refused_and_state_and_journal_are_read_as_they_were() {
        let written = State::new("one".into()).write().unwrap();
        for before in [None, Some(written.as_slice())] {
            for broken in [false, true] {
                let bucket = Bucket::new();
                let (old, new) = (bucket.at_minio(), bucket.at_minio());
                if let Some(bytes) = before {
                    bucket.at_minio().replace_state(bytes).unwrap();
                }
                let _old = taken(old.try_lock(&holder(1)).unwrap());
                assert_eq!(old.read_state().unwrap().as_deref(), before);
                old.append(b"one\n").unwrap();
                assert!(old.still_held().is_ok());
                old.inner.lose("it sleeps");
                assert_eq!(old.still_held().unwrap_err().code, codes::LEASE_LOST);
                std::thread::sleep(std::time::Duration::from_secs(6));
                if broken {
                    new.break_lock("id1").unwrap();
                }
                let _new = taken(new.try_lock(&holder(2)).unwrap());
                assert!(!late(&old, b"{\"late\":true}\n"), "{before:?} {broken}");
                assert_eq!(new.read_journal().unwrap().as_deref(), Some(&b"one\n"[..]));
                assert_eq!(new.read_state().unwrap().as_deref(), before);
                // One more holder is silent: no line end stays.
                new.inner.lose("it sleeps, too");
                std::thread::sleep(std::time::Duration::from_secs(6));
                let third = bucket.at_minio();
                let _third = taken(third.try_lock(&holder(3)).unwrap());
                let read = third.read_state().unwrap();
                assert_eq!(read.as_deref(), before);
                assert!(read.is_none_or(|bytes| State::read(&bytes, "it").unwrap().lineage == "one"));
                assert_eq!(third.read_journal().unwrap().as_deref(), Some(&b"one\n"[..]));
                third.replace_state(b"{\"next\":1}\n").unwrap();
                third.remove_journal().unwrap();
                assert_eq!(bucket.at_minio().read_journal().unwrap(), None);
                assert_eq!(bucket.at_minio().read_state().unwrap().as_deref(), Some(&b"{\"next\":1}\n"[..]));
            }
        }
    }
}
