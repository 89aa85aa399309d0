//! What is created on the target: schemas, tables, foreign keys (views: [`crate::steps::target::view`]). Each is written down in the ledger before its
//! CREATE, which is never `IF NOT EXISTS`: a stranger's object is found by the server's own refusal.

use serde_json::{Value, json};

use crate::formats::ddl::canonical::canonical_expression;
use crate::formats::ddl::{self, DdlOptions};
use crate::formats::outputs;
use crate::formats::plan::{Action, Node};
use crate::formats::steps::{DatabaseInputs, ForeignKeysInputs, ForeignKeysOutputs, ObjectOutputs, TableInputs};
use crate::formats::structure::{ForeignKey, Table};
use crate::seams::sql::Fault;
use crate::steps::again::{TRIES, wait};
use crate::steps::context::{Context, Line, read_inputs};
use crate::steps::observe::inventory::inventory;
use crate::steps::servers::recorded_id;
use crate::steps::step::StepCtx;
use crate::steps::target::structure::is_empty;
use crate::steps::transfer::ledger::{self, Named, Object};
use crate::think::{compare, rewrite};
use crate::words::addr::{StepAddr, TableName, sql_ident};
use crate::words::codes::{self, Code};
use crate::words::error::{ExitKind, Failure, Outcome};

/// What to do where the target refuses a statement of ours: no row was moved by then.
const REFUSED: &str = "No row was moved; mig removes what this run has created. Leave the object out of the filter, or \
                       change it on the source, or on the target what the server names (rights, limits); then plan again.";
pub(super) const RIGHTS: &str = "Fix what the server names (rights, limits), then run `mig apply` again.";

/// `migration.….database["shop"]`: an existing schema is used as it is, never owned, never dropped.
pub async fn database(context: &Context, node: &Node, ctx: &StepCtx) -> Outcome<Value> {
    let inputs: DatabaseInputs = read_inputs(node)?;
    let server = recorded_id(context, ctx, &context.target_of(context.migration(&node.addr)?)?)?;
    let facts = context.facts(&node.addr)?;
    let existed = facts.target.schemas.iter().any(|s| s.name.eq_ignore_ascii_case(&inputs.schema.name));
    let mut line = context.lines(&node.addr)?.write.take().await?;
    let owner = Owner::of(context, node, "schema")?;
    let known = owner.named().read(&mut *line.connection).await?;
    if existed && known.is_none() {
        line.give_back();
        return outputs::to_value(&ObjectOutputs { owned: false, server });
    }
    if known.is_none() {
        owner.named().intend(&mut *line.connection).await?;
    }
    match line.connection.execute(&inputs.ddl).await {
        Ok(_) => {}
        Err(f) if f.number == Some(ledger::DATABASE_EXISTS) => {}
        Err(f) => {
            return Err(f.failure(codes::CREATE_SCHEMA, format!("create the schema {}", inputs.schema.name), RIGHTS));
        }
    }
    owner.named().set(&mut *line.connection, "created", 1).await?;
    line.give_back();
    outputs::to_value(&ObjectOutputs { owned: true, server })
}

/// `migration.….table["shop.orders"]`.
pub async fn table(context: &Context, node: &Node, ctx: &StepCtx) -> Outcome<Value> {
    let inputs: TableInputs = read_inputs(node)?;
    let name = inputs.source.name.clone();
    let ddl = with_counter(context, node, &inputs)?;
    let lines = context.lines(&node.addr)?;
    let mut line = lines.create.take().await?;
    let owner = Owner::of(context, node, "table")?;
    // The target_tables gate has found it of the same structure and empty: it is filled, never owned.
    let facts = context.facts(&node.addr)?;
    let found = facts.target.table(&name).is_some();
    // Without a row of its own, a table that was dropped has batches in the ledger still: no row of it is there any more.
    let fresh = facts.ledger.loaded.get(&name.key()).map_or(1, |loaded| loaded.epoch + 1);
    let state = if found { "adopted" } else { "intended" };
    let known = owner.named().claim(&mut *line.connection, state, fresh).await?;
    // A replace is done once in a run: resumed after its DROP, it goes on with the CREATE.
    let note = format!("dropped by {}", context.plan_digest.short());
    let dropped = ctx.resume.notes.contains_key(&note);
    let object = match known {
        Some(object) if node.action == Action::Replace && !dropped => {
            ctx.note(&note, json!(true)).await?;
            if let Some(actual) = look(&mut line, &name).await? {
                owner.drop_ours(context, &mut line, &actual, &object).await?;
            }
            owner.named().set(&mut *line.connection, "intended", object.epoch + 1).await?;
            create(&owner, &mut line, (&inputs, &ddl), object.epoch + 1, false).await?
        }
        Some(object) if object.state == "intended" => {
            create(&owner, &mut line, (&inputs, &ddl), object.epoch, true).await?
        }
        Some(object) => match look(&mut line, &name).await? {
            Some(_) => object,
            // What the ledger says was loaded into it is gone with the table.
            None => create(&owner, &mut line, (&inputs, &ddl), object.epoch + 1, false).await?,
        },
        None if found => Object { state: "adopted".to_owned(), epoch: fresh },
        None => create(&owner, &mut line, (&inputs, &ddl), fresh, false).await?,
    };
    line.give_back();
    let owned = object.state == "created";
    lines.ready.put(name, object);
    let server = recorded_id(context, ctx, &context.target_of(context.migration(&node.addr)?)?)?;
    outputs::to_value(&ObjectOutputs { owned, server })
}

