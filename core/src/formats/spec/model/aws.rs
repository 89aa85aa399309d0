//! What a spec says of AWS: the provider, a source that is looked up, a peering connection, a runner that is made.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::words::diag::Place;

/// `provider "aws"`: the account is the credentials' own, and may be held to a list; the region is said.
#[derive(Clone, Debug)]
pub struct Provider {
    pub region: String,
    pub profile: Option<String>,
    /// The accounts in which mig may work; empty: any.
    pub allowed_account_ids: Vec<String>,
    /// Of an emulator or a proxy; `None`: AWS's own.
    pub endpoint_url: Option<String>,
    /// On every object that is made.
    pub default_tags: BTreeMap<String, String>,
}

/// What a `source "aurora"` has beside a plain server.
#[derive(Clone, Debug)]
pub struct Aurora {
    pub cluster_identifier: String,
    /// `host` and `port` where the spec sets them: an override of what the look-up tells.
    pub host: Option<String>,
    pub port: Option<u16>,
    /// The secret of Secrets Manager that holds the password.
    pub password_secret: Option<String>,
    /// Logs in with a token that the credentials sign.
    pub iam_auth: bool,
    /// Of `password_secret` or `iam_auth`.
    pub secret_place: Option<Place>,
}

impl Aurora {
    /// Credentials are needed to log in: for a secret, or for tokens.
    pub fn asks_iam(&self) -> bool {
        self.password_secret.is_some() || self.iam_auth
    }
}

/// `peering "tidb_cloud"`: TiDB Cloud requests, this side accepts.
#[derive(Clone, Debug)]
pub struct Peering {
    /// `tidb_cloud`.
    pub label: String,
    pub found_by: FoundBy,
    pub target_cidr: String,
    pub accept: bool,
    /// Empty: the tables of the runner's subnet.
    pub route_tables: Vec<String>,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FoundBy {
    Id(String),
    Requester { account_id: String, vpc_id: Option<String> },
}

/// `runner "ec2"`.
#[derive(Clone, Debug, Serialize)]
pub struct Ec2 {
    pub instance_type: String,
    pub ami_owner: String,
    /// `*` and `?` as EC2 reads them.
    pub ami_name: String,
    /// `None`: one of the source's VPC.
    pub subnet_id: Option<String>,
    /// `None`: created.
    pub key_pair: Option<String>,
    /// Relative to the spec's folder. Always there for a key that is created.
    pub identity_file: Option<String>,
    pub iam_instance_profile: Option<String>,
    /// `None`: created.
    pub security_group: Option<String>,
    pub volume: Volume,
    pub connection: Connection,
    pub prevent_destroy: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct Volume {
    /// GiB; `None`: auto.
    pub size_gib: Option<u32>,
    pub kind: String,
    pub iops: Option<u32>,
    pub throughput: Option<u32>,
    pub encrypted: bool,
}

/// How `mig` reaches the instance.
#[derive(Clone, Debug, Serialize)]
pub struct Connection {
    /// `None`: the instance's own address.
    pub host: Option<String>,
    pub port: u16,
    pub user: String,
    /// The public host key where the spec pins it.
    pub host_key: Option<String>,
    /// Networks that may open SSH, for a group that is created; empty: the VPC's own.
    pub allow_from: Vec<String>,
}
