//! What a program adds to its handshake arrives.

use gumboot_websocket::{ConnectError, proto::handshake::client::HandshakeError};
use http::StatusCode;

use crate::server::{Server, client, expect_echo, soon};

#[tokio::test]
async fn headers_cookies_and_a_token() {
    let mut server = Server::plain().await;
    let client = client()
        .header("X-Key", "1")
        .and_then(|client| client.header("x-key", "2"))
        .and_then(|client| client.header("Origin", "https://example.com"))
        .and_then(|client| client.cookie("a", "1"))
        .and_then(|client| client.cookie("b", "2"))
        .and_then(|client| client.bearer_auth("token"))
        .unwrap();
    soon(client.connect(&server.ws("/"), &[])).await.unwrap();
    let request = server.request().await;
    let headers = request.headers();
    let keys: Vec<_> = headers.get_all("x-key").iter().collect();
    assert_eq!(keys, ["1", "2"]);
    assert_eq!(headers["origin"], "https://example.com");
    assert_eq!(headers["cookie"], "a=1; b=2");
    assert_eq!(headers["authorization"], "Bearer token");
}

#[tokio::test]
async fn a_user_in_the_url_or_beside_it() {
    let mut server = Server::plain().await;
    let url = server.url("ws", "Aladdin:open%20sesame@127.0.0.1", "/");
    soon(client().connect(&url, &[])).await.unwrap();
    let request = server.request().await;
    let basic = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
    assert_eq!(request.headers()["authorization"], basic);
    assert_eq!(request.uri(), "/");

    let url = server.url("ws", "someone@127.0.0.1", "/");
    let named = client().basic_auth("Aladdin", "open sesame").unwrap();
    soon(named.connect(&url, &[])).await.unwrap();
    let request = server.request().await;
    assert_eq!(request.headers()["authorization"], basic);
}

#[tokio::test]
async fn a_refusal_tells_its_status() {
    let server = Server::plain().await;
    let refused = soon(client().connect(&server.ws("/no"), &[])).await;
    let forbidden = HandshakeError::Status(StatusCode::FORBIDDEN);
    let expected = matches!(&refused, Err(ConnectError::Handshake(error)) if *error == forbidden);
    assert!(expected, "{refused:?}");
}

#[tokio::test]
async fn a_client_is_used_again_and_a_clone_goes_its_own_way() {
    let mut server = Server::plain().await;
    let first = client().header("x", "first").unwrap();
    let second = first.clone().header("y", "second").unwrap();
    for (client, expected) in [(&first, false), (&second, true), (&first, false)] {
        let mut socket = soon(client.connect(&server.ws("/"), &[])).await.unwrap();
        expect_echo(&mut socket, "hello").await;
        let request = server.request().await;
        assert_eq!(request.headers()["x"], "first");
        assert_eq!(request.headers().contains_key("y"), expected);
    }
}
