//! How a row or a batch that the target refused is told: by file, number of the row and, with `-show-keys`, key. Knows no
//! transaction. A server's text is told without what stands in quotes, for that may be a value of a row.

use std::sync::Arc;

use crate::formats::manifest::PartEntry;
use crate::formats::steps::Writing;
use crate::formats::structure::Table;
use crate::seams::files::Files;
use crate::seams::sql::Fault;
use crate::steps::transfer::batch::BatchReader;
use crate::words::addr::TableName;
use crate::words::codes;
use crate::words::error::Failure;

/// Where rows come from, for their names.
pub struct Origin<'a> {
    pub files: &'a Arc<dyn Files>,
    pub table: &'a Table,
    pub tool: Option<&'a Writing>,
    /// `-show-keys`.
    pub show_keys: bool,
}

impl Origin<'_> {
    /// `FILE, row N`, and the row's key where keys may be shown; `row` counts from 0.
    pub fn row(&self, entry: &PartEntry, row: u64) -> String {
        let place = format!("{}, row {}", entry.file, row + 1);
        match self.key(entry, row) {
            Some(key) if self.show_keys => format!("{place}, {key}"),
            Some(_) => format!("{place}; `-show-keys` names its key"),
            None => place,
        }
    }

    fn key(&self, entry: &PartEntry, row: u64) -> Option<String> {
        let names: Vec<&str> =
            self.table.usable_key()?.parts.iter().filter_map(|part| part.column.as_deref()).collect();
        if !self.show_keys {
            return Some(String::new());
        }
        let mut reader = BatchReader::open(self.files, entry, self.table, false, self.tool).ok()?;
        reader.skip_to(row).ok()?;
        let cells = reader.cells().ok()??;
        let columns: Vec<&str> = self.table.data_columns().map(|column| column.name.as_str()).collect();
        let pair = |name: &&str| {
            let cell = cells.get(columns.iter().position(|column| column == name)?)?;
            let text = cell.as_deref().map_or("NULL".into(), |bytes| String::from_utf8_lossy(bytes).into_owned());
            Some(format!("{name}={text}"))
        };
        names.iter().map(pair).collect::<Option<Vec<String>>>().map(|pairs| pairs.join(", "))
    }

    /// A row that the target refuses, or would change.
    pub fn refused(&self, entry: &PartEntry, row: u64, text: &str) -> Failure {
        // Sent alone, it is row 1 to the server.
        let text = text.strip_suffix(" at row 1").unwrap_or(text);
        Failure::new(
            codes::ROW_WOULD_CHANGE,
            format!("load {}", self.table.name),
            format!("the target would change or drop a row ({}): {text}", self.row(entry, row)),
            format!(
                "Nothing of its batch was kept. {}{} Then run `mig apply` again.",
                what_to_do(text),
                computed(self.table)
            ),
        )
    }

    /// A row that alone is too large for the target.
    pub fn too_large(&self, entry: &PartEntry, row: u64, failure: &Failure) -> Failure {
        Failure::new(
            codes::ROW_TOO_LARGE_FOR_TARGET,
            format!("load {}", self.table.name),
            format!("one row is too large for the target ({}): {}", self.row(entry, row), failure.cause),
            "Raise the limit that the target names (TiDB: performance.txn-entry-size-limit), or leave the row out by `where`; then run `mig apply` again.",
        )
    }
}

/// What to do about a row, by what the target says of it.
fn what_to_do(text: &str) -> String {
    let says = |words: &str| text.to_ascii_lowercase().contains(words);
    if says("duplicate entry") {
        format!(
            "Two rows of the source are one under the key as the target compares it: look for another collation in the plan ({} has the query that finds them), and change one of the two rows, or map the collation to one that tells them apart.",
            codes::COLLATION_CONVERTED
        )
    } else if says("check constraint") || says("constraint") && says("failed for") {
        format!(
            "The target evaluates the CHECK constraint in another way than the source: correct the row or the constraint on the source, or create the table without it (rule \"{}\" {{ action = \"rewrite\" }}).",
            codes::CHECK
        )
    } else if says("incorrect date")
        || says("incorrect time")
        || says("incorrect datetime")
        || says("incorrect timestamp")
    {
        "The source keeps a date that does not exist (it was written with ALLOW_INVALID_DATES, or holds a zero date): correct it there; zero dates can be kept by zero_dates = \"keep\".".into()
    } else {
        "Fix the column's type on the target or the row on the source.".into()
    }
}

/// Columns that the target computes while it takes a row: what it says may be about them, though the row has no value of theirs.
fn computed(table: &Table) -> String {
    let names: Vec<&str> =
        table.columns.iter().filter(|column| column.generated.is_some()).map(|column| column.name.as_str()).collect();
    match names.as_slice() {
        [] => String::new(),
        names => format!(
            " The target also computes {} of each row, and refuses a row of which it cannot: then correct the row or that expression on the source.",
            names.join(", ")
        ),
    }
}

