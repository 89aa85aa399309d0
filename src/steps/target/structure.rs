//! `migration.….gate["structure"]`: everything that the rows need was created; it is read back and compared before the
//! first row moves. What a run created is taken back where something else of the structure was refused. Knows nothing of
//! rows but whether a table has one.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::formats::outputs;
use crate::formats::steps::{GateOutputs, TableInputs};
use crate::steps::context::{Context, Line, read_inputs};
use crate::steps::observe::inventory::inventory;
use crate::steps::observe::more::More;
use crate::steps::transfer::ledger::{Named, literal};
use crate::words::codes::{self, Code};

use crate::formats::certificate::{StructureDifference, StructureProof};
use crate::formats::ddl;
use crate::formats::facts::MigrationFacts;
use crate::formats::plan::{Action, Graph, Node};
use crate::formats::spec::model::Migration;
use crate::formats::structure::{Inventory, Table};
use crate::seams::sql::Role;
use crate::think::compare;
use crate::words::addr::{GateName, StepAddr, StepKind, TableName};
use crate::words::diag::Diagnostic;
use crate::words::error::{ExitKind, Failure, Outcome};

/// Codes of a creation that the target refused, and of one that came out otherwise.
const REFUSED: [Code; 4] = [codes::CREATE_TABLE, codes::ADD_FOREIGN_KEYS, codes::CREATE_VIEW, DIFFERENT];
const DIFFERENT: Code = codes::STRUCTURE_CAME_OUT_DIFFERENT;

fn read_back_of(tables: usize) -> GateOutputs {
    GateOutputs { tables: Some(tables), ..GateOutputs::default() }
}

/// Reads back what the plan's steps have created.
///
/// # Errors
/// `MIG5127` with every difference; the failure of a look.
pub async fn judge(context: &Context, node: &Node) -> Outcome<Value> {
    let migration = context.migration(&node.addr)?;
    let made = context.nodes().filter(|n| of(n, migration, StepKind::Table) && n.action.makes());
    let wanted: Vec<(&Node, TableName)> = made.filter_map(|node| Some((node, node.addr.table()?))).collect();
    if wanted.is_empty() {
        return outputs::to_value(&read_back_of(0));
    }
    let names = wanted.iter().map(|(_, name)| name.clone()).collect();
    let there = read_back(context, migration, &names).await?;
    let mut findings = Vec::new();
    let mut different = Vec::new();
    for (node, name) in &wanted {
        // One at a time: of thousands of tables, what is wanted of all of them is many times as much as the plan's text.
        let mut inputs: TableInputs = read_inputs(node)?;
        let keys = StepAddr::of_table(&migration.name, StepKind::ForeignKeys, name);
        if context.node(&keys).is_err() {
            // The plan was narrowed to less than the whole table.
            inputs.target.foreign_keys.clear();
        }
        let differences = match there.table(name) {
            Some(actual) => {
                let found = compare::structure_differences(&inputs.target, actual);
                found.iter().map(ToString::to_string).collect()
            }
            None => vec!["it is not on the target".to_owned()],
        };
        if !differences.is_empty() {
            different.push(name.key());
            findings.push(
                Diagnostic::error(DIFFERENT, format!("{name} came out different from the source"))
                    .about(name.key())
                    .detail(differences.join("\n")),
            );
        }
    }
    if findings.is_empty() {
        return outputs::to_value(&read_back_of(wanted.len()));
    }
    Err(Failure::new(
        DIFFERENT,
        "create the structure on the target",
        format!(
            "read back, it differs from the source's in a way that the plan does not name: {}",
            different.join(", ")
        ),
        "No row was moved. Leave the tables out of the filter, or change them on the source; and please report this.",
    )
    .exit(ExitKind::Gate)
    .with(findings))
}

fn of(node: &Node, migration: &Migration, kind: StepKind) -> bool {
    node.kind == kind && node.addr.migration() == Some(migration.name.as_str())
}

