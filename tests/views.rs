//! Views with the program itself between real servers: which arrive, which are left out and by what name, what they
//! give, and what happens to them afterwards. Judged by SQL on both servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::PathBuf;

use serde_json::Value;
use support::{Bed, program, server_blocks};

/// One test's world: a schema of one name on both servers, and a spec that selects it.
struct Trial {
    dir: tempfile::TempDir,
    schema: String,
    source: Bed,
    target: Bed,
}

const TABLES: &[&str] = &[
    "CREATE TABLE t (id INT PRIMARY KEY, g INT, n VARCHAR(20), d DATETIME, f DOUBLE, m DECIMAL(9,3), b VARBINARY(9)) \
     DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
    "INSERT INTO t VALUES (1, 1, 'Anna', '2024-01-31 10:00:00', 0.1, 1.5, x'00ff'), \
     (2, 1, 'anna', '2024-02-01 00:00:00', 0.2, 2.25, NULL), (3, 2, NULL, NULL, -3e10, NULL, 'x')",
];

impl Trial {
    /// Tables and views on the source, nothing on the target.
    async fn new(name: &str, source: Bed, target: Bed, statements: &[&str]) -> Self {
        let all: Vec<&str> = TABLES.iter().chain(statements).copied().collect();
        let schema = source.schema(name, &all).await;
        target.drop_schema(&schema).await;
        target.drop_schema(&format!("ml_{schema}")).await;
        let trial = Self { dir: tempfile::tempdir().unwrap(), schema, source, target };
        trial.spec("", "");
        trial
    }

