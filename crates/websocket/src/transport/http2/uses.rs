//! Who uses a connection of HTTP/2, and since when nobody does.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use tokio::time::sleep_until;

use crate::timer::now;

/// A longer wait is as this one, which a clock can add to any time: 100 years.
const IDLE_MAX_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// How soon it is looked at a connection in use again, however short the wait is.
const LOOK_AFTER_MIN: Duration = Duration::from_secs(1);

/// The uses of a connection: handshakes, and the streams that come of them.
#[derive(Debug)]
pub(crate) struct Uses(Mutex<State>);

#[derive(Debug)]
struct State {
    count: usize,
    /// When the last one ended.
    last_end: Instant,
}

/// One use of a connection, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Use(Arc<Uses>);

impl Default for Uses {
    fn default() -> Self {
        Self(Mutex::new(State {
            count: 0,
            last_end: now(),
        }))
    }
}

impl Uses {
    pub(crate) fn begin(self: &Arc<Self>) -> Use {
        self.lock().count += 1;
        Use(Arc::clone(self))
    }

    /// Whether nobody has used it for `idle_max`.
    pub(crate) fn is_idle(&self, idle_max: Duration) -> bool {
        self.idle_at(idle_max) <= now()
    }

    /// When that will be, if nobody comes; while it is used, when it can be at the earliest.
    fn idle_at(&self, idle_max: Duration) -> Instant {
        let idle_max = idle_max.min(IDLE_MAX_MAX);
        let state = self.lock();
        if state.count > 0 {
            now() + idle_max.max(LOOK_AFTER_MIN)
        } else {
            state.last_end + idle_max
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.count -= 1;
        state.last_end = now();
    }
}

/// Ready when nobody has used a connection for `idle_max`, or it is gone.
pub(crate) async fn until_idle(uses: &Weak<Uses>, idle_max: Duration) {
    while let Some(at) = uses.upgrade().map(|uses| uses.idle_at(idle_max)) {
        if at <= now() {
            return;
        }
        sleep_until(at.into()).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const IDLE_MAX: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn one_that_is_used_is_not_idle_and_then_so_long() {
        let uses = Arc::new(Uses::default());
        let start = now();
        let first = uses.begin();
        let second = uses.begin();
        let idle = tokio::spawn({
            let uses = Arc::downgrade(&uses);
            async move {
                until_idle(&uses, IDLE_MAX).await;
                now()
            }
        });
        advance(5 * IDLE_MAX).await;
        drop(first);
        advance(5 * IDLE_MAX).await;
        assert!(!idle.is_finished());
        drop(second);
        assert!(!uses.is_idle(IDLE_MAX));
        let at = idle.await.unwrap() - start;
        assert!(at >= 11 * IDLE_MAX, "{at:?}");
        assert!(at < 11 * IDLE_MAX + Duration::from_secs(1), "{at:?}");
        assert!(uses.is_idle(IDLE_MAX));
    }

    #[tokio::test(start_paused = true)]
    async fn the_shortest_wait_and_the_longest() {
        let uses = Arc::new(Uses::default());
        let used = uses.begin();
        assert!(!uses.is_idle(Duration::ZERO));
        let idle = tokio::spawn({
            let uses = Arc::downgrade(&uses);
            async move { until_idle(&uses, Duration::ZERO).await }
        });
        advance(10 * IDLE_MAX).await;
        assert!(!idle.is_finished());
        drop(used);
        idle.await.unwrap();
        assert!(uses.is_idle(Duration::ZERO));
        assert!(!uses.is_idle(Duration::MAX));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_was_never_used_is_idle_too() {
        let uses = Arc::new(Uses::default());
        let start = now();
        until_idle(&Arc::downgrade(&uses), IDLE_MAX).await;
        assert!(now() - start >= IDLE_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_gone_is_not_waited_for_twice() {
        let uses = Arc::new(Uses::default());
        let weak = Arc::downgrade(&uses);
        drop(uses);
        let start = now();
        until_idle(&weak, IDLE_MAX).await;
        assert_eq!(now(), start);
    }
}
