//! What planning knows of each type of step, one row for each, in a file for each family: which steps of the type a migration
//! wants, how one is decided, what becomes of it in a destroy, what its record holds, and how long it is assumed to take. A
//! type without a row stops the build. Knows nothing of how a step does its work.

mod cloud;
mod judged;
mod rows;
mod servers;
mod structure;

pub(in crate::think) use judged::READS_BACK;

use serde::de::DeserializeOwned;

use super::decide::DecisionContext;
use super::desired::Desired;
use super::destroy::{Recorded, Undone};
use crate::formats::cause::{Cause, Drift, Input};
use crate::formats::chunk;
use crate::formats::ddl::{self, DdlOptions};
use crate::formats::facts::{MigrationFacts, ServerFacts};
use crate::formats::outputs::known_step;
use crate::formats::plan::{Action, Rewrite};
use crate::formats::rehearsal::Rate;
use crate::formats::spec::model::Migration;
use crate::formats::state::{State, StepRecord};
use crate::formats::steps::{DumpInputs, TableInputs};
use crate::formats::structure::Table;
use crate::think::rewrite;
use crate::words::addr::{StepAddr, StepType};
use crate::words::digest::Digest;
use crate::words::error::Outcome;

/// What planning knows of one type of step.
pub(in crate::think) struct Row {
    of: StepType,
    pub(super) wants: Wants,
    pub(super) rules: Rules,
    /// What becomes of a recorded step when it goes.
    pub(super) undo: fn(&Recorded) -> Outcome<Undone>,
    /// Whether its record holds what such a step leaves.
    record: fn(&StepAddr, &StepRecord) -> Outcome<()>,
    /// Which server its work was done on, as far as its record says it.
    pub(super) server: fn(&StepAddr, &StepRecord) -> Outcome<Option<WorkedOn>>,
    pub(in crate::think) takes: Takes,
}

/// Which steps of a type there are.
pub(super) enum Wants {
    /// Those of the spec's blocks, which are added with the block: servers, runners, objects in a cloud.
    Blocks,
    /// Called for each migration, behind all of its tables.
    Migration(fn(&mut Desired, &Wish)),
    /// Called for each table of a migration.
    Table(fn(&mut Desired, &Wish, &TableWish)),
}

/// A server by its own id, whatever its block is called.
pub(super) enum WorkedOn {
    /// Rows were read there.
    Source(String),
    /// Something was created there.
    Target(String),
}

/// Of a step whose record does not name a server.
fn unsaid(_: &StepAddr, _: &StepRecord) -> Outcome<Option<WorkedOn>> {
    Ok(None)
}

/// The answers that decide a recorded step ([`super::decide`]).
pub(super) struct Rules {
    /// What `-replace` means.
    pub requested: fn(&DecisionContext) -> Action,
    /// What running it once more means when what it did before does not count.
    pub rerun: fn(&DecisionContext) -> Action,
    /// A change above that makes it run although its own inputs are the same.
    pub upstream: fn(&DecisionContext) -> Option<Cause>,
    /// What changed among its inputs.
    pub input: fn(&DecisionContext, &StepRecord) -> Outcome<Input>,
    /// What was observed against what is recorded, of a complete step.
    pub drift: fn(&DecisionContext, &StepRecord) -> Outcome<Option<Drift>>,
    /// What a drift makes of it.
    pub drifted: Action,
}

/// The rules of a step without evidence on a server. Also those of what is never decided by rules: servers and gates are
/// evaluated in every run, objects in a cloud have their own facts.
const PLAIN: Rules = Rules {
    requested: |_| Action::Replace,
    rerun: |_| Action::Rerun,
    upstream: |_| None,
    input: |_, _| Ok(Input::Any),
    drift: |_, _| Ok(None),
    drifted: Action::Replace,
};

/// How long a step is assumed to take in a rehearsal.
#[derive(Clone, Copy)]
pub(in crate::think) struct Takes {
    /// Whatever its size is, at least and at most: for connections, calls and observations.
    pub seconds: (f64, f64),
    /// What limits the rest, if its time depends on a size.
    pub rate: Option<Rate>,
    /// How much of what the rate counts a complete step has done, by its record; a record that cannot be read says nothing.
    pub done: fn(&StepAddr, &StepRecord) -> Option<f64>,
}

