//! `target "mysql"` through the program: between MySQL and MariaDB, both ways, and from one MySQL to another. Each test
//! has a schema, a ledger and a folder of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use support::{Bed, texts};

/// One test's world.
struct Trial {
    dir: tempfile::TempDir,
    schema: String,
    ledger: String,
    source: Bed,
    target: Bed,
}

impl Trial {
    /// `statements` make the schema on the source, `gates` are lines of the spec's block of that name.
    async fn new(name: &str, source: Bed, target: Bed, statements: &[&str], gates: &str) -> Self {
        let schema = source.schema(name, statements).await;
        let ledger = format!("ml_{schema}");
        target.drop_schema(&schema).await;
        target.drop_schema(&ledger).await;
        let trial = Self { dir: tempfile::tempdir().unwrap(), schema, ledger, source, target };
        trial.spec(gates);
        trial
    }

    fn spec(&self, gates: &str) {
        let text = format!(
            r#"
source "mysql" "from" {{
  host     = "127.0.0.1"
  port     = {}
  username = "root"
  tls {{
    mode = "disabled"
  }}
}}
target "mysql" "to" {{
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
  target = target.mysql.to
  tables = ["{}.*"]
  gates {{
    # Other tests write to the same server.
    accept_unproven = ["writes_stopped"]
    {gates}
  }}
  dump {{
    chunk_bytes = "64KiB"
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

    /// Runs the program; `expected` is its exit code, `told` pieces of what it says. Gives all that it says as one line.
    fn run(&self, arguments: &[&str], expected: i32, told: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(expected), "{arguments:?}\n{text}");
        // Lines are broken at 80 columns.
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for piece in told {
            assert!(flat.contains(piece), "{arguments:?} does not say {piece:?}\n{text}");
        }
        flat
    }

    /// The first row of an answer; `DB` in the text is the schema.
    async fn ask(&self, bed: &Bed, sql: &str) -> String {
        let sql = sql.replace("DB", &self.schema);
        let mut connection = bed.server().connect(&support::write_role()).await.unwrap();
        let rows = connection.query(&sql).await.unwrap_or_else(|fault| panic!("{sql}: {fault}"));
        texts(&rows).first().map(|row| row.join(",")).unwrap_or_default()
    }

    async fn assert_same(&self, queries: &[&str]) {
        for sql in queries {
            assert_eq!(self.ask(&self.source, sql).await, self.ask(&self.target, sql).await, "{sql}");
        }
    }

    async fn end(self) {
        self.source.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.ledger).await;
    }
}

/// 3,000 numbers.
const NUMBERS: &str =
    "(WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < 3000) SELECT n FROM s) q";

#[tokio::test]
async fn a_table_moves_from_one_mysql_to_another_and_a_second_plan_says_no_changes() {
    let dir = tempfile::tempdir().unwrap();
    let target = Bed::private("mysql", dir.path().join("second"));
    let fill = format!("INSERT INTO keyed SELECT n, REPEAT('é', n % 90), n / 3 FROM {NUMBERS}");
    let trial = Trial::new(
        "second",
        Bed::mysql(),
        target,
        &[
            "SET SESSION cte_max_recursion_depth = 100000",
            "CREATE TABLE keyed (id INT PRIMARY KEY, v VARCHAR(200), f FLOAT) COLLATE utf8mb4_0900_ai_ci",
            &fill,
        ],
        "",
    )
    .await;
    trial.run(&["plan", "-detailed-exitcode"], 2, &["keyed"]);
    trial.run(&["apply", "-auto-approve"], 0, &["Certificate of migration.m: equal"]);
    trial.assert_same(&["SELECT COUNT(*), SUM(id), SUM(CRC32(v)), SUM(f) FROM DB.keyed"]).await;
    trial.run(&["plan", "-detailed-exitcode"], 0, &["No changes"]);
    let target = Bed::at(trial.target.dir.clone()).unwrap();
    trial.end().await;
    target.server_script("kill");
}
