//! A state on S3, or on a server that speaks its protocol. Its objects, for a state with the name KEY:
//!
//! - `KEY`: the state. It is replaced on the condition that it is still the one that was read.
//! - `KEY.journal/GENERATION/NUMBER`: the journal, an object for each append, see [`journal`]. None is ever rewritten.
//! - `KEY.lock`: who holds the lock, see [`crate::formats::lease`].
//! - `KEY.MIGRATION.certificate.json`, `KEY.backup`, `KEY.progress`.
//!
//! Four things keep an older holder from writing behind the back of the one that took over: it stops when it could not
//! renew its lease in time, by its own clock; who takes the lock from it makes the state another object, so that a
//! replacement that was on its way is refused, see [`state`]; takes the next number of the journal before it reads it, so
//! that an append that was on its way finds its place taken; and each state has a journal of its own.

mod journal;
mod lock;
mod state;

use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

use self::journal::{Appending, Segment};
use self::lock::Held;
use self::state::Seen;
use crate::formats::spec::backend::{Backend, S3};
use crate::hosts::s3::bridge::Bridge;
use crate::hosts::s3::objects::{self, Condition, Objects, Put, Trouble};
use crate::seams::store::{Broken, Companion, Holder, Holding, Locking, Store};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// How long one answer is waited for. Well below a lease, so that a holder notices in time that nobody answers.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);

/// How long a call without a lease is tried again while it gets no answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the file of the progress is tried for.
const PROGRESS_WITHIN: Duration = Duration::from_secs(3);

pub struct S3Store {
    inner: Arc<Inner>,
    /// Where the calls run: a store blocks, the SDK does not, and who calls may itself be on a runtime.
    bridge: Arc<Bridge>,
}

struct Inner {
    settings: S3,
    authority: Option<Vec<u8>>,
    objects: OnceCell<Objects>,
    patience: Duration,
    /// Names this handle in what it writes.
    id: String,
    held: Mutex<Option<Held>>,
    /// Signs of life and the end of a lease go one behind the other.
    lease_turn: tokio::sync::Mutex<()>,
    journal: Mutex<Appending>,
    seen: Mutex<Seen>,
}

impl S3Store {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// MIG4016: the file of the authority cannot be read.
    pub fn new(settings: &S3, dir: &Path) -> Outcome<Self> {
        let bridge = Bridge::new("state-store", 1).map_err(|error| {
            let hint = "Look at the limits of this machine for threads.";
            Failure::new(
                codes::BACKEND_UNAVAILABLE,
                format!("open {}", Backend::S3(settings.clone())),
                error.to_string(),
                hint,
            )
        })?;
        let inner = Inner {
            settings: settings.clone(),
            authority: objects::authority(&settings.access, dir, (codes::BACKEND_UNAVAILABLE, "the backend"))?,
            objects: OnceCell::new(),
            patience: PATIENCE,
            id: format!("{:032x}", rand::random::<u128>()),
            held: Mutex::default(),
            lease_turn: tokio::sync::Mutex::default(),
            journal: Mutex::default(),
            seen: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner), bridge: Arc::new(bridge) })
    }

    /// Gives up on a server that does not answer after `patience`.
    #[cfg(test)]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.patience = patience;
        }
        self
    }

    fn wait<T, F>(&self, work: impl FnOnce(Arc<Inner>) -> F) -> Outcome<T>
    where
        T: Send + 'static,
        F: Future<Output = Outcome<T>> + Send + 'static,
    {
        self.bridge.wait(work(Arc::clone(&self.inner)))
    }
}

impl Store for S3Store {
    fn place(&self) -> String {
        self.inner.named("")
    }

    fn read_state(&self) -> Outcome<Option<Vec<u8>>> {
        self.wait(|inner| async move { inner.read_state().await })
    }

    fn read_journal(&self) -> Outcome<Option<Vec<u8>>> {
        self.wait(|inner| async move { inner.read_journal().await })
    }

    fn append(&self, frame: &[u8]) -> Outcome<()> {
        let segment = Segment::frame(&self.inner.id, frame);
        self.wait(|inner| async move { inner.append(segment).await })
    }

    fn replace_state(&self, bytes: &[u8]) -> Outcome<()> {
        let bytes = bytes.to_vec();
        self.wait(|inner| async move { inner.replace_state(&bytes).await })
    }

    fn remove_journal(&self) -> Outcome<()> {
        self.wait(|inner| async move { inner.remove_journal().await })
    }

