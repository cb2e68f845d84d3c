//! A message on its way to its subscribers: encoded once, shared by all of them.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use gumboot_broker_core::{DeadLetter, Kind, Payload};
use gumboot_stomp_proto::{Frame, Tail, Version};
use gumboot_websocket::proto::{MessageKind, SharedBytes};

/// What a delivery costs a mailbox beside the message itself.
const DELIVERY_BYTES: usize = 128;

/// A message that was published.
#[derive(Debug)]
pub(crate) struct Publication {
    tail: Tail,
    /// What it counts for where bytes are bounded.
    pub(crate) cost: usize,
    /// The tail as each version spells it, once a receiver of that version has come.
    spellings: [OnceLock<SharedBytes>; Version::ALL.len()],
}

impl Publication {
    /// The message of a SEND frame; with the name under which everyone knows it where it names a destination of its
    /// sender's own for answers.
    pub(crate) fn from_send(frame: &Frame<'_>, reply_to: Option<&str>) -> Arc<Self> {
        let tail = Tail::from_send(frame);
        Self::new(match reply_to {
            Some(name) => tail.with_headers(&[("reply-to", name)]),
            None => tail,
        })
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

    /// The tail as a store keeps it, in the spelling of 1.2.
    pub(crate) fn octets(&self) -> Bytes {
        self.tail.bytes(Version::V1_2)
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

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.tail.header(name)
    }
}

/// A publication as the broker passes it on.
#[derive(Debug, Clone)]
pub(crate) struct Message(pub(crate) Arc<Publication>);

impl Payload for Message {
    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.header(name)
    }

    fn dead_letter(&self, letter: &DeadLetter<'_>) -> Self {
        let headers = [
            ("destination", letter.queue.as_str()),
            ("dead-letter-origin", letter.origin.as_str()),
            ("dead-letter-kind", name_of(letter.origin.kind())),
            ("dead-letter-reason", &letter.reason.to_string()),
            ("dead-letter-deliveries", &letter.deliveries.to_string()),
        ];
        Self(Publication::new(self.0.tail.with_headers(&headers)))
    }
}

/// What a dead letter says of the destination that it comes from: by its name alone nobody can tell where prefixes are
/// configured.
fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Queue => "queue",
        Kind::TempQueue => "temp-queue",
        Kind::TempTopic => "temp-topic",
        Kind::Topic => "topic",
        Kind::User => "user",
    }
}
