//! BEGIN, COMMIT and ABORT: all of a transaction happens, or nothing.
//!
//! COMMIT checks everything before it does anything. Room is counted as it is before: what the ACKs of the same
//! transaction would free does not count. SENDs to queues come first, then those to topics, then ACKs and NACKs; what
//! goes to one destination keeps its order. Consumers get messages when all is done.

use super::{
    Broker,
    send::{Demand, is_queue},
};
use crate::{
    error::Refusal,
    limits::Limits,
    message::{Payload, Retain},
    output::Output,
    queue::ConsumerKey,
    queues::{Sent, Verdict},
    session::{Session, SessionId},
    time::Timestamp,
    transaction::{Decision, Send, Transaction},
};

/// The changes of a SEND beside those of durable subscriptions: it may open a queue, and have its octets apart.
const CHANGES_OF_SEND: usize = 3;

/// Of a message in a history: the record of its topic, its own, and what it displaces.
const CHANGES_OF_LOG: usize = 4;

/// The changes of an ACK: the message is settled, and maybe its octets.
const CHANGES_OF_ACK: usize = 2;

/// The changes of a NACK: the same, and a dead letter in a queue that is new.
const CHANGES_OF_NACK: usize = 4;

impl<M: Payload> Broker<M> {
    /// A client begins a transaction.
    ///
    /// # Errors
    /// [`Refusal::SessionUnknown`], [`Refusal::TransactionExists`], [`Refusal::TransactionsFull`]
    pub fn handle_begin(
        &mut self,
        now: Timestamp,
        session_id: SessionId,
        id: &str,
    ) -> Result<(), Refusal> {
        let now = self.tick(now);
        let session = self.session(session_id)?;
        if find(session, id).is_ok() {
            return Err(Refusal::TransactionExists);
        }
        let limits = &self.settings.limits;
        if session.transactions.len() >= limits.transactions_per_session_max {
            return Err(Refusal::TransactionsFull);
        }
        let too_old = now.after(limits.transaction_age_ms_max);
        let deadline = (too_old, self.next_serial());
        let transaction = Transaction::new(id, deadline);
        self.session_mut(session_id)?.transactions.push(transaction);
        self.transactions.insert((deadline, session_id));
        Ok(())
    }

    /// A client commits a transaction: all of it happens now. If it is refused, it is aborted.
    ///
    /// # Errors
    /// [`Refusal::SessionUnknown`], [`Refusal::TransactionUnknown`]; what
    /// [`Broker::handle_send`] refuses.
    pub fn handle_commit(
        &mut self,
        now: Timestamp,
        session_id: SessionId,
        id: &str,
        output: &mut impl Output<M>,
    ) -> Result<(), Refusal> {
        let now = self.tick(now);
        let transaction = self.take(session_id, id)?;
        if let Err(refusal) = self.check(session_id, &transaction) {
            self.undo(session_id, &transaction);
            return Err(refusal);
        }
        let serial = self.session(session_id)?.serial;
        let (queues, topics): (Vec<_>, Vec<_>) = transaction
            .sends
            .iter()
            .partition(|send| is_queue(&send.destination));
        for send in queues.into_iter().chain(topics) {
            let sent = Sent {
                message: &send.message,
                properties: &send.properties,
                producer: Some(serial),
                offset: None,
            };
            self.apply_send(now, session_id, &send.destination, sent, output);
        }
        for decision in &transaction.verdicts {
            let Decision {
                consumer,
                numbers,
                verdict,
            } = decision;
            self.queues
                .settle(now, *consumer, numbers, *verdict, output);
        }
        self.forget_all_ended(session_id, &transaction);
        self.queues.flush(now, output);
        Ok(())
    }

    /// A client aborts a transaction: nothing of it happens, and what it acknowledged can be acknowledged again.
    ///
    /// # Errors
    /// [`Refusal::SessionUnknown`], [`Refusal::TransactionUnknown`]
    pub fn handle_abort(
        &mut self,
        now: Timestamp,
        session_id: SessionId,
        id: &str,
    ) -> Result<(), Refusal> {
        self.tick(now);
        let transaction = self.take(session_id, id)?;
        self.undo(session_id, &transaction);
        Ok(())
    }

    /// Whether a session has this transaction open.
    #[must_use]
    pub fn has_transaction(&self, session: SessionId, id: &str) -> bool {
        let session = self.session(session);
        session.is_ok_and(|session| find(session, id).is_ok())
    }

