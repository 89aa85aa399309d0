//! The seam to where state, journal and lock are kept. Bytes only: what they mean is a format's matter, when they are
//! written is the drive's.
//!
//! Calls block; the drive makes them on a thread of their own.

use serde::{Deserialize, Serialize};

use crate::words::error::Outcome;

/// One state with its journal and its lock.
pub trait Store: Send + Sync {
    /// The state as the user named it, for messages.
    fn place(&self) -> String;

    /// `None`: there is none.
    ///
    /// # Errors
    /// MIG4005.
    fn read_state(&self) -> Outcome<Option<Vec<u8>>>;

    /// `None`: there is none. A reader without the lock reads the journal *before* the state: then a fold between the
    /// two shows as a journal that is already folded.
    ///
    /// # Errors
    /// MIG4005.
    fn read_journal(&self) -> Outcome<Option<Vec<u8>>>;

    /// Appends to the journal (the first call begins it); durable when it returns.
    ///
    /// # Errors
    /// MIG4006 or MIG4007; every later call fails, too: what was written may or may not be there, and asking the
    /// system again would not tell.
    fn append(&self, frame: &[u8]) -> Outcome<()>;

    /// Replaces the state as a whole; durable when it returns. Afterwards either the old one or the new one is there.
    ///
    /// # Errors
    /// MIG4006 or MIG4007; the old state stands.
    fn replace_state(&self, bytes: &[u8]) -> Outcome<()>;

    /// Removes the journal, if there is one.
    ///
    /// # Errors
    /// MIG4006.
    fn remove_journal(&self) -> Outcome<()>;

    /// Puts what a run says of itself beside the state, or removes it. Not synced: it is for people who look, and a crash may
    /// lose it.
    ///
    /// # Errors
    /// MIG4006 or MIG4007.
    fn put_progress(&self, bytes: Option<&[u8]>) -> Outcome<()>;

    /// What a run last put there. `None`: there is nothing.
    ///
    /// # Errors
    /// MIG4005.
    fn read_progress(&self) -> Outcome<Option<Vec<u8>>>;

    /// Who has the lock, without taking it.
    ///
    /// # Errors
    /// MIG4011.
    fn holding(&self) -> Outcome<Holding>;

    /// Takes the lock or tells who has it; never waits.
    ///
    /// # Errors
    /// MIG4011.
    fn try_lock(&self, holder: &Holder) -> Outcome<Locking>;
}

/// Who holds a lock: information, not the lock itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The user's name.
    pub holder: String,
    pub host: String,
    pub pid: u32,
    /// RFC 3339.
    pub since: String,
    pub command: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { holder, host, pid, since, command } = self;
        write!(f, "{holder} on {host}, process {pid}, since {since}: {command}")
    }
}

/// What [`Store::holding`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holding {
    Nobody,
    /// `None`: it has not written its name yet.
    Living(Option<Holder>),
    /// It died with the lock in its hands.
    Dead(Holder),
}

/// What [`Store::try_lock`] came to.
pub enum Locking {
    Got {
        guard: Box<dyn Guard>,
        /// The holder that died with the lock in its hands, for a notice.
        dead: Option<Holder>,
    },
    /// By a living holder; `None`: it has not written its name yet.
    Held(Option<Holder>),
}

/// A held lock; dropping it gives it back.
pub trait Guard: Send + Sync {}
