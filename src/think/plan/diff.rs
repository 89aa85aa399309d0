//! The diff: each wanted step against its record and against what was observed, by the contract's table "When a step
//! runs again". Every change has its reason in words.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Settled;
use super::aws_diff::Standing;
use super::desired::Desired;
use super::{destroy, place};
use crate::formats::ddl;
use crate::formats::facts::{MigrationFacts, World};
use crate::formats::filter::Filter;
use crate::formats::inputs::{ForeignKeysInputs, TableInputs};
use crate::formats::plan::{Action, Change, EdgeKind, Graph, Node};
use crate::formats::state::{State, Status, StepRecord};
use crate::formats::structure::Table;
use crate::think::{compare, graph};
use crate::words::addr::{StepAddr, StepKind};
use crate::words::diag::Diagnostic;
use crate::words::digest::Digest;
use crate::words::error::{Failure, Outcome};

/// Decides every step's action. `targeted`: the wanted steps are not all of the spec's, so nothing is forgotten.
///
/// # Errors
/// A cycle; an address in `replace` that is no step.
pub fn settle(
    wanted: Desired,
    state: &State,
    world: &World,
    replace: &BTreeSet<StepAddr>,
    targeted: bool,
) -> Outcome<Settled> {
    let Desired { nodes, edges, rewrites, mut diagnostics, unknown, out_of_sight, filters, .. } = wanted;
    let (standings, kept_blocks) = (wanted.standings, wanted.kept_blocks);
    let wanted_warnings = wanted.warn_if_pending;
    let mut graph = graph::arrange(nodes, edges)?;
    check_replace(&graph, replace)?;
    let nothing = MigrationFacts::default();
    let facts_of = |node: &Node| world.migrations.get(node.addr.migration().unwrap_or_default()).unwrap_or(&nothing);
    let mut parents: BTreeMap<&StepAddr, Vec<(&StepAddr, EdgeKind)>> = BTreeMap::new();
    for edge in &graph.edges {
        parents.entry(&edge.to).or_default().push((&edge.from, edge.kind));
    }
    let mut decided: BTreeMap<StepAddr, (Action, String)> = BTreeMap::new();
    for node in &graph.nodes {
        let migration = node.addr.migration().unwrap_or_default();
        let ask = Ask {
            node,
            nodes: &graph.nodes,
            record: state.steps.get(&node.addr),
            state,
            facts: facts_of(node),
            filter: filters.get(migration),
            decided: &decided,
            replace,
            standing: standings.get(&node.addr),
        };
        let decision = ask.decide();
        decided.insert(node.addr.clone(), decision);
    }
    keep_files_for_loads(&graph, state, world, &mut decided);
    let evaluated = mark_gates(&graph, &parents, &mut decided, targeted);

    let mut changes = Vec::new();
    for node in &mut graph.nodes {
        let Some((action, reason)) = decided.remove(&node.addr) else { continue };
        node.action = action;
        if action.is_change() {
            let record = state.steps.get(&node.addr);
            let standing = standings.get(&node.addr);
            if action == Action::Replace && standing.is_some_and(|s| s.prevented) {
                diagnostics.push(destroy::prevented_by(&node.addr, "replace"));
            }
            diagnostics.extend(wanted_warnings.get(&node.addr).into_iter().flatten().cloned());
            // Rows that are gone from the target are not dropped.
            let there = node.addr.table().is_none_or(|table| facts_of(node).target.table(&table).is_some());
            changes.push(Change {
                what: standing.map(|s| s.what.clone()).filter(|what| !what.is_empty()),
                needs_confirm: action == Action::Replace && there && drops_proven_rows(node, state),
                rewrite: rewrites.get(&node.addr).cloned(),
                reason: if there { with_rows(action, node, record, reason) } else { reason },
                addr: node.addr.clone(),
                action,
            });
        }
    }
    diagnostics.extend(destroy::gone_along(&graph, state));
    if !targeted {
        forget(&mut graph, &mut changes, state, (&unknown, &out_of_sight), &filters);
        let leaving = leave(&mut graph, &mut changes, state, &kept_blocks)?;
        diagnostics.extend(leaving);
    }
    Ok(Settled { graph, changes, diagnostics: with_identity(diagnostics, state, world), evaluated })
}

