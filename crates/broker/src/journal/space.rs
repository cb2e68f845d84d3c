//! The room that is left on the disk: when it is nearly full, nothing durable is taken any more, until there is room again.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    select,
    sync::Notify,
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};
use tracing::{error, info, warn};

use super::Journal;

/// How often the system is asked how much room there is.
const INTERVAL: Duration = Duration::from_secs(1);

/// It is asked earlier when this part of what is to stay free was written; and there must be so much more than that again
/// before messages are taken again.
const PART: u64 = 8;

/// Asks how many bytes are free where the store is.
type Ask = Arc<dyn Fn() -> io::Result<u64> + Send + Sync>;

/// How much room there has to be on the disk of the store.
#[derive(Clone)]
pub struct FreeSpace {
    /// The bytes that stay free: below it, messages that would be kept are refused.
    pub bytes_min: u64,
    /// Asks the system how many bytes are free.
    pub ask: Ask,
}

impl fmt::Debug for FreeSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FreeSpace")
            .field("bytes_min", &self.bytes_min)
            .finish_non_exhaustive()
    }
}

/// What was written since the system was asked.
#[derive(Debug, Default)]
pub(super) struct Written {
    bytes: AtomicU64,
    happened: Notify,
}

impl Written {
    /// So much more was written.
    pub(super) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.happened.notify_one();
    }

    /// Waits until it is more than that.
    async fn exceeds(&self, bytes: u64) {
        while self.bytes.load(Ordering::Relaxed) <= bytes {
            self.happened.notified().await;
        }
    }
}

/// Looks after the room until it is dropped.
pub(crate) async fn watch(space: FreeSpace, journal: Arc<Journal>) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut can_ask = true;
    loop {
        select! {
            _ = ticks.tick() => {}
            () = journal.written.exceeds(space.bytes_min / PART) => {}
        }
        journal.written.bytes.store(0, Ordering::Relaxed);
        let ask = Arc::clone(&space.ask);
        let asked = spawn_blocking(move || ask()).await;
        match asked.map_err(io::Error::other).flatten() {
            Ok(bytes) => {
                can_ask = true;
                journal.note_free(bytes, space.bytes_min);
            }
            Err(error) if can_ask => {
                can_ask = false;
                warn!(%error, "cannot tell how much room is left on the disk of the store");
            }
            Err(_) => {}
        }
    }
}

impl Journal {
    fn note_free(&self, bytes: u64, bytes_min: u64) {
        let was_low = self.is_low.load(Ordering::Relaxed);
        let more = if was_low { bytes_min / PART } else { 0 };
        let is_low = bytes < bytes_min.saturating_add(more);
        self.is_low.store(is_low, Ordering::Relaxed);
        if is_low && !was_low {
            error!(
                bytes,
                bytes_min, "the disk is nearly full: messages that would be kept are refused"
            );
        } else if was_low && !is_low {
            info!(bytes, "there is room on the disk again");
        }
    }
}
