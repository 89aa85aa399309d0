//! What is handed in and means something else than it says: conditions of `where`, rules that select nothing, the dialect
//! of a CSV dump, tables without a value of their own, a lost state. Judged by SQL on both servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use support::{Bed, program};

struct Trial {
    dir: tempfile::TempDir,
    schema: String,
    ledger: String,
    source: Bed,
    target: Bed,
}

impl Trial {
    async fn new(name: &str, source: Bed, statements: &[&str]) -> Self {
        let target = Bed::tidb();
        let mut all = vec!["ALTER DATABASE COLLATE utf8mb4_bin"];
        all.extend(statements);
        let schema = source.schema(name, &all).await;
        let ledger = format!("ml_{schema}");
        target.drop_schema(&schema).await;
        target.drop_schema(&ledger).await;
        let trial = Self { dir: tempfile::tempdir().unwrap(), schema, ledger, source, target };
        trial.spec("", "", "");
        trial
    }

    /// Writes the spec: rules beside the schema's own, lines of the dump block; `source` is left out where it is `none`.
    fn spec(&self, rules: &str, dump: &str, source: &str) {
        let server = |bed: &Bed| {
            let port = bed.config().port;
            format!(
                "host = \"127.0.0.1\"\n  port = {port}\n  username = \"root\"\n  tls {{\n    mode = \"disabled\"\n  }}"
            )
        };
        let (from, reference) = match source {
            "none" => (String::new(), ""),
            _ => (
                format!("source \"mysql\" \"from\" {{\n  {}\n}}\n", server(&self.source)),
                "source = source.mysql.from",
            ),
        };
        let text = format!(
            "{from}target \"tidb\" \"to\" {{\n  {}\n  ledger_schema = \"{}\"\n}}\nmigration \"m\" {{\n  {reference}\n  \
             target = target.tidb.to\n  tables = [\"{}.*\"{}]\n  gates {{\n    accept_unproven = [\"writes_stopped\"]\n  \
             }}\n  dump {{\n    chunk_bytes = \"8KiB\"\n    {}\n  }}\n}}\n",
            server(&self.target),
            self.ledger,
            self.schema,
            rules.replace("DB", &self.schema),
            dump.replace("DB", &self.schema),
        );
        std::fs::write(self.dir.path().join("trial.mig.hcl"), text).unwrap();
    }

    fn run(&self, arguments: &[&str], expected: i32, told: &[&str]) -> String {
        let told: Vec<String> = told.iter().map(|text| text.replace("DB", &self.schema)).collect();
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        program::run(self.dir.path(), arguments, expected, &told)
    }

    async fn ask(&self, bed: &Bed, sql: &str) -> Vec<Vec<String>> {
        bed.rows(&sql.replace("DB", &self.schema)).await
    }

    async fn assert_same(&self, queries: &[&str]) {
        for query in queries {
            assert_eq!(self.ask(&self.source, query).await, self.ask(&self.target, query).await, "{query}");
        }
    }

    async fn is_on_target(&self) -> bool {
        let sql = "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'DB'";
        self.ask(&self.target, sql).await[0][0] == "1"
    }

    /// A dump of the schema by Dumpling, in the folder `name`.
    fn dumpling(&self, name: &str, flags: &[&str]) {
        let program = Path::new(&std::env::var_os("MIG_TEST_BIN").expect("run `make test`")).join("dumpling");
        let port = self.source.config().port.to_string();
        let fixed = ["-h", "127.0.0.1", "-u", "root", "-P", &port, "-B", &self.schema, "-o", name];
        let output = Command::new(program).current_dir(self.dir.path()).args(fixed).args(flags).output().unwrap();
        assert!(output.status.success(), "{}", program::said(&output));
    }

