//! Subscriptions that begin in the history of their topic. They read its log, a portion at a time, until they have
//! caught up; then they get what is sent, and nothing was between.
//!
//! A session gets one portion at a time, whichever of its subscriptions it is for: the next when the driver says that
//! the last was sent. What acknowledges has a queue, which must have room for all of it at once; so that this is bounded
//! work, it is refused if it would have to look at too much.

use super::{Broker, send::direct};
use crate::{
    destination::{Destination, Kind},
    error::Refusal,
    history::{Histories, Position, Start},
    message::Payload,
    output::{Delivery, EndReason, Output},
    queue::{Amount, QueueKey},
    queues::Sent,
    session::{Reader, Route, SessionId},
    subscribe::{Filter, SlowConsumer, Subscribe, Subscribed},
    time::Timestamp,
    topic::Subscriber,
};

/// How a portion ended.
enum Portion {
    /// There is more to come.
    More,
    CaughtUp,
    /// What would be next is not kept any more.
    Overrun,
}

impl<M: Payload> Broker<M> {
    /// The driver has sent what was delivered before it was told [`Output::replay_paused`]: the session gets more of what
    /// its subscriptions replay.
    pub fn handle_replayed(
        &mut self,
        now: Timestamp,
        session_id: SessionId,
        output: &mut impl Output<M>,
    ) {
        let now = self.tick(now);
        let Some(session) = self.sessions.get_mut(&session_id) else {
            return;
        };
        if let Some(replays) = &mut session.replays {
            replays.is_paused = false;
        }
        self.replay(now, session_id, output);
        self.queues.flush(now, output);
    }

    /// Where a subscription begins, if it asks for that.
    pub(super) fn start(
        &self,
        topic: &Destination,
        subscribe: &Subscribe<'_>,
    ) -> Result<Option<Start>, Refusal> {
        let Some(from) = &subscribe.from else {
            return Ok(None);
        };
        if topic.kind() != Kind::Topic
            || topic.is_pattern()
            || subscribe.durable.is_some()
            || subscribe.browse
        {
            return Err(Refusal::ReplayUnsupported);
        }
        let mut start = self.histories.start(topic, from, self.settings.epoch);
        if self.settings.history(topic).is_none() {
            start.recovered = start.recovered.map(|_| false);
            start.has_retained = false;
        }
        Ok(Some(start))
    }

    /// What a subscription that was made is told. One that is durable has no place to come back with.
    pub(super) fn subscribed(
        &mut self,
        topic: &Destination,
        durable: Option<&str>,
        start: Option<Start>,
    ) -> Subscribed {
        self.histories.touch(topic);
        let has_place = topic.kind() == Kind::Topic
            && !topic.is_pattern()
            && durable.is_none()
            && self.settings.history(topic).is_some();
        let offset = match start {
            Some(start) => start.next - 1,
            None => self.histories.end(topic),
        };
        Subscribed {
            position: has_place.then_some(Position {
                epoch: self.settings.epoch,
                offset,
            }),
            recovered: start.and_then(|start| start.recovered),
        }
    }

    /// A subscription without a queue reads what is kept, or gets what is sent if that is nothing.
    pub(super) fn route_from(
        &mut self,
        topic: &Destination,
        subscriber: Subscriber,
        filter: Filter,
        slow: SlowConsumer,
        start: Option<Start>,
    ) -> Route {
        let Some(start) = start.filter(|start| start.next <= self.histories.end(topic)) else {
            self.topics.subscribe(topic, subscriber, filter);
            return Route::Topic(topic.clone());
        };
        if let Some(session) = self.sessions.get_mut(&subscriber.session) {
            let replays = session.replays.get_or_insert_default();
            replays.waiting.push_back(subscriber.subscription);
        }
        self.topics.begin_reading(topic);
        Route::Replay(Box::new(Reader {
            topic: topic.clone(),
            filter,
            next: start.next,
            slow,
        }))
    }

    /// Whether the queue of a subscription that acknowledges has room for all that it asks for, and that is not too much
    /// to look at.
    pub(super) fn check_replay(
        &self,
        now: Timestamp,
        session: SessionId,
        topic: &Destination,
        subscribe: &Subscribe<'_>,
        start: Start,
    ) -> Result<(), Refusal> {
        let serial = self.session(session)?.serial;
        let log = self.histories.log(topic);
        let looked_at = log.map_or(0, |log| log.len_from(start.next));
        if looked_at > self.settings.limits.replay_queued_messages_max {
            return Err(Refusal::ReplayTooLong);
        }
        let selector = subscribe.selector.as_ref();
        let mut all = Amount::default();
        if !start.has_retained {
            for kept in self.retained.matching(topic, now) {
                all.add(Amount {
                    messages: 1,
                    bytes: kept.properties.bytes,
                });
            }
        }
        for entry in log.iter().flat_map(|log| log.from(start.next)) {
            let is_local = subscribe.no_local && entry.producer == Some(serial);
            let is_wanted = !is_local && selector.is_none_or(|s| s.matches(&entry.message));
            if is_wanted && !entry.properties.is_expired(now) {
                all.add(Amount {
                    messages: 1,
                    bytes: entry.properties.bytes,
                });
            }
        }
        if self.queues.takes_for_topic(all) {
            Ok(())
        } else {
            Err(Refusal::ReplayTooLong)
        }
    }

