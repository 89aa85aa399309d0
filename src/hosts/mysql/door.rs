//! A door to a server for another program ([`Door`]): it listens on this machine's loopback, lets in who knows the door's
//! own user and password, and logs in on the other side as every session of mig does: by the block's credentials, over the
//! block's TLS, to the server that the run is with. Then bytes pass as they are. Knows the log-in of MySQL's protocol, and
//! nothing of what is said afterwards.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mysql_common::constants::{CapabilityFlags, StatusFlags};
use mysql_common::io::ParseBuf;
use mysql_common::packets::{AuthPlugin, HandshakePacket, HandshakeResponse};
use mysql_common::proto::MySerialize;
use rand::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::CONNECT_TIME;
use super::login::Login;
use super::reader::{Line, Packet, Reader, Way, Wire, greet};
use crate::seams::sql::{Connection, Door, Fault};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};
use crate::words::secret::Secret;

/// What a program may agree on with the server. Not among it: TLS and compression, which would hide the bytes from the
/// other side, files of the client, and everything that changes who is logged in.
const ALLOWED: CapabilityFlags = CapabilityFlags::CLIENT_PROTOCOL_41
    .union(CapabilityFlags::CLIENT_SECURE_CONNECTION)
    .union(CapabilityFlags::CLIENT_LONG_PASSWORD)
    .union(CapabilityFlags::CLIENT_LONG_FLAG)
    .union(CapabilityFlags::CLIENT_FOUND_ROWS)
    .union(CapabilityFlags::CLIENT_TRANSACTIONS)
    .union(CapabilityFlags::CLIENT_MULTI_STATEMENTS)
    .union(CapabilityFlags::CLIENT_MULTI_RESULTS)
    .union(CapabilityFlags::CLIENT_PS_MULTI_RESULTS)
    .union(CapabilityFlags::CLIENT_CONNECT_WITH_DB)
    .union(CapabilityFlags::CLIENT_DEPRECATE_EOF)
    .union(CapabilityFlags::CLIENT_PLUGIN_AUTH);

/// utf8mb4_general_ci, as the server's own greeting would name.
const COLLATION: u8 = 45;
/// COM_QUIT, a whole packet.
const QUIT: [u8; 5] = [1, 0, 0, 0, 1];
/// Bytes that pass at a time.
const PIECE: usize = 64 * 1024;
/// How often a session looks at the clock, and after how long without a look this process stood still.
const TICK: Duration = Duration::from_secs(1);
const STOOD_STILL: Duration = Duration::from_secs(10);
/// ER_ACCESS_DENIED_ERROR and ER_UNKNOWN_ERROR: what a program is told by the door itself.
const DENIED: u16 = 1045;
const BROKEN: u16 = 1105;

/// What every session through the door needs.
pub(super) struct Behind {
    pub way: Arc<Way>,
    pub login: Arc<Login>,
    /// Statements that set a session up for its role.
    pub set_up: Vec<String>,
}

struct Keeper {
    behind: Behind,
    port: u16,
    user: String,
    password: Secret,
    fault: Arc<Mutex<Option<Failure>>>,
    /// Nobody is let in any more.
    closed: AtomicBool,
}

