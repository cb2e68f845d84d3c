//! Subscriptions, and the messages that they bring.

use futures_core::Stream;
use gumboot_stomp::{AckMode, Error, Limits, Message, Outgoing, Subscribe, Subscription, Version};

use crate::server::{Server, soon};

async fn next(subscription: &mut Subscription) -> Message {
    soon(subscription.receive())
        .await
        .unwrap()
        .expect("a message")
}

#[tokio::test]
async fn a_subscription_is_there_when_the_server_says_so() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let subscribing = {
        let session = session.clone();
        let subscribe = Subscribe::to("/queue/a")
            .ack(AckMode::ClientIndividual)
            .header("prefetch-count", "10");
        tokio::spawn(async move { session.subscribe(subscribe).await })
    };
    let frame = peer.expect("SUBSCRIBE").await;
    assert_eq!(frame.header("destination").unwrap(), "/queue/a");
    assert_eq!(frame.header("ack").unwrap(), "client-individual");
    assert_eq!(frame.header("prefetch-count").unwrap(), "10");
    assert!(!subscribing.is_finished());
    peer.confirm(&frame).await;
    let mut subscription = soon(subscribing).await.unwrap().unwrap();

    let id = frame.header("id").unwrap().into_owned();
    peer.deliver(&id, 1, "hello").await;
    let message = next(&mut subscription).await;
    assert_eq!(message.text(), Some("hello"));
    assert_eq!(message.destination(), "/queue/a");
    assert_eq!(message.message_id(), "1");
    assert_eq!(message.header("subscription"), Some(id.as_str()));
    assert!(!message.is_redelivered());

    message.ack().await.unwrap();
    assert_eq!(peer.expect("ACK").await.header("id").unwrap(), "a1");
    message.nack_with(&[("delay", "10")]).await.unwrap();
    let nack = peer.expect("NACK").await;
    assert_eq!(nack.header("id").unwrap(), "a1");
    assert_eq!(nack.header("delay").unwrap(), "10");
    let receipt = message.ack_with_receipt().await.unwrap();
    peer.take("ACK").await;
    soon(receipt).await.unwrap();

    let unsubscribing = tokio::spawn(subscription.unsubscribe());
    assert_eq!(peer.take("UNSUBSCRIBE").await.header("id").unwrap(), id);
    soon(unsubscribing).await.unwrap().unwrap();
}

#[tokio::test]
async fn each_subscription_gets_its_own() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let mut both = Vec::new();
    for destination in ["/queue/a", "/queue/b"] {
        let (subscription, frame) =
            tokio::join!(session.subscribe(destination), peer.take("SUBSCRIBE"));
        let id = frame.header("id").unwrap().into_owned();
        both.push((subscription.unwrap(), id));
    }
    peer.deliver(&both[1].1, 1, "b").await;
    peer.deliver("unknown", 2, "nobody's").await;
    peer.deliver(&both[0].1, 3, "a").await;
    assert_eq!(next(&mut both[0].0).await.text(), Some("a"));
    assert_eq!(next(&mut both[1].0).await.text(), Some("b"));
}

#[tokio::test]
async fn one_that_is_dropped_ends() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let (subscription, frame) = tokio::join!(session.subscribe("/queue/a"), peer.take("SUBSCRIBE"));
    drop(subscription.unwrap());
    let ended = peer.expect("UNSUBSCRIBE").await;
    assert_eq!(ended.header("id"), frame.header("id"));
}

#[tokio::test]
async fn a_refused_subscription_is_told() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client().no_reconnect()).await;
    let refuse = async {
        let frame = peer.expect("SUBSCRIBE").await;
        let receipt = frame.header("receipt").unwrap().into_owned();
        let error = format!("ERROR\nmessage:Access refused\nreceipt-id:{receipt}\n\n\0");
        peer.send(&error).await;
    };
    let (subscription, ()) = tokio::join!(session.subscribe("/queue/a"), refuse);
    assert!(
        matches!(subscription, Err(Error::Refused(_))),
        "{subscription:?}"
    );
}

#[tokio::test]
async fn one_more_subscription_than_the_limit() {
    let server = Server::start().await;
    let limits = Limits {
        subscriptions_max: 1,
        ..Limits::default()
    };
    let (session, mut peer) = server.session(&server.client().limits(limits)).await;
    let (first, _) = tokio::join!(session.subscribe("/queue/a"), peer.take("SUBSCRIBE"));
    let first = first.unwrap();
    match session.subscribe("/queue/b").await {
        Err(Error::TooMany(limit)) => assert_eq!(limit, "subscriptions_max"),
        other => panic!("{other:?}"),
    }
    drop(first);
    peer.expect("UNSUBSCRIBE").await;
    let (again, _) = tokio::join!(session.subscribe("/queue/b"), peer.take("SUBSCRIBE"));
    again.unwrap();
}

