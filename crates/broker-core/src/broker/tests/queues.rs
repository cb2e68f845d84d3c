//! Queues: who gets what, and what becomes of it.

use super::*;

const QUEUE: &str = "/queue/q";
const DEAD: &str = "/queue/dead-letters";

fn world() -> World {
    World::new(Settings::default())
}

#[test]
fn consumers_take_turns_by_credit() {
    let mut w = world();
    w.subscribe(1, 1, QUEUE, AckMode::Client);
    let queue = destination(QUEUE);
    let one = Subscribe {
        ack: AckMode::Client,
        credit: Some(Credit {
            messages: 1,
            bytes: 100,
        }),
        ..Subscribe::new(&queue)
    };
    w.try_subscribe(2, 1, one).unwrap();
    for message in 1..=4 {
        w.send(3, QUEUE, message).unwrap();
    }
    w.told(&["1/1 1", "2/1 2", "1/1 3", "1/1 4"]);
    w.ack(2, 1, 1).unwrap();
    w.send(3, QUEUE, 5).unwrap();
    w.send(3, QUEUE, 6).unwrap();
    w.told(&["1/1 5", "2/1 6"]);
}

#[test]
fn what_was_never_sent_was_never_delivered() {
    let mut w = world();
    w.subscribe(1, 1, QUEUE, AckMode::Client);
    for message in 1..=3 {
        w.send(3, QUEUE, message).unwrap();
    }
    w.told(&["1/1 1", "1/1 2", "1/1 3"]);
    w.unsent(1, 1, 3);
    w.unsubscribe(1, 1).unwrap();
    w.subscribe(2, 1, QUEUE, AckMode::Client);
    w.told(&["2/1 3"]);
    w.unsent(2, 1, 1);
    w.disconnect(2);
    w.disconnect(1);
    w.subscribe(3, 1, QUEUE, AckMode::Client);
    w.told(&["3/1 1 again 2", "3/1 2 again 2", "3/1 3"]);
}

#[test]
fn an_auto_consumer_that_is_not_sent_to_does_not_swallow_the_queue() {
    let mut w = world();
    let queue = destination(QUEUE);
    let two = || Subscribe {
        credit: Some(Credit {
            messages: 2,
            bytes: 100,
        }),
        ..Subscribe::new(&queue)
    };
    w.try_subscribe(1, 1, two()).unwrap();
    for message in 1..=4 {
        w.send(3, QUEUE, message).unwrap();
    }
    w.told(&["1/1 1", "1/1 2"]);
    assert_eq!(w.ack(1, 1, 1), Err(Refusal::DeliveryUnknown));
    w.sent(1, 1, 1);
    w.told(&["1/1 3"]);
    w.unsubscribe(1, 1).unwrap();
    w.subscribe(2, 1, QUEUE, AckMode::Client);
    w.told(&["2/1 2 again 1", "2/1 3 again 1", "2/1 4"]);
}

#[test]
fn cumulative_within_one_subscription_only() {
    let mut w = world();
    w.subscribe(1, 1, QUEUE, AckMode::Client);
    w.subscribe(1, 2, "/queue/r", AckMode::ClientIndividual);
    for message in 1..=3 {
        w.send(3, QUEUE, message).unwrap();
        w.send(3, "/queue/r", 10 + message).unwrap();
    }
    w.ack(1, 1, 2).unwrap();
    assert_eq!(w.ack(1, 1, 1), Err(Refusal::DeliveryUnknown));
    w.ack(1, 2, 3).unwrap();
    w.log.0.clear();
    w.disconnect(1);
    w.subscribe(2, 1, QUEUE, AckMode::Client);
    w.subscribe(2, 2, "/queue/r", AckMode::Client);
    w.told(&["2/1 3 again 2", "2/2 11 again 2", "2/2 12 again 2"]);
}

