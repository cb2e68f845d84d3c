//! Operations that were recorded become one batch for the store. What is enqueued and settled in the same batch leaves no
//! trace, and a message that waits in several queues is written once.

mod histories;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use gumboot_broker_core::{
    Destination, MessageId, Properties, QueueName, Returned, ScheduledId, Timestamp,
};
use gumboot_store::{
    Append, Batch, Offset, Operation as StoreOperation, Outcome, StreamName,
    limits::BATCH_OPERATIONS_MAX,
};

use self::histories::shorten;
use super::{
    places::{
        MessagePlace, Places, QueueKey, QueuePlace, SharedPlace, history_stream, queue_stream,
    },
    record::{Content, HistoryMeta, Logged, Meta, OfTopic, Queued, Shared},
    recorder::{Enqueued, Operation},
};
use crate::publication::{Message, Publication};

/// From so many bytes on, a message for several queues is written once. Below it, that would only be longer.
pub(super) const SHARED_BYTES_MIN: usize = 512;

/// A batch in the making.
#[derive(Debug)]
pub(super) struct Plan<'p> {
    places: &'p mut Places,
    steps: Vec<Step>,
    /// Which step appends what, as long as it is not settled.
    queues: HashMap<u64, usize>,
    messages: HashMap<MessageId, usize>,
    shared: HashMap<u64, usize>,
    retained: HashMap<Destination, usize>,
    scheduled: HashMap<ScheduledId, usize>,
    /// The queues that it removes.
    closed: HashSet<u64>,
    /// By the numbers of histories, and the offsets in them.
    histories: HashMap<u64, usize>,
    logged: HashMap<(u64, u64), usize>,
    reserved: Option<usize>,
    /// The histories that are shorter than in the store, by their numbers.
    trimmed: HashMap<u64, Destination>,
    /// Messages that are for several queues, or a history beside: how many, and the number of their octets once they have one.
    several: HashMap<*const Publication, (usize, Option<u64>)>,
}

#[derive(Debug)]
enum Step {
    /// What was to be appended has been settled since.
    Nothing,
    Append(New),
    /// Anything else.
    Change(StoreOperation),
}

/// What is appended.
#[derive(Debug)]
enum New {
    Queue {
        key: QueueKey,
        number: u64,
        meta: Meta,
    },
    Message {
        id: MessageId,
        queue: u64,
        stream: StreamName,
        queued: Queued,
        returned: Option<Returned>,
    },
    Shared(Shared),
    Retained(Destination, OfTopic),
    Scheduled(ScheduledId, Timestamp, OfTopic),
    History(Destination, u64),
    Logged(u64, Logged),
    Reserved(u64),
}

/// What is to be known of a record once its offset is.
#[derive(Debug)]
enum Learn {
    Queue(QueueKey, u64),
    Message(MessageId, u64, Option<u64>),
    Shared(u64),
    Retained(Destination),
    Scheduled(ScheduledId),
    History(Destination, u64),
    Logged,
    Reserved,
}

/// What a batch appends, in its order.
#[derive(Debug)]
pub(super) struct Appended(Vec<Learn>);

impl<'p> Plan<'p> {
    /// The batch of these operations. What it settles is no longer in `places` then; what it appends comes there with
    /// [`Appended::learn`].
    pub(super) fn batch(
        places: &'p mut Places,
        operations: impl Iterator<Item = Operation>,
        now: Timestamp,
    ) -> (Batch, Appended) {
        let operations: Vec<_> = operations.collect();
        let mut plan = Self {
            places,
            steps: Vec::with_capacity(operations.len()),
            queues: HashMap::new(),
            messages: HashMap::new(),
            shared: HashMap::new(),
            retained: HashMap::new(),
            scheduled: HashMap::new(),
            closed: HashSet::new(),
            histories: HashMap::new(),
            logged: HashMap::new(),
            reserved: None,
            trimmed: HashMap::new(),
            several: several(&operations),
        };
        for operation in operations {
            plan.add(operation);
        }
        plan.finish(now)
    }

