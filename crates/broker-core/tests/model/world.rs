//! A broker and its model, and what is done to both.

use gumboot_broker_core::{
    AckMode, Broker, Credit, DeliveryId, Destination, Login, Nack, Properties, Retain, Send,
    SessionId, SlowConsumer, Subscribe as Subscribing, SubscriptionId, Timestamp, Usage,
};

use crate::{
    check::Check,
    commands::Subscribe,
    events::{COLORS, Letter, Record},
    model::{Model, Owner, Sent, Verdict},
    random::Random,
    restart::selector,
    setting::{self, DURABLES, PATTERNS, QUEUES, SESSIONS, TEMPORARY, TOPICS},
};

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) model: Model,
    pub(crate) broker: Broker<Letter>,
    pub(crate) check: Check,
    next_number: u32,
    trace: Option<Vec<String>>,
}

/// How many operations there are from one restart of the server to the next, about.
const RESTART_ONCE_IN: u64 = 500;

/// Transactions have these names.
const NAMES: [&str; 3] = ["t", "u", "v"];

impl World {
    pub(crate) fn new(seed: u64, is_traced: bool) -> Self {
        Self {
            random: Random::new(seed),
            model: Model::default(),
            broker: Broker::new(setting::settings()),
            check: Check::default(),
            next_number: 0,
            trace: is_traced.then(Vec::new),
        }
    }

    pub(crate) fn note(&mut self, text: impl FnOnce() -> String) {
        if self.trace.is_some() {
            println!("{} {}", self.model.now, text());
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.model.now)
    }

    /// Something happens.
    pub(crate) fn step(&mut self) {
        if self.random.once_in(RESTART_ONCE_IN) {
            self.restart();
        }
        let session = self.random.index(SESSIONS + 1);
        match self.random.below(100) {
            0..4 => self.connect(session),
            4 => self.disconnect(session),
            5..14 => self.subscribe(session),
            14..18 => self.unsubscribe(session),
            18 => self.forget_durable(session),
            19..52 => self.send(session),
            52..72 => self.acknowledge(),
            72..83 => self.driver_sent(),
            83..86 => self.driver_unsent(),
            86..90 => self.begin(session),
            90..94 => self.commit(session),
            94 => self.abort(session),
            _ => self.pass(),
        }
    }

    pub(crate) fn compare(&mut self, expected: bool, done: bool, record: Record) {
        assert_eq!(done, expected, "refused or not");
        assert!(
            done || record.events.is_empty() && record.changes.is_empty(),
            "refused, but {record:?}",
        );
        self.check
            .command(&mut self.model, &mut self.broker, record);
    }

    fn connect(&mut self, id: usize) {
        if self.model.sessions.contains_key(&id) {
            return;
        }
        self.connect_as(id, &format!("c{}", id % 2));
    }

    pub(crate) fn connect_as(&mut self, id: usize, client: &str) {
        let expected = self.model.connect(id, client);
        self.note(|| format!("connect {id}"));
        let serial = self
            .model
            .sessions
            .get(&id)
            .map_or(0, |session| session.serial);
        let login = Login {
            client: Some(client.into()),
            ..Login::anonymous(format!("s{serial}"))
        };
        let done = self.broker.handle_connect(SessionId(id), login).is_ok();
        self.compare(expected, done, Record::default());
    }

    pub(crate) fn disconnect(&mut self, id: usize) {
        self.note(|| format!("disconnect {id}"));
        self.model.disconnect(id);
        let mut record = Record::default();
        self.broker
            .handle_disconnect(self.now(), SessionId(id), &mut record);
        self.compare(true, true, record);
        self.check.forget_session(id);
    }

