//! Whether anybody wrote between two places of the binlog. What cannot be read or understood is said to be unproven.
//! Knows no statement ([`super::statement`]) and no value of a row; which place to begin at is [`super::evidence`]'s.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::timeout;

use super::foreign_keys;
use super::statement::{Meaning, meaning};
use crate::formats::facts::{Binlog, Position, WritesFacts};
use crate::formats::filter::{Filter, is_system_schema};
use crate::formats::structure::Inventory;
use crate::seams::sql::{Change, LogEnd, Server};
use crate::words::addr::TableName;

/// How long reading it may take.
const READING_TIME: Duration = Duration::from_secs(600);
/// How many statements are named.
const NAMED: usize = 10;

/// From which place on writes to each table count.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Since {
    /// Of the run's begin: for names that its filter takes, and that no table of its has.
    pub run: Option<Position>,
    /// Where each table's dump began.
    pub tables: BTreeMap<TableName, Position>,
    /// Tables whose dump is complete.
    pub done: BTreeSet<TableName>,
}

impl Since {
    pub fn is_empty(&self) -> bool {
        self.run.is_none() && self.tables.is_empty()
    }

    /// All places, earliest first.
    pub fn places(&self) -> Vec<&Position> {
        let mut places: Vec<&Position> = self.tables.values().chain(&self.run).collect();
        places.sort_by_key(|position| position.place());
        places.dedup_by(|a, b| a.same_place(b));
        places
    }
}

/// Which names count in a stretch of the log.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Tables on which any write counts.
    pub tables: BTreeSet<TableName>,
    /// Tables whose foreign keys carry a change or a deletion on to one of those. InnoDB's cascades stand in no binlog, the
    /// write that set them off does.
    pub parents: BTreeSet<TableName>,
    /// Names that count whether or not such a table is there now.
    pub names: Option<Filter>,
    /// Tables that do not count yet, whatever `names` says: their rows are read later.
    pub not_yet: BTreeSet<TableName>,
}

impl Scope {
    fn has(&self, table: &TableName) -> bool {
        let named = |filter: &Filter| !is_system_schema(&table.schema) && filter.matches(&table.schema, &table.name);
        self.tables.contains(table) || (!self.not_yet.contains(table) && self.names.as_ref().is_some_and(named))
    }

    /// Whether anything in a schema may count.
    fn touches(&self, schema: &str) -> bool {
        let in_it = |table: &TableName| table.schema.eq_ignore_ascii_case(schema);
        let may = |filter: &Filter| !is_system_schema(schema) && filter.may_match_in(schema);
        self.tables.iter().chain(&self.parents).any(in_it) || self.names.as_ref().is_some_and(may)
    }
}

/// Reads the binlog between two places.
///
/// Writes with `sql_log_bin = 0` stand in no binlog and are not seen.
pub async fn writes_between(
    server: &dyn Server,
    binlog: &Binlog,
    from: &Position,
    to: &Position,
    scope: &Scope,
) -> WritesFacts {
    let mut facts = WritesFacts { from: from.clone(), to: to.clone(), ..WritesFacts::default() };
    if let Some(reason) = unreadable(binlog, from, to) {
        facts.unproven = reason;
        return facts;
    }
    if from.same_place(to) && from.same_set(to) == Some(false) {
        facts.unproven =
            "the set of executed transactions moved and the binlog did not: what was executed was not logged".into();
        return facts;
    }
    let mut seen = Seen::of(scope);
    let reached = server.binlog(from, to, &mut |change| seen.take(change)).await;
    let announced = seen.announced.difference(&seen.changed).cloned().collect();
    facts.changed_tables = seen.changed.into_iter().collect();
    facts.announced = announced;
    facts.unattributed = seen.unattributed;
    facts.unproven = match (reached, seen.unread) {
        // Nothing to read, and whether it is the same log the sets tell.
        (Err(_), _) if from.same_place(to) && from.same_set(to) == Some(true) => String::new(),
        (Err(failure), _) => failure.to_string(),
        (Ok(LogEnd::Another), _) => {
            format!(
                "the binlog was started from scratch: {} is another file than the one of the earlier look",
                from.file
            )
        }
        (Ok(LogEnd::Short), _) => "the binlog ended before the position that the server told".into(),
        (Ok(LogEnd::Reached), Some(what)) => format!("the binlog holds {what}"),
        (Ok(LogEnd::Reached), None) if from.begun == 0 && from.same_set(to) != Some(true) => {
            format!("whether {} is still the file of the earlier look is not known", from.file)
        }
        (Ok(LogEnd::Reached), None) => String::new(),
    };
    facts
}

