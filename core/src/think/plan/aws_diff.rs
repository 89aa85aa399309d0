//! A step in AWS against its record and against the object as it is: created, left, fixed in place, or replaced, each
//! with its reason. What an object is told by its own facts alone; what hangs on another step waits for that one's fate.

use std::collections::BTreeMap;

use crate::formats::cause::{Cause, CloudObject, Drift, Input, Upstream};
use crate::formats::cloud::{Instance, KeyPair, Peer, PeeringConnection, RouteTable, SecurityGroup, Volume, Vpc};
use crate::formats::cloud_facts::Seen;
use crate::formats::cloud_inputs::{
    InstanceInputs, InstanceOutputs, KeyPairInputs, KeyPairOutputs, Origin, PeeringInputs, PeeringOutputs, ReadyInputs,
    RouteInputs, SecurityGroupInputs, SecurityGroupOutputs, VolumeInputs, VolumeOutputs,
};
use crate::formats::plan::Action;
use crate::formats::state::{Status, StepRecord};
use crate::think::cloud::reach::{Way, way};
use crate::words::addr::StepAddr;

/// What to do, and why.
pub(super) type Decision = (Action, Cause);

/// A step of whose object another one is made.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundTo {
    addr: StepAddr,
    upstream: Upstream,
    /// What becomes of the other object when this one is replaced.
    action: Action,
    /// The same object, set right in place, is a reason, too: what the other step did to it may not hold any more.
    fixed: Option<Upstream>,
}

impl BoundTo {
    /// Why the other step is done, if what was decided of this one is a reason.
    fn reason(&self, decided: Option<&Decision>) -> Option<Upstream> {
        match decided? {
            (Action::Create | Action::Replace, _) => Some(self.upstream),
            // Nothing of the object changes.
            (_, Cause::InputChanged { input: Input::PreventDestroy { .. } }) => None,
            _ => self.fixed,
        }
    }
}

/// The observed state of an AWS object relative to its step, without regard to the steps before it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// What it is made from, for the plan.
    pub what: String,
    /// What to do where its settings are others than those recorded.
    pub changed: Option<Decision>,
    /// What to do where the object is not as it was left.
    pub drift: Option<Decision>,
    /// Steps whose object this one is bound to.
    pub bound_to: Vec<BoundTo>,
    /// What `-replace` means for it: what is made is made again, what is looked at is looked at again.
    pub asked: Option<Action>,
    /// The record or the spec says that it is neither destroyed nor replaced.
    pub prevented: bool,
}

impl Standing {
    /// The step's fate. `above` tells what was decided of a step before it.
    pub fn decide(
        &self,
        record: Option<&StepRecord>,
        same: bool,
        requested: bool,
        rerun_pending: bool,
        above: &BTreeMap<StepAddr, Option<Decision>>,
    ) -> Option<Decision> {
        let Some(record) = record else { return Some((Action::Create, Cause::NotRecorded)) };
        let made = !record.outputs.is_none();
        if requested {
            return Some((self.asked.unwrap_or(Action::Rerun), Cause::Requested));
        }
        // Of what never came to its end nothing is known but its intent: the step looks for itself.
        if !same && made {
            return self.changed.clone().or(input(Action::Rerun, Input::Setting));
        }
        if rerun_pending {
            return Some((Action::Rerun, Cause::RerunPending));
        }
        let reason = |bound: &BoundTo| bound.reason(above.get(&bound.addr).and_then(Option::as_ref));
        let bound = self.bound_to.iter().filter(|_| made).find_map(|bound| Some((bound.action, reason(bound)?)));
        if let Some((action, upstream)) = bound {
            return Some((action, Cause::Upstream { upstream }));
        }
        let unfinished = |failed| Some((Action::Rerun, Cause::Unfinished { failed, files: None }));
        match record.status {
            Status::Running => unfinished(false),
            Status::Failed => unfinished(true),
            Status::Stale => {
                let action = self.bound_to.first().map_or(Action::Rerun, |bound| bound.action);
                Some((action, Cause::LeftOut))
            }
            Status::Complete => self.drift.clone(),
        }
    }
}

fn input(action: Action, input: Input) -> Option<Decision> {
    Some((action, Cause::InputChanged { input }))
}

fn drifted(action: Action, drift: Drift) -> Option<Decision> {
    Some((action, Cause::Drift { drift }))
}

