//! Functions that servers compute in another way for values of one type. Views and generated columns are told by this table.
//!
//! Seen on MySQL 9.7.4, MariaDB 10.11 and TiDB 8.5.6: 14 aggregates and 120 functions and operators, each over a column of
//! every type.

use std::collections::BTreeSet;

use super::generated::OF_TEXT;
use crate::formats::ddl::view::{Kind, Piece, closing, pieces};
use crate::formats::structure::Column;

/// One call of a text, as far as the types of what it takes decide its value.
#[derive(Clone, Debug, Default)]
pub(super) struct Call<'a> {
    /// In lower case. `case` and `union` stand for all that the text chooses or puts together by them.
    name: String,
    /// Columns between its brackets, those of inner calls left out.
    columns: Vec<&'a Column>,
    /// A string stands there, too, or a column of text.
    words: bool,
    /// What a CAST makes: `char`, `json`.
    into: String,
    /// ORDER BY is in its brackets.
    ordered: bool,
    /// It is calculated with: `max(e) + 0`.
    counted: bool,
}

/// What a column is, as far as functions differ by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Bit,
    Zerofill,
    Year,
    /// A number, not a date.
    Number,
    NotWhole,
    Decimal,
    /// The digits behind the point of a DECIMAL.
    Digits,
    Float,
    Json,
    Choice,
    Set,
    Bytes,
}

impl Of {
    fn is(self, column: &Column) -> bool {
        let kind = column.data_type.as_str();
        let whole = kind.ends_with("int");
        match self {
            Self::Bit => kind == "bit",
            Self::Zerofill => column.column_type.contains("zerofill"),
            Self::Year => kind == "year",
            Self::Number => whole || matches!(kind, "decimal" | "float" | "double" | "bit"),
            Self::NotWhole => !whole,
            Self::Decimal | Self::Digits => kind == "decimal",
            Self::Float => matches!(kind, "float" | "double"),
            Self::Json => kind == "json",
            Self::Choice => matches!(kind, "enum" | "set"),
            Self::Set => kind == "set",
            Self::Bytes => kind.ends_with("blob") || kind.ends_with("binary"),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Bit => "a BIT",
            Self::Zerofill => "a ZEROFILL number, which the target does not fill",
            Self::Year => "a YEAR",
            Self::Number => "a number",
            Self::NotWhole => "a value that is not a whole number",
            Self::Decimal => "a DECIMAL, of which JSON keeps a DOUBLE there",
            Self::Digits => "the text of a DECIMAL",
            Self::Float => "the text of a FLOAT or DOUBLE",
            Self::Json => "a JSON value",
            Self::Choice => "an ENUM or SET",
            Self::Set => "a SET",
            Self::Bytes => "bytes",
        }
    }
}

/// When a row of the table counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Always,
    /// Beside a text: the result is one.
    Beside,
    Ordered,
    Counted,
}

const JSON: &[&str] = &["json_array", "json_arrayagg", "json_object", "json_objectagg"];

/// Functions that take a date, and on each server something else of what is none.
const DATES: &[&str] = &[
    "addtime",
    "cast_date",
    "cast_datetime",
    "cast_time",
    "convert_tz",
    "date",
    "date_format",
    "datediff",
    "day",
    "dayname",
    "dayofmonth",
    "dayofweek",
    "dayofyear",
    "hour",
    "last_day",
    "microsecond",
    "minute",
    "month",
    "monthname",
    "quarter",
    "second",
    "subtime",
    "time",
    "time_to_sec",
    "timestampdiff",
    "to_days",
    "to_seconds",
    "unix_timestamp",
    "week",
    "weekday",
    "weekofyear",
    "year",
    "yearweek",
];

/// Functions whose value has the type of what they choose from.
const CHOICES: &[&str] = &["case", "coalesce", "greatest", "if", "ifnull", "least", "nullif", "union"];

/// Functions of the text that are not in [`OF_TEXT`].
const MORE_OF_TEXT: &[&str] =
    &["ascii", "cast_char", "group_concat", "insert", "json_quote", "ord", "repeat", "str_to_date", "unhex"];

