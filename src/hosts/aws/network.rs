//! VPCs, subnets, security groups, peerings and routes.

use std::collections::BTreeMap;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, Filter, IpPermission, IpRange, PeeringConnectionOptionsRequest, ResourceType, Tag,
    TagSpecification, UserIdGroupPair, VpcAttributeName, VpcPeeringConnectionVpcInfo,
};

use super::faults::{fault, gone_as_none};
use crate::formats::cloud::{
    DnsAttribute, Peer, PeeringConnection, PeeringSide, Route, RouteTable, Rule, SecurityGroup, Subnet, Vpc,
};
use crate::seams::cloud::{Answer, Tags};

pub(super) fn text(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

pub(super) fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

pub(super) fn filters_of(tags: &Tags) -> Vec<Filter> {
    tags.iter().map(|(key, value)| filter(&format!("tag:{key}"), value)).collect()
}

pub(super) fn tags_of(tags: &[Tag]) -> Tags {
    tags.iter().map(|tag| (text(tag.key()), text(tag.value()))).collect()
}

/// Tags that an object has from its first moment.
pub(super) fn tagged(kind: ResourceType, tags: &BTreeMap<String, String>) -> TagSpecification {
    let tags = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    TagSpecification::builder().resource_type(kind).set_tags(Some(tags)).build()
}

pub(super) async fn vpc(ec2: &Client, id: &str) -> Answer<Option<Vpc>> {
    let asked = ec2.describe_vpcs().vpc_ids(id).send().await.map_err(fault);
    let Some(found) = gone_as_none(asked.map(|answer| answer.vpcs().first().cloned()))? else { return Ok(None) };
    let attribute = |name| ec2.describe_vpc_attribute().vpc_id(id).attribute(name).send();
    let support = attribute(VpcAttributeName::EnableDnsSupport).await.map_err(fault)?;
    let hostnames = attribute(VpcAttributeName::EnableDnsHostnames).await.map_err(fault)?;
    let on = |value: Option<&AttributeBooleanValue>| value.and_then(AttributeBooleanValue::value) == Some(true);
    let mut cidrs: Vec<String> = found.cidr_block().map(str::to_owned).into_iter().collect();
    for more in found.cidr_block_association_set().iter().filter_map(|block| block.cidr_block()) {
        if !cidrs.iter().any(|cidr| cidr == more) {
            cidrs.push(more.to_owned());
        }
    }
    Ok(Some(Vpc {
        id: text(found.vpc_id()),
        cidrs,
        dns_support: on(support.enable_dns_support()),
        dns_hostnames: on(hostnames.enable_dns_hostnames()),
    }))
}

pub(super) async fn subnets(ec2: &Client, vpc: &str) -> Answer<Vec<Subnet>> {
    let mut pages = ec2.describe_subnets().filters(filter("vpc-id", vpc)).into_paginator().items().send();
    let mut subnets = Vec::new();
    while let Some(found) = pages.next().await {
        let found = found.map_err(fault)?;
        subnets.push(Subnet {
            id: text(found.subnet_id()),
            vpc_id: text(found.vpc_id()),
            zone: text(found.availability_zone()),
            cidr: text(found.cidr_block()),
            free_addresses: count(found.available_ip_address_count()),
            public_ip_on_launch: found.map_public_ip_on_launch() == Some(true),
        });
    }
    Ok(subnets)
}

fn count(count: Option<i32>) -> u32 {
    count.and_then(|count| u32::try_from(count).ok()).unwrap_or_default()
}

/// By a filter: a list of ids fails as a whole when one of them is gone.
pub(super) async fn security_groups(ec2: &Client, ids: &[String]) -> Answer<Vec<SecurityGroup>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = Filter::builder().name("group-id").set_values(Some(ids.to_vec())).build();
    groups(ec2, vec![wanted]).await
}

pub(super) async fn security_group_named(ec2: &Client, vpc: &str, name: &str) -> Answer<Option<SecurityGroup>> {
    let found = groups(ec2, vec![filter("vpc-id", vpc), filter("group-name", name)]).await?;
    Ok(found.into_iter().find(|group| group.name == name))
}

