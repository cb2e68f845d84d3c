//! How a broker is set up.

use std::sync::Arc;

use crate::{
    destination::Destination,
    history::{Epoch, HistoryPolicy},
    limits::Limits,
};

/// How a broker is set up.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What holds for the broker as a whole.
    pub limits: Limits,
    /// What holds for queues whose name matches a pattern; the first that matches counts.
    pub queues: Vec<(Destination, Arc<QueuePolicy>)>,
    /// What holds for all other queues.
    pub queue: Arc<QueuePolicy>,
    /// What holds for subscriptions to topics that acknowledge or are durable. Their [`QueuePolicy::overflow`] is the
    /// subscription's to say.
    pub topic: Arc<QueuePolicy>,
    /// How much is kept of topics whose name matches a pattern; the first that matches counts. Of others nothing is.
    pub histories: Vec<(Destination, Arc<HistoryPolicy>)>,
    /// What the offsets of histories are of: that of the store, or a number that no other broker had.
    pub epoch: Epoch,
}

/// What is done with a message for a queue that is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The sender is refused.
    #[default]
    Reject,
    /// The least important message that waits is dropped, of those the oldest; if none waits, the sender is refused.
    DropOldest,
}

/// What holds for a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuePolicy {
    /// Messages in it, delivered ones that are not acknowledged included. Default 1,000,000.
    pub messages_max: usize,
    /// Bytes of these. Default 256 MiB.
    pub bytes_max: usize,
    /// What is done past the bounds.
    pub overflow: Overflow,
    /// How often a message is delivered at most before it is dead. Default 10.
    pub deliveries_max: u32,
    /// The queue for dead messages; without one they are gone. It drops what is oldest, whatever its own policy says, and
    /// a message there does not die of its deliveries.
    pub dead_letters: Option<Destination>,
}

impl Default for QueuePolicy {
    fn default() -> Self {
        let dead_letters = Destination::parse("/queue/dead-letters");
        Self {
            messages_max: 1_000_000,
            bytes_max: 256 * 1024 * 1024,
            overflow: Overflow::Reject,
            deliveries_max: 10,
            dead_letters: Some(dead_letters.expect("the name is one of a queue")),
        }
    }
}

impl Settings {
    /// What holds for the queue of this name.
    pub(crate) fn policy(&self, queue: &Destination) -> Arc<QueuePolicy> {
        let found = self
            .queues
            .iter()
            .find(|(pattern, _)| pattern.covers(queue));
        Arc::clone(found.map_or(&self.queue, |(_, policy)| policy))
    }

    /// How much is kept of this topic, if anything is. Where there may be no history, no topic has one.
    #[must_use]
    pub fn history(&self, topic: &Destination) -> Option<Arc<HistoryPolicy>> {
        if self.limits.histories_max == 0 {
            return None;
        }
        let mut policies = self.histories.iter();
        let found = policies.find(|(pattern, _)| pattern.covers(topic));
        found.map(|(_, policy)| Arc::clone(policy))
    }
}
