//! Topics with a history, in a small world of their own: tight windows, portions of two messages, few logs, a store that
//! loses its tail in a crash. Checked against all that was ever sent: no gap, nothing twice, in order, whatever is
//! replayed, live or both; and who is told that nothing was missed has missed nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use gumboot_broker_core::{
    AckMode, Broker, Delivery, DeliveryId, Destination, EndReason, Epoch, HistoryPolicy, Limits,
    Login, Output, Position, Properties, QueuePolicy, ReplayFrom, Retain, Send, SessionId,
    Settings, Subscribe, SubscriptionId, Timestamp,
};

use crate::{
    events::{COLORS, Letter},
    random::Random,
    restart::selector,
    setting::parse,
};

const TOPICS: [&str; 4] = ["/topic/h.a", "/topic/h.b", "/topic/h.c", "/topic/h.d"];
const SESSIONS: usize = 3;
const OPERATIONS_PER_SEED: u64 = 2_000;
const EPOCH: Epoch = Epoch(5);
/// What a queue of a subscription takes.
const QUEUE_MESSAGES_MAX: usize = 5;

fn settings() -> Settings {
    let policy = HistoryPolicy {
        messages_max: 6,
        bytes_max: 40,
        age_ms_max: 60,
    };
    Settings {
        limits: Limits {
            histories_max: 3,
            history_bytes_max: 90,
            replay_messages_max: 2,
            replay_bytes_max: 12,
            ..Limits::default()
        },
        topic: Arc::new(QueuePolicy {
            messages_max: QUEUE_MESSAGES_MAX,
            ..QueuePolicy::default()
        }),
        histories: vec![(parse("/topic/h.*"), Arc::new(policy))],
        epoch: EPOCH,
        ..Settings::default()
    }
}

/// What was sent to a topic, as the store was told it.
#[derive(Debug, Clone)]
struct Logged {
    offset: u64,
    letter: Letter,
    properties: Properties,
    at: Timestamp,
    /// Which session of all there have been.
    producer: u64,
    /// Its place among all that was ever sent.
    order: u64,
    /// A crash took it.
    is_lost: bool,
}

/// A subscription, and how far it has come.
#[derive(Debug)]
struct Reader {
    topic: &'static str,
    color: Option<usize>,
    except: Option<u64>,
    acknowledges: bool,
    /// Behind which offset its messages come.
    begun: u64,
    last: u64,
    retained: Option<u32>,
}

type Owner = (usize, u32);

#[derive(Debug, Default)]
struct Record {
    delivered: Vec<(Owner, u32, Option<u64>, Option<u64>)>,
    ended: Vec<Owner>,
    paused: Vec<usize>,
    logged: Vec<(Destination, u64, Letter, Properties, Timestamp)>,
    trimmed: Vec<(Destination, u64)>,
    reserved: Option<u64>,
}

impl Output<Letter> for Record {
    fn deliver(&mut self, to: SessionId, delivery: Delivery<'_, Letter>) {
        let owner = (to.0, delivery.subscription.0);
        let offset = delivery.offset.map(Into::into);
        let number = delivery.id.map(|id| id.number);
        self.delivered
            .push((owner, delivery.message.number, offset, number));
    }

    fn subscription_ended(&mut self, session: SessionId, id: SubscriptionId, _: EndReason) {
        self.ended.push((session.0, id.0));
    }

    fn replay_paused(&mut self, session: SessionId) {
        self.paused.push(session.0);
    }

    fn logged(
        &mut self,
        topic: &Destination,
        offset: u64,
        letter: &Letter,
        properties: &Properties,
        now: Timestamp,
    ) {
        let properties = properties.clone();
        self.logged
            .push((topic.clone(), offset, *letter, properties, now));
    }

    fn trimmed(&mut self, topic: &Destination, offset: u64) {
        self.trimmed.push((topic.clone(), offset));
    }

    fn offsets_reserved(&mut self, until: u64) {
        self.reserved = Some(until);
    }
}

/// What has happened, for the last line of the run.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) deliveries: u64,
    pub(crate) recovered: u64,
    pub(crate) missed: u64,
    pub(crate) overtaken: u64,
    /// Ends in order.
    pub(crate) continued: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.deliveries += other.deliveries;
        self.recovered += other.recovered;
        self.missed += other.missed;
        self.overtaken += other.overtaken;
        self.continued += other.continued;
    }

    /// A run in which one of these never happens shows nothing.
    pub(crate) fn assert_each_happened(&self) {
        let each = [
            self.deliveries,
            self.recovered,
            self.missed,
            self.overtaken,
            self.continued,
        ];
        assert!(each.into_iter().all(|count| count > 100), "{self:?}");
    }
}

