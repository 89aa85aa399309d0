//! Ranges of keys: how a table is cut into chunks, and the SQL that reads one chunk or finds the next border.
//!
//! Knows keys and SQL text. Does not know how long a chunk is to be, and runs nothing. Borders are data of users: they
//! are serialised for journal, manifest and ledger, and are not in `Debug`.
//!
//! What was asked of MySQL 9.7.4, TiDB 8.5.6 and MariaDB 10.11, and rests here:
//! - `a > x OR (a = x AND b > y)` is an index range on the three, on MySQL also where the border is in the middle of a
//!   day or a word; a row comparison is not. Written out, and not nested, TiDB makes the exact ranges of it;
//! - `_utf8mb4 x'…'` is a range over columns of utf8mb4, utf8mb3, ascii and latin1 on the three. A literal in the
//!   column's own charset, `_latin1 x'e9'`, finds nothing on TiDB, and `CONVERT(x'…' USING utf8mb4)` is an illegal mix of
//!   collations on MySQL: so borders are held as utf8mb4, whatever the column's charset is;
//! - ENUM and SET sort by their number, compare with text by text, and with a number only by a scan of the whole index on
//!   MySQL and MariaDB: a key may not begin with one. BIT has ranges by number;
//! - FLOAT and DOUBLE are left out: not every server compares a literal with a FLOAT by all its digits.

pub mod cut;
pub mod order;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dumpfile::is_binary;
use super::facts::Flavor;
use super::rowhash::may_lose;
use super::structure::{Column, Index, Table};
use crate::words::addr::{TableName, sql_ident};

/// A column of the key by which a table is cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyColumn {
    pub name: String,
    pub literal: LiteralForm,
}

/// How a value of a key column is read, held and written back into SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LiteralForm {
    /// Integers and decimals: as they are.
    Number,
    /// BIT, ENUM, SET: by their number, `c+0`.
    Ordinal,
    /// Dates and times: in quotes.
    Quoted,
    /// Text: hexadecimal digits of its utf8mb4.
    Character,
    /// Bytes: their hexadecimal digits.
    Binary,
}

/// A value of a key, as its [`LiteralForm`] holds it. Data of a user.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct KeyValue(pub String);

impl fmt::Debug for KeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyValue(…)")
    }
}

/// The rows of one chunk: behind one border, up to and with another. Both open: the whole table, or all of the named
/// partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Range {
    /// Only the rows of these partitions; none named: of all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitions: Vec<String>,
    /// Exclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Vec<KeyValue>>,
    /// Inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<Vec<KeyValue>>,
}

impl Range {
    /// What stands behind the table's name in a FROM: ` PARTITION (…)`, or nothing.
    pub fn partition_clause(&self) -> String {
        let names: Vec<String> = self.partitions.iter().map(|name| sql_ident(name)).collect();
        if names.is_empty() { String::new() } else { format!(" PARTITION ({})", names.join(",")) }
    }
}

/// A border that does not fit its key: it was damaged, or the key has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BorderFault {
    Width {
        expected: usize,
        found: usize,
    },
    /// The place of the key column whose value is none of its form.
    Value {
        column: usize,
    },
}

impl fmt::Display for BorderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Width { expected, found } => {
                write!(f, "a border has {found} values where the key has {expected} columns")
            }
            Self::Value { column } => write!(f, "a border's value for key column {} is none of its type", column + 1),
        }
    }
}

impl std::error::Error for BorderFault {}

/// The columns of the key by which the table can be cut; `None`: it has no such key and is read in one go.
pub fn usable_for_ranges(table: &Table) -> Option<Vec<KeyColumn>> {
    range_key(table).map(|(_, columns)| columns)
}

/// That key, the best of those that serve: its index, and its columns.
fn range_key(table: &Table) -> Option<(&Index, Vec<KeyColumn>)> {
    // A hint cannot name an invisible index, and without one a server may sort a table instead of walking along a key.
    table.usable_keys().into_iter().filter(|key| key.visible).find_map(|key| Some((key, columns_of(table, key)?)))
}

