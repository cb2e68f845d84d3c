//! The server ends, in order or by a crash, and another broker goes on with what the shadow of a store has kept: the
//! model goes on with it, so that every later operation compares them. After each command the shadow has what is there.

use std::collections::BTreeMap;

use gumboot_broker_core::{AckMode, MessageId, Selector, Timestamp};

use crate::{
    check::Check,
    commands::Subscribe,
    events::{COLORS, Record, key},
    model::{Message, Model, Queue, State},
    setting::{DURABLES, QUEUES, SESSIONS, TOPICS},
    shadow::{Binding, Shadow},
    world::World,
};

/// The session that sent what was there before.
const UNKNOWN: u64 = u64::MAX;

impl Queue {
    /// Whether a store keeps what is in it.
    fn is_kept(&self) -> bool {
        !self.closed && !self.key.starts_with("private") && !self.key.starts_with("/temp-queue")
    }
}

impl Message {
    /// How often it was delivered when it came back last.
    fn deliveries_told(&self) -> u32 {
        self.deliveries - u32::from(self.lease().is_some())
    }

    fn due(&self) -> Option<u64> {
        match self.state {
            State::Delayed(due, _) => Some(due),
            State::Ready | State::Leased(_) => None,
        }
    }
}

impl Model {
    /// All sessions are gone, and so is what nobody can remember. What was delivered is as it was before.
    fn restart(&mut self, ids: &BTreeMap<MessageId, MessageId>, is_crash: bool) {
        self.sessions.clear();
        self.queues.retain(Queue::is_kept);
        for queue in &mut self.queues {
            queue.consumers.clear();
            queue.groups.clear();
            if let Some(binding) = &mut queue.binding {
                binding.filter.except = binding.filter.except.map(|_| 0);
            }
            for message in &mut queue.messages {
                message.deliveries = message.deliveries_told();
                message.redelivered |= is_crash;
                message.sent.producer = UNKNOWN;
                if message.lease().is_some() {
                    message.state = State::Ready;
                }
            }
        }
        let scheduled = self.scheduled.iter_mut().map(|(.., sent)| sent);
        for sent in scheduled.chain(self.retained.values_mut()) {
            sent.producer = UNKNOWN;
        }
        self.rename(ids);
    }

    /// Messages have other names, by their places: of those that are due at the same moment the first of these is first.
    fn rename(&mut self, ids: &BTreeMap<MessageId, MessageId>) {
        let before = std::mem::take(&mut self.ids);
        let queues = self.queues.iter_mut();
        let mut messages: Vec<_> = queues.flat_map(|queue| &mut queue.messages).collect();
        messages.sort_by_key(|message| ids[&MessageId(before[&message.uid])]);
        for message in messages {
            let id = ids[&MessageId(before[&message.uid])];
            self.next += 1;
            message.uid = self.next;
            self.ids.insert(message.uid, id.0);
        }
    }

    /// What is in queues that a store keeps.
    fn messages(&self) -> impl Iterator<Item = (&Queue, &Message)> {
        let kept = self.queues.iter().filter(|queue| queue.is_kept());
        kept.flat_map(|queue| queue.messages.iter().map(move |message| (queue, message)))
    }
}

impl Check {
    fn restart(&mut self, model: &Model) {
        self.restarts += 1;
        self.last.clear();
        let delivered = model.messages().filter(|(_, message)| message.redelivered);
        self.delivered = delivered.map(|(_, message)| message.uid).collect();
    }
}

impl World {
    /// The server ends, and another begins after a while. After a crash, whoever is to get a message is told that
    /// somebody may have got it.
    pub(crate) fn restart(&mut self) {
        let is_crash = self.random.once_in(2);
        let downtime = self.random.pick(&[0, 1, 3, 40]);
        self.note(|| format!("restart crash {is_crash} after {downtime}"));
        if !is_crash {
            (0..=SESSIONS).for_each(|id| self.disconnect(id));
        }
        let now = Timestamp::from_millis(self.model.now + downtime);
        let shadow = &mut self.check.shadow;
        for kept in shadow.messages.values_mut() {
            kept.redelivered |= is_crash;
        }
        let (broker, ids) = shadow.rebuild(now);
        self.broker = broker;
        self.model.restart(&ids, is_crash);
        self.check.restart(&self.model);
        self.model.now += downtime;
        self.model.wake();
        self.model.pass(0);
        let mut record = Record::default();
        self.broker.handle_timeout(now, &mut record);
        self.compare(true, true, record);
    }