    fn subscribe(&mut self, id: usize) {
        let random = &mut self.random;
        let is_topic = random.once_in(2);
        let destination = match random.below(6) {
            0 if !is_topic => self.own_temporary(id),
            _ if !is_topic => random.pick(&QUEUES).to_owned(),
            0..4 => random.pick(&TOPICS).to_owned(),
            _ => random.pick(&PATTERNS).to_owned(),
        };
        let random = &mut self.random;
        let durables = if is_topic { 3 } else { 20 };
        let browses = if is_topic { 40 } else { 6 };
        let wanted = Subscribe {
            destination,
            ack: random.pick(&[AckMode::Auto, AckMode::Client, AckMode::ClientIndividual]),
            credit: (1 + random.index(4), random.pick(&[12, 25, 1000])),
            color: random.once_in(4).then(|| random.index(COLORS.len())),
            no_local: random.once_in(6),
            exclusive: random.once_in(10),
            browse: random.once_in(browses),
            durable: random.once_in(durables).then(|| random.pick(&DURABLES)),
            drop_oldest: random.once_in(2),
        };
        self.subscribe_as(id, &wanted);
    }

    pub(crate) fn subscribe_as(&mut self, id: usize, wanted: &Subscribe) {
        self.note(|| format!("subscribe {id} {wanted:?}"));
        let subscription = self.model.subscribe(id, wanted);
        let next = self
            .model
            .sessions
            .get(&id)
            .map_or(1, |session| session.next_subscription);
        let destination = setting::parse(&wanted.destination);
        let subscribing = Subscribing {
            ack: wanted.ack,
            credit: Some(Credit {
                messages: wanted.credit.0,
                bytes: wanted.credit.1,
            }),
            selector: wanted.color.map(selector),
            no_local: wanted.no_local,
            exclusive: wanted.exclusive,
            browse: wanted.browse,
            durable: wanted.durable,
            slow: if wanted.drop_oldest {
                SlowConsumer::DropOldest
            } else {
                SlowConsumer::End
            },
            ..Subscribing::new(&destination)
        };
        let id_there = SubscriptionId(subscription.unwrap_or(next));
        let (now, mut record) = (self.now(), Record::default());
        let done =
            self.broker
                .handle_subscribe(now, SessionId(id), id_there, subscribing, &mut record);
        self.compare(subscription.is_some(), done.is_ok(), record);
    }

    fn unsubscribe(&mut self, id: usize) {
        let session = self.model.sessions.get(&id);
        let ids: Vec<u32> = session.map_or(vec![1], |s| {
            s.subscriptions.keys().copied().chain([99]).collect()
        });
        let subscription = self.random.pick(&ids);
        self.note(|| format!("unsubscribe {id} {subscription}"));
        let expected = self.model.end_subscription((id, subscription));
        let (now, mut record) = (self.now(), Record::default());
        let id = (SessionId(id), SubscriptionId(subscription));
        let done = self.broker.handle_unsubscribe(now, id.0, id.1, &mut record);
        self.compare(expected, done.is_ok(), record);
    }

    fn forget_durable(&mut self, id: usize) {
        let name = self.random.pick(&DURABLES);
        self.note(|| format!("forget {id} {name}"));
        let expected = self.model.forget_durable(id, name);
        let (now, mut record) = (self.now(), Record::default());
        let done = self
            .broker
            .handle_forget_durable(now, SessionId(id), name, &mut record);
        self.compare(expected, done.is_ok(), record);
    }

    fn own_temporary(&self, id: usize) -> String {
        let serial = self
            .model
            .sessions
            .get(&id)
            .map_or(0, |session| session.serial);
        TEMPORARY.replace("mine", &format!("@s{serial}/mine"))
    }

