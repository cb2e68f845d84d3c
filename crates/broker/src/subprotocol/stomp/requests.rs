//! Requests of the client become commands to the broker.

use std::time::Instant;

use gumboot_broker_core::{
    AckMode as BrokerAckMode, DeliveryId, Destination, Kind, Nack, Properties, Refusal, Retain,
    Send as BrokerSend, Subscribe as BrokerSubscribe, Subscribed, SubscriptionId,
};
use gumboot_stomp_proto::{
    Frame, Request,
    command::{Ack, AckMode, Send, Subscribe, SubscriptionKey, Unsubscribe},
    server::Event,
};
use gumboot_store::Level;

use super::{
    DISCONNECT_LINGER_MAX, End, Stomp,
    history_headers::Place,
    listing::{Listings, QUEUES},
    message_id,
    receipts::Wanted,
    refused::Refused,
    send_headers,
    subscribe_headers::{self, GivenUp, Options},
    subscriptions::Subscriptions,
    value::{number, truth},
    withheld::Withheld,
};
use crate::{
    journal::NotTaken,
    mailbox::Slow,
    publication::{Message, Publication},
    subprotocol::Carrier,
};

/// What a failed ACK or NACK is called, unless it is about the message.
const NOT_ACKNOWLEDGED: &str = "Acknowledgement refused";

impl Stomp {
    pub(super) fn on_event(&mut self, now: Instant, event: &Event<'_>, carrier: &mut impl Carrier) {
        self.on_request(now, event, carrier);
        // What comes until the next is nothing that its receipt waits for.
        self.turn.level = Level::Received;
    }

    fn on_request(&mut self, now: Instant, event: &Event<'_>, carrier: &mut impl Carrier) {
        let frame = &event.frame;
        let receipt = event.request.receipt();
        let mut place = Place::default();
        let wanted = match self.wanted(&event.request, frame) {
            Ok(wanted) => wanted,
            Err(refused) => return self.refuse(now, &refused, receipt, carrier),
        };
        self.turn.begin(wanted.level);
        let done = match &event.request {
            Request::Connect(connect) => self.on_connect(now, connect, frame, carrier),
            Request::Send(send) => {
                let done = self.on_send(send, frame);
                if let (Ok(()), Some(transaction), Some(receipt)) =
                    (&done, &send.transaction, receipt)
                {
                    return self.withheld.push(transaction, receipt, wanted);
                }
                done
            }
            Request::Subscribe(subscribe) => self
                .on_subscribe(subscribe, frame)
                .map(|subscribed| place = Place::of(&subscribed)),
            Request::Unsubscribe(unsubscribe) => self.on_unsubscribe(unsubscribe, frame),
            Request::Disconnect(_) => return self.on_disconnect(now, receipt, wanted, carrier),
            Request::Ack(ack) => self.on_ack(ack),
            Request::Nack(nack) => self.on_nack(nack, frame),
            Request::Begin(begin) => self.on_begin(&begin.transaction),
            Request::Commit(commit) => self.on_commit(now, &commit.transaction, carrier),
            Request::Abort(abort) => self.on_abort(&abort.transaction),
        };
        match done {
            Ok(()) => {
                let Some(receipt_id) = receipt else {
                    return;
                };
                if let Request::Subscribe(_) = event.request {
                    let ticket = self.turn.ticket_of_queue();
                    self.answer_subscribe(now, receipt_id, wanted, ticket, place, carrier);
                } else {
                    let ticket = self.turn.ticket();
                    self.answer(now, receipt_id, wanted, ticket, carrier);
                }
            }
            Err(refused) => self.refuse(now, &refused, receipt, carrier),
        }
    }

