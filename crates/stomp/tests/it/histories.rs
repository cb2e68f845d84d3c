//! Topics with a history: over a new connection the client asks for what it has missed, and tells when that is not all.

use gumboot_stomp::{AckMode, Error, Message, Received, Subscribe, Subscription};

use crate::server::{Peer, Server, soon};

/// Sends a message with a place.
async fn deliver(peer: &mut Peer, subscription: &str, epoch: &str, offset: u64) {
    peer.send(&format!(
        "MESSAGE\nsubscription:{subscription}\nmessage-id:{epoch}{offset}\nack:{epoch}{offset}\ndestination:/topic/a\n\
         offset:{offset}\nepoch:{epoch}\n\n{offset}\0"
    ))
    .await;
}

/// Takes a SUBSCRIBE, and confirms it with these headers more; gives its id, and from where it wants to begin.
async fn take(peer: &mut Peer, more: &str) -> (String, Option<(String, String)>) {
    let frame = peer.expect("SUBSCRIBE").await;
    let header = |name| frame.header(name).map(|value| value.into_owned());
    let receipt = header("receipt").unwrap();
    peer.send(&format!("RECEIPT\nreceipt-id:{receipt}\n{more}\n\0"))
        .await;
    let from = header("from-offset").zip(header("from-epoch"));
    (header("id").unwrap(), from)
}

async fn next(subscription: &mut Subscription) -> Message {
    soon(subscription.receive()).await.unwrap().unwrap()
}

fn place(offset: &str, epoch: &str) -> Option<(String, String)> {
    Some((offset.to_owned(), epoch.to_owned()))
}

#[tokio::test]
async fn what_was_missed_is_asked_for_behind_the_last_message() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let (subscription, (id, from)) = tokio::join!(
        session.subscribe("/topic/a"),
        take(&mut peer, "offset:4\nepoch:x\n")
    );
    let mut subscription = subscription.unwrap();
    assert_eq!(from, None);
    drop(peer);

    // None has come: the place is that of the receipt.
    let mut peer = server.take_in().await;
    let (_, from) = take(&mut peer, "offset:4\nepoch:x\nrecovered:true\n").await;
    assert_eq!(from, place("4", "x"));
    for offset in [5, 6] {
        deliver(&mut peer, &id, "x", offset).await;
    }
    assert_eq!(next(&mut subscription).await.text(), Some("5"));
    // The other has arrived, too, and will be given.
    let again = session.subscribe("/topic/b");
    let (again, _) = tokio::join!(again, take(&mut peer, ""));
    drop((again.unwrap(), peer));

    let mut peer = server.take_in().await;
    let (_, from) = take(&mut peer, "offset:6\nepoch:x\nrecovered:true\n").await;
    assert_eq!(from, place("6", "x"));
    for offset in [6, 7] {
        deliver(&mut peer, &id, "x", offset).await;
    }
    for body in ["6", "7"] {
        let message = next(&mut subscription).await;
        assert_eq!(message.text(), Some(body));
        assert!(message.is_given_once() && !message.follows_gap());
    }
}

#[tokio::test]
async fn what_is_not_recovered_is_told() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let (subscription, (id, _)) = tokio::join!(
        session.subscribe("/topic/a"),
        take(&mut peer, "offset:4\nepoch:x\n")
    );
    let mut subscription = subscription.unwrap();
    deliver(&mut peer, &id, "x", 5).await;
    assert!(!next(&mut subscription).await.follows_gap());
    drop(peer);
    // The server has forgotten; then it keeps nothing any more, and then it has a history anew.
    for (more, from) in [
        ("offset:0\nepoch:y\nrecovered:false\n", place("5", "x")),
        ("", place("0", "y")),
        ("offset:2\nepoch:z\n", None),
    ] {
        let mut peer = server.take_in().await;
        assert_eq!(take(&mut peer, more).await.1, from);
    }
    let mut peer = server.take_in().await;
    let (_, from) = take(&mut peer, "offset:2\nepoch:z\nrecovered:true\n").await;
    assert_eq!(from, place("2", "z"));
    // It is told once, however often it was so.
    let gap = soon(subscription.receive_or_gap()).await.unwrap();
    assert!(matches!(gap, Some(Received::Gap)), "{gap:?}");
    for offset in [3, 4] {
        deliver(&mut peer, &id, "z", offset).await;
    }
    assert!(next(&mut subscription).await.follows_gap());
    assert!(!next(&mut subscription).await.follows_gap());
    drop(peer);

    let mut peer = server.take_in().await;
    let (_, from) = take(&mut peer, "offset:9\nepoch:z\nrecovered:false\n").await;
    assert_eq!(from, place("4", "z"));
    deliver(&mut peer, &id, "z", 10).await;
    assert!(next(&mut subscription).await.follows_gap());
}

