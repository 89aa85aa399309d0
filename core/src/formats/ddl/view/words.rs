//! By which collation the words in a view's own text compare. On MySQL and MariaDB that is the collation of the
//! connection that made the view; TiDB keeps none and compares them by utf8mb4_bin, anyone who reads. Here a text gets a
//! COLLATE where nothing else decides: beside a column the column's collation does, on every server.
//!
//! Derives what each expression is, by MySQL's manual ("Collation Coercibility in Expressions"); the brackets that
//! servers print stand for precedence. What is not known is said to be unsure, never guessed.

use std::collections::BTreeMap;

use super::{Kind as PieceKind, Piece, closing, pieces};
use crate::words::addr::TableName;

mod expression;
mod functions;

/// What decides how a value compares as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is not text, or has no collation: numbers, times, bytes, JSON.
    NoText,
    /// A column's collation, one that is written out, or that of bytes, beside which no other can stand.
    Own,
    /// The connection's: a word of the view's own text is in it.
    Words,
    /// The default one of utf8mb3: a word that is written with `_utf8mb3` is in it, and no other.
    Narrow,
    /// The connection's, of a text that a function makes.
    Made,
    Unknown,
}

impl Kind {
    /// Of a value that is made of several.
    fn with(self, other: Self) -> Self {
        use Kind::{Made, Narrow, NoText, Own, Unknown, Words};
        match (self, other) {
            (Own, _) | (_, Own) => Own,
            (Unknown, _) | (_, Unknown) => Unknown,
            (Words, _) | (_, Words) => Words,
            // All of utf8mb3 is in utf8mb4, so the other's collation counts.
            (Narrow, Made) | (Made, Narrow) => Made,
            (Narrow, _) | (_, Narrow) => Narrow,
            (Made, _) | (_, Made) => Made,
            _ => NoText,
        }
    }

    /// Whether it is a word of the text that a COLLATE can stand behind.
    fn is_word(self) -> bool {
        matches!(self, Self::Words | Self::Narrow)
    }
}

/// By what words in utf8mb3 compare: MySQL's manual, "Character String Literal Character Set and Collation".
const OF_NARROW: &str = "utf8_general_ci";

/// Columns of a table or view by name in lower case, with what they are; `None`: nothing is known of it.
pub type Columns = BTreeMap<String, Kind>;

/// A text with what was added to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Worded {
    pub select: String,
    /// How many COLLATE were added, by name.
    pub added: BTreeMap<String, usize>,
    /// A comparison of which it is not known by what it goes; empty: none.
    pub unsure: String,
    /// What the columns are, in order, once COLLATE was added.
    pub columns: Vec<Kind>,
}

/// Adds `COLLATE collation` where the words of the text alone decide. `columns` tells of a table; `schema` is the one of
/// bare names.
pub fn with_collation(
    select: &str,
    schema: &str,
    collation: &str,
    columns: &dyn Fn(&TableName) -> Option<Columns>,
) -> Worded {
    let unread = |why: String| Worded { select: select.to_owned(), unsure: why, ..Worded::default() };
    let Ok(all) = pieces(select) else { return unread("the whole text".into()) };
    let mut reader = Reader {
        text: select,
        all: &all,
        at: 0,
        schema,
        columns,
        given: BTreeMap::new(),
        scopes: Vec::new(),
        edits: Vec::new(),
        unsure: String::new(),
        depth: 0,
    };
    let Some(items) = reader.query(true).filter(|_| reader.at == all.len()) else {
        let near = all.get(reader.at).map_or("", |piece| &select[piece.at..]);
        return unread(near.chars().take(40).collect());
    };
    let mut out = select.to_owned();
    reader.edits.sort_unstable();
    reader.edits.dedup();
    let mut added = BTreeMap::new();
    for (at, narrow) in reader.edits.iter().rev() {
        let collation = if *narrow { OF_NARROW } else { collation };
        out.insert_str(*at, &format!(" COLLATE {collation}"));
        *added.entry(collation.to_owned()).or_default() += 1;
    }
    Worded { select: out, added, unsure: reader.unsure, columns: items.into_iter().map(|item| item.kind).collect() }
}

/// Nested deeper than any server prints.
const DEPTH: u32 = 200;

