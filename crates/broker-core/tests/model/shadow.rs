//! A store as simple as can be: what the broker tells, kept, so that another broker can be made of it.

use std::collections::{BTreeMap, BTreeSet};

use gumboot_broker_core::{
    Broker, Destination, DurableBinding, MessageId, Properties, QueueName, Restored, Returned,
    ScheduledId, Selector, Timestamp,
};

use crate::{
    events::{Letter, key},
    setting::{self, TEMPORARY},
};

/// What a store is told.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Opened(QueueName, Option<Binding>),
    Closed(QueueName),
    Enqueued(QueueName, MessageId, Letter, Properties),
    Returned(QueueName, MessageId, Returned),
    Settled(QueueName, MessageId),
    Retained(Destination, Option<(Letter, Properties)>),
    Scheduled(ScheduledId, Waiting),
    Unscheduled(ScheduledId),
}

/// Which messages of its topic a durable subscription wants.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Binding {
    pub(crate) selector: Option<Selector>,
    pub(crate) no_local: bool,
}

impl Binding {
    pub(crate) fn of(binding: DurableBinding<'_>) -> Self {
        Self {
            selector: binding.selector.cloned(),
            no_local: binding.no_local,
        }
    }
}

/// A delayed message to a topic.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub(crate) topic: Destination,
    pub(crate) letter: Letter,
    pub(crate) properties: Properties,
    pub(crate) due: Timestamp,
}

/// A message in a queue.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) queue: QueueName,
    pub(crate) letter: Letter,
    properties: Properties,
    /// When it took its place, or will.
    place: Timestamp,
    pub(crate) deliveries: u32,
    pub(crate) redelivered: bool,
    pub(crate) due: Option<Timestamp>,
    /// Whether that is the delay of its SEND.
    is_new: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Shadow {
    pub(crate) queues: BTreeMap<String, (QueueName, Option<Binding>)>,
    pub(crate) messages: BTreeMap<MessageId, Kept>,
    /// Those of queues that were closed, which are still to be settled.
    leftover: BTreeSet<MessageId>,
    pub(crate) retained: BTreeMap<Destination, (Letter, Properties)>,
    pub(crate) scheduled: BTreeMap<ScheduledId, Waiting>,
}

/// Whether a store keeps what is in a queue.
fn is_kept(queue: &QueueName) -> bool {
    let prefix = TEMPORARY.trim_end_matches("mine");
    match queue {
        QueueName::Named(name) => !name.as_str().starts_with(prefix),
        QueueName::Durable { .. } => true,
        QueueName::Private { .. } => false,
    }
}

impl Shadow {
    pub(crate) fn apply(&mut self, now: Timestamp, changes: Vec<Change>) {
        for change in changes {
            self.apply_one(now, change);
        }
    }

    fn apply_one(&mut self, now: Timestamp, change: Change) {
        match change {
            Change::Opened(queue, binding) => self.open(queue, binding),
            Change::Closed(queue) => self.close(&queue),
            Change::Enqueued(queue, id, letter, properties) if is_kept(&queue) => {
                let open = self.queues.get(&key(&queue)).map(|(name, _)| name);
                assert_eq!(open, Some(&queue), "opened before");
                let place = now.after(properties.delay_ms);
                let is_new = properties.delay_ms > 0;
                let kept = Kept {
                    queue,
                    letter,
                    properties,
                    place,
                    deliveries: 0,
                    redelivered: false,
                    due: is_new.then_some(place),
                    is_new,
                };
                assert!(self.messages.insert(id, kept).is_none(), "a new id");
            }
            Change::Returned(queue, id, state) if is_kept(&queue) => {
                let kept = self.messages.get_mut(&id).expect("it waits there");
                let is_news = (kept.deliveries, kept.redelivered) != (state.deliveries, true);
                assert!(is_news && kept.queue == queue, "{kept:?} {state:?}");
                kept.redelivered = true;
                kept.is_new = false;
                (kept.deliveries, kept.due) = (state.deliveries, state.due);
            }
            Change::Settled(queue, id) if is_kept(&queue) => {
                let was_there = self.messages.remove(&id).is_some() || self.leftover.remove(&id);
                assert!(was_there, "{id:?} is settled once");
            }
            Change::Enqueued(..) | Change::Returned(..) | Change::Settled(..) => {}
            Change::Retained(topic, Some(kept)) => drop(self.retained.insert(topic, kept)),
            Change::Retained(topic, None) => {
                assert!(self.retained.remove(&topic).is_some(), "{topic} had one");
            }
            Change::Scheduled(id, waiting) => {
                assert!(self.scheduled.insert(id, waiting).is_none(), "a new id");
            }
            Change::Unscheduled(id) => {
                assert!(self.scheduled.remove(&id).is_some(), "{id:?} waited");
            }
        }
    }

