//! Views whose text a TiDB takes in another way, or not at all: each is named by the plan, or arrives with the same rows.
//! With the program itself between real servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::Bed;
use support::case::{Case, NOTHING, all};

const TABLE: &str = "CREATE TABLE t (id INT PRIMARY KEY, n VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, b BLOB, m DECIMAL(10,2), d DATETIME)";
const ROWS: &str = "INSERT INTO t VALUES (1, 'xé', 'y', 1.5, '2020-02-29 13:14:15'), (2, 'abc', NULL, 2.25, NULL)";

#[tokio::test]
async fn views_over_bytes_and_of_recursive_queries_arrive() {
    for (name, source) in [("bytes_mysql", Bed::mysql as fn() -> Bed), ("bytes_mariadb", Bed::mariadb)] {
        all(&[Case {
            name,
            source,
            setup: &[
                TABLE,
                ROWS,
                "CREATE VIEW casts AS SELECT id, CAST(n AS BINARY) AS x, BINARY n = 'xé' AS y, CAST(n AS BINARY(3)) AS z FROM t",
                "CREATE VIEW joined AS SELECT id, CONCAT(b, 'x') AS x, CONCAT(UNHEX('41'), 'x') AS y, IFNULL(b, 'x') AS z FROM t",
                "CREATE VIEW walked AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5) SELECT n FROM c",
            ],
            plan: (0, &["MIG2169", "{}.casts: 2 CAST without a length"]),
            report: &["CONVERT(… USING …)"],
            same: &[
                "SELECT id, HEX(x), y, HEX(z) FROM {}.casts ORDER BY id",
                "SELECT id, HEX(x), HEX(y), HEX(z) FROM {}.joined ORDER BY id",
                "SELECT * FROM {}.walked ORDER BY n",
            ],
            ..NOTHING
        }])
        .await;
    }
}

#[tokio::test]
async fn a_cast_of_json_to_a_text_can_be_read() {
    all(&[Case {
        name: "json_casts",
        setup: &[
            "CREATE TABLE t (id INT PRIMARY KEY, j JSON)",
            r#"INSERT INTO t VALUES (1, '{"a": [1, "x"]}'), (2, NULL)"#,
            "CREATE VIEW v AS SELECT id, CAST(j AS CHAR) AS x, CAST(j->'$.a' AS CHAR) AS y, CAST(id AS CHAR) AS z FROM t",
        ],
        plan: (0, &["MIG2169", "{}.v: 2 CAST without a length"]),
        same: &["SELECT * FROM {}.v ORDER BY id"],
        ..NOTHING
    }])
    .await;
}

#[tokio::test]
async fn views_that_a_tidb_creates_in_no_way_are_named_before_anything_moves() {
    all(&[
        Case {
            name: "forms_mysql",
            setup: &[
                "CREATE VIEW listed AS VALUES ROW(1, 'a'), ROW(2, 'b')",
                "CREATE VIEW wide AS SELECT _utf16'ab' AS x",
                "CREATE VIEW converted AS SELECT CONVERT('a' USING cp1250) AS x, CONVERT('a' USING latin1) AS y",
                "CREATE VIEW whole AS SELECT 1 AS x INTERSECT ALL SELECT 1",
            ],
            plan: (
                5,
                &["MIG2162", "{}.listed: the target refuses its text: VALUES ROW", "_utf16", "cp1250", "INTERSECT ALL"],
            ),
            ..NOTHING
        },
        Case {
            name: "forms_mysql56",
            source: Bed::mysql56,
            setup: &[
                "CREATE TABLE t (a INT PRIMARY KEY)",
                "CREATE VIEW v AS SELECT a, COUNT(*) AS c FROM t GROUP BY a DESC",
            ],
            plan: (5, &["MIG2162", "{}.v: the target refuses its text: ASC or DESC behind GROUP BY"]),
            ..NOTHING
        },
    ])
    .await;
}

#[tokio::test]
async fn the_text_of_json_is_never_equal_where_a_reader_sees_another() {
    const SETUP: &[&str] = &[TABLE, ROWS, "CREATE VIEW v AS SELECT id, JSON_OBJECT('bb', m, 'a', id) AS x FROM t"];
    all(&[
        Case {
            name: "json_differs",
            source: Bed::mariadb,
            setup: SETUP,
            plan: (0, &["MIG2182", "{}.v: by JSON_OBJECT()"]),
            apply: (6, &["MIG6050", "{}.v"]),
            ..NOTHING
        },
        Case {
            name: "json_taken",
            source: Bed::mariadb,
            gates: "rule \"MIG2182\" {\n action = \"warn\"\n }",
            setup: SETUP,
            plan: (0, &["MIG2182"]),
            report: &["the spec takes what the target computes", "JSON_OBJECT"],
            ..NOTHING
        },
    ])
    .await;
}

#[tokio::test]
async fn an_enum_with_two_values_that_look_empty_is_named_and_so_is_the_view_over_it() {
    const SETUP: &[&str] = &[
        "CREATE TABLE t (id INT PRIMARY KEY, e ENUM('', 'x', 'y'))",
        "CREATE TABLE u (id INT PRIMARY KEY, e ENUM('', 'x', 'y'), KEY (e))",
        "INSERT IGNORE INTO t VALUES (1, ''), (2, 'x'), (3, 'unknown')",
        "INSERT IGNORE INTO u VALUES (1, ''), (2, 'x'), (3, 'unknown')",
        "CREATE VIEW v AS SELECT t.id AS a, u.id AS b FROM t JOIN u ON t.e = u.e",
    ];
    const SAME: &[&str] = &["SELECT id, e + 0 FROM {}.t ORDER BY id", "SELECT id, e + 0 FROM {}.u ORDER BY id"];
    let named = &["MIG2183", "{}.t.e: 1 row with the value 0", "MIG2182", "{}.v: by the ENUM e"];
    all(&[
        Case { name: "enum_mysql", setup: SETUP, plan: (0, named), apply: (6, &["MIG6050", "{}.v"]), ..NOTHING },
        Case {
            name: "enum_mariadb",
            source: Bed::mariadb,
            gates: "rule \"MIG2182\" {\n action = \"warn\"\n }",
            setup: SETUP,
            plan: (0, named),
            report: &["the spec takes what the target computes", "ENUM e"],
            same: SAME,
            ..NOTHING
        },
        Case {
            name: "enum_one_empty",
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, e ENUM('', 'x'), f ENUM('x', 'y'))",
                "INSERT IGNORE INTO t VALUES (1, '', 'unknown'), (2, 'x', 'y')",
                "CREATE VIEW v AS SELECT t.id AS a, u.id AS b FROM t JOIN t u ON t.e = u.e AND t.f = u.f",
            ],
            same: &["SELECT id, e + 0, f + 0 FROM {}.t ORDER BY id", "SELECT * FROM {}.v ORDER BY a, b"],
            ..NOTHING
        },
    ])
    .await;
}
