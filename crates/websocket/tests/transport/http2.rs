//! WebSockets over HTTP/2 (RFC 8441): several on one connection, each with its own end.

use std::time::Duration;

use gumboot_websocket::{
    Client, ConnectError, TransportKind,
    proto::{CloseCode, CloseFrame, Config, handshake::client::HandshakeError},
};
use http::StatusCode;

use crate::{
    certificates::Root,
    server::{Server, client, expect_echo, is_http2, soon},
};

async fn pair() -> (Server, Client) {
    let root = Root::new();
    let server = Server::secure(root.server("localhost")).await;
    (server, client().tls(root.trusted()).http2())
}

#[tokio::test]
async fn several_on_one_connection() {
    let (mut server, client) = pair().await;
    let mut sockets = Vec::new();
    for index in 0..5 {
        let path = format!("/room/{index}?x");
        let connected = soon(client.connect(&server.wss(&path), &["a", "b"])).await;
        sockets.push(connected.unwrap());
        let request = server.request().await;
        assert!(is_http2(&request));
        assert_eq!(request.uri().path_and_query().unwrap().as_str(), path);
        let host = format!("localhost:{}", server.address.port());
        assert_eq!(request.headers()["host"], host.as_str());
        assert!(!request.headers().contains_key("sec-websocket-key"));
    }
    assert_eq!(server.connections(), 1);
    for (index, socket) in sockets.iter_mut().enumerate() {
        assert_eq!(socket.transport().kind(), TransportKind::Http2);
        assert_eq!(socket.transport().peer_addr(), Some(server.address));
        let tls = socket.transport().tls().unwrap();
        assert_eq!(tls.alpn.as_deref(), Some("h2"));
        assert_eq!(socket.protocol(), Some("a"));
        assert!(socket.extensions().starts_with("permessage-deflate"));
        expect_echo(socket, &format!("message {index}")).await;
    }
}

#[tokio::test]
async fn those_who_come_at_once_share_a_connection() {
    let (server, client) = pair().await;
    let url = server.wss("/");
    let (a, b, c) = tokio::join!(
        client.connect(&url, &[]),
        client.connect(&url, &[]),
        client.connect(&url, &[])
    );
    for connected in [a, b, c] {
        expect_echo(&mut connected.unwrap(), "hello").await;
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn each_has_its_own_close() {
    let (server, client) = pair().await;
    let mut first = soon(client.connect(&server.wss("/"), &[])).await.unwrap();
    let mut second = soon(client.connect(&server.wss("/"), &[])).await.unwrap();
    let frame = CloseFrame::new(CloseCode::new(4000).unwrap(), "bye").unwrap();
    soon(first.close(Some(&frame))).await.unwrap();
    assert_eq!(first.close_frame(), Some(Some(&frame)));
    expect_echo(&mut second, "still here").await;
    soon(second.close(None)).await.unwrap();
    assert_eq!(second.close_frame(), Some(None));
    // The connection is there for another one.
    let mut third = soon(client.connect(&server.wss("/"), &[])).await.unwrap();
    expect_echo(&mut third, "again").await;
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_message_beyond_the_windows() {
    let (server, client) = pair().await;
    let plain = Config {
        deflate: None,
        ..Config::client()
    };
    let client = client.config(plain);
    let mut large = soon(client.connect(&server.wss("/"), &[])).await.unwrap();
    let mut small = soon(client.connect(&server.wss("/"), &[])).await.unwrap();
    let text = "0123456789abcdef".repeat(1024 * 1024 / 16);
    for _ in 0..8 {
        expect_echo(&mut large, &text).await;
        expect_echo(&mut small, "hello").await;
    }
}

#[tokio::test]
async fn one_that_is_not_read_does_not_hold_up_the_others() {
    let (server, client) = pair().await;
    let plain = Config {
        deflate: None,
        ..Config::client()
    };
    let client = client.config(plain);
    let mut lazy = soon(client.connect(&server.wss("/"), &[])).await.unwrap();
    let text = "x".repeat(900 * 1024);
    lazy.send(text.as_str()).await.unwrap();
    let mut busy = soon(client.connect(&server.wss("/"), &[])).await.unwrap();
    for _ in 0..20 {
        expect_echo(&mut busy, "hello").await;
    }
    let message = soon(lazy.receive()).await.unwrap().unwrap();
    assert_eq!(message.as_text(), Some(text.as_str()));
}

#[tokio::test]
async fn a_refusal_tells_its_status() {
    let (server, client) = pair().await;
    let refused = soon(client.connect(&server.wss("/no"), &[])).await;
    let forbidden = HandshakeError::Status(StatusCode::FORBIDDEN);
    let expected = matches!(&refused, Err(ConnectError::Handshake(error)) if *error == forbidden);
    assert!(expected, "{refused:?}");
    let mut socket = soon(client.connect(&server.wss("/"), &[])).await.unwrap();
    expect_echo(&mut socket, "hello").await;
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn the_client_may_go_while_its_sockets_stay() {
    let (server, client) = pair().await;
    let mut socket = soon(client.connect(&server.wss("/"), &[])).await.unwrap();
    drop(client);
    expect_echo(&mut socket, "hello").await;
    soon(socket.close(None)).await.unwrap();
}

#[tokio::test]
async fn a_connection_without_use_is_ended_and_made_anew() {
    let root = Root::new();
    let mut server = Server::impatient(root.server("localhost")).await;
    let client = client().tls(root.trusted()).http2();
    for connections in 1..=3 {
        let mut socket = soon(client.connect(&server.wss("/"), &[])).await.unwrap();
        expect_echo(&mut socket, "hello").await;
        assert_eq!(server.connections(), connections);
        soon(socket.close(None)).await.unwrap();
        drop(socket);
        server.end().await;
    }
}

#[tokio::test]
async fn the_client_ends_a_connection_without_use() {
    let root = Root::new();
    let mut server = Server::patient(root.server("localhost")).await;
    let client = client().tls(root.trusted()).http2();
    let client = client.http2_idle_max(Duration::from_millis(50));
    for connections in 1..=2 {
        let mut socket = soon(client.connect(&server.wss("/"), &[])).await.unwrap();
        expect_echo(&mut socket, "hello").await;
        assert_eq!(server.connections(), connections);
        soon(socket.close(None)).await.unwrap();
        drop(socket);
        server.end().await;
    }
    // Nor does it keep one that the handshake did not make use of.
    let refused = soon(client.connect(&server.wss("/no"), &[])).await;
    assert!(refused.is_err());
    server.end().await;
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn without_tls_it_is_http1() {
    let mut server = Server::plain().await;
    let mut socket = soon(client().http2().connect(&server.ws("/"), &[]))
        .await
        .unwrap();
    expect_echo(&mut socket, "hello").await;
    assert!(!is_http2(&server.request().await));
}
