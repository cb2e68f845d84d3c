//! What waits for a connection, from other connections: bounded in bytes, with one wake-up per batch.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Waker},
};

use crate::publication::Delivery;

/// What a connection is told from outside, beside messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// The server goes down.
    Drain,
    /// The mailbox was full: the connection does not keep up.
    Overflow,
}

/// The mailbox of one connection.
#[derive(Debug)]
pub(crate) struct Mailbox {
    bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    deliveries: VecDeque<Delivery>,
    bytes: usize,
    signal: Option<Signal>,
    /// Set while the connection waits for something to arrive.
    waker: Option<Waker>,
    /// It has no room for messages, and is woken for signals only.
    signals_only: bool,
}

impl State {
    fn wait(&mut self, cx: &mut Context<'_>, signals_only: bool) {
        self.signals_only = signals_only;
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }
}

/// Those to wake once a batch is through, each of them once.
#[derive(Debug, Default)]
pub(crate) struct Wakeups(Vec<Waker>);

impl Wakeups {
    fn extend(&mut self, waker: Option<Waker>) {
        self.0.extend(waker);
    }

    /// Wakes them all. No lock may be held.
    pub(crate) fn wake(&mut self) {
        self.0.drain(..).for_each(Waker::wake);
    }
}

impl Mailbox {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            state: Mutex::default(),
        }
    }

    /// Puts a message in. A mailbox that is not empty and would pass its bound is emptied, and its owner told: a
    /// connection that does not keep up is closed, it does not get a stream with holes.
    pub(crate) fn push(&self, delivery: Delivery, wakeups: &mut Wakeups) {
        let mut state = self.lock();
        if state.signal.is_some() {
            return;
        }
        let bytes = state.bytes + delivery.publication.cost;
        if bytes > self.bytes_max && !state.deliveries.is_empty() {
            state.deliveries = VecDeque::new();
            state.signal = Some(Signal::Overflow);
        } else {
            state.bytes = bytes;
            state.deliveries.push_back(delivery);
            if state.signals_only {
                return;
            }
        }
        wakeups.extend(state.waker.take());
    }

    /// Tells the owner something. What came first counts.
    pub(crate) fn signal(&self, signal: Signal, wakeups: &mut Wakeups) {
        let mut state = self.lock();
        state.signal.get_or_insert(signal);
        wakeups.extend(state.waker.take());
    }

    /// Takes all messages, and what the owner is told; if there is neither, the task is woken when there is.
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>) -> (VecDeque<Delivery>, Option<Signal>) {
        let mut state = self.lock();
        if state.deliveries.is_empty() && state.signal.is_none() {
            state.wait(cx, false);
        }
        state.bytes = 0;
        (std::mem::take(&mut state.deliveries), state.signal)
    }

    /// What the owner is told, for one who has no room for messages; if nothing, the task is woken when it is.
    pub(crate) fn poll_signal(&self, cx: &mut Context<'_>) -> Option<Signal> {
        let mut state = self.lock();
        if state.signal.is_none() {
            state.wait(cx, true);
        }
        state.signal
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use gumboot_broker_core::SubscriptionId;
    use gumboot_stomp_proto::Tail;

    use super::*;
    use crate::publication::Publication;

    fn delivery(body_bytes: usize) -> Delivery {
        let tail = Tail::new("/topic/a", &[], &vec![b'x'; body_bytes]);
        Delivery {
            subscription: SubscriptionId(0),
            publication: Publication::new(tail),
        }
    }

    fn take(mailbox: &Mailbox) -> (usize, Option<Signal>) {
        let (deliveries, signal) = mailbox.poll_take(&mut Context::from_waker(Waker::noop()));
        (deliveries.len(), signal)
    }

    #[test]
    fn at_the_bound_and_one_past() {
        let one = delivery(100).publication.cost;
        let mailbox = Mailbox::new(2 * one);
        let wakeups = &mut Wakeups::default();
        mailbox.push(delivery(100), wakeups);
        mailbox.push(delivery(100), wakeups);
        assert_eq!(take(&mailbox), (2, None));
        for _ in 0..3 {
            mailbox.push(delivery(100), wakeups);
        }
        assert_eq!(take(&mailbox), (0, Some(Signal::Overflow)));
    }

    #[test]
    fn an_empty_mailbox_takes_one_message_of_any_size() {
        let mailbox = Mailbox::new(1);
        mailbox.push(delivery(1000), &mut Wakeups::default());
        assert_eq!(take(&mailbox), (1, None));
    }

    #[test]
    fn a_batch_wakes_once_and_only_who_waits() {
        let mailbox = Mailbox::new(1 << 20);
        let wakeups = &mut Wakeups::default();
        mailbox.push(delivery(1), wakeups);
        assert_eq!(wakeups.0.len(), 0);
        assert_eq!(take(&mailbox), (1, None));
        assert_eq!(take(&mailbox), (0, None));
        mailbox.push(delivery(1), wakeups);
        mailbox.push(delivery(1), wakeups);
        assert_eq!(wakeups.0.len(), 1);
    }

    #[test]
    fn who_has_no_room_is_woken_for_signals_only() {
        let mailbox = Mailbox::new(1);
        let wakeups = &mut Wakeups::default();
        let cx = &mut Context::from_waker(Waker::noop());
        assert_eq!(mailbox.poll_signal(cx), None);
        mailbox.push(delivery(1), wakeups);
        assert_eq!(wakeups.0.len(), 0);
        mailbox.push(delivery(1), wakeups);
        assert_eq!(wakeups.0.len(), 1);
        assert_eq!(mailbox.poll_signal(cx), Some(Signal::Overflow));
    }
}
