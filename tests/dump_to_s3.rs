//! Files of a dump in a bucket: the program itself against MinIO and real servers. The judges are SQL on both servers, the
//! objects in the bucket, and what MinIO keeps of uploads that were not completed.
//!
//! `MIG_KILLS=100 cargo test --test dump_to_s3 killed` runs so many lives; `MIG_SEED` begins at another seed.
#![cfg(feature = "aws")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use support::bucket::{BadLine, Bucket, command};
use support::{Bed, program, server_blocks};

/// What the names of the files' objects begin with.
const PREFIX: &str = "dumps/eu";

/// How the rows of a migration are laid out.
#[derive(Clone, Copy)]
struct Shape {
    rows: u64,
    width: u64,
    /// What makes a dump take some seconds.
    slow: &'static str,
    /// Lines of the dump block.
    dump: &'static str,
}

/// Many small files, each an object written at once.
const SMALL: Shape = Shape { rows: 3000, width: 160, slow: "160KiB", dump: "chunk_bytes = \"16KiB\"" };
/// Files of several parts.
const LARGE: Shape = Shape { rows: 9000, width: 4000, slow: "8MiB", dump: "file_size = \"9MiB\"\n    threads = 2" };

/// One migration with its servers and its bucket, and machines with a folder each.
struct Scene {
    bucket: Bucket,
    schema: String,
    source: Bed,
    target: Bed,
    machines: Vec<tempfile::TempDir>,
    shape: Shape,
    lease: &'static str,
}

impl Scene {
    async fn new(name: &str, shape: Shape) -> Self {
        let (source, target) = (Bed::mysql(), Bed::tidb());
        let schema = source.schema(&format!("s3_{name}"), &[]).await;
        let scene =
            Self { bucket: Bucket::new("dump"), schema, source, target, machines: Vec::new(), shape, lease: "2s" };
        scene.forget().await;
        let (schema, Shape { rows, width, .. }) = (&scene.schema, scene.shape);
        let numbers =
            format!("WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < {rows}) SELECT n");
        for sql in [
            format!("CREATE TABLE {schema}.keyed (id INT PRIMARY KEY, v VARCHAR({width})) COLLATE utf8mb4_bin"),
            format!("INSERT INTO {schema}.keyed {numbers}, RPAD(SHA2(n, 256), {width}, SHA2(n + 1, 256)) FROM s"),
            format!("CREATE TABLE {schema}.keyless (n INT, v VARCHAR({width})) COLLATE utf8mb4_bin"),
            format!("INSERT INTO {schema}.keyless {numbers} DIV 3, REPEAT('y', n % 90) FROM s"),
            format!("ANALYZE TABLE {schema}.keyed, {schema}.keyless"),
        ] {
            let (used, deep) = (format!("USE {schema}"), "SET SESSION cte_max_recursion_depth = 1000000");
            scene.source.run(&[&used, deep, &sql]).await;
        }
        scene
    }

    /// A machine with an empty folder but for the spec; `ports` lead to the bucket: of the state, of the files.
    fn machine(&mut self, port: u16, more: &str) -> PathBuf {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_owned();
        self.machines.push(dir);
        self.write_spec(&path, port, more);
        path
    }

    fn write_spec(&self, dir: &Path, port: u16, more: &str) {
        self.write_spec_to(dir, &format!("s3://{}/{PREFIX}", self.bucket.name), port, more);
    }

    fn write_spec_to(&self, dir: &Path, to: &str, port: u16, more: &str) {
        let (schema, dump) = (&self.schema, self.shape.dump);
        let ports = (self.source.config().port, self.target.config().port);
        let to = match to {
            "" => String::new(),
            to => format!(
                "    to = \"{to}\"\n    s3 {{\n      endpoint_url = \"http://127.0.0.1:{port}\"\n      use_path_style = true\n    }}\n"
            ),
        };
        let text = format!(
            "{}{}migration \"m\" {{\n  source = source.mysql.from\n  target = target.{}.to\n  tables = [\"{schema}.*\"]\n  \
             gates {{\n    accept_unproven = [\"writes_stopped\"]\n  }}\n  dump {{\n    {dump}\n    {more}\n{to}  }}\n}}\n",
            self.bucket.settings(self.bucket.port, self.lease),
            server_blocks(ports, &self.target, "root", &format!("ml_{schema}")),
            self.target.label(),
        );
        std::fs::write(dir.join("dump.mig.hcl"), text).unwrap();
    }

    async fn forget(&self) {
        self.target.drop_schema(&self.schema).await;
        self.target.drop_schema(&format!("ml_{}", self.schema)).await;
    }

