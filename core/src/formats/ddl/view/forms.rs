//! Forms of a view's text that a TiDB reads and does not take in a view, and the one that it takes and computes in
//! another way. Seen on TiDB 8.5.6.

use std::collections::BTreeSet;

use super::{Kind, Piece, closing, pieces};
use crate::words::addr::TableName;

/// What a TiDB refuses when it creates the view, though its parser takes the text.
pub fn refused(select: &str) -> Vec<&'static str> {
    let Ok(all) = pieces(select) else { return Vec::new() };
    let mut found = Vec::new();
    // Error 1051.
    if all.windows(2).any(|two| two[0].is("values") && two[1].is("row")) {
        found.push("VALUES ROW(…) within a view");
    }
    // Error 1105.
    if all.windows(2).any(|two| (two[0].is("intersect") || two[0].is("except")) && two[1].is("all")) {
        found.push("INTERSECT ALL and EXCEPT ALL");
    }
    // Error 1235.
    if all.iter().any(|piece| piece.is("sql_calc_found_rows")) {
        found.push("SQL_CALC_FOUND_ROWS");
    }
    if orders_groups(&all) {
        // Error 1235. MySQL before 8.0 sorts the groups by it.
        found.push("ASC or DESC behind GROUP BY (write ORDER BY instead)");
    }
    found
}

