//! The `PARTITION BY …` clause as SHOW CREATE TABLE has it: its kind, and the same clause without what a target does
//! not know. Works on tokens at their depth of parentheses; never judges.

use super::canonical::canonical_expression;
use super::expression::{Token, closes, tokens, without_doubled_parentheses};
use super::{as_tidb_shows, sql_string};
use crate::formats::facts::Flavor;
use crate::formats::structure::Table;
use crate::words::addr::{TableName, sql_ident};

pub mod values;

/// What kind of partitioning a clause describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// `RANGE`, `LIST`, `HASH`, `KEY`, `SYSTEM_TIME`, in upper case.
    pub method: String,
    pub linear: bool,
    pub subpartitioned: bool,
}

/// Reads the kind; `None` where the text is not such a clause.
pub fn kind(clause: &str) -> Option<Kind> {
    let all = tokens(&opened(clause));
    let mut words = all.iter().map(|token| match token {
        Token::Word(word) => word.to_uppercase(),
        _ => String::new(),
    });
    if words.next()? != "PARTITION" || words.next()? != "BY" {
        return None;
    }
    let first = words.next()?;
    let linear = first == "LINEAR";
    let method = if linear { words.next()? } else { first };
    let rest: Vec<String> = words.collect();
    let subpartitioned = rest.windows(2).any(|pair| pair[0] == "SUBPARTITION" && pair[1] == "BY");
    Some(Kind { method, linear, subpartitioned })
}

/// The clause without storage engines, LINEAR and subpartitions, as far as asked for; version comments are opened.
pub fn rendered(clause: &str, keep_linear: bool, keep_subpartitions: bool) -> String {
    let all = all_of(clause);
    let mut kept: Vec<Token> = Vec::new();
    let mut i = 0;
    while let Some(token) = all.get(i) {
        let word = if let Token::Word(word) = token { word.to_uppercase() } else { String::new() };
        // A name need not stand in backticks: `PARTITION engine VALUES …`, `COLUMNS(engine)`.
        if word == "ENGINE" && all.get(i + 1) == Some(&Token::Sign('=')) {
            i += 3;
        } else if word == "LINEAR" && !keep_linear && is_word(kept.last(), "BY") {
            i += 1;
        } else if word == "SUBPARTITION" && !keep_subpartitions && is_word(all.get(i + 1), "BY") {
            i = after_subpartition_by(&all, i);
        } else if token == &Token::Sign('(') && !keep_subpartitions && opens_subpartitions(&all, i) {
            i = after_parentheses(&all, i);
        } else {
            kept.push(token.clone());
            i += 1;
        }
    }
    written(&kept)
}

/// The clause's tokens, each text as a text.
fn all_of(clause: &str) -> Vec<Token> {
    values::with_texts(tokens(&opened(clause)))
}

/// Options that say how one server keeps a partition, by their first words.
const OPTIONS: [&[&str]; 8] = [
    &["ALGORITHM"],
    &["DATA", "DIRECTORY"],
    &["INDEX", "DIRECTORY"],
    &["MAX_ROWS"],
    &["MIN_ROWS"],
    &["NODEGROUP"],
    &["NODE_GROUP"],
    &["TABLESPACE"],
];

/// The clause without the options that TiDB does not keep, and each of them once, as it follows the word PARTITION:
/// `MAX_ROWS = 3`, `BY KEY ALGORITHM = 1`. Algorithm 2 is what every table has, and is not named.
pub fn without_options(clause: &str) -> (String, Vec<String>) {
    let mut all = all_of(clause);
    let mut found: Vec<String> = Vec::new();
    let mut at = 0;
    while at < all.len() {
        let said = |words: &&&[&str]| {
            words.iter().enumerate().all(|(no, word)| is_word(all.get(at + no), word))
                && all.get(at + words.len()) == Some(&Token::Sign('='))
        };
        let Some(words) = OPTIONS.iter().find(said) else {
            at += 1;
            continue;
        };
        let value = match all.get(at + words.len() + 1) {
            Some(Token::Word(value) | Token::Ident(value) | Token::Text(value)) => value.as_str(),
            _ => "",
        };
        let key = if words[0] == "ALGORITHM" { "BY KEY " } else { "" };
        let option = format!("{key}{} = {value}", words.join(" "));
        if option != "BY KEY ALGORITHM = 2" && !found.contains(&option) {
            found.push(option);
        }
        all.drain(at..all.len().min(at + words.len() + 2));
    }
    (written(&all), found)
}

