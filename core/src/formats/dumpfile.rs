//! The files of a dump, in the layout of Dumpling that TiDB Lightning and myloader read: their names, the texts that
//! stand around schemas and rows, and rows as INSERT text, back again, or as a LOAD DATA stream.
//!
//! Knows names and bytes. Opens no file, knows no chunk border and no manifest, and asks no server.

pub mod csv_dialect;
pub mod csv_reader;
pub mod folder;
pub mod insert_reader;
pub mod insert_writer;
pub mod load_stream;
pub mod members;
mod statement;

pub use csv_dialect::CsvDialect;
pub use csv_reader::{CsvReader, CsvStep};
pub use insert_reader::{Cell, InsertReader, NOT_ESCAPED, ReadFault, Row, Step};
pub use insert_writer::{CellForm, InsertWriter, PushFault};
pub use load_stream::{LoadForm, Piece, TsvEncoder};

use std::fmt;

use self::members::by_number;
use super::structure::Column;
use crate::words::addr::{TableName, sql_ident};
use crate::words::digest::Digest;

/// The file that Dumpling writes last; a dump without it is not whole.
pub const METADATA: &str = "metadata";

/// What the first lines of every schema and data file are.
pub const HEADER: &str = "/*!40014 SET FOREIGN_KEY_CHECKS=0*/;\n/*!40101 SET NAMES binary*/;\n";

/// What the first lines of a file of rows are. MySQL makes no JSON of text that the session calls binary, so myloader
/// could not load a file with the usual header; text stands in the file as utf8mb4, and bytes as hexadecimal digits.
pub fn data_header(columns: &[&Column]) -> String {
    let json = columns.iter().any(|column| column.data_type == "json");
    let names = if json { "/*!40101 SET NAMES utf8mb4*/;\n" } else { "" };
    format!("{HEADER}{names}")
}

/// How a file of rows is packed. Its name tells: `.sql`, `.sql.gz`, `.sql.zst`; only Dumpling writes `.snappy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Plain,
    Gzip,
    Zstd,
    Snappy,
}

impl Packing {
    /// What stands behind the name of the file that is packed.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
            Self::Snappy => ".snappy",
        }
    }

    /// A file's name without that suffix, and what it says.
    pub fn of(name: &str) -> (&str, Self) {
        [Self::Gzip, Self::Zstd, Self::Snappy]
            .into_iter()
            .find_map(|packing| Some((name.strip_suffix(packing.suffix())?, packing)))
            .unwrap_or((name, Self::Plain))
    }
}

/// A file of a dump, as its name tells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DumpFile {
    Metadata,
    /// `CREATE DATABASE`.
    Schema(String),
    /// `CREATE TABLE`; for a view the placeholder of it.
    Table(TableName),
    /// `CREATE VIEW`.
    View(TableName),
    /// Rows; numbers may have gaps.
    Data(TableName, u64),
}

impl DumpFile {
    /// The file's name. Where a schema and a table of 64 characters each would make it longer than the 255 bytes that a
    /// file system takes, both are cut: see [`on_disk`].
    pub fn name(&self) -> String {
        match self {
            Self::Metadata => METADATA.to_owned(),
            Self::Schema(schema) => format!("{}-schema-create.sql", escape_name(schema)),
            Self::Table(table) => format!("{}-schema.sql", stem(table)),
            Self::View(view) => format!("{}-schema-view.sql", stem(view)),
            Self::Data(table, index) => format!("{}.{index:09}.sql", stem(table)),
        }
    }

