//! What the broker does, written down.

use std::borrow::Cow;

use gumboot_broker_core::{
    DeadLetter, Delivery, DeliveryId, Destination, DurableBinding, EndReason, MessageId, Output,
    Payload, Properties, QueueName, Returned, ScheduledId, SessionId, Settled, SubscriptionId,
    Timestamp,
};

use crate::shadow::{Binding, Change, Waiting};

/// A message: its number, and the color that selectors ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) number: u32,
    pub(crate) color: usize,
}

pub(crate) const COLORS: [&str; 2] = ["red", "blue"];

impl Payload for Letter {
    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        (name == "color").then(|| COLORS[self.color].into())
    }

    fn dead_letter(&self, _: &DeadLetter<'_>) -> Self {
        *self
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// To a subscription that has nothing to acknowledge: session, subscription, message, whether it was retained.
    Direct(usize, u32, u32, bool),
    /// Out of a queue.
    Leased(Leased),
    BrowseEnded(usize, u32),
    SubscriptionEnded(usize, u32),
    TransactionExpired(usize, String),
    Enqueued(String, u32),
    Settled(String, u64, Settled),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leased {
    pub(crate) session: usize,
    pub(crate) id: DeliveryId,
    pub(crate) number: u32,
    pub(crate) deliveries: u32,
    pub(crate) redelivered: bool,
}

/// All that the broker does, in order; the ids that messages got in queues; and what a store is told.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) events: Vec<Event>,
    pub(crate) ids: Vec<(String, u32, u64)>,
    pub(crate) changes: Vec<Change>,
}

/// A queue, by a text.
pub(crate) fn key(queue: &QueueName) -> String {
    match queue {
        QueueName::Named(name) => name.to_string(),
        QueueName::Durable { client, name, .. } => format!("durable {client} {name}"),
        QueueName::Private {
            session,
            subscription,
            ..
        } => format!("private {} {}", session.0, subscription.0),
    }
}

impl Output<Letter> for Record {
    fn deliver(&mut self, to: SessionId, delivery: Delivery<'_, Letter>) {
        let number = delivery.message.number;
        self.events.push(match delivery.id {
            None => {
                assert_eq!((delivery.deliveries, delivery.redelivered), (1, false));
                Event::Direct(to.0, delivery.subscription.0, number, delivery.retained)
            }
            Some(id) => {
                assert_eq!(id.subscription, delivery.subscription);
                Event::Leased(Leased {
                    session: to.0,
                    id,
                    number,
                    deliveries: delivery.deliveries,
                    redelivered: delivery.redelivered,
                })
            }
        });
    }

    fn browse_ended(&mut self, session: SessionId, subscription: SubscriptionId) {
        self.events
            .push(Event::BrowseEnded(session.0, subscription.0));
    }

    fn subscription_ended(
        &mut self,
        session: SessionId,
        subscription: SubscriptionId,
        reason: EndReason,
    ) {
        assert_eq!(reason, EndReason::SlowConsumer);
        self.events
            .push(Event::SubscriptionEnded(session.0, subscription.0));
    }

    fn transaction_expired(&mut self, session: SessionId, transaction: &str) {
        self.events
            .push(Event::TransactionExpired(session.0, transaction.to_owned()));
    }

    fn opened(&mut self, queue: &QueueName, binding: Option<DurableBinding<'_>>) {
        let binding = binding.map(Binding::of);
        self.changes.push(Change::Opened(queue.clone(), binding));
    }

    fn closed(&mut self, queue: &QueueName) {
        self.changes.push(Change::Closed(queue.clone()));
    }

    fn enqueued(
        &mut self,
        queue: &QueueName,
        id: MessageId,
        letter: &Letter,
        properties: &Properties,
    ) {
        let change = Change::Enqueued(queue.clone(), id, *letter, properties.clone());
        self.changes.push(change);
        self.ids.push((key(queue), letter.number, id.0));
        self.events.push(Event::Enqueued(key(queue), letter.number));
    }

    fn returned(&mut self, queue: &QueueName, id: MessageId, state: Returned) {
        self.changes
            .push(Change::Returned(queue.clone(), id, state));
    }

    fn retained(&mut self, topic: &Destination, kept: Option<(&Letter, &Properties)>) {
        let kept = kept.map(|(letter, properties)| (*letter, properties.clone()));
        self.changes.push(Change::Retained(topic.clone(), kept));
    }

    fn scheduled(
        &mut self,
        id: ScheduledId,
        topic: &Destination,
        letter: &Letter,
        properties: &Properties,
        due: Timestamp,
    ) {
        let waiting = Waiting {
            topic: topic.clone(),
            letter: *letter,
            properties: properties.clone(),
            due,
        };
        self.changes.push(Change::Scheduled(id, waiting));
    }

    fn unscheduled(&mut self, id: ScheduledId) {
        self.changes.push(Change::Unscheduled(id));
    }

    fn settled(&mut self, queue: &QueueName, id: MessageId, settled: Settled) {
        self.changes.push(Change::Settled(queue.clone(), id));
        self.events.push(Event::Settled(key(queue), id.0, settled));
    }
}
