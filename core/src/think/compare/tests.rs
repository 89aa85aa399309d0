use super::*;
use crate::formats::ddl::fixture::{column, index, part, table};
use crate::words::addr::TableName;

fn differs(expected: &Table, actual: &Table) -> Vec<String> {
    structure_differences(expected, actual).iter().map(ToString::to_string).collect()
}

fn of(column: Column) -> Table {
    table("s", "t").with(column)
}

#[test]
fn spellings_of_two_servers_are_no_difference() {
    let expressed = |kind: &str, text: &str| column("a", kind).defaulting_to_expression(text);
    for (mysql, tidb) in [
        (column("a", "int"), column("a", "int(11)")),
        (column("a", "bigint unsigned"), column("a", "bigint(20) unsigned")),
        (column("a", "year"), column("a", "year(4)")),
        (column("a", "int(5) unsigned zerofill"), column("a", "int(5) unsigned")),
        (column("a", "decimal(10,2)").defaulting("0.00"), column("a", "decimal(10, 2)").defaulting("0")),
        (column("a", "float").defaulting("1e20"), column("a", "float").defaulting("1e+20")),
        (column("a", "float(9,8)").defaulting("0.40000001"), column("a", "float(9,8)").defaulting("0.4")),
        (column("a", "float").defaulting("-0.50"), column("a", "float").defaulting("-0.5")),
        (column("a", "int").defaulting("00007"), column("a", "int").defaulting("7")),
        (column("a", "bit(3)").defaulting("b'101'"), column("a", "bit(3)").defaulting("b'101'")),
        (column("a", "binary(4)").defaulting("0x6162"), column("a", "binary(4)").defaulting("ab\0\0")),
        (column("a", "varbinary(4)").defaulting("0x785C2779"), column("a", "varbinary(4)").defaulting("x\\'y")),
        (
            column("a", "datetime(6)").defaulting("now(6)"),
            column("a", "datetime(6)").defaulting("CURRENT_TIMESTAMP(6)"),
        ),
        (expressed("datetime", "CURRENT_TIMESTAMP"), column("a", "datetime").defaulting("CURRENT_TIMESTAMP")),
        (expressed("date", "curdate()"), column("a", "date").defaulting("CURRENT_DATE")),
        (expressed("json", r"json_object(_utf8mb4\'a\',1)"), expressed("json", "json_object(_utf8mb4'a', 1)")),
        // TiDB shows a line break as a backslash and an `n`.
        (column("a", r"enum('a','it''s','b\nk')"), column("a", r"enum('a','it''s','b\\nk')")),
        (
            column("a", "varchar(9)").collated("utf8mb3", "utf8mb3_bin"),
            column("a", "varchar(9)").collated("utf8", "utf8_bin"),
        ),
        (
            column("a", "int").generated_as(r"length(concat(`b`,_utf8mb4\'x\'))", true),
            column("a", "int").generated_as("length(concat(`b`, _utf8mb4'x'))", true),
        ),
    ] {
        assert_eq!(differs(&of(mysql.clone()), &of(tidb)), Vec::<String>::new(), "{mysql:?}");
    }
}

#[test]
fn a_difference_of_a_column_is_named_with_both_sides() {
    let base = || column("a", "varchar(9)");
    for (expected, actual, text) in [
        (column("a", "int"), column("a", "bigint"), "column a: type: expected int, found bigint"),
        (column("a", "int"), column("a", "int unsigned"), "column a: type: expected int, found int unsigned"),
        (base(), column("a", "varchar(8)"), "column a: type: expected varchar(9), found varchar(8)"),
        (column("a", "tinyint(1)"), column("a", "bit(1)"), "column a: type: expected tinyint, found bit(1)"),
        (base().not_null(), base(), "column a: NULL: expected NOT NULL, found NULL"),
        (base().defaulting("x"), base(), "column a: default: expected 'x', found nothing"),
        (base().defaulting(""), base(), "column a: default: expected '', found nothing"),
        (
            column("a", "decimal(9,2)").defaulting("1.50"),
            column("a", "decimal(9,2)").defaulting("15"),
            "column a: default: expected 1.5, found 15",
        ),
        (
            Column { on_update: Some("now()".into()), ..column("a", "timestamp") },
            column("a", "timestamp"),
            "column a: ON UPDATE: expected CURRENT_TIMESTAMP, found nothing",
        ),
        (
            Column { auto_increment: true, ..column("a", "int") },
            column("a", "int"),
            "column a: AUTO_INCREMENT: expected AUTO_INCREMENT, found nothing",
        ),
        (
            column("a", "int").generated_as("`b` + 1", true),
            column("a", "int").generated_as("`b` + 1", false),
            "column a: generated: expected ((b + 1)) STORED, found ((b + 1)) VIRTUAL",
        ),
        (
            base().collated("utf8mb4", "utf8mb4_general_ci"),
            base(),
            "column a: collation: expected utf8mb4_general_ci, found utf8mb4_bin",
        ),
        (Column { comment: "c".into(), ..base() }, base(), "column a: comment: expected c, found nothing"),
        (
            column("a", "enum('a','b')"),
            column("a", "enum('a','B')"),
            "column a: type: expected enum('a','b'), found enum('a','B')",
        ),
    ] {
        assert_eq!(differs(&of(expected), &of(actual)), [text]);
    }
}

#[test]
fn missing_added_and_moved_columns_are_named() {
    let (a, b) = (column("a", "int"), column("b", "int"));
    let both = table("s", "t").with(a.clone()).with(b.clone());
    assert_eq!(differs(&both, &of(a.clone())), ["column b: expected int, found nothing"]);
    assert_eq!(differs(&of(a.clone()), &both), ["column b: expected nothing, found int"]);
    let moved = table("s", "t").with(b).with(a);
    assert_eq!(differs(&both, &moved), ["order of columns: expected a, b, found b, a"]);
}

