//! CREATE statements as servers print them -> structure: for a dump that has to stand for its own source. The form is that
//! of SHOW CREATE of MySQL, MariaDB and TiDB, and what comes out is what information_schema would have told. Texts of
//! types, expressions and partitions stay as they are written; a clause that is not known is an error, never passed over.
//!
//! A collation that the text leaves out is the default of its charset on the server that wrote it; it is named in the
//! structure, so that the target's own defaults have no say.

use std::fmt;

mod column;
mod options;

use super::scan::Scan;
use super::view;
use crate::formats::collation::{charset_of, normal_charset, normal_collation};
use crate::formats::facts::Flavor;
use crate::formats::structure::{Check, ForeignKey, Index, IndexPart, Schema, Table, View};
use crate::words::addr::TableName;

/// A statement that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateFault {
    pub wanted: &'static str,
    /// The next few characters.
    pub near: String,
}

impl fmt::Display for CreateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} before {:?}", self.wanted, self.near)
    }
}

impl std::error::Error for CreateFault {}

type Read<T> = Result<T, CreateFault>;

/// Reads `CREATE TABLE`. `name`: its schema and what it is called; `writer`: whose text it is. Every word of the text is
/// read or is a fault: nothing is passed over.
///
/// # Errors
/// What is not of SHOW CREATE TABLE's form.
pub fn read_table(name: &TableName, text: &str, writer: Flavor) -> Read<Table> {
    let mut scan = Scan::new(text);
    scan.words(&["CREATE", "TABLE"])?;
    scan.skip_words(&["IF", "NOT", "EXISTS"]);
    scan.name()?;
    // A name with its schema, as mig itself writes it.
    if scan.takes('.') {
        scan.name()?;
    }
    let mut table = Table { name: name.clone(), ..Table::default() };
    scan.sign('(')?;
    loop {
        item(&mut scan, &mut table, writer)?;
        if !scan.takes(',') {
            break;
        }
    }
    scan.sign(')')?;
    options::read(&mut scan, &mut table, writer)?;
    for column in &mut table.columns {
        column::with_defaults(column, &table.collation);
    }
    periods_apart(&mut table);
    table.indexes.sort_by(|a, b| (a.name != "PRIMARY", &a.name).cmp(&(b.name != "PRIMARY", &b.name)));
    table.foreign_keys.sort_by(|a, b| a.name.cmp(&b.name));
    table.checks.sort_by(|a, b| a.name.cmp(&b.name));
    table.generated_invisible_key =
        table.columns.iter().any(|c| c.name == "my_row_id" && c.invisible && c.auto_increment);
    Ok(table)
}

/// Takes the columns of the period of a system-versioned table out: they say when a row was written, and the rows of now
/// are told apart without them.
pub fn periods_apart(table: &mut Table) {
    let system: Vec<String> = table
        .columns
        .iter()
        .filter(|column| column.generated.as_ref().is_some_and(|g| is_row_time(&g.expression)))
        .map(|column| column.name.clone())
        .collect();
    if system.is_empty() {
        return;
    }
    table.columns.retain(|column| !system.contains(&column.name));
    for index in &mut table.indexes {
        index.parts.retain(|part| part.column.as_ref().is_none_or(|name| !system.contains(name)));
    }
    table.indexes.retain(|index| !index.parts.is_empty());
    let period = format!("SYSTEM_TIME ({})", system.join(", "));
    table.periods.retain(|known| !known.starts_with("SYSTEM_TIME"));
    table.periods.push(period);
}

/// `ROW START` and `ROW END`: how MariaDB generates the columns of SYSTEM_TIME.
fn is_row_time(expression: &str) -> bool {
    matches!(expression.to_ascii_uppercase().as_str(), "ROW START" | "ROW END")
}

/// Reads `CREATE DATABASE`. Without a charset in it, utf8mb4 is meant.
pub fn read_schema(name: &str, text: &str) -> Schema {
    let mut scan = Scan::new(text);
    let (mut charset, mut collation) = (None, None);
    while !scan.ended() {
        if scan.skip_words(&["CHARACTER", "SET"]) || scan.skip_words(&["CHARSET"]) {
            scan.takes('=');
            charset = scan.word();
        } else if scan.skip_words(&["COLLATE"]) {
            scan.takes('=');
            collation = scan.word();
        } else {
            scan.pass();
        }
    }
    let charset = charset.map_or_else(|| "utf8mb4".to_owned(), |name| normal_charset(&name));
    let collation = collation.map_or_else(|| default_collation(&charset), |name| normal_collation(&name));
    Schema { name: name.to_owned(), charset: charset_of(&collation).to_owned(), collation, comment: String::new() }
}

