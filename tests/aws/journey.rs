//! The provisioning part of the journey as a plan hands it to the drive: its graph, the account it happens in, and what
//! must be true of that account whatever was killed or lost on the way.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use mig::drive::recovery::look;
use mig::drive::run::{EventSink, Run, RunEnd, run};
use mig::formats::cloud_inputs::{
    DnsInputs, FoundBy, InstanceInputs, KeyPairInputs, Origin, PeeringInputs, ReadyInputs, RouteInputs,
    SecurityGroupInputs, VolumeInputs,
};
use mig::formats::facts::World;
use mig::formats::json_text::JsonText;
use mig::formats::plan::{Action, Edge, EdgeKind, Graph, Node};
use mig::formats::spec::model::Spec;
use mig::formats::state::{OpenRun, State};
use mig::hosts::memory::MemoryStore;
use mig::seams::clock::Clock;
use mig::seams::cloud::Cloud;
use mig::steps::Steps;
use mig::steps::context::{Context, Parts};
use mig::think::plan::destroy::destroy;
use mig::think::ready::Limits;
use mig::words::addr::StepAddr;
use mig::words::digest::Digest;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::provider;
use crate::support::cloud_proxy::CloudProxy;
use crate::support::guest::Guest;
use crate::support::moto::{Moto, REGION, Site};

pub const LINEAGE: &str = "lineage-of-a-test";

pub fn addr(text: &str) -> StepAddr {
    StepAddr::parse(text).unwrap()
}

/// A clock that runs faster than the world, so that two minutes out of sight are seconds of a test.
struct FastClock {
    began: Instant,
    times: u32,
}

impl Clock for FastClock {
    fn now(&self) -> String {
        "2026-01-01T00:00:00.000Z".into()
    }

    fn millis(&self) -> u64 {
        (self.began.elapsed() * self.times).as_millis() as u64
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time / self.times))
    }
}

/// One account with its site, and one spec's state over it.
pub struct Journey {
    pub moto: Moto,
    pub site: Site,
    pub proxy: CloudProxy,
    pub cloud: Arc<dyn Cloud>,
    pub guest: Guest,
    pub dir: tempfile::TempDir,
    pub store: MemoryStore,
    pub nodes: Vec<(String, Value)>,
    /// Where the source lets its runner in.
    pub source_port: u16,
    /// Numbers the plans: each is another run.
    plan: u32,
}

impl Journey {
    pub async fn new() -> Self {
        let moto = Moto::new();
        let site = moto.site();
        let proxy = moto.proxy();
        let cloud = provider(&proxy.url()).await;
        let dir = tempfile::tempdir().unwrap();
        let nodes = nodes(&site);
        Self {
            moto,
            site,
            proxy,
            cloud,
            guest: Guest::default(),
            dir,
            store: MemoryStore::new(),
            nodes,
            source_port: 3306,
            plan: 1,
        }
    }

    /// Changes a field of a step's inputs.
    pub fn set(&mut self, step: &str, field: &str, value: Value) {
        let node = self.nodes.iter_mut().find(|(addr, _)| addr == step).unwrap();
        node.1[field] = value;
    }

    /// The recorded state.
    pub fn state(&self) -> State {
        look(&self.store).unwrap().state.unwrap_or_else(|| State::new(LINEAGE.into()))
    }

    pub fn outputs(&self, step: &str) -> Value {
        self.state().outputs(&addr(step)).map(JsonText::value).unwrap_or_else(|| panic!("{step} is not complete"))
    }

    /// Another plan from now on, not the one that was interrupted.
    pub fn plan_anew(&mut self) {
        self.plan += 1;
        // What is left of the run before is folded, as another apply does it.
        let mut state = self.state();
        state.serial += 1;
        state.open_run = None;
        self.store = MemoryStore::new();
        self.store.put_state(state.write().unwrap());
    }

    /// The state as a copy from before these steps ran has it.
    pub fn forget(&mut self, steps: &[&str]) {
        let mut state = self.state();
        for step in steps {
            state.steps.remove(&addr(step));
        }
        state.serial += 1;
        state.open_run = None;
        self.store = MemoryStore::new();
        self.store.put_state(state.write().unwrap());
    }

    /// Applies all steps, as `action` where one is named.
    pub async fn apply(&self, actions: &[(&str, Action)]) -> RunEnd {
        self.over(graph(&self.nodes, actions), None).await.unwrap()
    }

    pub async fn destroy(&mut self) -> RunEnd {
        self.plan_anew();
        let (graph, _) = destroy(&self.state(), false).unwrap();
        self.over(graph, None).await.unwrap()
    }

