//! What a connection with the server of the cases travels over: TCP, TLS, or a stream of HTTP/2.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

/// A connection, of whichever kind.
pub(crate) enum Stream {
    Http2(TokioIo<Upgraded>),
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Whether HTTP/2 was agreed on for it (RFC 9113 §3.2).
    pub(super) fn is_http2(&self) -> bool {
        match self {
            Self::Secure(tls) => tls.get_ref().1.alpn_protocol() == Some(b"h2"),
            Self::Http2(_) | Self::Plain(_) => false,
        }
    }

    /// Writes all of it, down to the network.
    pub(super) async fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes).await?;
        self.flush().await
    }

    /// Ends the TCP connection with a reset. A stream of HTTP/2 has none of its own.
    pub(super) fn reset(self) -> io::Result<()> {
        match self {
            Self::Http2(_) => Err(io::ErrorKind::Unsupported.into()),
            Self::Plain(tcp) => tcp.set_zero_linger(),
            Self::Secure(tls) => tls.get_ref().0.set_zero_linger(),
        }
    }

    fn io(self: Pin<&mut Self>) -> Pin<&mut dyn Io> {
        let io: &mut dyn Io = match self.get_mut() {
            Self::Http2(stream) => stream,
            Self::Plain(stream) => stream,
            Self::Secure(stream) => stream,
        };
        Pin::new(io)
    }
}

trait Io: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Io for T {}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.io().poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.io().poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_shutdown(cx)
    }
}
