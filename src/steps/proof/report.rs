//! `migration.….report`: the certificate. Reads the structure back from the target and compares it, looks whether the
//! source was written to, gathers what every step proved. What could not be proven is said to be unproven.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::formats::certificate::{
    Certificate, FORMAT_VERSION, Judgement, NotMoved, Party, ProvenBy, Seconds, StructureDifference, TableProof, Three,
    Totals, ViewProof, WritesOutcome, WritesProof,
};
use crate::formats::ddl;
use crate::formats::dumpfile::{self, BinlogPlace, DumpFile};
use crate::formats::facts::{Flavor, GateOutcome, MigrationFacts, NO_LEDGER};
use crate::formats::manifest::{self, TableManifest};
use crate::formats::outputs;
use crate::formats::plan::{Action, Node};
use crate::formats::rowhash::JsonNumbers;
use crate::formats::spec::model::Migration;
use crate::formats::state::StepRecord;
use crate::formats::steps::{
    DumpOutputs, GateOutputs, LoadForm, LoadOutputs, ReportInputs, ReportOutputs, TableInputs, VerifyOutputs,
    ViewOutputs,
};
use crate::formats::structure::Inventory;
use crate::seams::store::Companion;
use crate::steps::context::{Context, read_inputs};
use crate::steps::observe::dump_files::read_all;
use crate::steps::proof::reread;
use crate::steps::proof::writes::{self, Look};
use crate::steps::servers::recorded_id;
use crate::steps::step::StepCtx;
use crate::steps::target::structure::{self, gone, table_told, told};
use crate::steps::transfer::dump::{manifest_name, write_file};
use crate::steps::{proof::view_proof, target::view};
use crate::think::gates::compatibility::views::{Reasons, left_out};
use crate::think::gates::{rules, selection};
use crate::think::{compare, rewrite};
use crate::words::addr::{Creates, GateName, StepAddr, StepKind, TableName};
use crate::words::codes::{self, Code};
use crate::words::diag::Diagnostic;
use crate::words::digest::Digest;
use crate::words::error::{ExitKind, Failure, Outcome};

pub async fn run(context: &Arc<Context>, node: &Node, ctx: StepCtx) -> Outcome<Value> {
    let inputs: ReportInputs = read_inputs(node)?;
    let migration = context.migration(&node.addr)?;
    let (certificate, changed) = certify(context, migration, &ctx, &inputs).await?;
    finish_dump(context, migration, &ctx, &inputs).await?;
    keep(context, &migration.name, &certificate).await?;
    if certificate.writes.outcome == WritesOutcome::Detected {
        return Err(Failure::new(
            codes::WRITES_AT_REPORT,
            "prove that the source was not written to",
            certificate.writes.text.clone(),
            format!(
                "Stop the writes; then move the tables again from scratch: `mig apply -replace='{}'`.",
                StepAddr::gate(&migration.name, GateName::WritesStopped)
            ),
        ));
    }
    if let Some(changed) = changed {
        return Err(changed);
    }
    ended(&certificate)?;
    outputs::to_value(&ReportOutputs {
        verdict: certificate.verdict,
        certificate: certificate.digest,
        filter: migration.tables.clone(),
        tables: certificate.totals.tables,
        rows: certificate.totals.rows,
    })
}

