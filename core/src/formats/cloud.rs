//! Objects of a cloud's control plane as plain values: what a look gives and what a call makes. No SDK's type, no
//! secret. Names of fields are EC2's and RDS's own words in snake case.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

type Tags = BTreeMap<String, String>;

/// Where a control plane is and as whom it is asked: what a `provider "aws"` says. Credentials are never in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderSettings {
    pub region: String,
    pub profile: Option<String>,
    /// Of an emulator or a proxy; `None`: AWS's own.
    pub endpoint_url: Option<String>,
}

/// Where objects of a cloud are: ids say nothing outside of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloudPlace {
    /// Twelve digits.
    pub account: String,
    pub region: String,
}

impl fmt::Display for CloudPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "account {} in {}", self.account, self.region)
    }
}

/// Who the credentials belong to (STS GetCallerIdentity).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Identity {
    pub account: String,
    pub arn: String,
}

/// An Aurora cluster with its writer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cluster {
    pub identifier: String,
    /// Stays when the writer fails over: `cluster-ABC`.
    pub resource_id: String,
    pub engine: String,
    pub engine_version: String,
    pub status: String,
    pub endpoint: String,
    pub port: u16,
    pub vpc_id: String,
    pub subnet_ids: Vec<String>,
    pub security_group_ids: Vec<String>,
    pub writer: Option<String>,
    pub writer_zone: Option<String>,
    pub iam_auth: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Vpc {
    pub id: String,
    pub cidrs: Vec<String>,
    pub dns_support: bool,
    pub dns_hostnames: bool,
}

/// The two switches of a VPC's own resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsAttribute {
    Support,
    Hostnames,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Subnet {
    pub id: String,
    pub vpc_id: String,
    pub zone: String,
    pub cidr: String,
    pub free_addresses: u32,
    pub public_ip_on_launch: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Image {
    pub id: String,
    pub name: String,
    /// RFC 3339.
    pub created: String,
    pub architecture: String,
    pub root_device: String,
    /// Of its root volume; 0: the image does not tell.
    #[serde(default)]
    pub root_gib: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyPair {
    pub id: String,
    pub name: String,
    pub fingerprint: String,
    pub tags: Tags,
}

/// One rule of a group. Ports are both ends included; protocol `-1`: all.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Rule {
    pub egress: bool,
    pub protocol: String,
    pub from_port: u16,
    pub to_port: u16,
    pub peer: Peer,
    pub description: String,
}

/// Whom a rule names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Peer {
    Cidr(String),
    Group(String),
}

impl Default for Peer {
    fn default() -> Self {
        Self::Cidr(String::new())
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecurityGroup {
    pub id: String,
    pub name: String,
    pub vpc_id: String,
    pub rules: Vec<Rule>,
    pub tags: Tags,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Instance {
    pub id: String,
    /// `pending`, `running`, `stopping`, `stopped`, `shutting-down`, `terminated`.
    pub state: String,
    pub instance_type: String,
    pub image_id: String,
    pub subnet_id: String,
    pub vpc_id: String,
    pub zone: String,
    pub private_ip: Option<String>,
    pub public_ip: Option<String>,
    pub key_name: Option<String>,
    pub security_group_ids: Vec<String>,
    pub client_token: Option<String>,
    /// Both status checks; `None`: not asked or not told yet.
    pub status_ok: Option<bool>,
    pub tags: Tags,
}

impl Instance {
    /// Whether it is gone, or about to be: then it can be neither used nor started again.
    pub fn has_ended(&self) -> bool {
        matches!(self.state.as_str(), "terminated" | "shutting-down")
    }
}

/// What a type of instances is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceType {
    pub name: String,
    /// `x86_64`, `arm64`; of its processors.
    pub architectures: Vec<String>,
    /// `nitro` or `xen`; empty for bare metal.
    pub hypervisor: String,
}

/// What an instance is made from. Written down before it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NewInstance {
    pub image_id: String,
    pub instance_type: String,
    pub subnet_id: String,
    pub key_name: String,
    pub security_group_ids: Vec<String>,
    pub iam_instance_profile: Option<String>,
    pub root_device: String,
    /// 0: the image's own size.
    #[serde(default)]
    pub root_gib: u32,
    pub tags: Tags,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Volume {
    pub id: String,
    /// `creating`, `available`, `in-use`, `deleting`, `deleted`, `error`.
    pub state: String,
    pub size_gib: u32,
    pub volume_type: String,
    pub zone: String,
    pub encrypted: bool,
    /// The instance it is attached to, and as which device.
    pub attached_to: Option<String>,
    pub device: Option<String>,
    pub tags: Tags,
}

impl Volume {
    /// Whether it is gone, or about to be.
    pub fn has_ended(&self) -> bool {
        matches!(self.state.as_str(), "deleting" | "deleted")
    }
}

/// What a volume is made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NewVolume {
    pub zone: String,
    pub size_gib: u32,
    pub volume_type: String,
    pub iops: Option<u32>,
    pub throughput: Option<u32>,
    pub encrypted: bool,
    pub tags: Tags,
}

/// One end of a peering connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PeeringSide {
    pub account: String,
    pub vpc_id: String,
    pub region: String,
    pub cidrs: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PeeringConnection {
    pub id: String,
    /// `initiating-request`, `pending-acceptance`, `provisioning`, `active`, `failed`, `expired`, `rejected`,
    /// `deleting`, `deleted`.
    pub state: String,
    pub message: String,
    pub requester: PeeringSide,
    pub accepter: PeeringSide,
    /// The requester's side resolves the accepter's private names.
    pub dns_from_accepter: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Route {
    pub cidr: String,
    /// The gateway's or peering's id.
    pub target: String,
    pub state: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RouteTable {
    pub id: String,
    pub vpc_id: String,
    pub main: bool,
    pub subnet_ids: Vec<String>,
    pub routes: Vec<Route>,
}
