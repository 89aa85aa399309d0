//! MySQL-compatible servers through `mysql_async`: this file and the folder of its name are the only places that know
//! the driver. Knows sessions, TLS and faults; knows no step, no table and no dialect beyond its session variables.

mod binlog;
mod door;
mod faults;
mod identity;
mod login;
mod reader;
mod session;
mod statement;
mod tls;
mod watch;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, QueryResult, Row, TextProtocol, Value};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::formats::dumpfile::Piece;
use crate::formats::facts::Position;
use crate::formats::spec::model;
use crate::seams::sql::{Cell, Connection, Done, Door, Fault, LogEnd, OnChange, OnRow, Role, Rows, Server, Tokens};
use crate::words::error::Outcome;

use faults::fault_of;
use login::Login;
use reader::Reader;
use watch::{Moves, Watch};

/// How long a server has to take a connection: TCP, TLS, log-in and the session's set-up together.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// When an idle line is first asked whether the other end is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// The driver's ceiling of one packet. The protocol's own, since the server's `max_allowed_packet` rules anyway, and a
/// row that the server could send must not be refused here.
const PACKET_BYTES: usize = 1 << 30;
/// How much of a LOAD DATA's content goes into one packet: below every server's `max_allowed_packet`.
const INFILE_CHUNK: usize = 256 << 10;

/// The server that a block of the spec names. Opens no connection yet. `tokens`: what it is logged in with, in the place
/// of the block's password.
///
/// # Errors
/// Where the block's `ca_file` cannot be read or holds no certificate.
pub fn server(config: &model::Server, spec_dir: &Path, tokens: Option<Arc<dyn Tokens>>) -> Outcome<Arc<dyn Server>> {
    let login = Login::of(config, spec_dir, tokens)?;
    let way = Arc::new(reader::way(config, tls::Client::of(&config.tls, spec_dir, &login.place)?));
    let ledger_schema = config.ledger_schema.clone();
    Ok(Arc::new(MysqlServer { login: Arc::new(login), way, ledger_schema, variables: OnceCell::new() }))
}

struct MysqlServer {
    login: Arc<Login>,
    /// For sessions that read rows.
    way: Arc<reader::Way>,
    ledger_schema: String,
    /// Those session variables, of the ones that a session may want to set, that this server has.
    variables: OnceCell<BTreeSet<String>>,
}

impl MysqlServer {
    /// A session for rows; `None`: the driver is to open it, and to say what is wrong where that fails as well.
    ///
    /// # Errors
    /// Where it reached another server.
    async fn open_reader(&self, role: &Role) -> Outcome<Option<Reader>> {
        let opened = async {
            // The driver was here before: it has the server know the password's hash.
            let known = self.variables.get()?;
            let mut reader = Reader::open(&self.way, &self.login).await?;
            for setting in session::settings(role, known, &self.login.place).ok()? {
                reader.execute(&setting.sql).await.ok()?;
            }
            let same = self.login.identity.check(&mut reader).await.ok()?;
            Some(same.map(|()| reader))
        };
        opened.await.transpose().map_err(|elsewhere| self.login.place.elsewhere(&elsewhere))
    }

    /// Which variables the server has; the first time, also how it is asked who it is.
    async fn learn(&self, connection: &mut MysqlConnection) -> Result<&BTreeSet<String>, Fault> {
        let learned = async {
            let known = session::known_variables(connection).await?;
            self.login.identity.learn(connection, &known, &self.ledger_schema).await?;
            Ok(known)
        };
        self.variables.get_or_try_init(|| learned).await
    }

    /// A session that is not set up, for what is not a statement.
    async fn bare(&self) -> Outcome<Conn> {
        let opened = async {
            if !self.login.identity.is_known() {
                self.open(&Role::Look).await?;
            }
            self.login.conn_to_the_same().await
        };
        timeout(CONNECT_TIME, opened).await.unwrap_or_else(|_| Err(self.login.place.timed_out(CONNECT_TIME)))
    }

    async fn open(&self, role: &Role) -> Outcome<MysqlConnection> {
        let conn = self.login.conn().await?;
        let watch = Arc::new(Watch::of(self.login.clone(), conn.id()));
        let mut connection = MysqlConnection { conn: Some(conn), watch, mid_answer: false };
        let known = self.learn(&mut connection).await.map_err(|fault| self.login.place.setup_failure(&fault))?;
        for setting in session::settings(role, known, &self.login.place)? {
            if let Err(fault) = connection.execute(&setting.sql).await {
                return Err(setting.failure(&fault, &self.login.place));
            }
        }
        let same = self.login.identity.check(&mut connection).await;
        same.map_err(|fault| self.login.place.setup_failure(&fault))?
            .map_err(|elsewhere| self.login.place.elsewhere(&elsewhere))?;
        Ok(connection)
    }
}

