//! The seam to where state, journal and lock are kept. Bytes only: what they mean is a format's matter, when they are
//! written is the drive's.
//!
//! Calls block; the drive makes them on a thread of their own.
//!
//! Who holds the lock is the only one that writes. A backend whose lock can be lost (a lease) refuses every write of a
//! holder that lost it, also one that was already under way.

use std::time::Duration;

pub use crate::formats::lease::Holder;
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

    /// How often a run should say where it is, see [`Store::put_progress`]: what a write costs decides.
    fn progress_every(&self) -> Duration {
        Duration::from_secs(3)
    }

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

    /// Puts a file that belongs to the state beside it, or replaces it as a whole; durable when it returns.
    ///
    /// # Errors
    /// MIG4006 or MIG4007; what was there before stands.
    fn keep(&self, file: &Companion, bytes: &[u8]) -> Outcome<()>;

    /// What was last put there. `None`: there is nothing.
    ///
    /// # Errors
    /// MIG4005.
    fn kept(&self, file: &Companion) -> Outcome<Option<Vec<u8>>>;

    /// Where such a file is or would be, for messages.
    fn place_of(&self, file: &Companion) -> String {
        format!("{}{}", self.place(), file.suffix())
    }

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

    /// Numbers the holders of a lock that can be lost, upwards: the target's ledger refuses a load of a lower one than it has
    /// seen. 0: this handle does not hold the lock, or it cannot be lost.
    fn token(&self) -> u64 {
        0
    }

    /// Whether the lock that this handle took is still its own.
    ///
    /// # Errors
    /// MIG4015: it was lost, so what was seen meanwhile may be another run's doing.
    fn still_held(&self) -> Outcome<()> {
        Ok(())
    }

    /// Takes the lock away from the holder with this [`Holder::id`], dead or alive; who it was. Where that holder still runs,
    /// its next write is refused.
    ///
    /// # Errors
    /// MIG4011; MIG4014: nobody, or another holder, has it, or it cannot be taken from one that lives.
    fn break_lock(&self, id: &str) -> Outcome<Broken>;
}

/// A lock that was taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Who had it.
    pub holder: Holder,
    /// For how long at most nobody else gets it: that holder's own lease. `None`: it is free.
    pub free_in: Option<Duration>,
}

/// A file that belongs to a state and lies beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Companion {
    /// The certificate of a migration.
    Certificate(String),
    /// The state as it was before it was changed by hand.
    Backup,
    /// The journal that went with it.
    BackupJournal,
}

impl Companion {
    pub fn certificate(migration: &str) -> Self {
        Self::Certificate(migration.to_owned())
    }

    /// What its name has behind the state's name. Users find these files: a suffix does not change.
    pub fn suffix(&self) -> String {
        match self {
            Self::Certificate(migration) => format!(".{migration}.certificate.json"),
            Self::Backup => ".backup".into(),
            Self::BackupJournal => ".backup.journal".into(),
        }
    }
}

/// Somebody who holds a lock, as far as can be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Living {
    /// `None`: it has not written its name yet.
    pub holder: Option<Holder>,
    /// For how long it has given no sign of life, where it has to give some. `None`: the system itself knows that it lives.
    pub silent: Option<Duration>,
}

impl std::fmt::Display for Living {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.holder {
            Some(holder) => write!(f, "{holder}")?,
            None => write!(f, "a process that has not written its name yet")?,
        }
        match self.silent {
            Some(silent) => write!(f, " (last sign of life {} s ago)", silent.as_secs()),
            None => Ok(()),
        }
    }
}

/// Somebody who had the lock and did not give it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Former {
    /// The system says that the process is gone.
    Died(Holder),
    /// It gave no sign of life for longer than its lease; whether it lives is not known.
    Silent(Holder),
}

impl Former {
    pub fn holder(&self) -> &Holder {
        let (Self::Died(holder) | Self::Silent(holder)) = self;
        holder
    }
}

/// What [`Store::holding`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holding {
    Nobody,
    Living(Living),
    Former(Former),
}

/// What [`Store::try_lock`] came to.
pub enum Locking {
    Got {
        guard: Box<dyn Guard>,
        /// Whom it was taken over from, for a notice.
        former: Option<Former>,
    },
    Held(Living),
}

/// A held lock; dropping it gives it back.
pub trait Guard: Send + Sync {}
