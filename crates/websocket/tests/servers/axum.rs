//! The extractor in a real server on axum.

use std::{convert::Infallible, net::SocketAddr};

use axum::{
    Router,
    extract::{FromRequestParts, State},
    response::{IntoResponse, Response},
    routing::any,
    serve::Listener,
};
use gumboot_testkit::{HttpResponse, TEXT, TcpPeer, WebSocketPeer, upgrade_request};
use gumboot_websocket::{
    Acceptor, OriginPolicy, Transport, TransportKind,
    axum::WebSocketUpgrade,
    proto::{Config, Limits, handshake::server::Refusal},
    server::{ServerTls, UpgradeError},
};
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncWriteExt, duplex},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use crate::support::{echo, soon};

/// An echo at every path, until the tests end.
pub(crate) async fn serve(listener: TcpListener, acceptor: Acceptor, tls: Option<ServerTls>) {
    let app = Router::new().fallback(any(upgrade)).with_state(acceptor);
    match tls {
        None => axum::serve(listener, app).await.unwrap(),
        Some(tls) => axum::serve(Secure { listener, tls }, app).await.unwrap(),
    }
}

async fn upgrade(ws: WebSocketUpgrade, State(acceptor): State<Acceptor>) -> Response {
    ws.acceptor(&acceptor).on_upgrade(echo)
}

/// Streams with TLS.
struct Secure {
    listener: TcpListener,
    tls: ServerTls,
}

