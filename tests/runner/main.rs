//! A migration whose runner is another machine: a real sshd stands for it, on loopback or, for what happens to a network, in
//! a network namespace of its own. What is looked at here: that a plan
//! leaves nothing there, that the worker outlives the line, its controller and its sshd, that it obeys one controller,
//! and that no password lies there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod engines;
mod strikes;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use support::proxy::{Fault, Proxy, Toward};
use support::{Bed, program};

/// Rows of the table with a key: at the dump's rate they take some seconds.
const ROWS: u32 = 30_000;
const PATIENCE: Duration = Duration::from_secs(120);
const PASSWORD: &str = "Over-the-line-only-77";

/// A machine of its own: an sshd with keys of its own. Its end is the end of the value.
struct Machine {
    dir: PathBuf,
}

/// Where the machine stands.
#[derive(Clone, Copy, PartialEq)]
enum At {
    Loopback,
    /// In a network namespace, with a cable for SSH and another for the databases. Needs root.
    OwnHost,
}

impl Machine {
    fn new(dir: PathBuf, at: At) -> Self {
        let machine = Self { dir };
        machine.script_at("start", at);
        machine
    }

    fn script(&self, verb: &str) {
        self.script_at(verb, At::Loopback);
    }

    fn script_at(&self, verb: &str, at: At) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testbed/sshd");
        let mut command = Command::new(script);
        if at == At::OwnHost {
            command.env("SSHD_HOST", "1");
        }
        let output = command.arg(verb).arg(&self.dir).output().unwrap();
        assert!(output.status.success(), "sshd {verb}: {}", program::said(&output));
    }

    fn value(&self, name: &str) -> String {
        let env = std::fs::read_to_string(self.dir.join("env")).unwrap();
        let line = env.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap();
        line.trim_matches('\'').to_owned()
    }

    fn port(&self) -> u16 {
        self.value("PORT").parse().unwrap()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testbed/sshd");
        let _ = Command::new(script).arg("stop").arg(&self.dir).status();
    }
}

/// One migration over one machine.
struct Journey {
    /// Ends before its folder does.
    machine: Machine,
    dir: tempfile::TempDir,
    line: Proxy,
    /// Where the machine finds the source and the target.
    servers: [Proxy; 2],
    source: Bed,
    target: Bed,
    schema: String,
    ledger: String,
}

impl Journey {
    /// `rate`: the dump's, so that there is time for something to happen.
    async fn new(name: &str, rate: &str) -> Self {
        Self::over(name, rate, At::Loopback).await
    }

