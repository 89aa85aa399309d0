//! What servers compute in another way by their global settings alone.

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
