//! `mig explain CODE`: what a code means and what to do; without a code, all of them. `mig explain iam-policy`: what the
//! spec's credentials need.

use super::args::{Explain, Global};
use super::session::{Session, print};
use crate::think::cloud::policy;
use crate::think::gates::rules;
use crate::words::codes::{self, Code};
use crate::words::error::{ExitKind, Failure, Outcome};

/// What stands in the place of a code.
const IAM_POLICY: &str = "iam-policy";

pub fn run(global: &Global, args: &Explain) -> Outcome<ExitKind> {
    if args.code.as_deref() == Some(IAM_POLICY) {
        return iam_policy(global, args);
    }
    let Some(code) = &args.code else {
        let lines: Vec<String> = codes::all().map(|row| format!("{}  {}\n", row.code, row.title)).collect();
        print(&lines.concat());
        return Ok(ExitKind::Success);
    };
    let Some(row) = code.parse().ok().and_then(Code::row) else {
        return Err(Failure::new(
            codes::NO_SUCH_CODE,
            "explain a code",
            format!("there is no code {code}"),
            "`mig explain` alone lists them all.",
        ));
    };
    let setting = rules::find(row.code).map(how_to_set).unwrap_or_default();
    print(&format!("{}: {}\n\n{}\n\n{setting}Exit code: {}\n", row.code, row.title, row.text, row.exit.code()));
    Ok(ExitKind::Success)
}

/// What to write to set a rule of the compatibility gate.
fn how_to_set(rule: &rules::Rule) -> String {
    if rule.fails && rule.rewrite.is_none() {
        return "No setting lets this pass: the target refuses it, or may do so.\n\n".to_owned();
    }
    let default = if rule.stops { "\"stop\" is the default" } else { "\"warn\" is the default" };
    let (action, rewrite) = match rule.rewrite {
        Some(what) => ("rewrite", format!("; \"rewrite\": {what}")),
        None if rule.stops => ("warn", String::new()),
        None => ("stop", String::new()),
    };
    format!(
        "To set it, in the migration ({default}{rewrite}):\n\n  gates {{\n    rule \"{}\" {{\n      action = \"{action}\"\n    }}\n  }}\n\n",
        rule.code
    )
}

/// Asks nobody: the account is left open, so that anyone who has no rights yet gets the list of them.
fn iam_policy(global: &Global, args: &Explain) -> Outcome<ExitKind> {
    let session = Session::open_to_look(global, &args.variables)?;
    if session.spec.aws.is_none() {
        return Err(Failure::new(
            codes::NO_SUCH_CODE,
            "write the policy",
            "the spec has no `provider \"aws\"`, so it needs no rights in AWS",
            "Name the folder of the spec by -chdir=DIR.",
        ));
    }
    print(&format!("{}\n", policy::text(&session.spec, None)));
    Ok(ExitKind::Success)
}
