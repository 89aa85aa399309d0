//! Which server a session has reached. One address may lead to several: a load balancer, a reader's endpoint, a name that
//! was moved. What was seen of one of them says nothing of another, so the first answer binds every later session of the
//! run. Knows no step, and no identity that outlives the run: that one is the facts'.

use std::collections::BTreeSet;
use std::sync::{Mutex, OnceLock, PoisonError};

use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use crate::seams::sql::{Connection, Fault, Rows};
use crate::words::addr::sql_ident;

use super::faults::fault_of;

/// What the identity is made of; a server has some of them.
pub(super) const VARIABLES: &[&str] = &["aurora_server_id", "datadir", "hostname", "port", "server_uuid"];

/// Where TiDB keeps the number of its cluster: all of its servers give the same.
const CLUSTER: &str = "SELECT VARIABLE_VALUE FROM mysql.tidb WHERE VARIABLE_NAME = 'cluster_id'";

/// Who answered, and where it says that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Who {
    /// Empty: it does not tell.
    id: String,
    place: String,
    /// What the ledger of a TiDB calls it; empty: it has none, or none yet.
    minted: String,
}

impl Who {
    fn is_another_than(&self, other: &Self) -> bool {
        let differ = |a: &str, b: &str| !a.is_empty() && !b.is_empty() && a != b;
        differ(&self.id, &other.id) || differ(&self.minted, &other.minted)
    }
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = [&self.id, &self.minted].map(String::as_str);
        let name = names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join("/");
        match self.place.as_str() {
            "" => f.write_str(&name),
            place => write!(f, "{name} ({place})"),
        }
    }
}

/// A session reached another server than the ones before it.
#[derive(Debug)]
pub(super) struct Elsewhere {
    pub expected: Who,
    pub reached: Who,
}

#[derive(Default)]
pub(super) struct Identity {
    /// The queries that tell, the first that is answered counts; set when a first session was set up.
    queries: OnceLock<Vec<String>>,
    /// Set where the first answer need not be believed: what the run looked at by another process.
    expected: OnceLock<String>,
    seen: Mutex<Option<Who>>,
}

impl Identity {
    /// A server that was looked at before, by [`crate::formats::facts::ServerFacts::own_id`]. The writer of an Aurora
    /// cluster may change, and a TiDB has no such name: theirs is left out by the caller.
    pub fn bind_to(&self, id: &str) {
        let _ = self.expected.set(id.to_owned());
    }

    /// Whether it is known by now how a server is asked.
    pub fn is_known(&self) -> bool {
        self.queries.get().is_some()
    }

    /// Learns how this kind of server is asked. `known`: its variables out of [`VARIABLES`] and the session's own.
    ///
    /// # Errors
    /// A lost line.
    pub async fn learn(
        &self,
        conn: &mut dyn Connection,
        known: &BTreeSet<String>,
        ledger_schema: &str,
    ) -> Result<(), Fault> {
        let has = |name: &str| known.contains(name);
        let query = |id: &str, minted: &str| format!("SELECT {id}, CONCAT(@@hostname, ':', @@port), {minted}");
        let queries = if has("tidb_txn_mode") {
            let minted = format!("(SELECT MIN(server_id) FROM {}.identity)", sql_ident(ledger_schema));
            match conn.query(CLUSTER).await {
                // Before first contact there is no ledger.
                Ok(_) => vec![query(&format!("({CLUSTER})"), &minted), query(&format!("({CLUSTER})"), "''")],
                Err(fault) if fault.lost => return Err(fault),
                // Who may not read it is left with what the first apply mints.
                Err(_) => vec![query("''", &minted)],
            }
        } else if has("aurora_server_id") {
            // Its servers share their storage; a reader of it lags all the same.
            vec![query("CONCAT(@@aurora_server_id, ' ', @@server_uuid)", "''")]
        } else if has("server_uuid") {
            vec![query("@@server_uuid", "''")]
        } else {
            vec![query("CONCAT(@@hostname, ':', @@port, ':', @@datadir)", "''")]
        };
        let _ = self.queries.set(queries);
        Ok(())
    }

