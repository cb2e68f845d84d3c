//! The opening handshake as a server answers it, over a raw stream (RFC 6455 §4.2).

use gumboot_testkit::{
    ACCEPT, HttpResponse, MASK, TEXT, TcpPeer, WebSocketPeer, encode_frame, upgrade_request,
};

use crate::support::echo_server;

/// Sends `request`; the answer is to be of `status` and say `text`, and to be the last. Gives it.
#[track_caller]
fn check_refused(request: &str, status: u16, text: &str) -> HttpResponse {
    let mut tcp = TcpPeer::connect(echo_server());
    tcp.send(request);
    let response = HttpResponse::read(&mut tcp);
    assert_eq!(response.status, status, "{request}");
    assert_eq!(response.text(), text, "{request}");
    tcp.expect_end();
    response
}

#[track_caller]
fn check_bad_request(changes: &[&str], text: &str) {
    let response = check_refused(&upgrade_request("/echo", changes), 400, text);
    assert_eq!(response.header("connection"), Some("close"));
}

fn check_echo(mut websocket: WebSocketPeer) {
    websocket.send(TEXT, "hello");
    websocket.expect(TEXT, "hello");
}

#[test]
fn a_good_one() {
    let mut tcp = TcpPeer::connect(echo_server());
    tcp.send(upgrade_request("/echo", &[]));
    let response = HttpResponse::read(&mut tcp);
    assert_eq!(response.status, 101);
    assert_eq!(response.header("upgrade"), Some("websocket"));
    assert_eq!(response.header("connection"), Some("Upgrade"));
    assert_eq!(response.header("sec-websocket-accept"), Some(ACCEPT));
    assert_eq!(response.header("sec-websocket-protocol"), None);
    assert_eq!(response.header("sec-websocket-extensions"), None);
    assert_eq!(response.header("content-length"), None);
}

#[test]
fn other_spellings_are_as_good() {
    for changes in [
        &["upgrade: WebSocket"][..],
        &["connection: keep-alive, upgrade"],
        &["connection: keep-alive", "connection: UPGRADE"],
        &["sec-websocket-extensions: x-unknown; a=1"],
        &["origin: http://localhost"],
    ] {
        let mut tcp = TcpPeer::connect(echo_server());
        tcp.send(upgrade_request("/echo", changes));
        check_echo(WebSocketPeer::upgraded(tcp));
    }
}

#[test]
fn one_subprotocol_is_chosen_in_the_servers_order() {
    let address = echo_server();
    for (offered, chosen) in [
        ("chat", Some("chat")),
        ("chat, superchat", Some("superchat")),
        ("mqtt, chat", Some("chat")),
        ("mqtt", None),
        ("", None),
    ] {
        let websocket = WebSocketPeer::open(address, "/echo", offered);
        assert_eq!(websocket.protocol(), chosen, "{offered}");
    }
}

#[test]
fn another_method() {
    let request = upgrade_request("/echo", &[]).replacen("GET", "POST", 1);
    let response = check_refused(&request, 405, "a WebSocket handshake is a GET\n");
    assert_eq!(response.header("allow"), Some("GET"));
}

#[test]
fn another_version() {
    let needed = "`Sec-WebSocket-Version` must be 13\n";
    for version in [
        "sec-websocket-version: 8",
        "sec-websocket-version: 14",
        "sec-websocket-version:",
    ] {
        let response = check_refused(&upgrade_request("/echo", &[version]), 426, needed);
        assert_eq!(response.header("sec-websocket-version"), Some("13"));
        assert_eq!(response.header("upgrade"), Some("websocket"));
    }
}

