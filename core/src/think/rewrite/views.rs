//! A view as it is created on the target: the source's own text with named edits.

use std::collections::{BTreeMap, BTreeSet};

use crate::formats::collation::normal_collation;
use crate::formats::ddl::view::forms::without_bare_casts;
use crate::formats::ddl::view::reads;
use crate::formats::ddl::view::words::{Columns, Kind, Worded, with_collation};
use crate::formats::facts::{Flavor, ServerFacts};
use crate::formats::spec::model::Gates;
use crate::formats::structure::{Column, Inventory, View};
use crate::think::gates::collation::{Fate, fate};
use crate::think::gates::compatibility::views::check_option_lost;
use crate::think::gates::rules;
use crate::words::addr::TableName;
use crate::words::diag::Diagnostic;

/// The view as this target gets it, and one warning for each thing in it that differs from the source. `source`: all
/// that is moved, for what the view reads.
pub fn for_target(view: &View, source: &Inventory, target: &ServerFacts, gates: &Gates) -> (View, Vec<Diagnostic>) {
    let mut created = View { shape: Vec::new(), ..view.clone() };
    let mut changes = Vec::new();
    let mut change = |code, text: String| {
        changes.push(Diagnostic::warning(code, format!("view {}: {text}", view.name)).about(view.name.key()));
    };
    if !view.definer.is_empty() {
        created.definer.clear();
        let text = format!("its definer {} is left out; it belongs to the user that creates it", view.definer);
        change(rules::DEFINER, text);
    }
    if let Some(option) = check_option_lost(view, target) {
        created.check_option = "NONE".into();
        change(rules::VIEW_CHECK_OPTION, format!("WITH {option} CHECK OPTION is left out: views take no writes there"));
    }
    let words = words(view, source, target, gates);
    // The target's own where it does not have the source's: named if there are words that compare by it.
    created.collation = words.collation.as_deref().map(normal_collation).unwrap_or_default();
    created.select = words.worded.select;
    if target.flavor == Flavor::Tidb {
        let (select, casts) = without_bare_casts(&created.select, &json_columns(view, source));
        if casts > 0 {
            created.select = select;
            let text = format!("{casts} CAST without a length: CONVERT(… USING …) stands there instead");
            change(rules::VIEW_CAST, text);
        }
    }
    if !words.worded.added.is_empty() {
        change(rules::VIEW_COLLATION, words.added);
    }
    if !words.open.is_empty() {
        change(rules::VIEW_WORDS, words.open);
    }
    (created, changes)
}

/// The words of a view's own text on the target.
pub(crate) struct Words {
    /// By what they compare there; `None`: the target does not have it.
    collation: Option<String>,
    worded: Worded,
    /// What was added, in words.
    pub added: String,
    /// Why they may compare otherwise; empty: they do not.
    pub open: String,
}

impl Words {
    pub fn are_edited(&self) -> bool {
        !self.worded.added.is_empty()
    }
}

/// How the words of a view's text come to compare as on the source.
pub(crate) fn words(view: &View, source: &Inventory, target: &ServerFacts, gates: &Gates) -> Words {
    let (collation, changed) = match fate(&view.collation, target, gates) {
        Fate::Kept { collation, .. } => (Some(collation), false),
        Fate::Converted { collation, .. } => (Some(collation), true),
        Fate::MappedToNothing { .. } | Fate::Unsupported => (None, false),
    };
    // The text comes to the target in utf8mb4, whatever the connection spoke that made the view on the source.
    let there = wide(collation.as_deref().unwrap_or_default());
    let from = &view.collation;
    let read = || with_collation(&view.select, &view.name.schema, &there, &|name| columns(name, source, 0));
    let as_it_is = Worded { select: view.select.clone(), ..Worded::default() };
    let concerned = |worded: &Worded| !worded.added.is_empty() || !worded.unsure.is_empty();
    let (worded, open) = match (target.flavor, &collation) {
        // Of a dump without its server nothing is known.
        _ if from.is_empty() => (as_it_is, String::new()),
        (Flavor::Tidb, Some(_)) => {
            let worded = read();
            let open = match worded.unsure.as_str() {
                "" => String::new(),
                near => format!(
                    "words in its text compare by {from} on the source, and on the target perhaps by its \
                     default: {near}"
                ),
            };
            (worded, open)
        }
        (_, None) if concerned(&read()) => (
            as_it_is,
            format!("words in its text compare by {from} on the source; the target does not have it and takes its own"),
        ),
        (_, Some(to)) if changed && concerned(&read()) => {
            (as_it_is, format!("words in its text compare by {to}, and no more by {from}"))
        }
        _ => (as_it_is, String::new()),
    };
    let named: Vec<String> = worded.added.iter().map(|(name, n)| format!("{n} COLLATE {name}")).collect();
    let added = format!(
        "words in its text compare by {from}: {} stand in it, since the target keeps no collation with a view",
        named.join(" and ")
    );
    Words { collation, worded, added, open }
}

/// The collation of utf8mb4 that compares as one of utf8mb3 does; any other is its own.
fn wide(collation: &str) -> String {
    let narrow = collation.strip_prefix("utf8mb3_").or_else(|| collation.strip_prefix("utf8_"));
    narrow.map_or_else(|| collation.to_owned(), |rest| format!("utf8mb4_{rest}"))
}

/// The columns that hold JSON, of the tables and views that a view reads: by name in lower case.
pub(crate) fn json_columns(view: &View, source: &Inventory) -> BTreeSet<String> {
    let read: BTreeSet<String> =
        reads(&view.select, &view.name.schema).iter().map(|name| name.key().to_lowercase()).collect();
    let tables = source.tables.iter().map(|table| (&table.name, &table.columns));
    let views = source.views.iter().map(|view| (&view.name, &view.shape));
    let columns = tables.chain(views).filter(|(name, _)| read.contains(&name.key().to_lowercase()));
    let json = columns.flat_map(|(_, columns)| columns).filter(|column| column.data_type == "json");
    json.map(|column| column.name.to_lowercase()).collect()
}

/// What is known of the columns of a table or view.
fn columns(name: &TableName, source: &Inventory, depth: usize) -> Option<Columns> {
    let same = |other: &TableName| other.key().to_lowercase() == name.key().to_lowercase();
    let of = |columns: &[Column]| -> Columns {
        columns.iter().map(|column| (column.name.to_lowercase(), kind(column))).collect::<BTreeMap<_, _>>()
    };
    if let Some(table) = source.tables.iter().find(|table| same(&table.name)) {
        return Some(of(&table.columns));
    }
    // Views read views: what each gives is worked out from its own text, to a depth that nobody writes.
    let view = source.views.iter().find(|view| same(&view.name) && view.fault.is_none())?;
    if depth > 16 {
        return None;
    }
    let inner = with_collation(&view.select, &view.name.schema, "", &|name| columns(name, source, depth + 1));
    if inner.columns.len() != view.columns.len() {
        return Some(of(&view.shape)).filter(|columns| !columns.is_empty());
    }
    Some(view.columns.iter().map(|name| name.to_lowercase()).zip(inner.columns).collect())
}

fn kind(column: &Column) -> Kind {
    let text = matches!(
        column.data_type.as_str(),
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set"
    );
    let bytes = matches!(column.data_type.as_str(), "binary" | "varbinary") || column.data_type.ends_with("blob");
    // As a text, a BIT is its bytes.
    if text || bytes || column.data_type == "bit" { Kind::Own } else { Kind::NoText }
}