/// Opens it.
///
/// # Errors
/// MIG5170: no port can be had.
pub(super) async fn open(behind: Behind) -> Outcome<Door> {
    let broken = |error: io::Error| {
        let hint =
            "Look whether the machine's loopback (127.0.0.1) works and ports are free, then run the command again.";
        Failure::new(codes::ENGINE_DOOR, "listen on the loopback for a program", error.to_string(), hint)
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(broken)?;
    let port = listener.local_addr().map_err(broken)?.port();
    let fault = Arc::new(Mutex::new(None));
    let (user, password) = (format!("mig{}", word(8)), Secret::new(word(32)));
    let keeper = Arc::new(Keeper {
        behind,
        port,
        user: user.clone(),
        password: password.clone(),
        fault: fault.clone(),
        closed: AtomicBool::new(false),
    });
    let mut open = JoinSet::new();
    open.spawn(async move {
        // Those that are inside end with the door.
        let mut inside = JoinSet::new();
        while let Ok((line, from)) = listener.accept().await {
            let keeper = keeper.clone();
            inside.spawn(async move { keeper.serve(line, from).await });
            while inside.try_join_next().is_some() {}
        }
    });
    Ok(Door { port, user, password, fault, held: Box::new(open) })
}

/// Random letters and digits: nothing in them means something to a shell, a URL or a configuration file.
fn word(length: usize) -> String {
    rand::rng().sample_iter(rand::distr::Alphanumeric).take(length).map(char::from).collect()
}

impl Keeper {
    async fn serve(&self, line: TcpStream, from: SocketAddr) {
        // The password is in the arguments of the program, which every user of this machine can read.
        if self.closed.load(Ordering::SeqCst) || !is_ours(from.port(), self.port) {
            return;
        }
        let Some((here, there)) = self.let_in(line).await else { return };
        let ended = tokio::select! {
            // Before any byte: another process may have taken over meanwhile, and nothing in a program's session asks.
            biased;
            () = stood_still() => {
                self.closed.store(true, Ordering::SeqCst);
                Err("this process stood still for a while: what it had begun is void".to_owned())
            }
            ended = pass(here, there) => ended,
        };
        if let Err(lost) = ended {
            self.note(lost_behind(&self.behind.login, &lost));
        }
    }

    fn note(&self, failure: Failure) {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
    }

    /// Both ends of a session; `None`: it was refused, and the program knows.
    async fn let_in(&self, line: TcpStream) -> Option<(Box<dyn Line>, Box<dyn Line>)> {
        line.set_nodelay(true).ok()?;
        let mut here = Wire::new(Box::new(line));
        let greeted = match timeout(CONNECT_TIME, greet(&self.behind.way)).await.ok().flatten() {
            Some(greeted) => greeted,
            None => match self.once_more().await {
                Ok(greeted) => greeted,
                Err(failure) => return self.refuse(here, failure).await,
            },
        };
        let nonce: [u8; 20] = rand::random();
        // A nonce ends at its first zero.
        let nonce = nonce.map(|byte| byte % 94 + 33);
        let theirs = greeted.greeting.capabilities();
        let (head, tail) = nonce.split_first_chunk::<8>()?;
        let tail = [tail, &[0]].concat();
        let greeting = HandshakePacket::new(
            10,
            greeted.greeting.server_version_ref().to_vec(),
            greeted.greeting.connection_id(),
            *head,
            Some(tail),
            (theirs | CapabilityFlags::CLIENT_LONG_PASSWORD) & ALLOWED,
            COLLATION,
            StatusFlags::SERVER_STATUS_AUTOCOMMIT,
            Some(AuthPlugin::MysqlNativePassword.as_bytes().to_vec()),
        );
        let mut bytes = Vec::new();
        greeting.serialize(&mut bytes);
        here.send(&bytes).await.ok()?;
        let (flags, schema) = {
            let Packet::Of(bytes) = timeout(CONNECT_TIME, here.next()).await.ok()?.ok()? else { return None };
            let answer = ParseBuf(bytes).parse::<HandshakeResponse<'_>>(()).ok()?;
            let proof = AuthPlugin::MysqlNativePassword.gen_data(Some(self.password.reveal()), &nonce)?;
            let schema = answer.db_name().map(|name| String::from_utf8_lossy(name).into_owned());
            let known = answer.user() == self.user.as_bytes() && same(answer.scramble_buf(), &proof);
            (known.then(|| answer.capabilities() & theirs & ALLOWED), schema.filter(|name| !name.is_empty()))
        };
        let Some(flags) = flags else {
            let _ = here.send(&refusal(DENIED, "28000", "this door is another program's")).await;
            return None;
        };
        let flags = flags & !CapabilityFlags::CLIENT_CONNECT_WITH_DB;
        match timeout(CONNECT_TIME, self.log_in(greeted, flags, schema.as_deref())).await {
            Ok(Ok(there)) => {
                // OK: no row, no id, autocommit, no warning.
                here.send(&[0, 0, 0, 2, 0, 0, 0]).await.ok()?;
                Some((here.into_line()?.0, there))
            }
            Ok(Err(failure)) => self.refuse(here, failure).await,
            Err(_) => self.refuse(here, self.behind.login.place.timed_out(CONNECT_TIME)).await,
        }
    }

    /// The server did not greet: what is wrong, in the driver's words, or a second try where the driver gets through.
    async fn once_more(&self) -> Outcome<super::reader::Greeted> {
        drop(self.behind.login.conn_to_the_same().await?);
        greet(&self.behind.way).await.ok_or_else(|| self.behind.login.place.timed_out(CONNECT_TIME))
    }

    /// The server's end of a session, set up.
    async fn log_in(
        &self,
        greeted: super::reader::Greeted,
        flags: CapabilityFlags,
        schema: Option<&str>,
    ) -> Outcome<Box<dyn Line>> {
        let Behind { way, login, set_up } = &self.behind;
        let mut session = match Reader::answering(way, login, greeted, flags).await {
            Some(session) => session,
            None => {
                // The driver says what is wrong, or makes the server remember the password for the next try.
                let greeted = self.once_more().await?;
                Reader::answering(way, login, greeted, flags).await.ok_or_else(|| other_log_in(login))?
            }
        };
        let failed = |fault: Fault| login.place.setup_failure(&fault);
        for sql in set_up {
            session.execute(sql).await.map_err(failed)?;
        }
        let same = login.identity.check(&mut session).await.map_err(failed)?;
        same.map_err(|elsewhere| login.place.elsewhere(&elsewhere))?;
        if let Some(schema) = schema {
            session.execute(&format!("USE {}", crate::words::addr::sql_ident(schema))).await.map_err(failed)?;
        }
        session.into_line().ok_or_else(|| lost_behind(login, "the server sent more than its answers"))
    }

    /// Notes why, and says to the program that it is not let in: the words are for its log.
    async fn refuse<T>(&self, mut here: Wire, failure: Failure) -> Option<T> {
        let _ = here.send(&refusal(BROKEN, "HY000", &failure.cause)).await;
        self.note(failure);
        None
    }
}

/// An ERR packet.
fn refusal(number: u16, state: &str, text: &str) -> Vec<u8> {
    let mut bytes = vec![0xff];
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.push(b'#');
    bytes.extend_from_slice(state.as_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// Compares in a time that does not depend on where two texts differ.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |seen, (a, b)| seen | (a ^ b)) == 0
}

fn other_log_in(login: &Login) -> Failure {
    let cause = format!("{} asks for a log-in that only mig's own sessions know", login.place);
    let hint = "Give the user the plugin caching_sha2_password or mysql_native_password, or use mig's own engine.";
    Failure::new(codes::ENGINE_DOOR, "log a program in", cause, hint)
}

fn lost_behind(login: &Login, cause: &str) -> Failure {
    Fault::line(cause).told(format!("keep a program's session with {}", login.place)).retryable()
}

/// Returns once this process was suspended for longer than anyone keeps a lock for it.
async fn stood_still() {
    let mut seen = Instant::now();
    loop {
        tokio::time::sleep(TICK).await;
        if seen.elapsed() > STOOD_STILL {
            return;
        }
        seen = Instant::now();
    }
}

/// Bytes both ways until one end closes.
///
/// # Errors
/// The server's end was closed, or failed, while the program was still there.
async fn pass(here: Box<dyn Line>, there: Box<dyn Line>) -> Result<(), String> {
    let (mut from_here, mut to_here) = tokio::io::split(here);
    let (mut from_there, mut to_there) = tokio::io::split(there);
    let asked = async {
        let mut piece = vec![0; PIECE];
        loop {
            match from_here.read(&mut piece).await {
                Ok(0) | Err(_) => return Ok(()),
                Ok(read) => match to_there.write_all(&piece[..read]).await {
                    // The server closes at once, which is not a lost connection.
                    Ok(()) if piece[..read] == QUIT => return Ok(()),
                    Ok(()) => to_there.flush().await.map_err(|error| error.to_string())?,
                    Err(error) => return Err(error.to_string()),
                },
            }
        }
    };
    let answered = async {
        let mut piece = vec![0; PIECE];
        loop {
            match from_there.read(&mut piece).await {
                Ok(0) => return Err("the server closed the connection".to_owned()),
                Err(error) => return Err(super::faults::line_text(&error)),
                Ok(read) if to_here.write_all(&piece[..read]).await.is_err() => return Ok(()),
                Ok(_) => {}
            }
        }
    };
    tokio::select! {
        // A program that says good-bye is answered by the server's closing: the program was first.
        biased;
        ended = asked => ended,
        ended = answered => ended,
    }
}

/// Whether the other end of a connection is a process of this user: the kernel's table of connections says whose it is.
/// A system without that table: only the password is checked.
fn is_ours(from: u16, to: u16) -> bool {
    let Ok(table) = std::fs::read_to_string("/proc/net/tcp") else { return true };
    let own = rustix::process::geteuid().as_raw().to_string();
    let end = |port: u16| format!("0100007F:{port:04X}");
    let (from, to) = (end(from), end(to));
    table.lines().any(|line| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        matches!(columns.as_slice(), [_, local, remote, _, _, _, _, uid, ..]
            if *local == from && *remote == to && *uid == own)
    })
}
