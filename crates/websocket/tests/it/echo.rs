//! `connect` against a server of this crate: what is sent comes back as it was.

use std::{
    future::poll_fn,
    pin::pin,
    sync::mpsc,
    task::Poll::{Pending, Ready},
};

use gumboot_testkit::{BINARY, PING, PONG, TEXT, WAIT_MAX, encode_frame};
use gumboot_websocket::{
    Socket, connect,
    proto::{CloseCode, CloseFrame, Message},
};
use tokio::task::yield_now;

use crate::{
    raw_server::{client_frame, raw_websocket},
    support::{echo_server, soon},
};

async fn connected() -> Socket {
    let url = format!("ws://{}/echo", echo_server());
    soon(connect(&url, &[])).await.unwrap()
}

async fn check_echo(socket: &mut Socket, message: Message) {
    soon(socket.send(message.clone())).await.unwrap();
    let echo = soon(socket.receive()).await.unwrap().unwrap();
    assert_eq!(echo.kind(), message.kind());
    assert!(
        echo == message,
        "{} bytes came back as others",
        message.as_bytes().len()
    );
}

/// Bytes that compression does not make fewer.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    (0..size).map(|_| next()).collect()
}

#[tokio::test]
async fn messages_of_every_size_come_back_as_they_were() {
    let mut socket = connected().await;
    check_echo(&mut socket, Message::text("Hello WebSockets!")).await;
    check_echo(&mut socket, Message::text("κόσμε 🦀")).await;
    check_echo(&mut socket, Message::text("")).await;
    check_echo(&mut socket, Message::binary(vec![])).await;
    for size in [1, 125, 126, 127, 65_535, 65_536, 1 << 20] {
        let bytes = noise(size);
        let text: String = bytes.iter().map(|byte| char::from(byte & 0x7F)).collect();
        check_echo(&mut socket, Message::binary(bytes)).await;
        check_echo(&mut socket, Message::text(text)).await;
    }
    check_echo(&mut socket, Message::binary(noise(16 << 20))).await;
    soon(socket.close(None)).await.unwrap();
}

#[tokio::test]
async fn many_messages_come_back_in_order() {
    let mut socket = connected().await;
    for number in 0..1_000 {
        soon(socket.send(number.to_string())).await.unwrap();
    }
    for number in 0..1_000 {
        let message = soon(socket.receive()).await.unwrap().unwrap();
        assert_eq!(message.as_text(), Some(&*number.to_string()));
    }
}

#[tokio::test]
async fn a_message_past_the_limit_closes_with_1009() {
    let mut socket = connected().await;
    let too_big = noise((16 << 20) + 1);
    soon(socket.send(too_big)).await.unwrap();
    assert_eq!(soon(socket.receive()).await.unwrap(), None);
    let close = socket.close_frame().flatten().unwrap();
    assert_eq!(close.code(), CloseCode::TOO_BIG);
}

#[tokio::test]
async fn one_subprotocol_is_chosen() {
    let url = format!("ws://{}/echo", echo_server());
    for (offered, chosen) in [
        (&["chat"][..], Some("chat")),
        (&["chat", "superchat"], Some("superchat")),
        (&["mqtt"], None),
        (&[], None),
    ] {
        let socket = soon(connect(&url, offered)).await.unwrap();
        assert_eq!(socket.protocol(), chosen, "{offered:?}");
    }
}

#[tokio::test]
async fn connections_do_not_mix() {
    let url = format!("ws://{}/echo", echo_server());
    let mut sockets = Vec::new();
    for number in 0..20 {
        let mut socket = soon(connect(&url, &[])).await.unwrap();
        soon(socket.send(format!("of {number}"))).await.unwrap();
        sockets.push(socket);
    }
    for (number, socket) in sockets.iter_mut().enumerate() {
        let message = soon(socket.receive()).await.unwrap().unwrap();
        assert_eq!(message.as_text(), Some(&*format!("of {number}")));
        let bye = CloseFrame::truncated(CloseCode::NORMAL, "");
        soon(socket.close(Some(&bye))).await.unwrap();
    }
}

/// Polls a future once, and drops it if it is not ready.
async fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Ready(value) => Ready(Some(value)),
        Pending => Ready(None),
    })
    .await
}

#[tokio::test]
async fn a_receive_that_is_dropped_loses_nothing() {
    let (tell_read, read) = mpsc::channel();
    let server = raw_websocket(move |mut tcp| {
        let first = encode_frame(TEXT, &b"one ".repeat(50), None);
        let second = encode_frame(BINARY, b"two", None);
        for byte in [first, second].concat() {
            tcp.send([byte]);
            // Goes on when the client has polled, and so read, or when it has all that it wants.
            let _ = read.recv_timeout(WAIT_MAX);
        }
        tcp
    });
    let mut socket = soon(connect(&server.url(), &[])).await.unwrap();
    let mut dropped = 0;
    let mut receive = async || loop {
        match poll_once(socket.receive()).await {
            Some(message) => break message.unwrap().unwrap(),
            None => dropped += 1,
        }
        // The server has ended when it has sent all.
        let _ = tell_read.send(());
        yield_now().await;
    };
    let messages = soon(async { [receive().await, receive().await] }).await;
    assert_eq!(messages[0], Message::text("one ".repeat(50)));
    assert_eq!(messages[1], Message::binary(&b"two"[..]));
    assert!(dropped > 200, "{dropped} were dropped");
    drop(tell_read);
    drop(server.join());
}

#[tokio::test]
async fn a_send_that_is_dropped_loses_nothing() {
    let mut socket = connected().await;
    let big = Message::binary(noise(8 << 20));
    // Too big to be taken by the operating system at once.
    assert_eq!(poll_once(socket.send(big.clone())).await, None);
    let echo = soon(socket.receive()).await.unwrap().unwrap();
    assert!(echo == big);
}

#[tokio::test]
async fn a_ping_is_answered_while_receiving() {
    let server = raw_websocket(|mut tcp| {
        tcp.send(encode_frame(PING, b"still there?", None));
        let pong = client_frame(&mut tcp);
        assert_eq!(
            (pong.first, &pong.payload[..]),
            (PONG, &b"still there?"[..])
        );
        tcp.send(encode_frame(TEXT, b"good", None));
        tcp
    });
    let mut socket = soon(connect(&server.url(), &[])).await.unwrap();
    let message = soon(socket.receive()).await.unwrap().unwrap();
    assert_eq!(message.as_text(), Some("good"));
    drop(server.join());
}
