//! Accepting connections: a task for each, and a clear answer for one too many.

mod opening;
mod secure;

use std::{future::poll_fn, io, sync::Arc, time::Duration};

use gumboot_stomp_proto::{ErrorFrame, ServerOptions};
use gumboot_websocket::{
    Pipe,
    proto::{TransmitQueue, handshake::server::Refusal},
    server::{Upgraded, serve_http},
    timer::now,
};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tracing::{debug, warn};

use self::{
    opening::{Opened, Opening},
    secure::Secure,
};
use crate::{
    config::Endpoints,
    http::{Accepted, Use, answer},
    hub::Hub,
    metrics::{Connected, ConnectionKind},
    session::{Session, tcp::TcpLine},
    subprotocol::{echo::Echo, stomp::Stomp},
};

/// After the operating system refused a connection, such as for want of file descriptors, none is accepted for so long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a plain stream may be silent before TCP itself asks whether the peer is there.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);

/// How long one connection too many has to take the answer.
const REFUSAL_WAIT_MAX: Duration = Duration::from_secs(1);

/// Accepts HTTP until it is dropped.
pub(crate) async fn accept_http(hub: Arc<Hub>, listener: TcpListener) {
    let secure = Secure::of(&hub);
    loop {
        let Some(stream) = accept(&listener).await else {
            continue;
        };
        if hub.is_full() {
            // Before TLS, an answer would not be understood.
            let answer = secure
                .as_ref()
                .map_or_else(http_unavailable, |_| Vec::new());
            tokio::spawn(refuse(stream, answer));
            continue;
        }
        let connected = hub.metrics.connected(ConnectionKind::Http);
        let endpoints = hub.config.endpoints;
        let hub = Arc::clone(&hub);
        match secure.clone() {
            None => open(endpoints, serve_http1(hub, stream, connected)),
            Some(secure) => open(endpoints, secure.serve(hub, stream, connected)),
        }
    }
}

/// Accepts STOMP over TCP until it is dropped.
pub(crate) async fn accept_stomp(hub: Arc<Hub>, listener: TcpListener) {
    let options = stream_options(&hub);
    loop {
        let Some(stream) = accept(&listener).await else {
            continue;
        };
        if hub.is_full() {
            tokio::spawn(refuse(stream, stomp_unavailable()));
            continue;
        }
        keep_alive(&stream);
        let connected = hub.metrics.connected(ConnectionKind::StompTcp);
        let protocol = Stomp::new(now(), hub.seat(), Arc::clone(&options));
        tokio::spawn(Session::new(TcpLine::new(stream), protocol, connected));
    }
}

/// Accepts STOMP over TLS until it is dropped; at once if there is no TLS.
pub(crate) async fn accept_stomps(hub: Arc<Hub>, listener: TcpListener) {
    let options = stream_options(&hub);
    let Some(secure) = Secure::of(&hub) else {
        return;
    };
    loop {
        let Some(stream) = accept(&listener).await else {
            continue;
        };
        if hub.is_full() {
            // Before TLS, an answer would not be understood.
            tokio::spawn(refuse(stream, Vec::new()));
            continue;
        }
        keep_alive(&stream);
        let connected = hub.metrics.connected(ConnectionKind::StompTcp);
        let (hub, options, secure) = (Arc::clone(&hub), Arc::clone(&options), secure.clone());
        tokio::spawn(async move {
            if let Some(stream) = secure.accept(stream).await {
                let protocol = Stomp::new(now(), hub.seat(), options);
                // In a task of its own, so that nothing of the handshake stays with it.
                tokio::spawn(Session::new(TcpLine::new(stream), protocol, connected));
            }
        });
    }
}

/// Nobody answers pings on a plain stream, so a client is held to its heart-beats.
fn stream_options(hub: &Hub) -> Arc<ServerOptions> {
    Arc::new(ServerOptions {
        receive_floor: None,
        ..hub.config.stomp.clone()
    })
}

