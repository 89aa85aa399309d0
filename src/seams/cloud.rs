//! The seam to a cloud's control plane (EC2, RDS, STS, Secrets Manager, CloudWatch), in plain types. One call of it is
//! one call of the API, or one listing with all its pages; nothing waits here and nothing is decided here.
//!
//! Retries of throttled and failed *reads* are the host's. A call with an effect is never repeated by the host without
//! the token or the name that makes it idempotent: [`CloudFault::unknown`] says that it may have happened.

use std::collections::BTreeMap;

use futures::future::BoxFuture;

use crate::formats::cloud::{
    Cluster, DnsAttribute, Identity, Image, Instance, InstanceType, KeyPair, NewInstance, NewVolume, PeeringConnection,
    RouteTable, Rule, SecurityGroup, Subnet, Volume, Vpc,
};
use crate::words::secret::Secret;

/// What the control plane answered instead of doing what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudFault {
    /// The API's error code: `UnauthorizedOperation`, `InvalidGroup.Duplicate`; empty when no answer came.
    pub code: String,
    /// Without credentials and without encoded authorisation messages.
    pub message: String,
    pub request_id: Option<String>,
    /// No answer, or a 5xx: whether the call had its effect is unknown.
    pub unknown: bool,
}

impl CloudFault {
    /// The API says that the object is not there. Just after it was made this may be wrong: reads lag behind.
    pub fn is_gone(&self) -> bool {
        self.code.ends_with(".NotFound") || self.code.ends_with("NotFoundFault") || self.code == "DBInstanceNotFound"
    }

    /// An object of this name or nature is there already.
    pub fn is_duplicate(&self) -> bool {
        self.code.ends_with(".Duplicate") || self.code == "RouteAlreadyExists"
    }

    /// Nothing was done, and the same call may work a little later.
    pub fn is_throttled(&self) -> bool {
        const CODES: [&str; 5] =
            ["RequestLimitExceeded", "Throttling", "ThrottlingException", "EC2ThrottledException", "RequestThrottled"];
        CODES.contains(&self.code.as_str())
    }

    /// The credentials may not do this.
    pub fn is_refused(&self) -> bool {
        ["UnauthorizedOperation", "AccessDenied", "AccessDeniedException"].contains(&self.code.as_str())
    }
}

/// What an answer is.
pub type Answer<T> = Result<T, CloudFault>;

/// Tags of an object.
pub type Tags = BTreeMap<String, String>;

/// One account and region. Looks never change anything.
pub trait Cloud: Send + Sync {
    /// The endpoint or region, for messages.
    fn place(&self) -> String;

    // -- looks

