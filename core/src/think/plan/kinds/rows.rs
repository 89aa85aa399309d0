//! What moves the rows of a table and compares them: dump, load, verification.

use super::{PLAIN, Row, Rules, TableWish, Takes, Wants, Wish, WorkedOn, holds, seconds, servers, unsaid};
use crate::formats::cause::{Cause, Drift, Input, Kept, Removed, Upstream};
use crate::formats::engine::{DumpEngine, LoadEngine};
use crate::formats::plan::{Action, Edge, EdgeKind};
use crate::formats::rehearsal::Rate;
use crate::formats::rowhash::JsonNumbers;
use crate::formats::spec::model::VerifyMode;
use crate::formats::state::StepRecord;
use crate::formats::steps::{DumpInputs, DumpOutputs, LoadInputs, LoadOutputs, Removal, VerifyInputs, VerifyOutputs};
use crate::formats::structure::Table;
use crate::think::gates::rules;
use crate::think::plan::decide::{DecisionContext, because, inputs_of};
use crate::think::plan::desired::{Desired, word};
use crate::think::plan::destroy::Undone;
use crate::words::addr::{GateName, StepAddr, StepKind, StepType};
use crate::words::codes;
use crate::words::diag::Diagnostic;
use crate::words::digest::Digest;
use crate::words::error::Outcome;

pub(super) const ROWS: &[Row] = &[
    Row {
        of: StepType::Dump,
        wants: Wants::Table(dump),
        rules: Rules {
            // A rerun would continue after the files that it has.
            rerun: |ask| if ask.is_complete() { Action::Rerun } else { Action::Replace },
            upstream: |ask| ask.writes_replaced().then_some(Cause::PositionRetaken),
            input: dump_input,
            ..PLAIN
        },
        undo: |of| {
            let folders = servers::work_folders(of.state)?;
            let buckets = DumpOutputs::buckets_of(of.addr, of.record)?;
            Undone::removed(Removed::DumpFiles, &Removal::in_places(of.record, folders, buckets))
        },
        record: holds::<DumpOutputs>,
        server: |addr, record| {
            Ok(record.outputs_as::<DumpOutputs>(addr)?.and_then(|made| made.server).map(WorkedOn::Source))
        },
        takes: Takes { rate: Some(Rate::DumpBytes), done: bytes_dumped, ..seconds(0.02, 0.5) },
    },
    Row {
        of: StepType::Load,
        wants: Wants::Table(load),
        rules: Rules {
            rerun: |_| Action::Replace,
            upstream: |ask| match (ask.table_created(), ask.dump_starts_over()) {
                (true, _) => Some(because(Upstream::TableCreated)),
                (false, true) => Some(because(Upstream::DumpRuns)),
                (false, false) => None,
            },
            input: |_, _| Ok(Input::DumpOrTable),
            drift: load_drift,
            ..PLAIN
        },
        undo: |_| Ok(Undone::kept(Kept::Made)),
        record: holds::<LoadOutputs>,
        server: unsaid,
        takes: Takes {
            rate: Some(Rate::LoadRows),
            done: |addr, record| Some(record.outputs_as::<LoadOutputs>(addr).ok()??.total.rows as f64),
            ..seconds(0.05, 1.0)
        },
    },
    Row {
        of: StepType::Verify,
        wants: Wants::Table(verify),
        rules: Rules {
            // A rerun would continue after what it has recorded.
            requested: |ask| if ask.is_complete() { Action::Rerun } else { Action::Replace },
            upstream: |ask| {
                let runs = ask.above(StepKind::Load).is_some() && ask.is_complete();
                runs.then_some(because(Upstream::LoadRuns))
            },
            input: |_, _| Ok(Input::LoadOrMode),
            ..PLAIN
        },
        undo: |_| Ok(Undone::kept(Kept::Made)),
        record: holds::<VerifyOutputs>,
        server: unsaid,
        takes: Takes {
            rate: Some(Rate::VerifyRows),
            done: |addr, record| Some(record.outputs_as::<VerifyOutputs>(addr).ok()??.target.rows as f64),
            ..seconds(0.05, 1.0)
        },
    },
];

/// Of compressed files it is not known how much was read.
fn bytes_dumped(addr: &StepAddr, record: &StepRecord) -> Option<f64> {
    let made = record.outputs_as::<DumpOutputs>(addr).ok()??;
    (made.inputs.compress == "none").then_some(made.bytes as f64)
}

/// The inputs of a table's dump.
pub(super) fn dump_inputs(wish: &Wish, source: &Table, fingerprint: Digest) -> DumpInputs {
    let settings = &wish.migration.dump;
    let key = source.name.key();
    let json_as_doubles = source.columns.iter().any(|column| column.data_type == "json")
        && rules::json_numbers(&wish.migration.gates, wish.target.flavor) == JsonNumbers::Doubles;
    DumpInputs {
        table: source.name.clone(),
        fingerprint,
        where_: settings.where_.get(&key).cloned(),
        engine: settings.engine,
        format: "sql".into(),
        compress: word(&settings.compress),
        json_as_doubles,
        import: wish.facts.imports.get(&key).cloned(),
    }
}