#[tokio::test]
async fn a_server_without_histories_is_asked_for_nothing() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let (subscription, (id, _)) = tokio::join!(session.subscribe("/topic/a"), take(&mut peer, ""));
    let mut subscription = subscription.unwrap();
    // Headers of a sender's own mean nothing.
    deliver(&mut peer, &id, "x", 5).await;
    assert_eq!(next(&mut subscription).await.text(), Some("5"));
    drop(peer);
    let mut peer = server.take_in().await;
    assert_eq!(take(&mut peer, "").await.1, None);
    deliver(&mut peer, &id, "x", 5).await;
    let message = next(&mut subscription).await;
    assert!(!message.is_given_once() && !message.follows_gap());
}

#[tokio::test]
async fn a_program_that_remembers_a_place_is_told_too() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let subscribe = Subscribe::to("/topic/a")
        .header("from-offset", "7")
        .header("from-epoch", "x")
        .header("x-stream-offset", "first");
    let (subscription, (id, from)) = tokio::join!(
        session.subscribe(subscribe),
        take(&mut peer, "offset:3\nepoch:y\nrecovered:false\n")
    );
    let mut subscription = subscription.unwrap();
    assert_eq!(from, place("7", "x"));
    deliver(&mut peer, &id, "y", 4).await;
    assert!(next(&mut subscription).await.follows_gap());
    drop(peer);
    let mut peer = server.take_in().await;
    let frame = peer.expect("SUBSCRIBE").await;
    let count = |name: &str| frame.headers().filter(|(other, _)| other == name).count();
    assert_eq!((count("from-offset"), count("from-epoch")), (1, 1));
    assert_eq!(frame.header("from-offset").as_deref(), Some("4"));
    assert_eq!(frame.header("x-stream-offset").as_deref(), Some("first"));
}

#[tokio::test]
async fn what_is_acknowledged_may_come_again() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let subscribe = Subscribe::to("/topic/a").ack(AckMode::ClientIndividual);
    let (subscription, (id, _)) = tokio::join!(
        session.subscribe(subscribe),
        take(&mut peer, "offset:4\nepoch:x\n")
    );
    let mut subscription = subscription.unwrap();
    // After a NACK, the server sends the first once more.
    for offset in [5, 6, 5] {
        deliver(&mut peer, &id, "x", offset).await;
        assert_eq!(
            next(&mut subscription).await.text(),
            Some(&*offset.to_string())
        );
    }
    drop(peer);
    let mut peer = server.take_in().await;
    assert_eq!(take(&mut peer, "").await.1, place("6", "x"));
}

#[tokio::test]
async fn a_durable_subscription_asks_for_no_place() {
    for (name, value) in [("activemq.subscriptionName", "d"), ("durable", "true")] {
        let server = Server::start().await;
        let (session, mut peer) = server.session(&server.client()).await;
        let subscribe = Subscribe::to("/topic/a").header(name, value);
        let (subscription, (id, _)) = tokio::join!(
            session.subscribe(subscribe),
            take(&mut peer, "offset:4\nepoch:x\n")
        );
        let mut subscription = subscription.unwrap();
        deliver(&mut peer, &id, "x", 5).await;
        assert_eq!(next(&mut subscription).await.text(), Some("5"));
        drop(peer);
        // The server goes on with what it kept for it: nothing is missing.
        let mut peer = server.take_in().await;
        let (_, from) = take(&mut peer, "offset:6\nepoch:x\n").await;
        assert_eq!(from, None);
        deliver(&mut peer, &id, "x", 6).await;
        assert!(!next(&mut subscription).await.follows_gap());
    }
}

