//! How the dump cuts a table along its key: the SQL that reads rows in the key's order and that finds borders, the key of
//! a row as it comes by, and what an interrupted dump has left to read. Runs nothing.
//!
//! Two kinds of pieces. A *slice* is what one statement reads; its borders are found beforehand and need not be even. A
//! *part* is what goes into one file: a slice, or where that has more bytes than a file should, as much of it as fits.
//! So a border is always the key of a row that was seen, and no part is empty (but that of an empty table).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{BorderFault, KeyColumn, KeyValue, LiteralForm, Range, border_expression, order_by, predicate, range_key};
use crate::formats::rowhash;
use crate::formats::structure::Table;
use crate::words::addr::{TableName, sql_ident};

/// The key that a table is read along.
#[derive(Clone, Debug)]
pub struct ReadKey {
    pub columns: Vec<KeyColumn>,
    index: String,
    places: Vec<Place>,
    /// What is to be selected behind the table's columns.
    pub beside: Vec<String>,
    /// Whether the first column is an integer.
    pub integer: bool,
}

/// Where a value of the key stands in a row of the dump, and how it becomes a border's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    at: usize,
    hex: bool,
}

impl ReadKey {
    /// `None`: no key of the table can be walked along.
    pub fn of(table: &Table) -> Option<Self> {
        let (index, columns) = range_key(table)?;
        let data: Vec<_> = table.data_columns().collect();
        let mut beside = Vec::new();
        let mut place = |key: &KeyColumn| {
            let found = data.iter().position(|column| column.name == key.name);
            let plain = |at: &usize| rowhash::select_expression(data[*at]) == sql_ident(&key.name);
            match (key.literal, found) {
                (LiteralForm::Number | LiteralForm::Quoted, Some(at)) => Place { at, hex: false },
                (LiteralForm::Ordinal, Some(at)) if data[at].data_type == "bit" => Place { at, hex: false },
                (LiteralForm::Character | LiteralForm::Binary, Some(at)) if plain(&at) => Place { at, hex: true },
                _ => {
                    beside.push(border_expression(key));
                    Place { at: data.len() + beside.len() - 1, hex: false }
                }
            }
        };
        let places = columns.iter().map(&mut place).collect();
        let first = table.column(&columns.first()?.name)?;
        let integer = matches!(first.data_type.as_str(), "tinyint" | "smallint" | "mediumint" | "int" | "bigint");
        Some(Self { index: index.name.clone(), columns, places, beside, integer })
    }

    /// The key of a row of the dump; `None` where it has none.
    pub fn of_row(&self, cells: &[Option<&[u8]>]) -> Option<Vec<KeyValue>> {
        let value = |place: &Place| {
            let cell = (*cells.get(place.at)?)?;
            Some(KeyValue(match place.hex {
                true => hex::encode_upper(cell),
                false => std::str::from_utf8(cell).ok()?.to_owned(),
            }))
        };
        self.places.iter().map(value).collect()
    }

    /// ` FORCE INDEX (…)`: what reads in the key's order must never come to sort the rest of a table.
    pub fn hint(&self) -> String {
        format!(" FORCE INDEX ({})", sql_ident(&self.index))
    }

    /// SQL for the border of the next slice: the keys that stand `rows` and `rows + 1` places behind the range's begin.
    /// Fewer than two rows: the range ends before.
    pub fn walk_sql(
        &self,
        table: &TableName,
        range: &Range,
        filter: Option<&str>,
        rows: u64,
    ) -> Result<String, BorderFault> {
        let condition = predicate(range, &self.columns)?;
        let condition = filter.map_or(condition.clone(), |filter| format!("{condition} AND ({filter})"));
        let offset = rows.saturating_sub(1);
        Ok(format!("{} WHERE {condition} ORDER BY {} LIMIT 2 OFFSET {offset}", self.keys_of(table), self.order("")))
    }

    /// SQL for the first and the last key of a range.
    pub fn ends_sql(&self, table: &TableName, range: &Range) -> Result<String, BorderFault> {
        let condition = predicate(range, &self.columns)?;
        let one =
            |order: &str| format!("({} WHERE {condition} ORDER BY {} LIMIT 1)", self.keys_of(table), self.order(order));
        Ok(format!("{} UNION ALL {}", one(""), one(" DESC")))
    }

    /// SQL for the first key at each of some numbers of the first column, inside of a range.
    pub fn dives_sql(&self, table: &TableName, range: &Range, numbers: &[i128]) -> Result<String, BorderFault> {
        let within = predicate(range, &self.columns)?;
        let first = self.columns.first().map_or(String::new(), |key| sql_ident(&key.name));
        let one = |number: &i128| {
            format!(
                "({} WHERE {first} >= {number} AND {within} ORDER BY {} LIMIT 1)",
                self.keys_of(table),
                self.order("")
            )
        };
        Ok(numbers.iter().map(one).collect::<Vec<_>>().join(" UNION ALL "))
    }

    fn keys_of(&self, table: &TableName) -> String {
        let columns: Vec<String> = self.columns.iter().map(border_expression).collect();
        format!("SELECT {} FROM {}{}", columns.join(","), table.sql(), self.hint())
    }

    fn order(&self, direction: &str) -> String {
        match direction {
            "" => order_by(&self.columns),
            _ => self.columns.iter().map(|key| sql_ident(&key.name) + direction).collect::<Vec<_>>().join(","),
        }
    }
}

