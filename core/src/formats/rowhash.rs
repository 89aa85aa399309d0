//! The hash of a row, and of many: what a dump file, the source and the target are compared by.
//!
//! Knows the canonical bytes of a value by its column, and the SQL that gives them. Runs no SQL, reads no file.
//!
//! What was asked of MySQL 9.7.4, TiDB 8.5.6 and MariaDB 10.11, with edge values of every type, and rests here:
//! - text of integers, DECIMAL, dates, times, YEAR, ENUM, SET and characters is the same on the three; the expression of
//!   [`pushdown_expression`] gives the same number on the three, and [`RowHasher`] gives it, too;
//! - `CAST(… AS BINARY)` cuts nothing, also beyond 2 MB, and takes the collations out of CONCAT, which else has an
//!   "illegal mix" for two columns of different ones; `CONVERT(… USING utf8mb4)` reads latin1 and gbk alike;
//! - a FLOAT's or DOUBLE's text is the same only as a result column of `c*1e0`, which keeps -0 on MySQL (`c+0e0` does not);
//! - MySQL keeps -0.1 in a DOUBLE(10,2) as -0.09999999999999998 and shows -0.10, TiDB keeps -0.1: of such columns the
//!   rounded value is taken, `ROUND(c,2)*1e0`, the same on the three;
//! - text in a charset of [`may_lose`] can hold codes that stand for no Unicode character, which a server converts to `?`
//!   (2,149 of MySQL's gbk): such a value is not text at all here, see [`lost_text`] and [`NO_TEXT`];
//! - TiDB writes doubles inside JSON without exponent, MySQL with one: see [`canonical_json`].

pub mod canonical_json;

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::dumpfile::is_binary;
use super::dumpfile::members::by_number;
use super::structure::Column;
use crate::words::addr::sql_ident;

/// How the canonical bytes of a column's values come from the text that [`select_expression`] selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canon {
    /// The bytes, as utf8mb4.
    Text,
    /// The upper-case hexadecimal digits of the bytes.
    HexOfBinary,
    /// The text, as it is.
    Number,
    /// 16 hexadecimal digits of the 64 bits; -0 counts as 0, which is how TiDB keeps it.
    Float,
    /// By value: [`canonical_json::canonical`].
    Json,
}

/// What canonical form the values of a column have.
pub fn canon_of(column: &Column) -> Canon {
    match column.data_type.as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "bit" | "year" => Canon::Number,
        "float" | "double" => Canon::Float,
        "json" => Canon::Json,
        "enum" | "set" if by_number(column) => Canon::Number,
        data_type if is_binary(data_type) => Canon::HexOfBinary,
        _ => Canon::Text,
    }
}

/// What to SELECT so that the column's text is the same on every server, and exact: for dumps and for hashes.
pub fn select_expression(column: &Column) -> String {
    let name = sql_ident(&column.name);
    match column.data_type.as_str() {
        "float" | "double" => match decimals(&column.column_type) {
            Some(decimals) => format!("ROUND({name},{decimals})*1e0"),
            None => format!("{name}*1e0"),
        },
        // The text of a bit field is its bytes; ZEROFILL is a way to show, and the target may not have it.
        "bit" => format!("{name}+0"),
        // Not a sum, which is shown as a DOUBLE.
        "enum" | "set" if by_number(column) => format!("CAST({name} AS UNSIGNED)"),
        _ if column.column_type.contains("zerofill") => format!("{name}+0"),
        _ => match lost_text(column) {
            Some(lost) => format!("IF({lost},x'{NO_TEXT:02X}',CAST(CONVERT({name} USING utf8mb4) AS BINARY))"),
            // MariaDB and MySQL before 8.0 let other bytes in; as they are, they are no UTF-8.
            None if column.charset.as_deref() == Some("ascii") => format!("CAST({name} AS BINARY)"),
            None => name,
        },
    }
}

