//! A client's connection that is made anew when it is lost, until it is closed.

mod driver;
mod event;
mod queue;
mod sending;

use std::{
    fmt, future,
    panic::resume_unwind,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use gumboot_websocket_proto::{CloseFrame, Message};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

pub use self::event::{Failure, NotQueued, OnOpenError, ReconnectEvent, ReconnectState};
use self::{
    driver::Driver,
    queue::{QueueSender, queue},
};
use crate::{
    backoff::Backoff,
    client::{Client, ConnectError},
    socket::Socket,
    transport::Transport,
};

/// How many messages wait for a connection, unless [`Reconnect::queue_messages_max`] sets another number.
pub const QUEUE_MESSAGES_MAX: usize = 64;

/// How many events wait to be taken; while so many do, nothing is read from the socket.
pub const RECONNECT_EVENTS_MAX: usize = 16;

/// How long a connection stands until it counts as a success, unless [`Reconnect::stands_after`] sets another time.
pub const STANDS_AFTER: Duration = Duration::from_secs(10);

/// The longest that a server can ask to be left alone, unless [`Reconnect::retry_after_max`] sets another time.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// How long the program's part of the opening may take, unless [`Reconnect::on_open_wait_max`] sets another time.
pub const ON_OPEN_WAIT_MAX: Duration = Duration::from_secs(30);

/// In the midst of how many connections a message is lost until it is given up, unless [`Reconnect::transfers_max`] sets
/// another number.
pub const TRANSFERS_MAX: u32 = 3;

type Connecting<S> = Pin<Box<dyn Future<Output = Result<Socket<S>, ConnectError>> + Send>>;
type Opening<S> = Pin<Box<dyn Future<Output = Result<Socket<S>, OnOpenError>> + Send>>;

/// How a connection is made, and made anew when it is lost.
///
/// - The waits between attempts are those of a [`Backoff`]; a connection that stood for [`STANDS_AFTER`] starts them
///   anew. `Retry-After` of a server comes on top, up to [`RETRY_AFTER_MAX`].
/// - There is no end of attempts, unless [`Reconnect::attempts_max`] sets one.
/// - What is not worth another attempt ends it: see [`Failure::is_temporary`], and [`Reconnect::retry_if`] for other
///   rules.
///
/// A message that is sent while there is no connection waits for the next one. One that was sent in part when its
/// connection was lost is sent again, whole; after [`TRANSFERS_MAX`] such losses, or one in which the server says that it
/// takes no such message, it is given up, as [`ReconnectEvent::NotSent`] tells. One that the operating system has taken
/// may still be lost with its connection, and is not sent again: what must arrive is for the program to say again, in
/// [`Reconnect::on_open`].
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/loopback.rs.in"));
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # let address = loopback::echo().await;
/// use gumboot_websocket::{Client, Reconnect, ReconnectEvent};
///
/// let mut connection = Reconnect::new(&Client::new(), &format!("ws://{address}/"), &[])
///     .on_open(|mut socket| async {
///         socket.send("what must be said again").await?;
///         Ok(socket)
///     })
///     .start();
/// connection.send("waits for a connection").await?;
/// # let mut count = 0;
/// while let Some(event) = connection.next().await {
///     match event {
///         ReconnectEvent::Message(message) => {
///             println!("{}", message.as_text().unwrap_or("(binary)"));
/// #           count += 1;
/// #           if count == 2 { break }
///         }
///         ReconnectEvent::Waiting { failure, wait, .. } => println!("{failure}; again in {wait:?}"),
///         ReconnectEvent::NotSent { message, .. } => println!("not sent: {}", message.as_bytes().len()),
///         ReconnectEvent::GivenUp { failure, .. } => println!("{failure}; that was all"),
///         _ => {}
///     }
/// }
/// # assert_eq!(connection.close(None).await, []);
/// # Ok(()) }
/// ```
pub struct Reconnect<S = Transport> {
    connect: Box<dyn FnMut() -> Connecting<S> + Send>,
    on_open: Box<dyn FnMut(Socket<S>) -> Opening<S> + Send>,
    on_open_wait_max: Duration,
    retries: Retries,
    queue_messages_max: usize,
    transfers_max: Option<u32>,
}

/// When there is another attempt.
struct Retries {
    backoff: Backoff,
    attempts_max: Option<u32>,
    stands_after: Duration,
    retry_after_max: Duration,
    is_worth_it: Box<dyn FnMut(&Failure) -> bool + Send>,
}

impl Reconnect {
    /// Connects as `client` does, to `url`, and offers `protocols`.
    #[must_use]
    pub fn new(client: &Client, url: &str, protocols: &[&str]) -> Self {
        let (client, url) = (client.clone(), Arc::<str>::from(url));
        let protocols: Arc<[String]> = protocols.iter().map(|&p| p.to_owned()).collect();
        Self::by(move || {
            let (client, url) = (client.clone(), Arc::clone(&url));
            let protocols = Arc::clone(&protocols);
            async move {
                let protocols: Vec<_> = protocols.iter().map(String::as_str).collect();
                client.connect(&url, &protocols).await
            }
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Reconnect<S> {
    /// Connects by calling `connect` for each attempt: with a token that is fresh, or to another server each time.
    #[must_use]
    pub fn by<F, C>(mut connect: C) -> Self
    where
        C: FnMut() -> F + Send + 'static,
        F: Future<Output = Result<Socket<S>, ConnectError>> + Send + 'static,
    {
        Self {
            connect: Box::new(move || Box::pin(connect())),
            on_open: Box::new(|socket| Box::pin(future::ready(Ok(socket)))),
            on_open_wait_max: ON_OPEN_WAIT_MAX,
            retries: Retries {
                backoff: Backoff::new(),
                attempts_max: None,
                stands_after: STANDS_AFTER,
                retry_after_max: RETRY_AFTER_MAX,
                is_worth_it: Box::new(Failure::is_temporary),
            },
            queue_messages_max: QUEUE_MESSAGES_MAX,
            transfers_max: Some(TRANSFERS_MAX),
        }
    }

    /// Gives each new connection to `on_open` before anything else is sent or taken: to log in, to subscribe again, to
    /// say again what was not confirmed. It gives the socket back. If it fails, so has the attempt.
    #[must_use]
    pub fn on_open<F, H>(mut self, mut on_open: H) -> Self
    where
        H: FnMut(Socket<S>) -> F + Send + 'static,
        F: Future<Output = Result<Socket<S>, OnOpenError>> + Send + 'static,
    {
        self.on_open = Box::new(move |socket| Box::pin(on_open(socket)));
        self
    }

    /// How long `on_open` may take. Default [`ON_OPEN_WAIT_MAX`].
    #[must_use]
    pub fn on_open_wait_max(mut self, max: Duration) -> Self {
        self.on_open_wait_max = max;
        self
    }

    /// The waits between attempts.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.retries.backoff = backoff;
        self
    }

    /// How many attempts follow each other without success before it is given up; `None`, the default, for no bound.
    /// The first one of all is not counted.
    #[must_use]
    pub fn attempts_max(mut self, max: impl Into<Option<u32>>) -> Self {
        self.retries.attempts_max = max.into();
        self
    }

    /// How long a connection stands until it counts as a success. Default [`STANDS_AFTER`].
    #[must_use]
    pub fn stands_after(mut self, time: Duration) -> Self {
        self.retries.stands_after = time;
        self
    }

    /// The longest that a server can ask to be left alone, by `Retry-After`. Default [`RETRY_AFTER_MAX`].
    #[must_use]
    pub fn retry_after_max(mut self, max: Duration) -> Self {
        self.retries.retry_after_max = max;
        self
    }

    /// Decides after which failures there is another attempt, in place of [`Failure::is_temporary`].
    #[must_use]
    pub fn retry_if(mut self, is_worth_it: impl FnMut(&Failure) -> bool + Send + 'static) -> Self {
        self.retries.is_worth_it = Box::new(is_worth_it);
        self
    }

    /// How many messages wait for a connection, 1 at least. Default [`QUEUE_MESSAGES_MAX`].
    #[must_use]
    pub fn queue_messages_max(mut self, max: usize) -> Self {
        self.queue_messages_max = max.max(1);
        self
    }

    /// In the midst of how many connections a message is lost until it is given up, 1 at least; `None` for no bound.
    /// Default [`TRANSFERS_MAX`]. A connection that sent nothing of it is not counted.
    #[must_use]
    pub fn transfers_max(mut self, max: impl Into<Option<u32>>) -> Self {
        self.transfers_max = max.into();
        self
    }

    /// Begins, in a task of its own.
    ///
    /// # Panics
    /// Outside a runtime of tokio.
    #[must_use]
    pub fn start(self) -> Reconnecting {
        let (queue, messages) = queue(self.queue_messages_max);
        let (tell, events) = mpsc::channel(RECONNECT_EVENTS_MAX);
        let (show, state) = watch::channel(ReconnectState::Connecting);
        let (ask, asked) = oneshot::channel();
        let driver = Driver::new(self, show, messages, tell);
        let task = tokio::spawn(driver.run(asked));
        Reconnecting {
            sender: ReconnectSender { queue, state },
            events,
            close: Some(ask),
            task: Some(task),
        }
    }
}

/// A connection that is made anew when it is lost, until it is closed.
///
/// [`Reconnecting::next`] tells what happens; while nobody takes it, nothing is read from the server. Whoever drops this
/// closes the connection without waiting for it; messages that wait are sent first, if there is a connection.
#[derive(Debug)]
pub struct Reconnecting {
    sender: ReconnectSender,
    events: mpsc::Receiver<ReconnectEvent>,
    close: Option<oneshot::Sender<Option<CloseFrame>>>,
    task: Option<JoinHandle<Vec<Message>>>,
}

/// Sends over a connection that is made anew when it is lost. Clones send over the same one.
#[derive(Debug, Clone)]
pub struct ReconnectSender {
    queue: QueueSender,
    state: watch::Receiver<ReconnectState>,
}

impl Reconnecting {
    /// What happens next; `None` after the end. Nothing is lost if it is dropped before it is ready.
    pub async fn next(&mut self) -> Option<ReconnectEvent> {
        self.events.recv().await
    }

    /// What sends, for other tasks.
    #[must_use]
    pub fn sender(&self) -> ReconnectSender {
        self.sender.clone()
    }

    /// As [`ReconnectSender::send`].
    ///
    /// # Errors
    /// [`NotQueued::Ended`] if there will be no connection any more.
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), NotQueued> {
        self.sender.send(message).await
    }

    /// As [`ReconnectSender::try_send`].
    ///
    /// # Errors
    /// [`NotQueued`] gives the message back.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), NotQueued> {
        self.sender.try_send(message)
    }

    /// Which part of its life it is in.
    #[must_use]
    pub fn state(&self) -> ReconnectState {
        self.sender.state()
    }

    /// Closes it for good, and gives the messages that were not sent. If a connection stands, those that wait are sent
    /// first, and the closing handshake is awaited; messages that still arrive are dropped.
    ///
    /// If it is dropped before it is ready, the closing goes on; called again, it awaits it again.
    ///
    /// # Panics
    /// If a function that was given to [`Reconnect`] has panicked.
    pub async fn close(&mut self, frame: Option<&CloseFrame>) -> Vec<Message> {
        if let Some(close) = self.close.take() {
            // If nobody hears it, it has ended already.
            let _ = close.send(frame.cloned());
        }
        let Some(task) = &mut self.task else {
            return Vec::new();
        };
        let ended = task.await;
        self.task = None;
        match ended {
            Ok(unsent) => unsent,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The runtime goes down.
                Err(_) => Vec::new(),
            },
        }
    }
}

/// The events; ends with the last.
impl Stream for Reconnecting {
    type Item = ReconnectEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ReconnectEvent>> {
        self.events.poll_recv(cx)
    }
}

impl ReconnectSender {
    /// Puts a message behind those that wait for a connection; waits for room among them.
    ///
    /// # Errors
    /// [`NotQueued::Ended`] if there will be no connection any more.
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), NotQueued> {
        self.queue.send(message.into()).await
    }

    /// Puts a message behind those that wait for a connection, if there is room.
    ///
    /// # Errors
    /// [`NotQueued`] gives the message back.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), NotQueued> {
        self.queue.try_send(message.into())
    }

    /// Which part of its life the connection is in.
    #[must_use]
    pub fn state(&self) -> ReconnectState {
        match self.state.has_changed() {
            Ok(_) => *self.state.borrow(),
            // The task is no more, be it by a panic.
            Err(_) => ReconnectState::Ended,
        }
    }
}

impl<S> fmt::Debug for Reconnect<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnect")
            .field("backoff", &self.retries.backoff)
            .field("attempts_max", &self.retries.attempts_max)
            .field("queue_messages_max", &self.queue_messages_max)
            .field("transfers_max", &self.transfers_max)
            .finish_non_exhaustive()
    }
}
