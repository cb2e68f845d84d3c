//! What a store is told, so that nothing is lost when the server starts anew.

use super::*;
use crate::message::Retain;

fn world() -> World {
    World::new(Settings::default())
}

fn delayed(delay_ms: u64) -> Properties {
    Properties {
        delay_ms,
        ..Properties::default()
    }
}

fn retain(retain: Retain) -> Properties {
    Properties {
        retain,
        bytes: 1,
        ..Properties::default()
    }
}

fn durable<'a>(topic: &'a Destination, selector: Option<&str>, no_local: bool) -> Subscribe<'a> {
    Subscribe {
        ack: AckMode::Client,
        selector: selector.map(|text| Selector::parse(text).unwrap()),
        no_local,
        durable: Some("d"),
        ..Subscribe::new(topic)
    }
}

#[test]
fn a_queue_is_opened_by_the_first_send_and_closed_when_it_is_empty_and_unused() {
    let mut w = world();
    w.send(1, "/queue/a", 5).unwrap();
    w.stored(&["/queue/a opened", "/queue/a 0 is 5"]);
    w.subscribe(2, 1, "/queue/a", AckMode::Client);
    w.send(1, "/queue/a", 6).unwrap();
    w.ack(2, 1, 2).unwrap();
    w.stored(&[
        "/queue/a 1 is 6",
        "/queue/a 0 Acknowledged",
        "/queue/a 1 Acknowledged",
    ]);
    w.unsubscribe(2, 1).unwrap();
    w.stored(&["/queue/a closed"]);
    w.subscribe(2, 2, "/queue/b", AckMode::Auto);
    w.stored(&["/queue/b opened"]);
    w.disconnect(2);
    w.stored(&["/queue/b closed"]);
}

#[test]
fn a_queue_for_dead_letters_is_opened_before_they_come() {
    let mut w = world();
    w.send(1, "/queue/a", 5).unwrap();
    w.subscribe(2, 1, "/queue/a", AckMode::Client);
    w.log.1.clear();
    let refuse = Nack {
        requeue: false,
        delay_ms: 0,
    };
    w.nack(2, 1, 1, refuse).unwrap();
    w.stored(&[
        "/queue/dead-letters opened",
        "/queue/dead-letters 1 is 5",
        "/queue/a 0 Dead",
    ]);
}

#[test]
fn temporary_queues_and_those_of_subscriptions_are_not_opened_nor_closed() {
    let mut w = world();
    w.subscribe(1, 1, "/temp-queue/a", AckMode::Auto);
    w.subscribe(1, 2, "/topic/a", AckMode::Client);
    w.broker
        .handle_reply_to(SessionId(1), &destination("/temp-queue/b"))
        .unwrap();
    w.send(1, "/temp-queue/c", 1).unwrap();
    w.send(1, "/topic/a", 2).unwrap();
    w.unsubscribe(1, 1).unwrap();
    w.unsubscribe(1, 2).unwrap();
    w.disconnect(1);
    w.stored(&[
        "/temp-queue/@s1/c 0 is 1",
        "some of /topic/a 1 is 2",
        "some of /topic/a 1 Discarded",
        "/temp-queue/@s1/c 0 Discarded",
    ]);
}

#[test]
fn a_durable_subscription_is_opened_when_it_begins_and_not_when_it_goes_on() {
    let mut w = world();
    let topic = destination("/topic/a");
    w.send_with(2, "/topic/a", 1, &retain(Retain::Keep))
        .unwrap();
    w.stored(&["/topic/a keeps Some(1)"]);
    w.try_subscribe(1, 1, durable(&topic, None, true)).unwrap();
    let opened = "alice.d of /topic/a opened, selector None, no-local true";
    w.stored(&[opened, "alice.d of /topic/a 0 is 1"]);
    w.unsubscribe(1, 1).unwrap();
    w.try_subscribe(1, 2, durable(&topic, None, true)).unwrap();
    w.stored(&[]);
}

#[test]
fn a_durable_subscription_that_is_another_now_is_closed_before_it_is_opened() {
    let mut w = world();
    let topic = destination("/topic/a");
    w.try_subscribe(1, 1, durable(&topic, None, false)).unwrap();
    w.send(2, "/topic/a", 1).unwrap();
    w.unsubscribe(1, 1).unwrap();
    w.send(2, "/topic/a", 2).unwrap();
    w.log.1.clear();
    w.try_subscribe(1, 2, durable(&topic, Some("a = 1"), false))
        .unwrap();
    w.stored(&[
        "alice.d of /topic/a 1 Discarded",
        "alice.d of /topic/a closed",
        "alice.d of /topic/a opened, selector Some(\"a = 1\"), no-local false",
    ]);
    // What the first was delivered is settled, and does not come back.
    let back = Nack::default();
    w.nack(1, 1, 1, back).unwrap();
    w.stored(&["alice.d of /topic/a 0 Discarded"]);
}

#[test]
fn a_durable_subscription_is_closed_when_it_is_given_up() {
    let mut w = world();
    let topic = destination("/topic/a");
    w.try_subscribe(1, 1, durable(&topic, None, false)).unwrap();
    w.send(2, "/topic/a", 1).unwrap();
    w.disconnect(1);
    w.broker.handle_connect(SessionId(1), login(1)).unwrap();
    w.log.1.clear();
    w.broker
        .handle_forget_durable(w.now, SessionId(1), "d", &mut w.log)
        .unwrap();
    w.stored(&[
        "alice.d of /topic/a 0 Discarded",
        "alice.d of /topic/a closed",
    ]);
}