/// What stands in the place of a text that cannot be converted to Unicode: a byte that no UTF-8 text is.
pub const NO_TEXT: u8 = 0xff;

/// Whether a charset has codes that stand for no Unicode character, so that a conversion may lose text. Every code of
/// one and two bytes was tried on MySQL 9.7.4 and MariaDB 10.11: in those that are listed each comes back as it was.
pub fn may_lose(charset: &str) -> bool {
    const SOUND: [&str; 21] = [
        "utf8mb4", "utf8mb3", "utf8", "ascii", "latin1", "latin2", "latin5", "latin7", "cp850", "cp852", "cp866",
        "keybcs2", "koi8r", "koi8u", "macce", "macroman", "utf16", "utf16le", "utf32", "binary", "",
    ];
    !SOUND.contains(&charset)
}

/// Whether [`select_expression`] gives the column's bytes as they are kept.
pub fn is_selected_plainly(column: &Column) -> bool {
    let (name, selected) = (sql_ident(&column.name), select_expression(column));
    selected == name || selected == format!("CAST({name} AS BINARY)")
}

/// SQL that is 1 where the column's text would lose a code on its way to utf8mb4: only a lost one becomes a `?`, or
/// nothing, that was none before. `None`: its charset loses nothing.
pub fn lost_text(column: &Column) -> Option<String> {
    let text = matches!(
        column.data_type.as_str(),
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set"
    );
    column.charset.as_deref().filter(|charset| text && may_lose(charset))?;
    Some(lost_condition(column))
}

/// The same of any text, whatever its charset.
pub fn lost_condition(column: &Column) -> String {
    let name = sql_ident(&column.name);
    let others = |text: &str| format!("CHAR_LENGTH(REPLACE({text},'?',''))");
    format!("{}<>{}", others(&name), others(&format!("CONVERT({name} USING utf8mb4)")))
}

/// SQL for the hash of a row, for both servers: an unsigned number, NULL where a text outgrew `max_allowed_packet`.
/// `None`: the text of a column cannot be had on both servers alike, the rows are to be hashed here.
pub fn pushdown_expression<'a>(columns: impl IntoIterator<Item = &'a Column>) -> Option<String> {
    let fields: Option<Vec<String>> = columns.into_iter().map(pushdown_field).collect();
    let fields = fields.filter(|fields| !fields.is_empty())?;
    // LEFT of bytes: of characters TiDB first makes an array, which is a twelfth of its time for the whole.
    Some(format!("CAST(CONV(LEFT(CAST(SHA2(CONCAT({}),256) AS BINARY),16),16,10) AS UNSIGNED)", fields.join(",")))
}

fn pushdown_field(column: &Column) -> Option<String> {
    let name = sql_ident(&column.name);
    let field = match (canon_of(column), column.data_type.as_str()) {
        (Canon::Float | Canon::Json, _) | (_, "vector") => return None,
        (Canon::HexOfBinary, "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob") => {
            format!("'V',LENGTH({name})*2,':',HEX({name})")
        }
        (Canon::Number, _) | (Canon::Text, "date" | "datetime" | "timestamp" | "time") => {
            let text = select_expression(column);
            format!("'V',LENGTH({text}),':',{text}")
        }
        (Canon::Text, "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set") => {
            match column.charset.as_deref() {
                // Their bytes are utf8mb4's already.
                Some("utf8mb4" | "utf8mb3" | "utf8" | "ascii") => {
                    format!("'V',LENGTH({name}),':',CAST({name} AS BINARY)")
                }
                _ => {
                    let text = format!("CAST(CONVERT({name} USING utf8mb4) AS BINARY)");
                    // Without a hash the row is read here, where the lost text is told.
                    let strict = lost_text(column).map(|lost| format!("IF({lost},NULL,{text})"));
                    format!("'V',LENGTH({text}),':',{}", strict.unwrap_or(text.clone()))
                }
            }
        }
        // A type that was not tried on both servers.
        _ => return None,
    };
    // Not IFNULL: a text beyond max_allowed_packet is NULL, and must not pass for a NULL of the column.
    // One CONCAT for all fields where it can be: one for each cost a fifth more on both servers.
    Some(if column.nullable { format!("IF({name} IS NULL,'N',CONCAT({field}))") } else { field })
}

