//! Message groups: the messages of one go to one consumer, for as long as that stands.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::ConsumerKey;

/// The groups of a queue. A group is known from the first of its messages on, and is forgotten when it has none and
/// there are too many.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    groups: HashMap<Arc<str>, Group>,
    /// Those without messages, the one that has been so for longest first.
    idle: BTreeMap<u64, Arc<str>>,
    next: u64,
}

#[derive(Debug, Default)]
struct Group {
    owner: Option<ConsumerKey>,
    messages: usize,
    idle: Option<u64>,
}

impl Groups {
    /// Whether `consumer` may take a message of the group.
    pub(crate) fn allows(&self, group: Option<&Arc<str>>, consumer: ConsumerKey) -> bool {
        let owner = group.and_then(|name| self.groups.get(name)?.owner);
        owner.is_none_or(|owner| owner == consumer)
    }

    /// `consumer` takes a message of the group.
    pub(crate) fn on_leased(&mut self, group: Option<&Arc<str>>, consumer: ConsumerKey) {
        if let Some(group) = group.and_then(|name| self.groups.get_mut(name)) {
            group.owner = Some(consumer);
        }
    }

    pub(crate) fn on_enqueued(&mut self, group: Option<&Arc<str>>) {
        let Some(name) = group else {
            return;
        };
        let group = self.groups.entry(Arc::clone(name)).or_default();
        group.messages += 1;
        if let Some(idle) = group.idle.take() {
            self.idle.remove(&idle);
        }
    }

    pub(crate) fn on_settled(&mut self, group: Option<&Arc<str>>) {
        let Some((name, group)) = group.and_then(|name| Some((name, self.groups.get_mut(name)?)))
        else {
            return;
        };
        group.messages -= 1;
        if group.messages == 0 {
            group.idle = Some(self.next);
            self.idle.insert(self.next, Arc::clone(name));
            self.next += 1;
        }
    }

    /// A consumer takes no more; gives whether it had a group.
    pub(crate) fn on_left(&mut self, consumer: ConsumerKey) -> bool {
        let mut had_one = false;
        for group in self.groups.values_mut() {
            had_one |= group.owner.take_if(|owner| *owner == consumer).is_some();
        }
        had_one
    }

    /// Forgets groups without messages until there are `max`.
    pub(crate) fn trim(&mut self, max: usize) {
        while self.groups.len() > max {
            let Some((_, name)) = self.idle.pop_first() else {
                return;
            };
            self.groups.remove(&name);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }
}