/// Where a list of HASH or KEY partitions begins that says no more than how many there are: p0, p1, … and nothing else. TiDB
/// writes their number.
fn counted_names(all: &[Token]) -> Option<usize> {
    let kind = kind(&written(all)).filter(|kind| matches!(kind.method.as_str(), "HASH" | "KEY"))?;
    let first = all.iter().rposition(|token| token == &Token::Sign('('))?;
    let list = &all[first..];
    let counts = list.chunks(3).enumerate().all(|(no, three)| {
        let [before, word, Token::Word(name) | Token::Ident(name)] = three else {
            return no > 0 && three == [Token::Sign(')')];
        };
        let sign = if no == 0 { '(' } else { ',' };
        *before == Token::Sign(sign) && is_word(Some(word), "PARTITION") && name.eq_ignore_ascii_case(&format!("p{no}"))
    });
    (counts && !kind.subpartitioned && list.len() > 3 && list.last() == Some(&Token::Sign(')'))).then_some(first)
}

/// Whether the rows of one partition are those of the partition of that name on the other side: named by ranges or lists
/// of values, the same on both. HASH and KEY are each server's own; so are subpartitions, which make no difference here.
pub fn names_the_same_rows(one: &str, other: &str) -> bool {
    let outer = |clause: &str| normal(&rendered(&without_options(clause).0, true, false));
    kind(one).is_some_and(|kind| matches!(kind.method.as_str(), "RANGE" | "LIST")) && outer(one) == outer(other)
}

/// SQL for the names of a table's partitions with the bytes that the server says they have, in their order.
pub fn sizes_sql(table: &TableName) -> String {
    format!(
        "SELECT PARTITION_NAME, SUM(DATA_LENGTH) FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = {} AND \
         TABLE_NAME = {} AND PARTITION_NAME IS NOT NULL GROUP BY PARTITION_NAME ORDER BY MIN(PARTITION_ORDINAL_POSITION)",
        sql_string(&table.schema),
        sql_string(&table.name)
    )
}

/// One spelling for comparing two clauses.
pub fn normal(clause: &str) -> String {
    compared(normal_tokens(clause))
}

/// The same of a table's clause, with each value in the spelling of its column's type.
pub fn normal_of(table: &Table) -> String {
    compared(values::by_type(normal_tokens(&table.partitioning), table))
}

/// Names and words in lower case; texts as they are.
fn compared(all: Vec<Token>) -> String {
    let all: Vec<Token> = all
        .into_iter()
        .map(|token| match token {
            Token::Word(word) | Token::Ident(word) => Token::Word(word.to_lowercase()),
            other => other,
        })
        .collect();
    written(&all)
}

fn normal_tokens(clause: &str) -> Vec<Token> {
    let mut all = by_meaning(without_doubled_parentheses(tokens(&rendered(clause, true, true))));
    // MySQL writes LESS THAN MAXVALUE, TiDB LESS THAN (MAXVALUE).
    while let Some(at) = all.windows(3).position(|three| {
        matches!(three, [Token::Sign('('), Token::Word(word), Token::Sign(')')] if word.eq_ignore_ascii_case("MAXVALUE"))
    }) {
        all.remove(at + 2);
        all.remove(at);
    }
    // MySQL writes COMMENT = 'x', TiDB COMMENT 'x', and nothing of an empty one.
    while let Some(at) = all.windows(2).position(|two| is_word(two.first(), "COMMENT") && two[1] == Token::Sign('=')) {
        all.remove(at + 1);
    }
    let comment = |two: &[Token]| is_word(two.first(), "COMMENT") && matches!(two[1], Token::Text(_));
    while let Some(at) = all.windows(2).position(|two| comment(two) && two[1] == Token::Text(String::new())) {
        all.drain(at..at + 2);
    }
    for at in 1..all.len() {
        if comment(&all[at - 1..=at])
            && let Token::Text(text) = &mut all[at]
        {
            *text = as_tidb_shows(text);
        }
    }
    // The server's own algorithm, and the number of partitions where none is named.
    for (words, least) in [(["ALGORITHM", "2"], 0), (["PARTITIONS", "1"], 1)] {
        let at = all
            .windows(2 + usize::from(least == 0))
            .position(|some| is_word(some.first(), words[0]) && is_word(some.last(), words[1]));
        if let Some(at) = at {
            all.drain(at..at + 2 + usize::from(least == 0));
        }
    }
    if let Some(list) = counted_names(&all) {
        let count = (all.len() - list) / 3;
        all.truncate(list);
        if count > 1 {
            all.extend([Token::Word("PARTITIONS".into()), Token::Word(count.to_string())]);
        }
    }
    for at in 0..all.len() {
        let called = all.get(at + 1) == Some(&Token::Sign('('));
        // MariaDB's spelling of the operator.
        if !called && matches!(&all[at], Token::Word(word) if word.eq_ignore_ascii_case("mod")) {
            all[at] = Token::Sign('%');
        }
    }
    all
}

