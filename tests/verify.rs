//! `mig verify` and the verify steps of apply, with the program itself against a real MySQL and a real TiDB: databases
//! that another tool moved, differences of every kind, ranges and buckets, interrupts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use support::{Bed, program};

/// One test's world: a schema of one name on both servers, and a spec that selects it.
struct Trial {
    dir: tempfile::TempDir,
    schema: String,
    source: Bed,
    target: Bed,
}

/// A table: its columns and keys, the rest of its DDL.
struct Moved {
    ddl: &'static str,
    rows: &'static [&'static str],
}

impl Trial {
    async fn new(name: &str) -> Self {
        let (source, target) = (Bed::mysql(), Bed::tidb());
        let schema = source.schema(name, &[]).await;
        target.drop_schema(&schema).await;
        target.drop_schema(&format!("ml_{schema}")).await;
        let trial = Self { dir: tempfile::tempdir().unwrap(), schema, source, target };
        trial.spec("");
        trial
    }

    /// The same tables with the same rows on both servers, as a tool that sends INSERTs leaves them.
    async fn moved(name: &str, tables: &[Moved]) -> Self {
        let trial = Self::new(name).await;
        trial.target.run(&[&format!("CREATE DATABASE {}", trial.schema)]).await;
        for table in tables {
            for bed in [&trial.source, &trial.target] {
                trial.on(bed, table.ddl).await;
                for rows in table.rows {
                    trial.on(bed, rows).await;
                }
            }
        }
        trial
    }

    fn spec(&self, more: &str) {
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
  ledger_schema = "ml_{}"
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
  }}
  dump {{
    chunk_bytes = "64KiB"
  }}
{more}
}}
"#,
            self.source.config().port,
            self.target.config().port,
            self.schema,
            self.schema,
        );
        std::fs::write(self.path("trial.mig.hcl"), text).unwrap();
    }

    /// Changes the spec's text.
    fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path("trial.mig.hcl")).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(self.path("trial.mig.hcl"), text.replacen(from, to, 1)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs a statement; `SEQ` is the numbers from 1 to 3000 as `n`.
    async fn on(&self, bed: &Bed, sql: &str) {
        let seq = |to: u32| {
            format!("(WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < {to}) SELECT n FROM s) q")
        };
        let sql = sql.replace("SEQ", &seq(3_000));
        bed.run(&["SET SESSION cte_max_recursion_depth = 1000000", &format!("USE {}", self.schema), &sql]).await;
    }

    fn command(&self, arguments: &[&str]) -> Command {
        program::command(self.dir.path(), arguments)
    }

    /// Runs the program; `expected` is its exit code, `told` pieces of what it says.
    fn run(&self, arguments: &[&str], expected: i32, told: &[&str]) -> String {
        program::run(self.dir.path(), arguments, expected, told)
    }

    /// What `mig verify -json` finds of the one migration.
    fn found(&self, arguments: &[&str], expected: i32) -> Value {
        let output = self.command(&[&["verify", "-json"], arguments].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(expected), "{}", program::said(&output));
        let value: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", program::said(&output)));
        value[0].clone()
    }

    async fn ask(&self, bed: &Bed, sql: &str) -> String {
        let sql = sql.replace("DB", &self.schema);
        bed.rows(&sql).await[0].join(",")
    }

    async fn end(self) {
        self.source.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.schema).await;
        self.target.drop_schema(&format!("ml_{}", self.schema)).await;
    }
}

/// `missing, unexpected, changed` of the table, and its verdict.
fn differing(found: &Value, table: &str) -> (String, [u64; 3]) {
    let tables = found["tables"].as_array().unwrap();
    let of = tables.iter().find(|t| t["table"].as_str().unwrap().ends_with(&format!(".{table}"))).unwrap();
    let count = |what: &str| of["differing"][what].as_u64().unwrap_or(0);
    (of["verdict"].as_str().unwrap().to_owned(), ["missing", "unexpected", "changed"].map(count))
}