    /// Takes back what was moved, and the state.
    async fn forget(&self) {
        self.target.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.ledger).await;
        self.lose_state();
    }

    fn lose_state(&self) {
        for entry in std::fs::read_dir(self.dir.path()).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if name.contains("migstate") {
                std::fs::remove_file(entry.path()).unwrap();
            } else if name == ".mig" {
                std::fs::remove_dir_all(entry.path()).unwrap();
            }
        }
    }

    async fn end(self) {
        self.source.drop_schema(&self.schema).await;
        self.forget().await;
    }
}

const NUMBERS: &str =
    "(WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < 4000) SELECT n FROM s) q";

#[tokio::test]
async fn a_condition_that_is_none_stops_the_plan_and_one_that_is_limits_the_rows() {
    let fill = format!("INSERT INTO t SELECT n, n % 3, REPEAT('x', 60) FROM {NUMBERS}");
    let statements = [
        "SET SESSION cte_max_recursion_depth = 100000",
        "CREATE TABLE t (id INT PRIMARY KEY, a INT, v VARCHAR(90))",
        &fill,
        "CREATE VIEW w AS SELECT id FROM t",
    ];
    let trial = Trial::new("conditions", Bed::mysql(), &statements).await;
    for (condition, told) in [
        ("id<10) or (a=2", "closes a bracket that was not opened"),
        ("id<50 -- note", "holds a comment"),
        ("id<20;", "holds a semicolon"),
        ("a=5 # tail", "holds a comment"),
    ] {
        trial.spec("", &format!("where = {{ \"DB.t\" = \"{condition}\" }}"), "");
        trial.run(&["validate"], 1, &["MIG1240", told]);
    }
    for (key, condition, told) in [
        ("DB.t", "ident < 10", "Unknown column 'ident'"),
        ("DB.t", "id < 10 AND", "MIG2067"),
        ("DB.t", "nothing(id)", "MIG2067"),
        ("DB.tt", "id < 10", "MIG2066"),
        ("DB.T", "id < 10", "MIG2066"),
        ("DB.w", "id < 10", "it is a view"),
    ] {
        trial.spec("", &format!("where = {{ \"{key}\" = \"{condition}\" }}"), "");
        trial.run(&["plan"], 5, &[key, told]);
        trial.run(&["apply", "-auto-approve"], 5, &[key, told]);
        assert!(!trial.is_on_target().await, "{condition}");
    }
    let condition = "id <= 3000 AND (a = 1 OR v = ');') -- no comment".trim_end_matches(" -- no comment");
    trial.spec("", &format!("where = {{ \"DB.t\" = \"{condition}\" }}"), "");
    trial.run(&["apply", "-auto-approve"], 0, &["✓ equal"]);
    let count = trial.ask(&trial.source, "SELECT COUNT(*), SUM(id) FROM DB.t WHERE id <= 3000 AND a = 1").await;
    assert_eq!(trial.ask(&trial.target, "SELECT COUNT(*), SUM(id) FROM DB.t").await, count);
    trial.end().await;
}

#[tokio::test]
async fn a_key_whose_border_cannot_be_written_down_does_not_fill_the_disk() {
    // Two bytes of gbk that have no character: as a border each is a question mark, which sorts before all of them.
    let fill = format!("INSERT INTO t SELECT UNHEX('A140'), n, REPEAT('x', 60) FROM {NUMBERS}");
    let statements = [
        "SET SESSION cte_max_recursion_depth = 100000",
        "CREATE TABLE t (v VARBINARY(8), n INT, w VARCHAR(90), PRIMARY KEY (v, n))",
        &fill,
        "ALTER TABLE t MODIFY v VARCHAR(8) CHARACTER SET gbk COLLATE gbk_bin",
    ];
    let trial = Trial::new("astray", Bed::mysql(), &statements).await;
    let output = program::command(trial.dir.path(), &["apply", "-auto-approve"]).output().unwrap();
    let told = program::said(&output);
    // Either nothing is read at all, or the dump stops by name: it ends, and never well.
    assert_ne!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("MIG5160") || output.status.code() == Some(5), "{told}");
    assert!(told.contains(&format!("{}.t", trial.schema)), "{told}");
    let files = std::fs::read_dir(trial.dir.path().join(".mig/work/m/dump")).map_or(0, Iterator::count);
    assert!(files < 200, "{files} files");
    trial.end().await;
}

