//! What MySQL and MariaDB spell in one way and TiDB in another, or computes in another way: it arrives and is equal, or the
//! plan names it. With the program itself between real servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::Bed;
use support::case::{Case, NOTHING, all, check, checks};

#[tokio::test]
async fn one_expression_in_two_spellings_is_one_column() {
    check(&Case {
        name: "spelled_twice",
        setup: &[
            "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(20) COLLATE utf8mb4_bin, \
             a VARBINARY(10) AS (CAST(s AS BINARY(10))), b VARBINARY(20) AS (CAST(s AS CHAR(4) CHARACTER SET binary)), \
             c VARCHAR(40) COLLATE utf8mb4_bin AS (CONVERT(s USING utf8mb4)), d INT AS (0x41 + 0), e INT AS (b'101' + 0), \
             f DOUBLE AS (id * 1e3), g DOUBLE AS (id * 1.5e-7), h VARCHAR(20) AS (INSERT(s, 1, 1, 'z')), \
             i VARBINARY(20) AS (CHAR(65)), j VARCHAR(20) AS (CHAR(65, 66 USING utf8mb4)))",
            "INSERT INTO t (id, s) VALUES (1, 'abc'), (2, 'é'), (3, NULL)",
            "CREATE TABLE floats (id INT PRIMARY KEY, v FLOAT(9,8) NOT NULL DEFAULT 0.40000001, w FLOAT DEFAULT -0.5)",
            "INSERT INTO floats (id) VALUES (1)",
            "CREATE TABLE spread (id INT PRIMARY KEY) PARTITION BY HASH (id) (PARTITION p0, PARTITION p1)",
            "CREATE TABLE keyed (id INT PRIMARY KEY) PARTITION BY KEY (id) (PARTITION p0, PARTITION P1, PARTITION p2)",
            "INSERT INTO spread VALUES (1), (2)",
        ],
        same: &[
            "SELECT id, HEX(a), HEX(b), HEX(c), d, e, f, g, HEX(h), HEX(i), HEX(j) FROM {}.t ORDER BY id",
            "SELECT id, v + 0e0, w + 0e0 FROM {}.floats",
            "SELECT TABLE_NAME, PARTITION_NAME FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = '{}' ORDER BY 1, PARTITION_ORDINAL_POSITION",
        ],
        next: &[("INSERT INTO {}.floats (id) VALUES (9)", "SELECT v + 0e0, w + 0e0 FROM {}.floats WHERE id = 9")],
        ..NOTHING
    })
    .await;
}

#[tokio::test]
async fn partitions_by_an_expression_are_the_same_in_another_spelling() {
    for source in [Bed::mysql as fn() -> Bed, Bed::mariadb, Bed::mysql56] {
        check(&Case {
            name: "spread_by",
            source,
            setup: &[
                "CREATE TABLE t (id INT, d DATE) PARTITION BY HASH (YEAR(d) * 12 + MONTH(d)) PARTITIONS 4",
                "INSERT INTO t VALUES (1, '2026-01-05'), (2, '2026-02-05'), (3, NULL)",
                "CREATE TABLE r (a INT, b INT) PARTITION BY RANGE (ABS(a) * 2 + b) (PARTITION p0 VALUES LESS THAN (10), \
                 PARTITION p1 VALUES LESS THAN MAXVALUE)",
                "INSERT INTO r VALUES (1, 1), (-9, 9)",
                "CREATE TABLE m (a INT, b INT) PARTITION BY HASH (a % 4 + 1) PARTITIONS 2",
                "INSERT INTO m VALUES (1, 1), (5, 9)",
            ],
            same: &["SELECT * FROM {}.t ORDER BY id", "SELECT * FROM {}.r PARTITION (p1) ORDER BY a", "SELECT * FROM {}.m ORDER BY a"],
            ..NOTHING
        })
        .await;
    }
}

#[tokio::test]
async fn an_index_is_as_wide_as_its_columns_are_on_the_target() {
    check(&Case {
        name: "narrow_index",
        setup: &[
            "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(255), b VARCHAR(255), c VARCHAR(255), d INT, e INT, f DATE, \
             KEY k (a, b, c, d, e), KEY l (a, b, c, e, f)) COLLATE utf8mb4_bin",
            "INSERT INTO t VALUES (1, 'a', 'b', 'c', 4, 5, '2026-01-05')",
        ],
        same: &["SELECT INDEX_NAME, COLUMN_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = '{}' ORDER BY LOWER(INDEX_NAME), SEQ_IN_INDEX"],
        ..NOTHING
    })
    .await;
}

