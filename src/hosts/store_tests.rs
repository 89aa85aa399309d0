//! What every store has to do, whatever it keeps its bytes in: one table of behaviours, run against each backend. A new
//! backend implements [`Backend`] and gets a row in `every_backend_does_what_a_store_promises`.

#[cfg(feature = "aws")]
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::file::{self, FileStore};
use super::memory::{Faults, MemoryStore};
#[cfg(feature = "aws")]
use super::store::s3::S3Store;
#[cfg(feature = "aws")]
use crate::formats::spec::access::Access;
#[cfg(feature = "aws")]
use crate::formats::spec::backend::S3;
use crate::seams::store::{Companion, Guard, Holder, Holding, Locking, Store};

/// A place for one state, with ways to harm it.
trait Backend {
    /// A handle of its own, as another process would have it.
    fn open(&self) -> Box<dyn Store>;

    /// A handle whose writes fail from now on; what was written before stays.
    fn open_failing(&self) -> Box<dyn Store>;
}

struct Files(tempfile::TempDir);

impl Backend for Files {
    fn open(&self) -> Box<dyn Store> {
        Box::new(FileStore::new(self.0.path().join("a.migstate")))
    }

    fn open_failing(&self) -> Box<dyn Store> {
        // A folder where the temporary file goes, and a journal that leads to a full device.
        let state = self.0.path().join("a.migstate");
        std::fs::create_dir(file::beside(&state, ".tmp")).unwrap();
        let _ = std::fs::remove_file(file::beside(&state, ".journal"));
        std::os::unix::fs::symlink("/dev/full", file::beside(&state, ".journal")).unwrap();
        self.open()
    }
}

struct Memory(MemoryStore);

impl Backend for Memory {
    fn open(&self) -> Box<dyn Store> {
        Box::new(self.0.handle())
    }

    fn open_failing(&self) -> Box<dyn Store> {
        Box::new(self.0.handle().with_faults(Faults { capacity: Some(0), ..Faults::default() }))
    }
}

/// A bucket on the MinIO of the testbed, made for one state.
#[cfg(feature = "aws")]
pub(super) struct Bucket(String);

#[cfg(feature = "aws")]
impl Bucket {
    pub fn new() -> Self {
        let name = format!("store-{:016x}", rand::random::<u64>());
        // A folder of its data is a bucket.
        std::fs::create_dir(minio().0.join("data").join(&name)).unwrap();
        Self(name)
    }

    fn settings(&self, port: u16) -> S3 {
        S3 {
            bucket: self.0.clone(),
            key: "team/a.migstate".into(),
            access: Access {
                endpoint_url: Some(format!("http://127.0.0.1:{port}")),
                use_path_style: true,
                ..Access::default()
            },
            lease_seconds: 2,
        }
    }

    pub fn at_minio(&self) -> S3Store {
        self.open_at(minio().1)
    }

    fn open_at(&self, port: u16) -> S3Store {
        S3Store::new(&self.settings(port), Path::new(".")).unwrap().with_patience(Duration::from_secs(10))
    }
}

/// Its folder and its port.
#[cfg(feature = "aws")]
fn minio() -> (PathBuf, u16) {
    let folder = PathBuf::from(std::env::var_os("MIG_TEST_MINIO").expect("no MinIO is there: run `make test`"));
    let text = std::fs::read_to_string(folder.join("env")).unwrap();
    (folder, text.lines().find_map(|line| line.strip_prefix("PORT=")).unwrap().parse().unwrap())
}

#[cfg(feature = "aws")]
impl Backend for Bucket {
    fn open(&self) -> Box<dyn Store> {
        Box::new(self.at_minio())
    }

    fn open_failing(&self) -> Box<dyn Store> {
        // Nothing listens there.
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Box::new(self.open_at(nobody).with_patience(Duration::from_millis(300)))
    }
}

pub(super) fn holder(pid: u32) -> Holder {
    Holder {
        id: format!("id{pid}"),
        holder: "ada".into(),
        host: "box".into(),
        pid,
        since: "t".into(),
        command: "mig apply".into(),
    }
}

fn got(locking: Locking) -> Box<dyn Guard> {
    match locking {
        Locking::Got { guard, former: None } => guard,
        Locking::Got { former, .. } => panic!("a former holder: {former:?}"),
        Locking::Held(by) => panic!("held by {by:?}"),
    }
}

/// Whoever had it before.
#[cfg(feature = "aws")]
pub(super) fn taken(locking: Locking) -> Box<dyn Guard> {
    match locking {
        Locking::Got { guard, .. } => guard,
        Locking::Held(by) => panic!("held by {by:?}"),
    }
}

