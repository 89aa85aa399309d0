//! Shapes over which tools between MySQL or MariaDB and TiDB were reported to stumble, each as a row: it arrives, is named,
//! or is refused before anything moves. With the program itself between real servers, judged by SQL on both.
//!
//! More of them: `tests/losses.rs` (what only rows can tell), `tests/views.rs`, `tests/inputs.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::case::{Case, NOTHING, all, check, checks};
use support::journey::Journey;
use support::{Bed, program};

/// What both servers list of a schema's keys to other tables.
const FOREIGN_KEYS: &str = "SELECT u.TABLE_NAME, u.CONSTRAINT_NAME, u.COLUMN_NAME, u.REFERENCED_TABLE_NAME, \
    u.REFERENCED_COLUMN_NAME, r.UPDATE_RULE = 'CASCADE', r.DELETE_RULE = 'SET NULL' \
    FROM information_schema.KEY_COLUMN_USAGE u JOIN information_schema.REFERENTIAL_CONSTRAINTS r \
    ON r.CONSTRAINT_SCHEMA = u.TABLE_SCHEMA AND r.CONSTRAINT_NAME = u.CONSTRAINT_NAME \
    WHERE u.TABLE_SCHEMA = '{}' AND u.REFERENCED_TABLE_NAME IS NOT NULL ORDER BY 1, 2, u.ORDINAL_POSITION";

#[tokio::test]
async fn the_next_number_of_a_table_lies_above_all_that_were_ever_given() {
    check(&Case {
        name: "counters",
        setup: &[
            "CREATE TABLE outbox (n BIGINT AUTO_INCREMENT PRIMARY KEY, body TEXT) AUTO_INCREMENT = 81000",
            "INSERT INTO outbox (body) VALUES ('one')",
            "DELETE FROM outbox",
            "CREATE TABLE bills (n MEDIUMINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, v INT)",
            "INSERT INTO bills VALUES (5, 1), (52000, 2)",
            "DELETE FROM bills WHERE n > 5",
            // At and above 2^63 TiDB shows no counter.
            "CREATE TABLE last_signed (n BIGINT AUTO_INCREMENT PRIMARY KEY)",
            "INSERT INTO last_signed VALUES (9223372036854775807)",
            "CREATE TABLE above_signed (n BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY)",
            "INSERT INTO above_signed VALUES (9223372036854775808)",
            "CREATE TABLE last_of_all (n BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY)",
            "INSERT INTO last_of_all VALUES (18446744073709551614)",
            "CREATE TABLE never_used (n BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY) AUTO_INCREMENT = 18446744073709551615",
        ],
        next: &[
            ("INSERT INTO {}.outbox (body) VALUES ('x')", "SELECT n >= 81001 FROM {}.outbox"),
            ("INSERT INTO {}.bills (v) VALUES (3)", "SELECT MAX(n) > 52000 FROM {}.bills"),
            ("INSERT INTO {}.above_signed VALUES (NULL)", "SELECT SUM(n = 9223372036854775809) FROM {}.above_signed"),
        ],
        ..NOTHING
    })
    .await;
}

#[tokio::test]
async fn partitions_without_named_columns_and_under_the_words_of_the_clause_stay() {
    check(&Case {
        name: "partition_words",
        setup: &[
            "CREATE TABLE spread (a INT, b INT, v INT, PRIMARY KEY (a, b)) PARTITION BY KEY () PARTITIONS 3",
            "INSERT INTO spread VALUES (1, 1, 1), (2, 1, 2), (3, 7, 3)",
            "CREATE TABLE sorted (`values` INT NOT NULL, v INT) PARTITION BY RANGE COLUMNS (`values`) (PARTITION `partition` VALUES LESS THAN (5), PARTITION less VALUES LESS THAN (MAXVALUE))",
            "INSERT INTO sorted VALUES (1, 1), (5, 2), (77, 3)",
            "CREATE TABLE listed (`in` INT NOT NULL PRIMARY KEY) PARTITION BY LIST (`in`) (PARTITION hash VALUES IN (1, 2), PARTITION `key` VALUES IN (3))",
            "INSERT INTO listed VALUES (2), (3)",
        ],
        same: &[
            "SELECT TABLE_NAME, COUNT(PARTITION_NAME) FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = '{}' GROUP BY TABLE_NAME ORDER BY TABLE_NAME",
            "SELECT PARTITION_NAME, PARTITION_DESCRIPTION FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = '{}' AND TABLE_NAME <> 'spread' ORDER BY TABLE_NAME, PARTITION_ORDINAL_POSITION",
            "SELECT v FROM {}.sorted PARTITION (`partition`)",
            "SELECT * FROM {}.listed PARTITION (`key`)",
            "SELECT * FROM {}.spread ORDER BY a",
        ],
        ..NOTHING
    })
    .await;
}

