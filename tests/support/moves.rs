//! One migration `m` as a user runs it, in a folder of its own. What came of it is asked by the tests' own SQL, and the
//! certificate is read as a user's script would read it.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use super::{Bed, program};

/// The name of a schema that only this test uses.
pub fn schema(test: &str) -> String {
    format!("mt_{}_{test}", std::process::id())
}

pub struct Move {
    pub dir: tempfile::TempDir,
    /// A schema that only this test uses.
    pub schema: String,
    pub ledger: String,
    source_port: u16,
    target: (String, u16),
    rest: String,
}

impl Move {
    /// `source_port`: what leads to the server that rows come from, as the user `mover`. `rest`: what else stands in the
    /// migration's block.
    pub fn new(test: &str, source_port: u16, target: &Bed, tables: &[&str], rest: &str) -> Self {
        let made = Self {
            dir: tempfile::tempdir().unwrap(),
            schema: schema(test),
            ledger: format!("ml_{}_{test}", std::process::id()),
            source_port,
            target: (if target.kind == "tidb" { "tidb" } else { "mysql" }.to_owned(), target.port),
            rest: rest.to_owned(),
        };
        made.select(tables);
        made
    }

    /// Writes the spec again, with another selection.
    pub fn select(&self, tables: &[&str]) {
        let tables = tables.iter().map(|table| format!("{table:?}")).collect::<Vec<_>>().join(", ");
        let (kind, port) = &self.target;
        let spec = format!(
            r#"
source "mysql" "from" {{
  host     = "127.0.0.1"
  port     = {}
  username = "mover"
  password = "secret"
  tls {{
    mode = "disabled"
  }}
}}
target "{kind}" "to" {{
  host          = "127.0.0.1"
  port          = {port}
  username      = "root"
  ledger_schema = "{}"
  tls {{
    mode = "disabled"
  }}
}}
migration "m" {{
  source = source.mysql.from
  target = target.{kind}.to
  tables = [{tables}]
  {}
}}
"#,
            self.source_port, self.ledger, self.rest
        );
        std::fs::write(self.dir.path().join("main.mig.hcl"), spec).unwrap();
    }

    /// Applies, and meanwhile, when rows of `filler` have come to the target, does `work`.
    pub async fn apply_during(&self, target: &Bed, filler: &str, work: impl Future<Output = ()>) -> Output {
        let mut command = program::command(self.dir.path(), &["apply", "-auto-approve"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
        let mut conn = target.server().connect(&super::write_role()).await.unwrap();
        let some = format!("SELECT 1 FROM {filler} LIMIT 1");
        for _ in 0..1500 {
            if ended.is_finished() || conn.query(&some).await.is_ok_and(|rows| !rows.rows.is_empty()) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(
            !ended.is_finished(),
            "it ended before anything could happen: {}",
            program::said(&ended.await.unwrap())
        );
        work.await;
        ended.await.unwrap()
    }

    pub fn apply(&self) -> Output {
        program::command(self.dir.path(), &["apply", "-auto-approve"]).output().unwrap()
    }

    /// Runs `mig` and judges it; see [`program::run`].
    pub fn run(&self, arguments: &[&str], expected: i32, told: &[&str]) -> String {
        program::run(self.dir.path(), arguments, expected, told)
    }

    pub fn certificate_path(&self) -> PathBuf {
        self.dir.path().join("mig.migstate.m.certificate.json")
    }

    /// The certificate of the last run that came so far.
    pub fn certificate(&self) -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(self.certificate_path()).unwrap()).unwrap()
    }

    /// Rows of a table on a server, by its own count.
    pub async fn rows(&self, bed: &Bed, table: &str) -> u64 {
        bed.rows(&format!("SELECT COUNT(*) FROM {table}")).await[0][0].parse().unwrap()
    }

    /// Removes what it has made: the state, the files, and on the target the ledger and the schema.
    pub async fn forget(&self, target: &Bed) {
        for entry in std::fs::read_dir(self.dir.path()).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                std::fs::remove_dir_all(path).unwrap();
            } else if !path.ends_with("main.mig.hcl") {
                std::fs::remove_file(path).unwrap();
            }
        }
        for schema in [&self.ledger, &self.schema] {
            target.drop_schema(schema).await;
        }
    }
}