fn nothing_is_there_at_first(backend: &dyn Backend) {
    let store = backend.open();
    assert_eq!((store.read_state().unwrap(), store.read_journal().unwrap()), (None, None));
    store.remove_journal().unwrap();
    assert!(!store.place().is_empty());
}

fn frames_stand_one_behind_the_other_and_every_handle_sees_them(backend: &dyn Backend) {
    let store = backend.open();
    store.append(b"one\n").unwrap();
    assert_eq!(backend.open().read_journal().unwrap().unwrap(), b"one\n");
    store.append(b"").unwrap();
    store.append(b"\0two\n").unwrap();
    assert_eq!(backend.open().read_journal().unwrap().unwrap(), b"one\n\0two\n");
    assert_eq!(store.read_state().unwrap(), None, "the journal is not the state");
}

fn a_journal_that_another_began_is_never_gone_on_with(backend: &dyn Backend) {
    backend.open().append(b"one\n").unwrap();
    let late = backend.open();
    assert_eq!(late.append(b"two\n").unwrap_err().code, "MIG4006");
    assert_eq!(late.append(b"two\n").unwrap_err().code, "MIG4006", "nor the second time");
    assert_eq!(late.read_journal().unwrap().unwrap(), b"one\n");
}

fn a_removed_journal_begins_anew(backend: &dyn Backend) {
    let store = backend.open();
    store.append(b"one\n").unwrap();
    store.remove_journal().unwrap();
    assert_eq!(store.read_journal().unwrap(), None);
    store.remove_journal().unwrap();
    store.append(b"two\n").unwrap();
    assert_eq!(backend.open().read_journal().unwrap().unwrap(), b"two\n");
    backend.open().remove_journal().unwrap();
    assert_eq!(store.read_journal().unwrap(), None, "also where another handle removed it");
}

fn a_state_is_replaced_as_a_whole(backend: &dyn Backend) {
    let store = backend.open();
    for bytes in [&b"a long state"[..], b"short", b""] {
        store.replace_state(bytes).unwrap();
        assert_eq!(backend.open().read_state().unwrap().unwrap(), bytes);
    }
    assert_eq!(store.read_journal().unwrap(), None, "the state is not the journal");
}

fn a_replace_that_fails_leaves_the_state_that_was_there(backend: &dyn Backend) {
    backend.open().replace_state(b"old").unwrap();
    let failing = backend.open_failing();
    let failure = failing.replace_state(b"new").unwrap_err();
    assert!(["MIG4006", "MIG4007"].contains(&failure.code.to_string().as_str()), "{failure:?}");
    assert!(!failure.hint.is_empty());
    assert_eq!(backend.open().read_state().unwrap().unwrap(), b"old");
}

fn an_append_that_failed_is_the_last_one(backend: &dyn Backend) {
    let failing = backend.open_failing();
    let first = failing.append(b"one\n").unwrap_err();
    assert!(["MIG4006", "MIG4007"].contains(&first.code.to_string().as_str()), "{first:?}");
    let second = failing.append(b"two\n").unwrap_err();
    assert_eq!(second.cause, "an earlier write to it failed");
}

fn one_holds_the_lock_and_the_next_one_is_told_who(backend: &dyn Backend) {
    let (one, two) = (backend.open(), backend.open());
    let guard = got(one.try_lock(&holder(1)).unwrap());
    match two.try_lock(&holder(2)).unwrap() {
        Locking::Held(by) => assert_eq!(by.holder, Some(holder(1))),
        Locking::Got { .. } => panic!("two hold it"),
    }
    assert!(matches!(one.try_lock(&holder(1)).unwrap(), Locking::Held(_)), "nor twice by one");
    // Who looks needs no lock.
    assert_eq!(two.read_state().unwrap(), None);
    drop(guard);
    let guard = got(two.try_lock(&holder(2)).unwrap());
    drop(guard);
    got(one.try_lock(&holder(1)).unwrap());
}

fn a_lock_outlives_its_store_and_is_given_back(backend: &dyn Backend) {
    let store = backend.open();
    let guard = got(store.try_lock(&holder(1)).unwrap());
    drop(store);
    assert!(matches!(backend.open().try_lock(&holder(2)).unwrap(), Locking::Held(_)));
    drop(guard);
    got(backend.open().try_lock(&holder(2)).unwrap());
}

