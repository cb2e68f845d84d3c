//! What comes back from a client that takes nothing: all that was not acknowledged, in order, and of what never went to
//! its connection nobody says that it was delivered.

use gumboot_testkit::{CLOSE, MASK, Over, StompPeer, TEXT, close_body, encode_frame};

use crate::support::TestServer;

/// The bytes of each message.
const BODY_BYTES: usize = 256 * 1024;

/// More than the operating system and the server keep for a connection.
const MESSAGES: usize = 100;

fn body(number: usize) -> String {
    format!("{number:08}{}", "x".repeat(BODY_BYTES - 8))
}

/// A client loses its connection that has taken the first of all messages, and was to get them all. The client that is
/// returned gets what comes back.
fn lose_a_client(server: &TestServer, over: Over, ack: &str) -> StompPeer {
    let mut idle = server.client(over, "1.2");
    idle.send(format!(
        "SUBSCRIBE\nid:1\ndestination:/queue/q\nack:{ack}\ncredit:{MESSAGES},0\nreceipt:r\n\n\0"
    ));
    idle.expect_receipt("r");
    let mut sender = server.client(Over::Tcp, "1.2");
    for number in 0..MESSAGES {
        let body = body(number);
        sender.send(format!("SEND\ndestination:/queue/q\nreceipt:r\n\n{body}\0"));
        sender.expect_receipt("r");
    }
    idle.expect_message(body(0));
    let mut next = server.client(over, "1.2");
    next.subscribe("1", "/queue/q");
    drop(idle);
    next
}

#[test]
fn of_a_client_that_acknowledges_all_comes_back() {
    for over in [Over::Tcp, Over::WebSocket] {
        for ack in ["client", "client-individual"] {
            let server = TestServer::start();
            let mut next = lose_a_client(&server, over, ack);
            let mut redelivered = 0;
            for number in 0..MESSAGES {
                let message = next.expect_message(body(number));
                let count = message.header("delivery-count");
                if message.header("redelivered") == Some("true") {
                    assert_eq!((redelivered, count), (number, Some("2")));
                    redelivered += 1;
                } else {
                    assert_eq!(count, None);
                }
            }
            assert!(redelivered > 0 && redelivered < MESSAGES, "{redelivered}");
        }
    }
}

#[test]
fn of_a_client_that_does_not_what_was_not_sent_comes_back() {
    for over in [Over::Tcp, Over::WebSocket] {
        let server = TestServer::start();
        let mut next = lose_a_client(&server, over, "auto");
        let first = next.expect("MESSAGE");
        let first: usize = first.text()[..8].parse().unwrap();
        assert!(first > 0, "what was sent counts as acknowledged");
        for number in first + 1..MESSAGES {
            let message = next.expect_message(body(number));
            assert_eq!(message.header("redelivered"), None);
        }
    }
}

#[test]
fn of_a_websocket_that_closes_what_came_too_late_comes_back() {
    let server = TestServer::start();
    for ack in ["auto", "client"] {
        let mut closing = server.client(Over::WebSocket, "1.2");
        let frames = format!(
            "SUBSCRIBE\nid:1\ndestination:/queue/q\nack:{ack}\n\n\0SEND\ndestination:/queue/q\n\nx\0"
        );
        // In one read, so that the Close is seen before anything is sent.
        let text = encode_frame(TEXT, frames.as_bytes(), Some(MASK));
        let close = encode_frame(CLOSE, &close_body(1000, ""), Some(MASK));
        let websocket = closing.websocket();
        websocket.tcp().send([text, close].concat());
        websocket.expect(CLOSE, close_body(1000, ""));
        let mut next = server.client(Over::Tcp, "1.2");
        next.subscribe("1", "/queue/q");
        assert_eq!(next.expect_message("x").header("redelivered"), None);
    }
}