/// The statement with the number that AUTO_INCREMENT gives next on the source: it is not a part of the plan, since it moves
/// with every row.
fn with_counter(context: &Context, node: &Node, inputs: &TableInputs) -> Outcome<String> {
    let migration = context.migration(&node.addr)?;
    let next_id = context.facts(&node.addr)?.source.table(&inputs.source.name).and_then(|table| table.next_id);
    let counts = inputs.target.columns.iter().any(|column| column.auto_increment);
    match (next_id.filter(|_| counts), context.seen(&context.target_of(migration)?)) {
        (Some(_), Some(target)) => {
            let options = DdlOptions { checks: target.check_constraints, dialect: target.flavor.into() };
            Ok(ddl::create_table_pretty(&Table { next_id, ..inputs.target.clone() }, options))
        }
        _ => Ok(inputs.ddl.clone()),
    }
}

/// A statement of ours that the target did not take: its answer, and the statement. A passing fault is tried again.
fn refused(code: Code, doing: String, fault: Fault, sql: &str) -> Failure {
    if fault.transient() || fault.number.is_none() {
        return fault.failure(code, doing, RIGHTS);
    }
    let mut failure = fault.failure(code, doing, REFUSED).exit(ExitKind::Gate);
    failure.cause =
        format!("{}; the statement: {}", failure.cause, sql.split_whitespace().collect::<Vec<_>>().join(" "));
    failure
}

/// CREATE, then `created`. `adopt`: an earlier run may have died between the two; its table is taken if it is empty
/// and of the same structure.
async fn create(
    owner: &Owner,
    line: &mut Line,
    (inputs, ddl): (&TableInputs, &str),
    epoch: u64,
    adopt: bool,
) -> Outcome<Object> {
    let name = &inputs.source.name;
    let use_schema = format!("USE {}", sql_ident(&name.schema));
    let failed = |f: Fault| refused(codes::CREATE_TABLE, format!("create the table {name}"), f, ddl);
    line.connection.execute(&use_schema).await.map_err(failed)?;
    match line.connection.execute(ddl).await {
        Ok(_) => {}
        Err(f) if f.number == Some(ledger::TABLE_EXISTS) && adopt && is_ours(line, &inputs.target).await? => {}
        Err(f) if f.number == Some(ledger::TABLE_EXISTS) => {
            owner.named().withdraw(&mut *line.connection).await?;
            return Err(Failure::new(
                codes::STRANGERS_TABLE,
                format!("create the table {name}"),
                "a table of this name is there, and this lineage did not make it",
                "Move it away, exclude it by the filter, or set target_tables = \"same_and_empty\"; then plan again.",
            ));
        }
        Err(f) => return Err(failed(f)),
    }
    owner.named().set(&mut *line.connection, "created", epoch).await?;
    Ok(Object { state: "created".to_owned(), epoch })
}

/// Changes a table that a foreign key ties to another: where both are changed at once, MariaDB refuses one of the two
/// with a lock wait or a deadlock that passes.
async fn patiently(context: &Context, line: &mut Line, sql: &str) -> Result<(), Fault> {
    let mut attempt = 0;
    loop {
        match line.connection.execute(sql).await {
            Err(fault) if fault.transient() && !fault.lost && attempt < TRIES => wait(context, &mut attempt).await,
            other => return other.map(drop),
        }
    }
}

async fn is_ours(line: &mut Line, wanted: &Table) -> Outcome<bool> {
    let Some(actual) = look(line, &wanted.name).await? else { return Ok(false) };
    let same = compare::table_differences(wanted, &actual).is_empty();
    Ok(same && is_empty(line, &wanted.name).await?)
}

async fn look(line: &mut Line, name: &TableName) -> Outcome<Option<Table>> {
    let schemas = [name.schema.clone()];
    let select = |schema: &str, table: &str| schema == name.schema && table == name.name;
    let (found, _) = inventory(&mut *line.connection, None, Some(&schemas), &select).await?;
    Ok(found.tables.into_iter().next())
}