/// What was written to what a migration moves, to each table since its own place, told within a time. `rules` are its
/// filter, `source` the tables that are there now.
pub async fn writes_since(
    server: &dyn Server,
    binlog: &Binlog,
    since: &Since,
    rules: &[String],
    source: &Inventory,
) -> WritesFacts {
    let mut facts = WritesFacts { run: since.run.clone(), ..WritesFacts::default() };
    let places = since.places();
    let Some(first) = places.first() else { return facts };
    facts.from = (*first).clone();
    let Some(to) = &binlog.position else {
        facts.unproven = if binlog.fault.is_empty() { "the binlog is off".into() } else { binlog.fault.clone() };
        return facts;
    };
    facts.to = to.clone();
    let read = async {
        let mut all = facts.clone();
        let scopes = scopes(server, since, &places, rules, source).await?;
        let ends = places.iter().skip(1).copied().chain([to]);
        for ((from, to), scope) in places.iter().zip(ends).zip(&scopes) {
            add(&mut all, writes_between(server, binlog, from, to, scope).await);
        }
        Ok::<_, String>(all)
    };
    facts.unproven = match timeout(READING_TIME, read).await {
        Ok(Ok(all)) => return all,
        Ok(Err(why)) => why,
        Err(_) => format!("reading the binlog took longer than {} s", READING_TIME.as_secs()),
    };
    facts
}

/// What counts behind each place.
async fn scopes(
    server: &dyn Server,
    since: &Since,
    places: &[&Position],
    rules: &[String],
    source: &Inventory,
) -> Result<Vec<Scope>, String> {
    let filter = Filter::parse(rules).unwrap_or_default();
    let all: BTreeSet<TableName> =
        source.tables.iter().map(|table| table.name.clone()).chain(since.tables.keys().cloned()).collect();
    let parents = foreign_keys::parents(server, source).await?;
    let scope = |place: &&Position| {
        let behind = |of: &Position| of.place() <= place.place();
        let counts = |table: &TableName| since.tables.get(table).is_some_and(behind);
        let (tables, not_yet): (BTreeSet<TableName>, _) = all.iter().cloned().partition(counts);
        let names = since.run.as_ref().is_some_and(behind).then(|| filter.clone());
        Scope { parents: foreign_keys::above(&parents, &tables), tables, names, not_yet }
    };
    Ok(places.iter().map(scope).collect())
}

fn add(all: &mut WritesFacts, more: WritesFacts) {
    let merge = |into: &mut Vec<String>, from: Vec<String>| {
        into.extend(from);
        into.sort();
        into.dedup();
    };
    merge(&mut all.changed_tables, more.changed_tables);
    merge(&mut all.announced, more.announced);
    merge(&mut all.unattributed, more.unattributed);
    if all.unproven.is_empty() {
        all.unproven = more.unproven;
    }
}