/// How a step waits for the one whose files it takes. A table without a usable key has no stable files: an interrupted dump of
/// it starts from the beginning, so nothing of it may be loaded before the dump is whole.
fn takes_files(wanted: &mut Desired, streams: bool, to: StepAddr, from: StepAddr) {
    let kind = if streams { EdgeKind::Stream } else { EdgeKind::After };
    wanted.edges.push(Edge { to, from, kind });
}

fn dump(wanted: &mut Desired, wish: &Wish, table: &TableWish) {
    let addr = table.addr(wish, StepType::Dump);
    wanted.node(addr.clone(), StepKind::Dump, &table.dump, &table.taken);
    // Files that are taken in hold the rows that they hold: no condition is asked of them.
    if let (Some(condition), None) = (&table.dump.where_, &table.dump.import) {
        wanted.warn_if_pending.entry(addr.clone()).or_default().push(
            Diagnostic::warning(codes::ROWS_LEFT_OUT, "dump.where leaves rows out")
                .about(table.dump.table.to_string())
                .detail(format!("Only rows with ({condition}) are moved and compared."))
                .help("Nothing to do if that is what you want. If all rows are to arrive, remove the line."),
        );
    }
    let floats = floats(table);
    if let (DumpEngine::Dumpling, None, false) = (table.dump.engine, &table.dump.import, floats.is_empty()) {
        wanted.warn_if_pending.entry(addr.clone()).or_default().push(
            Diagnostic::warning(codes::FLOAT_DIGITS, "Dumpling writes 6 digits of a FLOAT")
                .about(table.dump.table.to_string())
                .detail(format!(
                    "FLOAT columns: {}. Finer values change, and the verification says so.",
                    floats.join(", ")
                ))
                .help("Use engine = \"native\" in the block dump if a value may have more digits."),
        );
    }
    // No row moves before everything that the rows need was created and read back.
    wanted.after(&addr, [StepAddr::gate(wish.name(), GateName::Structure)]);
}

/// Columns of which MySQL's text has fewer digits than the value; with decimals it has all that are kept.
fn floats(table: &TableWish) -> Vec<&str> {
    let columns = table.inputs.source.data_columns();
    let fine = columns.filter(|column| column.data_type == "float" && !column.column_type.contains('('));
    fine.map(|column| column.name.as_str()).collect()
}

fn load(wanted: &mut Desired, wish: &Wish, table: &TableWish) {
    let addr = table.addr(wish, StepType::Load);
    // Files of others are read by mig's own load, which knows how each tool writes.
    let engine = if table.dump.import.is_some() { LoadEngine::Native } else { wish.migration.load.engine };
    let inputs = LoadInputs { table: table.dump.table.clone(), engine };
    // As earlier builds recorded it, whose engine is the default.
    let by = if inputs.engine.is_default() { "load" } else { inputs.engine.word() };
    wanted.node(addr.clone(), StepKind::Load, &inputs, &(by, &table.taken, &table.created));
    let structure = StepAddr::gate(wish.name(), GateName::Structure);
    wanted.after(&addr, [table.addr(wish, StepType::Table), structure]);
    let streams = table.keyed && table.dump.gives_files_one_by_one() && engine.takes_files_one_by_one();
    takes_files(wanted, streams, addr, table.addr(wish, StepType::Dump));
}

fn verify(wanted: &mut Desired, wish: &Wish, table: &TableWish) {
    if wish.migration.verify == VerifyMode::None {
        return;
    }
    let addr = table.addr(wish, StepType::Verify);
    let inputs = VerifyInputs { table: table.dump.table.clone(), mode: word(&wish.migration.verify) };
    wanted.node(addr.clone(), StepKind::Verify, &inputs, &(&inputs, &table.taken, &table.created));
    takes_files(wanted, table.keyed, addr, table.addr(wish, StepType::Load));
}

fn dump_input(ask: &DecisionContext<'_>, record: &StepRecord) -> Outcome<Input> {
    let wanted: DumpInputs = inputs_of(ask.node)?;
    Ok(match record.outputs_as::<DumpOutputs>(&ask.node.addr)?.map(|dump| dump.inputs) {
        Some(was) if was.where_ != wanted.where_ => Input::Where,
        Some(was) if was.compress != wanted.compress => Input::Compress,
        Some(was) if was.fingerprint != wanted.fingerprint => Input::SourceStructure,
        _ => Input::SourceOrSetting,
    })
}

fn load_drift(ask: &DecisionContext<'_>, record: &StepRecord) -> Outcome<Option<Drift>> {
    let Some(table) = ask.node.addr.table() else { return Ok(None) };
    let loaded = record.outputs_as::<LoadOutputs>(&ask.node.addr)?;
    let difference = loaded.and_then(|loaded| loaded.differs_from(&ask.facts.ledger, &table.key()));
    Ok(difference.map(|difference| Drift::LedgerDiffers { difference }))
}
