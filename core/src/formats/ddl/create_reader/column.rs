//! A column's line in SHOW CREATE TABLE: its type, its clauses, and what it takes from its table.

use super::{CreateFault, Read, charset_width, default_collation, options};
use crate::formats::collation::{charset_of, normal_charset, normal_collation, normal_column_type};
use crate::formats::ddl::raw;
use crate::formats::ddl::scan::Scan;
use crate::formats::dumpfile::members;
use crate::formats::facts::Flavor;
use crate::formats::structure::{Check, Column, Doubt, Generated, Table};

/// Reads one column into `table`, with the CHECK that may stand at it.
pub(super) fn read(scan: &mut Scan<'_>, table: &mut Table, writer: Flavor) -> Read<()> {
    let name = scan.name()?;
    let data_type = scan.word().map(|word| word.to_ascii_lowercase());
    let data_type = data_type.ok_or_else(|| scan.fault("a type"))?;
    let mut column_type = data_type.clone();
    if scan.rest().starts_with('(') {
        // TiDB prints the members of ENUM and SET with doubled quotes and with bare backslashes.
        let bare = writer == Flavor::Tidb && matches!(data_type.as_str(), "enum" | "set");
        let inner = if bare { scan.bracketed_without_escapes()? } else { scan.bracketed()? };
        column_type.push_str(&format!("({inner})"));
        if bare {
            column_type = members::with_escapes(&column_type);
        }
    }
    for word in ["unsigned", "zerofill"] {
        if scan.skip_words(&[word]) {
            column_type.push_str(&format!(" {word}"));
        }
    }
    let mut column = Column {
        name,
        column_type: normal_column_type(&column_type),
        data_type: normal_column_type(&data_type),
        nullable: true,
        ..Column::default()
    };
    let mut default = None;
    while !matches!(scan.rest().chars().next(), Some(',' | ')') | None) {
        if scan.skip_words(&["DEFAULT"]) {
            default = Some(literal(scan)?);
        } else {
            clause(scan, table, &mut column)?;
        }
    }
    if let Some(default) = default {
        take_default(&mut column, default, table);
    }
    table.columns.push(column);
    Ok(())
}

fn clause(scan: &mut Scan<'_>, table: &mut Table, column: &mut Column) -> Read<()> {
    if scan.skip_words(&["CHARACTER", "SET"]) {
        column.charset = scan.word().map(|word| normal_charset(&word));
    } else if scan.skip_words(&["COLLATE"]) {
        column.collation = scan.word().map(|word| normal_collation(&word));
    } else if scan.skip_words(&["GENERATED", "ALWAYS"]) || scan.rest().get(..3).is_some_and(|w| w == "AS ") {
        column.generated = Some(generated(scan)?);
    } else if scan.skip_words(&["NOT", "NULL"]) {
        column.nullable = false;
    } else if scan.skip_words(&["NULL"]) {
        column.nullable = true;
    } else if scan.skip_words(&["ON", "UPDATE"]) {
        column.on_update = Some(call(scan)?);
    } else if scan.skip_words(&["AUTO_INCREMENT"]) {
        column.auto_increment = true;
    } else if scan.skip_words(&["COMMENT"]) {
        column.comment = scan.string()?;
    } else if scan.skip_words(&["INVISIBLE"]) {
        column.invisible = true;
    } else if scan.skip_words(&["SRID"]) || scan.skip_words(&["REF_SYSTEM_ID"]) {
        scan.takes('=');
        let srid = scan.word().and_then(|word| word.parse().ok());
        column.srid = Some(srid.ok_or_else(|| scan.fault("the number of a reference system"))?);
    } else if scan.skip_words(&["CHECK"]) {
        let clause = scan.bracketed()?.to_owned();
        table.checks.push(Check { name: column.name.clone(), clause, enforced: true });
    } else if let Some(option) = options::of_column(scan)? {
        column.options.push(option);
    } else {
        return Err(scan.fault("a clause of a column"));
    }
    Ok(())
}

