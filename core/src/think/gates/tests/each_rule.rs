//! The gate of compatibility: its rules row by row, on TiDB and on InnoDB.

mod converted;
mod settings;
mod warning;

use super::*;
use crate::formats::facts::ViewLack;
use crate::formats::row_facts::{RowFinding, RowRisk, Unfinished};
use crate::formats::structure::Doubt;
use crate::formats::structure::ViewFault;
use crate::words::addr::TableName;

fn program(kind: &str) -> Program {
    Program { schema: "shop".into(), name: "p".into(), kind: kind.into(), table: None }
}

/// A change to a sound case, the code of the rule it meets, and what is named.
type Row = (Code, &'static str, fn(&mut Case));

const VIEW_ROWS: &[Row] = &[
    (rules::VIEW_BROKEN, "shop.v: the source cannot read it: error 1449: the definer is gone", |c| {
        let fault = Some(ViewFault::Broken("error 1449: the definer is gone".into()));
        c.facts.source.views.push(View { fault, ..view("v") });
    }),
    (rules::VIEW_UNREAD, "shop.v: VIEW was expected at \"MATERIALIZED\"", |c| {
        let fault = Some(ViewFault::NotUnderstood("VIEW was expected at \"MATERIALIZED\"".into()));
        c.facts.source.views.push(View { fault, ..view("v") });
    }),
    (rules::VIEW_TEXT, "shop.v calls SOUNDEX, which the target does not have", |c| {
        lacking(c, ViewLack::Function("soundex".into()))
    }),
    (rules::VIEW_TEXT, "shop.v: the target refuses its text: near \"lateral\"", |c| {
        lacking(c, ViewLack::Syntax("near \"lateral\"".into()))
    }),
    (rules::VIEW_STORED_FUNCTION, "shop.v calls the stored function shop.f, which is not on the target", |c| {
        lacking(c, ViewLack::StoredFunction(TableName::new("shop", "f")))
    }),
    (rules::VIEW_OUTSIDE, "shop.v reads shop.aside, which is neither moved nor on the target", |c| {
        lacking(c, ViewLack::Object(TableName::new("shop", "aside")))
    }),
];

fn lacking(c: &mut Case, lack: ViewLack) {
    c.facts.source.views.push(view("v"));
    c.facts.view_lacks.insert("shop.v".into(), vec![lack]);
}

const ROWS: &[Row] = &[
    (rules::SPATIAL, "shop.orders.g point", |c| add(c, column("g", "point"))),
    (rules::SPATIAL, "shop.orders.s index", |c| {
        key(c, |t| t.indexes.push(crate::formats::structure::Index { kind: "SPATIAL".into(), ..index("s", &["id"]) }))
    }),
    (rules::TYPE, "shop.orders.g uuid", |c| add(c, column("g", "uuid"))),
    (rules::TRIGGER, "shop.p on orders", |c| {
        c.facts.source.triggers.push(Program { table: Some("orders".into()), ..program("TRIGGER") })
    }),
    (rules::ROUTINE, "shop.p (procedure)", |c| c.facts.source.routines.push(program("PROCEDURE"))),
    (rules::EVENT, "shop.p", |c| c.facts.source.events.push(program("EVENT"))),
    (rules::CHECK, "shop.orders.k CHECK (`id` > 0)", |c| {
        key(c, |t| t.checks.push(Check { name: "k".into(), clause: "(`id` > 0)".into(), enforced: true }))
    }),
    (rules::CHECK_NOT_BOOLEAN, "shop.orders.k CHECK json_contains(`name`,'1')", |c| {
        c.target.check_constraints = true;
        key(c, |t| {
            t.checks.push(Check { name: "k".into(), clause: "json_contains(`name`,'1')".into(), enforced: true })
        })
    }),
    (rules::FULLTEXT, "shop.orders.f", |c| {
        key(c, |t| {
            t.indexes.push(crate::formats::structure::Index { kind: "FULLTEXT".into(), ..index("f", &["name"]) })
        })
    }),
    (rules::INVISIBLE, "shop.orders.name", |c| key(c, |t| t.columns[1].invisible = true)),
    (rules::INVISIBLE_KEY, "shop.orders.my_row_id", |c| {
        key(c, |t| {
            t.generated_invisible_key = true;
            t.columns[0].name = "my_row_id".into();
            t.columns[0].invisible = true;
        })
    }),
    (rules::COLLIDING_NAMES, "shop.Orders and shop.orders", |c| c.facts.source.tables.push(table("shop", "Orders"))),
    (rules::COLLIDING_NAMES, "Shop and shop", |c| c.facts.source.tables.push(table("Shop", "x"))),
    (rules::ROW_TOO_LONG, "shop.orders: up to 168 bytes a row, the limit is 100", |c| c.target.row_limit = 100),
    (rules::COLUMNS, "shop.orders: 1018 columns", |c| {
        key(c, |t| (0..1016).for_each(|n| t.columns.push(column(&format!("c{n}"), "int"))))
    }),
    (rules::INDEXES, "shop.orders: 65 indexes", |c| {
        key(c, |t| (0..64).for_each(|n| t.indexes.push(index(&format!("i{n}"), &["id"]))))
    }),
    (rules::INDEX_WIDTH, "shop.orders.w: 4000 bytes once created", |c| {
        key(c, |t| {
            t.columns.push(column("w", "varchar(1000)"));
            t.indexes.push(index("w", &["w"]));
        })
    }),
    (rules::FOREIGN_KEY, "shop.orders.fk", |c| {
        key(c, |t| {
            t.partitioning = "PARTITION BY HASH (`id`) PARTITIONS 2".into();
            t.foreign_keys.push(foreign(&["id"], "orders"));
        })
    }),
    (rules::FOREIGN_KEY, "shop.orders.fk", |c| {
        key(c, |t| {
            t.columns.push(column("v", "bigint").generated_as("`id`", false));
            t.foreign_keys.push(foreign(&["v"], "orders"));
        })
    }),
    (rules::OUTSIDE_REFERENCE, "shop.orders.fk references shop.customers", |c| {
        key(c, |t| t.foreign_keys.push(foreign(&["id"], "customers")))
    }),
    (rules::SUBPARTITION, "shop.orders", |c| {
        key(c, |t| {
            t.partitioning = "PARTITION BY RANGE (`id`) SUBPARTITION BY HASH (`id`) SUBPARTITIONS 2 (PARTITION p0 VALUES LESS THAN (1))".into()
        })
    }),
    (rules::PARTITION, "shop.orders PARTITION BY LINEAR HASH (`id`) PARTITIONS 2", |c| {
        key(c, |t| t.partitioning = "PARTITION BY LINEAR HASH (`id`) PARTITIONS 2".into())
    }),
    (rules::PARTITION, "shop.orders PARTITION BY SYSTEM_TIME", |c| {
        key(c, |t| t.partitioning = "PARTITION BY SYSTEM_TIME (PARTITION p0 HISTORY, PARTITION p1 CURRENT)".into())
    }),
    (rules::DEFAULT_EXPRESSION, "shop.orders.d DEFAULT (1 + 2)", |c| {
        add(c, column("d", "int").defaulting_to_expression("(1 + 2)"))
    }),
    (rules::CHARSET, "shop.orders.b big5", |c| add(c, column("b", "varchar(5)").collated("big5", "big5_chinese_ci"))),
    (
        rules::GENERATED_DIFFERS,
        "shop.orders.g is computed again, from the text of a FLOAT or DOUBLE: concat(`f`)",
        |c| {
            add(c, column("f", "float"));
            add(c, column("g", "varchar(9)").generated_as("concat(`f`)", true));
        },
    ),
    (rules::GENERATED_DIFFERS, "shop.orders.g is computed again, from the text of a JSON document: length(`j`)", |c| {
        c.target.row_limit = 0;
        add(c, column("j", "json"));
        add(c, column("g", "int").generated_as("length(`j`)", true));
    }),
    (
        rules::GENERATED_DIFFERS,
        "shop.orders.g is computed again, by the time zone of a session: mig loads in UTC: from_unixtime(`id`)",
        |c| add(c, column("g", "datetime").generated_as("from_unixtime(`id`)", true)),
    ),
    (
        rules::GENERATED_DIFFERS,
        "shop.orders.g is computed again, from the bytes of a text in latin1, which the target keeps as UTF-8: length(`l`)",
        |c| {
            add(c, column("l", "varchar(9)").collated("latin1", "latin1_bin"));
            add(c, column("g", "int").generated_as("length(`l`)", true));
        },
    ),
    (rules::JSON_NUMBERS, "shop.orders.j: 2 rows with such JSON numbers", |c| rows(c, RowRisk::JsonNumbers, "j", "")),
    (rules::JSON_TYPES, "shop.orders.j: 2 rows with such JSON values: DATE", |c| {
        rows(c, RowRisk::JsonTypes, "j", "DATE")
    }),
    (rules::LOST_PARENTS, "shop.orders.fk (utf8mb4_unicode_ci): 2 rows would be without their parent", |c| {
        rows(c, RowRisk::LostParents, "fk", "utf8mb4_unicode_ci")
    }),
    (rules::ZERO_DATE, "shop.orders.d", |c| c.facts.zero_dates.push("shop.orders.d".into())),
    (rules::ZERO_DATE, "shop.orders.d (its default)", |c| {
        add(c, column("d", "datetime").defaulting("0000-00-00 00:00:00"))
    }),
];

const CARRIED_ROWS: &[Row] = &[
    (rules::FUNCTION, "shop.orders.g: SOUNDEX()", |c| {
        c.facts.expression_lacks.insert("shop.orders.g".into(), "SOUNDEX()".into());
    }),
    (rules::INDEX_EXPRESSION, "shop.orders.e (length(`name`))", |c| {
        key(c, |t| {
            t.indexes.push(crate::formats::structure::Index {
                parts: vec![IndexPart { column: None, expression: Some("length(`name`)".into()), ..part("") }],
                ..index("e", &[])
            })
        })
    }),
    (rules::NOT_UNDERSTOOD, "shop.orders: not understood: SPARKLING", |c| {
        key(c, |t| t.doubts.push(Doubt::NotUnderstood { text: "SPARKLING".into() }))
    }),
    (rules::NOT_UNDERSTOOD, "shop.orders: engine: information_schema says nothing, SHOW CREATE TABLE says x", |c| {
        key(c, |t| {
            t.doubts.push(Doubt::Disagreement { what: "engine".into(), listed: String::new(), shown: "x".into() })
        })
    }),
    (rules::BINARY_DEFAULT, "shop.orders.b DEFAULT 0xFF00", |c| add(c, column("b", "binary(4)").defaulting("0xFF00"))),
    (rules::COMMENT, "shop.orders: comment of 2049 bytes", |c| key(c, |t| t.comment = "x".repeat(2049))),
    (rules::COMMENT, "shop.orders.c: comment of 1026 bytes", |c| {
        add(c, crate::formats::structure::Column { comment: "é".repeat(513), ..column("c", "int") })
    }),
    (rules::PERIOD, "shop.orders PERIOD FOR app (a, b)", |c| key(c, |t| t.periods.push("app (a, b)".into()))),
    (rules::SEQUENCE_DEFAULT, "shop.orders.n DEFAULT nextval(`shop`.`s`)", |c| {
        add(c, column("n", "bigint").defaulting_to_expression("nextval(`shop`.`s`)"))
    }),
    (
        rules::ROWS_ELSEWHERE,
        "shop.orders BLACKHOLE: it keeps nothing that is written to it; the target would keep it",
        |c| key(c, |t| t.engine = "BLACKHOLE".into()),
    ),
    (rules::WHOLE_LOB_KEY, "shop.orders.u", |c| {
        key(c, |t| {
            t.columns.push(column("t", "text"));
            t.indexes.push(index("u", &["t"]));
        })
    }),
    (rules::DUPLICATE_MEMBER, "shop.orders.e enum('a','A')", |c| {
        add(c, column("e", "enum('a','A')").collated("utf8mb4", "utf8mb4_general_ci"))
    }),
    (rules::DUPLICATE_MEMBER, "shop.orders.e: 'Ä' and 'A' are one under utf8mb4_general_ci", |c| {
        rows(c, RowRisk::MergedMembers, "e", "'Ä' and 'A' are one under utf8mb4_general_ci")
    }),
    (rules::RESERVED_NAME, "shop.orders._TiDB_rowid", |c| add(c, column("_TiDB_rowid", "int"))),
    (rules::MEMBER_TOO_LONG, "shop.orders.e 'ääääääääää…': 256 bytes", |c| {
        add(c, column("e", &format!("enum('{}')", "ä".repeat(128))))
    }),
    (rules::UNKNOWN_MEMBER, "shop.orders.e DEFAULT 😀", |c| add(c, column("e", "enum('a','?')").defaulting("😀"))),
    (rules::UNKNOWN_MEMBER, "shop.orders.e '?': 2 rows with other letters in the place of the question mark", |c| {
        rows(c, RowRisk::UnknownMember, "e", "?")
    }),
    (rules::VIEW_GROUPS, "shop.v", |c| {
        c.target.only_full_group_by = true;
        c.facts.source.views.push(View { loose_groups: true, ..view("v") });
    }),
    (rules::FOREIGN_KEY_OFF, "shop.orders.fk", |c| {
        c.target.foreign_keys_off = true;
        key(c, |t| t.foreign_keys.push(foreign(&["id"], "orders")))
    }),
    (rules::DEFAULT_EXPRESSION, "shop.orders.t DEFAULT x", |c| add(c, column("t", "text").defaulting("x"))),
    (rules::TYPE, "shop.orders.g decimal(65,38)", |c| add(c, column("g", "decimal(65,38)"))),
    (rules::TYPE, "shop.orders.g year(2)", |c| add(c, column("g", "year(2)"))),
    (rules::FUNCTION, "shop.orders.k: CURDATE() in a CHECK constraint", |c| {
        c.target.check_constraints = true;
        key(c, |t| t.checks.push(Check { name: "k".into(), clause: "(`d` <= curdate())".into(), enforced: true }))
    }),
    (rules::DEFAULT_EXPRESSION, "shop.orders.j DEFAULT json_array(soundex('a'))", |c| {
        add(c, column("j", "varchar(30)").defaulting_to_expression("json_array(soundex('a'))"))
    }),
    (rules::DEFAULT_EXPRESSION, "shop.orders.j DEFAULT json_array(`id`)", |c| {
        add(c, column("j", "varchar(30)").defaulting_to_expression("json_array(`id`)"))
    }),
];

/// What a look at the rows found.
fn rows(case: &mut Case, risk: RowRisk, object: &str, what: &str) {
    let (table, object) = ("shop.orders".into(), object.into());
    case.facts.rows.found.push(RowFinding { risk, table, object, rows: 2, what: what.into() });
}

#[test]
fn what_the_load_could_only_fail_at_stops_whatever_is_set() {
    for (risk, named, code) in [
        (RowRisk::LostText, "shop.orders.name (gbk): 2 rows", rules::LOST_TEXT),
        (
            RowRisk::MergedKeys,
            "shop.orders.name (unique over name): 2 groups that would be the same",
            rules::MERGED_KEYS,
        ),
        (RowRisk::LongTime, "shop.orders.name (time(6)): 2 rows", rules::LONG_TIME),
    ] {
        let what = match risk {
            RowRisk::LostText => "gbk",
            RowRisk::LongTime => "time(6)",
            _ => "name",
        };
        let mut case = Case::sound().changed(|c| rows(c, risk, "name", what));
        case.migration.gates.compatibility = RuleAction::Warn;
        let seen = check("compatibility", &case, &format!("No {code}"));
        assert!(seen.lines().any(|line| line == named), "{seen}");
        case.migration.gates = ruled(code, RuleAction::Warn);
        assert!(check("compatibility", &case, &format!("No {code} MIG2030")).contains(named));
    }
    let case = Case::sound().changed(|c| c.facts.impossible_dates.push("shop.orders.d".into()));
    assert!(check("compatibility", &case, "No MIG2125").contains("shop.orders.d"));
    let by_day = Case::sound().changed(|c| {
        add(c, column("d", "date"));
        key(c, |t| {
            t.partitioning = "PARTITION BY RANGE COLUMNS(d) (PARTITION p VALUES LESS THAN ('0000-00-00'))".into()
        });
    });
    assert!(check("compatibility", &by_day, "No MIG2125").contains("shop.orders (a value of its partitions)"));
    let kept = case.changed(|c| c.migration.gates.zero_dates = ZeroDates::Keep);
    assert!(check("compatibility", &kept, "Warned MIG2125").contains("kept"));
}

#[test]
fn numbers_that_servers_compute_with_other_digits_are_named() {
    for (kind, expression, why) in [
        ("decimal(20,10)", "(`d` / 3)", "from a division"),
        ("varchar(40)", "concat((`d` * 1.00))", "from the text of a DECIMAL"),
        ("varchar(40)", "(`d` MOD 0.3)", "from the text of a DECIMAL"),
        ("json", "json_array(`d`)", "from the text of a DECIMAL"),
        ("bigint", "(`at` + 0)", "from a date that is taken as a number"),
        ("int", "cast(`at` as year)", "by a CAST AS FLOAT or YEAR"),
    ] {
        let case = Case::sound().changed(|c| {
            c.target.row_limit = 0;
            add(c, column("at", "datetime"));
            add(c, column("d", "decimal(10,4)"));
            add(c, column("g", kind).generated_as(expression, true));
        });
        let told = check("compatibility", &case, "Warned MIG2173");
        assert!(told.contains(why), "{expression}: {told}");
    }
}

#[test]
fn a_choice_between_values_that_are_longer_than_shown_stops_the_plan() {
    for (kind, expression, expected) in [
        ("bigint(5) unsigned zerofill", "ifnull(`n`,0) % 10", "No MIG2122 MIG2184"),
        ("bigint(5) unsigned zerofill", "case when `n` is null then 0 else `n` end", "No MIG2122 MIG2184"),
        ("bigint(5) unsigned zerofill", "coalesce(`n`,0)", "Warned MIG2122"),
        ("bigint(20) unsigned zerofill", "ifnull(`n`,0)", "Warned MIG2122"),
        ("int(5) unsigned zerofill", "ifnull(`n`,0)", "Warned MIG2122"),
    ] {
        let case = Case::sound().changed(|c| {
            c.target.row_limit = 0;
            let data_type = kind.split('(').next().unwrap_or_default().to_owned();
            add(c, crate::formats::structure::Column { data_type, ..column("n", kind) });
            add(c, column("g", "bigint unsigned").generated_as(expression, false));
        });
        check("compatibility", &case, expected);
    }
}

#[test]
fn a_generated_column_that_every_server_computes_alike_is_not_named() {
    for (kind, expression) in [
        ("int", "`id` + 1"),
        ("varchar(80)", "concat(lower(`name`),'x',md5(`name`))"),
        ("date", "cast(`at` as date)"),
        ("datetime", "(`at` + interval 1 day)"),
        ("int", "(to_days(`at`) - to_days('2000-01-01'))"),
        ("decimal(20,4)", "(`id` * 1.5 + 2)"),
        ("int", "json_extract(`j`,'$.a')"),
        ("double", "`f` * 2"),
    ] {
        let case = Case::sound().changed(|c| {
            c.target.row_limit = 0;
            for (name, kind) in [("at", "datetime"), ("j", "json"), ("f", "double")] {
                add(c, column(name, kind));
            }
            add(c, column("g", kind).generated_as(expression, true));
        });
        check("compatibility", &case, "Passed");
        // On a server of the source's own kind nothing is computed in another way.
        let alike = Case::sound().changed(|c| {
            (c.target.row_limit, c.source.flavor) = (0, Flavor::Tidb);
            add(c, column("g", "varchar(9)").generated_as("soundex(`name`)", true));
        });
        check("compatibility", &alike, "Passed");
    }
}

#[test]
fn a_function_that_no_generated_column_may_call_stops_the_plan() {
    let case = Case::sound().changed(|c| add(c, column("g", "datetime").generated_as("`t` + now()", false)));
    let seen = check("compatibility", &case, "No MIG2147 MIG2173");
    assert!(seen.lines().any(|line| line == "shop.orders.g: NOW() in a generated column"), "{seen}");
}

fn add(case: &mut Case, column: crate::formats::structure::Column) {
    case.facts.source.tables[0].columns.push(column);
}

fn key(case: &mut Case, change: fn(&mut Table)) {
    change(&mut case.facts.source.tables[0]);
}

#[test]
fn each_rule_names_what_it_meets_and_stops_unless_told_otherwise() {
    for &(code, ref named, ref change) in ROWS.iter().chain(CARRIED_ROWS).chain(VIEW_ROWS) {
        let case = Case::sound().changed(*change);
        let seen = check("compatibility", &case, &format!("No {code}"));
        assert!(seen.lines().any(|line| line == *named), "{code}: {named}\n{seen}");
        if code == rules::ZERO_DATE {
            let kept = case.changed(|c| c.migration.gates.zero_dates = ZeroDates::Keep);
            check("compatibility", &kept, &format!("Warned {code}"));
            continue;
        }
        // What can only fail on the target stays a stop.
        let fails = rules::find(code).is_some_and(|rule| rule.fails);
        let warned_so = format!("{} {code}", if fails { "No" } else { "Warned" });
        let warned = case.clone().changed(|c| c.migration.gates = ruled(code, RuleAction::Warn));
        check("compatibility", &warned, &warned_so);
        let all = case.clone().changed(|c| c.migration.gates.compatibility = RuleAction::Warn);
        check("compatibility", &all, &warned_so);
        let rewritten = case.changed(|c| c.migration.gates = ruled(code, RuleAction::Rewrite));
        let known = rules::find(code).is_some_and(|rule| rule.rewrite.is_some());
        let expected = if known { format!("Warned {code}") } else { format!("No {code} MIG2031") };
        check("compatibility", &rewritten, &expected);
    }
}

#[test]
fn views_over_a_view_that_cannot_be_made_cannot_be_made_to_any_depth() {
    let case = Case::sound().changed(|c| {
        lacking(c, ViewLack::Function("soundex".into()));
        for (name, over) in [("w", "v"), ("x", "w")] {
            let select = format!("select `shop`.`{over}`.`1` AS `1` from `shop`.`{over}`");
            c.facts.source.views.push(View { select, ..view(name) });
        }
    });
    let seen = check("compatibility", &case, "No MIG2162 MIG2164");
    for named in
        ["shop.w reads the view shop.v, which cannot be made", "shop.x reads the view shop.w, which cannot be made"]
    {
        assert!(seen.contains(named), "{named}\n{seen}");
    }
    check(
        "compatibility",
        &case.changed(|c| c.migration.gates.compatibility = RuleAction::Warn),
        "Warned MIG2162 MIG2164",
    );
}

#[test]
fn some_rules_warn_unless_told_to_stop() {
    for &(code, ref named, ref change) in warning::WARNING_ROWS {
        let case = Case::sound().changed(*change);
        let seen = check("compatibility", &case, &format!("Warned {code}"));
        assert!(seen.lines().any(|line| line == *named), "{code}: {named}\n{seen}");
        let stopped = case.changed(|c| c.migration.gates = ruled(code, RuleAction::Stop));
        check("compatibility", &stopped, &format!("No {code}"));
    }
}

/// A source's trait, its name in the finding, and what it comes to on MySQL 9.7, MySQL 5.7 and MariaDB 10.11.
type OnInnodb = (&'static str, fn(&mut Case), [&'static str; 3]);

