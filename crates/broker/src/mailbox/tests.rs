//! Tests of mailboxes: their bound, the policies past it, and who is woken.

use gumboot_stomp_proto::Tail;

use super::*;

fn delivery(body_bytes: usize) -> Delivery {
    named(0, "", "", body_bytes)
}

/// A message for a subscription, with a header `key` and a header `name`.
fn named(subscription: u32, key: &str, name: &str, body_bytes: usize) -> Delivery {
    let headers = [("key", key), ("name", name)];
    let tail = Tail::new("/topic/a", &headers, &vec![b'x'; body_bytes]);
    Delivery {
        subscription: SubscriptionId(subscription),
        number: None,
        deliveries: 1,
        is_redelivered: false,
        is_retained: false,
        offset: None,
        publication: Publication::new(tail),
    }
}

fn poll_take(mailbox: &Mailbox) -> (Items, Option<Signal>) {
    let mut items = Items::default();
    let signal = mailbox.poll_take(&mut Context::from_waker(Waker::noop()), &mut items);
    (items, signal)
}

fn take(mailbox: &Mailbox) -> (usize, Option<Signal>) {
    let (items, signal) = poll_take(mailbox);
    (items.iter().count(), signal)
}

/// The names of the messages that wait.
fn take_names(mailbox: &Mailbox) -> Vec<String> {
    let (items, signal) = poll_take(mailbox);
    assert_eq!(signal, None);
    let names = items.iter().map(|item| match item {
        Item::Message(delivery) => delivery.publication.header("name").unwrap().into_owned(),
        Item::BrowseEnded(subscription) => format!("end of {}", subscription.0),
        Item::ReplayPaused => "more".to_owned(),
        Item::Hole => String::new(),
    });
    names.filter(|name| !name.is_empty()).collect()
}

#[test]
fn at_the_bound_and_one_past() {
    let one = delivery(100).publication.cost;
    let mailbox = Mailbox::new(2 * one);
    let wakeups = &mut Wakeups::default();
    mailbox.push(delivery(100), wakeups);
    mailbox.push(delivery(100), wakeups);
    assert_eq!(take(&mailbox), (2, None));
    for _ in 0..3 {
        mailbox.push(delivery(100), wakeups);
    }
    assert_eq!(take(&mailbox), (0, Some(Signal::Overflow)));
}

#[test]
fn what_is_to_be_acknowledged_is_known_as_unsent_after_an_overflow() {
    let mailbox = Mailbox::new(1);
    let wakeups = &mut Wakeups::default();
    let mut push = |subscription, number| {
        mailbox.push(
            Delivery {
                number: NonZeroU64::new(number),
                ..named(subscription, "", "", 1)
            },
            wakeups,
        );
    };
    push(7, 1);
    push(0, 0);
    push(0, 0);
    push(7, 2);
    push(8, 1);
    push(0, 0);
    assert_eq!(take(&mailbox), (0, Some(Signal::Overflow)));
    let unsent = |subscription: Option<u32>| -> Vec<_> {
        let ids = mailbox.unsent(subscription.map(SubscriptionId));
        ids.iter()
            .map(|id| (id.subscription.0, id.number))
            .collect()
    };
    assert_eq!(unsent(None), [(7, 1), (7, 2), (8, 1)]);
    assert_eq!(unsent(Some(8)), [(8, 1)]);
}

#[test]
fn an_empty_mailbox_takes_one_message_of_any_size() {
    let mailbox = Mailbox::new(1);
    mailbox.push(delivery(1000), &mut Wakeups::default());
    assert_eq!(take(&mailbox), (1, None));
}

