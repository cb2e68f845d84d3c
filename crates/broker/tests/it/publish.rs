//! SEND and the MESSAGE that comes of it: headers as each version spells them, bodies as they were.

use gumboot_testkit::{BINARY, Over, TEXT};

use crate::support::{TestServer, headers, over_each};

const VERSIONS: [&str; 3] = ["1.0", "1.1", "1.2"];

#[test]
fn a_message_says_what_the_sender_said() {
    let server = TestServer::start();
    let mut sender = server.client(Over::Tcp, "1.2");
    for version in VERSIONS {
        over_each(|over| {
            let mut receiver = server.client(over, version);
            receiver.subscribe("s", "/topic/a");
            receiver.send("SEND\ndestination:/topic/a\ncontent-type:text/plain\nfoo:\n\nhi\0");
            let message = receiver.expect_message("hi");
            let expected = [
                ("subscription", "s"),
                ("message-id", "1"),
                ("destination", "/topic/a"),
                ("content-type", "text/plain"),
                ("foo", ""),
                ("content-length", "2"),
            ];
            assert_eq!(message.headers, headers(&expected));
        });
    }
    // To nobody, which is no error.
    sender.send("SEND\ndestination:/topic/a\nreceipt:r\n\nhi\0");
    sender.expect_receipt("r");
}

#[test]
fn headers_are_escaped_as_the_receiver_reads_them() {
    let server = TestServer::start();
    let sent = "SEND\ndestination:/topic/a\nk\\cey:v\\\\n\\c\\r\\n\nx:a\\cb\\\\\n\nhi\0";
    for (version, expected) in [
        // 1.0 has no way to write a colon in a name, or an end of line.
        ("1.0", &[("x", "a:b\\")][..]),
        ("1.1", &[("k\\cey", "v\\\\n\\c\r\\n"), ("x", "a\\cb\\\\")]),
        ("1.2", &[("k\\cey", "v\\\\n\\c\\r\\n"), ("x", "a\\cb\\\\")]),
    ] {
        over_each(|over| {
            let mut receiver = server.client(over, version);
            receiver.subscribe("s", "/topic/a");
            let mut sender = server.client(over, "1.2");
            sender.send(sent);
            let message = receiver.expect_message("hi");
            assert_eq!(
                message.headers[3..5.min(3 + expected.len())],
                headers(expected)
            );
            assert_eq!(message.headers.len(), 4 + expected.len());
        });
    }
}

#[test]
fn what_is_data_in_older_versions_is_escaped_in_newer_ones() {
    let server = TestServer::start();
    over_each(|over| {
        let mut receiver = server.client(over, "1.2");
        receiver.subscribe("s", "/topic/a");
        let mut sender = server.client(over, "1.0");
        sender.send("SEND\ndestination:/topic/a\nx:a\\rb:c\n\n1.0\0");
        assert_eq!(
            receiver.expect_message("1.0").header("x"),
            Some("a\\\\rb\\cc")
        );
        let mut sender = server.client(over, "1.1");
        sender.send("SEND\ndestination:/topic/a\nx:a\rb:c\n\n1.1\0");
        assert_eq!(
            receiver.expect_message("1.1").header("x"),
            Some("a\\rb\\cc")
        );
    });
}

#[test]
fn spaces_are_kept_and_repeated_headers_stay_in_order() {
    let server = TestServer::start();
    over_each(|over| {
        let mut client = server.client(over, "1.2");
        client.subscribe("s", "/topic/a");
        client.send("SEND\ndestination:/topic/a\n x : y \nfoo:World\nfoo:Hello\n\nhi\0");
        let message = client.expect_message("hi");
        assert_eq!(message.header(" x "), Some(" y "));
        assert_eq!(message.header("foo"), Some("World"));
    });
}

#[test]
fn a_sender_cannot_pass_for_the_server() {
    let server = TestServer::start();
    over_each(|over| {
        let mut client = server.client(over, "1.2");
        client.subscribe("s", "/topic/a");
        client.send(
            "SEND\nsubscription:evil\nmessage-id:99\nack:evil\ndestination:/topic/a\n\
             receipt:r\ncontent-length:2\nsubscription:evil\n\nhi\0",
        );
        client.expect_receipt("r");
        let expected = [
            ("subscription", "s"),
            ("message-id", "1"),
            ("destination", "/topic/a"),
            ("content-length", "2"),
        ];
        assert_eq!(client.expect_message("hi").headers, headers(&expected));
    });
}

