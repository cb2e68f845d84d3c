//! Handles and what keeps a connection (WHATWG WebSockets, "Garbage collection"), and the end of the runtime.

use std::sync::{Arc, mpsc};

use gumboot_websocket::{CloseEvent, Event, EventType, ReadyState, WebSocket, WebSocketError};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
};

use crate::support::{WAIT_MAX, soon, test_server};

async fn url(path: &str) -> String {
    format!("ws://{}{path}", test_server().await)
}

/// A server that answers the handshake by hand, so that a test sees what the client does then.
async fn bare_server() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    (listener, url)
}

/// What the client sends from here on, unmasked, until its end.
async fn rest_of(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset is an end as well.
    let _ = soon(stream.read_to_end(&mut bytes)).await;
    bytes
}

#[tokio::test]
async fn a_forgotten_object_that_connects_goes_away() {
    let (listener, url) = bare_server().await;
    let ws = WebSocket::new(&url, []).unwrap();
    let (mut stream, _) = soon(listener.accept()).await.unwrap();
    let mut head = [0; 1024];
    assert!(soon(stream.read(&mut head)).await.unwrap() > 0);
    drop(ws);
    assert!(rest_of(stream).await.is_empty());
}

#[tokio::test]
async fn a_forgotten_object_that_is_open_closes() {
    let url = url("/close-on-message?4000,heard").await;
    let ws = WebSocket::new(&url, []).unwrap();
    let mut events = ws.events();
    assert_eq!(soon(events.next()).await, Some(Event::Open));
    let witness = Arc::new(());
    let seen = Arc::downgrade(&witness);
    // Only for an event that will not come again: it keeps nothing.
    ws.set_onopen(move |_, _| drop(Arc::clone(&witness)));
    drop((events, ws));
    soon(async {
        while seen.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_listener_keeps_the_object() {
    let url = url("/echo").await;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let ws = WebSocket::new(&url, []).unwrap();
    ws.set_onopen(|ws, _| ws.send("a").unwrap());
    ws.set_onmessage(|ws, _| ws.close());
    ws.set_onclose(move |_, event| tell.send(event.clone()).unwrap());
    drop(ws);
    assert_eq!(
        soon(told.recv()).await,
        Some(CloseEvent::new(true, 1005, ""))
    );
    // The listeners are gone with the last event.
    assert_eq!(soon(told.recv()).await, None);
}

#[tokio::test]
async fn a_listener_that_owns_a_handle_is_let_go_at_the_end() {
    let ws = WebSocket::new(&url("/echo").await, []).unwrap();
    let (own, witness) = (ws.clone(), Arc::new(()));
    let seen = Arc::downgrade(&witness);
    ws.set_onopen(move |_, _| {
        let _ = &witness;
        own.close();
    });
    soon(ws.closed()).await;
    assert_eq!(seen.strong_count(), 0);
}

#[tokio::test]
async fn clones_are_the_same_object() {
    let ws = WebSocket::new(&url("/echo").await, []).unwrap();
    let other = ws.clone();
    let mut events = ws.events();
    drop(ws);
    assert_eq!(soon(events.next()).await, Some(Event::Open));
    assert_eq!(other.ready_state(), WebSocket::OPEN);
    other.close();
    let close = soon(events.next()).await.unwrap();
    assert_eq!(close.event_type(), EventType::Close);
    assert_eq!(soon(events.next()).await, None);
}

#[test]
fn the_end_of_the_runtime_is_the_end_of_the_object() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (tell, told) = mpsc::channel();
    let ws = runtime.block_on(async {
        let ws = WebSocket::new(&url("/echo").await, []).unwrap();
        ws.set_onopen(move |_, _| tell.send(()).unwrap());
        ws
    });
    told.recv_timeout(WAIT_MAX).unwrap();
    drop(runtime);
    assert_eq!(ws.ready_state(), ReadyState::Closed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    assert_eq!(
        runtime.block_on(ws.closed()),
        CloseEvent::new(false, 1006, "")
    );
    ws.send("into the void").unwrap();
    assert_eq!(ws.buffered_amount(), 13);
}

#[test]
#[should_panic(expected = "there is no reactor running")]
fn outside_of_a_runtime_the_constructor_panics() {
    let _ = WebSocket::new("ws://127.0.0.1/", []);
}

#[test]
fn a_syntax_error_needs_no_runtime() {
    let error = WebSocket::new("ws://h/#", []).unwrap_err();
    assert!(matches!(error, WebSocketError::Syntax(_)));
    assert_eq!(error.name(), "SyntaxError");
}

#[test]
fn the_constants_have_the_numbers_of_the_standard() {
    let states = [
        WebSocket::CONNECTING,
        WebSocket::OPEN,
        WebSocket::CLOSING,
        WebSocket::CLOSED,
    ];
    assert_eq!(states.map(|state| state as u16), [0, 1, 2, 3]);
}