fn check_replace(graph: &Graph, replace: &BTreeSet<StepAddr>) -> Outcome<()> {
    match replace.iter().find(|addr| !graph.nodes.iter().any(|n| &n.addr == *addr)) {
        None => Ok(()),
        Some(addr) => Err(Failure::new(
            "MIG1010",
            "read -replace",
            format!("{addr} is no step of this spec"),
            "`mig graph` and `mig state list` show the addresses.",
        )),
    }
}

/// Everything one decision looks at.
struct Ask<'a> {
    node: &'a Node,
    nodes: &'a [Node],
    record: Option<&'a StepRecord>,
    state: &'a State,
    facts: &'a MigrationFacts,
    filter: Option<&'a Filter>,
    decided: &'a BTreeMap<StepAddr, (Action, String)>,
    replace: &'a BTreeSet<StepAddr>,
    standing: Option<&'a Standing>,
}

impl Ask<'_> {
    fn decide(&self) -> (Action, String) {
        let kind = self.node.kind;
        if matches!(kind, StepKind::Source | StepKind::Target | StepKind::Gate) {
            return (Action::Evaluate, String::new());
        }
        if let Some(standing) = self.standing {
            let same = self.record.is_none_or(|record| record.inputs_digest == self.node.inputs_digest);
            let asked = self.replace.contains(&self.node.addr).then_some(ASKED);
            return standing.decide(self.record, same, asked, self.owed().then_some(OWED), self.decided);
        }
        let Some(record) = self.record else {
            return (Action::Create, self.why_new());
        };
        if self.replace.contains(&self.node.addr) {
            let action = match kind {
                // A rerun would go on after what it has recorded.
                StepKind::Verify if !self.is_complete() => Action::Replace,
                StepKind::Verify | StepKind::Report | StepKind::Runner => Action::Rerun,
                _ => Action::Replace,
            };
            return (action, ASKED.into());
        }
        let changed = record.inputs_digest != self.node.inputs_digest;
        if changed {
            return (self.again(), self.why_changed(record));
        }
        if self.owed() {
            return (self.again(), OWED.into());
        }
        if let Some(reason) = self.because_of_above() {
            return (self.again(), reason);
        }
        match record.status {
            Status::Running => return (Action::Rerun, unfinished(record)),
            Status::Failed => return (Action::Rerun, format!("failed in the last run; {}", unfinished(record))),
            Status::Complete => {}
        }
        match self.drift(record) {
            Some((action, reason)) => (action, reason),
            None => (Action::NoOp, String::new()),
        }
    }

    /// Whether a run that was broken off was to do it again and had not begun: its record looks as if it had.
    fn owed(&self) -> bool {
        self.state.open_run.as_ref().is_some_and(|run| run.again.contains(&self.node.addr))
    }

    /// What "again" means for this kind, when what it did before does not count.
    fn again(&self) -> Action {
        match self.node.kind {
            // A rerun would go on after the parts it has.
            StepKind::Dump if !self.is_complete() => Action::Replace,
            StepKind::Database | StepKind::Table | StepKind::Load | StepKind::View | StepKind::ForeignKeys => {
                Action::Replace
            }
            _ => Action::Rerun,
        }
    }

    fn above(&self, kind: StepKind) -> Option<&(Action, String)> {
        let table = self.node.addr.table()?;
        self.decided.get(&StepAddr::of_table(self.node.addr.migration()?, kind, &table))
    }

    /// A change of the step above that makes this one run again although its own inputs stand.
    fn because_of_above(&self) -> Option<String> {
        let touched = |kind, test: fn(Action) -> bool| self.above(kind).is_some_and(|(action, _)| test(*action));
        let changes: fn(Action) -> bool = Action::is_change;
        let anew: fn(Action) -> bool = |a| matches!(a, Action::Create | Action::Replace);
        match self.node.kind {
            StepKind::Dump if self.writes_replaced() => Some(POSITION_ANEW.into()),
            StepKind::Load if touched(StepKind::Table, anew) => Some("its table is created anew".into()),
            StepKind::Load if self.dump_starts_over() => Some("its dump runs again".into()),
            StepKind::Verify if touched(StepKind::Load, changes) && self.is_complete() => {
                Some("its load runs again".into())
            }
            StepKind::ForeignKeys if touched(StepKind::Table, anew) => Some("its table is created anew".into()),
            StepKind::Report => {
                let migration = self.node.addr.migration()?;
                let below = self
                    .decided
                    .iter()
                    .any(|(addr, (action, _))| addr.migration() == Some(migration) && action.is_change());
                (below && self.is_complete()).then(|| "a step below it runs".into())
            }
            _ => None,
        }
    }

    fn is_complete(&self) -> bool {
        self.record.is_some_and(|r| r.status == Status::Complete)
    }

    /// `-replace` of the gate writes_stopped: the named way on after writes were detected.
    fn writes_replaced(&self) -> bool {
        self.node.addr.migration().is_some_and(|m| self.replace.contains(&StepAddr::gate(m, "writes_stopped")))
    }

    /// Whether the dump above makes new files; one that only goes on keeps its parts, and so does the load.
    fn dump_starts_over(&self) -> bool {
        self.above(StepKind::Dump).is_some_and(|(action, reason)| action.is_change() && !reason.contains(GOES_ON))
    }

    fn why_new(&self) -> String {
        let (Some(migration), Some(filter)) = (self.node.addr.migration(), self.filter) else {
            return "not in the state yet".into();
        };
        let report = self.state.steps.get(&StepAddr::in_migration(migration, StepKind::Report, None));
        let (Some(old), Some(table)) = (report.and_then(recorded_filter), self.node.addr.table()) else {
            return "not in the state yet".into();
        };
        let was = old.matches(&table.schema, &table.name);
        if !was && filter.matches(&table.schema, &table.name) {
            format!("filter now includes {table}")
        } else {
            format!("{table} is new at the source")
        }
    }

    fn why_changed(&self, record: &StepRecord) -> String {
        match self.node.kind {
            StepKind::Table => "the structure changed".into(),
            StepKind::View => "the view changed".into(),
            StepKind::ForeignKeys => "the foreign keys changed".into(),
            StepKind::Dump => {
                let text = |name: &str| self.node.inputs.get(name).cloned().unwrap_or(Value::Null);
                let was =
                    |name: &str| record.outputs.get("inputs").and_then(|i| i.get(name)).cloned().unwrap_or(Value::Null);
                for (name, reason) in [
                    ("where_", "its `where` changed"),
                    ("compress", "its compression changed"),
                    ("fingerprint", "the structure of the source changed"),
                ] {
                    if text(name) != was(name) && !record.outputs.is_null() {
                        return reason.into();
                    }
                }
                "the structure of the source or a setting of the dump changed".into()
            }
            StepKind::Load => "its dump or its table changed".into(),
            StepKind::Verify => "its load or its mode changed".into(),
            StepKind::Report => "the set of tables or views changed".into(),
            _ => "its inputs changed".into(),
        }
    }

    /// What was observed against what is recorded, for a complete step.
    fn drift(&self, record: &StepRecord) -> Option<(Action, String)> {
        match self.node.kind {
            StepKind::Table => self.table_drift(),
            StepKind::Load => self.load_drift(record),
            StepKind::View => self.view_drift(record),
            StepKind::ForeignKeys => self.foreign_key_drift(),
            StepKind::Report => self.report_drift(),
            StepKind::Database => {
                let name = self.node.addr.key()?;
                let there = self.facts.target.schemas.iter().any(|s| crate::words::addr::key_ident(&s.name) == name);
                (!there).then(|| (Action::Replace, "gone from the target".into()))
            }
            _ => None,
        }
    }

    /// A view of another text holds no rows: it is made anew.
    fn view_drift(&self, record: &StepRecord) -> Option<(Action, String)> {
        let name = self.node.addr.table()?.key().to_lowercase();
        let Some(there) = self.facts.target.views.iter().find(|view| view.name.key().to_lowercase() == name) else {
            return Some((Action::Replace, "gone from the target".into()));
        };
        let made = record.outputs.get("text").and_then(Value::as_str)?;
        let changed = made != ddl::view_fingerprint(there).as_str();
        changed.then(|| (Action::Replace, "changed on the target: its text".into()))
    }

    fn table_drift(&self) -> Option<(Action, String)> {
        let inputs: TableInputs = serde_json::from_value(self.node.inputs.clone()).ok()?;
        let Some(actual) = self.facts.target.table(&inputs.source.name) else {
            return Some((Action::Replace, "gone from the target".into()));
        };
        let differences = compare::structure_differences(&inputs.target, actual);
        // Foreign keys are a step of their own.
        let first = differences.iter().find(|d| !d.what.starts_with("foreign key"))?;
        Some((Action::Replace, format!("changed on the target: {}", first.what)))
    }

    fn foreign_key_drift(&self) -> Option<(Action, String)> {
        let inputs: ForeignKeysInputs = serde_json::from_value(self.node.inputs.clone()).ok()?;
        let actual = self.facts.target.table(&inputs.table)?;
        let addr = StepAddr::of_table(self.node.addr.migration()?, StepKind::Table, &inputs.table);
        let wanted = wanted_table(self.nodes.iter().find(|node| node.addr == addr)?)?;
        let differences = compare::foreign_key_differences(&wanted, actual);
        let first = differences.iter().find(|difference| !difference.expected.is_empty())?;
        let reason = match first.actual.as_str() {
            "" => format!("gone from the target: {}", first.what),
            _ => format!("changed on the target: {}", first.what),
        };
        Some((Action::Replace, reason))
    }

    /// What no step makes right by itself, and what the certificate speaks of.
    fn report_drift(&self) -> Option<(Action, String)> {
        let found = self.tables().find_map(|wanted| {
            let actual = self.facts.target.table(&wanted.name)?;
            let next = self.facts.source.table(&wanted.name).and_then(|table| table.next_id);
            let counts = wanted.columns.iter().any(|column| column.auto_increment);
            let counter = next.filter(|_| counts).and_then(|next| compare::counter_difference(next, actual));
            let keys = compare::foreign_key_differences(&wanted, actual);
            let found = counter.into_iter().chain(keys.into_iter().filter(|key| key.expected.is_empty())).next()?;
            Some(format!("{}: {} is not as on the source", wanted.name, found.what))
        });
        found.map(|reason| (Action::Rerun, reason))
    }

    /// The tables of this migration as they are wanted on the target.
    fn tables(&self) -> impl Iterator<Item = Table> {
        let of_it = |node: &&Node| node.kind == StepKind::Table && node.addr.migration() == self.node.addr.migration();
        self.nodes.iter().filter(of_it).filter_map(wanted_table)
    }

    fn load_drift(&self, record: &StepRecord) -> Option<(Action, String)> {
        let table = self.node.addr.table()?.key();
        let difference = self.facts.ledger.differs_from(&table, &record.outputs)?;
        let reason =
            format!("the ledger on the target is not what was recorded ({difference}): restored from a backup?");
        Some((Action::Replace, reason))
    }
}