fn gone(object: CloudObject, id: &str) -> Option<Decision> {
    drifted(Action::Create, Drift::Gone { object, id: id.to_owned() })
}

/// What an object is bound to, in the order in which the causes count.
fn bound<const N: usize>(above: &[StepAddr], upstreams: [Upstream; N], action: Action) -> Vec<BoundTo> {
    let pairs = above.iter().cloned().zip(upstreams);
    pairs.map(|(addr, upstream)| BoundTo { addr, upstream, action, fixed: None }).collect()
}

pub(super) fn key_pair(was: Option<&KeyPairOutputs>, inputs: &KeyPairInputs, seen: &Seen<KeyPair>) -> Standing {
    let file = inputs.identity_file.as_deref().unwrap_or_default();
    let what = match &inputs.key {
        Origin::Create => format!("ed25519: {file}, made here (0600) if it is not there"),
        Origin::Existing(name) => format!("{name}, which is there"),
    };
    let changed = was.and_then(|was| match was.inputs.key == inputs.key {
        true => input(Action::Replace, Input::IdentityFile),
        false => input(Action::Replace, Input::KeyName),
    });
    let drift = was.and_then(|was| match seen {
        Seen::Gone => gone(CloudObject::KeyPair, &was.name),
        Seen::There(key) if !was.fingerprint.is_empty() && key.fingerprint != was.fingerprint => {
            drifted(Action::Replace, Drift::KeyPairDiffers { name: was.name.clone() })
        }
        Seen::There(_) | Seen::Unasked => None,
    });
    Standing { what, changed, drift, asked: Some(Action::Replace), ..Standing::default() }
}

pub(super) fn group(
    was: Option<&SecurityGroupOutputs>,
    inputs: &SecurityGroupInputs,
    seen: &Seen<SecurityGroup>,
    of_source: &[SecurityGroup],
) -> Standing {
    let SecurityGroupInputs { ssh_port, ssh_from, source_port, .. } = inputs;
    let rule = match &inputs.source_group {
        Some(group) => format!("; one rule on {group}: {source_port} from it"),
        None => String::new(),
    };
    let what = match &inputs.group {
        Origin::Create => format!("in {}: {ssh_port} from {}{rule}", inputs.vpc_id, ssh_from.join(", ")),
        Origin::Existing(id) => format!("{id}, which is there{rule}"),
    };
    let changed = was.and_then(|was| match was.inputs.group == inputs.group && was.inputs.vpc_id == inputs.vpc_id {
        true => input(Action::Rerun, Input::Rules),
        false => input(Action::Replace, Input::SecurityGroup),
    });
    let drift = was.and_then(|was| {
        let id = was.group_id.as_str();
        let theirs = match seen {
            Seen::Gone => return gone(CloudObject::SecurityGroup, id),
            Seen::Unasked => return None,
            Seen::There(group) => group,
        };
        if was.owned {
            let has = |cidr: &String| {
                let peer = Peer::Cidr(cidr.clone());
                theirs
                    .rules
                    .iter()
                    .any(|r| !r.egress && r.peer == peer && (r.from_port..=r.to_port).contains(&was.inputs.ssh_port))
            };
            if let Some(cidr) = was.inputs.ssh_from.iter().find(|cidr| !has(cidr)) {
                return drifted(Action::Rerun, Drift::SshRuleLost { group: id.into(), cidr: cidr.clone() });
            }
        }
        let source = was.inputs.source_group.as_ref().filter(|_| was.owns_source_rule)?;
        let there = of_source.iter().find(|group| group.id == *source)?;
        let peer = Peer::Group(id.to_owned());
        let port = was.inputs.source_port;
        let lets =
            |r: &crate::formats::cloud::Rule| !r.egress && r.peer == peer && (r.from_port..=r.to_port).contains(&port);
        let lost = !there.rules.iter().any(lets);
        let drift = Drift::SourceRuleLost { source_group: source.clone(), port, group: id.to_owned() };
        if lost { drifted(Action::Rerun, drift) } else { None }
    });
    Standing { what, changed, drift, asked: Some(Action::Replace), ..Standing::default() }
}

