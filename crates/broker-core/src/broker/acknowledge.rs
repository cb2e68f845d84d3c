//! ACK and NACK, and what the driver says for `ack:auto`.

use super::Broker;
use crate::{
    error::Refusal,
    message::{DeliveryId, Payload},
    output::Output,
    queue::ConsumerKey,
    queues::Verdict,
    session::SessionId,
    time::Timestamp,
};

/// What a NACK asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nack {
    /// Whether the message is to be delivered again; if not, it is dead.
    pub requeue: bool,
    /// How long not, in milliseconds.
    pub delay_ms: u64,
}

impl Default for Nack {
    fn default() -> Self {
        Self {
            requeue: true,
            delay_ms: 0,
        }
    }
}

impl<M: Payload> Broker<M> {
    /// A client acknowledges a delivery, or, with `ack:client`, that and all before it of the same subscription which
    /// are not acknowledged; in a transaction, with COMMIT.
    ///
    /// # Errors
    /// [`Refusal::DeliveryUnknown`], also for what has been acknowledged; [`Refusal::DeliveryHeld`],
    /// [`Refusal::SessionUnknown`]; in a transaction [`Refusal::TransactionUnknown`], [`Refusal::TransactionFull`].
    pub fn handle_ack(
        &mut self,
        now: Timestamp,
        session: SessionId,
        delivery: DeliveryId,
        transaction: Option<&str>,
        output: &mut impl Output<M>,
    ) -> Result<(), Refusal> {
        self.decide(
            now,
            session,
            delivery,
            Verdict::Acknowledge,
            transaction,
            output,
        )
    }

    /// A client does not take a delivery, or several, as with [`Broker::handle_ack`]. They come back to their place in
    /// the queue, unless they were delivered as often as they may be.
    ///
    /// # Errors
    /// As [`Broker::handle_ack`], and [`Refusal::DelayTooLong`].
    pub fn handle_nack(
        &mut self,
        now: Timestamp,
        session: SessionId,
        delivery: DeliveryId,
        nack: Nack,
        transaction: Option<&str>,
        output: &mut impl Output<M>,
    ) -> Result<(), Refusal> {
        let Nack { requeue, delay_ms } = nack;
        if delay_ms > self.settings.limits.delay_ms_max {
            return Err(Refusal::DelayTooLong);
        }
        let verdict = if requeue {
            Verdict::Requeue { delay_ms }
        } else {
            Verdict::Refuse
        };
        self.decide(now, session, delivery, verdict, transaction, output)
    }

    /// The driver has sent a delivery with an id for `ack:auto`, or to one who only looks, and all before it of the
    /// same subscription. It may say so of any delivery: of others, the client does.
    pub fn handle_sent(
        &mut self,
        now: Timestamp,
        session: SessionId,
        delivery: DeliveryId,
        output: &mut impl Output<M>,
    ) {
        let now = self.tick(now);
        let Ok(Some(key)) = self
            .session(session)
            .map(|s| s.consumer(delivery.subscription))
        else {
            return;
        };
        let numbers = self.queues.sent(key, delivery.number);
        if !numbers.is_empty() {
            self.queues
                .settle(now, key, &numbers, Verdict::Acknowledge, output);
            self.queues.flush(now, output);
        }
    }

    /// The driver has not sent a delivery with an id, and will not: its subscription or session is about to end. Then it
    /// comes back as if it had never been delivered.
    pub fn handle_unsent(&mut self, session: SessionId, delivery: DeliveryId) {
        let session = self.session(session);
        if let Ok(Some(key)) = session.map(|s| s.consumer(delivery.subscription)) {
            self.queues.note_unsent(key, delivery.number);
        }
    }

    fn decide(
        &mut self,
        now: Timestamp,
        session_id: SessionId,
        delivery: DeliveryId,
        verdict: Verdict,
        transaction: Option<&str>,
        output: &mut impl Output<M>,
    ) -> Result<(), Refusal> {
        let now = self.tick(now);
        let key = self.session(session_id)?.consumer(delivery.subscription);
        let key = key.ok_or(Refusal::DeliveryUnknown)?;
        let numbers = self.queues.covered(key, delivery.number)?;
        if let Some(id) = transaction {
            return self.decide_later(session_id, id, key, numbers.into_vec(), verdict);
        }
        self.queues.settle(now, key, &numbers, verdict, output);
        self.forget_ended(session_id, key);
        self.queues.flush(now, output);
        Ok(())
    }

    /// Forgets a subscription that has ended, once all is acknowledged.
    pub(super) fn forget_ended(&mut self, session: SessionId, key: ConsumerKey) {
        if self.queues.forget(key)
            && let Some(session) = self.sessions.get_mut(&session)
        {
            session.ended.retain(|(_, ended)| *ended != key);
        }
    }
}
