//! SUBSCRIBE and UNSUBSCRIBE.

use std::borrow::Cow;

use super::{
    Broker,
    send::{direct, is_own, is_queue, own},
    temporaries::Temporaries,
};
use crate::{
    access::Action,
    destination::{Destination, Kind},
    error::Refusal,
    history::Start,
    message::{Payload, QueueName},
    output::Output,
    queue::{ConsumerKey, QueueKey, consumer::Consumer},
    queues::Verdict,
    session::{Route, Session, SessionId, Subscription, SubscriptionId},
    subscribe::{AckMode, Filter, Subscribe, Subscribed},
    time::Timestamp,
    topic::Subscriber,
};

impl<M: Payload> Broker<M> {
    /// A session subscribes to a destination. What waits for it is delivered before this returns, as far as it has
    /// credit; a RECEIPT has to go out before that. Gives its place in the history of its topic, if that has one.
    ///
    /// # Errors
    /// [`Refusal::AccessDenied`], [`Refusal::SubscriptionExists`], [`Refusal::SessionUnknown`]; what the destination
    /// cannot do; a bound that is reached.
    pub fn handle_subscribe(
        &mut self,
        now: Timestamp,
        session_id: SessionId,
        id: SubscriptionId,
        subscribe: Subscribe<'_>,
        output: &mut impl Output<M>,
    ) -> Result<Subscribed, Refusal> {
        let now = self.tick(now);
        let session = self.session(session_id)?;
        if session.has(id) {
            return Err(Refusal::SubscriptionExists);
        }
        if session.subscription_count() >= self.settings.limits.subscriptions_per_session_max {
            return Err(Refusal::SubscriptionsFull);
        }
        let destination = source(session, subscribe.destination)?.into_owned();
        let may = |action| session.login.access.allows(action, &destination);
        if !is_own(session, &destination) && !may(Action::Read) {
            return Err(Refusal::AccessDenied);
        }
        let subscriber = Subscriber {
            session: session_id,
            subscription: id,
        };
        let start = self.start(&destination, &subscribe)?;
        let durable = subscribe.durable;
        let route = if is_queue(&destination) {
            let is_new = self.queues.named(&destination).is_none();
            if is_new && !is_own(session, &destination) && !may(Action::Create) {
                return Err(Refusal::AccessDenied);
            }
            self.subscribe_queue(subscriber, &destination, subscribe, output)?
        } else {
            self.subscribe_topic(now, subscriber, &destination, subscribe, start, output)?
        };
        self.session_mut(session_id)?
            .insert(Subscription { id, route });
        self.subscriptions += 1;
        let subscribed = self.subscribed(&destination, durable, start);
        self.replay(now, session_id, output);
        self.queues.flush(now, output);
        Ok(subscribed)
    }

    /// A session ends a subscription: nothing is delivered to it from now on. What was delivered to it can still be
    /// acknowledged; what is not comes back when the session ends, or at once if the driver had not sent it: of
    /// `ack:auto` it is known, of others [`Broker::handle_unsent`] says it before. A temporary queue that is empty and that
    /// nobody subscribes to any more is forgotten.
    ///
    /// # Errors
    /// [`Refusal::SessionUnknown`], [`Refusal::SubscriptionUnknown`]
    pub fn handle_unsubscribe(
        &mut self,
        now: Timestamp,
        session_id: SessionId,
        id: SubscriptionId,
        output: &mut impl Output<M>,
    ) -> Result<(), Refusal> {
        let now = self.tick(now);
        self.session(session_id)?;
        if !self.end_subscription(now, session_id, id, output) {
            return Err(Refusal::SubscriptionUnknown);
        }
        self.queues.flush(now, output);
        Ok(())
    }

    /// The name under which others can send to a temporary destination of this session, for a `reply-to`; of another
    /// destination, its own name. A queue is made, so that an answer finds it; at the bound, the oldest of the session's
    /// that is empty and that nobody subscribes to makes room for it.
    ///
    /// # Errors
    /// [`Refusal::Pattern`], [`Refusal::SessionUnknown`], [`Refusal::TemporariesFull`], [`Refusal::QueuesFull`]
    pub fn handle_reply_to(
        &mut self,
        session_id: SessionId,
        destination: &Destination,
    ) -> Result<Destination, Refusal> {
        let session = self.session(session_id)?;
        if !matches!(destination.kind(), Kind::TempQueue | Kind::TempTopic) {
            return Ok(destination.clone());
        }
        if destination.is_pattern() {
            return Err(Refusal::Pattern);
        }
        let destination = own(session, destination).into_owned();
        if is_queue(&destination) && is_own(session, &destination) {
            self.open_own(session_id, &destination)?;
        }
        Ok(destination)
    }

    /// Ends a subscription; whether there was one.
    pub(super) fn end_subscription(
        &mut self,
        now: Timestamp,
        session_id: SessionId,
        id: SubscriptionId,
        output: &mut impl Output<M>,
    ) -> bool {
        let session = self.sessions.get_mut(&session_id);
        let Some(Ok(subscription)) = session.map(|session| session.remove(id)) else {
            return false;
        };
        self.subscriptions -= 1;
        match subscription.route {
            Route::Topic(topic) => {
                let subscriber = Subscriber {
                    session: session_id,
                    subscription: id,
                };
                self.topics.unsubscribe(&topic, subscriber);
            }
            Route::Queue(key) => self.end_consumer(now, session_id, id, key, output),
            Route::Replay(reader) => self.topics.end_reading(&reader.topic),
        }
        true
    }

