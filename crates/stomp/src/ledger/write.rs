//! Requests to frames; and over a new connection, what the last one did not confirm.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use gumboot_stomp_proto::{
    Version,
    command::{Ack, Disconnect, Subscribe, SubscriptionKey, Transaction, Unsubscribe},
};

use super::{Awaited, Ledger, What};
use crate::{
    error::Error,
    outgoing::{check_headers, pairs},
    request::{Acknowledge, Done, Kind, Request, Subscribing},
    shared::Notes,
};

/// Headers of a SUBSCRIBE that the client sets itself.
const SUBSCRIBE_HEADERS: &[&str] = &["id", "destination", "ack", "receipt", "content-length"];

/// Headers of a NACK that the client sets itself.
const NACK_HEADERS: &[&str] = &[
    "id",
    "message-id",
    "subscription",
    "transaction",
    "receipt",
    "content-length",
];

impl Ledger {
    /// A new connection stands: subscribes again, and writes what was not confirmed, in its order.
    pub(crate) fn on_connected(
        &mut self,
        now: Instant,
        version: Version,
        write: &mut impl FnMut(&[u8]),
    ) {
        self.version = version;
        self.generation += 1;
        let mut frame = Vec::new();
        let asked: HashSet<u32> = self.awaited.values().filter_map(subscription_of).collect();
        let subscribed = self.subscriptions.keys().copied();
        let unasked: Vec<u32> = subscribed.filter(|id| !asked.contains(id)).collect();
        for id in unasked {
            self.await_receipt(now, Vec::new(), What::Subscription(id));
        }
        self.paused = None;
        self.paused_for = Duration::ZERO;
        self.give_up_what_cannot_be_carried();
        let until = now + self.receipt_wait_max;
        for subscriptions in [true, false] {
            for (number, awaited) in &mut self.awaited {
                frame.clear();
                let receipt = number.to_string();
                match &mut awaited.what {
                    What::Subscription(id) if subscriptions => {
                        if let Some(subscribing) = self.subscriptions.get(id) {
                            encode_subscribe(subscribing, &mut frame, version, &receipt);
                        }
                    }
                    What::Message(sending) if !subscriptions => {
                        let outgoing = &sending.outgoing;
                        outgoing.encode(&mut frame, version, None, Some(&receipt));
                    }
                    _ => continue,
                }
                awaited.until = until;
                if !frame.is_empty() {
                    write(&frame);
                }
            }
        }
    }

    /// A server that comes back with an older version may not take what the one before did.
    fn give_up_what_cannot_be_carried(&mut self) {
        let version = self.version;
        let wrong = self
            .awaited
            .extract_if(.., |_, awaited| match &awaited.what {
                What::Message(sending) => sending.outgoing.check(version).is_err(),
                _ => false,
            });
        let wrong: Vec<Awaited> = wrong.map(|(_, awaited)| awaited).collect();
        for awaited in wrong {
            let checked = match &awaited.what {
                What::Message(sending) => sending.outgoing.check(version),
                _ => Ok(()),
            };
            self.conclude(awaited, &checked);
        }
    }

    /// Does what a program asks for. What nobody waits for any more is not sent: who asked may have asked again.
    pub(crate) fn on_request(
        &mut self,
        now: Instant,
        request: Request,
        write: &mut impl FnMut(&[u8]),
    ) {
        let Request {
            kind,
            written,
            receipt,
        } = request;
        let gives_up = matches!(kind, Kind::Send(_) | Kind::Acknowledge(_));
        if gives_up && written.is_closed() {
            return;
        }
        let begun = match kind {
            Kind::Begin(id) => Some(id),
            _ => None,
        };
        let mut frame = Vec::new();
        let result = self.encode(now, kind, receipt, &mut frame);
        if result.is_ok() {
            write(&frame);
        }
        if let (Err(Ok(())), Some(id)) = (written.send(result), begun) {
            // Who asked is gone, and so is the handle that would end it.
            self.abort(id, write);
        }
    }

    /// Does what is left to do for handles that are gone.
    pub(crate) fn on_notes(&mut self, notes: &Notes, write: &mut impl FnMut(&[u8])) {
        for id in &notes.unsubscribed {
            self.unsubscribe(*id, write);
            self.subscriptions.remove(id);
        }
        for id in &notes.aborted {
            self.abort(*id, write);
        }
    }

    /// Says that the session ends; `done` are told at the RECEIPT.
    pub(crate) fn on_leave(
        &mut self,
        now: Instant,
        done: Vec<Done>,
        write: &mut impl FnMut(&[u8]),
    ) {
        let receipt = self.await_receipt(now, done, What::Disconnect);
        let mut frame = Vec::new();
        let disconnect = Disconnect {
            receipt: Some(receipt.into()),
        };
        disconnect.encode(&mut frame, self.version);
        write(&frame);
    }

