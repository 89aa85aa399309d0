//! `mig destroy`: removes the scaffolding. Migrated tables stay, unless -drop-target-data says otherwise.

use std::collections::BTreeSet;

use super::apply::{Approval, Order, approved, execute, may_ask, stream_alone};
use super::args::{Destroy, Global};
use super::locked::locked;
use super::remote;
use super::saved::blocked;
use super::session::{Session, print};
use crate::drive::recovery;
use crate::formats::facts::World;
use crate::formats::plan::{Action, Mode, Node, PlanFile};
use crate::formats::state::State;
use crate::screen;
use crate::screen::style::Style;
use crate::steps::servers::{another, id_of};
use crate::think::plan::desired::target_addr;
use crate::think::plan::diff::recorded_server;
use crate::think::plan::place::{migration_elsewhere, other_ledgers, worked_with};
use crate::words::addr::StepKind;
use crate::words::diag::Diagnostic;
use crate::words::error::{ExitKind, Failure, Outcome};

pub async fn run(global: &Global, args: &Destroy, style: Style) -> Outcome<ExitKind> {
    super::approve::unplanned(&args.approval)?;
    let mut session = Session::open(global, &args.variables)?;
    session.look_up().await;
    may_ask(args.auto_approve, args.input)?;
    locked(&session.clone(), &args.locking, "mig destroy", under_lock(session, args, style)).await
}

async fn under_lock(session: Session, args: &Destroy, style: Style) -> Outcome<ExitKind> {
    let state = session.state()?;
    let is_full = |state: &State| !state.steps.is_empty() || state.open_run.is_some();
    let Some(state) = state.clone().filter(is_full) else {
        recovery::fold(&*session.store)?;
        return nothing(&session, state.as_ref(), args.json, style).await;
    };
    let provider = session.right_provider(Some(&state)).await?;
    let world = session.world_of_destroy(Some(&state)).await;
    let plan = session.plan(Some(&state), &world, Mode::Destroy, &Default::default(), args.drop_target_data, &[])?;
    if !args.json {
        print(&screen::plan::text(&plan, style));
    }
    same_targets(&session, &plan, &state).await?;
    let what = Approval { asked: args.auto_approve, confirm: args.confirm.as_deref(), copied: &[] };
    if !approved(&session, &plan, Some(&state), &what).await? {
        return Ok(ExitKind::Success);
    }
    remote::nobody_at_work(&session, &state).await?;
    let session = remote::without_dead_runners(session, &state).await;
    let servers = session.servers()?;
    let order = Order {
        plan,
        state: Some(state),
        world: World::default(),
        provider,
        servers,
        parallelism: args.parallelism,
        json: args.json,
        show_keys: false,
        stop_worker: false,
        signed: None,
    };
    execute(session, order, style).await
}

/// What is said where the state records no step.
///
/// # Errors
/// 5: an account has objects of this lineage all the same.
async fn nothing(session: &Session, state: Option<&State>, json: bool, style: Style) -> Outcome<ExitKind> {
    let world = session.world_of_destroy(state).await;
    let plan = session.plan(state, &world, Mode::Destroy, &BTreeSet::new(), false, &[])?;
    if plan.body.blocked {
        return Err(blocked(&plan.body).with(plan.body.diagnostics.clone()));
    }
    if json {
        stream_alone(session, &plan, style);
        return Ok(ExitKind::Success);
    }
    print("Nothing to destroy: the state is empty.\n");
    // As `mig recover` writes it.
    if let Some(state) = state.filter(|state| state.serial == 1) {
        print(&format!(
            "It was recovered and records no step yet: what lineage {} has on targets and in an account was not looked at. \
             `mig apply` takes it up; destroy after that.\n",
            state.lineage
        ));
    }
    Ok(ExitKind::Success)
}

/// Before anything is removed: every target that is looked at from here is the one in the state, and so is the one of each
/// migration whose objects are dropped, whatever its block is called. One that does not answer is told by its step.
pub async fn same_targets(session: &Session, plan: &PlanFile, state: &State) -> Outcome<()> {
    let away = remote::away(&session.spec, Some(state))?;
    let elsewhere = |target: &str| {
        let mut users = session.spec.migrations.values().filter(|migration| migration.target == target);
        users.any(|migration| away.iter().any(|one| one.migration == migration.name))
    };
    if let Some(ledger) = other_ledgers(&session.spec, state)?.into_iter().next() {
        let target = ledger.subject.clone().unwrap_or_default();
        return Err(refused(&target, ledger));
    }
    let servers = session.servers()?;
    let gone = |node: &&Node| node.action == Action::Destroy;
    for node in plan.body.graph.nodes.iter().filter(gone).filter(|node| node.kind == StepKind::Target) {
        let target = session.spec.targets.iter().find(|(_, target)| target_addr(target) == node.addr);
        let (Some((name, target)), Some(server)) = (target, servers.get(&node.addr)) else { continue };
        let Some(recorded) = recorded_server(state, &node.addr)?.filter(|_| !elsewhere(name)) else { continue };
        if let Ok(Some(another)) = another(server.as_ref(), node, &recorded, &target.ledger_schema).await {
            return Err(another);
        }
    }
    let dropped = plan.body.graph.nodes.iter().filter(gone);
    let dropped = dropped.filter(|node| node.kind.is_target_data());
    let migrations: BTreeSet<&str> = dropped.filter_map(|node| node.addr.migration()).collect();
    for migration in migrations.iter().filter_map(|name| session.spec.migrations.get(*name)) {
        let Some(target) = session.spec.targets.get(&migration.target) else { continue };
        let (addr, known) = (target_addr(target), worked_with(state, &migration.name)?.targets);
        let Some(server) = servers.get(&addr).filter(|_| !known.is_empty() && !elsewhere(&migration.target)) else {
            continue;
        };
        if let Ok(found) = id_of(server.as_ref(), &target.ledger_schema).await
            && !known.contains(&found)
        {
            let said = migration_elsewhere(&migration.name, &addr, &known, &found);
            return Err(refused(&said.summary.clone(), said));
        }
    }
    Ok(())
}

/// A destroy that would work in another place than the runs in the state.
fn refused(what: &str, found: Diagnostic) -> Failure {
    let cause = format!("{what}: {}", found.detail);
    Failure::new(found.code, "remove what is on the target", cause, found.help).exit(ExitKind::Stale)
}
