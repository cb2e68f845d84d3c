//! WebSockets in servers on axum, over HTTP/1.1 and HTTP/2: [`WebSocketUpgrade`], an extractor. With the feature `axum`.
//!
//! ```no_run
//! use std::time::Duration;
//! use axum::{Router, extract::State, response::Response, routing::any};
//! use gumboot_websocket::{Gate, Socket, axum::WebSocketUpgrade};
//!
//! async fn chat(ws: WebSocketUpgrade, State(gate): State<Gate>) -> Response {
//!     ws.protocols(["chat"]).gate(&gate).on_upgrade(echo)
//! }
//!
//! async fn echo(mut socket: Socket) {
//!     while let Ok(Some(message)) = socket.receive().await {
//!         // A failure is told by the next `receive`.
//!         let _ = socket.send(message).await;
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let gate = Gate::default();
//! let app = Router::new().route("/chat", any(chat)).with_state(gate.clone());
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! let (tell, told) = tokio::sync::oneshot::channel::<()>();
//! let serve = axum::serve(listener, app).with_graceful_shutdown(async { drop(told.await) });
//! let serving = tokio::spawn(serve.into_future());
//! tokio::signal::ctrl_c().await?;
//! drop(tell);
//! let wait_max = Duration::from_secs(4);
//! let (drained, served) = tokio::join!(gate.drain(wait_max), tokio::time::timeout(wait_max, serving));
//! drained?;
//! served???;
//! # Ok(())
//! # }
//! ```
//!
//! The gate drains beside the end of axum, not after it: axum forgets a WebSocket over HTTP/1.1, but over HTTP/2 it waits
//! for it, without a bound, and only the gate ends it.
//!
//! A handshake over HTTP/2 is a CONNECT, so a route is to be for `any` method.
//!
//! A server that is reached by TLS, its own or a proxy's, is to say so with
//! [`origins(OriginPolicy::same_origin().https_only())`](WebSocketUpgrade::origins): a request of HTTP/1.1 does not tell,
//! and without it a page that came by `http` under the server's name, which anyone on the way may have made, counts as
//! the server's own.

use std::{fmt, sync::Arc};

use ::axum_core::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use gumboot_websocket_proto::{Config, handshake::server::Refusal};
use http::{HeaderMap, Method, Request, Version, header::UPGRADE, request::Parts};

use crate::{
    Acceptor, Gate, OriginPolicy, Socket,
    server::{Pending, UpgradeError, UpgradeFailed},
};

/// The request for a WebSocket, in a handler's arguments: a request that is none, or breaks a rule of RFC 6455 §4.2.1 or
/// RFC 8441 §5, is answered before the handler is called. As an `Option`, it is `None` for a request that does not ask
/// for a WebSocket, whatever else it has or lacks, so that a page may have the same path.
#[must_use = "only `on_upgrade` accepts the WebSocket"]
pub struct WebSocketUpgrade {
    pending: Pending,
    acceptor: Acceptor,
    on_failed: Box<dyn FnOnce(UpgradeFailed) + Send>,
}

impl WebSocketUpgrade {
    /// With everything that an acceptor was told. What was set here before is forgotten.
    pub fn acceptor(mut self, acceptor: &Acceptor) -> Self {
        self.acceptor = acceptor.clone();
        self
    }

    /// See [`Acceptor::protocols`].
    pub fn protocols<P>(self, protocols: P) -> Self
    where
        P: IntoIterator<Item: Into<String>>,
    {
        self.with(|acceptor| acceptor.protocols(protocols))
    }

    /// See [`Acceptor::choose_protocol`].
    pub fn choose_protocol<F>(self, choose: F) -> Self
    where
        F: Fn(&Request<()>, &[String]) -> Option<String> + Send + Sync + 'static,
    {
        self.with(|acceptor| acceptor.choose_protocol(choose))
    }

    /// See [`Acceptor::origins`].
    pub fn origins(self, origins: OriginPolicy) -> Self {
        self.with(|acceptor| acceptor.origins(origins))
    }

