//! `mig verify` and the verify steps of apply, with the program itself against a real MySQL and a real TiDB: databases
//! that another tool moved, differences of every kind, ranges and buckets, interrupts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use support::{Bed, texts};

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

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs a statement; `SEQ` is the numbers from 1 to 3000 as `n`, `ENDLESS` those to 400,000.
    async fn on(&self, bed: &Bed, sql: &str) {
        let seq = |to: u32| {
            format!("(WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < {to}) SELECT n FROM s) q")
        };
        let sql = sql.replace("SEQ", &seq(3_000));
        bed.run(&["SET SESSION cte_max_recursion_depth = 1000000", &format!("USE {}", self.schema), &sql]).await;
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mig"));
        command.current_dir(self.dir.path()).args(arguments).env("NO_COLOR", "1").stdin(Stdio::null());
        command
    }

    /// Runs the program; `expected` is its exit code, `told` pieces of what it says.
    fn run(&self, arguments: &[&str], expected: i32, told: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let text = said(&output);
        assert_eq!(output.status.code(), Some(expected), "{arguments:?}\n{text}");
        // Lines are broken at 80 columns.
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for told in told {
            assert!(flat.contains(told), "{arguments:?} does not say {told:?}\n{text}");
        }
        text
    }

    /// What `mig verify -json` finds of the one migration.
    fn found(&self, arguments: &[&str], expected: i32) -> Value {
        let output = self.command(&[&["verify", "-json"], arguments].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(expected), "{}", said(&output));
        let value: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", said(&output)));
        value[0].clone()
    }

    async fn ask(&self, bed: &Bed, sql: &str) -> String {
        let sql = sql.replace("DB", &self.schema);
        let mut connection = bed.server().connect(&support::write_role()).await.unwrap();
        texts(&connection.query(&sql).await.unwrap())[0].join(",")
    }

    async fn end(self) {
        self.source.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.schema).await;
        self.target.drop_schema(&format!("ml_{}", self.schema)).await;
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
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
