//! The seam to a shell on another machine. Knows how a command is asked for and what comes back; neither SSH nor what
//! the commands do.

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::formats::worker::Endpoint;
use crate::words::error::Outcome;

/// What a command came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// `None`: a signal ended it.
    pub status: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Output {
    pub fn ok(&self) -> bool {
        self.status == Some(0)
    }

    /// Standard output as text, without the line break at its end.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end().to_owned()
    }
}

/// A command that runs over there, with both ends of its line.
pub struct Channel {
    pub to: Box<dyn AsyncWrite + Send + Unpin>,
    pub from: Box<dyn AsyncRead + Send + Unpin>,
    /// Keeps what the line stands on; the command ends when it is dropped.
    pub held: Box<dyn Send>,
}

/// A line to one machine.
pub trait Shell: Send + Sync {
    /// Runs a script of `sh` with `input` as its standard input. Nothing secret belongs in the script: it is seen in
    /// the machine's list of processes.
    ///
    /// # Errors
    /// The line failed (MIG3104); what the command itself came to is in the output.
    fn run<'a>(&'a self, script: &'a str, input: &'a [u8]) -> BoxFuture<'a, Outcome<Output>>;

    /// Starts a script and keeps its line open.
    ///
    /// # Errors
    /// As there.
    fn open<'a>(&'a self, script: &'a str) -> BoxFuture<'a, Outcome<Channel>>;
}

/// Opens lines.
pub trait Shells: Send + Sync {
    /// # Errors
    /// MIG3101 no answer, MIG3102 an unknown or another host key, MIG3103 the key was refused.
    fn connect<'a>(&'a self, to: &'a Endpoint) -> BoxFuture<'a, Outcome<std::sync::Arc<dyn Shell>>>;
}
