//! A fake: the line between `mig` and a server, going bad on purpose. It forwards TCP and imitates what networks, load
//! balancers and failovers do to a connection: it ends in the middle of a packet or at any time, comes late, goes silent
//! with both sockets open, or takes the answer to a COMMIT with it. Lines are not encrypted, so that COMMIT is seen.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::Rng;
use rand::rngs::StdRng;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toward {
    Server,
    Client,
}

/// What happens once to one connection; the bytes of all connections count.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Both sides end after so many bytes: mostly in the middle of a packet.
    Cut { toward: Toward, after: u64 },
    /// Both sides of a connection end at a time, whatever it does then.
    Drop { after: Duration },
    /// After so many bytes the next pieces come late.
    Delay { toward: Toward, after: u64, pieces: u32, each: Duration },
    /// After so many bytes nothing is forwarded any more, either way; both sockets stay open.
    Silence { toward: Toward, after: u64 },
    /// The server gets a COMMIT, the client never its answer: the line ends before the server has answered, or behind.
    LoseCommit { nth: u32, answered: bool },
    /// The answer to a COMMIT comes late.
    LateCommit { nth: u32, by: Duration },
}

impl Fault {
    /// A fault of any kind, at a place where a run that moves about `bytes` comes by.
    pub fn random(random: &mut StdRng, bytes: u64) -> Self {
        let toward = if random.random() { Toward::Server } else { Toward::Client };
        // Evenly over the orders of size: statements are short one way, rows are long the other.
        let after = (random.random_range(5.0..(bytes as f64).ln())).exp() as u64;
        match random.random_range(0..10) {
            0..=2 => Self::Cut { toward, after },
            3..=4 => Self::Drop { after: Duration::from_millis(random.random_range(20..4_000)) },
            5 => Self::Delay { toward, after, pieces: 5, each: Duration::from_millis(random.random_range(20..400)) },
            6 => Self::Silence { toward, after },
            _ => Self::LoseCommit { nth: random.random_range(1..40), answered: random.random() },
        }
    }
}

/// Forwards to one server until it is dropped.
pub struct Proxy {
    pub port: u16,
    at: SocketAddr,
    inner: Arc<Inner>,
}

/// The port of no server.
const NOWHERE: u64 = 0;

struct Inner {
    to: AtomicU64,
    /// Where single connections go, by how many come before; see [`Proxy::route`].
    routes: Mutex<BTreeMap<u64, u16>>,
    taken: AtomicU64,
    armed: Mutex<Vec<Fault>>,
    lines: Mutex<Vec<Arc<Line>>>,
    fired: Mutex<Vec<String>>,
    ended: AtomicBool,
}

struct Line {
    client: TcpStream,
    server: TcpStream,
    silent: AtomicBool,
    /// The server's next answer ends the line instead of reaching the client.
    deaf: AtomicBool,
    /// By how much the server's next answer comes late.
    late: Mutex<Option<Duration>>,
}

impl Line {
    fn end(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}

/// What a piece of bytes meets.
enum Strike {
    None,
    Cut(usize),
    Silence(usize),
    Late(Duration),
    LoseCommit { answered: bool },
    LateCommit { by: Duration },
}

impl Proxy {
    /// To the server on `port` of this machine.
    pub fn to(port: u16) -> Self {
        Self::at("127.0.0.1", port)
    }

    /// The same at another address of this machine.
    pub fn at(address: &str, port: u16) -> Self {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let inner = Arc::new(Inner {
            to: AtomicU64::new(u64::from(port)),
            routes: Mutex::default(),
            taken: AtomicU64::new(0),
            armed: Mutex::default(),
            lines: Mutex::default(),
            fired: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        let at = listener.local_addr().unwrap();
        let proxy = Self { port: at.port(), at, inner: inner.clone() };
        std::thread::spawn(move || inner.accept(&listener));
        proxy
    }

    /// What is to happen next; what was armed before and has not happened is forgotten.
    pub fn arm(&self, faults: &[Fault]) {
        *self.inner.armed.lock().unwrap() = faults.to_vec();
        for fault in faults {
            if let Fault::Drop { after } = *fault {
                let inner = self.inner.clone();
                std::thread::spawn(move || inner.drop_after(after));
            }
        }
    }

    /// Its server is gone: every line ends, and none is taken until [`Proxy::up`].
    pub fn down(&self) {
        self.inner.to.store(NOWHERE, Ordering::SeqCst);
        for line in self.inner.lines.lock().unwrap().iter() {
            line.end();
        }
    }

    /// Forwards again.
    pub fn up(&self, port: u16) {
        self.inner.to.store(u64::from(port), Ordering::SeqCst);
    }

    /// From now on connections are counted, and these (the first is 1) are taken to another server: an address that leads
    /// to several.
    pub fn route(&self, nths: impl IntoIterator<Item = u64>, port: u16) {
        *self.inner.routes.lock().unwrap() = nths.into_iter().map(|nth| (nth, port)).collect();
        self.inner.taken.store(0, Ordering::SeqCst);
    }

    /// Connections that were taken since [`Proxy::route`].
    pub fn taken(&self) -> u64 {
        self.inner.taken.load(Ordering::SeqCst)
    }

    /// What has happened since it was asked last.
    pub fn fired(&self) -> Vec<String> {
        std::mem::take(&mut self.inner.fired.lock().unwrap())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.inner.ended.store(true, Ordering::Relaxed);
        for line in self.inner.lines.lock().unwrap().iter() {
            line.end();
        }
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.at);
    }
}

impl Inner {
    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming().flatten() {
            if self.ended.load(Ordering::Relaxed) {
                return;
            }
            let to = self.to.load(Ordering::SeqCst);
            let nth = self.taken.fetch_add(1, Ordering::SeqCst) + 1;
            let port = self.routes.lock().unwrap().get(&nth).copied().unwrap_or(to as u16);
            let server = (to != NOWHERE).then(|| TcpStream::connect(("127.0.0.1", port)));
            let Some(Ok(server)) = server else {
                // The client sees its connection end, as behind a load balancer without a living server.
                continue;
            };
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let (silent, deaf, late) = Default::default();
            let line = Arc::new(Line { client, server, silent, deaf, late });
            self.lines.lock().unwrap().push(line.clone());
            if self.to.load(Ordering::SeqCst) != to {
                // It went down in between.
                line.end();
            }
            for toward in [Toward::Server, Toward::Client] {
                let (inner, line) = (self.clone(), line.clone());
                std::thread::spawn(move || {
                    inner.pump(&line, toward);
                    if !line.silent.load(Ordering::Relaxed) {
                        line.end();
                    }
                });
            }
        }
    }