pub(super) fn instance(
    was: Option<&InstanceOutputs>,
    inputs: Option<&InstanceInputs>,
    seen: &Seen<Instance>,
    above: &[StepAddr],
) -> Standing {
    let what = inputs.map_or_else(String::new, |i| {
        format!("{} from {} ({}), in {} ({})", i.instance_type, i.image_id, i.image_name, i.subnet_id, i.subnet_reason)
    });
    let changed = was.zip(inputs).and_then(|(was, now)| instance_changed(&was.inputs, now));
    let drift = was.and_then(|was| {
        let id = was.instance_id.as_str();
        match seen {
            Seen::Unasked => None,
            Seen::Gone => gone(CloudObject::Instance, id),
            Seen::There(now) => match now.state.as_str() {
                "terminated" | "shutting-down" => ended(CloudObject::Instance, id),
                "stopped" | "stopping" => drifted(Action::Rerun, Drift::InstanceStopped { id: id.into() }),
                _ if !now.instance_type.is_empty() && now.instance_type != was.inputs.instance_type => {
                    let (from, to) = (was.inputs.instance_type.clone(), now.instance_type.clone());
                    drifted(Action::Replace, Drift::InstanceChanged { id: id.into(), from, to })
                }
                _ => None,
            },
        }
    });
    let prevented = was.is_some_and(|was| was.inputs.prevent_destroy) || inputs.is_some_and(|now| now.prevent_destroy);
    let bound_to = bound(above, [Upstream::KeyPairReplaced, Upstream::SecurityGroupReplaced], Action::Replace);
    Standing { what, changed, drift, bound_to, asked: Some(Action::Replace), prevented }
}

pub(super) fn volume(
    was: Option<&VolumeOutputs>,
    inputs: Option<&VolumeInputs>,
    (seen, instance_id): (&Seen<Volume>, Option<String>),
    instance: &StepAddr,
) -> Standing {
    let what = inputs.map_or_else(String::new, |i| {
        let safe = if i.encrypted { "encrypted" } else { "not encrypted" };
        format!("{} GiB {}, {safe}: {}", i.size_gib, i.volume_type, i.size_reason)
    });
    let changed = was.zip(inputs).and_then(|(was, now)| volume_changed(&was.inputs, now));
    let drift = was.and_then(|was| {
        let id = was.volume_id.as_str();
        match seen {
            Seen::Unasked => None,
            Seen::Gone => gone(CloudObject::Volume, id),
            Seen::There(now) => match now.state.as_str() {
                "deleting" | "deleted" => ended(CloudObject::Volume, id),
                "error" => drifted(Action::Replace, Drift::VolumeBroken { id: id.into() }),
                _ if now.attached_to.is_none() || now.attached_to != instance_id => {
                    drifted(Action::Rerun, Drift::VolumeDetached { id: id.into() })
                }
                _ => None,
            },
        }
    });
    let prevented = was.is_some_and(|was| was.inputs.prevent_destroy) || inputs.is_some_and(|now| now.prevent_destroy);
    let bound_to = bound(std::slice::from_ref(instance), [Upstream::InstanceReplaced], Action::Rerun);
    Standing { what, changed, drift, bound_to, asked: Some(Action::Replace), prevented }
}

pub(super) fn ready(inputs: &ReadyInputs, above: &[StepAddr]) -> Standing {
    let host = inputs.host.as_deref().unwrap_or("the instance");
    let what = format!("SSH as {} to {host}:{}, volume at {}", inputs.user, inputs.port, inputs.mount);
    let mut bound_to = bound(above, [Upstream::InstanceReplaced, Upstream::VolumeReplaced], Action::Rerun);
    // After a restart of the instance, or when the volume was attached again or has grown, the mount and the file system have
    // to be set up again.
    for (bound, fixed) in bound_to.iter_mut().zip([Upstream::InstanceChanged, Upstream::VolumeChanged]) {
        bound.fixed = Some(fixed);
    }
    Standing { what, bound_to, ..Standing::default() }
}

pub(super) fn connection(
    was: Option<&PeeringOutputs>,
    inputs: &PeeringInputs,
    seen: Option<&PeeringConnection>,
) -> Standing {
    let what = match seen {
        Some(seen) if inputs.accept => {
            let done = if seen.state == "active" { "is active" } else { "is accepted" };
            format!("{} from {} of account {} {done}", seen.id, seen.requester.vpc_id, seen.requester.account)
        }
        Some(seen) => format!("{} is checked", seen.id),
        None => String::new(),
    };
    let drift = was.zip(seen).and_then(|(was, seen)| {
        if was.connection_id != seen.id {
            return drifted(Action::Rerun, Drift::OtherConnection { id: seen.id.clone() });
        }
        let status = Drift::ConnectionStatus { id: seen.id.clone(), status: seen.state.clone() };
        if seen.state == "active" { None } else { drifted(Action::Rerun, status) }
    });
    Standing { what, drift, ..Standing::default() }
}

