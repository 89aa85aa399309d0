//! A step in AWS against its record and against the object as it is: created, left, mended in place, or replaced, each
//! with its reason. What an object is told by its own facts alone; what hangs on another step waits for that one's fate.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use crate::formats::cloud::{Instance, KeyPair, Peer, PeeringConnection, RouteTable, SecurityGroup, Volume, Vpc};
use crate::formats::cloud_facts::Seen;
use crate::formats::cloud_inputs::{
    InstanceInputs, InstanceOutputs, KeyPairInputs, KeyPairOutputs, Origin, PeeringInputs, PeeringOutputs, ReadyInputs,
    RouteInputs, SecurityGroupInputs, SecurityGroupOutputs, VolumeInputs, VolumeOutputs,
};
use crate::formats::plan::Action;
use crate::formats::state::{State, Status, StepRecord};
use crate::think::cloud::reach::{Way, way};
use crate::think::gates::disk::size;
use crate::words::addr::StepAddr;

/// Action and reason.
type Verdict = (Action, String);

/// What an object's own facts say, whatever becomes of the steps above it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// What it is made from, for the plan.
    pub what: String,
    /// What to do where its settings are others than those recorded.
    pub changed: Option<Verdict>,
    /// What to do where the object is not as it was left.
    pub drift: Option<Verdict>,
    /// Steps whose object this one is bound to, and what to do when one of them is made anew.
    pub above: Vec<(StepAddr, Action, &'static str)>,
    /// What `-replace` means for it: what is made is made again, what is looked at is looked at again.
    pub asked: Option<Action>,
    /// The record says that it is neither destroyed nor replaced.
    pub prevented: bool,
}

impl Standing {
    /// The step's fate. `above` tells what was decided of a step before it.
    pub fn decide(
        &self,
        record: Option<&StepRecord>,
        same: bool,
        asked: Option<&str>,
        owed: Option<&str>,
        above: &BTreeMap<StepAddr, Verdict>,
    ) -> Verdict {
        let Some(record) = record else { return (Action::Create, "not in the state yet".into()) };
        let made = !record.outputs.is_null();
        if let Some(reason) = asked {
            return (self.asked.unwrap_or(Action::Rerun), reason.to_owned());
        }
        // Of what never came to its end nothing is known but its intent: the step looks for itself.
        if !same && made {
            let verdict = self.changed.clone();
            return verdict.unwrap_or((Action::Rerun, "a setting of it changed".into()));
        }
        if let Some(reason) = owed {
            return (Action::Rerun, reason.to_owned());
        }
        let anew =
            |addr: &StepAddr| above.get(addr).is_some_and(|(a, _)| matches!(a, Action::Create | Action::Replace));
        if let Some((_, action, reason)) = self.above.iter().find(|(addr, ..)| made && anew(addr)) {
            return (*action, (*reason).to_owned());
        }
        match record.status {
            Status::Running => return (Action::Rerun, "unfinished: the last run was broken off in it".into()),
            Status::Failed => return (Action::Rerun, "failed in the last run".into()),
            Status::Complete => {}
        }
        self.drift.clone().unwrap_or((Action::NoOp, String::new()))
    }
}

fn outputs<T: DeserializeOwned>(state: Option<&State>, addr: &StepAddr) -> Option<T> {
    serde_json::from_value(state?.steps.get(addr)?.outputs.clone()).ok()
}

fn gone(what: &str) -> Option<Verdict> {
    Some((Action::Create, format!("{what} is gone")))
}

pub(super) fn key_pair(
    state: Option<&State>,
    addr: &StepAddr,
    inputs: &KeyPairInputs,
    seen: &Seen<KeyPair>,
) -> Standing {
    let file = inputs.identity_file.as_deref().unwrap_or_default();
    let what = match &inputs.key {
        Origin::Create => format!("ed25519, made here: {file} (0600)"),
        Origin::Existing(name) => format!("{name}, which is there"),
    };
    let was: Option<KeyPairOutputs> = outputs(state, addr);
    let changed = was.as_ref().map(|was| match was.inputs.key == inputs.key {
        true => (Action::Replace, "its identity_file changed".to_owned()),
        false => (Action::Replace, "another key is named".to_owned()),
    });
    let drift = was.as_ref().and_then(|was| match seen {
        Seen::Gone => gone(&format!("the key pair {}", was.name)),
        Seen::There(key) if !was.fingerprint.is_empty() && key.fingerprint != was.fingerprint => {
            Some((Action::Replace, format!("the key pair {} is another one now", was.name)))
        }
        Seen::There(_) | Seen::Unasked => None,
    });
    Standing { what, changed, drift, asked: Some(Action::Replace), ..Standing::default() }
}

