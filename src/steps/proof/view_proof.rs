//! Whether a view gives the same rows on both servers: a sum of row hashes over all columns, read from each and hashed
//! here, within a time. A view that takes longer is named as unproven. Changes nothing on either side.
//!
//! Values are compared as people read them: numbers without trailing zeros behind the point, since servers give a
//! computed DECIMAL another scale; computed DOUBLEs to ten digits, since a sum depends on the order of its rows. JSON is
//! compared by value only where both servers give JSON: where one gives a text, a reader sees its bytes.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::formats::certificate::ViewRows;
use crate::formats::ddl::view::{calls, pieces, reads};
use crate::formats::facts::{Flavor, MigrationFacts};
use crate::formats::rowhash::{Canon, PartHash, RowHasher, canon_of, canonical_json, select_expression};
use crate::formats::spec::model::{Migration, VerifyMode};
use crate::formats::structure::{Column, View};
use crate::seams::sql::{Fault, Role};
use crate::steps::context::Context;
use crate::think::gates::compatibility::view_values;
use crate::think::gates::rules;
use crate::words::addr::{StepAddr, TableName, sql_ident};
use crate::words::error::Outcome;

/// How long one server may read one view.
const VIEW_TIME: Duration = Duration::from_secs(30);
/// How long all views of a migration may take.
const ALL_TIME: Duration = Duration::from_secs(600);

/// What was found of one view: its rows, or why the target alone could not read it.
pub struct Found {
    pub rows: ViewRows,
    /// The target refuses to read what the source reads; its answer.
    pub unreadable: Option<String>,
}

/// Compares views; `there`: those of the target, by the key of the source's.
///
/// # Errors
/// A server that cannot be reached.
pub async fn compare(
    context: &Context,
    migration: &Migration,
    facts: &MigrationFacts,
    there: &BTreeMap<String, View>,
) -> Outcome<BTreeMap<String, Found>> {
    let (source, target) = (context.source_of(migration)?, context.target_of(migration)?);
    let no_source = context.seen(&source).is_some_and(|seen| seen.dump);
    let began = Instant::now();
    let mut found = BTreeMap::new();
    for view in facts.source.views.iter().filter(|view| view.fault.is_none()) {
        let key = view.name.key();
        let Some(actual) = there.get(&key) else { continue };
        let open = if no_source {
            Some("the rows came out of a dump, and there is no source to read the view on".to_owned())
        } else if migration.verify == VerifyMode::None {
            Some("the spec asks for no verification".to_owned())
        } else if view.shape.is_empty() || view.shape.len() != actual.shape.len() {
            Some("its columns are not the same on both servers".to_owned())
        } else if began.elapsed() > ALL_TIME {
            Some(format!("all views together took longer than {} s", ALL_TIME.as_secs()))
        } else {
            None
        };
        if let Some(why) = open {
            found.insert(key, Found { rows: ViewRows::open(why), unreadable: None });
            continue;
        }
        let normals: Vec<Normal> = view.shape.iter().zip(&actual.shape).map(|(a, b)| Normal::of(a, b)).collect();
        let texts: Vec<bool> = view.shape.iter().map(|column| canon_of(column) == Canon::Text).collect();
        let (here, there) = futures::future::join(
            read(context, &source, view, &normals, &texts),
            read(context, &target, actual, &normals, &texts),
        )
        .await;
        let (here, there) = (here?, there?);
        let alike = match (&here, &there) {
            (Ok(here), Ok(there)) if here.all != there.all && joins_equal_words(view, facts) => here.alike(there),
            _ => Alike::Not,
        };
        let mut one = judged(here.map(|sums| sums.all), there.map(|sums| sums.all));
        match alike {
            // Which of several equal words stands for them all is the server's choice.
            Alike::Words => one.rows.target_hash.clone_from(&one.rows.source_hash),
            Alike::ButWords => {
                one.rows.unproven = "it takes one of several words that are equal by their collation, and the servers \
                                     took other ones"
                    .into();
            }
            Alike::Not => {}
        }
        if one.rows.differ() || one.unreadable.is_some() {
            let mut doubts = doubts(view, facts, migration).or_else(|| taken(context, view, facts, migration));
            if doubts.is_none() && takes_any_of_a_group(context, &source, view).await? {
                doubts = Some("it takes any value of a group".into());
            }
            if let Some(why) = doubts {
                one.rows.unproven = format!("its rows differ, which proves nothing: {why}");
                one.unreadable = None;
            }
        }
        found.insert(key, one);
    }
    Ok(found)
}

