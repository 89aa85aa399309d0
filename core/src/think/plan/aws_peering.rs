//! The steps of a peering: the connection, a route in each table, names across it, and what the facts say against it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::aws::{Builder, route_addr};
use super::aws_diff;
use super::desired::source_addr;
use crate::formats::cloud::PeeringConnection;
use crate::formats::cloud_facts::NetworkFacts;
use crate::formats::cloud_inputs::{DnsInputs, FoundBy, PeeringInputs, RouteInputs};
use crate::formats::spec::model::Migration;
use crate::formats::spec::model::aws::{FoundBy as SpecFoundBy, Peering};
use crate::think::cloud::peering::{self, Next};
use crate::think::cloud::{choice, reach};
use crate::words::addr::StepType;
use crate::words::addr::{StepAddr, StepKind};
use crate::words::codes;
use crate::words::diag::Diagnostic;

impl Builder<'_> {
    /// Every part of a peering; `subnets`: where the runners stand.
    pub fn peering(
        &mut self,
        address: &str,
        peering: &Peering,
        users: &[&Migration],
        subnets: &BTreeMap<&str, String>,
    ) {
        let label = peering.label.as_str();
        let seen = self.cloud.peerings.get(address).cloned().unwrap_or_default();
        if let Some(fault) = &seen.fault {
            self.fault(address, fault);
        }
        let source =
            users.iter().find_map(|m| self.source_of(m).map(|(s, c, n)| (source_addr(s), c.clone(), n.clone())));
        let Some((source, cluster, network)) = source else {
            self.wanted.kept_blocks.insert(address.to_owned());
            return;
        };
        let region = self.spec.aws.as_ref().map(|aws| aws.region.clone()).unwrap_or_default();
        let by = match &peering.found_by {
            SpecFoundBy::Id(id) => FoundBy::Id(id.clone()),
            SpecFoundBy::Requester { account_id, vpc_id } => {
                FoundBy::Requester { account_id: account_id.clone(), vpc_id: vpc_id.clone() }
            }
        };
        let addr = StepAddr::of_peering(label, StepType::Connection, None);
        let found = match (&seen.fault, peering::find(&by, &cluster.vpc_id, &region, &seen.connections)) {
            (None, Ok(found)) => Some(found.clone()),
            (None, Err(finding)) => {
                self.find(addr.to_string(), *finding);
                None
            }
            (Some(_), _) => None,
        };
        let inputs = PeeringInputs {
            by,
            connection_id: found.as_ref().map(|c| c.id.clone()).unwrap_or_default(),
            target_cidr: peering.target_cidr.clone(),
            accept: peering.accept,
            vpc_id: cluster.vpc_id.clone(),
            region,
        };
        let settings = json!({
            "by": inputs.by, "target_cidr": inputs.target_cidr, "accept": inputs.accept, "vpc_id": inputs.vpc_id,
            "region": inputs.region,
        });
        if let Some(found) = &found {
            self.judge(&addr, &inputs, found, &network, users);
        }
        self.node(&addr, StepKind::Peering, &inputs, &settings, &[source]);
        let was = self.recorded(&addr);
        let mut standing = aws_diff::connection(was.as_ref(), &inputs, found.as_ref());
        let targets = users.iter().filter_map(|m| self.spec.targets.get(&m.target));
        if let Some(tier) = targets.filter_map(|t| t.tier.as_deref()).next() {
            standing.what.push_str(&format!("; the target's tier {tier} is declared, not observed"));
        }
        self.standing(&addr, standing);

        let connection = found.as_ref().map(|found| found.id.as_str());
        for table in route_tables(peering, users, subnets, &network) {
            self.route(peering, &network, &table, (&addr, connection), &cluster.vpc_id);
        }
        let dns = StepAddr::of_peering(label, StepType::Dns, None);
        let inputs = DnsInputs { vpc_id: cluster.vpc_id };
        self.node(&dns, StepKind::Peering, &inputs, &json!(inputs), std::slice::from_ref(&addr));
        self.standing(&dns, aws_diff::dns(network.vpc.as_ref(), found.as_ref(), peering.accept));
    }

    /// The route of one table to the other side.
    fn route(
        &mut self,
        peering: &Peering,
        network: &NetworkFacts,
        table: &str,
        (addr, connection): (&StepAddr, Option<&str>),
        vpc_id: &str,
    ) {
        let route = route_addr(&peering.label, table);
        let inputs = RouteInputs { table_id: table.to_owned(), cidr: peering.target_cidr.clone() };
        let there = network.route_tables.iter().find(|t| t.id == table);
        if let (Some(there), Some(connection)) = (there, connection)
            && let Some(found) = reach::judge_way(there, &inputs.cidr, connection, peering.accept)
        {
            self.find(route.to_string(), found);
        }
        if there.is_none() && !network.route_tables.is_empty() {
            let summary = format!("{table} is not a route table of {vpc_id}");
            let finding = Diagnostic::error(codes::EXISTING_OBJECT_MISSING, summary).help("Correct `route_tables`.");
            self.find(route.to_string(), finding);
        }
        self.node(&route, StepKind::Peering, &inputs, &json!(inputs), std::slice::from_ref(addr));
        let recorded = self.state.is_some_and(|state| state.steps.contains_key(&route));
        self.standing(&route, aws_diff::route(recorded, &inputs, there, connection));
    }

    fn judge(
        &mut self,
        addr: &StepAddr,
        inputs: &PeeringInputs,
        found: &PeeringConnection,
        network: &NetworkFacts,
        users: &[&Migration],
    ) {
        let mut findings = peering::judge(inputs, found, network.vpc.as_ref());
        // What makes a connection of use at all is said before what its state asks for.
        if findings.is_empty()
            && let Next::Stop(finding) = peering::next(found, inputs.accept)
        {
            findings.push(*finding);
        }
        for target in users.iter().filter_map(|m| self.spec.targets.get(&m.target)) {
            if let Some(region) = target.region.as_ref().filter(|region| **region != inputs.region) {
                findings.push(
                    Diagnostic::error(
                        codes::REGIONS_DIFFER,
                        format!("the target is in {region}, the source in {}", inputs.region),
                    )
                    .detail("The target's region is declared in the spec, not observed.")
                    .help(format!(
                        "Make the TiDB Cloud cluster in {}, or correct `region` of the target.",
                        inputs.region
                    )),
                );
            }
            findings.extend(target.tier.as_deref().and_then(choice::tier));
        }
        findings.dedup();
        for finding in findings {
            self.find(addr.to_string(), finding);
        }
    }
}

/// The route tables that lead to the other side: those that the spec names, else those of the runners' subnets.
fn route_tables(
    peering: &Peering,
    users: &[&Migration],
    subnets: &BTreeMap<&str, String>,
    network: &NetworkFacts,
) -> Vec<String> {
    if !peering.route_tables.is_empty() {
        return peering.route_tables.clone();
    }
    let runners = users.iter().filter_map(|m| m.runner.as_deref()).filter_map(|r| subnets.get(r));
    let tables = runners.filter_map(|s| reach::table_of(s, &network.route_tables).map(|t| t.id.clone()));
    tables.collect::<BTreeSet<_>>().into_iter().collect()
}