#[tokio::test]
async fn what_the_filter_names_in_vain_stands_in_the_plan_and_in_the_report() {
    let trial = Trial::new("unmet", Bed::mysql(), &["CREATE TABLE orders (id INT PRIMARY KEY)"]).await;
    let bare = trial.source.schema("unmet_bare", &[]).await;
    trial.spec(&format!(", \"DB.custmers\", \"DB_stock.items\", \"{bare}.*\", \"!DB.audit_log\""), "", "");
    let told =
        ["\"DB.custmers\" selects nothing", "the source shows no schema db_stock", "\"!DB.audit_log\" selects nothing"];
    let told: Vec<String> = told.iter().map(|text| text.replace("db_", &format!("{}_", trial.schema))).collect();
    let mut told: Vec<&str> = told.iter().map(String::as_str).collect();
    let of_schema = format!("schema {bare} selects nothing");
    told.push(&of_schema);
    trial.run(&["plan"], 0, &told);
    trial.run(&["apply", "-auto-approve"], 0, &["✓ equal", "Not moved: rule DB.custmers"]);
    trial.run(&["report"], 0, &["DB.custmers", "DB_stock.items", &bare, "no table or view of that name"]);
    trial.source.drop_schema(&bare).await;
    trial.end().await;
}

#[tokio::test]
async fn rows_without_a_value_of_their_own_are_moved_by_apply_and_by_import() {
    let statements = [
        "CREATE TABLE ticks (one INT AS (1) VIRTUAL, two INT AS (2) STORED)",
        "INSERT INTO ticks VALUES (DEFAULT, DEFAULT), (DEFAULT, DEFAULT), (DEFAULT, DEFAULT)",
        "CREATE TABLE none (one INT AS (1) VIRTUAL)",
        "CREATE TABLE keyed (one INT AS (7) STORED NOT NULL PRIMARY KEY)",
        "INSERT INTO keyed VALUES (DEFAULT)",
    ];
    let trial = Trial::new("ticks", Bed::mysql(), &statements).await;
    trial.run(&["apply", "-auto-approve"], 0, &["✓ equal"]);
    trial.run(&["verify"], 0, &[]);
    let same = ["SELECT * FROM DB.ticks", "SELECT COUNT(*) FROM DB.none", "SELECT * FROM DB.keyed"];
    trial.assert_same(&same).await;
    trial.run(&["plan", "-detailed-exitcode"], 0, &["No changes"]);
    // A row that is taken away is missed.
    trial.target.run(&[&format!("DELETE FROM {}.ticks LIMIT 1", trial.schema)]).await;
    trial.run(&["verify"], 6, &["DB.ticks"]);
    trial.forget().await;
    trial.dumpling("sql", &[]);
    trial.run(&["import-dump", "sql", "-auto-approve"], 0, &["✓ equal"]);
    trial.assert_same(&same).await;
    // Lines without a value prove nothing of how the file is written.
    trial.forget().await;
    trial.dumpling("csv", &["--filetype", "csv"]);
    trial.run(&["import-dump", "csv", "-auto-approve"], 5, &["MIG2076"]);
    trial.end().await;
}

