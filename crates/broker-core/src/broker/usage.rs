//! What there is at a moment, counted.

use super::Broker;
use crate::{destination::Destination, message::Payload, queue::Queue, topic::TopicCount};

/// What there is at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Sessions.
    pub sessions: usize,
    /// Subscriptions of all sessions.
    pub subscriptions: usize,
    /// Consumers of queues; those that have ended and wait for acknowledgements included.
    pub consumers: usize,
    /// Topics and patterns that have subscribers.
    pub topics: usize,
    /// Queues of all kinds.
    pub queues: usize,
    /// Messages in queues.
    pub queued: usize,
    /// Bytes of these.
    pub queued_bytes: usize,
    /// Of these, bytes in the queues of subscriptions to topics.
    pub durable_bytes: usize,
    /// Topics with a retained message.
    pub retained: usize,
    /// Bytes of these.
    pub retained_bytes: usize,
    /// Topics with a history.
    pub histories: usize,
    /// Messages in histories.
    pub history: usize,
    /// Bytes of these.
    pub history_bytes: usize,
    /// Delayed messages to topics.
    pub scheduled: usize,
    /// Bytes of these.
    pub scheduled_bytes: usize,
    /// Transactions that are open.
    pub transactions: usize,
    /// Bytes of the messages in these.
    pub transactions_bytes: usize,
}

/// A queue at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueUsage {
    /// Messages in it.
    pub messages: usize,
    /// Bytes of these.
    pub bytes: usize,
    /// Messages that were delivered and are not acknowledged.
    pub leased: usize,
    /// Messages that nobody is to get yet.
    pub delayed: usize,
    /// Those who take messages or look at them.
    pub consumers: usize,
    /// The message groups that it knows.
    pub groups: usize,
}

impl QueueUsage {
    pub(super) fn of<M>(queue: &Queue<M>) -> Self {
        let amount = queue.amount();
        Self {
            messages: amount.messages,
            bytes: amount.bytes,
            leased: queue.leased().messages,
            delayed: queue.places().delayed_count(),
            consumers: queue.attached,
            groups: queue.groups.len(),
        }
    }

    /// Messages that wait for a consumer.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.messages - self.leased - self.delayed
    }
}

impl<M: Payload> Broker<M> {
    /// What there is now. It takes time for each queue.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let queued = self.queues.amount();
        let retained = self.retained.amount();
        let scheduled = self.scheduled.amount();
        let (histories, history, history_bytes) = self.histories.amount();
        Usage {
            sessions: self.sessions.len(),
            subscriptions: self.subscriptions,
            consumers: self.queues.consumer_count(),
            topics: self.topics.len(),
            queues: self.queues.len(),
            queued: queued.messages,
            queued_bytes: queued.bytes,
            durable_bytes: self.queues.durable_bytes(),
            retained: retained.messages,
            retained_bytes: retained.bytes,
            histories,
            history,
            history_bytes,
            scheduled: scheduled.messages,
            scheduled_bytes: scheduled.bytes,
            transactions: self.transactions.len(),
            transactions_bytes: self.transactions_bytes,
        }
    }

    /// What there is in a queue; none if there is no such queue now.
    #[must_use]
    pub fn queue_usage(&self, queue: &Destination) -> Option<QueueUsage> {
        let queue = self.queues.queue(self.queues.named(queue)?);
        Some(QueueUsage::of(queue))
    }

    /// The sessions at this moment.
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// The subscriptions at this moment, of all sessions.
    #[must_use]
    pub fn subscription_count(&self) -> usize {
        self.subscriptions
    }

    /// How many subscriptions get what is sent to a topic now, unless they filter it.
    #[must_use]
    pub fn subscriber_count(&self, topic: &Destination) -> usize {
        let mut count = 0;
        self.topics
            .for_each(topic, |members| count += members.len());
        count
    }

    /// How many topics and patterns have subscribers.
    #[must_use]
    pub fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// The topics and patterns with the most subscribers, those first, `count` of them at most; among equals, by name.
    #[must_use]
    pub fn most_subscribed(&self, count: usize) -> Vec<TopicCount> {
        self.topics.most_subscribed(count)
    }
}
