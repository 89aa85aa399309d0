//! The graph core: steps by address and the edges between them, put into one stable topological order; a cycle is
//! named by its path. The only file that names petgraph. Knows nothing of what steps do.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::formats::plan::{Edge, EdgeKind, Graph, Node};
use crate::words::addr::StepAddr;
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// Puts nodes and edges in their stable order. Runs in O((V + E) log V).
///
/// # Errors
/// `MIG5101` names the cycle's path; `MIG5102` an edge whose end is not a node, or an address that is there twice.
pub fn arrange(nodes: Vec<Node>, mut edges: Vec<Edge>) -> Outcome<Graph> {
    edges.sort();
    edges.dedup();
    let mut graph: DiGraph<(), EdgeKind> = DiGraph::with_capacity(nodes.len(), edges.len());
    let mut at: HashMap<&StepAddr, NodeIndex> = HashMap::with_capacity(nodes.len());
    for node in &nodes {
        if at.insert(&node.addr, graph.add_node(())).is_some() {
            return Err(broken(format!("the address {} is there twice", node.addr)));
        }
    }
    for edge in &edges {
        let (Some(from), Some(to)) = (at.get(&edge.from), at.get(&edge.to)) else {
            return Err(broken(format!("the edge from {} to {} has an end that is not a step", edge.from, edge.to)));
        };
        graph.add_edge(*from, *to, edge.kind);
    }
    let order = order(&graph, &nodes).ok_or_else(|| cycle(&graph, &nodes))?;
    drop(at);
    let mut slots: Vec<Option<Node>> = nodes.into_iter().map(Some).collect();
    let nodes = order.into_iter().filter_map(|index| slots[index].take()).collect();
    Ok(Graph { nodes, edges })
}

/// Kahn's order; among steps that are ready the smallest (rank of kind, address) comes first, so that the same graph
/// has the same order whatever order it was built in. `None`: a cycle.
fn order(graph: &DiGraph<(), EdgeKind>, nodes: &[Node]) -> Option<Vec<usize>> {
    let mut missing: Vec<usize> = vec![0; nodes.len()];
    for edge in graph.edge_references() {
        missing[edge.target().index()] += 1;
    }
    let entry = |index: usize| Reverse((nodes[index].kind.place_in_plan(), &nodes[index].addr, index));
    let mut ready: BinaryHeap<_> = (0..nodes.len()).filter(|i| missing[*i] == 0).map(entry).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(Reverse((_, _, index))) = ready.pop() {
        order.push(index);
        for next in graph.neighbors(NodeIndex::new(index)) {
            missing[next.index()] -= 1;
            if missing[next.index()] == 0 {
                ready.push(entry(next.index()));
            }
        }
    }
    (order.len() == nodes.len()).then_some(order)
}

/// Names one cycle: walks inside a strongly connected component from its smallest address until it comes back.
fn cycle(graph: &DiGraph<(), EdgeKind>, nodes: &[Node]) -> Failure {
    let loops = |scc: &Vec<NodeIndex>| scc.len() > 1 || scc.first().is_some_and(|n| graph.contains_edge(*n, *n));
    let mut component: Vec<NodeIndex> = tarjan_scc(graph).into_iter().find(loops).unwrap_or_default();
    component.sort_by_key(|n| &nodes[n.index()].addr);
    let mut path: Vec<NodeIndex> = Vec::new();
    let mut here = component.first().copied();
    while let Some(node) = here {
        if let Some(start) = path.iter().position(|seen| *seen == node) {
            path.drain(..start);
            path.push(node);
            break;
        }
        path.push(node);
        here = graph.neighbors(node).filter(|n| component.contains(n)).min_by_key(|n| &nodes[n.index()].addr);
    }
    let names: Vec<String> = path.iter().map(|n| nodes[n.index()].addr.to_string()).collect();
    Failure::new(
        codes::STEPS_CYCLE,
        "order the steps",
        format!("they wait for each other in a circle: {}", names.join(" -> ")),
        "Take one of these references out of `after`.",
    )
}

fn broken(cause: String) -> Failure {
    Failure::new(
        codes::PLAN_DOES_NOT_FIT_SPEC,
        "build the graph of steps",
        cause,
        "This is a fault of mig: please report it with the spec.",
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::formats::json_text::JsonText;
    use crate::formats::plan::Action;
    use crate::words::digest::Digest;

    fn node(name: &str) -> Node {
        let addr = StepAddr::parse(&format!("migration.m.load[\"s.{name}\"]")).unwrap();
        let kind = addr.kind().unwrap();
        let inputs_digest = Digest::of_bytes(name.as_bytes());
        Node { addr, kind, action: Action::Create, inputs: JsonText::none(), inputs_digest }
    }

    fn edge(text: &str) -> Edge {
        let (from, to) = text.split_once('>').unwrap();
        Edge { from: node(from).addr, to: node(to).addr, kind: EdgeKind::After }
    }

    /// `expected`: the order of names, or a piece of the error.
    fn check(names: &str, edges: &str, expected: &str) {
        let nodes = names.split_whitespace().map(node).collect();
        let edges = edges.split_whitespace().map(edge).collect();
        let got = match arrange(nodes, edges) {
            Ok(graph) => graph.nodes.iter().map(|n| n.addr.table().unwrap().name).collect::<Vec<_>>().join(" "),
            Err(failure) => failure.cause.replace("migration.m.load", ""),
        };
        assert!(got.contains(expected), "{names} / {edges:?}: {got}", edges = "");
    }

    #[test]
    fn steps_come_in_one_stable_order_and_a_cycle_is_named_by_its_path() {
        check("c b a", "", "a b c");
        check("c b a", "c>a c>b", "c a b");
        check("a b c d", "d>c c>b b>a", "d c b a");
        check("a b", "a>b b>a", r#"["s.a"] -> ["s.b"] -> ["s.a"]"#);
        check("a b c d", "a>b b>c c>d d>b", r#"["s.b"] -> ["s.c"] -> ["s.d"] -> ["s.b"]"#);
        check("a", "a>a", r#"["s.a"] -> ["s.a"]"#);
        check("a", "a>z", "not a step");
        check("a a", "", "is there twice");
    }
}
