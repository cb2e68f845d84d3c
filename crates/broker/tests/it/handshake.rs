//! What is at which path, which subprotocol is chosen, and whose pages may connect.

use gumboot_broker::{Config, Endpoints, OriginPolicy};
use gumboot_testkit::{BINARY, HttpResponse, TEXT, TcpPeer, WebSocketPeer, upgrade_request};

use crate::support::{TestServer, config};

fn respond(server: &TestServer, request: &str) -> HttpResponse {
    let mut tcp = TcpPeer::connect(server.http());
    tcp.send(request);
    HttpResponse::read(&mut tcp)
}

#[test]
fn one_subprotocol_is_chosen_the_newest_first() {
    let server = TestServer::start();
    for (offered, chosen) in [
        ("v12.stomp", Some("v12.stomp")),
        ("v12.stomp, v10.stomp", Some("v12.stomp")),
        ("v10.stomp, v11.stomp, v12.stomp", Some("v12.stomp")),
        ("v10.stomp,v11.stomp", Some("v11.stomp")),
        ("v10.stomp, mqtt", Some("v10.stomp")),
        ("foo", None),
        ("V12.STOMP", None),
        ("", None),
    ] {
        let websocket = WebSocketPeer::open(server.http(), "/ws", offered);
        assert_eq!(websocket.protocol(), chosen, "{offered}");
    }
}

#[test]
fn the_subprotocol_does_not_bind_the_version() {
    let server = TestServer::start();
    let mut websocket = WebSocketPeer::open(server.http(), "/ws", "v10.stomp");
    websocket.send(TEXT, "CONNECT\naccept-version:1.2\n\n\0");
    let connected = websocket.receive();
    assert!(connected.payload.starts_with(b"CONNECTED\nversion:1.2\n"));
}

#[test]
fn echo_sends_back_what_comes_and_speaks_what_is_offered() {
    let server = TestServer::start();
    let mut websocket = WebSocketPeer::open(server.http(), "/echo", "chat, superchat");
    assert_eq!(websocket.protocol(), Some("chat"));
    websocket.send(TEXT, "grüße");
    websocket.expect(TEXT, "grüße");
    websocket.send(BINARY, [0, 0xFF]);
    websocket.expect(BINARY, [0, 0xFF]);
    websocket.send(TEXT, "");
    websocket.expect(TEXT, "");
}

#[test]
fn only_pages_of_the_server_itself_may_connect() {
    let server = TestServer::start();
    let address = server.http();
    let own = format!("origin: http://{address}");
    let host = format!("host: {address}");
    for (changes, status) in [
        (vec![], 101),
        (vec![&*host, &*own], 101),
        (vec![&*host, "origin: http://evil.example"], 403),
        (vec![&*host, "origin: null"], 403),
        // A page whose name was bent to loopback.
        (
            vec!["host: evil.example", "origin: http://evil.example"],
            403,
        ),
    ] {
        for path in ["/ws", "/echo"] {
            let response = respond(&server, &upgrade_request(path, &changes));
            assert_eq!(response.status, status, "{changes:?}");
        }
    }
}

#[test]
fn origins_that_were_allowed_may_connect_too() {
    let mut config = config();
    config.origins = OriginPolicy::same_origin()
        .allow("https://app.example")
        .unwrap();
    let server = TestServer::with(config);
    let status = |origin: &str| respond(&server, &upgrade_request("/ws", &[origin])).status;
    assert_eq!(status("origin: https://app.example"), 101);
    assert_eq!(status("origin: https://other.example"), 403);
}

#[test]
fn with_stomp_alone_there_is_nothing_else() {
    let server = TestServer::with(Config {
        endpoints: Endpoints::Stomp,
        ..config()
    });
    for path in ["/", "/health", "/nothing"] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        assert_eq!(respond(&server, &request).status, 404, "{path}");
    }
    assert_eq!(respond(&server, &upgrade_request("/echo", &[])).status, 404);
    assert_eq!(respond(&server, &upgrade_request("/ws", &[])).status, 101);
}

#[test]
fn pages_and_what_is_none() {
    let server = TestServer::start();
    let request = |method: &str, path: &str| {
        respond(
            &server,
            &format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"),
        )
    };
    let console = request("GET", "/");
    assert_eq!(console.status, 200);
    assert_eq!(
        console.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(console.text().contains("<title>"));
    assert_eq!(request("GET", "/nothing").status, 404);
    let posted = request("POST", "/");
    assert_eq!(posted.status, 405);
    assert_eq!(posted.header("allow"), Some("GET, HEAD"));
    let no_handshake = request("GET", "/ws");
    assert_eq!(no_handshake.status, 400);
    assert_eq!(
        no_handshake.text(),
        "this is a WebSocket address: a handshake needs `Upgrade: websocket`\n"
    );
}
