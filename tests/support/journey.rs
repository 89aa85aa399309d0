//! One migration by the program itself: its folder, its spec, its runs and its certificate.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Bed, program};

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
        journey.write(&[], gates, body);
        journey
    }

    /// The same of one schema without these objects.
    pub async fn leaving_out(source: Bed, schema: &str, name: &str, objects: &[String], gates: &str) -> Self {
        let journey = Self::new(source, vec![schema.to_owned()], name, "", "").await;
        journey.write(objects, gates, "");
        journey
    }

    /// Writes the spec. `left_out`: objects of the first schema.
    fn write(&self, left_out: &[String], gates: &str, body: &str) {
        let journey = self;
        let quoted = |name: &str| format!("`{}`", name.replace('`', "``"));
        let all = journey.schemas.iter().map(|schema| format!("{}.*", quoted(schema)));
        let but = left_out.iter().map(|name| format!("!{}.{}", quoted(&journey.schemas[0]), quoted(name)));
        let tables: Vec<String> = all.chain(but).map(|rule| hcl(&rule)).collect();
        let ports = (journey.source.config().port, journey.target.config().port);
        let text = format!(
            r#"
{}migration "m" {{
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
            super::server_blocks(ports, &journey.target, "root", &journey.ledger),
            tables.join(", "),
        );
        std::fs::write(journey.path("journey.mig.hcl"), text).unwrap();
    }

    /// A file of its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The first schema that it moves.
    pub fn schema(&self) -> &str {
        &self.schemas[0]
    }

    /// The ledger's schema on the target.
    pub fn ledger(&self) -> &str {
        &self.ledger
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.dir.path()
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

    /// Runs the program; its exit code and what it said.
    pub fn said(&self, arguments: &[&str]) -> (i32, String) {
        let output = program::command(self.dir.path(), arguments).output().unwrap();
        (output.status.code().unwrap_or(-1), program::said(&output))
    }

    /// Plans: the exit code, the plan, and what else was said.
    pub fn planned(&self) -> (i32, Value, String) {
        let output = program::command(self.dir.path(), &["plan", "-json"]).output().unwrap();
        let plan = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code().unwrap_or(-1), plan, String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Runs the program, whose answer on stdout is JSON.
    pub fn json(&self, arguments: &[&str], expected: i32) -> Value {
        let output = program::command(self.dir.path(), arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(expected), "{arguments:?}: {}", program::said(&output));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|fault| panic!("{fault}: {}", program::said(&output)))
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
