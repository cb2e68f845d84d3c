//! The one place where a `Connection` meets a socket: reads feed it, what it queues is written, its deadlines are kept.
//!
//! A link is polled by the task that owns the connection, in this order: [`Link::poll_read`], then whatever the owner
//! sends, then [`Link::poll_write`] and [`Link::poll_timer`]; and once [`Link::is_ending`], [`Link::poll_end`].

use std::{
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::BufMut;
use gumboot_websocket_proto::{Closing, Connection, Event, Input, LENT_BYTES_MIN, Lending};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    pipe::{LinkError, PENDING_BYTES_MAX, Pipe, Traffic, Transmit},
    scratch,
    timer::{now, sooner},
};

/// So many bytes of messages one [`Link::poll_read`] gives, and the message that passes it: what was read behind that
/// one is left for the next. A few kilobytes may be megabytes once they are inflated.
pub const READ_GIVES_BYTES_MAX: usize = 1024 * 1024;

/// What a message counts there beside its payload, for the place that it takes wherever it is put.
const BESIDE_PAYLOAD_BYTES: usize = 64;

/// A connection on a transport.
#[derive(Debug)]
pub struct Link<S> {
    pipe: Pipe<S>,
    connection: Connection,
    /// What was read and not looked at, mostly nothing: it came behind the opening handshake, or behind
    /// [`READ_GIVES_BYTES_MAX`].
    leftover: Option<Box<[u8]>>,
    /// Whether the owner does not want more for now.
    is_paused: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    /// A link of `connection` over `io`; `leftover` is what was read behind the opening handshake.
    pub fn new(io: S, connection: Connection, leftover: &[u8]) -> Self {
        // A copy, so that the buffer of the handshake is not kept for the life of the connection.
        let leftover = (!leftover.is_empty()).then(|| leftover.into());
        Self {
            pipe: Pipe::new(io),
            connection,
            leftover,
            is_paused: false,
        }
    }

    /// The connection, to send on.
    pub fn connection(&mut self) -> &mut Connection {
        lend_buffer(&mut self.connection);
        &mut self.connection
    }

    /// Whether a part of a message has arrived, and its end has not.
    pub fn is_in_message(&self) -> bool {
        self.connection.is_in_message()
    }

    /// How far the closing handshake has come.
    pub fn closing(&self) -> Closing {
        self.connection.closing()
    }

    /// How long the peer took to answer the last ping that it did answer.
    pub fn round_trip(&self) -> Option<Duration> {
        self.connection.round_trip()
    }

    /// The transport.
    pub fn io(&self) -> &S {
        self.pipe.io()
    }

