//! The certificate: what was moved, what of it is proven and by what, and what is not. Types, the judgement and the
//! seal; nothing of how the evidence is got. The rule: what cannot be proven is said to be unproven.

#[cfg(any(test, feature = "fixtures"))]
pub mod fixture;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::facts::GateOutcome;
use crate::words::digest::{CanonicalText, Digest};

/// The version this build writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// Times are RFC 3339 in UTC. Holds no key and no value of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    pub format_version: u32,
    pub mig_version: String,
    pub lineage: String,
    /// The migration's name.
    pub migration: String,
    pub created: String,
    pub source: Party,
    pub target: Party,
    pub verdict: Judgement,
    pub writes: WritesProof,
    /// By key of the table.
    pub tables: Vec<TableProof>,
    pub views: Vec<ViewProof>,
    pub not_moved: Vec<NotMoved>,
    /// What could not be proven, each a sentence.
    pub unproven: Vec<String>,
    /// What the spec accepts although it changes, by rule and object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<String>,
    /// What the gates warned of, by rule and object, and what came of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub named: Vec<String>,
    /// Name of the gate -> outcome of its last look.
    pub gates: BTreeMap<String, GateOutcome>,
    pub totals: Totals,
    /// SHA-256 over canonical JSON (RFC 8785) of all of this without `digest`.
    pub digest: Digest,
}

/// One of the two servers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// `source.mysql.shop`.
    pub address: String,
    pub identity: String,
    pub version: String,
}

/// In the order of their weight: a difference outweighs what is unproven, which outweighs what is accepted and equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    Equal,
    /// Equal, but for what the spec accepts by a rule, which is named.
    Accepted,
    Unproven,
    Different,
}

impl Judgement {
    pub fn word(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Accepted => "accepted",
            Self::Unproven => "unproven",
            Self::Different => "different",
        }
    }
}

/// Whether the source was written to while it was moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WritesProof {
    pub outcome: WritesOutcome,
    /// By what: "the binlog between two positions".
    pub how: String,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WritesOutcome {
    /// No write that could be seen; what cannot be seen stands in the text.
    Proven,
    Unproven,
    /// A moved table was written to.
    Detected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ProvenBy {
    #[serde(rename = "row hashes computed on both servers")]
    ServerHashes,
    #[serde(rename = "rows hashed in the client")]
    ClientHashes,
    #[serde(rename = "count")]
    Count,
    #[serde(rename = "not verified")]
    NotVerified,
}

impl ProvenBy {
    pub fn words(self) -> &'static str {
        match self {
            Self::ServerHashes => "row hashes computed on both servers",
            Self::ClientHashes => "rows hashed in the client",
            Self::Count => "count",
            Self::NotVerified => "not verified",
        }
    }

    /// Whether it tells the content of rows apart, not only their number.
    pub fn sees_content(self) -> bool {
        matches!(self, Self::ServerHashes | Self::ClientHashes)
    }
}

/// A value at three places; `None`: it was not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Three<T> {
    /// On the source when it was verified.
    pub source: Option<T>,
    pub dumped: Option<T>,
    pub target: Option<T>,
}

impl<T: PartialEq> Three<T> {
    /// Whether two that were looked at differ.
    pub fn differs(&self) -> bool {
        let looked: Vec<&T> = [&self.source, &self.dumped, &self.target].into_iter().flatten().collect();
        looked.windows(2).any(|pair| pair[0] != pair[1])
    }

    /// Whether all of them were looked at; `found`: nothing was dumped.
    pub fn complete(&self, found: bool) -> bool {
        self.source.is_some() && (found || self.dumped.is_some()) && self.target.is_some()
    }
}

/// When the rows were read that the evidence stands on, RFC 3339 in UTC: the moment before the first of them. Later
/// changes of a side are not in it. `None`: they were not read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadAt {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

impl ReadAt {
    pub fn both(at: &str) -> Self {
        Self { source: Some(at.to_owned()), target: Some(at.to_owned()) }
    }

