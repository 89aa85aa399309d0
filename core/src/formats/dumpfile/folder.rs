//! The files of a finished dump, as Dumpling, mydumper or mig leave them in a folder: which of them is what, and to
//! which table each belongs. Knows names and the first lines of files; opens none.
//!
//! A name of a file is not proof of a table's name: mydumper writes `db.t.sql` for a table `t` and for one that is called
//! `t.sql` it escapes nothing, and later releases write `mydumper_0` for an odd name. So the stem of a file of rows is
//! looked up among the stems of the schema files, and the table's name is read from the CREATE in them.

use std::collections::{BTreeMap, BTreeSet};

use super::{METADATA, unescape_name};
use crate::formats::steps::DumpTool;
use crate::words::addr::TableName;

/// What a file of a dump is, by its name, without the suffix of a packing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    Metadata,
    /// `CREATE DATABASE`, by the stem of its name.
    Schema(&'a str),
    /// `CREATE TABLE`, or the placeholder of a view.
    Table(&'a str),
    View(&'a str),
    /// Triggers of a table, routines and events of a schema: never moved.
    Programs(&'a str),
    /// mydumper's count of the rows of a table.
    Count(&'a str),
    /// Rows; numbers may follow the stem.
    Rows(&'a str),
    Other,
}

impl<'a> Kind<'a> {
    /// `name` without `.gz`, `.zst` or `.snappy`.
    pub fn of(name: &'a str) -> Self {
        if name == METADATA {
            return Self::Metadata;
        }
        // The longer suffixes before the shorter that they end with.
        let kinds: [(&str, fn(&'a str) -> Self); 7] = [
            ("-schema-create.sql", Self::Schema),
            ("-schema-view.sql", Self::View),
            ("-schema-triggers.sql", Self::Programs),
            ("-schema-post.sql", Self::Programs),
            ("-schema-sequence.sql", Self::Programs),
            ("-schema.sql", Self::Table),
            ("-metadata", Self::Count),
        ];
        for (suffix, make) in kinds {
            if let Some(stem) = name.strip_suffix(suffix) {
                return make(stem);
            }
        }
        match name.strip_suffix(".sql").or_else(|| name.strip_suffix(".csv")) {
            Some(stem) if stem.contains('.') => Self::Rows(stem),
            _ => Self::Other,
        }
    }
}

/// The stem of the schema file to which a file of rows belongs: its own, or what stands before its numbers. The longest
/// of those that are known; of none that is known the first two words.
pub fn stem_of_rows<'a>(rows: &'a str, known: &BTreeSet<String>) -> &'a str {
    let mut stem = rows;
    loop {
        if known.contains(stem) {
            return stem;
        }
        match stem.rsplit_once('.') {
            Some((shorter, number)) if is_number(number) && shorter.contains('.') => stem = shorter,
            _ => return stem,
        }
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// The schema and the table that a stem names, where no CREATE tells. `schemas`: stems of schemas to their names.
pub fn names_in(stem: &str, schemas: &BTreeMap<String, String>) -> Option<(String, String)> {
    let plain = |text: &str| unescape_name(text).unwrap_or_else(|| text.to_owned());
    let known = schemas.iter().filter_map(|(start, name)| {
        let table = stem.strip_prefix(start.as_str())?.strip_prefix('.')?;
        Some((start.len(), name.clone(), plain(table)))
    });
    if let Some((_, schema, table)) = known.max_by_key(|(length, ..)| *length) {
        return Some((schema, table));
    }
    let (schema, table) = stem.split_once('.')?;
    Some((plain(schema), plain(table)))
}

/// The name in the first CREATE TABLE, DATABASE or VIEW of a file's text; `None`: there is none.
pub fn created_name(text: &str) -> Option<String> {
    created(text).map(|(name, _)| name)
}

/// The first CREATE statement of a file's text, from its first word to before its semicolon.
pub fn create_statement(text: &str) -> Option<&str> {
    let from = create_place(text)?;
    let rest = &text[from..];
    Some(&rest[..statement_length(rest)])
}

/// Where the first statement ends: a semicolon outside of quotes and comments.
fn statement_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b';' => return at,
            quote @ (b'\'' | b'"' | b'`') => {
                at += 1;
                while at < bytes.len() && bytes[at] != quote {
                    at += if bytes[at] == b'\\' && quote != b'`' { 2 } else { 1 };
                }
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

fn create_place(text: &str) -> Option<usize> {
    let mut from = 0;
    for line in text.split_inclusive('\n') {
        if line.get(..7).is_some_and(|word| word.eq_ignore_ascii_case("CREATE ")) {
            return Some(from);
        }
        from += line.len();
    }
    None
}

/// The name behind the first word that says what is created, without its schema, and what follows it.
fn created(text: &str) -> Option<(String, &str)> {
    let statement = create_statement(text)?;
    let (name, rest) = quoted_name(&statement[statement.find('`')? + 1..])?;
    // mig's own dumps name the schema, too.
    match rest.strip_prefix(".`") {
        Some(behind) => quoted_name(behind),
        None => Some((name, rest)),
    }
}

/// A name in backquotes, behind the first of them, and what follows it.
fn quoted_name(mut rest: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    loop {
        let close = rest.find('`')?;
        name.push_str(&rest[..close]);
        rest = &rest[close + 1..];
        match rest.strip_prefix('`') {
            Some(more) => {
                name.push('`');
                rest = more;
            }
            None => return Some((name, rest)),
        }
    }
}

/// Names of the columns of a view's placeholder, in which each is quoted on a line of its own.
pub fn placeholder_columns(text: &str) -> Vec<String> {
    let Some((_, rest)) = created(text) else { return Vec::new() };
    let name = |line: &str| {
        let line = line.trim_start().strip_prefix('`')?;
        let end = line.rfind('`')?;
        Some(line[..end].replace("``", "`"))
    };
    rest.lines().filter_map(name).collect()
}

/// What wrote a dump, by the first lines of any of its SQL files.
pub fn tool_of(head: &str) -> DumpTool {
    if head.trim_start().starts_with("/*!40101 SET NAMES binary*/") { DumpTool::Mydumper } else { DumpTool::Dumpling }
}

/// Whether `metadata` says that the dump came to its end: Dumpling and mydumper write this as its last line.
pub fn is_finished(metadata: &str) -> bool {
    metadata.contains("Finished dump at")
}

/// A table's name out of its stem and the name in its CREATE.
pub fn table_name(stem: &str, created: Option<String>, schemas: &BTreeMap<String, String>) -> Option<TableName> {
    let (schema, table) = names_in(stem, schemas)?;
    Some(TableName::new(schema, created.unwrap_or(table)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_either_tool_is_known_by_its_name() {
        for (name, kind) in [
            ("metadata", Kind::Metadata),
            ("shop-schema-create.sql", Kind::Schema("shop")),
            ("shop.orders-schema.sql", Kind::Table("shop.orders")),
            ("shop.v-schema-view.sql", Kind::View("shop.v")),
            ("shop.orders-schema-triggers.sql", Kind::Programs("shop.orders")),
            ("shop-schema-post.sql", Kind::Programs("shop")),
            ("shop.s-schema-sequence.sql", Kind::Programs("shop.s")),
            ("shop.orders-metadata", Kind::Count("shop.orders")),
            ("shop.orders.000000001.csv", Kind::Rows("shop.orders.000000001")),
            ("shop.orders.sql", Kind::Rows("shop.orders")),
            ("notes.txt", Kind::Other),
            ("mig-manifest.json", Kind::Other),
            ("x.sql", Kind::Other),
        ] {
            assert_eq!(Kind::of(name), kind, "{name}");
        }
    }

    #[test]
    fn rows_belong_to_the_longest_stem_that_is_known() {
        let known: BTreeSet<String> = ["s.t", "s.t.00001", "s.a.b", "s.c.sql"].map(str::to_owned).into();
        for (rows, stem) in [
            ("s.t", "s.t"),
            ("s.t.00000", "s.t"),
            ("s.t.00000.00001", "s.t"),
            ("s.t.00001", "s.t.00001"),
            ("s.t.00001.00000", "s.t.00001"),
            ("s.a.b.0000000010000", "s.a.b"),
            ("s.c.sql", "s.c.sql"),
            ("s.unknown.000000001", "s.unknown"),
            ("s.7", "s.7"),
        ] {
            assert_eq!(stem_of_rows(rows, &known), stem, "{rows}");
        }
    }

    #[test]
    fn a_table_is_named_by_its_create_before_its_file() {
        let schemas: BTreeMap<String, String> =
            [("s", "s"), ("a.b", "a.b"), ("x%2Ey", "x.y")].map(|(a, b)| (a.to_owned(), b.to_owned())).into();
        for (stem, created, expected) in [
            ("s.t", None, Some(("s", "t"))),
            ("s.odd%25", None, Some(("s", "odd%"))),
            ("s.odd%.na", Some("odd%.na"), Some(("s", "odd%.na"))),
            ("s.mydumper_0", Some("a/b"), Some(("s", "a/b"))),
            ("a.b.c", None, Some(("a.b", "c"))),
            ("x%2Ey.t", None, Some(("x.y", "t"))),
            ("none", None, None),
        ] {
            let found = table_name(stem, created.map(str::to_owned), &schemas);
            assert_eq!(found, expected.map(|(s, t)| TableName::new(s, t)), "{stem}");
        }
    }

    #[test]
    fn the_create_is_found_behind_settings_and_ends_at_its_own_semicolon() {
        let text = "/*!40014 SET FOREIGN_KEY_CHECKS=0*/;\n/*!40101 SET NAMES binary*/;\nCREATE TABLE `a``;b` (\n  `x;y` int \
                    COMMENT 'it''s; \\' so;'\n) ENGINE=InnoDB;\nSET x = 1;\n";
        assert_eq!(created_name(text).as_deref(), Some("a`;b"));
        assert!(create_statement(text).unwrap().ends_with(") ENGINE=InnoDB"));
        let database = "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `d.x` /*!40100 DEFAULT CHARACTER SET utf8mb4 */;";
        assert_eq!(created_name(database).as_deref(), Some("d.x"));
        assert_eq!(created_name("-- nothing\n"), None);
    }

    #[test]
    fn a_views_columns_stand_in_its_placeholder() {
        for text in [
            "/*!40101 SET NAMES binary*/;\nCREATE TABLE `v`(\n`a` int,\n`b``c` int\n)ENGINE=MyISAM;\n",
            "CREATE TABLE `v` (\n  `a` int,\n  `b``c` varchar(3)\n) ENGINE=MyISAM;",
        ] {
            assert_eq!(placeholder_columns(text), ["a", "b`c"], "{text}");
        }
    }

    #[test]
    fn the_tool_is_known_by_the_order_of_its_first_lines() {
        assert_eq!(tool_of(super::super::HEADER), DumpTool::Dumpling);
        let head = "/*!40101 SET NAMES binary*/;\n/*!40014 SET FOREIGN_KEY_CHECKS=0*/;\n";
        assert_eq!(tool_of(head), DumpTool::Mydumper);
        assert!(is_finished("Started dump at: 1\n\nFinished dump at: 2\n"));
        assert!(!is_finished("Started dump at: 1\n"));
    }
}