struct World {
    random: Random,
    broker: Broker<Letter>,
    now: Timestamp,
    /// The sessions that are there, by which of all there have been they are.
    sessions: BTreeMap<usize, u64>,
    serial: u64,
    next_subscription: u32,
    next_number: u32,
    /// Who has sent which message.
    senders: BTreeMap<u32, u64>,
    order: u64,
    /// All that was ever sent.
    sent: BTreeMap<&'static str, Vec<Logged>>,
    /// Up to which offset the store has nothing of a topic.
    trimmed: BTreeMap<&'static str, u64>,
    reserved: u64,
    /// What the store had of that before the first command.
    reserved_at_start: u64,
    readers: BTreeMap<Owner, Reader>,
    paused: BTreeSet<usize>,
    /// Places that somebody was told.
    places: Vec<(&'static str, u64)>,
    counts: Counts,
}

/// Runs the operations of a seed.
pub(crate) fn run(seed: u64) -> Counts {
    let mut world = World {
        random: Random::new(seed),
        broker: Broker::new(settings()),
        now: Timestamp::from_millis(1000),
        sessions: BTreeMap::new(),
        serial: 0,
        next_subscription: 0,
        next_number: 0,
        senders: BTreeMap::new(),
        order: 0,
        sent: BTreeMap::new(),
        trimmed: BTreeMap::new(),
        reserved: 0,
        reserved_at_start: 0,
        readers: BTreeMap::new(),
        paused: BTreeSet::new(),
        places: Vec::new(),
        counts: Counts::default(),
    };
    world.reserved = world.broker.begin_offsets();
    world.reserved_at_start = world.reserved;
    for _ in 0..OPERATIONS_PER_SEED {
        world.step();
    }
    world.counts
}

fn name(topic: &Destination) -> &'static str {
    let mut names = TOPICS.into_iter();
    names
        .find(|name| *name == topic.as_str())
        .expect("a topic of this world")
}

impl World {
    fn step(&mut self) {
        let session = self.random.index(SESSIONS);
        let paused = self.paused.clone();
        let mut record = Record::default();
        match self.random.below(100) {
            0..6 => self.connect(session),
            6..8 => self.disconnect(session, &mut record),
            8..24 => self.subscribe(session, &mut record),
            24..28 => self.unsubscribe(&mut record),
            28..60 => self.send(session, &mut record),
            60..90 => self.replayed(session, &mut record),
            90..99 => {
                let time = self.random.pick(&[1, 2, 5, 30]);
                self.now = self.now.after(time);
            }
            _ => self.restart(),
        }
        while self.broker.poll_timeout().is_some_and(|t| t <= self.now) {
            self.broker.handle_timeout(self.now, &mut record);
        }
        self.check(record, &paused);
    }

    fn connect(&mut self, id: usize) {
        if self.sessions.contains_key(&id) {
            return;
        }
        self.serial += 1;
        let login = Login::anonymous(format!("s{}", self.serial));
        let connected = self.broker.handle_connect(SessionId(id), login);
        connected.expect("there is room");
        self.sessions.insert(id, self.serial);
    }

    fn disconnect(&mut self, id: usize, record: &mut Record) {
        self.broker
            .handle_disconnect(self.now, SessionId(id), record);
        self.sessions.remove(&id);
        self.paused.remove(&id);
        self.readers.retain(|owner, _| owner.0 != id);
    }

    /// Begins anywhere: mostly behind a place that somebody was told.
    fn from(&mut self) -> (&'static str, Option<ReplayFrom>) {
        let random = &mut self.random;
        let topic = random.pick(&TOPICS);
        let offset = random.below(40);
        if !self.places.is_empty() && random.once_in(2) {
            // The latest are the likeliest to be kept.
            let back = 1 + random.index(self.places.len().min(20));
            let (topic, offset) = self.places[self.places.len() - back];
            let epoch = if random.once_in(20) { Epoch(6) } else { EPOCH };
            return (topic, Some(ReplayFrom::Behind(Position { epoch, offset })));
        }
        let since = Timestamp::from_millis(self.now.as_millis() - random.below(60));
        let from = match random.below(8) {
            0 => ReplayFrom::First,
            1 => ReplayFrom::Last,
            2 => ReplayFrom::Next,
            3 => ReplayFrom::At(offset),
            4 => ReplayFrom::Since(since),
            5 => ReplayFrom::Behind(Position {
                epoch: EPOCH,
                offset,
            }),
            _ => return (topic, None),
        };
        (topic, Some(from))
    }

