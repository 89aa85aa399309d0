//! Engines that are not mig's own: the real Dumpling and the real TiDB Lightning, started by mig, between real servers. The
//! judge is SQL on both of them. Each test has a schema, a ledger and a folder of its own.
//!
//! `MIG_KILLS=30 cargo test --test engines` strikes so often; `MIG_SEED=…`, printed by each run, draws the same strikes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod fire;
mod lightning;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use mig::hosts::mysql;
use mig::seams::sql::Role;
use mig::words::secret::Secret;
use support::{Bed, program};

/// The password of the source's user: it must be nowhere but in mig's memory.
const SECRET: &str = "s0urce-of-truth";

/// Every kind of value that Dumpling writes in its own way, and names that it escapes.
const TABLES: &[&str] = &[
    "SET SESSION cte_max_recursion_depth = 100000",
    "CREATE TABLE kinds (id BIGINT UNSIGNED PRIMARY KEY AUTO_INCREMENT, v VARCHAR(50), l VARCHAR(20) CHARACTER SET latin1 COLLATE \
     latin1_bin, g INT GENERATED ALWAYS AS (bi * 2) VIRTUAL, b BLOB, bi BIT(12), j JSON, f FLOAT, d DOUBLE, ts TIMESTAMP(3) NULL, \
     dt DATETIME, e ENUM('x', 'y''z'), bb BINARY(4), t TIME(6), de DECIMAL(30,10), y YEAR, s SET('p', 'q')) COLLATE utf8mb4_bin",
    "INSERT INTO kinds (id, v, l, b, bi, j, f, d, ts, dt, e, bb, t, de, y, s) VALUES \
     (1, 'é\\\\ \\'\\\"\u{1F600}', 'é', x'00ff0a0d5c2c22', 5, '{\"a\": \"x\\\\n\\\\\"q\\\\\", é\", \"n\": 12345678901234567890}', 1.5, 1e-300, '2020-01-01 00:00:01.5', \
      '2020-01-01', \"y'z\", 'ab', '-100:00:00.5', -1.5, 2020, 'p,q'), \
     (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), \
     (3, '\\n\\r\\t\\0\\Z,;\\\"\\\\N', 'a,b\\nc', '', 0, '\"\\\\\\\\N\"', 0.25, -0.5, '2020-06-01 00:00:00', '0001-01-01 00:00:00', 'x', '', \
      '00:00:00', 0, 1901, '')",
    "CREATE TABLE `odd%.na,me \"x` (`c,\"1` INT, `b``x` VARCHAR(10)) COLLATE utf8mb4_bin",
    "INSERT INTO `odd%.na,me \"x` VALUES (1, 'a'), (2, NULL), (2, NULL)",
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
    user: String,
    source: Bed,
    target: Bed,
    ports: (u16, u16),
}

impl Trial {
    async fn new(name: &str, statements: &[&str]) -> Self {
        Self::from(Bed::mysql(), name, statements).await
    }

    async fn from(source: Bed, name: &str, statements: &[&str]) -> Self {
        let target = Bed::tidb();
        let name = format!("eng_{name}");
        let schema = source.schema(&name, statements).await;
        let ledger = format!("ml_{schema}");
        // Not of a run before: the oldest server has no DROP USER IF EXISTS.
        let user = format!("u{:08x}", rand::random::<u32>());
        let ports = (source.config().port, target.config().port);
        source
            .run(&[
                &format!("CREATE USER '{user}'@'%' IDENTIFIED BY '{SECRET}'"),
                &format!("GRANT ALL ON {schema}.* TO '{user}'@'%'"),
                &format!("GRANT REPLICATION SLAVE, REPLICATION CLIENT, PROCESS ON *.* TO '{user}'@'%'"),
            ])
            .await;
        target.drop_schema(&schema).await;
        target.drop_schema(&ledger).await;
        Self { dir: tempfile::tempdir().unwrap(), schema, ledger, user, source, target, ports }
    }

    /// Writes the spec; `dump` is what stands in its dump block.
    fn spec(&self, dump: &str) {
        self.spec_of(dump, "");
    }