/// Reads everything back and puts the evidence together; beside it the failure of a source that changed meanwhile.
async fn certify(
    context: &Arc<Context>,
    migration: &Migration,
    ctx: &StepCtx,
    inputs: &ReportInputs,
) -> Outcome<(Certificate, Option<Failure>)> {
    let facts = context.facts(&ctx.addr)?;
    let (source, target) = (context.source_of(migration)?, context.target_of(migration)?);
    let tables = facts.source.tables.iter().map(|table| table.name.clone());
    let names = tables.chain(facts.source.views.iter().map(|view| view.name.clone())).collect();
    let mut there = structure::read_back(context, migration, &names).await?;
    structure::carry_counters(context, migration, facts, &mut there).await?;
    let mut tables = Vec::new();
    let mut arrived_changed = BTreeSet::new();
    for key in &inputs.tables {
        let (proof, codes) = table_proof(context, migration, ctx, &table_of(key)?, &there)?;
        tables.push(proof);
        arrived_changed.extend(codes);
    }
    let left_out = left_out(facts);
    let (views, codes) = view_proofs(context, migration, &left_out, ctx, &there).await?;
    arrived_changed.extend(codes);
    let writes = writes(context, migration, ctx, &inputs.tables).await?;
    let (writes, changed) = reread::settle(context, ctx, migration, &mut tables, writes).await?;
    let from_dump = context.seen(&source).is_some_and(|facts| facts.dump);
    let mut judged = Judged::of(ctx, migration, &arrived_changed)?;
    judged.accepted.extend(uncounted(context, migration, &tables)?);
    judged.named.extend(loaded_by_others(ctx, &migration.name, &inputs.tables)?);
    let certificate = Certificate {
        format_version: FORMAT_VERSION,
        mig_version: env!("CARGO_PKG_VERSION").into(),
        lineage: context.lineage.clone(),
        migration: migration.name.clone(),
        created: context.clock.now(),
        source: party(context, ctx, &source)?,
        target: party(context, ctx, &target)?,
        verdict: Judgement::Unproven,
        not_moved: not_moved(context, migration, facts, &left_out, &target),
        totals: Totals { seconds: span(ctx, &migration.name), ..Totals::default() },
        unproven: unproven(&views, &writes, from_dump),
        writes,
        tables,
        views,
        accepted: judged.accepted,
        named: judged.named,
        gates: judged.gates,
        digest: Digest::of_bytes(b""),
    };
    Ok((certificate.seal(), changed))
}

/// What a load promises that is not mig's own.
///
/// # Errors
/// MIG4002: the record of a load cannot be read.
fn loaded_by_others(ctx: &StepCtx, migration: &str, tables: &[String]) -> Outcome<Option<String>> {
    let mut count = 0;
    for key in tables {
        let load = StepAddr::of_table(migration, StepKind::Load, &table_of(key)?);
        let loaded = ctx.upstream::<LoadOutputs>(&load)?;
        count += usize::from(loaded.is_some_and(|loaded| loaded.form == LoadForm::Lightning));
    }
    let tables = crate::think::gates::count(count, "table");
    Ok((count > 0).then(|| {
        format!("TiDB Lightning loaded {tables}: each row at least once; that none is there twice, the comparison of the rows says")
    }))
}

fn table_of(key: &str) -> Outcome<TableName> {
    TableName::parse_key(key).ok_or_else(|| broken(&format!("{key} is not the key of a table")))
}

/// A server as the certificate names it. A TiDB has its id by the ledger, which this run may have made.
///
/// # Errors
/// MIG4002: the server's record cannot be read.
fn party(context: &Context, ctx: &StepCtx, addr: &StepAddr) -> Outcome<Party> {
    let seen = context.seen(addr).map(|facts| (facts.identity.clone(), facts.version.clone()));
    let (mut identity, version) = seen.unwrap_or_default();
    if let (Some(user), Some(id)) = (identity.strip_suffix(NO_LEDGER), recorded_id(context, ctx, addr)?) {
        identity = format!("{user}{id}");
    }
    Ok(Party { address: addr.to_string(), identity, version })
}

/// What the gates said, as the certificate tells it.
#[derive(Default)]
struct Judged {
    gates: BTreeMap<String, GateOutcome>,
    accepted: Vec<String>,
    named: Vec<String>,
}

impl Judged {
    /// `arrived_changed`: the rules by which tables and views are not as on the source; the proofs name these.
    fn of(ctx: &StepCtx, migration: &Migration, arrived_changed: &BTreeSet<Code>) -> Outcome<Self> {
        let mut judged = Self::default();
        for gate in GateName::JUDGED {
            let passed = ctx.upstream::<GateOutputs>(&StepAddr::gate(&migration.name, gate))?;
            let Some(verdict) = passed.and_then(|passed| passed.verdict) else { continue };
            for finding in &verdict.findings {
                match rules::in_certificate(finding.code, arrived_changed) {
                    Some(rules::Told::Accepted) => judged.accepted.extend(lines(finding)),
                    Some(rules::Told::Named) => judged.named.extend(lines(finding)),
                    None => {}
                }
            }
            judged.gates.insert(gate.word().to_owned(), verdict.outcome);
        }
        Ok(judged)
    }
}

