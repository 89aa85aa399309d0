//! The files of a dump as objects: `PREFIX/MIGRATION/NAME`. Beside them is `mig-owner.json`, which says whose they are: it is
//! written on the condition that there is none, before the first file.
//!
//! A file of more than a piece is an upload in parts. Before it begins, the object `NAME.part` is written, as a file on a disk
//! has another name until it is whole: a run that finds one knows that parts of `NAME` may lie on the server, where no list
//! shows them (MinIO lists the uploads of one whole name only), and aborts them.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::{OnceCell, Semaphore};

use super::bridge::{Bridge, received};
use super::objects::{self, Condition, ETag, Objects, Put, Trouble};
use super::uploads::{Piece, Upload};
use crate::formats::spec::access::Bucket;
use crate::seams::files::{Files, NewFile, TORN, Told};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// How long a call is tried again while it gets no answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same where nothing is under way that would be lost.
const LOOK_PATIENCE: Duration = Duration::from_secs(20);
/// How long one answer is waited for, where neither it nor the question is long.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Bytes of a part of an upload. S3 takes 10,000 parts, so they are doubled every 1,000.
const PART: usize = 8 << 20;
const GROWS_EVERY: usize = 1000;
/// Bytes that are read at a time; the next ones are on their way meanwhile.
const READ: u64 = 4 << 20;
/// Parts that are sent at the same time.
const SENDING: usize = 8;
/// Files that are removed at the same time.
const AT_ONCE: usize = 16;

/// The object that says whose the others are.
const OWNER: &str = "mig-owner.json";

#[derive(Debug, Serialize, Deserialize)]
struct Owner {
    format_version: u32,
    lineage: String,
}

/// The files of one migration in a bucket.
pub struct BucketFiles(Arc<Inner>);

struct Inner {
    bucket: Bucket,
    /// What the names of the objects begin with, with its slash.
    prefix: String,
    authority: Option<Vec<u8>>,
    objects: OnceCell<Objects>,
    bridge: Bridge,
    sending: Semaphore,
    /// Files that were given up, with what was on its way.
    given_up: Mutex<BTreeMap<String, Option<Flying>>>,
    /// The place is known to be of this run's state.
    owned: OnceCell<()>,
}

/// A part on its way: the upload that it is of, and its tag.
type Flying = Receiver<Outcome<(Upload, ETag)>>;

impl BucketFiles {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// MIG5113: the file of the authority cannot be read, or no thread can be started.
    pub fn new(bucket: &Bucket, migration: &str, dir: &Path) -> Outcome<Self> {
        let of = "the dump's block `s3`";
        let authority = objects::authority(&bucket.access, dir, (codes::DUMP_BUCKET_UNAVAILABLE, of))?;
        let bridge = Bridge::new("dump-files", 2).map_err(|error| {
            let hint = "Look at the limits of this machine for threads.";
            Failure::new(codes::DUMP_BUCKET_UNAVAILABLE, format!("open {bucket}"), error.to_string(), hint)
        })?;
        let begin = if bucket.prefix.is_empty() { String::new() } else { format!("{}/", bucket.prefix) };
        Ok(Self(Arc::new(Inner {
            bucket: bucket.clone(),
            prefix: format!("{begin}{migration}/"),
            authority,
            objects: OnceCell::new(),
            bridge,
            sending: Semaphore::new(SENDING),
            given_up: Mutex::default(),
            owned: OnceCell::new(),
        })))
    }

    fn wait<T, F>(&self, work: impl FnOnce(Arc<Inner>) -> F) -> Outcome<T>
    where
        T: Send + 'static,
        F: Future<Output = Outcome<T>> + Send + 'static,
    {
        self.0.bridge.wait(work(Arc::clone(&self.0)))
    }
}

impl Files for BucketFiles {
    fn named(&self, name: &str) -> PathBuf {
        PathBuf::from(self.0.named(name))
    }

    fn prepare(&self, lineage: &str) -> Outcome<()> {
        let lineage = lineage.to_owned();
        self.wait(|inner| async move { inner.owned.get_or_try_init(|| inner.own(lineage)).await.copied() })
    }

    fn look(&self, lineage: Option<&str>) -> Outcome<bool> {
        let lineage = lineage.map(str::to_owned);
        self.wait(|inner| async move { inner.is_of(lineage.as_deref()).await })
    }

