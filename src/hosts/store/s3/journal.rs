//! The journal as objects: `KEY.journal/GENERATION/NUMBER`. A generation belongs to one content of the state, so that what
//! was written behind an older state is never read with a newer one. Numbers begin at 1 and have no gap; each object is
//! written on the condition that its name is free.
//!
//! A segment begins with a line that says what it is: a *frame* holds what was appended; a *fence* holds nothing and takes
//! a number, so that the append of an older holder finds it taken; a *reset* is a fence that also says that everything
//! below it is removed.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::{Inner, lock};
use crate::hosts::s3::objects::{Condition, Head, Listed, Objects, Put, Trouble};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// What this handle has done to the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Appending {
    #[default]
    NotYet,
    Open {
        generation: String,
        next: u64,
    },
    /// An append failed: what it left is for the next run to read.
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Frame,
    Fence,
    Reset,
}

const MAGIC: &str = "mig-journal 1";

pub(super) struct Segment(Vec<u8>);

impl Segment {
    pub fn frame(id: &str, bytes: &[u8]) -> Self {
        Self::of(Kind::Frame, id, bytes)
    }

    fn of(kind: Kind, id: &str, bytes: &[u8]) -> Self {
        let word = match kind {
            Kind::Frame => "frame",
            Kind::Fence => "fence",
            Kind::Reset => "reset",
        };
        let mut text = format!("{MAGIC} {word} {id}\n").into_bytes();
        text.extend_from_slice(bytes);
        Self(text)
    }

    fn read(bytes: &[u8]) -> Option<(Kind, &[u8])> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
        let kind = match head.strip_prefix(MAGIC)?.split_whitespace().next()? {
            "frame" => Kind::Frame,
            "fence" => Kind::Fence,
            "reset" => Kind::Reset,
            _ => return None,
        };
        Some((kind, bytes.get(end + 1..)?))
    }
}

/// How often a journal that is not whole is read again, and after which pause.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(300);

/// Fences that may stand in a journal without a frame before somebody removes them.
const FENCES: usize = 32;

/// What stands in one generation.
#[derive(Debug, Default)]
struct Segments {
    /// The numbers of all of them, in order.
    numbers: Vec<u64>,
    /// All frames behind the last reset. `None`: there is no frame.
    frames: Option<Vec<u8>>,
}

impl Segments {
    fn last(&self) -> u64 {
        self.numbers.last().copied().unwrap_or(0)
    }
}

/// A read that met something between two states, or damage.
enum Unclear {
    Trouble(Trouble),
    Damaged(String),
}

/// The generation of the journal that belongs to a state.
pub(super) fn generation(state: Option<&Head>) -> String {
    match state {
        None => "first".into(),
        Some(Head { fence: Some(fence), .. }) => fence.generation.clone(),
        Some(Head { etag, .. }) => hex::encode(Sha256::digest(&etag.0)).chars().take(16).collect(),
    }
}

impl Inner {
    fn segment_key(&self, generation: &str, number: u64) -> String {
        self.key(&format!(".journal/{generation}/{number:010}"))
    }

    async fn segments(&self, objects: &Objects, generation: &str) -> Result<Segments, Unclear> {
        let numbers = self.numbers(objects, generation).await?;
        let keys: Vec<String> = numbers.iter().map(|number| self.segment_key(generation, *number)).collect();
        let found = objects.get_all(&keys, self.patience).await.map_err(Unclear::Trouble)?;
        let mut frames: Option<Vec<u8>> = None;
        let mut expected = Some(1);
        for ((number, key), found) in numbers.iter().zip(&keys).zip(found) {
            let bytes = found.ok_or_else(|| Unclear::Damaged(format!("{key} went away while it was read")))?.bytes;
            let (kind, content) = Segment::read(&bytes)
                .ok_or_else(|| Unclear::Damaged(format!("{key} is no segment of this version")))?;
            match kind {
                Kind::Reset => (frames, expected) = (None, Some(*number)),
                // What was before it is removed: it alone stays for a day, see [`Inner::remove_journal`].
                Kind::Fence if numbers.first() == Some(number) => expected = Some(*number),
                // A gap counts only where no reset follows.
                _ if expected != Some(*number) => expected = None,
                Kind::Frame => frames.get_or_insert_default().extend_from_slice(content),
                Kind::Fence => {}
            }
            expected = expected.map(|number| number + 1);
        }
        match expected {
            Some(_) => Ok(Segments { numbers, frames }),
            None => Err(Unclear::Damaged(format!(
                "a segment is missing in {}",
                self.key(&format!(".journal/{generation}"))
            ))),
        }
    }

