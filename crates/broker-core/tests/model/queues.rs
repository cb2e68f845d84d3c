//! What happens in queues, by the model.

use gumboot_broker_core::{AckMode, Overflow, Retain, Settled};

use crate::{
    events::Event,
    model::{Message, Model, Owner, Queue, Route, Sent, State, Verdict},
    setting::{self, DEAD, DELIVERIES_MAX, RETAINED_MAX, covers},
};

impl Model {
    pub(crate) fn open(&mut self, key: &str) -> &mut Queue {
        if self.queue(key).is_none() {
            self.queues.push(setting::queue(key));
        }
        self.queue(key).expect("it is there now")
    }

    /// Nothing waits in a queue any more.
    pub(crate) fn close(&mut self, index: usize) {
        self.queues[index].closed = true;
        while let Some(waiting) = self.queues[index]
            .messages
            .iter()
            .position(|m| m.lease().is_none())
        {
            self.settle(index, waiting, Settled::Discarded);
        }
    }

    pub(crate) fn enqueue(&mut self, key: &str, sent: &Sent) {
        if self.open(key).overflow == Overflow::DropOldest {
            self.make_room(key, sent.bytes);
        }
        self.push(key, sent);
    }

    fn push(&mut self, key: &str, sent: &Sent) {
        let (uid, order, now) = (self.next(), self.next(), self.now);
        self.expected
            .enqueued
            .push((key.to_owned(), sent.number, uid));
        let state = match sent.delay {
            0 => State::Ready,
            delay => State::Delayed(now + delay, true),
        };
        self.open(key).messages.push(Message {
            uid,
            sent: sent.clone(),
            order,
            deliveries: 0,
            redelivered: false,
            state,
        });
    }

    fn make_room(&mut self, key: &str, bytes: usize) -> bool {
        let queue = self.open(key);
        let (count, leased_bytes) = queue.leased();
        if count + 1 > queue.messages_max || leased_bytes + bytes > queue.bytes_max {
            return false;
        }
        while !self.open(key).fits(bytes) {
            let index = self
                .queues
                .iter()
                .position(|q| q.key == key && !q.closed)
                .expect("open");
            let waiting = self.queues[index].messages.iter().enumerate();
            // Those that are ready first; of these the least important, the oldest.
            let least = waiting
                .filter(|(_, m)| m.lease().is_none())
                .min_by_key(|(_, m)| match m.state {
                    State::Delayed(due, _) => (1, 0, due, m.uid),
                    _ => (0, m.sent.priority, m.order, 0),
                });
            let least = least.expect("what is leased fits").0;
            self.settle(index, least, Settled::Dropped);
        }
        true
    }

    pub(crate) fn decide(&mut self, owner: Owner, numbers: &[u64], verdict: Verdict) {
        let is_auto = self.ack_mode(owner).is_none_or(|ack| ack == AckMode::Auto);
        for number in numbers {
            let Some(queue) = self.queue_of(owner) else {
                return;
            };
            let mine = |m: &Message| {
                m.lease()
                    .is_some_and(|l| l.owner == owner && l.number == *number)
            };
            let Some(index) = self.queues[queue].messages.iter().position(mine) else {
                continue;
            };
            match verdict {
                Verdict::Acknowledge => drop(self.settle(queue, index, Settled::Acknowledged)),
                Verdict::Refuse => self.bury(queue, index),
                Verdict::Requeue(delay) => {
                    self.queues[queue].messages[index].redelivered = true;
                    self.bring_back(queue, index, delay);
                }
                Verdict::Lose => {
                    let message = &mut self.queues[queue].messages[index];
                    let is_unsent = message.lease().is_some_and(|lease| lease.is_unsent);
                    message.deliveries -= u32::from(is_auto || is_unsent);
                    message.redelivered |= !is_unsent;
                    if !message.redelivered {
                        self.unsent.push(message.uid);
                    }
                    self.bring_back(queue, index, 0);
                }
            }
        }
    }

    fn bring_back(&mut self, queue: usize, index: usize, delay: u64) {
        let now = self.now;
        let closed = self.queues[queue].closed;
        let is_grave = self.queues[queue].key == DEAD;
        let message = &mut self.queues[queue].messages[index];
        if closed {
            self.settle(queue, index, Settled::Discarded);
        } else if message.deliveries >= DELIVERIES_MAX && !is_grave {
            self.bury(queue, index);
        } else if delay > 0 {
            message.state = State::Delayed(now + delay, false);
        } else {
            message.state = State::Ready;
        }
    }

    fn bury(&mut self, queue: usize, index: usize) {
        if self.queues[queue].key == DEAD {
            self.settle(queue, index, Settled::Discarded);
            return;
        }
        let message = self.settle(queue, index, Settled::Dead);
        let sent = Sent {
            expires: None,
            delay: 0,
            group: None,
            ..message.sent
        };
        if self.make_room(DEAD, sent.bytes) {
            self.push(DEAD, &sent);
        } else if let Some(last) = self
            .expected
            .settled
            .iter_mut()
            .rfind(|s| s.1 == message.uid)
        {
            last.2 = Settled::Dropped;
        }
    }