/// `migration.….foreign_keys["shop.orders"]`: those that are not there yet.
pub async fn foreign_keys(context: &Context, node: &Node) -> Outcome<Value> {
    let inputs: ForeignKeysInputs = read_inputs(node)?;
    let mut line = context.lines(&node.addr)?.write.take().await?;
    let there = look(&mut line, &inputs.table).await?;
    let statements = match &there {
        Some(there) => missing_keys(context, node, &inputs.table, there)?,
        None => inputs.ddl.clone(),
    };
    for ddl in &statements {
        let failed =
            |f: Fault| refused(codes::ADD_FOREIGN_KEYS, format!("add the foreign keys of {}", inputs.table), f, ddl);
        patiently(context, &mut line, ddl).await.map_err(failed)?;
    }
    line.give_back();
    outputs::to_value(&ForeignKeysOutputs { foreign_keys: inputs.ddl.len() })
}

/// What makes the foreign keys of `there` those of the source: a key of another meaning is dropped first. Keys that only the
/// target has are left; the certificate names them.
fn missing_keys(context: &Context, node: &Node, name: &TableName, there: &Table) -> Outcome<Vec<String>> {
    let migration = context.migration(&node.addr)?;
    let source = &context.facts(&node.addr)?.source;
    let (Some(table), Some(target)) = (source.table(name), context.seen(&context.target_of(migration)?)) else {
        let cause = format!("{name} is not there any more");
        return Err(Failure::new(codes::PLAN_DOES_NOT_FIT_SPEC, "find the table", cause, "Plan again."));
    };
    let wanted = rewrite::for_target(table, &source.tables, target, &migration.gates).table;
    let mut statements = Vec::new();
    for key in &wanted.foreign_keys {
        let alone = |key: &ForeignKey| Table { foreign_keys: vec![key.clone()], ..there.clone() };
        let known = there.foreign_keys.iter().find(|known| known.name.eq_ignore_ascii_case(&key.name));
        let differs = |known: &ForeignKey| !compare::foreign_key_differences(&alone(key), &alone(known)).is_empty();
        match known {
            Some(known) if differs(known) => {
                statements.push(ddl::drop_foreign_key(name, &known.name));
                statements.extend(ddl::foreign_keys(&alone(key)));
            }
            Some(_) => {}
            None => statements.extend(ddl::foreign_keys(&alone(key))),
        }
    }
    Ok(statements)
}

/// The table with JSON where it holds texts that a CHECK proves to be documents, as MariaDB keeps them; `None`: nowhere.
fn with_documents(table: &Table) -> Option<Table> {
    let mut documents = table.clone();
    let checks: Vec<String> = table.checks.iter().map(|check| canonical_expression(&check.clause)).collect();
    for column in documents.columns.iter_mut().filter(|column| column.data_type == "longtext") {
        if checks.contains(&format!("json_valid({})", column.name.to_lowercase())) {
            column.data_type = "json".into();
        }
    }
    (documents != *table).then_some(documents)
}

/// The ledger's row of one object.
pub(super) struct Owner {
    schema: String,
    lineage: String,
    kind: &'static str,
    name: String,
    addr: StepAddr,
}

impl Owner {
    pub(super) fn of(context: &Context, node: &Node, kind: &'static str) -> Outcome<Self> {
        let schema = context.ledger_schema(context.migration(&node.addr)?)?.to_owned();
        let name = node.addr.key().unwrap_or_default().to_owned();
        Ok(Self { schema, lineage: context.lineage.clone(), kind, name, addr: node.addr.clone() })
    }

    pub(super) fn named(&self) -> Named<'_> {
        Named { schema: &self.schema, lineage: &self.lineage, kind: self.kind, name: &self.name }
    }

    /// Drops a table only where it holds what this lineage put there (contract, "Destroy"): the rows of the ledger's
    /// current epoch. An adopted table is never dropped.
    pub(super) async fn drop_ours(
        &self,
        context: &Context,
        line: &mut Line,
        actual: &Table,
        object: &Object,
    ) -> Outcome<()> {
        let name = &actual.name;
        let refused = |cause: String| {
            Failure::new(
                codes::TABLE_CONTENT_DIFFERS,
                format!("drop the table {name}"),
                cause,
                "Look at what is in it; drop or move it by hand, then run again.",
            )
            .at(&self.addr)
        };
        if object.state == "adopted" {
            return Err(refused("it was there before, and this lineage did not create it".into()));
        }
        let mut held = crate::steps::proof::sides::holds_ours(context, line, &self.addr, actual, object.epoch).await;
        if let (Err(Ok(_)), Some(documents)) = (&held, with_documents(actual)) {
            // Loaded from JSON columns, the rows were hashed by the value of their documents.
            held = crate::steps::proof::sides::holds_ours(context, line, &self.addr, &documents, object.epoch).await;
        }
        held.map_err(|difference| match difference {
            Ok(difference) => refused(difference),
            Err(failure) => failure,
        })?;
        // The proof takes its time: who has taken over the lock meanwhile may have loaded the table.
        ledger::hold(&mut *line.connection, &self.schema, &context.lineage, context.token).await?;
        let sql = format!("DROP TABLE {}", name.sql());
        patiently(context, line, &sql)
            .await
            .map_err(|f| f.failure(codes::DROP_OBJECT, format!("drop the table {name}"), RIGHTS))
    }
}
