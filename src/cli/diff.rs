//! `mig diff`: what differs between two saved plans. Reads two files, and nothing else.

use super::args::Diff;
use super::session::{print, read_plan};
use crate::screen::plan_diff;
use crate::screen::style::Style;
use crate::screen::view::PlanView;
use crate::think;
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

pub fn run(args: &Diff, style: Style) -> Outcome<ExitKind> {
    if args.views.html.is_some() {
        let hint = "Leave -html out: -markdown is made for a comment, and `mig show -html` shows one plan.";
        return Err(Failure::new(codes::COMMAND_LINE, "show what differs", "-html is a form of one plan", hint));
    }
    let diff = think::plan_diff::diff(&read_plan(&args.before)?, &read_plan(&args.after)?);
    print(&match args.views.view() {
        PlanView::Text => plan_diff::text(&diff, style),
        PlanView::Json => format!("{}\n", serde_json::to_string_pretty(&diff).unwrap_or_default()),
        PlanView::Markdown { budget } => plan_diff::comment(&diff, budget),
    });
    Ok(if args.detailed_exitcode && !diff.is_same_work() { ExitKind::Changes } else { ExitKind::Success })
}
