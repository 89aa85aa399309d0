//! The dump of the program itself, over a real MySQL, and what its files are to the load behind it: packed, cut into
//! chunks, bounded on the disk. Each test has a schema, a ledger and a folder of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::PathBuf;
use std::process::Stdio;

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

    /// Writes the spec again.
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

    /// The parts of a table: rows, bytes and range of each, as the manifest has them.
    fn parts(&self, table: &str) -> Vec<serde_json::Value> {
        let name = format!("{}.{table}.json", self.schema);
        let text = std::fs::read(self.dump_dir().join("manifest").join(name)).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&text).unwrap();
        manifest["parts"].as_array().unwrap().clone()
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

const CHUNK: u64 = 16 << 10;

/// Rows and bytes of each part are as they should be: none is empty, none far larger than a part or one row of it.
fn check_parts(parts: &[serde_json::Value], rows: u64, least: usize, largest_row: u64, what: &str) {
    let number = |part: &serde_json::Value, name: &str| part[name].as_u64().unwrap();
    let sizes: Vec<(u64, u64)> = parts.iter().map(|part| (number(part, "rows"), number(part, "bytes"))).collect();
    assert_eq!(sizes.iter().map(|(rows, _)| rows).sum::<u64>(), rows, "{what}: {sizes:?}");
    assert!(
        sizes.iter().all(|(rows, bytes)| *rows > 0 && *bytes < 2 * CHUNK + 2 * largest_row + 4096),
        "{what}: {sizes:?}"
    );
    assert!(sizes.len() >= least, "{what}: {sizes:?}");
    // One range behind the other, from the begin to the end of the table or of each group of partitions.
    for partitions in groups(parts) {
        let parts: Vec<_> = parts.iter().filter(|part| part["range"]["partitions"] == partitions).collect();
        let mut at = serde_json::Value::Null;
        for _ in &parts {
            let part = parts.iter().find(|part| part["range"]["after"] == at);
            at = part.unwrap_or_else(|| panic!("{what}: no part begins at {at}"))["range"]["up_to"].clone();
        }
        assert_eq!(at, serde_json::Value::Null, "{what}");
    }
}

/// The groups of partitions that the parts are of; null: the whole table.
fn groups(parts: &[serde_json::Value]) -> Vec<serde_json::Value> {
    let mut groups: Vec<serde_json::Value> = Vec::new();
    for part in parts {
        let partitions = &part["range"]["partitions"];
        if !groups.contains(partitions) {
            groups.push(partitions.clone());
        }
    }
    groups
}

