//! Whether two readings of a view differ by nothing but words that are equal by their column's collation: which of
//! several equal words MIN, MAX, DISTINCT, GROUP BY and UNION take is a server's choice. The rows are read again, and the
//! source, whose collation it is, says which words are equal.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use super::reading::{Query, Row, limit};
use super::with_views_below;
use crate::formats::ddl::view::{Kind, pieces, reads};
use crate::formats::facts::MigrationFacts;
use crate::formats::structure::{Column, Table, View};
use crate::seams::sql::{Connection, Fault, Role};
use crate::words::addr::sql_ident;
use crate::words::error::Outcome;

/// How many bytes of rows are held.
const MOST_BYTES: usize = 16 << 20;
/// How many words of one column the source is asked about.
const MOST_WORDS: usize = 500;

/// How near two readings are that are not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Nearness {
    /// The same, perhaps but for words that differ in case or in blanks at their ends, and that their collation takes as equal.
    Case,
    /// The same but for words that their collation takes as equal.
    Collation,
    /// Other rows.
    Other,
    /// It could not be found out; why.
    Unknown(String),
}

/// Whether a view, or one that it reads, makes one row of several with equal words.
pub(super) fn joins_equal_words(view: &View, facts: &MigrationFacts) -> bool {
    const JOINING: [&str; 6] = ["distinct", "group", "intersect", "except", "min", "max"];
    let joins = |view: &&View| {
        pieces(&view.select).is_ok_and(|all| {
            let union = all.windows(2).any(|two| two[0].is("union") && !two[1].is("all"));
            union || all.iter().any(|piece| JOINING.iter().any(|word| piece.is(word)))
        })
    };
    with_views_below(view, facts).iter().any(joins)
}

/// Looks at both readings again, row by row. `view`: what is read, on the source.
///
/// # Errors
/// A server that cannot be reached.
pub(super) async fn nearness(
    source: &Query<'_>,
    target: &Query<'_>,
    view: &View,
    facts: &MigrationFacts,
) -> Outcome<Nearness> {
    let differing = match differing(source, target).await? {
        Ok(differing) => differing,
        Err(why) => return Ok(Nearness::Unknown(why)),
    };
    // A server can take another one of equal words each time that it is asked: these two readings are the same.
    if differing.is_empty() {
        return Ok(Nearness::Case);
    }
    let columns: Vec<Option<&Column>> = source.shape.source.iter().map(|c| Some(c).filter(|c| is_text(c))).collect();
    let without = |row: &Row| -> Row {
        row.iter().zip(&columns).map(|(v, c)| if c.is_some() { None } else { v.clone() }).collect()
    };
    if !balanced(&differing, without) {
        return Ok(Nearness::Other);
    }
    let mut connection = source.context.server(source.addr)?.connect(&Role::Look).await?;
    let flavor = source.context.seen(source.addr).map(|facts| facts.flavor).unwrap_or_default();
    let _ = connection.execute(&limit(flavor)).await;
    let mut classes: Vec<BTreeMap<&[u8], usize>> = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        let Some(column) = column else {
            classes.push(BTreeMap::new());
            continue;
        };
        let words: BTreeSet<&[u8]> = differing.keys().filter_map(|row| row.get(at)?.as_deref()).collect();
        match equal_words(&mut *connection, column, &words.into_iter().collect::<Vec<_>>()).await {
            Ok(found) => classes.push(found),
            Err(why) => return Ok(Nearness::Unknown(why)),
        }
    }
    let classed = |row: &Row| -> Row {
        let class = |(value, classes): (&Option<Vec<u8>>, &BTreeMap<&[u8], usize>)| {
            let value = value.as_deref()?;
            Some(classes.get(value).map_or_else(|| value.to_vec(), |class| format!("class {class}").into_bytes()))
        };
        row.iter().zip(&classes).map(class).collect()
    };
    let cased = |row: &Row| -> Row {
        let folded = |(value, column): (&Option<Vec<u8>>, &Option<&Column>)| {
            let value = value.as_deref()?;
            Some(if column.is_some() { folded(value) } else { value.to_vec() })
        };
        row.iter().zip(&columns).map(folded).collect()
    };
    if balanced(&differing, classed) {
        return Ok(if balanced(&differing, cased) { Nearness::Case } else { Nearness::Collation });
    }
    // What is computed of a word (its bytes in HEX, a hash) shows which of the equal ones was taken.
    match holds_equal_words(&mut *connection, view, facts).await {
        Ok(false) => Ok(Nearness::Other),
        Ok(true) => Ok(Nearness::Unknown(
            "it reads words that are equal by their collation and written in several ways, and may show which one a \
             server took"
                .into(),
        )),
        Err(why) => Ok(Nearness::Unknown(why)),
    }
}

