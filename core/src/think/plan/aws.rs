//! The steps in AWS that a spec asks for: a runner's parts, a peering's parts, with what is chosen for them and what an
//! account's facts say against them. What a value was resolved to is kept from the record (contract, "When a step runs
//! again"); only a replace resolves again.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::aws_diff::{self, Standing};
use super::aws_source::cluster_findings;
use super::desired::{Desired, source_addr};
use crate::formats::cloud::Cluster;
use crate::formats::cloud_facts::{CloudFacts, NetworkFacts, RunnerFacts, Seen};
use crate::formats::cloud_inputs::InstanceOutputs;
use crate::formats::cloud_inputs::{
    InstanceInputs, KeyPairInputs, MOUNT, Origin, ReadyInputs, SecurityGroupInputs, VolumeInputs, names,
};
use crate::formats::facts::World;
use crate::formats::outputs::recorded_inputs;
use crate::formats::spec::model::aws::Ec2;
use crate::formats::spec::model::{Migration, Runner, RunnerKind, Server, Spec};
use crate::formats::state::State;
use crate::think::cloud::choice::{self, SourceBytes};
use crate::think::cloud::{policy, reach};
use crate::words::addr::{StepAddr, StepKind, StepType};
use crate::words::codes;
use crate::words::diag::Diagnostic;
use crate::words::digest::Digest;
use crate::words::error::Failure;
use crate::words::error::Outcome;

/// `peering.tidb_cloud.route["rtb-1"]`.
pub fn route_addr(label: &str, table: &str) -> StepAddr {
    StepAddr::of_peering(label, StepType::Route, Some(table))
}

/// Builds the steps of every runner that a migration uses and of every peering.
pub(super) fn add(wanted: &mut Desired, spec: &Spec, world: &World, state: Option<&State>, anew: &BTreeSet<StepAddr>) {
    if spec.aws.is_none() {
        return;
    }
    let unseen = CloudFacts {
        fault: Some(Failure::new(codes::CLOUD_UNKNOWN, "look at the account", "nobody did", "Run the command again.")),
        ..CloudFacts::default()
    };
    let cloud = world.cloud.as_ref().unwrap_or(&unseen);
    let mut builder = Builder { wanted, spec, cloud, world, state, anew, denied: false };
    if let Some(fault) = &cloud.fault {
        builder.fault("provider.aws", fault);
    }
    for server in spec.sources.values().filter(|s| s.aurora.is_some()) {
        if cloud.fault.is_none() {
            builder.cluster(server);
        }
    }
    let mut subnets: BTreeMap<&str, String> = BTreeMap::new();
    let mut built = BTreeSet::new();
    for migration in spec.migrations.values() {
        let Some(runner) = migration.runner.as_ref().and_then(|name| spec.runners.get(name)) else { continue };
        let RunnerKind::Ec2(ec2) = &runner.kind else { continue };
        if built.insert(&runner.name)
            && let Some(subnet) = builder.runner(migration, runner, ec2)
        {
            subnets.insert(&runner.name, subnet);
        }
    }
    for (address, peering) in &spec.peerings {
        let users: Vec<&Migration> = spec.migrations.values().filter(|m| m.after.contains(address)).collect();
        builder.peering(address, peering, &users, &subnets);
    }
    if builder.denied {
        let account = Some(cloud.identity.account.as_str()).filter(|a| !a.is_empty());
        let text = policy::text(spec, account);
        for found in &mut builder.wanted.diagnostics {
            if found.code == codes::CLOUD_DENIED {
                found.detail = format!("The least policy for exactly this spec:\n{text}");
                found.help =
                    "Attach it to the role or user of these credentials; `mig explain iam-policy` prints it again."
                        .into();
            }
        }
    }
}

pub(super) struct Builder<'a> {
    pub wanted: &'a mut Desired,
    pub spec: &'a Spec,
    pub cloud: &'a CloudFacts,
    world: &'a World,
    pub state: Option<&'a State>,
    /// Asked for with -replace: nothing of them is kept.
    anew: &'a BTreeSet<StepAddr>,
    denied: bool,
}

