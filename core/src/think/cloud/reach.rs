//! Whether packets would get through, reasoned from the rules of security groups and the routes of tables: no packet is
//! sent. Network ACLs are not looked at.

use crate::formats::cloud::{Peer, Route, RouteTable, Rule, SecurityGroup, Subnet};
use crate::formats::cloud_inputs::network;
use crate::words::codes;
use crate::words::diag::Diagnostic;

/// One end of a line of packets: the groups of a machine and the network it is in.
#[derive(Clone, Copy)]
pub struct End<'a> {
    pub groups: &'a [String],
    pub cidr: &'a str,
}

/// Whether any of the groups lets TCP in on `port` from that end.
pub fn lets_in(groups: &[SecurityGroup], port: u16, from: End<'_>) -> bool {
    groups.iter().flat_map(|group| &group.rules).any(|rule| !rule.egress && passes(rule, port, from))
}

/// Whether any of the groups lets TCP out on `port` to that end.
pub fn lets_out(groups: &[SecurityGroup], port: u16, to: End<'_>) -> bool {
    groups.iter().flat_map(|group| &group.rules).any(|rule| rule.egress && passes(rule, port, to))
}

fn passes(rule: &Rule, port: u16, other: End<'_>) -> bool {
    let all = rule.protocol == "-1";
    let tcp = matches!(rule.protocol.as_str(), "tcp" | "6") && (rule.from_port..=rule.to_port).contains(&port);
    (all || tcp)
        && match &rule.peer {
            Peer::Cidr(cidr) => !other.cidr.is_empty() && network::contains(cidr, other.cidr),
            Peer::Group(id) => other.groups.contains(id),
        }
}

/// The finding that nothing is let in: `sg-1 lets nothing in on 3306 from sg-2`.
pub fn closed(groups: &[String], port: u16, from: &str, help: impl Into<String>) -> Diagnostic {
    let verb = if groups.len() == 1 { "lets" } else { "let" };
    Diagnostic::error(
        codes::GROUP_LETS_NOTHING_IN,
        format!("{} {verb} nothing in on {port} from {from}", groups.join(" and ")),
    )
    .detail("Reasoned from the rules of the groups; no packet was sent.")
    .help(help)
}

/// The finding that nothing is let out.
pub fn shut_in(groups: &[String], port: u16, to: &str, help: impl Into<String>) -> Diagnostic {
    let verb = if groups.len() == 1 { "lets" } else { "let" };
    Diagnostic::error(
        codes::GROUP_LETS_NOTHING_OUT,
        format!("{} {verb} nothing out on {port} to {to}", groups.join(" and ")),
    )
    .detail("Reasoned from the rules of the groups; no packet was sent.")
    .help(help)
}

/// The table that a subnet uses: its own, else the VPC's main one.
pub fn table_of<'t>(subnet: &str, tables: &'t [RouteTable]) -> Option<&'t RouteTable> {
    tables.iter().find(|t| t.subnet_ids.iter().any(|id| id == subnet)).or_else(|| tables.iter().find(|t| t.main))
}

/// How a table sends packets to a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way<'t> {
    /// Through the connection.
    Through,
    /// The route is there and leads nowhere.
    Blackhole,
    /// Exactly this network, by something else.
    Elsewhere(&'t Route),
    /// No route of its own.
    Missing,
}

/// How `table` sends packets to `cidr`, where `connection` is meant.
pub fn way<'t>(table: &'t RouteTable, cidr: &str, connection: &str) -> Way<'t> {
    let exact = table.routes.iter().find(|route| route.cidr == cidr);
    let wider = || {
        let through = |route: &&Route| route.target == connection && network::contains(&route.cidr, cidr);
        table.routes.iter().find(through)
    };
    match exact.or_else(wider) {
        None => Way::Missing,
        Some(route) if route.target != connection => Way::Elsewhere(route),
        Some(route) if route.state == "blackhole" => Way::Blackhole,
        Some(_) => Way::Through,
    }
}

/// What is wrong with a table's way; `None`: nothing, or mig makes it.
pub fn judge_way(table: &RouteTable, cidr: &str, connection: &str, may_make: bool) -> Option<Diagnostic> {
    match way(table, cidr, connection) {
        Way::Through => None,
        // A connection that is not accepted yet has routes that lead nowhere; they come to life with it.
        Way::Blackhole => None,
        Way::Missing if may_make => None,
        Way::Missing => Some(
            Diagnostic::error(codes::ROUTE_MISSING, format!("{} has no route to {cidr} by {connection}", table.id))
                .detail("The spec says `accept = false`: mig only checks.")
                .help(format!("Add the route {cidr} -> {connection} to {}, or set `accept = true`.", table.id)),
        ),
        Way::Elsewhere(route) => Some(
            Diagnostic::error(codes::ROUTE_LEADS_ELSEWHERE, format!("{} sends {cidr} to {}, not to {connection}", table.id, route.target))
                .help("Remove that route if it is left over, or take another CIDR at TiDB Cloud: mig changes no route that it did not make."),
        ),
    }
}

