//! CREATE statements as servers print them -> structure: for a dump that has to stand for its own source. The form is that
//! of SHOW CREATE of MySQL, MariaDB and TiDB, and what comes out is what information_schema would have told. Texts of
//! types, expressions and partitions stay as they are written; a clause that is not known is an error, never passed over.
//!
//! A collation that the text leaves out is the default of its charset on the server that wrote it; it is named in the
//! structure, so that the target's own defaults have no say.

use std::fmt;

use super::scan::Scan;
use crate::formats::collation::{charset_of, normal_charset, normal_collation, normal_column_type};
use crate::formats::structure::{
    Check, Column, ForeignKey, Generated, Index, IndexPart, Schema, Table, TableEstimate, View,
};
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

/// Reads `CREATE TABLE`. `name`: its schema and what it is called.
///
/// # Errors
/// What is not of SHOW CREATE TABLE's form.
pub fn read_table(name: &TableName, text: &str) -> Read<Table> {
    let mut scan = Scan::new(text);
    scan.words(&["CREATE", "TABLE"])?;
    scan.skip_words(&["IF", "NOT", "EXISTS"]);
    scan.name()?;
    // A name with its schema, as mig itself writes it.
    if scan.takes('.') {
        scan.name()?;
    }
    let mut table = Table {
        name: name.clone(),
        engine: String::new(),
        charset: String::new(),
        collation: String::new(),
        comment: String::new(),
        options: String::new(),
        columns: Vec::new(),
        indexes: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        partitioning: String::new(),
        generated_invisible_key: false,
        system_versioned: false,
        estimate: TableEstimate::default(),
    };
    scan.sign('(')?;
    loop {
        item(&mut scan, &mut table)?;
        if !scan.takes(',') {
            break;
        }
    }
    scan.sign(')')?;
    options(&mut scan, &mut table)?;
    for column in &mut table.columns {
        with_defaults(column, &table.collation);
    }
    table.indexes.sort_by(|a, b| (a.name != "PRIMARY", &a.name).cmp(&(b.name != "PRIMARY", &b.name)));
    table.foreign_keys.sort_by(|a, b| a.name.cmp(&b.name));
    table.checks.sort_by(|a, b| a.name.cmp(&b.name));
    table.generated_invisible_key =
        table.columns.iter().any(|c| c.name == "my_row_id" && c.invisible && c.auto_increment);
    Ok(table)
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
    Schema { name: name.to_owned(), charset: charset_of(&collation).to_owned(), collation }
}

/// Reads `CREATE … VIEW`; `columns` are those of the view's placeholder.
///
/// # Errors
/// A text that is no view's.
pub fn read_view(name: &TableName, text: &str, columns: Vec<String>) -> Read<View> {
    let mut scan = Scan::new(text);
    scan.words(&["CREATE"])?;
    let (mut definer, mut security_type) = (String::new(), "DEFINER".to_owned());
    while !scan.skip_words(&["VIEW"]) {
        if scan.ended() {
            return Err(scan.fault("VIEW"));
        }
        if scan.skip_words(&["DEFINER"]) {
            scan.takes('=');
            let user = scan.name()?;
            let host = if scan.takes('@') { scan.name()? } else { "%".to_owned() };
            definer = format!("{user}@{host}");
        } else if scan.skip_words(&["SQL", "SECURITY"]) {
            security_type = scan.word().unwrap_or_default().to_uppercase();
        } else {
            scan.pass();
        }
    }
    scan.name()?;
    if scan.takes('.') {
        scan.name()?;
    }
    if scan.rest().starts_with('(') {
        scan.bracketed()?;
    }
    scan.words(&["AS"])?;
    let mut select = scan.all_left().trim().trim_end_matches(';').trim_end();
    let mut check_option = "NONE";
    for (suffix, option) in [(" WITH CASCADED CHECK OPTION", "CASCADED"), (" WITH LOCAL CHECK OPTION", "LOCAL")] {
        if let Some(bare) = select.strip_suffix(suffix) {
            (select, check_option) = (bare, option);
        }
    }
    Ok(View {
        name: name.clone(),
        select: select.to_owned(),
        columns,
        check_option: check_option.to_owned(),
        security_type,
        definer,
        charset: "utf8mb4".to_owned(),
        collation: default_collation("utf8mb4"),
    })
}

