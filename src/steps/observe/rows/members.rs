//! Members of ENUM and SET of which only rows tell what they are. Members that the source shows with a `?`: MySQL and MariaDB
//! show one for a character of four bytes, too. And the value 0 of an ENUM, which is shown like a member ''. And
//! members that are one under the collation that a conversion gives their column.

use std::collections::BTreeMap;

use super::keys::{weighed, weights_of};
use super::{Look, Looker};
use crate::formats::dumpfile::members::members;
use crate::formats::facts::Flavor;
use crate::formats::row_facts::RowRisk;
use crate::formats::structure::{Column, Table};
use crate::seams::sql::{Connection, Role};
use crate::words::addr::{key_ident, sql_ident};
use crate::words::error::Outcome;

pub(super) async fn look(looker: &mut Looker<'_>, look: &Look<'_>, table: &Table) -> Outcome<()> {
    if look.target.flavor == Flavor::Tidb {
        empty(looker, table).await?;
    }
    merged(looker, look, table).await?;
    if look.source.flavor == Flavor::Tidb {
        return Ok(());
    }
    let columns: Vec<&Column> = table.data_columns().filter(|column| holds_wide(column)).collect();
    let conditions: Vec<String> = columns.iter().flat_map(|column| conditions(column)).collect();
    if conditions.is_empty() {
        return Ok(());
    }
    let counted = looker.count(table, &columns, &conditions).await?;
    let mut hits = counted.hits.iter();
    for column in columns {
        for (_, member) in doubtful(column) {
            let (other, same) = (hits.next().copied().unwrap_or(0), hits.next().copied().unwrap_or(0));
            let object = key_ident(&column.name);
            if other > 0 {
                looker.found(RowRisk::UnknownMember, table, object, other, member);
            } else if same == 0 {
                let why = counted.short.clone().unwrap_or_else(|| "no row holds it".into());
                looker.unfinished(RowRisk::UnknownMember, table, object, format!("'{member}': {why}"));
            }
        }
    }
    Ok(())
}

/// ENUMs with a member '' whose rows also hold the value 0: a TiDB takes the two as one value.
async fn empty(looker: &mut Looker<'_>, table: &Table) -> Outcome<()> {
    let columns: Vec<&Column> = table.data_columns().filter(|column| has_empty(column)).collect();
    if columns.is_empty() {
        return Ok(());
    }
    let conditions: Vec<String> = columns.iter().map(|column| format!("{}+0=0", sql_ident(&column.name))).collect();
    let counted = looker.count(table, &columns, &conditions).await?;
    for (column, &rows) in columns.iter().zip(&counted.hits) {
        let object = key_ident(&column.name);
        if rows > 0 {
            looker.found(RowRisk::EmptyMember, table, object, rows, String::new());
        } else if let Some(why) = &counted.short {
            looker.unfinished(RowRisk::EmptyMember, table, object, why.clone());
        }
    }
    Ok(())
}

/// Members that become one where the column's collation is converted: no server creates such a type. The target is asked.
async fn merged(looker: &mut Looker<'_>, look: &Look<'_>, table: &Table) -> Outcome<()> {
    let mut target: Option<Box<dyn Connection>> = None;
    for column in table.columns.iter().filter(|column| matches!(column.data_type.as_str(), "enum" | "set")) {
        let Some(weighed) = weighed(look, column).filter(|weighed| weighed.converted) else { continue };
        if target.is_none()
            && let Some(server) = look.target_server
        {
            target = server.connect(&Role::Look).await.ok();
        }
        // Servers drop spaces at the end of a member.
        let members: Vec<String> =
            members(&column.column_type).iter().map(|member| member.trim_end_matches(' ').to_owned()).collect();
        let digits: Vec<String> = members.iter().map(hex::encode_upper).collect();
        let weights = match target.as_deref_mut() {
            Some(target) => {
                weights_of(target, &weighed.collation, &digits).await.map_err(|why| format!("the target {why}"))
            }
            None => Err("the target was not asked for its weights".to_owned()),
        };
        let object = key_ident(&column.name);
        match weights {
            Ok(weights) => {
                let mut first: BTreeMap<&str, &str> = BTreeMap::new();
                for (member, digits) in members.iter().zip(&digits) {
                    let Some(weight) = weights.get(digits) else { continue };
                    if let Some(other) = first.insert(weight, member) {
                        let what = format!("'{other}' and '{member}' are one under {}", weighed.collation);
                        looker.found(RowRisk::MergedMembers, table, object.clone(), 0, what);
                    }
                }
            }
            Err(why) => looker.unfinished(RowRisk::MergedMembers, table, object, format!("not looked at: {why}")),
        }
    }
    Ok(())
}

/// Whether the column is an ENUM with a member without letters.
fn has_empty(column: &Column) -> bool {
    column.data_type == "enum" && members(&column.column_type).iter().any(String::is_empty)
}

/// Whether the column is an ENUM or SET whose members may have characters of four bytes.
fn holds_wide(column: &Column) -> bool {
    matches!(column.data_type.as_str(), "enum" | "set")
        && matches!(column.charset.as_deref(), Some("utf8mb4" | "utf16" | "utf16le" | "utf32" | "gb18030"))
}

/// Members that are shown with a `?`, by their places.
fn doubtful(column: &Column) -> Vec<(usize, String)> {
    members(&column.column_type).into_iter().enumerate().filter(|(_, member)| member.contains('?')).collect()
}

/// For each such member: rows that hold it with other letters, and rows that hold it as it is shown.
fn conditions(column: &Column) -> Vec<String> {
    let name = sql_ident(&column.name);
    let value = format!("CAST(CONVERT({name} USING utf8mb4) AS BINARY)");
    let of_member = |(place, member): (usize, String)| {
        let text = format!("x'{}'", hex::encode(&member));
        let (has, same) = match column.data_type.as_str() {
            "set" => (format!("({name}+0)&{}", 1u64 << place.min(63)), format!("FIND_IN_SET({text},{value})")),
            _ => (format!("{name}+0={}", place + 1), format!("{value}={text}")),
        };
        [format!("({has} AND NOT {same})"), format!("({has} AND {same})")]
    };
    doubtful(column).into_iter().flat_map(of_member).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::formats::ddl::fixture::column;

    #[test]
    fn only_members_with_a_question_mark_in_a_wide_charset_are_asked_about() {
        let check = |column_type: &str, charset: &str, expected: usize| {
            let column = column("e", column_type).collated(charset, &format!("{charset}_bin"));
            let asked = if holds_wide(&column) { conditions(&column).len() } else { 0 };
            assert_eq!(asked, expected, "{column_type} {charset}");
        };
        check("enum('a','b')", "utf8mb4", 0);
        check("enum('a','?')", "utf8mb4", 2);
        check("set('a?','?b')", "utf32", 4);
        check("enum('a','?')", "latin1", 0);
        check("varchar(9)", "utf8mb4", 0);
    }
}
