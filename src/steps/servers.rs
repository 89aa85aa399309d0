//! `source.…` and `target.…`: reads who the server is. At first contact a target gets its ledger, and in it the random
//! id that stands for a TiDB cluster (contract, "Secrets").

use std::sync::Arc;

use serde_json::Value;

use crate::formats::facts::{Flavor, ServerFacts, met};
use crate::formats::outputs;
use crate::formats::plan::Node;
use crate::formats::spec::model;
use crate::formats::steps::{Removal, ServerOutputs};
use crate::seams::sql::{Connection, Role, Server};
use crate::steps::context::Context;
use crate::steps::observe::server::server_facts;
use crate::steps::step::StepCtx;
use crate::steps::transfer::ledger;
use crate::think::plan::desired::target_addr;
use crate::words::addr::{StepAddr, StepKind};
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};
use crate::words::list::first_of;

/// Records the server's identity.
pub async fn run(context: &Context, node: &Node) -> Outcome<ServerOutputs> {
    let facts = context.seen(&node.addr).ok_or_else(|| {
        Failure::new(
            codes::PLAN_DOES_NOT_FIT_SPEC,
            "read the server's identity",
            "it was not looked at",
            "Run `mig apply` again.",
        )
    })?;
    if let Some(fault) = &facts.fault {
        return Err(fault.clone());
    }
    let mut server_id = facts.server_id.clone();
    let (mut load_data, mut ledger_schema) = (None, None);
    if node.kind == StepKind::Target {
        let schema = context
            .spec
            .targets
            .values()
            .find(|t| target_addr(t) == node.addr)
            .map(|t| t.ledger_schema.clone())
            .unwrap_or_default();
        let server = context.server(&node.addr)?;
        let role = Role::Write { keep_zero_dates: false, session: Default::default() };
        let mut connection = server.connect(&role).await?;
        server_id = prepared(&mut *connection, &schema, facts).await?;
        load_data = Some(facts.local_infile && ledger::takes_load_data(&mut *connection, &schema).await?);
        ledger_schema = Some(schema);
    }
    Ok(ServerOutputs {
        server_id,
        version: facts.version.clone(),
        flavor: Some(facts.flavor),
        load_data,
        ledger_schema,
        cluster: None,
        volume_bytes: None,
    })
}

/// Makes sure that a target has its ledger; gives the target's id. MySQL and MariaDB have one of their own, the ledger of a TiDB
/// gives it one.
///
/// # Errors
/// The ledger cannot be made.
pub async fn prepared(connection: &mut dyn Connection, schema: &str, facts: &ServerFacts) -> Outcome<String> {
    let minted = ledger::prepare(connection, schema, &facts.server_id).await?;
    Ok(if facts.flavor == Flavor::Tidb { minted } else { facts.server_id.clone() })
}

/// The id that a server of this run gave itself, or that was given to it: for the records of what is made there.
///
/// # Errors
/// MIG4002: its record cannot be read.
pub fn recorded_id(context: &Context, ctx: &StepCtx, addr: &StepAddr) -> Outcome<Option<String>> {
    let recorded = ctx.upstream::<ServerOutputs>(addr)?.map(|server| server.server_id);
    // Where several migrations share a server, one worker records it, and the others have seen it.
    let seen = || context.seen(addr).map(|facts| facts.server_id.clone());
    Ok(recorded.or_else(seen).filter(|id| !id.is_empty()))
}

/// Removes this lineage's rows from the ledger; its schema too where nobody else has a row in it. What this lineage made and
/// this plan does not speak of is named: no state knows it any more.
pub async fn destroy(context: &Context, node: &Node) -> Outcome<Value> {
    let removal = Removal::of(node)?;
    let recorded = removal.outputs::<ServerOutputs>(&node.addr)?;
    let Some((server, schema)) = block_of(context, node, recorded.as_ref()).await? else {
        return Err(not_in_spec(&node.addr));
    };
    if let Some(recorded) = &recorded
        && let Some(another) = another(server.as_ref(), node, &recorded.server_id, &schema).await?
    {
        return Err(another);
    }
    let role = Role::Write { keep_zero_dates: false, session: Default::default() };
    let mut connection = server.connect(&role).await?;
    if !ledger::exists(&mut *connection, &schema).await? {
        return outputs::left(format!(
            "the ledger: the target has no schema {schema}; if mig keeps it in another one, it is still there"
        ));
    }
    let made = ledger::made_by(&mut *connection, &schema, &context.lineage).await?;
    let unknown: Vec<String> = made.into_iter().filter(|name| !removal.known.contains(name)).collect();
    ledger::destroy(&mut *connection, &schema, &context.lineage).await?;
    if unknown.is_empty() {
        return Ok(Value::Null);
    }
    let named = first_of(&unknown, NAMED);
    outputs::left(format!("not looked at, as the state no longer knows them; this lineage once created them: {named}"))
}

