//! Topics: patterns, retained messages, delays, and subscriptions that have a queue.

use super::*;
use crate::message::Retain;

fn world() -> World {
    World::new(Settings::default())
}

fn retained() -> Properties {
    Properties {
        retain: Retain::Keep,
        ..Properties::default()
    }
}

#[test]
fn each_subscriber_gets_each_message_once_per_subscription() {
    let mut w = world();
    w.subscribe(1, 1, "/topic/a.b", AckMode::Auto);
    w.subscribe(1, 2, "/topic/a/*", AckMode::Auto);
    w.subscribe(2, 1, "/topic/**", AckMode::Auto);
    assert_eq!(w.send(3, "/topic/a.b", 1), Ok(3));
    w.log.0.sort();
    w.told(&["1/1 1", "1/2 1", "2/1 1"]);
    assert_eq!(w.broker.subscriber_count(&destination("/topic/a.c")), 2);
    w.unsubscribe(2, 1).unwrap();
    w.disconnect(1);
    assert_eq!(w.send(3, "/topic/a.b", 2), Ok(0));
    assert_eq!(w.broker.topic_count(), 0);
}

#[test]
fn only_the_server_sends_to_its_own_topics() {
    let mut w = world();
    let stats = "/topic/$SYS/stats";
    w.subscribe(1, 1, stats, AckMode::Auto);
    w.subscribe(2, 1, "/topic/**", AckMode::Auto);
    assert_eq!(w.send(1, stats, 1), Err(Refusal::Reserved));
    assert_eq!(
        w.broker.publish(w.now, &destination(stats), &2, &mut w.log),
        1
    );
    w.told(&["1/1 2"]);
}

#[test]
fn the_most_subscribed_topics_come_first() {
    let mut w = world();
    // Topic 0 has one subscription, topic 1 two, and so on.
    let names = (0..24_u8).flat_map(|name| std::iter::repeat_n(name, usize::from(name) + 1));
    for (id, name) in (0..).zip(names) {
        w.subscribe(1, id, &format!("/topic/{name}"), AckMode::Auto);
    }
    let most = w.broker.most_subscribed(3);
    let names: Vec<_> = most
        .iter()
        .map(|count| count.destination.as_str())
        .collect();
    assert_eq!(names, ["/topic/23", "/topic/22", "/topic/21"]);
    assert_eq!(w.broker.most_subscribed(1000).len(), w.broker.topic_count());
}

#[test]
fn retained_messages_wait_for_subscribers() {
    let mut w = world();
    w.send_with(1, "/topic/a", 1, &retained()).unwrap();
    w.send_with(1, "/topic/a", 2, &retained()).unwrap();
    let short = Properties {
        expires: Some(w.now.after(5)),
        ..retained()
    };
    w.send_with(1, "/topic/b", 3, &short).unwrap();
    w.subscribe(1, 1, "/topic/*", AckMode::Auto);
    w.subscribe(1, 2, "/topic/a", AckMode::Client);
    w.told(&["1/1 2 retained", "1/1 3 retained", "1/2 2"]);
    w.pass(5);
    let clear = Properties {
        retain: Retain::Clear,
        ..Properties::default()
    };
    w.send_with(1, "/topic/a", 4, &clear).unwrap();
    w.log.0.clear();
    w.subscribe(2, 1, "/topic/*", AckMode::Auto);
    w.told(&[]);
    assert_eq!(w.broker.usage().retained_bytes, 0);
}

#[test]
fn delayed_messages_go_to_those_who_subscribe_then() {
    let mut w = world();
    w.subscribe(1, 1, "/topic/a", AckMode::Auto);
    let late = Properties {
        delay_ms: 10,
        ..Properties::default()
    };
    assert_eq!(w.send_with(3, "/topic/a", 1, &late), Ok(0));
    w.unsubscribe(1, 1).unwrap();
    w.subscribe(2, 1, "/topic/a", AckMode::Client);
    assert_eq!(w.broker.poll_timeout(), Some(w.now.after(10)));
    w.pass(10);
    w.told(&["2/1 1"]);
}

#[test]
fn what_was_not_acknowledged_of_a_topic_comes_again_while_the_subscription_stands() {
    let mut w = world();
    w.subscribe(1, 1, "/topic/a", AckMode::ClientIndividual);
    for message in 1..=2 {
        w.send(3, "/topic/a", message).unwrap();
    }
    w.nack(1, 1, 1, Nack::default()).unwrap();
    w.told(&["1/1 1", "1/1 2", "1/1 1 again 2"]);
    w.unsubscribe(1, 1).unwrap();
    w.send(3, "/topic/a", 3).unwrap();
    w.ack(1, 1, 2).unwrap();
    w.nack(1, 1, 3, Nack::default()).unwrap();
    w.told(&["/topic/a Discarded"]);
    assert_eq!(w.broker.usage().queues, 0);
}

