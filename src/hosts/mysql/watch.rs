//! Watches over a statement whose answer does not come. A line that has gone silent (a firewall that forgot it, a load
//! balancer whose far side is gone) keeps its socket open and would be waited for without end, and no time-out tells it
//! from a statement that takes long. So another connection asks the server what the first one does: one at work is
//! waited for; one that waits for a statement has answered into the void, and is ended, so that its locks go. Knows
//! nothing of what a statement does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tokio::time::{sleep, timeout};

use crate::seams::sql::Fault;

use super::CONNECT_TIME;
use super::login::Login;

/// How long a line may be silent before the server is asked about it.
const QUIET: Duration = Duration::from_secs(10);
/// How long after an answer that looks bad the server is asked once more: the answer to the statement may just have
/// been on its way.
const AGAIN: Duration = Duration::from_secs(4);
/// A line is given up after this where no new connection comes to be either.
const UNREACHABLE: Duration = Duration::from_secs(90);
/// The same where the server is in the middle of a LOAD DATA and nothing was sent any more: it may wait for bytes that
/// were lost on their way. A batch is small, and sent again where this was too early.
const HALF_SENT: Duration = Duration::from_secs(120);
/// The same where rows have come and no more do: the server may be stuck in sending them.
const HALF_READ: Duration = Duration::from_secs(600);

/// What a statement moves over the line beside its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moves {
    Nothing,
    /// Rows to us.
    Rows,
    /// The content of a LOAD DATA to the server.
    Content,
}

/// The watch over one connection.
pub(super) struct Watch {
    login: Arc<Login>,
    /// The server's number of the connection that is watched over.
    id: u32,
    moved: AtomicU64,
}

/// What the server says of the connection.
enum Seen {
    AtWork,
    /// It is at work on a statement, and has an answer that it cannot get rid of.
    Sending,
    /// It waits for a statement.
    Waiting,
    Gone,
    /// Another connection came to be, and could not tell: it reached another server, or a proxy with numbers of its own
    /// is in between.
    Unknown,
    Unreachable,
}

impl Watch {
    /// How others come to the session's server, and its number there.
    pub(super) fn of(login: Arc<Login>, id: u32) -> Self {
        Self { login, id, moved: AtomicU64::new(0) }
    }

    /// A row came, or bytes were sent. Cheap: called for each row.
    pub(super) fn moved(&self) {
        self.moved.store(self.moved.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// `statement`'s result, or a fault of the line where its answer will not come.
    pub(super) async fn watch<T>(
        &self,
        moves: Moves,
        statement: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        tokio::select! {
            biased;
            done = statement => done,
            why = self.dead(moves) => Err(Fault::line(why)),
        }
    }

    /// Returns when the line is given up, and why.
    async fn dead(&self, moves: Moves) -> &'static str {
        let first = self.moved.load(Ordering::Relaxed);
        let (mut before, mut since, mut bad) = (first, Instant::now(), 0);
        loop {
            sleep(if bad == 0 { QUIET } else { AGAIN }).await;
            let now = self.moved.load(Ordering::Relaxed);
            if now != before {
                (before, since, bad) = (now, Instant::now(), 0);
                continue;
            }
            let seen = self.ask().await;
            let quiet = since.elapsed();
            bad = if matches!(seen, Seen::Waiting | Seen::Gone | Seen::Sending) { bad + 1 } else { 0 };
            let why = match seen {
                _ if bad == 1 => continue,
                Seen::Waiting => "the answer to a statement was lost: the server waits for the next one",
                Seen::Gone => "the server no longer knows of this connection",
                Seen::Sending => "the server sends rows, and none arrives",
                Seen::Unreachable if quiet > UNREACHABLE => "the line is silent, and no new one comes to be",
                _ if moves == Moves::Content && quiet > HALF_SENT => "the server took the rows and never answered",
                _ if moves == Moves::Rows && before != first && quiet > HALF_READ => {
                    "the server sent rows and no more came"
                }
                _ => continue,
            };
            self.end().await;
            return why;
        }
    }

    async fn ask(&self) -> Seen {
        let mut other = match timeout(CONNECT_TIME, self.login.conn()).await {
            Ok(Ok(other)) => other,
            _ => return Seen::Unreachable,
        };
        let seen = timeout(CONNECT_TIME, self.look(&mut other)).await.unwrap_or(Seen::Unreachable);
        if !matches!(seen, Seen::Unreachable) {
            let _ = timeout(CONNECT_TIME, other.disconnect()).await;
        }
        seen
    }

    async fn look(&self, other: &mut Conn) -> Seen {
        // On another server the number is somebody else's.
        match self.login.identity.check_driver(other).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Seen::Unknown,
            Err(_) => return Seen::Unreachable,
        }
        let own = other.id();
        // A cluster of TiDB servers lists the connections of all of them in one table, each server its own in the other.
        for table in ["CLUSTER_PROCESSLIST", "PROCESSLIST"] {
            let sql =
                format!("SELECT ID, COMMAND, STATE FROM information_schema.{table} WHERE ID IN ({}, {own})", self.id);
            let rows: Vec<(u64, Option<String>, Option<String>)> = match other.query(sql).await {
                Ok(rows) => rows,
                Err(mysql_async::Error::Server(_)) => continue,
                Err(_) => return Seen::Unreachable,
            };
            if !rows.iter().any(|(id, ..)| *id == u64::from(own)) {
                // Numbers mean something else here.
                return Seen::Unknown;
            }
            let Some((_, command, state)) = rows.iter().find(|(id, ..)| *id == u64::from(self.id)) else {
                return Seen::Gone;
            };
            let state = state.as_deref().unwrap_or_default().to_ascii_lowercase();
            return match command.as_deref() {
                Some(command) if command.eq_ignore_ascii_case("sleep") => Seen::Waiting,
                _ if state == "sending to client" || state == "writing to net" => Seen::Sending,
                _ => Seen::AtWork,
            };
        }
        Seen::Unknown
    }

    /// Ends the session on the server: what it holds would block the next one. A session may always end its user's own.
    async fn end(&self) {
        let _ = timeout(CONNECT_TIME, async {
            let Ok(mut other) = self.login.conn_to_the_same().await else { return };
            let _ = other.query_drop(format!("KILL {}", self.id)).await;
            let _ = other.disconnect().await;
        })
        .await;
    }
}
