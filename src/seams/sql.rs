//! The seam to a MySQL-compatible server: connections, text rows, LOAD DATA. Knows no dialect and no driver.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;

use crate::formats::dumpfile::Piece;
use crate::formats::facts::Position;
use crate::words::codes::{self, Code};
use crate::words::error::{Failure, Outcome};
use crate::words::secret::Secret;

/// One value of a row as the text protocol gives it; `None` is NULL.
pub type Cell = Option<Vec<u8>>;

/// What a session is set up for (contract, "Sessions with the servers"). The host sets the session variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Looks at a source or target; changes nothing.
    Look,
    /// Reads rows of the source: UTC, REPEATABLE READ, fixed sql_mode, no execution limit, long net time-outs.
    Read,
    /// Creates and loads on the target: strict, UTC, foreign_key_checks = 0, short idle time-out of a transaction.
    Write {
        /// Relaxes NO_ZERO_DATE and NO_ZERO_IN_DATE, and allows days that no month has.
        keep_zero_dates: bool,
        /// Further session variables out of `load.session`.
        session: BTreeMap<String, String>,
    },
}

/// What is logged in with where no password stands: made again for each log-in, since it expires.
pub trait Tokens: Send + Sync {
    /// # Errors
    /// No credentials to sign with, or expired ones.
    fn token(&self) -> BoxFuture<'_, Outcome<Secret>>;
}

/// Opens connections to one server. Cheap to clone behind an `Arc`.
pub trait Server: Send + Sync {
    /// A new connection, set up for its role.
    ///
    /// # Errors
    /// A [`Failure`] with a code of the servers' table: unknown host, closed port, TLS refused, access denied …
    fn connect<'a>(&'a self, role: &'a Role) -> BoxFuture<'a, Outcome<Box<dyn Connection>>>;

    /// Reads the binlog from one place to another, in order, on a connection of its own; `on_change` is told of every
    /// event that may have changed something.
    ///
    /// # Errors
    /// Where the server does not let it be read, or the file at `from` is gone.
    fn binlog<'a>(
        &'a self,
        from: &'a Position,
        to: &'a Position,
        on_change: &'a mut OnChange<'_>,
    ) -> BoxFuture<'a, Outcome<LogEnd>>;

    /// When the file at a place of the binlog was begun; see [`Position::begun`].
    ///
    /// # Errors
    /// As [`Server::binlog`].
    fn log_begun<'a>(&'a self, at: &'a Position) -> BoxFuture<'a, Outcome<u64>>;

    /// Opens a door of this machine's own to the server, for a program that mig runs: who knocks there with the door's user
    /// and password gets a session that mig has logged in and set up for `role`.
    ///
    /// # Errors
    /// As [`Server::connect`], and where no port can be had.
    fn door<'a>(&'a self, role: &'a Role) -> BoxFuture<'a, Outcome<Door>> {
        let _ = role;
        Box::pin(async {
            let hint = "Use mig's own engine.";
            Err(Failure::new(codes::ENGINE_DOOR, "open a way to the server", "this server has none", hint))
        })
    }

    /// Binds the sessions to a server that was looked at before, by another process; see
    /// [`crate::formats::facts::ServerFacts::own_id`]. Without it, they are bound to the one that answers first.
    fn bind_to(&self, server_id: &str) {
        let _ = server_id;
    }

    /// `host:port`, for messages.
    fn place(&self) -> String;
}

/// A way to a server for another program: a port of this machine's loopback, with a user and a password that are good as
/// long as the door is open, and for this door only. The program never learns the server's own credentials, and cannot
/// leave out TLS: both are mig's. Dropped, it is closed, with every session that came through it.
pub struct Door {
    pub port: u16,
    pub user: String,
    pub password: Secret,
    /// The first thing that went wrong behind the door: the program knows it only as a lost connection.
    pub fault: Arc<Mutex<Option<Failure>>>,
    /// Keeps it open.
    pub held: Box<dyn Send + Sync>,
}

impl Door {
    /// What went wrong behind it first.
    pub fn fault(&self) -> Option<Failure> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// How reading a binlog ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogEnd {
    Reached,
    /// The log ended before the place.
    Short,
    /// The file is another one than the position was taken in: the log was made again.
    Another,
}

