//! The texts of plans: goldens of small plans, and rules for large ones.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::formats::cause::{Cause, CloudObject, Drift, Input, Left, Removed, Upstream};
use crate::formats::facts::{GateOutcome, Verdict};
use crate::formats::plan::{
    Action, Body, Change, Estimates, Graph, Header, Mode, Node, Observed, PlanFile, Rewrite, TableEstimates,
};
use crate::screen::style::Style;
use crate::words::addr::{GateName, StepAddr, StepKind, TableName};
use crate::words::codes;
use crate::words::diag::Diagnostic;
use crate::words::digest::Digest;

use super::{json, summary, text};

pub(in crate::screen) fn empty() -> PlanFile {
    let digest = Digest::of_bytes(b"");
    PlanFile {
        header: Header {
            format_version: 1,
            mig_version: "0.1.0".into(),
            created: "2026-01-05T10:00:30Z".into(),
            expires: "2026-01-08T10:00:30Z".into(),
        },
        body: Body {
            left_out: Default::default(),
            mode: Mode::Apply,
            lineage: None,
            serial: 0,
            spec_digest: digest.clone(),
            state_digest: digest.clone(),
            observed: Observed {
                servers: [
                    ("source.mysql.shop".into(), "mig_reader@8f2c1d1a-8a7e-11ee-b9d1-0242ac120002".into()),
                    ("target.tidb.cloud".into(), "mig@none".into()),
                ]
                .into(),
                ..Observed::default()
            },
            graph: Graph::default(),
            changes: Vec::new(),
            diagnostics: Vec::new(),
            differs: Vec::new(),
            blocked: false,
            replace: Default::default(),
            targets: Vec::new(),
            moves: Vec::new(),
            pending: Vec::new(),
        },
        estimates: Estimates::default(),
        digest,
    }
}

const NEW: Cause = Cause::NotRecorded;

fn drift(drift: Drift) -> Cause {
    Cause::Drift { drift }
}

fn of_table(kind: StepKind, table: &str, action: Action, cause: Cause) -> Change {
    Change::new(StepAddr::of_table("shop", kind, &TableName::new("shop", table)), action, cause)
}

fn whole_table(plan: &mut PlanFile, table: &str, rows: u64, bytes: u64, cause: Cause) {
    for kind in [StepKind::Table, StepKind::Dump, StepKind::Load, StepKind::Verify] {
        plan.body.changes.push(of_table(kind, table, Action::Create, cause.clone()));
    }
    let key = TableName::new("shop", table).key();
    plan.estimates.by_table.insert(key, TableEstimates { rows, bytes, files: 1 });
    plan.estimates.tables += 1;
    plan.estimates.rows += rows;
    plan.estimates.bytes += bytes;
    plan.estimates.files += 1;
    plan.estimates.seconds_low = 130;
    plan.estimates.seconds_high = 290;
}

fn verdict(outcome: GateOutcome, saw: &str, findings: Vec<Diagnostic>) -> Verdict {
    Verdict { outcome, saw: saw.into(), findings }
}

fn check(plan: &PlanFile, expected: &str) {
    let shown = text(plan, Style::plain());
    assert_eq!(shown, expected, "\n--- shown\n{shown}--- expected\n{expected}");
    for line in shown.lines() {
        assert!(line.chars().count() <= 80, "wider than 80: {line}");
    }
}

const HEADER: &str = "\
Plan of 2026-01-05 10:00 UTC, mig 0.1.0, good until 2026-01-08 10:00 UTC
  source.mysql.shop  mig_reader@8f2c1d1a-8a7…
  target.tidb.cloud  mig@ (no identity yet: the first apply gives it one)
";

#[test]
fn a_plan_without_changes_says_so() {
    let expected = format!(
        "{HEADER}\nNo changes. Every step of the spec is recorded as complete, and nothing observed\ndiffers from the state. A plan compares no rows: mig verify does.\n"
    );
    let mut recorded = empty();
    recorded.body.lineage = Some("l".into());
    check(&recorded, &expected);
    // Only what was looked at is spoken of.
    recorded.body.targets = vec!["source.mysql.shop".into()];
    assert!(text(&recorded, Style::plain()).contains("No changes. What -target names, and all that it needs,"));
    assert!(text(&empty(), Style::plain()).contains("No changes. Nothing is recorded yet,"));
    // What could not be looked at is not called unchanged.
    let mut plan = empty();
    let unseen = verdict(GateOutcome::CannotLook, "a server did not answer", vec![]);
    plan.body.observed.verdicts = [(StepAddr::gate("shop", GateName::Connectivity), unseen)].into_iter().collect();
    plan.body.blocked = true;
    let shown = text(&plan, Style::plain());
    assert!(shown.contains("No changes are known.") && !shown.contains("nothing observed"), "{shown}");
}

