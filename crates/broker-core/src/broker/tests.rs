//! What single commands do, and each refusal by itself. Long histories are in `tests/model`.

mod access;
mod bounds;
mod queues;
mod topics;
mod transactions;

use std::sync::Arc;

use super::*;
use crate::{
    access::{Access, Action},
    destination::Destination,
    limits::Limits,
    message::{DeliveryId, MessageId, Properties, QueueName},
    output::{Delivery, EndReason, Settled},
    session::SubscriptionId,
    settings::{Overflow, QueuePolicy},
    subscribe::{AckMode, Credit, SlowConsumer, Subscribe},
};

/// What sessions were told, as text: `session/subscription message`, and what follows if it is not the usual.
#[derive(Default)]
struct Log(Vec<String>);

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
        self.0.push(line);
    }

    fn browse_ended(&mut self, session: SessionId, subscription: SubscriptionId) {
        self.0.push(format!("{}/{} end", session.0, subscription.0));
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

    fn settled(&mut self, queue: &QueueName, _: MessageId, settled: Settled) {
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
        let mut broker = Broker::new(settings);
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