    fn create(&self, name: &str) -> Outcome<Box<dyn NewFile>> {
        let given_up = self.0.given_up().remove(name);
        if let Some(flying) = given_up {
            self.0.forget(name, flying)?;
        }
        Ok(Box::new(Written {
            inner: Arc::clone(&self.0),
            name: name.to_owned(),
            buffer: Vec::new(),
            upload: None,
            parts: Vec::new(),
            flying: None,
            whole: false,
        }))
    }

    /// A finished object is durable.
    fn sync(&self, _: &str) -> Outcome<()> {
        Ok(())
    }

    fn open(&self, name: &str, offset: u64) -> io::Result<Box<dyn Read + Send>> {
        let mut opened = Opened {
            inner: Arc::clone(&self.0),
            name: name.to_owned(),
            at: offset,
            etag: None,
            piece: Bytes::new(),
            next: None,
        };
        // Whether it is there is told at once.
        opened.fetch()?;
        Ok(Box::new(opened))
    }

    fn read(&self, name: &str) -> Outcome<Option<Vec<u8>>> {
        let name = name.to_owned();
        self.wait(|inner| async move {
            let found = inner.objects().await.get(&inner.key(&name), until()).await;
            Ok(found.map_err(|trouble| inner.trouble("read", &name, &trouble))?.map(|found| found.bytes))
        })
    }

    fn list(&self) -> Outcome<Vec<(String, u64)>> {
        self.wait(|inner| async move {
            let listed = inner.objects().await.list_lengths(&inner.prefix, until()).await;
            let listed = listed.map_err(|trouble| inner.trouble("list", "", &trouble))?;
            let names = listed.into_iter().filter_map(|(key, bytes)| {
                let name = key.strip_prefix(&inner.prefix)?;
                (name != OWNER).then(|| (name.to_owned(), bytes))
            });
            Ok(names.collect())
        })
    }

    fn size(&self, name: &str) -> Outcome<Option<u64>> {
        let name = name.to_owned();
        self.wait(|inner| async move {
            let found = inner.objects().await.length(&inner.key(&name), until()).await;
            found.map_err(|trouble| inner.trouble("look for", &name, &trouble))
        })
    }

    fn remove(&self, names: &[String]) -> Outcome<()> {
        let (torn, whole): (Vec<String>, Vec<String>) = names.iter().cloned().partition(|name| name.ends_with(TORN));
        for name in torn.iter().filter_map(|name| name.strip_suffix(TORN)) {
            // What is still on its way would come after the end of its upload.
            let given_up = self.0.given_up().remove(name);
            if let Some(flying) = given_up.flatten() {
                let _ = received(&flying);
            }
        }
        self.wait(|inner| async move {
            let objects = inner.objects().await;
            let keys: Vec<String> = whole.iter().map(|name| inner.key(name)).collect();
            let removed = objects.delete(&keys, until()).await;
            removed.map_err(|trouble| inner.trouble("remove", whole.first().map_or("", String::as_str), &trouble))?;
            let abort = |name: String| {
                let inner = &inner;
                async move { inner.abort(name.strip_suffix(TORN).unwrap_or(&name)).await }
            };
            stream::iter(torn).map(abort).buffer_unordered(AT_ONCE).try_collect::<()>().await
        })
    }

    fn leave(&self) -> Outcome<()> {
        self.wait(|inner| async move {
            let objects = inner.objects().await;
            let aborted = objects.abort_uploads(&inner.prefix, until()).await;
            aborted.map_err(|trouble| inner.trouble("abort the uploads in", "", &trouble))?;
            let removed = objects.delete(&[inner.key(OWNER)], until()).await;
            removed.map_err(|trouble| inner.trouble("remove", OWNER, &trouble))
        })
    }
}

impl Inner {
    async fn objects(&self) -> &Objects {
        let Bucket { bucket, access, .. } = &self.bucket;
        self.objects.get_or_init(|| Objects::open(bucket, access, self.authority.clone(), ANSWER_WITHIN)).await
    }

    fn given_up(&self) -> MutexGuard<'_, BTreeMap<String, Option<Flying>>> {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// An object as messages name it; for an empty name, what they all begin with.
    fn named(&self, name: &str) -> String {
        let at = self.bucket.access.endpoint_url.as_ref().map(|url| format!(" at {url}")).unwrap_or_default();
        let key = self.key(name);
        format!("s3://{}/{}{at}", self.bucket.bucket, key.trim_end_matches('/'))
    }

