//! A WebSocket for a program: send messages, receive messages, close.

use std::{
    collections::VecDeque,
    future::poll_fn,
    ops::ControlFlow,
    task::{Context, Poll, ready},
    time::Duration,
};

use gumboot_websocket_proto::{
    CloseCode, CloseFrame, Closing, Connection, Event, Message, SendError,
    handshake::client::Agreed,
};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    link::Link,
    pipe::LinkError,
    server::Seat,
    split::{self, Receiver, Sender},
    timer::now,
    transport::Transport,
};

/// An inbox with room for more messages gives its room back once it is empty.
const INBOX_KEPT_MAX: usize = 32;

/// A WebSocket connection.
///
/// Its methods may be dropped before they are ready without losing anything.
#[derive(Debug)]
pub struct Socket<S = Transport> {
    link: Link<S>,
    agreed: Agreed,
    inbox: Inbox,
    /// How many messages were put behind what waits.
    queued: u64,
    /// How many of them the operating system is known to have taken.
    written: u64,
    /// The place that a gate gave it.
    seat: Option<Seat>,
}

/// What has arrived and was not taken yet: no more than one [`Link::poll_read`] gives.
#[derive(Debug, Default)]
struct Inbox {
    messages: VecDeque<Message>,
    close: Option<Option<CloseFrame>>,
    failure: Option<LinkError>,
}

impl Inbox {
    fn push(&mut self, event: Event<'_>) {
        match event {
            Event::Message(message) => self.messages.push_back(message.into_message()),
            Event::Close(frame) => self.close = Some(frame),
            Event::Ping(_) | Event::Pong(_) => {}
        }
    }

    /// The next message. The room of many small ones would else be kept for the life of the connection.
    fn pop(&mut self) -> Option<Message> {
        let message = self.messages.pop_front();
        if self.messages.is_empty() && self.messages.capacity() > INBOX_KEPT_MAX {
            self.messages = VecDeque::new();
        }
        message
    }

    /// Keeps the first failure, which is the cause of others. Once both Closes have passed, the peer may end the transport
    /// in whatever way.
    fn fail(&mut self, error: LinkError, closing: Closing) {
        let transport = matches!(error, LinkError::Eof | LinkError::Io(_));
        if !transport || closing != Closing::Clean {
            self.failure.get_or_insert(error);
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// A socket over a link, with what its opening handshake agreed on.
    pub fn new(link: Link<S>, agreed: Agreed) -> Self {
        Self {
            link,
            agreed,
            inbox: Inbox::default(),
            queued: 0,
            written: 0,
            seat: None,
        }
    }

    /// Gives the socket a place: it closes itself with 1001 when the [`Gate`](crate::Gate) drains.
    #[must_use]
    pub fn with_seat(mut self, seat: Seat) -> Self {
        self.seat = Some(seat);
        self
    }

    /// Takes the place away again, for who drives the link by hand.
    pub fn take_seat(&mut self) -> Option<Seat> {
        self.seat.take()
    }

    /// The link under the socket, to be driven by hand, and what the opening handshake agreed on. To be called before
    /// anything is received: messages that were read and not taken are dropped, and a place at a gate is given back
    /// unless [`Socket::take_seat`] took it.
    #[must_use]
    pub fn into_parts(self) -> (Link<S>, Agreed) {
        (self.link, self.agreed)
    }

    /// The subprotocol that was chosen.
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.agreed.protocol.as_deref()
    }

    /// The extensions that were agreed on, in the words of the server; empty if there are none.
    #[must_use]
    pub fn extensions(&self) -> &str {
        &self.agreed.extensions
    }

    /// What its bytes travel over.
    #[must_use]
    pub fn transport(&self) -> &S {
        self.link.io()
    }

    /// The body of the peer's Close, once it has arrived: `Some(None)` if it had none.
    #[must_use]
    pub fn close_frame(&self) -> Option<Option<&CloseFrame>> {
        self.inbox.close.as_ref().map(Option::as_ref)
    }

    /// The next message; `None` after the closing handshake.
    ///
    /// # Errors
    /// [`LinkError`] if the connection ended in any other way, also if our Close, or a message before it, could not be
    /// written. It is told once, then `None` follows.
    pub async fn receive(&mut self) -> Result<Option<Message>, LinkError> {
        poll_fn(|cx| self.poll_receive(cx)).await
    }

    /// Sends a message: ready when the operating system has taken it.
    ///
    /// # Errors
    /// [`SendError`] if the connection is closing; nothing was sent.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        self.queue(message.into())?;
        poll_fn(|cx| self.poll_flush(cx)).await;
        Ok(())
    }

