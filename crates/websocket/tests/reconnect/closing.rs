//! The end that the program wants, in every phase.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use gumboot_websocket::{
    Backoff, NotQueued, Reconnect, ReconnectState, Reconnecting, Socket,
    proto::{CloseCode, CloseFrame, Message},
};
use tokio::{io::DuplexStream, time::timeout};

use crate::{
    expect_given_up, expect_waiting, open,
    server::{Plan, accept, client, echo, hand_over, serve},
};

fn silent() -> Plan {
    serve(|stream| async move {
        let _stream = stream;
        std::future::pending::<()>().await;
    })
}

fn texts(messages: &[Message]) -> Vec<&str> {
    messages.iter().filter_map(Message::as_text).collect()
}

#[tokio::test(start_paused = true)]
async fn while_it_connects() {
    let mut connection = client([silent()]).start();
    connection.send("a").await.unwrap();
    assert_eq!(connection.state(), ReconnectState::Connecting);
    assert_eq!(texts(&connection.close(None).await), ["a"]);
    assert_eq!(connection.state(), ReconnectState::Ended);
    assert!(connection.next().await.is_none());
    assert!(connection.send("b").await.is_err());
    assert_eq!(connection.close(None).await, []);
}

#[tokio::test(start_paused = true)]
async fn while_the_program_opens() {
    let reconnect = client([echo()]).on_open(|_| std::future::pending());
    let mut connection = reconnect.start();
    connection.send("a").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(texts(&connection.close(None).await), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn while_it_waits() {
    let reconnect = client([Plan::Refuse]);
    let long = Backoff::new().first_max(Duration::from_secs(3600));
    let mut connection = reconnect.backoff(long.seed(1)).start();
    expect_waiting(&mut connection).await;
    connection.send("a").await.unwrap();
    assert_eq!(texts(&connection.close(None).await), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_sent_before_the_close() {
    let (plan, taken) = hand_over();
    let mut connection = client([plan]).start();
    open(&mut connection).await;
    let mut server = taken.await.unwrap();
    let sender = connection.sender();
    for text in ["a", "b", "c"] {
        sender.send(text).await.unwrap();
    }
    let seen = tokio::spawn(async move {
        let mut messages = Vec::new();
        while let Some(message) = server.receive().await.unwrap() {
            messages.push(message);
        }
        (messages, server.close_frame().flatten().cloned())
    });
    let frame = CloseFrame::truncated(CloseCode::new(4000).unwrap(), "bye");
    assert_eq!(connection.close(Some(&frame)).await, []);
    let (messages, close) = seen.await.unwrap();
    assert_eq!(texts(&messages), ["a", "b", "c"]);
    assert_eq!(close, Some(frame));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_read() {
    let unread = accept(|socket| async move {
        let _socket = socket;
        std::future::pending::<()>().await;
    });
    let mut connection = client([unread]).start();
    open(&mut connection).await;
    let long = Message::binary(
        (0..100_000_u32)
            .flat_map(u32::to_le_bytes)
            .collect::<Vec<_>>(),
    );
    connection.send(long.clone()).await.unwrap();
    connection.send("behind").await.unwrap();
    let unsent = connection.close(None).await;
    assert_eq!(unsent, [long, Message::text("behind")]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_the_close() {
    let deaf = accept(|socket| async move {
        let (link, _) = socket.into_parts();
        let _link = link;
        std::future::pending::<()>().await;
    });
    let mut connection = client([deaf]).start();
    open(&mut connection).await;
    assert_eq!(connection.close(None).await, []);
}

#[tokio::test(start_paused = true)]
async fn while_nobody_takes_events() {
    let chatty = accept(async |mut socket| {
        for _ in 0..1000 {
            socket.send("again").await.unwrap();
        }
        while let Ok(Some(_)) = socket.receive().await {}
    });
    let mut connection = client([chatty]).start();
    open(&mut connection).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(connection.close(None).await, []);
    let mut count = 0;
    while connection.next().await.is_some() {
        count += 1;
    }
    assert_eq!(count, gumboot_websocket::RECONNECT_EVENTS_MAX);
}

#[tokio::test(start_paused = true)]
async fn after_it_was_given_up_unseen() {
    let answer = crate::server::answer("HTTP/1.1 404 x\r\ncontent-length: 0\r\n\r\n");
    let mut connection = client([answer]).start();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(connection.close(None).await, []);
    expect_given_up(&mut connection).await;
}

#[tokio::test(start_paused = true)]
async fn a_close_that_is_dropped_goes_on() {
    let (plan, taken) = hand_over();
    let mut connection = client([plan]).start();
    open(&mut connection).await;
    let mut server = taken.await.unwrap();
    let closing = connection.close(None);
    assert!(timeout(Duration::from_millis(1), closing).await.is_err());
    assert_eq!(server.receive().await.unwrap(), None);
    assert_eq!(connection.close(None).await, []);
    assert_eq!(connection.state(), ReconnectState::Ended);
}

#[tokio::test(start_paused = true)]
async fn dropped_by_the_program() {
    let (plan, taken) = hand_over();
    let mut connection = client([plan]).start();
    open(&mut connection).await;
    let mut server = taken.await.unwrap();
    connection.send("last").await.unwrap();
    let sender = connection.sender();
    drop(connection);
    assert_eq!(server.receive().await.unwrap(), Some(Message::text("last")));
    assert_eq!(server.receive().await.unwrap(), None);
    assert_eq!(server.close_frame(), Some(None));
    assert!(sender.send("late").await.is_err());
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "the program's own fault")]
async fn a_panic_of_the_program_is_not_hidden() {
    let reconnect = client([echo()]).on_open(|_| async { panic!("the program's own fault") });
    let mut connection = reconnect.start();
    assert!(connection.next().await.is_none());
    connection.close(None).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_program_is_the_end() {
    let opening = client([echo()]).on_open(|_| async { panic!("the program's own fault") });
    let connecting = Reconnect::by(|| async { panic!("the program's own fault") });
    let connecting: Reconnect<DuplexStream> = connecting;
    for reconnect in [opening, connecting] {
        let mut connection = reconnect.start();
        assert_eq!(connection.state(), ReconnectState::Connecting);
        connection.send("a").await.unwrap();
        assert!(connection.next().await.is_none());
        assert_eq!(connection.state(), ReconnectState::Ended);
        assert!(connection.send("b").await.is_err());
    }
}

/// How long a close may take that waits for nobody; the time is paused.
const CLOSE_WAIT_MAX: Duration = Duration::from_secs(3600);

/// A connection is closed while a sender has a place in the queue and nobody polls it.
async fn check_unpolled_sender(then: impl AsyncFnOnce(&mut Reconnecting, Socket<DuplexStream>)) {
    let (plan, taken) = hand_over();
    let long = Backoff::new().first_max(2 * CLOSE_WAIT_MAX).seed(1);
    let reconnect = client([plan]).backoff(long).queue_messages_max(1);
    let mut connection = reconnect.start();
    connection.send("a").await.unwrap();
    let sender = connection.sender();
    let mut waits = pin!(sender.send("b"));
    let polled = poll_fn(|cx| Poll::Ready(waits.as_mut().poll(cx))).await;
    assert!(polled.is_pending());
    open(&mut connection).await;
    let mut server = taken.await.unwrap();
    assert_eq!(server.receive().await.unwrap(), Some(Message::text("a")));
    then(&mut connection, server).await;
    let closed = timeout(CLOSE_WAIT_MAX, connection.close(None)).await;
    assert_eq!(closed.expect("it hangs"), []);
    assert_eq!(waits.await, Err(NotQueued::Ended(Message::text("b"))));
}

#[tokio::test(start_paused = true)]
async fn while_a_sender_that_is_not_polled_has_a_place() {
    check_unpolled_sender(async |_, mut server| {
        tokio::spawn(async move { server.receive().await });
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn while_it_waits_and_a_sender_that_is_not_polled_has_a_place() {
    check_unpolled_sender(async |connection, server| {
        drop(server);
        expect_waiting(connection).await;
    })
    .await;
}
