//! The text of a view as SHOW CREATE VIEW prints it: read token by token, nothing is passed over. Names what a view
//! reads and calls. Knows no server: whether a target takes a text is asked of that target.
//!
//! Of the two sources of a view's structure SHOW CREATE VIEW is the one that is carried: VIEW_DEFINITION holds inner
//! functions of MySQL (`rollup_group_item`) and leaves ALGORITHM out. What both tell (definer, rights, check option) is
//! compared by anyone who reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::words::addr::{TableName, sql_ident};

pub mod forms;
pub mod words;

/// A piece of the text, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    pub kind: Kind,
    pub text: &'a str,
    /// Bytes in front of it.
    pub at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A bare word or a number.
    Word,
    /// A name in backticks.
    Name,
    /// A string in quotes.
    Text,
    /// Any other sign, one character.
    Sign,
}

impl Piece<'_> {
    /// Whether it is this word, case aside.
    pub fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    pub fn is_sign(&self, sign: char) -> bool {
        self.kind == Kind::Sign && self.text.starts_with(sign)
    }

    /// A name without its backticks, if it has any.
    pub fn name(&self) -> String {
        if self.kind != Kind::Name {
            return self.text.to_owned();
        }
        self.text.get(1..self.text.len() - 1).unwrap_or_default().replace("``", "`")
    }
}

/// A text that is not understood: what was wanted, and the text from there on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewFault {
    pub wanted: &'static str,
    pub near: String,
}

impl fmt::Display for ViewFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was expected at {:?}", self.wanted, self.near)
    }
}

/// What stands around the SELECT, and the SELECT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ViewText {
    /// `UNDEFINED`, `MERGE`, `TEMPTABLE`.
    pub algorithm: String,
    /// `user@host`.
    pub definer: String,
    /// `DEFINER`, `INVOKER`.
    pub security: String,
    pub schema: Option<String>,
    pub name: String,
    /// Names given in front of AS; none: those of the SELECT.
    pub columns: Vec<String>,
    /// As it is written.
    pub select: String,
    /// `NONE`, `LOCAL`, `CASCADED`.
    pub check_option: String,
}

/// Cuts a text into pieces; white space lies between them, and nothing else.
///
/// # Errors
/// A quote that does not end, a comment: no server prints one into a view.
pub fn pieces(text: &str) -> Result<Vec<Piece<'_>>, ViewFault> {
    let fault = |wanted, at: usize| ViewFault { wanted, near: near(text, at) };
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let rest = &text[at..];
        let (kind, length) = match c {
            '`' => (Kind::Name, quoted(rest, b'`', false).ok_or_else(|| fault("the end of a name", at))?),
            '\'' | '"' => (Kind::Text, quoted(rest, c as u8, true).ok_or_else(|| fault("the end of a string", at))?),
            _ if rest.starts_with("/*") || rest.starts_with('#') || rest.starts_with("-- ") => {
                return Err(fault("SQL without comments", at));
            }
            _ if is_word(c) => (Kind::Word, word_length(rest)),
            _ => (Kind::Sign, c.len_utf8()),
        };
        out.push(Piece { kind, text: &rest[..length], at });
        at += length;
    }
    Ok(out)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '@')
}

/// A number takes its point and its exponent along.
fn word_length(rest: &str) -> usize {
    let number = rest.starts_with(|c: char| c.is_ascii_digit());
    let mut last = ' ';
    for (at, c) in rest.char_indices() {
        let exponent = number && matches!(c, '+' | '-') && matches!(last, 'e' | 'E') && !rest.starts_with("0x");
        if !(is_word(c) || (number && c == '.') || exponent) {
            return at;
        }
        last = c;
    }
    rest.len()
}

