//! What a broker does to the world: it tells, through this trait, who gets what and what became of it.

use std::num::NonZeroU64;

use crate::{
    destination::Destination,
    message::{DeliveryId, MessageId, Properties, QueueName},
    selector::Selector,
    session::{SessionId, SubscriptionId},
    time::Timestamp,
};

/// A message on its way to a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery<'a, M> {
    /// The subscription that it is for.
    pub subscription: SubscriptionId,
    /// What to acknowledge: with ACK or NACK of the client, or with
    /// [`Broker::handle_sent`](crate::Broker::handle_sent) for `ack:auto`. None if nobody waits for it.
    pub id: Option<DeliveryId>,
    /// The message.
    pub message: &'a M,
    /// How often it has been delivered, this time included.
    pub deliveries: u32,
    /// Whether somebody may have got it before.
    pub redelivered: bool,
    /// Whether it was sent before the subscription began, and is the retained value of its topic.
    pub retained: bool,
    /// Its offset in the history of its topic, if that has one. A retained value has none.
    pub offset: Option<NonZeroU64>,
}

/// Why a subscription has ended that nobody ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// More waited for it than is kept.
    SlowConsumer,
}

/// What became of a message that was in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Settled {
    /// A consumer has it.
    Acknowledged,
    /// It is in a dead-letter queue.
    Dead,
    /// Its queue or subscription is gone, or there is no dead-letter queue for it.
    Discarded,
    /// It had to make room.
    Dropped,
    /// Its time was over.
    Expired,
}

/// Which messages of its topic a durable subscription wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurableBinding<'a> {
    /// Those that it selects; none for all.
    pub selector: Option<&'a Selector>,
    /// Whether not those that its own session sends.
    pub no_local: bool,
}

/// What is to be remembered of a message that has come back to its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Returned {
    /// How often it has been delivered.
    pub deliveries: u32,
    /// Until when nobody is to get it; none if somebody may at once.
    pub due: Option<Timestamp>,
}

/// A delayed message to a topic, by a number that no other has while the broker lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScheduledId(pub u64);

/// Takes the effects of a command, one by one, as they arise. Only `deliver` must be written; what follows on
/// `transaction_expired` is for a store and for counters.
///
/// All effects of a command come before its `handle_*` returns, those of a transaction with its COMMIT. Who keeps what
/// `opened`, `closed`, `enqueued`, `returned`, `settled`, `retained`, `scheduled` and `unscheduled` tell can rebuild the
/// broker with its `restore_*`: [`Restored`](crate::Restored) says how.
pub trait Output<M> {
    /// A message goes to a subscription.
    fn deliver(&mut self, to: SessionId, delivery: Delivery<'_, M>);

    /// A subscription that looks into a queue has seen all that was in it.
    fn browse_ended(&mut self, session: SessionId, subscription: SubscriptionId) {
        let _ = (session, subscription);
    }

    /// A session replays more than fits: [`Broker::handle_replayed`](crate::Broker::handle_replayed) is to be called once
    /// what was delivered to it until now has been sent.
    fn replay_paused(&mut self, session: SessionId) {
        let _ = session;
    }

    /// A subscription has ended that nobody ended. What it was delivered can still be acknowledged.
    fn subscription_ended(
        &mut self,
        session: SessionId,
        subscription: SubscriptionId,
        reason: EndReason,
    ) {
        let _ = (session, subscription, reason);
    }

    /// A transaction was aborted because it is too old.
    fn transaction_expired(&mut self, session: SessionId, transaction: &str) {
        let _ = (session, transaction);
    }

    /// A named queue was made, or a durable subscription has begun, before anything is enqueued there. `binding` is that
    /// of a durable subscription, whose topic is in its name; it stays the same until the subscription is closed.
    ///
    /// Not told of temporary queues, and of those that a subscription to a topic has while it lasts.
    fn opened(&mut self, queue: &QueueName, binding: Option<DurableBinding<'_>>) {
        let _ = (queue, binding);
    }

    /// A named queue is gone, since it was empty and nobody used it; or a durable subscription was given up, or another
    /// takes its place, which is opened next. What waited there was settled before. What was delivered and is not
    /// acknowledged is settled later, when there may be another queue of that name; it does not come back.
    ///
    /// Not told of queues that were not told as opened.
    fn closed(&mut self, queue: &QueueName) {
        let _ = queue;
    }

    /// A message is in a queue now, that of a subscription or a temporary one too. A dead letter is enqueued before it is
    /// settled where it comes from.
    ///
    /// If it has a delay, that begins with this command, and its end is its place among the others of its priority; of
    /// that end, nothing is told.
    fn enqueued(&mut self, queue: &QueueName, id: MessageId, message: &M, properties: &Properties) {
        let _ = (queue, id, message, properties);
    }

    /// A message has come back to its place in a queue, and somebody may have got it: whoever gets it next is told that
    /// it is redelivered. Told with NACK, and when its consumer is gone; not if all is as it was told before: it was
    /// never sent, or, with `ack:auto`, somebody may have got it before that already. What is dead, or comes back to a
    /// queue that is closed, is settled instead.
    fn returned(&mut self, queue: &QueueName, id: MessageId, state: Returned) {
        let _ = (queue, id, state);
    }

    /// A message is no longer in a queue.
    fn settled(&mut self, queue: &QueueName, id: MessageId, settled: Settled) {
        let _ = (queue, id, settled);
    }

    /// A topic has another retained value; or none any more, which was cleared, has expired, or would have been replaced
    /// by one that had no room. Not told if there was none before either.
    fn retained(&mut self, topic: &Destination, kept: Option<(&M, &Properties)>) {
        let _ = (topic, kept);
    }

    /// A message to a topic waits until it is due. Not told of temporary topics.
    fn scheduled(
        &mut self,
        id: ScheduledId,
        topic: &Destination,
        message: &M,
        properties: &Properties,
        due: Timestamp,
    ) {
        let _ = (id, topic, message, properties, due);
    }

    /// A message to a topic does not wait any more: it is sent with this same command, unless it has expired.
    fn unscheduled(&mut self, id: ScheduledId) {
        let _ = id;
    }

    /// A message is in the history of its topic now, at this offset, persistent or not. It is told before the message is
    /// delivered.
    fn logged(
        &mut self,
        topic: &Destination,
        offset: u64,
        message: &M,
        properties: &Properties,
        now: Timestamp,
    ) {
        let _ = (topic, offset, message, properties, now);
    }

    /// The history of a topic has nothing up to this offset any more.
    fn trimmed(&mut self, topic: &Destination, offset: u64) {
        let _ = (topic, offset);
    }

    /// Histories may give offsets up to this one from now on; what was told last is for
    /// [`Broker::restore_offsets`](crate::Broker::restore_offsets). It is told long before these are given.
    fn offsets_reserved(&mut self, until: u64) {
        let _ = until;
    }
}
