//! `mig verify`: compares source and target as they are now, table by table, and says what that proves. Works at any
//! time and for databases that another tool moved: it needs no state, takes no lock and writes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use clap::Parser;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::apply::{now_of, show};
use super::args::{Cli, Command, Global, Verify};
use super::remote::{self, Away};
use super::session::{Session, addresses, print, say};
use super::signals;
use crate::drive::run::{EventSink, Run, run as drive};
use crate::formats::certificate::Judgement;
use crate::formats::facts::{NO_LEDGER, World};
use crate::formats::names::FirstNames;
use crate::formats::spec::model::{Migration, Spec};
use crate::formats::state::{OpenRun, State};
use crate::formats::verification::Verification;
use crate::formats::worker::Ask;
use crate::hosts::memory::MemoryStore;
use crate::hosts::places::FilePlaces;
use crate::screen;
use crate::screen::progress::Reporter;
use crate::screen::style::Style;
use crate::steps::context::{Context, Parts};
use crate::steps::proof::verification::{Verifying, graph};
use crate::steps::remote::install::{Program, ask, install};
use crate::think::plan::desired::{source_addr, target_addr};
use crate::think::plan::diff::recorded_server;
use crate::think::ready::Limits;
use crate::words::addr::{StepAddr, TableName};
use crate::words::codes;
use crate::words::digest::Digest;
use crate::words::error::{ExitKind, Failure, Outcome};

pub async fn run(global: &Global, args: &Verify, style: Style) -> Outcome<ExitKind> {
    let mut session = Session::open(global, &args.variables)?;
    session.look_up().await;
    let names = migrations(&session, &args.migration)?;
    let spec = session.spec.clone();
    let state = session.state()?;
    let away: Vec<Away> =
        remote::away(&session.spec, state.as_ref())?.into_iter().filter(|one| names.contains(&one.migration)).collect();
    let mut all = Found::default();
    for one in &away {
        let Found { found, exit, .. } = ask_there(&session, one, args).await?;
        all.found.extend(found);
        all.exit = all.exit.worst(exit);
    }
    let here: BTreeSet<String> = names.into_iter().filter(|n| !away.iter().any(|one| one.migration == *n)).collect();
    if !here.is_empty() {
        let Found { found, exit, stopped } = compare(session, state.as_ref(), args, &here, style).await?;
        if stopped {
            return Ok(exit);
        }
        all.found.extend(found);
        all.exit = all.exit.worst(exit);
    }
    if let Some(state) = &state {
        for one in &mut all.found {
            one.unproven.extend(elsewhere_than_recorded(&spec, state, one)?);
        }
    }
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&all.found).unwrap_or_default()));
    } else {
        for one in &all.found {
            print(&screen::verification::text(one, style));
        }
    }
    Ok(all.found.iter().map(exit).fold(all.exit, ExitKind::worst))
}

/// Servers that are not those of the runs in the state: what was compared says nothing of what these runs moved.
fn elsewhere_than_recorded(spec: &Spec, state: &State, found: &Verification) -> Outcome<Vec<String>> {
    let mut sentences = Vec::new();
    let Some(migration) = spec.migrations.get(&found.migration) else { return Ok(sentences) };
    // A source that is a cluster is recorded by the cloud's name for it, which no session gives.
    let source = spec.sources.get(&migration.source).filter(|source| source.aurora.is_none()).map(source_addr);
    let target = spec.targets.get(&migration.target).map(target_addr);
    for (addr, party) in [(source, &found.source), (target, &found.target)] {
        let Some(recorded) = addr.as_ref().map_or(Ok(None), |addr| recorded_server(state, addr))? else { continue };
        let Some((_, here)) = party.identity.split_once('@') else { continue };
        let user = party.identity.split_once('@').map_or("its user", |(user, _)| user);
        if here == NO_LEDGER {
            sentences.push(format!(
                "{user} sees no ledger of mig on {}: whether that is the server in the state (recorded {recorded}) is not \
                 known. What was compared says nothing of what its runs moved.",
                party.address
            ));
        } else if !party.identity.ends_with(&format!("@{recorded}")) {
            sentences.push(format!(
                "{} is another server than the one in the state (recorded {recorded}, compared {here}): of what its runs \
                 moved there, this says nothing.",
                party.address
            ));
        }
    }
    Ok(sentences)
}

