//! The seam to the clock: the time of day for records, a steady count for durations, and sleeping.

use std::time::Duration;

use futures::future::BoxFuture;

pub trait Clock: Send + Sync {
    /// Now, RFC 3339 in UTC with milliseconds: `2026-01-31T08:15:30.250Z`.
    fn now(&self) -> String;

    /// Milliseconds since some moment; never goes back.
    fn millis(&self) -> u64;

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()>;
}
