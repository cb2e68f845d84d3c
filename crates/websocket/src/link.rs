//! The one place where a `Connection` meets a socket: reads feed it, what it queues is written, its deadlines are kept.
//!
//! A link is polled by the task that owns the connection, in this order: [`Link::poll_read`], then whatever the owner
//! sends, then [`Link::poll_write`] and [`Link::poll_timer`]; and once [`Link::is_ending`], [`Link::poll_end`].

use std::{
    mem,
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::{BufMut, BytesMut};
use gumboot_websocket_proto::{Connection, Event, Input};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    pipe::{LinkError, PENDING_BYTES_MAX, Pipe, Traffic},
    scratch,
    timer::now,
};

/// A connection on a transport.
#[derive(Debug)]
pub struct Link<S> {
    pipe: Pipe<S>,
    connection: Connection,
    /// What came behind the opening handshake.
    leftover: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    /// A link of `connection` over `io`; `leftover` is what was read behind the opening handshake.
    pub fn new(io: S, connection: Connection, leftover: &[u8]) -> Self {
        // A copy, so that the buffer of the handshake is not kept for the life of the connection.
        let leftover = BytesMut::from(leftover);
        Self {
            pipe: Pipe::new(io),
            connection,
            leftover,
        }
    }

    /// The connection, to send on.
    pub fn connection(&mut self) -> &mut Connection {
        if self.connection.bytes_pending() == 0 {
            self.connection.lend_buffer(scratch::take_write());
        }
        &mut self.connection
    }

    /// The transport.
    pub fn io(&self) -> &S {
        self.pipe.io()
    }

    /// Reads once, and gives every event in what was read to `on_event`. Pending also while the link
    /// [is blocked](Link::is_blocked): when a write has ended that, it is to be polled again.
    ///
    /// # Errors
    /// Why nothing more will be read.
    pub fn poll_read<F>(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        on_event: &mut F,
    ) -> Poll<Result<(), LinkError>>
    where
        F: FnMut(&mut Connection, Event<'_>),
    {
        if self.is_blocked() {
            return Poll::Pending;
        }
        self.connection();
        let read = if let Some((buffer, space)) = self.connection.payload_space() {
            let buffer = buffer.limit(space);
            let count = ready!(self.pipe.poll_read_into(cx, buffer));
            count.and_then(|count| feed_payload(&mut self.connection, now, count, on_event))
        } else if self.leftover.is_empty() {
            let connection = &mut self.connection;
            let fed = self
                .pipe
                .poll_read(cx, |bytes| feed(connection, now, bytes, on_event));
            ready!(fed).flatten()
        } else {
            let mut leftover = mem::take(&mut self.leftover);
            feed(&mut self.connection, now, &mut leftover, on_event)
        };
        if let Err(LinkError::Eof | LinkError::Io(_)) = read {
            self.abandon();
        }
        Poll::Ready(read)
    }

    /// Writes what waits; ready when nothing does.
    ///
    /// # Errors
    /// The transport failed.
    pub fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> Poll<Result<(), LinkError>> {
        let written = ready!(self.pipe.poll_write(cx, now, &mut self.connection));
        if written.is_err() {
            self.abandon();
        }
        Poll::Ready(written)
    }

    /// Does what is due, and sees to it that the task is woken when something will be. Ready when the deadline of the
    /// owner, if it has one, has passed.
    ///
    /// # Errors
    /// A wait for the peer is over.
    pub fn poll_timer(
        &mut self,
        cx: &mut Context<'_>,
        owner: Option<Instant>,
    ) -> Poll<Result<(), LinkError>> {
        loop {
            // While nothing is read, a peer cannot be blamed for its silence.
            let silence = if self.is_blocked() {
                None
            } else {
                self.connection.poll_timeout()
            };
            let next = owner.into_iter().chain(silence).min();
            if let Err(error) = ready!(self.pipe.poll_timer(cx, next)) {
                self.abandon();
                return Poll::Ready(Err(error));
            }
            let now = now();
            if silence.is_some_and(|silence| silence <= now) {
                self.connection.handle_timeout(now)?;
            }
            if owner.is_some_and(|owner| owner <= now) {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Whether this end has nothing more to read or send: [`Link::poll_end`] finishes it.
    pub fn is_ending(&self) -> bool {
        self.connection.is_transport_done()
    }

    /// Finishes the transport: writes what waits, shuts our direction, and waits for the peer's end, bounded in time.
    pub fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.pipe.poll_end(cx, &mut self.connection));
        self.connection.handle_transport_closed();
        Poll::Ready(())
    }

    /// The bytes that went over the transport since the last call.
    pub fn take_traffic(&mut self) -> Traffic {
        self.pipe.take_traffic()
    }

    /// Whether the peer must first take what waits for it: until then [`Link::poll_read`] is pending, and wakes nobody.
    pub fn is_blocked(&self) -> bool {
        self.connection.bytes_pending() > PENDING_BYTES_MAX
    }

    fn abandon(&mut self) {
        self.connection.handle_transport_closed();
        self.pipe.abandon();
    }
}

/// Feeds `bytes` to the connection until it gives no more events.
fn feed<F>(
    connection: &mut Connection,
    now: Instant,
    bytes: &mut [u8],
    on_event: &mut F,
) -> Result<(), LinkError>
where
    F: FnMut(&mut Connection, Event<'_>),
{
    let mut input = Input::new(bytes);
    while let Some(event) = connection.handle_input(now, &mut input)? {
        on_event(connection, event);
    }
    Ok(())
}

/// Takes bytes that were read straight into a message.
fn feed_payload<F>(
    connection: &mut Connection,
    now: Instant,
    count: usize,
    on_event: &mut F,
) -> Result<(), LinkError>
where
    F: FnMut(&mut Connection, Event<'_>),
{
    if let Some(event) = connection.handle_payload(now, count)? {
        on_event(connection, event);
    }
    Ok(())
}
