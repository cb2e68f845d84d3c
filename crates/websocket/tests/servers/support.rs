//! Echo servers, one for each way in, that run until the tests end.

use std::{convert::Infallible, future::Future, net::SocketAddr, sync::mpsc, thread};

use bytes::Bytes;
use gumboot_testkit::WAIT_MAX;
use gumboot_websocket::{
    Acceptor, Client, Proxy, Socket, TlsOptions, Transport, server::ServerTls,
};
use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Builder,
    time::timeout,
};

/// How a stream becomes a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Plain,
    Hyper,
    #[cfg(feature = "axum")]
    Axum,
}

pub(crate) const WAYS: &[Way] = &[
    Way::Plain,
    Way::Hyper,
    #[cfg(feature = "axum")]
    Way::Axum,
];

/// An echo at every path.
pub(crate) fn echo_server(way: Way, acceptor: &Acceptor) -> SocketAddr {
    start(way, acceptor, None)
}

/// The same with TLS, and a client that trusts it.
pub(crate) fn secure_echo_server(way: Way, acceptor: &Acceptor) -> (SocketAddr, Client) {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (certified.cert.pem(), certified.signing_key.serialize_pem());
    let tls = ServerTls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let trusted = TlsOptions::new().root_pem(certificate.as_bytes()).unwrap();
    (start(way, acceptor, Some(tls)), client().tls(trusted))
}

/// A client that the environment of the test does not change.
pub(crate) fn client() -> Client {
    Client::new().proxy(Proxy::none())
}

fn start(way: Way, acceptor: &Acceptor, tls: Option<ServerTls>) -> SocketAddr {
    let acceptor = acceptor.clone();
    let (tell_address, address) = mpsc::channel();
    thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell_address.send(listener.local_addr().unwrap()).unwrap();
            match way {
                #[cfg(feature = "axum")]
                Way::Axum => crate::axum::serve(listener, acceptor, tls).await,
                Way::Plain | Way::Hyper => loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    tokio::spawn(serve(way, stream, acceptor.clone(), tls.clone()));
                },
            }
        });
    });
    address.recv_timeout(WAIT_MAX).unwrap()
}

async fn serve(way: Way, stream: TcpStream, acceptor: Acceptor, tls: Option<ServerTls>) {
    // What fails here is seen by the client.
    match (way, tls) {
        (Way::Plain, None) => {
            if let Ok(socket) = acceptor.accept(stream).await {
                echo(socket).await;
            }
        }
        (Way::Plain, Some(tls)) => {
            if let Ok(socket) = acceptor.accept_tls(&tls, stream).await {
                echo(socket).await;
            }
        }
        (_, None) => serve_hyper(stream.into(), acceptor).await,
        (_, Some(tls)) => {
            if let Ok(stream) = tls.accept(stream).await {
                serve_hyper(stream, acceptor).await;
            }
        }
    }
}

async fn serve_hyper(stream: Transport, acceptor: Acceptor) {
    let alpn = stream.tls().and_then(|tls| tls.alpn);
    let service =
        service_fn(|request| std::future::ready(Ok::<_, Infallible>(answer(request, &acceptor))));
    let io = TokioIo::new(stream);
    if alpn.as_deref() == Some("h2") {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        let builder = builder.timer(TokioTimer::new()).enable_connect_protocol();
        let _ = builder.serve_connection(io, service).await;
    } else {
        let builder = http1::Builder::new();
        let _ = builder.serve_connection(io, service).with_upgrades().await;
    }
}

fn answer(mut request: Request<Incoming>, acceptor: &Acceptor) -> Response<Full<Bytes>> {
    match acceptor.upgrade(&mut request) {
        Ok((response, upgrade)) => {
            tokio::spawn(async move {
                if let Ok(socket) = upgrade.await {
                    echo(socket).await;
                }
            });
            response
        }
        Err(error) => error.response(),
    }
}

/// Sends back what comes, until the end.
pub(crate) async fn echo<S>(mut socket: Socket<S>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    while let Ok(Some(message)) = socket.receive().await {
        // A failure is told by the next `receive`.
        let _ = socket.send(message).await;
    }
}

/// What a future gives, which must not take long.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(WAIT_MAX, future).await.expect("it takes too long")
}

/// Sends a message and gets it back.
pub(crate) async fn expect_echo(socket: &mut Socket, text: &str) {
    socket.send(text).await.unwrap();
    let message = soon(socket.receive()).await.unwrap().unwrap();
    assert_eq!(message.as_text(), Some(text));
}
