//! One timer for all the deadlines of a connection, set anew only when it must ring earlier.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use tokio::time::{Sleep, sleep_until};

/// Rings at a deadline that moves: one that moves later, as it does with every message, costs nothing until the timer
/// rings too early and is set again.
#[derive(Debug, Default)]
pub struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// Ready once `deadline` has passed, else the task is woken at it.
    pub fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let deadline = tokio::time::Instant::from_std(deadline);
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

/// The time, by the clock that timers ring by.
#[must_use]
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, time::Duration};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_moves_is_kept() {
        let start = now();
        let mut timer = Timer::default();
        let mut ring = async |deadline| {
            poll_fn(|cx| timer.poll(cx, deadline)).await;
            now() - start
        };
        assert!(ring(start + Duration::from_secs(1)).await >= Duration::from_secs(1));
        assert!(ring(start + Duration::from_secs(5)).await >= Duration::from_secs(5));
        assert!(ring(start + Duration::from_secs(2)).await < Duration::from_secs(6));
    }
}
