//! `mig console`: expressions of the spec's language and what they are. Reads the spec once; asks no server.

use std::io::{BufRead as _, IsTerminal as _};

use super::args::{Console, Global};
use super::session::{print, say, with_inputs};
use crate::formats::spec::{self, Inputs};
use crate::screen::diagnostics;
use crate::screen::style::{Style, count};
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

pub fn run(global: &Global, args: &Console) -> Outcome<ExitKind> {
    let style = Style::of_stderr(global.no_color);
    with_inputs(global, &args.variables, |inputs| {
        let faults = spec::faults_of_values(inputs);
        if !faults.is_empty() {
            let cause = format!("the values have {}", count(faults.len() as u64, "fault", "faults"));
            let hint = "Fix the faults listed above: until then a variable may have another value than you gave it.";
            return Err(Failure::new(codes::SPEC_FAULTS, "evaluate an expression", cause, hint).with(faults));
        }
        match &args.expression {
            Some(expression) => Ok(one(inputs, expression, style)),
            None => lines(inputs, style),
        }
    })?
}

/// Each line of standard input, to its end.
fn lines(inputs: &Inputs, style: Style) -> Outcome<ExitKind> {
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
            let hint = "Give the expression as an argument.";
            Failure::new(codes::FILE_UNREADABLE, "read standard input", error.to_string(), hint)
        })?;
        match (read, line.trim()) {
            (0, _) => return Ok(exit),
            (_, "") => {}
            (_, expression) => exit = exit.worst(one(inputs, expression, style)),
        }
    }
}

/// Prints the value of an expression, or what is wrong with it.
fn one(inputs: &Inputs, expression: &str, style: Style) -> ExitKind {
    match spec::evaluate(inputs, expression) {
        Ok(text) => {
            print(&format!("{text}\n"));
            ExitKind::Success
        }
        Err(faults) => {
            say(&diagnostics::render(&faults, style.color, style.width));
            ExitKind::Error
        }
    }
}
