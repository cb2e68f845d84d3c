//! SEND: what is checked before, and where the message goes.

mod demand;

use std::{borrow::Cow, num::NonZeroU64};

pub(super) use self::demand::Demand;

use super::Broker;
use crate::{
    access::Action,
    destination::{Destination, Kind, segment_of},
    error::Refusal,
    message::{Payload, Properties, QueueName, Retain},
    output::{Delivery, EndReason, Output},
    queues::Sent,
    retained::Kept,
    session::{Session, SessionId, SubscriptionId},
    time::Timestamp,
    transaction,
};

/// A SEND.
#[derive(Debug)]
pub struct Send<'a, M> {
    /// Where to.
    pub destination: &'a Destination,
    /// The message.
    pub message: &'a M,
    /// What the broker must know of it.
    pub properties: &'a Properties,
    /// The transaction that it is part of.
    pub transaction: Option<&'a str>,
}

impl<M: Payload> Broker<M> {
    /// A client sends a message. In a transaction, that waits for COMMIT. Gives how many subscriptions and queues have
    /// got it at once.
    ///
    /// A message to a temporary destination whose session is gone, or does not use it, is gone too.
    ///
    /// # Errors
    /// [`Refusal::AccessDenied`], [`Refusal::DelayTooLong`], [`Refusal::Pattern`], [`Refusal::Reserved`],
    /// [`Refusal::SessionUnknown`]; the bounds of what it goes to; in a transaction, instead of these bounds,
    /// [`Refusal::TransactionUnknown`], [`Refusal::TransactionFull`] and [`Refusal::TransactionBytesFull`].
    pub fn handle_send(
        &mut self,
        now: Timestamp,
        session_id: SessionId,
        send: &Send<'_, M>,
        output: &mut impl Output<M>,
    ) -> Result<usize, Refusal> {
        let now = self.tick(now);
        let session = self.session(session_id)?;
        let destination = target(session, send.destination)?;
        self.check_access(session, &destination)?;
        if send.properties.delay_ms > self.settings.limits.delay_ms_max {
            return Err(Refusal::DelayTooLong);
        }
        if let Some(id) = send.transaction {
            let send = transaction::Send {
                destination: destination.into_owned(),
                message: send.message.clone(),
                properties: send.properties.clone(),
            };
            return self.send_later(session_id, id, send).map(|()| 0);
        }
        let queue = if is_kept(&destination, send.properties) {
            self.check_one(session, &destination, send.properties)?
        } else {
            None
        };
        let sent = Sent {
            message: send.message,
            properties: send.properties,
            producer: Some(session.serial),
            offset: None,
        };
        let count = match queue {
            Some(key) => {
                self.queues.enqueue(now, key, sent, output);
                1
            }
            None => self.apply_send(now, session_id, &destination, sent, output),
        };
        self.queues.flush(now, output);
        Ok(count)
    }

    /// The server itself sends a message to a topic; gives how many get it.
    pub fn publish(
        &mut self,
        now: Timestamp,
        topic: &Destination,
        message: &M,
        output: &mut impl Output<M>,
    ) -> usize {
        let now = self.tick(now);
        let sent = Sent {
            message,
            properties: &Properties::default(),
            producer: None,
            offset: None,
        };
        let count = self.fan_out(now, topic, sent, output);
        self.queues.flush(now, output);
        count
    }

    /// How many durable subscriptions may get what is sent there.
    #[must_use]
    pub fn durables_of(&self, destination: &Destination) -> usize {
        let user = (destination.kind() == Kind::User).then(|| destination.to_user());
        let mut count = 0;
        if !is_queue(destination) {
            let topic = user.as_ref().unwrap_or(destination);
            self.topics.for_each(topic, |members| {
                let queues = members.queues.iter();
                let names = queues.map(|key| &self.queues.queue(*key).name);
                count += names
                    .filter(|name| matches!(name, QueueName::Durable { .. }))
                    .count();
            });
        }
        count
    }

    /// Whether the session may send there.
    pub(super) fn check_access(
        &self,
        session: &Session<M>,
        destination: &Destination,
    ) -> Result<(), Refusal> {
        let may = |action| session.login.access.allows(action, destination);
        // Most may do both, and then nobody has to look whether there is such a queue.
        let may_open = || {
            destination.kind() != Kind::Queue
                || may(Action::Create)
                || self.queues.named(destination).is_some()
        };
        let allowed = is_own(session, destination) || may(Action::Write) && may_open();
        if allowed {
            Ok(())
        } else {
            Err(Refusal::AccessDenied)
        }
    }

    /// Sends a message for which there is room.
    pub(super) fn apply_send(
        &mut self,
        now: Timestamp,
        session_id: SessionId,
        destination: &Destination,
        sent: Sent<'_, M>,
        output: &mut impl Output<M>,
    ) -> usize {
        if !is_queue(destination) {
            if sent.properties.delay_ms == 0 {
                return self.send_to_topic(now, destination, sent, output);
            }
            let due = now.after(sent.properties.delay_ms);
            let id = self.scheduled.insert(due, destination.clone(), kept(sent));
            if destination.kind() == Kind::Topic {
                output.scheduled(id, destination, sent.message, sent.properties, due);
            }
            return 0;
        }
        let found = self.queues.named(destination);
        let key = match (found, self.sessions.get(&session_id)) {
            (Some(key), _) => key,
            (None, Some(session)) if destination.kind() == Kind::TempQueue => {
                if !is_own(session, destination) {
                    return 0;
                }
                self.open_temporary(session_id, destination)
            }
            (None, _) => self.queues.open(destination, output),
        };
        self.queues.enqueue(now, key, sent, output);
        1
    }

