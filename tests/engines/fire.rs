//! Runs that are struck while a program is at work: killed, stopped, disconnected, suspended.

use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::support::proxy::{Fault, Proxy};
use super::{APPLY, SECRET, Trial, command_lines, parent, walk};

/// What a strike hits.
#[derive(Clone, Copy, Debug)]
enum Strike {
    KillMig,
    StopMig,
    KillProgram,
    StopProgram,
    Line,
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// The program that mig runs, as soon as there is one.
fn program_of(mig: &mut Child, of: &str) -> Option<u32> {
    let began = Instant::now();
    while mig.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_secs(60) {
        let mine = |(number, line): &(u32, String)| parent(*number) == Some(mig.id()) && line.contains(of);
        if let Some((number, _)) = command_lines().into_iter().find(mine) {
            return Some(number);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    None
}

fn send(number: u32, signal: &str) {
    let _ = Command::new("kill").args([signal, &number.to_string()]).stderr(std::process::Stdio::null()).status();
}

/// Looks at every process's arguments until it is dropped.
struct Watcher {
    ended: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<Option<String>>>,
}

impl Watcher {
    fn new() -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let over = ended.clone();
        let thread = std::thread::spawn(move || {
            while !over.load(Ordering::SeqCst) {
                if let Some((_, line)) = command_lines().into_iter().find(|(_, line)| line.contains(SECRET)) {
                    return Some(line);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            None
        });
        Self { ended, thread: Some(thread) }
    }

    fn end(mut self) {
        self.ended.store(true, Ordering::SeqCst);
        assert_eq!(self.thread.take().unwrap().join().unwrap(), None);
    }
}

/// Strikes runs of a migration of two tables while the program of `argument` is at work, and looks at what is there.
async fn under_fire(name: &str, argument: &str, dump: &str, load: &str) {
    const ROWS: u32 = 60_000;
    let fill = |what: &str| {
        format!(
            "INSERT INTO {what} FROM (WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < {ROWS}) SELECT n FROM s) q"
        )
    };
    let mut trial = Trial::new(
        name,
        &[
            "SET SESSION cte_max_recursion_depth = 1000000",
            "CREATE TABLE keyed (id INT PRIMARY KEY, v VARCHAR(200)) COLLATE utf8mb4_bin",
            &fill("keyed SELECT n, REPEAT(SHA2(n, 256), 3)"),
            "CREATE TABLE keyless (n INT, b VARCHAR(200)) COLLATE utf8mb4_general_ci",
            &fill("keyless SELECT n, REPEAT(SHA2(n % 70, 256), 3)"),
        ],
    )
    .await;
    let (to_source, to_target) = (Proxy::to(trial.ports.0), Proxy::to(trial.ports.1));
    let (line, there) = if load.is_empty() { (&to_source, trial.ports.0) } else { (&to_target, trial.ports.1) };
    trial.ports = (to_source.port, to_target.port);
    trial.spec_of(dump, load);
    let (kills, seed) = (number("MIG_KILLS").unwrap_or(5), number("MIG_SEED").unwrap_or(20_260_101));
    println!("{name}: MIG_SEED={seed} MIG_KILLS={kills}");
    let mut random = StdRng::seed_from_u64(seed);
    let watcher = Watcher::new();
    let (mut equal, mut met) = (0, 0);
    for strike in 0..kills {
        let what = [Strike::KillMig, Strike::StopMig, Strike::KillProgram, Strike::StopProgram, Strike::Line]
            [random.random_range(0..5)];
        let wait = Duration::from_millis(random.random_range(0..if load.is_empty() { 250 } else { 1_500 }));
        let log = std::fs::File::create(trial.path("run.log")).unwrap();
        let mut mig = trial.command(APPLY).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let program = program_of(&mut mig, argument);
        std::thread::sleep(wait);
        met += u64::from(program.is_some_and(|number| parent(number).is_some()));
        println!("strike {strike}: {what:?} after {wait:?}, program {program:?}");
        match (what, program) {
            (Strike::KillMig, _) => mig.kill().unwrap(),
            (Strike::StopMig, _) => send(mig.id(), "-TERM"),
            (Strike::KillProgram, Some(program)) => send(program, "-KILL"),
            (Strike::StopProgram, Some(program)) => send(program, "-TERM"),
            (Strike::Line, _) if random.random() => {
                line.down();
                std::thread::sleep(Duration::from_millis(random.random_range(10..400)));
                line.up(there);
            }
            (Strike::Line, _) => line.arm(&[Fault::Drop { after: Duration::from_millis(1) }]),
            (_, None) => {}
        }
        let code = mig.wait().unwrap().code();
        let said = std::fs::read_to_string(trial.path("run.log")).unwrap();
        assert!(matches!(code, None | Some(0 | 1 | 5 | 130)), "{code:?} {said}");
        assert!(!said.contains(SECRET), "{said}");
        // The program never outlives mig.
        let began = Instant::now();
        while !trial.processes().is_empty() && began.elapsed() < Duration::from_secs(2) {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(trial.processes(), Vec::<String>::new());
        if code == Some(0) {
            equal += 1;
            assert_moved(&trial).await;
            forget(&trial).await;
        }
    }
    println!("{kills} strikes, {met} met the program, {equal} runs ended well in spite of theirs");
    trial.check(APPLY, 0, &[]);
    assert_moved(&trial).await;
    watcher.end();
    // Nothing that is not mig's is on the target.
    let tables = format!("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{}'", trial.schema);
    assert_eq!(trial.target.rows(&tables).await, [["2"]]);
    trial.end().await;
}

#[tokio::test]
async fn dumpling_under_fire_ends_equal_and_leaves_nothing() {
    under_fire("fire", "--status-addr", "DUMPLING\n    file_size = \"2MiB\"", "").await;
}

#[tokio::test]
async fn lightning_under_fire_ends_equal_and_leaves_nothing() {
    under_fire("bolt", "/dev/stdin", "file_size = \"2MiB\"", "LIGHTNING\n    threads = 4").await;
}

/// By queries of the test's own, and by what mig says.
async fn assert_moved(trial: &Trial) {
    trial.assert_same("SELECT COUNT(*), COUNT(DISTINCT id), SUM(CRC32(CONCAT_WS('/', id, v))) FROM DB.keyed").await;
    trial.assert_same("SELECT COUNT(*), COUNT(DISTINCT n), SUM(CRC32(CONCAT_WS('/', n, b))) FROM DB.keyless").await;
    trial.assert_equal(2);
    trial.assert_clean();
}

/// As if nothing had been moved.
async fn forget(trial: &Trial) {
    trial.target.drop_schema(&trial.schema).await;
    trial.target.drop_schema(&trial.ledger).await;
    std::fs::remove_dir_all(trial.path(".mig")).unwrap();
    for file in walk(trial.dir.path()) {
        if file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("mig.migstate")) {
            std::fs::remove_file(file).unwrap();
        }
    }
}

/// Another process may have taken over in that time; what the program still says goes nowhere.
#[tokio::test]
async fn a_mig_that_stood_still_while_lightning_loads_starts_the_table_from_the_beginning() {
    let fill = "INSERT INTO t SELECT n, REPEAT(SHA2(n, 256), 3) FROM (WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 \
                FROM s WHERE n < 60000) SELECT n FROM s) q";
    let statements = [
        "SET SESSION cte_max_recursion_depth = 1000000",
        "CREATE TABLE t (n INT, b VARCHAR(200)) COLLATE utf8mb4_bin",
        fill,
    ];
    let trial = Trial::new("still", &statements).await;
    trial.spec_of("file_size = \"2MiB\"", "LIGHTNING");
    let log = std::fs::File::create(trial.path("run.log")).unwrap();
    let mut mig = trial.command(APPLY).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    let first = program_of(&mut mig, "/dev/stdin").unwrap();
    let count = format!("SELECT COUNT(*) FROM {}.t", trial.schema);
    while trial.target.rows(&count).await[0][0] == "0" && parent(first).is_some() {
        std::thread::sleep(Duration::from_millis(10));
    }
    send(mig.id(), "-STOP");
    tokio::time::sleep(Duration::from_secs(12)).await;
    // Statements that had been sent are over by now: whatever is there stays until mig goes on.
    let before = trial.target.rows(&count).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(trial.target.rows(&count).await, before);
    send(mig.id(), "-CONT");
    while program_of(&mut mig, "/dev/stdin") == Some(first) {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(mig.try_wait().unwrap(), None, "it did not start another one");
    assert_eq!(mig.wait().unwrap().code(), Some(0), "{}", std::fs::read_to_string(trial.path("run.log")).unwrap());
    trial.assert_same("SELECT COUNT(*), COUNT(DISTINCT n), SUM(CRC32(CONCAT_WS('/', n, b))) FROM DB.t").await;
    trial.assert_equal(1);
    let epoch = format!("SELECT MIN(epoch), MAX(epoch) FROM {}.batches", trial.ledger);
    println!("rows before it went on: {before:?}, number of the load: {:?}", trial.target.rows(&epoch).await);
    trial.assert_clean();
    trial.end().await;
}