const KEYED: Moved = Moved {
    ddl: "CREATE TABLE keyed (id INT PRIMARY KEY, v VARCHAR(200), d DECIMAL(20,6)) COLLATE utf8mb4_bin",
    rows: &["INSERT INTO keyed SELECT n, REPEAT('é', n % 90), n * 1.25 FROM SEQ"],
};
const TEXT_KEY: Moved = Moved {
    ddl: "CREATE TABLE texts (k VARCHAR(40) PRIMARY KEY, b BLOB) COLLATE utf8mb4_general_ci",
    rows: &["INSERT INTO texts SELECT CONCAT('k ', n), UNHEX(SHA2(n, 256)) FROM SEQ"],
};
const KEYLESS: Moved = Moved {
    ddl: "CREATE TABLE keyless (a INT, b VARCHAR(40)) COLLATE utf8mb4_general_ci",
    rows: &["INSERT INTO keyless SELECT n % 50, CONCAT('tab\t', n % 7) FROM SEQ"],
};
const VALUES: Moved = Moved {
    ddl: "CREATE TABLE vals (id INT PRIMARY KEY, j JSON, f FLOAT, g DOUBLE) COLLATE utf8mb4_bin",
    rows: &[
        r#"INSERT INTO vals VALUES (1, '{"bb": 1.0, "a": [1e20, -1.5e-7]}', 0.1, 1e15), (2, NULL, 16777216, 5e-324), (3, '[]', -0.0, -1.5)"#,
    ],
};

#[tokio::test]
async fn a_database_that_another_tool_moved_is_compared_without_state_or_ledger() {
    let trial = Trial::moved("foreign", &[KEYED, TEXT_KEY, KEYLESS, VALUES]).await;
    let told =
        trial.run(&["verify"], 0, &["Verification of migration.m: equal", "9,003 rows", "Two places were compared"]);
    assert!(told.contains("Source: source.mysql.from (root@") && told.contains("Target: target.tidb.to ("), "{told}");
    assert!(told.contains("row hashes computed on both servers") && told.contains("computed here"), "{told}");
    // It leaves nothing anywhere: no state, no folder, no ledger.
    let files: Vec<_> = std::fs::read_dir(trial.dir.path()).unwrap().flatten().map(|f| f.file_name()).collect();
    assert_eq!(files, ["trial.mig.hcl"]);
    let ledger = "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'ml_DB'";
    assert_eq!(trial.ask(&trial.target, ledger).await, "0");
    let found = trial.found(&["-show-keys"], 0);
    assert_eq!(found["verdict"], "equal");
    assert_eq!(found["tables"].as_array().unwrap().len(), 4);
    trial.end().await;
}

#[tokio::test]
async fn each_kind_of_difference_is_counted_and_named_by_its_key() {
    let trial = Trial::moved("kinds", &[KEYED, TEXT_KEY, KEYLESS, VALUES]).await;
    let target = [
        "DELETE FROM keyed WHERE id = 17",
        "UPDATE keyed SET v = CONCAT(v, ' ') WHERE id = 1999",
        "INSERT INTO keyed VALUES (900000, 'more', 1), (-5, NULL, NULL)",
        "DELETE FROM texts WHERE k IN ('k 5', 'k 6')",
        "UPDATE texts SET b = '' WHERE k = 'k 77'",
        "INSERT INTO texts VALUES ('k\t77', 'x')",
        "INSERT INTO keyless SELECT * FROM keyless LIMIT 1",
        "UPDATE vals SET j = '{\"bb\": 1.5}', g = 1e15 WHERE id = 1",
    ];
    for sql in target {
        trial.on(&trial.target, sql).await;
    }
    let found = trial.found(&["-show-keys"], 6);
    assert_eq!(found["verdict"], "different");
    for (table, counts) in [("keyed", [1, 2, 1]), ("texts", [2, 1, 1]), ("keyless", [0, 1, 0]), ("vals", [0, 0, 1])] {
        assert_eq!(differing(&found, table), ("different".into(), counts), "{table}: {found:#}");
    }
    let text = found.to_string();
    for key in ["id=17", "id=1999", "id=900000", "id=-5", "k=k 5", "k=k\\t77", "k=k 77"] {
        assert!(text.contains(&format!("\"{key}\"")), "{key}: {text}");
    }
    // Keys are data of users: not without being asked for.
    let told = trial.run(&["verify"], 6, &["1 row missing on the target, 2 rows unexpected", "-show-keys names them"]);
    assert!(!told.contains("id=17") && !told.contains("k 77"), "{told}");
    trial.run(
        &["verify", "-show-keys", &format!("-target=migration.m.verify[\"{}.keyed\"]", trial.schema)],
        6,
        &["missing id=17", "changed id=1999"],
    );
    // The other way round: more on the source.
    trial.on(&trial.source, "DELETE FROM keyed WHERE id BETWEEN 1000 AND 1009").await;
    assert_eq!(differing(&trial.found(&[], 6), "keyed").1, [1, 12, 1]);
    trial.end().await;
}

