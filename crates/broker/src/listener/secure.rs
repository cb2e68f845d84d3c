//! Connections with TLS: the handshake, bounded in time and number, then whichever version of HTTP it agreed on.

use std::sync::Arc;

use gumboot_websocket::{
    Transport,
    server::{ServerTls, TLS_WAIT_MAX, serve_http2},
};
use tokio::{net::TcpStream, sync::Semaphore, time::timeout};
use tracing::debug;

use super::{serve_http1, spawn_session};
use crate::{http::answer, hub::Hub, metrics::Connected};

/// The TLS of a server, and the handshakes that may be under way.
#[derive(Debug, Clone)]
pub(super) struct Secure {
    tls: ServerTls,
    handshakes: Arc<Semaphore>,
}

impl Secure {
    /// What a hub is set up with, if it is.
    pub(super) fn of(hub: &Hub) -> Option<Self> {
        let most = hub.config.tls_handshakes_max;
        let tls = hub.config.tls.clone();
        tls.map(|tls| Self {
            tls,
            handshakes: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
        })
    }

    pub(super) async fn serve(self, hub: Arc<Hub>, stream: TcpStream, connected: Connected) {
        let Some(stream) = self.accept(stream).await else {
            return;
        };
        let alpn = stream.tls().and_then(|tls| tls.alpn);
        match alpn.as_deref() {
            Some("h2") => Box::pin(serve_h2(hub, stream, connected)).await,
            _ => serve_http1(hub, stream, connected).await,
        }
    }

    /// The handshake, when it is its turn.
    async fn accept(&self, stream: TcpStream) -> Option<Transport> {
        let turn = timeout(TLS_WAIT_MAX, self.handshakes.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            debug!("too many TLS handshakes are under way");
            return None;
        };
        let accepted = self.tls.accept(stream).await;
        accepted
            .inspect_err(|error| debug!(%error, "TLS ended"))
            .ok()
    }
}

async fn serve_h2(hub: Arc<Hub>, stream: Transport, connected: Connected) {
    let sessions = Arc::clone(&hub);
    let served = serve_http2(
        stream,
        &hub.config.http,
        |request| answer(&hub, &request),
        move |upgraded| spawn_session(&sessions, upgraded, None),
    );
    if let Err(error) = served.await {
        debug!(%error, "HTTP/2 ended");
    }
    drop(connected);
}