    fn spec(&self, tables: &str, gates: &str) {
        let ports = (self.source.config().port, self.target.config().port);
        let text = format!(
            "{}migration \"m\" {{\n  source = source.mysql.from\n  target = target.{}.to\n  tables = \
             [\"{}.*\"{tables}]\n  gates {{\n    accept_unproven = [\"writes_stopped\"]\n{gates}  }}\n}}\n",
            server_blocks(ports, &self.target, "root", &format!("ml_{}", self.schema)),
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

    fn certificate(&self) -> Value {
        serde_json::from_str(&self.mig(&["report", "-json"], 0, &[])).unwrap()
    }

    /// The names of the views on a server.
    async fn views(&self, bed: &Bed) -> Vec<String> {
        let sql = format!(
            "SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = '{}' ORDER BY TABLE_NAME",
            self.schema
        );
        bed.rows(&sql).await.into_iter().map(|row| row[0].clone()).collect()
    }

    /// The rows of a query on both servers, which have to be the same in any order.
    async fn same(&self, sql: &str) {
        let sql = sql.replace("S.", &format!("{}.", self.schema));
        let (mut here, mut there) = (self.source.rows(&sql).await, self.target.rows(&sql).await);
        here.sort();
        there.sort();
        assert_eq!(here, there, "{sql}");
    }

    async fn on_target(&self, sql: &str) {
        self.target.run(&[&sql.replace("S.", &format!("{}.", self.schema))]).await;
    }

    async fn end(self) {
        self.source.drop_schema(&self.schema).await;
        self.target.drop_schema(&self.schema).await;
        self.target.drop_schema(&format!("ml_{}", self.schema)).await;
    }
}

/// Views that each of the three servers takes.
const SORTS: &[&str] = &[
    "CREATE VIEW a_top AS SELECT z.id, z.n FROM z_base z WHERE z.id > 1",
    "CREATE VIEW given (one, `t``wo`) AS SELECT id, CONCAT(n, ' ', id) FROM t",
    "CREATE VIEW grouped AS SELECT g, COUNT(*) AS c, SUM(m) AS s, AVG(f) AS a, MAX(d) AS x FROM t GROUP BY g",
    "CREATE VIEW inner_ones AS SELECT id, (SELECT MAX(u.id) FROM t u WHERE u.g = t.g) AS top, \
     EXISTS (SELECT 1 FROM t w WHERE w.id = t.id + 1) AS next FROM t",
    "CREATE VIEW joined AS SELECT a.id, b.n, c.k FROM t a JOIN t b ON b.id = a.g LEFT JOIN (SELECT id AS k FROM t) c \
     ON c.k = a.id + 1 WHERE a.n IS NULL OR a.n LIKE 'A%'",
    "CREATE SQL SECURITY INVOKER VIEW mine AS SELECT id, m, f, CAST(id AS CHAR(5)) AS c FROM t",
    "CREATE VIEW rolled AS SELECT g, SUM(id) AS s FROM t GROUP BY g WITH ROLLUP",
    "CREATE VIEW said AS SELECT id, 'it''s a \\\\ \"quote\"' AS q, CONCAT(n, '`x`') FROM t",
    "CREATE VIEW timed AS SELECT DATE_ADD(d, INTERVAL id MONTH) AS d, EXTRACT(YEAR FROM d) AS y, \
     DATE_FORMAT(d, '%Y-%m') AS ym, TRIM(BOTH 'a' FROM n) AS tr FROM t",
    "CREATE VIEW united AS SELECT id, n FROM t WHERE id < 3 UNION ALL SELECT g, 'x' FROM t UNION SELECT 7, NULL",
    "CREATE VIEW walked AS WITH RECURSIVE s AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM s WHERE i < 4) \
     SELECT i, (SELECT n FROM t WHERE id = i) AS n FROM s",
];

#[tokio::test]
async fn views_of_all_sorts_arrive_and_give_the_same_rows() {
    for (name, source, target) in
        [("v_sorts_mt", Bed::mysql(), Bed::tidb()), ("v_sorts_ma", Bed::mysql(), Bed::mariadb())]
    {
        let mut statements = vec!["CREATE VIEW z_base AS SELECT id, n FROM t"];
        statements.extend(SORTS);
        let trial = Trial::new(name, source, target, &statements).await;
        trial.spec("", "    collation = \"convert\"\n    collation_map = {\n      utf8mb4_0900_ai_ci = \"utf8mb4_general_ci\"\n    }\n");
        trial.mig(&["apply", "-auto-approve"], 0, &["12 views: the same rows on both servers"]);
        for view in trial.views(&trial.source).await {
            trial.same(&format!("SELECT * FROM S.{view}")).await;
            let columns = "SELECT COLUMN_NAME, ORDINAL_POSITION FROM information_schema.COLUMNS WHERE TABLE_SCHEMA =";
            trial.same(&format!("{columns} '{}' AND TABLE_NAME = '{view}'", trial.schema)).await;
        }
        assert_eq!(trial.views(&trial.source).await, trial.views(&trial.target).await);
        trial.mig(&["plan", "-detailed-exitcode"], 0, &["No changes."]);
        trial.mig(&["verify"], 0, &[", 12 views"]);
        for view in trial.certificate()["views"].as_array().unwrap() {
            assert_eq!(view["rows"]["source"], view["rows"]["target"], "{view}");
            assert!(view["rows"]["source"].as_u64().is_some(), "{view}");
        }
        trial.end().await;
    }
}

#[tokio::test]
async fn views_that_cannot_be_made_are_named_before_anything_moves_and_can_be_left_out() {
    let trial = Trial::new(
        "v_left",
        Bed::mysql(),
        Bed::tidb(),
        &[
            "CREATE TABLE gone (id INT PRIMARY KEY)",
            "CREATE TABLE aside (id INT PRIMARY KEY)",
            "CREATE FUNCTION twice(x INT) RETURNS INT DETERMINISTIC RETURN x * 2",
            "CREATE VIEW broken AS SELECT id FROM gone",
            "CREATE VIEW calls AS SELECT id, twice(g) AS tw FROM t",
            "CREATE VIEW sounds AS SELECT id, SOUNDEX(n) AS s FROM t",
            "CREATE VIEW lateral_one AS SELECT t.id, x.m FROM t, LATERAL (SELECT MAX(u.id) AS m FROM t u WHERE u.g = t.g) x",
            "CREATE VIEW over_aside AS SELECT t.id FROM t JOIN aside ON aside.id = t.id",
            "CREATE VIEW over_sounds AS SELECT s FROM sounds",
            "CREATE VIEW sound AS SELECT id FROM t",
            "DROP TABLE gone",
        ],
    )
    .await;
    let schema = trial.schema.clone();
    let of = |text: &str| text.replace("S.", &format!("{schema}."));
    let reasons = [
        of("S.broken: the source cannot read it: error 1356"),
        of("S.calls calls the stored function S.twice, which is not on the target"),
        of("S.sounds calls SOUNDEX, which the target does not have"),
        of("S.lateral_one: the target refuses its text:"),
        of("S.over_aside reads S.aside, which is neither moved nor on the target"),
        of("S.over_sounds reads the view S.sounds, which cannot be made"),
    ];
    let told: Vec<&str> = reasons.iter().map(String::as_str).collect();
    let aside = of(", \"!S.aside\"");
    let routine = "    rule \"MIG2104\" {\n      action = \"warn\"\n    }\n";
    trial.spec(&aside, routine);
    trial.mig(&["plan"], 5, &told);
    trial.mig(&["apply", "-auto-approve"], 5, &told);
    assert_eq!(trial.target.rows(&format!("SHOW DATABASES LIKE '{schema}'")).await.len(), 0);
    // By the setting for all rules; the same with each rule's own rewrite.
    let each: String =
        (2160..=2164).map(|code| format!("    rule \"MIG{code}\" {{\n      action = \"rewrite\"\n    }}\n")).collect();
    trial.spec(&aside, &format!("{routine}{each}"));
    trial.mig(&["plan"], 0, &told);
    trial.spec(&aside, "    compatibility = \"warn\"\n");
    trial.mig(&["plan"], 0, &told);
    trial.mig(&["apply", "-auto-approve"], 0, &["1 view: the same rows on both servers"]);
    assert_eq!(trial.views(&trial.target).await, ["sound"]);
    trial.mig(&["report"], 0, &told);
    trial.mig(&["verify"], 0, &[&of("view S.over_aside")]);
    trial.mig(&["plan", "-detailed-exitcode"], 0, &["No changes."]);
    let unmoved = trial.certificate()["not_moved"].as_array().unwrap().iter().filter(|n| n["kind"] == "view").count();
    assert_eq!(unmoved, 6);
    // What is there, anyone who put it there, can be read.
    trial.on_target("CREATE TABLE S.aside (id INT PRIMARY KEY)").await;
    trial.mig(&["apply", "-auto-approve"], 0, &[]);
    assert_eq!(trial.views(&trial.target).await, ["over_aside", "sound"]);
    trial.end().await;
}

#[tokio::test]
async fn words_of_a_view_compare_as_on_the_source() {
    let trial = Trial::new(
        "v_words",
        Bed::mysql(),
        Bed::tidb(),
        &[
            "SET NAMES utf8mb4 COLLATE utf8mb4_0900_ai_ci",
            "CREATE VIEW states AS SELECT id, IF(g = 1, 'Open', 'Closed') AS state FROM t",
            "CREATE VIEW kinds AS SELECT 'open' AS k UNION SELECT 'OPEN'",
            "CREATE VIEW letters AS SELECT ELT(id, 'A', 'a', 'b') AS k, COUNT(*) AS n FROM t GROUP BY ELT(id, 'A', 'a', 'b')",
            "CREATE VIEW opened AS SELECT id FROM states WHERE state = 'open'",
            "CREATE VIEW days AS SELECT id FROM t WHERE DATE_FORMAT(d, '%W') = 'WEDNESDAY'",
            "CREATE VIEW cased AS SELECT id, CASE WHEN 'a' = 'A' THEN 1 ELSE 2 END AS c FROM t",
            "CREATE VIEW inside AS SELECT q.w FROM (SELECT 'Word' AS w) q WHERE q.w IN ('word', 'other')",
            "CREATE VIEW named AS WITH c AS (SELECT 'Word' AS w) SELECT COUNT(*) AS n FROM c WHERE c.w LIKE 'WORD'",
            "CREATE VIEW largest AS SELECT MAX(ELT(id, 'b', 'B', 'a')) AS m FROM t",
            "CREATE VIEW by_column AS SELECT id FROM t WHERE n = 'ANNA' AND n <> 'x'",
            "CREATE VIEW exact AS SELECT id FROM t WHERE n = _utf8mb4'ANNA' COLLATE utf8mb4_bin",
            "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
            "CREATE VIEW binary_kinds AS SELECT 'open' AS k UNION SELECT 'OPEN'",
        ],
    )
    .await;
    trial.mig(&["apply", "-auto-approve"], 0, &["12 views: the same rows on both servers"]);
    for sql in [
        "SELECT state FROM S.states WHERE state = 'OPEN'",
        "SELECT COUNT(*) FROM S.kinds",
        "SELECT LOWER(k), n FROM S.letters",
        "SELECT * FROM S.opened",
        "SELECT * FROM S.days",
        "SELECT * FROM S.cased",
        "SELECT * FROM S.inside",
        "SELECT * FROM S.named",
        "SELECT LOWER(m) FROM S.largest",
        "SELECT * FROM S.by_column",
        "SELECT * FROM S.exact",
        "SELECT COUNT(*) FROM S.binary_kinds",
    ] {
        trial.same(sql).await;
    }
    trial.end().await;
}

#[tokio::test]
async fn a_view_that_was_changed_on_the_target_is_found_and_made_anew() {
    let trial = Trial::new(
        "v_changed",
        Bed::mysql(),
        Bed::tidb(),
        &["CREATE VIEW v AS SELECT id, g FROM t WHERE n = 'anna'", "CREATE VIEW w AS SELECT id FROM t"],
    )
    .await;
    trial.mig(&["apply", "-auto-approve"], 0, &["2 views: the same rows on both servers"]);
    let found = format!("View {}.v: its text was changed on the target", trial.schema);
    for (changed, verify) in [
        // Other rows.
        ("SELECT id, g * 10 AS g FROM S.t WHERE n = 'anna'", "gives other rows: 2 rows on both, not the same ones"),
        ("SELECT id, g FROM S.t", "gives other rows: 2 rows on the source, 3 on the target"),
        // The same rows today.
        ("SELECT id, g FROM S.t WHERE g = 1", found.as_str()),
        ("SELECT id, g FROM S.t WHERE n = 'anna' LIMIT 100", found.as_str()),
    ] {
        trial.on_target(&format!("CREATE OR REPLACE VIEW S.v AS {changed}")).await;
        trial.mig(&["verify"], 6, &["Different: 1 of 2 views", verify]);
        trial.mig(&["plan", "-detailed-exitcode"], 2, &["changed on the target: its text"]);
        trial.mig(&["apply", "-auto-approve"], 0, &["2 views: the same rows on both servers"]);
        trial.same("SELECT * FROM S.v").await;
        trial.mig(&["verify"], 0, &[]);
    }
    // Without a record of what was created its rows still tell.
    trial.on_target("CREATE OR REPLACE VIEW S.v AS SELECT id, 7 AS g FROM S.t").await;
    std::fs::remove_file(trial.path("mig.migstate")).unwrap();
    trial.mig(&["verify"], 6, &["gives other rows"]);
    trial.on_target("DROP VIEW S.w").await;
    trial.mig(&["verify"], 6, &["it is not on the target"]);
    trial.end().await;
}

#[tokio::test]
async fn a_view_whose_rows_depend_on_the_moment_is_named_as_unproven() {
    let trial = Trial::new(
        "v_open",
        Bed::mysql(),
        Bed::tidb(),
        &["CREATE VIEW v AS SELECT id, RAND() AS r FROM t", "CREATE VIEW w AS SELECT r FROM v"],
    )
    .await;
    trial.mig(&["apply", "-auto-approve"], 0, &["Certificate of migration.m: unproven", "calls RAND"]);
    let certificate = trial.certificate();
    assert!(certificate["unproven"].to_string().contains(".w: its rows differ, which proves nothing"), "{certificate}");
    trial.end().await;
}

/// The reason is looked at: what only resembles one is a difference. The target's view is replaced, and no record is
/// left of the one that was made.
#[tokio::test]
async fn a_reason_by_which_rows_may_differ_holds_only_where_it_is_seen() {
    const EQUAL: &str = "it takes one of several words that are equal by their collation";
    const UNKNOWN: &str = "words that are equal by their collation is not known";
    for (name, exit, headline, views) in [
        (
            "v_reasons",
            0,
            "4 views give other rows, and why that may prove nothing is named below",
            &[
                ("SELECT MAX(n) AS m FROM t WHERE id < 3", "SELECT 'ANNA ' AS m", ""),
                ("SELECT MAX(n) AS m FROM t WHERE id < 3", "SELECT 'Ánna' AS m", EQUAL),
                (
                    "SELECT g, MAX(n) AS m FROM t GROUP BY g",
                    "SELECT 1 AS g, 'anná' AS m UNION ALL SELECT 2, NULL",
                    EQUAL,
                ),
                ("SELECT HEX(MAX(n)) AS m FROM t WHERE id < 3", "SELECT HEX('anna') AS m", UNKNOWN),
                ("SELECT UNIX_TIMESTAMP() AS m FROM t", "SELECT 7 AS m FROM S.t", "calls UNIX_TIMESTAMP"),
            ][..],
        ),
        (
            "v_no_reasons",
            6,
            "Different: 5 of 5 views",
            &[
                ("SELECT MAX(n) AS m, MAX(id) AS i FROM t WHERE id < 3", "SELECT 'anna' AS m, 3 AS i", ""),
                ("SELECT MAX(g) AS g, 'a' AS m FROM t", "SELECT 2 AS g, 'b' AS m", ""),
                ("SELECT UNIX_TIMESTAMP(d) AS m FROM t", "SELECT UNIX_TIMESTAMP(d) + 1 AS m FROM S.t", ""),
                ("SELECT DISTINCT d FROM t WHERE id = 1", "SELECT d + INTERVAL 1 DAY AS d FROM S.t WHERE id = 1", ""),
                (
                    "SELECT GROUP_CONCAT(id ORDER BY id) AS m FROM t",
                    "SELECT GROUP_CONCAT(id ORDER BY -id) AS m FROM S.t",
                    "",
                ),
            ][..],
        ),
    ] {
        let made: Vec<String> =
            views.iter().enumerate().map(|(at, (select, _, _))| format!("CREATE VIEW v{at} AS {select}")).collect();
        let made: Vec<&str> = made.iter().map(String::as_str).collect();
        let trial = Trial::new(name, Bed::mysql(), Bed::tidb(), &made).await;
        trial.mig(&["apply", "-auto-approve"], 0, &[]);
        std::fs::remove_file(trial.path("mig.migstate")).unwrap();
        let mut told = vec![headline.to_owned()];
        for (at, (_, select, why)) in views.iter().enumerate() {
            trial.on_target(&format!("CREATE OR REPLACE VIEW S.v{at} AS {select}")).await;
            let view = format!("{}.v{at}", trial.schema);
            match (exit, why.is_empty()) {
                (0, true) => {}
                (0, false) => told.push(format!("The rows of the view {view}: its rows differ")),
                _ => told.push(format!("View {view}: gives other rows: ")),
            }
            told.extend(Some((*why).to_owned()).filter(|why| !why.is_empty()));
        }
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        trial.mig(&["verify"], exit, &told);
        trial.end().await;
    }
}

#[tokio::test]
async fn a_view_leaves_the_filter_and_its_step_is_forgotten() {
    let trial = Trial::new(
        "v_leaves",
        Bed::mysql(),
        Bed::tidb(),
        &["CREATE VIEW v AS SELECT id FROM t", "CREATE VIEW w AS SELECT g FROM t"],
    )
    .await;
    trial.mig(&["apply", "-auto-approve"], 0, &[]);
    trial.spec(&format!(", \"!{}.w\"", trial.schema), "");
    trial.mig(&["plan"], 0, &["filter no longer includes"]);
    trial.mig(&["apply", "-auto-approve"], 0, &["1 view: the same rows on both servers"]);
    trial.mig(&["plan", "-detailed-exitcode"], 0, &["No changes."]);
    assert_eq!(trial.views(&trial.target).await, ["v", "w"], "what was made stays");
    trial.end().await;
}

#[tokio::test]
async fn a_view_that_the_target_refuses_after_all_ends_the_run_with_the_sql_before_a_row_moves() {
    // A table that both servers have, with a column that the target's does not.
    let trial = Trial::new(
        "v_refused",
        Bed::mysql(),
        Bed::tidb(),
        &[
            "CREATE VIEW v AS SELECT id, (SELECT MAX(u.ssl_cipher) FROM mysql.user u) AS e FROM t",
            "CREATE VIEW w AS SELECT id FROM t",
        ],
    )
    .await;
    let sql = format!("the SQL was: CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `{}`.`v`", trial.schema);
    trial.mig(&["apply", "-auto-approve"], 5, &["MIG5125", "error 1054", &sql]);
    let left = format!("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{}'", trial.schema);
    assert_eq!(trial.target.rows(&left).await, [["0"]], "what was created is taken back");
    let noted = format!("SELECT COUNT(*) FROM ml_{}.objects WHERE kind <> 'schema'", trial.schema);
    assert_eq!(trial.target.rows(&noted).await, [["0"]], "so is what was announced in the ledger");
    trial.spec(&format!(", \"!{}.v\"", trial.schema), "");
    trial.mig(&["apply", "-auto-approve"], 0, &["1 view: the same rows on both servers"]);
    trial.end().await;
}

#[tokio::test]
async fn a_difference_of_structure_is_told_as_one() {
    let trial = Trial::new("v_structure", Bed::mysql(), Bed::tidb(), &["CREATE VIEW v AS SELECT id FROM t"]).await;
    trial.mig(&["apply", "-auto-approve"], 0, &[]);
    trial.on_target("ALTER TABLE S.t ADD INDEX added (g)").await;
    let told = ["Different: the structure alone of 1 of 1 table", "rows equal, structure different", "index added"];
    trial.mig(&["verify"], 6, &told);
    trial.on_target("DELETE FROM S.t WHERE id = 3").await;
    trial.mig(&["verify"], 6, &["Different: the rows of 1 of 1 table; 1 of 1 view"]);
    trial.end().await;
}
