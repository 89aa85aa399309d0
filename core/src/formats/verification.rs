//! What `mig verify` found: both servers compared as they are now, by anyone who the rows were moved. Types and the
//! judgement; nothing of how the evidence is got. Two places are compared, not three: what was dumped is not known here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::certificate::{GeneratedProof, Judgement, Party, ProvenBy, StructureProof, ViewRows};

/// The version this build writes.
pub const FORMAT_VERSION: u32 = 1;

/// Of one migration. Times are RFC 3339 in UTC. Keys of rows stand in it with `-show-keys` only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    pub format_version: u32,
    pub mig_version: String,
    pub migration: String,
    pub created: String,
    pub source: Party,
    pub target: Party,
    pub verdict: Judgement,
    pub tables: Vec<TableVerdict>,
    pub views: Vec<ViewVerdict>,
    /// Rows that a `where` of the spec leaves out, programs that are not compared: each a sentence.
    pub not_compared: Vec<String>,
    /// What this does not prove, each a sentence.
    pub unproven: Vec<String>,
    pub seconds: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableVerdict {
    /// [`crate::words::addr::TableName::key`].
    pub table: String,
    pub verdict: Judgement,
    pub proven_by: ProvenBy,
    /// `None`: not looked at.
    pub rows: Two<u64>,
    /// Sums of row hashes, as decimal strings.
    pub hash: Two<String>,
    pub structure: StructureProof,
    /// Where the rows differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differing: Option<DifferingRows>,
    /// Columns that each server computes itself; compared where the data is equal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub generated: Vec<GeneratedProof>,
    /// Why the rows were not compared.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fault: String,
}

/// A value on both servers; `None`: it was not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Two<T> {
    pub source: Option<T>,
    pub target: Option<T>,
}

/// How many rows differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DifferingRows {
    /// On the source, and not (or less often) on the target.
    pub missing: u64,
    /// On the target, and not (or less often) on the source.
    pub unexpected: u64,
    /// The key is on both, with another row. Without a key such a row counts as missing and unexpected.
    pub changed: u64,
    /// Not every difference was looked at: there are more.
    pub more: bool,
    /// The first ones, by what is wrong with them: with `-show-keys`. Data of users.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<DifferingKey>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DifferingKey {
    pub wrong: Wrong,
    /// `id=5, line=7`.
    pub key: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    Missing,
    Changed,
    Unexpected,
}

impl Wrong {
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Changed => "changed",
            Self::Unexpected => "unexpected",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewVerdict {
    pub view: String,
    /// Columns and rights; each server writes the text of a view again, so it is compared by what it gives.
    pub structure: StructureProof,
    /// `None`: it is not on the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<ViewRows>,
}

impl DifferingRows {
    /// `2 rows missing on the target, 1 row changed`, without keys.
    pub fn words(&self) -> String {
        let rows = |n: u64| if n == 1 { "row" } else { "rows" };
        let mut parts = Vec::new();
        for (number, what) in [
            (self.missing, "missing on the target"),
            (self.unexpected, "unexpected on the target"),
            (self.changed, "changed (the key is on both sides)"),
        ] {
            if number > 0 {
                parts.push(format!("{number} {} {what}", rows(number)));
            }
        }
        match (parts.is_empty(), self.more) {
            (true, false) => "no row differs any more".to_owned(),
            (true, true) => "the differing rows were not searched".to_owned(),
            (false, false) => parts.join(", "),
            (false, true) => format!("at least {}", parts.join(", ")),
        }
    }