    fn on_send(&mut self, send: &Send<'_>, frame: &Frame<'_>) -> Result<(), Refused> {
        let destination = self.destination(&send.destination)?;
        self.check_sender(frame)?;
        self.messages.r#in += 1;
        let hub = self.seat.hub();
        let persistent = hub.config.durability.of(&destination).persistent;
        let now = self.turn.now(|| hub.now());
        let mut properties = send_headers::properties(frame, now, persistent)?;
        // It makes a queue, so all that is known to be wrong has been said.
        let reply_to = self.reply_to(frame)?;
        if let Some(queue) = &reply_to {
            self.subscribe_to_answers(frame, queue)?;
        }
        let publication = Publication::from_send(frame, reply_to.as_ref().map(Destination::as_str));
        // In a transaction, the receipt waits too.
        let waits = send.transaction.as_ref().and(send.receipt.as_ref());
        properties.bytes = publication.cost + waits.map_or(0, |receipt| receipt.len());
        let is_stored = self.check_store(&destination, &properties, send.transaction.is_some())?;
        if let Some(transaction) = send.transaction.as_deref().filter(|_| is_stored) {
            self.withheld.note_stored(transaction);
        }
        let send = BrokerSend {
            destination: &destination,
            message: &Message(publication),
            properties: &properties,
            transaction: send.transaction.as_deref(),
        };
        self.seat
            .send(&send, &mut self.turn)
            .map_err(Refused::by_broker("Message refused"))
    }

    /// Whether a store is to keep the message, wherever it goes; refused if that cannot be.
    fn check_store(
        &self,
        destination: &Destination,
        properties: &Properties,
        in_transaction: bool,
    ) -> Result<bool, Refused> {
        let hub = self.seat.hub();
        let Some(journal) = &hub.journal else {
            return Ok(false);
        };
        let has_history =
            destination.kind() == Kind::Topic && hub.config.broker.history(destination).is_some();
        if !properties.persistent && !has_history {
            return Ok(false);
        }
        // Whether there are durable subscriptions is looked at where it matters: a transaction may outlive the store.
        let admitted = journal.admits(properties.bytes);
        let is_stored = match destination.kind() {
            _ if has_history => true,
            Kind::Queue => true,
            Kind::Topic if properties.retain == Retain::Keep || properties.delay_ms > 0 => true,
            Kind::Topic | Kind::User if admitted.is_err() || in_transaction => {
                hub.with_broker(|broker| broker.durables_of(destination) > 0)
            }
            _ => false,
        };
        match admitted {
            // It may become a dead letter, or go to a durable subscription that comes before COMMIT.
            Err(why) if is_stored || why == NotTaken::TooLong => {
                Err(Refused::new("Message refused", &why.as_str()))
            }
            _ => Ok(is_stored),
        }
    }

    /// Where there are users, a message that names its own names the right one: receivers trust it.
    fn check_sender(&self, frame: &Frame<'_>) -> Result<(), Refused> {
        let is_free = self.seat.hub().config.foreign_user_ids;
        let Some(user) = self.user.as_ref().filter(|_| !is_free) else {
            return Ok(());
        };
        for name in ["user-id", "JMSXUserID"] {
            if frame.header(name).is_some_and(|named| named != **user) {
                return Err(Refused::header(
                    name,
                    "is the login of the sender, if it is there",
                ));
            }
        }
        Ok(())
    }

    /// Where an answer is to go, if that is a temporary destination of this session, by a name that others know.
    fn reply_to(&self, frame: &Frame<'_>) -> Result<Option<Destination>, Refused> {
        let Some(name) = frame.header("reply-to") else {
            return Ok(None);
        };
        // Any other name is between the clients.
        let Ok(destination) = self.seat.hub().config.kinds.parse(&name) else {
            return Ok(None);
        };
        if !matches!(destination.kind(), Kind::TempQueue | Kind::TempTopic) {
            return Ok(None);
        }
        let known = self.seat.reply_to(&destination);
        known
            .map(Some)
            .map_err(Refused::by_broker("Message refused"))
    }

    /// Where it is set up so, who names a queue of its own for answers is subscribed to it, by that name.
    fn subscribe_to_answers(
        &mut self,
        frame: &Frame<'_>,
        queue: &Destination,
    ) -> Result<(), Refused> {
        let subscribes = self.seat.hub().config.reply_to_subscribes;
        let name = frame.header("reply-to");
        // By its long name a queue may be another's.
        let own = name.filter(|name| queue.kind() == Kind::TempQueue && queue.as_str() != name);
        let Some(name) = own.filter(|_| subscribes) else {
            return Ok(());
        };
        let key = SubscriptionKey::Id(name);
        let Ok(id) = self
            .subscriptions
            .insert(key, BrokerAckMode::Auto, None, None)
        else {
            // It is subscribed already.
            return Ok(());
        };
        let subscribe = BrokerSubscribe::new(queue);
        self.seat
            .subscribe(id, subscribe, Slow::Disconnect, &mut self.turn)
            .map(drop)
            .map_err(Refused::by_broker("Message refused"))
    }

