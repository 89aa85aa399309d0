//! Every connection of a run reaches the server that was looked at, or the run ends and names both. The address is the
//! fake line's, which takes single connections to a second server that lags behind the first.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::Duration;

use support::moves::{self, Move};
use support::proxy::Proxy;
use support::{Bed, program};

/// Two servers of one kind with the same table, of which the second lacks rows.
struct Pair {
    table: String,
    _dir: tempfile::TempDir,
    first: Bed,
    second: Bed,
}

impl Pair {
    async fn of(kind: &str, test: &str) -> Self {
        let schema = moves::schema(test);
        let dir = tempfile::tempdir().unwrap();
        let beds = ["first", "second"].map(|name| Bed::private(kind, dir.path().join(name)));
        for (bed, rows) in beds.iter().zip([3000, 2900]) {
            bed.run(&[
                &format!("CREATE DATABASE {schema} COLLATE utf8mb4_bin"),
                &format!("CREATE TABLE {schema}.t (id INT PRIMARY KEY, v VARCHAR(200)) COLLATE utf8mb4_bin"),
                &format!(
                    "INSERT INTO {schema}.t WITH RECURSIVE s AS (SELECT 0 n UNION ALL SELECT n + 1 FROM s WHERE n < 59) \
                     SELECT a.n * 60 + b.n, REPEAT('x', 200) FROM s a, s b WHERE a.n * 60 + b.n < {rows}"
                ),
                "CREATE USER mover IDENTIFIED BY 'secret'",
                "GRANT ALL ON *.* TO mover",
            ])
            .await;
        }
        let [first, second] = beds;
        Self { table: format!("{schema}.t"), _dir: dir, first, second }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.first.server_script("stop");
        self.second.server_script("stop");
    }
}

async fn no_rows_of_a_second_server_are_taken(kind: &str, target: Bed) {
    let test = format!("elsewhere_{kind}");
    let pair = Pair::of(kind, &test).await;
    let table = pair.table.as_str();
    let proxy = Proxy::to(pair.first.config().port);
    let second = pair.second.config().port;
    let moves = Move::new(&test, proxy.port, &target, &[table], "");
    // The connection that is taken elsewhere is each of a run's once.
    let mut refused = 0;
    for nth in 1..40 {
        moves.forget(&target).await;
        proxy.route([nth], second);
        let output = moves.apply();
        if proxy.taken() < nth {
            break;
        }
        let said = program::flat(&program::said(&output));
        match output.status.code() {
            // The second server answered first, and alone; or its session brought nothing that the run could use.
            Some(0) => {
                let rows = moves.rows(&target, table).await;
                assert!(rows == 3000 || (nth == 1 && rows == 2900), "{nth}: {rows} rows: {said}");
            }
            Some(3 | 5) => {
                refused += 1;
                assert!(said.contains("another server answered: the run is with "), "{nth}: {said}");
                for bed in [&pair.first, &pair.second] {
                    let name = bed.rows("SELECT CONCAT('(', @@hostname, ':', @@port, ')')").await;
                    assert!(said.contains(&name[0][0]), "{nth}: {said}");
                }
                if nth > 3 {
                    assert!(said.contains("MIG4130") && output.status.code() == Some(3), "{nth}: {said}");
                }
            }
            code => panic!("{nth}: {code:?} {said}"),
        }
    }
    assert!(refused >= 3, "{refused}");
    proxy.route([], second);
    moves.run(&["apply", "-auto-approve"], 0, &[]);
    assert_eq!(moves.certificate()["verdict"], "equal");
    assert_eq!(moves.rows(&target, table).await, 3000);
    moves.forget(&target).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_connection_of_a_run_reaches_a_second_mysql() {
    no_rows_of_a_second_server_are_taken("mysql", Bed::mariadb()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_connection_of_a_run_reaches_a_second_mariadb() {
    no_rows_of_a_second_server_are_taken("mariadb", Bed::mysql()).await;
}

/// A statement waits for a lock so long that it is asked about, and the question reaches another server, on which the
/// session of that number is somebody else's, and idle.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_another_server_is_neither_believed_nor_ended() {
    let pair = Pair::of("mysql", "watched").await;
    let proxy = Proxy::to(pair.first.config().port);
    let config = mig::formats::spec::model::Server { port: proxy.port, ..pair.first.config() };
    let server = mig::hosts::mysql::server(&config, &pair.first.dir, None).unwrap();
    let number_of = |rows| support::texts(&rows)[0][0].parse::<u64>().unwrap();
    let (mut reader, mut stranger, mut id, mut other) = (None, None, 0, 0);
    // On whichever server counts behind, until both have a session of one number.
    while reader.is_none() || stranger.is_none() || id != other {
        let behind = if id <= other { &server } else { &pair.second.server() };
        let mut session = behind.connect(&mig::seams::sql::Role::Look).await.unwrap();
        let number = number_of(session.query("SELECT CONNECTION_ID()").await.unwrap());
        if id <= other {
            (reader, id) = (Some(session), number);
        } else {
            (stranger, other) = (Some(session), number);
        }
    }
    let (mut reader, mut stranger) = (reader.unwrap(), stranger.unwrap());
    let mut holder = pair.first.server().connect(&support::write_role()).await.unwrap();
    holder.execute(&format!("LOCK TABLES {} WRITE", pair.table)).await.unwrap();
    proxy.route(1..100, pair.second.config().port);
    let count = format!("SELECT COUNT(*) FROM {}", pair.table);
    let waiting = tokio::spawn(async move { reader.query(&count).await.map(|rows| support::texts(&rows)) });
    tokio::time::sleep(Duration::from_secs(32)).await;
    assert!(proxy.taken() >= 1, "nobody asked");
    holder.execute("UNLOCK TABLES").await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), [["3000"]]);
    stranger.query("SELECT 1").await.expect("the session on the other server lives");
}