/// The same for a step of any size.
const fn seconds(least: f64, most: f64) -> Takes {
    Takes { seconds: (least, most), rate: None, done: |_, _| None }
}

/// A record is read as these outputs.
fn holds<T: DeserializeOwned>(addr: &StepAddr, record: &StepRecord) -> Outcome<()> {
    record.outputs_as::<T>(addr).map(drop)
}

const FAMILIES: [&[Row]; 5] = [servers::ROWS, cloud::ROWS, judged::ROWS, structure::ROWS, rows::ROWS];
const BY_TYPE: [&Row; StepType::ALL.len()] = by_type();

/// The rows in the order of their types.
const fn by_type() -> [&'static Row; StepType::ALL.len()] {
    let mut rows = [&servers::ROWS[0]; StepType::ALL.len()];
    let mut found = [false; StepType::ALL.len()];
    let mut family = 0;
    while family < FAMILIES.len() {
        let mut at = 0;
        while at < FAMILIES[family].len() {
            let row = &FAMILIES[family][at];
            assert!(!found[row.of as usize], "a type of step has two rows in think/plan/kinds");
            rows[row.of as usize] = row;
            found[row.of as usize] = true;
            at += 1;
        }
        family += 1;
    }
    let mut of = 0;
    while of < found.len() {
        // The message is the word of the type that has no row in a file of think/plan/kinds.
        assert!(found[of], "{}", StepType::ALL[of].word());
        of += 1;
    }
    rows
}

/// The row of a type.
pub(in crate::think) fn row(of: StepType) -> &'static Row {
    BY_TYPE[of as usize]
}

/// Whether the outputs of a record are what its type of step leaves.
///
/// # Errors
/// MIG4002 with the step's address: there are some, and they are not of this shape; or this version knows no such step.
pub fn check_record(addr: &StepAddr, record: &StepRecord) -> Outcome<()> {
    (row(known_step(addr)?).record)(addr, record)
}

/// The same of each step of a state.
///
/// # Errors
/// As [`check_record`], of the first one.
pub fn check_records(state: &State) -> Outcome<()> {
    state.steps.iter().try_for_each(|(addr, record)| check_record(addr, record))
}

/// What the steps of one migration are made from.
pub(super) struct Wish<'a> {
    pub migration: &'a Migration,
    pub target: &'a ServerFacts,
    pub facts: &'a MigrationFacts,
    /// The gates that judge before anything is done.
    pub gates: &'a [StepAddr],
}

impl Wish<'_> {
    pub fn name(&self) -> &str {
        &self.migration.name
    }
}

/// What the steps of one table have in common.
pub(super) struct TableWish {
    pub inputs: TableInputs,
    /// What was changed for the target.
    pub rewrite: Option<Rewrite>,
    /// Of the source's table.
    pub fingerprint: Digest,
    /// Of the table that is created.
    pub created: Digest,
    pub dump: DumpInputs,
    /// The part of the dump's inputs whose change makes it run again.
    pub taken: DumpInputs,
    /// Its files are the same again after an interruption.
    pub keyed: bool,
}

impl TableWish {
    fn new(wish: &Wish, source: &Table) -> Self {
        let source = ddl::without_the_moment(source);
        let rewritten = rewrite::for_target(&source, &wish.facts.source.tables, wish.target, &wish.migration.gates);
        let options = DdlOptions { checks: wish.target.check_constraints, dialect: wish.target.flavor.into() };
        let ddl = ddl::create_table_pretty(&rewritten.table, options);
        let rewrite = (!rewritten.changes.is_empty()).then(|| Rewrite {
            source: ddl::create_table_pretty(&source, DdlOptions { checks: true, ..options }),
            target: ddl.clone(),
            changes: rewritten.changes,
        });
        let fingerprint = ddl::fingerprint(&source);
        let dump = rows::dump_inputs(wish, &source, fingerprint.clone());
        Self {
            rewrite,
            created: ddl::fingerprint(&rewritten.table),
            taken: dump.decisive(),
            dump,
            fingerprint,
            keyed: chunk::usable_for_ranges(&source).is_some(),
            inputs: TableInputs { source, target: rewritten.table, ddl },
        }
    }

