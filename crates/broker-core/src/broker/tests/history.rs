//! Topics with a history: what is kept of them, and who begins in it.

use super::*;
use crate::{
    destination::Destination,
    history::{Epoch, HistoryPolicy, Position, ReplayFrom},
    message::Retain,
    selector::Selector,
    subscribe::Subscribed,
};

const EPOCH: Epoch = Epoch(7);

/// What a store is told.
#[derive(Default)]
struct Store {
    logged: Vec<(String, u64, u32)>,
    trimmed: Vec<(String, u64)>,
    reserved: Vec<u64>,
}

impl Output<u32> for Store {
    fn deliver(&mut self, _: SessionId, _: Delivery<'_, u32>) {}

    fn logged(&mut self, topic: &Destination, offset: u64, m: &u32, _: &Properties, _: Timestamp) {
        self.logged.push((topic.to_string(), offset, *m));
    }

    fn trimmed(&mut self, topic: &Destination, offset: u64) {
        self.trimmed.push((topic.to_string(), offset));
    }

    fn offsets_reserved(&mut self, until: u64) {
        self.reserved.push(until);
    }
}

fn settings(policy: HistoryPolicy, limits: Limits) -> Settings {
    Settings {
        limits,
        histories: vec![(destination("/topic/h.**"), Arc::new(policy))],
        epoch: EPOCH,
        ..Settings::default()
    }
}

fn world() -> World {
    World::new(settings(HistoryPolicy::default(), Limits::default()))
}

fn windowed(messages_max: usize) -> World {
    let policy = HistoryPolicy {
        messages_max,
        ..HistoryPolicy::default()
    };
    World::new(settings(policy, Limits::default()))
}

fn behind(offset: u64) -> ReplayFrom {
    let epoch = EPOCH;
    ReplayFrom::Behind(Position { epoch, offset })
}

/// What a subscription is told that begins behind `offset`.
fn told(offset: u64, recovered: Option<bool>) -> Result<Subscribed, Refusal> {
    let epoch = EPOCH;
    Ok(Subscribed {
        position: Some(Position { epoch, offset }),
        recovered,
    })
}

impl World {
    fn from(
        &mut self,
        session: usize,
        id: u32,
        topic: &str,
        from: ReplayFrom,
    ) -> Result<Subscribed, Refusal> {
        let topic = destination(topic);
        let subscribe = Subscribe {
            from: Some(from),
            ..Subscribe::new(&topic)
        };
        self.subscribe_with(session, id, subscribe)
    }

    fn subscribe_with(
        &mut self,
        session: usize,
        id: u32,
        subscribe: Subscribe<'_>,
    ) -> Result<Subscribed, Refusal> {
        let (session, id) = (SessionId(session), SubscriptionId(id));
        self.broker
            .handle_subscribe(self.now, session, id, subscribe, &mut self.log)
    }

    fn replayed(&mut self, session: usize) {
        let session = SessionId(session);
        self.broker
            .handle_replayed(self.now, session, &mut self.log);
    }

