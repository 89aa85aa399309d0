//! What commands do about migrations whose runner is another machine: look from there, hand the work over.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::report;
use super::session::{Session, say};
use crate::formats::certificate::Certificate;
use crate::formats::cloud_inputs::ReadyOutputs;
use crate::formats::facts::{ServerFacts, Stray, World};
use crate::formats::plan::{Graph, PlanFile};
use crate::formats::spec::model::{Migration, RunnerKind, Spec};
use crate::formats::state::State;
use crate::formats::steps::{ReportOutputs, RunnerOutputs};
use crate::formats::worker::{Ask, AtWork, Endpoint, Looked, SpecTexts, Work, part_of};
use crate::seams::clock::Clock;
use crate::seams::shell::Shells;
use crate::seams::sql;
use crate::seams::store::Store;
use crate::steps::remote::install::{Program, ask, install};
use crate::steps::remote::{Delegation, Remote, endpoint, steps_of};
use crate::think::plan::aws_source::runner_runs;
use crate::think::plan::desired::{delegated, ready_addr, source_addr, target_addr};
use crate::words::addr::{StepAddr, StepKind, StepType};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// A migration that is carried out elsewhere.
#[derive(Clone)]
pub struct Away {
    pub migration: String,
    pub runner: RunnerKind,
    /// The step after which its runner can be worked on.
    pub ready: StepAddr,
    /// `None`: the runner is not ready by what is recorded.
    pub endpoint: Option<Endpoint>,
    pub workdir: String,
}

/// The migrations of a spec that are carried out elsewhere.
///
/// # Errors
/// MIG4002: what is recorded of a runner cannot be read.
pub fn away(spec: &Spec, state: Option<&State>) -> Outcome<Vec<Away>> {
    let of = |migration: &Migration| {
        let named = migration.runner.as_ref().and_then(|name| spec.runners.get(name));
        let (Some(ready), Some(runner)) = (ready_addr(spec, migration), named) else { return Ok(None) };
        let endpoint = endpoint(&runner.kind, &ready, state.and_then(|s| s.outputs(&ready)))?;
        let workdir = endpoint.as_ref().map_or_else(|| runner.workdir.clone(), |e| e.workdir.clone());
        let (migration, runner) = (migration.name.clone(), runner.kind.clone());
        Ok(Some(Away { migration, runner, ready, endpoint, workdir }))
    };
    let found: Vec<_> = spec.migrations.values().map(of).collect::<Outcome<_>>()?;
    Ok(found.into_iter().flatten().collect())
}

/// The world as it is seen from here and from every runner.
pub struct Seen {
    pub world: World,
    /// With what workers made durable and this side had not heard of.
    pub state: Option<State>,
    /// Whether there was any such thing.
    pub ahead: bool,
    /// Certificates of migrations that ended meanwhile, by name.
    pub certificates: BTreeMap<String, Vec<u8>>,
    /// Where mig was copied to, so that the plan could be made from there.
    pub copied: Vec<String>,
}

impl Seen {
    fn of(world: World, state: Option<State>) -> Self {
        Self { world, state, ahead: false, certificates: BTreeMap::new(), copied: Vec::new() }
    }
}

/// Looks at everything, each migration from where it runs, and at the certificates here.
///
/// # Errors
/// A dump that lies here for a migration that runs elsewhere.
pub async fn observe(
    session: &Session,
    servers: &BTreeMap<StepAddr, Arc<dyn sql::Server>>,
    state: Option<State>,
    replace: &BTreeSet<StepAddr>,
    may_install: bool,
) -> Outcome<Seen> {
    let mut seen = look_everywhere(session, servers, state, replace, may_install).await?;
    let Some(state) = &seen.state else { return Ok(seen) };
    for (name, facts) in &mut seen.world.migrations {
        let step = StepAddr::in_migration(name, StepKind::Report, None);
        // A record that cannot be read is the plan's to refuse, and one that came just now has its file with it.
        let Ok(Some(recorded)) = state.outputs_if_complete::<ReportOutputs>(&step) else { continue };
        let is_it = |file: &Certificate| file.digest == recorded.certificate;
        facts.certificate_lost = !seen.certificates.contains_key(name)
            && match report::read(&*session.store, report::filed_as(Some(state), name)) {
                Ok(found) => !found.is_some_and(|(file, _)| is_it(&file)),
                Err(failure) => failure.code == codes::NO_SOUND_CERTIFICATE,
            };
    }
    Ok(seen)
}