/// Why the binlog proves nothing, whatever stands in it.
fn unreadable(binlog: &Binlog, from: &Position, to: &Position) -> Option<String> {
    if !binlog.enabled {
        return Some("the binlog is off".into());
    }
    if !binlog.fault.is_empty() {
        return Some(binlog.fault.clone());
    }
    if binlog.applies_unlogged {
        return Some("the source is a replica that does not log what it applies".into());
    }
    if !binlog.format.eq_ignore_ascii_case("ROW") && !from.same_place(to) {
        return Some(format!("binlog_format is {}, and only ROW names the tables", binlog.format));
    }
    if binlog.filtered {
        return Some("a do or ignore filter leaves writes out of the binlog".into());
    }
    (!binlog.files.contains(&from.file)).then(|| format!("the server no longer has the binlog {:?}", from.file))
}

struct Seen<'a> {
    scope: &'a Scope,
    changed: BTreeSet<String>,
    announced: BTreeSet<String>,
    /// Distributed transactions whose rows were seen.
    prepared: BTreeSet<String>,
    unattributed: Vec<String>,
    unread: Option<String>,
}

impl<'a> Seen<'a> {
    fn of(scope: &'a Scope) -> Self {
        let (changed, announced, prepared) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        Self { scope, changed, announced, prepared, unattributed: Vec::new(), unread: None }
    }

    fn take(&mut self, change: Change<'_>) {
        match change {
            Change::Rows { schema, table, added } => self.rows(schema, table, added),
            Change::Announced { schema, table } => {
                let table = TableName::new(schema, table);
                if self.scope.has(&table) {
                    self.announced.insert(table.key());
                }
            }
            Change::Prepared { xid } => {
                self.prepared.insert(xid.to_owned());
            }
            Change::Statement { schema, text } => self.statement(schema, meaning(text)),
            Change::Unread { what } => {
                self.unread.get_or_insert_with(|| what.to_owned());
            }
        }
    }

    fn statement(&mut self, schema: &str, meaning: Meaning) {
        let unknown = match meaning {
            Meaning::Nothing => None,
            Meaning::Tables(names) => {
                for (named_schema, table) in names {
                    self.rows(named_schema.as_deref().unwrap_or(schema), &table, false);
                }
                None
            }
            Meaning::Dropped(dropped) => {
                let in_it = self.scope.tables.iter().filter(|table| table.schema.eq_ignore_ascii_case(&dropped));
                self.changed.extend(in_it.map(TableName::key));
                self.scope.touches(&dropped).then(|| format!("DROP DATABASE {dropped}"))
            }
            Meaning::Within(schemas, words) => {
                let touched = schemas.iter().map(String::as_str).chain([schema]).any(|name| self.scope.touches(name));
                touched.then_some(words)
            }
            Meaning::Committed(xid) => {
                (!self.prepared.contains(&xid)).then(|| "XA COMMIT of what was prepared before".to_owned())
            }
            Meaning::Unknown(words) => Some(words),
        };
        let Some(words) = unknown else { return };
        let words = if schema.is_empty() { words } else { format!("{words} (in schema {schema})") };
        if self.unattributed.len() < NAMED && !self.unattributed.contains(&words) {
            self.unattributed.push(words);
        }
    }

