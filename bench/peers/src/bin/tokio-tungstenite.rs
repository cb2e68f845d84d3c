//! tokio-tungstenite, as its echo example has it.

use futures_util::{StreamExt, TryStreamExt, future};
use gumboot_bench_peers::{Failure, serve, tls};
use tokio::io::{AsyncRead, AsyncWrite};

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let tls = tls()?;
    serve(|stream| {
        let tls = tls.clone();
        async move {
            match tls {
                Some(tls) => echo(tls.accept(stream).await?).await,
                None => echo(stream).await,
            }
        }
    })
    .await
}

async fn echo(stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), Failure> {
    let socket = tokio_tungstenite::accept_async(stream).await?;
    let (write, read) = socket.split();
    let messages =
        read.try_filter(|message| future::ready(message.is_text() || message.is_binary()));
    messages.forward(write).await?;
    Ok(())
}
