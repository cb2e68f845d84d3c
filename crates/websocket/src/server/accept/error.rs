//! Why a stream has not become a WebSocket, and whose fault that is.

use std::{error, fmt, io};

use gumboot_websocket_proto::handshake::server::Refusal;

/// Why a stream has not become a WebSocket. The client has been told if it could be, and the stream is ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum AcceptError {
    /// The client ended the stream before it had sent a request, or before it had its answer.
    Eof,
    /// What came is not HTTP/1.1 or has too long a head, or the stream failed.
    Http(hyper::Error),
    /// The request was refused.
    Refused(Refusal),
    /// The request did not come in time.
    TimedOut,
    /// TLS with the client failed, or took too long.
    Tls(io::Error),
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eof => f.write_str("the client ended the connection before its handshake"),
            Self::Http(error) => write!(f, "HTTP failed: {error}"),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::TimedOut => f.write_str("the client did not send a request in time"),
            Self::Tls(error) => write!(f, "TLS failed: {error}"),
        }
    }
}

impl error::Error for AcceptError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Http(error) => Some(error),
            Self::Tls(error) => Some(error),
            Self::Eof | Self::Refused(_) | Self::TimedOut => None,
        }
    }
}

impl From<Refusal> for AcceptError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
