//! The server of the `WebSocket` cases as a program, so that browsers can run them: it listens on a free port of
//! 127.0.0.1 for each transport, prints a line `NAME HOST:PORT` for each, and serves until its standard input ends.

use std::io;

use tokio::task::spawn_blocking;

#[path = "../tests/web_socket/server.rs"]
mod server;

use server::{Certificate, Server, Transport};

#[tokio::main]
async fn main() -> io::Result<()> {
    let certificate = Certificate::new();
    for transport in Transport::ALL {
        let server = Server::bind(transport, &certificate).await?;
        println!("{} {}", transport.name(), server.address);
        tokio::spawn(server.serve());
    }
    spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await??;
    Ok(())
}
