//! The steps in the cloud: what they make, what they find again, what they refuse, what they leave.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use mig::drive::run::RunEnd;
use mig::formats::plan::Action;
use mig::seams::cloud::Tags;
use serde_json::{Value, json};

use crate::journey::{Journey, LINEAGE, key_file};
use crate::support::cloud_proxy::{Fault, Lag};

const INSTANCE: &str = "runner.ec2.mover.instance";
const VOLUME: &str = "runner.ec2.mover.volume";
const READY: &str = "runner.ec2.mover.ready";
const CONNECTION: &str = "peering.tidb_cloud.connection";

fn complete(end: &RunEnd) {
    assert!(end.complete(), "{:#?}", end.failures);
}

/// The codes and causes of what failed.
fn failed(end: &RunEnd, code: &str, told: &[&str]) {
    let found = end.failures.iter().find(|failure| failure.code == code);
    let found = found.unwrap_or_else(|| panic!("no {code} in {:#?}", end.failures));
    let text = format!("{found}. {}", found.hint);
    for piece in told {
        assert!(text.contains(piece), "{text:?} does not say {piece:?}");
    }
}

fn of(outputs: &Value, field: &str) -> String {
    outputs[field].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_runner_and_peering_are_made_recorded_and_removed() {
    let mut journey = Journey::new().await;
    complete(&journey.apply(&[]).await);
    journey.one_of_each();
    let instance = journey.outputs(INSTANCE);
    assert_eq!((instance["attempt"].as_u64(), of(&instance, "hypervisor").as_str()), (Some(1), "xen"));
    let found = journey.cloud.instance(&of(&instance, "instance_id")).await.unwrap().unwrap();
    let tag = |name: &str| found.tags.get(name).map(String::as_str);
    assert_eq!((tag("mig:lineage"), tag("mig:address"), tag("team")), (Some(LINEAGE), Some(INSTANCE), Some("data")));
    assert!(tag("mig:spec").is_some());
    let volume = journey.outputs(VOLUME);
    let disk = journey.cloud.volume(&of(&volume, "volume_id")).await.unwrap().unwrap();
    assert!(disk.encrypted && disk.attached_to == Some(of(&instance, "instance_id")), "{disk:?}");
    // A root disk bears its instance's tags, and is a part of it.
    let marked = mig::steps::observe::cloud::tagged(journey.cloud.as_ref(), Some(&journey.state())).await;
    let mut marked: Vec<String> = marked.tagged.into_iter().map(|object| object.id).collect();
    marked.sort();
    assert_eq!(marked, [of(&instance, "instance_id"), of(&volume, "volume_id")]);
    let mode = std::fs::metadata(key_file(journey.dir.path())).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let endpoint = &journey.outputs(READY)["endpoint"];
    assert_eq!((endpoint["host"].as_str(), endpoint["port"].as_u64()), (Some("127.0.0.1"), Some(2222)));
    assert_eq!(journey.guest.disk().made, 1);
    assert!(journey.guest.disk().mounted);
    assert_eq!(journey.outputs(CONNECTION)["accepted_here"], json!(true));
    let vpc = journey.cloud.vpc(&journey.site.vpc).await.unwrap().unwrap();
    assert!(vpc.dns_hostnames && vpc.dns_support);

    let before = journey.proxy.done().len();
    journey.plan_anew();
    let again: Vec<(&str, Action)> = [INSTANCE, VOLUME, READY].map(|step| (step, Action::Rerun)).into();
    complete(&journey.apply(&again).await);
    assert_eq!(journey.proxy.done()[before..], [] as [String; 0], "a second run asks for nothing");

    complete(&journey.destroy().await);
    journey.nothing_left();
    assert!(!key_file(journey.dir.path()).exists());
    let peering = journey.cloud.peerings().await.unwrap();
    assert_eq!(peering.iter().find(|p| p.id == journey.site.peering).unwrap().state, "active", "TiDB Cloud's own");
    assert_eq!(journey.state().steps.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn states_and_tags_may_come_late() {
    let journey = Journey::new().await;
    journey.proxy.lag(Lag { states: Duration::from_millis(800), sight: Duration::from_millis(600) });
    journey.guest.0.lock().unwrap().deaf = 3;
    complete(&journey.apply(&[]).await);
    journey.one_of_each();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_or_stopped_is_made_again_or_started() {
    let mut journey = Journey::new().await;
    complete(&journey.apply(&[]).await);
    let first = of(&journey.outputs(INSTANCE), "instance_id");
    let volume = of(&journey.outputs(VOLUME), "volume_id");
    journey.moto.ec2("StopInstances", &[("InstanceId.1", &first)]);
    journey.plan_anew();
    complete(&journey.apply(&[(INSTANCE, Action::Rerun)]).await);
    assert_eq!(journey.cloud.instance(&first).await.unwrap().unwrap().state, "running");

    journey.moto.ec2("TerminateInstances", &[("InstanceId.1", &first)]);
    // What has ended is nobody's any more: its tags stop nothing.
    let strange = [("ResourceId.1", first.as_str()), ("Tag.1.Key", "mig:lineage"), ("Tag.1.Value", "another")];
    journey.moto.ec2("CreateTags", &strange);
    journey.plan_anew();
    complete(&journey.apply(&[(INSTANCE, Action::Create), (VOLUME, Action::Rerun)]).await);
    journey.one_of_each();
    let second = journey.outputs(INSTANCE);
    assert!(of(&second, "instance_id") != first && second["attempt"] == json!(2), "{second}");
    let disk = journey.cloud.volume(&volume).await.unwrap().unwrap();
    assert_eq!(disk.attached_to, Some(of(&second, "instance_id")), "the volume outlives the instance");

    journey.plan_anew();
    complete(&journey.apply(&[(INSTANCE, Action::Replace), (VOLUME, Action::Rerun)]).await);
    journey.one_of_each();
    assert_eq!(journey.outputs(INSTANCE)["attempt"], json!(3));
    assert_eq!(of(&journey.outputs(VOLUME), "volume_id"), volume);

    assert_eq!(journey.guest.disk().unmounted, 0);
    journey.plan_anew();
    complete(&journey.apply(&[(VOLUME, Action::Replace), (READY, Action::Rerun)]).await);
    journey.one_of_each();
    assert_ne!(of(&journey.outputs(VOLUME), "volume_id"), volume);
    let disk = journey.guest.disk();
    assert_eq!((disk.unmounted, disk.mounted), (1, true), "the former volume is mounted still");
    let volume = of(&journey.outputs(VOLUME), "volume_id");

    journey.set(VOLUME, "size_gib", json!(32));
    journey.plan_anew();
    complete(&journey.apply(&[(VOLUME, Action::Rerun)]).await);
    assert_eq!(journey.cloud.volume(&volume).await.unwrap().unwrap().size_gib, 32);
    journey.one_of_each();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_made_is_neither_taken_nor_removed() {
    let mut journey = Journey::new().await;
    complete(&journey.apply(&[]).await);
    let instance = of(&journey.outputs(INSTANCE), "instance_id");
    let strange = [("ResourceId.1", instance.as_str()), ("Tag.1.Key", "mig:lineage"), ("Tag.1.Value", "another")];
    journey.moto.ec2("CreateTags", &strange);
    failed(&journey.destroy().await, "MIG3272", &["another", &instance]);
    assert_eq!(journey.instances(), [instance]);

    let journey = Journey::new().await;
    let theirs = Tags::from([("mig:lineage".to_owned(), "another".to_owned())]);
    let name = mig::formats::cloud_inputs::names::object(LINEAGE, &crate::journey::addr("runner.ec2.mover.key_pair"));
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIu1PNZ2vGCk3e0PEHPoyrULkWQ1yOQ2Jb6XzKqqZ3dR test";
    journey.cloud.import_key_pair(&name, key, &theirs).await.unwrap();
    let group =
        mig::formats::cloud_inputs::names::object(LINEAGE, &crate::journey::addr("runner.ec2.mover.security_group"));
    journey.cloud.create_security_group(&journey.site.vpc, &group, "a stranger's", &theirs).await.unwrap();
    let end = journey.apply(&[]).await;
    failed(&end, "MIG3272", &["of another key", "keys/mover"]);
    assert_eq!(end.failures.iter().filter(|failure| failure.code == "MIG3272").count(), 2, "{:?}", end.failures);
    assert_eq!(journey.instances(), [] as [String; 0]);
}

/// An instance of somebody else has the volume: its disk is not taken from it while it runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_volume_is_not_taken_from_a_strangers_instance() {
    let mut journey = Journey::new().await;
    complete(&journey.apply(&[]).await);
    let own = of(&journey.outputs(INSTANCE), "instance_id");
    let volume = of(&journey.outputs(VOLUME), "volume_id");
    let own = journey.cloud.instance(&own).await.unwrap().unwrap();
    let inputs = &journey.outputs(INSTANCE)["inputs"];
    let image = of(inputs, "image_id");
    let subnet = of(inputs, "subnet_id");
    let theirs = [("ImageId", image.as_str()), ("SubnetId", subnet.as_str()), ("MinCount", "1"), ("MaxCount", "1")];
    let theirs = journey.moto.ec2("RunInstances", &theirs);
    let stranger = crate::support::moto::Moto::ids(&theirs, "instanceId").remove(0);
    journey.moto.ec2("DetachVolume", &[("VolumeId", &volume), ("InstanceId", &own.id)]);
    let attach = [("VolumeId", volume.as_str()), ("InstanceId", stranger.as_str()), ("Device", "/dev/sdf")];
    journey.moto.ec2("AttachVolume", &attach);
    failed(&journey.destroy().await, "MIG3282", &[&stranger, "mig state rm"]);
    let there = journey.cloud.volume(&volume).await.unwrap().unwrap();
    assert_eq!(there.attached_to.as_ref(), Some(&stranger), "{there:?}");
    journey.moto.ec2("TerminateInstances", &[("InstanceId.1", &stranger)]);
    complete(&journey.destroy().await);
    assert!(journey.cloud.volume(&volume).await.unwrap().is_none());
}

/// A state from before the instance was made: it is found by its tags, not made a second time. The emulator knows no
/// tokens.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_older_copy_of_the_state_lacks_is_taken_over() {
    let mut journey = Journey::new().await;
    complete(&journey.apply(&[]).await);
    let made = [(INSTANCE, "instance_id"), (VOLUME, "volume_id")].map(|(step, id)| of(&journey.outputs(step), id));
    journey.forget(&[INSTANCE, VOLUME, READY]);
    journey.plan_anew();
    complete(&journey.apply(&[]).await);
    journey.one_of_each();
    assert_eq!(
        [(INSTANCE, "instance_id"), (VOLUME, "volume_id")].map(|(step, id)| of(&journey.outputs(step), id)),
        made
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_of_a_peering_has_its_own_message_and_what_it_was_is_used_when_it_is_well() {
    let mut journey = Journey::new().await;
    let id = journey.site.peering.clone();
    for (state, code, told) in [
        ("failed", "MIG3242", "overlap"),
        ("expired", "MIG3243", "seven days"),
        ("rejected", "MIG3244", "Request the peering again"),
        ("deleting", "MIG3245", "being deleted"),
        ("deleted", "MIG3245", "was deleted"),
        ("strange", "MIG3246", "strange"),
    ] {
        journey.proxy.peering(&id, state, "so it is");
        failed(&journey.apply(&[]).await, code, &[told]);
        assert_eq!(journey.routes(), 0, "{state}");
    }
    journey.proxy.peering(&id, "", "");
    journey.set(CONNECTION, "region", json!("eu-west-1"));
    failed(&journey.apply(&[]).await, "MIG3249", &["eu-west-1"]);
    journey.set(CONNECTION, "region", json!("us-west-2"));
    journey.set(CONNECTION, "target_cidr", json!("172.30.0.0/16"));
    failed(&journey.apply(&[]).await, "MIG3250", &["10.250.0.0/16"]);
    journey.set(CONNECTION, "target_cidr", json!("10.250.0.0/16"));
    journey.set(CONNECTION, "accept", json!(false));
    failed(&journey.apply(&[]).await, "MIG3241", &["accept = true"]);
    journey.set(CONNECTION, "accept", json!(true));
    journey.proxy.lag(Lag { states: Duration::from_millis(500), sight: Duration::ZERO });
    complete(&journey.apply(&[]).await);
    journey.one_of_each();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_to_elsewhere_is_told_and_one_that_was_there_stays() {
    let mut journey = Journey::new().await;
    let gateway = journey.moto.ec2("CreateInternetGateway", &[]);
    let gateway = crate::support::moto::Moto::ids(&gateway, "internetGatewayId").remove(0);
    let table = journey.site.table.clone();
    let elsewhere =
        [("RouteTableId", table.as_str()), ("DestinationCidrBlock", "10.250.0.0/16"), ("GatewayId", gateway.as_str())];
    journey.moto.ec2("CreateRoute", &elsewhere);
    failed(&journey.apply(&[]).await, "MIG3253", &[&gateway]);
    journey.moto.ec2("DeleteRoute", &elsewhere[..2]);
    journey.cloud.create_route(&table, "10.250.0.0/16", &journey.site.peering).await.unwrap();
    complete(&journey.apply(&[]).await);
    complete(&journey.destroy().await);
    assert_eq!(journey.routes(), 1, "it was there before");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_does_not_fit_is_refused_before_anything_is_written_to_its_disk() {
    let mut journey = Journey::new().await;
    journey.set(INSTANCE, "instance_type", json!("t4g.large"));
    failed(&journey.apply(&[]).await, "MIG3277", &["arm64", "t3.large"]);
    assert_eq!(journey.instances(), [] as [String; 0]);
    journey.set(INSTANCE, "instance_type", json!("t2.large"));
    for (machine, holds, code, told) in [
        ("aarch64", "", "MIG3277", "aarch64"),
        ("x86_64", "LABEL=data\nTYPE=ext4", "MIG3279", "ext4 (data)"),
        ("x86_64", "PTTYPE=dos", "MIG3279", "dos"),
    ] {
        {
            let mut disk = journey.guest.0.lock().unwrap();
            (disk.machine, disk.holds) = (machine.into(), holds.into());
        }
        failed(&journey.apply(&[]).await, code, &[told]);
        assert_eq!((journey.guest.disk().made, journey.guest.disk().mounted), (0, false));
    }
    {
        let mut disk = journey.guest.0.lock().unwrap();
        disk.holds = "LABEL=mig\nTYPE=xfs".into();
    }
    complete(&journey.apply(&[]).await);
    assert_eq!((journey.guest.disk().made, journey.guest.disk().mounted), (0, true), "its own rows are kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_rights_names_the_call_and_a_protected_object_stays() {
    let mut journey = Journey::new().await;
    journey.set(INSTANCE, "prevent_destroy", json!(true));
    complete(&journey.apply(&[]).await);
    failed(&journey.destroy().await, "MIG3225", &["prevent_destroy = false"]);
    assert_eq!(journey.instances().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_whose_answer_was_lost_is_found_and_removed_by_a_destroy() {
    for action in ["RunInstances", "CreateVolume", "CreateSecurityGroup", "ImportKeyPair"] {
        let mut journey = Journey::new().await;
        journey.proxy.arm(action, 0, Fault::DropAfter);
        // Killed in the moment after the call had its effect.
        while !journey.proxy.done().iter().any(|done| done == action) {
            if let Some(end) = journey.apply_until(Duration::from_millis(150)).await {
                complete(&end);
            }
        }
        complete(&journey.destroy().await);
        journey.nothing_left();
    }
}