    /// Asks a session that is set up.
    ///
    /// # Errors
    /// A lost line; inside, another server.
    pub async fn check(&self, conn: &mut dyn Connection) -> Result<Result<(), Elsewhere>, Fault> {
        for sql in self.queries.get().into_iter().flatten() {
            match conn.query(sql).await {
                Ok(rows) => return Ok(self.judge(who(&rows))),
                Err(fault) if fault.number.is_none() || fault.lost => return Err(fault),
                Err(_) => {}
            }
        }
        Ok(Ok(()))
    }

    /// The same of a session that is only logged in.
    ///
    /// # Errors
    /// As there.
    pub async fn check_driver(&self, conn: &mut Conn) -> Result<Result<(), Elsewhere>, Fault> {
        type Row = (Option<String>, Option<String>, Option<String>);
        for sql in self.queries.get().into_iter().flatten() {
            match conn.query_first::<Row, _>(sql.as_str()).await.map_err(fault_of) {
                Ok(row) => return Ok(self.judge(row.and_then(|(id, place, minted)| named(id, place, minted)))),
                Err(fault) if fault.number.is_none() || fault.lost => return Err(fault),
                Err(_) => {}
            }
        }
        Ok(Ok(()))
    }

    /// What cannot be told is not held against the session.
    fn judge(&self, reached: Option<Who>) -> Result<(), Elsewhere> {
        let Some(reached) = reached else { return Ok(()) };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.is_none() {
            *seen = self.expected.get().map(|id| Who { id: id.clone(), place: String::new(), minted: String::new() });
        }
        match seen.as_ref() {
            Some(expected) if expected.is_another_than(&reached) => {
                Err(Elsewhere { expected: expected.clone(), reached })
            }
            Some(expected) if reached.minted.is_empty() && !expected.minted.is_empty() => Ok(()),
            _ => {
                *seen = Some(reached);
                Ok(())
            }
        }
    }
}

fn who(rows: &Rows) -> Option<Who> {
    let row = rows.rows.first()?;
    let text = |at: usize| Some(String::from_utf8_lossy(row.get(at)?.as_ref()?).into_owned());
    named(text(0), text(1), text(2))
}

/// `None`: nothing by which it could be told from another.
fn named(id: Option<String>, place: Option<String>, minted: Option<String>) -> Option<Who> {
    let [id, place, minted] = [id, place, minted].map(Option::unwrap_or_default);
    (!id.is_empty() || !minted.is_empty()).then_some(Who { id, place, minted })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn server(id: &str) -> Option<Who> {
        let (id, minted) = id.split_once('/').unwrap_or((id, ""));
        named(Some(id.to_owned()), Some("db:3306".to_owned()), Some(minted.to_owned()))
    }

    #[test]
    fn the_first_answer_binds_the_later_ones_and_an_unknown_one_says_nothing() {
        for (expected, answers) in [
            (None, &[("a", true), ("a", true), ("", true), ("b", false), ("a", true)][..]),
            (Some("a"), &[("b", false), ("a", true), ("b", false)]),
            (Some("a"), &[("", true), ("b", false)]),
            // The ledger of a TiDB gives it a name when it is first met.
            (None, &[("1", true), ("1/x", true), ("1", true), ("1/y", false), ("2/x", false), ("1/x", true)]),
            (None, &[("/x", true), ("", true), ("/y", false)]),
        ] {
            let identity = Identity::default();
            if let Some(id) = expected {
                identity.bind_to(id);
            }
            for (answer, fine) in answers {
                assert_eq!(identity.judge(server(answer)).is_ok(), *fine, "{expected:?} {answers:?} {answer}");
            }
        }
    }

    #[test]
    fn both_servers_are_named() {
        let identity = Identity::default();
        identity.judge(server("a")).unwrap();
        let elsewhere = identity.judge(server("b")).unwrap_err();
        assert_eq!(
            (elsewhere.expected.to_string(), elsewhere.reached.to_string()),
            ("a (db:3306)".into(), "b (db:3306)".into())
        );
    }
}
