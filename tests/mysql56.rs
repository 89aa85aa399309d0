//! A MySQL 5.6 as the source, which is what old Auroras are: no TLS, old authentication, latin1 by default, GTIDs on or
//! off. What its types and tables hold is looked at by `tests/types`; what is told of it, and kills, here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::process::{Command, Stdio};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use support::{Bed, program};

/// Digits crossed with themselves: the server has no recursion. 20,000 rows.
const NUMBERS: &str = "(SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d + 1 n FROM DIGITS a, DIGITS b, DIGITS c, \
                       DIGITS e, (SELECT 0 d UNION ALL SELECT 1) f) q";
const DIGITS: &str = "(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL \
                      SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)";
const NO_TLS: &str = "tls {\n    mode = \"disabled\"\n  }";
/// Other tests write to the same server.
const ACCEPT: &str = "accept_unproven = [\"writes_stopped\"]";

struct Trial {
    dir: tempfile::TempDir,
    schema: String,
    ledger: String,
    source: Bed,
    target: Bed,
}

impl Trial {
    /// `statements` make the schema on the source.
    async fn new(name: &str, source: Bed, statements: &[&str]) -> Self {
        let target = Bed::tidb();
        let mut all = vec!["ALTER DATABASE COLLATE utf8mb4_bin"];
        all.extend(statements);
        let schema = source.schema(name, &all).await;
        let ledger = format!("ml_{schema}");
        target.drop_schema(&schema).await;
        target.drop_schema(&ledger).await;
        Self { dir: tempfile::tempdir().unwrap(), schema, ledger, source, target }
    }

    /// Writes the spec: `tls` of the source, `gates` and `dump` are lines of these blocks.
    fn spec(&self, username: &str, tls: &str, gates: &str, dump: &str) {
        let text = format!(
            r#"
source "mysql" "old" {{
  host     = "127.0.0.1"
  port     = {}
  username = "{username}"
  password = "secret"
  {tls}
}}
target "tidb" "new" {{
  host          = "127.0.0.1"
  port          = {}
  username      = "root"
  ledger_schema = "{}"
  {NO_TLS}
}}
migration "m" {{
  source = source.mysql.old
  target = target.tidb.new
  tables = ["{}.*"]
  gates {{
    {gates}
  }}
  dump {{
    chunk_bytes = "32KiB"
    {dump}
  }}
}}
"#,
            self.source.config().port,
            self.target.config().port,
            self.ledger,
            self.schema,
        );
        std::fs::write(self.dir.path().join("trial.mig.hcl"), text).unwrap();
    }

    /// A user of the source that logs in with a password; gives its name.
    async fn user(&self) -> String {
        let user = format!("u_{}", self.schema).chars().take(16).collect::<String>();
        self.source
            .run(&[
                &format!("GRANT ALL ON *.* TO '{user}'@'%' IDENTIFIED BY 'secret'"),
                &format!("GRANT ALL ON *.* TO '{user}'@'localhost' IDENTIFIED BY 'secret'"),
            ])
            .await;
        user
    }

    fn run(&self, arguments: &[&str], expected: i32, told: &[&str]) -> String {
        program::run(self.dir.path(), arguments, expected, told)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        program::command(self.dir.path(), arguments)
    }

    /// The same answers at both ends; `DB` stands for the schema.
    async fn assert_same(&self, queries: &[&str]) {
        for query in queries {
            let sql = query.replace("DB", &self.schema);
            assert_eq!(self.source.rows(&sql).await, self.target.rows(&sql).await, "{sql}");
        }
    }

    async fn end(self, user: &str) {
        self.source.run(&[&format!("DROP USER '{user}'@'%'"), &format!("DROP USER '{user}'@'localhost'")]).await;
        self.source.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.ledger).await;
    }
}

fn numbers() -> String {
    NUMBERS.replace("DIGITS", DIGITS)
}

#[tokio::test]
async fn a_server_without_tls_is_told_how_to_be_named_and_one_with_a_password_is_moved() {
    let statements = [
        "CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, created TIMESTAMP, v VARCHAR(30)) COLLATE utf8mb4_bin",
        "INSERT INTO orders (v) VALUES ('é'), ('漢'), (NULL)",
        "CREATE TABLE items (id INT PRIMARY KEY, of_order INT, CONSTRAINT l FOREIGN KEY (of_order) REFERENCES orders (id)) COLLATE utf8mb4_bin",
        "INSERT INTO items VALUES (1, 1), (2, 3)",
        "CREATE VIEW open_orders AS SELECT o.id, o.v, COUNT(l.id) AS n FROM orders o LEFT JOIN items l ON l.of_order = o.id GROUP BY o.id, o.v",
    ];
    let trial = Trial::new("old_tls", Bed::mysql56(), &statements).await;
    let user = trial.user().await;
    trial.spec(&user, "", ACCEPT, "");
    trial.run(&["plan"], 5, &["the server offers no TLS", "tls { mode = \"disabled\" }"]);
    trial.spec(&user, NO_TLS, ACCEPT, "");
    let told = trial.run(&["plan"], 0, &["source MySQL 5.6.24"]);
    assert!(!told.contains("MIG2007"), "{told}");
    trial.run(&["apply", "-auto-approve"], 0, &["✓ equal"]);
    trial.run(&["verify"], 0, &[]);
    trial
        .assert_same(&[
            "SELECT * FROM DB.orders ORDER BY id",
            "SELECT * FROM DB.items ORDER BY id",
            "SELECT * FROM DB.open_orders ORDER BY id",
        ])
        .await;
    trial.run(&["plan", "-detailed-exitcode"], 0, &["No changes"]);
    trial.end(&user).await;
}