fn quoted(text: &str, quote: u8, escapes: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    loop {
        match *bytes.get(at)? {
            b'\\' if escapes => at += 2,
            byte if byte == quote && bytes.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}

fn near(text: &str, at: usize) -> String {
    text.get(at..).unwrap_or_default().chars().take(60).collect()
}

/// Reads `CREATE … VIEW … AS …`: every clause in front of the SELECT and behind it is known, or the text is refused.
///
/// # Errors
/// What is not understood, by its text.
pub fn read(text: &str) -> Result<ViewText, ViewFault> {
    let all = pieces(text)?;
    let mut head = Head { text, all: &all, at: 0 };
    let mut view = ViewText { security: "DEFINER".into(), check_option: "NONE".into(), ..ViewText::default() };
    head.word("CREATE")?;
    while !head.takes("VIEW") {
        if head.takes("ALGORITHM") {
            head.sign('=')?;
            view.algorithm = head.one_of(&["UNDEFINED", "MERGE", "TEMPTABLE"])?;
        } else if head.takes("DEFINER") {
            head.sign('=')?;
            view.definer = head.user()?;
        } else if head.takes("SQL") {
            head.word("SECURITY")?;
            view.security = head.one_of(&["DEFINER", "INVOKER"])?;
        } else {
            return Err(head.fault("VIEW, or a clause of CREATE VIEW that mig knows,"));
        }
    }
    view.name = head.name()?;
    if head.takes_sign('.') {
        view.schema = Some(std::mem::replace(&mut view.name, head.name()?));
    }
    if head.takes_sign('(') {
        view.columns.push(head.name()?);
        while head.takes_sign(',') {
            view.columns.push(head.name()?);
        }
        head.sign(')')?;
    }
    head.word("AS")?;
    let (from, mut end) = (head.at, all.len());
    while end > from && all[end - 1].is_sign(';') {
        end -= 1;
    }
    for option in ["CASCADED", "LOCAL"] {
        let tail = end.checked_sub(4).filter(|tail| *tail > from).map(|tail| &all[tail..end]);
        let is_tail = tail.is_some_and(|tail| {
            tail[0].is("WITH") && tail[1].is(option) && tail[2].is("CHECK") && tail[3].is("OPTION")
        });
        if is_tail {
            view.check_option = option.into();
            end -= 4;
        }
    }
    let (Some(first), Some(last)) = (all.get(from), all[from..end].last()) else {
        return Err(head.fault("a SELECT"));
    };
    view.select = text[first.at..last.at + last.text.len()].to_owned();
    Ok(view)
}

struct Head<'a> {
    text: &'a str,
    all: &'a [Piece<'a>],
    at: usize,
}

impl Head<'_> {
    fn fault(&self, wanted: &'static str) -> ViewFault {
        let at = self.all.get(self.at).map_or(self.text.len(), |piece| piece.at);
        ViewFault { wanted, near: near(self.text, at) }
    }

    fn takes(&mut self, word: &str) -> bool {
        let there = self.all.get(self.at).is_some_and(|piece| piece.is(word));
        self.at += usize::from(there);
        there
    }

    fn word(&mut self, word: &'static str) -> Result<(), ViewFault> {
        if self.takes(word) { Ok(()) } else { Err(self.fault(word)) }
    }

    fn takes_sign(&mut self, sign: char) -> bool {
        let there = self.all.get(self.at).is_some_and(|piece| piece.is_sign(sign));
        self.at += usize::from(there);
        there
    }

    fn sign(&mut self, sign: char) -> Result<(), ViewFault> {
        if self.takes_sign(sign) { Ok(()) } else { Err(self.fault("another sign")) }
    }

    fn name(&mut self) -> Result<String, ViewFault> {
        let piece = self.all.get(self.at).filter(|piece| piece.kind == Kind::Name);
        let name = piece.map(Piece::name).ok_or_else(|| self.fault("a name in backticks"))?;
        self.at += 1;
        Ok(name)
    }

    fn one_of(&mut self, words: &[&str]) -> Result<String, ViewFault> {
        let found = words.iter().find(|word| self.all.get(self.at).is_some_and(|piece| piece.is(word)));
        let found = found.map(|word| (*word).to_owned()).ok_or_else(|| self.fault("another word"))?;
        self.at += 1;
        Ok(found)
    }

    /// `` `user`@`host` ``; a sign between two names is read as a word here.
    fn user(&mut self) -> Result<String, ViewFault> {
        let user = self.name()?;
        if self.takes("@") {
            return Ok(format!("{user}@{}", self.name()?));
        }
        Ok(format!("{user}@%"))
    }
}

/// Tables and views that a SELECT names, in no order; a bare name is one of `schema`. Names that the SELECT gives itself
/// (`WITH … AS`) are left out.
pub fn reads(select: &str, schema: &str) -> BTreeSet<TableName> {
    let Ok(all) = pieces(select) else { return BTreeSet::new() };
    sources(&all, schema).into_iter().map(|source| source.name).collect()
}

