//! The article's spec, planned over accounts in every condition: what is made, in which order, what stands in the way,
//! what a second plan says, what a destroy removes.
#![allow(clippy::unwrap_used, clippy::panic)]

mod place;
mod removal;

use crate::words::addr::StepType;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::formats::cloud::{
    Cluster, Identity, Image, Instance, Peer, PeeringConnection, PeeringSide, Route, RouteTable, Rule, SecurityGroup,
    Subnet, Volume, Vpc,
};
use crate::formats::cloud_facts::{CloudFacts, ClusterFacts, NetworkFacts, PeeringFacts, RunnerFacts, Seen};
use crate::formats::plan::{Action, Node};
use crate::formats::spec;
use crate::formats::state::{Progress, Status, StepRecord};
use crate::words::addr::StepKind;
use crate::words::codes;
use crate::words::error::Failure;

const SPEC: &str = r#"
provider "aws" { region = "us-west-2" }
source "aurora" "shop" {
  cluster_identifier = "database-1"
  username           = "admin"
}
target "tidb" "cloud" {
  host     = "tidb.example"
  username = "root"
  tier     = "T1.standard"
  region   = "us-west-2"
}
peering "tidb_cloud" {
  connection_id = "pcx-1"
  target_cidr   = "10.250.0.0/16"
}
runner "ec2" "mover" {
  instance_type = "t2.large"
  ami {
    owner = "309956199498"
    name  = "RHEL-8*"
  }
  connection {
    allow_from = ["203.0.113.7/32"]
  }
}
migration "shop" {
  source = source.aurora.shop
  target = target.tidb.cloud
  runner = runner.ec2.mover
  after  = [peering.tidb_cloud]
}
"#;

fn spec_of(changes: &[(&str, &str)]) -> Spec {
    spec::fixture::spec_of(SPEC, changes)
}

fn rule(port: u16, peer: Peer) -> Rule {
    let protocol = "tcp".to_owned();
    Rule { egress: false, protocol, from_port: port, to_port: port, peer, description: String::new() }
}

fn account() -> CloudFacts {
    let cluster = Cluster {
        identifier: "database-1".into(),
        resource_id: "cluster-ABC".into(),
        engine: "aurora-mysql".into(),
        engine_version: "8.0.mysql_aurora.3.08.0".into(),
        status: "available".into(),
        endpoint: "database-1.cluster-x.us-west-2.rds.amazonaws.com".into(),
        port: 3306,
        vpc_id: "vpc-shop".into(),
        subnet_ids: vec!["subnet-a".into()],
        security_group_ids: vec!["sg-db".into()],
        writer: Some("database-1-instance-1".into()),
        writer_zone: Some("us-west-2b".into()),
        iam_auth: false,
    };
    let subnet = |id: &str, zone: &str, cidr: &str| Subnet {
        id: id.into(),
        vpc_id: "vpc-shop".into(),
        zone: zone.into(),
        cidr: cidr.into(),
        free_addresses: 100,
        public_ip_on_launch: true,
    };
    let network = NetworkFacts {
        faults: Vec::new(),
        vpc: Some(Vpc {
            id: "vpc-shop".into(),
            cidrs: vec!["172.31.0.0/16".into()],
            dns_support: true,
            dns_hostnames: true,
        }),
        subnets: vec![
            subnet("subnet-a", "us-west-2a", "172.31.0.0/20"),
            subnet("subnet-b", "us-west-2b", "172.31.16.0/20"),
        ],
        route_tables: vec![RouteTable {
            id: "rtb-main".into(),
            vpc_id: "vpc-shop".into(),
            main: true,
            subnet_ids: Vec::new(),
            routes: Vec::new(),
        }],
        groups: vec![SecurityGroup { id: "sg-db".into(), vpc_id: "vpc-shop".into(), ..SecurityGroup::default() }],
    };
    let image = |id: &str, created: &str| Image {
        id: id.into(),
        name: format!("RHEL-8.10_HVM-{id}"),
        created: created.into(),
        architecture: "x86_64".into(),
        root_device: "/dev/sda1".into(),
        root_gib: 10,
    };
    let runner = RunnerFacts {
        images: vec![image("ami-1", "2026-01-01T00:00:00.000Z"), image("ami-2", "2026-06-01T00:00:00.000Z")],
        ..RunnerFacts::default()
    };
    let side = |account: &str, vpc: &str, cidr: &str| PeeringSide {
        account: account.into(),
        vpc_id: vpc.into(),
        region: "us-west-2".into(),
        cidrs: vec![cidr.into()],
    };
    let connection = PeeringConnection {
        id: "pcx-1".into(),
        state: "pending-acceptance".into(),
        message: String::new(),
        requester: side("111122223333", "vpc-tidb", "10.250.0.0/16"),
        accepter: side("999988887777", "vpc-shop", "172.31.0.0/16"),
        dns_from_accepter: false,
    };
    CloudFacts {
        fault: None,
        identity: Identity { account: "999988887777".into(), arn: "arn:aws:iam::999988887777:user/mover".into() },
        clusters: BTreeMap::from([(
            "shop".into(),
            ClusterFacts { cluster: Some(cluster), volume_bytes: Some(12 << 30), ..ClusterFacts::default() },
        )]),
        networks: BTreeMap::from([("vpc-shop".into(), network)]),
        runners: BTreeMap::from([("mover".into(), runner)]),
        peerings: BTreeMap::from([(
            "peering.tidb_cloud".into(),
            PeeringFacts { fault: None, connections: vec![connection] },
        )]),
        ..CloudFacts::default()
    }
}

