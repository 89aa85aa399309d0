//! What cannot be loaded ends the run in order: the exit code, the file, the row or (with `-show-keys`) the key are told,
//! no value is, and nothing of the batch stays on the target. Rows are counted by the test's own queries.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use support::{Bed, program, texts};

/// A value that may stand in no message.
const PRIVATE: &str = "private-4711";

/// One migration of one table, `t`, of 3,000 rows in files of about 500.
struct Trial {
    dir: tempfile::TempDir,
    schema: String,
    ledger: String,
    source: Bed,
    target: Bed,
}

impl Trial {
    async fn new(name: &str, columns: &str, row: &str, load: &str) -> Self {
        let rate = if name == "large" || name.contains("files") { "64MiB" } else { "128KiB" };
        let (source, target) = (Bed::mysql(), Bed::tidb());
        let numbers =
            "(WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < 3000) SELECT n FROM s) q";
        let schema = source
            .schema(
                name,
                &[
                    "SET SESSION cte_max_recursion_depth = 100000",
                    &format!("CREATE TABLE t ({columns}) COLLATE utf8mb4_bin"),
                    &format!("INSERT INTO t SELECT {row} FROM {numbers}"),
                    "ANALYZE TABLE t",
                ],
            )
            .await;
        let ledger = format!("ml_{schema}");
        target.drop_schema(&schema).await;
        target.drop_schema(&ledger).await;
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
target "tidb" "to" {{
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
  target = target.tidb.to
  tables = ["{schema}.*"]
  gates {{
    # Other tests write to the same server.
    accept_unproven = ["writes_stopped"]
  }}
  dump {{
    chunk_bytes = "64KiB"
    file_size   = "64KiB"
    # Slow enough to be met.
    rate_limit  = "{rate}"
  }}
  load {{
    {load}
  }}
}}
"#,
            source.config().port,
            target.config().port,
        );
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("trial.mig.hcl"), spec).unwrap();
        Self { dir, schema, ledger, source, target }
    }

    fn start(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_mig"))
            .current_dir(self.dir.path())
            .args(["apply", "-auto-approve", "-confirm=127.0.0.1"])
            .args(arguments)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Runs the program; gives what it says, on one line.
    fn run(&self, arguments: &[&str], expected: i32, told: &[&str]) -> String {
        self.judge(self.start(arguments), expected, told)
    }

    fn judge(&self, child: Child, expected: i32, told: &[&str]) -> String {
        let output = child.wait_with_output().unwrap();
        let text = program::judge(&output, &[], expected, told);
        let flat = program::flat(&text);
        assert!(!flat.contains(PRIVATE), "{text}");
        flat
    }

    /// The same; as soon as the dump has begun, and before the rows are there, another statement changes it.
    async fn run_meddled(&self, arguments: &[&str], statement: &str, expected: i32, told: &[&str]) {
        let child = self.start(arguments);
        let sql = format!("SELECT state FROM {}.objects WHERE kind = 'table'", self.ledger);
        for _ in 0..2_000 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let mut connection = self.target.server().connect(&support::write_role()).await.unwrap();
            let made = connection.query(&sql).await.is_ok_and(|rows| texts(&rows) == [["created"]]);
            // The dump begins behind the look at what was created.
            if made && !self.files().is_empty() {
                break;
            }
        }
        self.target.run(&[&statement.replace("DB", &self.schema)]).await;
        self.judge(child, expected, told);
    }

    fn reload(&self) -> String {
        format!("-replace=migration.m.load[\"{}.t\"]", self.schema)
    }

    async fn count(&self, condition: &str) -> u64 {
        let sql = format!("SELECT COUNT(*) FROM {}.t WHERE {condition}", self.schema);
        let mut connection = self.target.server().connect(&support::write_role()).await.unwrap();
        texts(&connection.query(&sql).await.unwrap())[0][0].parse().unwrap()
    }

    /// Rows on the target are those that its ledger tells of and the strangers, no more: whole batches only.
    async fn assert_whole_batches(&self, strangers: u64) {
        let sql = format!(
            "SELECT COALESCE(SUM(b.`rows`), 0) FROM {0}.batches b JOIN {0}.objects o \
             ON o.lineage = b.lineage AND o.kind = 'table' AND o.name = b.tbl AND o.epoch = b.epoch",
            self.ledger
        );
        let mut connection = self.target.server().connect(&support::write_role()).await.unwrap();
        let told: u64 = texts(&connection.query(&sql).await.unwrap())[0][0].parse().unwrap();
        assert_eq!(self.count("1 = 1").await, told + strangers);
    }

    /// Batches of one part that the ledger has at the table's epoch.
    async fn batches_of(&self, part: u32) -> u64 {
        let sql = format!(
            "SELECT COUNT(*) FROM {0}.batches b JOIN {0}.objects o ON o.lineage = b.lineage AND o.kind = 'table' \
             AND o.name = b.tbl AND o.epoch = b.epoch WHERE b.chunk = {part}",
            self.ledger
        );
        let mut connection = self.target.server().connect(&support::write_role()).await.unwrap();
        texts(&connection.query(&sql).await.unwrap())[0][0].parse().unwrap()
    }

    /// The dump's files of rows, in order.
    fn files(&self) -> Vec<PathBuf> {
        let folder = std::fs::read_dir(self.dir.path().join(".mig/work/m/dump"));
        let mut files: Vec<PathBuf> = folder.into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        files.retain(|file| file.extension().is_some_and(|e| e == "sql") && !file.to_string_lossy().contains("schema"));
        files.sort();
        files
    }

    async fn end(self) {
        self.source.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.ledger).await;
    }
}

