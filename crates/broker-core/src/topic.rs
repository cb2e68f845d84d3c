//! A topic: every subscriber gets every message.

use crate::broker::{SessionId, SubscriptionId};

/// A subscriber of a topic, and where its subscription is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subscriber {
    pub(crate) session: SessionId,
    pub(crate) subscription: SubscriptionId,
}

/// The subscribers of a topic, in no order that means anything, so that one can leave at no cost.
#[derive(Debug, Default)]
pub(crate) struct Topic {
    subscribers: Vec<Subscriber>,
}

impl Topic {
    /// Adds a subscriber; gives its position.
    pub(crate) fn insert(&mut self, subscriber: Subscriber) -> usize {
        self.subscribers.push(subscriber);
        self.subscribers.len() - 1
    }

    /// Takes the subscriber at `position` away; gives the one that has moved there, if one has.
    pub(crate) fn remove(&mut self, position: usize) -> Option<Subscriber> {
        self.subscribers.swap_remove(position);
        if self.subscribers.capacity() > 4 * self.subscribers.len() {
            self.subscribers.shrink_to(2 * self.subscribers.len());
        }
        self.subscribers.get(position).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Subscriber> + '_ {
        self.subscribers.iter().copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.subscribers.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }
}