async fn groups(ec2: &Client, filters: Vec<Filter>) -> Answer<Vec<SecurityGroup>> {
    let mut pages = ec2.describe_security_groups().set_filters(Some(filters)).into_paginator().items().send();
    let mut groups = Vec::new();
    while let Some(found) = pages.next().await {
        let found = found.map_err(fault)?;
        let mut rules: Vec<Rule> = found.ip_permissions().iter().flat_map(|p| rules_of(p, false)).collect();
        rules.extend(found.ip_permissions_egress().iter().flat_map(|p| rules_of(p, true)));
        groups.push(SecurityGroup {
            id: text(found.group_id()),
            name: text(found.group_name()),
            vpc_id: text(found.vpc_id()),
            rules,
            tags: tags_of(found.tags()),
        });
    }
    Ok(groups)
}

/// One permission names many peers; one rule names one.
fn rules_of(permission: &IpPermission, egress: bool) -> Vec<Rule> {
    let port = |port: Option<i32>, open: u16| port.map_or(open, |p| u16::try_from(p.max(0)).unwrap_or(open));
    let rule = |peer, description: Option<&str>| Rule {
        egress,
        protocol: text(permission.ip_protocol()),
        from_port: port(permission.from_port(), 0),
        to_port: port(permission.to_port(), u16::MAX),
        peer,
        description: text(description),
    };
    let v4 = permission.ip_ranges().iter().map(|range| rule(Peer::Cidr(text(range.cidr_ip())), range.description()));
    let v6 =
        permission.ipv6_ranges().iter().map(|range| rule(Peer::Cidr(text(range.cidr_ipv6())), range.description()));
    let groups = permission
        .user_id_group_pairs()
        .iter()
        .map(|pair| rule(Peer::Group(text(pair.group_id())), pair.description()));
    v4.chain(v6).chain(groups).collect()
}

fn permission(rule: &Rule) -> IpPermission {
    let described = Some(rule.description.clone()).filter(|text| !text.is_empty());
    let mut permission = IpPermission::builder().ip_protocol(&rule.protocol);
    if rule.protocol != "-1" {
        permission = permission.from_port(rule.from_port.into()).to_port(rule.to_port.into());
    }
    match &rule.peer {
        Peer::Cidr(cidr) => {
            permission.ip_ranges(IpRange::builder().cidr_ip(cidr).set_description(described).build()).build()
        }
        Peer::Group(group) => permission
            .user_id_group_pairs(UserIdGroupPair::builder().group_id(group).set_description(described).build())
            .build(),
    }
}

pub(super) async fn create_security_group(
    ec2: &Client,
    vpc: &str,
    name: &str,
    description: &str,
    tags: &Tags,
) -> Answer<String> {
    let asked = ec2
        .create_security_group()
        .vpc_id(vpc)
        .group_name(name)
        .description(description)
        .tag_specifications(tagged(ResourceType::SecurityGroup, tags));
    Ok(text(asked.send().await.map_err(fault)?.group_id()))
}

pub(super) async fn delete_security_group(ec2: &Client, id: &str) -> Answer<()> {
    ec2.delete_security_group().group_id(id).send().await.map(drop).map_err(fault)
}

pub(super) async fn allow(ec2: &Client, group: &str, rule: &Rule) -> Answer<()> {
    let permission = permission(rule);
    if rule.egress {
        let asked = ec2.authorize_security_group_egress().group_id(group).ip_permissions(permission);
        return asked.send().await.map(drop).map_err(fault);
    }
    let asked = ec2.authorize_security_group_ingress().group_id(group).ip_permissions(permission);
    asked.send().await.map(drop).map_err(fault)
}

pub(super) async fn revoke(ec2: &Client, group: &str, rule: &Rule) -> Answer<()> {
    let permission = permission(rule);
    if rule.egress {
        let asked = ec2.revoke_security_group_egress().group_id(group).ip_permissions(permission);
        return asked.send().await.map(drop).map_err(fault);
    }
    let asked = ec2.revoke_security_group_ingress().group_id(group).ip_permissions(permission);
    asked.send().await.map(drop).map_err(fault)
}