/// Whether a server's error is about the values of one row: of its batch, the others may go in (MySQL's error reference:
/// duplicate, NULL, range, truncated, wrong value, too long, overflow, default, partition, JSON, CHECK, of MariaDB too).
pub fn is_of_a_row(number: u16) -> bool {
    matches!(
        number,
        1048 | 1062
            | 1169
            | 1263
            | 1264
            | 1265
            | 1292
            | 1364
            | 1365
            | 1366
            | 1367
            | 1406
            | 1411
            | 1416
            | 1441
            | 1452
            | 1526
            | 1586
            | 1690
            | 1748
            | 3140
            | 3156
            | 3732
            | 3819
            | 4025
    )
}

/// A batch that the target refused.
pub fn refused(name: &TableName, fault: &Fault) -> Failure {
    let fault = Fault { message: without_values(&fault.message), ..fault.clone() };
    fault.failure(
        codes::BATCH_REFUSED,
        format!("load {name}"),
        "Fix what the target names, then run `mig apply` again: it goes on after the last committed batch.",
    )
}

/// Words behind which servers put a name in quotes.
const NAMES: [&str; 15] = [
    "column ",
    "Column ",
    "key ",
    "table ",
    "Table ",
    "database ",
    "schema ",
    "view ",
    "View ",
    "Field ",
    "field ",
    "constraint ",
    "index ",
    "partition ",
    "user ",
];

/// Whether the apostrophe between two pieces of text is that of `doesn't`.
fn is_contraction(before: &str, inside: &str) -> bool {
    let not = ["doesn", "isn", "can", "Can", "didn", "wasn", "hasn", "couldn", "Couldn"];
    let word = before.rsplit(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    let t = inside.strip_prefix('t').is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()));
    t && not.contains(&word)
}

/// A server's text without values. Names of tables, columns and keys stay: they are the structure's, not the row's. A value may
/// hold quotes itself, so all is left out up to the words with which servers go on behind one, or to the last quote.
pub fn without_values(text: &str) -> String {
    let mut from = 0;
    while let Some(at) = text[from..].find('\'').map(|at| from + at) {
        let (before, inside) = (&text[..at], &text[at + 1..]);
        if is_contraction(before, inside) {
            from = at + 1;
            continue;
        }
        if NAMES.iter().any(|word| before.ends_with(word)) {
            match inside.find('\'') {
                Some(end) => from = at + 1 + end + 1,
                None => return format!("{before}'…'"),
            }
            continue;
        }
        let behind = ["' for key '", "' for column '"].iter().filter_map(|words| inside.rfind(words)).max();
        let end = behind.or_else(|| inside.rfind('\'')).unwrap_or(inside.len());
        return format!("{before}'…'{}", inside.get(end + 1..).unwrap_or_default());
    }
    text.to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use crate::steps::transfer::refusal::without_values;

    #[test]
    fn a_value_is_taken_out_of_a_servers_text_whatever_quotes_it_holds() {
        for (text, told) in [
            ("Duplicate entry 'k 7' for key 't.PRIMARY'", "Duplicate entry '…' for key 't.PRIMARY'"),
            ("Duplicate entry 'O'Brien' secret' for key 'u'", "Duplicate entry '…' for key 'u'"),
            ("Duplicate entry 'a' for key 'b' for key 'u'", "Duplicate entry '…' for key 'u'"),
            ("Table 'shop.orders' doesn't exist", "Table 'shop.orders' doesn't exist"),
            ("Unknown database 'shop'", "Unknown database 'shop'"),
            ("Field 'v' doesn't have a default value", "Field 'v' doesn't have a default value"),
            (
                "Can't write, because of unique constraint, to table 't'",
                "Can't write, because of unique constraint, to table 't'",
            ),
            ("Check constraint 'c' is violated.", "Check constraint 'c' is violated."),
            ("Duplicate entry 'a doesn't table 'x'' for key 'u'", "Duplicate entry '…' for key 'u'"),
            (
                "Incorrect string value: '\\xF0' for column 'v' at row 1",
                "Incorrect string value: '…' for column 'v' at row 1",
            ),
            ("Out of range value for column 'v' at row 2", "Out of range value for column 'v' at row 2"),
            (
                "Incorrect integer value: 'it's' for column 'v' at row 1",
                "Incorrect integer value: '…' for column 'v' at row 1",
            ),
            ("Data too long for column 'it", "Data too long for column '…'"),
            ("Truncated incorrect DOUBLE value: 'a'b'", "Truncated incorrect DOUBLE value: '…'"),
            ("entry too large", "entry too large"),
            ("half 'a", "half '…'"),
        ] {
            assert_eq!(without_values(text), told);
        }
    }
}
