//! The phases of a plan, or all steps of a small one, as SVG: for a browser, a document or a page. The same plan gives the same
//! bytes. Knows nothing of what a step does. Format: <https://www.w3.org/TR/SVG11/>.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::changes::symbol;
use super::clean::markup;
use super::layout::{Layout, Route, layout};
use super::phases::{Phase, Phases, reduced};
use super::style::{columns, cut, thousands};
use crate::formats::plan::{Action, Node, PlanFile};
use crate::words::addr::StepAddr;

/// A graph of more steps than these is not drawn step by step: its names could not be read.
pub(super) const MOST_STEPS: usize = 80;

/// Of the text of a box: a fixed font, so that its width is known here.
const COLUMN: f64 = 7.3;
const HEIGHT: f64 = 44.0;
const LEAST_WIDTH: f64 = 110.0;
const PADDING: f64 = 12.0;
/// Longer names are cut; the whole is the tooltip.
const LONGEST: usize = 40;
/// Around the drawing, for what is wider than its box.
const MARGIN: f64 = 6.0;
/// Corners of edges.
const BEND: f64 = 14.0;

/// The look of a document of its own; a page has its own.
const STYLE: &str = "\
svg{color-scheme:light dark;font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.box{fill:#fff;stroke:#6e7781}.name{fill:#1f2328;font-weight:600}.sub{fill:#59636e}.edge{fill:none;stroke:#8c959f}
.tip{fill:#8c959f}.create .box{stroke:#1a7f37;stroke-width:2}.again .box{stroke:#9a6700;stroke-width:2}
.remove .box{stroke:#cf222e;stroke-width:2}.stream{stroke-dasharray:5 4}
@media (prefers-color-scheme:dark){.box{fill:#151b23;stroke:#9198a1}.name{fill:#f0f6fc}.sub{fill:#9198a1}.edge{stroke:#656c76}
.tip{fill:#656c76}.create .box{stroke:#3fb950}.again .box{stroke:#d29922}.remove .box{stroke:#f85149}}
";

/// What is in one box.
struct Drawn {
    name: String,
    /// What it is of.
    sub: String,
    /// `+16 ~2`.
    counts: String,
    class: &'static str,
    /// All of it in words: for a tooltip and for a reader that speaks.
    words: String,
}

/// The phases as a document.
pub fn document(plan: &PlanFile) -> String {
    let phases = Phases::of(plan);
    svg("mig", STYLE, &phases.nodes.iter().map(of_phase).collect::<Vec<_>>(), &phases.edges, &BTreeSet::new())
}

/// The phases as an element of a page.
pub(super) fn of_phases(phases: &Phases) -> String {
    svg("phases", "", &phases.nodes.iter().map(of_phase).collect::<Vec<_>>(), &phases.edges, &BTreeSet::new())
}

/// Every step as an element of a page; `None`: there are too many.
pub(super) fn of_steps(plan: &PlanFile) -> Option<String> {
    let graph = &plan.body.graph;
    if graph.nodes.len() > MOST_STEPS {
        return None;
    }
    let places: BTreeMap<&StepAddr, usize> =
        graph.nodes.iter().enumerate().map(|(at, node)| (&node.addr, at)).collect();
    let ends =
        graph.edges.iter().filter_map(|edge| Some((*places.get(&edge.from)?, *places.get(&edge.to)?, edge.kind)));
    let ends: Vec<_> = ends.collect();
    let streams = ends.iter().filter(|end| end.2 == crate::formats::plan::EdgeKind::Stream).map(|end| (end.0, end.1));
    let streams: BTreeSet<(usize, usize)> = streams.collect();
    let edges = reduced(graph.nodes.len(), ends.iter().map(|end| (end.0, end.1)).collect());
    Some(svg("steps", "", &graph.nodes.iter().map(of_step).collect::<Vec<_>>(), &edges, &streams))
}

fn of_phase(phase: &Phase) -> Drawn {
    let own = phase.kind.is_empty();
    let counts: Vec<String> =
        phase.actions.iter().map(|(action, number)| format!("{}{}", symbol(*action).0, thousands(*number))).collect();
    let unchanged = phase.steps - phase.changes();
    let mut words: Vec<String> = phase
        .actions
        .iter()
        .map(|(action, number)| format!("{} to {}", thousands(*number), symbol(*action).1))
        .collect();
    if unchanged > 0 {
        words.push(format!("{} without a change", thousands(unchanged)));
    }
    let title = if own { phase.block.clone() } else { format!("{} {}", phase.block, phase.kind) };
    Drawn {
        name: if own { phase.block.clone() } else { phase.kind.to_owned() },
        sub: if own { String::new() } else { phase.block.clone() },
        counts: if counts.is_empty() && unchanged > 1 { thousands(unchanged) } else { counts.join(" ") },
        class: class(phase.actions.iter().map(|(action, _)| *action)),
        words: format!("{title}: {}", words.join(", ")),
    }
}

fn of_step(node: &Node) -> Drawn {
    let (sign, word, _) = symbol(node.action);
    let address = node.addr.to_string();
    let head = node.addr.words().join(".");
    let (name, sub) = match node.addr.key() {
        Some(key) => (key.to_owned(), head),
        None => (head, String::new()),
    };
    let counts = if node.action.is_change() { sign.to_owned() } else { String::new() };
    Drawn { name, sub, counts, class: class([node.action].into_iter()), words: format!("{address}: {word}") }
}

/// By what is most to be looked at.
fn class(actions: impl Iterator<Item = Action>) -> &'static str {
    let rank = |action: Action| match action {
        Action::Replace | Action::Destroy => 3,
        Action::Rerun | Action::Forget => 2,
        Action::Create => 1,
        Action::NoOp | Action::Evaluate => 0,
    };
    ["none", "create", "again", "remove"][actions.map(rank).max().unwrap_or(0)]
}

fn svg(
    name: &str,
    style: &str,
    boxes: &[Drawn],
    edges: &BTreeSet<(usize, usize)>,
    streams: &BTreeSet<(usize, usize)>,
) -> String {
    let widths: Vec<f64> = boxes.iter().map(width).collect();
    let laid = layout(&widths, HEIGHT, edges);
    let (wide, high) = (laid.width + 2.0 * MARGIN, laid.height + 2.0 * MARGIN);
    // Writing to a String does not fail.
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"graph {name}\" width=\"{wide}\" height=\"{high}\" \
         viewBox=\"{} {} {wide} {high}\">\n",
        -MARGIN, -MARGIN
    );
    if !style.is_empty() {
        let _ = writeln!(out, "<style>{style}</style>");
    }
    for route in &laid.edges {
        let stream = if streams.contains(&(route.from, route.to)) { " stream" } else { "" };
        let _ = writeln!(out, "<path class=\"edge{stream}\" d=\"{}\"/>", path(route));
        out.push_str(&tip(route));
    }
    for (at, drawn) in boxes.iter().enumerate() {
        out.push_str(&node(at, drawn, widths[at], &laid));
    }
    out.push_str("</svg>\n");
    out
}

fn width(drawn: &Drawn) -> f64 {
    let counts = if drawn.counts.is_empty() { 0 } else { columns(&drawn.counts) + 2 };
    let text = (shown(&drawn.name) + counts).max(shown(&drawn.sub)) as f64;
    (text * COLUMN + 2.0 * PADDING).max(LEAST_WIDTH).round()
}

fn shown(text: &str) -> usize {
    columns(text).min(LONGEST)
}

fn node(at: usize, drawn: &Drawn, width: f64, laid: &Layout) -> String {
    let (x, y) = laid.boxes[at];
    let single = drawn.sub.is_empty();
    let mut out = format!(
        "<g class=\"node {}\" data-at=\"{at}\"><title>{}</title><rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{width}\" \
         height=\"{HEIGHT}\" rx=\"6\"/>",
        drawn.class,
        markup(&drawn.words)
    );
    let line = y + if single { HEIGHT / 2.0 + 4.0 } else { 18.0 };
    let _ = write!(
        out,
        "<text class=\"name\" x=\"{}\" y=\"{line}\">{}</text>",
        x + PADDING,
        markup(&cut(&drawn.name, LONGEST))
    );
    if !drawn.counts.is_empty() {
        let right = x + width - PADDING;
        let _ = write!(
            out,
            "<text class=\"sub\" x=\"{right}\" y=\"{line}\" text-anchor=\"end\">{}</text>",
            markup(&drawn.counts)
        );
    }
    if !single {
        let _ = write!(
            out,
            "<text class=\"sub\" x=\"{}\" y=\"{}\">{}</text>",
            x + PADDING,
            y + 35.0,
            markup(&cut(&drawn.sub, LONGEST))
        );
    }
    out.push_str("</g>\n");
    out
}

/// Down, aside, down: with round bends between rows.
fn path(route: &Route) -> String {
    let mut out = String::new();
    for (at, (x, y)) in route.points.iter().enumerate() {
        match at {
            0 => {
                let _ = write!(out, "M{x} {y}");
            }
            at => {
                let (from_x, from_y) = route.points[at - 1];
                if from_x == *x {
                    let _ = write!(out, "V{y}");
                } else {
                    let bend = if from_y < *y { BEND } else { -BEND };
                    let _ = write!(out, "C{from_x} {} {x} {} {x} {y}", from_y + bend, y - bend);
                }
            }
        }
    }
    out
}

/// The head of an arrow, at the end of an edge.
fn tip(route: &Route) -> String {
    let Some((x, y)) = route.points.last() else { return String::new() };
    let upwards = route.points.first().is_some_and(|first| first.1 > *y);
    let back = if upwards { y + 7.0 } else { y - 7.0 };
    format!("<path class=\"tip\" d=\"M{x} {y}L{} {back}L{} {back}Z\"/>\n", x - 4.0, x + 4.0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::formats::json_text::JsonText;
    use crate::formats::plan::{Edge, EdgeKind};
    use crate::screen::plan::tests::empty;
    use crate::words::addr::{GateName, StepKind};
    use crate::words::digest::Digest;

    fn plan(tables: usize) -> PlanFile {
        let mut plan = empty();
        let mut push = |addr: &StepAddr, kind: StepKind, action: Action| {
            let inputs_digest = Digest::of_bytes(b"");
            plan.body.graph.nodes.push(Node {
                addr: addr.clone(),
                kind,
                action,
                inputs: JsonText::none(),
                inputs_digest,
            });
        };
        let gate = StepAddr::gate("shop", GateName::Disk);
        push(&gate, StepKind::Gate, Action::Evaluate);
        let mut edges = Vec::new();
        for at in 0..tables {
            let of =
                |word: &str| StepAddr::parse(&format!(r#"migration.shop.{word}["shop.`<b>\u202e{at}`"]"#)).unwrap();
            let (dump, load) = (of("dump"), of("load"));
            push(&dump, StepKind::Dump, Action::Create);
            push(&load, StepKind::Load, Action::Replace);
            edges.push(Edge { from: gate.clone(), to: dump.clone(), kind: EdgeKind::After });
            edges.push(Edge { from: gate.clone(), to: load.clone(), kind: EdgeKind::After });
            edges.push(Edge { from: dump, to: load, kind: EdgeKind::Stream });
        }
        plan.body.graph.edges = edges;
        plan
    }

    #[test]
    fn phases_are_boxes_and_names_are_text() {
        let shown = document(&plan(1_200));
        assert!(shown.starts_with("<svg xmlns=") && shown.ends_with("</svg>\n"), "{shown}");
        assert_eq!(
            (shown.matches("<g class=\"node").count(), shown.matches("class=\"edge").count()),
            (3, 2),
            "{shown}"
        );
        for piece in
            ["migration.shop dump: 1,200 to create", ">+1,200</text>", "node remove", "prefers-color-scheme:dark"]
        {
            assert!(shown.contains(piece), "{piece}: {shown}");
        }
        assert_eq!(shown, document(&plan(1_200)));
    }

    #[test]
    fn every_step_of_a_small_plan_is_drawn_and_of_a_large_one_none() {
        let shown = of_steps(&plan(2)).unwrap();
        assert_eq!((shown.matches("<g class=\"node").count(), shown.matches("edge stream").count()), (5, 2), "{shown}");
        assert!(
            shown.contains("shop.`&lt;b&gt;\\u202e0`") && !shown.contains(['\u{202e}']) && !shown.contains("<b>"),
            "{shown}"
        );
        assert_eq!(of_steps(&plan(MOST_STEPS)), None);
    }
}
