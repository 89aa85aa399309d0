//! What is created on the target before the first row: schemas, tables, foreign keys, views.

use std::collections::BTreeSet;

use super::{PLAIN, Row, Rules, TableWish, Takes, Wants, Wish, WorkedOn, holds, seconds, unsaid};
use crate::formats::cause::{Drift, Input, Kept, Removed, Upstream};
use crate::formats::ddl;
use crate::formats::ddl::view::reads;
use crate::formats::plan::{Action, Rewrite};
use crate::formats::rehearsal::Rate;
use crate::formats::state::StepRecord;
use crate::formats::steps::{
    DatabaseInputs, ForeignKeysInputs, ForeignKeysOutputs, LoadOutputs, ObjectOutputs, Removal, TableInputs,
    ViewInputs, ViewOutputs,
};
use crate::formats::structure::View;
use crate::think::gates::compatibility::views::left_out;
use crate::think::plan::decide::{DecisionContext, because, inputs_of};
use crate::think::plan::desired::Desired;
use crate::think::plan::destroy::{Recorded, Undone};
use crate::think::{compare, rewrite};
use crate::words::addr::{GateName, StepAddr, StepKind, StepType, TableName, key_ident};
use crate::words::digest::Digest;
use crate::words::error::Outcome;

pub(super) const ROWS: &[Row] = &[
    Row {
        of: StepType::Database,
        wants: Wants::Migration(databases),
        rules: Rules { rerun: |_| Action::Replace, drift: |ask, _| Ok(database_drift(ask)), ..PLAIN },
        undo: |_| Ok(Undone::kept(Kept::Made)),
        record: holds::<ObjectOutputs>,
        server: |addr, record| {
            Ok(record.outputs_as::<ObjectOutputs>(addr)?.and_then(|made| made.server).map(WorkedOn::Target))
        },
        takes: seconds(0.02, 0.6),
    },
    Row {
        of: StepType::Table,
        wants: Wants::Table(table),
        rules: Rules {
            rerun: |_| Action::Replace,
            input: |_, _| Ok(Input::Structure),
            drift: |ask, _| table_drift(ask),
            ..PLAIN
        },
        undo: undo_table,
        record: holds::<ObjectOutputs>,
        server: |addr, record| {
            Ok(record.outputs_as::<ObjectOutputs>(addr)?.and_then(|made| made.server).map(WorkedOn::Target))
        },
        takes: Takes { done: |_, _| Some(1.0), ..CREATED },
    },
    Row {
        of: StepType::ForeignKeys,
        wants: Wants::Table(foreign_keys),
        rules: Rules {
            rerun: |_| Action::Replace,
            upstream: |ask| ask.table_created().then_some(Upstream::TableCreated).map(because),
            input: |_, _| Ok(Input::ForeignKeys),
            drift: |ask, _| foreign_key_drift(ask),
            ..PLAIN
        },
        undo: |_| Ok(Undone::kept(Kept::Made)),
        record: holds::<ForeignKeysOutputs>,
        server: unsaid,
        takes: CREATED,
    },
    Row {
        of: StepType::View,
        wants: Wants::Migration(views),
        rules: Rules { rerun: |_| Action::Replace, input: |_, _| Ok(Input::View), drift: view_drift, ..PLAIN },
        undo: |of| match of.drop_target_data {
            true => Undone::removed(Removed::View, &Removal::new(of.record, None)),
            false => Ok(Undone::kept(Kept::Made)),
        },
        record: holds::<ViewOutputs>,
        server: |addr, record| {
            Ok(record.outputs_as::<ViewOutputs>(addr)?.and_then(|made| made.server).map(WorkedOn::Target))
        },
        takes: CREATED,
    },
];

const CREATED: Takes = Takes { rate: Some(Rate::Created), ..seconds(0.02, 1.0) };

/// The schema in which an object is created.
fn database(wish: &Wish, schema: &str) -> StepAddr {
    StepAddr::in_migration(wish.name(), StepKind::Database, Some(key_ident(schema)))
}

