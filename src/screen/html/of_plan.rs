//! The data of a page of a plan, made of the values that the other views are made of.

use std::collections::BTreeMap;

use super::super::changes::symbol;
use super::super::diff::Beside;
use super::super::groups::{Entry, groups};
use super::super::phases::{Phase, Phases};
use super::super::rewrites;
use super::super::{markdown, plan as views};
use super::Subject;
use super::model::{Book, Changed, Data, Finding, Object, Row, Sign, Steps, Words};
use crate::formats::facts::{GateOutcome, Verdict};
use crate::formats::plan::{Action, Change, Node, PlanFile, Rewrite};
use crate::formats::probe::Probed;
use crate::formats::steps;
use crate::words::addr::StepAddr;
use crate::words::diag::Diagnostic;

/// In the order in which a filter offers them.
const ACTIONS: [Action; 7] =
    [Action::Create, Action::Rerun, Action::Replace, Action::Destroy, Action::Forget, Action::Evaluate, Action::NoOp];

pub(super) fn place_of(action: Action) -> usize {
    ACTIONS.iter().position(|known| *known == action).unwrap_or_default()
}

pub(super) fn signs() -> Vec<Sign> {
    let sign = |action: Action| {
        let (sign, word, _) = symbol(action);
        Sign { action, sign, word }
    };
    ACTIONS.into_iter().map(sign).collect()
}

/// Everything of the plan that the subject is about.
pub(super) fn data(plan: &PlanFile, probed: &[Probed], subject: Subject, phases: &Phases) -> Data {
    let mut maker = Maker { plan, book: Book::default(), kinds: Words(Vec::new()), nodes: nodes(plan) };
    let mut findings: Vec<(Option<&str>, &Diagnostic)> = markdown::findings(plan, probed);
    // What stops comes first.
    findings.sort_by_key(|(_, finding)| (finding.severity, finding.code));
    let by_subject = by_subject(&findings);
    let changed = rewrites::all(plan).map(|(change, rewrite)| maker.changed(change, rewrite)).collect();
    let changed_places: BTreeMap<&StepAddr, usize> =
        rewrites::all(plan).enumerate().map(|(place, (change, _))| (&change.addr, place)).collect();
    let steps = maker.steps(phases);
    let mut block_names = Vec::new();
    let mut objects = Vec::new();
    for group in if subject == Subject::Check { Vec::new() } else { groups(plan) } {
        for entry in group.sorts.iter().flatten() {
            objects.push(maker.object(entry, block_names.len(), &changed_places, &by_subject));
        }
        block_names.push(group.name);
    }
    let findings = findings.into_iter().map(|(gate, finding)| maker.finding(gate, finding)).collect();
    Data {
        actions: signs(),
        groups: block_names,
        steps,
        objects,
        findings,
        changed,
        phases: phases.nodes.iter().map(phase_name).collect(),
        history: None,
        kinds: maker.kinds.0,
        lines: maker.book.into_lines(),
    }
}

fn nodes(plan: &PlanFile) -> BTreeMap<&StepAddr, (usize, &Node)> {
    plan.body.graph.nodes.iter().enumerate().map(|(place, node)| (&node.addr, (place, node))).collect()
}

pub(super) fn phase_name(phase: &Phase) -> String {
    if phase.kind.is_empty() { phase.block.clone() } else { format!("{} {}", phase.block, phase.kind) }
}

/// Of a migration's object its key: the migration is the title above it, the kinds of its steps are beside it.
fn name(entry: &Entry) -> String {
    let of_migration = entry.steps.first().is_some_and(|step| step.addr.migration().is_some());
    entry.key().filter(|_| of_migration).map_or_else(|| entry.name(), str::to_owned)
}

fn by_subject<'a>(findings: &[(Option<&str>, &'a Diagnostic)]) -> BTreeMap<&'a str, Vec<usize>> {
    let mut out: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, (_, finding)) in findings.iter().enumerate() {
        if let Some(subject) = &finding.subject {
            out.entry(subject).or_default().push(place);
        }
    }
    out
}

struct Maker<'a> {
    plan: &'a PlanFile,
    book: Book,
    kinds: Words<&'static str>,
    nodes: BTreeMap<&'a StepAddr, (usize, &'a Node)>,
}

