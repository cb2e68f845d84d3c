//! What waits for a connection, from other connections: bounded in bytes, with one wake-up per batch.

mod items;
mod slow;

use std::{
    num::NonZeroU64,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Waker},
};

use gumboot_broker_core::{DeliveryId, SubscriptionId};

use self::slow::{Admitted, Policies};
pub(crate) use self::{items::Items, slow::Slow};
use crate::publication::Publication;

/// What a connection is told from outside, beside messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// The server goes down.
    Drain,
    /// More waits for the connection, or for one of its subscriptions, than is kept.
    Overflow,
}

/// Something that waits for a connection.
#[derive(Debug)]
pub(crate) enum Item {
    /// A message.
    Message(Delivery),
    /// A subscription that looks into a queue has seen all of it.
    BrowseEnded(SubscriptionId),
    /// All that was replayed before this has been sent, once it is taken out.
    ReplayPaused,
    /// Nothing any more.
    Hole,
}

/// A message for one subscription.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) subscription: SubscriptionId,
    /// Its number, if it is one to be acknowledged: by the client, or by sending it.
    pub(crate) number: Option<NonZeroU64>,
    /// How often it has been delivered, this time included.
    pub(crate) deliveries: u32,
    pub(crate) is_redelivered: bool,
    pub(crate) is_retained: bool,
    /// Its place in the history of its topic, if that has one.
    pub(crate) offset: Option<NonZeroU64>,
    pub(crate) publication: Arc<Publication>,
}

impl Delivery {
    /// What is to be acknowledged, if anything.
    pub(crate) fn id(&self) -> Option<DeliveryId> {
        let number = self.number?.get();
        Some(DeliveryId {
            subscription: self.subscription,
            number,
        })
    }

    /// What it counts for in a mailbox. Those that are to be acknowledged are bounded by their subscription's credit.
    fn bytes(&self) -> usize {
        if self.number.is_some() {
            0
        } else {
            self.publication.cost
        }
    }
}

impl Item {
    fn subscription(&self) -> Option<SubscriptionId> {
        match self {
            Self::Message(delivery) => Some(delivery.subscription),
            Self::BrowseEnded(subscription) => Some(*subscription),
            Self::ReplayPaused | Self::Hole => None,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Message(delivery) => delivery.bytes(),
            Self::BrowseEnded(_) | Self::ReplayPaused | Self::Hole => 0,
        }
    }

    /// The delivery to be acknowledged, if it is one, and for that subscription, if one is given.
    pub(crate) fn id_of(&self, subscription: Option<SubscriptionId>) -> Option<DeliveryId> {
        let Self::Message(delivery) = self else {
            return None;
        };
        let id = delivery.id()?;
        subscription
            .is_none_or(|only| only == id.subscription)
            .then_some(id)
    }
}

/// The mailbox of one connection.
#[derive(Debug)]
pub(crate) struct Mailbox {
    bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// None until the first message: nobody sends one to an echo.
    room: Option<Box<Room>>,
    signal: Option<Signal>,
    /// Set while the connection waits for something to arrive.
    waker: Option<Waker>,
    /// It has no room for messages, and is woken for signals only.
    signals_only: bool,
    /// What is in it is not going to be sent.
    has_overflowed: bool,
}

/// What waits.
#[derive(Debug, Default)]
struct Room {
    items: Items,
    bytes: usize,
    /// Of the subscriptions that have one of their own; most connections have none.
    policies: Option<Box<Policies>>,
}

impl State {
    fn room(&mut self) -> &mut Room {
        self.room.get_or_insert_default()
    }

