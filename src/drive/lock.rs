//! Taking the lock of a state: waits as long as it may, then says who has it.

use std::sync::Arc;
use std::time::Duration;

use crate::seams::clock::Clock;
use crate::seams::store::{Former, Guard, Holder, Living, Locking, Store};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// A lock that is held until it is dropped.
pub struct Locked {
    pub guard: Box<dyn Guard>,
    /// Whom it was taken over from, for a notice.
    pub former: Option<Former>,
}

/// How often a held lock is tried again.
const AGAIN: Duration = Duration::from_millis(200);

/// Takes the lock; `waits` is called once, with the living holder, before the first wait.
///
/// # Errors
/// MIG4010 (exit 4) with the holder's name when it is still held after `timeout`; MIG4011.
pub async fn take(
    store: Arc<dyn Store>,
    clock: &dyn Clock,
    holder: Holder,
    timeout: Duration,
    waits: impl FnOnce(&Living) + Send,
) -> Outcome<Locked> {
    let began = clock.millis();
    let mut waits = Some(waits);
    loop {
        let attempt = {
            let (store, holder) = (Arc::clone(&store), holder.clone());
            tokio::task::spawn_blocking(move || store.try_lock(&holder)).await
        };
        let locking = attempt.map_err(|error| {
            Failure::new(codes::INTERNAL, "lock the state", error.to_string(), "Please report this; nothing was done.")
        })??;
        let living = match locking {
            Locking::Got { guard, former } => return Ok(Locked { guard, former }),
            Locking::Held(living) => living,
        };
        let waited = Duration::from_millis(clock.millis().saturating_sub(began));
        if waited >= timeout {
            return Err(held(&store.place(), &living));
        }
        if let Some(waits) = waits.take() {
            waits(&living);
        }
        clock.sleep(AGAIN.min(timeout - waited)).await;
    }
}

fn held(place: &str, living: &Living) -> Failure {
    let hint = match &living.holder {
        // Who has to give signs of life may be gone for good without the system knowing.
        Some(holder) if living.silent.is_some() => {
            let id = &holder.id;
            format!(
                "Wait for it to end, or give -lock-timeout=5m to wait that long. If it is gone for good: `mig force-unlock {id}`."
            )
        }
        _ => "Wait for it to end, or give -lock-timeout=5m to wait that long.".to_owned(),
    };
    Failure::new(codes::LOCKED, format!("lock {place}"), format!("it is held by {living}"), hint)
}