/// The SELECT with the tables and views that it reads in the schemas where `to` says that they are.
///
/// # Errors
/// A text that is not understood.
pub fn moved(select: &str, schema: &str, to: &dyn Fn(&TableName) -> String) -> Result<String, ViewFault> {
    let all = pieces(select)?;
    let mut edits: BTreeMap<usize, (usize, String)> = BTreeMap::new();
    let found = sources(&all, schema);
    for source in &found {
        let piece = &all[source.at];
        let there = sql_ident(&to(&source.name));
        match source.bare {
            true => edits.insert(piece.at, (0, format!("{there}."))),
            false => edits.insert(piece.at, (piece.text.len(), there)),
        };
    }
    // A column by its full name, with the table's own name or the one that the SELECT gives it: `shop`.`o`.`id`.
    for at in 0..all.len().saturating_sub(4) {
        let shape = all[at].kind == Kind::Name && all[at + 2].kind == Kind::Name && all[at + 4].kind == Kind::Name;
        if !shape || !all[at + 1].is_sign('.') || !all[at + 3].is_sign('.') {
            continue;
        }
        let name = TableName::new(all[at].name(), all[at + 2].name());
        let called = |source: &&Source| source.called(&all) == (name.schema.clone(), name.name.clone());
        if let Some(source) = found.iter().find(called) {
            edits.insert(all[at].at, (all[at].text.len(), sql_ident(&to(&source.name))));
        }
    }
    let mut out = select.to_owned();
    for (at, (length, text)) in edits.into_iter().rev() {
        out.replace_range(at..at + length, &text);
    }
    Ok(out)
}

/// A table or view where a SELECT reads it.
struct Source {
    name: TableName,
    /// It stands without its schema.
    bare: bool,
    /// The piece that names its schema, or itself where it is bare.
    at: usize,
}

impl Source {
    /// The schema and the name by which its columns are told.
    fn called(&self, all: &[Piece<'_>]) -> (String, String) {
        let mut next = self.at + if self.bare { 1 } else { 3 };
        next += usize::from(all.get(next).is_some_and(|piece| piece.is("as")));
        let given = all.get(next).filter(|piece| piece.kind == Kind::Name).map(Piece::name);
        (self.name.schema.clone(), given.unwrap_or_else(|| self.name.name.clone()))
    }
}

fn sources(all: &[Piece<'_>], schema: &str) -> Vec<Source> {
    let mut walk = Walk { all, levels: vec![Level { select: true, ..Level::default() }], found: Vec::new() };
    let mut at = 0;
    while at < all.len() {
        at = walk.step(at, schema);
    }
    let given: BTreeSet<String> =
        (0..all.len()).filter(|at| gives_name(all, *at)).map(|at| all[at].name().to_lowercase()).collect();
    let read = |source: &Source| !(source.bare && given.contains(&source.name.name.to_lowercase()));
    walk.found.into_iter().filter(read).collect()
}

/// Whether a name is that of a common table expression: `` `n` as ( `` or `` `n` (`a`,`b`) as ( ``. MariaDB prints one that
/// has columns without backticks.
fn gives_name(all: &[Piece<'_>], at: usize) -> bool {
    if !matches!(all[at].kind, Kind::Name | Kind::Word) {
        return false;
    }
    let mut next = at + 1;
    if all.get(next).is_some_and(|piece| piece.is_sign('(')) {
        next = closing(all, next) + 1;
    }
    let before = at.checked_sub(1).map(|before| &all[before]);
    let begins = before.is_some_and(|before| before.is("with") || before.is("recursive") || before.is_sign(','));
    begins && all.get(next).is_some_and(|p| p.is("as")) && all.get(next + 1).is_some_and(|p| p.is_sign('('))
}

/// The place of the bracket that closes the one at `at`; the end where there is none.
pub fn closing(all: &[Piece<'_>], at: usize) -> usize {
    let mut depth = 0usize;
    for (place, piece) in all.iter().enumerate().skip(at) {
        if piece.is_sign('(') {
            depth += 1;
        } else if piece.is_sign(')') {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return place;
            }
        }
    }
    all.len()
}

/// One level of brackets.
#[derive(Clone, Copy, Default)]
struct Level {
    /// A SELECT has begun in it: FROM is that of a query, not of `trim(… from …)`.
    select: bool,
    /// Within FROM.
    from: bool,
    /// A table may stand next.
    expects: bool,
}

struct Walk<'a> {
    all: &'a [Piece<'a>],
    levels: Vec<Level>,
    found: Vec<Source>,
}

impl Walk<'_> {
    /// Looks at one piece and gives the place of the next.
    fn step(&mut self, at: usize, schema: &str) -> usize {
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
            "for",
            "into",
            "procedure",
        ];
        let piece = self.all[at];
        let level = self.levels.last().copied().unwrap_or_default();
        let mut now = level;
        match piece.kind {
            Kind::Sign if piece.is_sign('(') => {
                self.levels.push(Level { select: false, from: level.from && level.expects, expects: level.expects });
                return at + 1;
            }
            Kind::Sign if piece.is_sign(')') => {
                if self.levels.len() > 1 {
                    self.levels.pop();
                }
                if let Some(outer) = self.levels.last_mut() {
                    outer.expects = false;
                }
                return at + 1;
            }
            Kind::Sign if piece.is_sign(',') => now.expects = level.from,
            Kind::Word if piece.is("select") => now = Level { select: true, from: false, expects: false },
            Kind::Word if piece.is("from") && level.select => now = Level { from: true, expects: true, ..level },
            Kind::Word if level.from && (piece.is("join") || piece.is("straight_join")) => now.expects = true,
            Kind::Word if ENDS.iter().any(|word| piece.is(word)) => (now.from, now.expects) = (false, false),
            Kind::Word if piece.is("lateral") => {}
            Kind::Name if level.expects => {
                let second = self.all.get(at + 2).filter(|_| self.all.get(at + 1).is_some_and(|p| p.is_sign('.')));
                let (name, bare, next) = match second {
                    Some(table) => (TableName::new(piece.name(), table.name()), false, at + 3),
                    None => (TableName::new(schema, piece.name()), true, at + 1),
                };
                self.found.push(Source { name, bare, at });
                now.expects = false;
                self.set(now);
                return next;
            }
            _ => now.expects = false,
        }
        self.set(now);
        at + 1
    }

    fn set(&mut self, now: Level) {
        if let Some(level) = self.levels.last_mut() {
            *level = now;
        }
    }
}