/// The columns of a trial's table and the expressions that fill them, `n` from 1 to 3,000; about 130 bytes a row.
const COLUMNS: &str = "id INT PRIMARY KEY, i INT, v VARCHAR(200)";
const KEYLESS: &str = "id INT, i INT, v VARCHAR(200)";
const ROW: &str = "n, IF(n = 2345, 300, 7), CONCAT(REPEAT('x', 90), IF(n = 2345, ' private-4711 and twenty more', ''))";

#[tokio::test]
async fn a_row_that_the_target_does_not_take_is_told_by_its_file_and_number_and_by_its_key_where_that_may_be_shown() {
    for (name, columns, meddle, cause) in [
        ("narrow", COLUMNS, "ALTER TABLE DB.t MODIFY v VARCHAR(100)", "for column 'v'"),
        ("range", COLUMNS, "ALTER TABLE DB.t MODIFY i TINYINT", "for column 'i'"),
        ("keyless", KEYLESS, "ALTER TABLE DB.t MODIFY i TINYINT", "for column 'i'"),
        ("twice", COLUMNS, "INSERT INTO DB.t VALUES (2345, 1, 'a stranger')", "Duplicate entry '…' for key"),
    ] {
        for (load, keys) in [("", false), ("batch_bytes = \"16KiB\"", true)] {
            let trial = Trial::new(name, columns, ROW, load).await;
            let arguments: &[&str] = if keys { &["-show-keys"] } else { &[] };
            let key = match (columns == COLUMNS, keys) {
                (true, true) => ", id=2345)",
                (true, false) => "; `-show-keys` names its key)",
                (false, _) => ".sql, row ",
            };
            trial.run_meddled(arguments, meddle, 1, &["t.00", ".sql, row ", key, cause, "MIG5141"]).await;
            trial.assert_whole_batches(u64::from(name == "twice")).await;
            assert_eq!(trial.count("id = 2345 AND v LIKE 'x%'").await, 0, "{name}");
            trial.end().await;
        }
    }
}

