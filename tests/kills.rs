//! A migration that is killed again and again, and whose lines go bad, ends with every row once: SIGKILL at random
//! instants of dump, load and verify, faults of the connections to either server, kills of the target. One table has a
//! key, one has none.
//!
//! `MIG_KILLS=100 cargo test --test kills` strikes so often, shared out among the tests; `MIG_SEED=…`, printed by each
//! run, draws the same strikes again. `MIG_KILLS_LIGHTNING=1` also kills TiDB Lightning, which moves the same table, and
//! prints how many rows are then there twice: no assertion, a comparison.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use support::proxy::{Fault, Proxy};
use support::{Bed, program, texts};

/// Rows of each table.
const ROWS: u64 = 12_000;
/// About what a whole journey sends over a line.
const BYTES: u64 = 3 << 20;
/// One is cut beforehand, one is read in one go, with an empty one behind it.
const PARTITIONS: &str = "PARTITION BY RANGE (id) (PARTITION a VALUES LESS THAN (9000), PARTITION b VALUES LESS THAN (12001), \
                          PARTITION c VALUES LESS THAN MAXVALUE)";
/// No run may take longer: a line that has gone silent is found out long before.
const LONGEST_RUN: Duration = Duration::from_secs(300);

/// By then TiDB has committed or dropped what it was told before its lines ended. Its embedded storage holds what is
/// prewritten in memory alone (pkg/store/mockstore/unistore/tikv/write.go) and, killed between the first key of a
/// transaction and the others, loses a part of it. TiKV does not, and this test is not about it.
const SETTLED: Duration = Duration::from_millis(300);

/// One migration: its folder, its two servers, and the lines to them.
struct Journey {
    dir: tempfile::TempDir,
    schema: String,
    ledger: String,
    source: Bed,
    target: Bed,
    to_source: Proxy,
    to_target: Proxy,
    random: StdRng,
    /// How long a run takes that nothing strikes.
    calm: Duration,
    strikes: u32,
    runs: u32,
    /// Where the target is this journey's own, it is killed in every second run: how often it was.
    target_kills: Option<u32>,
    /// The target goes back to an earlier state between the runs, which may then end with 6.
    restores: u32,
    /// Dump files stay when their rows are loaded.
    keeps: bool,
    /// How the rows of the table without a key went in.
    form: String,
}

