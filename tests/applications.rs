//! Forms of keys, defaults, types and expressions that databases of real applications have, each of which was once lost, refused in
//! the midst of a run or called different: it arrives and is equal, or the plan names it. With the program itself between real
//! servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::Bed;
use support::case::{Case, NOTHING, all, check};

/// It arrives, is equal, and the next plan finds nothing to do.
const SETTLED: Case = Case { settled: true, report: &["Equal: "], ..NOTHING };

#[tokio::test]
async fn a_foreign_key_over_a_whole_primary_key_is_the_same_although_tidb_adds_an_index() {
    for source in [Bed::mysql as fn() -> Bed, Bed::mariadb, Bed::mysql56] {
        check(&Case {
            name: "whole_key",
            source,
            setup: &[
                "CREATE TABLE p (id INT PRIMARY KEY)",
                "CREATE TABLE c (id INT PRIMARY KEY, v INT, CONSTRAINT whole FOREIGN KEY (id) REFERENCES p (id) ON DELETE CASCADE)",
                "CREATE TABLE g (id INT PRIMARY KEY, FOREIGN KEY (id) REFERENCES c (id))",
                "INSERT INTO p VALUES (1), (2)",
                "INSERT INTO c VALUES (1, 10)",
                "INSERT INTO g VALUES (1)",
            ],
            same: &["SELECT * FROM {}.c", "SELECT * FROM {}.g"],
            next: &[
                ("INSERT INTO {}.c VALUES (9, 9)", "SELECT 1"),
                ("INSERT INTO {}.c VALUES (2, 9)", "SELECT * FROM {}.c ORDER BY id"),
            ],
            ..SETTLED
        })
        .await;
    }
}

#[tokio::test]
async fn a_default_that_is_a_moment_beside_on_update_is_the_same() {
    check(&Case {
        name: "moments",
        setup: &[
            "CREATE TABLE t (id INT PRIMARY KEY, a TIMESTAMP NOT NULL DEFAULT '2020-01-01 00:00:00' ON UPDATE CURRENT_TIMESTAMP, \
             b DATETIME(3) DEFAULT '2020-01-01 00:00:00.125' ON UPDATE CURRENT_TIMESTAMP(3), \
             c DATETIME NOT NULL DEFAULT '2020-01-01' ON UPDATE CURRENT_TIMESTAMP)",
            "INSERT INTO t (id) VALUES (1)",
        ],
        same: &["SELECT * FROM {}.t"],
        next: &[("INSERT INTO {}.t (id) VALUES (9)", "SELECT * FROM {}.t ORDER BY id")],
        ..SETTLED
    })
    .await;
    check(&Case {
        name: "zero_moments",
        gates: r#"zero_dates = "keep""#,
        setup: &[
            "SET sql_mode = ''",
            "CREATE TABLE t (id INT PRIMARY KEY, a TIMESTAMP NOT NULL DEFAULT '0000-00-00 00:00:00' ON UPDATE CURRENT_TIMESTAMP)",
            "INSERT INTO t (id) VALUES (1)",
        ],
        same: &["SELECT id, CAST(a AS CHAR) FROM {}.t"],
        ..SETTLED
    })
    .await;
}

#[tokio::test]
async fn a_type_or_a_partition_that_tidb_shows_otherwise_is_the_same() {
    all(&[
        Case {
            name: "no_digits",
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, f FLOAT(11,0), d DOUBLE(10,0) NOT NULL DEFAULT 3)",
                "CREATE TABLE h (a INT PRIMARY KEY) PARTITION BY HASH (a)",
                "CREATE TABLE k (a INT PRIMARY KEY) PARTITION BY KEY (a)",
                "INSERT INTO t VALUES (1, 5, 7)",
                "INSERT INTO h VALUES (1)",
                "INSERT INTO k VALUES (2)",
            ],
            same: &[
                "SELECT id, f + 0, d + 0 FROM {}.t",
                "SELECT TABLE_NAME, PARTITION_METHOD FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = '{}' \
                 AND PARTITION_METHOD IS NOT NULL ORDER BY 1",
            ],
            next: &[("INSERT INTO {}.t (id, f) VALUES (9, 2.6)", "SELECT f + 0, d + 0 FROM {}.t WHERE id = 9")],
            ..SETTLED
        },
        Case {
            name: "members_in_bytes",
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, e ENUM('a','A') CHARACTER SET binary, s SET('x','y') CHARACTER SET binary)",
                "CREATE TABLE i (id INT PRIMARY KEY, m ENUM('unknown','a') DEFAULT 'unknown', s SET('x','y') NOT NULL DEFAULT 'x,y') \
                 DEFAULT CHARSET = binary",
                "INSERT INTO t VALUES (1, 'A', 'x,y')",
                "INSERT INTO i (id) VALUES (1)",
            ],
            same: &["SELECT id, HEX(e), e + 0, s + 0 FROM {}.t", "SELECT id, HEX(m), s + 0 FROM {}.i"],
            next: &[("INSERT INTO {}.i (id) VALUES (9)", "SELECT HEX(m), HEX(s) FROM {}.i WHERE id = 9")],
            ..SETTLED
        },
        Case {
            name: "compressed",
            source: Bed::mariadb,
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(9) COMPRESSED, b TEXT COMPRESSED)",
                "INSERT INTO t VALUES (1, 'a', 'b')",
            ],
            plan: (0, &["MIG2151", "{}.t: column v: COMPRESSED is left out"]),
            same: &["SELECT * FROM {}.t"],
            ..SETTLED
        },
    ])
    .await;
}

