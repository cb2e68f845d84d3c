//! One timer for all the deadlines of a connection, set anew only when it must ring earlier. All timers of a runtime
//! share one task that waits; each is an entry in its list.

mod alarms;

use std::{
    ptr,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use self::alarms::Alarms;

/// Rings at a deadline that moves: one that moves later, as it does with every message, costs nothing until the timer
/// rings too early and is set again.
#[derive(Debug, Default)]
pub struct Timer {
    set: Option<Set>,
}

/// A timer that waits, or has rung.
#[derive(Debug)]
struct Set {
    alarms: Arc<Alarms>,
    /// When it rings: the time of its alarms.
    at: u64,
    /// Which task it wakes. The entry holds its waker, so no other that counts its holders can be the same.
    task: TaskId,
    key: u32,
}

/// A task by the two addresses that its waker is made of: its data and its vtable.
type TaskId = (usize, usize);

impl Timer {
    /// Ready once `deadline` has passed, else the task is woken at it.
    ///
    /// # Panics
    /// Outside a runtime of tokio's that keeps time.
    pub fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        if self
            .set
            .as_ref()
            .is_some_and(|set| set.is_kept(cx, deadline))
        {
            return Poll::Pending;
        }
        if deadline <= now() {
            return Poll::Ready(());
        }
        match self.set.as_mut().filter(|set| !set.alarms.are_over()) {
            Some(set) => set.reset(cx, deadline),
            None => self.set = Some(Set::new(cx, deadline)),
        }
        Poll::Pending
    }
}

impl Set {
    fn new(cx: &Context<'_>, deadline: Instant) -> Self {
        let alarms = Alarms::of_runtime();
        let at = alarms.time_of(deadline);
        let key = alarms.insert(cx.waker(), at);
        let task = task_of(cx);
        Self {
            alarms,
            at,
            task,
            key,
        }
    }

    /// Whether it will wake this task, and not after `deadline`.
    fn is_kept(&self, cx: &Context<'_>, deadline: Instant) -> bool {
        let waits = self.at > self.alarms.rung();
        waits && self.at <= self.alarms.time_of(deadline) && self.task == task_of(cx)
    }

    fn reset(&mut self, cx: &Context<'_>, deadline: Instant) {
        let at = self.alarms.time_of(deadline);
        self.at = self.alarms.reset(self.key, cx.waker(), at);
        self.task = task_of(cx);
        // Its runtime has ended just now, and may have woken the task of before.
        if self.alarms.are_over() {
            cx.waker().wake_by_ref();
        }
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        self.alarms.remove(self.key);
    }
}

fn task_of(cx: &Context<'_>) -> TaskId {
    let waker = cx.waker();
    (waker.data().addr(), ptr::from_ref(waker.vtable()).addr())
}

