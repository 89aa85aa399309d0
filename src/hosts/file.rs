//! State, journal and lock as files: `shop.migstate`, `shop.migstate.journal`, `shop.migstate.lock`, readable by their
//! owner only. Knows how bytes become durable and nothing of what they mean.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::FlockOperation;

use crate::seams::store::{Broken, Companion, Former, Guard, Holder, Holding, Living, Locking, Store};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// Where a plan or another small file is put. Replaces a file as a whole (a plan file): write beside it, sync, rename, sync of the folder. Its owner alone may read
/// it: structure is nobody else's business.
///
/// # Errors
/// The system's.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_as(path, bytes, 0o600)
}

/// Replaces a file that is there, as [`replace`] does; a link is followed, and the new file lets read and write those that
/// the old one let.
///
/// # Errors
/// The system's.
pub fn rewrite(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = followed(path)?;
    let mode = std::fs::metadata(&path)?.permissions().mode();
    replace_as(&path, bytes, mode & 0o7777)
}

/// Makes a file that is not there yet, whole or not at all. Its owner alone may read it.
///
/// # Errors
/// The system's; that of a file that exists, which stays as it is.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = written_beside(path, bytes, 0o600)?;
    // Unlike a rename, a link takes no name that is taken.
    let linked = std::fs::hard_link(&temporary, path);
    let _ = std::fs::remove_file(&temporary);
    linked?;
    File::open(folder_of(path))?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn replace_as(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let temporary = written_beside(path, bytes, mode)?;
    let renamed = std::fs::rename(&temporary, path);
    if renamed.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    renamed?;
    File::open(folder_of(path))?.sync_all()
}