fn judged(here: Result<PartHash, String>, there: Result<PartHash, String>) -> Found {
    let mut rows = ViewRows::default();
    let mut unreadable = None;
    match &here {
        Ok(hash) => (rows.source, rows.source_hash) = (Some(hash.rows), Some(hash.sum.to_string())),
        Err(answer) => rows.unproven = format!("the source did not give its rows: {answer}"),
    }
    match there {
        Ok(hash) => (rows.target, rows.target_hash) = (Some(hash.rows), Some(hash.sum.to_string())),
        Err(answer) if here.is_ok() && !answer.starts_with(TOO_LONG) => unreadable = Some(answer),
        Err(answer) => rows.unproven = format!("the target did not give its rows: {answer}"),
    }
    Found { rows, unreadable }
}

/// Sums over the rows of a view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    all: PartHash,
    /// Texts without their case and the blanks at their ends.
    folded: PartHash,
    /// Without the texts.
    bare: PartHash,
}

/// How near two views are that do not give the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alike {
    Not,
    /// But for the case of words and blanks at their ends.
    Words,
    /// But for the texts.
    ButWords,
}

impl Sums {
    fn alike(&self, other: &Self) -> Alike {
        match () {
            () if self.bare != other.bare => Alike::Not,
            () if self.folded == other.folded => Alike::Words,
            () => Alike::ButWords,
        }
    }
}

/// Whether a view, or one that it reads, makes one row of several with equal words.
fn joins_equal_words(view: &View, facts: &MigrationFacts) -> bool {
    const JOINING: [&str; 7] = ["distinct", "group", "union", "intersect", "except", "min", "max"];
    with_views_below(view, facts)
        .iter()
        .any(|view| pieces(&view.select).is_ok_and(|all| all.iter().any(|p| JOINING.iter().any(|word| p.is(word)))))
}

/// A view and all views that it reads, to any depth.
fn with_views_below<'a>(view: &'a View, facts: &'a MigrationFacts) -> Vec<&'a View> {
    let mut found: Vec<&View> = vec![view];
    let mut at = 0;
    while let Some(view) = found.get(at).copied() {
        for name in reads(&view.select, &view.name.schema) {
            let same = |other: &&View| other.name.key().to_lowercase() == name.key().to_lowercase();
            let below = facts.source.views.iter().find(same);
            found.extend(below.filter(|below| !found.iter().any(|known| known.name == below.name)));
        }
        at += 1;
    }
    found
}

const TOO_LONG: &str = "it took longer than";

/// How a value becomes the bytes that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Normal {
    /// Zeros at the end of a fraction do not count: numbers, times.
    Trimmed,
    /// Ten digits.
    Float,
    /// A DOUBLE against a DECIMAL: the digits that every DOUBLE holds.
    Mixed,
    Json,
    Bytes,
}

impl Normal {
    fn of(one: &Column, other: &Column) -> Self {
        let time = |c: &Column| matches!(c.data_type.as_str(), "date" | "datetime" | "timestamp" | "time");
        if [one, other].iter().any(|column| matches!(column.data_type.as_str(), "enum" | "set")) {
            return Self::Bytes;
        }
        match (canon_of(one), canon_of(other)) {
            (Canon::Float, Canon::Float) => Self::Float,
            (Canon::Float, Canon::Number) | (Canon::Number, Canon::Float) => Self::Mixed,
            (Canon::Number, Canon::Number) => Self::Trimmed,
            (Canon::Json, Canon::Json) => Self::Json,
            _ if time(one) && time(other) => Self::Trimmed,
            _ => Self::Bytes,
        }
    }

    /// `None`: no value of its kind.
    fn bytes(self, cell: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Bytes => Some(cell.to_vec()),
            Self::Trimmed => {
                let text = std::str::from_utf8(cell).ok()?;
                let bare = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
                Some(if bare == "-0" { b"0".to_vec() } else { bare.as_bytes().to_vec() })
            }
            Self::Float | Self::Mixed => {
                let number: f64 = std::str::from_utf8(cell).ok()?.parse().ok()?;
                let number = if number == 0.0 { 0.0 } else { number };
                let behind_first = if self == Self::Mixed { 14 } else { 9 };
                Some(format!("{number:.behind_first$e}").into_bytes())
            }
            Self::Json => {
                let mut out = Vec::new();
                // Every digit of the documents is compared with the tables; a view shows what a server computes of them.
                canonical_json::canonical(cell, true, &mut out).ok()?;
                Some(out)
            }
        }
    }
}