    /// The same with what stands in the load block.
    fn spec_of(&self, dump: &str, load: &str) {
        let engine = |name: &str, program: &str| format!("engine = \"{name}\"\n    binary = {:?}", tool(program));
        let dump = dump.replace("DUMPLING", &engine("dumpling", "dumpling"));
        let load = load.replace("LIGHTNING", &engine("lightning", "tidb-lightning"));
        let text = format!(
            r#"
variable "secret" {{
  type      = string
  sensitive = true
  env       = "TRIAL_SECRET"
}}
source "mysql" "from" {{
  host     = "127.0.0.1"
  port     = {}
  username = "{}"
  password = var.secret
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
    {}
  }}
  load {{
    {load}
  }}
}}
"#,
            self.ports.0,
            self.user,
            self.ports.1,
            self.ledger,
            self.schema,
            dump.replace("SCHEMA", &self.schema),
        );
        std::fs::write(self.path("trial.mig.hcl"), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program::command(self.dir.path(), arguments);
        command.env("TRIAL_SECRET", SECRET);
        command
    }

    /// Runs the program and checks its exit code; gives what it printed.
    fn check(&self, arguments: &[&str], code: i32, told: &[&str]) -> String {
        program::judge(&self.command(arguments).output().unwrap(), arguments, code, told)
    }

    fn certificate(&self) -> serde_json::Value {
        let bytes = std::fs::read(self.path("mig.migstate.m.certificate.json")).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    /// Every table is proven equal, by the certificate and by `mig verify`, and nothing is left to do.
    fn assert_equal(&self, tables: usize) {
        let certificate = self.certificate();
        let found = certificate["tables"].as_array().unwrap();
        assert_eq!(found.len(), tables, "{certificate:#}");
        for table in found {
            assert_eq!(table["equal"], true, "{certificate:#}");
        }
        self.check(&["verify"], 0, &[]);
        self.check(&["plan"], 0, &[]);
    }

    /// The sum over a query of both servers, and whether they agree.
    async fn assert_same(&self, sql: &str) {
        let sql = sql.replace("DB", &self.schema);
        assert_eq!(self.source.rows(&sql).await, self.target.rows(&sql).await, "{sql}");
    }

    fn dump_folder(&self) -> PathBuf {
        self.path(".mig/work/m/dump")
    }

    /// Nothing of a program is left that is not a file of the dump, and no file holds the source's password.
    fn assert_clean(&self) {
        let entries = std::fs::read_dir(self.dump_folder()).unwrap().flatten();
        let of_a_program = |name: &str| name.starts_with("dumpling.") || name.starts_with("lightning.");
        let left = entries.filter(|entry| of_a_program(&entry.file_name().to_string_lossy()));
        assert_eq!(left.map(|entry| entry.path()).collect::<Vec<_>>(), Vec::<PathBuf>::new());
        assert_eq!(self.processes(), Vec::<String>::new());
        for file in walk(self.dir.path()) {
            let bytes = std::fs::read(&file).unwrap();
            assert!(!contains(&bytes, SECRET.as_bytes()), "{}", file.display());
        }
    }

    /// Command lines of programs that work in this test's folder, but mig's own.
    fn processes(&self) -> Vec<String> {
        let folder = self.dir.path().display().to_string();
        let mine =
            |number: &u32| std::fs::read_link(format!("/proc/{number}/cwd")).is_ok_and(|cwd| cwd == self.dir.path());
        let program = |line: &str| line.contains("--status-addr") || line.contains("-config /dev/stdin");
        let lines = command_lines().into_iter();
        let lines = lines.filter(|(number, line)| program(line) && (line.contains(&folder) || mine(number)));
        lines.map(|(_, line)| line).collect()
    }

    async fn end(self) {
        self.source.drop_schema(&self.schema).await;
        self.source.run(&[&format!("DROP USER '{}'@'%'", self.user)]).await;
        self.target.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.ledger).await;
    }
}

const APPLY: &[&str] = &["apply", "-auto-approve"];