fn generated(scan: &mut Scan<'_>) -> Read<Generated> {
    scan.skip_words(&["AS"]);
    for (words, expression) in [(["ROW", "START"], "ROW START"), (["ROW", "END"], "ROW END")] {
        if scan.skip_words(&words) {
            scan.skip_words(&["INVISIBLE"]);
            return Ok(Generated { expression: expression.into(), stored: true });
        }
    }
    let expression = scan.bracketed()?.to_owned();
    let stored = scan.skip_words(&["STORED"]) || scan.skip_words(&["PERSISTENT"]);
    if !stored {
        scan.skip_words(&["VIRTUAL"]);
    }
    Ok(Generated { expression, stored })
}

/// A default as it is written.
enum Literal {
    Null,
    /// A string in quotes, its escapes taken out.
    Text(String),
    /// `0x…`: the bytes that the column keeps.
    Bytes(Vec<u8>),
    /// `b'101'`
    Bits(String),
    Number(String),
    Expression(String),
}

fn literal(scan: &mut Scan<'_>) -> Read<Literal> {
    let rest = scan.rest();
    if rest.starts_with('\'') {
        return Ok(Literal::Text(scan.string()?));
    }
    if rest.starts_with('(') {
        return Ok(Literal::Expression(scan.bracketed()?.to_owned()));
    }
    if rest.starts_with("b'") {
        scan.word();
        return Ok(Literal::Bits(format!("b{}", scan.raw_string()?)));
    }
    if let Some(digits) = rest.strip_prefix("0x") {
        let digits: String = digits.chars().take_while(char::is_ascii_hexdigit).collect();
        let bytes = hex::decode(&digits).map_err(|_| scan.fault("hexadecimal digits"))?;
        scan.word();
        return Ok(Literal::Bytes(bytes));
    }
    if rest.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.')) {
        let length = rest.find(|c: char| c.is_whitespace() || matches!(c, ',' | ')')).unwrap_or(rest.len());
        let number = rest[..length].to_owned();
        while scan.rest().len() > rest.len() - length {
            scan.pass();
        }
        return Ok(Literal::Number(number));
    }
    if scan.skip_words(&["NULL"]) {
        return Ok(Literal::Null);
    }
    Ok(Literal::Expression(call(scan)?))
}

/// Brings a default into the column's form, for which its whole line has to be read: a charset may stand behind it.
fn take_default(column: &mut Column, default: Literal, table: &mut Table) {
    let binary = matches!(column.data_type.as_str(), "binary" | "varbinary") || column.data_type.ends_with("blob");
    column.default = match default {
        Literal::Null => None,
        Literal::Text(text) if binary => Some(raw::hex_of(&raw::bytes(&text), &column.data_type)),
        Literal::Text(text) => Some(text),
        Literal::Bytes(bytes) if binary => Some(raw::hex_of(&bytes, &column.data_type)),
        Literal::Bytes(bytes) => {
            let charset = column.charset.as_deref().or(column.collation.as_deref().map(charset_of));
            // The table's charset stands behind all columns: one that is not UTF-8 is told at its columns too.
            let text = raw::decoded(charset.unwrap_or("utf8mb4"), &bytes);
            if text.is_none() {
                table.doubts.push(Doubt::Garbled { what: format!("the default of column {}", column.name) });
            }
            text
        }
        Literal::Bits(text) | Literal::Number(text) => Some(text),
        Literal::Expression(text) => {
            column.default_is_expression = true;
            Some(text)
        }
    };
}

/// `CURRENT_TIMESTAMP(6)`, `uuid()`: a word and what stands in its brackets.
fn call(scan: &mut Scan<'_>) -> Result<String, CreateFault> {
    let word = scan.word().ok_or_else(|| scan.fault("a function"))?;
    let arguments = if scan.rest().starts_with('(') { Some(scan.bracketed()?) } else { None };
    if word.eq_ignore_ascii_case("CURRENT_TIMESTAMP") {
        let digits = arguments.filter(|digits| !matches!(*digits, "" | "0"));
        return Ok(digits.map_or("CURRENT_TIMESTAMP".into(), |digits| format!("CURRENT_TIMESTAMP({digits})")));
    }
    Ok(arguments.map_or(word.clone(), |arguments| format!("{word}({arguments})")))
}

/// What a column takes from its table, and how long its values may be.
pub(super) fn with_defaults(column: &mut Column, table_collation: &str) {
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
