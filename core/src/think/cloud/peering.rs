//! A VPC peering connection: which one a block means, and what its state asks for. TiDB Cloud requests, the source's
//! VPC accepts; a request that nobody accepts expires after seven days.

use crate::formats::cloud::{PeeringConnection, Vpc};
use crate::formats::cloud_inputs::{FoundBy, PeeringInputs, network};
use crate::words::codes;
use crate::words::diag::Diagnostic;

/// What a connection's state asks for next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Rows can go through it.
    Active,
    /// It waits for this side.
    Accept,
    /// AWS works on it; the text says on what.
    Wait(&'static str),
    /// It will never be of use as it is.
    Stop(Box<Diagnostic>),
}

/// Again at TiDB Cloud: a request that came to an end is not taken up again.
const ANEW: &str = "Request the peering again at TiDB Cloud (Project settings, Network access, VPC peering), then name the \
                    new connection in the spec.";

/// The connection that a block means, among those of the account.
///
/// # Errors
/// None or more than one: the finding says so.
pub fn find<'f>(
    by: &FoundBy,
    vpc: &str,
    region: &str,
    connections: &'f [PeeringConnection],
) -> Result<&'f PeeringConnection, Box<Diagnostic>> {
    match by {
        FoundBy::Id(id) => connections.iter().find(|c| c.id == *id).ok_or_else(|| {
            Box::new(
                Diagnostic::error(codes::NO_PEERING, format!("there is no peering connection {id} in {region}"))
                    .detail("Neither as requester nor as accepter: it was never made, is long deleted, or is another account's.")
                    .help("Look at TiDB Cloud which connection it made, and whether it named this account, VPC and region."),
            )
        }),
        FoundBy::Requester { account_id, vpc_id } => {
            let meant = |c: &&PeeringConnection| {
                c.requester.account == *account_id
                    && vpc_id.as_ref().is_none_or(|id| c.requester.vpc_id == *id)
                    && c.accepter.vpc_id == vpc
            };
            let all: Vec<&PeeringConnection> = connections.iter().filter(meant).collect();
            let alive = |c: &&PeeringConnection| {
                matches!(c.state.as_str(), "active" | "provisioning" | "pending-acceptance" | "initiating-request")
            };
            let living: Vec<&PeeringConnection> = all.iter().copied().filter(alive).collect();
            match (living.as_slice(), all.as_slice()) {
                ([one], _) | ([], [one]) => Ok(one),
                ([], []) => {
                    let others: Vec<String> = connections
                        .iter()
                        .filter(|c| c.accepter.vpc_id == vpc)
                        .map(|c| format!("{} from account {}, {}", c.id, c.requester.account, c.requester.vpc_id))
                        .collect();
                    let there = match others.as_slice() {
                        [] => format!("No connection asks {vpc} for anything in {region}."),
                        others => format!("What asks {vpc}: {}.", others.join("; ")),
                    };
                    let asked = format!("no peering connection comes from account {account_id}");
                    Err(Box::new(Diagnostic::error(codes::NO_PEERING, asked).detail(there).help(
                        "Request it at TiDB Cloud, or correct `expect_requester`: TiDB Cloud shows the account and the \
                         VPC of its side.",
                    )))
                }
                // All of them came to an end: the last one tells why.
                ([], all) => Ok(all[all.len() - 1]),
                (living, _) => {
                    let ids: Vec<&str> = living.iter().map(|c| c.id.as_str()).collect();
                    let summary = format!("several peering connections come from account {account_id}: {}", ids.join(", "));
                    Err(Box::new(
                        Diagnostic::error(codes::NO_PEERING, summary)
                            .help("Name the one that is meant by `connection_id`, or reject the others."),
                    ))
                }
            }
        }
    }
}