fn orders_groups(all: &[Piece<'_>]) -> bool {
    const ENDS: [&str; 10] =
        ["having", "order", "limit", "window", "union", "intersect", "except", "for", "into", "procedure"];
    let begins = |at: &usize| all[*at].is("group") && all.get(at + 1).is_some_and(|next| next.is("by"));
    (0..all.len()).filter(begins).any(|group| {
        let mut at = group + 2;
        while let Some(piece) = all.get(at).filter(|piece| !piece.is_sign(')')) {
            if ENDS.iter().any(|end| piece.is(end)) {
                return false;
            }
            if piece.is("asc") || piece.is("desc") {
                return true;
            }
            at = if piece.is_sign('(') { closing(all, at) + 1 } else { at + 1 };
        }
        false
    })
}

/// The sequences that the SELECT names: `nextval(`s`.`q`)`.
pub fn sequences(select: &str, schema: &str) -> BTreeSet<TableName> {
    let Ok(all) = pieces(select) else { return BTreeSet::new() };
    let named = |at: usize| {
        let calls = SEQUENCES.iter().any(|call| all[at].is(call)) && all.get(at + 1)?.is_sign('(');
        let first = all.get(at + 2).filter(|piece| calls && piece.kind == Kind::Name)?.name();
        Some(match all.get(at + 4).filter(|_| all[at + 3].is_sign('.')) {
            Some(second) => TableName::new(first, second.name()),
            None => TableName::new(schema, first),
        })
    };
    (0..all.len()).filter_map(named).collect()
}

/// Calls that name a sequence.
const SEQUENCES: [&str; 3] = ["nextval", "lastval", "setval"];

/// Small expressions with the charsets that the SELECT names: a server that takes one knows its charset.
/// `_utf16''` of a text, `convert('' using utf16)` of a conversion.
pub fn charsets(select: &str) -> BTreeSet<String> {
    let Ok(all) = pieces(select) else { return BTreeSet::new() };
    let named = |two: &[Piece<'_>]| {
        let [one, other] = two else { return None };
        let is_text = other.kind == Kind::Text || other.kind == Kind::Word && other.text.starts_with("0x");
        if one.kind == Kind::Word && one.text.starts_with('_') && is_text {
            return Some(format!("{}''", one.text.to_lowercase()));
        }
        let converts = (one.is("using") || one.is("charset")) && other.kind == Kind::Word;
        converts.then(|| format!("convert('' using {})", other.text.to_lowercase()))
    };
    all.windows(2).filter_map(named).collect()
}

/// The SELECT with `convert(x using …)` for each cast without a length that a TiDB gives one in a view, and how many there
/// were: of bytes it takes the length of the column and fills them up with zeros, of JSON it writes a length that it
/// cannot read. `json`: names of columns that hold JSON, in lower case.
pub fn without_bare_casts(select: &str, json: &BTreeSet<String>) -> (String, usize) {
    let Ok(all) = pieces(select) else { return (select.to_owned(), 0) };
    let mut edits: Vec<(usize, usize, String)> = Vec::new();
    for at in 0..all.len() {
        if !all[at].is("cast") || !all.get(at + 1).is_some_and(|next| next.is_sign('(')) {
            continue;
        }
        let end = closing(&all, at + 1);
        // `as char charset x)`, `as char)`, `as binary)`.
        let Some(from) = (at + 2..end).rev().find(|place| all[*place].is("as")) else { continue };
        let words: Vec<&str> = all.get(from + 1..end).unwrap_or_default().iter().map(|piece| piece.text).collect();
        let charset = match words[..] {
            [kind] if kind.eq_ignore_ascii_case("binary") => "binary",
            [kind] if kind.eq_ignore_ascii_case("char") => "utf8mb4",
            [kind, word, charset] if kind.eq_ignore_ascii_case("char") && word.eq_ignore_ascii_case("charset") => {
                charset
            }
            _ => continue,
        };
        if charset.eq_ignore_ascii_case("binary") || gives_json(&all[at + 2..from], json) {
            edits.push((all[at].at, all[at].text.len(), "convert".to_owned()));
            edits.push((all[from].at, all[end].at - all[from].at, format!("using {charset}")));
        }
    }
    let count = edits.len() / 2;
    edits.sort_unstable();
    let mut out = select.to_owned();
    for (at, length, text) in edits.into_iter().rev() {
        out.replace_range(at..at + length, &text);
    }
    (out, count)
}

/// Whether an expression may be JSON: of one that is not, a conversion gives the same text as the cast.
fn gives_json(all: &[Piece<'_>], json: &BTreeSet<String>) -> bool {
    all.iter().any(|piece| match piece.kind {
        Kind::Word => piece.text.to_lowercase().starts_with("json"),
        Kind::Name => json.contains(&piece.name().to_lowercase()),
        _ => false,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn what_a_tidb_takes_in_no_view_is_found() {
        for (select, found) in [
            ("values row(1,'a'),row(2,'b')", "VALUES"),
            ("select 1 union all values row(3,4)", "VALUES"),
            ("select `a` from `t` intersect all select 1", "INTERSECT"),
            ("select sql_calc_found_rows `a` from `t`", "SQL_CALC"),
            ("select `a` from `t` intersect select `all` from `t`", ""),
            ("select `a` from `t` where (`a` = values(`a`))", ""),
            ("select `a`,count(0) from `t` group by `t`.`a` desc", "ASC"),
            ("select `a` from (select `a` from `t` group by (`a` + 1) asc) `q`", "ASC"),
            ("select `a` from `t` group by `a` order by `a` desc", ""),
            ("select group_concat(`a` order by `a` desc) from `t` group by `b`", ""),
            ("select `a` from (select `a` from `t` group by `a`) `q` order by `a` desc", ""),
        ] {
            assert!(refused(select).join(",").starts_with(found), "{select}");
            assert_eq!(refused(select).is_empty(), found.is_empty(), "{select}");
        }
        let found = sequences("select nextval(`s`.`q`) AS `x`,lastval(`r`) AS `nextval` from `t`", "here");
        assert_eq!(found.into_iter().map(|name| name.key()).collect::<Vec<_>>().join(" "), "here.r s.q");
        let found = charsets(
            "select _utf16'x' AS `_x`,_latin1 0xE9 AS `y`,convert(`_z` using cp1250) AS `z` from `a` join `b` using (`c`)",
        );
        assert_eq!(found.into_iter().collect::<Vec<_>>().join(" "), "_latin1'' _utf16'' convert('' using cp1250)");
    }

    #[test]
    fn a_cast_that_would_get_a_length_becomes_a_conversion() {
        let json = BTreeSet::from(["j".to_owned()]);
        for (select, expected, count) in [
            ("select cast(`t`.`b` as char charset binary) AS `x`", "select convert(`t`.`b` using binary) AS `x`", 1),
            (
                "select cast(cast(`b` as binary) as char charset binary)",
                "select convert(convert(`b` using binary) using binary)",
                2,
            ),
            ("select cast(`t`.`j` as char charset utf8mb4)", "select convert(`t`.`j` using utf8mb4)", 1),
            (
                "select cast(json_extract(`t`.`x`,'$.a') as char)",
                "select convert(json_extract(`t`.`x`,'$.a') using utf8mb4)",
                1,
            ),
            (
                "select cast(cast(`x` as json) as char charset latin1)",
                "select convert(cast(`x` as json) using latin1)",
                1,
            ),
            ("select cast(`b` as char(3) charset binary),cast(`b` as binary(3)),cast(`j` as char(3))", "", 0),
            ("select cast(`b` as char charset utf8mb4),'cast(x as binary)',cast(`j` as signed)", "", 0),
        ] {
            let expected = if expected.is_empty() { select } else { expected };
            assert_eq!(without_bare_casts(select, &json), (expected.to_owned(), count));
        }
    }
}
