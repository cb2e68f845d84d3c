//! Redirects: refused unless they are asked for, and no secret goes along to another origin.

use gumboot_websocket::{
    Client, ConnectError, RedirectError, proto::handshake::client::HandshakeError,
};
use http::StatusCode;

use crate::{
    certificates::Root,
    server::{Server, client, expect_echo, soon},
};

fn with_secrets() -> Client {
    client()
        .header("X-Api-Key", "secret")
        .and_then(|client| client.header("User-Agent", "test"))
        .and_then(|client| client.bearer_auth("secret"))
        .and_then(|client| client.cookie("session", "secret"))
        .unwrap()
}

#[tokio::test]
async fn none_is_followed_by_default() {
    let server = Server::redirecting(None, "/").await;
    let refused = soon(client().connect(&server.ws("/away"), &[])).await;
    let redirect = HandshakeError::Status(StatusCode::TEMPORARY_REDIRECT);
    let expected = matches!(&refused, Err(ConnectError::Handshake(error)) if *error == redirect);
    assert!(expected, "{refused:?}");
}

#[tokio::test]
async fn within_an_origin_all_is_told_again() {
    let mut server = Server::redirecting(None, "/here?x=1").await;
    let client = with_secrets().follow_redirects(1);
    let mut socket = soon(client.connect(&server.ws("/away"), &[]))
        .await
        .unwrap();
    expect_echo(&mut socket, "hello").await;
    let (first, second) = (server.request().await, server.request().await);
    assert_eq!(second.uri(), "/here?x=1");
    assert_eq!(second.headers()["authorization"], "Bearer secret");
    assert_eq!(second.headers()["cookie"], "session=secret");
    let key = "sec-websocket-key";
    assert_ne!(first.headers()[key], second.headers()[key]);
}

#[tokio::test]
async fn another_origin_is_told_no_secret() {
    let mut other = Server::plain().await;
    let server = Server::redirecting(None, &other.ws("/here")).await;
    let client = with_secrets().follow_redirects(5);
    soon(client.connect(&server.ws("/away"), &[]))
        .await
        .unwrap();
    let request = other.request().await;
    for secret in ["authorization", "cookie", "x-api-key"] {
        assert!(!request.headers().contains_key(secret), "{secret}");
    }
    assert_eq!(request.headers()["user-agent"], "test");
}

#[tokio::test]
async fn a_user_in_the_url_stays_with_its_origin() {
    let mut other = Server::plain().await;
    let server = Server::redirecting(None, &other.ws("/here")).await;
    let url = server.url("ws", "user:secret@127.0.0.1", "/away");
    let client = client().follow_redirects(5);
    soon(client.connect(&url, &[])).await.unwrap();
    let request = other.request().await;
    assert!(!request.headers().contains_key("authorization"));
}

#[tokio::test]
async fn the_certificate_of_the_client_is_not_shown_to_another_origin() {
    let root = Root::new();
    let tls = root.server("localhost");
    let tls = tls.require_client_certificate(root.pem().as_bytes());
    let other = Server::secure(tls.unwrap()).await;
    let server = Server::redirecting(None, &other.wss("/")).await;
    let leaf = root.sign("client");
    let identity = root
        .trusted()
        .identity_pem(leaf.certificate.as_bytes(), leaf.key.as_bytes());
    let client = client().tls(identity.unwrap()).follow_redirects(1);
    soon(client.connect(&server.ws("/away"), &[]))
        .await
        .unwrap_err();
    // By name it is.
    soon(client.connect(&other.wss("/"), &[])).await.unwrap();
}

/// The reason for which a redirect of a server with TLS or without is not followed.
async fn refused(is_tls: bool, away: &str) -> RedirectError {
    let root = Root::new();
    let tls = is_tls.then(|| root.server("localhost"));
    let server = Server::redirecting(tls, away).await;
    let url = server.url(if is_tls { "wss" } else { "ws" }, "localhost", "/away");
    let client = client().tls(root.trusted()).follow_redirects(2);
    match soon(client.connect(&url, &[])).await {
        Err(ConnectError::Redirect(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_not_followed() {
    assert_eq!(refused(false, "/away").await, RedirectError::TooMany);
    assert_eq!(refused(false, "mailto:x").await, RedirectError::Location);
    let plain = refused(true, "ws://127.0.0.1:9/").await;
    assert_eq!(plain, RedirectError::Insecure);
}
