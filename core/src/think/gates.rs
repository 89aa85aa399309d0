//! The gates: each looks at facts and decides whether a migration may go on. Pure: the looking itself was done by
//! somebody else, and a gate that misses facts says that it cannot look. Nothing volatile (free bytes, positions,
//! latencies) stands in a verdict that passes: verdicts are part of a plan's body, which is the same byte for byte.

use std::collections::BTreeMap;

use crate::formats::facts::{GateOutcome, MigrationFacts, ServerFacts, Verdict};
use crate::formats::spec::model::Migration;
use crate::words::addr::GateName;
use crate::words::codes::{self, Code};
use crate::words::diag::{Diagnostic, Severity};
use crate::words::error::Failure;

pub mod collation;
pub mod compatibility;
pub mod connectivity;
pub mod disk;
pub mod engines;
pub mod grants;
pub mod privileges;
pub mod rules;
pub mod selection;
pub mod target_tables;
pub mod writes_stopped;

/// A gate that judges before anything is done.
pub struct Gate {
    pub name: GateName,
    /// What must have been observed; otherwise it cannot look.
    needs: Needs,
    judge: fn(&Subject) -> Verdict,
}

enum Needs {
    Nothing,
    Source,
    Both,
}

/// All of them, in the order of [`GateName::JUDGED`]. The gate `structure` is not among them: it is judged behind what was
/// created, on what is read back ([`crate::steps::target::structure`]).
pub const GATES: [Gate; GateName::JUDGED.len()] = [
    Gate { name: GateName::Connectivity, needs: Needs::Nothing, judge: connectivity::judge },
    Gate { name: GateName::Privileges, needs: Needs::Both, judge: privileges::judge },
    Gate { name: GateName::Collation, needs: Needs::Both, judge: collation::judge },
    Gate { name: GateName::Compatibility, needs: Needs::Both, judge: compatibility::judge },
    Gate { name: GateName::Disk, needs: Needs::Source, judge: disk::judge },
    Gate { name: GateName::TargetTables, needs: Needs::Both, judge: target_tables::judge },
    Gate { name: GateName::WritesStopped, needs: Needs::Source, judge: writes_stopped::judge },
];

// A gate in words/step.rs that judges before anything is done has its row here, at its place. The message is its word.
const _: () = {
    let mut at = 0;
    while at < GATES.len() {
        assert!(GATES[at].name as usize == GateName::JUDGED[at] as usize, "{}", GateName::JUDGED[at].word());
        at += 1;
    }
};

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

/// All verdicts of a migration.
pub fn judge_all(subject: &Subject) -> BTreeMap<GateName, Verdict> {
    GATES.iter().map(|gate| (gate.name, gate.judge(subject))).collect()
}

impl Gate {
    /// The gate of a name; `None` for the one that judges behind what was created.
    pub fn of(name: GateName) -> Option<&'static Self> {
        GATES.iter().find(|gate| gate.name == name)
    }

    /// The gate's verdict. One whose servers could not be observed cannot look; `accept_unproven` turns that into unproven.
    pub fn judge(&self, subject: &Subject) -> Verdict {
        let fault = match self.needs {
            Needs::Nothing => None,
            Needs::Source => subject.source.fault.as_ref(),
            Needs::Both => subject.source.fault.as_ref().or(subject.target.fault.as_ref()),
        };
        let mut verdict = fault.map_or_else(|| (self.judge)(subject), blind);
        let accepted = &subject.migration.gates.accept_unproven;
        if verdict.outcome == GateOutcome::CannotLook && accepted.contains(&self.name) {
            verdict.outcome = GateOutcome::Unproven;
            for finding in &mut verdict.findings {
                finding.severity = Severity::Warning;
            }
        }
        verdict
    }
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

/// Whether the fault is the runner's, which asks the servers: it says nothing of the servers themselves.
fn of_runner(fault: &Failure) -> bool {
    const RUNNER: [Code; 7] = [
        codes::RUNNER_UNREACHABLE,
        codes::HOST_KEY,
        codes::SSH_LOGIN_REFUSED,
        codes::SSH_BROKE,
        codes::INSTALL_FAILED,
        codes::NOT_INSTALLED,
        codes::WORKER_UNEXPECTED,
    ];
    RUNNER.contains(&fault.code)
}

fn blind(fault: &Failure) -> Verdict {
    if of_runner(fault) {
        return cannot_look("could not look: the servers were not asked from the runner", Vec::new());
    }
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
pub fn count(n: usize, noun: &str) -> String {
    match (n, noun.strip_suffix('x')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(_)) => format!("{n} {noun}es"),
        (_, None) => format!("{n} {noun}s"),
    }
}

#[cfg(any(test, feature = "fixtures"))]
pub mod fixture;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
