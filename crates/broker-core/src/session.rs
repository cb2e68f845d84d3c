//! Sessions: who is connected, and what they have begun.

use std::{collections::VecDeque, sync::Arc};

use crate::{
    access::{Access, Unrestricted},
    destination::Destination,
    error::Refusal,
    queue::{ConsumerKey, QueueKey},
    subscribe::{Filter, SlowConsumer},
    transaction::Transaction,
};

/// A session, by a number that whoever drives the broker chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub usize);

/// A subscription, by a number that is given once in the life of its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionId(pub u32);

/// Who has logged in.
#[derive(Debug, Clone)]
pub struct Login {
    /// The name of the session, which no other has. Who knows it can send to the session's temporary destinations, so
    /// it should be hard to guess.
    pub name: Arc<str>,
    /// The user, whose sessions share what is sent to `/user/USER/...`; none if the client did not say who it is.
    pub user: Option<Arc<str>>,
    /// The client that durable subscriptions belong to.
    pub client: Option<Arc<str>>,
    /// What it may do.
    pub access: Arc<dyn Access>,
}

impl Login {
    /// A client of which only the name of its session is known, and that may do everything.
    #[must_use]
    pub fn anonymous(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            user: None,
            client: None,
            access: Arc::new(Unrestricted),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Session<M> {
    /// Tells it from a later session with the same number.
    pub(crate) serial: u64,
    pub(crate) login: Login,
    /// Sorted by id; mostly few, so a list is smaller and faster than a map.
    subscriptions: Vec<Subscription>,
    /// Subscriptions that have ended and still have deliveries to be acknowledged.
    pub(crate) ended: Vec<(SubscriptionId, ConsumerKey)>,
    pub(crate) temporaries: Vec<QueueKey>,
    pub(crate) transactions: Vec<Transaction<M>>,
    /// Of those that read what their topics have kept; mostly there are none.
    pub(crate) replays: Option<Box<Replays>>,
}

#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) id: SubscriptionId,
    pub(crate) route: Route,
}

/// How messages come to a subscription.
#[derive(Debug)]
pub(crate) enum Route {
    /// Straight from a topic, or from those that match a pattern.
    Topic(Destination),
    /// Out of a queue.
    Queue(ConsumerKey),
    /// Out of the history of a topic, until it has caught up.
    Replay(Box<Reader>),
}

/// A subscription that reads the history of its topic.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) topic: Destination,
    pub(crate) filter: Filter,
    /// The offset from which on it has not read.
    pub(crate) next: u64,
    pub(crate) slow: SlowConsumer,
}

/// What a session replays.
#[derive(Debug, Default)]
pub(crate) struct Replays {
    /// The subscriptions that read, in turn.
    pub(crate) waiting: VecDeque<SubscriptionId>,
    /// A portion is on its way.
    pub(crate) is_paused: bool,
}

impl<M> Session<M> {
    pub(crate) fn new(serial: u64, login: Login) -> Self {
        Self {
            serial,
            login,
            subscriptions: Vec::new(),
            ended: Vec::new(),
            temporaries: Vec::new(),
            transactions: Vec::new(),
            replays: None,
        }
    }

    /// Whose `/user/...` destinations it gets.
    pub(crate) fn user(&self) -> &str {
        self.login.user.as_ref().unwrap_or(&self.login.name)
    }

    /// How many subscriptions it has, with those that wait for acknowledgements only.
    pub(crate) fn subscription_count(&self) -> usize {
        self.subscriptions.len() + self.ended.len()
    }

    pub(crate) fn has(&self, id: SubscriptionId) -> bool {
        self.index(id).is_ok() || self.ended.iter().any(|(ended, _)| *ended == id)
    }

    pub(crate) fn insert(&mut self, subscription: Subscription) {
        if let Err(index) = self.index(subscription.id) {
            // Most sessions have one.
            if self.subscriptions.is_empty() {
                self.subscriptions.reserve_exact(1);
            }
            self.subscriptions.insert(index, subscription);
        }
    }

    pub(crate) fn remove(&mut self, id: SubscriptionId) -> Result<Subscription, Refusal> {
        let index = self.index(id).map_err(|_| Refusal::SubscriptionUnknown)?;
        Ok(self.subscriptions.remove(index))
    }

    /// All subscriptions, which it has no longer.
    pub(crate) fn take_subscriptions(&mut self) -> Vec<Subscription> {
        std::mem::take(&mut self.subscriptions)
    }

    /// The consumer of a subscription, which may have ended.
    pub(crate) fn consumer(&self, id: SubscriptionId) -> Option<ConsumerKey> {
        if let Ok(index) = self.index(id) {
            return match self.subscriptions[index].route {
                Route::Queue(consumer) => Some(consumer),
                Route::Topic(_) | Route::Replay(_) => None,
            };
        }
        let ended = self.ended.iter().find(|(ended, _)| *ended == id);
        ended.map(|(_, consumer)| *consumer)
    }

    pub(crate) fn route_mut(&mut self, id: SubscriptionId) -> Option<&mut Route> {
        let index = self.index(id).ok()?;
        Some(&mut self.subscriptions[index].route)
    }

    fn index(&self, id: SubscriptionId) -> Result<usize, usize> {
        self.subscriptions.binary_search_by_key(&id, |s| s.id)
    }
}
