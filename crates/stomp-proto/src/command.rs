//! The commands, and what the frames of each say (STOMP 1.2, Client Frames and Server Frames). A
//! file per group holds its header rules per version, how it is read and how it is written. Order
//! between frames is the sessions' business, meaning the broker's.

use std::{borrow::Cow, fmt};

use crate::{error::ErrorKind, frame::Frame, version::Version};

mod ack;
mod connect;
mod connected;
mod disconnect;
mod error;
mod message;
mod receipt;
mod send;
mod subscribe;
mod transaction;

pub use self::{
    ack::Ack,
    connect::{Connect, ConnectOptions, Opening},
    connected::Connected,
    disconnect::Disconnect,
    error::ErrorFrame,
    message::{
        Message, begin_head, encode_head, finish_head,
        tail::{InvalidTail, Tail},
    },
    receipt::Receipt,
    send::Send,
    subscribe::{AckMode, Subscribe, SubscriptionKey, Unsubscribe},
    transaction::Transaction,
};

/// The first line of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// Gives a transaction up.
    Abort,
    /// Tells that messages were consumed.
    Ack,
    /// Starts a transaction.
    Begin,
    /// Ends a transaction; what it holds takes effect.
    Commit,
    /// Opens a session.
    Connect,
    /// Answers CONNECT.
    Connected,
    /// Ends a session in order.
    Disconnect,
    /// Tells what the client did wrong.
    Error,
    /// Brings a message to a subscription.
    Message,
    /// Tells that messages were not consumed.
    Nack,
    /// Confirms a frame of the client.
    Receipt,
    /// Publishes a message.
    Send,
    /// Opens a session; the same as CONNECT.
    Stomp,
    /// Asks for the messages of a destination.
    Subscribe,
    /// Ends a subscription.
    Unsubscribe,
}

impl Command {
    /// All commands, in alphabetical order.
    pub const ALL: [Self; 15] = [
        Self::Abort,
        Self::Ack,
        Self::Begin,
        Self::Commit,
        Self::Connect,
        Self::Connected,
        Self::Disconnect,
        Self::Error,
        Self::Message,
        Self::Nack,
        Self::Receipt,
        Self::Send,
        Self::Stomp,
        Self::Subscribe,
        Self::Unsubscribe,
    ];

    /// The length of the longest command.
    pub(crate) const BYTES_MAX: usize = "UNSUBSCRIBE".len();