async fn look_everywhere(
    session: &Session,
    servers: &BTreeMap<StepAddr, Arc<dyn sql::Server>>,
    state: Option<State>,
    replace: &BTreeSet<StepAddr>,
    may_install: bool,
) -> Outcome<Seen> {
    let away = away(&session.spec, state.as_ref())?;
    let account = session.account_facts(state.as_ref()).await;
    if away.is_empty() {
        let mut world = session.observe(servers, state.as_ref(), replace).await?;
        world.strays = left_at_work(session, state.as_ref(), &away, may_install).await?;
        session.add_account(&mut world, account);
        return Ok(Seen::of(world, state));
    }
    if let Some((migration, _)) = session.import.as_ref().filter(|(name, _)| away.iter().any(|a| a.migration == *name))
    {
        return Err(Failure::new(
            codes::DUMP_ELSEWHERE,
            format!("take a dump in for migration.{migration}"),
            "its files are here, and the migration runs on another machine",
            "Give the migration a local runner for this, or run mig where the files are.",
        ));
    }
    let here = session.with_spec(without(&session.spec, &away));
    let mut seen = Seen::of(here.observe(servers, state.as_ref(), replace).await?, state);
    for one in &away {
        // A machine that is gone or stopped is made or started before anything can be looked at from it.
        let runs = account.as_ref().is_none_or(|account| runner_runs(account, &one.ready));
        let Some(endpoint) = one.endpoint.as_ref().filter(|_| runs) else {
            seen.world.pending.insert(one.migration.clone(), one.ready.clone());
            continue;
        };
        match look(session, one, endpoint, seen.state.as_ref(), replace, may_install, &mut seen.copied).await {
            Ok(looked) => {
                let known = |at: &AtWork| {
                    let leads =
                        |other: &Away| other.migration == at.migration && other.endpoint.as_ref() == Some(endpoint);
                    at.workdir == one.workdir && away.iter().any(leads)
                };
                for AtWork { migration, workdir } in looked.at_work.into_iter().filter(|at| !known(at)) {
                    let stray = Stray { migration, place: format!("{endpoint}, {workdir}") };
                    if !seen.world.strays.contains(&stray) {
                        seen.world.strays.push(stray);
                    }
                }
                if let Some(state) = &mut seen.state {
                    let report = StepAddr::in_migration(&one.migration, StepKind::Report, None);
                    let before = state.outputs(&report).cloned();
                    seen.ahead |= looked.standing.overlay(state);
                    if let Some(bytes) = looked.certificate.filter(|_| state.outputs(&report) != before.as_ref()) {
                        seen.certificates.insert(one.migration.clone(), bytes);
                    }
                }
                seen.world.migrations.extend(looked.world.migrations);
                for (address, facts) in looked.world.servers {
                    seen.world.servers.entry(address).or_insert(facts);
                }
            }
            Err(failure) => {
                let Some(migration) = session.spec.migrations.get(&one.migration) else { continue };
                for address in addresses(&session.spec, migration) {
                    let facts = ServerFacts { fault: Some(failure.clone()), ..ServerFacts::default() };
                    seen.world.servers.entry(address.to_string()).or_insert(facts);
                }
            }
        }
    }
    seen.world.strays.extend(left_at_work(session, seen.state.as_ref(), &away, may_install).await?);
    session.add_account(&mut seen.world, account);
    Ok(seen)
}