fn columns_of(table: &Table, key: &Index) -> Option<Vec<KeyColumn>> {
    // An index of both directions gives no order to walk along.
    if key.parts.iter().any(|part| part.descending != key.parts[0].descending) {
        return None;
    }
    let mut columns = Vec::with_capacity(key.parts.len());
    for part in &key.parts {
        let column = table.column(part.column.as_deref()?)?;
        columns.push(KeyColumn { name: column.name.clone(), literal: literal_form(column)? });
    }
    let first = table.column(&columns.first()?.name)?;
    (!matches!(first.data_type.as_str(), "enum" | "set")).then_some(columns)
}

/// How alike two servers sort text of one collation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kinship {
    /// Two of one kind: a collation's name is its order.
    Same,
    /// MySQL and MariaDB: alike where the order is that of code points.
    MysqlAndMariadb,
    /// A TiDB and another: under PAD SPACE collations `a` and `a<TAB>` stand the other way around.
    Apart,
}

impl Kinship {
    pub fn of(one: Flavor, other: Flavor) -> Self {
        match (one, other) {
            _ if one == other => Self::Same,
            (Flavor::Tidb, _) | (_, Flavor::Tidb) => Self::Apart,
            _ => Self::MysqlAndMariadb,
        }
    }
}

/// Whether ranges over this key are the same set of rows on source and target: every column a number, a date or time,
/// bytes, or text of one collation that both sort alike.
pub fn target_ranges_safe(keys: &[KeyColumn], source: &Table, target: &Table, kinship: Kinship) -> bool {
    keys.iter().all(|key| {
        let (Some(here), Some(there)) = (source.column(&key.name), target.column(&key.name)) else { return false };
        let same_form = literal_form(there) == Some(key.literal);
        same_form
            && match key.literal {
                LiteralForm::Number | LiteralForm::Quoted | LiteralForm::Binary => true,
                LiteralForm::Ordinal => here.data_type == "bit" && there.data_type == "bit",
                LiteralForm::Character => here.collation == there.collation && sorts_alike(here, kinship),
            }
    })
}

fn sorts_alike(column: &Column, kinship: Kinship) -> bool {
    let collation = column.collation.as_deref().unwrap_or_default();
    let no_pad = matches!(collation, "utf8mb4_0900_ai_ci" | "utf8mb4_0900_bin" | "binary");
    match kinship {
        Kinship::Same => true,
        Kinship::MysqlAndMariadb => no_pad || collation.ends_with("_bin"),
        Kinship::Apart => no_pad,
    }
}

/// Which rows of a table a statement reads, as SQL; all, where nothing is said.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// See [`Range::partition_clause`].
    pub partitions: String,
    /// For the WHERE; may be empty.
    pub predicate: String,
    /// The key's columns, where the predicate is a range of it.
    along: Vec<String>,
}

impl Selection {
    /// Of a range.
    pub fn of(range: &Range, keys: &[KeyColumn]) -> Result<Self, BorderFault> {
        let ranged = range.after.is_some() || range.up_to.is_some();
        let along = if ranged { keys.iter().map(|key| key.name.clone()).collect() } else { Vec::new() };
        Ok(Self { partitions: range.partition_clause(), predicate: predicate(range, keys)?, along })
    }

    /// The same rows, as far as a condition holds for them.
    pub fn and(&self, condition: &str) -> Self {
        let conditions = [self.predicate.as_str(), condition];
        let predicate: Vec<String> =
            conditions.iter().filter(|text| !text.is_empty()).map(|text| format!("({text})")).collect();
        Self { partitions: self.partitions.clone(), predicate: predicate.join(" AND "), along: self.along.clone() }
    }

    /// `FROM … WHERE …`, along the index of the range's key. Without statistics, TiDB estimates a half-open range at a third
    /// of the table and scans all of it.
    pub fn from(&self, table: &Table) -> String {
        self.from_along(&table.name, &index_hint(table, &self.along))
    }

    /// The same, with the index to walk along, or nothing.
    pub fn from_along(&self, table: &TableName, hint: &str) -> String {
        let rows = if self.predicate.is_empty() { String::new() } else { format!(" WHERE {}", self.predicate) };
        format!("FROM {}{}{hint}{rows}", table.sql(), self.partitions)
    }
}