    /// A write costs money and a round trip.
    fn progress_every(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn put_progress(&self, bytes: Option<&[u8]>) -> Outcome<()> {
        let bytes = bytes.map(<[u8]>::to_vec);
        self.wait(|inner| async move {
            // It is for people who look: nobody waits for it, and who lost the lock leaves that of the next one alone.
            if inner.still_held().is_err() {
                return Ok(());
            }
            let (key, until) = (inner.key(".progress"), Instant::now() + inner.patience.min(PROGRESS_WITHIN));
            let objects = inner.objects().await;
            let done = match bytes {
                Some(bytes) => objects.put(&key, &bytes, &Condition::Any, until).await.map(drop),
                None => objects.delete(&[key], until).await,
            };
            done.map_err(|trouble| inner.unwritten(".progress", &trouble))
        })
    }

    fn read_progress(&self) -> Outcome<Option<Vec<u8>>> {
        self.wait(|inner| async move { inner.read(".progress").await })
    }

    fn keep(&self, file: &Companion, bytes: &[u8]) -> Outcome<()> {
        let (suffix, bytes) = (file.suffix(), bytes.to_vec());
        self.wait(|inner| async move {
            let until = inner.writing()?;
            let (objects, key) = (inner.objects().await, inner.key(&suffix));
            // On the condition that nobody else writes it: a write that comes late does not replace a newer one.
            let before = objects.head(&key, until).await.map_err(|trouble| inner.unwritten(&suffix, &trouble))?;
            let condition = before.map_or(Condition::Absent, |head| Condition::Is(head.etag));
            inner.still_held()?;
            match objects.put(&key, &bytes, &condition, until).await {
                Ok(Put::Done(_)) => inner.still_held(),
                Ok(Put::Refused) => Err(inner.changed(&suffix)),
                Err(trouble) => Err(inner.unwritten(&suffix, &trouble)),
            }
        })
    }

    fn kept(&self, file: &Companion) -> Outcome<Option<Vec<u8>>> {
        let suffix = file.suffix();
        self.wait(|inner| async move { inner.read(&suffix).await })
    }

    fn place_of(&self, file: &Companion) -> String {
        let S3 { bucket, key, .. } = &self.inner.settings;
        format!("s3://{bucket}/{key}{}", file.suffix())
    }

    fn holding(&self) -> Outcome<Holding> {
        self.wait(|inner| async move { inner.holding().await })
    }

    fn try_lock(&self, holder: &Holder) -> Outcome<Locking> {
        let holder = holder.clone();
        let taken = self.wait(|inner| async move { inner.take(holder).await })?;
        Ok(taken.into_locking(&self.inner, &self.bridge))
    }

    fn token(&self) -> u64 {
        self.inner.token()
    }

    fn still_held(&self) -> Outcome<()> {
        self.inner.still_held()
    }

    fn break_lock(&self, id: &str) -> Outcome<Broken> {
        let id = id.to_owned();
        self.wait(|inner| async move { inner.break_lock(&id).await })
    }
}

impl Inner {
    async fn objects(&self) -> &Objects {
        let S3 { bucket, access, .. } = &self.settings;
        self.objects.get_or_init(|| Objects::open(bucket, access, self.authority.clone(), ANSWER_WITHIN)).await
    }

    fn key(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.settings.key)
    }

    fn patience(&self) -> Instant {
        Instant::now() + self.patience
    }

    async fn read(&self, suffix: &str) -> Outcome<Option<Vec<u8>>> {
        let found = self.objects().await.get(&self.key(suffix), self.patience()).await;
        Ok(found.map_err(|trouble| self.unread(suffix, &trouble))?.map(|found| found.bytes))
    }

    /// An object as messages name it.
    fn named(&self, suffix: &str) -> String {
        let S3 { bucket, key, access, .. } = &self.settings;
        let at = access.endpoint_url.as_ref().map(|url| format!(" at {url}")).unwrap_or_default();
        format!("s3://{bucket}/{key}{suffix}{at}")
    }

    fn unread(&self, suffix: &str, trouble: &Trouble) -> Failure {
        let hint = "Check the network, the credentials and the rights to read and list the bucket, then run the same \
                    command again.";
        Failure::new(codes::STATE_UNREADABLE, format!("read {}", self.named(suffix)), trouble.text.clone(), hint)
    }

    /// Also where the lease ended meanwhile: then that is what matters.
    fn unwritten(&self, suffix: &str, trouble: &Trouble) -> Failure {
        if let Err(lost) = self.still_held() {
            return Failure { cause: format!("{}; the last answer: {}", lost.cause, trouble.text), ..lost };
        }
        let hint = "Check the network, the credentials and the rights to write to the bucket, then run the same command \
                    again: what was durable before remains.";
        Failure::new(codes::STATE_UNWRITABLE, format!("write {}", self.named(suffix)), trouble.text.clone(), hint)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each critical section is one assignment: a panic leaves no half of one.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