    fn rows(&mut self, schema: &str, table: &str, added: bool) {
        let table = TableName::new(schema, table);
        if self.scope.has(&table) || (!added && self.scope.parents.contains(&table)) {
            self.changed.insert(table.key());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::seams::scripted::Scripted;

    #[test]
    fn a_binlog_that_leaves_writes_out_proves_nothing() {
        let whole = Binlog { enabled: true, format: "ROW".into(), files: vec!["b.1".into()], ..Binlog::default() };
        let from = Position { file: "b.1".into(), offset: 4, ..Position::default() };
        let to = Position { offset: 9, ..from.clone() };
        assert_eq!(unreadable(&whole, &from, &to), None);
        // Any format tells that nothing was written.
        assert_eq!(unreadable(&Binlog { format: "MIXED".into(), ..whole.clone() }, &from, &from), None);
        for (what, binlog) in [
            ("off", Binlog { enabled: false, ..whole.clone() }),
            ("format", Binlog { format: "MIXED".into(), ..whole.clone() }),
            ("filter", Binlog { filtered: true, ..whole.clone() }),
            ("replica", Binlog { applies_unlogged: true, ..whole.clone() }),
            ("gone", Binlog { files: vec!["b.2".into()], ..whole.clone() }),
            ("fault", Binlog { fault: "denied".into(), ..whole.clone() }),
        ] {
            assert!(unreadable(&binlog, &from, &to).is_some(), "{what}");
        }
    }

    #[tokio::test]
    async fn transactions_that_moved_no_binlog_prove_nothing() {
        let binlog = Binlog { enabled: true, format: "ROW".into(), files: vec!["b.1".into()], ..Binlog::default() };
        let at = |gtid: &str| Position { file: "b.1".into(), offset: 158, gtid: gtid.into(), ..Position::default() };
        // A replica that applies another server's writes without logging them. The log is not read: the script has no line.
        let server = Scripted::new("sets", []);
        let seen = writes_between(&server, &binlog, &at("u:1-5"), &at("u:1-7"), &Scope::default()).await;
        assert!(seen.unproven.contains("was not logged"), "{seen:?}");
    }

    fn name(key: &str) -> TableName {
        TableName::parse_key(key).unwrap()
    }

    #[test]
    fn what_an_event_says_counts_by_the_tables_that_it_may_touch() {
        let scope = Scope {
            tables: BTreeSet::from([name("shop.a")]),
            parents: BTreeSet::from([name("up.p")]),
            names: Some(Filter::parse(&["shop.*".into(), "!shop.x*".into()]).unwrap()),
            not_yet: BTreeSet::from([name("shop.later")]),
        };
        let rows = |schema, table, added| Change::Rows { schema, table, added };
        let said = |schema, text| Change::Statement { schema, text };
        let (none, one) = (&[][..], &["shop.a"][..]);
        for (changes, changed, announced, unattributed) in [
            (vec![rows("shop", "a", true)], one, none, 0),
            (vec![rows("shop", "gone", false)], &["shop.gone"][..], none, 0),
            (vec![rows("shop", "x1", false), rows("other", "a", false), rows("shop", "later", false)], none, none, 0),
            // An insert into a parent cascades to nothing.
            (vec![rows("up", "p", true)], none, none, 0),
            (vec![rows("up", "p", false)], &["up.p"][..], none, 0),
            (vec![Change::Announced { schema: "shop", table: "a" }], none, one, 0),
            (vec![Change::Announced { schema: "shop", table: "a" }, rows("shop", "a", false)], one, none, 0),
            (vec![Change::Announced { schema: "up", table: "p" }], none, none, 0),
            (vec![said("", "XA COMMIT X'01',X'',1")], none, none, 1),
            (vec![Change::Prepared { xid: "x'01',x'',1" }, said("", "XA COMMIT X'01',X'',1")], none, none, 0),
            (vec![said("shop", "DROP DATABASE other")], none, none, 0),
            (vec![said("shop", "DROP DATABASE shop")], one, none, 1),
            (vec![said("up", "DROP DATABASE up")], none, none, 1),
            (vec![said("other", "RENAME TABLE a TO b")], none, none, 0),
            (vec![said("other", "RENAME TABLE a TO shop.a")], none, none, 1),
            (vec![said("shop", "RENAME TABLE a TO b")], none, none, 1),
            (vec![said("other", "CALL p()")], none, none, 1),
        ] {
            let mut seen = Seen::of(&scope);
            changes.iter().for_each(|change| seen.take(*change));
            let only: BTreeSet<String> = seen.announced.difference(&seen.changed).cloned().collect();
            assert!(
                seen.changed.iter().map(String::as_str).eq(changed.iter().copied()),
                "{changes:?}: {:?}",
                seen.changed
            );
            assert!(only.iter().map(String::as_str).eq(announced.iter().copied()), "{changes:?}: {only:?}");
            assert_eq!(seen.unattributed.len(), unattributed, "{changes:?}: {:?}", seen.unattributed);
        }
    }
}
