//! What a broker should do, as simply as can be said: lists that are searched from the beginning.

use std::collections::BTreeMap;

use gumboot_broker_core::{AckMode, Overflow, Retain, Settled};

use crate::events::Event;

/// A message in a queue.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// The model's name for it.
    pub(crate) uid: u64,
    pub(crate) sent: Sent,
    pub(crate) order: u64,
    pub(crate) deliveries: u32,
    pub(crate) redelivered: bool,
    pub(crate) state: State,
}

/// What a client sends.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) number: u32,
    pub(crate) color: usize,
    pub(crate) bytes: usize,
    pub(crate) priority: u8,
    pub(crate) expires: Option<u64>,
    pub(crate) delay: u64,
    pub(crate) group: Option<u8>,
    pub(crate) retain: Retain,
    /// The session that sent it, as no later one is named.
    pub(crate) producer: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Ready,
    /// Until when, and whether it is then as new.
    Delayed(u64, bool),
    Leased(Lease),
}

/// Session, subscription, number of the delivery; and the operation in a transaction that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) owner: Owner,
    pub(crate) number: u64,
    pub(crate) held: Option<u64>,
    /// Its driver has not sent it, and will not.
    pub(crate) is_unsent: bool,
}

/// A session and a subscription of it.
pub(crate) type Owner = (usize, u32);

impl Message {
    pub(crate) fn rank(&self) -> (u8, u64) {
        (9 - self.sent.priority, self.order)
    }

    pub(crate) fn lease(&self) -> Option<Lease> {
        match self.state {
            State::Leased(lease) => Some(lease),
            _ => None,
        }
    }
}

/// What a subscription wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) except: Option<u64>,
    pub(crate) color: Option<usize>,
}

impl Filter {
    pub(crate) fn passes(&self, sent: &Sent) -> bool {
        self.except != Some(sent.producer) && self.color.is_none_or(|color| color == sent.color)
    }
}

/// What comes into the queue of a subscription to a topic.
#[derive(Debug, Clone)]
pub(crate) struct Binding {
    pub(crate) topic: String,
    pub(crate) filter: Filter,
    /// The subscription that ends when there is too much; none if what is oldest is dropped.
    pub(crate) ends: Option<Owner>,
}

#[derive(Debug, Clone)]
pub(crate) struct Queue {
    pub(crate) key: String,
    pub(crate) messages: Vec<Message>,
    pub(crate) messages_max: usize,
    pub(crate) bytes_max: usize,
    pub(crate) overflow: Overflow,
    pub(crate) binding: Option<Binding>,
    /// Stays while nobody uses it.
    pub(crate) stays: bool,
    pub(crate) closed: bool,
    pub(crate) groups: BTreeMap<u8, Owner>,
    pub(crate) consumers: Vec<Consumer>,
}

/// One who takes messages, or looks at them.
#[derive(Debug, Clone)]
pub(crate) struct Consumer {
    pub(crate) owner: Owner,
    pub(crate) credit: (usize, usize),
    pub(crate) filter: Filter,
    pub(crate) exclusive: bool,
    pub(crate) browse: Option<Browse>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Browse {
    /// The number and bytes of what it has looked at and its driver has not sent.
    pub(crate) seen: Vec<(u64, usize)>,
    pub(crate) last: Option<(u8, u64)>,
    /// What comes later may be passed over.
    pub(crate) since: u64,
    pub(crate) is_over: bool,
}

impl Queue {
    pub(crate) fn leases(&self, owner: Owner) -> Vec<(Lease, usize)> {
        let leased = self
            .messages
            .iter()
            .filter_map(|m| Some((m.lease()?, m.sent.bytes)));
        let mut leases: Vec<_> = leased.filter(|(lease, _)| lease.owner == owner).collect();
        leases.sort_by_key(|(lease, _)| lease.number);
        leases
    }

    pub(crate) fn bytes(&self) -> usize {
        self.messages.iter().map(|m| m.sent.bytes).sum()
    }

    /// Messages and bytes that are leased.
    pub(crate) fn leased(&self) -> (usize, usize) {
        let leased = || self.messages.iter().filter(|m| m.lease().is_some());
        (leased().count(), leased().map(|m| m.sent.bytes).sum())
    }

    pub(crate) fn fits(&self, bytes: usize) -> bool {
        self.messages.len() < self.messages_max && self.bytes() + bytes <= self.bytes_max
    }