/// What the state of a connection asks for. `accept`: whether this side may.
pub fn next(connection: &PeeringConnection, accept: bool) -> Next {
    let id = &connection.id;
    let stop = |code, summary: String, detail: &str, help: &str| {
        Next::Stop(Box::new(Diagnostic::error(code, summary).detail(detail).help(help)))
    };
    let said = match connection.message.as_str() {
        "" => String::new(),
        message => format!("AWS says: {message}."),
    };
    match connection.state.as_str() {
        "active" => Next::Active,
        "pending-acceptance" if accept => Next::Accept,
        "pending-acceptance" => stop(
            codes::PEERING_PENDING,
            format!("the peering connection {id} waits to be accepted"),
            "The spec says `accept = false`: mig only checks.",
            "Accept it in the console (VPC, Peering connections, Actions), or set `accept = true`. It expires after seven days.",
        ),
        "initiating-request" => Next::Wait("the request is on its way"),
        "provisioning" => Next::Wait("AWS builds the connection"),
        "failed" => stop(
            codes::PEERING_FAILED,
            format!("the peering connection {id} failed"),
            format!("{said} Networks of both sides that overlap are the usual reason.").trim_start(),
            &format!("Compare the CIDR of the TiDB Cloud project with those of the VPC. {ANEW}"),
        ),
        "expired" => stop(
            codes::PEERING_EXPIRED,
            format!("the peering connection {id} expired"),
            "Nobody accepted it within seven days.",
            ANEW,
        ),
        "rejected" => stop(
            codes::PEERING_REJECTED,
            format!("the peering connection {id} was rejected"),
            "Somebody on this side turned it down.",
            &format!("Ask who administers the VPC why. {ANEW}"),
        ),
        "deleting" => stop(
            codes::PEERING_DELETED,
            format!("the peering connection {id} is being deleted"),
            &said,
            &format!("Wait until it is gone. {ANEW}"),
        ),
        "deleted" => stop(codes::PEERING_DELETED, format!("the peering connection {id} was deleted"), &said, ANEW),
        other => stop(
            codes::PEERING_STATUS_UNKNOWN,
            format!("the peering connection {id} is in a state that mig does not know: {other}"),
            &said,
            "Look at it in the console; a newer mig may know the state.",
        ),
    }
}