/// What could not be looked at, in sentences.
fn unproven(views: &[ViewProof], writes: &WritesProof, from_dump: bool) -> Vec<String> {
    let rows = views.iter().filter_map(|view| Some((view, view.rows.as_ref()?)));
    let rows = rows.filter(|(_, rows)| !rows.unproven.is_empty());
    let mut unproven: Vec<String> =
        rows.map(|(view, rows)| format!("The rows of the view {}: {}.", view.name, rows.unproven)).collect();
    if writes.outcome == WritesOutcome::Unproven {
        let about = if from_dump { "" } else { "Whether the source was written to while it was moved: " };
        unproven.push(format!("{about}{}", writes.text));
    }
    unproven
}

/// What stays behind: programs, views that were left out, rows outside of a condition, names that the filter does not meet.
fn not_moved(
    context: &Context,
    migration: &Migration,
    facts: &MigrationFacts,
    left_out: &BTreeMap<TableName, Reasons>,
    target: &StepAddr,
) -> Vec<NotMoved> {
    let tidb = context.seen(target).is_some_and(|seen| seen.flavor == Flavor::Tidb);
    let programs = facts.source.triggers.iter().chain(&facts.source.routines).chain(&facts.source.events);
    let programs = programs.map(|program| NotMoved {
        kind: program.kind.to_lowercase(),
        name: format!("{}.{}", program.schema, program.name),
        why: if tidb { "TiDB has no such programs" } else { "mig does not move programs" }.into(),
    });
    let rows_left_out = migration.dump.where_.iter().map(|(table, condition)| NotMoved {
        kind: "rows".into(),
        name: table.clone(),
        why: format!("the spec moves only rows where {condition}"),
    });
    let unmet = selection::unmet(migration, facts).into_iter();
    let unmet = unmet.map(|unmet| NotMoved { kind: unmet.kind.into(), name: unmet.name, why: unmet.why });
    programs.chain(views_left_out(left_out)).chain(rows_left_out).chain(unmet).collect()
}

async fn keep(context: &Context, migration: &str, certificate: &Certificate) -> Outcome<()> {
    let bytes = serde_json::to_vec_pretty(certificate).map_err(|e| broken(&e.to_string()))?;
    let (store, file) = (Arc::clone(&context.store), Companion::certificate(migration));
    tokio::task::spawn_blocking(move || store.keep(&file, &bytes)).await.map_err(|e| broken(&e.to_string()))?
}

/// The failure of a run that moved everything and found it not equal.
fn ended(certificate: &Certificate) -> Outcome<()> {
    if certificate.verdict != Judgement::Different {
        return Ok(());
    }
    let tables = certificate.tables.iter().filter(|t| t.judge() == Judgement::Different);
    let tables: Vec<String> = tables.map(|t| format!("{}: {}", t.table, t.fault())).collect();
    let views = certificate.views.iter().filter(|v| v.judge() == Judgement::Different);
    let views: Vec<String> = views.map(|v| format!("view {}: {}", v.name, v.fault())).collect();
    let code = if tables.is_empty() && !views.is_empty() { codes::VIEW_NOT_EQUAL } else { codes::NOT_EQUAL };
    Err(Failure::new(
        code,
        "prove the migration equal",
        tables.into_iter().chain(views).collect::<Vec<_>>().join("; "),
        "`mig report` names each difference.",
    )
    .exit(ExitKind::Mismatch))
}

/// The views that were not made, as the certificate names them.
fn views_left_out(left_out: &BTreeMap<TableName, Reasons>) -> impl Iterator<Item = NotMoved> {
    left_out.iter().map(|(name, reasons)| NotMoved {
        kind: "view".into(),
        name: name.key(),
        why: reasons.iter().map(|(code, text)| format!("{code}: {text}")).collect::<Vec<_>>().join("; "),
    })
}

