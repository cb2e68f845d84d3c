//! One consumer of a queue: its credit, and what was delivered to it and is not acknowledged.

use std::collections::BTreeMap;

use super::{QueueKey, Rank};
use crate::{
    message::{DeliveryId, MessageId},
    session::{SessionId, SubscriptionId},
    subscribe::{AckMode, Credit, Filter},
};

#[derive(Debug)]
pub(crate) struct Consumer {
    pub(crate) session: SessionId,
    pub(crate) subscription: SubscriptionId,
    pub(crate) queue: QueueKey,
    pub(crate) ack: AckMode,
    pub(crate) credit: Credit,
    pub(crate) filter: Filter,
    /// Of one that only looks, how many messages it has still to see.
    pub(crate) browse: Option<usize>,
    /// What was delivered and is not acknowledged, in order.
    pub(crate) leases: BTreeMap<u64, Lease>,
    /// The bytes of these.
    leased_bytes: usize,
    /// The number of the last delivery.
    last: u64,
    /// Nothing before it in the queue is for this consumer.
    pub(crate) cursor: Rank,
    /// Whether it is among those of the queue that may have credit.
    pub(crate) is_in_ring: bool,
    /// Whether it takes messages; an ended one only acknowledges.
    pub(crate) stands: bool,
}

/// A message that was delivered and is not acknowledged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lease {
    /// The message; none if it was only looked at.
    pub(crate) message: Option<MessageId>,
    bytes: usize,
    /// The operation in a transaction that acknowledges it.
    pub(crate) held: Option<u64>,
    /// The driver says that it has not sent it, and will not.
    pub(crate) is_unsent: bool,
}

impl Consumer {
    pub(crate) fn new(
        session: SessionId,
        subscription: SubscriptionId,
        queue: QueueKey,
        ack: AckMode,
        credit: Credit,
        filter: Filter,
    ) -> Self {
        Self {
            session,
            subscription,
            queue,
            ack,
            credit,
            filter,
            browse: None,
            leases: BTreeMap::new(),
            leased_bytes: 0,
            last: 0,
            cursor: Rank::FIRST,
            is_in_ring: false,
            stands: true,
        }
    }

    /// Whether it can be delivered a message, if that is not too long.
    pub(crate) fn has_credit(&self) -> bool {
        self.leases.len() < self.credit.messages
    }

    /// Whether it can be delivered a message of that length.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        let fits = self.leased_bytes.saturating_add(bytes) <= self.credit.bytes;
        self.has_credit() && (fits || self.leases.is_empty())
    }

    /// Notes a delivery, and gives its name.
    pub(crate) fn lease(&mut self, message: Option<MessageId>, bytes: usize) -> DeliveryId {
        self.last += 1;
        self.leased_bytes += bytes;
        let lease = Lease {
            message,
            bytes,
            held: None,
            is_unsent: false,
        };
        self.leases.insert(self.last, lease);
        DeliveryId {
            subscription: self.subscription,
            number: self.last,
        }
    }

    /// Forgets a delivery: its credit is free again.
    pub(crate) fn release(&mut self, number: u64) -> Option<Lease> {
        let lease = self.leases.remove(&number)?;
        self.leased_bytes -= lease.bytes;
        Some(lease)
    }

    /// The deliveries that an acknowledgement of `number` is for.
    pub(crate) fn covered(&self, number: u64) -> Vec<u64> {
        if self.ack == AckMode::ClientIndividual {
            return vec![number];
        }
        let earlier = self.leases.range(..=number);
        let free = earlier.filter(|(_, lease)| lease.held.is_none());
        free.map(|(number, _)| *number).collect()
    }
}
