//! `migration.….gate["…"]`: judges again, on what apply observed, before anything it guards. Records what it saw; the
//! writes_stopped gate also records the position that the end of the run is compared with.

use serde_json::{Value, json};

use super::context::{Context, read_inputs};
use crate::formats::facts::{GateOutcome, ServerFacts};
use crate::formats::inputs::GateInputs;
use crate::formats::plan::Node;
use crate::think::gates;
use crate::words::addr::StepAddr;
use crate::words::error::{ExitKind, Failure, Outcome};

pub async fn run(context: &Context, node: &Node) -> Outcome<Value> {
    let inputs: GateInputs = read_inputs(node)?;
    let migration = context.migration(&node.addr)?;
    let facts = context.facts(&node.addr)?;
    let nothing = ServerFacts::default();
    let (source, target) = (context.source_of(migration)?, context.target_of(migration)?);
    let block = context.target_block(migration)?;
    let seen = |addr: &StepAddr| context.seen(addr).unwrap_or(&nothing);
    let verdicts = gates::judge_all(
        migration,
        seen(&source),
        seen(&target),
        facts,
        &block.label,
        &block.ledger_schema,
        Some(&context.lineage),
    );
    let verdict = verdicts.into_iter().find(|(name, _)| *name == inputs.gate).map(|(_, verdict)| verdict);
    let Some(verdict) = verdict else {
        return Err(Failure::new("MIG5102", "judge the gate", "no such gate", "Make the plan again."));
    };
    if verdict.outcome.refuses() {
        let code = verdict.findings.first().map(|f| f.code.clone());
        let cause = match verdict.outcome {
            GateOutcome::CannotLook => format!("it cannot look, which is a no: {}", verdict.saw),
            _ => verdict.saw.clone(),
        };
        let mut failure = Failure::new(
            "MIG2001",
            format!("pass the gate {}", inputs.gate),
            cause,
            "Mend what it names, or set the gate in the spec; then plan again.",
        )
        .exit(ExitKind::Gate)
        .with(verdict.findings);
        failure.code = code.unwrap_or(failure.code);
        return Err(failure);
    }
    let mut outputs = json!({ "verdict": verdict });
    if inputs.gate == "writes_stopped" {
        // A resumed run is judged by the first run's position: that one stays.
        let first = facts.writes.as_ref().map(|w| w.from.clone()).or_else(|| seen(&source).binlog.position.clone());
        outputs["position"] = json!(first);
    }
    Ok(outputs)
}