/// The digits after the point that a `double(10,2)` keeps; `None`: it keeps every bit.
fn decimals(column_type: &str) -> Option<u32> {
    let (_, rest) = column_type.split_once(',')?;
    rest.split_once(')')?.0.trim().parse().ok()
}

/// A value of more bytes is hashed without a copy of the whole.
const PIECE: usize = 64 * 1024;

/// Hashes rows of one table.
#[derive(Clone, Debug)]
pub struct RowHasher {
    canons: Vec<Canon>,
    bytes: Vec<u8>,
    value: Vec<u8>,
    json: JsonNumbers,
    negative_zeros: u64,
    json_rounded: u64,
}

/// What becomes of a number inside of a JSON document that has more digits than a DOUBLE holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JsonNumbers {
    /// The target keeps every digit: it counts.
    #[default]
    Exact,
    /// The target rounds it, and nobody has agreed to that: a row with one has no hash.
    Refused,
    /// The target rounds it, as agreed: the DOUBLE counts.
    Doubles,
}

/// A row that has no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashFault {
    Width {
        expected: usize,
        found: usize,
    },
    /// What is wrong with the value of a column, by its place; the value itself is not told.
    Value {
        column: usize,
        message: &'static str,
    },
}

const LOST: &str = "holds a code that stands for no Unicode character: converted, it would be lost";
const NO_UTF8: &str = "holds bytes that are no text of its charset";

const ROUNDED: &str = "holds a number in a JSON document that has more digits than a DOUBLE: the target would round it";

/// What a value would lose on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    Text,
    JsonNumber,
}

impl HashFault {
    /// The place of a column whose value cannot be moved as it is, and why.
    pub fn loss(&self) -> Option<(usize, Loss)> {
        match self {
            Self::Value { column, message } if [LOST, NO_UTF8].contains(message) => Some((*column, Loss::Text)),
            Self::Value { column, message: ROUNDED } => Some((*column, Loss::JsonNumber)),
            _ => None,
        }
    }
}

impl fmt::Display for HashFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Width { expected, found } => {
                write!(f, "a row has {found} cells where the table has {expected} columns")
            }
            Self::Value { column, message } => write!(f, "the value in column {} {message}", column + 1),
        }
    }
}

impl std::error::Error for HashFault {}

impl RowHasher {
    pub fn new(canons: Vec<Canon>) -> Self {
        let json = JsonNumbers::default();
        Self { canons, bytes: Vec::new(), value: Vec::new(), json, negative_zeros: 0, json_rounded: 0 }
    }

    /// With another way to take numbers inside of JSON documents.
    pub fn taking(mut self, json: JsonNumbers) -> Self {
        self.json = json;
        self
    }

