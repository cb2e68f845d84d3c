//! A lost connection is made again: subscriptions stand as before, and what was not confirmed is repeated.

use std::collections::BTreeSet;

use gumboot_stomp::{AckMode, Client, Error, Outgoing, Session, State, Subscribe};
use tokio::sync::{mpsc, watch};

use crate::{
    other::{At, next, send, soon},
    relay::Relay,
};

/// How many messages are confirmed before connections are closed.
const SENT_BEFORE: u32 = 200;

/// How many wait for their receipts at once.
const UNDER_WAY_MAX: usize = 100;

/// A message that outlives the server.
fn lasting(queue: &str, body: String) -> Outgoing {
    Outgoing::new(queue, body).header("persistent", "true")
}

pub(crate) async fn a_server_that_was_stopped(at: At) {
    let session = at.session().await;
    let (queue, topic) = (at.destination("queue", "a"), at.destination("topic", "a"));
    let subscribe = Subscribe::to(&queue).ack(AckMode::ClientIndividual);
    let mut orders = soon(session.subscribe(subscribe)).await.expect("a queue");
    let mut news = soon(session.subscribe(topic.as_str()))
        .await
        .expect("a topic");
    let receipt = session
        .send_with_receipt(lasting(&queue, "first".to_owned()))
        .await;
    soon(receipt.expect("it can be sent"))
        .await
        .expect("it is taken");
    let first = next(&mut orders).await;
    assert!(!first.is_redelivered());

    at.control(&["stop_app"]).await;
    let lost = session.wait_until(|state| matches!(state, State::Reconnecting { .. }));
    soon(lost).await;
    let meanwhile = tokio::spawn({
        let (session, message) = (session.clone(), lasting(&queue, "meanwhile".to_owned()));
        async move { session.send_with_receipt(message).await?.await }
    });
    at.control(&["start_app"]).await;

    let connected = session.wait_until(|state| matches!(state, State::Connected(_)));
    soon(connected).await;
    let sent = soon(meanwhile).await.expect("no panic");
    sent.expect("it is taken once there is a connection");
    let stale = first.ack().await;
    assert!(matches!(stale, Err(Error::MessageStale)), "{stale:?}");
    let again = next(&mut orders).await;
    assert_eq!(again.text(), Some("first"));
    assert!(again.is_redelivered());
    assert_eq!(next(&mut orders).await.text(), Some("meanwhile"));
    send(&session, &topic, "hello").await;
    assert_eq!(next(&mut news).await.text(), Some("hello"));
    soon(session.disconnect()).await.expect("it is confirmed");
}

pub(crate) async fn connections_that_were_closed(at: At) {
    let client = at.client();
    let close = at.control(&["close_all_connections", "for a test"]);
    everything_arrives(&at, &client, close).await;
}

pub(crate) async fn connections_that_were_cut(at: At) {
    let relay = Relay::start(&at.address()).await;
    let client = at.client_by(&relay.address());
    everything_arrives(&at, &client, async { relay.cut() }).await;
}

/// Loses the connection while many messages are under way: all arrive, and the subscription stands.
async fn everything_arrives(at: &At, client: &Client, lose: impl Future<Output = ()>) {
    let session = soon(client.connect()).await.expect("it takes us in");
    let first = name(&session.state());
    let (queue, topic) = (at.destination("queue", "a"), at.destination("topic", "a"));
    let mut news = soon(session.subscribe(topic.as_str()))
        .await
        .expect("a topic");
    let (confirmed, mut confirmations) = mpsc::unbounded_channel();
    let (stop, is_stopped) = watch::channel(false);
    let sending = send_until(session.clone(), queue.clone(), is_stopped, confirmed);
    let sending = tokio::spawn(sending);
    for _ in 0..SENT_BEFORE {
        soon(confirmations.recv()).await.expect("it goes on");
    }
    lose.await;
    let again = |state: &State| matches!(state, State::Connected(_)) && name(state) != first;
    soon(session.wait_until(again)).await;
    stop.send_replace(true);
    let sent = soon(sending).await.expect("all are confirmed");

    send(&session, &topic, "hello").await;
    assert_eq!(next(&mut news).await.text(), Some("hello"));
    let mut missing: BTreeSet<String> = (0..sent).map(|number| number.to_string()).collect();
    let mut subscription = soon(session.subscribe(queue.as_str()))
        .await
        .expect("a queue");
    while !missing.is_empty() {
        let message = next(&mut subscription).await;
        // One that was taken and not confirmed comes twice.
        missing.remove(message.text().expect("it is a number"));
    }
    soon(session.disconnect()).await.expect("it is confirmed");
}

/// The server's name of a session, another over each connection.
fn name(state: &State) -> Option<String> {
    match state {
        State::Connected(server) => server.session.clone(),
        _ => None,
    }
}

/// Sends numbers until it is to stop, many under way at once, and tells of each that was confirmed. Gives their count.
async fn send_until(
    session: Session,
    queue: String,
    is_stopped: watch::Receiver<bool>,
    confirmed: mpsc::UnboundedSender<()>,
) -> u32 {
    let (receipts, mut awaited) = mpsc::channel(UNDER_WAY_MAX);
    let sending = async move {
        for number in 0.. {
            if *is_stopped.borrow() {
                return number;
            }
            let message = lasting(&queue, number.to_string());
            let receipt = session.send_with_receipt(message).await;
            let receipt = receipt.expect("it can be sent");
            receipts.send(receipt).await.expect("they are awaited");
        }
        unreachable!("it is stopped before numbers end")
    };
    let awaiting = async {
        while let Some(receipt) = awaited.recv().await {
            soon(receipt).await.expect("it is taken in the end");
            // Nobody counts them any more.
            let _ = confirmed.send(());
        }
    };
    tokio::join!(sending, awaiting).0
}