#[test]
fn what_an_object_in_a_cloud_is_made_from_stands_under_it() {
    let mut plan = empty();
    let account = ("provider.aws".into(), "account 123456789012 in us-west-2".into());
    plan.body.observed.servers.extend([account]);
    let part = |words: &[&str], action, cause, what: &str| Change {
        what: Some(what.into()),
        ..Change::new(StepAddr::new(words), action, cause)
    };
    let gone = drift(Drift::Gone { object: CloudObject::Instance, id: "i-1".into() });
    let arithmetic = "54 GiB gp3, encrypted: 41.3 GiB of storage used x 1.3 = 53.7 GiB, rounded up";
    plan.body.changes = vec![
        part(&["runner", "ec2", "mover", "key_pair"], Action::Create, NEW, "ed25519, made here"),
        part(&["runner", "ec2", "mover", "instance"], Action::Replace, gone, "t2.large"),
        part(&["runner", "ec2", "mover", "volume"], Action::Create, NEW, arithmetic),
        part(&["peering", "tidb_cloud", "connection"], Action::Create, NEW, "pcx-1 is accepted"),
        part(&["peering", "tidb_cloud", "dns"], Action::Create, NEW, "names are resolved"),
    ];
    let expected = "\
Plan of 2026-01-05 10:00 UTC, mig 0.1.0, good until 2026-01-08 10:00 UTC
  provider.aws       account 123456789012 in us-west-2
  source.mysql.shop  mig_reader@8f2c1d1a-8a7…
  target.tidb.cloud  mig@ (no identity yet: the first apply gives it one)

  + create   -/+ replace

runner.ec2.mover
   + runner.ec2.mover.key_pair
       ed25519, made here
   + runner.ec2.mover.volume
       54 GiB gp3, encrypted: 41.3 GiB of storage used x 1.3 = 53.7 GiB, rounded
       up
 -/+ runner.ec2.mover.instance
       t2.large
       why: the instance i-1 is gone

peering.tidb_cloud
   + peering.tidb_cloud.connection
       pcx-1 is accepted
   + peering.tidb_cloud.dns
       names are resolved

Plan: 4 to create, 0 to re-run, 1 to replace, 0 to forget, 0 to destroy.
";
    check(&plan, expected);
}