    fn wait(&mut self, cx: &mut Context<'_>, signals_only: bool) {
        self.signals_only = signals_only;
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    /// Empties it for good, except for what somebody else is to get.
    fn overflow(&mut self) {
        let room = self.room();
        room.items.retain(|item| item.id_of(None).is_some());
        room.bytes = 0;
        room.policies = None;
        self.has_overflowed = true;
        self.signal.get_or_insert(Signal::Overflow);
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
        // Who only receives wakes nobody, and a list is emptied at a cost also if nothing is in it.
        if !self.0.is_empty() {
            self.0.drain(..).for_each(Waker::wake);
        }
    }
}

impl Mailbox {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            state: Mutex::default(),
        }
    }

    /// Puts a message in. When that passes the bound of a mailbox that is not empty, what the policies of its
    /// subscriptions allow is dropped. If that is not enough, the mailbox is emptied and its owner told: a connection
    /// that does not keep up is closed, it does not get a stream with holes that it did not ask for.
    pub(crate) fn push(&self, delivery: Delivery, wakeups: &mut Wakeups) {
        let mut guard = self.lock();
        let state = &mut *guard;
        if state.signal.is_some() {
            // Its session ends without it; who is to get a message then has to be known.
            if delivery.number.is_some() {
                state.room().items.push_back(Item::Message(delivery));
            }
            return;
        }
        let Room {
            items,
            bytes,
            policies,
        } = state.room();
        let admitted = match policies {
            None if *bytes == 0 || *bytes + delivery.bytes() <= self.bytes_max => {
                Admitted::Behind(delivery)
            }
            None => Admitted::Overflow,
            Some(policies) => policies.admit(items.as_deque(), bytes, self.bytes_max, delivery),
        };
        match admitted {
            Admitted::Behind(delivery) => {
                *bytes += delivery.bytes();
                items.push_back(Item::Message(delivery));
            }
            Admitted::Done => return,
            Admitted::Overflow => {
                state.overflow();
                return wakeups.extend(state.waker.take());
            }
        }
        if !state.signals_only {
            wakeups.extend(state.waker.take());
        }
    }

    /// A subscription that looks into a queue has seen all of it.
    pub(crate) fn push_browse_ended(&self, subscription: SubscriptionId, wakeups: &mut Wakeups) {
        self.push_mark(Item::BrowseEnded(subscription), wakeups);
    }

    /// More is replayed once what waits now has been sent.
    pub(crate) fn push_replay_paused(&self, wakeups: &mut Wakeups) {
        self.push_mark(Item::ReplayPaused, wakeups);
    }

    fn push_mark(&self, mark: Item, wakeups: &mut Wakeups) {
        let mut state = self.lock();
        state.room().items.push_back(mark);
        if !state.signals_only {
            wakeups.extend(state.waker.take());
        }
    }

    /// What is done when a subscription does not keep up.
    pub(crate) fn set_policy(&self, subscription: SubscriptionId, slow: Slow) {
        if slow != Slow::Disconnect {
            let mut state = self.lock();
            let policies = &mut state.room().policies;
            policies.get_or_insert_default().set(subscription, slow);
        }
    }

    /// A subscription has ended: what waits for it is gone.
    pub(crate) fn forget(&self, subscription: SubscriptionId) {
        let mut state = self.lock();
        let Some(room) = &mut state.room else {
            return;
        };
        let mut places = Vec::new();
        for (place, item) in room.items.iter_mut().enumerate() {
            if item.subscription() == Some(subscription) {
                places.push((place, item.bytes()));
                *item = Item::Hole;
            }
        }
        room.bytes -= places.iter().map(|(_, bytes)| bytes).sum::<usize>();
        let places: Vec<_> = places.into_iter().map(|(place, _)| place).collect();
        match &mut room.policies {
            Some(policies) => policies.remove(subscription, &places),
            None => room.items.retain(|item| !matches!(item, Item::Hole)),
        }
    }

    /// The deliveries that wait and are to be acknowledged, of one subscription or of all.
    pub(crate) fn unsent(&self, subscription: Option<SubscriptionId>) -> Vec<DeliveryId> {
        let state = self.lock();
        let items = state.room.iter().flat_map(|room| room.items.iter());
        items.filter_map(|item| item.id_of(subscription)).collect()
    }

    /// Tells the owner something. What came first counts.
    pub(crate) fn signal(&self, signal: Signal, wakeups: &mut Wakeups) {
        let mut state = self.lock();
        state.signal.get_or_insert(signal);
        wakeups.extend(state.waker.take());
    }

    /// Takes all that waits into `items`, which are empty, and gives what the owner is told; if there is neither, the task
    /// is woken when there is.
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>, items: &mut Items) -> Option<Signal> {
        debug_assert!(items.is_empty());
        let mut state = self.lock();
        let has_overflowed = state.has_overflowed;
        let room = state.room.as_mut().filter(|room| !room.items.is_empty());
        if let Some(room) = room {
            room.bytes = 0;
            if let Some(policies) = &mut room.policies {
                policies.on_taken();
            }
            if !has_overflowed {
                std::mem::swap(&mut room.items, items);
            }
        } else if state.signal.is_none() {
            state.wait(cx, false);
        }
        state.signal
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
mod tests;
