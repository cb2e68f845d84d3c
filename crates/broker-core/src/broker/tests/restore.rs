//! A broker that was rebuilt is as the one before it.

use super::*;
use crate::{message::Retain, queues::Restored};

/// A broker without sessions.
fn fresh(settings: Settings) -> World {
    World {
        broker: Broker::new(settings),
        log: Log::default(),
        now: Timestamp::from_millis(1000),
    }
}

impl World {
    fn restore(&mut self, queue: &str, message: u32, properties: &Properties, restored: Restored) {
        let name = destination(queue);
        self.broker.restore_queue(&name);
        let name = QueueName::Named(name);
        self.broker
            .restore_message(&name, &message, properties, restored);
    }

    fn restore_durable(&mut self, topic: &str, selector: Option<&str>, no_local: bool) {
        let selector = selector.map(|text| Selector::parse(text).unwrap());
        let topic = destination(topic);
        self.broker
            .restore_durable("alice".into(), "d".into(), &topic, selector, no_local);
    }

    fn connect(&mut self) {
        for id in 1..=3 {
            self.broker
                .handle_connect(SessionId(id), login(id))
                .unwrap();
        }
    }
}

fn durable(topic: &Destination) -> Subscribe<'_> {
    Subscribe {
        ack: AckMode::Client,
        durable: Some("d"),
        ..Subscribe::new(topic)
    }
}

fn at(millis: u64) -> Option<Timestamp> {
    Some(Timestamp::from_millis(millis))
}

#[test]
fn messages_keep_their_order_and_priority() {
    let mut w = fresh(Settings::default());
    let plain = Properties::default();
    let urgent = Properties {
        priority: 9,
        ..Properties::default()
    };
    for (message, properties) in [(1, &plain), (2, &urgent), (3, &plain), (4, &urgent)] {
        w.restore("/queue/a", message, properties, Restored::default());
    }
    w.connect();
    w.send(1, "/queue/a", 5).unwrap();
    w.subscribe(2, 1, "/queue/a", AckMode::Auto);
    w.told(&["2/1 2", "2/1 4", "2/1 1", "2/1 3", "2/1 5"]);
}

#[test]
fn deliveries_are_counted_on() {
    let mut w = fresh(policy(QueuePolicy {
        deliveries_max: 3,
        ..QueuePolicy::default()
    }));
    let restored = Restored {
        deliveries: 1,
        redelivered: true,
        ..Restored::default()
    };
    w.restore("/queue/a", 1, &Properties::default(), restored);
    w.connect();
    w.subscribe(1, 1, "/queue/a", AckMode::Client);
    w.nack(1, 1, 1, Nack::default()).unwrap();
    w.nack(1, 1, 2, Nack::default()).unwrap();
    w.told(&["1/1 1 again 2", "1/1 1 again 3", "/queue/a Dead"]);
}

#[test]
fn what_is_delayed_waits_on_and_takes_its_place() {
    let mut w = fresh(Settings::default());
    let plain = Properties::default();
    let restored = |deliveries, due, is_new| Restored {
        deliveries,
        redelivered: deliveries > 0,
        due: at(due),
        is_new,
    };
    w.restore("/queue/a", 1, &plain, restored(1, 1020, false));
    w.restore("/queue/a", 2, &plain, restored(0, 1020, true));
    w.restore("/queue/a", 3, &plain, restored(0, 1010, true));
    w.connect();
    w.send(1, "/queue/a", 4).unwrap();
    w.pass(20);
    w.subscribe(1, 1, "/queue/a", AckMode::Auto);
    w.told(&["1/1 1 again 2", "1/1 4", "1/1 3", "1/1 2"]);
}

#[test]
fn time_goes_on_without_a_command() {
    let mut w = fresh(Settings::default());
    let short = Properties {
        expires: at(1010),
        retain: Retain::Keep,
        ..Properties::default()
    };
    w.restore("/queue/a", 1, &short, Restored::default());
    let topic = destination("/topic/a");
    w.broker.restore_retained(&topic, &2, &short);
    w.broker
        .restore_scheduled(&topic, &3, &Properties::default(), w.now.after(20));
    w.pass(0);
    assert_eq!(w.broker.poll_timeout(), at(1010));
    w.pass(10);
    w.stored(&[
        "/topic/a keeps None",
        "/queue/a 0 Expired",
        "/queue/a closed",
    ]);
    assert_eq!(w.broker.poll_timeout(), at(1020));
    w.pass(10);
    w.stored(&["0 waits no longer"]);
    assert_eq!(w.broker.poll_timeout(), None);
}