    /// How many changes at most a store is told of the COMMIT of a transaction: what its messages do in queues, durable
    /// subscriptions and topics, and what its ACKs and NACKs do. 0 if it is not open.
    #[must_use]
    pub fn transaction_changes(&self, session: SessionId, id: &str) -> usize {
        let Ok(session) = self.session(session) else {
            return 0;
        };
        let Ok(index) = find(session, id) else {
            return 0;
        };
        let transaction = &session.transactions[index];
        let sends = transaction.sends.iter();
        let sends = sends.map(|send| {
            let retains = usize::from(send.properties.retain != Retain::No);
            let logs = match self.settings.history(&send.destination) {
                Some(_) => CHANGES_OF_LOG,
                None => 0,
            };
            CHANGES_OF_SEND + retains + logs + self.durables_of(&send.destination)
        });
        let verdicts = transaction.verdicts.iter().map(|decision| {
            let each = match decision.verdict {
                Verdict::Acknowledge => CHANGES_OF_ACK,
                Verdict::Requeue { .. } | Verdict::Refuse | Verdict::Lose => CHANGES_OF_NACK,
            };
            each * decision.numbers.len()
        });
        sends.chain(verdicts).sum()
    }

    /// Aborts the transactions that are too old.
    pub(super) fn abort_old(&mut self, now: Timestamp, output: &mut impl Output<M>) {
        while let Some((deadline, session_id)) = self.transactions.first().copied() {
            if deadline.0 > now {
                return;
            }
            self.transactions.pop_first();
            let Some(session) = self.sessions.get_mut(&session_id) else {
                continue;
            };
            let found = session
                .transactions
                .iter()
                .position(|t| t.deadline == deadline);
            if let Some(index) = found {
                let transaction = session.transactions.remove(index);
                self.transactions_bytes -= transaction.bytes;
                self.undo(session_id, &transaction);
                output.transaction_expired(session_id, &transaction.id);
            }
        }
    }

    pub(super) fn send_later(
        &mut self,
        session: SessionId,
        id: &str,
        send: Send<M>,
    ) -> Result<(), Refusal> {
        let bytes = send.properties.bytes;
        let session = self.sessions.get_mut(&session);
        let session = session.ok_or(Refusal::SessionUnknown)?;
        let limits = &self.settings.limits;
        let transaction = open(session, id, bytes, limits)?;
        if self.transactions_bytes.saturating_add(bytes) > limits.transactions_bytes_max {
            return Err(Refusal::TransactionBytesFull);
        }
        self.transactions_bytes += bytes;
        transaction.send(send);
        Ok(())
    }

    pub(super) fn decide_later(
        &mut self,
        session: SessionId,
        id: &str,
        consumer: ConsumerKey,
        numbers: Vec<u64>,
        verdict: Verdict,
    ) -> Result<(), Refusal> {
        let session = self.sessions.get_mut(&session);
        let session = session.ok_or(Refusal::SessionUnknown)?;
        let transaction = open(session, id, 0, &self.settings.limits)?;
        self.queues.hold(consumer, &numbers);
        transaction.verdicts.push(Decision {
            consumer,
            numbers,
            verdict,
        });
        Ok(())
    }

    /// A transaction, which is open no longer.
    fn take(&mut self, session_id: SessionId, id: &str) -> Result<Transaction<M>, Refusal> {
        let session = self.session_mut(session_id)?;
        let index = find(session, id)?;
        let transaction = session.transactions.remove(index);
        self.transactions
            .remove(&(transaction.deadline, session_id));
        self.transactions_bytes -= transaction.bytes;
        Ok(transaction)
    }

    /// Whether all of a transaction can happen.
    fn check(&self, session_id: SessionId, transaction: &Transaction<M>) -> Result<(), Refusal> {
        let session = self.session(session_id)?;
        let mut demand = Demand::default();
        for send in &transaction.sends {
            self.check_access(session, &send.destination)?;
            self.add_demand(&mut demand, &send.destination, &send.properties);
        }
        self.check_demand(session, &demand)
    }

    /// What a transaction acknowledged can be acknowledged again.
    fn undo(&mut self, session: SessionId, transaction: &Transaction<M>) {
        for decision in &transaction.verdicts {
            self.queues.let_go(decision.consumer, &decision.numbers);
        }
        self.forget_all_ended(session, transaction);
    }

    fn forget_all_ended(&mut self, session: SessionId, transaction: &Transaction<M>) {
        let mut consumers: Vec<_> = transaction.verdicts.iter().map(|d| d.consumer).collect();
        consumers.sort_unstable();
        consumers.dedup();
        for consumer in consumers {
            self.forget_ended(session, consumer);
        }
    }
}

fn find<M>(session: &Session<M>, id: &str) -> Result<usize, Refusal> {
    let found = session.transactions.iter().position(|t| &*t.id == id);
    found.ok_or(Refusal::TransactionUnknown)
}

/// A transaction that has room for another operation.
fn open<'a, M>(
    session: &'a mut Session<M>,
    id: &str,
    bytes: usize,
    limits: &Limits,
) -> Result<&'a mut Transaction<M>, Refusal> {
    let index = find(session, id)?;
    let transaction = &mut session.transactions[index];
    transaction.check_room(bytes, limits)?;
    Ok(transaction)
}