    /// Applies, and stands still after a time as a killed process does; what was synced until then is left. `None`: it
    /// was killed.
    pub async fn apply_until(&mut self, killed_after: Duration) -> Option<RunEnd> {
        self.as_until(&[], killed_after).await
    }

    /// The same with actions.
    pub async fn as_until(&mut self, actions: &[(&str, Action)], killed_after: Duration) -> Option<RunEnd> {
        let end = self.over(graph(&self.nodes, actions), Some(killed_after)).await;
        if end.is_none() {
            self.store = self.store.after_power_loss(0);
        }
        end
    }

    async fn over(&self, graph: Graph, killed_after: Option<Duration>) -> Option<RunEnd> {
        let clock = Arc::new(FastClock { began: Instant::now(), times: 40 });
        let plan_digest = Digest::of(&(self.plan, "plan"));
        let parts = Parts {
            places: Arc::new(mig::hosts::places::FilePlaces::default()),
            spec: Spec::default(),
            dir: self.dir.path().to_owned(),
            store: Arc::new(mig::hosts::file::FileStore::new(self.dir.path().join("mig.migstate"))),
            token: 0,
            lineage: LINEAGE.into(),
            first_names: Default::default(),
            plan_digest: plan_digest.clone(),
            clock: clock.clone(),
            programs: Arc::new(mig::hosts::program::Local),
            world: World::default(),
            servers: Default::default(),
            show_keys: false,
            shells: Arc::new(self.guest.clone()),
            cloud: Some(Ok(self.cloud.clone())),
        };
        let graph = Arc::new(graph);
        let context = Context::new(parts, Arc::clone(&graph));
        let (_keep, signals) = watch::channel(None);
        let state = self.state();
        let all = run(Run {
            graph,
            open_run: OpenRun::new(plan_digest, State::new(LINEAGE.into()).digest()),
            state,
            store: Arc::new(self.store.clone()),
            clock,
            steps: Arc::new(Steps(Arc::new(context))),
            limits: Limits::of(8),
            events: EventSink::none(),
            tap: None,
            signals,
        });
        match killed_after {
            None => Some(tokio::time::timeout(Duration::from_secs(120), all).await.expect("a run never hangs")),
            Some(time) => tokio::time::timeout(time, all).await.ok(),
        }
    }

    /// At most one of everything, whatever happened: instance, volume, key, group, rules, route.
    pub fn at_most_one_of_each(&self) {
        let (instances, volumes) = (self.instances(), self.volumes());
        assert!(instances.len() <= 1, "instances: {instances:?}");
        assert!(volumes.len() <= 1, "volumes: {volumes:?}");
        assert!(self.keys() <= 1, "keys: {}", self.keys());
        assert!(self.groups() <= 1, "groups: {}", self.groups());
        assert!(self.source_rules() <= 1, "rules: {}", self.source_rules());
        assert!(self.routes() <= 1, "routes: {}", self.routes());
    }

    pub fn nothing_left(&self) {
        let left = (self.instances(), self.volumes(), self.keys(), self.groups(), self.source_rules(), self.routes());
        assert_eq!(left, (vec![], vec![], 0, 0, 0, 0));
    }

    pub fn one_of_each(&self) {
        self.at_most_one_of_each();
        assert_eq!((self.instances().len(), self.volumes().len(), self.keys(), self.groups()), (1, 1, 1, 1));
        assert_eq!((self.source_rules(), self.routes()), (1, 1));
        assert!(self.guest.disk().made <= 1, "a file system was made {} times", self.guest.disk().made);
    }

    /// Living instances, anyone who made them.
    pub fn instances(&self) -> Vec<String> {
        let answer = self.moto.ec2("DescribeInstances", &[]);
        let items = answer.split("<reservationId>").skip(1).filter(|item| !item.contains("<name>terminated</name>"));
        items.filter_map(|item| text(item, "instanceId")).collect()
    }

    /// Volumes that are no instance's root.
    pub fn volumes(&self) -> Vec<String> {
        let params = [("Filter.1.Name", "tag:mig:address"), ("Filter.1.Value.1", "runner.ec2.mover.volume")];
        Moto::ids(&self.moto.ec2("DescribeVolumes", &params), "volumeId")
    }

    pub fn keys(&self) -> usize {
        Moto::ids(&self.moto.ec2("DescribeKeyPairs", &[]), "keyName").len()
    }

    pub fn groups(&self) -> usize {
        let names = Moto::ids(&self.moto.ec2("DescribeSecurityGroups", &[]), "groupName");
        names.iter().filter(|name| name.starts_with("mig-")).count()
    }

    pub fn source_rules(&self) -> usize {
        let params = [("GroupId.1", self.site.source_group.as_str())];
        let rule = format!("<fromPort>{}</fromPort>", self.source_port);
        self.moto.ec2("DescribeSecurityGroups", &params).matches(&rule).count()
    }

