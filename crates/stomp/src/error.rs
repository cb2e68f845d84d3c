//! What can go wrong, and whose fault it is. Many may wait for one connection, so errors are cheap to clone.

use std::{error, fmt, sync::Arc, time::Duration};

use gumboot_stomp_proto::{ErrorFrame, Version};
use gumboot_websocket::{ConnectError, LinkError, proto::CloseCode};

use crate::address::InvalidAddress;

/// Why something was not done.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Error {
    /// The subscription does not ask for acknowledgement: its mode is [`AckMode::Auto`](crate::AckMode::Auto).
    AckNotAsked,
    /// The URL does not name a STOMP server.
    Address(InvalidAddress),
    /// The session has ended: by [`Session::disconnect`](crate::Session::disconnect), or for the reason that
    /// [`Session::ended`](crate::Session::ended) gives.
    Ended,
    /// A header that cannot be sent: its name is the client's own to set, or the version cannot carry it.
    Header(String),
    /// The connection was lost, or not made.
    Lost(Loss),
    /// The message came over a connection that is lost: the server delivers it again, unless
    /// [`Message::is_given_once`](crate::Message::is_given_once).
    MessageStale,
    /// A NACK, which STOMP 1.0 does not have.
    NotInVersion(Version),
    /// The server answered with ERROR.
    Refused(ServerError),
    /// No RECEIPT came within [`Client::receipt_wait_max`](crate::Client::receipt_wait_max). What was asked for may
    /// have been done or not.
    ReceiptTimedOut(Duration),
    /// More than a limit of [`Limits`](crate::Limits) allows; its name.
    TooMany(&'static str),
    /// The transaction ended with its connection: nothing of it took effect.
    TransactionLost,
    /// The connection was lost after a request was sent and before it was confirmed. It may have been done or not.
    Unconfirmed(Loss),
}

/// How a connection was lost, or why there is none.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Loss {
    /// There is no connection.
    Connect(Arc<ConnectError>),
    /// The server ended the connection without a word.
    Ended,
    /// The transport failed, or the server broke the rules of WebSocket.
    Link(Arc<LinkError>),
    /// The server broke the rules of STOMP, passed a limit or fell silent.
    Protocol(gumboot_stomp_proto::Error),
    /// The server sent ERROR.
    Refused(ServerError),
    /// The server closed the WebSocket, with this code and reason.
    WebSocketClosed(Option<(u16, String)>),
}

/// An ERROR of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerError {
    /// What is wrong, in a few words: the header `message`.
    pub message: Option<String>,
    /// What is wrong, for a person to read.
    pub body: String,
    /// The versions that the server speaks, if it speaks none of the client's.
    pub version: Option<String>,
    /// The receipt that the offending frame asked for.
    pub(crate) receipt_id: Option<String>,
}

impl Loss {
    /// Whether another attempt may succeed although nothing was changed: not if the server has no certificate that we
    /// trust, say, or does not speak WebSocket. A server that refuses may have changed its mind.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Connect(error) => error.is_temporary(),
            _ => true,
        }
    }

    /// Whether the server closed a WebSocket because all was done.
    pub(crate) fn is_normal_close(&self) -> bool {
        let normal = CloseCode::NORMAL.get();
        matches!(self, Self::WebSocketClosed(Some((code, _))) if *code == normal)
    }
}

impl From<&ErrorFrame<'_>> for ServerError {
    fn from(frame: &ErrorFrame<'_>) -> Self {
        let owned = |text: &Option<_>| text.as_deref().map(str::to_owned);
        Self {
            message: owned(&frame.message),
            body: frame.body.trim_end().to_owned(),
            version: owned(&frame.version),
            receipt_id: owned(&frame.receipt_id),
        }
    }
}

impl From<Loss> for Error {
    /// What someone is told who waited for a connection that was not made.
    fn from(loss: Loss) -> Self {
        match loss {
            Loss::Refused(error) => Self::Refused(error),
            loss => Self::Lost(loss),
        }
    }
}

impl From<InvalidAddress> for Error {
    fn from(error: InvalidAddress) -> Self {
        Self::Address(error)
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.message.as_deref(), self.body.as_str()) {
            (None | Some(""), "") => f.write_str("the server sent an ERROR without a word"),
            (None | Some(""), text) | (Some(text), "") => f.write_str(text),
            (Some(message), body) if message == body => f.write_str(body),
            (Some(message), body) => write!(f, "{message}: {body}"),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => error.fmt(f),
            Self::Ended => f.write_str("the server ended the connection"),
            Self::Link(error) => error.fmt(f),
            Self::Protocol(error) => error.fmt(f),
            Self::Refused(error) => error.fmt(f),
            Self::WebSocketClosed(None) => f.write_str("the server closed the WebSocket"),
            Self::WebSocketClosed(Some((code, reason))) if reason.is_empty() => {
                write!(f, "the server closed the WebSocket with code {code}")
            }
            Self::WebSocketClosed(Some((code, reason))) => {
                write!(
                    f,
                    "the server closed the WebSocket with code {code}: {reason}"
                )
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AckNotAsked => f.write_str("the subscription asks for no acknowledgement"),
            Self::Address(error) => error.fmt(f),
            Self::Ended => f.write_str("the session has ended"),
            Self::Header(name) => write!(f, "the header {name:?} cannot be sent"),
            Self::Lost(loss) => loss.fmt(f),
            Self::MessageStale => f.write_str("the message came over a connection that is lost"),
            Self::NotInVersion(version) => write!(f, "STOMP {version} has no NACK"),
            Self::Refused(error) => error.fmt(f),
            Self::ReceiptTimedOut(max) => {
                write!(f, "the server confirmed nothing within {} s", max.as_secs())
            }
            Self::TooMany(limit) => write!(f, "{limit} is reached"),
            Self::TransactionLost => f.write_str("the transaction ended with its connection"),
            Self::Unconfirmed(loss) => write!(f, "sent, but not confirmed: {loss}"),
        }
    }
}

impl error::Error for ServerError {}

impl error::Error for Loss {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Connect(error) => Some(error),
            Self::Link(error) => Some(error),
            Self::Protocol(error) => Some(error),
            Self::Refused(error) => Some(error),
            Self::Ended | Self::WebSocketClosed(_) => None,
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Address(error) => Some(error),
            Self::Lost(loss) | Self::Unconfirmed(loss) => Some(loss),
            Self::Refused(error) => Some(error),
            _ => None,
        }
    }
}