#[tokio::test]
async fn an_index_over_a_function_arrives_or_is_refused_or_left_out_by_name() {
    const REFUSED: &[&str] = &[
        "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(30), KEY tail ((RIGHT(a, 3))), UNIQUE KEY bare ((TRIM(LEADING '0' FROM a))), KEY fine ((UPPER(a))))",
        "INSERT INTO t VALUES (1, '007'), (2, 'x'), (3, NULL)",
    ];
    all(&[
        Case {
            name: "index_refused",
            setup: REFUSED,
            plan: (5, &["MIG2121", "{}.t.tail", "{}.t.bare"]),
            ..NOTHING
        },
        Case {
            name: "index_left_out",
            setup: REFUSED,
            gates: "rule \"MIG2121\" {\n action = \"warn\"\n }",
            plan: (0, &["MIG2121", "{}.t.tail", "{}.t.bare"]),
            report: &["{}.t: index over an expression tail", "index over an expression bare"],
            same: &["SELECT * FROM {}.t ORDER BY id", "SELECT id FROM {}.t WHERE UPPER(a) = 'X'"],
            ..NOTHING
        },
        Case {
            name: "index_arrays",
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, n INT, a VARCHAR(9), j JSON, KEY twice ((n * 2)), KEY low ((LOWER(a)), n), KEY many ((CAST(j->'$.n' AS SIGNED ARRAY))), KEY some_ (n, (CAST(j->'$.s' AS CHAR(8) ARRAY))))",
                "INSERT INTO t VALUES (1, 4, 'Ab', '{\"n\": [4, -5], \"s\": [\"p\", \"q\"]}'), (2, 4, NULL, '{}'), (3, NULL, 'ab', NULL)",
            ],
            same: &[
                "SELECT INDEX_NAME, SEQ_IN_INDEX, NON_UNIQUE, EXPRESSION IS NULL FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = '{}' ORDER BY LOWER(INDEX_NAME), 2",
                "SELECT id FROM {}.t WHERE -5 MEMBER OF (j->'$.n')",
                "SELECT id FROM {}.t WHERE n = 4 AND 'q' MEMBER OF (j->'$.s')",
                "SELECT id FROM {}.t WHERE n * 2 = 8 ORDER BY id",
            ],
            ..NOTHING
        },
    ])
    .await;
}

#[tokio::test]
async fn an_invisible_unique_key_is_not_taken_for_the_primary_key() {
    let same = &[
        "SELECT INDEX_NAME, NON_UNIQUE, IS_VISIBLE FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = '{}' ORDER BY 1, SEQ_IN_INDEX",
    ];
    check(&Case {
        name: "invisible",
        setup: &[
            "CREATE TABLE t (a INT NOT NULL, b INT NOT NULL, UNIQUE KEY z (a), UNIQUE KEY m (a, b) INVISIBLE, KEY c (b))",
            "INSERT INTO t VALUES (1, 1), (2, 1)",
        ],
        same,
        ..NOTHING
    })
    .await;
}