#[tokio::test]
async fn a_row_above_the_targets_limit_is_told_and_all_before_it_stay() {
    let columns = "id INT PRIMARY KEY, v LONGTEXT";
    let row = "n, IF(n = 1200, REPEAT('y', 8 * 1024 * 1024), CONCAT(REPEAT('x', 90), n))";
    let trial = Trial::new("large", columns, row, "").await;
    trial.run(&[], 1, &["MIG5145", "one row is too large for the target", ".sql, row ", "`-show-keys` names its key"]);
    trial.assert_whole_batches(0).await;
    assert_eq!(trial.count("id = 1200").await, 0);
    assert_eq!(trial.count("id = 1199").await, 1);
    trial.run(&["-show-keys"], 1, &["id=1200)"]);
    trial.end().await;
}

/// What can happen to a file of rows.
fn damages(good: &[u8]) -> Vec<(&'static str, Option<Vec<u8>>)> {
    let flipped = |at: usize| {
        let mut bytes = good.to_vec();
        bytes[at] ^= 1;
        Some(bytes)
    };
    vec![
        ("a byte flipped in the middle", flipped(good.len() / 2)),
        ("the last byte flipped", flipped(good.len() - 2)),
        ("half of it", Some(good[..good.len() / 2].to_vec())),
        ("the last byte missing", Some(good[..good.len() - 1].to_vec())),
        ("a row more", Some([good, b"INSERT INTO `t` VALUES\n(9,9,'9');\n"].concat())),
        ("nothing in it", Some(Vec::new())),
        ("gone", None),
    ]
}

fn put(file: &Path, bytes: Option<&Vec<u8>>) {
    match bytes {
        Some(bytes) => std::fs::write(file, bytes).unwrap(),
        None => std::fs::remove_file(file).unwrap(),
    }
}

#[tokio::test]
async fn a_dump_file_that_is_not_what_was_dumped_is_found_before_anything_of_it_is_loaded() {
    for (name, columns) in [("keyed_files", COLUMNS), ("keyless_files", KEYLESS)] {
        let trial = Trial::new(name, columns, ROW, "").await;
        trial.run(&[], 0, &[]);
        let file = trial.files()[1].clone();
        let good = std::fs::read(&file).unwrap();
        let file_name = file.file_name().unwrap().to_str().unwrap();
        for (what, bytes) in damages(&good) {
            println!("{name}: {what}");
            let same_size = bytes.as_ref().is_some_and(|bytes| bytes.len() == good.len());
            put(&file, bytes.as_ref());
            if same_size {
                trial.run(&[&trial.reload()], 6, &["MIG6010", file_name]);
                trial.assert_whole_batches(0).await;
                assert_eq!(trial.batches_of(2).await, 0, "{what}");
                // The same again: it is not a reason to trust the file.
                trial.run(&[], 6, &["MIG6010", file_name]);
                assert_eq!(trial.batches_of(2).await, 0, "{what}");
                put(&file, Some(&good));
                trial.run(&[], 0, &[]);
            } else {
                // The plan sees that the dump is not there as it was, and makes it again.
                trial.run(&[&trial.reload()], 0, &[]);
            }
            assert_eq!(trial.count("1 = 1").await, 3_000, "{what}");
        }
        trial.end().await;
    }
}

#[tokio::test]
async fn a_dump_file_that_changes_in_the_middle_of_a_run_is_found_too() {
    for at in 0..damages(&[0; 9]).len() {
        let trial = Trial::new("between", KEYLESS, ROW, "").await;
        let child = trial.start(&[]);
        // Without a key the load begins when the dump is whole: the first file is there before any row is loaded.
        while trial.files().is_empty() {
            std::thread::sleep(Duration::from_millis(2));
        }
        let file = trial.files()[0].clone();
        let good = std::fs::read(&file).unwrap();
        let (what, bytes) = damages(&good).swap_remove(at);
        println!("{what}");
        put(&file, bytes.as_ref());
        // One that is not there is no difference: the next plan dumps it again.
        let (exit, code) = if bytes.is_none() { (1, "MIG5110") } else { (6, "MIG6010") };
        trial.judge(child, exit, &[code, file.file_name().unwrap().to_str().unwrap()]);
        assert_eq!(trial.batches_of(1).await, 0, "{what}");
        trial.assert_whole_batches(0).await;
        trial.end().await;
    }
}
