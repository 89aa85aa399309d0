//! Looking at a cloud's account: who asks, the clusters and their networks, images, what was made before, peering
//! connections. Side by side, each within a time; what is refused or silent is a fault of that part alone. Changes
//! nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::timeout;

use crate::formats::cloud::Identity;
use crate::formats::cloud_facts::{CloudFacts, ClusterFacts, NetworkFacts, PeeringFacts, RunnerFacts, Seen, Tagged};
use crate::formats::cloud_inputs::{InstanceOutputs, KeyPairOutputs, SecurityGroupOutputs, VolumeOutputs, names};
use crate::formats::spec::model::aws::{Aurora, Ec2};
use crate::formats::spec::model::{RunnerKind, Spec};
use crate::formats::state::State;
use crate::seams::cloud::{Answer, Cloud, CloudFault};
use crate::words::addr::{StepAddr, StepType};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};
use crate::words::secret::Secret;
use serde::de::DeserializeOwned;

/// How long one look may take, with the retries of its host.
const TIME: Duration = Duration::from_secs(60);

/// Looks at everything of an account that the spec speaks of. `cloud`: how it is asked, or why it cannot be.
pub async fn account(cloud: &Outcome<Arc<dyn Cloud>>, spec: &Spec, state: Option<&State>) -> CloudFacts {
    let (cloud, identity) = match (cloud, identity(cloud).await) {
        (Ok(cloud), Ok(identity)) => (cloud.as_ref(), identity),
        (Err(fault), _) => return CloudFacts { fault: Some(fault.clone()), ..CloudFacts::default() },
        (_, Err(fault)) => return CloudFacts { fault: Some(fault), ..CloudFacts::default() },
    };
    let aurora = spec.sources.values().filter_map(|s| s.aurora.as_ref().map(|a| (s.name.clone(), a)));
    let clusters = join_all(aurora.map(|(name, aurora)| async move { (name, cluster(cloud, aurora).await) }));
    let ec2 = spec.runners.values().filter_map(|runner| match &runner.kind {
        RunnerKind::Ec2(ec2) => Some((runner.name.clone(), &**ec2)),
        RunnerKind::Local | RunnerKind::Ssh(_) => None,
    });
    let runners = join_all(ec2.map(|(name, ec2)| async move {
        let facts = runner(cloud, &name, ec2, state).await;
        (name, facts)
    }));
    let (clusters, runners, peerings, marked) =
        futures::join!(clusters, runners, peerings(cloud, spec), tagged(cloud, state));
    let clusters: BTreeMap<String, ClusterFacts> = clusters.into_iter().collect();
    let mut vpcs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for cluster in clusters.values().filter_map(|c| c.cluster.as_ref()) {
        vpcs.entry(cluster.vpc_id.clone()).or_default().extend(cluster.security_group_ids.iter().cloned());
    }
    let networks = join_all(vpcs.into_iter().map(|(vpc, groups)| async move {
        let groups: Vec<String> = groups.into_iter().collect();
        let facts = network(cloud, &vpc, &groups).await;
        (vpc, facts)
    }));
    CloudFacts {
        fault: None,
        identity,
        networks: networks.await.into_iter().collect(),
        clusters,
        runners: runners.into_iter().collect(),
        peerings,
        ..marked
    }
}

/// Living instances and volumes with this lineage's tag: a state that is older than they are knows nothing of them.
pub async fn tagged(cloud: &dyn Cloud, state: Option<&State>) -> CloudFacts {
    // Before anything was made there is nothing to look for.
    let of_cloud = |addr: &StepAddr| addr.step_type().is_some_and(StepType::in_cloud);
    // A state without steps was recovered, or lost them: what its lineage made may be there.
    let may_have =
        |state: &&State| state.provider.is_some() || state.steps.is_empty() || state.steps.keys().any(of_cloud);
    let Some(state) = state.filter(may_have) else { return CloudFacts::default() };
    let marks = BTreeMap::from([(names::LINEAGE.to_owned(), state.lineage.clone())]);
    let (instances, volumes) = futures::join!(
        ask(cloud, "look for instances of this lineage", cloud.instances_tagged(&marks)),
        ask(cloud, "look for volumes of this lineage", cloud.volumes_tagged(&marks)),
    );
    let mut faults = Vec::new();
    let of = |id: &str, tags: &BTreeMap<String, String>| Tagged {
        id: id.to_owned(),
        address: tags.get(names::ADDRESS).cloned().unwrap_or_default(),
    };
    let instances = or_fault(instances, &mut faults);
    let mut tagged: Vec<Tagged> = instances.iter().filter(|i| !i.has_ended()).map(|i| of(&i.id, &i.tags)).collect();
    // The root disk of an instance bears its instance's tags and goes with it, also while that ends.
    let of_instance =
        |address: &str| StepAddr::parse(address).is_some_and(|a| a.step_type() == Some(StepType::Instance));
    let ids: BTreeSet<String> = instances.into_iter().map(|instance| instance.id).collect();
    for volume in or_fault(volumes, &mut faults).into_iter().filter(|v| !v.has_ended()) {
        let object = of(&volume.id, &volume.tags);
        let root = of_instance(&object.address) && volume.attached_to.is_some_and(|holder| ids.contains(&holder));
        if !root {
            tagged.push(object);
        }
    }
    tagged.sort();
    CloudFacts { tagged, tagged_fault: faults.into_iter().next(), ..CloudFacts::default() }
}