#[tokio::test]
async fn a_new_row_gets_the_same_defaults_on_both_servers() {
    all(&[
        Case {
            name: "defaults_moment",
            setup: &[
                "SET SESSION time_zone = '-07:30'",
                "CREATE TABLE t (id INT PRIMARY KEY, a TIMESTAMP NOT NULL DEFAULT '2022-03-27 02:30:00', b TIMESTAMP(3) NULL DEFAULT '2037-12-31 23:00:00.125', c DATETIME DEFAULT '2022-03-27 02:30:00')",
                "INSERT INTO t (id) VALUES (1)",
            ],
            same: &["SELECT * FROM {}.t"],
            next: &[("INSERT INTO {}.t (id) VALUES (2)", "SELECT * FROM {}.t ORDER BY id")],
            ..NOTHING
        },
        Case {
            name: "defaults_bytes",
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, a BINARY(8) NOT NULL DEFAULT x'6100620000000027', b VARBINARY(6) DEFAULT x'005C00', c BINARY(2) NOT NULL DEFAULT '', d VARBINARY(4) DEFAULT '', e BIT(12) DEFAULT b'100000000001')",
                "INSERT INTO t (id) VALUES (1)",
            ],
            same: &["SELECT HEX(a), HEX(b), HEX(c), HEX(d), HEX(e) FROM {}.t"],
            next: &[(
                "INSERT INTO {}.t (id) VALUES (2)",
                "SELECT HEX(a), HEX(b), HEX(c), HEX(d), HEX(e) FROM {}.t ORDER BY id",
            )],
            ..NOTHING
        },
        Case {
            name: "defaults_odd_bytes",
            setup: &["CREATE TABLE t (id INT PRIMARY KEY, a BINARY(3) DEFAULT x'FF00FE', b INT DEFAULT 3)"],
            plan: (5, &["MIG2191", "{}.t.a"]),
            ..NOTHING
        },
        Case {
            name: "defaults_alike",
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, y YEAR NOT NULL DEFAULT '0000', y2 YEAR DEFAULT 0, y3 YEAR DEFAULT '70', emo CHAR(2) DEFAULT '🦀', fn1 VARCHAR(30) DEFAULT 'NOW()', fn2 VARCHAR(30) DEFAULT 'current_timestamp', \
                 nul VARCHAR(9) DEFAULT 'NULL', sp VARCHAR(9) DEFAULT ' x  ', esc VARCHAR(9) DEFAULT 'a\\tb\\\\\\'\\nc', en ENUM('', 'b,c', 'd''e') DEFAULT 'b,c', st SET('p', 'q', 'r') DEFAULT 'r,p', \
                 dc DECIMAL(9,3) DEFAULT 12e2, fl FLOAT DEFAULT 1.5e-9, bg BIGINT UNSIGNED DEFAULT 18446744073709551615, tm TIME(2) DEFAULT '-100:30:00.25', dt DATETIME(1) DEFAULT '1000-01-01 00:00:00.5', g VARCHAR(9) CHARACTER SET gbk COLLATE gbk_bin DEFAULT '字')",
            ],
            same: &["SELECT COUNT(*) FROM {}.t"],
            next: &[("INSERT INTO {}.t (id) VALUES (2)", "SELECT * FROM {}.t")],
            ..NOTHING
        },
    ])
    .await;
}

#[tokio::test]
async fn generated_columns_that_the_target_cannot_have_are_named_before_anything_moves() {
    check(&Case {
        name: "functions",
        setup: &[
            "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(20), j JSON, s VARCHAR(20) AS (SOUNDEX(a)) STORED, n INT AS (JSON_VALUE(j, '$.n' RETURNING UNSIGNED)) VIRTUAL)",
            "CREATE TABLE aside (id INT PRIMARY KEY)",
            "CREATE VIEW reads_aside AS SELECT id FROM aside",
        ],
        tables: &["{}.*", "!{}.aside"],
        plan: (5, &["MIG2147", "{}.t.s", "{}.t.n", "{}.reads_aside", "{}.aside"]),
        ..NOTHING
    })
    .await;
}

