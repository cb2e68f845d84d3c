//! Transactions: all or nothing.

use super::*;

const QUEUE: &str = "/queue/q";
const ONE: SessionId = SessionId(1);

fn world() -> World {
    let mut w = World::new(policy(QueuePolicy {
        messages_max: 3,
        ..QueuePolicy::default()
    }));
    w.broker.handle_begin(w.now, ONE, "t").unwrap();
    w
}

fn commit(w: &mut World, id: &str) -> Result<(), Refusal> {
    w.broker.handle_commit(w.now, ONE, id, &mut w.log)
}

#[test]
fn nothing_before_commit_and_everything_then() {
    let mut w = world();
    let is_open = |w: &World, session| w.broker.has_transaction(SessionId(session), "t");
    assert_eq!([1, 2, 9].map(|id| is_open(&w, id)), [true, false, false]);
    w.subscribe(2, 1, QUEUE, AckMode::Client);
    w.subscribe(2, 2, "/topic/a", AckMode::Auto);
    w.send_in(1, "t", "/topic/a", 1).unwrap();
    w.send_in(1, "t", QUEUE, 2).unwrap();
    w.told(&[]);
    commit(&mut w, "t").unwrap();
    w.log.0.sort();
    w.told(&["2/1 2", "2/2 1"]);
    assert!(!is_open(&w, 1));
    assert_eq!(commit(&mut w, "t"), Err(Refusal::TransactionUnknown));
}

#[test]
fn one_that_does_not_fit_does_nothing() {
    let mut w = world();
    w.subscribe(2, 2, "/topic/a", AckMode::Auto);
    w.subscribe(1, 1, "/queue/r", AckMode::Client);
    w.send(3, "/queue/r", 9).unwrap();
    w.log.0.clear();
    w.send_in(1, "t", "/topic/a", 1).unwrap();
    for message in 1..=4 {
        w.send_in(1, "t", QUEUE, message).unwrap();
    }
    let ack = |w: &mut World, t| {
        w.broker
            .handle_ack(w.now, ONE, delivery(1, 1), t, &mut w.log)
    };
    ack(&mut w, Some("t")).unwrap();
    assert_eq!(ack(&mut w, None), Err(Refusal::DeliveryHeld));
    assert_eq!(commit(&mut w, "t"), Err(Refusal::QueueFull));
    w.told(&[]);
    assert_eq!(w.broker.usage().queued, 1);
    // What it acknowledged can be acknowledged again.
    ack(&mut w, None).unwrap();
    w.broker.handle_begin(w.now, ONE, "t").unwrap();
}

#[test]
fn an_abort_undoes_acknowledgements() {
    let mut w = world();
    w.subscribe(1, 1, QUEUE, AckMode::Client);
    for message in 1..=2 {
        w.send(3, QUEUE, message).unwrap();
    }
    w.log.0.clear();
    let refuse = Nack {
        requeue: false,
        delay_ms: 0,
    };
    let nack = |w: &mut World| {
        w.broker
            .handle_nack(w.now, ONE, delivery(1, 2), refuse, Some("t"), &mut w.log)
    };
    nack(&mut w).unwrap();
    assert_eq!(nack(&mut w), Err(Refusal::DeliveryHeld));
    w.broker.handle_abort(w.now, ONE, "t").unwrap();
    w.told(&[]);
    w.broker.handle_begin(w.now, ONE, "t").unwrap();
    nack(&mut w).unwrap();
    w.unsubscribe(1, 1).unwrap();
    commit(&mut w, "t").unwrap();
    w.told(&["/queue/q Dead", "/queue/q Dead"]);
    assert_eq!(w.broker.usage().consumers, 0);
}

#[test]
fn cumulative_acks_of_two_transactions_share_what_there_is() {
    let mut w = world();
    w.broker.handle_begin(w.now, ONE, "u").unwrap();
    w.subscribe(1, 1, "/topic/a", AckMode::Client);
    for message in 1..=6 {
        w.send(3, "/topic/a", message).unwrap();
    }
    let ack = |w: &mut World, number, t| {
        w.broker
            .handle_ack(w.now, ONE, delivery(1, number), Some(t), &mut w.log)
    };
    let queued = |w: &World| w.broker.usage().queued;
    ack(&mut w, 2, "t").unwrap();
    ack(&mut w, 4, "u").unwrap();
    assert_eq!(ack(&mut w, 1, "u"), Err(Refusal::DeliveryHeld));
    ack(&mut w, 5, "t").unwrap();
    w.broker.handle_abort(w.now, ONE, "u").unwrap();
    // Those of the other are free again, its own are not.
    assert_eq!(ack(&mut w, 5, "t"), Err(Refusal::DeliveryHeld));
    commit(&mut w, "t").unwrap();
    assert_eq!(queued(&w), 3);
    w.ack(1, 1, 4).unwrap();
    assert_eq!(queued(&w), 1);
    w.ack(1, 1, 6).unwrap();
    assert_eq!(queued(&w), 0);
}

