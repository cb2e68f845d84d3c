//! A gate that drains: every WebSocket is told, whatever the way it came in, and waited for.

use std::{future::pending, time::Duration};

use gumboot_testkit::{TEXT, WebSocketPeer, upgrade_request};
use gumboot_websocket::{
    AcceptError, Acceptor, Client, ConnectError, DrainTimedOut, Gate, Socket,
    proto::{
        CloseCode, CloseFrame,
        handshake::{client::HandshakeError, server::Refusal},
    },
};
use http::StatusCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    runtime::Builder,
};

use crate::support::{WAYS, Way, client, echo_server, expect_echo, secure_echo_server, soon};

const DRAIN_MAX: Duration = Duration::from_secs(10);

/// Drains `gate`, through which `sockets` have come: each of them hears of it, and nobody comes any more.
async fn check_drain(gate: &Gate, sockets: Vec<Socket>, client: &Client, url: &str) {
    assert_eq!(gate.connections(), sockets.len());
    let receiving = async {
        for mut socket in sockets {
            assert_eq!(soon(socket.receive()).await.unwrap(), None);
            let away = CloseFrame::new(CloseCode::GOING_AWAY, "").unwrap();
            assert_eq!(socket.close_frame(), Some(Some(&away)));
        }
    };
    let (drained, ()) = tokio::join!(gate.drain(DRAIN_MAX), receiving);
    drained.unwrap();
    assert_eq!(gate.connections(), 0);
    let refused = soon(client.connect(url, &[])).await.unwrap_err();
    let unavailable = HandshakeError::Status(StatusCode::SERVICE_UNAVAILABLE);
    let expected = matches!(&refused, ConnectError::Handshake(error) if *error == unavailable);
    assert!(expected, "{refused:?}");
}

#[tokio::test]
async fn everyone_is_told_and_waited_for() {
    for way in WAYS {
        let gate = Gate::default();
        let url = format!("ws://{}/", echo_server(*way, &Acceptor::new().gate(&gate)));
        let client = client();
        let mut sockets = Vec::new();
        for _ in 0..3 {
            let mut socket = soon(client.connect(&url, &[])).await.unwrap();
            expect_echo(&mut socket, "hello").await;
            sockets.push(socket);
        }
        check_drain(&gate, sockets, &client, &url).await;
    }
}

#[tokio::test]
async fn streams_of_http2_as_well() {
    for way in WAYS {
        if *way == Way::Plain {
            continue;
        }
        let gate = Gate::default();
        let (address, client) = secure_echo_server(*way, &Acceptor::new().gate(&gate));
        let url = format!("wss://localhost:{}/", address.port());
        let client = client.http2();
        let mut sockets = Vec::new();
        for _ in 0..3 {
            let mut socket = soon(client.connect(&url, &[])).await.unwrap();
            expect_echo(&mut socket, "hello").await;
            sockets.push(socket);
        }
        check_drain(&gate, sockets, &client, &url).await;
    }
}

#[tokio::test]
async fn who_does_not_answer_is_not_waited_for_for_ever() {
    let gate = Gate::default();
    let address = echo_server(Way::Plain, &Acceptor::new().gate(&gate));
    let mut silent = WebSocketPeer::open(address, "/", "");
    let timed_out = gate.drain(Duration::from_millis(10)).await;
    assert_eq!(timed_out, Err(DrainTimedOut { connections: 1 }));
    assert_eq!(
        timed_out.unwrap_err().to_string(),
        "1 connections did not end in time"
    );
    let frame = silent.receive();
    assert_eq!(frame.payload, 1001_u16.to_be_bytes());
    drop(silent);
    soon(gate.drain(DRAIN_MAX)).await.unwrap();
}

#[tokio::test]
async fn halves_in_two_tasks_hear_of_it() {
    let gate = Gate::default();
    let acceptor = Acceptor::new().gate(&gate);
    let (mut client, server) = duplex(10_000);
    let request = upgrade_request("/", &[]);
    client.write_all(request.as_bytes()).await.unwrap();
    let (sender, mut receiver) = soon(acceptor.accept(server)).await.unwrap().split();
    let keeping = tokio::spawn(async move {
        let _sender = sender;
        pending::<()>().await;
    });
    let receiving = tokio::spawn(async move { receiver.receive().await });
    tokio::task::yield_now().await;
    let draining = tokio::spawn({
        let gate = gate.clone();
        async move { gate.drain(DRAIN_MAX).await }
    });
    client.write_all(b"\x88\x80\0\0\0\0").await.unwrap();
    assert_eq!(soon(receiving).await.unwrap().unwrap(), None);
    assert!(!draining.is_finished());
    keeping.abort();
    drop(client);
    soon(draining).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_handshake_under_way_comes_too_late_and_is_told() {
    let gate = Gate::default();
    let acceptor = Acceptor::new().gate(&gate);
    let (mut client, server) = duplex(10_000);
    let request = upgrade_request("/", &[]);
    client.write_all(request.as_bytes()).await.unwrap();
    let handshake = soon(acceptor.handshake(server)).await.unwrap();
    assert_eq!(gate.handshakes(), 1);
    let draining = tokio::spawn({
        let gate = gate.clone();
        async move { gate.drain(DRAIN_MAX).await }
    });
    while !gate.is_draining() {
        tokio::task::yield_now().await;
    }
    tokio::task::yield_now().await;
    assert!(!draining.is_finished());
    let late = tokio::spawn(handshake.accept());
    let mut answer = String::new();
    client.shutdown().await.unwrap();
    soon(client.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    drop(client);
    let late = soon(late).await.unwrap();
    let unavailable = matches!(late, Err(AcceptError::Refused(Refusal::Unavailable)));
    assert!(unavailable, "{late:?}");
    soon(draining).await.unwrap().unwrap();
}

#[test]
fn what_came_before_is_answered_first() {
    let gate = Gate::default();
    let address = echo_server(Way::Plain, &Acceptor::new().gate(&gate));
    let mut websocket = WebSocketPeer::open(address, "/", "");
    websocket.send(TEXT, "first");
    websocket.expect(TEXT, "first");
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let draining = std::thread::spawn(move || runtime.block_on(gate.drain(DRAIN_MAX)));
    assert_eq!(websocket.receive().payload, 1001_u16.to_be_bytes());
    websocket.send_close(1001, "");
    websocket.tcp().expect_end();
    drop(websocket);
    draining.join().unwrap().unwrap();
}
