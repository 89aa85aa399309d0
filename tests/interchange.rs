//! Dumps go both ways: what the real Dumpling and mydumper wrote is loaded and verified by `mig import-dump`, what mig
//! wrote is loaded by the real TiDB Lightning and myloader. Each test has a schema, a ledger and a folder of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use support::{Bed, texts};

/// Every kind of value that the tools write in ways of their own, and names that they escape.
const TABLES: &[&str] = &[
    "SET SESSION cte_max_recursion_depth = 100000",
    "CREATE TABLE kinds (id BIGINT UNSIGNED PRIMARY KEY AUTO_INCREMENT, v VARCHAR(50), l VARCHAR(20) CHARACTER SET latin1 COLLATE \
     latin1_bin, g INT GENERATED ALWAYS AS (bi * 2) VIRTUAL, b BLOB, bi BIT(12), j JSON, f FLOAT, d DOUBLE, ts TIMESTAMP(3) NULL, \
     dt DATETIME, e ENUM('x', 'y''z'), bb BINARY(4), t TIME(6), de DECIMAL(30,10), y YEAR, s SET('p', 'q'), z INT(6) UNSIGNED \
     ZEROFILL, h INT GENERATED ALWAYS AS (LENGTH(v)) STORED, KEY k (v)) COLLATE utf8mb4_0900_ai_ci",
    "INSERT INTO kinds (id, v, l, b, bi, j, f, d, ts, dt, e, bb, t, de, y, s, z) VALUES \
     (1, 'é\\\\ \\'\\\"\u{1F600}', 'é', x'00ff0a0d5c2c22', 5, '{\"a\": \"x\\\\n\\\\\"q\\\\\", é\", \"n\": 12345678901234567890}', 1.5, 1e-300, '2020-01-01 00:00:01.5', \
      '2020-01-01', \"y'z\", 'ab', '-100:00:00.5', -1.5, 2020, 'p,q', 42), \
     (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), \
     (3, '\\n\\r\\t\\0\\Z,;\\\"\\\\N', 'a,b\\nc', '', 0, '\"\\\\\\\\N\"', 0.25, -0.5, '2020-06-01 00:00:00', '0001-01-01 00:00:00', 'x', '', \
      '00:00:00', 0, 1901, '', 0), \
     (4, '\\\\N', 'NULL', '\\\\N', b'111111111111', 'null', 3, 1e15, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 999999), \
     (5, '', '', x'c328', 1, '[]', -1e10, 1.7976931348623157e308, '2038-01-19 03:14:07', '9999-12-31 23:59:59', 'x', '\\\\\\\"\\'', \
      '838:59:59', 12345678901234567890.0123456789, 2155, 'p', 7)",
    "CREATE TABLE `odd%.na-schema \"me` (`c,\"1` INT, `b``x` VARCHAR(10)) COLLATE utf8mb4_bin",
    "INSERT INTO `odd%.na-schema \"me` VALUES (1, 'a'), (2, NULL), (2, NULL)",
    "CREATE TABLE empty_one (id INT PRIMARY KEY) COLLATE utf8mb4_bin",
    "CREATE TABLE many (id INT PRIMARY KEY, p VARCHAR(100)) COLLATE utf8mb4_bin",
    "INSERT INTO many WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < 3000) SELECT n, REPEAT('x', n % 90) FROM s",
    "CREATE TABLE child (k VARCHAR(40) PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES many (id)) COLLATE utf8mb4_bin",
    "INSERT INTO child SELECT CONCAT('k ', id), id FROM many WHERE id < 200",
    "CREATE VIEW seen AS SELECT id, v FROM kinds",
];

/// One test's world.
struct Trial {
    dir: tempfile::TempDir,
    schema: String,
    ledger: String,
    source: Bed,
    target: Bed,
}

impl Trial {
    async fn new(name: &str, statements: &[&str]) -> Self {
        let (source, target) = (Bed::mysql(), Bed::tidb());
        let schema = source.schema(name, statements).await;
        let ledger = format!("ml_{schema}");
        let trial = Self { dir: tempfile::tempdir().unwrap(), schema, ledger, source, target };
        trial.forget().await;
        trial.spec("");
        trial
    }

