//! Evidence that outlives what it speaks of: a target that is restored or written to between two runs, a verification
//! whose load was done again, a source that is read too early. The program itself against real servers; the judge is SQL
//! on both.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use support::{Bed, program, server_blocks};

/// One test's world: a schema of one name on both servers, and a spec that selects it.
struct Trial {
    dir: tempfile::TempDir,
    schema: String,
    source: Bed,
    target: Bed,
}

/// What a spec of a test has besides.
#[derive(Clone, Default)]
struct Settings {
    dump: String,
    load: &'static str,
    verify: &'static str,
}

const APPLY: &[&str] = &["apply", "-auto-approve"];

impl Trial {
    async fn new(name: &str, settings: Settings) -> Self {
        Self::between(name, Bed::mysql(), Bed::tidb(), settings).await
    }

    async fn between(name: &str, source: Bed, target: Bed, settings: Settings) -> Self {
        let schema = source.schema(name, &[]).await;
        target.drop_schema(&schema).await;
        target.drop_schema(&format!("ml_{schema}")).await;
        target.drop_schema(&format!("old_{schema}")).await;
        let trial = Self { dir: tempfile::tempdir().unwrap(), schema, source, target };
        trial.spec(&settings);
        trial
    }

    fn spec(&self, settings: &Settings) {
        let block = |name: &str, lines: &str| format!("  {name} {{\n    {lines}\n  }}\n");
        let ports = (self.source.config().port, self.target.config().port);
        let text = format!(
            "{}migration \"m\" {{\n  source = source.mysql.from\n  target = target.{}.to\n  tables = [\"{}.*\"]\n{}{}{}{}}}\n",
            server_blocks(ports, &self.target, "root", &format!("ml_{}", self.schema)),
            self.target.label(),
            self.schema,
            block("gates", "accept_unproven = [\"writes_stopped\"]"),
            block("dump", &settings.dump.replace("DB", &self.schema)),
            block("load", settings.load),
            block("verify", settings.verify),
        );
        std::fs::write(self.path("trial.mig.hcl"), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self, arguments: &[&str], expected: i32, told: &[&str]) -> String {
        program::run(self.dir.path(), arguments, expected, told)
    }

    fn start(&self, arguments: &[&str]) -> Child {
        program::command(self.dir.path(), arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// The address of a table's step, for `-replace`.
    fn replace(&self, kind: &str, table: &str) -> String {
        format!("-replace=migration.m.{kind}[\"{}.{table}\"]", self.schema)
    }

    /// Runs statements on a server; `DB` is the schema, `SEQ(n)` numbers from 1 to n.
    async fn on(&self, bed: &Bed, statements: &[&str]) {
        let mut all = vec!["SET SESSION cte_max_recursion_depth = 1000000".to_owned()];
        if bed.kind == "mariadb" {
            all.clear();
        }
        all.extend(statements.iter().map(|sql| self.text(sql)));
        bed.run(&all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }

    fn text(&self, sql: &str) -> String {
        let sql = sql.replace("DB", &self.schema);
        let Some((before, rest)) = sql.split_once("SEQ(") else { return sql };
        let (to, after) = rest.split_once(')').unwrap();
        format!(
            "{before}(WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < {to}) SELECT n FROM s) q{after}"
        )
    }

    async fn ask(&self, bed: &Bed, sql: &str) -> String {
        bed.rows(&self.text(sql)).await[0].join(",")
    }

    /// Rows of the ledger.
    async fn loaded(&self) -> u64 {
        let sql =
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'ml_DB' AND table_name = 'batches'";
        if self.ask(&self.target, sql).await == "0" {
            return 0;
        }
        self.ask(&self.target, "SELECT COALESCE(SUM(`rows`), 0) FROM ml_DB.batches").await.parse().unwrap()
    }

    async fn until_loaded(&self, child: &mut Child, rows: u64) {
        for _ in 0..3_000 {
            if self.loaded().await >= rows {
                return;
            }
            assert!(child.try_wait().unwrap().is_none(), "it ended before {rows} rows were loaded");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{rows} rows were never loaded");
    }

    /// Waits until the journal has so many records of a kind about a step.
    async fn until_recorded(&self, child: &mut Child, kind: &str, step: &str, times: usize) {
        let step = format!("migration.m.{}", step.replace("DB", &self.schema)).replace('"', "\\\"");
        for _ in 0..3_000 {
            let journal = std::fs::read_to_string(self.path("mig.migstate.journal")).unwrap_or_default();
            if journal.matches(&format!("{{\"{kind}\":{{\"addr\":\"{step}\"")).count() >= times {
                return;
            }
            assert!(child.try_wait().unwrap().is_none(), "it ended before {times} {kind} of {step}\n{journal}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never {times} times {kind} of {step}");
    }

    fn certificate(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.path("mig.migstate.m.certificate.json")).unwrap()).unwrap()
    }

    async fn assert_same(&self, sql: &str) {
        assert_eq!(self.ask(&self.source, sql).await, self.ask(&self.target, sql).await, "{sql}");
    }

    async fn end(self) {
        self.source.drop_schema(&self.schema).await;
        for schema in [self.schema.clone(), format!("ml_{}", self.schema), format!("old_{}", self.schema)] {
            self.target.drop_schema(&schema).await;
        }
    }
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

const KEYED: &str = "CREATE TABLE DB.keyed (id INT PRIMARY KEY, v VARCHAR(400)) COLLATE utf8mb4_bin";
const KEYLESS: &str = "CREATE TABLE DB.keyless (id INT, v VARCHAR(400)) COLLATE utf8mb4_bin";
const KEYED_SUM: &str = "SELECT COUNT(*), SUM(id), SUM(CRC32(v)) FROM DB.keyed";
const KEYLESS_SUM: &str = "SELECT COUNT(*), SUM(id), SUM(CRC32(v)) FROM DB.keyless";

/// Runs until some rows are in, keeps what the target holds then, and is killed later; then the target holds that again:
/// rows and ledger together, as after a restore or behind a failover.
async fn restored_in_the_midst(trial: &Trial) {
    trial.on(&trial.source, &[KEYED, "INSERT INTO DB.keyed SELECT n, REPEAT('é', 100) FROM SEQ(6000)"]).await;
    let mut child = trial.start(APPLY);
    trial.until_loaded(&mut child, 900).await;
    program::signal(&child, "-STOP");
    // A COMMIT that is on its way arrives.
    tokio::time::sleep(Duration::from_millis(300)).await;
    trial
        .on(
            &trial.target,
            &[
                "CREATE DATABASE old_DB",
                "CREATE TABLE old_DB.keyed LIKE DB.keyed",
                "INSERT INTO old_DB.keyed SELECT * FROM DB.keyed",
                "CREATE TABLE old_DB.batches LIKE ml_DB.batches",
                "INSERT INTO old_DB.batches SELECT * FROM ml_DB.batches",
            ],
        )
        .await;
    program::signal(&child, "-CONT");
    trial.until_loaded(&mut child, 3_500).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    kill(child);
    restore(trial).await;
}

async fn restore(trial: &Trial) {
    trial
        .on(
            &trial.target,
            &[
                "DELETE FROM DB.keyed",
                "INSERT INTO DB.keyed SELECT * FROM old_DB.keyed",
                "DELETE FROM ml_DB.batches",
                "INSERT INTO ml_DB.batches SELECT * FROM old_DB.batches",
            ],
        )
        .await;
}

fn slow(more: &str) -> Settings {
    let dump = format!("chunk_bytes = \"64KiB\"\n    rate_limit = \"350KiB\"\n    threads = 1\n    {more}");
    Settings { dump, ..Settings::default() }
}

#[tokio::test]
async fn a_target_that_was_restored_between_two_runs_gets_again_what_its_ledger_lacks() {
    for verify in ["mode = \"full\"", "mode = \"none\""] {
        let trial = Trial::new("restored", Settings { verify, ..slow("") }).await;
        restored_in_the_midst(&trial).await;
        trial.run(APPLY, 0, &[]);
        assert_eq!(trial.ask(&trial.target, "SELECT COUNT(*) FROM DB.keyed").await, "6000", "{verify}");
        trial.assert_same(KEYED_SUM).await;
        assert_eq!(trial.loaded().await, 6_000);
        trial.end().await;
    }
}

#[tokio::test]
async fn what_a_restored_target_lacks_and_no_file_holds_is_named_with_the_way_on() {
    let trial = Trial::new("no_files", slow("keep = false")).await;
    restored_in_the_midst(&trial).await;
    let hint = format!("-replace='migration.m.dump[\"{}.keyed\"]'", trial.schema);
    trial.run(APPLY, 6, &["MIG6030", "keep = false", &hint]);
    trial.run(&[APPLY, &[&trial.replace("dump", "keyed")]].concat(), 0, &["equal"]);
    trial.assert_same(KEYED_SUM).await;
    trial.end().await;
}

#[tokio::test]
async fn a_target_that_goes_back_in_time_during_the_load_or_after_it_is_found_before_the_certificate() {
    // The other table keeps the run going when the first one is through.
    let settings = slow("where = {\n      \"DB.keyless\" = \"SLEEP(0.003) = 0\"\n    }");
    let dump = settings.dump.replace("threads = 1", "threads = 2");
    let trial = Trial::new("back", Settings { verify: "mode = \"none\"", dump, ..settings }).await;
    trial.on(&trial.source, &[KEYLESS, "INSERT INTO DB.keyless SELECT n, REPEAT('x', 300) FROM SEQ(3000)"]).await;
    restored_in_the_midst(&trial).await;
    let mut child = trial.start(APPLY);
    trial.until_recorded(&mut child, "done", "load[\"DB.keyed\"]", 1).await;
    restore(&trial).await;
    assert_eq!(child.wait().unwrap().code(), Some(6));
    assert_eq!(trial.certificate()["verdict"], "different");
    // The plan sees it, too, also where only the hashes differ.
    trial.run(&["plan", "-detailed-exitcode"], 2, &["restored from a backup?"]);
    trial.run(APPLY, 0, &[]);
    trial.assert_same(KEYED_SUM).await;
    let other = "UPDATE ml_DB.batches SET hash = hash + 1 WHERE tbl LIKE '%keyed' AND chunk = 1";
    trial.on(&trial.target, &[other]).await;
    trial.run(&["plan", "-detailed-exitcode"], 2, &["6000 rows of 6000, not the same ones"]);
    trial.end().await;
}

#[tokio::test]
async fn rows_that_go_between_two_runs_are_found_whoever_verified_them_before() {
    // Each row takes its time where the source is read, so that a verification is met at work.
    let slow_source = || {
        Settings {
        dump: "chunk_bytes = \"16KiB\"\n    threads = 2\n    where = {\n      \"DB.keyless\" = \"SLEEP(0.002) = 0\"\n    }".into(),
        ..Settings::default()
    }
    };
    // By table whose rows go; the code that the next run ends with.
    for (name, code) in [("keyless", "MIG6001"), ("keyed", "MIG6032")] {
        let trial = Trial::new("between", slow_source()).await;
        for sql in [KEYED, KEYLESS] {
            trial.on(&trial.source, &[sql]).await;
        }
        trial.on(&trial.source, &["INSERT INTO DB.keyed SELECT n, 'x' FROM SEQ(500)"]).await;
        trial.on(&trial.source, &["INSERT INTO DB.keyless SELECT n % 7, 'x' FROM SEQ(1500)"]).await;
        let mut child = trial.start(APPLY);
        trial.until_recorded(&mut child, "done", "verify[\"DB.keyed\"]", 1).await;
        trial.until_recorded(&mut child, "done", "load[\"DB.keyless\"]", 1).await;
        tokio::time::sleep(Duration::from_millis(1_000)).await;
        kill(child);
        trial.on(&trial.target, &[&format!("DELETE FROM DB.{name} LIMIT 100")]).await;
        trial.run(APPLY, 6, &[code, &format!("{}.{name}", trial.schema)]);
        // Loaded again, the very same records say it of the new rows.
        let dropped = format!("-confirm={}", "127.0.0.1");
        trial.run(&[APPLY, &[&trial.replace("load", name), &dropped]].concat(), 0, &["equal"]);
        trial.assert_same(KEYLESS_SUM).await;
        trial.assert_same(KEYED_SUM).await;
        trial.end().await;
    }
}

#[tokio::test]
async fn a_keyed_part_that_an_earlier_run_verified_is_read_on_the_target_again() {
    let trial = Trial::new("parts", slow("")).await;
    trial.on(&trial.source, &[KEYED, "INSERT INTO DB.keyed SELECT n, REPEAT('é', 100) FROM SEQ(6000)"]).await;
    let mut child = trial.start(APPLY);
    trial.until_recorded(&mut child, "part_done", "verify[\"DB.keyed\"]", 8).await;
    kill(child);
    trial.on(&trial.target, &["DELETE FROM DB.keyed WHERE id <= 100"]).await;
    trial.run(APPLY, 6, &["MIG6001", "6000 were dumped, the target has 5900"]);
    let at = format!("-confirm={}", "127.0.0.1");
    trial.run(&[APPLY, &[&trial.replace("load", "keyed"), &at]].concat(), 0, &["equal"]);
    trial.assert_same(KEYED_SUM).await;
    trial.end().await;
}

#[tokio::test]
async fn rows_that_go_while_a_table_is_loaded_anew_are_found_although_it_was_verified_before() {
    let dump = "where = {\n      \"DB.keyless\" = \"SLEEP(0.002) = 0\"\n    }".to_owned();
    let load = "batch_bytes = \"1KiB\"\n    threads = 1";
    let trial = Trial::new("anew", Settings { dump, load, ..Settings::default() }).await;
    trial.on(&trial.source, &[KEYLESS, "INSERT INTO DB.keyless SELECT n, REPEAT('x', 300) FROM SEQ(1500)"]).await;
    let mut child = trial.start(APPLY);
    trial.until_recorded(&mut child, "done", "load[\"DB.keyless\"]", 1).await;
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    kill(child);
    let child = trial.start(&[APPLY, &[&trial.replace("load", "keyless")]].concat());
    let second = "SELECT COUNT(*) FROM ml_DB.batches WHERE epoch = 2";
    while trial.ask(&trial.target, second).await.parse::<u64>().unwrap() < 20 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    program::signal(&child, "-STOP");
    trial.on(&trial.target, &["DELETE FROM DB.keyless LIMIT 10"]).await;
    assert_ne!(trial.ask(&trial.target, second).await, "500", "the load was through already");
    program::signal(&child, "-CONT");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(6));
    trial.run(&[APPLY, &[&trial.replace("load", "keyless")]].concat(), 0, &["equal"]);
    trial.assert_same(KEYLESS_SUM).await;
    trial.end().await;
}

#[tokio::test]
async fn sums_that_were_not_equal_are_never_used_again() {
    let trial = Trial::new("unequal", Settings::default()).await;
    trial.on(&trial.source, &[KEYLESS, "INSERT INTO DB.keyless SELECT n, 'x' FROM SEQ(1000)"]).await;
    let hold = "dump[\"DB.keyless\"]";
    trial.spec(&Settings {
        dump: "where = {\n      \"DB.keyless\" = \"SLEEP(0.002) = 0\"\n    }".into(),
        ..Settings::default()
    });
    let mut child = trial.start(APPLY);
    trial.until_recorded(&mut child, "part_done", hold, 1).await;
    // The binlog does not see it: what is judged here are the sums alone.
    let write = |to: &str| format!("UPDATE DB.keyless SET v = '{to}' WHERE id = 7");
    trial.on(&trial.source, &["SET SESSION sql_log_bin = 0", &write("y")]).await;
    assert_eq!(child.wait().unwrap().code(), Some(6));
    trial.run(APPLY, 6, &["MIG6002"]);
    trial.on(&trial.source, &["SET SESSION sql_log_bin = 0", &write("x")]).await;
    trial.run(APPLY, 0, &["equal"]);
    trial.assert_same(KEYLESS_SUM).await;
    trial.end().await;
}

#[tokio::test]
async fn a_verification_that_is_asked_for_anew_reads_both_sides() {
    let trial = Trial::new("asked", Settings::default()).await;
    let texts = "CREATE TABLE DB.texts (k VARCHAR(40) PRIMARY KEY, v VARCHAR(400)) COLLATE utf8mb4_general_ci";
    trial
        .on(&trial.source, &[texts, "INSERT INTO DB.texts SELECT CONCAT('k ', n), REPEAT('x', 200) FROM SEQ(3000)"])
        .await;
    trial.spec(&Settings {
        dump:
            "chunk_bytes = \"64KiB\"\n    threads = 1\n    where = {\n      \"DB.texts\" = \"SLEEP(0.001) = 0\"\n    }"
                .into(),
        verify: "threads = 1",
        ..Settings::default()
    });
    let mut child = trial.start(APPLY);
    trial.until_recorded(&mut child, "part_done", "verify[\"DB.texts\"]", 4).await;
    kill(child);
    // In what the first statement has read.
    let hidden = "UPDATE DB.texts SET v = 'y' WHERE k = 'k 1'";
    trial.on(&trial.source, &["SET SESSION sql_log_bin = 0", hidden]).await;
    trial.run(&[APPLY, &[&trial.replace("verify", "texts")]].concat(), 6, &["MIG6002"]);
    trial.end().await;
}

/// A MySQL of this test alone that writes no binlog.
fn without_binlog(dir: &std::path::Path) -> Bed {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testbed/server");
    let output = Command::new(script).args(["start", "mysql"]).arg(dir).arg("--disable-log-bin").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Bed::at(dir.to_owned()).unwrap()
}

#[tokio::test]
async fn where_nothing_proves_that_nobody_wrote_the_source_is_read_after_the_last_load_of_all() {
    let private = tempfile::tempdir().unwrap();
    let source = without_binlog(&private.path().join("mysql"));
    let slow = || {
        let mut settings = slow("");
        settings.dump = settings.dump.replace("64KiB", "32KiB");
        settings
    };
    for (what, writes) in [
        ("nobody wrote", &[][..]),
        ("a row moves to where the table was read already", &["UPDATE DB.keyed SET id = 0 WHERE id = 6000"][..]),
        (
            "an amount goes from a table that is not read yet to one that was verified",
            &["UPDATE DB.before_all SET v = v + 70 WHERE id = 1", "UPDATE DB.keyed SET v = v - 70 WHERE id = 6000"][..],
        ),
    ] {
        let source = Bed::at(source.dir.clone()).unwrap();
        let trial = Trial::between("unproven", source, Bed::tidb(), slow()).await;
        trial
            .on(
                &trial.source,
                &[
                    "CREATE TABLE DB.before_all (id INT PRIMARY KEY, v INT)",
                    "INSERT INTO DB.before_all SELECT n, 100 FROM SEQ(50)",
                    "CREATE TABLE DB.keyed (id INT PRIMARY KEY, v INT, w VARCHAR(400)) COLLATE utf8mb4_bin",
                    "INSERT INTO DB.keyed SELECT n, 100, REPEAT('é', 100) FROM SEQ(6000)",
                    // So many bytes that it is read in many statements.
                    "ANALYZE TABLE DB.keyed",
                ],
            )
            .await;
        let mut child = trial.start(APPLY);
        trial.until_recorded(&mut child, "done", "verify[\"DB.before_all\"]", 1).await;
        trial.until_recorded(&mut child, "part_done", "verify[\"DB.keyed\"]", 4).await;
        trial.on(&trial.source, writes).await;
        let code = child.wait().unwrap().code();
        let sums = "SELECT (SELECT COALESCE(SUM(v), 0) FROM DB.before_all), COUNT(*), SUM(v), SUM(id) FROM DB.keyed";
        let same = trial.ask(&trial.source, sums).await == trial.ask(&trial.target, sums).await;
        assert_eq!(same, writes.is_empty(), "{what}");
        assert_eq!(code, Some(if same { 0 } else { 6 }), "{what}");
        let certificate = trial.certificate();
        assert_eq!(certificate["verdict"], if same { "unproven" } else { "different" }, "{what}");
        assert_eq!(certificate["writes"]["outcome"], if same { "unproven" } else { "detected" }, "{what}");
        let told = certificate["writes"]["text"].as_str().unwrap();
        assert!(told.contains("hashed on the source after the last load of all had ended"), "{what}: {told}");
        // The sentence is what was done: every reading of the source is younger than the last load.
        let tables = certificate["tables"].as_array().unwrap();
        let state: Value = serde_json::from_slice(&std::fs::read(trial.path("mig.migstate")).unwrap()).unwrap();
        let of_load = |name: &str| format!("migration.m.load[\"{}\"]", name);
        let loads = tables.iter().map(|t| state["steps"][of_load(t["table"].as_str().unwrap())]["finished"].clone());
        let last = loads.map(|at| at.as_str().unwrap().to_owned()).max().unwrap();
        for table in tables {
            assert!(table["read"]["source"].as_str().unwrap() >= last.as_str(), "{what}: {table:#}");
            assert!(table["read"]["target"].is_string(), "{what}: {table:#}");
        }
        trial.end().await;
    }
    source.server_script("stop");
}

#[tokio::test]
async fn a_count_with_a_warning_is_a_count() {
    let dump = "where = {\n      \"DB.words\" = \"v = 5\"\n    }".to_owned();
    let trial = Trial::new("counted", Settings { dump, verify: "mode = \"count\"", ..Settings::default() }).await;
    let rows = "INSERT INTO DB.words VALUES (1, '5'), (2, '5 apples'), (3, 'none')";
    trial.on(&trial.source, &["CREATE TABLE DB.words (id INT PRIMARY KEY, v VARCHAR(20))", rows]).await;
    trial.run(APPLY, 0, &[]);
    assert_eq!(trial.ask(&trial.target, "SELECT COUNT(*) FROM DB.words").await, "2");
    trial.end().await;
}
