//! The program itself, killed by SIGKILL while it provisions: at most one of everything at any time, the state opens,
//! and the next apply finishes. `MIG_KILLS=200` runs so many rounds.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Output, Stdio};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

use crate::journey::Journey;
use crate::kills::rounds;
use crate::support::cloud_proxy::Lag;
use crate::support::program::{command, judge, said};
use crate::support::{Bed, moto};

/// The emulator's account, a real MySQL as the cluster's writer, a real TiDB.
fn servers(journey: &Journey, source: u16, target: u16, ledger: &str) -> String {
    format!(
        r#"
provider "aws" {{
  region       = "{}"
  endpoint_url = "{}"
}}
source "aurora" "shop" {{
  cluster_identifier = "database-1"
  host               = "127.0.0.1"
  port               = {source}
  username           = "root"
  tls {{ mode = "disabled" }}
}}
target "tidb" "cloud" {{
  host     = "127.0.0.1"
  port     = {target}
  username = "root"
  ledger_schema = "{ledger}"
  tls {{ mode = "disabled" }}
}}
"#,
        moto::REGION,
        journey.proxy.url(),
    )
}

/// The article's spec over the emulator, a real MySQL as the cluster's writer, a real TiDB.
pub fn spec(journey: &Journey, source: u16, target: u16) -> String {
    format!(
        r#"
{}peering "tidb_cloud" {{
  connection_id = "{}"
  target_cidr   = "10.250.0.0/16"
}}
runner "ec2" "mover" {{
  instance_type = "t2.large"
  ami {{
    owner = "309956199498"
    name  = "RHEL-8*_HVM-*-x86_64-*"
  }}
  identity_file = "keys/mover"
  volume {{ size = "16GiB" }}
}}
migration "shop" {{
  source = source.aurora.shop
  target = target.tidb.cloud
  runner = runner.ec2.mover
  after  = [peering.tidb_cloud]
  tables = ["nothing_of_this_name.*"]
}}
"#,
        servers(journey, source, target, "mig_ledger"),
        journey.site.peering
    )
}

pub const APPLY: [&str; 5] = [
    "apply",
    "-auto-approve",
    "-target=runner.ec2.mover.volume",
    "-target=peering.tidb_cloud.dns",
    "-target=peering.tidb_cloud.route",
];

