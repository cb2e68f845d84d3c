//! What waits for a connection, in its order. Most wake-ups are for one message, so one needs no allocation.

use std::{collections::VecDeque, iter};

use super::Item;

/// Room for so many is made at once when there is more than one.
const MORE_MIN: usize = 15;

/// Items in their order.
#[derive(Debug, Default)]
pub(crate) struct Items {
    /// Before all others.
    first: Option<Item>,
    more: VecDeque<Item>,
}

impl Items {
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none() && self.more.is_empty()
    }

    pub(crate) fn push_back(&mut self, item: Item) {
        if self.is_empty() {
            self.first = Some(item);
            return;
        }
        if self.more.capacity() == 0 {
            self.more.reserve(MORE_MIN);
        }
        self.more.push_back(item);
    }

    pub(crate) fn pop_front(&mut self) -> Option<Item> {
        self.first.take().or_else(|| self.more.pop_front())
    }

    /// Gives back what room was made, once nothing is in it.
    pub(crate) fn release(&mut self) {
        debug_assert!(self.is_empty());
        if self.more.capacity() > 0 {
            self.more = VecDeque::new();
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Item> {
        self.first.iter().chain(&self.more)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Item> {
        self.first.iter_mut().chain(&mut self.more)
    }

    /// Keeps those only that are to be kept, in as little room as they need.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Item) -> bool) {
        self.first.take_if(|first| !keep(first));
        self.more.retain(keep);
        self.more.shrink_to_fit();
    }

    /// All of them, by their places, which are the same as in any other view.
    pub(super) fn as_deque(&mut self) -> &mut VecDeque<Item> {
        if let Some(first) = self.first.take() {
            self.more.push_front(first);
        }
        &mut self.more
    }
}

impl Extend<Item> for Items {
    fn extend<T: IntoIterator<Item = Item>>(&mut self, items: T) {
        items.into_iter().for_each(|item| self.push_back(item));
    }
}

impl IntoIterator for Items {
    type Item = Item;
    type IntoIter =
        iter::Chain<std::option::IntoIter<Item>, std::collections::vec_deque::IntoIter<Item>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_kept_gives_its_room_back() {
        for kept in [0, 1, 20] {
            let mut items = Items::default();
            items.extend(iter::repeat_with(|| Item::Hole).take(10_000));
            items.extend(iter::repeat_with(|| Item::ReplayPaused).take(kept));
            items.retain(|item| matches!(item, Item::ReplayPaused));
            assert_eq!(items.iter().count(), kept);
            assert!(
                items.more.capacity() <= kept + MORE_MIN,
                "room for {} in place of {kept}",
                items.more.capacity()
            );
        }
    }
}