    /// `missing id=5 | changed id=7`.
    pub fn named(&self) -> String {
        self.keys.iter().map(|k| format!("{} {}", k.wrong.word(), k.key)).collect::<Vec<_>>().join(" | ")
    }
}

impl TableVerdict {
    /// Equal only with row hashes of both sides, the same, and the same structure.
    pub fn judge(mut self) -> Self {
        let generated = self.generated.iter().map(GeneratedProof::judge).max().unwrap_or(Judgement::Equal);
        self.verdict = if self.rows_differ() || !self.structure.differences.is_empty() {
            Judgement::Different
        } else if self.proven_by.sees_content() && self.rows.source.is_some() && self.rows.target.is_some() {
            generated
        } else {
            generated.max(Judgement::Unproven)
        };
        self
    }
}

impl ViewVerdict {
    /// Equal only by rows that were read on both servers and by the same structure.
    pub fn judge(&self) -> Judgement {
        match self.structure.equal {
            true => self.rows.as_ref().map_or(Judgement::Unproven, ViewRows::judge),
            false => Judgement::Different,
        }
    }
}

impl TableVerdict {
    /// Whether its rows are not the same, whatever its structure.
    pub fn rows_differ(&self) -> bool {
        let differs = |a: &Option<u64>, b: &Option<u64>| a.is_some() && b.is_some() && a != b;
        let content = self.proven_by.sees_content() && self.hash.source != self.hash.target;
        differs(&self.rows.source, &self.rows.target) || content
    }
}

impl Verification {
    /// The heaviest of what is known; what `unproven` names is not asked here and does not count.
    pub fn judge(mut self) -> Self {
        let views = self.views.iter().map(ViewVerdict::judge);
        let all = self.tables.iter().map(|table| table.verdict).chain(views);
        self.verdict = all.max().unwrap_or(Judgement::Unproven);
        self
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::super::certificate::StructureDifference;
    use super::*;

    fn table() -> TableVerdict {
        let hash = Some("123".to_owned());
        TableVerdict {
            table: "shop.orders".into(),
            verdict: Judgement::Unproven,
            proven_by: ProvenBy::ServerHashes,
            rows: Two { source: Some(2), target: Some(2) },
            hash: Two { source: hash.clone(), target: hash },
            structure: StructureProof { equal: true, differences: Vec::new() },
            differing: None,
            generated: Vec::new(),
            fault: String::new(),
        }
    }

    #[test]
    fn a_table_is_equal_only_by_hashes_of_both_sides() {
        let check = |change: &dyn Fn(&mut TableVerdict), expected: Judgement| {
            let mut verdict = table();
            change(&mut verdict);
            assert_eq!(verdict.clone().judge().verdict, expected, "{verdict:?}");
        };
        check(&|_| (), Judgement::Equal);
        check(&|t| t.proven_by = ProvenBy::Count, Judgement::Unproven);
        check(&|t| (t.proven_by, t.hash) = (ProvenBy::Count, Two::default()), Judgement::Unproven);
        check(&|t| (t.proven_by, t.rows.target) = (ProvenBy::Count, Some(3)), Judgement::Different);
        check(&|t| t.hash.target = Some("124".into()), Judgement::Different);
        check(&|t| t.rows.source = Some(1), Judgement::Different);
        let generated = |accepted| vec![GeneratedProof { column: "g".into(), equal: false, rows: 1, accepted }];
        check(&|t| t.generated = generated(false), Judgement::Different);
        check(&|t| t.generated = generated(true), Judgement::Accepted);
        check(
            &|t| (t.proven_by, t.rows, t.hash) = (ProvenBy::NotVerified, Two::default(), Two::default()),
            Judgement::Unproven,
        );
        check(
            &|t| {
                let (what, expected, actual) = ("column id: type".into(), "bigint".into(), "int".into());
                t.structure.differences.push(StructureDifference { what, expected, actual });
            },
            Judgement::Different,
        );
    }

    #[test]
    fn differing_rows_are_told_by_what_is_wrong_with_them() {
        let check = |missing, unexpected, changed, more, expected: &str| {
            let rows = DifferingRows { missing, unexpected, changed, more, keys: Vec::new() };
            assert_eq!(rows.words(), expected);
        };
        check(1, 0, 0, false, "1 row missing on the target");
        check(
            2,
            1,
            3,
            false,
            "2 rows missing on the target, 1 row unexpected on the target, 3 rows changed (the key is on both sides)",
        );
        check(0, 5, 0, true, "at least 5 rows unexpected on the target");
        check(0, 0, 0, false, "no row differs any more");
        check(0, 0, 0, true, "the differing rows were not searched");
    }
}