/// Runs it; killed after a time where one is given.
pub fn go(journey: &Journey, arguments: &[&str], killed_after: Option<Duration>) -> Output {
    let mut command = command(journey.dir.path(), arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    if let Some(time) = killed_after {
        std::thread::sleep(time);
        let _ = child.kill();
    }
    child.wait_with_output().unwrap()
}

/// A journey whose runner is made.
async fn with_a_runner() -> Journey {
    let (mysql, tidb) = (Bed::mysql().config().port, Bed::tidb().config().port);
    let journey = Journey::new().await;
    journey.moto.cluster(&journey.site, "database-1");
    std::fs::write(journey.dir.path().join("shop.mig.hcl"), spec(&journey, mysql, tidb)).unwrap();
    let output = go(&journey, &APPLY, None);
    assert!(matches!(output.status.code(), Some(0 | 2)), "{}", said(&output));
    journey
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lineage_made_is_seen_though_its_state_records_no_step() {
    let journey = with_a_runner().await;
    let pulled = go(&journey, &["state", "pull"], None).stdout;
    std::fs::write(journey.dir.path().join("copy"), &pulled).unwrap();
    // As `mig recover` leaves it.
    let mut state: serde_json::Value = serde_json::from_slice(&pulled).unwrap();
    state["steps"] = json!({});
    state.as_object_mut().unwrap().remove("provider");
    std::fs::write(journey.dir.path().join("edited"), state.to_string()).unwrap();
    judge(&go(&journey, &["state", "push", "edited"], None), &["state", "push"], 0, &["Pushed"]);
    let destroy = ["destroy", "-auto-approve"];
    judge(&go(&journey, &destroy, None), &destroy, 5, &["MIG3283", "runner.ec2.mover.instance"]);
    journey.one_of_each();
    judge(&go(&journey, &["state", "push", "-force", "copy"], None), &["state", "push"], 0, &["Pushed"]);
    judge(&go(&journey, &destroy, None), &destroy, 0, &[]);
    journey.nothing_left();
}

/// As a run leaves them: the runner made ready, and a table's dump on its volume.
fn with_a_dump_on_the_runner(state: &str) -> String {
    let mut state: serde_json::Value = serde_json::from_str(state).unwrap();
    let digest = format!("sha256:{}", "0".repeat(64));
    // Nothing listens there.
    let way = json!({"host": "127.0.0.1", "port": 9, "user": "ec2-user", "workdir": "/mnt/mig/work"});
    let mut inputs = way.clone();
    inputs["mount"] = "/mnt/mig".into();
    let ready = json!({"endpoint": way, "inputs": inputs, "instance_id": "i-1"});
    let dump = json!({
        "bytes": 1, "hash": "1", "parts": 1, "rows": 1, "json_rounded": 0, "negative_zeros": 0, "manifest": digest,
        "inputs": {
            "compress": "none", "engine": "native", "fingerprint": digest, "format": "sql",
            "table": {"schema": "gone", "name": "t"},
        },
    });
    let record = |kind: &str, outputs: serde_json::Value| {
        let at = "2026-01-05T10:00:00Z";
        json!({
            "kind": kind, "inputs_digest": digest, "status": "complete", "outputs": outputs, "depends_on": [],
            "started": at, "finished": at,
        })
    };
    state["steps"]["runner.ec2.mover.ready"] = record("runner", ready);
    state["steps"]["migration.shop.dump[\"gone.t\"]"] = record("dump", dump);
    serde_json::to_string(&state).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_whose_instance_has_ended_keeps_nothing_from_being_destroyed() {
    let journey = with_a_runner().await;
    let pulled = go(&journey, &["state", "pull"], None);
    let edited = with_a_dump_on_the_runner(std::str::from_utf8(&pulled.stdout).unwrap());
    std::fs::write(journey.dir.path().join("edited"), edited).unwrap();
    judge(&go(&journey, &["state", "push", "edited"], None), &["state", "push"], 0, &["Pushed"]);
    let instance = journey.instances().remove(0);
    journey.moto.ec2("TerminateInstances", &[("InstanceId.1", &instance)]);
    let destroy = ["destroy", "-auto-approve"];
    judge(&go(&journey, &destroy, None), &destroy, 0, &["does not run", "goes with the instance and its volume"]);
    journey.nothing_left();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_killed_at_any_instant_makes_nothing_twice_and_finishes() {
    let (mysql, tidb) = (Bed::mysql().config().port, Bed::tidb().config().port);
    let mut kills = 0;
    for seed in rounds() {
        println!("seed {seed}");
        let mut random = StdRng::seed_from_u64(seed);
        let journey = Journey::new().await;
        journey.moto.cluster(&journey.site, "database-1");
        let mut late = |most: u64| Duration::from_millis(random.random_range(0..most));
        journey.proxy.lag(Lag { states: late(400), sight: late(300) });
        std::fs::write(journey.dir.path().join("shop.mig.hcl"), spec(&journey, mysql, tidb)).unwrap();
        for _ in 0..random.random_range(1..=3) {
            let output = go(&journey, &APPLY, Some(Duration::from_millis(random.random_range(50..2_500))));
            kills += usize::from(output.status.signal() == Some(9));
            journey.at_most_one_of_each();
        }
        let output = go(&journey, &APPLY, None);
        assert!(matches!(output.status.code(), Some(0 | 2)), "seed {seed}: {}", said(&output));
        journey.one_of_each();
        let output = go(&journey, &["destroy", "-auto-approve"], None);
        assert_eq!(output.status.code(), Some(0), "seed {seed}: {}", said(&output));
        journey.nothing_left();
    }
    println!("{kills} kills");
    assert!(kills > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_from_before_the_peering_changed_elsewhere_applies_or_is_refused_whole() {
    let (mysql, tidb) = (Bed::mysql().config().port, Bed::tidb().config().port);
    for (state, applies) in [("active", true), ("rejected", false)] {
        let journey = Journey::new().await;
        journey.moto.cluster(&journey.site, "database-1");
        std::fs::write(journey.dir.path().join("shop.mig.hcl"), spec(&journey, mysql, tidb)).unwrap();
        let targets: Vec<&str> = APPLY.iter().copied().filter(|word| word.starts_with("-target")).collect();
        let plan = [&["plan", "-out=a.migplan"], targets.as_slice()].concat();
        let output = go(&journey, &plan, None);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        match applies {
            true => drop(
                journey.moto.ec2("AcceptVpcPeeringConnection", &[("VpcPeeringConnectionId", &journey.site.peering)]),
            ),
            false => journey.proxy.peering(&journey.site.peering, state, "by the other side"),
        }
        let before = journey.proxy.done();
        let output = go(&journey, &["apply", "a.migplan"], None);
        if applies {
            assert!(matches!(output.status.code(), Some(0 | 2)), "{}", said(&output));
            journey.one_of_each();
        } else {
            assert!(matches!(output.status.code(), Some(3 | 5)), "{}", said(&output));
            assert!(said(&output).contains(state), "{}", said(&output));
            assert_eq!(journey.proxy.done(), before, "nothing was made");
        }
    }
}

/// The cluster's name is the cloud's; the server behind its endpoint (a tunnel's end, here a plain MySQL) has another one
/// for itself. Both are right, in each run and on a runner's worker alike.
#[tokio::test(flavor = "multi_thread")]
async fn rows_move_from_a_cluster_that_calls_itself_by_another_name() {
    let journey = Journey::new().await;
    journey.moto.cluster(&journey.site, "database-1");
    let (source, target) = (Bed::mysql(), Bed::tidb());
    let schema = source
        .schema(
            "of_cluster",
            &["CREATE TABLE t (id INT PRIMARY KEY) COLLATE utf8mb4_bin", "INSERT INTO t VALUES (1), (2)"],
        )
        .await;
    let text = format!(
        r#"
{}migration "shop" {{
  source = source.aurora.shop
  target = target.tidb.cloud
  tables = ["{schema}.*"]
}}
"#,
        servers(&journey, source.config().port, target.config().port, &format!("{schema}_ledger")),
    );
    std::fs::write(journey.dir.path().join("shop.mig.hcl"), text).unwrap();
    for arguments in [&["apply", "-auto-approve"][..], &["plan", "-detailed-exitcode"], &["destroy", "-auto-approve"]] {
        let output = go(&journey, arguments, None);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
    }
    assert_eq!(target.rows(&format!("SELECT COUNT(*) FROM {schema}.t")).await, [["2"]]);
    target.run(&[&format!("DROP DATABASE {schema}")]).await;
}
