//! `mig verify`: each selected table of a migration as both servers have it now, anyone who moved it. Needs no state, no
//! ledger and no dump; changes nothing anywhere. A difference is a finding here, not a failure.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::formats::certificate::{GeneratedProof, Judgement, Party, ProvenBy, StructureDifference, StructureProof};
use crate::formats::ddl;
use crate::formats::facts::{Flavor, MigrationFacts};
use crate::formats::plan::{Action, Graph, Node};
use crate::formats::row_facts::RowRisk;
use crate::formats::spec::model::{Migration, VerifyMode};
use crate::formats::state::State;
use crate::formats::steps::{VerifyInputs, ViewOutputs};
use crate::formats::structure::Table;
use crate::formats::verification::{FORMAT_VERSION, TableVerdict, Two, Verification, ViewVerdict};
use crate::seams::sql::Role;
use crate::steps::context::Context;
use crate::steps::observe::binlog::{self, Since};
use crate::steps::observe::server::server_facts;
use crate::steps::proof::differences;
use crate::steps::proof::generated;
use crate::steps::proof::pair::Pair;
use crate::steps::proof::sides::How;
use crate::steps::step::{StepCtx, StepSet};
use crate::steps::target::structure::{gone, table_told, told};
use crate::steps::{proof::view_proof, target::view};
use crate::think::gates::compatibility::views::left_out as left_out_views;
use crate::think::gates::rules;
use crate::think::{compare, rewrite};
use crate::words::addr::{StepAddr, StepKind, TableName};
use crate::words::codes;
use crate::words::digest::Digest;
use crate::words::error::{Failure, Outcome};

/// The steps: one a table. Their findings are gathered as they come.
pub struct Verifying {
    context: Arc<Context>,
    /// What a state records of the views it made, where there is one: the digest of each one's text, as the target
    /// printed it then.
    made: BTreeMap<StepAddr, Digest>,
    found: Mutex<Vec<(String, TableVerdict)>>,
}

/// A step for each table of `names`; no step waits for another.
pub fn graph(migrations: &[(&Migration, Vec<TableName>)]) -> Graph {
    let mut graph = Graph::default();
    for (migration, tables) in migrations {
        // Who calls for a verification gets one, also where the spec leaves it out of apply.
        let mode = if migration.verify == VerifyMode::Count { "count" } else { "full" };
        for table in tables {
            let inputs = json!(VerifyInputs { table: table.clone(), mode: mode.into() });
            graph.nodes.push(Node {
                addr: StepAddr::of_table(&migration.name, StepKind::Verify, table),
                kind: StepKind::Verify,
                action: Action::Evaluate,
                inputs_digest: Digest::of(&inputs),
                inputs: inputs.into(),
            });
        }
    }
    graph
}

impl StepSet for Verifying {
    fn run<'a>(&'a self, node: &'a Node, ctx: StepCtx) -> BoxFuture<'a, Outcome<Value>> {
        Box::pin(async move {
            let migration = node.addr.migration().unwrap_or_default().to_owned();
            match self.table(node, &ctx).await {
                Ok(verdict) => {
                    let equal = verdict.verdict <= Judgement::Accepted;
                    self.keep(migration, verdict);
                    Ok(json!({ "equal": equal }))
                }
                Err(failure) => {
                    let name = node.addr.key().unwrap_or_default().to_owned();
                    self.keep(migration, TableVerdict { fault: failure.cause.clone(), ..not_looked_at(name) });
                    Err(failure.at(&node.addr))
                }
            }
        })
    }
}

impl Verifying {
    /// # Errors
    /// MIG4002: the record of a view cannot be read.
    pub fn new(context: Arc<Context>, state: Option<&State>) -> Outcome<Self> {
        let mut made = BTreeMap::new();
        let views =
            state.into_iter().flat_map(|state| &state.steps).filter(|(_, record)| record.kind == StepKind::View);
        for (addr, record) in views {
            let view = record.outputs_as::<ViewOutputs>(addr)?;
            made.extend(view.and_then(|view| view.text).map(|text| (addr.clone(), text)));
        }
        Ok(Self { context, made, found: Mutex::default() })
    }