    /// See [`Acceptor::config`].
    pub fn config(self, config: impl Into<Arc<Config>>) -> Self {
        self.with(|acceptor| acceptor.config(config))
    }

    /// See [`Acceptor::gate`].
    pub fn gate(self, gate: &Gate) -> Self {
        self.with(|acceptor| acceptor.gate(gate))
    }

    /// What to do if the answer does not go out, in time or at all; by default nothing.
    pub fn on_failed_upgrade(
        mut self,
        on_failed: impl FnOnce(UpgradeFailed) + Send + 'static,
    ) -> Self {
        self.on_failed = Box::new(on_failed);
        self
    }

    /// The subprotocols that the client offers, the preferred one first.
    #[must_use]
    pub fn offered(&self) -> &[String] {
        self.pending.offer.protocols()
    }

    /// Answers, and gives the socket to `callback` in a task of its own. The answer is the handler's to return, with
    /// further headers if it likes: 101 or 200; 403 for pages of other origins, 503 if the [`Gate`] is full or drains,
    /// 500 if the request does not come from hyper, or its stream was given away already. A server that does not hand its
    /// streams over answers 101 all the same, and only [`on_failed_upgrade`](Self::on_failed_upgrade) hears of it.
    #[must_use = "it is the response of the handler"]
    pub fn on_upgrade<C, F>(self, callback: C) -> Response
    where
        C: FnOnce(Socket) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let on_failed = self.on_failed;
        match self.pending.answer(&self.acceptor) {
            Ok((response, upgrade)) => {
                tokio::spawn(async move {
                    match upgrade.await {
                        Ok(socket) => callback(socket).await,
                        Err(error) => on_failed(error),
                    }
                });
                response.map(Body::new)
            }
            Err(error) => error.into_response(),
        }
    }

    fn with(mut self, change: impl FnOnce(Acceptor) -> Acceptor) -> Self {
        self.acceptor = change(self.acceptor);
        self
    }
}

impl<S: Sync> FromRequestParts<S> for WebSocketUpgrade {
    type Rejection = UpgradeError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let mut request = Request::new(());
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = parts.uri.clone();
        *request.version_mut() = parts.version;
        std::mem::swap(request.headers_mut(), &mut parts.headers);
        std::mem::swap(request.extensions_mut(), &mut parts.extensions);
        let pending = Pending::new(&mut request);
        std::mem::swap(request.headers_mut(), &mut parts.headers);
        std::mem::swap(request.extensions_mut(), &mut parts.extensions);
        Ok(Self {
            pending: pending?,
            acceptor: Acceptor::new(),
            on_failed: Box::new(drop),
        })
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for WebSocketUpgrade {
    type Rejection = UpgradeError;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &S,
    ) -> Result<Option<Self>, Self::Rejection> {
        let extracted = <Self as FromRequestParts<S>>::from_request_parts(parts, state).await;
        match extracted {
            Ok(upgrade) => Ok(Some(upgrade)),
            Err(error) if is_for_something_else(error, parts) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn is_for_something_else(error: UpgradeError, parts: &Parts) -> bool {
    match error.refusal() {
        Some(Refusal::ExtendedMethod | Refusal::UpgradeHeader) => true,
        // Another method is only wrong for a WebSocket.
        Some(Refusal::Method) if parts.method != Method::CONNECT => true,
        Some(_) => parts.version < Version::HTTP_2 && !asks_for_websocket(&parts.headers),
        None => false,
    }
}

/// RFC 6455 §4.2.1: `Upgrade` has the token `websocket`.
fn asks_for_websocket(headers: &HeaderMap) -> bool {
    headers
        .get_all(UPGRADE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case("websocket"))
}

impl IntoResponse for UpgradeError {
    fn into_response(self) -> Response {
        self.response().map(Body::new)
    }
}

impl fmt::Debug for WebSocketUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketUpgrade")
            .field("pending", &self.pending)
            .field("acceptor", &self.acceptor)
            .finish_non_exhaustive()
    }
}
