//! What happens when time passes.

use super::Broker;
use crate::{destination::Kind, message::Payload, output::Output, queues::Sent, time::Timestamp};

/// How many delayed messages are sent to topics in one go. What is left is due at once.
const SCHEDULED_AT_ONCE_MAX: usize = 1000;

impl<M: Payload> Broker<M> {
    /// When [`Broker::handle_timeout`] is to be called; a moment that has passed if there is work that was put off.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let transaction = self.transactions.first();
        let deadlines = [
            self.queues.deadline(),
            self.scheduled.deadline(),
            self.retained.deadline(),
            self.histories.deadline(),
            transaction.map(|((deadline, _), _)| *deadline),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Time has passed: delayed messages are due, others expire, transactions are too old. It does a bounded amount of
    /// work; [`Broker::poll_timeout`] says whether there is more.
    pub fn handle_timeout(&mut self, now: Timestamp, output: &mut impl Output<M>) {
        let now = self.tick(now);
        self.abort_old(now, output);
        self.retained
            .expire(now, |topic| output.retained(topic, None));
        self.histories.on_time(now, &self.settings.limits, output);
        for _ in 0..SCHEDULED_AT_ONCE_MAX {
            let Some((id, topic, kept)) = self.scheduled.take_due(now) else {
                break;
            };
            if topic.kind() == Kind::Topic {
                output.unscheduled(id);
            }
            let sent = Sent {
                message: &kept.message,
                properties: &kept.properties,
                producer: kept.producer,
                offset: None,
            };
            self.send_to_topic(now, &topic, sent, output);
        }
        self.queues.on_time(now);
        self.queues.flush(now, output);
    }
}