/// Moves tables of every kind of key out of `source`, in parts of 16 KiB.
async fn every_key(name: &str, source: Bed) {
    let text = "CONCAT(REPEAT('x', 60), n)";
    // Name, columns of the key, definition behind them, values of the key, rows, parts at least, bytes of the largest row.
    let tables: [(&str, &str, &str, &str, u32, usize, u64); 12] = [
        ("plain", "id INT", "PRIMARY KEY (id)", "n", 4000, 3, 200),
        // Numbers far apart, and a last one beyond all others.
        ("sparse", "id BIGINT UNSIGNED", "PRIMARY KEY (id)", "IF(n = 4000, 18446744073709551615, n * n)", 4000, 3, 200),
        ("signed", "id BIGINT", "PRIMARY KEY (id)", "(n - 2000) * 4611686018427000", 4000, 3, 200),
        ("few", "a TINYINT, b INT", "PRIMARY KEY (a, b)", "n % 3, n", 4000, 3, 200),
        ("one", "a TINYINT, b VARCHAR(40)", "PRIMARY KEY (a, b)", "7, CONCAT('k', n)", 4000, 3, 200),
        (
            "words",
            "w VARCHAR(60) COLLATE utf8mb4_general_ci",
            "PRIMARY KEY (w)",
            "CONCAT(ELT(1 + n % 5, 'A', 'b', 'Ab ', 'ä', 'a\\t'), LEFT(SHA2(n, 256), 32))",
            3000,
            3,
            300,
        ),
        (
            "latin",
            "w VARCHAR(60) CHARACTER SET latin1 COLLATE latin1_bin",
            "PRIMARY KEY (w)",
            "CONCAT(ELT(1 + n % 3, 'É', 'z', 'e'), LEFT(SHA2(n, 256), 32))",
            3000,
            3,
            300,
        ),
        ("bytes", "w VARBINARY(20)", "PRIMARY KEY (w)", "UNHEX(LEFT(SHA2(n, 256), 40))", 3000, 3, 300),
        (
            "moment",
            "t DATETIME(6), d DECIMAL(12,4)",
            "UNIQUE KEY (t, d), KEY (d)",
            "'2024-01-01' + INTERVAL n % 50 DAY + INTERVAL n % 7 MICROSECOND, n / 16",
            3000,
            3,
            300,
        ),
        ("kinds", "a INT, e ENUM('z','a','m')", "PRIMARY KEY (a, e)", "n DIV 3, 1 + n % 3", 3000, 3, 300),
        ("backward", "a INT, b INT", "PRIMARY KEY (a DESC, b DESC)", "n % 9, n", 3000, 3, 300),
        (
            "second",
            "e ENUM('x','y'), b INT, c INT",
            "PRIMARY KEY (e, b), UNIQUE KEY nice (c)",
            "1 + n % 2, n, -n",
            3000,
            3,
            300,
        ),
    ];
    let deep = if source.kind == "mysql" { DEEP } else { "SET SESSION max_recursive_iterations = 10000000" };
    let mut statements = vec![deep.to_owned(), "ALTER DATABASE COLLATE utf8mb4_general_ci".to_owned()];
    for (table, columns, keys, values, rows, ..) in tables {
        let columns: Vec<String> = columns.split(", ").map(|column| format!("{column} NOT NULL")).collect();
        statements.push(format!("CREATE TABLE {table} ({}, v VARCHAR(200), {keys})", columns.join(", ")));
        let fill = format!("INSERT INTO {table} SELECT {values}, {text} FROM SEQ");
        statements.push(numbered(rows, &fill));
    }
    statements.extend([
        // Rows of 40 KiB side by side among small ones, and one of 1 MiB.
        "CREATE TABLE lumps (id INT PRIMARY KEY, v LONGBLOB)".into(),
        numbered(
            3000,
            "INSERT INTO lumps SELECT n, CASE WHEN n = 1500 THEN REPEAT('y', 1048576) WHEN n BETWEEN 2000 AND 2020 \
             THEN REPEAT('z', 40960) ELSE REPEAT('x', 50) END FROM SEQ",
        ),
        "CREATE TABLE days (a INT NOT NULL, b INT NOT NULL, v VARCHAR(200), PRIMARY KEY (b, a)) PARTITION BY RANGE (a) \
         (PARTITION p0 VALUES LESS THAN (1000), PARTITION p1 VALUES LESS THAN (2500), PARTITION p2 VALUES LESS THAN MAXVALUE)"
            .into(),
        numbered(4000, &format!("INSERT INTO days SELECT n, n % 13, {text} FROM SEQ")),
        "CREATE TABLE hashed (a INT NOT NULL PRIMARY KEY, v VARCHAR(200)) PARTITION BY HASH (a) PARTITIONS 7".into(),
        numbered(4000, &format!("INSERT INTO hashed SELECT n, {text} FROM SEQ")),
        "CREATE TABLE nothing (a INT PRIMARY KEY)".into(),
        "CREATE TABLE short (a INT PRIMARY KEY, v VARCHAR(200))".into(),
        numbered(900, &format!("INSERT INTO short SELECT n, {text} FROM SEQ")),
        "CREATE TABLE early (a INT PRIMARY KEY, v TEXT)".into(),
        numbered(500, &format!("INSERT INTO early SELECT n, IF(n = 1, REPEAT('y', 40000), {text}) FROM SEQ")),
        "ANALYZE TABLE short, early".into(),
        "CREATE TABLE filtered (a INT PRIMARY KEY, v VARCHAR(200))".into(),
        numbered(4000, &format!("INSERT INTO filtered SELECT n, {text} FROM SEQ")),
    ]);
    let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
    let moving = Move::new(name, source, &statements, "").await;
    let filter = format!("where = {{ \"{}.filtered\" = \"a % 4 = 0 OR a > 3900\" }}", moving.schema);
    moving.spec(&format!("    chunk_bytes = \"16KiB\"\n    {filter}"));
    moving.run(&["plan"], 0, "Only rows with (a % 4 = 0 OR a > 3900) are moved");
    moving.run(&["apply", "-auto-approve"], 0, "Certificate of migration.m");
    let sums = "SELECT COUNT(*), SUM(CRC32(v)) FROM DB.";
    for (table, _, _, _, rows, least, largest) in tables {
        moving.assert_equal(&format!("{sums}{table}")).await;
        check_parts(&moving.parts(table), u64::from(rows), least, largest, table);
    }
    for (table, rows, least, largest) in
        [("lumps", 3000, 20, 2 << 20), ("days", 4000, 3, 200), ("hashed", 4000, 3, 200)]
    {
        moving.assert_equal(&format!("{sums}{table}")).await;
        check_parts(&moving.parts(table), rows, least, largest, table);
    }
    // A long row at the begin does not make parts of the short ones behind it.
    moving.assert_equal(&format!("{sums}early")).await;
    let early = moving.parts("early");
    check_parts(&early, 500, 3, 40_000, "early");
    assert!(early.len() < 10, "{} parts", early.len());
    let kept = moving.ask(&moving.source, "SELECT COUNT(*) FROM DB.filtered WHERE a % 4 = 0 OR a > 3900").await;
    assert_eq!(moving.ask(&moving.target, "SELECT COUNT(*) FROM DB.filtered").await, kept);
    check_parts(&moving.parts("filtered"), kept.parse().unwrap(), 1, 200, "filtered");
    // One reader passes all of it: each part is full but for the last.
    moving.assert_equal(&format!("{sums}short")).await;
    let short = moving.parts("short");
    check_parts(&short, 900, 4, 200, "short");
    let bytes: Vec<u64> = short.iter().map(|part| part["bytes"].as_u64().unwrap()).collect();
    let full = |bytes: &u64| (CHUNK - 200..=CHUNK).contains(bytes);
    assert!(bytes[..bytes.len() - 1].iter().all(full) && bytes[bytes.len() - 1] <= CHUNK, "{bytes:?}");
    let empty = moving.parts("nothing");
    assert_eq!((empty.len(), empty[0]["rows"].as_u64()), (1, Some(0)));
    moving.end().await;
}

