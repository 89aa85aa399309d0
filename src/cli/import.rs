//! `mig import ADDR`: tables that are on the target already become the state's, once every row of theirs is compared with the
//! source and the same. Moves no row and changes no table: it writes the ledger and the state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::args::{Global, Import, Verify};
use super::locked::locked;
use super::session::{Session, addresses, print};
use super::{moves, remote, state, verify};
use crate::formats::facts::{Position, ServerFacts, World};
use crate::formats::plan::{Graph, Mode};
use crate::formats::rowhash::PartHash;
use crate::formats::spec::model::Migration;
use crate::formats::state::State;
use crate::formats::verification::{TableVerdict, Verification};
use crate::screen;
use crate::screen::style::{Style, count};
use crate::seams::sql::{Role, Server};
use crate::steps::observe::evidence;
use crate::steps::servers::prepared;
use crate::steps::transfer::ledger;
use crate::steps::transfer::take_over::{Owner, take_over};
use crate::think::import::{Candidate, Compared, Taken, candidates, record};
use crate::think::plan::desired::{source_addr, target_addr};
use crate::words::addr::StepAddr;
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

type Servers = BTreeMap<StepAddr, Arc<dyn Server>>;

pub async fn run(global: &Global, args: &Import, style: Style) -> Outcome<ExitKind> {
    let mut session = Session::open(global, &args.edit.variables)?;
    session.look_up().await;
    let addrs = addresses("ADDR", &args.addrs)?;
    locked(&session, &args.edit.locking, "mig import", import(&session, args, &addrs, style)).await
}

async fn import(session: &Session, args: &Import, addrs: &BTreeSet<StepAddr>, style: Style) -> Outcome<ExitKind> {
    let recorded = session.state()?;
    if recorded.as_ref().is_some_and(|state| state.open_run.is_some()) {
        let hint = "Run `mig apply` to its end first. Nothing was changed.";
        let cause = "a run was interrupted and is open";
        return Err(Failure::new(codes::RUN_OPEN, "import into the state", cause, hint));
    }
    let servers = session.servers()?;
    let none = BTreeSet::new();
    let world = session.observe(&servers, recorded.as_ref(), &none).await?;
    answered(&world)?;
    let graph = session.plan(recorded.as_ref(), &world, Mode::Apply, &none, false, &[])?.body.graph;
    let chosen = candidates(addrs, &graph, (&session.spec, &world), recorded.as_ref())?;
    works_here(session, recorded.as_ref(), &chosen)?;
    if chosen.is_empty() {
        print("Nothing to import: the state has all of these tables.\n");
        return Ok(ExitKind::Success);
    }
    // What is written to the source from here on is not in what is compared, and is looked for at the end of a run.
    let began = session.clock.now();
    let places = places(session, &servers, &world, &chosen).await?;
    let compared = match compared(session, recorded.as_ref(), args, &chosen, style).await? {
        Ok(compared) => compared,
        Err(exit) => return Ok(exit),
    };
    let rows: u64 = compared.values().map(|(compared, _)| compared.rows().rows).sum();
    let what = format!("{} with {}", count(chosen.len() as u64, "table", "tables"), count(rows, "row", "rows"));
    if args.edit.dry_run {
        print(&format!("\nWould import {what}. Nothing was changed.\n"));
        return Ok(ExitKind::Success);
    }
    let is_first = recorded.is_none();
    let mut next = match recorded {
        Some(state) => moves::record(session, state)?,
        None => {
            // Its lineage stands before the ledger names it: an import that is interrupted there is done again.
            let first = State { serial: 1, ..State::new(format!("{:032x}", rand::random::<u128>())) };
            session.store.replace_state(&first.write()?)?;
            first
        }
    };
    let found = Found { world: &world, graph: &graph, compared: &compared, places: &places, began: &began };
    for name in chosen.iter().map(|one| one.migration.as_str()).collect::<BTreeSet<_>>() {
        let of_it: Vec<&Candidate> = chosen.iter().filter(|one| one.migration == name).collect();
        found.take(session, &servers, &mut next, &of_it).await?;
    }
    next.serial += 1;
    let kept = match is_first {
        true => session.store.replace_state(&next.write()?).map(|()| String::new())?,
        false => state::put(session, &next)?,
    };
    print(&format!("\nImported {what}: no row was moved.{kept} `mig plan` shows what is left to do.\n"));
    Ok(ExitKind::Success)
}

/// # Errors
/// What a server answered that does not let itself be looked at.
fn answered(world: &World) -> Outcome<()> {
    match world.servers.values().find_map(|facts| facts.fault.clone()) {
        None => Ok(()),
        Some(fault) => Err(fault),
    }
}

/// # Errors
/// MIG1027: a migration that is carried out on another machine.
fn works_here(session: &Session, state: Option<&State>, chosen: &BTreeSet<Candidate>) -> Outcome<()> {
    let away = remote::away(&session.spec, state)?;
    match chosen.iter().find(|one| away.iter().any(|away| away.migration == one.migration)) {
        None => Ok(()),
        Some(one) => {
            let cause =
                format!("migration.{} runs on another machine, and an import compares from this one", one.migration);
            let hint = "Run it with the same state where both servers are reached, in a spec whose migration has no `runner`. \
                        Nothing was changed.";
            Err(Failure::new(codes::CANNOT_IMPORT, "import", cause, hint).at(&one.addr()))
        }
    }
}

