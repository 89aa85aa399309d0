//! Commands that hold the state's lock while they work.

use super::args::Locking;
use super::session::{Session, duration, say};
use crate::drive::lock::{self, Locked};
use crate::seams::store::{Former, Holder, Living};
use crate::words::error::Outcome;

/// Does the work of a command under the lock.
///
/// # Errors
/// MIG4010 when it is not to be had in time; MIG4015 when the work failed and the lock was lost meanwhile: what the work
/// met may be another run's doing, so it is not told. Else what the work says.
pub async fn locked<T>(
    session: &Session,
    args: &Locking,
    command: &str,
    work: impl Future<Output = Outcome<T>>,
) -> Outcome<T> {
    let _lock = take_lock(session, args, command).await?;
    let ended = work.await;
    ended.map_err(|failure| session.store.still_held().err().unwrap_or(failure))
}

/// Takes the state's lock, telling whom it waits for.
async fn take_lock(session: &Session, args: &Locking, command: &str) -> Outcome<Option<Locked>> {
    if !args.lock {
        say("The state is not locked: make sure that no other apply runs.\n");
        return Ok(None);
    }
    let holder = Holder {
        id: format!("{:032x}", rand::random::<u128>()),
        holder: std::env::var("USER")
            .or_else(|_| std::env::var("LOGNAME"))
            .unwrap_or_else(|_| format!("user {}", rustix::process::getuid().as_raw())),
        host: std::fs::read_to_string("/proc/sys/kernel/hostname")
            .map_or_else(|_| "unknown".into(), |t| t.trim().to_owned()),
        pid: std::process::id(),
        since: session.clock.now(),
        command: command.to_owned(),
    };
    let timeout = duration(&args.lock_timeout)?;
    let waits = |living: &Living| say(&format!("Waiting for the lock of the state: {living} has it.\n"));
    let locked = lock::take(session.store.clone(), &*session.clock, holder, timeout, waits).await?;
    match &locked.former {
        None => {}
        Some(Former::Died(holder)) => say(&format!("The lock of a run that died was taken over: {holder}.\n")),
        Some(Former::Silent(holder)) => say(&format!(
            "The lock of a run that gave no sign of life for longer than its lease was taken over: {holder}. If that \
             process still runs, it can record nothing more.\n"
        )),
    }
    Ok(Some(locked))
}
