//! Which of two borders comes first, as far as that can be told without a server: by number, by time, by bytes. Text
//! stands in the order of its collation, which only the server knows.

use std::cmp::Ordering;

use super::{KeyColumn, KeyValue, LiteralForm};

/// `None`: they differ first in a column whose order is not known here.
pub fn order(keys: &[KeyColumn], one: &[KeyValue], other: &[KeyValue]) -> Option<Ordering> {
    for ((key, one), other) in keys.iter().zip(one).zip(other) {
        match of_column(key.literal, &one.0, &other.0)? {
            Ordering::Equal => {}
            apart => return Some(apart),
        }
    }
    Some(one.len().cmp(&other.len()))
}

fn of_column(form: LiteralForm, one: &str, other: &str) -> Option<Ordering> {
    if one == other {
        return Some(Ordering::Equal);
    }
    match form {
        LiteralForm::Number | LiteralForm::Ordinal => Some(of_numbers(one, other)),
        LiteralForm::Binary => Some(one.cmp(other)),
        // Dates and years have one width; of times, `-838:59:59` and `9:00` have not.
        LiteralForm::Quoted if !one.starts_with('-') && one.find(':') != Some(2) && one.find(':') != Some(3) => {
            (one.len() == other.len()).then(|| one.cmp(other))
        }
        LiteralForm::Quoted | LiteralForm::Character => None,
    }
}

/// Decimal numbers of any length.
fn of_numbers(one: &str, other: &str) -> Ordering {
    let split = |text: &str| {
        let (whole, fraction) =
            text.trim_start_matches('-').split_once('.').unwrap_or((text.trim_start_matches('-'), ""));
        let (whole, fraction) = (whole.trim_start_matches('0').to_owned(), fraction.trim_end_matches('0').to_owned());
        let negative = text.starts_with('-') && !(whole.is_empty() && fraction.is_empty());
        (negative, whole, fraction)
    };
    let ((negative, whole, fraction), (is_negative, other_whole, other_fraction)) = (split(one), split(other));
    let sizes = (whole.len().cmp(&other_whole.len()))
        .then_with(|| whole.cmp(&other_whole))
        .then_with(|| fraction.cmp(&other_fraction));
    match (negative, is_negative) {
        (false, true) => Ordering::Greater,
        (true, false) => Ordering::Less,
        (false, false) => sizes,
        (true, true) => sizes.reverse(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn borders_are_ordered_as_the_server_orders_them_or_not_at_all() {
        use LiteralForm::{Binary, Character, Number, Ordinal, Quoted};
        use Ordering::{Equal, Greater, Less};
        for (forms, one, other, expected) in [
            (&[Number][..], &["9"][..], &["10"][..], Some(Less)),
            (&[Number], &["-9"], &["-10"], Some(Greater)),
            (&[Number], &["-1"], &["0"], Some(Less)),
            (&[Number], &["-0.00"], &["0"], Some(Equal)),
            (&[Number], &["0009"], &["10"], Some(Less)),
            (&[Number], &["1.50"], &["1.5"], Some(Equal)),
            (&[Number], &["1.45"], &["1.5"], Some(Less)),
            (
                &[Number],
                &["99999999999999999999999999999999999.9"],
                &["100000000000000000000000000000000000"],
                Some(Less),
            ),
            (&[Ordinal], &["18446744073709551615"], &["9"], Some(Greater)),
            (&[Quoted], &["2024-01-01"], &["2023-12-31"], Some(Greater)),
            (&[Quoted], &["2024-01-01 00:00:00.5"], &["2024-01-01 00:00:00.6"], Some(Less)),
            (&[Quoted], &["2155"], &["0000"], Some(Greater)),
            (&[Quoted], &["09:00:00"], &["10:00:00"], None),
            (&[Quoted], &["-09:00:00"], &["-10:00:00"], None),
            (&[Quoted], &["100:00:00"], &["100:00:01"], None),
            (&[Binary], &["00FF"], &["01"], Some(Less)),
            (&[Binary], &["61"], &["6100"], Some(Less)),
            (&[Character], &["61"], &["61"], Some(Equal)),
            (&[Character], &["61"], &["62"], None),
            (&[Number, Character], &["1", "61"], &["2", "61"], Some(Less)),
            (&[Number, Character], &["1", "61"], &["1", "62"], None),
            (&[Character, Number], &["61", "1"], &["61", "2"], Some(Less)),
        ] {
            let keys: Vec<KeyColumn> = forms.iter().map(|&literal| KeyColumn { name: "k".into(), literal }).collect();
            let values = |texts: &[&str]| texts.iter().map(|text| KeyValue((*text).into())).collect::<Vec<_>>();
            assert_eq!(order(&keys, &values(one), &values(other)), expected, "{one:?} {other:?}");
        }
    }
}
