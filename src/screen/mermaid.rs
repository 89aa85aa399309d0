//! The phases of a plan as a Mermaid flowchart, which GitHub and GitLab draw in a comment. The same plan gives the same
//! bytes. Knows nothing of what a step does. Syntax: <https://mermaid.js.org/syntax/flowchart.html>.

use std::fmt::Write as _;

use super::changes::symbol;
use super::moves;
use super::phases::{Phase, Phases};
use super::style::thousands;
use crate::formats::plan::{Action, PlanFile};

/// A flowchart with one box a phase and one frame a block.
pub fn flowchart(plan: &PlanFile) -> String {
    let phases = Phases::of(plan);
    let mut out = String::from("flowchart LR\n");
    let moves: Vec<String> = moves::lines(plan).collect();
    if !moves.is_empty() {
        let _ = writeln!(out, "  moves[{}]", quoted(&format!("{}: {}", moves::TITLE, moves.join(", "))));
    }
    let mut blocks: Vec<&str> = Vec::new();
    for phase in &phases.nodes {
        if !blocks.contains(&phase.block.as_str()) {
            blocks.push(&phase.block);
        }
    }
    // Writing to a String does not fail.
    for (number, block) in blocks.iter().enumerate() {
        let own = || phases.nodes.iter().enumerate().filter(|(_, phase)| phase.block == *block);
        let framed = own().any(|(_, phase)| !phase.kind.is_empty());
        if framed {
            let _ = writeln!(out, "  subgraph b{number}[{}]", quoted(block));
        }
        for (place, phase) in own() {
            let indent = if framed { "    " } else { "  " };
            let _ = writeln!(out, "{indent}p{place}[{}]{}", quoted(&title(phase)), class(phase));
        }
        if framed {
            out.push_str("  end\n");
        }
    }
    for (from, to) in &phases.edges {
        let _ = writeln!(out, "  p{from} --> p{to}");
    }
    for (name, look) in CLASSES {
        let used = phases.nodes.iter().any(|phase| class(phase).ends_with(name));
        if used {
            let _ = writeln!(out, "  classDef {name} {look}");
        }
    }
    out
}

/// Readable on light and on dark ground: only borders are coloured.
const CLASSES: [(&str, &str); 3] = [
    ("create", "stroke:#2da44e,stroke-width:2px"),
    ("again", "stroke:#bf8700,stroke-width:2px"),
    ("remove", "stroke:#cf222e,stroke-width:2px"),
];

/// By what is most to be looked at.
fn class(phase: &Phase) -> &'static str {
    let has = |wanted: &[Action]| phase.actions.iter().any(|(action, _)| wanted.contains(action));
    if has(&[Action::Replace, Action::Destroy]) {
        ":::remove"
    } else if has(&[Action::Rerun, Action::Forget]) {
        ":::again"
    } else if has(&[Action::Create]) {
        ":::create"
    } else {
        ""
    }
}

/// `dump: 12 create, 3 unchanged`.
fn title(phase: &Phase) -> String {
    let name = if phase.kind.is_empty() { &phase.block } else { phase.kind };
    let mut parts: Vec<String> =
        phase.actions.iter().map(|(action, number)| format!("{} {}", thousands(*number), symbol(*action).1)).collect();
    match phase.steps - phase.changes() {
        0 => {}
        rest if parts.is_empty() && rest == 1 => {}
        rest if parts.is_empty() => parts.push(thousands(rest)),
        rest => parts.push(format!("{} others", thousands(rest))),
    }
    if parts.is_empty() { name.to_owned() } else { format!("{name}: {}", parts.join(", ")) }
}

/// A text in quotes; what Mermaid or HTML would read as markup becomes an entity by number.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        if c.is_ascii_punctuation() && !matches!(c, '.' | ',' | ':' | '-' | '_' | '/') {
            let _ = write!(out, "#{};", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out.push('"');
    out
}