/// What a SELECT calls: built-in functions as bare words in lower case (words of the syntax that stand before a bracket
/// are among them), stored functions by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    pub words: BTreeSet<String>,
    pub stored: BTreeSet<TableName>,
}

/// The calls in a SELECT; a stored function without a schema is one of `schema`.
pub fn calls(select: &str, schema: &str) -> Calls {
    let mut found = Calls::default();
    let Ok(all) = pieces(select) else { return found };
    for at in 0..all.len() {
        let piece = all[at];
        if !all.get(at + 1).is_some_and(|next| next.is_sign('(')) {
            continue;
        }
        let before = at.checked_sub(1).map(|before| &all[before]);
        match piece.kind {
            Kind::Word if gives_name(&all, at) => {}
            // A function of one of MariaDB's own schemas: oracle_schema.decode(…).
            Kind::Word if before.is_some_and(|before| before.is_sign('.')) => {
                let of = at.checked_sub(2).map(|of| all[of].name()).unwrap_or_default();
                found.words.insert(format!("{of}.{}", piece.text).to_lowercase());
            }
            Kind::Word if piece.text.starts_with(|c: char| c.is_alphabetic()) => {
                found.words.insert(piece.text.to_lowercase());
            }
            Kind::Name if before.is_some_and(|before| before.is_sign('.')) => {
                let of = at.checked_sub(2).map(|of| all[of].name()).unwrap_or_default();
                found.stored.insert(TableName::new(of, piece.name()));
            }
            // A derived table with names for its columns; a common table expression.
            Kind::Name if before.is_some_and(|before| before.is_sign(')')) || gives_name(&all, at) => {}
            Kind::Name => {
                found.stored.insert(TableName::new(schema, piece.name()));
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn every_clause_around_the_select_is_read() {
        let text = "CREATE ALGORITHM=MERGE DEFINER=`a`@`%` SQL SECURITY INVOKER VIEW `s`.`v``w` (`a`,`b c`) AS select \
                    1 AS `a`,'with local check option' AS `b c` from `s`.`t` WITH CASCADED CHECK OPTION";
        let view = read(text).unwrap();
        assert_eq!(
            (view.algorithm.as_str(), view.definer.as_str(), view.security.as_str()),
            ("MERGE", "a@%", "INVOKER")
        );
        assert_eq!((view.schema.as_deref(), view.name.as_str()), (Some("s"), "v`w"));
        assert_eq!((view.columns.join("|").as_str(), view.check_option.as_str()), ("a|b c", "CASCADED"));
        assert_eq!(view.select, "select 1 AS `a`,'with local check option' AS `b c` from `s`.`t`");
        let bare = read("CREATE VIEW `v` AS select 1e-5 AS `x`;").unwrap();
        assert_eq!((bare.select.as_str(), bare.check_option.as_str()), ("select 1e-5 AS `x`", "NONE"));
    }

    #[test]
    fn what_is_not_known_is_refused_with_its_text() {
        for (text, near) in [
            ("CREATE OR REPLACE VIEW `v` AS select 1", "OR REPLACE"),
            ("CREATE ALGORITHM=FAST VIEW `v` AS select 1", "FAST VIEW"),
            ("CREATE MATERIALIZED VIEW `v` AS select 1", "MATERIALIZED"),
            ("CREATE VIEW `v` WITH x AS select 1", "WITH x"),
            ("CREATE VIEW `v` AS ", ""),
            ("CREATE VIEW `v` AS select 'x", "'x"),
            ("CREATE VIEW `v` AS select /*+ hint */ 1", "/*+ hint"),
        ] {
            let fault = read(text).unwrap_err();
            assert!(fault.near.starts_with(near), "{text}: {fault}");
        }
    }

    #[test]
    fn tables_are_found_where_a_query_reads_them() {
        for (select, expected) in [
            ("select `s`.`t`.`id` AS `id` from `s`.`t`", "s.t"),
            (
                "select `a`.`id` from ((`s`.`t` `a` join `s`.`u` `b` on((`a`.`id` = `b`.`id`))) straight_join `s`.`v`)",
                "s.t s.u s.v",
            ),
            ("select extract(year from `t`.`d`),trim(both 'x' from `t`.`n`) from `s`.`t`", "s.t"),
            (
                "select (select max(`x`.`id`) from `o`.`x` where `x`.`n` in (select 1 from `o`.`y`)) from `s`.`t`,`s`.`u`",
                "o.x o.y s.t s.u",
            ),
            (
                "with recursive `n` (`i`) as (select 1 union all select `n`.`i` from `n` where `n`.`i` < 3) select `n`.`i` from `n` join `t`",
                "s.t",
            ),
            ("select `d`.`id` from (`s`.`d` join json_table(`d`.`j`, '$' columns (`n` int path '$.n')) `t`)", "s.d"),
            (
                "(select `id` from `s`.`t` order by `id` limit 3) union select 1 from `s`.`u` group by `a`,`b`",
                "s.t s.u",
            ),
            (
                "select `id` from (select `s`.`t`.`id` from `s`.`t`) `d` (`id`) left join lateral (select 1 from `s`.`w`) `x` on(true)",
                "s.t s.w",
            ),
            ("select 'from `s`.`no`' from `s`.`t` where `s`.`t`.`a` = (1)", "s.t"),
        ] {
            let found: Vec<String> = reads(select, "s").iter().map(|name| name.to_string()).collect();
            assert_eq!(found.join(" "), expected, "{select}");
        }
    }

    #[test]
    fn what_a_select_reads_is_named_in_another_schema() {
        for (select, expected) in [
            ("select `a`.`id` AS `s` from `s`.`t` `a`", "select `a`.`id` AS `s` from `x`.`t` `a`"),
            ("select `s`.`t`.`s`,'`s`.`t`' from `s`.`t`", "select `x`.`t`.`s`,'`s`.`t`' from `x`.`t`"),
            ("select `s`.`z`.`id` from `s`.`t` `z`,`s`.`u` `t`", "select `x`.`z`.`id` from `x`.`t` `z`,`s`.`u` `t`"),
            ("select 1 from `t` join `s`.`u`", "select 1 from `x`.`t` join `s`.`u`"),
            (
                "with `t` as (select 1 from `o`.`t`) select 1 from `t`",
                "with `t` as (select 1 from `o`.`t`) select 1 from `t`",
            ),
        ] {
            let to =
                |name: &TableName| if name.name == "t" && name.schema == "s" { "x" } else { &*name.schema }.to_owned();
            assert_eq!(moved(select, "s", &to), Ok(expected.to_owned()), "{select}");
        }
        assert!(moved("select 1 from `s", "s", &|name| name.schema.clone()).is_err());
    }

    #[test]
    fn calls_are_told_from_names_with_brackets() {
        let found = calls(
            "with `c` (`p`) as (select 1) select IF((1 in (1)),'f(',`twice`(`t`.`v`)),`o`.`g`(1) from (select 1) `d` (`x`)",
            "s",
        );
        let stored: Vec<String> = found.stored.iter().map(|name| name.to_string()).collect();
        assert_eq!(stored.join(" "), "o.g s.twice");
        assert!(found.words.contains("if") && found.words.contains("in"), "{found:?}");
        assert!(!found.words.contains("f"), "{found:?}");
        let mariadb = "with recursive c(`n`) as (select 1 AS `n` union all select `c`.`n` + 1 from `c`)select \
                       oracle_schema.decode(`c`.`n`,1,'one') from `c`";
        let found = calls(mariadb, "s");
        assert_eq!(found.words.into_iter().collect::<Vec<_>>().join(" "), "as oracle_schema.decode");
        assert!(reads(mariadb, "s").is_empty());
    }
}