    fn trouble(&self, doing: &str, name: &str, trouble: &Trouble) -> Failure {
        self.fault(doing, name, trouble.text.clone())
    }

    fn fault(&self, doing: &str, name: &str, cause: String) -> Failure {
        let hint = "Check the network, the credentials of this machine, and their rights to the bucket, then run `mig apply` \
                    again: it goes on.";
        Failure::new(codes::DUMP_OBJECT, format!("{doing} {}", self.named(name)), cause, hint)
    }

    /// Makes the place one of this lineage.
    async fn own(&self, lineage: String) -> Outcome<()> {
        let owner = Owner { format_version: 1, lineage };
        let bytes = serde_json::to_vec(&owner).map_err(|error| self.fault("write", OWNER, error.to_string()))?;
        let put = self.objects().await.put(&self.key(OWNER), &bytes, &Condition::Absent, until()).await;
        match put.map_err(|trouble| self.trouble("write", OWNER, &trouble))? {
            Put::Done(_) => Ok(()),
            Put::Refused => self.is_of(Some(&owner.lineage)).await.map(drop),
        }
    }

    /// Whether the place is of this lineage; false: of none yet.
    async fn is_of(&self, lineage: Option<&str>) -> Outcome<bool> {
        let found = self.objects().await.get(&self.key(OWNER), Instant::now() + LOOK_PATIENCE).await;
        let Some(found) = found.map_err(|trouble| self.trouble("read", OWNER, &trouble))? else { return Ok(false) };
        let of = serde_json::from_slice::<Owner>(&found.bytes).map(|owner| owner.lineage).ok();
        if of.is_some() && of.as_deref() == lineage {
            return Ok(true);
        }
        let whose = of.map_or("a state that cannot be told".to_owned(), |lineage| {
            format!("the state with the lineage {lineage}")
        });
        Err(Failure::new(
            codes::DUMP_OBJECTS_OF_OTHER,
            format!("use {} for the files of a dump", self.named("")),
            format!("it has those of {whose} (mig-owner.json)"),
            "Name another prefix in `to`, or destroy the other migration first.",
        ))
    }

    /// Begins an upload, after it is noted beside the object that it is to become.
    async fn begin(&self, name: &str) -> Outcome<Upload> {
        let (key, objects) = (self.key(name), self.objects().await);
        let told = |trouble: Trouble| self.trouble("begin", name, &trouble);
        let torn = format!("{key}{TORN}");
        objects.put_bytes(&torn, Bytes::from_static(b"an upload was begun\n"), until()).await.map_err(told)?;
        objects.begin_upload(&key, until()).await.map_err(told)
    }

    /// Aborts what was uploaded of a file and takes its note away.
    async fn abort(&self, name: &str) -> Outcome<()> {
        let (key, objects) = (self.key(name), self.objects().await);
        let told = |trouble: Trouble| self.trouble("abort the upload of", name, &trouble);
        objects.abort_uploads_of(&key, until()).await.map_err(told)?;
        objects.delete(&[format!("{key}{TORN}")], until()).await.map_err(told)
    }

    /// The same of a file that was given up in this run.
    fn forget(self: &Arc<Self>, name: &str, flying: Option<Flying>) -> Outcome<()> {
        if let Some(flying) = flying {
            let _ = received(&flying);
        }
        let (inner, name) = (Arc::clone(self), name.to_owned());
        self.bridge.wait(async move { inner.abort(&name).await })
    }
}

fn until() -> Instant {
    Instant::now() + PATIENCE
}

/// A file on its way into the bucket: one part gathers, one is sent.
struct Written {
    inner: Arc<Inner>,
    name: String,
    buffer: Vec<u8>,
    upload: Option<Upload>,
    parts: Vec<ETag>,
    flying: Option<Flying>,
    whole: bool,
}

impl Written {
    fn part(&self) -> usize {
        PART << (self.parts.len() / GROWS_EVERY).min(10)
    }

    /// Waits for the part that is on its way.
    fn land(&mut self) -> Outcome<()> {
        let Some(flying) = self.flying.take() else { return Ok(()) };
        let (upload, tag) = received(&flying)?;
        self.upload = Some(upload);
        self.parts.push(tag);
        Ok(())
    }