    /// Reads once, and gives every event in what was read to `on_event`, unless that is more than
    /// [`READ_GIVES_BYTES_MAX`]: then the next call goes on with the rest, without a read. Pending also while the link
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
        let read = if let Some((buffer, space)) = self.connection.payload_space() {
            let buffer = buffer.limit(space);
            let count = ready!(self.pipe.poll_read_into(cx, buffer));
            count.and_then(|count| feed_payload(self.connection(), now, count, on_event))
        } else if let Some(mut leftover) = self.leftover.take() {
            lend_buffer(&mut self.connection);
            let mut input = Input::new(&mut leftover);
            let fed = feed(&mut self.connection, now, &mut input, on_event);
            fed.map(|rest| self.leftover = rest)
        } else {
            ready!(self.poll_read_once(cx, now, on_event))
        };
        if let Err(LinkError::Eof | LinkError::Io(_) | LinkError::WriteStalled) = read {
            self.abandon();
        }
        Poll::Ready(read)
    }

    /// Reads once into the thread's buffer, and writes at once what is answered out of that, since others read into it next.
    fn poll_read_once<F>(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        on_event: &mut F,
    ) -> Poll<Result<(), LinkError>>
    where
        F: FnMut(&mut Connection, Event<'_>),
    {
        let Self {
            pipe,
            connection,
            leftover,
            ..
        } = self;
        scratch::lend_read(|buffer| {
            let bytes = ready!(pipe.poll_read_slice(cx, buffer))?;
            lend_buffer(connection);
            let mut feed = |connection: &mut Connection, input: &mut Input<'_>| {
                feed(connection, now, input, on_event).map(|rest| *leftover = rest)
            };
            // A transport that takes one slice at a time would send each header by itself.
            if bytes.len() < LENT_BYTES_MIN || !pipe.io().is_write_vectored() {
                return Poll::Ready(feed(connection, &mut Input::new(bytes)));
            }
            let (mut lending, fed) = Lending::feed(connection, bytes, feed);
            if lending.is_lent()
                && let Poll::Ready(written) = write(pipe, cx, now, &mut lending)
            {
                // A transport that has failed is the end, whatever else was wrong.
                return Poll::Ready(written.and(fed));
            }
            Poll::Ready(fed)
        })
    }

    /// Writes what waits; ready when nothing does.
    ///
    /// # Errors
    /// The transport failed.
    #[inline]
    pub fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> Poll<Result<(), LinkError>> {
        let waits = self.connection.bytes_pending() > 0 || !self.pipe.is_flushed();
        if waits || self.closing() != Closing::Open {
            return self.poll_write_waiting(cx, now);
        }
        // One was lent for what did not come.
        if let Some(buffer) = self.connection.reclaim_buffer() {
            scratch::give_write(buffer);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_waiting(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> Poll<Result<(), LinkError>> {
        let blocked = self.is_blocked();
        let written = write(&mut self.pipe, cx, now, &mut self.connection);
        if blocked && !self.is_blocked() {
            self.connection.handle_resumed(now);
        }
        if let Poll::Ready(Err(_)) = written {
            self.abandon();
        }
        written
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
            // While nothing is read, a peer cannot be blamed for its silence; nor can one that has not got our Close.
            let closing_unseen = self.closing() != Closing::Open && !self.pipe.is_flushed();
            let silence = if self.is_blocked() || self.is_paused || closing_unseen {
                None
            } else {
                self.connection.poll_timeout()
            };
            let next = sooner(owner, silence);
            if let Err(error) = ready!(self.pipe.poll_timer(cx, next)) {
                self.abandon();
                return Poll::Ready(Err(error));
            }
            let now = now();
            if silence.is_some_and(|silence| silence <= now) {
                self.connection.handle_timeout(now)?;
                // It may have asked the peer with a ping.
                if let Poll::Ready(Err(error)) = self.poll_write(cx, now) {
                    return Poll::Ready(Err(error));
                }
            }
            if owner.is_some_and(|owner| owner <= now) {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Whether the last read brought less than it had room for: most likely there is nothing left to read.
    pub fn is_drained(&self) -> bool {
        self.pipe.is_drained() && self.leftover.is_none()
    }

    /// Whether this end has nothing more to read or send: [`Link::poll_end`] finishes it.
    pub fn is_ending(&self) -> bool {
        self.connection.is_transport_done()
    }

    /// Finishes the transport: writes what waits, shuts our direction, and waits for the peer's end, bounded in time.
    ///
    /// # Errors
    /// Once, if what waits could not be written.
    pub fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        let ended = ready!(self.pipe.poll_end(cx, &mut self.connection));
        self.end_connection();
        Poll::Ready(ended)
    }

    /// The bytes that went over the transport since the last call.
    pub fn take_traffic(&mut self) -> Traffic {
        self.pipe.take_traffic()
    }

    /// Whether the peer must first take what waits for it: until then [`Link::poll_read`] is pending, and wakes nobody.
    pub fn is_blocked(&self) -> bool {
        self.connection.bytes_pending() > PENDING_BYTES_MAX
    }

    /// Says whether the owner polls [`Link::poll_read`] for now: while it does not, the peer's silence means nothing.
    pub fn set_reading(&mut self, reads: bool) {
        if self.is_paused && reads {
            self.connection.handle_resumed(now());
        }
        self.is_paused = !reads;
    }

    /// Ends the transport without a word; [`Link::poll_end`] is ready at once.
    pub fn abandon(&mut self) {
        self.end_connection();
        self.pipe.abandon();
    }

    /// Tells the connection how the transport has ended.
    fn end_connection(&mut self) {
        if self.pipe.is_flushed() {
            self.connection.handle_transport_closed();
        } else {
            self.connection.handle_transport_lost();
        }
    }
}

/// Gives the connection a buffer for what will be queued, if it has none.
fn lend_buffer(connection: &mut Connection) {
    if connection.wants_buffer() {
        connection.lend_buffer(scratch::take_write());
    }
}

/// Writes what waits; ready when nothing does.
fn write<S: AsyncRead + AsyncWrite + Unpin>(
    pipe: &mut Pipe<S>,
    cx: &mut Context<'_>,
    now: Instant,
    out: &mut impl Outgoing,
) -> Poll<Result<(), LinkError>> {
    if out.closing() != Closing::Open {
        pipe.begin_last(now, out.bytes_pending());
    }
    let was_flushed = pipe.is_flushed();
    let written = pipe.poll_write(cx, now, out);
    if !was_flushed && pipe.is_flushed() {
        out.transmitted(now, 0);
    }
    written
}

/// A connection that has bytes to write.
trait Outgoing: Transmit {
    fn closing(&self) -> Closing;
}

impl Outgoing for Connection {
    fn closing(&self) -> Closing {
        Self::closing(self)
    }
}

impl Outgoing for Lending<'_> {
    fn closing(&self) -> Closing {
        self.connection().closing()
    }
}

/// Feeds the input to the connection until it gives no more events, or has given enough; gives a copy of what it did not
/// look at. They begin behind a message, so what is read next is not read into one.
fn feed<F>(
    connection: &mut Connection,
    now: Instant,
    input: &mut Input<'_>,
    on_event: &mut F,
) -> Result<Option<Box<[u8]>>, LinkError>
where
    F: FnMut(&mut Connection, Event<'_>),
{
    let mut given = 0;
    while let Some(event) = connection.handle_input(now, input)? {
        if let Event::Message(message) = &event {
            given += message.as_bytes().len() + BESIDE_PAYLOAD_BYTES;
        }
        on_event(connection, event);
        if given > READ_GIVES_BYTES_MAX {
            return Ok((!input.is_empty()).then(|| input.as_slice().into()));
        }
    }
    Ok(None)
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

#[cfg(test)]
mod tests;
