//! Addresses: what state, plan, screen and logs call a step, and the names of tables inside them.
//! Knows how an address is written and read back; which steps there are is in [`super::step`].

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use super::step::{Creates, GateName, Remains, RowWork, StepKind, StepType};

/// A table (or view) by schema and name, exactly as the source spells both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TableName {
    pub schema: String,
    pub name: String,
}

impl TableName {
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self { schema: schema.into(), name: name.into() }
    }

    /// The name as a target knows it that does not tell names apart by case ([`folded`]).
    pub fn folded(&self) -> Self {
        Self { schema: folded(&self.schema), name: folded(&self.name) }
    }

    /// The key inside an address: `shop.orders`, an odd identifier in backticks, doubled inside.
    pub fn key(&self) -> String {
        format!("{}.{}", key_ident(&self.schema), key_ident(&self.name))
    }

    /// The name quoted for SQL: `` `shop`.`orders` ``.
    pub fn sql(&self) -> String {
        format!("{}.{}", sql_ident(&self.schema), sql_ident(&self.name))
    }

    /// Reads [`TableName::key`] back; `None` where the text is not such a key.
    pub fn parse_key(text: &str) -> Option<Self> {
        let (schema, rest) = take_ident(text)?;
        let (name, rest) = take_ident(rest.strip_prefix('.')?)?;
        rest.is_empty().then_some(Self { schema, name })
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key())
    }
}

/// A name in lower case, character by character as TiDB does it (Go's strings.ToLower): no character becomes two, and a
/// sigma at the end of a word is as any other.
pub fn folded(name: &str) -> String {
    name.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect()
}

/// An identifier in backticks, doubled inside, as SQL wants it.
pub fn sql_ident(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text as a literal of SQL, for every `sql_mode` without NO_BACKSLASH_ESCAPES: those of mig's sessions, and the usual ones of
/// people who run a statement of a finding.
pub fn sql_literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// An identifier as a key of an address holds it: bare where it is `[A-Za-z0-9_$-]+`, else in backticks. One with a
/// character that is not to be seen stands as a JSON string, with every such character escaped: a key is one line.
pub fn key_ident(name: &str) -> String {
    if name.chars().any(is_unseen) {
        return json_ident(name);
    }
    if !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_$-".contains(&b)) {
        name.to_owned()
    } else {
        sql_ident(name)
    }
}

/// Controls, and what separates lines or turns the direction of writing.
fn is_unseen(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn json_ident(name: &str) -> String {
    let mut out = String::from("\"");
    for c in name.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if is_unseen(c) => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Takes one identifier off the front of a key.
fn take_ident(text: &str) -> Option<(String, &str)> {
    if text.starts_with('"') {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<String>();
        let name = values.next()?.ok()?;
        return Some((name, &text[values.byte_offset()..]));
    }
    if let Some(mut rest) = text.strip_prefix('`') {
        let mut name = String::new();
        loop {
            let end = rest.find('`')?;
            name.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            match rest.strip_prefix('`') {
                Some(more) => {
                    name.push('`');
                    rest = more;
                }
                None => return Some((name, rest)),
            }
        }
    }
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "_$-".contains(c))).unwrap_or(text.len());
    (end > 0).then(|| (text[..end].to_owned(), &text[end..]))
}

/// The address of a step, for example `migration.shop.dump["shop.orders"]`.
///
/// Ordered by its words, then its key. Serialised as its text. A clone shares the text: a graph names each address in
/// many edges.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepAddr {
    words: Arc<[String]>,
    key: Option<Arc<str>>,
    /// Read off the words, once. A part of an address (`migration.shop`) names no step.
    step: Option<StepType>,
}

impl StepAddr {
    pub fn new<S: AsRef<str>>(words: &[S]) -> Self {
        Self::of(words.iter().map(|w| w.as_ref().to_owned()).collect(), None)
    }

