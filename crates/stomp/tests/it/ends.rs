//! How sessions end, and heart-beats.

use std::{future::poll_fn, task::Poll};

use gumboot_stomp::{Client, Error, HeartBeat, Limits, Loss, Outgoing, Session, State};
use gumboot_websocket::{
    Acceptor,
    proto::{CloseCode, CloseFrame},
    timer::now,
};
use tokio::net::TcpListener;

use crate::server::{Server, soon};

#[tokio::test]
async fn disconnect_comes_last_and_is_confirmed() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    session.send(Outgoing::new("/queue/a", "1")).await.unwrap();
    let leaving = {
        let session = session.clone();
        tokio::spawn(async move { session.disconnect().await })
    };
    peer.expect("SEND").await;
    let frame = peer.expect("DISCONNECT").await;
    assert!(!leaving.is_finished());
    peer.confirm(&frame).await;
    soon(leaving).await.unwrap().unwrap();
    assert!(matches!(session.state(), State::Ended(None)));
    assert!(peer.next().await.is_none());
    session.disconnect().await.unwrap();
    let late = session.send(Outgoing::new("/queue/a", "2")).await;
    assert!(matches!(late, Err(Error::Ended)), "{late:?}");
}

#[tokio::test]
async fn one_may_wait_for_the_end_of_the_connection() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let leaving = {
        let session = session.clone();
        tokio::spawn(async move {
            session.disconnect().await?;
            session.closed().await;
            Ok::<_, Error>(session.state())
        })
    };
    peer.take("DISCONNECT").await;
    assert!(peer.next().await.is_none());
    drop(peer);
    let state = soon(leaving).await.unwrap().unwrap();
    assert!(matches!(state, State::Ended(None)), "{state:?}");
    // There is nothing left to wait for.
    soon(session.closed()).await;
}

#[tokio::test]
async fn a_disconnect_that_is_not_confirmed_is_told() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let leaving = tokio::spawn(async move { session.disconnect().await });
    peer.expect("DISCONNECT").await;
    drop(peer);
    let left = soon(leaving).await.unwrap();
    assert!(matches!(left, Err(Error::Unconfirmed(_))), "{left:?}");
}

#[tokio::test]
async fn when_the_last_handle_is_gone_the_session_ends() {
    let server = Server::start().await;
    let (session, mut peer) = server.session(&server.client()).await;
    let (subscription, _) = tokio::join!(session.subscribe("/queue/a"), peer.take("SUBSCRIBE"));
    let subscription = subscription.unwrap();
    drop(session);
    drop(subscription);
    peer.expect("UNSUBSCRIBE").await;
    peer.take("DISCONNECT").await;
    assert!(peer.next().await.is_none());
}

#[tokio::test]
async fn one_may_leave_while_there_is_no_connection() {
    let server = Server::start().await;
    let (session, peer) = server.session(&server.client()).await;
    drop(server);
    drop(peer);
    let lost = session.wait_until(|state| matches!(state, State::Reconnecting { .. }));
    soon(lost).await;
    soon(session.disconnect()).await.unwrap();
    assert!(soon(session.ended()).await.is_none());
}