#[tokio::test]
async fn writes_are_seen_in_the_binlog_of_an_old_server_with_gtids_and_without() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testbed/server");
    for options in [&["--gtid-mode=ON", "--enforce-gtid-consistency", "--log-slave-updates"][..], &[]] {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("s");
        let started = Command::new(script).args(["start", "mysql56"]).arg(&place).args(options).output().unwrap();
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        let fill = format!("INSERT INTO t SELECT n, REPEAT('x', 90) FROM {}", numbers());
        let statements = [
            "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(200)) COLLATE utf8mb4_bin",
            &fill,
            "CREATE TABLE beside (id INT PRIMARY KEY) ENGINE=InnoDB COLLATE utf8mb4_bin",
        ];
        let name = format!("old_gtid_{}", options.len());
        let trial = Trial::new(&name, Bed::at(place).unwrap(), &statements).await;
        let user = trial.user().await;
        trial.spec(&user, NO_TLS, "", "");
        let told = trial.run(&["apply", "-auto-approve"], 0, &["Writes: none seen"]);
        assert!(!told.contains("unproven"), "{told}");
        trial.assert_same(&["SELECT COUNT(*), SUM(id), SUM(CRC32(v)) FROM DB.t"]).await;
        trial.run(&["destroy", "-auto-approve", "-drop-target-data", "-confirm=127.0.0.1"], 0, &[]);

        trial.spec(&user, NO_TLS, "", "rate_limit = \"512KiB\"");
        let child = trial.command(&["apply", "-auto-approve"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let child = child.unwrap();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        trial.source.run(&[&format!("UPDATE {}.t SET v = 'changed' WHERE id = 7", trial.schema)]).await;
        let output = child.wait_with_output().unwrap();
        program::judge(&output, &["apply"], 6, &["writes"]);
        let server = Bed::at(trial.source.dir.clone()).unwrap();
        trial.end(&user).await;
        server.server_script("kill");
    }
}

#[tokio::test]
async fn an_apply_out_of_an_old_server_that_is_killed_ends_with_every_row_once() {
    let fills = [
        format!("INSERT INTO keyed SELECT n, REPEAT('é', n % 90), FROM_UNIXTIME(1000000000 + n) FROM {}", numbers()),
        format!("INSERT INTO keyless SELECT n % 50, CONCAT('tab\\t', n % 7) FROM {}", numbers()),
    ];
    let statements = [
        "CREATE TABLE keyed (id INT PRIMARY KEY, v VARCHAR(200), u TIMESTAMP(3) NULL) ROW_FORMAT=COMPACT COLLATE utf8mb4_bin",
        &fills[0],
        "CREATE TABLE keyless (a INT, v VARCHAR(40)) ENGINE=MyISAM COLLATE utf8mb4_general_ci",
        &fills[1],
    ];
    let trial = Trial::new("old_kill", Bed::mysql56(), &statements).await;
    let user = trial.user().await;
    trial.spec(&user, NO_TLS, ACCEPT, "");
    let seed = std::env::var("MIG_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(20_260_101);
    println!("MIG_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..8 {
        let mut child =
            trial.command(&["apply", "-auto-approve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(random.random_range(50..1500))).await;
        // SIGKILL; one that has come to its end by now is another journey's beginning.
        let _ = child.kill();
        child.wait().unwrap();
    }
    trial.run(&["apply", "-auto-approve"], 0, &[]);
    trial
        .assert_same(&[
            "SELECT COUNT(*), SUM(id), SUM(CRC32(v)), SUM(CRC32(CAST(u AS CHAR))) FROM DB.keyed",
            "SELECT COUNT(*), SUM(a), SUM(CRC32(CONCAT(a, '/', v))) FROM DB.keyless",
        ])
        .await;
    trial.run(&["plan", "-detailed-exitcode"], 0, &["No changes"]);
    trial.end(&user).await;
}
