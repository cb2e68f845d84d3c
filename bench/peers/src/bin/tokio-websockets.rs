//! tokio-websockets, as its echo example has it.

use futures_util::{SinkExt, StreamExt};
use gumboot_bench_peers::{Failure, serve};
use tokio::task::unconstrained;
use tokio_websockets::{Config, Limits, ServerBuilder};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    serve(|stream| {
        unconstrained(async {
            let (_, mut socket) = ServerBuilder::new()
                .config(Config::default().frame_size(usize::MAX))
                .limits(Limits::unlimited())
                .accept(stream)
                .await?;
            while let Some(message) = socket.next().await {
                let message = message?;
                if message.is_text() || message.is_binary() {
                    socket.send(message).await?;
                }
            }
            Ok(())
        })
    })
    .await
}
