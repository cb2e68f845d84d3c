//! Topics: who gets what is sent to them.

mod trie;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use indexmap::{IndexMap, IndexSet};

use self::trie::Trie;
use crate::{
    destination::Destination,
    queue::QueueKey,
    session::{SessionId, SubscriptionId},
    subscribe::Filter,
};

/// A subscription that is delivered to at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Subscriber {
    pub(crate) session: SessionId,
    pub(crate) subscription: SubscriptionId,
}

/// A topic, and how many subscribe to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicCount {
    /// The topic, or the pattern.
    pub destination: Destination,
    /// Its subscriptions.
    pub subscribers: usize,
}

/// Who gets what is sent to a topic, or to those that match a pattern; in no order that means anything.
#[derive(Debug, Default)]
pub(crate) struct Members {
    /// Those that want everything.
    pub(crate) direct: IndexSet<Subscriber>,
    pub(crate) filtered: IndexMap<Subscriber, Filter>,
    /// The queues of subscriptions that acknowledge or are durable.
    pub(crate) queues: IndexSet<QueueKey>,
    /// How many read the history of the topic first, and get what is sent out of that.
    readers: usize,
}

impl Members {
    pub(crate) fn len(&self) -> usize {
        self.direct.len() + self.filtered.len() + self.queues.len() + self.readers
    }

    fn remove_subscriber(&mut self, subscriber: Subscriber) {
        if self.direct.swap_remove(&subscriber) {
            if is_sparse(self.direct.len(), self.direct.capacity()) {
                self.direct.shrink_to(2 * self.direct.len());
            }
        } else {
            self.filtered.swap_remove(&subscriber);
        }
    }
}

/// Whether a list has shrunk so far that memory is given back.
fn is_sparse(len: usize, capacity: usize) -> bool {
    capacity > 4 * len
}

/// All topics and patterns that have a subscriber.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    members: HashMap<Destination, Members>,
    patterns: Trie,
}

impl Topics {
    pub(crate) fn subscribe(
        &mut self,
        topic: &Destination,
        subscriber: Subscriber,
        filter: Filter,
    ) {
        let members = self.entry(topic);
        if filter.is_empty() {
            members.direct.insert(subscriber);
        } else {
            members.filtered.insert(subscriber, filter);
        }
    }

    pub(crate) fn unsubscribe(&mut self, topic: &Destination, subscriber: Subscriber) {
        self.remove(topic, |members| members.remove_subscriber(subscriber));
    }

    pub(crate) fn bind(&mut self, topic: &Destination, queue: QueueKey) {
        self.entry(topic).queues.insert(queue);
    }

    pub(crate) fn unbind(&mut self, topic: &Destination, queue: QueueKey) {
        self.remove(topic, |members| {
            members.queues.swap_remove(&queue);
        });
    }

    /// A subscription to a topic reads its history first.
    pub(crate) fn begin_reading(&mut self, topic: &Destination) {
        self.entry(topic).readers += 1;
    }

    /// A subscription that read the history of its topic has caught up, or has ended.
    pub(crate) fn end_reading(&mut self, topic: &Destination) {
        self.remove(topic, |members| members.readers -= 1);
    }

    /// Calls `each` with those who get what is sent to `topic`.
    pub(crate) fn for_each(&self, topic: &Destination, mut each: impl FnMut(&Members)) {
        if let Some(members) = self.members.get(topic) {
            each(members);
        }
        self.patterns.for_each_match(topic, |pattern| {
            if let Some(members) = self.members.get(pattern) {
                each(members);
            }
        });
    }

    pub(crate) fn contains(&self, topic: &Destination) -> bool {
        self.members.contains_key(topic)
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn most_subscribed(&self, count: usize) -> Vec<TopicCount> {
        let mut most = BinaryHeap::with_capacity(count + 1);
        for (destination, members) in &self.members {
            // The heap gives what is last by this order first.
            most.push((Reverse(members.len()), destination));
            if most.len() > count {
                most.pop();
            }
        }
        let counts = most.into_sorted_vec().into_iter();
        counts
            .map(|(Reverse(subscribers), destination)| TopicCount {
                destination: destination.clone(),
                subscribers,
            })
            .collect()
    }

    fn entry(&mut self, topic: &Destination) -> &mut Members {
        if topic.is_pattern() && !self.members.contains_key(topic) {
            self.patterns.insert(topic);
        }
        self.members.entry(topic.clone()).or_default()
    }

    fn remove(&mut self, topic: &Destination, remove: impl FnOnce(&mut Members)) {
        let Some(members) = self.members.get_mut(topic) else {
            return;
        };
        remove(members);
        if members.len() == 0 {
            self.members.remove(topic);
            if topic.is_pattern() {
                self.patterns.remove(topic);
            }
        }
    }
}