    /// Puts what is kept into the queue of a new subscription, which was asked whether it has room.
    pub(super) fn enqueue_history(
        &mut self,
        now: Timestamp,
        topic: &Destination,
        key: QueueKey,
        start: Start,
        output: &mut impl Output<M>,
    ) {
        let Self {
            histories, queues, ..
        } = self;
        for entry in histories
            .log(topic)
            .iter()
            .flat_map(|log| log.from(start.next))
        {
            if !entry.properties.is_expired(now) {
                let sent = Sent {
                    message: &entry.message,
                    properties: &entry.properties,
                    producer: entry.producer,
                    offset: entry.offset(),
                };
                // There is room for all of them, as was checked.
                let _ = queues.enqueue_for_topic(now, key, sent, output);
            }
        }
    }

    /// The subscriptions of a session that replay get a portion, unless one is on its way.
    pub(super) fn replay(
        &mut self,
        now: Timestamp,
        session_id: SessionId,
        output: &mut impl Output<M>,
    ) {
        loop {
            let Some(session) = self.sessions.get_mut(&session_id) else {
                return;
            };
            let Some(replays) = session.replays.as_mut().filter(|r| !r.is_paused) else {
                return;
            };
            let Some(id) = replays.waiting.pop_front() else {
                session.replays = None;
                return;
            };
            let Some(Route::Replay(reader)) = session.route_mut(id) else {
                continue;
            };
            let subscriber = Subscriber {
                session: session_id,
                subscription: id,
            };
            let limits = (
                self.settings.limits.replay_messages_max,
                self.settings.limits.replay_bytes_max,
            );
            let (portion, delivered) =
                read(&self.histories, reader, subscriber, now, limits, output);
            let is_paused = delivered > 0 || matches!(portion, Portion::More);
            match portion {
                Portion::More => {}
                Portion::CaughtUp => self.join(subscriber),
                Portion::Overrun => {
                    self.end_subscription(now, session_id, id, output);
                    output.subscription_ended(session_id, id, EndReason::SlowConsumer);
                }
            }
            let Some(session) = self.sessions.get_mut(&session_id) else {
                return;
            };
            if is_paused {
                let replays = session.replays.get_or_insert_default();
                replays.is_paused = true;
                if matches!(portion, Portion::More) {
                    replays.waiting.push_back(id);
                }
                output.replay_paused(session_id);
            }
        }
    }

    /// A subscription has caught up: it gets what is sent from now on.
    fn join(&mut self, subscriber: Subscriber) {
        let Some(session) = self.sessions.get_mut(&subscriber.session) else {
            return;
        };
        let Some(route) = session.route_mut(subscriber.subscription) else {
            return;
        };
        if let Route::Replay(reader) = route {
            let (topic, filter) = (reader.topic.clone(), std::mem::take(&mut reader.filter));
            *route = Route::Topic(topic.clone());
            self.topics.subscribe(&topic, subscriber, filter);
            self.topics.end_reading(&topic);
        }
    }
}

/// Delivers a portion of what a subscription replays; and how many messages that were.
fn read<M: Payload>(
    histories: &Histories<M>,
    reader: &mut Reader,
    subscriber: Subscriber,
    now: Timestamp,
    (messages_max, bytes_max): (usize, usize),
    output: &mut impl Output<M>,
) -> (Portion, usize) {
    let gone = histories.gone(&reader.topic);
    if reader.next <= gone {
        if reader.slow == SlowConsumer::End {
            return (Portion::Overrun, 0);
        }
        reader.next = gone + 1;
    }
    let (mut looked_at, mut delivered, mut bytes) = (0, 0, 0_usize);
    let first = reader.next;
    let log = histories.log(&reader.topic);
    for entry in log.iter().flat_map(|log| log.from(first)) {
        let size = entry.properties.bytes;
        let is_wanted = !entry.properties.is_expired(now)
            && reader.filter.passes(&entry.message, entry.producer);
        let has_room = delivered == 0 || bytes.saturating_add(size) <= bytes_max;
        if looked_at >= messages_max.max(1) || is_wanted && !has_room {
            return (Portion::More, delivered);
        }
        looked_at += 1;
        reader.next = entry.offset + 1;
        if is_wanted {
            delivered += 1;
            bytes = bytes.saturating_add(size);
            let delivery = Delivery {
                offset: entry.offset(),
                ..direct(subscriber.subscription, &entry.message, false)
            };
            output.deliver(subscriber.session, delivery);
        }
    }
    (Portion::CaughtUp, delivered)
}