    fn subscribe(&mut self, id: usize, record: &mut Record) {
        let (topic, from) = self.from();
        let random = &mut self.random;
        let color = random.once_in(4).then(|| random.index(COLORS.len()));
        let no_local = random.once_in(6);
        let ack = random.pick(&[AckMode::Auto, AckMode::Auto, AckMode::ClientIndividual]);
        self.next_subscription += 1;
        let subscription = SubscriptionId(self.next_subscription);
        let destination = parse(topic);
        let subscribe = Subscribe {
            ack,
            selector: color.map(selector),
            no_local,
            from,
            ..Subscribe::new(&destination)
        };
        let done =
            self.broker
                .handle_subscribe(self.now, SessionId(id), subscription, subscribe, record);
        let Ok(subscribed) = done else {
            assert!(record.delivered.is_empty() && record.paused.is_empty());
            return;
        };
        let place = subscribed.position.expect("all topics have a history");
        assert_eq!(place.epoch, EPOCH);
        let asked = match from {
            Some(ReplayFrom::Behind(asked)) => Some(asked),
            _ => None,
        };
        assert_eq!(subscribed.recovered.is_some(), asked.is_some());
        if let (Some(true), Some(asked)) = (subscribed.recovered, asked) {
            for m in self.of(topic) {
                let is_passed = m.offset > asked.offset && m.offset <= place.offset;
                assert!(m.is_lost || !is_passed, "{m:?} is passed over: {asked:?}");
                let is_seen = m.offset == asked.offset;
                assert!(!m.is_lost || !is_seen, "a crash took {m:?}");
            }
            assert_eq!(asked.epoch, EPOCH);
            self.counts.recovered += 1;
        } else if asked.is_some() {
            self.counts.missed += 1;
        }
        let reader = Reader {
            topic,
            color,
            except: no_local.then(|| self.sessions[&id]),
            acknowledges: ack != AckMode::Auto,
            begun: place.offset,
            last: place.offset,
            retained: None,
        };
        self.readers.insert((id, subscription.0), reader);
        self.places.push((topic, place.offset));
    }

    fn unsubscribe(&mut self, record: &mut Record) {
        let owners: Vec<_> = self.readers.keys().copied().collect();
        if owners.is_empty() {
            return;
        }
        let owner = self.random.pick(&owners);
        let (session, id) = (SessionId(owner.0), SubscriptionId(owner.1));
        let done = self
            .broker
            .handle_unsubscribe(self.now, session, id, record);
        done.expect("it stands");
        self.readers.remove(&owner);
    }

    fn send(&mut self, id: usize, record: &mut Record) {
        self.next_number += 1;
        let random = &mut self.random;
        let letter = Letter {
            number: self.next_number,
            color: random.index(COLORS.len()),
        };
        let properties = Properties {
            bytes: 1 + random.index(12),
            priority: random.below(10) as u8,
            expires: random
                .once_in(6)
                .then(|| self.now.after(1 + random.below(20))),
            delay_ms: if random.once_in(8) {
                1 + random.below(9)
            } else {
                0
            },
            retain: random.pick(&[Retain::No, Retain::No, Retain::Keep]),
            ..Properties::default()
        };
        let topic = random.pick(&TOPICS);
        if let Some(sender) = self.sessions.get(&id) {
            self.senders.insert(letter.number, *sender);
        }
        let send = Send {
            destination: &parse(topic),
            message: &letter,
            properties: &properties,
            transaction: None,
        };
        let done = self
            .broker
            .handle_send(self.now, SessionId(id), &send, record);
        let is_logged = record.logged.iter().any(|entry| entry.2 == letter);
        assert_eq!(is_logged, done.is_ok() && properties.delay_ms == 0);
    }

    fn replayed(&mut self, id: usize, record: &mut Record) {
        if self.paused.remove(&id) {
            self.broker.handle_replayed(self.now, SessionId(id), record);
        }
    }

    /// The server ends in order, or crashes and may lose the end of what it had not confirmed.
    fn restart(&mut self) {
        let is_crash = self.random.once_in(2);
        let end = (!is_crash).then(|| self.broker.end_histories());
        if is_crash {
            self.lose();
        } else {
            self.counts.continued += 1;
        }
        self.broker = Broker::new(settings());
        for log in end.iter().flat_map(|end| &end.logs) {
            self.broker.restore_log(log);
        }
        for (topic, sent) in &self.sent {
            let gone = self.trimmed.get(topic).copied().unwrap_or(0);
            for m in sent.iter().filter(|m| !m.is_lost && m.offset > gone) {
                self.broker.restore_history(
                    &parse(topic),
                    m.offset,
                    &m.letter,
                    &m.properties,
                    m.at,
                );
            }
        }
        match end {
            Some(end) => self.broker.continue_offsets(&end, self.reserved),
            None => {
                self.reserved = self.broker.restore_offsets(self.reserved);
                self.reserved_at_start = self.reserved;
            }
        }
        self.sessions.clear();
        self.readers.clear();
        self.paused.clear();
    }