#[tokio::test]
async fn a_table_is_cut_evenly_along_every_key_of_mysql() {
    every_key("keys", Bed::mysql()).await;
}

#[tokio::test]
async fn a_table_is_cut_evenly_along_every_key_of_mariadb() {
    let Some(mariadb) = Bed::all().find(|bed| bed.kind == "mariadb") else { return };
    every_key("mkeys", mariadb).await;
}

/// Asks each server for the plan of the program's own statements over ranges, as the server has them on record.
#[tokio::test]
async fn every_statement_over_a_range_is_a_range_of_the_keys_index() {
    let hashed = "LEFT(SHA2(n, 256), 32)";
    let tables = [
        ("number", "a INT", "PRIMARY KEY (a)", "n".to_owned()),
        ("pair", "a INT, t DATETIME(6)", "PRIMARY KEY (a, t)", "n % 20, '2024-01-01' + INTERVAL n SECOND".into()),
        (
            "triple",
            "w VARCHAR(9), d DECIMAL(9,2), t DATE",
            "PRIMARY KEY (w, d, t)",
            format!("LEFT({hashed}, 1), n / 7, '2024-02-29'"),
        ),
        ("folded", "w VARCHAR(60) COLLATE utf8mb4_general_ci", "PRIMARY KEY (w)", hashed.into()),
        (
            "latin",
            "w VARCHAR(60) CHARACTER SET latin1 COLLATE latin1_bin",
            "PRIMARY KEY (w)",
            format!("CONCAT('É', {hashed})"),
        ),
        ("bytes", "w VARBINARY(20)", "PRIMARY KEY (w)", format!("UNHEX({hashed})")),
        ("bits", "a BIT(30)", "PRIMARY KEY (a)", "n * 1000".into()),
        (
            "second",
            "e ENUM('x','y'), b INT, c INT",
            "PRIMARY KEY (e, b), UNIQUE KEY nice (c)",
            "1 + n % 2, n, -n".into(),
        ),
    ];
    let mut statements = vec![DEEP.to_owned(), "ALTER DATABASE COLLATE utf8mb4_0900_bin".to_owned()];
    for (table, columns, keys, values) in &tables {
        let columns: Vec<String> = columns.split(", ").map(|column| format!("{column} NOT NULL")).collect();
        statements.push(format!("CREATE TABLE {table} ({}, v VARCHAR(200), {keys})", columns.join(", ")));
        statements.push(numbered(4000, &format!("INSERT INTO {table} SELECT {values}, REPEAT('x', 150) FROM SEQ")));
        statements.push(format!("ANALYZE TABLE {table}"));
    }
    let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
    let moving = Move::new("explained", Bed::mysql(), &statements, "    chunk_bytes = \"16KiB\"").await;
    moving.run(&["apply", "-auto-approve"], 0, "Certificate of migration.m");
    let on_source = "performance_schema.events_statements_summary_by_digest WHERE LENGTH(QUERY_SAMPLE_TEXT) < 1024";
    let on_target = "information_schema.statements_summary WHERE TRUE";
    for (table, ..) in tables {
        for (bed, on_record, ways, explain, expected) in [
            (
                &moving.source,
                on_source,
                vec!["SELECT%FORCE INDEX%WHERE%ORDER BY%", "SELECT COUNT(*), SUM%WHERE%"],
                "EXPLAIN FORMAT=TREE",
                "ndex range scan on",
            ),
            (&moving.target, on_target, vec!["SELECT COUNT(*), SUM%WHERE%"], "EXPLAIN", "RangeScan"),
        ] {
            for way in ways {
                let rows = format!("SELECT QUERY_SAMPLE_TEXT FROM {on_record} AND QUERY_SAMPLE_TEXT LIKE '{way}'");
                let of = format!("`{}`.`{table}`", moving.schema);
                let rows = bed.rows(&format!("{rows} AND LOCATE('{of}', QUERY_SAMPLE_TEXT) > 0")).await;
                let asked: Vec<&String> = rows.iter().map(|row| &row[0]).filter(|sql| !sql.contains("TRUE")).collect();
                assert!(!asked.is_empty(), "{table}: {way} is not on record");
                for sql in asked {
                    let plan: Vec<String> =
                        bed.rows(&format!("{explain} {sql}")).await.iter().map(|row| row.join(" ")).collect();
                    let plan = plan.join("\n");
                    assert!(plan.contains(expected), "{sql}\n{plan}");
                    assert!(
                        !plan.contains("Table scan") && !plan.contains("Sort") && !plan.contains("FullScan"),
                        "{sql}\n{plan}"
                    );
                }
            }
        }
    }
    moving.end().await;
}

