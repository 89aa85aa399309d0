//! The text of the difference of two plans: a golden of a small one, and rules for a large one.

use serde_json::json;

use super::*;
use crate::formats::cause::{Cause, Upstream};
use crate::formats::facts::{GateOutcome, Verdict};
use crate::formats::json_text::JsonText;
use crate::formats::plan::{Change, Node, PlanFile};
use crate::screen::plan::tests::empty;
use crate::think::plan_diff::diff;
use crate::words::addr::{GateName, StepAddr, StepKind, TableName};
use crate::words::codes;
use crate::words::diag::Diagnostic;
use crate::words::digest::Digest;

fn step(plan: &mut PlanFile, kind: StepKind, table: &str, action: Action, cause: Option<Cause>, inputs: JsonText) {
    let addr = StepAddr::of_table("shop", kind, &TableName::new("shop", table));
    let digest = Digest::of(&inputs);
    plan.body.graph.nodes.push(Node { addr: addr.clone(), kind, action, inputs, inputs_digest: digest });
    plan.body.changes.extend(cause.map(|cause| Change::new(addr, action, cause)));
}

fn table(plan: &mut PlanFile, name: &str, columns: &str, action: Action, cause: Option<Cause>) {
    let ddl = format!("CREATE TABLE `{name}` (\n  `id` int,\n{columns}  PRIMARY KEY (`id`)\n)");
    step(plan, StepKind::Table, name, action, cause.clone(), json!({ "ddl": ddl }).into());
    step(plan, StepKind::Load, name, action, cause, JsonText::none());
}

fn verdict(outcome: GateOutcome, saw: &str, findings: Vec<Diagnostic>) -> Verdict {
    Verdict { outcome, saw: saw.into(), findings }
}

fn small() -> (PlanFile, PlanFile) {
    let (mut before, mut after) = (empty(), empty());
    let gate = StepAddr::gate("shop", GateName::Collation);
    table(&mut before, "orders", "", Action::Create, Some(Cause::NotRecorded));
    table(&mut before, "old", "", Action::Create, Some(Cause::NotRecorded));
    before.body.observed.verdicts.insert(gate.clone(), verdict(GateOutcome::Passed, "2 tables", Vec::new()));
    table(&mut after, "orders", "  `total` int,\n", Action::Create, Some(Cause::NotRecorded));
    table(&mut after, "new", "", Action::Create, Some(Cause::NotRecorded));
    let found = Diagnostic::error(codes::COLLATION_MISSING, "utf8mb4_x is not on the target").about("shop.new");
    after.body.observed.verdicts.insert(gate, verdict(GateOutcome::No, "2 tables", vec![found]));
    after.body.blocked = true;
    after.body.serial = 4;
    after.estimates.rows = 12;
    (before, after)
}

#[test]
fn what_differs_stands_by_block_with_its_statements_gates_and_findings() {
    let (before, after) = small();
    let found = text(&diff(&before, &after), Style::plain());
    assert_eq!(found, include_str!("plan_diff_small.txt"), "{found}");
}

#[test]
fn two_plans_of_one_world_do_the_same() {
    let (before, _) = small();
    let mut after = before.clone();
    after.header.created = "2026-02-01T00:00:00Z".into();
    let found = text(&diff(&before, &after), Style::plain());
    assert!(found.ends_with("The two plans do the same.\n"), "{found}");
    after.estimates.by_table.insert("shop.orders".into(), Default::default());
    let found = text(&diff(&before, &after), Style::plain());
    assert!(found.ends_with("The two plans do the same; their estimates differ.\n"), "{found}");
}

#[test]
fn a_thousand_alike_are_folded_and_counted() {
    let (mut before, mut after) = (empty(), empty());
    for number in 0..1_000 {
        let name = format!("t{number:04}");
        table(&mut before, &name, "", Action::NoOp, None);
        let cause = Cause::Upstream { upstream: Upstream::TableCreated };
        table(&mut after, &name, "", Action::Rerun, Some(cause));
    }
    let found = diff(&before, &after);
    let shown = text(&found, Style::plain());
    assert!(shown.contains("… and 980 more in the same way; -json lists them"), "{shown}");
    assert!(shown.contains("no change becomes re-run (its table is created from scratch)"), "{shown}");
    assert!(shown.lines().count() < 60, "{shown}");
    let comment = comment(&found, 1_000);
    assert!(comment.len() <= 1_000 && comment.contains("more; `mig diff` shows all"), "{comment}");
}