/// What comparing an object on the target came to, as a certificate and a verification say it.
pub fn told(differences: Vec<compare::Difference>) -> StructureProof {
    let differences: Vec<StructureDifference> = differences
        .into_iter()
        .map(|d| StructureDifference { what: d.what, expected: d.expected, actual: d.actual })
        .collect();
    StructureProof { equal: differences.is_empty(), differences }
}

/// The same of a table. `source`: the table as it stands on the source, for its counter, which the target's is never below.
pub fn table_told(wanted: &Table, source: Option<&Table>, there: Option<&Table>) -> StructureProof {
    let Some(there) = there else { return gone() };
    let counts = wanted.columns.iter().any(|column| column.auto_increment);
    let next_id = source.and_then(|table| table.next_id).filter(|_| counts);
    told(compare::structure_differences(&Table { next_id, ..wanted.clone() }, there))
}

/// The same of an object that the target does not have.
pub fn gone() -> StructureProof {
    let (what, expected, actual) = ("it is not on the target".into(), "there".into(), "absent".into());
    told(vec![compare::Difference { what, expected, actual }])
}

/// The tables and views of these names as the target has them now.
///
/// # Errors
/// The target does not answer, or refuses the look.
pub async fn read_back(context: &Context, migration: &Migration, names: &BTreeSet<TableName>) -> Outcome<Inventory> {
    let schemas: BTreeSet<String> = names.iter().map(|name| name.schema.clone()).collect();
    let schemas: Vec<String> = schemas.into_iter().collect();
    let server = context.server(&context.target_of(migration)?)?;
    let mut connection = server.connect(&Role::Look).await?;
    let most = context.spec.targets.get(&migration.target).map_or(0, |target| target.max_threads as usize);
    let more = More { server: server.as_ref(), most: most.saturating_sub(1).min(8) };
    let select = |schema: &str, name: &str| names.contains(&TableName::new(schema, name));
    Ok(inventory(&mut *connection, Some(more), Some(&schemas), &select).await?.0)
}

/// Raises each counter of the target that is lower than the source's, and notes in `there` what it is now.
///
/// # Errors
/// `MIG5128`, where the target refuses it.
pub async fn carry_counters(
    context: &Context,
    migration: &Migration,
    facts: &MigrationFacts,
    there: &mut Inventory,
) -> Outcome<()> {
    let low = |table: &crate::formats::structure::Table| {
        let next = facts.source.table(&table.name)?.next_id?;
        let counts = table.columns.iter().any(|column| column.auto_increment);
        (counts && table.next_id.unwrap_or(1) < next).then(|| (table.name.clone(), next))
    };
    let low: Vec<(TableName, u64)> = there.tables.iter().filter_map(low).collect();
    if low.is_empty() {
        return Ok(());
    }
    let server = context.server(&context.target_of(migration)?)?;
    let role = Role::Write { keep_zero_dates: true, session: std::collections::BTreeMap::new() };
    let mut connection = server.connect(&role).await?;
    for (name, next) in &low {
        connection.execute(&ddl::raise_counter(name, *next)).await.map_err(|fault| {
            let doing = format!("set the next AUTO_INCREMENT number of {name} to {next}");
            fault.failure(
                codes::SET_AUTO_INCREMENT,
                doing,
                "Set it by hand, or grant ALTER on the table; then run `mig apply` again.",
            )
        })?;
    }
    let names = low.into_iter().map(|(name, _)| name).collect();
    for table in read_back(context, migration, &names).await?.tables {
        if let Some(known) = there.tables.iter_mut().find(|known| known.name == table.name) {
            known.next_id = table.next_id;
        }
    }
    Ok(())
}