/// Workers of an interrupted run on machines that the state knows and to which no migration of the spec leads any more.
///
/// # Errors
/// Before effects (`must_know`): such a machine cannot be asked.
async fn left_at_work(session: &Session, state: Option<&State>, away: &[Away], must_know: bool) -> Outcome<Vec<Stray>> {
    let Some(state) = state.filter(|state| state.open_run.is_some()) else { return Ok(Vec::new()) };
    let mut strays = Vec::new();
    for (addr, endpoint) in recorded_endpoints(state)? {
        if away.iter().any(|one| one.endpoint.as_ref() == Some(&endpoint)) {
            continue;
        }
        // A plan leaves nothing there, so it asks only where a run has put mig.
        match at_work(session, &endpoint, &state.lineage, must_know).await {
            Ok(there) => strays.extend(
                there
                    .into_iter()
                    .map(|AtWork { migration, workdir }| Stray { migration, place: format!("{endpoint}, {workdir}") }),
            ),
            Err(failure) if must_know => {
                let cause = format!(
                    "an interrupted run had its worker on {endpoint}, which cannot be asked: {}",
                    failure.cause
                );
                let hint = format!(
                    "Give the migration its runner back, or let that machine answer. If it is gone for good: `mig state rm '{addr}'`. \
                     No step was started."
                );
                let doing = "look whether a worker is at work";
                return Err(Failure::new(codes::WORKER_LEFT_AT_WORK, doing, cause, hint).at(&addr));
            }
            Err(_) => {}
        }
    }
    Ok(strays)
}

/// Other machines on which runs have worked, by the steps that made them ready.
fn recorded_endpoints(state: &State) -> Outcome<Vec<(StepAddr, Endpoint)>> {
    let mut found = Vec::new();
    for (addr, record) in &state.steps {
        let is = |part| addr.step_type() == Some(part);
        let endpoint = if is(StepType::Runner) {
            record.outputs_as::<RunnerOutputs>(addr)?.and_then(|made| made.endpoint)
        } else if is(StepType::Ready) {
            record.outputs_as::<ReadyOutputs>(addr)?.map(|made| made.endpoint)
        } else {
            None
        };
        found.extend(endpoint.map(|endpoint| (addr.clone(), endpoint)));
    }
    Ok(found)
}

/// Before anything is removed: no worker is at work that the removal would pass by. One of a migration that is still there
/// under its name is handed the removal itself. A runner that does not answer is told by its step.
///
/// # Errors
/// MIG3115; MIG4002: what is recorded of a runner cannot be read.
pub async fn nobody_at_work(session: &Session, state: &State) -> Outcome<()> {
    let away = away(&session.spec, Some(state))?;
    for (addr, endpoint) in recorded_endpoints(state)? {
        let Ok(there) = at_work(session, &endpoint, &state.lineage, true).await else { continue };
        let known = |at: &AtWork| {
            away.iter().any(|one| one.migration == at.migration && one.endpoint.as_ref() == Some(&endpoint))
        };
        if let Some(AtWork { migration, workdir }) = there.iter().find(|at| !known(at)) {
            let cause = format!("the worker of migration.{migration} is at work on {endpoint}, in {workdir}");
            let hint = "The spec does not lead to it. Give the migration and its runner's `workdir` their former names; \
                        then `mig apply` attaches to it (-stop-worker and Ctrl-C stop it). Nothing was removed.";
            return Err(Failure::new(codes::WORKER_LEFT_AT_WORK, "remove what the runs made", cause, hint).at(&addr));
        }
    }
    Ok(())
}