impl Journey {
    /// `dump` is lines of the spec's block of that name; `partitions` of the table with a key.
    async fn new(name: &str, target: Bed, dump: &str, partitions: &str) -> Self {
        let seed = number("MIG_SEED").unwrap_or(20_260_101);
        println!("{name}: MIG_SEED={seed} MIG_KILLS={}", number("MIG_KILLS").unwrap_or(DEFAULT_KILLS));
        let numbers = format!(
            "(WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < {ROWS}) SELECT n FROM s) q"
        );
        let source = Bed::mysql();
        let schema = source
            .schema(
                &format!("kills_{name}"),
                &[
                    "SET SESSION cte_max_recursion_depth = 1000000",
                    &format!(
                        "CREATE TABLE keyed (id INT PRIMARY KEY, v VARCHAR(200), d DECIMAL(20,6)) COLLATE utf8mb4_bin \
                         {partitions}"
                    ),
                    &format!("INSERT INTO keyed SELECT n, CONCAT('é\\t', SHA2(n, 256), n), n / 7 FROM {numbers}"),
                    "CREATE TABLE keyless (n INT, b VARCHAR(200)) COLLATE utf8mb4_general_ci",
                    &format!("INSERT INTO keyless SELECT n, CONCAT('tab\\t', SHA2(n % 70, 256)) FROM {numbers}"),
                    "ANALYZE TABLE keyed",
                ],
            )
            .await;
        let ledger = format!("ml_{schema}");
        target.drop_schema(&schema).await;
        target.drop_schema(&ledger).await;
        let (to_source, to_target) = (Proxy::to(source.config().port), Proxy::to(target.config().port));
        let kind = if target.kind == "tidb" { "tidb" } else { "mysql" };
        let spec = format!(
            r#"
source "mysql" "from" {{
  host     = "127.0.0.1"
  port     = {}
  username = "root"
  tls {{
    mode = "disabled"
  }}
}}
target "{kind}" "to" {{
  host          = "127.0.0.1"
  port          = {}
  username      = "root"
  ledger_schema = "{ledger}"
  tls {{
    mode = "disabled"
  }}
}}
migration "m" {{
  source = source.mysql.from
  target = target.{kind}.to
  tables = ["{schema}.*"]
  gates {{
    # Other tests write to the same server.
    accept_unproven = ["writes_stopped"]
  }}
  dump {{
    chunk_bytes = "64KiB"
    file_size   = "256KiB"
    {dump}
  }}
  load {{
    batch_bytes = "32KiB"
  }}
}}
"#,
            to_source.port, to_target.port,
        );
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("trial.mig.hcl"), spec).unwrap();
        let random = StdRng::seed_from_u64(seed ^ name.bytes().fold(0, |sum, byte| sum * 31 + u64::from(byte)));
        let mut journey = Self {
            dir,
            schema,
            ledger,
            source,
            target,
            to_source,
            to_target,
            random,
            calm: Duration::ZERO,
            strikes: 0,
            runs: 0,
            target_kills: None,
            restores: 0,
            keeps: !dump.contains("keep = false"),
            form: String::new(),
        };
        let began = Instant::now();
        journey.ends(&[]);
        journey.calm = began.elapsed();
        println!("{name}: nothing struck, a run took {:.1} s", journey.calm.as_secs_f64());
        journey.assert_every_row_once().await;
        let manifest = format!(".mig/work/m/dump/manifest/{}.keyed.json", journey.schema);
        let manifest = std::fs::read_to_string(journey.path(&manifest)).unwrap();
        assert_eq!(manifest.contains("\"partitions\""), !partitions.is_empty(), "{manifest}");
        let state = std::fs::read(journey.path("mig.migstate")).unwrap();
        let state: serde_json::Value = serde_json::from_slice(&state).unwrap();
        let load = format!("migration.m.load[\"{}.keyless\"]", journey.schema);
        journey.form = state["steps"][load]["outputs"]["form"].as_str().unwrap().to_owned();
        journey.forget().await;
        journey
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn start(&mut self, more: &[&str]) -> Child {
        self.runs += 1;
        let log = std::fs::File::create(self.path(&format!("run.{}.log", self.runs))).unwrap();
        program::command(self.dir.path(), &["apply", "-auto-approve"])
            .args(more)
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// What the last run said.
    fn said(&self) -> String {
        std::fs::read_to_string(self.path(&format!("run.{}.log", self.runs))).unwrap()
    }

    /// Waits for the run's end.
    fn wait(&self, mut child: Child) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            if began.elapsed() > LONGEST_RUN {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("the run hangs\n{}", self.said());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A run that nothing strikes comes to its end.
    fn ends(&mut self, more: &[&str]) {
        let child = self.start(more);
        let status = self.wait(child);
        assert_eq!(status.code(), Some(0), "{}", self.said());
    }

    /// A run that nothing strikes: true when it came to its end, false when it named what a restored target lacks.
    fn struck_calmly(&mut self, more: &[&str]) -> bool {
        let child = self.start(more);
        let code = self.wait(child).code();
        assert!(code == Some(0) || self.names_a_lack(code), "{}", self.said());
        code == Some(0)
    }

    /// Whether the last run named what a restored target lacks: rows of finished loads, or a whole load that was begun anew.
    fn names_a_lack(&self, code: Option<i32>) -> bool {
        let said = self.said();
        (code == Some(6) && said.contains("MIG603")) || said.contains("error[MIG5146]")
    }

    /// One run under fire. True when it came to its end all the same.
    fn struck(&mut self, more: &[&str]) -> bool {
        let within = self.calm.mul_f64(1.2);
        let mut armed = [Vec::new(), Vec::new()];
        // Kill, bad lines, or both.
        let kind = self.random.random_range(0..10);
        if kind >= 5 {
            for _ in 0..self.random.random_range(1..=3) {
                armed[self.random.random_range(0..2)].push(Fault::random(&mut self.random, BYTES));
            }
        }
        self.to_source.arm(&armed[0]);
        self.to_target.arm(&armed[1]);
        let killed = (kind < 7).then(|| within.mul_f64(self.random.random()));
        let began = Instant::now();
        let mut child = self.start(more);
        let mut happened = Vec::new();
        if let Some(kills) = self.target_kills.filter(|_| self.runs % 2 == 1) {
            self.target_kills = Some(kills + 1);
            std::thread::sleep(within.mul_f64(self.random.random::<f64>() * 0.8));
            if self.target.kind == "tidb" {
                self.to_target.down();
                std::thread::sleep(SETTLED);
            }
            self.target.server_script("kill");
            happened.push(format!("target killed in {}", self.phase()));
            self.target.server_script("restart");
            self.to_target.up(self.target.config().port);
        } else if let Some(after) = killed {
            std::thread::sleep(after);
            if child.try_wait().unwrap().is_none() {
                child.kill().unwrap();
                happened.push(format!("killed in {}", self.phase()));
            }
        }
        let status = self.wait(child);
        self.to_source.arm(&[]);
        self.to_target.arm(&[]);
        for (line, proxy) in [("source", &self.to_source), ("target", &self.to_target)] {
            happened.extend(proxy.fired().into_iter().map(|fault| format!("{line}: {fault}")));
        }
        let code = status.code();
        println!("  run {}, {:.1} s: {} -> {code:?}", self.runs, began.elapsed().as_secs_f64(), happened.join("; "));
        self.strikes += happened.len() as u32;
        // A fault is either lived with or ends the run in order; 5 where a gate could not look. What a restored target
        // lacks is loaded again, or named.
        let lacks = self.restores > 0 && self.names_a_lack(code);
        assert!(matches!(code, None | Some(0 | 1 | 5)) || lacks, "{}", self.said());
        assert!(!happened.is_empty() || code == Some(0) || lacks, "{}", self.said());
        code == Some(0)
    }

    /// Which kinds of steps had begun and not ended when the journal was written last.
    fn phase(&self) -> String {
        let journal = std::fs::read_to_string(self.path("mig.migstate.journal")).unwrap_or_default();
        let mut running = BTreeMap::new();
        for frame in journal.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()) {
            for record in frame["records"].as_array().unwrap() {
                for (what, of) in record.as_object().into_iter().flatten() {
                    let addr = of["addr"].as_str().unwrap_or_default().to_owned();
                    match what.as_str() {
                        "start" => drop(running.insert(addr, of["kind"].as_str().unwrap_or_default().to_owned())),
                        "done" | "failed" => drop(running.remove(&addr)),
                        _ => {}
                    }
                }
            }
        }
        let kinds: BTreeSet<String> = running.into_values().collect();
        if kinds.is_empty() { "no step".to_owned() } else { Vec::from_iter(kinds).join("+") }
    }

    /// Runs under fire until `strikes` more have hit, over as many journeys as that takes; each is looked at.
    async fn under_fire(&mut self, strikes: u32) {
        let aim = self.strikes + strikes;
        let mut journeys = 1;
        while self.strikes < aim || self.target_kills == Some(0) {
            let ended = self.struck(&[]);
            if ended && self.strikes < aim {
                self.assert_every_row_once().await;
                self.forget().await;
                journeys += 1;
            }
        }
        println!("{} strikes in {} runs of {journeys} journeys", self.strikes, self.runs);
        self.ends(&[]);
        self.assert_every_row_once().await;
    }

    async fn ask(&self, bed: &Bed, sql: &str) -> Vec<Vec<String>> {
        let sql = sql.replace("DB", &self.schema);
        bed.rows(&sql).await
    }

    /// By queries of the test's own: none lost, none twice, all the same; and the certificate and the folder say so.
    async fn assert_every_row_once(&self) {
        for (table, key) in [("keyed", "id"), ("keyless", "n")] {
            let twice = format!("SELECT {key}, COUNT(*) FROM DB.{table} GROUP BY {key} HAVING COUNT(*) > 1 LIMIT 5");
            assert_eq!(self.ask(&self.target, &twice).await, Vec::<Vec<String>>::new(), "{table}: rows twice");
            let count = format!("SELECT COUNT(*), COUNT(DISTINCT {key}), MIN({key}), MAX({key}) FROM DB.{table}");
            let expected: Vec<String> = [ROWS, ROWS, 1, ROWS].iter().map(u64::to_string).collect();
            assert_eq!(self.ask(&self.target, &count).await, [expected], "{table}: rows lost");
        }
        for sql in [
            "SELECT SUM(CRC32(CONCAT_WS('/', id, v, d))) FROM DB.keyed",
            "SELECT SUM(CRC32(CONCAT_WS('/', n, b))) FROM DB.keyless",
        ] {
            assert_eq!(self.ask(&self.source, sql).await, self.ask(&self.target, sql).await, "{sql}");
        }
        let certificate = std::fs::read(self.path("mig.migstate.m.certificate.json")).unwrap();
        let certificate: serde_json::Value = serde_json::from_slice(&certificate).unwrap();
        let tables = certificate["tables"].as_array().unwrap();
        assert_eq!(tables.len(), 2, "{certificate:#}");
        for table in tables {
            assert_eq!(table["equal"], true, "{certificate:#}");
        }
        assert!(!self.path("mig.migstate.journal").exists());
        let state = std::fs::read(self.path("mig.migstate")).unwrap();
        serde_json::from_slice::<serde_json::Value>(&state).unwrap();
        let rows = |file: &PathBuf| {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            name.contains(".sql") && !name.contains("-schema")
        };
        let stray = |file: &PathBuf| file.extension().is_some_and(|e| e == "part") || (!self.keeps && rows(file));
        let left: Vec<PathBuf> = walk(self.dir.path()).into_iter().filter(stray).collect();
        assert_eq!(left, Vec::<PathBuf>::new());
    }

    /// As if nothing had been moved.
    async fn forget(&self) {
        self.target.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.ledger).await;
        std::fs::remove_dir_all(self.path(".mig")).unwrap();
        for file in walk(self.dir.path()) {
            if file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("mig.migstate")) {
                std::fs::remove_file(file).unwrap();
            }
        }
    }

    async fn end(self) {
        self.source.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.ledger).await;
    }
}

