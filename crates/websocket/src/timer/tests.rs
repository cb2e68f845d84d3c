//! What a timer must keep, whatever the runtime, the tasks and the wakers do.

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

#[tokio::test(start_paused = true)]
async fn many_timers_that_are_gone_leave_no_room() {
    let deadline = now() + SECOND;
    let alarms = Alarms::of_runtime();
    let mut timers: Vec<_> = (0..10_000).map(|_| Timer::default()).collect();
    for timer in &mut timers {
        assert!(poll_once(timer, deadline).await.is_pending());
    }
    let (entries, waiting) = alarms.capacities();
    assert!(entries >= 10_000 && waiting >= 10_000);
    // The last come first: what lies behind them can go.
    while timers.len() > 10 {
        timers.pop();
    }
    let (entries, waiting) = alarms.capacities();
    assert!(entries <= 1_000, "{entries}");
    assert!(waiting <= 1_000, "{waiting}");
    // Those that are left, and new ones, ring as ever.
    timers.extend((0..100).map(|_| Timer::default()));
    for timer in &mut timers {
        poll_fn(|cx| timer.poll(cx, deadline)).await;
    }
    drop(timers);
    assert_eq!(alarms.capacities(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn deadlines_that_come_and_go_do_not_pile_up() {
    let far = now() + 10_000 * SECOND;
    let alarms = Alarms::of_runtime();
    // A sweep falls on a moment when all but one are set to what they were set to before.
    let mut timers = [(); 10].map(|()| Timer::default());
    for turn in 0..2_000 {
        let timer = &mut timers[turn % 10];
        assert!(poll_once(timer, far).await.is_pending());
        let near = now() + SECOND;
        poll_fn(|cx| timer.poll(cx, near)).await;
        assert!(poll_once(timer, far).await.is_pending());
    }
    let (entries, waiting) = alarms.lens();
    assert_eq!(entries, timers.len());
    assert!(waiting <= 200, "{waiting}");
    for timer in &mut timers {
        poll_fn(|cx| timer.poll(cx, far)).await;
    }
    assert!(now() >= far);
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
