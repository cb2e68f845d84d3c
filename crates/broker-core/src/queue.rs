//! One queue: its messages, in which order they are given, and who takes them. What happens between queues and
//! consumers is in `queues`.

pub(crate) mod consumer;
pub(crate) mod groups;
mod places;

use std::{collections::VecDeque, num::NonZeroU64, sync::Arc};

use self::{groups::Groups, places::Places};
use crate::{
    destination::{Destination, Kind},
    message::{MessageId, PRIORITY_MAX, Properties, QueueName},
    numbers::NumberMap,
    output::DurableBinding,
    settings::QueuePolicy,
    subscribe::{Filter, SlowConsumer, Subscribe},
    time::Timestamp,
};

/// A queue, by its place in the table of queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct QueueKey(pub(crate) usize);

/// A consumer, by its place in the table of consumers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConsumerKey(pub(crate) usize);

/// Where a message stands among those that are ready: higher priorities first, then in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    /// The lower, the higher the priority.
    class: u8,
    order: u64,
}

impl Rank {
    /// Before all messages.
    pub(crate) const FIRST: Self = Self { class: 0, order: 0 };

    fn of(properties: &Properties, order: u64) -> Self {
        let class = PRIORITY_MAX - properties.priority.min(PRIORITY_MAX);
        Self { class, order }
    }

    /// The place right behind this one.
    pub(crate) fn next(self) -> Self {
        Self {
            order: self.order + 1,
            ..self
        }
    }
}

/// A message in a queue.
#[derive(Debug)]
pub(crate) struct Entry<M> {
    pub(crate) message: M,
    pub(crate) properties: Properties,
    /// The session that sent it, by its serial number.
    pub(crate) producer: Option<u64>,
    /// Its place in the history of its topic, if it came from one.
    pub(crate) offset: Option<NonZeroU64>,
    /// Its place among messages of the same priority. It keeps it when it comes back.
    pub(crate) order: u64,
    /// How often it was delivered.
    pub(crate) deliveries: u32,
    /// Whether somebody may have got it before.
    pub(crate) redelivered: bool,
    pub(crate) state: State,
}

/// What a message in a queue waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Its time.
    Delayed {
        due: Timestamp,
        /// Whether it then takes its place as if it were sent at that moment.
        is_new: bool,
    },
    /// Its acknowledgement.
    Leased,
    /// A consumer.
    Ready,
}

impl<M> Entry<M> {
    pub(crate) fn rank(&self) -> Rank {
        Rank::of(&self.properties, self.order)
    }
}

#[derive(Debug)]
pub(crate) struct Queue<M> {
    pub(crate) name: QueueName,
    pub(crate) policy: Arc<QueuePolicy>,
    /// Of the queue of a subscription to a topic, which messages come in, and what is done when there are too many.
    pub(crate) binding: Option<Binding>,
    entries: NumberMap<MessageId, Entry<M>>,
    bytes: usize,
    places: Places,
    /// Those who take messages; not those who have ended.
    pub(crate) consumers: Vec<ConsumerKey>,
    /// How many take messages or look at them.
    pub(crate) attached: usize,
    /// Of these, the ones that may have credit, in turn.
    pub(crate) ring: VecDeque<ConsumerKey>,
    /// Of these, the ones that want to be alone; the first is.
    pub(crate) exclusive: Vec<ConsumerKey>,
    /// Those who only look, and are not through.
    pub(crate) browsers: VecDeque<ConsumerKey>,
    pub(crate) groups: Groups,
    /// No consumer's cursor is behind this.
    pub(crate) cursor_max: Rank,
    /// The timer that is set for it.
    pub(crate) timer: Option<Timestamp>,
    /// Whether it waits for its step.
    pub(crate) is_dirty: bool,
    /// Whether nothing comes in or goes out any more; it is gone once nothing is leased.
    pub(crate) is_closed: bool,
}

/// How many messages, and how long they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

impl Amount {
    pub(crate) fn add(&mut self, more: Self) {
        self.messages = self.messages.saturating_add(more.messages);
        self.bytes = self.bytes.saturating_add(more.bytes);
    }
}

#[derive(Debug)]
pub(crate) struct Binding {
    pub(crate) filter: Filter,
    pub(crate) slow: SlowConsumer,
}