    fn open(&mut self, queue: QueueName, binding: Option<Binding>) {
        assert!(is_kept(&queue), "{queue:?} ends with its session");
        let before = self.queues.insert(key(&queue), (queue, binding));
        assert!(before.is_none(), "{before:?} was not closed");
    }

    fn close(&mut self, queue: &QueueName) {
        let open = self.queues.remove(&key(queue)).map(|(name, _)| name);
        assert_eq!(open.as_ref(), Some(queue), "opened before");
        let left = self.messages.extract_if(.., |_, kept| kept.queue == *queue);
        self.leftover.extend(left.map(|(id, _)| id));
    }

    /// Whether nothing is left of all that was told.
    pub(crate) fn is_empty(&self) -> bool {
        let is_nothing_kept = self.queues.is_empty() && self.messages.is_empty();
        let is_nothing_kept = is_nothing_kept && self.leftover.is_empty();
        is_nothing_kept && self.retained.is_empty() && self.scheduled.is_empty()
    }

    /// A broker that goes on where another has ended; and its names for the messages that were there.
    pub(crate) fn rebuild(
        &mut self,
        now: Timestamp,
    ) -> (Broker<Letter>, BTreeMap<MessageId, MessageId>) {
        let mut broker = Broker::new(setting::settings());
        for (queue, binding) in self.queues.values() {
            match (queue, binding) {
                (
                    QueueName::Durable {
                        client,
                        name,
                        topic,
                    },
                    Some(binding),
                ) => {
                    let (client, name) = (client.clone(), name.clone());
                    let selector = binding.selector.clone();
                    broker.restore_durable(client, name, topic, selector, binding.no_local);
                }
                (queue, _) => broker.restore_queue(queue.destination()),
            }
        }
        let ids = self.restore_messages(&mut broker, now);
        for (topic, (letter, properties)) in &self.retained {
            broker.restore_retained(topic, letter, properties);
        }
        let scheduled = std::mem::take(&mut self.scheduled).into_values();
        let scheduled = scheduled.map(|waiting| {
            let Waiting {
                topic,
                letter,
                properties,
                due,
            } = &waiting;
            let id = broker.restore_scheduled(topic, letter, properties, *due);
            (id, waiting)
        });
        self.scheduled = scheduled.collect();
        self.leftover.clear();
        (broker, ids)
    }

    fn restore_messages(
        &mut self,
        broker: &mut Broker<Letter>,
        now: Timestamp,
    ) -> BTreeMap<MessageId, MessageId> {
        let mut messages: Vec<_> = std::mem::take(&mut self.messages).into_iter().collect();
        messages.sort_by_key(|(id, kept)| (kept.place, *id));
        let mut ids = BTreeMap::new();
        for (before, kept) in messages {
            let restored = Restored {
                deliveries: kept.deliveries,
                redelivered: kept.redelivered,
                due: kept.due.filter(|due| *due > now),
                is_new: kept.is_new,
            };
            let id = broker.restore_message(&kept.queue, &kept.letter, &kept.properties, restored);
            ids.insert(before, id);
            self.messages.insert(id, kept);
        }
        ids
    }
}