fn item(scan: &mut Scan<'_>, table: &mut Table) -> Read<()> {
    if scan.at_name() {
        return column(scan, table);
    }
    if scan.skip_words(&["PRIMARY", "KEY"]) {
        let index = index(scan, "PRIMARY".into(), true, "BTREE")?;
        table.indexes.push(index);
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
        let clause = format!("({})", scan.bracketed()?);
        let enforced = !scan.skip_words(&["NOT", "ENFORCED"]);
        table.checks.push(Check { name, clause, enforced });
        return Ok(());
    }
    scan.words(&["FOREIGN", "KEY"])?;
    let key = foreign_key(scan, name, &table.name.schema)?;
    table.foreign_keys.push(key);
    Ok(())
}

fn column(scan: &mut Scan<'_>, table: &mut Table) -> Read<()> {
    let name = scan.name()?;
    let data_type = scan.word().map(|word| word.to_ascii_lowercase());
    let data_type = data_type.ok_or_else(|| scan.fault("a type"))?;
    let mut column_type = data_type.clone();
    if scan.rest().starts_with('(') {
        column_type.push_str(&format!("({})", scan.bracketed()?));
    }
    for word in ["unsigned", "zerofill"] {
        if scan.skip_words(&[word]) {
            column_type.push_str(&format!(" {word}"));
        }
    }
    let mut column = Column {
        name,
        column_type: normal_column_type(&column_type),
        data_type,
        nullable: true,
        default: None,
        default_is_expression: false,
        on_update: None,
        auto_increment: false,
        generated: None,
        invisible: false,
        charset: None,
        collation: None,
        octet_length: None,
        srid: None,
        comment: String::new(),
    };
    while !matches!(scan.rest().chars().next(), Some(',' | ')') | None) {
        if scan.skip_words(&["CHARACTER", "SET"]) {
            column.charset = scan.word().map(|word| normal_charset(&word));
        } else if scan.skip_words(&["COLLATE"]) {
            column.collation = scan.word().map(|word| normal_collation(&word));
        } else if scan.skip_words(&["GENERATED", "ALWAYS"]) || scan.skip_words(&["AS"]) {
            scan.skip_words(&["AS"]);
            let expression = scan.bracketed()?.to_owned();
            let stored = scan.skip_words(&["STORED"]) || scan.skip_words(&["PERSISTENT"]);
            if !stored {
                scan.skip_words(&["VIRTUAL"]);
            }
            column.generated = Some(Generated { expression, stored });
        } else if scan.skip_words(&["NOT", "NULL"]) {
            column.nullable = false;
        } else if scan.skip_words(&["NULL"]) || scan.skip_words(&["AUTO_RANDOM"]) {
            if scan.rest().starts_with('(') {
                scan.bracketed()?;
            }
        } else if scan.skip_words(&["DEFAULT"]) {
            default(scan, &mut column)?;
        } else if scan.skip_words(&["ON", "UPDATE"]) {
            column.on_update = Some(call(scan)?);
        } else if scan.skip_words(&["AUTO_INCREMENT"]) {
            column.auto_increment = true;
        } else if scan.skip_words(&["COMMENT"]) {
            column.comment = scan.string()?;
        } else if scan.skip_words(&["INVISIBLE"]) {
            column.invisible = true;
        } else if scan.skip_words(&["SRID"]) {
            column.srid = scan.word().and_then(|word| word.parse().ok());
        } else if scan.skip_words(&["CHECK"]) {
            let clause = scan.bracketed()?.to_owned();
            table.checks.push(Check { name: column.name.clone(), clause, enforced: true });
        } else {
            return Err(scan.fault("a clause of a column"));
        }
    }
    table.columns.push(column);
    Ok(())
}

