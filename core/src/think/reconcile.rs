//! The structure of a table from its server's two accounts of it: information_schema ("listed") and SHOW CREATE TABLE
//! ("shown"). Knows which of the two is right where they differ, and why; any other difference is a [`Doubt`], at which a
//! plan stops. Changes no name, judges no target.
//!
//! Trusted is, by attribute:
//!
//! - names and order of columns, NULL, AUTO_INCREMENT, comments, foreign keys, engine: both, and they have to agree;
//! - collations and charsets: listed. SHOW CREATE leaves out what is a default on that server only.
//! - lengths in bytes, estimates: listed. Kinds of indexes (HASH, RTREE): listed.
//! - types: shown. TiDB lists members of ENUM and SET without their escapes.
//! - literal defaults: shown. MySQL lists them in its utf8mb3 (`?` for other characters), cuts bytes at the first zero, and
//!   lists a TIMESTAMP in the time zone of its creator. MariaDB and MySQL before 8.0 show `?` for characters of four bytes too: see
//!   [`settle_default`].
//! - expressions (generated columns, defaults, indexes, CHECK): shown. MySQL lists them byte by byte where they hold
//!   letters beyond ASCII, and escaped once more; where it shows other letters, the list has them ([`letters`]).
//! - indexes: both; but TiDB lists one for a foreign key over a whole integer primary key and does not show it.
//! - partitions, parsers, periods, options, the counter: shown only. PARTITION BY KEY () is listed without any column.

mod letters;

use crate::formats::ddl::create_reader::{self, CreateFault};
use crate::formats::ddl::raw;
use crate::formats::facts::Flavor;
use crate::formats::structure::{Column, Doubt, Table};
use crate::think::compare::{self, Difference};
use crate::words::addr::key_ident;

/// The table by both accounts.
///
/// `narrow`: the server prints statements in utf8mb3, which MariaDB and MySQL before 8.0 do.
pub fn reconcile(flavor: Flavor, narrow: bool, mut listed: Table, shown: Result<Table, CreateFault>) -> Table {
    let mut shown = match shown {
        Ok(shown) => shown,
        Err(fault) => {
            // What is listed is all there is; nothing is created from it unless the user says so.
            create_reader::periods_apart(&mut listed);
            listed.doubts.push(Doubt::NotUnderstood { text: fault.near });
            return listed;
        }
    };
    create_reader::periods_apart(&mut listed);
    shadows_of_periods(&mut listed, &shown);
    members_in_bytes(&mut listed, &shown);
    // Only the statement tells it.
    for key in &mut listed.foreign_keys {
        key.not_enforced = shown.foreign_keys.iter().any(|twin| twin.name == key.name && twin.not_enforced);
    }
    for index in &mut listed.indexes {
        if let Some(twin) = shown.indexes.iter().find(|twin| twin.name == index.name) {
            index.parser.clone_from(&twin.parser);
        }
    }
    listed.ttl.clone_from(&shown.ttl);
    take_listed(flavor, &mut shown, &listed);
    let unknown = match flavor {
        // It shows and lists what it has.
        Flavor::Tidb => Vec::new(),
        _ => expressions_that_lost_letters(narrow, &mut shown, &listed),
    };
    let known = std::mem::take(&mut shown.doubts);
    for difference in compare::structure_differences(&listed, &shown) {
        if !written_down(flavor, &difference, &listed, &shown) {
            shown.doubts.push(Doubt::Disagreement {
                what: difference.what,
                listed: difference.expected,
                shown: difference.actual,
            });
        }
    }
    shown.doubts.splice(0..0, known);
    shown.doubts.extend(unknown);
    if narrow {
        let garbled = shown.columns.iter().filter(|column| garbled_default(column));
        let doubts: Vec<Doubt> = garbled.map(|column| doubt_of_default(&column.name)).collect();
        shown.doubts.extend(doubts);
    }
    shown
}

/// Whether a server that prints statements in utf8mb3 may have shown `?` for a character of the column's default. Only the
/// default as the server itself computes it tells more.
fn garbled_default(column: &Column) -> bool {
    let wide = matches!(column.charset.as_deref(), Some("utf8mb4" | "utf16" | "utf16le" | "utf32" | "gb18030"));
    wide && !column.default_is_expression && column.default.as_deref().is_some_and(|default| default.contains('?'))
}

fn doubt_of_default(column: &str) -> Doubt {
    Doubt::Garbled { what: format!("the default of column {column}") }
}

