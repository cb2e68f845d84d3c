//! The events of the object (WHATWG WebSockets, The `WebSocket` interface; HTML, `MessageEvent`).

use std::fmt;

use bytes::Bytes;
use gumboot_websocket_proto::{Message, Utf8Bytes};

/// The four types of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventType {
    /// The connection is open.
    Open,
    /// A message has arrived.
    Message,
    /// The connection failed; a `close` follows.
    Error,
    /// The connection is closed; nothing follows.
    Close,
}

impl EventType {
    /// The name that a browser gives it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Message => "message",
            Self::Error => "error",
            Self::Close => "close",
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An event of a [`WebSocket`](crate::WebSocket).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The connection is open: messages may be sent.
    Open,
    /// A message has arrived.
    Message(MessageEvent),
    /// The connection failed. As in a browser, it does not say why.
    Error,
    /// The connection is closed. This is the last event.
    Close(CloseEvent),
}

impl Event {
    /// The type of the event.
    #[must_use]
    pub fn event_type(&self) -> EventType {
        match self {
            Self::Open => EventType::Open,
            Self::Message(_) => EventType::Message,
            Self::Error => EventType::Error,
            Self::Close(_) => EventType::Close,
        }
    }
}

/// A message that has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageEvent {
    /// The message.
    pub data: MessageData,
    /// Where it comes from: the scheme, host and port of the URL, such as `ws://example.com`.
    pub origin: String,
}

impl MessageEvent {
    /// An event of `data` from `origin`.
    #[must_use]
    pub fn new(data: MessageData, origin: impl Into<String>) -> Self {
        Self {
            data,
            origin: origin.into(),
        }
    }
}

/// What a message carries; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageData {
    /// Text.
    Text(Utf8Bytes),
    /// Bytes, whichever [`BinaryType`] was asked for.
    Binary(Bytes),
}

impl MessageData {
    /// The text, if it is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The bytes: of the text in UTF-8, if it is text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

/// Text as it is; of bytes, how many there are.
impl fmt::Display for MessageData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => text.fmt(f),
            Self::Binary(bytes) => write!(f, "[{} bytes]", bytes.len()),
        }
    }
}

impl From<Message> for MessageData {
    fn from(message: Message) -> Self {
        match message {
            Message::Text(text) => Self::Text(text),
            Message::Binary(bytes) => Self::Binary(bytes),
        }
    }
}

impl From<MessageData> for Message {
    fn from(data: MessageData) -> Self {
        match data {
            MessageData::Text(text) => Self::Text(text),
            MessageData::Binary(bytes) => Self::Binary(bytes),
        }
    }
}

/// The end of a connection. The default is that of the constructor in a browser: not clean, code 0, no reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CloseEvent {
    /// Whether both ends said Close, and the connection ended after that.
    pub was_clean: bool,
    /// The code of the peer's Close; 1005 if it had none, 1006 if no Close came.
    pub code: u16,
    /// The reason in the peer's Close; empty if there was none.
    pub reason: String,
}

impl CloseEvent {
    /// An event of these values.
    #[must_use]
    pub fn new(was_clean: bool, code: u16, reason: impl Into<String>) -> Self {
        Self {
            was_clean,
            code,
            reason: reason.into(),
        }
    }
}

/// What a browser makes of binary messages. Here both become [`Bytes`], which is shared as a `Blob` is and at hand as an
/// `ArrayBuffer` is; the value is kept so that code can be carried over, and changes nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum BinaryType {
    /// `"blob"`
    #[default]
    Blob,
    /// `"arraybuffer"`
    ArrayBuffer,
}

impl BinaryType {
    /// The name that a browser gives it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::ArrayBuffer => "arraybuffer",
        }
    }
}

/// How far the connection is, with the numbers of the standard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum ReadyState {
    /// 0: the connection is being opened.
    #[default]
    Connecting = 0,
    /// 1: messages go both ways.
    Open = 1,
    /// 2: the closing handshake is under way, or `close` was called.
    Closing = 2,
    /// 3: the connection is closed, or could not be opened.
    Closed = 3,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_event_is_as_its_constructor_in_a_browser_makes_it() {
        assert_eq!(CloseEvent::default(), CloseEvent::new(false, 0, ""));
    }

    #[test]
    fn data_is_printed() {
        assert_eq!(MessageData::Text("hé".into()).to_string(), "hé");
        let bytes = MessageData::Binary(Bytes::from_static(b"abc"));
        assert_eq!(bytes.to_string(), "[3 bytes]");
    }

    #[test]
    fn data_is_a_message_and_back() {
        for message in [Message::text("a"), Message::binary("b")] {
            let data = MessageData::from(message.clone());
            assert_eq!(data.as_bytes(), message.as_bytes());
            assert_eq!(data.as_text(), message.as_text());
            assert_eq!(Message::from(data), message);
        }
    }
}