    fn send_all(&mut self, topic: &str, messages: impl IntoIterator<Item = u32>) {
        for message in messages {
            self.send(3, topic, message).unwrap();
        }
    }
}

#[test]
fn who_comes_back_gets_what_it_has_missed() {
    let mut w = world();
    let topic = destination("/topic/h.a");
    let begun = w.subscribe_with(1, 1, Subscribe::new(&topic));
    assert_eq!(begun, told(0, None));
    w.send_all("/topic/h.a", 11..=12);
    w.told(&["1/1 11 @1", "1/1 12 @2"]);
    w.disconnect(1);
    w.send_all("/topic/h.a", 13..=14);
    assert_eq!(w.from(2, 1, "/topic/h.a", behind(2)), told(2, Some(true)));
    w.told(&["2/1 13 @3", "2/1 14 @4", "2 paused"]);
    // It has caught up: what comes now is live.
    w.send_all("/topic/h.a", 15..=15);
    w.told(&["2/1 15 @5"]);
    w.replayed(2);
    w.told(&[]);
    w.unsubscribe(2, 1).unwrap();
    assert_eq!(w.from(2, 2, "/topic/h.a", behind(5)), told(5, Some(true)));
    w.told(&[]);
}

#[test]
fn what_is_not_known_is_not_recovered() {
    let mut w = windowed(2);
    w.send_all("/topic/h.a", 11..=14);
    // Of 11 to 14, the latest two are kept.
    assert_eq!(w.from(1, 1, "/topic/h.a", behind(2)), told(2, Some(true)));
    assert_eq!(w.from(2, 1, "/topic/h.a", behind(1)), told(2, Some(false)));
    let kept = ["1/1 13 @3", "1/1 14 @4", "1 paused"];
    let kept_2 = ["2/1 13 @3", "2/1 14 @4", "2 paused"];
    w.told(&[kept, kept_2].concat());
    let other = ReplayFrom::Behind(Position {
        epoch: Epoch(8),
        offset: 4,
    });
    assert_eq!(w.from(3, 1, "/topic/h.a", other), told(2, Some(false)));
    w.told(&["3/1 13 @3", "3/1 14 @4", "3 paused"]);
    // Offsets that were never given are of another world.
    assert_eq!(w.from(3, 2, "/topic/h.a", behind(5)), told(4, Some(false)));
    assert_eq!(
        w.from(3, 3, "/topic/h.a", behind(u64::MAX)),
        told(4, Some(false))
    );
    let none = Subscribed {
        position: None,
        recovered: Some(false),
    };
    assert_eq!(w.from(3, 4, "/topic/a", behind(0)), Ok(none));
    w.send(3, "/topic/a", 1).unwrap();
    w.told(&["3/4 1"]);
}

#[test]
fn where_a_stream_begins() {
    let mut w = windowed(3);
    for message in 11..=15 {
        w.send(3, "/topic/h.a", message).unwrap();
        w.pass(1000);
    }
    let since = |millis| ReplayFrom::Since(Timestamp::from_millis(millis));
    let cases = [
        (ReplayFrom::First, 3),
        (ReplayFrom::Last, 5),
        (ReplayFrom::Next, 6),
        (ReplayFrom::At(4), 4),
        (ReplayFrom::At(1), 3),
        (ReplayFrom::At(99), 6),
        (since(4_000), 4),
        (since(4_001), 5),
        (since(0), 3),
        (since(9_000), 6),
    ];
    for (id, (from, first)) in (1..).zip(cases) {
        assert_eq!(w.from(1, id, "/topic/h.a", from), told(first - 1, None));
        let expected: Vec<_> = (first..=5)
            .map(|offset| format!("1/{id} {} @{offset}", offset + 10))
            .collect();
        let paused = (first < 6).then(|| "1 paused".to_owned());
        let expected: Vec<_> = expected.into_iter().chain(paused).collect();
        assert_eq!(std::mem::take(&mut w.log.0), expected, "{from:?}");
        w.replayed(1);
    }
}

#[test]
fn a_long_replay_comes_in_portions_and_joins_what_is_sent_meanwhile() {
    let limits = Limits {
        replay_messages_max: 2,
        ..Limits::default()
    };
    let mut w = World::new(settings(HistoryPolicy::default(), limits));
    w.send_all("/topic/h.a", 11..=14);
    w.from(1, 1, "/topic/h.a", behind(0)).unwrap();
    w.told(&["1/1 11 @1", "1/1 12 @2", "1 paused"]);
    // Another of the same session waits its turn, and live messages for both are not sent before their time.
    w.from(1, 2, "/topic/h.a", behind(3)).unwrap();
    w.send_all("/topic/h.a", 15..=15);
    w.told(&[]);
    w.replayed(1);
    w.told(&["1/1 13 @3", "1/1 14 @4", "1 paused"]);
    w.replayed(1);
    w.told(&["1/2 14 @4", "1/2 15 @5", "1 paused"]);
    w.replayed(1);
    w.told(&["1/1 15 @5", "1 paused"]);
    w.send_all("/topic/h.a", 16..=16);
    w.told(&["1/2 16 @6", "1/1 16 @6"]);
    w.replayed(1);
    w.told(&[]);
}

#[test]
fn a_portion_has_so_many_bytes() {
    let limits = Limits {
        replay_bytes_max: 10,
        ..Limits::default()
    };
    let mut w = World::new(settings(HistoryPolicy::default(), limits));
    for (message, bytes) in [(1, 99), (2, 5), (3, 5), (4, 1)] {
        let properties = Properties {
            bytes,
            ..Properties::default()
        };
        w.send_with(3, "/topic/h.a", message, &properties).unwrap();
    }
    w.from(1, 1, "/topic/h.a", ReplayFrom::First).unwrap();
    w.told(&["1/1 1 @1", "1 paused"]);
    w.replayed(1);
    w.told(&["1/1 2 @2", "1/1 3 @3", "1 paused"]);
    w.replayed(1);
    w.told(&["1/1 4 @4", "1 paused"]);
}

#[test]
fn a_reader_that_is_overtaken_ends_or_goes_on_behind() {
    let policy = HistoryPolicy {
        messages_max: 3,
        ..HistoryPolicy::default()
    };
    let limits = Limits {
        replay_messages_max: 1,
        ..Limits::default()
    };
    let mut w = World::new(settings(policy, limits));
    w.send_all("/topic/h.a", 1..=3);
    let topic = destination("/topic/h.a");
    for (session, slow) in [(1, SlowConsumer::End), (2, SlowConsumer::DropOldest)] {
        let subscribe = Subscribe {
            from: Some(behind(0)),
            slow,
            ..Subscribe::new(&topic)
        };
        assert_eq!(w.subscribe_with(session, 1, subscribe), told(0, Some(true)));
    }
    w.told(&["1/1 1 @1", "1 paused", "2/1 1 @1", "2 paused"]);
    w.send_all("/topic/h.a", 4..=5);
    w.replayed(1);
    w.told(&["1/1 slow"]);
    assert_eq!(w.unsubscribe(1, 1), Err(Refusal::SubscriptionUnknown));
    w.replayed(2);
    w.told(&["2/1 3 @3", "2 paused"]);
}

#[test]
fn selectors_and_no_local_hold_for_what_is_replayed() {
    let mut w = world();
    w.send(1, "/topic/h.a", 1).unwrap();
    w.send(2, "/topic/h.a", 2).unwrap();
    let topic = destination("/topic/h.a");
    let no_local = Subscribe {
        from: Some(ReplayFrom::First),
        no_local: true,
        ..Subscribe::new(&topic)
    };
    w.subscribe_with(1, 1, no_local).unwrap();
    w.told(&["1/1 2 @2", "1 paused"]);
    let nothing = Subscribe {
        from: Some(ReplayFrom::First),
        selector: Some(Selector::parse("color = 'red'").unwrap()),
        ..Subscribe::new(&topic)
    };
    w.subscribe_with(2, 1, nothing).unwrap();
    w.told(&[]);
    w.send(2, "/topic/h.a", 3).unwrap();
    w.send(1, "/topic/h.a", 4).unwrap();
    w.told(&["1/1 3 @3"]);
}

#[test]
fn what_has_expired_is_not_replayed_and_not_missed() {
    let mut w = world();
    let properties = Properties {
        expires: Some(w.now.after(10)),
        ..Properties::default()
    };
    w.send_with(3, "/topic/h.a", 1, &properties).unwrap();
    w.send(3, "/topic/h.a", 2).unwrap();
    w.pass(10);
    assert_eq!(w.from(1, 1, "/topic/h.a", behind(0)), told(0, Some(true)));
    w.told(&["1/1 2 @2", "1 paused"]);
}

#[test]
fn a_delayed_message_is_kept_when_it_is_due() {
    let mut w = world();
    let properties = Properties {
        delay_ms: 10,
        ..Properties::default()
    };
    w.send_with(3, "/topic/h.a", 1, &properties).unwrap();
    w.send(3, "/topic/h.a", 2).unwrap();
    w.pass(10);
    w.from(1, 1, "/topic/h.a", ReplayFrom::First).unwrap();
    w.told(&["1/1 2 @1", "1/1 1 @2", "1 paused"]);
}

#[test]
fn the_retained_value_is_not_sent_twice() {
    let mut w = windowed(2);
    let keep = Properties {
        retain: Retain::Keep,
        ..Properties::default()
    };
    w.send_with(3, "/topic/h.a", 1, &keep).unwrap();
    w.send(3, "/topic/h.a", 2).unwrap();
    w.from(1, 1, "/topic/h.a", ReplayFrom::First).unwrap();
    w.told(&["1/1 1 @1", "1/1 2 @2", "1 paused"]);
    // Whose place is that of a RECEIPT may not have got the value that came behind it.
    w.from(2, 1, "/topic/h.a", behind(1)).unwrap();
    w.told(&["2/1 1 retained", "2/1 2 @2", "2 paused"]);
    w.from(2, 3, "/topic/h.a", behind(0)).unwrap();
    w.replayed(2);
    w.told(&["2/3 1 @1", "2/3 2 @2", "2 paused"]);
    w.replayed(2);
    w.from(2, 2, "/topic/h.a", ReplayFrom::Next).unwrap();
    w.told(&["2/2 1 retained"]);
    // It is not among what is kept any more.
    w.send(3, "/topic/h.a", 3).unwrap();
    w.log.0.clear();
    w.from(3, 1, "/topic/h.a", ReplayFrom::First).unwrap();
    w.told(&["3/1 1 retained", "3/1 2 @2", "3/1 3 @3", "3 paused"]);
    w.from(3, 2, "/topic/h.a", behind(3)).unwrap();
    w.told(&["3/2 1 retained"]);
}

#[test]
fn a_durable_subscription_is_told_no_place() {
    let mut w = world();
    let topic = destination("/topic/h.a");
    let durable = Subscribe {
        durable: Some("d"),
        ..Subscribe::new(&topic)
    };
    let begun = w.subscribe_with(1, 1, durable);
    assert_eq!(begun, Ok(Subscribed::default()));
}

#[test]
fn where_there_may_be_no_history_nothing_is_recovered() {
    let limits = Limits {
        histories_max: 0,
        ..Limits::default()
    };
    let mut w = World::new(settings(HistoryPolicy::default(), limits));
    let topic = destination("/topic/h.a");
    let begun = w.subscribe_with(1, 1, Subscribe::new(&topic));
    assert_eq!(begun, Ok(Subscribed::default()));
    w.send_all("/topic/h.a", 1..=1);
    w.told(&["1/1 1"]);
    let none = Subscribed {
        position: None,
        recovered: Some(false),
    };
    assert_eq!(w.from(2, 1, "/topic/h.a", behind(0)), Ok(none));
}

#[test]
fn who_replays_takes_the_place_of_a_topic() {
    let limits = Limits {
        topics_max: 1,
        replay_messages_max: 1,
        ..Limits::default()
    };
    let mut w = World::new(settings(HistoryPolicy::default(), limits));
    w.send_all("/topic/h.a", 1..=2);
    w.send_all("/topic/h.b", 3..=4);
    w.from(1, 1, "/topic/h.a", ReplayFrom::First).unwrap();
    let full = w.from(1, 2, "/topic/h.b", ReplayFrom::First);
    assert_eq!(full, Err(Refusal::TopicsFull));
    w.subscribe(2, 1, "/topic/h.a", AckMode::Auto);
    w.unsubscribe(2, 1).unwrap();
    w.replayed(1);
    w.replayed(1);
    assert_eq!(w.broker.topic_count(), 1);
    assert_eq!(w.broker.subscriber_count(&destination("/topic/h.a")), 1);
    // It goes with its subscription, while that reads and when it has caught up, and with its session.
    w.unsubscribe(1, 1).unwrap();
    assert_eq!(w.broker.topic_count(), 0);
    w.from(1, 3, "/topic/h.b", ReplayFrom::First).unwrap();
    w.unsubscribe(1, 3).unwrap();
    assert_eq!(w.broker.topic_count(), 0);
    w.from(2, 2, "/topic/h.a", ReplayFrom::First).unwrap();
    w.disconnect(2);
    assert_eq!(w.broker.topic_count(), 0);
}

#[test]
fn who_acknowledges_gets_all_at_once_and_in_order() {
    let mut w = world();
    for (message, priority) in [(1, 0), (2, 9), (3, 4)] {
        let properties = Properties {
            priority,
            ..Properties::default()
        };
        w.send_with(3, "/topic/h.a", message, &properties).unwrap();
    }
    let topic = destination("/topic/h.a");
    let subscribe = Subscribe {
        ack: AckMode::ClientIndividual,
        credit: Some(Credit {
            messages: 2,
            bytes: 100,
        }),
        from: Some(behind(0)),
        ..Subscribe::new(&topic)
    };
    assert_eq!(w.subscribe_with(1, 1, subscribe), told(0, Some(true)));
    w.told(&["1/1 1 @1", "1/1 2 @2"]);
    w.send(3, "/topic/h.a", 4).unwrap();
    w.ack(1, 1, 1).unwrap();
    w.ack(1, 1, 2).unwrap();
    w.told(&["1/1 3 @3", "1/1 4 @4"]);
}

#[test]
fn who_acknowledges_is_refused_what_does_not_fit() {
    let mut settings = settings(HistoryPolicy::default(), Limits::default());
    settings.topic = Arc::new(QueuePolicy {
        messages_max: 3,
        ..QueuePolicy::default()
    });
    let mut w = World::new(settings);
    let keep = Properties {
        retain: Retain::Keep,
        ..Properties::default()
    };
    w.send_with(3, "/topic/h.a", 1, &keep).unwrap();
    w.send_all("/topic/h.a", 2..=4);
    let topic = destination("/topic/h.a");
    let subscribe = |from| Subscribe {
        ack: AckMode::Client,
        from: Some(from),
        ..Subscribe::new(&topic)
    };
    let refused = w.subscribe_with(1, 1, subscribe(behind(0)));
    assert_eq!(refused, Err(Refusal::ReplayTooLong));
    // The retained value takes a place, too.
    let refused = w.subscribe_with(1, 1, subscribe(ReplayFrom::At(2)));
    assert_eq!(refused, Err(Refusal::ReplayTooLong));
    assert_eq!(w.broker.usage().queues, 0);
    w.subscribe_with(1, 1, subscribe(ReplayFrom::At(3)))
        .unwrap();
    w.told(&["1/1 1", "1/1 3 @3", "1/1 4 @4"]);
    w.subscribe_with(2, 1, subscribe(behind(2))).unwrap();
    w.told(&["2/1 1", "2/1 3 @3", "2/1 4 @4"]);
}

#[test]
fn who_acknowledges_is_refused_what_is_too_much_to_look_at() {
    let limits = Limits {
        replay_queued_messages_max: 3,
        ..Limits::default()
    };
    let mut w = World::new(settings(HistoryPolicy::default(), limits));
    w.send_all("/topic/h.a", 1..=4);
    let topic = destination("/topic/h.a");
    let subscribe = |ack, offset| Subscribe {
        ack,
        from: Some(behind(offset)),
        // It wants none of them; they are looked at nevertheless.
        selector: Some(Selector::parse("color = 'red'").unwrap()),
        ..Subscribe::new(&topic)
    };
    let refused = w.subscribe_with(1, 1, subscribe(AckMode::Client, 0));
    assert_eq!(refused, Err(Refusal::ReplayTooLong));
    assert_eq!(w.broker.usage().queues, 0);
    let begun = w.subscribe_with(1, 1, subscribe(AckMode::Client, 1));
    assert_eq!(begun, told(1, Some(true)));
    let begun = w.subscribe_with(1, 2, subscribe(AckMode::Auto, 0));
    assert_eq!(begun, told(0, Some(true)));
}

#[test]
fn who_cannot_begin_in_a_history() {
    let mut w = world();
    for name in ["/topic/h.*", "/queue/h.a", "/temp-topic/a", "/user/h"] {
        let refused = w.from(1, 1, name, ReplayFrom::First);
        assert_eq!(refused, Err(Refusal::ReplayUnsupported), "{name}");
    }
    let topic = destination("/topic/h.a");
    let durable = Subscribe {
        durable: Some("d"),
        from: Some(ReplayFrom::First),
        ..Subscribe::new(&topic)
    };
    let refused = w.subscribe_with(1, 1, durable);
    assert_eq!(refused, Err(Refusal::ReplayUnsupported));
    // Without, a pattern has no place of its own.
    let pattern = destination("/topic/h.*");
    let begun = w.subscribe_with(1, 1, Subscribe::new(&pattern));
    assert_eq!(begun, Ok(Subscribed::default()));
    w.send(3, "/topic/h.a", 1).unwrap();
    w.told(&["1/1 1 @1"]);
}

#[test]
fn each_bound_of_a_history() {
    let policy = HistoryPolicy {
        messages_max: 100,
        bytes_max: 10,
        age_ms_max: 50,
    };
    let mut w = World::new(settings(policy, Limits::default()));
    let sized = |bytes| Properties {
        bytes,
        ..Properties::default()
    };
    for message in 1..=3 {
        w.send_with(3, "/topic/h.a", message, &sized(5)).unwrap();
    }
    let usage = w.broker.usage();
    assert_eq!((usage.history, usage.history_bytes), (2, 10));
    // One that is longer than all of it has an offset, and is gone.
    w.send_with(3, "/topic/h.a", 4, &sized(11)).unwrap();
    assert_eq!(w.broker.usage().history, 0);
    assert_eq!(w.from(1, 1, "/topic/h.a", behind(3)), told(4, Some(false)));
    assert_eq!(w.from(1, 2, "/topic/h.a", behind(4)), told(4, Some(true)));
    w.pass(10);
    w.send(3, "/topic/h.a", 5).unwrap();
    w.pass(49);
    assert_eq!(w.broker.usage().history, 1);
    w.pass(1);
    assert_eq!(w.broker.usage().history, 0);
    assert_eq!(w.broker.poll_timeout(), None);
    assert_eq!(w.broker.usage().histories, 1);
}

#[test]
fn what_is_longest_unused_is_forgotten_and_no_offset_comes_again() {
    let limits = Limits {
        histories_max: 2,
        ..Limits::default()
    };
    let mut w = World::new(settings(HistoryPolicy::default(), limits));
    w.send_all("/topic/h.a", 1..=3);
    w.send(3, "/topic/h.b", 4).unwrap();
    // A subscriber uses it.
    w.subscribe(2, 1, "/topic/h.a", AckMode::Auto);
    w.send(3, "/topic/h.c", 5).unwrap();
    assert_eq!(w.broker.usage().histories, 2);
    assert_eq!(w.from(1, 1, "/topic/h.a", behind(0)), told(0, Some(true)));
    assert_eq!(w.from(1, 2, "/topic/h.b", behind(0)), told(5, Some(false)));
    w.log.0.clear();
    w.send(3, "/topic/h.b", 6).unwrap();
    w.told(&["1/2 6 @6"]);
}

#[test]
fn all_histories_together_are_bounded() {
    let limits = Limits {
        history_bytes_max: 10,
        ..Limits::default()
    };
    let mut w = World::new(settings(HistoryPolicy::default(), limits));
    let sized = Properties {
        bytes: 4,
        ..Properties::default()
    };
    for (message, topic) in (1..).zip(["/topic/h.a", "/topic/h.b", "/topic/h.b"]) {
        w.send_with(3, topic, message, &sized).unwrap();
    }
    let usage = w.broker.usage();
    assert_eq!((usage.histories, usage.history_bytes), (1, 8));
    w.send_with(3, "/topic/h.b", 4, &sized).unwrap();
    assert_eq!(w.broker.usage().history_bytes, 8);
    assert_eq!(w.from(1, 1, "/topic/h.b", behind(1)), told(2, Some(false)));
}

#[test]
fn a_topic_without_messages_has_a_place() {
    let mut w = world();
    w.send_all("/topic/h.a", 1..=3);
    let topic = destination("/topic/h.b");
    let begun = w.subscribe_with(1, 1, Subscribe::new(&topic));
    assert_eq!(begun, told(3, None));
    w.disconnect(1);
    w.send_all("/topic/h.a", 4..=4);
    w.send_all("/topic/h.b", 5..=5);
    assert_eq!(w.from(2, 1, "/topic/h.b", behind(3)), told(3, Some(true)));
    w.told(&["2/1 5 @5", "2 paused"]);
}

#[test]
fn a_store_is_told_what_it_needs_to_put_all_back() {
    let policy = HistoryPolicy {
        messages_max: 2,
        ..HistoryPolicy::default()
    };
    let settings = settings(policy, Limits::default());
    let mut broker = Broker::new(settings.clone());
    broker.handle_connect(SessionId(1), login(1)).unwrap();
    let mut store = Store::default();
    let now = Timestamp::from_millis(1000);
    for message in 1..=3 {
        let send = Send {
            destination: &destination("/topic/h.a"),
            message: &message,
            properties: &Properties::default(),
            transaction: None,
        };
        let sent = broker.handle_send(now, SessionId(1), &send, &mut store);
        sent.unwrap();
    }
    let name = "/topic/h.a".to_owned();
    assert_eq!(
        store.logged,
        [
            (name.clone(), 1, 1),
            (name.clone(), 2, 2),
            (name.clone(), 3, 3)
        ]
    );
    assert_eq!(store.trimmed, [(name, 1)]);
    let [reserved] = store.reserved[..] else {
        panic!("{:?}", store.reserved);
    };

    let mut broker = Broker::new(settings);
    let topic = destination("/topic/h.a");
    let mut restore = |offset, message| {
        let properties = Properties::default();
        broker.restore_history(&topic, offset, &message, &properties, now)
    };
    assert!(restore(2, 2) && restore(3, 3));
    let other = destination("/topic/a");
    let kept = broker.restore_history(&other, 9, &9, &Properties::default(), now);
    assert!(!kept);
    broker.restore_offsets(reserved);
    let mut w = World::with(broker);
    assert_eq!(w.from(1, 1, "/topic/h.a", behind(1)), told(1, Some(true)));
    w.told(&["1/1 2 @2", "1/1 3 @3", "1 paused"]);
    assert_eq!(w.from(2, 1, "/topic/h.a", behind(3)), told(3, Some(true)));
    // It was sent, and a crash took it.
    let lost = w.from(2, 2, "/topic/h.a", behind(4)).unwrap();
    assert_eq!(lost.recovered, Some(false));
    let end = lost.position.unwrap().offset;
    assert!(end >= reserved + (1 << 20));
    w.send(3, "/topic/h.a", 4).unwrap();
    let live = format!("4 @{}", end + 1);
    assert_eq!(
        w.log.0,
        [("1/1 "), ("2/1 "), ("2/2 ")].map(|to| format!("{to}{live}"))
    );
    w.log.0.clear();
    // Behind the leap, and before it.
    for (id, offset, recovered) in [
        (3, end, true),
        (4, 3, true),
        (5, 4, false),
        (6, end - 1, false),
    ] {
        let begun = w.from(3, id, "/topic/h.a", behind(offset)).unwrap();
        assert_eq!(begun.recovered, Some(recovered), "{offset}");
        w.replayed(3);
    }
    w.log.0.clear();
    // Of a topic that had nothing, nothing is known.
    let other = w.from(1, 3, "/topic/h.b", behind(3)).unwrap();
    assert_eq!(other.recovered, Some(false));
}

#[test]
fn after_an_end_in_order_offsets_go_on() {
    let settings = settings(HistoryPolicy::default(), Limits::default());
    let mut w = World::new(settings.clone());
    w.send_all("/topic/h.a", 1..=2);
    let end = w.broker.end_histories();
    assert_eq!((end.top, end.forgotten, end.leapt), (2, 0, 0));
    assert_eq!(end.logs, []);
    // What is sent after that has no place.
    w.subscribe(1, 1, "/topic/h.a", AckMode::Auto);
    w.log.0.clear();
    w.send(3, "/topic/h.a", 4).unwrap();
    w.told(&["1/1 4"]);

    let mut broker = Broker::new(settings);
    let topic = destination("/topic/h.a");
    for (offset, message) in [(1, 1), (2, 2)] {
        let properties = Properties::default();
        broker.restore_history(&topic, offset, &message, &properties, w.now);
    }
    broker.continue_offsets(&end, 1 << 20);
    let mut w = World::with(broker);
    assert_eq!(w.from(1, 1, "/topic/h.a", behind(2)), told(2, Some(true)));
    assert_eq!(w.from(2, 1, "/topic/h.c", behind(0)), told(2, Some(true)));
    w.send(3, "/topic/h.a", 5).unwrap();
    w.told(&["1/1 5 @3"]);
}
