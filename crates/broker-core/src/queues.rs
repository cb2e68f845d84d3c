//! All queues and their consumers. A command changes queues and marks them; then each marked queue makes one step, of
//! bounded work: what is due becomes ready, what is over expires, and consumers get what they have credit for.

mod attach;
mod dispatch;
mod enqueue;
mod restore;
mod settle;

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use slab::Slab;

pub use self::restore::Restored;
pub(crate) use self::{enqueue::Sent, settle::Verdict};
use crate::{
    destination::Destination,
    error::Refusal,
    limits::Limits,
    message::{MessageId, Payload, QueueName},
    output::{Output, Settled},
    queue::{Amount, ConsumerKey, Entry, Queue, QueueKey, Rank, State, consumer::Consumer},
    settings::Settings,
    time::Timestamp,
};

/// How many messages a queue looks at in one step: it delivers them, drops them, or sees that they are for nobody. What
/// is left is done in the next step, which is due at once.
const STEP_WORK_MAX: usize = 1000;

/// A client, and one of its durable subscriptions.
pub(crate) type DurableName = (Arc<str>, Arc<str>);

#[derive(Debug)]
pub(crate) struct Queues<M> {
    settings: Arc<Settings>,
    queues: Slab<Queue<M>>,
    consumers: Slab<Consumer>,
    names: HashMap<Destination, QueueKey>,
    durables: HashMap<DurableName, QueueKey>,
    /// Those that wait for their step.
    dirty: VecDeque<QueueKey>,
    timers: BTreeSet<(Timestamp, QueueKey)>,
    /// The next id of a message, and its place among others.
    next: u64,
    bytes: usize,
    /// Of these, the ones in queues of subscriptions to topics.
    durable_bytes: usize,
}

impl<M: Payload> Queues<M> {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self {
            settings,
            queues: Slab::new(),
            consumers: Slab::new(),
            names: HashMap::new(),
            durables: HashMap::new(),
            dirty: VecDeque::new(),
            timers: BTreeSet::new(),
            next: 0,
            bytes: 0,
            durable_bytes: 0,
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.settings.limits
    }

    pub(crate) fn named(&self, name: &Destination) -> Option<QueueKey> {
        self.names.get(name).copied()
    }

    pub(crate) fn durable(&self, name: &DurableName) -> Option<QueueKey> {
        self.durables.get(name).copied()
    }

    pub(crate) fn queue(&self, key: QueueKey) -> &Queue<M> {
        &self.queues[key.0]
    }

    pub(crate) fn consumer(&self, key: ConsumerKey) -> &Consumer {
        &self.consumers[key.0]
    }

    /// Whether `more` queues are refused.
    pub(crate) fn check_room(&self, more: usize) -> Result<(), Refusal> {
        if self.queues.len() + more > self.limits().queues_max {
            return Err(Refusal::QueuesFull);
        }
        Ok(())
    }

    /// Whether another durable subscription is refused.
    pub(crate) fn check_durables(&self) -> Result<(), Refusal> {
        if self.durables.len() >= self.limits().durables_max {
            return Err(Refusal::DurablesFull);
        }
        Ok(())
    }

    /// Whether so many more bytes are refused.
    pub(crate) fn check_bytes(&self, more: usize) -> Result<(), Refusal> {
        if self.bytes.saturating_add(more) > self.limits().queued_bytes_max {
            return Err(Refusal::BrokerFull);
        }
        Ok(())
    }

    /// The queue of this name, which is made if there is none.
    pub(crate) fn open(&mut self, name: &Destination, output: &mut impl Output<M>) -> QueueKey {
        self.named(name).unwrap_or_else(|| {
            let key = self.make(name);
            self.tell_opened(key, output);
            key
        })
    }

    /// A new queue of this name, which no other has.
    pub(crate) fn make(&mut self, name: &Destination) -> QueueKey {
        let policy = self.settings.policy(name);
        let key = self.insert(Queue::new(QueueName::Named(name.clone()), policy));
        self.names.insert(name.clone(), key);
        key
    }

