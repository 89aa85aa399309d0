//! By what the target compares what stands in a key, once collations are converted: SQL, for the source, of a column, of a
//! generated column and of an expression; and the queries that look for values which become equal.

use super::{Fate, fate, same_collation};
use crate::formats::ddl::expression::{Token, expression_text, tokens};
use crate::formats::ddl::view::{Kind, pieces};
use crate::formats::facts::ServerFacts;
use crate::formats::spec::model::Gates;
use crate::formats::structure::{Column, IndexPart, Table};
use crate::words::addr::sql_ident;

/// Generated columns over generated columns that are followed. A cycle is none of a server's.
const DEPTH: usize = 16;

/// The collation that a text column gets in place of its own; `None`: it keeps its own.
pub type Given<'a> = &'a dyn Fn(&Column) -> Option<String>;

/// The collation that these settings give a column in place of its own.
pub fn given(column: &Column, target: &ServerFacts, gates: &Gates) -> Option<String> {
    let from = column.collation.as_deref()?;
    match fate(from, target, gates) {
        Fate::Converted { collation, .. } => (!same_collation(from, &collation)).then_some(collation),
        Fate::Kept { .. } | Fate::MappedToNothing { .. } | Fate::Unsupported => None,
    }
}

/// The same where that collation has other weights: the column then compares in another way.
pub fn reweighed(column: &Column, target: &ServerFacts, gates: &Gates) -> Option<String> {
    let to = given(column, target, gates)?;
    let same = column.collation.as_deref().is_some_and(|from| same_weights(from, &to));
    (!same).then_some(to)
}

/// Whether every text that the first can hold has the order and the equals under the second that it has under the first:
/// the same weights, in a charset with more characters.
pub fn same_weights(from: &str, to: &str) -> bool {
    let (from, to) = (super::plain_name(from), super::plain_name(to));
    let split = |name: &str| name.split_once('_').map(|(charset, rest)| (charset.to_owned(), rest.to_owned()));
    let (Some((from, by)), Some((to, same))) = (split(&from), split(&to)) else { return false };
    let unicode = |charset: &str| matches!(charset, "utf8" | "utf8mb4");
    by == same && unicode(&to) && (unicode(&from) || from == "ascii" && matches!(by.as_str(), "bin" | "general_ci"))
}

/// SQL for a text under a collation of another charset.
pub fn under(sql: &str, collation: &str) -> String {
    let charset = collation.split('_').next().unwrap_or("utf8mb4");
    format!("CONVERT({sql} USING {charset}) COLLATE {collation}")
}

/// A column as the target has it: its text under its collation there; of a generated column what the expression gives
/// there. `None`: as the source has it.
pub fn column_under(table: &Table, column: &Column, given: Given<'_>) -> Option<String> {
    column_at(table, column, given, 0)
}

fn column_at(table: &Table, column: &Column, given: Given<'_>, depth: usize) -> Option<String> {
    let computed = column.generated.as_ref().filter(|_| depth < DEPTH);
    if let Some(text) = computed.and_then(|generated| expression_at(table, &generated.expression, given, depth + 1)) {
        let text = format!("({text})");
        return Some(match given(column).or_else(|| column.collation.clone()) {
            Some(collation) => under(&text, &collation),
            None => text,
        });
    }
    Some(under(&sql_ident(&column.name), &given(column)?))
}

/// Whether a generated column may have another value under other collations. A text that is only cut and joined has not.
pub fn by_collation(table: &Table, column: &Column) -> bool {
    by_collation_at(table, column, 0)
}

fn by_collation_at(table: &Table, column: &Column, depth: usize) -> bool {
    const CUT_AND_JOINED: [&str; 17] = [
        "coalesce",
        "concat",
        "concat_ws",
        "ifnull",
        "lcase",
        "left",
        "lower",
        "lpad",
        "ltrim",
        "mid",
        "repeat",
        "reverse",
        "right",
        "rpad",
        "rtrim",
        "substr",
        "substring",
    ];
    const CASES: [&str; 2] = ["ucase", "upper"];
    let Some(generated) = &column.generated else { return false };
    if column.charset.is_none() || depth >= DEPTH {
        return true;
    }
    tokens(&expression_text(&generated.expression)).iter().any(|token| match token {
        Token::Text(_) => false,
        Token::Sign(sign) => !"(),".contains(*sign),
        Token::Ident(name) => {
            let other = table.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
            other.is_none_or(|other| by_collation_at(table, other, depth + 1))
        }
        Token::Word(word) => {
            let word = word.to_lowercase();
            let known = CUT_AND_JOINED.contains(&word.as_str()) || CASES.contains(&word.as_str());
            !(known || word.starts_with('_') || word.bytes().all(|digit| digit.is_ascii_digit()))
        }
    })
}

/// An expression over columns of the table as the target computes it; `None`: it uses no column that changes.
pub fn expression_under(table: &Table, expression: &str, given: Given<'_>) -> Option<String> {
    expression_at(table, expression, given, 0)
}

fn expression_at(table: &Table, expression: &str, given: Given<'_>, depth: usize) -> Option<String> {
    let mut changed = false;
    let text = with_columns(&expression_text(expression), |name| {
        let column = table.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))?;
        let other = column_at(table, column, given, depth)?;
        changed = true;
        Some(format!("({other})"))
    });
    changed.then_some(text)
}