/// A plan from before first contact, interrupted after it, and then another TiDB at the address.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_goes_on_does_not_go_on_into_another_target() {
    let schema = Bed::mysql()
        .schema(
            "resumed_elsewhere",
            &[
                "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(200)) COLLATE utf8mb4_bin",
                "INSERT INTO t WITH RECURSIVE s AS (SELECT 0 n UNION ALL SELECT n + 1 FROM s WHERE n < 59) \
                 SELECT a.n * 60 + b.n, REPEAT('x', 200) FROM s a, s b",
            ],
        )
        .await;
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (Bed::tidb(), Bed::private("tidb", folder.path().join("second")));
    let line = Proxy::to(first.config().port);
    let slow = "gates {\n accept_unproven = [\"writes_stopped\"]\n }\n dump {\n rate_limit = \"96KiB\"\n chunk_bytes = \"64KiB\"\n }";
    let source = Bed::mysql();
    source.run(&["CREATE USER IF NOT EXISTS mover IDENTIFIED BY 'secret'", "GRANT ALL ON *.* TO mover"]).await;
    let moves = Move::new("resumed_elsewhere", source.config().port, &first, &[&format!("{schema}.*")], slow);
    let path = moves.dir.path().join("main.mig.hcl");
    let spec = std::fs::read_to_string(&path).unwrap();
    let (direct, through) = (first.config().port.to_string(), line.port.to_string());
    std::fs::write(&path, spec.replace(&direct, &through)).unwrap();
    moves.run(&["plan", "-out", "p"], 0, &["no identity yet"]);
    let mut child = program::command(moves.dir.path(), &["apply", "p"]).spawn().unwrap();
    let some = format!("SELECT COUNT(*) > 0 FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{schema}'");
    while first.rows(&some).await != [["1"]] {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    child.kill().unwrap();
    child.wait().unwrap();
    line.down();
    line.up(second.config().port);
    for _ in 0..2 {
        moves.run(&["apply", "p"], 3, &["MIG4109", "target.tidb.to"]);
    }
    let stranger =
        "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE 'ml\\_%' OR SCHEMA_NAME LIKE 'mt\\_%'";
    assert_eq!(second.rows(stranger).await, [["0"]], "the other one was touched");
    moves.run(&["plan"], 5, &["MIG3040"]);
    moves.run(&["apply", "-auto-approve"], 3, &["MIG3040", "recorded"]);
    // Back at the right one it goes on.
    line.down();
    line.up(first.config().port);
    moves.run(&["apply", "p"], 0, &["Certificate"]);
    let count = format!("SELECT COUNT(*), COUNT(DISTINCT id) FROM {schema}.t");
    assert_eq!(first.rows(&count).await, [["3600", "3600"]]);
    // Nor is anything removed from another one, or forgotten.
    let rows = format!("SELECT COUNT(*) > 0 FROM {}.objects", moves.ledger);
    moves.run(&["plan", "-destroy", "-out", "d"], 0, &[]);
    line.down();
    line.up(second.config().port);
    for arguments in [&["destroy", "-auto-approve"][..], &["apply", "d"]] {
        moves.run(arguments, 3, &["MIG3040", "target.tidb.to was"]);
        moves.run(&["state", "list"], 0, &["target.tidb.to", "runner.local.default"]);
    }
    assert_eq!(first.rows(&rows).await, [["1"]]);
    line.down();
    line.up(first.config().port);
    moves.run(&["destroy", "-auto-approve"], 0, &[]);
    second.server_script("stop");
    moves.forget(&first).await;
    first.drop_schema(&schema).await;
    source.drop_schema(&schema).await;
}
