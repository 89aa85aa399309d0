//! What is said to people and to scripts: data to standard output, everything else to standard error. A line that cannot be
//! written never ends the program: a run goes on without its reader.

use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use super::clean::clean;

/// Data could not be written, and somebody misses it.
static LOST: AtomicBool = AtomicBool::new(false);

/// A program reads standard output.
static FOR_PROGRAM: AtomicBool = AtomicBool::new(false);

/// From now on a program reads standard output (`-json`): one that has gone away has not got the whole, and is a fault.
/// A person who has seen enough (`| head`) is not.
pub fn for_program() {
    FOR_PROGRAM.store(true, Ordering::SeqCst);
}

/// Data to standard output. What could not be written is told once; see [`lost`].
pub fn print(text: &str) {
    write(clean(text).as_bytes());
}

fn write(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_all(bytes).and_then(|()| out.flush()) {
        missed(&error);
    }
}

fn missed(error: &std::io::Error) {
    let seen_enough = error.kind() == ErrorKind::BrokenPipe && !FOR_PROGRAM.load(Ordering::SeqCst);
    if !seen_enough && !LOST.swap(true, Ordering::SeqCst) {
        say(&format!("Standard output could not be written: {error}\n"));
    }
}

/// Standard output as a stream of data, line by line. A write never fails for its caller, so that a run goes on.
pub struct Data;

impl Write for Data {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Bytes as they are to standard output: of a file that somebody asked for, to be read by a program.
pub fn data(bytes: &[u8]) {
    write(bytes);
}

/// To standard error; whatever becomes of it.
pub fn say(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = out.write_all(clean(text).as_bytes()).and_then(|()| out.flush());
}

/// Whether data that was asked for did not come to be: a full disk behind standard output.
pub fn lost() -> bool {
    LOST.load(Ordering::SeqCst)
}