/// ` FORCE INDEX (…)` of the table's index over just these columns, or nothing where it has none.
pub fn index_hint(table: &Table, columns: &[String]) -> String {
    let over = |index: &&Index| {
        let parts = index.parts.iter().map(|part| part.column.as_deref().filter(|_| part.prefix.is_none()));
        index.visible && index.kind == "BTREE" && parts.eq(columns.iter().map(|name| Some(name.as_str())))
    };
    let found = if columns.is_empty() { None } else { table.indexes.iter().find(over) };
    found.map_or(String::new(), |index| force_index(&index.name))
}

fn force_index(name: &str) -> String {
    format!(" FORCE INDEX ({})", sql_ident(name))
}

/// What selects the rows of a range, to stand in a WHERE: in parentheses where it needs them. Its partitions stand in
/// the FROM: see [`Range::partition_clause`].
pub fn predicate(range: &Range, keys: &[KeyColumn]) -> Result<String, BorderFault> {
    let after = range.after.as_deref().map(|border| comparison(border, keys, Side::After)).transpose()?;
    let up_to = range.up_to.as_deref().map(|border| comparison(border, keys, Side::UpTo)).transpose()?;
    Ok(match (after, up_to) {
        (None, None) => "TRUE".to_owned(),
        (Some(one), None) | (None, Some(one)) => one,
        (Some(after), Some(up_to)) => format!("{after} AND {up_to}"),
    })
}

/// SQL that reads the key which stands `offset` rows behind the row next to a border: no row, if the table ends before.
/// It walks the index, whatever the key's types are, and no estimate is asked. `filter` is the spec's `where`.
pub fn next_border_sql(
    table: &Table,
    keys: &[KeyColumn],
    after: Option<&[KeyValue]>,
    filter: Option<&str>,
    offset: u64,
) -> Result<String, BorderFault> {
    let range = Range { after: after.map(<[KeyValue]>::to_vec), ..Range::default() };
    let rows = predicate(&range, keys)?;
    let rows = filter.map_or(rows.clone(), |filter| format!("{rows} AND ({filter})"));
    let columns: Vec<String> = keys.iter().map(border_expression).collect();
    let names: Vec<String> = keys.iter().map(|key| key.name.clone()).collect();
    Ok(format!(
        "SELECT {} FROM {}{} WHERE {rows} ORDER BY {} LIMIT 1 OFFSET {offset}",
        columns.join(","),
        table.name.sql(),
        index_hint(table, &names),
        order_by(keys)
    ))
}

/// The border that a row of [`next_border_sql`] is; `None`: it is not a key.
pub fn border_of(keys: &[KeyColumn], row: &[Option<Vec<u8>>]) -> Option<Vec<KeyValue>> {
    let text = |cell: &Option<Vec<u8>>| String::from_utf8(cell.clone()?).ok().map(KeyValue);
    (row.len() == keys.len()).then(|| row.iter().map(text).collect())?
}

/// The key's columns for an ORDER BY.
pub fn order_by(keys: &[KeyColumn]) -> String {
    keys.iter().map(|key| sql_ident(&key.name)).collect::<Vec<_>>().join(",")
}

/// What to SELECT so that a key column's text is its [`KeyValue`].
pub fn border_expression(key: &KeyColumn) -> String {
    let name = sql_ident(&key.name);
    match key.literal {
        LiteralForm::Number | LiteralForm::Quoted => name,
        LiteralForm::Ordinal => format!("{name}+0"),
        LiteralForm::Character => format!("HEX(CONVERT({name} USING utf8mb4))"),
        LiteralForm::Binary => format!("HEX({name})"),
    }
}

fn literal_form(column: &Column) -> Option<LiteralForm> {
    match column.data_type.as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" => Some(LiteralForm::Number),
        "bit" | "enum" | "set" => Some(LiteralForm::Ordinal),
        "date" | "datetime" | "timestamp" | "time" | "year" => Some(LiteralForm::Quoted),
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => {
            // Held as utf8mb4, a code without a character of its own would be a border that sorts elsewhere.
            let sound = !column.charset.as_deref().is_some_and(may_lose);
            sound.then_some(LiteralForm::Character)
        }
        "binary" | "varbinary" => Some(LiteralForm::Binary),
        data_type if is_binary(data_type) && data_type.ends_with("blob") => Some(LiteralForm::Binary),
        _ => None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    After,
    UpTo,
}

