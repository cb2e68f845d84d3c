//! A connection that does not take its messages: it is closed and told why, and all the others get theirs.

use std::time::{Duration, Instant};

use gumboot_testkit::{MASK, Over, StompPeer, TEXT, encode_frame};

use crate::support::{TestServer, config};

/// The bytes of each message.
const BODY_BYTES: usize = 64 * 1024;

/// More than the operating system buffers for a connection, and the server's own bounds.
const MESSAGES: usize = 1_000;

fn server(mailbox_bytes_max: usize) -> TestServer {
    let mut config = config();
    config.mailbox_bytes_max = mailbox_bytes_max;
    TestServer::with(config)
}

fn body(number: usize) -> String {
    format!("{number:08}{}", "x".repeat(BODY_BYTES - 8))
}

/// Reads what a slow consumer got: messages without a gap, then an ERROR. Gives how many.
fn read_until_error(slow: &mut StompPeer) -> usize {
    for number in 0.. {
        let frame = slow.receive();
        if frame.command == "MESSAGE" {
            assert!(frame.body == body(number).as_bytes(), "message {number}");
            continue;
        }
        assert_eq!(frame.header("message"), Some("Slow consumer"), "{frame:?}");
        let code = slow.expect_end();
        assert!(code.is_none_or(|code| code == 1008), "{code:?}");
        return number;
    }
    unreachable!("an error comes")
}

#[test]
fn it_is_closed_and_the_others_get_everything() {
    let server = server(4 * BODY_BYTES);
    let mut slow = [Over::Tcp, Over::WebSocket].map(|over| {
        let mut client = server.client(over, "1.2");
        client.subscribe("slow", "/topic/news");
        client
    });
    let mut fast = [Over::Tcp, Over::WebSocket].map(|over| {
        let mut client = server.client(over, "1.2");
        client.subscribe("fast", "/topic/news");
        client
    });
    let mut sender = server.client(Over::Tcp, "1.2");
    for number in 0..MESSAGES {
        sender.publish("/topic/news", &body(number));
        for client in &mut fast {
            client.expect_message(body(number));
        }
    }
    for client in &mut slow {
        let count = read_until_error(client);
        assert!(count > 0 && count < MESSAGES, "{count} messages");
    }
}

#[test]
fn a_mailbox_keeps_no_more_than_its_bound() {
    let server = server(1);
    let two = "SEND\ndestination:/topic/news\n\n1\0SEND\ndestination:/topic/news\n\n2\0";
    for over in [Over::Tcp, Over::WebSocket] {
        let mut client = server.client(over, "1.2");
        client.subscribe("1", "/topic/news");
        // One message of any size fits into an empty mailbox; two that come together do not.
        client.publish("/topic/news", "one");
        client.expect_message("one");
        let mut sender = server.client(Over::WebSocket, "1.2");
        sender.send(two);
        client.expect_error("Slow consumer");
    }
}

#[test]
fn a_sender_that_does_not_read_its_own_messages_is_stopped() {
    let server = server(16 * BODY_BYTES);
    let mut client = server.client(Over::WebSocket, "1.2");
    client.subscribe("1", "/topic/news");
    let mut listener = server.client(Over::Tcp, "1.2");
    listener.subscribe("1", "/topic/other");
    let frame = format!("SEND\ndestination:/topic/news\n\n{}\0", body(0));
    let message = encode_frame(TEXT, frame.as_bytes(), Some(MASK));
    let stalled = Duration::from_millis(500);
    client
        .tcp()
        .send_until_blocked(&message, stalled, 256 << 20);
    // Nobody else is held up by it.
    listener.publish("/topic/other", "x");
    listener.expect_message("x");
}

#[test]
fn a_client_that_has_caught_up_is_read_again() {
    let server = TestServer::start();
    for over in [Over::Tcp, Over::WebSocket] {
        let mut client = server.client(over, "1.2");
        client.subscribe("1", "/topic/news");
        let body = "x".repeat(8 << 20);
        // While this waits to be taken, the server reads nothing of the client.
        client.publish("/topic/news", &body);
        client.expect_message(&body);
        let start = Instant::now();
        client.send("SEND\ndestination:/topic/other\nreceipt:r\n\nx\0");
        client.expect_receipt("r");
        let took = start.elapsed();
        assert!(took < Duration::from_secs(3), "{took:?}");
    }
}