#[test]
fn steps_of_a_table_with_one_reason_stand_in_one_line() {
    let mut plan = empty();
    let schema = StepAddr::in_migration("shop", StepKind::Database, Some("shop".into()));
    plan.body.changes.push(Change::new(schema, Action::Create, NEW));
    whole_table(&mut plan, "orders", 120_000, 25_270_681, NEW);
    whole_table(&mut plan, "carts", 1, 512, Cause::FilterNowIncludes);
    plan.body.changes.push(Change::new(StepAddr::in_migration("shop", StepKind::Report, None), Action::Create, NEW));
    let expected = format!(
        "{HEADER}
  + create

migration.shop
   + migration.shop.database[\"shop\"]
       why: not in the state yet
   + shop.carts  1 row   512 B  1 file   (table, dump, load, verify)
       why: filter now includes shop.carts
   + shop.orders  120,000 rows  24.1 MiB  1 file   (table, dump, load, verify)
       why: not in the state yet
   + migration.shop.report
       why: not in the state yet

To move (estimates): 2 tables, 120,001 rows, 24.1 MiB in 2 files, in 2 to 5 min.

Plan: 10 to create, 0 to re-run, 0 to replace, 0 to forget, 0 to destroy.
"
    );
    check(&plan, &expected);
}

#[test]
fn a_step_with_its_own_reason_stands_by_its_address() {
    let mut plan = empty();
    plan.body.changes = vec![
        of_table(StepKind::Dump, "orders", Action::Rerun, Cause::InputChanged { input: Input::Where }),
        Change {
            drops_rows: Some(120_000),
            ..of_table(StepKind::Load, "orders", Action::Replace, Cause::Upstream { upstream: Upstream::DumpRuns })
        },
        of_table(StepKind::Verify, "orders", Action::Rerun, Cause::Upstream { upstream: Upstream::LoadRuns }),
        of_table(StepKind::Verify, "old", Action::Forget, Cause::Left { left: Left::Filter }),
    ];
    plan.body.changes[1].needs_confirm = true;
    let expected = format!(
        "{HEADER}
  ~ re-run   -/+ replace   . forget (out of the state, the object stays)

migration.shop
   ~ migration.shop.dump[\"shop.orders\"]
       why: its `where` changed
 -/+ migration.shop.load[\"shop.orders\"]
       why: drop 120,000 rows: its dump runs again
       verified rows are dropped: needs -confirm=TARGET_HOST
   ~ migration.shop.verify[\"shop.orders\"]
       why: its load runs again
   . migration.shop.verify[\"shop.old\"]
       why: the filter no longer includes shop.old; the target's table stays

Plan: 0 to create, 2 to re-run, 1 to replace, 1 to forget, 0 to destroy.

1 change drops rows that were verified: apply needs -confirm=TARGET_HOST.
"
    );
    check(&plan, &expected);
}

#[test]
fn a_destroy_names_each_table_that_it_drops_with_its_rows() {
    let mut plan = empty();
    plan.body.mode = Mode::Destroy;
    for (table, rows) in [("orders", 120_000), ("carts", 1)] {
        let mut drop = of_table(
            StepKind::Table,
            table,
            Action::Destroy,
            Cause::Removed { object: Removed::Table { rows: None }, left_spec: false },
        );
        drop.needs_confirm = true;
        plan.body.changes.push(drop);
        let key = TableName::new("shop", table).key();
        plan.estimates.by_table.insert(key, TableEstimates { rows, bytes: 0, files: 0 });
    }
    plan.body.graph.nodes.push(Node {
        addr: StepAddr::parse("target.tidb.cloud").unwrap(),
        kind: StepKind::Target,
        action: Action::Evaluate,
        inputs: serde_json::json!({"place": "db.example.com:4000", "user": "mig"}).into(),
        inputs_digest: Digest::of_bytes(b""),
    });
    let expected = "\
Destroy plan of 2026-01-05 10:00 UTC, mig 0.1.0, good until 2026-01-08 10:00 UTC
  source.mysql.shop  mig_reader@8f2c1d1a-8a7…
  target.tidb.cloud  db.example.com:4000, mig@ (no identity yet: the first apply
                     gives it one)

  - destroy

migration.shop
   - migration.shop.table[\"shop.carts\"]         1 row
   - migration.shop.table[\"shop.orders\"]  120,000 rows
       why: the target's table
       the table is dropped with the rows in it: needs -confirm=TARGET_HOST

Plan: 0 to create, 0 to re-run, 0 to replace, 0 to forget, 2 to destroy.

2 changes drop tables or views of the target: destroy needs
-confirm=TARGET_HOST.
";
    check(&plan, expected);
}

#[test]
fn a_rewrite_is_a_diff_with_the_code_of_each_change() {
    let mut plan = empty();
    let mut table = of_table(StepKind::Table, "orders", Action::Create, NEW);
    table.rewrite = Some(Rewrite {
        source: "CREATE TABLE `orders` (\n  `id` bigint NOT NULL,\n  `hidden` int INVISIBLE\n)".into(),
        target: "CREATE TABLE `orders` (\n  `id` bigint NOT NULL,\n  `hidden` int\n)".into(),
        changes: vec![Diagnostic::warning(codes::FULLTEXT, "column hidden is made visible").detail("TiDB has none.")],
    });
    plan.body.changes.push(table);
    let expected = format!(
        "{HEADER}
  + create

migration.shop
   + migration.shop.table[\"shop.orders\"]
       why: not in the state yet

Arrives changed: 1
  shop.orders
    MIG2107  column hidden is made visible
             TiDB has none.
    --- source
    +++ target
    @@ -1,4 +1,4 @@
     CREATE TABLE `orders` (
       `id` bigint NOT NULL,
    -  `hidden` int INVISIBLE
    +  `hidden` int
     )

Plan: 1 to create, 0 to re-run, 0 to replace, 0 to forget, 0 to destroy.
"
    );
    check(&plan, &expected);
}

#[test]
fn gates_say_their_verdict_in_words_and_a_blocked_plan_says_so_last() {
    let mut plan = empty();
    whole_table(&mut plan, "orders", 10, 100, NEW);
    let found = Diagnostic::error(codes::NAME_TAKEN, "table shop.orders is already on the target").about("shop.orders");
    let named = Diagnostic::warning(codes::EVENT, "trigger t1 is not moved").about("shop.orders");
    plan.body.observed.verdicts = [
        (GateName::Collation, verdict(GateOutcome::Passed, "1 table, 1 collation, on the target", vec![])),
        (GateName::Compatibility, verdict(GateOutcome::Warned, "1 finding", vec![named])),
        (GateName::TargetTables, verdict(GateOutcome::No, "1 table exists", vec![found])),
        (
            GateName::WritesStopped,
            verdict(GateOutcome::CannotLook, "the source keeps no binlog, so writes cannot be seen at all", vec![]),
        ),
    ]
    .into_iter()
    .map(|(name, verdict)| (StepAddr::gate("shop", name), verdict))
    .collect();
    plan.body.blocked = true;
    let expected = format!(
        "{HEADER}
  + create

migration.shop
   + shop.orders  10 rows  100 B  1 file   (table, dump, load, verify)
       why: not in the state yet

Gates of migration.shop
  ✓ passed       collation       1 table, 1 collation, on the target
  ! warned       compatibility   1 finding
  ✗ no           target_tables   1 table exists
  ✗ cannot look  writes_stopped  the source keeps no binlog, so writes cannot be
                                 seen at all

  compatibility: warned
    MIG2105  shop.orders: trigger t1 is not moved

  target_tables: no
    error[MIG2043]: table shop.orders is already on the target

To move (estimates): 1 table, 10 rows, 100 B in 1 file, in 2 to 5 min.

Plan: 4 to create, 0 to re-run, 0 to replace, 0 to forget, 0 to destroy.

Blocked: 2 gates refuse: target_tables (no), writes_stopped (cannot look).
         Applying this plan starts nothing and exits 5. To go on: do what the
         findings say, or set the rule in the gates block of the migration, then
         run mig plan again; mig explain CODE tells more of a code.
"
    );
    check(&plan, &expected);
}

#[test]
fn many_findings_of_a_refusing_gate_are_all_named() {
    let mut plan = empty();
    let findings = (0..100)
        .map(|n| Diagnostic::error(codes::NAME_TAKEN, "the table is already there").about(format!("shop.t{n:03}")))
        .collect();
    plan.body.observed.verdicts =
        [(StepAddr::gate("shop", GateName::TargetTables), verdict(GateOutcome::No, "100 tables exist", findings))]
            .into();
    let shown = text(&plan, Style::plain());
    for n in 0..100 {
        assert!(shown.contains(&format!("shop.t{n:03}")), "{n}\n{shown}");
    }
    assert!(shown.contains("    MIG2043  and 80 more: shop.t020, shop.t021,"), "{shown}");
    assert!(!shown.contains("20 errors"), "{shown}");
}

#[test]
fn a_thousand_tables_stay_readable_and_those_that_arrive_changed_are_named() {
    let mut plan = empty();
    for number in 0..1_000 {
        let name = format!("t{number:04}");
        whole_table(&mut plan, &name, 1_000, 2_048, Cause::FilterNowIncludes);
        let rewrite = Rewrite {
            source: "a\nb\n".into(),
            target: "a\nc\n".into(),
            changes: vec![Diagnostic::warning(codes::FULLTEXT, "made visible")],
        };
        let last = plan.body.changes.len() - 4;
        plan.body.changes[last].rewrite = Some(rewrite);
    }
    let shown = text(&plan, Style::plain());
    assert!(shown.contains("   + shop.t0019  1,000 rows  2.0 KiB  1 file   (table, dump, load, verify)\n"), "{shown}");
    assert!(!shown.contains("shop.t0020  "), "{shown}");
    assert!(
        shown.contains("… and 980 more, all the same (980,000 rows, 1.9 MiB); -json lists them\n       why: filter now includes …\n"),
        "{shown}"
    );
    for number in 0..1_000 {
        assert!(shown.contains(&format!("shop.t{number:04}")), "shop.t{number:04} arrives changed and is not named");
    }
    assert!(shown.lines().count() < 450, "{} lines", shown.lines().count());
}

#[test]
fn a_long_list_with_different_reasons_does_not_call_them_the_same() {
    let mut plan = empty();
    for number in 0..60 {
        let name = format!("t{number:02}");
        plan.body.changes.push(of_table(
            StepKind::Dump,
            &name,
            Action::Rerun,
            drift(Drift::ChangedOnTarget { part: format!("column c{number}") }),
        ));
    }
    let shown = text(&plan, Style::plain());
    assert!(shown.contains("why: changed on the target: column c19"), "{shown}");
    assert!(shown.contains("… and 40 more, each for its own reason; -json lists them"), "{shown}");
    assert!(!shown.contains("all the same"), "{shown}");
}

#[test]
fn long_names_go_without_the_steps_beside_them() {
    let mut plan = empty();
    whole_table(&mut plan, "a_rather_long_name_of_a_table", 120_000_000, 25_270_681, NEW);
    let shown = text(&plan, Style::plain());
    let expected = "   + shop.a_rather_long_name_of_a_table  120,000,000 rows  24.1 MiB  1 file
       table, dump, load, verify
       why: not in the state yet\n";
    assert!(shown.contains(expected), "{shown}");
}

#[test]
fn json_is_the_plan_file_with_a_summary() {
    let mut plan = empty();
    whole_table(&mut plan, "orders", 10, 100, NEW);
    plan.body.blocked = true;
    let gate = StepAddr::gate("shop", GateName::Disk);
    plan.body.observed.verdicts.insert(gate, verdict(GateOutcome::No, "too small", vec![]));
    let value = json(&plan);
    assert_eq!(value["summary"]["create"], 4);
    assert_eq!(value["summary"]["refused_by"][0], "migration.shop.gate[\"disk\"]");
    assert_eq!(value["summary"]["text"], summary(&plan));
    assert_eq!(value["body"]["changes"][0]["cause"]["why"], "not_recorded");
    assert_eq!(value["body"]["changes"][0]["reason"], "not in the state yet");
    let mut file = value.clone();
    file.as_object_mut().unwrap().remove("summary");
    for change in file["body"]["changes"].as_array_mut().unwrap() {
        change.as_object_mut().unwrap().remove("reason");
    }
    assert_eq!(serde_json::from_value::<PlanFile>(file).unwrap(), plan);
}

#[test]
fn colour_adds_nothing_but_escapes() {
    let mut plan = empty();
    whole_table(&mut plan, "orders", 10, 100, NEW);
    let gate = StepAddr::gate("shop", GateName::Disk);
    plan.body.observed.verdicts.insert(gate, verdict(GateOutcome::No, "too small", vec![]));
    plan.body.blocked = true;
    let inked = crate::screen::clean::clean(&text(&plan, Style { color: true, ..Style::plain() })).into_owned();
    let stripped = regex::Regex::new("\x1b\\[[0-9;]*m").unwrap().replace_all(&inked, "").into_owned();
    assert_ne!(inked, stripped);
    assert_eq!(stripped, text(&plan, Style::plain()));
}

#[test]
fn folded_warnings_are_a_line_for_each_code_and_what_refuses_stays_whole() {
    let warning = |code, subject: &str| Diagnostic::warning(code, format!("what {subject} is")).about(subject);
    let mut plan = empty();
    let mut gate = |name, outcome, findings: &[Diagnostic]| {
        let verdict = verdict(outcome, "it", findings.to_vec());
        plan.body.observed.verdicts.insert(StepAddr::gate("m", name), verdict);
    };
    let many: Vec<Diagnostic> = (0..30).map(|n| warning(codes::FULLTEXT, &format!("shop.t{n}"))).collect();
    gate(
        GateName::Compatibility,
        GateOutcome::Warned,
        &[many.as_slice(), &[warning(codes::TRIGGER, "shop.tr")]].concat(),
    );
    gate(
        GateName::Privileges,
        GateOutcome::No,
        &[Diagnostic::error(codes::GATE_CANNOT_LOOK, "no right").about("here")],
    );
    plan.body.diagnostics.push(warning(codes::PASSWORD_IN_SPEC, "the spec"));
    plan.body.diagnostics.push(Diagnostic::error(codes::UNKNOWN_BLOCK, "an error"));
    let folded = text(&plan, Style::plain().compact(true));
    for line in [
        "    MIG2107  30 warnings: FULLTEXT indexes\n",
        "  MIG1216  1 warning: the spec contains a password\n",
        "an error",
        "no right",
        "Without -compact-warnings",
    ] {
        assert!(folded.contains(line), "{line}\n{folded}");
    }
    assert!(!folded.contains("shop.t") && folded.lines().all(|line| line.chars().count() <= 80), "{folded}");
    // Of warnings that are a gate's alone there is no second heading.
    plan.body.diagnostics.clear();
    let folded = text(&plan, Style::plain().compact(true));
    assert!(folded.contains("\n\nWithout -compact-warnings") && !folded.contains("Warnings\n"), "{folded}");
    let whole = text(&plan, Style::plain());
    assert!(whole.contains("shop.t29") && !whole.contains("-compact"), "{whole}");
}