    fn add(&mut self, operation: Operation) {
        match operation {
            Operation::Opened {
                queue,
                selector,
                no_local,
            } => self.open(&queue, selector, no_local),
            Operation::Closed(queue) => self.close(&queue),
            Operation::Enqueued(enqueued) => self.enqueue(enqueued),
            Operation::Settled(id) => self.settle(id),
            Operation::Returned(id, returned) => self.give_back(id, returned),
            Operation::Retained { topic, kept } => self.retain(topic, kept),
            Operation::Scheduled {
                id,
                topic,
                message,
                properties,
                due,
            } => {
                let record = of_topic(&topic, message, properties);
                self.scheduled.insert(id, self.steps.len());
                self.append(New::Scheduled(id, due, record));
            }
            Operation::Unscheduled(id) => {
                let stream = self.places.streams.scheduled.clone();
                let offset = self.places.scheduled.remove(&id);
                let step = self.scheduled.remove(&id);
                self.undo(step, &stream, offset);
            }
            Operation::Logged(logged) => self.log(logged),
            Operation::Trimmed(topic, offset) => self.trim(&topic, offset),
            Operation::OffsetsReserved(until) => self.reserve(until),
            Operation::Done => {}
        }
    }

    fn open(&mut self, queue: &QueueName, selector: Option<Box<str>>, no_local: bool) {
        let Some(key) = QueueKey::of(queue) else {
            return;
        };
        let number = self.places.next_queue;
        self.places.next_queue += 1;
        let meta = match queue {
            QueueName::Durable {
                client,
                name,
                topic,
            } => Meta::Durable {
                number,
                client: Arc::clone(client),
                name: Arc::clone(name),
                topic: topic.as_str().into(),
                selector,
                no_local,
            },
            QueueName::Named(name) | QueueName::Private { topic: name, .. } => Meta::Queue {
                number,
                name: name.as_str().into(),
            },
        };
        let place = QueuePlace {
            number,
            stream: queue_stream(number),
            // Learnt when it is there; who asks before finds the step.
            offset: Offset(0),
        };
        self.places.queues.insert(key.clone(), place);
        self.queues.insert(number, self.steps.len());
        self.append(New::Queue { key, number, meta });
    }

    fn close(&mut self, queue: &QueueName) {
        let key = QueueKey::of(queue);
        let Some(place) = key.and_then(|key| self.places.queues.remove(&key)) else {
            return;
        };
        let meta = self.places.streams.meta.clone();
        let step = self.queues.remove(&place.number);
        self.undo(step, &meta, Some(place.offset));
        // What is there is settled when it is gone.
        self.closed.insert(place.number);
        let stream = place.stream;
        self.change(StoreOperation::Remove { stream });
    }

    fn enqueue(&mut self, enqueued: Enqueued) {
        let Enqueued {
            queue,
            id,
            message,
            properties,
            due,
        } = enqueued;
        let place = QueueKey::of(&queue).and_then(|key| self.places.queues.get(&key));
        let Some(place) = place else {
            debug_assert!(false, "{queue:?} was not opened");
            return;
        };
        let (queue, stream) = (place.number, place.stream.clone());
        let queued = Queued {
            content: self.content(message),
            properties,
            due,
        };
        self.messages.insert(id, self.steps.len());
        self.append(New::Message {
            id,
            queue,
            stream,
            queued,
            returned: None,
        });
    }

    /// What the record of a message has: its octets, or where they are.
    fn content(&mut self, message: Message) -> Content {
        let several = self.several.get_mut(&Arc::as_ptr(&message.0));
        let Some((count, number)) = several.filter(|(count, _)| *count > 1) else {
            return Content::Whole(message);
        };
        if let Some(number) = *number {
            return Content::Shared(number);
        }
        let new = self.places.next_shared;
        self.places.next_shared += 1;
        *number = Some(new);
        let place = SharedPlace {
            offset: None,
            messages: *count,
        };
        self.places.shared.insert(new, place);
        self.shared.insert(new, self.steps.len());
        self.append(New::Shared(Shared {
            number: new,
            message,
        }));
        Content::Shared(new)
    }