    /// Of two readings that count together, the earlier moments.
    pub fn merge(&mut self, other: Self) {
        let earlier = |one: Option<String>, other: Option<String>| [one, other].into_iter().flatten().min();
        self.source = earlier(self.source.take(), other.source);
        self.target = earlier(self.target.take(), other.target);
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableProof {
    /// [`crate::words::addr::TableName::key`].
    pub table: String,
    pub rows: Three<u64>,
    /// Sums of row hashes, as decimal strings.
    pub hash: Three<String>,
    pub parts: u64,
    pub bytes: u64,
    pub seconds: Seconds,
    pub proven_by: ProvenBy,
    #[serde(default)]
    pub read: ReadAt,
    /// What arrived changed, each a sentence with its code.
    pub rewritten: Vec<String>,
    pub structure: StructureProof,
    /// [`TableProof::judge`] is `equal`.
    pub equal: bool,
    /// Values that are -0.0 on the source and 0 on the target, which knows no -0.0: equal as numbers.
    pub negative_zeros: u64,
    /// Numbers inside of JSON documents that the target rounded to a DOUBLE, as the spec accepts.
    #[serde(default, skip_serializing_if = "is_none")]
    pub json_rounded: u64,
    /// Columns that each server computes itself; compared apart from the rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub generated: Vec<GeneratedProof>,
    /// `mig import` has found the rows on the target: they were not dumped, and source and target are compared.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub found: bool,
}

fn is_none(count: &u64) -> bool {
    *count == 0
}

/// One generated column, compared on source and target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GeneratedProof {
    pub column: String,
    pub equal: bool,
    /// Rows in which it differs; at least so many where not all were searched.
    #[serde(default, skip_serializing_if = "is_none")]
    pub rows: u64,
    /// A rule of the spec takes the difference.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accepted: bool,
}

impl GeneratedProof {
    pub fn judge(&self) -> Judgement {
        match (self.equal, self.accepted) {
            (true, _) => Judgement::Equal,
            (false, true) => Judgement::Accepted,
            (false, false) => Judgement::Different,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Seconds {
    pub dump: f64,
    pub load: f64,
    pub verify: f64,
}

/// The structure read back from the target, against what was to be created (rewrites included).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StructureProof {
    pub equal: bool,
    pub differences: Vec<StructureDifference>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StructureDifference {
    /// "column id: type".
    pub what: String,
    pub expected: String,
    pub actual: String,
}

impl StructureDifference {
    /// `columns: expected a, found nothing`; the name alone where it says all, or where a whole statement was expected.
    pub fn words(&self) -> String {
        if self.actual == "absent" || self.expected.starts_with("CREATE ") {
            return self.what.clone();
        }
        let side = |text: &str| if text.is_empty() { "nothing".to_owned() } else { text.to_owned() };
        format!("{}: expected {}, found {}", self.what, side(&self.expected), side(&self.actual))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewProof {
    pub name: String,
    /// Its columns and rights, and its text against what was read back when it was created: each server writes a text
    /// again, so the two servers' are not compared.
    pub structure: StructureProof,
    /// `None`: a certificate of a version that read no views.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<ViewRows>,
    /// What arrived changed, each a sentence with its code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rewritten: Vec<String>,
}

/// What reading a view on both servers came to; `None`: not read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewRows {
    pub source: Option<u64>,
    pub target: Option<u64>,
    /// Sums of row hashes over all columns, as decimal strings.
    pub source_hash: Option<String>,
    pub target_hash: Option<String>,
    /// The rows are the same but for words that differ in case or in blanks at their ends and are equal by their collation:
    /// which of them a server takes is free. The two hashes are then not the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub equal_words: bool,
    /// Each server was read under its own `sql_mode` and `group_concat_max_len`, as its other sessions read it, and not
    /// under those of mig's sessions.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_settings: bool,
    /// Why the rows were not compared, or why a difference proves nothing; empty: they were, and it does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unproven: String,
}

impl ViewRows {
    /// Rows that were not compared.
    pub fn open(why: impl Into<String>) -> Self {
        Self { unproven: why.into(), ..Self::default() }
    }

    /// Whether both sides were read and are not the same.
    pub fn differ(&self) -> bool {
        let read = self.source.is_some() && self.target.is_some();
        read && (self.source != self.target || self.source_hash != self.target_hash && !self.equal_words)
    }

    pub fn judge(&self) -> Judgement {
        match (self.unproven.is_empty(), self.source.is_some() && self.target.is_some()) {
            (true, true) if self.differ() => Judgement::Different,
            (true, true) => Judgement::Equal,
            _ => Judgement::Unproven,
        }
    }

    /// `3 rows on the source, 2 on the target`, where that is the difference.
    pub fn words(&self) -> String {
        let rows = |number: u64| format!("{number} {}", if number == 1 { "row" } else { "rows" });
        match (self.source, self.target) {
            (Some(source), Some(target)) if source != target => {
                format!("{} on the source, {target} on the target", rows(source))
            }
            (Some(1), Some(_)) => "1 row on both, not the same one".to_owned(),
            (Some(number), Some(_)) => format!("{} on both, not the same ones", rows(number)),
            _ => "not read".to_owned(),
        }
    }
}

impl ViewProof {
    /// Equal only by rows that were read on both servers and by the same structure.
    pub fn judge(&self) -> Judgement {
        let structure = match (self.structure.equal, self.structure.differences.is_empty()) {
            (true, true) => Judgement::Equal,
            (false, true) => Judgement::Unproven,
            (_, false) => Judgement::Different,
        };
        let rows = self.rows.as_ref().map_or(Judgement::Unproven, ViewRows::judge);
        structure.max(rows)
    }

    /// What is not equal in it, in words.
    pub fn fault(&self) -> String {
        let mut parts: Vec<String> = self.structure.differences.iter().map(StructureDifference::words).collect();
        if let Some(rows) = self.rows.as_ref().filter(|rows| rows.judge() == Judgement::Different) {
            parts.push(format!("gives other rows ({})", rows.words()));
        }
        parts.join(", ")
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotMoved {
    /// `trigger`, `procedure`, `function`, `event`, `view`, `rows`.
    pub kind: String,
    pub name: String,
    pub why: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    pub tables: u64,
    pub rows: u64,
    pub bytes: u64,
    pub parts: u64,
    /// From the first step's start to the last one's end; a pause between two runs counts.
    pub seconds: f64,
}

/// What of a table is not the same; the heaviest of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apart {
    Rows,
    /// The structure, over rows that are the same as far as they were compared.
    Structure,
    /// Columns that each server computes, and nothing else.
    Generated,
}

impl Apart {
    /// Of a table that is different.
    pub fn of(rows: bool, structure: &StructureProof) -> Self {
        match (rows, structure.differences.is_empty()) {
            (true, _) => Self::Rows,
            (false, false) => Self::Structure,
            (false, true) => Self::Generated,
        }
    }
}

impl TableProof {
    /// Equal only with row hashes of all three places, the same each, and the same structure. Where nothing was dumped it is
    /// two places.
    pub fn judge(&self) -> Judgement {
        let generated = self.generated.iter().map(GeneratedProof::judge).max().unwrap_or(Judgement::Equal);
        let accepted = if self.json_rounded > 0 { generated.max(Judgement::Accepted) } else { generated };
        if self.rows.differs() || self.hash.differs() || !self.structure.differences.is_empty() {
            Judgement::Different
        } else if self.proven_by.sees_content() && self.is_complete() && self.structure.equal {
            accepted
        } else {
            accepted.max(Judgement::Unproven)
        }
    }

    /// What is not equal in it: its rows, its structure (by the names of what differs), or both.
    pub fn fault(&self) -> String {
        let rows = self.rows_differ();
        let mut names: Vec<&str> = self.structure.differences.iter().take(3).map(|d| d.what.as_str()).collect();
        let more = self.structure.differences.len() - names.len();
        let last = format!("{more} more");
        if more > 0 {
            names.push(&last);
        }
        match (rows, names.is_empty()) {
            (true, true) => "rows different".to_owned(),
            (true, false) => format!("rows and structure different: {}", names.join(", ")),
            (false, false) if self.judge_rows() == Judgement::Equal => {
                format!("rows equal, structure different: {}", names.join(", "))
            }
            (false, false) => format!("structure different: {}", names.join(", ")),
            (false, true) => {
                let computed = self.generated.iter().filter(|column| column.judge() == Judgement::Different);
                let computed: Vec<&str> = computed.map(|column| column.column.as_str()).collect();
                if computed.is_empty() {
                    String::new()
                } else {
                    format!("generated columns different: {}", computed.join(", "))
                }
            }
        }
    }

    /// Whether its rows are not the same, whatever its structure.
    pub fn rows_differ(&self) -> bool {
        self.rows.differs() || self.hash.differs()
    }

    fn is_complete(&self) -> bool {
        self.rows.complete(self.found) && self.hash.complete(self.found)
    }

    /// Of the rows alone.
    fn judge_rows(&self) -> Judgement {
        if self.rows_differ() {
            Judgement::Different
        } else if self.proven_by.sees_content() && self.is_complete() {
            Judgement::Equal
        } else {
            Judgement::Unproven
        }
    }

    /// Rows as the target has them, else as they were dumped.
    pub fn row_count(&self) -> u64 {
        self.rows.target.or(self.rows.dumped).or(self.rows.source).unwrap_or(0)
    }
}

impl Certificate {
    /// The heaviest of all that is known. A certificate of no table proves nothing.
    pub fn judge(&self) -> Judgement {
        let tables = self.tables.iter().map(TableProof::judge);
        let views = self.views.iter().map(ViewProof::judge);
        let writes = match self.writes.outcome {
            WritesOutcome::Proven => Judgement::Equal,
            WritesOutcome::Unproven => Judgement::Unproven,
            WritesOutcome::Detected => Judgement::Different,
        };
        let sentences = if self.unproven.is_empty() { Judgement::Equal } else { Judgement::Unproven };
        let nothing = if self.tables.is_empty() { Judgement::Unproven } else { Judgement::Equal };
        let accepted = if self.accepted.is_empty() { Judgement::Equal } else { Judgement::Accepted };
        tables.chain(views).chain([writes, sentences, accepted, nothing]).max().unwrap_or(Judgement::Unproven)
    }

    /// Sets what follows from the evidence: `equal` of each table, the totals over tables, the verdict, the digest.
    pub fn seal(mut self) -> Self {
        for table in &mut self.tables {
            table.equal = table.judge() == Judgement::Equal;
        }
        self.totals.tables = self.tables.len() as u64;
        self.totals.rows = self.tables.iter().map(TableProof::row_count).sum();
        self.totals.bytes = self.tables.iter().map(|table| table.bytes).sum();
        self.totals.parts = self.tables.iter().map(|table| table.parts).sum();
        self.verdict = self.judge();
        self.digest = self.computed_digest();
        self
    }

    /// Whether the digest is that of the content.
    pub fn is_sealed(&self) -> bool {
        self.digest == self.computed_digest()
    }

    /// Piece by piece: a tree of the values of thousands of tables takes many times as much memory as the certificate. The
    /// canonical order of keys is alphabetical, so the fields are in this order here.
    fn computed_digest(&self) -> Digest {
        // All of them by name: a new field does not build before it is covered.
        let Self {
            format_version,
            mig_version,
            lineage,
            migration,
            created,
            source,
            target,
            verdict,
            writes,
            tables,
            views,
            not_moved,
            unproven,
            accepted,
            named,
            gates,
            totals,
            digest: _,
        } = self;
        let mut text = CanonicalText::new(std::io::sink());
        text.object(&mut |text| {
            // As they are written: left out where there is nothing in them.
            if !accepted.is_empty() {
                text.list("accepted", accepted);
            }
            text.field("created", created);
            text.field("format_version", format_version);
            text.field("gates", gates);
            text.field("lineage", lineage);
            text.field("mig_version", mig_version);
            text.field("migration", migration);
            if !named.is_empty() {
                text.list("named", named);
            }
            text.list("not_moved", not_moved);
            text.field("source", source);
            text.list("tables", tables);
            text.field("target", target);
            text.field("totals", totals);
            text.list("unproven", unproven);
            text.field("verdict", verdict);
            text.list("views", views);
            text.field("writes", writes);
        });
        text.digest()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::formats::certificate::fixture::{certificate, table};

    #[test]
    fn a_table_is_equal_only_with_evidence_of_all_three_places() {
        let check = |change: &dyn Fn(&mut TableProof), expected: Judgement| {
            let mut proof = table("shop.orders", 10);
            change(&mut proof);
            assert_eq!(proof.judge(), expected, "{proof:?}");
        };
        check(&|_| (), Judgement::Equal);
        check(&|t| t.proven_by = ProvenBy::ClientHashes, Judgement::Equal);
        check(&|t| t.proven_by = ProvenBy::Count, Judgement::Unproven);
        check(&|t| t.proven_by = ProvenBy::NotVerified, Judgement::Unproven);
        check(&|t| t.hash.source = None, Judgement::Unproven);
        check(&|t| t.rows.dumped = None, Judgement::Unproven);
        let generated = |equal, accepted| GeneratedProof { column: "g".into(), equal, rows: 0, accepted };
        check(&|t| t.generated = vec![generated(true, false)], Judgement::Equal);
        check(&|t| t.generated = vec![generated(true, false), generated(false, false)], Judgement::Different);
        check(&|t| t.generated = vec![generated(false, true)], Judgement::Accepted);
        check(&|t| t.json_rounded = 1, Judgement::Accepted);
        check(&|t| (t.json_rounded, t.proven_by) = (1, ProvenBy::Count), Judgement::Unproven);
        check(&|t| t.structure.equal = false, Judgement::Unproven);
        check(&|t| t.hash.target = Some("1".into()), Judgement::Different);
        check(&|t| t.hash.source = Some("1".into()), Judgement::Different);
        check(&|t| t.rows.target = Some(9), Judgement::Different);
        check(&|t| (t.rows.dumped, t.rows.target) = (None, Some(9)), Judgement::Different);
        check(
            &|t| {
                t.proven_by = ProvenBy::NotVerified;
                t.structure.differences.push(StructureDifference {
                    what: "column id: type".into(),
                    expected: "bigint".into(),
                    actual: "int".into(),
                });
            },
            Judgement::Different,
        );
    }

    #[test]
    fn the_verdict_is_the_heaviest_of_what_is_known() {
        let check = |change: &dyn Fn(&mut Certificate), expected: Judgement| {
            let mut whole = certificate(vec![table("shop.a", 1), table("shop.b", 2)]);
            change(&mut whole);
            assert_eq!(whole.seal().verdict, expected);
        };
        check(&|_| (), Judgement::Equal);
        check(&|c| c.tables.clear(), Judgement::Unproven);
        check(&|c| c.writes.outcome = WritesOutcome::Unproven, Judgement::Unproven);
        check(&|c| c.writes.outcome = WritesOutcome::Detected, Judgement::Different);
        check(&|c| c.unproven.push("Who knows.".into()), Judgement::Unproven);
        check(&|c| c.accepted.push("MIG2175: one".into()), Judgement::Accepted);
        check(&|c| c.named.push("MIG2179: one".into()), Judgement::Equal);
        check(&|c| c.tables[0].proven_by = ProvenBy::Count, Judgement::Unproven);
        check(
            &|c| {
                c.tables[0].proven_by = ProvenBy::Count;
                c.tables[1].rows.target = Some(1);
            },
            Judgement::Different,
        );
        check(
            &|c| {
                c.views.push(ViewProof {
                    name: "shop.v".into(),
                    structure: StructureProof::default(),
                    rows: None,
                    rewritten: Vec::new(),
                })
            },
            Judgement::Unproven,
        );
        for (target, hash, open, expected) in [
            (Some(3), "7", "", Judgement::Equal),
            (Some(2), "7", "", Judgement::Different),
            (Some(3), "8", "", Judgement::Different),
            (Some(3), "8", "it calls NOW", Judgement::Unproven),
            (None, "7", "", Judgement::Unproven),
        ] {
            let view = |structure: StructureProof| ViewProof {
                name: "shop.v".into(),
                structure,
                rows: Some(ViewRows {
                    source: Some(3),
                    target,
                    source_hash: Some("7".into()),
                    target_hash: Some(hash.into()),
                    equal_words: false,
                    own_settings: true,
                    unproven: open.into(),
                }),
                rewritten: Vec::new(),
            };
            let whole = StructureProof { equal: true, differences: Vec::new() };
            check(&|c| c.views.push(view(whole.clone())), expected);
        }
    }

    #[test]
    fn a_difference_of_a_view_is_told_with_both_sides() {
        for (what, expected, actual, told) in [
            ("columns", "a, b", "", "columns: expected a, b, found nothing"),
            ("it is not on the target", "there", "absent", "it is not on the target"),
            ("reading it", "its rows", "error 8067: x", "reading it: expected its rows, found error 8067: x"),
            (
                "its text was changed on the target",
                "CREATE VIEW `v` AS select 1",
                "select 2",
                "its text was changed on the target",
            ),
        ] {
            let difference =
                StructureDifference { what: what.into(), expected: expected.into(), actual: actual.into() };
            assert_eq!(difference.words(), told);
        }
        for (source, target, told) in [
            (1, 1, "1 row on both, not the same one"),
            (2, 2, "2 rows on both, not the same ones"),
            (1, 2, "1 row on the source, 2 on the target"),
        ] {
            let rows = ViewRows { source: Some(source), target: Some(target), ..ViewRows::default() };
            assert_eq!(rows.words(), told);
        }
    }

    #[test]
    fn a_seal_counts_tables_and_breaks_with_any_change() {
        let sealed = certificate(vec![table("shop.a", 1), table("shop.b", 2)]).seal();
        assert_eq!((sealed.totals.tables, sealed.totals.rows, sealed.totals.bytes), (2, 3, 2_048));
        assert!(sealed.is_sealed() && sealed.tables.iter().all(|t| t.equal));
        let mut other = sealed.clone();
        other.tables[0].rows.target = Some(7);
        assert!(!other.is_sealed());
        let mut other = sealed;
        other.unproven.push("more".into());
        assert!(!other.is_sealed());
    }

    #[test]
    fn the_digest_is_that_of_the_file_without_it() {
        let check = |change: &dyn Fn(&mut Certificate)| {
            let mut certificate = certificate(vec![table("shop.a", 1), table("shop.b", 2)]);
            change(&mut certificate);
            let sealed = certificate.seal();
            let mut tree = serde_json::to_value(&sealed).unwrap();
            assert!(tree.as_object_mut().unwrap().remove("digest").is_some());
            assert_eq!(sealed.digest, Digest::of(&tree), "{sealed:?}");
        };
        check(&|_| ());
        check(&|c| c.accepted = vec!["MIG2110: FULLTEXT: shop.a.words".into()]);
        check(&|c| c.named = vec!["MIG2112: kept: shop.\u{e9}".into(), "MIG2128: \"more\"".into()]);
        check(&|c| c.tables.clear());
        check(&|c| c.unproven = vec!["more".into()]);
        check(&|c| c.totals.seconds = 0.1);
    }

    #[test]
    fn the_file_reads_back_and_refuses_what_it_does_not_know() {
        let sealed = certificate(vec![table("shop.a", 1)]).seal();
        let text = serde_json::to_string(&sealed).unwrap();
        assert!(text.contains("\"proven_by\":\"row hashes computed on both servers\""), "{text}");
        let back: Certificate = serde_json::from_str(&text).unwrap();
        assert!(back.is_sealed());
        assert_eq!(back, sealed);
        let more = text.replacen('{', "{\"more\":1,", 1);
        assert!(serde_json::from_str::<Certificate>(&more).is_err());
    }
}
