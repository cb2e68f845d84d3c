//! The closing handshake as a client does it: either side begins, and the server ends the transport (RFC 6455 §7).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use gumboot_testkit::{CLOSE, TEXT, close_body, encode_frame};
use gumboot_websocket::{
    LinkError, Socket, connect,
    proto::{CloseCode, CloseFrame, Closing, SendError},
};

use crate::{
    raw_server::{client_close, client_frame, raw_websocket},
    support::{echo_server, soon},
};

async fn connected(url: &str) -> Socket {
    soon(connect(url, &[])).await.unwrap()
}

#[tokio::test]
async fn the_client_closes_and_waits_for_the_servers_end() {
    let ended = Arc::new(AtomicBool::new(false));
    let server = raw_websocket({
        let ended = Arc::clone(&ended);
        move |mut tcp| {
            assert_eq!(client_close(&mut tcp, 4000), "enough");
            // It may still send what it had begun, and answer with a Close of its own.
            tcp.send(encode_frame(TEXT, b"late", None));
            tcp.send(encode_frame(CLOSE, &close_body(1001, "bye"), None));
            // The client leaves the end to the server.
            tcp.expect_silence(Duration::from_millis(200));
            ended.store(true, Ordering::SeqCst);
            tcp.send_end();
            tcp.expect_end();
        }
    });
    let mut socket = connected(&server.url()).await;
    let enough = CloseFrame::new(CloseCode::new(4000).unwrap(), "enough").unwrap();
    soon(socket.close(Some(&enough))).await.unwrap();
    assert!(ended.load(Ordering::SeqCst), "the client did not wait");
    let close = socket.close_frame().flatten().unwrap();
    assert_eq!((close.code().get(), close.reason()), (1001, "bye"));
    assert_eq!(socket.closing(), Closing::Clean);
    assert_eq!(soon(socket.receive()).await.unwrap(), None);
    drop(socket);
    server.join();
}

#[tokio::test]
async fn the_server_closes_and_hears_the_same_back() {
    for (code, reason) in [(1000, ""), (1012, "restart"), (4999, "€")] {
        let server = raw_websocket(move |mut tcp| {
            tcp.send(encode_frame(TEXT, b"last", None));
            tcp.send(encode_frame(CLOSE, &close_body(code, reason), None));
            assert_eq!(client_close(&mut tcp, code), reason);
            tcp.send_end();
            tcp.expect_end();
        });
        let mut socket = connected(&server.url()).await;
        let message = soon(socket.receive()).await.unwrap().unwrap();
        assert_eq!(message.as_text(), Some("last"));
        assert_eq!(soon(socket.receive()).await.unwrap(), None);
        let close = socket.close_frame().flatten().unwrap();
        assert_eq!((close.code().get(), close.reason()), (code, reason));
        assert_eq!(socket.closing(), Closing::Clean);
        drop(socket);
        server.join();
    }
}

#[tokio::test]
async fn a_close_may_have_no_body() {
    let server = raw_websocket(|mut tcp| {
        tcp.send(encode_frame(CLOSE, b"", None));
        let answer = client_frame(&mut tcp);
        assert_eq!((answer.first, answer.payload.len()), (CLOSE, 0));
        tcp.send_end();
    });
    let mut socket = connected(&server.url()).await;
    assert_eq!(socket.close_frame(), None);
    assert_eq!(soon(socket.receive()).await.unwrap(), None);
    assert_eq!(socket.close_frame(), Some(None));
    server.join();

    let mut socket = connected(&format!("ws://{}/echo", echo_server())).await;
    soon(socket.close(None)).await.unwrap();
    assert_eq!(socket.close_frame(), Some(None));
}

#[tokio::test]
async fn the_server_of_this_crate_answers_with_the_same_code_and_reason() {
    let mut socket = connected(&format!("ws://{}/echo", echo_server())).await;
    let close = CloseFrame::new(CloseCode::BAD_GATEWAY, "why not").unwrap();
    soon(socket.close(Some(&close))).await.unwrap();
    assert_eq!(socket.close_frame(), Some(Some(&close)));
    assert_eq!(socket.closing(), Closing::Clean);
}

#[tokio::test]
async fn what_was_sent_before_the_close_goes_first() {
    let server = raw_websocket(|mut tcp| {
        for number in 0..100 {
            assert_eq!(
                client_frame(&mut tcp).payload,
                number.to_string().into_bytes()
            );
        }
        client_close(&mut tcp, 1000);
        tcp.send(encode_frame(CLOSE, &close_body(1000, ""), None));
    });
    let mut socket = connected(&server.url()).await;
    for number in 0..100 {
        soon(socket.send(number.to_string())).await.unwrap();
    }
    let normal = CloseFrame::truncated(CloseCode::NORMAL, "");
    soon(socket.close(Some(&normal))).await.unwrap();
    server.join();
}

#[tokio::test]
async fn nothing_can_be_sent_after_it() {
    let mut socket = connected(&format!("ws://{}/echo", echo_server())).await;
    soon(socket.close(None)).await.unwrap();
    assert_eq!(soon(socket.send("late")).await, Err(SendError::Closing));
    // A second close is no fault.
    soon(socket.close(None)).await.unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_answer_a_close_is_not_waited_for() {
    use gumboot_websocket::proto::{Error, Wait};

    let server = raw_websocket(|mut tcp| {
        client_close(&mut tcp, 1000);
        // Only when the client has gone.
        tcp.expect_end();
    });
    let mut socket = connected(&server.url()).await;
    // From here time runs as fast as it can.
    tokio::time::pause();
    let normal = CloseFrame::truncated(CloseCode::NORMAL, "");
    let closed = socket.close(Some(&normal)).await;
    assert!(
        matches!(
            closed,
            Err(LinkError::Protocol(Error::TimedOut(Wait::Close)))
        ),
        "{closed:?}"
    );
    assert_eq!(socket.closing(), Closing::Dropped);
    drop(socket);
    server.join();
}
