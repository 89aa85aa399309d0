//! The members of ENUM and SET, and when a value goes by its number. Knows COLUMN_TYPE; asks no server.

use crate::formats::ddl::expression::without_escapes;
use crate::formats::structure::Column;

/// Whether an ENUM or SET has the empty text for a member: then two values of it have the same text, the other being
/// an ENUM's error value or the SET of nothing, and only their numbers tell them apart.
pub fn by_number(column: &Column) -> bool {
    matches!(column.data_type.as_str(), "enum" | "set")
        && !set_beyond_numbers(column)
        && members(&column.column_type).iter().any(String::is_empty)
}

/// Whether a SET's values cannot be told apart on TiDB 8.5.6: it has an empty member, and so many others that its
/// number, a DOUBLE there, is not exact.
pub fn set_beyond_numbers(column: &Column) -> bool {
    let members = if column.data_type == "set" { members(&column.column_type) } else { Vec::new() };
    members.len() > 53 && members.iter().any(String::is_empty)
}

/// The number of a value out of its text, as other tools write it; `None`: no member has it. Of two values with the
/// empty text an ENUM's member and a SET's nothing are meant.
pub fn number_of(column: &Column, text: &str) -> Option<u64> {
    let members = members(&column.column_type);
    let place = |text: &str| members.iter().position(|member| member == text);
    match column.data_type.as_str() {
        "set" if text.is_empty() => Some(0),
        "set" => text.split(',').try_fold(0, |sum, member| Some(sum | 1u64.checked_shl(place(member)? as u32)?)),
        _ => place(text).map(|at| at as u64 + 1),
    }
}

/// COLUMN_TYPE of an ENUM or SET as MySQL and MariaDB write it, with escapes, out of TiDB's, where a backslash is itself
/// (tried on MySQL 9.7 and 5.6, MariaDB 10.11 and TiDB 8.5.6). A line break is a backslash and an `n` there, and so are a
/// backslash and an `n`: nobody can tell them apart. Other types are as they were.
pub fn with_escapes(bare: &str) -> String {
    let kind = bare.split('(').next().unwrap_or_default();
    if !["enum", "set"].iter().any(|word| kind.eq_ignore_ascii_case(word)) {
        return bare.to_owned();
    }
    bare.replace('\\', "\\\\")
}

/// The members of `enum('a','it''s','C:\\x')`, by value: out of a COLUMN_TYPE with escapes.
pub fn members(column_type: &str) -> Vec<String> {
    let mut members = Vec::new();
    let mut rest = column_type.split_once('(').map_or("", |(_, members)| members);
    while let Some(after) = rest.strip_prefix('\'') {
        // To the quote that ends the member: none that is doubled.
        let mut end = after.find('\'');
        while let Some(at) = end.filter(|at| after[at + 1..].starts_with('\'')) {
            end = after[at + 2..].find('\'').map(|more| at + 2 + more);
        }
        let Some(end) = end else { break };
        members.push(without_escapes(&after[..end].replace("''", "'")));
        rest = after[end + 1..].trim_start_matches([',', ' ']);
    }
    members
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::formats::rowhash::tests::column;

    #[test]
    fn an_enum_or_set_with_an_empty_member_goes_by_number() {
        let many = |kind: &str| format!("{kind}(''{})", ",'x'".repeat(53));
        for (column_type, numbered, beyond) in [
            ("enum('a','b')", false, false),
            ("enum('a','','b')", true, false),
            ("enum('','b')", true, false),
            ("enum('a','')", true, false),
            ("enum('it''s','b')", false, false),
            ("enum('''','b')", false, false),
            ("enum('a'',''b','c')", false, false),
            ("enum('''''','')", true, false),
            ("set('a','')", true, false),
            ("set('a, b','(')", false, false),
            ("varchar(20)", false, false),
            (many("enum").as_str(), true, false),
            (many("set").as_str(), false, true),
        ] {
            let column = column("c", column_type);
            assert_eq!((by_number(&column), set_beyond_numbers(&column)), (numbered, beyond), "{column_type}");
        }
    }

    #[test]
    fn a_backslash_in_a_member_is_one_whoever_wrote_the_type() {
        for (mysql, tidb, expected) in [
            (r"enum('C:\\x','b')", r"enum('C:\x','b')", [r"C:\x", "b"]),
            (r"enum('\\\\','it''s')", r"enum('\\','it''s')", [r"\\", "it's"]),
        ] {
            assert_eq!(members(mysql), expected, "{mysql}");
            assert_eq!(with_escapes(tidb), mysql, "{tidb}");
        }
        assert_eq!(with_escapes("varchar(20)"), "varchar(20)");
    }

    #[test]
    fn a_text_has_the_number_of_its_members() {
        for (column_type, text, number) in [
            ("enum('a','','it''s')", "a", Some(1)),
            ("enum('a','','it''s')", "", Some(2)),
            ("enum('a','','it''s')", "it's", Some(3)),
            ("enum('a','','it''s')", "A", None),
            ("set('','p','q')", "", Some(0)),
            ("set('','p','q')", "q,p", Some(6)),
            ("set('','p','q')", ",p", Some(3)),
            ("set('','p','q')", "r", None),
        ] {
            assert_eq!(number_of(&column("c", column_type), text), number, "{column_type} {text}");
        }
    }
}