fn network(cloud: &mut CloudFacts) -> &mut NetworkFacts {
    cloud.networks.get_mut("vpc-shop").unwrap()
}

fn runner(cloud: &mut CloudFacts) -> &mut RunnerFacts {
    cloud.runners.get_mut("mover").unwrap()
}

fn connection(cloud: &mut CloudFacts) -> &mut PeeringConnection {
    &mut cloud.peerings.get_mut("peering.tidb_cloud").unwrap().connections[0]
}

fn planned(spec: &Spec, cloud: &CloudFacts, state: Option<&State>) -> Body {
    planned_with(spec, cloud, state, &[])
}

fn planned_with(spec: &Spec, cloud: &CloudFacts, state: Option<&State>, replace: &[&str]) -> Body {
    planned_at(spec, cloud, state, replace, &[])
}

fn planned_at(spec: &Spec, cloud: &CloudFacts, state: Option<&State>, replace: &[&str], targets: &[String]) -> Body {
    // The servers themselves are another matter here: what is asked of is the account.
    let mut world = World { cloud: Some(cloud.clone()), ..World::default() };
    let source = "source.aurora.shop";
    for address in [source, "target.tidb.cloud"] {
        let fault = Some(Failure::new(codes::TIMEOUT, "connect", "no answer", "Look."));
        world.servers.insert(address.into(), crate::formats::facts::ServerFacts { fault, ..Default::default() });
    }
    let replace = replace.iter().map(|a| StepAddr::parse(a).unwrap()).collect();
    let question =
        Question { spec, state, world: &world, mode: Mode::Apply, replace: &replace, drop_target_data: false, targets };
    plan(&question).unwrap().0
}

/// The plan of one question without any option.
fn body_of(spec: &Spec, state: Option<&State>, world: &World, mode: Mode) -> Body {
    let replace = BTreeSet::new();
    plan(&Question { spec, state, world, mode, replace: &replace, drop_target_data: false, targets: &[] }).unwrap().0
}

fn node<'b>(body: &'b Body, addr: &str) -> &'b Node {
    body.graph.nodes.iter().find(|n| n.addr.to_string() == addr).unwrap_or_else(|| panic!("no {addr}"))
}

/// `ACTION part: reason` of every change of the runner and the peering.
fn told(body: &Body) -> Vec<String> {
    let short = |addr: &StepAddr| {
        let text = addr.to_string();
        text.trim_start_matches("runner.ec2.mover.").trim_start_matches("peering.tidb_cloud.").to_owned()
    };
    let ours = body.changes.iter().filter(|c| matches!(c.addr.kind(), Some(StepKind::Runner | StepKind::Peering)));
    ours.map(|c| format!("{:?} {}: {}", c.action, short(&c.addr), crate::screen::cause::words(c))).collect()
}

/// Codes of the findings about the account: gates and servers are left out.
fn codes(body: &Body) -> Vec<String> {
    body.diagnostics.iter().map(|d| d.code.to_string()).filter(|code| code.starts_with("MIG32")).collect()
}

