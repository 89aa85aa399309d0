//! Forms of a view's text that a TiDB reads and does not take in a view, and the one that it takes and computes in
//! another way. Seen on TiDB 8.5.6.

use std::collections::BTreeSet;

use super::{Kind, Piece, closing, pieces};

/// What a TiDB refuses when it creates the view, though its parser takes the text.
pub fn refused(select: &str) -> Vec<&'static str> {
    let Ok(all) = pieces(select) else { return Vec::new() };
    let mut found = Vec::new();
    // Error 1051.
    if all.windows(2).any(|two| two[0].is("values") && two[1].is("row")) {
        found.push("VALUES ROW(…) within a view");
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

/// The charsets that stand before texts of the SELECT: `_utf16'…'`.
pub fn introducers(select: &str) -> BTreeSet<String> {
    let Ok(all) = pieces(select) else { return BTreeSet::new() };
    let introduces = |two: &&[Piece<'_>]| {
        let text = two[1].kind == Kind::Text || two[1].kind == Kind::Word && two[1].text.starts_with("0x");
        two[0].kind == Kind::Word && two[0].text.starts_with('_') && text
    };
    all.windows(2).filter(introduces).map(|two| two[0].text.to_lowercase()).collect()
}

/// The SELECT with `convert(x using binary)` for each `cast(x as char charset binary)` and `cast(x as binary)` without a
/// length, and how many there were. In a view, TiDB gives the latter the length of its column and fills it up with zeros.
pub fn without_binary_casts(select: &str) -> (String, usize) {
    let Ok(all) = pieces(select) else { return (select.to_owned(), 0) };
    let mut edits: Vec<(usize, usize, &str)> = Vec::new();
    for at in 0..all.len() {
        if !all[at].is("cast") || !all.get(at + 1).is_some_and(|next| next.is_sign('(')) {
            continue;
        }
        let end = closing(&all, at + 1);
        let words = |tail: &[&str]| {
            let from = end.checked_sub(tail.len()).filter(|from| *from > at + 1 && end < all.len())?;
            tail.iter().zip(&all[from..end]).all(|(word, piece)| piece.is(word)).then_some(from)
        };
        let Some(from) = words(&["as", "char", "charset", "binary"]).or_else(|| words(&["as", "binary"])) else {
            continue;
        };
        edits.push((all[at].at, all[at].text.len(), "convert"));
        edits.push((all[from].at, all[end].at - all[from].at, "using binary"));
    }
    let count = edits.len() / 2;
    edits.sort_unstable();
    let mut out = select.to_owned();
    for (at, length, text) in edits.into_iter().rev() {
        out.replace_range(at..at + length, text);
    }
    (out, count)
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
        let found = introducers("select _utf16'x' AS `_x`,_latin1 0xE9 AS `y`,`_z` AS `z`");
        assert_eq!(found.into_iter().collect::<Vec<_>>().join(" "), "_latin1 _utf16");
    }

    #[test]
    fn a_cast_to_bytes_without_a_length_becomes_a_conversion() {
        for (select, expected, count) in [
            ("select cast(`t`.`b` as char charset binary) AS `x`", "select convert(`t`.`b` using binary) AS `x`", 1),
            (
                "select cast(cast(`b` as binary) as char charset binary)",
                "select convert(convert(`b` using binary) using binary)",
                2,
            ),
            ("select cast(`b` as char(3) charset binary),cast(`b` as binary(3))", "", 0),
            ("select cast(`b` as char charset utf8mb4),'cast(x as binary)'", "", 0),
        ] {
            let expected = if expected.is_empty() { select } else { expected };
            assert_eq!(without_binary_casts(select), (expected.to_owned(), count));
        }
    }
}
