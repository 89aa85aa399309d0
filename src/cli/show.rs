//! `mig show`, `mig graph`: views of what is recorded or planned. They change nothing.

use super::args::{Global, Graph, Show};
use super::session::{Session, print, read_plan};
use crate::screen;
use crate::screen::style::Style;
use crate::words::error::{ExitKind, Outcome};

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
