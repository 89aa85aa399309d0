//! `source.…` and `target.…`: reads who the server is. At first contact a target gets its ledger, and in it the random
//! id that stands for a TiDB cluster (contract, "Secrets").

use serde_json::Value;

use crate::formats::facts::Flavor;
use crate::formats::inputs::Removal;
use crate::formats::outputs::{self, ServerOutputs};
use crate::formats::plan::Node;
use crate::seams::sql::{Role, Server};
use crate::steps::context::Context;
use crate::steps::observe::server::server_facts;
use crate::steps::transfer::ledger;
use crate::words::addr::StepKind;
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

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
    let mut load_data = None;
    if node.kind == StepKind::Target {
        let schema = context
            .spec
            .targets
            .values()
            .find(|t| crate::think::plan::desired::target_addr(t) == node.addr)
            .map(|t| t.ledger_schema.clone())
            .unwrap_or_default();
        let server = context.server(&node.addr)?;
        let role = Role::Write { keep_zero_dates: false, session: Default::default() };
        let mut connection = server.connect(&role).await?;
        let minted = ledger::prepare(&mut *connection, &schema, &facts.server_id).await?;
        // MySQL and MariaDB have a name of their own; the ledger of a TiDB gives it one.
        if facts.flavor == Flavor::Tidb {
            server_id = minted;
        }
        load_data = Some(facts.local_infile && ledger::takes_load_data(&mut *connection, &schema).await?);
    }
    Ok(ServerOutputs {
        server_id,
        version: facts.version.clone(),
        flavor: Some(facts.flavor),
        load_data,
        cluster: None,
        volume_bytes: None,
    })
}

/// Removes this lineage's rows from the ledger; its schema too where nobody else has a row in it.
pub async fn destroy(context: &Context, node: &Node) -> Outcome<Value> {
    let target = context.spec.targets.values().find(|t| crate::think::plan::desired::target_addr(t) == node.addr);
    let Some(target) = target else {
        return outputs::left("the target is no longer in the spec: its ledger stays");
    };
    let role = Role::Write { keep_zero_dates: false, session: Default::default() };
    let server = context.server(&node.addr)?;
    let recorded = Removal::of(node)?.outputs::<ServerOutputs>(&node.addr)?;
    if let Some(recorded) = recorded
        && let Some(another) = another(server.as_ref(), node, &recorded.server_id, &target.ledger_schema).await?
    {
        return Err(another);
    }
    let mut connection = server.connect(&role).await?;
    ledger::destroy(&mut *connection, &target.ledger_schema, &context.lineage).await?;
    Ok(Value::Null)
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
    let mut look = server.connect(&Role::Look).await?;
    let facts = server_facts(&mut *look, Some(ledger_schema)).await?;
    if facts.server_id == recorded {
        return Ok(None);
    }
    let found = if facts.server_id.is_empty() { "one that this lineage has not met" } else { facts.server_id.as_str() };
    let cause = format!("{} was {recorded}, is {found}", node.addr);
    let hint = "Point the block back at the server of the earlier runs. If its ledger was dropped by hand, take the \
                migration and the target out of the spec: then they are forgotten. Nothing was removed there.";
    let failure = Failure::new(codes::OTHER_SERVER_THAN_RECORDED, "remove what is on the target", cause, hint);
    Ok(Some(failure.exit(ExitKind::Stale).at(&node.addr)))
}
