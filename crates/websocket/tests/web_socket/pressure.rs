//! Streams of events, and what happens when one side does not keep up with the other.

use std::time::Duration;

use gumboot_websocket::{
    CloseEvent, EVENTS_WAITING_MAX, Event, ReadyState, SEND_BUFFER_BYTES_MAX, WebSocket,
};
use tokio::{io::AsyncWriteExt, net::TcpListener, time::timeout};

use crate::support::{soon, test_server};

/// A write that takes longer than this waits for a reader.
const STALL: Duration = Duration::from_millis(500);

async fn open(path: &str) -> WebSocket {
    let server = test_server().await;
    WebSocket::new(&format!("ws://{server}{path}"), []).unwrap()
}

#[tokio::test]
async fn a_stream_gives_every_event_in_order() {
    let ws = open("/send?3").await;
    let mut events = ws.events();
    let mut seen = Vec::new();
    while let Some(event) = soon(events.next()).await {
        seen.push(match event {
            Event::Message(message) => message.data.to_string(),
            other => other.event_type().to_string(),
        });
    }
    assert_eq!(seen, ["open", "1", "2", "3", "close"]);
    assert_eq!(ws.ready_state(), WebSocket::CLOSED);
    assert_eq!(soon(ws.closed()).await, CloseEvent::new(true, 1005, ""));
}

#[tokio::test]
async fn the_object_changes_as_events_are_taken() {
    let ws = open("/send?1").await;
    let mut events = ws.events();
    for state in [ReadyState::Open, ReadyState::Open, ReadyState::Closed] {
        soon(events.next()).await.unwrap();
        assert_eq!(ws.ready_state(), state);
    }
}

#[tokio::test]
async fn a_second_stream_ends_the_first_and_listeners_follow_the_last() {
    let ws = open("/echo").await;
    let mut first = ws.events();
    let mut second = ws.events();
    assert_eq!(soon(first.next()).await, None);
    assert_eq!(soon(second.next()).await, Some(Event::Open));
    drop(first);
    ws.set_onmessage(|ws, _| ws.close());
    ws.send("a").unwrap();
    drop(second);
    assert!(soon(ws.closed()).await.was_clean);
}

/// A program that takes no events: the server's messages stay in the socket, and it can send only so much.
#[tokio::test]
async fn who_takes_no_events_is_not_read_from() {
    const FRAME: usize = 1 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let ws = WebSocket::new(&url, []).unwrap();
    let mut events = ws.events();
    let mut stream = crate::server::answered(listener).await;
    let mut frame = vec![0x82, 127];
    frame.extend((FRAME as u64).to_be_bytes());
    frame.resize(10 + FRAME, 7);
    // What the two sockets hold comes on top of what waits in the object.
    let mut written = 0;
    while timeout(STALL, stream.write_all(&frame)).await.is_ok() {
        written += 1;
        assert!(written < EVENTS_WAITING_MAX * 4, "it takes everything");
    }
    assert!(written >= EVENTS_WAITING_MAX - 1, "{written}");
    assert_eq!(soon(events.next()).await, Some(Event::Open));
    for _ in 0..written {
        let event = soon(events.next()).await;
        assert!(matches!(event, Some(Event::Message(_))), "{event:?}");
    }
}

/// A server that does not read: what is sent is counted, until it is too much.
#[tokio::test]
async fn a_full_buffer_fails_the_connection() {
    let ws = open("/mute").await;
    let mut events = ws.events();
    assert_eq!(soon(events.next()).await, Some(Event::Open));
    let message = bytes::Bytes::from(vec![0; 1 << 20]);
    let mut sent = 0;
    while ws.ready_state() == WebSocket::OPEN {
        ws.send(message.clone()).unwrap();
        sent += message.len() as u64;
        assert!(sent <= 2 * SEND_BUFFER_BYTES_MAX);
    }
    assert!(ws.buffered_amount() > SEND_BUFFER_BYTES_MAX);
    assert_eq!(soon(events.next()).await, Some(Event::Error));
    let close = CloseEvent::new(false, 1006, "");
    assert_eq!(soon(events.next()).await, Some(Event::Close(close)));
    assert!(ws.buffered_amount() > SEND_BUFFER_BYTES_MAX);
}

#[tokio::test]
async fn buffered_amount_sinks_as_bytes_leave() {
    let ws = open("/echo").await;
    let mut events = ws.events();
    assert_eq!(soon(events.next()).await, Some(Event::Open));
    for _ in 0..8 {
        ws.send(vec![1; 1 << 20]).unwrap();
    }
    // On this runtime of one thread nothing has moved yet.
    assert_eq!(ws.buffered_amount(), 8 << 20);
    for _ in 0..8 {
        soon(events.next()).await.unwrap();
    }
    assert_eq!(ws.buffered_amount(), 0);
}