#[test]
fn a_lost_connection_aborts() {
    let mut w = world();
    w.subscribe(1, 1, QUEUE, AckMode::Client);
    w.send(3, QUEUE, 1).unwrap();
    w.send_in(1, "t", QUEUE, 2).unwrap();
    let ack = w
        .broker
        .handle_ack(w.now, ONE, delivery(1, 1), Some("t"), &mut w.log);
    ack.unwrap();
    w.disconnect(1);
    w.log.0.clear();
    w.subscribe(2, 1, QUEUE, AckMode::Client);
    w.told(&["2/1 1 again 2"]);
    assert_eq!(w.broker.usage().transactions, 0);
}

#[test]
fn all_transactions_share_a_bound_on_bytes() {
    let mut w = World::limited(Limits {
        transactions_bytes_max: 4,
        transaction_age_ms_max: 50,
        ..Limits::default()
    });
    let begin = |w: &mut World, session, id| {
        w.broker
            .handle_begin(w.now, SessionId(session), id)
            .unwrap();
    };
    let bytes = |w: &World| w.broker.usage().transactions_bytes;
    let full = Err(Refusal::TransactionBytesFull);
    begin(&mut w, 1, "t");
    begin(&mut w, 1, "u");
    begin(&mut w, 2, "t");
    begin(&mut w, 3, "t");
    for (session, id) in [(1, "t"), (1, "u"), (2, "t"), (3, "t")] {
        assert_eq!(w.send_in(session, id, QUEUE, 1), Ok(0));
    }
    assert_eq!(w.send_in(3, "t", QUEUE, 2), full);
    // Each way in which one ends gives its bytes back.
    commit(&mut w, "t").unwrap();
    assert_eq!(bytes(&w), 3);
    w.broker.handle_abort(w.now, ONE, "u").unwrap();
    assert_eq!(bytes(&w), 2);
    w.disconnect(2);
    assert_eq!(bytes(&w), 1);
    assert_eq!(w.send_in(3, "t", QUEUE, 2), Ok(0));
    w.pass(50);
    w.told(&["3 t expired"]);
    assert_eq!(bytes(&w), 0);
    // One whose COMMIT is refused gives them back, too.
    let settings = policy(QueuePolicy {
        messages_max: 0,
        ..QueuePolicy::default()
    });
    let mut w = World::new(settings);
    begin(&mut w, 1, "t");
    w.send_in(1, "t", QUEUE, 1).unwrap();
    assert_eq!(commit(&mut w, "t"), Err(Refusal::QueueFull));
    assert_eq!(bytes(&w), 0);
}

#[test]
fn bounds_at_and_one_past() {
    let mut w = World::limited(Limits {
        transactions_per_session_max: 2,
        transaction_operations_max: 3,
        transaction_bytes_max: 2,
        transaction_age_ms_max: 50,
        ..Limits::default()
    });
    let begin = |w: &mut World, id| w.broker.handle_begin(w.now, ONE, id);
    begin(&mut w, "t").unwrap();
    assert_eq!(begin(&mut w, "t"), Err(Refusal::TransactionExists));
    w.pass(1);
    begin(&mut w, "u").unwrap();
    assert_eq!(begin(&mut w, "v"), Err(Refusal::TransactionsFull));
    (0..2).for_each(|_| assert_eq!(w.send_in(1, "t", QUEUE, 1), Ok(0)));
    assert_eq!(w.send_in(1, "t", QUEUE, 1), Err(Refusal::TransactionFull));
    assert_eq!(
        w.send_in(1, "x", QUEUE, 1),
        Err(Refusal::TransactionUnknown)
    );
    w.pass(48);
    w.told(&[]);
    w.pass(1);
    w.told(&["1 t expired"]);
    assert_eq!(commit(&mut w, "t"), Err(Refusal::TransactionUnknown));
    commit(&mut w, "u").unwrap();
    assert_eq!(w.broker.poll_timeout(), None);
    w.subscribe(1, 1, QUEUE, AckMode::ClientIndividual);
    for message in 0..4 {
        w.send(1, QUEUE, message).unwrap();
    }
    begin(&mut w, "t").unwrap();
    for number in 1..=4 {
        let ack = w
            .broker
            .handle_ack(w.now, ONE, delivery(1, number), Some("t"), &mut w.log);
        assert_eq!(ack.is_ok(), number <= 3);
    }
}
