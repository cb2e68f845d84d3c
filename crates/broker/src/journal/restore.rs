//! The start: all that the store has is read, and the broker rebuilt from it. What cannot be read is an error that says
//! where it is; nothing is passed over.

mod histories;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    error, fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use gumboot_broker_core::{
    Broker, Destination, Kind, QueueName, Restored as RestoredMessage, Selector, Timestamp,
};
use gumboot_store::{
    Batch, Level, Offset, Operation as StoreOperation, Outcome, Portion, Record, Store, StoreError,
    StreamName, limits::BATCH_OPERATIONS_MAX,
};
use tracing::info;

use self::histories::Found;
use super::{
    places::{
        MessagePlace, Places, QueueKey, QueuePlace, SharedPlace, history_number, queue_number,
        queue_stream,
    },
    plan::sent_ms,
    record::{Content, HistoryMeta, Meta, OfTopic, Queued, Shared},
    recorder::Recorder,
    writer::Writer,
};
use crate::{config::Config, publication::Message};

/// How often the log says how far it has come.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// What a server has read from its store when it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Restored {
    /// Queues, of which some may be empty.
    pub queues: usize,
    /// Durable subscriptions.
    pub durables: usize,
    /// Messages in them.
    pub messages: usize,
    /// Retained messages of topics.
    pub retained: usize,
    /// Delayed messages to topics.
    pub scheduled: usize,
    /// Topics with messages in their history.
    pub histories: usize,
    /// Messages in these.
    pub logged: usize,
    /// Whether the server before this one ended in order. If not, each message counts as one that somebody may have got.
    pub is_clean: bool,
    /// How long it took.
    pub took: Duration,
}

/// Why a server cannot go on with what its store has.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum RestoreError {
    /// A topic has a history in the store, and none by the configuration, which does not let it be dropped.
    History {
        /// The topic.
        topic: String,
    },
    /// A record is not one that this version of the program understands: it was changed, or another version wrote it.
    Record {
        /// The stream that it is in.
        stream: String,
        /// Its place there.
        offset: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// The store failed.
    Store(StoreError),
    /// There is a stream that no record of the stream `meta` speaks of, or one of a name that is not known.
    Stream {
        /// Its name.
        stream: String,
    },
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::History { topic } => write!(
                f,
                "the store has the history of {topic}, which has none by the configuration: \
                 the configuration of its server is needed"
            ),
            Self::Record {
                stream,
                offset,
                problem,
            } => write!(
                f,
                "the store cannot be understood: stream {stream}, record {offset}: {problem}"
            ),
            Self::Store(error) => error.fmt(f),
            Self::Stream { stream } => write!(
                f,
                "the store cannot be understood: nothing says what the stream {stream} is"
            ),
        }
    }
}

impl error::Error for RestoreError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            Self::History { .. } | Self::Record { .. } | Self::Stream { .. } => None,
        }
    }
}

impl From<StoreError> for RestoreError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What there is to go on with.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) restored: Restored,
    pub(crate) recorder: Recorder,
    pub(crate) writer: Writer,
}

/// Rebuilds a broker without sessions.
pub(crate) async fn restore(
    store: Arc<dyn Store>,
    config: &Config,
    broker: &mut Broker<Message>,
    now: Timestamp,
) -> Result<Start, RestoreError> {
    let began = Instant::now();
    let mut restore = Restore {
        store,
        config,
        broker,
        now,
        latest: now,
        places: Places::new(),
        messages: HashMap::new(),
        restored: Restored::default(),
        ended: Vec::new(),
        doubted: Vec::new(),
        doubted_ms: None,
        has_doubted: false,
        told: began,
    };
    let queues = restore.read_meta().await?;
    let mut found = restore.read_history_meta().await?;
    restore.check_streams(&queues, &found).await?;
    restore.read_shared().await?;
    for (number, name) in queues {
        restore.read_queue(number, &name).await?;
    }
    restore.read_retained().await?;
    restore.read_scheduled().await?;
    restore.read_histories(&mut found).await?;
    restore.clear(found).await?;
    restore.restored.took = began.elapsed();
    Ok(restore.finish())
}

