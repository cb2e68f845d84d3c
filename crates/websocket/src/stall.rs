//! A stream whose writes must make progress: for what is driven by others, who would wait for ever, and below TLS, where
//! it is seen what the peer takes.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{
    pipe::WRITE_STALL_MAX,
    timer::{Timer, now},
};

/// A stream that fails once a write, or its end, has waited for [`WRITE_STALL_MAX`].
#[derive(Debug)]
pub(crate) struct StallLimited<S> {
    io: S,
    timer: Timer,
    /// Since when nothing was taken of what is to be written or flushed.
    write_blocked: Option<Instant>,
    /// Since when the end of our direction waits, which a flush before it does not move.
    shutdown_blocked: Option<Instant>,
}

impl<S> StallLimited<S> {
    pub(crate) fn new(io: S) -> Self {
        Self {
            io,
            timer: Timer::default(),
            write_blocked: None,
            shutdown_blocked: None,
        }
    }

    pub(crate) fn get_ref(&self) -> &S {
        &self.io
    }

    pub(crate) fn into_inner(self) -> S {
        self.io
    }

    fn limit_write<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        limit(&mut self.write_blocked, &mut self.timer, cx, written)
    }
}

/// The outcome of a step, or its failure if it has made no progress for too long.
fn limit<T>(
    blocked: &mut Option<Instant>,
    timer: &mut Timer,
    cx: &mut Context<'_>,
    step: Poll<io::Result<T>>,
) -> Poll<io::Result<T>> {
    if step.is_ready() {
        *blocked = None;
        return step;
    }
    let since = *blocked.get_or_insert_with(now);
    if timer.poll(cx, since + WRITE_STALL_MAX).is_ready() {
        return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
    }
    Poll::Pending
}

impl<S: AsyncRead + Unpin> AsyncRead for StallLimited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for StallLimited<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.limit_write(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.limit_write(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.limit_write(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let shut = Pin::new(&mut this.io).poll_shutdown(cx);
        limit(&mut this.shutdown_blocked, &mut this.timer, cx, shut)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_stops_ends_the_stream_in_time() {
        let (here, mut there) = duplex(10);
        let mut stream = StallLimited::new(here);
        let start = now();
        let written = stream.write_all(&[0; 20]);
        let read = async { there.read_exact(&mut [0; 5]).await.map(drop) };
        let (written, read) = tokio::join!(written, read);
        read.unwrap();
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(now() - start >= WRITE_STALL_MAX);
    }

    /// A stream that takes all, flushes at once if it is to, and never ends its direction.
    struct Endless {
        flushes: bool,
    }

    impl AsyncWrite for Endless {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            match self.flushes {
                true => Poll::Ready(Ok(())),
                false => Poll::Pending,
            }
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_flush_and_an_end_that_wait_for_ever_do_not() {
        let start = now();
        let mut stream = StallLimited::new(Endless { flushes: false });
        stream.write_all(b"some").await.unwrap();
        let flushed = stream.flush().await.unwrap_err();
        assert_eq!(flushed.kind(), io::ErrorKind::TimedOut);
        assert!(now() - start >= WRITE_STALL_MAX);

        let start = now();
        let mut stream = StallLimited::new(Endless { flushes: true });
        // As drivers do it: a flush before each try.
        let ended = poll_fn(|cx| {
            assert!(Pin::new(&mut stream).poll_flush(cx).is_ready());
            Pin::new(&mut stream).poll_shutdown(cx)
        });
        assert_eq!(ended.await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(now() - start >= WRITE_STALL_MAX);
    }
}
