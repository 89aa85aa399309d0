//! Whether anybody wrote between two places of the binlog. What cannot be read or understood is said to be unproven.
//! Knows statements by their first words only; no value of a row or of a statement is kept.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::timeout;

use crate::formats::facts::{Binlog, Flavor, Position, WritesFacts};
use crate::formats::filter::{Filter, is_system_schema};
use crate::formats::structure::Inventory;
use crate::seams::sql::{Change, Server};
use crate::words::addr::TableName;

/// How long reading it may take.
const READING_TIME: Duration = Duration::from_secs(600);
/// How many statements are named.
const NAMED: usize = 10;

/// Reads the binlog between two places. `selected` says by schema and name which tables count; see [`counted`].
///
/// Writes with `sql_log_bin = 0` stand in no binlog and are not seen.
pub async fn writes_between(
    server: &dyn Server,
    binlog: &Binlog,
    from: &Position,
    to: &Position,
    selected: &(dyn Fn(&str, &str) -> bool + Sync),
) -> WritesFacts {
    let mut facts = WritesFacts { from: from.clone(), to: to.clone(), ..WritesFacts::default() };
    if (&from.file, from.offset) == (&to.file, to.offset) {
        return facts;
    }
    if let Some(reason) = unreadable(binlog, from) {
        facts.unproven = reason;
        return facts;
    }
    let mut seen = Seen { selected, changed: BTreeSet::new(), unattributed: Vec::new(), unread: None };
    let reached = server.binlog(from, to, &mut |change| seen.take(change)).await;
    facts.changed_tables = seen.changed.into_iter().collect();
    facts.unattributed = seen.unattributed;
    facts.unproven = match (reached, seen.unread) {
        (Err(failure), _) => failure.to_string(),
        (Ok(false), _) => "the binlog ended before the position that the server told".into(),
        (Ok(true), Some(what)) => format!("the binlog holds {what}"),
        (Ok(true), None) => String::new(),
    };
    facts
}

/// What was written since `from` to a table that a migration moves: the selected ones, those whose writes cascade to
/// them, and any other name that its filter (`rules`) takes, which may be gone by now. Told within a time.
pub async fn writes_since(
    server: &dyn Server,
    binlog: &Binlog,
    from: &Position,
    rules: &[String],
    source: &Inventory,
) -> WritesFacts {
    let Some(to) = &binlog.position else {
        let unproven = if binlog.fault.is_empty() { "the binlog is off".into() } else { binlog.fault.clone() };
        return WritesFacts { from: from.clone(), unproven, ..WritesFacts::default() };
    };
    let counted = counted(source);
    let filter = Filter::parse(rules).unwrap_or_default();
    let selected = |schema: &str, name: &str| {
        counted.contains(&TableName::new(schema, name)) || (!is_system_schema(schema) && filter.matches(schema, name))
    };
    let read = writes_between(server, binlog, from, to, &selected);
    timeout(READING_TIME, read).await.unwrap_or_else(|_| WritesFacts {
        from: from.clone(),
        to: to.clone(),
        unproven: format!("reading the binlog took longer than {} s", READING_TIME.as_secs()),
        ..WritesFacts::default()
    })
}

/// The tables on which a write counts: the selected ones, and those whose foreign keys carry a write on to a selected
/// one. InnoDB's cascades stand in no binlog, the write that set them off does.
pub fn counted(inventory: &Inventory) -> BTreeSet<TableName> {
    let mut counted: BTreeSet<TableName> = inventory.tables.iter().map(|table| table.name.clone()).collect();
    for key in inventory.tables.iter().flat_map(|table| &table.foreign_keys) {
        let carries = |rule: &str| !matches!(rule, "NO ACTION" | "RESTRICT" | "");
        if carries(&key.on_delete) || carries(&key.on_update) {
            counted.insert(key.references.clone());
        }
    }
    counted
}

