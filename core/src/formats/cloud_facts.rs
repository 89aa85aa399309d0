//! What was observed of a cloud's account, as plain values beside the facts of the servers. A look that was refused or
//! did not answer is a fault of that part alone.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cloud::{
    Cluster, Identity, Image, Instance, KeyPair, PeeringConnection, RouteTable, SecurityGroup, Subnet, Volume, Vpc,
};
use crate::words::error::Failure;

/// One account and region.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CloudFacts {
    /// Why nothing of it could be asked: no credentials, no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Failure>,
    pub identity: Identity,
    /// By the source's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clusters: BTreeMap<String, ClusterFacts>,
    /// By the VPC's id: those of the clusters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub networks: BTreeMap<String, NetworkFacts>,
    /// By the runner's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub runners: BTreeMap<String, RunnerFacts>,
    /// By the block's address: every connection that it may mean.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub peerings: BTreeMap<String, PeeringFacts>,
    /// Living objects with the tag of this lineage, known to the state or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tagged: Vec<Tagged>,
    /// Why they could not be looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tagged_fault: Option<Failure>,
}

/// An instance or a volume that bears this lineage's tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Tagged {
    pub id: String,
    /// Its tag `mig:address`; empty: it has none.
    pub address: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterFacts {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Failure>,
    /// `None` without a fault: there is no such cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Cluster>,
    /// CloudWatch `VolumeBytesUsed`: what is billed, indexes included. `None`: no value of the last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_fault: Option<Failure>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NetworkFacts {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Failure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<Vpc>,
    pub subnets: Vec<Subnet>,
    pub route_tables: Vec<RouteTable>,
    /// The groups of the cluster.
    pub groups: Vec<SecurityGroup>,
}

/// What a runner is made from, and what was made of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunnerFacts {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Failure>,
    /// Images that the filter of the spec meets.
    pub images: Vec<Image>,
    /// The key pair that the spec names, or the recorded one.
    #[serde(default, skip_serializing_if = "Seen::is_unasked")]
    pub key_pair: Seen<KeyPair>,
    #[serde(default, skip_serializing_if = "Seen::is_unasked")]
    pub group: Seen<SecurityGroup>,
    #[serde(default, skip_serializing_if = "Seen::is_unasked")]
    pub instance: Seen<Instance>,
    #[serde(default, skip_serializing_if = "Seen::is_unasked")]
    pub volume: Seen<Volume>,
}

/// An object that was looked for by the name or id that is known of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Seen<T> {
    /// Nothing is known to look for, or the look did not answer.
    #[default]
    Unasked,
    Gone,
    There(T),
}

impl<T> Seen<T> {
    pub fn is_unasked(&self) -> bool {
        matches!(self, Self::Unasked)
    }

    pub fn there(&self) -> Option<&T> {
        match self {
            Self::There(object) => Some(object),
            Self::Unasked | Self::Gone => None,
        }
    }

    pub fn of(found: Option<T>) -> Self {
        found.map_or(Self::Gone, Self::There)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PeeringFacts {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Failure>,
    pub connections: Vec<PeeringConnection>,
}