/// The rows that are not as often on one side as on the other, and by how many more they are on the source. The inner
/// error: why it is not known.
async fn differing(source: &Query<'_>, target: &Query<'_>) -> Outcome<Result<BTreeMap<Row, i64>, String>> {
    let mut net: BTreeMap<Row, i64> = BTreeMap::new();
    let mut bytes = 0;
    let mut full = false;
    for (query, side, one) in [(source, "source", 1), (target, "target", -1)] {
        let mut on_row = |row: Row| {
            bytes += row.iter().flatten().map(Vec::len).sum::<usize>() + 24 * row.len();
            let count = net.entry(row).or_default();
            *count += one;
            full = bytes > 2 * MOST_BYTES;
            if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let read = query.each(&mut on_row).await?;
        if full {
            return Ok(Err(format!("it gives more than {} MiB of rows", MOST_BYTES >> 20)));
        }
        if let Err(unread) = read {
            return Ok(Err(format!("read again, the {side} {}", unread.words())));
        }
    }
    net.retain(|_, count| *count != 0);
    Ok(Ok(net))
}

/// Whether the rows are the same on both sides once each is made another.
fn balanced(differing: &BTreeMap<Row, i64>, other: impl Fn(&Row) -> Row) -> bool {
    let mut net: BTreeMap<Row, i64> = BTreeMap::new();
    for (row, count) in differing {
        *net.entry(other(row)).or_default() += count;
    }
    net.values().all(|count| *count == 0)
}

/// A text that a collation compares.
fn is_text(column: &Column) -> bool {
    let text =
        matches!(column.data_type.as_str(), "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext");
    text && column.collation.as_deref().is_some_and(|collation| collation != "binary")
}

/// A text in UTF-8 as a value of a column's charset.
fn in_charset(text: &str, collation: &str) -> String {
    let charset = collation.split('_').next().unwrap_or_default();
    let unicode = format!("CONVERT({text} USING utf8mb4)");
    if charset == "utf8mb4" { unicode } else { format!("CONVERT({unicode} USING {charset})") }
}

/// The words that are equal to another one, with the number of their class.
async fn equal_words<'a>(
    connection: &mut dyn Connection,
    column: &Column,
    words: &[&'a [u8]],
) -> Result<BTreeMap<&'a [u8], usize>, String> {
    let collation = column.collation.as_deref().unwrap_or_default();
    let texts: Vec<&[u8]> = words.iter().copied().filter(|word| std::str::from_utf8(word).is_ok()).collect();
    if texts.len() > MOST_WORDS {
        return Err(format!("more than {MOST_WORDS} words of one column differ"));
    }
    if texts.is_empty() {
        return Ok(BTreeMap::new());
    }
    let one = |(at, word): (usize, &&[u8])| {
        let (hex, class) = (format!("x'{}'", hex::encode(word)), at + 1);
        let text = in_charset(&hex, collation);
        // A word that the charset does not hold is equal to none.
        let lost = format!("IF(CAST(CONVERT({text} USING utf8mb4) AS BINARY) = {hex}, 0, {class})");
        format!("SELECT {class} AS i, {text} COLLATE {collation} AS w, {lost} AS l")
    };
    let all = texts.iter().enumerate().map(one).collect::<Vec<_>>().join(" UNION ALL ");
    let failed = |fault: Fault| format!("the source did not compare the words by {collation}{}", number(&fault));
    connection.execute("SET SESSION group_concat_max_len = 1000000").await.map_err(failed)?;
    let sql = format!("SELECT GROUP_CONCAT(i) FROM ({all}) AS q GROUP BY w, l");
    let rows = connection.query(&sql).await.map_err(failed)?;
    let mut found = BTreeMap::new();
    for (class, row) in rows.rows.iter().enumerate() {
        let members = row.first().and_then(|cell| cell.as_deref()).and_then(|cell| std::str::from_utf8(cell).ok());
        for member in members.unwrap_or_default().split(',') {
            let word = member.parse::<usize>().ok().and_then(|at| texts.get(at.checked_sub(1)?));
            found.extend(word.map(|word| (*word, class)));
        }
    }
    Ok(found)
}