/// What is wrong with a connection whatever its state: whose it is, where it leads, and whether its network can be told
/// apart from the VPC's. In the order in which it is to be fixed.
pub fn judge(inputs: &PeeringInputs, connection: &PeeringConnection, vpc: Option<&Vpc>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let id = &connection.id;
    let PeeringInputs { target_cidr, region, vpc_id, .. } = inputs;
    if !connection.accepter.vpc_id.is_empty() && connection.accepter.vpc_id != *vpc_id {
        let to = &connection.accepter.vpc_id;
        found.push(
            Diagnostic::error(
                codes::PEERING_OTHER_VPC,
                format!("the peering connection {id} leads to {to}, the source is in {vpc_id}"),
            )
            .help(format!("Request one at TiDB Cloud for {vpc_id}, or name the one that leads there.")),
        );
    }
    if let FoundBy::Requester { account_id, vpc_id: from } = &inputs.by
        && (connection.requester.account != *account_id
            || from.as_ref().is_some_and(|from| connection.requester.vpc_id != *from))
    {
        let summary = format!(
            "the peering connection {id} comes from account {}, {}, not from the one expected",
            connection.requester.account, connection.requester.vpc_id
        );
        found.push(
            Diagnostic::error(codes::PEERING_OF_OTHERS, summary)
                .help("Do not accept it before TiDB Cloud shows that account and VPC as its own; then correct `expect_requester`."),
        );
    }
    for (side, of) in [("TiDB Cloud", &connection.requester), ("the VPC", &connection.accepter)] {
        if !of.region.is_empty() && of.region != *region {
            found.push(
                Diagnostic::error(codes::REGIONS_DIFFER, format!("the peering connection {id} has {side} in {}, not in {region}", of.region))
                    .detail("The article's way is inside one region: across regions names are not resolved and rows are billed.")
                    .help(format!("Make the TiDB Cloud cluster in {region}, or move the rows from a source in {}.", of.region)),
            );
        }
    }
    let theirs = &connection.requester.cidrs;
    if !theirs.is_empty() && !theirs.iter().any(|cidr| network::contains(cidr, target_cidr)) {
        found.push(
            Diagnostic::error(
                codes::TARGET_CIDR_WRONG,
                format!("{target_cidr} is not a network of the other side of {id}: {}", theirs.join(", ")),
            )
            .help("Set `target_cidr` to the CIDR that TiDB Cloud shows for the project in this region."),
        );
    }
    for cidr in vpc.into_iter().flat_map(|vpc| &vpc.cidrs).filter(|cidr| network::overlap(cidr, target_cidr)) {
        found.push(
            Diagnostic::error(codes::NETWORKS_OVERLAP, format!("the networks overlap: {target_cidr} of TiDB Cloud, {cidr} of {vpc_id}"))
                .detail("No route can tell addresses of the one from those of the other, and AWS refuses such a peering.")
                .help(
                    "The CIDR of a TiDB Cloud project is chosen before its first cluster of the region: make a project with \
                     another one, or a private endpoint instead of the peering.",
                ),
        );
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::formats::cloud::PeeringSide;

    fn connection(id: &str, state: &str) -> PeeringConnection {
        let side = |account: &str, vpc: &str, cidr: &str| PeeringSide {
            account: account.into(),
            vpc_id: vpc.into(),
            region: "us-west-2".into(),
            cidrs: vec![cidr.into()],
        };
        PeeringConnection {
            id: id.into(),
            state: state.into(),
            message: String::new(),
            requester: side("111122223333", "vpc-tidb", "10.250.0.0/16"),
            accepter: side("999988887777", "vpc-shop", "172.31.0.0/16"),
            dns_from_accepter: false,
        }
    }

    fn inputs() -> PeeringInputs {
        PeeringInputs {
            by: FoundBy::Requester { account_id: "111122223333".into(), vpc_id: Some("vpc-tidb".into()) },
            connection_id: "pcx-1".into(),
            target_cidr: "10.250.0.0/16".into(),
            accept: true,
            vpc_id: "vpc-shop".into(),
            region: "us-west-2".into(),
        }
    }

    #[test]
    fn every_state_has_its_own_next_or_its_own_message_with_a_remedy() {
        for (state, accept, expected, words) in [
            ("active", true, "Active", ""),
            ("active", false, "Active", ""),
            ("pending-acceptance", true, "Accept", ""),
            ("pending-acceptance", false, "MIG3241", "set `accept = true`"),
            ("initiating-request", true, "Wait", ""),
            ("provisioning", true, "Wait", ""),
            ("failed", true, "MIG3242", "overlap"),
            ("expired", true, "MIG3243", "seven days"),
            ("rejected", true, "MIG3244", "turned it down"),
            ("deleting", true, "MIG3245", "Wait until it is gone"),
            ("deleted", true, "MIG3245", "again at TiDB Cloud"),
            ("frozen", true, "MIG3246", "does not know: frozen"),
        ] {
            let (found, said) = match next(&connection("pcx-1", state), accept) {
                Next::Active => ("Active".to_owned(), String::new()),
                Next::Accept => ("Accept".into(), String::new()),
                Next::Wait(_) => ("Wait".into(), String::new()),
                Next::Stop(d) => (d.code.to_string(), format!("{} {} {}", d.summary, d.detail, d.help)),
            };
            assert_eq!(found, expected, "{state} {accept}");
            assert!(said.contains(words), "{words:?} is not in {said:?}");
            assert!(said.is_empty() || said.contains("pcx-1"), "{said}");
        }
        let failed = PeeringConnection { message: "Overlapping CIDR".into(), ..connection("pcx-1", "failed") };
        assert!(format!("{:?}", next(&failed, true)).contains("AWS says: Overlapping CIDR"));
    }

    #[test]
    fn a_connection_is_judged_by_whose_it_is_where_it_leads_and_its_network() {
        type Change = fn(&mut PeeringInputs, &mut PeeringConnection, &mut Vpc);
        let rows: [(Change, &[&str], &str); 9] = [
            (|_, _, _| {}, &[], ""),
            (|_, c, _| c.accepter.vpc_id = "vpc-other".into(), &["MIG3247"], "the source is in vpc-shop"),
            (|_, c, _| c.requester.account = "000000000000".into(), &["MIG3248"], "000000000000"),
            (|_, c, _| c.requester.vpc_id = "vpc-x".into(), &["MIG3248"], "vpc-x"),
            (|_, c, _| c.requester.region = "us-east-1".into(), &["MIG3249"], "TiDB Cloud in us-east-1"),
            (|i, _, _| i.target_cidr = "10.251.0.0/16".into(), &["MIG3250"], "10.250.0.0/16"),
            (|_, _, v| v.cidrs.push("10.250.64.0/20".into()), &["MIG3251"], "10.250.64.0/20 of vpc-shop"),
            (|_, _, v| v.cidrs = vec!["10.0.0.0/8".into()], &["MIG3251"], "10.0.0.0/8"),
            (
                |i, c, _| {
                    i.by = FoundBy::Id("pcx-1".into());
                    c.requester.account = "000000000000".into();
                    c.requester.cidrs.clear();
                },
                &[],
                "",
            ),
        ];
        for (n, (change, codes, words)) in rows.into_iter().enumerate() {
            let (mut i, mut c) = (inputs(), connection("pcx-1", "active"));
            let mut vpc = Vpc { id: "vpc-shop".into(), cidrs: vec!["172.31.0.0/16".into()], ..Vpc::default() };
            change(&mut i, &mut c, &mut vpc);
            let found = judge(&i, &c, Some(&vpc));
            assert_eq!(found.iter().map(|d| d.code).collect::<Vec<_>>(), codes, "row {n}");
            assert!(found.iter().all(|d| d.summary.contains(words) && !d.help.is_empty()), "row {n}: {found:?}");
        }
    }

    #[test]
    fn a_block_means_one_connection_or_the_finding_says_why_not() {
        let by_id = |id: &str| FoundBy::Id(id.into());
        let from = |account: &str| FoundBy::Requester { account_id: account.into(), vpc_id: None };
        let all = |pairs: &[(&str, &str)]| pairs.iter().map(|(id, state)| connection(id, state)).collect::<Vec<_>>();
        for (by, there, expected) in [
            (by_id("pcx-2"), &[("pcx-1", "active"), ("pcx-2", "failed")][..], Ok("pcx-2")),
            (by_id("pcx-3"), &[("pcx-1", "active")], Err("there is no peering connection pcx-3")),
            (from("111122223333"), &[("pcx-1", "deleted"), ("pcx-2", "pending-acceptance")], Ok("pcx-2")),
            (from("111122223333"), &[("pcx-1", "expired"), ("pcx-2", "rejected")], Ok("pcx-2")),
            (from("111122223333"), &[("pcx-1", "active"), ("pcx-2", "provisioning")], Err("pcx-1, pcx-2")),
            (from("000000000000"), &[("pcx-1", "active")], Err("pcx-1 from account 111122223333, vpc-tidb")),
            (from("000000000000"), &[], Err("No connection asks vpc-shop")),
        ] {
            let there = all(there);
            match (find(&by, "vpc-shop", "us-west-2", &there), expected) {
                (Ok(found), Ok(id)) => assert_eq!(found.id, id),
                (Err(found), Err(words)) => {
                    assert!(format!("{} {}", found.summary, found.detail).contains(words), "{found:?}");
                }
                (found, expected) => panic!("{by:?}: {found:?}, not {expected:?}"),
            }
        }
    }
}
