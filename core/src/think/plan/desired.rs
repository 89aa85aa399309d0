//! Every step that the spec and the inventory ask for, with its inputs and edges; no word yet of what is done already.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::aws_diff::Standing;
use super::kinds::{self, Wish};
use super::{aws, place};
use crate::formats::cause::Cause;
use crate::formats::facts::{MigrationFacts, ServerFacts, Verdict, World};
use crate::formats::filter::Filter;
use crate::formats::json_text::JsonText;
use crate::formats::names::FirstNames;
use crate::formats::plan::{Action, Edge, EdgeKind, Node, Pending, Rewrite};
use crate::formats::spec::model::{Migration, RunnerKind, Server, Spec};
use crate::formats::state::State;
use crate::think::gates;
use crate::words::addr::{StepAddr, StepKind, StepType};
use crate::words::codes;
use crate::words::diag::Diagnostic;
use crate::words::digest::Digest;
use crate::words::error::{Failure, Outcome};

/// The wanted steps, before they are compared with the state.
#[derive(Clone, Default)]
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
    /// Of steps in a cloud: the observed state of their objects.
    pub standings: BTreeMap<StepAddr, Standing>,
    /// Warnings that matter only where the step is to run.
    pub warn_if_pending: BTreeMap<StepAddr, Vec<Diagnostic>>,
    /// Blocks whose steps could not be worked out: their records are kept.
    pub kept_blocks: BTreeSet<String>,
    /// Migrations whose tables are known after a step only.
    pub pending: Vec<Pending>,
    /// Blocks that `removed` names: nothing of them is destroyed.
    pub removed: Vec<StepAddr>,
    /// Of the state: what the digest of a report calls its migration.
    pub first_names: FirstNames,
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
    let first_names = state.map(|state| state.first_names.clone()).unwrap_or_default();
    let removed = spec.removed.iter().map(|one| one.block.clone()).collect();
    let mut wanted = Desired { renamed, removed, first_names, ..Desired::default() };
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
        kinds::add(&mut wanted, &Wish { migration, target: seen_target, facts, gates: &gate_addrs });
    }
    Ok(wanted)
}

/// The steps that a reference in `after` waits for: a migration's report, every part of a block that has some, or the
/// block itself.
pub(super) fn after_addrs(spec: &Spec, wanted: &Desired, text: &str) -> Vec<StepAddr> {
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
        let inputs = JsonText::of(inputs).unwrap_or_else(|_| JsonText::none());
        self.nodes.push(Node { addr, kind, action: Action::Create, inputs, inputs_digest: Digest::of(decisive) });
    }

    pub(super) fn after(&mut self, to: &StepAddr, from: impl IntoIterator<Item = StepAddr>) {
        self.edges.extend(from.into_iter().map(|from| Edge { to: to.clone(), from, kind: EdgeKind::After }));
    }
}

/// The spec's word of a setting.
pub(super) fn word(setting: &impl Serialize) -> String {
    serde_json::to_value(setting).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
