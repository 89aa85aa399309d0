//! What a look at rows of the source told, before anything is moved: what only rows can tell, by table and object. Holds
//! no value and no key of a row.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was found, and where a look did not come to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RowFacts {
    /// By risk, then by table and object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<RowFinding>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unfinished: Vec<Unfinished>,
}

/// What is in rows that the target cannot hold as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowRisk {
    /// Codes of a charset that stand for no Unicode character.
    LostText,
    /// Codes whose Unicode character another code stands for, too.
    OtherCode,
    /// Numbers inside of JSON documents with more digits than a DOUBLE holds.
    JsonNumbers,
    /// Dates, times, bytes and bits inside of JSON documents.
    JsonTypes,
    /// Different values of a unique key that are one under the target's collation.
    MergedKeys,
    /// A unique key over what the target computes of converted texts, and the source cannot compute so.
    UntoldKeys,
    /// Members of an ENUM or SET that are one under the target's collation.
    MergedMembers,
    /// Members of an ENUM or SET that hold other letters than the source shows.
    UnknownMember,
    /// Rows whose parent is one by the source's collation only.
    LostParents,
    /// Times beyond 838:59:59.
    LongTime,
    /// An ENUM with a member '' and rows with the value of a failed INSERT, which is shown as '', too.
    EmptyMember,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct RowFinding {
    pub risk: RowRisk,
    /// Key form: `shop.orders`.
    pub table: String,
    /// A column, a unique key or a foreign key, in key form.
    pub object: String,
    /// Rows, or groups of them; at least so many where the look did not reach all.
    pub rows: u64,
    /// What more there is to say: `DATE, TIME`; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub what: String,
}

/// A look that did not reach every row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Unfinished {
    pub risk: RowRisk,
    pub table: String,
    pub object: String,
    /// How far it came, and why no further: `the first 100,000 rows were looked at, all take longer than 5 s`.
    pub why: String,
}

impl RowFacts {
    /// In one order, whatever the order of the looks was.
    pub fn sorted(mut self) -> Self {
        self.found.sort();
        self.unfinished.sort();
        self
    }

    /// The findings of one risk.
    pub fn of(&self, risk: RowRisk) -> impl Iterator<Item = &RowFinding> {
        self.found.iter().filter(move |finding| finding.risk == risk)
    }
}
