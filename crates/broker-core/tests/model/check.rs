//! The broker against the model, after each command.

use std::collections::{BTreeMap, BTreeSet};

use gumboot_broker_core::{Broker, Settled, Timestamp};

use crate::{
    events::{Event, Leased, Letter, Record},
    model::{Expected, Lease, Model, Owner, Route, State},
    restart,
    setting::{RETAINED_MAX, SCHEDULED_MAX},
    shadow::Shadow,
};

/// What cannot be predicted: who of several gets a message. It must be somebody who may.
#[derive(Debug, Default)]
pub(crate) struct Check {
    /// The number of the last delivery of each subscription.
    pub(crate) last: BTreeMap<Owner, u64>,
    /// The messages that somebody got.
    pub(crate) delivered: BTreeSet<u64>,
    pub(crate) shadow: Shadow,
    pub(crate) deliveries: u64,
    pub(crate) redeliveries: u64,
    pub(crate) dead: u64,
    pub(crate) restarts: u64,
}

impl Check {
    /// The record of a command is what the model expects of it.
    pub(crate) fn command(
        &mut self,
        model: &mut Model,
        broker: &mut Broker<Letter>,
        mut record: Record,
    ) {
        let now = Timestamp::from_millis(model.now);
        while broker
            .poll_timeout()
            .is_some_and(|deadline| deadline <= now)
        {
            broker.handle_timeout(now, &mut record);
        }
        model.expire();
        self.changes(model, &record);
        for event in &record.events {
            match event {
                Event::Leased(leased) => self.lease(model, leased),
                Event::BrowseEnded(session, subscription) => {
                    browse_ended(model, (*session, *subscription));
                }
                _ => {}
            }
        }
        model.sweep();
        all_is_given(model);
        bounds(model);
        usage(model, broker);
        let changes = std::mem::take(&mut record.changes);
        self.shadow.apply(now, changes);
        restart::compare(model, &self.shadow);
    }

    /// All that can be predicted.
    fn changes(&mut self, model: &mut Model, record: &Record) {
        for uid in model.unsent.drain(..) {
            self.delivered.remove(&uid);
        }
        let Expected {
            mut events,
            mut enqueued,
            settled,
        } = std::mem::take(&mut model.expected);
        let mut ids = record.ids.clone();
        ids.sort_by(|a, b| (&a.0, a.2).cmp(&(&b.0, b.2)));
        enqueued.sort_by(|a, b| (&a.0, a.2).cmp(&(&b.0, b.2)));
        let numbers = |list: &[(String, u32, u64)]| -> Vec<(String, u32)> {
            list.iter()
                .map(|(key, number, _)| (key.clone(), *number))
                .collect()
        };
        assert_eq!(numbers(&ids), numbers(&enqueued), "enqueued");
        model.ids.extend(
            enqueued
                .iter()
                .zip(&ids)
                .map(|(ours, theirs)| (ours.2, theirs.2)),
        );
        for (key, uid, how) in settled {
            let id = model
                .ids
                .remove(&uid)
                .expect("what is settled was enqueued");
            self.delivered.remove(&uid);
            self.dead += u64::from(how == Settled::Dead);
            events.push(Event::Settled(key, id, how));
        }
        let is_predicted = |event: &&Event| {
            !matches!(
                event,
                Event::Leased(_) | Event::BrowseEnded(..) | Event::Enqueued(..)
            )
        };
        assert_eq!(direct(&record.events), direct(&events), "in order");
        let found: Vec<_> = record.events.iter().filter(is_predicted).collect();
        assert_eq!(
            sorted(found),
            sorted(events.iter().collect()),
            "what happened"
        );
    }

    /// A message goes to a consumer that may have it now, and to which no other comes first.
    fn lease(&mut self, model: &mut Model, leased: &Leased) {
        let owner = (leased.session, leased.id.subscription.0);
        let number = leased.id.number;
        let last = self.last.insert(owner, number).unwrap_or(0);
        assert!(
            number > last && (number == last + 1 || number == 1 || last == 0),
            "{leased:?}"
        );
        let takes =
            |queue: &&mut crate::model::Queue| queue.consumers.iter().any(|c| c.owner == owner);
        let queue = model
            .queues
            .iter_mut()
            .find(takes)
            .expect("nobody gets what did not subscribe");
        let consumer = queue
            .consumers
            .iter()
            .find(|c| c.owner == owner)
            .expect("found before")
            .clone();
        if let Some(browse) = &consumer.browse {
            let ready = queue.messages.iter().filter(|m| m.state == State::Ready);
            let mut next: Vec<_> = ready
                .filter(|m| consumer.filter.passes(&m.sent))
                .filter(|m| browse.last.is_none_or(|last| m.rank() > last))
                .collect();
            next.sort_by_key(|m| m.rank());
            let mut next = next.into_iter();
            let message = next.find(|m| {
                let is_old = m.order < browse.since && !m.redelivered;
                is_old || m.sent.number == leased.number
            });
            let message = message.expect("there is something to look at");
            assert_eq!(message.sent.number, leased.number);
            assert!(
                queue.has_credit(&consumer, message.sent.bytes),
                "{leased:?}"
            );
            let seen = (number, message.sent.bytes);
            let rank = message.rank();
            let found = queue.consumers.iter_mut().find(|c| c.owner == owner);
            let browse = found.and_then(|c| c.browse.as_mut()).expect("found before");
            assert!(!browse.is_over);
            browse.seen.push(seen);
            browse.last = Some(rank);
            return;
        }
        let first = queue
            .first_for(&consumer)
            .expect("there is something for it");
        assert_eq!(
            first.sent.number, leased.number,
            "{leased:?} before {first:?}"
        );
        assert!(
            queue.has_credit(&consumer, first.sent.bytes),
            "{leased:?} without credit"
        );
        let uid = first.uid;
        let group = first.sent.group;
        queue.groups.extend(group.map(|group| (group, owner)));
        let message = queue
            .messages
            .iter_mut()
            .find(|m| m.uid == uid)
            .expect("found before");
        message.deliveries += 1;
        assert_eq!(
            (leased.deliveries, leased.redelivered),
            (message.deliveries, message.redelivered)
        );
        assert_eq!(
            leased.redelivered,
            !self.delivered.insert(uid),
            "twice, or not even once"
        );
        message.state = State::Leased(Lease {
            owner,
            number,
            held: None,
            is_unsent: false,
        });
        self.deliveries += 1;
        self.redeliveries += u64::from(leased.redelivered);
    }

