//! Rules that warn unless the spec says otherwise, each with an object that it finds.

use super::*;

pub(super) const WARNING_ROWS: &[Row] = &[
    (rules::ROW_MAY_BE_TOO_LONG, "shop.orders.t longtext", |c| add(c, column("t", "longtext"))),
    (rules::ROW_MAY_BE_TOO_LONG, "shop.orders.j json", |c| add(c, column("j", "json"))),
    (rules::DESCENDING, "shop.orders.d", |c| {
        key(c, |t| {
            t.indexes.push(crate::formats::structure::Index {
                parts: vec![IndexPart { descending: true, ..part("id") }],
                ..index("d", &[])
            })
        })
    }),
    (rules::ZEROFILL, "shop.orders.z int(5) unsigned zerofill", |c| add(c, column("z", "int(5) unsigned zerofill"))),
    (rules::VIEW_ORDER, "shop.v", |c| {
        let select = "select `t`.`id` AS `id` from `shop`.`orders` `t` order by `t`.`id` desc".into();
        c.facts.source.views.push(View { select, ..view("v") })
    }),
    (rules::VIEW_CAST, "shop.v: 1 CAST without a length", |c| {
        let select = "select cast(`shop`.`orders`.`name` as char charset binary) AS `x` from `shop`.`orders`".into();
        c.facts.source.views.push(View { select, ..view("v") })
    }),
    (rules::VIEW_MAY_DIFFER, "shop.v: by FORMAT()", |c| {
        let select = "select format(`shop`.`orders`.`id`,1) AS `x` from `shop`.`orders`".into();
        c.facts.source.views.push(View { select, ..view("v") })
    }),
    (rules::EMPTY_MEMBER, "shop.orders.e: 2 rows with the value 0, beside a member ''", |c| {
        rows(c, RowRisk::EmptyMember, "e", "")
    }),
    (rules::VIEW_CHECK_OPTION, "shop.v WITH LOCAL CHECK OPTION", |c| {
        c.facts.source.views.push(View { check_option: "LOCAL".into(), ..view("v") })
    }),
    (
        rules::GENERATED_MAY_DIFFER,
        "shop.orders.g is computed again, by the time zone of a session: mig loads in UTC: cast(`t` as date)",
        |c| {
            add(c, column("t", "timestamp"));
            add(c, column("g", "date").generated_as("cast(`t` as date)", false));
        },
    ),
    (
        rules::GENERATED_MAY_DIFFER,
        "shop.orders.g is computed again, by SOUNDEX(), which servers may compute in another way: soundex(`name`)",
        |c| add(c, column("g", "varchar(9)").generated_as("soundex(`name`)", false)),
    ),
    (
        rules::GENERATED_MAY_DIFFER,
        "shop.orders.g is computed again, from more digits of a second than it keeps: the source cuts them, the target rounds: `t`",
        |c| {
            c.source.flavor = Flavor::Mariadb;
            add(c, column("t", "datetime(3)"));
            add(c, column("g", "datetime(2)").generated_as("`t`", true));
            add(c, column("same", "datetime(3)").generated_as("`t`", true));
            add(c, column("day", "date").generated_as("cast(`t` as datetime(3))", true));
        },
    ),
    (
        rules::GENERATED_MAY_DIFFER,
        "shop.orders.g is computed again, from more digits of a second than it keeps: the source cuts them, the target rounds: cast(`name` as time(4))",
        |c| {
            c.source.flavor = Flavor::Mariadb;
            add(c, column("g", "bigint").generated_as("cast(`name` as time(4))", false));
        },
    ),
    (rules::OTHER_CODE, "shop.orders.name (cp932): 2 rows", |c| rows(c, RowRisk::OtherCode, "name", "cp932")),
    (
        rules::UNLOOKED,
        "shop.orders.name (text without a Unicode character): the first 100000 rows were looked at",
        |c| {
            let (table, object) = ("shop.orders".into(), "name".into());
            let why = "the first 100000 rows were looked at".into();
            c.facts.rows.unfinished.push(Unfinished { risk: RowRisk::LostText, table, object, why });
        },
    ),
    (rules::ROUNDED_FLOAT, "shop.orders.d double(10,2)", |c| add(c, column("d", "double(10,2)"))),
    (rules::NUMBERED_WITHIN, "shop.orders.n", |c| {
        add(c, crate::formats::structure::Column { auto_increment: true, ..column("n", "int").not_null() })
    }),
    (rules::ENGINE, "shop.orders MyISAM", |c| key(c, |t| t.engine = "MyISAM".into())),
    (rules::SCHEMA_DEFAULT, "shop: utf8mb4_general_ci there, utf8mb4_bin by the source", |c| {
        c.facts.target.schemas.push(schema("shop", "utf8mb4_general_ci"));
    }),
    (rules::TABLE_OPTION, "shop.orders: PARTITION BY KEY ALGORITHM = 1", |c| {
        key(c, |t| t.partitioning = "PARTITION BY KEY ALGORITHM = 1 (id) PARTITIONS 3".into())
    }),
    (rules::TABLE_OPTION, "schema shop: COMMENT = 'of the shop'", |c| {
        let commented = Schema { comment: "of the shop".into(), ..schema("shop", "utf8mb4_bin") };
        c.facts.source.schemas.push(commented);
    }),
    (rules::KEY_COMMENT, "shop.orders", |c| {
        key(c, |t| t.indexes.iter_mut().filter(|i| i.name == "PRIMARY").for_each(|i| i.comment = "x".into()))
    }),
];