#[tokio::test]
async fn the_dialect_of_a_csv_dump_is_proven_or_asked_for_and_never_guessed() {
    const ROWS: &str = "SELECT id, HEX(v), n FROM DB.t ORDER BY id";
    let create = "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40), n INT)";
    let plain = ["--filetype", "csv", "--escape-backslash=false"];
    // What the files prove by themselves.
    let proving = "INSERT INTO t VALUES (1, 'C:\\\\new\\\\table', 1), (2, 'a\\\\Nb', NULL), (3, 'a\"b\\nc', 3), (4, NULL, 4), (5, '\\\\N', 5)";
    let trial = Trial::new("csv_proving", Bed::mysql(), &[create, proving]).await;
    trial.dumpling("plain", &plain);
    trial.dumpling("escaped", &["--filetype", "csv"]);
    for source in ["", "none"] {
        trial.spec("", "", source);
        for folder in ["plain", "escaped"] {
            trial.run(&["import-dump", folder, "-auto-approve"], 0, &[]);
            trial.assert_same(&[ROWS]).await;
            trial.run(&["plan", "-detailed-exitcode"], 0, &["No changes"]);
            trial.forget().await;
        }
    }
    // Other words and signs have to be said, and then they are taken.
    let odd = [
        "--filetype",
        "csv",
        "--csv-null-value",
        "NULL",
        "--csv-separator",
        ";",
        "--csv-delimiter",
        "'",
        "--no-header",
    ];
    trial.dumpling("odd", &odd);
    trial.run(&["import-dump", "odd", "-auto-approve"], 5, &["MIG2076", "-csv-separator"]);
    assert!(!trial.is_on_target().await);
    let said = [
        "import-dump",
        "odd",
        "-auto-approve",
        "-csv-null=NULL",
        "-csv-separator=;",
        "-csv-delimiter='",
        "-csv-header=false",
        "-csv-backslash-escapes=true",
    ];
    trial.run(&said, 0, &[]);
    trial.assert_same(&[ROWS]).await;
    trial.forget().await;
    for null in ["", "NULL"] {
        let folder = format!("null{null}");
        trial.dumpling(&folder, &["--filetype", "csv", "--csv-null-value", null]);
        trial.run(&["import-dump", &folder, "-auto-approve"], 5, &["MIG2076", "-csv-null"]);
        trial.run(&["import-dump", &folder, "-auto-approve", &format!("-csv-null={null}")], 0, &[]);
        trial.assert_same(&[ROWS]).await;
        trial.forget().await;
    }
    trial.end().await;
    // What fits both ways, and gives other values.
    let trial = Trial::new("csv_both", Bed::mysql(), &[create, "INSERT INTO t VALUES (1, 'C:\\\\new', 1)"]).await;
    trial.dumpling("plain", &plain);
    for source in ["", "none"] {
        trial.spec("", "", source);
        trial.run(&["import-dump", "plain", "-auto-approve"], 5, &["MIG2075", "-csv-backslash-escapes=true"]);
        assert!(!trial.is_on_target().await);
        trial.run(&["import-dump", "plain", "-auto-approve", "-csv-backslash-escapes=false"], 0, &[]);
        trial.assert_same(&[ROWS]).await;
        trial.run(&["plan", "-detailed-exitcode"], 0, &["No changes"]);
        trial.forget().await;
    }
    trial.end().await;
}

#[tokio::test]
async fn an_sql_dump_without_backslash_escapes_is_refused_and_not_read_as_one_with_them() {
    let create = "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40))";
    // A line break, a quote, a backslash before a letter that is none of Dumpling's escapes.
    for (name, value) in [("line", "a\\nb"), ("quote", "it''s"), ("letter", "C:\\\\temp")] {
        let insert = format!("INSERT INTO t VALUES (1, 'x'), (2, '{value}')");
        let trial = Trial::new(&format!("sql_{name}"), Bed::mysql(), &[create, &insert]).await;
        trial.dumpling("plain", &["--escape-backslash=false"]);
        trial.dumpling("escaped", &[]);
        trial.run(&["import-dump", "plain", "-auto-approve"], 5, &["MIG2077", "t.000000000.sql"]);
        assert!(!trial.is_on_target().await);
        trial.run(&["import-dump", "escaped", "-auto-approve"], 0, &[]);
        trial.assert_same(&["SELECT id, HEX(v) FROM DB.t ORDER BY id"]).await;
        trial.forget().await;
        trial.end().await;
    }
    // Behind what a plan looks into.
    let many = "INSERT INTO t SELECT n, REPEAT('x', 39) FROM (WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s \
                WHERE n < 60000) SELECT n FROM s) q";
    let deep = ["SET SESSION cte_max_recursion_depth = 100000", create, many, "INSERT INTO t VALUES (70000, 'a\\nb')"];
    let trial = Trial::new("sql_deep", Bed::mysql(), &deep).await;
    trial.dumpling("plain", &["--escape-backslash=false"]);
    trial.run(&["import-dump", "plain", "-auto-approve"], 6, &["a text was written without backslash escapes"]);
    trial.end().await;
}