    fn on_subscribe(
        &mut self,
        subscribe: &Subscribe<'_>,
        frame: &Frame<'_>,
    ) -> Result<Subscribed, Refused> {
        let destination = self.destination(&subscribe.destination)?;
        let ack = match subscribe.ack {
            AckMode::Auto => BrokerAckMode::Auto,
            AckMode::Client => BrokerAckMode::Client,
            AckMode::ClientIndividual => BrokerAckMode::ClientIndividual,
        };
        let limits = &self.seat.hub().config.broker.limits;
        let mut options = Options::read(frame, &destination, subscribe.key.id(), limits)?;
        if destination.as_str() == QUEUES {
            let listed = self.list_queues(&subscribe.key, &destination, options);
            return listed.map(|()| Subscribed::default());
        }
        let slow = options.slow.clone();
        let browses = options.browse.then(|| destination.clone());
        let durable = options.durable().map(Box::from);
        let is_stream = options.is_stream();
        let command = options.subscribe(&destination, ack)?;
        let refused = Refused::by_broker("Subscription refused");
        let id = self
            .subscriptions
            .insert(subscribe.key.clone(), ack, browses, durable)
            .map_err(&refused)?;
        if is_stream {
            self.subscriptions.note_stream(id);
        }
        self.seat
            .subscribe(id, command, slow, &mut self.turn)
            .map_err(&refused)
    }

    /// One that names a durable subscription gives it up, whether the session has subscribed to it or not.
    fn on_unsubscribe(
        &mut self,
        unsubscribe: &Unsubscribe<'_>,
        frame: &Frame<'_>,
    ) -> Result<(), Refused> {
        let refused = Refused::by_broker("Unsubscribe refused");
        let (key, given_up) = (&unsubscribe.key, subscribe_headers::given_up(frame)?);
        let ended = self.subscriptions.remove(key);
        let durable = match given_up {
            GivenUp::Nothing => None,
            GivenUp::Named(name) => Some(name),
            // Clients repeat the headers of their SUBSCRIBE, which may have been one to a queue.
            GivenUp::ById => match &ended {
                Ok(ended) => ended.durable.as_deref().map(str::to_owned),
                Err(_) => key.id().map(str::to_owned),
            },
        };
        match ended {
            Ok(ended) if Self::is_listing(ended.browses.as_ref()) => {
                self.listings.remove(ended.id);
            }
            Ok(ended) => {
                let unsent = self.unsent_of(Some(ended.id));
                self.seat
                    .unsubscribe(ended.id, &unsent, &mut self.turn)
                    .map_err(&refused)?;
            }
            Err(_) if durable.is_some() => {}
            Err(refusal) => return Err(refused(refusal)),
        }
        let Some(name) = durable else {
            return Ok(());
        };
        self.seat
            .forget_durable(&name, &mut self.turn)
            .map_err(&refused)
    }

    fn on_ack(&mut self, ack: &Ack<'_>) -> Result<(), Refused> {
        let Some(delivery) = self.delivery(ack)? else {
            return Ok(());
        };
        self.seat
            .ack(delivery, ack.transaction.as_deref(), &mut self.turn)
            .map_err(Refused::by_broker(NOT_ACKNOWLEDGED))
    }

    fn on_nack(&mut self, nack: &Ack<'_>, frame: &Frame<'_>) -> Result<(), Refused> {
        let requeue = frame.header("requeue");
        let delay = frame.header("delay");
        let how = Nack {
            requeue: requeue.map_or(Ok(true), |value| truth("requeue", &value))?,
            delay_ms: delay.map_or(Ok(0), |value| number("delay", &value))?,
        };
        let Some(delivery) = self.delivery(nack)? else {
            return Ok(());
        };
        let transaction = nack.transaction.as_deref();
        self.seat
            .nack(delivery, how, transaction, &mut self.turn)
            .map_err(Refused::by_broker(NOT_ACKNOWLEDGED))
    }

