//! The program itself, from the spec to the certificate, against a real MySQL and a real TiDB: moved, killed, resumed,
//! refused. Each test has a schema, a ledger and a folder of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod approval;
mod diff;
mod faults;
mod status;
#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use support::{Bed, program};

const MARKER: &str = "s3cr3t-marker-7431";

/// One test's world.
struct Trial {
    dir: tempfile::TempDir,
    schema: String,
    ledger: String,
    source: Bed,
    target: Bed,
}

impl Trial {
    async fn new(name: &str) -> Self {
        Self::into(name, Bed::tidb()).await
    }

    async fn into(name: &str, target: Bed) -> Self {
        let rows = |sql: &str| {
            sql.replace(
                "SEQ",
                "(WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < 3000) SELECT n FROM s) q",
            )
        };
        let source = Bed::mysql();
        let schema = source
            .schema(
                name,
                &[
                    "SET SESSION cte_max_recursion_depth = 100000",
                    "CREATE TABLE keyed (id INT PRIMARY KEY, v VARCHAR(200), f FLOAT, d DECIMAL(20,6), j JSON) COLLATE utf8mb4_bin",
                    &rows("INSERT INTO keyed SELECT n, REPEAT('é', n % 90), n / 3, n / 7, JSON_OBJECT('n', n) FROM SEQ"),
                    "CREATE TABLE keyless (a INT, b VARCHAR(40)) COLLATE utf8mb4_general_ci",
                    &rows("INSERT INTO keyless SELECT n % 50, CONCAT('tab\\t', n % 7) FROM SEQ"),
                    "CREATE TABLE texts (k VARCHAR(40) PRIMARY KEY, b BLOB, parent INT, FOREIGN KEY (parent) REFERENCES keyed (id)) COLLATE utf8mb4_0900_ai_ci",
                    &rows("INSERT INTO texts SELECT CONCAT('k ', n), UNHEX(SHA2(n, 256)), n FROM SEQ WHERE n < 900"),
                    "CREATE VIEW seen AS SELECT id, v FROM keyed WHERE id < 10",
                ],
            )
            .await;
        let ledger = format!("ml_{schema}");
        target.drop_schema(&schema).await;
        target.drop_schema(&ledger).await;
        let trial = Self { dir: tempfile::tempdir().unwrap(), schema, ledger, source, target };
        trial.spec("");
        trial
    }

    /// Writes the spec; `rules` are further rules of the filter.
    fn spec(&self, rules: &str) {
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
  tables = ["{}.*"{rules}]
  gates {{
    # Other tests write to the same server.
    accept_unproven = ["writes_stopped"]
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

    /// Changes the spec's text.
    fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path("trial.mig.hcl")).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(self.path("trial.mig.hcl"), text.replacen(from, to, 1)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        program::command(self.dir.path(), arguments)
    }

    /// Runs the program; `expected` is its exit code, `told` a piece of what it says.
    fn run(&self, arguments: &[&str], expected: i32, told: &str) -> String {
        program::run(self.dir.path(), arguments, expected, &[told])
    }

    /// Runs the program to its end and leaves the state as a kill between its last record and the fold would.
    fn run_that_never_folds(&self, arguments: &[&str]) {
        let (state, journal, kept) = (self.path("mig.migstate"), self.path("mig.migstate.journal"), self.path("kept"));
        let base = std::fs::read(&state).ok();
        let mut child = self.command(arguments).stdout(Stdio::null()).spawn().unwrap();
        while std::fs::hard_link(&journal, &kept).is_err() {
            assert!(child.try_wait().unwrap().is_none(), "it ended before its journal was seen");
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(child.wait().unwrap().success());
        assert!(!journal.exists());
        std::fs::rename(kept, journal).unwrap();
        match base {
            Some(base) => std::fs::write(state, base).unwrap(),
            None => std::fs::remove_file(state).unwrap(),
        }
    }

    /// One value of a server.
    async fn ask(&self, bed: &Bed, sql: &str) -> String {
        let sql = sql.replace("DB", &self.schema);
        bed.rows(&sql).await[0].join(",")
    }

    /// The batches that the ledger has, with their sums.
    async fn ledger_batches(&self) -> Vec<Vec<String>> {
        let sql = format!(
            "SELECT tbl, epoch, chunk, from_row, to_row, `rows`, hash FROM {}.batches ORDER BY 1, 2, 3, 4",
            self.ledger
        );
        self.target.rows(&sql).await
    }

    /// Forgets everything that was moved.
    async fn anew(&self) {
        self.target.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.ledger).await;
        std::fs::remove_dir_all(self.path(".mig")).unwrap();
        for file in walk(self.dir.path()) {
            if file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("mig.migstate")) {
                std::fs::remove_file(file).unwrap();
            }
        }
    }

    async fn assert_equal(&self) {
        for sql in [
            "SELECT COUNT(*), SUM(id), SUM(CRC32(v)), SUM(d) FROM DB.keyed",
            "SELECT COUNT(*), SUM(a), SUM(CRC32(CONCAT(a, '/', b))) FROM DB.keyless",
            "SELECT COUNT(*), SUM(CRC32(HEX(b))), SUM(CRC32(k)), SUM(parent) FROM DB.texts",
            "SELECT COUNT(*), SUM(CRC32(v)) FROM DB.seen",
        ] {
            assert_eq!(self.ask(&self.source, sql).await, self.ask(&self.target, sql).await, "{sql}");
        }
    }

    async fn end(self) {
        self.source.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.ledger).await;
    }
}

