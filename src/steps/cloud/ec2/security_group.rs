//! `runner.ec2.….security_group`: a group of the runner's own, or one that is there; and one rule on the source's group
//! that lets the runner in.

use serde_json::{Value, json};

use crate::formats::cloud::{Peer, Rule, SecurityGroup};
use crate::formats::cloud_inputs::{Origin, SecurityGroupInputs, SecurityGroupOutputs, names};
use crate::formats::outputs::note;
use crate::formats::plan::{Action, Node};
use crate::formats::steps::Removal;
use crate::steps::cloud::session::noted_intent;
use crate::steps::cloud::session::{Call, Done, Hand};
use crate::steps::context::{Context, read_inputs};
use crate::steps::step::StepCtx;
use crate::words::codes;
use crate::words::error::{Failure, Outcome};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a group is made of, as its intent keeps it.
#[derive(Serialize, Deserialize)]
struct NewGroup {
    vpc: String,
    name: String,
    tags: BTreeMap<String, String>,
}

/// The note with the source's group and the runner's, durable before the rule is made.
const SOURCE_RULE: &str = "source_rule";

pub async fn run(context: &Context, node: &Node, ctx: &StepCtx) -> Outcome<Value> {
    let inputs: SecurityGroupInputs = read_inputs(node)?;
    let hand = Hand::of(context, ctx, node)?;
    hand.begin(&inputs).await?;
    let before = hand.before::<SecurityGroupOutputs>()?;
    if node.action == Action::Replace
        && let Some(before) = &before
    {
        if before.owned {
            super::instance::end_over(&hand).await?;
        }
        take_back(&hand, before).await?;
    }
    let owned = inputs.group.is_created();
    let group_id = match &inputs.group {
        Origin::Existing(id) => existing(&hand, id, &inputs.vpc_id).await?,
        Origin::Create => {
            let id = create(&hand, &inputs).await?;
            for cidr in &inputs.ssh_from {
                let rule = tcp(inputs.ssh_port, Peer::Cidr(cidr.clone()), "SSH from where mig runs".into());
                allow(&hand, &id, &rule).await?;
            }
            id
        }
    };
    let mut owns_source_rule = false;
    if let Some(source) = &inputs.source_group {
        owns_source_rule = let_in(&hand, source, &group_id, inputs.source_port).await?;
    }
    Ok(json!(SecurityGroupOutputs { inputs, group_id, owned, owns_source_rule }))
}

/// Takes the rule on the source's group away, then the group.
pub async fn destroy(context: &Context, node: &Node, ctx: &StepCtx) -> Outcome<Value> {
    let remains = Removal::of(node)?;
    let hand = Hand::of(context, ctx, node)?;
    if let Some(made) = remains.outputs::<SecurityGroupOutputs>(&node.addr)? {
        take_back(&hand, &made).await?;
    }
    // Broken off before its end, at first or when it was made again: what it had begun is in its notes.
    let rule = note::<(String, String, u16)>(&node.addr, &remains.notes, SOURCE_RULE)?;
    if let Some((source, group, port)) = rule {
        let (rule, ids) = (of_source(&hand, &group, port), [source.clone()]);
        let look = || async {
            let groups = hand.cloud.security_groups(&ids).await?;
            Ok(groups.into_iter().flat_map(|group| group.rules).find(|there| *there == rule))
        };
        hand.sight(&format!("look at the rules of {source}"), look).await?;
        revoke(&hand, &source, &rule).await?;
    }
    let Some(intent) = noted_intent::<NewGroup>(&node.addr, &remains.notes)? else { return Ok(Value::Null) };
    let vpc = intent.parameters.vpc.as_str();
    let name = names::object(&context.lineage, &node.addr);
    let look = || hand.cloud.security_group_named(vpc, &name);
    if let Some(group) = hand.sight(&format!("look for the security group {name}"), look).await? {
        remove(&hand, &group).await?;
    }
    Ok(Value::Null)
}

async fn take_back(hand: &Hand<'_>, made: &SecurityGroupOutputs) -> Outcome<()> {
    if let Some(source) = made.inputs.source_group.as_ref().filter(|_| made.owns_source_rule) {
        revoke(hand, source, &of_source(hand, &made.group_id, made.inputs.source_port)).await?;
    }
    if !made.owned {
        return Ok(());
    }
    let ids = std::slice::from_ref(&made.group_id);
    let what = format!("look for the security group {}", made.group_id);
    let found = hand.look(&what, || hand.cloud.security_groups(ids)).await?;
    match found.into_iter().next() {
        Some(group) => remove(hand, &group).await,
        None => Ok(()),
    }
}

