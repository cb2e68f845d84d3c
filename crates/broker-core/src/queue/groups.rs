//! Message groups: the messages of one go to one consumer, for as long as that stands.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
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
    /// Those of each consumer, so that it leaves no others to look at.
    owned: HashMap<ConsumerKey, HashSet<Arc<str>>>,
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
        let Some((name, group)) = group.and_then(|name| Some((name, self.groups.get_mut(name)?)))
        else {
            return;
        };
        if group.owner.replace(consumer) != Some(consumer) {
            let owned = self.owned.entry(consumer).or_default();
            owned.insert(Arc::clone(name));
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

    /// A consumer takes no more; gives whether it had a group. It takes time for the groups that it had.
    pub(crate) fn on_left(&mut self, consumer: ConsumerKey) -> bool {
        let Some(owned) = self.owned.remove(&consumer) else {
            return false;
        };
        for name in owned {
            if let Some(group) = self.groups.get_mut(&name) {
                group.owner = None;
            }
        }
        true
    }

    /// Forgets groups without messages until there are `max`.
    pub(crate) fn trim(&mut self, max: usize) {
        while self.groups.len() > max {
            let Some((_, name)) = self.idle.pop_first() else {
                return;
            };
            let owner = self.groups.remove(&name).and_then(|group| group.owner);
            if let Some(owner) = owner {
                self.disown(owner, &name);
            }
        }
    }

    fn disown(&mut self, owner: ConsumerKey, name: &str) {
        if let Some(owned) = self.owned.get_mut(&owner) {
            owned.remove(name);
            if owned.is_empty() {
                self.owned.remove(&owner);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: ConsumerKey = ConsumerKey(1);
    const BOB: ConsumerKey = ConsumerKey(2);

    fn name(name: &str) -> Arc<str> {
        name.into()
    }

    /// Messages of these groups, taken by that consumer.
    fn take(groups: &mut Groups, consumer: ConsumerKey, names: &[&str]) {
        for group in names {
            groups.on_enqueued(Some(&name(group)));
            groups.on_leased(Some(&name(group)), consumer);
        }
    }

    #[test]
    fn who_leaves_gives_up_what_it_had_and_nothing_else() {
        let mut groups = Groups::default();
        take(&mut groups, ALICE, &["a", "b", "a"]);
        take(&mut groups, BOB, &["c"]);
        assert_eq!(groups.owned[&ALICE].len(), 2);
        assert!(!groups.allows(Some(&name("a")), BOB));
        assert!(groups.on_left(ALICE));
        assert!(!groups.on_left(ALICE));
        assert!(groups.allows(Some(&name("a")), BOB));
        assert!(!groups.allows(Some(&name("c")), ALICE));
        take(&mut groups, BOB, &["a"]);
        assert_eq!(groups.owned[&BOB].len(), 2);
    }

    #[test]
    fn what_is_forgotten_is_nobodys() {
        let mut groups = Groups::default();
        take(&mut groups, ALICE, &["a", "b"]);
        for group in ["a", "b"] {
            groups.on_settled(Some(&name(group)));
        }
        groups.trim(1);
        assert_eq!((groups.len(), groups.owned[&ALICE].len()), (1, 1));
        groups.trim(0);
        assert!(groups.owned.is_empty() && groups.idle.is_empty());
        assert!(!groups.on_left(ALICE));
    }
}