    fn end_consumer(
        &mut self,
        now: Timestamp,
        session_id: SessionId,
        id: SubscriptionId,
        key: ConsumerKey,
        output: &mut impl Output<M>,
    ) {
        self.stop(key, output);
        let consumer = self.queues.consumer(key);
        let queue = consumer.queue;
        if consumer.ack == AckMode::Auto || consumer.browse.is_some() {
            self.lose(now, key, output);
        } else {
            // One that is acknowledged in a transaction all the same, by a client that guesses, is left to that.
            let unsent = consumer.unsent();
            self.queues.settle(now, key, &unsent, Verdict::Lose, output);
        }
        if !self.queues.forget(key)
            && let Some(session) = self.sessions.get_mut(&session_id)
        {
            session.ended.push((id, key));
        }
        self.forget_temporary(session_id, queue);
    }

    fn subscribe_queue(
        &mut self,
        subscriber: Subscriber,
        destination: &Destination,
        mut subscribe: Subscribe<'_>,
        output: &mut impl Output<M>,
    ) -> Result<Route, Refusal> {
        if subscribe.durable.is_some() {
            return Err(Refusal::DurableUnsupported);
        }
        if destination.is_pattern() {
            return Err(Refusal::Pattern);
        }
        if let Some(key) = self.queues.named(destination) {
            self.queues.check_consumers(key)?;
        }
        let key = self.open_queue(subscriber.session, destination, output)?;
        let filter = self.filter(subscriber.session, &mut subscribe)?;
        let consumer = self.consumer(subscriber, key, &subscribe, filter);
        let attached = if subscribe.browse {
            self.queues.attach_browser(consumer)
        } else {
            self.queues.attach(consumer, subscribe.exclusive)
        };
        Ok(Route::Queue(attached))
    }

    fn subscribe_topic(
        &mut self,
        now: Timestamp,
        subscriber: Subscriber,
        topic: &Destination,
        mut subscribe: Subscribe<'_>,
        start: Option<Start>,
        output: &mut impl Output<M>,
    ) -> Result<Route, Refusal> {
        if subscribe.browse {
            return Err(Refusal::BrowseUnsupported);
        }
        let topics_full = self.topics.len() >= self.settings.limits.topics_max;
        if topics_full && !self.topics.contains(topic) {
            return Err(Refusal::TopicsFull);
        }
        if subscribe.durable.is_some() && topic.kind() == Kind::TempTopic {
            return Err(Refusal::DurableUnsupported);
        }
        if let Some(name) = subscribe.durable {
            return self.subscribe_durable(now, subscriber, topic, &name.into(), subscribe, output);
        }
        if subscribe.ack != AckMode::Auto {
            self.queues.check_room(1)?;
            if let Some(start) = start {
                self.check_replay(now, subscriber.session, topic, &subscribe, start)?;
            }
            let name = QueueName::Private {
                session: subscriber.session,
                subscription: subscriber.subscription,
                topic: topic.clone(),
            };
            return self.subscribe_new(now, subscriber, name, subscribe, start, output);
        }
        let filter = self.filter(subscriber.session, &mut subscribe)?;
        let (slow, has_retained) = (subscribe.slow, start.is_some_and(|s| s.has_retained));
        let retained = if has_retained {
            Vec::new()
        } else {
            self.retained.matching(topic, now)
        };
        for kept in retained {
            if filter.passes(&kept.message, kept.producer) {
                let delivery = direct(subscriber.subscription, &kept.message, true);
                output.deliver(subscriber.session, delivery);
            }
        }
        Ok(self.route_from(topic, subscriber, filter, slow, start))
    }

    fn open_queue(
        &mut self,
        session_id: SessionId,
        destination: &Destination,
        output: &mut impl Output<M>,
    ) -> Result<QueueKey, Refusal> {
        if destination.kind() == Kind::TempQueue {
            return self.open_own(session_id, destination);
        }
        if self.queues.named(destination).is_none() {
            self.queues.check_room(1)?;
        }
        Ok(self.queues.open(destination, output))
    }

    /// The temporary queue of this name, which is made if there is none.
    fn open_own(
        &mut self,
        session_id: SessionId,
        destination: &Destination,
    ) -> Result<QueueKey, Refusal> {
        if let Some(key) = self.queues.named(destination) {
            return Ok(key);
        }
        let one = Temporaries {
            new: 1,
            idle_wanted: 0,
        };
        if self.check_temporaries(self.session(session_id)?, one)? == 0 {
            self.queues.check_room(1)?;
        }
        Ok(self.open_temporary(session_id, destination))
    }

    pub(super) fn filter(
        &self,
        session: SessionId,
        subscribe: &mut Subscribe<'_>,
    ) -> Result<Filter, Refusal> {
        let serial = self.session(session)?.serial;
        Ok(Filter {
            except: subscribe.no_local.then_some(serial),
            selector: subscribe.selector.take(),
        })
    }

    pub(super) fn consumer(
        &self,
        subscriber: Subscriber,
        queue: QueueKey,
        subscribe: &Subscribe<'_>,
        filter: Filter,
    ) -> Consumer {
        Consumer::new(
            subscriber.session,
            subscriber.subscription,
            queue,
            subscribe.ack,
            self.queues.credit(subscribe.credit),
            filter,
        )
    }
}

/// Where the messages come from that a session subscribes to.
fn source<'a, M>(
    session: &Session<M>,
    destination: &'a Destination,
) -> Result<Cow<'a, Destination>, Refusal> {
    match destination.kind() {
        Kind::Queue | Kind::Topic => Ok(Cow::Borrowed(destination)),
        Kind::TempQueue | Kind::TempTopic => {
            let destination = own(session, destination);
            if is_own(session, &destination) {
                Ok(destination)
            } else {
                Err(Refusal::NotOwner)
            }
        }
        Kind::User => Ok(Cow::Owned(destination.of_user(session.user()))),
    }
}