    /// Puts a message behind what waits to be written, and leaves it to [`receive`](Self::receive) to write it: that does
    /// so before it waits for more. What came with one read is then answered with one write, which for small messages
    /// that come many at a time is many times faster than [`send`](Self::send). Whoever does something else next calls
    /// `flush`, or `send` for the last one.
    ///
    /// Ready at once, unless so much waits now that the peer must first take some of it. The message is sent also if that
    /// is not waited for, so who never waits for it, as with a timeout that is short, sets no bound to what waits.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/loopback.rs.in"));
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// # let address = loopback::echo().await;
    /// let mut socket = gumboot_websocket::connect(&format!("ws://{address}/"), &[]).await?;
    /// for number in 1..=3 {
    ///     socket.feed(format!("message {number}")).await?;
    /// }
    /// // Here they leave, with one write.
    /// while let Some(message) = socket.receive().await? {
    ///     println!("{}", message.as_text().unwrap_or("(binary)"));
    ///     # if message.as_text() == Some("message 3") { break; }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Socket::send`].
    pub async fn feed(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        self.queue(message.into())?;
        poll_fn(|cx| self.poll_room(cx)).await;
        Ok(())
    }

    /// Writes what waits: ready when the operating system has taken it. A failure is told by the next
    /// [`receive`](Self::receive).
    pub async fn flush(&mut self) {
        poll_fn(|cx| self.poll_flush(cx)).await;
    }

    /// Sends a message as it is, where compression was agreed on: one that is compressed already, or one that has a
    /// secret beside what others can choose.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/loopback.rs.in"));
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// # let address = loopback::echo().await;
    /// # let photo = vec![0xFF, 0xD8];
    /// let mut socket = gumboot_websocket::connect(&format!("ws://{address}/"), &[]).await?;
    /// println!("{}", socket.extensions()); // permessage-deflate; ...
    /// # assert!(socket.extensions().starts_with("permessage-deflate"));
    /// socket.send("text, which is compressed if that makes it shorter").await?;
    /// socket.send_uncompressed(photo).await?;
    /// # for _ in 0..2 { socket.receive().await?.unwrap(); }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Socket::send`].
    pub async fn send_uncompressed(
        &mut self,
        message: impl Into<Message>,
    ) -> Result<(), SendError> {
        self.queue_uncompressed(message.into())?;
        poll_fn(|cx| self.poll_flush(cx)).await;
        Ok(())
    }