    /// Every row arrived once.
    async fn is_whole(&self) -> Result<(), String> {
        for (table, column) in [("keyed", "id"), ("keyless", "n")] {
            let schema = &self.schema;
            let sql = format!(
                "SELECT COUNT(*), COUNT(DISTINCT {column}), SUM(CRC32(CONCAT({column}, ',', v))) FROM {schema}.{table}"
            );
            let (from, to) = (self.source.rows(&sql).await, self.target.rows(&sql).await);
            if from != to {
                return Err(format!("{table}: {from:?} at the source, {to:?} on the target"));
            }
        }
        Ok(())
    }

    /// The names of the files' objects, behind the prefix.
    fn files(&self) -> Vec<String> {
        let objects = self.bucket.objects();
        objects.iter().filter_map(|name| name.strip_prefix(&format!("{PREFIX}/m/"))).map(str::to_owned).collect()
    }

    /// Names of files of which MinIO keeps parts that are of no object yet. It keeps them under the digest of the whole name.
    fn open_uploads(&self) -> Vec<String> {
        let root = self.bucket.uploads();
        let name = |table: &str, number: u32| format!("{}.{table}.{number:09}.sql", self.schema);
        let names = (0..2000).flat_map(|number| [name("keyed", number), name("keyless", number)]);
        names
            .filter(|name| {
                let whole = format!("{}/{PREFIX}/m/{name}", self.bucket.name);
                let folder = root.join(hex::encode(Sha256::digest(whole)));
                std::fs::read_dir(folder).is_ok_and(|mut uploads| uploads.next().is_some())
            })
            .collect()
    }

    async fn end(self) {
        self.source.drop_schema(&self.schema).await;
        self.forget().await;
    }
}

fn run(dir: &Path, arguments: &[&str], expected: i32, told: &[&str]) -> String {
    program::judge(&command(dir, arguments).output().unwrap(), arguments, expected, told)
}