const DEFAULT_KILLS: u64 = 14;

/// How often this test strikes: its share in a hundred.
fn kills(share: u64) -> u32 {
    (number("MIG_KILLS").unwrap_or(DEFAULT_KILLS) * share).div_ceil(100) as u32
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Every file below a folder.
fn walk(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        if entry.path().is_dir() {
            files.extend(walk(&entry.path()));
        } else {
            files.push(entry.path());
        }
    }
    files
}

#[tokio::test]
async fn kills_and_bad_lines_lose_no_row_and_double_none() {
    let mut journey = Journey::new("files", Bed::tidb(), "", "").await;
    journey.under_fire(kills(35)).await;
    journey.end().await;
}

#[tokio::test]
async fn so_it_is_with_packed_files_that_are_removed_once_they_are_loaded() {
    // The dump is slow enough to be met by kills as often as the load.
    let dump = "keep = false\n    compress = \"zstd\"\n    rate_limit = \"400KiB\"";
    let mut journey = Journey::new("removed", Bed::tidb(), dump, PARTITIONS).await;
    journey.under_fire(kills(20)).await;
    journey.end().await;
}

#[tokio::test]
async fn so_it_is_where_rows_go_in_by_insert_and_the_target_is_killed_too() {
    let folder = tempfile::tempdir().unwrap();
    let target = Bed::private("tidb", folder.path().join("tidb"));
    target.run(&["SET GLOBAL local_infile = 0"]).await;
    let mut journey = Journey::new("inserts", target, "", "").await;
    assert_eq!(journey.form, "insert");
    journey.target_kills = Some(0);
    journey.under_fire(kills(15)).await;
    journey.target.server_script("kill");
    journey.source.drop_schema(&journey.schema).await;
}