/// `(a > x OR (a = x AND b > y))` and so on; the last column of an inclusive border with `<=`.
fn comparison(border: &[KeyValue], keys: &[KeyColumn], side: Side) -> Result<String, BorderFault> {
    if border.len() != keys.len() || keys.is_empty() {
        return Err(BorderFault::Width { expected: keys.len(), found: border.len() });
    }
    let mut cases = Vec::with_capacity(keys.len());
    let mut equal = String::new();
    for (at, (value, key)) in border.iter().zip(keys).enumerate() {
        let name = sql_ident(&key.name);
        let literal = literal(value, key.literal).ok_or(BorderFault::Value { column: at })?;
        let sign = match side {
            Side::After => ">",
            Side::UpTo if at + 1 == keys.len() => "<=",
            Side::UpTo => "<",
        };
        cases.push(match at {
            0 => format!("{name} {sign} {literal}"),
            _ => format!("({equal}{name} {sign} {literal})"),
        });
        equal.push_str(&format!("{name} = {literal} AND "));
    }
    Ok(if let [only] = cases.as_slice() { only.clone() } else { format!("({})", cases.join(" OR ")) })
}

/// A value as SQL. `None` where it is none of the form: what is read back from a file never becomes other SQL.
fn literal(value: &KeyValue, form: LiteralForm) -> Option<String> {
    let text = value.0.as_str();
    let of = |allowed: fn(u8) -> bool| text.bytes().all(allowed) && text.bytes().any(|b| b.is_ascii_digit());
    match form {
        LiteralForm::Number => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let sound = of(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-'));
            (sound && !digits.contains('-') && digits.matches('.').count() < 2).then(|| text.to_owned())
        }
        LiteralForm::Ordinal => of(|b| b.is_ascii_digit()).then(|| text.to_owned()),
        LiteralForm::Quoted => {
            of(|b| b.is_ascii_digit() || matches!(b, b'-' | b':' | b'.' | b' ')).then(|| format!("'{text}'"))
        }
        LiteralForm::Character => is_hex(text).then(|| format!("_utf8mb4 x'{text}'")),
        LiteralForm::Binary => is_hex(text).then(|| format!("x'{text}'")),
    }
}