/// Slices that were decided on, one behind the other; recorded before any part of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slices {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Vec<KeyValue>>,
    /// The end of each slice.
    pub ends: Vec<Vec<KeyValue>>,
    /// Up to where the slices behind them go; `None`: to the table's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Vec<KeyValue>>,
}

/// What is not covered by the parts that are recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Left {
    /// Slices of which nothing or not all is recorded.
    pub slices: Vec<Range>,
    /// What is to be cut into slices.
    pub uncut: Vec<Range>,
}

/// Goes along the table from its begin, over recorded parts and slices. Their order by the key is known by their borders
/// alone: each begins where another ends. `None`: they do not fit together.
pub fn left<'a>(parts: impl IntoIterator<Item = &'a Range>, slices: &[Slices]) -> Option<Left> {
    type Border<'b> = Option<&'b [KeyValue]>;
    let texts = |border: Border<'_>| border.map(|b| b.iter().map(|value| value.0.clone()).collect::<Vec<_>>());
    let parts: BTreeMap<_, &Range> = parts.into_iter().map(|range| (texts(range.after.as_deref()), range)).collect();
    // By its begin: a slice's end, and the end of what it was cut from.
    let mut cut: BTreeMap<_, (Border<'_>, Border<'_>)> = BTreeMap::new();
    for slices in slices {
        let mut after = slices.after.as_deref();
        for end in &slices.ends {
            cut.insert(texts(after), (Some(end), slices.within.as_deref()));
            after = Some(end);
        }
    }
    let range = |after: Border<'_>, up_to: Border<'_>| Range {
        after: after.map(<[KeyValue]>::to_vec),
        up_to: up_to.map(<[KeyValue]>::to_vec),
    };
    let mut left = Left::default();
    let mut at: Border<'_> = None;
    // The ends that lie ahead, the nearest last, and whether a slice ends there; the table's own is `None`.
    let mut ahead: Vec<(Border<'_>, bool)> = vec![(None, false)];
    // Each step passes a part or the end of a slice, and each of those is passed once.
    for _ in 0..=2 * (parts.len() + cut.len()) {
        while ahead.len() > 1 && ahead.last().is_some_and(|(end, _)| *end == at) {
            ahead.pop();
        }
        if let Some((end, within)) = cut.get(&texts(at)) {
            if ahead.last() != Some(&(*within, false)) {
                ahead.push((*within, false));
            }
            ahead.push((*end, true));
        }
        at = match (parts.get(&texts(at)), ahead.last()?) {
            (Some(part), _) => part.up_to.as_deref(),
            (None, (end, sliced)) => {
                if *sliced { &mut left.slices } else { &mut left.uncut }.push(range(at, *end));
                *end
            }
        };
        if at.is_none() {
            return Some(left);
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn border(text: &str) -> Option<Vec<KeyValue>> {
        (text != "-").then(|| vec![KeyValue(text.into())])
    }

    fn range(text: &str) -> Range {
        let (after, up_to) = text.split_once("..").unwrap();
        Range { after: border(after), up_to: border(up_to) }
    }

    /// Slices as `begin:end,end/within`.
    fn check(parts: &str, slices: &[&str], expected_slices: &str, expected_uncut: &str) {
        let parts: Vec<Range> = parts.split_whitespace().map(range).collect();
        let slices: Vec<Slices> = slices
            .iter()
            .map(|text| {
                let (after, rest) = text.split_once(':').unwrap();
                let (ends, within) = rest.split_once('/').unwrap();
                let ends = ends.split(',').filter_map(border).collect();
                Slices { after: border(after), ends, within: border(within) }
            })
            .collect();
        let expected = Left {
            slices: expected_slices.split_whitespace().map(range).collect(),
            uncut: expected_uncut.split_whitespace().map(range).collect(),
        };
        assert_eq!(left(&parts, &slices), Some(expected), "{parts:?} {slices:?}");
    }

    #[test]
    fn what_an_interrupt_left_is_found_by_borders_alone() {
        check("", &[], "", "-..-");
        check("-..-", &[], "", "");
        check("-..3", &[], "", "3..-");
        check("-..3 3..5", &[], "", "5..-");
        // Slices up to 9, then 20; nothing of them yet, or a piece of the second.
        check("", &["-:9,20/-"], "-..9 9..20", "20..-");
        check("9..12", &["-:9,20/-"], "-..9 12..20", "20..-");
        check("9..12 -..9 12..20 20..-", &["-:9,20/-"], "", "");
        check("-..2 2..9 9..20 20..22", &["-:9,20/-"], "", "22..-");
        // The rest of a slice that was handed back, and cut anew.
        check("-..2", &["-:9,20/-", "2:4,6/9"], "2..4 4..6 9..20", "6..9 20..-");
        check("-..2 2..4 4..6 6..8", &["-:9,20/-", "2:4,6/9"], "9..20", "8..9 20..-");
        check("-..2 2..4 4..6 6..9 9..20", &["-:9,20/-", "2:4,6/9"], "", "20..-");
        check("-..2 2..3", &["2:6,8/-", "3:4/6"], "3..4 6..8", "4..6 8..-");
        // Slices on and on, each recorded when it is found.
        check("-..5 5..7", &["-:5/-", "5:10/-", "10:15/-"], "7..10 10..15", "15..-");
    }

    #[test]
    fn borders_that_go_in_circles_are_told() {
        let parts = [range("-..3"), range("3..5"), range("5..3")];
        assert_eq!(left(&parts, &[]), None);
    }
}
