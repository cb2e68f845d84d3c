//! Connections with TLS: the handshake, bounded in time and number, then whichever version of HTTP it agreed on.

use std::sync::Arc;

use gumboot_websocket::{
    Transport,
    server::{ServerTls, TLS_WAIT_MAX, serve_http2},
};
use tokio::{net::TcpStream, sync::Semaphore, time::timeout};
use tracing::debug;

use super::{opening::Opened, serve_http1, session};
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

    pub(super) async fn serve(
        self,
        hub: Arc<Hub>,
        stream: TcpStream,
        connected: Connected,
    ) -> Option<Opened<Transport>> {
        let stream = self.accept(stream).await?;
        let alpn = stream.tls().and_then(|tls| tls.alpn);
        match alpn.as_deref() {
            Some("h2") => {
                serve_h2(hub, stream, connected).await;
                None
            }
            _ => serve_http1(hub, stream, connected).await,
        }
    }

    /// The handshake, when it is its turn.
    pub(super) async fn accept(&self, stream: TcpStream) -> Option<Transport> {
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
        move |upgraded| session(&sessions, upgraded, None).spawn(),
    );
    if let Err(error) = served.await {
        debug!(%error, "HTTP/2 ended");
    }
    drop(connected);
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        pin::{Pin, pin},
        task::Poll,
    };

    use gumboot_websocket::{Client, Proxy, TlsOptions};
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use tokio::{net::TcpListener, time::Instant};

    use super::*;

    /// A server of so many handshakes at a time, a client of it, and where they meet.
    async fn server(most: usize) -> (Secure, Client, TcpListener) {
        let names = ["localhost".to_owned()];
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        let key = signing_key.serialize_pem();
        let secure = Secure {
            tls: ServerTls::from_pem(cert.pem().as_bytes(), key.as_bytes()).unwrap(),
            handshakes: Arc::new(Semaphore::new(most)),
        };
        let roots = TlsOptions::new().root_pem(cert.pem().as_bytes()).unwrap();
        let client = Client::new().proxy(Proxy::none()).tls(roots);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        (secure, client, listener)
    }

    /// A connection that says nothing: our end, and its own.
    async fn silent(listener: &TcpListener) -> (TcpStream, TcpStream) {
        let address = listener.local_addr().unwrap();
        let there = TcpStream::connect(address).await.unwrap();
        (listener.accept().await.unwrap().0, there)
    }

    async fn is_pending<F: Future>(mut future: Pin<&mut F>) -> bool {
        poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
    }

    /// With one silent client under way, another is let in if there may be two, and waits if not.
    #[tokio::test]
    async fn at_the_most_and_one_past_it() {
        for most in [2, 1] {
            let (secure, client, listener) = server(most).await;
            let (here, _there) = silent(&listener).await;
            let mut first = Box::pin(secure.accept(here));
            assert!(is_pending(first.as_mut()).await);
            assert_eq!(secure.handshakes.available_permits(), most - 1);

            let url = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
            let connecting = tokio::spawn(async move { client.connect(&url, &[]).await });
            let (here, _) = listener.accept().await.unwrap();
            let mut second = pin!(secure.accept(here));
            if most == 1 {
                // However often it is asked, and though its client has begun.
                for _ in 0..100 {
                    assert!(is_pending(second.as_mut()).await);
                    tokio::task::yield_now().await;
                }
                drop(first);
            }
            assert!(second.await.is_some());
            connecting.abort();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_is_not_waited_for_longer_than_it_may_take() {
        let (secure, _, listener) = server(1).await;
        let _turn = secure.handshakes.acquire().await.unwrap();
        let (here, _there) = silent(&listener).await;
        let start = Instant::now();
        assert!(secure.accept(here).await.is_none());
        assert!(start.elapsed() >= TLS_WAIT_MAX);
    }
}
