//! The ways in with TLS, over HTTP/1.1 and HTTP/2 (RFC 8441).

use gumboot_websocket::{
    Acceptor, Client, ConnectError, OriginPolicy, TransportKind,
    proto::handshake::client::HandshakeError,
};
use http::StatusCode;

use crate::support::{WAYS, Way, expect_echo, secure_echo_server, soon};

fn url(address: std::net::SocketAddr) -> String {
    format!("wss://localhost:{}/chat", address.port())
}

fn origin(client: Client, origin: &str) -> Client {
    client.header("origin", origin).unwrap()
}

#[tokio::test]
async fn an_echo_over_either_version_of_http() {
    for way in WAYS {
        let acceptor = Acceptor::new().protocols(["b", "a"]);
        let (address, client) = secure_echo_server(*way, &acceptor);
        // Plain streams are HTTP/1.1, whatever the client would like.
        let http2 = match way {
            Way::Plain => TransportKind::Tls,
            _ => TransportKind::Http2,
        };
        for (client, kind) in [
            (client.clone(), TransportKind::Tls),
            (client.http2(), http2),
        ] {
            let connected = soon(client.connect(&url(address), &["a", "b"])).await;
            let mut socket = connected.unwrap();
            assert_eq!(socket.transport().kind(), kind, "{way:?}");
            assert_eq!(socket.protocol(), Some("b"), "{way:?}");
            assert!(socket.extensions().starts_with("permessage-deflate"));
            expect_echo(&mut socket, "hello").await;
            expect_echo(&mut socket, &"x".repeat(1_000_000)).await;
            soon(socket.close(None)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn the_servers_own_pages_and_no_others() {
    for way in WAYS {
        let (address, client) = secure_echo_server(*way, &Acceptor::new());
        let own = format!("https://localhost:{}", address.port());
        for client in [client.clone(), client.http2()] {
            let page = origin(client.clone(), &own);
            let mut socket = soon(page.connect(&url(address), &[])).await.unwrap();
            expect_echo(&mut socket, "hello").await;
            let stranger = origin(client, "https://evil.example");
            let refused = soon(stranger.connect(&url(address), &[]))
                .await
                .unwrap_err();
            let forbidden = HandshakeError::Status(StatusCode::FORBIDDEN);
            let expected =
                matches!(&refused, ConnectError::Handshake(error) if *error == forbidden);
            assert!(expected, "{way:?}: {refused:?}");
        }
    }
}

#[tokio::test]
async fn a_page_that_came_without_tls_is_not_own() {
    let told = Acceptor::new().origins(OriginPolicy::same_origin().https_only());
    for way in WAYS {
        for (acceptor, http2) in [(Acceptor::new(), true), (told.clone(), false)] {
            let (address, client) = secure_echo_server(*way, &acceptor);
            let client = if http2 { client.http2() } else { client };
            let page = origin(client, &format!("http://localhost:{}", address.port()));
            let refused = soon(page.connect(&url(address), &[])).await;
            let forbidden = HandshakeError::Status(StatusCode::FORBIDDEN);
            let expected =
                matches!(&refused, Err(ConnectError::Handshake(error)) if *error == forbidden);
            assert!(expected, "{way:?}: {refused:?}");
        }
    }
}

#[tokio::test]
async fn a_server_on_plain_streams_knows_that_it_has_tls() {
    let (address, client) = secure_echo_server(Way::Plain, &Acceptor::new());
    let page = origin(client, &format!("http://localhost:{}", address.port()));
    assert!(soon(page.connect(&url(address), &[])).await.is_err());
}
