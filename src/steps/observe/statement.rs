//! What a statement in a binlog can have written, by its first words and the names in it. Keeps no value. Where it does
//! not know, it says so.

/// What a statement in the binlog can have written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// No row of any table.
    Nothing,
    /// Only these tables, by schema (where it is named) and name.
    Tables(Vec<(Option<String>, String)>),
    /// Everything in a schema: it was dropped.
    Dropped(String),
    /// Any table of these schemas and of the default one; the first words of the statement.
    Within(Vec<String>, String),
    /// The rows of a transaction that was prepared before, by [`xid`].
    Committed(String),
    /// Anything; the first words of the statement.
    Unknown(String),
}

/// Two words or more stand for what begins with them.
const HARMLESS: &[&str] = &[
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT",
    "RELEASE SAVEPOINT",
    "START TRANSACTION",
    "XA START",
    "XA BEGIN",
    "XA END",
    "XA PREPARE",
    "XA ROLLBACK",
    "FLUSH",
    "GRANT",
    "REVOKE",
    "ANALYZE",
    "OPTIMIZE",
    "CREATE USER",
    "ALTER USER",
    "DROP USER",
    "RENAME USER",
    "CREATE ROLE",
    "DROP ROLE",
    "SET PASSWORD",
    "SET DEFAULT ROLE",
    "CREATE DATABASE",
    "CREATE SCHEMA",
    "CREATE TRIGGER",
    "DROP TRIGGER",
    "CREATE PROCEDURE",
    "DROP PROCEDURE",
    "ALTER PROCEDURE",
    "CREATE FUNCTION",
    "DROP FUNCTION",
    "ALTER FUNCTION",
    "CREATE EVENT",
    "DROP EVENT",
    "ALTER EVENT",
    "CREATE DEFINER",
    "CREATE SERVER",
    "DROP SERVER",
    "ALTER SERVER",
    "CREATE TEMPORARY TABLE",
    "DROP TEMPORARY TABLE",
];

/// What creates, changes or drops objects, and fires no trigger: it stays in the schemas that it names.
const DEFINES: &[&str] = &["CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE"];

/// What a statement, as it stands in a binlog, can have written.
pub(super) fn meaning(statement: &str) -> Meaning {
    let mut tokens = tokens(statement);
    if tokens.is_empty() {
        // MariaDB's annotations come as comments.
        return Meaning::Nothing;
    }
    // MariaDB: CREATE OR REPLACE.
    if is(tokens.get(1), "OR") && is(tokens.get(2), "REPLACE") {
        tokens.drain(1..3);
    }
    let word = |at: usize| match tokens.get(at) {
        Some(Token::Word(word)) => word.to_ascii_uppercase(),
        _ => String::new(),
    };
    let first = format!("{} {} {}", word(0), word(1), word(2));
    let begins = |with: &str| first.strip_prefix(with).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    // A definer's object may also be a view: that one is looked at below.
    let view =
        tokens.iter().take(24).any(|token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case("VIEW")));
    if HARMLESS.iter().any(|with| begins(with)) && !(view && begins("CREATE DEFINER")) {
        return Meaning::Nothing;
    }
    if begins("XA COMMIT") {
        return Meaning::Committed(xid_of(statement));
    }
    let words = || first.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let unknown = || match DEFINES.contains(&word(0).as_str()) {
        true => Meaning::Within(schemas(&tokens), words()),
        false => Meaning::Unknown(words()),
    };
    if begins("DROP DATABASE") || begins("DROP SCHEMA") {
        let at = if is(tokens.get(2), "IF") { 4 } else { 2 };
        return tokens.get(at).and_then(name).map_or_else(unknown, Meaning::Dropped);
    }
    if begins("ALTER DATABASE") || begins("ALTER SCHEMA") {
        // Defaults of what is created later.
        return Meaning::Nothing;
    }
    // A table that goes elsewhere, or takes another's rows, is named further behind.
    let moves = |token: &Token| matches!(token, Token::Word(word) if ["RENAME", "EXCHANGE", "SELECT"].iter().any(|w| word.eq_ignore_ascii_case(w)));
    let mut rest = tokens.as_slice();
    let mut skip = |words: &[&str]| {
        while let Some(Token::Word(word)) = rest.first() {
            if !words.iter().any(|w| word.eq_ignore_ascii_case(w)) {
                break;
            }
            rest = &rest[1..];
        }
    };
    let names = match (word(0).as_str(), word(1).as_str()) {
        ("TRUNCATE", _) => {
            skip(&["TRUNCATE", "TABLE"]);
            names(rest, false)
        }
        ("DROP", "TABLE" | "TABLES" | "VIEW") => {
            skip(&["DROP", "TABLE", "TABLES", "VIEW", "IF", "EXISTS"]);
            names(rest, true)
        }
        ("CREATE" | "ALTER", "TABLE") if !tokens.iter().any(moves) => {
            skip(&["CREATE", "ALTER", "TABLE", "IF", "NOT", "EXISTS"]);
            names(rest, false)
        }
        ("CREATE", "INDEX" | "UNIQUE" | "FULLTEXT" | "SPATIAL") | ("DROP", "INDEX") => {
            let at =
                rest.iter().position(|token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case("ON")));
            at.and_then(|at| names(&rest[at + 1..], false))
        }
        ("CREATE" | "ALTER", _) if view => {
            let at =
                rest.iter().position(|token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case("VIEW")));
            at.and_then(|at| names(&rest[at + 1..], false))
        }
        _ => None,
    };
    names.map_or_else(unknown, Meaning::Tables)
}

