//! What all connections of a server share: the broker, their mailboxes, the counters.
//!
//! There are two kinds of locks: the hub's, and one in each mailbox. A mailbox is locked inside the hub's lock, never
//! the other way round; tasks are woken when no lock is held.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use gumboot_broker_core::{
    Broker, Delivery as BrokerDelivery, Destination, Login, Output, Payload, Properties, Refusal,
    Send, SessionId, Subscribe, SubscriptionId, Timestamp,
};
use gumboot_stomp_proto::ServerOptions;
use slab::Slab;
use tokio::sync::Notify;

use crate::{
    config::Config,
    mailbox::{Mailbox, Signal, Wakeups},
    metrics::Metrics,
    publication::{Delivery, Publication},
};

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) config: Config,
    pub(crate) metrics: Arc<Metrics>,
    /// What holds for STOMP over WebSocket.
    pub(crate) stomp_options: Arc<ServerOptions>,
    shared: Mutex<Shared>,
    draining: AtomicBool,
    /// Told each time the last connection leaves.
    emptied: Notify,
}

#[derive(Debug)]
struct Shared {
    broker: Broker<Message>,
    /// The mailboxes of all connections that have a session; the key is the session's id.
    mailboxes: Slab<Arc<Mailbox>>,
}

/// The place of a connection in the hub, given back when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    hub: Arc<Hub>,
    id: SessionId,
    mailbox: Arc<Mailbox>,
}

impl Hub {
    pub(crate) fn new(config: Config) -> Arc<Self> {
        let broker = Broker::new(config.broker.clone());
        Arc::new(Self {
            stomp_options: Arc::new(config.stomp.clone()),
            config,
            metrics: Arc::default(),
            shared: Mutex::new(Shared {
                broker,
                mailboxes: Slab::new(),
            }),
            draining: AtomicBool::new(false),
            emptied: Notify::new(),
        })
    }

    /// A place for a connection. One that comes while the server goes down is told so at once.
    pub(crate) fn seat(self: &Arc<Self>) -> Seat {
        let mailbox = Arc::new(Mailbox::new(self.config.mailbox_bytes_max));
        let id = SessionId(self.lock().mailboxes.insert(Arc::clone(&mailbox)));
        if self.is_draining() {
            mailbox.signal(Signal::Drain, &mut Wakeups::default());
        }
        Seat {
            hub: Arc::clone(self),
            id,
            mailbox,
        }
    }

    /// Whether the server goes down.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Whether there are as many connections as the server takes.
    pub(crate) fn is_full(&self) -> bool {
        self.metrics.connections().total() >= self.config.connections_max as u64
    }

    /// Tells every connection that the server goes down, and waits until all have left.
    pub(crate) async fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        let mut wakeups = Wakeups::default();
        for (_, mailbox) in &self.lock().mailboxes {
            mailbox.signal(Signal::Drain, &mut wakeups);
        }
        wakeups.wake();
        loop {
            let emptied = self.emptied.notified();
            if self.lock().mailboxes.is_empty() {
                return;
            }
            emptied.await;
        }
    }

    /// A message of the server's own.
    pub(crate) fn publish(&self, destination: &Destination, publication: &Arc<Publication>) {
        let mut wakeups = Wakeups::default();
        {
            let mut shared = self.lock();
            let Shared { broker, mailboxes } = &mut *shared;
            let mut output = FanOut {
                mailboxes,
                wakeups: &mut wakeups,
            };
            let message = Message(Arc::clone(publication));
            broker.publish(now(), destination, &message, &mut output);
        }
        wakeups.wake();
    }

    /// Calls `with` with the broker.
    pub(crate) fn with_broker<T>(&self, with: impl FnOnce(&Broker<Message>) -> T) -> T {
        with(&self.lock().broker)
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    pub(crate) fn id(&self) -> SessionId {
        self.id
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    pub(crate) fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// The client of this connection has logged in.
    pub(crate) fn connect(&self) -> Result<(), Refusal> {
        let login = Login::anonymous(format!("session-{}", self.id.0));
        self.hub.lock().broker.handle_connect(self.id, login)
    }

    /// The client is gone, though its connection may stand for a while.
    pub(crate) fn disconnect(&self) {
        self.with_output(&mut Wakeups::default(), |broker, output| {
            broker.handle_disconnect(now(), self.id, output);
        });
    }

    pub(crate) fn subscribe(
        &self,
        subscription: SubscriptionId,
        destination: &Destination,
    ) -> Result<(), Refusal> {
        self.with_output(&mut Wakeups::default(), |broker, output| {
            let subscribe = Subscribe::new(destination);
            broker.handle_subscribe(now(), self.id, subscription, subscribe, output)
        })
    }

    pub(crate) fn unsubscribe(&self, subscription: SubscriptionId) -> Result<(), Refusal> {
        self.with_output(&mut Wakeups::default(), |broker, output| {
            broker.handle_unsubscribe(now(), self.id, subscription, output)
        })
    }

    /// Puts a message into the mailbox of each subscriber; those to wake are added to `wakeups`.
    pub(crate) fn send(
        &self,
        destination: &Destination,
        publication: &Arc<Publication>,
        wakeups: &mut Wakeups,
    ) -> Result<(), Refusal> {
        let send = Send {
            destination,
            message: &Message(Arc::clone(publication)),
            properties: &Properties::default(),
            transaction: None,
        };
        self.with_output(wakeups, |broker, output| {
            broker.handle_send(now(), self.id, &send, output).map(drop)
        })
    }

    /// Calls `with` with the broker and where its effects go.
    fn with_output<T>(
        &self,
        wakeups: &mut Wakeups,
        with: impl FnOnce(&mut Broker<Message>, &mut FanOut<'_>) -> T,
    ) -> T {
        let mut shared = self.hub.lock();
        let Shared { broker, mailboxes } = &mut *shared;
        with(broker, &mut FanOut { mailboxes, wakeups })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.disconnect();
        let mut shared = self.hub.lock();
        shared.mailboxes.remove(self.id.0);
        if shared.mailboxes.is_empty() {
            self.hub.emptied.notify_waiters();
        }
    }
}

/// Puts deliveries into mailboxes.
struct FanOut<'a> {
    mailboxes: &'a Slab<Arc<Mailbox>>,
    wakeups: &'a mut Wakeups,
}

impl Output<Message> for FanOut<'_> {
    fn deliver(&mut self, to: SessionId, delivery: BrokerDelivery<'_, Message>) {
        if let Some(mailbox) = self.mailboxes.get(to.0) {
            let delivery = Delivery {
                subscription: delivery.subscription,
                publication: Arc::clone(&delivery.message.0),
            };
            mailbox.push(delivery, self.wakeups);
        }
    }
}

/// A publication as the broker passes it on. Its headers are not told, because subscriptions have no selectors here.
#[derive(Debug, Clone)]
pub(crate) struct Message(Arc<Publication>);

impl Payload for Message {}

/// The present moment, for a broker of which nothing is asked that depends on it: a topic without wildcards passes
/// messages on at once.
fn now() -> Timestamp {
    Timestamp::default()
}
