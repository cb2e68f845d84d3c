//! What is found at which path, and who may connect.

use std::sync::Arc;

use bytes::Bytes;
use gumboot_stomp_proto::Version as StompVersion;
use gumboot_websocket::{
    proto::handshake::server::Refusal,
    server::{Acceptance, Answer, offer},
};
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{ALLOW, CONTENT_TYPE},
};
use http_body_util::Full;

use crate::{
    config::Endpoints,
    console,
    hub::{Hub, Seat},
    journal::health,
    metrics::{Connected, ConnectionKind},
};

/// A WebSocket whose handshake was accepted, and its place: taken with the answer, so that a server that goes down
/// misses nobody.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) to: Use,
    pub(crate) seat: Seat,
    /// On HTTP/2, where it is one more; it counts from its answer on, so that the next one finds it counted.
    pub(crate) connected: Option<Connected>,
}

/// What a WebSocket is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Echo,
    Stomp,
}

impl Use {
    pub(crate) fn kind(self) -> ConnectionKind {
        match self {
            Self::Echo => ConnectionKind::Echo,
            Self::Stomp => ConnectionKind::StompWebSocket,
        }
    }
}

/// The subprotocols of STOMP, the preferred one first.
const STOMP_PROTOCOLS: [&str; 3] = [
    StompVersion::V1_2.subprotocol(),
    StompVersion::V1_1.subprotocol(),
    StompVersion::V1_0.subprotocol(),
];

/// Answers a request.
pub(crate) fn answer<B>(hub: &Arc<Hub>, request: &Request<B>) -> Answer<Accepted> {
    let path = request.uri().path();
    match (hub.config.endpoints, path) {
        (Endpoints::Echo, _) | (Endpoints::Broker, "/echo") => upgrade(hub, request, Use::Echo),
        (Endpoints::Broker | Endpoints::Stomp, "/ws") => upgrade(hub, request, Use::Stomp),
        (Endpoints::Stomp, _) => {
            Answer::Http(text(StatusCode::NOT_FOUND, "there is nothing here\n"))
        }
        (Endpoints::Broker, health::PATH) if is_read(request.method()) => {
            Answer::Http(health::response(hub.journal.as_deref()))
        }
        (Endpoints::Broker, _) => Answer::Http(page(request.method(), path)),
    }
}

fn upgrade<B>(hub: &Arc<Hub>, request: &Request<B>, to: Use) -> Answer<Accepted> {
    match accept(hub, request, to) {
        Ok(acceptance) => Answer::WebSocket(
            acceptance,
            Accepted {
                to,
                seat: hub.seat(),
                connected: is_one_more(request).then(|| hub.metrics.connected(to.kind())),
            },
        ),
        Err(refusal) => Answer::Http(refusal.response().map(|text| Full::new(Bytes::from(text)))),
    }
}

fn accept<B>(hub: &Arc<Hub>, request: &Request<B>, to: Use) -> Result<Acceptance, Refusal> {
    hub.config.origins.check(request.headers())?;
    let offer = offer(request)?;
    if hub.is_draining() || (is_one_more(request) && hub.is_full()) {
        return Err(Refusal::Unavailable);
    }
    // An echo speaks whatever it is offered.
    let protocol = match to {
        Use::Echo => offer.protocols().first().map(String::as_str),
        Use::Stomp => offer.choose(&STOMP_PROTOCOLS),
    };
    Ok(Acceptance::new(&offer, protocol, &hub.config.websocket))
}

/// Whether a WebSocket is another connection beside that of its request: one of HTTP/2 was counted once, and carries
/// many.
fn is_one_more<B>(request: &Request<B>) -> bool {
    request.version() == Version::HTTP_2
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// A page of the console, or why there is none.
fn page(method: &Method, path: &str) -> Response<Full<Bytes>> {
    let Some(asset) = console::asset(path) else {
        return text(
            StatusCode::NOT_FOUND,
            "there is nothing here; the console is at /\n",
        );
    };
    if !is_read(method) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "GET it\n");
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    asset.response()
}

fn text(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}