#[tokio::test]
async fn so_it_is_with_a_mysql_that_is_killed_as_the_target() {
    let folder = tempfile::tempdir().unwrap();
    let target = Bed::private("mysql", folder.path().join("mysql"));
    let mut journey = Journey::new("mysql", target, "", PARTITIONS).await;
    journey.target_kills = Some(0);
    journey.under_fire(kills(15)).await;
    journey.target.server_script("kill");
    journey.source.drop_schema(&journey.schema).await;
}

#[tokio::test]
async fn a_table_that_is_loaded_or_dumped_anew_under_fire_has_every_row_once() {
    let mut journey = Journey::new("anew", Bed::tidb(), "", "").await;
    journey.ends(&[]);
    let aim = kills(15);
    while journey.strikes < aim {
        let step = ["load", "dump"][journey.random.random_range(0..2)];
        let table = ["keyed", "keyless"][journey.random.random_range(0..2)];
        let replace = format!("-replace=migration.m.{step}[\"{}.{table}\"]", journey.schema);
        println!("  {replace}");
        let mut ended = journey.struck(&[&replace, "-confirm=127.0.0.1"]);
        while !ended && journey.strikes < aim {
            // With or without naming it again: what was interrupted stays owed.
            let again = journey.random.random_range(0..3) == 0;
            let more = if again { vec![replace.as_str(), "-confirm=127.0.0.1"] } else { vec!["-confirm=127.0.0.1"] };
            ended = journey.struck(&more);
        }
        if !ended {
            journey.ends(&["-confirm=127.0.0.1"]);
        }
        journey.assert_every_row_once().await;
    }
    journey.end().await;
}