fn who_looks_is_told_of_the_holder_and_takes_nothing(backend: &dyn Backend) {
    let (one, two) = (backend.open(), backend.open());
    assert_eq!(two.holding().unwrap(), Holding::Nobody);
    let guard = got(one.try_lock(&holder(1)).unwrap());
    assert!(matches!(two.holding().unwrap(), Holding::Living(living) if living.holder == Some(holder(1))));
    assert!(matches!(two.holding().unwrap(), Holding::Living(living) if living.holder == Some(holder(1))));
    drop(guard);
    assert_eq!(two.holding().unwrap(), Holding::Nobody);
    got(two.try_lock(&holder(2)).unwrap());
}

fn what_a_run_says_of_itself_is_replaced_and_removed(backend: &dyn Backend) {
    let (one, two) = (backend.open(), backend.open());
    assert_eq!(two.read_progress().unwrap(), None);
    one.put_progress(None).unwrap();
    for bytes in [&b"34 %, long"[..], b"35 %"] {
        one.put_progress(Some(bytes)).unwrap();
        assert_eq!(two.read_progress().unwrap().unwrap(), bytes);
    }
    one.put_progress(None).unwrap();
    assert_eq!((two.read_progress().unwrap(), two.read_journal().unwrap()), (None, None));
}

/// A behaviour, by its name.
type Row = (&'static str, fn(&dyn Backend));

macro_rules! rows {
    ($($name:ident),* $(,)?) => { [$((stringify!($name), $name as fn(&dyn Backend))),*] };
}

fn a_state_that_is_put_back_has_no_journal_of_the_time_in_between(backend: &dyn Backend) {
    let one = backend.open();
    one.replace_state(b"one").unwrap();
    one.append(b"frame\n").unwrap();
    let two = backend.open();
    let guard = got(two.try_lock(&holder(2)).unwrap());
    two.replace_state(b"two").unwrap();
    two.remove_journal().unwrap();
    two.replace_state(b"one").unwrap();
    drop(guard);
    assert_eq!(backend.open().read_journal().unwrap(), None);
    let three = backend.open();
    let guard = got(three.try_lock(&holder(3)).unwrap());
    three.append(b"next\n").unwrap();
    assert_eq!(backend.open().read_journal().unwrap().unwrap(), b"next\n");
    drop(guard);
}

fn files_beside_the_state_are_replaced_as_a_whole(backend: &dyn Backend) {
    let (one, two) = (backend.open(), backend.open());
    let file = Companion::certificate("shop");
    assert_eq!(two.kept(&file).unwrap(), None);
    for bytes in [&b"equal, and long"[..], b"different"] {
        one.keep(&file, bytes).unwrap();
        assert_eq!(two.kept(&file).unwrap().unwrap(), bytes);
    }
    assert_eq!((two.kept(&Companion::Backup).unwrap(), two.read_state().unwrap()), (None, None));
    assert!(one.place_of(&file).ends_with(".migstate.shop.certificate.json"), "{}", one.place_of(&file));
}

fn a_lock_is_broken_by_its_own_id_alone(backend: &dyn Backend) {
    let store = backend.open();
    let refused = |id: &str| assert_eq!(backend.open().break_lock(id).unwrap_err().code, "MIG4014", "{id}");
    refused("id1");
    let guard = got(store.try_lock(&holder(1)).unwrap());
    refused("id2");
    drop(guard);
    refused("id1");
}

#[test]
fn every_backend_does_what_a_store_promises() {
    let rows: [Row; 14] = rows![
        nothing_is_there_at_first,
        frames_stand_one_behind_the_other_and_every_handle_sees_them,
        a_journal_that_another_began_is_never_gone_on_with,
        a_removed_journal_begins_anew,
        a_state_is_replaced_as_a_whole,
        a_replace_that_fails_leaves_the_state_that_was_there,
        an_append_that_failed_is_the_last_one,
        one_holds_the_lock_and_the_next_one_is_told_who,
        a_lock_outlives_its_store_and_is_given_back,
        who_looks_is_told_of_the_holder_and_takes_nothing,
        what_a_run_says_of_itself_is_replaced_and_removed,
        a_state_that_is_put_back_has_no_journal_of_the_time_in_between,
        files_beside_the_state_are_replaced_as_a_whole,
        a_lock_is_broken_by_its_own_id_alone,
    ];
    let backends: &[(&str, fn() -> Box<dyn Backend>)] = &[
        ("files", || Box::new(Files(tempfile::tempdir().unwrap()))),
        ("memory", || Box::new(Memory(MemoryStore::new()))),
        #[cfg(feature = "aws")]
        ("bucket", || Box::new(Bucket::new())),
    ];
    for (backend, make) in backends {
        for (row, check) in rows {
            println!("{backend}: {row}");
            check(&*make());
        }
    }
}