#[test]
fn what_is_bounded_by_credit_does_not_count() {
    let mailbox = Mailbox::new(1);
    let wakeups = &mut Wakeups::default();
    for number in 1..=3 {
        let number = NonZeroU64::new(number);
        mailbox.push(
            Delivery {
                number,
                ..delivery(100)
            },
            wakeups,
        );
    }
    mailbox.push(delivery(100), wakeups);
    mailbox.push_browse_ended(SubscriptionId(0), wakeups);
    let unsent = mailbox.unsent(Some(SubscriptionId(0)));
    assert_eq!(
        unsent.iter().map(|id| id.number).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert_eq!(mailbox.unsent(Some(SubscriptionId(1))), []);
    assert_eq!(take(&mailbox), (5, None));
    assert_eq!(mailbox.unsent(None), []);
}

#[test]
fn one_that_drops_keeps_the_newest() {
    let one = named(1, "", "0000", 100).publication.cost;
    let mailbox = Mailbox::new(16 * one);
    mailbox.set_policy(SubscriptionId(1), Slow::DropOldest);
    let wakeups = &mut Wakeups::default();
    mailbox.push(named(2, "", "kept", 100), wakeups);
    for name in 0..20 {
        mailbox.push(named(1, "", &format!("{name:04}"), 100), wakeups);
    }
    let names = take_names(&mailbox);
    assert_eq!(names[0], "kept");
    assert_eq!(names[1..].last().unwrap(), "0019");
    assert_eq!(names.len(), 16, "{names:?}");
    assert!(names[1..].is_sorted());
}

#[test]
fn one_that_drops_gives_way_to_one_that_does_not() {
    let one = named(1, "", "kept", 100).publication.cost;
    let mailbox = Mailbox::new(8 * one);
    mailbox.set_policy(SubscriptionId(1), Slow::DropOldest);
    let wakeups = &mut Wakeups::default();
    for _ in 0..4 {
        mailbox.push(named(1, "", "gone", 100), wakeups);
    }
    for _ in 0..8 {
        mailbox.push(named(2, "", "kept", 100), wakeups);
    }
    // There is nothing to drop but itself.
    mailbox.push(named(1, "", "late", 100), wakeups);
    assert_eq!(take_names(&mailbox), ["kept"; 8]);
    for _ in 0..9 {
        mailbox.push(named(2, "", "kept", 100), wakeups);
    }
    assert_eq!(take(&mailbox), (0, Some(Signal::Overflow)));
}

#[test]
fn holes_are_closed_and_everything_found_again() {
    let one = named(1, "", "0000", 100).publication.cost;
    let mailbox = Mailbox::new(4 * one);
    mailbox.set_policy(SubscriptionId(1), Slow::DropOldest);
    mailbox.set_policy(SubscriptionId(2), Slow::KeepLatest("key".into()));
    let wakeups = &mut Wakeups::default();
    for round in 1000..2000 {
        mailbox.push(named(1, "", &round.to_string(), 100), wakeups);
        mailbox.push(named(2, "a", &round.to_string(), 99), wakeups);
        assert!(mailbox.lock().room().items.iter().count() < 3 * slow::HOLES_MIN);
    }
    assert_eq!(take_names(&mailbox), ["1999", "1997", "1998", "1999"]);
}

#[test]
fn the_latest_is_no_way_around_the_bound() {
    let mailbox = Mailbox::new(3 * named(1, "a", "1", 100).publication.cost);
    mailbox.set_policy(SubscriptionId(1), Slow::KeepLatest("key".into()));
    let wakeups = &mut Wakeups::default();
    for key in ["a", "b", "c"] {
        mailbox.push(named(1, key, "1", 100), wakeups);
    }
    mailbox.push(named(1, "a", "2", 100), wakeups);
    mailbox.push(named(1, "b", "2", 1000), wakeups);
    assert_eq!(take(&mailbox), (0, Some(Signal::Overflow)));
}

#[test]
fn what_waits_for_a_subscription_that_has_ended_is_gone() {
    let one = named(1, "a", "1", 100).publication.cost;
    for slow in [
        Slow::Disconnect,
        Slow::DropOldest,
        Slow::KeepLatest("key".into()),
    ] {
        let mailbox = Mailbox::new(3 * one);
        mailbox.set_policy(SubscriptionId(1), slow);
        let wakeups = &mut Wakeups::default();
        mailbox.push(named(1, "a", "1", 100), wakeups);
        mailbox.push(named(2, "a", "2", 100), wakeups);
        mailbox.push(named(1, "b", "3", 100), wakeups);
        mailbox.push_browse_ended(SubscriptionId(1), wakeups);
        mailbox.forget(SubscriptionId(1));
        mailbox.push(named(2, "a", "4", 100), wakeups);
        mailbox.push(named(2, "a", "5", 100), wakeups);
        assert_eq!(take_names(&mailbox), ["2", "4", "5"]);
    }
}

#[test]
fn the_latest_takes_the_place_of_the_one_before() {
    let mailbox = Mailbox::new(1 << 20);
    mailbox.set_policy(SubscriptionId(1), Slow::KeepLatest("key".into()));
    mailbox.set_policy(SubscriptionId(3), Slow::KeepLatest("absent".into()));
    let wakeups = &mut Wakeups::default();
    for (subscription, key, name) in [
        (1, "a", "1"),
        (1, "b", "2"),
        (2, "a", "3"),
        (1, "a", "4"),
        (3, "a", "5"),
        (3, "a", "6"),
        (1, "b", "7"),
    ] {
        mailbox.push(named(subscription, key, name, 10), wakeups);
    }
    assert_eq!(take_names(&mailbox), ["4", "7", "3", "5", "6"]);
    // What was taken is not replaced.
    mailbox.push(named(1, "a", "8", 10), wakeups);
    assert_eq!(take_names(&mailbox), ["8"]);
}

#[test]
fn the_latest_is_found_after_others_were_dropped() {
    let one = named(1, "", "0", 100).publication.cost;
    let mailbox = Mailbox::new(8 * one);
    mailbox.set_policy(SubscriptionId(1), Slow::DropOldest);
    mailbox.set_policy(SubscriptionId(2), Slow::KeepLatest("key".into()));
    let wakeups = &mut Wakeups::default();
    for _ in 0..5 {
        mailbox.push(named(1, "", "-", 100), wakeups);
    }
    mailbox.push(named(2, "a", "1", 100), wakeups);
    for _ in 0..5 {
        mailbox.push(named(1, "", "-", 100), wakeups);
    }
    mailbox.push(named(2, "a", "2", 100), wakeups);
    let names = take_names(&mailbox);
    let keyed: Vec<_> = names.iter().filter(|name| *name != "-").collect();
    assert_eq!(keyed, ["2"]);
}

#[test]
fn a_batch_wakes_once_and_only_who_waits() {
    let mailbox = Mailbox::new(1 << 20);
    let wakeups = &mut Wakeups::default();
    mailbox.push(delivery(1), wakeups);
    assert_eq!(wakeups.0.len(), 0);
    assert_eq!(take(&mailbox), (1, None));
    assert_eq!(take(&mailbox), (0, None));
    mailbox.push(delivery(1), wakeups);
    mailbox.push(delivery(1), wakeups);
    assert_eq!(wakeups.0.len(), 1);
}

#[test]
fn who_has_no_room_is_woken_for_signals_only() {
    let mailbox = Mailbox::new(1);
    let wakeups = &mut Wakeups::default();
    let cx = &mut Context::from_waker(Waker::noop());
    assert_eq!(mailbox.poll_signal(cx), None);
    mailbox.push(delivery(1), wakeups);
    assert_eq!(wakeups.0.len(), 0);
    mailbox.push(delivery(1), wakeups);
    assert_eq!(wakeups.0.len(), 1);
    assert_eq!(mailbox.poll_signal(cx), Some(Signal::Overflow));
}

#[test]
fn a_mailbox_that_nobody_sends_to_is_small() {
    // With the two counts of its `Arc`.
    assert_eq!(16 + size_of::<Mailbox>(), 64);
    let mailbox = Mailbox::new(1 << 20);
    assert_eq!(take(&mailbox), (0, None));
    mailbox.forget(SubscriptionId(0));
    assert_eq!(mailbox.unsent(None), []);
    mailbox.signal(Signal::Drain, &mut Wakeups::default());
    assert_eq!(take(&mailbox), (0, Some(Signal::Drain)));
    assert!(mailbox.lock().room.is_none());
}
