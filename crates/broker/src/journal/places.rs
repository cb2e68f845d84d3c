//! Where everything is that the store keeps: in which stream, at which offset. Only the writer knows it.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use gumboot_broker_core::{Destination, MessageId, QueueName, ScheduledId};
use gumboot_store::{Offset, StreamName};

/// The streams that are not of one queue.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) meta: StreamName,
    pub(super) shared: StreamName,
    pub(super) retained: StreamName,
    pub(super) scheduled: StreamName,
    /// Which topics have a history, and which offsets are reserved.
    pub(super) history: StreamName,
    /// How histories stood when the server ended in order.
    pub(super) history_ends: StreamName,
}

impl Streams {
    pub(super) fn new() -> Self {
        let name = |name| StreamName::parse(name).expect("it is short, and text");
        Self {
            meta: name("meta"),
            shared: name("shared"),
            retained: name("retained"),
            scheduled: name("scheduled"),
            history: name("history"),
            history_ends: name("history-ends"),
        }
    }
}

/// What the streams of queues begin with.
const QUEUE: &str = "queue-";

/// The stream of the queue of this number.
pub(super) fn queue_stream(number: u64) -> StreamName {
    StreamName::parse(&format!("{QUEUE}{number}")).expect("it is short, and text")
}

/// What the streams of histories begin with.
const HISTORY: &str = "history-";

/// The stream of the history of this number.
pub(super) fn history_stream(number: u64) -> StreamName {
    StreamName::parse(&format!("{HISTORY}{number}")).expect("it is short, and text")
}

/// The number of the history whose stream this is, if it is one of a history.
pub(super) fn history_number(stream: &StreamName) -> Option<u64> {
    stream.as_str().strip_prefix(HISTORY)?.parse().ok()
}

/// The number of the queue whose stream this is, if it is one of a queue.
pub(super) fn queue_number(stream: &StreamName) -> Option<u64> {
    stream.as_str().strip_prefix(QUEUE)?.parse().ok()
}

/// A queue, by what no other queue that is open has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum QueueKey {
    Named(Destination),
    Durable { client: Arc<str>, name: Arc<str> },
}

impl QueueKey {
    /// Of a queue that is stored.
    pub(super) fn of(queue: &QueueName) -> Option<Self> {
        match queue {
            QueueName::Named(name) => Some(Self::Named(name.clone())),
            QueueName::Durable { client, name, .. } => Some(Self::Durable {
                client: Arc::clone(client),
                name: Arc::clone(name),
            }),
            QueueName::Private { .. } => None,
        }
    }
}

/// A queue that is open.
#[derive(Debug, Clone)]
pub(super) struct QueuePlace {
    pub(super) number: u64,
    pub(super) stream: StreamName,
    /// Of its record in `meta`.
    pub(super) offset: Offset,
}

/// A message in a queue.
#[derive(Debug, Clone, Copy)]
pub(super) struct MessagePlace {
    /// The number of the queue.
    pub(super) queue: u64,
    pub(super) offset: Offset,
    /// The number of its octets in `shared`, if they are there.
    pub(super) shared: Option<u64>,
}

/// The history of a topic that has messages.
#[derive(Debug)]
pub(super) struct HistoryPlace {
    pub(super) number: u64,
    /// Of its record in `history`.
    pub(super) record: Offset,
    /// What is in its stream, in that order.
    pub(super) messages: VecDeque<LoggedPlace>,
}

/// A message in a history.
#[derive(Debug, Clone, Copy)]
pub(super) struct LoggedPlace {
    /// Its offset in the history, not in the stream.
    pub(super) offset: u64,
    /// The number of its octets in `shared`, if they are there.
    pub(super) shared: Option<u64>,
}

/// The octets of a message that waits in several queues.
#[derive(Debug, Clone, Copy)]
pub(super) struct SharedPlace {
    /// Where they are; not known before the batch that has them is there.
    pub(super) offset: Option<Offset>,
    /// How many of these messages are left.
    pub(super) messages: usize,
}

/// Where everything is.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) streams: Streams,
    pub(super) queues: HashMap<QueueKey, QueuePlace>,
    pub(super) messages: HashMap<MessageId, MessagePlace>,
    pub(super) shared: HashMap<u64, SharedPlace>,
    pub(super) retained: HashMap<Destination, Offset>,
    pub(super) scheduled: HashMap<ScheduledId, Offset>,
    pub(super) histories: HashMap<Destination, HistoryPlace>,
    /// The record of which offsets are reserved.
    pub(super) reserved: Option<Offset>,
    /// Octets in `shared` that nobody has any more: they go with batches that have room.
    pub(super) unused: VecDeque<Offset>,
    /// Higher than the number of any queue that there is or was.
    pub(super) next_queue: u64,
    /// Higher than that of any history.
    pub(super) next_history: u64,
    /// Higher than that of any octets in `shared`.
    pub(super) next_shared: u64,
}

impl Places {
    pub(super) fn new() -> Self {
        Self {
            streams: Streams::new(),
            queues: HashMap::new(),
            messages: HashMap::new(),
            shared: HashMap::new(),
            retained: HashMap::new(),
            scheduled: HashMap::new(),
            histories: HashMap::new(),
            reserved: None,
            unused: VecDeque::new(),
            next_queue: 1,
            next_history: 1,
            next_shared: 1,
        }
    }
}