    /// The first 8 bytes of SHA-256 over `N` or `V<length>:<canonical bytes>` for each column in order.
    pub fn hash_row(&mut self, cells: &[Option<&[u8]>]) -> Result<u64, HashFault> {
        if cells.len() != self.canons.len() {
            return Err(HashFault::Width { expected: self.canons.len(), found: cells.len() });
        }
        self.bytes.clear();
        // Of a row with large values no more than a piece of its bytes stands in memory.
        let mut begun: Option<Sha256> = None;
        for (column, (cell, canon)) in cells.iter().zip(&self.canons).enumerate() {
            let fault = |message| HashFault::Value { column, message };
            let Some(cell) = cell else {
                self.bytes.push(b'N');
                continue;
            };
            match canon {
                Canon::Text if std::str::from_utf8(cell).is_err() => {
                    return Err(fault(if *cell == [NO_TEXT] { LOST } else { NO_UTF8 }));
                }
                Canon::Text | Canon::Number if cell.len() > PIECE => {
                    push_length(cell.len(), &mut self.bytes);
                    let sha = begun.get_or_insert_default();
                    sha.update(&self.bytes);
                    sha.update(cell);
                    self.bytes.clear();
                }
                Canon::HexOfBinary if cell.len() > PIECE => {
                    push_length(cell.len() * 2, &mut self.bytes);
                    let sha = begun.get_or_insert_default();
                    for piece in cell.chunks(PIECE) {
                        push_upper_hex(piece, &mut self.bytes);
                        sha.update(&self.bytes);
                        self.bytes.clear();
                    }
                }
                Canon::Text | Canon::Number => push_value(cell, &mut self.bytes),
                Canon::HexOfBinary => {
                    push_length(cell.len() * 2, &mut self.bytes);
                    push_upper_hex(cell, &mut self.bytes);
                }
                Canon::Float => {
                    let text = std::str::from_utf8(cell).unwrap_or_default();
                    let number = f64::from_str(text).ok().filter(|n| n.is_finite());
                    let mut number = number.ok_or(fault("is not a floating-point number"))?;
                    if number == 0.0 && number.is_sign_negative() {
                        self.negative_zeros += 1;
                        number = 0.0;
                    }
                    push_length(16, &mut self.bytes);
                    push_upper_hex(&number.to_bits().to_be_bytes(), &mut self.bytes);
                }
                Canon::Json => {
                    self.value.clear();
                    let doubles = self.json == JsonNumbers::Doubles;
                    let rounded = canonical_json::canonical(cell, doubles, &mut self.value).map_err(fault)?;
                    if rounded > 0 && self.json == JsonNumbers::Refused {
                        return Err(fault(ROUNDED));
                    }
                    self.json_rounded += rounded;
                    push_value(&self.value, &mut self.bytes);
                }
            }
        }
        let digest = match begun {
            None => Sha256::digest(&self.bytes),
            Some(sha) => sha.chain_update(&self.bytes).finalize(),
        };
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(digest);
        Ok(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    /// How many values were -0 so far: a target that knows no -0 holds 0 for them.
    pub fn negative_zeros(&self) -> u64 {
        self.negative_zeros
    }

    /// How many numbers inside of JSON documents had more digits than a DOUBLE holds.
    pub fn json_rounded(&self) -> u64 {
        self.json_rounded
    }
}

fn push_value(bytes: &[u8], out: &mut Vec<u8>) {
    push_length(bytes.len(), out);
    out.extend_from_slice(bytes);
}

fn push_length(length: usize, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = length;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.push(b'V');
    out.extend_from_slice(&digits[at..]);
    out.push(b':');
}

fn push_upper_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.reserve(bytes.len() * 2);
    for &byte in bytes {
        out.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

/// The hash of a set of rows: an exact sum and a count, so that a row twice is not a row that is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PartHash {
    /// A string of decimal digits where it is written.
    #[serde(serialize_with = "sum_to_text", deserialize_with = "sum_from_text")]
    #[schemars(with = "String")]
    pub sum: u128,
    pub rows: u64,
}

impl PartHash {
    pub fn add(&mut self, row: u64) {
        // 2^64 rows of 2^64 each fit.
        self.sum += u128::from(row);
        self.rows += 1;
    }

    pub fn merge(&mut self, other: &Self) {
        self.sum += other.sum;
        self.rows += other.rows;
    }

    /// Both together.
    pub fn merged(mut self, other: &Self) -> Self {
        self.merge(other);
        self
    }

    /// From a server's `SUM(hash)`, NULL over no rows, and `COUNT(*)`. `None`: the sum is not a whole number.
    pub fn from_server(sum: Option<&str>, rows: u64) -> Option<Self> {
        Some(Self { sum: sum.map_or(Some(0), |text| text.parse().ok())?, rows })
    }
}

impl fmt::Display for PartHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} over {} rows", self.sum, self.rows)
    }
}

