//! A session with a server, as a program holds it. The connection is in a task of its own, which makes a new one when
//! that is lost.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

use gumboot_stomp_proto::Version;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::{
    error::{Error, Loss},
    limits::Limits,
    outgoing::Outgoing,
    receipt::Receipt,
    request::{Done, Kind, Request, Sending, Subscribing},
    shared::Shared,
    subscription::{Subscribe, Subscription},
    transaction::Transaction,
};

/// Requests on their way to the task of a session: one more waits.
pub(crate) const REQUESTS_WAITING_MAX: usize = 64;

/// A session. Clones are the same session; when the last handle of any kind is dropped, the session ends in order.
#[derive(Debug, Clone)]
pub struct Session(Arc<Handle>);

/// What handles of all kinds hold.
#[derive(Debug)]
pub(crate) struct Handle {
    requests: mpsc::Sender<Request>,
    pub(crate) shared: Arc<Shared>,
    state: watch::Receiver<State>,
    /// One permit for each octet of `send_bytes_max`.
    room: Arc<Semaphore>,
    limits: Limits,
    subscriptions: AtomicU32,
    transactions: AtomicU64,
}

/// How a session stands.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum State {
    /// There is a connection, and the server has taken us in.
    Connected(Server),
    /// The connection is lost, and a new one is being made.
    Reconnecting {
        /// Which attempt, from 1 on.
        attempt: u32,
        /// How the last one failed, or the connection was lost.
        loss: Loss,
    },
    /// The session has ended: as the program wanted, or with a loss that could not be made good.
    Ended(Option<Loss>),
}

/// What the server said of itself when it took us in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The version agreed on.
    pub version: Version,
    /// Its name for the session, for logs.
    pub session: Option<String>,
    /// Its own name and version.
    pub server: Option<String>,
}

impl Handle {
    pub(crate) fn new(
        requests: mpsc::Sender<Request>,
        shared: Arc<Shared>,
        state: watch::Receiver<State>,
        limits: Limits,
    ) -> Self {
        Self {
            requests,
            shared,
            state,
            room: Arc::new(Semaphore::new(room(limits.send_bytes_max))),
            limits,
            subscriptions: AtomicU32::new(0),
            transactions: AtomicU64::new(0),
        }
    }
}

/// As many octets as a semaphore can count.
fn room(bytes: usize) -> usize {
    bytes.min(u32::MAX as usize).min(Semaphore::MAX_PERMITS)
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.leave(None);
    }
}

impl Session {
    pub(crate) fn from_handle(handle: Arc<Handle>) -> Self {
        Self(handle)
    }

    pub(crate) fn handle(&self) -> &Arc<Handle> {
        &self.0
    }

    /// Sends a message: ready when it waits for nothing but the socket. While there is no connection, it waits for one.
    ///
    /// # Errors
    /// [`Error::Header`], [`Error::Ended`]. Whether the server took it, only a receipt tells.
    pub async fn send(&self, message: Outgoing) -> Result<(), Error> {
        let sending = self.sending(message, None).await?;
        self.tell(sending).await
    }

    /// As [`Session::send`]; the receipt says that the server has taken it. A message that was not confirmed when the
    /// connection was lost is sent again over the next one, so it may arrive twice; one that seems to cost us the
    /// connection each time is given up after [`BLAMED_MAX`](crate::BLAMED_MAX).
    ///
    /// # Errors
    /// As [`Session::send`].
    pub async fn send_with_receipt(&self, message: Outgoing) -> Result<Receipt, Error> {
        let sending = self.sending(message, None).await?;
        self.ask(sending).await
    }

    /// Subscribes; ready when the server has confirmed it. After a lost connection it is made again.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::TooMany`], [`Error::Header`], [`Error::Ended`], [`Error::ReceiptTimedOut`].
    pub async fn subscribe(&self, subscribe: impl Into<Subscribe>) -> Result<Subscription, Error> {
        let Subscribe {
            destination,
            ack,
            headers,
        } = subscribe.into();
        let id = self.0.subscriptions.fetch_add(1, Ordering::Relaxed);
        let (messages, receiver) = mpsc::unbounded_channel();
        let subscription = Subscription::new(self.clone(), id, receiver);
        let subscribing = Subscribing {
            id,
            destination,
            ack,
            headers,
            messages,
            place: None,
            is_gap_told: false,
        };
        self.ask(Kind::Subscribe(subscribing)).await?.await?;
        Ok(subscription)
    }