/// No row moves before the step was done and read back.
fn before_rows(wanted: &mut Desired, wish: &Wish, addr: StepAddr) {
    wanted.after(&StepAddr::gate(wish.name(), GateName::Structure), [addr]);
}

fn databases(wanted: &mut Desired, wish: &Wish) {
    let source = &wish.facts.source;
    let of_tables = source.tables.iter().map(|table| table.name.schema.as_str());
    let schemas: BTreeSet<&str> = of_tables.chain(source.views.iter().map(|view| view.name.schema.as_str())).collect();
    for schema in source.schemas.iter().filter(|s| schemas.contains(s.name.as_str())) {
        let addr = database(wish, &schema.name);
        let (created, changes) = rewrite::schema_for_target(schema, wish.target, &wish.migration.gates);
        if !changes.is_empty() {
            let (source, target) = (ddl::create_database(schema), ddl::create_database(&created));
            wanted.rewrites.insert(addr.clone(), Rewrite { source, target, changes });
        }
        let inputs = DatabaseInputs { ddl: ddl::create_database(&created), schema: created };
        wanted.node(addr.clone(), StepKind::Database, &inputs, &inputs.schema.name);
        wanted.after(&addr, wish.gates.iter().cloned());
    }
}

fn table(wanted: &mut Desired, wish: &Wish, table: &TableWish) {
    let addr = table.addr(wish, StepType::Table);
    wanted.fingerprints.insert(addr.clone(), table.fingerprint.clone());
    wanted.rewrites.extend(table.rewrite.clone().map(|rewrite| (addr.clone(), rewrite)));
    wanted.node(addr.clone(), StepKind::Table, &table.inputs, &table.created);
    let database = database(wish, &table.inputs.source.name.schema);
    wanted.after(&addr, wish.gates.iter().cloned().chain([database]));
    before_rows(wanted, wish, addr);
}

/// Foreign keys wait for their own table and for those they reference.
fn foreign_keys(wanted: &mut Desired, wish: &Wish, table: &TableWish) {
    let source = &table.inputs.source;
    if source.foreign_keys.is_empty() {
        return;
    }
    let addr = table.addr(wish, StepType::ForeignKeys);
    let inputs = ForeignKeysInputs { table: source.name.clone(), ddl: ddl::foreign_keys(&table.inputs.target) };
    wanted.node(addr.clone(), StepKind::ForeignKeys, &inputs, &inputs);
    let mut tables: BTreeSet<&TableName> = source.foreign_keys.iter().map(|key| &key.references).collect();
    tables.insert(&source.name);
    let moved = tables.into_iter().filter(|name| wish.facts.source.table(name).is_some());
    wanted.after(&addr, moved.map(|name| StepAddr::of_table(wish.name(), StepKind::Table, name)));
    before_rows(wanted, wish, addr);
}

fn views(wanted: &mut Desired, wish: &Wish) {
    let left_out = left_out(wish.facts);
    for of in wish.facts.source.views.iter().filter(|view| !left_out.contains_key(&view.name)) {
        view(wanted, wish, of);
    }
}

/// A view waits for the tables and views that its text reads.
fn view(wanted: &mut Desired, wish: &Wish, view: &View) {
    let source = &wish.facts.source;
    let addr = StepAddr::of_table(wish.name(), StepKind::View, &view.name);
    let (created, changes) = rewrite::views::for_target(view, source, wish.target, &wish.migration.gates);
    if !changes.is_empty() {
        let (source, target) = (ddl::create_view(view), ddl::create_view(&created));
        wanted.rewrites.insert(addr.clone(), Rewrite { source, target, changes });
    }
    let inputs = ViewInputs { ddl: ddl::create_view(&created), view: created };
    wanted.fingerprints.insert(addr.clone(), Digest::of(&View { shape: Vec::new(), ..view.clone() }));
    wanted.node(addr.clone(), StepKind::View, &inputs, &inputs);
    let read: BTreeSet<String> =
        reads(&view.select, &view.name.schema).iter().map(|name| name.key().to_lowercase()).collect();
    let names = |name: &TableName| read.contains(&name.key().to_lowercase());
    let of = |kind| move |name: &TableName| StepAddr::of_table(wish.name(), kind, name);
    let tables = source.tables.iter().map(|table| &table.name).filter(|name| names(name)).map(of(StepKind::Table));
    let others = source.views.iter().map(|view| &view.name).filter(|name| **name != view.name && names(name));
    let edges: Vec<StepAddr> =
        tables.chain(others.map(of(StepKind::View))).chain([database(wish, &view.name.schema)]).collect();
    wanted.after(&addr, edges);
    before_rows(wanted, wish, addr);
}