/// With the expressions that rows are spread by in one spelling: MariaDB and MySQL 5.6 keep the brackets that somebody wrote,
/// TiDB prints all of them.
fn by_meaning(all: Vec<Token>) -> Vec<Token> {
    let mut out = Vec::with_capacity(all.len());
    let mut at = 0;
    while let Some(token) = all.get(at) {
        out.push(token.clone());
        at += 1;
        let spreads = ["HASH", "RANGE", "LIST"].iter().any(|method| is_word(Some(token), method));
        let Some(close) = spreads.then(|| closes(&all, at)).flatten().filter(|close| *close > at + 2) else {
            continue;
        };
        let expression = canonical_expression(&written(&all[at + 1..close]));
        out.push(Token::Sign('('));
        out.extend(tokens(&expression));
        at = close;
    }
    out
}

fn is_word(token: Option<&Token>, wanted: &str) -> bool {
    matches!(token, Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted))
}

/// Without the marks of version comments: `/*!50100 … /*!50611 ALGORITHM = 1 */ … */`. Texts in quotes stay as they are.
pub fn opened(clause: &str) -> String {
    opened_of(clause, Flavor::Mysql)
}

/// The same of a server's own text, with the escapes that MySQL writes: in the COMMENT of a partition, TiDB writes a backslash as
/// itself (tried on 8.5.6).
pub fn opened_of(clause: &str, writer: Flavor) -> String {
    let mut out = String::with_capacity(clause.len());
    let mut rest = clause.trim();
    while let Some(c) = rest.chars().next() {
        if matches!(c, '\'' | '"' | '`') {
            let bare = writer == Flavor::Tidb && c == '\'' && ends_in_comment(&out);
            let length = super::scan::quoted_length(rest, c, c != '`' && !bare).unwrap_or(rest.len());
            match bare {
                true => out.push_str(&rest[..length].replace('\\', "\\\\")),
                false => out.push_str(&rest[..length]),
            }
            rest = &rest[length..];
        } else if let Some(inner) = rest.strip_prefix("/*!").or_else(|| rest.strip_prefix("/*M!")) {
            rest = inner.trim_start_matches('M').trim_start_matches(|c: char| c.is_ascii_digit());
        } else if let Some(inner) = rest.strip_prefix("*/") {
            rest = inner;
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out.trim().to_owned()
}

/// Whether the text ends in the word COMMENT, with or without the sign behind it.
fn ends_in_comment(text: &str) -> bool {
    const WORD: &[u8] = b" COMMENT";
    let text = text.trim_end_matches([' ', '=']).as_bytes();
    text.len().checked_sub(WORD.len()).is_some_and(|from| text[from..].eq_ignore_ascii_case(WORD))
}

/// Past `SUBPARTITION BY [LINEAR] HASH|KEY [ALGORITHM = n] (…) [SUBPARTITIONS n]`.
fn after_subpartition_by(all: &[Token], from: usize) -> usize {
    let mut i = from;
    while i < all.len() && all[i] != Token::Sign('(') {
        i += 1;
    }
    i = after_parentheses(all, i);
    match all.get(i) {
        Some(Token::Word(word)) if word.eq_ignore_ascii_case("SUBPARTITIONS") => i + 2,
        _ => i,
    }
}

fn opens_subpartitions(all: &[Token], at: usize) -> bool {
    matches!(all.get(at + 1), Some(Token::Word(word)) if word.eq_ignore_ascii_case("SUBPARTITION"))
}

fn after_parentheses(all: &[Token], open: usize) -> usize {
    let mut depth = 0usize;
    for (i, token) in all.iter().enumerate().skip(open) {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return i + 1;
                }
            }
            _ => {}
        }
    }
    all.len()
}

