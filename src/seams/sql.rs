//! The seam to a MySQL-compatible server: connections, text rows, LOAD DATA. Knows no dialect and no driver.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use futures::future::BoxFuture;

use crate::words::error::{Failure, Outcome};

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
        /// Relaxes NO_ZERO_DATE and NO_ZERO_IN_DATE.
        keep_zero_dates: bool,
        /// Further session variables out of `load.session`.
        session: BTreeMap<String, String>,
    },
}

/// Opens connections to one server. Cheap to clone behind an `Arc`.
pub trait Server: Send + Sync {
    /// A new connection, set up for its role.
    ///
    /// # Errors
    /// A [`Failure`] with a code of the servers' table: unknown host, closed port, TLS refused, access denied …
    fn connect<'a>(&'a self, role: &'a Role) -> BoxFuture<'a, Outcome<Box<dyn Connection>>>;

    /// `host:port`, for messages.
    fn place(&self) -> String;
}

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

    /// Runs `LOAD DATA LOCAL INFILE …` with `data` as the file's content.
    fn load_data<'a>(&'a mut self, sql: &'a str, data: Vec<u8>) -> BoxFuture<'a, Result<Done, Fault>>;
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
    /// TiDB's region errors (pingcap/tidb `pkg/errno/errcode.go`: 8002, 8022, 9001-9007; MySQL: 1205, 1213, 1053).
    pub fn transient(&self) -> bool {
        self.lost || matches!(self.number, Some(1040 | 1053 | 1205 | 1213 | 8002 | 8022 | 8028 | 9001..=9007 | 9010))
    }

    /// As a failure of the program.
    pub fn failure(&self, code: &'static str, doing: impl Into<String>, hint: impl Into<String>) -> Failure {
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
