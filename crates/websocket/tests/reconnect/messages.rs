//! Messages: none is lost in silence, none comes twice, and the opening comes first.

use std::time::Duration;

use gumboot_websocket::{
    NotQueued, QUEUE_MESSAGES_MAX, ReconnectEvent, Reconnecting, TRANSFERS_MAX, proto::Message,
};
use tokio::io::AsyncReadExt;

use crate::{
    expect_given_up, expect_text, expect_waiting, open,
    server::{
        Plan, accept, accept_and_say, answer, client, echo, hand_over, serve, take_little_and_say,
    },
};

#[tokio::test(start_paused = true)]
async fn over_two_connections() {
    let once = accept(async |mut socket| {
        let message = socket.receive().await.unwrap().unwrap();
        socket.send(message).await.unwrap();
    });
    let mut connection = client([once, echo()]).start();
    open(&mut connection).await;
    connection.send("first").await.unwrap();
    expect_text(&mut connection, "first").await;
    expect_waiting(&mut connection).await;
    connection.send("second").await.unwrap();
    open(&mut connection).await;
    expect_text(&mut connection, "second").await;
    assert_eq!(connection.close(None).await, []);
}

#[tokio::test(start_paused = true)]
async fn the_opening_comes_before_what_waits() {
    let (first, taken_first) = hand_over();
    let (second, taken_second) = hand_over();
    let mut number = 0;
    let reconnect = client([first, second, echo()]).on_open(move |mut socket| {
        number += 1;
        async move {
            socket.send(format!("login {number}")).await?;
            let answer = socket.receive().await?.ok_or("the server has closed")?;
            socket
                .send(format!("as {}", answer.as_text().unwrap_or_default()))
                .await?;
            Ok(socket)
        }
    });
    let mut connection = reconnect.start();
    let sender = connection.sender();
    sender.send("waits").await.unwrap();
    for (taken, login) in [(taken_first, "login 1"), (taken_second, "login 2")] {
        let mut server = taken.await.unwrap();
        let expect = async |server: &mut gumboot_websocket::Socket<_>, text| {
            assert_eq!(server.receive().await.unwrap(), Some(Message::text(text)));
        };
        expect(&mut server, login).await;
        server.send("me").await.unwrap();
        expect(&mut server, "as me").await;
        open(&mut connection).await;
        expect(&mut server, "waits").await;
        drop(server);
        expect_waiting(&mut connection).await;
        sender.send("waits").await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_was_half_written_is_sent_again_whole() {
    let long = "long ".repeat(2000);
    // It takes some of the message, and is gone.
    let takes_half = serve(async |mut stream| {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        drop(stream);
    });
    let half = accept(async |socket| {
        let (link, _) = socket.into_parts();
        // Unread, the stream is full in the middle of the message.
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(link);
    });
    let mut connection = client([takes_half, half, echo()]).start();
    expect_waiting(&mut connection).await;
    open(&mut connection).await;
    connection
        .send(Message::binary(random_bytes(10_000)))
        .await
        .unwrap();
    connection.send(long.clone()).await.unwrap();
    expect_waiting(&mut connection).await;
    open(&mut connection).await;
    let Some(ReconnectEvent::Message(first)) = connection.next().await else {
        panic!("the first message comes back");
    };
    assert_eq!(first.as_bytes(), random_bytes(10_000));
    expect_text(&mut connection, &long).await;
    connection.send("and no more").await.unwrap();
    expect_text(&mut connection, "and no more").await;
}

/// Bytes that cannot be compressed.
fn random_bytes(count: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(count).collect()
}

#[tokio::test(start_paused = true)]
async fn what_was_written_is_not_sent_again() {
    let (first, taken) = hand_over();
    let mut connection = client([first, echo()]).start();
    open(&mut connection).await;
    let mut server = taken.await.unwrap();
    connection.send("once").await.unwrap();
    assert_eq!(server.receive().await.unwrap(), Some(Message::text("once")));
    drop(server);
    expect_waiting(&mut connection).await;
    open(&mut connection).await;
    connection.send("then").await.unwrap();
    expect_text(&mut connection, "then").await;
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_bounded() {
    let silent = || {
        serve(|stream| async move {
            let _stream = stream;
            std::future::pending::<()>().await;
        })
    };
    let connection = client([silent()]).start();
    for number in 0..QUEUE_MESSAGES_MAX {
        connection.try_send(number.to_string()).unwrap();
    }
    let full = connection.try_send("one more").unwrap_err();
    assert_eq!(full, NotQueued::Full(Message::text("one more")));
    assert_eq!(full.into_message(), Message::text("one more"));

    let mut connection = client([silent(), echo()]).queue_messages_max(1).start();
    connection.send("a").await.unwrap();
    let sender = connection.sender();
    let waits = tokio::spawn(async move { sender.send("b").await });
    // The first attempt takes too long; with the second there is room.
    expect_waiting(&mut connection).await;
    open(&mut connection).await;
    waits.await.unwrap().unwrap();
    expect_text(&mut connection, "a").await;
    expect_text(&mut connection, "b").await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_at_the_end_is_given_back() {
    let gone = answer("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    let reconnect = client([Plan::Refuse, accept_and_say(b"\x88\x02\x03\xe9"), gone]);
    let mut connection = reconnect.queue_messages_max(2).start();
    expect_waiting(&mut connection).await;
    open(&mut connection).await;
    expect_waiting(&mut connection).await;
    let (sender, again) = (connection.sender(), connection.sender());
    connection.send("a").await.unwrap();
    connection.send("b").await.unwrap();
    // This one has no room yet, and never will have.
    let waits = tokio::spawn(async move { again.send("c").await });
    tokio::task::yield_now().await;
    let (_, unsent) = expect_given_up(&mut connection).await;
    let refused = waits.await.unwrap();
    assert_eq!(unsent + usize::from(refused.is_err()), 3);
    let late = sender.try_send("d").unwrap_err();
    assert_eq!(late, NotQueued::Ended(Message::text("d")));
    assert_eq!(connection.close(None).await, []);
}

/// The next event, which is to be that this message is given up after so many transfers.
async fn expect_not_sent(connection: &mut Reconnecting, expected: &Message, count: u32) {
    match connection.next().await {
        Some(ReconnectEvent::NotSent { message, transfers }) => {
            assert_eq!(&message, expected);
            assert_eq!(transfers, count);
        }
        event => panic!("{event:?}"),
    }
}

/// A server that takes the first byte of a message, and then closes with this code.
fn refuse(code: u16) -> Plan {
    let [high, low] = code.to_be_bytes();
    take_little_and_say([0x88, 2, high, low])
}

fn long() -> Message {
    Message::binary(random_bytes(10_000))
}

#[tokio::test(start_paused = true)]
async fn a_message_that_the_server_refuses_keeps_none_back() {
    for code in [1003, 1007, 1009] {
        let mut connection = client([refuse(code), echo()]).start();
        connection.send(long()).await.unwrap();
        connection.send("behind").await.unwrap();
        open(&mut connection).await;
        expect_not_sent(&mut connection, &long(), 1).await;
        let failure = expect_waiting(&mut connection).await;
        assert!(failure.to_string().contains(&code.to_string()), "{failure}");
        open(&mut connection).await;
        expect_text(&mut connection, "behind").await;
        assert_eq!(connection.close(None).await, []);
    }
}

/// The next event, which is to be the long message.
async fn expect_long(connection: &mut Reconnecting) {
    let event = connection.next().await;
    assert!(
        matches!(&event, Some(ReconnectEvent::Message(message)) if *message == long()),
        "{event:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_close_with_another_code_is_not_about_the_message() {
    let mut connection = client([refuse(1011), echo()]).start();
    connection.send(long()).await.unwrap();
    open(&mut connection).await;
    expect_waiting(&mut connection).await;
    open(&mut connection).await;
    expect_long(&mut connection).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_takes_nothing_of_a_message_is_not_counted() {
    let login_only = || accept(async |mut socket| drop(socket.receive().await));
    let lost = (0..2 * TRANSFERS_MAX).map(|_| login_only());
    let reconnect = client(lost.chain([echo()])).on_open(async |mut socket| {
        socket.send("login").await?;
        // Meanwhile the server goes.
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(socket)
    });
    let mut connection = reconnect.start();
    connection.send(long()).await.unwrap();
    for _ in 0..2 * TRANSFERS_MAX {
        open(&mut connection).await;
        expect_waiting(&mut connection).await;
    }
    open(&mut connection).await;
    expect_text(&mut connection, "login").await;
    expect_long(&mut connection).await;
}

/// Connections that are lost in the midst of a message, as `max` bounds them; then come `plans`.
async fn lose(
    times: u32,
    max: impl Into<Option<u32>>,
    plans: impl IntoIterator<Item = Plan>,
) -> Reconnecting {
    let lost = (0..times).map(|_| take_little_and_say(""));
    let reconnect = client(lost.chain(plans)).transfers_max(max);
    let mut connection = reconnect.start();
    connection.send(long()).await.unwrap();
    connection.send("behind").await.unwrap();
    for _ in 1..times {
        open(&mut connection).await;
        expect_waiting(&mut connection).await;
    }
    open(&mut connection).await;
    connection
}

#[tokio::test(start_paused = true)]
async fn a_message_that_never_gets_through_is_given_up() {
    for max in [1, TRANSFERS_MAX] {
        // An attempt that sends nothing of it counts for nothing.
        let mut connection = lose(max, max, [Plan::Refuse, echo()]).await;
        expect_not_sent(&mut connection, &long(), max).await;
        expect_waiting(&mut connection).await;
        expect_waiting(&mut connection).await;
        open(&mut connection).await;
        expect_text(&mut connection, "behind").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_is_sent_again_for_ever_on_request() {
    let times = 10 * TRANSFERS_MAX;
    let mut connection = lose(times, None, [echo()]).await;
    expect_waiting(&mut connection).await;
    open(&mut connection).await;
    expect_long(&mut connection).await;
    expect_text(&mut connection, "behind").await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_lost_at_the_end_is_told_once() {
    let reconnect = client([refuse(1009)]).attempts_max(0);
    let mut connection = reconnect.start();
    connection.send(long()).await.unwrap();
    open(&mut connection).await;
    let (_, unsent) = expect_given_up(&mut connection).await;
    assert_eq!(unsent, 1);
}