/// Every view that was to be made, and the rules by which any of them is changed.
async fn view_proofs(
    context: &Context,
    migration: &Migration,
    left_out: &BTreeMap<TableName, Reasons>,
    ctx: &StepCtx,
    there: &Inventory,
) -> Outcome<(Vec<ViewProof>, Vec<Code>)> {
    let mut codes = Vec::new();
    let facts = context.facts(&ctx.addr)?;
    let target = context.seen(&context.target_of(migration)?).cloned().unwrap_or_default();
    let (mut proofs, mut actual) = (Vec::new(), BTreeMap::new());
    for source in facts.source.views.iter().filter(|view| !left_out.contains_key(&view.name)) {
        let (wanted, changes) = rewrite::views::for_target(source, &facts.source, &target, &migration.gates);
        let addr = StepAddr::of_table(&migration.name, StepKind::View, &source.name);
        let recorded = ctx.upstream::<ViewOutputs>(&addr)?;
        let structure =
            match there.views.iter().find(|v| v.name.key().to_lowercase() == source.name.key().to_lowercase()) {
                Some(now) => {
                    actual.insert(source.name.key(), now.clone());
                    let mut found = compare::views::differences(&wanted, now, target.flavor != Flavor::Tidb);
                    if recorded.and_then(|view| view.text).is_some_and(|text| text != ddl::view_fingerprint(now)) {
                        found.push(view::text_changed(&wanted, now));
                    }
                    told(found)
                }
                None => gone(),
            };
        codes.extend(changes.iter().map(|change| change.code));
        proofs.push(ViewProof { name: source.name.key(), structure, rows: None, rewritten: sentences(&changes) });
    }
    let mut found = view_proof::compare(context, migration, facts, &actual).await?;
    for proof in &mut proofs {
        let Some(one) = found.remove(&proof.name) else { continue };
        if let Some(answer) = one.unreadable {
            let difference =
                StructureDifference { what: "reading it".into(), expected: "its rows".into(), actual: answer };
            proof.structure.differences.push(difference);
            proof.structure.equal = false;
        }
        proof.rows = Some(one.rows);
    }
    Ok((proofs, codes))
}

fn table_proof(
    context: &Context,
    migration: &Migration,
    ctx: &StepCtx,
    name: &TableName,
    there: &Inventory,
) -> Outcome<(TableProof, Vec<Code>)> {
    let of = |kind| StepAddr::of_table(&migration.name, kind, name);
    let dump = ctx.upstream::<DumpOutputs>(&of(StepKind::Dump))?;
    let verify = ctx.upstream::<VerifyOutputs>(&of(StepKind::Verify))?;
    let structure: TableInputs = read_inputs(context.node(&of(StepKind::Table))?)?;
    let proven_by = verify.as_ref().map_or(ProvenBy::NotVerified, |verified| verified.how.into());
    let found = dump.as_ref().is_some_and(|dump| dump.found);
    let dumped = dump.as_ref().filter(|dump| !dump.found).map(|dump| &dump.total);
    let source = verify.as_ref().and_then(|verified| verified.source.as_ref());
    let there_now = verify.as_ref().map(|verified| &verified.target);
    let target = context.seen(&context.target_of(migration)?);
    let zeros_change = target.is_some_and(|target| target.flavor != Flavor::Mysql);
    let rounds = context.json_numbers(migration)? == JsonNumbers::Doubles;
    let changes = match target {
        Some(target) => {
            let others = &context.facts(&ctx.addr)?.source.tables;
            rewrite::for_target(&structure.source, others, target, &migration.gates).changes
        }
        None => Vec::new(),
    };
    let content = proven_by.sees_content();
    let proof = TableProof {
        table: name.key(),
        rows: Three {
            source: source.map(|s| s.rows),
            dumped: dumped.map(|d| d.rows),
            target: there_now.map(|t| t.rows),
        },
        hash: Three {
            source: source.filter(|_| content).map(|s| s.sum.to_string()),
            dumped: dumped.map(|d| d.sum.to_string()),
            target: there_now.filter(|_| content).map(|t| t.sum.to_string()),
        },
        parts: dump.as_ref().map_or(0, |dump| dump.parts as u64),
        bytes: dump.as_ref().map_or(0, |dump| dump.bytes),
        seconds: Seconds {
            dump: seconds(ctx.record(&of(StepKind::Dump))),
            load: seconds(ctx.record(&of(StepKind::Load))),
            verify: seconds(ctx.record(&of(StepKind::Verify))),
        },
        proven_by,
        read: verify.as_ref().map(|verified| verified.read.clone()).unwrap_or_default(),
        rewritten: sentences(&changes),
        structure: table_told(
            &structure.target,
            context.facts(&ctx.addr)?.source.table(name),
            there.table(&structure.source.name),
        ),
        equal: false,
        json_rounded: dump.as_ref().filter(|_| rounds).map_or(0, |dump| dump.json_rounded),
        generated: verify.map(|verified| verified.generated).unwrap_or_default(),
        found,
        negative_zeros: dump.filter(|_| zeros_change).map_or(0, |dump| dump.negative_zeros),
    };
    Ok((proof, changes.into_iter().map(|change| change.code).collect()))
}

