//! `peering.….connection`, `.route["rtb-1"]`, `.dns`: TiDB Cloud requests, this side checks, accepts, routes and
//! resolves names. The connection itself is TiDB Cloud's: it is never removed here.

use std::time::Duration;

use serde_json::{Value, json};

use crate::formats::cloud::{DnsAttribute, PeeringConnection, RouteTable};
use crate::formats::cloud_inputs::{
    DnsInputs, DnsOutputs, NOTE_INPUTS, PeeringInputs, PeeringOutputs, RouteInputs, RouteOutputs,
};
use crate::formats::outputs::{self, note};
use crate::formats::plan::Node;
use crate::formats::steps::Removal;
use crate::steps::cloud::session::{Call, Done, Hand};
use crate::steps::context::{Context, read_inputs};
use crate::steps::step::StepCtx;
use crate::think::cloud::peering::{Next, find, judge, next};
use crate::think::cloud::reach::{Way, way};
use crate::words::addr::StepType;
use crate::words::codes;
use crate::words::diag::Diagnostic;
use crate::words::error::{Failure, Outcome};

/// AWS takes some minutes; TiDB Cloud's side may take some more.
const ACTIVE_WITHIN: Duration = Duration::from_secs(1800);

/// The note that this lineage accepts, durable before it does.
const ACCEPTS: &str = "accepts";

/// The note that this lineage makes the route, durable before it does.
const MAKES: &str = "makes";

/// Accepts the connection where it may, and waits until rows can go through it.
pub async fn connection(context: &Context, node: &Node, ctx: &StepCtx) -> Outcome<Value> {
    let (hand, inputs) = (&Hand::of(context, ctx, node)?, read_inputs::<PeeringInputs>(node)?);
    hand.begin(&inputs).await?;
    let what = "wait for the peering connection";
    let vpc = hand.look("look at the source's VPC", || hand.cloud.vpc(&inputs.vpc_id)).await?;
    let (wanted, vpc) = (&inputs, &vpc);
    let found = hand.wait(what, ACTIVE_WITHIN, || async move {
        let all = hand.look(what, || hand.cloud.peerings()).await?;
        let found = find(&wanted.by, &wanted.vpc_id, &wanted.region, &all).map_err(|found| refused(what, *found))?;
        match next(found, wanted.accept) {
            Next::Active => Ok(Ok(found.clone())),
            Next::Wait(on) => Ok(Err(on.into())),
            Next::Stop(found) => Err(refused(what, *found)),
            Next::Accept => {
                // Whose request it is, and whether it can work, is asked again just before it is accepted.
                if let Some(wrong) = judge(wanted, found, vpc.as_ref()).into_iter().next() {
                    return Err(refused("accept the peering connection", wrong));
                }
                accept(hand, found).await?;
                Ok(Err("it is accepted".into()))
            }
        }
    });
    let found = found.await?;
    if let Some(wrong) = judge(&inputs, &found, vpc.as_ref()).into_iter().next() {
        return Err(refused("use the peering connection", wrong));
    }
    let before = hand.before::<PeeringOutputs>()?.map(|was| was.accepted_here && was.connection_id == found.id);
    let accepted_here = hand
        .ctx
        .record(hand.addr)
        .is_some_and(|now| now.progress.notes.get(ACCEPTS).and_then(Value::as_str) == Some(found.id.as_str()));
    let accepted_here = accepted_here || before == Some(true);
    Ok(json!(PeeringOutputs { inputs, connection_id: found.id, accepted_here }))
}

async fn accept(hand: &Hand<'_>, found: &PeeringConnection) -> Outcome<()> {
    let id = found.id.as_str();
    hand.ctx.note(ACCEPTS, json!(id)).await?;
    // Accepted already, or ended meanwhile: the next look tells which.
    let what = format!("accept the peering connection {id}");
    hand.effect(Call::AcceptPeering, &what, || hand.cloud.accept_peering(id)).await.map(drop)
}