async fn remove(hand: &Hand<'_>, group: &SecurityGroup) -> Outcome<()> {
    let what = format!("the security group {}", group.id);
    hand.claim(&what, &group.tags)?;
    let ask = || hand.cloud.delete_security_group(&group.id);
    hand.effect(Call::DeleteSecurityGroup, &format!("remove {what}"), ask).await.map(drop)
}

async fn existing(hand: &Hand<'_>, id: &str, vpc: &str) -> Outcome<String> {
    let ids = [id.to_owned()];
    let look = || hand.cloud.security_groups(&ids);
    let found = hand.look(&format!("look for the security group {id}"), look).await?;
    let cause = match found.first() {
        Some(group) if group.vpc_id == vpc => return Ok(id.to_owned()),
        Some(group) => format!("it is in {}, the source in {vpc}", group.vpc_id),
        None => "there is none of this id".to_owned(),
    };
    let hint = "Correct `security_group`, or let mig make one: `security_group = \"create\"`.";
    Err(Failure::new(codes::EXISTING_OBJECT_MISSING, format!("find the security group {id}"), cause, hint))
}

async fn create(hand: &Hand<'_>, inputs: &SecurityGroupInputs) -> Outcome<String> {
    let name = names::object(&hand.context.lineage, hand.addr);
    let new = NewGroup { vpc: inputs.vpc_id.clone(), name: name.clone(), tags: hand.tags(&inputs.tags) };
    let tags = hand.intend(1, new).await?.tags;
    let what = format!("make the security group {name}");
    let description = format!("The runner {} of mig", hand.addr.block_name().unwrap_or_default());
    let made = hand.effect(Call::CreateSecurityGroup, &what, || {
        hand.cloud.create_security_group(&inputs.vpc_id, &name, &description, &tags)
    });
    let id = match made.await? {
        Done::Made(id) => id,
        Done::Already => {
            let look = || hand.cloud.security_group_named(&inputs.vpc_id, &name);
            let there = hand.sight(&format!("look for the security group {name}"), look).await?;
            let there = there.ok_or_else(|| {
                let hint = "Run `mig apply` again.";
                Failure::new(
                    codes::CLOUD_NO_ANSWER,
                    what.clone(),
                    "one of this name is said to be there, and is not found",
                    hint,
                )
            })?;
            hand.claim(&format!("the security group {} ({name})", there.id), &there.tags)?;
            there.id
        }
    };
    hand.made(&id, 1).await?;
    Ok(id)
}

fn tcp(port: u16, peer: Peer, description: String) -> Rule {
    Rule { egress: false, protocol: "tcp".into(), from_port: port, to_port: port, peer, description }
}

/// The rule on the source's group; its description says whose it is.
fn of_source(hand: &Hand<'_>, group: &str, port: u16) -> Rule {
    let whose = format!("mig {} {}", hand.context.lineage, hand.addr);
    tcp(port, Peer::Group(group.to_owned()), whose)
}

async fn allow(hand: &Hand<'_>, group: &str, rule: &Rule) -> Outcome<Done<()>> {
    let what = format!("open port {} of {group}", rule.from_port);
    hand.effect(Call::Allow, &what, || hand.cloud.allow(group, rule)).await
}

async fn revoke(hand: &Hand<'_>, group: &str, rule: &Rule) -> Outcome<()> {
    let what = format!("take the rule for port {} of {group} back", rule.from_port);
    hand.effect(Call::Revoke, &what, || hand.cloud.revoke(group, rule)).await.map(drop)
}

/// Lets the runner in at the source. Whether the rule is this lineage's: made by it now or before.
async fn let_in(hand: &Hand<'_>, source: &str, group: &str, port: u16) -> Outcome<bool> {
    let rule = of_source(hand, group, port);
    hand.ctx.note(SOURCE_RULE, json!((source, group, port))).await?;
    if let Done::Made(()) = allow(hand, source, &rule).await? {
        return Ok(true);
    }
    let ids = [source.to_owned()];
    let look = || hand.cloud.security_groups(&ids);
    let found = hand.look(&format!("look at the rules of {source}"), look).await?;
    Ok(found.iter().flat_map(|group| &group.rules).any(|there| *there == rule))
}