    async fn over(name: &str, rate: &str, at: At) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (source, target) = (Bed::mysql(), Bed::tidb());
        let numbers = format!(
            "(WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < {ROWS}) SELECT n FROM s) q"
        );
        let schema = source
            .schema(
                &format!("runner_{name}"),
                &[
                    "SET SESSION cte_max_recursion_depth = 1000000",
                    "CREATE TABLE keyed (id INT PRIMARY KEY, v VARCHAR(200)) COLLATE utf8mb4_bin",
                    &format!("INSERT INTO keyed SELECT n, CONCAT('é\t', SHA2(n, 256), n) FROM {numbers}"),
                    "CREATE TABLE keyless (n INT, b VARCHAR(200)) COLLATE utf8mb4_general_ci",
                    &format!("INSERT INTO keyless SELECT n, SHA2(n % 70, 256) FROM {numbers} WHERE n <= 2000"),
                ],
            )
            .await;
        let ledger = format!("ml_{schema}");
        target.drop_schema(&schema).await;
        target.drop_schema(&ledger).await;
        let user = format!("u_{schema}");
        let mover = format!("'{}'@'%'", &user[..user.len().min(32)]);
        source
            .run(&[
                &format!("DROP USER IF EXISTS {mover}"),
                &format!("CREATE USER {mover} IDENTIFIED BY '{PASSWORD}'"),
                &format!("GRANT ALL ON *.* TO {mover}"),
            ])
            .await;
        let machine = Machine::new(dir.path().join("machine"), at);
        let line = Proxy::to(machine.port());
        let lan = machine.value("LAN");
        let servers = [&source, &target].map(|bed| Proxy::at(&lan, bed.config().port));
        let journey = Self { dir, machine, line, servers, source, target, schema, ledger };
        let spec = journey.spec(&user[..user.len().min(32)], rate);
        std::fs::create_dir(journey.here()).unwrap();
        std::fs::write(journey.here().join("trial.mig.hcl"), spec).unwrap();
        journey
    }

    fn spec(&self, user: &str, rate: &str) -> String {
        let (schema, ledger) = (&self.schema, &self.ledger);
        let (host, lan) = (self.machine.value("HOST"), self.machine.value("LAN"));
        let port = if host == "127.0.0.1" { self.line.port } else { self.machine.port() };
        let [to_source, to_target] = self.servers.each_ref().map(|server| server.port);
        let (login, key, host_key) =
            (self.machine.value("USER_NAME"), self.machine.value("IDENTITY"), self.machine.value("HOST_KEY"));
        let there = self.there().display().to_string();
        format!(
            r#"
variable "password" {{
  type      = string
  sensitive = true
}}
source "mysql" "from" {{
  host     = "{lan}"
  port     = {to_source}
  username = "{user}"
  password = var.password
  tls {{
    mode = "required"
  }}
}}
target "tidb" "to" {{
  host          = "{lan}"
  port          = {to_target}
  username      = "root"
  ledger_schema = "{ledger}"
  tls {{
    mode = "disabled"
  }}
}}
runner "ssh" "mover" {{
  host          = "{host}"
  port          = {port}
  user          = "{login}"
  identity_file = "{key}"
  host_key      = "{host_key}"
  workdir       = "{there}"
}}
migration "m" {{
  source = source.mysql.from
  target = target.tidb.to
  runner = runner.ssh.mover
  tables = ["{schema}.*"]
  gates {{
    # Other tests write to the same server.
    accept_unproven = ["writes_stopped"]
  }}
  dump {{
    threads     = 2
    chunk_bytes = "64KiB"
    file_size   = "128KiB"
    rate_limit  = {rate}
  }}
  load {{
    batch_bytes = "32KiB"
  }}
}}
"#
        )
    }

    fn here(&self) -> PathBuf {
        self.dir.path().join("here")
    }

    fn there(&self) -> PathBuf {
        self.dir.path().join("there")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.there().join("m/worker/worker.log")).unwrap_or_default()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program::command(&self.here(), arguments);
        command.env("MIG_VAR_password", PASSWORD);
        command
    }

    fn run(&self, arguments: &[&str], expected: i32, told: &[&str]) -> String {
        program::judge(&self.command(arguments).output().unwrap(), arguments, expected, told)
    }

    /// The runner made ready: what follows shows the tables.
    fn prepare(&self) {
        self.run(&["apply", "-auto-approve"], 2, &["Stopped for review"]);
    }

    fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Batches that are on the target.
    async fn batches(&self) -> usize {
        let exists = format!(
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '{}' AND table_name = 'batches'",
            self.ledger
        );
        if self.target.rows(&exists).await[0][0] == "0" {
            return 0;
        }
        let count = format!("SELECT COUNT(*) FROM {}.batches", self.ledger);
        self.target.rows(&count).await[0][0].parse().unwrap()
    }

    /// Begins an apply and kills it: its worker goes on.
    async fn leave_at_work(&self) {
        let mut child = self.start(&["apply", "-auto-approve"]);
        self.until_batches(2).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }

    async fn until_batches(&self, more_than: usize) -> usize {
        let began = Instant::now();
        loop {
            let batches = self.batches().await;
            if batches > more_than {
                return batches;
            }
            assert!(began.elapsed() < PATIENCE, "no batch came after {more_than}:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Rows of the larger table that have come.
    async fn rows_there(&self) -> u32 {
        let sql = format!("SELECT COUNT(*) FROM {}.keyed", self.schema);
        self.target.rows(&sql).await[0][0].parse().unwrap()
    }

    async fn until_log(&self, words: &str) {
        let began = Instant::now();
        while !self.log().contains(words) {
            assert!(began.elapsed() < PATIENCE, "{words:?} does not come:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Every row once, every part moved by one transaction of the first epoch, by as many workers as said.
    async fn every_row_once(&self, workers: usize) {
        for table in ["keyed", "keyless"] {
            let sum = format!("SELECT COUNT(*), BIT_XOR(CRC32(CONCAT_WS('#', t.*))) FROM {}.{table} t", self.schema);
            let sum = sum.replace("t.*", if table == "keyed" { "id, v" } else { "n, b" });
            assert_eq!(self.source.rows(&sum).await, self.target.rows(&sum).await, "{table}");
        }
        let epochs =
            format!("SELECT MIN(epoch), MAX(epoch), SUM(`rows`) FROM {}.batches WHERE tbl LIKE '%keyed'", self.ledger);
        let rows = self.target.rows(&epochs).await;
        assert_eq!(rows[0][0], rows[0][1], "a table was loaded twice");
        assert_eq!(rows[0][2], ROWS.to_string());
        let log = self.log();
        assert_eq!(log.matches(" is here, process ").count(), workers, "{log}");
    }

    async fn end(self) {
        self.run(&["destroy", "-auto-approve"], 0, &[]);
        let left: Vec<_> = std::fs::read_dir(self.there()).into_iter().flatten().flatten().map(|e| e.path()).collect();
        assert!(left.is_empty(), "destroy left {left:?}");
        let rows = self.target.rows(&format!("SELECT COUNT(*) FROM {}.keyed", self.schema)).await;
        assert_eq!(rows[0][0], ROWS.to_string(), "destroy touched migrated data");
        let user = format!("u_{}", self.schema);
        self.source.run(&[&format!("DROP USER '{}'@'%'", &user[..user.len().min(32)])]).await;
        self.source.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.schema).await;
    }
}

/// All files under a folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&entry.path())),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found
}

fn holds(file: &Path, text: &str) -> bool {
    let bytes = std::fs::read(file).unwrap_or_default();
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn ended(child: Child) -> Output {
    child.wait_with_output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_moves_over_another_machine_and_leaves_no_password_there() {
    let journey = Journey::new("plain", "null").await;
    journey.run(&["plan", "-detailed-exitcode"], 2, &["migration.m.tables (known after runner.ssh.mover)"]);
    assert!(!journey.there().exists(), "a plan left something on the runner");
    journey.prepare();
    journey.run(&["plan", "-out=first.migplan"], 0, &["tables, 3", "passed connectivity"]);
    journey.run(&["apply", "first.migplan"], 0, &["Certificate of migration.m", "30,000 rows"]);
    journey.every_row_once(1).await;
    journey.run(&["plan", "-detailed-exitcode"], 0, &["No changes"]);
    journey.run(&["verify"], 0, &["Verification of migration.m: equal"]);
    journey.run(&["logs"], 0, &["migration.m.report: Complete", "the work has ended: Success"]);
    journey.run(&["report"], 0, &["equal"]);
    let all = [files(&journey.there()), files(&journey.here())].concat();
    assert!(all.len() > 20, "{all:?}");
    for file in all.iter().filter(|file| !file.parent().is_some_and(|dir| dir.ends_with("bin"))) {
        assert!(!holds(file, PASSWORD), "the password lies in {}", file.display());
    }
    // A row that was changed behind mig's back is found from over there.
    journey.target.run(&[&format!("UPDATE {}.keyed SET v = 'other' WHERE id = 7", journey.schema)]).await;
    journey.run(&["verify"], 6, &["different"]);
    journey.target.run(&[&format!("DELETE FROM {}.keyed WHERE id = 7", journey.schema)]).await;
    let row = journey.source.rows(&format!("SELECT v FROM {}.keyed WHERE id = 7", journey.schema)).await;
    journey.target.run(&[&format!("INSERT INTO {}.keyed VALUES (7, '{}')", journey.schema, row[0][0])]).await;
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_goes_on_when_its_controller_is_killed_and_the_next_apply_reattaches() {
    let journey = Journey::new("killed", "\"64KiB\"").await;
    journey.prepare();
    for _ in 0..2 {
        let mut first = journey.start(&["apply", "-auto-approve"]);
        let seen = journey.until_batches(journey.batches().await).await;
        first.kill().unwrap();
        first.wait().unwrap();
        journey.until_batches(seen).await;
    }
    journey.run(&["plan"], 0, &["migration.m"]);
    let again = journey.run(&["apply", "-auto-approve"], 0, &["Certificate of migration.m"]);
    journey.every_row_once(1).await;
    assert!(journey.log().contains("it goes on with the work that is under way"), "{again}\n{}", journey.log());
    journey.run(&["plan", "-detailed-exitcode"], 0, &["No changes"]);
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_cut_and_an_sshd_that_is_restarted_are_waited_out() {
    let journey = Journey::new("cut", "\"64KiB\"").await;
    journey.prepare();
    let child = journey.start(&["apply", "-auto-approve"]);
    journey.until_batches(0).await;
    journey.line.arm(&[Fault::Drop { after: Duration::from_millis(1) }]);
    journey.until_log("attached with number 2").await;
    journey.machine.script("restart");
    journey.until_log("attached with number 3").await;
    // Both ends stay open and nothing passes any more: found out by SSH's own questions.
    journey.line.arm(&[Fault::Silence { toward: Toward::Client, after: 1 }]);
    let output = ended(child);
    program::judge(&output, &["apply"], 0, &["Certificate of migration.m"]);
    journey.every_row_once(1).await;
    let attached = journey.log().matches("a controller has attached").count();
    assert!(attached >= 3, "{}", journey.log());
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cable_that_is_pulled_out_stops_nobody_and_is_waited_out() {
    let journey = Journey::over("cable", "\"128KiB\"", At::OwnHost).await;
    journey.prepare();
    let child = journey.start(&["apply", "-auto-approve"]);
    journey.until_batches(0).await;
    journey.machine.script("cut");
    // Nobody tells either end. The worker has its databases, and goes on.
    let seen = journey.until_batches(journey.batches().await + 4).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(journey.batches().await > seen, "{}", journey.log());
    journey.machine.script("mend");
    // Long enough for a question of SSH to have gone unanswered: the old line, or a new one, brings the end.
    program::judge(&ended(child), &["apply"], 0, &["Certificate of migration.m"]);
    journey.every_row_once(1).await;
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_goes_on_from_its_journal() {
    let journey = Journey::new("worker", "\"160KiB\"").await;
    journey.prepare();
    let child = journey.start(&["apply", "-auto-approve"]);
    journey.until_batches(2).await;
    let kill = |nth: usize| {
        let log = journey.log();
        let pid = log.lines().filter_map(|line| line.split(" is here, process ").nth(1)).nth(nth).unwrap().to_owned();
        let status = Command::new("kill").args(["-KILL", &pid]).status().unwrap();
        assert!(status.success(), "{pid}");
    };
    kill(0);
    // The controller that is still there starts it again and hands it the passwords once more.
    let seen = journey.until_batches(journey.batches().await).await;
    let mut child = child;
    child.kill().unwrap();
    child.wait().unwrap();
    kill(1);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let still = journey.batches().await;
    assert!(still >= seen);
    // Nobody is there who knows the passwords: it stays stopped.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(journey.batches().await, still);
    journey.run(&["apply", "-auto-approve"], 0, &["Certificate of migration.m"]);
    journey.every_row_once(3).await;
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_leaves_the_worker_at_work_unless_it_is_asked_to_stop_it() {
    let journey = Journey::new("stop", "\"64KiB\"").await;
    journey.prepare();
    let interrupt = |child: &Child| program::signal(child, "-INT");
    let child = journey.start(&["apply", "-auto-approve"]);
    let seen = journey.until_batches(0).await;
    interrupt(&child);
    program::judge(&ended(child), &["apply"], 130, &["The worker on the runner goes on"]);
    journey.until_batches(seen).await;
    let child = journey.start(&["apply", "-auto-approve", "-stop-worker"]);
    journey.until_log("it goes on with the work").await;
    interrupt(&child);
    program::judge(&ended(child), &["apply"], 130, &[]);
    journey.until_log("told to stop").await;
    // Parts that were running end first.
    let (mut still, began) = (journey.batches().await, Instant::now());
    loop {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let now = journey.batches().await;
        if now == still {
            break;
        }
        still = now;
        assert!(began.elapsed() < PATIENCE, "it does not stop:\n{}", journey.log());
    }
    assert!(journey.rows_there().await < ROWS, "it ended instead of stopping:\n{}", journey.log());
    journey.run(&["apply", "-auto-approve"], 0, &["Certificate of migration.m"]);
    journey.every_row_once(2).await;
    journey.end().await;
}

/// A worker goes on under the name that its migration had, in the folder that its runner had: a second one for the same
/// tables is not started beside it, and a destroy does not pass it by.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_at_work_is_seen_whatever_its_migration_is_called_now() {
    let journey = Journey::new("renamed", "\"48KiB\"").await;
    journey.prepare();
    journey.leave_at_work().await;
    let path = journey.here().join("trial.mig.hcl");
    let spec = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, spec.replacen("migration \"m\"", "migration \"renamed\"", 1)).unwrap();
    journey.run(&["plan"], 5, &["MIG3115", "migration.m"]);
    journey.run(&["apply", "-auto-approve"], 5, &["MIG3115", "migration.m"]);
    journey.run(&["destroy", "-auto-approve"], 1, &["MIG3115", "the worker of migration.m is at work"]);
    // Carried out here from now on.
    std::fs::write(&path, spec.replacen("  runner = runner.ssh.mover\n", "", 1)).unwrap();
    journey.run(&["plan"], 5, &["MIG3115", "migration.m"]);
    journey.run(&["apply", "-auto-approve"], 5, &["MIG3115", "migration.m"]);
    // In another folder of the same machine.
    let there = journey.there().display().to_string();
    std::fs::write(&path, spec.replacen(&there, &format!("{there}-2"), 1)).unwrap();
    let asked = ["MIG3116", "the servers were not asked: mig is not on the runner", "mig apply copies mig there"];
    let told = journey.run(&["plan"], 5, &asked);
    assert!(!told.contains("neither server answers") && !told.contains("exits 5"), "{told}");
    journey.run(&["apply", "-auto-approve"], 5, &["mig was copied to", "MIG3115", "migration.m"]);
    std::fs::write(&path, spec).unwrap();
    journey.run(&["apply", "-auto-approve"], 0, &["Certificate of migration.m"]);
    journey.every_row_once(1).await;
    journey.end().await;
}

/// A rename waits for the worker, and then the migration goes on over the same machine: no row again, the files of the dump under the
/// first name, and a destroy that leaves nothing of either name.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_over_another_machine_is_renamed_when_its_run_has_ended() {
    let journey = Journey::new("moved", "\"96KiB\"").await;
    journey.prepare();
    journey.leave_at_work().await;
    let path = journey.here().join("trial.mig.hcl");
    let spec = std::fs::read_to_string(&path).unwrap();
    let moved = "moved {\n  from = migration.m\n  to   = migration.shop\n}\nmoved {\n  from = runner.ssh.mover\n  to   = runner.ssh.far\n}\n";
    let renamed = spec
        .replace("migration \"m\"", "migration \"shop\"")
        .replace("runner \"ssh\" \"mover\"", "runner \"ssh\" \"far\"")
        .replace("runner.ssh.mover", "runner.ssh.far");
    std::fs::write(&path, format!("{renamed}{moved}")).unwrap();
    journey.run(&["plan"], 5, &["MIG4031"]);
    journey.run(&["apply", "-auto-approve"], 5, &[]);
    std::fs::write(&path, &spec).unwrap();
    journey.run(&["apply", "-auto-approve"], 0, &["Certificate of migration.m"]);
    journey.every_row_once(1).await;

    std::fs::write(&path, format!("{renamed}{moved}")).unwrap();
    journey.run(&["plan", "-detailed-exitcode"], 0, &["No changes.", "migration.m becomes migration.shop"]);
    let more = format!("CREATE TABLE {0}.more AS SELECT * FROM {0}.keyless", journey.schema);
    journey.source.run(&[&more]).await;
    journey.run(&["apply", "-auto-approve"], 0, &["Certificate of migration.shop"]);
    journey.every_row_once(1).await;
    journey.run(&["plan", "-detailed-exitcode"], 0, &["No changes."]);
    let dumps = files(&journey.there().join("m/dump"));
    assert!(dumps.iter().any(|file| file.to_string_lossy().contains(".more.")), "{dumps:?}");
    assert!(!journey.there().join("shop/dump").exists());
    journey.end().await;
}

/// What the record of the apply says is not a word about the destroy.
#[tokio::test(flavor = "multi_thread")]
async fn a_destroy_reports_what_the_worker_did_and_nothing_else() {
    let journey = Journey::new("destroy", "null").await;
    journey.prepare();
    journey.run(&["apply", "-auto-approve"], 0, &["Certificate of migration.m"]);
    let on_target = async |sql: &str| journey.target.run(&[&sql.replace("S.", &format!("{}.", journey.schema))]).await;
    let tables = async || {
        let sql = format!(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{}' ORDER BY 1",
            journey.schema
        );
        journey.target.rows(&sql).await.concat()
    };
    let confirm = format!("-confirm={}", journey.machine.value("LAN"));
    let destroy = ["destroy", "-drop-target-data", "-auto-approve", &confirm];
    // Somebody's row: the table stays, and the exit code says so.
    on_target("INSERT INTO S.keyed VALUES (99999999, 'not ours')").await;
    let told = journey.run(&destroy, 5, &["MIG2062"]);
    let kept = format!("complete  migration.m.table[\"{}.keyed\"]", journey.schema);
    assert!(!told.contains(&kept), "{told}");
    assert!(tables().await.contains(&"keyed".to_owned()));
    on_target("DELETE FROM S.keyed WHERE id = 99999999").await;
    // The target is not there: nothing is done, nothing is forgotten, and it is the same the next time.
    journey.servers[1].down();
    for _ in 0..2 {
        let told = journey.run(&destroy, 1, &["target.tidb.to"]);
        assert!(!told.contains("complete  target.tidb.to"), "{told}");
        journey.run(&["state", "list"], 0, &["target.tidb.to", "runner.ssh.mover"]);
    }
    journey.servers[1].up(journey.target.config().port);
    journey.run(&destroy, 0, &[]);
    assert!(tables().await.is_empty(), "{:?}", tables().await);
    assert!(files(&journey.there()).is_empty());
    let user = format!("u_{}", journey.schema);
    journey.source.run(&[&format!("DROP USER '{}'@'%'", &user[..user.len().min(32)])]).await;
    journey.source.drop_schema(&journey.schema).await;
    journey.target.drop_schema(&journey.schema).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_obeys_the_controller_that_attached_last() {
    let journey = Journey::new("fence", "\"128KiB\"").await;
    journey.prepare();
    let child = journey.start(&["apply", "-auto-approve"]);
    journey.until_batches(2).await;
    // A copy of the state, as another laptop would have it.
    let other = journey.dir.path().join("other");
    std::fs::create_dir(&other).unwrap();
    for file in ["trial.mig.hcl", "mig.migstate", "mig.migstate.journal"] {
        let _ = std::fs::copy(journey.here().join(file), other.join(file));
    }
    let mut second = program::command(&other, &["apply", "-auto-approve"]);
    let output = second.env("MIG_VAR_password", PASSWORD).output().unwrap();
    program::judge(&output, &["apply"], 0, &["Certificate of migration.m"]);
    program::judge(&ended(child), &["apply"], 1, &["MIG3112", "Go on from one place only"]);
    journey.every_row_once(1).await;
    // What the first one had not heard of, it takes over when it comes back.
    journey.run(&["apply", "-auto-approve"], 0, &[]);
    journey.run(&["plan", "-detailed-exitcode"], 0, &["No changes"]);
    journey.end().await;
}

/// Two clones of one spec, each with a state of its own: the second does not take the first one's work for its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_at_work_refuses_the_controller_of_another_lineage() {
    let journey = Journey::new("lineage", "\"128KiB\"").await;
    journey.prepare();
    let other = journey.dir.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::copy(journey.here().join("trial.mig.hcl"), other.join("trial.mig.hcl")).unwrap();
    let there = |arguments: &[&str]| {
        let mut second = program::command(&other, arguments);
        second.env("MIG_VAR_password", PASSWORD).output().unwrap()
    };
    program::judge(&there(&["apply", "-auto-approve"]), &["apply"], 2, &["Stopped for review"]);
    program::judge(&there(&["plan", "-out", "p"]), &["plan"], 0, &[]);
    let child = journey.start(&["apply", "-auto-approve"]);
    journey.until_batches(2).await;
    // The target has met the other one meanwhile; where it has not, the worker says no (MIG3113).
    for arguments in [&["apply", "p"][..], &["apply", "-auto-approve"]] {
        let output = there(arguments);
        let told = program::said(&output);
        assert!(matches!(output.status.code(), Some(1 | 3 | 5)) && !told.contains("Certificate"), "{told}");
    }
    program::judge(&ended(child), &["apply"], 0, &["Certificate of migration.m"]);
    journey.every_row_once(1).await;
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_key_is_checked_before_anything_is_sent() {
    let journey = Journey::new("hostkey", "null").await;
    let path = journey.here().join("trial.mig.hcl");
    let pinned = std::fs::read_to_string(&path).unwrap();
    let right = journey.machine.value("HOST_KEY");
    let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC0x8Pz5Y5pT7y0v1mM6T2m5YkqjN8q2y3c0e0mXqH1k";
    std::fs::write(&path, pinned.replace(&right, other)).unwrap();
    for extra in [None, Some("-accept-host-key")] {
        let arguments: Vec<&str> = ["apply", "-auto-approve"].into_iter().chain(extra).collect();
        journey.run(&arguments, 1, &["MIG3102"]);
    }
    let unpinned: String = pinned.lines().filter(|line| !line.contains("host_key")).map(|l| format!("{l}\n")).collect();
    std::fs::write(&path, unpinned).unwrap();
    journey.run(&["apply", "-auto-approve"], 1, &["MIG3102", "-accept-host-key"]);
    assert!(!journey.there().exists());
    journey.run(&["apply", "-auto-approve", "-accept-host-key"], 2, &["Stopped for review"]);
    // From now on it is known, beside the state.
    journey.run(&["apply", "-auto-approve"], 0, &["✓ equal"]);
    assert!(journey.here().join("mig.migstate.known_hosts").exists());
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_does_not_answer_or_does_not_let_in_is_told_with_what_to_do() {
    let journey = Journey::new("unreachable", "null").await;
    let path = journey.here().join("trial.mig.hcl");
    let good = std::fs::read_to_string(&path).unwrap();
    let port = format!("port          = {}", journey.line.port);
    std::fs::write(&path, good.replace(&port, "port          = 1")).unwrap();
    journey.run(&["apply", "-auto-approve"], 1, &["MIG3101", "runner.ssh.mover"]);
    let stranger = journey.dir.path().join("stranger");
    let keygen = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&stranger).status();
    assert!(keygen.unwrap().success());
    let identity = journey.machine.value("IDENTITY");
    std::fs::write(&path, good.replace(&identity, &stranger.display().to_string())).unwrap();
    journey.run(&["apply", "-auto-approve"], 1, &["MIG3103", "authorized_keys"]);
    std::fs::write(&path, &good).unwrap();
    journey.run(&["apply", "-auto-approve", "-continue"], 0, &["Certificate of migration.m"]);
    journey.every_row_once(1).await;
    // Known by now, and gone: a plan says so and is blocked, it does not guess.
    std::fs::write(&path, good.replace(&port, "port          = 1")).unwrap();
    journey.run(&["plan"], 5, &["by SSH: connect to host 127.0.0.1"]);
    std::fs::write(&path, &good).unwrap();
    journey.end().await;
}