/// The subnet's network; a subnet that is not among them has none.
pub fn cidr_of<'s>(subnet: &str, subnets: &'s [Subnet]) -> &'s str {
    subnets.iter().find(|s| s.id == subnet).map_or("", |s| s.cidr.as_str())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rule(egress: bool, protocol: &str, ports: (u16, u16), peer: Peer) -> Rule {
        let protocol = protocol.to_owned();
        Rule { egress, protocol, from_port: ports.0, to_port: ports.1, peer, description: String::new() }
    }

    #[test]
    fn a_group_lets_in_what_a_rule_of_it_names() {
        let cidr = |text: &str| Peer::Cidr(text.into());
        let group = |id: &str| Peer::Group(id.into());
        for (rules, port, expected) in [
            (vec![], 3306, false),
            (vec![rule(false, "tcp", (3306, 3306), group("sg-2"))], 3306, true),
            (vec![rule(false, "6", (3306, 3306), group("sg-2"))], 3306, true),
            (vec![rule(false, "tcp", (3306, 3306), group("sg-3"))], 3306, false),
            (vec![rule(false, "tcp", (3306, 3306), group("sg-2"))], 3307, false),
            (vec![rule(false, "udp", (3306, 3306), group("sg-2"))], 3306, false),
            (vec![rule(true, "tcp", (3306, 3306), group("sg-2"))], 3306, false),
            (vec![rule(false, "tcp", (3300, 3310), cidr("10.0.0.0/16"))], 3306, true),
            (vec![rule(false, "tcp", (3306, 3306), cidr("10.0.1.128/25"))], 3306, false),
            (vec![rule(false, "-1", (0, 0), cidr("0.0.0.0/0"))], 3306, true),
        ] {
            let shown = format!("{rules:?} {port}");
            let groups = [SecurityGroup { id: "sg-1".into(), rules, ..SecurityGroup::default() }];
            let from = End { groups: &["sg-2".to_owned()], cidr: "10.0.1.0/24" };
            assert_eq!(lets_in(&groups, port, from), expected, "{shown}");
        }
        let out = [SecurityGroup {
            rules: vec![rule(true, "tcp", (4000, 4000), cidr("10.250.0.0/16"))],
            ..Default::default()
        }];
        assert!(lets_out(&out, 4000, End { groups: &[], cidr: "10.250.0.0/16" }));
        assert!(!lets_out(&out, 3306, End { groups: &[], cidr: "10.250.0.0/16" }));
        let said = closed(&["sg-1".to_owned()], 3306, "sg-2", "Add the rule.");
        assert_eq!(said.summary, "sg-1 lets nothing in on 3306 from sg-2");
    }

    #[test]
    fn a_table_sends_a_network_through_the_connection_or_the_finding_says_where_it_goes() {
        let table = |routes: &[(&str, &str, &str)]| RouteTable {
            id: "rtb-1".into(),
            routes: routes
                .iter()
                .map(|(cidr, target, state)| Route {
                    cidr: (*cidr).into(),
                    target: (*target).into(),
                    state: (*state).into(),
                })
                .collect(),
            ..RouteTable::default()
        };
        let local = ("172.31.0.0/16", "local", "active");
        for (routes, may_make, expected) in [
            (vec![local, ("10.250.0.0/16", "pcx-1", "active")], false, None),
            (vec![local, ("10.0.0.0/8", "pcx-1", "active")], false, None),
            (vec![local, ("10.250.0.0/16", "pcx-1", "blackhole")], false, None),
            (vec![local], true, None),
            (vec![local], false, Some("rtb-1 has no route to 10.250.0.0/16 by pcx-1")),
            (vec![local, ("0.0.0.0/0", "igw-1", "active")], false, Some("has no route")),
            (
                vec![local, ("10.250.0.0/16", "pcx-0", "active")],
                true,
                Some("rtb-1 sends 10.250.0.0/16 to pcx-0, not to pcx-1"),
            ),
        ] {
            let found = judge_way(&table(&routes), "10.250.0.0/16", "pcx-1", may_make);
            match (&found, expected) {
                (None, None) => {}
                (Some(found), Some(words)) => assert!(found.summary.contains(words), "{found:?}"),
                _ => assert_eq!(found.map(|f| f.summary), expected.map(str::to_owned), "{routes:?}"),
            }
        }
    }

    #[test]
    fn a_subnet_uses_its_own_table_or_the_main_one() {
        let table = |id: &str, main, subnets: &[&str]| RouteTable {
            id: id.into(),
            main,
            subnet_ids: subnets.iter().map(|s| (*s).to_owned()).collect(),
            ..RouteTable::default()
        };
        let tables = [table("rtb-main", true, &[]), table("rtb-own", false, &["subnet-1"])];
        assert_eq!(table_of("subnet-1", &tables).unwrap().id, "rtb-own");
        assert_eq!(table_of("subnet-2", &tables).unwrap().id, "rtb-main");
        assert_eq!(table_of("subnet-2", &tables[1..]), None);
    }
}
