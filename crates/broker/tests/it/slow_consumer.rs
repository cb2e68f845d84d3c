//! A connection that does not take its messages: it is closed and told why, and all the others get theirs.

use std::time::Duration;

use gumboot_testkit::{MASK, Over, StompPeer, TEXT, encode_frame};

use crate::support::{TestServer, config};

/// The bytes of each message.
const BODY_BYTES: usize = 64 * 1024;

/// More than the operating system buffers for a connection, and the server's own bounds.
const MESSAGES: usize = 1_000;

fn server(mailbox_bytes_max: usize) -> TestServer {
    let mut config = config();
    config.mailbox_bytes_max = mailbox_bytes_max;
    // So that no timer of the log-in wakes a connection that ought to have been woken before.
    config.stomp.limits_before_login.login_ms_max = 3_600_000;
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
fn what_it_has_goes_to_others_though_it_never_reads() {
    for over in [Over::Tcp, Over::WebSocket] {
        let server = server(4 * BODY_BYTES);
        let mut slow = server.client(over, "1.2");
        slow.send("SUBSCRIBE\nid:job\ndestination:/queue/jobs\nack:client\n\n\0");
        slow.publish("/queue/jobs", "job");
        slow.expect_message("job");
        slow.subscribe("slow", "/topic/news");
        let mut other = server.client(over, "1.2");
        other.subscribe("1", "/queue/jobs");
        let mut sender = server.client(Over::Tcp, "1.2");
        for number in 0..MESSAGES {
            sender.publish("/topic/news", &body(number));
        }
        let job = other.expect_message("job");
        assert_eq!(job.header("redelivered"), Some("true"));
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

/// Stops reading a client that publishes to itself and takes nothing, and reads on when it does.
fn check_blocked_client(over: Over, wire: &[u8]) {
    let server = server(16 * BODY_BYTES);
    let mut client = server.client(over, "1.2");
    client.subscribe("1", "/topic/news");
    let stalled = Duration::from_millis(300);
    let sent = client.tcp().send_until_blocked(wire, stalled, 256 << 20);

    // Nobody else is held up by it.
    let mut other = server.client(Over::Tcp, "1.2");
    other.subscribe("1", "/topic/other");
    other.publish("/topic/other", "x");
    other.expect_message("x");

    for _ in 0..sent / wire.len() {
        client.expect_message(body(0));
    }
    client.tcp().send(&wire[sent % wire.len()..]);
    client.expect_message(body(0));
    client.send("SEND\ndestination:/topic/other\nreceipt:r\n\nx\0");
    client.expect_receipt("r");
}

#[test]
fn an_echo_that_is_not_taken_is_not_followed_by_more() {
    let server = server(16 * BODY_BYTES);
    let mut greedy = server.echo();
    let message = encode_frame(TEXT, body(0).as_bytes(), Some(MASK));
    let stalled = Duration::from_millis(300);
    let sent = greedy
        .tcp()
        .send_until_blocked(&message, stalled, 256 << 20);
    for _ in 0..sent / message.len() {
        greedy.expect(TEXT, body(0));
    }
    greedy.tcp().send(&message[sent % message.len()..]);
    greedy.expect(TEXT, body(0));
}

#[test]
fn a_client_that_takes_nothing_is_not_read_until_it_does() {
    let frame = format!("SEND\ndestination:/topic/news\n\n{}\0", body(0));
    check_blocked_client(Over::Tcp, frame.as_bytes());
    let message = encode_frame(TEXT, frame.as_bytes(), Some(MASK));
    check_blocked_client(Over::WebSocket, &message);
}
