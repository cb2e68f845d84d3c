//! `accept` and the `Handshake` between a request and its answer, over streams in memory.

use std::time::Duration;

use gumboot_testkit::{ACCEPT, upgrade_request};
use gumboot_websocket::{
    AcceptError, Acceptor, accept,
    proto::handshake::server::Refusal,
    server::{Handshake, HttpLimits},
};
use http::Response;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinHandle,
};

use crate::support::{echo, soon};

/// A client that has sent `request`.
async fn client(request: &str) -> (DuplexStream, DuplexStream) {
    let (mut client, server) = duplex(64 * 1024);
    client.write_all(request.as_bytes()).await.unwrap();
    (client, server)
}

async fn read_head(client: &mut DuplexStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon(client.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

async fn read_to_end(mut client: DuplexStream) -> String {
    let mut text = String::new();
    soon(client.read_to_string(&mut text)).await.unwrap();
    text
}

async fn handshake(request: &str) -> (DuplexStream, Handshake<DuplexStream>) {
    let (client, server) = client(request).await;
    let acceptor = Acceptor::new().protocols(["b", "a"]);
    (client, soon(acceptor.handshake(server)).await.unwrap())
}

#[tokio::test]
async fn any_stream_will_do() {
    let (mut client, server) = client(&upgrade_request("/", &[])).await;
    let served = tokio::spawn(async move { echo(accept(server).await.unwrap()).await });
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 101 "));
    client.write_all(b"\x81\x82\0\0\0\0hi").await.unwrap();
    let mut answer = [0; 4];
    soon(client.read_exact(&mut answer)).await.unwrap();
    assert_eq!(answer, *b"\x81\x02hi");
    drop(client);
    soon(served).await.unwrap();
}

#[tokio::test]
async fn the_socket_knows_what_was_agreed_on() {
    let lines = [
        "sec-websocket-protocol: a, b",
        "sec-websocket-extensions: permessage-deflate",
    ];
    let (_client, handshake) = handshake(&upgrade_request("/", &lines)).await;
    let socket = soon(handshake.accept()).await.unwrap();
    assert_eq!(socket.protocol(), Some("b"));
    assert_eq!(
        socket.extensions(),
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    );
}

#[tokio::test]
async fn a_program_sees_the_request_and_adds_to_the_answer() {
    let lines = ["sec-websocket-protocol: a, b", "cookie: user=1"];
    let (mut client, mut handshake) = handshake(&upgrade_request("/chat?x=1", &lines)).await;
    assert_eq!(handshake.request().uri(), "/chat?x=1");
    assert_eq!(handshake.request().headers()["cookie"], "user=1");
    assert_eq!(handshake.offered(), ["a", "b"]);
    assert_eq!(handshake.protocol(), Some("b"));
    handshake.choose_protocol(Some("c"));
    assert_eq!(handshake.protocol(), None);
    handshake.choose_protocol(Some("a"));
    for (name, value) in [
        ("set-cookie", "seen=1"),
        ("sec-websocket-accept", "wrong"),
        ("sec-websocket-extensions", "wrong"),
        ("sec-websocket-protocol", "wrong"),
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("content-length", "7"),
    ] {
        let value = value.parse().unwrap();
        handshake.headers_mut().insert(name, value);
    }
    let socket = soon(handshake.accept()).await.unwrap();
    assert_eq!(socket.protocol(), Some("a"));
    let head = read_head(&mut client).await.to_ascii_lowercase();
    let mut lines: Vec<_> = head.trim_end().split("\r\n").collect();
    assert_eq!(lines.remove(0), "http/1.1 101 switching protocols");
    lines.retain(|line| !line.starts_with("date:"));
    lines.sort_unstable();
    let accept = format!("sec-websocket-accept: {}", ACCEPT.to_ascii_lowercase());
    let expected = [
        "connection: upgrade",
        accept.as_str(),
        "sec-websocket-protocol: a",
        "set-cookie: seen=1",
        "upgrade: websocket",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_program_refuses_in_its_own_words() {
    let (client, handshake) = handshake(&upgrade_request("/nothing", &[])).await;
    let response = Response::builder().status(404).header("x-why", "so");
    let refused = handshake.refuse(response.body("nothing here\n").unwrap());
    let (refused, text) = tokio::join!(soon(refused), read_to_end(client));
    refused.unwrap();
    let text = text.to_ascii_lowercase();
    assert!(text.starts_with("http/1.1 404 not found\r\n"), "{text}");
    assert!(text.contains("\r\nx-why: so\r\n"), "{text}");
    assert!(text.contains("\r\nconnection: close\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\nnothing here\n"), "{text}");
}

#[tokio::test]
#[should_panic(expected = "refuses nothing")]
async fn to_refuse_with_an_upgrade_is_a_mistake() {
    let (_client, handshake) = handshake(&upgrade_request("/", &[])).await;
    let response = Response::builder().status(101).body("").unwrap();
    let _ = handshake.refuse(response).await;
}

#[tokio::test]
async fn a_program_that_goes_away_ends_the_stream() {
    let (client, handshake) = handshake(&upgrade_request("/", &[])).await;
    drop(handshake);
    assert_eq!(read_to_end(client).await, "");
}

fn accepting(server: DuplexStream) -> JoinHandle<Result<(), AcceptError>> {
    tokio::spawn(async move { accept(server).await.map(drop) })
}

#[tokio::test]
async fn errors_say_whose_fault_it_is() {
    let (gone, server) = client("").await;
    let accepted = accepting(server);
    drop(gone);
    let error = soon(accepted).await.unwrap().unwrap_err();
    assert!(matches!(error, AcceptError::Eof), "{error:?}");

    let (half, server) = client("GET / HTTP/1.1\r\nhost:").await;
    let accepted = accepting(server);
    drop(half);
    let error = soon(accepted).await.unwrap().unwrap_err();
    assert!(matches!(error, AcceptError::Http(_)), "{error:?}");

    let (stranger, server) = client("garbage\r\n\r\n").await;
    let accepted = accepting(server);
    let text = read_to_end(stranger).await;
    assert!(text.starts_with("HTTP/1.1 400 "), "{text}");
    let error = soon(accepted).await.unwrap().unwrap_err();
    assert!(matches!(error, AcceptError::Http(_)), "{error:?}");

    let (old, server) = client(&upgrade_request("/", &["sec-websocket-version: 7"])).await;
    let accepted = accepting(server);
    let text = read_to_end(old).await;
    assert!(text.starts_with("HTTP/1.1 426 "), "{text}");
    let error = soon(accepted).await.unwrap().unwrap_err();
    let version = matches!(error, AcceptError::Refused(Refusal::Version));
    assert!(version, "{error:?}");
}

#[tokio::test]
async fn a_head_at_the_limit_and_past_it() {
    let line = |bytes: usize| {
        let padding = bytes - upgrade_request("/", &["x-padding: "]).len();
        format!("x-padding: {}", "x".repeat(padding))
    };
    let acceptor = Acceptor::new().http_limits(HttpLimits {
        head_bytes_max: 8 * 1024,
        ..HttpLimits::default()
    });
    let (_client, server) = client(&upgrade_request("/", &[&line(8 * 1024)])).await;
    assert!(soon(acceptor.accept(server)).await.is_ok());
    let (client, server) = client(&upgrade_request("/", &[&line(10 * 1024)])).await;
    let (accepted, text) = tokio::join!(soon(acceptor.accept(server)), read_to_end(client));
    assert!(text.starts_with("HTTP/1.1 431 "), "{text}");
    assert!(matches!(accepted, Err(AcceptError::Http(_))));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_dawdles_is_told() {
    let (mut client, server) = client(&upgrade_request("/", &[])[..20]).await;
    let begun = tokio::time::Instant::now();
    let mut text = String::new();
    let (accepted, read) = tokio::join!(accept(server), client.read_to_string(&mut text));
    read.unwrap();
    assert!(matches!(accepted, Err(AcceptError::TimedOut)));
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
    assert!(begun.elapsed() >= Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_program_may_take_its_time() {
    let (mut client, handshake) = handshake(&upgrade_request("/", &[])).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let socket = handshake.accept().await.unwrap();
    let echoed = tokio::spawn(echo(socket));
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 101 "));
    drop(client);
    echoed.await.unwrap();
}