fn is(token: Option<&Token>, wanted: &str) -> bool {
    matches!(token, Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted))
}

fn name(token: &Token) -> Option<String> {
    match token {
        Token::Word(name) | Token::Quoted(name) => Some(name.clone()),
        Token::Sign(_) => None,
    }
}

/// Every name with a dot behind it: the schemas that a statement names, and some that are none.
fn schemas(tokens: &[Token]) -> Vec<String> {
    let before_dots = tokens.windows(2).filter(|pair| pair[1] == Token::Sign('.'));
    before_dots.filter_map(|pair| name(&pair[0])).collect()
}

/// The name of a distributed transaction, as `XA COMMIT` has it and as [`crate::seams::sql::Change::Prepared`] tells it.
fn xid_of(statement: &str) -> String {
    let text: String = statement.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    text.trim_start_matches("xacommit").to_owned()
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// A bare word.
    Word(String),
    /// A name in backticks.
    Quoted(String),
    Sign(char),
}

/// Words, names and signs; comments and the content of texts are left out.
fn tokens(statement: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = statement;
    while let Some(c) = rest.chars().next() {
        let tail = &rest[c.len_utf8()..];
        if rest.starts_with("/*!") || rest.starts_with("/*M!") {
            // Code for a server that is new enough: the version is skipped, the end comes as two signs.
            rest = rest[3..].trim_start_matches(|c: char| c == '!' || c.is_ascii_digit());
        } else if rest.starts_with("/*") {
            rest = rest[2..].split_once("*/").map_or("", |(_, after)| after);
        } else if rest.starts_with("*/") {
            rest = &rest[2..];
        } else if rest.starts_with("-- ") || c == '#' {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
        } else if c == '`' {
            let (name, after) = quoted_name(tail);
            tokens.push(Token::Quoted(name));
            rest = after;
        } else if c == '\'' || c == '"' {
            rest = behind_text(tail, c);
            tokens.push(Token::Sign(c));
        } else if c.is_alphanumeric() || c == '_' || c == '$' {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        } else {
            if !c.is_whitespace() {
                tokens.push(Token::Sign(c));
            }
            rest = tail;
        }
    }
    tokens
}

fn quoted_name(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut rest = text;
    while let Some((part, after)) = rest.split_once('`') {
        name.push_str(part);
        match after.strip_prefix('`') {
            Some(more) => {
                name.push('`');
                rest = more;
            }
            None => return (name, after),
        }
    }
    (name, "")
}

fn behind_text(text: &str, quote: char) -> &str {
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            chars.next();
        } else if c == quote {
            return &text[at + 1..];
        }
    }
    ""
}