/// Numbers in JSON that the target rounds, as the spec accepts, are counted by a dump. Tables that were found had none.
fn uncounted(context: &Context, migration: &Migration, tables: &[TableProof]) -> Outcome<Vec<String>> {
    let mut uncounted = Vec::new();
    if context.json_numbers(migration)? != JsonNumbers::Doubles {
        return Ok(uncounted);
    }
    for table in tables.iter().filter(|table| table.found) {
        let addr = StepAddr::of_table(&migration.name, StepKind::Table, &table_of(&table.table)?);
        let inputs: TableInputs = read_inputs(context.node(&addr)?)?;
        if inputs.source.columns.iter().any(|column| column.data_type == "json") {
            uncounted.push(format!(
                "{}: {}: numbers inside of JSON are compared as the DOUBLE that the target holds; how many of them were \
                 rounded was not counted, because nothing was dumped",
                codes::JSON_NUMBERS,
                table.table
            ));
        }
    }
    Ok(uncounted)
}

/// A finding, object by object.
fn lines(finding: &Diagnostic) -> Vec<String> {
    let rule = finding.summary.split(" (").next().unwrap_or_default();
    finding.detail.lines().map(|object| format!("{}: {rule}: {object}", finding.code)).collect()
}

/// Changes as the certificate says them.
fn sentences(changes: &[Diagnostic]) -> Vec<String> {
    changes.iter().map(|d| format!("{}: {}", d.code, d.summary)).collect()
}

/// Whether the source was written to between the run's first look and now. Where that is not to be known, the text is why,
/// and what stands for the proof is [`reread::settle`]'s to say.
async fn writes(context: &Context, migration: &Migration, ctx: &StepCtx, tables: &[String]) -> Outcome<WritesProof> {
    if context.seen(&context.source_of(migration)?).is_some_and(|facts| facts.dump) {
        let text = "not verified against a source: the rows came out of a dump. What is on the target was read back and \
                    is what the dump's files hold; that they hold what the source held is not proven";
        return Ok(WritesProof {
            outcome: WritesOutcome::Unproven,
            how: "nothing: there is no source".into(),
            text: format!("The migration is {text}."),
        });
    }
    let cannot = |why: String| WritesProof { outcome: WritesOutcome::Unproven, how: "nothing".into(), text: why };
    Ok(match writes::look(context, ctx, migration, tables).await? {
        Look::Proven { how, text } => WritesProof { outcome: WritesOutcome::Proven, how: how.into(), text },
        Look::Detected(text) => WritesProof {
            outcome: WritesOutcome::Detected,
            how: "the binlog's events between the first and the last part".into(),
            text,
        },
        Look::Unproven(why) => cannot(why),
    })
}

