//! ACK, NACK, transactions, and how much is under way.

use gumboot_stomp::{AckMode, Error, Message, Outgoing, Session, Subscribe, Subscription};

use crate::other::{At, Kind, next, send, soon};

/// Puts messages into a new queue, and takes the first `count` of them, which are to be acknowledged.
async fn taken(
    at: &At,
    mode: AckMode,
    bodies: &[&str],
) -> (Session, String, Subscription, Vec<Message>) {
    let session = at.session().await;
    let queue = at.destination("queue", "a");
    for body in bodies {
        send(&session, &queue, body).await;
    }
    let subscribe = Subscribe::to(&queue).ack(mode);
    let mut subscription = soon(session.subscribe(subscribe)).await.expect("a queue");
    let mut messages = Vec::new();
    for body in bodies {
        let message = next(&mut subscription).await;
        assert_eq!(message.text(), Some(*body));
        messages.push(message);
    }
    (session, queue, subscription, messages)
}

pub(crate) async fn of_all_up_to_one(at: At) {
    let mode = AckMode::Client;
    let (session, queue, subscription, messages) = taken(&at, mode, &["1", "2", "3", "4"]).await;
    messages[2].ack().await.expect("it can be acknowledged");
    soon(session.disconnect()).await.expect("it is confirmed");
    drop(subscription);
    at.expect_left(&queue, &["4"]).await;
}

pub(crate) async fn of_single_ones(at: At) {
    let mode = AckMode::ClientIndividual;
    let (session, queue, subscription, messages) = taken(&at, mode, &["1", "2", "3", "4"]).await;
    messages[2].ack().await.expect("it can be acknowledged");
    let receipt = messages[0].ack_with_receipt().await;
    soon(receipt.expect("it can be acknowledged"))
        .await
        .expect("it is taken");
    soon(session.disconnect()).await.expect("it is confirmed");
    drop(subscription);
    at.expect_left(&queue, &["2", "4"]).await;
}

pub(crate) async fn refused_brings_it_again_or_gives_it_up(at: At) {
    let mode = AckMode::ClientIndividual;
    let (session, queue, mut subscription, messages) = taken(&at, mode, &["1", "2"]).await;
    messages[0].nack().await.expect("it can be refused");
    // ActiveMQ throws away at once what is refused and not persistent.
    if at.kind() == Kind::RabbitMq {
        let again = next(&mut subscription).await;
        assert_eq!(again.text(), Some("1"));
        assert!(again.is_redelivered());
        again.ack().await.expect("it can be acknowledged");
    }
    // With this header RabbitMQ throws it away.
    let receipt = messages[1].nack_with_receipt(&[("requeue", "false")]).await;
    soon(receipt.expect("it can be refused"))
        .await
        .expect("it is taken");
    soon(session.disconnect()).await.expect("it is confirmed");
    at.expect_left(&queue, &[]).await;
}

pub(crate) async fn bounds_what_is_under_way(at: At) {
    let session = at.session().await;
    let queue = at.destination("queue", "a");
    for body in ["1", "2", "3"] {
        send(&session, &queue, body).await;
    }
    let one = Subscribe::to(&queue)
        .ack(AckMode::ClientIndividual)
        .header(at.kind().prefetch_header(), "1");
    let mut one = soon(session.subscribe(one)).await.expect("a queue");
    let first = next(&mut one).await;
    assert_eq!(first.text(), Some("1"));
    // The first subscription has what it may have, so the rest is for the second.
    let other = at.session().await;
    let mut rest = soon(other.subscribe(queue.as_str()))
        .await
        .expect("a queue");
    for body in ["2", "3"] {
        assert_eq!(next(&mut rest).await.text(), Some(body));
    }
    soon(rest.unsubscribe()).await.expect("it is confirmed");
    first.ack().await.expect("it can be acknowledged");
    send(&other, &queue, "4").await;
    let last = next(&mut one).await;
    assert_eq!(last.text(), Some("4"));
    last.ack().await.expect("it can be acknowledged");
    for session in [session, other] {
        soon(session.disconnect()).await.expect("it is confirmed");
    }
}

pub(crate) async fn in_a_transaction(at: At) {
    let mode = AckMode::ClientIndividual;
    let (session, queue, mut subscription, messages) = taken(&at, mode, &["1", "2"]).await;
    let done = session.transaction(async |transaction| {
        transaction.send(Outgoing::new(&queue, "3")).await?;
        transaction.send(Outgoing::new(&queue, "4")).await?;
        transaction.ack(&messages[0]).await
    });
    soon(done).await.expect("it is committed");
    let undone = session.transaction(async |transaction| {
        transaction.send(Outgoing::new(&queue, "5")).await?;
        transaction.ack(&messages[1]).await?;
        Err::<(), _>(Error::Ended)
    });
    let undone = soon(undone).await;
    assert!(matches!(undone, Err(Error::Ended)), "{undone:?}");
    // One that is dropped is aborted as well.
    let dropped = session.begin().await.expect("it begins");
    dropped
        .send(Outgoing::new(&queue, "6"))
        .await
        .expect("it can be sent");
    drop(dropped);
    send(&session, &queue, "7").await;
    for body in ["3", "4", "7"] {
        let message = next(&mut subscription).await;
        assert_eq!(message.text(), Some(body));
        message.ack().await.expect("it can be acknowledged");
    }
    soon(session.disconnect()).await.expect("it is confirmed");
    at.expect_left(&queue, &["2"]).await;
}
