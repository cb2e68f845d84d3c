//! What is sent, and when it is confirmed.

use std::time::Duration;

use gumboot_stomp::{Error, HeartBeat, Limits, Loss, Opening, Outgoing, Version};

use crate::server::{Server, soon};

#[tokio::test]
async fn connect_says_what_the_program_said() {
    let server = Server::start().await;
    let client = server
        .client()
        .login("alice", "a:b\\c")
        .host("stars")
        .opening(Opening::Stomp)
        .versions(&[Version::V1_1, Version::V1_2])
        .heart_beat(HeartBeat {
            can_send_ms: 1000,
            wants_ms: 2000,
        })
        .header("client-id", "c-1");
    let connecting = tokio::spawn(async move { client.connect().await });
    let mut peer = server.accept().await;
    let frame = peer.expect("STOMP").await;
    let header = |name| frame.header(name).map(|value| value.into_owned());
    assert_eq!(header("accept-version").as_deref(), Some("1.1,1.2"));
    assert_eq!(header("host").as_deref(), Some("stars"));
    assert_eq!(header("login").as_deref(), Some("alice"));
    assert_eq!(header("passcode").as_deref(), Some("a:b\\c"));
    assert_eq!(header("heart-beat").as_deref(), Some("1000,2000"));
    assert_eq!(header("client-id").as_deref(), Some("c-1"));
    peer.send("CONNECTED\nversion:1.1\nserver:x/1\n\n\0").await;
    let session = soon(connecting).await.unwrap().unwrap();
    match session.state() {
        gumboot_stomp::State::Connected(server) => {
            assert_eq!(server.version, Version::V1_1);
            assert_eq!(server.server.as_deref(), Some("x/1"));
        }
        state => panic!("{state:?}"),
    }
}

#[tokio::test]
async fn a_refused_log_in_is_told() {
    let server = Server::start().await;
    let client = server.client();
    let connecting = tokio::spawn(async move { client.connect().await });
    let mut peer = server.accept().await;
    peer.expect("CONNECT").await;
    peer.send("ERROR\nmessage:Access refused\n\nwrong password\0")
        .await;
    match soon(connecting).await.unwrap() {
        Err(Error::Refused(error)) => {
            assert_eq!(error.to_string(), "Access refused: wrong password");
        }
        other => panic!("{other:?}"),
    }
    assert!(peer.next().await.is_none());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told() {
    let server = Server::start().await;
    let client = server.client();
    drop(server);
    match soon(client.connect()).await {
        Err(Error::Lost(Loss::Connect(_))) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn messages_go_out_in_order_with_their_headers() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    for number in 0..3 {
        let message =
            Outgoing::new("/topic/a", format!("body {number}")).header("n:o", number.to_string());
        session.send(message).await.unwrap();
    }
    for number in 0..3 {
        let frame = peer.expect("SEND").await;
        assert_eq!(frame.header("n:o").unwrap(), number.to_string());
        assert_eq!(frame.body(), format!("body {number}").as_bytes());
        assert_eq!(frame.header("receipt"), None);
    }
}

#[tokio::test]
async fn receipts_come_in_any_order() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let first = session.send_with_receipt(Outgoing::new("/topic/a", "1"));
    let first = first.await.unwrap();
    let second = session.send_with_receipt(Outgoing::new("/topic/a", "2"));
    let second = second.await.unwrap();
    let frames = [peer.expect("SEND").await, peer.expect("SEND").await];
    peer.confirm(&frames[1]).await;
    soon(second).await.unwrap();
    peer.confirm(&frames[0]).await;
    soon(first).await.unwrap();
}

#[tokio::test]
async fn what_is_not_confirmed_in_time_is_told() {
    let server = Server::start().await;
    let client = server.client().receipt_wait_max(Duration::from_millis(50));
    let (session, mut peer) = server.session(&client).await;
    let receipt = session.send_with_receipt(Outgoing::new("/topic/a", "1"));
    let receipt = receipt.await.unwrap();
    let frame = peer.expect("SEND").await;
    assert!(matches!(
        soon(receipt).await,
        Err(Error::ReceiptTimedOut(_))
    ));
    // One that comes late is nobody's, and the session goes on.
    peer.confirm(&frame).await;
    session.send(Outgoing::new("/topic/a", "2")).await.unwrap();
    assert_eq!(peer.expect("SEND").await.body(), b"2");
}

#[tokio::test]
async fn a_header_that_cannot_be_sent_is_told_and_the_session_goes_on() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let wrong = Outgoing::new("/topic/a", "1").header("receipt", "mine");
    match session.send(wrong).await {
        Err(Error::Header(name)) => assert_eq!(name, "receipt"),
        other => panic!("{other:?}"),
    }
    session.send(Outgoing::new("/topic/a", "2")).await.unwrap();
    assert_eq!(peer.expect("SEND").await.body(), b"2");
}

#[tokio::test]
async fn at_the_bound_of_unconfirmed_requests_one_more_waits() {
    let server = Server::start().await;
    let client = server.client().limits(Limits {
        unconfirmed_max: 1,
        ..Limits::default()
    });
    let (session, mut peer) = server.session(&client).await;
    let first = session.send_with_receipt(Outgoing::new("/topic/a", "1"));
    let first = first.await.unwrap();
    let second = {
        let session = session.clone();
        tokio::spawn(async move {
            session
                .send_with_receipt(Outgoing::new("/topic/a", "2"))
                .await?
                .await
        })
    };
    let frame = peer.expect("SEND").await;
    assert!(!second.is_finished());
    peer.confirm(&frame).await;
    soon(first).await.unwrap();
    assert_eq!(peer.take("SEND").await.body(), b"2");
    soon(second).await.unwrap().unwrap();
}

#[tokio::test]
async fn at_the_bound_of_octets_one_more_waits() {
    let server = Server::start().await;
    let client = server.client().limits(Limits {
        send_bytes_max: 100,
        ..Limits::default()
    });
    let (session, mut peer) = server.session(&client).await;
    // Longer than the bound, it goes alone.
    let first = session.send_with_receipt(Outgoing::new("/topic/a", "x".repeat(200)));
    let first = first.await.unwrap();
    let frame = peer.expect("SEND").await;
    let second = {
        let session = session.clone();
        tokio::spawn(async move { session.send(Outgoing::new("/topic/a", "2")).await })
    };
    peer.confirm(&frame).await;
    soon(first).await.unwrap();
    assert_eq!(peer.expect("SEND").await.body(), b"2");
    soon(second).await.unwrap().unwrap();
}