/// A finding of the rules as the step's failure, with its code and its remedy.
fn refused(doing: &str, found: Diagnostic) -> Failure {
    let cause = match found.detail.is_empty() {
        true => found.summary.clone(),
        false => format!("{}. {}", found.summary, found.detail),
    };
    Failure::new(found.code, doing, cause, found.help)
}

async fn table(hand: &Hand<'_>, vpc: &str, id: &str) -> Outcome<RouteTable> {
    let found = hand.look(&format!("look at the route table {id}"), || hand.cloud.route_tables(vpc)).await?;
    found.into_iter().find(|table| table.id == id).ok_or_else(|| {
        let hint = "Correct `route_tables`, or leave it out: then the runner subnet's own table is taken.";
        Failure::new(
            codes::EXISTING_OBJECT_MISSING,
            format!("find the route table {id}"),
            format!("{vpc} has none of this id"),
            hint,
        )
    })
}

/// The connection's part of the same block, for those that hang on it.
fn connected(hand: &Hand<'_>) -> Outcome<PeeringOutputs> {
    hand.outputs_of(StepType::Connection)
}

/// The route in one table of the VPC.
pub async fn route(context: &Context, node: &Node, ctx: &StepCtx) -> Outcome<Value> {
    let (hand, inputs) = (&Hand::of(context, ctx, node)?, read_inputs::<RouteInputs>(node)?);
    hand.begin(&inputs).await?;
    let peering = connected(hand)?;
    let id = peering.connection_id;
    let what = format!("send {} of {} through {id}", inputs.cidr, inputs.table_id);
    // A route that this lineage made for another network goes first.
    let before = hand.before::<RouteOutputs>()?;
    if let Some(was) = before.as_ref().filter(|was| was.owned && (was.inputs != inputs || was.connection_id != id)) {
        take_back(hand, &peering.inputs.vpc_id, was, false).await?;
    }
    let there = table(hand, &peering.inputs.vpc_id, &inputs.table_id).await?;
    let mine = before.is_some_and(|was| was.owned && was.inputs == inputs && was.connection_id == id)
        || hand.noted(MAKES).and_then(Value::as_str) == Some(id.as_str());
    let owned = match way(&there, &inputs.cidr, &id) {
        Way::Through | Way::Blackhole => mine,
        Way::Elsewhere(other) => return Err(elsewhere(&what, &inputs, &other.target)),
        Way::Missing => {
            hand.ctx.note(MAKES, json!(id)).await?;
            let ask = || hand.cloud.create_route(&inputs.table_id, &inputs.cidr, &id);
            let done = hand.effect(Call::CreateRoute, &what, ask).await?;
            let there = table(hand, &peering.inputs.vpc_id, &inputs.table_id).await?;
            if let (Done::Already, Way::Elsewhere(other)) = (done, way(&there, &inputs.cidr, &id)) {
                return Err(elsewhere(&what, &inputs, &other.target));
            }
            true
        }
    };
    Ok(json!(RouteOutputs { inputs, connection_id: id, owned }))
}

fn elsewhere(what: &str, inputs: &RouteInputs, target: &str) -> Failure {
    Failure::new(
        codes::ROUTE_LEADS_ELSEWHERE,
        what,
        format!("{} sends {} to {target}", inputs.table_id, inputs.cidr),
        "Remove that route if it is left over, then run again: mig changes no route that it did not make.",
    )
}

/// Removes a route that still leads where this lineage led it. `fresh`: it was perhaps made just now.
async fn take_back(hand: &Hand<'_>, vpc: &str, was: &RouteOutputs, fresh: bool) -> Outcome<()> {
    let RouteInputs { table_id, cidr } = &was.inputs;
    let look = || async {
        let tables = hand.cloud.route_tables(vpc).await?;
        let mut ours = tables.into_iter().filter(|table| table.id == *table_id).flat_map(|table| table.routes);
        Ok(ours.find(|route| route.cidr == *cidr && route.target == was.connection_id))
    };
    if hand.find(fresh, &format!("look at the route table {table_id}"), look).await?.is_some() {
        let what = format!("remove the route {cidr} of {table_id}");
        hand.effect(Call::DeleteRoute, &what, || hand.cloud.delete_route(table_id, cidr)).await?;
    }
    Ok(())
}

