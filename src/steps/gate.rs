//! `migration.….gate["…"]`: judges again, on what apply observed, before anything it guards. Records what it saw; the
//! writes_stopped gate also looks where the source's log stands before the first row is read, which is what each table's
//! dump takes over, and whether tables of earlier runs were written to since theirs.

use serde_json::Value;

use crate::formats::facts::{GateOutcome, MigrationFacts, Position, ServerFacts, Verdict, WritesFacts};
use crate::formats::outputs;
use crate::formats::plan::Node;
use crate::formats::steps::{GateInputs, GateOutputs};
use crate::steps::context::{Context, read_inputs};
use crate::steps::observe::{binlog, evidence};
use crate::steps::step::StepCtx;
use crate::steps::{proof::writes, target::structure};
use crate::think::gates;
use crate::words::addr::{GateName, StepAddr};
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

pub async fn run(context: &Context, node: &Node, ctx: &StepCtx) -> Outcome<Value> {
    let inputs: GateInputs = read_inputs(node)?;
    if inputs.gate == GateName::Structure {
        return structure::judge(context, node).await;
    }
    let facts = context.facts(&node.addr)?;
    if inputs.gate == GateName::WritesStopped {
        let looked = look(context, node, ctx, facts).await?;
        let seen = MigrationFacts { writes: looked.writes, ..MigrationFacts::default() };
        let passed = passed(inputs.gate, judge(context, node, inputs.gate, &seen)?)?;
        // What a continued run began with stays.
        let run = looked.run.or_else(|| looked.now.clone());
        return outputs::to_value(&GateOutputs { position: looked.now, run, ..passed });
    }
    outputs::to_value(&passed(inputs.gate, judge(context, node, inputs.gate, facts)?)?)
}

/// Where the log stands, and what was written since earlier places.
struct Looked {
    now: Option<Position>,
    run: Option<Position>,
    writes: Option<WritesFacts>,
}

async fn look(context: &Context, node: &Node, ctx: &StepCtx, facts: &MigrationFacts) -> Outcome<Looked> {
    let migration = context.migration(&node.addr)?;
    let address = context.source_of(migration)?;
    let seen = context.seen(&address).cloned().unwrap_or_default();
    if seen.dump || seen.fault.is_some() {
        return Ok(Looked { now: None, run: None, writes: None });
    }
    let server = context.server(&address)?;
    let now = evidence::begin(&*server, &seen).await?;
    let run = facts.writes.as_ref().and_then(|writes| writes.run.clone());
    let since = writes::kept(context, ctx, migration, run.clone())?;
    let mut found = match &facts.writes {
        Some(earlier) => Some(earlier.clone()),
        None if since.is_empty() => None,
        None => {
            let at = crate::formats::facts::Binlog { position: now.clone(), ..seen.binlog.clone() };
            Some(binlog::writes_since(&*server, &at, &since, &migration.tables, &facts.source).await)
        }
    };
    if let Some(now) = &now {
        let found =
            found.get_or_insert_with(|| WritesFacts { from: now.clone(), to: now.clone(), ..Default::default() });
        found.begin = Some(now.clone());
    }
    Ok(Looked { now, run, writes: found })
}

fn judge(context: &Context, node: &Node, gate: GateName, facts: &MigrationFacts) -> Outcome<Verdict> {
    let migration = context.migration(&node.addr)?;
    let nothing = ServerFacts::default();
    let (source, target) = (context.source_of(migration)?, context.target_of(migration)?);
    let block = context.target_block(migration)?;
    let seen = |addr: &StepAddr| context.seen(addr).unwrap_or(&nothing);
    let gate = gates::Gate::of(gate).ok_or_else(|| {
        Failure::new(codes::PLAN_DOES_NOT_FIT_SPEC, "judge the gate", "no such gate", "Make the plan again.")
    })?;
    let subject = gates::Subject {
        migration,
        source: seen(&source),
        target: seen(&target),
        facts,
        target_kind: &block.label,
        ledger_schema: &block.ledger_schema,
        lineage: Some(&context.lineage),
    };
    Ok(gate.judge(&subject))
}

/// What the step records, where the gate does not refuse.
fn passed(gate: GateName, verdict: Verdict) -> Outcome<GateOutputs> {
    if verdict.outcome.refuses() {
        let code = verdict.findings.first().map_or(codes::GATE_CANNOT_LOOK, |finding| finding.code);
        let cause = match verdict.outcome {
            GateOutcome::CannotLook => format!("it cannot look, which is a no: {}", verdict.saw),
            _ => verdict.saw.clone(),
        };
        let hint = "Fix what it names, or set the gate in the spec; then plan again.";
        let failure = Failure::new(code, format!("pass the gate {gate}"), cause, hint);
        return Err(failure.exit(ExitKind::Gate).with(verdict.findings));
    }
    Ok(GateOutputs { verdict: Some(verdict), ..GateOutputs::default() })
}