    fn addr(&self, wish: &Wish, of: StepType) -> StepAddr {
        StepAddr::of_table(wish.name(), of.kind(), &self.inputs.source.name)
    }
}

/// Adds the steps of one migration: of each table, then of the migration, each in the order of the types.
pub(super) fn add(wanted: &mut Desired, wish: &Wish) {
    for table in &wish.facts.source.tables {
        let table = TableWish::new(wish, table);
        for row in BY_TYPE {
            if let Wants::Table(add) = row.wants {
                add(wanted, wish, &table);
            }
        }
    }
    for row in BY_TYPE {
        if let Wants::Migration(add) = row.wants {
            add(wanted, wish);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::formats::state::{Progress, Status};
    use crate::words::codes;

    /// A recorded step with these outputs: what is said of them.
    fn said(addr: &str, outputs: Value) -> Result<(), String> {
        let addr = StepAddr::parse(addr).unwrap();
        let record = StepRecord {
            kind: addr.kind().unwrap_or(crate::words::addr::StepKind::Source),
            inputs_digest: Digest::of_bytes(b""),
            status: Status::Complete,
            outputs: outputs.into(),
            depends_on: Vec::new(),
            started: String::new(),
            finished: None,
            progress: Progress::default(),
        };
        check_record(&addr, &record).map_err(|failure| {
            assert_eq!((failure.code, failure.address.as_ref()), (codes::STATE_DAMAGED, Some(&addr)));
            failure.cause
        })
    }

    #[test]
    fn a_record_that_cannot_be_read_is_named_and_one_without_outputs_is_none() {
        let check = |addr: &str, outputs: Value, expected: Result<(), &str>| match (said(addr, outputs), expected) {
            (Ok(()), Ok(())) => {}
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{addr}: {found}"),
            (found, expected) => panic!("{addr}: {found:?}, not {expected:?}"),
        };
        check("migration.m.table[\"s.t\"]", json!({"owned": true}), Ok(()));
        check("migration.m.table[\"s.t\"]", Value::Null, Ok(()));
        // A field of a later version is no reason to refuse.
        check("migration.m.table[\"s.t\"]", json!({"owned": true, "more": 1}), Ok(()));
        check("migration.m.table[\"s.t\"]", json!({"owner": true}), Err("missing field `owned`"));
        check("migration.m.table[\"s.t\"]", json!({"owned": "yes"}), Err("expected a boolean"));
        check("migration.m.gate[\"disk\"]", json!({"verdict": {"outcome": "perhaps", "saw": ""}}), Err("perhaps"));
        let load = |hash: &str| json!({"rows": 1, "hash": hash, "epoch": 1, "parts": 1, "form": "insert"});
        check("migration.m.load[\"s.t\"]", load("17"), Ok(()));
        check("migration.m.load[\"s.t\"]", load("1.7"), Err("not a decimal number"));
        let dump = |engine: &str| {
            let sum = Digest::of_bytes(b"");
            let inputs = json!({
                "table": {"schema": "s", "name": "t"}, "fingerprint": sum, "engine": engine, "format": "sql",
                "compress": "none",
            });
            json!({"rows": 0, "hash": "0", "bytes": 0, "parts": 0, "manifest": sum, "inputs": inputs})
        };
        check("migration.m.dump[\"s.t\"]", dump("native"), Ok(()));
        check("migration.m.dump[\"s.t\"]", dump("dumpling"), Ok(()));
        let unknown = "unknown variant `mydumper`, expected `native` or `dumpling`";
        check("migration.m.dump[\"s.t\"]", dump("mydumper"), Err(unknown));
        check("runner.ec2.r.key_pair", json!({"name": "k"}), Err("missing field"));
        check("runner.ec2.r.disk", json!({}), Err("knows no such kind of step"));
    }

    #[test]
    fn each_type_of_step_has_its_own_row_and_a_table_is_asked_for_where_the_screen_folds_it() {
        for of in StepType::ALL {
            assert_eq!(row(of).of, of);
            assert_eq!(matches!(row(of).wants, Wants::Table(_)), of.kind().of_table(), "{}", of.word());
            assert_eq!(matches!(row(of).wants, Wants::Blocks), !of.kind().in_migration(), "{}", of.word());
        }
    }
}