/// Moves partitioned tables out of `source`, in parts of 16 KiB.
async fn every_partitioning(name: &str, source: Bed) {
    let deep = if source.kind == "mysql" { DEEP } else { "SET SESSION max_recursive_iterations = 10000000" };
    let rows = "REPEAT(CHAR(97 + n % 26), 150) FROM SEQ";
    let statements = [
        deep.to_owned(),
        "ALTER DATABASE COLLATE utf8mb4_bin".to_owned(),
        // One large, one small, an empty one and a small one behind it, names that need quotes.
        "CREATE TABLE days (a INT NOT NULL, b INT NOT NULL, v VARCHAR(200), PRIMARY KEY (b, a)) PARTITION BY RANGE (a) \
         (PARTITION `p``0` VALUES LESS THAN (7000), PARTITION `größer 1` VALUES LESS THAN (7500), PARTITION p2 VALUES LESS \
         THAN (7501), PARTITION none VALUES LESS THAN (7502), PARTITION P3 VALUES LESS THAN MAXVALUE)"
            .into(),
        numbered(9000, &format!("INSERT INTO days SELECT IF(n = 7501, 7499, n), n % 13 + 1000 * (n = 7501), {rows}")),
        "CREATE TABLE places (place VARCHAR(20) NOT NULL, id INT NOT NULL, v VARCHAR(200), PRIMARY KEY (id, place)) \
         PARTITION BY LIST COLUMNS (place) (PARTITION north VALUES IN ('Å', 'b'), PARTITION south VALUES IN ('c'), \
         PARTITION east VALUES IN ('d', 'e'))"
            .into(),
        numbered(6000, &format!("INSERT INTO places SELECT ELT(1 + n % 5, 'Å', 'b', 'c', 'd', 'e'), n, {rows}")),
        // Each server puts rows into these in its own way.
        "CREATE TABLE hashed (a INT NOT NULL PRIMARY KEY, v VARCHAR(200)) PARTITION BY KEY (a) PARTITIONS 4".into(),
        numbered(4000, &format!("INSERT INTO hashed SELECT n, {rows}")),
        "ANALYZE TABLE days, places, hashed".into(),
    ];
    let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
    let moving = Move::new(name, source, &statements, "    chunk_bytes = \"16KiB\"").await;
    moving.run(&["apply", "-auto-approve"], 0, "Certificate of migration.m");
    for (table, rows, expected) in [
        ("days", 9000, r#"[["p`0"],["größer 1"],["p2","none","P3"]]"#),
        ("places", 6000, r#"[["north"],["south"],["east"]]"#),
        ("hashed", 4000, "[null]"),
    ] {
        moving.assert_equal(&format!("SELECT COUNT(*), SUM(CRC32(v)) FROM DB.{table}")).await;
        let parts = moving.parts(table);
        check_parts(&parts, rows, 20, 200, table);
        let mut found = groups(&parts);
        let expected: Vec<serde_json::Value> = serde_json::from_str(expected).unwrap();
        found.sort_by_key(|group| expected.iter().position(|known| known == group));
        assert_eq!(found, expected, "{table}");
    }
    moving.run(&["verify"], 0, "");
    moving.end().await;
}

#[tokio::test]
async fn partitions_of_mysql_are_read_side_by_side_where_the_target_has_the_same() {
    every_partitioning("parted", Bed::mysql()).await;
}

#[tokio::test]
async fn partitions_of_mariadb_are_read_side_by_side_where_the_target_has_the_same() {
    let Some(mariadb) = Bed::all().find(|bed| bed.kind == "mariadb") else { return };
    every_partitioning("mparted", mariadb).await;
}

#[tokio::test]
async fn rows_that_differ_in_a_partition_or_stand_in_one_that_was_added_are_found() {
    let rows = numbered(9000, "INSERT INTO days SELECT n, REPEAT(CHAR(97 + n % 26), 150) FROM SEQ");
    let statements = [
        DEEP,
        "CREATE TABLE days (a INT NOT NULL PRIMARY KEY, v VARCHAR(200)) PARTITION BY RANGE (a) \
         (PARTITION p0 VALUES LESS THAN (4000), PARTITION p1 VALUES LESS THAN (9500))",
        &rows,
        "ANALYZE TABLE days",
    ];
    let moving = Move::new("padded", Bed::mysql(), &statements, "    chunk_bytes = \"16KiB\"").await;
    let on_target = async |sql: &str| moving.target.run(&[&sql.replace("DB", &moving.schema)]).await;
    let load = format!("-target=migration.m.load[\"{}.days\"]", moving.schema);
    moving.run(&["apply", "-auto-approve", &load], 0, "");
    on_target("UPDATE DB.days SET v = 'x' WHERE a = 8000").await;
    on_target("DELETE FROM DB.days WHERE a = 70").await;
    moving.run(&["apply", "-auto-approve", "-show-keys"], 6, "keys: missing a=70 | changed a=8000");

    // Slow enough for the table to be seen while it is loaded.
    moving.spec("    chunk_bytes = \"16KiB\"\n    rate_limit = \"80KiB\"");
    let replace = format!("-replace=migration.m.dump[\"{}.days\"]", moving.schema);
    let file = moving.dump_dir().join(format!("{}.days.000000001.sql", moving.schema));
    std::fs::remove_file(&file).unwrap();
    let child = program::command(moving.dir.path(), &["apply", "-auto-approve", "-show-keys", &replace])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !file.exists() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    // What is written before the table is emptied goes with it.
    let count = format!("SELECT COUNT(*) > 4000 FROM {}.days", moving.schema);
    while moving.target.rows(&count).await != [["0"]] {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    // Adding a partition waits for open transactions, and behind the DDL of other tests: mig stands still meanwhile, at a
    // moment when it has none.
    let open = format!(
        "SELECT COUNT(*) FROM information_schema.TIDB_TRX x JOIN information_schema.TABLES t ON \
         FIND_IN_SET(t.TIDB_TABLE_ID, x.RELATED_TABLE_IDS) WHERE t.TABLE_SCHEMA = '{}' AND t.TABLE_NAME = 'days'",
        moving.schema
    );
    let settle = std::time::Duration::from_millis(200);
    program::suspend_when(&child, settle, async || moving.target.rows(&open).await == [["0"]]).await;
    on_target("ALTER TABLE DB.days ADD PARTITION (PARTITION p2 VALUES LESS THAN (9999))").await;
    on_target("INSERT INTO DB.days VALUES (9600, 'y')").await;
    program::signal(&child, "-CONT");
    let output = child.wait_with_output().unwrap();
    let said = program::said(&output);
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(said.contains("1 row unexpected on the target; keys: unexpected a=9600"), "{said}");
    assert_eq!(groups(&moving.parts("days")).len(), 2);
    moving.end().await;
}

#[tokio::test]
async fn with_keep_false_no_more_than_the_limit_lies_on_the_disk_while_a_slow_target_loads() {
    let fill = numbered(60_000, "INSERT INTO big SELECT n, REPEAT('x', 150) FROM SEQ");
    let moving = Move::new(
        "limit",
        Bed::mysql(),
        &[
            DEEP,
            "CREATE TABLE big (id INT PRIMARY KEY, v VARCHAR(200))",
            &fill,
            "CREATE TABLE other LIKE big",
            "INSERT INTO other SELECT * FROM big",
        ],
        "    keep = false\n    disk_limit = \"1MiB\"\n    chunk_bytes = \"1GiB\"\n  }\n  load {\n    threads = 1\n    batch_bytes = \"64KiB\"",
    )
    .await;
    let mut child = program::command(moving.dir.path(), &["apply", "-auto-approve"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut most, mut looks) = (0, 0);
    let status = loop {
        let entries = std::fs::read_dir(moving.dump_dir()).into_iter().flatten().flatten();
        let data = entries.filter(|entry| entry.file_name().to_string_lossy().contains(".0000"));
        let bytes: u64 = data.map(|entry| entry.metadata().map_or(0, |found| found.len())).sum();
        most = most.max(bytes);
        looks += usize::from(bytes > 0);
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    };
    assert!(status.success());
    // 20 MB went through it.
    assert!(most <= 1 << 20 && most > 200_000 && looks > 10, "{most} bytes in {looks} looks");
    for table in ["big", "other"] {
        moving.assert_equal(&format!("SELECT COUNT(*), SUM(CRC32(v)), SUM(id) FROM DB.{table}")).await;
    }
    assert!(moving.files().iter().all(|name| !name.contains(".0000")), "{:?}", moving.files());
    moving.run(&["plan", "-detailed-exitcode"], 0, "No changes");
    moving.end().await;
}

#[tokio::test]
async fn no_more_statements_run_on_the_source_than_max_threads_says() {
    let fill = numbered(40_000, "INSERT INTO t1 SELECT n, REPEAT('x', 150) FROM SEQ");
    let mut statements = vec![DEEP, "CREATE TABLE t1 (id INT PRIMARY KEY, v VARCHAR(200))", &fill];
    statements.extend(["CREATE TABLE t2 LIKE t1", "INSERT INTO t2 SELECT * FROM t1"]);
    statements.extend(["CREATE TABLE t3 (a INT, v VARCHAR(200))", "INSERT INTO t3 SELECT * FROM t1"]);
    let moving = Move::new("ceiling", Bed::mysql(), &statements, "    chunk_bytes = \"64KiB\"").await;
    let file = moving.dir.path().join("move.mig.hcl");
    let spec = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, spec.replacen("username = \"root\"", "username = \"root\"\n  max_threads = 3", 1)).unwrap();
    let mut child = program::command(moving.dir.path(), &["apply", "-auto-approve"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut most, mut any) = (0, 0);
    let status = loop {
        let sql = "SELECT COUNT(*) FROM performance_schema.processlist WHERE COMMAND = 'Query' AND INFO LIKE '%DB%' \
                   AND ID <> CONNECTION_ID() AND INFO NOT LIKE '%information_schema%'";
        let running: u32 = moving.ask(&moving.source, sql).await.parse().unwrap();
        most = most.max(running);
        any += usize::from(running > 0);
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
    };
    assert!(status.success());
    assert!(most <= 3 && any > 0, "{most}, {any} times any");
    moving.end().await;
}