#[tokio::test]
async fn a_computed_decimal_that_each_server_rounds_is_loaded() {
    for source in [Bed::mysql as fn() -> Bed, Bed::mariadb] {
        check(&Case {
            name: "rounded",
            source,
            setup: &[
                "CREATE TABLE inv (id INT PRIMARY KEY, net DECIMAL(10,2), vat DECIMAL(10,2) AS (net * 0.19) STORED)",
                "INSERT INTO inv (id, net) VALUES (1, 100), (2, 1.11), (3, NULL)",
                "CREATE TABLE cut (id INT PRIMARY KEY, d DECIMAL(5,2), e DECIMAL(5,1) AS (d) VIRTUAL)",
                "INSERT INTO cut (id, d) VALUES (1, 1.25), (2, 1.24)",
            ],
            same: &["SELECT id, net, vat FROM {}.inv ORDER BY id", "SELECT id, d, e FROM {}.cut ORDER BY id"],
            ..NOTHING
        })
        .await;
    }
}

#[tokio::test]
async fn a_generated_column_that_a_tidb_computes_otherwise_or_refuses_is_named() {
    all(&[
        Case {
            name: "fewer_letters",
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(20), \
                 c VARCHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin AS (CAST(s AS CHAR(10) CHARACTER SET latin1)), \
                 d VARCHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin AS (CONVERT(s USING ascii)))",
                "INSERT INTO t (id, s) VALUES (1, 'abc')",
            ],
            plan: (5, &["MIG2172", "by a CAST or CONVERT to latin1", "by a CAST or CONVERT to ascii"]),
            ..NOTHING
        },
        Case {
            name: "fewer_letters_view",
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(20))",
                "CREATE VIEW v AS SELECT id, CONVERT(s USING latin1) AS l FROM t",
            ],
            plan: (0, &["MIG2182", "{}.v: by a CAST or CONVERT to latin1"]),
            ..NOTHING
        },
        Case {
            name: "types_in_functions",
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, b BIT(20), zf INT(5) UNSIGNED ZEROFILL, y YEAR, s SET('z','a') COLLATE utf8mb4_bin, \
                 e ENUM('z','a') COLLATE utf8mb4_bin, d DECIMAL(20,6), j JSON, w VARCHAR(9) COLLATE utf8mb4_bin)",
                "CREATE VIEW v1 AS SELECT MAX(b) AS x FROM t",
                "CREATE VIEW v2 AS SELECT id, CONCAT(zf, 'x') AS x FROM t",
                "CREATE VIEW v3 AS SELECT id, MONTH(y) AS x FROM t",
                "CREATE VIEW v4 AS SELECT id, FIND_IN_SET('a', s) AS x FROM t",
                "CREATE VIEW v5 AS SELECT GROUP_CONCAT(id ORDER BY e) AS x FROM t",
                "CREATE VIEW v6 AS SELECT id, JSON_ARRAY(d) AS x FROM t",
                "CREATE VIEW v7 AS SELECT id, COALESCE(j, 'x') AS x FROM t",
                "CREATE VIEW u1 AS SELECT MAX(id) AS m, CONCAT(w, 'x') AS x, id + 1 AS n FROM t GROUP BY id, w",
            ],
            plan: (
                0,
                &[
                    "MIG2182",
                    "{}.v1: by MAX() of a BIT",
                    "{}.v2: by CONCAT() of a ZEROFILL number",
                    "{}.v3: by MONTH() of a YEAR",
                    "{}.v4: by FIND_IN_SET() of a SET",
                    "{}.v5: by GROUP_CONCAT() of an ENUM or SET",
                    "{}.v6: by JSON_ARRAY() of a DECIMAL",
                    "{}.v7: by COALESCE() of a JSON value",
                    "view that may give other values (7)",
                ],
            ),
            ..NOTHING
        },
        Case {
            name: "refused_function",
            setup: &["CREATE TABLE t (id INT PRIMARY KEY, a INT, g INT AS (NULLIF(a, 3)))"],
            plan: (5, &["MIG2147", "{}.t.g: NULLIF()"]),
            ..NOTHING
        },
    ])
    .await;
}

