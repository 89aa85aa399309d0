//! What each kind of step needs to do its work, as the plan's nodes carry it. No secret, no estimate, no setting that
//! may change without the step running again (threads, rates: those are read from the spec at apply).

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::dumpfile::CsvDialect;
use super::outputs::{self};
use super::plan::Node;
use super::state::StepRecord;
use super::structure::{Schema, Table, View};
use super::worker::Endpoint;
use crate::words::addr::{Creates, GateName, StepAddr, StepKind, TableName};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerInputs {
    /// `host:port`.
    pub place: String,
    pub user: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunnerInputs {
    pub workdir: String,
    /// Where its shell answers, when it is another machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateInputs {
    pub gate: GateName,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseInputs {
    pub schema: Schema,
    pub ddl: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableInputs {
    /// As the source has it, estimates left out.
    pub source: Table,
    /// As it is created, estimates left out.
    pub target: Table,
    pub ddl: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DumpInputs {
    pub table: TableName,
    /// Of the source's table.
    pub fingerprint: crate::words::digest::Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub where_: Option<String>,
    pub engine: String,
    pub format: String,
    pub compress: String,
    /// Numbers inside of JSON documents are hashed as the DOUBLE that the target makes of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub json_as_doubles: bool,
    /// `mig import-dump`: nothing is read from the source, these files are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import: Option<ImportInputs>,
}

impl DumpInputs {
    /// What a change of makes the step run again: the files by name and length, wherever the folder stands now.
    pub fn decisive(&self) -> Self {
        let mut decisive = self.clone();
        if let Some(import) = &mut decisive.import {
            import.dir.clear();
        }
        decisive
    }
}

/// What a step of a destroy needs: what the step left when it ended, if it ever did, and what it noted before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removal {
    /// The step's outputs.
    #[serde(default)]
    from: Value,
    /// Of a table: the outputs of its load.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    loaded: Value,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, Value>,
    /// Of a dump: the work folders on this machine that runs had, whatever the spec says now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<String>,
    /// Of a target: the tables and views that the state knows, by key.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub known: BTreeSet<String>,
}

impl Removal {
    /// Of a record, with the record of the load where it is a table's.
    pub fn new(record: &StepRecord, loaded: Option<&StepRecord>) -> Self {
        Self {
            from: record.outputs.value(),
            loaded: loaded.map(|record| record.outputs.value()).unwrap_or_default(),
            notes: BTreeMap::new(),
            folders: Vec::new(),
            known: BTreeSet::new(),
        }
    }

    /// Of a target's record, where the state knows these tables and views.
    pub fn knowing(record: &StepRecord, known: BTreeSet<String>) -> Self {
        Self { known, ..Self::new(record, None) }
    }

    /// Of a dump's record, whose files are in one of these work folders.
    pub fn in_folders(record: &StepRecord, folders: Vec<String>) -> Self {
        Self { folders, ..Self::new(record, None) }
    }

    /// With the notes, for a step that looks for what an interrupted run made.
    pub fn noted(record: &StepRecord) -> Self {
        Self { notes: record.progress.notes.clone(), ..Self::new(record, None) }
    }

    /// # Errors
    /// MIG5102: the node is not one of a destroy, or of another version's.
    pub fn of(node: &Node) -> Outcome<Self> {
        node.inputs.read().map_err(|error| {
            let hint = "Make the plan again with this version of mig.";
            Failure::new(codes::PLAN_DOES_NOT_FIT_SPEC, "read what is to be removed", error.to_string(), hint)
                .at(&node.addr)
        })
    }

    /// What the step left; `None`: it never ended.
    ///
    /// # Errors
    /// MIG4002: it cannot be read.
    pub fn outputs<T: DeserializeOwned>(&self, addr: &StepAddr) -> Outcome<Option<T>> {
        outputs::read(addr, &self.from)
    }
}

/// What wrote the files of a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DumpTool {
    /// Or mig, which writes the same: text as utf8mb4.
    Dumpling,
    /// Text in the charset of its column.
    Mydumper,
}

/// Files of a finished dump that hold the rows of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportInputs {
    /// The dump's folder, absolute.
    pub dir: String,
    pub tool: DumpTool,
    /// How its CSV is written, where that is not as Dumpling does by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csv: Option<CsvDialect>,
    /// In the order of their names.
    pub files: Vec<ImportFile>,
    /// Rows of all of them, where the dump says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
}

/// How the files of another tool are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writing {
    pub tool: DumpTool,
    pub csv: CsvDialect,
}

impl ImportInputs {
    pub fn writing(&self) -> Writing {
        Writing { tool: self.tool, csv: self.csv.clone().unwrap_or_default() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportFile {
    pub name: String,
    pub bytes: u64,
}

/// `load` and `verify` read the table's structure at its `table` step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadInputs {
    pub table: TableName,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyInputs {
    pub table: TableName,
    /// `full`, `count` or `none`.
    pub mode: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignKeysInputs {
    pub table: TableName,
    pub ddl: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewInputs {
    pub view: View,
    pub ddl: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportInputs {
    pub migration: String,
    /// Keys of the tables it certifies.
    pub tables: Vec<String>,
}

/// The SQL that creates the object of a step on the target, statement by statement, as it will be sent; none for a step that
/// creates nothing there. Of the inputs of a step that creates (`Action::makes`), not of one that removes.
///
/// # Errors
/// The inputs are not of this shape: another version wrote them.
pub fn statements(node: &Node) -> serde_json::Result<Vec<String>> {
    #[derive(Deserialize)]
    struct One {
        ddl: String,
    }
    #[derive(Deserialize)]
    struct Many {
        ddl: Vec<String>,
    }
    match node.addr.kind().and_then(StepKind::creates) {
        Some(Creates::Schema | Creates::Table | Creates::View) => node.inputs.read().map(|one: One| vec![one.ddl]),
        Some(Creates::ForeignKeys) => node.inputs.read().map(|many: Many| many.ddl),
        None => Ok(Vec::new()),
    }
}
