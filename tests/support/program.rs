//! The program as a script runs it: in a folder of its own, without a terminal and without colours.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// `mig` in a folder.
pub fn command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mig"));
    command.current_dir(dir).args(arguments).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// All that it said, data first.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A text on one line: the screen breaks lines at 80 columns.
pub fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Asserts the exit code, and that each piece of `told` stands in what was said. Gives what was said.
pub fn judge(output: &Output, arguments: &[&str], expected: i32, told: &[&str]) -> String {
    let text = said(output);
    assert_eq!(output.status.code(), Some(expected), "{arguments:?}\n{text}");
    let flat = flat(&text);
    for piece in told {
        assert!(flat.contains(piece), "{arguments:?} does not say {piece:?}\n{text}");
    }
    text
}

/// Runs it to its end and judges it.
pub fn run(dir: &Path, arguments: &[&str], expected: i32, told: &[&str]) -> String {
    judge(&command(dir, arguments).output().unwrap(), arguments, expected, told)
}

/// Suspends the program at a moment when something is so. `settle`: how long what is on its way takes to arrive.
pub async fn suspend_when(child: &Child, settle: Duration, is_so: impl AsyncFn() -> bool) {
    for _ in 0..1000 {
        signal(child, "-STOP");
        tokio::time::sleep(settle).await;
        if is_so().await {
            return;
        }
        signal(child, "-CONT");
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    panic!("it was never met there");
}

/// Sends a signal, for example `-STOP`, to a process that the test has started.
pub fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}
