//! What is generated and checked in, compared: schemas, the table of codes, the plan of the quickstart. The plan is made
//! from a recording of what was observed, so it needs no server. `make update-goldens` writes them again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/recorded.rs"]
mod recorded;
#[path = "golden/reference.rs"]
mod reference;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use mig::formats::cause::Cause;
use mig::formats::facts::{Binlog, Position, World};
use mig::formats::journal::recover;
use mig::formats::plan::PlanFile;
use mig::formats::plan_diff::PlanDiff;
use mig::formats::rehearsal::Rehearsal;
use mig::formats::spec::model::Spec;
use mig::formats::{certificate, plan_seal, resolved, state, verification};
use mig::screen;
use mig::screen::style::Style;
use mig::think::plan::kinds;
use mig::words::codes;
use recorded::planned;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Compares a file with what it should hold, or writes it.
fn check(file: &str, expected: &str) {
    let path = root().join(file);
    if std::env::var_os("MIG_UPDATE_GOLDENS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, expected).unwrap();
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{file} is not what is generated now: run `make update-goldens` and look at the diff");
}

fn pretty(value: &impl serde::Serialize) -> String {
    format!("{}\n", serde_json::to_string_pretty(value).unwrap())
}

#[test]
fn golden_schemas_are_those_of_the_types() {
    check("schemas/state.schema.json", &pretty(&schemars::schema_for!(state::State)));
    check("schemas/plan.schema.json", &pretty(&schemars::schema_for!(PlanFile)));
    check("schemas/plan-diff.schema.json", &pretty(&schemars::schema_for!(PlanDiff)));
    check("schemas/rehearsal.schema.json", &pretty(&schemars::schema_for!(Rehearsal)));
    check("schemas/certificate.schema.json", &pretty(&schemars::schema_for!(certificate::Certificate)));
    check("schemas/verification.schema.json", &pretty(&schemars::schema_for!(verification::Verification)));
    check("schemas/output.schema.json", &pretty(&schemars::schema_for!(resolved::Resolved)));
}

#[test]
fn golden_table_of_codes_names_each_once_with_its_exit_code() {
    let mut text =
        "# Codes\n\n`mig explain CODE` explains a code. The exit code applies when the code ends the command as an error: a warning does not change it, and a \
         finding that stops a plan gives 5.\n\n| code | exit | what it is |\n| --- | ---: | --- |\n"
            .to_owned();
    let mut seen = BTreeSet::new();
    for row in codes::all() {
        assert!(seen.insert(row.code), "{} is there twice", row.code);
        assert!(!row.title.is_empty() && row.text.len() > 20, "{} is not explained", row.code);
        text.push_str(&format!("| {} | {} | {} |\n", row.code, row.exit.code(), row.title));
    }
    check("schemas/codes.md", &text);
}

fn quickstart(rules: &str) -> Spec {
    let ports = ["MIG_VAR_source_port", "MIG_VAR_target_port"];
    let env = |name: &str| -> Option<String> {
        if ports.contains(&name) && std::env::var_os("MIG_RECORD").is_some() {
            return std::env::var(name).ok();
        }
        name.starts_with("SHOP_")
            .then(|| if name.contains("SOURCE") { "demo-source" } else { "demo-target" }.to_owned())
    };
    let change = |text: String| text.replace("\"!shop.audit_*\"", &format!("\"!shop.audit_*\"{rules}"));
    recorded::spec("quickstart", change, &env)
}

fn recording() -> World {
    recorded::world("quickstart")
}

#[test]
fn golden_plan_of_the_quickstart_is_made_from_its_recording() {
    let plan = planned(&quickstart(""), &recording());
    check("plans/quickstart.txt", &screen::plan::text(&plan, Style::plain()));
    check("plans/quickstart.json", &pretty(&plan));
}

/// The article's way: the tables are known only after the machine is there.
fn aurora() -> (Spec, World) {
    const EXAMPLE: &str = "aurora-to-tidb-cloud";
    (recorded::spec(EXAMPLE, |text| text, &recorded::passwords), recorded::world(EXAMPLE))
}

#[test]
fn golden_plan_of_the_way_from_aurora_to_tidb_cloud_is_made_from_its_recording() {
    let (spec, world) = aurora();
    let plan = planned(&spec, &world);
    check("plans/aurora-to-tidb-cloud.txt", &screen::plan::text(&plan, Style::plain()));
    check("plans/aurora-to-tidb-cloud.json", &pretty(&plan));
}

#[test]
fn two_golden_plans_of_one_world_have_the_same_body_byte_for_byte() {
    let (spec, world) = (quickstart(""), recording());
    let mut moved = world.clone();
    for facts in moved.servers.values_mut() {
        facts.binlog.position = Some(Position { file: "binlog.000009".into(), offset: 4, ..Position::default() });
    }
    for facts in moved.migrations.values_mut() {
        facts.disk_free = facts.disk_free.map(|free| free - 4096);
    }
    assert_eq!(pretty(&planned(&spec, &world).body), pretty(&planned(&spec, &moved).body));
}

#[test]
fn a_plan_whose_source_cannot_be_reached_is_blocked_and_knows_no_table() {
    let mut world = recording();
    let fault = mig::words::error::Failure::new(mig::words::codes::PORT_CLOSED, "connect", "refused", "Look.");
    world.servers.get_mut("source.mysql.shop").unwrap().fault = Some(fault);
    let plan = planned(&quickstart(""), &world);
    assert!(plan.body.blocked);
    assert!(plan.body.graph.nodes.iter().all(|node| node.addr.table().is_none()));
}

/// With MIG_RECORD and the demo's servers (MIG_VAR_source_port, MIG_VAR_target_port): records what is observed, with
/// identities and estimates that stay the same. Else it looks whether the recording is whole.
#[tokio::test]
async fn the_recording_of_the_quickstart_is_whole() {
    if std::env::var_os("MIG_RECORD").is_none() {
        assert_eq!(recording().migrations["shop"].source.tables.len(), 16);
        return;
    }
    use mig::think::plan::desired::{source_addr, target_addr};
    let spec = quickstart("");
    let mut servers = BTreeMap::new();
    for server in spec.sources.values() {
        servers.insert(source_addr(server).to_string(), mig::hosts::mysql::server(server, root(), None).unwrap());
    }
    for server in spec.targets.values() {
        servers.insert(target_addr(server).to_string(), mig::hosts::mysql::server(server, root(), None).unwrap());
    }
    let look = mig::steps::observe::world::Look {
        spec: &spec,
        servers: &servers,
        lineage: None,
        begun: &BTreeMap::new(),
        workdir_of: &|_| PathBuf::from("/tmp"),
        imports: &BTreeMap::new(),
        programs: &mig::hosts::program::Local,
    };
    let mut world = mig::steps::observe::world::world(look).await;
    for (address, facts) in &mut world.servers {
        assert!(facts.fault.is_none(), "{address}: {:?}", facts.fault);
        if address.starts_with("source") {
            facts.server_id = "11111111-2222-3333-4444-555555555555".into();
            facts.identity = format!("mig_reader@{}", facts.server_id);
            facts.binlog = Binlog {
                position: Some(Position { file: "binlog.000001".into(), offset: 158, ..Position::default() }),
                files: vec!["binlog.000001".into()],
                ..facts.binlog.clone()
            };
        }
    }
    for facts in world.migrations.values_mut() {
        facts.disk_free = Some(1 << 40);
        for table in &mut facts.source.tables {
            table.estimate.rows = table.estimate.rows.div_ceil(100) * 100;
        }
    }
    std::fs::write(root().join("examples/quickstart/observed.json"), pretty(&world)).unwrap();
}

#[test]
fn files_that_an_earlier_build_wrote_are_read() {
    let folder = root().join("tests/fixtures/0.1.0");
    let bytes = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let records = |state: &state::State| {
        for (addr, record) in &state.steps {
            kinds::check_record(addr, record).unwrap();
        }
        state.steps.values().filter(|record| !record.outputs.is_none()).count()
    };
    // A migration that ended, and a runner with its peering.
    for (name, expected) in [("complete.migstate", 27), ("aws.migstate", 8)] {
        assert_eq!(records(&state::State::read(&bytes(name), name).unwrap()), expected, "{name}");
    }
    // The first run of a lineage, killed in the middle of a load.
    let journal = bytes("interrupted.migstate.journal");
    let interrupted = recover(None, Some(&journal), "interrupted").unwrap().state.unwrap();
    assert!(interrupted.open_run.is_some());
    assert!(records(&interrupted) > 10);
    assert!(interrupted.steps.values().any(|record| record.progress.parts_done() > 1));

    let certificate: certificate::Certificate = serde_json::from_slice(&bytes("shop.certificate.json")).unwrap();
    assert!(certificate.is_sealed() && certificate.tables.len() == 3);

    // Plans of then say in words why a step is in them.
    for (name, reason) in [("first.migplan", "not in the state yet"), ("replace.migplan", "asked for with -replace")] {
        let plan = plan_seal::open(&bytes(name), name).unwrap();
        let found = plan.body.changes.iter().any(|change| match &change.cause {
            Cause::Words { text } => text.ends_with(reason),
            _ => false,
        });
        assert!(found, "{name}");
        assert!(screen::plan::text(&plan, Style::plain()).contains(reason), "{name}");
    }
}
