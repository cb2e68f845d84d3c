//! Each bound, at the limit and one past it.

use super::*;
use crate::message::Retain;

fn sized(bytes: usize) -> Properties {
    Properties {
        bytes,
        ..Properties::default()
    }
}

#[test]
fn of_sessions_subscriptions_and_topics() {
    let limits = Limits {
        sessions_max: 3,
        subscriptions_per_session_max: 2,
        topics_max: 1,
        ..Limits::default()
    };
    let mut w = World::limited(limits);
    let fourth = w
        .broker
        .handle_connect(SessionId(4), Login::anonymous("s4"));
    assert_eq!(fourth, Err(Refusal::SessionsFull));
    let (a, b, queue) = (
        destination("/topic/a"),
        destination("/topic/b"),
        destination("/queue/q"),
    );
    assert_eq!(w.try_subscribe(1, 1, Subscribe::new(&a)), Ok(()));
    assert_eq!(
        w.try_subscribe(1, 2, Subscribe::new(&b)),
        Err(Refusal::TopicsFull)
    );
    let client = Subscribe {
        ack: AckMode::Client,
        ..Subscribe::new(&queue)
    };
    assert_eq!(w.try_subscribe(1, 2, client), Ok(()));
    assert_eq!(
        w.try_subscribe(1, 3, Subscribe::new(&a)),
        Err(Refusal::SubscriptionsFull)
    );
    // One that has ended counts until all is acknowledged.
    w.send(2, "/queue/q", 1).unwrap();
    w.unsubscribe(1, 2).unwrap();
    assert_eq!(
        w.try_subscribe(1, 3, Subscribe::new(&a)),
        Err(Refusal::SubscriptionsFull)
    );
    w.ack(1, 2, 1).unwrap();
    assert_eq!(w.try_subscribe(1, 3, Subscribe::new(&a)), Ok(()));
}

#[test]
fn of_queues_and_consumers() {
    let limits = Limits {
        queues_max: 2,
        temporaries_per_session_max: 1,
        durables_max: 1,
        consumers_per_queue_max: 1,
        ..Limits::default()
    };
    let mut w = World::limited(limits);
    let (queue, topic) = (destination("/queue/q"), destination("/topic/a"));
    let durable = |name| Subscribe {
        durable: Some(name),
        ..Subscribe::new(&topic)
    };
    assert_eq!(w.try_subscribe(1, 1, durable("d")), Ok(()));
    assert_eq!(
        w.try_subscribe(1, 2, durable("e")),
        Err(Refusal::DurablesFull)
    );
    assert_eq!(w.try_subscribe(1, 2, Subscribe::new(&queue)), Ok(()));
    assert_eq!(
        w.try_subscribe(2, 1, Subscribe::new(&queue)),
        Err(Refusal::ConsumersFull)
    );
    assert_eq!(w.send(1, "/queue/r", 1), Err(Refusal::QueuesFull));
    let client = Subscribe {
        ack: AckMode::Client,
        ..Subscribe::new(&topic)
    };
    assert_eq!(w.try_subscribe(2, 1, client), Err(Refusal::QueuesFull));
    w.unsubscribe(1, 2).unwrap();
    assert_eq!(w.send(1, "/temp-queue/a", 1), Ok(1));
    assert_eq!(w.send(1, "/temp-queue/b", 1), Err(Refusal::TemporariesFull));
}

#[test]
fn of_a_queue_that_rejects() {
    let mut w = World::new(policy(QueuePolicy {
        messages_max: 3,
        bytes_max: 10,
        ..QueuePolicy::default()
    }));
    assert_eq!(
        w.send_with(1, "/queue/q", 1, &sized(11)),
        Err(Refusal::QueueFull)
    );
    assert_eq!(w.send_with(1, "/queue/q", 1, &sized(9)), Ok(1));
    assert_eq!(
        w.send_with(1, "/queue/q", 2, &sized(2)),
        Err(Refusal::QueueFull)
    );
    assert_eq!(w.send_with(1, "/queue/q", 2, &sized(1)), Ok(1));
    assert_eq!(w.send_with(1, "/queue/q", 3, &sized(0)), Ok(1));
    assert_eq!(
        w.send_with(1, "/queue/q", 4, &sized(0)),
        Err(Refusal::QueueFull)
    );
    let usage = w.broker.queue_usage(&destination("/queue/q")).unwrap();
    assert_eq!((usage.messages, usage.bytes), (3, 10));
}

