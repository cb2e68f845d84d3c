//! The two halves of a [`Socket`], for two tasks.
//!
//! A transport wakes one task at a time. Whatever it wakes here, both halves hear: a wake-up too many costs a poll, one
//! that is lost would stop a half for good.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use futures_core::Stream;
use futures_sink::Sink;
use gumboot_websocket_proto::{CloseFrame, Message, SendError};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{pipe::LinkError, socket::Socket};

/// The half that sends.
#[derive(Debug)]
pub struct Sender<S>(Arc<Shared<S>>);

/// The half that receives. It also answers pings and the peer's Close, so it is to be polled until its end.
#[derive(Debug)]
pub struct Receiver<S>(Arc<Shared<S>>);

/// The halves were not of one socket: they are given back.
#[derive(Debug)]
pub struct ReuniteError<S>(pub Sender<S>, pub Receiver<S>);

#[derive(Debug)]
struct Shared<S> {
    socket: Mutex<Socket<S>>,
    wakers: Arc<Wakers>,
}

/// Which half is polled.
#[derive(Debug, Clone, Copy)]
enum Half {
    Sender,
    Receiver,
}

/// Who waits, of both halves.
#[derive(Debug, Default)]
struct Wakers(Mutex<[Option<Waker>; 2]>);

impl Wakers {
    fn register(&self, half: Half, waker: &Waker) {
        let mut wakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut wakers[half as usize] {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut wakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = std::mem::take(&mut *wakers);
        drop(wakers);
        waiting.into_iter().flatten().for_each(Waker::wake);
    }
}

pub(crate) fn split<S>(socket: Socket<S>) -> (Sender<S>, Receiver<S>) {
    let shared = Arc::new(Shared {
        socket: Mutex::new(socket),
        wakers: Arc::default(),
    });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

impl<S> Shared<S> {
    fn lock(&self) -> MutexGuard<'_, Socket<S>> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls the socket for one half; the transport wakes both.
    fn poll<T>(
        &self,
        half: Half,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Socket<S>, &mut Context<'_>) -> T,
    ) -> T {
        self.wakers.register(half, cx.waker());
        let waker = Waker::from(Arc::clone(&self.wakers));
        poll(&mut self.lock(), &mut Context::from_waker(&waker))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sender<S> {
    /// Sends a message: ready when the operating system has taken it.
    ///
    /// # Errors
    /// [`SendError`] if the connection is closing; nothing was sent.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        let message = message.into();
        self.0.lock().queue(message)?;
        poll_fn(|cx| self.0.poll(Half::Sender, cx, Socket::poll_flush)).await;
        Ok(())
    }

    /// Puts a message behind what waits to be written, as [`Socket::feed`] does: the next `send` or `flush` writes it, or
    /// the other half when it receives.
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub async fn feed(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        self.queue(message.into())?;
        poll_fn(|cx| self.0.poll(Half::Sender, cx, Socket::poll_room)).await;
        Ok(())
    }

    /// Sends a message as it is, as [`Socket::send_uncompressed`] does.
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub async fn send_uncompressed(
        &mut self,
        message: impl Into<Message>,
    ) -> Result<(), SendError> {
        let message = message.into();
        self.0.lock().queue_uncompressed(message)?;
        self.flush().await;
        Ok(())
    }

    /// How long the peer took to answer a ping, as [`Socket::round_trip`] tells.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.0.lock().round_trip()
    }

    /// Puts a message behind what waits to be written.
    pub(crate) fn queue(&self, message: Message) -> Result<(), SendError> {
        self.0.lock().queue(message)
    }

    /// Writes what waits: ready when the operating system has taken all of it, or never will.
    pub async fn flush(&self) {
        poll_fn(|cx| self.0.poll(Half::Sender, cx, Socket::poll_flush)).await;
    }

    /// Whether the operating system has taken every message.
    pub(crate) fn is_all_written(&self) -> bool {
        self.0.lock().is_all_written()
    }

    /// How many bytes the operating system has taken since the last call.
    pub(crate) fn take_bytes_out(&self) -> u64 {
        self.0.lock().take_bytes_out()
    }

    /// Sends a Close; the peer's answer, and the end, are what the other half sees.
    pub async fn close(&mut self, frame: Option<&CloseFrame>) {
        self.0.lock().queue_close(frame);
        poll_fn(|cx| self.0.poll(Half::Sender, cx, Socket::poll_flush)).await;
    }

    /// The socket again.
    ///
    /// # Errors
    /// [`ReuniteError`] if the halves are not of one socket.
    pub fn reunite(self, receiver: Receiver<S>) -> Result<Socket<S>, ReuniteError<S>> {
        if !Arc::ptr_eq(&self.0, &receiver.0) {
            return Err(ReuniteError(self, receiver));
        }
        drop(receiver);
        let shared = Arc::into_inner(self.0).expect("two halves hold a socket, and nothing else");
        Ok(shared
            .socket
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Receiver<S> {
    /// The body of the peer's Close, if it has arrived and had one.
    pub(crate) fn close_frame(&self) -> Option<CloseFrame> {
        self.0.lock().close_frame().flatten().cloned()
    }

    /// The next message; `None` after the closing handshake.
    ///
    /// # Errors
    /// As [`Socket::receive`].
    pub async fn receive(&mut self) -> Result<Option<Message>, LinkError> {
        poll_fn(|cx| self.0.poll(Half::Receiver, cx, Socket::poll_receive)).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for Receiver<S> {
    type Item = Result<Message, LinkError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0
            .poll(Half::Receiver, cx, Socket::poll_receive)
            .map(Result::transpose)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for Sender<S> {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.0.poll(Half::Sender, cx, Socket::poll_room).map(Ok)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), SendError> {
        self.0.lock().queue(message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.0.poll(Half::Sender, cx, Socket::poll_flush).map(Ok)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.0.lock().queue_close(None);
        self.0.poll(Half::Sender, cx, Socket::poll_flush).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, sync::Arc};

    use gumboot_websocket_proto::{Config, Connection, handshake::client::Agreed};
    use tokio::{io::DuplexStream, time::timeout};

    use super::*;
    use crate::{link::Link, pipe::PENDING_BYTES_MAX, random::RandomKeys, timer::now};

    const SOON: Duration = Duration::from_secs(20);

    /// A client and a server over a pipe that holds few bytes, so that both are often blocked.
    fn pair() -> (Socket<DuplexStream>, Socket<DuplexStream>) {
        let (client, server) = tokio::io::duplex(1000);
        let keys = Box::new(RandomKeys::new());
        let client_end = Connection::client(Arc::new(Config::client()), keys, now());
        let server_end = Connection::server(Arc::new(Config::server()), now());
        (
            Socket::new(Link::new(client, client_end, &[]), Agreed::default()),
            Socket::new(Link::new(server, server_end, &[]), Agreed::default()),
        )
    }

    fn message(number: u32) -> Message {
        Message::binary(number.to_be_bytes().repeat(500))
    }

    const MESSAGES: u32 = 500;

    async fn send_all(mut sender: Sender<DuplexStream>) -> Sender<DuplexStream> {
        for number in 0..MESSAGES {
            sender.send(message(number)).await.unwrap();
        }
        sender
    }

    async fn receive_all(mut receiver: Receiver<DuplexStream>) -> Receiver<DuplexStream> {
        for number in 0..MESSAGES {
            assert_eq!(receiver.receive().await.unwrap(), Some(message(number)));
        }
        receiver
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn both_directions_at_once_lose_no_wake_up() {
        let (client, server) = pair();
        let mut halves = Vec::new();
        for (sender, receiver) in [client.split(), server.split()] {
            halves.push((
                tokio::spawn(send_all(sender)),
                tokio::spawn(receive_all(receiver)),
            ));
        }
        let mut sockets = Vec::new();
        for (sender, receiver) in halves {
            let sender = timeout(SOON, sender).await.expect("sent in time").unwrap();
            let receiver = timeout(SOON, receiver)
                .await
                .expect("received in time")
                .unwrap();
            sockets.push(sender.reunite(receiver).expect("halves of one socket"));
        }
        let (mut server, mut client) = (sockets.pop().unwrap(), sockets.pop().unwrap());
        let (closed, ended) = timeout(SOON, async {
            tokio::join!(client.close(None), server.receive())
        })
        .await
        .expect("closed in time");
        closed.unwrap();
        assert_eq!(ended.unwrap(), None);
    }

    #[tokio::test]
    async fn what_was_fed_is_sent_though_nobody_waited_for_room() {
        let (client, mut server) = pair();
        let (mut sender, _receiver) = client.split();
        for number in 0..2 {
            let large = Message::binary(vec![number; 2 * PENDING_BYTES_MAX]);
            let fed = poll_fn(|cx| Poll::Ready(pin!(sender.feed(large.clone())).poll(cx))).await;
            assert!(fed.is_pending());
        }
        let receiving = async {
            for number in 0..2 {
                let message = server.receive().await.unwrap().unwrap();
                assert!(message.as_bytes().iter().all(|byte| *byte == number));
            }
        };
        timeout(SOON, async { tokio::join!(receiving, sender.flush()) })
            .await
            .expect("sent in time");
    }

    #[tokio::test]
    async fn halves_of_two_sockets_do_not_become_one() {
        let (client, server) = pair();
        let ((sender, _), (_, receiver)) = (client.split(), server.split());
        assert!(sender.reunite(receiver).is_err());
    }
}