    fn keep(&self, migration: String, verdict: TableVerdict) {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).push((migration, verdict));
    }

    async fn table(&self, node: &Node, ctx: &StepCtx) -> Outcome<TableVerdict> {
        let context = &self.context;
        let inputs: VerifyInputs = crate::steps::context::read_inputs(node)?;
        let migration = context.migration(&node.addr)?;
        let facts = context.facts(&node.addr)?;
        let missing = || {
            Failure::new(codes::PLAN_DOES_NOT_FIT_SPEC, "find the table", "it is not there any more", "Run it again.")
        };
        let source = facts.source.table(&inputs.table).ok_or_else(missing)?;
        let mut verdict = not_looked_at(inputs.table.key());
        let Some(actual) = on_target(&facts.target.tables, &inputs.table) else {
            verdict.structure = gone();
            return Ok(verdict.judge());
        };
        verdict.structure = match context.seen(&context.target_of(migration)?) {
            Some(target) => {
                let expected = rewrite::for_target(source, &facts.source.tables, target, &migration.gates).table;
                table_told(&expected, Some(source), Some(actual))
            }
            None => StructureProof::default(),
        };
        let estimate = context.estimate(&node.addr)?;
        ctx.total(estimate.rows, 0);
        let count_only = inputs.mode == "count";
        let Some(pair) = Pair::new(context, ctx, &node.addr, source, actual, count_only)? else {
            verdict.fault = "the target lacks a column, so rows cannot be compared".into();
            return Ok(verdict.judge());
        };
        let pair = Arc::new(pair);
        let sums = pair.whole(None).await?;
        verdict.rows = Two { source: Some(sums.source.rows), target: Some(sums.target.rows) };
        if count_only {
            verdict.proven_by = ProvenBy::Count;
            return Ok(verdict.judge());
        }
        verdict.proven_by = match sums.how {
            How::OnServer => ProvenBy::ServerHashes,
            How::InClient => ProvenBy::ClientHashes,
        };
        let text = |sum: u128| Some(sum.to_string());
        verdict.hash = Two { source: text(sums.source.sum), target: text(sums.target.sum) };
        if !sums.differ.is_empty() {
            verdict.differing = Some(differences::search(&pair, &sums.differ, context.show_keys).await?);
            return Ok(verdict.judge());
        }
        let accepted = rules::accepts_generated(&migration.gates);
        let seen = generated::compare(context, ctx, &node.addr, source, actual).await?;
        let proof = |seen: generated::Seen| GeneratedProof { accepted: accepted && !seen.proof.equal, ..seen.proof };
        verdict.generated = seen.into_iter().map(proof).collect();
        Ok(verdict.judge())
    }

    /// What was found of one migration. `seconds`: how long it took.
    pub async fn verification(&self, migration: &Migration, seconds: f64) -> Outcome<Verification> {
        let context = &self.context;
        let addr = StepAddr::in_migration(&migration.name, StepKind::Report, None);
        let facts = context.facts(&addr)?;
        let (source, target) = (context.source_of(migration)?, context.target_of(migration)?);
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut tables: Vec<TableVerdict> =
            found.into_iter().filter(|(name, _)| *name == migration.name).map(|(_, verdict)| verdict).collect();
        tables.sort_by(|a, b| a.table.cmp(&b.table));
        let (views, views_open) = self.views(migration, facts, &target).await?;
        let party = |addr: &StepAddr| {
            let (identity, version) =
                context.seen(addr).map(|f| (f.identity.clone(), f.version.clone())).unwrap_or_default();
            Party { address: addr.to_string(), identity, version }
        };
        let programs = facts.source.triggers.iter().chain(&facts.source.routines).chain(&facts.source.events);
        let programs = programs.map(|p| format!("{} {}.{}", p.kind.to_lowercase(), p.schema, p.name));
        let left_out = migration.dump.where_.iter();
        let left_out = left_out.map(|(table, condition)| {
            format!("rows of {table} on the source where not {condition}: the spec leaves them out")
        });
        let views_left_out = left_out_views(facts).into_keys().map(|name| format!("view {name}"));
        let json_types = facts.rows.of(RowRisk::JsonTypes);
        let json_types = json_types.map(|found| {
            format!(
                "types of values in JSON of {}.{} ({}): their text is compared",
                found.table, found.object, found.what
            )
        });
        let mut unproven = vec![
            "Two places were compared as they are now. What was once dumped, and whether anything was written to the source since, is not known here.".to_owned(),
        ];
        unproven.extend(views_open);
        unproven.extend(self.written_meanwhile(migration, &source).await);
        Ok(Verification {
            format_version: FORMAT_VERSION,
            mig_version: env!("CARGO_PKG_VERSION").into(),
            migration: migration.name.clone(),
            created: context.clock.now(),
            source: party(&source),
            target: party(&target),
            verdict: Judgement::Unproven,
            tables,
            views,
            not_compared: programs.chain(left_out).chain(views_left_out).chain(json_types).collect(),
            unproven,
            seconds,
        }
        .judge())
    }

    /// The views that are to be on the target, and a sentence for each whose rows prove nothing.
    async fn views(
        &self,
        migration: &Migration,
        facts: &MigrationFacts,
        target: &StepAddr,
    ) -> Outcome<(Vec<ViewVerdict>, Vec<String>)> {
        let seen = self.context.seen(target).cloned().unwrap_or_default();
        let left_out = left_out_views(facts);
        let (mut verdicts, mut actual) = (Vec::new(), BTreeMap::new());
        for view in facts.source.views.iter().filter(|view| !left_out.contains_key(&view.name)) {
            let same = |name: &TableName| name.key().to_lowercase() == view.name.key().to_lowercase();
            let wanted = rewrite::views::for_target(view, &facts.source, &seen, &migration.gates).0;
            let addr = StepAddr::of_table(&migration.name, StepKind::View, &view.name);
            let structure = match facts.target.views.iter().find(|v| same(&v.name)) {
                Some(there) if self.made.get(&addr).is_some_and(|made| *made != ddl::view_fingerprint(there)) => {
                    actual.insert(view.name.key(), there.clone());
                    told(vec![view::text_changed(&wanted, there)])
                }
                Some(there) => {
                    actual.insert(view.name.key(), there.clone());
                    told(compare::views::differences(&wanted, there, seen.flavor != Flavor::Tidb))
                }
                None => gone(),
            };
            verdicts.push(ViewVerdict { view: view.name.key(), structure, rows: None });
        }
        let mut open = Vec::new();
        let mut found = view_proof::compare(&self.context, migration, facts, &actual).await?;
        for verdict in &mut verdicts {
            let Some(one) = found.remove(&verdict.view) else { continue };
            if let Some(answer) = one.unreadable {
                let (what, expected) = ("reading it".into(), "its rows".into());
                verdict.structure.differences.push(StructureDifference { what, expected, actual: answer });
                verdict.structure.equal = false;
            }
            if !one.rows.unproven.is_empty() {
                open.push(format!("The rows of the view {}: {}.", verdict.view, one.rows.unproven));
            }
            verdict.rows = Some(one.rows);
        }
        Ok((verdicts, open))
    }

    /// Whether the source stood still while it was compared; `None`: it did, as far as its binlog tells.
    async fn written_meanwhile(&self, migration: &Migration, source: &StepAddr) -> Option<String> {
        let then = self.context.seen(source)?.binlog.position.clone();
        let open = "Whether the source was written to while it was compared";
        let Some(then) = then else { return Some(format!("{open}: its binlog position was not to be had.")) };
        let look = async {
            let server = self.context.server(source)?;
            let mut connection = server.connect(&Role::Look).await?;
            let now = server_facts(&mut *connection, None).await?.binlog;
            let addr = StepAddr::in_migration(&migration.name, StepKind::Report, None);
            let inventory = &self.context.facts(&addr)?.source;
            let tables = inventory.tables.iter().map(|table| (table.name.clone(), then.clone())).collect();
            let since = Since { run: Some(then), tables, ..Since::default() };
            Ok::<_, Failure>(binlog::writes_since(&*server, &now, &since, &migration.tables, inventory).await)
        };
        match look.await {
            Ok(seen) if !seen.changed_tables.is_empty() => Some(format!(
                "The source was written to while it was compared ({}): a difference may be a row on its way, and what was equal was so at its moment.",
                seen.changed_tables.join(", ")
            )),
            Ok(seen) if !seen.unproven.is_empty() => Some(format!("{open}: {}.", seen.unproven)),
            Ok(seen) if seen.unattributed.is_empty() && seen.announced.is_empty() => None,
            Ok(_) => Some(format!("{open}: statements in its binlog cannot be attributed to a table.")),
            Err(failure) => Some(format!("{open}: {}.", failure.cause)),
        }
    }
}

fn on_target<'a>(tables: &'a [Table], name: &TableName) -> Option<&'a Table> {
    let key = name.key().to_lowercase();
    tables.iter().find(|t| t.name == *name).or_else(|| tables.iter().find(|t| t.name.key().to_lowercase() == key))
}

fn not_looked_at(table: String) -> TableVerdict {
    TableVerdict {
        table,
        verdict: Judgement::Unproven,
        proven_by: ProvenBy::NotVerified,
        rows: Two::default(),
        hash: Two::default(),
        structure: StructureProof::default(),
        differing: None,
        generated: Vec::new(),
        fault: String::new(),
    }
}