#[test]
fn a_receipt_comes_back_escaped() {
    let server = TestServer::start();
    for (version, id) in [
        ("1.0", "a:b\\c"),
        ("1.1", "a\\cb\\n\\\\"),
        ("1.2", "a\\cb\\r\\n\\\\"),
    ] {
        over_each(|over| {
            let mut client = server.client(over, version);
            client.send(format!("SEND\ndestination:/topic/a\nreceipt:{id}\n\nhi\0"));
            client.expect_receipt(id);
        });
    }
}

#[test]
fn bodies_of_any_octets() {
    let server = TestServer::start();
    over_each(|over| {
        let mut client = server.client(over, "1.2");
        client.subscribe("s", "/topic/a");
        client.send("SEND\ndestination:/topic/a\ncontent-length:5\n\na\0b\0c\0");
        let message = client.expect_message("a\0b\0c");
        assert_eq!(message.header("content-length"), Some("5"));
        client.send("SEND\ndestination:/topic/a\n\n\0");
        let empty = client.expect_message("");
        assert_eq!(empty.header("content-length"), None);
        client.send("SEND\ndestination:/topic/a\n\ngrüße\0");
        assert!(!client.expect_message("grüße").is_binary);
    });
}

#[test]
fn a_body_that_is_not_text_comes_in_a_binary_message() {
    let server = TestServer::start();
    let mut receiver = server.client(Over::WebSocket, "1.2");
    receiver.subscribe("s", "/topic/a");
    over_each(|over| {
        let mut sender = server.client(over, "1.2");
        sender.send(b"SEND\ndestination:/topic/a\n\n\xff\xfe\0");
        assert!(receiver.expect_message([0xFF, 0xFE]).is_binary);
        sender.send("SEND\ndestination:/topic/a\n\ntext\0");
        assert!(!receiver.expect_message("text").is_binary);
    });
    // What the sender's message was does not matter.
    let mut sender = server.client(Over::WebSocket, "1.2");
    let frame = "SEND\ndestination:/topic/a\n\ntext\0";
    sender.websocket().send(BINARY, frame);
    assert!(!receiver.expect_message("text").is_binary);
    sender.websocket().send(TEXT, frame);
    assert!(!receiver.expect_message("text").is_binary);
}

#[test]
fn a_body_of_a_mebibyte_and_one_at_the_limit() {
    let server = TestServer::start();
    for (from, to) in [
        (Over::Tcp, Over::WebSocket),
        (Over::WebSocket, Over::Tcp),
        (Over::WebSocket, Over::WebSocket),
    ] {
        let mut receiver = server.client(to, "1.2");
        receiver.subscribe("s", "/topic/a");
        let mut sender = server.client(from, "1.2");
        let body: Vec<u8> = (0..1 << 20).map(|index| (index % 251) as u8).collect();
        let head = format!(
            "SEND\ndestination:/topic/a\ncontent-length:{}\n\n",
            body.len()
        );
        sender.send([head.as_bytes(), &body, b"\0"].concat());
        assert!(receiver.expect_message(&body).is_binary == (to == Over::WebSocket));
    }
    let mut client = server.client(Over::Tcp, "1.2");
    client.subscribe("s", "/topic/a");
    let body = vec![b'x'; 16 << 20];
    client.send("SEND\ndestination:/topic/a\ncontent-length:16777216\n\n");
    client.send([&body[..], b"\0"].concat());
    client.expect_message(&body);
    client.send("SEND\ndestination:/topic/a\ncontent-length:16777217\n\n");
    client.expect_error("Frame too big");
}

#[test]
fn every_message_of_a_session_has_its_own_id() {
    let server = TestServer::start();
    over_each(|over| {
        let mut client = server.client(over, "1.1");
        client.subscribe("a", "/topic/a");
        client.subscribe("b", "/topic/a");
        client.publish("/topic/a", "1");
        client.publish("/topic/a", "2");
        let mut ids = Vec::new();
        let mut subscriptions = Vec::new();
        for body in ["1", "1", "2", "2"] {
            let message = client.expect_message(body);
            ids.push(message.header("message-id").unwrap().to_owned());
            subscriptions.push(message.header("subscription").unwrap().to_owned());
        }
        assert_eq!(ids, ["1", "2", "3", "4"]);
        subscriptions.sort_unstable();
        assert_eq!(subscriptions, ["a", "a", "b", "b"]);
    });
}
