//! A message on its way to its subscribers: encoded once, shared by all of them.

use std::sync::{Arc, OnceLock};

use gumboot_broker_core::SubscriptionId;
use gumboot_stomp_proto::{Frame, Tail, Version};
use gumboot_websocket::proto::{MessageKind, SharedBytes};

/// What a delivery costs a mailbox beside the message itself.
const DELIVERY_BYTES: usize = 128;

/// A message that was published.
#[derive(Debug)]
pub(crate) struct Publication {
    tail: Tail,
    /// What it counts for in a mailbox, in bytes.
    pub(crate) cost: usize,
    /// The tail as each version spells it, once a receiver of that version has come.
    spellings: [OnceLock<SharedBytes>; Version::ALL.len()],
}

impl Publication {
    /// The message of a SEND frame.
    pub(crate) fn from_send(frame: &Frame<'_>) -> Arc<Self> {
        Self::new(Tail::from_send(frame))
    }

    /// A message of the server's own.
    pub(crate) fn new(tail: Tail) -> Arc<Self> {
        let cost = tail.bytes(Version::V1_2).len() + DELIVERY_BYTES;
        Arc::new(Self {
            tail,
            cost,
            spellings: Default::default(),
        })
    }

    /// What all receivers of a version get behind the head of their own.
    pub(crate) fn tail(&self, version: Version) -> &SharedBytes {
        let version = self.tail.spelling(version);
        let spelling = &self.spellings[version as usize];
        spelling.get_or_init(|| SharedBytes::new(self.tail.bytes(version)))
    }

    /// A body that is not UTF-8 would end a browser's connection if it came as text.
    pub(crate) fn kind(&self) -> MessageKind {
        if self.tail.is_text() {
            MessageKind::Text
        } else {
            MessageKind::Binary
        }
    }
}

/// A message for one subscription.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) subscription: SubscriptionId,
    pub(crate) publication: Arc<Publication>,
}