    fn settle(&mut self, id: MessageId) {
        if let Some(step) = self.messages.remove(&id) {
            let settled = std::mem::replace(&mut self.steps[step], Step::Nothing);
            if let Step::Append(New::Message { queued, .. }) = settled
                && let Content::Shared(number) = queued.content
            {
                self.release(number);
            }
            return;
        }
        let Some(place) = self.places.messages.remove(&id) else {
            return;
        };
        if !self.closed.contains(&place.queue) {
            self.change(StoreOperation::Settle {
                stream: queue_stream(place.queue),
                offset: place.offset,
                outcome: Outcome::Done,
            });
        }
        if let Some(number) = place.shared {
            self.release(number);
        }
    }

    /// One message less has these octets.
    fn release(&mut self, number: u64) {
        let Some(place) = self.places.shared.get_mut(&number) else {
            return;
        };
        place.messages -= 1;
        if place.messages > 0 {
            return;
        }
        let offset = place.offset;
        self.places.shared.remove(&number);
        if let Some(step) = self.shared.remove(&number) {
            self.steps[step] = Step::Nothing;
        } else {
            // Of a history that is forgotten, these may be more than fit into a batch.
            self.places.unused.extend(offset);
        }
    }

    fn give_back(&mut self, id: MessageId, state: Returned) {
        if let Some(step) = self.messages.get(&id) {
            if let Step::Append(New::Message { returned, .. }) = &mut self.steps[*step] {
                *returned = Some(state);
            }
        } else if let Some(place) = self.places.messages.get(&id) {
            let change = StoreOperation::Settle {
                stream: queue_stream(place.queue),
                offset: place.offset,
                outcome: Outcome::Again {
                    due_ms: returned_ms(state),
                    deliveries: state.deliveries,
                },
            };
            self.change(change);
        }
    }

    fn retain(&mut self, topic: Destination, kept: Option<(Message, Properties)>) {
        let stream = self.places.streams.retained.clone();
        let offset = self.places.retained.remove(&topic);
        let step = self.retained.remove(&topic);
        self.undo(step, &stream, offset);
        if let Some((message, properties)) = kept {
            let record = of_topic(&topic, message, properties);
            self.retained.insert(topic.clone(), self.steps.len());
            self.append(New::Retained(topic, record));
        }
    }

    /// What was to be appended with this step is not, or else what is there goes.
    fn undo(&mut self, step: Option<usize>, stream: &StreamName, offset: Option<Offset>) {
        if let Some(step) = step {
            self.steps[step] = Step::Nothing;
        } else if let Some(offset) = offset {
            self.change(StoreOperation::Settle {
                stream: stream.clone(),
                offset,
                outcome: Outcome::Done,
            });
        }
    }

    fn append(&mut self, new: New) {
        self.steps.push(Step::Append(new));
    }

    fn change(&mut self, operation: StoreOperation) {
        self.steps.push(Step::Change(operation));
    }

    fn finish(self, now: Timestamp) -> (Batch, Appended) {
        let mut batch = Batch::new(now.as_millis());
        let mut appended = Vec::new();
        for step in self.steps {
            match step {
                Step::Nothing => {}
                Step::Change(operation) => batch.push(operation),
                Step::Append(new) => {
                    let (append, learn) = encode(new, &self.places.streams);
                    batch.push(StoreOperation::Append(append));
                    appended.push(learn);
                }
            }
        }
        self.trimmed
            .iter()
            .for_each(|(number, topic)| shorten(&mut batch, self.places, *number, topic));
        let room = BATCH_OPERATIONS_MAX.saturating_sub(batch.operations().len());
        let room = room.min(self.places.unused.len());
        for offset in self.places.unused.drain(..room) {
            batch.settle(&self.places.streams.shared, offset, Outcome::Done);
        }
        (batch, Appended(appended))
    }
}

