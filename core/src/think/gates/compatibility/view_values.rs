//! Views whose values servers may compute in another way: told by their text and the types of what they read. Whether a
//! view gives the same rows is for the certificate to say.
//!
//! Seen on MySQL 9.7.4, MariaDB 10.11 and TiDB 8.5.6, each function over rows of every type.

use std::collections::BTreeSet;

use super::generated::{ODD_DATES, OF_TEXT, cast_otherwise};
use super::values::{calls_in, otherwise};
use crate::formats::ddl::view::{Kind, Piece, calls, pieces, reads};
use crate::formats::facts::{Flavor, MigrationFacts, ServerFacts};
use crate::formats::row_facts::RowRisk;
use crate::formats::spec::model::Gates;
use crate::formats::structure::{Column, Inventory, View};
use crate::think::gates::collation::compared;
use crate::words::addr::key_ident;

/// Functions that were seen to give other values on another kind of server, whatever they are given.
const OTHERS: &[&str] = &[
    "charset",
    "coercibility",
    "collation",
    "compress",
    "conv",
    "convert_tz",
    "format",
    "from_days",
    "instr",
    "is_ipv4",
    "is_ipv6",
    "json_pretty",
    "json_storage_size",
    "load_file",
    "locate",
    "period_add",
    "period_diff",
    "pi",
    "position",
    "regexp_instr",
    "regexp_like",
    "regexp_replace",
    "regexp_substr",
    "time_format",
    "timediff",
    "uncompressed_length",
    "weight_string",
];

/// The same of MariaDB alone: JSON functions, which give a text there, and aggregates with another scale.
const OF_MARIADB: &[&str] = &[
    "greatest",
    "json_array",
    "json_array_append",
    "json_array_insert",
    "json_arrayagg",
    "json_contains",
    "json_extract",
    "json_insert",
    "json_keys",
    "json_merge",
    "json_merge_patch",
    "json_merge_preserve",
    "json_object",
    "json_objectagg",
    "json_quote",
    "json_remove",
    "json_replace",
    "json_set",
    "least",
    "sec_to_time",
    "std",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "str_to_date",
    "var_pop",
    "var_samp",
    "variance",
];

/// Why a view may give other values on the target; `None`: nothing is known that would.
pub fn risk(
    view: &View,
    facts: &MigrationFacts,
    (source, target): (&ServerFacts, &ServerFacts),
    gates: &Gates,
) -> Option<String> {
    if view.fault.is_some() {
        return None;
    }
    let all = pieces(&view.select).ok()?;
    let read = columns_in(view, &facts.source, &all);
    let flavors = (source.flavor, target.flavor);
    let computed = (source.flavor != target.flavor)
        .then(|| by_flavor(view, facts, flavors, (&all, &read)))
        .flatten()
        .or_else(|| {
            let mut columns = read.iter().map(|(_, column)| *column).filter(|column| is_compared(&all, &column.name));
            let used = columns.find(|column| compared::reweighed(column, target, gates).is_some())?;
            Some(format!("by what it does with {}, whose collation is converted", used.name))
        });
    // Each has a way out of its own, so none hides another.
    let reasons = [computed, by_dates(facts, (source, target), (&all, &read)), by_length(view, source, target)];
    let reasons: Vec<String> = reasons.into_iter().flatten().collect();
    (!reasons.is_empty()).then(|| reasons.join(", and "))
}

