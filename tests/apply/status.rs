//! A run that is looked at from outside: under way, stopped, killed, ended.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::support::journey::Journey;
use super::support::{Bed, program};

#[tokio::test]
async fn a_run_is_seen_from_another_terminal_and_a_killed_one_is_not_called_under_way() {
    let rows = "INSERT INTO t SELECT n, REPEAT('x', 500) FROM \
                (WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < 3000) SELECT n FROM s) q";
    let statements =
        ["SET SESSION cte_max_recursion_depth = 100000", "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(600))", rows];
    let schema = Bed::mysql().schema("status", &statements).await;
    // Some twenty seconds at this rate.
    let slow = "  dump {\n    rate_limit = \"80KiB\"\n  }";
    let journey = Journey::new(Bed::mysql(), vec![schema], "status", "", slow).await;
    let status = || journey.json(&["status", "-json"], 0);
    assert_eq!(status()["run"], "none");
    let mut child = program::command(journey.folder(), &["apply", "-auto-approve"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    let seen: Value = loop {
        let seen = status();
        let at_work = seen["progress"]["steps"].to_string().contains("migration.m.dump");
        if at_work {
            break seen;
        }
        assert!(Instant::now() < until && child.try_wait().unwrap().is_none(), "{seen:#}");
        std::thread::sleep(Duration::from_millis(300));
    };
    assert_eq!((&seen["run"], &seen["holder"]["pid"]), (&"under_way".into(), &child.id().into()), "{seen:#}");
    assert!(seen["progress"]["percent"].as_u64().is_some_and(|percent| percent < 100), "{seen:#}");
    assert!(seen["progress"]["age_seconds"].as_f64().is_some_and(|age| age < 20.0), "{seen:#}");
    let told = journey.run(&["status"], 0);
    let told = program::flat(&told);
    assert!(told.contains("is under way") && told.contains(" ago)") && told.contains("mig apply"), "{told}");
    child.kill().unwrap();
    child.wait().unwrap();
    let seen = status();
    assert_eq!(seen["run"], "interrupted", "{seen:#}");
    let told = program::flat(&journey.run(&["status"], 0));
    assert!(told.contains("was interrupted") && told.contains("that process is gone"), "{told}");
    let spec = journey.path("journey.mig.hcl");
    let text = std::fs::read_to_string(&spec).unwrap();
    std::fs::write(&spec, text.replace(slow, "")).unwrap();
    journey.apply();
    let seen = status();
    assert_eq!((&seen["run"], seen.get("progress"), seen.get("holder")), (&"none".into(), None, None), "{seen:#}");
    assert!(!journey.path("mig.migstate.progress").exists());
    journey.end().await;
}
