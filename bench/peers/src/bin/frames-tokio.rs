//! The floor of memory on tokio, over TCP or TLS: see `frames`.

use std::{cell::RefCell, future::poll_fn, pin::Pin, task::ready};

use gumboot_bench_peers::{
    Failure,
    frames::{READ_BYTES, answer},
    serve, tls,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    spawn,
};

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let tls = tls()?;
    serve(|stream| {
        let tls = tls.clone();
        async move {
            // A task of its own, so that what the handshake took is not kept with the connection.
            match tls {
                Some(tls) => drop(spawn(echo(tls.accept(stream).await?))),
                None => drop(spawn(echo(stream))),
            }
            Ok(())
        }
    })
    .await
}

async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), Failure> {
    loop {
        let out = read(&mut stream).await?;
        stream.write_all(&out).await?;
        stream.flush().await?;
    }
}

/// Waits for what comes, and gives the answer.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, Failure> {
    poll_fn(|cx| {
        BUFFER.with_borrow_mut(|buffer| {
            let mut read = ReadBuf::new(buffer);
            ready!(Pin::new(&mut *stream).poll_read(cx, &mut read))?;
            let came = read.filled_mut();
            if came.is_empty() {
                return Err("the end".into()).into();
            }
            let mut out = Vec::new();
            Ok(answer(came, &mut out).map(|()| out)?).into()
        })
    })
    .await
}
