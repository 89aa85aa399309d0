//! `-drop-target-data`: what this lineage created on the target is dropped, and nothing else. Whatever is there that it
//! cannot show to be its own stays, and is named.

use serde_json::Value;

use crate::formats::ddl;
use crate::formats::outputs;
use crate::formats::plan::Node;
use crate::formats::steps::{ObjectOutputs, Removal, ViewOutputs};
use crate::formats::structure::{Table, View};
use crate::steps::context::{Context, Line};
use crate::steps::observe::inventory::inventory;
use crate::steps::servers::{id_of, not_in_spec};
use crate::steps::target::objects::{Owner, RIGHTS};
use crate::steps::transfer::ledger::{self, Object, literal};
use crate::words::addr::{StepKind, TableName};
use crate::words::codes::{self, Code};
use crate::words::error::{ExitKind, Failure, Outcome};

/// What has a name on the target.
enum There {
    Nothing,
    Table(Box<Table>),
    View(Box<View>),
}

/// Drops a table or view that this lineage created, if it still is what was put there.
pub async fn destroy(context: &Context, node: &Node) -> Outcome<Value> {
    let Some(name) = node.addr.table() else { return Ok(Value::Null) };
    if context.migration(&node.addr).is_err() {
        return Err(not_in_spec(&node.addr));
    }
    let kind = if node.kind == StepKind::View { "view" } else { "table" };
    let lines = context.lines(&node.addr)?;
    let (mut line, mut looks) = (lines.write.take().await?, lines.look.take().await?);
    let owner = Owner::of(context, node, kind)?;
    let by_case = tells_case_apart(&mut looks).await?;
    let there = look(&mut looks, &name, by_case).await?;
    looks.give_back();
    let Some(object) = row(context, node, &owner, &mut line).await? else {
        return without_row(context, node, &name, &there).await;
    };
    let left = match (node.kind, there) {
        (_, There::Nothing) => None,
        (StepKind::View, There::View(view)) => {
            drop_view(node, &mut line, &name, &view).await?;
            None
        }
        (StepKind::View, There::Table(_)) => Some(another_in_its_place(&name, "table")),
        (_, There::View(_)) => Some(another_in_its_place(&name, "view")),
        (_, There::Table(actual)) => {
            referred_to_by_none(context, node, &mut line, (&name, by_case)).await?;
            owner.drop_ours(context, &mut line, &actual, &object).await?;
            None
        }
    };
    owner.named().withdraw(&mut *line.connection).await?;
    line.give_back();
    left.map_or(Ok(Value::Null), outputs::left)
}

fn another_in_its_place(name: &TableName, kind: &str) -> String {
    format!("a {kind} of the name {name}, which this lineage did not create")
}

fn refused(code: Code, node: &Node, name: &TableName, cause: String, hint: &str) -> Failure {
    let what = if node.kind == StepKind::View { "view" } else { "table" };
    let hint = format!("{hint} Or `mig state rm '{}'`: then it stays, and the rest can be destroyed.", node.addr);
    Failure::new(code, format!("drop the {what} {name}"), cause, hint).exit(ExitKind::Gate).at(&node.addr)
}

/// The ledger's row of the object; `None` also where the whole ledger is gone.
async fn row(context: &Context, node: &Node, owner: &Owner, line: &mut Line) -> Outcome<Option<Object>> {
    let schema = context.ledger_schema(context.migration(&node.addr)?)?;
    match ledger::exists(&mut *line.connection, schema).await? {
        true => owner.named().read(&mut *line.connection).await,
        false => Ok(None),
    }
}

/// An object that the ledger does not know: a destroy that was interrupted has dropped it before, or this is not the
/// server, or not the ledger, that it was made with.
async fn without_row(context: &Context, node: &Node, name: &TableName, there: &There) -> Outcome<Value> {
    let migration = context.migration(&node.addr)?;
    let removal = Removal::of(node)?;
    let made_on = if node.kind == StepKind::View {
        removal.outputs::<ViewOutputs>(&node.addr)?.and_then(|made| made.server)
    } else {
        removal.outputs::<ObjectOutputs>(&node.addr)?.and_then(|made| made.server)
    };
    if let Some(made_on) = made_on {
        let target = context.target_of(migration)?;
        let found = id_of(context.server(&target)?.as_ref(), context.ledger_schema(migration)?).await?;
        if found != made_on {
            let found = if found.is_empty() { "one without a ledger of mig" } else { found.as_str() };
            let cause = format!("it was made on {made_on}, and {target} is {found}");
            let hint = "Let the migration name the target of the earlier runs. Nothing was removed.";
            let failure = Failure::new(codes::OTHER_SERVER_THAN_RECORDED, format!("drop {name}"), cause, hint);
            return Err(failure.exit(ExitKind::Stale).at(&node.addr));
        }
    }
    match there {
        There::Nothing => Ok(Value::Null),
        There::Table(_) | There::View(_) => {
            let cause = "the ledger on the target does not know it, so it cannot be shown to be this lineage's";
            let hint = "Look at what is in it and drop it by hand.";
            Err(refused(codes::TABLE_CONTENT_DIFFERS, node, name, cause.into(), hint))
        }
    }
}