/// SQL with some of its names in backticks, as servers print those of columns, replaced.
fn with_columns(sql: &str, mut other: impl FnMut(&str) -> Option<String>) -> String {
    let mut out = sql.to_owned();
    for piece in pieces(sql).unwrap_or_default().iter().rev().filter(|piece| piece.kind == Kind::Name) {
        if let Some(name) = other(&piece.name()) {
            out.replace_range(piece.at..piece.at + piece.text.len(), &name);
        }
    }
    out
}

/// A query for each unique key that holds a column of the collation `from`, by itself or in an expression: groups of rows
/// that become equal where that column gets the collation `to` and every other what the settings say.
pub fn collision_queries(
    tables: &[Table],
    (from, to): (&str, &str),
    target: &ServerFacts,
    gates: &Gates,
) -> Vec<String> {
    let of_it = |column: &Column| {
        column.collation.as_deref().is_some_and(|collation| same_collation(collation, from)).then(|| to.to_owned())
    };
    let all = |column: &Column| of_it(column).or_else(|| given(column, target, gates));
    let mut queries = Vec::new();
    for table in tables {
        for index in table.indexes.iter().filter(|index| index.unique) {
            if index.parts.iter().any(|part| part_under(table, part, &of_it).is_some()) {
                queries.push(collision_query(table, &index.parts, &all));
            }
        }
    }
    queries
}

/// What stands in a key for one of its parts, where that is not as the source has it.
fn part_under(table: &Table, part: &IndexPart, given: Given<'_>) -> Option<String> {
    match (&part.column, &part.expression) {
        (Some(name), _) => column_under(table, table.column(name)?, given),
        (None, Some(text)) => expression_under(table, text, given),
        (None, None) => None,
    }
}

fn collision_query(table: &Table, parts: &[IndexPart], given: Given<'_>) -> String {
    let value = |part: &IndexPart| match (&part.column, &part.expression) {
        (Some(name), _) => sql_ident(name),
        (None, text) => format!("({})", expression_text(text.as_deref().unwrap_or_default())),
    };
    let group: Vec<String> = parts
        .iter()
        .map(|part| {
            let whole = part_under(table, part, given).unwrap_or_else(|| value(part));
            // A prefix of a text counts characters, one of bytes bytes: LEFT does, too.
            part.prefix.map_or(whole.clone(), |length| format!("LEFT({whole}, {length})"))
        })
        .collect();
    let present: Vec<String> = parts.iter().map(|part| format!("{} IS NOT NULL", value(part))).collect();
    format!(
        "SELECT COUNT(*) FROM {} WHERE {} GROUP BY {} HAVING COUNT(*) > 1 LIMIT 1;",
        table.name.sql(),
        present.join(" AND "),
        group.join(", ")
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::formats::ddl::fixture::{column, table};

    #[test]
    fn an_expression_is_computed_of_its_columns_as_the_target_has_them() {
        let given = |column: &Column| {
            column.collation.as_deref().is_some_and(|c| c == "latin1_swedish_ci").then(|| "utf8mb4_bin".to_owned())
        };
        let table = table("s", "t")
            .with(column("a", "varchar(9)").collated("latin1", "latin1_swedish_ci"))
            .with(column("b", "varchar(9)"))
            .with(column("n", "int").generated_as("(`a` = _latin1\\'`a`\\')", false));
        let check = |expression: &str, expected: &str| {
            assert_eq!(expression_under(&table, expression, &given).unwrap_or_default(), expected, "{expression}");
        };
        check("lower(`a`)", "lower((CONVERT(`a` USING utf8mb4) COLLATE utf8mb4_bin))");
        check("concat(`A`,'it''s `a`')", "concat((CONVERT(`a` USING utf8mb4) COLLATE utf8mb4_bin),'it''s `a`')");
        check("(`b` = 'x')", "");
        check("(`n` + 1)", "(((((CONVERT(`a` USING utf8mb4) COLLATE utf8mb4_bin) = _latin1'`a`'))) + 1)");
    }

    #[test]
    fn text_that_is_cut_and_joined_depends_on_no_collation() {
        let text = |name: &str, expression: &str| column(name, "varchar(9)").generated_as(expression, false);
        let table = table("s", "t")
            .with(column("a", "varchar(9)"))
            .with(text("joined", "concat(lower(`a`),_latin1\\'x\\',left(`a`,3))"))
            .with(text("chosen", "if((`a` = _latin1\\'x\\'),1,2)"))
            .with(text("over", "lower(`chosen`)"))
            .with(column("length", "int").generated_as("char_length(`a`)", false));
        for (name, expected) in [("a", false), ("joined", false), ("chosen", true), ("over", true), ("length", true)] {
            assert_eq!(by_collation(&table, table.column(name).unwrap()), expected, "{name}");
        }
    }

    #[test]
    fn a_charset_with_more_characters_and_the_same_weights_changes_no_order() {
        for (from, to, same) in [
            ("utf8mb3_general_ci", "utf8mb4_general_ci", true),
            ("utf8_bin", "utf8mb4_bin", true),
            ("ascii_general_ci", "utf8mb4_general_ci", true),
            ("latin1_bin", "utf8mb4_bin", false),
            ("utf8mb4_general_ci", "utf8mb4_bin", false),
            ("utf8mb4_bin", "latin1_bin", false),
        ] {
            assert_eq!(same_weights(from, to), same, "{from} {to}");
        }
    }
}