#[tokio::test]
async fn words_beside_a_bit_or_a_number_get_no_collation() {
    check(&Case {
        name: "bytes_and_words",
        setup: &[
            "CREATE TABLE t (id INT PRIMARY KEY, b BIT(20))",
            "INSERT INTO t VALUES (1, 5), (2, 70000), (3, NULL)",
            "CREATE VIEW v AS SELECT id, CONCAT(b, '') AS c, IFNULL(b, 'q') AS i, REPLACE(b, 'a', 'b') AS r, \
             NULLIF(id, 'z') AS n FROM t",
        ],
        same: &["SELECT id, HEX(c), HEX(i), HEX(r), n FROM {}.v ORDER BY id"],
        ..NOTHING
    })
    .await;
}

#[tokio::test]
async fn words_of_a_view_by_a_narrow_connection_compare_as_there() {
    check(&Case {
        name: "narrow_words",
        setup: &[
            "CREATE TABLE t (id INT PRIMARY KEY)",
            "INSERT INTO t VALUES (1)",
            "SET NAMES utf8mb3",
            "CREATE VIEW v AS SELECT id, 'openSIS' AS w FROM t",
            "SET NAMES utf8mb4",
        ],
        plan: (0, &["MIG2166", "COLLATE utf8mb4_general_ci"]),
        same: &["SELECT * FROM {}.v WHERE w = 'OPENsis'"],
        ..NOTHING
    })
    .await;
}

#[tokio::test]
async fn a_view_that_the_target_reads_only_in_another_sql_mode_is_named() {
    all(&[
        Case {
            name: "loose_groups",
            source: Bed::mariadb,
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, k INT)",
                "INSERT INTO t VALUES (1, 1), (3, 2)",
                "CREATE VIEW loose AS SELECT id, k, COUNT(*) AS n FROM t GROUP BY k",
                "CREATE VIEW whole AS SELECT k, COUNT(*) AS n FROM t GROUP BY k",
            ],
            plan: (5, &["MIG2157", "{}.loose"]),
            ..NOTHING
        },
        Case {
            name: "own_mode",
            source: Bed::mariadb,
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, k INT)",
                "INSERT INTO t VALUES (1, 1), (3, 2)",
                "CREATE VIEW loose AS SELECT id, k, COUNT(*) AS n FROM t GROUP BY k",
            ],
            gates: "rule \"MIG2157\" { action = \"warn\" }",
            ..NOTHING
        },
    ])
    .await;
}

#[tokio::test]
async fn partitions_arrive_without_what_a_tidb_does_not_keep_of_them_or_are_named() {
    all(&[
        Case {
            name: "options_of_partitions",
            setup: &[
                "CREATE TABLE t (a INT) PARTITION BY LIST (a) (PARTITION n VALUES IN (0) TABLESPACE = innodb_file_per_table, PARTITION m VALUES IN (1) MAX_ROWS = 3 MIN_ROWS = 2 COMMENT = 'x')",
                "INSERT INTO t VALUES (0), (1)",
            ],
            plan: (0, &["MIG2151", "{}.t: PARTITION TABLESPACE = innodb_file_per_table, MAX_ROWS = 3, MIN_ROWS = 2"]),
            report: &["MAX_ROWS = 3"],
            same: &["SELECT * FROM {}.t PARTITION (m)"],
            ..NOTHING
        },
        Case {
            name: "options_of_partitions_maria",
            source: Bed::mariadb,
            setup: &[
                "CREATE TABLE t (a INT) PARTITION BY LIST (a) (PARTITION n VALUES IN (0), PARTITION m VALUES IN (1) NODEGROUP = 3)",
                "INSERT INTO t VALUES (0), (1)",
            ],
            plan: (0, &["MIG2151", "{}.t: PARTITION NODEGROUP = 3"]),
            same: &["SELECT * FROM {}.t PARTITION (m)"],
            ..NOTHING
        },
        Case {
            name: "empty_value",
            setup: &[
                "CREATE TABLE t (v VARBINARY(5)) PARTITION BY LIST COLUMNS (v) (PARTITION a VALUES IN ('', 'ab'))",
                "CREATE TABLE padded (v BINARY(2)) PARTITION BY LIST COLUMNS (v) (PARTITION a VALUES IN ('', 'ab'))",
            ],
            plan: (5, &["MIG2118", "{}.t PARTITION BY LIST COLUMNS (v): a value is empty", "partitioning (1)"]),
            ..NOTHING
        },
        Case {
            name: "empty_value_in_one",
            gates: "rule \"MIG2118\" { action = \"rewrite\" }",
            setup: &[
                "CREATE TABLE t (v VARBINARY(5)) PARTITION BY LIST COLUMNS (v) (PARTITION a VALUES IN ('', 'ab'))",
                "INSERT INTO t VALUES (''), ('ab')",
                "CREATE TABLE padded (v BINARY(2)) PARTITION BY LIST COLUMNS (v) (PARTITION a VALUES IN ('', 'ab'))",
            ],
            same: &["SELECT * FROM {}.t ORDER BY v"],
            ..NOTHING
        },
    ])
    .await;
}