    /// Begins a transaction: what is sent and acknowledged in it takes effect together, or not at all.
    ///
    /// # Errors
    /// [`Error::Ended`]
    pub async fn begin(&self) -> Result<Transaction, Error> {
        let id = self.0.transactions.fetch_add(1, Ordering::Relaxed);
        let transaction = Transaction::new(self.clone(), id);
        self.tell(Kind::Begin(id)).await?;
        Ok(transaction)
    }

    /// Runs `scope` in a transaction: committed when it gives `Ok`, aborted when it gives `Err` or is dropped.
    ///
    /// ```no_run
    /// # async fn run(session: &gumboot_stomp::Session, order: gumboot_stomp::Message) -> Result<(), gumboot_stomp::Error> {
    /// use gumboot_stomp::Outgoing;
    ///
    /// session.transaction(async |transaction| {
    ///     transaction.send(Outgoing::new("/queue/invoices", order.body().clone())).await?;
    ///     transaction.ack(&order).await
    /// }).await
    /// # }
    /// ```
    ///
    /// # Errors
    /// What `scope` gave; or as [`Transaction::commit`].
    pub async fn transaction<T, E: From<Error>>(
        &self,
        scope: impl AsyncFnOnce(&Transaction) -> Result<T, E>,
    ) -> Result<T, E> {
        let transaction = self.begin().await?;
        match scope(&transaction).await {
            Ok(value) => {
                transaction.commit().await?;
                Ok(value)
            }
            Err(error) => {
                // It is aborted when it is dropped, too.
                let _ = transaction.abort().await;
                Err(error)
            }
        }
    }

    /// Ends the session in order: what was asked before is sent, then DISCONNECT, and its RECEIPT awaited. A server that
    /// closes the WebSocket with 1000 instead, as RabbitMQ does, has confirmed it, unless it owes other receipts.
    ///
    /// # Errors
    /// [`Error::Unconfirmed`] or [`Error::ReceiptTimedOut`] if the server did not confirm.
    pub async fn disconnect(&self) -> Result<(), Error> {
        let (done, told) = oneshot::channel();
        if let State::Ended(_) = *self.0.state.borrow() {
            return Ok(());
        }
        self.0.shared.leave(Some(done));
        // A task that ended meanwhile tells nobody.
        told.await.unwrap_or(Ok(()))
    }

    /// How the session stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.0.state.borrow().clone()
    }

    /// Waits until `is_so`, and gives the state that is. It sees the latest state only, not each in between.
    pub async fn wait_until(&self, is_so: impl FnMut(&State) -> bool) -> State {
        let mut state = self.0.state.clone();
        match state.wait_for(is_so).await {
            Ok(state) => state.clone(),
            Err(_) => self.state(),
        }
    }

    /// Waits for the end of the session; with its loss, if it could not be made good.
    pub async fn ended(&self) -> Option<Loss> {
        let ended = self.wait_until(|state| matches!(state, State::Ended(_)));
        match ended.await {
            State::Ended(loss) => loss,
            _ => None,
        }
    }

    /// Waits until the session has ended and its connection is closed, which takes a moment more: of a program that ends
    /// at once, the server would not see the closing handshake of a WebSocket. It is bounded as that handshake is.
    pub async fn closed(&self) {
        let mut state = self.0.state.clone();
        while state.changed().await.is_ok() {}
    }

    pub(crate) async fn sending(
        &self,
        outgoing: Outgoing,
        transaction: Option<u64>,
    ) -> Result<Kind, Error> {
        let bytes = outgoing
            .bytes()
            .max(1)
            .min(room(self.0.limits.send_bytes_max));
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.0.room).acquire_many_owned(permits);
        Ok(Kind::Send(Sending {
            outgoing,
            transaction,
            _room: room.await.map_err(|_| Error::Ended)?,
        }))
    }

    /// Tells the task, and waits until the frame is on the way.
    pub(crate) async fn tell(&self, kind: Kind) -> Result<(), Error> {
        self.request(kind, None).await
    }

    /// As [`Session::tell`], with a receipt.
    pub(crate) async fn ask(&self, kind: Kind) -> Result<Receipt, Error> {
        let (done, told) = oneshot::channel();
        self.request(kind, Some(done)).await?;
        Ok(Receipt::new(told))
    }

    async fn request(&self, kind: Kind, receipt: Option<Done>) -> Result<(), Error> {
        let (written, is_written) = oneshot::channel();
        let request = Request {
            kind,
            written,
            receipt,
        };
        let sent = self.0.requests.send(request).await;
        sent.map_err(|_| Error::Ended)?;
        is_written.await.unwrap_or(Err(Error::Ended))
    }
}
