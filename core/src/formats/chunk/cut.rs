//! How the dump cuts a table along its key: the SQL that reads rows in the key's order and that finds borders, the key of
//! a row as it comes by, and what an interrupted dump has left to read. Runs nothing.
//!
//! Two kinds of pieces. A *slice* is what one statement reads; its borders are found beforehand and need not be even. A
//! *part* is what goes into one file: a slice, or where that has more bytes than a file should, as much of it as fits.
//! So a border is always the key of a row that was seen, and no part is empty (but that of an empty table).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    BorderFault, KeyColumn, KeyValue, LiteralForm, Range, border_expression, force_index, order_by, predicate,
    range_key,
};
use crate::formats::chunk::order::order;
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
            let plain = |at: &usize| rowhash::is_selected_plainly(data[*at]);
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

    /// Whether a row of that key may have come out of a range, as far as that can be told: it lies behind the begin and not
    /// behind the end.
    pub fn may_hold(&self, range: &Range, key: &[KeyValue]) -> bool {
        let behind = range.after.as_ref().and_then(|after| order(&self.columns, after, key));
        let within = range.up_to.as_ref().and_then(|up_to| order(&self.columns, key, up_to));
        behind.is_none_or(|order| order == Ordering::Less) && within.is_none_or(|order| order != Ordering::Greater)
    }

    /// ` FORCE INDEX (…)`: what reads in the key's order must never come to sort the rest of a table.
    pub fn hint(&self) -> String {
        force_index(&self.index)
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
        let (keys, order, offset) = (self.keys_of(table, range), self.order(""), rows.saturating_sub(1));
        Ok(format!("{keys} WHERE {condition} ORDER BY {order} LIMIT 2 OFFSET {offset}"))
    }

    /// SQL for the first and the last key of a range.
    pub fn ends_sql(&self, table: &TableName, range: &Range) -> Result<String, BorderFault> {
        let condition = predicate(range, &self.columns)?;
        let keys = self.keys_of(table, range);
        let one = |order: &str| format!("({keys} WHERE {condition} ORDER BY {} LIMIT 1)", self.order(order));
        Ok(format!("{} UNION ALL {}", one(""), one(" DESC")))
    }

    /// SQL for the first key at each of some numbers of the first column, inside of a range.
    pub fn dives_sql(&self, table: &TableName, range: &Range, numbers: &[i128]) -> Result<String, BorderFault> {
        let within = predicate(range, &self.columns)?;
        let first = self.columns.first().map_or(String::new(), |key| sql_ident(&key.name));
        let (keys, order) = (self.keys_of(table, range), self.order(""));
        let one = |number: &i128| format!("({keys} WHERE {first} >= {number} AND {within} ORDER BY {order} LIMIT 1)");
        Ok(numbers.iter().map(one).collect::<Vec<_>>().join(" UNION ALL "))
    }

    fn keys_of(&self, table: &TableName, range: &Range) -> String {
        let columns: Vec<String> = self.columns.iter().map(border_expression).collect();
        format!("SELECT {} FROM {}{}{}", columns.join(","), table.sql(), range.partition_clause(), self.hint())
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
    /// Of these partitions; none named: of the table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitions: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Vec<KeyValue>>,
    /// The end of each slice.
    pub ends: Vec<Vec<KeyValue>>,
    /// Up to where the slices behind them go; `None`: to the end.
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

/// Partitions that are read beside the others, along the key; their names are recorded before any part of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// None: the whole table.
    pub partitions: Vec<String>,
    /// Bytes by the server's own count: a guess.
    pub bytes: u64,
}

/// What the server says an empty partition has: a page.
const EMPTY: u64 = 16 << 10;

/// Partitions in the server's order, small ones together until they have `bytes`, and what is empty at the end, as where
/// partitions are made ahead of their rows, with the last that is not.
pub fn grouped(partitions: Vec<(String, u64)>, bytes: u64) -> Vec<Group> {
    let filled = partitions.iter().rposition(|(_, size)| *size > EMPTY).unwrap_or(0);
    let mut groups: Vec<Group> = Vec::new();
    for (at, (name, size)) in partitions.into_iter().enumerate() {
        let size = size.saturating_sub(EMPTY);
        match groups.last_mut().filter(|group| group.bytes < bytes || at > filled) {
            Some(group) => {
                group.partitions.push(name);
                group.bytes = group.bytes.saturating_add(size);
            }
            None => groups.push(Group { partitions: vec![name], bytes: size }),
        }
    }
    groups
}

