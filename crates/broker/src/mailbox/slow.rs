//! What is done for a subscription that does not keep up, other than to close the connection.

use std::collections::{HashMap, VecDeque};

use gumboot_broker_core::SubscriptionId;

use super::{Delivery, Item};

/// The part of a mailbox that is made free at once where messages are dropped, so that not each message that comes has
/// to look for one to drop.
const DROPPED_PART: usize = 8;

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

/// The subscriptions of a mailbox whose connection is not to be closed at once.
#[derive(Debug, Default)]
pub(super) struct Policies {
    list: Vec<(SubscriptionId, Slow)>,
    /// Where the latest message of each value waits.
    latest: HashMap<(SubscriptionId, Box<str>), usize>,
}

impl Policies {
    pub(super) fn set(&mut self, subscription: SubscriptionId, slow: Slow) {
        self.list.push((subscription, slow));
    }

    pub(super) fn remove(&mut self, subscription: SubscriptionId) {
        self.list.retain(|(other, _)| *other != subscription);
        self.latest.retain(|(other, _), _| *other != subscription);
    }

    /// All that waited has been taken out.
    pub(super) fn on_taken(&mut self) {
        self.latest.clear();
    }

    /// Sees to a message that is about to be put behind the others: it may take the place of an older one, or make
    /// others go. It is gone from `delivery` if there is nothing left to put in.
    pub(super) fn admit(
        &mut self,
        items: &mut VecDeque<Item>,
        bytes: &mut usize,
        bytes_max: usize,
        delivery: &mut Option<Delivery>,
    ) {
        let Some(new) = delivery.take_if(|delivery| delivery.number.is_none()) else {
            return;
        };
        let more = new.bytes();
        let key = self.key(&new);
        let place = key.as_ref().and_then(|key| self.latest.get(key));
        if let Some(Item::Message(old)) = place.and_then(|place| items.get_mut(*place)) {
            *bytes = *bytes - old.bytes() + more;
            *old = new;
            return;
        }
        if *bytes > 0 && *bytes + more > bytes_max {
            self.make_room(items, bytes, bytes_max, more);
            if *bytes > 0 && *bytes + more > bytes_max && self.drops(new.subscription) {
                return;
            }
        }
        if let Some(key) = key {
            self.latest.insert(key, items.len());
        }
        *delivery = Some(new);
    }

    /// Drops what may be dropped, the oldest first, until there is room for `more` and some to spare.
    fn make_room(
        &mut self,
        items: &mut VecDeque<Item>,
        bytes: &mut usize,
        bytes_max: usize,
        more: usize,
    ) {
        let goal = (bytes_max - bytes_max / DROPPED_PART).saturating_sub(more);
        items.retain(|item| match item {
            Item::Message(delivery) if *bytes > goal && self.drops(delivery.subscription) => {
                *bytes -= delivery.bytes();
                delivery.number.is_some()
            }
            _ => true,
        });
        let latest = items.iter().enumerate().filter_map(|(place, item)| {
            let Item::Message(delivery) = item else {
                return None;
            };
            Some((self.key(delivery)?, place))
        });
        self.latest = latest.collect();
    }

    fn drops(&self, subscription: SubscriptionId) -> bool {
        self.of(subscription) == Some(&Slow::DropOldest)
    }

    /// What a message takes the place of another by.
    fn key(&self, delivery: &Delivery) -> Option<(SubscriptionId, Box<str>)> {
        let Some(Slow::KeepLatest(header)) = self.of(delivery.subscription) else {
            return None;
        };
        let value = delivery.publication.header(header)?;
        Some((delivery.subscription, value.into()))
    }

    fn of(&self, subscription: SubscriptionId) -> Option<&Slow> {
        let mut found = self.list.iter().filter(|(other, _)| *other == subscription);
        found.next().map(|(_, slow)| slow)
    }
}
