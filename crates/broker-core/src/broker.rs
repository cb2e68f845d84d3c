//! The broker: sessions come and go. What they do is in a file each: `send`, `subscribe`, `bound`, `acknowledge`, `transact`;
//! what time does is in `time`, and how a broker is rebuilt
//! in `restore`.

mod acknowledge;
mod bound;
mod listing;
mod replay;
mod restore;
mod restore_history;
mod send;
mod subscribe;
mod temporaries;
mod time;
mod transact;
mod usage;

use std::{collections::BTreeSet, sync::Arc};

pub use self::{
    acknowledge::Nack,
    listing::{Durables, QueuePlace, QueueReport},
    send::Send,
    usage::{QueueUsage, Usage},
};
use crate::{
    error::Refusal,
    history::Histories,
    message::Payload,
    numbers::NumberMap,
    output::Output,
    queue::ConsumerKey,
    queues::{Queues, Verdict},
    retained::Retained,
    scheduled::Scheduled,
    session::{Login, Route, Session, SessionId},
    settings::Settings,
    time::Timestamp,
    topic::{Subscriber, Topics},
};

/// Who is connected, who is subscribed to what, who gets a message, and what waits.
///
/// Each command is done, or refused without an effect, before its method returns. What it does to others goes to the
/// [`Output`]. After each call, [`Broker::poll_timeout`] may have changed.
#[derive(Debug)]
pub struct Broker<M> {
    settings: Arc<Settings>,
    now: Timestamp,
    sessions: NumberMap<SessionId, Session<M>>,
    topics: Topics,
    queues: Queues<M>,
    retained: Retained<M>,
    scheduled: Scheduled<M>,
    histories: Histories<M>,
    /// When each open transaction is too old.
    transactions: BTreeSet<((Timestamp, u64), SessionId)>,
    /// The bytes of what all open transactions send.
    transactions_bytes: usize,
    /// How many sessions, transactions and operations in them there have been.
    serial: u64,
    subscriptions: usize,
}

impl<M: Payload> Broker<M> {
    /// A broker without sessions.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let settings = Arc::new(settings);
        Self {
            now: Timestamp::default(),
            sessions: NumberMap::default(),
            topics: Topics::default(),
            queues: Queues::new(Arc::clone(&settings)),
            retained: Retained::default(),
            scheduled: Scheduled::default(),
            histories: Histories::default(),
            transactions: BTreeSet::new(),
            transactions_bytes: 0,
            serial: 0,
            subscriptions: 0,
            settings,
        }
    }

    /// A client has logged in.
    ///
    /// # Errors
    /// [`Refusal::SessionsFull`]
    ///
    /// # Panics
    /// If the session is connected already: the number was given twice.
    pub fn handle_connect(&mut self, session: SessionId, login: Login) -> Result<(), Refusal> {
        if self.sessions.len() >= self.settings.limits.sessions_max {
            return Err(Refusal::SessionsFull);
        }
        let new = Session::new(self.next_serial(), login);
        let before = self.sessions.insert(session, new);
        assert!(before.is_none(), "session {session:?} is connected already");
        Ok(())
    }

    /// A client is gone, in order or not: its transactions are aborted, its subscriptions end, its temporary queues are
    /// gone, and what it has not acknowledged comes back to its place in the queue. Unknown sessions are let be.
    pub fn handle_disconnect(
        &mut self,
        now: Timestamp,
        id: SessionId,
        output: &mut impl Output<M>,
    ) {
        let now = self.tick(now);
        let Some(mut session) = self.sessions.remove(&id) else {
            return;
        };
        for transaction in &session.transactions {
            self.transactions.remove(&(transaction.deadline, id));
            self.transactions_bytes -= transaction.bytes;
        }
        let mut consumers: Vec<_> = session.ended.iter().map(|(_, key)| *key).collect();
        for subscription in session.take_subscriptions() {
            self.subscriptions -= 1;
            match subscription.route {
                Route::Topic(topic) => {
                    let subscriber = Subscriber {
                        session: id,
                        subscription: subscription.id,
                    };
                    self.topics.unsubscribe(&topic, subscriber);
                }
                Route::Replay(reader) => self.topics.end_reading(&reader.topic),
                Route::Queue(consumer) => {
                    self.stop(consumer, output);
                    consumers.push(consumer);
                }
            }
        }
        // Nobody of this session takes messages any more: what comes back goes to others.
        for key in consumers {
            self.lose(now, key, output);
            self.queues.forget(key);
        }
        for queue in session.temporaries {
            self.queues.close(queue, output);
        }
        self.queues.flush(now, output);
    }

    /// A consumer takes no more messages; what is only for it takes none either.
    fn stop(&mut self, key: ConsumerKey, output: &mut impl Output<M>) {
        self.queues.stop(key);
        let queue_key = self.queues.consumer(key).queue;
        let queue = self.queues.queue(queue_key);
        if queue.is_private() {
            self.topics.unbind(queue.name.destination(), queue_key);
            self.queues.close(queue_key, output);
        }
    }

    /// All that a consumer has comes back.
    fn lose(&mut self, now: Timestamp, key: ConsumerKey, output: &mut impl Output<M>) {
        let numbers = self.queues.consumer(key).all();
        self.queues
            .settle(now, key, &numbers, Verdict::Lose, output);
    }

    /// The present moment: that of the driver, if it does not run backwards.
    fn tick(&mut self, now: Timestamp) -> Timestamp {
        self.now = self.now.max(now);
        self.now
    }

    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    fn session(&self, id: SessionId) -> Result<&Session<M>, Refusal> {
        self.sessions.get(&id).ok_or(Refusal::SessionUnknown)
    }

    fn session_mut(&mut self, id: SessionId) -> Result<&mut Session<M>, Refusal> {
        self.sessions.get_mut(&id).ok_or(Refusal::SessionUnknown)
    }
}

#[cfg(test)]
mod tests;
