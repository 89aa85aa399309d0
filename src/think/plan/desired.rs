//! Every step that the spec and the inventory ask for, with its inputs and edges; no word yet of what is done already.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::aws_diff::Standing;
use super::{aws, aws_source, place};
use crate::formats::cause::Cause;
use crate::formats::chunk;
use crate::formats::ddl::view::reads;
use crate::formats::ddl::{self, DdlOptions};
use crate::formats::facts::{MigrationFacts, ServerFacts, Verdict, World};
use crate::formats::filter::Filter;
use crate::formats::inputs::{
    DatabaseInputs, DumpInputs, ForeignKeysInputs, GateInputs, LoadInputs, ReportInputs, RunnerInputs, ServerInputs,
    TableInputs, VerifyInputs, ViewInputs,
};
use crate::formats::plan::{Action, Edge, EdgeKind, Node, Pending, Rewrite};
use crate::formats::rowhash::JsonNumbers;
use crate::formats::spec::model::{Migration, RunnerKind, Server, Spec, VerifyMode};
use crate::formats::state::State;
use crate::formats::structure::{Table, View};
use crate::think::gates::compatibility::views::left_out;
use crate::think::gates::{self, rules};
use crate::think::rewrite;
use crate::words::addr::{GateName, StepAddr, StepKind, StepType, TableName, key_ident};
use crate::words::codes;
use crate::words::diag::Diagnostic;
use crate::words::digest::Digest;
use crate::words::error::{Failure, Outcome};

/// The wanted steps, before they are compared with the state.
#[derive(Default)]
pub struct Desired {
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
    /// Of every table and view of the source, by its `table` or `view` step.
    pub fingerprints: BTreeMap<StepAddr, Digest>,
    pub verdicts: BTreeMap<StepAddr, Verdict>,
    pub rewrites: BTreeMap<StepAddr, Rewrite>,
    pub diagnostics: Vec<Diagnostic>,
    /// Migrations whose source or target could not be reached: their tables are unknown, their records are kept.
    pub unknown: BTreeSet<String>,
    /// Servers of the spec that are looked at from a runner that is not there now: what is recorded of them stays.
    pub out_of_sight: BTreeSet<StepAddr>,
    /// Filters by migration, for the reasons.
    pub filters: BTreeMap<String, Filter>,
    /// Of steps in a cloud: what their objects' own facts say.
    pub standings: BTreeMap<StepAddr, Standing>,
    /// Warnings that matter only where the step is to run.
    pub warn_if_pending: BTreeMap<StepAddr, Vec<Diagnostic>>,
    /// Blocks whose steps could not be worked out: their records are kept.
    pub kept_blocks: BTreeSet<String>,
    /// Migrations whose tables are known after a step only.
    pub pending: Vec<Pending>,
    /// Servers whose blocks have another name than the one they are recorded under.
    pub renamed: BTreeMap<StepAddr, Cause>,
}

/// The address of a server block.
pub fn source_addr(server: &Server) -> StepAddr {
    StepAddr::new(&["source", &server.label, &server.name])
}

pub fn target_addr(server: &Server) -> StepAddr {
    StepAddr::new(&["target", &server.label, &server.name])
}

/// The address of the runner that a migration runs on.
pub fn runner_addr(spec: &Spec, migration: &Migration) -> StepAddr {
    match migration.runner.as_ref().and_then(|name| spec.runners.get(name)) {
        // Of a machine that is made, the last step: everything there goes through it.
        Some(runner) if matches!(runner.kind, RunnerKind::Ec2(_)) => StepAddr::of_ec2(&runner.name, StepType::Ready),
        Some(runner) => StepAddr::new(&["runner", &runner.label, &runner.name]),
        None => StepAddr::new(&["runner", "local", "default"]),
    }
}

/// The step after which the runner of a migration can be worked on, when that is another machine.
pub fn ready_addr(spec: &Spec, migration: &Migration) -> Option<StepAddr> {
    migration.runner.as_ref().and_then(|name| spec.runners.get(name)).filter(|runner| runner.is_remote())?;
    Some(runner_addr(spec, migration))
}

