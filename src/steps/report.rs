//! `migration.….report`: the certificate. Reads the structure back from the target and compares it, looks whether the
//! source was written to, gathers what every step proved. What could not be proven is said to be unproven.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::context::{Context, read_inputs};
use super::dump::write_file;
use super::observe::binlog;
use super::observe::inventory::inventory;
use super::observe::server::server_facts;
use super::step::StepCtx;
use crate::formats::certificate::{
    Certificate, FORMAT_VERSION, Judgement, NotMoved, Party, ProvenBy, Seconds, StructureDifference, StructureProof,
    TableProof, Three, Totals, ViewProof, WritesOutcome, WritesProof,
};
use crate::formats::dumpfile::{self, BinlogPlace, DumpFile};
use crate::formats::facts::{Flavor, MigrationFacts, Position, Verdict};
use crate::formats::inputs::{ReportInputs, TableInputs};
use crate::formats::manifest::{self, TableManifest};
use crate::formats::plan::Node;
use crate::formats::spec::model::Migration;
use crate::formats::state::StepRecord;
use crate::formats::structure::{Inventory, View};
use crate::seams::sql::Role;
use crate::think::{compare, rewrite};
use crate::words::addr::{StepAddr, StepKind, TableName};
use crate::words::diag::Diagnostic;
use crate::words::digest::Digest;
use crate::words::error::{ExitKind, Failure, Outcome};

/// Where a migration's certificate lies: beside the state.
pub fn certificate_path(state: &Path, migration: &str) -> PathBuf {
    let name = state.file_name().and_then(|n| n.to_str()).unwrap_or("mig.migstate");
    state.with_file_name(format!("{name}.{migration}.certificate.json"))
}

pub async fn run(context: &Arc<Context>, node: &Node, ctx: StepCtx) -> Outcome<Value> {
    let inputs: ReportInputs = read_inputs(node)?;
    let migration = context.migration(&node.addr)?;
    let facts = context.facts(&node.addr)?;
    let (source, target) = (context.source_of(migration)?, context.target_of(migration)?);
    let there = read_back(context, migration, facts).await?;
    let mut unproven = Vec::new();
    let mut tables = Vec::new();
    for key in &inputs.tables {
        let Some(name) = TableName::parse_key(key) else { continue };
        tables.push(table_proof(context, migration, &ctx, &name, &there)?);
    }
    let views = facts.source.views.iter().map(|view| ViewProof {
        name: view.name.key(),
        structure: view_structure(&there, view),
        rewritten: sentences(&rewrite::view_for_target(view).1),
    });
    let views: Vec<ViewProof> = views.collect();
    let writes = writes(context, migration, &ctx, &mut unproven).await?;
    let mut gates = std::collections::BTreeMap::new();
    for gate in crate::think::gates::NAMES {
        let outputs = ctx.upstream_outputs(&StepAddr::gate(&migration.name, gate));
        let verdict = outputs.and_then(|o| serde_json::from_value::<Verdict>(o.get("verdict")?.clone()).ok());
        if let Some(verdict) = verdict {
            gates.insert(gate.to_owned(), verdict.outcome);
        }
    }
    let party = |addr: &StepAddr| {
        let (identity, version) =
            context.seen(addr).map(|f| (f.identity.clone(), f.version.clone())).unwrap_or_default();
        Party { address: addr.to_string(), identity, version }
    };
    let tidb = context.seen(&target).is_some_and(|seen| seen.flavor == Flavor::Tidb);
    let programs = facts.source.triggers.iter().chain(&facts.source.routines).chain(&facts.source.events);
    let not_moved = programs.map(|program| NotMoved {
        kind: program.kind.to_lowercase(),
        name: format!("{}.{}", program.schema, program.name),
        why: if tidb { "TiDB has no such programs" } else { "mig does not move programs" }.into(),
    });
    let left_out = migration.dump.where_.iter().map(|(table, condition)| NotMoved {
        kind: "rows".into(),
        name: table.clone(),
        why: format!("the spec moves only rows where {condition}"),
    });
    let certificate = Certificate {
        format_version: FORMAT_VERSION,
        mig_version: env!("CARGO_PKG_VERSION").into(),
        lineage: context.lineage.clone(),
        migration: migration.name.clone(),
        created: context.clock.now(),
        source: party(&source),
        target: party(&target),
        verdict: Judgement::Unproven,
        writes,
        not_moved: not_moved.chain(left_out).collect(),
        totals: Totals { seconds: span(&ctx, &migration.name), ..Totals::default() },
        tables,
        views,
        unproven,
        gates,
        digest: Digest::of_bytes(b""),
    }
    .seal();
    finish_dump(context, migration, &inputs)?;
    let path = certificate_path(&context.state_path, &migration.name);
    let bytes = serde_json::to_vec_pretty(&certificate).map_err(|e| broken(&e.to_string()))?;
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("certificate.json").to_owned();
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    write_file(folder, &name, &bytes)?;
    if certificate.writes.outcome == WritesOutcome::Detected {
        return Err(Failure::new(
            "MIG6003",
            "prove that the source was not written to",
            certificate.writes.text.clone(),
            format!(
                "Stop the writes; then move the tables anew: `mig apply -replace='{}'`.",
                StepAddr::gate(&migration.name, "writes_stopped")
            ),
        )
        .exit(ExitKind::Mismatch));
    }
    if certificate.verdict == Judgement::Different {
        let different: Vec<&str> =
            certificate.tables.iter().filter(|t| t.judge() == Judgement::Different).map(|t| t.table.as_str()).collect();
        return Err(Failure::new(
            "MIG6004",
            "prove the migration equal",
            format!("the structure or the rows differ: {}", different.join(", ")),
            "`mig report` names each difference.",
        )
        .exit(ExitKind::Mismatch));
    }
    Ok(json!({
        "verdict": certificate.verdict,
        "certificate": certificate.digest,
        "filter": migration.tables,
        "tables": certificate.totals.tables,
        "rows": certificate.totals.rows,
    }))
}

