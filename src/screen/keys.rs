//! What the terminal itself writes while lines move: it answers Ctrl-C with `^C`, which moves the cursor, so that a line of before
//! would stay above what is drawn next. Knows nothing of what is drawn.

use std::io::{IsTerminal, Stdin, stdin};

use rustix::process::getpgrp;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

/// While it lives, the terminal does not answer keys such as Ctrl-C. The keys work as before.
pub(super) struct Unanswered {
    before: Termios,
}

impl Unanswered {
    /// `None`: nobody types here, or it cannot be changed.
    pub(super) fn begin() -> Option<Self> {
        let keys = stdin();
        if !keys.is_terminal() || !is_ours(&keys) {
            return None;
        }
        let before = tcgetattr(&keys).ok()?;
        let mut during = before.clone();
        during.local_modes.remove(LocalModes::ECHOCTL);
        tcsetattr(&keys, OptionalActions::Now, &during).ok()?;
        Some(Self { before })
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        let keys = stdin();
        if is_ours(&keys) {
            // A terminal that is gone needs nothing back.
            let _ = tcsetattr(&keys, OptionalActions::Now, &self.before);
        }
    }
}

/// Whether this process is in the foreground: one that is not would be stopped by its attempt.
fn is_ours(keys: &Stdin) -> bool {
    tcgetpgrp(keys).is_ok_and(|group| group == getpgrp())
}
