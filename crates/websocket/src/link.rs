//! The one place where a `Connection` meets a socket: reads feed it, what it queues is written, its deadlines are kept.
//!
//! A link is polled by the task that owns the connection, in this order: [`Link::poll_read`], then whatever the owner
//! sends, then [`Link::poll_write`] and [`Link::poll_timer`]; and once [`Link::is_ending`], [`Link::poll_end`].

use std::{
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::BufMut;
use gumboot_websocket_proto::{Closing, Connection, Event, Input};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    pipe::{LinkError, PENDING_BYTES_MAX, Pipe, Traffic},
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
            let fed = feed(&mut self.connection, now, &mut leftover, on_event);
            fed.map(|rest| self.leftover = rest)
        } else {
            let connection = &mut self.connection;
            let fed = self.pipe.poll_read(cx, |bytes| {
                lend_buffer(connection);
                feed(connection, now, bytes, on_event)
            });
            ready!(fed).flatten().map(|rest| self.leftover = rest)
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
        if self.closing() != Closing::Open {
            let pending = self.connection.bytes_pending();
            self.pipe.begin_last(now, pending);
        }
        let was_flushed = self.pipe.is_flushed();
        let written = self.pipe.poll_write(cx, now, &mut self.connection);
        if blocked && !self.is_blocked() {
            self.connection.handle_resumed(now);
        }
        if !was_flushed && self.pipe.is_flushed() {
            self.connection.transmitted(now, 0);
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

/// Feeds `bytes` to the connection until it gives no more events, or has given enough; gives a copy of those that it did
/// not look at. They begin behind a message, so what is read next is not read into one.
fn feed<F>(
    connection: &mut Connection,
    now: Instant,
    bytes: &mut [u8],
    on_event: &mut F,
) -> Result<Option<Box<[u8]>>, LinkError>
where
    F: FnMut(&mut Connection, Event<'_>),
{
    let mut input = Input::new(bytes);
    let mut given = 0;
    while let Some(event) = connection.handle_input(now, &mut input)? {
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
mod tests {
    use std::{future::poll_fn, io::IoSlice, sync::Arc};

    use gumboot_websocket_proto::{Config, DeflateParams, Message, MessageKind};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;
    use crate::{pipe::WRITE_STALL_MAX, random::RandomKeys};

    /// A server's link, and the other end of its transport, which holds `bytes`.
    fn link(bytes: usize) -> (Link<DuplexStream>, DuplexStream) {
        let (here, there) = duplex(bytes);
        let connection = Connection::server(Arc::new(Config::server()), now());
        (Link::new(here, connection, &[]), there)
    }

    /// Drives a link until it ends, and tells why.
    async fn drive(mut link: Link<DuplexStream>) -> LinkError {
        poll_fn(|cx| {
            loop {
                let now = now();
                let blocked = link.is_blocked();
                let read = link.poll_read(cx, now, &mut |_, _| {});
                let written = link.poll_write(cx, now);
                if blocked && !link.is_blocked() {
                    continue;
                }
                let timer = link.poll_timer(cx, None);
                let pending = read.is_pending();
                for result in [read, written, timer] {
                    if let Poll::Ready(Err(error)) = result {
                        return Poll::Ready(error);
                    }
                }
                if pending {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_is_asked_before_it_is_given_up() {
        let (link, mut peer) = link(1000);
        let driven = tokio::spawn(drive(link));
        for _ in 0..3 {
            let mut ping = [0; 2];
            peer.read_exact(&mut ping).await.unwrap();
            assert_eq!(ping, [0x89, 0x00]);
            peer.write_all(&[0x8a, 0x80, 0, 0, 0, 0]).await.unwrap();
        }
        let error = driven.await.unwrap();
        assert_eq!(error.to_string(), "the peer did not answer a ping");
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_not_read_is_not_blamed_for_silence() {
        let (mut link, mut peer) = link(1000);
        let large = Message::binary(vec![0; 2 * PENDING_BYTES_MAX]);
        link.connection().send(large).unwrap();
        // Half a frame lies in the transport, unread, for longer than half a frame may take.
        peer.write_all(&[0x81, 0x82, 0, 0, 0, 0, b'h'])
            .await
            .unwrap();
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let driven = tokio::spawn(async move {
            poll_fn(|cx| {
                let now = now();
                let blocked = link.is_blocked();
                let read = link.poll_read(cx, now, &mut |_, event| {
                    if let Event::Message(message) = event {
                        assert_eq!(message.kind(), MessageKind::Text);
                        told.send(message.into_message()).unwrap();
                    }
                });
                let _ = link.poll_write(cx, now);
                let timer = link.poll_timer(cx, None);
                assert!(!matches!(timer, Poll::Ready(Err(_))), "{timer:?}");
                if read.is_ready() || blocked && !link.is_blocked() {
                    cx.waker().wake_by_ref();
                }
                Poll::<()>::Pending
            })
            .await;
        });
        let mut step = vec![0; 1000];
        for _ in 0..PENDING_BYTES_MAX / 1000 + 10 {
            tokio::time::advance(WRITE_STALL_MAX / 200).await;
            peer.read_exact(&mut step).await.unwrap();
        }
        peer.write_all(b"i").await.unwrap();
        let message = tokio::time::timeout(Duration::from_secs(5), heard.recv()).await;
        assert_eq!(message.unwrap(), Some(Message::text("hi")));
        driven.abort();
    }

    /// Two ends that have agreed to compress.
    fn compressing() -> [Connection; 2] {
        let params = DeflateParams {
            server_no_takeover: true,
            client_no_takeover: true,
            server_window_bits: 15,
            client_window_bits: 15,
        };
        let keys = Box::new(RandomKeys::new());
        let client = Connection::client(Arc::new(Config::client()), keys, now());
        let server = Connection::server(Arc::new(Config::server()), now());
        [client, server].map(|end| end.with_deflate(&params, Arc::default()))
    }

    /// What the connection sends for these messages.
    fn bytes_of(connection: &mut Connection, messages: &[Message]) -> Vec<u8> {
        for message in messages {
            connection.send(message.clone()).unwrap();
        }
        let mut bytes = Vec::new();
        loop {
            let mut slices = [IoSlice::new(&[]); 8];
            let count = connection.poll_transmit(&mut slices);
            if count == 0 {
                return bytes;
            }
            let before = bytes.len();
            slices[..count]
                .iter()
                .for_each(|slice| bytes.extend_from_slice(slice));
            connection.transmitted(now(), bytes.len() - before);
        }
    }

    /// What one read gives: how many messages, and how many bytes in them.
    async fn read_once(link: &mut Link<DuplexStream>) -> (usize, usize) {
        let mut given = (0, 0);
        let mut on_event = |_: &mut Connection, event: Event<'_>| {
            if let Event::Message(message) = event {
                given = (given.0 + 1, given.1 + message.as_bytes().len());
            }
        };
        poll_fn(|cx| link.poll_read(cx, now(), &mut on_event))
            .await
            .unwrap();
        given
    }

    #[tokio::test]
    async fn what_one_read_gives_is_bounded_and_nothing_is_lost() {
        for (count, length) in [(40_000, 0), (10, READ_GIVES_BYTES_MAX)] {
            let [mut client, server] = compressing();
            let messages = vec![Message::binary(vec![0; length]); count];
            let bytes = bytes_of(&mut client, &messages);
            assert!(bytes.len() < scratch::READ_BYTES_MAX);
            let (here, mut peer) = duplex(scratch::READ_BYTES_MAX);
            let mut link = Link::new(here, server, &[]);
            let (last, most) = bytes.split_last().unwrap();
            peer.write_all(most).await.unwrap();
            let given_max = READ_GIVES_BYTES_MAX + length + BESIDE_PAYLOAD_BYTES;
            let mut messages = 0;
            while messages < count - 1 {
                let given = read_once(&mut link).await;
                assert!(given.0 > 0);
                assert!(given.1 + given.0 * BESIDE_PAYLOAD_BYTES <= given_max);
                messages += given.0;
            }
            peer.write_all(&[*last]).await.unwrap();
            while messages < count {
                messages += read_once(&mut link).await.0;
            }
            assert_eq!(messages, count);
        }
    }
}
