//! mig on a runner: copies this program there under a name with its digest, so that both ends are the same, and asks it
//! things. What stands in scripts is seen in the machine's list of processes: names of folders only.

use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::formats::worker::{Endpoint, Standing};
use crate::seams::shell::Shell;
use crate::words::codes;
use crate::words::digest::Digest;
use crate::words::error::{Failure, Outcome};

/// Names the file that is copied to runners; the default is the program that runs.
const BINARY: &str = "MIG_RUNNER_BINARY";

/// The file that is copied, and its name over there.
pub struct Program {
    path: PathBuf,
    digest: Digest,
}

impl Program {
    /// # Errors
    /// MIG3110: this program cannot be read.
    pub fn this() -> Outcome<Self> {
        let fault = |cause: String| {
            let hint = format!("Name the program to copy by {BINARY}=FILE.");
            Failure::new(codes::INSTALL_FAILED, "read the program that is copied to the runner", cause, hint)
        };
        let path = match std::env::var_os(BINARY) {
            Some(path) => PathBuf::from(path),
            // The link stands for the file that runs, also when another has taken its name since.
            None => PathBuf::from("/proc/self/exe"),
        };
        let bytes = std::fs::read(&path).map_err(|error| fault(format!("{}: {error}", path.display())))?;
        Ok(Self { path, digest: Digest::of_bytes(&bytes) })
    }

    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// As `sha256sum` writes it.
    fn digits(&self) -> &str {
        self.digest.as_str().trim_start_matches("sha256:")
    }

    /// Where it lies over there, for a script: quoted.
    pub fn there(&self, endpoint: &Endpoint) -> String {
        quoted(&format!("{}/bin/mig-{}", endpoint.workdir, self.digits().get(..16).unwrap_or_default()))
    }
}

/// A word for `sh`.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The worker's folder of a migration, for a script.
pub fn worker_dir(endpoint: &Endpoint, migration: &str) -> String {
    quoted(&format!("{}/{migration}/worker", endpoint.workdir))
}

/// What an install came to.
pub struct Installed {
    /// What the machine told of itself: `Linux x86_64`.
    pub machine: String,
    /// It was not there, and is now.
    pub copied: bool,
}

/// Copies the program where it is not there yet, and looks whether it runs.
///
/// # Errors
/// MIG3110: another system, no room, a C library that is too old. MIG3104: the line.
pub async fn install(shell: &dyn Shell, endpoint: &Endpoint, program: &Program) -> Outcome<Installed> {
    let refused = |cause: String, hint: &str| {
        Failure::new(codes::INSTALL_FAILED, format!("install mig on {endpoint}"), cause, hint)
    };
    let machine = shell.run("uname -sm", b"").await?.text();
    if machine != format!("{} {}", "Linux", std::env::consts::ARCH) {
        let hint = "Take a runner of the architecture that this mig was built for (x86_64; no Graviton instance), or \
                    name a program for it by MIG_RUNNER_BINARY.";
        if std::env::var_os(BINARY).is_none() {
            return Err(refused(format!("the machine is {machine:?}"), hint));
        }
    }
    let folder = quoted(&format!("{}/bin", endpoint.workdir));
    let there = program.there(endpoint);
    let look = format!("test -x {there} && sha256sum {there} | cut -d' ' -f1");
    let copied = shell.run(&look, b"").await?.text() != program.digits();
    if copied {
        let bytes = std::fs::read(&program.path).map_err(|error| {
            refused(format!("this side cannot read {}: {error}", program.path.display()), "Look at the file.")
        })?;
        // Written beside, synced and renamed: a cut line leaves no half program under the name.
        let copy = format!(
            "set -e; umask 077; mkdir -p {folder}; t=$(mktemp {folder}/.mig.XXXXXX); trap 'rm -f \"$t\"' EXIT; \
             cat >\"$t\"; chmod 700 \"$t\"; sync \"$t\"; mv -f \"$t\" {there}"
        );
        let copied = shell.run(&copy, &bytes).await?;
        if !copied.ok() {
            return Err(refused(copied.stderr, "Look at the folder `workdir` over there, and at its room."));
        }
        let digest = shell.run(&look, b"").await?.text();
        if digest != program.digits() {
            return Err(refused("the copy has another digest".into(), "Run the command again."));
        }
    }
    let started = shell.run(&format!("{there} version"), b"").await?;
    if !started.ok() {
        let hint = "Use the program of `make release`, which needs glibc 2.28 only, or name it by MIG_RUNNER_BINARY.";
        return Err(refused(format!("the copy does not run there: {}", started.stderr), hint));
    }
    Ok(Installed { machine, copied })
}

/// How a migration's worker stands. Changes nothing.
///
/// # Errors
/// MIG3111, MIG3104.
pub async fn standing(shell: &dyn Shell, endpoint: &Endpoint, program: &Program, migration: &str) -> Outcome<Standing> {
    let script = format!("exec {} worker status {}", program.there(endpoint), worker_dir(endpoint, migration));
    answer(shell, endpoint, &script, b"").await
}

/// Asks the program over there once.
///
/// # Errors
/// MIG3110 when it is not installed; MIG3111; MIG3104.
pub async fn ask<T: DeserializeOwned>(
    shell: &dyn Shell,
    endpoint: &Endpoint,
    program: &Program,
    question: &impl Serialize,
) -> Outcome<T> {
    let text = serde_json::to_vec(question).map_err(|error| unexpected(endpoint, &error.to_string()))?;
    let script = format!("exec {} worker ask", program.there(endpoint));
    answer(shell, endpoint, &script, &text).await
}

async fn answer<T: DeserializeOwned>(shell: &dyn Shell, endpoint: &Endpoint, script: &str, input: &[u8]) -> Outcome<T> {
    let output = shell.run(script, input).await?;
    if matches!(output.status, Some(126 | 127)) {
        return Err(Failure::new(
            codes::NOT_INSTALLED,
            format!("ask mig on {endpoint}"),
            format!("this version of it is not in {}/bin there", endpoint.workdir),
            "Run `mig apply`: it copies mig there, makes the plan from there, and shows it before it asks. `mig plan` \
             changes nothing, there either.",
        ));
    }
    if !output.ok() {
        // A failure of the other side comes as itself.
        return Err(match serde_json::from_slice::<Failure>(&output.stdout) {
            Ok(failure) => failure,
            Err(_) => unexpected(endpoint, &output.stderr),
        });
    }
    serde_json::from_slice(&output.stdout).map_err(|error| unexpected(endpoint, &error.to_string()))
}

/// An answer that is none.
pub fn unexpected(endpoint: &Endpoint, cause: &str) -> Failure {
    let hint = "`mig logs` shows what the worker wrote; run the command again.";
    Failure::new(codes::WORKER_UNEXPECTED, format!("talk to mig on {endpoint}"), cause, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stays_one_word_whatever_stands_in_it() {
        assert_eq!(quoted("/mnt/it's $x"), "'/mnt/it'\\''s $x'");
    }
}
