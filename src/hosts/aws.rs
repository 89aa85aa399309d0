//! AWS behind the seam of a cloud: EC2, RDS, STS, Secrets Manager, CloudWatch. The only file, with those under it, that
//! names the SDK. One call here is one call of the API, or one listing with all its pages; it decides nothing and waits
//! for nothing.
//!
//! Reads are repeated by the SDK (adaptive: throttling slows all of them down), and so are the two calls that carry a
//! client token. Every other call with an effect is sent once: what became of it is for the step to look at.

mod faults;
mod machines;
mod network;
mod source;

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use futures::future::BoxFuture;

use crate::formats::cloud::{
    Cluster, DnsAttribute, Identity, Image, Instance, InstanceType, KeyPair, NewInstance, NewVolume, PeeringConnection,
    ProviderSettings, RouteTable, Rule, SecurityGroup, Subnet, Volume, Vpc,
};
use crate::seams::cloud::{Answer, Cloud, Tags};
use crate::words::error::Outcome;
use crate::words::secret::Secret;

/// A call that hangs is not an answer after this; EC2 itself answers within seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

const CONNECT_WITHIN: Duration = Duration::from_secs(10);

const READ_TRIES: u32 = 6;

/// Opens a provider: credentials by the SDK's usual chain (environment, profile, SSO, web identity, container, IMDS),
/// asked for at the first call and refreshed before they expire.
///
/// # Errors
/// None; a build without the feature `aws` has one (MIG3201).
pub async fn cloud(provider: &ProviderSettings) -> Outcome<Arc<dyn Cloud>> {
    // The system's roots, and the one implementation of TLS that the rest of the program has.
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_WITHIN).operation_attempt_timeout(ANSWER_WITHIN).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(provider.region.clone()))
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::adaptive().with_max_attempts(READ_TRIES).with_max_backoff(Duration::from_secs(10)));
    if let Some(profile) = &provider.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = &provider.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let config = loader.load().await;
    let place = match &provider.endpoint_url {
        Some(url) => format!("{} at {url}", provider.region),
        None => provider.region.clone(),
    };
    Ok(Arc::new(Aws::over(place, &config)))
}

/// One account and region.
struct Aws {
    place: String,
    /// Credentials and region.
    config: SdkConfig,
    /// Reads, and calls with a client token.
    ec2: aws_sdk_ec2::Client,
    /// Calls that must not be repeated unseen.
    once: aws_sdk_ec2::Client,
    rds: aws_sdk_rds::Client,
    sts: aws_sdk_sts::Client,
    secrets: aws_sdk_secretsmanager::Client,
    metrics: aws_sdk_cloudwatch::Client,
}

impl Aws {
    fn over(place: String, config: &SdkConfig) -> Self {
        let once = aws_sdk_ec2::config::Builder::from(config).retry_config(RetryConfig::disabled()).build();
        Self {
            place,
            config: config.clone(),
            ec2: aws_sdk_ec2::Client::new(config),
            once: aws_sdk_ec2::Client::from_conf(once),
            rds: aws_sdk_rds::Client::new(config),
            sts: aws_sdk_sts::Client::new(config),
            secrets: aws_sdk_secretsmanager::Client::new(config),
            metrics: aws_sdk_cloudwatch::Client::new(config),
        }
    }
}

impl Cloud for Aws {
    fn place(&self) -> String {
        self.place.clone()
    }

