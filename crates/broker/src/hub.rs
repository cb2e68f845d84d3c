//! What all connections of a server share: the broker, their mailboxes, the counters.
//!
//! There are two kinds of locks: the hub's, and one in each mailbox. A mailbox is locked inside the hub's lock, never
//! the other way round; tasks are woken when no lock is held.

mod carriage;
mod clock;
mod fan_out;
mod histories;
mod record;
mod seat;
pub(crate) mod timer;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use gumboot_broker_core::{Broker, Destination, SessionId, Timestamp};
use gumboot_stomp_proto::ServerOptions;
use slab::Slab;
use tokio::sync::Notify;

pub(crate) use self::seat::Seat;
use self::{carriage::Carriage, clock::Clock, fan_out::FanOut};
use crate::{
    config::Config,
    journal::{
        Journal, Recorder, Turn,
        restore::{RestoreError, Restored, Start, restore},
        writer::Writer,
    },
    mailbox::{Mailbox, Signal, Wakeups},
    metrics::Metrics,
    publication::{Message, Publication},
};

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) config: Config,
    pub(crate) metrics: Arc<Metrics>,
    /// What holds for STOMP over WebSocket.
    pub(crate) stomp_options: Arc<ServerOptions>,
    /// What a WebSocket of STOMP may send, before and after its client has logged in.
    pub(crate) carriage: Carriage,
    /// Where there is a store.
    pub(crate) journal: Option<Arc<Journal>>,
    clock: Clock,
    shared: Mutex<Shared>,
    draining: AtomicBool,
    /// Told each time the last connection leaves.
    emptied: Notify,
    /// Told when the broker wants to be called earlier than its timer is set to.
    hurry: Notify,
}

#[derive(Debug)]
struct Shared {
    broker: Broker<Message>,
    /// The mailboxes of all connections that have a session; the key is the session's id.
    mailboxes: Slab<Arc<Mailbox>>,
    /// What the broker's timer is set to.
    timer: Option<Timestamp>,
    /// What a store is to keep.
    recorder: Option<Recorder>,
}

/// What was restored from a store, and what writes to it.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) restored: Restored,
    pub(crate) writer: Writer,
    pub(crate) journal: Arc<Journal>,
}

impl Hub {
    /// A hub without connections. Where there is a store, the broker is as that has it, and only what is given has it.
    pub(crate) async fn start(
        mut config: Config,
    ) -> Result<(Arc<Self>, Option<Stored>), RestoreError> {
        histories::prepare(&mut config);
        let clock = Clock::start();
        let mut broker = Broker::new(config.broker.clone());
        let (mut recorder, mut stored) = (None, None);
        if let Some(store) = config.store.take() {
            let journal = Arc::new(Journal::new());
            let start = restore(store, &config, &mut broker, clock.now()).await?;
            let Start {
                restored, writer, ..
            } = start;
            recorder = Some(start.recorder);
            stored = Some(Stored {
                restored,
                writer,
                journal,
            });
        }
        let hub = Self {
            stomp_options: Arc::new(config.stomp.clone()),
            carriage: Carriage::new(&config.websocket, &config.stomp),
            journal: stored.as_ref().map(|stored| Arc::clone(&stored.journal)),
            metrics: Arc::default(),
            clock,
            shared: Mutex::new(Shared {
                broker,
                mailboxes: Slab::new(),
                timer: None,
                recorder,
            }),
            config,
            draining: AtomicBool::new(false),
            emptied: Notify::new(),
            hurry: Notify::new(),
        };
        Ok((Arc::new(hub), stored))
    }

    /// A place for a connection. One that comes while the server goes down is told so at once.
    pub(crate) fn seat(self: &Arc<Self>) -> Seat {
        let mailbox = Arc::new(Mailbox::new(self.config.mailbox_bytes_max));
        let id = SessionId(self.lock().mailboxes.insert(Arc::clone(&mailbox)));
        if self.is_draining() {
            mailbox.signal(Signal::Drain, &mut Wakeups::default());
        }
        Seat::new(Arc::clone(self), id, mailbox)
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
        let mut turn = Turn::default();
        let message = Message(Arc::clone(publication));
        self.command(&mut turn, |broker, now, output| {
            broker.publish(now, destination, &message, output);
        });
        turn.wake();
    }

    /// Calls `with` with the broker.
    pub(crate) fn with_broker<T>(&self, with: impl FnOnce(&Broker<Message>) -> T) -> T {
        with(&self.lock().broker)
    }

    /// Calls `with` with the broker, the time, and where its effects go; `turn` has then who is to be woken, and what is stored.
    fn command<T>(
        &self,
        turn: &mut Turn,
        with: impl FnOnce(&mut Broker<Message>, Timestamp, &mut FanOut<'_>) -> T,
    ) -> T {
        let now = turn.now(|| self.now());
        let mut shared = self.lock();
        let Shared {
            broker,
            mailboxes,
            timer,
            recorder,
        } = &mut *shared;
        let mut output = FanOut {
            mailboxes,
            wakeups: &mut turn.wakeups,
            recorder: recorder.as_mut(),
            clock: &self.clock,
        };
        let done = with(broker, now, &mut output);
        let deadline = broker.poll_timeout();
        let is_earlier = deadline.is_some_and(|deadline| timer.is_none_or(|set| deadline < set));
        if is_earlier {
            *timer = deadline;
        }
        let is_filled = self.end_of_command(recorder.as_mut(), turn);
        drop(shared);
        if is_earlier {
            self.hurry.notify_one();
        }
        if is_filled && let Some(journal) = &self.journal {
            journal.wake_writer();
        }
        done
    }

    /// The present moment, as the broker counts it.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
