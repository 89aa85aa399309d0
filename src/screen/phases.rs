//! The graph of a plan, folded to its phases: all steps of one kind of one block are one node. It has the size of the spec,
//! not of the database, and so it can be drawn. Knows the plan's values only.

use std::collections::{BTreeMap, BTreeSet};

use super::groups::{count_action, group_of};
use crate::formats::plan::{Action, Node, PlanFile};
use crate::words::addr::{GateName, StepAddr};

/// All steps of one kind of one block.
pub(super) struct Phase {
    /// `migration.shop`, `runner.ec2.mover`, `source.mysql.shop`.
    pub(super) block: String,
    /// `dump`, `instance`; empty where the block is one step.
    pub(super) kind: &'static str,
    pub(super) steps: u64,
    /// How many steps each action has, as they come; steps without a change are not counted.
    pub(super) actions: Vec<(Action, u64)>,
}

impl Phase {
    /// Steps that change something.
    pub(super) fn changes(&self) -> u64 {
        self.actions.iter().map(|(_, number)| number).sum()
    }
}

/// The phases in the order of the plan, and which waits for which. A wait that follows from others is left out.
pub(super) struct Phases {
    pub(super) nodes: Vec<Phase>,
    /// From, to: places in `nodes`.
    pub(super) edges: BTreeSet<(usize, usize)>,
    /// Of each step of the graph, in its order: its place in `nodes`.
    pub(super) of_steps: Vec<usize>,
}

impl Phases {
    pub(super) fn of(plan: &PlanFile) -> Self {
        let graph = &plan.body.graph;
        let mut nodes: Vec<Phase> = Vec::new();
        let mut places: BTreeMap<(String, &str), usize> = BTreeMap::new();
        let mut place_of: BTreeMap<&StepAddr, usize> = BTreeMap::new();
        let mut of_steps = Vec::with_capacity(graph.nodes.len());
        for node in &graph.nodes {
            let block = group_of(&node.addr);
            let kind = if node.addr.to_string() == block { "" } else { word(node) };
            let place = *places.entry((block.clone(), kind)).or_insert_with(|| {
                nodes.push(Phase { block, kind, steps: 0, actions: Vec::new() });
                nodes.len() - 1
            });
            place_of.insert(&node.addr, place);
            of_steps.push(place);
            let phase = &mut nodes[place];
            phase.steps += 1;
            if node.action.is_change() {
                count_action(&mut phase.actions, node.action);
            }
        }
        let ends = graph.edges.iter().filter_map(|edge| Some((*place_of.get(&edge.from)?, *place_of.get(&edge.to)?)));
        let edges = reduced(nodes.len(), ends.filter(|(from, to)| from != to).collect());
        Self { nodes, edges, of_steps }
    }
}

/// What the steps of a phase have in common. The gate of the structure looks at what was created, long after the others.
fn word(node: &Node) -> &'static str {
    match (node.addr.gate_name(), node.addr.step_type()) {
        (Some(GateName::Structure), _) => "structure gate",
        (Some(_), _) => "gates",
        (None, Some(of)) => of.word(),
        (None, None) => node.kind.word(),
    }
}

/// Without the edges that a longer way makes superfluous. Where phases wait for each other (a table's step for another table's),
/// a longer way could lead through the circle and say nothing: then all edges stay.
pub(super) fn reduced(size: usize, edges: BTreeSet<(usize, usize)>) -> BTreeSet<(usize, usize)> {
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); size];
    for (from, to) in &edges {
        next[*from].push(*to);
    }
    if is_cyclic(&next) {
        return edges;
    }
    let another_way = |from: usize, to: usize| {
        let mut seen = BTreeSet::from([from]);
        let mut open: Vec<usize> = next[from].iter().copied().filter(|first| *first != to).collect();
        while let Some(at) = open.pop() {
            if at == to {
                return true;
            }
            if seen.insert(at) {
                open.extend(&next[at]);
            }
        }
        false
    };
    edges.iter().copied().filter(|(from, to)| !another_way(*from, *to)).collect()
}

/// Kahn's algorithm: what is left when no node is without a predecessor.
fn is_cyclic(next: &[Vec<usize>]) -> bool {
    let mut waits = vec![0_usize; next.len()];
    next.iter().flatten().for_each(|to| waits[*to] += 1);
    let mut open: Vec<usize> = (0..next.len()).filter(|at| waits[*at] == 0).collect();
    let mut done = 0;
    while let Some(at) = open.pop() {
        done += 1;
        for to in &next[at] {
            waits[*to] -= 1;
            if waits[*to] == 0 {
                open.push(*to);
            }
        }
    }
    done < next.len()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_stays_unless_a_longer_way_leads_there() {
        let check = |size: usize, edges: &[(usize, usize)], expected: &[(usize, usize)]| {
            let reduced = reduced(size, edges.iter().copied().collect());
            assert_eq!(reduced.into_iter().collect::<Vec<_>>(), expected, "{edges:?}");
        };
        check(0, &[], &[]);
        check(3, &[(0, 1), (1, 2), (0, 2)], &[(0, 1), (1, 2)]);
        check(4, &[(0, 1), (0, 2), (1, 3), (2, 3), (0, 3)], &[(0, 1), (0, 2), (1, 3), (2, 3)]);
        check(4, &[(0, 1), (1, 0), (1, 2), (0, 2), (2, 3), (0, 3)], &[(0, 1), (0, 2), (0, 3), (1, 0), (1, 2), (2, 3)]);
    }
}