/// Keys that servers sort in different ways, written so that both take them: control characters, spaces, accents, cases.
const ODD_KEYS: &str =
    "('a'),('a\t'),('a\\0'),('a\x01b'),('a!'),('a b'),('ab\t'),('ab'),('á'),('z\t '),('Z2'),('\t'),('ß'),('')";

#[tokio::test]
async fn odd_keys_are_compared_without_false_differences_under_every_collation() {
    let trial = Trial::new("odd").await;
    trial.target.run(&[&format!("CREATE DATABASE {}", trial.schema)]).await;
    let both = [
        ("pad_ci", "VARCHAR(20) COLLATE utf8mb4_general_ci"),
        ("pad_bin", "VARCHAR(20) COLLATE utf8mb4_bin"),
        ("unicode", "VARCHAR(20) COLLATE utf8mb4_unicode_ci"),
        ("no_pad", "VARCHAR(20) COLLATE utf8mb4_0900_ai_ci"),
        ("no_pad_bin", "VARCHAR(20) COLLATE utf8mb4_0900_bin"),
        ("latin", "VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_bin"),
        ("bytes", "VARBINARY(20)"),
        ("fixed", "CHAR(20) COLLATE utf8mb4_bin"),
    ];
    for (table, kind) in both {
        for bed in [&trial.source, &trial.target] {
            trial
                .on(
                    bed,
                    &format!(
                        "CREATE TABLE {table} (k {kind}, n INT, v VARCHAR(9), PRIMARY KEY (k, n)) COLLATE utf8mb4_bin"
                    ),
                )
                .await;
            trial.on(bed, &format!("INSERT INTO {table} SELECT k, n, 'v' FROM (SELECT n FROM SEQ) ns CROSS JOIN (SELECT 'x' k UNION ALL SELECT 'x\t' UNION ALL SELECT 'é') ks WHERE n < 200")).await;
            let rows = ODD_KEYS.replace("')", "', 1, 'v ')");
            // A sample of those that all collations keep apart is enough where two of them are one key.
            trial.on(bed, &format!("INSERT IGNORE INTO {table} VALUES {rows}")).await;
        }
    }
    // IGNORE may have kept another one of two keys that are one: what is compared is what both have.
    let found = trial.found(&["-show-keys"], 0);
    assert_eq!(found["verdict"], "equal", "{found:#}");
    for (table, _) in both {
        trial
            .on(&trial.target, &format!("UPDATE {table} SET v = 'w' WHERE k = 'ab\t' OR (k = 'x\t' AND n IN (7, 8))"))
            .await;
        trial.on(&trial.target, &format!("DELETE FROM {table} WHERE k = 'x' AND n > 190")).await;
        trial.on(&trial.source, &format!("DELETE FROM {table} WHERE k = 'é' AND n = 100")).await;
    }
    let found = trial.found(&["-show-keys"], 6);
    for (table, _) in both {
        assert_eq!(differing(&found, table), ("different".into(), [9, 1, 3]), "{table}: {found:#}");
    }
    trial.end().await;
}

#[tokio::test]
async fn rows_are_found_in_tables_of_many_statements_by_ranges_and_by_buckets() {
    let trial = Trial::moved("many", &[KEYED, TEXT_KEY, KEYLESS]).await;
    for sql in [
        // Far more on the target than one statement reads, all behind the last range.
        "INSERT INTO keyed SELECT n + 100000, 'x', 1 FROM SEQ WHERE n <= 1500",
        "DELETE FROM keyed WHERE id % 500 = 0",
        "UPDATE texts SET b = 'x' WHERE k LIKE 'k 77%'",
        "DELETE FROM texts WHERE k LIKE 'k 1_'",
        "INSERT INTO texts SELECT CONCAT('more ', n), NULL FROM SEQ WHERE n <= 20",
        "INSERT INTO keyless VALUES (1, 'a'), (1, 'a'), (NULL, NULL)",
        "DELETE FROM keyless WHERE a = 3 LIMIT 2",
    ] {
        trial.on(&trial.target, sql).await;
    }
    let found = trial.found(&[], 6);
    assert_eq!(differing(&found, "keyed").1, [6, 1497, 0]);
    assert_eq!(differing(&found, "texts").1, [10, 20, 11]);
    assert_eq!(differing(&found, "keyless").1, [2, 3, 0]);
    trial.end().await;
}