fn default(scan: &mut Scan<'_>, column: &mut Column) -> Read<()> {
    let rest = scan.rest();
    let binary = matches!(column.data_type.as_str(), "binary" | "varbinary");
    if rest.starts_with('\'') {
        let text = scan.string()?;
        column.default = Some(if binary { hex_of(text.as_bytes(), &column.data_type) } else { text });
    } else if rest.starts_with('(') {
        column.default = Some(scan.bracketed()?.to_owned());
        column.default_is_expression = true;
    } else if rest.starts_with("b'") {
        scan.word();
        column.default = Some(format!("b{}", scan.raw_string()?));
    } else if rest.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.')) {
        let length = rest.find(|c: char| c.is_whitespace() || matches!(c, ',' | ')')).unwrap_or(rest.len());
        let number = rest[..length].to_owned();
        while scan.rest().len() > rest.len() - length {
            scan.pass();
        }
        column.default = Some(number);
    } else if !scan.skip_words(&["NULL"]) {
        column.default = Some(call(scan)?);
        column.default_is_expression = true;
    }
    Ok(())
}

/// `CURRENT_TIMESTAMP(6)`, `uuid()`: a word and what stands in its brackets.
fn call(scan: &mut Scan<'_>) -> Read<String> {
    let word = scan.word().ok_or_else(|| scan.fault("a function"))?;
    let arguments = if scan.rest().starts_with('(') { Some(scan.bracketed()?) } else { None };
    if word.eq_ignore_ascii_case("CURRENT_TIMESTAMP") {
        let digits = arguments.filter(|digits| !matches!(*digits, "" | "0"));
        return Ok(digits.map_or("CURRENT_TIMESTAMP".into(), |digits| format!("CURRENT_TIMESTAMP({digits})")));
    }
    Ok(arguments.map_or(word.clone(), |arguments| format!("{word}({arguments})")))
}

