//! What the methods of the object refuse, under the names that browsers give it.

use std::{error, fmt};

use gumboot_websocket_proto::REASON_BYTES_MAX;

/// What a method of [`WebSocket`](crate::WebSocket) refuses. Nothing that happens on the network is ever one of these:
/// it becomes an `error` and a `close` event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebSocketError {
    /// `InvalidAccessError`: a program closes with the code 1000 or with one from 3000 to 4999.
    InvalidAccess {
        /// The code that was refused.
        code: u16,
    },
    /// `InvalidStateError`: nothing can be sent while the connection is being opened. Wait for the `open` event.
    InvalidState,
    /// `SyntaxError`: a URL, a subprotocol or a reason is not what it must be.
    Syntax(InvalidSyntax),
}

/// What is wrong with a URL, a subprotocol or the reason of a close.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidSyntax {
    /// The URL has a fragment, if only an empty one.
    Fragment,
    /// A subprotocol that is not a token of RFC 6455 §4.1.
    Protocol(String),
    /// A subprotocol that stands twice, in whatever case.
    ProtocolRepeated(String),
    /// The reason has more than 123 bytes of UTF-8.
    ReasonTooLong {
        /// The bytes of the reason that was refused.
        reason_bytes: usize,
    },
    /// The scheme of the URL is none of `ws`, `wss`, `http` and `https`.
    Scheme(String),
    /// It is not an absolute URL.
    Url(String),
}

impl WebSocketError {
    /// The name that a browser gives the exception.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::InvalidAccess { .. } => "InvalidAccessError",
            Self::InvalidState => "InvalidStateError",
            Self::Syntax(_) => "SyntaxError",
        }
    }
}

impl From<InvalidSyntax> for WebSocketError {
    fn from(error: InvalidSyntax) -> Self {
        Self::Syntax(error)
    }
}

impl fmt::Display for WebSocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidAccess { code } => {
                write!(f, "the close code {code} is neither 1000 nor 3000 to 4999")
            }
            Self::InvalidState => f.write_str("the connection is not open yet"),
            Self::Syntax(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for InvalidSyntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fragment => f.write_str("a WebSocket URL has no fragment"),
            Self::Protocol(name) => write!(f, "the subprotocol {name:?} is not a token"),
            Self::ProtocolRepeated(name) => write!(f, "the subprotocol {name:?} stands twice"),
            Self::ReasonTooLong { reason_bytes } => write!(
                f,
                "a close reason of {reason_bytes} bytes, {REASON_BYTES_MAX} at most"
            ),
            Self::Scheme(scheme) => write!(f, "the URL's scheme {scheme:?} is not ws or wss"),
            Self::Url(url) => write!(f, "{url:?} is not an absolute URL"),
        }
    }
}

impl error::Error for WebSocketError {}

impl error::Error for InvalidSyntax {}