#[tokio::test]
async fn what_only_mariadb_has_stays_behind_by_name() {
    const SEQUENCE: &[&str] = &[
        "CREATE SEQUENCE given START WITH 40 INCREMENT BY 2",
        "CREATE TABLE t (n INT NOT NULL DEFAULT NEXTVAL(given) PRIMARY KEY, v INT)",
        "INSERT INTO t (v) VALUES (1), (2)",
    ];
    const HISTORY: &[&str] = &[
        "CREATE TABLE named (id INT PRIMARY KEY, v INT, since TIMESTAMP(6) GENERATED ALWAYS AS ROW START, until TIMESTAMP(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (since, until)) WITH SYSTEM VERSIONING",
        "INSERT INTO named (id, v) VALUES (1, 1), (2, 2)",
        "UPDATE named SET v = 9 WHERE id = 1",
        "CREATE TABLE unnamed (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING",
        "INSERT INTO unnamed VALUES (1, 1)",
        "DELETE FROM unnamed",
    ];
    all(&[
        Case {
            name: "sequence_refused",
            source: Bed::mariadb,
            gates: "rule \"MIG2104\" {\n action = \"warn\"\n }",
            setup: SEQUENCE,
            plan: (5, &["MIG2194", "{}.t.n"]),
            ..NOTHING
        },
        Case {
            name: "sequence_left_out",
            source: Bed::mariadb,
            gates: "rule \"MIG2104\" {\n action = \"warn\"\n }\n rule \"MIG2194\" {\n action = \"warn\"\n }",
            setup: SEQUENCE,
            plan: (0, &["MIG2194", "{}.t.n", "{}.given"]),
            report: &["{}.t: column n", "{}.given"],
            same: &["SELECT * FROM {}.t ORDER BY n"],
            ..NOTHING
        },
        Case {
            name: "history_refused",
            source: Bed::mariadb,
            setup: HISTORY,
            plan: (5, &["MIG2152", "{}.named", "{}.unnamed"]),
            ..NOTHING
        },
        Case {
            name: "history_left",
            source: Bed::mariadb,
            gates: "rule \"MIG2152\" {\n action = \"warn\"\n }",
            setup: HISTORY,
            plan: (0, &["MIG2152", "{}.named", "{}.unnamed"]),
            report: &["{}.named", "{}.unnamed"],
            same: &["SELECT id, v FROM {}.named ORDER BY id", "SELECT COUNT(*) FROM {}.unnamed"],
            next: &[("INSERT INTO {}.named (id, v) VALUES (3, 3)", "SELECT id, v FROM {}.named ORDER BY id")],
            ..NOTHING
        },
        Case {
            name: "cut_fractions",
            source: Bed::mariadb,
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, d DATETIME(6), g DATETIME(2) AS (d) VIRTUAL, same DATETIME(6) AS (d) VIRTUAL)",
                "INSERT INTO t (id, d) VALUES (1, '2024-01-01 10:00:00.777777')",
            ],
            plan: (0, &["MIG2173", "{}.t.g is computed again, from more digits of a second"]),
            apply: (6, &["MIG6040", "generated column g of {}.t differs in 1 row"]),
            same: &["SELECT id, d, same FROM {}.t"],
            ..NOTHING
        },
    ])
    .await;
}

#[tokio::test]
async fn tables_as_wide_as_both_servers_allow_arrive() {
    let kinds = ["BIGINT", "CHAR(3)", "DATE", "DECIMAL(7,1)", "TINYINT"];
    let values = ["-1", "'ab'", "'2020-02-29'", "0.5", "7"];
    let columns: String = (1..1017).map(|n| format!(", c{n} {}", kinds[n % 5])).collect();
    let row: String = (1..1017).map(|n| format!(", {}", values[n % 5])).collect();
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let setup: &'static [&'static str] = Vec::leak(vec![
        leak(format!("CREATE TABLE t (id INT PRIMARY KEY{columns})")),
        leak(format!("INSERT INTO t VALUES (1{row}), (2{row})")),
    ]);
    check(&Case {
        name: "wide",
        setup,
        same: &[
            "SELECT * FROM {}.t ORDER BY id",
            "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '{}'",
        ],
        ..NOTHING
    })
    .await;
}

#[tokio::test]
async fn foreign_keys_to_parents_of_every_sort_stand_on_the_target_with_their_rules() {
    check(&Case {
        name: "parents",
        setup: &[
            "SET SESSION restrict_fk_on_non_standard_key = OFF",
            "CREATE TABLE p (id INT PRIMARY KEY, code CHAR(4), a INT NOT NULL, b INT NOT NULL, g INT AS (a + b) STORED, KEY by_code (code), UNIQUE KEY ab (a, b), UNIQUE KEY by_g (g))",
            "INSERT INTO p (id, code, a, b) VALUES (1, 'x', 1, 1), (2, 'x', 1, 2)",
            "CREATE TABLE to_plain (id INT PRIMARY KEY, c CHAR(4), CONSTRAINT k1 FOREIGN KEY (c) REFERENCES p (code) ON UPDATE CASCADE)",
            "INSERT INTO to_plain VALUES (1, 'x')",
            "CREATE TABLE to_part (id INT PRIMARY KEY, a INT, CONSTRAINT k2 FOREIGN KEY (a) REFERENCES p (a))",
            "CREATE TABLE to_generated (id INT PRIMARY KEY, g INT, CONSTRAINT k3 FOREIGN KEY (g) REFERENCES p (g))",
            "INSERT INTO to_generated VALUES (1, 3)",
            "CREATE TABLE tree (id INT PRIMARY KEY, up INT, CONSTRAINT k4 FOREIGN KEY (up) REFERENCES tree (id) ON DELETE SET NULL)",
            "INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2)",
            "CREATE TABLE hen (id INT PRIMARY KEY, egg INT)",
            "CREATE TABLE egg (id INT PRIMARY KEY, hen INT, CONSTRAINT k5 FOREIGN KEY (hen) REFERENCES hen (id))",
            "ALTER TABLE hen ADD CONSTRAINT k6 FOREIGN KEY (egg) REFERENCES egg (id)",
            "SET SESSION foreign_key_checks = 0",
            "INSERT INTO hen VALUES (1, 1), (2, 99)",
            "INSERT INTO egg VALUES (1, 1)",
        ],
        same: &[
            FOREIGN_KEYS,
            "SELECT * FROM {}.hen ORDER BY id",
            "SELECT * FROM {}.to_generated",
            "SELECT * FROM {}.p ORDER BY id",
        ],
        next: &[
            ("INSERT INTO {}.to_part VALUES (1, 9)", "SELECT 1"),
            ("DELETE FROM {}.tree WHERE id = 1", "SELECT * FROM {}.tree ORDER BY id"),
            ("UPDATE {}.p SET code = 'y' WHERE id = 2", "SELECT * FROM {}.to_plain"),
        ],
        ..NOTHING
    })
    .await;
}

