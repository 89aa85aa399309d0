//! Renames over states and specs that are built by hand.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::formats::spec::fixture::spec_of;
use crate::formats::state::{OpenRun, Progress, Status};
use crate::words::digest::Digest;

const SERVERS: &str = "
source \"mysql\" \"s\" {
  host = \"s\"
  username = \"u\"
}
target \"tidb\" \"t\" {
  host = \"t\"
  username = \"u\"
}
runner \"ssh\" \"far\" {
  host = \"h\"
  user = \"u\"
}
";

fn migration(name: &str, rest: &str) -> String {
    format!(
        "migration \"{name}\" {{\n  source = source.mysql.s\n  target = target.tidb.t\n  tables = [\"{name}.*\"]\n{rest}}}\n"
    )
}

fn spec(rest: &str) -> Spec {
    spec_of(&format!("{SERVERS}{rest}"), &[])
}

fn moved_block(from: &str, to: &str) -> String {
    format!("moved {{\n  from = {from}\n  to = {to}\n}}\n")
}

fn addr(text: &str) -> StepAddr {
    StepAddr::parse(text).unwrap()
}

/// Of each step: what it depends on.
fn state(steps: &[(&str, &[&str])]) -> State {
    let mut state = State::new("l".into());
    for (step, depends_on) in steps {
        let addr = addr(step);
        let record = StepRecord {
            kind: addr.kind().unwrap(),
            inputs_digest: Digest::of_bytes(step.as_bytes()),
            status: Status::Complete,
            outputs: crate::formats::json_text::JsonText::none(),
            depends_on: depends_on.iter().map(|addr| StepAddr::parse(addr).unwrap()).collect(),
            started: String::new(),
            finished: None,
            progress: Progress::default(),
        };
        state.steps.insert(addr, record);
    }
    state
}

fn steps(state: &State) -> Vec<String> {
    state
        .steps
        .iter()
        .flat_map(|(addr, record)| [addr].into_iter().chain(&record.depends_on).map(ToString::to_string))
        .collect()
}

