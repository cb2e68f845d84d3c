//! Messages: none is lost in silence, none comes twice, and the opening comes first.

use gumboot_websocket::{NotQueued, QUEUE_MESSAGES_MAX, proto::Message};
use tokio::io::AsyncReadExt;

use crate::{
    expect_given_up, expect_text, expect_waiting, open,
    server::{Plan, accept, accept_and_say, answer, client, echo, hand_over, serve},
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
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
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
    let Some(gumboot_websocket::ReconnectEvent::Message(first)) = connection.next().await else {
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