/// The table's name at the begin, or a list of them; `None` where there is none.
fn names(tokens: &[Token], list: bool) -> Option<Vec<(Option<String>, String)>> {
    let name = |token: Option<&Token>| token.and_then(name);
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        let first = name(tokens.get(at))?;
        at += 1;
        if tokens.get(at) == Some(&Token::Sign('.')) {
            found.push((Some(first), name(tokens.get(at + 1))?));
            at += 2;
        } else {
            found.push((None, first));
        }
        if !list || tokens.get(at) != Some(&Token::Sign(',')) {
            return Some(found);
        }
        at += 1;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn tables(names: &[&str]) -> Meaning {
        Meaning::Tables(
            names
                .iter()
                .map(|name| match name.split_once('.') {
                    Some((schema, table)) => (Some(schema.to_owned()), table.to_owned()),
                    None => (None, (*name).to_owned()),
                })
                .collect(),
        )
    }

    fn within(schemas: &[&str], words: &str) -> Meaning {
        Meaning::Within(schemas.iter().map(|name| (*name).to_owned()).collect(), words.into())
    }

    #[test]
    fn a_statement_is_nothing_or_some_tables_or_unknown() {
        for (statement, expected) in [
            ("BEGIN", Meaning::Nothing),
            ("COMMIT", Meaning::Nothing),
            ("SAVEPOINT `x`", Meaning::Nothing),
            ("GRANT SELECT ON shop.* TO a", Meaning::Nothing),
            ("CREATE USER 'a'@'%' IDENTIFIED WITH 'x'", Meaning::Nothing),
            ("create database shop", Meaning::Nothing),
            ("CREATE DEFINER=`root`@`localhost` PROCEDURE p() SELECT 1", Meaning::Nothing),
            ("TRUNCATE TABLE shop.orders", tables(&["shop.orders"])),
            ("truncate orders", tables(&["orders"])),
            (
                "DROP TABLE IF EXISTS `a`, `b.c`.d /* generated by server */",
                Meaning::Tables(vec![(None, "a".into()), (Some("b.c".into()), "d".into())]),
            ),
            ("/* hello */ ALTER TABLE `orders` ADD COLUMN x INT DEFAULT 1", tables(&["orders"])),
            ("CREATE TABLE IF NOT EXISTS s.t (a INT COMMENT 'SELECT')", tables(&["s.t"])),
            ("CREATE UNIQUE INDEX i ON s.t (a)", tables(&["s.t"])),
            ("CREATE ALGORITHM=UNDEFINED DEFINER=`r`@`%` SQL SECURITY DEFINER VIEW `v` AS SELECT 1", tables(&["v"])),
            ("CREATE DEFINER=`r`@`%` VIEW `v` AS SELECT 1", tables(&["v"])),
            ("# Dummy event replacing event type 160 that slave cannot handle.", Meaning::Nothing),
            ("/* nothing */ -- at all", Meaning::Nothing),
            ("", Meaning::Nothing),
            ("/*!50000 DELETE FROM t */", Meaning::Unknown("DELETE FROM".into())),
            ("CREATE OR REPLACE PROCEDURE p() SELECT 1", Meaning::Nothing),
            ("CREATE OR REPLACE TABLE `s`.`t` (a INT)", tables(&["s.t"])),
            ("ALTER TABLE a RENAME TO orders", within(&[], "ALTER TABLE")),
            ("ALTER TABLE a EXCHANGE PARTITION p WITH TABLE s.orders", within(&["s"], "ALTER TABLE")),
            ("CREATE TABLE a SELECT * FROM b", within(&[], "CREATE TABLE")),
            ("RENAME TABLE a TO `s`.orders, x . y TO z", within(&["s", "x"], "RENAME TABLE")),
            ("DROP DATABASE shop", Meaning::Dropped("shop".into())),
            ("DROP SCHEMA IF EXISTS `sh.op`", Meaning::Dropped("sh.op".into())),
            ("ALTER DATABASE shop CHARACTER SET latin1", Meaning::Nothing),
            ("XA START X'7831',X'',1", Meaning::Nothing),
            ("XA ROLLBACK X'7831',X'',1", Meaning::Nothing),
            ("XA COMMIT X'7831',X'AB',1", Meaning::Committed("x'7831',x'ab',1".into())),
            ("CALL shop.clear()", Meaning::Unknown("CALL SHOP".into())),
            ("UPDATE orders SET name = 'secret'", Meaning::Unknown("UPDATE ORDERS".into())),
            ("insert into t values ('secret')", Meaning::Unknown("INSERT INTO".into())),
            ("BEGINNING", Meaning::Unknown("BEGINNING".into())),
        ] {
            assert_eq!(meaning(statement), expected, "{statement}");
        }
    }
}