impl<M> Queue<M> {
    pub(crate) fn new(name: QueueName, policy: Arc<QueuePolicy>) -> Self {
        Self {
            name,
            policy,
            binding: None,
            entries: NumberMap::default(),
            bytes: 0,
            places: Places::default(),
            consumers: Vec::new(),
            attached: 0,
            ring: VecDeque::new(),
            exclusive: Vec::new(),
            browsers: VecDeque::new(),
            groups: Groups::default(),
            cursor_max: Rank::FIRST,
            timer: None,
            is_dirty: false,
            is_closed: false,
        }
    }

    /// All that is in it.
    pub(crate) fn amount(&self) -> Amount {
        Amount {
            messages: self.entries.len(),
            bytes: self.bytes,
        }
    }

    /// Of these, the ones that are leased.
    pub(crate) fn leased(&self) -> Amount {
        self.places.leased()
    }

    /// Whether it is that of a subscription to a topic.
    pub(crate) fn is_for_topic(&self) -> bool {
        !matches!(self.name, QueueName::Named(_))
    }

    /// Whether it is that of a subscription that ends with its session.
    pub(crate) fn is_private(&self) -> bool {
        matches!(self.name, QueueName::Private { .. })
    }

    /// Whether it can outlive all sessions.
    pub(crate) fn is_lasting(&self) -> bool {
        match &self.name {
            QueueName::Named(name) => name.kind() != Kind::TempQueue,
            QueueName::Durable { .. } => true,
            QueueName::Private { .. } => false,
        }
    }

    /// What is told of a durable subscription that begins.
    pub(crate) fn durable_binding(&self) -> Option<DurableBinding<'_>> {
        self.binding.as_ref().map(|binding| DurableBinding {
            selector: binding.filter.selector.as_ref(),
            no_local: binding.filter.except.is_some(),
        })
    }

    /// Whether a durable subscription goes on as before.
    pub(crate) fn is_for(&self, topic: &Destination, subscribe: &Subscribe<'_>) -> bool {
        self.name.destination() == topic
            && self.binding.as_ref().is_some_and(|binding| {
                binding.filter.selector == subscribe.selector
                    && binding.filter.except.is_some() == subscribe.no_local
            })
    }

    pub(crate) fn entry(&self, id: MessageId) -> Option<&Entry<M>> {
        self.entries.get(&id)
    }

    pub(crate) fn entry_mut(&mut self, id: MessageId) -> Option<&mut Entry<M>> {
        self.entries.get_mut(&id)
    }

    pub(crate) fn ids(&self) -> Vec<MessageId> {
        self.entries.keys().copied().collect()
    }

    /// Whether it can be forgotten.
    pub(crate) fn is_unused(&self) -> bool {
        let is_kept = match &self.name {
            QueueName::Named(name) => name.kind() == Kind::TempQueue,
            QueueName::Durable { .. } => true,
            QueueName::Private { .. } => false,
        };
        (!is_kept || self.is_closed) && self.is_idle()
    }

    /// Whether nothing is in it and nobody uses it.
    pub(crate) fn is_idle(&self) -> bool {
        self.entries.is_empty() && self.attached == 0
    }

    pub(crate) fn insert(&mut self, id: MessageId, entry: Entry<M>) {
        self.bytes += entry.properties.bytes;
        self.groups.on_enqueued(entry.properties.group.as_ref());
        self.places.add(id, &entry);
        self.entries.insert(id, entry);
    }

    /// Takes a message out for good.
    pub(crate) fn remove(&mut self, id: MessageId) -> Option<Entry<M>> {
        let entry = self.entries.remove(&id)?;
        self.places.remove(id, &entry);
        self.bytes -= entry.properties.bytes;
        self.groups.on_settled(entry.properties.group.as_ref());
        Some(entry)
    }

    /// Changes what a message waits for; gives it as it is then.
    pub(crate) fn change(&mut self, id: MessageId, state: State) -> Option<&mut Entry<M>> {
        let entry = self.entries.get_mut(&id)?;
        self.places.remove(id, entry);
        entry.state = state;
        self.places.add(id, entry);
        Some(entry)
    }

    /// Where its messages stand, by what they wait for.
    pub(crate) fn places(&self) -> &Places {
        &self.places
    }
}