/// The rows of a view on one server. The inner error is the server's answer, in words. `texts`: which columns are words.
async fn read(
    context: &Context,
    addr: &StepAddr,
    view: &View,
    normals: &[Normal],
    texts: &[bool],
) -> Outcome<Result<Sums, String>> {
    let flavor = context.seen(addr).map(|facts| facts.flavor).unwrap_or_default();
    let mut connection = context.server(addr)?.connect(&Role::Look).await?;
    // Where the server has no such limit, ours below ends the session.
    let limit = match flavor {
        Flavor::Mariadb => format!("SET SESSION max_statement_time = {}", VIEW_TIME.as_secs()),
        _ => format!("SET SESSION max_execution_time = {}", VIEW_TIME.as_millis()),
    };
    let _ = connection.execute(&limit).await;
    // A MySQL 5.6 gives 0 as the number of every ENUM and SET of a view.
    let shown = |column: &Column| match column.data_type.as_str() {
        "enum" | "set" => sql_ident(&column.name),
        _ => select_expression(column),
    };
    let columns = view.shape.iter().map(shown).collect::<Vec<_>>().join(", ");
    let sql = format!("SELECT {columns} FROM {}", view.name.sql());
    let mut sums = Sums::default();
    let mut hasher = RowHasher::new(vec![Canon::Text; normals.len()]);
    let mut strange = false;
    let mut each = |cells: &[Option<&[u8]>]| {
        let values: Option<Vec<Option<Vec<u8>>>> = cells
            .iter()
            .zip(normals)
            .map(|(cell, normal)| cell.map_or(Some(None), |c| normal.bytes(c).map(Some)))
            .collect();
        let mut hash = |values: &[Option<Vec<u8>>]| {
            let cells: Vec<Option<&[u8]>> = values.iter().map(Option::as_deref).collect();
            hasher.hash_row(&cells).ok()
        };
        let hashes = values.and_then(|mut values| {
            let all = hash(&values)?;
            for (value, _) in values.iter_mut().zip(texts).filter(|(_, text)| **text) {
                *value = value.take().map(|bytes| folded(&bytes));
            }
            let folded = hash(&values)?;
            for (value, _) in values.iter_mut().zip(texts).filter(|(_, text)| **text) {
                *value = None;
            }
            Some((all, folded, hash(&values)?))
        });
        match hashes {
            Some((all, folded, bare)) => {
                sums.all.add(all);
                sums.folded.add(folded);
                sums.bare.add(bare);
                ControlFlow::Continue(())
            }
            None => {
                strange = true;
                ControlFlow::Break(())
            }
        }
    };
    let streamed = timeout(VIEW_TIME + Duration::from_secs(5), connection.stream(&sql, &mut each)).await;
    let too_long = || Ok(Err(format!("{TOO_LONG} {} s", VIEW_TIME.as_secs())));
    match streamed {
        Err(_) => too_long(),
        Ok(Ok(_)) if strange => Ok(Err("a value is not of its column's type".into())),
        Ok(Ok(_)) => Ok(Ok(sums)),
        Ok(Err(fault)) if is_time(&fault) => too_long(),
        Ok(Err(fault)) => Ok(Err(fault.to_string())),
    }
}

/// A word without its case and the blanks at its end.
fn folded(bytes: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(bytes).trim_end_matches(' ').to_lowercase().into_bytes()
}

/// MySQL, MariaDB and TiDB of a statement that ran into its limit.
fn is_time(fault: &Fault) -> bool {
    matches!(fault.number, Some(1317 | 1969 | 3024))
}

