//! `-target`: narrows the wanted steps to those that were named and what they need. Knows no state: what is outside
//! stays as it is recorded, and the plan says that it is not of the whole spec.

use std::collections::{BTreeMap, BTreeSet};

use super::desired::Desired;
use crate::words::addr::{GateName, StepAddr, StepKind};
use crate::words::codes;
use crate::words::diag::Diagnostic;
use crate::words::error::{Failure, Outcome};

/// Keeps what `targets` name, and everything above it. An address without a key names all steps under it:
/// `migration.shop` all of that migration, `migration.shop.dump` its dumps. Returns the notice for the plan.
///
/// # Errors
/// MIG1010 for a text that names no step.
pub fn narrow(wanted: &mut Desired, targets: &[String]) -> Outcome<Diagnostic> {
    let mut parents: BTreeMap<&StepAddr, Vec<&StepAddr>> = BTreeMap::new();
    for edge in &wanted.edges {
        parents.entry(&edge.to).or_default().push(&edge.from);
    }
    let mut open: Vec<&StepAddr> = Vec::new();
    for text in targets {
        let named = StepAddr::parse(text);
        let before = open.len();
        open.extend(wanted.nodes.iter().map(|n| &n.addr).filter(|a| named.as_ref().is_some_and(|t| a.is_under(t))));
        if open.len() == before {
            return Err(Failure::new(
                codes::BAD_ADDRESS,
                "read -target",
                format!("{text:?} names no step of this spec"),
                "`mig graph` shows the addresses; quote them for the shell.",
            ));
        }
    }
    let mut kept: BTreeSet<StepAddr> = BTreeSet::new();
    while let Some(addr) = open.pop() {
        if kept.insert(addr.clone()) {
            // The gate of the structure looks at what is there: a table that was not named is not created for it.
            let structure = addr.gate_name() == Some(GateName::Structure);
            let needed = |above: &&&StepAddr| !structure || above.kind() == Some(StepKind::Gate);
            open.extend(parents.get(addr).into_iter().flatten().filter(needed));
            // A dump waits for no table of the target, but it reads the structure that the table's step holds.
            open.extend(wanted.nodes.iter().map(|n| &n.addr).filter(|other| is_table_of(other, addr)));
        }
    }
    wanted.nodes.retain(|node| kept.contains(&node.addr));
    wanted.edges.retain(|edge| kept.contains(&edge.to) && kept.contains(&edge.from));
    wanted.fingerprints.retain(|addr, _| kept.contains(addr));
    // What is known only after a step that is left out stays unknown.
    wanted.pending.retain(|pending| kept.contains(&pending.after));
    Ok(Diagnostic::warning(codes::PLAN_NARROWED, "the plan is not of the whole spec")
        .detail(format!("-target names {}; nothing else is looked at or changed.", targets.join(", ")))
        .help("Plan and apply without -target afterwards: only that ends in a certificate."))
}

fn is_table_of(table: &StepAddr, dump: &StepAddr) -> bool {
    dump.kind() == Some(StepKind::Dump)
        && table.kind() == Some(StepKind::Table)
        && table.migration() == dump.migration()
        && table.key() == dump.key()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::formats::json_text::JsonText;
    use crate::formats::plan::{Action, Edge, EdgeKind, Node};
    use crate::words::digest::Digest;

    fn check(targets: &[&str], expected: Result<&[&str], &str>) {
        let addr = |text: &str| StepAddr::parse(text).unwrap();
        let edges = [
            ("source.mysql.a", "migration.m.gate[\"disk\"]"),
            ("migration.m.gate[\"disk\"]", "migration.m.dump[\"s.a\"]"),
            ("migration.m.gate[\"disk\"]", "migration.m.dump[\"s.b\"]"),
            ("migration.m.dump[\"s.a\"]", "migration.m.load[\"s.a\"]"),
            ("migration.m.gate[\"disk\"]", "migration.m.table[\"s.a\"]"),
        ];
        let all: BTreeSet<&str> = edges.iter().flat_map(|(from, to)| [*from, *to]).collect();
        let node = |text: &&str| {
            let addr = addr(text);
            let kind = addr.kind().unwrap();
            Node {
                addr,
                kind,
                action: Action::Create,
                inputs: JsonText::none(),
                inputs_digest: Digest::of(&Value::Null),
            }
        };
        let edge = |(from, to): &(&str, &str)| Edge { to: addr(to), from: addr(from), kind: EdgeKind::After };
        let mut wanted = Desired {
            nodes: all.iter().map(node).collect(),
            edges: edges.iter().map(edge).collect(),
            ..Desired::default()
        };
        let targets: Vec<String> = targets.iter().map(|t| (*t).to_owned()).collect();
        let got = narrow(&mut wanted, &targets).map_err(|failure| failure.cause);
        let kept: Vec<String> = wanted.nodes.iter().map(|n| n.addr.to_string()).collect();
        match expected {
            Ok(expected) => {
                got.unwrap();
                assert_eq!(kept, expected, "{targets:?}");
            }
            Err(cause) => assert_eq!(got.err().as_deref(), Some(cause)),
        }
    }

    #[test]
    fn a_target_keeps_what_it_names_and_all_above_it() {
        let (source, gate) = ("source.mysql.a", "migration.m.gate[\"disk\"]");
        let (a, b, load) = ("migration.m.dump[\"s.a\"]", "migration.m.dump[\"s.b\"]", "migration.m.load[\"s.a\"]");
        let table = "migration.m.table[\"s.a\"]";
        check(&[source], Ok(&[source]));
        check(&[a], Ok(&[a, gate, table, source]));
        check(&["migration.m.dump"], Ok(&[a, b, gate, table, source]));
        check(&[load, b], Ok(&[a, b, gate, load, table, source]));
        check(&["migration.m"], Ok(&[a, b, gate, load, table, source]));
        check(&["migration.other"], Err("\"migration.other\" names no step of this spec"));
        check(&["migration.m.dump[\"s.c\"]"], Err("\"migration.m.dump[\\\"s.c\\\"]\" names no step of this spec"));
        check(&["no address"], Err("\"no address\" names no step of this spec"));
    }
}