    /// Sends a message to a topic that is due.
    pub(super) fn send_to_topic(
        &mut self,
        now: Timestamp,
        topic: &Destination,
        sent: Sent<'_, M>,
        output: &mut impl Output<M>,
    ) -> usize {
        if sent.properties.is_expired(now) {
            return 0;
        }
        if topic.kind() == Kind::Topic {
            let limits = &self.settings.limits;
            let retain = sent.properties.retain;
            if self.retained.update(topic, || kept(sent), retain, limits) {
                output.retained(topic, self.retained.of(topic));
            }
        }
        self.fan_out(now, topic, sent, output)
    }

    /// Keeps a message in the history of its topic, if that has one.
    fn log(
        &mut self,
        now: Timestamp,
        topic: &Destination,
        sent: Sent<'_, M>,
        output: &mut impl Output<M>,
    ) -> Option<NonZeroU64> {
        if self.settings.histories.is_empty() || topic.kind() != Kind::Topic {
            return None;
        }
        self.histories
            .append(now, topic, sent, &self.settings, output)
    }

    fn fan_out(
        &mut self,
        now: Timestamp,
        topic: &Destination,
        sent: Sent<'_, M>,
        output: &mut impl Output<M>,
    ) -> usize {
        let mut count = 0;
        let mut slow = Vec::new();
        let offset = self.log(now, topic, sent, output);
        let sent = Sent { offset, ..sent };
        let Self { topics, queues, .. } = self;
        topics.for_each(topic, |members| {
            for to in &members.direct {
                output.deliver(to.session, live(to.subscription, sent));
            }
            count += members.direct.len();
            for (to, filter) in &members.filtered {
                if filter.passes(sent.message, sent.producer) {
                    output.deliver(to.session, live(to.subscription, sent));
                    count += 1;
                }
            }
            for queue in &members.queues {
                match queues.enqueue_for_topic(now, *queue, sent, output) {
                    Ok(got_it) => count += usize::from(got_it),
                    Err(_) => slow.push(*queue),
                }
            }
        });
        for queue in slow {
            if let QueueName::Private {
                session,
                subscription,
                ..
            } = self.queues.queue(queue).name
            {
                self.end_subscription(now, session, subscription, output);
                output.subscription_ended(session, subscription, EndReason::SlowConsumer);
            }
        }
        count
    }
}

/// A delivery of what is sent to a topic, which nobody acknowledges.
fn live<M>(subscription: SubscriptionId, sent: Sent<'_, M>) -> Delivery<'_, M> {
    Delivery {
        offset: sent.offset,
        ..direct(subscription, sent.message, false)
    }
}

/// Where a message goes that a session sends to a destination.
fn target<'a, M>(
    session: &Session<M>,
    destination: &'a Destination,
) -> Result<Cow<'a, Destination>, Refusal> {
    if destination.is_reserved() {
        return Err(Refusal::Reserved);
    }
    let target = match destination.kind() {
        Kind::Queue | Kind::Topic => Cow::Borrowed(destination),
        Kind::TempQueue | Kind::TempTopic => own(session, destination),
        Kind::User => Cow::Owned(destination.to_user()),
    };
    if target.is_pattern() {
        return Err(Refusal::Pattern);
    }
    Ok(target)
}

/// The name under which everyone knows a temporary destination.
pub(super) fn own<'a, M>(
    session: &Session<M>,
    destination: &'a Destination,
) -> Cow<'a, Destination> {
    if destination.owner().is_some() {
        Cow::Borrowed(destination)
    } else {
        Cow::Owned(destination.owned_by(&session.login.name))
    }
}

/// Whether it is a temporary destination of this session.
pub(super) fn is_own<M>(session: &Session<M>, destination: &Destination) -> bool {
    let owner = destination.owner();
    owner.is_some_and(|owner| owner == segment_of(&session.login.name))
}

pub(super) fn is_queue(destination: &Destination) -> bool {
    matches!(destination.kind(), Kind::Queue | Kind::TempQueue)
}

/// Whether a message stays somewhere, and so needs room.
fn is_kept(destination: &Destination, properties: &Properties) -> bool {
    is_queue(destination) || properties.delay_ms > 0 || properties.retain == Retain::Keep
}

fn kept<M: Clone>(sent: Sent<'_, M>) -> Kept<M> {
    Kept {
        message: sent.message.clone(),
        properties: sent.properties.clone(),
        producer: sent.producer,
    }
}

/// A delivery that nobody acknowledges.
pub(super) fn direct<M>(
    subscription: SubscriptionId,
    message: &M,
    retained: bool,
) -> Delivery<'_, M> {
    Delivery {
        subscription,
        id: None,
        message,
        deliveries: 1,
        redelivered: false,
        retained,
        offset: None,
    }
}
