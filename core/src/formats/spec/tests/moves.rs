//! `moved` and `removed`: what they may name, and what they ask of the other blocks.

use super::*;

/// The faults of a text with one migration `c` beside it.
fn check_with(text: &str, expected: &[(&str, &str, &str)]) {
    let migration = "migration \"c\" {\n  source = source.mysql.shop\n  target = target.tidb.cloud\n}\n";
    check(&format!("{text}{migration}"), expected);
}

#[test]
fn moved_and_removed_say_what_they_name() {
    let text = "moved {\n  from = migration.a\n  to   = migration.c\n}\nmoved {\n  from = source.mysql.old\n  to = source.mysql.shop\n}\n\
                removed {\n  from = runner.ec2.mover\n}\n";
    let migration = "migration \"c\" {\n  source = source.mysql.shop\n  target = target.tidb.cloud\n}\n";
    let (spec, found) = read(&[&format!("{text}{migration}"), SERVERS]);
    let spec = spec.unwrap_or_else(|| panic!("{found:#?}"));
    let moved: Vec<String> = spec.moved.iter().map(|one| format!("{} {}", one.of.from, one.of.to)).collect();
    assert_eq!(moved, ["migration.a migration.c", "source.mysql.old source.mysql.shop"]);
    assert_eq!(spec.removed.iter().map(|one| one.block.to_string()).collect::<Vec<_>>(), ["runner.ec2.mover"]);
    let (bare, _) = read(&[migration, SERVERS]);
    assert_ne!(bare.unwrap().digest_form(), spec.digest_form(), "a plan is bound to them");
}

#[test]
fn a_moved_or_removed_block_that_cannot_be_meant_is_a_fault_with_its_place() {
    let moved = |from: &str, to: &str| format!("moved {{\n  from = {from}\n  to = {to}\n}}\n");
    for (text, code, at, words) in [
        (moved("migration.a", "migration.d"), "MIG1251", "1:1", "which is not a block of the spec"),
        (moved("migration.c", "migration.c"), "MIG1250", "3:8", "the two addresses are one"),
        (moved("source.mysql.shop", "source.mysql.new"), "MIG1251", "1:1", "is still a block of the spec"),
        (moved("migration.a", "source.mysql.shop"), "MIG1250", "3:8", "not of one kind"),
        (moved("runner.ec2.a", "runner.ec2.b"), "MIG1250", "3:8", "in their tags"),
        (moved("migration.a.report", "migration.c.report"), "MIG1250", "3:8", "not that of a block"),
        (moved("migration.a[\"x\"]", "migration.c"), "MIG1226", "2:10", "`from` is not the address of a block"),
        (moved("\"migration.a\"", "migration.c"), "MIG1226", "2:10", "without quotes"),
        (moved("a", "migration.c"), "MIG1226", "2:10", "`from` is not the address of a block"),
        ("moved {\n  from = migration.a\n}\n".into(), "MIG1107", "1:1", "`to` is missing"),
        ("moved \"x\" {\n}\n".into(), "MIG1105", "1:1", "takes 0 labels"),
        ("removed {\n  from = migration.c\n}\n".into(), "MIG1251", "1:1", "is still a block of the spec"),
        ("removed {\n  from = migration.a.report\n}\n".into(), "MIG1250", "2:10", "not the address of a block"),
        (
            moved("migration.a", "migration.c") + &moved("migration.b", "migration.c"),
            "MIG1251",
            "5:1",
            "two blocks are moved to",
        ),
    ] {
        check_with(&text, &[(code, at, words)]);
    }
    let twice = moved("migration.a", "migration.c")
        + &moved("migration.a", "migration.b")
        + &moved("migration.b", "migration.z");
    check_with(&(twice + "removed {\n  from = migration.z\n}\n"), &[("MIG1251", "5:1", "is moved twice")]);
    let circle = moved("migration.a", "migration.b") + &moved("migration.b", "migration.a");
    check_with(&circle, &[("MIG1251", "1:1", "in a circle"), ("MIG1251", "5:1", "in a circle")]);
    // One that leads into a circle of others ends, too.
    let into = moved("migration.x", "migration.b") + &circle.replace("migration.b\n  to", "migration.d\n  to");
    assert!(read(&[&into, SERVERS]).1.iter().any(|found| found.code == codes::MOVE_NOT_AS_IN_SPEC));
}

#[test]
fn a_chain_of_moves_may_end_in_a_block_or_in_a_removed_one() {
    let moved = |from: &str, to: &str| format!("moved {{\n  from = {from}\n  to = {to}\n}}\n");
    let chain = moved("migration.a", "migration.b");
    check_with(&(chain.clone() + &moved("migration.b", "migration.c")), &[]);
    check_with(&(moved("migration.b", "migration.c") + &chain), &[]);
    check_with(&(chain.clone() + "removed {\n  from = migration.b\n}\n"), &[]);
    check_with(&chain, &[("MIG1251", "1:1", "which is not a block of the spec")]);
}