/// A backup of the whole target, taken at one time and put back at another: what was loaded in between is gone, rows and
/// ledger together.
#[tokio::test]
async fn a_target_that_is_restored_between_strikes_gets_every_row_or_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let target = Bed::private("mysql", folder.path().join("mysql"));
    let (data, backup) = (target.dir.join("data"), folder.path().join("backup"));
    let copy = |from: &Path, to: &Path| {
        let _ = std::fs::remove_dir_all(to);
        assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
    };
    let mut journey = Journey::new("restored", target, "", PARTITIONS).await;
    let aim = kills(15);
    let mut named = 0;
    while journey.strikes < aim || journey.restores < 2 {
        let ended = journey.struck(&["-confirm=127.0.0.1"]);
        if ended {
            journey.assert_every_row_once().await;
            if journey.random.random_range(0..3) > 0 {
                // The next journey is one of another lineage: a backup of this one is not an earlier state of it.
                journey.forget().await;
                let _ = std::fs::remove_dir_all(&backup);
            }
        } else if journey.names_a_lack(Some(6)) {
            named += 1;
            let anew = |table| format!("-replace=migration.m.dump[\"{}.{table}\"]", journey.schema);
            let (one, other) = (anew("keyed"), anew("keyless"));
            journey.ends(&[&one, &other, "-confirm=127.0.0.1"]);
            journey.assert_every_row_once().await;
        }
        journey.target.server_script("stop");
        if backup.exists() && journey.random.random_range(0..3) > 0 {
            copy(&backup, &data);
            journey.restores += 1;
            println!("  restored");
        } else {
            copy(&data, &backup);
            println!("  backed up");
        }
        journey.target.server_script("restart");
        journey.to_target.up(journey.target.config().port);
    }
    println!("{} strikes, {} restores, {named} runs that named what is missing", journey.strikes, journey.restores);
    if !journey.struck_calmly(&["-confirm=127.0.0.1"]) {
        let anew = |table| format!("-replace=migration.m.dump[\"{}.{table}\"]", journey.schema);
        let (one, other) = (anew("keyed"), anew("keyless"));
        journey.ends(&[&one, &other, "-confirm=127.0.0.1"]);
    }
    journey.assert_every_row_once().await;
    journey.target.server_script("kill");
    journey.source.drop_schema(&journey.schema).await;
}

