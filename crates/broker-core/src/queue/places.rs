//! Where the messages of a queue stand, by what they wait for: a consumer, their time, their end, or their
//! acknowledgement.

use std::collections::{BTreeMap, BTreeSet};

use super::{Amount, Entry, Rank, State};
use crate::{message::MessageId, time::Timestamp};

/// The places of all messages of a queue. What a message waits for is in its [`Entry`]: it is taken from its place before
/// that changes, and put to its place after.
#[derive(Debug, Default)]
pub(crate) struct Places {
    leased: Amount,
    ready: BTreeMap<Rank, MessageId>,
    delayed: BTreeSet<(Timestamp, MessageId)>,
    /// Those that have an end and are not leased.
    expiring: BTreeSet<(Timestamp, MessageId)>,
}

impl Places {
    /// Puts a message to its place.
    pub(super) fn add<M>(&mut self, id: MessageId, entry: &Entry<M>) {
        match entry.state {
            State::Delayed { due, .. } => drop(self.delayed.insert((due, id))),
            State::Ready => drop(self.ready.insert(entry.rank(), id)),
            State::Leased => {
                self.leased.messages += 1;
                self.leased.bytes += entry.properties.bytes;
                return;
            }
        }
        if let Some(expires) = entry.properties.expires {
            self.expiring.insert((expires, id));
        }
    }

    /// Takes a message from its place.
    pub(super) fn remove<M>(&mut self, id: MessageId, entry: &Entry<M>) {
        match entry.state {
            State::Delayed { due, .. } => drop(self.delayed.remove(&(due, id))),
            State::Ready => drop(self.ready.remove(&entry.rank())),
            State::Leased => {
                self.leased.messages -= 1;
                self.leased.bytes -= entry.properties.bytes;
                return;
            }
        }
        if let Some(expires) = entry.properties.expires {
            self.expiring.remove(&(expires, id));
        }
    }

    /// How many are leased, and how long these are.
    pub(super) fn leased(&self) -> Amount {
        self.leased
    }

    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    pub(crate) fn ready_count(&self) -> usize {
        self.ready.len()
    }

    pub(crate) fn delayed_count(&self) -> usize {
        self.delayed.len()
    }

    /// The messages that are ready, in order.
    pub(crate) fn ready_from(&self, rank: Rank) -> impl Iterator<Item = (Rank, MessageId)> {
        self.ready.range(rank..).map(|(rank, id)| (*rank, *id))
    }

    /// The first message that is due.
    pub(crate) fn due(&self, now: Timestamp) -> Option<MessageId> {
        let (due, id) = self.delayed.first()?;
        (*due <= now).then_some(*id)
    }

    /// The first message that nobody is to get any more.
    pub(crate) fn expired(&self, now: Timestamp) -> Option<MessageId> {
        let (expires, id) = self.expiring.first()?;
        (*expires <= now).then_some(*id)
    }

    /// When one of the messages is due or expires.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let due = self.delayed.first().map(|(due, _)| *due);
        let expires = self.expiring.first().map(|(expires, _)| *expires);
        due.into_iter().chain(expires).min()
    }

    /// The message to drop first: of those that wait the least important, and of these the oldest.
    pub(crate) fn least(&self) -> Option<MessageId> {
        let lowest = self.ready.last_key_value().map(|(rank, _)| rank.class);
        let ready = lowest.and_then(|class| {
            let first = Rank { class, order: 0 };
            self.ready.range(first..).next().map(|(_, id)| *id)
        });
        ready.or_else(|| self.delayed.first().map(|(_, id)| *id))
    }
}