#[tokio::test]
async fn a_fulltext_index_with_a_parser_is_left_out_by_name() {
    check(&Case {
        name: "words_of_ngram",
        gates: "rule \"MIG2107\" { action = \"rewrite\" }",
        setup: &["CREATE TABLE t (id INT PRIMARY KEY, b VARCHAR(10), FULLTEXT KEY ft (b) WITH PARSER ngram)"],
        plan: (0, &["MIG2107", "{}.t.ft"]),
        report: &["FULLTEXT index ft is not created"],
        ..NOTHING
    })
    .await;
}

#[tokio::test]
async fn a_default_that_a_tidb_takes_for_other_types_only_is_named() {
    const MYSQL: &[&str] = &[
        "CREATE TABLE t (id INT PRIMARY KEY, a DATE DEFAULT (NOW()), b TIME DEFAULT (CURRENT_TIMESTAMP()), c VARCHAR(30) DEFAULT (NOW()), \
         d DATETIME(6) DEFAULT (NOW()), e DATETIME(6) DEFAULT (NOW(3)), f BINARY(36) DEFAULT (UUID()), g TIMESTAMP NULL DEFAULT (CURDATE()), \
         h VARCHAR(20) DEFAULT (CURDATE()), i INT DEFAULT (CURDATE()), j DATETIME(3) DEFAULT (CURDATE()), \
         p DATE DEFAULT (CURDATE()), q DATETIME DEFAULT (CURDATE()), r DATETIME(3) DEFAULT NOW(3), s TIMESTAMP NULL DEFAULT (NOW()), \
         u VARCHAR(40) DEFAULT (UUID()), v BINARY(16) DEFAULT (UUID_TO_BIN(UUID())), w DOUBLE DEFAULT (RAND()), x JSON DEFAULT (JSON_ARRAY(1)), \
         y DATETIME DEFAULT NOW())",
        "INSERT INTO t (id) VALUES (1)",
    ];
    all(&[
        Case {
            name: "default_types",
            setup: MYSQL,
            plan: (
                5,
                &[
                    "MIG2120", "(10)", "{}.t.a", "{}.t.b", "{}.t.c", "{}.t.d", "{}.t.e", "{}.t.f", "{}.t.g", "{}.t.h",
                    "{}.t.i", "{}.t.j",
                ],
            ),
            ..NOTHING
        },
        Case {
            name: "default_types_left_out",
            gates: "rule \"MIG2120\" { action = \"rewrite\" }",
            setup: MYSQL,
            same: &["SELECT a, b, c, d, e, HEX(f), g, h, i, j, p, q, r, s, u, HEX(v), w, x FROM {}.t"],
            next: &[("INSERT INTO {}.t (id) VALUES (2)", "SELECT p, q, LENGTH(u), LENGTH(v), x FROM {}.t WHERE id = 2")],
            ..NOTHING
        },
        Case {
            name: "default_types_maria",
            source: Bed::mariadb,
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, a DATE DEFAULT CURRENT_TIMESTAMP(), b VARCHAR(30) DEFAULT CURRENT_TIMESTAMP(), \
                 c DATETIME(6) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(6), \
                 d DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6))",
            ],
            plan: (5, &["MIG2120", "(3)", "{}.t.a", "{}.t.b", "{}.t.c"]),
            ..NOTHING
        },
    ])
    .await;
}

#[tokio::test]
async fn an_index_over_what_a_tidb_takes_for_a_function_is_named() {
    const SETUP: &[&str] = &[
        "CREATE TABLE t (id INT PRIMARY KEY, d DATE, j JSON, n INT, a VARCHAR(9), KEY k1 ((d + INTERVAL 1 DAY)), KEY k2 ((d - INTERVAL '1:1' MINUTE_SECOND)), \
         KEY k3 ((CAST(CONVERT(a USING latin1) AS CHAR(20)))), KEY k4 ((CAST(j->'$.d' AS DECIMAL(10,2) ARRAY))), \
         KEY f1 ((CAST(a AS CHAR(20)))), KEY f2 ((n DIV 2)), KEY f3 ((CAST(j->'$.d' AS DATE ARRAY))))",
        "INSERT INTO t (id, d, n, a) VALUES (1, '2020-01-01', 3, 'x')",
    ];
    all(&[
        Case {
            name: "index_words",
            setup: SETUP,
            plan: (5, &["MIG2121", "(4)", "{}.t.k1", "{}.t.k2", "{}.t.k3", "{}.t.k4"]),
            ..NOTHING
        },
        Case {
            name: "index_words_left_out",
            gates: "rule \"MIG2121\" { action = \"rewrite\" }",
            setup: SETUP,
            same: &["SELECT * FROM {}.t"],
            ..NOTHING
        },
    ])
    .await;
}

