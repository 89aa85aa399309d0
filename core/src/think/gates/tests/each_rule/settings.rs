//! What follows from what the target can do and how it is set.

use super::*;

fn selecting(select: &str) -> View {
    View { select: select.into(), ..view("v") }
}

#[test]
fn what_is_computed_of_kept_dates_is_named_where_the_target_takes_none() {
    let kept = Case::sound().changed(|c| {
        add(c, column("d", "date"));
        add(c, column("g", "int").generated_as("(`d` = '0000-00-00')", false));
        c.facts.source.views = vec![
            selecting("select `o`.`id` AS `id` from `shop`.`orders` `o` where (`o`.`d` = '0000-00-00')"),
            View { name: TableName::new("shop", "w"), ..selecting("select `o`.`d` AS `d` from `shop`.`orders` `o`") },
        ];
        c.facts.kept_dates = vec!["shop.orders.d".into()];
        c.target.no_zero_dates = true;
    });
    let told = check("compatibility", &kept, "Warned MIG2182 MIG2173");
    for part in [
        "shop.orders.g is computed again, from d, which keeps zero dates",
        "shop.v: by what it does with d, which keeps zero dates",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(!told.contains("shop.w"), "{told}");
    for case in
        [kept.clone().changed(|c| c.facts.kept_dates.clear()), kept.clone().changed(|c| c.target.no_zero_dates = false)]
    {
        check("compatibility", &case, "Passed");
    }
}

#[test]
fn joined_words_are_named_where_their_length_has_another_limit() {
    let case = Case::sound().changed(|c| {
        let select = "select group_concat(`shop`.`orders`.`id` separator ',') AS `x` from `shop`.`orders`";
        c.facts.source.views = vec![selecting(select)];
        (c.source.group_concat_max_len, c.target.group_concat_max_len) = (Some(1_048_576), Some(1024));
    });
    let told = check("compatibility", &case, "Warned MIG2182");
    assert!(told.contains("SET GLOBAL group_concat_max_len = 1048576"), "{told}");
    for target in [Some(1_048_576), None] {
        check("compatibility", &case.clone().changed(|c| c.target.group_concat_max_len = target), "Passed");
    }
}

#[test]
fn rules_follow_what_the_target_can() {
    let meets = |code| ROWS.iter().find(|row| row.0 == code).unwrap().2;
    let enforced = Case::sound().changed(meets(rules::CHECK)).changed(|c| c.target.check_constraints = true);
    check("compatibility", &enforced, "Passed");
    let case_sensitive =
        Case::sound().changed(meets(rules::COLLIDING_NAMES)).changed(|c| c.target.lower_case_table_names = 0);
    check("compatibility", &case_sensitive, "Passed");
    let unlimited = Case::sound().changed(warning::WARNING_ROWS[0].2).changed(|c| c.target.row_limit = 0);
    check("compatibility", &unlimited, "Passed");
    let known = Case::sound()
        .changed(meets(rules::OUTSIDE_REFERENCE))
        .changed(|c| c.facts.target.tables.push(table("shop", "customers")));
    check("compatibility", &known, "Passed");
    // Converted, the charset is there; widened, the index is not.
    let latin = |length: &str| {
        Case::sound().changed(|c| {
            let column = column("w", &format!("varchar({length})")).collated("latin1", "latin1_swedish_ci");
            c.facts.source.tables[0].columns.push(column);
            c.facts.source.tables[0].indexes.push(index("w", &["w"]));
            c.migration.gates = converting(&[("latin1_swedish_ci", "utf8mb4_general_ci")]);
        })
    };
    check("compatibility", &latin("768"), "Passed");
    check("compatibility", &latin("769"), "No MIG2115");
    check(
        "compatibility",
        &Case::sound().changed(|c| c.migration.gates = ruled("MIG2998".parse().unwrap(), RuleAction::Warn)),
        "No MIG2030",
    );
}
