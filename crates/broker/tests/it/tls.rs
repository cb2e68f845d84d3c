//! The server with TLS: STOMP and the echo by HTTP/1.1 and by HTTP/2, and the end of it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use gumboot_broker::{Config, OriginPolicy, ServerTls};
use gumboot_testkit::TcpPeer;
use gumboot_websocket::{
    Client, ConnectError, Proxy, Socket, TlsOptions, TransportKind,
    proto::{CloseCode, handshake::client::HandshakeError},
};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    time::timeout,
};

use crate::support::{TestServer, config};

const WAIT_MAX: Duration = Duration::from_secs(20);

/// A server with TLS, and clients that trust it: of HTTP/1.1 and of HTTP/2.
fn secure(change: impl FnOnce(&mut Config)) -> (TestServer, [Client; 2]) {
    let names = ["localhost".to_owned()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
    let key = signing_key.serialize_pem();
    let tls = ServerTls::from_pem(cert.pem().as_bytes(), key.as_bytes()).unwrap();
    let mut config = Config {
        tls: Some(tls),
        origins: OriginPolicy::same_origin().https_only(),
        ..config()
    };
    change(&mut config);
    let roots = TlsOptions::new().root_pem(cert.pem().as_bytes()).unwrap();
    let client = Client::new().proxy(Proxy::none()).tls(roots);
    (TestServer::with(config), [client.clone(), client.http2()])
}

async fn open(server: &TestServer, client: &Client, path: &str) -> Result<Socket, ConnectError> {
    let url = format!("wss://localhost:{}{path}", server.http().port());
    let connected = client.connect(&url, &["v12.stomp"]);
    timeout(WAIT_MAX, connected).await.unwrap()
}

async fn next(socket: &mut Socket) -> String {
    let message = timeout(WAIT_MAX, socket.receive()).await.unwrap();
    let message = message.unwrap().expect("a message");
    message.as_text().unwrap().to_owned()
}

#[tokio::test]
async fn stomp_and_echo_by_either_version_of_http() {
    let (server, clients) = secure(|_| {});
    let kinds = [TransportKind::Tls, TransportKind::Http2];
    for (client, kind) in clients.iter().zip(kinds) {
        let mut echo = open(&server, client, "/echo").await.unwrap();
        assert_eq!(echo.transport().kind(), kind);
        echo.send("hello").await.unwrap();
        assert_eq!(next(&mut echo).await, "hello");

        let mut stomp = open(&server, client, "/ws").await.unwrap();
        assert_eq!(stomp.protocol(), Some("v12.stomp"));
        let connect = "CONNECT\naccept-version:1.2\nhost:h\n\n\0";
        stomp.send(connect).await.unwrap();
        assert!(next(&mut stomp).await.starts_with("CONNECTED\n"));
        let subscribe = "SUBSCRIBE\nid:1\ndestination:/topic/a\n\n\0";
        stomp.send(subscribe).await.unwrap();
        let send = "SEND\ndestination:/topic/a\n\nnews\0";
        stomp.send(send).await.unwrap();
        let message = next(&mut stomp).await;
        assert!(message.starts_with("MESSAGE\n"), "{message}");
        assert!(message.ends_with("\n\nnews\0"), "{message}");
    }
}

#[tokio::test]
async fn long_echoes_by_either_version_of_http() {
    // Not compressed: over TLS they are written from where they were read, over HTTP/2 from a copy.
    let (server, clients) = secure(|config| Arc::make_mut(&mut config.websocket).deflate = None);
    let texts = [20_000, 5, 9_000, 300_000, 12_000].map(|length| "κ".repeat(length));
    for client in &clients {
        let mut echo = open(&server, client, "/echo").await.unwrap();
        for text in &texts {
            echo.feed(text.clone()).await.unwrap();
        }
        for text in &texts {
            assert!(next(&mut echo).await == *text);
        }
    }
}

#[tokio::test]
async fn every_client_is_told_of_the_end() {
    let (mut server, clients) = secure(|_| {});
    let mut sockets = Vec::new();
    for client in &clients {
        for _ in 0..2 {
            sockets.push(open(&server, client, "/echo").await.unwrap());
        }
    }
    server.stop();
    for socket in &mut sockets {
        let end = timeout(WAIT_MAX, socket.receive()).await.unwrap();
        assert!(end.unwrap().is_none());
        let frame = socket.close_frame().flatten().expect("a Close with a code");
        assert_eq!(frame.code(), CloseCode::new(1001).unwrap());
    }
}

#[tokio::test]
async fn a_page_that_came_without_tls_is_a_stranger() {
    let (server, clients) = secure(|_| {});
    let origin = |scheme| format!("{scheme}://localhost:{}", server.http().port());
    for client in clients {
        let own = client.clone().header("Origin", &origin("https")).unwrap();
        open(&server, &own, "/echo").await.unwrap();
        let other = client.header("Origin", &origin("http")).unwrap();
        let refused = open(&server, &other, "/echo").await.unwrap_err();
        let forbidden = matches!(
            &refused,
            ConnectError::Handshake(HandshakeError::Status(status)) if status.as_u16() == 403
        );
        assert!(forbidden, "{refused:?}");
    }
}

#[tokio::test]
async fn one_connection_of_http2_is_no_way_around_the_limit() {
    let (server, [_, client]) = secure(|config| config.connections_max = 3);
    // The connection itself is one.
    let first = open(&server, &client, "/echo").await.unwrap();
    let second = open(&server, &client, "/echo").await.unwrap();
    let refused = open(&server, &client, "/echo").await.unwrap_err();
    let full = matches!(
        &refused,
        ConnectError::Handshake(HandshakeError::Status(status)) if status.as_u16() == 503
    );
    assert!(full, "{refused:?}");
    drop((first, second));
}

#[test]
fn one_that_does_not_begin_tls_is_not_answered() {
    let (server, _) = secure(|_| {});
    let mut plain = TcpPeer::connect(server.http());
    plain.send("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    // An alert of TLS, then the end.
    let said = plain.read_to_end();
    assert!(!said.starts_with(b"HTTP"), "{said:?}");
}

#[tokio::test]
async fn stomp_without_http() {
    let (mut server, [client, _]) = secure(|config| {
        config.stomps_listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    });
    let port = server.stomps().unwrap().port();
    let stream = client.reach("localhost", port, true).await.unwrap();
    let mut stream = BufReader::new(stream);
    let mut frame = Vec::new();
    for (request, answer) in [
        ("CONNECT\naccept-version:1.2\nhost:h\n\n\0", "CONNECTED\n"),
        (
            "SUBSCRIBE\nid:1\ndestination:/queue/a\nreceipt:1\n\n\0",
            "RECEIPT\n",
        ),
        ("SEND\ndestination:/queue/a\n\nnews\0", "MESSAGE\n"),
    ] {
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        frame.clear();
        let read = stream.read_until(0, &mut frame);
        timeout(WAIT_MAX, read).await.unwrap().unwrap();
        let frame = String::from_utf8_lossy(&frame);
        assert!(frame.starts_with(answer), "{frame}");
    }
    server.stop();
    frame.clear();
    let rest = timeout(WAIT_MAX, stream.read_to_end(&mut frame))
        .await
        .unwrap();
    rest.expect("an end in order, of TLS too");
}

#[test]
fn stomp_over_tls_needs_tls() {
    let mut config = config();
    config.stomps_listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    assert_eq!(TestServer::with(config).stomps(), None);
}