    fn send(&mut self, id: usize) {
        self.next_number += 1;
        let to = match self.random.below(12) {
            0 => self.own_temporary(id),
            1 => {
                let other = self.random.index(SESSIONS + 1);
                self.own_temporary(other)
            }
            2..8 => self.random.pick(&QUEUES).to_owned(),
            _ => self.random.pick(&TOPICS).to_owned(),
        };
        let random = &mut self.random;
        let sent = Sent {
            number: self.next_number,
            color: random.index(COLORS.len()),
            bytes: 1 + random.index(12),
            priority: if random.once_in(3) {
                random.below(10) as u8
            } else {
                4
            },
            expires: random.once_in(8).then(|| self.model.now + random.below(12)),
            delay: if random.once_in(8) {
                1 + random.below(9)
            } else {
                0
            },
            group: random.once_in(4).then(|| random.below(3) as u8),
            retain: match random.below(12) {
                0 => Retain::Keep,
                1 => Retain::Clear,
                _ => Retain::No,
            },
            producer: self
                .model
                .sessions
                .get(&id)
                .map_or(0, |session| session.serial),
        };
        let transaction = random.once_in(5).then(|| random.pick(&NAMES));
        self.note(|| format!("send {id} {to} {sent:?} {transaction:?}"));
        let expected = self.model.send(id, &to, &sent, transaction);
        let properties = Properties {
            bytes: sent.bytes,
            priority: sent.priority,
            expires: sent.expires.map(Timestamp::from_millis),
            delay_ms: sent.delay,
            group: sent.group.map(|group| group.to_string().into()),
            retain: sent.retain,
            ..Properties::default()
        };
        // A session calls its own temporary queue by the short name, too.
        let is_own = to == self.own_temporary(id) && self.random.once_in(2);
        let destination = setting::parse(if is_own { TEMPORARY } else { &to });
        let letter = Letter {
            number: sent.number,
            color: sent.color,
        };
        let send = Send {
            destination: &destination,
            message: &letter,
            properties: &properties,
            transaction,
        };
        let (now, mut record) = (self.now(), Record::default());
        let done = self
            .broker
            .handle_send(now, SessionId(id), &send, &mut record);
        self.compare(expected, done.is_ok(), record);
    }

    /// A delivery that somebody has, mostly, and the delivery after it otherwise.
    fn delivery(&mut self) -> (Owner, u64) {
        let leases = self.model.queues.iter().flat_map(|queue| {
            let looked = queue
                .consumers
                .iter()
                .filter_map(|c| Some((c.owner, c.browse.as_ref()?)));
            let seen = looked.flat_map(|(owner, b)| b.seen.iter().map(move |(n, _)| (owner, *n)));
            let leased = queue.messages.iter().filter_map(|m| m.lease());
            leased.map(|lease| (lease.owner, lease.number)).chain(seen)
        });
        let all: Vec<_> = leases.collect();
        if all.is_empty() {
            return ((0, 1), 1);
        }
        let (owner, number) = self.random.pick(&all);
        (owner, number + u64::from(self.random.once_in(15)))
    }

    fn acknowledge(&mut self) {
        let (owner, number) = self.delivery();
        let random = &mut self.random;
        let transaction = random.once_in(5).then(|| random.pick(&NAMES));
        let verdict = match random.below(8) {
            0 => Verdict::Refuse,
            1 => Verdict::Requeue(1 + random.below(9)),
            2 | 3 => Verdict::Requeue(0),
            _ => Verdict::Acknowledge,
        };
        self.note(|| format!("{verdict:?} {owner:?} {number} {transaction:?}"));
        let expected = self.model.acknowledge(owner, number, verdict, transaction);
        let (now, mut record) = (self.now(), Record::default());
        let (session, id) = (SessionId(owner.0), delivery_id(owner, number));
        let nack = |requeue, delay_ms| Nack { requeue, delay_ms };
        let done = match verdict {
            Verdict::Acknowledge => {
                self.broker
                    .handle_ack(now, session, id, transaction, &mut record)
            }
            Verdict::Requeue(delay) => {
                let nack = nack(true, delay);
                self.broker
                    .handle_nack(now, session, id, nack, transaction, &mut record)
            }
            Verdict::Refuse | Verdict::Lose => {
                let nack = nack(false, 0);
                self.broker
                    .handle_nack(now, session, id, nack, transaction, &mut record)
            }
        };
        self.compare(expected, done.is_ok(), record);
    }

    fn driver_sent(&mut self) {
        let (owner, number) = self.delivery();
        self.sent_as(owner, number);
    }

    pub(crate) fn sent_as(&mut self, owner: Owner, number: u64) {
        self.note(|| format!("sent {owner:?} {number}"));
        self.model.driver_sent(owner, number);
        let (now, mut record) = (self.now(), Record::default());
        self.broker.handle_sent(
            now,
            SessionId(owner.0),
            delivery_id(owner, number),
            &mut record,
        );
        self.compare(true, true, record);
    }

