//! A fake: a server that follows a script, for faults that a real one cannot be made to have at a wanted moment (a lost
//! answer to a COMMIT, a deadlock in the third batch), and a clock on which all time passes at once. Compiled for tests
//! only. It understands no SQL: a script lists each statement by words of it, in order, with the answer; anything else that
//! is said, and anything that is left unsaid, fails the test.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;

use crate::formats::dumpfile::Piece;
use crate::formats::facts::Position;
use crate::seams::clock::Clock;
use crate::seams::sql::{Connection, Done, Fault, LogEnd, OnChange, OnRow, Role, Rows, Server};
use crate::words::error::Outcome;

/// What the server answers to one statement.
#[derive(Clone, Debug)]
pub enum Answer {
    Rows(Vec<Vec<String>>),
    /// Rows affected, without a warning.
    Done(u64),
    /// Rows affected, warnings, and the info text.
    Warned(u64, u32, &'static str),
    Refused(u16, &'static str),
    /// The connection is lost before the answer arrives; whether the statement took effect is for the script to say.
    Lost,
}

/// A line of a script: words that stand in the statement, and the answer. [`CONNECT`] stands for a new connection.
pub type Said = (String, Answer);

/// See [`Said`].
pub const CONNECT: &str = "(a new connection)";

/// A script's line.
pub fn on(words: impl Into<String>, answer: Answer) -> Said {
    (words.into(), answer)
}

/// A result of these rows.
pub fn rows(rows: &[&[&str]]) -> Answer {
    Answer::Rows(rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect())
}

/// One script over all connections to it: for work that is done in one order.
#[derive(Clone)]
pub struct Scripted {
    name: String,
    script: Arc<Mutex<VecDeque<Said>>>,
}

impl Scripted {
    /// `name`: of the test's row, for the message when it fails.
    pub fn new(name: &str, script: impl IntoIterator<Item = Said>) -> Self {
        Self { name: name.to_owned(), script: Arc::new(Mutex::new(script.into_iter().collect())) }
    }

    /// Fails the test if something of the script was never said.
    pub fn is_through(&self) {
        let left: Vec<String> = self.lines().iter().map(|(words, _)| words.clone()).collect();
        assert!(left.is_empty(), "{}: never said: {left:?}", self.name);
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, VecDeque<Said>> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, statement: &str) -> Result<Answer, Fault> {
        let Some((words, answer)) = self.lines().pop_front() else {
            panic!("{}: said behind the script's end: {statement}", self.name);
        };
        assert!(statement.contains(&words), "{}: expected {words:?}, and was told {statement:?}", self.name);
        match answer {
            Answer::Refused(number, message) => {
                Err(Fault { number: Some(number), message: message.to_owned(), lost: false })
            }
            Answer::Lost => Err(Fault::line("the script cut it")),
            answer => Ok(answer),
        }
    }
}

impl Server for Scripted {
    fn connect<'a>(&'a self, _: &'a Role) -> BoxFuture<'a, Outcome<Box<dyn Connection>>> {
        Box::pin(async {
            self.hear(CONNECT).map_err(|fault| fault.told("connect to the scripted server"))?;
            Ok(Box::new(Talking { server: self.clone(), lost: false }) as Box<dyn Connection>)
        })
    }

    fn binlog<'a>(
        &'a self,
        _: &'a Position,
        _: &'a Position,
        _: &'a mut OnChange<'_>,
    ) -> BoxFuture<'a, Outcome<LogEnd>> {
        panic!("{}: a scripted server has no binlog", self.name)
    }

    fn log_begun<'a>(&'a self, _: &'a Position) -> BoxFuture<'a, Outcome<u64>> {
        panic!("{}: a scripted server has no binlog", self.name)
    }

    fn place(&self) -> String {
        "scripted:3306".into()
    }
}

struct Talking {
    server: Scripted,
    lost: bool,
}

impl Talking {
    fn hear(&mut self, statement: &str) -> Result<Answer, Fault> {
        assert!(!self.lost, "{}: said on a lost connection: {statement}", self.server.name);
        let answer = self.server.hear(statement);
        self.lost = answer.as_ref().is_err_and(|fault| fault.lost);
        answer
    }

    fn done(&mut self, statement: &str) -> Result<Done, Fault> {
        Ok(match self.hear(statement)? {
            Answer::Warned(affected, warnings, info) => Done { affected, warnings, info: info.to_owned() },
            Answer::Done(affected) => Done { affected, ..Done::default() },
            other => panic!("{}: no answer to {statement}: {other:?}", self.server.name),
        })
    }
}

impl Connection for Talking {
    fn query<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<Rows, Fault>> {
        let answer = self.hear(sql).map(|answer| match answer {
            Answer::Rows(rows) => {
                let cells = |row: Vec<String>| row.into_iter().map(|cell| Some(cell.into_bytes())).collect();
                Rows { rows: rows.into_iter().map(cells).collect(), ..Rows::default() }
            }
            other => panic!("{}: no answer to {sql}: {other:?}", self.server.name),
        });
        Box::pin(async move { answer })
    }

    fn execute<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<Done, Fault>> {
        let done = self.done(sql);
        Box::pin(async move { done })
    }

    fn stream<'a>(&'a mut self, sql: &'a str, _: &'a mut OnRow<'_>) -> BoxFuture<'a, Result<u64, Fault>> {
        panic!("{}: a scripted server streams nothing: {sql}", self.server.name)
    }

    /// Told to the script as the statement, the number of lines and the first one's first cell: `LOAD … (3 lines from 7)`.
    fn load_data<'a>(&'a mut self, sql: &'a str, data: Vec<Piece>) -> BoxFuture<'a, Result<Done, Fault>> {
        let bytes: Vec<u8> = data.into_iter().flat_map(Piece::into_bytes).collect();
        let text = String::from_utf8_lossy(&bytes);
        let first = text.split(['\t', '\n']).next().unwrap_or_default();
        let done = self.done(&format!("{sql} ({} lines from {first})", text.lines().count()));
        Box::pin(async move { done })
    }
}

/// Time that passes at once.
#[derive(Default)]
pub struct Hurried {
    millis: std::sync::atomic::AtomicU64,
}

impl Clock for Hurried {
    fn now(&self) -> String {
        "2026-01-31T08:15:30.250Z".into()
    }

    fn millis(&self) -> u64 {
        self.millis.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.millis.fetch_add(millis, std::sync::atomic::Ordering::Relaxed);
        Box::pin(async {})
    }
}
