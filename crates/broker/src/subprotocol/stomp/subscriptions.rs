//! The subscriptions of a session by the names that the client gave them, and by the numbers that the broker knows.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash, Hasher},
};

use gumboot_broker_core::{AckMode, Destination, Refusal, SubscriptionId};
use gumboot_stomp_proto::command::SubscriptionKey;

/// How many subscriptions that have ended are remembered, the latest of them.
const ENDED_MAX: usize = 1_000;

/// Numbers are given out in order, so the list stays sorted by them.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    list: Vec<Subscription>,
    next: u32,
    /// Most sessions have nothing in it.
    past: Option<Box<Past>>,
}

/// The subscriptions that have ended, and whose messages may still be acknowledged.
#[derive(Debug, Default)]
struct Past(VecDeque<Ended>);

/// A subscription that has ended.
#[derive(Debug)]
struct Ended {
    id: SubscriptionId,
    /// Of the client's id for it, which may be long, the hash.
    name: u64,
    only_looked: bool,
}

/// A subscription that has not ended.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) id: SubscriptionId,
    pub(super) key: SubscriptionKey<'static>,
    /// The queue, for one who only looks into it.
    pub(super) browses: Option<Destination>,
    /// The name under which it stays when its client is away, if it does.
    pub(super) durable: Option<Box<str>>,
    /// Whether it asked as a client of streams does, which looks for `x-stream-offset`.
    pub(super) is_stream: bool,
    ack: AckMode,
}

impl Subscription {
    /// Whether the client acknowledges its messages. Those who only look have nothing to acknowledge.
    pub(super) fn is_acknowledged(&self) -> bool {
        self.ack != AckMode::Auto && self.browses.is_none()
    }
}

impl Subscriptions {
    /// Adds a subscription; names are unique in a session.
    pub(super) fn insert(
        &mut self,
        key: SubscriptionKey<'_>,
        ack: AckMode,
        browses: Option<Destination>,
        durable: Option<Box<str>>,
    ) -> Result<SubscriptionId, Refusal> {
        let key = key.into_owned();
        if self.list.iter().any(|existing| existing.key == key) {
            return Err(Refusal::SubscriptionExists);
        }
        let id = SubscriptionId(self.next);
        self.next = self.next.checked_add(1).ok_or(Refusal::SubscriptionsFull)?;
        // Most sessions have one.
        if self.list.is_empty() {
            self.list.reserve_exact(1);
        }
        self.list.push(Subscription {
            id,
            key,
            browses,
            durable,
            is_stream: false,
            ack,
        });
        Ok(id)
    }

    /// How many have not ended.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// A subscription has asked as a client of streams does.
    pub(super) fn note_stream(&mut self, id: SubscriptionId) {
        let index = self.list.binary_search_by_key(&id, |s| s.id);
        if let Some(subscription) = index.ok().and_then(|index| self.list.get_mut(index)) {
            subscription.is_stream = true;
        }
    }

    /// Takes a subscription away; what is still on its way to it is dropped from now on.
    pub(super) fn remove(&mut self, key: &SubscriptionKey<'_>) -> Result<Subscription, Refusal> {
        let found = self.list.iter().position(|existing| existing.key == *key);
        let index = found.ok_or(Refusal::SubscriptionUnknown)?;
        let subscription = self.list.remove(index);
        let only_looked = subscription.browses.is_some();
        if subscription.is_acknowledged() || only_looked {
            let Past(ended) = &mut **self.past.get_or_insert_default();
            if ended.len() >= ENDED_MAX {
                ended.pop_front();
            }
            ended.push_back(Ended {
                id: subscription.id,
                name: hash(subscription.key.id()),
                only_looked,
            });
        }
        Ok(subscription)
    }

    /// Whether the client gave a subscription, which may have ended, this id; of one that is not remembered, that is
    /// taken as said.
    pub(super) fn is_named(&self, id: SubscriptionId, name: &str) -> bool {
        if let Some(subscription) = self.get(id) {
            return subscription.key.id() == Some(name);
        }
        self.ended(id)
            .is_none_or(|ended| ended.name == hash(Some(name)))
    }