/// Whose the credentials are.
///
/// # Errors
/// No credentials, no answer, a refusal.
pub async fn identity(cloud: &Outcome<Arc<dyn Cloud>>) -> Outcome<Identity> {
    let cloud = cloud.as_ref().map_err(Failure::clone)?;
    ask(cloud.as_ref(), "find out whose the credentials are", cloud.identity()).await
}

/// The clusters alone: where the sources are.
pub async fn clusters(cloud: &dyn Cloud, spec: &Spec) -> CloudFacts {
    let aurora = spec.sources.values().filter_map(|s| s.aurora.as_ref().map(|a| (s.name.clone(), a)));
    let found = join_all(aurora.map(|(name, aurora)| async move {
        let id = aurora.cluster_identifier.as_str();
        let found = ask(cloud, &format!("look up the cluster {id}"), cloud.cluster(id)).await;
        (name, ClusterFacts { cluster: found.ok().flatten(), ..ClusterFacts::default() })
    }))
    .await;
    CloudFacts { clusters: found.into_iter().collect(), ..CloudFacts::default() }
}

/// Passwords that lie in Secrets Manager, of sources that are read on this machine. `on_runner`: this is a runner, all of
/// them are; elsewhere those that a runner reads are left to its own role.
pub async fn secrets(cloud: &dyn Cloud, spec: &Spec, on_runner: bool) -> Vec<(String, Outcome<Secret>)> {
    let remote = |source: &str| {
        let of = spec.migrations.values().filter(|m| m.source == source);
        let runners = of.filter_map(|m| spec.runners.get(m.runner.as_ref()?));
        runners.into_iter().any(|runner| runner.is_remote())
    };
    let wanted = spec.sources.values().filter(|s| on_runner || !remote(&s.name));
    let wanted = wanted.filter_map(|s| Some((s.name.clone(), s.aurora.as_ref()?.password_secret.as_deref()?)));
    let fetch = |(name, id): (String, &'_ str)| {
        let id = id.to_owned();
        async move {
            let found = ask(cloud, "fetch the source's password", cloud.secret(&id)).await;
            (name, found.and_then(|secret| password_of(&secret)))
        }
    };
    join_all(wanted.map(fetch)).await
}

/// The password in a secret: of RDS's own form, JSON with a `password`, else the whole text.
fn password_of(secret: &Secret) -> Outcome<Secret> {
    let text = secret.reveal();
    let json: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(text).ok();
    match json.as_ref().map(|fields| fields.get("password").and_then(serde_json::Value::as_str)) {
        None => Ok(Secret::new(text.to_owned())),
        Some(Some(password)) => Ok(Secret::new(password.to_owned())),
        Some(None) => Err(Failure::new(
            codes::SECRET_WITHOUT_PASSWORD,
            "read the source's password out of its secret",
            "the secret is JSON without a `password` that is a text",
            "Name a secret in the form that RDS makes, {\"username\": …, \"password\": …}, or one that is the password alone.",
        )),
    }
}

/// One look, within its time.
pub(in crate::steps) async fn ask<T>(
    cloud: &dyn Cloud,
    doing: &str,
    look: impl Future<Output = Answer<T>>,
) -> Outcome<T> {
    let doing = || format!("{doing} ({})", cloud.place());
    match timeout(TIME, look).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(fault)) => Err(told(fault, doing())),
        Err(_) => Err(Failure::new(
            codes::CLOUD_UNKNOWN,
            doing(),
            format!("no answer within {} s", TIME.as_secs()),
            "Look whether this machine reaches the endpoint (a proxy, a VPC endpoint), then run the command again.",
        )
        .retryable()),
    }
}

