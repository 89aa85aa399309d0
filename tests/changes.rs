//! Changes by hand: what is renamed, forgotten, or put in the place of the state, with the program itself and real servers. A
//! rename moves no row a second time, and every edit of the state can be undone. The judges are SQL on both servers, the
//! ledger on the target, and the files of the folder.
//!
//! `MIG_TABLES=1000 cargo test --test changes renamed` renames a migration of so many tables.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use support::journey::Journey;
use support::{Bed, program};

const TABLES: [&str; 5] = [
    "ALTER DATABASE COLLATE utf8mb4_bin",
    "CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(20))",
    "INSERT INTO a VALUES (1, 'one'), (2, NULL)",
    "CREATE TABLE b (id INT PRIMARY KEY, a INT, FOREIGN KEY (a) REFERENCES a (id))",
    "INSERT INTO b VALUES (1, 1)",
];

async fn journey(name: &str, statements: &[&str]) -> Journey {
    let schema = Bed::mysql().schema(&format!("changes_{name}"), statements).await;
    Journey::new(Bed::mysql(), vec![schema], name, "", "").await
}

/// Edits the spec's text.
fn edit(journey: &Journey, changes: &[(&str, &str)]) {
    let path = journey.path("journey.mig.hcl");
    let mut text = std::fs::read_to_string(&path).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}\n{text}");
        text = text.replace(from, to);
    }
    std::fs::write(path, text).unwrap();
}

fn append(journey: &Journey, block: &str) {
    let path = journey.path("journey.mig.hcl");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, format!("{text}\n{block}\n")).unwrap();
}

const M_TO_SHOP: (&str, &str) = ("migration \"m\"", "migration \"shop\"");

fn moved(from: &str, to: &str) -> String {
    format!("moved {{\n  from = {from}\n  to   = {to}\n}}")
}

/// What a rename must not change: what the target has of this lineage, and the files of the dump.
async fn outside(journey: &Journey) -> (Vec<Vec<String>>, Vec<Vec<String>>, BTreeMap<String, Vec<u8>>) {
    let ledger = journey.ledger();
    let objects = format!("SELECT kind, name, state, epoch, lineage FROM {ledger}.objects ORDER BY kind, name");
    let batches = format!("SELECT * FROM {ledger}.batches ORDER BY tbl, epoch, chunk, from_row");
    let mut files = BTreeMap::new();
    files_of(&journey.path(".mig/work"), &mut files);
    (journey.target.rows(&objects).await, journey.target.rows(&batches).await, files)
}

fn files_of(dir: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files_of(&path, found);
        } else {
            found.insert(path.display().to_string(), std::fs::read(&path).unwrap());
        }
    }
}

/// Plans: nothing is to be done.
fn is_settled(journey: &Journey) -> String {
    let said = journey.run(&["plan", "-detailed-exitcode"], 0);
    assert!(said.contains("No changes."), "{said}");
    said
}

/// The addresses of the state.
fn listed(journey: &Journey) -> String {
    journey.run(&["state", "list"], 0)
}

fn pulled(journey: &Journey) -> Vec<u8> {
    program::command(journey.folder(), &["state", "pull"]).output().unwrap().stdout
}

