//! Dumps go both ways: what the real Dumpling and mydumper wrote is loaded and verified by `mig import-dump`, what mig
//! wrote is loaded by the real TiDB Lightning and myloader. Each test has a schema, a ledger and a folder of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use support::{Bed, program, texts};

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
    "CREATE TABLE blank (id INT PRIMARY KEY, e ENUM('a', '', 'it''s'), s SET('', 'p', 'q')) COLLATE utf8mb4_bin",
    "INSERT INTO blank VALUES (1, 'a', 'p,q'), (2, '', ''), (3, 'it''s', 'q'), (4, NULL, NULL)",
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
        program::command(self.dir.path(), arguments)
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

    /// TiDB Lightning, tidb backend, from a folder into the target.
    fn lightning(&self, folder: &str) {
        let program = Path::new(&std::env::var_os("MIG_TEST_BIN").expect("run `make test`")).join("tidb-lightning");
        let env = std::fs::read_to_string(self.target.dir.join("env")).unwrap();
        let value = |name: &str| env.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix('=')).unwrap().to_owned();
        let output = Command::new(&program)
            .current_dir(self.dir.path())
            .args(["-backend", "tidb", "-tidb-host", "127.0.0.1", "-tidb-user", "root", "-check-requirements=false"])
            .args(["-tidb-port", &value("PORT"), "-tidb-status", &value("STATUS_PORT"), "-d", folder])
            .args(["-log-file", "lightning.log", "-enable-checkpoint=false"])
            .output()
            .unwrap();
        told(&output, 0, "tidb-lightning");
    }

    async fn count(&self, server: &Bed, table: &str) -> u64 {
        let rows = server.rows(&format!("SELECT COUNT(*) FROM {}.{table}", self.schema)).await;
        rows[0][0].parse().unwrap()
    }

    async fn end(self) {
        self.source.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.ledger).await;
    }
}

fn told(output: &Output, code: i32, what: &str) -> String {
    program::judge(output, &[what], code, &[])
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
    assert_eq!(tables.len(), 6, "{what}: {certificate:#}");
    assert!(tables.iter().all(|table| table["equal"] == true), "{what}: {certificate:#}");
    assert!(certificate["views"].as_array().unwrap().iter().all(|view| view["structure"]["equal"] == true));
    let again = trial.check(&["plan", "-detailed-exitcode"], 0);
    assert!(again.contains("No changes."), "{what}:\n{again}");
    let again = trial.check(IMPORT, 0);
    assert!(again.contains("No changes"), "{what}:\n{again}");
    for table in ["kinds", "blank", "many", "child", "`odd%.na-schema \"me`", "empty_one", "seen"] {
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

/// Breaks one file of the dump, and wants the import to end with this code, to say these words, and to leave the table
/// without a row.
async fn check_damage(trial: &Trial, file: &str, damage: &dyn Fn(Vec<u8>) -> Vec<u8>, code: i32, words: &[&str]) {
    trial.forget().await;
    let path = trial.path("dump").join(file);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, damage(whole.clone())).unwrap();
    let said = trial.check(IMPORT, code).replace(['\n', ' '], "");
    std::fs::write(&path, whole).unwrap();
    for word in words {
        assert!(said.contains(&word.replace(' ', "")), "{file}: no {word:?} in\n{said}");
    }
    let mut conn = trial.target.server().connect(&support::write_role()).await.unwrap();
    if let Ok(rows) = conn.query(&format!("SELECT COUNT(*) FROM {}.many", trial.schema)).await {
        assert_eq!(texts(&rows)[0][0], "0", "{file}: rows of a damaged file are on the target");
    }
}

fn replaced(from: &str, to: &str) -> impl Fn(Vec<u8>) -> Vec<u8> {
    let (from, to) = (from.to_owned(), to.to_owned());
    move |bytes| {
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains(&from), "{from}");
        text.replacen(&from, &to, 1).into_bytes()
    }
}

fn cut(bytes: Vec<u8>) -> Vec<u8> {
    bytes[..bytes.len() - bytes.len() / 3].to_vec()
}