    /// The numbers of a generation's segments, in order, whatever is in them.
    async fn numbers(&self, objects: &Objects, generation: &str) -> Result<Vec<u64>, Unclear> {
        let prefix = self.key(&format!(".journal/{generation}/"));
        let listed = objects.list(&prefix, self.patience()).await.map_err(Unclear::Trouble)?;
        let number = |listed: &Listed| {
            let number = listed.key.strip_prefix(&prefix).and_then(|text| text.parse::<u64>().ok());
            number.ok_or_else(|| Unclear::Damaged(format!("{} is no segment", listed.key)))
        };
        listed.iter().map(number).collect()
    }

    /// The generation of the state as it is, with the numbers of its segments.
    async fn places(&self, failed: impl Fn(&Trouble) -> Failure) -> Outcome<(String, Vec<u64>)> {
        let objects = self.objects().await;
        let state = self.state_head(&failed).await?;
        let generation = generation(state.as_ref());
        match self.numbers(objects, &generation).await {
            Ok(numbers) => Ok((generation, numbers)),
            Err(Unclear::Trouble(trouble)) => Err(failed(&trouble)),
            Err(Unclear::Damaged(damage)) => Err(self.damaged(damage)),
        }
    }

    fn damaged(&self, damage: String) -> Failure {
        Failure::new(
            codes::JOURNAL_DAMAGED,
            format!("read {}", self.named(".journal")),
            damage,
            "Restore the object from an older version of the bucket, or put a sound state in the place of state and journal: \
             `mig state push -force FILE`. Nothing was changed.",
        )
    }

    /// The generation of the state as it is, with its segments.
    ///
    /// # Errors
    /// JOURNAL_DAMAGED; what `failed` makes of a call that got no answer.
    async fn current(&self, failed: impl Fn(&Trouble) -> Failure) -> Outcome<(String, Segments)> {
        let objects = self.objects().await;
        let mut was = self.state_head(&failed).await?;
        let mut tries = 0;
        loop {
            let generation = generation(was.as_ref());
            let read = self.segments(objects, &generation).await;
            let damage = match read {
                Ok(segments) => return Ok((generation, segments)),
                Err(Unclear::Trouble(trouble)) => return Err(failed(&trouble)),
                Err(Unclear::Damaged(damage)) => damage,
            };
            let now = self.state_head(&failed).await?;
            // Who takes the lock removes fences of others, also while somebody reads: damage is what stays.
            tries += 1;
            if now == was && tries > TRIES {
                return Err(self.damaged(damage));
            }
            if now == was {
                tokio::time::sleep(PAUSE).await;
            }
            // The state was replaced in between, and its journal removed.
            was = now;
        }
    }

    pub(super) async fn read_journal(&self) -> Outcome<Option<Vec<u8>>> {
        Ok(self.current(|trouble| self.unread(".journal", trouble)).await?.1.frames)
    }

    pub(super) async fn append(&self, segment: Segment) -> Outcome<()> {
        // Broken while it is under way: a failure or a panic leaves it so.
        let before = std::mem::replace(&mut *lock(&self.journal), Appending::Broken);
        let unwritten = |cause: &str| {
            let hint = "Run the same command again: what was durable before remains.";
            Failure::new(codes::STATE_UNWRITABLE, format!("write {}", self.named(".journal")), cause.to_owned(), hint)
        };
        let (generation, next) = match before {
            Appending::Open { generation, next } => (generation, next),
            Appending::Broken => return Err(unwritten("an earlier write to it failed")),
            Appending::NotYet => {
                self.writing()?;
                let (generation, segments) = self.current(|trouble| self.unwritten(".journal", trouble)).await?;
                if segments.frames.is_some() {
                    return Err(unwritten("another run began it"));
                }
                (generation, segments.last() + 1)
            }
        };
        let until = self.writing()?;
        let key = self.segment_key(&generation, next);
        let put = self.objects().await.put(&key, &segment.0, &Condition::Absent, until).await;
        match put.map_err(|trouble| self.unwritten(".journal", &trouble))? {
            Put::Done(_) => {}
            Put::Refused => {
                self.lose("another holder took the next place in the journal");
                self.still_held()?;
                return Err(unwritten("another run took the next place in it"));
            }
        }
        // Who took over meanwhile may have read the journal without it.
        self.still_held()?;
        *lock(&self.journal) = Appending::Open { generation, next: next + 1 };
        Ok(())
    }