/// The columns of whose defaults it is not known what stands for a `?`.
pub fn garbled_defaults(table: &Table) -> Vec<String> {
    let doubted = |column: &&Column| table.doubts.contains(&doubt_of_default(&column.name));
    table.columns.iter().filter(doubted).map(|column| column.name.clone()).collect()
}

/// Settles the doubt: `default` is what the server itself computes.
pub fn settle_default(table: &mut Table, column: &str, default: String) {
    let doubt = doubt_of_default(column);
    table.doubts.retain(|other| *other != doubt);
    if let Some(column) = table.columns.iter_mut().find(|other| other.name == column) {
        column.default = Some(default);
    }
}

/// MariaDB lists a period of the application as a CHECK, and its columns in the keys that refuse overlaps.
fn shadows_of_periods(listed: &mut Table, shown: &Table) {
    if shown.periods.is_empty() {
        return;
    }
    listed.periods.clone_from(&shown.periods);
    for period in &shown.periods {
        let name = period.split(" (").next().unwrap_or_default();
        listed.checks.retain(|check| !check.name.eq_ignore_ascii_case(name));
    }
    for index in &mut listed.indexes {
        if let Some(twin) = shown.indexes.iter().find(|twin| twin.name == index.name && twin.without_overlaps.is_some())
        {
            index.parts.clone_from(&twin.parts);
        }
    }
}

/// Of an ENUM or SET in charset binary, MySQL lists no charset, and its default in hexadecimal digits.
fn members_in_bytes(listed: &mut Table, shown: &Table) {
    let of_members = |column: &&mut Column| matches!(column.data_type.as_str(), "enum" | "set");
    for column in listed.columns.iter_mut().filter(of_members).filter(|column| column.charset.is_none()) {
        let Some(twin) = shown.columns.iter().find(|twin| twin.name == column.name) else { continue };
        if twin.charset.as_deref() != Some("binary") {
            continue;
        }
        column.charset.clone_from(&twin.charset);
        column.collation.clone_from(&twin.collation);
        let digits = |text: &String| format!("0x{}", hex::encode_upper(text));
        if column.default.is_some() && column.default == twin.default.as_ref().map(digits) {
            column.default.clone_from(&twin.default);
        }
    }
}

/// Expressions whose letters MySQL did not show as they are: see [`letters`]. Servers that print in utf8mb3 (`narrow`) have
/// lost ones nowhere.
fn expressions_that_lost_letters(narrow: bool, shown: &mut Table, listed: &Table) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    let mut settle = |what: String, shown: &mut String, listed: Option<&String>| {
        if !letters::are_doubtful(narrow, shown) {
            return;
        }
        match listed.filter(|_| !narrow).and_then(|listed| letters::restored(shown, listed)) {
            Some(found) => *shown = found,
            None => doubts.push(Doubt::Garbled { what }),
        }
    };
    for column in &mut shown.columns {
        let twin = listed.column(&column.name);
        if let Some(generated) = &mut column.generated {
            let twin = twin.and_then(|twin| Some(&twin.generated.as_ref()?.expression));
            settle(format!("the expression of column {}", column.name), &mut generated.expression, twin);
        } else if let Some(default) = column.default.as_mut().filter(|_| column.default_is_expression) {
            let twin = twin.and_then(|twin| twin.default.as_ref());
            // Not the doubt that DEFAULT() settles: that gives a value, and this is an expression.
            settle(format!("the expression of the default of column {}", column.name), default, twin);
        }
    }
    for check in &mut shown.checks {
        let twin = listed.checks.iter().find(|twin| twin.name == check.name).map(|twin| &twin.clause);
        settle(format!("the expression of CHECK constraint {}", check.name), &mut check.clause, twin);
    }
    for index in &mut shown.indexes {
        let twin = listed.indexes.iter().find(|twin| twin.name == index.name);
        for (at, part) in index.parts.iter_mut().enumerate() {
            let twin = twin.and_then(|twin| twin.parts.get(at)?.expression.as_ref());
            if let Some(expression) = &mut part.expression {
                settle(format!("the expression of index {}", index.name), expression, twin);
            }
        }
    }
    doubts
}