#[test]
fn what_a_lost_connection_had_comes_first_and_in_order() {
    let mut w = world();
    w.subscribe(1, 1, QUEUE, AckMode::ClientIndividual);
    for message in 1..=3 {
        w.send(3, QUEUE, message).unwrap();
    }
    w.ack(1, 1, 2).unwrap();
    w.unsubscribe(1, 1).unwrap();
    w.send(3, QUEUE, 4).unwrap();
    w.log.0.clear();
    // It has ended, and may still acknowledge.
    w.ack(1, 1, 1).unwrap();
    w.disconnect(1);
    w.subscribe(2, 1, QUEUE, AckMode::Auto);
    w.told(&["2/1 3 again 2", "2/1 4"]);
}

#[test]
fn nack_with_delay_and_death() {
    let mut w = World::new(policy(QueuePolicy {
        deliveries_max: 3,
        ..QueuePolicy::default()
    }));
    let refuse = Nack {
        requeue: false,
        delay_ms: 0,
    };
    let late = Nack {
        delay_ms: 10,
        ..Nack::default()
    };
    w.subscribe(1, 1, QUEUE, AckMode::ClientIndividual);
    w.subscribe(2, 1, DEAD, AckMode::Client);
    w.send(3, QUEUE, 1).unwrap();
    w.nack(1, 1, 1, late).unwrap();
    w.send(3, QUEUE, 2).unwrap();
    w.told(&["1/1 1", "1/1 2"]);
    w.pass(9);
    w.told(&[]);
    w.pass(1);
    w.told(&["1/1 1 again 2"]);
    w.nack(1, 1, 3, Nack::default()).unwrap();
    w.told(&["1/1 1 again 3"]);
    w.nack(1, 1, 4, Nack::default()).unwrap();
    w.told(&["/queue/q Dead", "2/1 1"]);
    w.nack(1, 1, 2, refuse).unwrap();
    w.told(&["/queue/q Dead", "2/1 2"]);
    // Dead letters die for good.
    w.nack(2, 1, 1, refuse).unwrap();
    w.told(&["/queue/dead-letters Discarded"]);
}

#[test]
fn priorities_delay_and_expiry() {
    let mut w = world();
    let now = w.now;
    let plain = Properties::default;
    let high = Properties {
        priority: 9,
        ..plain()
    };
    let late = Properties {
        delay_ms: 5,
        ..plain()
    };
    let short = Properties {
        expires: Some(now.after(5)),
        ..plain()
    };
    let past = Properties {
        expires: Some(now),
        ..plain()
    };
    for (message, properties) in [(1, plain()), (2, high), (3, late), (4, short), (5, past)] {
        w.send_with(3, QUEUE, message, &properties).unwrap();
    }
    w.told(&["/queue/q Expired"]);
    assert_eq!(w.broker.poll_timeout(), Some(now.after(5)));
    w.pass(5);
    w.told(&["/queue/q Expired"]);
    w.send(3, QUEUE, 6).unwrap();
    w.subscribe(1, 1, QUEUE, AckMode::Client);
    w.told(&["1/1 2", "1/1 1", "1/1 3", "1/1 6"]);
    assert_eq!(w.broker.poll_timeout(), None);
}

#[test]
fn an_exclusive_consumer_and_its_successor() {
    let mut w = world();
    let queue = destination(QUEUE);
    let exclusive = || Subscribe {
        ack: AckMode::Client,
        exclusive: true,
        ..Subscribe::new(&queue)
    };
    w.subscribe(1, 1, QUEUE, AckMode::Client);
    w.try_subscribe(2, 1, exclusive()).unwrap();
    w.try_subscribe(3, 1, exclusive()).unwrap();
    for message in 1..=2 {
        w.send(3, QUEUE, message).unwrap();
    }
    w.told(&["2/1 1", "2/1 2"]);
    w.disconnect(2);
    w.told(&["3/1 1 again 2", "3/1 2 again 2"]);
}