#[test]
fn keys_are_compared_by_name_columns_and_prefix() {
    let base = || of(column("a", "varchar(9)")).keyed(index("k", &["a"]));
    let with = |change: fn(&mut Index)| {
        let mut t = base();
        change(&mut t.indexes[0]);
        t
    };
    assert_eq!(differs(&base(), &base()), Vec::<String>::new());
    for (actual, found) in [
        (with(|i| i.unique = true), "UNIQUE (a)"),
        (with(|i| i.parts[0].prefix = Some(3)), "(a(3))"),
        (with(|i| i.parts[0].descending = true), "(a DESC)"),
        (with(|i| i.visible = false), "(a) INVISIBLE"),
        (of(column("a", "varchar(9)")), "nothing"),
    ] {
        assert_eq!(differs(&base(), &actual), [format!("index k: expected (a), found {found}")]);
    }
    let expression = |text: &str| with_part(IndexPart { column: None, expression: Some(text.into()), ..part("") });
    assert_eq!(differs(&expression("lower(`a`)"), &expression("(lower(a))")), Vec::<String>::new());
    let extra = base().keyed(index("x", &["a"]));
    assert_eq!(differs(&base(), &extra), ["index x: expected nothing, found (a)"]);
}

fn with_part(part: IndexPart) -> Table {
    let mut t = of(column("a", "varchar(9)")).keyed(index("k", &["a"]));
    t.indexes[0].parts = vec![part];
    t
}

#[test]
fn foreign_keys_checks_partitions_and_defaults_of_the_table_count() {
    let key = |on_delete: &str| ForeignKey {
        name: "fk".into(),
        columns: vec!["a".into()],
        references: TableName::new("s", "P"),
        referenced_columns: vec!["id".into()],
        on_update: "NO ACTION".into(),
        on_delete: on_delete.into(),
        not_enforced: false,
    };
    let with = |on_delete: &str| Table { foreign_keys: vec![key(on_delete)], ..of(column("a", "int")) };
    assert_eq!(differs(&with("NO ACTION"), &with("RESTRICT")), Vec::<String>::new());
    assert_eq!(differs(&with("CASCADE"), &with("RESTRICT")).len(), 1);
    assert_eq!(differs(&with("CASCADE"), &of(column("a", "int"))).len(), 1);
    let idle = Table { foreign_keys: vec![ForeignKey { not_enforced: true, ..key("CASCADE") }], ..with("CASCADE") };
    for found in [
        differs(&with("CASCADE"), &idle),
        foreign_key_differences(&with("CASCADE"), &idle).iter().map(ToString::to_string).collect(),
    ] {
        assert!(matches!(&found[..], [one] if one.ends_with("ON UPDATE RESTRICT, not enforced")), "{found:?}");
    }
    let invalid = Doubt::NotUnderstood { text: "fk: FOREIGN KEY INVALID".into() };
    assert_eq!(
        differs(&with("CASCADE"), &Table { doubts: vec![invalid], ..with("CASCADE") }),
        ["a clause that mig does not know: expected nothing, found fk: FOREIGN KEY INVALID"]
    );
    let checked = |clause: &str| Table {
        checks: vec![Check { name: "c".into(), clause: clause.into(), enforced: true }],
        ..of(column("a", "int"))
    };
    assert_eq!(differs(&checked("(`a` > 0)"), &checked("`a` > 0")), Vec::<String>::new());
    assert_eq!(differs(&checked("(`a` > 0)"), &checked("(`a` > 1)")).len(), 1);
    let parted = |clause: &str| Table { partitioning: clause.into(), ..of(column("a", "int")) };
    assert_eq!(
        differs(&parted("PARTITION BY HASH (`a`)\nPARTITIONS 4"), &parted("PARTITION BY HASH (`a`) PARTITIONS 4")),
        Vec::<String>::new()
    );
    assert_eq!(differs(&parted("PARTITION BY HASH (`a`) PARTITIONS 4"), &of(column("a", "int"))).len(), 1);
    let collated = Table { collation: "utf8mb4_general_ci".into(), ..of(column("a", "int")) };
    assert_eq!(
        differs(&collated, &of(column("a", "int"))),
        ["default collation: expected utf8mb4_general_ci, found utf8mb4_bin"]
    );
}

#[test]
fn an_index_that_the_server_made_for_a_foreign_key_is_part_of_the_key() {
    let with_key = |mut t: Table, columns: &[&str]| {
        t.foreign_keys.push(ForeignKey {
            name: "fk".into(),
            columns: columns.iter().map(|c| (*c).to_owned()).collect(),
            references: TableName::new("s", "p"),
            referenced_columns: columns.iter().map(|c| (*c).to_owned()).collect(),
            on_update: "NO ACTION".into(),
            on_delete: "NO ACTION".into(),
            not_enforced: false,
        });
        t
    };
    let plain = || table("s", "t").with(column("a", "int")).with(column("b", "int"));
    let wanted = with_key(plain(), &["a"]);
    for (name, columns, found) in [
        ("fk", &["a"][..], false),
        ("FK", &["a"], false),
        ("fk", &["b"], true),
        ("fk", &["a", "b"], true),
        ("other", &["a"], true),
    ] {
        let mut actual = wanted.clone();
        actual.indexes.push(index(name, columns));
        assert_eq!(!differs(&wanted, &actual).is_empty(), found, "{name} {columns:?}");
    }
}
