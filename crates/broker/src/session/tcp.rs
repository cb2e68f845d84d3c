//! STOMP over a plain stream.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use gumboot_websocket::{
    LinkError, PENDING_BYTES_MAX, Pipe,
    proto::{CloseFrame, MessageKind, SharedBytes, TransmitQueue},
    scratch,
    timer::now,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::debug;

use super::ROUNDS_MAX;
use crate::{
    metrics::Connected,
    subprotocol::{Carrier, Subprotocol, stomp::Stomp},
};

/// The task of a connection: done when its transport has ended.
#[derive(Debug)]
pub(crate) struct TcpSession<S> {
    pipe: Pipe<S>,
    stream: Stream,
    protocol: Stomp,
    connected: Connected,
}

/// A stream of frames: nothing marks where one ends but the frame itself.
#[derive(Debug, Default)]
struct Stream {
    queue: TransmitQueue,
    ended: bool,
}

impl Carrier for Stream {
    fn send(&mut self, frame: &[u8]) {
        if !self.ended {
            self.queue.push_slice(frame);
        }
    }

    fn send_parts(&mut self, _: MessageKind, head: &[u8], tail: &SharedBytes) {
        if !self.ended {
            self.queue.push_slice(head);
            self.queue.push_bytes(tail.bytes());
        }
    }

    fn end(&mut self, _: Instant, _: &CloseFrame) {
        self.ended = true;
    }

    fn is_full(&self) -> bool {
        self.queue.bytes_pending() > PENDING_BYTES_MAX
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TcpSession<S> {
    pub(crate) fn new(io: S, protocol: Stomp, connected: Connected) -> Self {
        Self {
            pipe: Pipe::new(io),
            stream: Stream::default(),
            protocol,
            connected,
        }
    }

    /// One round; ready if there may be more to do at once.
    fn poll_round(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = now();
        if self.stream.queue.is_empty() {
            self.stream.queue.lend(scratch::take_write());
        }
        let blocked = self.stream.is_full();
        let read = self.poll_read(cx, now);
        let outbox = self.protocol.poll_outbox(cx, now, &mut self.stream);
        let written = self.poll_write(cx, now);
        let timer = self.poll_timer(cx);
        let more = written.is_ready() && outbox.is_ready();
        let unblocked = blocked && !self.stream.is_full();
        if read.is_ready() || timer.is_ready() || more || unblocked || self.stream.ended {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        if self.stream.is_full() {
            return Poll::Pending;
        }
        let Self {
            pipe,
            protocol,
            stream,
            ..
        } = self;
        let read = ready!(pipe.poll_read(cx, |data| protocol.on_data(now, data, stream)));
        protocol.after_batch();
        self.on_result(read);
        Poll::Ready(())
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        let written = ready!(self.pipe.poll_write(cx, now, &mut self.stream.queue));
        self.on_result(written);
        Poll::Ready(())
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let fired = ready!(self.pipe.poll_timer(cx, self.protocol.poll_timeout()));
        if fired.is_ok() {
            self.protocol.handle_timeout(now(), &mut self.stream);
        }
        self.on_result(fired);
        Poll::Ready(())
    }

    /// An error ends the connection.
    fn on_result(&mut self, result: Result<(), LinkError>) {
        if let Err(error) = result {
            debug!(%error, "connection ended");
            self.stream.ended = true;
        }
    }

    fn count(&mut self) {
        self.connected
            .add(self.pipe.take_traffic(), self.protocol.take_messages());
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for TcpSession<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let session = &mut *self;
        let mut polled = Poll::Ready(());
        for _ in 0..ROUNDS_MAX {
            if session.stream.ended {
                polled = session.pipe.poll_end(cx, &mut session.stream.queue);
                session.count();
                return polled;
            }
            polled = session.poll_round(cx);
            if polled.is_pending() {
                break;
            }
        }
        session.count();
        if polled.is_ready() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}
