//! `mig show`, `mig graph`: views of what is recorded or planned. They change nothing.

use std::path::Path;

use super::args::{Global, Graph, GraphForm, Show};
use super::session::{Session, print, read_plan};
use crate::formats::state::State;
use crate::screen;
use crate::screen::style::Style;
use crate::screen::view::{PlanView, Tried};
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

pub fn run(global: &Global, args: &Show, style: Style) -> Outcome<ExitKind> {
    if let Some(path) = &args.file {
        if let Some(state) = as_state(path)? {
            show(Some(&state), args.views.view(), style)?;
            return Ok(ExitKind::Success);
        }
        print(&args.views.view().show(&read_plan(path)?, Tried::default(), style));
        return Ok(ExitKind::Success);
    }
    let session = Session::open_to_look(global, &args.variables)?;
    show(session.state()?.as_ref(), args.views.view(), style)?;
    Ok(ExitKind::Success)
}

fn show(state: Option<&State>, view: PlanView, style: Style) -> Outcome<()> {
    match (state, view) {
        (_, PlanView::Markdown { .. }) => {
            return Err(Failure::new(
                codes::COMMAND_LINE,
                "show the state",
                "-markdown is a form of a plan",
                "Name a plan file, or leave -markdown out. `mig report` prints a certificate as Markdown.",
            ));
        }
        (None, _) => print("The state is empty: nothing was applied yet.\n"),
        (Some(state), PlanView::Json) => {
            print(&format!("{}\n", serde_json::to_string_pretty(&screen::state::json(state)).unwrap_or_default()));
        }
        (Some(state), PlanView::Text) => print(&screen::state::overview(state, style)),
    }
    Ok(())
}

/// The state that a file holds; `None`: it is something else, or cannot be read.
fn as_state(path: &Path) -> Outcome<Option<State>> {
    let Ok(bytes) = std::fs::read(path) else { return Ok(None) };
    let value = serde_json::from_slice::<serde_json::Value>(&bytes).unwrap_or_default();
    let is_state = value.get("lineage").is_some() && value.get("steps").is_some();
    is_state.then(|| State::read(&bytes, &path.display().to_string())).transpose()
}

pub async fn graph(global: &Global, args: &Graph) -> Outcome<ExitKind> {
    let plan = match &args.plan {
        Some(path) => read_plan(path)?,
        None => {
            let session = Session::open(global, &args.variables)?;
            super::plan::make(&session, false, false, &Default::default(), &[]).await?
        }
    };
    print(&match args.format {
        GraphForm::Dot => screen::graph::dot(&plan),
        GraphForm::Mermaid => screen::mermaid::flowchart(&plan),
    });
    Ok(ExitKind::Success)
}