/// The table of a table's node as it is wanted on the target.
fn wanted_table(node: &Node) -> Option<Table> {
    serde_json::from_value::<TableInputs>(node.inputs.clone()).ok().map(|inputs| inputs.target)
}

const OWED: &str = "the run that was broken off was to do it again";
const GOES_ON: &str = "goes on";
/// The reason of a step that `-replace` named; a plan file is known by it to have been made so.
pub const ASKED: &str = "asked for with -replace";
/// The reason of dumps that begin anew because the writes_stopped gate was named.
pub const POSITION_ANEW: &str = "the source's position is taken anew";

fn unfinished(record: &StepRecord) -> String {
    match record.progress.parts_done() {
        0 => format!("unfinished: {GOES_ON} from its beginning"),
        1 => format!("unfinished: {GOES_ON} after 1 durable part"),
        n => format!("unfinished: {GOES_ON} after {n} durable parts"),
    }
}

fn recorded_filter(report: &StepRecord) -> Option<Filter> {
    let rules: Vec<String> = serde_json::from_value(report.outputs.get("filter")?.clone()).ok()?;
    Filter::parse(&rules).ok()
}

/// A load that must run needs its dump's files: where the manifest is not whole any more, the dump runs again.
fn keep_files_for_loads(
    graph: &Graph,
    state: &State,
    world: &World,
    decided: &mut BTreeMap<StepAddr, (Action, String)>,
) {
    for node in graph.nodes.iter().filter(|n| n.kind == StepKind::Load) {
        let (Some(migration), Some(table)) = (node.addr.migration(), node.addr.table()) else { continue };
        let dump = StepAddr::of_table(migration, StepKind::Dump, &table);
        let load_runs = decided.get(&node.addr).is_some_and(|(action, _)| action.is_change());
        let dump_rests = decided.get(&dump).is_some_and(|(action, _)| *action == Action::NoOp);
        if !load_runs || !dump_rests {
            continue;
        }
        let recorded = state.steps.get(&dump).and_then(|r| r.outputs.get("manifest")).and_then(Value::as_str);
        let there = world.migrations.get(migration).and_then(|f| f.manifests.get(&table.key())).map(String::as_str);
        if recorded.is_none() || recorded != there {
            decided.insert(dump, (Action::Rerun, "the load needs its files, and they are not whole any more".into()));
            // New files are new parts: what a load did with the former ones cannot be continued.
            if state.steps.contains_key(&node.addr) {
                decided.insert(node.addr.clone(), (Action::Replace, "its dump runs again".into()));
            }
        }
    }
}

