//! The last message of each topic that was sent to be kept, for those who subscribe later.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use crate::{
    destination::Destination,
    error::Refusal,
    limits::Limits,
    message::{Properties, Retain},
    queue::Amount,
    time::Timestamp,
};

#[derive(Debug)]
pub(crate) struct Retained<M> {
    messages: BTreeMap<Destination, Kept<M>>,
    bytes: usize,
    expiring: BTreeSet<(Timestamp, Destination)>,
}

/// A message that is kept.
#[derive(Debug, Clone)]
pub(crate) struct Kept<M> {
    pub(crate) message: M,
    pub(crate) properties: Properties,
    /// The session that sent it, by its serial number.
    pub(crate) producer: Option<u64>,
}

impl<M> Default for Retained<M> {
    fn default() -> Self {
        Self {
            messages: BTreeMap::new(),
            bytes: 0,
            expiring: BTreeSet::new(),
        }
    }
}

impl<M: Clone> Retained<M> {
    pub(crate) fn contains(&self, topic: &Destination) -> bool {
        self.messages.contains_key(topic)
    }

    /// Whether there is room for so much more.
    pub(crate) fn admit(&self, more: Amount, limits: &Limits) -> Result<(), Refusal> {
        let fits = self.messages.len() + more.messages <= limits.retained_max
            && self.bytes.saturating_add(more.bytes) <= limits.retained_bytes_max;
        if fits {
            Ok(())
        } else {
            Err(Refusal::RetainedFull)
        }
    }

    /// Does what the message says; gives whether that has changed anything. One that was delayed may find no room; then
    /// the topic has no retained message.
    pub(crate) fn update(
        &mut self,
        topic: &Destination,
        kept: impl FnOnce() -> Kept<M>,
        retain: Retain,
        limits: &Limits,
    ) -> bool {
        if retain == Retain::No {
            return false;
        }
        let had_one = self.remove(topic);
        if retain == Retain::Clear {
            return had_one;
        }
        let kept = kept();
        let one = Amount {
            messages: 1,
            bytes: kept.properties.bytes,
        };
        let has_room = self.admit(one, limits).is_ok();
        if has_room {
            self.insert(topic, kept);
        }
        had_one || has_room
    }

    /// Keeps a message, whether there is room or not.
    pub(crate) fn insert(&mut self, topic: &Destination, kept: Kept<M>) {
        self.remove(topic);
        self.bytes += kept.properties.bytes;
        let expires = kept.properties.expires;
        self.expiring
            .extend(expires.map(|expires| (expires, topic.clone())));
        self.messages.insert(topic.clone(), kept);
    }

    /// Whether there was one.
    fn remove(&mut self, topic: &Destination) -> bool {
        let Some(kept) = self.messages.remove(topic) else {
            return false;
        };
        self.bytes -= kept.properties.bytes;
        if let Some(expires) = kept.properties.expires {
            self.expiring.remove(&(expires, topic.clone()));
        }
        true
    }

    /// What is kept for this topic, expired or not.
    pub(crate) fn of(&self, topic: &Destination) -> Option<(&M, &Properties)> {
        let kept = self.messages.get(topic)?;
        Some((&kept.message, &kept.properties))
    }

    /// What is kept for a topic, or for those that match a pattern.
    pub(crate) fn matching(&self, topic: &Destination, now: Timestamp) -> Vec<Kept<M>> {
        let found: Vec<_> = if topic.is_pattern() {
            let scope = topic.scope();
            let in_scope = self
                .messages
                .range::<str, _>((Bound::Included(scope), Bound::Unbounded));
            in_scope
                .take_while(|(name, _)| name.as_str().starts_with(scope))
                .filter(|(name, _)| topic.covers(name))
                .map(|(_, kept)| kept)
                .collect()
        } else {
            self.messages.get(topic).into_iter().collect()
        };
        let fresh = found
            .into_iter()
            .filter(|kept| !kept.properties.is_expired(now));
        fresh.cloned().collect()
    }

    /// When the next of them expires.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.expiring.first().map(|(expires, _)| *expires)
    }

    /// What is over is gone; `gone` is told of which topics.
    pub(crate) fn expire(&mut self, now: Timestamp, mut gone: impl FnMut(&Destination)) {
        while let Some((expires, topic)) = self.expiring.first().cloned() {
            if expires > now {
                return;
            }
            self.remove(&topic);
            gone(&topic);
        }
    }

    pub(crate) fn amount(&self) -> Amount {
        Amount {
            messages: self.messages.len(),
            bytes: self.bytes,
        }
    }
}
