//! Jobs that a forge cancels while mig is at work: no lock stays, and the next job continues at once.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::jobs::example;
use super::{PASSWORD, Team};

const ROWS: usize = 5_000;

/// The script of the step that applies.
fn script(forge: &str) -> String {
    match forge {
        "github" => {
            let yaml = example("github-actions/workflows/mig-apply.yml");
            let steps = yaml["jobs"]["apply"]["steps"].as_vec().unwrap().clone();
            let step = steps.iter().find(|step| step["name"].as_str() == Some("Apply")).unwrap();
            step["run"].as_str().unwrap().to_owned()
        }
        _ => example("gitlab-ci/.gitlab-ci.yml")["mig-apply"]["script"][0].as_str().unwrap().to_owned(),
    }
}

impl Team {
    fn job(&self, checkout: &Path, forge: &str) -> Child {
        // Whoever finds the lock held does not wait here.
        self.waiting_job(checkout, forge, "0s")
    }

    fn waiting_job(&self, checkout: &Path, forge: &str, timeout: &str) -> Child {
        let env: BTreeMap<String, String> = [
            ("SPEC", "migrations/shop"),
            ("MIG_ALLOWED_SIGNERS", self.machine.path("signers").to_str().unwrap()),
            ("MIG_LOCK_TIMEOUT", timeout),
            ("SHOP_SOURCE_PASSWORD", PASSWORD),
            ("SHOP_TARGET_PASSWORD", PASSWORD),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let log = || Stdio::from(std::fs::File::create(checkout.join("log")).unwrap());
        self.machine.command(checkout, &script(forge), &env).stdout(log()).stderr(log()).spawn().unwrap()
    }

    async fn loaded(&self) -> usize {
        let there = format!(
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '{}' AND table_name = 'batches'",
            self.ledger
        );
        if self.target.rows(&there).await[0][0] == "0" {
            return 0;
        }
        let sum = format!("SELECT COALESCE(SUM(`rows`), 0) FROM {}.batches", self.ledger);
        self.target.rows(&sum).await[0][0].parse().unwrap()
    }
}

/// How a forge ends a job.
#[derive(Clone, Copy, Debug)]
enum Cancel {
    /// GitHub: SIGINT to the process that the job has started.
    Interrupt,
    /// GitHub, where the first signal does not end it in time: SIGTERM after that.
    InterruptThenTerminate,
    /// GitLab: SIGTERM to all processes of the job.
    TerminateAll,
    /// Any, at the end of its patience.
    KillAll,
}

async fn cancel(child: &mut Child, how: Cancel) -> std::process::ExitStatus {
    let pid = Pid::from_child(child);
    match how {
        Cancel::Interrupt => kill_process(pid, Signal::INT).unwrap(),
        Cancel::InterruptThenTerminate => {
            kill_process(pid, Signal::INT).unwrap();
            // Two signals that come together can be one.
            tokio::time::sleep(Duration::from_millis(50)).await;
            let _ = kill_process(pid, Signal::TERM);
        }
        Cancel::TerminateAll => kill_process_group(pid, Signal::TERM).unwrap(),
        Cancel::KillAll => kill_process_group(pid, Signal::KILL).unwrap(),
    }
    ended(child, 60).await
}

async fn ended(child: &mut Child, seconds: u64) -> std::process::ExitStatus {
    let until = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > until {
            let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
            panic!("it does not end");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn gone(lock: &Path) {
    let until = Instant::now() + Duration::from_secs(20);
    while lock.exists() {
        assert!(Instant::now() < until, "mig does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_job_that_is_cancelled_leaves_no_lock_and_the_next_one_continues() {
    let fill = format!(
        "INSERT INTO orders WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) \
         SELECT i, REPEAT(CHAR(97 + i % 26), 700) FROM n"
    );
    let statements = [
        "ALTER DATABASE COLLATE utf8mb4_bin",
        "CREATE TABLE orders (id INT PRIMARY KEY, v VARCHAR(800))",
        "SET SESSION cte_max_recursion_depth = 100000",
        &fill,
    ];
    let slow = "  dump {\n    threads = 2\n    rate_limit = \"384KiB\"\n    chunk_bytes = \"64KiB\"\n  }\n";
    let mut team = Team::new("cancel", &statements, slow).await;
    let planned = team.machine.github("mig-plan.yml", "plan", "head");
    assert_eq!(planned.code, 0, "{}", planned.told);
    team.sign(&planned.checkout.join("out/mig.plan"));
    let checkout = |team: &mut Team| {
        let checkout = team.machine.checkout();
        super::jobs::copy(&planned.checkout.join("out"), &checkout.join("out"));
        checkout
    };
    let lock = team.machine.path("state/shop.migstate.lock");
    let mut rows = 0;
    for (forge, how, code) in [
        ("github", Cancel::Interrupt, Some(130)),
        ("gitlab", Cancel::TerminateAll, None),
        ("github", Cancel::KillAll, None),
        ("github", Cancel::InterruptThenTerminate, Some(130)),
        ("gitlab", Cancel::KillAll, None),
    ] {
        let at = checkout(&mut team);
        let mut child = team.job(&at, forge);
        let log = || std::fs::read_to_string(at.join("log")).unwrap();
        // It goes on from where the one before it was cut off, at once: nobody had to give a lock back for it.
        let until = Instant::now() + Duration::from_secs(30);
        while team.loaded().await <= rows {
            assert!(child.try_wait().unwrap().is_none(), "{how:?}: it ended by itself: {}", log());
            assert!(Instant::now() < until, "{how:?}: nothing more is loaded: {}", log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // Who comes while it lives is told, and changes nothing.
        let other = checkout(&mut team);
        let refused = team.job(&other, forge).wait().unwrap();
        assert_eq!(refused.code(), Some(4), "{}", std::fs::read_to_string(other.join("log")).unwrap());
        let status = cancel(&mut child, how).await;
        assert_eq!((status.code(), status.signal().is_some()), (code, code.is_none()), "{forge} {how:?}: {}", log());
        match how {
            // A dead holder's file is no lock.
            Cancel::KillAll => assert!(lock.exists()),
            // The shell of the job is gone before mig has finished its running chunks: the next job would wait for that.
            Cancel::TerminateAll => gone(&lock).await,
            Cancel::Interrupt | Cancel::InterruptThenTerminate => assert!(!lock.exists(), "{how:?}: {}", log()),
        }
        rows = team.loaded().await;
        assert!(rows < ROWS, "{how:?}: it had loaded all before it was cancelled");
    }
    let at = checkout(&mut team);
    let status = team.job(&at, "github").wait().unwrap();
    assert!(status.success() && !lock.exists(), "{}", std::fs::read_to_string(at.join("log")).unwrap());
    let sum = format!("SELECT COUNT(*), SUM(CRC32(CONCAT(id, v))) FROM {}.orders", team.schema);
    let arrived = team.target.rows(&sum).await;
    assert_eq!(arrived, team.source.rows(&sum).await);
    assert_eq!(arrived[0][0], ROWS.to_string());
    team.end().await;
}

#[tokio::test]
async fn a_job_that_is_cancelled_while_it_waits_for_the_lock_ends_at_once() {
    let mut team = Team::new("waits", &super::TABLES, "").await;
    let planned = team.machine.github("mig-plan.yml", "plan", "head");
    assert_eq!(planned.code, 0, "{}", planned.told);
    team.sign(&planned.checkout.join("out/mig.plan"));
    let path = team.machine.path("state/shop.migstate.lock");
    let lock = std::fs::File::create(&path).unwrap();
    lock.lock().unwrap();
    for signal in [Signal::INT, Signal::TERM] {
        let at = team.machine.checkout();
        super::jobs::copy(&planned.checkout.join("out"), &at.join("out"));
        let mut child = team.waiting_job(&at, "github", "5m");
        let log = || std::fs::read_to_string(at.join("log")).unwrap();
        let until = Instant::now() + Duration::from_secs(30);
        while !log().contains("Waiting for the lock") {
            assert!(child.try_wait().unwrap().is_none() && Instant::now() < until, "{}", log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        let status = ended(&mut child, 5).await;
        assert!(!status.success(), "{status:?}: {}", log());
    }
    assert_eq!(team.arrived("orders").await, None);
    drop(lock);
    let at = team.machine.checkout();
    super::jobs::copy(&planned.checkout.join("out"), &at.join("out"));
    let status = team.job(&at, "github").wait().unwrap();
    assert!(status.success() && !path.exists(), "{}", std::fs::read_to_string(at.join("log")).unwrap());
    assert_eq!(team.arrived("orders").await, Some("3".into()));
    team.end().await;
}
