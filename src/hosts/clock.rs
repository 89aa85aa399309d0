//! The system's clock.

use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::seams::clock::Clock;

const FORMAT: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

pub struct SystemClock {
    began: Instant,
}

impl SystemClock {
    pub fn new() -> Self {
        Self { began: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> String {
        // Formatting a valid time to a string cannot fail; an empty time would at worst be shown.
        OffsetDateTime::now_utc().format(FORMAT).unwrap_or_default()
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn now_reads_back_as_rfc_3339() {
        let text = SystemClock::new().now();
        let read = OffsetDateTime::parse(&text, &time::format_description::well_known::Rfc3339).unwrap();
        assert!((OffsetDateTime::now_utc() - read).whole_seconds().abs() < 60);
        assert_eq!(text.len(), "2026-01-31T08:15:30.250Z".len());
    }
}
