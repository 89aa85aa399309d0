//! The diff: each wanted step against its record and against what was observed, by the contract's table "When a step
//! runs again". Every change has its cause.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Settled;
use super::aws_diff::{Decision, Standing};
use super::desired::Desired;
use super::{destroy, place};
use crate::formats::cause::{Cause, Drift, Input, Left, Upstream};
use crate::formats::ddl;
use crate::formats::facts::{MigrationFacts, World};
use crate::formats::filter::Filter;
use crate::formats::inputs::{ForeignKeysInputs, TableInputs};
use crate::formats::plan::{Action, Change, EdgeKind, Graph, Node};
use crate::formats::state::{State, Status, StepRecord};
use crate::formats::structure::Table;
use crate::think::{compare, graph};
use crate::words::addr::{StepAddr, StepKind};
use crate::words::codes;
use crate::words::diag::Diagnostic;
use crate::words::digest::Digest;
use crate::words::error::{Failure, Outcome};

/// What was decided of each step so far: evaluated or left alone (`None`), or changed and why.
type Decided = BTreeMap<StepAddr, Option<Decision>>;

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
    let mut decided: Decided = BTreeMap::new();
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
    let (asked, evaluated) = asked_of(&graph, &parents, &decided, targeted);

    let mut changes = Vec::new();
    for node in &mut graph.nodes {
        node.action = if asked.contains(&node.addr) { Action::Evaluate } else { Action::NoOp };
        if let Some((action, cause)) = decided.remove(&node.addr).flatten() {
            node.action = action;
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
                drops_rows: if there { rows_dropped(action, node, record) } else { None },
                cause,
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
            codes::BAD_ADDRESS,
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
    decided: &'a Decided,
    replace: &'a BTreeSet<StepAddr>,
    standing: Option<&'a Standing>,
}

impl Ask<'_> {
    fn decide(&self) -> Option<Decision> {
        let kind = self.node.kind;
        if kind.is_evaluated() {
            return None;
        }
        if let Some(standing) = self.standing {
            let same = self.record.is_none_or(|record| record.inputs_digest == self.node.inputs_digest);
            let requested = self.replace.contains(&self.node.addr);
            return standing.decide(self.record, same, requested, self.rerun_pending(), self.decided);
        }
        let Some(record) = self.record else {
            return Some((Action::Create, self.why_new()));
        };
        if self.replace.contains(&self.node.addr) {
            let action = match kind {
                // A rerun would go on after what it has recorded.
                StepKind::Verify if !self.is_complete() => Action::Replace,
                StepKind::Verify | StepKind::Report | StepKind::Runner => Action::Rerun,
                _ => Action::Replace,
            };
            return Some((action, Cause::Requested));
        }
        let changed = record.inputs_digest != self.node.inputs_digest;
        if changed {
            return Some((self.again(), Cause::InputChanged { input: self.what_changed(record) }));
        }
        if self.rerun_pending() {
            return Some((self.again(), Cause::RerunPending));
        }
        if let Some(cause) = self.because_of_above() {
            return Some((self.again(), cause));
        }
        let files = Some(record.progress.parts_done() as u64);
        match record.status {
            Status::Running => Some((Action::Rerun, Cause::Unfinished { failed: false, files })),
            Status::Failed => Some((Action::Rerun, Cause::Unfinished { failed: true, files })),
            Status::Complete => self.drift(record),
        }
    }

    /// Whether an interrupted run was going to run it again and had not begun: its record looks as if it had.
    fn rerun_pending(&self) -> bool {
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

    fn above(&self, kind: StepKind) -> Option<&Decision> {
        let table = self.node.addr.table()?;
        self.decided.get(&StepAddr::of_table(self.node.addr.migration()?, kind, &table))?.as_ref()
    }

    /// A change of the step above that makes this one run again although its own inputs stand.
    fn because_of_above(&self) -> Option<Cause> {
        let table_created =
            || self.above(StepKind::Table).is_some_and(|(a, _)| matches!(a, Action::Create | Action::Replace));
        let upstream = match self.node.kind {
            StepKind::Dump if self.writes_replaced() => return Some(Cause::PositionRetaken),
            StepKind::Load | StepKind::ForeignKeys if table_created() => Upstream::TableCreated,
            StepKind::Load if self.dump_starts_over() => Upstream::DumpRuns,
            StepKind::Verify if self.above(StepKind::Load).is_some() && self.is_complete() => Upstream::LoadRuns,
            StepKind::Report if self.is_complete() => {
                let migration = self.node.addr.migration()?;
                let mut others = self.decided.iter().filter(|(addr, _)| addr.migration() == Some(migration));
                others.any(|(_, decision)| decision.is_some()).then_some(Upstream::AnyRuns)?
            }
            _ => return None,
        };
        Some(Cause::Upstream { upstream })
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
        self.above(StepKind::Dump).is_some_and(|(_, cause)| !matches!(cause, Cause::Unfinished { .. }))
    }

    fn why_new(&self) -> Cause {
        let (Some(migration), Some(filter)) = (self.node.addr.migration(), self.filter) else {
            return Cause::NotRecorded;
        };
        let report = self.state.steps.get(&StepAddr::in_migration(migration, StepKind::Report, None));
        let (Some(old), Some(table)) = (report.and_then(recorded_filter), self.node.addr.table()) else {
            return Cause::NotRecorded;
        };
        let was = old.matches(&table.schema, &table.name);
        match !was && filter.matches(&table.schema, &table.name) {
            true => Cause::FilterNowIncludes,
            false => Cause::NewAtSource,
        }
    }

    fn what_changed(&self, record: &StepRecord) -> Input {
        match self.node.kind {
            StepKind::Table => Input::Structure,
            StepKind::View => Input::View,
            StepKind::ForeignKeys => Input::ForeignKeys,
            StepKind::Dump => {
                let text = |name: &str| self.node.inputs.get(name).cloned().unwrap_or(Value::Null);
                let was =
                    |name: &str| record.outputs.get("inputs").and_then(|i| i.get(name)).cloned().unwrap_or(Value::Null);
                for (name, input) in
                    [("where_", Input::Where), ("compress", Input::Compress), ("fingerprint", Input::SourceStructure)]
                {
                    if text(name) != was(name) && !record.outputs.is_null() {
                        return input;
                    }
                }
                Input::SourceOrSetting
            }
            StepKind::Load => Input::DumpOrTable,
            StepKind::Verify => Input::LoadOrMode,
            StepKind::Report => Input::TableSet,
            _ => Input::Any,
        }
    }

    /// What was observed against what is recorded, for a complete step.
    fn drift(&self, record: &StepRecord) -> Option<Decision> {
        let (action, drift) = match self.node.kind {
            StepKind::Table => (Action::Replace, self.table_drift()?),
            StepKind::Load => (Action::Replace, self.load_drift(record)?),
            StepKind::View => (Action::Replace, self.view_drift(record)?),
            StepKind::ForeignKeys => (Action::Replace, self.foreign_key_drift()?),
            StepKind::Report => (Action::Rerun, self.report_drift()?),
            StepKind::Database => {
                let name = self.node.addr.key()?;
                let there = self.facts.target.schemas.iter().any(|s| crate::words::addr::key_ident(&s.name) == name);
                (Action::Replace, (!there).then_some(Drift::GoneFromTarget)?)
            }
            _ => return None,
        };
        Some((action, Cause::Drift { drift }))
    }

    /// A view of another text holds no rows: it is made anew.
    fn view_drift(&self, record: &StepRecord) -> Option<Drift> {
        let name = self.node.addr.table()?.key().to_lowercase();
        let Some(there) = self.facts.target.views.iter().find(|view| view.name.key().to_lowercase() == name) else {
            return Some(Drift::GoneFromTarget);
        };
        let made = record.outputs.get("text").and_then(Value::as_str)?;
        let changed = made != ddl::view_fingerprint(there).as_str();
        changed.then_some(Drift::ViewTextChanged)
    }

    fn table_drift(&self) -> Option<Drift> {
        let inputs: TableInputs = serde_json::from_value(self.node.inputs.clone()).ok()?;
        let Some(actual) = self.facts.target.table(&inputs.source.name) else {
            return Some(Drift::GoneFromTarget);
        };
        let differences = compare::structure_differences(&inputs.target, actual);
        // Foreign keys are a step of their own.
        let first = differences.iter().find(|d| !d.what.starts_with("foreign key"))?;
        Some(Drift::ChangedOnTarget { part: first.what.clone() })
    }

    fn foreign_key_drift(&self) -> Option<Drift> {
        let inputs: ForeignKeysInputs = serde_json::from_value(self.node.inputs.clone()).ok()?;
        let actual = self.facts.target.table(&inputs.table)?;
        let addr = StepAddr::of_table(self.node.addr.migration()?, StepKind::Table, &inputs.table);
        let wanted = wanted_table(self.nodes.iter().find(|node| node.addr == addr)?)?;
        let differences = compare::foreign_key_differences(&wanted, actual);
        let first = differences.iter().find(|difference| !difference.expected.is_empty())?;
        let part = first.what.clone();
        Some(match first.actual.is_empty() {
            true => Drift::PartGoneFromTarget { part },
            false => Drift::ChangedOnTarget { part },
        })
    }

    /// What no step makes right by itself, and what the certificate speaks of.
    fn report_drift(&self) -> Option<Drift> {
        self.tables().find_map(|wanted| {
            let actual = self.facts.target.table(&wanted.name)?;
            let next = self.facts.source.table(&wanted.name).and_then(|table| table.next_id);
            let counts = wanted.columns.iter().any(|column| column.auto_increment);
            let counter = next.filter(|_| counts).and_then(|next| compare::counter_difference(next, actual));
            let keys = compare::foreign_key_differences(&wanted, actual);
            let found = counter.into_iter().chain(keys.into_iter().filter(|key| key.expected.is_empty())).next()?;
            Some(Drift::NotAsAtSource { table: wanted.name.key(), part: found.what })
        })
    }

    /// The tables of this migration as they are wanted on the target.
    fn tables(&self) -> impl Iterator<Item = Table> {
        let of_it = |node: &&Node| node.kind == StepKind::Table && node.addr.migration() == self.node.addr.migration();
        self.nodes.iter().filter(of_it).filter_map(wanted_table)
    }

    fn load_drift(&self, record: &StepRecord) -> Option<Drift> {
        let table = self.node.addr.table()?.key();
        let difference = self.facts.ledger.differs_from(&table, &record.outputs)?;
        Some(Drift::LedgerDiffers { difference })
    }
}

/// The table of a table's node as it is wanted on the target.
fn wanted_table(node: &Node) -> Option<Table> {
    serde_json::from_value::<TableInputs>(node.inputs.clone()).ok().map(|inputs| inputs.target)
}

fn recorded_filter(report: &StepRecord) -> Option<Filter> {
    let rules: Vec<String> = serde_json::from_value(report.outputs.get("filter")?.clone()).ok()?;
    Filter::parse(&rules).ok()
}

/// A load that must run needs its dump's files: where the manifest is not whole any more, the dump runs again.
fn keep_files_for_loads(graph: &Graph, state: &State, world: &World, decided: &mut Decided) {
    for node in graph.nodes.iter().filter(|n| n.kind == StepKind::Load) {
        let (Some(migration), Some(table)) = (node.addr.migration(), node.addr.table()) else { continue };
        let dump = StepAddr::of_table(migration, StepKind::Dump, &table);
        let load_runs = decided.get(&node.addr).is_some_and(Option::is_some);
        let dump_rests = decided.get(&dump).is_some_and(Option::is_none);
        if !load_runs || !dump_rests {
            continue;
        }
        let recorded = state.steps.get(&dump).and_then(|r| r.outputs.get("manifest")).and_then(Value::as_str);
        let there = world.migrations.get(migration).and_then(|f| f.manifests.get(&table.key())).map(String::as_str);
        if recorded.is_none() || recorded != there {
            decided.insert(dump, Some((Action::Rerun, Cause::Drift { drift: Drift::FilesIncomplete })));
            // New files are new parts: what a load did with the former ones cannot be continued.
            if state.steps.contains_key(&node.addr) {
                let cause = Cause::Upstream { upstream: Upstream::DumpRuns };
                decided.insert(node.addr.clone(), Some((Action::Replace, cause)));
            }
        }
    }
}

/// Gates and servers are asked only where a pending step depends on them: all that are asked, and the gates among them.
fn asked_of(
    graph: &Graph,
    parents: &BTreeMap<&StepAddr, Vec<(&StepAddr, EdgeKind)>>,
    decided: &Decided,
    targeted: bool,
) -> (BTreeSet<StepAddr>, BTreeSet<StepAddr>) {
    let mut needed: BTreeSet<StepAddr> = BTreeSet::new();
    for node in graph.nodes.iter().rev() {
        let pending = decided.get(&node.addr).is_some_and(Option::is_some);
        if pending || needed.contains(&node.addr) {
            needed.extend(parents.get(&node.addr).into_iter().flatten().map(|(from, _)| (*from).clone()));
        }
    }
    // A migration whose tables are unknown has gates and nothing below them: they are asked, else nothing would be.
    let with_steps: BTreeSet<&str> =
        graph.nodes.iter().filter(|n| n.kind == StepKind::Report).filter_map(|n| n.addr.migration()).collect();
    let (mut asked, mut gates) = (BTreeSet::new(), BTreeSet::new());
    for node in graph.nodes.iter().filter(|node| node.kind.is_evaluated()) {
        let gate = node.kind == StepKind::Gate;
        let lone = !targeted && gate && !node.addr.migration().is_some_and(|m| with_steps.contains(m));
        if needed.contains(&node.addr) || lone {
            asked.insert(node.addr.clone());
            if gate {
                gates.insert(node.addr.clone());
            }
        }
    }
    (asked, gates)
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

/// The rows that a load drops before it loads again.
fn rows_dropped(action: Action, node: &Node, record: Option<&StepRecord>) -> Option<u64> {
    let replaced = action == Action::Replace && node.kind == StepKind::Load;
    record.filter(|_| replaced).and_then(|r| r.outputs.get("rows")).and_then(Value::as_u64)
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
        let left = match (filters.get(migration), addr.table()) {
            (Some(filter), Some(table)) if filter.matches(&table.schema, &table.name) => Left::Source,
            (Some(_), Some(_)) => Left::Filter,
            _ => Left::Spec,
        };
        changes.push(Change::new(addr.clone(), Action::Forget, Cause::Left { left }));
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
        changes.push(Change::new(node.addr.clone(), action, destroy::cloud_cause(&node, true)));
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
