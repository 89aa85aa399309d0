//! `runner.ec2.….volume`: a volume of its own under one address, attached to the instance. It outlives the instance, and
//! grows in place.

use std::time::Duration;

use serde_json::{Value, json};

use crate::formats::cloud::{NewVolume, Volume};
use crate::formats::cloud_inputs::{InstanceOutputs, VolumeInputs, VolumeOutputs, names};
use crate::formats::plan::Node;
use crate::seams::cloud::Answer;
use crate::steps::cloud::session::{Call, Done, Hand, Remains, is_intended};
use crate::steps::context::{Context, read_inputs};
use crate::steps::step::StepCtx;
use crate::words::addr::StepType;
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// The device by which it is attached; EC2 recommends f to p for volumes beside the root's. A guest on Xen sees it as
/// `/dev/xvdf`, on Nitro as some NVMe disk.
pub const DEVICE: &str = "/dev/sdf";

const CHANGES_WITHIN: Duration = Duration::from_secs(600);

const ATTEMPTS: u32 = 20;

pub async fn run(context: &Context, node: &Node, ctx: &StepCtx) -> Outcome<Value> {
    let inputs: VolumeInputs = read_inputs(node)?;
    let hand = Hand::of(context, ctx, node)?;
    hand.begin(&inputs).await?;
    let instance: InstanceOutputs = hand.outputs_of(StepType::Instance)?;
    let (id, attempt) = the_one(&hand, node, &inputs).await?;
    attach(&hand, &id, &instance).await?;
    grow(&hand, &id, inputs.size_gib).await?;
    let instance_id = instance.instance_id;
    Ok(json!(VolumeOutputs { inputs, volume_id: id, attempt, device: DEVICE.into(), instance_id }))
}

/// Detaches and deletes every volume that this lineage has under this address.
pub async fn destroy(context: &Context, node: &Node, ctx: &StepCtx) -> Outcome<Value> {
    let remains = Remains::<VolumeOutputs>::of(node)?;
    let hand = Hand::of(context, ctx, node)?;
    for id in remains.ids() {
        let what = format!("the volume {id}");
        remains.may_go(&what)?;
        let look = format!("look for {what}");
        let found = hand.find(remains.is_fresh(id), &look, || hand.cloud.volume(id)).await?;
        if let Some(volume) = found.filter(alive) {
            hand.claim(&what, &volume.tags)?;
            delete(&hand, id).await?;
        }
    }
    if remains.unanswered()
        && let Some(volume) = by_marks(&hand).await?
    {
        delete(&hand, &volume.id).await?;
    }
    Ok(Value::Null)
}

fn alive(volume: &Volume) -> bool {
    !volume.has_ended()
}

/// The volume that is there, or a new one; with the number of its attempt.
async fn the_one(hand: &Hand<'_>, node: &Node, inputs: &VolumeInputs) -> Outcome<(String, u32)> {
    let mut attempt = 1;
    if let Some(known) = hand.known::<VolumeOutputs>()? {
        let what = format!("the volume {}", known.id);
        let found = hand.sight(&format!("look for {what}"), || hand.cloud.volume(&known.id)).await?;
        // One that is gone needs no owner.
        let found = found.filter(alive);
        if let Some(volume) = &found {
            hand.claim(&what, &volume.tags)?;
        }
        match found {
            Some(_) if known.stays(node.action) => return Ok((known.id, known.attempt)),
            Some(_) => delete(hand, &known.id).await?,
            None => {}
        }
        attempt = known.attempt + 1;
    } else if !hand.intended() {
        // The state is older than what is there: that is taken, not made a second time.
        if let Some(volume) = hand.look(BY_MARKS, || marked(hand)).await? {
            hand.made(&volume.id, attempt).await?;
            return Ok((volume.id, attempt));
        }
    } else if !is_intended(&hand.ctx.resume.notes) {
        // An earlier run asked for one of other settings, and its answer was never seen.
        if let Some(volume) = by_marks(hand).await? {
            delete(hand, &volume.id).await?;
            attempt += 1;
        }
    }
    while attempt <= ATTEMPTS {
        let token = names::token(&hand.context.lineage, hand.addr, attempt);
        let new = NewVolume {
            zone: inputs.zone.clone(),
            size_gib: inputs.size_gib,
            volume_type: inputs.volume_type.clone(),
            iops: inputs.iops,
            throughput: inputs.throughput,
            encrypted: inputs.encrypted,
            tags: hand.tags(&inputs.tags),
        };
        let new = hand.intend(attempt, new).await?;
        let what = format!("make a volume of {} GiB", new.size_gib);
        let there = match hand.effect(Call::CreateVolume, &what, || hand.cloud.create_volume(&token, &new)).await? {
            Done::Made(made) => {
                hand.made(&made.id, attempt).await?;
                hand.sight(&format!("look for the volume {}", made.id), || hand.cloud.volume(&made.id)).await?
            }
            Done::Already => by_marks(hand).await?,
        };
        if let Some(volume) = there.filter(alive) {
            hand.made(&volume.id, attempt).await?;
            return Ok((volume.id, attempt));
        }
        attempt += 1;
    }
    Err(Failure::new(
        codes::OBJECT_ENDED,
        "make a volume",
        format!("{ATTEMPTS} of them went away one after the other"),
        "Look in the console and in CloudTrail who deletes them: a policy of the account, a cleaner of untagged objects.",
    ))
}

