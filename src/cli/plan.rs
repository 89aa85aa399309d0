//! `mig plan`: observes, compares, shows; writes nothing but the file that -out names.

use std::path::Path;

use super::args::{Global, Plan};
use super::remote;
use super::session::{Session, addresses, print};
use crate::formats::plan::{Mode, PlanFile};
use crate::hosts::file;
use crate::screen;
use crate::screen::style::Style;
use crate::words::error::{ExitKind, Failure, Outcome};

pub async fn run(global: &Global, args: &Plan, style: Style) -> Outcome<ExitKind> {
    let mut session = Session::open(global, &args.variables)?;
    session.look_up().await;
    let replace = addresses("-replace", &args.replace)?;
    if args.destroy && !args.target.is_empty() {
        return Err(Failure::new(
            "MIG1002",
            "read the arguments",
            "-target does not go with -destroy",
            "Leave one of them out: what is destroyed is all of the scaffolding.",
        ));
    }
    let plan = make(&session, args.destroy, args.drop_target_data, &replace, &args.target).await?;
    if args.json {
        let value = screen::plan::json(&plan);
        print(&format!("{}\n", serde_json::to_string_pretty(&value).unwrap_or_default()));
    } else {
        print(&screen::plan::text(&plan, style));
    }
    if let Some(path) = &args.out {
        save(&plan, path)?;
        if !args.json && !plan.body.blocked {
            print(&format!("\nSaved. To do exactly this: mig apply {}\n", path.display()));
        }
    }
    Ok(exit(&plan, args.detailed_exitcode))
}

/// Observes the world and plans.
pub async fn make(
    session: &Session,
    destroy: bool,
    drop_target_data: bool,
    replace: &std::collections::BTreeSet<crate::words::addr::StepAddr>,
    targets: &[String],
) -> Outcome<PlanFile> {
    let state = session.state()?;
    if destroy {
        let world = Default::default();
        return session.plan(state.as_ref(), &world, Mode::Destroy, replace, drop_target_data, &[]);
    }
    let servers = session.servers()?;
    let seen = remote::observe(session, &servers, state, replace, false).await?;
    session.plan(seen.state.as_ref(), &seen.world, Mode::Apply, replace, false, targets)
}

fn exit(plan: &PlanFile, detailed: bool) -> ExitKind {
    if plan.body.blocked {
        ExitKind::Gate
    } else if detailed && !(plan.body.changes.is_empty() && plan.body.pending.is_empty()) {
        ExitKind::Changes
    } else {
        ExitKind::Success
    }
}

fn save(plan: &PlanFile, path: &Path) -> Outcome<()> {
    let bytes = serde_json::to_vec_pretty(plan)
        .map_err(|error| Failure::new("MIG1001", "write the plan", error.to_string(), "Please report it."))?;
    file::replace(path, &bytes).map_err(|error| {
        Failure::new(
            "MIG1004",
            format!("write the plan {}", path.display()),
            error.to_string(),
            "Name a file in a folder that can be written.",
        )
    })
}
