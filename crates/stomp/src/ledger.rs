//! What a session has asked for and was not told of yet, and what it is subscribed to. It outlives connections: what a
//! lost one did not confirm is written again over the next.

mod write;

use std::{
    collections::{BTreeMap, HashSet},
    mem,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use gumboot_stomp_proto::{
    Frame, Response, Version,
    client::Event,
    command::{self, AckMode},
};

use crate::{
    error::{Error, Loss, ServerError},
    incoming::Message,
    limits::Limits,
    place::{Place, Step},
    request::{Delivered, Done, Sending, Subscribing},
    session::Handle,
    shared::Shared,
};

/// How many connections in a row may be lost while a message, or a subscription that the server refuses, is the first
/// that was not confirmed. Then it is taken for the cause and given up.
pub const BLAMED_MAX: u32 = 4;

/// The state of a session beside its connection.
#[derive(Debug)]
pub(crate) struct Ledger {
    limits: Limits,
    receipt_wait_max: Duration,
    shared: Arc<Shared>,
    handle: Weak<Handle>,
    version: Version,
    /// Counts connections.
    generation: u64,
    subscriptions: BTreeMap<u32, Subscribing>,
    /// By number, which is also the order in which they were asked for.
    awaited: BTreeMap<u64, Awaited>,
    /// The receipts that were asked for so far.
    receipts: u64,
    /// Those that have begun on this connection.
    transactions: HashSet<u64>,
    /// The ERROR that came, after which nothing more does.
    refused: Option<ServerError>,
    /// Who waits for the end that the program wanted, and how it came out. They are told last.
    left: Option<(Vec<Done>, Result<(), Error>)>,
    /// Since when nothing is read, so that no RECEIPT can come.
    paused: Option<Instant>,
    /// How long nothing was read on this connection, before that.
    paused_for: Duration,
}

/// A RECEIPT that has not come.
#[derive(Debug)]
struct Awaited {
    /// When it is given up, by a clock that stands while nothing is read ([`Ledger::reading_time`]). All wait equally
    /// long, so who was asked for first is given up first.
    until: Instant,
    done: Vec<Done>,
    what: What,
    /// The connections that were lost while this was the first that was not confirmed.
    blamed: u32,
}

/// What a RECEIPT is for.
#[derive(Debug)]
enum What {
    Disconnect,
    Message(Sending),
    Other,
    Subscription(u32),
    /// The end of a subscription, whose messages are taken until then.
    Finish(u32),
}

impl Ledger {
    pub(crate) fn new(
        limits: Limits,
        receipt_wait_max: Duration,
        shared: Arc<Shared>,
        handle: Weak<Handle>,
    ) -> Self {
        Self {
            limits,
            receipt_wait_max,
            shared,
            handle,
            version: Version::V1_0,
            generation: 0,
            subscriptions: BTreeMap::new(),
            awaited: BTreeMap::new(),
            receipts: 0,
            transactions: HashSet::new(),
            refused: None,
            left: None,
            paused: None,
            paused_for: Duration::ZERO,
        }
    }

    /// Whether more may be asked for.
    pub(crate) fn has_room(&self) -> bool {
        self.awaited.len() < self.limits.unconfirmed_max
    }

    /// Whether messages may come in. A program that waits for a RECEIPT may take no messages meanwhile, and the RECEIPT
    /// comes behind them.
    pub(crate) fn wants_messages(&self) -> bool {
        let waiting = self.shared.waiting();
        waiting.bytes < self.limits.message_bytes_waiting_max
            && (waiting.messages < self.limits.messages_waiting_max || !self.awaited.is_empty())
    }

    /// The ERROR that came.
    pub(crate) fn take_refused(&mut self) -> Option<ServerError> {
        self.refused.take()
    }

    /// Whether DISCONNECT was confirmed, or its RECEIPT given up.
    pub(crate) fn has_left(&self) -> bool {
        self.left.is_some()
    }

    /// Whether nothing waits for a RECEIPT.
    pub(crate) fn is_settled(&self) -> bool {
        self.awaited.is_empty()
    }

    /// Tells more of those who want to know that the session has ended.
    pub(crate) fn also_left(&mut self, done: Vec<Done>) {
        let mut awaited = self.awaited.values_mut();
        if let Some(left) = awaited.find(|each| matches!(each.what, What::Disconnect)) {
            left.done.extend(done);
        }
    }

    /// The server has closed behind DISCONNECT as if all were done. It counts as the RECEIPT, if no other is awaited:
    /// RabbitMQ sends none over WebSocket.
    pub(crate) fn on_closed(&mut self) {
        let is_only = self.awaited.len() == 1;
        let mut left = self.awaited.extract_if(.., |_, each| {
            is_only && matches!(each.what, What::Disconnect)
        });
        let left = left.next();
        if let Some((_, awaited)) = left {
            self.conclude(awaited, &Ok(()));
        }
    }

    /// Says whether the server is read for now: while it is not, no RECEIPT is late.
    pub(crate) fn set_reading(&mut self, now: Instant, reads: bool) {
        match self.paused {
            None if !reads => self.paused = Some(now),
            Some(since) if reads => {
                self.paused = None;
                self.paused_for += now - since;
            }
            _ => {}
        }
    }

    /// When the first RECEIPT is given up.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let (_, first) = self
            .awaited
            .first_key_value()
            .filter(|_| self.paused.is_none())?;
        Some(first.until + self.paused_for)
    }

    /// The time by which a RECEIPT is late.
    fn reading_time(&self, now: Instant) -> Instant {
        self.paused.unwrap_or(now) - self.paused_for
    }

    /// Gives up the RECEIPTs that did not come in time. A subscription that the server has not confirmed is ended, so
    /// that it does not bring messages later that nobody takes.
    pub(crate) fn handle_timeout(&mut self, now: Instant, write: &mut impl FnMut(&[u8])) {
        if self.paused.is_some() {
            return;
        }
        let now = self.reading_time(now);
        while let Some(first) = self.awaited.first_entry()
            && first.get().until <= now
        {
            let awaited = first.remove();
            if let What::Subscription(id) = awaited.what {
                self.unsubscribe(id, write);
            }
            let error = Error::ReceiptTimedOut(self.receipt_wait_max);
            self.conclude(awaited, &Err(error));
        }
    }

    /// Takes a frame of the server.
    pub(crate) fn on_event(&mut self, event: &Event<'_>) {
        match &event.response {
            Response::Connected(_) => {}
            Response::Error(error) => self.on_error(ServerError::from(error)),
            Response::Message(message) => self.on_message(message, &event.frame),
            Response::Receipt(receipt) => {
                if let Some(awaited) = self.take_awaited(&receipt.receipt_id) {
                    if let What::Subscription(id) = awaited.what {
                        self.on_subscribed(id, &event.frame);
                    }
                    self.conclude(awaited, &Ok(()));
                }
            }
        }
    }

    /// A subscription stands, here and in the history of its topic, if that has one.
    fn on_subscribed(&mut self, id: u32, frame: &Frame<'_>) {
        let Some(subscription) = self.subscriptions.get_mut(&id) else {
            return;
        };
        let step = Place::on_receipt(&mut subscription.place, &subscription.headers, frame);
        if step == Step::Gap {
            subscription.tell_gap();
        }
    }

    /// A message of a subscription that has ended meanwhile is nobody's: it is the server's to deliver it again.
    fn on_message(&mut self, message: &command::Message<'_>, frame: &Frame<'_>) {
        let Some(handle) = self.handle.upgrade() else {
            return;
        };
        let subscription = match message.subscription.as_deref() {
            Some(id) => id
                .parse()
                .ok()
                .and_then(|id| self.subscriptions.get_mut(&id)),
            None => {
                let mut all = self.subscriptions.values_mut();
                all.find(|each| each.destination == message.destination)
            }
        };
        let Some(subscription) = subscription else {
            return;
        };
        let step = Place::on_message(&mut subscription.place, frame);
        if step == Step::Again && subscription.ack == AckMode::Auto {
            return;
        }
        subscription.is_gap_told = false;
        let message = Message::new(handle, self.generation, subscription.ack, message, frame)
            .given_once(step != Step::Next);
        let delivered = Delivered::Message {
            _room: self.shared.add(message.waiting()),
            message,
        };
        // If nobody takes it any more, the note that says so is on its way.
        let _ = subscription.messages.send(Ok(delivered));
    }

    fn on_error(&mut self, error: ServerError) {
        let blamed = error.receipt_id.as_deref();
        if let Some(awaited) = blamed.and_then(|id| self.take_awaited(id))
            && !self.goes_on_without_place(&awaited)
        {
            self.conclude(awaited, &Err(Error::Refused(error.clone())));
        }
        self.refused = Some(error);
    }

    /// A subscription that could not be resumed, as its queue has no room for what was missed, is asked for once more
    /// without its place; whether this was one.
    fn goes_on_without_place(&mut self, awaited: &Awaited) -> bool {
        let What::Subscription(id) = awaited.what else {
            return false;
        };
        let Some(subscription) = self.subscriptions.get_mut(&id) else {
            return false;
        };
        let had_one = Place::give_up(&mut subscription.place, &mut subscription.headers);
        if had_one {
            subscription.tell_gap();
        }
        had_one
    }

    fn take_awaited(&mut self, receipt_id: &str) -> Option<Awaited> {
        self.awaited.remove(&receipt_id.parse().ok()?)
    }

    /// Tells those who wait for a RECEIPT how it came out.
    fn conclude(&mut self, awaited: Awaited, result: &Result<(), Error>) {
        match awaited.what {
            What::Disconnect => {
                self.left = Some((awaited.done, result.clone()));
                return;
            }
            What::Subscription(id) => {
                if let Err(error) = result {
                    self.end_subscription(id, error);
                }
            }
            What::Finish(id) => drop(self.subscriptions.remove(&id)),
            What::Message(_) | What::Other => {}
        }
        for done in awaited.done {
            let _ = done.send(result.clone());
        }
    }

    fn end_subscription(&mut self, id: u32, error: &Error) {
        if let Some(subscription) = self.subscriptions.remove(&id) {
            let _ = subscription.messages.send(Err(error.clone()));
        }
    }

    /// The connection is lost: what it did not confirm is told so, unless it can be written again over another.
    pub(crate) fn on_lost(&mut self, loss: &Loss) {
        self.transactions.clear();
        self.refused = None;
        self.blame(loss);
        let error = match loss {
            Loss::Refused(error) => Error::Refused(error.clone()),
            loss => Error::Unconfirmed(loss.clone()),
        };
        for (number, awaited) in mem::take(&mut self.awaited) {
            let again = match &awaited.what {
                What::Message(sending) => sending.transaction.is_none(),
                What::Subscription(id) => self.subscriptions.contains_key(id),
                What::Disconnect | What::Finish(_) | What::Other => false,
            };
            if !again {
                self.conclude(awaited, &Err(Error::Unconfirmed(loss.clone())));
            } else if awaited.blamed >= BLAMED_MAX {
                self.conclude(awaited, &Err(error.clone()));
            } else {
                self.awaited.insert(number, awaited);
            }
        }
    }

    /// Notes what may have cost us the connection: the first that was not confirmed, subscriptions before messages, as
    /// they are written. A subscription is blamed for an ERROR only.
    fn blame(&mut self, loss: &Loss) {
        let refused = matches!(loss, Loss::Refused(_));
        let awaited = self.awaited.values_mut();
        let rank = |awaited: &&mut Awaited| match awaited.what {
            What::Subscription(_) => 0,
            _ => 1,
        };
        let first = awaited
            .filter(|awaited| match awaited.what {
                What::Subscription(_) => refused,
                What::Message(_) => true,
                What::Disconnect | What::Finish(_) | What::Other => false,
            })
            .min_by_key(rank);
        if let Some(first) = first {
            first.blamed += 1;
        }
    }

    /// The session is over: everybody is told. With `wanted`, the program wanted it.
    pub(crate) fn on_ended(&mut self, loss: Option<&Loss>, wanted: bool) {
        let unconfirmed = Error::Unconfirmed(loss.cloned().unwrap_or(Loss::Ended));
        for (_, awaited) in mem::take(&mut self.awaited) {
            self.conclude(awaited, &Err(unconfirmed.clone()));
        }
        let subscriptions = mem::take(&mut self.subscriptions);
        if let Some(loss) = loss.filter(|_| !wanted) {
            for subscription in subscriptions.into_values() {
                let _ = subscription.messages.send(Err(Error::Lost(loss.clone())));
            }
        }
    }

    /// Tells those who waited for the end that the program wanted.
    pub(crate) fn tell_left(&mut self) {
        let (done, result) = self.left.take().unwrap_or((Vec::new(), Ok(())));
        for done in done {
            let _ = done.send(result.clone());
        }
    }
}

#[cfg(test)]
mod tests;