/// For a destroy: migrations whose runner in EC2 does not run any more are carried out from here. What lay on it goes with its
/// instance and volume, and no worker answers there.
pub async fn without_dead_runners(session: Session, state: &State) -> Session {
    let named = |migration: &Migration| {
        let ready = ready_addr(&session.spec, migration)?;
        (ready.step_type() == Some(StepType::Ready)).then_some(ready)
    };
    let of_ec2: Vec<(String, StepAddr)> =
        session.spec.migrations.values().filter_map(|m| Some((m.name.clone(), named(m)?))).collect();
    if of_ec2.is_empty() {
        return session;
    }
    let Some(account) = session.account_facts(Some(state)).await else { return session };
    let mut spec = session.spec.clone();
    for (migration, ready) in of_ec2.iter().filter(|(_, ready)| !runner_runs(&account, ready)) {
        say(&format!(
            "The instance of {ready} does not run. What migration.{migration} left on it goes with the instance and its volume; \
             its servers are reached from here.\n"
        ));
        if let Some(migration) = spec.migrations.get_mut(migration) {
            migration.runner = None;
        }
    }
    session.with_spec(spec)
}

/// `may_install`: the steps that remove need mig there, too.
async fn at_work(session: &Session, endpoint: &Endpoint, lineage: &str, may_install: bool) -> Outcome<Vec<AtWork>> {
    let program = Program::this()?;
    let shell = session.shells.connect(endpoint).await?;
    if may_install {
        install(shell.as_ref(), endpoint, &program).await?;
    }
    let question = Ask::AtWork { workdir: endpoint.workdir.clone(), lineage: lineage.to_owned() };
    ask(shell.as_ref(), endpoint, &program, &question).await
}

async fn look(
    session: &Session,
    away: &Away,
    endpoint: &Endpoint,
    state: Option<&State>,
    replace: &BTreeSet<StepAddr>,
    may_install: bool,
    copied: &mut Vec<String>,
) -> Outcome<Looked> {
    let program = Program::this()?;
    let shell = session.shells.connect(endpoint).await?;
    if may_install && install(shell.as_ref(), endpoint, &program).await?.copied {
        let place = format!("{endpoint}, {}/bin", endpoint.workdir);
        say(&format!("mig was copied to {place}: the plan is made from there.\n"));
        copied.push(place);
    }
    let recorded = state.and_then(|state| state.steps.get(&away.ready).map(|record| record.outputs_as(&away.ready)));
    let former_workdir = match away.runner {
        RunnerKind::Ssh(_) => recorded.transpose()?.flatten().map(|made: RunnerOutputs| made.workdir),
        RunnerKind::Local | RunnerKind::Ec2(_) => None,
    };
    let question = Ask::Look {
        spec: texts(&session.spec, &session.texts, &session.dir, &away.migration)?,
        migration: away.migration.clone(),
        workdir: away.workdir.clone(),
        state: state.map(|s| Box::new(s.clone())),
        replace: replace.iter().cloned().collect(),
        former_workdir,
    };
    ask(shell.as_ref(), endpoint, &program, &question).await
}

/// The spec without these migrations, and without the servers that only they name.
fn without(spec: &Spec, away: &[Away]) -> Spec {
    let is_away = |migration: &Migration| away.iter().any(|one| one.migration == migration.name);
    // A server that a migration here names, too, is looked at from here as well; so is one that none names.
    let stays = |of: fn(&Migration) -> &String, name: &String| {
        let mut users = spec.migrations.values().filter(|migration| of(migration) == name).peekable();
        users.peek().is_none() || users.any(|migration| !is_away(migration))
    };
    let mut rest = spec.clone();
    rest.migrations.retain(|_, migration| !is_away(migration));
    rest.sources.retain(|name, _| stays(|m| &m.source, name));
    rest.targets.retain(|name, _| stays(|m| &m.target, name));
    rest
}

fn addresses(spec: &Spec, migration: &Migration) -> Vec<StepAddr> {
    let source = spec.sources.get(&migration.source).map(source_addr);
    let target = spec.targets.get(&migration.target).map(target_addr);
    source.into_iter().chain(target).collect()
}

