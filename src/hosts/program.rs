//! Programs of others as children of this process. A child is started by mig itself under another name ([`become_it`]):
//! between fork and exec, only the child can ask the kernel to be killed when its parent dies.

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::seams::program::{Ended, Programs, Running, Start};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// The first two arguments of the mig that becomes the program; then its parent's number, the program, and its arguments.
pub const BECOME: [&str; 2] = ["worker", "become"];
/// The exit code of a shell for a program that it does not find.
const NO_PROGRAM: u8 = 127;
/// How often a child is asked whether it has ended.
const ASKED_EVERY: Duration = Duration::from_millis(20);
/// How long one has to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);
/// How long one may take to say its version.
const SAID_WITHIN: Duration = Duration::from_secs(20);
/// How long its page may take, and how large it may be.
const PAGE_WITHIN: Duration = Duration::from_secs(2);
const PAGE_BYTES: u64 = 4 << 20;
/// What a child gets of mig's environment.
const INHERITED: [&str; 3] = ["PATH", "HOME", "TMPDIR"];

/// This machine.
pub struct Local;

/// Becomes the program that the arguments name. Gives the exit code where that fails.
pub fn become_it(arguments: &[OsString]) -> u8 {
    let parent = arguments.first().and_then(|parent| parent.to_str()?.parse::<i32>().ok());
    let (Some(parent), Some(program)) = (parent, arguments.get(1)) else { return NO_PROGRAM };
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    // It may have died before the line above: then no signal comes.
    if rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get()) != Some(parent) {
        return NO_PROGRAM;
    }
    let error = Command::new(program).args(&arguments[2..]).exec();
    let _ = writeln!(io::stderr(), "cannot start {}: {error}", Path::new(program).display());
    NO_PROGRAM
}

impl Programs for Local {
    fn start(&self, start: &Start) -> Outcome<Box<dyn Running>> {
        let failed = |error: io::Error| cannot(&start.program, &error);
        let output = std::fs::File::create(&start.output).map_err(failed)?;
        let errors = output.try_clone().map_err(failed)?;
        let mut command = Command::new(own_program().map_err(failed)?);
        command.args(BECOME).arg(std::process::id().to_string()).arg(&start.program).args(&start.arguments);
        command.stdin(Stdio::piped()).stdout(output).stderr(errors);
        clean(&mut command);
        command.envs(start.environment.iter().map(|(name, value)| (name, value)));
        let (tell, told) = std::sync::mpsc::channel();
        let (end, ended) = watch::channel(None);
        let input = start.input.clone();
        // The kernel kills the child when the thread that started it ends, not the process: so that thread waits for it.
        std::thread::Builder::new()
            .name("mig-program".into())
            .spawn(move || keep(command, &input, &tell, &end))
            .map_err(failed)?;
        let child = told.recv().map_err(|_| failed(io::Error::other("its thread ended")))?.map_err(failed)?;
        Ok(Box::new(LocalChild { child, ended }))
    }