/// A refusal of the API as a failure.
fn told(fault: CloudFault, doing: String) -> Failure {
    let request = fault.request_id.map(|id| format!(", request {id}")).unwrap_or_default();
    let code = if fault.code.is_empty() { String::new() } else { format!("{}: ", fault.code) };
    let cause = format!("{code}{}{request}", fault.message);
    const DENIED: [&str; 5] = [
        "UnauthorizedOperation",
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "Client.UnauthorizedOperation",
    ];
    const STRANGER: [&str; 6] = [
        "AuthFailure",
        "InvalidClientTokenId",
        "ExpiredToken",
        "ExpiredTokenException",
        "SignatureDoesNotMatch",
        "RequestExpired",
    ];
    if DENIED.contains(&fault.code.as_str()) {
        let hint = "`mig explain iam-policy`, in the spec's folder, prints the least policy that this spec needs.";
        return Failure::new(codes::CLOUD_DENIED, doing, cause, hint);
    }
    if STRANGER.contains(&fault.code.as_str()) {
        let hint =
            "Renew the credentials (aws sso login, a new session), and look that the clock of this machine is right.";
        return Failure::new(codes::CLOUD_CREDENTIALS, doing, cause, hint);
    }
    let hint = match fault.code.is_empty() {
        true => "Look that credentials are set (environment, profile, SSO) and that this machine reaches the endpoint.",
        false => "Look at the account in the console, then run the command again.",
    };
    Failure::new(codes::CLOUD_UNKNOWN, doing, cause, hint)
}

async fn cluster(cloud: &dyn Cloud, aurora: &Aurora) -> ClusterFacts {
    let id = aurora.cluster_identifier.as_str();
    let found = ask(cloud, &format!("look up the cluster {id}"), cloud.cluster(id)).await;
    let mut facts = ClusterFacts::default();
    match found {
        Ok(found) => facts.cluster = found,
        Err(fault) => facts.fault = Some(fault),
    }
    if facts.cluster.is_some() {
        match ask(cloud, &format!("ask CloudWatch for the bytes of {id}"), cloud.volume_bytes_used(id)).await {
            Ok(bytes) => facts.volume_bytes = bytes,
            Err(fault) => facts.volume_fault = Some(fault),
        }
    }
    facts
}

async fn network(cloud: &dyn Cloud, vpc: &str, groups: &[String]) -> NetworkFacts {
    let doing = |what: &str| format!("look at {what} of {vpc}");
    let looks = ["the settings", "the subnets", "the security groups", "the route tables"].map(doing);
    let (found, subnets, groups, tables) = futures::join!(
        ask(cloud, &looks[0], cloud.vpc(vpc)),
        ask(cloud, &looks[1], cloud.subnets(vpc)),
        ask(cloud, &looks[2], cloud.security_groups(groups)),
        ask(cloud, &looks[3], cloud.route_tables(vpc)),
    );
    let mut faults = Vec::new();
    let mut facts = NetworkFacts {
        vpc: or_fault(found, &mut faults),
        subnets: or_fault(subnets, &mut faults),
        route_tables: or_fault(tables, &mut faults),
        groups: or_fault(groups, &mut faults),
        faults: Vec::new(),
    };
    // Answers come in any order, and a plan's body is the same for the same world.
    facts.subnets.sort_by(|a, b| a.id.cmp(&b.id));
    facts.route_tables.sort_by(|a, b| a.id.cmp(&b.id));
    facts.groups.sort_by(|a, b| a.id.cmp(&b.id));
    facts.faults = faults;
    facts
}

fn or_fault<T: Default>(answer: Outcome<T>, faults: &mut Vec<Failure>) -> T {
    answer.unwrap_or_else(|fault| {
        faults.push(fault);
        T::default()
    })
}

/// What a part of a runner ended with.
fn recorded<T: DeserializeOwned>(
    state: Option<&State>,
    runner: &str,
    part: StepType,
    faults: &mut Vec<Failure>,
) -> Option<T> {
    let addr = StepAddr::of_ec2(runner, part);
    let record = state?.steps.get(&addr)?;
    or_fault(record.outputs_as(&addr), faults)
}

