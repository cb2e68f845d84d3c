//! What `connect` asks, and which answers it takes (RFC 6455 §4.1).

use std::net::TcpListener;

use gumboot_testkit::{TEXT, encode_frame};
use gumboot_websocket::{
    ConnectError, InvalidUrl, connect,
    proto::handshake::client::{HandshakeError, InvalidProtocol},
};
use http::StatusCode;

use crate::{
    raw_server::raw_server,
    support::{echo_server, soon},
};

/// Connects, offering `chat`, to a server whose good answer has `change` made to it.
async fn answer(change: &'static str) -> Result<Option<String>, HandshakeError> {
    let server = raw_server(move |mut tcp, head| {
        tcp.send(head.accepted(&[change]));
        tcp
    });
    let connected = soon(connect(&server.url(), &["chat"])).await;
    drop(server.join());
    match connected {
        Ok(socket) => Ok(socket.protocol().map(str::to_owned)),
        Err(ConnectError::Handshake(error)) => Err(error),
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn the_request_is_what_a_server_needs() {
    let server = raw_server(|mut tcp, head| {
        tcp.send(head.accepted(&[]));
        head
    });
    let address = server.address().to_owned();
    soon(connect(&server.url(), &["chat", "superchat"]))
        .await
        .unwrap();
    let head = server.join();
    assert!(
        head.0.starts_with("GET /chat?room=1 HTTP/1.1\r\n"),
        "{}",
        head.0
    );
    assert_eq!(head.header("host"), Some(&*address));
    assert_eq!(head.header("upgrade"), Some("websocket"));
    assert_eq!(head.header("connection"), Some("Upgrade"));
    assert_eq!(head.header("sec-websocket-version"), Some("13"));
    let protocols = head.header("sec-websocket-protocol");
    assert_eq!(protocols, Some("chat, superchat"));
    // 16 bytes in base64.
    assert_eq!(head.header("sec-websocket-key").unwrap().len(), 24);
    assert_eq!(head.header("origin"), None);
}

#[tokio::test]
async fn every_key_is_a_new_one() {
    let mut keys = Vec::new();
    for _ in 0..2 {
        let server = raw_server(|mut tcp, head| {
            tcp.send(head.accepted(&[]));
            head.header("sec-websocket-key").unwrap().to_owned()
        });
        soon(connect(&server.url(), &[])).await.unwrap();
        keys.push(server.join());
    }
    assert_ne!(keys[0], keys[1]);
}

#[tokio::test]
async fn good_answers() {
    assert_eq!(answer("x-nothing: new").await, Ok(None));
    let chat = "sec-websocket-protocol: chat";
    assert_eq!(answer(chat).await, Ok(Some("chat".to_owned())));
    assert_eq!(answer("upgrade: WebSocket").await, Ok(None));
    let list = "connection: keep-alive, UPGRADE";
    assert_eq!(answer(list).await, Ok(None));
    assert_eq!(answer("sec-websocket-extensions:").await, Ok(None));
}

#[tokio::test]
async fn bad_answers() {
    use HandshakeError::{
        Accept, ConnectionHeader, ExtensionNotOffered, ProtocolNotOffered, UpgradeHeader,
    };

    let accept = "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    assert_eq!(answer(accept).await, Err(Accept));
    assert_eq!(answer("sec-websocket-accept:").await, Err(Accept));
    assert_eq!(answer("upgrade: websocket2").await, Err(UpgradeHeader));
    let close = "connection: close";
    assert_eq!(answer(close).await, Err(ConnectionHeader));
    let extension = "sec-websocket-extensions: x-unknown";
    assert_eq!(answer(extension).await, Err(ExtensionNotOffered));
    for protocol in [
        "sec-websocket-protocol: mqtt",
        "sec-websocket-protocol: chat, chat",
        "sec-websocket-protocol: CHAT",
    ] {
        assert_eq!(answer(protocol).await, Err(ProtocolNotOffered));
    }
}

#[tokio::test]
async fn another_status_is_told() {
    for (line, status) in [
        ("HTTP/1.1 200 OK", StatusCode::OK),
        (
            "HTTP/1.1 301 Moved Permanently",
            StatusCode::MOVED_PERMANENTLY,
        ),
        ("HTTP/1.1 403 Forbidden", StatusCode::FORBIDDEN),
        (
            "HTTP/1.1 503 Service Unavailable",
            StatusCode::SERVICE_UNAVAILABLE,
        ),
    ] {
        let server = raw_server(move |mut tcp, _| {
            tcp.send(format!(
                "{line}\r\nlocation: ws://127.0.0.1:9/\r\ncontent-length: 2\r\n\r\nno"
            ));
            // The client goes, and follows nothing.
            tcp.expect_end();
        });
        let refused = soon(connect(&server.url(), &[])).await;
        assert!(
            matches!(refused, Err(ConnectError::Handshake(HandshakeError::Status(got))) if got == status),
            "{refused:?}"
        );
        server.join();
    }
}

#[tokio::test]
async fn a_page_of_this_crates_server_is_no_websocket() {
    let refused = soon(connect(&format!("ws://{}/", echo_server()), &[])).await;
    assert!(
        matches!(
            refused,
            Err(ConnectError::Handshake(HandshakeError::Status(
                StatusCode::OK
            )))
        ),
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_is_not_http() {
    let server = raw_server(|mut tcp, _| {
        tcp.send("SSH-2.0-OpenSSH\r\n\r\n");
        tcp.expect_end();
    });
    let refused = soon(connect(&server.url(), &[])).await;
    assert!(matches!(refused, Err(ConnectError::Http(_))), "{refused:?}");
    server.join();

    let server = raw_server(|tcp, _| drop(tcp));
    let refused = soon(connect(&server.url(), &[])).await;
    assert!(matches!(refused, Err(ConnectError::Http(_))), "{refused:?}");
    server.join();
}

#[tokio::test]
async fn nobody_is_there() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", gone.local_addr().unwrap());
    drop(gone);
    let refused = soon(connect(&url, &[])).await;
    assert!(matches!(refused, Err(ConnectError::Io(_))), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn who_never_answers_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let refused = connect(&url, &[]).await;
    assert!(
        matches!(refused, Err(ConnectError::TimedOut(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_comes_in_one_segment_with_the_answer_is_not_lost() {
    let server = raw_server(|mut tcp, head| {
        let mut answer = head.accepted(&[]).into_bytes();
        answer.extend(encode_frame(TEXT, b"first", None));
        answer.extend(encode_frame(TEXT, b"second", None));
        // The start of a third.
        answer.extend(&encode_frame(TEXT, b"third", None)[..4]);
        tcp.send(answer);
        tcp.send(&encode_frame(TEXT, b"third", None)[4..]);
        tcp
    });
    let mut socket = soon(connect(&server.url(), &[])).await.unwrap();
    for text in ["first", "second", "third"] {
        let message = soon(socket.receive()).await.unwrap().unwrap();
        assert_eq!(message.as_text(), Some(text));
    }
    drop(server.join());
}

#[tokio::test]
async fn urls_that_are_none() {
    for (url, expected) in [
        ("", InvalidUrl::Syntax),
        ("/echo", InvalidUrl::Syntax),
        ("ws://", InvalidUrl::Syntax),
        ("ws://[::1/", InvalidUrl::Syntax),
        ("ws://127.0.0.1/#top", InvalidUrl::Fragment),
        ("ws://127.0.0.1/#", InvalidUrl::Fragment),
        ("ftp://127.0.0.1/", InvalidUrl::Scheme),
        ("mailto:a@b.org", InvalidUrl::Scheme),
    ] {
        let refused = soon(connect(url, &[])).await;
        assert!(
            matches!(refused, Err(ConnectError::Url(got)) if got == expected),
            "{url}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn http_is_another_way_to_write_ws() {
    let url = format!("http://{}/echo", echo_server());
    let mut socket = soon(connect(&url, &[])).await.unwrap();
    soon(socket.close(None)).await.unwrap();
}

#[tokio::test]
async fn subprotocols_that_may_not_be_offered() {
    let url = format!("ws://{}/echo", echo_server());
    for (offered, bad) in [
        (&["a b"][..], "a b"),
        (&[""], ""),
        (&["a,b"], "a,b"),
        (&["chat", "Chat"], "Chat"),
    ] {
        let refused = soon(connect(&url, offered)).await;
        assert!(
            matches!(&refused, Err(ConnectError::Protocol(InvalidProtocol(got))) if got == bad),
            "{offered:?}: {refused:?}"
        );
    }
}
