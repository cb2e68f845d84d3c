//! Pipes over a transport that stops at a step of the test's choice, on a clock of the test's own.

use std::{cell::Cell, future::poll_fn, rc::Rc};

use tokio::{
    io::{DuplexStream, duplex},
    time::{advance, interval},
};

use super::*;

/// What a transport does with what it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    It,
    Nothing,
    Fail,
}

impl Does {
    fn poll<T>(self, done: T) -> Poll<io::Result<T>> {
        match self {
            Self::It => Poll::Ready(Ok(done)),
            Self::Nothing => Poll::Pending,
            Self::Fail => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }
}

/// A transport that takes every write.
#[derive(Debug)]
struct Stub {
    flush: Does,
    shutdown: Does,
    /// [`Does::It`] sends without end.
    read: Does,
    reads: Rc<Cell<usize>>,
    shutdowns: Rc<Cell<usize>>,
}

impl Default for Stub {
    fn default() -> Self {
        Self {
            flush: Does::It,
            shutdown: Does::It,
            read: Does::Nothing,
            reads: Rc::default(),
            shutdowns: Rc::default(),
        }
    }
}

impl AsyncRead for Stub {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.reads.set(self.reads.get() + 1);
        assert!(self.reads.get() < 10_000, "the peer is read for ever");
        self.read.poll(()).map_ok(|()| buffer.put_slice(b"more"))
    }
}

impl AsyncWrite for Stub {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flush.poll(())
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shutdowns.set(self.shutdowns.get() + 1);
        self.shutdown.poll(())
    }
}

fn queue(bytes: &[u8]) -> TransmitQueue {
    let mut queue = TransmitQueue::default();
    queue.push_slice(bytes);
    queue
}

/// How long the end of a pipe takes with so much to write, and what it comes to.
async fn end<S>(io: S, last: &[u8]) -> (Duration, Result<(), LinkError>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let start = now();
    let (mut pipe, mut out) = (Pipe::new(io), queue(last));
    let ended = poll_fn(|cx| pipe.poll_end(cx, &mut out)).await;
    let took = now() - start;
    // What went wrong is told once.
    poll_fn(|cx| pipe.poll_end(cx, &mut out)).await.unwrap();
    (took, ended)
}

/// A peer that takes `count` bytes at a time, and waits for so long between them.
fn slow_peer(count: usize, wait: Duration) -> DuplexStream {
    let (here, mut there) = duplex(count);
    tokio::spawn(async move {
        let mut bytes = vec![0; count];
        let mut next = interval(wait);
        next.tick().await;
        loop {
            next.tick().await;
            match there.read(&mut bytes).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
    });
    here
}

/// Whether this is `max`, with what a timer may be late.
#[track_caller]
fn assert_is(wait: Duration, max: Duration) {
    assert!(
        wait >= max && wait < max + Duration::from_millis(10),
        "{wait:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_and_not_flushed_has_stalled() {
    let start = now();
    let mut pipe = Pipe::new(Stub {
        flush: Does::Nothing,
        ..Stub::default()
    });
    let mut out = queue(b"some");
    let stalled = poll_fn(|cx| {
        assert!(pipe.poll_write(cx, now(), &mut out).is_pending());
        assert_eq!(out.bytes_pending(), 0);
        pipe.poll_timer(cx, None)
    });
    let stalled = stalled.await;
    assert!(
        matches!(stalled, Err(LinkError::WriteStalled)),
        "{stalled:?}"
    );
    assert_is(now() - start, WRITE_STALL_MAX);
}

#[tokio::test(start_paused = true)]
async fn what_is_flushed_has_not() {
    let start = now();
    let mut pipe = Pipe::new(Stub {
        flush: Does::Nothing,
        ..Stub::default()
    });
    let mut out = queue(b"some");
    let deadline = start + 2 * WRITE_STALL_MAX;
    poll_fn(|cx| {
        assert!(pipe.poll_write(cx, now(), &mut out).is_pending());
        Poll::Ready(())
    })
    .await;
    advance(WRITE_STALL_MAX / 2).await;
    pipe.io.flush = Does::It;
    poll_fn(|cx| pipe.poll_write(cx, now(), &mut out))
        .await
        .unwrap();
    poll_fn(|cx| pipe.poll_timer(cx, Some(deadline)))
        .await
        .unwrap();
    assert!(now() >= deadline);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_not_flushed_is_bounded() {
    let stub = Stub {
        flush: Does::Nothing,
        ..Stub::default()
    };
    let shutdowns = Rc::clone(&stub.shutdowns);
    let (took, ended) = end(stub, b"last").await;
    assert!(matches!(ended, Err(LinkError::WriteStalled)), "{ended:?}");
    assert_is(took, WRITE_STALL_MAX);
    assert_eq!(shutdowns.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_not_shut_is_bounded_though_all_is_flushed() {
    let stub = Stub {
        shutdown: Does::Nothing,
        ..Stub::default()
    };
    let (took, ended) = end(stub, b"last").await;
    ended.unwrap();
    assert_is(took, WRITE_STALL_MAX);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_trickles_away_is_bounded() {
    // Each byte is just in time not to stall.
    let peer = slow_peer(1, WRITE_STALL_MAX - Duration::from_secs(1));
    let last = [0; 5 * END_BYTES_PER_SECOND_MIN];
    let (took, ended) = end(peer, &last).await;
    assert!(matches!(ended, Err(LinkError::WriteStalled)), "{ended:?}");
    assert_is(took, WRITE_STALL_MAX + Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn an_end_may_take_long_if_it_is_long() {
    let peer = slow_peer(END_BYTES_PER_SECOND_MIN, Duration::from_secs(1));
    let seconds = 100;
    let last = vec![0; seconds * END_BYTES_PER_SECOND_MIN];
    let (took, ended) = end(peer, &last).await;
    ended.unwrap();
    assert!(took > Duration::from_secs(90), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_end_that_fails_is_over() {
    for (flush, shutdown) in [(Does::Fail, Does::It), (Does::It, Does::Fail)] {
        let stub = Stub {
            flush,
            shutdown,
            ..Stub::default()
        };
        let shutdowns = Rc::clone(&stub.shutdowns);
        let (took, ended) = end(stub, b"last").await;
        // What was flushed has left, whatever comes behind it.
        assert_eq!(ended.is_ok(), flush == Does::It);
        assert_is(took, Duration::ZERO);
        assert_eq!(shutdowns.get(), usize::from(flush == Does::It));
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_nothing_at_the_end_is_not_waited_for_longer() {
    let (took, ended) = end(Stub::default(), b"last").await;
    ended.unwrap();
    assert_is(took, LINGER_MAX);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_floods_at_the_end_is_not_read_for_longer() {
    let stub = Stub {
        read: Does::It,
        ..Stub::default()
    };
    let (mut pipe, mut out) = (Pipe::new(stub), queue(b"last"));
    let mut turn = async || {
        let mut polled = Poll::Pending;
        poll_fn(|cx| {
            polled = pipe.poll_end(cx, &mut out);
            Poll::Ready(())
        })
        .await;
        polled
    };
    assert!(turn().await.is_pending());
    advance(LINGER_MAX - Duration::from_millis(1)).await;
    assert!(turn().await.is_pending());
    advance(Duration::from_millis(1)).await;
    assert!(turn().await.is_ready());
}
