//! What the gate `connectivity` says of the programs that a migration runs: whether they are there, and which version.

use super::Subject;
use crate::formats::facts::ProgramFacts;
use crate::words::codes;
use crate::words::diag::Diagnostic;

/// The versions that the tests of mig run with.
const TRIED: &str = "8.5";

/// Findings: a program that does not answer, or one of another version.
pub fn findings(subject: &Subject) -> Vec<Diagnostic> {
    let programs = subject.facts.programs.iter();
    programs.filter_map(|(engine, program)| finding(engine, program)).collect()
}

fn finding(engine: &str, facts: &ProgramFacts) -> Option<Diagnostic> {
    let ProgramFacts { program, version, fault } = facts;
    if !fault.is_empty() {
        let summary = format!("engine = \"{engine}\": {program} cannot be used: {fault}");
        return Some(Diagnostic::error(codes::ENGINE_MISSING, summary).about(program).help(
            "Install it on the machine where the migration runs, name it with `binary`, or use engine = \"native\".",
        ));
    }
    let tried = version.strip_prefix(TRIED).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    (!tried).then(|| {
        let summary = match version.as_str() {
            "" => format!("{program} does not say its version; {TRIED} was tested"),
            version => format!("{program} has the version {version}; {TRIED} was tested"),
        };
        Diagnostic::warning(codes::ENGINE_UNTESTED, summary).about(program).help(
            "Try it with a copy first, or install the version that was tested. The rows are compared in any case.",
        )
    })
}

/// The programs as the gate shows them, behind the servers.
pub fn seen(subject: &Subject) -> String {
    let shown = |(engine, facts): (&String, &ProgramFacts)| match facts.version.as_str() {
        "" => format!(", {engine}"),
        version => format!(", {engine} {version}"),
    };
    subject.facts.programs.iter().map(shown).collect()
}