impl Server for MysqlServer {
    fn connect<'a>(&'a self, role: &'a Role) -> BoxFuture<'a, Outcome<Box<dyn Connection>>> {
        async move {
            let opened = async {
                if *role == Role::Read
                    && let Some(reader) = self.open_reader(role).await?
                {
                    return Ok(Box::new(reader) as Box<dyn Connection>);
                }
                self.open(role).await.map(|connection| Box::new(connection) as Box<dyn Connection>)
            };
            match timeout(CONNECT_TIME, opened).await {
                Ok(connection) => connection,
                Err(_) => Err(self.login.place.timed_out(CONNECT_TIME)),
            }
        }
        .boxed()
    }

    fn binlog<'a>(
        &'a self,
        from: &'a Position,
        to: &'a Position,
        on_change: &'a mut OnChange<'_>,
    ) -> BoxFuture<'a, Outcome<LogEnd>> {
        async move {
            let conn = self.bare().await?;
            binlog::read(conn, from, to, on_change).await.map_err(|fault| self.login.place.binlog_failure(&fault))
        }
        .boxed()
    }

    fn log_begun<'a>(&'a self, at: &'a Position) -> BoxFuture<'a, Outcome<u64>> {
        async move {
            let conn = self.bare().await?;
            let begun = timeout(CONNECT_TIME, binlog::begun(conn, at)).await;
            let begun = begun.map_err(|_| self.login.place.timed_out(CONNECT_TIME))?;
            begun.map_err(|fault| self.login.place.binlog_failure(&fault))
        }
        .boxed()
    }

    fn door<'a>(&'a self, role: &'a Role) -> BoxFuture<'a, Outcome<Door>> {
        async move {
            // By the driver once: it says best why a log-in fails, and learns which variables the server has.
            let opened = timeout(CONNECT_TIME, self.open(role)).await;
            drop(opened.map_err(|_| self.login.place.timed_out(CONNECT_TIME))??);
            let known = self.variables.get().cloned().unwrap_or_default();
            let settings = session::settings(role, &known, &self.login.place)?;
            let set_up = settings.into_iter().map(|setting| setting.sql).collect();
            door::open(door::Behind { way: self.way.clone(), login: self.login.clone(), set_up }).await
        }
        .boxed()
    }

    fn bind_to(&self, server_id: &str) {
        self.login.identity.bind_to(server_id);
    }

    fn place(&self) -> String {
        self.login.place.to_string()
    }
}

/// One session. `conn` is only ever absent while it is dropped.
struct MysqlConnection {
    conn: Option<Conn>,
    watch: Arc<Watch>,
    /// An answer was begun and not read to its end (an early `Break`, a dropped future): the session is of no use.
    mid_answer: bool,
}

impl MysqlConnection {
    /// Sends one statement; every path that ends with a whole answer resets `mid_answer`.
    async fn ask<'a>(&'a mut self, sql: &'a str) -> Result<QueryResult<'a, 'static, TextProtocol>, Fault> {
        statement::refuse_several(sql)?;
        if self.mid_answer {
            return Err(Fault::line("an earlier answer was not read to its end"));
        }
        self.mid_answer = true;
        let conn = self.conn.as_mut().ok_or_else(|| Fault::line("the connection is closed"))?;
        conn.query_iter(sql).await.map_err(fault_of)
    }

    /// Notes how a statement ended: the session is of use after a server's error, and after nothing else that failed.
    fn ended<T>(&mut self, result: Result<T, Fault>) -> Result<T, Fault> {
        self.mid_answer = matches!(&result, Err(fault) if fault.number.is_none());
        result
    }

    async fn query_whole(&mut self, sql: &str) -> Result<Rows, Fault> {
        let mut answer = self.ask(sql).await?;
        let columns = answer.columns_ref().iter().map(|column| column.name_str().into_owned()).collect();
        let mut rows = Vec::new();
        while let Some(row) = answer.next().await.map_err(fault_of)? {
            rows.push(row.unwrap_raw().into_iter().map(cell).collect::<Result<_, _>>()?);
        }
        let warnings = u32::from(answer.warnings());
        answer.drop_result().await.map_err(fault_of)?;
        Ok(Rows { columns, rows, warnings })
    }

    async fn execute_whole(&mut self, sql: &str) -> Result<Done, Fault> {
        let answer = self.ask(sql).await?;
        let done = Done {
            affected: answer.affected_rows(),
            warnings: u32::from(answer.warnings()),
            info: answer.info().into_owned(),
        };
        answer.drop_result().await.map_err(fault_of)?;
        Ok(done)
    }

    /// The count of rows, and whether the answer was read to its end.
    async fn stream_rows(&mut self, sql: &str, on_row: &mut OnRow<'_>) -> Result<(u64, bool), Fault> {
        let watch = self.watch.clone();
        let mut answer = self.ask(sql).await?;
        let mut count = 0;
        let mut room: Vec<Option<&[u8]>> = Vec::with_capacity(answer.columns_ref().len());
        while let Some(row) = answer.next().await.map_err(fault_of)? {
            let mut cells = emptied(room);
            borrow_cells(&row, &mut cells)?;
            let go_on = on_row(&cells);
            watch.moved();
            room = emptied(cells);
            count += 1;
            if go_on == ControlFlow::Break(()) {
                return Ok((count, false));
            }
        }
        answer.drop_result().await.map_err(fault_of)?;
        Ok((count, true))
    }
}