    /// Reads [`DumpFile::name`] back, names as they are [`on_disk`], of rows also where they are packed; `None`: no file
    /// of ours.
    pub fn parse(name: &str) -> Option<Self> {
        if name == METADATA {
            return Some(Self::Metadata);
        }
        if let (name, Packing::Gzip | Packing::Zstd | Packing::Snappy) = Packing::of(name) {
            return name.ends_with(".sql").then(|| Self::parse(name))?.filter(|file| matches!(file, Self::Data(..)));
        }
        let stem = name.strip_suffix(".sql")?;
        if let Some(schema) = stem.strip_suffix("-schema-create") {
            return (!schema.contains('.')).then(|| unescape_name(schema)).flatten().map(Self::Schema);
        }
        for (suffix, make) in [("-schema-view", Self::View as fn(TableName) -> Self), ("-schema", Self::Table)] {
            if let Some(table) = stem.strip_suffix(suffix) {
                let (schema, table) = table.split_once('.')?;
                return Some(make(TableName::new(unescape_name(schema)?, unescape_part(table)?)));
            }
        }
        let (table, index) = stem.rsplit_once('.')?;
        let (schema, table) = table.split_once('.')?;
        let digits = index.len() >= 9 && index.bytes().all(|b| b.is_ascii_digit());
        let index = digits.then(|| index.parse().ok()).flatten()?;
        Some(Self::Data(TableName::new(unescape_name(schema)?, unescape_part(table)?), index))
    }
}

/// Bytes of a schema's and a table's name in that of a file. What goes behind them takes less than 32.
const STEM: usize = 223;

/// The names that the files of a table bear: its own but for two of so many bytes that no usual file system takes them
/// together. Those are cut, and a digest of the whole name tells them apart. Other tools read the names out of the
/// files' names, so they would load such a table under another name; they cannot write a file for it either.
pub fn on_disk(table: &TableName) -> TableName {
    let cut = |name: &str| {
        let most = (STEM - 1) / 2;
        if escape_name(name).len() <= most {
            return name.to_owned();
        }
        let digest = Digest::of_bytes(name.as_bytes()).to_string();
        let digest = &digest[digest.len() - 16..];
        let mut room = most - digest.len() - 1;
        let fits = |c: char| {
            let length = escape_name(c.encode_utf8(&mut [0; 4])).len();
            let fits = length <= room;
            room = room.saturating_sub(length);
            fits
        };
        // A `-` may begin a `-schema` and then takes three: left out, as it is not needed to tell names apart.
        let kept: String =
            name.chars().map(|c| if c == '-' { '_' } else { c }).scan(fits, |fits, c| fits(c).then_some(c)).collect();
        format!("{kept}~{digest}")
    };
    if escape_name(&table.schema).len() + 1 + escape_name(&table.name).len() <= STEM {
        table.clone()
    } else {
        TableName::new(cut(&table.schema), cut(&table.name))
    }
}

/// A schema's or table's name as it stands in a file's name: bytes that a file system or the layout gives a meaning
/// become `%XX`, and so does the `-` of a `-schema`, in any case.
pub fn escape_name(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for (at, c) in name.char_indices() {
        let taken = match c {
            '\0'..='\x1f' | '%' | '"' | '*' | '.' | '/' | ':' | '<' | '>' | '?' | '\\' | '|' => true,
            '-' => name.as_bytes()[at + 1..].get(..6).is_some_and(|word| word.eq_ignore_ascii_case(b"schema")),
            _ => false,
        };
        if taken {
            text.push_str(&format!("%{:02X}", u32::from(c)));
        } else {
            text.push(c);
        }
    }
    text
}

