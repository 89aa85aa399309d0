//! A state on S3 that several machines share: the program itself against MinIO and real servers. The judges are SQL on both
//! servers, and the objects in the bucket.
//!
//! `MIG_RACES=100 cargo test --test shared_state races` runs so many races, `MIG_KILLS=100 … died` kills so many jobs; `MIG_SEED`
//! begins at another seed.
#![cfg(feature = "aws")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use support::bucket::{BadLine, Bucket, command};
use support::{Bed, program, server_blocks};

const ROWS: u64 = 1500;
/// Milliseconds within which a job is killed: a whole apply takes about as long.
const LIFE: u64 = 1500;
/// A lease that no busy machine loses.
const QUIET: &str = "60s";
const TABLES: [&str; 3] = ["a", "b", "c"];

/// One migration, and machines with a folder each.
struct Team {
    bucket: Bucket,
    schema: String,
    source: Bed,
    target: Bed,
    machines: Vec<tempfile::TempDir>,
    lease: String,
}

impl Team {
    async fn new(name: &str, lease: &str) -> Self {
        let (source, target) = (Bed::mysql(), Bed::tidb());
        let schema = source.schema(name, &[]).await;
        let bucket = Bucket::new("team");
        let team = Self { bucket, schema, source, target, machines: Vec::new(), lease: lease.to_owned() };
        team.forget().await;
        for table in TABLES {
            let create = format!("CREATE TABLE {}.{table} (id INT PRIMARY KEY, v VARCHAR(80))", team.schema);
            let rows = format!(
                "INSERT INTO {}.{table} WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < {ROWS}) \
                 SELECT n, REPEAT('x', n % 80) FROM s",
                team.schema
            );
            team.source.run(&["SET SESSION cte_max_recursion_depth = 1000000", &create, &rows]).await;
        }
        team
    }

    /// A machine with an empty folder but for the spec; `port` leads to the bucket.
    fn machine(&mut self, port: u16) -> PathBuf {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_owned();
        self.machines.push(dir);
        self.write_spec(&path, port, "");
        path
    }

    fn write_spec(&self, dir: &Path, port: u16, rest: &str) {
        let schema = &self.schema;
        let text = format!(
            "{}{}migration \"m\" {{\n  source = source.mysql.from\n  target = target.{}.to\n  tables = [\"{schema}.*\"]\n  \
             gates {{\n    accept_unproven = [\"writes_stopped\"]\n  }}\n  load {{\n    batch_bytes = \"4KiB\"\n  }}\n}}\n{rest}",
            self.bucket.settings(port, &self.lease),
            server_blocks(
                (self.source.config().port, self.target.config().port),
                &self.target,
                "root",
                &format!("ml_{schema}")
            ),
            self.target.label(),
        );
        std::fs::write(dir.join("team.mig.hcl"), text).unwrap();
    }

    async fn forget(&self) {
        self.target.drop_schema(&self.schema).await;
        self.target.drop_schema(&format!("ml_{}", self.schema)).await;
    }