/// A state in which the whole of the plan was applied, with the account as it is then.
fn applied(body: &Body, cloud: &CloudFacts) -> (State, CloudFacts) {
    let mut state = State::new("lineage".into());
    let mut cloud = cloud.clone();
    for node in &body.graph.nodes {
        if !matches!(node.kind, StepKind::Runner | StepKind::Peering) {
            continue;
        }
        let mut outputs = json!({"inputs": node.inputs});
        let part = node.addr.words().last().unwrap().as_str();
        let more = match part {
            "key_pair" => json!({"name": "mig-1", "fingerprint": "fp", "owned": true}),
            "security_group" => json!({"group_id": "sg-run", "owned": true, "owns_source_rule": true}),
            "instance" => json!({"instance_id": "i-1", "attempt": 1, "hypervisor": "xen"}),
            "volume" => json!({"volume_id": "vol-1", "attempt": 1, "device": "/dev/sdf", "instance_id": "i-1"}),
            "connection" => json!({"connection_id": "pcx-1", "accepted_here": true}),
            "route" => json!({"connection_id": "pcx-1", "owned": true}),
            "dns" => json!({"connection_id": "pcx-1", "set_here": true}),
            _ => json!({"instance_id": "i-1"}),
        };
        for (name, value) in more.as_object().unwrap() {
            outputs[name] = value.clone();
        }
        let depends_on: Vec<StepAddr> =
            body.graph.edges.iter().filter(|e| e.to == node.addr).map(|e| e.from.clone()).collect();
        let record = StepRecord {
            kind: node.kind,
            inputs_digest: node.inputs_digest.clone(),
            status: Status::Complete,
            outputs: outputs.into(),
            depends_on,
            started: String::new(),
            finished: None,
            progress: Progress::default(),
        };
        state.steps.insert(node.addr.clone(), record);
    }
    let made = runner(&mut cloud);
    made.key_pair = Seen::There(crate::formats::cloud::KeyPair {
        name: "mig-1".into(),
        fingerprint: "fp".into(),
        ..Default::default()
    });
    let opened = node(body, "runner.ec2.mover.security_group").inputs.value()["ssh_from"].as_array().cloned();
    let ssh = opened.into_iter().flatten().map(|c| rule(22, Peer::Cidr(c.as_str().unwrap().into()))).collect();
    made.group = Seen::There(SecurityGroup { id: "sg-run".into(), rules: ssh, ..Default::default() });
    made.instance = Seen::There(Instance {
        id: "i-1".into(),
        state: "running".into(),
        instance_type: "t2.large".into(),
        ..Default::default()
    });
    made.volume = Seen::There(Volume {
        id: "vol-1".into(),
        state: "in-use".into(),
        size_gib: 16,
        attached_to: Some("i-1".into()),
        ..Default::default()
    });
    network(&mut cloud).groups[0].rules.push(rule(3306, Peer::Group("sg-run".into())));
    network(&mut cloud).route_tables[0].routes.push(Route {
        cidr: "10.250.0.0/16".into(),
        target: "pcx-1".into(),
        state: "active".into(),
    });
    connection(&mut cloud).state = "active".into();
    connection(&mut cloud).dns_from_accepter = true;
    (state, cloud)
}

const NOTHING: &[(&str, &str)] = &[];

/// Logs in by a token that the runner's own role signs.
const BY_IAM: &[(&str, &str)] = &[
    ("  username           = \"admin\"\n", "  username = \"a\"\n  iam_auth = true\n"),
    ("\"t2.large\"\n", "\"t2.large\"\n  iam_instance_profile = \"mover\"\n"),
];