/// Reads [`escape_name`] back; `None` where a `%` is followed by no two hexadecimal digits, or the bytes are no text.
pub fn unescape_name(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first == b'%' {
            bytes.extend(hex::decode(after.get(..2)?).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

/// The text of a `…-schema-create.sql` or `…-schema.sql`: `create` without a semicolon.
pub fn schema_text(create: &str) -> String {
    format!("{HEADER}{create};\n")
}

/// The text of the file that stands for a view among the tables, so that views may name one another in any order.
pub fn view_placeholder_text<S: AsRef<str>>(view: &str, columns: &[S]) -> String {
    let columns: Vec<String> = columns.iter().map(|name| format!("{} int", sql_ident(name.as_ref()))).collect();
    format!("{HEADER}CREATE TABLE {}(\n{}\n)ENGINE=MyISAM;\n", sql_ident(view), columns.join(",\n"))
}

/// The text of a `…-schema-view.sql`: `create` without a semicolon, made and read back in these two settings.
pub fn view_text(view: &str, create: &str, charset: &str, collation: &str) -> String {
    let name = sql_ident(view);
    format!(
        "{HEADER}DROP TABLE IF EXISTS {name};\nDROP VIEW IF EXISTS {name};\n\
         SET @PREV_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT;\n\
         SET @PREV_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS;\n\
         SET @PREV_COLLATION_CONNECTION=@@COLLATION_CONNECTION;\n\
         SET character_set_client = {charset};\n\
         SET character_set_results = {charset};\n\
         SET collation_connection = {collation};\n\
         {create};\n\
         SET character_set_client = @PREV_CHARACTER_SET_CLIENT;\n\
         SET character_set_results = @PREV_CHARACTER_SET_RESULTS;\n\
         SET collation_connection = @PREV_COLLATION_CONNECTION;\n"
    )
}

/// Where the source's binary log stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BinlogPlace {
    pub file: String,
    pub position: u64,
    pub gtid_set: String,
}

/// The text of `metadata`. Times are written as they are handed in (`2026-01-01 00:00:00`). DM reads the header line
/// as it stands here, also of a server that calls the statement otherwise.
pub fn metadata_text(started: &str, binlog: Option<&BinlogPlace>, finished: &str) -> String {
    let place = binlog.map_or(String::new(), |place| {
        let BinlogPlace { file, position, gtid_set } = place;
        format!("SHOW MASTER STATUS:\n\tLog: {file}\n\tPos: {position}\n\tGTID:{gtid_set}\n")
    });
    format!("Started dump at: {started}\n{place}\nFinished dump at: {finished}\n")
}

/// How the cells of a column stand in INSERT text. Their text is what [`super::rowhash::select_expression`] selects.
pub fn cell_form(column: &Column) -> CellForm {
    match column.data_type.as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "float" | "double" => CellForm::Bare,
        "bit" => CellForm::Bit,
        _ if by_number(column) => CellForm::Bare,
        "json" => CellForm::Json,
        _ if is_binary(&column.data_type) => CellForm::Hex,
        _ => CellForm::Text,
    }
}

/// How the cells of a column stand in a LOAD DATA stream. `raw_bytes`: the target takes bytes in a stream of utf8mb4 as
/// they are. TiDB 8.5.6 does (tried with every byte before and behind every other kind of byte), and it halves the
/// stream; MySQL 9.7 and MariaDB refuse them ("Invalid utf8mb4 character string").
pub fn load_form(column: &Column, raw_bytes: bool) -> LoadForm {
    match column.data_type.as_str() {
        "enum" if by_number(column) => LoadForm::MemberNumber,
        "enum" => LoadForm::Member,
        "bit" => LoadForm::Number,
        _ if by_number(column) => LoadForm::Number,
        _ if is_binary(&column.data_type) && !raw_bytes => LoadForm::Hex,
        _ => LoadForm::Escaped,
    }
}

/// A row that has another number of cells than the table has columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WidthFault {
    pub expected: usize,
    pub found: usize,
}

impl fmt::Display for WidthFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a row has {} cells where the table has {} columns", self.found, self.expected)
    }
}

impl std::error::Error for WidthFault {}

/// Whether a type holds bytes and no text.
pub(super) fn is_binary(data_type: &str) -> bool {
    matches!(
        data_type,
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "vector" | "geometry" | "point"
    ) || matches!(data_type, "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon")
        || matches!(data_type, "geometrycollection" | "geomcollection")
}

