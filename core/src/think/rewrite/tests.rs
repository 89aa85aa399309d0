use super::*;
use crate::formats::ddl::fixture::{column, index, part, table};
use crate::formats::spec::model::RuleAction;
use crate::formats::structure::{Check, Column, ForeignKey, IndexPart, Inventory, View};
use crate::think::gates::fixture::{converting, gates, innodb, orders, ruled, tidb};
use crate::words::addr::TableName;

fn codes(rewritten: &Rewritten) -> Vec<Code> {
    rewritten.changes.iter().map(|c| c.code).collect()
}

#[test]
fn a_table_without_anything_to_change_arrives_as_it_is() {
    let seen = for_target(&orders(), &[], &tidb(), &gates());
    assert_eq!(seen.table, orders());
    assert!(seen.changes.is_empty());
}

#[test]
fn another_name_of_the_same_collation_is_no_change() {
    let t = table("s", "t").with(column("a", "varchar(9)").collated("utf8mb3", "utf8mb3_general_ci"));
    let seen = for_target(&t, &[], &tidb(), &gates());
    assert_eq!(seen.table.columns[0].collation.as_deref(), Some("utf8_general_ci"));
    assert_eq!(seen.table.columns[0].charset.as_deref(), Some("utf8"));
    assert!(seen.changes.is_empty());
}

#[test]
fn a_converted_collation_takes_its_charset_and_wider_texts_along() {
    let mut t = table("s", "t")
        .with(column("a", "varchar(9)").collated("latin1", "latin1_swedish_ci"))
        .with(column("b", "text").collated("latin1", "latin1_swedish_ci"))
        .with(column("c", "longtext").collated("latin1", "latin1_swedish_ci"));
    t.columns[0].octet_length = Some(9);
    (t.charset, t.collation) = ("latin1".into(), "latin1_swedish_ci".into());
    let map = converting(&[("latin1_swedish_ci", "utf8mb4_general_ci")]);
    let seen = for_target(&t, &[], &tidb(), &map);
    assert_eq!(codes(&seen), ["MIG2021", "MIG2021", "MIG2021", "MIG2127", "MIG2021"]);
    assert_eq!((seen.table.charset.as_str(), seen.table.collation.as_str()), ("utf8mb4", "utf8mb4_general_ci"));
    let types: Vec<&str> = seen.table.columns.iter().map(|c| c.column_type.as_str()).collect();
    assert_eq!(types, ["varchar(9)", "mediumtext", "longtext"]);
    assert_eq!(seen.table.columns[0].octet_length, Some(36));
    assert!(seen.changes[1].summary.contains("s.t: column a: collation latin1_swedish_ci becomes utf8mb4_general_ci"));
    // Without "convert" the map does nothing.
    let stopped = Gates { collation: gates().collation, ..map };
    assert_eq!(for_target(&t, &[], &tidb(), &stopped).table.columns, t.columns);
}

/// Changes a table so that a rule meets it; tells whether the source's trait is still there.
type Row = (Code, fn(&mut Table), fn(&Table) -> bool);

const ROWS: &[Row] = &[
    (
        rules::FULLTEXT,
        |t| t.indexes.push(Index { kind: "FULLTEXT".into(), ..index("f", &["name"]) }),
        |t| t.indexes.iter().any(|i| i.name == "f"),
    ),
    (
        rules::CHECK,
        |t| t.checks.push(Check { name: "k".into(), clause: "1 > 0".into(), enforced: true }),
        |t| !t.checks.is_empty(),
    ),
    (rules::INVISIBLE, |t| t.columns[1].invisible = true, |t| t.columns[1].invisible),
    (
        rules::INVISIBLE_KEY,
        |t| {
            t.generated_invisible_key = true;
            t.columns[0].name = "my_row_id".into();
            t.columns[0].invisible = true;
        },
        |t| t.generated_invisible_key && t.columns[0].invisible,
    ),
    (
        rules::FOREIGN_KEY,
        |t| {
            t.partitioning = "PARTITION BY HASH (`id`) PARTITIONS 2".into();
            t.foreign_keys.push(ForeignKey {
                name: "fk".into(),
                columns: vec!["id".into()],
                references: TableName::new("s", "p"),
                referenced_columns: vec!["id".into()],
                on_update: String::new(),
                on_delete: String::new(),
                not_enforced: false,
            });
        },
        |t| !t.foreign_keys.is_empty(),
    ),
    (
        rules::SUBPARTITION,
        |t| {
            t.partitioning = "PARTITION BY RANGE (`id`) SUBPARTITION BY HASH (`id`) SUBPARTITIONS 2 (PARTITION p VALUES LESS THAN (1))".into()
        },
        |t| t.partitioning.contains("SUBPARTITION"),
    ),
    (
        rules::PARTITION,
        |t| t.partitioning = "PARTITION BY LINEAR HASH (`id`) PARTITIONS 2".into(),
        |t| t.partitioning.contains("LINEAR"),
    ),
    (rules::PARTITION, |t| t.partitioning = "PARTITION BY SYSTEM_TIME".into(), |t| !t.partitioning.is_empty()),
    (
        rules::DEFAULT_EXPRESSION,
        |t| t.columns.push(column("d", "int").defaulting_to_expression("(1 + 2)")),
        |t| t.columns[2].default.is_some(),
    ),
    (
        rules::INDEX_EXPRESSION,
        |t| {
            t.indexes.push(Index {
                parts: vec![IndexPart { column: None, expression: Some("length(`name`)".into()), ..part("") }],
                ..index("e", &[])
            })
        },
        |t| t.indexes.iter().any(|i| i.name == "e"),
    ),
    (rules::DESCENDING, |t| t.indexes[0].parts[0].descending = true, |t| t.indexes[0].parts[0].descending),
];

