//! Sources that are clusters: where they are, by what they are known, what keeps one from being a source; and whose
//! account it is.

use std::collections::BTreeMap;

use super::desired::source_addr;
use super::place;
use crate::formats::cloud_facts::{CloudFacts, ClusterFacts, Seen};
use crate::formats::cloud_inputs::AuroraInputs;
use crate::formats::facts::World;
use crate::formats::spec::model::{Server, Spec};
use crate::words::addr::StepAddr;
use crate::words::codes;
use crate::words::diag::Diagnostic;
use crate::words::error::Failure;

/// What the inputs of a `source "aurora"` are.
pub fn aurora_inputs(server: &Server) -> Option<AuroraInputs> {
    let aurora = server.aurora.as_ref()?;
    Some(AuroraInputs {
        cluster: aurora.cluster_identifier.clone(),
        host: aurora.host.clone(),
        port: aurora.port,
        user: server.username.clone(),
    })
}

/// The spec with every looked-up endpoint in its place; a source whose cluster is not known stays without a host.
pub fn resolve_endpoints(spec: &mut Spec, cloud: &CloudFacts) {
    for server in spec.sources.values_mut() {
        let Some(aurora) = &server.aurora else { continue };
        let Some(cluster) = cloud.clusters.get(&server.name).and_then(|c| c.cluster.as_ref()) else { continue };
        if aurora.host.is_none() {
            server.host = cluster.endpoint.clone();
        }
        if aurora.port.is_none() && cluster.port != 0 {
            server.port = cluster.port;
        }
    }
}

/// Sources that are clusters are known by their cluster: the writer may fail over (contract, "Secrets"). A cluster that
/// could not be looked up is a fault of its source.
pub fn name_sources(spec: &Spec, world: &mut World) {
    let Some(cloud) = &world.cloud else { return };
    for server in spec.sources.values().filter(|s| s.aurora.is_some()) {
        let Some(facts) = world.servers.get_mut(&source_addr(server).to_string()) else { continue };
        let seen = cloud.clusters.get(&server.name);
        match seen.and_then(|c| c.cluster.as_ref()) {
            Some(cluster) if !cluster.resource_id.is_empty() => {
                facts.server_id = cluster.resource_id.clone();
                if facts.fault.is_none() {
                    facts.identity = format!("{}@{}", server.username, cluster.resource_id);
                }
            }
            _ => {
                let found = cluster_findings(server, seen, cloud);
                if let Some(found) = found.into_iter().next() {
                    let fault = Failure::new(found.code, "look the cluster up", found.summary, found.help);
                    facts.fault = Some(fault);
                }
            }
        }
    }
}

/// Whether the machine behind a `.ready` step runs, as far as the account tells.
pub fn runner_runs(cloud: &CloudFacts, ready: &StepAddr) -> bool {
    let facts = ready.block_name().and_then(|name| cloud.runners.get(name));
    facts.is_none_or(|facts| match &facts.instance {
        Seen::Unasked => true,
        Seen::Gone => false,
        Seen::There(instance) => instance.state == "running",
    })
}

/// Whose account a plan is for, and which clusters: bound to it as the servers are, reached from here or not.
pub(super) fn observed(spec: &Spec, world: &World, servers: &mut BTreeMap<String, String>) {
    let Some(cloud) = &world.cloud else { return };
    if let Some(here) = place::of_provider(spec, Some(cloud)) {
        servers.insert("provider.aws".into(), here.to_string());
    }
    for server in spec.sources.values().filter(|s| s.aurora.is_some()) {
        let cluster = cloud.clusters.get(&server.name).and_then(|c| c.cluster.as_ref());
        if let Some(cluster) = cluster.filter(|c| !c.resource_id.is_empty()) {
            let identity = format!("{}@{}", server.username, cluster.resource_id);
            servers.entry(source_addr(server).to_string()).or_insert(identity);
        }
    }
}

/// What keeps a cluster from being a source.
pub(super) fn cluster_findings(server: &Server, seen: Option<&ClusterFacts>, cloud: &CloudFacts) -> Vec<Diagnostic> {
    let Some(aurora) = &server.aurora else { return Vec::new() };
    let id = &aurora.cluster_identifier;
    let unseen = ClusterFacts::default();
    let seen = seen.unwrap_or(&unseen);
    if let Some(fault) = seen.fault.as_ref().or(cloud.fault.as_ref()) {
        let finding = Diagnostic::error(fault.code, format!("failed to {}: {}", fault.doing, fault.cause));
        return vec![finding.help(&fault.hint)];
    }
    let Some(cluster) = &seen.cluster else {
        return vec![
            Diagnostic::error(codes::NO_CLUSTER, format!("there is no Aurora cluster {id} in this account and region"))
                .detail(format!(
                    "Asked as {}.",
                    if cloud.identity.arn.is_empty() { "somebody" } else { &cloud.identity.arn }
                ))
                .help("Correct `cluster_identifier`, or `region` and `profile` of the provider."),
        ];
    };
    let no = |summary: String, help: &str| vec![Diagnostic::error(codes::CLUSTER_NOT_A_SOURCE, summary).help(help)];
    if !cluster.engine.is_empty() && cluster.engine != "aurora-mysql" && cluster.engine != "aurora" {
        return no(
            format!("the cluster {id} is {}, not Aurora MySQL", cluster.engine),
            "mig reads MySQL; name a cluster of Aurora MySQL.",
        );
    }
    if !cluster.status.is_empty() && cluster.status != "available" && cluster.status != "backing-up" {
        return no(format!("the cluster {id} is {}", cluster.status), "Start it, or wait until it is available.");
    }
    if aurora.iam_auth && !cluster.iam_auth {
        return vec![
            Diagnostic::error(codes::IAM_AUTH_DISABLED, format!("the cluster {id} does not accept IAM authentication"))
                .detail("`iam_auth` is set, and IAM database authentication is off there.")
                .help(format!(
                    "Switch it on: aws rds modify-db-cluster --db-cluster-identifier {id} \
                     --enable-iam-database-authentication --apply-immediately; or take `password` or `password_secret`."
                )),
        ];
    }
    Vec::new()
}