    fn identity(&self) -> BoxFuture<'_, Answer<Identity>>;
    /// `None`: there is no such cluster.
    fn cluster<'a>(&'a self, identifier: &'a str) -> BoxFuture<'a, Answer<Option<Cluster>>>;
    /// CloudWatch `AWS/RDS VolumeBytesUsed`, the newest value of the last day.
    fn volume_bytes_used<'a>(&'a self, cluster: &'a str) -> BoxFuture<'a, Answer<Option<u64>>>;
    fn vpc<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Answer<Option<Vpc>>>;
    fn subnets<'a>(&'a self, vpc: &'a str) -> BoxFuture<'a, Answer<Vec<Subnet>>>;
    /// Images of an owner whose name matches the filter (`*` and `?`), in any order.
    fn images<'a>(&'a self, owner: &'a str, name: &'a str) -> BoxFuture<'a, Answer<Vec<Image>>>;
    fn image<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Answer<Option<Image>>>;
    /// `None`: the region has no such type.
    fn instance_type<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Answer<Option<InstanceType>>>;
    fn key_pair<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Answer<Option<KeyPair>>>;
    fn security_groups<'a>(&'a self, ids: &'a [String]) -> BoxFuture<'a, Answer<Vec<SecurityGroup>>>;
    fn security_group_named<'a>(&'a self, vpc: &'a str, name: &'a str) -> BoxFuture<'a, Answer<Option<SecurityGroup>>>;
    fn instance<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Answer<Option<Instance>>>;
    /// Instances that bear all these tags, in any state.
    fn instances_tagged<'a>(&'a self, tags: &'a Tags) -> BoxFuture<'a, Answer<Vec<Instance>>>;
    /// What the instance wrote to its console; `None`: nothing yet.
    fn console_output<'a>(&'a self, instance: &'a str) -> BoxFuture<'a, Answer<Option<String>>>;
    fn volume<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Answer<Option<Volume>>>;
    fn volumes_tagged<'a>(&'a self, tags: &'a Tags) -> BoxFuture<'a, Answer<Vec<Volume>>>;
    fn peerings(&self) -> BoxFuture<'_, Answer<Vec<PeeringConnection>>>;
    fn route_tables<'a>(&'a self, vpc: &'a str) -> BoxFuture<'a, Answer<Vec<RouteTable>>>;
    /// The text of a secret of Secrets Manager.
    fn secret<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Answer<Secret>>;

    /// A password for a database that lets users in by IAM: signed here, of use at one log-in within 15 minutes.
    fn login_token<'a>(&'a self, host: &'a str, port: u16, username: &'a str) -> BoxFuture<'a, Answer<Secret>>;

    // -- effects; each is idempotent by a token, a name, or the nature of the thing

    /// By its name: `InvalidKeyPair.Duplicate` when there is one.
    fn import_key_pair<'a>(
        &'a self,
        name: &'a str,
        public_key: &'a str,
        tags: &'a Tags,
    ) -> BoxFuture<'a, Answer<KeyPair>>;
    fn delete_key_pair<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Answer<()>>;
    /// By its name in the VPC: `InvalidGroup.Duplicate`.
    fn create_security_group<'a>(
        &'a self,
        vpc: &'a str,
        name: &'a str,
        description: &'a str,
        tags: &'a Tags,
    ) -> BoxFuture<'a, Answer<String>>;
    fn delete_security_group<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Answer<()>>;
    /// By its content: `InvalidPermission.Duplicate`.
    fn allow<'a>(&'a self, group: &'a str, rule: &'a Rule) -> BoxFuture<'a, Answer<()>>;
    fn revoke<'a>(&'a self, group: &'a str, rule: &'a Rule) -> BoxFuture<'a, Answer<()>>;
    /// By `token`: the same token and parameters give the same instance.
    fn run_instance<'a>(&'a self, token: &'a str, new: &'a NewInstance) -> BoxFuture<'a, Answer<Instance>>;
    /// By the instance's state.
    fn start_instance<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Answer<()>>;
    fn terminate_instance<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Answer<()>>;
    /// By `token`.
    fn create_volume<'a>(&'a self, token: &'a str, new: &'a NewVolume) -> BoxFuture<'a, Answer<Volume>>;
    /// Grows it; sizes in GiB.
    fn modify_volume<'a>(&'a self, id: &'a str, size_gib: u32) -> BoxFuture<'a, Answer<()>>;
    /// By the attachment itself.
    fn attach_volume<'a>(&'a self, volume: &'a str, instance: &'a str, device: &'a str) -> BoxFuture<'a, Answer<()>>;
    fn detach_volume<'a>(&'a self, volume: &'a str, instance: &'a str) -> BoxFuture<'a, Answer<()>>;
    fn delete_volume<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Answer<()>>;
    fn accept_peering<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Answer<()>>;
    /// The other side may resolve our private names.
    fn allow_peering_dns<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Answer<()>>;
    /// Switches one of the VPC's own resolver's attributes on.
    fn enable_dns<'a>(&'a self, vpc: &'a str, what: DnsAttribute) -> BoxFuture<'a, Answer<()>>;
    /// By its destination: `RouteAlreadyExists`.
    fn create_route<'a>(&'a self, table: &'a str, cidr: &'a str, peering: &'a str) -> BoxFuture<'a, Answer<()>>;
    fn delete_route<'a>(&'a self, table: &'a str, cidr: &'a str) -> BoxFuture<'a, Answer<()>>;
}
