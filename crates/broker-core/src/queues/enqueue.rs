//! Messages come into queues, if there is room.

use std::{borrow::Cow, num::NonZeroU64};

use super::{Queues, lower_cursors};
use crate::{
    error::Refusal,
    message::{
        DeadLetter, DeathReason, MessageId, PRIORITY_DEFAULT, Payload, Properties, QueueName,
    },
    output::{Output, Settled},
    queue::{Amount, Entry, QueueKey, State},
    settings::{Overflow, QueuePolicy},
    subscribe::SlowConsumer,
    time::Timestamp,
};

/// A message that a session, or the server itself, has sent.
#[derive(Debug)]
pub(crate) struct Sent<'a, M> {
    pub(crate) message: &'a M,
    pub(crate) properties: &'a Properties,
    /// The session, by its serial number.
    pub(crate) producer: Option<u64>,
    /// Its place in the history of its topic, if that has one.
    pub(crate) offset: Option<NonZeroU64>,
}

impl<M> Clone for Sent<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Sent<'_, M> {}

impl<M: Payload> Queues<M> {
    /// Whether a queue takes messages: so many, all together so long, the longest of them so long. A queue that does
    /// not exist yet takes what its policy says.
    pub(crate) fn admit(
        &self,
        key: Option<QueueKey>,
        policy: &QueuePolicy,
        more: Amount,
        bytes_longest: usize,
    ) -> Result<(), Refusal> {
        let queue = key.map(|key| &self.queues[key.0]);
        let (before, more) = match policy.overflow {
            Overflow::Reject => (queue.map(|queue| queue.amount()), more),
            // Everything can be dropped but what is leased, and nothing is leased meanwhile.
            Overflow::DropOldest => {
                let one = Amount {
                    messages: 1,
                    bytes: bytes_longest,
                };
                (queue.map(|queue| queue.leased()), one)
            }
        };
        if fits(before.unwrap_or_default(), more, policy) {
            Ok(())
        } else {
            Err(Refusal::QueueFull)
        }
    }

    /// Puts a message into a queue that was asked whether it takes it.
    pub(crate) fn enqueue(
        &mut self,
        now: Timestamp,
        key: QueueKey,
        sent: Sent<'_, M>,
        output: &mut impl Output<M>,
    ) {
        let bytes = sent.properties.bytes;
        if self.queues[key.0].policy.overflow == Overflow::DropOldest {
            self.make_room(key, bytes, output);
        }
        self.push(now, key, sent, output);
    }

    /// Puts a message into the queue of a subscription to a topic, if it is for that. Whether it got it, or the
    /// subscription does not keep up and is to end.
    pub(crate) fn enqueue_for_topic(
        &mut self,
        now: Timestamp,
        key: QueueKey,
        sent: Sent<'_, M>,
        output: &mut impl Output<M>,
    ) -> Result<bool, EndIt> {
        let queue = &self.queues[key.0];
        let Some(binding) = &queue.binding else {
            return Ok(false);
        };
        if !binding.filter.passes(sent.message, sent.producer) {
            return Ok(false);
        }
        let one = Amount {
            messages: 1,
            bytes: sent.properties.bytes,
        };
        let is_private = matches!(queue.name, QueueName::Private { .. });
        let ends =
            binding.slow == SlowConsumer::End && !matches!(queue.name, QueueName::Durable { .. });
        if ends {
            if !fits(queue.amount(), one, &queue.policy) || self.excess(one.bytes) > 0 {
                return Err(EndIt);
            }
        } else if !self.make_topic_room(key, one.bytes, output) {
            return Ok(false);
        }
        if is_private && sent.offset.is_some() {
            // Who asks for what comes behind the last message that it got must have got all before that.
            let properties = in_order(sent.properties);
            let properties = &*properties;
            self.push(now, key, Sent { properties, ..sent }, output);
        } else {
            self.push(now, key, sent, output);
        }
        Ok(true)
    }

    /// Whether a new queue of a subscription to a topic takes so much.
    pub(crate) fn takes_for_topic(&self, all: Amount) -> bool {
        fits(Amount::default(), all, &self.settings.topic) && self.excess(all.bytes) == 0
    }

    /// By how much one of that length goes past what the queues of subscriptions to topics, and all queues, have together.
    fn excess(&self, bytes: usize) -> usize {
        let limits = self.limits();
        let excess = |before: usize, max| before.saturating_add(bytes).saturating_sub(max);
        let of_topics = excess(self.durable_bytes, limits.durable_bytes_max);
        of_topics.max(excess(self.bytes, limits.queued_bytes_max))
    }