/// What is done when an object is looked for by its tags.
const BY_MARKS: &str = "look for the volume by its tags";

/// The living volume that bears this lineage's tags and this address, as the account shows it now.
async fn marked(hand: &Hand<'_>) -> Answer<Option<Volume>> {
    Ok(hand.cloud.volumes_tagged(&hand.marks()).await?.into_iter().find(alive))
}

/// The same for as long as the account may hide one that was just made.
async fn by_marks(hand: &Hand<'_>) -> Outcome<Option<Volume>> {
    hand.sight(BY_MARKS, || marked(hand)).await
}

/// Waits until it is attached to the instance and to no other.
async fn attach(hand: &Hand<'_>, id: &str, instance: &InstanceOutputs) -> Outcome<()> {
    let what = format!("attach the volume {id} to {}", instance.instance_id);
    let what = &what;
    // What a run before this one had it attached to.
    let former = hand.before::<VolumeOutputs>()?.map(|was| was.instance_id);
    let former = &former;
    hand.wait(what, CHANGES_WITHIN, || async move {
        let found = hand.look(what, || hand.cloud.volume(id)).await?;
        let Some(volume) = found else { return Ok(Err("it is not seen yet".into())) };
        if volume.zone != instance.inputs.zone {
            let cause = format!("the volume is in {}, the instance in {}", volume.zone, instance.inputs.zone);
            let hint = "Let both be made in one zone: mig apply -replace of the volume, or set `subnet_id` to one of its zone.";
            return Err(Failure::new(codes::VOLUME_NOT_ATTACHABLE, what.clone(), cause, hint));
        }
        match &volume.attached_to {
            Some(holder) if *holder == instance.instance_id && volume.state == "in-use" => Ok(Ok(())),
            Some(holder) if *holder == instance.instance_id => Ok(Err(format!("it is {}", volume.state))),
            Some(holder) => {
                let other = hand.look(what, || hand.cloud.instance(holder)).await?;
                if other.is_some_and(|other| !other.has_ended()) && former.as_ref() != Some(holder) {
                    let cause = format!("another instance has it: {holder}");
                    let hint = "Detach it there if it is not needed, then run `mig apply` again.";
                    return Err(Failure::new(codes::VOLUME_NOT_ATTACHABLE, what.clone(), cause, hint));
                }
                hand.effect(Call::DetachVolume, what, || hand.cloud.detach_volume(id, holder)).await?;
                Ok(Err(format!("{holder} lets go of it")))
            }
            None if volume.state == "available" => {
                let ask = || hand.cloud.attach_volume(id, &instance.instance_id, DEVICE);
                hand.effect(Call::AttachVolume, what, ask).await?;
                Ok(Err("it is being attached".into()))
            }
            None => Ok(Err(format!("it is {}", volume.state))),
        }
    })
    .await
}

/// A larger size is asked for once and waited for; a volume never shrinks.
async fn grow(hand: &Hand<'_>, id: &str, size_gib: u32) -> Outcome<()> {
    let what = format!("grow the volume {id} to {size_gib} GiB");
    let what = &what;
    hand.wait(what, CHANGES_WITHIN, || async move {
        let found = hand.look(what, || hand.cloud.volume(id)).await?;
        match found.map(|volume| volume.size_gib) {
            Some(size) if size >= size_gib => Ok(Ok(())),
            Some(size) => {
                hand.effect(Call::ModifyVolume, what, || hand.cloud.modify_volume(id, size_gib)).await?;
                Ok(Err(format!("it has {size} GiB")))
            }
            None => Ok(Err("it is not seen".into())),
        }
    })
    .await
}

/// A volume is taken from an instance of this lineage, or from one that ends. Another one that runs works on it.
async fn may_lose(hand: &Hand<'_>, what: &str, holder: &str) -> Outcome<()> {
    let Some(instance) = hand.look(what, || hand.cloud.instance(holder)).await? else { return Ok(()) };
    if instance.has_ended() || instance.tags.get(names::LINEAGE) == Some(&hand.context.lineage) {
        return Ok(());
    }
    let cause =
        format!("{holder} has it attached and is {}, and it is not an instance of this lineage", instance.state);
    let hint = "mig takes no disk from an instance that it did not make. Detach the volume there if it is not needed, then \
                run the command again. To keep the volume, take its step out of the state: `mig state rm` and its address.";
    Err(Failure::new(codes::VOLUME_OF_OTHER_INSTANCE, what, cause, hint))
}

async fn delete(hand: &Hand<'_>, id: &str) -> Outcome<()> {
    let what = format!("delete the volume {id}");
    let what = &what;
    hand.wait(what, CHANGES_WITHIN, || async move {
        let found = hand.look(what, || hand.cloud.volume(id)).await?.filter(alive);
        match found {
            None => Ok(Ok(())),
            Some(Volume { attached_to: Some(holder), .. }) => {
                may_lose(hand, what, &holder).await?;
                hand.effect(Call::DetachVolume, what, || hand.cloud.detach_volume(id, &holder)).await?;
                Ok(Err("it is being detached".into()))
            }
            Some(_) => {
                hand.effect(Call::DeleteVolume, what, || hand.cloud.delete_volume(id)).await?;
                Ok(Err("it goes".into()))
            }
        }
    })
    .await
}