    /// How long the peer took to answer our last ping, once it has answered one. Pings are sent to a peer that is silent
    /// for [`Timing::ping_interval`](crate::proto::Timing::ping_interval), while the socket is polled.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/loopback.rs.in"));
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// # let address = loopback::echo().await;
    /// use std::time::Duration;
    /// use gumboot_websocket::{Client, proto::Config};
    /// use tokio::time::timeout;
    ///
    /// let mut config = Config::client();
    /// config.timing.ping_interval = Some(Duration::from_millis(5));
    /// let client = Client::new().config(config);
    /// let mut socket = client.connect(&format!("ws://{address}/"), &[]).await?;
    /// while socket.round_trip().is_none() {
    ///     // `receive` answers and sends pings as well, and may be dropped at any time.
    ///     let _ = timeout(Duration::from_millis(1), socket.receive()).await;
    /// }
    /// println!("{:?}", socket.round_trip());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.link.round_trip()
    }

    /// The halves of the socket, for a task that sends and one that receives.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/loopback.rs.in"));
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// # let address = loopback::echo().await;
    /// let socket = gumboot_websocket::connect(&format!("ws://{address}/echo"), &[]).await?;
    /// let (mut sender, mut receiver) = socket.split();
    /// let sending = tokio::spawn(async move {
    ///     for number in 1..=3 {
    ///         sender.send(format!("message {number}")).await?;
    ///     }
    ///     Ok::<_, gumboot_websocket::proto::SendError>(sender)
    /// });
    /// for _ in 1..=3 {
    ///     let message = receiver.receive().await?.ok_or("closed too early")?;
    ///     println!("{}", message.as_text().unwrap_or("(binary)"));
    /// }
    /// let mut sender = sending.await??;
    /// sender.close(None).await;
    /// while receiver.receive().await?.is_some() {} // to its end, so that the Close is answered
    /// # Ok(()) }
    /// ```
    pub fn split(self) -> (Sender<S>, Receiver<S>) {
        split::split(self)
    }

    /// Closes the connection: sends a Close, waits for the peer's and for the end of the transport, bounded in time.
    /// Messages that still arrive are dropped.
    ///
    /// # Errors
    /// [`LinkError`] if the closing handshake could not be completed.
    pub async fn close(&mut self, frame: Option<&CloseFrame>) -> Result<(), LinkError> {
        self.queue_close(frame);
        while self.receive().await?.is_some() {}
        Ok(())
    }

    /// Puts a message behind what waits to be written.
    pub(crate) fn queue(&mut self, message: Message) -> Result<(), SendError> {
        self.link.connection().send(message)?;
        self.queued += 1;
        Ok(())
    }

    pub(crate) fn queue_uncompressed(&mut self, message: Message) -> Result<(), SendError> {
        self.link.connection().send_uncompressed(message)?;
        self.queued += 1;
        Ok(())
    }

    /// Whether the operating system has taken every message.
    pub(crate) fn is_all_written(&self) -> bool {
        self.written == self.queued
    }

    /// How many bytes the operating system has taken since the last call.
    pub(crate) fn take_bytes_out(&mut self) -> u64 {
        self.link.take_traffic().bytes_out
    }

    /// Notes what a write has come to. Of a transport that has ended nothing more is known.
    fn note_written(&mut self, written: &Poll<Result<(), LinkError>>) {
        let has_ended = matches!(self.link.closing(), Closing::Clean | Closing::Dropped);
        if matches!(written, Poll::Ready(Ok(()))) && !has_ended {
            self.written = self.queued;
        }
    }

    /// Puts a Close behind what waits to be written, unless one is on its way already.
    pub(crate) fn queue_close(&mut self, frame: Option<&CloseFrame>) {
        let _ = self.link.connection().close(frame);
    }

    /// Closes the connection if the server goes down; else sees to it that the task is woken then.
    fn poll_seat(&mut self, cx: &mut Context<'_>) {
        if let Some(seat) = &mut self.seat
            && self.link.closing() == Closing::Open
            && seat.poll_draining(cx).is_ready()
        {
            self.queue_close(Some(&CloseFrame::truncated(CloseCode::GOING_AWAY, "")));
        }
    }

    /// Ready when there is room for a message; until then it writes.
    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.link.is_blocked() && self.poll_flush(cx).is_pending() && self.link.is_blocked() {
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    pub(crate) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Message>, LinkError>> {
        loop {
            if let Some(message) = self.inbox.pop() {
                return Poll::Ready(Ok(Some(message)));
            }
            match self.poll_link(cx) {
                Poll::Ready(ControlFlow::Continue(())) => {}
                Poll::Ready(ControlFlow::Break(())) => {
                    return Poll::Ready(self.inbox.failure.take().map_or(Ok(None), Err));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Reads once, writes what waits; breaks when the connection has ended.
    fn poll_link(&mut self, cx: &mut Context<'_>) -> Poll<ControlFlow<()>> {
        let now = now();
        if self.link.is_ending() {
            if let Err(error) = ready!(self.link.poll_end(cx)) {
                self.inbox.fail(error, self.link.closing());
            }
            return Poll::Ready(ControlFlow::Break(()));
        }
        self.poll_seat(cx);
        let blocked = self.link.is_blocked();
        let inbox = &mut self.inbox;
        let read = self
            .link
            .poll_read(cx, now, &mut |_: &mut Connection, event: Event<'_>| {
                inbox.push(event);
            });
        let written = self.link.poll_write(cx, now);
        self.note_written(&written);
        if blocked && !self.link.is_blocked() {
            return Poll::Ready(ControlFlow::Continue(()));
        }
        let timer = self.link.poll_timer(cx, None);
        let pending = read.is_pending();
        for result in [read, written, timer] {
            if let Poll::Ready(Err(error)) = result {
                self.inbox.fail(error, self.link.closing());
            }
        }
        if pending && !self.link.is_ending() {
            return Poll::Pending;
        }
        Poll::Ready(ControlFlow::Continue(()))
    }

    /// Writes what waits. A failure is told by the next `receive`.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_seat(cx);
        let written = self.link.poll_write(cx, now());
        self.note_written(&written);
        if let Poll::Ready(written) = written {
            if let Err(error) = written {
                self.inbox.fail(error, self.link.closing());
            }
            return Poll::Ready(());
        }
        if let Poll::Ready(Err(error)) = self.link.poll_timer(cx, None) {
            self.inbox.fail(error, self.link.closing());
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// How far the closing handshake has come.
    pub fn closing(&mut self) -> Closing {
        self.link.closing()
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, sync::Arc};

    use gumboot_websocket_proto::Config;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, BufStream, DuplexStream, duplex},
        time::interval,
    };

    use super::*;
    use crate::{
        pipe::{END_BYTES_PER_SECOND_MIN, PENDING_BYTES_MAX, WRITE_STALL_MAX},
        random::RandomKeys,
    };

    fn over(connection: Connection) -> (Socket<DuplexStream>, DuplexStream) {
        let (here, there) = duplex(1000);
        let link = Link::new(here, connection, &[]);
        (Socket::new(link, Agreed::default()), there)
    }

    fn socket() -> (Socket<DuplexStream>, DuplexStream) {
        over(Connection::server(Arc::new(Config::server()), now()))
    }

    fn client() -> (Socket<DuplexStream>, DuplexStream) {
        let keys = Box::new(RandomKeys::new());
        over(Connection::client(Arc::new(Config::client()), keys, now()))
    }

    /// A Close without a body as a server sends it, and as a client does.
    const CLOSES: [&[u8]; 2] = [&[0x88, 0x00], &[0x88, 0x80, 0, 0, 0, 0]];

    #[tokio::test]
    async fn a_peer_that_is_gone_is_an_error_once() {
        let (mut socket, peer) = socket();
        drop(peer);
        // The message was taken before anybody could know.
        socket.send("lost").await.unwrap();
        assert!(socket.receive().await.is_err());
        assert_eq!(socket.receive().await.unwrap(), None);
        assert_eq!(socket.send("late").await, Err(SendError::Closing));
    }

    #[tokio::test]
    async fn what_is_fed_leaves_with_the_next_receive() {
        let (mut socket, mut peer) = client();
        let answers = [0x81, 0x01, b'1', 0x81, 0x01, b'2'];
        peer.write_all(&answers).await.unwrap();
        for expected in ["1", "2"] {
            let message = socket.receive().await.unwrap().unwrap();
            assert_eq!(message.as_text(), Some(expected));
            socket.feed(message).await.unwrap();
        }
        // Nothing has left: the peer would have something to read.
        let mut frames = [0; 14];
        let early = poll_fn(|cx| Poll::Ready(pin!(peer.read(&mut frames)).poll(cx))).await;
        assert!(early.is_pending());
        let none = poll_fn(|cx| Poll::Ready(socket.poll_receive(cx))).await;
        assert!(none.is_pending());
        let count = peer.read(&mut frames).await.unwrap();
        assert_eq!(count, frames.len(), "both at once");
    }

    #[tokio::test]
    async fn the_room_of_many_messages_is_not_kept() {
        let (mut socket, mut peer) = client();
        for (count, keeps) in [(INBOX_KEPT_MAX, true), (400, false)] {
            peer.write_all(&[0x82, 0].repeat(count)).await.unwrap();
            for _ in 0..count {
                let message = socket.receive().await.unwrap();
                assert_eq!(message, Some(Message::binary(vec![])));
            }
            assert_eq!(socket.inbox.messages.capacity() > 0, keeps);
        }
    }

    #[tokio::test]
    async fn a_peer_that_takes_nothing_is_not_fed_without_end() {
        let (mut socket, mut peer) = client();
        let mut taken = vec![0; PENDING_BYTES_MAX];
        {
            // Behind a header of 14 bytes.
            let mut fed = pin!(socket.feed(vec![0; 2 * PENDING_BYTES_MAX - 14]));
            let waits = poll_fn(|cx| Poll::Ready(fed.as_mut().poll(cx))).await;
            assert!(waits.is_pending());
            let (fed, read) = tokio::join!(fed, peer.read_exact(&mut taken));
            fed.unwrap();
            read.unwrap();
        }
        let mut rest = vec![0; PENDING_BYTES_MAX];
        let (read, ()) = tokio::join!(peer.read_exact(&mut rest), socket.flush());
        read.unwrap();
        assert!(socket.is_all_written());
    }

    #[tokio::test]
    async fn what_was_fed_is_sent_though_nobody_waited_for_room() {
        let (mut socket, mut peer) = socket();
        // Behind a header of 10 bytes, as a server sends it.
        let large = vec![0; 2 * PENDING_BYTES_MAX];
        for message in [Message::binary(large), Message::text("second")] {
            let fed = poll_fn(|cx| Poll::Ready(pin!(socket.feed(message.clone())).poll(cx))).await;
            assert!(fed.is_pending());
        }
        let mut frames = vec![0; 10 + 2 * PENDING_BYTES_MAX + 2 + "second".len()];
        let (read, ()) = tokio::join!(peer.read_exact(&mut frames), socket.flush());
        read.unwrap();
        assert!(frames.ends_with(b"\x81\x06second"));
        assert!(socket.is_all_written());
    }

    #[tokio::test]
    async fn a_close_that_nobody_answers_is_an_error() {
        let (mut socket, peer) = socket();
        drop(peer);
        assert!(socket.close(None).await.is_err());
    }

    #[tokio::test]
    async fn a_peer_that_closes_and_takes_no_more_has_not_got_all() {
        for ((mut socket, mut peer), close) in [client(), socket()].into_iter().zip(CLOSES) {
            let waits = Message::binary(vec![0; 2000]);
            socket.queue_uncompressed(waits).unwrap();
            peer.write_all(close).await.unwrap();
            drop(peer);
            socket.receive().await.unwrap_err();
            assert_eq!(socket.close_frame(), Some(None));
            assert_eq!(socket.closing(), Closing::Dropped);
            assert_eq!(socket.receive().await.unwrap(), None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_closes_and_stalls_has_not_got_all() {
        for ((mut socket, mut peer), close) in [client(), socket()].into_iter().zip(CLOSES) {
            let waits = Message::binary(vec![0; 2000]);
            socket.queue_uncompressed(waits).unwrap();
            peer.write_all(close).await.unwrap();
            let ended = socket.close(None).await;
            assert!(matches!(ended, Err(LinkError::WriteStalled)), "{ended:?}");
            assert_eq!(socket.closing(), Closing::Dropped);
        }
    }

    #[tokio::test]
    async fn a_peer_that_closes_and_takes_all_has_got_all() {
        // A message of 2000 bytes with its header, and a Close; clients mask both.
        let lengths = [2008 + 6, 2004 + 2];
        let sockets = [client(), socket()].into_iter().zip(CLOSES);
        for (((mut socket, mut peer), close), length) in sockets.zip(lengths) {
            let waits = Message::binary(vec![0; 2000]);
            socket.queue_uncompressed(waits).unwrap();
            peer.write_all(close).await.unwrap();
            let taking = tokio::spawn(async move {
                peer.read_exact(&mut vec![0; length]).await.unwrap();
            });
            assert_eq!(socket.receive().await.unwrap(), None);
            assert_eq!(socket.closing(), Closing::Clean);
            taking.await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_transport_keeps_has_not_left() {
        let (here, mut peer) = duplex(1000);
        let keys = Box::new(RandomKeys::new());
        let connection = Connection::client(Arc::new(Config::client()), keys, now());
        // It takes some kilobytes, and then flushes as much as the peer takes.
        let link = Link::new(BufStream::new(here), connection, &[]);
        let mut socket = Socket::new(link, Agreed::default());
        let waits = Message::binary(vec![0; 2000]);
        socket.queue_uncompressed(waits).unwrap();
        peer.write_all(CLOSES[0]).await.unwrap();
        let start = now();
        let ended = socket.close(None).await;
        assert!(matches!(ended, Err(LinkError::WriteStalled)), "{ended:?}");
        assert!(now() - start >= WRITE_STALL_MAX);
        assert_eq!(socket.closing(), Closing::Dropped);
    }

    #[tokio::test(start_paused = true)]
    async fn a_close_that_trickles_away_is_bounded() {
        for (mut socket, mut peer) in [client(), socket()] {
            // Each byte is just in time not to stall.
            tokio::spawn(async move {
                let mut next = interval(WRITE_STALL_MAX - Duration::from_secs(1));
                loop {
                    next.tick().await;
                    if peer.read_u8().await.is_err() {
                        break;
                    }
                }
            });
            let start = now();
            let large = vec![0; 5 * END_BYTES_PER_SECOND_MIN - 100];
            socket.queue_uncompressed(Message::binary(large)).unwrap();
            let ended = socket.close(None).await;
            assert!(matches!(ended, Err(LinkError::WriteStalled)), "{ended:?}");
            let took = now() - start;
            let wait_max = WRITE_STALL_MAX + Duration::from_secs(5);
            assert!(took >= wait_max, "{took:?}");
            assert!(took < wait_max + Duration::from_secs(1), "{took:?}");
            assert_eq!(socket.closing(), Closing::Dropped);
        }
    }
}