/// The next connection; `None` if there was none, after a pause.
async fn accept(listener: &TcpListener) -> Option<TcpStream> {
    match listener.accept().await {
        Ok((stream, _)) => {
            // Small messages are not to wait for each other. That it fails on a socket that is gone is no matter.
            let _ = stream.set_nodelay(true);
            Some(stream)
        }
        Err(error) => {
            if !is_of_connection(&error) {
                warn!(%error, "cannot accept connections");
                sleep(ACCEPT_PAUSE).await;
            }
            None
        }
    }
}

/// Whether an error of accept is about the one connection, which was gone before it was accepted.
fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

fn keep_alive(stream: &TcpStream) {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER);
    if let Err(error) = SockRef::from(stream).set_tcp_keepalive(&keepalive) {
        debug!(%error, "no keep-alive");
    }
}

/// A task for a connection, with room for what it most likely becomes.
fn open<S>(endpoints: Endpoints, http: impl Future<Output = Option<Opened<S>>> + Send + 'static)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let http = Box::pin(http);
    match endpoints {
        Endpoints::Echo => drop(tokio::spawn(Opening::<_, Echo>::Http(http))),
        Endpoints::Broker | Endpoints::Stomp => {
            drop(tokio::spawn(Opening::<_, Stomp>::Http(http)));
        }
    }
}

/// HTTP/1.1 on a stream, and the WebSocket that may become of it.
async fn serve_http1<S>(hub: Arc<Hub>, stream: S, connected: Connected) -> Option<Opened<S>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let http = serve_http(stream, &hub.config.http, |request| answer(&hub, &request));
    let served = http.await.inspect_err(|error| debug!(%error, "HTTP ended"));
    let upgraded = served.ok().flatten()?;
    Some(session(&hub, upgraded, Some(connected)))
}

/// The session of a WebSocket. It takes the place of the connection `before`, if it had one of its own.
fn session<S>(
    hub: &Arc<Hub>,
    upgraded: Upgraded<S, Accepted>,
    before: Option<Connected>,
) -> Opened<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let config = match upgraded.context.to {
        Use::Echo => &hub.config.websocket,
        Use::Stomp => &hub.carriage.before_login,
    };
    let (link, accepted) = upgraded.into_link(Arc::clone(config));
    let Accepted {
        to,
        seat,
        connected,
    } = accepted;
    let connected = connected.unwrap_or_else(|| hub.metrics.connected(to.kind()));
    drop(before);
    match to {
        Use::Echo => Opened::Echo(Session::new(link, Echo::new(seat), connected)),
        Use::Stomp => {
            let protocol = Stomp::new(now(), seat, Arc::clone(&hub.stomp_options));
            Opened::Stomp(Session::new(link, protocol, connected))
        }
    }
}

/// Tells one connection too many that it is, in a way that lets the answer arrive.
async fn refuse(stream: TcpStream, answer: Vec<u8>) {
    let mut pipe = Pipe::new(stream);
    let mut queue = TransmitQueue::default();
    queue.push_slice(&answer);
    // Whether it is taken is the peer's business.
    let _ = timeout(
        REFUSAL_WAIT_MAX,
        poll_fn(|cx| pipe.poll_end(cx, &mut queue)),
    )
    .await;
}

/// Without hyper: for one connection too many, that would be too much.
fn http_unavailable() -> Vec<u8> {
    let text = Refusal::Unavailable.to_string();
    let length = text.len();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\
         content-type: text/plain; charset=utf-8\r\ncontent-length: {length}\r\n\r\n{text}"
    )
    .into_bytes()
}

fn stomp_unavailable() -> Vec<u8> {
    let mut frame = Vec::new();
    ErrorFrame {
        message: Some("Server full".into()),
        receipt_id: None,
        version: None,
        body: "The server has as many connections as it takes.".into(),
    }
    .encode(&mut frame, None);
    frame
}