/// Dates that are none, which sessions of the target compare and compute with in another way.
fn by_dates(
    facts: &MigrationFacts,
    (source, target): (&ServerFacts, &ServerFacts),
    (all, read): (&[Piece<'_>], &Read<'_>),
) -> Option<String> {
    if !target.no_zero_dates || source.no_zero_dates && source.flavor == target.flavor {
        return None;
    }
    let odd =
        |(key, column): &&(String, &Column)| facts.keeps_odd_dates(key, &column.name) && is_compared(all, &column.name);
    let (_, column) = read.iter().find(odd)?;
    Some(format!("by what it does with {}, which keeps {ODD_DATES}", column.name))
}

/// GROUP_CONCAT, whose words end where a session's limit is.
fn by_length(view: &View, source: &ServerFacts, target: &ServerFacts) -> Option<String> {
    let (here, there) = source.group_concat_max_len.zip(target.group_concat_max_len)?;
    let joins = here != there && calls(&view.select, &view.name.schema).words.contains("group_concat");
    joins.then(|| {
        format!(
            "by GROUP_CONCAT(): group_concat_max_len is {here} on the source and {there} on the target, where SET GLOBAL \
             group_concat_max_len = {here} makes it the same"
        )
    })
}

/// Whether a view does more with a column than to give it.
fn is_compared(all: &[Piece<'_>], column: &str) -> bool {
    if all.iter().enumerate().any(|(at, piece)| {
        let next = |word: &str| all.get(at + 1).is_some_and(|next| next.is(word));
        piece.is("distinct") || (["union", "intersect", "except"].iter().any(|word| piece.is(word)) && !next("all"))
    }) {
        return true;
    }
    let names = |piece: &Piece<'_>| piece.kind == Kind::Name && piece.name().eq_ignore_ascii_case(column);
    all.iter().enumerate().filter(|(_, piece)| names(piece)).any(|(at, _)| {
        // `as` is in front of the name that it is given.
        if at.checked_sub(1).is_some_and(|before| all[before].is("as")) {
            return false;
        }
        let mut begin = at;
        while begin >= 2 && all[begin - 1].is_sign('.') {
            begin -= 2;
        }
        let before = begin.checked_sub(1).map(|before| &all[before]);
        let given = before.is_some_and(|piece| piece.is("select") || piece.is_sign(','))
            && all.get(at + 1).is_some_and(|next| next.is("as"));
        !given
    })
}

/// Columns that a view reads, each with the key of its table.
type Read<'a> = [(String, &'a Column)];

/// What servers of two kinds compute in another way.
fn by_flavor(
    view: &View,
    facts: &MigrationFacts,
    (from, to): (Flavor, Flavor),
    (all, read): (&[Piece<'_>], &Read<'_>),
) -> Option<String> {
    let called: BTreeSet<String> = calls(&view.select, &view.name.schema).words;
    let call = |list: &'static [&'static str]| list.iter().find(|name| called.contains(**name));
    let mariadb = [from, to].contains(&Flavor::Mariadb);
    if let Some(name) = call(OTHERS).or_else(|| call(OF_MARIADB).filter(|_| mariadb)) {
        return Some(format!("by {}()", name.to_uppercase()));
    }
    if all.iter().any(|piece| piece.is("regexp") || piece.is("rlike")) {
        return Some("by a regular expression".to_owned());
    }
    if all.windows(2).any(|two| two[0].is("as") && two[1].is("year")) {
        return Some("by CAST(… AS YEAR)".to_owned());
    }
    if let Some(why) = cast_otherwise(&view.select).filter(|_| to == Flavor::Tidb) {
        return Some(why);
    }
    let columns: Vec<&Column> = read.iter().map(|(_, column)| *column).collect();
    if let Some(name) = read.iter().find(|(key, column)| two_empty(facts, key, column)).map(|(_, column)| &column.name)
    {
        return Some(format!("by the ENUM {name}, which has both a member '' and the value 0"));
    }
    if let Some(why) = calls_in(&view.select, &columns).iter().find_map(otherwise) {
        return Some(why);
    }
    let is = |kinds: &[&str]| columns.iter().any(|column| kinds.contains(&column.data_type.as_str()));
    let temporal = |name: &str| {
        let column = columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
        column.is_some_and(|c| matches!(c.data_type.as_str(), "date" | "datetime" | "timestamp" | "time"))
    };
    if mariadb && summed(all).any(|name| temporal(&name)) {
        return Some("by AVG() or SUM() of a date or time".to_owned());
    }
    if mariadb && called.contains("extract") && is(&["time"]) {
        return Some("by EXTRACT() of a time beyond 24 hours".to_owned());
    }
    let as_text = all.windows(2).any(|two| two[0].is("as") && (two[1].is("char") || two[1].is("varchar")));
    let text = as_text || call(OF_TEXT).is_some() || called.contains("group_concat");
    match () {
        () if text && is(&["float", "double"]) => Some("from the text of a FLOAT or DOUBLE".to_owned()),
        () if (text || called.contains("json_unquote")) && is(&["json"]) => {
            Some("from the text of a JSON value".to_owned())
        }
        () if text && all.iter().any(|piece| piece.is_sign('/')) => {
            Some("from the text of a quotient, which has other digits behind the point".to_owned())
        }
        () => None,
    }
}

