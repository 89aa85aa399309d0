//! What a destroy, or a block that left the spec, removes and leaves.

use super::*;
use crate::words::addr::StepType;

#[test]
fn prevent_destroy_is_kept_in_the_state_and_refuses() {
    let guarded = spec_of(&[("\"t2.large\"\n", "\"t2.large\"\n  prevent_destroy = true\n")]);
    let (state, cloud) = applied(&planned(&guarded, &account(), None), &account());
    let smaller =
        [("\"t2.large\"\n", "\"t2.large\"\n  prevent_destroy = true\n  volume {\n    encrypted = false\n  }\n")];
    let body = planned(&spec_of(&smaller), &cloud, Some(&state));
    assert_eq!(codes(&body), ["MIG3225"], "{:?}", body.diagnostics);
    assert!(body.blocked);
    // The block is gone from the spec, and the protection is not.
    let gone = [
        ("  runner = runner.ec2.mover\n", "  runner = null\n"),
        ("  connection_id", "  route_tables = [\"rtb-main\"]\n  connection_id"),
    ];
    let body = planned(&spec_of(&gone), &cloud, Some(&state));
    assert_eq!(codes(&body), ["MIG3225", "MIG3225"], "{:?}", body.diagnostics);
    let (graph, _) = destroy::destroy(&state, false).unwrap();
    assert!(graph.nodes.iter().any(|n| n.action == Action::Destroy));
    let unguarded = spec_of(&[]);
    assert_eq!(destroy::prevented(&state, &unguarded).unwrap().len(), 2);
    // Written in the spec, and not applied yet.
    let (state, _) = applied(&planned(&unguarded, &account(), None), &account());
    assert_eq!(destroy::prevented(&state, &unguarded).unwrap(), []);
    assert_eq!(destroy::prevented(&state, &guarded).unwrap().len(), 2);
}

#[test]
fn an_instance_does_not_end_with_its_group_behind_the_plans_back() {
    let group = "runner.ec2.mover.security_group";
    let instance = "runner.ec2.mover.instance";
    for (settings, targets, expected) in [
        ("\"t2.large\"\n  prevent_destroy = true\n", &[group][..], &["MIG3225"][..]),
        ("\"t2.large\"\n", &[group], &["MIG3227"]),
        ("\"t2.large\"\n", &[], &[]),
    ] {
        let spec = spec_of(&[("\"t2.large\"\n", settings)]);
        let (state, cloud) = applied(&planned(&spec, &account(), None), &account());
        let targets: Vec<String> = targets.iter().map(|target| (*target).to_owned()).collect();
        let body = planned_at(&spec, &cloud, Some(&state), &[group], &targets);
        assert_eq!(codes(&body), expected, "{:?}", body.diagnostics);
        assert_eq!(node(&body, group).action, Action::Replace);
        if targets.is_empty() {
            assert_eq!(node(&body, instance).action, Action::Replace);
            // One whose step never came to its end is begun again with it: nothing stands in the way.
            let mut state = state.clone();
            let record = state.steps.get_mut(&StepAddr::parse(instance).unwrap()).unwrap();
            (record.status, record.outputs) = (Status::Running, Value::Null.into());
            let body = planned_at(&spec, &cloud, Some(&state), &[group], &[]);
            assert_eq!(codes(&body), expected, "{:?}", body.diagnostics);
            assert_eq!(node(&body, instance).action, Action::Rerun);
        }
    }
}

#[test]
fn servers_behind_a_runner_that_is_stopped_are_not_forgotten() {
    let spec = spec_of(NOTHING);
    let (mut state, cloud) = applied(&planned(&spec, &account(), None), &account());
    let some = state.steps.values().next().cloned().unwrap();
    let servers = ["source.aurora.shop", "target.tidb.cloud"];
    for (server, kind) in servers.iter().zip([StepKind::Source, StepKind::Target]) {
        let record = StepRecord { kind, outputs: json!({"server_id": "x", "version": "8.0"}).into(), ..some.clone() };
        state.steps.insert(StepAddr::parse(server).unwrap(), record);
    }
    let ready = StepAddr::parse("runner.ec2.mover.ready").unwrap();
    let mut world = World { cloud: Some(cloud), ..World::default() };
    world.pending.insert("shop".into(), ready);
    let (replace, state) = (Default::default(), Some(&state));
    let question = |spec| Question {
        spec,
        state,
        world: &world,
        mode: Mode::Apply,
        replace: &replace,
        drop_target_data: false,
        targets: &[],
    };
    let forgotten = |body: &Body| -> Vec<String> {
        let gone = body.changes.iter().filter(|change| change.action == Action::Forget);
        gone.map(|change| change.addr.to_string()).filter(|addr| servers.contains(&addr.as_str())).collect()
    };
    assert_eq!(forgotten(&plan(&question(&spec)).unwrap().0), Vec::<String>::new());
    // One that has left the spec is.
    let renamed = spec_of(&[
        ("target \"tidb\" \"cloud\"", "target \"tidb\" \"other\""),
        ("target.tidb.cloud", "target.tidb.other"),
    ]);
    assert_eq!(forgotten(&plan(&question(&renamed)).unwrap().0), ["target.tidb.cloud"]);
}

