//! What somebody types who comes from another tool, and what mig has in its place. A hint never names what destroys.

use clap::error::{ContextKind, ContextValue, ErrorKind};

const COMMANDS: &[(&str, &str)] = &[
    ("import", "`mig import-dump DIR` takes in a finished dump. What is in AWS already is named in the spec."),
    ("taint", "`mig apply -replace=ADDR` does a step again."),
    ("untaint", "Nothing is marked: -replace counts for the one command that it is given to."),
    (
        "refresh",
        "`mig apply -refresh-only` takes what is gone out of the state. Every plan looks at the servers and the account.",
    ),
    (
        "workspace",
        "`-workspace=NAME` names it, and `${workspace}` in the `path` or `key` of the backend gives it a state of its own.",
    ),
    ("test", "`mig plan -probe` tries the structure on the target; `mig verify` compares the rows."),
    ("resume", "`mig apply` goes on where an interrupted run ended."),
    (
        "unlock",
        "`mig force-unlock ID` takes a lease on S3 away. The lock of a file ends with the process that holds it.",
    ),
    ("providers", "mig is one program: nothing is to be installed."),
    ("get", "mig is one program: nothing is to be installed."),
    ("login", "Credentials come by AWS's usual chain; passwords by variables of the spec."),
];

const FLAGS: &[(&str, &str)] = &[
    ("--target", "One block is removed by taking it out of the spec and `mig apply`."),
    ("--force", "`-auto-approve` does not ask."),
    ("--refresh", "Every plan looks at the servers and the account."),
    ("--refresh-only", "`mig plan` and `mig apply` have it."),
    ("--state", "The state's place is in the spec: `backend` in the block `mig`."),
    ("--upgrade", "mig is one program: nothing is to be upgraded."),
];

/// What to do instead, where it is known.
pub fn hint(error: &clap::Error) -> Option<&'static str> {
    let (kind, table) = match error.kind() {
        ErrorKind::InvalidSubcommand => (ContextKind::InvalidSubcommand, COMMANDS),
        ErrorKind::UnknownArgument => (ContextKind::InvalidArg, FLAGS),
        _ => return None,
    };
    let Some(ContextValue::String(given)) = error.get(kind) else { return None };
    let name = given.split_once('=').map_or(given.as_str(), |(name, _)| name);
    table.iter().find(|(known, _)| *known == name).map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args;

    #[test]
    fn habits_of_other_tools_get_an_answer_and_none_that_destroys() {
        for (typed, answer) in [
            ("mig login", Some("variables of the spec")),
            ("mig taint x", Some("-replace=ADDR")),
            ("mig destroy -target=x.y", Some("out of the spec")),
            ("mig destroy -force", Some("-auto-approve")),
            ("mig plan -refresh=false", Some("looks at the servers")),
            ("mig show -state=x", Some("backend")),
            ("mig nonsense", None),
            ("mig plan -nonsense", None),
        ] {
            let error = args::parse(typed.split(' ').map(Into::into).collect()).err();
            let hint = error.as_ref().and_then(hint);
            assert_eq!(hint.is_some(), answer.is_some(), "{typed}: {error:?}");
            assert!(hint.unwrap_or_default().contains(answer.unwrap_or_default()), "{typed}: {hint:?}");
            let said = error.map(|error| error.to_string()).unwrap_or_default();
            assert!(!said.contains("drop-target-data") && !said.contains("similar"), "{typed}: {said}");
        }
        let destroys = |(_, hint): &(&str, &str)| hint.contains("destroy") || hint.contains("drop");
        assert!(!COMMANDS.iter().chain(FLAGS).any(destroys));
    }
}