/// What only information_schema knows, or knows better.
fn take_listed(flavor: Flavor, shown: &mut Table, listed: &Table) {
    shown.charset.clone_from(&listed.charset);
    shown.collation.clone_from(&listed.collation);
    shown.estimate = listed.estimate;
    shown.system_versioned |= listed.system_versioned;
    if shown.options.is_empty() {
        shown.options.clone_from(&listed.options);
    }
    for column in &mut shown.columns {
        let Some(twin) = listed.columns.iter().find(|twin| twin.name == column.name) else { continue };
        column.charset.clone_from(&twin.charset);
        column.collation.clone_from(&twin.collation);
        column.octet_length = twin.octet_length;
        // TiDB prints the text 'CURRENT_TIMESTAMP' without its quotes.
        if flavor == Flavor::Tidb && !twin.default_is_expression && clocks_name(column) {
            column.default_is_expression = false;
        }
        // SHOW CREATE of older servers has no word for these.
        column.srid = column.srid.or(twin.srid);
    }
    for index in &mut shown.indexes {
        if let Some(twin) = listed.indexes.iter().find(|twin| twin.name == index.name) {
            index.kind.clone_from(&twin.kind);
        }
    }
}

/// Whether the default reads like the clock where the type has no clock.
fn clocks_name(column: &Column) -> bool {
    let temporal = matches!(column.data_type.as_str(), "timestamp" | "datetime" | "date" | "time" | "year");
    !temporal && column.default.as_deref().is_some_and(|text| text.starts_with("CURRENT_"))
}

/// Whether a difference of the two accounts is one of those above.
fn written_down(flavor: Flavor, difference: &Difference, listed: &Table, shown: &Table) -> bool {
    let what = difference.what.as_str();
    let columns = |attribute: &str| {
        what.strip_suffix(attribute)
            .and_then(|head| shown.columns.iter().find(|c| head == format!("column {}: ", key_ident(&c.name))))
    };
    if what == "partitioning" {
        return true;
    }
    // TiDB lists the index that it makes for a foreign key over a whole integer primary key, and does not show it.
    if flavor == Flavor::Tidb && difference.actual.is_empty() {
        let of_key = |key: &crate::formats::structure::ForeignKey| what == format!("index {}", key_ident(&key.name));
        if shown.foreign_keys.iter().any(of_key) {
            return true;
        }
    }
    if let Some(column) = columns("default") {
        return default_is_listed_badly(flavor, column, listed);
    }
    let expression =
        columns("generated").is_some() || what.starts_with("CHECK constraint ") || what.starts_with("index ");
    if expression && !difference.actual.is_empty() && !difference.expected.is_empty() {
        return !difference.actual.is_ascii() || (flavor == Flavor::Tidb && what.starts_with("index "));
    }
    // TiDB lists the members of ENUM and SET without their escapes.
    if let Some(column) = columns("type") {
        return matches!(column.data_type.as_str(), "enum" | "set")
            && (flavor == Flavor::Tidb || !column.column_type.is_ascii());
    }
    // Comments are kept in utf8mb3 by older servers.
    what.ends_with("comment") && difference.actual.chars().any(|c| c.len_utf8() > 3)
}

