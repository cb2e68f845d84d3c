//! Heart-beats: what is agreed on is kept by the server, and held against the client (STOMP 1.2, Heart-beating).

use std::time::{Duration, Instant};

use gumboot_stomp_proto::HeartBeat;
use gumboot_testkit::{Over, Received, StompPeer};

use crate::support::{TestServer, config};

/// A server that beats, and wants beats, every `interval_ms`.
fn server(interval_ms: u32) -> TestServer {
    let mut config = config();
    config.heart_beat = HeartBeat {
        can_send_ms: interval_ms,
        wants_ms: interval_ms,
    };
    TestServer::with(config)
}

fn connect(server: &TestServer, over: Over, heart_beat: &str) -> StompPeer {
    let mut client = server.open(over);
    client.connect(&format!("accept-version:1.2\nheart-beat:{heart_beat}\n"));
    client
}

#[test]
fn beats_go_both_ways_and_keep_the_session() {
    let server = server(100);
    let mut clients = Over::ALL.map(|over| connect(&server, over, "100,100"));
    let start = Instant::now();
    // Longer than the server would wait for a client that keeps silent.
    while start.elapsed() < Duration::from_millis(1_000) {
        for client in &mut clients {
            assert_eq!(client.receive_any(), Received::Beat);
            client.send("\n");
        }
    }
    for client in &mut clients {
        client.send("SEND\ndestination:/topic/a\nreceipt:r\n\nx\0");
        client.expect_receipt("r");
    }
}

#[test]
fn any_octet_counts_as_life() {
    let server = server(100);
    let mut clients = Over::ALL.map(|over| {
        let mut client = connect(&server, over, "100,100");
        client.subscribe("1", &format!("/topic/{over:?}"));
        client.send(format!("SEND\ndestination:/topic/{over:?}\n\n"));
        client
    });
    let start = Instant::now();
    let mut sent = String::new();
    while start.elapsed() < Duration::from_millis(1_000) {
        for client in &mut clients {
            assert_eq!(client.receive_any(), Received::Beat);
            client.send("x");
        }
        sent.push('x');
    }
    for client in &mut clients {
        client.send("\0");
        client.expect_message(&sent);
    }
}

#[test]
fn silence_is_noticed() {
    let server = TestServer::start();
    let start = Instant::now();
    let mut clients = Over::ALL.map(|over| connect(&server, over, "1000,1000"));
    for client in &mut clients {
        let (_, code) = client.expect_error("Heart-beat missed");
        assert!(code.is_none_or(|code| code == 1002), "{code:?}");
        let took = start.elapsed();
        assert!(took > Duration::from_secs(1), "{took:?}");
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
}

#[test]
fn the_longer_interval_counts() {
    let server = server(50);
    let mut client = connect(&server, Over::Tcp, "0,400");
    let start = Instant::now();
    assert_eq!(client.receive_any(), Received::Beat);
    assert_eq!(client.receive_any(), Received::Beat);
    // A beat may come a little early, but not every 50 ms.
    let took = start.elapsed();
    assert!(took > Duration::from_millis(600), "{took:?}");
}

#[test]
fn who_asked_for_none_gets_none_and_need_not_send_any() {
    let server = server(50);
    let mut beating = connect(&server, Over::Tcp, "0,50");
    let mut silent: Vec<_> = ["", "heart-beat:0,0\n"]
        .map(|header| {
            let mut client = server.open(Over::WebSocket);
            client.connect(&format!("accept-version:1.2\n{header}"));
            client
        })
        .into();
    let mut old = server.open(Over::Tcp);
    old.connect("accept-version:1.0\nheart-beat:50,50\n");
    silent.push(old);
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(1_000) {
        assert_eq!(beating.receive_any(), Received::Beat);
    }
    for client in &mut silent {
        client.send("SEND\ndestination:/topic/a\nreceipt:r\n\nx\0");
        assert!(
            matches!(client.receive_any(), Received::Frame(frame) if frame.command == "RECEIPT")
        );
    }
}

#[test]
fn messages_stand_for_beats() {
    let server = server(1_000);
    let mut client = connect(&server, Over::WebSocket, "0,1000");
    client.subscribe("1", "/topic/a");
    let mut sender = server.client(Over::Tcp, "1.2");
    let mut beats = 0;
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(1_000) {
        sender.send("SEND\ndestination:/topic/a\nreceipt:r\n\nx\0");
        sender.expect_receipt("r");
        while client.receive_any() == Received::Beat {
            beats += 1;
        }
    }
    assert_eq!(beats, 0, "there were messages all the time");
}

/// A client is blocked by what it does not take, while the beats that it goes on sending are not read.
fn check_blocked(over: Over) {
    let server = server(100);
    let mut blocked = connect(&server, over, "100,0");
    blocked.subscribe("1", "/topic/large");
    let mut clock = connect(&server, Over::Tcp, "0,100");
    let mut sender = server.client(Over::Tcp, "1.2");
    let body = "x".repeat(BODY_BYTES);
    for _ in 0..MESSAGES {
        sender.publish("/topic/large", &body);
    }
    // Longer than the server waits for a client that it reads.
    for _ in 0..15 {
        assert_eq!(clock.receive_any(), Received::Beat);
        blocked.send("\n");
    }
    for _ in 0..MESSAGES {
        blocked.expect_message(&body);
        blocked.send("\n");
    }
    blocked.send("SEND\ndestination:/topic/a\nreceipt:r\n\nx\0");
    blocked.expect_receipt("r");
}

/// More than the operating system keeps for a connection, and less than its mailbox.
const BODY_BYTES: usize = 1 << 20;
const MESSAGES: usize = 24;

#[test]
fn a_client_that_is_not_read_is_not_silent() {
    check_blocked(Over::Tcp);
    check_blocked(Over::WebSocket);
}
