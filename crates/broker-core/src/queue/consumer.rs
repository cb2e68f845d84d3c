//! One consumer of a queue: its credit, and what was delivered to it and is not acknowledged.

use std::{collections::BTreeMap, ops::Deref, slice};

use super::{QueueKey, Rank};
use crate::{
    error::Refusal,
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
    free: BTreeMap<u64, Lease>,
    /// What is acknowledged in transactions that are open. It is apart, so that nobody walks over it.
    held: BTreeMap<u64, Lease>,
    /// The bytes of both.
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
    /// The driver says that it has not sent it, and will not.
    pub(crate) is_unsent: bool,
}

/// The numbers of deliveries, in order. Most acknowledgements are for one, which needs no allocation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Numbers {
    One(u64),
    Many(Vec<u64>),
}

impl Numbers {
    pub(crate) const NONE: Self = Self::Many(Vec::new());

    pub(crate) fn into_vec(self) -> Vec<u64> {
        match self {
            Self::One(number) => vec![number],
            Self::Many(numbers) => numbers,
        }
    }
}

impl Deref for Numbers {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        match self {
            Self::One(number) => slice::from_ref(number),
            Self::Many(numbers) => numbers,
        }
    }
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
            free: BTreeMap::new(),
            held: BTreeMap::new(),
            leased_bytes: 0,
            last: 0,
            cursor: Rank::FIRST,
            is_in_ring: false,
            stands: true,
        }
    }

    /// Whether it can be delivered a message, if that is not too long.
    pub(crate) fn has_credit(&self) -> bool {
        self.free.len() + self.held.len() < self.credit.messages
    }

    /// Whether it can be delivered a message of that length.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        let fits = self.leased_bytes.saturating_add(bytes) <= self.credit.bytes;
        self.has_credit() && (fits || !self.has_leases())
    }

    /// Whether something was delivered and is not acknowledged.
    pub(crate) fn has_leases(&self) -> bool {
        !(self.free.is_empty() && self.held.is_empty())
    }

    /// Notes a delivery, and gives its name.
    pub(crate) fn lease(&mut self, message: Option<MessageId>, bytes: usize) -> DeliveryId {
        self.last += 1;
        self.leased_bytes += bytes;
        let lease = Lease {
            message,
            bytes,
            is_unsent: false,
        };
        self.free.insert(self.last, lease);
        DeliveryId {
            subscription: self.subscription,
            number: self.last,
        }
    }

    /// Forgets a delivery: its credit is free again.
    pub(crate) fn release(&mut self, number: u64) -> Option<Lease> {
        let lease = self.free.remove(&number);
        let lease = lease.or_else(|| self.held.remove(&number))?;
        self.leased_bytes -= lease.bytes;
        Some(lease)
    }

    /// Notes that a transaction acknowledges these deliveries.
    pub(crate) fn hold(&mut self, numbers: &[u64]) {
        for number in numbers {
            if let Some(lease) = self.free.remove(number) {
                self.held.insert(*number, lease);
            }
        }
    }

    /// The transaction was aborted: these deliveries can be acknowledged again.
    pub(crate) fn let_go(&mut self, numbers: &[u64]) {
        for number in numbers {
            if let Some(lease) = self.held.remove(number) {
                self.free.insert(*number, lease);
            }
        }
    }

    /// The deliveries that an acknowledgement of `number` by the client is for. It takes time for these only, however
    /// many transactions hold.
    pub(crate) fn covered(&self, number: u64) -> Result<Numbers, Refusal> {
        if self.held.contains_key(&number) {
            return Err(Refusal::DeliveryHeld);
        }
        if !self.is_clients() || !self.free.contains_key(&number) {
            return Err(Refusal::DeliveryUnknown);
        }
        if self.ack == AckMode::ClientIndividual {
            return Ok(Numbers::One(number));
        }
        Ok(self.up_to(number))
    }

    /// Whether the client acknowledges, and not the driver.
    pub(crate) fn is_clients(&self) -> bool {
        self.ack != AckMode::Auto && self.browse.is_none()
    }

    /// The deliveries until `number` that no transaction holds.
    pub(crate) fn up_to(&self, number: u64) -> Numbers {
        match self.free.first_key_value() {
            Some((first, _)) if *first == number => Numbers::One(number),
            _ => Numbers::Many(self.free.range(..=number).map(|(n, _)| *n).collect()),
        }
    }

    /// All deliveries, in order.
    pub(crate) fn all(&self) -> Vec<u64> {
        let mut all: Vec<_> = self.free.keys().chain(self.held.keys()).copied().collect();
        all.sort_unstable();
        all
    }

    /// Those that the driver has not sent, and that no transaction holds.
    pub(crate) fn unsent(&self) -> Vec<u64> {
        let unsent = self.free.iter().filter(|(_, lease)| lease.is_unsent);
        unsent.map(|(number, _)| *number).collect()
    }

    /// The driver has not sent this delivery, and will not.
    pub(crate) fn note_unsent(&mut self, number: u64) {
        let lease = self.free.get_mut(&number);
        if let Some(lease) = lease.or_else(|| self.held.get_mut(&number)) {
            lease.is_unsent = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consumer(deliveries: u64) -> Consumer {
        let credit = Credit {
            messages: 10,
            bytes: 100,
        };
        let (session, id) = (SessionId(1), SubscriptionId(1));
        let filter = Filter::default();
        let ack = AckMode::Client;
        let mut consumer = Consumer::new(session, id, QueueKey(0), ack, credit, filter);
        for number in 1..=deliveries {
            assert_eq!(consumer.lease(None, 10).number, number);
        }
        consumer
    }

    #[test]
    fn what_is_held_is_apart_from_what_is_covered_next() {
        let mut consumer = consumer(6);
        let first = consumer.covered(3).unwrap();
        assert_eq!(*first, [1, 2, 3]);
        consumer.hold(&first);
        assert_eq!(consumer.free.len(), 3);
        assert_eq!(consumer.covered(2), Err(Refusal::DeliveryHeld));
        let second = consumer.covered(5).unwrap();
        assert_eq!(*second, [4, 5]);
        consumer.hold(&second);
        // An abort of the first leaves the second as it is.
        consumer.let_go(&first);
        assert_eq!(*consumer.covered(6).unwrap(), [1, 2, 3, 6]);
        assert_eq!(consumer.covered(4), Err(Refusal::DeliveryHeld));
        assert_eq!(consumer.all(), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn one_or_many_are_covered() {
        let mut consumer = consumer(3);
        assert_eq!(consumer.covered(1), Ok(Numbers::One(1)));
        assert_eq!(*consumer.covered(1).unwrap(), [1]);
        assert_eq!(consumer.covered(2), Ok(Numbers::Many(vec![1, 2])));
        assert_eq!(consumer.up_to(0), Numbers::NONE);
        consumer.hold(&[1]);
        assert_eq!(consumer.up_to(2), Numbers::One(2));
        assert_eq!(consumer.up_to(2).into_vec(), [2]);
        consumer.ack = AckMode::ClientIndividual;
        assert_eq!(consumer.covered(3), Ok(Numbers::One(3)));
    }

    #[test]
    fn what_is_held_takes_credit_until_it_is_acknowledged() {
        let mut consumer = consumer(10);
        consumer.hold(&(1..=10).collect::<Vec<_>>());
        assert!(consumer.has_leases() && !consumer.has_credit());
        for number in 1..=10 {
            assert!(consumer.release(number).is_some());
        }
        assert!(!consumer.has_leases() && consumer.has_room(100));
        assert!(consumer.release(1).is_none());
    }

    #[test]
    fn what_is_unsent_and_held_is_left_to_the_transaction() {
        let mut consumer = consumer(3);
        consumer.hold(&[1]);
        (1..=2).for_each(|number| consumer.note_unsent(number));
        assert_eq!(consumer.unsent(), [2]);
        consumer.let_go(&[1]);
        assert_eq!(consumer.unsent(), [1, 2]);
    }
}
