//! A lost connection is made again: what was subscribed, and what was not confirmed, comes again.

use std::{future::poll_fn, pin::pin, task::Poll};

use gumboot_stomp::{AckMode, BLAMED_MAX, Error, Loss, Outgoing, State, Subscribe};

use crate::server::{Server, soon};

#[tokio::test]
async fn subscriptions_come_first_then_what_was_not_confirmed() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let (subscription, frame) = tokio::join!(session.subscribe("/queue/a"), peer.take("SUBSCRIBE"));
    let mut subscription = subscription.unwrap();
    let id = frame.header("id").unwrap().into_owned();
    let mut receipts = Vec::new();
    for body in ["1", "2", "3"] {
        let receipt = session.send_with_receipt(Outgoing::new("/queue/a", body));
        receipts.push(receipt.await.unwrap());
    }
    peer.take("SEND").await;
    let mut receipts = receipts.into_iter();
    soon(receipts.next().unwrap()).await.unwrap();
    peer.expect("SEND").await;
    drop(peer);

    let mut peer = server.take_in().await;
    let again = peer.take("SUBSCRIBE").await;
    assert_eq!(again.header("id").unwrap(), id);
    assert_eq!(again.header("destination"), frame.header("destination"));
    for body in [b"2", b"3"] {
        assert_eq!(peer.take("SEND").await.body(), body);
    }
    for receipt in receipts {
        soon(receipt).await.unwrap();
    }
    peer.deliver(&id, 1, "hello").await;
    let message = soon(subscription.receive()).await.unwrap().unwrap();
    assert_eq!(message.text(), Some("hello"));
}

#[tokio::test]
async fn a_message_of_a_lost_connection_is_not_acknowledged() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let subscribe = Subscribe::to("/queue/a").ack(AckMode::Client);
    let (subscription, frame) = tokio::join!(session.subscribe(subscribe), peer.take("SUBSCRIBE"));
    let mut subscription = subscription.unwrap();
    let id = frame.header("id").unwrap();
    peer.deliver(&id, 1, "hello").await;
    let message = soon(subscription.receive()).await.unwrap().unwrap();
    drop(peer);
    let mut peer = server.take_in().await;
    peer.take("SUBSCRIBE").await;
    let acknowledged = soon(message.ack()).await;
    assert!(
        matches!(acknowledged, Err(Error::MessageStale)),
        "{acknowledged:?}"
    );
    for number in [2, 3] {
        peer.deliver(&id, number, "hello").await;
    }
    let later = [
        soon(subscription.receive()).await.unwrap().unwrap(),
        soon(subscription.receive()).await.unwrap().unwrap(),
    ];
    assert!(later[1].shares_acks_with(&later[0]));
    assert!(!later[1].shares_acks_with(&message));
}

#[tokio::test]
async fn what_is_sent_meanwhile_waits_for_the_connection() {
    let server = Server::start().await;
    let (session, peer) = server.session(&server.client()).await;
    drop(peer);
    let lost = session.wait_until(|state| matches!(state, State::Reconnecting { .. }));
    soon(lost).await;
    let sending = {
        let session = session.clone();
        tokio::spawn(async move { session.send(Outgoing::new("/queue/a", "1")).await })
    };
    let mut peer = server.take_in().await;
    assert_eq!(peer.expect("SEND").await.body(), b"1");
    soon(sending).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_message_that_the_server_refuses_is_not_repeated() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let refused = session.send_with_receipt(Outgoing::new("/queue/a", "bad"));
    let refused = refused.await.unwrap();
    let good = session.send_with_receipt(Outgoing::new("/queue/a", "good"));
    let good = good.await.unwrap();
    let frame = peer.expect("SEND").await;
    let receipt = frame.header("receipt").unwrap().into_owned();
    peer.send(&format!("ERROR\nmessage:No\nreceipt-id:{receipt}\n\n\0"))
        .await;
    match soon(refused).await {
        Err(Error::Refused(error)) => assert_eq!(error.message.as_deref(), Some("No")),
        other => panic!("{other:?}"),
    }
    let mut peer = server.take_in().await;
    assert_eq!(peer.take("SEND").await.body(), b"good");
    soon(good).await.unwrap();
}

#[tokio::test]
async fn a_message_that_costs_the_connection_each_time_is_given_up() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let receipt = session.send_with_receipt(Outgoing::new("/queue/a", "bad"));
    let receipt = receipt.await.unwrap();
    let mut writes = 0;
    let given_up = tokio::spawn(receipt);
    while !given_up.is_finished() {
        peer.expect("SEND").await;
        writes += 1;
        drop(peer);
        peer = server.take_in().await;
        if writes == 4 {
            break;
        }
    }
    let result = soon(given_up).await.unwrap();
    assert!(
        matches!(result, Err(Error::Unconfirmed(Loss::Ended))),
        "{result:?}"
    );
}

#[tokio::test]
async fn without_reconnecting_the_loss_is_told_to_all() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client().no_reconnect()).await;
    let (subscription, _) = tokio::join!(session.subscribe("/queue/a"), peer.take("SUBSCRIBE"));
    let mut subscription = subscription.unwrap();
    let receipt = session.send_with_receipt(Outgoing::new("/queue/a", "1"));
    let receipt = receipt.await.unwrap();
    peer.expect("SEND").await;
    drop(peer);
    assert!(matches!(soon(receipt).await, Err(Error::Unconfirmed(_))));
    assert!(matches!(
        soon(subscription.receive()).await,
        Err(Error::Lost(Loss::Ended))
    ));
    assert!(matches!(soon(subscription.receive()).await, Ok(None)));
    assert!(matches!(soon(session.ended()).await, Some(Loss::Ended)));
    let late = session.send(Outgoing::new("/queue/a", "2")).await;
    assert!(matches!(late, Err(Error::Ended)), "{late:?}");
}

#[tokio::test]
async fn a_subscription_that_is_refused_without_a_name_is_given_up() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let subscribing = {
        let session = session.clone();
        tokio::spawn(async move { session.subscribe("/queue/a").await })
    };
    for _ in 0..BLAMED_MAX {
        peer.expect("SUBSCRIBE").await;
        peer.send("ERROR\nmessage:Access refused\n\n\0").await;
        peer = server.take_in().await;
    }
    let subscribed = soon(subscribing).await.unwrap();
    assert!(
        matches!(subscribed, Err(Error::Refused(_))),
        "{subscribed:?}"
    );
    session
        .send(Outgoing::new("/queue/a", "next"))
        .await
        .unwrap();
    assert_eq!(peer.expect("SEND").await.body(), b"next");
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_not_sent() {
    let server = Server::start().await;
    let (session, peer) = server.session(&server.client()).await;
    drop(peer);
    let lost = session.wait_until(|state| matches!(state, State::Reconnecting { .. }));
    soon(lost).await;
    {
        let mut given_up = pin!(session.send(Outgoing::new("/queue/a", "given up")));
        poll_fn(|cx| {
            assert!(given_up.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
    }
    let sent = session.send(Outgoing::new("/queue/a", "next"));
    let (sent, mut peer) = tokio::join!(sent, server.take_in());
    sent.unwrap();
    assert_eq!(peer.expect("SEND").await.body(), b"next");
}