/// The order in which objects are removed, by part.
fn removed(nodes: &[Node]) -> Vec<String> {
    let gone = nodes.iter().filter(|n| n.action == Action::Destroy);
    gone.map(|n| n.addr.words().last().unwrap().clone()).collect()
}

#[test]
fn what_was_made_is_removed_in_reverse_and_what_was_found_stays() {
    let spec = spec_of(NOTHING);
    let (state, cloud) = applied(&planned(&spec, &account(), None), &account());
    let (graph, changes) = destroy::destroy(&state, false).unwrap();
    assert_eq!(removed(&graph.nodes), ["route", "ready", "instance", "key_pair", "security_group", "volume"]);
    let kept: Vec<String> =
        changes.iter().filter(|c| c.action == Action::Forget).map(|c| c.addr.words().last().unwrap().clone()).collect();
    assert_eq!(kept, ["dns", "connection"]);
    let from = |part: &str| {
        let node = graph.nodes.iter().find(|n| n.addr.words().last().unwrap() == part).unwrap();
        node.inputs.value()["from"].clone()
    };
    assert_eq!(from("instance")["instance_id"], "i-1");
    // A spec without the runner removes the same.
    let gone = [
        ("  runner = runner.ec2.mover\n", "  runner = null\n"),
        ("  connection_id", "  route_tables = [\"rtb-main\"]\n  connection_id"),
    ];
    let body = planned(&spec_of(&gone), &cloud, Some(&state));
    assert_eq!(removed(&body.graph.nodes), ["ready", "instance", "key_pair", "security_group", "volume"]);
    // A look at the account that fails is not a reason to remove anything.
    let mut blind = cloud.clone();
    blind.clusters.get_mut("shop").unwrap().cluster = None;
    assert_eq!(removed(&planned(&spec, &blind, Some(&state)).graph.nodes), Vec::<String>::new());
}

#[test]
fn what_a_removed_block_names_leaves_the_state_and_is_not_destroyed() {
    let spec = spec_of(NOTHING);
    let (state, cloud) = applied(&planned(&spec, &account(), None), &account());
    let gone = [
        ("  runner = runner.ec2.mover\n", "  runner = null\n"),
        ("  connection_id", "  route_tables = [\"rtb-main\"]\n  connection_id"),
    ];
    let mut without = spec_of(&gone);
    without.runners.shift_remove("mover");
    let of = |spec: &Spec, action: Action| {
        let body = planned(spec, &cloud, Some(&state));
        let changes = body.changes.iter().filter(|change| change.action == action);
        changes.filter(|change| change.addr.to_string().starts_with("runner.ec2.mover.")).count()
    };
    assert_eq!((of(&without, Action::Destroy), of(&without, Action::Forget)), (5, 0));
    let block = StepAddr::parse("runner.ec2.mover").unwrap();
    without.removed.push(crate::formats::spec::model::Removed { block, place: without.migrations[0].place.clone() });
    assert_eq!((of(&without, Action::Destroy), of(&without, Action::Forget)), (0, 5));
}