    /// A session is gone, and its number may be another's.
    pub(crate) fn forget_session(&mut self, session: usize) {
        self.last.retain(|owner, _| owner.0 != session);
    }
}

/// What each subscription got straight from a topic, in order.
fn direct(events: &[Event]) -> BTreeMap<Owner, Vec<u32>> {
    let mut got: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for event in events {
        if let Event::Direct(session, subscription, number, _) = event {
            got.entry((*session, *subscription))
                .or_default()
                .push(*number);
        }
    }
    got
}

fn sorted(mut events: Vec<&Event>) -> Vec<String> {
    let mut texts: Vec<_> = events.drain(..).map(|event| format!("{event:?}")).collect();
    texts.sort_unstable();
    texts
}

fn browse_ended(model: &mut Model, owner: Owner) {
    let consumers = model
        .queues
        .iter_mut()
        .flat_map(|queue| &mut queue.consumers);
    let mut found = consumers.filter(|c| c.owner == owner);
    let browse = found
        .next()
        .and_then(|c| c.browse.as_mut())
        .expect("only browsers see an end");
    assert!(!browse.is_over);
    browse.is_over = true;
}

/// Nobody with credit waits for what is there.
fn all_is_given(model: &Model) {
    for queue in &model.queues {
        for consumer in &queue.consumers {
            if let Some(browse) = &consumer.browse {
                assert!(
                    browse.is_over || !browse.seen.is_empty(),
                    "{consumer:?} sees nothing"
                );
            } else if let Some(first) = queue.first_for(consumer) {
                let waits = queue.has_credit(consumer, first.sent.bytes);
                assert!(!waits, "{consumer:?} waits for {first:?}");
            }
        }
    }
}

fn bounds(model: &Model) {
    assert!(model.retained.len() <= RETAINED_MAX && model.scheduled.len() <= SCHEDULED_MAX);
    for queue in &model.queues {
        assert!(queue.messages.len() <= queue.messages_max && queue.bytes() <= queue.bytes_max);
    }
}

/// Both have the same number of everything.
fn usage(model: &Model, broker: &Broker<Letter>) {
    let usage = broker.usage();
    let sessions = || model.sessions.values();
    assert_eq!(usage.sessions, model.sessions.len());
    let routes = || sessions().flat_map(|session| session.subscriptions.values());
    assert_eq!(usage.subscriptions, routes().count());
    let consumers: usize = model.queues.iter().map(|queue| queue.consumers.len()).sum();
    let ended: usize = sessions().map(|session| session.ended.len()).sum();
    assert_eq!(usage.consumers, consumers + ended);
    let direct = routes().filter_map(|route| match route {
        Route::Topic(topic, _) => Some(topic),
        Route::Queue(..) => None,
    });
    let bound = model.queues.iter().filter(|queue| !queue.closed);
    let bound = bound.filter_map(|queue| queue.binding.as_ref().map(|b| &b.topic));
    assert_eq!(
        usage.topics,
        direct.chain(bound).collect::<BTreeSet<_>>().len()
    );
    assert_eq!(usage.queues, model.queues.len(), "{:?}", model.queues);
    assert_eq!(
        usage.queued,
        model
            .queues
            .iter()
            .map(|queue| queue.messages.len())
            .sum::<usize>()
    );
    assert_eq!(
        usage.queued_bytes,
        model
            .queues
            .iter()
            .map(|queue| queue.bytes())
            .sum::<usize>()
    );
    let of_topics = model.queues.iter().filter(|q| !q.key.starts_with('/'));
    assert_eq!(
        usage.durable_bytes,
        of_topics.map(|queue| queue.bytes()).sum::<usize>()
    );
    assert_eq!(usage.retained, model.retained.len());
    assert_eq!(usage.scheduled, model.scheduled.len());
    assert_eq!(usage.transactions_bytes, model.transactions_bytes());
    assert_eq!(
        usage.transactions,
        sessions()
            .map(|session| session.transactions.len())
            .sum::<usize>()
    );
}
