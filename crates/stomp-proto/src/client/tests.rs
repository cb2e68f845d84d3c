//! Tests of the session of a client, against bytes and against a
//! [`ServerSession`](crate::ServerSession).

use std::{sync::Arc, time::Duration};

use gumboot_testkit::Splits;

use super::*;
use crate::{
    command::{Request, Subscribe, SubscriptionKey, Tail, encode_head},
    server::{Accept, ServerOptions, ServerSession},
};

#[allow(
    clippy::disallowed_methods,
    reason = "a moment to start from has no other source"
)]
fn start() -> Instant {
    Instant::now()
}

fn session(options: &ConnectOptions<'_>) -> (ClientSession, Instant) {
    let now = start();
    (
        ClientSession::connect(now, Limits::default(), options, &mut Vec::new()),
        now,
    )
}

/// The responses in `pieces`, shown, up to an error.
fn run(options: &ConnectOptions<'_>, pieces: &[&[u8]]) -> Vec<String> {
    let (mut session, now) = session(options);
    let mut found = Vec::new();
    for piece in pieces {
        let mut input = Input::new(piece);
        loop {
            match session.handle_input(now, &mut input) {
                Ok(Some(event)) => found.push(format!("{:?}", event.response)),
                Ok(None) => break,
                Err(error) => found.push(format!("{:?}", error.kind())),
            }
        }
    }
    found
}

#[track_caller]
fn check(wire: &str, expect: &[&str]) {
    for pieces in Splits::all(wire.as_bytes()) {
        assert_eq!(run(&ConnectOptions::default(), &pieces), expect);
    }
}

#[test]
fn what_connect_says() {
    let mut out = Vec::new();
    let options = ConnectOptions {
        login: Some("me"),
        passcode: Some("a:b\\"),
        heart_beat: HeartBeat {
            can_send_ms: 10,
            wants_ms: 20,
        },
        headers: &[("client-id", "c")],
        ..ConnectOptions::default()
    };
    let _ = ClientSession::connect(start(), Limits::default(), &options, &mut out);
    let expect = "CONNECT\naccept-version:1.0,1.1,1.2\nhost:/\nlogin:me\npasscode:a:b\\\n\
                  heart-beat:10,20\nclient-id:c\n\n\0";
    assert_eq!(String::from_utf8_lossy(&out), expect);
    assert!(!format!("{options:?}").contains("a:b"));
}

#[test]
fn a_session_of_1_2() {
    check(
        "\nCONNECTED\nversion:1.2\nsession:a\\c\nheart-beat:1,2\n\n\0\n\
         MESSAGE\nsubscription:0\nmessage-id:a\\cb\ndestination:/a\nack:7\n\nhi\0\n\
         RECEIPT\nreceipt-id:r\n\n\0",
        &[
            "Connected(Connected { version: V1_2, session: Some(\"a\\\\c\"), server: None, \
             heart_beat: HeartBeat { can_send_ms: 1, wants_ms: 2 } })",
            "Message(Message { destination: \"/a\", message_id: \"a:b\", \
             subscription: Some(\"0\"), ack: Some(\"7\") })",
            "Receipt(Receipt { receipt_id: \"r\" })",
        ],
    );
}

#[test]
fn a_server_that_names_no_version_speaks_1_0() {
    check(
        "CONNECTED\nsession: s\n\n\0MESSAGE\nmessage-id:a\\cb\ndestination: /a\n\n\0",
        &[
            "Connected(Connected { version: V1_0, session: Some(\"s\"), server: None, \
             heart_beat: HeartBeat { can_send_ms: 0, wants_ms: 0 } })",
            "Message(Message { destination: \"/a\", message_id: \"a\\\\cb\", \
             subscription: None, ack: None })",
        ],
    );
}

#[test]
fn nothing_is_read_behind_an_error() {
    check(
        "ERROR\nmessage:no\nversion:1.2\nreceipt-id:r\n\nnot you\0nonsense",
        &[
            "Error(ErrorFrame { message: Some(\"no\"), receipt_id: Some(\"r\"), \
           version: Some(\"1.2\"), body: \"not you\" })",
        ],
    );
}