    /// Drops messages that wait for a subscription to a topic until there is room for one of that length, also in what
    /// queues have together; whether there is. If that is not enough, nothing is dropped.
    fn make_topic_room(
        &mut self,
        key: QueueKey,
        bytes: usize,
        output: &mut impl Output<M>,
    ) -> bool {
        let queue = &self.queues[key.0];
        let waiting = queue.amount().bytes - queue.leased().bytes;
        if self.excess(bytes) > waiting || !self.make_room(key, bytes, output) {
            return false;
        }
        while self.excess(bytes) > 0 {
            let Some(id) = self.queues[key.0].places().least() else {
                return false;
            };
            self.discard(key, id, Settled::Dropped, output);
        }
        true
    }

    fn push(
        &mut self,
        now: Timestamp,
        key: QueueKey,
        sent: Sent<'_, M>,
        output: &mut impl Output<M>,
    ) {
        let id = self.next_id();
        output.enqueued(&self.queues[key.0].name, id, sent.message, sent.properties);
        let state = match sent.properties.delay_ms {
            0 => State::Ready,
            delay_ms => State::Delayed {
                due: now.after(delay_ms),
                is_new: true,
            },
        };
        let entry = Entry {
            message: sent.message.clone(),
            properties: sent.properties.clone(),
            producer: sent.producer,
            offset: sent.offset,
            order: id.0,
            deliveries: 0,
            redelivered: false,
            state,
        };
        self.put_in(key, id, entry);
    }

    /// Puts a message into a queue, at its place.
    pub(super) fn put_in(&mut self, key: QueueKey, id: MessageId, entry: Entry<M>) {
        let queue = &mut self.queues[key.0];
        let (rank, state, bytes) = (entry.rank(), entry.state, entry.properties.bytes);
        self.bytes += bytes;
        if queue.is_for_topic() {
            self.durable_bytes += bytes;
        }
        queue.insert(id, entry);
        queue.groups.trim(self.settings.limits.groups_per_queue_max);
        if state == State::Ready {
            lower_cursors(queue, &mut self.consumers, rank);
        }
        self.mark(key);
    }

    /// A message is dead: it goes to the queue for such messages, if there is one and it is not there already.
    pub(super) fn bury(
        &mut self,
        now: Timestamp,
        key: QueueKey,
        id: MessageId,
        reason: DeathReason,
        output: &mut impl Output<M>,
    ) {
        let Some(entry) = self.take_out(key, id) else {
            return;
        };
        let queue = &self.queues[key.0];
        let name = queue.name.clone();
        let origin = name.destination();
        let graveyard = queue.policy.dead_letters.clone();
        let Some(graveyard) = graveyard.filter(|graveyard| graveyard != origin) else {
            output.settled(&name, id, Settled::Discarded);
            return;
        };
        let letter = DeadLetter {
            queue: &graveyard,
            origin,
            reason,
            deliveries: entry.deliveries,
        };
        let properties = Properties {
            expires: None,
            delay_ms: 0,
            group: None,
            ..entry.properties
        };
        let grave = self.open(&graveyard, output);
        if self.make_room(grave, properties.bytes, output) {
            let sent = Sent {
                message: &entry.message.dead_letter(&letter),
                properties: &properties,
                producer: entry.producer,
                offset: None,
            };
            self.push(now, grave, sent, output);
            output.settled(&name, id, Settled::Dead);
        } else {
            output.settled(&name, id, Settled::Dropped);
        }
    }

    /// Drops messages that wait until there is room for one of that length; whether there is.
    fn make_room(&mut self, key: QueueKey, bytes: usize, output: &mut impl Output<M>) -> bool {
        let one = Amount { messages: 1, bytes };
        let queue = &self.queues[key.0];
        if !fits(queue.leased(), one, &queue.policy) {
            return false;
        }
        loop {
            let queue = &self.queues[key.0];
            if fits(queue.amount(), one, &queue.policy) {
                return true;
            }
            let Some(id) = queue.places().least() else {
                return false;
            };
            self.discard(key, id, Settled::Dropped, output);
        }
    }
}

/// A subscription does not keep up and is to end.
#[derive(Debug)]
pub(crate) struct EndIt;

/// The properties of a message that keeps its place among all others.
fn in_order(properties: &Properties) -> Cow<'_, Properties> {
    if properties.priority == PRIORITY_DEFAULT {
        Cow::Borrowed(properties)
    } else {
        Cow::Owned(Properties {
            priority: PRIORITY_DEFAULT,
            ..properties.clone()
        })
    }
}

fn fits(before: Amount, more: Amount, policy: &QueuePolicy) -> bool {
    before.messages.saturating_add(more.messages) <= policy.messages_max
        && before.bytes.saturating_add(more.bytes) <= policy.bytes_max
}
