//! `mig show`, `mig graph`: views of what is recorded or planned. They change nothing.

use std::path::Path;

use super::args::{Global, Graph, Show};
use super::session::{Session, print, read_plan};
use crate::formats::state::State;
use crate::screen;
use crate::screen::style::Style;
use crate::words::error::{ExitKind, Outcome};

pub fn run(global: &Global, args: &Show, style: Style) -> Outcome<ExitKind> {
    if let Some(path) = &args.file {
        if let Some(state) = as_state(path)? {
            show(Some(&state), args.json, style);
            return Ok(ExitKind::Success);
        }
        let plan = read_plan(path)?;
        if args.json {
            print(&format!("{}\n", serde_json::to_string_pretty(&screen::plan::json(&plan)).unwrap_or_default()));
        } else {
            print(&screen::plan::text(&plan, style));
        }
        return Ok(ExitKind::Success);
    }
    let session = Session::open_to_look(global, &args.variables)?;
    show(session.state()?.as_ref(), args.json, style);
    Ok(ExitKind::Success)
}

fn show(state: Option<&State>, json: bool, style: Style) {
    match state {
        None => print("The state is empty: nothing was applied yet.\n"),
        Some(state) if json => {
            print(&format!("{}\n", serde_json::to_string_pretty(&screen::state::json(state)).unwrap_or_default()));
        }
        Some(state) => print(&screen::state::overview(state, style)),
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
            super::plan::make(&session, false, false, &Default::default(), &[]).await?
        }
    };
    print(&screen::graph::dot(&plan));
    Ok(ExitKind::Success)
}