#[test]
fn a_durable_subscription_outlives_its_session() {
    let mut w = world();
    let topic = destination("/topic/a");
    let durable = || Subscribe {
        durable: Some("d"),
        ..Subscribe::new(&topic)
    };
    w.try_subscribe(1, 1, durable()).unwrap();
    assert_eq!(w.try_subscribe(1, 2, durable()), Err(Refusal::DurableInUse));
    assert_eq!(
        w.try_subscribe(3, 1, durable()),
        Err(Refusal::ClientUnknown)
    );
    w.disconnect(1);
    w.send(3, "/topic/a", 1).unwrap();
    w.broker.handle_connect(SessionId(1), login(1)).unwrap();
    w.try_subscribe(1, 1, durable()).unwrap();
    w.told(&["1/1 1"]);
    w.sent(1, 1, 1);
    w.unsubscribe(1, 1).unwrap();
    w.send(3, "/topic/a", 2).unwrap();
    // Another selector makes it another subscription.
    let selector = Some(Selector::parse("TRUE").unwrap());
    w.try_subscribe(
        1,
        2,
        Subscribe {
            selector,
            ..durable()
        },
    )
    .unwrap();
    w.told(&["/topic/a Discarded"]);
    let forget = |w: &mut World| {
        w.broker
            .handle_forget_durable(w.now, SessionId(1), "d", &mut w.log)
    };
    assert_eq!(forget(&mut w), Err(Refusal::DurableInUse));
    w.unsubscribe(1, 2).unwrap();
    assert_eq!(forget(&mut w), Ok(()));
    assert_eq!(forget(&mut w), Err(Refusal::DurableUnknown));
    assert_eq!(w.broker.usage().topics, 0);
}

#[test]
fn only_topics_that_last_have_durable_subscriptions() {
    let mut w = world();
    for name in ["/temp-topic/a", "/temp-topic/@s1/a", "/queue/a"] {
        let destination = destination(name);
        let durable = Subscribe {
            durable: Some("d"),
            ..Subscribe::new(&destination)
        };
        let refused = w.try_subscribe(1, 1, durable);
        assert_eq!(refused, Err(Refusal::DurableUnsupported), "{name}");
    }
    assert_eq!(
        w.broker.usage(),
        World::limited(Limits::default()).broker.usage()
    );
}

#[test]
fn a_slow_subscription_ends_or_drops() {
    let topic = QueuePolicy {
        messages_max: 2,
        ..QueuePolicy::default()
    };
    let settings = Settings {
        topic: Arc::new(topic),
        ..Settings::default()
    };
    let mut w = World::new(settings);
    let topic = destination("/topic/a");
    let slow = |slow| Subscribe {
        ack: AckMode::Client,
        credit: Some(Credit {
            messages: 1,
            bytes: 100,
        }),
        slow,
        ..Subscribe::new(&topic)
    };
    w.try_subscribe(1, 1, slow(SlowConsumer::End)).unwrap();
    w.try_subscribe(2, 1, slow(SlowConsumer::DropOldest))
        .unwrap();
    for message in 1..=3 {
        w.send(3, "/topic/a", message).unwrap();
    }
    assert!(w.log.0.contains(&"1/1 slow".to_owned()));
    w.log.0.clear();
    w.ack(1, 1, 1).unwrap();
    w.ack(2, 1, 1).unwrap();
    w.told(&["2/1 3"]);
    assert_eq!(w.unsubscribe(1, 1), Err(Refusal::SubscriptionUnknown));
}

#[test]
fn users_and_their_sessions() {
    let mut w = world();
    w.broker.handle_connect(SessionId(4), login(1)).unwrap();
    w.subscribe(1, 1, "/user/queue/a", AckMode::Auto);
    w.subscribe(4, 1, "/user/queue/*", AckMode::Auto);
    w.subscribe(2, 1, "/user/queue/a", AckMode::Auto);
    w.subscribe(3, 1, "/user/alice/queue/a", AckMode::Auto);
    assert_eq!(w.send(3, "/user/alice/queue/a", 1), Ok(2));
    w.told(&["1/1 1", "4/1 1"]);
    assert_eq!(w.send(1, "/user/s3/alice/queue/a", 2), Ok(1));
    w.told(&["3/1 2"]);
}