pub(super) fn group(
    state: Option<&State>,
    addr: &StepAddr,
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
    let was: Option<SecurityGroupOutputs> = outputs(state, addr);
    let changed = was.as_ref().map(|was| {
        let same = was.inputs.group == inputs.group && was.inputs.vpc_id == inputs.vpc_id;
        let action = if same { Action::Rerun } else { Action::Replace };
        let reason = if same { "its rules change" } else { "another group is asked for" };
        (action, reason.to_owned())
    });
    let drift = was.as_ref().and_then(|was| {
        let id = was.group_id.as_str();
        let theirs = match seen {
            Seen::Gone => return gone(&format!("the security group {id}")),
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
                return Some((Action::Rerun, format!("{id} has lost its rule for SSH from {cidr}")));
            }
        }
        let source = was.inputs.source_group.as_ref().filter(|_| was.owns_source_rule)?;
        let there = of_source.iter().find(|group| group.id == *source)?;
        let peer = Peer::Group(id.to_owned());
        let port = was.inputs.source_port;
        let lets =
            |r: &crate::formats::cloud::Rule| !r.egress && r.peer == peer && (r.from_port..=r.to_port).contains(&port);
        let lost = !there.rules.iter().any(lets);
        lost.then(|| (Action::Rerun, format!("{source} has lost its rule for {port} from {id}")))
    });
    Standing { what, changed, drift, asked: Some(Action::Replace), ..Standing::default() }
}

pub(super) fn instance(
    state: Option<&State>,
    addr: &StepAddr,
    inputs: Option<&InstanceInputs>,
    seen: &Seen<Instance>,
    above: &[StepAddr],
) -> Standing {
    let what = inputs.map_or_else(String::new, |i| {
        format!("{} from {} ({}), in {} ({})", i.instance_type, i.image_id, i.image_name, i.subnet_id, i.subnet_reason)
    });
    let was: Option<InstanceOutputs> = outputs(state, addr);
    let changed = was.as_ref().zip(inputs).map(|(was, now)| {
        let was = &was.inputs;
        let replaced =
            |what: &str, from: &str, to: &str| (Action::Replace, format!("{what} changed: {from} becomes {to}"));
        let profile = |i: &InstanceInputs| i.iam_instance_profile.clone().unwrap_or("none".into());
        if was.instance_type != now.instance_type {
            replaced("its type", &was.instance_type, &now.instance_type)
        } else if (&was.image_owner, &was.image_filter) != (&now.image_owner, &now.image_filter) {
            replaced("its image", &was.image_name, &now.image_name)
        } else if was.subnet_id != now.subnet_id {
            replaced("its subnet", &was.subnet_id, &now.subnet_id)
        } else if was.vpc_id != now.vpc_id {
            replaced("its VPC", &was.vpc_id, &now.vpc_id)
        } else if was.iam_instance_profile != now.iam_instance_profile {
            replaced("its profile", &profile(was), &profile(now))
        } else {
            (Action::Rerun, protection(now.prevent_destroy))
        }
    });
    let drift = was.as_ref().and_then(|was| {
        let id = was.instance_id.as_str();
        match seen {
            Seen::Unasked => None,
            Seen::Gone => gone(&format!("the instance {id}")),
            Seen::There(now) => match now.state.as_str() {
                "terminated" | "shutting-down" => Some((Action::Create, format!("the instance {id} was terminated"))),
                "stopped" | "stopping" => Some((Action::Rerun, format!("the instance {id} is stopped"))),
                _ if !now.instance_type.is_empty() && now.instance_type != was.inputs.instance_type => Some((
                    Action::Replace,
                    format!(
                        "the instance {id} was changed by hand: {} is {}",
                        was.inputs.instance_type, now.instance_type
                    ),
                )),
                _ => None,
            },
        }
    });
    let prevented = was.is_some_and(|was| was.inputs.prevent_destroy);
    let reasons = ["its key pair is made anew", "its security group is made anew"];
    let above = above.iter().cloned().zip(reasons).map(|(addr, reason)| (addr, Action::Replace, reason)).collect();
    Standing { what, changed, drift, above, asked: Some(Action::Replace), prevented }
}