#[test]
fn objects_that_others_made_are_left_when_the_runner_goes() {
    let named = [
        ("\"t2.large\"\n", "\"t2.large\"\n  key_pair = \"team\"\n  security_group = \"sg-team\"\n"),
        ("  connection {\n    allow_from = [\"203.0.113.7/32\"]\n  }\n", ""),
    ];
    let (mut state, _) = applied(&planned(&spec_of(&named), &account(), None), &account());
    for part in [StepType::KeyPair, StepType::SecurityGroup] {
        let record = state.steps.get_mut(&StepAddr::of_ec2("mover", part)).unwrap();
        let mut outputs = record.outputs.value();
        outputs["owned"] = Value::Bool(false);
        outputs["owns_source_rule"] = Value::Bool(false);
        record.outputs = outputs.into();
    }
    let (graph, _) = destroy::destroy(&state, false).unwrap();
    assert_eq!(removed(&graph.nodes), ["route", "ready", "instance", "volume"]);
}

#[test]
fn objects_are_not_removed_without_the_provider_that_they_need() {
    let spec = spec_of(NOTHING);
    let (state, cloud) = applied(&planned(&spec, &account(), None), &account());
    let mut bare = spec.clone();
    (bare.aws, bare.sources, bare.migrations) = (None, Default::default(), Default::default());
    (bare.runners, bare.peerings) = (Default::default(), Default::default());
    for (spec, mode, expected) in
        [(&bare, Mode::Apply, true), (&bare, Mode::Destroy, true), (&spec, Mode::Destroy, false)]
    {
        let world = World { cloud: spec.aws.is_some().then(|| cloud.clone()), ..World::default() };
        let body = body_of(spec, Some(&state), &world, mode);
        assert_eq!(codes(&body).contains(&"MIG3284".to_owned()), expected, "{mode:?} {:?}", body.diagnostics);
        assert_eq!(body.blocked, expected, "{mode:?}");
    }
}

/// The state was restored from a copy that is older than what was made.
#[test]
fn what_the_account_has_and_the_state_does_not_know_is_seen() {
    use crate::formats::cloud_facts::Tagged;
    let spec = spec_of(NOTHING);
    let (state, cloud) = applied(&planned(&spec, &account(), None), &account());
    let (instance, volume) = ("runner.ec2.mover.instance", "runner.ec2.mover.volume");
    let tagged = |id: &str, address: &str| Tagged { id: id.into(), address: address.into() };
    let mut interrupted = state.clone();
    let record = interrupted.steps.get_mut(&StepAddr::parse(instance).unwrap()).unwrap();
    (record.status, record.outputs) = (Status::Running, Value::Null.into());
    let mut older = state.clone();
    older.steps.remove(&StepAddr::parse(instance).unwrap());
    for (state, tagged, unknown) in [
        (&state, vec![tagged("i-1", instance), tagged("vol-1", volume)], None),
        (&older, vec![tagged("i-1", instance), tagged("vol-1", volume)], Some("i-1")),
        (&state, vec![tagged("vol-2", volume)], Some("vol-2")),
        (&state, vec![tagged("i-9", "")], Some("i-9")),
        // Its step looks for what it made.
        (&interrupted, vec![tagged("i-1", instance)], None),
    ] {
        for mode in [Mode::Apply, Mode::Destroy] {
            let cloud = CloudFacts { tagged: tagged.clone(), ..cloud.clone() };
            let world = World { cloud: Some(cloud), ..World::default() };
            let body = body_of(&spec, Some(state), &world, mode);
            let found = body.diagnostics.iter().find(|found| found.code == "MIG3283");
            assert_eq!(found.is_some(), unknown.is_some(), "{mode:?} {tagged:?}");
            assert!(found.is_none_or(|found| found.detail.contains(unknown.unwrap_or_default())), "{found:?}");
            let refuses = found.is_some_and(|found| found.severity == crate::words::diag::Severity::Error);
            assert_eq!(refuses, unknown.is_some() && mode == Mode::Destroy, "{mode:?} {tagged:?}");
        }
    }
}

#[test]
fn an_object_that_was_given_to_another_lineage_is_refused_by_the_plan() {
    let spec = spec_of(NOTHING);
    let (state, cloud) = applied(&planned(&spec, &account(), None), &account());
    for (lineage, instance_state, expected) in
        [("lineage", "running", &[][..]), ("another", "running", &["MIG3272"]), ("another", "terminated", &[])]
    {
        let mut cloud = cloud.clone();
        let Seen::There(there) = &mut runner(&mut cloud).instance else { panic!() };
        there.tags.insert("mig:lineage".into(), lineage.into());
        there.state = instance_state.into();
        assert_eq!(codes(&planned(&spec, &cloud, Some(&state))), expected, "{lineage} {instance_state}");
    }
}
