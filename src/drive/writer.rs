//! The one writer of state and journal, on a thread of its own: everything that waits while a frame is being synced
//! goes into the next frame. Knows what is durable; decides nothing.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::mpsc::UnboundedSender;

use crate::formats::journal::{Leftover, Record, fold_one, frame};
use crate::formats::state::State;
use crate::seams::store::Store;
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// What the writer tells.
pub(super) enum Told {
    /// Every batch up to this one is durable, and stands in the shared state.
    Persisted(u64),
    Failed(Failure),
    /// The state's file holds everything, the journal is gone.
    Folded(Outcome<()>),
}

enum Job {
    Batch(u64, Vec<Record>),
    Fold,
}

/// The drive's end.
pub(super) struct Writer {
    jobs: Sender<Job>,
}

impl Writer {
    /// Starts the thread. `state` is the state's file with an unfinished run's journal played over it; `leftover` is
    /// what that journal is.
    pub(super) fn spawn(
        store: Arc<dyn Store>,
        state: Arc<RwLock<State>>,
        leftover: Leftover,
        told: UnboundedSender<Told>,
        tap: Option<UnboundedSender<Vec<Record>>>,
    ) -> Self {
        let (jobs, inbox) = channel();
        // It ends when the drive drops its end: then there is nothing more to wait for.
        drop(tokio::task::spawn_blocking(move || {
            let mut thread = Thread { store, state, leftover, seq: 0, broken: false, tap };
            thread.serve(&inbox, &told);
        }));
        Self { jobs }
    }

    /// A batch to be made durable; told when it is.
    pub(super) fn persist(&self, batch: u64, records: Vec<Record>) {
        // A thread that is gone has told why.
        let _ = self.jobs.send(Job::Batch(batch, records));
    }

    pub(super) fn fold(&self) {
        let _ = self.jobs.send(Job::Fold);
    }
}

struct Thread {
    store: Arc<dyn Store>,
    state: Arc<RwLock<State>>,
    leftover: Leftover,
    seq: u64,
    broken: bool,
    tap: Option<UnboundedSender<Vec<Record>>>,
}

impl Thread {
    fn serve(&mut self, inbox: &Receiver<Job>, told: &UnboundedSender<Told>) {
        while let Ok(job) = inbox.recv() {
            let mut folds = false;
            let mut records = Vec::new();
            let mut last = 0;
            for job in std::iter::once(job).chain(inbox.try_iter()) {
                match job {
                    Job::Batch(batch, mut more) => {
                        last = batch;
                        records.append(&mut more);
                    }
                    Job::Fold => folds = true,
                }
            }
            if !records.is_empty() && !self.broken {
                let written = self.write(&records);
                self.broken = written.is_err();
                if let Some(tap) = self.tap.as_ref().filter(|_| !self.broken) {
                    // A listener that is gone misses nothing: what is durable can be looked at.
                    let _ = tap.send(records);
                }
                // A drive that is gone does not want to know.
                let _ = told.send(match written {
                    Ok(()) => Told::Persisted(last),
                    Err(failure) => Told::Failed(failure),
                });
            }
            if folds {
                let _ = told.send(Told::Folded(self.fold()));
            }
        }
    }

    fn write(&mut self, records: &[Record]) -> Outcome<()> {
        if self.seq == 0 {
            self.clear_the_way()?;
        }
        self.store.append(&frame(self.seq + 1, records)?)?;
        self.seq += 1;
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for record in records {
            fold_one(&mut state, record).map_err(|why| {
                Failure::new(codes::INTERNAL, "fold the journal", why, "Please report this; nothing durable is lost.")
            })?;
        }
        Ok(())
    }

    /// Folds or removes what an earlier run left.
    fn clear_the_way(&mut self) -> Outcome<()> {
        match self.leftover {
            Leftover::None => Ok(()),
            Leftover::Spent => self.store.remove_journal(),
            Leftover::Live => self.replace_state(),
        }?;
        self.leftover = Leftover::None;
        Ok(())
    }

    /// At the end: nothing to fold when nothing was recorded.
    fn fold(&mut self) -> Outcome<()> {
        if self.seq == 0 || self.broken { Ok(()) } else { self.replace_state() }
    }

    /// The state as it is in memory becomes the file; it has its new serial in memory only once it is durable.
    fn replace_state(&self) -> Outcome<()> {
        let bytes = self.state.read().unwrap_or_else(PoisonError::into_inner).write_next()?;
        self.store.replace_state(&bytes)?;
        self.state.write().unwrap_or_else(PoisonError::into_inner).was_written_next();
        self.store.remove_journal()
    }
}
