//! What a logged-in client may not send: an ERROR that says why, with the receipt that was asked for, and then the end
//! of the connection; nothing is lost of it on the way.

use gumboot_testkit::{BINARY, CLOSE, Over, TEXT, close_body};
use serde_json::Value;

use crate::support::{TestServer, config, over_each};

/// The Close of a client that broke the protocol.
const PROTOCOL: u16 = 1002;
/// The Close of a client that asks for what the broker does not do.
const POLICY: u16 = 1008;

/// Sends `wire` over each carriage of a session of `version`; the answer is to be an ERROR of this `message`, and the
/// end, over a WebSocket with a Close of `code`.
#[track_caller]
fn check(server: &TestServer, version: &str, wire: &str, message: &str, code: u16) {
    over_each(|over| {
        eprintln!("{wire:?}");
        let mut client = server.client(over, version);
        client.send(wire);
        let (error, closed) = client.expect_error(message);
        assert_eq!(closed, (over != Over::Tcp).then_some(code));
        assert!(!error.body.is_empty());
        let receipt = wire.contains("\nreceipt:r\n").then_some("r");
        assert_eq!(error.header("receipt-id"), receipt);
    });
}

#[test]
fn frames_that_break_the_protocol() {
    let server = TestServer::start();
    for (wire, message) in [
        ("SEND\nreceipt:r\n\nx\0", "Missing header"),
        ("SUBSCRIBE\ndestination:/topic/a\n\n\0", "Missing header"),
        ("send\ndestination:/topic/a\n\nx\0", "Unknown command"),
        ("SENDX\ndestination:/topic/a\n\nx\0", "Unknown command"),
        (
            "MESSAGE\ndestination:/topic/a\n\nx\0",
            "Command not for this role",
        ),
        (
            "SEND\ndestination:/topic/a\nno colon\n\nx\0",
            "Malformed header",
        ),
        ("SEND\ndestination:/topic/a\n:x\n\nx\0", "Malformed header"),
        ("SEND\ndestination:/topic/a\nx:\\t\n\nx\0", "Invalid escape"),
        ("SEND\ndestination:/topic/a\nx:a\\\n\nx\0", "Invalid escape"),
        (
            "SEND\ndestination:/topic/a\nreceipt:r\ncontent-length:-1\n\nx\0",
            "Invalid content-length",
        ),
        (
            "SEND\ndestination:/topic/a\ncontent-length:99999999999999999999\n\nx\0",
            "Invalid content-length",
        ),
        (
            "SEND\ndestination:/topic/a\nreceipt:r\ncontent-length:4\n\na\0b\0c\0",
            "Wrong content-length",
        ),
        ("ACK\nid:1\ncontent-length:2\n\nhi\0", "Body not allowed"),
        (
            "SUBSCRIBE\nid:1\ndestination:/topic/a\nreceipt:r\nack:foo\n\n\0",
            "Invalid header",
        ),
    ] {
        check(&server, "1.2", wire, message, PROTOCOL);
        check(&server, "1.1", wire, message, PROTOCOL);
    }
}

#[test]
fn what_only_some_versions_forbid() {
    let server = TestServer::start();
    let stray = "SEND\ndestination:/topic/a\nx:a\rb\n\nx\0";
    check(&server, "1.2", stray, "Stray carriage return", PROTOCOL);
    let escaped = "SEND\ndestination:/topic/a\nx:a\\rb\n\nx\0";
    check(&server, "1.1", escaped, "Invalid escape", PROTOCOL);
    let nack = "NACK\nmessage-id:1\nreceipt:r\n\n\0";
    check(
        &server,
        "1.0",
        nack,
        "Command not in this version",
        PROTOCOL,
    );
}

#[test]
fn a_header_that_is_not_utf8() {
    let server = TestServer::start();
    over_each(|over| {
        let mut client = server.client(over, "1.2");
        client.send(b"SEND\ndestination:/topic/a\nx:\xff\n\nx\0");
        client.expect_error("Header not UTF-8");
    });
}

#[test]
fn what_the_broker_does_not_do() {
    let server = TestServer::start();
    for (wire, message) in [
        (
            "SEND\ndestination:/topic/$SYS/stats\nreceipt:r\n\nx\0",
            "Message refused",
        ),
        (
            "SEND\ndestination:/topic/*\nreceipt:r\n\nx\0",
            "Message refused",
        ),
        (
            "SEND\ndestination:/topic/a\ntransaction:t\nreceipt:r\n\nx\0",
            "Message refused",
        ),
        (
            "COMMIT\ntransaction:t\nreceipt:r\n\n\0",
            "Transaction refused",
        ),
        (
            "ABORT\ntransaction:t\nreceipt:r\n\n\0",
            "Transaction refused",
        ),
        (
            "SEND\ndestination:/topic/a\nttl:soon\nreceipt:r\n\nx\0",
            "Invalid header",
        ),
        (
            "SUBSCRIBE\nid:1\ndestination:/topic/a\nselector:a >\nreceipt:r\n\n\0",
            "Invalid selector",
        ),
        (
            "SUBSCRIBE\nid:1\ndestination:/queue/*\nreceipt:r\n\n\0",
            "Subscription refused",
        ),
        (
            "SUBSCRIBE\nid:1\ndestination:/topic/a\nbrowser:true\nreceipt:r\n\n\0",
            "Subscription refused",
        ),
        (
            "SUBSCRIBE\nid:1\ndestination:/topic/**.a\nreceipt:r\n\n\0",
            "Invalid destination",
        ),
        ("UNSUBSCRIBE\nid:1\nreceipt:r\n\n\0", "Unsubscribe refused"),
        ("ACK\nid:1\nreceipt:r\n\n\0", "Unknown message"),
        ("ACK\nid:0-1\nreceipt:r\n\n\0", "Unknown message"),
        ("NACK\nid:1\nreceipt:r\n\n\0", "Unknown message"),
        (
            "NACK\nid:0-1\nrequeue:maybe\nreceipt:r\n\n\0",
            "Invalid header",
        ),
    ] {
        check(&server, "1.2", wire, message, POLICY);
    }
}