    fn of(words: Arc<[String]>, key: Option<Arc<str>>) -> Self {
        let step = StepType::of_words(&words);
        Self { words, key, step }
    }

    /// A part of a runner in EC2: `runner.ec2.mover.volume`.
    pub fn of_ec2(runner: &str, part: StepType) -> Self {
        Self::new(&["runner", "ec2", runner, part.word()])
    }

    /// A part of a peering: `peering.tidb_cloud.connection`; `key` tells several of one sort apart (a route's table).
    pub fn of_peering(label: &str, part: StepType, key: Option<&str>) -> Self {
        Self { key: key.map(Into::into), ..Self::new(&["peering", label, part.word()]) }
    }

    /// A step of a migration; `key` is a gate's name, a schema in [`key_ident`] form or [`TableName::key`].
    pub fn in_migration(migration: &str, kind: StepKind, key: Option<String>) -> Self {
        Self::of(Arc::new(["migration".into(), migration.into(), kind.word().into()]), key.map(Into::into))
    }

    pub fn of_table(migration: &str, kind: StepKind, table: &TableName) -> Self {
        Self::in_migration(migration, kind, Some(table.key()))
    }

    pub fn gate(migration: &str, gate: GateName) -> Self {
        Self::in_migration(migration, StepKind::Gate, Some(gate.word().into()))
    }

    /// The gate, for the step of one.
    pub fn gate_name(&self) -> Option<GateName> {
        (self.step? == StepType::Gate).then(|| GateName::of_word(self.key()?)).flatten()
    }

    pub fn words(&self) -> &[String] {
        &self.words
    }

    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// What the step is, where its words name one that this version knows.
    pub fn step_type(&self) -> Option<StepType> {
        self.step
    }

    pub fn kind(&self) -> Option<StepKind> {
        self.step.map(StepType::kind)
    }

    /// Whether the step is about an object in a cloud.
    pub fn in_cloud(&self) -> bool {
        self.step.is_some_and(StepType::in_cloud)
    }

    /// The name of the block that the step is of: `mover` of `runner.ec2.mover.volume`.
    pub fn block_name(&self) -> Option<&str> {
        let kind = self.step?.kind();
        if kind == StepKind::Peering {
            return None;
        }
        self.words.get(if kind.in_migration() { 1 } else { 2 }).map(String::as_str)
    }

    /// The block that the step is of: `runner.ec2.mover` of `runner.ec2.mover.volume`. Of a block it is that block itself;
    /// `None`: the words name neither.
    pub fn block(&self) -> Option<Self> {
        let words = match self.words.first()?.as_str() {
            "migration" | "peering" => 2,
            "source" | "target" | "runner" => 3,
            _ => return None,
        };
        Some(Self::new(self.words.get(..words)?))
    }

    /// A part of a block: `runner.ec2.mover.volume` of `runner.ec2.mover`.
    pub fn part(&self, part: StepType) -> Self {
        Self::of(self.words.iter().cloned().chain([part.word().to_owned()]).collect(), None)
    }

    /// The same step of another block.
    pub fn in_block(&self, block: &Self) -> Self {
        let own = self.block().map_or(0, |own| own.words.len());
        let words = block.words.iter().chain(self.words.iter().skip(own)).cloned().collect();
        Self::of(words, self.key.clone())
    }

    /// The migration's name, for a step of one.
    pub fn migration(&self) -> Option<&str> {
        (self.words.first()? == "migration").then(|| self.words.get(1).map(String::as_str)).flatten()
    }

    /// The table or view that the key names, for steps keyed by one.
    pub fn table(&self) -> Option<TableName> {
        TableName::parse_key(self.key.as_deref()?)
    }

    /// Another part of the same block: `runner.ec2.mover.volume` of `runner.ec2.mover.ready`.
    pub fn sibling(&self, part: StepType) -> Self {
        let mut words = self.words.to_vec();
        if let Some(last) = words.last_mut() {
            *last = part.word().to_owned();
        }
        Self::new(&words)
    }

