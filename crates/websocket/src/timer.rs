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
    /// When it rings.
    deadline: Instant,
    /// The same as its alarms count it, which takes longer than to compare two instants.
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
    #[inline]
    pub fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        match &self.set {
            Some(set) if set.is_kept(cx, deadline) => Poll::Pending,
            _ => self.poll_anew(cx, deadline),
        }
    }

    /// Does so with a timer that rings too late, or has rung.
    #[inline(never)]
    fn poll_anew(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
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
            deadline,
            at,
            task,
            key,
        }
    }

    /// Whether it will wake this task, and not after `deadline`.
    #[inline]
    fn is_kept(&self, cx: &Context<'_>, deadline: Instant) -> bool {
        let waits = self.at > self.alarms.rung();
        waits && self.deadline <= deadline && self.task == task_of(cx)
    }

    fn reset(&mut self, cx: &Context<'_>, deadline: Instant) {
        let at = self.alarms.time_of(deadline);
        // If it waits for an earlier one already, it rings then.
        if self.alarms.reset(self.key, cx.waker(), at) == at {
            (self.at, self.deadline) = (at, deadline);
        }
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
mod tests;