/// A program of the testbed.
fn tool(name: &str) -> PathBuf {
    Path::new(&std::env::var_os("MIG_TEST_BIN").expect("run `make test`")).join(name)
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

fn walk(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        match entry.path().is_dir() {
            true => files.extend(walk(&entry.path())),
            false => files.push(entry.path()),
        }
    }
    files
}

/// What every user of the machine sees: the number of each process, and its arguments.
fn command_lines() -> Vec<(u32, String)> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let line = |entry: std::fs::DirEntry| {
        let number = entry.file_name().to_str()?.parse().ok()?;
        let bytes = std::fs::read(entry.path().join("cmdline")).ok()?;
        Some((number, String::from_utf8_lossy(&bytes).replace('\0', " ")))
    };
    entries.filter_map(line).collect()
}

/// Whose child a process is.
fn parent(number: u32) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    text.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

#[tokio::test]
async fn dumpling_moves_every_kind_of_value_and_nothing_of_it_is_left() {
    let trial = Trial::new("kinds", TABLES).await;
    trial.spec("DUMPLING");
    let plan =
        trial.check(&["plan"], 0, &["MIG2081", "does not say its version", "Dumpling writes 6 digits of a FLOAT"]);
    assert!(!plan.contains(SECRET));
    trial.check(APPLY, 0, &[]);
    trial.assert_equal(5);
    trial.assert_clean();
    trial.assert_same("SELECT id, HEX(v), HEX(CONVERT(l USING utf8mb4)), HEX(b), bi + 0, ts, dt, e, HEX(bb), t, de, y, s FROM DB.kinds").await;
    trial.assert_same("SELECT COUNT(*), SUM(`c,\"1`), COUNT(`b``x`) FROM DB.`odd%.na,me \"x`").await;
    trial.assert_same("SELECT COUNT(*), SUM(id), SUM(LENGTH(p)) FROM DB.many").await;
    // What is kept is a dump that any tool reads, as mig's own is.
    let files: BTreeSet<String> = std::fs::read_dir(trial.dump_folder())
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert!(files.contains(&format!("{}.many.000000001.sql", trial.schema)), "{files:?}");
    assert!(files.contains("metadata"), "{files:?}");
    // The rows come again, by the other engine and back.
    trial.spec("");
    let again = ["apply", "-auto-approve", "-confirm=127.0.0.1"];
    trial.check(&again, 0, &[]);
    trial.assert_equal(5);
    trial.spec("DUMPLING\n    compress = \"zstd\"\n    file_size = \"64KiB\"\n    keep = false");
    trial.check(&again, 0, &[]);
    trial.assert_equal(5);
    trial.assert_clean();
    trial.check(&["destroy", "-auto-approve", "-drop-target-data", "-confirm=127.0.0.1"], 0, &[]);
    assert!(!trial.dump_folder().join("manifest").exists() || walk(&trial.dump_folder()).is_empty());
    trial.end().await;
}

#[tokio::test]
async fn a_float_that_dumpling_rounds_is_named_by_the_plan_and_found_by_the_verification() {
    let statements = [
        "CREATE TABLE f (id INT PRIMARY KEY, v FLOAT) COLLATE utf8mb4_bin",
        "INSERT INTO f VALUES (1, 16777216), (2, 1.5)",
    ];
    let trial = Trial::new("float", &statements).await;
    trial.spec("DUMPLING");
    let plan = trial.check(&["plan"], 0, &["MIG2082", "FLOAT columns: v"]);
    assert!(plan.contains("native"), "{plan}");
    trial.check(APPLY, 6, &["MIG6012", "FLOAT columns (v)", "engine = \"native\""]);
    trial.assert_clean();
    trial.spec("");
    trial.check(APPLY, 0, &[]);
    trial.assert_equal(1);
    trial.assert_same("SELECT id, v + 0e0 FROM DB.f").await;
    trial.end().await;
}