fn first(case: &mut Case) -> &mut Table {
    &mut case.facts.source.tables[0]
}

const ON_INNODB: &[OnInnodb] = &[
    (
        "shop.orders.f",
        |c| first(c).indexes.push(Index { kind: "FULLTEXT".into(), ..index("f", &["name"]) }),
        ["", "", ""],
    ),
    ("shop.orders.g point", |c| first(c).columns.push(column("g", "point")), ["", "", ""]),
    ("shop.orders.c int(5) zerofill", |c| first(c).columns.push(column("c", "int(5) zerofill")), ["", "", ""]),
    ("shop.orders.v vector(3)", |c| first(c).columns.push(column("v", "vector(3)")), ["", "No MIG2124", "No MIG2124"]),
    ("shop.orders.u uuid", |c| first(c).columns.push(column("u", "uuid")), ["No MIG2124", "No MIG2124", ""]),
    ("shop.orders.j", |c| first(c).columns.push(column("j", "json")), ["", "", "Warned MIG2140"]),
    (
        "shop.orders.i",
        |c| first(c).columns.push(Column { invisible: true, ..column("i", "int").not_null() }),
        ["", "No MIG2108", "No MIG2108"],
    ),
    (
        "shop.orders.i",
        |c| first(c).columns.push(Column { invisible: true, ..column("i", "int") }),
        ["", "No MIG2108", ""],
    ),
    (
        "shop.orders.g",
        |c| first(c).columns.push(column("g", "int").not_null().generated_as("`id` + 1", true)),
        ["", "", "Warned MIG2141"],
    ),
    (
        "shop.orders.g: uuid_to_bin",
        |c| first(c).columns.push(column("g", "int").generated_as("uuid_to_bin(`name`)", true)),
        ["", "", "No MIG2147"],
    ),
    (
        "shop.orders.t DEFAULT 'x'",
        |c| first(c).columns.push(column("t", "text").defaulting_to_expression("'x'")),
        ["", "No MIG2120", ""],
    ),
    (
        "shop.orders.g SRID 4326",
        |c| first(c).columns.push(Column { srid: Some(4326), ..column("g", "point") }),
        ["", "Warned MIG2149", "Warned MIG2149"],
    ),
    (
        "shop.orders.f WITH PARSER ngram",
        |c| first(c).indexes.push(Index { kind: "FULLTEXT".into(), parser: "ngram".into(), ..index("f", &["name"]) }),
        ["", "", "No MIG2150"],
    ),
    (
        "shop.orders.d",
        |c| {
            first(c)
                .indexes
                .push(Index { parts: vec![IndexPart { descending: true, ..part("name") }], ..index("d", &[]) })
        },
        ["", "Warned MIG2119", ""],
    ),
    (
        "shop.orders.e (lower(`name`))",
        |c| {
            let part = IndexPart { column: None, expression: Some("lower(`name`)".into()), ..part("") };
            first(c).indexes.push(Index { parts: vec![part], ..index("e", &[]) });
        },
        ["", "No MIG2121", "No MIG2121"],
    ),
    (
        "shop.orders.k CHECK 1 > 0",
        |c| first(c).checks.push(Check { name: "k".into(), clause: "1 > 0".into(), enforced: false }),
        ["", "", "No MIG2142"],
    ),
    (
        "shop.orders.name",
        |c| first(c).checks.push(Check { name: "name".into(), clause: "1 > 0".into(), enforced: true }),
        ["Warned MIG2143", "", ""],
    ),
    (
        "shop.orders.k and shop.other.k",
        |c| {
            first(c).checks.push(Check { name: "k".into(), clause: "1 > 0".into(), enforced: true });
            let mut other = first(c).clone();
            other.name.name = "other".into();
            c.facts.source.tables.push(other);
        },
        ["No MIG2144", "", ""],
    ),
    (
        "shop.orders.n",
        |c| first(c).columns.push(Column { auto_increment: true, ..column("n", "int").not_null() }),
        ["No MIG2145"; 3],
    ),
    (
        "shop.orders: sql_require_primary_key is ON",
        |c| {
            first(c).indexes.clear();
            c.target.restrictions = vec!["sql_require_primary_key".into()];
        },
        ["No MIG2146"; 3],
    ),
    (
        "shop.orders.f to shop.orders (name)",
        |c| {
            c.target.restrictions = vec!["restrict_fk_on_non_standard_key".into()];
            let key = ForeignKey {
                referenced_columns: vec!["name".into()],
                name: "f".into(),
                ..foreign(&["name"], "orders")
            };
            first(c).foreign_keys.push(key);
        },
        ["No MIG2148"; 3],
    ),
    ("shop.orders: ENCRYPTION='Y'", |c| first(c).options = "ENCRYPTION='Y'".into(), ["Warned MIG2151"; 3]),
    ("shop.orders", |c| first(c).system_versioned = true, ["No MIG2152"; 3]),
    ("shop.orders MyISAM", |c| first(c).engine = "MyISAM".into(), ["Warned MIG2123"; 3]),
    (
        "shop.orders SYSTEM_TIME",
        |c| first(c).partitioning = "PARTITION BY SYSTEM_TIME (PARTITION p0 HISTORY, PARTITION p1 CURRENT)".into(),
        ["No MIG2118"; 3],
    ),
    (
        "shop.orders",
        |c| first(c).partitioning = "PARTITION BY LINEAR HASH (`id`) SUBPARTITION BY KEY (`id`) PARTITIONS 4".into(),
        ["", "", ""],
    ),
];

