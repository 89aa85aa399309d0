//! What is said to people and to scripts: data to standard output, everything else to standard error. A line that cannot be
//! written never ends the program: a run goes on without its reader.

use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use super::clean::clean;

/// Data could not be written, and not because its reader has gone away.
static LOST: AtomicBool = AtomicBool::new(false);

/// Data to standard output. A reader that has gone away (`| head`) is not a fault; see [`lost`] for any other.
pub fn print(text: &str) {
    write(clean(text).as_bytes());
}

fn write(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_all(bytes).and_then(|()| out.flush())
        && error.kind() != ErrorKind::BrokenPipe
        && !LOST.swap(true, Ordering::SeqCst)
    {
        say(&format!("Standard output could not be written: {error}\n"));
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