fn encode(new: New, streams: &super::places::Streams) -> (Append, Learn) {
    let append = |stream: &StreamName, payload| Append {
        stream: stream.clone(),
        payload,
        deliveries: 0,
        due_ms: 0,
    };
    match new {
        New::Queue { key, number, meta } => {
            let append = append(&streams.meta, meta.encode());
            (append, Learn::Queue(key, number))
        }
        New::Message {
            id,
            queue,
            stream,
            queued,
            returned,
        } => {
            let append = Append {
                deliveries: returned.map_or(0, |returned| returned.deliveries),
                due_ms: returned.map_or_else(|| sent_ms(queued.due), returned_ms),
                ..append(&stream, queued.encode())
            };
            let shared = match queued.content {
                Content::Shared(number) => Some(number),
                Content::Whole(_) => None,
            };
            (append, Learn::Message(id, queue, shared))
        }
        New::Shared(shared) => {
            let append = append(&streams.shared, shared.encode());
            (append, Learn::Shared(shared.number))
        }
        New::Retained(topic, record) => {
            let append = append(&streams.retained, record.encode());
            (append, Learn::Retained(topic))
        }
        New::Scheduled(id, due, record) => {
            let append = Append {
                due_ms: due.as_millis(),
                ..append(&streams.scheduled, record.encode())
            };
            (append, Learn::Scheduled(id))
        }
        New::History(topic, number) => {
            let meta = HistoryMeta::Topic {
                number,
                name: topic.as_str().into(),
            };
            let append = append(&streams.history, meta.encode());
            (append, Learn::History(topic, number))
        }
        New::Logged(number, logged) => {
            let append = append(&history_stream(number), logged.encode());
            (append, Learn::Logged)
        }
        New::Reserved(until) => {
            let meta = HistoryMeta::Reserved(until);
            let append = append(&streams.history, meta.encode());
            (append, Learn::Reserved)
        }
    }
}

impl Appended {
    /// Notes where everything is now: the offsets are those that the store gave, in its order.
    pub(super) fn learn(self, places: &mut Places, offsets: &[Offset]) {
        for (learn, &offset) in self.0.into_iter().zip(offsets) {
            match learn {
                Learn::Queue(key, number) => {
                    let place = places.queues.get_mut(&key);
                    // Another may have its name by now.
                    if let Some(place) = place.filter(|place| place.number == number) {
                        place.offset = offset;
                    }
                }
                Learn::Message(id, queue, shared) => {
                    let place = MessagePlace {
                        queue,
                        offset,
                        shared,
                    };
                    places.messages.insert(id, place);
                }
                Learn::Shared(number) => {
                    if let Some(place) = places.shared.get_mut(&number) {
                        place.offset = Some(offset);
                    }
                }
                Learn::Retained(topic) => {
                    places.retained.insert(topic, offset);
                }
                Learn::Scheduled(id) => {
                    places.scheduled.insert(id, offset);
                }
                Learn::History(topic, number) => {
                    let place = places.histories.get_mut(&topic);
                    if let Some(place) = place.filter(|place| place.number == number) {
                        place.record = offset;
                    }
                }
                Learn::Logged => {}
                Learn::Reserved => places.reserved = Some(offset),
            }
        }
    }
}

/// How often each message is enqueued or in a history, of those that are long enough to be written once.
fn several(operations: &[Operation]) -> HashMap<*const Publication, (usize, Option<u64>)> {
    let mut several = HashMap::new();
    for operation in operations {
        let message = match operation {
            Operation::Enqueued(enqueued) => &enqueued.message,
            Operation::Logged(logged) => &logged.message,
            _ => continue,
        };
        if message.0.cost >= SHARED_BYTES_MIN {
            let entry: &mut (usize, _) =
                several.entry(Arc::as_ptr(&message.0)).or_insert((0, None));
            entry.0 += 1;
        }
    }
    several
}

fn of_topic(topic: &Destination, message: Message, properties: Properties) -> OfTopic {
    OfTopic {
        topic: topic.as_str().into(),
        message,
        properties,
    }
}

/// From when on a store lets a message be leased that has not returned.
pub(super) fn sent_ms(due: Option<Timestamp>) -> u64 {
    due.map_or(0, Timestamp::as_millis)
}

/// The same of one that has: never 0, and so never as if it had not.
fn returned_ms(state: Returned) -> u64 {
    state.due.map_or(1, |due| due.as_millis().max(1))
}