#[test]
fn the_article_is_planned_with_what_was_chosen_and_in_its_order() {
    let body = planned(&spec_of(NOTHING), &account(), None);
    assert_eq!(codes(&body), Vec::<&str>::new(), "{:?}", body.diagnostics);
    let made: Vec<String> = told(&body);
    assert_eq!(
        made,
        [
            "Create key_pair: not in the state yet",
            "Create security_group: not in the state yet",
            "Create instance: not in the state yet",
            "Create volume: not in the state yet",
            "Create ready: not in the state yet",
            "Create connection: not in the state yet",
            "Create dns: not in the state yet",
            "Create route[\"rtb-main\"]: not in the state yet",
        ]
    );
    let inputs = |part: &str| node(&body, &format!("runner.ec2.mover.{part}")).inputs.value();
    assert_eq!(inputs("instance")["image_id"], "ami-2");
    assert_eq!(inputs("instance")["subnet_id"], "subnet-b");
    assert_eq!(inputs("volume")["size_gib"], 16);
    assert_eq!(inputs("volume")["zone"], "us-west-2b");
    assert_eq!(inputs("security_group")["source_group"], "sg-db");
    assert_eq!(node(&body, "peering.tidb_cloud.connection").inputs.value()["connection_id"], "pcx-1");
    let what = |addr: &str| body.changes.iter().find(|c| c.addr.to_string() == addr).unwrap().what.clone().unwrap();
    assert!(what("runner.ec2.mover.volume").contains("12.0 GiB of storage used x 1.3 = 15.6 GiB, rounded up"));
    assert!(what("runner.ec2.mover.instance").contains("us-west-2b, the writer's zone"));

    let position = |addr: &str| body.graph.nodes.iter().position(|n| n.addr.to_string() == addr).unwrap();
    for (before, after) in [
        ("source.aurora.shop", "runner.ec2.mover.key_pair"),
        ("runner.ec2.mover.key_pair", "runner.ec2.mover.instance"),
        ("runner.ec2.mover.security_group", "runner.ec2.mover.instance"),
        ("runner.ec2.mover.instance", "runner.ec2.mover.volume"),
        ("runner.ec2.mover.volume", "runner.ec2.mover.ready"),
        ("peering.tidb_cloud.connection", "peering.tidb_cloud.route[\"rtb-main\"]"),
        ("peering.tidb_cloud.connection", "peering.tidb_cloud.dns"),
    ] {
        assert!(position(before) < position(after), "{before} {after}");
        let edge = body.graph.edges.iter().any(|e| e.from.to_string() == before && e.to.to_string() == after);
        assert!(edge, "{before} {after}");
    }
    assert!(!body.graph.nodes.iter().any(|n| n.addr.to_string() == "runner.ec2.mover"));
    assert_eq!(planned(&spec_of(NOTHING), &account(), None), body, "two plans of one world are the same");
}

