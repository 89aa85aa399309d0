//! Whether a saved plan still fits: it was made from this spec over this state, for these servers and this account, and
//! the world is as it was then. Looks at nothing itself; changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::session::Session;
use crate::formats::cloud::CloudPlace;
use crate::formats::facts::{NO_LEDGER, World, met};
use crate::formats::plan::{Action, Body, Observed, PlanFile};
use crate::formats::plan_seal;
use crate::formats::state::State;
use crate::think::plan::Question;
use crate::think::plan::diff::recorded_server;
use crate::words::addr::StepAddr;
use crate::words::codes::{self, Code};
use crate::words::diag::{Diagnostic, Severity};
use crate::words::error::{ExitKind, Failure, Outcome};

const AGAIN: &str = "Plan again and review the new plan. No step was started.";

/// Whether the plan is of this spec and this state.
pub(super) fn check_file(session: &Session, plan: &PlanFile, state: Option<&State>) -> Outcome<()> {
    let body = &plan.body;
    let stale = |code, cause: String| Err(Failure::new(code, "apply the plan", cause, AGAIN));
    let open = state.and_then(|s| s.open_run.as_ref());
    let resumes = open.is_some_and(|open| open.plan_digest == plan.digest);
    if body.spec_digest != crate::words::digest::Digest::of(&session.spec.digest_form()) {
        return stale(
            codes::SPEC_CHANGED_SINCE_PLAN,
            "the spec, or a file that it reads, has changed since the plan was made".into(),
        );
    }
    if resumes {
        return Ok(());
    }
    if open.is_some() {
        let hint = "Resume that run with its own plan file, or run `mig apply` without one: it plans again.";
        return Err(Failure::new(
            codes::RUN_OPEN,
            "apply the plan",
            "a run of another plan is open in the state",
            hint,
        ));
    }
    if plan_seal::expired(&plan.header, &session.clock.now()) {
        return stale(codes::PLAN_EXPIRED, format!("it has expired at {}", plan.header.expires));
    }
    let lineage = state.map(|s| s.lineage.as_str());
    if body.lineage.is_none() && lineage.is_some() {
        return stale(
            codes::STATE_CHANGED_SINCE_PLAN,
            "it was made before the first apply, and there is a state by now".into(),
        );
    }
    if body.lineage.as_deref() != lineage {
        return stale(codes::STATE_CHANGED_SINCE_PLAN, "the state is of another lineage than the plan's".into());
    }
    let serial = state.map_or(0, |s| s.serial);
    if body.serial != serial || body.state_digest != crate::think::plan::recorded_digest(state) {
        return stale(
            codes::STATE_CHANGED_SINCE_PLAN,
            format!("the state has changed: serial {} then, {serial} now", body.serial),
        );
    }
    if body.blocked {
        return Err(blocked(body));
    }
    Ok(())
}

/// Another server, account or region than the recorded one: what is asked for would happen in the wrong place.
const PLACES: [Code; 3] =
    [codes::OTHER_SERVER_THAN_RECORDED, codes::OTHER_ACCOUNT_OR_REGION, codes::ACCOUNT_NOT_ALLOWED];

pub(super) fn blocked(body: &Body) -> Failure {
    if let Some(place) = body.diagnostics.iter().find(|found| PLACES.contains(&found.code)) {
        let address = place.subject.as_deref().unwrap_or_default();
        let cause = format!("{}: {address}, {}", place.summary, place.detail);
        return Failure::new(place.code, "apply the plan", cause, place.help.clone()).exit(ExitKind::Stale);
    }
    let gates: Vec<String> =
        body.observed.verdicts.iter().filter(|(_, v)| v.outcome.refuses()).map(|(addr, _)| addr.to_string()).collect();
    let cause = if gates.is_empty() {
        "it is blocked, its diagnostics are errors".to_owned()
    } else {
        format!("it is blocked, these gates say no: {}", gates.join(", "))
    };
    Failure::new(
        codes::PLAN_BLOCKED,
        "apply the plan",
        cause,
        "Fix what the plan names, then plan again. No step was started.",
    )
}

/// Whether a saved plan was made for this account.
pub(super) fn same_provider(plan: &PlanFile, here: Option<&CloudPlace>) -> Outcome<()> {
    let was = plan.body.observed.servers.get("provider.aws");
    let is = here.map(ToString::to_string);
    match was.filter(|was| is.as_ref().is_some_and(|is| is != *was)) {
        Some(was) => {
            let cause = format!("provider.aws was {was}, is {}", is.unwrap_or_default());
            Err(Failure::new(codes::OTHER_SERVER_THAN_PLANNED, "apply the plan", cause, AGAIN))
        }
        None => Ok(()),
    }
}