#[tokio::test]
async fn heart_beats_are_kept_and_a_silent_server_is_given_up() {
    let server = Server::start().await;
    let beat = HeartBeat {
        can_send_ms: 20,
        wants_ms: 20,
    };
    let client = server.client().heart_beat(beat).no_reconnect();
    let connecting = tokio::spawn(async move { client.connect().await });
    let mut peer = server.accept().await;
    peer.expect("CONNECT").await;
    peer.send("CONNECTED\nversion:1.2\nheart-beat:20,20\n\n\0")
        .await;
    let session = soon(connecting).await.unwrap().unwrap();
    for _ in 0..3 {
        peer.beat().await;
        peer.send("\n").await;
    }
    match soon(session.ended()).await {
        Some(Loss::Protocol(error)) => {
            assert_eq!(error.fault(), gumboot_stomp_proto::Fault::Environment);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_that_never_answers_connect_is_given_up() {
    let server = Server::start().await;
    let client = server.client().frame_limits(gumboot_stomp::FrameLimits {
        login_ms_max: 50,
        ..gumboot_stomp::FrameLimits::default()
    });
    let connecting = tokio::spawn(async move { client.connect().await });
    let mut peer = server.accept().await;
    peer.expect("CONNECT").await;
    let connected = soon(connecting).await.unwrap();
    assert!(
        matches!(connected, Err(Error::Lost(Loss::Protocol(_)))),
        "{connected:?}"
    );
}

#[tokio::test]
async fn a_request_that_is_not_polled_does_not_hold_up_the_end() {
    let server = Server::start().await;
    let limits = Limits {
        unconfirmed_max: 1,
        ..Limits::default()
    };
    let (session, mut peer) = server.session(&server.client().limits(limits)).await;
    let first = session.send_with_receipt(Outgoing::new("/queue/a", "0"));
    let first = first.await.unwrap();
    let frame = peer.expect("SEND").await;
    // Nothing more is taken until that is confirmed: these fill the way, and the last of them waits for a place in it.
    let mut waiting = Vec::new();
    for _ in 0..100 {
        let mut send = Box::pin(session.send(Outgoing::new("/queue/a", "1")));
        poll_fn(|cx| {
            assert!(send.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        waiting.push(send);
    }
    let leave = async {
        peer.confirm(&frame).await;
        loop {
            let frame = peer.next().await.expect("a frame");
            if frame.command().as_str() == "DISCONNECT" {
                peer.confirm(&frame).await;
                return;
            }
        }
    };
    let (left, ()) = soon(async { tokio::join!(session.disconnect(), leave) }).await;
    left.unwrap();
    first.await.unwrap();
}

#[tokio::test]
async fn over_websocket_the_error_counts_and_not_the_close_behind_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let serve = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let acceptor = Acceptor::new().protocols(["v12.stomp"]);
        let mut socket = acceptor.accept(stream).await.unwrap();
        assert!(socket.receive().await.unwrap().is_some());
        let mut link = socket.into_parts().0;
        let connected = "CONNECTED\nversion:1.2\n\n\0";
        link.connection().send(connected.into()).unwrap();
        poll_fn(|cx| link.poll_write(cx, now())).await.unwrap();
        let mut asked = false;
        while !asked {
            let read = poll_fn(|cx| link.poll_read(cx, now(), &mut |_, _| asked = true));
            read.await.unwrap();
        }
        let error = "ERROR\nmessage:No more\n\n\0";
        link.connection().send(error.into()).unwrap();
        link.connection().close(None).unwrap();
        // All of it in one write.
        poll_fn(|cx| link.poll_write(cx, now())).await.unwrap();
        while !link.is_ending() {
            poll_fn(|cx| link.poll_read(cx, now(), &mut |_, _| {}))
                .await
                .unwrap();
        }
        let _ = poll_fn(|cx| link.poll_end(cx)).await;
    });
    let client = Client::new(&url).unwrap().no_reconnect();
    let session = soon(client.connect()).await.unwrap();
    let sent = session.send(Outgoing::new("/queue/a", "1"));
    soon(sent).await.unwrap();
    match soon(session.ended()).await {
        Some(Loss::Refused(error)) => assert_eq!(error.to_string(), "No more"),
        other => panic!("{other:?}"),
    }
    soon(serve).await.unwrap();
}

/// A server over WebSocket that confirms nothing, and closes behind DISCONNECT with this code.
async fn closes_behind_disconnect(code: CloseCode) -> Session {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let acceptor = Acceptor::new().protocols(["v12.stomp"]);
        let mut socket = acceptor.accept(stream).await.unwrap();
        while let Some(message) = socket.receive().await.unwrap() {
            let frame = message.as_text().unwrap();
            if frame.starts_with("CONNECT\n") {
                let connected = "CONNECTED\nversion:1.2\n\n\0";
                socket.send(connected).await.unwrap();
            } else if frame.starts_with("DISCONNECT\n") {
                let close = CloseFrame::truncated(code, "STOMP died");
                socket.close(Some(&close)).await.unwrap();
                return;
            }
        }
    });
    soon(Client::new(&url).unwrap().connect()).await.unwrap()
}

#[tokio::test]
async fn over_websocket_a_normal_close_stands_for_the_receipt_of_disconnect() {
    let session = closes_behind_disconnect(CloseCode::NORMAL).await;
    session.send(Outgoing::new("/queue/a", "1")).await.unwrap();
    soon(session.disconnect()).await.unwrap();
    assert!(matches!(session.state(), State::Ended(None)));
}

#[tokio::test]
async fn over_websocket_a_normal_close_stands_for_no_other_receipt() {
    let session = closes_behind_disconnect(CloseCode::NORMAL).await;
    let sent = session.send_with_receipt(Outgoing::new("/queue/a", "1"));
    let receipt = sent.await.unwrap();
    let left = soon(session.disconnect()).await;
    assert!(matches!(left, Err(Error::Unconfirmed(_))), "{left:?}");
    let confirmed = soon(receipt).await;
    assert!(
        matches!(confirmed, Err(Error::Unconfirmed(_))),
        "{confirmed:?}"
    );
}

#[tokio::test]
async fn over_websocket_another_close_does_not_confirm_disconnect() {
    let session = closes_behind_disconnect(CloseCode::GOING_AWAY).await;
    let left = soon(session.disconnect()).await;
    assert!(matches!(left, Err(Error::Unconfirmed(_))), "{left:?}");
}
