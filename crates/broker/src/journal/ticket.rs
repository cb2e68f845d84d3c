//! What a RECEIPT waits for: the round of the writer in which the effects of a command go to the store.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    task::{Context, Poll, Waker},
};

use gumboot_store::Level;

/// The store has failed: nobody knows whether it has what the ticket was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unconfirmed;

/// What became of a round.
pub(crate) type Confirmed = Result<Level, Unconfirmed>;

/// The round in which something is stored, for one who waits until it is. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ticket(Arc<Round>);

#[derive(Debug, Default)]
struct Round {
    confirmed: OnceLock<Confirmed>,
    waiting: Mutex<Vec<Waker>>,
}

/// The one that waits has been noted, and need not be noted again.
#[derive(Debug, Default)]
pub(crate) struct Noted(Option<Waker>);

impl Ticket {
    /// What became of it, if that is known.
    pub(crate) fn confirmed(&self) -> Option<Confirmed> {
        self.0.confirmed.get().copied()
    }

    /// Waits until it is known what became of it. `noted` is of this ticket and of this one that waits.
    pub(crate) fn poll(&self, cx: &mut Context<'_>, noted: &mut Noted) -> Poll<Confirmed> {
        if let Some(confirmed) = self.confirmed() {
            return Poll::Ready(confirmed);
        }
        let is_noted = noted.0.as_ref().is_some_and(|w| w.will_wake(cx.waker()));
        if !is_noted {
            let mut waiting = self
                .0
                .waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            // It is confirmed before the list is taken, so that nobody is missed.
            if let Some(confirmed) = self.confirmed() {
                return Poll::Ready(confirmed);
            }
            waiting.push(cx.waker().clone());
            noted.0 = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Says what became of it, once.
    pub(super) fn settle(&self, confirmed: Confirmed) {
        let _ = self.0.confirmed.set(confirmed);
        let mut waiting = self
            .0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let waiting = std::mem::take(&mut *waiting);
        waiting.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering::SeqCst},
        task::Wake,
    };

    use super::*;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn who_waits_is_woken_once() {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        let ticket = Ticket::default();
        let mut noted = Noted::default();
        for _ in 0..3 {
            assert_eq!(ticket.poll(&mut cx, &mut noted), Poll::Pending);
        }
        ticket.clone().settle(Ok(Level::Synced));
        assert_eq!(count.0.load(SeqCst), 1);
        let confirmed = ticket.poll(&mut cx, &mut noted);
        assert_eq!(confirmed, Poll::Ready(Ok(Level::Synced)));
        ticket.settle(Err(Unconfirmed));
        assert_eq!(ticket.confirmed(), Some(Ok(Level::Synced)));
    }
}