/// Gates and servers are asked only where a pending step depends on them.
fn mark_gates(
    graph: &Graph,
    parents: &BTreeMap<&StepAddr, Vec<(&StepAddr, EdgeKind)>>,
    decided: &mut BTreeMap<StepAddr, (Action, String)>,
    targeted: bool,
) -> BTreeSet<StepAddr> {
    let mut needed: BTreeSet<StepAddr> = BTreeSet::new();
    for node in graph.nodes.iter().rev() {
        let pending = decided.get(&node.addr).is_some_and(|(action, _)| action.is_change());
        if pending || needed.contains(&node.addr) {
            needed.extend(parents.get(&node.addr).into_iter().flatten().map(|(from, _)| (*from).clone()));
        }
    }
    // A migration whose tables are unknown has gates and nothing below them: they are asked, else nothing would be.
    let with_steps: BTreeSet<&str> =
        graph.nodes.iter().filter(|n| n.kind == StepKind::Report).filter_map(|n| n.addr.migration()).collect();
    let mut evaluated = BTreeSet::new();
    for node in &graph.nodes {
        let lone =
            !targeted && node.kind == StepKind::Gate && !node.addr.migration().is_some_and(|m| with_steps.contains(m));
        if let Some(entry) = decided.get_mut(&node.addr).filter(|(action, _)| *action == Action::Evaluate) {
            if needed.contains(&node.addr) || lone {
                if node.kind == StepKind::Gate {
                    evaluated.insert(node.addr.clone());
                }
            } else {
                entry.0 = Action::NoOp;
            }
        }
    }
    evaluated
}

