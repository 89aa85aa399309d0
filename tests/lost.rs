//! The state, the ledger on the target, or what was moved is lost, in every combination: the plan says what to do, and
//! anyone who does just that ends with every row there, proven equal. And whatever is taken out of the spec after a run is
//! planned and applied.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::journey::Journey;
use support::{Bed, program};

async fn journey(name: &str) -> Journey {
    let statements = [
        "ALTER DATABASE COLLATE utf8mb4_bin",
        "CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(20))",
        "INSERT INTO a VALUES (1, 'one'), (2, NULL)",
        "CREATE TABLE b (id INT PRIMARY KEY, a INT, FOREIGN KEY (a) REFERENCES a (id))",
        "INSERT INTO b VALUES (1, 1)",
        "CREATE VIEW w AS SELECT id FROM a",
    ];
    let schema = Bed::mysql().schema(&format!("lost_{name}"), &statements).await;
    Journey::new(Bed::mysql(), vec![schema], name, "", "").await
}

/// What may be lost.
#[derive(Clone, Copy, PartialEq)]
enum Lost {
    State,
    Ledger,
    Moved,
}

/// `told`: what the plan says; `way`: what somebody does who reads it.
async fn check(name: &str, lost: &[Lost], told: &[&str], way: &[&str]) {
    let journey = journey(name).await;
    journey.apply();
    let ledger = journey.ledger().to_owned();
    let schema = journey.schema().to_owned();
    let lineage = serde_json::from_slice::<serde_json::Value>(&std::fs::read(journey.path("mig.migstate")).unwrap())
        .unwrap()["lineage"]
        .as_str()
        .unwrap()
        .to_owned();
    for one in lost {
        match one {
            Lost::State => {
                std::fs::remove_file(journey.path("mig.migstate")).unwrap();
            }
            Lost::Ledger => journey.target.run(&[&format!("DROP DATABASE {ledger}")]).await,
            Lost::Moved => journey.target.run(&[&format!("DROP DATABASE {schema}")]).await,
        }
    }
    let (code, said) = journey.said(&["plan"]);
    assert_eq!(code, if told.is_empty() { 0 } else { 5 }, "{name}: {said}");
    for piece in told {
        let piece = piece.replace("LEDGER", &ledger);
        assert!(program::flat(&said).contains(&piece), "{name} does not say {piece:?}: {said}");
    }
    for step in way {
        let step = step.replace("LEDGER", &ledger).replace("SCHEMA", &schema).replace("LINEAGE", &lineage);
        match step.strip_prefix("mig ") {
            Some(arguments) => drop(journey.run(&arguments.split(' ').collect::<Vec<_>>(), 0)),
            None => journey.target.run(&[&step]).await,
        }
    }
    journey.apply();
    let rows = journey.target.rows(&format!("SELECT COUNT(*) FROM {schema}.a JOIN {schema}.w USING (id)")).await;
    assert_eq!(rows, [["2"]], "{name}");
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_lost_the_plan_names_a_way_that_ends_with_every_row() {
    use Lost::{Ledger, Moved, State};
    let dropped = "DROP DATABASE SCHEMA";
    let rows_out = [
        "DELETE FROM LEDGER.objects WHERE lineage = 'LINEAGE'",
        "DELETE FROM LEDGER.batches WHERE lineage = 'LINEAGE'",
    ];
    let forgotten = ["mig state rm target.tidb.to", "mig state rm migration.m"];
    check("moved", &[Moved], &[], &[]).await;
    check("state", &[State], &["MIG2047", "DELETE FROM `LEDGER`.objects"], &[dropped, rows_out[0], rows_out[1]]).await;
    check("ledger", &[Ledger], &["MIG3040", "mig state rm target.tidb.to"], &[forgotten[0], forgotten[1], dropped])
        .await;
    check("state_moved", &[State, Moved], &["MIG2048", "DELETE FROM `LEDGER`.objects"], &rows_out).await;
    check("state_ledger", &[State, Ledger], &["MIG2043", "Drop or rename"], &[dropped]).await;
    check("ledger_moved", &[Ledger, Moved], &["MIG3040", "mig state rm target.tidb.to"], &forgotten).await;
    check("all", &[State, Ledger, Moved], &[], &[]).await;
}

/// Takes something out of the spec after a run: `from` becomes `to`. What is left is planned, applied and destroyed.
async fn taken_out(name: &str, change: impl Fn(&str, &str) -> String) {
    let journey = journey(name).await;
    journey.apply();
    let path = journey.path("journey.mig.hcl");
    let before = std::fs::read_to_string(&path).unwrap();
    let after = change(&before, journey.schema());
    assert_ne!(before, after, "{name}");
    std::fs::write(&path, after).unwrap();
    for arguments in [&["plan"][..], &["apply", "-auto-approve"], &["plan", "-detailed-exitcode"]] {
        let (code, said) = journey.said(arguments);
        assert_eq!(code, 0, "{name} {arguments:?}: {said}");
        assert!(!said.contains("Please report"), "{name} {arguments:?}: {said}");
    }
    // What was moved stays.
    let rows =
        journey.target.rows(&format!("SELECT COUNT(*) FROM {0}.a JOIN {0}.w USING (id)", journey.schema())).await;
    assert_eq!(rows, [["2"]], "{name}");
    journey.run(&["destroy", "-auto-approve"], 0);
    let ledger = format!("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = '{}'", journey.ledger());
    assert_eq!(journey.target.rows(&ledger).await, [["0"]], "{name}: the ledger stays");
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_the_spec_is_forgotten_and_the_rest_goes_on() {
    let without = |object: &'static str| {
        move |text: &str, schema: &str| text.replace(".*\"]", &format!(".*\", \"!{schema}.{object}\"]"))
    };
    taken_out("view", without("w")).await;
    taken_out("child", without("b")).await;
    taken_out("migration", |text, _| text[..text.find("migration \"m\"").unwrap()].to_owned()).await;
    taken_out("renamed", |text, _| text.replace("migration \"m\"", "migration \"n\"")).await;
}