    fn identity(&self) -> BoxFuture<'_, Answer<Identity>> {
        Box::pin(source::identity(&self.sts))
    }

    fn cluster<'a>(&'a self, identifier: &'a str) -> BoxFuture<'a, Answer<Option<Cluster>>> {
        Box::pin(source::cluster(&self.rds, identifier))
    }

    fn volume_bytes_used<'a>(&'a self, cluster: &'a str) -> BoxFuture<'a, Answer<Option<u64>>> {
        Box::pin(source::volume_bytes_used(&self.metrics, cluster))
    }

    fn secret<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Answer<Secret>> {
        Box::pin(source::secret(&self.secrets, id))
    }

    fn login_token<'a>(&'a self, host: &'a str, port: u16, username: &'a str) -> BoxFuture<'a, Answer<Secret>> {
        Box::pin(source::login_token(&self.config, host, port, username))
    }

    fn vpc<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Answer<Option<Vpc>>> {
        Box::pin(network::vpc(&self.ec2, id))
    }

    fn subnets<'a>(&'a self, vpc: &'a str) -> BoxFuture<'a, Answer<Vec<Subnet>>> {
        Box::pin(network::subnets(&self.ec2, vpc))
    }

    fn security_groups<'a>(&'a self, ids: &'a [String]) -> BoxFuture<'a, Answer<Vec<SecurityGroup>>> {
        Box::pin(network::security_groups(&self.ec2, ids))
    }

    fn security_group_named<'a>(&'a self, vpc: &'a str, name: &'a str) -> BoxFuture<'a, Answer<Option<SecurityGroup>>> {
        Box::pin(network::security_group_named(&self.ec2, vpc, name))
    }

    fn peerings(&self) -> BoxFuture<'_, Answer<Vec<PeeringConnection>>> {
        Box::pin(network::peerings(&self.ec2))
    }

    fn route_tables<'a>(&'a self, vpc: &'a str) -> BoxFuture<'a, Answer<Vec<RouteTable>>> {
        Box::pin(network::route_tables(&self.ec2, vpc))
    }

    fn images<'a>(&'a self, owner: &'a str, name: &'a str) -> BoxFuture<'a, Answer<Vec<Image>>> {
        Box::pin(machines::images(&self.ec2, owner, name))
    }

    fn image<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Answer<Option<Image>>> {
        Box::pin(machines::image(&self.ec2, id))
    }

    fn instance_type<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Answer<Option<InstanceType>>> {
        Box::pin(machines::instance_type(&self.ec2, name))
    }

    fn key_pair<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Answer<Option<KeyPair>>> {
        Box::pin(machines::key_pair(&self.ec2, name))
    }

    fn instance<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Answer<Option<Instance>>> {
        Box::pin(machines::instance(&self.ec2, id))
    }

    fn instances_tagged<'a>(&'a self, tags: &'a Tags) -> BoxFuture<'a, Answer<Vec<Instance>>> {
        Box::pin(machines::instances_tagged(&self.ec2, tags))
    }

    fn console_output<'a>(&'a self, instance: &'a str) -> BoxFuture<'a, Answer<Option<String>>> {
        Box::pin(machines::console_output(&self.ec2, instance))
    }

    fn volume<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Answer<Option<Volume>>> {
        Box::pin(machines::volume(&self.ec2, id))
    }

    fn volumes_tagged<'a>(&'a self, tags: &'a Tags) -> BoxFuture<'a, Answer<Vec<Volume>>> {
        Box::pin(machines::volumes_tagged(&self.ec2, tags))
    }

    fn import_key_pair<'a>(
        &'a self,
        name: &'a str,
        public_key: &'a str,
        tags: &'a Tags,
    ) -> BoxFuture<'a, Answer<KeyPair>> {
        Box::pin(machines::import_key_pair(&self.once, name, public_key, tags))
    }

    fn delete_key_pair<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Answer<()>> {
        Box::pin(machines::delete_key_pair(&self.once, name))
    }

    fn create_security_group<'a>(
        &'a self,
        vpc: &'a str,
        name: &'a str,
        description: &'a str,
        tags: &'a Tags,
    ) -> BoxFuture<'a, Answer<String>> {
        Box::pin(network::create_security_group(&self.once, vpc, name, description, tags))
    }

    fn delete_security_group<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Answer<()>> {
        Box::pin(network::delete_security_group(&self.once, id))
    }

    fn allow<'a>(&'a self, group: &'a str, rule: &'a Rule) -> BoxFuture<'a, Answer<()>> {
        Box::pin(network::allow(&self.once, group, rule))
    }

    fn revoke<'a>(&'a self, group: &'a str, rule: &'a Rule) -> BoxFuture<'a, Answer<()>> {
        Box::pin(network::revoke(&self.once, group, rule))
    }

    fn run_instance<'a>(&'a self, token: &'a str, new: &'a NewInstance) -> BoxFuture<'a, Answer<Instance>> {
        Box::pin(machines::run_instance(&self.ec2, token, new))
    }

    fn start_instance<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Answer<()>> {
        Box::pin(machines::start_instance(&self.once, id))
    }

    fn terminate_instance<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Answer<()>> {
        Box::pin(machines::terminate_instance(&self.once, id))
    }

    fn create_volume<'a>(&'a self, token: &'a str, new: &'a NewVolume) -> BoxFuture<'a, Answer<Volume>> {
        Box::pin(machines::create_volume(&self.ec2, token, new))
    }

    fn modify_volume<'a>(&'a self, id: &'a str, size_gib: u32) -> BoxFuture<'a, Answer<()>> {
        Box::pin(machines::modify_volume(&self.once, id, size_gib))
    }

    fn attach_volume<'a>(&'a self, volume: &'a str, instance: &'a str, device: &'a str) -> BoxFuture<'a, Answer<()>> {
        Box::pin(machines::attach_volume(&self.once, volume, instance, device))
    }

    fn detach_volume<'a>(&'a self, volume: &'a str, instance: &'a str) -> BoxFuture<'a, Answer<()>> {
        Box::pin(machines::detach_volume(&self.once, volume, instance))
    }

    fn delete_volume<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Answer<()>> {
        Box::pin(machines::delete_volume(&self.once, id))
    }

    fn accept_peering<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Answer<()>> {
        Box::pin(network::accept_peering(&self.once, id))
    }

    fn allow_peering_dns<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Answer<()>> {
        Box::pin(network::allow_peering_dns(&self.once, id))
    }

    fn enable_dns<'a>(&'a self, vpc: &'a str, what: DnsAttribute) -> BoxFuture<'a, Answer<()>> {
        Box::pin(network::enable_dns(&self.once, vpc, what))
    }

    fn create_route<'a>(&'a self, table: &'a str, cidr: &'a str, peering: &'a str) -> BoxFuture<'a, Answer<()>> {
        Box::pin(network::create_route(&self.once, table, cidr, peering))
    }

    fn delete_route<'a>(&'a self, table: &'a str, cidr: &'a str) -> BoxFuture<'a, Answer<()>> {
        Box::pin(network::delete_route(&self.once, table, cidr))
    }
}
