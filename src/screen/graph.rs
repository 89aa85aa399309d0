//! The graph of a plan as DOT, for `mig graph | dot -Tsvg`. `after` is solid, `stream` dashed; the same graph gives
//! the same text. Knows nothing of what a step does.

use std::fmt::Write as _;

use super::moves;
use crate::formats::plan::{Action, EdgeKind, PlanFile};

/// One node a step in the plan's order, then the edges in theirs.
pub fn dot(plan: &PlanFile) -> String {
    let graph = &plan.body.graph;
    let mut out = String::from(
        "digraph mig {\n  rankdir = \"LR\";\n  node [shape = box, fontname = \"monospace\", fontsize = 10];\n",
    );
    let moves: Vec<String> = moves::lines(plan).collect();
    if !moves.is_empty() {
        let _ = writeln!(out, "  label = {};", quoted(&format!("{}: {}", moves::TITLE, moves.join(", "))));
    }
    for node in &graph.nodes {
        let look = match node.action {
            Action::NoOp => "color = gray, fontcolor = gray",
            Action::Evaluate => "color = black",
            Action::Create => "color = darkgreen",
            Action::Rerun => "color = orange",
            Action::Replace | Action::Destroy => "color = red",
            Action::Forget => "color = blue, style = dotted",
        };
        // Writing to a String does not fail.
        let _ = writeln!(out, "  {} [{look}];", quoted(&node.addr.to_string()));
    }
    for edge in &graph.edges {
        let look = match edge.kind {
            EdgeKind::After => "",
            EdgeKind::Stream => " [style = dashed]",
        };
        let _ = writeln!(out, "  {} -> {}{look};", quoted(&edge.from.to_string()), quoted(&edge.to.to_string()));
    }
    out.push_str("}\n");
    out
}

/// A DOT string: a backslash begins an escape in a label, so it is doubled, too.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::formats::json_text::JsonText;
    use crate::formats::plan::{Edge, Node};
    use crate::screen::plan::tests::empty;
    use crate::words::addr::{GateName, StepAddr, StepKind};
    use crate::words::digest::Digest;

    #[test]
    fn after_is_solid_stream_is_dashed_and_names_are_escaped() {
        let dump = StepAddr::parse(r#"migration.shop.dump["shop.`a\"b`"]"#).unwrap();
        let load = StepAddr::parse(r#"migration.shop.load["shop.`a\"b`"]"#).unwrap();
        let gate = StepAddr::gate("shop", GateName::Disk);
        let node = |addr: &StepAddr, kind: StepKind, action: Action| Node {
            addr: addr.clone(),
            kind,
            action,
            inputs: JsonText::none(),
            inputs_digest: Digest::of_bytes(b""),
        };
        let edge = |from: &StepAddr, to: &StepAddr, kind: EdgeKind| Edge { from: from.clone(), to: to.clone(), kind };
        let mut plan = empty();
        plan.body.graph.nodes = vec![
            node(&gate, StepKind::Gate, Action::Evaluate),
            node(&dump, StepKind::Dump, Action::Create),
            node(&load, StepKind::Load, Action::Replace),
        ];
        plan.body.graph.edges = vec![edge(&gate, &dump, EdgeKind::After), edge(&dump, &load, EdgeKind::Stream)];
        let expected = r#"digraph mig {
  rankdir = "LR";
  node [shape = box, fontname = "monospace", fontsize = 10];
  "migration.shop.gate[\"disk\"]" [color = black];
  "migration.shop.dump[\"shop.`a\\\"b`\"]" [color = darkgreen];
  "migration.shop.load[\"shop.`a\\\"b`\"]" [color = red];
  "migration.shop.gate[\"disk\"]" -> "migration.shop.dump[\"shop.`a\\\"b`\"]";
  "migration.shop.dump[\"shop.`a\\\"b`\"]" -> "migration.shop.load[\"shop.`a\\\"b`\"]" [style = dashed];
}
"#;
        assert_eq!(dot(&plan), expected);
    }
}