/// What lets a view give other rows though nothing is wrong.
fn doubts(view: &View, facts: &MigrationFacts, migration: &Migration) -> Option<String> {
    const BY_MOMENT: [&str; 30] = [
        "now",
        "curdate",
        "curtime",
        "current_date",
        "current_time",
        "current_timestamp",
        "localtime",
        "localtimestamp",
        "sysdate",
        "utc_date",
        "utc_time",
        "utc_timestamp",
        "unix_timestamp",
        "rand",
        "uuid",
        "uuid_short",
        "user",
        "current_user",
        "session_user",
        "system_user",
        "connection_id",
        "version",
        "database",
        "schema",
        "last_insert_id",
        "found_rows",
        "row_count",
        "random_bytes",
        "sleep",
        "current_role",
    ];
    const BY_ORDER: [&str; 11] = [
        "row_number",
        "first_value",
        "last_value",
        "nth_value",
        "lag",
        "lead",
        "ntile",
        "rank",
        "group_concat",
        "json_arrayagg",
        "any_value",
    ];
    for view in with_views_below(view, facts) {
        let words = calls(&view.select, &view.name.schema).words;
        if let Some(word) = BY_MOMENT.iter().find(|word| words.contains(**word)) {
            return Some(format!("{} calls {}", view.name, word.to_uppercase()));
        }
        if let Some(word) = BY_ORDER.iter().find(|word| words.contains(**word)) {
            return Some(format!("{} calls {}, which depends on the order of rows", view.name, word.to_uppercase()));
        }
        if pieces(&view.select).is_ok_and(|all| all.iter().any(|piece| piece.is("limit"))) {
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

/// What of a view the spec takes as the target computes it.
fn taken(context: &Context, view: &View, facts: &MigrationFacts, migration: &Migration) -> Option<String> {
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

/// Whether the source itself says that the view's columns do not follow from its groups.
async fn takes_any_of_a_group(context: &Context, source: &StepAddr, view: &View) -> Outcome<bool> {
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
    use crate::formats::ddl::fixture::column;
    use crate::steps::proof::view_proof::*;

    #[test]
    fn values_are_compared_as_they_are_read() {
        for (normal, one, other, same) in [
            (Normal::Trimmed, "1.5000", "1.50", true),
            (Normal::Trimmed, "100", "1", false),
            (Normal::Trimmed, "-0.00", "0", true),
            (Normal::Trimmed, "2024-01-01 00:00:00.000000", "2024-01-01 00:00:00", true),
            (Normal::Trimmed, "2024-01-10", "2024-01-1", false),
            (Normal::Float, "0.30000000000000004", "0.3", true),
            (Normal::Float, "0.3001", "0.3", false),
            (Normal::Float, "-0", "0", true),
            (Normal::Float, "7", "7.0", true),
            (Normal::Mixed, "20143863.666666668", "20143863.6667", false),
            (Normal::Mixed, "1.1", "1.10", true),
            (Normal::Json, r#"{"a": 1, "b": 2}"#, r#"{"b":2,"a":1}"#, true),
            (Normal::Bytes, "a", "A", false),
            (Normal::Bytes, "1.50", "1.5", false),
        ] {
            let bytes = |text: &str| normal.bytes(text.as_bytes()).unwrap();
            assert_eq!(bytes(one) == bytes(other), same, "{normal:?} {one} {other}");
        }
        assert_eq!(Normal::Float.bytes(b"x"), None);
    }

    #[test]
    fn json_is_compared_by_value_only_where_both_servers_give_json() {
        for (one, other, normal) in [
            ("json", "json", Normal::Json),
            ("longtext", "json", Normal::Bytes),
            ("json", "longtext", Normal::Bytes),
            ("double", "double", Normal::Float),
            ("double", "decimal", Normal::Mixed),
            ("decimal", "decimal", Normal::Trimmed),
            ("enum", "varchar", Normal::Bytes),
        ] {
            assert_eq!(Normal::of(&column("x", one), &column("x", other)), normal, "{one} {other}");
        }
    }

    #[test]
    fn one_of_several_equal_words_is_as_good_as_another() {
        let sums = |rows: &[(&str, &str)]| {
            let mut sums = Sums::default();
            let hash =
                |cells: &[Option<&[u8]>]| RowHasher::new(vec![Canon::Text; cells.len()]).hash_row(cells).unwrap();
            for (number, word) in rows {
                let (number, word) = (number.as_bytes(), word.as_bytes());
                sums.all.add(hash(&[Some(number), Some(word)]));
                sums.folded.add(hash(&[Some(number), Some(&folded(word))]));
                sums.bare.add(hash(&[Some(number), None]));
            }
            sums
        };
        for (one, other, alike) in [
            (&[("1", "Open")][..], &[("1", "OPEN ")][..], Alike::Words),
            (&[("1", "Zoë"), ("2", "a")], &[("1", "zoe"), ("2", "A")], Alike::ButWords),
            (&[("1", "Open")], &[("2", "open")], Alike::Not),
            (&[("1", "Open")], &[("1", "open"), ("1", "open")], Alike::Not),
        ] {
            assert_eq!(sums(one).alike(&sums(other)), alike, "{one:?} {other:?}");
        }
    }
}
