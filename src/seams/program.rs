//! The seam to programs of others on this machine. Knows how one is started, watched and ended; neither what it does nor
//! how it says so.

use std::path::PathBuf;

use futures::future::BoxFuture;

use crate::words::error::Outcome;

/// How a program is started. Its environment is empty but for PATH, HOME and what is named here, so that it inherits no
/// secret; arguments can be read by every user of the machine.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// A path, or a name that is looked for in PATH.
    pub program: String,
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
    /// What it reads from its standard input.
    pub input: Vec<u8>,
    /// The file that takes what it writes to its standard output and its standard error.
    pub output: PathBuf,
}

/// How a program ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// `None`: a signal ended it.
    pub status: Option<i32>,
}

/// A program that runs. Dropped, it is killed: it never outlives what started it, and where the kernel knows how, not the
/// whole of mig either.
pub trait Running: Send {
    /// Waits for its end. Asked again after that, it gives the same.
    fn ended(&mut self) -> BoxFuture<'_, Outcome<Ended>>;

    /// Asks it to end (SIGTERM), and kills it where it does not within a few seconds.
    fn stop(&mut self) -> BoxFuture<'_, ()>;
}

/// Starts programs, and asks them.
pub trait Programs: Send + Sync {
    /// # Errors
    /// MIG5171: it cannot be started.
    fn start(&self, start: &Start) -> Outcome<Box<dyn Running>>;

    /// Runs a program that only says something and ends within seconds: its standard output, where it ended well.
    ///
    /// # Errors
    /// Why it cannot be had, in words.
    fn said<'a>(&'a self, program: &'a str, arguments: &'a [&'a str]) -> BoxFuture<'a, Result<String, String>>;

    /// A port of the loopback that nobody listens on now.
    ///
    /// # Errors
    /// MIG5171: there is none.
    fn free_port(&self) -> Outcome<u16>;

    /// What a program serves at `http://127.0.0.1:PORT/PATH`; `None`: nothing, or not now.
    fn page<'a>(&'a self, port: u16, path: &'a str) -> BoxFuture<'a, Option<String>>;
}