    /// The first message for a consumer.
    pub(crate) fn first_for(&self, consumer: &Consumer) -> Option<&Message> {
        let alone = self.consumers.iter().find(|c| c.exclusive);
        if self.closed || alone.is_some_and(|alone| alone.owner != consumer.owner) {
            return None;
        }
        let ready = self.messages.iter().filter(|m| m.state == State::Ready);
        let wanted = ready.filter(|m| {
            let owner = m.sent.group.and_then(|group| self.groups.get(&group));
            consumer.filter.passes(&m.sent) && owner.is_none_or(|owner| *owner == consumer.owner)
        });
        wanted.min_by_key(|m| m.rank())
    }

    pub(crate) fn has_credit(&self, consumer: &Consumer, bytes: usize) -> bool {
        let (count, used) = match &consumer.browse {
            Some(browse) => (
                browse.seen.len(),
                browse.seen.iter().map(|(_, b)| b).sum::<usize>(),
            ),
            None => {
                let leases = self.leases(consumer.owner);
                (leases.len(), leases.iter().map(|(_, bytes)| bytes).sum())
            }
        };
        count == 0 || count < consumer.credit.0 && used + bytes <= consumer.credit.1
    }
}

/// An operation in a transaction.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    Send(String, Sent),
    Decide(Owner, u64, Verdict),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Acknowledge,
    Requeue(u64),
    Refuse,
    Lose,
}

#[derive(Debug, Clone)]
pub(crate) struct Transaction {
    pub(crate) id: String,
    pub(crate) deadline: u64,
    pub(crate) operations: Vec<Operation>,
}

#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// Which session it is of all there have been.
    pub(crate) serial: u64,
    pub(crate) client: String,
    /// Those that stand: to a queue by its key, or to a topic.
    pub(crate) subscriptions: BTreeMap<u32, Route>,
    /// Those that have ended and have something to acknowledge, in the order in which they ended.
    pub(crate) ended: Vec<(u32, String, AckMode)>,
    pub(crate) next_subscription: u32,
    pub(crate) transactions: Vec<Transaction>,
}

#[derive(Debug, Clone)]
pub(crate) enum Route {
    Topic(String, Filter),
    Queue(String, AckMode),
}

/// What the model expects of the present command.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    pub(crate) events: Vec<Event>,
    /// Messages that came into queues, in order.
    pub(crate) enqueued: Vec<(String, u32, u64)>,
    pub(crate) settled: Vec<(String, u64, Settled)>,
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) now: u64,
    pub(crate) sessions: BTreeMap<usize, Session>,
    pub(crate) queues: Vec<Queue>,
    pub(crate) retained: BTreeMap<String, Sent>,
    /// When, which, where to, and what.
    pub(crate) scheduled: Vec<(u64, u64, String, Sent)>,
    pub(crate) next: u64,
    pub(crate) expected: Expected,
    /// The broker's names for messages.
    pub(crate) ids: BTreeMap<u64, u64>,
    /// Messages that came back as if they had never been delivered.
    pub(crate) unsent: Vec<u64>,
}

impl Model {
    pub(crate) fn next(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// The queue that goes by a name now.
    pub(crate) fn queue(&mut self, key: &str) -> Option<&mut Queue> {
        self.queues
            .iter_mut()
            .find(|queue| queue.key == key && !queue.closed)
    }

    /// The queue that a subscription, standing or ended, has messages of.
    pub(crate) fn queue_of(&mut self, owner: Owner) -> Option<usize> {
        let takes = |queue: &Queue| queue.consumers.iter().any(|c| c.owner == owner);
        let has = |queue: &Queue| !queue.leases(owner).is_empty();
        self.queues
            .iter()
            .position(|queue| takes(queue) || has(queue))
    }

    /// The mode of a subscription, standing or ended.
    pub(crate) fn ack_mode(&self, owner: Owner) -> Option<AckMode> {
        let session = self.sessions.get(&owner.0)?;
        if let Some(Route::Queue(_, ack)) = session.subscriptions.get(&owner.1) {
            return Some(*ack);
        }
        let ended = session.ended.iter().find(|(id, ..)| *id == owner.1);
        ended.map(|(_, _, ack)| *ack)
    }

    pub(crate) fn settle(&mut self, queue: usize, index: usize, settled: Settled) -> Message {
        let queue = &mut self.queues[queue];
        let message = queue.messages.remove(index);
        self.expected
            .settled
            .push((queue.key.clone(), message.uid, settled));
        message
    }

    /// Forgets what nobody uses.
    pub(crate) fn sweep(&mut self) {
        self.queues.retain(|queue| {
            let stays = queue.stays && !queue.closed;
            stays || !queue.messages.is_empty() || !queue.consumers.is_empty()
        });
        let queues = &self.queues;
        for (id, session) in &mut self.sessions {
            session.ended.retain(|(subscription, ..)| {
                let owner = (*id, *subscription);
                queues.iter().any(|queue| !queue.leases(owner).is_empty())
            });
        }
    }
}