    fn driver_unsent(&mut self) {
        let (owner, number) = self.delivery();
        self.note(|| format!("unsent {owner:?} {number}"));
        self.model.driver_unsent(owner, number);
        self.broker
            .handle_unsent(SessionId(owner.0), delivery_id(owner, number));
        self.compare(true, true, Record::default());
    }

    fn begin(&mut self, id: usize) {
        let name = self.random.pick(&NAMES);
        self.note(|| format!("begin {id} {name}"));
        let expected = self.model.begin(id, name);
        let done = self
            .broker
            .handle_begin(self.now(), SessionId(id), name)
            .is_ok();
        self.compare(expected, done, Record::default());
    }

    fn commit(&mut self, id: usize) {
        let name = self.random.pick(&NAMES);
        self.note(|| format!("commit {id} {name}"));
        let expected = self.model.commit(id, name);
        let (now, mut record) = (self.now(), Record::default());
        let done = self
            .broker
            .handle_commit(now, SessionId(id), name, &mut record);
        self.compare(expected, done.is_ok(), record);
    }

    fn abort(&mut self, id: usize) {
        let name = self.random.pick(&NAMES);
        self.note(|| format!("abort {id} {name}"));
        let expected = self.model.abort(id, name);
        let done = self
            .broker
            .handle_abort(self.now(), SessionId(id), name)
            .is_ok();
        self.compare(expected, done, Record::default());
    }

    fn pass(&mut self) {
        let time = self.random.pick(&[1, 1, 2, 5, 40]);
        self.pass_by(time);
    }

    pub(crate) fn pass_by(&mut self, time: u64) {
        self.note(|| format!("pass {time}"));
        self.model.pass(time);
        let (now, mut record) = (self.now(), Record::default());
        self.broker.handle_timeout(now, &mut record);
        self.compare(true, true, record);
    }

    /// What is there is delivered by another broker. Then all leave, queues are emptied, and nothing is left.
    pub(crate) fn end(&mut self) {
        self.restart();
        self.drain();
        (0..=SESSIONS).for_each(|id| self.disconnect(id));
        self.model.pass(1000);
        let (now, mut record) = (self.now(), Record::default());
        self.broker.handle_timeout(now, &mut record);
        self.compare(true, true, record);
        let mut record = Record::default();
        let last = SessionId(9);
        for client in ["c0", "c1"] {
            let login = Login {
                client: Some(client.into()),
                ..Login::anonymous(client)
            };
            self.broker
                .handle_connect(last, login)
                .expect("there is room");
            for name in DURABLES {
                let _ = self
                    .broker
                    .handle_forget_durable(now, last, name, &mut record);
            }
            for (id, name) in (0..).zip(QUEUES) {
                let subscribing = Subscribing::new(leak(name));
                let id = SubscriptionId(id);
                let done = self
                    .broker
                    .handle_subscribe(now, last, id, subscribing, &mut record);
                done.expect("there is room");
                self.broker
                    .handle_sent(now, last, delivery_id((9, id.0), 100), &mut record);
            }
            for topic in TOPICS {
                let properties = Properties {
                    retain: Retain::Clear,
                    ..Properties::default()
                };
                let send = Send {
                    destination: leak(topic),
                    message: &Letter {
                        number: 0,
                        color: 0,
                    },
                    properties: &properties,
                    transaction: None,
                };
                self.broker
                    .handle_send(now, last, &send, &mut record)
                    .expect("it is a topic");
            }
            self.broker.handle_disconnect(now, last, &mut record);
        }
        self.check.shadow.apply(now, record.changes);
        assert!(self.check.shadow.is_empty(), "{:?}", self.check.shadow);
        assert_eq!(self.broker.usage(), Usage::default(), "something is left");
        assert_eq!(self.broker.poll_timeout(), None);
    }
}

fn delivery_id(owner: Owner, number: u64) -> DeliveryId {
    DeliveryId {
        subscription: SubscriptionId(owner.1),
        number,
    }
}

/// The few names of this world live as long as the program.
fn leak(name: &str) -> &'static Destination {
    Box::leak(Box::new(setting::parse(name)))
}