#[test]
fn of_a_queue_that_drops() {
    let mut w = World::new(policy(QueuePolicy {
        messages_max: 3,
        overflow: Overflow::DropOldest,
        ..QueuePolicy::default()
    }));
    let low = Properties {
        priority: 1,
        ..Properties::default()
    };
    w.send(1, "/queue/q", 1).unwrap();
    w.send_with(1, "/queue/q", 2, &low).unwrap();
    w.send_with(1, "/queue/q", 3, &low).unwrap();
    w.send(1, "/queue/q", 4).unwrap();
    w.told(&["/queue/q Dropped"]);
    w.subscribe(2, 1, "/queue/q", AckMode::Client);
    w.told(&["2/1 1", "2/1 4", "2/1 3"]);
    // All of it is leased.
    assert_eq!(w.send(1, "/queue/q", 5), Err(Refusal::QueueFull));
}

#[test]
fn of_all_queues_together() {
    let mut w = World::limited(Limits {
        queued_bytes_max: 10,
        ..Limits::default()
    });
    assert_eq!(w.send_with(1, "/queue/q", 1, &sized(6)), Ok(1));
    assert_eq!(
        w.send_with(1, "/queue/r", 2, &sized(5)),
        Err(Refusal::BrokerFull)
    );
    assert_eq!(w.send_with(1, "/queue/r", 2, &sized(4)), Ok(1));
    w.subscribe(1, 1, "/topic/a", AckMode::Client);
    assert_eq!(w.send_with(1, "/topic/a", 3, &sized(1)), Ok(0));
    w.told(&["1/1 slow"]);
}

#[test]
fn of_the_queues_of_topics_together() {
    let mut w = World::limited(Limits {
        queued_bytes_max: 20,
        durable_bytes_max: 10,
        ..Limits::default()
    });
    let topics = ["/topic/a", "/topic/b", "/topic/c"].map(destination);
    let durable = |topic, slow| Subscribe {
        durable: Some("d"),
        ack: AckMode::Client,
        slow,
        ..Subscribe::new(topic)
    };
    let [a, b, c] = &topics;
    w.try_subscribe(1, 1, durable(a, SlowConsumer::End))
        .unwrap();
    w.unsubscribe(1, 1).unwrap();
    w.try_subscribe(2, 1, durable(b, SlowConsumer::End))
        .unwrap();
    w.unsubscribe(2, 1).unwrap();
    for (message, bytes) in [(1, 2), (2, 3), (3, 4)] {
        assert_eq!(w.send_with(3, "/topic/a", message, &sized(bytes)), Ok(1));
    }
    w.told(&[]);
    // One that has nothing to drop does not get it.
    assert_eq!(w.send_with(3, "/topic/b", 4, &sized(2)), Ok(0));
    assert_eq!(w.send_with(3, "/topic/b", 5, &sized(1)), Ok(1));
    w.told(&[]);
    // The other drops the oldest of its own, as many as it has to; or none, if that is not enough.
    assert_eq!(w.send_with(3, "/topic/a", 6, &sized(4)), Ok(1));
    w.told(&["/topic/a Dropped", "/topic/a Dropped"]);
    assert_eq!(w.send_with(3, "/topic/a", 7, &sized(10)), Ok(0));
    w.told(&[]);
    assert_eq!(w.broker.usage().durable_bytes, 9);
    // One that is to end, ends.
    w.subscribe(3, 1, "/topic/c", AckMode::Client);
    assert_eq!(w.send_with(3, "/topic/c", 8, &sized(1)), Ok(1));
    assert_eq!(w.send_with(3, "/topic/c", 9, &sized(1)), Ok(0));
    w.told(&["3/1 8", "3/1 slow"]);
    let drops = Subscribe {
        slow: SlowConsumer::DropOldest,
        durable: None,
        ..durable(c, SlowConsumer::End)
    };
    w.try_subscribe(3, 2, drops).unwrap();
    assert_eq!(w.send_with(3, "/topic/c", 9, &sized(1)), Ok(0));
    // What is left is for others, and what they take counts for all.
    assert_eq!(
        w.send_with(3, "/queue/q", 10, &sized(11)),
        Err(Refusal::BrokerFull)
    );
    assert_eq!(w.send_with(3, "/queue/q", 10, &sized(10)), Ok(1));
    assert_eq!(w.broker.usage().queued_bytes, 20);
    w.subscribe(2, 2, "/queue/q", AckMode::Client);
    w.ack(2, 2, 1).unwrap();
    w.ack(3, 1, 1).unwrap();
    assert_eq!(w.send_with(3, "/topic/c", 11, &sized(1)), Ok(1));
    w.log.0.clear();
    w.try_subscribe(1, 2, durable(a, SlowConsumer::End))
        .unwrap();
    w.told(&["1/2 3", "1/2 6"]);
}