    /// Whether a subscription, which may have ended, only looks into a queue, and has nothing to acknowledge.
    pub(super) fn only_looks(&self, id: SubscriptionId) -> bool {
        match self.get(id) {
            Some(subscription) => subscription.browses.is_some(),
            None => self.ended(id).is_some_and(|ended| ended.only_looked),
        }
    }

    fn ended(&self, id: SubscriptionId) -> Option<&Ended> {
        let Past(ended) = self.past.as_deref()?;
        ended.iter().find(|ended| ended.id == id)
    }

    /// A subscription that has not ended.
    pub(super) fn get(&self, id: SubscriptionId) -> Option<&Subscription> {
        let index = self.list.binary_search_by_key(&id, |s| s.id).ok()?;
        self.list.get(index)
    }
}

fn hash(name: Option<&str>) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> SubscriptionKey<'_> {
        SubscriptionKey::Id(id.into())
    }

    #[test]
    fn names_and_numbers() {
        let mut subscriptions = Subscriptions::default();
        let mut insert = |id| subscriptions.insert(key(id), AckMode::Auto, None, None);
        let a = insert("a").unwrap();
        let b = insert("b").unwrap();
        assert_eq!(insert("a"), Err(Refusal::SubscriptionExists));
        assert_eq!(subscriptions.remove(&key("a")).unwrap().id, a);
        let again = subscriptions.remove(&key("a"));
        assert_eq!(again.unwrap_err(), Refusal::SubscriptionUnknown);
        assert!(subscriptions.get(a).is_none());
        assert_eq!(subscriptions.get(b).unwrap().key, key("b"));
        let again = subscriptions.insert(key("a"), AckMode::Auto, None, None);
        assert_ne!(again, Ok(a));
    }

    #[test]
    fn the_name_of_one_that_has_ended_is_known() {
        let mut subscriptions = Subscriptions::default();
        let first = subscriptions.insert(key("a"), AckMode::Client, None, None);
        let first = first.unwrap();
        for _ in 0..ENDED_MAX {
            assert!(subscriptions.is_named(first, "a"));
            assert!(!subscriptions.is_named(first, "b"));
            subscriptions.remove(&key("a")).unwrap();
            assert!(!subscriptions.is_named(first, "b"));
            subscriptions
                .insert(key("a"), AckMode::Client, None, None)
                .unwrap();
        }
        subscriptions.remove(&key("a")).unwrap();
        assert_eq!(subscriptions.past.as_ref().unwrap().0.len(), ENDED_MAX);
        assert!(subscriptions.is_named(first, "b"));
    }

    #[test]
    fn who_only_looked_is_known_after_its_end() {
        let queue = Destination::parse("/queue/a").unwrap();
        let mut subscriptions = Subscriptions::default();
        for (browses, looks) in [(Some(queue), true), (None, false)] {
            let id = subscriptions.insert(key("a"), AckMode::Client, browses, None);
            let id = id.unwrap();
            assert_eq!(subscriptions.only_looks(id), looks);
            subscriptions.remove(&key("a")).unwrap();
            assert_eq!(subscriptions.only_looks(id), looks);
            assert!(subscriptions.is_named(id, "a") && !subscriptions.is_named(id, "b"));
        }
        assert!(!subscriptions.only_looks(SubscriptionId(9)));
    }

    #[test]
    fn a_destination_is_no_id() {
        let mut subscriptions = Subscriptions::default();
        for key in [
            key("/topic/a"),
            SubscriptionKey::Destination("/topic/a".into()),
        ] {
            assert!(subscriptions.insert(key, AckMode::Auto, None, None).is_ok());
        }
    }

    #[test]
    fn who_only_looks_acknowledges_nothing() {
        let queue = Destination::parse("/queue/a").unwrap();
        let mut subscriptions = Subscriptions::default();
        for (ack, browses, acknowledges) in [
            (AckMode::Auto, None, false),
            (AckMode::Client, None, true),
            (AckMode::Client, Some(queue), false),
        ] {
            let name = format!("{ack:?} {browses:?}");
            let id = subscriptions
                .insert(key(&name), ack, browses, None)
                .unwrap();
            assert_eq!(
                subscriptions.get(id).unwrap().is_acknowledged(),
                acknowledges
            );
        }
    }
}
