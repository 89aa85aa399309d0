//! `mig plan`: observes, compares, shows; writes nothing but the file that -out names.

use std::path::Path;

use super::args::{Global, Plan};
use super::session::{Session, addresses, print, say};
use super::{page, probe, remote};
use crate::formats::plan::{Mode, PlanFile};
use crate::formats::plan_seal;
use crate::formats::rehearsal::Rehearsal;
use crate::hosts::file;
use crate::screen;
use crate::screen::style::Style;
use crate::screen::view::{PlanView, Tried};
use crate::think::rehearsal::rehearse;
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

pub async fn run(global: &Global, args: &Plan, style: Style) -> Outcome<ExitKind> {
    let mut session = Session::open(global, &args.variables)?;
    if let Some(path) = &args.out {
        may_write(&session, path)?;
    }
    let html = args.views.html.as_deref();
    if let Some(path) = html {
        page::may_write(path, Some(&session), args.out.as_deref())?;
    }
    session.look_up().await;
    let replace = addresses("-replace", &args.replace)?;
    if (args.destroy || args.refresh_only) && !(args.target.is_empty() && args.replace.is_empty()) {
        return Err(Failure::new(
            codes::COMMAND_LINE,
            "read the arguments",
            "-target and -replace do not go with -destroy or -refresh-only",
            "Leave one of them out: these plans are of all that is recorded.",
        ));
    }
    let mode = match (args.destroy, args.refresh_only) {
        (true, _) => Mode::Destroy,
        (false, true) => Mode::Refresh,
        (false, false) => Mode::Apply,
    };
    let plan = make(&session, mode, args.drop_target_data, &replace, &args.target).await?;
    let refused = plan.body.blocked;
    let probed = if args.probe && !refused { Some(probe::run(&session, &plan).await) } else { None };
    let view = args.views.view();
    let rehearsed = args
        .rehearse
        .filter(|_| !refused)
        .map(|seed| rehearsed(&session, &plan, args.parallelism, seed))
        .transpose()?;
    let probed_of = probed.as_ref().and_then(|probed| probed.as_deref().ok());
    let tried = probed_of.map_or(ExitKind::Success, probe::exit);
    let saves =
        args.out.as_ref().filter(|_| tried == ExitKind::Success && !probed.as_ref().is_some_and(Result::is_err));
    // A program that reads the plan reads nothing behind it: what keeps the file from being written comes instead.
    if let Some(path) = saves.filter(|_| view != PlanView::Text) {
        save(&session, &plan, path)?;
    }
    print(&view.show(&plan, Tried { probed: probed_of, rehearsed: rehearsed.as_ref() }, style));
    if let Some(path) = html {
        page::may_write(path, Some(&session), args.out.as_deref())?;
        page::write_and_say(path, screen::html::plan(&plan, probed_of.unwrap_or_default()), view)?;
    }
    for (asked, what) in [(args.probe, "probed"), (args.rehearse.is_some(), "rehearsed")] {
        if asked && refused {
            say(&format!("\nNot {what}: the plan is refused.\n"));
        }
    }
    probed.transpose()?;
    if tried != ExitKind::Success {
        if args.out.is_some() {
            say("\nNot saved: the probe did not go through.\n");
        }
        return Ok(tried);
    }
    if let Some(path) = args.out.as_ref().filter(|_| view == PlanView::Text) {
        save(&session, &plan, path)?;
        if !plan.body.blocked {
            print(&format!("\nSaved. To do exactly this: mig apply {}\n", path.display()));
        }
    }
    Ok(exit(&plan, args.detailed_exitcode))
}

/// Runs the plan in a simulation.
fn rehearsed(session: &Session, plan: &PlanFile, parallelism: usize, seed: u64) -> Outcome<Rehearsal> {
    rehearse(plan, &session.spec, session.state()?.as_ref(), parallelism, seed)
}

/// Observes the world and plans.
pub async fn make(
    session: &Session,
    mode: Mode,
    drop_target_data: bool,
    replace: &std::collections::BTreeSet<crate::words::addr::StepAddr>,
    targets: &[String],
) -> Outcome<PlanFile> {
    let state = session.state()?;
    if mode == Mode::Destroy {
        let world = session.world_of_destroy(state.as_ref()).await;
        return session.plan(state.as_ref(), &world, mode, replace, drop_target_data, &[]);
    }
    let servers = session.servers()?;
    let seen = remote::observe(session, &servers, state, replace, false).await?;
    session.plan(seen.state.as_ref(), &seen.world, mode, replace, false, targets)
}

fn exit(plan: &PlanFile, detailed: bool) -> ExitKind {
    if plan.body.blocked {
        ExitKind::Gate
    } else if detailed
        && !(plan.body.changes.is_empty() && plan.body.pending.is_empty() && plan.body.differs.is_empty())
    {
        ExitKind::Changes
    } else {
        ExitKind::Success
    }
}

/// A plan is written over nothing that the spec or its runs need.
fn may_write(session: &Session, path: &Path) -> Outcome<()> {
    match session.own_file(path) {
        None => Ok(()),
        Some(what) => Err(Failure::new(
            codes::FILE_UNWRITABLE,
            format!("write the plan {}", path.display()),
            format!("that is {what}"),
            "Name another file.",
        )),
    }
}

fn save(session: &Session, plan: &PlanFile, path: &Path) -> Outcome<()> {
    // The folders may be others by now: a plan takes its time.
    may_write(session, path)?;
    let doing = format!("write the plan {}", path.display());
    let bytes = plan_seal::write(plan).map_err(|error| match error.kind() {
        std::io::ErrorKind::FileTooLarge => {
            let hint = "Plan a part of it: -target=migration.NAME, or a migration of fewer tables.";
            Failure::new(codes::FILE_UNWRITABLE, doing, "it is larger than a plan may be that is opened again", hint)
        }
        _ => Failure::new(codes::INTERNAL, doing, error.to_string(), "Please report it."),
    })?;
    file::publish(path, &bytes).map_err(|error| {
        Failure::new(
            codes::FILE_UNWRITABLE,
            format!("write the plan {}", path.display()),
            error.to_string(),
            "Name a file in a folder that can be written.",
        )
    })
}