#[test]
fn a_rewrite_changes_one_thing_and_says_so() {
    for &(code, change, still) in ROWS {
        let mut t = orders();
        change(&mut t);
        let seen = for_target(&t, &[], &tidb(), &ruled(code, RuleAction::Rewrite));
        assert!(!still(&seen.table), "{code}");
        assert_eq!(codes(&seen), [code]);
        assert!(seen.changes[0].summary.starts_with("shop.orders: "), "{}", seen.changes[0].summary);
        let stopped = for_target(&t, &[], &tidb(), &ruled(code, RuleAction::Stop));
        assert!(still(&stopped.table), "{code}");
        assert_eq!(stopped.table, t, "{code}");
        assert!(stopped.changes.is_empty(), "{code}");
    }
}

#[test]
fn an_algorithm_of_key_partitions_is_left_out_by_name() {
    for (algorithm, named) in [("/*!50611 ALGORITHM = 1 */", true), ("ALGORITHM = 2", false), ("", false)] {
        let mut t = orders();
        t.partitioning = format!("PARTITION BY KEY {algorithm} (id) PARTITIONS 3");
        let seen = for_target(&t, &[], &tidb(), &ruled(rules::TABLE_OPTION, RuleAction::Warn));
        assert_eq!(codes(&seen), vec![rules::TABLE_OPTION; usize::from(named)], "{algorithm}");
        assert!(!seen.table.partitioning.contains("ALGORITHM = 1"), "{algorithm}");
    }
}

#[test]
fn what_the_target_would_drop_silently_is_dropped_by_name_when_only_warned_of() {
    for &(code, change, still) in ROWS {
        let mut t = orders();
        change(&mut t);
        let seen = for_target(&t, &[], &tidb(), &ruled(code, RuleAction::Warn));
        let silent = rules::find(code).is_some_and(|rule| rule.silent);
        assert_eq!(still(&seen.table), !silent, "{code}");
        assert_eq!(seen.changes.len(), usize::from(silent), "{code}");
    }
}

#[test]
fn checks_stay_where_the_target_enforces_them() {
    let mut t = orders();
    ROWS[1].1(&mut t);
    let target = ServerFacts { check_constraints: true, ..tidb() };
    let seen = for_target(&t, &[], &target, &ruled(rules::CHECK, RuleAction::Rewrite));
    assert_eq!(seen.table, t);
    assert!(seen.changes.is_empty());
}

#[test]
fn a_check_that_is_no_condition_is_left_out_alone() {
    let checked = |name: &str, clause: &str| Check { name: name.into(), clause: clause.into(), enforced: true };
    let kept = checked("kept", "`id` > 0");
    let of_mysql = [checked("json", "json_contains(`name`,'1')"), checked("member", "(1 member of (`name`))")];
    let mut t = orders();
    t.checks = [&of_mysql[..], &[checked("none", "`id` + 1"), kept.clone()]].concat();
    for (flavor, expected) in [(Flavor::Tidb, 1), (Flavor::Mysql, 3), (Flavor::Mariadb, 4)] {
        let target = ServerFacts { check_constraints: true, flavor, ..tidb() };
        let seen = for_target(&t, &[], &target, &ruled(rules::CHECK_NOT_BOOLEAN, RuleAction::Rewrite));
        assert_eq!(seen.table.checks.len(), expected, "{flavor:?}");
        assert!(seen.table.checks.contains(&kept), "{flavor:?}");
    }
}

#[test]
fn an_engine_that_is_not_kept_is_named() {
    let mut t = orders();
    t.engine = "MEMORY".into();
    t.indexes[0].kind = "HASH".into();
    let seen = for_target(&t, &[], &tidb(), &gates());
    assert_eq!(seen.table, orders());
    assert_eq!(codes(&seen), ["MIG2123"]);
}