#[test]
fn an_unknown_kind_of_destination_names_the_kinds() {
    let server = TestServer::start();
    for wire in [
        "SEND\ndestination:/nowhere/a\nreceipt:r\n\nx\0",
        "SEND\ndestination:topic/a\n\nx\0",
        "SUBSCRIBE\nid:1\ndestination:/nowhere/a\nreceipt:r\n\n\0",
    ] {
        check(&server, "1.2", wire, "Invalid destination", POLICY);
        let mut client = server.client(Over::Tcp, "1.2");
        client.send(wire);
        assert_eq!(
            client.expect("ERROR").text(),
            "the destination is of no known kind; this server has: \
             /topic/ /queue/ /temp-queue/ /temp-topic/ /user/"
        );
    }
}

#[test]
fn nothing_behind_the_frame_in_error_is_done() {
    let server = TestServer::start();
    let mut listener = server.client(Over::Tcp, "1.2");
    listener.subscribe("1", "/topic/a");
    over_each(|over| {
        let mut client = server.client(over, "1.2");
        client.send(
            "SEND\ndestination:/topic/a\n\nbefore\0SEND\ndestination:/nowhere/a\n\nx\0\
             SEND\ndestination:/topic/a\nreceipt:late\n\nafter\0",
        );
        client.expect_error("Invalid destination");
        listener.expect_message("before");
    });
    // Whatever was behind an error would come before this.
    listener.publish("/topic/a", "last");
    listener.expect_message("last");
}

#[test]
fn the_subscriptions_of_a_failed_session_end_at_once() {
    let server = TestServer::start();
    let mut client = server.client(Over::WebSocket, "1.2");
    client.subscribe("1", "/topic/a");
    client.send("SEND\ndestination:/nowhere/a\n\nx\0");
    client.expect("ERROR");
    // The connection stands, as the client does not answer the Close.
    let mut watcher = server.client(Over::Tcp, "1.2");
    watcher.subscribe("1", "/topic/$SYS/stats");
    let stats = watcher.expect("MESSAGE");
    let stats: Value = serde_json::from_slice(&stats.body).unwrap();
    assert_eq!(stats["connections"]["stomp_websocket"], 1);
    assert_eq!(stats["subscriptions"], 1);
    assert_eq!(client.expect_end(), Some(POLICY));
}

#[test]
fn text_that_is_not_utf8_closes_with_1007() {
    let server = TestServer::start();
    let mut client = server.client(Over::WebSocket, "1.2");
    let websocket = client.websocket();
    websocket.send(TEXT, b"SEND\ndestination:/topic/a\n\n\xff\0");
    assert_eq!(
        websocket.expect_close(),
        (1007, "text that is not UTF-8".to_owned())
    );
}

#[test]
fn frames_that_break_websocket_close_with_1002() {
    let server = TestServer::start();
    let mut client = server.client(Over::WebSocket, "1.2");
    let websocket = client.websocket();
    websocket.send(0x40 | BINARY, b"x");
    assert_eq!(websocket.expect_close().0, PROTOCOL);
}

#[test]
fn a_client_may_close_without_disconnect() {
    let server = TestServer::start();
    let mut client = server.client(Over::WebSocket, "1.2");
    let websocket = client.websocket();
    websocket.send_close(3000, "enough");
    websocket.expect(CLOSE, close_body(3000, "enough"));
    websocket.tcp().expect_end();

    let mut client = server.client(Over::Tcp, "1.2");
    client.tcp().send_end();
    client.tcp().expect_end();
}

#[test]
fn a_frame_that_is_too_long_is_an_error_over_websocket_too() {
    const BODY_BYTES_MAX: u32 = 100_000;
    let mut config = config();
    config.stomp.limits.body_bytes_max = BODY_BYTES_MAX;
    let mut websocket = (*config.websocket).clone();
    websocket.limits.frame_bytes_max = BODY_BYTES_MAX.into();
    websocket.limits.message_bytes_max = BODY_BYTES_MAX.into();
    config.websocket = websocket.into();
    let server = TestServer::with(config);
    let send = |bytes: usize| {
        let body = "x".repeat(bytes);
        format!("SEND\ndestination:/topic/a\nreceipt:r\ncontent-length:{bytes}\n\n{body}\0")
    };
    for over in [Over::Tcp, Over::WebSocket] {
        let mut client = server.client(over, "1.2");
        client.send(send(BODY_BYTES_MAX as usize));
        client.expect_receipt("r");
        client.send(send(BODY_BYTES_MAX as usize + 1));
        let (error, _) = client.expect_error("Frame too big");
        assert_eq!(error.header("receipt-id"), Some("r"));
    }
    let mut client = server.client(Over::WebSocket, "1.2");
    let websocket = client.websocket();
    websocket.send(TEXT, send(2 << 20).as_bytes());
    assert_eq!(websocket.expect_close().0, 1009);
}
