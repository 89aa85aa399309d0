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

/// What TiDB computes in another way, however the view joins its rows.
#[tokio::test]
async fn other_rows_are_different_where_no_equal_words_were_taken() {
    all(&[
        Case {
            name: "joined_differs",
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, de DECIMAL(10,4), f FLOAT, e ENUM('z','m','a'))",
                "INSERT INTO t VALUES (1, 12.3456, 3.4e38, 'z'), (2, 12.3456, 3.4e38, 'a')",
                "CREATE VIEW a AS SELECT MAX(id) AS m, CONVERT_TZ('1000-01-01', '+00:00', '+05:30') AS b FROM t",
                "CREATE VIEW b AS SELECT DISTINCT FORMAT(de, 2, 'de_DE') AS x FROM t",
                "CREATE VIEW c AS SELECT MAX(FORMAT(de, 2, 'de_DE')) AS x FROM t",
                "CREATE VIEW d AS SELECT FORMAT(de, 2, 'de_DE') AS x, COUNT(*) AS n FROM t GROUP BY x",
                "CREATE VIEW e AS SELECT FORMAT(de, 2, 'de_DE') AS x FROM t UNION ALL SELECT 'x'",
                "CREATE VIEW f AS SELECT FORMAT(de, 2, 'de_DE') AS x FROM t WHERE de = (SELECT MIN(de) FROM t)",
                "CREATE VIEW g AS SELECT '12:00' AS x UNION ALL SELECT f FROM t",
                "CREATE VIEW h AS SELECT GROUP_CONCAT(id ORDER BY e) AS x FROM t",
                "CREATE VIEW i AS SELECT GROUP_CONCAT(DISTINCT e ORDER BY e) AS x FROM t",
            ],
            apply: (
                6,
                &[
                    "view {}.a: gives other rows (1 row on both, not the same one)",
                    "view {}.b: gives other rows",
                    "view {}.c: gives other rows",
                    "view {}.d: gives other rows",
                    "view {}.e: gives other rows (3 rows on both, not the same ones)",
                    "view {}.f: gives other rows",
                    "view {}.g: gives other rows",
                    "view {}.h: gives other rows",
                    "view {}.i: gives other rows",
                ],
            ),
            ..NOTHING
        },
        Case {
            name: "mapped_differs",
            gates: "collation = \"convert\"\n collation_map = {\n latin1_swedish_ci = \"utf8mb4_general_ci\"\n }",
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(10) CHARACTER SET latin1)",
                "INSERT INTO t VALUES (1, 'z'), (2, 'Ä')",
                "CREATE VIEW v AS SELECT MAX(a) AS a FROM t",
            ],
            apply: (6, &["view {}.v: gives other rows (1 row on both, not the same one)"]),
            ..NOTHING
        },
    ])
    .await;
}