    /// Tells of a new queue, if that can outlive all sessions.
    pub(crate) fn tell_opened(&self, key: QueueKey, output: &mut impl Output<M>) {
        let queue = &self.queues[key.0];
        if queue.is_lasting() {
            output.opened(&queue.name, queue.durable_binding());
        }
    }

    /// A new queue for a subscription to a topic.
    pub(crate) fn open_for_topic(&mut self, name: QueueName) -> QueueKey {
        let durable = match &name {
            QueueName::Durable { client, name, .. } => Some((Arc::clone(client), Arc::clone(name))),
            QueueName::Named(_) | QueueName::Private { .. } => None,
        };
        let key = self.insert(Queue::new(name, Arc::clone(&self.settings.topic)));
        self.durables.extend(durable.map(|name| (name, key)));
        key
    }

    fn insert(&mut self, queue: Queue<M>) -> QueueKey {
        let key = QueueKey(self.queues.insert(queue));
        self.mark(key);
        key
    }

    /// Nothing comes into a queue any more, and what waits in it is gone. What is leased can still be acknowledged.
    pub(crate) fn close(&mut self, key: QueueKey, output: &mut impl Output<M>) {
        let queue = &mut self.queues[key.0];
        queue.is_closed = true;
        for id in queue.ids() {
            let entry = self.queues[key.0].entry(id);
            if entry.is_some_and(|entry| entry.state != State::Leased) {
                self.discard(key, id, Settled::Discarded, output);
            }
        }
        let queue = &self.queues[key.0];
        if queue.is_lasting() {
            output.closed(&queue.name);
        }
        self.forget_name(key);
        self.mark(key);
    }

    fn forget_name(&mut self, key: QueueKey) {
        match &self.queues[key.0].name {
            QueueName::Named(name) => {
                if self.names.get(name) == Some(&key) {
                    self.names.remove(name);
                }
            }
            QueueName::Durable { client, name, .. } => {
                let name = (Arc::clone(client), Arc::clone(name));
                if self.durables.get(&name) == Some(&key) {
                    self.durables.remove(&name);
                }
            }
            QueueName::Private { .. } => {}
        }
    }

    /// A queue is to make a step.
    fn mark(&mut self, key: QueueKey) {
        let queue = &mut self.queues[key.0];
        if !queue.is_dirty {
            queue.is_dirty = true;
            self.dirty.push_back(key);
        }
    }

    /// Each marked queue makes one step. Those that are not through are marked again.
    pub(crate) fn flush(&mut self, now: Timestamp, output: &mut impl Output<M>) {
        for _ in 0..self.dirty.len() {
            let Some(key) = self.dirty.pop_front() else {
                return;
            };
            self.queues[key.0].is_dirty = false;
            let mut work = STEP_WORK_MAX;
            self.wake(key, now, &mut work);
            self.expire(key, now, &mut work, output);
            self.dispatch(key, &mut work, output);
            self.set_timer(key);
            let queue = &self.queues[key.0];
            if queue.is_unused() {
                if queue.is_lasting() && !queue.is_closed {
                    output.closed(&queue.name);
                }
                self.remove(key);
            } else if work == 0 {
                self.mark(key);
            }
        }
    }

    /// Marks the queues whose timers have run out.
    pub(crate) fn on_time(&mut self, now: Timestamp) {
        while let Some((deadline, key)) = self.timers.first().copied() {
            if deadline > now {
                return;
            }
            self.timers.pop_first();
            self.queues[key.0].timer = None;
            self.mark(key);
        }
    }