/// The selected schemas as the target has them now.
async fn read_back(context: &Context, migration: &Migration, facts: &MigrationFacts) -> Outcome<Inventory> {
    let names: std::collections::BTreeSet<TableName> = facts
        .source
        .tables
        .iter()
        .map(|t| t.name.clone())
        .chain(facts.source.views.iter().map(|v| v.name.clone()))
        .collect();
    let schemas: Vec<String> =
        names.iter().map(|n| n.schema.clone()).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    let server = context.server(&context.target_of(migration)?)?;
    let mut connection = server.connect(&Role::Look).await?;
    let select = |schema: &str, name: &str| names.contains(&TableName::new(schema, name));
    Ok(inventory(&mut *connection, Some(&schemas), &select).await?.0)
}

fn table_proof(
    context: &Context,
    migration: &Migration,
    ctx: &StepCtx,
    name: &TableName,
    there: &Inventory,
) -> Outcome<TableProof> {
    let of = |kind| StepAddr::of_table(&migration.name, kind, name);
    let outputs = |kind| ctx.upstream_outputs(&of(kind)).unwrap_or(Value::Null);
    let (dump, verify) = (outputs(StepKind::Dump), outputs(StepKind::Verify));
    let structure: TableInputs = read_inputs(context.node(&of(StepKind::Table))?)?;
    let rows = |value: &Value| value.get("rows").and_then(Value::as_u64);
    let hash = |value: &Value| value.get("hash").and_then(Value::as_str).map(str::to_owned);
    let side = |name: &str| verify.get(name).cloned().unwrap_or(Value::Null);
    let proven_by = match verify.get("how").and_then(Value::as_str) {
        Some("server") => ProvenBy::ServerHashes,
        Some("client") => ProvenBy::ClientHashes,
        Some("count") => ProvenBy::Count,
        _ => ProvenBy::NotVerified,
    };
    let target = context.seen(&context.target_of(migration)?);
    let zeros_change = target.is_some_and(|target| target.flavor != Flavor::Mysql);
    let changes = match target {
        Some(target) => rewrite::for_target(&structure.source, target, &migration.gates).changes,
        None => Vec::new(),
    };
    let content = proven_by.sees_content();
    Ok(TableProof {
        table: name.key(),
        rows: Three { source: rows(&side("source")), dumped: rows(&dump), target: rows(&side("target")) },
        hash: Three {
            source: hash(&side("source")).filter(|_| content),
            dumped: hash(&dump),
            target: hash(&side("target")).filter(|_| content),
        },
        parts: dump.get("parts").and_then(Value::as_u64).unwrap_or(0),
        bytes: dump.get("bytes").and_then(Value::as_u64).unwrap_or(0),
        seconds: Seconds {
            dump: seconds(ctx.record(&of(StepKind::Dump))),
            load: seconds(ctx.record(&of(StepKind::Load))),
            verify: seconds(ctx.record(&of(StepKind::Verify))),
        },
        proven_by,
        rewritten: sentences(&changes),
        structure: table_structure(there, &structure),
        equal: false,
        negative_zeros: dump.get("negative_zeros").and_then(Value::as_u64).filter(|_| zeros_change).unwrap_or(0),
    })
}

