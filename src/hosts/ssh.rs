//! SSH by the system's own OpenSSH, through the crate `openssh`: one master connection a machine, commands over it.
//! The user's SSH configuration counts (jump hosts, agents), but not where it would weaken this: host keys are always
//! checked, the agent is never forwarded, nothing is asked.
//!
//! Options and their meaning: ssh_config(5).

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use openssh::{KnownHosts, Session, SessionBuilder, Stdio};
use tokio::io::AsyncWriteExt;

use crate::formats::worker::{Endpoint, identity_path};
use crate::seams::shell::{Channel, Output, Shell, Shells};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

const CONNECT_TIME: Duration = Duration::from_secs(15);

/// A master that nobody uses any more, because mig was killed, ends after this.
const IDLE_SECONDS: std::num::NonZeroUsize = std::num::NonZeroUsize::MIN.saturating_add(29);

/// Opens lines by OpenSSH.
pub struct Ssh {
    /// The spec's folder: what `identity_file` is relative to.
    dir: PathBuf,
    /// Keys that were accepted by `-accept-host-key`, beside the state.
    accepted: PathBuf,
    /// An unknown host's key is accepted and written down; a known host's other key never is.
    accept: bool,
}

/// Where the keys are that were accepted for the runners of a state.
pub fn accepted_keys(state: &Path) -> PathBuf {
    let name = state.file_name().and_then(|n| n.to_str()).unwrap_or("mig.migstate");
    state.with_file_name(format!("{name}.known_hosts"))
}

impl Ssh {
    pub fn new(dir: &Path, state: &Path, accept: bool) -> Self {
        Self { dir: dir.to_owned(), accepted: accepted_keys(state), accept }
    }

    /// Writes the configuration that a line is opened with. Files that it names lie in `scratch`.
    pub fn configuration(&self, to: &Endpoint, scratch: &Path) -> Outcome<PathBuf> {
        let broken = |error: std::io::Error| {
            Failure::new(
                codes::SSH_BROKE,
                format!("prepare the line to {to}"),
                error.to_string(),
                "Look at the temporary folder, then run the command again.",
            )
        };
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let known = match &to.host_key {
            Some(key) => {
                let host = if to.port == 22 { to.host.clone() } else { format!("[{}]:{}", to.host, to.port) };
                let file = scratch.join("known_hosts");
                std::fs::write(&file, format!("{host} {key}\n")).map_err(broken)?;
                quoted(&file)
            }
            None => format!("{} ~/.ssh/known_hosts", quoted(&absolute(&self.accepted))),
        };
        let strict = if self.accept && to.host_key.is_none() { "accept-new" } else { "yes" };
        let mut text = format!(
            "Host *\n  UserKnownHostsFile {known}\n  StrictHostKeyChecking {strict}\n  UpdateHostKeys no\n  \
             HashKnownHosts no\n  CheckHostIP no\n  ForwardAgent no\n  ForwardX11 no\n  ClearAllForwardings yes\n  \
             PermitLocalCommand no\n  BatchMode yes\n  ConnectTimeout {}\n  ServerAliveInterval 5\n  \
             ServerAliveCountMax 3\n  LogLevel ERROR\n",
            CONNECT_TIME.as_secs()
        );
        if to.host_key.is_some() {
            text.push_str("  GlobalKnownHostsFile /dev/null\n");
        }
        if let Some(file) = &to.identity_file {
            let path = absolute(&identity_path(&self.dir, file, std::env::var_os("HOME")));
            if !path.exists() {
                let hint = "Put the file back from a backup. The key of a machine that mig made can be accepted again with the \
                            machine: `mig apply` with -replace= for its key_pair and its instance.";
                let cause = format!("the private key {} is not there", path.display());
                return Err(Failure::new(codes::SSH_LOGIN_REFUSED, format!("log in to {to}"), cause, hint));
            }
            text.push_str(&format!("  IdentityFile {}\n  IdentitiesOnly yes\n", quoted(&path)));
        }
        // What stands first counts: the user's own configuration adds, and takes nothing back.
        text.push_str("Include ~/.ssh/config\n");
        let path = scratch.join("config");
        std::fs::File::create(&path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(broken)?;
        Ok(path)
    }
}

fn quoted(path: &Path) -> String {
    // `%` begins a token of ssh_config(5) in these settings, and a quote ends the argument.
    format!("\"{}\"", path.display().to_string().replace('%', "%%").replace('\\', "\\\\").replace('"', "\\\""))
}

impl Shells for Ssh {
    fn connect<'a>(&'a self, to: &'a Endpoint) -> BoxFuture<'a, Outcome<Arc<dyn Shell>>> {
        Box::pin(async move {
            let scratch = tempfile::tempdir().map_err(|error| {
                let hint = "Look at the temporary folder (TMPDIR), then run the command again.";
                Failure::new(codes::SSH_BROKE, format!("prepare the line to {to}"), error.to_string(), hint)
            })?;
            let config = self.configuration(to, scratch.path())?;
            let mut builder = SessionBuilder::default();
            let check = if self.accept && to.host_key.is_none() { KnownHosts::Add } else { KnownHosts::Strict };
            builder
                .user(to.user.clone())
                .port(to.port)
                .connect_timeout(CONNECT_TIME)
                .known_hosts_check(check)
                .config_file(&config)
                .control_directory(scratch.path());
            // The master ends with the one who asked for it, whatever became of that one.
            builder.control_persist(openssh::ControlPersist::IdleFor(IDLE_SECONDS));
            let session = builder.connect(&to.host).await.map_err(|error| refused(to, &error))?;
            let line = Line { to: to.clone(), session: Arc::new(session), _scratch: Arc::new(scratch) };
            Ok(Arc::new(line) as Arc<dyn Shell>)
        })
    }
}

/// One master connection.
struct Line {
    to: Endpoint,
    session: Arc<Session>,
    _scratch: Arc<tempfile::TempDir>,
}

impl Line {
    fn broken(&self, error: &openssh::Error) -> Failure {
        let hint = "Look whether the runner and the way to it are up, then run the command again.";
        Failure::new(codes::SSH_BROKE, format!("talk to {}", self.to), words(error), hint).retryable()
    }