#[tokio::test]
async fn a_where_of_the_spec_is_applied_to_the_source_and_said() {
    let trial = Trial::moved("left_out", &[KEYED]).await;
    trial.on(&trial.target, "DELETE FROM keyed WHERE id > 2000").await;
    trial.run(&["verify"], 6, &["1000 rows missing"]);
    let where_ = format!("where = {{ \"{}.keyed\" = \"id <= 2000\" }}", trial.schema);
    trial.edit("chunk_bytes = \"64KiB\"", &format!("chunk_bytes = \"64KiB\"\n    {where_}"));
    trial.run(&["verify"], 0, &["equal", "2,000 rows", "Not compared: rows of", "where not id <= 2000"]);
    trial.end().await;
}

#[tokio::test]
async fn a_missing_table_or_another_structure_is_a_difference_and_counting_alone_proves_no_content() {
    let trial = Trial::moved("structure", &[KEYED, KEYLESS]).await;
    trial.on(&trial.target, "UPDATE keyed SET v = 'x' WHERE id = 1").await;
    trial.spec("  verify {\n    mode = \"count\"\n  }");
    trial.run(&["verify"], 0, &["unproven", "count only"]);
    trial.on(&trial.target, "DELETE FROM keyed WHERE id = 1").await;
    trial.run(&["verify"], 6, &["different", "3,000 rows, 2,999 on the target"]);
    trial.spec("");
    trial.on(&trial.target, "DROP TABLE keyless").await;
    trial.on(&trial.target, "ALTER TABLE keyed MODIFY v VARCHAR(190)").await;
    trial.run(
        &["verify"],
        6,
        &["it is not on the target", "column v: type: expected varchar(200), found varchar(190)"],
    );
    trial.on(&trial.target, "ALTER TABLE keyed DROP COLUMN v").await;
    trial.run(&["verify"], 6, &["rows cannot be compared"]);
    trial.run(&["verify", "-target=migration.m.verify[\"no.such\"]"], 1, &["names no selected table"]);
    trial.run(&["verify", "-migration=other"], 1, &["no migration \"other\""]);
    trial.end().await;
}

