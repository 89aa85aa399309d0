//! `mig import ADDR`: tables that somebody else has moved become the state's, with the program itself and real servers. The
//! judges are SQL on both servers and the ledger on the target; whoever moved them is played by plain SQL.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::journey::Journey;
use support::{Bed, program};

const SOURCE: [&str; 6] = [
    "ALTER DATABASE COLLATE utf8mb4_bin",
    "CREATE TABLE a (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(20), d DECIMAL(8,2))",
    "INSERT INTO a VALUES (1, 'one', 1.10), (2, NULL, -3), (7, '', NULL)",
    "CREATE TABLE b (id INT PRIMARY KEY, a INT, KEY a (a), CONSTRAINT b_a FOREIGN KEY (a) REFERENCES a (id))",
    "INSERT INTO b VALUES (1, 1)",
    "CREATE TABLE c (id INT PRIMARY KEY)",
];

/// A source with these tables, and a target on which the named ones were made and filled by somebody else.
async fn moved_by_others(name: &str, tables: &[&str]) -> Journey {
    let schema = Bed::mysql().schema(&format!("import_{name}"), &SOURCE).await;
    let journey = Journey::new(Bed::mysql(), vec![schema], name, "", "").await;
    let schema = journey.schema();
    let create = format!("CREATE DATABASE {schema} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
    journey.target.run(&[&create]).await;
    let to = |statement: &str| {
        ["a", "b", "c"].iter().fold(statement.to_owned(), |text, table| {
            text.replace(&format!("TABLE {table} "), &format!("TABLE {schema}.{table} "))
                .replace(&format!("INTO {table} "), &format!("INTO {schema}.{table} "))
                .replace(&format!("REFERENCES {table} "), &format!("REFERENCES {schema}.{table} "))
        })
    };
    for statement in SOURCE.iter().skip(1) {
        let is_of =
            |table: &&str| statement.contains(&format!(" {table} (")) || statement.contains(&format!("INTO {table} "));
        let name = statement.split_whitespace().nth(2).unwrap();
        if tables.contains(&name) && is_of(&name) {
            journey.target.run(&[&to(statement)]).await;
        }
    }
    journey
}

fn addr(journey: &Journey, table: &str) -> String {
    format!("migration.m.table[\"{}.{table}\"]", journey.schema())
}

async fn objects(journey: &Journey) -> Vec<Vec<String>> {
    let sql = format!("SELECT name, state FROM {}.objects WHERE kind = 'table' ORDER BY name", journey.ledger());
    journey.target.rows(&sql).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_others_moved_are_taken_and_no_row_of_them_moves_again() {
    let journey = moved_by_others("all", &["a", "b", "c"]).await;
    let refused = journey.run(&["plan"], 5);
    assert!(refused.contains("MIG2043") || refused.contains("is already on the target"), "{refused}");
    let counted = "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ";
    let ledgers = format!("{counted}'{}'", journey.ledger());

    let said = journey.run(&["import", "-dry-run", "migration.m"], 0);
    assert!(program::flat(&said).contains("Would import 3 tables with 4 rows"), "{said}");
    assert_eq!(journey.target.rows(&ledgers).await, [["0"]], "a dry run wrote the ledger");
    let said = journey.run(&["import", &addr(&journey, "a")], 0);
    assert!(program::flat(&said).contains("Imported 1 table with 3 rows: no row was moved."), "{said}");
    let said = journey.run(&["import", "migration.m"], 0);
    assert!(program::flat(&said).contains("Imported 2 tables with 1 row"), "{said}");
    assert!(journey.run(&["import", "migration.m"], 0).contains("Nothing to import"));
    let held: Vec<String> = objects(&journey).await.into_iter().map(|mut row| row.remove(1)).collect();
    assert_eq!(held, ["adopted"; 3]);

    // What is left to do: the schema's record, the certificate. No row moves.
    let (exit, plan, text) = journey.planned();
    assert_eq!(exit, 0, "{text}");
    let moves = |kind: &str| {
        plan["body"]["changes"].as_array().unwrap().iter().any(|c| c["addr"].as_str().unwrap().contains(kind))
    };
    assert!(!moves(".table[") && !moves(".dump[") && !moves(".load[") && !moves(".verify["), "{text}");
    let said = journey.run(&["apply", "-auto-approve"], 0);
    assert!(program::flat(&said).contains("where mig import has found them"), "{said}");
    journey.run(&["plan", "-detailed-exitcode"], 0);
    let report = journey.run(&["report"], 0);
    assert!(report.contains("Found on the target by mig import"), "{report}");
    journey.run(&["verify"], 0);

    // A table that is new at the source is moved beside them, and the gate knows the others as its own.
    let new = format!("CREATE TABLE {}.d (id INT PRIMARY KEY)", journey.schema());
    let row = format!("INSERT INTO {}.d VALUES (5)", journey.schema());
    journey.source.run(&[&new, &row]).await;
    journey.run(&["apply", "-auto-approve"], 0);
    journey.run(&["plan", "-detailed-exitcode"], 0);

    // Nothing of them is dropped: mig did not make them.
    journey.run(&["destroy", "-auto-approve", "-drop-target-data", "-confirm=127.0.0.1"], 5);
    let rows = format!("SELECT COUNT(*) FROM {}.a", journey.schema());
    assert_eq!(journey.target.rows(&rows).await, [["3"]]);
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_not_the_same_is_not_taken() {
    let journey = moved_by_others("other", &["a", "b"]).await;
    let schema = journey.schema().to_owned();
    let nothing = |journey: &Journey| assert!(!journey.path("mig.migstate").exists(), "something was recorded");
    journey.target.run(&[&format!("UPDATE {schema}.a SET v = 'ONE' WHERE id = 1")]).await;
    let said = journey.run(&["import", &addr(&journey, "a")], 6);
    assert!(said.contains("Nothing was imported: 1 table is not proven equal."), "{said}");
    nothing(&journey);
    journey.target.run(&[&format!("UPDATE {schema}.a SET v = 'one' WHERE id = 1")]).await;
    journey.target.run(&[&format!("ALTER TABLE {schema}.b ADD KEY more (a, id)")]).await;
    journey.run(&["import", &addr(&journey, "b")], 6);
    nothing(&journey);
    // Of two that are asked for, one that is not the same keeps both out.
    journey.run(&["import", &addr(&journey, "a"), &addr(&journey, "b")], 6);
    nothing(&journey);
    for (asked, code) in
        [(addr(&journey, "c"), "MIG1027"), (addr(&journey, "x"), "MIG1010"), ("target.tidb.to".into(), "MIG1010")]
    {
        let said = journey.run(&["import", &asked], 1);
        assert!(said.contains(code), "{asked}: {said}");
    }
    nothing(&journey);
    journey.run(&["import", &addr(&journey, "a")], 0);
    let said = journey.run(&["import", &addr(&journey, "a")], 1);
    assert!(program::flat(&said).contains("are in the state already"), "{said}");
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_after_an_import_is_noticed() {
    let journey = moved_by_others("late", &["a", "b", "c"]).await;
    journey.run(&["import", "migration.m"], 0);
    let schema = journey.schema().to_owned();
    journey.source.run(&[&format!("INSERT INTO {schema}.c VALUES (9)")]).await;
    let said = journey.run(&["apply", "-auto-approve"], 5);
    assert!(said.contains(&format!("{schema}.c")), "{said}");
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_mig_moved_and_the_state_forgot_comes_back_as_its_own() {
    let schema = Bed::mysql().schema("import_forgotten", &SOURCE).await;
    let journey = Journey::new(Bed::mysql(), vec![schema], "forgotten", "", "").await;
    journey.run(&["apply", "-auto-approve"], 0);
    let steps: Vec<String> = ["table", "dump", "load", "verify"]
        .iter()
        .map(|kind| addr(&journey, "a").replace(".table[", &format!(".{kind}[")))
        .collect();
    let mut forget = vec!["state", "rm"];
    forget.extend(steps.iter().map(String::as_str));
    journey.run(&forget, 0);
    journey.run(&["plan", "-detailed-exitcode"], 2);
    journey.run(&["import", &steps[0]], 0);
    journey.run(&["apply", "-auto-approve"], 0);
    journey.run(&["plan", "-detailed-exitcode"], 0);
    journey.run(&["destroy", "-auto-approve", "-drop-target-data", "-confirm=127.0.0.1"], 0);
    let there = format!("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{}'", journey.schema());
    assert_eq!(journey.target.rows(&there).await, [["0"]]);
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_interrupted_behind_the_ledger_is_done_again() {
    let journey = moved_by_others("again", &["a", "b", "c"]).await;
    let (a, b) = (addr(&journey, "a"), addr(&journey, "b"));
    journey.run(&["import", &a], 0);
    // The state as it stood when the ledger was written.
    let before = std::fs::read(journey.path("mig.migstate")).unwrap();
    journey.run(&["import", &b], 0);
    let ledger = journey.target.rows(&format!("SELECT * FROM {}.batches ORDER BY tbl", journey.ledger())).await;
    std::fs::write(journey.path("mig.migstate"), &before).unwrap();
    journey.run(&["import", &b], 0);
    assert_eq!(journey.target.rows(&format!("SELECT * FROM {}.batches ORDER BY tbl", journey.ledger())).await, ledger);
    // Meanwhile both sides have more rows: the ledger and the table differ, and the table is not taken.
    std::fs::write(journey.path("mig.migstate"), before).unwrap();
    for bed in [&journey.source, &journey.target] {
        bed.run(&[&format!("INSERT INTO {}.b VALUES (4, 7)", journey.schema())]).await;
    }
    let said = journey.run(&["import", &b], 5);
    assert!(program::flat(&said).contains("with 1 rows of load number 1, and 2 rows are in it"), "{said}");
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_changes_on_the_target_behind_an_import_is_found() {
    let journey = moved_by_others("behind", &["a", "b", "c"]).await;
    journey.run(&["import", "migration.m"], 0);
    journey.target.run(&[&format!("UPDATE {}.a SET v = 'ONE' WHERE id = 1", journey.schema())]).await;
    let said = journey.run(&["apply", "-auto-approve"], 6);
    assert!(program::flat(&said).contains(&format!("{}.a (3 rows, 3 were found)", journey.schema())), "{said}");
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_another_state_or_is_only_counted_is_not_taken() {
    let journey = moved_by_others("whose", &["a", "b", "c"]).await;
    let a = addr(&journey, "a");
    journey.run(&["import", &a], 0);
    std::fs::rename(journey.path("mig.migstate"), journey.path("lost")).unwrap();
    let said = journey.run(&["import", &a], 1);
    assert!(said.contains("MIG1027") && program::flat(&said).contains("says that it is of lineage"), "{said}");
    std::fs::rename(journey.path("lost"), journey.path("mig.migstate")).unwrap();
    let spec = std::fs::read_to_string(journey.path("journey.mig.hcl")).unwrap();
    std::fs::write(
        journey.path("journey.mig.hcl"),
        spec.replace("  gates {", "  verify {\n    mode = \"count\"\n  }\n  gates {"),
    )
    .unwrap();
    let said = journey.run(&["import", &addr(&journey, "b")], 1);
    assert!(said.contains("MIG1027") && said.contains("numbers of rows only"), "{said}");
    journey.end().await;
}