/// Changes as the certificate says them.
fn sentences(changes: &[Diagnostic]) -> Vec<String> {
    changes.iter().map(|d| format!("{}: {}", d.code, d.summary)).collect()
}

fn table_structure(there: &Inventory, wanted: &TableInputs) -> StructureProof {
    let Some(actual) = there.table(&wanted.source.name) else {
        return gone();
    };
    told(compare::structure_differences(&wanted.target, actual))
}

fn view_structure(there: &Inventory, wanted: &View) -> StructureProof {
    let Some(actual) = there.view(&wanted.name) else { return gone() };
    told(compare::view_differences(wanted, actual))
}

fn told(differences: Vec<compare::Difference>) -> StructureProof {
    let differences: Vec<StructureDifference> = differences
        .into_iter()
        .map(|d| StructureDifference { what: d.what, expected: d.expected, actual: d.actual })
        .collect();
    StructureProof { equal: differences.is_empty(), differences }
}

fn gone() -> StructureProof {
    let difference = StructureDifference {
        what: "it is not on the target".into(),
        expected: "there".into(),
        actual: "absent".into(),
    };
    StructureProof { equal: false, differences: vec![difference] }
}

/// Whether the source was written to between the run's first look and now.
async fn writes(
    context: &Context,
    migration: &Migration,
    ctx: &StepCtx,
    unproven: &mut Vec<String>,
) -> Outcome<WritesProof> {
    const UNSEEN: &str = "Writes with sql_log_bin = 0 are not seen by this.";
    let gate = ctx.upstream_outputs(&StepAddr::gate(&migration.name, "writes_stopped"));
    if context.seen(&context.source_of(migration)?).is_some_and(|facts| facts.dump) {
        let text = "not verified against a source: the rows came out of a dump. What is on the target was read back and \
                    is what the dump's files hold; that they hold what the source held is not proven";
        unproven.push(format!("The migration is {text}."));
        return Ok(WritesProof {
            outcome: WritesOutcome::Unproven,
            how: "nothing: there is no source".into(),
            text: format!("The migration is {text}."),
        });
    }
    let first: Option<Position> = gate.and_then(|o| serde_json::from_value(o.get("position")?.clone()).ok().flatten());
    let address = context.source_of(migration)?;
    let server = context.server(&address)?;
    let verified = migration.verify == crate::formats::spec::model::VerifyMode::Full;
    let weaker = if verified {
        "Every table was hashed on the source again after its load, and had the rows that were dumped: weaker evidence."
    } else {
        "The tables were not hashed again."
    };
    let mut cannot = |why: String| {
        unproven.push(format!("Whether the source was written to while it was moved: {why}. {weaker}"));
        WritesProof {
            outcome: WritesOutcome::Unproven,
            how: if verified { "hashes of the source after the last part".into() } else { "nothing".into() },
            text: format!("{why}. {weaker}"),
        }
    };
    let Some(first) = first else { return Ok(cannot("the binlog position was not to be had".into())) };
    let mut connection = server.connect(&Role::Look).await?;
    let now = server_facts(&mut *connection, None).await?.binlog;
    if now.position.as_ref() == Some(&first) {
        return Ok(WritesProof {
            outcome: WritesOutcome::Proven,
            how: "the binlog's position before the first and after the last part is the same".into(),
            text: format!("No event was written to the binlog. {UNSEEN}"),
        });
    }
    let source = &context.facts(&ctx.addr)?.source;
    let seen = binlog::writes_since(&*server, &now, &first, &migration.tables, source).await;
    if !seen.changed_tables.is_empty() {
        return Ok(WritesProof {
            outcome: WritesOutcome::Detected,
            how: "the binlog's events between the first and the last part".into(),
            text: format!("writes to {} were seen while the tables were moved", seen.changed_tables.join(", ")),
        });
    }
    if !seen.unproven.is_empty() || !seen.unattributed.is_empty() {
        let why = if seen.unproven.is_empty() {
            format!("{} statements in the binlog cannot be attributed to a table", seen.unattributed.len())
        } else {
            seen.unproven.clone()
        };
        return Ok(cannot(why));
    }
    Ok(WritesProof {
        outcome: WritesOutcome::Proven,
        how: "the binlog's events between the first and the last part".into(),
        text: format!("The binlog moved, and no event in it is on a moved table. {UNSEEN}"),
    })
}