/// Objects that are named of many.
const NAMED: usize = 20;

/// The server of a recorded target, by its block or by its own id where the block has another name now, and the schema of
/// its ledger. `None`: no block of the spec leads to it.
async fn block_of(
    context: &Context,
    node: &Node,
    recorded: Option<&ServerOutputs>,
) -> Outcome<Option<(Arc<dyn Server>, String)>> {
    let schema = |target: &model::Server| {
        let recorded = recorded.and_then(|recorded| recorded.ledger_schema.clone());
        recorded.unwrap_or_else(|| target.ledger_schema.clone())
    };
    if let Some(target) = context.spec.targets.values().find(|target| target_addr(target) == node.addr) {
        return Ok(Some((context.server(&node.addr)?, schema(target))));
    }
    let Some(recorded) = recorded else { return Ok(None) };
    for target in context.spec.targets.values() {
        let (server, schema) = (context.server(&target_addr(target))?, schema(target));
        // One that does not answer is not known to be this one.
        let Ok(mut look) = server.connect(&Role::Look).await else { continue };
        let facts = server_facts(&mut *look, Some(&schema)).await;
        if facts.is_ok_and(|facts| facts.server_id == recorded.server_id) {
            return Ok(Some((server, schema)));
        }
    }
    Ok(None)
}

/// What is to be removed is on a server that the spec does not name any more: nothing can be done there.
pub fn not_in_spec(addr: &StepAddr) -> Failure {
    let cause = match addr.migration() {
        Some(migration) => format!("migration.{migration}, which says where its target is, is no longer in the spec"),
        None => "no target of the spec leads to it".to_owned(),
    };
    let block = addr.migration().map_or_else(|| addr.to_string(), |migration| format!("migration.{migration}"));
    let hint = format!(
        "Put the block back into the spec, then run `mig destroy` again. If what is there is to stay: `mig state rm {block}`, \
         then destroy the rest."
    );
    Failure::new(codes::TARGET_NOT_IN_SPEC, "remove what is on the target", cause, hint).at(addr)
}

/// Whether another server answers at a target's address than the one in the state: `MIG3040`, exit code 3.
///
/// # Errors
/// What a connection or a look fails with.
pub async fn another(
    server: &dyn Server,
    node: &Node,
    recorded: &str,
    ledger_schema: &str,
) -> Outcome<Option<Failure>> {
    let found = id_of(server, ledger_schema).await?;
    if found == recorded {
        return Ok(None);
    }
    let cause = format!("{} was {recorded}, is {}", node.addr, met(&found));
    let hint = format!(
        "Point the block back at the server of the earlier runs; if `ledger_schema` was changed, set it back. The user of \
         the block needs SELECT on the ledger's schema. If the ledger was dropped by hand: `mig state rm {}`, then destroy \
         the rest. Nothing was removed there.",
        node.addr
    );
    let failure = Failure::new(codes::OTHER_SERVER_THAN_RECORDED, "remove what is on the target", cause, hint);
    Ok(Some(failure.exit(ExitKind::Stale).at(&node.addr)))
}

/// The id of the server that answers; empty: it has none.
///
/// # Errors
/// What a connection or a look fails with.
pub async fn id_of(server: &dyn Server, ledger_schema: &str) -> Outcome<String> {
    let mut look = server.connect(&Role::Look).await?;
    Ok(server_facts(&mut *look, Some(ledger_schema)).await?.server_id)
}