#[tokio::test]
async fn a_durable_stream_has_a_place() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let subscribe = Subscribe::to("/topic/a")
        .header("durable", "true")
        .header("x-queue-type", "stream");
    let (subscription, _) = tokio::join!(
        session.subscribe(subscribe),
        take(&mut peer, "offset:4\nepoch:x\n")
    );
    let _subscription = subscription.unwrap();
    drop(peer);
    let mut peer = server.take_in().await;
    assert_eq!(take(&mut peer, "").await.1, place("4", "x"));
}

/// Sends the value that the topic keeps, as to a new subscriber.
async fn deliver_retained(peer: &mut Peer, subscription: &str, body: &str) {
    peer.send(&format!(
        "MESSAGE\nsubscription:{subscription}\nmessage-id:r\ndestination:/topic/a\nretained:true\n\n{body}\0"
    ))
    .await;
}

#[tokio::test]
async fn a_retained_value_is_given_once() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let (subscription, (id, _)) = tokio::join!(
        session.subscribe("/topic/a"),
        take(&mut peer, "offset:4\nepoch:x\n")
    );
    let mut subscription = subscription.unwrap();
    drop(peer);
    // It did not come over the first connection; over the third, it comes again; at last, the server has forgotten.
    let recovered = "offset:4\nepoch:x\nrecovered:true\n";
    let forgotten = "offset:0\nepoch:y\nrecovered:false\n";
    for (receipt, epoch, bodies) in [
        (recovered, "x", ["value", "5"].as_slice()),
        ("offset:5\nepoch:x\nrecovered:true\n", "x", &["6"]),
        (forgotten, "y", &["value", "7"]),
    ] {
        let mut peer = server.take_in().await;
        take(&mut peer, receipt).await;
        deliver_retained(&mut peer, &id, "value").await;
        let last = bodies.last().unwrap().parse().unwrap();
        deliver(&mut peer, &id, epoch, last).await;
        for body in bodies {
            assert_eq!(next(&mut subscription).await.text(), Some(*body));
        }
    }
}

/// Refuses a SUBSCRIBE; gives from where it wanted to begin.
async fn refuse(peer: &mut Peer) -> Option<(String, String)> {
    let frame = peer.expect("SUBSCRIBE").await;
    let header = |name| frame.header(name).map(|value| value.into_owned());
    let receipt = header("receipt").unwrap();
    peer.send(&format!("ERROR\nmessage:No\nreceipt-id:{receipt}\n\n\0"))
        .await;
    header("from-offset").zip(header("from-epoch"))
}

#[tokio::test]
async fn what_cannot_be_resumed_goes_on_behind_a_gap() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let subscribe = Subscribe::to("/topic/a")
        .ack(AckMode::ClientIndividual)
        .header("from-offset", "1")
        .header("from-epoch", "x")
        .header("x-stream-offset", "first");
    let (subscription, _) = tokio::join!(
        session.subscribe(subscribe),
        take(&mut peer, "offset:1\nepoch:x\nrecovered:true\n")
    );
    let mut subscription = subscription.unwrap();
    drop(peer);
    let mut peer = server.take_in().await;
    assert_eq!(refuse(&mut peer).await, place("1", "x"));

    let mut peer = server.take_in().await;
    let frame = peer.expect("SUBSCRIBE").await;
    for name in ["from-offset", "from-epoch", "x-stream-offset"] {
        assert_eq!(frame.header(name), None, "{name}");
    }
    let header = |name| frame.header(name).unwrap().into_owned();
    let (id, receipt) = (header("id"), header("receipt"));
    peer.send(&format!(
        "RECEIPT\nreceipt-id:{receipt}\noffset:9\nepoch:x\n\n\0"
    ))
    .await;
    deliver(&mut peer, &id, "x", 10).await;
    let message = next(&mut subscription).await;
    assert!(message.follows_gap());
    assert_eq!(message.text(), Some("10"));
    drop(peer);

    // It is resumed again; and if it is refused without a place, too, it ends.
    let mut peer = server.take_in().await;
    assert_eq!(refuse(&mut peer).await, place("10", "x"));
    let mut peer = server.take_in().await;
    assert_eq!(refuse(&mut peer).await, None);
    let gap = soon(subscription.receive_or_gap()).await.unwrap();
    assert!(matches!(gap, Some(Received::Gap)), "{gap:?}");
    let ended = soon(subscription.receive_or_gap()).await;
    assert!(matches!(ended, Err(Error::Refused(_))), "{ended:?}");
}