pub(super) fn volume(
    state: Option<&State>,
    addr: &StepAddr,
    inputs: Option<&VolumeInputs>,
    (seen, instance_id): (&Seen<Volume>, Option<String>),
    instance: &StepAddr,
) -> Standing {
    let what = inputs.map_or_else(String::new, |i| {
        let safe = if i.encrypted { "encrypted" } else { "not encrypted" };
        format!("{} GiB {}, {safe}: {}", i.size_gib, i.volume_type, i.size_reason)
    });
    let was: Option<VolumeOutputs> = outputs(state, addr);
    let changed = was.as_ref().zip(inputs).map(|(was, now)| {
        let was = &was.inputs;
        let (from, to) = (size(u64::from(was.size_gib) << 30), size(u64::from(now.size_gib) << 30));
        if was.volume_type != now.volume_type {
            (Action::Replace, format!("its type changed: {} becomes {}", was.volume_type, now.volume_type))
        } else if was.encrypted != now.encrypted {
            (Action::Replace, "its encryption changed".into())
        } else if (was.iops, was.throughput) != (now.iops, now.throughput) {
            (Action::Replace, "its iops or throughput changed".into())
        } else if now.size_gib < was.size_gib {
            (Action::Replace, format!("a volume cannot shrink: {from} to {to}"))
        } else if now.size_gib > was.size_gib {
            (Action::Rerun, format!("grows in place: {from} to {to}"))
        } else {
            (Action::Rerun, protection(now.prevent_destroy))
        }
    });
    let drift = was.as_ref().and_then(|was| {
        let id = was.volume_id.as_str();
        match seen {
            Seen::Unasked => None,
            Seen::Gone => gone(&format!("the volume {id}")),
            Seen::There(now) => match now.state.as_str() {
                "deleting" | "deleted" => Some((Action::Create, format!("the volume {id} was deleted"))),
                "error" => Some((Action::Replace, format!("the volume {id} is broken"))),
                _ if now.attached_to.is_none() || now.attached_to != instance_id => {
                    Some((Action::Rerun, format!("the volume {id} is not attached to the instance")))
                }
                _ => None,
            },
        }
    });
    let prevented = was.is_some_and(|was| was.inputs.prevent_destroy);
    let above = vec![(instance.clone(), Action::Rerun, "its instance is made anew")];
    Standing { what, changed, drift, above, asked: Some(Action::Replace), prevented }
}

pub(super) fn ready(inputs: &ReadyInputs, above: &[StepAddr]) -> Standing {
    let host = inputs.host.as_deref().unwrap_or("the instance");
    let what = format!("SSH as {} to {host}:{}, volume at {}", inputs.user, inputs.port, inputs.mount);
    let reasons = ["its instance is made anew", "its volume is made anew"];
    let above = above.iter().cloned().zip(reasons).map(|(addr, reason)| (addr, Action::Rerun, reason)).collect();
    Standing { what, above, ..Standing::default() }
}

pub(super) fn connection(
    state: Option<&State>,
    addr: &StepAddr,
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
    let was: Option<PeeringOutputs> = outputs(state, addr);
    let drift = was.zip(seen).and_then(|(was, seen)| {
        if was.connection_id != seen.id {
            return Some((Action::Rerun, format!("another connection takes its place: {}", seen.id)));
        }
        (seen.state != "active").then(|| (Action::Rerun, format!("{} is {}", seen.id, seen.state)))
    });
    Standing { what, drift, ..Standing::default() }
}

pub(super) fn route(
    state: Option<&State>,
    addr: &StepAddr,
    inputs: &RouteInputs,
    table: Option<&RouteTable>,
    connection: Option<&str>,
) -> Standing {
    let through = connection.unwrap_or("the connection");
    let what = format!("{} through {through}", inputs.cidr);
    let recorded = state.is_some_and(|s| s.steps.contains_key(addr));
    let changed = recorded.then(|| (Action::Replace, "its network changed".to_owned()));
    let drift = table.zip(connection).and_then(|(table, connection)| match way(table, &inputs.cidr, connection) {
        Way::Through => None,
        Way::Missing => Some((Action::Rerun, format!("{} has lost its route", table.id))),
        Way::Blackhole => Some((Action::Rerun, format!("the route of {} leads nowhere", table.id))),
        Way::Elsewhere(route) => Some((Action::Rerun, format!("{} leads to {} now", table.id, route.target))),
    });
    Standing { what, changed, drift, asked: Some(Action::Replace), ..Standing::default() }
}

pub(super) fn dns(vpc: Option<&Vpc>, connection: Option<&PeeringConnection>, may_set: bool) -> Standing {
    let what = "names of the VPC, and private names across the connection, are resolved".to_owned();
    let off = vpc.is_some_and(|vpc| !vpc.dns_support || !vpc.dns_hostnames);
    let drift = if off {
        Some((Action::Rerun, "the VPC does not resolve names any more".to_owned()))
    } else if may_set && connection.is_some_and(|c| c.state == "active" && !c.dns_from_accepter) {
        Some((Action::Rerun, "private names are not resolved across the connection any more".to_owned()))
    } else {
        None
    };
    Standing { what, drift, ..Standing::default() }
}

fn protection(prevent: bool) -> String {
    match prevent {
        true => "is protected from now on: prevent_destroy".into(),
        false => "is no longer protected: prevent_destroy is off".into(),
    }
}
