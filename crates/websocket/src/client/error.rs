//! Why a client has no connection, and whose fault that is.

use std::{error, fmt, io, time::Duration};

use gumboot_websocket_proto::handshake::client::{HandshakeError, InvalidProtocol};
use http::StatusCode;

use crate::{client::target::InvalidUrl, transport::proxy::ProxyError, transport::tls::TlsError};

/// Why there is no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The name of the host, or of the proxy, was not found.
    Dns(io::Error),
    /// The server did not answer as a WebSocket server does, or refused.
    Handshake(HandshakeError),
    /// What the server sent is not HTTP, or it ended the connection.
    Http(hyper::Error),
    /// The transport failed: nobody listens there, or nobody can be reached.
    Io(io::Error),
    /// A subprotocol that may not be offered.
    Protocol(InvalidProtocol),
    /// The proxy did not let us through.
    Proxy(ProxyError),
    /// The server sends us elsewhere, in a way that is not followed.
    Redirect(RedirectError),
    /// The server refuses for now, with 408, 425, 429 or 5xx, and says how long it wants to be left alone
    /// (RFC 9110 §10.2.3).
    RetryAfter {
        /// Its answer.
        status: StatusCode,
        /// From now on.
        wait: Duration,
    },
    /// TLS with the server failed.
    Tls(TlsError),
    /// A wait of the [`Client`](crate::Client) is over.
    TimedOut(ConnectWait),
    /// The URL is not one of a WebSocket.
    Url(InvalidUrl),
}

/// One of the waits of a [`Client`](crate::Client), by name: says in an error which one was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectWait {
    /// [`Client::connect_wait_max`](crate::Client::connect_wait_max)
    Connect,
    /// [`Client::handshake_wait_max`](crate::Client::handshake_wait_max)
    Handshake,
    /// [`Client::proxy_wait_max`](crate::Client::proxy_wait_max)
    Proxy,
    /// [`Client::tls_wait_max`](crate::Client::tls_wait_max)
    Tls,
    /// [`Client::total_wait_max`](crate::Client::total_wait_max)
    Total,
}

/// Why a redirect is not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectError {
    /// From TLS to a connection that anyone can read.
    Insecure,
    /// `Location` is missing, or does not name a WebSocket or HTTP URL.
    Location,
    /// More than [`Client::follow_redirects`](crate::Client::follow_redirects) allows.
    TooMany,
}

impl ConnectWait {
    /// The name of the wait, as the method that sets it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect_wait_max",
            Self::Handshake => "handshake_wait_max",
            Self::Proxy => "proxy_wait_max",
            Self::Tls => "tls_wait_max",
            Self::Total => "total_wait_max",
        }
    }
}

impl fmt::Display for ConnectWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "nobody answered in time",
            Self::Handshake => "the server did not answer the WebSocket handshake in time",
            Self::Proxy => "the proxy did not answer in time",
            Self::Tls => "the server did not finish the TLS handshake in time",
            Self::Total => "there was no connection in time",
        })
    }
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Insecure => "the server redirects from TLS to a connection without",
            Self::Location => "the server redirects to nothing that is a WebSocket URL",
            Self::TooMany => "the server redirects too often",
        })
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(error) => write!(f, "the host was not found: {error}"),
            Self::Handshake(error) => error.fmt(f),
            Self::Http(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
            Self::Protocol(error) => error.fmt(f),
            Self::Proxy(error) => error.fmt(f),
            Self::Redirect(error) => error.fmt(f),
            Self::RetryAfter { status, wait } => {
                write!(
                    f,
                    "the server answered {status}, and wants to be left alone for {wait:?}"
                )
            }
            Self::Tls(error) => error.fmt(f),
            Self::TimedOut(wait) => wait.fmt(f),
            Self::Url(error) => error.fmt(f),
        }
    }
}

impl error::Error for RedirectError {}

impl error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Dns(error) | Self::Io(error) => Some(error),
            Self::Handshake(error) => Some(error),
            Self::Http(error) => Some(error),
            Self::Protocol(error) => Some(error),
            Self::Proxy(error) => Some(error),
            Self::Redirect(error) => Some(error),
            Self::Tls(error) => Some(error),
            Self::RetryAfter { .. } | Self::TimedOut(_) => None,
            Self::Url(error) => Some(error),
        }
    }
}