/// Reads `CREATE … VIEW`; `columns` are those of the view's placeholder.
///
/// # Errors
/// A text that is not a view's.
pub fn read_view(name: &TableName, text: &str, columns: Vec<String>) -> Read<View> {
    let read = view::read(text).map_err(|fault| CreateFault { wanted: fault.wanted, near: fault.near })?;
    Ok(View {
        select: read.select,
        columns: if columns.is_empty() { read.columns } else { columns },
        check_option: read.check_option,
        security_type: read.security,
        definer: read.definer,
        charset: "utf8mb4".to_owned(),
        collation: default_collation("utf8mb4"),
        algorithm: read.algorithm,
        ..View::named(name.clone())
    })
}

fn item(scan: &mut Scan<'_>, table: &mut Table, writer: Flavor) -> Read<()> {
    if scan.at_name() {
        return column::read(scan, table, writer);
    }
    if scan.skip_words(&["PRIMARY", "KEY"]) {
        let index = index(scan, "PRIMARY".into(), true, "BTREE")?;
        table.indexes.push(index);
        return Ok(());
    }
    if scan.skip_words(&["PERIOD", "FOR"]) {
        let name = if scan.at_name() { scan.name()? } else { scan.word().ok_or_else(|| scan.fault("a period"))? };
        table.periods.push(format!("{name} ({})", names(scan)?.join(", ")));
        return Ok(());
    }
    for (words, unique, kind) in [
        (&["UNIQUE", "KEY"][..], true, "BTREE"),
        (&["FULLTEXT", "KEY"], false, "FULLTEXT"),
        (&["SPATIAL", "KEY"], false, "SPATIAL"),
        (&["KEY"], false, "BTREE"),
    ] {
        if scan.skip_words(words) {
            let name = scan.name()?;
            let index = index(scan, name, unique, kind)?;
            table.indexes.push(index);
            return Ok(());
        }
    }
    scan.words(&["CONSTRAINT"])?;
    let name = scan.name()?;
    if scan.skip_words(&["CHECK"]) {
        let clause = scan.bracketed()?.to_owned();
        let enforced = !scan.skip_words(&["NOT", "ENFORCED"]);
        table.checks.push(Check { name, clause, enforced });
        return Ok(());
    }
    scan.words(&["FOREIGN", "KEY"])?;
    let mut key = foreign_key(scan, name, &table.name.schema)?;
    key.not_enforced = scan.skip_words(&["FOREIGN", "KEY", "INVALID"]);
    table.foreign_keys.push(key);
    Ok(())
}

fn index(scan: &mut Scan<'_>, name: String, unique: bool, kind: &str) -> Read<Index> {
    let mut index = Index { name, unique, kind: kind.to_owned(), visible: true, ..Index::default() };
    scan.sign('(')?;
    loop {
        let mut part = IndexPart::default();
        if scan.at_name() {
            let name = scan.name()?;
            if scan.skip_words(&["WITHOUT", "OVERLAPS"]) {
                index.without_overlaps = Some(name);
                if !scan.takes(',') {
                    break;
                }
                continue;
            }
            part.column = Some(name);
            if scan.rest().starts_with('(') {
                let length = scan.bracketed()?.trim().parse();
                part.prefix = Some(length.map_err(|_| scan.fault("the length of a prefix"))?);
            }
        } else {
            part.expression = Some(scan.bracketed()?.to_owned());
        }
        part.descending = scan.skip_words(&["DESC"]);
        scan.skip_words(&["ASC"]);
        index.parts.push(part);
        if !scan.takes(',') {
            break;
        }
    }
    scan.sign(')')?;
    while !matches!(scan.rest().chars().next(), Some(',' | ')') | None) {
        if scan.skip_words(&["USING"]) {
            let kind = scan.word().unwrap_or_default().to_uppercase();
            // InnoDB makes a tree of it whatever is written.
            index.kind = if kind == "HASH" { "BTREE".into() } else { kind };
        } else if scan.skip_words(&["COMMENT"]) {
            index.comment = scan.string()?;
        } else if scan.skip_words(&["INVISIBLE"]) || scan.skip_words(&["IGNORED"]) {
            index.visible = false;
        } else if scan.skip_words(&["WITH", "PARSER"]) {
            index.parser = scan.name()?;
        } else if let Some(option) = options::of_index(scan)? {
            index.options.push(option);
        } else if !scan.skip_words(&["CLUSTERED"]) && !scan.skip_words(&["NONCLUSTERED"]) {
            return Err(scan.fault("a clause of an index"));
        }
    }
    Ok(index)
}

fn names(scan: &mut Scan<'_>) -> Read<Vec<String>> {
    scan.sign('(')?;
    let mut names = vec![scan.name()?];
    while scan.takes(',') {
        names.push(scan.name()?);
    }
    scan.sign(')')?;
    Ok(names)
}

