//! `mig-manifest.json` and the manifest of one table: each part's file, bytes, rows, borders and hashes. A part's
//! entry is also its record in state and journal.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::chunk::Range;
use super::rowhash::PartHash;
use crate::words::digest::Digest;

pub const FORMAT_VERSION: u32 = 1;

/// Rows and bytes of text after which a dump notes the hash so far: what a load sends in one transaction where the spec
/// says nothing else. TiDB keeps a transaction's rows in memory, index entries included: of 512 KiB to 8 MiB, 1 and 2 cost
/// it an eighth less CPU than 8.
pub const MARK_ROWS: u64 = 50_000;
pub const MARK_BYTES: u64 = 2 << 20;

/// The file that names every part of every table; written when the dump of all tables is whole.
pub const FILE: &str = "mig-manifest.json";

/// Of one table: complete or absent, never half.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableManifest {
    pub format_version: u32,
    /// Key form.
    pub table: String,
    /// Where the files lie, when that is not the folder of mig's own dump.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<String>,
    /// Names of the columns in the files, in order.
    pub columns: Vec<String>,
    pub parts: Vec<PartEntry>,
}

/// One part: one chunk, one file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartEntry {
    pub part: u32,
    pub file: String,
    pub bytes: u64,
    pub rows: u64,
    /// `None`: cut by size alone (a table without a usable key).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
    /// Of the rows, as dumped.
    pub hash: PartHash,
    /// Running hashes of the rows so far, about every [`MARK_ROWS`] rows or [`MARK_BYTES`] bytes; the last one is left out. A
    /// load that takes the rows between two of them, from a file whose digest is the manifest's, knows their hash.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<PartHash>,
    /// Of the file's bytes.
    pub digest: Digest,
    /// Values that are -0, of FLOAT and DOUBLE columns: TiDB holds 0 for them.
    #[serde(default, skip_serializing_if = "is_none")]
    pub negative_zeros: u64,
    /// Numbers inside of JSON documents with more digits than a DOUBLE holds: TiDB rounds them.
    #[serde(default, skip_serializing_if = "is_none")]
    pub json_rounded: u64,
}

fn is_none(count: &u64) -> bool {
    *count == 0
}

impl TableManifest {
    pub fn digest(&self) -> Digest {
        Digest::of(self)
    }

    pub fn negative_zeros(&self) -> u64 {
        self.parts.iter().map(|part| part.negative_zeros).sum()
    }

    pub fn json_rounded(&self) -> u64 {
        self.parts.iter().map(|part| part.json_rounded).sum()
    }

    pub fn hash(&self) -> PartHash {
        self.parts.iter().fold(PartHash::default(), |sum, part| sum.merged(&part.hash))
    }
}