#[tokio::test]
async fn tables_of_other_engines_are_named_for_what_they_are() {
    const SETUP: &[&str] = &[
        "CREATE TABLE one (id INT NOT NULL, v INT, KEY (id)) ENGINE = MyISAM",
        "INSERT INTO one VALUES (1, 1)",
        "CREATE TABLE two LIKE one",
        "INSERT INTO two VALUES (2, 2)",
        "CREATE TABLE over_both (id INT NOT NULL, v INT, KEY (id)) ENGINE = MERGE UNION = (one, two)",
        "CREATE TABLE nothing (id INT) ENGINE = BLACKHOLE",
        "CREATE TABLE old (id INT, v TEXT) ENGINE = ARCHIVE",
        "INSERT INTO old VALUES (1, 'a')",
        "CREATE TABLE kept (id INT NOT NULL PRIMARY KEY, v INT, KEY h (v) USING HASH) ENGINE = MEMORY",
        "INSERT INTO kept VALUES (1, 1)",
    ];
    const NAMED: &[&str] = &[
        "{}.over_both",
        "MRG_MyISAM: its rows are those of other",
        "{}.nothing",
        "BLACKHOLE",
        "ARCHIVE",
        "MEMORY",
        "MyISAM",
    ];
    all(&[
        Case { name: "engines", setup: SETUP, plan: (5, NAMED), ..NOTHING },
        Case {
            name: "engines_taken",
            setup: SETUP,
            gates: "rule \"MIG2195\" {\n action = \"warn\"\n }",
            plan: (0, NAMED),
            report: &["{}.over_both MRG_MyISAM: its rows are those of other tables", "{}.nothing BLACKHOLE"],
            same: &["SELECT * FROM {}.over_both ORDER BY id", "SELECT * FROM {}.old", "SELECT * FROM {}.kept"],
            ..NOTHING
        },
    ])
    .await;
}

#[tokio::test]
async fn letters_beyond_ascii_in_expressions_arrive_as_they_are() {
    check(&Case {
        name: "letters",
        setup: &[
            "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(9), a VARCHAR(20) AS (IF(s = 'süß', 'là-bas', '漢字')) STORED, b INT AS (s <> 'ø') VIRTUAL, c VARCHAR(20) AS (CONCAT('№', id)) STORED UNIQUE, KEY (a))",
            "INSERT INTO t (id, s) VALUES (1, 'süß'), (2, 'ø'), (3, NULL)",
            "CREATE VIEW v AS SELECT id FROM t WHERE a = 'là-bas'",
        ],
        same: &[
            "SELECT id, HEX(a), b, HEX(c) FROM {}.t ORDER BY id",
            "SELECT * FROM {}.v",
            "SELECT id FROM {}.t WHERE c = '№2'",
        ],
        next: &[("INSERT INTO {}.t (id, s) VALUES (9, 'süß')", "SELECT HEX(a), b, HEX(c) FROM {}.t WHERE id = 9")],
        ..NOTHING
    })
    .await;
}