/// A value of the text: what it is, and where it ends.
#[derive(Clone, Debug)]
struct Item {
    kind: Kind,
    end: usize,
    name: String,
}

struct Reader<'a> {
    text: &'a str,
    all: &'a [Piece<'a>],
    at: usize,
    schema: &'a str,
    columns: &'a dyn Fn(&TableName) -> Option<Columns>,
    /// Common table expressions.
    given: BTreeMap<String, Columns>,
    /// What FROM names, of each query that is being read, by alias.
    scopes: Vec<BTreeMap<String, Option<Columns>>>,
    /// Bytes in front of which a COLLATE goes, and whether it is that of words in utf8mb3.
    edits: Vec<(usize, bool)>,
    unsure: String,
    depth: u32,
}

impl<'a> Reader<'a> {
    fn piece(&self) -> Option<Piece<'a>> {
        self.all.get(self.at).copied()
    }

    fn is(&self, word: &str) -> bool {
        self.piece().is_some_and(|piece| piece.is(word))
    }

    fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    fn is_sign(&self, sign: char) -> bool {
        self.piece().is_some_and(|piece| piece.is_sign(sign))
    }

    fn takes(&mut self, word: &str) -> bool {
        let there = self.is(word);
        self.at += usize::from(there);
        there
    }

    fn takes_sign(&mut self, sign: char) -> bool {
        let there = self.is_sign(sign);
        self.at += usize::from(there);
        there
    }

    fn end_before(&self) -> usize {
        self.at.checked_sub(1).map_or(0, |at| self.all[at].at + self.all[at].text.len())
    }

    fn name(&mut self) -> Option<String> {
        let name = self.piece().filter(|piece| piece.kind == PieceKind::Name)?.name();
        self.at += 1;
        Some(name)
    }

    /// A whole query. `outer`: what it gives is seen as columns, so its words get their collation here.
    fn query(&mut self, outer: bool) -> Option<Vec<Item>> {
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        if self.takes("with") {
            self.takes("recursive");
            loop {
                // MariaDB prints it without backticks where it has columns.
                let bare = self.piece().filter(|piece| piece.kind == PieceKind::Word);
                self.at += usize::from(bare.is_some());
                let name = bare.map_or_else(|| self.name(), |piece| Some(piece.name()))?;
                let names = self.names()?;
                if !(self.takes("as") && self.takes_sign('(')) {
                    return None;
                }
                // The recursive part sees what the first part gives; it is not known yet.
                self.given.insert(name.to_lowercase(), Columns::new());
                let items = self.query(true)?;
                self.takes_sign(')').then_some(())?;
                self.given.insert(name.to_lowercase(), named(items, &names));
                if !self.takes_sign(',') {
                    break;
                }
            }
        }
        let mut items = self.term(outer)?;
        let mut branches = vec![items.clone()];
        while self.is_any(&["union", "intersect", "except"]) {
            self.at += 1;
            let _ = self.takes("all") || self.takes("distinct");
            let more = self.term(outer)?;
            (more.len() == items.len()).then_some(())?;
            for (item, other) in items.iter_mut().zip(&more) {
                item.kind = item.kind.with(other.kind);
            }
            branches.push(more);
        }
        if outer {
            self.collate_outputs(&mut items, &branches);
        }
        if self.takes("order") {
            self.takes("by").then_some(())?;
            self.list()?;
        }
        self.limit();
        self.depth -= 1;
        Some(items)
    }

    /// Words that a query gives, and that no other branch of it gives a collation.
    fn collate_outputs(&mut self, items: &mut [Item], branches: &[Vec<Item>]) {
        for (at, item) in items.iter_mut().enumerate() {
            let of = branches.iter().filter_map(|branch| branch.get(at)).filter(|one| one.kind.is_word());
            match item.kind {
                kind @ (Kind::Words | Kind::Narrow) => {
                    let of = of.filter(|one| one.kind == kind);
                    self.edits.extend(of.map(|one| (one.end, kind == Kind::Narrow)));
                    item.kind = Kind::Own;
                }
                Kind::Unknown if of.count() > 0 => self.doubt(item.end),
                _ => {}
            }
        }
    }

    fn doubt(&mut self, at: usize) {
        if self.unsure.is_empty() {
            let begin = self.text[..at].char_indices().rev().nth(40).map_or(0, |(at, _)| at);
            self.unsure = self.text[begin..at].to_owned();
        }
    }

    fn limit(&mut self) {
        if self.takes("limit") {
            while self.piece().is_some_and(|piece| {
                piece.text == "," || piece.is("offset") || piece.text.starts_with(|c: char| c.is_ascii_digit())
            }) {
                self.at += 1;
            }
        }
    }

    fn term(&mut self, outer: bool) -> Option<Vec<Item>> {
        if self.takes_sign('(') {
            let items = self.query(outer)?;
            self.takes_sign(')').then_some(())?;
            return Some(items);
        }
        self.takes("select").then_some(())?;
        self.one_select()
    }

    fn one_select(&mut self) -> Option<Vec<Item>> {
        const OPTIONS: [&str; 9] = [
            "distinct",
            "all",
            "high_priority",
            "straight_join",
            "sql_small_result",
            "sql_big_result",
            "sql_buffer_result",
            "sql_no_cache",
            "distinctrow",
        ];
        while self.is_any(&OPTIONS) {
            self.at += 1;
        }
        // What FROM names is known before the items are read.
        let items_at = self.at;
        self.scopes.push(BTreeMap::new());
        let from = self.find_from();
        let behind_from = match from {
            Some(from) => {
                self.at = from + 1;
                self.sources()?;
                Some(self.at)
            }
            None => None,
        };
        self.at = items_at;
        let mut items = Vec::new();
        loop {
            let mut item = self.expression()?;
            item.name = if self.takes("as") { self.name()? } else { String::new() };
            items.push(item);
            if !self.takes_sign(',') {
                break;
            }
        }
        if let Some(behind) = behind_from {
            (Some(self.at) == from).then_some(())?;
            self.at = behind;
        }
        if self.takes("where") {
            self.expression()?;
        }
        if self.takes("group") {
            self.takes("by").then_some(())?;
            for item in self.list()? {
                if item.kind.is_word() {
                    self.edits.push((item.end, item.kind == Kind::Narrow));
                }
            }
            if self.takes("with") {
                self.takes("rollup").then_some(())?;
            }
        }
        if self.takes("having") {
            self.expression()?;
        }
        if self.takes("window") {
            while !self.is_any(&["order", "limit", "union"]) && self.piece().is_some() && !self.is_sign(')') {
                self.skip_one();
            }
        }
        if self.is("order") && self.all.get(self.at + 1).is_some_and(|piece| piece.is("by")) {
            self.at += 2;
            self.list()?;
        }
        self.limit();
        self.scopes.pop();
        Some(items)
    }

    fn find_from(&self) -> Option<usize> {
        const ENDS: [&str; 8] = ["union", "intersect", "except", "where", "order", "group", "limit", "having"];
        let mut at = self.at;
        while let Some(piece) = self.all.get(at) {
            if piece.is("from") {
                return Some(at);
            }
            if piece.is_sign(')') || ENDS.iter().any(|word| piece.is(word)) {
                return None;
            }
            at = if piece.is_sign('(') { closing(self.all, at) + 1 } else { at + 1 };
        }
        None
    }

    fn skip_one(&mut self) {
        self.at = if self.is_sign('(') { closing(self.all, self.at) + 1 } else { self.at + 1 };
    }

    /// FROM: what it names is noted, its conditions are read afterwards, when all of it is known.
    fn sources(&mut self) -> Option<()> {
        let begin = self.at;
        let mut conditions = Vec::new();
        self.joined(&mut conditions)?;
        let end = self.at;
        for at in conditions {
            self.at = at;
            self.expression()?;
        }
        self.at = end;
        (end > begin).then_some(())
    }

    fn joined(&mut self, conditions: &mut Vec<usize>) -> Option<()> {
        const JOINS: [&str; 9] =
            ["join", "left", "right", "inner", "outer", "cross", "natural", "straight_join", "full"];
        self.source(conditions)?;
        loop {
            if self.takes("on") {
                conditions.push(self.at);
                // A condition stands in brackets, or up to what goes on behind it.
                const ENDS: [&str; 12] = [
                    "where",
                    "group",
                    "having",
                    "order",
                    "limit",
                    "window",
                    "union",
                    "intersect",
                    "except",
                    "on",
                    "using",
                    "join",
                ];
                while let Some(piece) = self.piece() {
                    let calls = self.all.get(self.at + 1).is_some_and(|next| next.is_sign('('));
                    let ends = piece.is_sign(')') || piece.is_sign(',') || self.is_any(&ENDS);
                    if ends || (self.is_any(&JOINS) && !calls) {
                        break;
                    }
                    self.skip_one();
                }
            } else if self.takes("using") {
                self.skip_one();
            } else if self.takes_sign(',') {
                self.source(conditions)?;
            } else if self.is_any(&JOINS) {
                while self.is_any(&JOINS) {
                    self.at += 1;
                }
                self.source(conditions)?;
            } else {
                return Some(());
            }
        }
    }

    fn source(&mut self, conditions: &mut Vec<usize>) -> Option<()> {
        self.takes("lateral");
        let columns = if self.is_sign('(') {
            let inner = self.all.get(self.at + 1);
            let query = inner.is_some_and(|piece| piece.is("select") || piece.is("with"))
                || (inner.is_some_and(|piece| piece.is_sign('(')) && self.is_query_within());
            self.at += 1;
            if query {
                let items = self.query(true)?;
                self.takes_sign(')').then_some(())?;
                self.takes("as");
                let alias = self.name()?;
                let names = self.names()?;
                let columns = named(items, &names);
                self.scopes.last_mut()?.insert(alias.to_lowercase(), Some(columns));
            } else {
                self.joined(conditions)?;
                self.takes_sign(')').then_some(())?;
            }
            return Some(());
        } else {
            let first = self.name()?;
            let name =
                if self.takes_sign('.') { TableName::new(first, self.name()?) } else { TableName::new("", first) };
            match self.given.get(&name.name.to_lowercase()).filter(|_| name.schema.is_empty()) {
                Some(columns) => (name.name.clone(), Some(columns.clone())),
                None => {
                    let schema = if name.schema.is_empty() { self.schema } else { name.schema.as_str() };
                    (name.name.clone(), (self.columns)(&TableName::new(schema, &name.name)))
                }
            }
        };
        if self.is("partition") {
            self.at += 1;
            self.skip_one();
        }
        self.takes("as");
        let alias = self.name().unwrap_or(columns.0);
        while self.is_any(&["use", "force", "ignore"]) {
            while !self.is_sign('(') && self.piece().is_some() {
                self.at += 1;
            }
            self.skip_one();
        }
        self.scopes.last_mut()?.insert(alias.to_lowercase(), columns.1);
        Some(())
    }

    /// `((select …` is a query, `((s.t join …` is not.
    fn is_query_within(&self) -> bool {
        let mut at = self.at;
        while self.all.get(at).is_some_and(|piece| piece.is_sign('(')) {
            at += 1;
        }
        let first = self.all.get(at).is_some_and(|piece| piece.is("select") || piece.is("with"));
        // A derived table has its alias behind its bracket.
        let inner = closing(self.all, self.at + 1);
        first && !self.all.get(inner + 1).is_some_and(|piece| piece.kind == PieceKind::Name || piece.is("as"))
    }

    fn names(&mut self) -> Option<Vec<String>> {
        let mut names = Vec::new();
        if self.takes_sign('(') {
            names.push(self.name()?);
            while self.takes_sign(',') {
                names.push(self.name()?);
            }
            self.takes_sign(')').then_some(())?;
        }
        Some(names)
    }

    /// Expressions with commas between, each perhaps with ASC or DESC.
    fn list(&mut self) -> Option<Vec<Item>> {
        let mut items = Vec::new();
        loop {
            items.push(self.expression()?);
            let _ = self.takes("asc") || self.takes("desc");
            if !self.takes_sign(',') {
                return Some(items);
            }
        }
    }
}

/// The columns that a query gives, under these names where there are some.
fn named(items: Vec<Item>, names: &[String]) -> Columns {
    items
        .into_iter()
        .enumerate()
        .map(|(at, item)| (names.get(at).unwrap_or(&item.name).to_lowercase(), item.kind))
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
