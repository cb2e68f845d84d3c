//! Delayed messages to topics. Those to queues wait in their queue.

use std::collections::BTreeMap;

use crate::{
    destination::Destination, error::Refusal, limits::Limits, output::ScheduledId, queue::Amount,
    retained::Kept, time::Timestamp,
};

#[derive(Debug)]
pub(crate) struct Scheduled<M> {
    /// By when they are due, and in order.
    messages: BTreeMap<(Timestamp, u64), (Destination, Kept<M>)>,
    bytes: usize,
    next: u64,
}

impl<M> Default for Scheduled<M> {
    fn default() -> Self {
        Self {
            messages: BTreeMap::new(),
            bytes: 0,
            next: 0,
        }
    }
}

impl<M> Scheduled<M> {
    /// Whether there is room for so much more.
    pub(crate) fn admit(&self, more: Amount, limits: &Limits) -> Result<(), Refusal> {
        let fits = self.messages.len() + more.messages <= limits.scheduled_max
            && self.bytes.saturating_add(more.bytes) <= limits.scheduled_bytes_max;
        if fits {
            Ok(())
        } else {
            Err(Refusal::ScheduledFull)
        }
    }

    pub(crate) fn insert(
        &mut self,
        due: Timestamp,
        topic: Destination,
        message: Kept<M>,
    ) -> ScheduledId {
        let id = ScheduledId(self.next);
        self.next += 1;
        self.bytes += message.properties.bytes;
        self.messages.insert((due, id.0), (topic, message));
        id
    }

    /// When the next is due.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.messages.first_key_value().map(|((due, _), _)| *due)
    }

    /// The next that is due.
    pub(crate) fn take_due(
        &mut self,
        now: Timestamp,
    ) -> Option<(ScheduledId, Destination, Kept<M>)> {
        if self.deadline()? > now {
            return None;
        }
        let ((_, id), (topic, mut message)) = self.messages.pop_first()?;
        self.bytes -= message.properties.bytes;
        message.properties.delay_ms = 0;
        Some((ScheduledId(id), topic, message))
    }

    pub(crate) fn amount(&self) -> Amount {
        Amount {
            messages: self.messages.len(),
            bytes: self.bytes,
        }
    }
}
