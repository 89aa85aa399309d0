//! Two plans of real servers, compared: what changed between them is named, and nothing else.

use super::support::journey::Journey;
use super::support::{Bed, program};

#[tokio::test]
async fn what_changed_between_two_plans_is_named_and_nothing_else() {
    let made =
        ["CREATE TABLE a (id INT PRIMARY KEY)", "CREATE TABLE b (id INT PRIMARY KEY)", "INSERT INTO a VALUES (1)"];
    let schema = Bed::mysql().schema("diffed", &made).await;
    let key = |table: &str| format!("{schema}.{table}");
    let journey = Journey::new(Bed::mysql(), vec![schema.clone()], "diffed", "", "").await;
    let dir = journey.folder();
    let says = |arguments: &[&str], exit: i32, told: &[&str]| program::run(dir, arguments, exit, told);
    says(&["plan", "-out=one"], 0, &[]);
    says(&["plan", "-out=two"], 0, &[]);
    says(&["diff", "-detailed-exitcode", "one", "two"], 0, &["The two plans do the same"]);

    // A column more at the source, a table more.
    let (more, new) = (
        format!("ALTER TABLE {schema}.a ADD COLUMN total INT"),
        format!("CREATE TABLE {schema}.c (id INT PRIMARY KEY)"),
    );
    Bed::mysql().run(&[&more, &new]).await;
    says(&["plan", "-out=two"], 0, &[]);
    let told = says(
        &["diff", "-detailed-exitcode", "one", "two"],
        2,
        &["the source's structure differs", "+ `total` int", &key("c"), "only in the second plan: create"],
    );
    assert!(!told.contains(&key("b")), "{told}");
    let found: serde_json::Value = journey.json(&["diff", "-json", "two", "one"], 0);
    let gone: Vec<&str> = found["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| step["after"].is_null())
        .map(|step| step["addr"].as_str().unwrap())
        .collect();
    assert!(!gone.is_empty() && gone.iter().all(|addr| addr.contains(&key("c"))), "{gone:?}");
    let comment = says(&["diff", "-markdown", "-markdown-budget=600", "one", "two"], 0, &["<!-- mig diff -->"]);
    assert!(comment.len() <= 600, "{comment}");

    // After the apply the plan differs from the one that was applied.
    says(&["apply", "two"], 0, &["Certificate"]);
    says(&["plan", "-out=three"], 0, &[]);
    says(&["diff", "two", "three"], 0, &["create becomes no change", "the lineage of the state: none yet becomes"]);

    // What is no plan, or an altered one.
    let bytes = std::fs::read_to_string(dir.join("one")).unwrap();
    std::fs::write(dir.join("altered"), bytes.replace("\"blocked\": false", "\"blocked\": true")).unwrap();
    says(&["diff", "one", "altered"], 3, &["MIG4103"]);
    says(&["diff", "one", "missing"], 3, &["MIG4101"]);
}
