//! What is tried again, and what ends it.

use std::time::Duration;

use gumboot_websocket::{
    ConnectError, ConnectWait, Failure, LinkError,
    proto::{CloseCode, CloseFrame, handshake::client::HandshakeError},
};
use tokio::io::AsyncReadExt;

use crate::{
    expect_given_up, expect_text, expect_waiting, open,
    server::{Plan, accept, accept_and_say, answer, client, echo, serve},
};

/// The failure of a first attempt that meets `plan`; the second one is met by an echo.
async fn first_failure(plan: Plan) -> Failure {
    let mut connection = client([plan, echo()]).start();
    let failure = expect_waiting(&mut connection).await;
    expect_works(&mut connection).await;
    failure
}

/// How a connection is lost that stood and met `plan`; the second one is met by an echo.
async fn loss(plan: Plan) -> Failure {
    let mut connection = client([plan, echo()]).start();
    open(&mut connection).await;
    let failure = expect_waiting(&mut connection).await;
    expect_works(&mut connection).await;
    failure
}

async fn expect_works(connection: &mut gumboot_websocket::Reconnecting) {
    open(connection).await;
    connection.send("hello").await.unwrap();
    expect_text(connection, "hello").await;
    assert_eq!(connection.close(None).await, []);
}

/// The failure of an attempt that meets `plan`, behind which there is no other.
async fn last_failure(plan: Plan) -> Failure {
    let mut connection = client([plan]).start();
    let (failure, unsent) = expect_given_up(&mut connection).await;
    assert_eq!(unsent, 0);
    assert!(connection.next().await.is_none());
    assert!(connection.send("late").await.is_err());
    failure
}

#[tokio::test(start_paused = true)]
async fn nobody_is_there() {
    let failure = first_failure(Plan::Refuse).await;
    assert!(
        matches!(failure, Failure::Connect(ConnectError::Io(_))),
        "{failure:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn dropped_before_the_answer() {
    let at_once = serve(async |stream| drop(stream));
    let in_the_request = serve(async |mut stream| {
        stream.read_exact(&mut [0; 20]).await.unwrap();
    });
    for plan in [
        at_once,
        in_the_request,
        answer(""),
        answer("HTTP/1.1 101 Swi"),
    ] {
        let failure = first_failure(plan).await;
        assert!(
            matches!(failure, Failure::Connect(ConnectError::Http(_))),
            "{failure:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn never_answered() {
    let silent = serve(|stream| async move {
        let _stream = stream;
        std::future::pending::<()>().await;
    });
    let failure = first_failure(silent).await;
    let Failure::Connect(ConnectError::TimedOut(ConnectWait::Handshake)) = failure else {
        panic!("{failure:?}");
    };
}

#[tokio::test(start_paused = true)]
async fn dropped_once_it_stood() {
    // After the answer, in the head of a frame, in a message, between its frames.
    for said in [&b""[..], b"\x81", b"\x81\x05hel", b"\x01\x03hel"] {
        let failure = loss(accept_and_say(said)).await;
        assert!(
            matches!(failure, Failure::Link(LinkError::Eof)),
            "{failure:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_in_the_closing_handshake() {
    // Behind its Close a server may end the transport in whatever way.
    let failure = loss(accept_and_say(b"\x88\x02\x03\xe9")).await;
    let Failure::Closed(Some(frame)) = failure else {
        panic!("{failure:?}");
    };
    assert_eq!(frame.code(), CloseCode::GOING_AWAY);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_breaks_the_protocol() {
    let failure = loss(accept_and_say(b"\x83\x00")).await;
    assert!(
        matches!(failure, Failure::Link(LinkError::Protocol(_))),
        "{failure:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_received_before_is_handed_on() {
    let mut connection = client([accept_and_say(b"\x81\x01a\x81\x01b"), echo()]).start();
    open(&mut connection).await;
    expect_text(&mut connection, "a").await;
    expect_text(&mut connection, "b").await;
    expect_waiting(&mut connection).await;
    open(&mut connection).await;
}

#[tokio::test(start_paused = true)]
async fn statuses() {
    let empty = |status: u16| answer(format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n"));
    for status in [408, 429, 500, 503] {
        let failure = first_failure(empty(status)).await;
        assert!(
            failure.to_string().contains(&status.to_string()),
            "{failure}"
        );
    }
    for status in [200, 302, 400, 401, 404] {
        let failure = last_failure(empty(status)).await;
        assert!(
            failure.to_string().contains(&status.to_string()),
            "{failure}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn servers_that_do_not_speak_websocket() {
    let failure = last_failure(answer("SSH-2.0-OpenSSH\r\n\r\n")).await;
    assert!(
        matches!(failure, Failure::Connect(ConnectError::Http(_))),
        "{failure:?}"
    );
    let failure = last_failure(answer("HTTP/1.1 101 x\r\n\r\n")).await;
    let Failure::Connect(ConnectError::Handshake(HandshakeError::UpgradeHeader)) = failure else {
        panic!("{failure:?}");
    };
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_done() {
    let close = |code| {
        accept(async move |mut socket| {
            let frame = CloseFrame::truncated(code, "bye");
            let _ = socket.close(Some(&frame)).await;
        })
    };
    let mut connection = client([close(CloseCode::RESTART), close(CloseCode::NORMAL)]).start();
    open(&mut connection).await;
    let failure = expect_waiting(&mut connection).await;
    assert_eq!(
        failure.to_string(),
        "the server closed the connection with 1012: bye"
    );
    open(&mut connection).await;
    let (failure, _) = expect_given_up(&mut connection).await;
    assert_eq!(
        failure.to_string(),
        "the server closed the connection with 1000: bye"
    );
}

#[tokio::test(start_paused = true)]
async fn rules_of_the_program() {
    let close = || accept(async |mut socket| drop(socket.close(None).await));
    let mut seen = 0;
    let reconnect = client([close(), close()]).retry_if(move |failure| {
        assert!(matches!(failure, Failure::Closed(None)), "{failure:?}");
        seen += 1;
        seen < 2
    });
    let mut connection = reconnect.start();
    open(&mut connection).await;
    expect_waiting(&mut connection).await;
    open(&mut connection).await;
    expect_given_up(&mut connection).await;
}

#[tokio::test(start_paused = true)]
async fn an_opening_that_fails_or_takes_too_long() {
    let mut attempt = 0;
    let plans = [echo(), echo(), accept_and_say(b""), echo()];
    let reconnect = client(plans).on_open(move |mut socket| {
        attempt += 1;
        async move {
            match attempt {
                1 => return Err("the login was refused".into()),
                2 => std::future::pending::<()>().await,
                3 => drop(socket.receive().await?),
                _ => {}
            }
            Ok(socket)
        }
    });
    let start = tokio::time::Instant::now();
    let mut connection = reconnect.on_open_wait_max(Duration::from_secs(7)).start();
    let failure = expect_waiting(&mut connection).await;
    assert_eq!(failure.to_string(), "the login was refused");
    let failure = expect_waiting(&mut connection).await;
    assert!(matches!(failure, Failure::OnOpenTimedOut), "{failure:?}");
    assert!(start.elapsed() >= Duration::from_secs(7));
    let failure = expect_waiting(&mut connection).await;
    assert!(matches!(failure, Failure::OnOpen(_)), "{failure:?}");
    open(&mut connection).await;
}
