//! Whether a view gives the same rows on both servers: a sum of row hashes over all columns, read from each and hashed
//! here, within a time, as each server's own sessions read it. A view that takes longer is named as unproven. Changes
//! nothing on either side.
//!
//! Where the rows differ, they are different unless a reason is known by which nothing is wrong, and what can be looked
//! at of that reason is looked at: words by their collation, the free order of GROUP_CONCAT. A view that the target
//! cannot read is different, whatever its rows depend on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::formats::certificate::ViewRows;
use crate::formats::ddl::view::reads;
use crate::formats::facts::{Flavor, MigrationFacts};
use crate::formats::rowhash::PartHash;
use crate::formats::spec::model::{Migration, VerifyMode};
use crate::formats::structure::{Column, View};
use crate::steps::context::Context;
use crate::words::addr::{StepAddr, sql_ident};
use crate::words::error::Outcome;
use doubts::{joins_rows, named, settled, taken, takes_any_of_a_group};
use reading::{Query, Shape, Unread, selected};
use words::{Nearness, joins_equal_words, nearness};

mod doubts;
mod reading;
mod words;

/// How long all views of a migration may take.
const ALL_TIME: Duration = Duration::from_secs(600);

/// What was found of one view: its rows, or why the target alone could not read it.
pub struct Found {
    pub rows: ViewRows,
    /// The target refuses to read what the source reads; its answer.
    pub unreadable: Option<String>,
}

impl Found {
    fn open(why: impl Into<String>) -> Self {
        Self { rows: ViewRows::open(why), unreadable: None }
    }
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
    let comparing = Comparing { context, migration, facts, source, target };
    let began = Instant::now();
    let mut found = BTreeMap::new();
    for view in facts.source.views.iter().filter(|view| view.fault.is_none()) {
        let key = view.name.key();
        let Some(actual) = there.get(&key) else { continue };
        // A server that does not tell a view's columns may give its rows.
        let shape = if actual.shape.is_empty() { &view.shape } else { &actual.shape };
        let one = if no_source {
            Found::open("the rows came from a dump, so there is no source on which to read the view")
        } else if migration.verify == VerifyMode::None {
            Found::open("the spec asks for no verification")
        } else if view.shape.is_empty() || view.shape.len() != shape.len() {
            Found::open("its columns are not the same on both servers")
        } else if began.elapsed() > ALL_TIME {
            Found::open(format!("all views together took longer than {} s", ALL_TIME.as_secs()))
        } else {
            comparing.one(view, actual, shape).await?
        };
        found.insert(key, one);
    }
    Ok(found)
}

/// One migration's views being compared.
struct Comparing<'a> {
    context: &'a Context,
    migration: &'a Migration,
    facts: &'a MigrationFacts,
    source: StepAddr,
    target: StepAddr,
}

/// What is to be said of rows that differ.
enum Excuse {
    /// They are different.
    None,
    /// They are the rows that the source itself may give: words differ in case alone, as their collation allows.
    Same,
    /// Why nothing is known to be wrong.
    Doubt(String),
}

