//! What clients do, by the model: whether it is refused, and what follows.

use std::collections::BTreeMap;

use gumboot_broker_core::{AckMode, Overflow, Retain};

use crate::{
    events::Event,
    model::{
        Binding, Browse, Consumer, Filter, Model, Operation, Owner, Route, Sent, Session, State,
        Transaction, Verdict,
    },
    setting::{RETAINED_MAX, SCHEDULED_MAX, SESSIONS, SUBSCRIPTIONS_MAX, covers},
};

/// A SUBSCRIBE.
#[derive(Debug, Clone)]
pub(crate) struct Subscribe {
    pub(crate) destination: String,
    pub(crate) ack: AckMode,
    pub(crate) credit: (usize, usize),
    pub(crate) color: Option<usize>,
    pub(crate) no_local: bool,
    pub(crate) exclusive: bool,
    pub(crate) browse: bool,
    pub(crate) durable: Option<&'static str>,
    pub(crate) drop_oldest: bool,
}

/// Whether a destination is a queue.
pub(crate) fn is_queue(destination: &str) -> bool {
    !destination.starts_with("/topic")
}

impl Model {
    pub(crate) fn connect(&mut self, id: usize, client: &str) -> bool {
        if self.sessions.len() >= SESSIONS {
            return false;
        }
        let session = Session {
            serial: self.next(),
            client: client.to_owned(),
            subscriptions: BTreeMap::new(),
            ended: Vec::new(),
            next_subscription: 1,
            transactions: Vec::new(),
        };
        self.sessions.insert(id, session);
        true
    }

    pub(crate) fn disconnect(&mut self, id: usize) {
        let Some(session) = self.sessions.get(&id).cloned() else {
            return;
        };
        for (subscription, route) in &session.subscriptions {
            if matches!(route, Route::Queue(..)) {
                self.stop((id, *subscription));
            }
        }
        let ended = session.ended.iter().map(|(id, ..)| *id);
        for subscription in ended.chain(session.subscriptions.keys().copied()) {
            self.lose((id, subscription));
        }
        self.sessions.remove(&id);
        let own = format!("@s{}/", session.serial);
        if let Some(index) = self
            .queues
            .iter()
            .position(|queue| queue.key.contains(&own))
        {
            self.close(index);
        }
    }

    /// Gives the number of the subscription if it is not refused.
    pub(crate) fn subscribe(&mut self, id: usize, wanted: &Subscribe) -> Option<u32> {
        let session = self.sessions.get(&id)?;
        if session.subscriptions.len() + session.ended.len() >= SUBSCRIPTIONS_MAX {
            return None;
        }
        let owner = (id, session.next_subscription);
        let client = session.client.clone();
        let filter = Filter {
            except: wanted.no_local.then_some(session.serial),
            color: wanted.color,
        };
        let route = if is_queue(&wanted.destination) {
            if wanted.durable.is_some() {
                return None;
            }
            self.consume(owner, &wanted.destination, wanted, filter);
            Route::Queue(wanted.destination.clone(), wanted.ack)
        } else if wanted.browse {
            return None;
        } else if let Some(name) = wanted.durable {
            let key = format!("durable {client} {name}");
            self.subscribe_durable(owner, &key, wanted, filter)?;
            Route::Queue(key, wanted.ack)
        } else if wanted.ack == AckMode::Auto {
            for sent in self.retained_for(&wanted.destination) {
                if filter.passes(&sent) {
                    let event = Event::Direct(id, owner.1, sent.number, true);
                    self.expected.events.push(event);
                }
            }
            Route::Topic(wanted.destination.clone(), filter)
        } else {
            let key = format!("private {} {}", owner.0, owner.1);
            let ends = (!wanted.drop_oldest).then_some(owner);
            self.bind_new(owner, &key, wanted, filter, ends);
            Route::Queue(key, wanted.ack)
        };
        let session = self.sessions.get_mut(&id)?;
        session.next_subscription += 1;
        session.subscriptions.insert(owner.1, route);
        Some(owner.1)
    }

