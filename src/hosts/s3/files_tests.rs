//! Files in a bucket, against the testbed's MinIO.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::*;
use crate::formats::spec::access::Access;

/// A bucket of its own; its folder, by which MinIO knows it, goes with the guard.
struct Guard(PathBuf);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn bucket() -> (Guard, Bucket) {
    let folder = PathBuf::from(std::env::var_os("MIG_TEST_MINIO").expect("no MinIO is there: run `make test`"));
    let text = std::fs::read_to_string(folder.join("env")).unwrap();
    let port: u16 = text.lines().find_map(|line| line.strip_prefix("PORT=")).unwrap().parse().unwrap();
    let name = format!("files-{:016x}", rand::random::<u64>());
    let folder = folder.join("data").join(&name);
    std::fs::create_dir(&folder).unwrap();
    let access =
        Access { endpoint_url: Some(format!("http://127.0.0.1:{port}")), use_path_style: true, ..Access::default() };
    (Guard(folder), Bucket { bucket: name, prefix: "dumps".into(), access })
}

fn open(bucket: &Bucket) -> BucketFiles {
    BucketFiles::new(bucket, "m", Path::new(".")).unwrap()
}

fn write(files: &BucketFiles, name: &str, bytes: &[u8]) -> Outcome<()> {
    let mut file = files.create(name)?;
    // Not in pieces of the size of a part.
    for piece in bytes.chunks(300_001) {
        file.write_all(piece).unwrap();
    }
    file.finish()
}

fn names(files: &BucketFiles) -> Vec<String> {
    let mut names: Vec<String> = files.list().unwrap().into_iter().map(|(name, _)| name).collect();
    names.sort();
    names
}

/// The uploads of a file that are open on the server.
fn open_uploads(guard: &Guard, bucket: &Bucket, name: &str) -> usize {
    use sha2::{Digest, Sha256};
    let whole = format!("{}/dumps/m/{name}", bucket.bucket);
    let kept = guard.0.parent().unwrap().join(".minio.sys/multipart").join(hex::encode(Sha256::digest(whole)));
    std::fs::read_dir(kept).map_or(0, Iterator::count)
}

#[test]
fn a_file_reads_back_from_every_offset_however_large_it_is() {
    let (_guard, bucket) = bucket();
    let files = open(&bucket);
    for length in [0, 1, 5000, READ as usize, PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 777] {
        let bytes: Vec<u8> = (0..length as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        write(&files, "a.t.000000001.sql", &bytes).unwrap();
        assert_eq!(files.size("a.t.000000001.sql").unwrap(), Some(length as u64));
        assert_eq!(files.list().unwrap(), [("a.t.000000001.sql".to_owned(), length as u64)]);
        for from in [0, length / 3, length.saturating_sub(1), length] {
            let mut read = Vec::new();
            files.open("a.t.000000001.sql", from as u64).unwrap().read_to_end(&mut read).unwrap();
            assert!(read == bytes[from..], "{length} bytes from {from}");
        }
    }
    files.remove(&["a.t.000000001.sql".to_owned(), "never.sql".to_owned()]).unwrap();
    assert_eq!(names(&files), Vec::<String>::new());
    assert_eq!(files.open("a.t.000000001.sql", 0).err().unwrap().kind(), io::ErrorKind::NotFound);
    assert_eq!(files.read("a.t.000000001.sql").unwrap(), None);
}

#[test]
fn an_upload_that_was_given_up_is_aborted_by_who_comes_next() {
    let (guard, bucket) = bucket();
    let name = "a.t.000000001.sql";
    let begin = |files: &BucketFiles| {
        let mut file = files.create(name).unwrap();
        file.write_all(&vec![7; 2 * PART + 5]).unwrap();
        file
    };
    let files = open(&bucket);
    // In the same run.
    drop(begin(&files));
    write(&files, name, &vec![8; PART + 5]).unwrap();
    assert_eq!((names(&files), open_uploads(&guard, &bucket, name)), (vec![name.to_owned()], 0));
    // By a later one: what is there is told by its other name.
    let torn = format!("{name}{TORN}");
    let mut left = begin(&files);
    left.flush().unwrap();
    std::mem::forget(left);
    let next = open(&bucket);
    while !names(&next).contains(&torn) || open_uploads(&guard, &bucket, name) == 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    next.remove(std::slice::from_ref(&torn)).unwrap();
    assert_eq!((names(&next), open_uploads(&guard, &bucket, name)), (vec![name.to_owned()], 0));
    assert_eq!(next.size(name).unwrap(), Some(PART as u64 + 5), "what was whole stays");
}

#[test]
fn a_place_is_of_one_state_until_it_is_left() {
    let (_guard, bucket) = bucket();
    let files = open(&bucket);
    assert!(!files.look(None).unwrap() && !files.look(Some("one")).unwrap());
    files.prepare("one").unwrap();
    files.prepare("one").unwrap();
    assert!(files.look(Some("one")).unwrap());
    assert_eq!(names(&files), Vec::<String>::new(), "it is not a file of the dump");
    let another = open(&bucket);
    another.prepare("one").unwrap();
    let third = open(&bucket);
    for failure in [third.prepare("two"), third.look(Some("two")).map(drop), third.look(None).map(drop)] {
        let failure = failure.unwrap_err();
        assert_eq!(failure.code, "MIG5112");
        assert!(failure.cause.contains("lineage one") && failure.doing.contains("/dumps/m"), "{failure:?}");
    }
    files.leave().unwrap();
    third.prepare("two").unwrap();
}

#[test]
fn a_bucket_that_is_not_there_is_said_at_once() {
    let (guard, bucket) = bucket();
    drop(guard);
    let files = open(&bucket);
    for failure in [files.look(None).map(drop), files.list().map(drop), write(&files, "a", b"x")] {
        let failure = failure.unwrap_err();
        assert_eq!((failure.code, failure.retry), (codes::DUMP_OBJECT, crate::words::error::Retry::No));
        assert!(failure.doing.contains(&bucket.bucket) && failure.cause.contains("NoSuchBucket"), "{failure:?}");
    }
}
