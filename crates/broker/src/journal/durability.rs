//! What holds for messages that do not say it themselves: whether they are kept, and what their RECEIPT waits for.

use gumboot_broker_core::Destination;
use gumboot_store::Level;

/// What holds for a message whose SEND does not say it, in a server that has a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Durability {
    /// What a RECEIPT waits for, without the header `receipt-level`. Default [`Level::Synced`].
    pub receipt_level: Level,
    /// Whether a message is kept, without the header `persistent`. Default: it is.
    pub persistent: bool,
}

impl Default for Durability {
    fn default() -> Self {
        Self {
            receipt_level: Level::Synced,
            persistent: true,
        }
    }
}

/// What holds for which destinations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durabilities {
    /// For queues and topics whose name matches a pattern; the first that matches counts. That of a topic holds for its
    /// durable subscriptions, its retained message and delayed ones.
    pub patterns: Vec<(Destination, Durability)>,
    /// For all others.
    pub default: Durability,
}

impl Durabilities {
    /// What holds for this destination.
    pub(crate) fn of(&self, destination: &Destination) -> Durability {
        let mut patterns = self.patterns.iter();
        let found = patterns.find(|(pattern, _)| pattern.covers(destination));
        found.map_or(self.default, |(_, durability)| *durability)
    }
}
