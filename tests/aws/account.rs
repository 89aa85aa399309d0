//! What is observed of an account, and what a plan makes of it: the emulator's account from its SDK to the plan.

use std::collections::BTreeSet;
use std::sync::Arc;

use mig::formats::facts::World;
use mig::formats::plan::{Body, Mode};
use mig::formats::spec::model::Spec;
use mig::formats::spec::{self, Inputs, SourceFile};
use mig::seams::cloud::Cloud;
use mig::steps::observe::cloud::{account, clusters};
use mig::think::plan::aws_source::resolve_endpoints;
use mig::think::plan::{Question, plan};
use mig::words::error::Failure;

use crate::provider;
use crate::support::cloud_proxy::CloudProxy;
use crate::support::moto::{Moto, Site};

fn spec_of(moto: &Moto, site: &Site) -> Spec {
    let text = format!(
        r#"
provider "aws" {{ region = "us-west-2" }}
source "aurora" "shop" {{
  cluster_identifier = "database-1"
  username           = "admin"
}}
target "tidb" "cloud" {{
  host     = "tidb.example"
  username = "root"
}}
peering "tidb_cloud" {{
  target_cidr = "10.250.0.0/16"
  expect_requester {{
    account_id = "{}"
  }}
}}
runner "ec2" "mover" {{
  instance_type = "t2.large"
  ami {{
    owner = "309956199498"
    name  = "RHEL-8*_HVM-*-x86_64-*"
  }}
  volume {{ size = "20GiB" }}
  connection {{ allow_from = ["203.0.113.7/32"] }}
}}
migration "shop" {{
  source = source.aurora.shop
  target = target.tidb.cloud
  runner = runner.ec2.mover
  after  = [peering.tidb_cloud]
}}
# in {}
"#,
        moto.account, site.vpc
    );
    let files = vec![SourceFile { name: "a.mig.hcl".into(), text }];
    let inputs = Inputs {
        files,
        vars: vec![],
        auto_files: Vec::new(),
        outputs: Vec::new(),
        var_files: vec![],
        env: &|_| None,
        read_file: &|_| Err("none".into()),
        secrets: mig::formats::spec::Secrets::Needed,
    };
    let (spec, found) = spec::load(&inputs);
    spec.unwrap_or_else(|| panic!("{found:?}"))
}

struct Case {
    moto: Moto,
    site: Site,
    proxy: CloudProxy,
    cloud: Arc<dyn Cloud>,
    spec: Spec,
}

async fn case() -> Case {
    let moto = Moto::new();
    let site = moto.site();
    moto.cluster(&site, "database-1");
    let proxy = moto.proxy();
    let cloud = provider(&proxy.url()).await;
    let spec = spec_of(&moto, &site);
    Case { moto, site, proxy, cloud, spec }
}

impl Case {
    async fn planned(&self) -> Body {
        let facts = account(&Ok(self.cloud.clone()), &self.spec, None).await;
        let world = World { cloud: Some(facts), ..World::default() };
        let question = Question {
            spec: &self.spec,
            state: None,
            world: &world,
            mode: Mode::Apply,
            replace: &BTreeSet::new(),
            drop_target_data: false,
            targets: &[],
        };
        plan(&question).unwrap().0
    }
}

fn codes(body: &Body) -> Vec<String> {
    body.diagnostics.iter().map(|d| d.code.to_string()).filter(|code| code.starts_with("MIG32")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_observed_and_the_article_is_planned_over_it() {
    let case = case().await;
    let facts = account(&Ok(case.cloud.clone()), &case.spec, None).await;
    assert_eq!((facts.fault.as_ref(), facts.identity.account.as_str()), (None, case.moto.account.as_str()));
    let cluster = facts.clusters["shop"].cluster.as_ref().unwrap();
    assert_eq!((cluster.engine.as_str(), cluster.vpc_id.as_str()), ("aurora-mysql", case.site.vpc.as_str()));
    let network = &facts.networks[&case.site.vpc];
    assert!(network.faults.is_empty() && network.subnets.len() == 2, "{network:?}");
    assert_eq!(network.groups.iter().map(|g| g.id.as_str()).collect::<Vec<_>>(), [case.site.source_group.as_str()]);
    assert!(network.route_tables.iter().any(|table| table.id == case.site.table));
    assert!(facts.runners["mover"].faults.is_empty() && !facts.runners["mover"].images.is_empty());

    let body = case.planned().await;
    assert_eq!(codes(&body), Vec::<String>::new(), "{:?}", body.diagnostics);
    let inputs = |addr: &str| {
        let found = body.graph.nodes.iter().find(|n| n.addr.to_string() == addr);
        found.unwrap_or_else(|| panic!("no {addr}")).inputs.value()
    };
    assert_eq!(inputs("runner.ec2.mover.instance")["image_id"], "ami-0a1b2c3d4e5f60802");
    assert_eq!(inputs("runner.ec2.mover.instance")["subnet_id"], case.site.subnet.as_str(), "in the writer's zone");
    assert_eq!(inputs("runner.ec2.mover.security_group")["source_group"], case.site.source_group.as_str());
    assert_eq!(inputs("peering.tidb_cloud.connection")["connection_id"], case.site.peering.as_str());
    inputs(&format!("peering.tidb_cloud.route[\"{}\"]", case.site.table));

    let mut spec = case.spec.clone();
    let found = clusters(case.cloud.as_ref(), &spec).await;
    resolve_endpoints(&mut spec, &found);
    assert!(spec.sources["shop"].host.starts_with("database-1.cluster-"), "{:?}", spec.sources["shop"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_changes_nothing() {
    let case = case().await;
    case.planned().await;
    assert_eq!(case.proxy.done(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_of_a_peering_has_its_message() {
    let case = case().await;
    for (state, expected) in [
        ("failed", "MIG3242"),
        ("expired", "MIG3243"),
        ("rejected", "MIG3244"),
        ("deleting", "MIG3245"),
        ("deleted", "MIG3245"),
    ] {
        case.proxy.peering(&case.site.peering, state, "of a test");
        let body = case.planned().await;
        assert_eq!(codes(&body), [expected], "{state}: {:?}", body.diagnostics);
        assert!(body.blocked);
    }
    for state in ["provisioning", "active", "initiating-request"] {
        case.proxy.peering(&case.site.peering, state, "");
        assert_eq!(codes(&case.planned().await), Vec::<String>::new(), "{state}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_cannot_be_asked_is_one_fault_and_makes_nothing_up() {
    let case = case().await;
    let closed = Failure::new(mig::words::codes::CLOUD_UNKNOWN, "look at the account", "no answer", "Look.");
    let facts = account(&Err(closed.clone()), &case.spec, None).await;
    assert_eq!(facts.fault, Some(closed));
    let nobody = provider("http://127.0.0.1:9").await;
    let facts = account(&Ok(nobody), &case.spec, None).await;
    assert_eq!(facts.fault.map(|f| f.code), Some(mig::words::codes::CLOUD_UNKNOWN));
    assert!(facts.clusters.is_empty() && facts.runners.is_empty());
}