fn flipped(mut bytes: Vec<u8>) -> Vec<u8> {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x20;
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_dump_is_refused_with_its_file_and_nothing_of_it_is_loaded() {
    let table = "CREATE TABLE many (id INT PRIMARY KEY, p VARCHAR(100), q INT) COLLATE utf8mb4_bin";
    let rows = "INSERT INTO many WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < 900) \
                SELECT n, SHA2(n, 256), n FROM s";
    let trial = Trial::new("damage", &[table, rows]).await;
    let again = |flags: &[&str]| {
        let _ = std::fs::remove_dir_all(trial.path("dump"));
        trial.dumpling("dump", flags);
    };
    let file = |suffix: &str| format!("{}.many.000000000.{suffix}", trial.schema);
    again(&[]);
    let sql = file("sql");
    check_damage(&trial, &sql, &cut, 6, &[&sql, "the file is torn", "at byte"]).await;
    check_damage(&trial, &sql, &replaced("\n(5,'", "\n(5'"), 6, &[&sql, "row 5", "expected"]).await;
    check_damage(
        &trial,
        &sql,
        &replaced("\n(7,'", "\n(7,7,'"),
        6,
        &[&sql, "row 7", "4 values where the table has 3 columns"],
    )
    .await;
    check_damage(&trial, &sql, &replaced("`many`", "`more`"), 6, &[&sql, "another table"]).await;
    let named = replaced("`many` VALUES", "`many` (`id`,`p`,`r`) VALUES");
    check_damage(&trial, &sql, &named, 6, &[&sql, "a column `r`, which the table does not have"]).await;
    check_damage(&trial, "metadata", &|_| b"Started dump at: 2026-01-01 00:00:00\n".to_vec(), 1, &["metadata"]).await;
    let hidden = trial.path("hidden");
    std::fs::rename(trial.path("dump/metadata"), &hidden).unwrap();
    let said = trial.check(IMPORT, 1);
    assert!(said.contains("MIG1020") && said.contains("not finished"), "{said}");

    again(&["--filetype", "csv"]);
    let csv = file("csv");
    check_damage(&trial, &csv, &cut, 6, &[&csv, "the file is torn"]).await;
    check_damage(&trial, &csv, &replaced("\"q\"\r\n", "\"r\"\r\n"), 6, &[&csv, "a column `r`"]).await;
    check_damage(&trial, &csv, &replaced("\r\n9,", "\r\n9,9,"), 6, &[&csv, "row 9", "4 values"]).await;
    for suffix in ["gzip", "zstd", "snappy"] {
        again(&["-c", suffix]);
        let packed = file(match suffix {
            "gzip" => "sql.gz",
            "zstd" => "sql.zst",
            _ => "sql.snappy",
        });
        check_damage(&trial, &packed, &cut, 6, &[&packed]).await;
        check_damage(&trial, &packed, &flipped, 6, &[&packed]).await;
    }
    // What is whole again goes in, after all that.
    trial.check(IMPORT, 0);
    assert_eq!(trial.count(&trial.target, "many").await, 900);
    trial.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_float_that_the_tool_rounded_is_found_and_its_cause_named() {
    let trial = Trial::new(
        "float",
        &[
            "CREATE TABLE t (id INT PRIMARY KEY, f FLOAT) COLLATE utf8mb4_bin",
            "INSERT INTO t VALUES (1, 16777216), (2, 1.5)",
        ],
    )
    .await;
    trial.dumpling("dump", &[]);
    let said = trial.check(IMPORT, 6);
    assert!(said.contains("MIG6012") && said.contains("(f)") && said.contains("6 digits"), "{said}");
    trial.forget().await;
    let _ = std::fs::remove_dir_all(trial.path("dump"));
    trial.mydumper("dump", &[]);
    let said = trial.check(IMPORT, 6);
    assert!(said.contains("MIG6012") && said.contains("6 digits"), "{said}");
    trial.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_import_goes_on_and_no_row_is_there_twice() {
    let table = "CREATE TABLE keyless (a INT, b VARCHAR(80)) COLLATE utf8mb4_bin";
    let keyed = "CREATE TABLE many (id INT PRIMARY KEY, b VARCHAR(80)) COLLATE utf8mb4_bin";
    let rows = |into: &str| {
        format!(
            "INSERT INTO {into} WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < 60000) \
             SELECT n, SHA2(n % 100, 256) FROM s"
        )
    };
    let (one, two) = (rows("keyless"), rows("many"));
    let trial = Trial::new("killed", &["SET SESSION cte_max_recursion_depth = 100000", table, keyed, &one, &two]).await;
    trial.dumpling("dump", &["-F", "500KiB"]);
    let text = std::fs::read_to_string(trial.path("trial.mig.hcl")).unwrap();
    let text = text.replace("  dump {", "  load {\n    batch_bytes = \"64KiB\"\n  }\n  dump {");
    std::fs::write(trial.path("trial.mig.hcl"), text).unwrap();
    let mut kills = 0;
    for millis in [400, 700, 900, 1100, 1300, 1600] {
        let mut child = trial.command(IMPORT).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
        kills += u32::from(child.try_wait().unwrap().is_none());
        let _ = child.kill();
        child.wait().unwrap();
    }
    assert!(kills > 1, "too quick to be killed: {kills}");
    // Once a table has begun to be taken in, a plain apply knows of it and goes on with it; before that, nothing does.
    let begun = std::fs::read_to_string(trial.path("mig.migstate.journal"))
        .is_ok_and(|text| text.contains("mydumper") || text.contains("dumpling"));
    trial.check(if begun { &["apply", "-auto-approve"] } else { IMPORT }, 0);
    for table in ["keyless", "many"] {
        assert_eq!(trial.count(&trial.target, table).await, 60_000, "{table}");
    }
    let certificate = trial.certificate();
    assert!(certificate["tables"].as_array().unwrap().iter().all(|table| table["equal"] == true), "{certificate:#}");
    assert!(!trial.path(".mig/work/m/dump").join(format!("{}.many.000000001.sql", trial.schema)).exists());
    trial.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_chosen_wrongly_is_told_before_anything_is_touched() {
    let trial =
        Trial::new("choice", &["CREATE TABLE t (id INT PRIMARY KEY) COLLATE utf8mb4_bin", "INSERT INTO t VALUES (1)"])
            .await;
    trial.dumpling("dump", &[]);
    for (arguments, code, word) in [
        (&["import-dump", "nowhere", "-auto-approve"][..], 1, "MIG1020"),
        (&["import-dump", "dump"], 1, "MIG1005"),
        (&["import-dump", "dump", "-input=false"], 1, "MIG1005"),
        (&["import-dump", "dump", "-auto-approve", "-migration=other"], 1, "no migration"),
    ] {
        let said = trial.check(arguments, code);
        assert!(said.contains(word), "{arguments:?}: {said}");
    }
    assert!(!trial.path("mig.migstate").exists());
    // A filter that no table of the dump meets.
    let text = std::fs::read_to_string(trial.path("trial.mig.hcl")).unwrap();
    std::fs::write(trial.path("trial.mig.hcl"), text.replace(&format!("{}.*", trial.schema), "none.*")).unwrap();
    let said = trial.check(IMPORT, 5);
    assert!(said.contains("MIG2070"), "{said}");
    trial.end().await;
}

/// The folder in which mig keeps the dump of the trial's migration.
const KEPT: &str = ".mig/work/m/dump";

/// What mig dumped, loaded by the real tools: first into a target that lost it, then into a source that lost it. Each
/// time `mig verify` looks at both servers as they are then.
#[tokio::test(flavor = "multi_thread")]
async fn a_dump_of_mig_loads_with_lightning_and_with_myloader() {
    let trial = Trial::new("outward", TABLES).await;
    trial.check(&["apply", "-auto-approve"], 0);

    trial.target.drop_schema(&trial.schema).await;
    trial.lightning(KEPT);
    trial.check(&["verify"], 0);
    for table in ["kinds", "blank", "many", "child", "`odd%.na-schema \"me`", "empty_one", "seen"] {
        let counts = (trial.count(&trial.source, table).await, trial.count(&trial.target, table).await);
        assert_eq!(counts.0, counts.1, "by Lightning: {table}");
    }

    // By mig itself, as it lies there.
    std::fs::rename(trial.path(KEPT), trial.path("kept")).unwrap();
    check_import(&trial, "its own", |trial| std::fs::rename(trial.path("kept"), trial.path("dump")).unwrap()).await;
    std::fs::create_dir_all(trial.path(".mig/work/m")).unwrap();
    let _ = std::fs::remove_dir_all(trial.path(KEPT));
    std::fs::rename(trial.path("dump"), trial.path(KEPT)).unwrap();

    let count = trial.count(&trial.source, "many").await;
    trial.source.drop_schema(&trial.schema).await;
    trial.tool(&trial.source, "myloader", &["-d", KEPT, "-t", "2"]);
    assert_eq!(trial.count(&trial.source, "many").await, count);
    trial.check(&["verify"], 0);
    trial.end().await;
}

/// Tables in which every clause that SHOW CREATE TABLE knows stands at least once.
const CLAUSES: &[&str] = &[
    "CREATE TABLE parent (id INT PRIMARY KEY, o INT, UNIQUE KEY u (id, o)) COMMENT 'it''s; a \\\\ table'",
    "CREATE TABLE c1 (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, a VARCHAR(20) CHARACTER SET latin1 DEFAULT 'it''s', \
     b CHAR(3) COLLATE utf8mb4_bin NOT NULL DEFAULT '', t TINYINT(1) DEFAULT '1', z INT(5) UNSIGNED ZEROFILL, d DECIMAL(20,4) \
     DEFAULT '-1.5000', ts TIMESTAMP(3) NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3), dt DATETIME DEFAULT \
     CURRENT_TIMESTAMP, e ENUM('x','y''z','é,)') DEFAULT 'x', s SET('p','qq') COMMENT 'a, ''b'') c', bi BIT(5) DEFAULT b'101', \
     j JSON, bl BLOB, mt MEDIUMTEXT, y YEAR, f FLOAT(7,3), vb VARBINARY(9) DEFAULT 'ab', \
     g INT GENERATED ALWAYS AS (t + 1) VIRTUAL, h INT GENERATED ALWAYS AS ((t + 3) * 2) STORED, \
     PRIMARY KEY (id), KEY k (a(5), b), UNIQUE KEY u (b, t), KEY cm (d) COMMENT 'the ''index''', CONSTRAINT ck CHECK (t < 10)) \
     AUTO_INCREMENT=77 DEFAULT CHARSET=utf8mb4",
    "CREATE TABLE c2 (a INT NOT NULL, b INT, c INT DEFAULT NULL, PRIMARY KEY (a), KEY kb (b, a), \
     CONSTRAINT fk FOREIGN KEY (b) REFERENCES parent (id) ON DELETE CASCADE ON UPDATE SET NULL) DEFAULT CHARSET=latin1",
    "CREATE TABLE c3 (a INT NOT NULL, b INT) PARTITION BY RANGE (a) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS \
     THAN MAXVALUE)",
    "CREATE TABLE `odd ``\"%` (`b``,(` INT COMMENT '`(') COLLATE utf8mb4_bin",
];

const ONLY_MYSQL: &[&str] = &[
    "CREATE TABLE m1 (a INT, b VARCHAR(40) DEFAULT (UUID()), i INT INVISIBLE, KEY d (a DESC), KEY x ((a + 1)), KEY v (b) INVISIBLE, \
     FULLTEXT KEY ft (b) /*!50100 WITH PARSER `ngram` */)",
    "CREATE TABLE m3 (a CHAR(9), h VARCHAR(40) GENERATED ALWAYS AS (CONCAT(a, ')', 'it''s')) STORED)",
    "CREATE TABLE m2 (g GEOMETRY NOT NULL SRID 4326, SPATIAL KEY sp (g))",
];

#[tokio::test(flavor = "multi_thread")]
async fn structure_read_from_a_create_is_what_information_schema_tells() {
    for bed in Bed::all() {
        let statements = match bed.kind.as_str() {
            "mysql" => [CLAUSES, ONLY_MYSQL].concat(),
            _ => CLAUSES.to_vec(),
        };
        let schema = bed.schema("clauses", &statements).await;
        let mut conn = bed.server().connect(&support::write_role()).await.unwrap();
        let all = |_: &str, _: &str| true;
        let (told, _) =
            mig::steps::observe::inventory::inventory(&mut *conn, None, Some(std::slice::from_ref(&schema)), &all)
                .await
                .unwrap();
        assert_eq!(told.tables.len(), statements.len());
        for mut expected in told.tables {
            expected.estimate = Default::default();
            let rows = conn.query(&format!("SHOW CREATE TABLE {}", expected.name.sql())).await.unwrap();
            let text = texts(&rows)[0][1].clone();
            let read =
                mig::formats::ddl::create_reader::read_table(&expected.name, &text, mig::formats::facts::Flavor::Mysql)
                    .unwrap_or_else(|fault| panic!("{}: {fault} in\n{text}", bed.kind));
            let differences = mig::think::compare::structure_differences(&expected, &read);
            assert!(differences.is_empty(), "{}: {differences:#?}\n{text}", bed.kind);
            for (told, read) in expected.columns.iter().zip(&read.columns) {
                // TiDB has lengths of its own for ENUM and the TEXT types.
                let counts = bed.kind != "tidb";
                let of = |c: &mig::formats::structure::Column| {
                    (c.charset.clone(), c.collation.clone(), c.octet_length.filter(|_| counts))
                };
                assert_eq!(of(told), of(read), "{}: {} of\n{text}", bed.kind, told.name);
            }
        }
        bed.drop_schema(&schema).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_without_a_source_is_loaded_and_said_not_to_be_verified_against_one() {
    let trial = Trial::new("alone", TABLES).await;
    trial.source.run(&[&format!("ALTER TABLE {}.kinds AUTO_INCREMENT = 9000", trial.schema)]).await;
    let text = std::fs::read_to_string(trial.path("trial.mig.hcl")).unwrap();
    let from = text.find("source \"mysql\"").unwrap();
    let to = text.find("target \"tidb\"").unwrap();
    let alone = format!("{}{}", &text[..from], &text[to..]).replace("  source = source.mysql.from\n", "");
    std::fs::write(trial.path("trial.mig.hcl"), alone).unwrap();
    let said = trial.check(&["plan"], 5);
    assert!(said.contains("the migration names none") && said.contains("import-dump"), "{said}");
    for tool in ["dumpling", "mydumper"] {
        trial.forget().await;
        let _ = std::fs::remove_dir_all(trial.path("dump"));
        match tool {
            "dumpling" => trial.dumpling("dump", &["-c", "gzip"]),
            _ => trial.mydumper("dump", &["-c"]),
        }
        let said = trial.check(IMPORT, 0);
        assert!(said.contains("not verified against a source"), "{tool}: {said}");
        let certificate = trial.certificate();
        assert_eq!(certificate["verdict"], "unproven", "{tool}: {certificate:#}");
        for table in certificate["tables"].as_array().unwrap() {
            assert_eq!(table["rows"]["source"], serde_json::Value::Null, "{tool}: {table:#}");
            assert_eq!(table["rows"]["dumped"], table["rows"]["target"], "{tool}: {table:#}");
            assert_eq!(table["structure"]["equal"], true, "{tool}: {table:#}");
        }
        for table in ["kinds", "many", "child", "`odd%.na-schema \"me`", "empty_one", "seen"] {
            let counts = (trial.count(&trial.source, table).await, trial.count(&trial.target, table).await);
            assert_eq!(counts.0, counts.1, "{tool}: {table}");
        }
        let mut line = trial.target.server().connect(&support::write_role()).await.unwrap();
        for sql in ["START TRANSACTION", &format!("INSERT INTO {}.kinds (v) VALUES ('next')", trial.schema)] {
            line.execute(sql).await.unwrap();
        }
        let next = line.query(&format!("SELECT MAX(id) FROM {}.kinds", trial.schema)).await.unwrap();
        line.execute("ROLLBACK").await.unwrap();
        assert_eq!(texts(&next), [["9000"]], "{tool}: the number that its schema file has");
        let again = trial.check(&["plan", "-detailed-exitcode"], 0);
        assert!(again.contains("No changes."), "{tool}: {again}");
        // The structure is the source's, and so are the rows: now that there is one, it says so.
        let whole = std::fs::read_to_string(trial.path("trial.mig.hcl")).unwrap();
        std::fs::write(trial.path("trial.mig.hcl"), &text).unwrap();
        trial.check(&["verify"], 0);
        std::fs::write(trial.path("trial.mig.hcl"), whole).unwrap();
    }
    trial.end().await;
}