#[test]
fn groups_stay_with_a_consumer_while_it_stands() {
    let mut w = world();
    w.subscribe(1, 1, QUEUE, AckMode::Client);
    w.subscribe(2, 1, QUEUE, AckMode::Client);
    let group = |name: &str| Properties {
        group: Some(name.into()),
        ..Properties::default()
    };
    for (message, name) in [(1, "a"), (2, "b"), (3, "a"), (4, "a"), (5, "b")] {
        w.send_with(3, QUEUE, message, &group(name)).unwrap();
    }
    w.told(&["1/1 1", "2/1 2", "1/1 3", "1/1 4", "2/1 5"]);
    w.disconnect(1);
    w.told(&["2/1 1 again 2", "2/1 3 again 2", "2/1 4 again 2"]);
}

#[test]
fn groups_without_messages_are_forgotten() {
    let mut w = World::limited(Limits {
        groups_per_queue_max: 2,
        ..Limits::default()
    });
    w.subscribe(1, 1, QUEUE, AckMode::Client);
    for message in 1..=5 {
        let group = Some(message.to_string().into());
        let properties = Properties {
            group,
            ..Properties::default()
        };
        w.send_with(3, QUEUE, message, &properties).unwrap();
        let groups = w.broker.queue_usage(&destination(QUEUE)).unwrap().groups;
        assert_eq!(groups, message as usize);
    }
    w.ack(1, 1, 4).unwrap();
    w.send(3, QUEUE, 6).unwrap();
    assert_eq!(w.broker.queue_usage(&destination(QUEUE)).unwrap().groups, 2);
}

#[test]
fn what_is_for_nobody_does_not_block_others() {
    let mut w = world();
    let queue = destination(QUEUE);
    let own = Subscribe {
        no_local: true,
        ..Subscribe::new(&queue)
    };
    w.try_subscribe(1, 1, own).unwrap();
    w.send(1, QUEUE, 1).unwrap();
    w.send(2, QUEUE, 2).unwrap();
    w.told(&["1/1 2"]);
    w.subscribe(3, 1, QUEUE, AckMode::Auto);
    w.told(&["3/1 1"]);
}

#[test]
fn browsers_take_nothing_and_see_an_end() {
    let mut w = world();
    for message in 1..=3 {
        w.send(3, QUEUE, message).unwrap();
    }
    let queue = destination(QUEUE);
    let browse = Subscribe {
        browse: true,
        credit: Some(Credit {
            messages: 2,
            bytes: 100,
        }),
        ..Subscribe::new(&queue)
    };
    w.try_subscribe(1, 1, browse).unwrap();
    w.told(&["1/1 1", "1/1 2"]);
    w.send(3, QUEUE, 4).unwrap();
    w.sent(1, 1, 2);
    w.told(&["1/1 3", "1/1 end"]);
    assert_eq!(w.ack(1, 1, 3), Err(Refusal::DeliveryUnknown));
    w.unsubscribe(1, 1).unwrap();
    w.subscribe(1, 2, QUEUE, AckMode::Client);
    w.told(&["1/2 1", "1/2 2", "1/2 3", "1/2 4"]);
}

#[test]
fn a_long_queue_is_given_in_steps() {
    let mut w = world();
    let queue = destination(QUEUE);
    for message in 0..3000 {
        w.send(3, QUEUE, message).unwrap();
    }
    let all = Subscribe {
        credit: Some(Credit {
            messages: 5000,
            bytes: 1,
        }),
        ..Subscribe::new(&queue)
    };
    w.try_subscribe(1, 1, all).unwrap();
    assert_eq!(w.log.0.len(), 1000);
    assert_eq!(w.broker.poll_timeout(), Some(Timestamp::default()));
    w.pass(0);
    assert_eq!(w.log.0.len(), 3000);
    assert_eq!(w.broker.poll_timeout(), None);
}