pub(super) fn route(
    recorded: bool,
    inputs: &RouteInputs,
    table: Option<&RouteTable>,
    connection: Option<&str>,
) -> Standing {
    let through = connection.unwrap_or("the connection");
    let what = format!("{} through {through}", inputs.cidr);
    let changed = if recorded { input(Action::Replace, Input::Network) } else { None };
    let drift = table.zip(connection).and_then(|(table, connection)| match way(table, &inputs.cidr, connection) {
        Way::Through => None,
        Way::Missing => drifted(Action::Rerun, Drift::RouteLost { table: table.id.clone() }),
        Way::Blackhole => drifted(Action::Rerun, Drift::RouteBlackhole { table: table.id.clone() }),
        Way::Elsewhere(route) => {
            drifted(Action::Rerun, Drift::RouteLeadsTo { table: table.id.clone(), to: route.target.clone() })
        }
    });
    Standing { what, changed, drift, asked: Some(Action::Replace), ..Standing::default() }
}

pub(super) fn dns(vpc: Option<&Vpc>, connection: Option<&PeeringConnection>, may_set: bool) -> Standing {
    let what = "names of the VPC, and private names across the connection, are resolved".to_owned();
    let off = vpc.is_some_and(|vpc| !vpc.dns_support || !vpc.dns_hostnames);
    let drift = if off {
        drifted(Action::Rerun, Drift::VpcWithoutDns)
    } else if may_set && connection.is_some_and(|c| c.state == "active" && !c.dns_from_accepter) {
        drifted(Action::Rerun, Drift::PrivateNamesUnresolved)
    } else {
        None
    };
    Standing { what, drift, ..Standing::default() }
}

fn ended(object: CloudObject, id: &str) -> Option<Decision> {
    drifted(Action::Create, Drift::Ended { object, id: id.to_owned() })
}

/// The first setting that differs decides; the same settings mean that only the protection changed.
fn instance_changed(was: &InstanceInputs, now: &InstanceInputs) -> Option<Decision> {
    let own = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let replaced = if was.instance_type != now.instance_type {
        let (from, to) = own(&was.instance_type, &now.instance_type);
        Input::InstanceType { from, to }
    } else if (&was.image_owner, &was.image_filter) != (&now.image_owner, &now.image_filter) {
        let (from, to) = own(&was.image_name, &now.image_name);
        Input::Image { from, to }
    } else if was.subnet_id != now.subnet_id {
        let (from, to) = own(&was.subnet_id, &now.subnet_id);
        Input::Subnet { from, to }
    } else if was.vpc_id != now.vpc_id {
        let (from, to) = own(&was.vpc_id, &now.vpc_id);
        Input::Vpc { from, to }
    } else if was.iam_instance_profile != now.iam_instance_profile {
        let (from, to) = (was.iam_instance_profile.clone(), now.iam_instance_profile.clone());
        Input::InstanceProfile { from, to }
    } else {
        return input(Action::Rerun, Input::PreventDestroy { on: now.prevent_destroy });
    };
    input(Action::Replace, replaced)
}

/// The same of a volume, which can grow in place.
fn volume_changed(was: &VolumeInputs, now: &VolumeInputs) -> Option<Decision> {
    let size = Input::VolumeSize { from: was.size_gib, to: now.size_gib };
    if was.volume_type != now.volume_type {
        let (from, to) = (was.volume_type.clone(), now.volume_type.clone());
        input(Action::Replace, Input::VolumeType { from, to })
    } else if was.encrypted != now.encrypted {
        input(Action::Replace, Input::Encryption)
    } else if (was.iops, was.throughput) != (now.iops, now.throughput) {
        input(Action::Replace, Input::Throughput)
    } else if now.size_gib < was.size_gib {
        input(Action::Replace, size)
    } else if now.size_gib > was.size_gib {
        input(Action::Rerun, size)
    } else {
        input(Action::Rerun, Input::PreventDestroy { on: now.prevent_destroy })
    }
}
