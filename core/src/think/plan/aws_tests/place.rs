//! Where a plan is for, and what it opens there.

use super::*;
use crate::formats::cloud::CloudPlace;

const GROUP: &str = "runner.ec2.mover.security_group";

#[test]
fn another_account_or_region_than_the_recorded_one_blocks_the_plan() {
    let spec = spec_of(NOTHING);
    let (mut state, cloud) = applied(&planned(&spec, &account(), None), &account());
    let place = |account: &str, region: &str| Some(CloudPlace { account: account.into(), region: region.into() });
    let allows = |ids: &str| {
        let block = format!("{{\n  region = \"us-west-2\"\n  allowed_account_ids = {ids}\n}}");
        spec_of(&[("{ region = \"us-west-2\" }", &block)])
    };
    for (recorded, spec, expected) in [
        (None, spec.clone(), &[][..]),
        (place("999988887777", "us-west-2"), spec.clone(), &[]),
        (place("111122223333", "us-west-2"), spec.clone(), &["MIG3228"]),
        (place("999988887777", "us-east-1"), spec.clone(), &["MIG3228"]),
        (None, allows("[\"111122223333\"]"), &["MIG3229"]),
        (None, allows("[\"111122223333\", \"999988887777\"]"), &[]),
    ] {
        state.provider = recorded;
        let body = planned(&spec, &cloud, Some(&state));
        assert_eq!(codes(&body), expected, "{:?}: {:?}", state.provider, body.diagnostics);
        for found in body.diagnostics.iter().filter(|d| d.code == "MIG3228") {
            let recorded = state.provider.as_ref().unwrap().to_string();
            assert!(
                found.detail.contains(&recorded) && found.detail.contains("999988887777 in us-west-2"),
                "{found:?}"
            );
        }
        assert!(expected.is_empty() || body.blocked);
        // A plan that removes says the same, and names the servers that it is bound to.
        let world = World { cloud: Some(cloud.clone()), ..World::default() };
        let body = body_of(&spec, Some(&state), &world, Mode::Destroy);
        assert_eq!(codes(&body), expected, "{:?}", body.diagnostics);
        assert_eq!(body.observed.servers["provider.aws"], "account 999988887777 in us-west-2");
    }
}

/// A cluster that was deleted and made again under the same name is another one, also where nobody can reach it yet.
#[test]
fn another_cluster_of_the_same_name_is_told_by_its_resource_id() {
    let spec = spec_of(NOTHING);
    let (mut state, cloud) = applied(&planned(&spec, &account(), None), &account());
    let some = state.steps.values().next().cloned().unwrap();
    for (recorded, expected) in [("cluster-ABC", 0), ("cluster-OLD", 1)] {
        let record = StepRecord {
            kind: StepKind::Source,
            outputs: json!({"server_id": recorded, "version": "8.0"}).into(),
            ..some.clone()
        };
        state.steps.insert(StepAddr::parse("source.aurora.shop").unwrap(), record);
        let mut world = World { cloud: Some(cloud.clone()), ..World::default() };
        world.pending.insert("shop".into(), StepAddr::parse("runner.ec2.mover.ready").unwrap());
        let found = body_of(&spec, Some(&state), &world, Mode::Apply).diagnostics;
        let other: Vec<_> = found.iter().filter(|d| d.code == "MIG3040").collect();
        assert_eq!(other.len(), expected, "{found:?}");
        assert!(
            other.iter().all(|d| d.detail.contains("cluster-OLD") && d.detail.contains("cluster-ABC")),
            "{found:?}"
        );
    }
}

#[test]
fn ssh_from_everywhere_is_named_and_the_clusters_own_port_is_opened() {
    let from = "allow_from = [\"203.0.113.7/32\"]";
    for (allowed, expected) in [(from, &[][..]), ("allow_from = [\"0.0.0.0/0\"]", &["MIG3263"])] {
        assert_eq!(codes(&planned(&spec_of(&[(from, allowed)]), &account(), None)), expected, "{allowed}");
    }
    let user = "  username           = \"admin\"\n";
    let tunnel = spec_of(&[(user, &format!("{user}  host = \"127.0.0.1\"\n  port = 24692\n"))]);
    assert_eq!(node(&planned(&tunnel, &account(), None), GROUP).inputs.value()["source_port"], json!(3306));
}

#[test]
fn what_a_narrow_plan_leaves_out_is_not_announced() {
    let spec = spec_of(NOTHING);
    let mut world = World { cloud: Some(account()), ..World::default() };
    world.pending.insert("shop".into(), StepAddr::parse("runner.ec2.mover.ready").unwrap());
    for (targets, pending) in [(&[][..], 1), (&["runner.ec2.mover.key_pair"], 0), (&["runner.ec2.mover.ready"], 1)] {
        let targets: Vec<String> = targets.iter().map(|target| (*target).to_owned()).collect();
        let (replace, mode) = (Default::default(), Mode::Apply);
        let question = Question {
            spec: &spec,
            state: None,
            world: &world,
            mode,
            replace: &replace,
            drop_target_data: false,
            targets: &targets,
        };
        assert_eq!(plan(&question).unwrap().0.pending.len(), pending, "{targets:?}");
    }
}

#[test]
fn ssh_that_only_the_vpc_may_open_is_warned_of() {
    let spec = spec_of(&[("  connection {\n    allow_from = [\"203.0.113.7/32\"]\n  }\n", "")]);
    let body = planned(&spec, &account(), None);
    assert_eq!(codes(&body), ["MIG3262"]);
    assert_eq!(node(&body, "runner.ec2.mover.security_group").inputs.value()["ssh_from"], json!(["172.31.0.0/16"]));
    let (state, cloud) = applied(&body, &account());
    assert_eq!(codes(&planned(&spec, &cloud, Some(&state))), Vec::<&str>::new(), "told where it is to be made");
}