/// Writes and syncs a file beside the one that it is to become.
fn written_beside(path: &Path, bytes: &[u8], mode: u32) -> io::Result<PathBuf> {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    // Of a name that nobody can foresee, and made here or not at all: in a folder that others may write to, somebody
    // could have put a link there.
    let temporary = path.with_file_name(format!(".{name}.{:016x}.new", rand::random::<u64>()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    // Not by the mode of its making, which the session's umask narrows.
    let written = file
        .set_permissions(std::fs::Permissions::from_mode(mode))
        .and_then(|()| file.write_all(bytes))
        .and_then(|()| file.sync_all());
    match written {
        Ok(()) => Ok(temporary),
        Err(error) => {
            let _ = std::fs::remove_file(&temporary);
            Err(error)
        }
    }
}

/// A file that belongs to another and lies beside it: `mig.migstate` and `.journal` are `mig.migstate.journal`.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.to_path_buf().into_os_string();
    name.push(suffix);
    name.into()
}

/// Writes what a user asked for to where the user said, as a shell's `>` does: a link is followed, a device or a pipe is
/// written to. A regular file is replaced as a whole, see [`replace`].
///
/// # Errors
/// The system's.
pub fn publish(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = followed(path)?;
    match std::fs::metadata(&path) {
        Ok(there) if !there.is_file() => OpenOptions::new().write(true).open(&path)?.write_all(bytes),
        _ => replace(&path, bytes),
    }
}

/// Where links lead, also to what is not there yet.
///
/// # Errors
/// Links that lead nowhere but to each other.
fn followed(path: &Path) -> io::Result<PathBuf> {
    const LINKS: usize = 40;
    let mut path = path.to_path_buf();
    for _ in 0..LINKS {
        match std::fs::read_link(&path) {
            Ok(to) => path = path.parent().unwrap_or(Path::new("")).join(to),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many links"))
}

/// Where a path leads once links are followed: the folder, and the name in it. The file need not exist. `None`: the folder
/// does not exist.
pub fn place_of(path: &Path) -> Option<(PathBuf, String)> {
    let path = followed(path).ok()?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some((std::fs::canonicalize(folder).ok()?, path.file_name()?.to_string_lossy().into_owned()))
}

/// Whether two paths lead to the same file: the same place, whatever is there, or one file under two names.
pub fn is_same(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let node = |path: &Path| std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    place_of(one).is_some_and(|one| place_of(other) == Some(one))
        || node(one).is_some_and(|one| node(other) == Some(one))
}

pub struct FileStore {
    /// The state's path, a link followed, so that a replace does not replace the link.
    path: PathBuf,
    /// The same as the user named it: certificates lie beside the link, where people look for them.
    named: PathBuf,
    journal: Mutex<Appending>,
}

/// The journal's handle.
enum Appending {
    NotYet,
    Open(File),
    /// A write or a sync failed: what it left is for the next run to read.
    Broken,
}

impl FileStore {
    /// Touches nothing yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let named = path.into();
        // A link is followed also to where no state lies yet.
        let path = followed(&named).unwrap_or_else(|_| named.clone());
        let path = std::fs::canonicalize(&path).unwrap_or(path);
        Self { path, named, journal: Mutex::new(Appending::NotYet) }
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        beside(&self.path, suffix)
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(self.folder())?.sync_all()
    }

    fn appending(&self) -> MutexGuard<'_, Appending> {
        // A panic while the handle was held leaves it as it was: an append is one write and one sync.
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin_journal(&self) -> io::Result<File> {
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(self.beside(".journal"))?;
        self.sync_folder()?;
        Ok(file)
    }

    fn replace(&self, temporary: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(temporary, &self.path)?;
        self.sync_folder()
    }

    /// `suffix` says which of the files.
    fn unwritten(&self, suffix: &str, error: &io::Error) -> Failure {
        let place = format!("{}{suffix}", self.place());
        let doing = format!("write {place}");
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Failure::new(
                codes::STATE_DISK_FULL,
                doing,
                error.to_string(),
                "Free some space and run the same command again: what was durable before remains.",
            ),
            ErrorKind::NotFound => Failure::new(
                codes::STATE_UNWRITABLE,
                doing,
                error.to_string(),
                "Make the folder for the state, then run the same command again.",
            ),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Failure::new(
                codes::STATE_UNWRITABLE,
                doing,
                error.to_string(),
                "Make the folder and the file writable for this user, then run the same command again.",
            ),
            _ => Failure::new(
                codes::STATE_UNWRITABLE,
                doing,
                error.to_string(),
                "Look at the disk and run the same command again: what was durable before remains.",
            ),
        }
    }

    fn read(&self, path: &Path, suffix: &str) -> Outcome<Option<Vec<u8>>> {
        // A pipe in its place would be waited for without an end.
        let regular = || match std::fs::metadata(path)?.is_file() {
            true => std::fs::read(path),
            false => Err(io::Error::other("it is not a regular file")),
        };
        match regular() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::new(
                codes::STATE_UNREADABLE,
                format!("read {}{suffix}", self.place()),
                error.to_string(),
                "Look at the path and its permissions: the file must be readable for this user.",
            )),
        }
    }

    /// One attempt: `None` when the file was removed or replaced between opening and locking it.
    fn lock_once(&self, path: &Path, holder: &Holder) -> io::Result<Option<Locking>> {
        // In a folder that others may write to, the name could be a link to a file that is not to be written over.
        let flags = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags);
        let mut file = options.open(path).map_err(|error| match std::fs::symlink_metadata(path) {
            Ok(there) if there.is_symlink() => io::Error::other("it is a link: remove it, then run the command again"),
            _ => error,
        })?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(Some(Locking::Held(living(&mut file)))),
            Err(error) => return Err(error.into()),
        }
        let ours = file.metadata()?;
        if !ours.is_file() || ours.nlink() > 1 {
            return Err(io::Error::other("it is not a file of its own: remove it, then run the command again"));
        }
        let there = match std::fs::metadata(path) {
            Ok(there) => there,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if (ours.dev(), ours.ino()) != (there.dev(), there.ino()) {
            return Ok(None);
        }
        let former = read_holder(&mut file);
        let mut content = serde_json::to_vec(holder)?;
        content.push(b'\n');
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(&content)?;
        Ok(Some(Locking::Got {
            guard: Box::new(FileGuard { path: path.to_owned(), _file: file }),
            former: former.map(Former::Died),
        }))
    }
}

impl Store for FileStore {
    fn place(&self) -> String {
        self.named.display().to_string()
    }

    fn read_state(&self) -> Outcome<Option<Vec<u8>>> {
        self.read(&self.path, "")
    }

    fn read_journal(&self) -> Outcome<Option<Vec<u8>>> {
        self.read(&self.beside(".journal"), ".journal")
    }

