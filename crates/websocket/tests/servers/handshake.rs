//! The opening handshake (RFC 6455 §4.2), which every way in answers alike, over a raw stream.

use gumboot_testkit::{
    ACCEPT, HttpResponse, MASK, TEXT, TcpPeer, WebSocketPeer, encode_frame, upgrade_request,
};
use gumboot_websocket::{Acceptor, OriginPolicy};

use crate::support::{WAYS, Way, echo_server};

fn check_refused(way: Way, request: &str, status: u16, text: &str) -> HttpResponse {
    let mut tcp = TcpPeer::connect(echo_server(way, &Acceptor::new()));
    tcp.send(request);
    let response = HttpResponse::read(&mut tcp);
    assert_eq!(response.status, status, "{way:?}: {request}");
    assert_eq!(response.text(), text, "{way:?}: {request}");
    tcp.expect_end();
    response
}

fn check_bad_request(changes: &[&str], text: &str) {
    for way in WAYS {
        let response = check_refused(*way, &upgrade_request("/", changes), 400, text);
        assert_eq!(response.header("connection"), Some("close"));
    }
}

#[test]
fn a_good_one() {
    for way in WAYS {
        let mut tcp = TcpPeer::connect(echo_server(*way, &Acceptor::new()));
        tcp.send(upgrade_request("/chat?x", &["origin: http://localhost"]));
        let response = HttpResponse::read(&mut tcp);
        assert_eq!(response.status, 101, "{way:?}");
        assert_eq!(response.header("upgrade"), Some("websocket"));
        let connection = response.header("connection").unwrap();
        assert!(connection.eq_ignore_ascii_case("upgrade"), "{connection}");
        assert_eq!(response.header("sec-websocket-accept"), Some(ACCEPT));
        assert_eq!(response.header("sec-websocket-protocol"), None);
        assert_eq!(response.header("sec-websocket-extensions"), None);
    }
}

#[test]
fn bad_requests() {
    let key = "`Sec-WebSocket-Key` must be 16 bytes in base64, once\n";
    check_bad_request(&["sec-websocket-key:"], key);
    check_bad_request(&["sec-websocket-key: c2hvcnQ="], key);
    let connection = "a WebSocket handshake needs `Connection: Upgrade`\n";
    check_bad_request(&["connection: keep-alive"], connection);
    let upgrade = "this is a WebSocket address: a handshake needs `Upgrade: websocket`\n";
    check_bad_request(&["upgrade:", "connection:"], upgrade);
    let protocols = "`Sec-WebSocket-Protocol` must list tokens, each once\n";
    check_bad_request(&["sec-websocket-protocol: chat, chat"], protocols);
    let extensions = "`Sec-WebSocket-Extensions` is malformed\n";
    check_bad_request(&["sec-websocket-extensions: a b"], extensions);
}

#[test]
fn another_method_or_version() {
    for way in WAYS {
        let post = upgrade_request("/", &[]).replacen("GET", "POST", 1);
        let response = check_refused(*way, &post, 405, "a WebSocket handshake is a GET\n");
        assert_eq!(response.header("allow"), Some("GET"));
        let old = upgrade_request("/", &["sec-websocket-version: 8"]);
        let needed = "`Sec-WebSocket-Version` must be 13\n";
        let response = check_refused(*way, &old, 426, needed);
        assert_eq!(response.header("sec-websocket-version"), Some("13"));
        assert_eq!(response.header("upgrade"), Some("websocket"));
    }
}

#[test]
fn pages_of_other_origins() {
    let text = "pages of this origin may not connect here\n";
    let request = upgrade_request("/", &["origin: http://evil.example"]);
    let allowed = OriginPolicy::same_origin()
        .allow("http://evil.example")
        .unwrap();
    for way in WAYS {
        check_refused(*way, &request, 403, text);
        let acceptor = Acceptor::new().origins(allowed.clone());
        let mut tcp = TcpPeer::connect(echo_server(*way, &acceptor));
        tcp.send(&request);
        assert_eq!(HttpResponse::read(&mut tcp).status, 101, "{way:?}");
    }
}

#[test]
fn one_subprotocol_is_chosen_in_the_servers_order() {
    for way in WAYS {
        let acceptor = Acceptor::new().protocols(["superchat", "chat"]);
        let address = echo_server(*way, &acceptor);
        for (offered, chosen) in [
            ("chat, superchat", Some("superchat")),
            ("mqtt, chat", Some("chat")),
            ("mqtt", None),
        ] {
            let websocket = WebSocketPeer::open(address, "/", offered);
            assert_eq!(websocket.protocol(), chosen, "{way:?}: {offered}");
        }
    }
}

#[test]
fn frames_directly_behind_the_head_are_answered() {
    for way in WAYS {
        let mut tcp = TcpPeer::connect(echo_server(*way, &Acceptor::new()));
        let first = encode_frame(TEXT, b"first", Some(MASK));
        let second = encode_frame(TEXT, b"second", Some(MASK));
        let head = upgrade_request("/", &[]);
        tcp.send([head.as_bytes(), &first, &second[..3]].concat());
        let mut websocket = WebSocketPeer::upgraded(tcp);
        websocket.expect(TEXT, "first");
        websocket.tcp().send(&second[3..]);
        websocket.expect(TEXT, "second");
        websocket.send_close(4321, "done");
        assert_eq!(websocket.expect_close(), (4321, "done".to_owned()));
    }
}

#[test]
fn byte_by_byte() {
    for way in WAYS {
        let mut tcp = TcpPeer::connect(echo_server(*way, &Acceptor::new()));
        for byte in upgrade_request("/", &[]).bytes() {
            tcp.send([byte]);
        }
        let mut websocket = WebSocketPeer::upgraded(tcp);
        websocket.send(TEXT, "grüße");
        websocket.expect(TEXT, "grüße");
    }
}