    fn subscribe_durable(
        &mut self,
        owner: Owner,
        key: &str,
        wanted: &Subscribe,
        filter: Filter,
    ) -> Option<()> {
        let found = self
            .queues
            .iter()
            .position(|queue| queue.key == key && !queue.closed);
        let Some(index) = found else {
            self.bind_new(owner, key, wanted, filter, None);
            return Some(());
        };
        let queue = &mut self.queues[index];
        if !queue.consumers.is_empty() {
            return None;
        }
        let binding = queue
            .binding
            .as_mut()
            .expect("a durable subscription is bound");
        let is_same = binding.topic == wanted.destination
            && binding.filter.color == filter.color
            && binding.filter.except.is_some() == wanted.no_local;
        if is_same {
            binding.filter = filter;
            self.consume(owner, key, wanted, Filter::default());
        } else {
            self.close(index);
            self.bind_new(owner, key, wanted, filter, None);
        }
        Some(())
    }

    fn bind_new(
        &mut self,
        owner: Owner,
        key: &str,
        wanted: &Subscribe,
        filter: Filter,
        ends: Option<Owner>,
    ) {
        let plain = Subscribe {
            exclusive: false,
            ..wanted.clone()
        };
        self.consume(owner, key, &plain, Filter::default());
        let topic = wanted.destination.clone();
        self.open(key).binding = Some(Binding {
            topic,
            filter,
            ends,
        });
        for sent in self.retained_for(&wanted.destination) {
            if filter.passes(&sent) {
                self.enqueue_for_topic(key, &sent, false);
            }
        }
    }

    fn consume(&mut self, owner: Owner, key: &str, wanted: &Subscribe, filter: Filter) {
        let is_topic = !is_queue(&wanted.destination);
        let browse = Browse {
            since: self.next(),
            ..Browse::default()
        };
        self.open(key).consumers.push(Consumer {
            owner,
            credit: wanted.credit,
            filter,
            exclusive: wanted.exclusive && !is_topic && !wanted.browse,
            browse: wanted.browse.then_some(browse),
        });
    }

    fn retained_for(&self, topic: &str) -> Vec<Sent> {
        let found = self.retained.iter().filter(|(name, _)| covers(topic, name));
        let fresh = found.filter(|(_, sent)| sent.expires.is_none_or(|expires| expires > self.now));
        fresh.map(|(_, sent)| sent.clone()).collect()
    }

    pub(crate) fn forget_durable(&mut self, id: usize, name: &str) -> bool {
        let Some(session) = self.sessions.get(&id) else {
            return false;
        };
        let key = format!("durable {} {name}", session.client);
        let found = self
            .queues
            .iter()
            .position(|queue| queue.key == key && !queue.closed);
        match found {
            Some(index) if self.queues[index].consumers.is_empty() => {
                self.close(index);
                true
            }
            _ => false,
        }
    }

    pub(crate) fn send(
        &mut self,
        id: usize,
        to: &str,
        sent: &Sent,
        transaction: Option<&str>,
    ) -> bool {
        if !self.sessions.contains_key(&id) {
            return false;
        }
        if let Some(transaction) = transaction {
            let operation = Operation::Send(to.to_owned(), sent.clone());
            return self.add(id, transaction, operation, sent.bytes);
        }
        let done = self.admits(id, &[(to.to_owned(), sent.clone())]);
        if done {
            self.deliver(id, to, sent);
        }
        done
    }

    pub(crate) fn deliver(&mut self, id: usize, to: &str, sent: &Sent) {
        if is_queue(to) {
            if self.takes(id, to) {
                self.enqueue(to, sent);
            }
        } else if sent.delay == 0 {
            self.publish(to, sent);
        } else {
            let (due, which) = (self.now + sent.delay, self.next());
            self.scheduled
                .push((due, which, to.to_owned(), sent.clone()));
        }
    }

    /// Whether a queue is there, or is made by this session.
    fn takes(&mut self, id: usize, to: &str) -> bool {
        let own = format!("/temp-queue/@s{}/", self.sessions[&id].serial);
        !to.starts_with("/temp-queue") || to.starts_with(&own) || self.queue(to).is_some()
    }

    /// Whether there is room for all of these.
    pub(crate) fn admits(&mut self, id: usize, sends: &[(String, Sent)]) -> bool {
        for (to, _) in sends.iter().filter(|(to, _)| is_queue(to)) {
            if !self.takes(id, to) {
                continue;
            }
            let bytes = || {
                sends
                    .iter()
                    .filter(|(other, _)| other == to)
                    .map(|(_, s)| s.bytes)
            };
            let queue = self
                .queue(to)
                .cloned()
                .unwrap_or_else(|| crate::setting::queue(to));
            let fits = if queue.overflow == Overflow::Reject {
                queue.messages.len() + bytes().count() <= queue.messages_max
                    && queue.bytes() + bytes().sum::<usize>() <= queue.bytes_max
            } else {
                let (count, leased) = queue.leased();
                count < queue.messages_max && leased + bytes().max().unwrap_or(0) <= queue.bytes_max
            };
            if !fits {
                return false;
            }
        }
        let topics = || sends.iter().filter(|(to, _)| !is_queue(to));
        let delayed = topics().filter(|(_, sent)| sent.delay > 0).count();
        let kept = topics().filter(|(_, sent)| sent.delay == 0 && sent.retain == Retain::Keep);
        let new = kept
            .filter(|(to, _)| !self.retained.contains_key(to))
            .count();
        (delayed == 0 || self.scheduled.len() + delayed <= SCHEDULED_MAX)
            && (new == 0 || self.retained.len() + new <= RETAINED_MAX)
    }

