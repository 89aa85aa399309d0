//! Lives of strikes: each from a seed of its own, some side by side, since they mostly wait. `MIG_STRIKES` says how many
//! strikes are to fall at least, `MIG_STRIKES_SEED` where the seeds begin, `MIG_STRIKES_AT_ONCE` how many lives are lived at once.

use std::sync::atomic::{AtomicU64, Ordering};

/// Runs lives until enough strikes have fallen. `life` makes one of a seed, and gives how many fell in it.
pub fn until_struck<F: Future<Output = u64>>(at_once: u64, life: impl Fn(u64) -> F + Sync) {
    let number =
        |name: &str, otherwise: u64| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise);
    let (wanted, first) = (number("MIG_STRIKES", 12), number("MIG_STRIKES_SEED", 1));
    let at_once = number("MIG_STRIKES_AT_ONCE", at_once);
    let (next, fallen) = (AtomicU64::new(first), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                let runtime =
                    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
                while fallen.load(Ordering::SeqCst) < wanted {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    let strikes = runtime.block_on(life(seed));
                    let all = fallen.fetch_add(strikes, Ordering::SeqCst) + strikes;
                    println!("seed {seed}: {strikes} strikes, {all} so far");
                }
            });
        }
    });
    assert!(fallen.load(Ordering::SeqCst) >= wanted);
}
