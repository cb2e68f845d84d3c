//! The time of the broker: that of the system, but never earlier than it was.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use gumboot_broker_core::Timestamp;
use gumboot_websocket::timer;

/// A clock that follows the system's forward; when that is set back, it goes on from where it is.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    /// The moment of the start, in milliseconds of Unix time; later when the system's clock was set forward.
    start_unix_ms: AtomicU64,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self {
            start: timer::now(),
            start_unix_ms: AtomicU64::new(0),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        let since_1970 = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let elapsed = timer::now().saturating_duration_since(self.start);
        self.read(since_1970.as_millis() as u64, elapsed.as_millis() as u64)
    }

    fn read(&self, system_ms: u64, elapsed_ms: u64) -> Timestamp {
        let start_now = system_ms.saturating_sub(elapsed_ms);
        let before = self.start_unix_ms.fetch_max(start_now, Ordering::Relaxed);
        Timestamp::from_millis(before.max(start_now) + elapsed_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_forward_and_goes_on_when_the_system_goes_back() {
        let clock = Clock::start();
        let read = |system, elapsed| clock.read(system, elapsed).as_millis();
        assert_eq!(read(1_000_000, 0), 1_000_000);
        assert_eq!(read(1_000_005, 5), 1_000_005);
        // Set forward, or the machine has slept.
        assert_eq!(read(1_060_000, 10), 1_060_000);
        // Set back.
        assert_eq!(read(1_000_020, 20), 1_060_010);
        assert_eq!(read(1_000_030, 30), 1_060_020);
    }
}
