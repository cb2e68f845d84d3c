//! What the broker knows of a message beside its payload, which it never looks into.

use std::{borrow::Cow, fmt, sync::Arc};

use crate::{
    destination::Destination,
    session::{SessionId, SubscriptionId},
    time::Timestamp,
};

/// What a message carries; cheap to clone.
pub trait Payload: Clone {
    /// The value of a header, for selectors; none if the message has no such header, as one that has none at all.
    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        let _ = name;
        None
    }

    /// The same message as it goes to a dead-letter queue: with headers that say where it comes from and why, if it can
    /// have headers.
    #[must_use]
    fn dead_letter(&self, letter: &DeadLetter<'_>) -> Self {
        let _ = letter;
        self.clone()
    }
}

/// A message that is only a number: for examples and tests.
impl Payload for u32 {}

/// The priority of a message that names none.
pub const PRIORITY_DEFAULT: u8 = 4;

/// The highest priority.
pub const PRIORITY_MAX: u8 = 9;

/// The bytes of the name of a message group at most. A queue remembers names whose messages are gone, so
/// many and so long.
pub const GROUP_BYTES_MAX: usize = 255;

/// What the broker must know of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Properties {
    /// What it counts for where bytes are bounded.
    pub bytes: usize,
    /// From 0 to [`PRIORITY_MAX`], what is above counts as that; a queue gives higher ones first. Default
    /// [`PRIORITY_DEFAULT`].
    pub priority: u8,
    /// From when on nobody is to get it any more.
    pub expires: Option<Timestamp>,
    /// How long nobody is to get it yet, in milliseconds; in a transaction, from COMMIT on.
    pub delay_ms: u64,
    /// Whether a durable store is to keep it.
    pub persistent: bool,
    /// Messages of one group in a queue go to one consumer, in order. Who drives the broker refuses names that are longer
    /// than [`GROUP_BYTES_MAX`].
    pub group: Option<Arc<str>>,
    /// Whether a topic keeps it for those who subscribe later.
    pub retain: Retain,
}

impl Default for Properties {
    fn default() -> Self {
        Self {
            bytes: 0,
            priority: PRIORITY_DEFAULT,
            expires: None,
            delay_ms: 0,
            persistent: false,
            group: None,
            retain: Retain::No,
        }
    }
}

impl Properties {
    /// Whether nobody is to get it any more.
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// What a message does to the retained value of its topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Retain {
    /// Nothing.
    #[default]
    No,
    /// It becomes the retained value.
    Keep,
    /// There is no retained value any more.
    Clear,
}

/// A message in a queue, by a number that no other has while the broker lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

/// A delivery that is to be acknowledged, by a client or by the driver. It is unique in its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId {
    /// The subscription that it was for.
    pub subscription: SubscriptionId,
    /// Its number there, counted from 1.
    pub number: u64,
}

/// What became of a message that no consumer could use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadLetter<'a> {
    /// The queue for such messages, to which it goes.
    pub queue: &'a Destination,
    /// The queue that it was in; of a subscription to a topic, the topic or pattern.
    pub origin: &'a Destination,
    /// Why it is there no longer.
    pub reason: DeathReason,
    /// How often it was delivered.
    pub deliveries: u32,
}

/// Why a message is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeathReason {
    /// It was delivered as often as it may be, and never acknowledged.
    Deliveries,
    /// A NACK said that it is not to be delivered again.
    Refused,
}

impl fmt::Display for DeathReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deliveries => "deliveries",
            Self::Refused => "refused",
        })
    }
}

/// A queue, by what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueName {
    /// One that is sent to by its name, temporary or not.
    Named(Destination),
    /// A durable subscription to a topic.
    Durable {
        /// The client that it belongs to.
        client: Arc<str>,
        /// Its name, unique for that client.
        name: Arc<str>,
        /// The topic or pattern.
        topic: Destination,
    },
    /// What a subscription to a topic has to acknowledge.
    Private {
        /// The session.
        session: SessionId,
        /// The subscription.
        subscription: SubscriptionId,
        /// The topic or pattern.
        topic: Destination,
    },
}

impl QueueName {
    /// The name of the queue, or the topic or pattern whose messages it gets.
    #[must_use]
    pub fn destination(&self) -> &Destination {
        match self {
            Self::Named(destination) => destination,
            Self::Durable { topic, .. } | Self::Private { topic, .. } => topic,
        }
    }
}