/// Words that a parenthesis follows without being their arguments.
const KEYWORDS: [&str; 8] = ["RANGE", "LIST", "HASH", "KEY", "COLUMNS", "THAN", "IN", "SYSTEM_TIME"];

/// Writes tokens back: a space between all but where a parenthesis or comma makes it needless.
fn written(all: &[Token]) -> String {
    let mut out = String::new();
    let mut open = true;
    let mut spaced = true;
    for token in all {
        let text = match token {
            Token::Word(word) => word.clone(),
            Token::Ident(name) => sql_ident(name),
            Token::Text(value) => sql_string(value),
            Token::Sign(sign) => sign.to_string(),
        };
        // `-1` must stay one number, `<=` one sign: signs but for "(" never take a space after or before.
        let sign = matches!(token, Token::Sign(s) if *s != '(');
        // A space between a function and its parenthesis makes another name of it in some sql_modes.
        let call = token == &Token::Sign('(') && !spaced;
        if !open && !sign && !call {
            out.push(' ');
        }
        spaced = !matches!(token, Token::Word(word) if !KEYWORDS.contains(&word.to_uppercase().as_str()));
        open = matches!(token, Token::Sign(s) if *s != ')' && *s != ',');
        out.push_str(&text);
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    const NESTED: &str = "/*!50100 PARTITION BY RANGE (`id`)\nSUBPARTITION BY HASH (`id`)\nSUBPARTITIONS 2\n\
                          (PARTITION p0 VALUES LESS THAN (10) COMMENT = 'x,(' ENGINE = InnoDB,\n \
                          PARTITION p1 VALUES LESS THAN MAXVALUE ENGINE = InnoDB) */";

    #[test]
    fn the_kind_is_read_from_the_clause() {
        for (clause, expected) in [
            (NESTED, Some(("RANGE", false, true))),
            ("PARTITION BY LINEAR HASH (`id`)\nPARTITIONS 4", Some(("HASH", true, false))),
            ("PARTITION BY KEY (id)\nPARTITIONS 4", Some(("KEY", false, false))),
            (
                "PARTITION BY SYSTEM_TIME \n(PARTITION p0 HISTORY, PARTITION p1 CURRENT)",
                Some(("SYSTEM_TIME", false, false)),
            ),
            ("", None),
        ] {
            let seen = kind(clause);
            let seen = seen.as_ref().map(|k| (k.method.as_str(), k.linear, k.subpartitioned));
            assert_eq!(seen, expected, "{clause}");
        }
    }

    #[test]
    fn an_expression_that_rows_are_spread_by_is_one_in_two_spellings() {
        let by = |method: &str, expression: &str| normal(&format!("PARTITION BY {method} ({expression}) PARTITIONS 4"));
        for (one, other, expected) in [
            ("year(`d`) * 12 + month(`d`)", "(YEAR(`d`)*12)+MONTH(`d`)", true),
            ("`a` MOD 4 + 1", "(`a`%4)+1", true),
            ("`a` + `b` + 1", "(`a`+`b`)+1", true),
            ("`a` + `b` * 2", "(`a`+`b`)*2", false),
            ("`a`", "`A`", true),
        ] {
            assert_eq!(by("HASH", one) == by("HASH", other), expected, "{one} {other}");
            assert_eq!(by("RANGE", one) == by("RANGE", other), expected, "{one} {other}");
        }
    }

    #[test]
    fn partitions_by_the_same_ranges_or_lists_name_the_same_rows() {
        let list = "PARTITION BY LIST (a) (PARTITION p0 VALUES IN (1,2))";
        for (one, other, expected) in [
            (list, list, true),
            (list, "/*!50100 PARTITION BY LIST (`a`)\n(PARTITION p0 VALUES IN (1,2) ENGINE = InnoDB) */", true),
            (list, "PARTITION BY LIST (a) (PARTITION p0 VALUES IN (1,3))", false),
            (list, "", false),
            ("", "", false),
            (
                NESTED,
                "PARTITION BY RANGE (`id`) (PARTITION p0 VALUES LESS THAN (10) COMMENT='x,(', PARTITION p1 VALUES LESS THAN (MAXVALUE))",
                true,
            ),
            (list, "PARTITION BY LIST (a) (PARTITION p0 VALUES IN (1,2) MAX_ROWS = 3 TABLESPACE = `x`)", true),
            ("PARTITION BY HASH (`id`) PARTITIONS 2", "PARTITION BY HASH (`id`) PARTITIONS 2", false),
            ("PARTITION BY KEY (`id`) PARTITIONS 2", "PARTITION BY KEY (`id`) PARTITIONS 2", false),
        ] {
            assert_eq!(names_the_same_rows(one, other), expected, "{one} {other}");
        }
    }

    #[test]
    fn engines_linear_and_subpartitions_go_and_the_rest_stays() {
        for (clause, expected) in [
            (
                NESTED,
                "PARTITION BY RANGE (`id`) (PARTITION p0 VALUES LESS THAN (10) COMMENT='x,(', PARTITION p1 VALUES LESS THAN MAXVALUE)",
            ),
            ("PARTITION BY LINEAR HASH (`id`)\nPARTITIONS 4", "PARTITION BY HASH (`id`) PARTITIONS 4"),
            (
                "PARTITION BY RANGE (to_days(`d`) - 1)\n(PARTITION p VALUES LESS THAN (7))",
                "PARTITION BY RANGE (to_days(`d`)-1) (PARTITION p VALUES LESS THAN (7))",
            ),
            (
                "PARTITION BY LIST (id) SUBPARTITION BY KEY (id) (PARTITION p0 VALUES IN (-1,NULL) (SUBPARTITION s0 ENGINE = InnoDB, SUBPARTITION s1 ENGINE = InnoDB))",
                "PARTITION BY LIST (id) (PARTITION p0 VALUES IN (-1, NULL))",
            ),
        ] {
            assert_eq!(rendered(clause, false, false), expected, "{clause}");
        }
    }

    #[test]
    fn two_spellings_of_a_clause_are_equal_and_two_clauses_are_not() {
        let mysql = "PARTITION BY RANGE  COLUMNS(created)\n(PARTITION p0 VALUES LESS THAN ('2020') ENGINE = InnoDB)";
        let tidb = "PARTITION BY RANGE COLUMNS(`created`)\n(PARTITION `p0` VALUES LESS THAN ('2020'))";
        assert_eq!(normal(mysql), normal(tidb));
        assert_ne!(normal(mysql), normal(&tidb.replace("2020", "2021")));
        assert_eq!(
            normal("PARTITION BY RANGE (`y`) (PARTITION p0 VALUES LESS THAN MAXVALUE)"),
            normal("PARTITION BY RANGE (`y`) (PARTITION `p0` VALUES LESS THAN (MAXVALUE))")
        );
        assert_eq!(
            normal("PARTITION BY LIST (id % 7)\n(PARTITION p0 VALUES IN (1,2) ENGINE = InnoDB)"),
            normal("PARTITION BY LIST ((`id`%7))\n(PARTITION `p0` VALUES IN (1,2))")
        );
        assert_eq!(normal("PARTITION BY HASH (`id` MOD 4)"), normal("PARTITION BY HASH (id % 4)"));
        assert_eq!(normal("PARTITION BY HASH (`a`)"), normal("PARTITION BY HASH (`a`) PARTITIONS 1"));
        assert_ne!(normal("PARTITION BY HASH (`a`)"), normal("PARTITION BY HASH (`a`) PARTITIONS 2"));
        assert_eq!(
            normal("/*!50100 PARTITION BY KEY /*!50611 ALGORITHM = 2 */ (a)\nPARTITIONS 4 */"),
            normal("PARTITION BY KEY (`a`) PARTITIONS 4")
        );
    }

    #[test]
    fn words_of_the_clause_are_names_where_names_stand() {
        for clause in [
            "PARTITION BY LIST  COLUMNS(engine) (PARTITION fuel VALUES IN ('a */ b') ENGINE = InnoDB)",
            "PARTITION BY RANGE (id) (PARTITION engine VALUES LESS THAN (1) ENGINE = InnoDB, PARTITION subpartition VALUES LESS THAN (2))",
            "PARTITION BY RANGE (id) (PARTITION linear VALUES LESS THAN (1))",
        ] {
            let out = rendered(clause, false, false);
            assert_eq!(out.replace(' ', ""), clause.replace(" ENGINE = InnoDB", "").replace(' ', ""), "{clause}");
            assert!(!kind(clause).unwrap().subpartitioned);
        }
    }
}