/// Drops a view whose text is the one that was created. Of one that an earlier build created no text is recorded.
async fn drop_view(node: &Node, line: &mut Line, name: &TableName, there: &View) -> Outcome<()> {
    let made = Removal::of(node)?.outputs::<ViewOutputs>(&node.addr)?;
    if made.and_then(|made| made.text).is_some_and(|text| text != ddl::view_fingerprint(there)) {
        let cause = "its text is not the one that this lineage created: it was replaced or changed";
        let hint = "Look at it and drop it by hand.";
        return Err(refused(codes::TABLE_CONTENT_DIFFERS, node, name, cause.into(), hint));
    }
    let sql = format!("DROP VIEW {}", name.sql());
    let dropped = line.connection.execute(&sql).await;
    dropped.map(drop).map_err(|fault| fault.failure(codes::DROP_OBJECT, format!("drop the view {name}"), RIGHTS))
}

/// Refuses where a table of somebody else has a foreign key to this one: sessions that load do not check such keys, so the
/// server would let it go.
async fn referred_to_by_none(
    context: &Context,
    node: &Node,
    line: &mut Line,
    (name, by_case): (&TableName, bool),
) -> Outcome<()> {
    let sql = format!(
        "SELECT DISTINCT TABLE_SCHEMA, TABLE_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME \
         FROM information_schema.KEY_COLUMN_USAGE \
         WHERE LOWER(REFERENCED_TABLE_SCHEMA) = LOWER({}) AND LOWER(REFERENCED_TABLE_NAME) = LOWER({})",
        literal(&name.schema),
        literal(&name.name)
    );
    let doing = || format!("look for tables that refer to {name}");
    let hint = "Look whether the target is up, then run again.";
    let rows = line.connection.query(&sql).await.map_err(|f| f.failure(codes::DROP_OBJECT, doing(), hint))?.rows;
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|row| row.into_iter().map(|cell| cell.map(ledger::text).unwrap_or_default()).collect())
        .collect();
    let schema = context.ledger_schema(context.migration(&node.addr)?)?;
    let mut strangers = Vec::new();
    let mut own: Option<Vec<TableName>> = None;
    for row in &rows {
        let [from_schema, from, to_schema, to] = row.as_slice() else { continue };
        let same = |one: &TableName, other: &TableName| if by_case { one == other } else { alike(one, other) };
        let (child, parent) = (TableName::new(from_schema, from), TableName::new(to_schema, to));
        if !same(&parent, name) || same(&child, name) {
            continue;
        }
        if own.is_none() {
            let made = ledger::made_by(&mut *line.connection, schema, &context.lineage).await?;
            own = Some(made.iter().filter_map(|key| TableName::parse_key(key)).collect());
        }
        if !own.iter().flatten().any(|own| same(own, &child)) {
            strangers.push(child.key());
        }
    }
    if strangers.is_empty() {
        return Ok(());
    }
    strangers.sort();
    let cause = format!("tables that this lineage did not create have foreign keys to it: {}", strangers.join(", "));
    let hint = "Drop those foreign keys or tables, then destroy again.";
    Err(refused(codes::TABLE_REFERENCED, node, name, cause, hint))
}

/// What has the name, also on a server that keeps names in lower case.
async fn look(line: &mut Line, name: &TableName, by_case: bool) -> Outcome<There> {
    let schemas = [name.schema.clone()];
    let folded = |schema: &str, object: &str| alike(&TableName::new(schema, object), name);
    let (found, _) = inventory(&mut *line.connection, None, Some(&schemas), &folded).await?;
    let names = found.tables.iter().map(|table| &table.name).chain(found.views.iter().map(|view| &view.name));
    let names: Vec<TableName> = names.cloned().collect();
    let exact = names.contains(name);
    if names.is_empty() || (!exact && by_case) {
        return Ok(There::Nothing);
    }
    let is_it = |found: &TableName| !exact || found == name;
    if let Some(table) = found.tables.into_iter().find(|table| is_it(&table.name)) {
        // The ledger has it by the name that it was created under.
        return Ok(There::Table(Box::new(Table { name: name.clone(), ..table })));
    }
    let view = found.views.into_iter().find(|view| is_it(&view.name));
    Ok(view.map_or(There::Nothing, |view| There::View(Box::new(view))))
}

/// Whether two names are one but for case.
fn alike(one: &TableName, other: &TableName) -> bool {
    one.folded() == other.folded()
}

async fn tells_case_apart(line: &mut Line) -> Outcome<bool> {
    let doing = "look whether names are told apart by case";
    let hint = "Look whether the target is up, then run again.";
    let rows = line.connection.query("SELECT @@lower_case_table_names").await;
    let rows = rows.map_err(|fault| fault.failure(codes::DROP_OBJECT, doing, hint))?.rows;
    Ok(rows.first().and_then(|row| row.first().cloned().flatten()).is_some_and(|cell| cell == b"0"))
}