    fn append(&self, frame: &[u8]) -> Outcome<()> {
        let mut appending = self.appending();
        let written = match std::mem::replace(&mut *appending, Appending::Broken) {
            Appending::NotYet => self.begin_journal(),
            Appending::Open(file) => Ok(file),
            Appending::Broken => Err(io::Error::other("an earlier write to it failed")),
        }
        .and_then(|mut file| {
            file.write_all(frame)?;
            file.sync_data()?;
            Ok(file)
        });
        match written {
            Ok(file) => {
                *appending = Appending::Open(file);
                Ok(())
            }
            Err(error) => Err(self.unwritten(".journal", &error)),
        }
    }

    fn replace_state(&self, bytes: &[u8]) -> Outcome<()> {
        let temporary = self.beside(".tmp");
        // What a killed run left; the lock is ours, so nobody writes it now.
        match std::fs::remove_file(&temporary) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(self.unwritten(".tmp", &error)),
            _ => {}
        }
        self.replace(&temporary, bytes).map_err(|error| {
            // Best effort: the temporary file says nothing that the failure does not say.
            let _ = std::fs::remove_file(&temporary);
            self.unwritten("", &error)
        })
    }

    fn remove_journal(&self) -> Outcome<()> {
        let mut appending = self.appending();
        let removed = match std::fs::remove_file(self.beside(".journal")) {
            Ok(()) => self.sync_folder(),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        removed.map_err(|error| self.unwritten(".journal", &error))?;
        if !matches!(*appending, Appending::Broken) {
            *appending = Appending::NotYet;
        }
        Ok(())
    }

    fn put_progress(&self, bytes: Option<&[u8]>) -> Outcome<()> {
        let (path, temporary) = (self.beside(".progress"), self.beside(".progress.tmp"));
        let written = match bytes {
            None => std::fs::remove_file(&path),
            Some(bytes) => {
                // Not synced, see the seam. The name could be a link to a file that is not to be written over.
                let _ = std::fs::remove_file(&temporary);
                let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary);
                opened.and_then(|mut file| file.write_all(bytes)).and_then(|()| std::fs::rename(&temporary, &path))
            }
        };
        match written {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.unwritten(".progress", &error)),
            _ => Ok(()),
        }
    }

    fn read_progress(&self) -> Outcome<Option<Vec<u8>>> {
        // Opening a pipe would wait for somebody to write to it.
        if std::fs::metadata(self.beside(".progress")).is_ok_and(|there| !there.is_file()) {
            return Ok(None);
        }
        self.read(&self.beside(".progress"), ".progress")
    }

    fn keep(&self, file: &Companion, bytes: &[u8]) -> Outcome<()> {
        let suffix = file.suffix();
        replace(&beside(&self.named, &suffix), bytes).map_err(|error| self.unwritten(&suffix, &error))
    }

    fn kept(&self, file: &Companion) -> Outcome<Option<Vec<u8>>> {
        let suffix = file.suffix();
        self.read(&beside(&self.named, &suffix), &suffix)
    }

    fn holding(&self) -> Outcome<Holding> {
        let path = self.beside(".lock");
        let failed = |error: io::Error| {
            let hint = "Look at the path and its permissions: the file must be readable for this user.";
            Failure::new(codes::LOCK_UNAVAILABLE, format!("look at {}.lock", self.place()), error.to_string(), hint)
        };
        // A pipe in its place would be waited for without an end.
        let at_once = rustix::fs::OFlags::NONBLOCK.bits() as i32;
        let mut file = match OpenOptions::new().read(true).custom_flags(at_once).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Holding::Nobody),
            Err(error) => return Err(failed(error)),
        };
        // A shared lock is refused while somebody has the lock, and otherwise gone with this handle.
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => {
                Ok(read_holder(&mut file).map_or(Holding::Nobody, |holder| Holding::Former(Former::Died(holder))))
            }
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(Holding::Living(living(&mut file))),
            Err(error) => Err(failed(error.into())),
        }
    }

    fn try_lock(&self, holder: &Holder) -> Outcome<Locking> {
        let path = self.beside(".lock");
        let refused = |cause: String, hint: &str| {
            Failure::new(codes::LOCK_UNAVAILABLE, format!("lock {}.lock", self.place()), cause, hint)
        };
        let failed =
            |cause: String| refused(cause, "Put the state into a folder on a local disk that this user may write to.");
        let unwritten = |error: &io::Error| match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                refused(error.to_string(), "Free some space on that disk and run the same command again.")
            }
            _ => failed(error.to_string()),
        };
        // Each turn means that another holder gave the lock back in between: not a thing to wait for long.
        for _ in 0..100 {
            if let Some(locking) = self.lock_once(&path, holder).map_err(|error| unwritten(&error))? {
                return Ok(locking);
            }
        }
        Err(failed("the lock file is replaced again and again".into()))
    }

    /// The system knows whether a holder lives: from one that does the lock is not taken, and one that died needs no
    /// breaking, but what it left can be removed.
    fn break_lock(&self, id: &str) -> Outcome<Broken> {
        let refused = |cause: String, hint: &str| {
            Failure::new(codes::LOCK_NOT_BROKEN, format!("unlock {}", self.place()), cause, hint)
        };
        let other = |holder: &Holder| {
            refused(
                format!("it is held by {holder}, whose lock is {}", holder.id),
                "`mig status` names who has the lock.",
            )
        };
        match self.holding()? {
            Holding::Nobody => Err(refused("nobody has the lock".into(), "Nothing is to be done.")),
            Holding::Living(Living { holder: Some(holder), .. }) if holder.id != id => Err(other(&holder)),
            Holding::Living(living) => {
                let hint = "End that process: its lock is gone with it. Nothing was changed.";
                Err(refused(format!("it is held by {living}, and that process runs"), hint))
            }
            Holding::Former(former) if former.holder().id != id => Err(other(former.holder())),
            Holding::Former(_) => match self.try_lock(&Holder::default())? {
                Locking::Got { former: Some(former), .. } => {
                    Ok(Broken { holder: former.holder().clone(), free_in: None })
                }
                Locking::Got { former: None, .. } => {
                    Err(refused("nobody has the lock".into(), "Nothing is to be done."))
                }
                Locking::Held(living) => {
                    Err(refused(format!("it is held by {living}"), "`mig status` names who has it."))
                }
            },
        }
    }
}