/// Bytes of the group that a range is of.
pub fn guess_of(groups: &[Group], range: &Range) -> u64 {
    groups.iter().find(|group| group.partitions == range.partitions).map_or(0, |group| group.bytes)
}

/// [`left_of`] each group. `None`: what is recorded does not fit together, or is of no group.
pub fn left(groups: &[Group], parts: &[Range], slices: &[Slices]) -> Option<Left> {
    let mut left = Left::default();
    let mut known = (0, 0);
    for Group { partitions, .. } in groups {
        let parts: Vec<&Range> = parts.iter().filter(|part| part.partitions == *partitions).collect();
        let slices: Vec<&Slices> = slices.iter().filter(|slices| slices.partitions == *partitions).collect();
        known = (known.0 + parts.len(), known.1 + slices.len());
        let of = left_of(partitions, &parts, &slices)?;
        left.slices.extend(of.slices);
        left.uncut.extend(of.uncut);
    }
    (known == (parts.len(), slices.len())).then_some(left)
}

/// Goes along a group from its begin, over recorded parts and slices. Their order by the key is known by their borders
/// alone: each begins where another ends. `None`: they do not fit together.
fn left_of(partitions: &[String], parts: &[&Range], slices: &[&Slices]) -> Option<Left> {
    type Border<'b> = Option<&'b [KeyValue]>;
    let texts = |border: Border<'_>| border.map(|b| b.iter().map(|value| value.0.clone()).collect::<Vec<_>>());
    let parts: BTreeMap<_, &Range> = parts.iter().map(|range| (texts(range.after.as_deref()), *range)).collect();
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
        partitions: partitions.to_vec(),
        after: after.map(<[KeyValue]>::to_vec),
        up_to: up_to.map(<[KeyValue]>::to_vec),
    };
    let mut left = Left::default();
    let mut passed = 0;
    let mut at: Border<'_> = None;
    // The ends that lie ahead, the nearest last, and whether a slice ends there; the group's own is `None`.
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
            (Some(part), _) => {
                passed += 1;
                part.up_to.as_deref()
            }
            (None, (end, sliced)) => {
                if *sliced { &mut left.slices } else { &mut left.uncut }.push(range(at, *end));
                *end
            }
        };
        if at.is_none() {
            // A part that no border leads to lies in what was taken for unread.
            return (passed == parts.len()).then_some(left);
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

    /// `after..up_to`, with `p|` in front where it is of a partition.
    fn range(text: &str) -> Range {
        let (partitions, text) = partitions(text);
        let (after, up_to) = text.split_once("..").unwrap();
        Range { partitions, after: border(after), up_to: border(up_to) }
    }

    fn partitions(text: &str) -> (Vec<String>, &str) {
        text.split_once('|').map_or((Vec::new(), text), |(name, text)| (vec![name.to_owned()], text))
    }

    fn check(parts: &str, slices: &[&str], expected_slices: &str, expected_uncut: &str) {
        check_groups("", parts, slices, expected_slices, expected_uncut);
    }

    /// Slices as `begin:end,end/within`. `groups`: a partition each; without any the whole table.
    fn check_groups(groups: &str, parts: &str, slices: &[&str], expected_slices: &str, expected_uncut: &str) {
        let groups: Vec<Group> = match groups {
            "" => vec![Group { partitions: Vec::new(), bytes: 9 }],
            names => names.split(' ').map(|name| Group { partitions: vec![name.into()], bytes: 9 }).collect(),
        };
        let parts: Vec<Range> = parts.split_whitespace().map(range).collect();
        let slices: Vec<Slices> = slices
            .iter()
            .map(|text| {
                let (partitions, text) = partitions(text);
                let (after, rest) = text.split_once(':').unwrap();
                let (ends, within) = rest.split_once('/').unwrap();
                let ends = ends.split(',').filter_map(border).collect();
                Slices { partitions, after: border(after), ends, within: border(within) }
            })
            .collect();
        let expected = Left {
            slices: expected_slices.split_whitespace().map(range).collect(),
            uncut: expected_uncut.split_whitespace().map(range).collect(),
        };
        assert_eq!(left(&groups, &parts, &slices), Some(expected), "{parts:?} {slices:?}");
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
        // The rest of a slice that was handed back, and cut again.
        check("-..2", &["-:9,20/-", "2:4,6/9"], "2..4 4..6 9..20", "6..9 20..-");
        check("-..2 2..4 4..6 6..8", &["-:9,20/-", "2:4,6/9"], "9..20", "8..9 20..-");
        check("-..2 2..4 4..6 6..9 9..20", &["-:9,20/-", "2:4,6/9"], "", "20..-");
        check("-..2 2..3", &["2:6,8/-", "3:4/6"], "3..4 6..8", "4..6 8..-");
        // Slices on and on, each recorded when it is found.
        check("-..5 5..7", &["-:5/-", "5:10/-", "10:15/-"], "7..10 10..15", "15..-");
    }

    #[test]
    fn each_group_of_partitions_is_gone_along_by_itself() {
        check_groups("p q", "", &[], "", "p|-..- q|-..-");
        check_groups("p q", "p|-..- q|-..5", &[], "", "q|5..-");
        check_groups("p q", "p|-..5", &["q|-:5,9/-"], "q|-..5 q|5..9", "p|5..- q|9..-");
        check_groups("p q", "p|-..5 q|-..5 p|5..9 q|5..9", &["p|-:5,9/-"], "", "p|9..- q|9..-");
    }

    #[test]
    fn what_does_not_fit_together_is_told() {
        let group = |names: &[&str]| Group { partitions: names.iter().map(|name| (*name).into()).collect(), bytes: 0 };
        let circle = [range("-..3"), range("3..5"), range("5..3")];
        assert_eq!(left(&[group(&[])], &circle, &[]), None);
        // Nobody knows where between the begin and the end this part is.
        assert_eq!(left(&[group(&[])], &[range("3..5")], &[]), None);
        assert_eq!(left(&[group(&["p"])], &[range("q|-..3")], &[]), None);
        assert_eq!(left(&[group(&["p", "q"])], &[range("p|-..3")], &[]), None);
        assert_eq!(left(&[group(&["p"])], &[range("-..3")], &[]), None);
    }

    #[test]
    fn small_partitions_are_read_together() {
        let check = |sizes: &[u64], expected: &str| {
            let partitions = sizes.iter().enumerate().map(|(at, size)| (at.to_string(), EMPTY + size)).collect();
            let groups = grouped(partitions, 10);
            let told: Vec<String> = groups.iter().map(|g| format!("{}={}", g.partitions.join("+"), g.bytes)).collect();
            assert_eq!(told.join(" "), expected, "{sizes:?}");
        };
        check(&[], "");
        check(&[50, 10, 99], "0=50 1=10 2=99");
        check(&[1, 2, 3, 4, 5], "0+1+2+3=10 4=5");
        check(&[0, 50, 0, 0, 12], "0+1=50 2+3+4=12");
        check(&[12, 12, 0, 0], "0=12 1+2+3=12");
        check(&[0, 0], "0+1=0");
        assert_eq!(grouped(vec![("p".into(), u64::MAX), ("q".into(), 0)], 1).len(), 1);
        assert_eq!(grouped(vec![("p".into(), 0), ("q".into(), 1)], 1).len(), 1);
    }

    #[test]
    fn only_the_named_partitions_are_asked() {
        let key = ReadKey {
            columns: vec![KeyColumn { name: "a".into(), literal: LiteralForm::Number }],
            index: "PRIMARY".into(),
            places: Vec::new(),
            beside: Vec::new(),
            integer: true,
        };
        let table = TableName::new("s", "t");
        let rows = "SELECT `a` FROM `s`.`t` PARTITION (`p`) FORCE INDEX (`PRIMARY`) WHERE";
        let some = range("p|1..9");
        assert_eq!(
            key.walk_sql(&table, &some, None, 5).unwrap(),
            format!("{rows} `a` > 1 AND `a` <= 9 ORDER BY `a` LIMIT 2 OFFSET 4")
        );
        assert_eq!(
            key.ends_sql(&table, &range("p|-..-")).unwrap(),
            format!("({rows} TRUE ORDER BY `a` LIMIT 1) UNION ALL ({rows} TRUE ORDER BY `a` DESC LIMIT 1)")
        );
        assert_eq!(
            key.dives_sql(&table, &some, &[4]).unwrap(),
            format!("({rows} `a` >= 4 AND `a` > 1 AND `a` <= 9 ORDER BY `a` LIMIT 1)")
        );
    }
}