#[test]
fn a_durable_subscription_drops_its_oldest_when_all_queues_are_full() {
    let mut w = World::limited(Limits {
        queued_bytes_max: 10,
        ..Limits::default()
    });
    let topic = destination("/topic/a");
    let durable = Subscribe {
        durable: Some("d"),
        ..Subscribe::new(&topic)
    };
    w.try_subscribe(1, 1, durable).unwrap();
    w.unsubscribe(1, 1).unwrap();
    for (name, message) in [("/queue/q", 1), ("/topic/a", 2), ("/topic/a", 3)] {
        assert_eq!(w.send_with(3, name, message, &sized(3)), Ok(1));
    }
    assert_eq!(w.send_with(3, "/topic/a", 4, &sized(4)), Ok(1));
    w.told(&["/topic/a Dropped"]);
    let usage = w.broker.usage();
    assert_eq!((usage.queued_bytes, usage.durable_bytes), (10, 7));
}

#[test]
fn of_retained_and_scheduled_messages() {
    let limits = Limits {
        retained_max: 1,
        retained_bytes_max: 10,
        scheduled_max: 2,
        scheduled_bytes_max: 10,
        ..Limits::default()
    };
    let mut w = World::limited(limits);
    let keep = |bytes| Properties {
        retain: Retain::Keep,
        ..sized(bytes)
    };
    let late = |bytes| Properties {
        delay_ms: 1,
        ..keep(bytes)
    };
    assert_eq!(
        w.send_with(1, "/topic/a", 1, &keep(11)),
        Err(Refusal::RetainedFull)
    );
    assert_eq!(w.send_with(1, "/topic/a", 1, &keep(5)), Ok(0));
    assert_eq!(
        w.send_with(1, "/topic/b", 1, &keep(1)),
        Err(Refusal::RetainedFull)
    );
    assert_eq!(
        w.send_with(1, "/topic/b", 2, &late(11)),
        Err(Refusal::ScheduledFull)
    );
    assert_eq!(w.send_with(1, "/topic/b", 2, &late(9)), Ok(0));
    assert_eq!(w.send_with(1, "/topic/b", 2, &late(1)), Ok(0));
    assert_eq!(
        w.send_with(1, "/topic/b", 2, &late(0)),
        Err(Refusal::ScheduledFull)
    );
    w.pass(1);
    // What is due finds no room to be retained.
    assert_eq!(
        (w.broker.usage().retained, w.broker.usage().scheduled),
        (1, 0)
    );
}

#[test]
fn of_credit() {
    let limits = Limits {
        credit_messages_max: 2,
        credit_bytes_max: 10,
        ..Limits::default()
    };
    let mut w = World::limited(limits);
    let queue = destination("/queue/q");
    let all = Subscribe {
        ack: AckMode::ClientIndividual,
        credit: Some(Credit {
            messages: 1000,
            bytes: 1000,
        }),
        ..Subscribe::new(&queue)
    };
    w.try_subscribe(1, 1, all).unwrap();
    for (message, bytes) in [(1, 20), (2, 5), (3, 5), (4, 1)] {
        w.send_with(2, "/queue/q", message, &sized(bytes)).unwrap();
    }
    // One of any length, if it is alone.
    w.told(&["1/1 1"]);
    w.ack(1, 1, 1).unwrap();
    w.told(&["1/1 2", "1/1 3"]);
    w.ack(1, 1, 3).unwrap();
    w.told(&["1/1 4"]);
}