/// What an event of the binlog tells. Begin and end of transactions are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// Rows of a table were written; `added`: by nothing but inserts.
    Rows { schema: &'a str, table: &'a str, added: bool },
    /// A statement that is to write to a table; its rows may follow.
    Announced { schema: &'a str, table: &'a str },
    /// A distributed transaction, whose rows came before this, waits for its COMMIT: `x'7831',x'',1`.
    Prepared { xid: &'a str },
    /// A statement, run with `schema` as its default: DDL, or any other where the format is not ROW. Holds values.
    Statement { schema: &'a str, text: &'a str },
    /// An event that could not be understood: it may have changed anything.
    Unread { what: &'a str },
}

/// Called for each change; see [`Server::binlog`].
pub type OnChange<'a> = dyn FnMut(Change<'_>) + Send + 'a;

/// The rows of a small result, whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
    /// Warnings that the server counted for this statement.
    pub warnings: u32,
}

/// What a statement without rows came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    pub affected: u64,
    pub warnings: u32,
    /// The server's info text, for example `Records: 3  Deleted: 0  Skipped: 1  Warnings: 2`.
    pub info: String,
}

/// Called for each row of a stream; cells borrow from the driver's buffer.
pub type OnRow<'a> = dyn FnMut(&[Option<&[u8]>]) -> ControlFlow<()> + Send + 'a;

/// One connection. After a [`Fault`] with `lost`, it is to be dropped.
pub trait Connection: Send {
    /// Runs a query and returns its rows whole: for small results only.
    fn query<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<Rows, Fault>>;

    /// Runs a statement that gives no rows.
    fn execute<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<Done, Fault>>;

    /// Streams a query's rows to `on_row`, one at a time in bounded memory; returns their count.
    /// `Break` ends early and makes the connection unusable.
    fn stream<'a>(&'a mut self, sql: &'a str, on_row: &'a mut OnRow<'_>) -> BoxFuture<'a, Result<u64, Fault>>;

    /// Runs `LOAD DATA LOCAL INFILE …` with the pieces of `data`, one behind the other, as the file's content.
    fn load_data<'a>(&'a mut self, sql: &'a str, data: Vec<Piece>) -> BoxFuture<'a, Result<Done, Fault>>;
}

/// What a server or the line to it answered. `message` is the server's text; callers that may show it strip values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The server's error number; none for the line itself.
    pub number: Option<u16>,
    pub message: String,
    /// The connection is gone, and whether a COMMIT took effect is unknown.
    pub lost: bool,
}

impl Fault {
    /// Whether the same work in a new transaction may succeed: lost lines, deadlocks, lock waits, write conflicts and
    /// TiDB's region errors (pingcap/tidb `pkg/errno/errcode.go`: 8002, 8022, 8027, 8028, 9001-9007, 9010; MySQL: 1205, 1213, 1053).
    pub fn transient(&self) -> bool {
        self.lost
            || matches!(self.number, Some(1040 | 1053 | 1205 | 1213 | 8002 | 8022 | 8027 | 8028 | 9001..=9007 | 9010))
    }

    /// A fault of the line itself: the connection is gone.
    pub fn line(message: impl Into<String>) -> Self {
        Self { number: None, message: message.into(), lost: true }
    }

    /// As a failure with the code and the hint of the servers' table, for callers that know no better ones.
    pub fn told(&self, doing: impl Into<String>) -> Failure {
        let (code, hint) = match self.number {
            _ if self.lost => {
                (codes::SERVER_GONE, "Look whether the server runs and the line holds, then run the command again.")
            }
            Some(1044 | 1045 | 1142 | 1143 | 1227 | 1370 | 3530) => (
                codes::PRIVILEGE_MISSING,
                "Grant what the privileges gate of `mig plan` lists to the user, then run the command again.",
            ),
            Some(1290 | 1792 | 1836 | 8052) => {
                (codes::SERVER_READ_ONLY, "Point the spec at a server that takes writes: the writer, not a replica.")
            }
            _ if self.transient() => (codes::SERVER_BUSY, "The server was busy; run the command again."),
            _ => (codes::STATEMENT_REFUSED, "Read the server's answer; it names what was refused."),
        };
        self.failure(code, doing, hint)
    }

    /// As a failure of the program.
    pub fn failure(&self, code: Code, doing: impl Into<String>, hint: impl Into<String>) -> Failure {
        let cause = match self.number {
            Some(number) => format!("the server answered error {number}: {}", self.message),
            None => format!("the connection failed: {}", self.message),
        };
        let failure = Failure::new(code, doing, cause, hint);
        if self.transient() { failure.retryable() } else { failure }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.number {
            Some(number) => write!(f, "error {number}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}