impl Comparing<'_> {
    /// `shape`: the columns that are read from the target.
    async fn one(&self, view: &View, actual: &View, shape: &[Column]) -> Outcome<Found> {
        let shape = Shape::of(&view.shape, shape);
        let query = |addr, view: &View, columns: &[Column]| Query {
            context: self.context,
            addr,
            shape: &shape,
            setting: None,
            sql: format!("SELECT {} FROM {}", selected(columns), view.name.sql()),
        };
        let source = query(&self.source, view, shape.source);
        let target = query(&self.target, actual, shape.target);
        let (here, there) = futures::future::join(source.sum(), target.sum()).await;
        let (here, there) = (here?, there?);
        let no_groups = matches!(&there, Err(Unread::Refused { number: Some(1055), .. })) && here.is_ok();
        let mut one = judged(here, there);
        if no_groups && takes_any_of_a_group(self.context, &self.source, view).await? {
            // Both servers refuse it by the sql_mode of a session that asks for it.
            one = Found::open("the target did not give its rows: it takes any value of a group (error 1055)");
        }
        if one.rows.differ() {
            match self.excuse(view, actual, &source, &target).await? {
                Excuse::None => {}
                Excuse::Same => one.rows.equal_words = true,
                Excuse::Doubt(why) => one.rows.unproven = why,
            }
        } else if actual.shape.is_empty() && one.rows.target.is_some() {
            one.rows.unproven =
                "its rows are the same on both servers; its columns were not compared, since the target gives its \
                                 rows and does not tell its columns"
                    .into();
        }
        Ok(one)
    }

    async fn excuse(&self, view: &View, actual: &View, source: &Query<'_>, target: &Query<'_>) -> Outcome<Excuse> {
        let mut unknown = None;
        if joins_equal_words(view, self.facts) {
            match nearness(source, target, view, self.facts).await? {
                Nearness::Case => return Ok(Excuse::Same),
                Nearness::Collation => return Ok(Excuse::Doubt(EQUAL_WORDS.into())),
                Nearness::Other => {}
                Nearness::Unknown(why) => {
                    unknown = Some(format!(
                        "its rows differ; whether by nothing but words that are equal by their collation is not known: \
                         {why}"
                    ));
                }
            }
        }
        let doubt =
            named(view, self.facts, self.migration).or_else(|| taken(self.context, view, self.facts, self.migration));
        if let Some(why) = doubt {
            return Ok(Excuse::Doubt(format!("its rows differ, which proves nothing: {why}")));
        }
        if takes_any_of_a_group(self.context, &self.source, view).await? {
            return Ok(Excuse::Doubt("its rows differ, which proves nothing: it takes any value of a group".into()));
        }
        if let Some(joining) = joins_rows(view, self.facts) {
            let below = joining.name != view.name;
            if let Some(why) = self.order_of_joined(view, actual, source.shape, below).await? {
                return Ok(Excuse::Doubt(why));
            }
        }
        Ok(unknown.map_or(Excuse::None, Excuse::Doubt))
    }

    /// Whether rows differ by nothing but the free order within GROUP_CONCAT: both servers are asked again for the
    /// view's SELECT, with that order settled. `None`: they differ by more. `below`: a view that it reads calls it.
    async fn order_of_joined(
        &self,
        view: &View,
        actual: &View,
        shape: &Shape<'_>,
        below: bool,
    ) -> Outcome<Option<String>> {
        let unknown = |why: &str| {
            Some(format!("its rows differ; whether by nothing but the free order of GROUP_CONCAT is not known: {why}"))
        };
        let selects = (settled(&view.select), settled(&actual.select));
        let ((Some(here), Some(there)), false) = (selects, below) else {
            let why = if below { "a view that it reads calls it" } else { "that order cannot be settled by its text" };
            return Ok(unknown(why));
        };
        let source = self.settled_query(&self.source, view, &here, shape, shape.source);
        let target = self.settled_query(&self.target, actual, &there, shape, shape.target);
        let (here, there) = futures::future::join(source.sum(), target.sum()).await;
        let why = match (here?, there?) {
            (Ok(here), Ok(there)) if here == there => {
                return Ok(Some(
                    "its rows differ, which proves nothing: it calls GROUP_CONCAT, and with the order that its keys \
                     leave free settled, both servers give the same rows"
                        .into(),
                ));
            }
            (Ok(_), Ok(_)) if !joins_equal_words(view, self.facts) => return Ok(None),
            (Ok(_), Ok(_)) => match nearness(&source, &target, view, self.facts).await? {
                Nearness::Case | Nearness::Collation => return Ok(Some(EQUAL_WORDS.into())),
                Nearness::Other => return Ok(None),
                Nearness::Unknown(why) => why,
            },
            (Err(unread), _) => format!("asked with a settled order, the source {}", unread.words()),
            (_, Err(unread)) => format!("asked with a settled order, the target {}", unread.words()),
        };
        Ok(unknown(&why))
    }

    fn settled_query<'q>(
        &'q self,
        addr: &'q StepAddr,
        view: &View,
        select: &str,
        shape: &'q Shape<'q>,
        columns: &[Column],
    ) -> Query<'q> {
        // The words of a view compare by the collation of the connection that made it; TiDB keeps none.
        let keeps = self.context.seen(addr).is_some_and(|seen| seen.flavor != Flavor::Tidb);
        let setting =
            (keeps && !view.collation.is_empty()).then(|| format!("SET collation_connection = {}", view.collation));
        let names = columns.iter().map(|column| sql_ident(&column.name)).collect::<Vec<_>>().join(", ");
        let sql = format!("WITH mig_settled ({names}) AS ({select}) SELECT {} FROM mig_settled", selected(columns));
        Query { context: self.context, addr, shape, setting, sql }
    }
}

const EQUAL_WORDS: &str = "its rows differ, which proves nothing: it takes one of several words that are equal by their \
                           collation, and the servers took other ones";

fn judged(here: Result<PartHash, Unread>, there: Result<PartHash, Unread>) -> Found {
    let mut rows = ViewRows { own_settings: here.is_ok() || there.is_ok(), ..ViewRows::default() };
    if let Ok(hash) = &here {
        (rows.source, rows.source_hash) = (Some(hash.rows), Some(hash.sum.to_string()));
    }
    if let Ok(hash) = &there {
        (rows.target, rows.target_hash) = (Some(hash.rows), Some(hash.sum.to_string()));
    }
    let mut unreadable = None;
    match (here, there) {
        (Ok(_), Ok(_)) => {}
        (Ok(_), Err(Unread::Refused { answer, .. })) => unreadable = Some(answer),
        (Err(Unread::Refused { answer: here, .. }), Err(Unread::Refused { answer: there, .. })) => {
            rows.unproven =
                format!("both servers refuse to give its rows: the source with {here}; the target with {there}");
        }
        (Ok(_), Err(unread)) => rows.unproven = format!("the target {}", unread.words()),
        (Err(unread), Ok(_)) => rows.unproven = format!("the source {}", unread.words()),
        (Err(here), Err(there)) => {
            rows.unproven = format!("the source {}; the target {}", here.words(), there.words());
        }
    }
    Found { rows, unreadable }
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