/// Whether the servers are those that the plan saw, and those that the state knows.
fn same_servers(then: &Observed, here: &Observed, state: Option<&State>, world: &World, resumes: bool) -> Outcome<()> {
    let mut servers = Vec::new();
    for (address, facts) in &world.servers {
        if let Some(fault) = &facts.fault {
            return Err(fault.clone());
        }
        let was = then.servers.get(address).map_or("", String::as_str);
        // A plan made before first contact knows no id of the target; its own run may have minted it since.
        let minted = resumes && was.ends_with(NO_LEDGER);
        let addr = StepAddr::parse(address);
        let known = state.zip(addr).map_or(Ok(None), |(state, addr)| recorded_server(state, &addr))?;
        if let Some(known) = known.filter(|known| *known != facts.server_id) {
            let is = met(&facts.server_id);
            servers.push(format!("{address} was {known}, is {is}"));
        } else if was != facts.identity && !minted {
            servers.push(format!("{address} was {was}, is {}", facts.identity));
        }
    }
    // Whose account it is, and clusters that cannot be reached from here.
    for (address, was) in then.servers.iter().filter(|(address, _)| !world.servers.contains_key(*address)) {
        match here.servers.get(address) {
            Some(is) if is != was => servers.push(format!("{address} was {was}, is {is}")),
            _ => {}
        }
    }
    if servers.is_empty() {
        return Ok(());
    }
    Err(Failure::new(codes::OTHER_SERVER_THAN_PLANNED, "apply the plan", servers.join("; "), AGAIN))
}

/// Whether the world is still the one that the plan saw. Names everything that has moved.
pub(super) fn check_world(
    session: &Session,
    plan: &PlanFile,
    state: Option<&State>,
    world: &World,
    replace: &BTreeSet<StepAddr>,
) -> Outcome<()> {
    let resumes = state.and_then(|s| s.open_run.as_ref()).is_some_and(|open| open.plan_digest == plan.digest);
    let targets = plan.body.targets.as_slice();
    let (spec, mode, drop_target_data) = (&session.spec, plan.body.mode, false);
    let question = Question { spec, state, world, mode, replace, drop_target_data, targets };
    let (now, _) = session.body(&question)?;
    let (then, here) = (&plan.body.observed, &now.observed);
    same_servers(then, here, state, world, resumes)?;
    let mut moved = Vec::new();
    // What an account says against the plan by now: a peering that expired, a group that was closed.
    let against: Vec<_> = now.diagnostics.iter().filter(|d| d.severity == Severity::Error).cloned().collect();
    let counts = |found: &&Diagnostic| session.spec.aws.is_some() || found.code == codes::WORKER_LEFT_AT_WORK;
    if let Some(first) = against.iter().find(counts) {
        let hint = "Fix what it names, then plan again. No step was started.";
        let failure = Failure::new(first.code, "apply the plan", first.summary.clone(), hint);
        return Err(failure.exit(ExitKind::Gate).with(against));
    }
    for (addr, fingerprint) in &then.tables {
        match here.tables.get(addr) {
            None => moved.push(format!("{} is gone from the source or the filter", addr.key().unwrap_or_default())),
            Some(other) if other != fingerprint => {
                moved.push(format!("{} has another structure", addr.key().unwrap_or_default()));
            }
            Some(_) => {}
        }
    }
    for addr in here.tables.keys().filter(|addr| !then.tables.contains_key(addr)) {
        moved.push(format!("{} is new at the source", addr.key().unwrap_or_default()));
    }
    if !moved.is_empty() {
        return Err(Failure::new(codes::SOURCE_CHANGED_SINCE_PLAN, "apply the plan", moved.join("; "), AGAIN));
    }
    for (addr, verdict) in &here.verdicts {
        let was = then.verdicts.get(addr).map(|v| v.outcome);
        if verdict.outcome.refuses() && was.is_none_or(|was| was < verdict.outcome) {
            return Err(refusal(addr, verdict));
        }
    }
    if !resumes {
        let list = |body: &Body| -> BTreeMap<StepAddr, Action> {
            body.changes.iter().map(|c| (c.addr.clone(), c.action)).collect()
        };
        let (then, here) = (list(&plan.body), list(&now));
        let differ: Vec<String> = here
            .iter()
            .filter(|(addr, action)| then.get(*addr) != Some(action))
            .map(|(addr, _)| addr)
            .chain(then.keys().filter(|addr| !here.contains_key(*addr)))
            .take(5)
            .map(ToString::to_string)
            .collect();
        if !differ.is_empty() {
            let cause = format!("the target or the files are not as they were: {}", differ.join(", "));
            return Err(Failure::new(codes::STATE_CHANGED_SINCE_PLAN, "apply the plan", cause, AGAIN));
        }
    }
    Ok(())
}

/// A gate that says no now.
fn refusal(addr: &StepAddr, verdict: &crate::formats::facts::Verdict) -> Failure {
    let code = verdict.findings.first().map_or(codes::PLAN_BLOCKED, |finding| finding.code);
    let hint = "Fix what it names, or set the gate in the spec; then plan again. No step was started.";
    let failure = Failure::new(code, "pass the gate", verdict.saw.clone(), hint).at(addr);
    failure.exit(ExitKind::Gate).with(verdict.findings.clone())
}