#[test]
fn mysql_and_mariadb_as_targets_have_rules_of_their_own() {
    for (named, change, expected) in ON_INNODB {
        for (server, expected) in [
            innodb(Flavor::Mysql, "9.7.4"),
            innodb(Flavor::Mysql, "5.7.44"),
            innodb(Flavor::Mariadb, "10.11.18-MariaDB"),
        ]
        .into_iter()
        .zip(expected)
        {
            let mut case = Case { target_kind: "mysql", ..Case::sound() };
            case.target = ServerFacts { check_constraints: server.version != "5.7.44", ..server };
            change(&mut case);
            if case.target.version == "5.7.44" && !first(&mut case).checks.is_empty() {
                // There they are dropped: the rule of that says so.
                check("compatibility", &case, "No MIG2106");
                continue;
            }
            let expected = if expected.is_empty() { "Passed" } else { expected };
            let seen = check("compatibility", &case, expected);
            assert!(!seen.contains("TiDB") && !seen.contains("tidb"), "{seen}");
            assert!(expected == "Passed" || seen.lines().any(|line| line == *named), "{named}\n{seen}");
        }
    }
}

#[test]
fn defaults_on_the_targets_list_pass() {
    for (kind, default, allowed) in [
        ("char(36)", "uuid()", true),
        ("binary(16)", "uuid_to_bin(uuid())", true),
        ("binary(16)", "uuid_to_bin(uuid(),1)", true),
        ("date", "curdate()", true),
        ("datetime(6)", "now(6)", true),
        ("datetime", "CURRENT_TIMESTAMP", true),
        ("json", r"json_object(_utf8mb4\'a\',1)", true),
        ("varchar(9)", r"date_format(now(),_utf8mb4\'%Y-%m\')", true),
        ("varchar(9)", r"date_format(now(),_utf8mb4\'%Y\')", false),
        ("text", r"_utf8mb4\'abc\'", false),
        ("varchar(9)", "lower('A')", false),
        ("datetime", "(now() + interval 1 day)", false),
    ] {
        let column = column("a", kind).defaulting_to_expression(default);
        assert_eq!(compatibility::default_allowed(&column), allowed, "{default}");
    }
    assert!(compatibility::default_allowed(&column("a", "varchar(9)").defaulting("lower(x)")));
}