/// Makes the folder of the dump a whole one: schema files, the manifest of all tables, `metadata` last.
async fn finish_dump(context: &Context, migration: &Migration, ctx: &StepCtx, inputs: &ReportInputs) -> Outcome<()> {
    if !migration.dump.keep {
        return Ok(());
    }
    let files = context.files(migration)?;
    let names = inputs.tables.iter().map(|key| Ok(manifest_name(&table_of(key)?))).collect::<Outcome<_>>()?;
    let mut manifests = Vec::new();
    for bytes in read_all(&files, names).await? {
        let Some(bytes) = bytes else { return Ok(()) };
        manifests.push(serde_json::from_slice::<TableManifest>(&bytes).map_err(|e| broken(&e.to_string()))?);
    }
    // Files of somebody else's dump are a whole one already, elsewhere.
    let foreign = manifests.iter().any(|manifest| manifest.dir.is_some());
    if manifests.is_empty() || foreign {
        return Ok(());
    }
    // A step that is forgotten has no inputs any more.
    let of_migration = |n: &&Node| n.addr.migration() == Some(migration.name.as_str()) && n.action != Action::Forget;
    for node in context.nodes().filter(of_migration) {
        match node.kind.creates() {
            Some(Creates::Schema) => {
                let database: crate::formats::steps::DatabaseInputs = read_inputs(node)?;
                let name = DumpFile::Schema(database.schema.name.clone()).name();
                write_file(&files, &name, dumpfile::schema_text(&database.ddl).as_bytes())?;
            }
            Some(Creates::View) => {
                let inputs: crate::formats::steps::ViewInputs = read_inputs(node)?;
                let view = &inputs.view;
                let placeholder = dumpfile::view_placeholder_text(&view.name.name, &view.columns);
                write_file(&files, &DumpFile::Table(view.name.clone()).name(), placeholder.as_bytes())?;
                let text = dumpfile::view_text(&view.name.name, &inputs.ddl, &view.charset, &view.collation);
                write_file(&files, &DumpFile::View(view.name.clone()).name(), text.as_bytes())?;
            }
            // A table's file is written with its rows, and its foreign keys are in it.
            Some(Creates::Table | Creates::ForeignKeys) | None => {}
        }
    }
    let whole = json!({ "format_version": manifest::FORMAT_VERSION, "migration": migration.name, "tables": manifests });
    let bytes = serde_json::to_vec_pretty(&whole).map_err(|e| broken(&e.to_string()))?;
    write_file(&files, manifest::FILE, &bytes)?;
    let now = context.clock.now();
    let text = |t: &str| t.get(..19).unwrap_or(t).replace('T', " ");
    // As it stood when the run began, with nothing on its way in front of it.
    let start = writes::of_gate(ctx, &migration.name)?.run;
    let place = start.map(|p| BinlogPlace { file: p.file.clone(), position: p.offset, gtid_set: p.gtid.clone() });
    write_file(&files, dumpfile::METADATA, dumpfile::metadata_text(&text(&now), place.as_ref(), &text(&now)).as_bytes())
}

/// Seconds from a step's start to its end.
fn seconds(record: Option<StepRecord>) -> f64 {
    let Some(record) = record else { return 0.0 };
    let (Some(start), Some(end)) = (record.started_nanos(), record.finished_nanos()) else { return 0.0 };
    rounded(start, end)
}

/// From the first start to the last end of the migration's steps.
fn span(ctx: &StepCtx, migration: &str) -> f64 {
    let (mut first, mut last) = (i128::MAX, i128::MIN);
    ctx.through_records(|records| {
        for (_, record) in records.iter().filter(|(addr, _)| addr.migration() == Some(migration)) {
            first = record.started_nanos().map_or(first, |at| at.min(first));
            last = record.finished_nanos().map_or(last, |at| at.max(last));
        }
    });
    if last > first { rounded(first, last) } else { 0.0 }
}

/// Seconds between two times in nanoseconds, to the millisecond.
fn rounded(from: i128, to: i128) -> f64 {
    ((to - from) as f64 / 1e6).round() / 1000.0
}

fn broken(cause: &str) -> Failure {
    Failure::new(
        codes::CERTIFICATE_UNWRITABLE,
        "write the certificate",
        cause,
        "Run `mig apply` again; if it stays, please report it.",
    )
}
