//! A migration over another machine with everything that may befall it: its controller killed, its worker killed also in
//! a destroy, a second controller, a controller of another lineage, a machine that is stopped, one whose disk is gone.
//! Plain SQL on both servers and the folder there are the judges. `MIG_STRIKES=100` runs until so many have fallen,
//! see [`lives`].

use std::path::PathBuf;
use std::process::{Child, Command, Output};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::support::{lives, program};
use super::{Journey, PASSWORD, ROWS, ended};

const APPLY: [&str; 2] = ["apply", "-auto-approve"];
const DESTROY: [&str; 2] = ["destroy", "-auto-approve"];

#[derive(Clone, Copy, Debug)]
enum Strike {
    Controller,
    Worker,
    SecondController,
    OtherLineage,
    Stopped,
    Disk,
}

const STRIKES: [Strike; 6] =
    [Strike::Controller, Strike::Worker, Strike::SecondController, Strike::OtherLineage, Strike::Stopped, Strike::Disk];

struct Life {
    journey: Journey,
    /// A clone of the spec with a state of its own.
    stranger: PathBuf,
    seed: u64,
}

impl Life {
    async fn new(seed: u64) -> Self {
        let journey = Journey::new(&format!("life{seed}"), "\"384KiB\"").await;
        let stranger = journey.dir.path().join("stranger");
        std::fs::create_dir(&stranger).unwrap();
        std::fs::copy(journey.here().join("trial.mig.hcl"), stranger.join("trial.mig.hcl")).unwrap();
        Self { journey, stranger, seed }
    }

    /// Ends processes whose folder is this test's own; the names are those that the worker writes down itself.
    fn kill_worker(&self) -> bool {
        let log = self.journey.log();
        let Some(pid) = log.lines().filter_map(|line| line.split(" is here, process ").nth(1)).next_back() else {
            return false;
        };
        let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let ours = command.contains(&self.journey.there().display().to_string());
        ours && Command::new("kill").args(["-KILL", pid]).status().unwrap().success()
    }

    fn judge(&self, output: &Output, allowed: &[i32], what: &str) {
        let said = program::said(output);
        let code = output.status.code();
        // The record of a worker went with its disk, and a part of what it had loaded is another dump's: that is told.
        let other_dump = code == Some(6) && said.contains("MIG6013");
        assert!(
            other_dump || code.is_none_or(|code| allowed.contains(&code)),
            "seed {}, {what}: {code:?}\n{said}",
            self.seed
        );
        assert!(!said.contains("panicked") && !said.contains("Please report"), "seed {}, {what}: {said}", self.seed);
    }

    fn other(&self, dir: &std::path::Path, arguments: &[&str]) -> Output {
        let mut command = program::command(dir, arguments);
        command.env("MIG_VAR_password", PASSWORD).output().unwrap()
    }

