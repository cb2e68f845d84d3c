//! The server of the `WebSocket` cases as a program, so that browsers can run them: it listens on a free port of
//! 127.0.0.1, prints its address, and serves until its standard input ends.

use std::{io, net::Ipv4Addr};

use tokio::{net::TcpListener, task::spawn_blocking};

#[path = "../tests/web_socket/server.rs"]
mod server;

#[tokio::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("ws://{}", listener.local_addr()?);
    let end = spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink()));
    tokio::select! {
        () = server::serve(listener) => Ok(()),
        end = end => end?.map(drop),
    }
}