    /// ACK or NACK.
    pub(crate) fn acknowledge(
        &mut self,
        owner: Owner,
        number: u64,
        verdict: Verdict,
        transaction: Option<&str>,
    ) -> bool {
        let ack = self.ack_mode(owner);
        let Some(queue) = self
            .queue_of(owner)
            .filter(|_| ack.is_some_and(|a| a != AckMode::Auto))
        else {
            return false;
        };
        let leases = self.queues[queue].leases(owner);
        let Some((wanted, _)) = leases.iter().find(|(lease, _)| lease.number == number) else {
            return false;
        };
        if wanted.held.is_some() {
            return false;
        }
        let covered = leases
            .iter()
            .map(|(lease, _)| lease)
            .filter(|lease| match ack {
                Some(AckMode::Client) => lease.number <= number && lease.held.is_none(),
                _ => lease.number == number,
            });
        let numbers: Vec<u64> = covered.map(|lease| lease.number).collect();
        let Some(transaction) = transaction else {
            self.decide(owner, &numbers, verdict);
            return true;
        };
        let operation = self.next();
        if !self.add(
            owner.0,
            transaction,
            Operation::Decide(owner, operation, verdict),
            0,
        ) {
            return false;
        }
        for message in &mut self.queues[queue].messages {
            if let State::Leased(lease) = &mut message.state
                && lease.owner == owner
                && numbers.contains(&lease.number)
            {
                lease.held = Some(operation);
            }
        }
        true
    }

    /// The driver has sent a delivery and those before it.
    pub(crate) fn driver_sent(&mut self, owner: Owner, number: u64) {
        for queue in &mut self.queues {
            for consumer in queue.consumers.iter_mut().filter(|c| c.owner == owner) {
                if let Some(browse) = &mut consumer.browse {
                    browse.seen.retain(|(seen, _)| *seen > number);
                    return;
                }
            }
        }
        if self.ack_mode(owner) == Some(AckMode::Auto) {
            let all: Vec<u64> = (1..=number).collect();
            self.decide(owner, &all, Verdict::Acknowledge);
        }
    }

    pub(crate) fn pass(&mut self, time: u64) {
        self.now += time;
        let now = self.now;
        for id in self.sessions.keys().copied().collect::<Vec<_>>() {
            let old = |t: &Transaction| t.deadline <= now;
            while let Some(transaction) = self.sessions[&id].transactions.iter().find(|t| old(t)) {
                let name = transaction.id.clone();
                self.abort(id, &name);
                self.expected
                    .events
                    .push(Event::TransactionExpired(id, name));
            }
        }
        self.retained
            .retain(|_, sent| sent.expires.is_none_or(|expires| expires > now));
        self.scheduled
            .sort_by_key(|(due, which, ..)| (*due, *which));
        let due = self
            .scheduled
            .iter()
            .take_while(|(due, ..)| *due <= now)
            .count();
        for (.., topic, sent) in self.scheduled.drain(..due).collect::<Vec<_>>() {
            self.publish(&topic, &sent);
        }
        self.wake();
    }

    /// What is due in queues is ready.
    pub(crate) fn wake(&mut self) {
        let now = self.now;
        for queue in 0..self.queues.len() {
            let messages = self.queues[queue].messages.iter().enumerate();
            let mut due: Vec<_> = messages
                .filter_map(|(index, m)| match m.state {
                    State::Delayed(due, is_new) if due <= now => Some((due, m.uid, index, is_new)),
                    _ => None,
                })
                .collect();
            due.sort_unstable();
            for (_, _, index, is_new) in due {
                let order = self.next();
                let message = &mut self.queues[queue].messages[index];
                message.state = State::Ready;
                if is_new {
                    message.order = order;
                }
            }
        }
    }
}