/// Servers that a runner's worker looks at and writes to, with the migration whose worker does it: the first one of
/// several.
pub fn delegated(spec: &Spec) -> BTreeMap<StepAddr, String> {
    let mut servers = BTreeMap::new();
    for migration in spec.migrations.values().filter(|m| ready_addr(spec, m).is_some()) {
        // A cluster is looked up in the account, before there is a runner.
        let source =
            spec.sources.get(&migration.source).filter(|s| !s.is_dump() && s.aurora.is_none()).map(source_addr);
        let target = spec.targets.get(&migration.target).map(target_addr);
        for addr in source.into_iter().chain(target) {
            servers.entry(addr).or_insert_with(|| migration.name.clone());
        }
    }
    servers
}

/// The work folder of a migration's runner, relative to the spec's folder.
pub fn workdir(spec: &Spec, migration: &Migration) -> String {
    let runner = migration.runner.as_ref().and_then(|name| spec.runners.get(name));
    runner.map_or_else(|| ".mig/work".to_owned(), |r| r.workdir.clone())
}

/// Builds the wanted steps. `again`: steps that `-replace` names; what was chosen for them is chosen again.
///
/// # Errors
/// A filter that does not parse (the spec's loader has said so with its place before).
pub fn desired(spec: &Spec, world: &World, state: Option<&State>, anew: &BTreeSet<StepAddr>) -> Outcome<Desired> {
    let renamed = state.map_or_else(|| Ok(BTreeMap::new()), |state| place::renamed(spec, state, world))?;
    let mut wanted = Desired { renamed, ..Desired::default() };
    let delegated = delegated(spec);
    let sources = spec.sources.values().map(|server| (StepKind::Source, source_addr(server), server));
    let targets = spec.targets.values().map(|server| (StepKind::Target, target_addr(server), server));
    for (kind, addr, server) in sources.chain(targets) {
        let by = delegated.get(&addr);
        if by.is_some_and(|migration| world.pending.contains_key(migration)) {
            wanted.out_of_sight.insert(addr);
            continue;
        }
        let ready = by.and_then(|name| ready_addr(spec, spec.migrations.get(name)?));
        wanted.after(&addr, ready);
        wanted.server(kind, addr, server);
    }
    aws::add(&mut wanted, spec, world, state, anew);
    let nothing = MigrationFacts::default();
    let unseen = ServerFacts::default();
    let mut runners = BTreeSet::new();
    for migration in spec.migrations.values() {
        let (Some(source), Some(target)) = (spec.sources.get(&migration.source), spec.targets.get(&migration.target))
        else {
            continue;
        };
        let runner = runner_addr(spec, migration);
        if runners.insert(runner.clone()) && !wanted.standings.contains_key(&runner) {
            wanted.runner(&runner, spec, migration);
        }
        if let Some(after) = world.pending.get(&migration.name) {
            wanted.unknown.insert(migration.name.clone());
            wanted.pending.push(Pending {
                addr: StepAddr::new(&["migration", &migration.name, "tables"]),
                after: after.clone(),
                tables: migration.tables.clone(),
            });
            continue;
        }
        if world.only.as_ref().is_some_and(|only| *only != migration.name) {
            wanted.unknown.insert(migration.name.clone());
            continue;
        }
        let facts = world.migrations.get(&migration.name).unwrap_or(&nothing);
        let at = |addr: &StepAddr| world.servers.get(&addr.to_string()).unwrap_or(&unseen);
        let (source_addr, target_addr) = (source_addr(source), target_addr(target));
        let (seen_source, seen_target) = (at(&source_addr), at(&target_addr));
        let filter = Filter::parse(&migration.tables).map_err(|fault| {
            Failure::new(codes::BAD_FILTER_RULE, "read the table filter", fault.message, fault.help)
        })?;
        wanted.filters.insert(migration.name.clone(), filter);

        let lineage = state.map(|s| s.lineage.as_str());
        let servers = [source_addr, target_addr, runner];
        let subject = gates::Subject {
            migration,
            source: seen_source,
            target: seen_target,
            facts,
            target_kind: &target.label,
            ledger_schema: &target.ledger_schema,
            lineage,
        };
        let gate_addrs = wanted.gates(spec, world, &subject, &servers);
        if seen_source.fault.is_some() || seen_target.fault.is_some() {
            wanted.unknown.insert(migration.name.clone());
            continue;
        }
        wanted.diagnostics.extend(gates::selection::judge(migration, facts));
        wanted.diagnostics.extend(facts.import_findings.iter().cloned());
        wanted.migration(migration, seen_target, facts, &gate_addrs);
    }
    Ok(wanted)
}