/// What verifications came to.
#[derive(Default, Serialize, Deserialize)]
pub struct Found {
    pub(super) found: Vec<Verification>,
    pub(super) exit: ExitKind,
    /// It was stopped before it had an end.
    pub(super) stopped: bool,
}

/// On a runner: the same for the one migration that is there.
pub async fn elsewhere(session: Session, arguments: Vec<String>) -> Outcome<Found> {
    let cli = Cli::try_parse_from(["mig".to_owned(), "verify".to_owned()].into_iter().chain(arguments));
    let Ok(Cli { command: Command::Verify(args), .. }) = cli else {
        let hint = "Use one version of mig at both ends.";
        return Err(Failure::new(
            codes::WORKER_UNEXPECTED,
            "read what to verify",
            "the arguments are not known here",
            hint,
        ));
    };
    let names = session.spec.migrations.keys().cloned().collect();
    compare(session, None, &args, &names, Style::plain()).await
}

/// Asks the runner of a migration.
async fn ask_there(session: &Session, away: &Away, args: &Verify) -> Outcome<Found> {
    let Some(endpoint) = &away.endpoint else {
        let hint = "`mig apply` makes it ready.";
        return Err(Failure::new(codes::NOTHING_TO_VERIFY, "verify", format!("{} is not ready yet", away.ready), hint));
    };
    let mut arguments: Vec<String> = args.target.iter().map(|target| format!("--target={target}")).collect();
    arguments.extend(args.show_keys.then(|| "--show-keys".to_owned()));
    arguments.push(format!("--parallelism={}", args.parallelism));
    let question = Ask::Verify {
        spec: remote::texts(&session.spec, &session.texts, &session.dir, &away.migration)?,
        migration: away.migration.clone(),
        workdir: away.workdir.clone(),
        arguments,
    };
    let program = Program::this()?;
    let shell = session.shells.connect(endpoint).await?;
    if install(shell.as_ref(), endpoint, &program).await?.copied {
        say(&format!("mig was copied to {endpoint}, {}/bin: it compares from there.\n", endpoint.workdir));
    }
    say(&format!("migration.{} is verified on {endpoint} …\n", away.migration));
    ask(shell.as_ref(), endpoint, &program, &question).await
}

/// Verifies migrations from this machine.
pub(super) async fn compare(
    session: Session,
    state: Option<&State>,
    args: &Verify,
    names: &BTreeSet<String>,
    style: Style,
) -> Outcome<Found> {
    let wanted = addresses("-target", &args.target)?;
    let servers = session.servers()?;
    // Of a state only the texts of views are taken: what a run recorded is not evidence of how things are now.
    let world = session.observe(&servers, None, &BTreeSet::new()).await?;
    let chosen = chosen(&session, &world, names, &wanted)?;
    let graph = Arc::new(graph(&chosen));
    let migrations: Vec<Migration> =
        chosen.into_iter().filter(|(_, tables)| !tables.is_empty()).map(|(m, _)| m.clone()).collect();
    if migrations.is_empty() {
        let hint = "Look at the filter in `tables`, and whether the user may see the tables.";
        return Err(Failure::new(codes::NOTHING_TO_VERIFY, "verify", "no table of the source is selected", hint));
    }
    let clock = session.clock.clone();
    let began = clock.millis();
    let context = Arc::new(Context::new(
        Parts {
            spec: session.spec,
            dir: session.dir,
            store: session.store,
            token: 0,
            lineage: String::new(),
            // It reads no dump.
            first_names: FirstNames::default(),
            plan_digest: Digest::of_bytes(b""),
            clock: clock.clone(),
            programs: Arc::new(crate::hosts::program::Local),
            world,
            servers,
            show_keys: args.show_keys,
            shells: session.shells,
            cloud: session.account.map(|account| account.cloud),
            places: Arc::new(FilePlaces::default()),
        },
        Arc::clone(&graph),
    ));
    let steps = Arc::new(Verifying::new(context, state)?);
    let (tell, told) = mpsc::unbounded_channel();
    let reporter = Reporter::choose(false, Style::of_stderr(!style.color), now_of(clock.clone()));
    let signals = signals::listen();
    let shown = tokio::spawn(show(reporter, None, told, signals.clone()));
    let end = drive(Run {
        graph,
        state: State::new(String::new()),
        open_run: OpenRun::new(Digest::of_bytes(b""), Digest::of_bytes(b"")),
        // The drive wants a place for its records: they end with the command.
        store: Arc::new(MemoryStore::new()),
        clock: clock.clone(),
        steps: steps.clone(),
        limits: Limits::of(args.parallelism.max(1)),
        tap: None,
        events: EventSink::new(tell),
        signals,
    })
    .await;
    let _ = shown.await;
    let failures: Vec<(StepAddr, Failure)> =
        end.failures.iter().filter_map(|f| f.address.clone().map(|addr| (addr, f.clone()))).collect();
    if !failures.is_empty() {
        say(&screen::failure::run_end(&failures, &[], style));
    }
    if end.exit == ExitKind::Interrupted {
        say(
            "The verification was stopped: nothing is proven. The next run starts over; use -target=ADDR for a single table.\n",
        );
        return Ok(Found { exit: end.exit, stopped: true, ..Found::default() });
    }
    let seconds = clock.millis().saturating_sub(began) as f64 / 1_000.0;
    let mut found = Vec::new();
    for migration in &migrations {
        found.push(steps.verification(migration, seconds).await?);
    }
    Ok(Found { found, exit: end.exit, stopped: false })
}

