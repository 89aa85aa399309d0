//! Work that begins again after a passing fault of a server or of the line to it. Knows no statement and no step.

use std::time::Duration;

use crate::steps::context::Context;
use crate::steps::step::StepCtx;
use crate::words::error::{Outcome, Retry};

/// Tries after passing faults, without any progress between them: about twenty seconds together.
pub const TRIES: u32 = 8;

/// Does idempotent work until it succeeds, meets a fault that stays, or has met passing ones too often.
///
/// # Errors
/// The last failure.
pub async fn again<T, F>(context: &Context, ctx: &StepCtx, work: impl Fn() -> F) -> Outcome<T>
where
    F: Future<Output = Outcome<T>> + Send,
{
    let mut attempt = 0;
    loop {
        match work().await {
            Err(failure) if failure.retry == Retry::Later && attempt < TRIES && !ctx.stopping() => {
                ctx.waits_for(&failure.cause);
                wait(context, &mut attempt).await;
            }
            outcome => {
                if attempt > 0 {
                    ctx.waits_for("");
                }
                return outcome;
            }
        }
    }
}

/// Waits longer with each try, with some jitter, so that many parts do not come back at once.
pub async fn wait(context: &Context, attempt: &mut u32) {
    let base = 100u64 << (*attempt).min(6);
    let jitter = rand::random_range(0..=base / 2);
    *attempt += 1;
    context.clock.sleep(Duration::from_millis(base + jitter)).await;
}