#[tokio::test]
async fn tables_are_moved_and_a_second_plan_says_no_changes_until_the_filter_changes() {
    let trial = Trial::new("moves").await;
    trial.run(&["plan", "-detailed-exitcode"], 2, "keyless");
    trial.run(&["apply", "-auto-approve"], 0, "Certificate of migration.m");
    trial.assert_equal().await;
    trial.run(&["plan", "-detailed-exitcode"], 0, "No changes");
    trial.run(&["report"], 0, "row hashes");
    trial.spec(&format!(r#", "!{}.keyless""#, trial.schema));
    let plan = trial.run(&["plan", "-detailed-exitcode"], 2, "filter no longer includes");
    assert!(plan.contains("5 to forget") || plan.contains("4 to forget"), "{plan}");
    assert!(!plan.contains(".texts"), "{plan}");
    trial.end().await;
}

#[tokio::test]
async fn an_apply_killed_again_and_again_ends_with_every_row_once() {
    let kills = std::env::var("MIG_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    let seed = std::env::var("MIG_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(20_260_101);
    println!("MIG_SEED={seed} MIG_KILLS={kills}");
    let mut random = StdRng::seed_from_u64(seed);
    let trial = Trial::new("kills").await;
    let (mut killed, mut runs) = (0, 1);
    while killed < kills {
        let mut child =
            trial.command(&["apply", "-auto-approve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(random.random_range(5..900))).await;
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            killed += 1;
        }
        child.wait().unwrap();
        if trial.path("mig.migstate.m.certificate.json").exists() && killed < kills {
            // It came to its end between two kills: that end is looked at, and another journey begins.
            trial.run(&["apply", "-auto-approve"], 0, "");
            trial.assert_equal().await;
            trial.anew().await;
            runs += 1;
        }
    }
    println!("killed {killed} times in {runs} journeys");
    trial.run(&["apply", "-auto-approve"], 0, "");
    trial.assert_equal().await;
    trial.run(&["plan", "-detailed-exitcode"], 0, "No changes");
    trial.end().await;
}

#[tokio::test]
async fn what_a_run_killed_behind_its_last_record_left_is_folded_by_the_next_command_that_finds_nothing_to_do() {
    let trial = Trial::new("unfolded").await;
    trial.run_that_never_folds(&["apply", "-auto-approve"]);
    trial.run(&["apply", "-auto-approve"], 0, "No changes");
    assert!(!trial.path("mig.migstate.journal").exists());
    trial.run(&["plan", "-detailed-exitcode"], 0, "No changes");
    trial.run_that_never_folds(&["destroy", "-auto-approve"]);
    trial.run(&["destroy", "-auto-approve"], 0, "Nothing to destroy");
    assert!(!trial.path("mig.migstate.journal").exists());
    trial.assert_equal().await;
    trial.end().await;
}

#[tokio::test]
async fn a_plan_file_resumes_its_own_run() {
    let trial = Trial::new("resumes").await;
    trial.run(&["plan", "-out=p"], 0, "Saved");
    let mut child = trial.command(&["apply", "p"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    for _ in 0..500 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if std::fs::metadata(trial.path("mig.migstate.journal")).is_ok_and(|m| m.len() > 9_000) {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    trial.run(&["apply", "p"], 0, "");
    trial.assert_equal().await;
    trial.end().await;
}

#[tokio::test]
async fn a_target_is_done_with_what_it_needs_and_the_rest_is_left_for_later() {
    let trial = Trial::new("targets").await;
    let dump = format!("-target=migration.m.dump[\"{}.keyed\"]", trial.schema);
    trial.run(&["apply", "-auto-approve", &dump], 0, "not of the whole spec");
    let sql = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'DB'";
    assert_eq!(trial.ask(&trial.target, sql).await, "1");
    let state = trial.run(&["state", "list"], 0, "");
    assert!(state.contains("dump[") && !state.contains("load["), "{state}");
    trial.run(&["plan", &dump, "-detailed-exitcode"], 0, "No changes");
    trial.run(&["plan", "-target=migration.other"], 1, "names no step of this spec");
    trial.run(&["plan", "-destroy", &dump], 1, "do not go with -destroy");
    // A plan file keeps its own -target: what is applied is what was reviewed.
    let table = format!("-target=migration.m.table[\"{}.keyless\"]", trial.schema);
    trial.run(&["plan", &table, "-out=p"], 0, "Saved");
    trial.run(&["apply", "p"], 0, "");
    assert_eq!(trial.ask(&trial.target, sql).await, "2");
    trial.run(&["apply", "-auto-approve"], 0, "");
    trial.assert_equal().await;
    trial.run(&["plan", "-detailed-exitcode"], 0, "No changes");
    trial.end().await;
}

#[tokio::test]
async fn a_plan_that_is_not_what_was_reviewed_is_refused_and_nothing_is_touched() {
    let trial = Trial::new("stale").await;
    trial.run(&["plan", "-out=p"], 0, "Saved");
    let plan = std::fs::read_to_string(trial.path("p")).unwrap();
    let written = |name: &str, text: &str| std::fs::write(trial.path(name), text).unwrap();
    written("edited", &plan.replacen("\"create\"", "\"no_op\"", 1));
    trial.run(&["apply", "edited"], 3, "altered");
    written("cut", &plan[..plan.len() / 2]);
    trial.run(&["apply", "cut"], 3, "torn");
    written("none", "{}");
    trial.run(&["apply", "none"], 3, "not a plan");
    trial.edit("64KiB", "128KiB");
    trial.run(&["apply", "p"], 3, "the spec");
    trial.edit("128KiB", "64KiB");
    trial.source.run(&[&format!("ALTER TABLE {}.keyless ADD c INT", trial.schema)]).await;
    trial.run(&["apply", "p"], 3, "another structure");
    trial.run(&["plan", "-out=p"], 0, "Saved");
    trial.source.run(&[&format!("DROP TABLE {}.keyless", trial.schema)]).await;
    trial.run(&["apply", "p"], 3, "is gone from the source");
    let sql = "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'DB'";
    assert_eq!(trial.ask(&trial.target, sql).await, "0");
    assert!(!trial.path("mig.migstate").exists());
    trial.end().await;
}

#[tokio::test]
async fn bad_input_gets_a_clear_answer_and_its_exit_code() {
    let trial = Trial::new("bad").await;
    trial.run(&["apply"], 1, "no terminal");
    trial.run(&["nonsense"], 1, "");
    trial.run(&["plan", "-replace=nonsense"], 1, "not an address");
    trial.spec(&format!(r#", "!{}.*""#, trial.schema));
    trial.run(&["plan"], 5, "");
    trial.spec("");
    trial.edit("username = \"root\"", "username = \"nobody\"");
    trial.run(&["plan"], 5, "nobody");
    trial.spec("");
    trial.edit("127.0.0.1", "no-such-host.invalid");
    trial.run(&["plan"], 5, "no-such-host.invalid");
    trial.spec("");
    trial.edit(&format!("port     = {}", trial.source.config().port), "port     = 1");
    trial.run(&["plan"], 5, "127.0.0.1:1");
    trial.spec("");
    trial
        .target
        .run(&[&format!("CREATE DATABASE {}", trial.schema), &format!("CREATE TABLE {}.keyed (id INT)", trial.schema)])
        .await;
    trial.run(&["plan"], 5, "target_tables");
    trial.run(&["apply", "-auto-approve"], 5, "");
    trial.target.drop_schema(&trial.schema).await;
    for (state, told) in [("{\"format_version\": 1, \"lin", "state"), ("{\"format_version\": 99}", "99"), ("", "empty")]
    {
        std::fs::write(trial.path("mig.migstate"), state).unwrap();
        trial.run(&["plan"], 1, told);
        trial.run(&["apply", "-auto-approve"], 1, told);
        assert_eq!(std::fs::read_to_string(trial.path("mig.migstate")).unwrap(), state);
    }
    trial.end().await;
}

#[tokio::test]
async fn a_second_apply_is_kept_out_by_the_lock() {
    let trial = Trial::new("locked").await;
    let file = std::fs::File::create(trial.path("mig.migstate.lock")).unwrap();
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).unwrap();
    trial.run(&["apply", "-auto-approve"], 4, "lock");
    drop(file);
    trial.end().await;
}

#[tokio::test]
async fn a_ledger_that_is_behind_and_a_table_that_is_gone_are_drift() {
    let trial = Trial::new("drift").await;
    trial.run(&["apply", "-auto-approve"], 0, "");
    trial.target.run(&[&format!("DELETE FROM {}.batches WHERE tbl LIKE '%keyless'", trial.ledger)]).await;
    trial.run(&["plan", "-detailed-exitcode"], 2, "the ledger on the target is not what was recorded");
    trial.target.run(&[&format!("DROP TABLE {}.texts", trial.schema)]).await;
    trial.run(&["plan", "-detailed-exitcode"], 2, "gone from the target");
    trial.end().await;
}

#[tokio::test]
async fn a_second_lineage_and_the_ledger_itself_are_kept_apart() {
    let trial = Trial::new("two").await;
    trial.run(&["apply", "-auto-approve"], 0, "");
    let other = tempfile::tempdir().unwrap();
    std::fs::copy(trial.path("trial.mig.hcl"), other.path().join("trial.mig.hcl")).unwrap();
    let output = trial.command(&["apply", "-auto-approve"]).current_dir(other.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", program::said(&output));
    assert!(program::said(&output).contains("target_tables"), "{}", program::said(&output));
    trial.assert_equal().await;
    // A schema of the ledger's name on the source is never taken along, whatever the filter says; nor are the system's.
    trial
        .source
        .run(&[
            &format!("CREATE DATABASE {}", trial.ledger),
            &format!("CREATE TABLE {}.batches (id INT PRIMARY KEY)", trial.ledger),
        ])
        .await;
    trial.edit(
        &format!("\"{}.*\"", trial.schema),
        &format!("\"{}.*\", \"mysql.*\", \"{}.*\"", trial.schema, trial.ledger),
    );
    trial.run(&["plan", "-detailed-exitcode"], 0, "No changes");
    trial.source.drop_schema(&trial.ledger).await;
    trial.end().await;
}

#[tokio::test]
async fn without_verification_the_report_waits_for_the_loads_and_says_unproven() {
    let trial = Trial::new("unverified").await;
    trial.edit("chunk_bytes = \"64KiB\"\n  }", "chunk_bytes = \"64KiB\"\n  }\n  verify {\n    mode = \"none\"\n  }");
    trial.run(&["apply", "-auto-approve"], 0, "unproven");
    trial.assert_equal().await;
    trial.run(&["plan", "-detailed-exitcode"], 0, "No changes");
    trial.edit("mode = \"none\"", "mode = \"count\"");
    trial.run(&["apply", "-auto-approve"], 0, "unproven");
    trial.edit("mode = \"count\"", "mode = \"full\"");
    trial.run(&["apply", "-auto-approve"], 0, "row hashes");
    trial.run(&["plan", "-detailed-exitcode"], 0, "No changes");
    trial.end().await;
}

#[tokio::test]
async fn a_write_to_the_source_in_the_middle_is_detected_and_the_named_way_on_moves_anew() {
    let trial = Trial::new("written").await;
    // Nothing is hashed again, so only the binlog can tell; the reader is slow enough to be met.
    trial.edit(
        "chunk_bytes = \"64KiB\"\n  }",
        "chunk_bytes = \"64KiB\"\n    rate_limit = \"256KiB\"\n  }\n  verify {\n    mode = \"none\"\n  }",
    );
    let child =
        trial.command(&["apply", "-auto-approve"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    for _ in 0..500 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let journal = std::fs::read_to_string(trial.path("mig.migstate.journal")).unwrap_or_default();
        if journal.contains("migration.m.dump") {
            break;
        }
    }
    trial.source.run(&[&format!("INSERT INTO {}.keyed (id, v) VALUES (100000, 'late')", trial.schema)]).await;
    let output = child.wait_with_output().unwrap();
    let told = program::said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(6), "{told}");
    assert!(told.contains(&format!("writes to {}.keyed were seen", trial.schema)), "{told}");
    trial.run(&["plan"], 5, "writes_stopped");
    trial.run(&["apply", "-auto-approve", "-replace=migration.m.gate[\"writes_stopped\"]"], 0, "");
    trial.assert_equal().await;
    trial.end().await;
}

#[tokio::test]
async fn destroy_removes_the_scaffolding_and_leaves_the_tables() {
    let trial = Trial::new("destroys").await;
    trial.run(&["apply", "-auto-approve"], 0, "");
    trial.run(&["destroy", "-auto-approve", "-drop-target-data"], 1, "-confirm");
    trial.run(&["destroy", "-auto-approve"], 0, "");
    trial.assert_equal().await;
    let sql = format!("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = '{}'", trial.ledger);
    assert_eq!(trial.ask(&trial.target, &sql).await, "0");
    let left = walk(trial.dir.path()).into_iter().filter(|p| p.extension().is_some_and(|e| e == "sql"));
    assert_eq!(left.count(), 0);
    trial.end().await;
}

#[tokio::test]
async fn target_data_is_dropped_only_where_it_is_what_was_put_there() {
    let trial = Trial::new("drops").await;
    trial.run(&["apply", "-auto-approve"], 0, "");
    trial.target.run(&[&format!("INSERT INTO {}.keyless VALUES (7, 'a stranger')", trial.schema)]).await;
    let all = ["destroy", "-auto-approve", "-drop-target-data", "-confirm=127.0.0.1"];
    trial.run(&all, 5, "rows are in it");
    assert_eq!(trial.ask(&trial.target, "SELECT COUNT(*) FROM DB.keyless").await, "3001");
    trial.target.run(&[&format!("DELETE FROM {}.keyless WHERE b = 'a stranger'", trial.schema)]).await;
    trial.run(&all, 0, "");
    let sql = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'DB'";
    assert_eq!(trial.ask(&trial.target, sql).await, "0");
    trial.end().await;
}

#[tokio::test]
async fn a_write_to_the_target_is_found_with_its_count() {
    let trial = Trial::new("differs").await;
    trial.run(&["apply", "-auto-approve"], 0, "");
    trial.target.run(&[&format!("UPDATE {}.texts SET b = 'x' WHERE k = 'k 7'", trial.schema)]).await;
    let verify = format!("-replace=migration.m.verify[\"{}.texts\"]", trial.schema);
    trial.run(&["apply", "-auto-approve", &verify], 6, "1 row changed (the key is on both sides)");
    trial.run(&["apply", "-auto-approve", "-show-keys", &verify], 6, "changed k=k 7");
    trial.end().await;
}

#[tokio::test]
async fn a_password_is_in_no_file_no_output_and_no_argument() {
    let trial = Trial::new("secret").await;
    let user = format!("u_{}", std::process::id());
    trial
        .source
        .run(&[
            &format!("DROP USER IF EXISTS {user}"),
            &format!("CREATE USER {user} IDENTIFIED BY '{MARKER}'"),
            &format!("GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO {user}"),
        ])
        .await;
    trial.edit("username = \"root\"", &format!("username = \"{user}\"\n  password = var.secret"));
    let text = std::fs::read_to_string(trial.path("trial.mig.hcl")).unwrap();
    let variable = "variable \"secret\" {\n  type = string\n  sensitive = true\n  env = \"TRIAL_SECRET\"\n}\n";
    std::fs::write(trial.path("trial.mig.hcl"), format!("{variable}{text}")).unwrap();
    trial.run(&["plan", &format!("-var=secret={MARKER}")], 1, "");
    let mut told = program::said(
        &trial.command(&["plan", "-out=p", "-html=plan.html"]).env("TRIAL_SECRET", MARKER).output().unwrap(),
    );
    let child = trial
        .command(&["apply", "p"])
        .env("TRIAL_SECRET", MARKER)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    told += &std::fs::read_to_string(format!("/proc/{}/cmdline", child.id())).unwrap_or_default();
    let output = child.wait_with_output().unwrap();
    told += &program::said(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    told += &program::said(&trial.command(&["plan"]).env("TRIAL_SECRET", format!("wrong-{MARKER}")).output().unwrap());
    told += &program::said(&trial.command(&["show", "-html=state.html"]).env("TRIAL_SECRET", MARKER).output().unwrap());
    assert!(trial.path("plan.html").exists() && trial.path("state.html").exists(), "{told}");
    assert!(!told.contains(MARKER), "{told}");
    for file in walk(trial.dir.path()) {
        let bytes = std::fs::read(&file).unwrap();
        let found = bytes.windows(MARKER.len()).any(|w| w == MARKER.as_bytes());
        assert!(!found, "{}", file.display());
    }
    trial.source.run(&[&format!("DROP USER {user}")]).await;
    trial.end().await;
}

#[test]
fn a_spec_with_six_faults_prints_six_diagnostics_with_their_places() {
    let dir = tempfile::tempdir().unwrap();
    let text = "source \"mysql\" \"shop\" {\n  host = \"h\"\n  prt = 1\n  username = 7 + 1\n}\n\
                target \"tidb\" \"t\" {\n  host = \"h\"\n  username = \"u\"\n}\n\
                migration \"m\" {\n  source = source.mysql.shp\n  target = target.tidb.t\n  dump {\n    file_size = \"1MB\"\n  }\n  \
                verify {\n    mode = \"fulll\"\n  }\n}\nmigratoin \"x\" {}\n";
    std::fs::write(dir.path().join("a.mig.hcl"), text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_mig")).arg("-chdir").arg(dir.path()).arg("plan").output().unwrap();
    let told = program::said(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    for place in
        ["a.mig.hcl:3:3", "a.mig.hcl:4:14", "a.mig.hcl:11:12", "a.mig.hcl:14:17", "a.mig.hcl:17:12", "a.mig.hcl:20:1"]
    {
        assert!(told.contains(place), "{place} is missing\n{told}");
    }
    assert!(told.matches('^').count() >= 6, "{told}");
}

/// Every file below a folder.
fn walk(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        if entry.path().is_dir() {
            files.extend(walk(&entry.path()));
        } else {
            files.push(entry.path());
        }
    }
    files
}