    /// Of what the store was told, it has not the last.
    fn lose(&mut self) {
        let lost = self.random.below(4);
        for _ in 0..lost {
            let of_topics = self.sent.values_mut().flatten().filter(|m| !m.is_lost);
            if let Some(last) = of_topics.max_by_key(|m| m.order) {
                last.is_lost = true;
            }
        }
        if lost > 0 {
            self.reserved = self.reserved_at_start;
        }
    }

    fn of(&self, topic: &str) -> impl Iterator<Item = &Logged> {
        self.sent.get(topic).into_iter().flatten()
    }

    fn check(&mut self, record: Record, paused: &BTreeSet<usize>) {
        self.reserved = record.reserved.unwrap_or(self.reserved);
        for (topic, offset, letter, properties, at) in record.logged {
            assert!(offset <= self.reserved, "it was reserved");
            let producer = self.senders[&letter.number];
            self.order += 1;
            let sent = self.sent.entry(name(&topic)).or_default();
            let before = sent.last().map_or(0, |last| last.offset);
            assert!(offset > before, "{offset} of {topic} comes again");
            sent.push(Logged {
                offset,
                letter,
                properties,
                at,
                producer,
                order: self.order,
                is_lost: false,
            });
        }
        for (topic, offset) in record.trimmed {
            self.trimmed.insert(name(&topic), offset);
        }
        let mut acks = Vec::new();
        for (owner, number, offset, ack) in record.delivered {
            self.delivered(owner, number, offset);
            acks.extend(ack.map(|ack| (owner, ack)));
        }
        for owner in record.ended {
            let reader = self.readers.remove(&owner).expect("it stood");
            // Who has no portion on its way has read all there was.
            assert!(
                reader.acknowledges || paused.contains(&owner.0),
                "{reader:?}"
            );
            self.counts.overtaken += 1;
        }
        self.paused.extend(record.paused);
        self.all_is_given();
        self.acknowledge(acks);
    }

    /// Mostly, who has to acknowledge does.
    fn acknowledge(&mut self, acks: Vec<(Owner, u64)>) {
        for (owner, number) in acks {
            if self.readers.contains_key(&owner) && !self.random.once_in(8) {
                let (session, subscription) = (SessionId(owner.0), SubscriptionId(owner.1));
                let id = DeliveryId {
                    subscription,
                    number,
                };
                let mut record = Record::default();
                let done = self
                    .broker
                    .handle_ack(self.now, session, id, None, &mut record);
                done.expect("it was delivered");
                assert!(record.delivered.is_empty(), "all was delivered before");
            }
        }
    }

    fn delivered(&mut self, owner: Owner, number: u32, offset: Option<u64>) {
        let Some(reader) = self.readers.get(&owner) else {
            // It ended with this same command.
            return;
        };
        let Some(offset) = offset else {
            let logged = self.of(reader.topic).find(|m| m.letter.number == number);
            let is_behind = logged.is_some_and(|m| m.offset <= reader.begun);
            assert!(is_behind, "{number} is replayed: {reader:?}");
            assert_eq!(reader.retained, None, "one retained value");
            let reader = self.readers.get_mut(&owner).expect("found before");
            reader.retained = Some(number);
            return;
        };
        let (topic, last) = (reader.topic, reader.last);
        assert!(offset > last, "{offset} behind {last}: {reader:?}");
        assert_ne!(reader.retained, Some(number), "the retained value twice");
        let found = self.of(topic).find(|m| m.offset == offset);
        let found = found.expect("it was sent");
        assert_eq!(found.letter.number, number);
        assert!(self.wants(reader, found), "{found:?} {reader:?}");
        let missing = self.owed(reader).find(|m| m.offset < offset);
        assert!(missing.is_none(), "{missing:?} before {offset}: {reader:?}");
        let reader = self.readers.get_mut(&owner).expect("found before");
        reader.last = offset;
        self.places.push((topic, offset));
        self.counts.deliveries += 1;
    }

    /// All that a subscription is still to get.
    fn owed<'a>(&'a self, reader: &'a Reader) -> impl Iterator<Item = &'a Logged> {
        let behind = self.of(reader.topic).filter(|m| m.offset > reader.last);
        let there = behind.filter(|m| !m.is_lost);
        there.filter(|m| {
            let is_fresh = m
                .properties
                .expires
                .is_none_or(|expires| expires > self.now);
            is_fresh && self.wants(reader, m)
        })
    }

    fn wants(&self, reader: &Reader, m: &Logged) -> bool {
        let is_local = reader.except.is_some_and(|except| except == m.producer);
        !is_local && reader.color.is_none_or(|color| color == m.letter.color)
    }

    /// Nobody waits for what is there, unless a portion of the session is on its way.
    fn all_is_given(&self) {
        for (owner, reader) in &self.readers {
            let waits = reader.acknowledges || !self.paused.contains(&owner.0);
            let owed = self.owed(reader).next();
            assert!(!waits || owed.is_none(), "{reader:?} waits for {owed:?}");
        }
    }
}