    /// Removes every generation. What takes the place of an append that may still be on its way stays for a day.
    pub(super) async fn remove_journal(&self) -> Outcome<()> {
        const FENCES_STAY: Duration = Duration::from_secs(24 * 3600);
        let until = self.writing()?;
        let objects = self.objects().await;
        let (generation, numbers) = self.places(|trouble| self.unread(".journal", trouble)).await?;
        let kept = match numbers.last() {
            None => None,
            Some(last) => Some(self.reset(objects, &generation, last + 1).await?),
        };
        let fence = self.fence();
        let listed = objects.list(&self.key(".journal/"), until).await.map_err(|t| self.unread(".journal", &t))?;
        let is_kept = |one: &Listed| {
            kept.as_ref() == Some(&one.key) || (fence.as_ref() == Some(&one.key) && one.age < FENCES_STAY)
        };
        let gone: Vec<String> =
            listed.into_iter().filter(|one| !is_kept(one) && self.is_segment(&one.key)).map(|one| one.key).collect();
        objects.delete(&gone, until).await.map_err(|trouble| self.unwritten(".journal", &trouble))?;
        let mut journal = lock(&self.journal);
        if *journal != Appending::Broken {
            *journal = Appending::NotYet;
        }
        drop(journal);
        self.still_held()
    }

    /// Whether an object is what [`Inner::segment_key`] names.
    fn is_segment(&self, key: &str) -> bool {
        let rest = key.strip_prefix(&self.key(".journal/")).and_then(|rest| rest.split_once('/'));
        rest.is_some_and(|(_, number)| number.len() == 10 && number.bytes().all(|byte| byte.is_ascii_digit()))
    }

    async fn reset(&self, objects: &Objects, generation: &str, number: u64) -> Outcome<String> {
        let until = self.writing()?;
        let key = self.segment_key(generation, number);
        let segment = Segment::of(Kind::Reset, &self.id, b"");
        match objects.put(&key, &segment.0, &Condition::Absent, until).await {
            Ok(Put::Done(_)) => Ok(key),
            Ok(Put::Refused) => {
                let hint = "Run the same command again.";
                let cause = "another run writes to it";
                Err(Failure::new(codes::STATE_CHANGED, format!("remove {}", self.named(".journal")), cause, hint))
            }
            Err(trouble) => Err(self.unwritten(".journal", &trouble)),
        }
    }

    /// Takes the next number of the journal, before the new holder reads it. The name of the object.
    pub(super) async fn fence_journal(&self) -> Outcome<String> {
        let objects = self.objects().await;
        loop {
            let until = self.writing()?;
            let (generation, numbers) = self.places(|trouble| self.unread(".journal", trouble)).await?;
            // Fences alone are of no use to a reader: once they are many, the new one stands for them. Else nothing is read
            // here: a long journal takes its time, and a damaged one must not keep those out who mend it.
            let many = numbers.len() >= FENCES;
            let only_fences =
                many && matches!(self.segments(objects, &generation).await, Ok(found) if found.frames.is_none());
            let kind = if only_fences { Kind::Reset } else { Kind::Fence };
            let key = self.segment_key(&generation, numbers.last().unwrap_or(&0) + 1);
            let segment = Segment::of(kind, &self.id, b"");
            let put = objects.put(&key, &segment.0, &Condition::Absent, until).await;
            match put.map_err(|trouble| self.unwritten(".journal", &trouble))? {
                Put::Refused => continue,
                Put::Done(_) => {}
            }
            if kind == Kind::Reset {
                let older: Vec<String> = numbers.iter().map(|n| self.segment_key(&generation, *n)).collect();
                objects.delete(&older, until).await.map_err(|trouble| self.unwritten(".journal", &trouble))?;
            }
            return Ok(key);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_says_what_it_is_and_gives_back_what_was_put_into_it() {
        for bytes in [&b""[..], b"\0two\n", b"{}\n{}\n"] {
            let segment = Segment::frame("id", bytes);
            assert_eq!(Segment::read(&segment.0), Some((Kind::Frame, bytes)));
        }
        for kind in [Kind::Fence, Kind::Reset] {
            assert_eq!(Segment::read(&Segment::of(kind, "id", b"").0), Some((kind, &b""[..])));
        }
        for text in ["", "mig-journal 1 frame id", "mig-journal 2 frame id\n", "mig-journal 1 other id\n", "{}\n"] {
            assert_eq!(Segment::read(text.as_bytes()), None, "{text}");
        }
    }
}