fn is_hex(text: &str) -> bool {
    text.len().is_multiple_of(2) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::super::structure::{IndexPart, TableEstimate};
    use super::*;

    /// Columns as `name type [collation]`; the key's columns by name, `-` before one that is descending.
    fn table(columns: &[&str], key: &[&str]) -> Table {
        let columns = columns.iter().map(|text| {
            let mut words = text.split(' ');
            let (name, column_type, collation) = (words.next().unwrap(), words.next().unwrap(), words.next());
            Column {
                name: name.into(),
                data_type: column_type.split('(').next().unwrap().into(),
                column_type: column_type.into(),
                nullable: false,
                default: None,
                default_is_expression: false,
                on_update: None,
                auto_increment: false,
                generated: None,
                invisible: false,
                charset: collation.map(|c| c.split('_').next().unwrap().into()),
                collation: collation.map(Into::into),
                octet_length: None,
                srid: None,
                comment: String::new(),
                ..Default::default()
            }
        });
        let part = |name: &&str| IndexPart {
            column: Some(name.trim_start_matches('-').into()),
            expression: None,
            prefix: None,
            descending: name.starts_with('-'),
        };
        let primary = Index {
            name: "PRIMARY".into(),
            unique: true,
            kind: "BTREE".into(),
            visible: true,
            parts: key.iter().map(part).collect(),
            parser: String::new(),
            comment: String::new(),
            ..Default::default()
        };
        Table {
            name: TableName::new("shop", "t"),
            engine: "InnoDB".into(),
            charset: "utf8mb4".into(),
            collation: "utf8mb4_bin".into(),
            options: String::new(),
            system_versioned: false,
            comment: String::new(),
            columns: columns.collect(),
            indexes: if key.is_empty() { Vec::new() } else { vec![primary] },
            foreign_keys: Vec::new(),
            checks: Vec::new(),
            partitioning: String::new(),
            generated_invisible_key: false,
            estimate: TableEstimate::default(),
            ..Default::default()
        }
    }

    fn keys(forms: &[LiteralForm]) -> Vec<KeyColumn> {
        forms
            .iter()
            .zip(["a", "b", "c"])
            .map(|(literal, name)| KeyColumn { name: name.into(), literal: *literal })
            .collect()
    }

    fn border(values: &[&str]) -> Option<Vec<KeyValue>> {
        Some(values.iter().map(|value| KeyValue((*value).into())).collect())
    }

    fn check(forms: &[LiteralForm], after: Option<Vec<KeyValue>>, up_to: Option<Vec<KeyValue>>, expected: &str) {
        let range = Range { after, up_to, ..Range::default() };
        assert_eq!(predicate(&range, &keys(forms)).as_deref(), Ok(expected));
    }

    #[test]
    fn a_range_is_written_out_so_that_an_index_serves_it() {
        use LiteralForm::{Binary, Character, Number, Ordinal, Quoted};
        check(&[Number], None, None, "TRUE");
        check(&[Number], border(&["5"]), None, "`a` > 5");
        check(&[Number], None, border(&["-5.50"]), "`a` <= -5.50");
        check(&[Number], border(&["5"]), border(&["9"]), "`a` > 5 AND `a` <= 9");
        check(
            &[Number, Quoted],
            border(&["1", "2024-01-01 00:00:00.5"]),
            border(&["2", "-838:59:59"]),
            "(`a` > 1 OR (`a` = 1 AND `b` > '2024-01-01 00:00:00.5')) AND \
             (`a` < 2 OR (`a` = 2 AND `b` <= '-838:59:59'))",
        );
        check(
            &[Character, Binary, Ordinal],
            border(&["C3A9", "", "7"]),
            None,
            "(`a` > _utf8mb4 x'C3A9' OR (`a` = _utf8mb4 x'C3A9' AND `b` > x'') OR \
             (`a` = _utf8mb4 x'C3A9' AND `b` = x'' AND `c` > 7))",
        );
        check(
            &[Number, Number, Number],
            None,
            border(&["1", "2", "3"]),
            "(`a` < 1 OR (`a` = 1 AND `b` < 2) OR (`a` = 1 AND `b` = 2 AND `c` <= 3))",
        );
    }

    /// Ranges one behind the other hold each row once: shown by asking the conditions themselves, over all pairs.
    #[test]
    fn ranges_side_by_side_hold_each_row_once() {
        let number = |text: &str| text.parse::<i32>().unwrap();
        // Reads back what `comparison` writes for two numbers: terms of `name sign value` under OR and AND.
        let holds = |sql: &str, row: [i32; 2]| {
            let clean = sql.replace(['(', ')', '`'], "");
            clean.split(" OR ").any(|case| {
                case.split(" AND ").all(|term| {
                    let words: Vec<&str> = term.split(' ').collect();
                    let value = if words[0] == "a" { row[0] } else { row[1] };
                    match words[1] {
                        ">" => value > number(words[2]),
                        "<" => value < number(words[2]),
                        "<=" => value <= number(words[2]),
                        _ => value == number(words[2]),
                    }
                })
            })
        };
        let keys = keys(&[LiteralForm::Number; 2]);
        for a in 0..4 {
            for b in 0..4 {
                let edge = border(&[&a.to_string(), &b.to_string()]);
                let before = Range { up_to: edge.clone(), ..Range::default() };
                let behind = Range { after: edge, ..Range::default() };
                let [before, behind] = [before, behind].map(|range| predicate(&range, &keys).unwrap());
                for row in (0..4).flat_map(|x| (0..4).map(move |y| [x, y])) {
                    assert_eq!((holds(&before, row), holds(&behind, row)), (row <= [a, b], row > [a, b]), "{row:?}");
                }
            }
        }
    }

    #[test]
    fn the_next_border_is_found_by_walking_the_key() {
        use LiteralForm::{Binary, Character, Number, Ordinal};
        let columns = ["a varchar(9) utf8mb4_bin", "b varbinary(9)", "c bit(4)"];
        let named = |key: &[&str]| Table { name: TableName::new("shop", "or`ders"), ..table(&columns, key) };
        assert_eq!(
            next_border_sql(&named(&["b"]), &keys(&[Number]), None, None, 9999).unwrap(),
            "SELECT `a` FROM `shop`.`or``ders` WHERE TRUE ORDER BY `a` LIMIT 1 OFFSET 9999"
        );
        assert_eq!(
            next_border_sql(
                &named(&["a", "b", "c"]),
                &keys(&[Character, Binary, Ordinal]),
                border(&["61", "00", "1"]).as_deref(),
                Some("x = 1 OR y = 2"),
                4
            )
            .unwrap(),
            "SELECT HEX(CONVERT(`a` USING utf8mb4)),HEX(`b`),`c`+0 FROM `shop`.`or``ders` FORCE INDEX (`PRIMARY`) WHERE \
             (`a` > _utf8mb4 x'61' OR (`a` = _utf8mb4 x'61' AND `b` > x'00') OR \
             (`a` = _utf8mb4 x'61' AND `b` = x'00' AND `c` > 1)) AND (x = 1 OR y = 2) ORDER BY `a`,`b`,`c` LIMIT 1 OFFSET 4"
        );
    }

    #[test]
    fn a_range_is_read_along_the_index_of_its_key_and_what_is_no_range_in_any_way() {
        let table = table(&["a int", "b int"], &["a", "b"]);
        let keys = usable_for_ranges(&table).unwrap();
        let check = |range: &Range, keys: &[KeyColumn], expected: &str| {
            assert_eq!(Selection::of(range, keys).unwrap().and("x = 1").from(&table), expected);
        };
        let some =
            |names: &[&str]| Range { partitions: names.iter().map(|n| (*n).into()).collect(), ..Range::default() };
        check(&Range::default(), &keys, "FROM `shop`.`t` WHERE (TRUE) AND (x = 1)");
        check(&some(&["p"]), &keys, "FROM `shop`.`t` PARTITION (`p`) WHERE (TRUE) AND (x = 1)");
        let range = Range { up_to: border(&["1", "2"]), ..some(&["p", "q"]) };
        check(
            &range,
            &keys,
            "FROM `shop`.`t` PARTITION (`p`,`q`) FORCE INDEX (`PRIMARY`) WHERE ((`a` < 1 OR (`a` = 1 AND `b` <= 2))) AND (x = 1)",
        );
        // The table has no index of just this column.
        let range = Range { up_to: border(&["1"]), ..Range::default() };
        check(&range, &keys[..1], "FROM `shop`.`t` WHERE (`a` <= 1) AND (x = 1)");
        assert_eq!(Selection::default().from(&table), "FROM `shop`.`t`");
    }

    #[test]
    fn a_damaged_border_never_becomes_sql() {
        use LiteralForm::{Binary, Character, Number, Ordinal, Quoted};
        for (form, value) in [
            (Number, "1 OR 1=1"),
            (Number, ""),
            (Number, "-"),
            (Number, "1-2"),
            (Number, "1.2.3"),
            (Number, "--1"),
            (Number, "1e5"),
            (Ordinal, "-1"),
            (Quoted, "2024' OR '1"),
            (Quoted, ""),
            (Character, "6"),
            (Character, "zz"),
            (Binary, "00'"),
        ] {
            let range = Range { after: border(&[value]), ..Range::default() };
            assert_eq!(predicate(&range, &keys(&[form])), Err(BorderFault::Value { column: 0 }), "{form:?} {value}");
        }
        let range = Range { after: border(&["1"]), ..Range::default() };
        assert_eq!(predicate(&range, &keys(&[Number; 2])), Err(BorderFault::Width { expected: 2, found: 1 }));
        assert_eq!(predicate(&range, &[]), Err(BorderFault::Width { expected: 0, found: 1 }));
    }

    #[test]
    fn a_key_serves_for_ranges_where_every_server_has_an_order_for_it() {
        use LiteralForm::{Binary, Character, Number, Ordinal, Quoted};
        let text = "s varchar(20) utf8mb4_general_ci";
        for (columns, key, expected) in [
            (vec!["a bigint"], vec!["a"], Some(vec![Number])),
            (vec!["a int", "b date", text], vec!["s", "b", "a"], Some(vec![Character, Quoted, Number])),
            (vec!["a varbinary(16)", "b decimal(9,2)"], vec!["a", "b"], Some(vec![Binary, Number])),
            (vec!["a bit(8)"], vec!["a"], Some(vec![Ordinal])),
            (vec!["a int", "b enum('x')"], vec!["a", "b"], Some(vec![Number, Ordinal])),
            (vec!["a int", "b enum('x')"], vec!["b", "a"], None),
            (vec!["a set('x')"], vec!["a"], None),
            (vec!["a double"], vec!["a"], None),
            (vec!["a int", "b float"], vec!["a", "b"], None),
            (vec!["a int", "b int"], vec!["-a", "-b"], Some(vec![Number, Number])),
            (vec!["a int", "b int"], vec!["a", "-b"], None),
            (vec!["a int"], vec![], None),
        ] {
            let found = usable_for_ranges(&table(&columns, &key));
            let found = found.map(|keys| keys.into_iter().map(|key| key.literal).collect());
            assert_eq!(found, expected, "{columns:?} {key:?}");
        }
    }

    #[test]
    fn ranges_go_to_the_target_only_where_both_sides_sort_alike() {
        for (here, there, safe) in [
            ("a int", "a bigint", true),
            ("a datetime(6)", "a datetime(6)", true),
            ("a varbinary(9)", "a varbinary(9)", true),
            ("a bit(9)", "a bit(9)", true),
            ("a varchar(9) utf8mb4_0900_ai_ci", "a varchar(9) utf8mb4_0900_ai_ci", true),
            ("a varchar(9) utf8mb4_0900_bin", "a varchar(9) utf8mb4_0900_bin", true),
            ("a varchar(9) utf8mb4_0900_ai_ci", "a varchar(9) utf8mb4_0900_bin", false),
            ("a varchar(9) utf8mb4_bin", "a varchar(9) utf8mb4_bin", false),
            ("a varchar(9) utf8mb4_general_ci", "a varchar(9) utf8mb4_general_ci", false),
            ("a varchar(9) latin1_swedish_ci", "a varchar(9) utf8mb4_0900_ai_ci", false),
            ("a int", "a varchar(9) utf8mb4_0900_ai_ci", false),
            ("a int", "b int", false),
        ] {
            let source = table(&[here], &["a"]);
            let keys = usable_for_ranges(&source).unwrap();
            let safe_for = |kinship| target_ranges_safe(&keys, &source, &table(&[there], &[]), kinship);
            assert_eq!(safe_for(Kinship::Apart), safe, "{here} -> {there}");
        }
        for (collation, alike, same) in [
            ("utf8mb4_bin", true, true),
            ("latin1_bin", true, true),
            ("utf8mb4_general_ci", false, true),
            ("utf8mb4_unicode_ci", false, true),
        ] {
            let source = table(&[&format!("a varchar(9) {collation}")], &["a"]);
            let keys = usable_for_ranges(&source).unwrap();
            let safe_for = |one, other| target_ranges_safe(&keys, &source, &source, Kinship::of(one, other));
            assert_eq!(safe_for(Flavor::Mysql, Flavor::Mariadb), alike, "{collation}");
            assert_eq!(safe_for(Flavor::Mariadb, Flavor::Mariadb), same, "{collation}");
            assert!(!safe_for(Flavor::Mariadb, Flavor::Tidb), "{collation}");
        }
        let source = table(&["a int", "e enum('x')"], &["a", "e"]);
        assert!(!target_ranges_safe(&usable_for_ranges(&source).unwrap(), &source, &source, Kinship::Same));
    }

    #[test]
    fn a_range_is_kept_as_text_and_told_to_nobody() {
        let range = Range { after: border(&["5", "C3A9"]), ..Range::default() };
        let text = serde_json::to_string(&range).unwrap();
        assert_eq!(text, r#"{"after":["5","C3A9"]}"#);
        assert_eq!(serde_json::from_str::<Range>(&text).unwrap(), range);
        assert_eq!(
            format!("{range:?}"),
            "Range { partitions: [], after: Some([KeyValue(…), KeyValue(…)]), up_to: None }"
        );
        let range = Range { partitions: vec!["p`0".into(), "p1".into()], ..Range::default() };
        assert_eq!(serde_json::to_string(&range).unwrap(), r#"{"partitions":["p`0","p1"]}"#);
        assert_eq!(range.partition_clause(), " PARTITION (`p``0`,`p1`)");
        assert_eq!(Range::default().partition_clause(), "");
    }
}
