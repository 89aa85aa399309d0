//! Exactly once against an older process of the same lineage: one that stood still while a copy of its state loaded the
//! table again. The program itself against real targets of every kind; the judge is SQL.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use support::proxy::{Fault, Proxy};
use support::{Bed, program, server_blocks};

const ROWS: u64 = 4_000;

struct Trial {
    dir: tempfile::TempDir,
    schema: String,
    source: Bed,
    target: Bed,
    /// The line to the target.
    line: Proxy,
}

impl Trial {
    async fn new(name: &str, target: Bed) -> Self {
        let source = Bed::mysql();
        let schema = source.schema(&format!("{name}_{}", target.kind), &[]).await;
        let line = Proxy::to(target.config().port);
        let trial = Self { dir: tempfile::tempdir().unwrap(), schema, source, target, line };
        trial.forget().await;
        let schema = &trial.schema;
        let ports = (trial.source.config().port, trial.line.port);
        let text = format!(
            "{}migration \"m\" {{\n  source = source.mysql.from\n  target = target.{}.to\n  tables = [\"{schema}.*\"]\n  gates \
             {{\n    accept_unproven = [\"writes_stopped\"]\n  }}\n  load {{\n    batch_bytes = \"4KiB\"\n    threads = 1\n  \
             }}\n}}\n",
            server_blocks(ports, &trial.target, "root", &format!("ml_{schema}")),
            trial.target.label(),
        );
        std::fs::write(trial.path("trial.mig.hcl"), text).unwrap();
        // MariaDB does not know MySQL's default collation.
        trial.on(&trial.source, "ALTER DATABASE DB COLLATE utf8mb4_bin").await;
        trial.on(&trial.source, "CREATE TABLE DB.t (id INT, v VARCHAR(400)) COLLATE utf8mb4_bin").await;
        let rows = format!(
            "INSERT INTO DB.t WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < {ROWS}) SELECT n, \
             REPEAT('x', 300) FROM s"
        );
        trial.on(&trial.source, &rows).await;
        trial
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    async fn on(&self, bed: &Bed, sql: &str) {
        let session = "SET SESSION cte_max_recursion_depth = 1000000";
        bed.run(&[session, &sql.replace("DB", &self.schema)]).await;
    }

    async fn ask(&self, sql: &str) -> String {
        self.target.rows(&sql.replace("DB", &self.schema)).await[0].join(",")
    }

    async fn batches(&self) -> u64 {
        let there =
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'ml_DB' AND table_name = 'batches'";
        match self.ask(there).await.as_str() {
            "0" => 0,
            _ => self.ask("SELECT COUNT(*) FROM ml_DB.batches").await.parse().unwrap(),
        }
    }

    /// Stops the process while a batch of its is on its way: TiDB lists a transaction that has written.
    async fn stop_in_a_batch(&self, child: &Child) {
        let open = "SELECT COUNT(*) FROM information_schema.tidb_trx WHERE session_id <> CONNECTION_ID()";
        program::suspend_when(child, Duration::from_millis(50), async || self.ask(open).await != "0").await;
    }

    async fn forget(&self) {
        self.target.drop_schema(&self.schema).await;
        self.target.drop_schema(&format!("ml_{}", self.schema)).await;
    }

    async fn end(self) {
        self.source.drop_schema(&self.schema).await;
        self.forget().await;
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// An older process stands still in the midst of its load, `in_batch`: with a batch on its way. A copy of its state loads
/// the table again; then the older one goes on.
async fn overtaken(target: Bed, in_batch: bool) {
    let trial = Trial::new(if in_batch { "midst" } else { "between" }, target).await;
    if !in_batch {
        // It learns that its batch is committed only when it goes on.
        trial.line.arm(&[Fault::LateCommit { nth: 40, by: Duration::from_secs(5) }]);
    }
    let mut command = program::command(trial.dir.path(), &["apply", "-auto-approve"]);
    let mut older = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while trial.batches().await < 10 {
        if older.try_wait().unwrap().is_some() {
            panic!("it ended before it could be stopped: {}", program::said(&older.wait_with_output().unwrap()));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    if in_batch {
        trial.stop_in_a_batch(&older).await;
    } else {
        while trial.line.fired().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        program::signal(&older, "-STOP");
    }
    let before = trial.batches().await;
    assert!(before < 200, "{before} batches: it is too late");
    let other = tempfile::tempdir().unwrap();
    copy(trial.dir.path(), other.path());
    let replace = format!("-replace=migration.m.load[\"{}.t\"]", trial.schema);
    program::run(other.path(), &["apply", "-auto-approve", &replace], 0, &["equal"]);
    let whole = format!("{ROWS},{ROWS}");
    let count = "SELECT COUNT(*), COUNT(DISTINCT id) FROM DB.t";
    assert_eq!(trial.ask(count).await, whole);
    program::signal(&older, "-CONT");
    let output = older.wait_with_output().unwrap();
    let told = program::flat(&program::said(&output));
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("MIG5146") && told.contains("is at load number 2"), "{told}");
    assert_eq!(trial.ask(count).await, whole, "the older process wrote behind the younger one's back");
    // Nor does its next run take the other one's rows for its own.
    let told = program::run(trial.dir.path(), &["apply", "-auto-approve"], 1, &["MIG5146"]);
    assert!(!told.contains("Certificate"), "{told}");
    assert_eq!(trial.ask(count).await, whole);
    program::run(other.path(), &["plan", "-detailed-exitcode"], 0, &[]);
    trial.end().await;
}

#[tokio::test]
async fn a_process_that_stood_still_between_two_batches_does_not_write_into_a_load_that_overtook_it_on_tidb() {
    overtaken(Bed::tidb(), false).await;
}

#[tokio::test]
async fn a_process_that_stood_still_between_two_batches_does_not_write_into_a_load_that_overtook_it_on_mysql() {
    // The one that is the source, too: under another name of its schema it would be the same table.
    let private = tempfile::tempdir().unwrap();
    let target = Bed::private("mysql", private.path().join("mysql"));
    let stop = Bed::at(target.dir.clone()).unwrap();
    overtaken(target, false).await;
    stop.server_script("stop");
}

#[tokio::test]
async fn a_process_that_stood_still_between_two_batches_does_not_write_into_a_load_that_overtook_it_on_mariadb() {
    overtaken(Bed::mariadb(), false).await;
}

#[tokio::test]
async fn a_process_that_stood_still_with_a_batch_on_its_way_holds_the_reset_back_and_does_not_write_after_it() {
    overtaken(Bed::tidb(), true).await;
}

/// The statements of a batch and of a reset, in two sessions: whatever the older one has seen of the ledger, its rows do
/// not reach the emptied table.
#[tokio::test]
async fn on_tidb_a_batch_whose_first_statement_was_answered_holds_the_reset_back() {
    use mig::formats::facts::Flavor;
    use mig::formats::rowhash::PartHash;
    use mig::steps::transfer::ledger::{Batch, Batches, Named, begin};
    use mig::words::addr::TableName;
    let bed = Bed::tidb();
    let create = "CREATE TABLE t (id INT)";
    let schema = bed.schema("fenced", &[create]).await;
    for ddl in mig::formats::ledger::create_statements(&format!("ml_{schema}")) {
        bed.run(&[&ddl]).await;
    }
    let ledger = format!("ml_{schema}");
    let name = TableName::new(&schema, "t");
    let key = name.key();
    let server = bed.server();
    let mut older = server.connect(&support::write_role()).await.unwrap();
    let mut younger = server.connect(&support::write_role()).await.unwrap();
    let named = Named { schema: &ledger, lineage: "l", kind: "table", name: &key };
    named.claim(&mut *younger, "created", 1).await.unwrap();
    let batches = Batches { schema: &ledger, lineage: "l", table: &key, epoch: 1, token: 0 };
    let batch = Batch { chunk: 1, from_row: 0, to_row: 1, rows: 1, hash: PartHash::default().sum };
    let insert = batches.insert(&batch, &name, Flavor::Tidb);
    // Its first words were said before the reset, its first statement comes after it.
    older.execute(begin(Flavor::Tidb)).await.unwrap();
    named.set(&mut *younger, "created", 2).await.unwrap();
    younger.execute(&format!("TRUNCATE TABLE {}", name.sql())).await.unwrap();
    assert_eq!(older.execute(&insert).await.unwrap().affected, 0);
    older.execute("ROLLBACK").await.unwrap();
    // Its first statement came before the reset: that waits for the end of the batch.
    let insert = Batches { epoch: 2, ..batches }.insert(&batch, &name, Flavor::Tidb);
    older.execute(begin(Flavor::Tidb)).await.unwrap();
    assert_eq!(older.execute(&insert).await.unwrap().affected, 1);
    named.set(&mut *younger, "created", 3).await.unwrap();
    let truncate = format!("TRUNCATE TABLE {}", name.sql());
    let reset = tokio::spawn(async move { younger.execute(&truncate).await.map(|_| ()) });
    tokio::time::sleep(Duration::from_secs(2)).await;
    let ended = reset.is_finished();
    older.execute(&format!("INSERT INTO {} VALUES (1)", name.sql())).await.unwrap();
    let committed = older.execute("COMMIT").await;
    reset.await.unwrap().unwrap();
    assert!(!ended || committed.is_err(), "the reset did not wait, and the batch was taken");
    assert_eq!(bed.rows(&format!("SELECT COUNT(*) FROM {}", name.sql())).await[0][0], "0");
    bed.drop_schema(&schema).await;
    bed.drop_schema(&ledger).await;
}