    /// Every row arrived once: counts, distinct keys and a sum over the values.
    async fn is_whole(&self) -> Result<(), String> {
        for table in TABLES {
            let sql = format!(
                "SELECT COUNT(*), COUNT(DISTINCT id), SUM(CRC32(CONCAT(id, ',', v))) FROM {}.{table}",
                self.schema
            );
            let (from, to) = (self.source.rows(&sql).await, self.target.rows(&sql).await);
            if from != to {
                return Err(format!("{table}: {from:?} at the source, {to:?} on the target"));
            }
        }
        Ok(())
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

/// Waits until it says so, or ends.
async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_state_in_a_bucket_serves_every_command_from_any_machine() {
    let mut team = Team::new("shared", "5s").await;
    let one = team.machine(team.bucket.port);
    run(&one, &["plan", "-detailed-exitcode"], 2, &[]);
    assert_eq!(team.bucket.objects(), Vec::<String>::new(), "a plan writes nothing");
    run(&one, &["apply", "-auto-approve"], 0, &["equal"]);
    team.is_whole().await.unwrap();
    assert!(!one.join("shop.migstate").exists() && !one.join("mig.migstate").exists());

    let two = team.machine(team.bucket.port);
    run(&two, &["plan", "-detailed-exitcode"], 0, &["No changes"]);
    run(&two, &["report"], 0, &["equal"]);
    run(&two, &["status"], 0, &["s3://"]);
    run(&two, &["state", "list"], 0, &["migration.m.report"]);
    run(&two, &["verify"], 0, &["equal"]);
    // What was there before an edit is kept beside it.
    let copy = command(&two, &["state", "pull"]).output().unwrap().stdout;
    std::fs::write(two.join("copy"), &copy).unwrap();
    run(&two, &["state", "push", "copy"], 0, &["Pushed", ".backup"]);
    run(&one, &["plan", "-detailed-exitcode"], 0, &["No changes"]);
    let objects = team.bucket.objects();
    let is_known = |name: &String| {
        let rest = name.strip_prefix("team/shop.migstate").unwrap();
        // Of a journal nothing is left but what keeps the place of an append that might still be on its way.
        ["", ".lock", ".backup", ".m.certificate.json"].contains(&rest) || rest.starts_with(".journal/")
    };
    assert!(objects.iter().all(is_known), "{objects:?}");
    assert!(objects.iter().filter(|name| name.contains(".journal/")).count() <= 4, "{objects:?}");
    run(&two, &["destroy", "-auto-approve", "-drop-target-data", "-confirm=127.0.0.1"], 0, &[]);
    run(&one, &["state", "list"], 0, &[]);
    team.end().await;
}

#[tokio::test]
async fn who_is_second_is_told_who_has_the_lock_and_since_when_it_is_silent() {
    let mut team = Team::new("second", "4s").await;
    let (one, two) = (team.machine(team.bucket.port), team.machine(team.bucket.port));
    let holder = start(&one, &["apply", "-auto-approve"]);
    // In the midst of its run: it has recorded something.
    until("a record", || team.bucket.objects().iter().any(|name| name.ends_with("/0000000003"))).await;
    program::signal(&holder, "-STOP");
    let told =
        run(&two, &["apply", "-auto-approve"], 4, &["MIG4010", "mig apply", "last sign of life", "force-unlock"]);
    let id = program::flat(&told).split("mig force-unlock ").nth(1).unwrap().split('`').next().unwrap().to_owned();
    let id = id.trim_end_matches('.').to_owned();
    run(&two, &["status"], 0, &[&id]);
    run(&two, &["force-unlock", "nobody"], 1, &["MIG4014", &id]);
    run(&two, &["force-unlock", &id], 0, &["Taken away from"]);
    let done = run(&two, &["apply", "-auto-approve", "-lock-timeout=60s"], 0, &["equal"]);
    assert!(done.contains("was taken over"), "{done}");
    program::signal(&holder, "-CONT");
    let output = holder.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", program::said(&output));
    assert!(program::said(&output).contains("MIG4015"), "{}", program::said(&output));
    team.is_whole().await.unwrap();
    run(&two, &["plan", "-detailed-exitcode"], 0, &["No changes"]);
    team.end().await;
}

#[tokio::test]
async fn a_job_that_is_cancelled_gives_its_lock_back_whatever_it_was_at() {
    let mut team = Team::new("cancelled", "60s").await;
    // The first object that a holder writes into the journal is there before it plans.
    for (name, record) in [("-TERM", ".lock"), ("-INT", "/0000000002"), ("-HUP", "")] {
        let dir = team.machine(team.bucket.port);
        let before = team.bucket.objects();
        let job = start(&dir, &["apply", "-auto-approve"]);
        let is_new = |name: &String| name.ends_with(record) && !before.contains(name);
        until(record, || team.bucket.objects().iter().any(is_new)).await;
        program::signal(&job, name);
        let output = job.wait_with_output().unwrap();
        assert!([Some(130), Some(0)].contains(&output.status.code()), "{name}: {}", program::said(&output));
        // A lease that was left would keep others out for a minute.
        let status = run(&dir, &["status", "-json"], 0, &[]);
        assert!(!status.contains("\"holder\""), "{name}: {status}");
    }
    let last = team.machine(team.bucket.port);
    run(&last, &["apply", "-auto-approve"], 0, &["equal"]);
    team.is_whole().await.unwrap();
    team.end().await;
}

/// Two machines apply at the same time. In a third of the races one is suspended for longer than its lease, in a third its
/// line to the bucket is bad.
async fn race(seed: u64) -> Vec<String> {
    let mut random = StdRng::seed_from_u64(seed);
    // Who is not disturbed must not lose its lease on a busy machine.
    let mut team = Team::new(&format!("race_{seed}"), if seed.is_multiple_of(3) { QUIET } else { "2s" }).await;
    let line = (seed % 3 == 2).then(|| BadLine::to(team.bucket.port, seed, random.random_range(20..150)));
    let ports = [line.as_ref().map_or(team.bucket.port, |line| line.port), team.bucket.port];
    let dirs = ports.map(|port| team.machine(port));
    let mut applies = Vec::new();
    for dir in &dirs {
        tokio::time::sleep(Duration::from_millis(random.random_range(0..300))).await;
        applies.push(start(dir, &["apply", "-auto-approve", "-lock-timeout=90s"]));
    }
    if seed % 3 == 1 {
        let chosen = &applies[random.random_range(0..2)];
        tokio::time::sleep(Duration::from_millis(random.random_range(50..3500))).await;
        program::signal(chosen, "-STOP");
        tokio::time::sleep(Duration::from_millis(random.random_range(4500..7000))).await;
        program::signal(chosen, "-CONT");
    }
    let outputs: Vec<Output> = applies.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    let mut faults = Vec::new();
    for output in &outputs {
        // Locked out, or the line was too bad: said, and never as a success.
        if ![Some(0), Some(1), Some(4)].contains(&output.status.code()) {
            faults.push(format!("exit {:?}: {}", output.status.code(), program::said(output)));
        }
    }
    let all = outputs.iter().all(|output| output.status.success());
    if seed.is_multiple_of(3) && !all {
        faults.push(format!("not both ended well: {}", outputs.iter().map(program::said).collect::<String>()));
    }
    // Whoever comes next finds one state, and finishes what is left.
    team.lease = QUIET.to_owned();
    let next = team.machine(team.bucket.port);
    let output = command(&next, &["apply", "-auto-approve", "-lock-timeout=90s"]).output().unwrap();
    if !output.status.success() {
        faults.push(format!("the next one: {}", program::said(&output)));
    }
    if let Err(difference) = team.is_whole().await {
        faults.push(difference);
    }
    let plan = command(&next, &["plan", "-detailed-exitcode"]).output().unwrap();
    if plan.status.code() != Some(0) {
        faults.push(format!("then a plan says: {}", program::said(&plan)));
    }
    let fired = line.as_ref().map_or(0, BadLine::fired);
    let ends: Vec<_> = outputs.iter().map(|output| output.status.code()).collect();
    println!("seed {seed}: ended with {ends:?}, {fired} faults of the line");
    drop(line);
    team.end().await;
    faults.into_iter().map(|fault| format!("seed {seed}: {fault}")).collect()
}

#[tokio::test]
async fn races_for_one_state_have_one_writer_and_lose_and_double_nothing() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("MIG_SEED").unwrap_or(1);
    let mut faults = Vec::new();
    for seed in first..first + number("MIG_RACES").unwrap_or(6) {
        faults.extend(race(seed).await);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A job is killed and its folder is gone with its machine; the next job begins in an empty folder. The dump files were
/// there, so their tables are dumped again; the ledger on the target says what must not be loaded twice. Gives how many jobs
/// died, and what is wrong.
async fn life(seed: u64) -> (u64, Vec<String>) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut team = Team::new(&format!("life_{seed}"), "2s").await;
    let port = team.bucket.port;
    let mut faults = Vec::new();
    let mut deaths = 0;
    for _ in 0..random.random_range(1..4) {
        let dir = team.machine(port);
        let mut job = start(&dir, &["apply", "-auto-approve", "-lock-timeout=60s"]);
        tokio::time::sleep(Duration::from_millis(random.random_range(50..LIFE))).await;
        let _ = job.kill();
        let output = job.wait_with_output().unwrap();
        if output.status.code().is_none() {
            deaths += 1;
        } else if !output.status.success() {
            faults.push(format!("a job ended with {:?}: {}", output.status.code(), program::said(&output)));
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }
    team.lease = QUIET.to_owned();
    let last = team.machine(port);
    let output = command(&last, &["apply", "-auto-approve", "-lock-timeout=60s"]).output().unwrap();
    if !output.status.success() {
        faults.push(format!("the last job: {}", program::said(&output)));
    }
    if let Err(difference) = team.is_whole().await {
        faults.push(difference);
    }
    for (arguments, expected) in [(&["plan", "-detailed-exitcode"][..], 0), (&["verify"], 0)] {
        let output = command(&last, arguments).output().unwrap();
        if output.status.code() != Some(expected) {
            faults.push(format!("{arguments:?}: {}", program::said(&output)));
        }
    }
    println!("seed {seed}: {deaths} jobs were killed");
    team.end().await;
    (deaths, faults.into_iter().map(|fault| format!("seed {seed}: {fault}")).collect())
}

#[tokio::test]
async fn a_job_that_died_with_its_folder_is_continued_from_an_empty_one() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let kills = number("MIG_KILLS").unwrap_or(3);
    let (mut seed, mut killed, mut faults) = (number("MIG_SEED").unwrap_or(1), 0, Vec::new());
    while killed < kills {
        let (deaths, wrong) = life(seed).await;
        killed += deaths;
        faults.extend(wrong);
        seed += 1;
    }
    println!("{killed} jobs were killed");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
