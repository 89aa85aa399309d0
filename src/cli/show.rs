//! `mig show`, `mig graph`: views of what is recorded or planned. They change nothing.

use std::path::Path;

use super::args::{Global, Graph, GraphForm, Show};
use super::page;
use super::session::{Session, print, read_plan};
use crate::formats::plan::Mode;
use crate::formats::state::State;
use crate::screen;
use crate::screen::style::Style;
use crate::screen::view::{PlanView, Tried};
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

pub fn run(global: &Global, args: &Show, style: Style) -> Outcome<ExitKind> {
    let view = args.views.view();
    let html = args.views.html.as_deref();
    let Some(path) = &args.file else {
        let session = Session::open_to_look(global, &args.variables)?;
        if let Some(to) = html {
            page::may_write(to, Some(&session), None)?;
        }
        show(session.state()?.as_ref(), view, html, style)?;
        return Ok(ExitKind::Success);
    };
    if let Some(to) = html {
        page::may_write(to, None, Some(path))?;
    }
    if let Some(state) = as_state(path)? {
        show(Some(&state), view, html, style)?;
        return Ok(ExitKind::Success);
    }
    let plan = read_plan(path)?;
    print(&view.show(&plan, Tried::default(), style));
    if let Some(to) = html {
        page::write_and_say(to, screen::html::plan(&plan, &[]), view)?;
    }
    Ok(ExitKind::Success)
}

fn show(state: Option<&State>, view: PlanView, html: Option<&Path>, style: Style) -> Outcome<()> {
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
    match (html, state) {
        (None, _) => Ok(()),
        (Some(to), Some(state)) => page::write_and_say(to, screen::html::state(state), view),
        (Some(to), None) => Err(Failure::new(
            codes::COMMAND_LINE,
            format!("write the page {}", to.display()),
            "the state is empty: there is nothing to show",
            "Apply a plan first, or name a plan file: `mig show -html=FILE PLANFILE`.",
        )),
    }
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
            super::plan::make(&session, Mode::Apply, false, &Default::default(), &[]).await?
        }
    };
    print(&match args.format {
        GraphForm::Dot => screen::graph::dot(&plan),
        GraphForm::Mermaid => screen::mermaid::flowchart(&plan),
        GraphForm::Svg => screen::svg::document(&plan),
    });
    Ok(ExitKind::Success)
}
