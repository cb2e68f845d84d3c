//! A plain stream as the line of a session: nothing marks where a frame ends but the frame itself.

use std::{
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use gumboot_websocket::{
    LinkError, PENDING_BYTES_MAX, Pipe, Traffic,
    proto::{CloseFrame, Config, MessageKind, SharedBytes, TransmitQueue},
    scratch,
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Line;
use crate::subprotocol::{Carrier, stomp::Stomp};

/// A stream, and what waits to be written to it.
#[derive(Debug)]
pub(crate) struct TcpLine<S> {
    pipe: Pipe<S>,
    stream: Stream,
}

/// What a subprotocol sends on.
#[derive(Debug, Default)]
pub(crate) struct Stream {
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

    fn end(&mut self, _: &CloseFrame) {
        self.ended = true;
    }

    fn logged_in(&mut self, _: &Arc<Config>) {}

    fn is_full(&self) -> bool {
        self.queue.bytes_pending() > PENDING_BYTES_MAX
    }

    fn is_open(&self) -> bool {
        !self.ended
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TcpLine<S> {
    pub(crate) fn new(io: S) -> Self {
        Self {
            pipe: Pipe::new(io),
            stream: Stream::default(),
        }
    }

    /// An error is the end of the connection.
    fn ended_by(&mut self, result: Result<(), LinkError>) -> Result<(), LinkError> {
        self.stream.ended |= result.is_err();
        result
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Line<Stomp> for TcpLine<S> {
    type Carrier = Stream;

    fn carrier(&mut self) -> &mut Stream {
        if self.stream.queue.wants_buffer() {
            self.stream.queue.lend(scratch::take_write());
        }
        &mut self.stream
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        protocol: &mut Stomp,
    ) -> Poll<Result<(), LinkError>> {
        if self.is_blocked() {
            return Poll::Pending;
        }
        let Self { pipe, stream } = self;
        let read = ready!(pipe.poll_read(cx, |data| protocol.on_data(now, data, stream)));
        Poll::Ready(self.ended_by(read))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Result<(), LinkError>> {
        let written = ready!(self.pipe.poll_write(cx, now, &mut self.stream.queue));
        Poll::Ready(self.ended_by(written))
    }

    fn poll_timer(
        &mut self,
        cx: &mut Context<'_>,
        owner: Option<Instant>,
    ) -> Poll<Result<(), LinkError>> {
        let fired = ready!(self.pipe.poll_timer(cx, owner));
        Poll::Ready(self.ended_by(fired))
    }

    fn is_drained(&self) -> bool {
        self.pipe.is_drained()
    }

    fn is_blocked(&self) -> bool {
        self.stream.is_full()
    }

    fn is_ending(&self) -> bool {
        self.stream.ended
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.pipe.poll_end(cx, &mut self.stream.queue).map(drop)
    }

    fn take_traffic(&mut self) -> Traffic {
        self.pipe.take_traffic()
    }
}
