//! One migration by the program itself: its folder, its spec, its runs and its certificate.

use std::path::PathBuf;

use serde_json::Value;

use super::support::{Bed, program};

pub struct Journey {
    dir: tempfile::TempDir,
    pub source: Bed,
    pub target: Bed,
    schemas: Vec<String>,
    ledger: String,
}

impl Journey {
    /// Moves `schemas` from one server into TiDB. `body` stands in the migration block, before the gate's
    /// `accept_unproven`: other tests write to the same servers.
    pub async fn new(source: Bed, schemas: Vec<String>, name: &str, gates: &str, body: &str) -> Self {
        let target = Bed::tidb();
        let ledger = format!("ml_{}_{}_{name}", std::process::id(), source.kind);
        let journey = Self { dir: tempfile::tempdir().unwrap(), source, target, schemas, ledger };
        journey.forget().await;
        let tables: Vec<String> =
            journey.schemas.iter().map(|s| hcl(&format!("`{}`.*", s.replace('`', "``")))).collect();
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
  tables = [{}]
  gates {{
    accept_unproven = ["writes_stopped"]
{gates}
  }}
{body}
}}
"#,
            journey.source.config().port,
            journey.target.config().port,
            journey.ledger,
            tables.join(", "),
        );
        std::fs::write(journey.path("types.mig.hcl"), text).unwrap();
        journey
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs the program; `expected` is its exit code. Gives what it said.
    pub fn run(&self, arguments: &[&str], expected: i32) -> String {
        let output = program::command(self.dir.path(), arguments).output().unwrap();
        let told = program::said(&output);
        // The certificate's differences are not on the screen.
        let certificate = std::fs::read_to_string(self.path("mig.migstate.m.certificate.json")).unwrap_or_default();
        let differences: Vec<&str> =
            certificate.lines().filter(|line| line.contains("\"expected\"") || line.contains("\"actual\"")).collect();
        let what = format!("{}: {arguments:?}\n{told}\n{differences:#?}", self.source.kind);
        assert_eq!(output.status.code(), Some(expected), "{what}");
        told
    }

    /// Applies, asserts that every table is proven equal, and gives the certificate.
    pub fn apply(&self) -> Value {
        self.run(&["apply", "-auto-approve"], 0);
        let text = std::fs::read_to_string(self.path("mig.migstate.m.certificate.json")).unwrap();
        let certificate: Value = serde_json::from_str(&text).unwrap();
        for table in certificate["tables"].as_array().unwrap() {
            assert_eq!(table["equal"], true, "{}: {table:#}", self.source.kind);
        }
        // Apply reads the rows of so small tables; here the servers hash them, where a type lets them.
        self.run(&["verify"], 0);
        certificate
    }

    /// Removes what was moved.
    async fn forget(&self) {
        for schema in self.schemas.iter().chain([&self.ledger]) {
            let sql = format!("DROP DATABASE IF EXISTS `{}`", schema.replace('`', "``"));
            self.target.run(&[&sql]).await;
        }
    }

    /// Gives the source for another journey.
    pub fn released(self) -> Bed {
        self.source
    }

    pub async fn end(self) {
        self.forget().await;
        for schema in &self.schemas {
            let sql = format!("DROP DATABASE IF EXISTS `{}`", schema.replace('`', "``"));
            self.source.run(&[&sql]).await;
        }
    }
}

/// A text as HCL writes it.
fn hcl(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "$${").replace("%{", "%%{");
    format!("\"{text}\"")
}
