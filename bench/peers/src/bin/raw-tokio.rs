//! The floor on tokio: sends back whatever comes, over TCP or TLS.

use gumboot_bench_peers::{Failure, serve, tls};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const READ_BYTES: usize = 256 * 1024;

#[tokio::main(flavor = "current_thread")]
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

async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), Failure> {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..read]).await?;
        stream.flush().await?;
    }
}
