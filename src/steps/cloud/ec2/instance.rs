//! `runner.ec2.….instance`: one instance under one address. Its token is made from lineage, address and attempt; the
//! attempt rises only after the former instance was seen terminated.

use std::time::Duration;

use serde_json::{Value, json};

use crate::formats::cloud::{Instance, NewInstance};
use crate::formats::cloud_inputs::{InstanceInputs, InstanceOutputs, KeyPairOutputs, SecurityGroupOutputs, names};
use crate::formats::plan::Node;
use crate::seams::cloud::Answer;
use crate::steps::cloud::session::{Call, Done, Hand, Remains, is_intended};
use crate::steps::context::{Context, read_inputs};
use crate::steps::step::StepCtx;
use crate::words::addr::StepType;
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// What an instance may take to run, or to end.
const CHANGES_WITHIN: Duration = Duration::from_secs(600);

/// More instances than that do not end one after the other by chance.
const ATTEMPTS: u32 = 20;

pub async fn run(context: &Context, node: &Node, ctx: &StepCtx) -> Outcome<Value> {
    let inputs: InstanceInputs = read_inputs(node)?;
    let hand = Hand::of(context, ctx, node)?;
    hand.begin(&inputs).await?;
    let hypervisor = hypervisor(&hand, &inputs.instance_type).await?;
    let root_gib = root_gib(&hand, &inputs).await?;
    let (id, attempt) = the_one(&hand, node, &inputs, root_gib).await?;
    let instance = running(&hand, &id).await?;
    Ok(json!(InstanceOutputs {
        inputs,
        instance_id: id,
        attempt,
        private_ip: instance.private_ip,
        public_ip: instance.public_ip,
        hypervisor,
    }))
}

/// Ends every instance that this lineage has under this address.
pub async fn destroy(context: &Context, node: &Node, ctx: &StepCtx) -> Outcome<Value> {
    let remains = Remains::<InstanceOutputs>::of(node)?;
    let hand = Hand::of(context, ctx, node)?;
    for id in remains.ids() {
        let what = format!("the instance {id}");
        remains.may_go(&what)?;
        let look = format!("look for {what}");
        let found = hand.find(remains.is_fresh(id), &look, || hand.cloud.instance(id)).await?;
        if let Some(instance) = found.filter(alive) {
            hand.claim(&what, &instance.tags)?;
            end(&hand, id).await?;
        }
    }
    if remains.unanswered()
        && let Some(instance) = by_marks(&hand).await?
    {
        end(&hand, &instance.id).await?;
    }
    Ok(Value::Null)
}

/// Ends what stands on the runner's group or key before these are made again: the plan makes it again, too.
pub(super) async fn end_over(hand: &Hand<'_>) -> Outcome<()> {
    let mut marks = hand.marks();
    marks.insert(names::ADDRESS.into(), hand.addr.sibling(StepType::Instance).to_string());
    let what = "look for the instance that uses it";
    for instance in hand.look(what, || hand.cloud.instances_tagged(&marks)).await?.iter().filter(|i| alive(i)) {
        end(hand, &instance.id).await?;
    }
    Ok(())
}

fn alive(instance: &Instance) -> bool {
    !instance.has_ended()
}

/// `nitro` or `xen`.
async fn hypervisor(hand: &Hand<'_>, name: &str) -> Outcome<String> {
    let look = || hand.cloud.instance_type(name);
    let found = hand.look(&format!("look up the instance type {name}"), look).await?;
    let hint = "Set `instance_type` to one with Intel or AMD processors, for example t3.large or m6i.large.";
    let refused = |cause: String| {
        Failure::new(codes::UNSUPPORTED_PROCESSOR, format!("take the instance type {name}"), cause, hint)
    };
    let found = found.ok_or_else(|| refused("this region has no such type".into()))?;
    if !found.architectures.iter().any(|architecture| architecture == "x86_64") {
        let has = found.architectures.join(", ");
        return Err(refused(format!("its processors are {has}, and mig's program for runners is built for x86_64")));
    }
    Ok(found.hypervisor)
}

/// The size of the image's root volume.
async fn root_gib(hand: &Hand<'_>, inputs: &InstanceInputs) -> Outcome<u32> {
    let what = format!("look at the image {}", inputs.image_id);
    let found = hand.look(&what, || hand.cloud.image(&inputs.image_id)).await?;
    // An image is withdrawn while instances of it live on: only a new one needs it, and EC2 says so then.
    Ok(found.map_or(0, |image| image.root_gib))
}