    /// Takes back what was imported.
    async fn forget(&self) {
        self.target.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.ledger).await;
        for entry in std::fs::read_dir(self.dir.path()).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if name.contains("migstate") {
                std::fs::remove_file(entry.path()).unwrap();
            } else if name == ".mig" {
                std::fs::remove_dir_all(entry.path()).unwrap();
            }
        }
    }

    /// Writes the spec; `dump` is what stands in its dump block.
    fn spec(&self, dump: &str) {
        let text = format!(
            r#"
source "mysql" "from" {{
  host     = "127.0.0.1"
  port     = {}
  username = "root"
  tls {{
    mode = "required"
  }}
}}
target "tidb" "to" {{
  host          = "127.0.0.1"
  port          = {}
  username      = "root"
  ledger_schema = "{}"
  tls {{
    mode = "disabled"
  }}
}}
migration "m" {{
  source = source.mysql.from
  target = target.tidb.to
  tables = ["{}.*"]
  gates {{
    # Other tests write to the same server.
    accept_unproven = ["writes_stopped"]
    compatibility   = "warn"
  }}
  dump {{
    {dump}
  }}
}}
"#,
            self.source.config().port,
            self.target.config().port,
            self.ledger,
            self.schema,
        );
        std::fs::write(self.path("trial.mig.hcl"), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mig"));
        command.current_dir(self.dir.path()).args(arguments).env("NO_COLOR", "1").stdin(Stdio::null());
        command
    }

    fn mig(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs the program and checks its exit code; gives what it printed.
    fn check(&self, arguments: &[&str], code: i32) -> String {
        told(&self.mig(arguments), code, &arguments.join(" "))
    }

    fn certificate(&self) -> serde_json::Value {
        serde_json::from_slice(&self.mig(&["report", "-json"]).stdout).unwrap()
    }

    /// A dump of the trial's schema by Dumpling, in a folder of this name.
    fn dumpling(&self, folder: &str, flags: &[&str]) {
        self.tool(&self.source, "dumpling", &[&["-B", &self.schema, "--no-views=false", "-o", folder], flags].concat());
    }

    fn mydumper(&self, folder: &str, flags: &[&str]) {
        self.tool(&self.source, "mydumper", &[&["-B", &self.schema, "-o", folder], flags].concat());
    }

    /// Runs one of the testbed's programs against a server, as root.
    fn tool(&self, server: &Bed, program: &str, arguments: &[&str]) {
        let program = Path::new(&std::env::var_os("MIG_TEST_BIN").expect("run `make test`")).join(program);
        let config = server.config();
        let output = Command::new(&program)
            .current_dir(self.dir.path())
            .args(["-h", "127.0.0.1", "-u", "root", "-P", &config.port.to_string()])
            .args(arguments)
            .output()
            .unwrap_or_else(|e| panic!("{}: {e}: run `make test`", program.display()));
        told(&output, 0, &format!("{} {}", program.display(), arguments.join(" ")));
    }

    async fn count(&self, server: &Bed, table: &str) -> u64 {
        let mut conn = server.server().connect(&support::write_role()).await.unwrap();
        let rows = conn.query(&format!("SELECT COUNT(*) FROM {}.{table}", self.schema)).await.unwrap();
        texts(&rows)[0][0].parse().unwrap()
    }

    async fn end(self) {
        self.source.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.ledger).await;
    }
}

fn told(output: &Output, code: i32, what: &str) -> String {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{what}:\n{text}");
    text
}

const IMPORT: &[&str] = &["import-dump", "dump", "-auto-approve"];

/// A dump by a tool, taken in whole: equal, and nothing left to do.
async fn check_import(trial: &Trial, what: &str, make: impl FnOnce(&Trial)) {
    trial.forget().await;
    let _ = std::fs::remove_dir_all(trial.path("dump"));
    make(trial);
    trial.check(IMPORT, 0);
    let certificate = trial.certificate();
    // Other tests write to the source's binlog: that is all that may be open.
    assert_ne!(certificate["verdict"], "different", "{what}: {certificate:#}");
    let tables = certificate["tables"].as_array().unwrap();
    assert_eq!(tables.len(), 5, "{what}: {certificate:#}");
    assert!(tables.iter().all(|table| table["equal"] == true), "{what}: {certificate:#}");
    assert!(certificate["views"].as_array().unwrap().iter().all(|view| view["structure"]["equal"] == true));
    let again = trial.check(&["plan", "-detailed-exitcode"], 0);
    assert!(again.contains("No changes."), "{what}:\n{again}");
    let again = trial.check(IMPORT, 0);
    assert!(again.contains("No changes"), "{what}:\n{again}");
    for table in ["kinds", "many", "child", "`odd%.na-schema \"me`", "empty_one", "seen"] {
        let counts = (trial.count(&trial.source, table).await, trial.count(&trial.target, table).await);
        assert_eq!(counts.0, counts.1, "{what}: {table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dumps_of_dumpling_in_every_form_arrive_equal() {
    let trial = Trial::new("dumpling", TABLES).await;
    for flags in [
        "",
        "-c gzip -F 20KiB -s 2000",
        "-c snappy -r 500",
        "-c zstd -r 500 -F 20KiB",
        "--filetype csv",
        "--filetype csv -c gzip -r 500",
        "--filetype csv -c snappy -F 20KiB",
        "--filetype csv -c zstd",
    ] {
        let list: Vec<&str> = flags.split_whitespace().collect();
        check_import(&trial, flags, |trial| trial.dumpling("dump", &list)).await;
    }
    trial.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dumps_of_mydumper_in_every_form_arrive_equal() {
    let trial = Trial::new("mydumper", TABLES).await;
    for flags in ["", "-c", "-r 700", "-c -F 1 -s 2000", "-G -E -R -e"] {
        let list: Vec<&str> = flags.split_whitespace().collect();
        check_import(&trial, flags, |trial| trial.mydumper("dump", &list)).await;
    }
    trial.end().await;
}