    fn said<'a>(&'a self, program: &'a str, arguments: &'a [&'a str]) -> BoxFuture<'a, Result<String, String>> {
        async move {
            let mut command = Command::new(program);
            command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            clean(&mut command);
            let asked = tokio::task::spawn_blocking(move || command.output());
            let output = match timeout(SAID_WITHIN, asked).await {
                Ok(joined) => joined.map_err(|error| error.to_string())?,
                Err(_) => return Err(format!("it did not answer within {} s", SAID_WITHIN.as_secs())),
            };
            let output = output.map_err(|error| match error.kind() {
                io::ErrorKind::NotFound if !program.contains('/') => "there is no such program in the PATH".to_owned(),
                io::ErrorKind::NotFound => "there is no such file".to_owned(),
                _ => error.to_string(),
            })?;
            match output.status.success() {
                true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
                false => Err(format!("it ended with {}", output.status)),
            }
        }
        .boxed()
    }

    fn free_port(&self) -> Outcome<u16> {
        let port = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        port.map(|address| address.port()).map_err(|error| cannot("a program", &error))
    }

    fn page<'a>(&'a self, port: u16, path: &'a str) -> BoxFuture<'a, Option<String>> {
        async move {
            let got = async {
                let mut line = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()?;
                let ask = format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n");
                line.write_all(ask.as_bytes()).await.ok()?;
                let mut bytes = Vec::new();
                line.take(PAGE_BYTES).read_to_end(&mut bytes).await.ok()?;
                let text = String::from_utf8_lossy(&bytes);
                let (head, body) = text.split_once("\r\n\r\n")?;
                head.starts_with("HTTP/1.").then_some(())?;
                head.split_ascii_whitespace().nth(1).filter(|status| *status == "200")?;
                Some(body.to_owned())
            };
            timeout(PAGE_WITHIN, got).await.ok().flatten()
        }
        .boxed()
    }
}

/// The file that this process is, also where it was replaced on the disk meanwhile.
fn own_program() -> io::Result<std::path::PathBuf> {
    let own = std::env::current_exe()?;
    if own.exists() { Ok(own) } else { Ok("/proc/self/exe".into()) }
}

/// Without mig's environment, which may hold passwords, and in a process group of its own: a Ctrl-C is for mig, which
/// stops its programs itself.
fn clean(command: &mut Command) {
    command.env_clear().process_group(0);
    command.envs(INHERITED.iter().filter_map(|name| std::env::var_os(name).map(|value| (name, value))));
}

fn cannot(program: &str, error: &io::Error) -> Failure {
    let hint = "Look at the program and at the work folder of the runner, then run the command again.";
    Failure::new(codes::ENGINE_NOT_STARTED, format!("start {program}"), error.to_string(), hint)
}

type Shared = Arc<Mutex<Child>>;

/// Starts a child and waits for it.
fn keep(
    mut command: Command,
    input: &[u8],
    tell: &std::sync::mpsc::Sender<io::Result<Shared>>,
    end: &watch::Sender<Option<Ended>>,
) {
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return drop(tell.send(Err(error))),
    };
    let to = child.stdin.take();
    let child: Shared = Arc::new(Mutex::new(child));
    if tell.send(Ok(child.clone())).is_err() {
        let _ = locked(&child).kill();
    }
    if let Some(mut to) = to {
        // It may have ended, or want none of it: how it ends says more.
        let _ = to.write_all(input);
    }
    let status: io::Result<ExitStatus> = loop {
        // Under the lock, so that no signal goes to a number that the kernel has given away again.
        match locked(&child).try_wait() {
            Ok(None) => {}
            Ok(Some(status)) => break Ok(status),
            Err(error) => break Err(error),
        }
        std::thread::sleep(ASKED_EVERY);
    };
    let _ = end.send(Some(Ended { status: status.ok().and_then(|status| status.code()) }));
}

fn locked(child: &Shared) -> std::sync::MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One child.
struct LocalChild {
    child: Shared,
    ended: watch::Receiver<Option<Ended>>,
}

impl LocalChild {
    fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }

    fn kill(&self) {
        // Nothing happens to one whose end was seen.
        let _ = locked(&self.child).kill();
    }
}

impl Running for LocalChild {
    fn ended(&mut self) -> BoxFuture<'_, Outcome<Ended>> {
        async move {
            let gone = |_| cannot("the program", &io::Error::other("the thread that watched it ended"));
            let ended = self.ended.wait_for(Option::is_some).await.map_err(gone)?;
            Ok(ended.clone().unwrap_or_default())
        }
        .boxed()
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        async move {
            {
                let mut child = locked(&self.child);
                if let Ok(None) = child.try_wait() {
                    let _ = rustix::process::kill_process(Pid::from_child(&child), Signal::TERM);
                }
            }
            if timeout(GRACE, self.ended()).await.is_err() {
                self.kill();
                let _ = timeout(GRACE, self.ended()).await;
            }
        }
        .boxed()
    }
}

impl Drop for LocalChild {
    fn drop(&mut self) {
        if !self.has_ended() {
            self.kill();
            // What it wrote to is looked at next: it is to be gone by then. A killed process takes a moment, no more.
            let began = Instant::now();
            while !self.has_ended() && began.elapsed() < Duration::from_secs(1) {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
}