#[test]
fn what_stands_in_the_way_is_told_by_its_own_code_and_blocks() {
    type Change = fn(&mut CloudFacts);
    const SG: &[(&str, &str)] = &[
        ("\"t2.large\"\n", "\"t2.large\"\n  security_group = \"sg-run\"\n"),
        ("  connection {\n    allow_from = [\"203.0.113.7/32\"]\n  }\n", ""),
    ];
    const SMALL: &[(&str, &str)] = &[("\"t2.large\"\n", "\"t2.large\"\n  volume {\n    size = \"10GiB\"\n  }\n")];
    const CHECK: &[(&str, &str)] = &[("  connection_id", "  accept = false\n  connection_id")];
    let there = |cloud: &mut CloudFacts| {
        runner(cloud).group = Seen::There(SecurityGroup { id: "sg-run".into(), ..Default::default() });
    };
    let rows: Vec<(&[(&str, &str)], Change, &[&str], &str)> = vec![
        (NOTHING, |c| connection(c).state = "expired".into(), &["MIG3243"], "expired"),
        (NOTHING, |c| connection(c).state = "rejected".into(), &["MIG3244"], "rejected"),
        (NOTHING, |c| connection(c).state = "failed".into(), &["MIG3242"], "failed"),
        (NOTHING, |c| connection(c).state = "provisioning".into(), &[], ""),
        (CHECK, |_| {}, &["MIG3241", "MIG3252"], "waits to be accepted"),
        (NOTHING, |c| connection(c).id = "pcx-2".into(), &["MIG3240"], "there is no peering connection pcx-1"),
        (NOTHING, |c| connection(c).requester.region = "us-east-1".into(), &["MIG3249"], "us-east-1"),
        (&[("region   = \"us-west-2\"", "region = \"us-east-1\"")], |_| {}, &["MIG3249"], "the target is in us-east-1"),
        (&[("T1.standard", "Starter")], |_| {}, &["MIG3265"], "below T1.standard"),
        (NOTHING, |c| network(c).vpc.as_mut().unwrap().cidrs.push("10.250.8.0/24".into()), &["MIG3251"], "overlap"),
        (
            NOTHING,
            |c| {
                network(c).route_tables[0].routes.push(Route {
                    cidr: "10.250.0.0/16".into(),
                    target: "igw-1".into(),
                    state: "active".into(),
                });
            },
            &["MIG3253"],
            "rtb-main sends 10.250.0.0/16 to igw-1",
        ),
        (SG, there, &["MIG3260", "MIG3261", "MIG3261"], "sg-db lets nothing in on 3306 from sg-run"),
        (SG, |c| runner(c).group = Seen::Gone, &["MIG3224"], "no security group sg-run"),
        (SMALL, |_| {}, &["MIG3231"], "the volume of 10 GiB is smaller than the source needs"),
        (NOTHING, |c| c.clusters.get_mut("shop").unwrap().volume_bytes = None, &["MIG3230"], "cannot be worked out"),
        (
            NOTHING,
            |c| {
                let seen = c.clusters.get_mut("shop").unwrap();
                seen.volume_bytes = None;
                seen.volume_fault =
                    Some(Failure::new(codes::CLOUD_UNKNOWN, "ask CloudWatch", "it is closed", "Open it."));
            },
            &["MIG3230"],
            "failed to ask CloudWatch: it is closed",
        ),
        (NOTHING, |c| runner(c).images.clear(), &["MIG3222"], "no image named RHEL-8*"),
        (NOTHING, |c| network(c).subnets.iter_mut().for_each(|s| s.free_addresses = 0), &["MIG3223"], "free address"),
        (NOTHING, |c| c.clusters.get_mut("shop").unwrap().cluster = None, &["MIG3220"], "database-1"),
        (
            NOTHING,
            |c| c.clusters.get_mut("shop").unwrap().cluster.as_mut().unwrap().engine = "aurora-postgresql".into(),
            &["MIG3221"],
            "aurora-postgresql",
        ),
        (BY_IAM, |_| {}, &["MIG3226"], "enable-iam-database-authentication"),
        (
            BY_IAM,
            |c| {
                c.clusters.get_mut("shop").unwrap().cluster.as_mut().unwrap().iam_auth = true;
                runner(c).images.clear();
            },
            &["MIG3222"],
            "no image named",
        ),
    ];
    for (n, (changes, change, expected, words)) in rows.into_iter().enumerate() {
        let mut cloud = account();
        change(&mut cloud);
        let body = planned(&spec_of(changes), &cloud, None);
        assert_eq!(codes(&body), expected, "row {n}: {:?}", body.diagnostics);
        assert!(body.blocked);
        let said = format!("{:?}", body.diagnostics);
        assert!(said.contains(words), "row {n}: {words:?} is not in {said}");
        assert!(
            body.diagnostics.iter().all(|d| !d.help.is_empty() || !d.code.to_string().starts_with("MIG32")),
            "row {n}"
        );
    }
}

#[test]
fn a_refused_look_shows_the_policy_of_this_spec() {
    let mut cloud = account();
    let fault = Failure::new(codes::CLOUD_DENIED, "look up the cluster", "UnauthorizedOperation", "Ask.");
    cloud.clusters.insert("shop".into(), ClusterFacts { fault: Some(fault), ..ClusterFacts::default() });
    let body = planned(&spec_of(NOTHING), &cloud, None);
    assert_eq!(codes(&body), ["MIG3210"]);
    let found = &body.diagnostics.iter().find(|d| d.code == "MIG3210").unwrap();
    assert!(found.detail.contains("\"ec2:AcceptVpcPeeringConnection\"") && found.detail.contains("pcx-1"), "{found:?}");
    assert!(found.detail.contains("999988887777") && found.help.contains("mig explain iam-policy"), "{found:?}");
}

#[test]
fn a_second_plan_keeps_what_was_chosen_and_has_nothing_to_do() {
    let spec = spec_of(NOTHING);
    let first = planned(&spec, &account(), None);
    let (state, mut cloud) = applied(&first, &account());
    assert_eq!(told(&planned(&spec, &cloud, Some(&state))), Vec::<String>::new());
    // Newer images, fuller subnets, a larger source: no reason to make anything again.
    runner(&mut cloud).images[0].created = "2026-12-01T00:00:00.000Z".into();
    network(&mut cloud).subnets[1].free_addresses = 0;
    cloud.clusters.get_mut("shop").unwrap().volume_bytes = Some(100 << 30);
    let second = planned(&spec, &cloud, Some(&state));
    assert_eq!(told(&second), Vec::<String>::new());
    assert_eq!(node(&second, "runner.ec2.mover.instance").inputs.value()["image_id"], "ami-2");
    // -replace chooses again, and what hangs on it follows; the volume stays where it is.
    network(&mut cloud).subnets[1].free_addresses = 1;
    let third = planned_with(&spec, &cloud, Some(&state), &["runner.ec2.mover.instance"]);
    assert_eq!(
        told(&third),
        [
            "Replace instance: requested with -replace",
            "Rerun volume: its instance is replaced",
            "Rerun ready: its instance is replaced",
        ]
    );
    assert_eq!(node(&third, "runner.ec2.mover.instance").inputs.value()["image_id"], "ami-1");
    assert_eq!(node(&third, "runner.ec2.mover.instance").inputs.value()["subnet_id"], "subnet-b");
}