#[test]
fn views_lose_their_definer_and_schemas_follow_the_map() {
    let view = View {
        select: "select 1".into(),
        columns: Vec::new(),
        check_option: "NONE".into(),
        security_type: "DEFINER".into(),
        definer: "root@%".into(),
        charset: "utf8mb4".into(),
        collation: "utf8mb4_bin".into(),
        ..View::named(TableName::new("s", "v"))
    };
    let (seen, changes) = views::for_target(&view, &Inventory::default(), &tidb(), &gates());
    assert_eq!(seen.definer, "");
    assert!(changes[0].summary.contains("root@%"));
    assert!(views::for_target(&seen, &Inventory::default(), &tidb(), &gates()).1.is_empty());
    let schema = Schema {
        name: "s".into(),
        charset: "latin1".into(),
        collation: "latin1_swedish_ci".into(),
        ..Schema::default()
    };
    let (seen, changes) =
        schema_for_target(&schema, &tidb(), &converting(&[("latin1_swedish_ci", "utf8mb4_general_ci")]));
    assert_eq!((seen.charset.as_str(), seen.collation.as_str(), changes.len()), ("utf8mb4", "utf8mb4_general_ci", 1));
    assert!(schema_for_target(&schema, &tidb(), &gates()).1.is_empty());
}

#[test]
fn mariadb_gets_json_as_text_and_mysql_gets_names_and_defaults_that_it_takes() {
    let (mysql, mariadb) = (innodb(Flavor::Mysql, "9.7.4"), innodb(Flavor::Mariadb, "10.11.18-MariaDB"));
    let generated = column("g", "json").not_null().generated_as("json_object()", true);
    let mut t = orders().with(column("j", "json")).with(generated);
    let seen = for_target(&t, &[], &mariadb, &gates());
    assert_eq!(codes(&seen), ["MIG2140", "MIG2140", "MIG2141"]);
    let json = Check { name: "j".into(), clause: "json_valid(`j`)".into(), enforced: true };
    assert_eq!(seen.table.checks, std::slice::from_ref(&json));
    assert_eq!(seen.table.column("j").unwrap().column_type, "longtext");
    assert!(seen.table.column("g").unwrap().nullable);
    let stopped = for_target(&t, &[], &mariadb, &ruled(rules::JSON_AS_TEXT, RuleAction::Stop));
    assert_eq!(stopped.table.column("j"), t.column("j"));
    assert!(for_target(&t, &[], &mysql, &gates()).changes.is_empty());

    t = orders().with(column("j", "longtext").defaulting("it's"));
    t.checks = vec![json, Check { name: "k".into(), clause: "1 > 0".into(), enforced: true }];
    let seen = for_target(&t, &[], &mysql, &gates());
    assert_eq!(codes(&seen), ["MIG2143"]);
    let names: Vec<&str> = seen.table.checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(names, ["t_chk_j".replace('t', "orders").as_str(), "k"]);
    let default = seen.table.column("j").unwrap();
    assert_eq!((default.default.as_deref(), default.default_is_expression), (Some("'it''s'"), true));
    assert_eq!(for_target(&t, &[], &mariadb, &gates()).table, t);
}

#[test]
fn what_an_innodb_target_cannot_hold_is_changed_only_when_it_is_asked_for() {
    let mariadb = innodb(Flavor::Mariadb, "10.11.18-MariaDB");
    let rows: &[(Code, fn(&mut Table), fn(&Table) -> bool)] = &[
        (
            rules::INVISIBLE,
            |t| t.columns.push(Column { invisible: true, ..column("i", "int").not_null() }),
            |t| t.columns.iter().any(|c| c.invisible),
        ),
        (
            rules::UNENFORCED_CHECK,
            |t| t.checks.push(Check { name: "k".into(), clause: "1 > 0".into(), enforced: false }),
            |t| !t.checks.is_empty(),
        ),
        (
            rules::INDEX_EXPRESSION,
            |t| {
                let part = IndexPart { column: None, expression: Some("lower(`name`)".into()), ..part("") };
                t.indexes.push(Index { parts: vec![part], ..index("e", &[]) });
            },
            |t| t.indexes.len() == 2,
        ),
        (
            rules::TEXT_PARSER,
            |t| t.indexes.push(Index { kind: "FULLTEXT".into(), parser: "ngram".into(), ..index("f", &["name"]) }),
            |t| t.indexes.iter().any(|i| !i.parser.is_empty()),
        ),
        (
            rules::AUTO_INCREMENT_WITHIN,
            |t| t.columns.push(Column { auto_increment: true, ..column("n", "int").not_null() }),
            |t| t.indexes.len() == 1,
        ),
        (
            rules::PARTITION,
            |t| t.partitioning = "PARTITION BY SYSTEM_TIME (PARTITION p0 HISTORY, PARTITION p1 CURRENT)".into(),
            |t| !t.partitioning.is_empty(),
        ),
    ];
    for &(code, change, still) in rows {
        let mut t = orders();
        change(&mut t);
        assert!(still(&t), "{code}");
        let stopped = for_target(&t, &[], &mariadb, &gates());
        assert!(still(&stopped.table) && stopped.changes.is_empty(), "{code}");
        let seen = for_target(&t, &[], &mariadb, &ruled(code, RuleAction::Rewrite));
        assert!(!still(&seen.table), "{code}");
        assert_eq!(codes(&seen), [code]);
    }
}