#[test]
fn a_queue_that_nobody_needs_is_closed_at_once() {
    let mut w = fresh(Settings::default());
    w.broker.restore_queue(&destination("/queue/a"));
    w.restore_durable("/topic/a", None, false);
    assert_eq!(w.broker.usage().queues, 2);
    w.pass(0);
    w.stored(&["/queue/a closed"]);
    assert_eq!(w.broker.usage().queues, 1);
}

#[test]
fn a_durable_subscription_gets_what_is_sent_and_goes_on_when_its_client_comes() {
    let mut w = fresh(Settings::default());
    w.restore_durable("/topic/*", Some("a IS NULL"), true);
    let name = QueueName::Durable {
        client: "alice".into(),
        name: "d".into(),
        topic: destination("/topic/*"),
    };
    w.broker
        .restore_message(&name, &1, &Properties::default(), Restored::default());
    w.connect();
    // Its client is session 1, which is nobody's session before it subscribes.
    w.send(1, "/topic/a", 2).unwrap();
    w.log.1.clear();
    let topic = destination("/topic/*");
    let subscribe = Subscribe {
        selector: Some(Selector::parse("a IS NULL").unwrap()),
        no_local: true,
        ..durable(&topic)
    };
    w.try_subscribe(1, 1, subscribe).unwrap();
    w.send(1, "/topic/a", 3).unwrap();
    w.send(2, "/topic/a", 4).unwrap();
    w.told(&["1/1 1", "1/1 2", "1/1 4"]);
    w.stored(&["alice.d of /topic/* 2 is 4"]);
}

#[test]
fn a_durable_subscription_that_asks_for_something_else_begins_anew() {
    let mut w = fresh(Settings::default());
    w.restore_durable("/topic/a", None, true);
    w.connect();
    w.send(2, "/topic/a", 1).unwrap();
    w.log.1.clear();
    let topic = destination("/topic/a");
    w.try_subscribe(1, 1, durable(&topic)).unwrap();
    w.stored(&[
        "alice.d of /topic/a 0 Discarded",
        "alice.d of /topic/a closed",
        "alice.d of /topic/a opened, selector None, no-local false",
    ]);
}

#[test]
fn no_bound_refuses_what_was_there() {
    let mut w = fresh(Settings {
        limits: Limits {
            queues_max: 1,
            durables_max: 0,
            queued_bytes_max: 1,
            retained_max: 0,
            scheduled_max: 0,
            ..Limits::default()
        },
        ..policy(QueuePolicy {
            messages_max: 1,
            ..QueuePolicy::default()
        })
    });
    let one = Properties {
        bytes: 1,
        ..Properties::default()
    };
    for message in [1, 2] {
        w.restore("/queue/a", message, &one, Restored::default());
    }
    w.restore("/queue/b", 3, &one, Restored::default());
    w.restore_durable("/topic/a", None, false);
    let topic = destination("/topic/a");
    w.broker.restore_retained(&topic, &4, &one);
    w.broker.restore_scheduled(&topic, &5, &one, w.now.after(1));
    w.connect();
    let usage = w.broker.usage();
    assert_eq!((usage.queues, usage.queued, usage.queued_bytes), (3, 3, 3));
    assert_eq!((usage.retained, usage.scheduled), (1, 1));
    assert_eq!(w.send(1, "/queue/a", 6), Err(Refusal::QueueFull));
    w.subscribe(1, 1, "/queue/a", AckMode::Auto);
    w.subscribe(1, 2, "/topic/a", AckMode::Auto);
    w.pass(1);
    w.told(&["1/1 1", "1/1 2", "1/2 4 retained", "1/2 5"]);
}

#[test]
#[should_panic(expected = "was not restored")]
fn a_message_has_a_queue() {
    let mut w = fresh(Settings::default());
    let name = QueueName::Named(destination("/queue/a"));
    let properties = Properties::default();
    w.broker
        .restore_message(&name, &1, &properties, Restored::default());
}

#[test]
#[should_panic(expected = "before anybody is connected")]
fn nothing_is_restored_while_somebody_is_connected() {
    let mut w = World::new(Settings::default());
    w.broker.restore_queue(&destination("/queue/a"));
}
