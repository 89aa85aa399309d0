//! Gate `target_tables`: whose a name on the target is.

use super::*;

#[test]
fn a_name_on_the_target_is_free_ones_own_or_taken() {
    let there = |change: fn(&mut Case)| {
        Case::sound()
            .changed(|c| {
                c.facts.target.tables.push(orders());
                c.facts.target_rows.insert("shop.orders".into(), Some(0));
            })
            .changed(change)
    };
    let rows: [(Change, &str); 16] = [
        (|_| {}, "No MIG2043"),
        (|c| c.facts.target.tables[0].name.name = "ORDERS".into(), "No MIG2043"),
        (|c| c.facts.target.tables[0].name.name = "carts".into(), "Passed"),
        (|c| c.migration.gates.target_tables = TargetTables::SameAndEmpty, "Passed"),
        (
            |c| {
                c.migration.gates.target_tables = TargetTables::SameAndEmpty;
                c.facts.target_rows.insert("shop.orders".into(), Some(1));
            },
            "No MIG2044",
        ),
        (
            |c| {
                c.migration.gates.target_tables = TargetTables::SameAndEmpty;
                c.facts.target_rows.clear();
            },
            "CannotLook MIG2046",
        ),
        (
            |c| {
                c.migration.gates.target_tables = TargetTables::SameAndEmpty;
                c.facts.target.tables[0].columns[1].column_type = "varchar(39)".into();
            },
            "No MIG2045",
        ),
        (
            |c| {
                c.facts.ledger.objects.push(object("mine", "table", "shop.orders", "created"));
                c.facts.target_rows.insert("shop.orders".into(), Some(1));
            },
            "Passed",
        ),
        // Its own table is gone, and somebody made a view of its name.
        (
            |c| {
                c.facts.ledger.objects.push(object("mine", "table", "shop.orders", "created"));
                let name = c.facts.target.tables.remove(0).name;
                c.facts.target.views.push(View::named(name));
            },
            "No MIG2043",
        ),
        (|c| c.facts.ledger.objects.push(object("mine", "table", "shop.orders", "intended")), "Passed"),
        (
            |c| {
                c.facts.ledger.objects.push(object("mine", "table", "shop.orders", "intended"));
                c.facts.target_rows.insert("shop.orders".into(), Some(1));
            },
            "No MIG2044",
        ),
        (
            |c| {
                c.facts.ledger.objects.push(object("mine", "table", "shop.orders", "intended"));
                c.facts.target.tables[0].columns.pop();
            },
            "No MIG2045",
        ),
        (|c| c.facts.ledger.objects.push(object("other", "table", "shop.orders", "created")), "No MIG2047"),
        (
            |c| {
                c.facts.ledger.objects.push(object("other", "table", "shop.orders", "created"));
                c.facts.target.tables.clear();
            },
            "No MIG2048",
        ),
        (
            |c| {
                c.facts.ledger.objects.push(object("other", "table", "shop.orders", "intended"));
                c.facts.target.tables.clear();
            },
            "No MIG2047",
        ),
        (
            |c| {
                c.facts.ledger.objects.push(object("mine", "table", "shop.orders", "created"));
                c.lineage = None;
            },
            "No MIG2047",
        ),
    ];
    for (change, expected) in rows {
        check("target_tables", &there(change), expected);
    }
    let seen = check(
        "target_tables",
        &there(|c| c.facts.ledger.objects.push(object("other", "table", "shop.orders", "created"))),
        "No MIG2047",
    );
    assert!(seen.contains("belongs to lineage other"), "{seen}");
    // A schema that was dropped beside a state that is lost.
    let seen = check(
        "target_tables",
        &there(|c| {
            c.facts.target.tables.clear();
            c.facts.target.schemas.clear();
            c.facts.source.schemas = vec![Schema {
                name: "shop".into(),
                charset: "utf8mb4".into(),
                collation: "utf8mb4_bin".into(),
                ..Schema::default()
            }];
            c.facts.ledger.objects.push(object("other", "schema", "shop", "created"));
            c.facts.ledger.objects.push(object("other", "table", "shop.orders", "created"));
        }),
        "No MIG2048",
    );
    assert!(seen.contains("schema shop") && seen.contains("table shop.orders"), "{seen}");
    assert!(seen.contains("DELETE FROM `mig_ledger`.objects WHERE lineage = 'other';"), "{seen}");
    // Where something of the other lineage stays, only the rows of what is gone go.
    let seen = check(
        "target_tables",
        &there(|c| {
            c.facts.target.tables.clear();
            c.facts.ledger.objects.push(object("other", "table", "shop.orders", "created"));
            c.facts.ledger.objects.push(object("other", "table", "crm.people", "created"));
        }),
        "No MIG2048",
    );
    assert!(seen.contains("AND name IN ('shop.orders');"), "{seen}");
}