/// Copies `bytes`, each byte for which `escapes` has a letter as a backslash and that letter. Bytes between two of
/// them are copied in one go: most text has none.
fn push_escaped(bytes: &[u8], escapes: &[u8; 256], out: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some(at) = first_escape(rest, escapes) {
        out.extend_from_slice(&rest[..at]);
        out.extend([b'\\', escapes[usize::from(rest[at])]]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// Bytes that are looked at together.
const LANE: usize = 32;

/// Where the first byte stands that `escapes` has a letter for.
fn first_escape(bytes: &[u8], escapes: &[u8; 256]) -> Option<usize> {
    let mut passed = 0;
    for lane in bytes.chunks_exact(LANE) {
        // Every byte that any table has; without a branch in it the compiler makes a few wide comparisons of this.
        let suspect =
            lane.iter().fold(false, |found, &b| found | (b < 0x20) | (b == b'"') | (b == b'\'') | (b == b'\\'));
        if suspect && let Some(at) = lane.iter().position(|&b| escapes[usize::from(b)] != 0) {
            return Some(passed + at);
        }
        passed += LANE;
    }
    bytes[passed..].iter().position(|&b| escapes[usize::from(b)] != 0).map(|at| passed + at)
}

fn push_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(bytes.len() * 2);
    for &byte in bytes {
        out.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

/// The table by which [`push_escaped`] works, from pairs of a byte and its letter.
const fn escapes(pairs: &[(u8, u8)]) -> [u8; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < pairs.len() {
        table[pairs[at].0 as usize] = pairs[at].1;
        at += 1;
    }
    table
}

fn stem(table: &TableName) -> String {
    let table = on_disk(table);
    format!("{}.{}", escape_name(&table.schema), escape_name(&table.name))
}

/// A table's part of a file name; a dot in it means that the file is none of ours.
fn unescape_part(text: &str) -> Option<String> {
    if text.contains('.') { None } else { unescape_name(text) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_file_is_named_as_dumpling_names_it_and_read_back() {
        let table = |schema: &str, name: &str| TableName::new(schema, name);
        for (file, name) in [
            (DumpFile::Metadata, "metadata"),
            (DumpFile::Schema("shop".into()), "shop-schema-create.sql"),
            (DumpFile::Table(table("shop", "orders")), "shop.orders-schema.sql"),
            (DumpFile::View(table("shop", "v")), "shop.v-schema-view.sql"),
            (DumpFile::Data(table("shop", "orders"), 7), "shop.orders.000000007.sql"),
            (DumpFile::Data(table("a.b", "c/d"), 1_000_000_000), "a%2Eb.c%2Fd.1000000000.sql"),
            (DumpFile::Data(table("a-schema", "b-SCHEMA-view"), 0), "a%2Dschema.b%2DSCHEMA-view.000000000.sql"),
            (DumpFile::Table(table("x", "100%\n")), "x.100%25%0A-schema.sql"),
            (DumpFile::Schema("é-schem".into()), "é-schem-schema-create.sql"),
            (DumpFile::Table(table("q", "\"*:<>?\\|")), "q.%22%2A%3A%3C%3E%3F%5C%7C-schema.sql"),
        ] {
            assert_eq!(file.name(), name);
            assert_eq!(DumpFile::parse(name), Some(file));
        }
        for suffix in ["", ".gz", ".zst", ".snappy"] {
            let name = format!("shop.a%2Egz.000000007.sql{suffix}");
            let file = DumpFile::Data(table("shop", "a.gz"), 7);
            assert_eq!((DumpFile::parse(&name), Packing::of(&name).1.suffix()), (Some(file), suffix));
        }
        for name in [
            "metadata.gz",
            "shop.a-schema.sql.gz",
            "shop.a.000000007.sql.gz.gz",
            "a.b.c.000000001.sql",
            "a.b.1.sql",
            "a.b.sql",
            "a.b-schema.txt",
            "x",
            "a%2.b-schema.sql",
            "a%zz.b-schema.sql",
        ] {
            assert_eq!(DumpFile::parse(name), None, "{name}");
        }
    }

    #[test]
    fn names_too_long_for_a_file_are_cut_and_stay_apart() {
        let (wide, escaped) = ("漢".repeat(64), "%".repeat(64));
        for (schema, name, cut) in [
            ("a", wide.as_str(), false),
            ("a", escaped.as_str(), false),
            (wide.as_str(), "b", false),
            (wide.as_str(), wide.as_str(), true),
            (escaped.as_str(), escaped.as_str(), true),
            (escaped.as_str(), "-schema-schema-schema-schema", true),
        ] {
            let table = TableName::new(schema, name);
            assert_eq!(on_disk(&table) != table, cut, "{table}");
            for file in [
                DumpFile::Data(table.clone(), u64::from(u32::MAX)),
                DumpFile::Table(table.clone()),
                DumpFile::View(table.clone()),
                DumpFile::Schema(table.schema.clone()),
            ] {
                let text = file.name();
                assert!(text.len() <= 255 - ".part.zst".len(), "{text}");
                assert!(DumpFile::parse(&text).is_some(), "{text}");
            }
            assert_eq!(DumpFile::parse(&DumpFile::Table(table.clone()).name()), Some(DumpFile::Table(on_disk(&table))));
        }
        let other = format!("{}字", "漢".repeat(63));
        assert_ne!(on_disk(&TableName::new(&*wide, &*wide)), on_disk(&TableName::new(&*wide, other)));
    }

    #[test]
    fn schemas_views_and_metadata_read_as_dumpling_writes_them() {
        assert_eq!(
            schema_text("CREATE TABLE `t` (\n  `a` int\n)"),
            "/*!40014 SET FOREIGN_KEY_CHECKS=0*/;\n/*!40101 SET NAMES binary*/;\nCREATE TABLE `t` (\n  `a` int\n);\n"
        );
        assert_eq!(
            view_placeholder_text("v`w", &["a", "b"]),
            format!("{HEADER}CREATE TABLE `v``w`(\n`a` int,\n`b` int\n)ENGINE=MyISAM;\n")
        );
        let view = view_text("v", "CREATE VIEW `v` AS SELECT 1", "utf8mb4", "utf8mb4_0900_ai_ci");
        assert!(view.starts_with(&format!("{HEADER}DROP TABLE IF EXISTS `v`;\nDROP VIEW IF EXISTS `v`;\nSET @PREV_")));
        assert!(view.contains("SET collation_connection = utf8mb4_0900_ai_ci;\nCREATE VIEW `v` AS SELECT 1;\nSET "));
        let place = BinlogPlace { file: "binlog.000002".into(), position: 157, gtid_set: "a:1-3".into() };
        assert_eq!(
            metadata_text("2026-01-01 00:00:00", Some(&place), "2026-01-01 00:00:09"),
            "Started dump at: 2026-01-01 00:00:00\nSHOW MASTER STATUS:\n\tLog: binlog.000002\n\tPos: 157\n\tGTID:a:1-3\n\n\
             Finished dump at: 2026-01-01 00:00:09\n"
        );
        assert_eq!(metadata_text("s", None, "f"), "Started dump at: s\n\nFinished dump at: f\n");
    }

    proptest! {
        #[test]
        fn the_first_escape_is_found_wherever_it_stands(bytes in prop::collection::vec(any::<u8>(), 0..200), dense: bool) {
            // Few bytes of a text have an escape; where all do, the wide look is never taken.
            let bytes: Vec<u8> = bytes.iter().map(|b| if dense { *b } else { 32 + b % 9 }).collect();
            let table = escapes(&[(0, b'0'), (b'\n', b'n'), (b'\'', b'\''), (b'"', b'"'), (b'\\', b'\\'), (0x1a, b'Z')]);
            let expected = bytes.iter().position(|&b| table[usize::from(b)] != 0);
            prop_assert_eq!(first_escape(&bytes, &table), expected);
        }
    }

    proptest! {
        #[test]
        fn any_name_comes_back_from_its_file(schema in "\\PC{1,20}|[-a-z%./]{1,12}(-schema)?", name in "\\PC{1,20}", index: u64) {
            let table = TableName::new(schema, name);
            for file in [
                DumpFile::Data(table.clone(), index),
                DumpFile::Table(table.clone()),
                DumpFile::View(table.clone()),
                DumpFile::Schema(table.schema),
            ] {
                prop_assert_eq!(DumpFile::parse(&file.name()), Some(file));
            }
        }
    }
}