/// Whether replacing this step drops rows that were verified.
fn drops_proven_rows(node: &Node, state: &State) -> bool {
    if !matches!(node.kind, StepKind::Table | StepKind::Load) {
        return false;
    }
    let (Some(migration), Some(table)) = (node.addr.migration(), node.addr.table()) else { return false };
    let of = |kind| state.steps.get(&StepAddr::of_table(migration, kind, &table));
    let verified = of(StepKind::Verify).is_some_and(|r| r.status == Status::Complete);
    verified && of(StepKind::Load).and_then(|r| r.outputs.get("rows")).and_then(Value::as_u64).unwrap_or(0) > 0
}

fn with_rows(action: Action, node: &Node, record: Option<&StepRecord>, reason: String) -> String {
    let rows = record.and_then(|r| r.outputs.get("rows")).and_then(Value::as_u64);
    match (action, node.kind, rows) {
        (Action::Replace, StepKind::Load, Some(rows)) => {
            format!("drop {rows} {}: {reason}", if rows == 1 { "row" } else { "rows" })
        }
        _ => reason,
    }
}

/// Steps that left the spec: out of the state, the object untouched.
fn forget(
    graph: &mut Graph,
    changes: &mut Vec<Change>,
    state: &State,
    (unknown, out_of_sight): (&BTreeSet<String>, &BTreeSet<StepAddr>),
    filters: &BTreeMap<String, Filter>,
) {
    let wanted: BTreeSet<StepAddr> = graph.nodes.iter().map(|n| n.addr.clone()).collect();
    for (addr, record) in &state.steps {
        let migration = addr.migration().unwrap_or_default();
        if wanted.contains(addr)
            || unknown.contains(migration)
            || out_of_sight.contains(addr)
            || destroy::in_cloud(addr)
        {
            continue;
        }
        let reason = match (filters.get(migration), addr.table()) {
            (Some(filter), Some(table)) if filter.matches(&table.schema, &table.name) => {
                format!("{table} is gone from the source; the target's stays")
            }
            (Some(_), Some(table)) => format!("filter no longer includes {table}; the target's stays"),
            _ => "it left the spec; what it made stays".to_owned(),
        };
        changes.push(Change {
            addr: addr.clone(),
            action: Action::Forget,
            what: None,
            reason,
            rewrite: None,
            needs_confirm: false,
        });
        graph.nodes.push(Node {
            addr: addr.clone(),
            kind: record.kind,
            action: Action::Forget,
            inputs: Value::Null,
            inputs_digest: Digest::of(&Value::Null),
        });
    }
}