/// The instance that is there, or a new one; with the number of its attempt.
async fn the_one(hand: &Hand<'_>, node: &Node, inputs: &InstanceInputs, root_gib: u32) -> Outcome<(String, u32)> {
    let mut attempt = 1;
    if let Some(known) = hand.known::<InstanceOutputs>()? {
        let what = format!("the instance {}", known.id);
        let found = hand.sight(&format!("look for {what}"), || hand.cloud.instance(&known.id)).await?;
        // One that has ended needs no owner.
        let found = found.filter(alive);
        if let Some(instance) = &found {
            hand.claim(&what, &instance.tags)?;
        }
        match found {
            Some(_) if known.stays(node.action) => return Ok((known.id, known.attempt)),
            Some(_) => end(hand, &known.id).await?,
            None => {}
        }
        attempt = known.attempt + 1;
    } else if !hand.intended() {
        // The state is older than what is there: that is taken, not made a second time.
        if let Some(instance) = hand.look(BY_MARKS, || marked(hand)).await? {
            hand.made(&instance.id, attempt).await?;
            return Ok((instance.id, attempt));
        }
    } else if !is_intended(&hand.ctx.resume.notes) {
        // An earlier run asked for one of other settings, and its answer was never seen.
        if let Some(instance) = by_marks(hand).await? {
            end(hand, &instance.id).await?;
            attempt += 1;
        }
    }
    let key: KeyPairOutputs = hand.outputs_of(StepType::KeyPair)?;
    let group: SecurityGroupOutputs = hand.outputs_of(StepType::SecurityGroup)?;
    while attempt <= ATTEMPTS {
        let token = names::token(&hand.context.lineage, hand.addr, attempt);
        let new = NewInstance {
            image_id: inputs.image_id.clone(),
            instance_type: inputs.instance_type.clone(),
            subnet_id: inputs.subnet_id.clone(),
            key_name: key.name.clone(),
            security_group_ids: vec![group.group_id.clone()],
            iam_instance_profile: inputs.iam_instance_profile.clone(),
            root_device: inputs.root_device.clone(),
            root_gib,
            tags: hand.tags(&inputs.tags),
        };
        let new = hand.intend(attempt, new).await?;
        let what = format!("start an instance {} of {}", new.instance_type, new.image_id);
        let made = hand.effect(Call::RunInstances, &what, || hand.cloud.run_instance(&token, &new)).await?;
        let there = match made {
            Done::Made(made) => {
                hand.made(&made.id, attempt).await?;
                let what = format!("look for the instance {}", made.id);
                hand.sight(&what, || hand.cloud.instance(&made.id)).await?
            }
            // The record of an earlier run is lost: its instance has the same tags.
            Done::Already => by_marks(hand).await?,
        };
        // An old token answers with its instance, also when that has ended since.
        if let Some(instance) = there.filter(alive) {
            hand.made(&instance.id, attempt).await?;
            return Ok((instance.id, attempt));
        }
        attempt += 1;
    }
    Err(Failure::new(
        codes::OBJECT_ENDED,
        "start an instance",
        format!("{ATTEMPTS} of them ended one after the other"),
        "Look in the console why (State transition reason): limits of the account, a policy, an image that does not start.",
    ))
}

/// What is done when an object is looked for by its tags.
const BY_MARKS: &str = "look for the instance by its tags";

/// The living instance that bears this lineage's tags and this address, as the account shows it now.
async fn marked(hand: &Hand<'_>) -> Answer<Option<Instance>> {
    Ok(hand.cloud.instances_tagged(&hand.marks()).await?.into_iter().find(alive))
}

/// The same for as long as the account may hide one that was just made.
async fn by_marks(hand: &Hand<'_>) -> Outcome<Option<Instance>> {
    hand.sight(BY_MARKS, || marked(hand)).await
}

async fn end(hand: &Hand<'_>, id: &str) -> Outcome<()> {
    let what = format!("end the instance {id}");
    hand.effect(Call::TerminateInstances, &what, || hand.cloud.terminate_instance(id)).await?;
    let what = &what;
    hand.wait(what, CHANGES_WITHIN, || async move {
        let found = hand.look(what, || hand.cloud.instance(id)).await?;
        Ok(match found.map(|instance| instance.state) {
            None => Ok(()),
            Some(state) if state == "terminated" => Ok(()),
            Some(state) => Err(format!("it is {state}")),
        })
    })
    .await
}

/// Waits until it runs; one that was stopped is started.
async fn running(hand: &Hand<'_>, id: &str) -> Outcome<Instance> {
    let what = format!("start the instance {id}");
    let what = &what;
    hand.wait(what, CHANGES_WITHIN, || async move {
        let found = hand.look(what, || hand.cloud.instance(id)).await?;
        let Some(instance) = found else { return Ok(Err("it is not seen yet".into())) };
        match instance.state.as_str() {
            "running" => Ok(Ok(instance)),
            "stopped" => {
                hand.effect(Call::StartInstances, what, || hand.cloud.start_instance(id)).await?;
                Ok(Err("it was stopped and starts".into()))
            }
            "terminated" | "shutting-down" => Err(Failure::new(
                codes::OBJECT_ENDED,
                what.clone(),
                format!("it is {}", instance.state),
                "Look in the console why (State transition reason), fix it, and run `mig apply` again: it starts another one.",
            )),
            state => Ok(Err(format!("it is {state}"))),
        }
    })
    .await
}