/// Removing the file before the lock is let go leaves the folder clean; anyone who opened it before finds that it is not
/// the one under the name any more, and tries again.
struct FileGuard {
    path: PathBuf,
    _file: File,
}

impl Guard for FileGuard {}

impl Drop for FileGuard {
    fn drop(&mut self) {
        // A lock file that stays reads as one of a dead holder: a notice, no harm.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn living(file: &mut File) -> Living {
    Living { holder: read_holder(file), silent: None }
}

fn read_holder(file: &mut File) -> Option<Holder> {
    let mut content = Vec::new();
    file.rewind().ok()?;
    file.read_to_end(&mut content).ok()?;
    serde_json::from_slice(&content).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn holder(pid: u32) -> Holder {
        Holder {
            id: String::new(),
            holder: "ada".into(),
            host: "box".into(),
            pid,
            since: "t".into(),
            command: "mig apply".into(),
        }
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn state_and_journal_are_there_for_their_owner_only_and_nothing_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.migstate");
        let store = FileStore::new(&path);
        assert_eq!(store.read_state().unwrap(), None);
        assert_eq!(store.read_journal().unwrap(), None);
        store.append(b"one\n").unwrap();
        store.append(b"two\n").unwrap();
        assert_eq!(store.read_journal().unwrap().unwrap(), b"one\ntwo\n");
        std::fs::write(folder.path().join("a.migstate.tmp"), "left by a killed run").unwrap();
        store.replace_state(b"s1").unwrap();
        store.replace_state(b"s2").unwrap();
        assert_eq!(store.read_state().unwrap().unwrap(), b"s2");
        assert_eq!((mode(&path), mode(&folder.path().join("a.migstate.journal"))), (0o600, 0o600));
        store.remove_journal().unwrap();
        store.remove_journal().unwrap();
        assert_eq!(store.read_journal().unwrap(), None);
        store.append(b"three\n").unwrap();
        store.remove_journal().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_to_the_state_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("real.migstate");
        std::fs::write(&real, "old").unwrap();
        let link = folder.path().join("link.migstate");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        FileStore::new(&link).replace_state(b"new").unwrap();
        assert_eq!(std::fs::read(&real).unwrap(), b"new");
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    fn a_living_holder_is_named_a_dead_one_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.migstate");
        let (one, two) = (FileStore::new(&path), FileStore::new(&path));
        let Locking::Got { guard, former: None } = one.try_lock(&holder(1)).unwrap() else { panic!("not got") };
        let Locking::Held(Living { holder: Some(living), .. }) = two.try_lock(&holder(2)).unwrap() else {
            panic!("not held")
        };
        assert_eq!(living, holder(1));
        drop(guard);
        assert!(!folder.path().join("a.migstate.lock").exists());
        // A killed process leaves the file, and the system lets go of the lock.
        std::fs::write(folder.path().join("a.migstate.lock"), serde_json::to_vec(&holder(3)).unwrap()).unwrap();
        let Locking::Got { former, .. } = two.try_lock(&holder(2)).unwrap() else { panic!("not got") };
        assert_eq!(former, Some(Former::Died(holder(3))));
    }

    #[test]
    fn nothing_is_written_through_a_link_that_somebody_put_there() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        let lock = folder.path().join("a.migstate.lock");
        let store = FileStore::new(folder.path().join("a.migstate"));
        for hard in [false, true] {
            std::fs::write(&victim, "dear").unwrap();
            match hard {
                false => std::os::unix::fs::symlink(&victim, &lock).unwrap(),
                true => std::fs::hard_link(&victim, &lock).unwrap(),
            }
            let failure = store.try_lock(&holder(1)).err().unwrap();
            assert_eq!(failure.code, "MIG4011");
            assert!(failure.cause.contains("remove it"), "{}", failure.cause);
            std::fs::remove_file(&lock).unwrap();
            assert_eq!(std::fs::read(&victim).unwrap(), b"dear");
        }
        std::os::unix::fs::symlink(&victim, folder.path().join("a.migstate.tmp")).unwrap();
        std::os::unix::fs::symlink(&victim, folder.path().join("a.migstate.journal")).unwrap();
        store.replace_state(b"state").unwrap();
        assert_eq!(store.append(b"frame\n").unwrap_err().code, "MIG4006");
        assert_eq!(std::fs::read(&victim).unwrap(), b"dear");
    }