fn undo_table(of: &Recorded) -> Outcome<Undone> {
    if !of.drop_target_data {
        return Ok(Undone::kept(Kept::Made));
    }
    let load = of.addr.migration().zip(of.addr.table()).map(|(m, t)| StepAddr::of_table(m, StepKind::Load, &t));
    let loaded = load.as_ref().map_or(Ok(None), |load| of.state.outputs_of::<LoadOutputs>(load))?;
    let rows = loaded.map(|loaded| loaded.total.rows);
    let load = load.and_then(|load| of.state.steps.get(&load));
    Undone::removed(Removed::Table { rows }, &Removal::new(of.record, load))
}

fn database_drift(ask: &DecisionContext<'_>) -> Option<Drift> {
    let name = ask.node.addr.key()?;
    let there = ask.facts.target.schemas.iter().any(|schema| key_ident(&schema.name) == name);
    (!there).then_some(Drift::GoneFromTarget)
}

fn table_drift(ask: &DecisionContext<'_>) -> Outcome<Option<Drift>> {
    let inputs: TableInputs = inputs_of(ask.node)?;
    let Some(actual) = ask.facts.target.table(&inputs.source.name) else {
        let name = inputs.source.name.folded();
        let view = ask.facts.target.views.iter().any(|view| view.name.folded() == name);
        return Ok(Some(if view { Drift::ViewInItsPlace } else { Drift::GoneFromTarget }));
    };
    // Foreign keys are a step of their own.
    let differences = compare::table_differences(&inputs.target, actual);
    Ok(differences.into_iter().next().map(|first| Drift::ChangedOnTarget { part: first.what }))
}

fn foreign_key_drift(ask: &DecisionContext<'_>) -> Outcome<Option<Drift>> {
    let inputs: ForeignKeysInputs = inputs_of(ask.node)?;
    let addr = ask.node.addr.migration().map(|m| StepAddr::of_table(m, StepKind::Table, &inputs.table));
    let node = ask.nodes.iter().find(|node| Some(&node.addr) == addr.as_ref());
    let (Some(node), Some(actual)) = (node, ask.facts.target.table(&inputs.table)) else { return Ok(None) };
    let wanted = inputs_of::<TableInputs>(node)?.target;
    let differences = compare::foreign_key_differences(&wanted, actual);
    let first = differences.into_iter().find(|difference| !difference.expected.is_empty());
    Ok(first.map(|first| match first.actual.is_empty() {
        true => Drift::PartGoneFromTarget { part: first.what },
        false => Drift::ChangedOnTarget { part: first.what },
    }))
}

/// A view of another text holds no rows: it is made again.
fn view_drift(ask: &DecisionContext<'_>, record: &StepRecord) -> Outcome<Option<Drift>> {
    let Some(name) = ask.node.addr.table().map(|view| view.folded()) else { return Ok(None) };
    let Some(there) = ask.facts.target.views.iter().find(|view| view.name.folded() == name) else {
        let table = ask.facts.target.tables.iter().any(|table| table.name.folded() == name);
        return Ok(Some(if table { Drift::TableInItsPlace } else { Drift::GoneFromTarget }));
    };
    let made = record.outputs_as::<ViewOutputs>(&ask.node.addr)?;
    let changed = made.and_then(|made| made.text).is_some_and(|text| text != ddl::view_fingerprint(there));
    Ok(changed.then_some(Drift::ViewTextChanged))
}