#[test]
fn what_a_client_gives_back_has_returned_with_its_delay() {
    let mut w = world();
    w.subscribe(1, 1, "/queue/a", AckMode::ClientIndividual);
    w.send(2, "/queue/a", 5).unwrap();
    w.log.1.clear();
    w.nack(1, 1, 1, Nack::default()).unwrap();
    w.stored(&["/queue/a 0 again, 1"]);
    let later = Nack {
        requeue: true,
        delay_ms: 500,
    };
    w.nack(1, 1, 2, later).unwrap();
    w.stored(&["/queue/a 0 again, 2, at 1500"]);
    w.pass(500);
    w.told(&["1/1 5", "1/1 5 again 2", "1/1 5 again 3"]);
    w.stored(&[]);
    w.disconnect(1);
    w.stored(&["/queue/a 0 again, 3"]);
}

#[test]
fn what_was_never_sent_has_not_returned() {
    let mut w = world();
    w.send(2, "/queue/a", 5).unwrap();
    w.log.1.clear();
    for ack in [AckMode::Auto, AckMode::Client] {
        w.broker.handle_connect(SessionId(4), login(3)).unwrap();
        w.subscribe(4, 1, "/queue/a", ack);
        w.unsent(4, 1, 1);
        w.disconnect(4);
        w.stored(&[]);
    }
    w.told(&["4/1 5", "4/1 5"]);
}

#[test]
fn what_ack_auto_may_have_sent_returns_once_without_a_delivery() {
    let mut w = world();
    w.send(1, "/queue/a", 5).unwrap();
    w.log.1.clear();
    w.subscribe(2, 1, "/queue/a", AckMode::Auto);
    w.unsubscribe(2, 1).unwrap();
    w.stored(&["/queue/a 0 again, 0"]);
    w.subscribe(2, 1, "/queue/a", AckMode::Auto);
    w.unsubscribe(2, 1).unwrap();
    w.told(&["2/1 5", "2/1 5 again 1"]);
    w.stored(&[]);
}

#[test]
fn what_dies_of_its_deliveries_has_not_returned() {
    let mut w = World::new(policy(QueuePolicy {
        deliveries_max: 1,
        ..QueuePolicy::default()
    }));
    w.subscribe(1, 1, "/queue/a", AckMode::Client);
    w.send(2, "/queue/a", 5).unwrap();
    w.log.1.clear();
    w.disconnect(1);
    w.stored(&[
        "/queue/dead-letters opened",
        "/queue/dead-letters 1 is 5",
        "/queue/a 0 Dead",
        "/queue/a closed",
    ]);
}

#[test]
fn a_retained_value_is_told_whenever_it_changes() {
    let mut w = world();
    let clear = retain(Retain::Clear);
    w.send_with(1, "/topic/a", 1, &clear).unwrap();
    w.stored(&[]);
    for message in [2, 3] {
        w.send_with(1, "/topic/a", message, &retain(Retain::Keep))
            .unwrap();
    }
    w.send_with(1, "/topic/a", 4, &clear).unwrap();
    w.stored(&[
        "/topic/a keeps Some(2)",
        "/topic/a keeps Some(3)",
        "/topic/a keeps None",
    ]);
    let short = Properties {
        expires: Some(Timestamp::from_millis(1010)),
        ..retain(Retain::Keep)
    };
    w.send_with(1, "/topic/a", 5, &short).unwrap();
    w.log.1.clear();
    w.pass(9);
    w.stored(&[]);
    w.pass(1);
    w.stored(&["/topic/a keeps None"]);
}

#[test]
fn a_delayed_value_without_room_leaves_none() {
    let mut w = World::limited(Limits {
        retained_bytes_max: 2,
        ..Limits::default()
    });
    w.send_with(1, "/topic/a", 1, &retain(Retain::Keep))
        .unwrap();
    let long = Properties {
        delay_ms: 10,
        bytes: 3,
        ..retain(Retain::Keep)
    };
    w.send_with(1, "/topic/a", 2, &long).unwrap();
    w.send_with(1, "/topic/b", 3, &long).unwrap();
    w.log.1.clear();
    w.pass(10);
    w.stored(&[
        "0 waits no longer",
        "/topic/a keeps None",
        "1 waits no longer",
    ]);
}

#[test]
fn a_delayed_message_to_a_topic_is_told_until_it_is_sent() {
    let mut w = world();
    let topic = destination("/topic/a");
    w.try_subscribe(1, 1, durable(&topic, None, false)).unwrap();
    w.log.1.clear();
    w.send_with(2, "/topic/a", 5, &delayed(20)).unwrap();
    w.stored(&["/topic/a waits for 5, 0, until 1020, 20"]);
    w.pass(20);
    w.stored(&["0 waits no longer", "alice.d of /topic/a 0 is 5"]);
    w.send_with(1, "/temp-topic/a", 6, &delayed(20)).unwrap();
    w.pass(20);
    w.stored(&[]);
}

#[test]
fn a_transaction_is_told_with_its_commit() {
    let mut w = world();
    w.broker.handle_begin(w.now, SessionId(1), "t").unwrap();
    w.send_in(1, "t", "/queue/a", 5).unwrap();
    w.stored(&[]);
    w.broker
        .handle_commit(w.now, SessionId(1), "t", &mut w.log)
        .unwrap();
    w.stored(&["/queue/a opened", "/queue/a 0 is 5"]);
}
