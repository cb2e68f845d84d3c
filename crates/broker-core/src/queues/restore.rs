//! Messages that were there before the server was started, and what must be known of them.

use std::sync::Arc;

use super::Queues;
use crate::{
    message::{MessageId, Payload, Properties, QueueName},
    queue::{Entry, QueueKey, State},
    time::Timestamp,
};

/// What is known of a message that was in a queue when the server ended.
///
/// Who keeps what an [`Output`](crate::Output) tells restores the messages of a queue by their places: of what was
/// enqueued with a delay, the moment at which that was over, whatever became of it since; of all others, that of the
/// command that enqueued them. Those with the same moment are restored as they were enqueued.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Restored {
    /// How often it was delivered, as [`Output::returned`](crate::Output::returned) told it last.
    pub deliveries: u32,
    /// Whether somebody may have got it: it has returned, or it is not known what was on its way to consumers.
    pub redelivered: bool,
    /// Until when nobody is to get it. None if that moment has passed: the message has its place already.
    pub due: Option<Timestamp>,
    /// Whether `due` is the delay of its SEND, and not one with which it has returned: then it takes its place when it
    /// is due, behind what is sent until then.
    pub is_new: bool,
}

impl<M: Payload> Queues<M> {
    /// The queue that goes by this name; none for one that ends with its session.
    pub(crate) fn find(&self, name: &QueueName) -> Option<QueueKey> {
        let found = match name {
            QueueName::Named(destination) => self.names.get(destination),
            QueueName::Durable { client, name, .. } => {
                let name = (Arc::clone(client), Arc::clone(name));
                self.durables.get(&name)
            }
            QueueName::Private { .. } => None,
        };
        let key = *found?;
        (self.queues[key.0].name == *name).then_some(key)
    }

    /// Puts a message behind those that are there, whether there is room or not.
    pub(crate) fn restore(
        &mut self,
        key: QueueKey,
        message: &M,
        properties: &Properties,
        restored: Restored,
    ) -> MessageId {
        let id = self.next_id();
        let Restored { due, is_new, .. } = restored;
        let entry = Entry {
            message: message.clone(),
            offset: None,
            properties: properties.clone(),
            producer: None,
            order: id.0,
            deliveries: restored.deliveries,
            redelivered: restored.redelivered,
            state: due.map_or(State::Ready, |due| State::Delayed { due, is_new }),
        };
        self.put_in(key, id, entry);
        id
    }
}
