//! Who may do what, and commands that make no sense.

use super::*;

/// Reading topics and writing to `/queue/in` is allowed; making queues is not.
#[derive(Debug)]
struct Strict;

impl Access for Strict {
    fn allows(&self, action: Action, destination: &Destination) -> bool {
        match action {
            Action::Read => destination.as_str().starts_with("/topic/"),
            Action::Write => destination.as_str() == "/queue/in",
            Action::Create => false,
        }
    }
}

fn world() -> World {
    let mut w = World::new(Settings::default());
    let login = Login {
        access: Arc::new(Strict),
        ..Login::anonymous("restricted")
    };
    w.broker.handle_connect(SessionId(4), login).unwrap();
    w
}

#[test]
fn what_is_not_allowed_is_refused() {
    let mut w = world();
    let denied = Err(Refusal::AccessDenied);
    assert_eq!(w.send(4, "/topic/a", 1), Err(Refusal::AccessDenied));
    assert_eq!(w.send(4, "/queue/in", 1), Err(Refusal::AccessDenied));
    w.subscribe(1, 1, "/queue/in", AckMode::Auto);
    assert_eq!(w.send(4, "/queue/in", 1), Ok(1));
    w.told(&["1/1 1"]);
    let (queue, topic) = (destination("/queue/in"), destination("/topic/*"));
    assert_eq!(w.try_subscribe(4, 1, Subscribe::new(&queue)), denied);
    assert_eq!(w.try_subscribe(4, 1, Subscribe::new(&topic)), Ok(()));
    // One's own temporary queue needs no permission.
    assert_eq!(w.send(4, "/temp-queue/a", 1), Ok(1));
    let temporary = destination("/temp-queue/a");
    assert_eq!(w.try_subscribe(4, 2, Subscribe::new(&temporary)), Ok(()));
}

#[test]
fn a_forbidden_send_in_a_transaction() {
    let mut w = world();
    w.subscribe(1, 1, "/queue/in", AckMode::Auto);
    w.broker.handle_begin(w.now, SessionId(4), "t").unwrap();
    assert_eq!(w.send_in(4, "t", "/queue/in", 1), Ok(0));
    assert_eq!(w.send_in(4, "t", "/topic/a", 1), Err(Refusal::AccessDenied));
    // By then the queue is gone, and this session may not make it.
    w.unsubscribe(1, 1).unwrap();
    let committed = w.broker.handle_commit(w.now, SessionId(4), "t", &mut w.log);
    assert_eq!(committed, Err(Refusal::AccessDenied));
    assert_eq!(w.broker.usage().queues, 0);
}

#[test]
fn commands_that_make_no_sense() {
    let mut w = world();
    let (queue, topic) = (destination("/queue/a"), destination("/topic/a"));
    let pattern = destination("/queue/*");
    let refused = [
        (
            Subscribe {
                durable: Some("d"),
                ..Subscribe::new(&queue)
            },
            Refusal::DurableUnsupported,
        ),
        (
            Subscribe {
                browse: true,
                ..Subscribe::new(&topic)
            },
            Refusal::BrowseUnsupported,
        ),
        (Subscribe::new(&pattern), Refusal::Pattern),
    ];
    for (subscribe, refusal) in refused {
        assert_eq!(w.try_subscribe(1, 1, subscribe), Err(refusal));
    }
    assert_eq!(w.send(1, "/topic/*", 1), Err(Refusal::Pattern));
    assert_eq!(w.send(9, "/topic/a", 1), Err(Refusal::SessionUnknown));
    assert_eq!(w.ack(9, 1, 1), Err(Refusal::SessionUnknown));
    assert_eq!(w.unsubscribe(9, 1), Err(Refusal::SessionUnknown));
    assert_eq!(w.unsubscribe(1, 1), Err(Refusal::SubscriptionUnknown));
    assert_eq!(w.ack(1, 1, 1), Err(Refusal::DeliveryUnknown));
    let forget = w
        .broker
        .handle_forget_durable(w.now, SessionId(3), "d", &mut w.log);
    assert_eq!(forget, Err(Refusal::ClientUnknown));
    w.subscribe(1, 1, "/topic/a", AckMode::Auto);
    let again = w.try_subscribe(1, 1, Subscribe::new(&queue));
    assert_eq!(again, Err(Refusal::SubscriptionExists));
    let long = Nack {
        delay_ms: u64::MAX,
        ..Nack::default()
    };
    assert_eq!(w.nack(1, 1, 1, long), Err(Refusal::DelayTooLong));
    let late = Properties {
        delay_ms: u64::MAX,
        ..Properties::default()
    };
    assert_eq!(
        w.send_with(1, "/topic/a", 1, &late),
        Err(Refusal::DelayTooLong)
    );
    assert_eq!(w.broker.usage().queues, 0);
}