    fn lost(&self, error: &std::io::Error) -> Failure {
        let hint = "Look whether the runner and the way to it are up, then run the command again.";
        Failure::new(codes::SSH_BROKE, format!("talk to {}", self.to), error.to_string(), hint).retryable()
    }
}

impl Shell for Line {
    fn run<'a>(&'a self, script: &'a str, input: &'a [u8]) -> BoxFuture<'a, Outcome<Output>> {
        Box::pin(async move {
            let mut command = self.session.command("sh");
            command.arg("-c").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().await.map_err(|error| self.broken(&error))?;
            let stdin = child.stdin().take();
            let feed = async move {
                let Some(mut stdin) = stdin else { return Ok(()) };
                match stdin.write_all(input).await {
                    // A command that wants no more of it tells so by its status.
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
                    other => other,
                }
            };
            let (fed, output) = tokio::join!(feed, child.wait_with_output());
            fed.map_err(|error| self.lost(&error))?;
            let output = match output {
                // The crate's word for status 127: there is no such program.
                Err(openssh::Error::Remote(error)) => {
                    return Ok(Output { status: Some(127), stdout: Vec::new(), stderr: error.to_string() });
                }
                output => output.map_err(|error| self.broken(&error))?,
            };
            let stderr = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
            // ssh's own failures come as 255.
            if output.status.code() == Some(255) {
                return Err(self.lost(&std::io::Error::other(if stderr.is_empty() {
                    "the connection was closed".to_owned()
                } else {
                    stderr
                })));
            }
            Ok(Output { status: output.status.code(), stdout: output.stdout, stderr })
        })
    }

    fn open<'a>(&'a self, script: &'a str) -> BoxFuture<'a, Outcome<Channel>> {
        Box::pin(async move {
            let mut command = Session::to_command(self.session.clone(), "sh");
            command.arg("-c").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
            let mut child = command.spawn().await.map_err(|error| self.broken(&error))?;
            let (Some(to), Some(from)) = (child.stdin().take(), child.stdout().take()) else {
                return Err(self.lost(&std::io::Error::other("the command has no line")));
            };
            Ok(Channel { to: Box::new(to), from: Box::new(from), held: Box::new((child, self._scratch.clone())) })
        })
    }
}

/// What OpenSSH said, in one line.
fn words(error: &openssh::Error) -> String {
    let text = match error {
        openssh::Error::Connect(inner) | openssh::Error::Master(inner) | openssh::Error::Ssh(inner) => {
            inner.to_string()
        }
        other => other.to_string(),
    };
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('@')).collect::<Vec<_>>().join(" ")
}

fn refused(to: &Endpoint, error: &openssh::Error) -> Failure {
    let text = words(error);
    let doing = format!("connect to {to} by SSH");
    if text.contains("IDENTIFICATION HAS CHANGED") || text.contains("differs from") {
        let hint = "Another machine answers, or the host has a new key. Look at its key on the machine itself; then \
                    remove the old one from the known hosts, or change `host_key`. Nothing was sent.";
        return Failure::new(codes::HOST_KEY, doing, "the host's key is not the one that is known", hint);
    }
    if text.contains("ost key verification failed") || text.contains("host key is known") {
        let hint = "Pin the host's public key in the spec (`host_key`), connect once by `ssh`, or give \
                    -accept-host-key. Nothing was sent.";
        return Failure::new(codes::HOST_KEY, doing, "the host's key is not known here", hint);
    }
    if text.contains("ermission denied") || text.contains("Too many authentication failures") {
        let hint = "Look at `user` and `identity_file`, and whether the public key is in the user's authorized_keys.";
        return Failure::new(codes::SSH_LOGIN_REFUSED, doing, text, hint);
    }
    let hint = "Look whether the machine is up, and whether its port for SSH is open from here.";
    Failure::new(codes::RUNNER_UNREACHABLE, doing, text, hint).retryable()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_any_name_stands_in_the_configuration_as_ssh_reads_it() {
        for (path, expected) in [
            ("/a b/key", "\"/a b/key\""),
            ("/100%done/key", "\"/100%%done/key\""),
            ("/say \"hi\"/key", "\"/say \\\"hi\\\"/key\""),
            ("/back\\slash", "\"/back\\\\slash\""),
        ] {
            assert_eq!(quoted(Path::new(path)), expected);
        }
    }

    #[test]
    fn a_private_key_that_is_not_there_is_told_by_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let ssh = Ssh::new(dir.path(), &dir.path().join("mig.migstate"), false);
        let mut endpoint = Endpoint {
            host: "h".into(),
            port: 22,
            user: "u".into(),
            identity_file: Some("keys/none".into()),
            ..Endpoint::default()
        };
        let failure = ssh.configuration(&endpoint, dir.path()).unwrap_err();
        assert_eq!(failure.code, "MIG3103");
        assert!(failure.cause.contains("keys/none"), "{}", failure.cause);
        endpoint.identity_file = None;
        assert!(ssh.configuration(&endpoint, dir.path()).is_ok());
    }
}