impl Connection for MysqlConnection {
    fn query<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<Rows, Fault>> {
        async move {
            let result = self.watch.clone().watch(Moves::Nothing, self.query_whole(sql)).await;
            self.ended(result)
        }
        .boxed()
    }

    fn execute<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<Done, Fault>> {
        async move {
            let result = self.watch.clone().watch(Moves::Nothing, self.execute_whole(sql)).await;
            self.ended(result)
        }
        .boxed()
    }

    fn stream<'a>(&'a mut self, sql: &'a str, on_row: &'a mut OnRow<'_>) -> BoxFuture<'a, Result<u64, Fault>> {
        async move {
            let result = self.watch.clone().watch(Moves::Rows, self.stream_rows(sql, on_row)).await;
            let (count, whole) = self.ended(result)?;
            self.mid_answer = !whole;
            Ok(count)
        }
        .boxed()
    }

    fn load_data<'a>(&'a mut self, sql: &'a str, data: Vec<Piece>) -> BoxFuture<'a, Result<Done, Fault>> {
        async move {
            let watch = self.watch.clone();
            if let Some(conn) = self.conn.as_mut() {
                // The server's request for a file is answered with these bytes and nothing else, whatever name it asks
                // for: no path is ever opened.
                let pieces = data.into_iter();
                conn.set_infile_handler(async move {
                    Ok(stream::unfold((Bytes::new(), pieces, watch), |(mut piece, mut pieces, watch)| async move {
                        watch.moved();
                        while piece.is_empty() {
                            piece = Bytes::from(pieces.next()?.into_bytes());
                        }
                        let chunk = piece.split_to(piece.len().min(INFILE_CHUNK));
                        Some((Ok(chunk), (piece, pieces, watch)))
                    })
                    .boxed())
                });
            }
            let result = self.watch.clone().watch(Moves::Content, self.execute_whole(sql)).await;
            if let (Err(_), Some(conn)) = (&result, self.conn.as_mut()) {
                // A handler that was not asked must not answer a later statement.
                conn.set_infile_handler(async {
                    Err(mysql_async::Error::from(std::io::Error::other("no file is offered")))
                });
            }
            self.ended(result)
        }
        .boxed()
    }
}

impl Drop for MysqlConnection {
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        if self.mid_answer {
            // Dropped inside the runtime, the driver would first read the rest of the answer, however long it is.
            // On a thread outside of it, it closes the socket; where no thread can be had, reading on is the lesser evil.
            let held = Arc::new(std::sync::Mutex::new(Some(conn)));
            let _ = std::thread::Builder::new().name("mig-close".into()).spawn(move || drop(held));
        }
    }
}

/// The same room without its content: the allocation is kept from row to row, the borrows are not.
fn emptied<'a>(mut room: Vec<Option<&[u8]>>) -> Vec<Option<&'a [u8]>> {
    room.clear();
    room.into_iter().map(|_| None).collect()
}

fn borrow_cells<'a>(row: &'a Row, cells: &mut Vec<Option<&'a [u8]>>) -> Result<(), Fault> {
    for index in 0..row.len() {
        cells.push(match row.as_ref(index) {
            Some(Value::Bytes(bytes)) => Some(bytes.as_slice()),
            Some(Value::NULL) => None,
            _ => return Err(Fault::line("the server sent a value that is not text")),
        });
    }
    Ok(())
}

fn cell(value: Option<Value>) -> Result<Cell, Fault> {
    match value {
        Some(Value::Bytes(bytes)) => Ok(Some(bytes)),
        Some(Value::NULL) => Ok(None),
        _ => Err(Fault::line("the server sent a value that is not text")),
    }
}
