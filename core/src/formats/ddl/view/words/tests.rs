use super::*;

/// A table `s`.`t` with a number `id`, a text `n` and a time `d`; nothing is known of `s`.`far`.
fn known(name: &TableName) -> Option<Columns> {
    let of = |list: &[(&str, Kind)]| Some(list.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect());
    match name.name.as_str() {
        "far" => None,
        "made" => of(&[("month", Kind::Made)]),
        _ => of(&[("id", Kind::NoText), ("n", Kind::Own), ("d", Kind::NoText), ("y", Kind::Own)]),
    }
}

/// `^` stands where a COLLATE is wanted.
fn check(wanted: &str, unsure: bool) {
    let select = wanted.replace('^', "");
    let found = with_collation(&select, "s", "C", &known);
    assert_eq!(found.select.replace(" COLLATE C", "^"), wanted, "{}", found.unsure);
    assert_eq!(!found.unsure.is_empty(), unsure, "{wanted}: {:?}", found.unsure);
}

#[test]
fn words_get_a_collation_where_no_column_gives_one() {
    for wanted in [
        "select `s`.`t`.`id` AS `id`,if((`s`.`t`.`id` = 1),'Open','Closed')^ AS `state` from `s`.`t`",
        "select 'open'^ AS `k` union select 'OPEN'^ AS `OPEN`",
        "select elt(`s`.`t`.`id`,'A','a')^ AS `k`,count(0) AS `n` from `s`.`t` group by `k`",
        "select elt(`s`.`t`.`id`,'A','a')^ AS `k` from `s`.`t` group by elt(`s`.`t`.`id`,'A','a')^",
        "select `a`.`id` AS `id` from `s`.`t` `a` where (`s`.`a`.`n` = 'open')",
        "select concat(`s`.`t`.`n`,' ',`s`.`t`.`id`) AS `x` from `s`.`t`",
        "select `s`.`t`.`n` AS `n` from `s`.`t` union all select 'x' AS `x`",
        "select 1 AS `1` from `s`.`t` where (date_format(`s`.`t`.`d`,'%W') = 'monday'^)",
        "select 1 AS `1` from `s`.`t` where (`s`.`t`.`n` in ('a','B')) and (`s`.`t`.`n` like 'a%' escape '!')",
        "select 1 AS `1` from `s`.`made` where (`s`.`made`.`month` in ('jan'^,'feb'))",
        "select (`s`.`t`.`n` collate utf8mb4_bin) AS `x`,convert(`s`.`t`.`n` using latin1) AS `y` from `s`.`t`",
        "select date_format(`s`.`t`.`d`,'%Y') AS `y`,extract(year from `s`.`t`.`d`) AS `z` from `s`.`t`",
        "select `q`.`w` AS `w` from (select 'a'^ AS `w` from `s`.`t`) `q` where (`q`.`w` = 'A')",
        "with `c` (`p`) as (select 'a'^ AS `a`) select `c`.`p` AS `p` from `c` where (`c`.`p` <> 'b')",
        "select max(elt(`s`.`t`.`id`,'A','b')^) AS `m` from `s`.`t`",
        "select case when (`s`.`t`.`n` = 'x') then 'yes' else 'no' end^ AS `c` from `s`.`t`",
        "select case `s`.`t`.`n` when 'a' then 1 else 2 end AS `c` from `s`.`t`",
        "select concat(`s`.`t`.`y`,'x') AS `c`,concat(unhex('41'),'x') AS `d`,concat(x'41','x') AS `e` from `s`.`t`",
        "select concat(cast(`s`.`t`.`n` as char charset binary),'x') AS `c`,concat(0x41,'x') AS `d` from `s`.`t`",
        "select convert(`s`.`t`.`n` using binary) AS `c`,concat(char(65),'x') AS `d`,concat(_binary'a','x') AS `e` from `s`.`t`",
        "with recursive c(`n`) as (select 1 AS `n` union all select (`c`.`n` + 1) AS `n` from `c`)select if(`c`.`n`,'a','b')^ AS `n` from `c`",
        "select nullif(`s`.`t`.`id`,'z') AS `x`,nullif(`s`.`t`.`n`,'z') AS `y`,concat(nullif(`s`.`t`.`n`,'z'),'w') AS `z` from `s`.`t`",
        "select case 'a'^ when 'A' then 1 else 2 end AS `c` from `s`.`t`",
        "select `s`.`t`.`id` AS `id` from (`s`.`t` join `s`.`t` `u` on(((`s`.`t`.`n` = `u`.`n`) and (`u`.`n` <> 'x'))))",
        "select (`s`.`t`.`d` + interval `s`.`t`.`id` month) AS `d`,trim(both 'x' from `s`.`t`.`n`) AS `t` from `s`.`t`",
        "select group_concat(distinct `s`.`t`.`n` order by `s`.`t`.`n` ASC separator '|') AS `g` from `s`.`t`",
        "select sum(`s`.`t`.`id`) OVER (PARTITION BY `s`.`t`.`n` ) AS `o` from `s`.`t` where (`s`.`t`.`n` is not null) limit 3",
        "select (select 'a' from `s`.`t`) = `s`.`t`.`n` AS `x` from `s`.`t` order by `s`.`t`.`id`",
        "select `s`.`t`.`n` AS `n` from `s`.`t` where `s`.`t`.`n` between 'a' and 'b' and `s`.`t`.`id` = 1",
    ] {
        check(wanted, false);
    }
}

#[test]
fn words_in_utf8mb3_compare_by_its_own_default() {
    for (select, wanted) in [
        ("if(`s`.`t`.`id`,_utf8mb3'a',_utf8mb3'')", "if(`s`.`t`.`id`,_utf8mb3'a',_utf8mb3'') COLLATE utf8_general_ci"),
        ("if(`s`.`t`.`id`,_utf8mb3'a','')", "if(`s`.`t`.`id`,_utf8mb3'a','') COLLATE C"),
        ("concat(`s`.`t`.`n`,_utf8mb3' ')", "concat(`s`.`t`.`n`,_utf8mb3' ')"),
        ("_utf8mb3'a' = _utf8mb3'A'", "_utf8mb3'a' COLLATE utf8_general_ci = _utf8mb3'A'"),
        ("_utf8mb3'a' = 'A'", "_utf8mb3'a' = 'A' COLLATE C"),
    ] {
        let whole = |item: &str| format!("select {item} AS `x` from `s`.`t`");
        let found = with_collation(&whole(select), "s", "C", &known);
        assert_eq!((found.select, found.unsure.as_str()), (whole(wanted), ""));
    }
}

#[test]
fn what_is_not_known_is_said() {
    for wanted in [
        "select 1 AS `1` from `s`.`far` where (`s`.`far`.`x` = 'a')",
        "select new_function(`s`.`t`.`id`) = 'a' AS `x` from `s`.`t`",
        "select `s`.`t`.`id` AS `id` from `s`.`t` procedure analyse()",
    ] {
        check(wanted, true);
    }
}
