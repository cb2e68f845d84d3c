//! How a broker is rebuilt when the server starts, from what was kept of what the broker before it told its
//! [`Output`](crate::Output). What was known of sessions is not: what was on its way to them is back in its queue.
//!
//! No bound refuses anything that was there: a queue that is over its bounds is full. Nothing is told to an `Output`;
//! [`Broker::poll_timeout`] then says that there is work at once: what has expired is gone, and queues that nobody needs.

use std::sync::Arc;

use super::Broker;
use crate::{
    destination::{Destination, Kind},
    message::{MessageId, Payload, Properties, QueueName},
    output::ScheduledId,
    queue::Binding,
    queues::Restored,
    retained::Kept,
    selector::Selector,
    subscribe::{Filter, SlowConsumer},
    time::Timestamp,
};

/// The serial number of no session, as they are counted from 1.
const NOBODY: u64 = 0;

impl<M: Payload> Broker<M> {
    /// There was a named queue.
    ///
    /// # Panics
    /// If there is a session, or the name is that of a temporary queue or of no queue.
    pub fn restore_queue(&mut self, name: &Destination) {
        self.assert_no_sessions();
        assert_eq!(name.kind(), Kind::Queue, "{name} is no queue that stays");
        if self.queues.named(name).is_none() {
            self.queues.make(name);
        }
    }

    /// There was a durable subscription; the name of its topic is as it was told, that of a user's with the user. It goes on if its client subscribes with the same selector and `no_local`.
    /// Until then it gets what anybody sends, as those sessions are gone whose messages it did not want.
    ///
    /// # Panics
    /// If there is a session, or the client has a durable subscription of this name.
    pub fn restore_durable(
        &mut self,
        client: Arc<str>,
        name: Arc<str>,
        topic: &Destination,
        selector: Option<Selector>,
        no_local: bool,
    ) {
        self.assert_no_sessions();
        let durable = (Arc::clone(&client), Arc::clone(&name));
        let is_new = self.queues.durable(&durable).is_none();
        assert!(is_new, "{client} has a durable subscription {name} already");
        let topic = match topic.kind() {
            Kind::User => topic.to_user(),
            _ => topic.clone(),
        };
        let key = self.queues.open_for_topic(QueueName::Durable {
            client,
            name,
            topic: topic.clone(),
        });
        self.topics.bind(&topic, key);
        let except = no_local.then_some(NOBODY);
        let binding = Binding {
            filter: Filter { except, selector },
            slow: SlowConsumer::default(),
        };
        self.queues.bind(key, binding);
    }

    /// A message was in a queue, behind those of its priority that were restored before: [`Restored`] says in which
    /// order.
    ///
    /// # Panics
    /// If there is a session, or the queue was not restored.
    pub fn restore_message(
        &mut self,
        queue: &QueueName,
        message: &M,
        properties: &Properties,
        restored: Restored,
    ) -> MessageId {
        self.assert_no_sessions();
        let key = self.queues.find(queue);
        let key = key.unwrap_or_else(|| panic!("{queue:?} was not restored"));
        self.queues.restore(key, message, properties, restored)
    }

    /// A topic had a retained value.
    ///
    /// # Panics
    /// If there is a session.
    pub fn restore_retained(&mut self, topic: &Destination, message: &M, properties: &Properties) {
        self.assert_no_sessions();
        self.retained.insert(topic, kept(message, properties));
    }

    /// A message to a topic waited until it is due; of those that are due at the same moment, behind those that were
    /// restored before.
    ///
    /// # Panics
    /// If there is a session.
    pub fn restore_scheduled(
        &mut self,
        topic: &Destination,
        message: &M,
        properties: &Properties,
        due: Timestamp,
    ) -> ScheduledId {
        self.assert_no_sessions();
        let kept = kept(message, properties);
        self.scheduled.insert(due, topic.clone(), kept)
    }

    pub(super) fn assert_no_sessions(&self) {
        let is_fresh = self.sessions.is_empty();
        assert!(is_fresh, "a broker is rebuilt before anybody is connected");
    }
}

fn kept<M: Clone>(message: &M, properties: &Properties) -> Kept<M> {
    Kept {
        message: message.clone(),
        properties: properties.clone(),
        producer: None,
    }
}
