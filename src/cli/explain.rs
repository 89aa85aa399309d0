//! `mig explain CODE`: what a code means and what to do; without a code, all of them.

use super::args::Explain;
use super::session::print;
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

pub fn run(args: &Explain) -> Outcome<ExitKind> {
    let Some(code) = &args.code else {
        let lines: Vec<String> = codes::all().map(|row| format!("{}  {}\n", row.code, row.title)).collect();
        print(&lines.concat());
        return Ok(ExitKind::Success);
    };
    let Some(row) = codes::find(code) else {
        return Err(Failure::new(
            "MIG1011",
            "explain a code",
            format!("there is no code {code}"),
            "`mig explain` alone lists them all.",
        ));
    };
    print(&format!("{}: {}\n\n{}\n\nExit code: {}\n", row.code, row.title, row.text, row.exit.code()));
    Ok(ExitKind::Success)
}
