//! How long a server waits for a head, and how long that may be.

use std::time::{Duration, Instant};

use gumboot_testkit::{HttpResponse, TEXT, TcpPeer, WebSocketPeer, upgrade_request};

use crate::support::{HEAD_WAIT_MAX, echo_server, impatient_server};

/// For a machine that is busy.
const MARGIN: Duration = Duration::from_secs(2);

/// Sends `start` and no more: 408 comes in time, and the end.
#[track_caller]
fn check_timeout(start: &str) {
    let mut tcp = TcpPeer::connect(impatient_server());
    let begun = Instant::now();
    tcp.send(start);
    let response = HttpResponse::read(&mut tcp);
    assert_eq!(response.status, 408);
    assert_eq!(response.header("connection"), Some("close"));
    tcp.expect_end();
    let took = begun.elapsed();
    assert!(took > HEAD_WAIT_MAX / 2, "{took:?}");
    assert!(took < HEAD_WAIT_MAX + MARGIN, "{took:?}");
}

#[test]
fn half_a_handshake() {
    let request = upgrade_request("/echo", &[]);
    check_timeout(&request[..request.len() / 2]);
    check_timeout(&request[..request.len() - 1]);
}

#[test]
fn nothing_at_all() {
    check_timeout("");
}

#[test]
fn a_byte_now_and_then_does_not_buy_time() {
    let mut tcp = TcpPeer::connect(impatient_server());
    let begun = Instant::now();
    let mut bytes = upgrade_request("/echo", &["x-long: xxxxxxxxxx"]).into_bytes();
    bytes.truncate(bytes.len() - 2);
    tcp.send(&bytes[..20]);
    // The server's answer to a request on another connection paces the bytes.
    for byte in &bytes[20..] {
        let mut other = TcpPeer::connect(echo_server());
        other.send("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
        assert_eq!(HttpResponse::read(&mut other).status, 200);
        tcp.try_send([*byte]);
    }
    assert_eq!(HttpResponse::read(&mut tcp).status, 408);
    let took = begun.elapsed();
    assert!(took < HEAD_WAIT_MAX + MARGIN, "{took:?}");
}

#[test]
fn a_connection_that_has_had_its_answer_just_ends() {
    let mut tcp = TcpPeer::connect(impatient_server());
    tcp.send("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert_eq!(HttpResponse::read(&mut tcp).status, 200);
    tcp.expect_end();
}

#[test]
fn a_websocket_is_not_hurried() {
    let mut websocket = WebSocketPeer::open(impatient_server(), "/echo", "");
    // Until another connection has been too slow.
    check_timeout("");
    websocket.send(TEXT, "still here");
    websocket.expect(TEXT, "still here");
}

#[test]
fn a_head_at_the_limit_and_past_it() {
    let address = echo_server();
    let request = |bytes: usize| {
        let padding = bytes - upgrade_request("/echo", &["x-padding: "]).len();
        let line = format!("x-padding: {}", "x".repeat(padding));
        upgrade_request("/echo", &[&line])
    };
    let mut tcp = TcpPeer::connect(address);
    tcp.send(request(16 * 1024));
    assert_eq!(HttpResponse::read(&mut tcp).status, 101);
    for bytes in [17 * 1024, 100 * 1024] {
        let mut tcp = TcpPeer::connect(address);
        tcp.try_send(request(bytes));
        assert_eq!(HttpResponse::read(&mut tcp).status, 431);
        tcp.expect_end();
    }
}