/// Objects in a cloud whose steps left the spec: what this lineage made is removed, in the reverse of its making.
/// Returns what stands in the way.
fn leave(
    graph: &mut Graph,
    changes: &mut Vec<Change>,
    state: &State,
    kept_blocks: &BTreeSet<String>,
) -> Outcome<Vec<Diagnostic>> {
    let wanted: BTreeSet<&StepAddr> = graph.nodes.iter().map(|n| &n.addr).collect();
    let kept: Vec<StepAddr> = kept_blocks.iter().filter_map(|block| StepAddr::parse(block)).collect();
    let gone = |addr: &StepAddr| {
        destroy::in_cloud(addr) && !wanted.contains(addr) && !kept.iter().any(|block| addr.is_under(block))
    };
    let leaving: BTreeMap<&StepAddr, &StepRecord> = state.steps.iter().filter(|(addr, _)| gone(addr)).collect();
    let mut nodes = Vec::new();
    let mut edges = Vec::new();
    let mut found = Vec::new();
    for (addr, record) in &leaving {
        let (action, inputs) = destroy::cloud_undo(addr, record);
        let digest = Digest::of(&inputs);
        let node = Node { addr: (*addr).clone(), kind: record.kind, action, inputs, inputs_digest: digest };
        let mut reason = destroy::cloud_reason(&node);
        if action == Action::Destroy {
            reason = format!("it left the spec: {reason}");
        }
        changes.push(Change {
            addr: node.addr.clone(),
            action,
            what: None,
            reason,
            rewrite: None,
            needs_confirm: false,
        });
        nodes.push(node);
        let undone = destroy::undone_before(state, addr, record);
        edges.extend(undone.into_iter().filter(|e| leaving.contains_key(&e.from) && leaving.contains_key(&e.to)));
        if destroy::guarded(record) {
            found.push(destroy::prevented_by(addr, "destroy"));
        }
    }
    let leaving = graph::arrange(nodes, edges)?;
    graph.nodes.extend(leaving.nodes);
    graph.edges.extend(leaving.edges);
    graph.edges.sort();
    Ok(found)
}

/// Which server the state knows at an address of the spec: the id that it gave itself, or that was given to it at first contact.
pub fn recorded_server<'a>(state: &'a State, address: &str) -> Option<&'a str> {
    let record = state.steps.get(&StepAddr::parse(address)?)?;
    record.outputs.get("server_id").and_then(Value::as_str)
}

fn with_identity(mut diagnostics: Vec<Diagnostic>, state: &State, world: &World) -> Vec<Diagnostic> {
    for (address, facts) in &world.servers {
        if let Some(recorded) = recorded_server(state, address)
            && facts.fault.is_none()
            && facts.server_id != recorded
        {
            diagnostics.push(place::another_server(address.clone(), recorded, &facts.server_id));
        }
    }
    diagnostics.extend(place::other_clusters(state, world));
    diagnostics
}
