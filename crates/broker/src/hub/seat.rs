//! The place of a connection in the hub, and what it can ask of the broker from there.

use std::sync::Arc;

use gumboot_broker_core::{
    DeliveryId, Destination, Login, Nack, Refusal, Send, SessionId, Subscribe, Subscribed,
    SubscriptionId,
};

use super::Hub;
use crate::{
    journal::Turn,
    mailbox::{Mailbox, Slow},
    publication::Message,
};

/// The place of a connection in the hub, given back when dropped.
///
/// What a command leaves to be done is in its `turn`.
#[derive(Debug)]
pub(crate) struct Seat {
    hub: Arc<Hub>,
    id: SessionId,
    mailbox: Arc<Mailbox>,
}

impl Seat {
    pub(super) fn new(hub: Arc<Hub>, id: SessionId, mailbox: Arc<Mailbox>) -> Self {
        Self { hub, id, mailbox }
    }

    pub(crate) fn id(&self) -> SessionId {
        self.id
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    pub(crate) fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// The client of this connection has logged in.
    pub(crate) fn connect(&self, login: Login) -> Result<(), Refusal> {
        self.hub.lock().broker.handle_connect(self.id, login)
    }

    /// The client is gone, though its connection may stand for a while. `unsent` was taken from the mailbox, and is not
    /// going to be sent.
    pub(crate) fn disconnect(&self, unsent: &[DeliveryId], turn: &mut Turn) {
        self.hub.command(turn, |broker, now, output| {
            for id in unsent.iter().chain(&self.mailbox.unsent(None)) {
                broker.handle_unsent(self.id, *id);
            }
            broker.handle_disconnect(now, self.id, output);
        });
    }

    pub(crate) fn subscribe(
        &self,
        subscription: SubscriptionId,
        subscribe: Subscribe<'_>,
        slow: Slow,
        turn: &mut Turn,
    ) -> Result<Subscribed, Refusal> {
        self.mailbox.set_policy(subscription, slow);
        self.hub.command(turn, |broker, now, output| {
            broker.handle_subscribe(now, self.id, subscription, subscribe, output)
        })
    }

    /// Ends a subscription; of `unsent` as of [`Seat::disconnect`].
    pub(crate) fn unsubscribe(
        &self,
        subscription: SubscriptionId,
        unsent: &[DeliveryId],
        turn: &mut Turn,
    ) -> Result<(), Refusal> {
        self.hub.command(turn, |broker, now, output| {
            for id in unsent
                .iter()
                .chain(&self.mailbox.unsent(Some(subscription)))
            {
                broker.handle_unsent(self.id, *id);
            }
            broker.handle_unsubscribe(now, self.id, subscription, output)
        })?;
        self.mailbox.forget(subscription);
        Ok(())
    }

    pub(crate) fn forget_durable(&self, name: &str, turn: &mut Turn) -> Result<(), Refusal> {
        self.hub.command(turn, |broker, now, output| {
            broker.handle_forget_durable(now, self.id, name, output)
        })
    }

    pub(crate) fn send(&self, send: &Send<'_, Message>, turn: &mut Turn) -> Result<(), Refusal> {
        self.hub.command(turn, |broker, now, output| {
            broker.handle_send(now, self.id, send, output).map(drop)
        })
    }

    pub(crate) fn reply_to(&self, destination: &Destination) -> Result<Destination, Refusal> {
        self.hub.lock().broker.handle_reply_to(self.id, destination)
    }

    pub(crate) fn ack(
        &self,
        delivery: DeliveryId,
        transaction: Option<&str>,
        turn: &mut Turn,
    ) -> Result<(), Refusal> {
        self.hub.command(turn, |broker, now, output| {
            broker.handle_ack(now, self.id, delivery, transaction, output)
        })
    }

    pub(crate) fn nack(
        &self,
        delivery: DeliveryId,
        nack: Nack,
        transaction: Option<&str>,
        turn: &mut Turn,
    ) -> Result<(), Refusal> {
        self.hub.command(turn, |broker, now, output| {
            broker.handle_nack(now, self.id, delivery, nack, transaction, output)
        })
    }

    /// These deliveries, and all before them of the same subscriptions, were sent.
    pub(crate) fn sent(&self, deliveries: &[DeliveryId], turn: &mut Turn) {
        self.hub.command(turn, |broker, now, output| {
            for id in deliveries {
                broker.handle_sent(now, self.id, *id, output);
            }
        });
    }

    /// What was replayed until now was sent.
    pub(crate) fn replayed(&self, turn: &mut Turn) {
        self.hub.command(turn, |broker, now, output| {
            broker.handle_replayed(now, self.id, output);
        });
    }

    pub(crate) fn begin(&self, transaction: &str) -> Result<(), Refusal> {
        self.hub.command(&mut Turn::default(), |broker, now, _| {
            broker.handle_begin(now, self.id, transaction)
        })
    }

    pub(crate) fn commit(&self, transaction: &str, turn: &mut Turn) -> Result<(), Refusal> {
        self.hub.command(turn, |broker, now, output| {
            broker.handle_commit(now, self.id, transaction, output)
        })
    }

    pub(crate) fn abort(&self, transaction: &str) -> Result<(), Refusal> {
        self.hub.command(&mut Turn::default(), |broker, now, _| {
            broker.handle_abort(now, self.id, transaction)
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut turn = Turn::default();
        self.disconnect(&[], &mut turn);
        turn.wake();
        let mut shared = self.hub.lock();
        shared.mailboxes.remove(self.id.0);
        let is_last = shared.mailboxes.is_empty();
        drop(shared);
        if is_last {
            self.hub.emptied.notify_waiters();
        }
    }
}