    fn encode(
        &mut self,
        now: Instant,
        kind: Kind,
        done: Option<Done>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let version = self.version;
        let number = self.receipts.to_string();
        let receipt = done.is_some().then_some(number.as_str());
        let what = match kind {
            Kind::Send(sending) => {
                sending.outgoing.check(version)?;
                let transaction = sending.transaction.map(|id| self.begun(id)).transpose()?;
                sending
                    .outgoing
                    .encode(out, version, transaction.as_deref(), receipt);
                What::Message(sending)
            }
            Kind::Subscribe(subscribing) => {
                self.check_subscribe(&subscribing)?;
                encode_subscribe(&subscribing, out, version, &number);
                let id = subscribing.id;
                self.subscriptions.insert(id, subscribing);
                What::Subscription(id)
            }
            Kind::Unsubscribe(id) => {
                self.subscriptions.remove(&id).ok_or(Error::Ended)?;
                encode_unsubscribe(id, out, version, receipt);
                What::Other
            }
            Kind::Finish(id) => {
                if !self.subscriptions.contains_key(&id) {
                    return Err(Error::Ended);
                }
                encode_unsubscribe(id, out, version, receipt);
                What::Finish(id)
            }
            Kind::Acknowledge(acknowledge) => {
                self.encode_acknowledge(&acknowledge, receipt, out)?;
                What::Other
            }
            Kind::Begin(id) => {
                self.transactions.insert(id);
                step(&name(id), receipt).encode_begin(out, version);
                What::Other
            }
            Kind::Commit(id) => {
                let name = self.end_transaction(id)?;
                step(&name, receipt).encode_commit(out, version);
                What::Other
            }
            Kind::Abort(id) => {
                let name = self.end_transaction(id)?;
                step(&name, receipt).encode_abort(out, version);
                What::Other
            }
        };
        if let Some(done) = done {
            self.await_receipt(now, vec![done], what);
        }
        Ok(())
    }

    /// Notes that a RECEIPT of the next number is awaited, and gives its name.
    fn await_receipt(&mut self, now: Instant, done: Vec<Done>, what: What) -> String {
        let number = self.receipts;
        self.receipts += 1;
        let awaited = Awaited {
            until: self.reading_time(now) + self.receipt_wait_max,
            done,
            what,
            blamed: 0,
        };
        self.awaited.insert(number, awaited);
        number.to_string()
    }

    /// Writes an UNSUBSCRIBE for one that is subscribed.
    pub(super) fn unsubscribe(&self, id: u32, write: &mut impl FnMut(&[u8])) {
        if self.subscriptions.contains_key(&id) {
            let mut frame = Vec::new();
            encode_unsubscribe(id, &mut frame, self.version, None);
            write(&frame);
        }
    }

    fn check_subscribe(&self, subscribing: &Subscribing) -> Result<(), Error> {
        if subscribing.messages.is_closed() {
            return Err(Error::Ended);
        }
        if self.subscriptions.len() >= self.limits.subscriptions_max {
            return Err(Error::TooMany("subscriptions_max"));
        }
        let destination = &subscribing.destination;
        if !self.version.can_carry("destination", destination) {
            return Err(Error::Header("destination".to_owned()));
        }
        check_headers(&subscribing.headers, SUBSCRIBE_HEADERS, self.version)
    }

    fn encode_acknowledge(
        &self,
        acknowledge: &Acknowledge,
        receipt: Option<&str>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let message = &acknowledge.name;
        if message.generation != self.generation {
            return Err(Error::MessageStale);
        }
        if !acknowledge.consumed && self.version == Version::V1_0 {
            return Err(Error::NotInVersion(self.version));
        }
        check_headers(&acknowledge.headers, NACK_HEADERS, self.version)?;
        let transaction = acknowledge.transaction.map(|id| self.begun(id));
        let ack = Ack {
            id: message.id.as_str().into(),
            subscription: message.subscription.as_deref().map(Into::into),
            transaction: transaction.transpose()?.map(Into::into),
            receipt: receipt.map(Into::into),
        };
        match acknowledge.consumed {
            true => ack.encode_ack(out, self.version),
            false => ack.encode_nack(out, self.version, &pairs(&acknowledge.headers)),
        }
        Ok(())
    }

    /// The name of a transaction that has begun on this connection.
    fn begun(&self, id: u64) -> Result<String, Error> {
        let begun = self.transactions.contains(&id);
        begun.then(|| name(id)).ok_or(Error::TransactionLost)
    }

    fn end_transaction(&mut self, id: u64) -> Result<String, Error> {
        let begun = self.transactions.remove(&id);
        begun.then(|| name(id)).ok_or(Error::TransactionLost)
    }

    fn abort(&mut self, id: u64, write: &mut impl FnMut(&[u8])) {
        if let Ok(name) = self.end_transaction(id) {
            let mut frame = Vec::new();
            step(&name, None).encode_abort(&mut frame, self.version);
            write(&frame);
        }
    }
}

/// The subscription that a RECEIPT is to confirm, if it is for one.
fn subscription_of(awaited: &Awaited) -> Option<u32> {
    match awaited.what {
        What::Subscription(id) => Some(id),
        _ => None,
    }
}

fn name(transaction: u64) -> String {
    format!("tx-{transaction}")
}

fn step<'a>(name: &'a str, receipt: Option<&'a str>) -> Transaction<'a> {
    Transaction {
        transaction: name.into(),
        receipt: receipt.map(Into::into),
    }
}

fn key(subscription: u32) -> SubscriptionKey<'static> {
    SubscriptionKey::Id(subscription.to_string().into())
}

fn encode_subscribe(subscribing: &Subscribing, out: &mut Vec<u8>, version: Version, receipt: &str) {
    let subscribe = Subscribe {
        key: key(subscribing.id),
        destination: subscribing.destination.as_str().into(),
        ack: subscribing.ack,
        receipt: Some(receipt.into()),
    };
    match &subscribing.place {
        Some(place) => subscribe.encode(out, version, &pairs(&place.headers(&subscribing.headers))),
        None => subscribe.encode(out, version, &pairs(&subscribing.headers)),
    }
}

fn encode_unsubscribe(id: u32, out: &mut Vec<u8>, version: Version, receipt: Option<&str>) {
    let unsubscribe = Unsubscribe {
        key: key(id),
        receipt: receipt.map(Into::into),
    };
    unsubscribe.encode(out, version);
}