#[tokio::test]
async fn letters_of_expressions_arrive_whatever_the_statement_shows_in_their_place() {
    // SHOW CREATE TABLE prints `?`, other letters or `????` for these; information_schema lists their bytes.
    check(&Case {
        name: "shown_letters",
        setup: &[
            "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(9), l VARCHAR(9) CHARACTER SET latin1 COLLATE latin1_bin, \
             j JSON DEFAULT (JSON_ARRAY('Größe?', 'é😀')), a VARCHAR(20) AS (CONCAT('😀', id)) STORED, \
             b VARCHAR(20) AS (CONCAT(l, 'ÄÖÜß€')), c INT AS (l = 'größe'), d VARCHAR(20) AS (IF(id = 99, '日本?', s)))",
            "INSERT INTO t (id, s, l) VALUES (1, '日本?', 'größe'), (2, '?', 'Ã©')",
        ],
        gates: "collation = \"convert\"\n collation_map = { latin1_bin = \"utf8mb4_bin\" }",
        same: &["SELECT id, j, HEX(a), HEX(b), c, HEX(d) FROM {}.t ORDER BY id"],
        next: &[
            ("INSERT INTO {}.t (id, s, l) VALUES (99, 'x', 'größe')", "SELECT j, HEX(a), HEX(b), c, HEX(d) FROM {}.t WHERE id = 99"),
        ],
        ..NOTHING
    })
    .await;
}

#[tokio::test]
async fn a_member_that_the_source_does_not_show_is_refused_and_a_question_mark_is_not() {
    all(&[
        Case {
            name: "hidden_members",
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, e ENUM('x', '😀') NOT NULL, s SET('a', '🎉'))",
                "INSERT INTO t VALUES (1, '😀', 'a,🎉')",
                "CREATE TABLE d (id INT PRIMARY KEY, s SET('a', '😀') DEFAULT 'a,😀')",
                "CREATE TABLE unused (id INT PRIMARY KEY, e ENUM('x', '😀'))",
            ],
            plan: (5, &["MIG2188", "{}.t.e '?': 1 row", "{}.t.s '?': 1 row", "{}.d.s DEFAULT a,😀", "{}.unused.e"]),
            ..NOTHING
        },
        Case {
            name: "question_members",
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, e ENUM('yes', '?') DEFAULT '?', s SET('a?', 'b'))",
                "INSERT INTO t VALUES (1, '?', 'a?,b'), (2, 'yes', 'a?')",
            ],
            same: &["SELECT * FROM {}.t ORDER BY id"],
            ..NOTHING
        },
        Case {
            name: "escaped_members",
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, e ENUM('C:\\\\x', 'b') DEFAULT 'C:\\\\x', n ENUM('a\\nb', 'c') DEFAULT 'a\\nb')",
                "INSERT INTO t (id) VALUES (1)",
                "CREATE TABLE d (id INT PRIMARY KEY, e ENUM('\\\\\\\\', 'a\\\\n?', 'c\\\\') DEFAULT 'a\\\\n?', s SET('\\\\\\\\x', 'y'))",
                "INSERT INTO d VALUES (1, '\\\\\\\\', '\\\\\\\\x,y'), (2, 'c\\\\', 'y')",
            ],
            same: &["SELECT id, HEX(e), HEX(n) FROM {}.t", "SELECT id, HEX(e), HEX(s) FROM {}.d ORDER BY id"],
            next: &[
                ("INSERT INTO {}.t (id) VALUES (9)", "SELECT HEX(e), HEX(n) FROM {}.t WHERE id = 9"),
                ("INSERT INTO {}.d (id) VALUES (9)", "SELECT HEX(e) FROM {}.d WHERE id = 9"),
            ],
            ..NOTHING
        },
        Case {
            name: "reserved_names",
            setup: &["CREATE TABLE t (_TIDB_ROWID INT PRIMARY KEY)"],
            plan: (5, &["MIG2186", "{}.t._TIDB_ROWID"]),
            ..NOTHING
        },
    ])
    .await;
}

