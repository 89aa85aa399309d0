//! The gates: each looks at facts and decides whether a migration may go on. Pure: the looking itself was done by
//! somebody else, and a gate that misses facts says that it cannot look. Nothing volatile (free bytes, positions,
//! latencies) stands in a verdict that passes: verdicts are part of a plan's body, which is the same byte for byte.

use std::collections::BTreeMap;

use crate::formats::facts::{GateOutcome, MigrationFacts, ServerFacts, Verdict};
use crate::formats::spec::model::Migration;
use crate::words::codes::{self, Code};
use crate::words::diag::{Diagnostic, Severity};
use crate::words::error::Failure;

pub mod collation;
pub mod compatibility;
pub mod connectivity;
pub mod disk;
pub mod grants;
pub mod privileges;
pub mod rules;
pub mod selection;
pub mod target_tables;
pub mod writes_stopped;

/// The gates' names, in the order in which they are looked at and shown.
pub const NAMES: [&str; 7] =
    ["connectivity", "privileges", "collation", "compatibility", "disk", "target_tables", "writes_stopped"];

/// The gate between structure and rows. It can be judged only where everything was created, so it is no part of
/// [`NAMES`]: the plan shows it, apply judges it before the first row moves.
pub const STRUCTURE: &str = "structure";

/// What a gate looks at.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub migration: &'a Migration,
    pub source: &'a ServerFacts,
    pub target: &'a ServerFacts,
    pub facts: &'a MigrationFacts,
    /// The first label of the target's block: `tidb`, `mysql`.
    pub target_kind: &'a str,
    /// Of the target's block: `mig_ledger`.
    pub ledger_schema: &'a str,
    /// Of the state; none before the first apply.
    pub lineage: Option<&'a str>,
}

/// All verdicts of a migration, by the gate's name.
///
/// A gate whose servers could not be looked at cannot look; `accept_unproven` turns that into unproven.
pub fn judge_all(
    migration: &Migration,
    source: &ServerFacts,
    target: &ServerFacts,
    facts: &MigrationFacts,
    target_kind: &str,
    ledger_schema: &str,
    lineage: Option<&str>,
) -> BTreeMap<String, Verdict> {
    let subject = Subject { migration, source, target, facts, target_kind, ledger_schema, lineage };
    NAMES.iter().map(|name| ((*name).to_owned(), judge(name, &subject))).collect()
}

/// The verdict of one gate; an unknown name cannot look.
pub fn judge(name: &str, subject: &Subject) -> Verdict {
    let fault = match name {
        "disk" | "writes_stopped" => subject.source.fault.as_ref(),
        "connectivity" => None,
        _ => subject.source.fault.as_ref().or(subject.target.fault.as_ref()),
    };
    let mut verdict = match (fault, name) {
        (Some(fault), _) => blind(fault),
        (None, "connectivity") => connectivity::judge(subject),
        (None, "privileges") => privileges::judge(subject),
        (None, "collation") => collation::judge(subject),
        (None, "compatibility") => compatibility::judge(subject),
        (None, "disk") => disk::judge(subject),
        (None, "target_tables") => target_tables::judge(subject),
        (None, "writes_stopped") => writes_stopped::judge(subject),
        (None, other) => cannot_look(
            "there is no such gate",
            vec![Diagnostic::error(codes::GATE_UNKNOWN, format!("there is no gate named {other}"))],
        ),
    };
    if verdict.outcome == GateOutcome::CannotLook
        && subject.migration.gates.accept_unproven.iter().any(|accepted| accepted == name)
    {
        verdict.outcome = GateOutcome::Unproven;
        for finding in &mut verdict.findings {
            finding.severity = Severity::Warning;
        }
    }
    verdict
}

/// The verdict that findings make: an error is a no, a warning warns.
pub(crate) fn verdict(saw: impl Into<String>, findings: Vec<Diagnostic>) -> Verdict {
    let outcome = match findings.iter().map(|f| f.severity).min() {
        Some(Severity::Error) => GateOutcome::No,
        Some(Severity::Warning) => GateOutcome::Warned,
        None => GateOutcome::Passed,
    };
    Verdict { outcome, saw: saw.into(), findings }
}

pub(crate) fn cannot_look(saw: impl Into<String>, findings: Vec<Diagnostic>) -> Verdict {
    Verdict { outcome: GateOutcome::CannotLook, saw: saw.into(), findings }
}

fn blind(fault: &Failure) -> Verdict {
    // The connectivity gate tells the fault in full; seven times the same text would hide it.
    let place = fault.address.as_ref().map(|a| format!(" {a}")).unwrap_or_default();
    cannot_look(format!("could not look: a server{place} did not answer"), Vec::new())
}

/// A failure as a finding.
fn unreached(code: Code, fault: &Failure) -> Diagnostic {
    let mut finding = Diagnostic::error(code, format!("failed to {}: {}", fault.doing, fault.cause)).help(&fault.hint);
    if let Some(address) = &fault.address {
        finding = finding.about(address.to_string());
    }
    finding
}

/// `1 table`, `2 tables`.
pub(crate) fn count(n: usize, noun: &str) -> String {
    match (n, noun.strip_suffix('x')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(_)) => format!("{n} {noun}es"),
        (_, None) => format!("{n} {noun}s"),
    }
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
