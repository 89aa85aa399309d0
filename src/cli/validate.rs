//! `mig validate`: the spec's faults, all at once.

use super::args::{Global, Validate};
use super::session::{print, read_spec, say};
use crate::screen::diagnostics;
use crate::screen::style::Style;
use crate::words::diag::Severity;
use crate::words::error::{ExitKind, Outcome};

pub fn run(global: &Global, args: &Validate, style: Style) -> Outcome<ExitKind> {
    let (_, found) = read_spec(global, &args.variables)?;
    let errors = found.iter().filter(|d| d.severity == Severity::Error).count();
    if args.json {
        let value = serde_json::json!({ "valid": errors == 0, "diagnostics": found });
        print(&format!("{}\n", serde_json::to_string_pretty(&value).unwrap_or_default()));
    } else if found.is_empty() {
        print("The spec is valid.\n");
    } else {
        say(&diagnostics::render(&found, style.color, style.width));
        if errors == 0 {
            print("The spec is valid, with warnings.\n");
        }
    }
    Ok(if errors == 0 { ExitKind::Success } else { ExitKind::Error })
}
