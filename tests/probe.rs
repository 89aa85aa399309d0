//! `mig plan -probe` with the program itself between real servers: what it says, and that nothing stays behind. Judged by SQL
//! on the target.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::PathBuf;
use std::process::Stdio;

use support::{Bed, program, server_blocks};

const SETUP: &[&str] = &[
    "ALTER DATABASE COLLATE utf8mb4_bin",
    "CREATE TABLE p (id INT PRIMARY KEY, n VARCHAR(20) DEFAULT 'é', g INT AS (id + 1) STORED, UNIQUE KEY (g))",
    "CREATE TABLE c (id INT PRIMARY KEY, p INT, up INT, CONSTRAINT to_p FOREIGN KEY (p) REFERENCES p (id), \
     CONSTRAINT to_c FOREIGN KEY (up) REFERENCES c (id)) COMMENT = 'of `p`.`c`'",
    "INSERT INTO p (id) VALUES (1), (2)",
    "CREATE TABLE parts (id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 3",
    "CREATE VIEW a_top AS SELECT z.id, (SELECT COUNT(*) FROM c WHERE c.p = z.id) AS n FROM z_base z",
    "CREATE VIEW z_base AS SELECT id, n FROM p",
];

/// A schema on the source, and a spec that moves it into the target as a user of its own.
struct Trial {
    dir: tempfile::TempDir,
    schema: String,
    source: Bed,
    target: Bed,
    user: String,
}

impl Trial {
    /// `rights`: what the user may do with schemas of a probe.
    async fn new(name: &str, target: Bed, more: &[&str], rights: &str) -> Self {
        let source = Bed::mysql();
        // The views stand against the order of their names.
        let mut setup = SETUP.to_vec();
        setup.swap(5, 6);
        let schema = source.schema(&format!("probe_{name}"), &[&setup[..], more].concat()).await;
        let user = format!("u{}_{name}", std::process::id());
        target.drop_schema(&schema).await;
        target
            .run(&[
                &format!("DROP USER IF EXISTS '{user}'@'%'"),
                &format!("CREATE USER '{user}'@'%'"),
                &format!("GRANT ALL ON `{schema}`.* TO '{user}'@'%'"),
                &format!("GRANT ALL ON `ml_{schema}`.* TO '{user}'@'%'"),
            ])
            .await;
        if !rights.is_empty() {
            target.run(&[&format!("GRANT {rights} ON `mig\\_probe\\_%`.* TO '{user}'@'%'")]).await;
        }
        let trial = Self { dir: tempfile::tempdir().unwrap(), schema, source, target, user };
        trial.spec();
        trial
    }

    fn spec(&self) {
        let ports = (self.source.config().port, self.target.config().port);
        let text = format!(
            "{}migration \"m\" {{\n  source = source.mysql.from\n  target = target.{}.to\n  tables = [\"{}.*\"]\n  gates \
             {{\n    accept_unproven = [\"writes_stopped\"]\n  }}\n}}\n",
            server_blocks(ports, &self.target, &self.user, &format!("ml_{}", self.schema)),
            self.target.label(),
            self.schema
        );
        std::fs::write(self.path("trial.mig.hcl"), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn mig(&self, arguments: &[&str], expected: i32, told: &[&str]) -> String {
        program::run(self.dir.path(), arguments, expected, told)
    }

    /// No schema of a probe is on the target, none of the plan, and no ledger.
    async fn nothing_is_left(&self) {
        let sql = format!(
            "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE 'mig\\_probe\\_%' OR SCHEMA_NAME IN \
             ('{0}', 'ml_{0}')",
            self.schema
        );
        assert!(self.target.rows(&sql).await.is_empty(), "{:?}", self.target.rows(&sql).await);
    }

    async fn end(self) {
        self.source.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.schema).await;
        self.target.drop_schema(&format!("ml_{}", self.schema)).await;
        self.target.run(&[&format!("DROP USER IF EXISTS '{}'@'%'", self.user)]).await;
    }
}

/// One after the other: a probe names schemas that others have left.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test]
async fn what_a_plan_creates_is_tried_beside_everything_else_and_removed() {
    let _alone = ALONE.lock().await;
    for target in [Bed::tidb(), Bed::mariadb()] {
        let trial = Trial::new("sound", target, &[], "ALL").await;
        let told = trial.mig(
            &["plan", "-probe", "-out", "plan.bin"],
            0,
            &["Probed migration.m at 127.0.0.1:", "3 tables, 2 views and 2 foreign keys", "These schemas are removed."],
        );
        assert!(trial.path("plan.bin").exists(), "{told}");
        trial.nothing_is_left().await;
        let told = trial.mig(&["plan", "-json", "-probe"], 0, &[]);
        let value: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!(value["probe"][0]["tables"], 3, "{value:#}");
        assert_eq!(value["probe"][0]["views"], 2, "{value:#}");
        trial.mig(&["apply", "-auto-approve"], 0, &["✓ equal"]);
        trial.mig(&["plan", "-probe", "-detailed-exitcode"], 0, &["No changes", "creates no table and no view"]);
        trial.end().await;
    }
}

#[tokio::test]
async fn what_the_target_refuses_is_told_with_its_answer_and_nothing_is_saved() {
    let _alone = ALONE.lock().await;
    // A column that the target's own table does not have; and a view over that view.
    let more = [
        "CREATE VIEW odd AS SELECT id, (SELECT MAX(c.SRS_ID) FROM information_schema.COLUMNS c) AS e FROM p",
        "CREATE VIEW on_odd AS SELECT id FROM odd",
    ];
    let trial = Trial::new("refused", Bed::tidb(), &more, "ALL").await;
    let view = format!("the target refuses the view {}.odd", trial.schema);
    let told = trial.mig(
        &["plan", "-probe", "-out", "plan.bin"],
        5,
        &["MIG5125", &view, "error 1054", "3 tables, 2 views", "Not saved", "These schemas are removed."],
    );
    assert_eq!(told.matches("error[MIG5125]").count(), 1, "what stands on a refused view is not tried: {told}");
    assert!(!trial.path("plan.bin").exists());
    trial.nothing_is_left().await;
    trial.end().await;
}

#[tokio::test]
async fn a_user_without_rights_on_schemas_of_a_probe_is_told_which_to_grant() {
    let _alone = ALONE.lock().await;
    let trial = Trial::new("rights", Bed::tidb(), &[], "").await;
    trial.mig(&["plan", "-probe"], 1, &["MIG5129", "mig_probe_", "Grant the user all rights"]);
    trial.nothing_is_left().await;
    trial.end().await;
}

#[tokio::test]
async fn an_interrupted_probe_removes_what_it_has_made() {
    let _alone = ALONE.lock().await;
    let many: Vec<String> =
        (0..60).map(|n| format!("CREATE TABLE t{n} (id INT PRIMARY KEY, v INT, KEY (v))")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let trial = Trial::new("stopped", Bed::tidb(), &many, "ALL").await;
    let mut command = program::command(trial.dir.path(), &["plan", "-probe"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = child.id().to_string();
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let some = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA LIKE 'mig\\_probe\\_%'";
    while !ended.is_finished() && trial.target.rows(some).await == [["0"]] {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(!ended.is_finished(), "it ended before it could be interrupted");
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let output = ended.await.unwrap();
    let told = program::said(&output);
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(program::flat(&told).contains("It was interrupted: the rest was not tried."), "{told}");
    assert!(!told.contains("creates no table"), "what was not tried is not said to be nothing: {told}");
    trial.nothing_is_left().await;
    trial.end().await;
}