#[tokio::test]
async fn a_connection_that_is_lost_in_a_statement_is_replaced() {
    let trial = Trial::moved("lost", &[TEXT_KEY, VALUES]).await;
    // Each row takes its time on the source, so that statements are met at work.
    let where_ = format!("where = {{ \"{}.texts\" = \"SLEEP(0.002) = 0\" }}", trial.schema);
    trial.edit("chunk_bytes = \"64KiB\"", &format!("chunk_bytes = \"256KiB\"\n    {where_}"));
    let child = trial.command(&["verify"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut killed = 0;
    for _ in 0..400 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let running = format!(
            "SELECT IFNULL(GROUP_CONCAT(id), '') FROM information_schema.processlist \
             WHERE info LIKE '%SHA2(%{}%' AND id <> CONNECTION_ID()",
            trial.schema
        );
        let ids = trial.ask(&trial.source, &running).await;
        for id in ids.split(',').filter(|id| !id.is_empty()).take(1) {
            let mut connection = trial.source.server().connect(&support::write_role()).await.unwrap();
            // It may have ended by itself.
            killed += u32::from(connection.execute(&format!("KILL {id}")).await.is_ok());
        }
        if killed >= 3 {
            break;
        }
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", program::said(&output));
    assert!(killed >= 3, "killed {killed}");
    trial.end().await;
}

#[tokio::test]
async fn an_apply_killed_while_it_verifies_goes_on_behind_the_statements_it_recorded() {
    let trial = Trial::new("resumed").await;
    trial.on(&trial.source, TEXT_KEY.ddl).await;
    trial.on(&trial.source, TEXT_KEY.rows[0]).await;
    trial.spec("  verify {\n    threads = 1\n  }");
    // Slow at the source, where it is verified and where it is dumped.
    let where_ = format!("where = {{ \"{}.texts\" = \"SLEEP(0.001) = 0\" }}", trial.schema);
    trial.edit("chunk_bytes = \"64KiB\"", &format!("chunk_bytes = \"64KiB\"\n    threads = 1\n    {where_}"));
    let mut child =
        trial.command(&["apply", "-auto-approve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let verified = || {
        let journal = std::fs::read_to_string(trial.path("mig.migstate.journal")).unwrap_or_default();
        journal.lines().filter(|line| line.contains("migration.m.verify") && line.contains("in_client")).count()
    };
    for _ in 0..6_000 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        if verified() >= 6 || child.try_wait().unwrap().is_some() {
            break;
        }
    }
    assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
    child.kill().unwrap();
    child.wait().unwrap();
    // Not seen by the binlog, in what the first statement has read: it is found all the same.
    let hidden = format!("UPDATE {}.texts SET b = 'x' WHERE k = 'k 1'", trial.schema);
    trial.source.run(&["SET SESSION sql_log_bin = 0", &hidden]).await;
    let told = trial.run(&["apply", "-auto-approve"], 6, &["MIG6002", "1 row changed"]);
    let verify = format!("started   migration.m.verify[\"{}.texts\"] (goes on after ", trial.schema);
    assert!(told.contains(&verify), "{told}");
    trial.run(&["verify", "-show-keys"], 6, &["1 row changed", "changed k=k 1"]);
    trial.end().await;
}

#[tokio::test]
async fn converted_collations_and_latin1_are_equal_by_their_characters() {
    let trial = Trial::new("converted").await;
    for sql in [
        "CREATE TABLE swedish (k VARCHAR(40) CHARACTER SET latin1 COLLATE latin1_swedish_ci PRIMARY KEY, v TEXT CHARACTER SET latin1, w CHAR(9) CHARACTER SET latin1 COLLATE latin1_swedish_ci) COLLATE utf8mb4_bin",
        "INSERT INTO swedish SELECT CONCAT('ä', CHAR(9), n), CONCAT('é', n), 'ÿ ' FROM SEQ",
    ] {
        trial.on(&trial.source, sql).await;
    }
    trial.edit(
        "accept_unproven = [\"writes_stopped\"]",
        "accept_unproven = [\"writes_stopped\"]\n    collation = \"convert\"\n    collation_map = {\n      \"latin1_swedish_ci\" = \"utf8mb4_general_ci\"\n    }",
    );
    trial.run(&["apply", "-auto-approve"], 0, &["equal"]);
    trial.run(&["verify"], 0, &["equal", "3,000 rows"]);
    trial.on(&trial.target, "UPDATE swedish SET v = 'e5' WHERE v = 'é5'").await;
    trial.run(&["verify", "-show-keys"], 6, &["1 row changed"]);
    trial.end().await;
}

#[tokio::test]
async fn what_dumpling_and_lightning_moved_is_compared_and_their_rounded_floats_are_found() {
    let trial = Trial::new("others").await;
    for table in [KEYED, TEXT_KEY, KEYLESS] {
        trial.on(&trial.source, table.ddl).await;
        trial.on(&trial.source, table.rows[0]).await;
    }
    trial
        .on(&trial.source, "CREATE TABLE floats (id INT PRIMARY KEY, f FLOAT, g DOUBLE, j JSON) COLLATE utf8mb4_bin")
        .await;
    trial.on(&trial.source, r#"INSERT INTO floats VALUES (1, 0.5, 1e15, '{"a": 1.0}'), (2, 16777216, 0.1, NULL), (3, 123456.79, 5e-324, '[]')"#).await;
    let bin = PathBuf::from(std::env::var_os("MIG_TEST_BIN").expect("no Dumpling is there: run `make test`"));
    let run = |command: &mut Command| {
        let output = command.current_dir(trial.dir.path()).output().unwrap();
        assert!(output.status.success(), "{}", program::said(&output));
    };
    let (source, target) = (trial.source.config(), trial.target.config());
    let port = source.port.to_string();
    run(Command::new(bin.join("dumpling"))
        .args(["-h", "127.0.0.1", "-P", &port, "-u", "root", "--consistency", "none"])
        .args(["-f", &format!("{}.*", trial.schema), "-o", "dumped"]));
    let status = std::fs::read_to_string(trial.target.dir.join("env")).unwrap();
    let status = status.lines().find_map(|line| line.strip_prefix("STATUS_PORT=")).unwrap().to_owned();
    let config = format!(
        "[tikv-importer]\nbackend = \"tidb\"\n[mydumper]\ndata-source-dir = \"dumped\"\n[checkpoint]\nenable = false\n\
         [tidb]\nhost = \"127.0.0.1\"\nport = {}\nstatus-port = {status}\nuser = \"root\"\n",
        target.port
    );
    std::fs::write(trial.path("lightning.toml"), config).unwrap();
    run(Command::new(bin.join("tidb-lightning")).args(["-config", "lightning.toml", "-log-file", "lightning.log"]));
    let found = trial.found(&["-show-keys"], 6);
    for table in ["keyed", "texts", "keyless"] {
        assert_eq!(differing(&found, table).0, "equal", "{table}: {found:#}");
    }
    // Dumpling reads FLOAT as the text protocol shows it, with six digits.
    assert_eq!(differing(&found, "floats"), ("different".into(), [0, 0, 2]), "{found:#}");
    trial.end().await;
}