#[tokio::test]
async fn check_constraints_hold_the_same_rows_back_on_both_servers() {
    checks(true).await;
    check(&Case {
        name: "constraints",
        setup: &[
            "CREATE TABLE t (id INT PRIMARY KEY, c VARCHAR(20), a DATE, b DATE, CONSTRAINT letters CHECK (c <> 'é' AND c NOT IN ('ñ', '日')), CONSTRAINT signs CHECK (c <> '😀' AND c <> '日本?'), CONSTRAINT bars CHECK (c NOT LIKE '%|%%' ESCAPE '|'), \
             CONSTRAINT order_ CHECK (b >= a + INTERVAL 2 DAY), CONSTRAINT off CHECK (id < 100) NOT ENFORCED)",
            "INSERT INTO t VALUES (1, 'e', '2024-02-28', '2024-03-01')",
        ],
        same: &[
            "SELECT CONSTRAINT_NAME FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = '{}' ORDER BY 1",
        ],
        next: &[
            ("INSERT INTO {}.t VALUES (2, 'é', NULL, NULL)", "SELECT 1"),
            ("INSERT INTO {}.t VALUES (2, 'Ã©', NULL, NULL)", "SELECT COUNT(*) FROM {}.t"),
            ("INSERT INTO {}.t VALUES (2, '日', NULL, NULL)", "SELECT 1"),
            ("INSERT INTO {}.t VALUES (2, '50%', NULL, NULL)", "SELECT 1"),
            ("INSERT INTO {}.t VALUES (2, '😀', NULL, NULL)", "SELECT 1"),
            ("INSERT INTO {}.t VALUES (2, '日本?', NULL, NULL)", "SELECT 1"),
            ("INSERT INTO {}.t VALUES (2, '50|', NULL, NULL)", "SELECT COUNT(*) FROM {}.t"),
            ("INSERT INTO {}.t VALUES (2, 'x', '2024-01-01', '2024-01-02')", "SELECT 1"),
            ("INSERT INTO {}.t VALUES (200, 'x', NULL, NULL)", "SELECT COUNT(*) FROM {}.t"),
        ],
        ..NOTHING
    })
    .await;
    checks(false).await;
}

#[tokio::test]
async fn a_schema_that_stands_on_the_target_keeps_its_default_and_that_is_named() {
    let schema = Bed::mysql()
        .schema("standing", &["ALTER DATABASE COLLATE utf8mb4_bin", "CREATE TABLE t (id INT PRIMARY KEY, v CHAR(3))"])
        .await;
    let journey = Journey::new(Bed::mysql(), vec![schema.clone()], "standing", "", "").await;
    journey.target.run(&[&format!("CREATE DATABASE {schema} COLLATE utf8mb4_general_ci")]).await;
    let told = program::flat(&journey.run(&["plan"], 0));
    let named = format!("{schema}: utf8mb4_general_ci there, utf8mb4_bin by the source");
    assert!(told.contains("MIG2199") && told.contains(&named), "{told}");
    journey.apply();
    let told = program::flat(&journey.run(&["report"], 0));
    assert!(told.contains("MIG2199") && told.contains(&named), "{told}");
    journey.target.run(&[&format!("ALTER DATABASE {schema} COLLATE utf8mb4_bin")]).await;
    assert!(!journey.run(&["plan"], 0).contains("MIG2199"));
    journey.end().await;
}

