//! What the bytes of a connection travel over: TCP, TLS, a Unix socket, or a stream of HTTP/2. One type for all, so that
//! a program need not care which way its connection went.

pub(crate) mod http2;
pub(crate) mod proxy;
pub(crate) mod tcp;
pub(crate) mod tls;

use std::{
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::TlsStream;

use crate::stall::StallLimited;

/// A stream of bytes to a peer.
pub struct Transport(Inner);

enum Inner {
    HandedOver(TokioIo<Upgraded>),
    Http2 {
        stream: TokioIo<Upgraded>,
        below: Arc<Below>,
        _in_use: Option<InUse>,
    },
    Tcp(TcpStream),
    // The limit lies below TLS: what TLS has taken, the peer has not.
    Tls(Box<TlsStream<StallLimited<Transport>>>),
    Unix(UnixStream),
}

/// What is known of the connection under the streams of HTTP/2.
#[derive(Debug, Default)]
pub(crate) struct Below {
    peer_addr: Option<SocketAddr>,
    tls: Option<TlsInfo>,
}

/// What is held as long as a stream of HTTP/2 is open, to tell its connection.
pub(crate) type InUse = Arc<dyn Send + Sync>;

/// The kinds of a [`Transport`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportKind {
    /// What a server of others handed over after an upgrade of HTTP/1.1.
    HandedOver,
    /// A stream of an HTTP/2 connection, which others may share (RFC 8441).
    Http2,
    /// Plain TCP.
    Tcp,
    /// TLS over another transport.
    Tls,
    /// A Unix socket.
    Unix,
}

/// What was agreed on with the peer of a TLS connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsInfo {
    /// The version, such as `TLSv1_3`.
    pub version: Option<String>,
    /// The cipher suite, such as `TLS13_AES_256_GCM_SHA384`.
    pub cipher_suite: Option<String>,
    /// The protocol that ALPN chose (RFC 7301), such as `http/1.1`.
    pub alpn: Option<String>,
}

impl Transport {
    /// Over a stream of HTTP/2.
    pub(crate) fn http2(stream: Upgraded, in_use: Option<InUse>) -> Self {
        Self(Inner::Http2 {
            stream: TokioIo::new(stream),
            below: Arc::default(),
            _in_use: in_use,
        })
    }

    /// Over TLS.
    pub(crate) fn secured(stream: TlsStream<StallLimited<Self>>) -> Self {
        Self(Inner::Tls(Box::new(stream)))
    }

    /// This stream of HTTP/2, with what is known of its connection.
    pub(crate) fn over(mut self, known: Arc<Below>) -> Self {
        if let Inner::Http2 { below, .. } = &mut self.0 {
            *below = known;
        }
        self
    }

    /// What is known of a connection that will have streams.
    pub(crate) fn below(&self) -> Below {
        Below {
            peer_addr: self.peer_addr(),
            tls: self.tls(),
        }
    }

    /// Over what a server on hyper handed over after an upgrade of HTTP/1.1.
    pub(crate) fn handed_over(stream: Upgraded) -> Self {
        Self(Inner::HandedOver(TokioIo::new(stream)))
    }

    /// Which kind of transport this is.
    #[must_use]
    pub fn kind(&self) -> TransportKind {
        match self.0 {
            Inner::HandedOver(_) => TransportKind::HandedOver,
            Inner::Http2 { .. } => TransportKind::Http2,
            Inner::Tcp(_) => TransportKind::Tcp,
            Inner::Tls(_) => TransportKind::Tls,
            Inner::Unix(_) => TransportKind::Unix,
        }
    }

    /// The address at the other end, which is the proxy's if there is one; `None` for a Unix socket, for a stream of
    /// HTTP/2 that a server accepted, and for one that was handed over.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        match &self.0 {
            Inner::Http2 { below, .. } => below.peer_addr,
            Inner::Tcp(stream) => stream.peer_addr().ok(),
            Inner::Tls(stream) => stream.get_ref().0.get_ref().peer_addr(),
            Inner::HandedOver(_) | Inner::Unix(_) => None,
        }
    }

    /// What was agreed on for TLS, of a stream of HTTP/2 for its connection; `None` without TLS, for a stream of HTTP/2
    /// that a server accepted, and for one that was handed over.
    #[must_use]
    pub fn tls(&self) -> Option<TlsInfo> {
        let stream = match &self.0 {
            Inner::Http2 { below, .. } => return below.tls.clone(),
            Inner::Tls(stream) => stream,
            Inner::HandedOver(_) | Inner::Tcp(_) | Inner::Unix(_) => return None,
        };
        let (_, session) = stream.get_ref();
        let suite = session.negotiated_cipher_suite();
        Some(TlsInfo {
            version: session.protocol_version().map(|v| format!("{v:?}")),
            cipher_suite: suite.map(|suite| format!("{:?}", suite.suite())),
            alpn: session
                .alpn_protocol()
                .map(|name| String::from_utf8_lossy(name).into_owned()),
        })
    }
}

impl From<TcpStream> for Transport {
    fn from(stream: TcpStream) -> Self {
        Self(Inner::Tcp(stream))
    }
}

impl From<UnixStream> for Transport {
    fn from(stream: UnixStream) -> Self {
        Self(Inner::Unix(stream))
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::HandedOver(_) => f.write_str("HandedOver"),
            Inner::Http2 { .. } => f.write_str("Http2"),
            Inner::Tcp(stream) => f.debug_tuple("Tcp").field(stream).finish(),
            Inner::Tls(stream) => f
                .debug_tuple("Tls")
                .field(stream.get_ref().0.get_ref())
                .finish(),
            Inner::Unix(stream) => f.debug_tuple("Unix").field(stream).finish(),
        }
    }
}

/// Calls a method of whichever stream it is.
macro_rules! each {
    ($this:expr, $stream:ident => $call:expr) => {
        match &mut $this.get_mut().0 {
            Inner::HandedOver(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Inner::Http2 { stream, .. } => {
                let $stream = Pin::new(stream);
                $call
            }
            Inner::Tcp(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Inner::Tls(stream) => {
                let $stream = Pin::new(&mut **stream);
                $call
            }
            Inner::Unix(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
        }
    };
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match each!(self, stream => stream.poll_read(cx, buffer)) {
            // A peer that ends TCP without ending TLS. Whether something is missing is for the closing handshake of
            // WebSocket to tell, which marks its end itself.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Poll::Ready(Ok(()))
            }
            read => read,
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Inner::HandedOver(stream) => stream.is_write_vectored(),
            Inner::Http2 { stream, .. } => stream.is_write_vectored(),
            Inner::Tcp(stream) => stream.is_write_vectored(),
            Inner::Tls(stream) => stream.is_write_vectored(),
            Inner::Unix(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_shutdown(cx))
    }
}