    fn drop_after(&self, after: Duration) {
        let due = Instant::now() + after;
        while Instant::now() < due {
            std::thread::sleep(Duration::from_millis(5));
            if self.ended.load(Ordering::Relaxed) {
                return;
            }
        }
        let mut armed = self.armed.lock().unwrap();
        let Some(at) = armed.iter().position(|fault| matches!(fault, Fault::Drop { after: a } if *a == after)) else {
            return;
        };
        let fault = armed.remove(at);
        drop(armed);
        // The one that has been there longest is most likely a pool's, at work.
        let lines = self.lines.lock().unwrap();
        if let Some(line) = lines.iter().find(|line| line.client.peer_addr().is_ok() && Arc::strong_count(line) > 2) {
            self.note(fault);
            line.end();
        }
    }

    fn note(&self, fault: Fault) {
        self.fired.lock().unwrap().push(format!("{fault:?}"));
    }

    fn pump(&self, line: &Line, toward: Toward) {
        let (mut from, mut to) = match toward {
            Toward::Server => (&line.client, &line.server),
            Toward::Client => (&line.server, &line.client),
        };
        let mut room = vec![0; 16 << 10];
        loop {
            let piece = match from.read(&mut room) {
                Ok(0) | Err(_) => return,
                Ok(read) => &room[..read],
            };
            if line.silent.load(Ordering::Relaxed) {
                return;
            }
            if toward == Toward::Client && line.deaf.load(Ordering::Relaxed) {
                return;
            }
            if toward == Toward::Client
                && let Some(by) = line.late.lock().unwrap().take()
            {
                std::thread::sleep(by);
            }
            let sent = match self.strike(toward, piece) {
                Strike::None => to.write_all(piece),
                Strike::Late(by) => {
                    std::thread::sleep(by);
                    to.write_all(piece)
                }
                Strike::Cut(at) => {
                    let _ = to.write_all(&piece[..at]);
                    return;
                }
                Strike::Silence(at) => {
                    let _ = to.write_all(&piece[..at]);
                    line.silent.store(true, Ordering::Relaxed);
                    return;
                }
                Strike::LateCommit { by } => {
                    *line.late.lock().unwrap() = Some(by);
                    to.write_all(piece)
                }
                Strike::LoseCommit { answered } => {
                    line.deaf.store(true, Ordering::Relaxed);
                    let sent = to.write_all(piece);
                    if !answered {
                        // The server works on it while the client is back already.
                        let _ = line.client.shutdown(Shutdown::Both);
                        std::thread::sleep(Duration::from_millis(300));
                    }
                    sent
                }
            };
            if sent.is_err() {
                return;
            }
        }
    }

    /// Counts the piece against what is armed; the first that is due strikes it.
    fn strike(&self, toward: Toward, piece: &[u8]) -> Strike {
        let mut armed = self.armed.lock().unwrap();
        let commit = toward == Toward::Server && piece.ends_with(b"COMMIT");
        let size = piece.len() as u64;
        let mut struck = None;
        for (at, fault) in armed.iter_mut().enumerate() {
            match fault {
                Fault::Cut { toward: t, after } | Fault::Silence { toward: t, after } if *t == toward => {
                    if *after < size {
                        struck = Some(at);
                        break;
                    }
                    *after -= size;
                }
                Fault::Delay { toward: t, after, pieces, each } if *t == toward => {
                    if *after > size {
                        *after -= size;
                    } else if *pieces > 1 {
                        *pieces -= 1;
                        return Strike::Late(*each);
                    } else {
                        struck = Some(at);
                        break;
                    }
                }
                Fault::LoseCommit { nth, .. } | Fault::LateCommit { nth, .. } if commit => {
                    *nth -= 1;
                    if *nth == 0 {
                        struck = Some(at);
                        break;
                    }
                }
                _ => {}
            }
        }
        let Some(at) = struck else { return Strike::None };
        let fault = armed.remove(at);
        self.note(fault);
        match fault {
            Fault::Cut { after, .. } => Strike::Cut(after as usize),
            Fault::Silence { after, .. } => Strike::Silence(after as usize),
            Fault::Delay { each, .. } => Strike::Late(each),
            Fault::LoseCommit { answered, .. } => Strike::LoseCommit { answered },
            Fault::LateCommit { by, .. } => Strike::LateCommit { by },
            Fault::Drop { .. } => Strike::None,
        }
    }
}