#[test]
fn what_a_server_may_not_send() {
    let connected = "CONNECTED\nversion:1.2\n\n\0";
    check("MESSAGE\n\n\0", &["NotConnected(Message)"]);
    check("CONNECTED\nversion:1.3\n\n\0", &["VersionUnsupported"]);
    check(
        "CONNECTED\nversion:1.2\nheart-beat:x\n\n\0",
        &["HeaderInvalid(\"heart-beat\")"],
    );
    for (frame, error) in [
        (
            "MESSAGE\nmessage-id:1\ndestination:/a\n\n\0",
            "HeaderMissing(Message, \"subscription\")",
        ),
        (
            "MESSAGE\nsubscription:1\ndestination:/a\n\n\0",
            "HeaderMissing(Message, \"message-id\")",
        ),
        (
            "MESSAGE\nsubscription:1\nmessage-id:1\n\n\0",
            "HeaderMissing(Message, \"destination\")",
        ),
        ("RECEIPT\n\n\0", "HeaderMissing(Receipt, \"receipt-id\")"),
        ("SEND\ndestination:/a\n\n\0", "CommandUnexpected(Send)"),
        (connected, "AlreadyConnected"),
    ] {
        let wire = format!("{connected}{frame}");
        assert_eq!(
            run(&ConnectOptions::default(), &[wire.as_bytes()])[1..],
            [error]
        );
    }
}

#[test]
fn a_version_that_was_not_offered() {
    let options = ConnectOptions {
        versions: &[Version::V1_1],
        ..ConnectOptions::default()
    };
    assert_eq!(
        run(&options, &[b"CONNECTED\nversion:1.2\n\n\0"]),
        ["VersionUnsupported"]
    );
    assert_eq!(run(&options, &[b"CONNECTED\nversion:1.1\n\n\0"]).len(), 1);
}

#[test]
fn the_clock_of_a_client() {
    let heart_beat = HeartBeat {
        can_send_ms: 1_000,
        wants_ms: 1_000,
    };
    let (mut session, now) = session(&ConnectOptions {
        heart_beat,
        ..ConnectOptions::default()
    });
    let at = |ms| now + Duration::from_millis(ms);
    assert_eq!(
        session.poll_timeout(),
        Some(at(10_000)),
        "CONNECTED has a time limit"
    );
    let mut input = Input::new(b"CONNECTED\nversion:1.2\nheart-beat:2000,500\n\n\0");
    assert!(matches!(session.handle_input(now, &mut input), Ok(Some(_))));
    assert_eq!(session.handle_timeout(at(900)), Ok(Some(Beat)));
    session.handle_sent(at(4_000));
    assert_eq!(session.poll_timeout(), Some(at(4_500)));
    let silent = session
        .handle_timeout(at(4_500))
        .expect_err("the server is silent");
    assert_eq!(silent.kind(), &ErrorKind::PeerSilent);
}

/// One side writes what the other reads, in each version.
#[test]
fn client_and_server_understand_each_other() {
    for version in Version::ALL {
        let (now, mut to_server, mut to_client) = (start(), Vec::new(), Vec::new());
        let options = ConnectOptions {
            versions: &[version],
            ..ConnectOptions::default()
        };
        let limits = Limits::default();
        let mut client = ClientSession::connect(now, limits, &options, &mut to_server);
        let subscribe = Subscribe {
            key: SubscriptionKey::Id("a:b".into()),
            destination: "/topic/x:y".into(),
            ack: crate::command::AckMode::Client,
            receipt: Some("r\\1".into()),
        };
        subscribe.encode(&mut to_server, version, &[]);
        let mut server = ServerSession::new(now, Arc::new(ServerOptions::default()));
        let mut input = Input::new(&to_server);
        while let Ok(Some(event)) = server.handle_input(now, &mut input) {
            match event.request {
                Request::Connect(_) => server.accept(now, &Accept::default(), &mut to_client),
                Request::Subscribe(read) => {
                    assert_eq!(read, subscribe);
                    encode_head(
                        &mut to_client,
                        version,
                        read.key.id(),
                        "1",
                        Some("k-1"),
                        &[],
                    );
                    let tail = Tail::new(&read.destination, &[("a", "b:c")], b"body");
                    to_client.extend_from_slice(&tail.bytes(version));
                }
                other => panic!("{other:?} was not sent"),
            }
        }
        let mut input = Input::new(&to_client);
        assert!(matches!(client.handle_input(now, &mut input), Ok(Some(_))));
        let event = client
            .handle_input(now, &mut input)
            .expect("valid")
            .expect("a MESSAGE");
        let Response::Message(message) = event.response else {
            panic!("a MESSAGE was sent")
        };
        assert_eq!(message.subscription.as_deref(), Some("a:b"));
        assert_eq!(message.destination, "/topic/x:y");
        assert_eq!(
            message.ack.as_deref(),
            (version == Version::V1_2).then_some("k-1")
        );
        assert_eq!(event.frame.header("a").as_deref(), Some("b:c"));
        assert_eq!(event.frame.body(), b"body");
    }
}
