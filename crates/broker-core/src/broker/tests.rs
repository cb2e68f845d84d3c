//! What single commands do, and each refusal by itself. Long histories are in `tests/model`.

mod access;
mod bounds;
mod history;
mod listing;
mod queues;
mod restore;
mod stored;
mod topics;
mod transactions;

use std::sync::Arc;

use super::*;
use crate::{
    access::{Access, Action},
    destination::Destination,
    limits::Limits,
    message::{DeliveryId, MessageId, Properties, QueueName},
    output::{Delivery, DurableBinding, EndReason, Returned, ScheduledId, Settled},
    selector::Selector,
    session::SubscriptionId,
    settings::{Overflow, QueuePolicy},
    subscribe::{AckMode, Credit, SlowConsumer, Subscribe},
};

/// What sessions were told, as text: `session/subscription message`, and what follows if it is not the usual. Then what
/// a store is told.
#[derive(Default)]
struct Log(Vec<String>, Vec<String>);

impl Output<u32> for Log {
    fn deliver(&mut self, to: SessionId, delivery: Delivery<'_, u32>) {
        let Delivery {
            subscription,
            message,
            deliveries,
            ..
        } = delivery;
        let mut line = format!("{}/{} {message}", to.0, subscription.0);
        if delivery.redelivered {
            line += &format!(" again {deliveries}");
        }
        if delivery.retained {
            line += " retained";
        }
        if let Some(offset) = delivery.offset {
            line += &format!(" @{offset}");
        }
        self.0.push(line);
    }

    fn browse_ended(&mut self, session: SessionId, subscription: SubscriptionId) {
        self.0.push(format!("{}/{} end", session.0, subscription.0));
    }

    fn replay_paused(&mut self, session: SessionId) {
        self.0.push(format!("{} paused", session.0));
    }

    fn subscription_ended(
        &mut self,
        session: SessionId,
        subscription: SubscriptionId,
        _: EndReason,
    ) {
        self.0
            .push(format!("{}/{} slow", session.0, subscription.0));
    }

    fn transaction_expired(&mut self, session: SessionId, transaction: &str) {
        self.0.push(format!("{} {transaction} expired", session.0));
    }

    fn opened(&mut self, queue: &QueueName, binding: Option<DurableBinding<'_>>) {
        let mut line = format!("{} opened", text(queue));
        if let Some(binding) = binding {
            let selector = binding.selector.map(Selector::as_str);
            line += &format!(", selector {selector:?}, no-local {}", binding.no_local);
        }
        self.1.push(line);
    }

    fn closed(&mut self, queue: &QueueName) {
        self.1.push(format!("{} closed", text(queue)));
    }

    fn enqueued(&mut self, queue: &QueueName, id: MessageId, message: &u32, _: &Properties) {
        let line = format!("{} {} is {message}", text(queue), id.0);
        self.1.push(line);
    }

    fn returned(&mut self, queue: &QueueName, id: MessageId, state: Returned) {
        let Returned { deliveries, due } = state;
        let mut line = format!("{} {} again, {deliveries}", text(queue), id.0);
        if let Some(due) = due {
            line += &format!(", at {}", due.as_millis());
        }
        self.1.push(line);
    }

    fn retained(&mut self, topic: &Destination, kept: Option<(&u32, &Properties)>) {
        let kept = kept.map(|(message, _)| message);
        self.1.push(format!("{topic} keeps {kept:?}"));
    }

    fn scheduled(
        &mut self,
        id: ScheduledId,
        topic: &Destination,
        message: &u32,
        properties: &Properties,
        due: Timestamp,
    ) {
        let (due, delay) = (due.as_millis(), properties.delay_ms);
        let line = format!(
            "{topic} waits for {message}, {}, until {due}, {delay}",
            id.0
        );
        self.1.push(line);
    }

    fn unscheduled(&mut self, id: ScheduledId) {
        self.1.push(format!("{} waits no longer", id.0));
    }

    fn settled(&mut self, queue: &QueueName, id: MessageId, settled: Settled) {
        self.1.push(format!("{} {} {settled:?}", text(queue), id.0));
        if settled != Settled::Acknowledged {
            self.0.push(format!("{} {settled:?}", queue.destination()));
        }
    }
}

/// A broker with sessions 1 to 3, of the users `alice`, `bob` and nobody.
struct World {
    broker: Broker<u32>,
    log: Log,
    now: Timestamp,
}

fn destination(name: &str) -> Destination {
    Destination::parse(name).unwrap()
}

fn login(id: usize) -> Login {
    let user = [None, Some("alice"), Some("bob"), None][id];
    Login {
        user: user.map(Into::into),
        client: user.map(Into::into),
        ..Login::anonymous(format!("s{id}"))
    }
}

impl World {
    fn new(settings: Settings) -> Self {
        Self::with(Broker::new(settings))
    }