async fn runner(cloud: &dyn Cloud, name: &str, ec2: &Ec2, state: Option<&State>) -> RunnerFacts {
    let mut faults = Vec::new();
    let key = recorded::<KeyPairOutputs>(state, name, StepType::KeyPair, &mut faults).map(|made| made.name);
    let group = recorded::<SecurityGroupOutputs>(state, name, StepType::SecurityGroup, &mut faults);
    let (key, group) = (ec2.key_pair.clone().or(key), ec2.security_group.clone().or(group.map(|made| made.group_id)));
    let instance = recorded::<InstanceOutputs>(state, name, StepType::Instance, &mut faults).map(|m| m.instance_id);
    let volume = recorded::<VolumeOutputs>(state, name, StepType::Volume, &mut faults).map(|made| made.volume_id);
    let images = async { ask(cloud, "look for the runner's image", cloud.images(&ec2.ami_owner, &ec2.ami_name)).await };
    let key_pair = async {
        let Some(key) = &key else { return Ok(Seen::Unasked) };
        ask(cloud, &format!("look for the key pair {key}"), cloud.key_pair(key)).await.map(Seen::of)
    };
    let group = async {
        let Some(group) = &group else { return Ok(Seen::Unasked) };
        let ids = std::slice::from_ref(group);
        let found = ask(cloud, &format!("look for the security group {group}"), cloud.security_groups(ids)).await;
        found.map(|found| Seen::of(found.into_iter().next()))
    };
    let instance = async {
        let Some(id) = &instance else { return Ok(Seen::Unasked) };
        ask(cloud, &format!("look for the instance {id}"), cloud.instance(id)).await.map(Seen::of)
    };
    let volume = async {
        let Some(id) = &volume else { return Ok(Seen::Unasked) };
        ask(cloud, &format!("look for the volume {id}"), cloud.volume(id)).await.map(Seen::of)
    };
    let (images, key_pair, group, instance, volume) = futures::join!(images, key_pair, group, instance, volume);
    let mut images = or_fault(images, &mut faults);
    images.sort_by(|a, b| a.id.cmp(&b.id));
    RunnerFacts {
        images,
        key_pair: or_fault(key_pair, &mut faults),
        group: or_fault(group, &mut faults),
        instance: or_fault(instance, &mut faults),
        volume: or_fault(volume, &mut faults),
        faults,
    }
}

async fn peerings(cloud: &dyn Cloud, spec: &Spec) -> BTreeMap<String, PeeringFacts> {
    if spec.peerings.is_empty() {
        return BTreeMap::new();
    }
    let found = ask(cloud, "look at the peering connections", cloud.peerings()).await;
    let facts = match found {
        Ok(mut connections) => {
            connections.sort_by(|a, b| a.id.cmp(&b.id));
            PeeringFacts { fault: None, connections }
        }
        Err(fault) => PeeringFacts { fault: Some(fault), connections: Vec::new() },
    };
    spec.peerings.keys().map(|address| (address.clone(), facts.clone())).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_field_of_a_json_secret_or_the_whole_text() {
        for (text, expected) in [
            ("hunter2", Some("hunter2")),
            (r#"{"username": "admin", "password": "hunter2"}"#, Some("hunter2")),
            (r#"{"username": "admin"}"#, None),
            (r#"{"password": 5}"#, None),
            (r#"{not json"#, Some("{not json")),
        ] {
            let found = password_of(&Secret::new(text.to_owned()));
            match expected {
                Some(expected) => assert_eq!(found.unwrap().reveal(), expected),
                None => {
                    let failure = found.err().unwrap();
                    assert!(failure.code == "MIG3213" && !failure.to_string().contains("hunter2"));
                }
            }
        }
    }

    #[test]
    fn a_refusal_is_told_by_what_is_to_be_done() {
        for (code, expected) in [
            ("UnauthorizedOperation", "MIG3210"),
            ("AccessDenied", "MIG3210"),
            ("ExpiredToken", "MIG3212"),
            ("AuthFailure", "MIG3212"),
            ("RequestLimitExceeded", "MIG3211"),
            ("", "MIG3211"),
        ] {
            let fault =
                CloudFault { code: code.into(), message: "no".into(), request_id: Some("r-1".into()), unknown: false };
            let failure = told(fault, "look".into());
            assert_eq!(failure.code, expected, "{code}");
            assert!(failure.cause.contains("request r-1"), "{failure}");
        }
    }
}
