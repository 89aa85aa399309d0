//! SIGINT, SIGTERM and SIGHUP: the first asks for a graceful end, the second ends at once.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::think::run::Interrupt;
use crate::words::error::ExitKind;

/// Something that can end in order listens.
static LISTENED: AtomicBool = AtomicBool::new(false);

fn streams() -> Option<[Signal; 3]> {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    match kinds.map(signal) {
        [Ok(int), Ok(term), Ok(hup)] => Some([int, term, hup]),
        _ => None,
    }
}

async fn next([int, term, hup]: &mut [Signal; 3]) {
    tokio::select! {
        _ = int.recv() => {}
        _ = term.recv() => {}
        _ = hup.recv() => {}
    }
}

/// Waits for a signal that comes while nothing [listens](listen): a command that plans, or waits for a lock, is then given up
/// as a whole, which gives its lock back. The second one ends the process at once. Never ends where signals cannot be
/// listened to.
pub async fn before_a_run() {
    let Some(mut streams) = streams() else { return std::future::pending().await };
    loop {
        next(&mut streams).await;
        if !LISTENED.load(Ordering::Relaxed) {
            break;
        }
    }
    tokio::spawn(async move {
        next(&mut streams).await;
        std::process::exit(i32::from(ExitKind::Interrupted.code()));
    });
}

/// Listens until the program ends. Where a signal cannot be listened to, its default stays.
pub fn listen() -> watch::Receiver<Option<Interrupt>> {
    LISTENED.store(true, Ordering::Relaxed);
    let (tell, told) = watch::channel(None);
    tokio::spawn(async move {
        let Some(mut streams) = streams() else { return };
        loop {
            next(&mut streams).await;
            let graceful = tell.borrow().is_none();
            let _ = tell.send(Some(if graceful { Interrupt::Graceful } else { Interrupt::Hard }));
        }
    });
    told
}