#[tokio::test]
async fn rows_with_a_null_in_the_key_are_moved_where_a_condition_is_set() {
    let statements = [
        "SET SESSION cte_max_recursion_depth = 100000",
        "CREATE TABLE n (a INT NULL, b INT, KEY (a)) COLLATE utf8mb4_bin",
        "INSERT INTO n WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < 2000) \
         SELECT IF(n % 5 = 0, NULL, n), n FROM s",
        "CREATE TABLE k (a INT PRIMARY KEY, b INT) COLLATE utf8mb4_bin",
        "INSERT INTO k SELECT b, b FROM n",
    ];
    let trial = Trial::new("nulls", &statements).await;
    trial.spec("DUMPLING\n    where = { \"SCHEMA.n\" = \"b > 10\", \"SCHEMA.k\" = \"b > 1990\" }");
    trial.check(APPLY, 0, &[]);
    trial.assert_equal(2);
    let sql = |table: &str, bound: u32| format!("SELECT COUNT(*), COUNT(a), SUM(b) FROM DB.{table} WHERE b > {bound}");
    trial.assert_same(&sql("n", 10)).await;
    let count = format!("SELECT COUNT(*), SUM(a IS NULL) FROM {}.n", trial.schema);
    assert_eq!(trial.target.rows(&count).await, [["1990", "398"]]);
    let count = format!("SELECT COUNT(*) FROM {}.k", trial.schema);
    assert_eq!(trial.target.rows(&count).await, [["10"]]);
    trial.end().await;
}

#[tokio::test]
async fn a_source_in_another_time_zone_keeps_its_moments() {
    let folder = tempfile::tempdir().unwrap();
    let source = Bed::private_with("mysql", folder.path().join("mysql"), &["--default-time-zone=+05:30"]);
    let statements = [
        "SET time_zone = '+00:00'",
        "CREATE TABLE z (id INT PRIMARY KEY, ts TIMESTAMP(3) NULL, dt DATETIME) COLLATE utf8mb4_bin",
        "INSERT INTO z VALUES (1, '2020-01-01 00:00:00.5', '2020-01-01 00:00:00'), (2, NULL, NULL)",
    ];
    let trial = Trial::from(source, "zone", &statements).await;
    assert_eq!(trial.source.rows("SELECT @@GLOBAL.time_zone").await, [["+05:30"]]);
    trial.spec("DUMPLING");
    trial.check(APPLY, 0, &[]);
    trial.assert_equal(1);
    trial.assert_same("SELECT id, UNIX_TIMESTAMP(ts), dt FROM DB.z").await;
    trial.source.server_script("kill");
    trial.target.drop_schema(&trial.schema).await;
    trial.target.drop_schema(&trial.ledger).await;
}

#[tokio::test]
async fn dumpling_reads_older_servers_and_mariadb() {
    for source in [Bed::mysql56(), Bed::mariadb()] {
        let statements = [
            "ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20), ts TIMESTAMP NULL) COLLATE utf8mb4_bin",
            "INSERT INTO t VALUES (1, 'é', '2020-01-01 00:00:00'), (2, NULL, NULL)",
        ];
        let name = format!("old_{}", source.kind);
        let trial = Trial::from(source, &name, &statements).await;
        trial.spec("DUMPLING");
        let path = trial.path("trial.mig.hcl");
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.replace("\"required\"", "\"disabled\"").replace("  password = var.secret\n", "");
        std::fs::write(&path, text.replace(&format!("\"{}\"", trial.user), "\"root\"")).unwrap();
        trial.check(APPLY, 0, &[]);
        trial.assert_equal(1);
        trial.assert_clean();
        trial.end().await;
    }
}

#[tokio::test]
async fn a_door_lets_in_who_knows_its_password_and_nobody_once_it_is_closed() {
    let bed = Bed::mysql();
    let door = bed.server().door(&Role::Read).await.unwrap();
    let through = |password: &str| {
        let mut config = bed.config();
        (config.port, config.username) = (door.port, door.user.clone());
        config.password = Some(Secret::new(password.to_owned()));
        mysql::server(&config, Path::new("."), None).unwrap()
    };
    let right = through(door.password.reveal());
    let mut inside = right.connect(&Role::Look).await.unwrap();
    // It is the server, by mig's own user.
    let rows = inside.query("SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1), @@port").await.unwrap();
    assert_eq!(support::texts(&rows), [["root".to_owned(), bed.config().port.to_string()]]);
    let refused = through("guessed").connect(&Role::Look).await.err().unwrap();
    assert!(refused.cause.contains("this door is another program's"), "{refused:?}");
    assert_eq!(door.fault().map(|fault| fault.cause), None);
    drop(door);
    let lost = inside.query("SELECT 1").await.unwrap_err();
    assert!(lost.lost, "{lost:?}");
    assert!(right.connect(&Role::Look).await.is_err());
}