#[test]
fn a_rename_changes_every_address_of_the_block_and_no_other() {
    let mut before = state(&[
        ("source.mysql.s", &[]),
        (r#"migration.a.load["a.t"]"#, &[r#"migration.a.dump["a.t"]"#, "source.mysql.s"]),
        ("migration.ab.report", &["migration.a.report"]),
        ("source.dump.a", &[]),
    ]);
    let mut run = OpenRun::new(Digest::of_bytes(b"p"), before.digest());
    run.again.extend([addr("migration.a.report"), addr("migration.ab.report")]);
    before.open_run = Some(run);
    let mut after = before.clone();
    rename(&mut after, &Move::new(addr("migration.a"), addr("migration.z")).unwrap());
    let expected = [
        "migration.ab.report",
        "migration.z.report",
        r#"migration.z.load["a.t"]"#,
        r#"migration.z.dump["a.t"]"#,
        "source.mysql.s",
        "source.dump.z",
        "source.mysql.s",
    ];
    assert_eq!(steps(&after), expected);
    let again: Vec<String> = after.open_run.as_ref().unwrap().again.iter().map(ToString::to_string).collect();
    assert_eq!(again, ["migration.ab.report", "migration.z.report"]);
    assert_eq!(after.first_names.of("z"), "a");
    // Records say the same as before, and back again it is the same state.
    rename(&mut after, &Move::new(addr("migration.z"), addr("migration.a")).unwrap());
    assert_eq!(after, before);
}

#[test]
fn moved_blocks_are_followed_in_any_order_and_are_silent_where_they_say_nothing() {
    // Blocks of the spec, what is recorded; what is recorded then, and the renames that the plan names.
    let check = |blocks: &[(&str, &str)], recorded: &[(&str, &[&str])], expected: &[&str], told: &[&str]| {
        let text: String = blocks.iter().map(|(from, to)| moved_block(from, to)).collect();
        let spec = spec(&(migration("c", "") + &text));
        let state = moved(state(recorded), &spec);
        assert_eq!(steps(&state), expected, "{blocks:?}");
        let moves: Vec<String> = state.moves.iter().map(|one| format!("{} {}", one.from, one.to)).collect();
        assert_eq!(moves, told, "{blocks:?}");
        assert_eq!(conflicts(&state, &spec), [], "{blocks:?}");
        // It is a fixed point: a second plan has nothing to rename.
        assert_eq!(moved(State { moves: Vec::new(), ..state.clone() }, &spec).moves, []);
    };
    let (a, b, c) = ("migration.a", "migration.b", "migration.c");
    let of_a: &[(&str, &[&str])] = &[("migration.a.report", &[])];
    let of_b: &[(&str, &[&str])] = &[("migration.b.report", &[])];
    let of_c: &[(&str, &[&str])] = &[("migration.c.report", &[])];
    let then: &[&str] = &["migration.c.report"];
    check(&[(a, c)], of_a, then, &["migration.a migration.c"]);
    check(&[(a, c)], of_c, then, &[]);
    check(&[(a, c)], &[], &[], &[]);
    check(&[(a, b), (b, c)], of_a, then, &["migration.a migration.c"]);
    check(&[(b, c), (a, b)], of_a, then, &["migration.a migration.c"]);
    check(&[(a, b), (b, c)], of_b, then, &["migration.b migration.c"]);
    check(
        &[("source.mysql.old", "source.mysql.s"), (a, c)],
        &[("migration.a.report", &["source.mysql.old"]), ("source.mysql.old", &[])],
        &["migration.c.report", "source.mysql.s", "source.mysql.s"],
        &["source.mysql.old source.mysql.s", "migration.a migration.c"],
    );
}

#[test]
fn a_rename_that_would_lose_records_or_meet_a_worker_is_refused_and_nothing_is_renamed() {
    let check = |blocks: &str, open: bool, recorded: &[(&str, &[&str])], code: Option<&str>| {
        let spec = spec(blocks);
        let mut before = state(recorded);
        before.open_run = open.then(|| OpenRun::new(Digest::of_bytes(b"p"), before.digest()));
        let found = conflicts(&before, &spec);
        assert_eq!(found.iter().map(|one| one.code.to_string()).collect::<Vec<_>>(), Vec::from_iter(code), "{blocks}");
        let after = moved(before.clone(), &spec);
        assert_eq!(after == before, code.is_some(), "{blocks}");
    };
    let (here, far) = (migration("b", ""), migration("b", "  runner = runner.ssh.far\n"));
    let block = moved_block("migration.a", "migration.b");
    let a: (&str, &[&str]) = ("migration.a.report", &[]);
    let b: (&str, &[&str]) = ("migration.b.report", &[]);
    check(&format!("{here}{block}"), false, &[a], None);
    check(&format!("{here}{block}"), false, &[a, b], Some("MIG4030"));
    check(&format!("{here}{block}"), true, &[a], None);
    check(&format!("{far}{block}"), false, &[a], None);
    check(&format!("{far}{block}"), true, &[a], Some("MIG4031"));
    check(&format!("{here}{block}"), true, &[a, ("runner.ec2.x.ready", &[])], Some("MIG4031"));
    // The first of two could be followed; with the second one, none is.
    let servers = moved_block("source.mysql.old", "source.mysql.s");
    check(&format!("{here}{servers}{block}"), false, &[a, b, ("source.mysql.old", &[])], Some("MIG4030"));
}

#[test]
fn a_new_migration_does_not_get_the_name_that_another_one_had_at_first() {
    let check = |recorded: &[&str], expected: usize| {
        let spec = spec(&(migration("a", "") + &migration("b", "")));
        let recorded: Vec<(&str, &[&str])> = recorded.iter().map(|step| (*step, &[] as &[&str])).collect();
        let mut state = state(&recorded);
        state.first_names.rename("a", "b");
        assert_eq!(taken_names(&state, &spec).len(), expected, "{recorded:?}");
    };
    check(&["migration.b.report"], 1);
    check(&["migration.b.report", "migration.a.report"], 0);
}

#[test]
fn a_first_name_is_forgotten_with_the_last_step_of_its_migration() {
    let mut state = state(&[("migration.b.report", &[]), (r#"migration.b.dump["s.t"]"#, &[])]);
    state.first_names.rename("a", "b");
    state.forget(&addr("migration.b.report"));
    assert_eq!(state.first_names.keeper("a"), Some("b"));
    state.forget(&addr(r#"migration.b.dump["s.t"]"#));
    assert!(state.first_names.is_empty());
}