    /// Everything that is there is delivered, in the course of time.
    pub(crate) fn drain(&mut self) {
        for (id, client) in ["c0", "c1"].into_iter().enumerate() {
            self.disconnect(id);
            self.connect_as(id, client);
            for name in DURABLES {
                let key = format!("durable {client} {name}");
                if let Some(wanted) = self.model.queue(&key).map(|queue| durable(queue, name)) {
                    self.subscribe_as(id, &wanted);
                }
            }
        }
        for name in QUEUES {
            self.subscribe_as(0, &wanted(name));
        }
        for name in TOPICS {
            self.subscribe_as(1, &wanted(name));
        }
        // Longer than any message is delayed.
        for _ in 0..10 {
            for (id, subscription) in (0..2).flat_map(|id| (1..=7).map(move |s| (id, s))) {
                self.sent_as((id, subscription), 100);
            }
            self.pass_by(1);
        }
        let left: Vec<_> = self.model.messages().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// A subscription to all that is in a queue, or is sent to a topic.
fn wanted(destination: &str) -> Subscribe {
    Subscribe {
        destination: destination.to_owned(),
        ack: AckMode::Auto,
        credit: (100, 1000),
        color: None,
        no_local: false,
        exclusive: false,
        browse: false,
        durable: None,
        drop_oldest: false,
    }
}

/// A durable subscription as it is.
fn durable(queue: &Queue, name: &'static str) -> Subscribe {
    let binding = queue.binding.as_ref();
    let binding = binding.expect("a durable subscription is bound");
    Subscribe {
        color: binding.filter.color,
        no_local: binding.filter.except.is_some(),
        durable: Some(name),
        ..wanted(&binding.topic)
    }
}

/// The store has what there is.
pub(crate) fn compare(model: &Model, shadow: &Shadow) {
    let kept = model.queues.iter().filter(|queue| queue.is_kept());
    let queues: BTreeMap<_, _> = kept.map(|queue| (&*queue.key, bound(queue))).collect();
    let told = shadow.queues.iter().map(|(key, (name, binding))| {
        let topic = binding.as_ref().map(|_| name.destination().as_str());
        (&**key, topic.zip(binding.clone()))
    });
    assert_eq!(told.collect::<BTreeMap<_, _>>(), queues, "the queues kept");

    let messages = model.messages().map(|(queue, message)| {
        let id = MessageId(model.ids[&message.uid]);
        let number = message.sent.number;
        let deliveries = message.deliveries_told();
        let key = queue.key.clone();
        (
            id,
            (key, number, deliveries, message.redelivered, message.due()),
        )
    });
    let now = Timestamp::from_millis(model.now);
    let told = shadow.messages.iter().map(|(id, kept)| {
        let due = kept.due.filter(|due| *due > now);
        let due = due.map(Timestamp::as_millis);
        (
            *id,
            (
                key(&kept.queue),
                kept.letter.number,
                kept.deliveries,
                kept.redelivered,
                due,
            ),
        )
    });
    let (told, messages): (BTreeMap<_, _>, BTreeMap<_, _>) = (told.collect(), messages.collect());
    assert_eq!(told, messages, "the messages kept");

    let told = shadow.retained.iter();
    let told = told.map(|(topic, (letter, _))| (topic.as_str(), letter.number));
    let retained = model.retained.iter();
    let retained = retained.map(|(topic, sent)| (&**topic, sent.number));
    assert!(told.eq(retained), "the values kept");

    let told = shadow.scheduled.values().map(|waiting| {
        let due = waiting.due.as_millis();
        (due, waiting.letter.number, waiting.topic.as_str())
    });
    let scheduled = model.scheduled.iter();
    let scheduled = scheduled.map(|(due, _, topic, sent)| (*due, sent.number, &**topic));
    assert_eq!(sorted(told), sorted(scheduled), "what is to be sent");
}

/// What a durable subscription wants of which topic.
fn bound(queue: &Queue) -> Option<(&str, Binding)> {
    let binding = queue.binding.as_ref()?;
    let selector = binding.filter.color.map(selector);
    let no_local = binding.filter.except.is_some();
    Some((&binding.topic, Binding { selector, no_local }))
}

/// The selector that wants a color.
pub(crate) fn selector(color: usize) -> Selector {
    let text = format!("color = '{}'", COLORS[color]);
    Selector::parse(&text).expect("a selector")
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<_> = items.collect();
    items.sort_unstable();
    items
}