#[tokio::test]
async fn messages_that_nobody_takes_stop_the_reading() {
    let server = Server::start().await;
    let limits = Limits {
        messages_waiting_max: 4,
        ..Limits::default()
    };
    let (session, mut peer) = server.session(&server.client().limits(limits)).await;
    let (subscription, frame) = tokio::join!(session.subscribe("/queue/a"), peer.take("SUBSCRIBE"));
    let mut subscription = subscription.unwrap();
    let id = frame.header("id").unwrap().into_owned();
    // More than the sockets hold.
    let body = "x".repeat(1 << 16);
    const MESSAGES: u32 = 500;
    let flood = tokio::spawn(async move {
        for number in 0..MESSAGES {
            peer.deliver(&id, number, &body).await;
        }
        peer
    });
    for number in 0..MESSAGES / 2 {
        assert_eq!(
            next(&mut subscription).await.message_id(),
            number.to_string()
        );
    }
    assert!(!flood.is_finished());
    for number in MESSAGES / 2..MESSAGES {
        assert_eq!(
            next(&mut subscription).await.message_id(),
            number.to_string()
        );
    }
    soon(flood).await.unwrap();
}

#[tokio::test]
async fn a_receipt_comes_though_nobody_takes_messages() {
    let server = Server::start().await;
    let limits = Limits {
        messages_waiting_max: 1,
        ..Limits::default()
    };
    let (session, mut peer) = server.session(&server.client().limits(limits)).await;
    let subscribe = Subscribe::to("/queue/a").ack(AckMode::Client);
    let (subscription, frame) = tokio::join!(session.subscribe(subscribe), peer.take("SUBSCRIBE"));
    let mut subscription = subscription.unwrap();
    let id = frame.header("id").unwrap().into_owned();
    for number in 0..10 {
        peer.deliver(&id, number, "hello").await;
    }
    let first = next(&mut subscription).await;
    let receipt = first.ack_with_receipt().await.unwrap();
    peer.take("ACK").await;
    soon(receipt).await.unwrap();
}

#[tokio::test]
async fn in_1_0_there_is_no_nack_and_the_message_id_stands_for_a_message() {
    let server = Server::start().await;
    let client = server.client();
    let connecting = tokio::spawn(async move { client.connect().await });
    let mut peer = server.accept().await;
    peer.expect("CONNECT").await;
    peer.send("CONNECTED\n\n\0").await;
    let session = soon(connecting).await.unwrap().unwrap();
    let subscribe = Subscribe::to("/queue/a").ack(AckMode::Client);
    let (subscription, _) = tokio::join!(session.subscribe(subscribe), peer.take("SUBSCRIBE"));
    let mut subscription = subscription.unwrap();
    peer.send("MESSAGE\nmessage-id:7\ndestination:/queue/a\n\nhello\0")
        .await;
    let message = next(&mut subscription).await;
    let nack = message.nack().await;
    assert!(
        matches!(nack, Err(Error::NotInVersion(Version::V1_0))),
        "{nack:?}"
    );
    message.ack().await.unwrap();
    assert_eq!(peer.expect("ACK").await.header("message-id").unwrap(), "7");
}

#[tokio::test]
async fn a_subscription_is_a_stream() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let (subscription, frame) = tokio::join!(session.subscribe("/queue/a"), peer.take("SUBSCRIBE"));
    let mut stream = std::pin::pin!(subscription.unwrap());
    peer.deliver(&frame.header("id").unwrap(), 1, "hello").await;
    let message = soon(std::future::poll_fn(|cx| stream.as_mut().poll_next(cx))).await;
    assert_eq!(message.unwrap().unwrap().text(), Some("hello"));
}

#[tokio::test]
async fn what_counts_as_acknowledged_is_not_acknowledged_again() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let (subscription, frame) = tokio::join!(session.subscribe("/queue/a"), peer.take("SUBSCRIBE"));
    let mut subscription = subscription.unwrap();
    peer.deliver(&frame.header("id").unwrap(), 1, "hello").await;
    let acknowledged = next(&mut subscription).await.ack().await;
    assert!(
        matches!(acknowledged, Err(Error::AckNotAsked)),
        "{acknowledged:?}"
    );
}

