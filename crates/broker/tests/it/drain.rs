//! The server goes down: every client is told in its way, and `run` returns in time, whatever the clients do.

use std::{
    net::TcpStream,
    time::{Duration, Instant},
};

use gumboot_broker::DRAIN_MAX;
use gumboot_testkit::{Over, TcpPeer, close_body};

use crate::support::TestServer;

/// For a machine that is busy.
const MARGIN: Duration = Duration::from_secs(1);

#[test]
fn every_client_sees_an_orderly_end() {
    let mut server = TestServer::start();
    let mut websocket = server.client(Over::WebSocket, "1.2");
    websocket.subscribe("1", "/topic/a");
    let mut not_logged_in = server.open(Over::WebSocket);
    let mut echo = server.echo();
    let mut stream = server.client(Over::Tcp, "1.2");
    stream.subscribe("1", "/topic/a");
    let mut stream_not_logged_in = server.open(Over::Tcp);
    let mut leaving = server.client(Over::Tcp, "1.2");
    leaving.send("DISCONNECT\nreceipt:r\n\n\0");
    leaving.expect_receipt("r");

    let stopped = Instant::now();
    server.stop();
    let going_away = (1001, "the server is shutting down".to_owned());
    assert_eq!(websocket.websocket().expect_close(), going_away);
    assert_eq!(not_logged_in.websocket().expect_close(), going_away);
    assert_eq!(echo.expect_close(), going_away);
    stream.expect_end();
    stream_not_logged_in.expect_end();
    leaving.expect_end();
    drop((websocket, not_logged_in, echo));
    drop((stream, stream_not_logged_in, leaving));
    let took = server.returned_after(stopped);
    assert!(took < DRAIN_MAX, "{took:?}");
    assert!(TcpStream::connect(server.http()).is_err());
    assert!(TcpStream::connect(server.stomp()).is_err());
}

#[test]
fn what_was_sent_arrives_before_the_end() {
    let mut server = TestServer::start();
    let mut receivers = [Over::Tcp, Over::WebSocket].map(|over| {
        let mut client = server.client(over, "1.2");
        client.subscribe("1", "/topic/a");
        client
    });
    let mut sender = server.client(Over::Tcp, "1.2");
    for number in 0..500 {
        sender.publish("/topic/a", &number.to_string());
    }
    sender.send("SEND\ndestination:/topic/b\nreceipt:r\n\nx\0");
    sender.expect_receipt("r");
    server.stop();
    for receiver in &mut receivers {
        for number in 0..500 {
            receiver.expect_message(number.to_string());
        }
        let code = receiver.expect_end();
        assert!(code.is_none_or(|code| code == 1001), "{code:?}");
    }
}

#[test]
fn clients_that_do_nothing_do_not_hold_it_up() {
    let mut server = TestServer::start();
    let mut websocket = server.client(Over::WebSocket, "1.2");
    let mut stream = server.client(Over::Tcp, "1.2");
    let _half_a_handshake = {
        let mut tcp = TcpPeer::connect(server.http());
        tcp.send("GET /ws HTTP/1.1\r\n");
        tcp
    };
    let _nothing = TcpPeer::connect(server.http());
    let stopped = Instant::now();
    server.stop();
    let close = websocket.websocket().receive();
    assert_eq!(
        close.payload,
        close_body(1001, "the server is shutting down")
    );
    stream.expect_end();
    // Neither of them answers.
    let took = server.returned_after(stopped);
    assert!(took < DRAIN_MAX + MARGIN, "{took:?}");
}

#[test]
fn without_clients_it_returns_at_once() {
    let mut server = TestServer::start();
    let stopped = Instant::now();
    server.stop();
    let took = server.returned_after(stopped);
    assert!(took < MARGIN, "{took:?}");
}