#[tokio::test]
async fn a_call_with_arguments_that_a_tidb_does_not_take_is_named() {
    all(&[
        Case {
            name: "counts_of_arguments",
            source: Bed::mariadb,
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, d DATE, a VARCHAR(9), g1 VARCHAR(40) AS (DATE_FORMAT(d, '%W', 'de_DE')), g2 VARCHAR(9) AS (LPAD(a, 5)), \
                 g3 VARCHAR(9) AS (RPAD(a, 5)), g4 BIGINT AS (CRC32(5, a)), g5 VARCHAR(50) AS (PASSWORD(a)), ok VARCHAR(9) AS (LPAD(a, 5, ',')))",
            ],
            plan: (
                5,
                &[
                    "MIG2147",
                    "(5)",
                    "{}.t.g1: DATE_FORMAT() with 3 arguments",
                    "{}.t.g2: LPAD() with 2 arguments",
                    "{}.t.g3: RPAD() with 2 arguments",
                    "{}.t.g4: CRC32() with 2 arguments",
                    "{}.t.g5: PASSWORD()",
                ],
            ),
            ..NOTHING
        },
        Case {
            name: "counts_in_views",
            source: Bed::mariadb,
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, d DATE, a VARCHAR(9))",
                "CREATE VIEW v1 AS SELECT LPAD(a, 5) AS x, CRC32(5, a) AS y FROM t",
                "CREATE VIEW v2 AS SELECT DATE_FORMAT(d, '%W', 'de_DE') AS x, RPAD(a, 5) AS y FROM t",
                "CREATE VIEW ok AS SELECT LPAD(a, 5, ',') AS x, TRIM(LEADING 'x' FROM a) AS y, IF(id IN (1, 2), 1, 2) AS z, COUNT(*) OVER () AS n FROM t",
            ],
            plan: (
                5,
                &[
                    "MIG2162",
                    "(4)",
                    "{}.v1: the target refuses its text: CRC32() with 2 arguments",
                    "LPAD() with 2 arguments",
                    "{}.v2: the target refuses its text: DATE_FORMAT() with 3 arguments",
                ],
            ),
            ..NOTHING
        },
    ])
    .await;
}

#[tokio::test]
async fn a_view_that_a_session_that_only_reads_may_not_read_is_not_broken() {
    const SEQUENCES: &[&str] = &[
        "CREATE SEQUENCE sq",
        "CREATE VIEW v1 AS SELECT LASTVAL(sq) AS x",
        "CREATE VIEW v2 AS SELECT NEXT VALUE FOR sq AS x",
    ];
    all(&[
        Case {
            name: "views_of_sequences",
            source: Bed::mariadb,
            gates: "rule \"MIG2104\" { action = \"warn\" }",
            setup: SEQUENCES,
            plan: (5, &["MIG2163", "{}.v1 reads {}.sq", "MIG2165", "{}.v2: to read it changes a sequence"]),
            ..NOTHING
        },
        Case {
            name: "views_that_lock",
            source: Bed::mariadb,
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY)",
                "INSERT INTO t VALUES (1)",
                "CREATE VIEW v AS SELECT * FROM t FOR UPDATE",
            ],
            same: &["SELECT * FROM {}.v"],
            ..NOTHING
        },
    ])
    .await;
}