    pub fn routes(&self) -> usize {
        let params = [("RouteTableId.1", self.site.table.as_str())];
        self.moto.ec2("DescribeRouteTables", &params).matches("<destinationCidrBlock>10.250.0.0/16<").count()
    }
}

fn text(item: &str, element: &str) -> Option<String> {
    Some(item.split(&format!("<{element}>")).nth(1)?.split('<').next()?.to_owned())
}

/// The steps with what they need, in the order of the article.
fn nodes(site: &Site) -> Vec<(String, Value)> {
    let zone = "us-west-2a".to_owned();
    let ours = |part: &str| format!("runner.ec2.mover.{part}");
    let key = KeyPairInputs { key: Origin::Create, identity_file: Some("keys/mover".into()), tags: Default::default() };
    let group = SecurityGroupInputs {
        group: Origin::Create,
        vpc_id: site.vpc.clone(),
        ssh_from: vec!["172.30.0.0/16".into()],
        ssh_port: 22,
        source_group: Some(site.source_group.clone()),
        source_port: 3306,
        tags: Default::default(),
    };
    let instance = InstanceInputs {
        instance_type: "t2.large".into(),
        image_id: "ami-0a1b2c3d4e5f60802".into(),
        image_name: "RHEL-8.10.0_HVM-20250101-x86_64-1-Hourly2-GP3".into(),
        image_owner: "309956199498".into(),
        image_filter: "RHEL-8*_HVM-*-x86_64-*".into(),
        root_device: "/dev/sda1".into(),
        vpc_id: site.vpc.clone(),
        subnet_id: site.subnet.clone(),
        zone: zone.clone(),
        subnet_reason: "the writer's zone".into(),
        iam_instance_profile: None,
        prevent_destroy: false,
        tags: [("team".to_owned(), "data".to_owned())].into(),
    };
    let volume = VolumeInputs {
        size_gib: 16,
        size_reason: "12 GiB x 1.3, rounded up".into(),
        volume_type: "gp3".into(),
        iops: Some(3000),
        throughput: Some(125),
        encrypted: true,
        zone,
        prevent_destroy: false,
        tags: Default::default(),
    };
    let ready = ReadyInputs {
        host: Some("127.0.0.1".into()),
        port: 2222,
        user: "ec2-user".into(),
        identity_file: Some("keys/mover".into()),
        host_key: None,
        mount: "/mnt/mig".into(),
        workdir: "/mnt/mig/work".into(),
    };
    let connection = PeeringInputs {
        by: FoundBy::Id(site.peering.clone()),
        connection_id: site.peering.clone(),
        target_cidr: "10.250.0.0/16".into(),
        accept: true,
        vpc_id: site.vpc.clone(),
        region: REGION.into(),
    };
    let route = RouteInputs { table_id: site.table.clone(), cidr: "10.250.0.0/16".into() };
    vec![
        (ours("key_pair"), value(&key)),
        (ours("security_group"), value(&group)),
        (ours("instance"), value(&instance)),
        (ours("volume"), value(&volume)),
        (ours("ready"), value(&ready)),
        ("peering.tidb_cloud.connection".into(), value(&connection)),
        (format!("peering.tidb_cloud.route[\"{}\"]", site.table), value(&route)),
        ("peering.tidb_cloud.dns".into(), value(&DnsInputs { vpc_id: site.vpc.clone() })),
    ]
}

fn value(inputs: &impl Serialize) -> Value {
    json!(inputs)
}

fn graph(nodes: &[(String, Value)], actions: &[(&str, Action)]) -> Graph {
    let mut graph = Graph::default();
    for (text, inputs) in nodes {
        let addr = addr(text);
        let action = actions.iter().find(|(step, _)| step == text).map_or(Action::Create, |(_, action)| *action);
        graph.nodes.push(Node {
            kind: addr.kind().unwrap(),
            inputs_digest: Digest::of(inputs),
            action,
            inputs: inputs.clone().into(),
            addr,
        });
    }
    let names: Vec<StepAddr> = graph.nodes.iter().map(|node| node.addr.clone()).collect();
    let mut after = |to: usize, from: usize| {
        graph.edges.push(Edge { to: names[to].clone(), from: names[from].clone(), kind: EdgeKind::After });
    };
    for (to, from) in [(2, 0), (2, 1), (3, 2), (4, 2), (4, 3), (6, 5), (7, 5)] {
        after(to, from);
    }
    mig::think::graph::arrange(graph.nodes, graph.edges).unwrap()
}

/// The private key that was made.
pub fn key_file(dir: &Path) -> std::path::PathBuf {
    dir.join("keys/mover")
}
