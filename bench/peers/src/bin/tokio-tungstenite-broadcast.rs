//! tokio-tungstenite, as its example of a chat server has it: a message of one connection goes to all others.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use futures_channel::mpsc::{UnboundedSender, unbounded};
use futures_util::{StreamExt, TryStreamExt, future};
use gumboot_bench_peers::{Failure, serve};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

/// Where each connection takes what the others send.
type Others = Arc<Mutex<HashMap<SocketAddr, UnboundedSender<Message>>>>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let others = Others::default();
    serve(|stream| pass_on(others.clone(), stream)).await
}

async fn pass_on(others: Others, stream: TcpStream) -> Result<(), Failure> {
    let address = stream.peer_addr()?;
    let socket = tokio_tungstenite::accept_async(stream).await?;
    let (to_this, from_others) = unbounded();
    let all = || others.lock().unwrap_or_else(PoisonError::into_inner);
    all().insert(address, to_this);
    let (outgoing, incoming) = socket.split();
    let to_others = incoming.try_for_each(|message| {
        if message.is_text() || message.is_binary() {
            for (_, other) in all().iter().filter(|(other, _)| **other != address) {
                // One that has just gone is no failure of this one.
                let _ = other.unbounded_send(message.clone());
            }
        }
        future::ok(())
    });
    let from_others = from_others.map(Ok).forward(outgoing);
    future::select(Box::pin(to_others), Box::pin(from_others)).await;
    all().remove(&address);
    Ok(())
}
