//! A bucket on the testbed's MinIO, and a fake: a line to it that goes bad on purpose. The line ends before or after the
//! effect of a call, answers 500 or 503, comes late, or goes silent with both sockets open.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::program;

/// Who the testbed's MinIO knows.
pub const CREDENTIALS: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", "testing"), ("AWS_SECRET_ACCESS_KEY", "testing-testing")];

/// The program in a folder, with the credentials of the bucket.
pub fn command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = program::command(dir, arguments);
    command.envs(CREDENTIALS).env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

pub struct Bucket {
    pub name: String,
    folder: PathBuf,
    pub port: u16,
}

impl Bucket {
    pub fn new(test: &str) -> Self {
        let dir = PathBuf::from(std::env::var_os("MIG_TEST_MINIO").expect("no MinIO is there: run `make test`"));
        let text = std::fs::read_to_string(dir.join("env")).unwrap();
        let port = text.lines().find_map(|line| line.strip_prefix("PORT=")).unwrap().parse().unwrap();
        let name = format!("{}-{:08x}", test.replace('_', "-"), rand::random::<u32>());
        // A folder of its data is a bucket.
        let folder = dir.join("data").join(&name);
        std::fs::create_dir(&folder).unwrap();
        Self { name, folder, port }
    }

    /// The block `mig` of a spec that keeps its state there.
    pub fn settings(&self, port: u16, lease: &str) -> String {
        format!(
            "mig {{\n  backend \"s3\" {{\n    bucket = \"{}\"\n    key = \"team/shop.migstate\"\n    endpoint_url = \
             \"http://127.0.0.1:{port}\"\n    use_path_style = true\n    lease = \"{lease}\"\n  }}\n}}\n",
            self.name
        )
    }

    /// The names of its objects, as MinIO keeps them on its disk.
    pub fn objects(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.clone()];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            let entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
            if entries.iter().any(|path| path.ends_with("xl.meta")) {
                let name = folder.strip_prefix(&self.folder).unwrap();
                found.push(name.to_string_lossy().into_owned());
                continue;
            }
            folders.extend(entries.into_iter().filter(|path| path.is_dir()));
        }
        found.sort();
        found
    }

    /// What MinIO keeps of an object: its names, times and, of a small one, its bytes.
    pub fn stored(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(self.folder.join(name).join("xl.meta")).ok()
    }

    /// Where MinIO keeps the parts of uploads that are not completed, under the digest of the bucket's and the object's name.
    pub fn uploads(&self) -> PathBuf {
        self.folder.parent().unwrap().join(".minio.sys/multipart")
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Drop,
    DropAfter,
    Status(u16),
    StatusAfter(u16),
    Delay(Duration),
    Silence,
}

/// Forwards to MinIO until it is dropped.
pub struct BadLine {
    pub port: u16,
    inner: Arc<Inner>,
}

struct Inner {
    minio: u16,
    random: Mutex<StdRng>,
    /// Of a thousand calls so many meet a fault.
    per_mille: u32,
    /// Nothing is forwarded.
    down: AtomicBool,
    ended: AtomicBool,
    fired: AtomicU64,
}

impl BadLine {
    pub fn to(minio: u16, seed: u64, per_mille: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let inner = Arc::new(Inner {
            minio,
            random: Mutex::new(StdRng::seed_from_u64(seed)),
            per_mille,
            down: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            fired: AtomicU64::new(0),
        });
        let serving = Arc::clone(&inner);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if serving.ended.load(Ordering::Relaxed) {
                    return;
                }
                let inner = Arc::clone(&serving);
                std::thread::spawn(move || inner.serve(client));
            }
        });
        Self { port, inner }
    }

    /// Whether anything is forwarded at all.
    pub fn set_down(&self, down: bool) {
        self.inner.down.store(down, Ordering::Relaxed);
    }

    pub fn fired(&self) -> u64 {
        self.inner.fired.load(Ordering::Relaxed)
    }
}

impl Drop for BadLine {
    fn drop(&mut self) {
        self.inner.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Inner {
    fn fault(&self) -> Option<Fault> {
        let mut random = self.random.lock().unwrap();
        if random.random_range(0..1000) >= self.per_mille {
            return None;
        }
        self.fired.fetch_add(1, Ordering::Relaxed);
        Some(match random.random_range(0..8) {
            0 => Fault::Drop,
            1 | 2 => Fault::DropAfter,
            3 => Fault::Status(500),
            4 => Fault::Status(503),
            5 => Fault::StatusAfter(500),
            6 => Fault::Delay(Duration::from_millis(random.random_range(50..1500))),
            _ => Fault::Silence,
        })
    }

    fn serve(&self, mut client: TcpStream) {
        client.set_nodelay(true).ok();
        while let Some((head, body)) = message(&mut client, false) {
            if self.ended.load(Ordering::Relaxed) || self.down.load(Ordering::Relaxed) {
                return;
            }
            let fault = self.fault();
            match fault {
                Some(Fault::Drop) => return,
                Some(Fault::Status(status)) => {
                    if client.write_all(answer(status).as_bytes()).is_err() {
                        return;
                    }
                    continue;
                }
                Some(Fault::Delay(by)) => std::thread::sleep(by),
                Some(Fault::Silence) => {
                    std::thread::sleep(Duration::from_secs(12));
                    return;
                }
                _ => {}
            }
            let Ok(mut server) = TcpStream::connect(("127.0.0.1", self.minio)) else { return };
            if server.write_all(&head).and_then(|()| server.write_all(&body)).is_err() {
                return;
            }
            let Some((answer_head, answer_body)) = message(&mut server, head.starts_with(b"HEAD")) else { return };
            let sent = match fault {
                Some(Fault::DropAfter) => return,
                Some(Fault::StatusAfter(status)) => client.write_all(answer(status).as_bytes()),
                _ => client.write_all(&answer_head).and_then(|()| client.write_all(&answer_body)),
            };
            if sent.is_err() {
                return;
            }
        }
    }
}

fn answer(status: u16) -> String {
    format!("HTTP/1.1 {status} Trouble\r\nContent-Length: 0\r\n\r\n")
}

/// One request or answer: head and body.
fn message(from: &mut TcpStream, bodiless: bool) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        from.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let text = String::from_utf8_lossy(&head).to_lowercase();
    let header =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name).map(|value| value.trim().to_owned()));
    let mut body = Vec::new();
    if bodiless || text.starts_with("http/1.1 204") || text.starts_with("http/1.1 304") {
        return Some((head, body));
    }
    if text.contains("expect: 100-continue") {
        from.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    if header("transfer-encoding:").is_some_and(|value| value.contains("chunked")) {
        while !body.ends_with(b"0\r\n\r\n") {
            from.read_exact(&mut byte).ok()?;
            body.push(byte[0]);
        }
    } else {
        let length = header("content-length:").and_then(|value| value.parse().ok()).unwrap_or(0);
        body.resize(length, 0);
        from.read_exact(&mut body).ok()?;
    }
    Some((head, body))
}