    /// Sends what has gathered, and returns while it is on its way.
    fn send(&mut self) -> Outcome<()> {
        self.land()?;
        let bytes = Bytes::from(std::mem::take(&mut self.buffer));
        let (inner, name, upload) = (Arc::clone(&self.inner), self.name.clone(), self.upload.clone());
        let number = i32::try_from(self.parts.len() + 1).unwrap_or(i32::MAX);
        self.flying = Some(self.inner.bridge.start(async move {
            // Of a file that was given up meanwhile, nobody waits for it: it ends all the same.
            let _turn = inner.sending.acquire().await;
            let upload = match upload {
                Some(upload) => upload,
                None => inner.begin(&name).await?,
            };
            let sent = inner.objects().await.put_part(&inner.key(&name), &upload, number, bytes, until()).await;
            let tag = sent.map_err(|trouble| inner.trouble("write", &name, &trouble))?;
            Ok((upload, tag))
        }));
        Ok(())
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = self.part();
        if self.buffer.len() >= most {
            self.send().map_err(Told::error)?;
        }
        let taken = bytes.len().min(most - self.buffer.len().min(most));
        self.buffer.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    /// What has gathered is sent when there is enough of it.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl NewFile for Written {
    fn finish(mut self: Box<Self>) -> Outcome<()> {
        if self.flying.is_some() || self.upload.is_some() {
            if !self.buffer.is_empty() {
                self.send()?;
            }
            self.land()?;
        }
        let (inner, name, upload) = (Arc::clone(&self.inner), self.name.clone(), self.upload.clone());
        let (parts, bytes) = (std::mem::take(&mut self.parts), Bytes::from(std::mem::take(&mut self.buffer)));
        self.inner.bridge.wait(async move {
            let (key, objects) = (inner.key(&name), inner.objects().await);
            let told = |trouble: Trouble| inner.trouble("write", &name, &trouble);
            let Some(upload) = upload else {
                let _turn = inner.sending.acquire().await;
                return objects.put_bytes(&key, bytes, until()).await.map_err(told);
            };
            objects.complete(&key, &upload, &parts, until()).await.map_err(told)?;
            // A beginning whose answer was lost has left another one.
            objects.abort_uploads_of(&key, until()).await.map_err(told)?;
            objects.delete(&[format!("{key}{TORN}")], until()).await.map_err(told)
        })?;
        self.whole = true;
        Ok(())
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        if !self.whole && (self.flying.is_some() || self.upload.is_some()) {
            self.inner.given_up().insert(self.name.clone(), self.flying.take());
        }
    }
}

/// An object that is read: one piece is read, the next one comes.
struct Opened {
    inner: Arc<Inner>,
    name: String,
    /// Where the next piece begins.
    at: u64,
    etag: Option<ETag>,
    piece: Bytes,
    next: Option<Receiver<Outcome<Option<Piece>>>>,
}

impl Opened {
    fn ask(&self) -> Receiver<Outcome<Option<Piece>>> {
        let (inner, name, at, etag) = (Arc::clone(&self.inner), self.name.clone(), self.at, self.etag.clone());
        self.inner.bridge.start(async move {
            let found = inner.objects().await.get_piece(&inner.key(&name), (at, READ), etag.as_ref(), until()).await;
            found.map_err(|trouble| inner.trouble("read", &name, &trouble))
        })
    }

    /// Takes the next piece, and asks for the one behind it.
    fn fetch(&mut self) -> io::Result<()> {
        let coming = self.next.take().unwrap_or_else(|| self.ask());
        let Some(Piece { bytes, etag }) = received(&coming).map_err(Told::error)? else {
            return Err(io::Error::new(io::ErrorKind::NotFound, "there is no such object"));
        };
        self.at += bytes.len() as u64;
        self.etag = Some(etag);
        // A short one is the last.
        self.next = (bytes.len() as u64 == READ).then(|| self.ask());
        self.piece = bytes;
        Ok(())
    }
}

impl Read for Opened {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() && self.next.is_some() {
            self.fetch()?;
        }
        let taken = self.piece.len().min(into.len());
        into[..taken].copy_from_slice(&self.piece.split_to(taken));
        Ok(taken)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#[path = "files_tests.rs"]
mod tests;