/// The sooner of two deadlines. It is asked at every wake-up, where a chain of iterators would show.
#[inline]
pub(crate) fn sooner(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The time, by the clock that timers ring by.
#[must_use]
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::atomic::{AtomicU32, Ordering},
        task::{Wake, Waker},
        time::Duration,
    };

    use tokio::{runtime::Builder, task::yield_now};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_moves_is_kept() {
        let start = now();
        let mut timer = Timer::default();
        let mut ring = async |deadline| {
            poll_fn(|cx| timer.poll(cx, deadline)).await;
            now() - start
        };
        assert!(ring(start + SECOND).await >= SECOND);
        assert!(ring(start + 5 * SECOND).await >= 5 * SECOND);
        assert!(ring(start + 2 * SECOND).await < 6 * SECOND);
    }

    /// Polls a timer once, and gives what came of it.
    async fn poll_once(timer: &mut Timer, deadline: Instant) -> Poll<()> {
        poll_fn(|cx| Poll::Ready(timer.poll(cx, deadline))).await
    }

    #[tokio::test(start_paused = true)]
    async fn the_nearest_of_many_rings_first() {
        let start = now();
        let mut ringing = tokio::task::JoinSet::new();
        for seconds in [3, 1, 2] {
            ringing.spawn(async move {
                let mut timer = Timer::default();
                // What is set to a later time first is set back.
                assert!(
                    poll_once(&mut timer, start + 60 * SECOND)
                        .await
                        .is_pending()
                );
                poll_fn(|cx| timer.poll(cx, start + seconds * SECOND)).await;
                (seconds, now() - start)
            });
        }
        for expected in 1..=3 {
            let (seconds, after) = ringing.join_next().await.unwrap().unwrap();
            assert_eq!(seconds, expected);
            assert!(after >= seconds * SECOND && after < seconds * SECOND + SECOND / 10);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_polled_last_is_woken() {
        let deadline = now() + SECOND;
        let mut timer = Timer::default();
        let polled = tokio::spawn(async move {
            assert!(poll_once(&mut timer, deadline).await.is_pending());
            timer
        });
        let mut timer = polled.await.unwrap();
        poll_fn(|cx| timer.poll(cx, deadline)).await;
        assert!(now() >= deadline);
    }

    #[tokio::test(start_paused = true)]
    async fn timers_that_are_gone_leave_nothing() {
        let deadline = now() + SECOND;
        let alarms = Alarms::of_runtime();
        for _ in 0..1_000 {
            let mut timers: Vec<_> = (0..10).map(|_| Timer::default()).collect();
            for timer in &mut timers {
                assert!(poll_once(timer, deadline).await.is_pending());
            }
        }
        let (entries, waiting) = alarms.lens();
        assert_eq!(entries, 0);
        assert!(waiting <= 200, "{waiting}");
        let mut timer = Timer::default();
        poll_fn(|cx| timer.poll(cx, deadline)).await;
        yield_now().await;
        assert_eq!(alarms.lens(), (1, 0));
    }

    #[test]
    fn a_timer_outlives_its_runtime() {
        let runtime = || Builder::new_current_thread().enable_time().build().unwrap();
        let mut timer = Timer::default();
        let deadline = Instant::now() + Duration::from_millis(20);
        runtime().block_on(async {
            assert!(poll_once(&mut timer, deadline).await.is_pending());
        });
        runtime().block_on(poll_fn(|cx| timer.poll(cx, deadline)));
        assert!(Instant::now() >= deadline);
    }

    /// Counts how often it was woken, and then panics if it is to.
    #[derive(Default)]
    struct Counting {
        woken: AtomicU32,
        panics: bool,
    }

    impl Wake for Counting {
        fn wake(self: Arc<Self>) {
            self.woken.fetch_add(1, Ordering::Relaxed);
            assert!(!self.panics, "as a waker may");
        }
    }

    #[test]
    fn who_waits_hears_that_a_runtime_has_ended() {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let woken = Arc::new(Counting::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut timer = Timer::default();
        runtime.block_on(async {
            let polled = timer.poll(&mut Context::from_waker(&waker), now() + SECOND);
            assert!(polled.is_pending());
        });
        assert_eq!(woken.woken.load(Ordering::Relaxed), 0);
        drop(runtime);
        assert_eq!(woken.woken.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_waker_that_panics_keeps_no_other_from_being_woken() {
        let deadline = now() + SECOND;
        let mut timers = [(); 3].map(|()| Timer::default());
        let panicking = Arc::new(Counting {
            panics: true,
            ..Counting::default()
        });
        let [first, second, third] = &mut timers;
        let waker = Waker::from(Arc::clone(&panicking));
        let polled = first.poll(&mut Context::from_waker(&waker), deadline);
        assert!(polled.is_pending());
        for (timer, deadline) in [(second, deadline), (third, deadline + SECOND)] {
            poll_fn(|cx| timer.poll(cx, deadline)).await;
        }
        assert_eq!(panicking.woken.load(Ordering::Relaxed), 1);
    }

    #[test]
    #[should_panic(expected = "timers are disabled")]
    fn a_runtime_that_keeps_no_time_is_told_at_once() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let mut timer = Timer::default();
        let _ = runtime.block_on(poll_once(&mut timer, Instant::now() + SECOND));
    }

    #[test]
    fn a_task_that_blocks_its_thread_does_not_hold_up_others() {
        let (wait, blocked_max) = (Duration::from_millis(100), 20 * SECOND);
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_time()
            .build()
            .unwrap();
        let (rung, ringing) = std::sync::mpsc::channel();
        let other = runtime.spawn(async move {
            let mut timer = Timer::default();
            let deadline = now() + 3 * wait;
            assert!(poll_once(&mut timer, deadline).await.is_pending());
            let blocking = tokio::spawn(async move {
                let mut timer = Timer::default();
                let first = now() + wait;
                poll_fn(|cx| timer.poll(cx, first)).await;
                // What rang waits again: that is woken by this, which then does not give its thread back.
                assert!(poll_once(&mut timer, now() + wait).await.is_pending());
                ringing.recv_timeout(blocked_max).is_ok()
            });
            poll_fn(|cx| timer.poll(cx, deadline)).await;
            let _ = rung.send(());
            blocking.await.unwrap()
        });
        assert!(runtime.block_on(other).unwrap(), "nobody rang meanwhile");
    }
}
