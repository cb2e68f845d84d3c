//! The subscriptions of a session by the names that the client gave them, and by the numbers that the broker knows.

use gumboot_broker_core::{Refusal, SubscriptionId};
use gumboot_stomp_proto::command::SubscriptionKey;

/// Numbers are given out in order, so the list stays sorted by them.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    list: Vec<(SubscriptionId, SubscriptionKey<'static>)>,
    next: u32,
}

impl Subscriptions {
    /// Adds a subscription; names are unique in a session.
    pub(super) fn insert(&mut self, key: SubscriptionKey<'_>) -> Result<SubscriptionId, Refusal> {
        let key = key.into_owned();
        if self.list.iter().any(|(_, existing)| *existing == key) {
            return Err(Refusal::SubscriptionExists);
        }
        let id = SubscriptionId(self.next);
        self.next = self.next.checked_add(1).ok_or(Refusal::SubscriptionsFull)?;
        self.list.push((id, key));
        Ok(id)
    }

    /// Takes a subscription away; what is still on its way to it is dropped from now on.
    pub(super) fn remove(&mut self, key: &SubscriptionKey<'_>) -> Result<SubscriptionId, Refusal> {
        let found = self.list.iter().position(|(_, existing)| existing == key);
        let index = found.ok_or(Refusal::SubscriptionUnknown)?;
        Ok(self.list.remove(index).0)
    }

    /// The name of a subscription that has not ended.
    pub(super) fn key(&self, id: SubscriptionId) -> Option<&SubscriptionKey<'static>> {
        let index = self.list.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.list.get(index).map(|(_, key)| key)
    }
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
        let a = subscriptions.insert(key("a")).unwrap();
        let b = subscriptions.insert(key("b")).unwrap();
        assert_eq!(
            subscriptions.insert(key("a")),
            Err(Refusal::SubscriptionExists)
        );
        assert_eq!(subscriptions.remove(&key("a")), Ok(a));
        assert_eq!(
            subscriptions.remove(&key("a")),
            Err(Refusal::SubscriptionUnknown)
        );
        assert_eq!(subscriptions.key(a), None);
        assert_eq!(subscriptions.key(b), Some(&key("b")));
        assert_ne!(subscriptions.insert(key("a")), Ok(a));
    }

    #[test]
    fn a_destination_is_no_id() {
        let mut subscriptions = Subscriptions::default();
        subscriptions.insert(key("/topic/a")).unwrap();
        assert!(
            subscriptions
                .insert(SubscriptionKey::Destination("/topic/a".into()))
                .is_ok()
        );
    }
}