#[test]
fn drift_is_named_and_only_what_must_be_is_made_anew() {
    type Change = fn(&mut CloudFacts);
    fn seen(cloud: &mut CloudFacts, change: fn(&mut Instance)) {
        if let Seen::There(instance) = &mut runner(cloud).instance {
            change(instance);
        }
    }
    let follow = ["Rerun volume: its instance is replaced", "Rerun ready: its instance is replaced"];
    let rows: Vec<(Change, Vec<&str>)> = vec![
        (
            |c| seen(c, |i| i.state = "stopped".into()),
            vec!["Rerun instance: the instance i-1 is stopped", "Rerun ready: its instance is changed in place"],
        ),
        (
            |c| seen(c, |i| i.state = "terminated".into()),
            vec!["Create instance: the instance i-1 was terminated", follow[0], follow[1]],
        ),
        (|c| runner(c).instance = Seen::Gone, vec!["Create instance: the instance i-1 is gone", follow[0], follow[1]]),
        (
            |c| seen(c, |i| i.instance_type = "t2.nano".into()),
            vec!["Replace instance: the instance i-1 was changed by hand: t2.large is t2.nano", follow[0], follow[1]],
        ),
        (
            |c| runner(c).volume = Seen::Gone,
            vec!["Create volume: the volume vol-1 is gone", "Rerun ready: its volume is replaced"],
        ),
        (
            |c| {
                if let Seen::There(volume) = &mut runner(c).volume {
                    volume.attached_to = None;
                }
            },
            vec![
                "Rerun volume: the volume vol-1 is not attached to the instance",
                "Rerun ready: its volume is changed in place",
            ],
        ),
        (
            |c| {
                if let Seen::There(group) = &mut runner(c).group {
                    group.rules.clear();
                }
            },
            vec!["Rerun security_group: sg-run has lost its rule for SSH from 203.0.113.7/32"],
        ),
        (
            |c| network(c).groups[0].rules.clear(),
            vec!["Rerun security_group: sg-db has lost its rule for 3306 from sg-run"],
        ),
        (
            |c| runner(c).key_pair = Seen::Gone,
            vec![
                "Create key_pair: the key pair mig-1 is gone",
                "Replace instance: its key pair is replaced",
                follow[0],
                follow[1],
            ],
        ),
        (|c| network(c).route_tables[0].routes.clear(), vec!["Rerun route[\"rtb-main\"]: rtb-main has lost its route"]),
        (
            |c| network(c).vpc.as_mut().unwrap().dns_hostnames = false,
            vec!["Rerun dns: the VPC no longer resolves names"],
        ),
        (|c| connection(c).state = "deleted".into(), vec!["Rerun connection: pcx-1 is deleted"]),
        (
            |c| {
                *runner(c) = RunnerFacts {
                    faults: vec![Failure::new(codes::CLOUD_DENIED, "look", "no", "Ask.")],
                    ..RunnerFacts::default()
                }
            },
            vec![],
        ),
    ];
    let spec = spec_of(NOTHING);
    let (state, cloud) = applied(&planned(&spec, &account(), None), &account());
    for (n, (change, expected)) in rows.into_iter().enumerate() {
        let mut cloud = cloud.clone();
        change(&mut cloud);
        assert_eq!(told(&planned(&spec, &cloud, Some(&state))), expected, "row {n}");
    }
}