#[tokio::test]
async fn the_values_of_partitions_arrive_in_any_spelling() {
    const NAMES: &str = "SELECT TABLE_NAME, PARTITION_NAME, TABLE_ROWS IS NULL FROM information_schema.PARTITIONS WHERE \
                         TABLE_SCHEMA = '{}' ORDER BY TABLE_NAME, PARTITION_ORDINAL_POSITION";
    all(&[
        Case {
            name: "values_mysql",
            setup: &[
                "CREATE TABLE days (d DATETIME, i INT) PARTITION BY RANGE COLUMNS (d, i) (PARTITION a VALUES LESS THAN ('2020-01-01', 5), PARTITION b VALUES LESS THAN ('2021-01-01 10:00', 1), PARTITION z VALUES LESS THAN (MAXVALUE, MAXVALUE))",
                "INSERT INTO days VALUES ('2019-12-31', 1), ('2021-01-01 09:59:59', 1), (NULL, 2), ('2030-01-01', 3)",
                "CREATE TABLE words (c VARCHAR(9)) CHARSET utf8mb4 COLLATE utf8mb4_bin PARTITION BY LIST COLUMNS (c) (PARTITION a VALUES IN ('ü😀', 'a'), PARTITION b VALUES IN ('🎉', '日', 'A'))",
                "INSERT INTO words VALUES ('ü😀'), ('A'), ('a')",
                "CREATE TABLE bytes (b BINARY(4)) PARTITION BY LIST COLUMNS (b) (PARTITION a VALUES IN ('ab'), PARTITION b VALUES IN (x'00ff'))",
                "INSERT INTO bytes VALUES ('ab'), (x'00ff')",
                "CREATE TABLE parts (d DATETIME(3)) PARTITION BY RANGE COLUMNS (d) (PARTITION a VALUES LESS THAN ('2020-01-01 00:00:00.1235'))",
            ],
            same: &[
                NAMES,
                "SELECT * FROM {}.days PARTITION (b) ORDER BY d",
                "SELECT * FROM {}.words PARTITION (a) ORDER BY c",
                "SELECT * FROM {}.bytes PARTITION (a)",
            ],
            ..NOTHING
        },
        Case {
            name: "values_mariadb",
            source: Bed::mariadb,
            setup: &[
                "CREATE TABLE listed (d DATE) PARTITION BY LIST COLUMNS (d) (PARTITION a VALUES IN ('2020-1-1', '20200102', NULL), PARTITION b VALUES IN ('2021/03/04'))",
                "INSERT INTO listed VALUES ('2020-01-02'), (NULL), ('2021-03-04')",
                "CREATE TABLE bytes (b VARBINARY(8)) PARTITION BY RANGE COLUMNS (b) (PARTITION a VALUES LESS THAN ('ab'), PARTITION b VALUES LESS THAN (x'ff00'))",
                "CREATE TABLE old (id INT PRIMARY KEY) PARTITION BY KEY ALGORITHM = 1 (id) PARTITIONS 3",
                "INSERT INTO old VALUES (1), (2)",
            ],
            plan: (0, &["MIG2151", "{}.old: PARTITION BY KEY ALGORITHM = 1"]),
            same: &[NAMES, "SELECT * FROM {}.listed PARTITION (a) ORDER BY d", "SELECT * FROM {}.old ORDER BY id"],
            ..NOTHING
        },
        Case {
            name: "values_zero",
            setup: &[
                "CREATE TABLE t (d DATE) PARTITION BY RANGE COLUMNS (d) (PARTITION a VALUES LESS THAN ('0000-00-00'), PARTITION b VALUES LESS THAN ('2020-00-10'))",
            ],
            plan: (5, &["MIG2125", "{}.t (a value of its partitions)"]),
            ..NOTHING
        },
        Case {
            name: "values_zero_kept",
            gates: "zero_dates = \"keep\"",
            setup: &[
                "CREATE TABLE t (d DATE) PARTITION BY RANGE COLUMNS (d) (PARTITION a VALUES LESS THAN ('0000-00-00'), PARTITION b VALUES LESS THAN ('2020-00-10'))",
            ],
            plan: (0, &["MIG2125"]),
            same: &[NAMES],
            ..NOTHING
        },
    ])
    .await;
}

#[tokio::test]
async fn what_only_mariadb_computes_or_holds_is_named_before_anything_moves() {
    all(&[
        Case {
            name: "maria_calls",
            source: Bed::mariadb,
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, j LONGTEXT, d DATETIME, k VARCHAR(10) AS (JSON_VALUE(j, '$.a')) VIRTUAL, n DATETIME AS (d + INTERVAL TIMESTAMPDIFF(SECOND, d, NOW()) SECOND) VIRTUAL)",
                "CREATE VIEW v AS SELECT DECODE_ORACLE(id, 1, 'one', 'other') AS x FROM t",
            ],
            plan: (
                5,
                &["MIG2147", "{}.t.k: JSON_VALUE()", "CURRENT_TIMESTAMP() in a generated column", "ORACLE_SCHEMA.DECODE"],
            ),
            ..NOTHING
        },
        Case {
            name: "maria_types",
            source: Bed::mariadb,
            setup: &["CREATE TABLE t (d DECIMAL(38,38), y YEAR(2))"],
            plan: (5, &["MIG2124", "{}.t.d decimal(38,38)", "{}.t.y year(2)"]),
            ..NOTHING
        },
        Case {
            name: "maria_times",
            source: Bed::mariadb,
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, c TIME(6), s TIME)",
                "INSERT INTO t VALUES (1, '838:59:59.999999', '838:59:59'), (2, '-838:59:59.000001', NULL), (3, '838:59:59', '-838:59:59')",
            ],
            plan: (5, &["MIG2181", "{}.t.c (time(6)): 2 rows"]),
            ..NOTHING
        },
        Case {
            name: "maria_times_fit",
            source: Bed::mariadb,
            setup: &[
                "CREATE TABLE t (id INT PRIMARY KEY, c TIME(6))",
                "INSERT INTO t VALUES (1, '838:59:59'), (2, '-838:59:58.999999')",
            ],
            same: &["SELECT * FROM {}.t ORDER BY id"],
            ..NOTHING
        },
    ])
    .await;
}
