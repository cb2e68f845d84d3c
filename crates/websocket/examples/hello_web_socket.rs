//! The first program that everyone writes with a browser's WebSocket, line for line.
//!
//! `cargo run -p gumboot-websocket --example hello_web_socket [URL]`; without a URL it asks the echo of a Gumboot server
//! on this machine.

use gumboot_websocket::{WebSocket, WebSocketError};

#[tokio::main]
async fn main() -> Result<(), WebSocketError> {
    let url = std::env::args().nth(1);
    hello(url.as_deref().unwrap_or("ws://127.0.0.1:8080/echo")).await
}

#[rustfmt::skip]
async fn hello(url: &str) -> Result<(), WebSocketError> {
    let ws = WebSocket::new(url, [])?;
    ws.set_onopen(|ws, _| { println!("Connection open ..."); ws.send("Hello WebSockets!").unwrap(); });
    ws.set_onmessage(|ws, evt| { println!("Received Message: {}", evt.data); ws.close(); });
    ws.set_onclose(|_, _| println!("Connection closed."));
    ws.closed().await;
    Ok(())
}