    fn with(mut broker: Broker<u32>) -> Self {
        for id in 1..=3 {
            broker.handle_connect(SessionId(id), login(id)).unwrap();
        }
        Self {
            broker,
            log: Log::default(),
            now: Timestamp::from_millis(1000),
        }
    }

    fn limited(limits: Limits) -> Self {
        Self::new(Settings {
            limits,
            ..Settings::default()
        })
    }

    /// Subscription `id` of a session.
    fn subscribe(&mut self, session: usize, id: u32, name: &str, ack: AckMode) {
        let destination = destination(name);
        let subscribe = Subscribe {
            ack,
            ..Subscribe::new(&destination)
        };
        self.try_subscribe(session, id, subscribe).unwrap();
    }

    fn try_subscribe(
        &mut self,
        session: usize,
        id: u32,
        subscribe: Subscribe<'_>,
    ) -> Result<(), Refusal> {
        let (session, id) = (SessionId(session), SubscriptionId(id));
        self.broker
            .handle_subscribe(self.now, session, id, subscribe, &mut self.log)
            .map(drop)
    }

    fn unsubscribe(&mut self, session: usize, id: u32) -> Result<(), Refusal> {
        let (session, id) = (SessionId(session), SubscriptionId(id));
        self.broker
            .handle_unsubscribe(self.now, session, id, &mut self.log)
    }

    fn send(&mut self, session: usize, name: &str, message: u32) -> Result<usize, Refusal> {
        self.send_with(session, name, message, &Properties::default())
    }

    fn send_with(
        &mut self,
        session: usize,
        name: &str,
        message: u32,
        properties: &Properties,
    ) -> Result<usize, Refusal> {
        let send = Send {
            destination: &destination(name),
            message: &message,
            properties,
            transaction: None,
        };
        self.broker
            .handle_send(self.now, SessionId(session), &send, &mut self.log)
    }

    fn send_in(
        &mut self,
        session: usize,
        id: &str,
        name: &str,
        message: u32,
    ) -> Result<usize, Refusal> {
        let send = Send {
            destination: &destination(name),
            message: &message,
            properties: &Properties {
                bytes: 1,
                ..Properties::default()
            },
            transaction: Some(id),
        };
        self.broker
            .handle_send(self.now, SessionId(session), &send, &mut self.log)
    }

    fn ack(&mut self, session: usize, subscription: u32, number: u64) -> Result<(), Refusal> {
        let (session, id) = (SessionId(session), delivery(subscription, number));
        self.broker
            .handle_ack(self.now, session, id, None, &mut self.log)
    }

    fn nack(
        &mut self,
        session: usize,
        subscription: u32,
        number: u64,
        nack: Nack,
    ) -> Result<(), Refusal> {
        let (session, id) = (SessionId(session), delivery(subscription, number));
        self.broker
            .handle_nack(self.now, session, id, nack, None, &mut self.log)
    }

    fn sent(&mut self, session: usize, subscription: u32, number: u64) {
        let (session, id) = (SessionId(session), delivery(subscription, number));
        self.broker
            .handle_sent(self.now, session, id, &mut self.log);
    }

    fn unsent(&mut self, session: usize, subscription: u32, number: u64) {
        let id = delivery(subscription, number);
        self.broker.handle_unsent(SessionId(session), id);
    }

    fn disconnect(&mut self, session: usize) {
        self.broker
            .handle_disconnect(self.now, SessionId(session), &mut self.log);
    }

    fn pass(&mut self, millis: u64) {
        self.now = self.now.after(millis);
        while self
            .broker
            .poll_timeout()
            .is_some_and(|deadline| deadline <= self.now)
        {
            self.broker.handle_timeout(self.now, &mut self.log);
        }
    }

    /// What was told since the last time.
    #[track_caller]
    fn told(&mut self, expected: &[&str]) {
        assert_eq!(std::mem::take(&mut self.log.0), expected);
    }

    /// What a store was told since the last time.
    #[track_caller]
    fn stored(&mut self, expected: &[&str]) {
        assert_eq!(std::mem::take(&mut self.log.1), expected);
    }
}

/// A queue in a line for a store.
fn text(queue: &QueueName) -> String {
    match queue {
        QueueName::Named(name) => name.to_string(),
        QueueName::Durable {
            client,
            name,
            topic,
        } => format!("{client}.{name} of {topic}"),
        QueueName::Private { topic, .. } => format!("some of {topic}"),
    }
}

fn delivery(subscription: u32, number: u64) -> DeliveryId {
    DeliveryId {
        subscription: SubscriptionId(subscription),
        number,
    }
}

fn policy(policy: QueuePolicy) -> Settings {
    Settings {
        queue: Arc::new(policy),
        ..Settings::default()
    }
}
