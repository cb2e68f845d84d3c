//! How much waits for the writer, and who waits until it is less: past a bound nobody is read from.

use std::{
    mem,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
};

/// The operations that may wait for the writer before nobody is read from; what is under way then still comes in.
pub(super) const OPERATIONS_WAITING_MAX: usize = 32_768;

/// The same of the bytes of messages.
pub(super) const BYTES_WAITING_MAX: usize = 64 * 1024 * 1024;

/// What waits, and who.
#[derive(Debug, Default)]
pub(crate) struct Room {
    operations: AtomicUsize,
    bytes: AtomicUsize,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    wakers: Vec<Waker>,
    /// How often they were woken.
    round: u64,
}

/// In which round somebody was noted.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Seen(Option<u64>);

impl Room {
    /// So much waits now.
    pub(crate) fn set(&self, (operations, bytes): (usize, usize)) {
        self.operations.store(operations, SeqCst);
        self.bytes.store(bytes, SeqCst);
    }

    /// Nothing waits any more.
    pub(super) fn clear(&self) {
        self.set((0, 0));
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.round += 1;
        let wakers = mem::take(&mut waiting.wakers);
        drop(waiting);
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.operations.load(SeqCst) >= OPERATIONS_WAITING_MAX
            || self.bytes.load(SeqCst) >= BYTES_WAITING_MAX
    }

    /// Waits until there is room. `seen` is of the one that waits.
    pub(crate) fn poll(&self, cx: &mut Context<'_>, seen: &mut Seen) -> Poll<()> {
        if !self.is_full() {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // It is cleared before the list is taken, so that nobody is missed.
        if !self.is_full() {
            return Poll::Ready(());
        }
        if seen.0 != Some(waiting.round) {
            waiting.wakers.push(cx.waker().clone());
            *seen = Seen(Some(waiting.round));
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_noted_once_a_round() {
        let room = Room::default();
        let mut cx = Context::from_waker(Waker::noop());
        let mut seen = Seen::default();
        assert!(room.poll(&mut cx, &mut seen).is_ready());
        for full in [(OPERATIONS_WAITING_MAX, 0), (0, BYTES_WAITING_MAX)] {
            room.set(full);
            for _ in 0..3 {
                assert!(room.poll(&mut cx, &mut seen).is_pending());
            }
            let noted = room.waiting.lock().unwrap().wakers.len();
            assert_eq!(noted, 1);
            room.clear();
            assert!(room.poll(&mut cx, &mut seen).is_ready());
        }
        room.set((OPERATIONS_WAITING_MAX - 1, BYTES_WAITING_MAX - 1));
        assert!(room.poll(&mut cx, &mut seen).is_ready());
    }
}