    /// A message that is due goes to everyone who wants it.
    pub(crate) fn publish(&mut self, topic: &str, sent: &Sent) {
        if sent.expires.is_some_and(|expires| expires <= self.now) {
            return;
        }
        match sent.retain {
            Retain::No => {}
            Retain::Keep => {
                self.retained.remove(topic);
                if self.retained.len() < RETAINED_MAX {
                    self.retained.insert(topic.to_owned(), sent.clone());
                }
            }
            Retain::Clear => drop(self.retained.remove(topic)),
        }
        for (id, session) in &self.sessions {
            for (subscription, route) in &session.subscriptions {
                if let Route::Topic(pattern, filter) = route
                    && covers(pattern, topic)
                    && filter.passes(sent)
                {
                    let event = Event::Direct(*id, *subscription, sent.number, false);
                    self.expected.events.push(event);
                }
            }
        }
        let bound = self.queues.iter().filter(|queue| {
            let binding = queue.binding.as_ref().filter(|_| !queue.closed);
            binding.is_some_and(|b| covers(&b.topic, topic) && b.filter.passes(sent))
        });
        let keys: Vec<_> = bound.map(|queue| queue.key.clone()).collect();
        for key in keys {
            self.enqueue_for_topic(&key, sent, true);
        }
    }

    pub(crate) fn enqueue_for_topic(&mut self, key: &str, sent: &Sent, may_end: bool) {
        let queue = self.open(key);
        let ends = queue.binding.as_ref().and_then(|binding| binding.ends);
        if let Some(owner) = ends.filter(|_| !queue.fits(sent.bytes)) {
            if may_end {
                self.end_subscription(owner);
                self.expected
                    .events
                    .push(Event::SubscriptionEnded(owner.0, owner.1));
            }
        } else if self.make_room(key, sent.bytes) {
            let sent = Sent {
                delay: 0,
                ..sent.clone()
            };
            self.push(key, &sent);
        }
    }

    /// Whether there was one.
    pub(crate) fn end_subscription(&mut self, owner: Owner) -> bool {
        let session = self.sessions.get_mut(&owner.0);
        let route = session.and_then(|session| session.subscriptions.remove(&owner.1));
        let Some(route) = route else {
            return false;
        };
        if let Route::Queue(key, ack) = route {
            let looks = self.stop(owner);
            if let Some(session) = self.sessions.get_mut(&owner.0) {
                session.ended.push((owner.1, key.clone(), ack));
            }
            if ack == AckMode::Auto && !looks {
                self.lose(owner);
            } else {
                self.lose_unsent(owner);
            }
            self.forget_temporary(&key);
        }
        true
    }

    /// A temporary queue that is empty and that nobody uses is gone.
    fn forget_temporary(&mut self, key: &str) {
        if key.starts_with("/temp-queue")
            && let Some(queue) = self.queue(key)
        {
            queue.closed = queue.messages.is_empty() && queue.consumers.is_empty();
        }
    }

    /// A consumer takes no more; gives whether it only looked.
    pub(crate) fn stop(&mut self, owner: Owner) -> bool {
        let takes = |queue: &Queue| queue.consumers.iter().position(|c| c.owner == owner);
        let found = self
            .queues
            .iter()
            .enumerate()
            .find_map(|(i, q)| Some((i, takes(q)?)));
        let (index, position) = found.expect("a standing consumer has a queue");
        let queue = &mut self.queues[index];
        let consumer = queue.consumers.remove(position);
        queue.groups.retain(|_, other| *other != owner);
        if queue.key.starts_with("private") {
            self.close(index);
        }
        consumer.browse.is_some()
    }

    /// The driver has not sent a delivery, and will not.
    pub(crate) fn driver_unsent(&mut self, owner: Owner, number: u64) {
        let messages = self.queues.iter_mut().flat_map(|queue| &mut queue.messages);
        for message in messages {
            if let State::Leased(lease) = &mut message.state
                && (lease.owner, lease.number) == (owner, number)
            {
                lease.is_unsent = true;
            }
        }
    }

    fn lose_unsent(&mut self, owner: Owner) {
        if let Some(queue) = self.queue_of(owner) {
            let leases = self.queues[queue].leases(owner);
            let unsent = leases
                .iter()
                .filter(|(lease, _)| lease.is_unsent && lease.held.is_none());
            let numbers: Vec<_> = unsent.map(|(lease, _)| lease.number).collect();
            self.decide(owner, &numbers, Verdict::Lose);
        }
    }

    /// All that a consumer has comes back.
    pub(crate) fn lose(&mut self, owner: Owner) {
        if let Some(queue) = self.queue_of(owner) {
            let leases = self.queues[queue].leases(owner);
            let numbers: Vec<_> = leases.iter().map(|(lease, _)| lease.number).collect();
            self.decide(owner, &numbers, Verdict::Lose);
        }
    }

    /// What is over is gone.
    pub(crate) fn expire(&mut self) {
        let now = self.now;
        for queue in 0..self.queues.len() {
            let is_over = |m: &Message| {
                m.lease().is_none() && m.sent.expires.is_some_and(|expires| expires <= now)
            };
            while let Some(index) = self.queues[queue].messages.iter().position(is_over) {
                self.settle(queue, index, Settled::Expired);
            }
        }
    }
}
