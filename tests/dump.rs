//! The dump of the program itself, over a real MySQL, and what its files are to the load behind it: packed, cut into
//! chunks, bounded on the disk. Each test has a schema, a ledger and a folder of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::PathBuf;

use support::{Bed, program};

/// One test's world: a schema of the source that is moved by a spec with the given `dump` block.
struct Move {
    dir: tempfile::TempDir,
    schema: String,
    ledger: String,
    source: Bed,
    target: Bed,
}

impl Move {
    async fn new(name: &str, source: Bed, statements: &[&str], dump: &str) -> Self {
        let target = Bed::tidb();
        let schema = source.schema(name, statements).await;
        let ledger = format!("ml_{schema}");
        target.drop_schema(&schema).await;
        target.drop_schema(&ledger).await;
        let moving = Self { dir: tempfile::tempdir().unwrap(), schema, ledger, source, target };
        moving.spec(dump);
        moving
    }

    /// Writes the spec anew.
    fn spec(&self, dump: &str) {
        let server = |bed: &Bed| {
            let port = bed.config().port;
            format!(
                "host = \"127.0.0.1\"\n  port = {port}\n  username = \"root\"\n  tls {{\n    mode = \"disabled\"\n  }}"
            )
        };
        let text = format!(
            "source \"mysql\" \"from\" {{\n  {}\n}}\ntarget \"tidb\" \"to\" {{\n  {}\n  ledger_schema = \"{}\"\n}}\n\
             migration \"m\" {{\n  source = source.mysql.from\n  target = target.tidb.to\n  tables = [\"{}.*\"]\n  \
             gates {{\n    accept_unproven = [\"writes_stopped\"]\n  }}\n  dump {{\n{dump}\n  }}\n}}\n",
            server(&self.source),
            server(&self.target),
            self.ledger,
            self.schema,
        );
        std::fs::write(self.dir.path().join("move.mig.hcl"), text).unwrap();
    }

    /// Runs the program; `expected` is its exit code, `told` a piece of what it says.
    fn run(&self, arguments: &[&str], expected: i32, told: &str) -> String {
        program::run(self.dir.path(), arguments, expected, &[told])
    }

    /// One row of a server, as text; `DB` is the schema.
    async fn ask(&self, bed: &Bed, sql: &str) -> String {
        let sql = sql.replace("DB", &self.schema);
        bed.rows(&sql).await[0].join(",")
    }

    async fn assert_equal(&self, sql: &str) {
        assert_eq!(self.ask(&self.source, sql).await, self.ask(&self.target, sql).await, "{sql}");
    }

    fn dump_dir(&self) -> PathBuf {
        self.dir.path().join(".mig/work/m/dump")
    }

    /// Names of the files of the dump, in order.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dump_dir()).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    async fn end(self) {
        self.source.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.ledger).await;
    }
}

/// A statement with `SEQ` as a table of the numbers from 1 to `rows`.
fn numbered(rows: u32, sql: &str) -> String {
    let seq =
        format!("(WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < {rows}) SELECT n FROM s) q");
    sql.replace("SEQ", &seq)
}

const DEEP: &str = "SET SESSION cte_max_recursion_depth = 10000000";

#[tokio::test]
async fn a_packed_dump_loads_and_verifies_and_another_packing_dumps_anew() {
    let fill = numbered(4000, "INSERT INTO keyed SELECT n, REPEAT('tab\t', n % 40), RANDOM_BYTES(30) FROM SEQ");
    let moving = Move::new(
        "packed",
        Bed::mysql(),
        &[
            DEEP,
            "CREATE TABLE keyed (id INT PRIMARY KEY, t TEXT, b BLOB)",
            &fill,
            "CREATE TABLE keyless (a INT, b VARBINARY(99))",
            "INSERT INTO keyless SELECT id % 7, b FROM keyed",
        ],
        "    chunk_bytes = \"64KiB\"\n    file_size = \"100KiB\"",
    )
    .await;
    let mut plain = 0;
    for (compress, suffix) in [("none", ".sql"), ("gzip", ".sql.gz"), ("zstd", ".sql.zst")] {
        moving.spec(&format!("    compress = \"{compress}\"\n    chunk_bytes = \"64KiB\"\n    file_size = \"100KiB\""));
        let confirm = "-confirm=127.0.0.1";
        moving.run(&["apply", "-auto-approve", confirm], 0, "Certificate of migration.m");
        moving.assert_equal("SELECT COUNT(*), SUM(id), SUM(CRC32(t)), SUM(CRC32(b)) FROM DB.keyed").await;
        moving.assert_equal("SELECT COUNT(*), SUM(a), SUM(CRC32(b)) FROM DB.keyless").await;
        let schema = &moving.schema;
        let files = moving.files();
        let data: Vec<&String> = files.iter().filter(|name| name.contains(".0000")).collect();
        assert!(data.len() >= 2, "{data:?}");
        assert!(data.iter().all(|name| name.ends_with(suffix)), "{data:?}");
        for name in ["metadata", &format!("{schema}.keyed-schema.sql"), &format!("{schema}-schema-create.sql")] {
            assert!(files.iter().any(|file| file == name), "{name} {files:?}");
        }
        let size = |name: &&String| std::fs::metadata(moving.dump_dir().join(name)).unwrap().len();
        let bytes: u64 = data.iter().map(size).sum();
        match compress {
            "none" => plain = bytes,
            _ => assert!(bytes < plain * 2 / 3, "{compress}: {bytes} of {plain}"),
        }
        moving.run(&["plan", "-detailed-exitcode"], 0, "No changes");
    }
    moving.end().await;
}