/// TiDB Lightning in the same harness: killed in the middle and started again, as its users do. Prints, asserts nothing.
#[tokio::test]
async fn lightning_is_killed_beside_it_where_that_is_asked_for() {
    if number("MIG_KILLS_LIGHTNING").is_none() {
        return;
    }
    let bin = PathBuf::from(std::env::var_os("MIG_TEST_BIN").expect("no folder of programs: run by `make test`"));
    let mut random = StdRng::seed_from_u64(number("MIG_SEED").unwrap_or(20_260_101));
    let folder = tempfile::tempdir().unwrap();
    let target = Bed::private("tidb", folder.path().join("tidb"));
    let schema = format!("mt_{}_lightning", std::process::id());
    let (files, rows, trials) = (12, 300_000, 4);
    let dump = folder.path().join("dump");
    std::fs::create_dir(&dump).unwrap();
    std::fs::write(dump.join(format!("{schema}-schema-create.sql")), format!("CREATE DATABASE `{schema}`;\n")).unwrap();
    let ddl = "CREATE TABLE `keyless` (`n` INT, `b` VARCHAR(200));\n";
    std::fs::write(dump.join(format!("{schema}.keyless-schema.sql")), ddl).unwrap();
    for file in 0..files {
        let per_file = rows / files;
        let mut text = String::new();
        for n in file * per_file..(file + 1) * per_file {
            let first = n % 2_000 == 0;
            text += if first { "INSERT INTO `keyless` VALUES\n" } else { ",\n" };
            text += &format!("({n},'{:0>64x}')", n * 7_919);
            text += if n % 2_000 == 1_999 { ";\n" } else { "" };
        }
        std::fs::write(dump.join(format!("{schema}.keyless.{file:09}.sql")), text).unwrap();
    }
    let status_port = std::fs::read_to_string(target.dir.join("env")).unwrap();
    let status_port = status_port.lines().find_map(|line| line.strip_prefix("STATUS_PORT=")).unwrap().to_owned();
    for trial in 1..=trials {
        target.drop_schema(&schema).await;
        let checkpoint = folder.path().join(format!("checkpoint{trial}.pb"));
        let config = format!(
            "[tikv-importer]\nbackend = \"tidb\"\n[mydumper]\ndata-source-dir = {dump:?}\n[checkpoint]\nenable = true\n\
             driver = \"file\"\ndsn = {checkpoint:?}\n[tidb]\nhost = \"127.0.0.1\"\nport = {}\nstatus-port = {status_port}\n\
             user = \"root\"\n",
            target.config().port,
        );
        let config_file = folder.path().join("lightning.toml");
        std::fs::write(&config_file, config).unwrap();
        let start = || {
            Command::new(bin.join("tidb-lightning"))
                .args(["-log-file".as_ref(), folder.path().join("lightning.log").as_os_str()])
                .args(["-config".as_ref(), config_file.as_os_str()])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        };
        let count = format!("SELECT COUNT(*), COUNT(DISTINCT n) FROM `{schema}`.keyless");
        let ask = async || {
            let mut connection = target.server().connect(&support::write_role()).await.unwrap();
            connection.query(&count).await.map(|rows| texts(&rows)[0].clone()).unwrap_or_default()
        };
        let mut child = start();
        let part = random.random_range(rows / 10..rows * 8 / 10);
        while child.try_wait().unwrap().is_none() {
            let there = ask().await.first().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
            if there >= part {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = child.kill();
        child.wait().unwrap();
        let status = start().wait().unwrap();
        let there = ask().await;
        let twice = match there.as_slice() {
            [all, distinct] => all.parse::<i64>().unwrap() - distinct.parse::<i64>().unwrap(),
            _ => 0,
        };
        println!("Lightning, trial {trial}: exit {:?}, {there:?} of {rows} rows, {twice} twice", status.code());
    }
    target.server_script("kill");
}
