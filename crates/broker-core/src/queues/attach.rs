//! Consumers come to queues and leave them.

use super::Queues;
use crate::{
    error::Refusal,
    message::Payload,
    queue::{Binding, ConsumerKey, QueueKey, Rank, consumer::Consumer},
    subscribe::Credit,
};

impl<M: Payload> Queues<M> {
    /// What a consumer gets that asks for this credit.
    pub(crate) fn credit(&self, asked: Option<Credit>) -> Credit {
        let limits = self.limits();
        let asked = asked.unwrap_or(Credit {
            messages: limits.credit_messages_default,
            bytes: limits.credit_bytes_default,
        });
        Credit {
            messages: asked.messages.clamp(1, limits.credit_messages_max.max(1)),
            bytes: asked.bytes.min(limits.credit_bytes_max),
        }
    }

    /// Whether a queue takes another consumer.
    pub(crate) fn check_consumers(&self, key: QueueKey) -> Result<(), Refusal> {
        let queue = &self.queues[key.0];
        if queue.attached >= self.limits().consumers_per_queue_max {
            return Err(Refusal::ConsumersFull);
        }
        Ok(())
    }

    /// Says which messages of its topic come into a queue.
    pub(crate) fn bind(&mut self, key: QueueKey, binding: Binding) {
        self.queues[key.0].binding = Some(binding);
    }

    /// A consumer takes messages from now on.
    pub(crate) fn attach(&mut self, mut consumer: Consumer, exclusive: bool) -> ConsumerKey {
        let queue_key = consumer.queue;
        let queue = &mut self.queues[queue_key.0];
        consumer.is_in_ring = true;
        let key = ConsumerKey(self.consumers.insert(consumer));
        queue.attached += 1;
        queue.consumers.push(key);
        queue.ring.push_back(key);
        if exclusive {
            queue.exclusive.push(key);
        }
        self.mark(queue_key);
        key
    }

    /// A consumer looks at what is in the queue now.
    pub(crate) fn attach_browser(&mut self, mut consumer: Consumer) -> ConsumerKey {
        let queue_key = consumer.queue;
        let queue = &mut self.queues[queue_key.0];
        consumer.browse = Some(queue.places().ready_count());
        let key = ConsumerKey(self.consumers.insert(consumer));
        queue.attached += 1;
        queue.browsers.push_back(key);
        self.mark(queue_key);
        key
    }

    /// A consumer takes no more messages; what it has it may still acknowledge.
    pub(crate) fn stop(&mut self, key: ConsumerKey) {
        let consumer = &mut self.consumers[key.0];
        consumer.stands = false;
        consumer.is_in_ring = false;
        let queue_key = consumer.queue;
        let queue = &mut self.queues[queue_key.0];
        queue.attached -= 1;
        queue.consumers.retain(|other| *other != key);
        queue.ring.retain(|other| *other != key);
        queue.exclusive.retain(|other| *other != key);
        queue.browsers.retain(|other| *other != key);
        if queue.groups.on_left(key) {
            // What was for it alone is for others now.
            for other in &queue.consumers {
                self.consumers[other.0].cursor = Rank::FIRST;
            }
            queue.cursor_max = Rank::FIRST;
        }
        self.mark(queue_key);
    }

    /// Forgets a consumer that has nothing to acknowledge; whether it had none.
    pub(crate) fn forget(&mut self, key: ConsumerKey) -> bool {
        let consumer = self.consumers.get(key.0);
        let done = consumer.is_some_and(|consumer| !consumer.stands && !consumer.has_leases());
        if done {
            self.consumers.remove(key.0);
        }
        done
    }
}