/// The steps that a reference in `after` waits for: a migration's report, every part of a block that has some, or the
/// block itself.
fn after_addrs(spec: &Spec, wanted: &Desired, text: &str) -> Vec<StepAddr> {
    let words: Vec<&str> = text.split('.').collect();
    match words.as_slice() {
        ["migration", name] => {
            let known = spec.migrations.contains_key(*name);
            known.then(|| StepAddr::in_migration(name, StepKind::Report, None)).into_iter().collect()
        }
        ["peering", _] | ["runner", "ec2", _] => aws::parts_of_block(wanted, text),
        [_, _, _] => vec![StepAddr::new(&words)],
        _ => Vec::new(),
    }
}

impl Desired {
    /// `inputs` is what the step works with; its digest is over `decisive` alone.
    pub(super) fn node(&mut self, addr: StepAddr, kind: StepKind, inputs: &impl Serialize, decisive: &impl Serialize) {
        let inputs = serde_json::to_value(inputs).unwrap_or_default().into();
        self.nodes.push(Node { addr, kind, action: Action::Create, inputs, inputs_digest: Digest::of(decisive) });
    }

    pub(super) fn after(&mut self, to: &StepAddr, from: impl IntoIterator<Item = StepAddr>) {
        self.edges.extend(from.into_iter().map(|from| Edge { to: to.clone(), from, kind: EdgeKind::After }));
    }

    fn server(&mut self, kind: StepKind, addr: StepAddr, server: &Server) {
        if let Some(inputs) = aws_source::aurora_inputs(server) {
            return self.node(addr, kind, &inputs, &inputs);
        }
        let place = if server.is_dump() { server.host.clone() } else { format!("{}:{}", server.host, server.port) };
        let inputs = ServerInputs { place, user: server.username.clone() };
        self.node(addr, kind, &inputs, &inputs);
    }

    fn migration(&mut self, migration: &Migration, target: &ServerFacts, facts: &MigrationFacts, gates: &[StepAddr]) {
        let name = migration.name.as_str();
        let schemas: BTreeSet<&str> = facts
            .source
            .tables
            .iter()
            .map(|t| t.name.schema.as_str())
            .chain(facts.source.views.iter().map(|v| v.name.schema.as_str()))
            .collect();
        for schema in facts.source.schemas.iter().filter(|s| schemas.contains(s.name.as_str())) {
            let addr = StepAddr::in_migration(name, StepKind::Database, Some(key_ident(&schema.name)));
            let (created, changes) = rewrite::schema_for_target(schema, target, &migration.gates);
            if !changes.is_empty() {
                let (source, target) = (ddl::create_database(schema), ddl::create_database(&created));
                self.rewrites.insert(addr.clone(), Rewrite { source, target, changes });
            }
            let inputs = DatabaseInputs { ddl: ddl::create_database(&created), schema: created };
            self.node(addr.clone(), StepKind::Database, &inputs, &inputs.schema.name);
            self.after(&addr, gates.iter().cloned());
        }
        for table in &facts.source.tables {
            self.table(migration, target, facts, table, gates);
        }
        for table in facts.source.tables.iter().filter(|t| !t.foreign_keys.is_empty()) {
            self.foreign_keys(migration, target, facts, table);
        }
        let left_out = left_out(facts);
        for view in facts.source.views.iter().filter(|view| !left_out.contains_key(&view.name)) {
            self.view(migration, target, facts, view);
        }
        self.structure(name, gates);
        let report = StepAddr::in_migration(name, StepKind::Report, None);
        let mut below: Vec<StepAddr> =
            self.nodes.iter().filter(|n| n.addr.migration() == Some(name)).map(|n| n.addr.clone()).collect();
        below.sort();
        let tables: Vec<String> = facts.source.tables.iter().map(|t| t.name.key()).collect();
        let views: Vec<(String, bool)> =
            facts.source.views.iter().map(|v| (v.name.key(), left_out.contains_key(&v.name))).collect();
        let inputs = ReportInputs { migration: name.to_owned(), tables };
        self.node(report.clone(), StepKind::Report, &inputs, &(&inputs, views));
        self.after(&report, below);
    }