#[test]
fn a_changed_setting_is_mended_in_place_where_that_can_be() {
    let larger = ("\"t2.large\"\n", "\"t2.large\"\n  volume {\n    size = \"40GiB\"\n  }\n");
    let smaller = ("\"t2.large\"\n", "\"t2.large\"\n  volume {\n    size = \"13GiB\"\n  }\n");
    let plain = ("\"t2.large\"\n", "\"t2.large\"\n  volume {\n    encrypted = false\n  }\n");
    let follow = ["Rerun volume: its instance is replaced", "Rerun ready: its instance is replaced"];
    let rows: Vec<((&str, &str), Vec<&str>)> = vec![
        (
            larger,
            vec!["Rerun volume: grows in place: 16.0 GiB to 40.0 GiB", "Rerun ready: its volume is changed in place"],
        ),
        (
            smaller,
            vec!["Replace volume: a volume cannot shrink: 16.0 GiB to 13.0 GiB", "Rerun ready: its volume is replaced"],
        ),
        (plain, vec!["Replace volume: its encryption changed", "Rerun ready: its volume is replaced"]),
        (
            ("\"t2.large\"", "\"m6i.large\""),
            vec!["Replace instance: its type changed: t2.large becomes m6i.large", follow[0], follow[1]],
        ),
        (
            ("\"t2.large\"\n", "\"t2.large\"\n  prevent_destroy = true\n"),
            vec![
                "Rerun instance: is protected from now on: prevent_destroy",
                "Rerun volume: is protected from now on: prevent_destroy",
            ],
        ),
        (("203.0.113.7/32", "198.51.100.0/24"), vec!["Rerun security_group: its rules change"]),
        (("  connection {\n", "  connection {\n    user = \"rocky\"\n"), vec!["Rerun ready: a setting of it changed"]),
    ];
    let (state, cloud) = applied(&planned(&spec_of(NOTHING), &account(), None), &account());
    for (change, expected) in rows {
        let body = planned(&spec_of(&[change]), &cloud, Some(&state));
        assert_eq!(told(&body), expected, "{change:?}");
    }
}

#[test]
fn a_step_that_was_broken_off_keeps_the_values_it_began_with() {
    let spec = spec_of(NOTHING);
    let first = planned(&spec, &account(), None);
    let (mut state, mut cloud) = applied(&first, &account());
    let addr = StepAddr::of_ec2("mover", StepType::Instance);
    let record = state.steps.get_mut(&addr).unwrap();
    record.status = Status::Running;
    let begun = record.outputs.value()["inputs"].clone();
    record.outputs = Value::Null.into();
    record.progress.notes.insert("inputs".into(), begun);
    runner(&mut cloud).images[0].created = "2027-01-01T00:00:00.000Z".into();
    runner(&mut cloud).instance = Seen::Unasked;
    let body = planned(&spec, &cloud, Some(&state));
    assert_eq!(node(&body, &addr.to_string()).inputs.value()["image_id"], "ami-2");
    assert!(
        told(&body).contains(&"Rerun instance: unfinished: the last run was interrupted in it".to_owned()),
        "{:?}",
        told(&body)
    );
}

#[test]
fn endpoints_and_identities_of_clusters_are_those_that_were_looked_up() {
    let mut spec = spec_of(NOTHING);
    let cloud = account();
    aws_source::resolve_endpoints(&mut spec, &cloud);
    assert_eq!(spec.sources["shop"].host, "database-1.cluster-x.us-west-2.rds.amazonaws.com");
    let mut tunnel = spec_of(&[(
        "  username           = \"admin\"\n",
        "  username = \"admin\"\n  host = \"127.0.0.1\"\n  port = 13306\n",
    )]);
    aws_source::resolve_endpoints(&mut tunnel, &cloud);
    assert_eq!((tunnel.sources["shop"].host.as_str(), tunnel.sources["shop"].port), ("127.0.0.1", 13306));
    let mut world = World { cloud: Some(cloud), ..World::default() };
    let seen = crate::formats::facts::ServerFacts {
        identity: "admin@uuid".into(),
        server_id: "uuid".into(),
        ..Default::default()
    };
    world.servers.insert("source.aurora.shop".into(), seen);
    let mut lost = world.clone();
    aws_source::name_sources(&spec, &mut world);
    let named = &world.servers["source.aurora.shop"];
    assert_eq!((named.identity.as_str(), named.server_id.as_str()), ("admin@cluster-ABC", "cluster-ABC"));
    lost.cloud.as_mut().unwrap().clusters.clear();
    aws_source::name_sources(&spec, &mut lost);
    assert_eq!(lost.servers["source.aurora.shop"].fault.as_ref().unwrap().code, "MIG3220");
}
