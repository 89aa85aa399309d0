//! The account, the Aurora cluster, its used bytes, and secrets.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_sdk_cloudwatch::types::{Dimension, Statistic};
use aws_sdk_rds::auth_token::{AuthTokenGenerator, Config};

use super::faults::{fault, gone_as_none, told};
use crate::formats::cloud::{Cluster, Identity};
use crate::seams::cloud::{Answer, CloudFault};
use crate::words::secret::Secret;

pub(super) async fn identity(sts: &aws_sdk_sts::Client) -> Answer<Identity> {
    let answer = sts.get_caller_identity().send().await.map_err(fault)?;
    Ok(Identity {
        account: answer.account().unwrap_or_default().to_owned(),
        arn: answer.arn().unwrap_or_default().to_owned(),
    })
}

/// The cluster, its subnet group and its writer's zone: up to three calls.
pub(super) async fn cluster(rds: &aws_sdk_rds::Client, identifier: &str) -> Answer<Option<Cluster>> {
    let asked = rds.describe_db_clusters().db_cluster_identifier(identifier).send().await.map_err(fault);
    let Some(found) = gone_as_none(asked.map(|answer| answer.db_clusters().first().cloned()))? else { return Ok(None) };
    let (mut vpc_id, mut subnet_ids) = (String::new(), Vec::new());
    if let Some(group) = found.db_subnet_group() {
        let answer = rds.describe_db_subnet_groups().db_subnet_group_name(group).send().await.map_err(fault)?;
        if let Some(group) = answer.db_subnet_groups().first() {
            vpc_id = group.vpc_id().unwrap_or_default().to_owned();
            subnet_ids = group.subnets().iter().filter_map(|s| s.subnet_identifier().map(str::to_owned)).collect();
        }
    }
    let writer = found.db_cluster_members().iter().find(|member| member.is_cluster_writer() == Some(true));
    let writer = writer.and_then(|member| member.db_instance_identifier().map(str::to_owned));
    let mut writer_zone = None;
    if let Some(writer) = &writer {
        let asked = rds.describe_db_instances().db_instance_identifier(writer).send().await.map_err(fault);
        let instance = gone_as_none(asked.map(|answer| answer.db_instances().first().cloned()))?;
        writer_zone = instance.and_then(|instance| instance.availability_zone().map(str::to_owned));
    }
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Ok(Some(Cluster {
        identifier: text(found.db_cluster_identifier()),
        resource_id: text(found.db_cluster_resource_id()),
        engine: text(found.engine()),
        engine_version: text(found.engine_version()),
        status: text(found.status()),
        endpoint: text(found.endpoint()),
        port: found.port().and_then(|port| u16::try_from(port).ok()).unwrap_or(3306),
        vpc_id,
        subnet_ids,
        security_group_ids: found
            .vpc_security_groups()
            .iter()
            .filter_map(|group| group.vpc_security_group_id().map(str::to_owned))
            .collect(),
        writer,
        writer_zone,
        iam_auth: found.iam_database_authentication_enabled() == Some(true),
    }))
}

/// `VolumeBytesUsed` comes every few minutes; the newest of the last day is taken.
pub(super) async fn volume_bytes_used(metrics: &aws_sdk_cloudwatch::Client, cluster: &str) -> Answer<Option<u64>> {
    let now = SystemTime::now();
    let cluster = Dimension::builder().name("DBClusterIdentifier").value(cluster).build();
    let answer = metrics
        .get_metric_statistics()
        .namespace("AWS/RDS")
        .metric_name("VolumeBytesUsed")
        .dimensions(cluster)
        .start_time((now - Duration::from_secs(24 * 3600)).into())
        .end_time(now.into())
        .period(300)
        .statistics(Statistic::Average)
        .send()
        .await
        .map_err(fault)?;
    let newest = answer.datapoints().iter().max_by_key(|point| point.timestamp().map(|at| at.secs()));
    Ok(newest.and_then(|point| point.average()).map(|bytes| bytes.max(0.0) as u64))
}

pub(super) async fn secret(secrets: &aws_sdk_secretsmanager::Client, id: &str) -> Answer<Secret> {
    let answer = secrets.get_secret_value().secret_id(id).send().await.map_err(fault)?;
    answer.secret_string().map(|text| Secret::new(text.to_owned())).ok_or_else(|| CloudFault {
        code: "InvalidRequestException".into(),
        message: "the secret is binary, not text".into(),
        request_id: None,
        unknown: false,
    })
}

/// Signed with the credentials of now, which the SDK refreshes before they expire.
pub(super) async fn login_token(config: &SdkConfig, host: &str, port: u16, username: &str) -> Answer<Secret> {
    let unsigned = |message: String| CloudFault { code: String::new(), message, request_id: None, unknown: false };
    // The SDK puts both into an address as they are, and panics over what is none.
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if let Some(odd) = [host, username].into_iter().find(|text| text.is_empty() || !plain(text)) {
        return Err(unsigned(format!("no token can be made out for {odd:?}")));
    }
    let login = Config::builder().hostname(host).port(u64::from(port)).username(username).build();
    let token = match login {
        Ok(login) => AuthTokenGenerator::new(login).auth_token(config).await,
        Err(error) => Err(error),
    };
    match token {
        Ok(token) => Ok(Secret::new(token.as_str().to_owned())),
        Err(error) => Err(unsigned(told(error.as_ref()))),
    }
}