#[tokio::test]
async fn comments_are_kept_to_the_letter_or_named() {
    const LONG: &str = "CREATE TABLE t (id INT PRIMARY KEY, v INT COMMENT 'LONG')";
    let long: &'static str = Box::leak(LONG.replace("LONG", &"ü".repeat(1024)).into_boxed_str());
    let setup: &'static [&'static str] = Vec::leak(vec![long]);
    all(&[
        Case {
            name: "comments",
            setup: &[
                "CREATE TABLE t (id INT COMMENT '/*! */ -- ; DROP TABLE u' PRIMARY KEY, v INT COMMENT 'DEFAULT 7, KEY x (v)', w INT COMMENT 'a''b\\\\c\\n', KEY k (v) COMMENT 'COMMENT ''x''') COMMENT = ') PARTITION BY KEY (id) 😀'",
                "CREATE TABLE u (id INT PRIMARY KEY) COMMENT = 'VIEW'",
            ],
            same: &[
                "SELECT TABLE_NAME, TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{}' ORDER BY 1",
                "SELECT COLUMN_NAME, COLUMN_COMMENT FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '{}' ORDER BY 1, 2",
                "SELECT INDEX_NAME, INDEX_COMMENT FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = '{}' AND TABLE_NAME = 't' ORDER BY INDEX_COMMENT",
            ],
            ..NOTHING
        },
        Case {
            name: "comments_of_partitions",
            setup: &[
                "CREATE TABLE t (a INT) COMMENT = 'C:\\\\' PARTITION BY LIST (a) (PARTITION p VALUES IN (0) COMMENT = 'it''s, \\\\ x', PARTITION q VALUES IN (1) COMMENT = 'C:\\\\', PARTITION r VALUES IN (2) COMMENT = 'a\nb')",
                "INSERT INTO t VALUES (0), (1)",
            ],
            same: &[
                "SELECT PARTITION_NAME, HEX(PARTITION_COMMENT) FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = '{}' ORDER BY 1",
                "SELECT HEX(TABLE_COMMENT) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{}'",
                "SELECT a FROM {}.t PARTITION (q)",
            ],
            ..NOTHING
        },
        Case {
            name: "comments_of_mariadb",
            source: Bed::mariadb,
            setup: &[
                "ALTER DATABASE COMMENT = 'of the shop'",
                "CREATE TABLE t (a INT) PARTITION BY LIST (a) (PARTITION p VALUES IN (0) COMMENT = '', PARTITION q VALUES IN (1))",
            ],
            plan: (0, &["MIG2151", "schema {}: COMMENT = 'of the shop'"]),
            report: &["COMMENT = 'of the shop'"],
            ..NOTHING
        },
        Case { name: "comments_long", setup, plan: (5, &["MIG2192", "{}.t.v"]), ..NOTHING },
    ])
    .await;
}

#[tokio::test]
async fn a_check_that_tidb_does_not_count_as_a_condition_stops_the_plan_or_is_left_out_by_name() {
    checks(true).await;
    let not_conditions = Case {
        name: "not_conditions",
        setup: &[
            "CREATE TABLE t (id INT PRIMARY KEY, j JSON, u VARCHAR(40), CONSTRAINT one CHECK (json_contains(j, '1')), CONSTRAINT two CHECK (1 MEMBER OF (j)), CONSTRAINT three CHECK (is_uuid(u)), \
             CONSTRAINT four CHECK (json_overlaps(j, '[1]')), CONSTRAINT valid CHECK (json_valid(j) OR id), CONSTRAINT no CHECK (NOT id))",
            "INSERT INTO t VALUES (0, '[1]', '6ccd780c-baba-1026-9564-5b8c656024db')",
        ],
        plan: (5, &["MIG2130", "{}.t.one CHECK", "{}.t.two CHECK", "{}.t.three CHECK", "{}.t.four CHECK"]),
        ..NOTHING
    };
    let said = check(&not_conditions).await;
    assert!(!said.contains(".t.valid") && !said.contains(".t.no "), "{said}");
    check(&Case {
        name: "left_out",
        gates: "rule \"MIG2130\" {\n action = \"rewrite\"\n }",
        plan: (0, &["CHECK constraint one is not created"]),
        report: &["CHECK constraint one is not created"],
        same: &["SELECT CONSTRAINT_NAME FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = '{}' AND CONSTRAINT_NAME IN ('valid', 'no') ORDER BY 1"],
        next: &[("INSERT INTO {}.t VALUES (1, '[1]', '6ccd780c-baba-1026-9564-5b8c656024db')", "SELECT 1")],
        ..not_conditions
    })
    .await;
    check(&Case {
        name: "any_value",
        source: Bed::mariadb,
        setup: &["CREATE TABLE t (id INT PRIMARY KEY, v INT CHECK (v), w INT, CONSTRAINT s CHECK (v + w), CONSTRAINT c CHECK (v > 0))"],
        plan: (5, &["MIG2130", "{}.t.v CHECK", "{}.t.s CHECK"]),
        ..NOTHING
    })
    .await;
    checks(false).await;
}
