//! HTTP/2 of a client (RFC 8441): connections by hyper that several WebSockets share, each of them a stream.

mod uses;

use std::{
    collections::HashMap,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::{
    client::conn::http2,
    rt::{Executor, Read, ReadBufCursor, Write},
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Mutex as AsyncMutex, Notify};

use crate::{
    client::target::Origin,
    transport::{Below, Transport},
};

pub(crate) use self::uses::Uses;
use self::uses::until_idle;

/// What hyper sends requests with.
type SendRequest = http2::SendRequest<Empty<Bytes>>;

/// A connection, to open streams on.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    pub(crate) requests: SendRequest,
    /// What the streams travel over.
    pub(crate) below: Arc<Below>,
    pub(crate) uses: Arc<Uses>,
}

/// What a peer may send on one stream before we have taken it, in bytes.
pub(crate) const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
/// The same for all streams of a connection together: one that is not read must not hold up all others.
pub(crate) const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// What is queued on one stream until its peer takes it, in bytes.
pub(crate) const STREAM_SEND_BYTES_MAX: usize = 256 * 1024;

/// The connections of a client, by server.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<HashMap<Key, Arc<Slot>>>);

/// A server, and whether it is the one that the program named or one that it was sent to.
pub(crate) type Key = (Origin, bool);

/// The connection to one server; locked while it is being made, so that those who come meanwhile share it.
pub(crate) type Slot = AsyncMutex<Option<Sender>>;

impl Pool {
    pub(crate) fn slot(&self, key: Key) -> Arc<Slot> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Servers that are gone are not kept in mind for ever.
        slots.retain(|_, slot| {
            let in_use = Arc::strong_count(slot) > 1;
            in_use || slot.try_lock().is_ok_and(|sender| is_usable(&sender))
        });
        Arc::clone(slots.entry(key).or_default())
    }
}

fn is_usable(sender: &Option<Sender>) -> bool {
    sender
        .as_ref()
        .is_some_and(|sender| !sender.requests.is_closed())
}

/// The sender of a slot, if its connection still stands.
pub(crate) fn usable(slot: &Option<Sender>) -> Option<Sender> {
    slot.clone().filter(|sender| !sender.requests.is_closed())
}

/// Lets go of the connection that has these uses, if it is still in the slot, once it was idle for `idle_max`.
pub(crate) async fn release_idle(slot: Weak<Slot>, uses: Weak<Uses>, idle_max: Duration) {
    loop {
        until_idle(&uses, idle_max).await;
        let (Some(slot), Some(uses)) = (slot.upgrade(), uses.upgrade()) else {
            return;
        };
        let mut sender = slot.lock().await;
        if !uses.is_idle(idle_max) {
            // Someone came while it was locked.
            continue;
        }
        if sender
            .as_ref()
            .is_some_and(|sender| Arc::ptr_eq(&sender.uses, &uses))
        {
            *sender = None;
        }
        return;
    }
}

/// Begins HTTP/2 on a stream; `None` if the server does not let streams become WebSockets (RFC 8441 §3).
///
/// # Errors
/// The server does not speak HTTP/2.
pub(crate) async fn begin(stream: Transport) -> Result<Option<Sender>, hyper::Error> {
    let settings = Arc::new(Settings::default());
    let below = Arc::new(stream.below());
    let io = Watched {
        io: TokioIo::new(stream),
        preface: Preface::default(),
        settings: Arc::clone(&settings),
    };
    let (requests, mut connection) = http2::Builder::new(Watching(Arc::clone(&settings)))
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(STREAM_SEND_BYTES_MAX)
        .handshake(io)
        .await?;
    loop {
        let progress = settings.progress.notified();
        let mut progress = std::pin::pin!(progress);
        progress.as_mut().enable();
        let handled = settings.handled.load(Ordering::Acquire);
        if connection.is_extended_connect_protocol_enabled() {
            break;
        }
        if handled || requests.is_closed() {
            return Ok(None);
        }
        tokio::select! {
            () = progress => {}
            ended = &mut connection => return ended.map(|()| None),
        }
    }
    // Each stream hears of the end of the connection itself.
    tokio::spawn(async move { drop(connection.await) });
    let uses = Arc::default();
    Ok(Some(Sender {
        requests,
        below,
        uses,
    }))
}

/// Whether the settings of the server have come, which hyper does not tell.
#[derive(Debug, Default)]
struct Settings {
    read: AtomicBool,
    handled: AtomicBool,
    progress: Notify,
}

/// Runs the tasks of a connection, and tells of each step.
#[derive(Clone)]
struct Watching(Arc<Settings>);

impl<F> Executor<F> for Watching
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, task: F) {
        let settings = Arc::clone(&self.0);
        let mut task = Box::pin(task);
        tokio::spawn(std::future::poll_fn(move |cx| {
            let polled = task.as_mut().poll(cx).map(drop);
            if !settings.handled.load(Ordering::Relaxed) || polled.is_ready() {
                let read = settings.read.load(Ordering::Acquire) || polled.is_ready();
                settings.handled.store(read, Ordering::Release);
                settings.progress.notify_waiters();
            }
            polled
        }));
    }
}

/// How much of the first frame has come, which is the server's SETTINGS (RFC 9113 §3.4).
#[derive(Debug, Default)]
struct Preface {
    received: usize,
    length: usize,
}

impl Preface {
    const FRAME_HEADER_BYTES: usize = 9;

    /// Whether the frame is whole with these bytes.
    fn take(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes.iter().take(3_usize.saturating_sub(self.received)) {
            self.length = self.length << 8 | usize::from(*byte);
        }
        self.received = self.received.saturating_add(bytes.len());
        self.received >= Self::FRAME_HEADER_BYTES + self.length
    }
}

/// A stream that looks at the first frame as it passes.
struct Watched {
    io: TokioIo<Transport>,
    preface: Preface,
    settings: Arc<Settings>,
}

impl Read for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.settings.read.load(Ordering::Relaxed) {
            return Pin::new(&mut self.io).poll_read(cx, buffer);
        }
        let mut bytes = [0; 1024];
        let space = buffer.remaining().min(bytes.len());
        let mut copy = hyper::rt::ReadBuf::new(&mut bytes[..space]);
        ready!(Pin::new(&mut self.io).poll_read(cx, copy.unfilled()))?;
        buffer.put_slice(copy.filled());
        if self.preface.take(copy.filled()) {
            self.settings.read.store(true, Ordering::Release);
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_frame_is_found_at_every_split() {
        let frame = b"\0\0\x06\x04\0\0\0\0\0\0\x08\0\0\0\x01";
        for split in 0..frame.len() {
            let mut preface = Preface::default();
            assert!(!preface.take(&frame[..split]), "{split}");
            assert!(preface.take(&frame[split..]), "{split}");
        }
    }
}
