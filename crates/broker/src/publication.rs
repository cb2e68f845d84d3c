//! A message on its way to its subscribers: encoded once, shared by all of them.

use std::sync::Arc;

use gumboot_broker_core::SubscriptionId;
use gumboot_stomp_proto::{Frame, Tail, Version};

/// What a delivery costs a mailbox beside the message itself.
const DELIVERY_BYTES: usize = 128;

/// A message that was published.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) tail: Tail,
    /// What it counts for in a mailbox, in bytes.
    pub(crate) cost: usize,
}

impl Publication {
    /// The message of a SEND frame.
    pub(crate) fn from_send(frame: &Frame<'_>) -> Arc<Self> {
        Self::new(Tail::from_send(frame))
    }

    /// A message of the server's own.
    pub(crate) fn new(tail: Tail) -> Arc<Self> {
        let cost = tail.bytes(Version::V1_2).len() + DELIVERY_BYTES;
        Arc::new(Self { tail, cost })
    }
}

/// A message for one subscription.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) subscription: SubscriptionId,
    pub(crate) publication: Arc<Publication>,
}
