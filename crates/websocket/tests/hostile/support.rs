//! One connection over loopback, of this crate at one end or at both.

use std::{future::Future, sync::Arc, time::Duration};

use gumboot_websocket::{
    Client, Proxy, Socket, TlsOptions, Transport,
    proto::{Config, handshake::client::Agreed},
    server::{Acceptance, Answer, HttpLimits, ServerTls, offer, serve_http},
};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// Longer than anything here takes.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// What a future gives, which must not take long.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(WAIT_MAX, future).await.expect("it takes too long")
}

/// A server's certificate, and what trusts it.
pub(crate) fn tls() -> (ServerTls, TlsOptions) {
    let names = ["localhost".to_owned()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
    let (certificate, key) = (cert.pem(), signing_key.serialize_pem());
    let server = ServerTls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let trusted = TlsOptions::new().root_pem(certificate.as_bytes()).unwrap();
    (server, trusted)
}

/// A server's socket on a connection that was just accepted.
pub(crate) async fn serve(stream: TcpStream, tls: Option<ServerTls>, config: Config) -> Socket {
    let stream = match tls {
        Some(tls) => tls.accept(stream).await.unwrap(),
        None => Transport::from(stream),
    };
    let limits = HttpLimits::default();
    let upgraded = serve_http(stream, &limits, |request| {
        let offer = offer(&request).expect("a good handshake");
        Answer::WebSocket(Acceptance::new(&offer, None, &config), ())
    });
    let upgraded = upgraded.await.unwrap().expect("a WebSocket");
    let (link, ()) = upgraded.into_link(Arc::new(config));
    Socket::new(link, Agreed::default())
}

/// A configuration without compression.
pub(crate) fn plain() -> Config {
    Config {
        deflate: None,
        ..Config::server()
    }
}

/// A server's socket and a client's, with TLS or without, and without compression.
pub(crate) async fn pair(is_tls: bool) -> (Socket, Socket) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = Client::new().proxy(Proxy::none()).config(plain());
    let (tls, client, url) = if is_tls {
        let (server, trusted) = tls();
        let url = format!("wss://localhost:{port}/");
        (Some(server), client.tls(trusted), url)
    } else {
        (None, client, format!("ws://127.0.0.1:{port}/"))
    };
    let served = async {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream, tls, plain()).await
    };
    let (server, client) = soon(async { tokio::join!(served, client.connect(&url, &[])) }).await;
    (server, client.unwrap())
}
