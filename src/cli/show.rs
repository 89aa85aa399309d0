//! `mig show`, `mig graph`, `mig state …`: views of what is recorded or planned. They change nothing.

use super::args::{Global, Graph, Show, State, StateCommand};
use super::session::{Session, print, read_plan};
use crate::screen;
use crate::screen::style::Style;
use crate::words::addr::StepAddr;
use crate::words::error::{ExitKind, Failure, Outcome};

pub fn run(global: &Global, args: &Show, style: Style) -> Outcome<ExitKind> {
    if let Some(path) = &args.plan {
        let plan = read_plan(path)?;
        if args.json {
            print(&format!("{}\n", serde_json::to_string_pretty(&screen::plan::json(&plan)).unwrap_or_default()));
        } else {
            print(&screen::plan::text(&plan, style));
        }
        return Ok(ExitKind::Success);
    }
    let session = Session::open(global, &args.variables)?;
    match session.state()? {
        None => print("The state is empty: nothing was applied yet.\n"),
        Some(state) if args.json => {
            print(&format!("{}\n", serde_json::to_string_pretty(&screen::state::json(&state)).unwrap_or_default()));
        }
        Some(state) => print(&screen::state::overview(&state, style)),
    }
    Ok(ExitKind::Success)
}

pub async fn graph(global: &Global, args: &Graph) -> Outcome<ExitKind> {
    let plan = match &args.plan {
        Some(path) => read_plan(path)?,
        None => {
            let session = Session::open(global, &args.variables)?;
            super::plan::make(&session, false, false, &Default::default(), &[]).await?
        }
    };
    print(&screen::graph::dot(&plan));
    Ok(ExitKind::Success)
}

pub fn state(global: &Global, args: &State, style: Style) -> Outcome<ExitKind> {
    let (variables, wanted) = match &args.command {
        StateCommand::List { variables } => (variables, None),
        StateCommand::Show { addr, variables } => (variables, Some(addr)),
    };
    let session = Session::open(global, variables)?;
    let state = session.state()?;
    match wanted {
        None => print(&state.map(|s| screen::state::list(&s)).unwrap_or_default()),
        Some(text) => {
            let missing = || {
                Failure::new(
                    "MIG1017",
                    "show a step of the state",
                    format!("{text} is not in the state"),
                    "`mig state list` names the addresses; quote them for the shell.",
                )
            };
            let addr = StepAddr::parse(text).ok_or_else(missing)?;
            let shown = state.as_ref().and_then(|s| screen::state::step(s, &addr, style)).ok_or_else(missing)?;
            print(&shown);
        }
    }
    Ok(ExitKind::Success)
}
