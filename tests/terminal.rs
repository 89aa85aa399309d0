//! What people see: the program in a real terminal of 80 columns (tmux), with real servers. What differs between two runs, numbers,
//! units and gaps between columns, is made alike; then the screen is compared. `MIG_UPDATE_GOLDENS=1` writes tests/screens anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use regex::Regex;
use support::Bed;

/// Its names are part of the screens, so they are always the same.
const SCHEMA: &str = "shop_80";
const LEDGER: &str = "led_shop_80";
const COLUMNS: usize = 80;

/// A terminal with one program in it; it ends with the test.
struct Terminal {
    tmux: PathBuf,
    socket: PathBuf,
    folder: tempfile::TempDir,
}

impl Terminal {
    fn new() -> Self {
        let bed = std::env::var_os("MIG_TEST_BIN").map(|bin| Path::new(&bin).join("tmux"));
        let tmux = bed.filter(|program| program.exists()).unwrap_or_else(|| "tmux".into());
        let folder = tempfile::tempdir().unwrap();
        Self { tmux, socket: folder.path().join("socket"), folder }
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.tmux);
        command.arg("-S").arg(&self.socket).args(["-f", "/dev/null", "-u"]).args(arguments);
        // Colours have their own tests; here the letters count.
        let output =
            command.current_dir(self.folder.path()).env("NO_COLOR", "1").env("TERM", "screen").output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts a command; the window of the one before is gone.
    fn start(&self, arguments: &str) {
        let line = format!("{} {arguments}; echo \"[exit $?]\"; exec sleep 1000", env!("CARGO_BIN_EXE_mig"));
        if self.socket.exists() {
            self.tmux(&["respawn-window", "-k", "-t", "mig", &line]);
            self.tmux(&["clear-history", "-t", "mig"]);
        } else {
            let size = COLUMNS.to_string();
            self.tmux(&["new-session", "-d", "-s", "mig", "-x", &size, "-y", "50", &line]);
        }
    }

    /// All lines that were printed, those above the window too; waits until a text is among them.
    fn screen_with(&self, text: &str) -> String {
        let until = Instant::now() + Duration::from_secs(90);
        loop {
            let screen = self.tmux(&["capture-pane", "-p", "-S", "-", "-t", "mig"]);
            if screen.contains(text) {
                return screen;
            }
            assert!(Instant::now() < until, "no {text:?} on the screen:\n{screen}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = Command::new(&self.tmux).arg("-S").arg(&self.socket).arg("kill-server").output();
    }
}

/// Without what differs between two runs: times, numbers and their units, ids, the gaps between columns.
fn alike(screen: &str) -> String {
    let rules = [
        (r"[0-9a-f]{8}-[0-9a-f]{3}…", "ID…"),
        (r"shop_80", "SHOP"),
        (r"\d[\d.,:-]*", "#"),
        (r"# (B|KiB|MiB)", "# B"),
        (r"# (s|min)\b", "# s"),
        (r"(# s )+to # s\b|up to # s\b|about # s\b|# to # s\b", "# s"),
        (r"# s( # s)+\b", "# s"),
        (r"(\S) +", "$1 "),
        (r"(?m) +$", ""),
    ];
    let text = rules
        .iter()
        .fold(screen.to_owned(), |text, (from, to)| Regex::new(from).unwrap().replace_all(&text, *to).into_owned());
    format!("{}\n", text.trim_end())
}

fn check(name: &str, screen: &str) {
    for line in screen.lines() {
        assert!(line.chars().count() <= COLUMNS, "{name}: {line:?}");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screens").join(format!("{name}.txt"));
    let found = alike(screen);
    if std::env::var_os("MIG_UPDATE_GOLDENS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &found).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{name} is\n{screen}\nalike:\n{found}\nand should be\n{expected}");
}

/// From a line on.
fn from<'a>(screen: &'a str, line: &str) -> &'a str {
    &screen[screen.find(line).unwrap_or_else(|| panic!("no {line:?}: {screen}"))..]
}

async fn fresh(source: &Bed, target: &Bed, terminal: &Terminal) {
    for bed in [source, target] {
        bed.drop_schema(SCHEMA).await;
    }
    target.drop_schema(LEDGER).await;
    let orders = format!(
        "INSERT INTO {SCHEMA}.orders SELECT n, REPEAT('x', 500) FROM \
         (WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < 2000) SELECT n FROM s) q"
    );
    source
        .run(&[
            &format!("CREATE DATABASE {SCHEMA} COLLATE utf8mb4_bin"),
            "SET SESSION cte_max_recursion_depth = 100000",
            &format!("CREATE TABLE {SCHEMA}.orders (id INT PRIMARY KEY, v VARCHAR(600))"),
            &orders,
            &format!("CREATE TABLE {SCHEMA}.customers (id INT PRIMARY KEY, name VARCHAR(20), FULLTEXT KEY ft (name))"),
            &format!("CREATE VIEW {SCHEMA}.seen AS SELECT id FROM {SCHEMA}.orders"),
            &format!("ANALYZE TABLE {SCHEMA}.orders, {SCHEMA}.customers"),
        ])
        .await;
    let ports = (source.config().port, target.config().port);
    let blocks = support::server_blocks(ports, target, "root", LEDGER);
    // About ten seconds of dump: time to look at it.
    let spec = format!(
        "{blocks}migration \"shop\" {{\n  source = source.mysql.from\n  target = target.tidb.to\n  tables = [\"{SCHEMA}.*\"]\n  \
         gates {{\n    accept_unproven = [\"writes_stopped\"]\n    rule \"MIG2107\" {{\n      action = \"rewrite\"\n    }}\n  }}\n  \
         dump {{\n    rate_limit = \"100KiB\"\n  }}\n}}\n"
    );
    let folder = terminal.folder.path();
    for name in [".mig", "shop.mig.hcl"] {
        let path = folder.join(name);
        let _ = std::fs::remove_dir_all(&path).or_else(|_| std::fs::remove_file(&path));
    }
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with("mig.migstate") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    std::fs::write(folder.join("shop.mig.hcl"), spec).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn eighty_columns_are_enough_for_a_plan_a_run_a_failure_and_an_interrupt() {
    let (source, target, terminal) = (Bed::mysql(), Bed::tidb(), Terminal::new());
    fresh(&source, &target, &terminal).await;
    terminal.start("plan");
    check("plan", &terminal.screen_with("[exit 0]"));

    terminal.start("apply -auto-approve");
    // The dump is under way, long enough for a rate, and so is the whole.
    let until = Instant::now() + Duration::from_secs(60);
    let screen = loop {
        let screen = terminal.screen_with("Starting ");
        let run = from(&screen, "Starting ").to_owned();
        if run.contains("KiB/s, ETA") && run.contains("%, ETA") {
            break run;
        }
        assert!(Instant::now() < until, "{screen}");
        std::thread::sleep(Duration::from_millis(100));
    };
    check("apply", &screen);
    // What is to be loaded into is gone.
    target.run(&[&format!("DROP TABLE {SCHEMA}.orders")]).await;
    let screen = terminal.screen_with("[exit 1]");
    check("failure", from(&screen, "Starting "));

    fresh(&source, &target, &terminal).await;
    terminal.start("apply -auto-approve");
    terminal.screen_with("%, ETA");
    terminal.tmux(&["send-keys", "-t", "mig", "C-c"]);
    let screen = terminal.screen_with("[exit 130]");
    check("interrupt", from(&screen, "Starting "));
    for bed in [&source, &target] {
        bed.drop_schema(SCHEMA).await;
    }
    target.drop_schema(LEDGER).await;
}