const TABLE: &[(Of, &[&[&str]], When)] = &[
    (Of::Bit, &[JSON, DATES, &["avg", "cast_json", "if", "max", "min", "nullif", "union"]], When::Always),
    (Of::Bit, &[&["group_concat"]], When::Ordered),
    (Of::Zerofill, &[OF_TEXT, MORE_OF_TEXT], When::Always),
    (Of::Zerofill, &[CHOICES], When::Beside),
    (Of::Float, &[OF_TEXT, MORE_OF_TEXT], When::Always),
    (Of::Float, &[CHOICES], When::Beside),
    (Of::Year, &[DATES], When::Always),
    (Of::Number, &[DATES], When::Always),
    (Of::NotWhole, &[&["bin", "bit_count", "conv", "oct"]], When::Always),
    (Of::Decimal, &[JSON, &["cast_json"]], When::Always),
    (Of::Digits, &[&["union"]], When::Beside),
    (Of::Json, &[CHOICES, MORE_OF_TEXT, DATES, &["field"]], When::Always),
    (Of::Choice, &[&["cast_json", "json_arrayagg", "json_objectagg"]], When::Always),
    (Of::Choice, &[DATES], When::Always),
    (Of::Choice, &[&["group_concat"]], When::Ordered),
    (Of::Choice, &[&["max", "min"]], When::Counted),
    (Of::Set, &[&["find_in_set"]], When::Always),
    (Of::Bytes, &[&["bit_count", "bit_or", "bit_xor", "cast_char", "json_quote", "quote"]], When::Always),
];

/// Why a call may give another value on a server of another kind; `None`: nothing is known that would.
pub(super) fn otherwise(call: &Call<'_>) -> Option<String> {
    let name = match call.into.as_str() {
        "" => call.name.clone(),
        into => format!("{}_{into}", call.name),
    };
    let counts = |when: When| match when {
        When::Always => true,
        When::Beside => call.words,
        When::Ordered => call.ordered,
        When::Counted => call.counted,
    };
    let met = TABLE.iter().find(|(of, lists, when)| {
        counts(*when)
            && lists.iter().any(|list| list.contains(&name.as_str()))
            && call.columns.iter().any(|column| of.is(column))
    });
    met.map(|(of, ..)| match call.name.as_str() {
        "case" | "union" => format!("by {} of {}", call.name.to_uppercase(), of.words()),
        _ => format!("by {}() of {}", call.name.to_uppercase(), of.words()),
    })
}

/// The calls of an expression or of a SELECT. `columns`: those that it can name.
pub(super) fn calls_in<'a>(text: &str, columns: &[&'a Column]) -> Vec<Call<'a>> {
    let Ok(all) = pieces(text) else { return Vec::new() };
    let mut found = Vec::new();
    for at in 0..all.len().saturating_sub(1) {
        if all[at].kind == Kind::Word && all[at + 1].is_sign('(') {
            found.push(call(&all, at, columns));
        }
    }
    for word in ["case", "union"] {
        if all.iter().any(|piece| piece.is(word)) {
            found.push(take(word.to_owned(), &all, columns, |_| true));
        }
    }
    found
}

