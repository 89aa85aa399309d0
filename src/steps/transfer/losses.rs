//! A row with a value that would be lost on its way, where it is read: what to say of it. Nothing of it was written anywhere.

use crate::formats::rowhash::{Canon, HashFault, Loss, canon_of};
use crate::formats::structure::Table;
use crate::words::codes;
use crate::words::error::{ExitKind, Failure};

/// What the rows of a table are called when one of them cannot be moved.
#[derive(Clone, Debug)]
pub struct RowNames {
    table: String,
    columns: Vec<String>,
    /// Places of the key's columns among those; none: the table has no key.
    key: Vec<(usize, Canon)>,
    /// Whether keys may be named (`-show-keys`).
    pub shown: bool,
}

impl RowNames {
    pub fn of(table: &Table, shown: bool) -> Self {
        let data: Vec<_> = table.data_columns().collect();
        let place = |name: &str| data.iter().position(|column| column.name == name);
        let key = table.usable_key().and_then(|key| {
            let at = |part: &crate::formats::structure::IndexPart| {
                let at = place(part.column.as_deref()?)?;
                Some((at, canon_of(data[at])))
            };
            key.parts.iter().map(at).collect::<Option<Vec<_>>>()
        });
        let columns = data.iter().map(|column| column.name.clone()).collect();
        Self { table: table.name.key(), columns, key: key.unwrap_or_default(), shown }
    }

    /// The failure of a row that has no hash; `None`: for another reason than its text.
    pub fn failure(&self, fault: &HashFault, cells: &[Option<&[u8]>]) -> Option<Failure> {
        let HashFault::Value { message, .. } = fault else { return None };
        let (column, loss) = fault.loss()?;
        let column = self.columns.get(column)?;
        let (code, hint) = match loss {
            Loss::Text => (
                codes::TEXT_WOULD_CHANGE,
                "Correct the values on the source, or make the column VARBINARY there: then its bytes are moved as they are. Nothing of this row was sent.".to_owned(),
            ),
            Loss::JsonNumber => (
                codes::JSON_NUMBER_WOULD_CHANGE,
                format!("Keep such numbers as strings on the source, or set rule {} to \"warn\" to take the rounded ones. Nothing of this row was sent.", codes::JSON_NUMBERS),
            ),
        };
        let row = match (self.key.is_empty(), self.shown) {
            (true, _) => "a row".to_owned(),
            (false, true) => format!("the row with {}", self.key_of(cells)),
            (false, false) => "a row (`-show-keys` names it)".to_owned(),
        };
        Some(
            Failure::new(
                code,
                format!("read {} without loss", self.table),
                format!("{row}: column {column} {message}"),
                hint,
            )
            .exit(ExitKind::Mismatch),
        )
    }

    fn key_of(&self, cells: &[Option<&[u8]>]) -> String {
        let pair = |(at, canon): &(usize, Canon)| {
            let value = match (cells.get(*at).copied().flatten(), canon) {
                (None, _) => "NULL".to_owned(),
                (Some(bytes), Canon::HexOfBinary) => format!("0x{}", hex::encode(bytes)),
                (Some(bytes), _) => String::from_utf8_lossy(bytes).into_owned(),
            };
            format!("{}={value}", self.columns[*at])
        };
        self.key.iter().map(pair).collect::<Vec<_>>().join(", ")
    }
}