/// Where each source's log stands, by migration.
async fn places(
    session: &Session,
    servers: &Servers,
    world: &World,
    chosen: &BTreeSet<Candidate>,
) -> Outcome<BTreeMap<String, Option<Position>>> {
    let mut places = BTreeMap::new();
    for one in chosen {
        if places.contains_key(&one.migration) {
            continue;
        }
        let (migration, _) = block(session, one)?;
        let addr = session.spec.sources.get(&migration.source).map(source_addr);
        let facts = addr.as_ref().and_then(|addr| world.servers.get(&addr.to_string()));
        let server = addr.as_ref().and_then(|addr| servers.get(addr));
        let place = match (server, facts) {
            (Some(server), Some(facts)) if !facts.dump => evidence::begin(&**server, facts).await?,
            _ => None,
        };
        places.insert(one.migration.clone(), place.map(|place| place.bounded()));
    }
    Ok(places)
}

/// The migration of a table, and the address of its target.
fn block<'a>(session: &'a Session, one: &Candidate) -> Outcome<(&'a Migration, StepAddr)> {
    let migration = session.spec.migrations.get(&one.migration);
    let found = migration.and_then(|m| Some((m, session.spec.targets.get(&m.target).map(target_addr)?)));
    found.ok_or_else(|| {
        let cause = format!("the spec has no migration {} with a target", one.migration);
        Failure::new(codes::BAD_ADDRESS, "choose what to import", cause, "Look at the spec. Nothing was changed.")
    })
}

type Proven = BTreeMap<Candidate, (Compared, TableVerdict)>;

/// Compares the tables as `mig verify` does, and says what it found; the exit code where they are not all the same.
async fn compared(
    session: &Session,
    state: Option<&State>,
    args: &Import,
    chosen: &BTreeSet<Candidate>,
    style: Style,
) -> Outcome<Result<Proven, ExitKind>> {
    let asked = Verify {
        variables: args.edit.variables.clone(),
        migration: Vec::new(),
        target: chosen.iter().map(|one| one.addr().to_string()).collect(),
        show_keys: args.show_keys,
        json: false,
        parallelism: args.parallelism,
    };
    let names = chosen.iter().map(|one| one.migration.clone()).collect();
    let verify::Found { found, exit, stopped } = verify::compare(session.clone(), state, &asked, &names, style).await?;
    if stopped {
        return Ok(Err(exit));
    }
    for one in &found {
        print(&screen::verification::text(&of_tables(one), style));
    }
    let mut proven = BTreeMap::new();
    let mut open = 0;
    for one in chosen {
        let of_it = found.iter().filter(|found| found.migration == one.migration).flat_map(|found| &found.tables);
        let verdict = of_it.into_iter().find(|verdict| verdict.table == one.table.key());
        match verdict.and_then(|verdict| Some((Compared::of(verdict)?, verdict.clone()))) {
            Some(same) => drop(proven.insert(one.clone(), same)),
            None => open += 1,
        }
    }
    if open == 0 && exit == ExitKind::Success {
        return Ok(Ok(proven));
    }
    let tables = count(open, "table is", "tables are");
    print(&format!("\nNothing was imported: {tables} not proven equal.\n"));
    Ok(Err(exit.worst(ExitKind::Mismatch)))
}

/// What a verification says of tables: an import takes no views.
fn of_tables(found: &Verification) -> Verification {
    Verification { views: Vec::new(), ..found.clone() }.judge()
}

/// What was seen and compared.
struct Found<'a> {
    world: &'a World,
    graph: &'a Graph,
    compared: &'a Proven,
    places: &'a BTreeMap<String, Option<Position>>,
    began: &'a str,
}

impl Found<'_> {
    /// Takes tables of one migration: into the ledger on its target, then into the state.
    async fn take(&self, session: &Session, servers: &Servers, next: &mut State, of_it: &[&Candidate]) -> Outcome<()> {
        let Some(first) = of_it.first() else { return Ok(()) };
        let (migration, target) = block(session, first)?;
        let nothing = ServerFacts::default();
        let facts = |addr: &StepAddr| self.world.servers.get(&addr.to_string()).unwrap_or(&nothing);
        let id = |facts: &ServerFacts| Some(facts.server_id.clone()).filter(|id| !id.is_empty());
        let source = session.spec.sources.get(&migration.source).map(source_addr);
        let schema = session.spec.targets.get(&migration.target).map(|block| block.ledger_schema.clone());
        let (Some(server), Some(schema)) = (servers.get(&target), schema) else { return Ok(()) };
        let role = Role::Write { keep_zero_dates: false, session: BTreeMap::default() };
        let mut connection = server.connect(&role).await?;
        let target_id = prepared(&mut *connection, &schema, facts(&target)).await?;
        let owner = Owner { schema: &schema, lineage: &next.lineage.clone(), token: session.store.token() };
        ledger::hold(&mut *connection, owner.schema, owner.lineage, owner.token).await?;
        for one in of_it {
            let Some((compared, verdict)) = self.compared.get(*one) else { continue };
            let rows = PartHash::from(compared.rows());
            let object = take_over(&mut *connection, owner, (&one.table, &rows), facts(&target).flavor).await?;
            let taken = Taken {
                compared,
                verdict,
                epoch: object.epoch,
                owned: object.state == "created",
                position: self.places.get(&one.migration).cloned().flatten(),
                source: source.as_ref().and_then(|source| id(facts(source))),
                target: Some(target_id.clone()).filter(|id| !id.is_empty()),
                began: self.began,
                now: &session.clock.now(),
            };
            record(next, self.graph, one, &taken)?;
        }
        Ok(())
    }
}
