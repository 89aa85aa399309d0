use super::fixture::{column, index, table};
use super::*;
use crate::formats::structure::{Check, ForeignKey};
use crate::words::addr::TableName;

fn check(column: Column, expected: &str) {
    let sql = create_table(&table("s", "t").with(column), DdlOptions::default());
    let expected = format!("CREATE TABLE `s`.`t` ({expected}) DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_bin");
    assert_eq!(sql, expected);
}

#[test]
fn a_column_carries_everything_that_gives_it_meaning() {
    check(column("a", "int"), "`a` int DEFAULT NULL");
    check(column("a`b", "int unsigned").not_null(), "`a``b` int unsigned NOT NULL");
    check(
        column("a", "varchar(40)").not_null().defaulting("it's \\"),
        "`a` varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT 'it''s \\\\'",
    );
    check(
        column("a", "varchar(4)").defaulting(""),
        "`a` varchar(4) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT ''",
    );
    check(column("a", "text"), "`a` text CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
    check(Column { auto_increment: true, ..column("a", "bigint").not_null() }, "`a` bigint NOT NULL AUTO_INCREMENT");
    check(Column { invisible: true, ..column("a", "int") }, "`a` int DEFAULT NULL INVISIBLE");
    check(
        Column { comment: "new\nline 'q' \\".into(), ..column("a", "int") },
        "`a` int DEFAULT NULL COMMENT 'new\\nline ''q'' \\\\'",
    );
}

#[test]
fn a_default_is_a_literal_of_its_type_or_an_expression_in_parentheses() {
    for (kind, default, expected) in [
        ("int", "0", "'0'"),
        ("int", "-7", "'-7'"),
        ("decimal(10,2)", "0.00", "'0.00'"),
        ("float", "1e20", "'1e20'"),
        ("year", "2020", "'2020'"),
        ("int", "0x10", "'0x10'"),
        ("bit(3)", "b'101'", "b'101'"),
        ("bit(3)", "b'1' or 1", "'b''1'' or 1'"),
        ("binary(4)", "0x6162", "'ab'"),
        ("binary(4)", "0x270061", "'''\\0a'"),
        ("binary(4)", "0xFF", "0xFF"),
        ("binary(4)", "ab", "'ab'"),
        ("date", "2020-01-01", "'2020-01-01'"),
        ("time", "-10:00:00", "'-10:00:00'"),
        ("datetime(6)", "CURRENT_TIMESTAMP(6)", "CURRENT_TIMESTAMP(6)"),
        ("datetime", "current_timestamp()", "CURRENT_TIMESTAMP"),
        ("datetime", "now()", "CURRENT_TIMESTAMP"),
        ("datetime", "0000-00-00 00:00:00", "'0000-00-00 00:00:00'"),
    ] {
        check(column("a", kind).defaulting(default), &format!("`a` {kind} DEFAULT {expected}"));
    }
    for (kind, default, expected) in [
        ("date", "curdate()", "(curdate())"),
        ("int", "(1 + 2)", "(1 + 2)"),
        ("json", r"json_object(_utf8mb4\'a\',_utf8mb4\'it\\\'s\')", r"(json_object(_utf8mb4'a',_utf8mb4'it\'s'))"),
    ] {
        check(column("a", kind).defaulting_to_expression(default), &format!("`a` {kind} DEFAULT {expected}"));
    }
}

#[test]
fn timestamps_say_whether_they_are_null_and_when_they_move() {
    check(
        Column { on_update: Some("CURRENT_TIMESTAMP(6)".into()), ..column("a", "timestamp(6)") },
        "`a` timestamp(6) NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP(6)",
    );
    check(column("a", "timestamp").not_null(), "`a` timestamp NOT NULL");
}

#[test]
fn generated_columns_have_their_expression_and_no_default() {
    check(
        column("a", "int").generated_as(r"length(concat(`e`,_utf8mb4\'x\'))", false),
        "`a` int GENERATED ALWAYS AS (length(concat(`e`,_utf8mb4'x'))) VIRTUAL",
    );
    check(
        column("a", "int").not_null().generated_as("(`b` + 1)", true),
        "`a` int GENERATED ALWAYS AS (`b` + 1) STORED NOT NULL",
    );
}

#[test]
fn keys_checks_comment_and_partitions_stand_below_the_columns() {
    let mut t = table("s", "t").with(column("id", "int").not_null()).with(column("b", "varchar(9)"));
    t = t.keyed(index("PRIMARY", &["id"]));
    t.indexes.push(Index { unique: true, comment: "c'".into(), ..index("u", &["b", "id"]) });
    t.indexes.push(Index { visible: false, ..index("p", &["b"]) });
    t.indexes[2].parts[0].prefix = Some(3);
    t.indexes[2].parts[0].descending = true;
    t.indexes.push(index("f", &["b"]));
    t.indexes[3].parts[0] =
        IndexPart { column: None, expression: Some("(lower(`b`))".into()), prefix: None, descending: false };
    t.checks.push(Check { name: "k".into(), clause: "(`id` > 0)".into(), enforced: false });
    t.comment = "ta'b".into();
    t.partitioning = "PARTITION BY HASH (`id`)\nPARTITIONS 2".into();
    let expected = "CREATE TABLE `s`.`t` (\n  `id` int NOT NULL,\n  `b` varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL,\n  \
                    PRIMARY KEY (`id`),\n  UNIQUE KEY `u` (`b`, `id`) COMMENT 'c''',\n  KEY `p` (`b`(3) DESC) INVISIBLE,\n  KEY `f` ((lower(`b`)))\n) \
                    DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='ta''b'\nPARTITION BY HASH (`id`) PARTITIONS 2";
    assert_eq!(create_table_pretty(&t, DdlOptions::default()), expected);
    let checked = create_table_pretty(&t, DdlOptions { checks: true, ..Default::default() });
    assert!(checked.contains(",\n  CONSTRAINT `k` CHECK (`id` > 0) NOT ENFORCED\n"), "{checked}");
}

#[test]
fn foreign_keys_are_statements_of_their_own() {
    let key = |on_delete: &str, on_update: &str| ForeignKey {
        name: "fk".into(),
        columns: vec!["a".into(), "b".into()],
        references: TableName::new("s", "p"),
        referenced_columns: vec!["x".into(), "y".into()],
        on_update: on_update.into(),
        on_delete: on_delete.into(),
        not_enforced: false,
    };
    for (key, tail) in
        [(key("CASCADE", "SET NULL"), " ON DELETE CASCADE ON UPDATE SET NULL"), (key("NO ACTION", "NO ACTION"), "")]
    {
        let mut t = table("s", "t");
        t.foreign_keys.push(key);
        let expected = format!(
            "ALTER TABLE `s`.`t` ADD CONSTRAINT `fk` FOREIGN KEY (`a`, `b`) REFERENCES `s`.`p` (`x`, `y`){tail}"
        );
        assert_eq!(foreign_keys(&t), [expected]);
        assert!(!create_table(&t, DdlOptions::default()).contains("FOREIGN"));
    }
}

#[test]
fn a_view_keeps_its_security_and_loses_its_definer() {
    let view = View {
        select: "select `s`.`t`.`a` AS `a` from `s`.`t`".into(),
        columns: vec!["a".into(), "b c".into()],
        check_option: "CASCADED".into(),
        security_type: "INVOKER".into(),
        definer: "root@%".into(),
        charset: "utf8mb4".into(),
        collation: "utf8mb4_0900_ai_ci".into(),
        ..View::named(TableName::new("s", "v"))
    };
    assert_eq!(
        create_view(&view),
        "CREATE SQL SECURITY INVOKER VIEW `s`.`v` (`a`, `b c`) AS select `s`.`t`.`a` AS `a` from `s`.`t` WITH CASCADED CHECK OPTION"
    );
    assert_eq!(view_fingerprint(&view), view_fingerprint(&View { definer: "other@%".into(), ..view.clone() }));
    assert_ne!(view_fingerprint(&view), view_fingerprint(&View { select: "select 1".into(), ..view.clone() }));
}

#[test]
fn a_database_names_its_collation_and_is_never_taken_over() {
    let schema =
        Schema { name: "s".into(), charset: "utf8mb4".into(), collation: "utf8mb4_bin".into(), ..Schema::default() };
    assert_eq!(create_database(&schema), "CREATE DATABASE `s` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
}

#[test]
fn estimates_and_engines_do_not_change_a_fingerprint_and_meaning_does() {
    let one = table("s", "t").with(column("a", "int"));
    let mut other = one.clone();
    other.estimate.rows = 7;
    other.engine = "MyISAM".into();
    assert_eq!(fingerprint(&one), fingerprint(&other));
    other.columns[0].nullable = false;
    assert_ne!(fingerprint(&one), fingerprint(&other));
}

#[test]
fn each_server_gets_its_own_words() {
    let mut t = table("s", "t")
        .with(Column { comment: "docs".into(), ..column("j", "longtext") })
        .with(Column { srid: Some(4326), ..column("p", "point").not_null() })
        .keyed(Index { visible: false, ..index("i", &["j"]) })
        .keyed(Index { kind: "FULLTEXT".into(), parser: "ngram".into(), ..index("f", &["j"]) })
        .keyed(Index { kind: "SPATIAL".into(), ..index("sp", &["p"]) });
    let check = |name: &str, enforced| Check { name: name.into(), clause: "json_valid(`j`)".into(), enforced };
    t.checks = vec![check("j", true), check("k", false)];
    let text = "`j` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT 'docs'";
    for (dialect, column, hidden, checks, engine) in [
        (Dialect::Tidb, "", "INVISIBLE", "CONSTRAINT `j` CHECK (json_valid(`j`)), ", ""),
        (Dialect::Mysql, "", "INVISIBLE", "CONSTRAINT `j` CHECK (json_valid(`j`)), ", "ENGINE=InnoDB "),
        (Dialect::Mariadb, " CHECK (json_valid(`j`))", "IGNORED", "", "ENGINE=InnoDB "),
    ] {
        assert_eq!(
            create_table(&t, DdlOptions { checks: true, dialect }),
            format!(
                "CREATE TABLE `s`.`t` ({text}{column}, `p` point SRID 4326 NOT NULL, KEY `i` (`j`) {hidden}, \
                 FULLTEXT KEY `f` (`j`) WITH PARSER `ngram`, SPATIAL KEY `sp` (`p`), \
                 {checks}CONSTRAINT `k` CHECK (json_valid(`j`)) NOT ENFORCED) \
                 {engine}DEFAULT CHARACTER SET=utf8mb4 COLLATE=utf8mb4_bin"
            )
        );
    }
}
