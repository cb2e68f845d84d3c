//! Subscriptions to topics that have a queue, because they acknowledge or are durable.

use std::sync::Arc;

use super::Broker;
use crate::{
    destination::Destination,
    error::Refusal,
    history::Start,
    message::{Payload, QueueName},
    output::Output,
    queue::{Binding, QueueKey},
    queues::Sent,
    session::{Route, SessionId},
    subscribe::{Filter, Subscribe},
    time::Timestamp,
    topic::Subscriber,
};

impl<M: Payload> Broker<M> {
    /// A client gives up a durable subscription, which it does not use now: what waits for it is gone.
    ///
    /// # Errors
    /// [`Refusal::ClientUnknown`], [`Refusal::DurableInUse`], [`Refusal::DurableUnknown`], [`Refusal::SessionUnknown`]
    pub fn handle_forget_durable(
        &mut self,
        now: Timestamp,
        session_id: SessionId,
        name: &str,
        output: &mut impl Output<M>,
    ) -> Result<(), Refusal> {
        let now = self.tick(now);
        let client = self.session(session_id)?.login.client.as_ref();
        let client = Arc::clone(client.ok_or(Refusal::ClientUnknown)?);
        let found = self.queues.durable(&(client, name.into()));
        let key = found.ok_or(Refusal::DurableUnknown)?;
        self.close_durable(key, output)?;
        self.queues.flush(now, output);
        Ok(())
    }

    pub(super) fn subscribe_durable(
        &mut self,
        now: Timestamp,
        subscriber: Subscriber,
        topic: &Destination,
        name: &Arc<str>,
        subscribe: Subscribe<'_>,
        output: &mut impl Output<M>,
    ) -> Result<Route, Refusal> {
        let client = self.session(subscriber.session)?.login.client.as_ref();
        let client = Arc::clone(client.ok_or(Refusal::ClientUnknown)?);
        if let Some(key) = self
            .queues
            .durable(&(Arc::clone(&client), Arc::clone(name)))
        {
            if self.queues.queue(key).attached > 0 {
                return Err(Refusal::DurableInUse);
            }
            if self.queues.queue(key).is_for(topic, &subscribe) {
                return self.attach_for_topic(subscriber, key, subscribe);
            }
            self.close_durable(key, output)?;
        } else {
            self.queues.check_durables()?;
            self.queues.check_room(1)?;
        }
        let name = QueueName::Durable {
            client,
            name: Arc::clone(name),
            topic: topic.clone(),
        };
        self.subscribe_new(now, subscriber, name, subscribe, None, output)
    }

    /// A subscription to a topic that begins now and has a queue.
    pub(super) fn subscribe_new(
        &mut self,
        now: Timestamp,
        subscriber: Subscriber,
        name: QueueName,
        subscribe: Subscribe<'_>,
        start: Option<Start>,
        output: &mut impl Output<M>,
    ) -> Result<Route, Refusal> {
        let topic = name.destination().clone();
        let key = self.queues.open_for_topic(name);
        self.topics.bind(&topic, key);
        let route = self.attach_for_topic(subscriber, key, subscribe)?;
        self.queues.tell_opened(key, output);
        let retained = if start.is_some_and(|start| start.has_retained) {
            Vec::new()
        } else {
            self.retained.matching(&topic, now)
        };
        for kept in retained {
            let sent = Sent {
                message: &kept.message,
                properties: &kept.properties,
                producer: kept.producer,
                offset: None,
            };
            // One that has no room for all of them has begun nevertheless.
            let _ = self.queues.enqueue_for_topic(now, key, sent, output);
        }
        if let Some(start) = start {
            self.enqueue_history(now, &topic, key, start, output);
        }
        Ok(route)
    }

    fn attach_for_topic(
        &mut self,
        subscriber: Subscriber,
        key: QueueKey,
        mut subscribe: Subscribe<'_>,
    ) -> Result<Route, Refusal> {
        let filter = self.filter(subscriber.session, &mut subscribe)?;
        let consumer = self.consumer(subscriber, key, &subscribe, Filter::default());
        let binding = Binding {
            filter,
            slow: subscribe.slow,
        };
        self.queues.bind(key, binding);
        Ok(Route::Queue(self.queues.attach(consumer, false)))
    }

    fn close_durable(&mut self, key: QueueKey, output: &mut impl Output<M>) -> Result<(), Refusal> {
        let queue = self.queues.queue(key);
        if queue.attached > 0 {
            return Err(Refusal::DurableInUse);
        }
        self.topics.unbind(queue.name.destination(), key);
        self.queues.close(key, output);
        Ok(())
    }
}
