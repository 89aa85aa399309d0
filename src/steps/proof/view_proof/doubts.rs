//! What lets a view give other rows though nothing is wrong: the moment, the order of rows, what is not moved. The free
//! order of GROUP_CONCAT can be taken out, so it is: both servers are asked again.

use super::with_views_below;
use crate::formats::ddl::view::{Piece, calls, closing, pieces, reads};
use crate::formats::facts::MigrationFacts;
use crate::formats::spec::model::Migration;
use crate::formats::structure::View;
use crate::seams::sql::{Fault, Role};
use crate::steps::context::Context;
use crate::think::gates::compatibility::view_values;
use crate::think::gates::rules;
use crate::words::addr::{StepAddr, TableName, sql_ident};
use crate::words::error::Outcome;

/// Functions that tell of the moment, the session or the server, or that are random, whatever they are given.
const BY_MOMENT: [&str; 26] = [
    "now",
    "curtime",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
    "sysdate",
    "utc_date",
    "utc_time",
    "utc_timestamp",
    "curdate",
    "current_date",
    "rand",
    "random_bytes",
    "uuid",
    "uuid_v4",
    "uuid_v7",
    "uuid_short",
    "current_user",
    "current_role",
    "session_user",
    "system_user",
    "connection_id",
    "found_rows",
    "lastval",
    "row_count",
];

/// The same where they are given nothing: with an argument they compute by it alone.
const BY_MOMENT_BARE: [&str; 6] = ["unix_timestamp", "last_insert_id", "user", "version", "database", "schema"];

/// Functions that depend on an order that no text settles. RANK and DENSE_RANK give rows that tie the same number.
const BY_ORDER: [&str; 9] =
    ["row_number", "first_value", "last_value", "nth_value", "lag", "lead", "ntile", "json_arrayagg", "any_value"];

/// What lets a view give other rows though nothing is wrong.
pub(super) fn named(view: &View, facts: &MigrationFacts, migration: &Migration) -> Option<String> {
    for view in with_views_below(view, facts) {
        let words = calls(&view.select, &view.name.schema).words;
        let all = pieces(&view.select).unwrap_or_default();
        let bare = BY_MOMENT_BARE.iter().filter(|word| calls_bare(&all, word));
        if let Some(word) = BY_MOMENT.iter().filter(|word| words.contains(**word)).chain(bare).next() {
            return Some(format!("{} calls {}", view.name, word.to_uppercase()));
        }
        if let Some(word) = BY_ORDER.iter().find(|word| words.contains(**word)) {
            return Some(format!("{} calls {}, which depends on the order of rows", view.name, word.to_uppercase()));
        }
        if all.iter().any(|piece| piece.is("limit")) {
            return Some(format!("{} has a LIMIT, which depends on the order of rows", view.name));
        }
        for name in reads(&view.select, &view.name.schema) {
            let same = |other: &TableName| other.key().to_lowercase() == name.key().to_lowercase();
            if migration.dump.where_.keys().any(|key| key.to_lowercase() == name.key().to_lowercase()) {
                return Some(format!("the spec moves only some rows of {name}"));
            }
            let table = facts.source.tables.iter().find(|table| same(&table.name));
            let computes = table.is_some_and(|table| table.columns.iter().any(|column| column.generated.is_some()));
            if computes && rules::accepts_generated(&migration.gates) {
                return Some(format!(
                    "{} reads {name}, whose generated columns the spec takes as the target computes them",
                    view.name
                ));
            }
            let moved =
                facts.source.views.iter().map(|view| &view.name).chain(facts.source.tables.iter().map(|t| &t.name));
            if !moved.into_iter().any(same) {
                return Some(format!("{} reads {name}, which is not moved", view.name));
            }
        }
    }
    None
}