    /// While `child` is at work. Gives its end.
    async fn befall(&self, strike: Strike, mut child: Child) {
        match strike {
            Strike::Controller => {
                child.kill().unwrap();
                child.wait().unwrap();
            }
            // The controller starts it again, and the run ends as if nothing had been.
            Strike::Worker => {
                self.kill_worker();
                self.judge(&ended(child), &[0, 1, 2], "the worker was killed");
            }
            Strike::SecondController => {
                let second = self.journey.dir.path().join("second");
                let _ = std::fs::remove_dir_all(&second);
                std::fs::create_dir(&second).unwrap();
                for file in ["trial.mig.hcl", "mig.migstate", "mig.migstate.journal"] {
                    let _ = std::fs::copy(self.journey.here().join(file), second.join(file));
                }
                self.judge(&self.other(&second, &APPLY), &[0, 1, 2, 3, 5], "a second controller");
                self.judge(&ended(child), &[0, 1, 2, 3], "the first controller");
            }
            Strike::OtherLineage => {
                let output = self.other(&self.stranger, &APPLY);
                let said = program::said(&output);
                self.judge(&output, &[1, 2, 3, 5], "another lineage");
                assert!(!said.contains("Certificate of"), "seed {}: {said}", self.seed);
                self.judge(&ended(child), &[0, 1, 2], "beside another lineage");
            }
            Strike::Stopped => {
                self.journey.machine.script("stop");
                self.kill_worker();
                tokio::time::sleep(Duration::from_millis(500)).await;
                child.kill().unwrap();
                child.wait().unwrap();
                // Nobody answers there: nothing is planned away, nothing is forgotten, nothing is called complete.
                let before = self.journey.run(&["state", "list"], 0, &[]);
                let output = self.journey.command(&APPLY).output().unwrap();
                self.judge(&output, &[1, 5], "a machine that is stopped");
                assert_eq!(self.journey.run(&["state", "list"], 0, &[]), before, "seed {}", self.seed);
                self.journey.machine.script("restart");
            }
            Strike::Disk => {
                child.kill().unwrap();
                child.wait().unwrap();
                self.kill_worker();
                // It may strike before the first file is there.
                match std::fs::remove_dir_all(self.journey.there()) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("seed {}: {error}", self.seed),
                    _ => {}
                }
            }
        }
    }

    async fn equal(&self) {
        for (table, columns) in [("keyed", "id, v"), ("keyless", "n, b")] {
            let sum = format!(
                "SELECT COUNT(*), BIT_XOR(CRC32(CONCAT_WS('#', {columns}))) FROM {}.{table}",
                self.journey.schema
            );
            let (there, here) = (self.journey.source.rows(&sum).await, self.journey.target.rows(&sum).await);
            assert_eq!(there, here, "seed {}: {table}", self.seed);
        }
    }

    /// Applies until it is done: a runner that was lost is made ready first, and reviewed.
    async fn finish(&self) {
        for _ in 0..4 {
            let mut output = self.journey.command(&APPLY).output().unwrap();
            // The record of the worker went with its disk, and a part of what it had loaded is another dump's: told, and
            // the named way on is taken.
            if output.status.code() == Some(6) {
                assert!(program::said(&output).contains("MIG6013"), "seed {}: {}", self.seed, program::said(&output));
                let replace = format!("-replace=migration.m.dump[\"{}.keyed\"]", self.journey.schema);
                let confirm = format!("-confirm={}", self.journey.machine.value("LAN"));
                output = self.journey.command(&[&APPLY[..], &[&replace, &confirm]].concat()).output().unwrap();
            }
            self.judge(&output, &[0, 2], "the last apply");
            if output.status.code() == Some(0) {
                self.equal().await;
                self.journey.run(&["plan", "-detailed-exitcode"], 0, &["No changes"]);
                return;
            }
        }
        panic!("seed {}: it never ends", self.seed);
    }
}

#[test]
fn a_life_of_strikes_over_another_machine_loses_and_leaves_nothing() {
    lives::until_struck(3, one_life);
}

async fn one_life(seed: u64) -> u64 {
    let mut strikes = 0;
    let mut random = StdRng::seed_from_u64(seed);
    let life = Life::new(seed).await;
    life.judge(&life.journey.command(&APPLY).output().unwrap(), &[2], "the first apply");
    for _ in 0..random.random_range(2..5) {
        let strike = STRIKES[random.random_range(0..STRIKES.len())];
        println!("seed {seed}: {strike:?}");
        let child = life.journey.start(&APPLY);
        tokio::time::sleep(Duration::from_millis(random.random_range(0..3_000))).await;
        life.befall(strike, child).await;
        strikes += 1;
    }
    life.finish().await;
    // A destroy is interrupted, too, and its worker killed.
    for _ in 0..random.random_range(0..3) {
        let mut child = life.journey.start(&DESTROY);
        tokio::time::sleep(Duration::from_millis(random.random_range(0..1_500))).await;
        let worker = random.random();
        println!("seed {seed}: a destroy, its {} killed", if worker { "worker" } else { "controller" });
        match worker {
            true => {
                life.kill_worker();
                life.judge(&ended(child), &[0, 1], "a destroy whose worker was killed");
            }
            false => {
                child.kill().unwrap();
                child.wait().unwrap();
            }
        }
        strikes += 1;
    }
    life.journey.run(&DESTROY, 0, &[]);
    let rows = life.journey.target.rows(&format!("SELECT COUNT(*) FROM {}.keyed", life.journey.schema)).await;
    assert_eq!(rows, [[ROWS.to_string()]], "seed {seed}: destroy touched migrated data");
    let owned = |kind: &str| {
        format!("SELECT COUNT(*) FROM information_schema.{kind} WHERE table_schema = '{}'", life.journey.ledger)
    };
    assert_eq!(life.journey.target.rows(&owned("tables")).await, [["0"]], "seed {seed}: the ledger stays");
    life.journey.end().await;
    strikes
}