impl Listener for Secure {
    type Io = Transport;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Transport, SocketAddr) {
        loop {
            let (stream, address): (TcpStream, _) = self.listener.accept().await.unwrap();
            if let Ok(stream) = self.tls.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Serves `app` until the test ends.
async fn start(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// A raw client in a thread of its own.
async fn raw<T: Send + 'static>(client: impl FnOnce() -> T + Send + 'static) -> T {
    soon(tokio::task::spawn_blocking(client)).await.unwrap()
}

#[tokio::test]
async fn everything_can_be_said_in_the_handler() {
    async fn handler(ws: WebSocketUpgrade) -> impl IntoResponse {
        assert_eq!(ws.offered(), ["a", "b"]);
        let limits = Limits {
            message_bytes_max: 5,
            ..Limits::default()
        };
        let config = Config {
            limits,
            ..Config::server()
        };
        let origins = OriginPolicy::same_origin().allow("https://app.example");
        let ws = ws.origins(origins.unwrap()).config(config);
        let ws = ws.choose_protocol(|head, offered| {
            assert_eq!(head.uri().path(), "/chat");
            offered.last().cloned()
        });
        let response = ws.on_upgrade(async |socket| {
            assert_eq!(socket.transport().kind(), TransportKind::HandedOver);
            echo(socket).await;
        });
        ([("set-cookie", "seen=1")], response)
    }
    let app = Router::new().nest("/v1", Router::new().route("/chat", any(handler)));
    let address = start(app).await;
    raw(move || {
        let mut tcp = TcpPeer::connect(address);
        let lines = [
            "origin: https://app.example",
            "sec-websocket-protocol: a, b",
        ];
        tcp.send(upgrade_request("/v1/chat", &lines));
        let response = HttpResponse::read(&mut tcp);
        assert_eq!(response.status, 101);
        assert_eq!(response.header("set-cookie"), Some("seen=1"));
        assert_eq!(response.header("sec-websocket-protocol"), Some("b"));
        let mut websocket = WebSocketPeer::open(address, "/v1/chat", "a, b");
        websocket.send(TEXT, "12345");
        websocket.expect(TEXT, "12345");
        websocket.send(TEXT, "123456");
        assert_eq!(websocket.expect_close().0, 1009);
    })
    .await;
}

#[tokio::test]
async fn a_page_at_the_same_path() {
    async fn handler(ws: Option<WebSocketUpgrade>) -> Response {
        match ws {
            Some(ws) => ws.on_upgrade(echo),
            None => "a page\n".into_response(),
        }
    }
    let address = start(Router::new().route("/", any(handler))).await;
    raw(move || {
        for request in [
            "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\nhi",
            "GET / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            let mut tcp = TcpPeer::connect(address);
            tcp.send(request);
            let page = HttpResponse::read(&mut tcp);
            assert_eq!((page.status, page.text()), (200, "a page\n"), "{request}");
        }
        let mut old = TcpPeer::connect(address);
        old.send("GET / HTTP/1.0\r\n\r\n");
        let page = String::from_utf8(old.read_to_end()).unwrap();
        assert!(page.starts_with("HTTP/1.0 200 OK\r\n"), "{page}");
        assert!(page.ends_with("\r\n\r\na page\n"), "{page}");
        let mut tcp = TcpPeer::connect(address);
        tcp.send(upgrade_request("/", &["sec-websocket-version: 7"]));
        assert_eq!(HttpResponse::read(&mut tcp).status, 426);
        let mut tcp = TcpPeer::connect(address);
        tcp.send(upgrade_request(
            "/",
            &["content-length: 2", "upgrade: h2c, WebSocket"],
        ));
        assert_eq!(HttpResponse::read(&mut tcp).status, 400);
        let mut websocket = WebSocketPeer::open(address, "/", "");
        websocket.send(TEXT, "hello");
        websocket.expect(TEXT, "hello");
    })
    .await;
}

#[tokio::test]
async fn a_handler_that_does_not_want_it() {
    async fn handler(_: WebSocketUpgrade) -> Response {
        (http::StatusCode::UNAUTHORIZED, "who are you?\n").into_response()
    }
    let address = start(Router::new().route("/", any(handler))).await;
    raw(move || {
        let mut tcp = TcpPeer::connect(address);
        tcp.send(upgrade_request("/", &[]));
        let response = HttpResponse::read(&mut tcp);
        assert_eq!((response.status, response.text()), (401, "who are you?\n"));
    })
    .await;
}

fn good_request() -> Request<()> {
    let request = Request::get("/")
        .header("host", "localhost")
        .header("upgrade", "websocket")
        .header("connection", "upgrade")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-version", "13");
    request.body(()).unwrap()
}

async fn extracted<B>(request: Request<B>) -> Result<WebSocketUpgrade, UpgradeError> {
    let (mut parts, _) = request.into_parts();
    <WebSocketUpgrade as FromRequestParts<()>>::from_request_parts(&mut parts, &()).await
}

#[tokio::test]
async fn a_rejection_says_why() {
    let mut request = good_request();
    request.headers_mut().remove("sec-websocket-key");
    let rejection = extracted(request).await.unwrap_err();
    assert_eq!(rejection.refusal(), Some(Refusal::Key));
    assert_eq!(rejection.to_string(), Refusal::Key.to_string());
    assert_eq!(rejection.into_response().status(), 400);
}

#[tokio::test]
async fn a_request_that_does_not_come_from_hyper() {
    let ws = extracted(good_request()).await.unwrap();
    assert_eq!(ws.on_upgrade(echo).status(), 500);
}

#[tokio::test]
async fn a_server_that_keeps_its_streams_fails_the_upgrade() {
    let (mut client, server) = duplex(10_000);
    let request = upgrade_request("/", &[]);
    client.write_all(request.as_bytes()).await.unwrap();
    let (tell, mut failed) = mpsc::unbounded_channel();
    let service = service_fn(move |request: Request<Incoming>| {
        let tell = tell.clone();
        async move {
            let ws = extracted(request).await.unwrap();
            let ws = ws.on_failed_upgrade(move |error| drop(tell.send(error)));
            Ok::<_, Infallible>(ws.on_upgrade(echo))
        }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(server), service);
    // What it says of the upgrade that it did not expect is its own business.
    let served = tokio::spawn(async move { drop(connection.await) });
    assert!(soon(failed.recv()).await.is_some());
    served.abort();
}