    fn table(
        &mut self,
        migration: &Migration,
        target: &ServerFacts,
        facts: &MigrationFacts,
        source: &Table,
        gates: &[StepAddr],
    ) {
        let name = migration.name.as_str();
        let table = source.name.clone();
        let of = |kind| StepAddr::of_table(name, kind, &table);
        let (create, dump, load, verify) =
            (of(StepKind::Table), of(StepKind::Dump), of(StepKind::Load), of(StepKind::Verify));

        let source = ddl::without_the_moment(source);
        let rewritten = rewrite::for_target(&source, &facts.source.tables, target, &migration.gates);
        let fingerprint = ddl::fingerprint(&source);
        let options = DdlOptions { checks: target.check_constraints, dialect: target.flavor.into() };
        let ddl = ddl::create_table_pretty(&rewritten.table, options);
        self.fingerprints.insert(create.clone(), fingerprint.clone());
        if !rewritten.changes.is_empty() {
            let rewrite = Rewrite {
                source: ddl::create_table_pretty(&source, DdlOptions { checks: true, ..options }),
                target: ddl.clone(),
                changes: rewritten.changes,
            };
            self.rewrites.insert(create.clone(), rewrite);
        }
        let keyed = chunk::usable_for_ranges(&source).is_some();
        let json_as_doubles = source.columns.iter().any(|column| column.data_type == "json")
            && rules::json_numbers(&migration.gates, target.flavor) == JsonNumbers::Doubles;
        let decisive = ddl::fingerprint(&rewritten.table);
        let inputs = TableInputs { source, target: rewritten.table, ddl };
        self.node(create.clone(), StepKind::Table, &inputs, &decisive);
        let database = StepAddr::in_migration(name, StepKind::Database, Some(key_ident(&table.schema)));
        self.after(&create, gates.iter().cloned().chain([database]));

        let dump_inputs = DumpInputs {
            table: table.clone(),
            fingerprint,
            where_: migration.dump.where_.get(&table.key()).cloned(),
            engine: "native".into(),
            format: "sql".into(),
            compress: word(&migration.dump.compress),
            json_as_doubles,
            import: facts.imports.get(&table.key()).cloned(),
        };
        let taken = dump_inputs.decisive();
        self.node(dump.clone(), StepKind::Dump, &dump_inputs, &taken);
        // No row moves before everything that the rows need was created and read back.
        let structure = StepAddr::gate(name, GateName::Structure);
        self.after(&dump, [structure.clone()]);

        let load_inputs = LoadInputs { table: table.clone() };
        self.node(load.clone(), StepKind::Load, &load_inputs, &("load", &taken, &decisive));
        self.after(&load, [create, structure]);
        // A table without a usable key has no stable parts: an interrupted dump of it starts over, so nothing of it
        // may be loaded before the dump is whole (contract, "Edges").
        let kind = if keyed { EdgeKind::Stream } else { EdgeKind::After };
        self.edges.push(Edge { to: load.clone(), from: dump, kind });

        let verify_inputs = VerifyInputs { table, mode: word(&migration.verify) };
        if migration.verify != VerifyMode::None {
            self.node(verify.clone(), StepKind::Verify, &verify_inputs, &(&verify_inputs, &taken, &decisive));
            self.edges.push(Edge { to: verify, from: load, kind });
        }
    }

    /// The runner that is this machine, or one that is reached by SSH.
    fn runner(&mut self, addr: &StepAddr, spec: &Spec, migration: &Migration) {
        let endpoint = migration.runner.as_ref().and_then(|name| match &spec.runners.get(name)?.kind {
            RunnerKind::Local | RunnerKind::Ec2(_) => None,
            RunnerKind::Ssh(endpoint) => Some(endpoint.clone()),
        });
        let inputs = RunnerInputs { workdir: workdir(spec, migration), endpoint };
        self.node(addr.clone(), StepKind::Runner, &inputs, &inputs);
    }