/// Everything that a worker needs to read the spec where none of its files lies.
pub fn texts(spec: &Spec, read: &SpecTexts, dir: &Path, migration: &str) -> Outcome<SpecTexts> {
    let mut texts = read.clone();
    let Some(migration) = spec.migrations.get(migration) else { return Ok(texts) };
    let servers = [
        spec.sources.get(&migration.source).map(|s| (source_addr(s), s)),
        spec.targets.get(&migration.target).map(|s| (target_addr(s), s)),
    ];
    for (addr, server) in servers.into_iter().flatten() {
        texts.places.insert(addr.clone(), (server.host.clone(), server.port));
        if let Some(file) = &server.tls.ca_file {
            let bytes = std::fs::read(dir.join(file)).map_err(|error| {
                let hint = "Look at the block's `tls { ca_file }`.";
                Failure::new(codes::FILE_UNREADABLE, format!("read {file}"), error.to_string(), hint).at(&addr)
            })?;
            texts.authorities.insert(file.clone(), bytes);
        }
    }
    if let Some(file) = migration.dump.to.as_ref().and_then(|bucket| bucket.access.ca_file.as_ref()) {
        let bytes = std::fs::read(dir.join(file)).map_err(|error| {
            let hint = "Look at `ca_file` in the dump's block `s3`.";
            Failure::new(codes::FILE_UNREADABLE, format!("read {file}"), error.to_string(), hint)
        })?;
        texts.authorities.insert(file.clone(), bytes);
    }
    Ok(texts)
}

/// What the workers of a run are made from.
pub struct Handover<'a> {
    pub spec: &'a Spec,
    pub texts: &'a SpecTexts,
    pub dir: &'a Path,
    pub store: Arc<dyn Store>,
    pub state: &'a State,
    pub world: &'a World,
    pub plan: &'a PlanFile,
    pub graph: &'a Graph,
    pub shells: Arc<dyn Shells>,
    pub clock: Arc<dyn Clock>,
    pub parallelism: usize,
    pub show_keys: bool,
    pub stop_worker: bool,
}

/// One remote for every migration that is carried out elsewhere and has a step in the graph.
pub fn remotes(of: &Handover<'_>) -> Outcome<Vec<Arc<Remote>>> {
    let servers = delegated(of.spec);
    let mut remotes = Vec::new();
    for away in away(of.spec, Some(of.state))? {
        let own: BTreeSet<StepAddr> =
            servers.iter().filter(|(_, by)| **by == away.migration).map(|(addr, _)| addr.clone()).collect();
        let takes = steps_of(of.graph, &away.migration, &own);
        if takes.is_empty() {
            continue;
        }
        let Some(migration) = of.spec.migrations.get(&away.migration) else { continue };
        let mut world = World::default();
        for address in addresses(of.spec, migration).iter().map(ToString::to_string) {
            if let Some(facts) = of.world.servers.get(&address) {
                world.servers.insert(address, facts.clone());
            }
        }
        if let Some(facts) = of.world.migrations.get(&away.migration) {
            world.migrations.insert(away.migration.clone(), facts.clone());
        }
        let work = Work {
            spec: texts(of.spec, of.texts, of.dir, &away.migration)?,
            migration: away.migration.clone(),
            workdir: away.workdir.clone(),
            graph: part_of(of.graph, &|addr| takes.contains(addr)),
            steps: BTreeMap::new(),
            world,
            lineage: of.state.lineage.clone(),
            first_names: of.state.first_names.clone(),
            token: of.store.token(),
            plan_digest: of.plan.digest.clone(),
            base_state_digest: of.plan.body.state_digest.clone(),
            parallelism: of.parallelism,
            show_keys: of.show_keys,
        };
        remotes.push(Remote::new(Delegation {
            store: of.store.clone(),
            migration: away.migration,
            runner: away.runner,
            ready: away.ready,
            takes,
            work,
            shells: of.shells.clone(),
            clock: of.clock.clone(),
            stop_worker: of.stop_worker,
        }));
    }
    Ok(remotes)
}