/// Why the binlog proves nothing, whatever stands in it.
fn unreadable(binlog: &Binlog, from: &Position) -> Option<String> {
    if !binlog.enabled {
        return Some("the binlog is off".into());
    }
    if !binlog.fault.is_empty() {
        return Some(binlog.fault.clone());
    }
    if !binlog.format.eq_ignore_ascii_case("ROW") {
        return Some(format!("binlog_format is {}, and only ROW names the tables", binlog.format));
    }
    if binlog.filtered {
        return Some("a do or ignore filter leaves writes out of the binlog".into());
    }
    (!binlog.files.contains(&from.file)).then(|| format!("the server no longer has the binlog {:?}", from.file))
}

struct Seen<'a> {
    selected: &'a (dyn Fn(&str, &str) -> bool + Sync),
    changed: BTreeSet<String>,
    unattributed: Vec<String>,
    unread: Option<String>,
}

impl Seen<'_> {
    fn take(&mut self, change: Change<'_>) {
        match change {
            Change::Rows { schema, table } => self.table(schema, table),
            Change::Statement { schema, text } => match meaning(text) {
                Meaning::Nothing => {}
                Meaning::Tables(names) => {
                    for (named_schema, table) in names {
                        self.table(named_schema.as_deref().unwrap_or(schema), &table);
                    }
                }
                Meaning::Unknown(words) => {
                    let words = if schema.is_empty() { words } else { format!("{words} (in schema {schema})") };
                    if self.unattributed.len() < NAMED && !self.unattributed.contains(&words) {
                        self.unattributed.push(words);
                    }
                }
            },
            Change::Unread { what } => {
                self.unread.get_or_insert_with(|| what.to_owned());
            }
        }
    }

    fn table(&mut self, schema: &str, table: &str) {
        if (self.selected)(schema, table) {
            self.changed.insert(TableName::new(schema, table).key());
        }
    }
}

/// What a statement in the binlog can have written.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    /// No row of any table.
    Nothing,
    /// Only these tables, by schema (where it is named) and name.
    Tables(Vec<(Option<String>, String)>),
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
    "XA",
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

fn meaning(statement: &str) -> Meaning {
    let tokens = tokens(statement);
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
    let unknown = || Meaning::Unknown(first.split_whitespace().take(2).collect::<Vec<_>>().join(" "));
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
    let name = |token: Option<&Token>| match token {
        Some(Token::Word(name) | Token::Quoted(name)) => Some(name.clone()),
        _ => None,
    };
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

/// Whether a server has a binlog that [`writes_between`] can read.
pub fn has_binlog(flavor: Flavor) -> bool {
    flavor != Flavor::Tidb
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
            ("ALTER TABLE a RENAME TO orders", Meaning::Unknown("ALTER TABLE".into())),
            ("ALTER TABLE a EXCHANGE PARTITION p WITH TABLE orders", Meaning::Unknown("ALTER TABLE".into())),
            ("CREATE TABLE a SELECT * FROM b", Meaning::Unknown("CREATE TABLE".into())),
            ("RENAME TABLE a TO orders", Meaning::Unknown("RENAME TABLE".into())),
            ("DROP DATABASE shop", Meaning::Unknown("DROP DATABASE".into())),
            ("UPDATE orders SET name = 'secret'", Meaning::Unknown("UPDATE ORDERS".into())),
            ("insert into t values ('secret')", Meaning::Unknown("INSERT INTO".into())),
            ("BEGINNING", Meaning::Unknown("BEGINNING".into())),
        ] {
            assert_eq!(meaning(statement), expected, "{statement}");
        }
    }

    #[test]
    fn a_binlog_that_leaves_writes_out_proves_nothing() {
        let whole = Binlog { enabled: true, format: "ROW".into(), files: vec!["b.1".into()], ..Binlog::default() };
        let from = Position { file: "b.1".into(), offset: 4, gtid: String::new() };
        assert_eq!(unreadable(&whole, &from), None);
        for (what, binlog) in [
            ("off", Binlog { enabled: false, ..whole.clone() }),
            ("format", Binlog { format: "MIXED".into(), ..whole.clone() }),
            ("filter", Binlog { filtered: true, ..whole.clone() }),
            ("gone", Binlog { files: vec!["b.2".into()], ..whole.clone() }),
            ("fault", Binlog { fault: "denied".into(), ..whole.clone() }),
        ] {
            assert!(unreadable(&binlog, &from).is_some(), "{what}");
        }
    }
}