#[tokio::test]
async fn whoever_lost_the_state_and_dropped_the_schema_is_told_the_way_out_and_it_works() {
    let statements =
        ["CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)", "CREATE VIEW v AS SELECT id FROM t"];
    let trial = Trial::new("lost", Bed::mysql(), &statements).await;
    trial.run(&["apply", "-auto-approve"], 0, &[]);
    trial.lose_state();
    trial.target.drop_schema(&trial.schema).await;
    let told = trial.run(&["plan"], 5, &["MIG2048", "table DB.t", "schema DB", "view DB.v"]);
    trial.run(&["apply", "-auto-approve"], 5, &["MIG2048"]);
    assert!(!trial.is_on_target().await);
    // The statements of the help, as they stand there.
    let flat = program::flat(&told);
    let statements: Vec<&str> =
        flat.split("DELETE FROM ").skip(1).map(|text| text.split_once(';').expect("a statement ends").0).collect();
    assert_eq!(statements.len(), 2, "{told}");
    for statement in statements {
        trial.target.run(&[&format!("DELETE FROM {statement}")]).await;
    }
    trial.run(&["apply", "-auto-approve"], 0, &["✓ equal"]);
    trial.assert_same(&["SELECT * FROM DB.t", "SELECT * FROM DB.v"]).await;
    trial.end().await;
}

#[tokio::test]
async fn a_lock_on_the_source_that_a_dump_waits_for_is_told() {
    let trial =
        Trial::new("locked", Bed::mysql(), &["CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)"]).await;
    let mut lock = trial.source.server().connect(&support::write_role()).await.unwrap();
    lock.execute(&format!("LOCK TABLES {}.t WRITE", trial.schema)).await.unwrap();
    let child = program::command(trial.dir.path(), &["apply", "-auto-approve"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    tokio::time::sleep(Duration::from_secs(25)).await;
    drop(lock);
    let output = child.unwrap().wait_with_output().unwrap();
    program::judge(
        &output,
        &["apply"],
        0,
        &["another session of the source, which holds a lock on the table", "✓ equal"],
    );
    trial.end().await;
}

#[tokio::test]
async fn a_source_that_cannot_be_read_is_refused_by_the_plan() {
    let target = Bed::tidb();
    let source = Bed::tidb();
    let schema = source.schema("tidb_source", &["CREATE TABLE t (id INT PRIMARY KEY)"]).await;
    let dir = tempfile::tempdir().unwrap();
    let block = |kind: &str, name: &str, bed: &Bed, more: &str| {
        let port = bed.config().port;
        format!(
            "{kind} \"{name}\" {{\n  host = \"127.0.0.1\"\n  port = {port}\n  username = \"root\"\n  tls {{\n    mode = \"disabled\"\n  }}\n{more}}}\n"
        )
    };
    let mysql = Bed::mysql();
    let spec = format!(
        "{}{}migration \"m\" {{\n  source = source.mysql.from\n  target = target.mysql.to\n  tables = [\"{schema}.*\"]\n}}\n",
        block("source \"mysql\"", "from", &target, ""),
        block("target \"mysql\"", "to", &mysql, &format!("  ledger_schema = \"ml_{schema}\"\n")),
    );
    std::fs::write(dir.path().join("trial.mig.hcl"), spec).unwrap();
    program::run(dir.path(), &["plan"], 5, &["MIG2064", "not from TiDB", "import-dump"]);
    source.drop_schema(&schema).await;
}
