//! A server on plain streams: it takes WebSockets of the subprotocol `shout` at `/shout`, and says what it hears in
//! capital letters. When its standard input ends, it tells every client that it goes away.
//!
//! `cargo run -p gumboot-websocket --example accept [ADDRESS]`; it prints the address.

use std::{error::Error, io, time::Duration};

use gumboot_websocket::{Acceptor, Gate, GateLimits};
use http::Response;
use tokio::{
    net::{TcpListener, TcpStream},
    task::spawn_blocking,
    time::sleep,
};

/// How long clients have to answer the last Close.
const DRAIN_MAX: Duration = Duration::from_secs(4);
/// How long no client is taken after one could not be.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:0")).await?;
    println!("ws://{}/shout", listener.local_addr()?);
    let gate = Gate::new(GateLimits {
        connections_max: 10_000,
        handshakes_max: 100,
    });
    let acceptor = Acceptor::new().protocols(["shout"]).gate(&gate);
    let end = spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink()));
    tokio::select! {
        () = serve(listener, acceptor) => {}
        _ = end => {}
    }
    gate.drain(DRAIN_MAX).await?;
    Ok(())
}

async fn serve(listener: TcpListener, acceptor: Acceptor) {
    loop {
        let (stream, client) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many open files, or a client that has gone already: it passes.
                eprintln!("{error}");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            if let Err(error) = shout(stream, &acceptor).await {
                eprintln!("{client}: {error}");
            }
        });
    }
}

async fn shout(stream: TcpStream, acceptor: &Acceptor) -> Result<(), Box<dyn Error + Send + Sync>> {
    let handshake = acceptor.handshake(stream).await?;
    if handshake.request().uri().path() != "/shout" {
        let response = Response::builder().status(404);
        handshake
            .refuse(response.body("shout at /shout\n")?)
            .await?;
        return Ok(());
    }
    let mut socket = handshake.accept().await?;
    while let Some(message) = socket.receive().await? {
        let text = message.as_text().unwrap_or("bytes").to_uppercase();
        // A failure is told by the next `receive`, and after a Close what is under way still comes.
        let _ = socket.send(text).await;
    }
    Ok(())
}