    #[test]
    fn a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().join("a.migstate"));
        for name in ["a.migstate", "a.migstate.lock"] {
            let path = folder.path().join(name);
            let owner = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
            rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, owner, 0).unwrap();
        }
        let failure = store.read_state().unwrap_err();
        assert_eq!((failure.code, failure.cause.as_str()), (codes::STATE_UNREADABLE, "it is not a regular file"));
        let _ = store.holding();
        assert_eq!(store.try_lock(&holder(1)).err().unwrap().code, codes::LOCK_UNAVAILABLE);
    }

    #[test]
    fn a_folder_that_is_not_there_and_a_full_disk_say_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().join("no/a.migstate"));
        let failure = store.append(b"x\n").unwrap_err();
        assert_eq!((failure.code.to_string().as_str(), failure.exit.code()), ("MIG4006", 1));
        assert!(failure.hint.contains("Make the folder"), "{}", failure.hint);
        assert_eq!(store.append(b"x\n").unwrap_err().cause, "an earlier write to it failed");
        assert_eq!(store.replace_state(b"x").unwrap_err().code, "MIG4006");
        assert_eq!(store.try_lock(&holder(1)).err().unwrap().code, "MIG4011");
        // /dev/full answers every write with "no space left".
        let store = FileStore::new(folder.path().join("a.migstate"));
        std::os::unix::fs::symlink("/dev/full", folder.path().join("a.migstate.journal")).unwrap();
        *store.appending() = Appending::Open(File::options().append(true).open("/dev/full").unwrap());
        let failure = store.append(b"x\n").unwrap_err();
        assert_eq!(failure.code, "MIG4007");
        assert!(failure.doing.contains("a.migstate.journal"), "{}", failure.doing);
    }
    #[test]
    fn a_file_is_made_only_where_none_is_and_rewritten_with_the_mode_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        create(&path, b"one").unwrap();
        assert_eq!((std::fs::read(&path).unwrap(), mode(&path)), (b"one".to_vec(), 0o600));
        assert_eq!(create(&path, b"two").unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("a", &link).unwrap();
        rewrite(&link, b"three").unwrap();
        assert_eq!((std::fs::read(&path).unwrap(), mode(&path)), (b"three".to_vec(), 0o640));
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        rewrite(&folder.path().join("b"), b"x").unwrap_err();
        // Nothing is left beside them.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