    /// The delivery that an ACK or NACK names; none if it is for one who only looked, whether that has ended or not.
    fn delivery(&self, ack: &Ack<'_>) -> Result<Option<DeliveryId>, Refused> {
        let unknown = || Refused::by_broker(NOT_ACKNOWLEDGED)(Refusal::DeliveryUnknown);
        let delivery = message_id::parse(&ack.id).ok_or_else(unknown)?;
        let id = delivery.subscription;
        let mut name = ack.subscription.iter();
        if name.any(|name| !self.subscriptions.is_named(id, name)) {
            return Err(unknown());
        }
        if !self.subscriptions.only_looks(id) {
            return Ok(Some(delivery));
        }
        let hub = self.seat.hub();
        let is_open =
            |id: &str| hub.with_broker(|broker| broker.has_transaction(self.seat.id(), id));
        match ack.transaction.as_deref() {
            Some(transaction) if !is_open(transaction) => Err(
                Refused::by_broker(NOT_ACKNOWLEDGED)(Refusal::TransactionUnknown),
            ),
            _ => Ok(None),
        }
    }

    fn on_begin(&mut self, transaction: &str) -> Result<(), Refused> {
        self.seat
            .begin(transaction)
            .map_err(Refused::by_broker("Transaction refused"))?;
        let limits = &self.seat.hub().config.broker.limits;
        self.withheld
            .begin(transaction, limits.transactions_per_session_max);
        Ok(())
    }

    fn on_commit(
        &mut self,
        now: Instant,
        transaction: &str,
        carrier: &mut impl Carrier,
    ) -> Result<(), Refused> {
        const REFUSED: &str = "Transaction refused";
        let withheld = self.withheld.take(transaction);
        let journal = self.seat.hub().journal.as_ref();
        let admitted = journal.map_or(Ok(()), |journal| {
            if withheld.is_stored && journal.has_failed() {
                return Err(NotTaken::Failed);
            }
            let session = self.seat.id();
            let hub = self.seat.hub();
            journal.admits_changes(
                hub.with_broker(|broker| broker.transaction_changes(session, transaction)),
            )
        });
        if let Err(why) = admitted {
            self.seat
                .abort(transaction)
                .map_err(Refused::by_broker(REFUSED))?;
            return Err(Refused::new(REFUSED, &why.as_str()));
        }
        self.turn.level = self.turn.level.max(withheld.level());
        self.seat
            .commit(transaction, &mut self.turn)
            .map_err(Refused::by_broker(REFUSED))?;
        let ticket = self.turn.ticket();
        for (receipt, wanted) in withheld.receipts {
            self.answer(now, &receipt, wanted, ticket.clone(), carrier);
        }
        Ok(())
    }

    fn on_abort(&mut self, transaction: &str) -> Result<(), Refused> {
        self.withheld.take(transaction);
        self.seat
            .abort(transaction)
            .map_err(Refused::by_broker("Transaction refused"))
    }

    /// The RECEIPT is the last that the client hears: what waits for it is dropped.
    fn on_disconnect(
        &mut self,
        now: Instant,
        receipt: Option<&str>,
        wanted: Wanted,
        carrier: &mut impl Carrier,
    ) {
        self.leave();
        self.end = End::Disconnected(now + DISCONNECT_LINGER_MAX);
        if let Some(receipt_id) = receipt {
            self.answer_disconnect(now, receipt_id, wanted, carrier);
        }
    }

    /// The client is gone, as far as the broker is concerned.
    pub(super) fn leave(&mut self) {
        self.seat.disconnect(&self.unsent_of(None), &mut self.turn);
        self.turn.wake();
        self.outbox = None;
        self.subscriptions = Subscriptions::default();
        self.withheld = Withheld::default();
        self.listings = Listings::default();
    }

    /// What was taken out of the mailbox to be acknowledged, and is not sent; of one subscription or of all.
    fn unsent_of(&self, subscription: Option<SubscriptionId>) -> Vec<DeliveryId> {
        let items = self.outbox.iter().flat_map(|outbox| outbox.iter());
        items.filter_map(|item| item.id_of(subscription)).collect()
    }

    fn destination(&self, name: &str) -> Result<Destination, Refused> {
        let parsed = self.seat.hub().config.kinds.parse(name);
        parsed.map_err(|error| Refused::new("Invalid destination", &error))
    }
}
