//! What each step in a cloud needs, as the plan's nodes carry it, and what it ends with. Values that were looked up
//! (an image, a subnet, a size) stand in the inputs resolved, and a later plan takes them from the record: `outputs.inputs`,
//! for an unfinished step the note `inputs`. Ids of objects that other steps make are not here: they are outputs of
//! those steps. Names and tags hold the lineage, which the first apply mints, so steps derive them ([`names`]).
//!
//! A step's digest is over its *settings* alone: another newest image or another free subnet is not a reason to run again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::words::addr::StepAddr;
use crate::words::digest::Digest;

/// Where a volume is mounted on a runner; the worker's folder lies in it.
pub const MOUNT: &str = "/mnt/mig";

/// The note under which an unfinished step keeps the inputs that it began with.
pub const NOTE_INPUTS: &str = "inputs";

/// `source.aurora.X`: the cluster is looked up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuroraInputs {
    pub cluster: String,
    /// `host` and `port` where the spec overrides the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    pub user: String,
}

/// Made by mig, or there already under a name (a key pair) or an id (a group).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    Create,
    Existing(String),
}

impl Origin {
    pub fn is_created(&self) -> bool {
        *self == Self::Create
    }
}

/// `runner.ec2.X.key_pair`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyPairInputs {
    pub key: Origin,
    /// Where the private half lies, relative to the spec's folder: made there (0600) when the key is created. `None`:
    /// an existing key that the SSH agent or configuration has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_file: Option<String>,
    /// `default_tags` of the provider.
    pub tags: BTreeMap<String, String>,
}

/// `runner.ec2.X.security_group`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecurityGroupInputs {
    pub group: Origin,
    pub vpc_id: String,
    /// Who may open the SSH port of the runner; for a created group.
    pub ssh_from: Vec<String>,
    pub ssh_port: u16,
    /// The source's group that lets the runner's group in by a rule of our own; `None`: its rules let it in already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_group: Option<String>,
    pub source_port: u16,
    pub tags: BTreeMap<String, String>,
}

/// `runner.ec2.X.instance`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceInputs {
    pub instance_type: String,
    /// Of the newest image by owner and name filter.
    pub image_id: String,
    pub image_name: String,
    pub image_owner: String,
    pub image_filter: String,
    pub root_device: String,
    pub vpc_id: String,
    pub subnet_id: String,
    /// Where the instance and its volume stand.
    pub zone: String,
    /// Why this subnet: for the plan.
    pub subnet_reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iam_instance_profile: Option<String>,
    /// Kept in the record: destroying and replacing are refused as long as it stands there.
    pub prevent_destroy: bool,
    pub tags: BTreeMap<String, String>,
}

/// `runner.ec2.X.volume`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeInputs {
    pub size_gib: u32,
    /// Where the size comes from: `12.0 GiB used x 1.3, rounded up`.
    pub size_reason: String,
    pub volume_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iops: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput: Option<u32>,
    pub encrypted: bool,
    pub zone: String,
    pub prevent_destroy: bool,
    pub tags: BTreeMap<String, String>,
}

/// `runner.ec2.X.ready`: SSH answers, the volume is mounted, the worker is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadyInputs {
    /// Override of the instance's address (a bastion, a port forward).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    pub port: u16,
    pub user: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_file: Option<String>,
    /// The public host key where the spec pins it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_key: Option<String>,
    /// Where the volume is mounted, and the worker's folder in it.
    pub mount: String,
    pub workdir: String,
}

/// How a peering connection is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FoundBy {
    Id(String),
    Requester { account_id: String, vpc_id: Option<String> },
}

/// `peering.tidb_cloud.connection`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeeringInputs {
    pub by: FoundBy,
    /// The connection that was found; empty: it is not there yet.
    pub connection_id: String,
    pub target_cidr: String,
    /// `false`: checked only.
    pub accept: bool,
    /// The source's VPC, which accepts, and its region.
    pub vpc_id: String,
    pub region: String,
}

/// `peering.tidb_cloud.route["rtb-1"]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteInputs {
    pub table_id: String,
    pub cidr: String,
}

/// `peering.tidb_cloud.dns`: the VPC resolves names and host names, and our side asks the other's private ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsInputs {
    pub vpc_id: String,
}

// -- what they end with: the object `{"inputs": …, …}` of each; destroy gets it as `inputs.from`