pub(super) async fn peerings(ec2: &Client) -> Answer<Vec<PeeringConnection>> {
    let mut pages = ec2.describe_vpc_peering_connections().into_paginator().items().send();
    let mut peerings = Vec::new();
    while let Some(found) = pages.next().await {
        let found = found.map_err(fault)?;
        let status = found.status();
        let accepter = found.accepter_vpc_info();
        peerings.push(PeeringConnection {
            id: text(found.vpc_peering_connection_id()),
            state: text(status.and_then(|s| s.code()).map(|code| code.as_str())),
            message: text(status.and_then(|s| s.message())),
            requester: found.requester_vpc_info().map(side).unwrap_or_default(),
            accepter: accepter.map(side).unwrap_or_default(),
            dns_from_accepter: accepter
                .and_then(|side| side.peering_options())
                .and_then(|options| options.allow_dns_resolution_from_remote_vpc())
                == Some(true),
        });
    }
    Ok(peerings)
}

fn side(info: &VpcPeeringConnectionVpcInfo) -> PeeringSide {
    let mut cidrs: Vec<String> = info.cidr_block().map(str::to_owned).into_iter().collect();
    for more in info.cidr_block_set().iter().filter_map(|block| block.cidr_block()) {
        if !cidrs.iter().any(|cidr| cidr == more) {
            cidrs.push(more.to_owned());
        }
    }
    PeeringSide { account: text(info.owner_id()), vpc_id: text(info.vpc_id()), region: text(info.region()), cidrs }
}

pub(super) async fn accept_peering(ec2: &Client, id: &str) -> Answer<()> {
    ec2.accept_vpc_peering_connection().vpc_peering_connection_id(id).send().await.map(drop).map_err(fault)
}

pub(super) async fn allow_peering_dns(ec2: &Client, id: &str) -> Answer<()> {
    let options = PeeringConnectionOptionsRequest::builder().allow_dns_resolution_from_remote_vpc(true).build();
    let asked = ec2
        .modify_vpc_peering_connection_options()
        .vpc_peering_connection_id(id)
        .accepter_peering_connection_options(options);
    asked.send().await.map(drop).map_err(fault)
}

pub(super) async fn enable_dns(ec2: &Client, vpc: &str, what: DnsAttribute) -> Answer<()> {
    let on = AttributeBooleanValue::builder().value(true).build();
    let asked = ec2.modify_vpc_attribute().vpc_id(vpc);
    let asked = match what {
        DnsAttribute::Support => asked.enable_dns_support(on),
        DnsAttribute::Hostnames => asked.enable_dns_hostnames(on),
    };
    asked.send().await.map(drop).map_err(fault)
}

pub(super) async fn route_tables(ec2: &Client, vpc: &str) -> Answer<Vec<RouteTable>> {
    let mut pages = ec2.describe_route_tables().filters(filter("vpc-id", vpc)).into_paginator().items().send();
    let mut tables = Vec::new();
    while let Some(found) = pages.next().await {
        let found = found.map_err(fault)?;
        tables.push(RouteTable {
            id: text(found.route_table_id()),
            vpc_id: text(found.vpc_id()),
            main: found.associations().iter().any(|association| association.main() == Some(true)),
            subnet_ids: found.associations().iter().filter_map(|a| a.subnet_id().map(str::to_owned)).collect(),
            routes: found.routes().iter().filter_map(route).collect(),
        });
    }
    Ok(tables)
}

/// `None`: a route of IPv6 or to a list of prefixes.
fn route(route: &aws_sdk_ec2::types::Route) -> Option<Route> {
    let target = [
        route.vpc_peering_connection_id(),
        route.gateway_id(),
        route.nat_gateway_id(),
        route.transit_gateway_id(),
        route.network_interface_id(),
        route.instance_id(),
    ];
    Some(Route {
        cidr: route.destination_cidr_block()?.to_owned(),
        target: text(target.into_iter().flatten().next()),
        state: text(route.state().map(|state| state.as_str())),
    })
}

pub(super) async fn create_route(ec2: &Client, table: &str, cidr: &str, peering: &str) -> Answer<()> {
    let asked =
        ec2.create_route().route_table_id(table).destination_cidr_block(cidr).vpc_peering_connection_id(peering);
    asked.send().await.map(drop).map_err(fault)
}

pub(super) async fn delete_route(ec2: &Client, table: &str, cidr: &str) -> Answer<()> {
    ec2.delete_route().route_table_id(table).destination_cidr_block(cidr).send().await.map(drop).map_err(fault)
}