    /// Whether it is `other`, or a step under it where `other` has no key: `migration.shop` has all of that migration.
    pub fn is_under(&self, other: &Self) -> bool {
        self == other || (other.key.is_none() && self.words.starts_with(&other.words))
    }

    /// Reads an address back from its text; `None` where the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (head, key) = match text.split_once('[') {
            Some((head, rest)) => {
                let quoted = rest.strip_suffix(']')?;
                (head, Some(serde_json::from_str::<String>(quoted).ok()?))
            }
            None => (text, None),
        };
        let words: Vec<String> = head.split('.').map(str::to_owned).collect();
        let sound =
            words.iter().all(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)));
        (sound && words.len() > 1).then(|| Self::of(words.into(), key.map(Into::into)))
    }

    /// The same for a reader of a file.
    ///
    /// # Errors
    /// The text is not an address.
    pub fn read<E: serde::de::Error>(text: &str) -> Result<Self, E> {
        Self::parse(text).ok_or_else(|| E::custom(format!("{text:?} is not an address of a step")))
    }
}

impl fmt::Display for StepAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, word) in self.words.iter().enumerate() {
            f.write_str(if at > 0 { "." } else { "" })?;
            f.write_str(word)?;
        }
        match self.key.as_deref() {
            Some(key) if key.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\') => write!(f, "[\"{key}\"]"),
            // A JSON string and an HCL string escape the same bytes, but HCL also reads `${` and `%{`:
            // an address is shown and compared, never evaluated, so one form serves.
            Some(key) => write!(f, "[{}]", serde_json::Value::String(key.to_string())),
            None => Ok(()),
        }
    }
}

impl Serialize for StepAddr {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StepAddr {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::read(&Cow::<str>::deserialize(d)?)
    }
}

impl schemars::JsonSchema for StepAddr {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StepAddr".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "Address of a step, for example migration.shop.dump[\"shop.orders\"]." })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_key_quotes_what_is_no_plain_identifier_and_reads_back() {
        for (schema, name, key) in [
            ("shop", "orders", "shop.orders"),
            ("shop", "or.ders", "shop.`or.ders`"),
            ("s`p", "t", "`s``p`.t"),
            ("é", "a b", "`é`.`a b`"),
            ("a-b", "c$d", "a-b.c$d"),
            ("a\\b", "c\"d", "`a\\b`.`c\"d`"),
            ("s", "x\n::error::y", "s.\"x\\u000a::error::y\""),
            ("a\u{202e}\"\\b`", "t", "\"a\\u202e\\\"\\\\b`\".t"),
        ] {
            let table = TableName::new(schema, name);
            assert_eq!(table.key(), key);
            assert_eq!(TableName::parse_key(key), Some(table));
        }
    }

    #[test]
    fn an_address_reads_back_from_its_text() {
        for text in [
            "source.mysql.shop",
            "migration.shop.report",
            r#"migration.shop.dump["shop.orders"]"#,
            r#"migration.shop.dump["shop.`a\"b[]`"]"#,
        ] {
            let addr = StepAddr::parse(text).unwrap();
            assert_eq!(addr.to_string(), text);
        }
        for text in ["", "source", "a b.c", "a.b[c]", "a.b[\"c\"", "a..b"] {
            assert_eq!(StepAddr::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_address_knows_its_kind_and_its_migration() {
        let addr = StepAddr::parse(r#"migration.shop.foreign_keys["shop.orders"]"#).unwrap();
        assert_eq!((addr.kind(), addr.migration()), (Some(StepKind::ForeignKeys), Some("shop")));
        assert_eq!(addr.table(), Some(TableName::new("shop", "orders")));
        assert_eq!(StepAddr::parse("target.tidb.cloud").unwrap().kind(), Some(StepKind::Target));
    }
}