#[tokio::test]
async fn before_1_2_a_header_of_the_sender_does_not_stand_for_the_message() {
    let server = Server::start().await;
    let client = server.client();
    let connecting = tokio::spawn(async move { client.connect().await });
    let mut peer = server.accept().await;
    peer.expect("CONNECT").await;
    peer.send("CONNECTED\nversion:1.1\n\n\0").await;
    let session = soon(connecting).await.unwrap().unwrap();
    let subscribe = Subscribe::to("/queue/a").ack(AckMode::Client);
    let (subscription, frame) = tokio::join!(session.subscribe(subscribe), peer.take("SUBSCRIBE"));
    let mut subscription = subscription.unwrap();
    peer.deliver(&frame.header("id").unwrap(), 7, "hello").await;
    let message = next(&mut subscription).await;
    assert_eq!(message.header("ack"), Some("a7"));
    message.ack().await.unwrap();
    assert_eq!(peer.expect("ACK").await.header("message-id").unwrap(), "7");
}

#[tokio::test]
async fn a_subscription_that_is_confirmed_too_late_is_ended() {
    let server = Server::start().await;
    let client = server
        .client()
        .receipt_wait_max(std::time::Duration::from_millis(50));
    let (session, mut peer) = server.session(&client).await;
    let (subscribed, frame) = tokio::join!(session.subscribe("/queue/a"), peer.expect("SUBSCRIBE"));
    assert!(
        matches!(subscribed, Err(Error::ReceiptTimedOut(_))),
        "{subscribed:?}"
    );
    let ended = peer.expect("UNSUBSCRIBE").await;
    assert_eq!(ended.header("id"), frame.header("id"));
}

#[tokio::test]
async fn messages_that_wait_are_not_in_the_way_of_unsubscribing() {
    let server = Server::start().await;
    let limits = Limits {
        message_bytes_waiting_max: 1,
        ..Limits::default()
    };
    let (session, mut peer) = server.session(&server.client().limits(limits)).await;
    let (subscription, frame) = tokio::join!(session.subscribe("/queue/a"), peer.take("SUBSCRIBE"));
    let mut subscription = subscription.unwrap();
    let id = frame.header("id").unwrap().into_owned();
    for number in 0..3 {
        peer.deliver(&id, number, "hello").await;
    }
    next(&mut subscription).await;
    let (ended, _) = tokio::join!(subscription.unsubscribe(), peer.take("UNSUBSCRIBE"));
    ended.unwrap();
}

#[tokio::test]
async fn what_comes_until_unsubscribing_is_confirmed_is_the_rest() {
    let server = Server::start().await;
    let limits = Limits {
        message_bytes_waiting_max: 1,
        ..Limits::default()
    };
    let (session, mut peer) = server.session(&server.client().limits(limits)).await;
    let subscribe = Subscribe::to("/queue/a").ack(AckMode::Client);
    let (subscription, frame) = tokio::join!(session.subscribe(subscribe), peer.take("SUBSCRIBE"));
    let subscription = subscription.unwrap();
    let id = frame.header("id").unwrap().into_owned();
    peer.deliver(&id, 1, "before").await;
    let ending = tokio::spawn(subscription.unsubscribe_with_rest());
    let unsubscribe = peer.expect("UNSUBSCRIBE").await;
    peer.deliver(&id, 2, "on its way").await;
    peer.confirm(&unsubscribe).await;
    let rest = soon(ending).await.unwrap().unwrap();
    let texts: Vec<_> = rest.iter().filter_map(|message| message.text()).collect();
    assert_eq!(texts, ["before", "on its way"]);
    // It is acknowledged as any other.
    rest[1].ack().await.unwrap();
    assert_eq!(peer.expect("ACK").await.header("id").unwrap(), "a2");
    // The next has nothing of it left.
    let (next, _) = tokio::join!(session.subscribe("/queue/a"), peer.take("SUBSCRIBE"));
    let unsubscribing = next.unwrap().unsubscribe_with_rest();
    let (rest, _) = tokio::join!(unsubscribing, peer.take("UNSUBSCRIBE"));
    assert_eq!(rest.unwrap().len(), 0);
}

#[tokio::test]
async fn a_connection_that_is_lost_while_unsubscribing_ends_the_subscription() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let (subscription, _) = tokio::join!(session.subscribe("/queue/a"), peer.take("SUBSCRIBE"));
    let ending = tokio::spawn(subscription.unwrap().unsubscribe_with_rest());
    peer.expect("UNSUBSCRIBE").await;
    drop(peer);
    let lost = soon(ending).await.unwrap();
    assert!(matches!(lost, Err(Error::Unconfirmed(_))), "{lost:?}");
    let mut peer = server.take_in().await;
    // It is not made again.
    session.send(Outgoing::new("/queue/a", "x")).await.unwrap();
    peer.expect("SEND").await;
}
