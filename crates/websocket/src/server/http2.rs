//! HTTP/2 of a server (RFC 8441), by hyper: each extended CONNECT that is accepted becomes a stream of its own, handed
//! over as one of HTTP/1.1 is, and a connection carries many of them.

use std::{
    convert::Infallible,
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use gumboot_websocket_proto::handshake::server::{Offer, Refusal};
use http::{Method, Request, Response, Version, header::HOST};
use http_body_util::Full;
use hyper::{
    body::Incoming, ext::Protocol, server::conn::http2::Builder, service::service_fn,
    upgrade::OnUpgrade,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::time::sleep;

use super::{Answer, HttpLimits, Upgraded};
use crate::{
    stall::StallLimited,
    transport::{
        InUse, Transport,
        http2::{CONNECTION_WINDOW_BYTES, STREAM_SEND_BYTES_MAX, STREAM_WINDOW_BYTES},
    },
};

/// The streams, WebSockets and requests, of one connection at a time; one more is refused.
pub const STREAMS_PER_CONNECTION_MAX: u32 = 256;

/// A client of HTTP/2 that is silent for so long is asked whether it is there.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// How long it has to answer.
const PONG_WAIT_MAX: Duration = Duration::from_secs(20);

/// Checks the handshake of a request of either version of HTTP, as [`serve_http`](super::serve_http) and
/// [`serve_http2`] give it.
///
/// # Errors
/// The first rule that the request breaks.
pub fn offer<B>(request: &Request<B>) -> Result<Offer, Refusal> {
    if request.version() == Version::HTTP_2 {
        let protocol = request.extensions().get::<Protocol>();
        return Offer::parse_extended(request, protocol.map(Protocol::as_str));
    }
    Offer::parse(request)
}

/// Serves the requests of one connection of HTTP/2, until it ends; `on_upgrade` gets each stream that becomes a
/// WebSocket.
///
/// A connection without a stream for [`HttpLimits::head_wait_max`] is ended in order. Requests have the `Host` that
/// HTTP/1.1 gives them, from `:authority`.
///
/// # Errors
/// The stream failed, or what came over it is not HTTP/2.
pub async fn serve_http2<F, T, U>(
    io: Transport,
    limits: &HttpLimits,
    answer: F,
    on_upgrade: U,
) -> Result<(), io::Error>
where
    F: Fn(Request<Incoming>) -> Answer<T>,
    T: Send + 'static,
    U: Fn(Upgraded<Transport, T>) + Clone + Send + 'static,
{
    let use_of = Arc::new(UseOf::default());
    let service = service_fn(|request| {
        use_of.requests.fetch_add(1, Ordering::Relaxed);
        let response = respond(request, &answer, &on_upgrade, &use_of);
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let connection = Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .enable_connect_protocol()
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(STREAM_SEND_BYTES_MAX)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PONG_WAIT_MAX)
        .serve_connection(TokioIo::new(StallLimited::new(io)), service);
    let mut connection = pin!(connection);
    let mut idle = pin!(until_idle(&use_of, limits.head_wait_max));
    tokio::select! {
        ended = &mut connection => return ended.map_err(io::Error::other),
        () = &mut idle => connection.as_mut().graceful_shutdown(),
    }
    // RFC 9113 §6.8: the client is told, and may finish what it has begun. One that never began is not waited for.
    tokio::select! {
        ended = &mut connection => return ended.map_err(io::Error::other),
        () = sleep(limits.head_wait_max) => {}
    }
    if use_of.requests.load(Ordering::Relaxed) == 0 {
        return Ok(());
    }
    connection.await.map_err(io::Error::other)
}

/// What a connection is used for.
#[derive(Debug, Default)]
struct UseOf {
    /// Those that have come.
    requests: AtomicU64,
}

/// Ready when for `wait` no request has come and no stream was open.
async fn until_idle(use_of: &Arc<UseOf>, wait: Duration) {
    let mut before = None;
    loop {
        let requests = use_of.requests.load(Ordering::Relaxed);
        // Each WebSocket holds one more of it.
        let is_open = Arc::strong_count(use_of) > 1;
        if !is_open && before == Some(requests) {
            return;
        }
        before = Some(requests);
        sleep(wait).await;
    }
}

fn respond<F, T, U>(
    mut request: Request<Incoming>,
    answer: &F,
    on_upgrade: &U,
    use_of: &Arc<UseOf>,
) -> Response<Full<Bytes>>
where
    F: Fn(Request<Incoming>) -> Answer<T>,
    T: Send + 'static,
    U: Fn(Upgraded<Transport, T>) + Clone + Send + 'static,
{
    name_host(&mut request);
    let upgrade = (request.method() == Method::CONNECT).then(|| hyper::upgrade::on(&mut request));
    match (answer(request), upgrade) {
        (Answer::Http(response), _) => without_connection(response),
        (Answer::WebSocket(acceptance, context), Some(upgrade)) => {
            let on_upgrade = on_upgrade.clone();
            let in_use = Arc::clone(use_of);
            let agreed = acceptance.agreed;
            tokio::spawn(async move {
                if let Some(io) = upgraded(upgrade, in_use).await {
                    on_upgrade(Upgraded {
                        io,
                        leftover: Bytes::new(),
                        agreed,
                        context,
                    });
                }
            });
            acceptance.response.map(|()| Full::default())
        }
        // Only an extended CONNECT has an offer.
        (Answer::WebSocket(..), None) => {
            without_connection(Refusal::ExtendedMethod.response().map(Full::from))
        }
    }
}

/// The stream, once its answer is on the way; `None` if the client has gone.
async fn upgraded(upgrade: OnUpgrade, in_use: InUse) -> Option<Transport> {
    let stream = upgrade.await.ok()?;
    Some(Transport::http2(stream, Some(in_use)))
}

/// RFC 9113 §8.3.1: `:authority` is what `Host` is in HTTP/1.1.
fn name_host<B>(request: &mut Request<B>) {
    let authority = request
        .uri()
        .authority()
        .map(|authority| authority.as_str());
    if let Some(host) = authority.and_then(|authority| authority.try_into().ok()) {
        request.headers_mut().insert(HOST, host);
    }
}

/// RFC 9113 §8.2.2: HTTP/2 has no headers of the connection.
pub(super) fn without_connection(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    let headers = response.headers_mut();
    headers.remove(http::header::CONNECTION);
    headers.remove(http::header::UPGRADE);
    response
}