/// What is being rebuilt.
struct Restore<'b> {
    store: Arc<dyn Store>,
    config: &'b Config,
    broker: &'b mut Broker<Message>,
    now: Timestamp,
    /// The latest moment that is known: time does not run backwards.
    latest: Timestamp,
    places: Places,
    /// What several queues have, by the numbers in `shared`.
    messages: HashMap<u64, Message>,
    restored: Restored,
    /// The marks that the server before this one ended in order.
    ended: Vec<Offset>,
    /// The marks that one before did not, and the last moment that they name.
    doubted: Vec<Offset>,
    doubted_ms: Option<u64>,
    /// Whether a message is left that counts as delivered for that.
    has_doubted: bool,
    /// When the log was told how far it is.
    told: Instant,
}

/// A message of a queue that has been read.
struct Waiting {
    offset: Offset,
    message: Message,
    queued: Queued,
    restored: RestoredMessage,
}

impl Restore<'_> {
    /// The queues and durable subscriptions, by their numbers.
    async fn read_meta(&mut self) -> Result<BTreeMap<u64, QueueName>, RestoreError> {
        let stream = self.places.streams.meta.clone();
        let mut queues = BTreeMap::new();
        let mut from = Offset::FIRST;
        self.restored.is_clean = self.store.streams().await?.is_empty();
        while let Some(records) = self.portion(&stream, &mut from).await? {
            for record in records {
                let understood = Meta::decode(&record.payload)
                    .and_then(|meta| self.take_meta(meta, record.offset));
                let queue = understood.map_err(|problem| wrong(&stream, &record, problem))?;
                queues.extend(queue);
            }
        }
        self.restored.is_clean |= !self.ended.is_empty();
        Ok(queues)
    }

    fn take_meta(
        &mut self,
        meta: Meta,
        offset: Offset,
    ) -> Result<Option<(u64, QueueName)>, String> {
        let (number, name) = match meta {
            Meta::Ended => {
                self.ended.push(offset);
                return Ok(None);
            }
            Meta::Doubted { until_ms } => {
                self.doubted.push(offset);
                self.doubted_ms = self.doubted_ms.max(Some(until_ms));
                return Ok(None);
            }
            Meta::Queue { number, name } => {
                let queue = self.destination(&name)?;
                if queue.kind() != Kind::Queue {
                    return Err(format!("{name} is no queue by the present configuration"));
                }
                self.broker.restore_queue(&queue);
                self.restored.queues += 1;
                (number, QueueName::Named(queue))
            }
            Meta::Durable {
                number,
                client,
                name,
                topic,
                selector,
                no_local,
            } => {
                let topic = self.destination(&topic)?;
                if !matches!(topic.kind(), Kind::Topic | Kind::User) {
                    return Err(format!("{topic} is no topic by the present configuration"));
                }
                let selector = selector.map(|text| Selector::parse(&text)).transpose();
                let selector = selector.map_err(|error| error.to_string())?;
                let queue = QueueName::Durable {
                    client: Arc::clone(&client),
                    name: Arc::clone(&name),
                    topic: topic.clone(),
                };
                let key = QueueKey::of(&queue);
                if key.is_some_and(|key| self.places.queues.contains_key(&key)) {
                    return Err(format!(
                        "{client} has the durable subscription {name} twice"
                    ));
                }
                self.broker
                    .restore_durable(client, name, &topic, selector, no_local);
                self.restored.durables += 1;
                (number, queue)
            }
        };
        let place = QueuePlace {
            number,
            stream: queue_stream(number),
            offset,
        };
        self.places.next_queue = self.places.next_queue.max(number.saturating_add(1));
        let key = QueueKey::of(&name).expect("it is one that is stored");
        if self.places.queues.insert(key, place).is_some() {
            return Err("it is there twice".to_owned());
        }
        Ok(Some((number, name)))
    }

    /// Whether it is known of each stream what it is.
    async fn check_streams(
        &mut self,
        queues: &BTreeMap<u64, QueueName>,
        found: &Found,
    ) -> Result<(), RestoreError> {
        for info in self.store.streams().await? {
            let number = queue_number(&info.name);
            if let Some(number) = number {
                self.places.next_queue = self.places.next_queue.max(number.saturating_add(1));
            }
            let history = history_number(&info.name);
            if let Some(number) = history {
                self.places.next_history = self.places.next_history.max(number.saturating_add(1));
            }
            let streams = &self.places.streams;
            let known = [
                &streams.meta,
                &streams.shared,
                &streams.retained,
                &streams.scheduled,
                &streams.history,
                &streams.history_ends,
            ];
            let is_known = known.contains(&&info.name)
                || history.is_some_and(|number| found.has(number))
                || number.is_some_and(|number| queues.contains_key(&number));
            if !is_known && info.records > 0 {
                return Err(RestoreError::Stream {
                    stream: info.name.to_string(),
                });
            }
        }
        Ok(())
    }

    async fn read_shared(&mut self) -> Result<(), RestoreError> {
        let stream = self.places.streams.shared.clone();
        let mut from = Offset::FIRST;
        while let Some(records) = self.portion(&stream, &mut from).await? {
            for record in records {
                let Shared { number, message } = Shared::decode(&record.payload)
                    .map_err(|problem| wrong(&stream, &record, problem))?;
                let place = SharedPlace {
                    offset: Some(record.offset),
                    messages: 0,
                };
                self.places.shared.insert(number, place);
                self.places.next_shared = self.places.next_shared.max(number.saturating_add(1));
                self.messages.insert(number, message);
            }
        }
        Ok(())
    }

    /// The messages of a queue, in the order of their places.
    async fn read_queue(&mut self, number: u64, name: &QueueName) -> Result<(), RestoreError> {
        let stream = queue_stream(number);
        let mut waiting = Vec::new();
        let mut from = Offset::FIRST;
        while let Some(records) = self.portion(&stream, &mut from).await? {
            for record in records {
                let read = self
                    .read_queued(&record)
                    .map_err(|problem| wrong(&stream, &record, problem))?;
                // A delay counts from the command, and that was before its batch.
                let due = sent_ms(read.queued.due);
                let place = record.appended_ms.max(due);
                waiting.push((place, read));
            }
        }
        // Those with the same moment stay in their order.
        waiting.sort_by_key(|(place, _)| *place);
        for (_, read) in waiting {
            let Waiting {
                offset,
                message,
                queued,
                restored,
            } = read;
            let id = self
                .broker
                .restore_message(name, &message, &queued.properties, restored);
            let shared = match queued.content {
                Content::Shared(number) => Some(number),
                Content::Whole(_) => None,
            };
            let place = MessagePlace {
                queue: number,
                offset,
                shared,
            };
            self.places.messages.insert(id, place);
            self.restored.messages += 1;
        }
        Ok(())
    }

    fn read_queued(&mut self, record: &Record) -> Result<Waiting, String> {
        let queued = Queued::decode(&record.payload)?;
        let message = self.message(&queued.content)?;
        let has_returned = record.due_ms != sent_ms(queued.due);
        let due = Timestamp::from_millis(record.due_ms);
        let is_doubted = !self.restored.is_clean || Some(record.appended_ms) <= self.doubted_ms;
        self.has_doubted |= is_doubted;
        Ok(Waiting {
            offset: record.offset,
            message,
            restored: RestoredMessage {
                deliveries: record.deliveries,
                redelivered: has_returned || is_doubted,
                due: (due > self.now).then_some(due),
                is_new: !has_returned && due > self.now,
            },
            queued,
        })
    }

    /// A message that may be in `shared`, where it is counted.
    fn message(&mut self, content: &Content) -> Result<Message, String> {
        let number = match content {
            Content::Whole(message) => return Ok(message.clone()),
            Content::Shared(number) => number,
        };
        let place = self.places.shared.get_mut(number);
        let message = self.messages.get(number);
        let (place, message) = place
            .zip(message)
            .ok_or_else(|| format!("its message, number {number} of shared, is missing"))?;
        place.messages += 1;
        Ok(message.clone())
    }

    async fn read_retained(&mut self) -> Result<(), RestoreError> {
        let stream = self.places.streams.retained.clone();
        let mut from = Offset::FIRST;
        while let Some(records) = self.portion(&stream, &mut from).await? {
            for record in records {
                let (topic, kept) = self
                    .read_of_topic(&record)
                    .map_err(|problem| wrong(&stream, &record, problem))?;
                self.broker
                    .restore_retained(&topic, &kept.message, &kept.properties);
                let before = self.places.retained.insert(topic, record.offset);
                if before.is_some() {
                    let problem = "its topic has a retained message already".to_owned();
                    return Err(wrong(&stream, &record, problem));
                }
                self.restored.retained += 1;
            }
        }
        Ok(())
    }

    /// Those that are due at the same moment are in their order.
    async fn read_scheduled(&mut self) -> Result<(), RestoreError> {
        let stream = self.places.streams.scheduled.clone();
        let mut from = Offset::FIRST;
        while let Some(records) = self.portion(&stream, &mut from).await? {
            for record in records {
                let (topic, kept) = self
                    .read_of_topic(&record)
                    .map_err(|problem| wrong(&stream, &record, problem))?;
                let due = Timestamp::from_millis(record.due_ms);
                let (message, properties) = (&kept.message, &kept.properties);
                let id = self
                    .broker
                    .restore_scheduled(&topic, message, properties, due);
                self.places.scheduled.insert(id, record.offset);
                self.restored.scheduled += 1;
            }
        }
        Ok(())
    }

    fn read_of_topic(&self, record: &Record) -> Result<(Destination, OfTopic), String> {
        let kept = OfTopic::decode(&record.payload)?;
        let topic = self.destination(&kept.topic)?;
        if topic.kind() != Kind::Topic || topic.is_pattern() {
            return Err(format!("{topic} is no topic by the present configuration"));
        }
        Ok((topic, kept))
    }

    /// The mark goes: from now on, an end without it is none in order. Then what nobody needs any more.
    async fn clear(&mut self, found: Found) -> Result<(), RestoreError> {
        let mut batch = Batch::new(self.latest.as_millis());
        let streams = &self.places.streams;
        for ended in &self.ended {
            batch.settle(&streams.meta, *ended, Outcome::Done);
        }
        if !self.restored.is_clean || !self.has_doubted {
            for doubted in &self.doubted {
                batch.settle(&streams.meta, *doubted, Outcome::Done);
            }
            if self.has_doubted {
                let until_ms = self.latest.as_millis();
                batch.append(&streams.meta, Meta::Doubted { until_ms }.encode());
                // What comes is later.
                self.latest = self.latest.after(1);
            }
        }
        batch.remove(&streams.history_ends);
        if let Some(reserved) = found.reserves {
            if let Some(before) = self.places.reserved {
                batch.settle(&streams.history, before, Outcome::Done);
            }
            let meta = HistoryMeta::Reserved(reserved);
            batch.append(&streams.history, meta.encode());
        }
        let learnt = self.commit(batch).await?;
        if found.reserves.is_some() {
            self.places.reserved = learnt.last().copied();
        }
        let mut operations = found.operations;
        // A durable subscription was given up while a session had some of its messages; or a history is gone.
        let unused = (self.places.shared).extract_if(|_, place| place.messages == 0);
        let unused = unused.filter_map(|(_, place)| place.offset);
        operations.extend(unused.map(|offset| StoreOperation::Settle {
            stream: self.places.streams.shared.clone(),
            offset,
            outcome: Outcome::Done,
        }));
        for part in operations.chunks(BATCH_OPERATIONS_MAX) {
            let mut batch = Batch::new(self.latest.as_millis());
            part.iter()
                .for_each(|operation| batch.push(operation.clone()));
            self.commit(batch).await?;
        }
        Ok(())
    }

    async fn commit(&self, batch: Batch) -> Result<Vec<Offset>, RestoreError> {
        self.store.ready().await?;
        Ok(self.store.commit(batch, Level::Synced).await?.offsets)
    }

    fn finish(self) -> Start {
        let Places {
            retained,
            scheduled,
            ..
        } = &self.places;
        let retained: HashSet<_> = retained.keys().cloned().collect();
        let scheduled: HashSet<_> = scheduled.keys().copied().collect();
        Start {
            restored: self.restored,
            recorder: Recorder::new(retained, scheduled),
            writer: Writer::new(self.store, self.places, self.latest),
        }
    }

    /// The next records of a stream; none at its end.
    async fn portion(
        &mut self,
        stream: &StreamName,
        from: &mut Offset,
    ) -> Result<Option<Vec<Record>>, RestoreError> {
        let records = self.store.read(stream, *from, Portion::ALL).await?;
        let Some(last) = records.last() else {
            return Ok(None);
        };
        *from = last.offset.next();
        let latest = records.iter().map(|record| record.appended_ms).max();
        let latest = Timestamp::from_millis(latest.unwrap_or_default());
        self.latest = self.latest.max(latest);
        if self.told.elapsed() >= PROGRESS_INTERVAL {
            self.told = Instant::now();
            info!(messages = self.restored.messages, %stream, "still reading the store");
        }
        Ok(Some(records))
    }

    fn destination(&self, name: &str) -> Result<Destination, String> {
        let parsed = self.config.kinds.parse(name);
        parsed.map_err(|error| {
            format!("{name} is no destination by the configuration of this server: {error}")
        })
    }
}

fn wrong(stream: &StreamName, record: &Record, problem: String) -> RestoreError {
    RestoreError::Record {
        stream: stream.to_string(),
        offset: record.offset.0,
        problem,
    }
}