    /// When there is something to do; the earliest moment of all if there is at once.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        if self.dirty.is_empty() {
            self.timers.first().map(|(deadline, _)| *deadline)
        } else {
            Some(Timestamp::default())
        }
    }

    fn set_timer(&mut self, key: QueueKey) {
        let queue = &mut self.queues[key.0];
        let deadline = queue.places().deadline();
        if queue.timer == deadline {
            return;
        }
        if let Some(before) = queue.timer {
            self.timers.remove(&(before, key));
        }
        self.timers.extend(deadline.map(|deadline| (deadline, key)));
        queue.timer = deadline;
    }

    /// Forgets an idle queue.
    pub(crate) fn forget_idle(&mut self, key: QueueKey) {
        let queue = &self.queues[key.0];
        if let Some(deadline) = queue.timer {
            self.timers.remove(&(deadline, key));
        }
        if queue.is_dirty {
            self.dirty.retain(|other| *other != key);
        }
        self.remove(key);
    }

    fn remove(&mut self, key: QueueKey) {
        self.forget_name(key);
        self.queues.remove(key.0);
    }

    fn next_id(&mut self) -> MessageId {
        let id = MessageId(self.next);
        self.next += 1;
        id
    }

    /// What is due becomes ready.
    fn wake(&mut self, key: QueueKey, now: Timestamp, work: &mut usize) {
        while *work > 0 {
            let queue = &mut self.queues[key.0];
            let Some(id) = queue.places().due(now) else {
                return;
            };
            *work -= 1;
            if let Some(entry) = queue.entry_mut(id)
                && let State::Delayed { is_new: true, .. } = entry.state
            {
                entry.order = self.next;
                self.next += 1;
            }
            self.make_ready(key, id);
        }
    }

    /// What is over is gone.
    fn expire(
        &mut self,
        key: QueueKey,
        now: Timestamp,
        work: &mut usize,
        output: &mut impl Output<M>,
    ) {
        while *work > 0 {
            let Some(id) = self.queues[key.0].places().expired(now) else {
                return;
            };
            *work -= 1;
            self.discard(key, id, Settled::Expired, output);
        }
    }

    /// A message waits for a consumer, at its place.
    fn make_ready(&mut self, key: QueueKey, id: MessageId) {
        let queue = &mut self.queues[key.0];
        if let Some(entry) = queue.change(id, State::Ready) {
            let rank = entry.rank();
            lower_cursors(queue, &mut self.consumers, rank);
        }
    }

    /// Takes a message out that nobody gets.
    fn discard(
        &mut self,
        key: QueueKey,
        id: MessageId,
        settled: Settled,
        output: &mut impl Output<M>,
    ) {
        if self.take_out(key, id).is_some() {
            output.settled(&self.queues[key.0].name, id, settled);
        }
    }

    /// Takes a message out for good: its bytes are free.
    fn take_out(&mut self, key: QueueKey, id: MessageId) -> Option<Entry<M>> {
        let queue = &mut self.queues[key.0];
        let entry = queue.remove(id)?;
        self.bytes -= entry.properties.bytes;
        if queue.is_for_topic() {
            self.durable_bytes -= entry.properties.bytes;
        }
        Some(entry)
    }

    /// The queues from a place in the table on, each with its own.
    pub(crate) fn table_from(&self, place: usize) -> impl Iterator<Item = (usize, &Queue<M>)> {
        let places = place..self.queues.capacity();
        places.filter_map(|place| Some((place, self.queues.get(place)?)))
    }

    /// The bytes in queues of subscriptions to topics.
    pub(crate) fn durable_bytes(&self) -> usize {
        self.durable_bytes
    }

    /// All that is in queues.
    pub(crate) fn amount(&self) -> Amount {
        let messages = self.queues.iter().map(|(_, queue)| queue.amount().messages);
        Amount {
            messages: messages.sum(),
            bytes: self.bytes,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.queues.len()
    }

    pub(crate) fn consumer_count(&self) -> usize {
        self.consumers.len()
    }
}

/// Something is ready at `rank`: consumers that have looked further look again.
fn lower_cursors<M>(queue: &mut Queue<M>, consumers: &mut Slab<Consumer>, rank: Rank) {
    if queue.cursor_max <= rank {
        return;
    }
    queue.cursor_max = rank;
    for key in &queue.consumers {
        let consumer = &mut consumers[key.0];
        consumer.cursor = consumer.cursor.min(rank);
    }
}