/// Whether the columns and words that a view names hold several ways to write a word that are equal by a collation.
async fn holds_equal_words(
    connection: &mut dyn Connection,
    view: &View,
    facts: &MigrationFacts,
) -> Result<bool, String> {
    for (collation, from) in named_words(view, facts) {
        let word = format!("{} COLLATE {collation}", in_charset("w", &collation));
        // The first names the column.
        let sql = format!(
            "SELECT COUNT(DISTINCT {word}) < COUNT(DISTINCT CAST(w AS BINARY)) FROM (SELECT CONVERT(NULL USING utf8mb4) \
             AS w UNION ALL {}) AS q",
            from.into_iter().collect::<Vec<_>>().join(" UNION ALL ")
        );
        let rows = connection.query(&sql).await.map_err(|fault| {
            format!("the source did not say which words of the tables are equal by {collation}{}", number(&fault))
        })?;
        if rows.rows.first().and_then(|row| row.first()?.as_deref()) != Some(b"0") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// By collation: SELECTs of the columns and words that a view and those below it name.
fn named_words(view: &View, facts: &MigrationFacts) -> BTreeMap<String, BTreeSet<String>> {
    let (mut found, mut texts): (BTreeMap<String, BTreeSet<String>>, _) = (BTreeMap::new(), BTreeSet::new());
    for view in with_views_below(view, facts) {
        let Ok(all) = pieces(&view.select) else { continue };
        let names = all.iter().filter(|piece| piece.kind == Kind::Name).map(|piece| piece.name().to_lowercase());
        let names: BTreeSet<String> = names.collect();
        for name in reads(&view.select, &view.name.schema) {
            let same = |table: &&Table| table.name.key().to_lowercase() == name.key().to_lowercase();
            let columns = facts.source.tables.iter().filter(same).flat_map(|table| &table.columns);
            for column in columns.filter(|c| is_text(c) && names.contains(&c.name.to_lowercase())) {
                let collation = column.collation.clone().unwrap_or_default();
                let sql = format!("SELECT CONVERT({} USING utf8mb4) FROM {}", sql_ident(&column.name), name.sql());
                found.entry(collation).or_default().insert(sql);
            }
        }
        let words = all.iter().filter(|piece| piece.kind == Kind::Text);
        texts.extend(words.map(|text| format!("SELECT CONVERT({} USING utf8mb4)", text.text)));
        if !view.collation.is_empty() {
            found.entry(view.collation.clone()).or_default();
        }
    }
    for from in found.values_mut() {
        from.extend(texts.iter().cloned());
    }
    found.retain(|_, from| !from.is_empty());
    found
}

/// ` (error 1273)`, where the server gave a number.
fn number(fault: &Fault) -> String {
    fault.number.map(|number| format!(" (error {number})")).unwrap_or_default()
}

/// A word without its case and the blanks at its end.
fn folded(bytes: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(bytes).trim_end_matches(' ').to_lowercase().into_bytes()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_balanced_once_their_words_are_folded() {
        let row = |number: &str, word: &str| vec![Some(number.as_bytes().to_vec()), Some(word.as_bytes().to_vec())];
        let fold = |row: &Row| vec![row[0].clone(), row[1].as_deref().map(folded)];
        for (rows, expected) in [
            (&[("1", "Open", 1), ("1", "OPEN ", -1)][..], true),
            (&[("1", "Zoë", 1), ("1", "zoe", -1)], false),
            (&[("1", "Open", 1), ("2", "open", -1)], false),
            (&[("1", "Open", 1), ("1", "open", -2)], false),
        ] {
            let net = rows.iter().map(|(number, word, count)| (row(number, word), *count)).collect();
            assert_eq!(balanced(&net, fold), expected, "{rows:?}");
        }
    }
}