fn call<'a>(all: &[Piece<'_>], at: usize, columns: &[&'a Column]) -> Call<'a> {
    let end = closing(all, at + 1);
    let within = all.get(at + 2..end).unwrap_or_default();
    // What stands in the brackets of an inner call is its own; bare brackets are only for precedence.
    let inner: BTreeSet<usize> = (0..within.len().saturating_sub(1))
        .filter(|&at| is_function(&within[at]) && within[at + 1].is_sign('('))
        .flat_map(|at| at + 1..closing(within, at + 1))
        .collect();
    let mut call = take(all[at].text.to_lowercase(), within, columns, |at| !inner.contains(&at));
    if call.name == "cast" {
        let into = within.windows(2).rev().find(|two| two[0].is("as"));
        call.into = into.map(|two| two[1].text.to_lowercase()).unwrap_or_default();
    }
    call.ordered = within.windows(2).any(|two| two[0].is("order") && two[1].is("by"));
    let is_operator = |piece: &Piece<'_>| piece.kind == Kind::Sign && "+-*/%".contains(piece.text);
    call.counted = all.get(end + 1).is_some_and(is_operator)
        || at.checked_sub(1).and_then(|before| all.get(before)).is_some_and(is_operator);
    call
}

/// Words that stand in front of brackets and are no functions.
fn is_function(piece: &Piece<'_>) -> bool {
    const OPERATORS: [&str; 12] =
        ["and", "or", "xor", "not", "in", "like", "between", "div", "mod", "when", "then", "else"];
    piece.kind == Kind::Word && !OPERATORS.iter().any(|word| piece.is(word))
}

fn take<'a>(name: String, within: &[Piece<'_>], columns: &[&'a Column], counts: impl Fn(usize) -> bool) -> Call<'a> {
    let own = || within.iter().enumerate().filter(|(at, _)| counts(*at)).map(|(_, piece)| piece);
    let names: BTreeSet<String> = own()
        .filter(|piece| matches!(piece.kind, Kind::Name | Kind::Word))
        .map(|piece| piece.name().to_lowercase())
        .collect();
    let columns: Vec<&Column> =
        columns.iter().copied().filter(|column| names.contains(&column.name.to_lowercase())).collect();
    let words = own().any(|piece| piece.kind == Kind::Text) || columns.iter().any(|column| column.charset.is_some());
    Call { name, columns, words, ..Call::default() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::formats::ddl::fixture::column;

    #[test]
    fn a_call_is_told_by_the_type_of_what_it_takes() {
        let columns = [
            column("b", "bit(20)"),
            column("e", "enum('z','a')"),
            column("s", "set('z','a')"),
            column("de", "decimal(20,6)"),
            column("y", "year"),
            column("i", "int"),
            column("zf", "int(5) unsigned zerofill"),
            column("f", "double"),
            column("bl", "blob"),
            column("dt", "datetime"),
            column("j", "json"),
            column("v", "varchar(9)").collated("utf8mb4", "utf8mb4_bin"),
        ];
        let columns: Vec<&Column> = columns.iter().collect();
        for (text, expected) in [
            ("max(`t`.`b`)", "by MAX() of a BIT"),
            ("max((`t`.`b` + 0))", "by MAX() of a BIT"),
            ("max(`t`.`i`)", ""),
            ("json_array(`t`.`b`)", "by JSON_ARRAY() of a BIT"),
            ("json_array(`t`.`de`)", "by JSON_ARRAY() of a DECIMAL, of which JSON keeps a DOUBLE there"),
            ("concat(`t`.`zf`,'x')", "by CONCAT() of a ZEROFILL number, which the target does not fill"),
            ("ifnull(`t`.`zf`,'x')", "by IFNULL() of a ZEROFILL number, which the target does not fill"),
            ("ifnull(`t`.`zf`,0)", ""),
            ("coalesce(`t`.`f`,`t`.`v`)", "by COALESCE() of the text of a FLOAT or DOUBLE"),
            ("(case when (`t`.`i` = 1) then `t`.`f` else 'x' end)", "by CASE of the text of a FLOAT or DOUBLE"),
            ("year(`t`.`y`)", "by YEAR() of a YEAR"),
            ("year(`t`.`dt`)", ""),
            ("year(from_unixtime(`t`.`i`))", ""),
            ("date_format(`t`.`i`,'%Y')", "by DATE_FORMAT() of a number"),
            ("bin(`t`.`i`)", ""),
            ("bin(`t`.`de`)", "by BIN() of a value that is not a whole number"),
            ("find_in_set('a',`t`.`s`)", "by FIND_IN_SET() of a SET"),
            ("find_in_set('a',`t`.`v`)", ""),
            ("group_concat(`t`.`i` order by `t`.`e` ASC separator ',')", "by GROUP_CONCAT() of an ENUM or SET"),
            ("group_concat(`t`.`e` separator ',')", ""),
            ("(max(`t`.`e`) + 0)", "by MAX() of an ENUM or SET"),
            ("max(`t`.`e`)", ""),
            ("cast(`t`.`bl` as char charset utf8mb4)", "by CAST() of bytes"),
            ("cast(`t`.`de` as json)", "by CAST() of a DECIMAL, of which JSON keeps a DOUBLE there"),
            ("cast(`t`.`de` as char)", ""),
            ("cast(`t`.`i` as date)", "by CAST() of a number"),
            ("coalesce(`t`.`j`,1)", "by COALESCE() of a JSON value"),
            ("coalesce(json_unquote(json_extract(`t`.`j`,'$.a')),'x')", ""),
            ("select `t`.`de` AS `x` from `t` union all select 'x' AS `x`", "by UNION of the text of a DECIMAL"),
        ] {
            let found = calls_in(text, &columns).iter().find_map(otherwise).unwrap_or_default();
            assert_eq!(found, expected, "{text}");
        }
    }
}
