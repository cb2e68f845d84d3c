//! What is sent arrives as it was: once, in order, to all, octet for octet, with its headers.

use gumboot_stomp::{Outgoing, Version};

use crate::other::{At, Kind, next, send, soon};

/// More than fits into one read or one frame of WebSocket.
const BIG_BYTES: usize = 1 << 20;

pub(crate) async fn of_a_queue_come_once_in_order(at: At) {
    let session = at.session().await;
    let queue = at.destination("queue", "a");
    let bodies: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    let mut receipts = Vec::new();
    for body in &bodies {
        let outgoing = Outgoing::new(&queue, body.clone());
        receipts.push(
            session
                .send_with_receipt(outgoing)
                .await
                .expect("it can be sent"),
        );
    }
    for receipt in receipts {
        soon(receipt).await.expect("it is taken");
    }
    let mut subscription = soon(session.subscribe(queue.as_str()))
        .await
        .expect("a queue");
    for body in &bodies {
        let message = next(&mut subscription).await;
        assert_eq!(message.text(), Some(body.as_str()));
        assert_eq!(message.destination(), queue);
        assert!(!message.is_redelivered());
    }
    send(&session, &queue, "the end").await;
    assert_eq!(next(&mut subscription).await.text(), Some("the end"));
    soon(session.disconnect()).await.expect("it is confirmed");
}

pub(crate) async fn of_a_topic_come_to_all(at: At) {
    let (one, other) = (at.session().await, at.session().await);
    let topic = at.destination("topic", "a");
    let mut subscriptions = Vec::new();
    for session in [&one, &one, &other] {
        let subscription = soon(session.subscribe(topic.as_str())).await;
        subscriptions.push(subscription.expect("a topic"));
    }
    send(&other, &topic, "hello").await;
    for subscription in &mut subscriptions {
        assert_eq!(next(subscription).await.text(), Some("hello"));
    }
    for session in [one, other] {
        soon(session.disconnect()).await.expect("it is confirmed");
    }
}

pub(crate) async fn are_bytes(at: At) {
    let session = at.session().await;
    let queue = at.destination("queue", "a");
    let mut subscription = soon(session.subscribe(queue.as_str()))
        .await
        .expect("a queue");
    let every_octet = || (0..=u8::MAX).cycle();
    for body in [
        b"".to_vec(),
        b"\0".to_vec(),
        b"\n\n\0\0MESSAGE\n\n\0".to_vec(),
        every_octet().take(256).collect(),
        every_octet().take(BIG_BYTES).collect(),
    ] {
        let receipt = session
            .send_with_receipt(Outgoing::new(&queue, body.clone()))
            .await;
        soon(receipt.expect("it can be sent"))
            .await
            .expect("it is taken");
        assert_eq!(*next(&mut subscription).await.body(), body);
    }
    soon(session.disconnect()).await.expect("it is confirmed");
}

/// What headers are sent in which version.
const HEADERS: &[(Version, &str, &str)] = &[
    (Version::V1_0, "x-plain", "a b"),
    (Version::V1_0, "x-colon", "a:b"),
    (Version::V1_1, "x-text", "a:b\nc\\d\\n"),
    (Version::V1_1, "x:na\\me", "ä"),
    (Version::V1_2, "x-text", "a:b\nc\\d\\n\re"),
    (Version::V1_2, "x:na\\m\ne", " ä "),
];

pub(crate) async fn have_headers_with_anything_in_them(at: At) {
    for version in Version::ALL {
        let session = soon(at.client().versions(&[version]).connect()).await;
        let session = session.expect("it speaks that");
        let queue = at.destination("queue", version.as_str());
        let subscription = soon(session.subscribe(queue.as_str())).await;
        let mut subscription = subscription.expect("a queue");
        let headers = || HEADERS.iter().filter(|header| header.0 == version);
        let mut outgoing = Outgoing::new(&queue, "hello").header("content-type", "text/plain");
        for &(_, name, sent) in headers() {
            outgoing = outgoing.header(name, sent);
        }
        session.send(outgoing).await.expect("it can be sent");
        let message = next(&mut subscription).await;
        assert_eq!(message.header("content-type"), Some("text/plain"));
        for &(_, name, sent) in headers() {
            let received = match at.kind() {
                // It escapes as 1.1 does, though 1.0 has no escapes.
                Kind::RabbitMq if version == Version::V1_0 => sent.replace(':', "\\c"),
                _ => sent.to_owned(),
            };
            let header = message.header(name);
            assert_eq!(header, Some(received.as_str()), "{version}: {message:?}");
        }
        soon(session.disconnect()).await.expect("it is confirmed");
    }
}
