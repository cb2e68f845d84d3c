//! What holds for messages that do not say it themselves: whether they are kept, and what their RECEIPT waits for.

use gumboot_broker_core::{Destination, Kind};
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
    /// For queues whose name matches a pattern; the first that matches counts.
    pub queues: Vec<(Destination, Durability)>,
    /// For all other queues.
    pub queue: Durability,
    /// For topics: their durable subscriptions, retained and delayed messages.
    pub topic: Durability,
}

impl Durabilities {
    /// What holds for this destination.
    pub(crate) fn of(&self, destination: &Destination) -> Durability {
        if !matches!(destination.kind(), Kind::Queue | Kind::TempQueue) {
            return self.topic;
        }
        let mut queues = self.queues.iter();
        let found = queues.find(|(pattern, _)| pattern.covers(destination));
        found.map_or(self.queue, |(_, durability)| *durability)
    }
}