/// Takes back what this run has created, for each migration whose structure was refused in part: no row was moved, so
/// every table is empty, or it is left.
pub async fn withdraw(
    context: &Context,
    graph: &Graph,
    completed: &BTreeSet<StepAddr>,
    failures: &[Failure],
) -> Vec<Failure> {
    let mut failed = Vec::new();
    let refused = |failure: &&Failure| failure.exit == ExitKind::Gate && REFUSED.contains(&failure.code);
    let refused_here: BTreeSet<&StepAddr> =
        failures.iter().filter(refused).filter_map(|failure| failure.address.as_ref()).collect();
    let names: BTreeSet<&str> =
        failures.iter().filter(refused).filter_map(|f| f.address.as_ref()?.migration()).collect();
    for name in names {
        if completed.contains(&StepAddr::gate(name, GateName::Structure)) {
            continue;
        }
        // Views first: they stand on the tables.
        for kind in [StepKind::View, StepKind::Table] {
            let made = graph.nodes.iter().filter(|node| {
                node.kind == kind
                    && node.action == Action::Create
                    && node.addr.migration() == Some(name)
                    && (completed.contains(&node.addr) || refused_here.contains(&node.addr))
            });
            for node in made.filter(|node| !stood_before(context, node)) {
                failed.extend(take_back(context, node).await.err());
            }
        }
    }
    failed
}

/// Whether the object was on the target before this run. Such an object is never removed, no matter who created it. An earlier
/// start of the same run may have created it: then it is empty, and the ledger lists it.
fn stood_before(context: &Context, node: &Node) -> bool {
    match (context.facts(&node.addr), node.addr.table()) {
        (Ok(facts), Some(name)) => facts.target.has(&name),
        _ => true,
    }
}

async fn take_back(context: &Context, node: &Node) -> Outcome<()> {
    let Some(name) = node.addr.table() else { return Ok(()) };
    let kind = if node.kind == StepKind::View { "view" } else { "table" };
    let migration = context.migration(&node.addr)?;
    let schema = context.ledger_schema(migration)?;
    let mut line = context.lines(&node.addr)?.write.take().await?;
    let key = node.addr.key().unwrap_or_default();
    let named = Named { schema, lineage: &context.lineage, kind, name: key };
    let object = named.read(&mut *line.connection).await?;
    let ours = object.as_ref().is_some_and(|object| object.state == "created");
    // Its CREATE was refused: what was announced in the ledger did not come.
    if object.is_some() && !ours && !is_there(&mut line, &name).await? {
        named.withdraw(&mut *line.connection).await?;
    }
    if !ours || (kind == "table" && !is_empty(&mut line, &name).await?) {
        line.give_back();
        return Ok(());
    }
    let sql = format!("DROP {} {}", kind.to_uppercase(), name.sql());
    line.connection.execute(&sql).await.map_err(|fault| {
        let doing = format!("remove the {kind} {name}, which this run has created");
        fault.failure(codes::DROP_OBJECT, doing, "Drop it by hand, or run `mig apply` again once its cause is gone.")
    })?;
    named.withdraw(&mut *line.connection).await?;
    line.give_back();
    Ok(())
}

/// Whether a table or view of the name is on the target.
async fn is_there(line: &mut Line, name: &TableName) -> Outcome<bool> {
    let sql = format!(
        "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
        literal(&name.schema),
        literal(&name.name)
    );
    let rows = line.connection.query(&sql).await;
    Ok(!rows.map_err(|fault| fault.told(format!("look whether {name} is there")))?.rows.is_empty())
}

/// Whether the table has no row.
///
/// # Errors
/// `MIG5123`
pub async fn is_empty(line: &mut Line, name: &TableName) -> Outcome<bool> {
    let sql = format!("SELECT 1 FROM {} LIMIT 1", name.sql());
    let rows = line.connection.query(&sql).await;
    let hint = "Fix what the server names (rights, limits), then run `mig apply` again.";
    let rows =
        rows.map_err(|fault| fault.failure(codes::PROBE_TABLE, format!("look whether {name} is empty"), hint))?;
    Ok(rows.rows.is_empty())
}
