//! `mig console`: expressions of the spec's language and what they are. Reads the spec; asks no server.

use std::io::{BufRead as _, IsTerminal as _};

use super::args::{Console, Global};
use super::session::{evaluate, print, say};
use crate::screen::diagnostics;
use crate::screen::style::Style;
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

pub fn run(global: &Global, args: &Console) -> Outcome<ExitKind> {
    if let Some(expression) = &args.expression {
        return one(global, args, expression);
    }
    let stdin = std::io::stdin();
    let prompts = stdin.is_terminal();
    if prompts {
        say("An expression a line, for example var.NAME. Ctrl-D ends.\n");
    }
    let mut exit = ExitKind::Success;
    loop {
        if prompts {
            say("> ");
        }
        let mut line = String::new();
        let read = stdin.lock().read_line(&mut line).map_err(|error| {
            Failure::new(
                codes::FILE_UNREADABLE,
                "read standard input",
                error.to_string(),
                "Give the expression as an argument.",
            )
        })?;
        match (read, line.trim()) {
            (0, _) => return Ok(exit),
            (_, "") => {}
            (_, expression) => exit = exit.worst(one(global, args, expression)?),
        }
    }
}

/// Prints the value of an expression, or what is wrong with it.
fn one(global: &Global, args: &Console, expression: &str) -> Outcome<ExitKind> {
    match evaluate(global, &args.variables, expression)? {
        Ok(text) => print(&format!("{text}\n")),
        Err(faults) => {
            let style = Style::of_stderr(global.no_color);
            say(&diagnostics::render(&faults, style.color, style.width));
            return Ok(ExitKind::Error);
        }
    }
    Ok(ExitKind::Success)
}
