//! `mig plan -probe`: tries on each target what the plan would create there, from where the migration runs.

use super::remote::{self, Away};
use super::session::Session;
use super::signals;
use crate::formats::plan::{Node, PlanFile};
use crate::formats::probe::Probed;
use crate::formats::worker::Ask;
use crate::steps::remote::install::{Program, ask, install};
use crate::steps::target::probe::probe;
use crate::think::plan::desired::target_addr;
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

/// Tries each migration of the plan.
///
/// # Errors
/// A target or a runner that cannot be reached, or that lets no schema be created.
pub async fn run(session: &Session, plan: &PlanFile) -> Outcome<Vec<Probed>> {
    let told = signals::listen();
    let away = remote::away(&session.spec, session.state()?.as_ref())?;
    let mark = format!("{:08x}", rand::random::<u32>());
    let mut found = Vec::new();
    for name in session.spec.migrations.keys() {
        let of_it = |node: &&Node| node.addr.migration() == Some(name.as_str());
        let nodes: Vec<Node> = plan.body.graph.nodes.iter().filter(of_it).cloned().collect();
        if nodes.is_empty() {
            continue;
        }
        let probed = match away.iter().find(|one| one.migration == *name) {
            Some(away) => there(session, away, &mark, nodes).await?,
            None => here(session, name, &mark, &nodes, &|| told.borrow().is_some()).await?,
        };
        let stopped = probed.stopped;
        found.push(probed);
        if stopped {
            break;
        }
    }
    Ok(found)
}

/// From this machine.
///
/// # Errors
/// As [`run`].
pub async fn here(
    session: &Session,
    migration: &str,
    mark: &str,
    nodes: &[Node],
    stop: &(dyn Fn() -> bool + Sync),
) -> Outcome<Probed> {
    let target = session.spec.migrations.get(migration).and_then(|m| session.spec.targets.get(&m.target));
    let server = target.map(target_addr).and_then(|addr| session.servers().ok()?.remove(&addr));
    let Some(server) = server else {
        let cause = format!("the spec has no target of migration.{migration}");
        return Err(Failure::new(
            codes::PLAN_DOES_NOT_FIT_SPEC,
            "try the structure on the target",
            cause,
            "Plan again.",
        ));
    };
    probe(server.as_ref(), (migration, mark), nodes, stop).await
}

async fn there(session: &Session, away: &Away, mark: &str, nodes: Vec<Node>) -> Outcome<Probed> {
    let Some(endpoint) = &away.endpoint else {
        let hint = "Plan without -probe; once `mig apply` has made it ready, -probe works from there.";
        return Err(Failure::new(
            codes::NOTHING_TO_VERIFY,
            "try the structure",
            format!("{} is not ready yet", away.ready),
            hint,
        ));
    };
    let question = Ask::Probe {
        spec: remote::texts(&session.spec, &session.texts, &session.dir, &away.migration)?,
        migration: away.migration.clone(),
        workdir: away.workdir.clone(),
        mark: mark.to_owned(),
        nodes,
    };
    let program = Program::this()?;
    let shell = session.shells.connect(endpoint).await?;
    install(shell.as_ref(), endpoint, &program).await?;
    ask(shell.as_ref(), endpoint, &program, &question).await
}

/// What a probe makes of a plan's exit code.
pub fn exit(probed: &[Probed]) -> ExitKind {
    if probed.iter().any(|one| !one.refused.is_empty()) {
        ExitKind::Gate
    } else if probed.iter().any(|one| one.stopped) {
        ExitKind::Interrupted
    } else {
        ExitKind::Success
    }
}