fn sum_to_text<S: Serializer>(sum: &u128, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(sum)
}

fn sum_from_text<'de, D: Deserializer<'de>>(d: D) -> Result<u128, D::Error> {
    String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn column(name: &str, column_type: &str) -> Column {
        let data_type = column_type.split(['(', ' ']).next().unwrap().to_owned();
        let text = matches!(data_type.as_str(), "char" | "varchar" | "text" | "longtext" | "enum" | "set");
        Column {
            name: name.into(),
            data_type,
            column_type: column_type.into(),
            nullable: true,
            default: None,
            default_is_expression: false,
            on_update: None,
            auto_increment: false,
            generated: None,
            invisible: false,
            charset: text.then(|| "utf8mb4".into()),
            collation: None,
            octet_length: None,
            srid: None,
            comment: String::new(),
            ..Default::default()
        }
    }

    #[test]
    fn each_type_is_selected_so_that_its_text_is_exact() {
        for (column_type, expected, canon) in [
            ("bigint unsigned", "`c`", Canon::Number),
            ("int(8) unsigned zerofill", "`c`+0", Canon::Number),
            ("decimal(8,2) unsigned zerofill", "`c`+0", Canon::Number),
            ("decimal(65,30)", "`c`", Canon::Number),
            ("float", "`c`*1e0", Canon::Float),
            ("double", "`c`*1e0", Canon::Float),
            ("float(7,3)", "ROUND(`c`,3)*1e0", Canon::Float),
            ("double(10,2) unsigned zerofill", "ROUND(`c`,2)*1e0", Canon::Float),
            ("bit(64)", "`c`+0", Canon::Number),
            ("year", "`c`", Canon::Number),
            ("datetime(6)", "`c`", Canon::Text),
            ("varchar(20)", "`c`", Canon::Text),
            ("enum('a,b')", "`c`", Canon::Text),
            ("enum('a','')", "CAST(`c` AS UNSIGNED)", Canon::Number),
            ("set('','b')", "CAST(`c` AS UNSIGNED)", Canon::Number),
            ("json", "`c`", Canon::Json),
            ("binary(4)", "`c`", Canon::HexOfBinary),
            ("longblob", "`c`", Canon::HexOfBinary),
        ] {
            let column = column("c", column_type);
            assert_eq!((select_expression(&column).as_str(), canon_of(&column)), (expected, canon), "{column_type}");
        }
        assert_eq!(select_expression(&column("a`b", "bit(1)")), "`a``b`+0");
    }

    #[test]
    fn a_row_with_large_values_has_the_hash_of_its_bytes() {
        let mut hasher = RowHasher::new(vec![Canon::Number, Canon::Text, Canon::HexOfBinary, Canon::Text]);
        for large in [PIECE, PIECE + 1, 3 * PIECE + 7] {
            let (text, bytes) = (vec![b'x'; large], vec![0xab; large]);
            let row: [Option<&[u8]>; 4] = [Some(b"7"), Some(&text), Some(&bytes), None];
            let (text, hex) = ("x".repeat(large), "AB".repeat(large));
            let whole = format!("V1:7V{large}:{text}V{}:{hex}N", 2 * large);
            let expected = u64::from_be_bytes(Sha256::digest(whole)[..8].try_into().unwrap());
            assert_eq!(hasher.hash_row(&row), Ok(expected), "{large}");
            assert!(hasher.bytes.capacity() < 8 * PIECE);
        }
    }

    #[test]
    fn a_hash_is_pushed_down_only_where_both_servers_have_one_text() {
        for (column_type, pushed) in [
            ("int", true),
            ("varchar(9)", true),
            ("blob", true),
            ("time(6)", true),
            ("float", false),
            ("double", false),
            ("json", false),
            ("vector(3)", false),
            ("geometry", false),
            ("inet6", false),
        ] {
            let columns = [column("id", "int"), column("c", column_type)];
            assert_eq!(pushdown_expression(&columns).is_some(), pushed, "{column_type}");
        }
        assert_eq!(pushdown_expression(&[]), None);
    }

    #[test]
    fn the_pushed_down_text_keeps_nulls_apart() {
        let mut columns = [column("i", "int"), column("v", "varbinary(9)"), column("s", "varchar(9)")];
        columns[0].nullable = false;
        columns[2].charset = Some("latin1".into());
        assert_eq!(
            pushdown_expression(&columns).unwrap(),
            "CAST(CONV(LEFT(CAST(SHA2(CONCAT('V',LENGTH(`i`),':',`i`,\
             IF(`v` IS NULL,'N',CONCAT('V',LENGTH(`v`)*2,':',HEX(`v`))),\
             IF(`s` IS NULL,'N',CONCAT('V',LENGTH(CAST(CONVERT(`s` USING utf8mb4) AS BINARY)),':',\
             CAST(CONVERT(`s` USING utf8mb4) AS BINARY)))),256) AS BINARY),16),16,10) AS UNSIGNED)"
        );
    }

    fn hash(canons: &[Canon], cells: &[Option<&str>]) -> u64 {
        let cells: Vec<Option<&[u8]>> = cells.iter().map(|cell| cell.map(str::as_bytes)).collect();
        RowHasher::new(canons.to_vec()).hash_row(&cells).unwrap()
    }

    #[test]
    fn equal_by_value_is_equal_by_hash() {
        for (canon, one, other) in [
            (Canon::Float, "0", "-0"),
            (Canon::Float, "1e15", "1000000000000000"),
            (Canon::Float, "-0.10", "-0.1"),
            (Canon::Json, "{\"bb\": 1.0, \"a\": 1e20}", "{\"a\":100000000000000000000,\"bb\":1}"),
        ] {
            assert_eq!(hash(&[canon], &[Some(one)]), hash(&[canon], &[Some(other)]), "{one}");
        }
        let text = Canon::Text;
        for (one, other) in [
            ([Some("a"), None, Some("b")], [Some("a"), Some("b"), None]),
            ([Some("a"), Some(""), Some("b")], [Some("a"), None, Some("b")]),
            ([Some("aV1:b"), Some("c"), None], [Some("a"), Some("bV1:c"), None]),
            ([Some("N"), None, None], [None, Some("N"), None]),
        ] {
            assert_ne!(hash(&[text; 3], &one), hash(&[text; 3], &other), "{one:?}");
        }
    }

    #[test]
    fn a_row_without_a_hash_tells_its_column_and_not_its_value() {
        let mut hasher = RowHasher::new(vec![Canon::Text, Canon::Float]);
        assert_eq!(hasher.hash_row(&[None]), Err(HashFault::Width { expected: 2, found: 1 }));
        for text in ["secret", "", "inf", "NaN", "1e999"] {
            let fault = hasher.hash_row(&[None, Some(text.as_bytes())]).unwrap_err();
            assert_eq!(fault.to_string(), "the value in column 2 is not a floating-point number");
        }
        hasher.hash_row(&[None, Some(b"-0")]).unwrap();
        assert_eq!(hasher.negative_zeros(), 1);
        let fault = RowHasher::new(vec![Canon::Json]).hash_row(&[Some(b"{")]).unwrap_err();
        assert_eq!(fault.to_string(), "the value in column 1 is not a JSON document");
    }

    #[test]
    fn a_part_is_summed_exactly_and_written_as_text() {
        let mut part = PartHash::default();
        part.add(u64::MAX);
        part.add(u64::MAX);
        let mut other = PartHash::default();
        other.add(2);
        part.merge(&other);
        let text = serde_json::to_string(&part).unwrap();
        assert_eq!(text, r#"{"sum":"36893488147419103232","rows":3}"#);
        assert_eq!(serde_json::from_str::<PartHash>(&text).unwrap(), part);
        assert_eq!(PartHash::from_server(Some("36893488147419103232"), 3), Some(part));
        assert_eq!(PartHash::from_server(None, 0), Some(PartHash::default()));
        assert_eq!(PartHash::from_server(Some("1.5"), 1), None);
        assert!(serde_json::from_str::<PartHash>(r#"{"sum":1,"rows":1}"#).is_err());
    }

    /// Rows of one table with edge values, and what [`pushdown_expression`] gave for each on MySQL 9.7.4, TiDB 8.5.6 and
    /// MariaDB 10.11: the same number on the three.
    #[test]
    fn the_hash_is_the_number_that_the_servers_give() {
        let types = [
            "int",
            "bigint",
            "bigint unsigned",
            "decimal(65,30)",
            "decimal(10,2)",
            "date",
            "datetime(6)",
            "timestamp(3)",
            "time(6)",
            "year",
            "enum('a','B','é')",
            "set('x','y','z')",
            "char(10)",
            "varchar(200)",
            "binary(4)",
            "varbinary(200)",
            "blob",
            "longtext",
            "bit(1)",
            "bit(64)",
            "int(8) unsigned zerofill",
        ];
        let mut hasher = RowHasher::new(types.map(|column_type| canon_of(&column("c", column_type))).to_vec());
        let mut nulls = [None; 21];
        nulls[0] = Some(b"2".as_slice());
        let rows: [(u64, [Option<&[u8]>; 21]); 4] = [
            (
                12_844_422_933_618_816_117,
                [
                    b"1".as_slice(),
                    b"-9223372036854775808",
                    b"18446744073709551615",
                    b"-12345678901234567890123456789012345.123456789012345678901234567890",
                    b"-0.50",
                    b"1000-01-01",
                    b"9999-12-31 23:59:59.999999",
                    b"1970-01-01 00:00:01.001",
                    b"-838:59:59.000000",
                    b"1901",
                    b"a",
                    b"x,z",
                    b"  a",
                    b"tail  ",
                    b"\x00\xff\x00\x00",
                    b"\0\n",
                    b"\x00\xff\x00",
                    "longé😀".as_bytes(),
                    b"1",
                    b"18446744073709551615",
                    b"42",
                ]
                .map(Some),
            ),
            (7_134_888_687_353_198_015, nulls),
            (
                369_360_247_234_694_588,
                [
                    b"3".as_slice(),
                    b"0",
                    b"0",
                    b"0.000000000000000000000000000000",
                    b"0.00",
                    b"0000-00-00",
                    b"0000-00-00 00:00:00.000000",
                    b"0000-00-00 00:00:00.000",
                    b"00:00:00.000000",
                    b"0000",
                    b"",
                    b"",
                    b"",
                    b"",
                    b"\0\0\0\0",
                    b"",
                    b"",
                    b"",
                    b"0",
                    b"0",
                    b"0",
                ]
                .map(Some),
            ),
            (
                276_161_445_214_453_946,
                [
                    b"4".as_slice(),
                    b"9223372036854775807",
                    b"9223372036854775808",
                    b"0.000000000000000000000000000001",
                    b"99999999.99",
                    b"2024-02-29",
                    b"2024-02-29 12:00:00.500000",
                    b"2038-01-19 03:14:07.999",
                    b"838:59:59.000000",
                    b"2155",
                    "é".as_bytes(),
                    b"x,y,z",
                    "é".as_bytes(),
                    "日本'\"\\".as_bytes(),
                    b"abcd",
                    b"\xe9",
                    "é".as_bytes(),
                    b"",
                    b"1",
                    b"9223372036854775808",
                    b"99999999",
                ]
                .map(Some),
            ),
        ];
        for (expected, cells) in rows {
            assert_eq!(hasher.hash_row(&cells), Ok(expected), "row {:?}", cells[0]);
        }
    }
}