/// Whether a function is called with nothing in its brackets.
fn calls_bare(all: &[Piece<'_>], word: &str) -> bool {
    all.windows(3).any(|three| three[0].is(word) && three[1].is_sign('(') && three[2].is_sign(')'))
}

/// What of a view the spec takes as the target computes it.
pub(super) fn taken(context: &Context, view: &View, facts: &MigrationFacts, migration: &Migration) -> Option<String> {
    let seen = |addr: Outcome<StepAddr>| context.seen(&addr.ok()?);
    let servers = (seen(context.source_of(migration))?, seen(context.target_of(migration))?);
    if !rules::accepts_views(&migration.gates) {
        return None;
    }
    let risk = |view: &View| {
        view_values::risk(view, facts, servers, &migration.gates).map(|why| format!("{}: {why}", view.name))
    };
    let why = with_views_below(view, facts).into_iter().find_map(risk)?;
    Some(format!("the spec takes what the target computes ({why})"))
}

/// The view, or one that it reads, that joins words of several rows.
pub(super) fn joins_rows<'a>(view: &'a View, facts: &'a MigrationFacts) -> Option<&'a View> {
    let joins = |view: &&View| calls(&view.select, &view.name.schema).words.contains("group_concat");
    with_views_below(view, facts).into_iter().find(joins)
}

/// The SELECT with an order for every GROUP_CONCAT that settles all of it: what ties by its own keys is ordered by its
/// bytes. `None`: not to be had by its text.
pub(super) fn settled(select: &str) -> Option<String> {
    let all = pieces(select).ok()?;
    let mut edits = Vec::new();
    for at in 0..all.len().saturating_sub(1) {
        if all[at].is("group_concat") && all[at + 1].is_sign('(') {
            edits.extend(settling(select, &all, at)?);
        }
    }
    let mut out = select.to_owned();
    for (at, text) in edits.into_iter().rev() {
        out.insert_str(at, &text);
    }
    Some(out)
}

/// Where in the text, and what, is to be added to the GROUP_CONCAT at a piece; nothing where no two of its words tie.
fn settling(select: &str, all: &[Piece<'_>], at: usize) -> Option<Option<(usize, String)>> {
    let close = closing(all, at + 1);
    let (mut first, mut depth) = (at + 2, 0usize);
    let (mut order, mut separator) = (None, None);
    let distinct = all.get(first)?.is("distinct");
    first += usize::from(distinct);
    for place in first..close {
        let piece = all.get(place)?;
        match () {
            () if piece.is_sign('(') => depth += 1,
            () if piece.is_sign(')') => depth = depth.saturating_sub(1),
            () if depth > 0 => {}
            () if piece.is("order") => order = order.or(Some(place)),
            () if piece.is("separator") => separator = separator.or(Some(place)),
            // Of MariaDB: which ones are left out is free.
            () if piece.is("limit") => return None,
            () => {}
        }
    }
    let text = |from: usize, to: usize| Some(select.get(all.get(from)?.at..all.get(to)?.at)?.trim());
    let end = separator.unwrap_or(close);
    let arguments = text(first, order.unwrap_or(end))?;
    if let Some(order) = order.filter(|_| distinct) {
        let ends = |piece: &Piece<'_>| usize::from(piece.is("asc") || piece.is("desc"));
        let key = text(order + 2, end - ends(all.get(end - 1)?))?;
        // By another key it is free which of several rows with one word gives it.
        return (key == arguments).then_some(None);
    }
    let lead = if order.is_some() { "," } else { " ORDER BY " };
    let keys = format!("HEX(CONVERT(CONCAT({arguments}) USING utf8mb4)),HEX(CONCAT({arguments}))");
    Some(Some((all.get(end)?.at, format!("{lead}{keys} "))))
}

/// Whether the source itself says that the view's columns do not follow from its groups.
pub(super) async fn takes_any_of_a_group(context: &Context, source: &StepAddr, view: &View) -> Outcome<bool> {
    let mut connection = context.server(source)?.connect(&Role::Look).await?;
    let told = |fault: Fault| fault.told(format!("look at the view {}", view.name));
    connection.execute("SET SESSION sql_mode = 'ONLY_FULL_GROUP_BY'").await.map_err(told)?;
    let columns = view.columns.iter().map(|name| sql_ident(name)).collect::<Vec<_>>().join(", ");
    let sql = format!("SELECT {columns} FROM {}", view.name.sql()).replace('\\', "\\\\").replace('\'', "''");
    match connection.execute(&format!("PREPARE mig_look FROM '{sql}'")).await {
        Ok(_) => Ok(false),
        Err(fault) if fault.lost => Err(told(fault)),
        Err(fault) => Ok(fault.number == Some(1055)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_joined_words_is_settled_behind_their_own_keys() {
        let keys =
            |arguments: &str| format!("HEX(CONVERT(CONCAT({arguments}) USING utf8mb4)),HEX(CONCAT({arguments}))");
        for (select, expected) in [
            (
                "select group_concat(`a` separator ',')",
                Some(format!("select group_concat(`a`  ORDER BY {} separator ',')", keys("`a`"))),
            ),
            (
                "select GROUP_CONCAT(`a`,f(`b`))",
                Some(format!("select GROUP_CONCAT(`a`,f(`b`) ORDER BY {} )", keys("`a`,f(`b`)"))),
            ),
            (
                "select group_concat(`a` order by `e` ASC separator ',') from `t`",
                Some(format!("select group_concat(`a` order by `e` ASC ,{} separator ',') from `t`", keys("`a`"))),
            ),
            (
                "select group_concat(distinct `a` separator ',')",
                Some(format!("select group_concat(distinct `a`  ORDER BY {} separator ',')", keys("`a`"))),
            ),
            ("select group_concat(distinct `a` order by `b` separator ',')", None),
            (
                "select group_concat(distinct `a` order by `a` desc separator ',')",
                Some("select group_concat(distinct `a` order by `a` desc separator ',')".to_owned()),
            ),
            (
                "select group_concat(distinct `a` order by `a`)",
                Some("select group_concat(distinct `a` order by `a`)".to_owned()),
            ),
            ("select group_concat(`a` separator ',' limit 1)", None),
        ] {
            assert_eq!(settled(select), expected, "{select}");
        }
    }

    #[test]
    fn only_a_bare_call_depends_on_the_moment() {
        for (select, word, expected) in [
            ("select unix_timestamp() AS `x`", "unix_timestamp", true),
            ("select unix_timestamp(`t`.`d`) AS `x`", "unix_timestamp", false),
            ("select `user` AS `x`", "user", false),
        ] {
            assert_eq!(calls_bare(&pieces(select).unwrap(), word), expected, "{select}");
        }
    }
}
