//! Messages: as a program owns and sends them, and as they lie in the caller's input when they arrive.

use std::ops::Deref;

use bytes::Bytes;

use crate::utf8::{Utf8Bytes, as_str_validated};

/// The two kinds of messages (RFC 6455 §5.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// UTF-8 text.
    Text,
    /// Bytes.
    Binary,
}

/// A whole message, owned; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message.
    Binary(Bytes),
}

impl Message {
    /// A text message.
    #[must_use]
    pub fn text(text: impl Into<Utf8Bytes>) -> Self {
        Self::Text(text.into())
    }

    /// A binary message.
    #[must_use]
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self::Binary(bytes.into())
    }

    /// Text or binary.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        match self {
            Self::Text(_) => MessageKind::Text,
            Self::Binary(_) => MessageKind::Binary,
        }
    }

    /// The text of a text message.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The payload.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// The payload, owned.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::binary(bytes)
    }
}

/// Bytes that arrived: where they lie in the caller's input, or gathered from several inputs.
#[derive(Debug)]
pub enum Payload<'a> {
    /// All of it lay in one input.
    Borrowed(&'a [u8]),
    /// It came in pieces.
    Owned(Bytes),
}

impl Payload<'_> {
    /// The bytes, owned: one copy when they are borrowed.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Borrowed(bytes) => Bytes::copy_from_slice(bytes),
            Self::Owned(bytes) => bytes,
        }
    }
}

impl Deref for Payload<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// A whole message that arrived, not copied if it lay in one input.
#[derive(Debug)]
pub struct MessageRef<'a> {
    kind: MessageKind,
    payload: Payload<'a>,
}

impl<'a> MessageRef<'a> {
    /// A message of `kind`; the payload of a text message has been validated.
    pub(crate) fn new(kind: MessageKind, payload: Payload<'a>) -> Self {
        Self { kind, payload }
    }

    /// Text or binary.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// The payload.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.payload
    }

    /// The text of a text message.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        (self.kind == MessageKind::Text).then(|| as_str_validated(&self.payload))
    }

    /// The payload, borrowed or owned as it arrived.
    #[must_use]
    pub fn into_payload(self) -> Payload<'a> {
        self.payload
    }

    /// The message, owned: one copy of exact size when it is borrowed.
    #[must_use]
    pub fn into_message(self) -> Message {
        let bytes = self.payload.into_bytes();
        match self.kind {
            MessageKind::Text => Message::Text(Utf8Bytes::from_validated(bytes)),
            MessageKind::Binary => Message::Binary(bytes),
        }
    }
}