impl Maker<'_> {
    fn steps(&mut self, phases: &Phases) -> Steps {
        let graph = &self.plan.body.graph;
        let mut steps = Steps { phase: phases.of_steps.clone(), ..Steps::default() };
        for node in &graph.nodes {
            steps.addr.push(node.addr.to_string());
            steps.action.push(place_of(node.action));
            steps.kind.push(self.kinds.place(node.kind.word()));
            steps.after.push(Vec::new());
        }
        for edge in &graph.edges {
            if let (Some((from, _)), Some((to, _))) = (self.nodes.get(&edge.from), self.nodes.get(&edge.to)) {
                steps.after[*to].push(*from);
            }
        }
        steps
    }

    fn object(
        &mut self,
        entry: &Entry,
        group: usize,
        changed: &BTreeMap<&StepAddr, usize>,
        findings: &BTreeMap<&str, Vec<usize>>,
    ) -> Object {
        let estimates = entry.estimates(self.plan);
        let ddl = entry.steps.iter().flat_map(|change| self.statements(change)).collect::<Vec<_>>();
        let known = entry.steps.iter().filter_map(|change| Some(self.nodes.get(&change.addr)?.0));
        Object {
            group,
            action: place_of(entry.action),
            name: name(entry),
            steps: known.collect(),
            why: entry.reason(),
            what: entry.what().map(str::to_owned),
            rows: estimates.map(|of| of.rows),
            // Of what is dropped only its rows are known.
            bytes: estimates.map(|of| of.bytes).filter(|_| entry.action != Action::Destroy),
            files: estimates.map(|of| of.files).filter(|_| entry.action != Action::Destroy),
            confirm: entry.needs_confirm(),
            ddl: ddl.iter().map(|statement| self.book.text(statement)).collect(),
            changed: entry.steps.iter().find_map(|change| changed.get(&change.addr).copied()),
            findings: entry.key().and_then(|key| findings.get(key)).cloned().unwrap_or_default(),
        }
    }

    /// The statements of a step that creates.
    fn statements(&self, change: &Change) -> Vec<String> {
        let node = self.nodes.get(&change.addr).map(|(_, node)| *node).filter(|_| change.action.makes());
        node.map_or(Vec::new(), |node| {
            steps::statements(node).unwrap_or_else(|error| vec![format!("-- cannot be read: {error}")])
        })
    }

    fn finding(&mut self, gate: Option<&str>, finding: &Diagnostic) -> Finding {
        let place = finding.place.as_ref().map(|place| format!("{}:{}:{}", place.file, place.line, place.column));
        Finding {
            severity: finding.severity,
            code: finding.code,
            summary: finding.summary.clone(),
            subject: finding.subject.clone(),
            gate: gate.map(str::to_owned),
            place,
            detail: self.book.text(&finding.detail),
            help: finding.help.clone(),
        }
    }

    fn changed(&mut self, change: &Change, rewrite: &Rewrite) -> Changed {
        let rows = rewrites::side_by_side(rewrite);
        let differs = rows.iter().any(|row| matches!(row, Beside::Changed(..)));
        let rows = rows.into_iter().map(|row| match row {
            Beside::Same(line) => Row::Same(self.book.line(line)),
            Beside::Changed(source, target) => {
                Row::Changed(source.map(|line| self.book.line(line)), target.map(|line| self.book.line(line)))
            }
        });
        // Where only what is beside the text changes (the definer of a view), there is nothing to compare.
        let rows: Vec<Row> = if differs { rows.collect() } else { Vec::new() };
        let note = |note: &Diagnostic| (note.code, note.summary.clone(), note.detail.clone());
        Changed {
            name: rewrites::name(change),
            kind: change.addr.kind().map(|kind| self.kinds.place(kind.word())),
            action: place_of(change.action),
            notes: rewrite.changes.iter().map(note).collect(),
            rows,
        }
    }
}

/// The gates of the plan as rows: outcome's class, sign and word, gate, migration, what it saw.
pub(super) fn gates(plan: &PlanFile) -> Vec<[String; 5]> {
    let row = |(addr, verdict): (&StepAddr, &Verdict)| {
        let (sign, word, _) = views::outcome_words(verdict.outcome);
        [
            outcome_class(verdict.outcome).to_owned(),
            format!("{sign} {word}"),
            views::gate_name(addr).to_owned(),
            addr.migration().unwrap_or_default().to_owned(),
            verdict.saw.clone(),
        ]
    };
    let mut gates: Vec<_> = plan.body.observed.verdicts.iter().collect();
    // What refuses comes first, then what warns.
    gates.sort_by_key(|(_, verdict)| std::cmp::Reverse(verdict.outcome));
    gates.into_iter().map(row).collect()
}

/// The class of an outcome in the page's style.
fn outcome_class(outcome: GateOutcome) -> &'static str {
    match outcome {
        GateOutcome::Passed => "good",
        GateOutcome::Warned | GateOutcome::Unproven => "warn",
        GateOutcome::CannotLook | GateOutcome::No => "bad",
    }
}
