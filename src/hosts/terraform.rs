//! Runs `terraform output -json`, and nothing else of it. Knows nothing of what the outputs are for.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::words::codes;
use crate::words::error::{Failure, Outcome};

const PROGRAM: &str = "terraform";
const ARGUMENTS: [&str; 2] = ["output", "-json"];

/// What it prints in a folder. `without`: names of the environment that it does not get, because they hold the spec's secrets.
///
/// # Errors
/// MIG1024: the program is not there, or it fails; its own message is in the cause.
pub fn outputs(dir: &Path, without: &[String]) -> Outcome<String> {
    let failed = |cause: String, hint: &str| {
        let doing = format!("run `{PROGRAM} {}` in {}", ARGUMENTS.join(" "), dir.display());
        Failure::new(codes::OUTPUTS_NOT_GOT, doing, cause, hint)
    };
    let mut command = Command::new(PROGRAM);
    command.args(ARGUMENTS).current_dir(dir).stdin(Stdio::null());
    for name in without {
        command.env_remove(name);
    }
    let output = command.output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => failed(
            "there is no program `terraform` in the PATH".to_owned(),
            "Install it, or write its outputs to a file where it is (`terraform output -json >FILE`) and name the file.",
        ),
        _ => failed(error.to_string(), "Look at the program and at the folder."),
    })?;
    if !output.status.success() {
        let hint = "Run the command in that folder by hand: the folder needs `terraform init` and an applied state.";
        return Err(failed(said(&String::from_utf8_lossy(&output.stderr), output.status), hint));
    }
    String::from_utf8(output.stdout).map_err(|_| failed("what it prints is not text".to_owned(), "Run it by hand."))
}

/// Its own sentence: `Error: No state file was found!`; else how it ended.
fn said(stderr: &str, status: std::process::ExitStatus) -> String {
    let sentence = stderr.lines().find_map(|line| line.split_once("Error: ").map(|(_, sentence)| plain(sentence)));
    match sentence.filter(|sentence| !sentence.is_empty()) {
        Some(sentence) => format!("it says: {sentence}"),
        None => format!("it ended with {status}"),
    }
}

/// Without the escape sequences that colour it.
fn plain(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.map(|part| part.split_once('m').map_or("", |(_, text)| text));
    std::iter::once(first.as_str()).chain(rest).collect::<String>().trim().to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::plain;

    #[test]
    fn a_message_is_told_without_its_colours() {
        for (text, expected) in [
            ("\u{1b}[0m\u{1b}[1mNo state file was found!\u{1b}[0m", "No state file was found!"),
            ("plain ", "plain"),
            ("", ""),
        ] {
            assert_eq!(plain(text), expected);
        }
    }
}
