//! `mig verify`: compares source and target as they are now, table by table, and says what that proves. Works at any
//! time and for databases that another tool moved: it reads no state, takes no lock and writes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::apply::{now_of, show};
use super::args::{Global, Verify};
use super::session::{Session, addresses, print};
use super::signals;
use crate::drive::run::{EventSink, Run, run as drive};
use crate::formats::certificate::Judgement;
use crate::formats::spec::model::Migration;
use crate::formats::state::{OpenRun, State};
use crate::formats::verification::Verification;
use crate::hosts::memory::MemoryStore;
use crate::screen;
use crate::screen::progress::Reporter;
use crate::screen::style::Style;
use crate::steps::context::{Context, Parts};
use crate::steps::verification::{Verifying, graph};
use crate::think::plan::desired::{source_addr, target_addr};
use crate::think::ready::Limits;
use crate::words::addr::{StepAddr, TableName};
use crate::words::digest::Digest;
use crate::words::error::{ExitKind, Failure, Outcome};

pub async fn run(global: &Global, args: &Verify, style: Style) -> Outcome<ExitKind> {
    let session = Session::open(global, &args.variables)?;
    let wanted = addresses("-target", &args.target)?;
    let names = migrations(&session, &args.migration)?;
    let servers = session.servers()?;
    // No state is read: what a run recorded is no evidence of how things are now.
    let world = session.observe(&servers, None, &BTreeSet::new()).await;
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
        let tables: Vec<TableName> = tables.filter(|name| is_wanted(&wanted, &migration.name, name)).collect();
        chosen.push((migration, tables));
    }
    check_wanted(&wanted, &chosen)?;
    let graph = Arc::new(graph(&chosen));
    let migrations: Vec<Migration> =
        chosen.into_iter().filter(|(_, tables)| !tables.is_empty()).map(|(m, _)| m.clone()).collect();
    if migrations.is_empty() {
        let hint = "Look at the filter in `tables`, and whether the user may see the tables.";
        return Err(Failure::new("MIG1018", "verify", "no table of the source is selected", hint));
    }
    let clock = session.clock.clone();
    let began = clock.millis();
    let context = Arc::new(Context::new(
        Parts {
            spec: session.spec,
            dir: session.dir,
            state_path: session.state_path,
            lineage: String::new(),
            plan_digest: Digest::of_bytes(b""),
            clock: clock.clone(),
            world,
            servers,
            show_keys: args.show_keys,
        },
        &graph,
    ));
    let steps = Arc::new(Verifying::new(context));
    let (tell, told) = mpsc::unbounded_channel();
    let reporter = Reporter::choose(false, Style::of_stderr(!style.color), now_of(clock.clone()));
    let signals = signals::listen();
    let shown = tokio::spawn(show(reporter, told, signals.clone()));
    let end = drive(Run {
        graph,
        state: State::new(String::new()),
        open_run: OpenRun::new(Digest::of_bytes(b""), Digest::of_bytes(b"")),
        // The drive wants a place for its records: they end with the command.
        store: Arc::new(MemoryStore::new()),
        clock: clock.clone(),
        steps: steps.clone(),
        limits: Limits::of(args.parallelism.max(1)),
        events: EventSink::new(tell),
        signals,
    })
    .await;
    let _ = shown.await;
    let failures: Vec<(StepAddr, Failure)> =
        end.failures.iter().filter_map(|f| f.address.clone().map(|addr| (addr, f.clone()))).collect();
    if !failures.is_empty() {
        eprint!("{}", screen::failure::run_end(&failures, &[], style));
    }
    if end.exit == ExitKind::Interrupted {
        eprintln!("The verification was stopped: nothing is proven. It begins anew; -target=ADDR does one table.");
        return Ok(end.exit);
    }
    let seconds = clock.millis().saturating_sub(began) as f64 / 1_000.0;
    let mut found = Vec::new();
    for migration in &migrations {
        found.push(steps.verification(migration, seconds).await?);
    }
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&found).unwrap_or_default()));
    } else {
        for one in &found {
            print(&screen::verification::text(one, style));
        }
    }
    Ok(found.iter().map(exit).fold(end.exit, ExitKind::worst))
}

/// A verification that only counts, as the spec asks, is no failure; its text says what it does not prove.
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
            "MIG1018",
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
            "MIG1018",
            "choose what to verify",
            format!("{addr} names no selected table"),
            "`mig plan` lists the addresses; an address looks like migration.shop.verify[\"shop.orders\"].",
        )),
    }
}