/// Removes a route that this lineage made.
pub async fn remove_route(context: &Context, node: &Node, ctx: &StepCtx) -> Outcome<Value> {
    let (hand, remains) = (&Hand::of(context, ctx, node)?, Removal::of(node)?);
    let whole = remains.outputs::<RouteOutputs>(&node.addr)?;
    let (inputs, makes) = (note(&node.addr, &remains.notes, NOTE_INPUTS)?, note(&node.addr, &remains.notes, MAKES)?);
    let half = inputs.zip(makes).map(|(inputs, connection_id)| RouteOutputs { inputs, connection_id, owned: true });
    let whole = whole.into_iter().map(|was| (was, false));
    let gone: Vec<(RouteOutputs, bool)> =
        whole.chain(half.map(|was| (was, true))).filter(|(was, _)| was.owned).collect();
    if gone.is_empty() {
        return Ok(Value::Null);
    }
    // The connection goes after its routes, so it is still recorded.
    let connection = hand.addr.sibling(StepType::Connection);
    let recorded = hand.ctx.record(&connection);
    let recorded = recorded.map_or(Ok(None), |record| record.outputs_as::<PeeringOutputs>(&connection))?;
    let Some(vpc) = recorded.map(|made| made.inputs.vpc_id) else {
        let routes = gone.iter().map(|(was, _)| format!("{} of {}", was.inputs.cidr, was.inputs.table_id));
        let routes = routes.collect::<Vec<_>>().join(", ");
        return outputs::left(format!("the route {routes}: its VPC is not recorded"));
    };
    for (was, fresh) in &gone {
        take_back(hand, &vpc, was, *fresh).await?;
    }
    Ok(Value::Null)
}

/// Switches on what names need. It stays on: others may rely on it from then on.
pub async fn dns(context: &Context, node: &Node, ctx: &StepCtx) -> Outcome<Value> {
    let (hand, inputs) = (&Hand::of(context, ctx, node)?, read_inputs::<DnsInputs>(node)?);
    let peering = connected(hand)?;
    let id = peering.connection_id.as_str();
    let what = format!("look at the settings of {}", inputs.vpc_id);
    let vpc = hand.look(&what, || hand.cloud.vpc(&inputs.vpc_id)).await?.ok_or_else(|| {
        Failure::new(
            codes::EXISTING_OBJECT_MISSING,
            what.clone(),
            "there is no such VPC",
            "Make the plan again: the source may have moved.",
        )
    })?;
    let all = hand.look("look at the peering connection", || hand.cloud.peerings()).await?;
    let allowed = all.iter().any(|found| found.id == id && found.dns_from_accepter);
    let off = [(DnsAttribute::Support, vpc.dns_support), (DnsAttribute::Hostnames, vpc.dns_hostnames)];
    let set_here = !allowed || off.iter().any(|(_, on)| !on);
    if !peering.inputs.accept && set_here {
        return Err(Failure::new(
            codes::PEERING_DNS,
            format!("resolve names across {id}"),
            "DNS support and DNS hostnames of the VPC, and resolution across the peering, are not all on, and `accept = false` says that mig only checks",
            format!(
                "Switch them on: aws ec2 modify-vpc-attribute --vpc-id {} --enable-dns-hostnames, and the peering's DNS settings; or set `accept = true`.",
                inputs.vpc_id
            ),
        ));
    }
    for (attribute, on) in off {
        if !on {
            let what = format!("switch DNS on in {}", inputs.vpc_id);
            hand.effect(Call::ModifyVpc, &what, || hand.cloud.enable_dns(&inputs.vpc_id, attribute)).await?;
        }
    }
    if !allowed {
        let what = format!("let names be resolved across {id}");
        hand.effect(Call::ModifyPeering, &what, || hand.cloud.allow_peering_dns(id)).await?;
    }
    Ok(json!(DnsOutputs { inputs, connection_id: peering.connection_id, set_here }))
}