    /// The command as it goes over the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Abort => "ABORT",
            Self::Ack => "ACK",
            Self::Begin => "BEGIN",
            Self::Commit => "COMMIT",
            Self::Connect => "CONNECT",
            Self::Connected => "CONNECTED",
            Self::Disconnect => "DISCONNECT",
            Self::Error => "ERROR",
            Self::Message => "MESSAGE",
            Self::Nack => "NACK",
            Self::Receipt => "RECEIPT",
            Self::Send => "SEND",
            Self::Stomp => "STOMP",
            Self::Subscribe => "SUBSCRIBE",
            Self::Unsubscribe => "UNSUBSCRIBE",
        }
    }

    /// The command that `line` is, to the letter: commands are case sensitive.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        // One after the other, by `as_str`, they would take as long as all headers of a short frame.
        Some(match line {
            b"ABORT" => Self::Abort,
            b"ACK" => Self::Ack,
            b"BEGIN" => Self::Begin,
            b"COMMIT" => Self::Commit,
            b"CONNECT" => Self::Connect,
            b"CONNECTED" => Self::Connected,
            b"DISCONNECT" => Self::Disconnect,
            b"ERROR" => Self::Error,
            b"MESSAGE" => Self::Message,
            b"NACK" => Self::Nack,
            b"RECEIPT" => Self::Receipt,
            b"SEND" => Self::Send,
            b"STOMP" => Self::Stomp,
            b"SUBSCRIBE" => Self::Subscribe,
            b"UNSUBSCRIBE" => Self::Unsubscribe,
            _ => return None,
        })
    }

    /// Whether more octets can make `begun` a command line.
    pub(crate) fn may_become(begun: &[u8]) -> bool {
        match begun.strip_suffix(b"\r") {
            Some(line) => Self::parse(line).is_some(),
            None => Self::ALL
                .iter()
                .any(|command| command.as_str().as_bytes().starts_with(begun)),
        }
    }

    /// Whether a frame of the command may have a body (STOMP 1.2, Body).
    #[must_use]
    pub const fn may_have_body(self) -> bool {
        matches!(self, Self::Send | Self::Message | Self::Error)
    }

    pub(crate) const fn opens_session(self) -> bool {
        matches!(self, Self::Connect | Self::Stomp)
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request<'a> {
    /// Give a transaction up.
    Abort(Transaction<'a>),
    /// Messages were consumed.
    Ack(Ack<'a>),
    /// Start a transaction.
    Begin(Transaction<'a>),
    /// End a transaction; what it holds takes effect.
    Commit(Transaction<'a>),
    /// Open a session, by CONNECT or STOMP.
    Connect(Connect<'a>),
    /// End the session in order.
    Disconnect(Disconnect<'a>),
    /// Messages were not consumed.
    Nack(Ack<'a>),
    /// Publish a message; headers and body are in the frame.
    Send(Send<'a>),
    /// Send the messages of a destination.
    Subscribe(Subscribe<'a>),
    /// End a subscription.
    Unsubscribe(Unsubscribe<'a>),
}

impl<'a> Request<'a> {
    /// Reads a frame of a client.
    ///
    /// # Errors
    /// When a header is missing or invalid, or the frame is not one that a client of `version`
    /// sends.
    pub fn parse(frame: &Frame<'a>, version: Version) -> Result<Self, ErrorKind> {
        let command = frame.command();
        Ok(match command {
            Command::Abort => Self::Abort(Transaction::parse(frame)?),
            Command::Ack => Self::Ack(Ack::parse(frame, version)?),
            Command::Begin => Self::Begin(Transaction::parse(frame)?),
            Command::Commit => Self::Commit(Transaction::parse(frame)?),
            Command::Connect | Command::Stomp => Self::Connect(Connect::parse(frame, version)?),
            Command::Disconnect => Self::Disconnect(Disconnect::parse(frame)),
            Command::Nack => Self::Nack(Ack::parse(frame, version)?),
            Command::Send => Self::Send(Send::parse(frame)?),
            Command::Subscribe => Self::Subscribe(Subscribe::parse(frame, version)?),
            Command::Unsubscribe => Self::Unsubscribe(Unsubscribe::parse(frame, version)?),
            Command::Connected | Command::Error | Command::Message | Command::Receipt => {
                return Err(ErrorKind::CommandUnexpected(command));
            }
        })
    }

    /// The receipt that the frame asks for; on CONNECT there is none (STOMP 1.2, Header receipt).
    #[must_use]
    pub fn receipt(&self) -> Option<&str> {
        match self {
            Self::Abort(step) | Self::Begin(step) | Self::Commit(step) => step.receipt.as_deref(),
            Self::Ack(ack) | Self::Nack(ack) => ack.receipt.as_deref(),
            Self::Connect(_) => None,
            Self::Disconnect(disconnect) => disconnect.receipt.as_deref(),
            Self::Send(send) => send.receipt.as_deref(),
            Self::Subscribe(subscribe) => subscribe.receipt.as_deref(),
            Self::Unsubscribe(unsubscribe) => unsubscribe.receipt.as_deref(),
        }
    }
}

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response<'a> {
    /// The session is open.
    Connected(Connected<'a>),
    /// Something was wrong; the server closes the connection.
    Error(ErrorFrame<'a>),
    /// A message for a subscription; headers and body are in the frame.
    Message(Message<'a>),
    /// A frame was processed.
    Receipt(Receipt<'a>),
}

impl<'a> Response<'a> {
    /// Reads a frame of a server.
    ///
    /// # Errors
    /// When a header is missing or invalid, or the frame is not one that a server sends.
    pub fn parse(frame: &Frame<'a>, version: Version) -> Result<Self, ErrorKind> {
        Ok(match frame.command() {
            Command::Connected => Self::Connected(Connected::parse(frame, version)?),
            Command::Error => Self::Error(ErrorFrame::parse(frame)),
            Command::Message => Self::Message(Message::parse(frame, version)?),
            Command::Receipt => Self::Receipt(Receipt::parse(frame)?),
            command => return Err(ErrorKind::CommandUnexpected(command)),
        })
    }
}

/// The value of a header that the frame must have.
fn required<'a>(frame: &Frame<'a>, name: &'static str) -> Result<Cow<'a, str>, ErrorKind> {
    frame
        .detached(name)
        .ok_or(ErrorKind::HeaderMissing(frame.command(), name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_exact() {
        for command in Command::ALL {
            let line = command.as_str();
            assert_eq!(Command::parse(line.as_bytes()), Some(command));
            assert_eq!(Command::parse(line.to_lowercase().as_bytes()), None);
            assert_eq!(Command::parse(format!("{line}X").as_bytes()), None);
            assert!(line.len() <= Command::BYTES_MAX);
        }
        assert_eq!(Command::parse(b"SUB"), None);
        assert_eq!(Command::parse(b""), None);
    }

    #[test]
    fn what_may_become_a_command() {
        for begun in ["", "C", "CONNECT", "CONNECT\r", "UNSUB"] {
            assert!(Command::may_become(begun.as_bytes()), "{begun:?}");
        }
        for begun in ["c", "CONNECTX", "SUB\r", "\r", "ACK\0", "ACK\r\r"] {
            assert!(!Command::may_become(begun.as_bytes()), "{begun:?}");
        }
    }
}