/// Writes a script that stands in the place of the program.
fn stand_in(trial: &Trial, text: &str) -> String {
    let path = trial.path("dumpling.sh");
    let real = tool("dumpling");
    let version = "if [ \"$1\" = -V ]; then exec REAL -V; fi";
    let text = text.replace("VERSION", version).replace("REAL", &real.display().to_string());
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("engine = \"dumpling\"\n    binary = {path:?}")
}

#[tokio::test]
async fn done_is_what_sentence_files_and_numbers_say_and_not_the_exit_code() {
    let statements = [
        "SET SESSION cte_max_recursion_depth = 100000",
        "CREATE TABLE t (id INT PRIMARY KEY, p VARCHAR(200)) COLLATE utf8mb4_bin",
        "INSERT INTO t WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < 3000) SELECT n, REPEAT('x', 150) FROM s",
    ];
    let trial = Trial::new("lies", &statements).await;
    // It is not there.
    trial.spec("engine = \"dumpling\"\n    binary = \"/no/such/dumpling\"");
    trial.check(&["plan"], 5, &["MIG2080", "/no/such/dumpling cannot be used: there is no such file"]);
    trial.check(APPLY, 5, &["MIG2080"]);
    // A version that was tested, and another one; the testbed's own was built without one.
    let tested = stand_in(&trial, "echo 'Release version: v8.5.6'");
    trial.spec(&tested);
    let plan = trial.check(&["plan"], 0, &["(not encrypted), dumpling 8.5.6"]);
    assert!(!plan.contains("MIG2081"), "{plan}");
    let other = stand_in(&trial, "echo 'Release Version: v9.9.1'");
    trial.spec(&other);
    trial.check(&["plan"], 0, &["MIG2081", "9.9.1"]);
    // What comes out of the last argument of -o.
    let out = "for a; do [ \"$last\" = -o ] && out=$a; last=$a; done";
    let drop_a_file = format!("VERSION\nREAL \"$@\"\n{out}\nrm \"$out\"/*.000000001.sql\nexit 0");
    let drop_the_end = format!("VERSION\nREAL \"$@\"\n{out}\nrm \"$out\"/metadata\nexit 0");
    let add_a_file = format!(
        "VERSION\nREAL \"$@\"\n{out}\ncp \"$out\"/SCHEMA.t.000000000.sql \"$out\"/SCHEMA.t.000000009.sql\nexit 0"
    )
    .replace("SCHEMA", &trial.schema);
    for (script, code, told) in [
        // As after SIGTERM of other tools: well ended, nothing done.
        ("VERSION\nexit 0", 1, "MIG5172"),
        ("VERSION\necho 'parse arguments failed: no'; exit 1", 1, "parse arguments failed: no"),
        ("VERSION\nkill -9 $$", 1, "a signal ended it"),
        (drop_a_file.as_str(), 6, "MIG5173"),
        (drop_the_end.as_str(), 6, "MIG5173"),
        (add_a_file.as_str(), 6, "it counted 3000"),
    ] {
        trial.spec(&format!("{}\n    file_size = \"64KiB\"", stand_in(&trial, script)));
        trial.check(APPLY, code, &[told]);
        assert_eq!(trial.processes(), Vec::<String>::new());
        let count = format!("SELECT COUNT(*) FROM {}.t", trial.schema);
        assert_eq!(trial.target.rows(&count).await, [["0"]], "{script}");
    }
    trial.spec("DUMPLING\n    file_size = \"64KiB\"");
    trial.check(APPLY, 0, &[]);
    trial.assert_equal(1);
    trial.assert_clean();
    trial.end().await;
}