/// The tables of each migration that `-target` names, or all.
fn chosen<'s>(
    session: &'s Session,
    world: &World,
    names: &BTreeSet<String>,
    wanted: &BTreeSet<StepAddr>,
) -> Outcome<Vec<(&'s Migration, Vec<TableName>)>> {
    let mut chosen: Vec<(&Migration, Vec<TableName>)> = Vec::new();
    for migration in session.spec.migrations.values().filter(|m| names.contains(&m.name)) {
        let source = session.spec.sources.get(&migration.source).map(source_addr);
        let target = session.spec.targets.get(&migration.target).map(target_addr);
        for address in source.iter().chain(&target) {
            if let Some(fault) = world.servers.get(&address.to_string()).and_then(|facts| facts.fault.clone()) {
                return Err(fault);
            }
        }
        let facts = world.migrations.get(&migration.name);
        let tables = facts.into_iter().flat_map(|f| &f.source.tables).map(|t| t.name.clone());
        let tables: Vec<TableName> = tables.filter(|name| is_wanted(wanted, &migration.name, name)).collect();
        chosen.push((migration, tables));
    }
    check_wanted(wanted, &chosen)?;
    Ok(chosen)
}

/// A verification that only counts, as the spec asks, is not a failure; its text says what it does not prove.
fn exit(found: &Verification) -> ExitKind {
    if found.verdict == Judgement::Different { ExitKind::Mismatch } else { ExitKind::Success }
}

/// The migrations that are named, or all.
fn migrations(session: &Session, named: &[String]) -> Outcome<BTreeSet<String>> {
    let all: BTreeSet<String> = session.spec.migrations.keys().cloned().collect();
    if named.is_empty() {
        return Ok(all);
    }
    let short = |name: &String| name.strip_prefix("migration.").unwrap_or(name).to_owned();
    let named: BTreeSet<String> = named.iter().map(short).collect();
    match named.iter().find(|name| !all.contains(*name)) {
        None => Ok(named),
        Some(name) => Err(Failure::new(
            codes::NOTHING_TO_VERIFY,
            "choose what to verify",
            format!("the spec has no migration {name:?}"),
            format!("It has: {}.", all.into_iter().collect::<Vec<_>>().join(", ")),
        )),
    }
}

/// Any step of a table names it; a step of the whole migration names all.
fn is_wanted(wanted: &BTreeSet<StepAddr>, migration: &str, table: &TableName) -> bool {
    let names = |addr: &StepAddr| {
        addr.migration() == Some(migration) && addr.key().is_none_or(|_| addr.table().as_ref() == Some(table))
    };
    wanted.is_empty() || wanted.iter().any(names)
}

/// An address that names no table is a mistake, not a success over nothing.
fn check_wanted(wanted: &BTreeSet<StepAddr>, chosen: &[(&Migration, Vec<TableName>)]) -> Outcome<()> {
    let names = |addr: &StepAddr| {
        let one = BTreeSet::from([addr.clone()]);
        chosen.iter().any(|(migration, tables)| tables.iter().any(|table| is_wanted(&one, &migration.name, table)))
    };
    match wanted.iter().find(|addr| !names(addr)) {
        None => Ok(()),
        Some(addr) => Err(Failure::new(
            codes::NOTHING_TO_VERIFY,
            "choose what to verify",
            format!("{addr} names no selected table"),
            "`mig plan` lists the addresses; an address looks like migration.shop.verify[\"shop.orders\"].",
        )),
    }
}