fn index(scan: &mut Scan<'_>, name: String, unique: bool, kind: &str) -> Read<Index> {
    let mut index = Index {
        name,
        unique,
        kind: kind.to_owned(),
        visible: true,
        parts: Vec::new(),
        parser: String::new(),
        comment: String::new(),
    };
    scan.sign('(')?;
    loop {
        let mut part = IndexPart { column: None, expression: None, prefix: None, descending: false };
        if scan.at_name() {
            part.column = Some(scan.name()?);
            if scan.rest().starts_with('(') {
                part.prefix = scan.bracketed()?.trim().parse().ok();
            }
        } else {
            part.expression = Some(scan.bracketed()?.to_owned());
        }
        part.descending = scan.skip_words(&["DESC"]);
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
        } else if scan.skip_words(&["KEY_BLOCK_SIZE"]) {
            scan.takes('=');
            scan.word();
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
    Ok(ForeignKey { name, columns, references, referenced_columns, on_update, on_delete })
}

fn options(scan: &mut Scan<'_>, table: &mut Table) -> Read<()> {
    let (mut charset, mut collation) = (None, None);
    let mut others: Vec<String> = Vec::new();
    while !scan.ended() {
        if scan.rest().get(..12).is_some_and(|head| head.eq_ignore_ascii_case("PARTITION BY")) {
            table.partitioning =
                scan.all_left().trim_end_matches(';').trim_end().trim_end_matches("*/").trim_end().to_owned();
            break;
        }
        scan.skip_words(&["DEFAULT"]);
        if scan.skip_words(&["CHARSET"]) || scan.skip_words(&["CHARACTER", "SET"]) {
            scan.takes('=');
            charset = scan.word().map(|word| normal_charset(&word));
        } else if scan.skip_words(&["COLLATE"]) {
            scan.takes('=');
            collation = scan.word().map(|word| normal_collation(&word));
        } else if scan.skip_words(&["COMMENT"]) {
            scan.takes('=');
            table.comment = scan.string()?;
        } else if scan.skip_words(&["WITH", "SYSTEM", "VERSIONING"]) {
            table.system_versioned = true;
        } else {
            let name = scan.word().ok_or_else(|| scan.fault("an option of a table"))?;
            scan.takes('=');
            let value = if scan.at_name() { Some(scan.name()?) } else { scan.word() };
            match (name.to_ascii_uppercase().as_str(), value) {
                ("ENGINE", value) => table.engine = value.unwrap_or_default(),
                ("ROW_FORMAT", Some(value)) if !value.eq_ignore_ascii_case("DYNAMIC") => {
                    others.push(format!("row_format={value}"));
                }
                _ => {}
            }
        }
        scan.takes(',');
    }
    table.options = others.join(" ");
    let collation = collation.or_else(|| charset.as_deref().map(default_collation));
    table.collation = collation.unwrap_or_else(|| default_collation("utf8mb4"));
    table.charset = charset_of(&table.collation).to_owned();
    Ok(())
}

/// What a column takes from its table, and how long its values may be.
fn with_defaults(column: &mut Column, table_collation: &str) {
    let length = |text: &str| {
        let (_, rest) = text.split_once('(')?;
        rest.split([')', ',']).next()?.trim().parse::<u64>().ok()
    };
    let length = length(&column.column_type);
    let text = match column.data_type.as_str() {
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set" => true,
        "binary" | "varbinary" => {
            column.octet_length = Some(length.unwrap_or(1));
            false
        }
        _ => false,
    };
    column.octet_length = match column.data_type.as_str() {
        "tinytext" | "tinyblob" => Some(255),
        "text" | "blob" => Some(65_535),
        "mediumtext" | "mediumblob" => Some(16_777_215),
        "longtext" | "longblob" => Some(4_294_967_295),
        _ => column.octet_length,
    };
    if !text {
        return;
    }
    let collation = match (&column.collation, &column.charset) {
        (Some(collation), _) => collation.clone(),
        (None, Some(charset)) => default_collation(charset),
        (None, None) => table_collation.to_owned(),
    };
    let charset = charset_of(&collation).to_owned();
    let width = charset_width(&charset);
    if matches!(column.data_type.as_str(), "char" | "varchar") {
        column.octet_length = Some(length.unwrap_or(1) * width);
    } else if matches!(column.data_type.as_str(), "enum" | "set") {
        let labels = labels(&column.column_type);
        let lengths = labels.iter().map(|label| label.chars().count() as u64);
        let characters = match column.data_type.as_str() {
            "enum" => lengths.max().unwrap_or(0),
            _ => lengths.sum::<u64>() + (labels.len() as u64).saturating_sub(1),
        };
        column.octet_length = Some(characters * width);
    }
    (column.charset, column.collation) = (Some(charset), Some(collation));
}

fn labels(column_type: &str) -> Vec<String> {
    let mut scan = Scan::new(column_type);
    scan.word();
    let mut labels = Vec::new();
    while scan.takes('(') || scan.takes(',') {
        labels.extend(scan.string());
    }
    labels
}

/// Zero bytes at the end of a BINARY are filling.
fn hex_of(bytes: &[u8], data_type: &str) -> String {
    let end = match data_type {
        "binary" => bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1),
        _ => bytes.len(),
    };
    if end == 0 { String::new() } else { format!("0x{}", hex::encode_upper(&bytes[..end])) }
}

/// The default of a charset where SHOW CREATE leaves the collation out. Since 8.0, when utf8mb4's default changed, MySQL
/// always names utf8mb4's: without one it is the older server's.
fn default_collation(charset: &str) -> String {
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
fn charset_width(charset: &str) -> u64 {
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
            assert_eq!(read_table(&name, text).unwrap_err().wanted, wanted, "{text}");
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