/// How many tables a migration has that is renamed.
fn tables() -> usize {
    std::env::var("MIG_TABLES").map_or(20, |number| number.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_migration_of_many_tables_is_not_changed() {
    let mut statements = vec!["ALTER DATABASE COLLATE utf8mb4_bin".to_owned()];
    for number in 0..tables() {
        statements.push(format!("CREATE TABLE t{number} (id INT PRIMARY KEY, v INT)"));
        statements.push(format!("INSERT INTO t{number} VALUES (1, {number}), (2, 7)"));
    }
    let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
    let journey = journey("many", &statements).await;
    journey.run(&["apply", "-auto-approve"], 0);
    let before = outside(&journey).await;

    edit(&journey, &[M_TO_SHOP]);
    append(&journey, &moved("migration.m", "migration.shop"));
    let said = is_settled(&journey);
    assert!(program::flat(&said).contains("migration.m becomes migration.shop"), "{said}");
    assert!(!listed(&journey).contains("migration.shop"), "a plan records nothing");
    journey.run(&["report"], 0);
    assert_eq!(journey.run(&["output", "shop.certificate.verdict"], 0), "equal\n");
    let said = journey.run(&["apply", "-auto-approve"], 0);
    assert!(program::flat(&said).contains("Renamed in the state: migration.m becomes migration.shop"), "{said}");
    assert!(!listed(&journey).contains("migration.m."), "{}", listed(&journey));
    let said = is_settled(&journey);
    assert!(!said.contains("becomes"), "it was recorded: {said}");
    assert_eq!(outside(&journey).await, before);
    journey.run(&["verify"], 0);
    journey.run(&["report"], 0);
    // The block is of no use any more.
    edit(&journey, &[(&moved("migration.m", "migration.shop"), "")]);
    is_settled(&journey);
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_view_of_a_plan_says_a_rename() {
    let journey = journey("views", &TABLES).await;
    journey.run(&["apply", "-auto-approve"], 0);
    edit(&journey, &[M_TO_SHOP]);
    append(&journey, &moved("migration.m", "migration.shop"));
    journey.run(&["plan", "-out=plan", "-html=page.html"], 0);
    let words = "migration.m becomes migration.shop";
    for arguments in [
        &["show", "plan"] as &[&str],
        &["show", "-markdown", "plan"],
        &["graph", "plan"],
        &["graph", "-format=mermaid", "plan"],
    ] {
        let said = journey.run(arguments, 0);
        assert!(program::flat(&said).contains(words), "{arguments:?}: {said}");
    }
    assert!(std::fs::read_to_string(journey.path("page.html")).unwrap().contains(words));
    let plan = journey.json(&["show", "-json", "plan"], 0);
    assert_eq!(plan["body"]["moves"], serde_json::json!([{"from": "migration.m", "to": "migration.shop"}]));
    // The plan that was reviewed is the one that is applied.
    journey.run(&["apply", "plan"], 0);
    assert!(listed(&journey).contains("migration.shop.report"));
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_and_runners_that_are_renamed_are_not_changed() {
    let journey = journey("servers", &TABLES).await;
    append(&journey, "runner \"local\" \"here\" {\n  workdir = \".mig/work\"\n}");
    edit(&journey, &[("  tables = ", "  runner = runner.local.here\n  tables = ")]);
    journey.run(&["apply", "-auto-approve"], 0);
    let before = outside(&journey).await;
    edit(
        &journey,
        &[
            M_TO_SHOP,
            ("source \"mysql\" \"from\"", "source \"mysql\" \"old\""),
            ("source.mysql.from", "source.mysql.old"),
            ("target \"tidb\" \"to\"", "target \"tidb\" \"new\""),
            ("target.tidb.to", "target.tidb.new"),
            ("runner \"local\" \"here\"", "runner \"local\" \"mover\""),
            ("runner.local.here", "runner.local.mover"),
        ],
    );
    for (from, to) in [
        ("migration.m", "migration.shop"),
        ("source.mysql.from", "source.mysql.old"),
        ("target.tidb.to", "target.tidb.new"),
        ("runner.local.here", "runner.local.mover"),
    ] {
        append(&journey, &moved(from, to));
    }
    is_settled(&journey);
    journey.run(&["apply", "-auto-approve"], 0);
    is_settled(&journey);
    assert_eq!(outside(&journey).await, before);
    let said = listed(&journey);
    for gone in ["migration.m.", "source.mysql.from", "target.tidb.to", "runner.local.here"] {
        assert!(!said.contains(gone), "{gone}: {said}");
    }
    journey.run(&["verify"], 0);
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_killed_goes_on_under_another_name_and_no_row_is_read_or_loaded_twice() {
    let rows = "INSERT INTO a WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < 60000) SELECT n, REPEAT('x', 20) FROM s";
    let statements = [
        "ALTER DATABASE COLLATE utf8mb4_bin",
        "CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(20))",
        "SET SESSION cte_max_recursion_depth = 100000",
        rows,
    ];
    let journey = journey("killed", &statements).await;
    edit(
        &journey,
        &[(
            "migration \"m\" {",
            "migration \"m\" {\n  dump {\n    file_size = \"64KiB\"\n    chunk_bytes = \"32KiB\"\n  }\n  load {\n    batch_bytes = \"4KiB\"\n    threads = 1\n  }",
        )],
    );
    let mut child = program::command(journey.folder(), &["apply", "-auto-approve"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let ledger = journey.ledger().to_owned();
    let count = format!("SELECT COUNT(*) FROM {ledger}.batches");
    let began = std::time::Instant::now();
    loop {
        let there = journey.target.rows(&format!("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '{ledger}' AND table_name = 'batches'")).await;
        if there == [["1"]] && journey.target.rows(&count).await[0][0].parse::<u64>().unwrap() > 20 {
            break;
        }
        assert!(began.elapsed().as_secs() < 60 && child.try_wait().unwrap().is_none());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let batches = format!("SELECT * FROM {ledger}.batches ORDER BY epoch, chunk, from_row");
    let (_, before, files) = outside(&journey).await;
    assert!(!before.is_empty());

    edit(&journey, &[M_TO_SHOP]);
    append(&journey, &moved("migration.m", "migration.shop"));
    let (code, plan, said) = journey.planned();
    assert_eq!(code, 0, "{said}");
    let actions: Vec<&Value> =
        plan["body"]["changes"].as_array().unwrap().iter().map(|change| &change["action"]).collect();
    assert!(!actions.iter().any(|action| *action == "replace" || *action == "forget"), "{actions:?}");
    journey.run(&["apply", "-auto-approve"], 0);
    // What was loaded before is what the ledger still has, row for row, in the same epoch.
    let after = journey.target.rows(&batches).await;
    assert!(before.iter().all(|batch| after.contains(batch)), "{before:?}\n{after:?}");
    let of = journey.target.rows(&format!("SELECT COUNT(*), COUNT(DISTINCT id) FROM {}.a", journey.schema())).await;
    assert_eq!(of, [["60000", "60000"]]);
    // Files that were whole are the same files.
    let (.., now) = outside(&journey).await;
    let whole = files.iter().filter(|(name, _)| name.ends_with(".sql"));
    assert!(whole.filter(|(name, bytes)| now.get(*name) == Some(bytes)).count() > 3, "{:?}", now.keys());
    is_settled(&journey);
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_both_sides_have_and_a_first_name_are_refused() {
    let journey = journey("taken", &TABLES).await;
    journey.run(&["apply", "-auto-approve"], 0);
    edit(&journey, &[M_TO_SHOP]);
    append(&journey, &moved("migration.m", "migration.shop"));
    journey.run(&["apply", "-auto-approve"], 0);
    // A second migration by the first name of the other one would work in its folder.
    let other =
        "migration \"m\" {\n  source = source.mysql.from\n  target = target.tidb.to\n  tables = [\"nothing.*\"]\n}";
    edit(&journey, &[(&moved("migration.m", "migration.shop"), other)]);
    let (code, said) = journey.said(&["plan"]);
    assert!(code == 5 && said.contains("MIG4032"), "{code} {said}");
    // Records at both addresses: the plan is refused, and nothing is renamed.
    edit(&journey, &[(other, ""), ("migration \"shop\"", "migration \"third\"")]);
    append(&journey, &moved("migration.shop", "migration.third"));
    let text = String::from_utf8(pulled(&journey)).unwrap();
    let mut state: Value = serde_json::from_str(&text).unwrap();
    let report = state["steps"]["migration.shop.report"].clone();
    state["steps"]["migration.third.report"] = report;
    std::fs::write(journey.path("edited"), state.to_string()).unwrap();
    journey.run(&["state", "push", "edited"], 0);
    let (code, said) = journey.said(&["plan"]);
    assert!(code == 5 && said.contains("MIG4030"), "{code} {said}");
    journey.run(&["apply", "-auto-approve"], 5);
    assert!(listed(&journey).contains("migration.shop.report"));
    journey.run(&["state", "rm", "migration.third"], 0);
    is_settled(&journey);
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_removed_names_leaves_the_state_and_nothing_else_changes() {
    let journey = journey("removed", &TABLES).await;
    journey.run(&["apply", "-auto-approve"], 0);
    let before = outside(&journey).await;
    let text = std::fs::read_to_string(journey.path("journey.mig.hcl")).unwrap();
    let at = text.find("migration \"m\"").unwrap();
    std::fs::write(journey.path("journey.mig.hcl"), format!("{}removed {{\n  from = migration.m\n}}\n", &text[..at]))
        .unwrap();
    let said = journey.run(&["plan", "-detailed-exitcode"], 2);
    assert!(program::flat(&said).contains("a `removed` block names it; what it made stays"), "{said}");
    journey.run(&["apply", "-auto-approve"], 0);
    assert!(!listed(&journey).contains("migration.m"), "{}", listed(&journey));
    assert_eq!(outside(&journey).await, before);
    is_settled(&journey);
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_edit_of_the_state_is_undone_by_a_push_of_what_was_pulled_before() {
    let journey = journey("undo", &TABLES).await;
    journey.run(&["apply", "-auto-approve"], 0);
    let before = outside(&journey).await;
    let copy = journey.path("copy");
    // Each of them is tried first, and changes nothing then.
    for edit in [
        &["state", "mv", "migration.m", "migration.shop"] as &[&str],
        &["state", "mv", "source.mysql.from", "source.mysql.old"],
        &["state", "rm", "migration.m"],
        &["state", "rm", "source.mysql.from", "target.tidb.to"],
        &["state", "push", "copy"],
    ] {
        let state = pulled(&journey);
        std::fs::write(&copy, &state).unwrap();
        let said = journey.run(&[edit, &["-dry-run"]].concat(), 0);
        assert!(said.contains("Nothing was changed"), "{said}");
        assert_eq!(pulled(&journey), state, "{edit:?}");
        journey.run(edit, 0);
        assert_ne!(pulled(&journey), state, "{edit:?}");
        journey.run(&["state", "push", "-force", "copy"], 0);
        is_settled(&journey);
        assert_eq!(outside(&journey).await, before, "{edit:?}");
    }
    // Those that only look.
    let state = pulled(&journey);
    journey.run(&["state", "show", "migration.m.report"], 0);
    listed(&journey);
    assert_eq!(pulled(&journey), state);
    journey.run(&["verify"], 0);
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_is_renamed_by_hand_is_found_under_its_name_in_the_spec() {
    let journey = journey("by_hand", &TABLES).await;
    journey.run(&["apply", "-auto-approve"], 0);
    let before = outside(&journey).await;
    journey.run(&["state", "mv", "migration.m", "migration.shop"], 0);
    edit(&journey, &[M_TO_SHOP]);
    is_settled(&journey);
    assert_eq!(outside(&journey).await, before);
    journey.run(&["report"], 0);
    for (arguments, code) in [
        (["state", "mv", "migration.m", "migration.x"], "MIG1017"),
        (["state", "mv", "migration.shop", "source.mysql.from"], "MIG1250"),
        (["state", "mv", "migration.shop", "migration.shop"], "MIG1250"),
        (["state", "mv", "migration.shop.report", "migration.x.report"], "MIG1250"),
        (["state", "mv", "nonsense", "migration.x"], "MIG1010"),
    ] {
        let (exit, said) = journey.said(&arguments);
        assert!(exit == 1 && said.contains(code), "{arguments:?}: {said}");
    }
    // A destroy finds what runs made under the first name.
    let said = journey.run(&["destroy", "-auto-approve"], 0);
    assert!(!journey.path(".mig/work").exists(), "{said}");
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_takes_what_is_gone_out_of_the_state_and_touches_nothing() {
    let journey = journey("refresh", &TABLES).await;
    journey.run(&["apply", "-auto-approve"], 0);
    let schema = journey.schema().to_owned();
    let none = journey.run(&["plan", "-refresh-only", "-detailed-exitcode"], 0);
    assert!(program::flat(&none).contains("Every table and view that is recorded is on the target"), "{none}");

    journey
        .target
        .run(&[&format!("DROP TABLE {schema}.b"), &format!("ALTER TABLE {schema}.a ADD COLUMN more INT")])
        .await;
    let before = outside(&journey).await;
    let state = pulled(&journey);
    let said = program::flat(&journey.run(&["plan", "-refresh-only", "-detailed-exitcode", "-out=plan"], 2));
    assert!(said.contains("Refresh plan") && said.contains("1 to forget, 0 to destroy"), "{said}");
    assert!(said.contains("0 to create, 0 to re-run, 0 to replace") && said.contains("gone from the target"), "{said}");
    assert!(
        said.contains("Differs from the record") && said.contains(&format!(r#"migration.m.table["{schema}.a"]"#)),
        "{said}"
    );
    for arguments in [&["show", "-markdown", "plan"] as &[&str], &["show", "-json", "plan"]] {
        let said = journey.run(arguments, 0);
        assert!(said.to_lowercase().contains("differs"), "{said}");
    }
    assert_eq!(pulled(&journey), state, "a plan changes nothing");
    journey.run(&["apply", "plan"], 0);
    let list = listed(&journey);
    assert!(
        !list.contains(&format!(r#"table["{schema}.b"]"#)) && list.contains(&format!(r#"table["{schema}.a"]"#)),
        "{list}"
    );
    assert_eq!(outside(&journey).await, before);
    assert_eq!(
        journey
            .target
            .rows(&format!("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '{schema}'"))
            .await,
        [["1"]]
    );
    // What differs is still told, and the state is up to date.
    let said = program::flat(&journey.run(&["apply", "-refresh-only", "-auto-approve"], 0));
    assert!(said.contains("Differs from the record"), "{said}");

    // A whole plan sets all of it right again.
    journey.target.run(&[&format!("ALTER TABLE {schema}.a DROP COLUMN more")]).await;
    journey.apply();
    assert_eq!(journey.target.rows(&format!("SELECT COUNT(*) FROM {schema}.b")).await, [["1"]]);
    is_settled(&journey);

    // A user who may not see the schema: nothing of it is gone.
    let blind = format!("mig_blind_{}", std::process::id());
    let ledger = journey.ledger().to_owned();
    journey.target.run(&[&format!("CREATE USER {blind}"), &format!("GRANT ALL ON {ledger}.* TO {blind}")]).await;
    let state = pulled(&journey);
    let spec = std::fs::read_to_string(journey.path("journey.mig.hcl")).unwrap();
    let (source, target) = spec.split_once("target \"").unwrap();
    let seen_by = |user: &str| format!("{source}target \"{}", target.replacen("\"root\"", &format!("{user:?}"), 1));
    std::fs::write(journey.path("journey.mig.hcl"), seen_by(&blind)).unwrap();
    let (code, said) = journey.said(&["apply", "-refresh-only", "-auto-approve"]);
    assert!(code == 5 && program::flat(&said).contains("may be out of the user's sight"), "{code} {said}");
    assert_eq!(pulled(&journey), state);
    // A user who may see the schema, but not the ledger: which server this is, is not known.
    let rights = [format!("REVOKE ALL ON {ledger}.* FROM {blind}"), format!("GRANT ALL ON {schema}.* TO {blind}")];
    journey.target.run(&rights.each_ref().map(String::as_str)).await;
    let (code, said) = journey.said(&["verify"]);
    let unknown = format!("{blind} sees no ledger of mig on target.tidb.to");
    assert!(code == 0 && program::flat(&said).contains(&unknown), "{code} {said}");
    let (code, said) = journey.said(&["plan"]);
    assert!(
        code == 5 && program::flat(&said).contains("the user of this block sees none at this address"),
        "{code} {said}"
    );
    std::fs::write(journey.path("journey.mig.hcl"), spec).unwrap();
    journey.target.run(&[&format!("DROP USER {blind}")]).await;

    // A plan that the world has left behind, and a target that does not answer.
    journey.target.run(&[&format!("RENAME TABLE {schema}.b TO {schema}.kept")]).await;
    journey.run(&["plan", "-refresh-only", "-out=plan"], 0);
    journey.target.run(&[&format!("RENAME TABLE {schema}.kept TO {schema}.b")]).await;
    let (code, said) = journey.said(&["apply", "plan"]);
    assert_eq!(code, 3, "{said}");
    let port = journey.target.config().port.to_string();
    edit(&journey, &[(&port, "1")]);
    let (code, said) = journey.said(&["plan", "-refresh-only"]);
    assert!(code == 5 && said.contains("is not known, so nothing of it can be recorded"), "{code} {said}");
    journey.end().await;
}
