//! Puts what the broker has for connections into their mailboxes.

use std::{num::NonZeroU64, sync::Arc};

use gumboot_broker_core::{
    Delivery as BrokerDelivery, EndReason, Output, SessionId, SubscriptionId,
};
use slab::Slab;
use tracing::debug;

use crate::{
    mailbox::{Delivery, Mailbox, Signal, Wakeups},
    publication::Message,
};

/// Mailboxes, and those to wake.
pub(super) struct FanOut<'a> {
    pub(super) mailboxes: &'a Slab<Arc<Mailbox>>,
    pub(super) wakeups: &'a mut Wakeups,
}

impl Output<Message> for FanOut<'_> {
    fn deliver(&mut self, to: SessionId, delivery: BrokerDelivery<'_, Message>) {
        if let Some(mailbox) = self.mailboxes.get(to.0) {
            let delivery = Delivery {
                subscription: delivery.subscription,
                number: delivery.id.and_then(|id| NonZeroU64::new(id.number)),
                deliveries: delivery.deliveries,
                is_redelivered: delivery.redelivered,
                is_retained: delivery.retained,
                offset: delivery.offset,
                publication: Arc::clone(&delivery.message.0),
            };
            mailbox.push(delivery, self.wakeups);
        }
    }

    fn browse_ended(&mut self, session: SessionId, subscription: SubscriptionId) {
        if let Some(mailbox) = self.mailboxes.get(session.0) {
            mailbox.push_browse_ended(subscription, self.wakeups);
        }
    }

    fn replay_paused(&mut self, session: SessionId) {
        if let Some(mailbox) = self.mailboxes.get(session.0) {
            mailbox.push_replay_paused(self.wakeups);
        }
    }

    /// There is no way to tell a STOMP client that one of its subscriptions has ended.
    fn subscription_ended(&mut self, session: SessionId, _: SubscriptionId, reason: EndReason) {
        debug!(session = session.0, ?reason, "a subscription ended");
        if let Some(mailbox) = self.mailboxes.get(session.0) {
            mailbox.signal(Signal::Overflow, self.wakeups);
        }
    }

    fn transaction_expired(&mut self, session: SessionId, transaction: &str) {
        debug!(
            session = session.0,
            transaction, "a transaction was too old"
        );
    }
}