    /// The gates that judge before anything is done, behind the servers and what `after` names.
    fn gates(&mut self, spec: &Spec, world: &World, subject: &gates::Subject, servers: &[StepAddr]) -> Vec<StepAddr> {
        let migration = subject.migration;
        let mut addrs = Vec::new();
        for (name, verdict) in gates::judge_all(subject) {
            let addr = StepAddr::gate(&migration.name, name);
            let inputs = GateInputs { gate: name };
            self.node(addr.clone(), StepKind::Gate, &inputs, &(&inputs, &migration.gates));
            self.after(&addr, servers.iter().cloned());
            let others = migration.after.iter().flat_map(|text| after_addrs(spec, self, text)).collect::<Vec<_>>();
            let others = others.into_iter().filter(|addr| world.only.is_none() || addr.migration().is_none());
            self.after(&addr, others);
            self.verdicts.insert(addr.clone(), verdict);
            addrs.push(addr);
        }
        addrs
    }

    /// The gate between structure and rows: one step that waits for every creation and that every dump and load waits
    /// for, so that the edges are as many as the steps.
    fn structure(&mut self, migration: &str, gates: &[StepAddr]) {
        let addr = StepAddr::gate(migration, GateName::Structure);
        let inputs = GateInputs { gate: GateName::Structure };
        let created = [StepKind::Table, StepKind::ForeignKeys, StepKind::View];
        let of_it = |node: &&Node| node.addr.migration() == Some(migration) && created.contains(&node.kind);
        let before: Vec<StepAddr> = self.nodes.iter().filter(of_it).map(|node| node.addr.clone()).collect();
        self.node(addr.clone(), StepKind::Gate, &inputs, &inputs);
        self.after(&addr, gates.iter().cloned().chain(before));
    }

    /// Foreign keys wait for their own table and for those they reference.
    fn foreign_keys(&mut self, migration: &Migration, target: &ServerFacts, facts: &MigrationFacts, table: &Table) {
        let name = migration.name.as_str();
        let addr = StepAddr::of_table(name, StepKind::ForeignKeys, &table.name);
        let rewritten = rewrite::for_target(table, &facts.source.tables, target, &migration.gates);
        let inputs = ForeignKeysInputs { table: table.name.clone(), ddl: ddl::foreign_keys(&rewritten.table) };
        self.node(addr.clone(), StepKind::ForeignKeys, &inputs, &inputs);
        let mut tables: BTreeSet<&TableName> = table.foreign_keys.iter().map(|key| &key.references).collect();
        tables.insert(&table.name);
        let created = tables
            .into_iter()
            .filter(|t| facts.source.table(t).is_some())
            .map(|t| StepAddr::of_table(name, StepKind::Table, t))
            .collect::<Vec<_>>();
        self.after(&addr, created);
    }

    /// A view waits for the tables and views that its text reads.
    fn view(&mut self, migration: &Migration, target: &ServerFacts, facts: &MigrationFacts, view: &View) {
        let name = migration.name.as_str();
        let addr = StepAddr::of_table(name, StepKind::View, &view.name);
        let (created, changes) = rewrite::views::for_target(view, &facts.source, target, &migration.gates);
        if !changes.is_empty() {
            let (source, target) = (ddl::create_view(view), ddl::create_view(&created));
            self.rewrites.insert(addr.clone(), Rewrite { source, target, changes });
        }
        let inputs = ViewInputs { ddl: ddl::create_view(&created), view: created };
        self.fingerprints.insert(addr.clone(), Digest::of(&View { shape: Vec::new(), ..view.clone() }));
        self.node(addr.clone(), StepKind::View, &inputs, &inputs);
        let read: BTreeSet<String> =
            reads(&view.select, &view.name.schema).iter().map(|name| name.key().to_lowercase()).collect();
        let names = |name: &TableName| read.contains(&name.key().to_lowercase());
        let tables = facts
            .source
            .tables
            .iter()
            .filter(|t| names(&t.name))
            .map(|t| StepAddr::of_table(name, StepKind::Table, &t.name));
        let views = facts
            .source
            .views
            .iter()
            .filter(|v| v.name != view.name && names(&v.name))
            .map(|v| StepAddr::of_table(name, StepKind::View, &v.name));
        let database = StepAddr::in_migration(name, StepKind::Database, Some(key_ident(&view.name.schema)));
        let edges: Vec<StepAddr> = tables.chain(views).chain([database]).collect();
        self.after(&addr, edges);
    }
}

/// The spec's word of a setting.
fn word(setting: &impl Serialize) -> String {
    serde_json::to_value(setting).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
