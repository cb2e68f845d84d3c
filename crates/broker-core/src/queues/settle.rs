//! What was delivered is acknowledged, or comes back.

use super::Queues;
use crate::{
    error::Refusal,
    message::{DeathReason, MessageId, Payload},
    output::{Output, Returned, Settled},
    queue::{ConsumerKey, QueueKey, State, consumer::Numbers},
    subscribe::AckMode,
    time::Timestamp,
};

/// What becomes of a message that was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Its consumer has it.
    Acknowledge,
    /// It comes back, after a delay if there is one.
    Requeue { delay_ms: u64 },
    /// It is not to be delivered again.
    Refuse,
    /// Its consumer is gone; if the driver has not sent it, that was no delivery.
    Lose,
}

impl<M: Payload> Queues<M> {
    /// The deliveries that an acknowledgement of `number` by the client is for.
    pub(crate) fn covered(&self, key: ConsumerKey, number: u64) -> Result<Numbers, Refusal> {
        let consumer = self.consumers.get(key.0);
        consumer.ok_or(Refusal::DeliveryUnknown)?.covered(number)
    }

    /// Notes that a transaction acknowledges these deliveries.
    pub(crate) fn hold(&mut self, key: ConsumerKey, numbers: &[u64]) {
        if let Some(consumer) = self.consumers.get_mut(key.0) {
            consumer.hold(numbers);
        }
    }

    /// The transaction was aborted: all is as before it.
    pub(crate) fn let_go(&mut self, key: ConsumerKey, numbers: &[u64]) {
        if let Some(consumer) = self.consumers.get_mut(key.0) {
            consumer.let_go(numbers);
        }
    }

    /// The driver has sent these deliveries, which nobody else acknowledges.
    pub(crate) fn sent(&self, key: ConsumerKey, number: u64) -> Numbers {
        let consumer = self.consumers.get(key.0);
        let consumer = consumer.filter(|consumer| !consumer.is_clients());
        consumer.map_or(Numbers::NONE, |consumer| consumer.up_to(number))
    }

    /// The driver has not sent this delivery, and will not.
    pub(crate) fn note_unsent(&mut self, key: ConsumerKey, number: u64) {
        if let Some(consumer) = self.consumers.get_mut(key.0) {
            consumer.note_unsent(number);
        }
    }

    /// Decides on deliveries.
    pub(crate) fn settle(
        &mut self,
        now: Timestamp,
        key: ConsumerKey,
        numbers: &[u64],
        verdict: Verdict,
        output: &mut impl Output<M>,
    ) {
        let Some(consumer) = self.consumers.get_mut(key.0) else {
            return;
        };
        let queue_key = consumer.queue;
        let is_auto = consumer.ack == AckMode::Auto;
        if consumer.stands && consumer.browse.is_none() && !consumer.is_in_ring {
            consumer.is_in_ring = true;
            self.queues[queue_key.0].ring.push_back(key);
        }
        for number in numbers {
            let lease = self.consumers[key.0].release(*number);
            let Some((lease, message)) = lease.and_then(|lease| Some((lease, lease.message?)))
            else {
                continue;
            };
            match verdict {
                Verdict::Acknowledge => {
                    self.discard(queue_key, message, Settled::Acknowledged, output);
                }
                Verdict::Refuse => {
                    self.bury(now, queue_key, message, DeathReason::Refused, output);
                }
                Verdict::Requeue { delay_ms } => {
                    let back = Back {
                        was_sent: true,
                        counts: true,
                        delay_ms,
                    };
                    self.bring_back(now, queue_key, message, back, output);
                }
                Verdict::Lose => {
                    let back = Back {
                        was_sent: !lease.is_unsent,
                        counts: !is_auto && !lease.is_unsent,
                        delay_ms: 0,
                    };
                    self.bring_back(now, queue_key, message, back, output);
                }
            }
        }
        self.mark(queue_key);
    }

    /// A message comes back to its place; in a queue for dead letters, however often it does.
    fn bring_back(
        &mut self,
        now: Timestamp,
        key: QueueKey,
        id: MessageId,
        back: Back,
        output: &mut impl Output<M>,
    ) {
        let queue = &mut self.queues[key.0];
        let deliveries_max = queue.policy.deliveries_max;
        let is_grave = queue.policy.dead_letters.as_ref() == Some(queue.name.destination());
        let Some(entry) = queue.entry_mut(id) else {
            return;
        };
        if !back.counts {
            entry.deliveries -= 1;
        }
        let is_news = back.counts || back.was_sent && !entry.redelivered;
        entry.redelivered |= back.was_sent;
        let deliveries = entry.deliveries;
        if queue.is_closed {
            self.discard(key, id, Settled::Discarded, output);
            return;
        }
        if deliveries >= deliveries_max && !is_grave {
            self.bury(now, key, id, DeathReason::Deliveries, output);
            return;
        }
        let due = (back.delay_ms > 0).then(|| now.after(back.delay_ms));
        if is_news {
            output.returned(&queue.name, id, Returned { deliveries, due });
        }
        match due {
            Some(due) => drop(queue.change(id, State::Delayed { due, is_new: false })),
            None => self.make_ready(key, id),
        }
    }
}

/// How a message comes back.
#[derive(Debug, Clone, Copy)]
struct Back {
    /// Whether somebody may have got it.
    was_sent: bool,
    /// Whether that was a delivery.
    counts: bool,
    delay_ms: u64,
}
