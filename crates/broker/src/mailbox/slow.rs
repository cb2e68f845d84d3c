//! What is done for a subscription that does not keep up, other than to close the connection.

use std::collections::{HashMap, VecDeque};

use gumboot_broker_core::SubscriptionId;

use super::{Delivery, Item};

/// So many holes are left where messages were dropped before the others are moved together, and then if they are more
/// than half of all.
pub(super) const HOLES_MIN: usize = 64;

/// What is done when a subscription does not keep up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Slow {
    /// The connection is closed.
    Disconnect,
    /// What is oldest is dropped.
    DropOldest,
    /// Of the messages that wait, only the latest is kept for each value of this header.
    KeepLatest(Box<str>),
}

/// What becomes of a message that comes.
pub(super) enum Admitted {
    /// It is put behind the others.
    Behind(Delivery),
    /// It has taken the place of an older one, or there is no room but that of others.
    Done,
    /// There is no room for it.
    Overflow,
}

/// The subscriptions of a mailbox whose connection is not to be closed at once.
#[derive(Debug, Default)]
pub(super) struct Policies {
    /// Sorted by subscription.
    list: Vec<(SubscriptionId, Slow)>,
    /// Where the latest message of each value waits.
    latest: HashMap<(SubscriptionId, Box<str>), usize>,
    /// Where those wait that may be dropped, the oldest first.
    droppable: VecDeque<usize>,
    /// How many places hold nothing.
    holes: usize,
}

impl Policies {
    pub(super) fn set(&mut self, subscription: SubscriptionId, slow: Slow) {
        match self.index(subscription) {
            Ok(index) => self.list[index].1 = slow,
            Err(index) => self.list.insert(index, (subscription, slow)),
        }
    }

    /// A subscription has ended, and what was for it has been taken out of these places.
    pub(super) fn remove(&mut self, subscription: SubscriptionId, places: &[usize]) {
        if let Ok(index) = self.index(subscription) {
            self.list.remove(index);
        }
        self.latest.retain(|(other, _), _| *other != subscription);
        self.droppable
            .retain(|place| places.binary_search(place).is_err());
        self.holes += places.len();
    }

    /// All that waited has been taken out.
    pub(super) fn on_taken(&mut self) {
        self.latest.clear();
        self.droppable.clear();
        self.holes = 0;
    }

    /// Sees to a message that has come: it may take the place of an older one, or make others go.
    pub(super) fn admit(
        &mut self,
        items: &mut VecDeque<Item>,
        bytes: &mut usize,
        bytes_max: usize,
        new: Delivery,
    ) -> Admitted {
        if new.number.is_some() {
            return Admitted::Behind(new);
        }
        let slow = self.of(new.subscription).cloned();
        let key = match &slow {
            Some(Slow::KeepLatest(header)) => {
                let value = new.publication.header(header);
                value.map(|value| (new.subscription, Box::from(value)))
            }
            _ => None,
        };
        let place = key.as_ref().and_then(|key| self.latest.get(key)).copied();
        let old = place.and_then(|place| items.get(place));
        let less = old.map_or(0, Item::bytes);
        let more = new.bytes();
        let others = *bytes - less;
        if others > 0 && others + more > bytes_max {
            self.drop_oldest(items, bytes, others + more - bytes_max);
        }
        let others = *bytes - less;
        if others > 0 && others + more > bytes_max {
            return match slow {
                Some(Slow::DropOldest) => Admitted::Done,
                _ => Admitted::Overflow,
            };
        }
        if let Some(old) = place.and_then(|place| items.get_mut(place)) {
            *old = Item::Message(new);
            *bytes = others + more;
            return Admitted::Done;
        }
        if self.holes > HOLES_MIN.max(items.len() / 2) {
            self.close_holes(items);
        }
        self.latest.extend(key.map(|key| (key, items.len())));
        if slow == Some(Slow::DropOldest) {
            self.droppable.push_back(items.len());
        }
        Admitted::Behind(new)
    }

    /// Drops what may be dropped, the oldest first, until so many bytes are free.
    fn drop_oldest(&mut self, items: &mut VecDeque<Item>, bytes: &mut usize, wanted: usize) {
        let goal = bytes.saturating_sub(wanted);
        while *bytes > goal
            && let Some(place) = self.droppable.pop_front()
        {
            if let Some(item) = items.get_mut(place) {
                *bytes -= item.bytes();
                *item = Item::Hole;
                self.holes += 1;
            }
        }
    }

    /// Moves what waits together.
    fn close_holes(&mut self, items: &mut VecDeque<Item>) {
        let mut next = 0;
        let places: Vec<usize> = items
            .iter()
            .map(|item| {
                let place = next;
                next += usize::from(!matches!(item, Item::Hole));
                place
            })
            .collect();
        items.retain(|item| !matches!(item, Item::Hole));
        let moved = self.latest.values_mut().chain(&mut self.droppable);
        moved.for_each(|place| *place = places[*place]);
        self.holes = 0;
    }

    fn of(&self, subscription: SubscriptionId) -> Option<&Slow> {
        let index = self.index(subscription).ok()?;
        Some(&self.list[index].1)
    }

    fn index(&self, subscription: SubscriptionId) -> Result<usize, usize> {
        self.list
            .binary_search_by_key(&subscription, |(other, _)| *other)
    }
}
