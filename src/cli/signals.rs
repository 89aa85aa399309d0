//! SIGINT, SIGTERM and SIGHUP: the first asks for a graceful end, the second ends at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::think::run::Interrupt;

/// Listens until the program ends. Where a signal cannot be listened to, its default stays.
pub fn listen() -> watch::Receiver<Option<Interrupt>> {
    let (tell, told) = watch::channel(None);
    tokio::spawn(async move {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [Ok(mut int), Ok(mut term), Ok(mut hup)] = kinds.map(signal) else { return };
        loop {
            tokio::select! {
                _ = int.recv() => {}
                _ = term.recv() => {}
                _ = hup.recv() => {}
            }
            let graceful = tell.borrow().is_none();
            let _ = tell.send(Some(if graceful { Interrupt::Graceful } else { Interrupt::Hard }));
        }
    });
    told
}