/// Makes the folder of the dump a whole one: schema files, the manifest of all tables, `metadata` last.
fn finish_dump(context: &Context, migration: &Migration, inputs: &ReportInputs) -> Outcome<()> {
    let dir = context.dump_dir(migration);
    let mut manifests = Vec::new();
    for key in &inputs.tables {
        let Some(name) = TableName::parse_key(key) else { continue };
        let Ok(bytes) = std::fs::read(dir.join(super::dump::manifest_path(&name))) else { return Ok(()) };
        manifests.push(serde_json::from_slice::<TableManifest>(&bytes).map_err(|e| broken(&e.to_string()))?);
    }
    // Files of somebody else's dump are a whole one already, elsewhere.
    let foreign = manifests.iter().any(|manifest| manifest.dir.is_some());
    if !migration.dump.keep || manifests.is_empty() || foreign {
        return Ok(());
    }
    for node in context.nodes().filter(|n| n.addr.migration() == Some(migration.name.as_str())) {
        match node.kind {
            StepKind::Database => {
                let database: crate::formats::inputs::DatabaseInputs = read_inputs(node)?;
                let name = DumpFile::Schema(database.schema.name.clone()).name();
                write_file(&dir, &name, dumpfile::schema_text(&database.ddl).as_bytes())?;
            }
            StepKind::View => {
                let inputs: crate::formats::inputs::ViewInputs = read_inputs(node)?;
                let view = &inputs.view;
                let placeholder = dumpfile::view_placeholder_text(&view.name.name, &view.columns);
                write_file(&dir, &DumpFile::Table(view.name.clone()).name(), placeholder.as_bytes())?;
                let text = dumpfile::view_text(&view.name.name, &inputs.ddl, &view.charset, &view.collation);
                write_file(&dir, &DumpFile::View(view.name.clone()).name(), text.as_bytes())?;
            }
            _ => {}
        }
    }
    let whole = json!({ "format_version": manifest::FORMAT_VERSION, "migration": migration.name, "tables": manifests });
    let bytes = serde_json::to_vec_pretty(&whole).map_err(|e| broken(&e.to_string()))?;
    write_file(&dir, manifest::FILE, &bytes)?;
    let now = context.clock.now();
    let text = |t: &str| t.get(..19).unwrap_or(t).replace('T', " ");
    let address = context.source_of(migration)?;
    // As it stood when the run began.
    let start = context.seen(&address).and_then(|facts| facts.binlog.position.as_ref());
    let place = start.map(|p| BinlogPlace { file: p.file.clone(), position: p.offset, gtid_set: p.gtid.clone() });
    write_file(&dir, dumpfile::METADATA, dumpfile::metadata_text(&text(&now), place.as_ref(), &text(&now)).as_bytes())
}

/// Seconds from a step's start to its end.
fn seconds(record: Option<StepRecord>) -> f64 {
    let Some(record) = record else { return 0.0 };
    let (Some(start), Some(end)) = (moment(&record.started), record.finished.as_deref().and_then(moment)) else {
        return 0.0;
    };
    rounded(end - start)
}

/// From the first start to the last end of the migration's steps.
fn span(ctx: &StepCtx, migration: &str) -> f64 {
    let mut first = f64::MAX;
    let mut last = f64::MIN;
    for record in ctx.records(migration) {
        first = moment(&record.started).map_or(first, |t| t.min(first));
        last = record.finished.as_deref().and_then(moment).map_or(last, |t| t.max(last));
    }
    if last > first { rounded(last - first) } else { 0.0 }
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

fn moment(text: &str) -> Option<f64> {
    let parsed = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()?;
    Some(parsed.unix_timestamp_nanos() as f64 / 1e9)
}

fn broken(cause: &str) -> Failure {
    Failure::new("MIG6005", "write the certificate", cause, "Run `mig apply` again; if it stays, please report it.")
}
