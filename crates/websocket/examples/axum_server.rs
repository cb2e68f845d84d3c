//! A server on axum with a page at `/` and an echo over WebSocket at `/echo`. When its standard input ends, it tells
//! every client that it goes away.
//!
//! `cargo run -p gumboot-websocket --features axum --example axum_server [ADDRESS]`; it prints the address.

use std::{error::Error, io, time::Duration};

use axum::{Router, extract::State, response::Response, routing};
use gumboot_websocket::{Gate, Socket, axum::WebSocketUpgrade};
use tokio::{net::TcpListener, sync::oneshot, task::spawn_blocking, time::timeout};

/// How long clients have to answer the last Close, and requests to end.
const DRAIN_MAX: Duration = Duration::from_secs(4);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:0")).await?;
    println!("ws://{}/echo", listener.local_addr()?);
    let gate = Gate::default();
    let app = Router::new()
        .route("/", routing::get("the echo is at /echo\n"))
        .route("/echo", routing::any(upgrade))
        .with_state(gate.clone());
    let end = spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink()));
    let (tell, told) = oneshot::channel::<()>();
    let serve = axum::serve(listener, app).with_graceful_shutdown(async { drop(told.await) });
    let serving = tokio::spawn(serve.into_future());
    let _ = end.await;
    drop(tell);
    // Both at once: over HTTP/2, axum waits for the WebSockets, and only the gate ends them.
    let (drained, served) = tokio::join!(gate.drain(DRAIN_MAX), timeout(DRAIN_MAX, serving));
    drained?;
    served???;
    Ok(())
}

async fn upgrade(ws: WebSocketUpgrade, State(gate): State<Gate>) -> Response {
    ws.gate(&gate).on_upgrade(echo)
}

async fn echo(mut socket: Socket) {
    while let Ok(Some(message)) = socket.receive().await {
        // A failure is told by the next `receive`.
        let _ = socket.send(message).await;
    }
}
