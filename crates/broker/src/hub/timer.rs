//! What the broker does when time passes: delayed messages, those that expire, transactions that are too old.

use std::{future::poll_fn, sync::Arc, time::Duration};

use tokio::{select, task::yield_now, time::sleep};

use super::Hub;
use crate::journal::{Seen, Turn};

/// The clock of the system may be set while the timer runs, so that is looked at this often.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// Calls the broker when it wants to be, until it is dropped.
pub(crate) async fn run(hub: Arc<Hub>) {
    loop {
        let Some(left) = hub.set_timer() else {
            hub.hurry.notified().await;
            continue;
        };
        if left.is_zero() {
            if let Some(journal) = &hub.journal {
                let mut seen = Seen::default();
                poll_fn(|cx| journal.room.poll(cx, &mut seen)).await;
            }
            hub.handle_timeout();
            // Each step is short, and others have their turn between them.
            yield_now().await;
            continue;
        }
        select! {
            () = sleep(left.min(SLEEP_MAX)) => {}
            () = hub.hurry.notified() => {}
        }
    }
}

impl Hub {
    /// How long it is until the broker wants to be called.
    fn set_timer(&self) -> Option<Duration> {
        let mut shared = self.lock();
        let deadline = shared.broker.poll_timeout();
        shared.timer = deadline;
        let left = deadline?.as_millis().saturating_sub(self.now().as_millis());
        Some(Duration::from_millis(left))
    }

    fn handle_timeout(&self) {
        let mut turn = Turn::default();
        self.command(&mut turn, |broker, now, output| {
            broker.handle_timeout(now, output);
        });
        turn.wake();
    }
}
