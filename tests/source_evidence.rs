//! "Not written to" is said of a source only with evidence: the same log, nothing on its way when it began, a source that
//! logs what it applies, every event attributed. What was written is known here because the test wrote it; rows are
//! counted by the test's own queries.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::process::Output;

use support::moves::{self, Move};
use support::{Bed, program};

/// A private source with a table `t` of one row and a table `z` that takes seconds, and a target shared with others.
struct Trial {
    _dir: tempfile::TempDir,
    source: Bed,
    target: Bed,
    moves: Move,
    schema: String,
}

/// Slow enough for something to happen in between.
const SLOW: &str = "gates {\n rule \"MIG2126\" {\n action = \"warn\"\n }\n }\n dump {\n rate_limit = \"96KiB\"\n chunk_bytes = \"64KiB\"\n }";

impl Trial {
    async fn new(kind: &str, test: &str, tables: &[&str], statements: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let source = Bed::private(kind, dir.path().join("source"));
        Self::on(dir, source, test, tables, statements).await
    }

    /// `{}` in statements and selections is the schema.
    async fn on(dir: tempfile::TempDir, source: Bed, test: &str, tables: &[&str], statements: &[&str]) -> Self {
        let target = if source.kind == "mariadb" { Bed::mysql() } else { Bed::mariadb() };
        let schema = moves::schema(test);
        let named = |text: &&str| text.replace("{}", &schema);
        let own: Vec<String> = [
            "CREATE DATABASE {} COLLATE utf8mb4_bin",
            "CREATE TABLE {}.t (id INT PRIMARY KEY, v INT)",
            "INSERT INTO {}.t VALUES (1, 1)",
            "CREATE TABLE {}.z (id INT PRIMARY KEY, v VARCHAR(200)) COLLATE utf8mb4_bin",
            "INSERT INTO {}.z WITH RECURSIVE s AS (SELECT 0 n UNION ALL SELECT n + 1 FROM s WHERE n < 54) \
             SELECT a.n * 55 + b.n, REPEAT('x', 200) FROM s a, s b",
            "CREATE DATABASE {}_else",
            "CREATE TABLE {}_else.t (id INT PRIMARY KEY, v INT)",
            "CREATE USER mover IDENTIFIED BY 'secret'",
            "GRANT ALL ON *.* TO mover",
        ]
        .iter()
        .chain(statements)
        .map(named)
        .collect();
        source.run(&own.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let tables: Vec<String> = tables.iter().map(named).collect();
        let tables: Vec<&str> = tables.iter().map(String::as_str).collect();
        let moves = Move::new(test, source.config().port, &target, &tables, SLOW);
        Self { _dir: dir, source, target, moves, schema }
    }

    async fn run(&self, statements: &[&str]) {
        let statements: Vec<String> = statements.iter().map(|text| text.replace("{}", &self.schema)).collect();
        self.source.run(&statements.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }

    /// Applies, and runs the statements on the source when the first rows have come.
    async fn apply_during(&self, statements: &[&str]) -> Output {
        self.moves.apply_during(&self.target, &format!("{}.z", self.schema), self.run(statements)).await
    }

    /// Asserts what the certificate says of writes to the source, and that each piece stands in its sentence.
    fn writes(&self, output: &Output, outcome: &str, pieces: &[&str]) {
        let said = program::said(output);
        assert!(self.moves.certificate_path().exists(), "{said}");
        let certificate = self.moves.certificate();
        let writes = &certificate["writes"];
        assert_eq!(writes["outcome"], outcome, "{writes}\n{said}");
        for piece in pieces {
            assert!(writes["text"].as_str().unwrap().contains(piece), "{piece:?} in {writes}");
        }
        assert_eq!(certificate["verdict"] == "equal", outcome == "proven", "{said}");
    }

    async fn rows(&self, bed: &Bed, table: &str) -> Vec<Vec<String>> {
        bed.rows(&format!("SELECT * FROM {}.{table} ORDER BY 1", self.schema)).await
    }

    async fn end(self) {
        self.moves.forget(&self.target).await;
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.source.server_script("stop");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_prepared_before_and_is_committed_meanwhile_is_no_proof() {
    for kind in ["mysql", "mariadb"] {
        let trial = Trial::new(kind, &format!("prepared_{kind}"), &["{}.*"], &[]).await;
        // The session ends with its transaction prepared.
        trial
            .run(&[
                "XA START 'x1'",
                "INSERT INTO {}.t VALUES (2, 2)",
                "UPDATE {}.t SET v = 100 WHERE id = 1",
                "XA END 'x1'",
                "XA PREPARE 'x1'",
            ])
            .await;
        let output = trial.apply_during(&["XA COMMIT 'x1'"]).await;
        // The log alone proves nothing; the source has other rows, which verification finds where it comes after the
        // commit, and else the look after the last load.
        let said = program::said(&output);
        assert_eq!(output.status.code(), Some(6), "{said}");
        if !said.contains("MIG6002") {
            trial.writes(&output, "detected", &["XA COMMIT"]);
        }
        trial.end().await;
        // One that begins and ends meanwhile is attributed by its rows, and one on another table spoils nothing.
        let trial = Trial::new(kind, &format!("whole_xa_{kind}"), &["{}.*"], &[]).await;
        let whole = |table: &str| {
            [
                "XA START 'x2'",
                &format!("INSERT INTO {table} VALUES (5, 5)"),
                "XA END 'x2'",
                "XA PREPARE 'x2'",
                "XA COMMIT 'x2'",
            ]
            .map(str::to_owned)
        };
        let elsewhere = whole("{}_else.t");
        let output = trial.apply_during(&elsewhere.iter().map(String::as_str).collect::<Vec<_>>()).await;
        trial.writes(&output, "proven", &[]);
        trial.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_made_anew_meanwhile_proves_nothing() {
    for (kind, reset) in [("mysql", "RESET BINARY LOGS AND GTIDS"), ("mariadb", "RESET MASTER")] {
        let trial = Trial::new(kind, &format!("reset_{kind}"), &["{}.*"], &[reset]).await;
        let output =
            trial.apply_during(&["INSERT INTO {}.t VALUES (2, 2)", "DELETE FROM {}.t WHERE id = 2", reset]).await;
        trial.writes(&output, "unproven", &[]);
        trial.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_open_at_the_end_is_named() {
    let trial = Trial::new("mysql", "open", &["{}.*"], &[]).await;
    for (table, outcome, pieces) in
        [("{}_else.t", "proven", &[][..]), ("{}.t", "unproven", &["had written on the source and not ended", ".t"])]
    {
        trial.moves.forget(&trial.target).await;
        let mut writer = trial.source.server().connect(&support::write_role()).await.unwrap();
        writer.execute("BEGIN").await.unwrap();
        let insert = format!("INSERT INTO {table} VALUES (9, 9)").replace("{}", &trial.schema);
        writer.execute(&insert).await.unwrap();
        let output = trial.moves.apply();
        writer.execute("ROLLBACK").await.unwrap();
        trial.writes(&output, outcome, pieces);
    }
    trial.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_on_its_way_is_waited_for_or_the_gate_refuses() {
    const READS: &str =
        "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, EXECUTE, REPLICATION CLIENT, REPLICATION SLAVE ON *.* TO mover";
    let trial = Trial::new(
        "mysql",
        "on_its_way",
        &["{}.t"],
        &[
            "INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'",
            "SET GLOBAL rpl_semi_sync_source_timeout = 6000",
        ],
    )
    .await;
    let no_gtids = [
        "SET GLOBAL gtid_mode = ON_PERMISSIVE",
        "SET GLOBAL gtid_mode = OFF_PERMISSIVE",
        "SET GLOBAL gtid_mode = OFF",
        "REVOKE ALL, GRANT OPTION FROM mover",
        READS,
        "GRANT PROCESS ON *.* TO mover",
    ];
    for (id, prepare, moved) in [
        (2, &[][..], true),
        // No right to read log_status: GTIDs tell.
        (3, &["REVOKE ALL, GRANT OPTION FROM mover", READS], true),
        // The list of transactions tells.
        (4, &no_gtids, true),
        // Nothing tells.
        (5, &["REVOKE PROCESS ON *.* FROM mover"], false),
    ] {
        trial.moves.forget(&trial.target).await;
        trial.run(&["SET GLOBAL rpl_semi_sync_source_enabled = 0"]).await;
        trial.run(prepare).await;
        trial.run(&["SET GLOBAL rpl_semi_sync_source_enabled = 1"]).await;
        // In the log at once, and to be read when no replica has answered for 6 s.
        let mut writer = trial.source.server().connect(&support::write_role()).await.unwrap();
        let insert = format!("INSERT INTO {}.t VALUES ({id}, {id})", trial.schema);
        let writing = tokio::spawn(async move { writer.execute(&insert).await.unwrap() });
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        let seen = trial.rows(&trial.source, "t").await.len();
        let output = trial.moves.apply();
        writing.await.unwrap();
        assert_eq!(seen, id - 1, "the commit was over too early");
        if moved {
            trial.writes(&output, "proven", &[]);
            assert_eq!(trial.rows(&trial.source, "t").await, trial.rows(&trial.target, "t").await, "{id}");
        } else {
            program::judge(&output, &["apply"], 5, &["MIG2057", "commits may be on their way"]);
        }
    }
    trial.end().await;
}

/// c refers to p, p to g; only c is moved. InnoDB deletes in c without a word in MariaDB's log.
#[tokio::test(flavor = "multi_thread")]
async fn a_cascade_from_two_levels_above_is_seen() {
    let tables = [
        "CREATE TABLE {}_else.g (id INT PRIMARY KEY)",
        "CREATE TABLE {}_else.p (id INT PRIMARY KEY, g INT, FOREIGN KEY (g) REFERENCES {}_else.g (id) ON DELETE CASCADE)",
        "CREATE TABLE {}.c (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES {}_else.p (id) ON DELETE CASCADE)",
        "INSERT INTO {}_else.g VALUES (1), (2)",
        "INSERT INTO {}_else.p VALUES (1, 1), (2, 2)",
        "INSERT INTO {}.c VALUES (1, 1), (2, 2)",
        "SET GLOBAL binlog_annotate_row_events = OFF",
    ];
    let trial = Trial::new("mariadb", "cascade", &["{}.z", "{}.c"], &tables).await;
    let output = trial.apply_during(&["INSERT INTO {}_else.g VALUES (3)"]).await;
    trial.writes(&output, "proven", &[]);
    trial.moves.forget(&trial.target).await;
    let output = trial.apply_during(&["SET foreign_key_checks = 1", "DELETE FROM {}_else.g WHERE id = 1"]).await;
    assert_eq!(trial.rows(&trial.source, "c").await, [["2", "2"]]);
    trial.writes(&output, "detected", &["_else.g"]);
    trial.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_to_other_schemas_spoils_no_proof() {
    for kind in ["mysql", "mariadb"] {
        let trial = Trial::new(kind, &format!("others_{kind}"), &["{}.*"], &[]).await;
        let output = trial
            .apply_during(&[
                "INSERT INTO {}_else.t VALUES (7, 7)",
                "CREATE TABLE {}_else.u SELECT * FROM {}_else.t",
                "RENAME TABLE {}_else.u TO {}_else.w",
                "DROP DATABASE {}_else",
                "CREATE DATABASE {}_new",
                "DROP DATABASE {}_new",
            ])
            .await;
        trial.writes(&output, "proven", &["The binlog moved"]);
        trial.moves.forget(&trial.target).await;
        let output = trial.apply_during(&["INSERT INTO {}.t VALUES (7, 7)"]).await;
        trial.writes(&output, "detected", &[".t"]);
        trial.end().await;
    }
}

/// Run 1 moves t, run 2 adds z: what was written to t in between is not a secret of run 2.
#[tokio::test(flavor = "multi_thread")]
async fn a_wider_spec_judges_each_table_from_its_own_dump() {
    for kind in ["mysql", "mariadb"] {
        let trial = Trial::new(kind, &format!("wider_{kind}"), &["{}.t"], &[]).await;
        let output = trial.moves.apply();
        trial.writes(&output, "proven", &[]);
        let both = [format!("{}.t", trial.schema), format!("{}.z", trial.schema)];
        trial.run(&["INSERT INTO {}.t VALUES (3, 3)", "UPDATE {}.t SET v = 99 WHERE id = 1"]).await;
        // Nothing that this run could do depends on it.
        trial.moves.run(&["plan", "-detailed-exitcode"], 0, &["No changes"]);
        trial.moves.select(&[&both[0], &both[1]]);
        trial.moves.run(&["plan"], 5, &["MIG2052", &both[0]]);
        trial.moves.run(&["apply", "-auto-approve"], 5, &["MIG2052", &both[0]]);
        assert!(trial.target.rows(&format!("SHOW TABLES FROM {} LIKE 'z'", trial.schema)).await.is_empty());
        // The way that it names: the table is moved again.
        let host = "-confirm=127.0.0.1";
        let replace = format!("-replace=migration.m.dump[\"{}\"]", both[0]);
        trial.moves.run(&["apply", "-auto-approve", host, &replace], 0, &[]);
        assert_eq!(trial.moves.certificate()["verdict"], "equal");
        for table in ["t", "z"] {
            assert_eq!(trial.rows(&trial.source, table).await, trial.rows(&trial.target, table).await, "{table}");
        }
        trial.end().await;
    }
}

/// Two runs without a write in between: the certificate says from where each table was looked after.
#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_names_the_place_of_each_table() {
    let trial = Trial::new("mysql", "places", &["{}.t"], &[]).await;
    trial.moves.apply();
    trial.run(&["INSERT INTO {}.z VALUES (900000, 'later')", "INSERT INTO {}_else.t VALUES (1, 1)"]).await;
    trial.moves.select(&[&format!("{}.t", trial.schema), &format!("{}.z", trial.schema)]);
    let output = trial.moves.apply();
    trial.writes(&output, "proven", &["1 table since binlog.", ", 1 table since binlog."]);
    trial.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_logs_nothing_of_what_it_applies_is_no_proof() {
    let dir = tempfile::tempdir().unwrap();
    let primary = Bed::private_with("mysql", dir.path().join("primary"), &["--server-id=11"]);
    let arguments = ["--server-id=12", "--log-replica-updates=OFF"];
    let replica = Bed::private_with("mysql", dir.path().join("replica"), &arguments);
    let port = primary.config().port;
    let follow = format!(
        "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = {port}, SOURCE_USER = 'root', \
         SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1"
    );
    let trial = Trial::on(dir, replica, "replica", &["{}.t"], &[&follow, "START REPLICA"]).await;
    trial.moves.run(&["plan"], 5, &["MIG2056", "the source is a replica", "MIG2055"]);
    trial.moves.run(&["apply", "-auto-approve"], 5, &["MIG2055"]);
    primary.server_script("stop");
    trial.end().await;
}
