//! Puts what the broker has for connections into their mailboxes, and what a store is to keep into the recorder.

use std::{num::NonZeroU64, sync::Arc};

use gumboot_broker_core::{
    Delivery as BrokerDelivery, Destination, DurableBinding, EndReason, MessageId, Output,
    Properties, QueueName, Returned, ScheduledId, SessionId, Settled, SubscriptionId, Timestamp,
};
use slab::Slab;
use tracing::debug;

use super::clock::Clock;
use crate::{
    journal::Recorder,
    mailbox::{Delivery, Mailbox, Signal, Wakeups},
    publication::Message,
};

/// Mailboxes, those to wake, and the recorder if there is a store.
pub(super) struct FanOut<'a> {
    pub(super) mailboxes: &'a Slab<Arc<Mailbox>>,
    pub(super) wakeups: &'a mut Wakeups,
    pub(super) recorder: Option<&'a mut Recorder>,
    pub(super) clock: &'a Clock,
}

impl Output<Message> for FanOut<'_> {
    fn deliver(&mut self, to: SessionId, delivery: BrokerDelivery<'_, Message>) {
        if let Some(mailbox) = self.mailboxes.get(to.0) {
            let delivery = Delivery {
                subscription: delivery.subscription,
                number: delivery.id.and_then(|id| NonZeroU64::new(id.number)),
                deliveries: delivery.deliveries,
                is_redelivered: delivery.redelivered,
                is_retained: delivery.retained,
                offset: delivery.offset,
                publication: Arc::clone(&delivery.message.0),
            };
            mailbox.push(delivery, self.wakeups);
        }
    }

    fn browse_ended(&mut self, session: SessionId, subscription: SubscriptionId) {
        if let Some(mailbox) = self.mailboxes.get(session.0) {
            mailbox.push_browse_ended(subscription, self.wakeups);
        }
    }

    fn replay_paused(&mut self, session: SessionId) {
        if let Some(mailbox) = self.mailboxes.get(session.0) {
            mailbox.push_replay_paused(self.wakeups);
        }
    }

    /// There is no way to tell a STOMP client that one of its subscriptions has ended.
    fn subscription_ended(&mut self, session: SessionId, _: SubscriptionId, reason: EndReason) {
        debug!(session = session.0, ?reason, "a subscription ended");
        if let Some(mailbox) = self.mailboxes.get(session.0) {
            mailbox.signal(Signal::Overflow, self.wakeups);
        }
    }

    fn transaction_expired(&mut self, session: SessionId, transaction: &str) {
        debug!(
            session = session.0,
            transaction, "a transaction was too old"
        );
    }

    fn opened(&mut self, queue: &QueueName, binding: Option<DurableBinding<'_>>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.opened(queue, binding);
        }
    }

    fn closed(&mut self, queue: &QueueName) {
        if let Some(recorder) = &mut self.recorder {
            recorder.closed(queue);
        }
    }

    fn enqueued(
        &mut self,
        queue: &QueueName,
        id: MessageId,
        message: &Message,
        properties: &Properties,
    ) {
        if let Some(recorder) = &mut self.recorder {
            recorder.enqueued(queue, id, message, properties, || self.clock.now());
        }
    }

    fn returned(&mut self, queue: &QueueName, id: MessageId, state: Returned) {
        if let Some(recorder) = &mut self.recorder {
            recorder.returned(queue, id, state);
        }
    }

    fn settled(&mut self, queue: &QueueName, id: MessageId, _: Settled) {
        if let Some(recorder) = &mut self.recorder {
            recorder.settled(queue, id);
        }
    }

    fn retained(&mut self, topic: &Destination, kept: Option<(&Message, &Properties)>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.retained(topic, kept);
        }
    }

    fn scheduled(
        &mut self,
        id: ScheduledId,
        topic: &Destination,
        message: &Message,
        properties: &Properties,
        due: Timestamp,
    ) {
        if let Some(recorder) = &mut self.recorder {
            recorder.scheduled(id, topic, message, properties, due);
        }
    }

    fn unscheduled(&mut self, id: ScheduledId) {
        if let Some(recorder) = &mut self.recorder {
            recorder.unscheduled(id);
        }
    }

    fn logged(
        &mut self,
        topic: &Destination,
        offset: u64,
        message: &Message,
        properties: &Properties,
        now: Timestamp,
    ) {
        if let Some(recorder) = &mut self.recorder {
            recorder.logged(topic, offset, message, properties, now);
        }
    }

    fn trimmed(&mut self, topic: &Destination, offset: u64) {
        if let Some(recorder) = &mut self.recorder {
            recorder.trimmed(topic, offset);
        }
    }

    fn offsets_reserved(&mut self, until: u64) {
        if let Some(recorder) = &mut self.recorder {
            recorder.offsets_reserved(until);
        }
    }
}