/// What `runner.ec2.X.key_pair` ends with. `owned`: this lineage made it, so that destroy removes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyPairOutputs {
    pub inputs: KeyPairInputs,
    pub name: String,
    pub fingerprint: String,
    pub owned: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroupOutputs {
    pub inputs: SecurityGroupInputs,
    pub group_id: String,
    /// Whether the group was created here.
    pub owned: bool,
    /// Whether the rule on the source's group was made here.
    pub owns_source_rule: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstanceOutputs {
    pub inputs: InstanceInputs,
    pub instance_id: String,
    /// The number of the instance under this address, from 1: part of the client token.
    pub attempt: u32,
    #[serde(default)]
    pub private_ip: Option<String>,
    #[serde(default)]
    pub public_ip: Option<String>,
    /// `nitro` or `xen`.
    pub hypervisor: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VolumeOutputs {
    pub inputs: VolumeInputs,
    pub volume_id: String,
    pub attempt: u32,
    /// As which device it is attached to the instance: `/dev/sdf`.
    pub device: String,
    pub instance_id: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadyOutputs {
    pub inputs: ReadyInputs,
    /// Where SSH answers.
    pub endpoint: super::worker::Endpoint,
    /// The digest of the program that was put there.
    #[serde(default)]
    pub program: Option<Digest>,
    pub instance_id: String,
    /// The volume that was mounted; earlier builds did not record it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PeeringOutputs {
    pub inputs: PeeringInputs,
    pub connection_id: String,
    /// Whether it was this lineage that accepted it.
    pub accepted_here: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteOutputs {
    pub inputs: RouteInputs,
    pub connection_id: String,
    pub owned: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DnsOutputs {
    pub inputs: DnsInputs,
    pub connection_id: String,
    pub set_here: bool,
}

/// The outputs of a step that makes one object under an id.
pub trait MadeObject {
    fn id(&self) -> &str;

    /// The number of the object under its address, from 1.
    fn attempt(&self) -> u32 {
        1
    }

    /// Whether it may be neither destroyed nor replaced.
    fn is_protected(&self) -> bool {
        false
    }
}

impl MadeObject for KeyPairOutputs {
    fn id(&self) -> &str {
        &self.name
    }
}

impl MadeObject for InstanceOutputs {
    fn id(&self) -> &str {
        &self.instance_id
    }

    fn attempt(&self) -> u32 {
        self.attempt
    }

    fn is_protected(&self) -> bool {
        self.inputs.prevent_destroy
    }
}

impl MadeObject for VolumeOutputs {
    fn id(&self) -> &str {
        &self.volume_id
    }

    fn attempt(&self) -> u32 {
        self.attempt
    }

    fn is_protected(&self) -> bool {
        self.inputs.prevent_destroy
    }
}

/// The note of a call that makes an object, durable before it is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent<T> {
    pub attempt: u32,
    pub parameters: T,
}

/// The note of what such a call made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeNote {
    pub id: String,
    pub attempt: u32,
}

/// Names of objects by lineage and address.
pub mod names {
    use super::*;

    /// Marks every object: whose it is. The spec's `default_tags` stand beside.
    pub const LINEAGE: &str = "mig:lineage";
    pub const ADDRESS: &str = "mig:address";

    /// A name that is the same for each run of a lineage and no other: `mig-1f3a9c2e-mover-key_pair`.
    pub fn object(lineage: &str, addr: &StepAddr) -> String {
        let digest = Digest::of(&(lineage, addr));
        let hash: String = digest.short().chars().take(8).collect();
        let words = addr.words();
        let tail: Vec<&str> = words.iter().skip(2).map(String::as_str).collect();
        format!("mig-{hash}-{}", tail.join("-"))
    }

    /// The tags of an object: `default_tags`, then ours.
    pub fn tags(defaults: &BTreeMap<String, String>, lineage: &str, addr: &StepAddr) -> BTreeMap<String, String> {
        let mut tags = defaults.clone();
        tags.insert(LINEAGE.into(), lineage.to_owned());
        tags.insert(ADDRESS.into(), addr.to_string());
        tags.insert("Name".into(), object(lineage, addr));
        tags
    }

    /// The client token of the `attempt`th object under this address (at most 64 characters).
    pub fn token(lineage: &str, addr: &StepAddr, attempt: u32) -> String {
        let digest = Digest::of(&(lineage, addr, attempt));
        let hash = digest.as_str().strip_prefix("sha256:").unwrap_or_default();
        format!("mig-{}", hash.chars().take(56).collect::<String>())
    }
}

/// Networks of IPv4 as `10.250.0.0/16`.
pub mod network {
    use std::net::Ipv4Addr;

    /// First and last address.
    pub type Range = (u32, u32);

    /// Reads a network.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Range, String> {
        let form = "A network is an address and the bits that count: \"10.250.0.0/16\"";
        let (address, bits) = text.split_once('/').ok_or(format!("{form}; one address alone is \"{text}/32\"."))?;
        let address: Ipv4Addr = address.parse().map_err(|_| format!("{form}."))?;
        let bits: u32 = bits.parse().ok().filter(|bits| *bits <= 32).ok_or(format!("{form}, from 0 to 32 of them."))?;
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
        let first = u32::from(address) & mask;
        if first != u32::from(address) {
            return Err(format!("{address} is not its first address: write \"{}/{bits}\".", Ipv4Addr::from(first)));
        }
        Ok((first, first | !mask))
    }

    /// Whether two networks have an address in common; of what is not a network nothing is known.
    pub fn overlap(one: &str, other: &str) -> bool {
        match (parse(one), parse(other)) {
            (Ok((a, b)), Ok((c, d))) => a <= d && c <= b,
            _ => false,
        }
    }

    /// Whether every address of `inner` is in `outer`.
    pub fn contains(outer: &str, inner: &str) -> bool {
        match (parse(outer), parse(inner)) {
            (Ok((a, b)), Ok((c, d))) => a <= c && d <= b,
            _ => false,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_read_with_its_first_address_or_refused_with_what_to_write() {
        for (text, expected) in [
            ("10.250.0.0/16", Ok((0x0afa_0000, 0x0afa_ffff))),
            ("0.0.0.0/0", Ok((0, u32::MAX))),
            ("1.2.3.4/32", Ok((0x0102_0304, 0x0102_0304))),
            ("10.250.1.0/16", Err("write \"10.250.0.0/16\"")),
            ("10.0.0.1", Err("\"10.0.0.1/32\"")),
            ("10.0.0.0/33", Err("from 0 to 32")),
            ("ten/8", Err("\"10.250.0.0/16\"")),
        ] {
            match (network::parse(text), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{text}"),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{text}: {found}"),
                (found, expected) => panic!("{text}: {found:?}, not {expected:?}"),
            }
        }
        for (one, other, overlap) in [
            ("10.0.0.0/16", "10.0.255.0/24", true),
            ("10.0.0.0/16", "10.1.0.0/16", false),
            ("0.0.0.0/0", "172.31.0.0/16", true),
        ] {
            assert_eq!(network::overlap(one, other), overlap, "{one} {other}");
            assert_eq!(network::overlap(other, one), overlap, "{other} {one}");
        }
        assert!(network::contains("10.0.0.0/8", "10.250.0.0/16") && !network::contains("10.250.0.0/16", "10.0.0.0/8"));
    }

    #[test]
    fn names_and_tokens_are_those_of_one_lineage_one_address_and_one_attempt() {
        let addr = |text: &str| StepAddr::parse(text).unwrap();
        let (one, two) = (addr("runner.ec2.mover.key_pair"), addr("runner.ec2.other.key_pair"));
        let name = names::object("l1", &one);
        assert!(name.starts_with("mig-") && name.ends_with("-mover-key_pair"), "{name}");
        assert_eq!(name, names::object("l1", &one));
        assert_ne!(name, names::object("l2", &one));
        assert_ne!(name, names::object("l1", &two));
        let token = names::token("l1", &one, 1);
        assert!(token.len() <= 64 && token.is_ascii(), "{token}");
        assert_ne!(token, names::token("l1", &one, 2));
        assert_ne!(token, names::token("l2", &one, 1));
        let tags = names::tags(&BTreeMap::from([("team".into(), "data".into())]), "l1", &one);
        assert_eq!(tags.get(names::LINEAGE).map(String::as_str), Some("l1"));
        assert_eq!(tags.get(names::ADDRESS).map(String::as_str), Some("runner.ec2.mover.key_pair"));
        assert_eq!(tags.get("team").map(String::as_str), Some("data"));
    }
}