/// Columns of the tables that a view reads, as far as its text names them, each with the key of its table.
fn columns_in<'a>(view: &View, source: &'a Inventory, all: &[Piece<'_>]) -> Vec<(String, &'a Column)> {
    let names: BTreeSet<String> =
        all.iter().filter(|piece| piece.kind == Kind::Name).map(|piece| piece.name().to_lowercase()).collect();
    let read: BTreeSet<String> =
        reads(&view.select, &view.name.schema).iter().map(|name| name.key().to_lowercase()).collect();
    let tables = source.tables.iter().filter(|table| read.contains(&table.name.key().to_lowercase()));
    let columns = tables.flat_map(|table| table.columns.iter().map(|column| (table.name.key(), column)));
    columns.filter(|(_, column)| names.contains(&column.name.to_lowercase())).collect()
}

/// Whether rows of the column hold two values that are shown as '', which a TiDB takes as one.
fn two_empty(facts: &MigrationFacts, table: &str, column: &Column) -> bool {
    facts.rows.of(RowRisk::EmptyMember).any(|found| found.table == table && found.object == key_ident(&column.name))
}

/// The columns in `avg(…)` and `sum(…)`, where one stands there alone.
fn summed<'a>(all: &'a [Piece<'a>]) -> impl Iterator<Item = String> + 'a {
    let begins = |at: &usize| {
        (all[*at].is("avg") || all[*at].is("sum")) && all.get(at + 1).is_some_and(|next| next.is_sign('('))
    };
    (0..all.len()).filter(begins).filter_map(|at| {
        let mut at = at + 2;
        while all.get(at + 1).is_some_and(|next| next.is_sign('.')) {
            at += 2;
        }
        let column = all.get(at).filter(|piece| piece.kind == Kind::Name)?;
        all.get(at + 1).is_some_and(|next| next.is_sign(')')).then(|| column.name())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::formats::ddl::fixture::{column, table};
    use crate::formats::row_facts::RowFinding;
    use crate::think::gates::fixture;
    use crate::words::addr::TableName;

    fn told(view: &View, facts: &MigrationFacts, from: Flavor, to: Flavor) -> Option<String> {
        let server = |flavor| ServerFacts { flavor, ..ServerFacts::default() };
        risk(view, facts, (&server(from), &server(to)), &fixture::gates())
    }

    #[test]
    fn a_view_that_compares_what_is_converted_is_named() {
        let tables = vec![
            table("s", "t")
                .with(column("id", "int"))
                .with(column("a", "varchar(9)").collated("latin1", "latin1_swedish_ci")),
        ];
        let facts =
            MigrationFacts { source: Inventory { tables, ..Inventory::default() }, ..MigrationFacts::default() };
        let gates = fixture::converting(&[("latin1_swedish_ci", "utf8mb4_general_ci")]);
        let target = ServerFacts {
            flavor: Flavor::Tidb,
            collations: [("utf8mb4_general_ci".to_owned(), "utf8mb4".to_owned())].into(),
            ..ServerFacts::default()
        };
        for (select, expected) in [
            ("select `s`.`t`.`a` AS `a` from `s`.`t`", false),
            ("select `s`.`t`.`id` AS `id`,`s`.`t`.`a` AS `x` from `s`.`t` where (`s`.`t`.`id` = 1)", false),
            ("select distinct `s`.`t`.`a` AS `a` from `s`.`t`", true),
            ("select length(`s`.`t`.`a`) AS `n` from `s`.`t`", true),
            ("select `s`.`t`.`id` AS `id` from `s`.`t` where (`s`.`t`.`a` = 'a')", true),
            ("select `s`.`t`.`a` AS `a`,count(0) AS `n` from `s`.`t` group by `s`.`t`.`a`", true),
            ("select `s`.`t`.`a` AS `a` from `s`.`t` union all select 'x' AS `x`", false),
            ("select `s`.`t`.`a` AS `a` from `s`.`t` union select 'x' AS `x`", true),
        ] {
            let view = View { select: select.into(), ..View::named(TableName::new("s", "v")) };
            let found = risk(&view, &facts, (&ServerFacts::default(), &target), &gates);
            assert_eq!(found.is_some(), expected, "{select}: {found:?}");
        }
    }

    #[test]
    fn a_view_that_servers_compute_otherwise_is_named() {
        use Flavor::{Mariadb, Mysql, Tidb};
        let tables = vec![
            table("s", "t")
                .with(column("id", "int"))
                .with(column("n", "decimal(10,2)"))
                .with(column("f", "double"))
                .with(column("j", "json"))
                .with(column("dt", "datetime"))
                .with(column("tm", "time")),
        ];
        let facts =
            MigrationFacts { source: Inventory { tables, ..Inventory::default() }, ..MigrationFacts::default() };
        for (items, mysql, mariadb) in [
            ("json_object('a',`s`.`t`.`id`)", "", "JSON_OBJECT"),
            ("json_arrayagg(`s`.`t`.`id`)", "", "JSON_ARRAYAGG"),
            ("std(`s`.`t`.`n`)", "", "STD"),
            ("avg(`s`.`t`.`dt`)", "", "AVG"),
            ("avg(`s`.`t`.`n`)", "", ""),
            ("format(`s`.`t`.`n`,1,'de_DE')", "FORMAT", "FORMAT"),
            ("(`s`.`t`.`id` regexp '^a')", "regular", "regular"),
            ("regexp_substr(`s`.`t`.`id`,'a')", "REGEXP_SUBSTR", "REGEXP_SUBSTR"),
            ("cast(`s`.`t`.`f` as char charset utf8mb4)", "FLOAT", "FLOAT"),
            ("concat(`s`.`t`.`f`,'')", "FLOAT", "FLOAT"),
            ("hex(`s`.`t`.`f`)", "FLOAT", "FLOAT"),
            ("concat((`s`.`t`.`n` / 3))", "quotient", "quotient"),
            ("concat(`s`.`t`.`j`,'')", "JSON", "JSON"),
            ("cast(`s`.`t`.`id` as year)", "YEAR", "YEAR"),
            ("concat(`s`.`t`.`id`,'x')", "", ""),
            ("str_to_date(`s`.`t`.`id`,'%Y')", "", "STR_TO_DATE"),
            ("locate('e',`s`.`t`.`id`)", "LOCATE", "LOCATE"),
            ("extract(hour from `s`.`t`.`tm`)", "", "EXTRACT"),
            ("(`s`.`t`.`n` / 3)", "", ""),
            ("(`s`.`t`.`f` * 2)", "", ""),
        ] {
            let select = format!("select {items} AS `x` from `s`.`t`");
            let view = View { select, ..View::named(TableName::new("s", "v")) };
            for (from, wanted) in [(Mysql, mysql), (Mariadb, mariadb)] {
                let found = told(&view, &facts, from, Tidb).unwrap_or_default();
                assert!(found.contains(wanted) && found.is_empty() == wanted.is_empty(), "{from:?} {items}: {found}");
            }
            assert_eq!(told(&view, &facts, Mysql, Mysql), None);
        }
    }

    #[test]
    fn a_view_that_reads_an_enum_with_two_empty_values_is_named() {
        let tables = vec![table("s", "t").with(column("e", "enum('','a')")).with(column("n", "int"))];
        let finding = RowFinding {
            risk: RowRisk::EmptyMember,
            table: "s.t".into(),
            object: "e".into(),
            rows: 1,
            what: String::new(),
        };
        let mut facts =
            MigrationFacts { source: Inventory { tables, ..Inventory::default() }, ..MigrationFacts::default() };
        for (items, found, expected) in
            [("`s`.`t`.`e`", true, true), ("`s`.`t`.`n`", true, false), ("`s`.`t`.`e`", false, false)]
        {
            facts.rows.found = if found { vec![finding.clone()] } else { Vec::new() };
            let select = format!("select {items} AS `x` from `s`.`t`");
            let view = View { select, ..View::named(TableName::new("s", "v")) };
            let told = told(&view, &facts, Flavor::Mariadb, Flavor::Tidb);
            assert_eq!(told.is_some_and(|why| why.contains("ENUM e")), expected, "{items} {found}");
        }
    }
}
