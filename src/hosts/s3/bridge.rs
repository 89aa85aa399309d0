//! A runtime of its own for calls that block: the SDK does not block, and who calls may itself be on a runtime.

use std::sync::mpsc::{Receiver, sync_channel};

use tokio::runtime::{Handle, Runtime, RuntimeFlavor};

use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// A runtime of its own.
pub struct Bridge(Option<Runtime>);

impl Bridge {
    /// # Errors
    /// The machine gives no thread.
    pub fn new(name: &str, threads: usize) -> std::io::Result<Self> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(threads).thread_name(name).enable_all().build().map(|runtime| Self(Some(runtime)))
    }

    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.0 {
            runtime.spawn(work);
        }
    }

    /// Begins the work there; what it comes to is to be [`received`].
    pub fn start<T: Send + 'static>(
        &self,
        work: impl Future<Output = Outcome<T>> + Send + 'static,
    ) -> Receiver<Outcome<T>> {
        let (tell, told) = sync_channel(1);
        self.spawn(async move {
            // Who asked and is gone does not want to know.
            let _ = tell.send(work.await);
        });
        told
    }

    /// Blocks until the work is done there.
    ///
    /// # Errors
    /// Its own.
    pub fn wait<T: Send + 'static>(&self, work: impl Future<Output = Outcome<T>> + Send + 'static) -> Outcome<T> {
        received(&self.start(work))
    }
}

/// Blocks until work that was begun is done. A thread of a runtime lets others go on meanwhile.
///
/// # Errors
/// Its own.
pub fn received<T>(told: &Receiver<Outcome<T>>) -> Outcome<T> {
    let several = Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
    let answer = if several { tokio::task::block_in_place(|| told.recv()) } else { told.recv() };
    answer.unwrap_or_else(|_| {
        let hint = "Please report this.";
        Err(Failure::new(codes::INTERNAL, "ask a server of S3", "the thread for it ended", hint))
    })
}

impl Drop for Bridge {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Who drops it may itself be on a runtime, where waiting is not allowed.
            runtime.shutdown_background();
        }
    }
}