fn foreign_key(scan: &mut Scan<'_>, name: String, schema: &str) -> Read<ForeignKey> {
    let columns = names(scan)?;
    scan.words(&["REFERENCES"])?;
    let first = scan.name()?;
    let references = if scan.takes('.') { TableName::new(first, scan.name()?) } else { TableName::new(schema, first) };
    let referenced_columns = names(scan)?;
    let (mut on_update, mut on_delete) = ("NO ACTION".to_owned(), "NO ACTION".to_owned());
    loop {
        let rule = if scan.skip_words(&["ON", "DELETE"]) {
            &mut on_delete
        } else if scan.skip_words(&["ON", "UPDATE"]) {
            &mut on_update
        } else {
            break;
        };
        for words in [&["NO", "ACTION"][..], &["SET", "NULL"], &["SET", "DEFAULT"], &["CASCADE"], &["RESTRICT"]] {
            if scan.skip_words(words) {
                *rule = words.join(" ");
                break;
            }
        }
    }
    Ok(ForeignKey { name, columns, references, referenced_columns, on_update, on_delete, not_enforced: false })
}

/// The default of a charset where SHOW CREATE leaves the collation out. Since 8.0, when utf8mb4's default changed, MySQL
/// always names utf8mb4's: without one it is the older server's.
pub(super) fn default_collation(charset: &str) -> String {
    match charset {
        "latin1" => "latin1_swedish_ci".into(),
        "gbk" => "gbk_chinese_ci".into(),
        "gb2312" => "gb2312_chinese_ci".into(),
        "gb18030" => "gb18030_chinese_ci".into(),
        "big5" => "big5_chinese_ci".into(),
        "sjis" => "sjis_japanese_ci".into(),
        "cp932" => "cp932_japanese_ci".into(),
        "ujis" => "ujis_japanese_ci".into(),
        "eucjpms" => "eucjpms_japanese_ci".into(),
        "euckr" => "euckr_korean_ci".into(),
        "latin5" => "latin5_turkish_ci".into(),
        "tis620" => "tis620_thai_ci".into(),
        "binary" => "binary".into(),
        other => format!("{other}_general_ci"),
    }
}

/// Bytes that a character may take.
pub(super) fn charset_width(charset: &str) -> u64 {
    match charset {
        "utf8mb4" | "gb18030" | "utf16" | "utf16le" | "utf32" => 4,
        "utf8" | "ujis" | "eucjpms" => 3,
        "gbk" | "gb2312" | "big5" | "sjis" | "cp932" | "euckr" | "ucs2" => 2,
        _ => 1,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_create_table_is_told_and_never_passed_over() {
        let name = TableName::new("s", "t");
        for (text, wanted) in [
            ("DROP TABLE `t`", "another word"),
            ("CREATE TABLE `t` (`a` int SOMETHING)", "a clause of a column"),
            ("CREATE TABLE `t` (`a` int, KEY `k` (`a`) ODD)", "a clause of an index"),
            ("CREATE TABLE `t` (`a` int", "a bracket or a comma"),
            ("CREATE TABLE `t` (`a` varchar(3", "a closing bracket"),
            ("CREATE TABLE `t` (`a` int COMMENT 'x", "the end of a string"),
            ("CREATE TABLE t (a int)", "a name in backticks"),
        ] {
            assert_eq!(read_table(&name, text, Flavor::Mysql).unwrap_err().wanted, wanted, "{text}");
        }
    }

    #[test]
    fn a_schema_and_a_view_are_read_from_their_texts() {
        for (text, charset, collation) in [
            (
                "CREATE DATABASE `s` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci */",
                "utf8mb4",
                "utf8mb4_0900_ai_ci",
            ),
            (
                "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `s` /*!40100 DEFAULT CHARACTER SET latin1 */;",
                "latin1",
                "latin1_swedish_ci",
            ),
            ("CREATE DATABASE `s`", "utf8mb4", "utf8mb4_general_ci"),
        ] {
            let schema = read_schema("s", text);
            assert_eq!((schema.charset.as_str(), schema.collation.as_str()), (charset, collation), "{text}");
        }
        let text = "CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`%` SQL SECURITY INVOKER VIEW `v` (`a`) AS select 1 AS `a` WITH LOCAL CHECK OPTION;";
        let view = read_view(&TableName::new("s", "v"), text, vec!["a".into()]).unwrap();
        assert_eq!((view.select.as_str(), view.check_option.as_str()), ("select 1 AS `a`", "LOCAL"));
        assert_eq!((view.definer.as_str(), view.security_type.as_str()), ("root@%", "INVOKER"));
    }
}