#[test]
fn bad_requests() {
    let key = "`Sec-WebSocket-Key` must be 16 bytes in base64, once\n";
    check_bad_request(&["sec-websocket-key:"], key);
    check_bad_request(&["sec-websocket-key: c2hvcnQ="], key);
    check_bad_request(&["sec-websocket-key: not base64!"], key);
    let connection = "a WebSocket handshake needs `Connection: Upgrade`\n";
    check_bad_request(&["connection: keep-alive"], connection);
    check_bad_request(&["connection:"], connection);
    let upgrade = "this is a WebSocket address: a handshake needs `Upgrade: websocket`\n";
    check_bad_request(&["upgrade: h2c"], upgrade);
    check_bad_request(&["upgrade:"], upgrade);
    check_bad_request(&["host:"], "a request needs one `Host`\n");
    let protocols = "`Sec-WebSocket-Protocol` must list tokens, each once\n";
    check_bad_request(&["sec-websocket-protocol: chat, chat"], protocols);
    check_bad_request(&["sec-websocket-protocol: a b"], protocols);
    let body = "a WebSocket handshake has no body\n";
    check_bad_request(&["content-length: 3"], body);
}

#[test]
fn an_older_http() {
    let request = upgrade_request("/echo", &[]).replacen("HTTP/1.1", "HTTP/1.0", 1);
    let mut tcp = TcpPeer::connect(echo_server());
    tcp.send(request);
    let answer = String::from_utf8(tcp.read_to_end()).unwrap();
    assert!(
        answer.starts_with("HTTP/1.0 400 Bad Request\r\n"),
        "{answer}"
    );
    assert!(
        answer.ends_with("a WebSocket handshake needs HTTP/1.1\n"),
        "{answer}"
    );
}

#[test]
fn pages_of_other_origins() {
    for origin in [
        "origin: http://evil.example",
        "origin: http://localhost:81",
        "origin: null",
    ] {
        let request = upgrade_request("/echo", &[origin]);
        let text = "pages of this origin may not connect here\n";
        check_refused(&request, 403, text);
    }
}

#[test]
fn what_is_not_http() {
    for garbage in [
        "garbage\r\n\r\n",
        "\x16\x03\x01\x02\0\x01\0\x01\u{fc}\r\n\r\n",
        "GET  /echo\r\n\r\n",
        "GET /echo HTTP/1.1\r\nno colon\r\n\r\n",
    ] {
        check_refused(garbage, 400, "");
    }
}

#[test]
fn byte_by_byte() {
    let mut tcp = TcpPeer::connect(echo_server());
    for byte in upgrade_request("/echo", &[]).bytes() {
        tcp.send([byte]);
    }
    let mut websocket = WebSocketPeer::upgraded(tcp);
    for byte in encode_frame(TEXT, "grüße".as_bytes(), Some(MASK)) {
        websocket.tcp().send([byte]);
    }
    websocket.expect(TEXT, "grüße");
}

#[test]
fn a_page_and_then_an_upgrade_on_the_same_connection() {
    let mut tcp = TcpPeer::connect(echo_server());
    for _ in 0..2 {
        tcp.send("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let page = HttpResponse::read(&mut tcp);
        assert_eq!((page.status, page.text()), (200, "a page\n"));
    }
    tcp.send(upgrade_request("/echo", &[]));
    check_echo(WebSocketPeer::upgraded(tcp));
}

#[test]
fn frames_directly_behind_the_head_are_answered() {
    let mut tcp = TcpPeer::connect(echo_server());
    let first = encode_frame(TEXT, b"first", Some(MASK));
    let second = encode_frame(TEXT, b"second", Some(MASK));
    let head = upgrade_request("/echo", &[]);
    tcp.send([head.as_bytes(), &first, &second[..3]].concat());
    let mut websocket = WebSocketPeer::upgraded(tcp);
    websocket.expect(TEXT, "first");
    websocket.tcp().send(&second[3..]);
    websocket.expect(TEXT, "second");
}

#[test]
fn the_server_ends_the_transport_behind_its_close() {
    let mut websocket = WebSocketPeer::open(echo_server(), "/echo", "");
    websocket.send_close(4321, "done");
    assert_eq!(websocket.expect_close(), (4321, "done".to_owned()));
}