#[test]
fn a_reply_to_of_its_own_for_each_request_is_not_too_many() {
    let mut w = World::limited(Limits {
        temporaries_per_session_max: 3,
        queues_max: 3,
        ..Limits::default()
    });
    let reply_to = |w: &mut World, name: &str| {
        let name = format!("/temp-queue/{name}");
        w.broker.handle_reply_to(SessionId(1), &destination(&name))
    };
    for request in 0..10 {
        let known = reply_to(&mut w, &request.to_string()).unwrap();
        assert_eq!(w.broker.usage().queues, 3.min(request + 1));
        // An answer to the latest finds its queue.
        assert_eq!(w.send(2, known.as_str(), request as u32), Ok(1));
        w.subscribe(1, request as u32, known.as_str(), AckMode::Auto);
        w.sent(1, request as u32, 1);
        let before = w.broker.usage().queues;
        w.unsubscribe(1, request as u32).unwrap();
        assert_eq!(w.broker.usage().queues, before - 1);
        // One to whom nobody answers.
        reply_to(&mut w, &format!("{request}.lost")).unwrap();
    }
    assert_eq!(w.broker.usage().queues, 3);
    assert_eq!(w.broker.usage().consumers, 0);
    w.disconnect(1);
    assert_eq!(w.broker.usage().queues, 0);
    assert_eq!(w.broker.poll_timeout(), None);
}

#[test]
fn the_oldest_temporary_queue_that_is_idle_makes_room() {
    let mut w = World::limited(Limits {
        temporaries_per_session_max: 3,
        ..Limits::default()
    });
    let own = |name: &str| format!("/temp-queue/@s1/{name}");
    let exists = |w: &World, name: &str| w.broker.queue_usage(&destination(&own(name))).is_some();
    w.send(1, &own("full"), 1).unwrap();
    w.subscribe(1, 1, &own("used"), AckMode::Auto);
    let reply_to = |w: &mut World, name: &str| {
        w.broker
            .handle_reply_to(SessionId(1), &destination(&own(name)))
    };
    reply_to(&mut w, "a").unwrap();
    reply_to(&mut w, "b").unwrap();
    assert!(exists(&w, "full") && exists(&w, "used") && exists(&w, "b") && !exists(&w, "a"));
    // What a transaction sends to makes no room for what else it sends to.
    w.broker.handle_begin(w.now, SessionId(1), "t").unwrap();
    for name in ["c", "b"] {
        w.send_in(1, "t", &own(name), 2).unwrap();
    }
    let commit = w.broker.handle_commit(w.now, SessionId(1), "t", &mut w.log);
    assert_eq!(commit, Err(Refusal::TemporariesFull));
    assert_eq!(w.send(1, &own("c"), 3), Ok(1));
    assert!(!exists(&w, "b"));
    assert_eq!(reply_to(&mut w, "d"), Err(Refusal::TemporariesFull));
    assert_eq!(reply_to(&mut w, "*"), Err(Refusal::Pattern));
    // One with messages stays without its subscription, and an empty one does not.
    w.unsubscribe(1, 1).unwrap();
    assert!(!exists(&w, "used"));
    w.subscribe(1, 2, &own("c"), AckMode::Client);
    w.unsubscribe(1, 2).unwrap();
    assert!(exists(&w, "c"));
    w.log.0.clear();
    w.subscribe(1, 3, &own("c"), AckMode::Auto);
    w.told(&[]);
}

#[test]
fn temporary_queues_belong_to_a_session() {
    let mut w = world();
    let short = destination("/temp-queue/replies");
    let known = w.broker.handle_reply_to(SessionId(1), &short).unwrap();
    assert_eq!(known.as_str(), "/temp-queue/@s1/replies");
    assert_eq!(w.send(2, known.as_str(), 1), Ok(1));
    assert_eq!(w.send(2, "/temp-queue/@s1/unknown", 1), Ok(0));
    let stranger = w.try_subscribe(2, 1, Subscribe::new(&known));
    assert_eq!(stranger, Err(Refusal::NotOwner));
    w.subscribe(1, 1, "/temp-queue/replies", AckMode::Auto);
    w.told(&["1/1 1"]);
    w.send(2, known.as_str(), 2).unwrap();
    w.log.0.clear();
    w.disconnect(1);
    assert_eq!(w.send(2, known.as_str(), 3), Ok(0));
    assert_eq!(w.broker.usage().queues, 0);
    let other = destination("/queue/x");
    assert_eq!(w.broker.handle_reply_to(SessionId(2), &other), Ok(other));
}