#[tokio::test]
async fn a_key_or_a_default_that_tidb_does_not_take_stops_the_plan_or_is_left_out_by_name() {
    all(&[
        Case {
            name: "two_types",
            setup: &[
                "CREATE TABLE p (code CHAR(2) PRIMARY KEY)",
                "CREATE TABLE c (id INT PRIMARY KEY, code VARCHAR(3), KEY (code), CONSTRAINT cv FOREIGN KEY (code) REFERENCES p (code))",
                "CREATE TABLE q (code BINARY(2) PRIMARY KEY)",
                "CREATE TABLE d (id INT PRIMARY KEY, code VARBINARY(3), KEY (code), CONSTRAINT dv FOREIGN KEY (code) REFERENCES q (code))",
            ],
            plan: (5, &["MIG2116", "{}.c.cv", "{}.d.dv"]),
            ..NOTHING
        },
        Case {
            name: "two_types_taken",
            gates: r#"rule "MIG2116" { action = "rewrite" }"#,
            setup: &[
                "CREATE TABLE p (code CHAR(2) PRIMARY KEY)",
                "CREATE TABLE c (id INT PRIMARY KEY, code VARCHAR(3), KEY (code), CONSTRAINT cv FOREIGN KEY (code) REFERENCES p (code))",
                "INSERT INTO p VALUES ('ab')",
                "INSERT INTO c VALUES (1, 'ab')",
            ],
            plan: (0, &["MIG2116", "cv"]),
            same: &["SELECT * FROM {}.c"],
            ..SETTLED
        },
        Case {
            name: "whole_texts",
            source: Bed::mariadb,
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, longdesc TEXT NOT NULL DEFAULT '')",
                "CREATE TABLE u (id INT PRIMARY KEY, b BLOB, UNIQUE (b))",
            ],
            plan: (5, &["MIG2120", "{}.t.longdesc", "MIG2196", "{}.u.b"]),
            ..NOTHING
        },
        Case {
            name: "member_twice",
            setup: &["SET sql_mode = ''", "CREATE TABLE t (id INT PRIMARY KEY, e ENUM('a','a'))"],
            plan: (5, &["MIG2197", "{}.t.e"]),
            ..NOTHING
        },
        Case {
            name: "definer_gone",
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY)",
                "CREATE DEFINER = nobody_of_mig@localhost VIEW v AS SELECT id FROM t",
            ],
            plan: (5, &["MIG2160", "{}.v: the source cannot read it: error 1449"]),
            ..NOTHING
        },
    ])
    .await;
}

#[tokio::test]
async fn what_a_server_says_of_a_computed_column_does_not_stop_a_load() {
    all(&[
        Case {
            name: "option_ignored",
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(20), c VARBINARY(200) AS (AES_ENCRYPT(s, 'key', 'iv00000000000000')), \
                 d VARBINARY(200) AS (AES_ENCRYPT(s, 'key', 'iv00000000000000')) STORED)",
                "INSERT INTO t (id, s) VALUES (1, 'x'), (2, NULL), (3, 'é')",
            ],
            plan: (0, &["MIG2173"]),
            same: &["SELECT id, s, HEX(c), HEX(d) FROM {}.t ORDER BY id"],
            ..SETTLED
        },
        Case {
            name: "by_zero",
            setup: &[
                "SET sql_mode = ''",
                "CREATE TABLE t (id INT PRIMARY KEY, n INT, c INT AS (10 / n), d INT AS (10 DIV n) STORED, e INT AS (10 % n) STORED)",
                "INSERT INTO t (id, n) VALUES (1, 0), (2, 5), (3, NULL)",
            ],
            plan: (0, &["MIG2173", "{}.t.c is computed again"]),
            same: &["SELECT * FROM {}.t ORDER BY id"],
            ..SETTLED
        },
    ])
    .await;
}

#[tokio::test]
async fn a_cast_to_text_that_compares_by_bytes_is_named() {
    const SETUP: &[&str] = &[
        "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(9), c VARCHAR(20) AS (CAST(s AS CHAR(10) BINARY)), \
         d VARCHAR(20) AS (CONCAT(id, CAST(s AS CHAR(3) CHARACTER SET utf8mb4))))",
        "INSERT INTO t (id, s) VALUES (1, 'abc'), (2, NULL)",
    ];
    const WHY: &str = "by a CAST AS CHAR BINARY, which the target takes for bytes";
    all(&[
        Case {
            name: "text_by_bytes",
            source: Bed::mariadb,
            setup: SETUP,
            plan: (5, &["MIG2172", "{}.t.c is computed again", WHY]),
            ..NOTHING
        },
        Case {
            name: "text_by_bytes_taken",
            source: Bed::mariadb,
            gates: r#"rule "MIG2172" { action = "warn" }"#,
            setup: SETUP,
            plan: (0, &["MIG2172", WHY]),
            report: &["{}.t.c"],
            same: &["SELECT id, s, d FROM {}.t ORDER BY id"],
            ..NOTHING
        },
        Case {
            name: "text_by_bytes_view",
            source: Bed::mariadb,
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(9))",
                "CREATE VIEW v AS SELECT id, CAST(s AS CHAR(10) BINARY) AS b FROM t",
            ],
            plan: (0, &["MIG2182", "{}.v: by a CAST AS CHAR BINARY"]),
            ..NOTHING
        },
    ])
    .await;
}