fn default_is_listed_badly(flavor: Flavor, column: &Column, listed: &Table) -> bool {
    let Some(default) = &column.default else { return false };
    let twin = listed.column(&column.name).and_then(|twin| twin.default.as_deref()).unwrap_or_default();
    match column.data_type.as_str() {
        "binary" | "varbinary" => true,
        "timestamp" => !column.default_is_expression,
        _ if column.default_is_expression => !default.is_ascii() || flavor == Flavor::Tidb,
        _ => {
            default.chars().any(|c| c.len_utf8() > 3 || c == '\0')
                || raw::has_bytes(default)
                || twin.contains(char::REPLACEMENT_CHARACTER)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::formats::ddl::fixture::{column, index, table};
    use crate::words::addr::TableName;

    fn doubts(flavor: Flavor, listed: Table, shown: &str) -> Vec<String> {
        let read = create_reader::read_table(&TableName::new("s", "t"), shown, flavor);
        let doubt = |doubt: &Doubt| match doubt {
            Doubt::NotUnderstood { text } => format!("? {text}"),
            Doubt::Disagreement { what, .. } => what.clone(),
            Doubt::Garbled { what } => format!("garbled {what}"),
        };
        reconcile(flavor, flavor == Flavor::Mariadb, listed, read).doubts.iter().map(doubt).collect()
    }

    #[test]
    fn two_accounts_agree_or_what_differs_is_a_doubt() {
        let listed = || table("s", "t").with(column("a", "int")).with(column("b", "varchar(9)"));
        let lines = |columns: &str, tail: &str| {
            format!("CREATE TABLE `t` (\n {columns}\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin{tail}")
        };
        let plain = "`a` int DEFAULT NULL, `b` varchar(9) COLLATE utf8mb4_bin DEFAULT NULL";
        for (columns, tail, expected) in [
            (plain, "", vec![]),
            (plain, " AUTO_INCREMENT=7 STATS_PERSISTENT=0", vec![]),
            (plain, " NEW_OPTION=7", vec!["? NEW_OPTION=7"]),
            ("`a` int DEFAULT NULL", "", vec!["column b", "order of columns"]),
            ("`a` bigint DEFAULT NULL, `b` varchar(9) DEFAULT NULL", "", vec!["column a: type"]),
            ("`a` int NOT NULL, `b` varchar(9) DEFAULT NULL", "", vec!["column a: NULL"]),
            ("`a` int DEFAULT '5', `b` varchar(9) DEFAULT NULL", "", vec!["column a: default"]),
            ("`a` int DEFAULT NULL, `b` varchar(9) DEFAULT '😀'", "", vec![]),
            ("`a` int DEFAULT NULL, `b` varchar(9) DEFAULT NULL, KEY `k` (`b`)", "", vec!["index k"]),
            (
                "`a` int DEFAULT NULL SPARKLING, `b` varchar(9)",
                "",
                vec!["? SPARKLING, `b` varchar(9)\n) ENGINE=InnoDB"],
            ),
        ] {
            let expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
            let found = doubts(Flavor::Mysql, listed(), &lines(columns, tail));
            let found: Vec<String> =
                found.into_iter().filter(|d| !(d == "order of columns" && expected.is_empty())).collect();
            assert!(
                found.len() <= expected.len()
                    && found.iter().zip(&expected).all(|(f, e)| e.starts_with(f.as_str()) || f.starts_with(e.as_str()))
                    && found.is_empty() == expected.is_empty(),
                "{columns}{tail}: {found:?}, expected {expected:?}"
            );
        }
    }

    #[test]
    fn members_in_bytes_are_listed_without_a_charset_and_with_a_default_in_digits() {
        let statement = "CREATE TABLE `t` (`e` enum('page','x') CHARACTER SET binary DEFAULT 'page') ENGINE=InnoDB \
                         DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin";
        let nothing: [&str; 0] = [];
        for (listed_default, found) in [("0x70616765", &nothing[..]), ("0x78", &["column e: default"])] {
            let mut listed = table("s", "t").with(column("e", "enum('page','x')"));
            (listed.columns[0].charset, listed.columns[0].collation) = (None, None);
            listed.columns[0].default = Some(listed_default.into());
            assert_eq!(doubts(Flavor::Mysql, listed, statement), found, "{listed_default}");
        }
    }

    #[test]
    fn a_default_that_is_an_expression_is_not_settled_by_its_value() {
        let mut listed = table("s", "t").with(column("b", "varchar(9)"));
        listed.columns[0].default = Some("concat('why?','x')".into());
        listed.columns[0].default_is_expression = true;
        let statement = "CREATE TABLE `t` (`b` varchar(9) COLLATE utf8mb4_bin DEFAULT concat('why?','x')) ENGINE=InnoDB \
                         DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin";
        let read = create_reader::read_table(&TableName::new("s", "t"), statement, Flavor::Mariadb);
        let both = reconcile(Flavor::Mariadb, true, listed, read);
        assert_eq!(both.doubts.len(), 1, "{:?}", both.doubts);
        assert!(garbled_defaults(&both).is_empty(), "{:?}", both.doubts);
    }

    #[test]
    fn what_a_server_lists_badly_is_taken_from_its_statement() {
        let mut listed = table("s", "t").with(column("b", "varchar(9)"));
        listed.columns[0].default = Some("?".into());
        listed.indexes.push(index("k", &["b"]));
        let statement = |default: &str| {
            format!(
                "CREATE TABLE `t` (`b` varchar(9) COLLATE utf8mb4_bin DEFAULT {default}, KEY `k` (`b`)) ENGINE=InnoDB \
                 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
            )
        };
        for (flavor, default, value, found) in [
            (Flavor::Mysql, "0xF09F9880", "😀", vec![]),
            (Flavor::Mysql, "'?'", "?", vec![]),
            (Flavor::Mariadb, "'?'", "?", vec!["garbled the default of column b"]),
        ] {
            let read = create_reader::read_table(&TableName::new("s", "t"), &statement(default), flavor);
            let both = reconcile(flavor, flavor == Flavor::Mariadb, listed.clone(), read);
            assert_eq!(both.columns[0].default.as_deref(), Some(value), "{flavor:?} {default}");
            assert_eq!(doubts(flavor, listed.clone(), &statement(default)), found, "{flavor:?} {default}");
        }
    }
}
