//! DISCONNECT: its receipt is the last frame, and the client closes first; if it does not, the server does (STOMP 1.2,
//! Graceful Disconnect).

use std::time::{Duration, Instant};

use gumboot_testkit::{CLOSE, Over, close_body};

use crate::support::{TestServer, config, over_each};

/// How long the server lets a client close first.
const LINGER_MAX: Duration = Duration::from_secs(2);

/// For a machine that is busy.
const MARGIN: Duration = Duration::from_secs(2);

#[test]
fn the_client_may_close_first() {
    let server = TestServer::start();
    let mut client = server.client(Over::WebSocket, "1.2");
    client.send("DISCONNECT\nreceipt:bye\n\n\0");
    client.expect_receipt("bye");
    client.websocket().send_close(1000, "");
    client.websocket().expect(CLOSE, close_body(1000, ""));
    client.tcp().expect_end();

    let mut client = server.client(Over::Tcp, "1.2");
    client.send("DISCONNECT\nreceipt:bye\n\n\0");
    client.expect_receipt("bye");
    client.tcp().send_end();
    client.tcp().expect_end();
}

#[test]
fn if_the_client_does_not_close_the_server_does() {
    let server = TestServer::start();
    let mut clients: Vec<_> = Over::ALL
        .iter()
        .map(|&over| server.client(over, "1.2"))
        .collect();
    // Without a receipt too.
    let mut silent = server.client(Over::Tcp, "1.0");
    let start = Instant::now();
    silent.send("DISCONNECT\n\n\0");
    for client in &mut clients {
        client.send("DISCONNECT\nreceipt:bye\n\n\0");
        client.expect_receipt("bye");
    }
    for client in &mut clients {
        let code = client.expect_end();
        assert!(code.is_none_or(|code| code == 1000), "{code:?}");
    }
    silent.expect_end();
    let took = start.elapsed();
    assert!(took > LINGER_MAX / 2, "the client had {took:?} to close");
    assert!(took < LINGER_MAX + MARGIN, "{took:?}");
}

#[test]
fn nothing_comes_or_counts_after_it() {
    let server = TestServer::start();
    let mut listener = server.client(Over::Tcp, "1.2");
    listener.subscribe("1", "/topic/a");
    over_each(|over| {
        let mut client = server.client(over, "1.2");
        client.subscribe("1", "/topic/a");
        client.send(
            "DISCONNECT\nreceipt:bye\n\n\0SEND\ndestination:/topic/a\nreceipt:late\n\nlate\0",
        );
        client.expect_receipt("bye");
        client.send("SEND\ndestination:/topic/a\n\nlate\0nonsense");
        // To the listener only: the subscription has ended.
        listener.publish("/topic/a", "next");
        listener.expect_message("next");
        match over {
            Over::Tcp => {
                client.tcp().send_end();
                client.tcp().expect_end();
            }
            Over::WebSocket | Over::WebSocketOctets => {
                client.websocket().send_close(1000, "");
                client.websocket().expect(CLOSE, close_body(1000, ""));
            }
        }
    });
}

#[test]
fn a_mailbox_that_overflowed_before_it_is_no_word_after_the_receipt() {
    let mut config = config();
    config.mailbox_bytes_max = 1;
    let server = TestServer::with(config);
    over_each(|over| {
        let mut client = server.client(over, "1.2");
        // All in one read, so that the overflow and the end are seen together.
        client.send(
            "SUBSCRIBE\nid:1\ndestination:/topic/own\n\n\0\
             SEND\ndestination:/topic/own\n\n1\0SEND\ndestination:/topic/own\n\n2\0\
             DISCONNECT\nreceipt:bye\n\n\0",
        );
        client.expect_receipt("bye");
        let code = client.expect_end();
        assert!(code.is_none_or(|code| code == 1000), "{code:?}");
    });
}
