//! A fake: the instance from inside, since the emulator starts none. A shell that answers what `ready` asks, with one
//! disk that remembers whether it was made into a file system and mounted; how SSH goes is another test's subject.

use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use mig::formats::worker::Endpoint;
use mig::seams::shell::{Channel, Output, Shell, Shells};
use mig::words::digest::Digest;
use mig::words::error::{Failure, Outcome};

#[derive(Clone, Debug)]
pub struct Disk {
    pub machine: String,
    /// As lsblk lists it.
    pub list: String,
    /// As blkid exports it; empty: it holds nothing.
    pub holds: String,
    pub mounted: bool,
    pub unmounted: u32,
    /// How often a file system was made.
    pub made: u32,
    /// Refuses so many connections first.
    pub deaf: u32,
    pub asked: Vec<Endpoint>,
    /// The digest of mig's program, once it was put there.
    pub program: String,
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            machine: "x86_64".into(),
            list: "/dev/xvda\n/dev/xvdf".into(),
            holds: String::new(),
            mounted: false,
            unmounted: 0,
            made: 0,
            deaf: 0,
            asked: Vec::new(),
            program: String::new(),
        }
    }
}

/// One machine, at whatever address.
#[derive(Clone, Default)]
pub struct Guest(pub Arc<Mutex<Disk>>);

impl Guest {
    pub fn disk(&self) -> Disk {
        self.0.lock().unwrap().clone()
    }
}

impl Shells for Guest {
    fn connect<'a>(&'a self, to: &'a Endpoint) -> BoxFuture<'a, Outcome<Arc<dyn Shell>>> {
        Box::pin(async move {
            let mut disk = self.0.lock().unwrap();
            disk.asked.push(to.clone());
            if disk.deaf > 0 {
                disk.deaf -= 1;
                return Err(Failure::new(
                    mig::words::codes::RUNNER_UNREACHABLE,
                    "reach it",
                    "connection refused",
                    "Wait.",
                )
                .retryable());
            }
            Ok(Arc::new(self.clone()) as Arc<dyn Shell>)
        })
    }
}

impl Shell for Guest {
    fn run<'a>(&'a self, script: &'a str, input: &'a [u8]) -> BoxFuture<'a, Outcome<Output>> {
        Box::pin(async move {
            let mut disk = self.0.lock().unwrap();
            let has = |word: &str| script.contains(word);
            let (status, text) = if has("uname -sm") {
                (0, format!("Linux {}", disk.machine))
            } else if has("mktemp") {
                disk.program = Digest::of_bytes(input).as_str().trim_start_matches("sha256:").to_owned();
                (0, String::new())
            } else if has("sha256sum") {
                (0, disk.program.clone())
            } else if has("uname") {
                (0, disk.machine.clone())
            } else if has("lsblk") {
                (0, disk.list.clone())
            } else if has("blkid") {
                (if disk.holds.is_empty() { 2 } else { 0 }, disk.holds.clone())
            } else if has("mkfs") {
                disk.made += 1;
                disk.holds = "LABEL=mig\nTYPE=xfs".into();
                (0, String::new())
            } else if has("umount '/mnt/mig'") {
                disk.mounted = false;
                disk.unmounted += 1;
                (0, String::new())
            } else if has("mkdir -p '/mnt/mig'; ") && has("mount '/dev/") {
                disk.mounted = true;
                (0, String::new())
            } else if script.trim_end().ends_with("\nmount") {
                (0, if disk.mounted { "/dev/xvdf on /mnt/mig type xfs (rw)".into() } else { String::new() })
            } else {
                (0, String::new())
            };
            Ok(Output { status: Some(status), stdout: text.into_bytes(), stderr: String::new() })
        })
    }

    fn open<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Outcome<Channel>> {
        Box::pin(async { panic!("nothing is opened while a runner is made ready") })
    }
}
