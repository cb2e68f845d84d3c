//! The server's side: TLS, then HTTP by hyper on a stream, until a request is upgraded. Of HTTP/1.1 nothing stays with
//! a stream that is handed over; a stream of HTTP/2 belongs to a connection that hyper goes on to drive.

mod accept;
mod acceptor;
mod gate;
mod http2;
mod tls;
mod upgrade;

use std::{
    future::{Ready, ready},
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use gumboot_websocket_proto::{
    Config, Connection, TransmitQueue,
    handshake::{client::Agreed, server::Offer},
};
use http::{HeaderValue, Request, Response, header::SEC_WEBSOCKET_EXTENSIONS};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    server::conn::http1::{Builder, Parts},
    service::Service,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

#[cfg(feature = "axum")]
pub(crate) use self::upgrade::Pending;
pub use self::{
    accept::{AcceptError, Handshake, accept},
    acceptor::Acceptor,
    gate::{DrainTimedOut, Gate, GateLimits, Seat, Turn},
    http2::{STREAMS_PER_CONNECTION_MAX, offer, serve_http2},
    tls::{ServerTls, TLS_WAIT_MAX, TlsFileError, TlsFileReason},
    upgrade::{Upgrade, UpgradeError, UpgradeFailed, upgrade},
};
use crate::{compression, link::Link, pipe::Pipe, socket::Socket, stall::StallLimited, timer::now};

/// What is taken of a client before it has upgraded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpLimits {
    /// From the start of the connection, or of its wait for a next request, to the end of a request's head. Past it a
    /// first request is answered with 408. Default 10 s.
    pub head_wait_max: Duration,
    /// The bytes of a request's head; a longer one is answered with 431. At least 8 KiB. Default 16 KiB.
    pub head_bytes_max: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            head_wait_max: Duration::from_secs(10),
            head_bytes_max: 16 * 1024,
        }
    }
}

/// What is done with a request.
#[derive(Debug)]
pub enum Answer<T> {
    /// It is answered, and the next one awaited.
    Http(Response<Full<Bytes>>),
    /// It is answered with 101 and the stream becomes a WebSocket, of which `T` is known.
    WebSocket(Acceptance, T),
}

/// A handshake that is accepted.
#[derive(Debug)]
pub struct Acceptance {
    response: Response<()>,
    agreed: Agreed,
}

impl Acceptance {
    /// Accepts an offer, with one subprotocol or none, and with compression if both ends can.
    ///
    /// # Panics
    /// If the subprotocol was not offered.
    #[must_use]
    pub fn new(offer: &Offer, protocol: Option<&str>, config: &Config) -> Self {
        let deflate = config
            .deflate
            .as_ref()
            .and_then(|config| offer.choose_deflate(config));
        let response = offer.accept(protocol, deflate.as_ref());
        let value = |name| response.headers().get(name).map(HeaderValue::to_str);
        let agreed = Agreed {
            protocol: protocol.map(str::to_owned),
            extensions: match value(SEC_WEBSOCKET_EXTENSIONS) {
                Some(Ok(extensions)) => extensions.to_owned(),
                _ => String::new(),
            },
            deflate,
        };
        Self { response, agreed }
    }
}

/// A stream whose opening handshake is done.
#[derive(Debug)]
pub struct Upgraded<S, T> {
    io: S,
    leftover: Bytes,
    agreed: Agreed,
    /// What was known of it at its upgrade.
    pub context: T,
}

impl<S: AsyncRead + AsyncWrite + Unpin, T> Upgraded<S, T> {
    /// The link of a server's connection over the stream, and what was known of it.
    pub fn into_link(self, config: Arc<Config>) -> (Link<S>, T) {
        let link = link_over(self.io, &self.leftover, &self.agreed, config);
        (link, self.context)
    }

    /// The socket over the stream, and what was known of it.
    pub fn into_socket(self, config: Arc<Config>) -> (Socket<S>, T) {
        let socket = socket_over(self.io, &self.leftover, self.agreed, config);
        (socket, self.context)
    }
}

fn link_over<S>(io: S, leftover: &[u8], agreed: &Agreed, config: Arc<Config>) -> Link<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let connection = Connection::server(config, now());
    let connection = compression::agreed(connection, agreed.deflate.as_ref());
    Link::new(io, connection, leftover)
}

fn socket_over<S>(io: S, leftover: &[u8], agreed: Agreed, config: Arc<Config>) -> Socket<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let link = link_over(io, leftover, &agreed, config);
    Socket::new(link, agreed)
}

/// HTTP/1.1 as a server of this crate speaks it.
fn http1(limits: &HttpLimits) -> Builder {
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_wait_max)
        .max_buf_size(limits.head_bytes_max.max(8 * 1024));
    builder
}

/// Serves the requests of one stream; gives it back if one of them was upgraded, `None` if it has ended.
///
/// # Errors
/// The stream failed, or what came over it is not HTTP. The client has been told if it could be.
pub async fn serve_http<S, F, T>(
    io: S,
    limits: &HttpLimits,
    answer: F,
) -> Result<Option<Upgraded<S, T>>, io::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(Request<Incoming>) -> Answer<T> + Unpin,
    T: Unpin,
{
    let handler = Handler {
        answer,
        state: Mutex::new(State {
            requests: 0,
            context: None,
        }),
    };
    let io = TokioIo::new(StallLimited::new(io));
    let mut connection = http1(limits).serve_connection(io, handler);
    let served = std::future::poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    let Parts {
        io,
        read_buf,
        service,
        ..
    } = connection.into_parts();
    let io = io.into_inner().into_inner();
    let state = service
        .state
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    match (served, state.context) {
        (Ok(()), Some((agreed, context))) => Ok(Some(Upgraded {
            io,
            leftover: read_buf,
            agreed,
            context,
        })),
        (Ok(()), None) => {
            end(io, &[]).await;
            Ok(None)
        }
        (Err(error), _) => {
            let unasked = error.is_timeout() && state.requests == 0;
            end(io, if unasked { REQUEST_TIMEOUT } else { &[] }).await;
            Err(io::Error::other(error))
        }
    }
}

/// Ends a stream with some last bytes, in a way that lets them arrive.
async fn end<S: AsyncRead + AsyncWrite + Unpin>(io: S, last: &[u8]) {
    let mut pipe = Pipe::new(io);
    let mut queue = TransmitQueue::default();
    queue.push_slice(last);
    // Whether they are taken is the peer's business.
    let _ = std::future::poll_fn(|cx| pipe.poll_end(cx, &mut queue)).await;
}

/// RFC 9110 §15.5.9
const REQUEST_TIMEOUT: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

struct Handler<F, T> {
    answer: F,
    state: Mutex<State<T>>,
}

struct State<T> {
    requests: u32,
    /// What was accepted.
    context: Option<(Agreed, T)>,
}

impl<F, T> Service<Request<Incoming>> for Handler<F, T>
where
    F: Fn(Request<Incoming>) -> Answer<T>,
{
    type Response = Response<Full<Bytes>>;
    type Error = std::convert::Infallible;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let answer = (self.answer)(request);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.requests = state.requests.saturating_add(1);
        ready(Ok(match answer {
            Answer::Http(response) => response,
            Answer::WebSocket(Acceptance { response, agreed }, context) => {
                state.context = Some((agreed, context));
                response.map(|()| Full::default())
            }
        }))
    }
}