fn start(dir: &Path, arguments: &[&str]) -> Child {
    command(dir, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_go_to_a_bucket_and_come_from_there_and_a_destroy_leaves_none() {
    for (shape, more) in [(SMALL, "compress = \"zstd\""), (LARGE, "")] {
        let mut scene = Scene::new("whole", shape).await;
        let port = scene.bucket.port;
        let one = scene.machine(port, more);
        let to = format!("s3://{}/{PREFIX}", scene.bucket.name);
        run(&one, &["plan", "-detailed-exitcode"], 2, &[&format!("the files of 2 tables go to {to}")]);
        assert_eq!(scene.bucket.objects(), Vec::<String>::new(), "a plan writes nothing");
        run(&one, &["apply", "-auto-approve"], 0, &["equal"]);
        scene.is_whole().await.unwrap();
        let files = scene.files();
        for name in ["mig-owner.json", "metadata", "mig-manifest.json"] {
            assert!(files.iter().any(|file| file == name), "{files:?}");
        }
        let schema = &scene.schema;
        for name in [
            format!("{schema}-schema-create.sql"),
            format!("{schema}.keyed-schema.sql"),
            format!("manifest/{schema}.keyless.json"),
        ] {
            assert!(files.contains(&name), "{name}: {files:?}");
        }
        assert!(files.iter().filter(|name| name.contains(".keyed.0")).count() > 1, "{files:?}");
        assert!(!files.iter().any(|name| name.ends_with(".part")), "{files:?}");
        assert_eq!(scene.open_uploads(), Vec::<String>::new());
        let on_disk = one.join(".mig/work/m/dump");
        assert!(!on_disk.exists(), "nothing is on the disk");
        // Another machine, and another place: of a finished migration no file is needed.
        let two = scene.machine(port, more);
        run(&two, &["plan", "-detailed-exitcode"], 0, &["No changes"]);
        scene.write_spec_to(&two, &format!("s3://{}/elsewhere", scene.bucket.name), port, more);
        run(&two, &["plan", "-detailed-exitcode"], 0, &["No changes"]);
        run(&two, &["destroy", "-auto-approve"], 0, &[]);
        assert_eq!(scene.files(), Vec::<String>::new(), "also where the spec names another place by now");
        scene.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_removed_once_it_is_loaded_where_it_is_not_kept() {
    let mut scene = Scene::new("gone", SMALL).await;
    let one = scene.machine(scene.bucket.port, "keep = false\n    disk_limit = \"256KiB\"");
    run(&one, &["apply", "-auto-approve"], 0, &["equal"]);
    scene.is_whole().await.unwrap();
    let files = scene.files();
    assert!(!files.iter().any(|name| name.contains(".keyed.0") || name.contains(".keyless.0")), "{files:?}");
    run(&one, &["destroy", "-auto-approve"], 0, &[]);
    assert_eq!(scene.files(), Vec::<String>::new());
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_states_never_mix_their_files() {
    let mut scene = Scene::new("mixed", SMALL).await;
    let port = scene.bucket.port;
    let one = scene.machine(port, "");
    run(&one, &["apply", "-auto-approve"], 0, &["equal"]);
    let before = scene.files();
    // The same place under another state.
    let two = scene.machine(port, "");
    let spec = std::fs::read_to_string(two.join("dump.mig.hcl")).unwrap();
    std::fs::write(two.join("dump.mig.hcl"), spec.replace("team/shop", "team/other")).unwrap();
    run(&two, &["plan"], 5, &["MIG2079", "the lineage"]);
    run(&two, &["apply", "-auto-approve"], 5, &["MIG2079"]);
    assert_eq!(scene.files(), before);
    run(&one, &["destroy", "-auto-approve"], 0, &[]);
    assert_eq!(scene.files(), Vec::<String>::new());
    scene.end().await;
}

/// The parts that a state records as dumped, and what is in the bucket under the names of their files.
fn recorded(scene: &Scene, dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let output = command(dir, &["state", "pull"]).output().unwrap();
    let Ok(state) = serde_json::from_slice::<serde_json::Value>(&output.stdout) else { return BTreeMap::new() };
    let mut found = BTreeMap::new();
    for (addr, step) in state["steps"].as_object().into_iter().flatten() {
        // What has no key is thrown away as a whole.
        if !addr.contains(".dump[") || addr.contains("keyless") {
            continue;
        }
        if step["status"] == "complete" {
            let files = scene.files().into_iter().filter(|name| name.contains(".keyed.0"));
            for name in files.map(|file| format!("{PREFIX}/m/{file}")) {
                found.insert(name.clone(), scene.bucket.stored(&name).unwrap_or_default());
            }
        }
        for part in step["progress"]["parts"].as_object().into_iter().flat_map(|parts| parts.values()) {
            if let Some(file) = part["done"]["file"].as_str() {
                let name = format!("{PREFIX}/m/{file}");
                found.insert(name.clone(), scene.bucket.stored(&name).unwrap_or_default());
            }
        }
    }
    found
}

/// A job is killed and its folder is gone with its machine; the next one begins in an empty folder and reads nothing again
/// that was recorded.
async fn life(seed: u64) -> Vec<String> {
    let mut random = StdRng::seed_from_u64(seed);
    let shape = if seed.is_multiple_of(2) { SMALL } else { LARGE };
    let mut scene = Scene::new(&format!("life_{seed}"), shape).await;
    let line = (seed % 3 == 2).then(|| BadLine::to(scene.bucket.port, seed, random.random_range(10..60)));
    let port = line.as_ref().map_or(scene.bucket.port, |line| line.port);
    let mut faults = Vec::new();
    let (mut deaths, mut kept) = (0, 0);
    let mut before: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for _ in 0..random.random_range(2..5) {
        let dir = scene.machine(port, &format!("rate_limit = \"{}\"", shape.slow));
        let there = scene.files();
        let mut job = start(&dir, &["apply", "-auto-approve", "-lock-timeout=60s"]);
        let began = Instant::now();
        // Most of a life is spent on waiting for the lease of the one before.
        let is_new = |name: &String| name.contains(".keyed.0") && !there.contains(name);
        let moved = |scene: &Scene| scene.files().iter().any(is_new);
        while began.elapsed() < Duration::from_secs(12) && !moved(&scene) && job.try_wait().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..3500))).await;
        let _ = job.kill();
        let output = job.wait_with_output().unwrap();
        match output.status.code() {
            None => deaths += 1,
            Some(0) => {}
            // On a bad line a job may give up; it says why.
            Some(1) if line.is_some() => {}
            code => faults.push(format!("a job ended with {code:?}: {}", program::said(&output))),
        }
        let now = recorded(&scene, &dir);
        for (name, stored) in &before {
            if scene.bucket.stored(name).as_ref() != Some(stored) {
                faults.push(format!("{name} was written again"));
            }
        }
        kept = kept.max(now.len());
        before.extend(now);
        std::fs::remove_dir_all(&dir).unwrap();
    }
    scene.lease = "60s";
    let last = scene.machine(scene.bucket.port, "");
    let output = command(&last, &["apply", "-auto-approve", "-lock-timeout=60s"]).output().unwrap();
    if !output.status.success() {
        faults.push(format!("the last job: {}", program::said(&output)));
    }
    for (name, stored) in &before {
        if scene.bucket.stored(name).as_ref() != Some(stored) {
            faults.push(format!("{name} was written again by the last job"));
        }
    }
    if let Err(difference) = scene.is_whole().await {
        faults.push(difference);
    }
    let torn: Vec<String> = scene.files().into_iter().filter(|name| name.ends_with(".part")).collect();
    let open = scene.open_uploads();
    if !torn.is_empty() || !open.is_empty() {
        faults.push(format!("left behind: {torn:?} {open:?}"));
    }
    for (arguments, expected) in
        [(&["plan", "-detailed-exitcode"][..], 0), (&["verify"], 0), (&["destroy", "-auto-approve"], 0)]
    {
        let output = command(&last, arguments).output().unwrap();
        if output.status.code() != Some(expected) {
            faults.push(format!("{arguments:?}: {}", program::said(&output)));
        }
    }
    let left = scene.files();
    if !left.is_empty() {
        faults.push(format!("after the destroy there is {left:?}"));
    }
    let fired = line.as_ref().map_or(0, BadLine::fired);
    println!("seed {seed}: {deaths} jobs were killed, {kept} parts were recorded before, {fired} faults of the line");
    drop(line);
    scene.end().await;
    faults.into_iter().map(|fault| format!("seed {seed}: {fault}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_killed_with_its_folder_is_continued_and_no_chunk_is_read_again() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("MIG_SEED").unwrap_or(1);
    let mut faults = Vec::new();
    for seed in first..first + number("MIG_KILLS").map_or(3, |kills| kills.div_ceil(3)) {
        faults.extend(life(seed).await);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_out_of_reach_is_named_and_never_taken_for_an_empty_one() {
    let mut scene = Scene::new("reach", SMALL).await;
    let line = BadLine::to(scene.bucket.port, 1, 0);
    let one = scene.machine(line.port, "rate_limit = \"64KiB\"");
    let mut job = start(&one, &["apply", "-auto-approve"]);
    let began = Instant::now();
    while scene.files().iter().filter(|name| name.contains(".keyed.0")).count() < 2 {
        assert!(began.elapsed() < Duration::from_secs(60), "no file came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let _ = job.kill();
    let _ = job.wait();
    // No credentials: said at once.
    let output = program::command(&one, &["plan"])
        .env_remove("AWS_ACCESS_KEY_ID")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", program::said(&output));
    drop(line);
    scene.write_spec(&one, 1, "");
    let two = run(&one, &["plan"], 1, &["MIG5111", &scene.bucket.name]);
    assert!(!two.contains("testing"), "{two}");
    scene.write_spec(&one, scene.bucket.port, "");
    run(&one, &["apply", "-auto-approve", "-lock-timeout=60s"], 0, &["equal"]);
    scene.is_whole().await.unwrap();
    run(&one, &["destroy", "-auto-approve"], 0, &[]);
    assert_eq!(scene.files(), Vec::<String>::new());
    scene.end().await;
}

/// Starts a slow dump and kills it at a moment when something is so.
async fn killed_when(scene: &mut Scene, is_so: impl Fn(&Scene) -> bool) -> PathBuf {
    let slow = format!("rate_limit = \"{}\"", scene.shape.slow);
    let dir = scene.machine(scene.bucket.port, &slow);
    let mut job = start(&dir, &["apply", "-auto-approve"]);
    let began = Instant::now();
    while !is_so(scene) {
        assert!(began.elapsed() < Duration::from_secs(60), "it did not come to that");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let _ = job.kill();
    let _ = job.wait();
    dir
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destroy_after_a_kill_aborts_what_was_on_its_way() {
    let mut scene = Scene::new("torn", LARGE).await;
    let dir = killed_when(&mut scene, |scene| !scene.open_uploads().is_empty()).await;
    assert!(scene.files().iter().any(|name| name.ends_with(".part")), "{:?}", scene.files());
    run(&dir, &["destroy", "-auto-approve", "-lock-timeout=60s"], 0, &[]);
    assert_eq!((scene.files(), scene.open_uploads()), (Vec::new(), Vec::new()));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfinished_dump_goes_on_in_another_place_and_a_destroy_finds_both() {
    let mut scene = Scene::new("moved", SMALL).await;
    let count = |scene: &Scene| scene.files().iter().filter(|name| name.contains(".keyed.0")).count();
    killed_when(&mut scene, |scene| count(scene) > 3).await;
    let dir = scene.machine(scene.bucket.port, "");
    // What is in the former place does not count in the next one, and what is loaded needs no file.
    scene.write_spec_to(&dir, &format!("s3://{}/elsewhere", scene.bucket.name), scene.bucket.port, "");
    run(&dir, &["plan"], 0, &["elsewhere"]);
    run(&dir, &["apply", "-auto-approve", "-lock-timeout=60s"], 0, &["equal"]);
    scene.is_whole().await.unwrap();
    let elsewhere = |scene: &Scene| scene.bucket.objects().iter().filter(|name| name.starts_with("elsewhere/")).count();
    assert!(!scene.files().is_empty() && elsewhere(&scene) > 0);
    run(&dir, &["destroy", "-auto-approve"], 0, &[]);
    assert_eq!((scene.files(), elsewhere(&scene)), (Vec::new(), 0));
    scene.end().await;
}
