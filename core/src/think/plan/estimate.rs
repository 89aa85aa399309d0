//! Quantities of a plan: rows, bytes, files and a band of time, from the servers' own estimates. Never part of the
//! plan's body.

use std::collections::BTreeMap;

use super::desired::Desired;
use crate::formats::facts::World;
use crate::formats::plan::{Estimates, Graph, TableEstimates};
use crate::formats::spec::model::Spec;
use crate::words::addr::StepKind;

/// Bytes of a part where `chunk_bytes = "auto"`: large enough that a statement's overhead is lost in it, small enough
/// that a table of some gigabytes has parts for every connection.
pub const AUTO_CHUNK_BYTES: u64 = 16 << 20;

/// Rows/s of a load, at least and at most, as measured on small servers. The band is wide because the target decides.
pub const ROWS_A_SECOND: (u64, u64) = (15_000, 120_000);
/// MiB/s of a load, at least and at most.
pub const BYTES_A_SECOND: (u64, u64) = (8, 40);
/// Tables/s, at least and at most: each costs 20 to 120 ms for its DDL and its connections.
pub const CREATED_A_SECOND: (u64, u64) = (8, 50);

/// Quantities of every selected table.
pub fn estimate(spec: &Spec, world: &World, wanted: &Desired) -> Estimates {
    let mut estimates = Estimates::default();
    for (name, facts) in &world.migrations {
        let Some(migration) = spec.migrations.get(name).filter(|_| !wanted.unknown.contains(name)) else { continue };
        let chunk = migration.dump.chunk_bytes.unwrap_or(AUTO_CHUNK_BYTES).min(migration.dump.file_size).max(1);
        for table in &facts.source.tables {
            let bytes = table.estimate.data_bytes;
            let files = bytes.div_ceil(chunk).max(1);
            estimates.by_table.insert(table.name.key(), TableEstimates { rows: table.estimate.rows, bytes, files });
        }
    }
    estimates
}

/// Only of tables whose load is to run; with the band of time.
pub fn of_pending(mut estimates: Estimates, spec: &Spec, graph: &Graph) -> Estimates {
    let limited = seconds_of_limits(&estimates, spec, graph);
    let pending: std::collections::BTreeSet<String> = graph
        .nodes
        .iter()
        .filter(|n| n.kind == StepKind::Load && n.action.is_change())
        .filter_map(|n| n.addr.table().map(|t| t.key()))
        .collect();
    estimates.by_table.retain(|table, _| pending.contains(table));
    estimates.tables = estimates.by_table.len() as u64;
    estimates.rows = estimates.by_table.values().map(|t| t.rows).sum();
    estimates.bytes = estimates.by_table.values().map(|t| t.bytes).sum();
    estimates.files = estimates.by_table.values().map(|t| t.files).sum();
    if estimates.tables > 0 {
        let by_rows = |rate: u64| estimates.rows / rate;
        let by_bytes = |rate: u64| estimates.bytes / (rate << 20);
        let seconds =
            |rows: u64, bytes: u64, created: u64| by_rows(rows).max(by_bytes(bytes)) + estimates.tables / created;
        estimates.seconds_low = seconds(ROWS_A_SECOND.1, BYTES_A_SECOND.1, CREATED_A_SECOND.1).max(limited) + 1;
        estimates.seconds_high = seconds(ROWS_A_SECOND.0, BYTES_A_SECOND.0, CREATED_A_SECOND.0).max(limited) + 5;
    }
    estimates
}

/// How long the dumps that are to run take at the `rate_limit` of their migration: of the migration that takes longest,
/// because a limit is for all readers of one migration together. 0: there is no limit.
fn seconds_of_limits(estimates: &Estimates, spec: &Spec, graph: &Graph) -> u64 {
    let mut bytes: BTreeMap<&str, u64> = BTreeMap::new();
    for node in graph.nodes.iter().filter(|node| node.kind == StepKind::Dump && node.action.is_change()) {
        let table = node.addr.table().and_then(|table| estimates.by_table.get(&table.key()));
        if let (Some(name), Some(table)) = (node.addr.migration(), table) {
            *bytes.entry(name).or_default() += table.bytes;
        }
    }
    let limit = |name: &str| spec.migrations.get(name).and_then(|migration| migration.dump.rate_limit);
    bytes.iter().filter_map(|(name, bytes)| Some(bytes / limit(name)?.max(1))).max().unwrap_or(0)
}