impl Builder<'_> {
    pub fn node(
        &mut self,
        addr: &StepAddr,
        kind: StepKind,
        inputs: &impl Serialize,
        settings: &Value,
        from: &[StepAddr],
    ) {
        self.wanted.node(addr.clone(), kind, inputs, settings);
        self.wanted.after(addr, from.iter().cloned());
    }

    /// What the step was made from, where the settings are the same.
    fn kept<T: DeserializeOwned>(&mut self, addr: &StepAddr, settings: &Value) -> Option<T> {
        let record = self.state?.steps.get(addr).filter(|_| !self.anew.contains(addr))?;
        let same = record.inputs_digest == Digest::of(settings);
        self.readable(addr, recorded_inputs(addr, record).map(|inputs| inputs.filter(|_| same)))
    }

    /// What the step ended with before.
    pub fn recorded<T: DeserializeOwned>(&mut self, addr: &StepAddr) -> Option<T> {
        let found = self.state?.outputs_of(addr);
        self.readable(addr, found)
    }

    /// A record that cannot be read blocks the plan: what was made is not known.
    fn readable<T>(&mut self, addr: &StepAddr, found: Outcome<Option<T>>) -> Option<T> {
        found.unwrap_or_else(|fault| {
            self.fault(&addr.to_string(), &fault);
            None
        })
    }

    pub fn standing(&mut self, addr: &StepAddr, standing: Standing) {
        self.wanted.standings.insert(addr.clone(), standing);
    }

    pub fn find(&mut self, about: impl Into<String>, finding: Diagnostic) {
        self.wanted.diagnostics.push(finding.about(about));
    }

    pub fn fault(&mut self, about: &str, fault: &Failure) {
        self.denied |= fault.code == codes::CLOUD_DENIED;
        let finding = Diagnostic::error(fault.code, format!("failed to {}: {}", fault.doing, fault.cause));
        self.find(about, finding.help(&fault.hint));
    }

    fn cluster(&mut self, server: &Server) {
        let seen = self.cloud.clusters.get(&server.name);
        let about = source_addr(server).to_string();
        if seen.is_some_and(|c| c.fault.as_ref().is_some_and(|f| f.code == codes::CLOUD_DENIED)) {
            self.denied = true;
        }
        for finding in cluster_findings(server, seen, self.cloud) {
            self.find(about.clone(), finding);
        }
        let network = seen.and_then(|c| c.cluster.as_ref()).and_then(|c| self.cloud.networks.get(&c.vpc_id));
        for fault in network.map(|n| n.faults.clone()).unwrap_or_default() {
            self.fault(&about, &fault);
        }
    }

    pub fn source_of(&self, migration: &Migration) -> Option<(&Server, &Cluster, &NetworkFacts)> {
        let server = self.spec.sources.get(&migration.source)?;
        let cluster = self.cloud.clusters.get(&server.name)?.cluster.as_ref()?;
        Some((server, cluster, self.cloud.networks.get(&cluster.vpc_id)?))
    }

    fn bytes(&self, runner: &str) -> SourceBytes {
        let of = |m: &&Migration| m.runner.as_deref() == Some(runner);
        let mut bytes = SourceBytes::default();
        for migration in self.spec.migrations.values().filter(of) {
            let cluster = self.cloud.clusters.get(&migration.source);
            bytes.storage = bytes.storage.or(cluster.and_then(|c| c.volume_bytes));
            let tables = self.world.migrations.get(&migration.name).map(|f| &f.source.tables);
            if let Some(tables) = tables.filter(|t| !t.is_empty()) {
                let sum: u64 = tables.iter().map(|t| t.estimate.data_bytes).sum();
                bytes.tables = Some(bytes.tables.unwrap_or(0) + sum);
            }
        }
        bytes
    }

    /// Why the bytes of a runner's sources were not told, where a look for them failed.
    fn untold(&self, runner: &str) -> Vec<Failure> {
        let of = self.spec.migrations.values().filter(|m| m.runner.as_deref() == Some(runner));
        of.filter_map(|m| self.cloud.clusters.get(&m.source)?.volume_fault.clone()).collect()
    }

    /// The five parts of a runner; gives the subnet that it stands in.
    fn runner(&mut self, migration: &Migration, runner: &Runner, ec2: &Ec2) -> Option<String> {
        let name = runner.name.as_str();
        let about = format!("runner.ec2.{name}");
        let facts = self.cloud.runners.get(name).cloned().unwrap_or_default();
        for fault in &facts.faults {
            self.fault(&about, fault);
        }
        let Some((server, cluster, network)) = self.source_of(migration) else {
            // The findings of the source say why; what is recorded of the runner stays.
            self.wanted.kept_blocks.insert(about);
            return None;
        };
        let (source, cluster, network) = (source_addr(server), cluster.clone(), network.clone());
        // A port that the spec sets is one on the way there, a tunnel's; what is opened is the cluster's own.
        let source_port = if cluster.port != 0 { cluster.port } else { server.port };
        let tags = self.spec.aws.as_ref().map(|aws| aws.default_tags.clone()).unwrap_or_default();
        let part = |part| StepAddr::of_ec2(name, part);
        let (key, group, instance, volume, ready) = (
            part(StepType::KeyPair),
            part(StepType::SecurityGroup),
            part(StepType::Instance),
            part(StepType::Volume),
            part(StepType::Ready),
        );

        let tags_of = |seen: Option<&BTreeMap<String, String>>| seen.cloned();
        let there = facts.instance.there().filter(|instance| !instance.has_ended());
        self.owned_by_us(&instance, "instance", tags_of(there.map(|i| &i.tags)));
        let there = facts.volume.there().filter(|volume| !volume.has_ended());
        self.owned_by_us(&volume, "volume", tags_of(there.map(|v| &v.tags)));

        let key_inputs = KeyPairInputs {
            key: ec2.key_pair.clone().map_or(Origin::Create, Origin::Existing),
            identity_file: ec2.identity_file.clone(),
            tags: tags.clone(),
        };
        let settings = json!({"key": key_inputs.key, "identity_file": key_inputs.identity_file});
        self.existing(&key, ec2.key_pair.as_deref(), "key pair", facts.key_pair.there().is_some(), &facts.key_pair);
        self.node(&key, StepKind::Runner, &key_inputs, &settings, std::slice::from_ref(&source));
        let was = self.recorded(&key);
        self.standing(&key, aws_diff::key_pair(was.as_ref(), &key_inputs, &facts.key_pair));

        let subnet = self.instance(&instance, ec2, &facts, &cluster, &network, &tags, &volume);
        let cidr = subnet.as_deref().map_or("", |subnet| reach::cidr_of(subnet, &network.subnets)).to_owned();
        self.group(&group, ec2, &facts, &cluster, &network, source_port, &cidr, &tags, migration);
        self.wanted.after(&group, [source]);
        self.wanted.after(&instance, [key, group]);

        self.volume(&volume, &instance, ec2, &facts, subnet.as_deref(), &network, name, &tags);
        let inputs = ReadyInputs {
            host: ec2.connection.host.clone(),
            port: ec2.connection.port,
            user: ec2.connection.user.clone(),
            identity_file: ec2.identity_file.clone(),
            host_key: ec2.connection.host_key.clone(),
            mount: MOUNT.into(),
            workdir: runner.workdir.clone(),
        };
        self.node(&ready, StepKind::Runner, &inputs, &json!(inputs), &[instance.clone(), volume.clone()]);
        self.standing(&ready, aws_diff::ready(&inputs, &[instance, volume]));
        subnet
    }

    /// A recorded object whose tags give it to another lineage: its step would refuse it, so the plan does.
    fn owned_by_us(&mut self, addr: &StepAddr, what: &str, tags: Option<BTreeMap<String, String>>) {
        let lineage = self.state.map(|state| state.lineage.as_str());
        let theirs = tags.and_then(|tags| tags.get(names::LINEAGE).cloned()).filter(|l| Some(l.as_str()) != lineage);
        let Some(theirs) = theirs else { return };
        let summary = format!("the {what} of this step belongs to another lineage by now");
        let finding = Diagnostic::error(codes::OBJECT_OF_OTHER_LINEAGE, summary)
            .detail(format!("Its tag mig:lineage is {theirs}."))
            .help(format!(
                "mig neither uses nor removes it. If the tag is wrong, correct it in the console. If the {what} was given \
                 away: `mig state rm {addr}`, then apply makes another one."
            ));
        self.find(addr.to_string(), finding);
    }

    /// An object that somebody else made has to be there.
    fn existing<T>(&mut self, addr: &StepAddr, named: Option<&str>, what: &str, there: bool, seen: &Seen<T>) {
        if let Some(named) = named
            && !there
            && !seen.is_unasked()
        {
            self.find(
                addr.to_string(),
                Diagnostic::error(codes::EXISTING_OBJECT_MISSING, format!("there is no {what} {named} in this region"))
                    .help("Correct the name, or let mig make one: \"create\"."),
            );
        }
    }

    #[expect(clippy::too_many_arguments)]
    fn instance(
        &mut self,
        addr: &StepAddr,
        ec2: &Ec2,
        facts: &RunnerFacts,
        cluster: &Cluster,
        network: &NetworkFacts,
        tags: &BTreeMap<String, String>,
        volume: &StepAddr,
    ) -> Option<String> {
        let settings = json!({
            "instance_type": ec2.instance_type, "image_owner": ec2.ami_owner, "image_filter": ec2.ami_name,
            "subnet_id": ec2.subnet_id, "iam_instance_profile": ec2.iam_instance_profile,
            "prevent_destroy": ec2.prevent_destroy, "vpc_id": cluster.vpc_id,
        });
        let kept: Option<InstanceInputs> = self.kept(addr, &settings);
        let inputs = match kept {
            Some(kept) => Some(kept),
            None => {
                let image = choice::newest(&facts.images, &ec2.ami_owner, &ec2.ami_name);
                // Images that could not be asked for have told their fault.
                let image =
                    image.map_err(|found| (facts.faults.is_empty() || !facts.images.is_empty()).then_some(found));
                // A volume that exists stays where it is: the instance comes to it.
                let bound = self.recorded_zone(volume);
                let open: Vec<_> = match &bound {
                    Some(zone) => network.subnets.iter().filter(|s| s.zone == *zone).cloned().collect(),
                    None => network.subnets.clone(),
                };
                let near = bound.as_deref().or(cluster.writer_zone.as_deref());
                let subnet = choice::subnet(&open, ec2.subnet_id.as_deref(), near, &cluster.vpc_id);
                let subnet = subnet.map(|(subnet, why)| (subnet.clone(), why));
                let seen_none = network.subnets.is_empty() && !network.faults.is_empty();
                let subnet = subnet.map_err(|found| (!seen_none).then_some(found));
                match (image, subnet) {
                    (Ok(image), Ok((subnet, why))) => Some(InstanceInputs {
                        instance_type: ec2.instance_type.clone(),
                        image_id: image.id.clone(),
                        image_name: image.name.clone(),
                        image_owner: ec2.ami_owner.clone(),
                        image_filter: ec2.ami_name.clone(),
                        root_device: image.root_device.clone(),
                        vpc_id: cluster.vpc_id.clone(),
                        subnet_id: subnet.id,
                        zone: subnet.zone,
                        subnet_reason: if bound.is_some() {
                            why.replace("the writer's zone", "where its volume is")
                        } else {
                            why
                        },
                        iam_instance_profile: ec2.iam_instance_profile.clone(),
                        prevent_destroy: ec2.prevent_destroy,
                        tags: tags.clone(),
                    }),
                    (image, subnet) => {
                        for found in [image.err().flatten(), subnet.err().flatten()].into_iter().flatten() {
                            self.find(addr.to_string(), *found);
                        }
                        None
                    }
                }
            }
        };
        self.node(addr, StepKind::Runner, &inputs, &settings, &[]);
        let above = [addr.sibling(StepType::KeyPair), addr.sibling(StepType::SecurityGroup)];
        let was = self.recorded(addr);
        self.standing(addr, aws_diff::instance(was.as_ref(), inputs.as_ref(), &facts.instance, &above));
        inputs.map(|inputs| inputs.subnet_id)
    }

    fn recorded_zone(&mut self, volume: &StepAddr) -> Option<String> {
        let record = self.state?.steps.get(volume)?;
        self.readable(volume, recorded_inputs::<VolumeInputs>(volume, record)).map(|inputs| inputs.zone)
    }

    #[expect(clippy::too_many_arguments)]
    fn group(
        &mut self,
        addr: &StepAddr,
        ec2: &Ec2,
        facts: &RunnerFacts,
        cluster: &Cluster,
        network: &NetworkFacts,
        source_port: u16,
        cidr: &str,
        tags: &BTreeMap<String, String>,
        migration: &Migration,
    ) {
        let vpc_cidrs = network.vpc.as_ref().map(|vpc| vpc.cidrs.clone()).unwrap_or_default();
        let ssh_from = match ec2.connection.allow_from.as_slice() {
            [] => vpc_cidrs,
            named => named.to_vec(),
        };
        let group = ec2.security_group.clone().map_or(Origin::Create, Origin::Existing);
        // With another host in front, `port` is that one's.
        let ssh_port = if ec2.connection.host.is_none() { ec2.connection.port } else { 22 };
        let settings = json!({
            "group": group, "vpc_id": cluster.vpc_id, "ssh_from": ec2.connection.allow_from, "ssh_port": ssh_port,
            "source_port": source_port,
        });
        let kept: Option<SecurityGroupInputs> = self.kept(addr, &settings);
        let inputs = kept.unwrap_or_else(|| {
            let from = reach::End { groups: &[], cidr };
            // A rule that names the runner's subnet lets it in as it is.
            let open = reach::lets_in(&network.groups, source_port, from);
            let needed = group.is_created() && !open;
            SecurityGroupInputs {
                group: group.clone(),
                vpc_id: cluster.vpc_id.clone(),
                ssh_from,
                ssh_port,
                source_group: cluster.security_group_ids.first().filter(|_| needed).cloned(),
                source_port,
                tags: tags.clone(),
            }
        });
        if let Some(named) = &ec2.security_group {
            self.existing(addr, Some(named), "security group", facts.group.there().is_some(), &facts.group);
            if let Some(theirs) = facts.group.there() {
                for found in self.reach(named, theirs, cluster, network, source_port, cidr, migration) {
                    self.find(addr.to_string(), found);
                }
            }
        } else if ec2.connection.allow_from.is_empty() && ec2.connection.host.is_none() {
            self.wanted.warn_if_pending.entry(addr.clone()).or_default().push(
                Diagnostic::warning(
                    codes::SSH_FROM_VPC_ONLY,
                    "SSH to the runner is let in from the VPC's own networks only",
                )
                .about(addr.to_string())
                .detail("From outside of the VPC it will not answer.")
                .help("Name the network that mig runs in: connection { allow_from = [\"203.0.113.7/32\"] }."),
            );
        }
        let everybody: Vec<&str> =
            ec2.connection.allow_from.iter().map(String::as_str).filter(|from| from.ends_with("/0")).collect();
        if ec2.security_group.is_none() && !everybody.is_empty() {
            self.wanted.warn_if_pending.entry(addr.clone()).or_default().push(
                Diagnostic::warning(codes::SSH_FROM_EVERYWHERE, "SSH to the runner is let in from everywhere")
                    .about(addr.to_string())
                    .detail(format!("allow_from names {}.", everybody.join(", ")))
                    .help("Name the network that mig runs in: connection { allow_from = [\"203.0.113.7/32\"] }."),
            );
        }
        self.node(addr, StepKind::Runner, &inputs, &settings, &[]);
        let was = self.recorded(addr);
        self.standing(addr, aws_diff::group(was.as_ref(), &inputs, &facts.group, &network.groups));
    }

    /// Whether a group that the spec names lets the rows through.
    #[expect(clippy::too_many_arguments)]
    fn reach(
        &self,
        named: &str,
        theirs: &crate::formats::cloud::SecurityGroup,
        cluster: &Cluster,
        network: &NetworkFacts,
        source_port: u16,
        cidr: &str,
        migration: &Migration,
    ) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let ours = [named.to_owned()];
        let from = reach::End { groups: &ours, cidr };
        if !reach::lets_in(&network.groups, source_port, from) && !network.groups.is_empty() {
            let group = cluster.security_group_ids.first().cloned().unwrap_or_default();
            found.push(reach::closed(
                &cluster.security_group_ids,
                source_port,
                named,
                format!("Add a rule to {group}: TCP {source_port} from {named}; or let mig make its own: security_group = \"create\"."),
            ));
        }
        let mine = std::slice::from_ref(theirs);
        let source = reach::End { groups: &cluster.security_group_ids, cidr };
        if !reach::lets_out(mine, source_port, source) {
            let to = cluster.security_group_ids.join(" and ");
            let help = format!("Add an outbound rule to {named}: TCP {source_port} to {to}.");
            found.push(reach::shut_in(&ours, source_port, &to, help));
        }
        let target = self.spec.targets.get(&migration.target);
        let peerings = migration.after.iter().filter_map(|address| self.spec.peerings.get(address));
        for (peering, target) in peerings.zip(target) {
            let to = reach::End { groups: &[], cidr: &peering.target_cidr };
            if !reach::lets_out(mine, target.port, to) {
                let to = &peering.target_cidr;
                let help = format!("Add an outbound rule to {named}: TCP {} to {to}.", target.port);
                found.push(reach::shut_in(&ours, target.port, to, help));
            }
        }
        found
    }

    #[expect(clippy::too_many_arguments)]
    fn volume(
        &mut self,
        addr: &StepAddr,
        instance: &StepAddr,
        ec2: &Ec2,
        facts: &RunnerFacts,
        subnet: Option<&str>,
        network: &NetworkFacts,
        runner: &str,
        tags: &BTreeMap<String, String>,
    ) {
        let volume = &ec2.volume;
        let settings = json!({
            "size": volume.size_gib, "type": volume.kind, "iops": volume.iops, "throughput": volume.throughput,
            "encrypted": volume.encrypted, "prevent_destroy": ec2.prevent_destroy,
        });
        let zone = subnet.and_then(|id| network.subnets.iter().find(|s| s.id == id)).map(|s| s.zone.clone());
        let zone = self.recorded_zone(addr).filter(|_| !self.anew.contains(addr)).or(zone).unwrap_or_default();
        let bytes = self.bytes(runner);
        let kept: Option<VolumeInputs> = self.kept(addr, &settings);
        let inputs = match kept {
            Some(kept) => Some(kept),
            None => match choice::volume(volume.size_gib, bytes) {
                Ok((size_gib, size_reason)) => {
                    if let Some(found) = choice::tight(size_gib, bytes) {
                        self.wanted
                            .warn_if_pending
                            .entry(addr.clone())
                            .or_default()
                            .push(found.about(addr.to_string()));
                    }
                    Some(VolumeInputs {
                        size_gib,
                        size_reason,
                        volume_type: volume.kind.clone(),
                        iops: volume.iops,
                        throughput: volume.throughput,
                        encrypted: volume.encrypted,
                        zone,
                        prevent_destroy: ec2.prevent_destroy,
                        tags: tags.clone(),
                    })
                }
                Err(mut found) => {
                    // Why CloudWatch told nothing matters only where its number is needed.
                    for fault in self.untold(runner) {
                        self.denied |= fault.code == codes::CLOUD_DENIED;
                        found.detail = format!("failed to {}: {}", fault.doing, fault.cause);
                        found.help = format!("{} {}", fault.hint, found.help);
                    }
                    self.find(addr.to_string(), *found);
                    None
                }
            },
        };
        self.node(addr, StepKind::Runner, &inputs, &settings, std::slice::from_ref(instance));
        let its_instance = self.recorded::<InstanceOutputs>(instance).map(|made| made.instance_id);
        let seen = (&facts.volume, its_instance);
        let was = self.recorded(addr);
        self.standing(addr, aws_diff::volume(was.as_ref(), inputs.as_ref(), seen, instance));
    }
}

/// Every part of a peering that a migration waits for, from the wanted steps.
pub(super) fn parts_of_block(wanted: &Desired, address: &str) -> Vec<StepAddr> {
    let words: Vec<&str> = address.split('.').collect();
    let block = StepAddr::new(&words);
    wanted.nodes.iter().map(|n| n.addr.clone()).filter(|addr| addr.is_under(&block)).collect()
}