#[tokio::test]
async fn a_view_that_the_target_cannot_read_is_different_and_one_that_nobody_reads_is_not() {
    all(&[
        Case {
            name: "unreadable",
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, e ENUM('z','m','a'), s SET('z','m','a'))",
                "INSERT INTO t VALUES (1, 'z', 'z')",
                "CREATE VIEW v AS SELECT JSON_ARRAYAGG(e) AS j FROM t WHERE id = 1",
                "CREATE VIEW w AS SELECT JSON_OBJECTAGG(id, s) AS j FROM t WHERE id = 1 LIMIT 1",
            ],
            apply: (
                6,
                &[
                    "MIG6050",
                    "view {}.v: reading it: expected its rows, found error 8067: JSON_OBJECTAGG: unsupported second argument;",
                    "view {}.w: reading it: expected its rows, found error 8067: JSON_OBJECTAGG: unsupported second argument",
                ],
            ),
            ..NOTHING
        },
        Case {
            name: "refused_by_both",
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, ub BIGINT UNSIGNED)",
                "INSERT INTO t VALUES (1, 0)",
                "CREATE VIEW v AS SELECT ub - 1 AS x FROM t",
            ],
            apply: (0, &["unproven", "no difference was found"]),
            report: &["both servers refuse to give its rows: the source with error 1690", "the target with error 1690"],
            ..NOTHING
        },
        Case {
            name: "bytes_read",
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY)",
                "INSERT INTO t VALUES (1)",
                "CREATE VIEW v AS SELECT UUID_TO_BIN('6ccd780c-baba-1026-9564-5b8c656024db') AS x FROM t",
            ],
            apply: (0, &["1 view: the same rows on both servers"]),
            same: &["SELECT HEX(x) FROM {}.v"],
            ..NOTHING
        },
        Case {
            name: "columns_unseen",
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY)",
                "INSERT INTO t VALUES (1)",
                "CREATE VIEW v AS SELECT AES_ENCRYPT('a', 'b') AS x FROM t",
            ],
            apply: (0, &["unproven", "no difference was found"]),
            report: &["its rows are the same on both servers; its columns were not compared"],
            same: &["SELECT HEX(x) FROM {}.v"],
            ..NOTHING
        },
        Case {
            name: "free_order",
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, k INT)",
                "INSERT INTO t VALUES (1, 1), (2, 1), (3, 1), (4, 0), (5, 0), (6, 0), (7, 0), (8, 1), (9, 1)",
                "CREATE VIEW v AS SELECT GROUP_CONCAT(id ORDER BY k) AS x FROM t",
            ],
            apply: (0, &["unproven", "1 view gives other rows, and why that may prove nothing is named below"]),
            report: &["its keys leave free settled, both servers give the same rows"],
            ..NOTHING
        },
    ])
    .await;
}

/// What an application reads: the sessions of mig take every date, and words of any length.
#[tokio::test]
async fn a_view_is_read_under_the_settings_of_its_server() {
    const KEEP: &str = "zero_dates = \"keep\"";
    const ZERO: &[&str] = &[
        "CREATE TABLE t (id INT PRIMARY KEY, d DATE NOT NULL)",
        "INSERT INTO t VALUES (1, '0000-00-00'), (2, '2024-01-31')",
        "CREATE VIEW v AS SELECT id FROM t WHERE d = '0000-00-00'",
    ];
    const LONG: &[&str] = &[
        "CREATE TABLE t (id INT PRIMARY KEY, n VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin)",
        "INSERT INTO t SELECT a.i * 4 + b.i, REPEAT('x', 100) FROM (SELECT 0 AS i UNION ALL SELECT 1 UNION ALL SELECT 2 \
         UNION ALL SELECT 3) a, (SELECT 0 AS i UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) b",
        "CREATE VIEW v AS SELECT GROUP_CONCAT(n ORDER BY id) AS x FROM t",
    ];
    let zero = Case {
        setup: ZERO,
        gates: KEEP,
        plan: (0, &["MIG2182", "{}.v: by what it does with d, which keeps zero dates"]),
        apply: (6, &["MIG6050", "view {}.v: gives other rows (1 row on the source, 0 on the target)"]),
        ..NOTHING
    };
    all(&[
        Case { name: "own_zero_mysql56", source: Bed::mysql56, ..zero },
        Case { name: "own_zero_mariadb", source: Bed::mariadb, ..zero },
        Case {
            name: "own_dates",
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))",
                "INSERT INTO t VALUES (1, '2024-00-01'), (2, '2024-01-31')",
                "CREATE VIEW a AS SELECT LAST_DAY('2024-02-00') AS x",
                "CREATE VIEW b AS SELECT id, CAST(v AS DATE) AS x FROM t",
                "CREATE VIEW c AS SELECT id, DATE(v) AS x FROM t",
            ],
            apply: (6, &["view {}.a: gives other rows", "view {}.b: gives other rows", "view {}.c: gives other rows"]),
            ..NOTHING
        },
        Case {
            name: "own_length",
            source: Bed::mariadb,
            setup: LONG,
            plan: (0, &["MIG2182", "{}.v: by GROUP_CONCAT()", "SET GLOBAL group_concat_max_len = 1048576"]),
            apply: (6, &["view {}.v: gives other rows (1 row on both, not the same one)"]),
            ..NOTHING
        },
        Case {
            name: "own_length_equal",
            setup: LONG,
            report: &["each read under its own sql_mode and group_concat_max_len"],
            ..NOTHING
        },
    ])
    .await;
}
