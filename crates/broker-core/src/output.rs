//! What a broker does to the world: it tells, through this trait, who gets what and what became of it.

use crate::{
    message::{DeliveryId, MessageId, Properties, QueueName},
    session::{SessionId, SubscriptionId},
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

/// Takes the effects of a command, one by one, as they arise. Only `deliver` must be written; what is enqueued and
/// settled is for a store and for counters.
pub trait Output<M> {
    /// A message goes to a subscription.
    fn deliver(&mut self, to: SessionId, delivery: Delivery<'_, M>);

    /// A subscription that looks into a queue has seen all that was in it.
    fn browse_ended(&mut self, session: SessionId, subscription: SubscriptionId) {
        let _ = (session, subscription);
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

    /// A message is in a queue now. A dead letter is enqueued before it is settled where it comes from.
    fn enqueued(&mut self, queue: &QueueName, id: MessageId, message: &M, properties: &Properties) {
        let _ = (queue, id, message, properties);
    }

    /// A message is no longer in a queue.
    fn settled(&mut self, queue: &QueueName, id: MessageId, settled: Settled) {
        let _ = (queue, id, settled);
    }
}
